/* SPDX-License-Identifier: Apache-2.0 */
/* One operation: tries, pauses, redirects, and its end.
 *
 * Success, failure, time-out, cancel, close and out of memory all pass through exchange_end() and
 * exchange_settle(): one way out, so "exactly once" is visible.
 */
#include "net/alloc.h"
#include "net/client.h"
#include "net/retry.h"

#include <string.h>

#define RETRY_AFTER_CAP_MS 3600000

static const struct backoff backoff = {.base_ms = 200, .cap_ms = 10000};

enum next {
    NEXT_ANSWER, /* tell the owner */
    NEXT_FAILURE,
    NEXT_AT_ONCE, /* go on, in front of those who wait */
    NEXT_PAUSE,
};

struct decision {
    enum next next;
    uint32_t pause_ms;
    struct failure failure;
};

static uint64_t now(const struct exchange *exchange)
{
    return uv_now(exchange->upstream->http->loop);
}

bool exchange_is_late(const struct exchange *exchange)
{
    /* libcurl's clock and the loop's may differ by a millisecond. */
    return now(exchange) + 2 >= exchange->deadline_at;
}

/* ---- ending ---------------------------------------------------------------------------------- */

void exchange_end(struct exchange *exchange, enum ending ending)
{
    struct upstream *upstream = exchange->upstream;

    if (exchange->state == EXCHANGE_TOLD)
        return;
    if (exchange->state == EXCHANGE_ENDED) {
        /* An outcome that leads to another try must not outlive the owner's wish to stop. */
        if (ending == ENDING_CANCELED || ending == ENDING_CLOSED)
            exchange->stopped = ending;
        return;
    }
    if (exchange->state == EXCHANGE_WAITING)
        lanes_remove(&upstream->lanes, exchange);
    exchange->state = EXCHANGE_ENDED;
    exchange->ending = ending;
    uv_timer_stop(&exchange->timer);
    TAILQ_INSERT_TAIL(&upstream->http->ended, exchange, link);
    http_settle_soon(upstream->http);
}

static void cancel(struct operation *operation)
{
    exchange_end((struct exchange *)operation, ENDING_CANCELED);
}

/* ---- waiting and running --------------------------------------------------------------------- */

static void set_timer(struct exchange *exchange, uint64_t at);

static void enqueue(struct exchange *exchange, bool in_front)
{
    set_timer(exchange, exchange->deadline_at);
    if (lanes_add(&exchange->upstream->lanes, exchange, in_front))
        exchange->state = EXCHANGE_WAITING;
    else
        exchange_end(exchange, ENDING_NO_MEMORY);
    http_settle_soon(exchange->upstream->http);
}

static void on_timer(uv_timer_t *timer)
{
    struct exchange *exchange = timer->data;

    if (exchange->state == EXCHANGE_PAUSED)
        enqueue(exchange, false);
    else
        exchange_end(exchange,
                     now(exchange) >= exchange->deadline_at ? ENDING_TIMEOUT : ENDING_TRY_TIMEOUT);
}

static void set_timer(struct exchange *exchange, uint64_t at)
{
    uint64_t time = now(exchange);

    uv_timer_start(&exchange->timer, on_timer, at > time ? at - time : 1, 0);
}

void exchange_start(struct exchange *exchange)
{
    uint64_t time = now(exchange), left;
    uint32_t limit = exchange->request.try_timeout_ms;

    exchange->has_slot = true;
    exchange->upstream->in_flight++;
    exchange->state = EXCHANGE_RUNNING;
    if (!exchange->continues)
        exchange->tries++;
    left = exchange->deadline_at > time ? exchange->deadline_at - time : 1;
    if (limit && limit < left)
        left = limit;
    exchange->try_limit_ms = left;
    set_timer(exchange, time + left);
    if (!attempt_start(exchange, left))
        exchange_end(exchange, ENDING_NO_MEMORY);
}

/* ---- deciding what follows ------------------------------------------------------------------- */

static bool fail(struct decision *decision, enum failure_kind kind, const char *text)
{
    decision->next = NEXT_FAILURE;
    return failure_set(&decision->failure, kind, "%s", text);
}

/* Turns the decision into a pause when there is a try and enough time left. */
static void try_again(const struct exchange *exchange, uint32_t retry_after_ms,
                      struct decision *decision)
{
    uint32_t pause_ms;

    if (exchange->tries >= exchange->request.max_tries)
        return;
    pause_ms = backoff_pause_ms(&backoff, exchange->tries, retry_after_ms, RETRY_AFTER_CAP_MS,
                                jitter_random());
    if (now(exchange) + pause_ms >= exchange->deadline_at)
        return;
    decision->next = NEXT_PAUSE;
    decision->pause_ms = pause_ms;
}

