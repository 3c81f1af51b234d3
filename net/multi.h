/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl tells us what to wait for, libuv waits.
 *
 * libcurl forbids most calls from inside its own callbacks, so those callbacks only talk to libuv,
 * and `on_ended` and `on_broken` below may only take notes: transfers are added and removed on a
 * turn of the loop where no libcurl frame is on the stack.
 */
#ifndef NET_MULTI_H
#define NET_MULTI_H

#include "base/attributes.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

struct multi_events {
    /* A transfer is over. `private` is its CURLOPT_PRIVATE. */
    void (*on_ended)(void *private, CURLcode result);
    /* libcurl no longer knows the state of its transfers: end them all, remove them,
     * multi_restart(). */
    void (*on_broken)(void *context);
    /* libcurl has returned: now everything may be called. */
    void (*on_driven)(void *context);
    void (*on_closed)(void *context);
};

struct multi {
    uv_loop_t *loop;
    CURLM *curl;
    const struct multi_events *events;
    void *context;
    int epoll;           /* the set of sockets libcurl asked us to watch */
    uv_poll_t sockets;   /* that set */
    uv_timer_t timer;    /* libcurl's single timer */
    uv_idle_t kick;      /* the same for "at once": a timer would wait 1 ms */
    uv_timer_t watchdog; /* libcurl before 8.11.1 can forget to set its timer */
    long max_host_connections, max_connections;
    unsigned open_handles;
    unsigned transfers;
    bool is_broken;
};

must_use bool multi_open(struct multi *multi, uv_loop_t *loop, const struct multi_events *events,
                         void *context);
/* After the last transfer was removed. `on_closed` runs when the last libuv handle is gone. */
void multi_close(struct multi *multi);
/* False leaves it broken; worth another try later. */
must_use bool multi_restart(struct multi *multi);
void multi_limit(struct multi *multi, long max_host_connections, long max_connections);

must_use bool multi_add(struct multi *multi, CURL *easy);
void multi_remove(struct multi *multi, CURL *easy);
/* Lets what was added begin at once instead of on the next turn of the loop. Not from `on_ended`.
 */
void multi_begin(struct multi *multi);

#endif
