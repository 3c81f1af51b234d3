/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl tells us what to wait for, libuv waits. */
#include "net/multi.h"

#include <stdlib.h>

#define WATCHDOG_MS 1000

/* One socket libcurl asked us to watch. */
struct watch {
    LIST_ENTRY(watch) link;
    uv_poll_t poll;
    struct multi *multi;
    curl_socket_t fd;
};

/* ---- driving libcurl
 * ------------------------------------------------------------------------------ */

static void drive(struct multi *multi, curl_socket_t fd, int events)
{
    CURLMsg *message;
    int unused;

    if (!multi->curl || multi->is_broken)
        return;
    if (curl_multi_socket_action(multi->curl, fd, events, &unused) != CURLM_OK)
        multi->is_broken = true;
    /* Always, not only when the number of running transfers fell: it does not say which ended. */
    while ((message = curl_multi_info_read(multi->curl, &unused))) {
        CURLcode result = message->data.result;
        char *private = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        multi->events->on_ended(private, result);
    }
    if (multi->is_broken)
        multi->events->on_broken(multi->context);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    int what = status < 0 ? CURL_CSELECT_ERR : 0;

    if (events & UV_READABLE)
        what |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        what |= CURL_CSELECT_OUT;
    drive(watch->multi, watch->fd, what);
}

static void on_timer(uv_timer_t *timer)
{
    drive(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_kick(uv_idle_t *kick)
{
    uv_idle_stop(kick);
    drive(kick->data, CURL_SOCKET_TIMEOUT, 0);
}

/* libcurl: "wake me once in `ms`"; -1 means never. */
static int set_timer(CURLM *curl, long ms, void *context)
{
    struct multi *multi = context;

    (void)curl;
    uv_idle_stop(&multi->kick);
    uv_timer_stop(&multi->timer);
    if (ms < 0)
        return 0;
    /* Not a timer of 0 ms: before libuv 1.48 one set from a timer callback starves the loop. */
    if (ms == 0)
        return uv_idle_start(&multi->kick, on_kick) ? -1 : 0;
    return uv_timer_start(&multi->timer, on_timer, (uint64_t)ms, 0) ? -1 : 0;
}

/* ---- watching sockets
 * ----------------------------------------------------------------------------- */

static void handle_closed(struct multi *multi)
{
    if (--multi->open_handles == 0)
        multi->events->on_closed(multi->context);
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct watch *watch = handle->data;
    struct multi *multi = watch->multi;

    free(watch);
    handle_closed(multi);
}

static void watch_close(struct watch *watch)
{
    LIST_REMOVE(watch, link);
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

static struct watch *watch_open(struct multi *multi, curl_socket_t fd)
{
    struct watch *watch = calloc(1, sizeof(*watch));

    if (!watch)
        return NULL;
    if (uv_poll_init_socket(multi->loop, &watch->poll, fd)) {
        free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    watch->multi = multi;
    watch->fd = fd;
    LIST_INSERT_HEAD(&multi->watches, watch, link);
    multi->open_handles++;
    curl_multi_assign(multi->curl, fd, watch);
    return watch;
}

/* libcurl: "watch this socket for `action`". The number of a socket no longer watched may come back
 * for another one at once, so a watch is never used twice. */
static int set_socket(CURL *easy, curl_socket_t fd, int action, void *context, void *assigned)
{
    struct multi *multi = context;
    struct watch *watch = assigned;
    int events = 0;

    (void)easy; /* not necessarily one of ours */
    if (action == CURL_POLL_REMOVE) {
        if (watch)
            watch_close(watch);
        return 0;
    }
    if (!watch)
        watch = watch_open(multi, fd);
    if (!watch)
        return -1;
    if (action & CURL_POLL_IN)
        events |= UV_READABLE;
    if (action & CURL_POLL_OUT)
        events |= UV_WRITABLE;
    return uv_poll_start(&watch->poll, events, on_socket) ? -1 : 0;
}

/* ---- life
 * ----------------------------------------------------------------------------------------- */

static bool start(struct multi *multi)
{
    CURLM *curl = curl_multi_init();

    if (!curl)
        return false;
    curl_multi_setopt(curl, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(curl, CURLMOPT_SOCKETDATA, multi);
    curl_multi_setopt(curl, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(curl, CURLMOPT_TIMERDATA, multi);
    multi->curl = curl;
    multi->is_broken = false;
    multi_limit(multi, multi->max_host_connections, multi->max_connections);
    return true;
}

/* Silences the callbacks first: the cleanup would otherwise call them for cached connections. */
static void stop(struct multi *multi)
{
    struct watch *watch;

    if (!multi->curl)
        return;
    curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, NULL);
    curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, NULL);
    while ((watch = LIST_FIRST(&multi->watches)))
        watch_close(watch);
    uv_timer_stop(&multi->timer);
    uv_idle_stop(&multi->kick);
    curl_multi_cleanup(multi->curl);
    multi->curl = NULL;
}

bool multi_restart(struct multi *multi)
{
    stop(multi);
    return start(multi);
}

static void on_handle_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

void multi_close(struct multi *multi)
{
    stop(multi);
    uv_close((uv_handle_t *)&multi->timer, on_handle_closed);
    uv_close((uv_handle_t *)&multi->kick, on_handle_closed);
    uv_close((uv_handle_t *)&multi->watchdog, on_handle_closed);
}

bool multi_open(struct multi *multi, uv_loop_t *loop, const struct multi_events *events,
                void *context)
{
    *multi = (struct multi){
        .loop = loop,
        .events = events,
        .context = context,
        .max_host_connections = 4,
        .max_connections = 16,
    };
    LIST_INIT(&multi->watches);
    if (!start(multi))
        return false;
    uv_timer_init(loop, &multi->timer);
    uv_idle_init(loop, &multi->kick);
    uv_timer_init(loop, &multi->watchdog);
    multi->timer.data = multi->kick.data = multi->watchdog.data = multi;
    multi->open_handles = 3;
    return true;
}

void multi_limit(struct multi *multi, long max_host_connections, long max_connections)
{
    multi->max_host_connections = max_host_connections;
    multi->max_connections = max_connections;
    if (!multi->curl)
        return;
    curl_multi_setopt(multi->curl, CURLMOPT_MAX_HOST_CONNECTIONS, max_host_connections);
    /* Unset, the cache is four times the transfers of this moment, and shrinks with them. */
    curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS, max_connections);
}

/* ---- transfers
 * ------------------------------------------------------------------------------------ */

bool multi_add(struct multi *multi, CURL *easy)
{
    if (!multi->curl || multi->is_broken || curl_multi_add_handle(multi->curl, easy) != CURLM_OK)
        return false;
    if (!multi->transfers++)
        uv_timer_start(&multi->watchdog, on_timer, WATCHDOG_MS, WATCHDOG_MS);
    return true;
}

void multi_remove(struct multi *multi, CURL *easy)
{
    curl_multi_remove_handle(multi->curl, easy);
    if (!--multi->transfers)
        uv_timer_stop(&multi->watchdog);
}