static bool may_repeat_sent(const struct exchange *exchange)
{
    return exchange->request.retry == HTTP_RETRY_SAFE;
}

static bool may_repeat_unsent(const struct exchange *exchange)
{
    return exchange->request.retry != HTTP_RETRY_NEVER && !exchange->was_sent;
}

/* A kept-alive connection that turned out to be dead is no outage: once more, at once, on a fresh
 * one. libcurl does so by itself where it can tell; this is for where it cannot. */
static bool lost_kept_connection(const struct exchange *exchange)
{
    CURLcode result = exchange->result;

    if (result != CURLE_HTTP2 && result != CURLE_SEND_ERROR && result != CURLE_RECV_ERROR &&
        result != CURLE_HTTP2_STREAM && result != CURLE_GOT_NOTHING)
        return false;
    if (exchange->headers.total || exchange->body.size || exchange->is_second_go ||
        !attempt_reused_connection(exchange))
        return false;
    return may_repeat_sent(exchange) || request_only_reads(&exchange->request) ||
           !exchange->was_sent;
}

static bool is_passing(CURLcode result)
{
    switch ((int)result) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    default:
        return false;
    }
}

static void decide_on_error(const struct exchange *exchange, struct decision *decision)
{
    decision->next = NEXT_FAILURE;
    explain(exchange, exchange->try_limit_ms, &decision->failure);
    if (lost_kept_connection(exchange))
        decision->next = NEXT_AT_ONCE;
    else if (is_passing(exchange->result) &&
             (may_repeat_sent(exchange) || may_repeat_unsent(exchange)))
        try_again(exchange, 0, decision);
}

static struct http_answer answer_of(const struct exchange *exchange)
{
    return (struct http_answer){
        .status = attempt_status(exchange),
        .body = exchange->body.start ? buffer_text(&exchange->body) : TEXT(""),
        .headers = &exchange->headers,
        .tries = exchange->tries,
        .elapsed_ms = now(exchange) - exchange->started_at,
    };
}

static void decide_on_answer(struct exchange *exchange, struct decision *decision)
{
    struct http_answer answer = answer_of(exchange);
    uint32_t retry_after_ms = http_answer_retry_after_ms(&answer);
    enum http_retry retry = exchange->request.retry;
    int status = answer.status;
    bool is_refusal = status == 429 || (status == 503 && retry_after_ms);

    decision->next = NEXT_ANSWER;
    if (exchange->request.max_redirects && redirect_applies(exchange, &answer)) {
        decision->next =
            redirect_follow(exchange, &answer, &decision->failure) ? NEXT_AT_ONCE : NEXT_FAILURE;
        return;
    }
    if (exchange->request.answers_end_it)
        return;
    if ((retry == HTTP_RETRY_UNSENT && is_refusal) ||
        (retry == HTTP_RETRY_SAFE && (status == 408 || status == 429 || status == 500 ||
                                      status == 502 || status == 503 || status == 504)))
        try_again(exchange, retry_after_ms, decision);
}

static void decide_on_deadline(const struct exchange *exchange, struct decision *decision)
{
    char duration[32];
    const char *where = " waiting for the answer";

    if (!exchange->easy)
        where = " waiting for its turn";
    else if (!exchange->was_sent)
        where = " connecting";
    decision->next = NEXT_FAILURE;
    failure_set(&decision->failure, FAILURE_TIMEOUT, "timed out after %s%s",
                explain_duration(exchange->request.deadline_ms, duration), where);
}

static void decide_on_size(const struct exchange *exchange, struct decision *decision)
{
    decision->next = NEXT_FAILURE;
    failure_set(&decision->failure, FAILURE_TOO_LARGE, "the answer is larger than %zu bytes",
                exchange->request.max_answer);
}

static void decide(struct exchange *exchange, struct decision *decision)
{
    switch (exchange->ending) {
    case ENDING_NONE:
        break;
    case ENDING_BY_CURL:
        if (exchange->result == CURLE_OK)
            decide_on_answer(exchange, decision);
        else
            decide_on_error(exchange, decision);
        return;
    case ENDING_TRY_TIMEOUT:
        exchange->result = CURLE_OPERATION_TIMEDOUT;
        decide_on_error(exchange, decision);
        return;
    case ENDING_MULTI_BROKEN:
        fail(decision, FAILURE_INTERNAL, "the HTTP client failed and starts afresh");
        if (may_repeat_sent(exchange) || may_repeat_unsent(exchange))
            try_again(exchange, 0, decision);
        return;
    case ENDING_TIMEOUT:
        decide_on_deadline(exchange, decision);
        return;
    case ENDING_CANCELED:
        fail(decision, FAILURE_CANCELED, "canceled");
        return;
    case ENDING_CLOSED:
        fail(decision, FAILURE_CANCELED, "canceled, the client is closing");
        return;
    case ENDING_BODY_TOO_LARGE:
        decide_on_size(exchange, decision);
        return;
    case ENDING_HEADERS_TOO_LARGE:
        fail(decision, FAILURE_TOO_LARGE, "the headers of the answer are larger than 64 KiB");
        return;
    case ENDING_NO_MEMORY:
        decision->next = NEXT_FAILURE;
        failure_out_of_memory(&decision->failure);
        return;
    case ENDING_UNUSABLE:
        fail(decision, FAILURE_INVALID, exchange->unusable);
        return;
    }
    fail(decision, FAILURE_INTERNAL, "ended without an outcome");
}

