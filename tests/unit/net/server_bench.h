/* SPDX-License-Identifier: Apache-2.0 */
/* A server and raw clients on one thread: whenever a client waits, the server's loop turns. What
 * the server does is chosen by the path of the request. */
#ifndef TESTS_UNIT_NET_SERVER_BENCH_H
#define TESTS_UNIT_NET_SERVER_BENCH_H

#include "tests/support/test.h"

#include "base/buffer.h"
#include "net/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BENCH_MAX_HELD = 8, BENCH_PATIENCE_MS = 20000 };

struct bench {
    uv_loop_t loop;
    struct server *server;
    struct server_call *held[BENCH_MAX_HELD]; /* the calls to /later */
    size_t held_count;
    unsigned calls, gone;
    bool is_closed;
    struct server_request last; /* of the last call: numbers only */
    size_t last_body_size;
};

static inline void bench_on_gone(struct server_call *call, void *context)
{
    struct bench *bench = context;

    (void)call;
    bench->gone++;
}

static inline void bench_on_closed(void *context)
{
    struct bench *bench = context;

    bench->is_closed = true;
}

static inline void bench_on_call(struct server_call *call, const struct server_request *request,
                                 void *context)
{
    struct bench *bench = context;
    struct text path = request->path;

    bench->calls++;
    bench->last = *request;
    bench->last_body_size = request->body.size;
    if (text_is(path, "/later")) {
        assert_true(bench->held_count < BENCH_MAX_HELD);
        server_call_on_gone(call, bench_on_gone, bench);
        bench->held[bench->held_count++] = call;
    } else if (text_is(path, "/echo")) {
        server_reply(call, 200, NULL, 0, request->body);
    } else if (text_is(path, "/query")) {
        server_reply(call, 200, NULL, 0, request->query);
    } else if (text_is(path, "/header")) {
        server_reply(call, 200, NULL, 0, server_header(request, "x-test"));
    } else if (text_is(path, "/json")) {
        server_reply_json(call, 201, TEXT("{}"));
    } else if (text_is(path, "/nothing")) {
        server_reply(call, 204, NULL, 0, TEXT("not sent"));
    } else if (text_is(path, "/own")) {
        const struct server_header own[] = {{TEXT("Location"), TEXT("/a\r\nSet-Cookie: b")},
                                            {TEXT("date"), TEXT("today")},
                                            {TEXT("cache-control"), TEXT("max-age=1")},
                                            {TEXT("Content-Length"), TEXT("99")},
                                            {TEXT("Connection"), TEXT("close")}};

        server_reply(call, 302, own, sizeof(own) / sizeof(own[0]), TEXT("moved"));
    } else if (text_is(path, "/raw")) {
        server_reply_raw(call, TEXT("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut"));
    } else if (text_is(path, "/raw-nothing")) {
        server_reply_raw(call, TEXT(""));
    } else if (text_is(path, "/reset")) {
        server_reset(call);
    } else if (text_is(path, "/close")) {
        server_close(bench->server, bench_on_closed, bench);
        bench->server = NULL;
        server_reply(call, 200, NULL, 0, TEXT("too late"));
    } else if (text_is(path, "/twice")) {
        server_reply(call, 200, NULL, 0, TEXT("once"));
        server_reply(call, 200, NULL, 0, TEXT("twice"));
    } else {
        server_reply(call, 200, NULL, 0, path);
    }
}

/* Opens on 127.0.0.1 unless `settings` says where; the rest of `settings` is used as it is. */
static inline void bench_open(struct bench *bench, struct server_settings settings)
{
    struct failure why = {0};

    signal(SIGPIPE, SIG_IGN);
    memset(bench, 0, sizeof(*bench));
    assert_int_equal(uv_loop_init(&bench->loop), 0);
    settings.on_call = bench_on_call;
    settings.context = bench;
    if (!settings.listen)
        settings.listen = "127.0.0.1:0";
    bench->server = server_open(&bench->loop, &settings, &why);
    if (!bench->server)
        fail_msg("%s", why.text);
}

static inline void bench_close(struct bench *bench)
{
    if (bench->server)
        server_close(bench->server, bench_on_closed, bench);
    bench->server = NULL;
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_true(bench->is_closed);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
}

