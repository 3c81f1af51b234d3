/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of adapters share: a loop, an HTTP client, and a server that answers what a test
 * lays out and keeps what it was asked. */
#ifndef TESTS_UNIT_AGENT_DESK_H
#define TESTS_UNIT_AGENT_DESK_H

#include "net/http.h"
#include "net/server.h"

#define DESK_ANSWERS  32
#define DESK_REQUESTS 64

struct desk_answer {
    char *where; /* "GET /path" or "GET /path?query" */
    int status;  /* 0: no answer, until desk_close() */
    char *body, *header;
};

struct desk_request {
    char *line, *body; /* "POST /path?query" */
    char *webhook_id, *webhook_timestamp, *webhook_signature, *content_type;
};

struct desk {
    uv_loop_t loop;
    uv_timer_t guard;
    struct http *http;
    struct server *server;
    char origin[64];
    struct desk_answer answers[DESK_ANSWERS];
    size_t answer_count;
    struct desk_request requests[DESK_REQUESTS];
    size_t request_count;
    struct server_call *hung[DESK_REQUESTS];
    size_t hung_count;
    bool is_late, is_closed;
};

void desk_open(struct desk *desk);
/* Nothing of the test may still use the loop. */
void desk_close(struct desk *desk);
/* Replaces what was laid out for `where`; what nothing is laid out for gets a Vault's 404. `header`
 * "Name: value" or NULL. */
void desk_answer(struct desk *desk, const char *where, int status, const char *body,
                 const char *header);
/* Runs the loop until `*flag`; fails the test after 10 s. */
void desk_wait(struct desk *desk, const bool *flag);
void desk_run(struct desk *desk, uint64_t ms);
/* How many requests' lines begin so. */
unsigned desk_count(const struct desk *desk, const char *line);
const struct desk_request *desk_last(const struct desk *desk, const char *line);
/* For functions that tell when they are closed: sets the bool that is its context. */
void desk_on_closed(void *flag);

#endif
