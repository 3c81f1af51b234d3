/* SPDX-License-Identifier: Apache-2.0 */
/* A call: one request in its owner's hands, and the answers it can get. It owns its request, so
 * nothing in it depends on the connection; `connection` only says where an answer goes, and becomes
 * NULL before the connection is freed. */
#include "net/server_internal.h"

#include "base/memory.h"

#include <assert.h>

static void call_free(struct server_call *call)
{
    buffer_clear(&call->head);
    buffer_clear(&call->body);
    memory_free(call->headers);
    memory_free(call);
}

static void call_release(struct server_call *call)
{
    if (!call->is_held)
        call_free(call);
}

static void call_describe(struct server_call *call, struct connection *connection)
{
    struct server_request *request = &call->request;
    struct text head, target;
    size_t question;

    call->head = connection->head;
    call->body = connection->body;
    buffer_init(&connection->head, connection->server->max_headers);
    buffer_init(&connection->body, connection->server->max_body);

    head = buffer_text(&call->head);
    target = text_part(head, 0, connection->target_size);
    question = text_find(target, TEXT("?"));
    request->path = text_part(target, 0, question);
    if (question != SIZE_MAX)
        request->query = text_part(target, question + 1, target.size);
    for (size_t i = 0; i < connection->header_count; i++) {
        const struct header_span *span = &connection->headers[i];

        call->headers[i].name = text_part(head, span->at, span->name_size);
        call->headers[i].value =
            text_trim(text_part(head, span->at + span->name_size, span->value_size));
    }
    request->method = text_of(llhttp_method_name(llhttp_get_method(&connection->parser)));
    request->headers = call->headers;
    request->header_count = connection->header_count;
    request->body = buffer_text(&call->body);
    request->is_unix = connection->is_unix;
    request->peer_uid = connection->peer_uid;
    request->peer_gid = connection->peer_gid;
    request->peer_pid = connection->peer_pid;
    call->is_head_method = llhttp_get_method(&connection->parser) == HTTP_HEAD;
}

bool connection_start_call(struct connection *connection)
{
    struct server *server = connection->server;
    struct server_call *call = memory_zeroed(1, sizeof(*call));

    if (!call)
        return false;
    call->headers = memory_zeroed(connection->header_count + 1, sizeof(*call->headers));
    if (!call->headers) {
        memory_free(call);
        return false;
    }
    call_describe(call, connection);
    call->connection = connection;
    connection->call = call;
    connection->state = CONNECTION_ANSWERING;
    uv_timer_stop(&connection->timer);

    call->is_held = true;
    server->on_call(call, &call->request, server->context);
    call->is_held = false;
    if (call->is_answered)
        call_free(call);
    return true;
}

void call_gone(struct server_call *call)
{
    if (!call->on_gone)
        return;
    call->is_held = true;
    call->on_gone(call, call->gone_context);
    call->is_held = false;
    if (call->is_answered)
        call_free(call);
}

const struct server_request *server_call_request(const struct server_call *call)
{
    return &call->request;
}

void server_call_on_gone(struct server_call *call, void (*on_gone)(struct server_call *, void *),
                         void *context)
{
    call->on_gone = on_gone;
    call->gone_context = context;
}

/* The connection the answer may go to, or NULL. */
static struct connection *call_end(struct server_call *call)
{
    struct connection *connection = call->connection;

    assert(!call->is_answered);
    call->is_answered = true;
    if (!connection)
        return NULL;
    call->connection = NULL;
    connection->call = NULL;
    return connection->state == CONNECTION_CLOSED ? NULL : connection;
}

/* Not strftime(): its names follow the locale. */
static const char *server_date(struct server *server)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = time(NULL);
    struct tm utc;

    if (now == server->date_at)
        return server->date;
    gmtime_r(&now, &utc);
    snprintf(server->date, sizeof(server->date), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
             days + 3 * utc.tm_wday, utc.tm_mday, months + 3 * utc.tm_mon, utc.tm_year + 1900,
             utc.tm_hour, utc.tm_min, utc.tm_sec);
    server->date_at = now;
    return server->date;
}

