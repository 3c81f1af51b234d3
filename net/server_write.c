/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes out: each write owns its copy, wiped when it is done, since answers may hold secrets. */
#include "net/server_internal.h"

#include "base/memory.h"

#include <string.h>

/* A peer that makes TLS talk (key updates) but does not read gets no more than this from us. */
#define MAX_QUEUED_PART (256 * 1024)

struct outgoing {
    uv_write_t request;
    struct connection *connection;
    bool is_reply;
    size_t size;
    char bytes[];
};

static void outgoing_free(struct outgoing *outgoing)
{
    explicit_bzero(outgoing->bytes, outgoing->size);
    memory_free(outgoing);
}

static void on_written(uv_write_t *request, int status)
{
    struct outgoing *outgoing = request->data;
    struct connection *connection = outgoing->connection;
    bool is_reply = outgoing->is_reply;

    outgoing_free(outgoing);
    if (status < 0)
        connection_drop(connection);
    else if (is_reply && connection->state == CONNECTION_SENDING)
        connection_answered(connection);
}

static void write_raw(struct connection *connection, struct text first, struct text second,
                      bool is_reply)
{
    struct outgoing *outgoing = memory_allocate(sizeof(*outgoing) + first.size + second.size);
    uv_buf_t bytes;

    if (!outgoing) {
        connection_drop(connection);
        return;
    }
    outgoing->request.data = outgoing;
    outgoing->connection = connection;
    outgoing->is_reply = is_reply;
    outgoing->size = first.size + second.size;
    if (first.size)
        memcpy(outgoing->bytes, first.start, first.size);
    if (second.size)
        memcpy(outgoing->bytes + first.size, second.start, second.size);
    bytes.base = outgoing->bytes;
    bytes.len = outgoing->size;
    if (uv_write(&outgoing->request, &connection->peer.stream, &bytes, 1, on_written) < 0) {
        outgoing_free(outgoing);
        connection_drop(connection);
    }
}

static void flush_tls(struct connection *connection, bool is_reply)
{
    char *bytes;
    long size = BIO_get_mem_data(connection->to_peer, &bytes);

    if (size <= 0 || connection->state == CONNECTION_CLOSED)
        return;
    if (!is_reply && uv_stream_get_write_queue_size(&connection->peer.stream) > MAX_QUEUED_PART) {
        connection_drop(connection);
        return;
    }
    write_raw(connection, (struct text){bytes, (size_t)size}, TEXT(""), is_reply);
    BIO_reset(connection->to_peer);
}

void connection_flush_tls(struct connection *connection)
{
    flush_tls(connection, false);
}

void connection_send_part(struct connection *connection, struct text bytes)
{
    if (!connection->ssl)
        write_raw(connection, bytes, TEXT(""), false);
    else if (connection_tls_write(connection, bytes))
        flush_tls(connection, false);
    else
        connection_drop(connection);
}

void connection_send_reply(struct connection *connection, struct text first, struct text second)
{
    connection->state = CONNECTION_SENDING;
    connection_timer(connection, connection->server->idle_timeout_ms);
    if (first.size + second.size == 0)
        connection_finish(connection);
    else if (!connection->ssl)
        write_raw(connection, first, second, true);
    else if (connection_tls_write(connection, first) && connection_tls_write(connection, second))
        flush_tls(connection, true);
    else
        connection_drop(connection);
}
