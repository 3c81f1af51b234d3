/* SPDX-License-Identifier: Apache-2.0 */
/* Hands requests that come over a Unix socket to ports/api.h. Only root and the user this process
 * runs as are let in: the socket's mode says so, and so do the peer's credentials. */
#ifndef AGENT_ADAPTERS_HTTP_API_H
#define AGENT_ADAPTERS_HTTP_API_H

#include "agent/ports/api.h"

#include <uv.h>

struct http_api;

/* `listen` is "unix:PATH"; anything else is INVALID. NULL with `why` when it cannot listen. */
struct http_api *http_api_open(uv_loop_t *loop, const char *listen, struct failure *why);
/* Who answers from now on. NULL, as at the start: nobody, and callers are told so (503). What an
 * earlier one has begun to answer goes on there. */
void http_api_serve(struct http_api *http_api, struct api *api);
/* Stops listening and cancels what is being answered; `closed` (may be NULL) runs once all of it
 * has ended. */
void http_api_close(struct http_api *http_api, void (*closed)(void *context), void *context);

#endif
