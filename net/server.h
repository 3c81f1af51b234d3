/* SPDX-License-Identifier: Apache-2.0 */
/* A small HTTP/1.1 server: llhttp on libuv, OpenSSL for TLS. For the agent's own API and the lab.
 *
 * Careful rather than complete: any Transfer-Encoding in a request, any body over its cap, any
 * header over its cap, and any doubt closes the connection (after a 4xx where that is safe).
 * Keep-alive yes, pipelined requests are answered in order, upgrades are ignored.
 *
 * One `struct server_call` is one request: it lives from `on_call` until the owner has answered it
 * with exactly one of the server_reply functions, which may happen at once or later. If the peer
 * goes away first, the call stays valid, `on_gone` (when set) tells, and the answer goes nowhere. A
 * request whose answer was given inside on_call can be read until on_call returns.
 *
 * The program must ignore SIGPIPE.
 */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include "base/attributes.h"
#include "base/failure.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

struct server;
struct server_call;

struct server_header {
    struct text name, value;
};

/* Valid while the call lives. */
struct server_request {
    struct text method, path,
        query; /* path still percent-encoded; query without '?' (start NULL: none) */
    const struct server_header *headers;
    size_t header_count;
    struct text body;
    bool is_unix; /* came over a Unix socket: then the three below are the peer's */
    uid_t peer_uid;
    gid_t peer_gid;
    pid_t peer_pid;
};

typedef void server_on_call(struct server_call *call, const struct server_request *request,
                            void *context);

struct server_settings {
    const char *listen; /* "127.0.0.1:0", "[::1]:8210", "unix:/path" (mode 0600; a stale socket
                           file is replaced, a live one is an error) */
    const char *tls_cert_pem,
        *tls_key_pem;           /* contents; both: HTTPS, TLS 1.2 or newer, ALPN http/1.1 */
    size_t max_body;            /* default 1 MiB */
    size_t max_headers;         /* bytes of request line and headers; default 16 KiB */
    unsigned max_connections;   /* default 256; more are refused at once */
    uint32_t header_timeout_ms; /* default 10,000: from first byte to last header byte */
    uint32_t
        idle_timeout_ms; /* default 120,000: kept-alive without a request; also for a whole
                            body to   arrive, and for an answer to be read. A new connection that
                            says   nothing, or no TLS handshake, is given header_timeout_ms. */
    server_on_call *on_call;
    void *context;
};

/* NULL with `why` when it cannot listen. Strings are copied. */
struct server *server_open(uv_loop_t *loop, const struct server_settings *settings,
                           struct failure *why);
/* The TCP port it listens on; 0 for a Unix socket. */
uint16_t server_port(const struct server *server);
/* Stops listening, drops every connection, removes its socket file; `closed` (may be NULL) runs
 * once all is gone. Calls not yet answered stay valid until they are answered. */
void server_close(struct server *server, void (*closed)(void *context), void *context);

/* The first header of that name (any case), or the empty text with start NULL. */
struct text server_header(const struct server_request *request, const char *name);
/* The decoded value of a query or form parameter (names are matched without case when `any_case`),
 * to memory_free(); NULL when absent. '+' is a space. */
must_use char *server_parameter(struct text query_or_form, const char *name, bool any_case);
const struct server_request *server_call_request(const struct server_call *call);
/* Tells when the peer, or server_close(), closed before the answer; never from inside
 * server_close(). To be set from on_call: later it may be too late. */
void server_call_on_gone(struct server_call *call, void (*on_gone)(struct server_call *, void *),
                         void *context);

/* Each ends the call. Content-Length is added; Date and "Cache-Control: no-store" too unless given.
 * Texts are copied. Status 204 and 304 carry no body. */
void server_reply(struct server_call *call, int status, const struct server_header *headers,
                  size_t header_count, struct text body);
void server_reply_json(struct server_call *call, int status, struct text body);
/* For a server that misbehaves on purpose: exactly these bytes, then the connection is closed. */
void server_reply_raw(struct server_call *call, struct text bytes);
/* Drops the connection with a TCP reset, without an answer. */
void server_reset(struct server_call *call);

/* The standard phrase: "Not Found". "Unknown" otherwise. */
const char *http_status_phrase(int status);

#endif
