/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what a peer sends to the HTTP server, once in one piece and once in pieces (the
 * first byte says how small): the owner hears of the same requests, each within its caps, and what
 * comes back are answers. */
#include "net/server.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MAX_HEADERS = 1024, MAX_BODY = 128, LIMIT = 1 << 20 };

static struct server *server;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static struct buffer heard = {.limit = LIMIT};

static void on_call(struct server_call *call, const struct server_request *request, void *context)
{
    char *parameter = server_parameter(request->query, "a", false);
    char *field = server_parameter(request->body, "grant_type", true);

    (void)context;
    assert(request->is_unix && request->peer_uid == geteuid());
    assert(request->method.size && request->path.size && request->path.start[0] == '/');
    assert(text_is_printable(request->path) && text_is_printable(request->query));
    assert(request->body.size <= MAX_BODY && request->header_count <= 100);
    assert(!server_header(request, "Transfer-Encoding").start);
    buffer_append(&heard, request->method);
    buffer_append_byte(&heard, ' ');
    buffer_append(&heard, request->path);
    buffer_append_byte(&heard, '?');
    buffer_append(&heard, request->query);
    for (size_t i = 0; i < request->header_count; i++) {
        struct text value = request->headers[i].value;

        assert(request->headers[i].name.size && text_equal(value, text_trim(value)));
        assert(!text_contains_byte(value, '\n') && !text_contains_byte(value, '\r'));
        buffer_append(&heard, request->headers[i].name);
        buffer_append_byte(&heard, ':');
        buffer_append(&heard, value);
    }
    buffer_append_byte(&heard, '\n');
    buffer_append(&heard, request->body);
    buffer_append_byte(&heard, '\n');
    free(parameter);
    free(field);
    server_reply_json(call, 200, TEXT("{}"));
}

static void remove_socket(void)
{
    char directory[sizeof(address.sun_path)];

    unlink(address.sun_path);
    snprintf(directory, sizeof(directory), "%s", address.sun_path);
    *strrchr(directory, '/') = '\0';
    rmdir(directory);
}

static void set_up(void)
{
    char directory[] = "/tmp/keydrift-fuzz-XXXXXX", listen_at[128];
    struct server_settings settings = {
        .listen = listen_at,
        .max_headers = MAX_HEADERS,
        .max_body = MAX_BODY,
        .on_call = on_call,
    };

    signal(SIGPIPE, SIG_IGN);
    assert(mkdtemp(directory));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/api", directory);
    snprintf(listen_at, sizeof(listen_at), "unix:%s", address.sun_path);
    server = server_open(uv_default_loop(), &settings, NULL);
    assert(server && atexit(remove_socket) == 0);
}

/* Everything the server says until it closes. */
static void read_all(int fd, struct buffer *answers)
{
    char bytes[4096];
    ssize_t size = -1;

    for (unsigned turns = 0; size != 0 && turns < 10000; turns++) {
        uv_run(uv_default_loop(), UV_RUN_NOWAIT);
        size = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (size > 0)
            buffer_append(answers, (struct text){bytes, (size_t)size});
        else if (size < 0 && errno == ECONNRESET)
            size = 0;
    }
    assert(size == 0); /* it always closes: we have closed our side */
}

static void talk(struct text text, size_t piece)
{
    struct buffer answers = {.limit = LIMIT};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    buffer_reset(&heard);
    assert(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    for (size_t at = 0; at < text.size; at += piece) {
        struct text some = text_part(text, at, piece);

        if (send(fd, some.start, some.size, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)some.size)
            break;
        if (piece < text.size)
            uv_run(uv_default_loop(), UV_RUN_NOWAIT);
    }
    shutdown(fd, SHUT_WR);
    read_all(fd, &answers);
    close(fd);
    assert(answers.size == 0 || text_starts_with(buffer_text(&answers), TEXT("HTTP/1.1 ")));
    buffer_clear(&answers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text text = {(const char *)data, size < 16384 ? size : 16384};
    struct text request = text_part(text, 1, SIZE_MAX);
    struct buffer at_once = {.limit = LIMIT};

    if (!server)
        set_up();
    if (!size)
        return 0;
    talk(request, SIZE_MAX / 2);
    assert(buffer_append(&at_once, buffer_text(&heard)));
    talk(request, data[0] ? data[0] : 1);
    assert(text_equal(buffer_text(&at_once), buffer_text(&heard)));
    buffer_clear(&at_once);
    return 0;
}
