/* SPDX-License-Identifier: Apache-2.0 */
/* A server on loopback that does what the test says, also what no good server does.
 *
 * Scripted by path: the n-th request to a path gets the n-th step of its script, the last step
 * again and again. It keeps every request it was sent, and on which connection.
 */
#ifndef TESTS_SUPPORT_LOOPBACK_H
#define TESTS_SUPPORT_LOOPBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct loopback;

enum loopback_act {
    LOOPBACK_ANSWER, /* keeps the connection; the default */
    LOOPBACK_LAST,   /* answers, then closes */
    LOOPBACK_CLOSE,  /* closes without an answer */
    LOOPBACK_RESET,  /* the same with a TCP reset */
    LOOPBACK_HANG,   /* says nothing */
    LOOPBACK_DRIP,   /* answers byte by byte, `delay_ms` between, then closes */
};

struct loopback_step {
    enum loopback_act act;
    const char *bytes; /* the whole answer, status line and all; must outlive the server */
    size_t fill;       /* so many 'x' behind it */
    uint32_t delay_ms; /* before it acts */
};

struct loopback_settings {
    const char *unix_path;            /* instead of TCP */
    const char *cert_file, *key_file; /* TLS */
    const char *client_ca_file;       /* and client certificates signed by it are demanded */
    bool tls_1_1_only;
};

struct loopback *loopback_open(uv_loop_t *loop, const struct loopback_settings *settings);
/* Frees itself when the loop has run on. */
void loopback_close(struct loopback *server);
/* "http://127.0.0.1:port" or https. */
const char *loopback_origin(const struct loopback *server);
int loopback_port(const struct loopback *server);

/* `steps` must outlive the server. */
void loopback_script(struct loopback *server, const char *path, const struct loopback_step *steps,
                     size_t count);
#define LOOPBACK_SCRIPT(server, path, ...)                                                         \
    do {                                                                                           \
        static const struct loopback_step steps_[] = {__VA_ARGS__};                                \
        loopback_script(server, path, steps_, sizeof(steps_) / sizeof(*steps_));                   \
    } while (0)

/* Requests seen so far. */
unsigned loopback_count(const struct loopback *server);
/* Head and body of the n-th, and the connection it came on, both counted from 0. */
const char *loopback_request(const struct loopback *server, unsigned n);
unsigned loopback_connection(const struct loopback *server, unsigned n);
/* Connections accepted so far, and of those still open. */
unsigned loopback_accepted(const struct loopback *server);
unsigned loopback_connected(const struct loopback *server);
/* Closes (or with `reset`: resets) every connection now. */
void loopback_drop(struct loopback *server, bool reset);
/* TLS: connections that resumed an earlier session; the last SNI and the protocols offered by ALPN,
 * comma-separated ("" when none). */
unsigned loopback_resumed(const struct loopback *server);
const char *loopback_server_name(const struct loopback *server);
const char *loopback_alpn(const struct loopback *server);

#endif
