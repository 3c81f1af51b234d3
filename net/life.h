/* SPDX-License-Identifier: Apache-2.0 */
/* What a program that uses one of the clients does with the HTTP client below it: begin, and end.
 */
#ifndef NET_LIFE_H
#define NET_LIFE_H

#include "base/attributes.h"
#include "base/failure.h"

#include <stdbool.h>
#include <uv.h>

#pragma GCC visibility push(default)

struct http;

/* Once per process, before any thread: libcurl and jansson get allocators that wipe what they free.
 * False when libcurl resolves names blockingly or lacks TLS. The program itself must ignore SIGPIPE
 * (a peer that goes away is told as a failure); signals are not touched here. */
must_use bool net_global_init(struct failure *why);
void net_global_cleanup(void);

/* Serves one loop, and is called only from that loop's thread. NULL when out of memory. */
struct http *http_open(uv_loop_t *loop);
/* The loop it serves, for clients that keep timers of their own. */
uv_loop_t *http_loop(const struct http *http);
/* Ends everything in flight with FAILURE_CANCELED; `closed` (may be NULL) runs after the last
 * `done`. Never waits for the network. Upstreams must be closed before or with it: they die here.
 */
void http_close(struct http *http, void (*closed)(void *context), void *context);

#pragma GCC visibility pop

#endif
