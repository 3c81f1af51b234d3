/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl tells us what to wait for, libuv waits. The sockets stand in one epoll set of our own, of
 * which libuv watches only the set: no handle and no close callback per socket, so none that could
 * outlive it. */
#include "net/multi.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#define WATCHDOG_MS    1000
#define EVENTS_AT_ONCE 32

/* ---- driving libcurl ------------------------------------------------------------------------- */

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

static int curl_events(uint32_t events)
{
    int what = 0;

    if (events & (EPOLLIN | EPOLLHUP))
        what |= CURL_CSELECT_IN;
    if (events & EPOLLOUT)
        what |= CURL_CSELECT_OUT;
    if (events & EPOLLERR)
        what |= CURL_CSELECT_ERR;
    return what;
}

/* An event may be for a socket that an earlier one of the same batch made libcurl close. libcurl
 * ignores sockets it does not know, and finds nothing to read on a new one of the same number. */
static void on_sockets(uv_poll_t *poll, int status, int unused)
{
    struct multi *multi = poll->data;
    struct epoll_event events[EVENTS_AT_ONCE];
    int count = epoll_wait(multi->epoll, events, EVENTS_AT_ONCE, 0);

    (void)status, (void)unused;
    for (int i = 0; i < count; i++)
        drive(multi, events[i].data.fd, curl_events(events[i].events));
    multi->events->on_driven(multi->context);
}

static void on_time(struct multi *multi)
{
    drive(multi, CURL_SOCKET_TIMEOUT, 0);
    multi->events->on_driven(multi->context);
}

static void on_timer(uv_timer_t *timer)
{
    on_time(timer->data);
}

static void on_kick(uv_idle_t *kick)
{
    uv_idle_stop(kick);
    on_time(kick->data);
}

void multi_begin(struct multi *multi)
{
    if (!uv_is_active((uv_handle_t *)&multi->kick))
        return;
    uv_idle_stop(&multi->kick);
    drive(multi, CURL_SOCKET_TIMEOUT, 0);
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

/* ---- watching sockets ------------------------------------------------------------------------ */

/* libcurl: "watch this socket for `action`". It does so twice per request on a kept connection, so
 * this is one system call and no memory. A socket that libcurl closed leaves the set by itself, and
 * its number may come back at once: whether the set knows it is asked from the set. */
static int set_socket(CURL *easy, curl_socket_t fd, int action, void *context, void *assigned)
{
    struct multi *multi = context;
    struct epoll_event event = {.data.fd = fd};

    (void)easy, (void)assigned; /* the transfer is not necessarily one of ours */
    if (action == CURL_POLL_REMOVE) {
        epoll_ctl(multi->epoll, EPOLL_CTL_DEL, fd, &event);
        return 0;
    }
    if (action & CURL_POLL_IN)
        event.events |= EPOLLIN;
    if (action & CURL_POLL_OUT)
        event.events |= EPOLLOUT;
    if (epoll_ctl(multi->epoll, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    return errno == EEXIST ? epoll_ctl(multi->epoll, EPOLL_CTL_MOD, fd, &event) : -1;
}

/* ---- life ------------------------------------------------------------------------------------ */

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

/* Silences the callbacks first: the cleanup would otherwise call them for cached connections. Their
 * sockets are closed by it, and so leave the set. */
static void stop(struct multi *multi)
{
    if (!multi->curl)
        return;
    curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, NULL);
    curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, NULL);
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
    struct multi *multi = handle->data;

    if (--multi->open_handles == 0)
        multi->events->on_closed(multi->context);
}

void multi_close(struct multi *multi)
{
    stop(multi);
    uv_close((uv_handle_t *)&multi->sockets, on_handle_closed);
    close(multi->epoll);
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
    multi->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (multi->epoll < 0)
        return false;
    if (!start(multi) || uv_poll_init(loop, &multi->sockets, multi->epoll)) {
        curl_multi_cleanup(multi->curl);
        close(multi->epoll);
        return false;
    }
    uv_timer_init(loop, &multi->timer);
    uv_idle_init(loop, &multi->kick);
    uv_timer_init(loop, &multi->watchdog);
    multi->sockets.data = multi;
    multi->timer.data = multi->kick.data = multi->watchdog.data = multi;
    multi->open_handles = 4;
    uv_poll_start(&multi->sockets, UV_READABLE, on_sockets);
    /* Watching nothing is no reason for the loop to go on. */
    uv_unref((uv_handle_t *)&multi->sockets);
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

/* ---- transfers ------------------------------------------------------------------------------- */

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
