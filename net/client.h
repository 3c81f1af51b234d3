/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the HTTP client: what its files share.
 *
 *   http.c      the client: the one place where outcomes are told and waiting exchanges start
 *   upstream.c  one server: settings, and how many exchanges it may have in flight
 *   lanes.c     the fair queue in front of it
 *   exchange.c  one operation: tries, pauses, redirects, and its end
 *   attempt.c   one try of it: a libcurl transfer
 *   redirect.c  where an answer may send it
 *   headers.c   what the answer's headers say
 *   request.c   the owner's request, checked and copied
 *   explain.c   what libcurl's result means, in plain words
 *
 * Ending and telling are two steps. exchange_end() may be called anywhere and touches no libcurl;
 * the exchange is settled later, on its own turn of the loop, where everything may be called.
 */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include "base/buffer.h"
#include "net/http.h"
#include "net/multi.h"
#include "net/origin.h"

#include <curl/curl.h>
#include <sys/queue.h>

struct exchange;
TAILQ_HEAD(exchanges, exchange);

/* ---- lanes.c --------------------------------------------------------------------------------- */

#define LANE_BUCKETS 32

struct lane {
    TAILQ_ENTRY(lane) turn;   /* round robin over the lanes where somebody waits */
    LIST_ENTRY(lane) sibling; /* in its bucket */
    struct exchanges waiting;
    unsigned number;
};

struct lanes {
    TAILQ_HEAD(, lane) turns;
    LIST_HEAD(, lane) buckets[LANE_BUCKETS];
    unsigned waiting;
};

void lanes_init(struct lanes *lanes);
/* Puts it at the end of its lane, or at the front. False when out of memory. */
must_use bool lanes_add(struct lanes *lanes, struct exchange *exchange, bool in_front);
void lanes_remove(struct lanes *lanes, struct exchange *exchange);
/* Takes out whose turn it is, or NULL. */
struct exchange *lanes_next(struct lanes *lanes);

/* ---- request.c ------------------------------------------------------------------------------- */

struct request {
    char *method, *target;
    char *body; /* NULL: none */
    size_t body_size;
    struct curl_slist *headers;        /* all of them */
    struct curl_slist *public_headers; /* those another origin may see; built when needed */
    size_t max_answer;
    uint32_t deadline_ms, try_timeout_ms;
    enum http_retry retry;
    unsigned max_tries, lane, max_redirects;
    bool answers_end_it;
    bool (*may_redirect)(struct text origin, void *context);
    void *redirect_context;
};

/* False when out of memory. An unusable request is copied as far as needed and `*unusable` says
 * why. */
must_use bool request_copy(const struct http_request *from, const char *host_line,
                           struct request *ret, const char **unusable);
void request_clear(struct request *request);
/* GET, HEAD and LIST change nothing at the server. */
bool request_only_reads(const struct request *request);

/* ---- exchange.c ------------------------------------------------------------------------------ */

enum exchange_state {
    EXCHANGE_NEW,
    EXCHANGE_WAITING, /* in a lane */
    EXCHANGE_RUNNING, /* libcurl has it */
    EXCHANGE_PAUSED,  /* until its timer says to try again */
    EXCHANGE_ENDED,   /* in http->ended, to be settled */
    EXCHANGE_TOLD,    /* `done` runs or ran; only its timer is closing */
};

/* How a try, or the whole exchange, ended. */
enum ending {
    ENDING_NONE,
    ENDING_BY_CURL, /* see `result` */
    ENDING_TRY_TIMEOUT,
    ENDING_MULTI_BROKEN,
    ENDING_TIMEOUT, /* the deadline; this and the following are final */
    ENDING_CANCELED,
    ENDING_CLOSED,
    ENDING_BODY_TOO_LARGE,
    ENDING_HEADERS_TOO_LARGE,
    ENDING_NO_MEMORY,
    ENDING_UNUSABLE, /* see `unusable` */
};

struct http_headers {
    struct buffer lines; /* "Name: value\r\n" of the last header block */
    size_t total;        /* bytes of all blocks, interim answers included */
    bool is_complete;
};

struct exchange {
    struct operation operation; /* first: what the owner holds */
    enum exchange_state state;
    enum ending ending;
    TAILQ_ENTRY(exchange) link;   /* in its lane or in http->ended */
    LIST_ENTRY(exchange) sibling; /* in upstream->exchanges */
    struct http *http;
    struct upstream *upstream; /* NULL once told */
    struct lane *lane;
    http_done *done;
    void *context;
    struct request request;
    const char *unusable;
    struct origin *elsewhere; /* after a redirect to another origin; NULL: the upstream's own */
    uv_timer_t timer;         /* the next of deadline, end of try, end of pause */
    uint64_t started_at, deadline_at; /* uv_now() milliseconds */
    uint64_t try_limit_ms;
    unsigned tries, redirects;
    enum ending stopped; /* by the owner, while an outcome waited to be settled */
    bool has_slot;       /* counts in upstream->in_flight */
    bool is_redirected;  /* the target is now the whole path */
    bool continues;      /* the same try goes on: after a redirect or a lost connection */
    bool is_second_go;   /* of a try whose kept-alive connection was lost: on a fresh one */

