/* SPDX-License-Identifier: Apache-2.0 */
/* A server on loopback that does what the test says. */
#include "tests/support/loopback.h"

#include "tests/support/loopback_tls.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <unistd.h>

#define SCRIPTS  32
#define REQUESTS 4096
#define IN_LIMIT ((size_t)1 << 20)

struct script {
    const char *path;
    const struct loopback_step *steps;
    size_t count, next;
};

struct seen {
    char *text;
    unsigned connection;
};

struct peer {
    LIST_ENTRY(peer) link;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } socket;
    uv_timer_t timer;
    struct loopback *server;
    unsigned number;
    SSL *ssl;
    char *in; /* cleartext */
    size_t in_size;
    const struct loopback_step *step;
    size_t dripped;
    unsigned open_handles;
    bool is_closing;
};

struct loopback {
    uv_loop_t *loop;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } socket;
    bool is_unix;
    int port;
    char origin[64];
    SSL_CTX *tls;
    struct loopback_tls_news news;
    struct script scripts[SCRIPTS];
    size_t script_count;
    struct seen seen[REQUESTS];
    unsigned seen_count, accepted, connected;
    LIST_HEAD(, peer) peers;
    bool is_closed;
};

static void advance(struct peer *peer);

/* ---- going away ------------------------------------------------------------------------------ */

static void server_free(struct loopback *server)
{
    if (!server->is_closed || server->connected)
        return;
    for (unsigned i = 0; i < server->seen_count; i++)
        free(server->seen[i].text);
    SSL_CTX_free(server->tls);
    free(server);
}

static void on_peer_closed(uv_handle_t *handle)
{
    struct peer *peer = handle->data;
    struct loopback *server = peer->server;

    if (--peer->open_handles)
        return;
    LIST_REMOVE(peer, link);
    SSL_free(peer->ssl);
    free(peer->in);
    free(peer);
    server->connected--;
    server_free(server);
}

static void peer_close(struct peer *peer, bool reset)
{
    if (peer->is_closing)
        return;
    peer->is_closing = true;
    uv_close((uv_handle_t *)&peer->timer, on_peer_closed);
    if (reset && !peer->server->is_unix)
        uv_tcp_close_reset(&peer->socket.tcp, on_peer_closed);
    else
        uv_close(&peer->socket.handle, on_peer_closed);
}

/* ---- writing --------------------------------------------------------------------------------- */

struct sending {
    uv_write_t write;
    bool closes;
    struct peer *peer;
    char bytes[];
};

static void on_sent(uv_write_t *write, int status)
{
    struct sending *sending = write->data;

    if (sending->closes || status)
        peer_close(sending->peer, false);
    free(sending);
}

static void send_raw(struct peer *peer, const char *bytes, size_t size, bool closes)
{
    struct sending *sending = malloc(sizeof(*sending) + size);
    uv_buf_t buf = uv_buf_init(sending->bytes, (unsigned)size);

    if (size)
        memcpy(sending->bytes, bytes, size);
    sending->closes = closes;
    sending->peer = peer;
    sending->write.data = sending;
    if (peer->is_closing || uv_write(&sending->write, &peer->socket.stream, &buf, 1, on_sent))
        free(sending);
}

static void flush_tls(struct peer *peer, bool closes)
{
    char *bytes;
    long size = BIO_get_mem_data(SSL_get_wbio(peer->ssl), &bytes);

    if (size > 0 || closes)
        send_raw(peer, bytes, size > 0 ? (size_t)size : 0, closes);
    (void)BIO_reset(SSL_get_wbio(peer->ssl));
}

static void send_clear(struct peer *peer, const char *bytes, size_t size, bool closes)
{
    if (!peer->ssl) {
        send_raw(peer, bytes, size, closes);
        return;
    }
    SSL_write(peer->ssl, bytes, (int)size);
    if (closes)
        SSL_shutdown(peer->ssl);
    flush_tls(peer, closes);
}

/* ---- acting ---------------------------------------------------------------------------------- */

static void on_drip(uv_timer_t *timer)
{
    struct peer *peer = timer->data;
    const char *bytes = peer->step->bytes;
    bool is_last = !bytes[peer->dripped + 1];

    send_clear(peer, bytes + peer->dripped++, 1, is_last);
    if (is_last)
        uv_timer_stop(timer);
}

