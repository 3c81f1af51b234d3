/* SPDX-License-Identifier: Apache-2.0 */
/* The client: the one place where outcomes are told and waiting exchanges start, on a turn of the
 * loop where no libcurl frame is on the stack. So owners may send, cancel and close from inside
 * `done`. */
#include "net/alloc.h"
#include "net/client.h"

#include <assert.h>

#define LEAST_CACHED_CONNECTIONS 8

/* ---- libcurl's news -------------------------------------------------------------------------- */

static void on_ended(void *private, CURLcode result)
{
    struct exchange *exchange = private;

    if (exchange->state != EXCHANGE_RUNNING)
        return;
    exchange->result = result;
    if (result == CURLE_OPERATION_TIMEDOUT && exchange_is_late(exchange))
        exchange_end(exchange, ENDING_TIMEOUT);
    else if (attempt_met_endless_header(exchange))
        exchange_end(exchange, ENDING_HEADERS_TOO_LARGE);
    else
        exchange_end(exchange, ENDING_BY_CURL);
}

/* After an error libcurl no longer knows the state of its transfers. */
static void on_broken(void *context)
{
    struct http *http = context;
    struct upstream *upstream;
    struct exchange *exchange;

    LIST_FOREACH (upstream, &http->upstreams, sibling) {
        LIST_FOREACH (exchange, &upstream->exchanges, sibling) {
            if (exchange->state == EXCHANGE_RUNNING)
                exchange_end(exchange, ENDING_MULTI_BROKEN);
        }
    }
    http_settle_soon(http);
}

/* ---- settling -------------------------------------------------------------------------------- */

static void on_handle_closed(uv_handle_t *handle)
{
    http_handle_closed(handle->data);
}

void http_handle_closed(struct http *http)
{
    void (*closed)(void *context) = http->closed;
    void *context = http->closed_context;

    if (--http->open_handles)
        return;
    curl_share_cleanup(http->share);
    wiping_free(http);
    if (closed)
        closed(context);
}

static void shut(struct http *http)
{
    http->is_shut = true;
    multi_close(&http->multi);
    uv_close((uv_handle_t *)&http->settle, on_handle_closed);
}

/* Those who ended until now; whom their owners end meanwhile is told on the next turn. */
static void settle_ended(struct http *http)
{
    struct exchanges batch = TAILQ_HEAD_INITIALIZER(batch);
    struct exchange *exchange;

    TAILQ_CONCAT(&batch, &http->ended, link);
    while ((exchange = TAILQ_FIRST(&batch))) {
        TAILQ_REMOVE(&batch, exchange, link);
        exchange_settle(exchange);
    }
}

static void settle(struct http *http)
{
    struct upstream *upstream;

    settle_ended(http);
    if (http->is_closing) {
        if (!http->exchange_count && !http->is_shut)
            shut(http);
        return;
    }
    /* Every transfer ended with it and has just been removed. When this fails for want of memory,
     * the exchanges that wait fail too, and the next one asks again. */
    if (http->multi.is_broken && !http->multi.transfers && !multi_restart(&http->multi))
        http->multi.is_broken = true;
    LIST_FOREACH (upstream, &http->upstreams, sibling) {
        upstream_pump(upstream);
    }
    if (TAILQ_EMPTY(&http->ended))
        uv_idle_stop(&http->settle);
    multi_begin(&http->multi);
}

static void on_settle(uv_idle_t *idle)
{
    settle(idle->data);
}

static void on_driven(void *context)
{
    struct http *http = context;

    if (!TAILQ_EMPTY(&http->ended))
        settle(http);
}

void http_settle_soon(struct http *http)
{
    if (!http->is_shut)
        uv_idle_start(&http->settle, on_settle);
}

static void on_multi_closed(void *context)
{
    http_handle_closed(context);
}

static const struct multi_events multi_events = {
    on_ended,
    on_broken,
    on_driven,
    on_multi_closed,
};

/* ---- life ------------------------------------------------------------------------------------ */

void http_use_environment_proxies(struct http *http)
{
    http->uses_environment = true;
}

static CURLSH *share_open(void)
{
    CURLSH *share = curl_share_init();

    if (!share ||
        curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) == CURLSHE_OK)
        return share;
    curl_share_cleanup(share);
    return NULL;
}

struct http *http_open(uv_loop_t *loop)
{
    struct http *http = wiping_calloc(1, sizeof(*http));

    if (!http)
        return NULL;
    http->loop = loop;
    http->thread = uv_thread_self();
    TAILQ_INIT(&http->ended);
    LIST_INIT(&http->upstreams);
    http->share = share_open();
    if (!http->share || !multi_open(&http->multi, loop, &multi_events, http)) {
        curl_share_cleanup(http->share);
        wiping_free(http);
        return NULL;
    }
    uv_idle_init(loop, &http->settle);
    http->settle.data = http;
    http->open_handles = 2;
    return http;
}

uv_loop_t *http_loop(const struct http *http)
{
    return http->loop;
}

void http_close(struct http *http, void (*closed)(void *context), void *context)
{
    struct upstream *upstream;

    assert(!http->is_closing);
    http->is_closing = true;
    http->closed = closed;
    http->closed_context = context;
    while ((upstream = LIST_FIRST(&http->upstreams)))
        upstream_close(upstream);
    http_settle_soon(http);
}

void http_update_limits(struct http *http)
{
    struct upstream *upstream;
    long most = 1, all = LEAST_CACHED_CONNECTIONS;

    LIST_FOREACH (upstream, &http->upstreams, sibling) {
        if (most < (long)upstream->max_connections)
            most = (long)upstream->max_connections;
        all += (long)upstream->max_connections;
    }
    multi_limit(&http->multi, most, all);
}

struct operation *http_send(struct upstream *upstream, const struct http_request *request,
                            http_done *done, void *context)
{
    uv_thread_t thread = uv_thread_self();
    struct exchange *exchange;

    assert(uv_thread_equal(&thread, &upstream->http->thread));
    if (upstream->is_closing)
        return NULL;
    exchange = exchange_new(upstream, request, done, context);
    return exchange ? &exchange->operation : NULL;
}
