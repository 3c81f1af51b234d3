/* SPDX-License-Identifier: Apache-2.0 */
/* What a program that uses one of the clients does with the HTTP client below it: begin, and end.
 *
 *     net_global_init()           once per process
 *       http_open()               once per loop
 *         ..._client_open()       as many as there are servers
 *         ..._client_close()      and when its `closed` has run:
 *       http_close()              and when the loop has come to its end:
 *     net_global_cleanup()
 */
#ifndef NET_LIFE_H
#define NET_LIFE_H

#include "base/attributes.h"
#include "base/failure.h"

#include <stdbool.h>
#include <uv.h>

#pragma GCC visibility push(default)

struct http;

/* Before anything else but memory_use(), and before any other thread runs: libcurl and jansson get
 * allocators that wipe what they free. A program that uses libcurl itself, and has called
 * curl_global_init() before, keeps libcurl's memory as it is. One that uses jansson itself notices
 * nothing; functions that it gave jansson stay. False when libcurl resolves names blockingly or
 * lacks TLS; `why` may be NULL. No signal is touched, so the program itself must ignore or handle
 * SIGPIPE: a peer that goes away is told as a failure.
 *
 * The environment: nothing of it is read here. What stands below reads its own settings, as in
 * every program: OpenSSL OPENSSL_CONF and the like, libcurl SSLKEYLOGFILE (no key of ours goes
 * there), libuv UV_THREADPOOL_SIZE, the C library the resolver's and the locale's. */
must_use bool net_global_init(struct failure *why);
/* Once for each net_global_init(), behind the last http_close(). A library that was loaded stays in
 * memory, also after dlclose(): threads that look up names may still end in it. */
void net_global_cleanup(void);

/* Serves one loop, and is called only from the thread that called this and runs the loop. NULL when
 * out of memory. */
struct http *http_open(uv_loop_t *loop);
/* From now on a client that is opened goes through the proxies that HTTPS_PROXY, HTTP_PROXY,
 * ALL_PROXY and NO_PROXY name (in lower case first), unless its settings say otherwise. */
void http_use_environment_proxies(struct http *http);
/* Once, and not before the `closed` of every client has run. `closed` (may be NULL) runs from the
 * loop, as the last thing; then `http` is gone. Never waits for the network. */
void http_close(struct http *http, void (*closed)(void *context), void *context);

#pragma GCC visibility pop

/* The loop it serves, for clients that keep timers of their own. */
uv_loop_t *http_loop(const struct http *http);

#endif
