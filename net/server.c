/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a server: opened, accepting, closed. It is gone when its listener and its last
 * connection are, both told by close callbacks; calls refer to connections only, so they may live
 * on. */
#include "net/server_internal.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

static void server_free(struct server *server)
{
    server_unlink(server);
    SSL_CTX_free(server->tls);
    memory_free(server->spare);
    memory_free(server);
}

static void finish_if_last(struct server *server)
{
    void (*closed)(void *) = server->closed;
    void *context = server->closed_context;

    if (!server->is_listener_closed || server->connection_count)
        return;
    server_free(server);
    if (closed)
        closed(context);
}

void server_forget(struct server *server, struct connection *connection)
{
    TAILQ_REMOVE(&server->connections, connection, link);
    server->connection_count--;
    if (connection->is_spare)
        server->spare = connection;
    else
        memory_free(connection);
    if (server->is_accept_due && !server->is_closing)
        connection_accept(server);
    finish_if_last(server);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct server *server = handle->data;

    server->is_listener_closed = true;
    finish_if_last(server);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct server *server = listener->data;

    /* A failed accept is the peer's loss; libuv itself waits when descriptors run out. */
    if (status == 0)
        connection_accept(server);
}

static int listener_start(struct server *server, int fd)
{
    int result;

    if (server->is_unix) {
        uv_pipe_init(server->loop, &server->listener.pipe, 0);
        result = uv_pipe_open(&server->listener.pipe, fd);
    } else {
        uv_tcp_init(server->loop, &server->listener.tcp);
        result = uv_tcp_open(&server->listener.tcp, fd);
    }
    server->listener.handle.data = server;
    if (result < 0) {
        close(fd);
        return result;
    }
    return uv_listen(&server->listener.stream, SERVER_BACKLOG, on_connection);
}

struct server *server_open(uv_loop_t *loop, const struct server_settings *settings,
                           struct failure *why)
{
    struct server *server = memory_zeroed(1, sizeof(*server));
    int fd, result;

    assert(settings->on_call);
    if (!server) {
        failure_out_of_memory(why);
        return NULL;
    }
    TAILQ_INIT(&server->connections);
    server->spare = memory_zeroed(1, sizeof(*server->spare));
    if (!server->spare) {
        server_free(server);
        failure_out_of_memory(why);
        return NULL;
    }
    server->loop = loop;
    server->max_body = settings->max_body ? settings->max_body : 1024 * 1024;
    server->max_headers = settings->max_headers ? settings->max_headers : 16 * 1024;
    server->max_connections = settings->max_connections ? settings->max_connections : 256;
    server->header_timeout_ms = settings->header_timeout_ms ? settings->header_timeout_ms : 10000;
    server->idle_timeout_ms = settings->idle_timeout_ms ? settings->idle_timeout_ms : 120000;
    server->on_call = settings->on_call;
    server->context = settings->context;

    if (!settings->tls_cert_pem != !settings->tls_key_pem) {
        failure_set(why, FAILURE_INVALID, "TLS needs both a certificate and its key");
        server_free(server);
        return NULL;
    }
    if (settings->tls_cert_pem) {
        server->tls = server_tls_new(settings->tls_cert_pem, settings->tls_key_pem, why);
        if (!server->tls) {
            server_free(server);
            return NULL;
        }
    }
    fd = server_listen_fd(server, settings->listen, why);
    if (fd < 0) {
        server_free(server);
        return NULL;
    }
    result = listener_start(server, fd);
    if (result < 0) {
        failure_set(why, FAILURE_NETWORK, "cannot listen on %s: %s", settings->listen,
                    uv_strerror(result));
        server_close(server, NULL, NULL);
        return NULL;
    }
    return server;
}

uint16_t server_port(const struct server *server)
{
    return server->port;
}

void server_close(struct server *server, void (*closed)(void *context), void *context)
{
    struct connection *connection;

    assert(!server->is_closing);
    server->is_closing = true;
    server->closed = closed;
    server->closed_context = context;
    server_unlink(server);
    uv_close(&server->listener.handle, on_listener_closed);
    TAILQ_FOREACH (connection, &server->connections, link)
        connection_drop(connection);
}
