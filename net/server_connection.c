/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: accepted, read, timed out, closed. What it reads goes to the parser, or waits. */
#include "net/server_internal.h"

#include "base/memory.h"

#include <string.h>
#include <sys/socket.h>

static void connection_free(struct connection *connection)
{
    struct server *server = connection->server;
    struct server_call *call = connection->call;

    if (call) {
        call->connection = NULL;
        call_gone(call);
    }
    SSL_free(connection->ssl);
    buffer_clear(&connection->head);
    buffer_clear(&connection->body);
    buffer_clear(&connection->input);
    server_forget(server, connection);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;

    if (--connection->open_handles == 0)
        connection_free(connection);
}

void connection_drop(struct connection *connection)
{
    if (connection->state == CONNECTION_CLOSED)
        return;
    connection->state = CONNECTION_CLOSED;
    uv_close((uv_handle_t *)&connection->timer, on_handle_closed);
    uv_close(&connection->peer.handle, on_handle_closed);
}

void connection_reset(struct connection *connection)
{
    if (connection->state == CONNECTION_CLOSED)
        return;
    connection->state = CONNECTION_CLOSED;
    uv_close((uv_handle_t *)&connection->timer, on_handle_closed);
    if (connection->is_unix || uv_tcp_close_reset(&connection->peer.tcp, on_handle_closed) < 0)
        uv_close(&connection->peer.handle, on_handle_closed);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
    struct connection *connection = request->data;

    if (status < 0 || connection->is_ended)
        connection_drop(connection);
}

static void connection_read(struct connection *connection);

void connection_finish(struct connection *connection)
{
    if (connection->ssl) {
        connection_tls_goodbye(connection);
        connection_flush_tls(connection);
    }
    if (connection->state == CONNECTION_CLOSED)
        return;
    connection->state = CONNECTION_DRAINING;
    connection->shutdown.data = connection;
    if (uv_shutdown(&connection->shutdown, &connection->peer.stream, on_shutdown) < 0) {
        connection_drop(connection);
        return;
    }
    /* Closing with unread bytes would reset, and the peer might lose our last words. */
    connection_timer(connection, CONNECTION_LINGER_MS);
    connection_read(connection);
}

/* --- Timeouts --- */

static void on_timer(uv_timer_t *timer)
{
    struct connection *connection = timer->data;

    switch (connection->state) {
    case CONNECTION_IDLE:
        connection_finish(connection);
        break;
    case CONNECTION_HEAD:
    case CONNECTION_BODY:
        connection_refuse(connection, 408);
        break;
    case CONNECTION_SENDING:
    case CONNECTION_DRAINING:
        connection_drop(connection);
        break;
    case CONNECTION_ANSWERING:
    case CONNECTION_CLOSED:
        break;
    }
}

void connection_timer(struct connection *connection, uint32_t timeout_ms)
{
    if (connection->state != CONNECTION_CLOSED)
        uv_timer_start(&connection->timer, on_timer, timeout_ms, 0);
}

/* --- Bytes in --- */

static void keep_for_later(struct connection *connection, struct text text)
{
    if (!buffer_append(&connection->input, text)) {
        connection_drop(connection);
        return;
    }
    if (connection->input.size >= CONNECTION_INPUT_SOFT && connection->is_reading) {
        connection->is_reading = false;
        uv_read_stop(&connection->peer.stream);
    }
}

void connection_input(struct connection *connection, struct text text)
{
    while (text.size && connection->state < CONNECTION_ANSWERING) {
        if (connection->state == CONNECTION_IDLE) {
            connection->state = CONNECTION_HEAD;
            connection->head_budget = connection->server->max_headers;
            connection_timer(connection, connection->server->header_timeout_ms);
        }
        text = connection_parse(connection, text);
    }
    if (text.size && connection->state < CONNECTION_DRAINING)
        keep_for_later(connection, text);
}