    /* The try under way or just over; attempt.c. */
    CURL *easy;
    CURLcode result;
    bool is_added;
    bool was_sent;       /* a connection was there and the request on its way: the server may act */
    bool resend_refused; /* libcurl wanted to send it again by itself */
    size_t refusals;     /* wiping_refusals() when it began */
    struct http_headers headers;
    struct buffer body;
    char curl_text[CURL_ERROR_SIZE];
};

struct exchange *exchange_new(struct upstream *upstream, const struct http_request *request,
                              http_done *done, void *context);
/* The first outcome wins; later ones are ignored. Safe anywhere: touches no libcurl. */
void exchange_end(struct exchange *exchange, enum ending ending);
bool exchange_is_late(const struct exchange *exchange);
/* Takes one that was taken out of its lane. */
void exchange_start(struct exchange *exchange);
/* Decides what follows an end: another try, or telling the owner. */
void exchange_settle(struct exchange *exchange);

/* ---- attempt.c ------------------------------------------------------------------------------- */

/* False, with nothing left behind, when out of memory. */
must_use bool attempt_start(struct exchange *exchange, uint64_t timeout_ms);
/* Takes it out of libcurl; what it found stays readable until attempt_clear(). */
void attempt_stop(struct exchange *exchange);
void attempt_clear(struct exchange *exchange);
int attempt_status(const struct exchange *exchange);
bool attempt_reused_connection(const struct exchange *exchange);
/* libcurl itself gave up on a header of the answer, before we were shown any of it. */
bool attempt_met_endless_header(const struct exchange *exchange);

/* ---- redirect.c ------------------------------------------------------------------------------ */

bool redirect_applies(const struct exchange *exchange, const struct http_answer *answer);
/* Points the exchange at the new place. False with `failure` when it may not go there. */
bool redirect_follow(struct exchange *exchange, const struct http_answer *answer,
                     struct failure *failure);
void redirect_forget(struct exchange *exchange);

/* ---- explain.c ------------------------------------------------------------------------------- */

/* Fills `failure` for a try that libcurl ended with an error. */
void explain(const struct exchange *exchange, uint64_t waited_ms, struct failure *failure);
/* "30 s", "1.5 s", "250 ms" */
const char *explain_duration(uint64_t ms, char out[32]);

/* ---- upstream.c ------------------------------------------------------------------------------ */

struct upstream {
    LIST_ENTRY(upstream) sibling;
    struct http *http;
    struct origin origin;
    struct origin verified; /* what libcurl is told: the same with the server name as its host */
    char *name, *unix_socket, *ca_file, *client_cert_file, *client_key_file;
    struct buffer ca_pem;  /* instead of ca_file when there are several sources */
    char *client_cert_pem; /* instead of the files */
    struct secret *client_key_pem;
    struct curl_slist *connect_to; /* with a server name of its own: where to connect instead */
    char *host_line;               /* and the Host header that was meant */
    char *proxy, *user_agent;
    unsigned max_in_flight, max_connections;
    bool allow_plain, accept_any_certificate, is_pinned;
    uint8_t pinned[20]; /* SHA-1 of the server's certificate */
    bool speaks_http2;  /* as of the last answer */
    bool is_closing;
    struct lanes lanes;
    LIST_HEAD(, exchange) exchanges;
    unsigned in_flight;
};

/* Starts what may start. */
void upstream_pump(struct upstream *upstream);
/* What a complete answer says about the server. */
void upstream_learn(struct upstream *upstream, CURL *easy);
/* Frees it when it is closing and its last exchange is gone. */
void upstream_release(struct upstream *upstream);

/* ---- http.c ---------------------------------------------------------------------------------- */

struct http {
    uv_loop_t *loop;
    uv_thread_t thread;
    struct multi multi;
    CURLSH *share;    /* TLS sessions outlive their handles */
    uv_idle_t settle; /* runs only while there is something to do */
    struct exchanges ended;
    LIST_HEAD(, upstream) upstreams;
    unsigned exchange_count; /* not yet told */
    unsigned open_handles;   /* libuv handles of ours not yet closed, and one for multi */
    bool is_closing, is_shut;
    bool uses_environment; /* its proxies */
    void (*closed)(void *context);
    void *closed_context;
};

/* On the next turn of the loop. */
void http_settle_soon(struct http *http);
void http_handle_closed(struct http *http);
/* After the upstreams changed. */
void http_update_limits(struct http *http);

#endif