/* Sent, and no complete answer: whether the change was made is not known here. */
static bool is_ambiguous(const struct exchange *exchange, enum failure_kind kind)
{
    bool has_answer = exchange->ending == ENDING_BY_CURL && exchange->result == CURLE_OK;

    return exchange->was_sent && !has_answer && kind != FAILURE_CANCELED &&
           exchange->request.retry != HTTP_RETRY_SAFE && !request_only_reads(&exchange->request);
}

/* ---- telling --------------------------------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *handle)
{
    struct exchange *exchange = handle->data;
    struct http *http = exchange->http;

    wiping_free(exchange);
    http_handle_closed(http);
}

static void tell(struct exchange *exchange, struct failure *failure)
{
    struct upstream *upstream = exchange->upstream;

    exchange->state = EXCHANGE_TOLD;
    if (failure) {
        bool ambiguous = is_ambiguous(exchange, failure->kind);

        failure_prefix(failure, "%s%s", upstream->name, ambiguous ? HTTP_DOUBT : "");
        if (ambiguous)
            failure->kind = FAILURE_AMBIGUOUS;
        exchange->done(NULL, failure, exchange->context);
    } else {
        struct http_answer answer = answer_of(exchange);

        exchange->done(&answer, NULL, exchange->context);
    }
    attempt_clear(exchange);
    request_clear(&exchange->request);
    redirect_forget(exchange);
    LIST_REMOVE(exchange, sibling);
    exchange->http->exchange_count--;
    upstream_release(upstream);
    exchange->upstream = NULL;
    uv_close((uv_handle_t *)&exchange->timer, on_timer_closed);
}

void exchange_settle(struct exchange *exchange)
{
    struct decision decision = {0};
    bool stops;

    attempt_stop(exchange);
    if (exchange->has_slot) {
        exchange->has_slot = false;
        exchange->upstream->in_flight--;
    }
    if (exchange->ending == ENDING_BY_CURL && exchange->result == CURLE_OK)
        upstream_learn(exchange->upstream, exchange->easy);
    decide(exchange, &decision);
    stops = exchange->stopped && decision.next != NEXT_ANSWER;
    if (stops) {
        exchange->ending = exchange->stopped;
        decide(exchange, &decision);
    }
    if (decision.next == NEXT_ANSWER || decision.next == NEXT_FAILURE) {
        tell(exchange, decision.next == NEXT_ANSWER ? NULL : &decision.failure);
        return;
    }
    exchange->continues = decision.next == NEXT_AT_ONCE;
    exchange->is_second_go = exchange->continues && exchange->result != CURLE_OK;
    attempt_clear(exchange);
    exchange->state = EXCHANGE_NEW;
    if (decision.next == NEXT_AT_ONCE) {
        enqueue(exchange, true);
        return;
    }
    exchange->state = EXCHANGE_PAUSED;
    set_timer(exchange, now(exchange) + decision.pause_ms);
}

/* ---- beginning ------------------------------------------------------------------------------- */

struct exchange *exchange_new(struct upstream *upstream, const struct http_request *request,
                              http_done *done, void *context)
{
    struct http *http = upstream->http;
    struct exchange *exchange = wiping_calloc(1, sizeof(*exchange));

    if (!exchange)
        return NULL;
    if (!request_copy(request, upstream->host_line, &exchange->request, &exchange->unusable)) {
        wiping_free(exchange);
        return NULL;
    }
    exchange->operation.cancel = cancel;
    exchange->http = http;
    exchange->upstream = upstream;
    exchange->done = done;
    exchange->context = context;
    attempt_clear(exchange);
    uv_update_time(http->loop);
    exchange->started_at = uv_now(http->loop);
    exchange->deadline_at = exchange->started_at + exchange->request.deadline_ms;
    uv_timer_init(http->loop, &exchange->timer);
    exchange->timer.data = exchange;
    http->open_handles++;
    http->exchange_count++;
    LIST_INSERT_HEAD(&upstream->exchanges, exchange, sibling);
    if (exchange->unusable)
        exchange_end(exchange, ENDING_UNUSABLE);
    else
        enqueue(exchange, false);
    return exchange;
}