/* Turns the loop, and waits a moment for `fd` (or nobody, -1) or for the loop. */
static inline void bench_turn(struct bench *bench, int fd, short events)
{
    struct pollfd waits[] = {{.fd = uv_backend_fd(&bench->loop), .events = POLLIN},
                             {.fd = fd, .events = events}};
    int timeout;

    uv_run(&bench->loop, UV_RUN_NOWAIT);
    timeout = uv_backend_timeout(&bench->loop);
    poll(waits, 2, timeout < 0 || timeout > 5 ? 5 : timeout);
}

static inline uint64_t bench_now(void)
{
    return uv_hrtime() / 1000000;
}

#define bench_until(bench, condition)                                                              \
    for (uint64_t since = bench_now(); !(condition); bench_turn((bench), -1, 0))                   \
    assert_true(bench_now() - since < BENCH_PATIENCE_MS)

static inline int client_connect_to(const struct sockaddr *address, socklen_t size)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    if (connect(fd, address, size) < 0)
        assert_int_equal(errno, EINPROGRESS);
    return fd;
}

static inline int client_connect(struct bench *bench)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(server_port(bench->server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return client_connect_to((struct sockaddr *)&address, sizeof(address));
}

static inline int client_connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strcpy(address.sun_path, path);
    return client_connect_to((struct sockaddr *)&address, sizeof(address));
}

/* False when the server has closed meanwhile. */
static inline bool client_send(struct bench *bench, int fd, struct text bytes)
{
    uint64_t since = bench_now();

    while (bytes.size) {
        ssize_t sent = send(fd, bytes.start, bytes.size, MSG_NOSIGNAL);

        if (sent > 0)
            bytes = text_part(bytes, (size_t)sent, bytes.size);
        else if (errno != EAGAIN)
            return false;
        else
            bench_turn(bench, fd, POLLOUT);
        assert_true(bench_now() - since < BENCH_PATIENCE_MS);
    }
    return true;
}

/* What one turn brings: bytes, 0 at the end, -1 when there is nothing yet, -2 after a reset. */
static inline ssize_t client_receive(struct bench *bench, int fd, struct buffer *answer)
{
    char bytes[65536];
    ssize_t size;

    bench_turn(bench, fd, POLLIN);
    size = recv(fd, bytes, sizeof(bytes), 0);
    if (size < 0)
        return errno == EAGAIN ? -1 : -2;
    buffer_append(answer, (struct text){bytes, (size_t)size});
    return size;
}

/* Reads until `end` was seen; NULL: until the server closes. False when it ended otherwise. */
static inline bool client_read(struct bench *bench, int fd, struct buffer *answer, const char *end)
{
    for (uint64_t since = bench_now(); bench_now() - since < BENCH_PATIENCE_MS;) {
        ssize_t size;

        if (end && text_find(buffer_text(answer), text_of(end)) != SIZE_MAX)
            return true;
        size = client_receive(bench, fd, answer);
        if (size == 0 || size == -2)
            return !end && size == 0;
    }
    fail_msg("no end in time after: %.300s", answer->start ? answer->start : "");
    return false;
}

/* Sends it all on a new connection and gives everything the server says until it closes, to free().
 */
static inline char *client_talk(struct bench *bench, struct text request)
{
    struct buffer answer;
    int fd = client_connect(bench);

    buffer_init(&answer, 64 * 1024 * 1024);
    client_send(bench, fd, request);
    client_read(bench, fd, &answer, NULL);
    close(fd);
    return buffer_take(&answer);
}

static inline unsigned count_of(const char *where, const char *what)
{
    unsigned count = 0;

    for (; (where = strstr(where, what)); where += strlen(what))
        count++;
    return count;
}

#define assert_contains(where, what)                                                               \
    do {                                                                                           \
        if (!strstr((where), (what)))                                                              \
            fail_msg("no \"%s\" in \"%.600s\"", (what), (where));                                  \
    } while (0)
#define assert_lacks(where, what)                                                                  \
    do {                                                                                           \
        if (strstr((where), (what)))                                                               \
            fail_msg("\"%s\" in \"%.600s\"", (what), (where));                                     \
    } while (0)

#endif