void connection_ended(struct connection *connection)
{
    connection->is_ended = true;
    switch (connection->state) {
    case CONNECTION_IDLE:
    case CONNECTION_HEAD:
    case CONNECTION_BODY:
        connection_finish(connection);
        break;
    case CONNECTION_ANSWERING:
    case CONNECTION_DRAINING:
        connection_drop(connection);
        break;
    case CONNECTION_SENDING: /* it may still listen to the answer */
    case CONNECTION_CLOSED:
        break;
    }
}

void connection_answered(struct connection *connection)
{
    struct buffer input = connection->input;

    if (!connection->keep_alive) {
        connection_finish(connection);
        return;
    }
    buffer_init(&connection->input, CONNECTION_INPUT_HARD);
    connection->state = CONNECTION_IDLE;
    connection_timer(connection, connection->server->idle_timeout_ms);
    connection_input(connection, buffer_text(&input));
    buffer_clear(&input);
    if (connection->state >= CONNECTION_ANSWERING)
        return;
    if (connection->is_ended)
        connection_finish(connection);
    else
        connection_read(connection);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct connection *connection = handle->data;

    (void)suggested;
    *ret = uv_buf_init(connection->server->scratch, sizeof(connection->server->scratch));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *bytes)
{
    struct connection *connection = stream->data;
    struct text raw = {bytes->base, size > 0 ? (size_t)size : 0};

    if (size == UV_EOF)
        connection_ended(connection);
    else if (size < 0)
        connection_drop(connection);
    else if (connection->state >= CONNECTION_DRAINING)
        return; /* read only to be gone */
    else if (connection->ssl)
        connection_tls_input(connection, raw);
    else
        connection_input(connection, raw);
    if (raw.size)
        explicit_bzero(bytes->base, raw.size);
}

static void connection_read(struct connection *connection)
{
    if (connection->is_reading || connection->is_ended || connection->state == CONNECTION_CLOSED)
        return;
    connection->is_reading = true;
    if (uv_read_start(&connection->peer.stream, on_alloc, on_read) < 0)
        connection_drop(connection);
}

/* --- Birth --- */

static bool learn_peer(struct connection *connection)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    int fd;

    if (!connection->is_unix)
        return true;
    if (uv_fileno(&connection->peer.handle, &fd) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return false;
    connection->peer_uid = peer.uid;
    connection->peer_gid = peer.gid;
    connection->peer_pid = peer.pid;
    return true;
}

static bool connection_start(struct connection *connection)
{
    struct server *server = connection->server;

    if (uv_accept(&server->listener.stream, &connection->peer.stream) < 0)
        return false;
    if (connection->is_spare || server->connection_count > server->max_connections ||
        !learn_peer(connection))
        return false;
    if (server->tls && !connection_tls_start(connection))
        return false;
    if (!connection->is_unix)
        uv_tcp_nodelay(&connection->peer.tcp, 1);
    return true;
}

void connection_accept(struct server *server)
{
    struct connection *connection = memory_zeroed(1, sizeof(*connection));
    bool is_spare = !connection;

    if (is_spare) {
        connection = server->spare;
        server->spare = NULL;
    }
    server->is_accept_due = !connection;
    if (!connection)
        return;
    memset(connection, 0, sizeof(*connection));
    connection->is_spare = is_spare;
    connection->server = server;
    connection->is_unix = server->is_unix;
    connection->open_handles = 2;
    buffer_init(&connection->head, server->max_headers);
    buffer_init(&connection->body, server->max_body);
    buffer_init(&connection->input, CONNECTION_INPUT_HARD);
    connection_parser_init(connection);
    uv_timer_init(server->loop, &connection->timer);
    connection->timer.data = connection;
    if (server->is_unix)
        uv_pipe_init(server->loop, &connection->peer.pipe, 0);
    else
        uv_tcp_init(server->loop, &connection->peer.tcp);
    connection->peer.handle.data = connection;
    TAILQ_INSERT_TAIL(&server->connections, connection, link);
    server->connection_count++;

    if (!connection_start(connection)) {
        connection_drop(connection);
        return;
    }
    connection_timer(connection, server->header_timeout_ms < server->idle_timeout_ms
                                     ? server->header_timeout_ms
                                     : server->idle_timeout_ms);
    connection_read(connection);
}
