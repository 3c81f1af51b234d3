/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the server share. One connection serves one call at a time: while a call waits
 * for its answer, or an answer is on its way, what the peer sends on is kept (up to a cap) but not
 * parsed.
 *
 * A connection is freed only from the close callbacks of its handles, so every function may drop it
 * and return; `state` says CONNECTION_CLOSED from then on.
 */
#ifndef NET_SERVER_INTERNAL_H
#define NET_SERVER_INTERNAL_H

#include "base/buffer.h"
#include "net/server.h"

#include <llhttp.h>
#include <openssl/ssl.h>
#include <sys/queue.h>
#include <time.h>

enum {
    CONNECTION_MAX_HEADERS = 100,
    CONNECTION_READ_SIZE = 64 * 1024,
    CONNECTION_INPUT_SOFT = 64 * 1024,   /* over this, reading stops */
    CONNECTION_INPUT_HARD = 1024 * 1024, /* what one read can add on top never gets here */
    CONNECTION_LINGER_MS = 1000,         /* for the peer to read our last bytes and close */
    SERVER_BACKLOG = 512
};

union server_stream {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

enum connection_state {
    CONNECTION_IDLE,      /* between requests */
    CONNECTION_HEAD,      /* a request line or headers are awaited */
    CONNECTION_BODY,      /* headers are complete */
    CONNECTION_ANSWERING, /* the owner has the call */
    CONNECTION_SENDING,   /* the answer is being written */
    CONNECTION_DRAINING,  /* all is said; waits a moment for the peer to close */
    CONNECTION_CLOSED     /* handles are being closed; nothing may happen any more */
};

/* In `head`: the name and, right behind it, the value. */
struct header_span {
    size_t at, name_size, value_size;
};

struct connection {
    TAILQ_ENTRY(connection) link;
    struct server *server;
    union server_stream peer;
    uv_timer_t timer;
    uv_shutdown_t shutdown;
    unsigned open_handles;
    bool is_spare;
    enum connection_state state;
    bool is_reading;
    bool is_ended;            /* the peer has closed its side */
    bool keep_alive;          /* after the current request */
    struct server_call *call; /* not yet answered */

    SSL *ssl; /* NULL: plain */
    BIO *from_peer, *to_peer;

    bool is_unix;
    uid_t peer_uid;
    gid_t peer_gid;
    pid_t peer_pid;

    llhttp_t parser;
    int refusal;        /* the status a parser callback has chosen; 0: 400 */
    size_t head_budget; /* raw bytes the head may still take */
    struct buffer head; /* target, then names and values */
    size_t target_size;
    struct header_span current; /* the header being read */
    struct header_span headers[CONNECTION_MAX_HEADERS];
    size_t header_count;
    struct buffer body;
    struct buffer input; /* read ahead, not parsed */
};

struct server_call {
    struct connection *connection; /* NULL: the peer is gone */
    struct server_request request;
    struct server_header *headers;
    struct buffer head, body;
    bool is_head_method, is_answered;
    bool is_held; /* on_call or on_gone is running: it frees the call afterwards */
    void (*on_gone)(struct server_call *, void *);
    void *gone_context;
};

struct server {
    uv_loop_t *loop;
    union server_stream listener;
    SSL_CTX *tls;
    size_t max_body, max_headers;
    unsigned max_connections;
    uint32_t header_timeout_ms, idle_timeout_ms;
    server_on_call *on_call;
    void *context;
    TAILQ_HEAD(, connection) connections;
    unsigned connection_count;
    bool is_closing, is_listener_closed;
    void (*closed)(void *context);
    void *closed_context;
    uint16_t port;
    bool is_unix;
    /* Takes a connection there is no memory for, to drop it: until somebody accepts, libuv hears no
     * more. */
    struct connection *spare;
    bool is_accept_due; /* the spare is in use */
    char *socket_path;  /* NULL when there is none to remove */
    dev_t socket_device;
    ino_t socket_inode;
    char date[40];
    time_t date_at;
    char scratch[CONNECTION_READ_SIZE]; /* one read at a time, consumed before the next */
};

/* server_listen.c: a listening, non-blocking socket, or -1 with `why`. Fills port or socket_*. */
must_use int server_listen_fd(struct server *server, const char *listen_at, struct failure *why);
/* Removes the socket file if it is still the one we made. */
void server_unlink(struct server *server);

/* server.c: frees the connection; the server may be gone too when this returns. */
void server_forget(struct server *server, struct connection *connection);

/* server_connection.c */
void connection_accept(struct server *server);
void connection_drop(struct connection *connection);
void connection_reset(struct connection *connection);
/* Plain bytes from the peer. */
void connection_input(struct connection *connection, struct text text);
/* The peer will send no more. */
void connection_ended(struct connection *connection);
/* Parses on after an answer, or ends. */
void connection_answered(struct connection *connection);

void connection_timer(struct connection *connection, uint32_t timeout_ms);
/* Says that we send no more, and closes when the peer does, or after CONNECTION_LINGER_MS. */
void connection_finish(struct connection *connection);

/* server_parser.c */
void connection_parser_init(struct connection *connection);
/* Parses some of `text`, and returns what is left of it. */
struct text connection_parse(struct connection *connection, struct text text);

/* server_write.c */
/* `first` and then `second`; the state is SENDING until connection_answered(). */
void connection_send_reply(struct connection *connection, struct text first, struct text second);
/* Something that is not the end of an answer: 100 Continue. */
void connection_send_part(struct connection *connection, struct text bytes);
/* Encrypted bytes that OpenSSL wants out. */
void connection_flush_tls(struct connection *connection);

/* server_call.c */
/* Makes the call of the request just parsed and tells the owner; false when out of memory. */
must_use bool connection_start_call(struct connection *connection);
/* The connection is no more: tells the owner. */
void call_gone(struct server_call *call);
/* Answers a request that never became a call, and closes. */
void connection_refuse(struct connection *connection, int status);

/* server_tls.c */
must_use SSL_CTX *server_tls_new(const char *cert_pem, const char *key_pem, struct failure *why);
must_use bool connection_tls_start(struct connection *connection);
void connection_tls_input(struct connection *connection, struct text raw);
/* False when it must be dropped. */
must_use bool connection_tls_write(struct connection *connection, struct text plain);
/* Puts a close_notify into to_peer, if we are that far. */
void connection_tls_goodbye(struct connection *connection);

#endif
