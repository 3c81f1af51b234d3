/* SPDX-License-Identifier: Apache-2.0 */
/* Each allocation of the server fails in turn: whoever is served then may be dropped, nothing else
 * may happen. Linked with --wrap, so malloc() and calloc() of our own code, not of libraries, come
 * here. */
#include "tests/unit/net/server_bench.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static long countdown = -1; /* fails when it passes 0; negative: never */

static bool always_fails;

static bool fails_now(void)
{
    return always_fails || (countdown >= 0 && countdown-- == 0);
}

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

static const char request[] = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde"
                              "GET /json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/* What the server says until it closes. Allocates nothing itself. */
static void talk(struct bench *bench, char *answer, size_t limit)
{
    int fd = client_connect(bench);
    uint64_t since = bench_now();
    size_t size = 0;
    ssize_t got;

    assert_int_equal(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL), sizeof(request) - 1);
    do {
        assert_true(bench_now() - since < BENCH_PATIENCE_MS);
        bench_turn(bench, fd, POLLIN);
        got = recv(fd, answer + size, limit - 1 - size, 0);
        size += got > 0 ? (size_t)got : 0;
    } while (got > 0 || (got < 0 && errno == EAGAIN));
    answer[size] = '\0';
    close(fd);
}

TEST(a_failed_allocation_costs_at_most_its_own_connection)
{
    struct bench bench;
    char answer[4096];
    bool has_failed = true;
    int failures = 0;

    bench_open(&bench, (struct server_settings){0});
    for (long n = 0; has_failed; n++) {
        countdown = n;
        talk(&bench, answer, sizeof(answer));
        has_failed = countdown < 0;
        countdown = -1;
        failures += has_failed;
        assert_true(answer[0] == '\0' || strncmp(answer, "HTTP/1.1 ", 9) == 0);
        talk(&bench, answer, sizeof(answer));
        assert_contains(answer, "\r\n\r\nabcde");
        assert_contains(answer, "\r\n\r\n{}");
    }
    assert_true(failures > 8);
    bench_close(&bench);
}

TEST(connections_that_come_when_there_is_no_memory_do_not_deafen_the_server)
{
    struct bench bench;
    char answer[4096];
    int fds[5];

    bench_open(&bench, (struct server_settings){0});
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 5; i++)
            fds[i] = client_connect(&bench);
        always_fails = true;
        for (int i = 0; i < 5; i++) {
            ssize_t size;

            for (uint64_t since = bench_now(); (size = recv(fds[i], answer, 1, 0)) == -1 &&
                                               errno == EAGAIN && bench_now() - since < 5000;)
                bench_turn(&bench, fds[i], POLLIN);
            assert_true(size == 0 || errno == ECONNRESET);
            close(fds[i]);
        }
        always_fails = false;
        talk(&bench, answer, sizeof(answer));
        assert_contains(answer, "\r\n\r\nabcde");
    }
    bench_close(&bench);
}

TEST(a_server_that_finds_no_memory_says_so)
{
    for (long n = 0; n < 2; n++) {
        struct failure why = {0};
        struct server *server;
        uv_loop_t loop;

        uv_loop_init(&loop);
        countdown = n;
        server = server_open(
            &loop, &(struct server_settings){.listen = "127.0.0.1:0", .on_call = bench_on_call},
            &why);
        countdown = -1;
        assert_null(server);
        assert_int_equal(why.kind, FAILURE_INTERNAL);
        assert_int_equal(uv_loop_close(&loop), 0);
    }
}

int main(void)
{
    return RUN(CASE(a_failed_allocation_costs_at_most_its_own_connection),
               CASE(connections_that_come_when_there_is_no_memory_do_not_deafen_the_server),
               CASE(a_server_that_finds_no_memory_says_so));
}