static void act(struct peer *peer)
{
    const struct loopback_step *step = peer->step;
    size_t size = step->bytes ? strlen(step->bytes) : 0;
    char *bytes;

    switch (step->act) {
    case LOOPBACK_ANSWER:
    case LOOPBACK_LAST:
        bytes = malloc(size + step->fill + 1);
        if (size)
            memcpy(bytes, step->bytes, size);
        memset(bytes + size, 'x', step->fill);
        send_clear(peer, bytes, size + step->fill, step->act == LOOPBACK_LAST);
        free(bytes);
        peer->step = NULL;
        advance(peer);
        break;
    case LOOPBACK_CLOSE:
        peer_close(peer, false);
        break;
    case LOOPBACK_RESET:
        peer_close(peer, true);
        break;
    case LOOPBACK_HANG:
        break;
    case LOOPBACK_DRIP:
        peer->dripped = 0;
        uv_timer_start(&peer->timer, on_drip, 1, step->delay_ms);
        break;
    }
}

static void on_delay(uv_timer_t *timer)
{
    act(timer->data);
}

static const struct loopback_step *step_for(struct loopback *server, const char *request)
{
    static const struct loopback_step not_found = {
        .bytes = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"};
    const char *path = strchr(request, ' ') + 1;
    size_t size = strcspn(path, " ?");

    for (size_t i = 0; i < server->script_count; i++) {
        struct script *script = &server->scripts[i];

        if (strlen(script->path) != size || memcmp(script->path, path, size) != 0)
            continue;
        return &script->steps[script->next + 1 < script->count ? script->next++ : script->next];
    }
    return &not_found;
}

/* The size of the first whole request in `in`, or 0. */
static size_t request_size(const struct peer *peer)
{
    const char *end = strstr(peer->in, "\r\n\r\n"), *line = peer->in;
    size_t head, body = 0;

    if (!end)
        return 0;
    head = (size_t)(end - peer->in) + 4;
    while ((line = strstr(line, "\r\n")) && line < end) {
        line += 2;
        if (!strncasecmp(line, "Content-Length:", 15))
            body = strtoul(line + 15, NULL, 10);
    }
    return head + body <= peer->in_size ? head + body : 0;
}

static void advance(struct peer *peer)
{
    struct loopback *server = peer->server;
    size_t size;
    char *text;

    if (peer->step || peer->is_closing || !(size = request_size(peer)))
        return;
    assert(server->seen_count < REQUESTS);
    text = strndup(peer->in, size);
    server->seen[server->seen_count++] = (struct seen){text, peer->number};
    peer->in_size -= size;
    memmove(peer->in, peer->in + size, peer->in_size + 1);
    peer->step = step_for(server, text);
    if (peer->step->delay_ms && peer->step->act != LOOPBACK_DRIP)
        uv_timer_start(&peer->timer, on_delay, peer->step->delay_ms, 0);
    else
        act(peer);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void on_room(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    static char room[65536];

    (void)handle, (void)size;
    *buf = uv_buf_init(room, sizeof(room));
}

static void take(struct peer *peer, const char *bytes, size_t size)
{
    assert(peer->in_size + size < IN_LIMIT);
    peer->in = realloc(peer->in, peer->in_size + size + 1);
    memcpy(peer->in + peer->in_size, bytes, size);
    peer->in_size += size;
    peer->in[peer->in_size] = '\0';
    advance(peer);
}

static void take_tls(struct peer *peer, const char *bytes, size_t size)
{
    char clear[16384];
    int got;

    BIO_write(SSL_get_rbio(peer->ssl), bytes, (int)size);
    if (!SSL_is_init_finished(peer->ssl)) {
        int done = SSL_do_handshake(peer->ssl);

        flush_tls(peer, done <= 0 && SSL_get_error(peer->ssl, done) == SSL_ERROR_SSL);
        if (done <= 0)
            return;
        peer->server->news.resumed += SSL_session_reused(peer->ssl) ? 1 : 0;
    }
    while (!peer->is_closing && (got = SSL_read(peer->ssl, clear, sizeof(clear))) > 0)
        take(peer, clear, (size_t)got);
    flush_tls(peer, false);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
    struct peer *peer = stream->data;

    if (size < 0)
        peer_close(peer, false);
    else if (size && peer->ssl)
        take_tls(peer, buf->base, (size_t)size);
    else if (size)
        take(peer, buf->base, (size_t)size);
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct loopback *server = stream->data;
    struct peer *peer = calloc(1, sizeof(*peer));

    assert(status == 0 && peer);
    peer->server = server;
    peer->number = server->accepted++;
    server->connected++;
    LIST_INSERT_HEAD(&server->peers, peer, link);
    if (server->is_unix)
        uv_pipe_init(server->loop, &peer->socket.pipe, 0);
    else
        uv_tcp_init(server->loop, &peer->socket.tcp);
    uv_timer_init(server->loop, &peer->timer);
    peer->socket.handle.data = peer->timer.data = peer;
    peer->open_handles = 2;
    if (server->tls)
        peer->ssl = loopback_tls_new(server->tls);
    status = uv_accept(stream, &peer->socket.stream);
    assert(status == 0);
    uv_read_start(&peer->socket.stream, on_room, on_read);
}

/* ---- the server ------------------------------------------------------------------------------ */

static void listen_unix(struct loopback *server, const char *path)
{
    int status;

    server->is_unix = true;
    unlink(path);
    uv_pipe_init(server->loop, &server->socket.pipe, 0);
    status = uv_pipe_bind(&server->socket.pipe, path);
    assert(status == 0);
    snprintf(server->origin, sizeof(server->origin), "http://localhost");
}

static void listen_tcp(struct loopback *server)
{
    struct sockaddr_in address;
    int size = sizeof(address), status;

    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(server->loop, &server->socket.tcp);
    status = uv_tcp_bind(&server->socket.tcp, (struct sockaddr *)&address, 0);
    assert(status == 0);
    uv_tcp_getsockname(&server->socket.tcp, (struct sockaddr *)&address, &size);
    server->port = ntohs(address.sin_port);
    snprintf(server->origin, sizeof(server->origin), "%s://127.0.0.1:%d",
             server->tls ? "https" : "http", server->port);
}

struct loopback *loopback_open(uv_loop_t *loop, const struct loopback_settings *settings)
{
    static const struct loopback_settings plain;
    struct loopback *server = calloc(1, sizeof(*server));
    int status;

    assert(server);
    if (!settings)
        settings = &plain;
    server->loop = loop;
    LIST_INIT(&server->peers);
    if (settings->cert_file)
        server->tls = loopback_tls_context(settings, &server->news);
    if (settings->unix_path)
        listen_unix(server, settings->unix_path);
    else
        listen_tcp(server);
    server->socket.handle.data = server;
    status = uv_listen(&server->socket.stream, 128, on_connection);
    assert(status == 0);
    return server;
}

static void on_server_closed(uv_handle_t *handle)
{
    struct loopback *server = handle->data;

    server->is_closed = true;
    server_free(server);
}

void loopback_close(struct loopback *server)
{
    loopback_drop(server, false);
    uv_close(&server->socket.handle, on_server_closed);
}

void loopback_drop(struct loopback *server, bool reset)
{
    struct peer *peer;

    LIST_FOREACH (peer, &server->peers, link) {
        peer_close(peer, reset);
    }
}

void loopback_script(struct loopback *server, const char *path, const struct loopback_step *steps,
                     size_t count)
{
    assert(server->script_count < SCRIPTS);
    server->scripts[server->script_count++] = (struct script){path, steps, count, 0};
}

const char *loopback_origin(const struct loopback *server)
{
    return server->origin;
}

int loopback_port(const struct loopback *server)
{
    return server->port;
}

unsigned loopback_count(const struct loopback *server)
{
    return server->seen_count;
}

const char *loopback_request(const struct loopback *server, unsigned n)
{
    return n < server->seen_count ? server->seen[n].text : "";
}

unsigned loopback_connection(const struct loopback *server, unsigned n)
{
    assert(n < server->seen_count);
    return server->seen[n].connection;
}

unsigned loopback_accepted(const struct loopback *server)
{
    return server->accepted;
}

unsigned loopback_connected(const struct loopback *server)
{
    return server->connected;
}

unsigned loopback_resumed(const struct loopback *server)
{
    return server->news.resumed;
}

const char *loopback_server_name(const struct loopback *server)
{
    return server->news.server_name;
}

const char *loopback_alpn(const struct loopback *server)
{
    return server->news.alpn;
}
