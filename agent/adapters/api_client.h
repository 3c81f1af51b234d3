/* SPDX-License-Identifier: Apache-2.0 */
/* ports/api.h, answered by the daemon at the other end of a Unix socket. To commands it looks the
 * same as an agent in their own process. */
#ifndef AGENT_ADAPTERS_API_CLIENT_H
#define AGENT_ADAPTERS_API_CLIENT_H

#include "agent/ports/api.h"
#include "net/http.h"

struct api_client;

/* Does somebody listen there? Asked at once, without a loop. */
bool api_client_probe(const char *socket_path);

/* Sends nothing yet. NULL with `why`: no usable path, out of memory. */
struct api_client *api_client_open(struct http *http, const char *socket_path, struct failure *why);
/* What is in flight ends with status 503. NULL is fine. Always returns NULL. */
struct api_client *api_client_close(struct api_client *client);

/* Its `handle` also answers where there was no answer: with {"error":...,"exit":2} and the status
 * 503 (nobody there, or canceled), 504 (too late) or 502. The requester is not sent: the daemon
 * knows. */
struct api *api_client_api(struct api_client *client);

#endif
