/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: accepted, read, parsed into one request after the other, timed out, closed.
 *
 * llhttp runs without any of its leniencies, and is told to pause at the end of each message, so at
 * most one request is ever in hand. Everything refused here is refused before the owner hears of
 * it.
 */
#include "net/server_internal.h"

#include <stdlib.h>
#include <sys/socket.h>

static void connection_free(struct connection *connection)
{
    struct server *server = connection->server;
    struct server_call *call = connection->call;

    if (call) {
        call->connection = NULL;
        call_gone(call);
    }
    server_forget(server, connection);
    SSL_free(connection->ssl);
    buffer_clear(&connection->head);
    buffer_clear(&connection->body);
    buffer_clear(&connection->input);
    free(connection);
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

/* --- What the parser tells --- */

static int refuse(struct connection *connection, int status)
{
    connection->refusal = status;
    return -1;
}

static int head_append(struct connection *connection, const char *start, size_t size)
{
    if (!buffer_append(&connection->head, (struct text){start, size}))
        return refuse(connection, 500);
    return 0;
}

static int on_message_begin(llhttp_t *parser)
{
    struct connection *connection = parser->data;

    buffer_reset(&connection->head);
    buffer_reset(&connection->body);
    connection->target_size = 0;
    connection->header_count = 0;
    connection->current = (struct header_span){0};
    return 0;
}

static int on_url(llhttp_t *parser, const char *start, size_t size)
{
    struct connection *connection = parser->data;

    connection->target_size += size;
    connection->current.at += size;
    return head_append(connection, start, size);
}

static int on_header_field(llhttp_t *parser, const char *start, size_t size)
{
    struct connection *connection = parser->data;

    connection->current.name_size += size;
    return head_append(connection, start, size);
}

static int on_header_value(llhttp_t *parser, const char *start, size_t size)
{
    struct connection *connection = parser->data;

    connection->current.value_size += size;
    return head_append(connection, start, size);
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct connection *connection = parser->data;

    if (connection->header_count == CONNECTION_MAX_HEADERS)
        return refuse(connection, 431);
    connection->headers[connection->header_count++] = connection->current;
    connection->current = (struct header_span){.at = connection->head.size};
    return 0;
}

/* Only "/path?query" in plain ASCII: no proxy form, no "*", no fragment. */
static bool is_target_good(struct text target)
{
    if (target.size == 0 || target.start[0] != '/')
        return false;
    for (size_t i = 0; i < target.size; i++)
        if (target.start[i] <= ' ' || target.start[i] > '~' || target.start[i] == '#')
            return false;
    return true;
}

/* The status to refuse the request with, or 0. */
static int head_fault(struct connection *connection, bool *wants_continue)
{
    const llhttp_t *parser = &connection->parser;
    struct text head = buffer_text(&connection->head);
    unsigned hosts = 0;

    if (parser->http_major != 1 || parser->http_minor > 1)
        return 505;
    if (!is_target_good(text_part(head, 0, connection->target_size)))
        return 400;
    for (size_t i = 0; i < connection->header_count; i++) {
        const struct header_span *span = &connection->headers[i];
        struct text name = text_part(head, span->at, span->name_size);
        struct text value =
            text_trim(text_part(head, span->at + span->name_size, span->value_size));

        if (text_equal_ignoring_case(name, TEXT("Host")))
            hosts++;
        else if (text_equal_ignoring_case(name, TEXT("Transfer-Encoding")))
            return 411;
        else if (text_equal_ignoring_case(name, TEXT("Expect"))) {
            if (!text_equal_ignoring_case(value, TEXT("100-continue")))
                return 417;
            *wants_continue = parser->http_minor == 1;
        }
    }
    if (hosts > 1 || (hosts == 0 && parser->http_minor == 1))
        return 400;
    if (parser->content_length > connection->server->max_body)
        return 413;
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct connection *connection = parser->data;
    bool wants_continue = false;
    int status = head_fault(connection, &wants_continue);

    if (status)
        return refuse(connection, status);
    parser->upgrade = 0; /* offers to change the protocol are ignored */
    connection->state = CONNECTION_BODY;
    connection_timer(connection, connection->server->idle_timeout_ms);
    if (wants_continue && parser->content_length > 0)
        connection_send_part(connection, TEXT("HTTP/1.1 100 Continue\r\n\r\n"));
    return 0;
}

static int on_body(llhttp_t *parser, const char *start, size_t size)
{
    struct connection *connection = parser->data;

    if (!buffer_append(&connection->body, (struct text){start, size}))
        return refuse(connection, 500);
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    struct connection *connection = parser->data;

    connection->keep_alive = parser->http_minor == 1 && llhttp_should_keep_alive(parser);
    return HPE_PAUSED;
}

static const llhttp_settings_t parser_settings = {
    .on_message_begin = on_message_begin,
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* --- Bytes in --- */

/* Parses some of `text`, and returns what is left of it. */
static struct text parse_some(struct connection *connection, struct text text)
{
    bool was_head = connection->state == CONNECTION_HEAD;
    size_t size =
        was_head && text.size > connection->head_budget ? connection->head_budget : text.size;
    enum llhttp_errno error = llhttp_execute(&connection->parser, text.start, size);

    if (connection->state == CONNECTION_CLOSED)
        return text_part(text, text.size, 0);
    if (error == HPE_PAUSED) {
        size = (size_t)(llhttp_get_error_pos(&connection->parser) - text.start);
        llhttp_resume(&connection->parser);
        if (!connection_start_call(connection))
            connection_refuse(connection, 500);
    } else if (error != HPE_OK) {
        connection_refuse(connection, connection->refusal ? connection->refusal : 400);
    } else if (was_head) {
        connection->head_budget -= size;
        if (connection->state == CONNECTION_HEAD && connection->head_budget == 0)
            connection_refuse(connection, 431);
    }
    return text_part(text, size, text.size);
}

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
        text = parse_some(connection, text);
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
    else if (size == 0 || connection->state >= CONNECTION_DRAINING)
        return;
    else if (connection->ssl)
        connection_tls_input(connection, raw);
    else
        connection_input(connection, raw);
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
    if (server->connection_count > server->max_connections || !learn_peer(connection))
        return false;
    if (server->tls && !connection_tls_start(connection))
        return false;
    if (!connection->is_unix)
        uv_tcp_nodelay(&connection->peer.tcp, 1);
    return true;
}

void connection_accept(struct server *server)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    server->is_accept_due = !connection;
    if (!connection)
        return;
    connection->server = server;
    connection->is_unix = server->is_unix;
    connection->open_handles = 2;
    buffer_init(&connection->head, server->max_headers);
    buffer_init(&connection->body, server->max_body);
    buffer_init(&connection->input, CONNECTION_INPUT_HARD);
    llhttp_init(&connection->parser, HTTP_REQUEST, &parser_settings);
    connection->parser.data = connection;
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
