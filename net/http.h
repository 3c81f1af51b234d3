/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP exchanges on a libuv loop, through libcurl's multi-socket interface.
 *
 * A `struct http` serves one loop and is called only from that loop's thread. A `struct upstream`
 * is one server as we know it: where it is, whom we trust, how many requests it may have in flight.
 * What does not fit waits in a queue of ours, fair between lanes, so that no exchange spends its
 * deadline inside libcurl's.
 *
 * The promise is that of base/operation.h. One deadline covers everything: the wait in the queue,
 * every try, every pause between tries, every redirect.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/attributes.h"
#include "base/failure.h"
#include "base/operation.h"
#include "base/secret.h"
#include "base/text.h"
#include "net/life.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct upstream;

/* ---- servers --------------------------------------------------------------------------------- */

/* Copied by upstream_open(). NULL or 0 means the default. */
struct upstream_settings {
    const char *origin; /* "https://host[:port][/base/path]"; "http://" only to loopback or when
                           `allow_plain`; with unix_socket the host names only the Host header */
    const char *unix_socket; /* path of a Unix socket instead of TCP */
    const char *ca_file;     /* PEM, replaces the system's roots; NULL: the system's bundle file */
    const char *ca_folder;   /* the PEM files in it, beside ca_file; read once */
    struct text ca_pem;      /* certificates themselves, beside both */
    const char *client_cert_file, *client_key_file; /* PEM; both or neither */
    struct text client_cert_pem;                    /* the same, given as text instead */
    const struct secret *client_key_pem;
    const char *server_name; /* for SNI and verification instead of the host */
    const char *proxy;       /* URL; "": none; NULL: none either, unless
                                http_use_environment_proxies() was called */
    const char *user_agent;  /* default "keydrift/VERSION" */
    const char
        *name; /* begins every failure text, e.g. "vault https://...:8200"; default: origin */
    unsigned max_in_flight;         /* default 16 */
    unsigned max_connections;       /* default 4 */
    bool allow_plain;               /* http:// beyond loopback (IMDS needs it) */
    bool accept_any_certificate;    /* VAULT_SKIP_VERIFY: only for the user who asked for it */
    const char *pinned_certificate; /* its SHA-1 thumbprint in hex: the server must have this very
                                       certificate, whoever signed it, for whatever name */
};

/* NULL with `why`: a bad origin, a file that is not there, out of memory. */
struct upstream *upstream_open(struct http *http, const struct upstream_settings *settings,
                               struct failure *why);
/* Another server that is trusted, spoken to and presented with a certificate as `model` is: the
 * same but for origin and name. Not for Unix sockets. */
struct upstream *upstream_open_like(const struct upstream *model, const char *origin,
                                    const char *name, struct failure *why);
/* Ends what is in flight there with FAILURE_CANCELED. NULL is fine. */
void upstream_close(struct upstream *upstream);
/* Requests on the wire and in the queue, for tests and metrics. */
void upstream_load(const struct upstream *upstream, unsigned *in_flight, unsigned *waiting);

/* ---- one request ----------------------------------------------------------------------------- */

enum http_retry {
    HTTP_RETRY_NEVER,  /* one try, whatever happens */
    HTTP_RETRY_UNSENT, /* again only where the server cannot have acted: no connection was made, or
                          it answered 429, or 503 with Retry-After */
    HTTP_RETRY_SAFE,   /* idempotent: also after lost connections, time-outs of one try, 500 502 503
                          504   408 429 */
};

struct http_header {
    const char *name;
    struct text value; /* no control characters; checked */
    const struct secret
        *secret; /* when set: the value is `value` followed by this, and wiped after use */
};

/* Everything is copied by http_send(). */
struct http_request {
    const char *method; /* "GET" when NULL; any token: LIST, PATCH ... */
    const char *target; /* path and query below the origin, already encoded: "/v1/sys/health" */
    const struct http_header *headers;
    size_t header_count;
    struct text body;        /* start NULL: none. Wiped after use. A POST or PUT without one sends
                                Content-Length: 0 */
    uint32_t deadline_ms;    /* for the whole operation; default 30,000 */
    uint32_t try_timeout_ms; /* for one try; default: what is left of the deadline */
    size_t max_answer;       /* bytes of body; default 1 MiB */
    enum http_retry retry;
    unsigned max_tries;  /* default 4; a lost kept-alive connection costs none */
    bool answers_end_it; /* no try follows an answer, whatever its status: that is for the caller */
    unsigned lane;       /* queues are fair between lanes, first come first served within one */
    unsigned
        max_redirects; /* default 0: a 3xx is an answer like any other. Otherwise 307 and 308 are
                          followed with method and body, and for GET 301, 302, 303 too, to the
                          same origin, or to one `may_redirect` allows; never from https to http.
                          Elsewhere: FAILURE_PROTOCOL that names the place refused. Another origin
                          gets no secret header, no Authorization, Cookie or X-Vault-*, no client
                          certificate; a request with a body does not go there at all */
    bool (*may_redirect)(struct text origin, void *context); /* NULL: the same origin only */
    void *redirect_context;
};

struct http_answer {
    int status;
    struct text body; /* NUL-terminated behind its size, for convenience */
    const struct http_headers *headers;
    unsigned tries;
    uint64_t elapsed_ms; /* since http_send(), waiting included */
};

/* The first header of that name (any case), or the empty text with start NULL. */
struct text http_answer_header(const struct http_answer *answer, const char *name);
/* Retry-After in milliseconds (seconds or a date, read against the answer's Date header or else our
 * clock), or Azure's more exact retry-after-ms or x-ms-retry-after-ms; capped at an hour; 0 when
 * absent or not understood. */
uint32_t http_answer_retry_after_ms(const struct http_answer *answer);

/* Any complete answer, whatever its status, is a success here: what it means is for the caller. On
 * success `failure` is NULL, otherwise `answer` is. Both die with the call. After HTTP_RETRY_SAFE
 * tries ran out on an answer, that answer is handed over. Kinds: CANCELED TIMEOUT NETWORK PROTOCOL
 * TOO_LARGE INVALID INTERNAL. A failure of a request that may have reached the server (sent, no
 * complete answer) under NEVER or UNSENT with a method other than GET, HEAD, LIST is AMBIGUOUS. */
typedef void http_done(const struct http_answer *answer, const struct failure *failure,
                       void *context);
/* Stands in its text then, behind the upstream's name: for a caller to take out who changed nothing
 * that anybody would miss. */
#define HTTP_DOUBT ": the change may or may not have been made"

/* NULL, and `done` never runs, when out of memory or closing. An unusable request (bad target or
 * header) ends with FAILURE_INVALID through `done`. */
struct operation *http_send(struct upstream *upstream, const struct http_request *request,
                            http_done *done, void *context);

#endif
