/* SPDX-License-Identifier: Apache-2.0 */
/* One request of a service, from the listener to its single answer, with the fault it meets on the
 * way.
 *
 * Before the deed: status, reset, delay, hang, garbage and redirect replace or postpone the
 * handler. After it (`is_after`): the handler has acted and only its answer is spoilt. Both end in
 * exchange_send(). */
#include "examples/lab/lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_timer_closed(uv_handle_t *handle)
{
    struct exchange *exchange = handle->data;

    for (size_t i = 0; i < exchange->held_header_count; i++) {
        free((char *)(uintptr_t)exchange->held_headers[i].name.start);
        free((char *)(uintptr_t)exchange->held_headers[i].value.start);
    }
    free(exchange->held_headers);
    free(exchange->held_body);
    free(exchange->path);
    free(exchange);
}

static void exchange_end(struct exchange *exchange)
{
    LIST_REMOVE(exchange, link);
    uv_close((uv_handle_t *)&exchange->timer, on_timer_closed);
}

static struct record *record_of(struct exchange *exchange)
{
    return requests_find(&exchange->lab->requests, exchange->number);
}

static void exchange_send(struct exchange *exchange, int status,
                          const struct server_header *headers, size_t count, struct text body)
{
    struct record *record = record_of(exchange);

    recording_add(exchange, status, headers, count, body);
    if (record && exchange->fault.kind != FAULT_TRUNCATE)
        record->status = status;
    fault_answer_send(exchange, status, headers, count, body);
    exchange_end(exchange);
}

/* An answer that is nobody's but the fault's: status, garbage, redirect. */
static void exchange_send_fault(struct exchange *exchange)
{
    const struct fault *fault = &exchange->fault;
    const char *type = "application/json";
    char *body = fault_body(exchange, &type);
    char seconds[24], origin[sizeof(fault->location)];
    struct text location = text_of(fault->location);
    struct server_header headers[3] = {{TEXT("Content-Type"), text_of(type)}};
    char *whole = NULL;
    size_t count = 1;

    if (fault->retry_after >= 0) {
        snprintf(seconds, sizeof(seconds), "%lld", (long long)fault->retry_after);
        headers[count++] = (struct server_header){TEXT("Retry-After"), text_of(seconds)};
    }
    if (fault->kind == FAULT_REDIRECT) {
        fault_foreign_origin(exchange, origin, sizeof(origin));
        whole = format_new("%s%.*s", origin, TEXT_ARG(exchange->request->path));
        headers[count++] =
            (struct server_header){TEXT("Location"), location.size ? location : text_of(whole)};
    }
    exchange_send(exchange, fault->status, headers, count, text_of(body));
    free(whole);
    free(body);
}

static void exchange_reset(struct exchange *exchange)
{
    recording_add(exchange, 0, NULL, 0, TEXT(""));
    server_reset(exchange->call);
    exchange_end(exchange);
}

static void on_gone(struct server_call *call, void *context)
{
    (void)call;
    exchange_reset(context);
}

/* Until the peer gives up, or the lab ends. */
static void exchange_hang(struct exchange *exchange)
{
    server_call_on_gone(exchange->call, on_gone, exchange);
}

static void on_delay_before(uv_timer_t *timer)
{
    struct exchange *exchange = timer->data;

    world_settle(&exchange->lab->world, now_ms());
    exchange->handle(exchange);
}

static void on_delay_after(uv_timer_t *timer)
{
    struct exchange *exchange = timer->data;

    exchange_send(exchange, exchange->held_status, exchange->held_headers,
                  exchange->held_header_count,
                  (struct text){exchange->held_body, exchange->held_body_size});
}

static void exchange_hold(struct exchange *exchange, int status,
                          const struct server_header *headers, size_t count, struct text body)
{
    exchange->held_status = status;
    exchange->held_headers = calloc(count + 1, sizeof(*headers));
    exchange->held_body = text_copy(body);
    exchange->held_body_size = exchange->held_body ? body.size : 0;
    for (size_t i = 0; exchange->held_headers && i < count; i++) {
        exchange->held_headers[i] =
            (struct server_header){{text_copy(headers[i].name), headers[i].name.size},
                                   {text_copy(headers[i].value), headers[i].value.size}};
        exchange->held_header_count++;
    }
    uv_timer_start(&exchange->timer, on_delay_after, exchange->fault.delay_ms, 0);
}

void exchange_reply(struct exchange *exchange, int status, const struct server_header *headers,
                    size_t count, struct text body)
{
    enum fault_kind kind = exchange->fault.is_after ? exchange->fault.kind : FAULT_NONE;

    if (kind == FAULT_RESET)
        exchange_reset(exchange);
    else if (kind == FAULT_HANG)
        exchange_hang(exchange);
    else if (kind == FAULT_STATUS || kind == FAULT_GARBAGE)
        exchange_send_fault(exchange);
    else if (kind == FAULT_DELAY)
        exchange_hold(exchange, status, headers, count, body);
    else
        exchange_send(exchange, status, headers, count, body);
}

