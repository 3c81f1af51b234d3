/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are spoilt on their way out: cut off, with their URLs bent to another host, or with
 * the date of a clock that is wrong. Whatever is behind them has been done. */
#include "examples/lab/lab.h"

#include <stdio.h>
#include <time.h>

/* The whole answer's head, and only half of its body; half of the head where there is no body. */
static void send_truncated(struct exchange *exchange, int status,
                           const struct server_header *headers, size_t count, struct text body)
{
    struct buffer raw;
    size_t keep;

    buffer_init(&raw, body.size + 65536);
    buffer_printf(&raw, "HTTP/1.1 %d %s\r\n", status, http_status_phrase(status));
    for (size_t i = 0; i < count; i++)
        buffer_printf(&raw, "%.*s: %.*s\r\n", TEXT_ARG(headers[i].name),
                      TEXT_ARG(headers[i].value));
    buffer_printf(&raw, "Content-Length: %zu\r\n\r\n", body.size);
    keep = body.size ? raw.size + body.size / 2 : raw.size / 2;
    buffer_append(&raw, body);
    server_reply_raw(exchange->call, text_part(buffer_text(&raw), 0, keep));
    buffer_clear(&raw);
}

void fault_foreign_origin(const struct exchange *exchange, char *out, size_t size)
{
    enum listener other = exchange->target == TARGET_SCORING ? LISTENER_VAULT : LISTENER_SCORING;

    /* Whoever follows is seen in /requests, at a service that it never wanted to ask. */
    snprintf(out, size, "https://localhost:%u",
             (unsigned)server_port(exchange->lab->servers[other]));
}

static void append_bent(struct buffer *out, struct text text, struct text origin,
                        struct text foreign)
{
    size_t at;

    while ((at = text_find(text, origin)) != SIZE_MAX) {
        buffer_append(out, text_part(text, 0, at));
        buffer_append(out, foreign);
        text = text_part(text, at + origin.size, text.size);
    }
    buffer_append(out, text);
}

/* Every URL of ours in headers and body points to another host. */
static void send_bent(struct exchange *exchange, int status, const struct server_header *headers,
                      size_t count, struct text body)
{
    struct text host = server_header(exchange->request, "Host");
    struct server_header bent[ARM_HEADERS_MAX + 1];
    struct buffer values[ARM_HEADERS_MAX + 1], bent_body;
    char origin[300], foreign[sizeof(exchange->fault.location)];

    snprintf(origin, sizeof(origin), "https://%.*s", TEXT_ARG(host));
    fault_foreign_origin(exchange, foreign, sizeof(foreign));
    if (exchange->fault.location[0])
        snprintf(foreign, sizeof(foreign), "%s", exchange->fault.location);
    for (size_t i = 0; i < count; i++) {
        buffer_init(&values[i], 65536);
        append_bent(&values[i], headers[i].value, text_of(origin), text_of(foreign));
        bent[i] = (struct server_header){headers[i].name, buffer_text(&values[i])};
    }
    buffer_init(&bent_body, body.size * 2 + 65536);
    append_bent(&bent_body, body, text_of(origin), text_of(foreign));
    server_reply(exchange->call, status, bent, count, buffer_text(&bent_body));
    for (size_t i = 0; i < count; i++)
        buffer_clear(&values[i]);
    buffer_clear(&bent_body);
}

static void send_dated(struct exchange *exchange, int status, const struct server_header *headers,
                       size_t count, struct text body)
{
    struct server_header all[ARM_HEADERS_MAX + 2];
    time_t now = (time_t)exchange_now_s(exchange);
    char date[40];
    struct tm parts;

    gmtime_r(&now, &parts);
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    for (size_t i = 0; i < count; i++)
        all[i] = headers[i];
    all[count] = (struct server_header){TEXT("Date"), text_of(date)};
    server_reply(exchange->call, status, all, count + 1, body);
}

void fault_answer_send(struct exchange *exchange, int status, const struct server_header *headers,
                       size_t count, struct text body)
{
    const struct fault *fault = &exchange->fault;

    if (count > ARM_HEADERS_MAX + 1)
        count = ARM_HEADERS_MAX + 1;
    if (fault->kind == FAULT_TRUNCATE)
        send_truncated(exchange, status, headers, count, body);
    else if (fault->kind == FAULT_REDIRECT && fault->is_after)
        send_bent(exchange, status, headers, count, body);
    else if (fault->kind == FAULT_CLOCK_SKEW)
        send_dated(exchange, status, headers, count, body);
    else
        server_reply(exchange->call, status, headers, count, body);
}
