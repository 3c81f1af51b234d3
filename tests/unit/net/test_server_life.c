/* SPDX-License-Identifier: Apache-2.0 */
/* Who outlives whom: calls, connections, servers and socket files. */
#include "tests/unit/net/server_bench.h"

#include <sys/stat.h>
#include <sys/wait.h>

#define LATER "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"

static int hold_one(struct bench *bench)
{
    int fd = client_connect(bench);
    size_t before = bench->held_count;

    client_send(bench, fd, TEXT(LATER));
    bench_until(bench, bench->held_count == before + 1);
    return fd;
}

TEST(a_late_answer_arrives)
{
    struct bench bench;
    struct buffer answer;
    int fd;

    bench_open(&bench, (struct server_settings){0});
    buffer_init(&answer, 65536);
    fd = hold_one(&bench);
    assert_true(text_is(server_call_request(bench.held[0])->path, "/later"));
    assert_true(text_is(server_call_request(bench.held[0])->method, "GET"));
    assert_true(text_is(server_header(server_call_request(bench.held[0]), "HOST"), "a"));
    assert_null(server_header(server_call_request(bench.held[0]), "None").start);
    server_reply(bench.held[0], 200, NULL, 0, TEXT("late"));
    assert_true(client_read(&bench, fd, &answer, "\r\n\r\nlate"));
    close(fd);
    buffer_clear(&answer);
    bench_close(&bench);
}

TEST(a_call_whose_peer_left_is_told_and_still_to_be_answered)
{
    struct bench bench;
    int fd;

    bench_open(&bench, (struct server_settings){0});
    fd = hold_one(&bench);
    close(fd);
    bench_until(&bench, bench.gone == 1);
    assert_true(text_is(server_call_request(bench.held[0])->path, "/later"));
    server_reply(bench.held[0], 200, NULL, 0, TEXT("nobody hears"));
    bench_close(&bench);
    assert_int_equal(bench.gone, 1);
}

static void answer_when_gone(struct server_call *call, void *context)
{
    bench_on_gone(call, context);
    server_reset(call);
}

TEST(a_call_may_be_answered_from_on_gone)
{
    struct bench bench;
    int fd;

    bench_open(&bench, (struct server_settings){0});
    fd = hold_one(&bench);
    server_call_on_gone(bench.held[0], answer_when_gone, &bench);
    close(fd);
    bench_until(&bench, bench.gone == 1);
    bench_close(&bench);
}

TEST(an_answered_call_is_not_told_that_its_peer_left)
{
    struct bench bench;
    int fd;

    bench_open(&bench, (struct server_settings){0});
    fd = hold_one(&bench);
    server_reply(bench.held[0], 200, NULL, 0, TEXT(""));
    close(fd);
    bench_close(&bench);
    assert_int_equal(bench.gone, 0);
}

TEST(calls_outlive_their_server)
{
    struct bench bench;
    struct buffer answer;
    int fds[4];

    bench_open(&bench, (struct server_settings){0});
    buffer_init(&answer, 65536);
    for (int i = 0; i < 4; i++)
        fds[i] = hold_one(&bench);
    bench_close(&bench);
    assert_int_equal(bench.gone, 4);
    assert_true(text_is(server_call_request(bench.held[0])->path, "/later"));
    server_reply(bench.held[0], 200, NULL, 0, TEXT("nobody hears"));
    server_reply_json(bench.held[1], 200, TEXT("{}"));
    server_reply_raw(bench.held[2], TEXT("raw"));
    server_reset(bench.held[3]);
    for (int i = 0; i < 4; i++) {
        char byte;

        assert_true(recv(fds[i], &byte, 1, 0) <= 0);
        close(fds[i]);
    }
    buffer_clear(&answer);
}

TEST(calls_may_be_answered_while_the_server_closes)
{
    struct bench bench;
    int fd;

    bench_open(&bench, (struct server_settings){0});
    fd = hold_one(&bench);
    server_close(bench.server, bench_on_closed, &bench);
    bench.server = NULL;
    assert_false(bench.is_closed); /* not before server_close() has returned */
    server_reply(bench.held[0], 200, NULL, 0, TEXT("nobody hears"));
    bench_close(&bench);
    assert_int_equal(bench.gone, 0);
    close(fd);
}