void exchange_reply_json(struct exchange *exchange, int status, const struct server_header *headers,
                         size_t count, json_t *json)
{
    struct server_header all[ARM_HEADERS_MAX + 1];
    char *body = json ? json_dump_short(json) : NULL;

    json_decref(json);
    if (count > ARM_HEADERS_MAX)
        count = ARM_HEADERS_MAX;
    for (size_t i = 0; i < count; i++)
        all[i] = headers[i];
    all[count] =
        (struct server_header){TEXT("Content-Type"), TEXT("application/json; charset=utf-8")};
    if (body)
        exchange_reply(exchange, status, all, count + 1, text_of(body));
    else
        exchange_reply(exchange, 500, NULL, 0, TEXT("out of memory"));
    free(body);
}

void exchange_reply_text(struct exchange *exchange, int status, const char *text)
{
    const struct server_header type = {TEXT("Content-Type"), TEXT("text/plain; charset=utf-8")};

    exchange_reply(exchange, status, &type, 1, text_of(text));
}

void exchange_caller(struct exchange *exchange, struct text caller)
{
    struct record *record = record_of(exchange);

    if (record)
        snprintf(record->caller, sizeof(record->caller), "%.*s", TEXT_ARG(caller));
}

bool exchange_method_is(const struct exchange *exchange, const char *method)
{
    return text_is(exchange->request->method, method);
}

int64_t exchange_now_s(const struct exchange *exchange)
{
    return now_ms() / 1000 + exchange->fault.skew_s;
}

enum fault_kind exchange_operation_fault(struct exchange *exchange)
{
    enum fault_kind kind = fault_take_operation(&exchange->lab->faults, exchange->request->method,
                                                text_of(exchange->path));
    struct record *record = record_of(exchange);

    if (record && kind != FAULT_NONE)
        record->fault = kind;
    return kind;
}

static struct exchange *exchange_new(struct lab *lab, enum target target, struct server_call *call,
                                     const struct server_request *request)
{
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    struct buffer path;

    if (!exchange)
        return NULL;
    buffer_init(&path, 65536);
    if (buffer_append_percent_decoded(&path, request->path))
        exchange->path = buffer_take(&path);
    if (!exchange->path) {
        buffer_clear(&path);
        free(exchange);
        return NULL;
    }
    exchange->lab = lab;
    exchange->target = target;
    exchange->call = call;
    exchange->request = request;
    uv_timer_init(&lab->loop, &exchange->timer);
    exchange->timer.data = exchange;
    LIST_INSERT_HEAD(&lab->exchanges, exchange, link);
    return exchange;
}

/* What comes before the deed, or in its place; the other kinds show in what the services do, or in
 * what becomes of their answers. */
static void exchange_start(struct exchange *exchange)
{
    enum fault_kind kind = exchange->fault.is_after ? FAULT_NONE : exchange->fault.kind;

    if (kind == FAULT_STATUS || kind == FAULT_GARBAGE || kind == FAULT_REDIRECT)
        exchange_send_fault(exchange);
    else if (kind == FAULT_RESET)
        exchange_reset(exchange);
    else if (kind == FAULT_HANG)
        exchange_hang(exchange);
    else if (kind == FAULT_DELAY)
        uv_timer_start(&exchange->timer, on_delay_before, exchange->fault.delay_ms, 0);
    else
        exchange->handle(exchange);
}

void exchange_begin(struct lab *lab, enum target target, struct server_call *call,
                    const struct server_request *request, void (*handle)(struct exchange *))
{
    struct exchange *exchange = exchange_new(lab, target, call, request);
    struct record *record;

    if (!exchange) {
        server_reply(call, 400, NULL, 0, TEXT("a path that cannot be read\n"));
        return;
    }
    if (target == TARGET_ARM &&
        text_matches(text_of(exchange->path), TEXT("*/providers/microsoft.insights/*")))
        exchange->target = TARGET_ACTIVITY;
    exchange->handle = handle;
    exchange->number =
        requests_add(&lab->requests, exchange->target, request->method, text_of(exchange->path));
    exchange->fault =
        fault_take(&lab->faults, exchange->target, request->method, text_of(exchange->path));
    exchange->is_stale = exchange->fault.kind == FAULT_STALE;
    record = record_of(exchange);
    if (record)
        record->fault = exchange->fault.kind;
    world_settle(&lab->world, now_ms());
    exchange_start(exchange);
}

void exchanges_drop(struct lab *lab)
{
    struct exchange *exchange;

    while ((exchange = LIST_FIRST(&lab->exchanges)))
        exchange_reset(exchange);
}
