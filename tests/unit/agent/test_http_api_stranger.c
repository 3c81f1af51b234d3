/* SPDX-License-Identifier: Apache-2.0 */
/* Another user at the socket. Only root can become one, so without root there is nothing to run. */
#include "agent/adapters/http_api.h"
#include "tests/support/test.h"
#include "tests/unit/agent/desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define STRANGER 65533

static struct desk desk;
static unsigned asked;

static struct operation *never_asked(struct api *self, const struct api_request *request,
                                     api_done *done, void *context)
{
    (void)self, (void)request, (void)done, (void)context;
    asked++;
    return NULL;
}

/* In a process of its own: what the daemon answers, on standard output's place. */
static void ask_as_stranger(const char *path, int out)
{
    static const char request[] = "GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    char bytes[1000];
    ssize_t size;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (setgid(STRANGER) || setuid(STRANGER) ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
        write(fd, request, sizeof(request) - 1) < 0)
        _exit(1);
    while ((size = read(fd, bytes, sizeof(bytes))) > 0)
        if (write(out, bytes, (size_t)size) != size)
            _exit(2);
    _exit(0);
}

TEST(another_user_is_turned_away_even_where_the_files_mode_lets_him_in)
{
    char folder[] = "/tmp/keydrift-api-XXXXXX", path[100], listen_on[120], answer[1000] = {0};
    struct api api = {never_asked};
    struct failure why = {0};
    struct http_api *http_api;
    bool is_closed = false;
    int ends[2], status;
    pid_t child;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/socket", folder);
    snprintf(listen_on, sizeof(listen_on), "unix:%s", path);
    desk_open(&desk);
    http_api = http_api_open(&desk.loop, listen_on, &why);
    assert_non_null(http_api);
    http_api_serve(http_api, &api);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0)
        ask_as_stranger(path, ends[1]);
    close(ends[1]);
    while (waitpid(child, &status, WNOHANG) == 0)
        desk_run(&desk, 5);
    assert_int_equal(status, 0);
    assert_true(read(ends[0], answer, sizeof(answer) - 1) > 0);
    assert_memory_equal(answer, "HTTP/1.1 403", 12);
    assert_non_null(strstr(answer, "uid:65533 may not speak to this keydrift"));
    assert_int_equal(asked, 0);
    close(ends[0]);
    http_api_close(http_api, desk_on_closed, &is_closed);
    desk_wait(&desk, &is_closed);
    desk_close(&desk);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    if (geteuid() != 0) {
        puts("1..0 # SKIP only root can become another user");
        return 0;
    }
    return RUN(CASE(another_user_is_turned_away_even_where_the_files_mode_lets_him_in));
}
