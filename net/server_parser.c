/* SPDX-License-Identifier: Apache-2.0 */
/* One request out of bytes. llhttp runs without any of its leniencies, and is told to pause at the
 * end of each message, so at most one request is ever in hand. Everything refused here is refused
 * before the owner hears of it.
 */
#include "net/server_internal.h"

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

static const llhttp_settings_t settings = {
    .on_message_begin = on_message_begin,
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void connection_parser_init(struct connection *connection)
{
    llhttp_init(&connection->parser, HTTP_REQUEST, &settings);
    connection->parser.data = connection;
}

struct text connection_parse(struct connection *connection, struct text text)
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