TEST(a_server_may_be_closed_from_a_call)
{
    struct bench bench;
    char *answer;

    bench_open(&bench, (struct server_settings){0});
    answer = client_talk(&bench, TEXT("GET /close HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_string_equal(answer, "");
    free(answer);
    bench_close(&bench);
}

TEST(close_drops_idle_unfinished_and_unread_connections)
{
    struct bench bench;
    struct buffer answer;
    int idle, unfinished, unread;
    char *big = calloc(1, 8 * 1024 * 1024);

    bench_open(&bench, (struct server_settings){0});
    buffer_init(&answer, 65536);
    idle = client_connect(&bench);
    client_send(&bench, idle, TEXT("GET /a HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(client_read(&bench, idle, &answer, "/a"));
    unfinished = client_connect(&bench);
    client_send(&bench, unfinished,
                TEXT("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx"));
    unread = hold_one(&bench);
    server_reply(bench.held[0], 200, NULL, 0, (struct text){big, 8 * 1024 * 1024});
    bench_close(&bench);
    assert_int_equal(bench.calls, 2);
    close(idle);
    close(unfinished);
    close(unread);
    free(big);
    buffer_clear(&answer);
}

TEST(a_client_that_closes_its_side_while_the_answer_comes_gets_all_of_it)
{
    enum { SIZE = 16 * 1024 * 1024 };
    struct bench bench;
    struct buffer answer;
    char *big = calloc(1, SIZE);
    int fd;

    bench_open(&bench, (struct server_settings){0});
    buffer_init(&answer, 2 * SIZE);
    fd = hold_one(&bench);
    server_reply(bench.held[0], 200, NULL, 0, (struct text){big, SIZE});
    shutdown(fd, SHUT_WR);
    assert_true(client_read(&bench, fd, &answer, NULL));
    assert_true(answer.size > SIZE);
    close(fd);
    free(big);
    buffer_clear(&answer);
    bench_close(&bench);
}

TEST(a_reset_is_a_reset_without_a_byte)
{
    struct bench bench;
    struct buffer answer;
    int fd;
    ssize_t size;

    bench_open(&bench, (struct server_settings){0});
    buffer_init(&answer, 65536);
    fd = client_connect(&bench);
    client_send(&bench, fd, TEXT("GET /reset HTTP/1.1\r\nHost: a\r\n\r\n"));
    while ((size = client_receive(&bench, fd, &answer)) == -1)
        continue;
    assert_int_equal(size, -2);
    assert_int_equal(errno, ECONNRESET);
    close(fd);
    bench_close(&bench);
}

TEST(raw_bytes_are_sent_as_they_are_and_the_connection_closed)
{
    struct bench bench;
    char *answer;

    bench_open(&bench, (struct server_settings){0});
    answer = client_talk(&bench, TEXT("GET /raw HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_string_equal(answer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut");
    free(answer);
    answer = client_talk(&bench, TEXT("GET /raw-nothing HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_string_equal(answer, "");
    free(answer);
    bench_close(&bench);
}

TEST(a_second_answer_is_caught)
{
    struct bench bench;
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        close(2);
        signal(SIGABRT, SIG_DFL);
        bench_open(&bench, (struct server_settings){0});
        client_talk(&bench, TEXT("GET /twice HTTP/1.1\r\nHost: a\r\n\r\n"));
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

TEST(more_is_read_ahead_only_up_to_a_cap)
{
    struct bench bench;
    struct buffer answer;
    char *more = calloc(1, 4 * 1024 * 1024);
    size_t sent = 0;
    int fd;

    bench_open(&bench, (struct server_settings){0});
    buffer_init(&answer, 65536);
    fd = hold_one(&bench);
    for (int i = 0; i < 200; i++) {
        static char zeros[65536];
        ssize_t size = send(fd, zeros, sizeof(zeros), MSG_NOSIGNAL);

        sent += size > 0 ? (size_t)size : 0;
        uv_run(&bench.loop, UV_RUN_NOWAIT);
    }
    /* The kernel keeps some megabytes; all 12.5 would mean that the server had taken them. */
    assert_true(sent < 200 * 65536);
    server_reply(bench.held[0], 200, NULL, 0, TEXT("late"));
    assert_true(client_read(&bench, fd, &answer, "late"));
    assert_true(client_read(&bench, fd, &answer, NULL));
    assert_contains(answer.start, "HTTP/1.1 400 ");
    /* It listens on for a moment, so that our unread bytes do not turn its answer into a reset. */
    assert_true(client_send(&bench, fd, (struct text){more, 4 * 1024 * 1024}));
    free(more);
    close(fd);
    buffer_clear(&answer);
    bench_close(&bench);
}

/* --- Unix sockets --- */

struct place {
    char directory[64], path[96], listen[112];
};

static void place_make(struct place *place)
{
    strcpy(place->directory, "/tmp/keydrift-test-XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    snprintf(place->path, sizeof(place->path), "%s/api.sock", place->directory);
    snprintf(place->listen, sizeof(place->listen), "unix:%s", place->path);
}

static void place_remove(struct place *place)
{
    assert_int_equal(rmdir(place->directory), 0); /* so nothing was left in it */
}

static void assert_cannot_listen(const char *where, enum failure_kind kind, const char *says)
{
    struct failure why = {0};
    uv_loop_t loop;

    uv_loop_init(&loop);
    assert_null(server_open(
        &loop, &(struct server_settings){.listen = where, .on_call = bench_on_call}, &why));
    assert_int_equal(why.kind, kind);
    assert_contains(why.text, says);
    assert_int_equal(uv_loop_close(&loop), 0);
}

TEST(a_unix_socket_is_private_under_any_umask_and_removed_at_the_end)
{
    struct bench bench;
    struct place place;
    struct stat status;
    mode_t before;

    place_make(&place);
    before = umask(0);
    bench_open(&bench, (struct server_settings){.listen = place.listen});
    umask(before);
    assert_int_equal(stat(place.path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(server_port(bench.server), 0);
    bench_close(&bench);
    place_remove(&place);
}

TEST(a_unix_peer_is_known)
{
    struct bench bench;
    struct place place;
    struct buffer answer;
    int fd;

    place_make(&place);
    bench_open(&bench, (struct server_settings){.listen = place.listen});
    buffer_init(&answer, 65536);
    fd = client_connect_unix(place.path);
    client_send(&bench, fd, TEXT("GET /me HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_true(client_read(&bench, fd, &answer, NULL));
    assert_contains(answer.start, "/me");
    assert_true(bench.last.is_unix);
    assert_int_equal(bench.last.peer_uid, geteuid());
    assert_int_equal(bench.last.peer_gid, getegid());
    assert_int_equal(bench.last.peer_pid, getpid());
    close(fd);
    fd = client_connect_unix(place.path);
    client_send(&bench, fd, TEXT("GET /reset HTTP/1.1\r\nHost: a\r\n\r\n"));
    buffer_reset(&answer);
    client_read(&bench, fd, &answer, NULL);
    assert_int_equal(answer.size, 0);
    close(fd);
    buffer_clear(&answer);
    bench_close(&bench);
    place_remove(&place);
}

TEST(a_tcp_peer_is_not_a_unix_peer)
{
    struct bench bench;

    bench_open(&bench, (struct server_settings){0});
    free(client_talk(&bench, TEXT("GET /me HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")));
    assert_int_equal(bench.calls, 1);
    assert_false(bench.last.is_unix);
    bench_close(&bench);
}

TEST(a_stale_socket_is_replaced)
{
    struct bench bench;
    struct place place;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    place_make(&place);
    strcpy(address.sun_path, place.path);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    listen(fd, 1);
    close(fd);
    bench_open(&bench, (struct server_settings){.listen = place.listen});
    fd = client_connect_unix(place.path);
    client_send(&bench, fd, TEXT("GET /me HTTP/1.1\r\nHost: a\r\n\r\n"));
    bench_until(&bench, bench.calls == 1);
    close(fd);
    bench_close(&bench);
    place_remove(&place);
}

TEST(a_live_socket_is_an_error_and_stays)
{
    struct bench bench;
    struct place place;
    int fd;

    place_make(&place);
    bench_open(&bench, (struct server_settings){.listen = place.listen});
    assert_cannot_listen(place.listen, FAILURE_CONFLICT, "another process already does");
    fd = client_connect_unix(place.path);
    client_send(&bench, fd, TEXT("GET /me HTTP/1.1\r\nHost: a\r\n\r\n"));
    bench_until(&bench, bench.calls == 1);
    close(fd);
    bench_close(&bench);
    place_remove(&place);
}

TEST(a_file_in_the_way_is_an_error_and_stays)
{
    struct place place;
    FILE *file;

    place_make(&place);
    file = fopen(place.path, "w");
    fclose(file);
    assert_cannot_listen(place.listen, FAILURE_CONFLICT, "not a socket");
    assert_int_equal(unlink(place.path), 0);
    place_remove(&place);
}

TEST(the_socket_of_somebody_else_is_not_removed)
{
    struct bench first, second;
    struct place place;

    place_make(&place);
    bench_open(&first, (struct server_settings){.listen = place.listen});
    assert_int_equal(unlink(place.path), 0);
    bench_open(&second, (struct server_settings){.listen = place.listen});
    bench_close(&first);
    assert_int_equal(access(place.path, F_OK), 0);
    bench_close(&second);
    place_remove(&place);
}

TEST(addresses_that_make_no_sense_are_told)
{
    static const char *const addresses[] = {
        "",           "127.0.0.1",    "127.0.0.1:",  "127.0.0.1:65536", "127.0.0.1:-1",
        "localhost:", "localhost:80", "[::1]",       "[::1:80",         "::1:80",
        "[::g]:80",   ":80",          "1.2.3.4.5:1", "127.0.0.1:80 ",
    };

    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        assert_cannot_listen(addresses[i], FAILURE_INVALID, "cannot listen on \"");
    assert_cannot_listen("unix:relative", FAILURE_INVALID, "absolute path");
    assert_cannot_listen("unix:", FAILURE_INVALID, "absolute path");
    assert_cannot_listen(
        "unix:/tmp/a-path-that-is-longer-than-a-unix-socket-address-can-hold-which-is-"
        "one-hundred-and-seven-bytes-at-the-very-most",
        FAILURE_INVALID, "absolute path");
    assert_cannot_listen("unix:/nonexistent/a.sock", FAILURE_NETWORK, "No such file");
}

TEST(a_port_in_use_is_told)
{
    struct bench bench;
    char where[32];

    bench_open(&bench, (struct server_settings){0});
    snprintf(where, sizeof(where), "127.0.0.1:%d", server_port(bench.server));
    assert_cannot_listen(where, FAILURE_NETWORK, "Address already in use");
    bench_close(&bench);
}

int main(void)
{
    return RUN(
        CASE(a_late_answer_arrives), CASE(a_call_whose_peer_left_is_told_and_still_to_be_answered),
        CASE(a_call_may_be_answered_from_on_gone),
        CASE(an_answered_call_is_not_told_that_its_peer_left), CASE(calls_outlive_their_server),
        CASE(calls_may_be_answered_while_the_server_closes),
        CASE(a_server_may_be_closed_from_a_call),
        CASE(close_drops_idle_unfinished_and_unread_connections),
        CASE(a_client_that_closes_its_side_while_the_answer_comes_gets_all_of_it),
        CASE(a_reset_is_a_reset_without_a_byte),
        CASE(raw_bytes_are_sent_as_they_are_and_the_connection_closed),
        CASE(a_second_answer_is_caught), CASE(more_is_read_ahead_only_up_to_a_cap),
        CASE(a_unix_socket_is_private_under_any_umask_and_removed_at_the_end),
        CASE(a_unix_peer_is_known), CASE(a_tcp_peer_is_not_a_unix_peer),
        CASE(a_stale_socket_is_replaced), CASE(a_live_socket_is_an_error_and_stays),
        CASE(a_file_in_the_way_is_an_error_and_stays),
        CASE(the_socket_of_somebody_else_is_not_removed),
        CASE(addresses_that_make_no_sense_are_told), CASE(a_port_in_use_is_told));
}