/* Values may come from far away: no byte of theirs may end the line. */
static void append_field(struct buffer *head, struct text name, struct text value)
{
    buffer_append(head, name);
    buffer_append(head, TEXT(": "));
    for (size_t i = 0; i < value.size; i++)
        buffer_append_byte(head, (unsigned char)value.start[i] < ' ' ? ' ' : value.start[i]);
    buffer_append(head, TEXT("\r\n"));
}

struct reply {
    int status;
    const struct server_header *headers;
    size_t header_count;
    struct text body;
};

static bool is_bodiless(int status)
{
    return status == 204 || status == 304;
}

static void append_head(struct buffer *head, struct connection *connection,
                        const struct reply *reply)
{
    bool has_date = false, has_cache_control = false;

    buffer_printf(head, "HTTP/1.1 %d %s\r\n", reply->status, http_status_phrase(reply->status));
    for (size_t i = 0; i < reply->header_count; i++) {
        struct text name = reply->headers[i].name, value = reply->headers[i].value;

        /* These three are the connection's business. */
        if (text_equal_ignoring_case(name, TEXT("Content-Length")) ||
            text_equal_ignoring_case(name, TEXT("Transfer-Encoding")))
            continue;
        if (text_equal_ignoring_case(name, TEXT("Connection"))) {
            if (text_equal_ignoring_case(value, TEXT("close")))
                connection->keep_alive = false;
            continue;
        }
        has_date |= text_equal_ignoring_case(name, TEXT("Date"));
        has_cache_control |= text_equal_ignoring_case(name, TEXT("Cache-Control"));
        append_field(head, name, value);
    }
    if (!has_date)
        buffer_printf(head, "Date: %s\r\n", server_date(connection->server));
    if (!has_cache_control)
        buffer_append(head, TEXT("Cache-Control: no-store\r\n"));
    if (!is_bodiless(reply->status))
        buffer_printf(head, "Content-Length: %zu\r\n", reply->body.size);
    if (!connection->keep_alive)
        buffer_append(head, TEXT("Connection: close\r\n"));
    buffer_append(head, TEXT("\r\n"));
}

static void send_reply(struct connection *connection, const struct reply *reply, bool with_body)
{
    struct buffer head;

    buffer_init(&head, SIZE_MAX / 4);
    append_head(&head, connection, reply);
    if (buffer_ok(&head))
        connection_send_reply(connection, buffer_text(&head),
                              with_body && !is_bodiless(reply->status) ? reply->body : TEXT(""));
    else
        connection_drop(connection);
    buffer_clear(&head);
}

void connection_refuse(struct connection *connection, int status)
{
    struct reply reply = {.status = status};

    connection->keep_alive = false;
    send_reply(connection, &reply, true);
}

void server_reply(struct server_call *call, int status, const struct server_header *headers,
                  size_t header_count, struct text body)
{
    struct connection *connection = call_end(call);
    struct reply reply = {status, headers, header_count, body};

    assert(status >= 200 && status <= 999);
    if (connection)
        send_reply(connection, &reply, !call->is_head_method);
    call_release(call);
}

void server_reply_json(struct server_call *call, int status, struct text body)
{
    struct server_header type = {TEXT("Content-Type"), TEXT("application/json")};

    server_reply(call, status, &type, 1, body);
}

void server_reply_raw(struct server_call *call, struct text bytes)
{
    struct connection *connection = call_end(call);

    if (connection) {
        connection->keep_alive = false;
        connection_send_reply(connection, bytes, TEXT(""));
    }
    call_release(call);
}

void server_reset(struct server_call *call)
{
    struct connection *connection = call_end(call);

    if (connection)
        connection_reset(connection);
    call_release(call);
}
