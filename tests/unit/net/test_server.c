/* SPDX-License-Identifier: Apache-2.0 */
/* What a well-behaved client gets: answers, in order, over one connection. */
#include "tests/unit/net/server_bench.h"

TEST(answers_with_the_headers_it_promises)
{
    struct bench bench;
    char *answer;

    bench_open(&bench, (struct server_settings){0});
    answer =
        client_talk(&bench, TEXT("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_int_equal(strncmp(answer, "HTTP/1.1 200 OK\r\n", 17), 0);
    assert_contains(answer, "\r\nDate: ");
    assert_contains(answer, " GMT\r\n");
    assert_contains(answer, "\r\nCache-Control: no-store\r\n");
    assert_contains(answer, "\r\nContent-Length: 6\r\n");
    assert_contains(answer, "\r\nConnection: close\r\n");
    assert_contains(answer, "\r\n\r\n/hello");
    free(answer);
    bench_close(&bench);
}

TEST(keeps_the_connection_for_the_next_request)
{
    struct bench bench;
    struct buffer answer;
    int fd;

    bench_open(&bench, (struct server_settings){0});
    buffer_init(&answer, 65536);
    fd = client_connect(&bench);
    for (int i = 0; i < 5; i++) {
        buffer_reset(&answer);
        assert_true(client_send(&bench, fd, TEXT("GET /again HTTP/1.1\r\nHost: a\r\n\r\n")));
        assert_true(client_read(&bench, fd, &answer, "\r\n\r\n/again"));
        assert_lacks(answer.start, "Connection:");
    }
    assert_int_equal(bench.calls, 5);
    close(fd);
    buffer_clear(&answer);
    bench_close(&bench);
}

TEST(answers_pipelined_requests_in_order)
{
    struct bench bench;
    char *answer, *one, *two, *three;

    bench_open(&bench, (struct server_settings){0});
    answer =
        client_talk(&bench, TEXT("GET /one HTTP/1.1\r\nHost: a\r\n\r\n"
                                 "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n<2>!"
                                 "GET /three HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    one = strstr(answer, "/one");
    two = strstr(answer, "<2>!");
    three = strstr(answer, "/three");
    assert_true(one && two && three && one < two && two < three);
    assert_int_equal(count_of(answer, "HTTP/1.1 200"), 3);
    free(answer);
    bench_close(&bench);
}

TEST(a_pipelined_request_waits_for_a_late_answer)
{
    struct bench bench;
    struct buffer answer;
    int fd;

    bench_open(&bench, (struct server_settings){0});
    buffer_init(&answer, 65536);
    fd = client_connect(&bench);
    client_send(
        &bench, fd,
        TEXT("GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n"));
    bench_until(&bench, bench.held_count == 1);
    for (int i = 0; i < 5; i++)
        bench_turn(&bench, -1, 0);
    assert_int_equal(bench.calls, 1);
    server_reply(bench.held[0], 200, NULL, 0, TEXT("late"));
    assert_true(client_read(&bench, fd, &answer, "/next"));
    assert_contains(answer.start, "late");
    assert_int_equal(bench.gone, 0);
    close(fd);
    buffer_clear(&answer);
    bench_close(&bench);
}

TEST(a_request_in_single_bytes_is_one_request)
{
    const char *request =
        "POST /echo?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-Test:  a b \r\n"
        "Connection: close\r\n\r\nabcde";
    struct bench bench;
    struct buffer answer;
    int fd;

    bench_open(&bench, (struct server_settings){0});
    buffer_init(&answer, 65536);
    fd = client_connect(&bench);
    for (const char *c = request; *c; c++) {
        assert_true(client_send(&bench, fd, (struct text){c, 1}));
        uv_run(&bench.loop, UV_RUN_NOWAIT);
        uv_run(&bench.loop, UV_RUN_NOWAIT);
    }
    assert_true(client_read(&bench, fd, &answer, NULL));
    assert_contains(answer.start, "\r\n\r\nabcde");
    assert_int_equal(bench.calls, 1);
    close(fd);
    buffer_clear(&answer);
    bench_close(&bench);
}

TEST(head_is_answered_without_a_body_but_with_its_length)
{
    struct bench bench;
    char *answer;

    bench_open(&bench, (struct server_settings){0});
    answer =
        client_talk(&bench, TEXT("HEAD /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_contains(answer, "Content-Length: 6\r\n");
    assert_lacks(answer, "/hello");
    free(answer);
    bench_close(&bench);
}

TEST(no_content_has_no_body_and_no_length)
{
    struct bench bench;
    char *answer;

    bench_open(&bench, (struct server_settings){0});
    answer =
        client_talk(&bench, TEXT("GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_contains(answer, "HTTP/1.1 204 No Content\r\n");
    assert_lacks(answer, "Content-Length");
    assert_lacks(answer, "not sent");
    free(answer);
    bench_close(&bench);
}

TEST(own_headers_win_but_cannot_break_the_line)
{
    struct bench bench;
    char *answer;

    bench_open(&bench, (struct server_settings){0});
    answer = client_talk(&bench, TEXT("GET /own HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_contains(answer, "HTTP/1.1 302 Found\r\n");
    assert_contains(answer, "\r\nLocation: /a  Set-Cookie: b\r\n");
    assert_contains(answer, "\r\ndate: today\r\n");
    assert_contains(answer, "\r\ncache-control: max-age=1\r\n");
    assert_lacks(answer, "no-store");
    assert_lacks(answer, " GMT");
    assert_contains(answer, "\r\nContent-Length: 5\r\n");
    assert_lacks(answer, "99");
    assert_int_equal(count_of(answer, "Connection: close"), 1);
    free(answer);
    bench_close(&bench);
}

TEST(json_has_its_type)
{
    struct bench bench;
    char *answer;

    bench_open(&bench, (struct server_settings){0});
    answer =
        client_talk(&bench, TEXT("GET /json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_contains(answer, "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n");
    assert_contains(answer, "\r\n\r\n{}");
    free(answer);
    bench_close(&bench);
}

TEST(query_and_headers_arrive_as_sent)
{
    struct bench bench;
    char *answer;

    bench_open(&bench, (struct server_settings){0});
    answer = client_talk(
        &bench, TEXT("GET /query?a=%20b&c HTTP/1.1\r\nHost: a\r\n\r\n"
                     "GET /header HTTP/1.1\r\nhost: a\r\nEmpty:\r\nX-TEST: \t v;w=\"1\" \t\r\n"
                     "Connection: close\r\n\r\n"));
    assert_contains(answer, "\r\n\r\na=%20b&c");
    assert_contains(answer, "\r\n\r\nv;w=\"1\"");
    free(answer);
    answer =
        client_talk(&bench, TEXT("GET /query HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_contains(answer, "Content-Length: 0\r\n");
    assert_null(bench.last.query.start);
    free(answer);
    bench_close(&bench);
}

TEST(http_1_0_is_answered_and_closed)
{
    struct bench bench;
    char *answer;

    bench_open(&bench, (struct server_settings){0});
    answer = client_talk(&bench, TEXT("GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    assert_contains(answer, "200 OK");
    assert_contains(answer, "Connection: close");
    free(answer);
    bench_close(&bench);
}

TEST(an_upgrade_is_ignored)
{
    struct bench bench;
    char *answer;

    bench_open(&bench, (struct server_settings){0});
    answer = client_talk(
        &bench, TEXT("GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                     "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"
                     "GET /then HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_contains(answer, "\r\n\r\n/up");
    assert_contains(answer, "\r\n\r\n/then");
    assert_lacks(answer, "101");
    free(answer);
    bench_close(&bench);
}

TEST(expect_100_continue_is_told_to_go_on)
{
    struct bench bench;
    struct buffer answer;
    int fd;

    bench_open(&bench, (struct server_settings){0});
    buffer_init(&answer, 65536);
    fd = client_connect(&bench);
    client_send(&bench, fd,
                TEXT("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                     "Content-Length: 4\r\n\r\n"));
    assert_true(client_read(&bench, fd, &answer, "HTTP/1.1 100 Continue\r\n\r\n"));
    assert_int_equal(bench.calls, 0);
    client_send(&bench, fd, TEXT("body"));
    assert_true(client_read(&bench, fd, &answer, "\r\n\r\nbody"));
    close(fd);
    buffer_clear(&answer);
    bench_close(&bench);
}

TEST(a_big_body_comes_back_whole)
{
    enum { SIZE = 3 * 1024 * 1024 };
    struct bench bench;
    struct buffer answer, request;
    size_t expected;
    ssize_t size;
    int fd;

    bench_open(&bench, (struct server_settings){.max_body = SIZE});
    buffer_init(&request, SIZE + 200);
    buffer_init(&answer, SIZE + 1000);
    buffer_printf(&request, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", SIZE);
    for (int i = 0; i < SIZE; i++)
        buffer_append_byte(&request, (char)('a' + (i * 7 + i / 251) % 26));
    fd = client_connect(&bench);
    assert_true(client_send(&bench, fd, buffer_text(&request)));
    assert_true(client_read(&bench, fd, &answer, "\r\n\r\n"));
    expected = text_find(buffer_text(&answer), TEXT("\r\n\r\n")) + 4 + SIZE;
    while (answer.size < expected && (size = client_receive(&bench, fd, &answer)) != 0)
        assert_int_not_equal(size, -2);
    assert_int_equal(answer.size, expected);
    assert_memory_equal(answer.start + answer.size - SIZE, request.start + request.size - SIZE,
                        SIZE);
    close(fd);
    buffer_clear(&request);
    buffer_clear(&answer);
    bench_close(&bench);
}

TEST(a_client_that_only_closed_its_sending_side_gets_its_answers)
{
    struct bench bench;
    struct buffer answer;
    int fd;

    bench_open(&bench, (struct server_settings){0});
    buffer_init(&answer, 65536);
    fd = client_connect(&bench);
    client_send(&bench, fd,
                TEXT("GET /one HTTP/1.1\r\nHost: a\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\n\r\n"));
    shutdown(fd, SHUT_WR);
    assert_true(client_read(&bench, fd, &answer, NULL));
    assert_contains(answer.start, "/one");
    assert_contains(answer.start, "/two");
    close(fd);
    buffer_clear(&answer);
    bench_close(&bench);
}

TEST(listens_on_ipv6)
{
    struct bench bench;
    struct buffer answer;
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd;

    bench_open(&bench, (struct server_settings){.listen = "[::1]:0"});
    buffer_init(&answer, 65536);
    address.sin6_port = htons(server_port(bench.server));
    fd = client_connect_to((struct sockaddr *)&address, sizeof(address));
    client_send(&bench, fd, TEXT("GET /six HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_true(client_read(&bench, fd, &answer, NULL));
    assert_contains(answer.start, "/six");
    close(fd);
    buffer_clear(&answer);
    bench_close(&bench);
}

int main(void)
{
    return RUN(
        CASE(answers_with_the_headers_it_promises), CASE(keeps_the_connection_for_the_next_request),
        CASE(answers_pipelined_requests_in_order),
        CASE(a_pipelined_request_waits_for_a_late_answer),
        CASE(a_request_in_single_bytes_is_one_request),
        CASE(head_is_answered_without_a_body_but_with_its_length),
        CASE(no_content_has_no_body_and_no_length), CASE(own_headers_win_but_cannot_break_the_line),
        CASE(json_has_its_type), CASE(query_and_headers_arrive_as_sent),
        CASE(http_1_0_is_answered_and_closed), CASE(an_upgrade_is_ignored),
        CASE(expect_100_continue_is_told_to_go_on), CASE(a_big_body_comes_back_whole),
        CASE(a_client_that_only_closed_its_sending_side_gets_its_answers), CASE(listens_on_ipv6));
}
