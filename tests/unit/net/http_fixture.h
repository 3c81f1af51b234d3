/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the HTTP client share: a loop, a loopback server, a client, an upstream, and a
 * place where outcomes are noted down. */
#ifndef TESTS_UNIT_NET_HTTP_FIXTURE_H
#define TESTS_UNIT_NET_HTTP_FIXTURE_H

#include "net/http.h"
#include "tests/support/loopback.h"
#include "tests/support/test.h"

#define OK_ANSWER    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define STATUS(line) "HTTP/1.1 " line "\r\nContent-Length: 0\r\n\r\n"

struct fixture {
    uv_loop_t loop;
    struct loopback *server;
    struct http *http;
    struct upstream *upstream;
    unsigned closes; /* of the client */
};

/* What one `done` saw. Zeroed before it is handed to http_send(). */
struct seen {
    unsigned calls, order; /* order: the how-manieth of all */
    int status;
    unsigned tries;
    uint64_t elapsed_ms;
    char body[64];
    size_t body_size;
    char location[128];
    uint32_t retry_after_ms;
    struct failure failure;
    void (*then)(void *context); /* runs inside `done` */
    void *context;
};

/* The whole scene with a plain server and default settings. */
void fixture_open(struct fixture *fixture);
/* With these; an `origin` of NULL is the server's. */
void fixture_open_with(struct fixture *fixture, const struct loopback_settings *server,
                       struct upstream_settings settings);
/* Closes what is still open; asserts that everything told was told and nothing is left. */
void fixture_close(struct fixture *fixture);

struct upstream *fixture_upstream(struct fixture *fixture, struct upstream_settings settings);
struct operation *fixture_send(struct upstream *upstream, struct http_request request,
                               struct seen *seen);
struct operation *fixture_get(struct fixture *fixture, const char *target, struct seen *seen);
/* Until `seen` was called, at most 20 s. */
void fixture_wait(struct fixture *fixture, const struct seen *seen);
/* Sends and waits. */
void fixture_ask(struct fixture *fixture, struct http_request request, struct seen *seen);
/* Lets the loop run for so long. */
void fixture_idle(struct fixture *fixture, uint64_t ms);
void fixture_on_closed(void *context);

/* A new folder for certificates and sockets; removed by fixture_folder_remove(). */
const char *fixture_folder(void);
/* "<folder>/<name>"; a ring of a few static strings. */
const char *fixture_path(const char *name);
void fixture_folder_remove(void);

#endif
