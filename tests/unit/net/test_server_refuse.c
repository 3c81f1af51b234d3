/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused: the owner never hears of it, the peer gets a 4xx or nothing, and the connection
 * ends. */
#include "tests/unit/net/server_bench.h"

struct refusal {
    const char *what;
    struct text request;
    const char *starts; /* NULL: any 4xx or 5xx, or nothing */
};

#define BAD  "HTTP/1.1 400 Bad Request\r\n"
#define HOST "Host: a\r\n"
/* TEXT() is no constant to a static table. */
#define BYTES(literal)                                                                             \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static const struct refusal refusals[] = {
    {"chunked", BYTES("POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     "HTTP/1.1 411 Length Required\r\n"},
    {"identity", BYTES("POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n"), NULL},
    {"gzip, chunked", BYTES("POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"),
     NULL},
    {"empty transfer encoding", BYTES("POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n"),
     NULL},
    {"length and chunked",
     BYTES("POST /x HTTP/1.1\r\n" HOST
           "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     NULL},
    {"chunked and length",
     BYTES("POST /x HTTP/1.1\r\n" HOST
           "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
     NULL},
    {"space before the colon of chunked",
     BYTES("POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"), BAD},
    {"unknown expectation", BYTES("POST /x HTTP/1.1\r\n" HOST "Expect: more\r\n\r\n"),
     "HTTP/1.1 417 Expectation Failed\r\n"},
    {"body over its cap", BYTES("POST /x HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n"),
     "HTTP/1.1 413 Content Too Large\r\n"},
    {"two lengths",
     BYTES("POST /x HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), BAD},
    {"twice the same length",
     BYTES("POST /x HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"), BAD},
    {"list of lengths", BYTES("POST /x HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\nx"), BAD},
    {"negative length", BYTES("POST /x HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n"), BAD},
    {"signed length", BYTES("POST /x HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\nx"), BAD},
    {"hexadecimal length", BYTES("POST /x HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\nx"), BAD},
    {"length of 20 digits",
     BYTES("POST /x HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551617\r\n\r\nx"), BAD},
    {"empty length", BYTES("POST /x HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n"), BAD},
    {"HTTP/2 preface", BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), NULL},
    {"HTTP/2.0", BYTES("GET / HTTP/2.0\r\n" HOST "\r\n"), NULL},
    {"HTTP/0.9", BYTES("GET / HTTP/0.9\r\n" HOST "\r\n"), NULL},
    {"HTTP/1.2", BYTES("GET / HTTP/1.2\r\n" HOST "\r\n"), NULL},
    {"no version", BYTES("GET /\r\n\r\n"), NULL},
    {"lower case version", BYTES("GET / http/1.1\r\n" HOST "\r\n"), NULL},
    {"NUL in the target", BYTES("GET /a\0b HTTP/1.1\r\n" HOST "\r\n"), BAD},
    {"NUL in a name", BYTES("GET / HTTP/1.1\r\n" HOST "X\0Y: a\r\n\r\n"), BAD},
    {"NUL in a value", BYTES("GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n"), BAD},
    {"NUL first", BYTES("\0GET / HTTP/1.1\r\n" HOST "\r\n"), BAD},
    {"bare CR in a value", BYTES("GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n"), BAD},
    {"bare CR as line end", BYTES("GET / HTTP/1.1\rHost: a\r\r"), NULL},
    {"bare LF as line end", BYTES("GET / HTTP/1.1\nHost: a\n\n"), NULL},
    {"bare LF in the headers", BYTES("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"), BAD},
    {"control byte in a value", BYTES("GET / HTTP/1.1\r\n" HOST "X: a\x01z\r\n\r\n"), BAD},
    {"folded header", BYTES("GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n"), BAD},
    {"space before the first header", BYTES("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), BAD},
    {"space before a colon", BYTES("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), BAD},
    {"header without a colon", BYTES("GET / HTTP/1.1\r\n" HOST "nonsense\r\n\r\n"), BAD},
    {"header without a name", BYTES("GET / HTTP/1.1\r\n" HOST ": x\r\n\r\n"), BAD},
    {"no host", BYTES("GET / HTTP/1.1\r\n\r\n"), BAD},
    {"two hosts", BYTES("GET / HTTP/1.1\r\n" HOST HOST "\r\n"), BAD},
    {"two hosts in 1.0", BYTES("GET / HTTP/1.0\r\n" HOST HOST "\r\n"), BAD},
    {"tunnel", BYTES("CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n"), BAD},
    {"proxy form", BYTES("GET http://a/ HTTP/1.1\r\n" HOST "\r\n"), BAD},
    {"star", BYTES("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), BAD},
    {"fragment", BYTES("GET /a#b HTTP/1.1\r\n" HOST "\r\n"), BAD},
    {"non-ASCII target", BYTES("GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n"), BAD},
    {"space in the target", BYTES("GET /a b HTTP/1.1\r\n" HOST "\r\n"), NULL},
    {"unknown method", BYTES("FROB / HTTP/1.1\r\n" HOST "\r\n"), BAD},
    {"lower case method", BYTES("get / HTTP/1.1\r\n" HOST "\r\n"), BAD},
    {"TLS hello", BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), BAD},
    {"SOCKS", BYTES("\x05\x01\x00"), BAD},
};

TEST(malformed_and_doubtful_requests_are_refused_and_the_connection_closed)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const struct refusal *refusal = &refusals[i];
        struct bench bench;
        struct buffer request;
        char *answer;

        bench_open(&bench, (struct server_settings){.max_body = 1000});
        buffer_init(&request, 4096);
        buffer_append(&request, refusal->request);
        /* Must not be taken for a request of its own. */
        buffer_append(&request, TEXT("GET /smuggled HTTP/1.1\r\n" HOST "\r\n"));
        answer = client_talk(&bench, buffer_text(&request));
        if (bench.calls)
            fail_msg("%s: was taken for a request", refusal->what);
        if (refusal->starts && strncmp(answer, refusal->starts, strlen(refusal->starts)) != 0)
            fail_msg("%s: answered \"%s\"", refusal->what, answer);
        if (answer[0] && strncmp(answer, "HTTP/1.1 4", 10) != 0 &&
            strncmp(answer, "HTTP/1.1 505 ", 13) != 0)
            fail_msg("%s: answered \"%s\"", refusal->what, answer);
        if (answer[0])
            assert_contains(answer, "Connection: close\r\n");
        assert_true(count_of(answer, "HTTP/1.1") <= 1);
        free(answer);
        buffer_clear(&request);
        bench_close(&bench);
    }
}

TEST(the_same_requests_in_single_bytes_are_refused_too)
{
    struct bench bench;

    bench_open(&bench, (struct server_settings){.max_body = 1000, .header_timeout_ms = 50});
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct text request = refusals[i].request;
        struct buffer answer;
        int fd = client_connect(&bench);

        buffer_init(&answer, 65536);
        for (size_t j = 0; j < request.size; j++) {
            if (!client_send(&bench, fd, text_part(request, j, 1)))
                break;
            uv_run(&bench.loop, UV_RUN_NOWAIT);
        }
        client_read(&bench, fd, &answer, NULL);
        if (bench.calls)
            fail_msg("%s: was taken for a request", refusals[i].what);
        close(fd);
        buffer_clear(&answer);
    }
    bench_close(&bench);
}

TEST(a_good_request_before_a_bad_one_is_still_answered)
{
    struct bench bench;
    char *answer;

    bench_open(&bench, (struct server_settings){0});
    answer = client_talk(&bench,
                         TEXT("GET /good HTTP/1.1\r\n" HOST "\r\nGET /bad\x01 HTTP/1.1\r\n\r\n"));
    assert_contains(answer, "\r\n\r\n/good");
    assert_contains(answer, BAD);
    assert_int_equal(bench.calls, 1);
    free(answer);
    bench_close(&bench);
}

TEST(nothing_is_taken_after_connection_close)
{
    struct bench bench;
    char *answer;

    bench_open(&bench, (struct server_settings){0});
    answer = client_talk(&bench, TEXT("GET /last HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
                                      "GET /more HTTP/1.1\r\n" HOST "\r\n"));
    assert_contains(answer, "/last");
    assert_int_equal(bench.calls, 1);
    free(answer);
    bench_close(&bench);
}

static char *talk_with_header_of(struct bench *bench, size_t size)
{
    struct buffer request;
    char *answer;

    buffer_init(&request, size + 1000);
    buffer_append(&request, TEXT("GET /x HTTP/1.1\r\n" HOST "Connection: close\r\nX: "));
    while (request.size + 4 < size)
        buffer_append_byte(&request, 'x');
    buffer_append(&request, TEXT("\r\n\r\n"));
    answer = client_talk(bench, buffer_text(&request));
    buffer_clear(&request);
    return answer;
}

TEST(headers_up_to_the_cap_are_taken_and_one_byte_more_is_not)
{
    struct bench bench;
    char *answer;

    bench_open(&bench, (struct server_settings){.max_headers = 2000});
    answer = talk_with_header_of(&bench, 2000);
    assert_contains(answer, "200 OK");
    free(answer);
    answer = talk_with_header_of(&bench, 2001);
    assert_contains(answer, "HTTP/1.1 431 Request Header Fields Too Large\r\n");
    free(answer);
    answer = talk_with_header_of(&bench, 500000);
    assert_contains(answer, "HTTP/1.1 431 ");
    free(answer);
    assert_int_equal(bench.calls, 1);
    bench_close(&bench);
}

TEST(spaces_and_empty_lines_count_as_headers)
{
    struct bench bench;
    struct buffer request;
    char *answer;

    bench_open(&bench, (struct server_settings){.max_headers = 2000});
    buffer_init(&request, 5000);
    for (int i = 0; i < 1001; i++)
        buffer_append(&request, TEXT("\r\n"));
    answer = client_talk(&bench, buffer_text(&request));
    assert_contains(answer, "HTTP/1.1 431 ");
    free(answer);
    buffer_reset(&request);
    buffer_append(&request, TEXT("GET / HTTP/1.1\r\n" HOST "X:"));
    for (int i = 0; i < 2001; i++)
        buffer_append_byte(&request, ' ');
    answer = client_talk(&bench, buffer_text(&request));
    assert_contains(answer, "HTTP/1.1 431 ");
    free(answer);
    buffer_clear(&request);
    bench_close(&bench);
}

static char *talk_with_headers(struct bench *bench, int count)
{
    struct buffer request;
    char *answer;

    buffer_init(&request, 16 * 1024);
    buffer_append(&request, TEXT("GET /x HTTP/1.1\r\n" HOST "Connection: close\r\n"));
    for (int i = 2; i < count; i++)
        buffer_append(&request, TEXT("X: y\r\n"));
    buffer_append(&request, TEXT("\r\n"));
    answer = client_talk(bench, buffer_text(&request));
    buffer_clear(&request);
    return answer;
}

TEST(a_hundred_headers_are_taken_and_one_more_is_not)
{
    struct bench bench;
    char *answer;

    bench_open(&bench, (struct server_settings){0});
    answer = talk_with_headers(&bench, 100);
    assert_contains(answer, "200 OK");
    free(answer);
    answer = talk_with_headers(&bench, 101);
    assert_contains(answer, "HTTP/1.1 431 ");
    free(answer);
    bench_close(&bench);
}

TEST(a_body_of_exactly_the_cap_is_taken)
{
    struct bench bench;
    char *answer;

    bench_open(&bench, (struct server_settings){.max_body = 5});
    answer = client_talk(&bench, TEXT("POST /echo HTTP/1.1\r\n" HOST
                                      "Content-Length: 5\r\nConnection: close\r\n\r\nabcde"));
    assert_contains(answer, "\r\n\r\nabcde");
    free(answer);
    bench_close(&bench);
}

/* The server stops listening to it; the answer must arrive all the same, not a reset. */
TEST(the_refusal_of_a_big_body_reaches_a_client_that_sends_it_anyway)
{
    struct bench bench;
    struct buffer request;
    char *answer;

    bench_open(&bench, (struct server_settings){.max_body = 1000});
    buffer_init(&request, 2000000);
    buffer_append(&request, TEXT("POST /x HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\n"));
    for (int i = 0; i < 1000000; i++)
        buffer_append_byte(&request, 'x');
    answer = client_talk(&bench, buffer_text(&request));
    assert_contains(answer, "HTTP/1.1 413 ");
    free(answer);
    buffer_clear(&request);
    bench_close(&bench);
}

static char *talk_slowly(struct server_settings settings, struct text start, struct text drip)
{
    struct bench bench;
    struct buffer answer;
    uint64_t since;
    ssize_t size;
    int fd;

    bench_open(&bench, settings);
    buffer_init(&answer, 65536);
    fd = client_connect(&bench);
    client_send(&bench, fd, start);
    since = bench_now();
    do {
        if (drip.size)
            client_send(&bench, fd, drip);
        size = client_receive(&bench, fd, &answer);
        assert_true(bench_now() - since < BENCH_PATIENCE_MS);
    } while (size == -1 || size > 0);
    assert_true(bench.calls <= 1);
    close(fd);
    bench_close(&bench);
    return buffer_take(&answer);
}

TEST(headers_that_drip_in_are_cut_off)
{
    char *answer =
        talk_slowly((struct server_settings){.header_timeout_ms = 60, .max_headers = 10000000},
                    TEXT("GET / HTTP/1.1\r\nX: "), TEXT("x"));

    assert_contains(answer, "HTTP/1.1 408 Request Timeout\r\n");
    free(answer);
}

TEST(later_headers_that_drip_in_are_cut_off_too)
{
    char *answer =
        talk_slowly((struct server_settings){.header_timeout_ms = 60, .max_headers = 10000000},
                    TEXT("GET /first HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\nX: "), TEXT("x"));

    assert_contains(answer, "\r\n\r\n/first");
    assert_contains(answer, "HTTP/1.1 408 Request Timeout\r\n");
    free(answer);
}

TEST(a_body_that_drips_in_is_cut_off)
{
    char *answer =
        talk_slowly((struct server_settings){.idle_timeout_ms = 60, .max_body = 10000000},
                    TEXT("POST / HTTP/1.1\r\n" HOST "Content-Length: 9000000\r\n\r\n"), TEXT("x"));

    assert_contains(answer, "HTTP/1.1 408 ");
    free(answer);
}

TEST(a_silent_connection_is_closed)
{
    char *answer =
        talk_slowly((struct server_settings){.header_timeout_ms = 60}, TEXT(""), TEXT(""));

    assert_string_equal(answer, "");
    free(answer);
}

TEST(an_idle_connection_is_closed)
{
    struct bench bench;
    struct buffer answer;
    uint64_t since;
    int fd;

    bench_open(&bench, (struct server_settings){.idle_timeout_ms = 60});
    buffer_init(&answer, 65536);
    since = bench_now();
    fd = client_connect(&bench);
    client_send(&bench, fd, TEXT("GET /a HTTP/1.1\r\n" HOST "\r\n"));
    assert_true(client_read(&bench, fd, &answer, NULL));
    assert_true(bench_now() - since >= 55);
    assert_contains(answer.start, "/a");
    close(fd);
    buffer_clear(&answer);
    bench_close(&bench);
}

TEST(a_client_that_does_not_read_is_dropped)
{
    enum { SIZE = 16 * 1024 * 1024 };
    struct bench bench;
    struct server_call *call;
    char *big = calloc(1, SIZE);
    int fd;

    bench_open(&bench, (struct server_settings){.idle_timeout_ms = 100});
    fd = client_connect(&bench);
    client_send(&bench, fd, TEXT("GET /later HTTP/1.1\r\n" HOST "\r\n"));
    bench_until(&bench, bench.held_count == 1);
    call = bench.held[0];
    server_reply(call, 200, NULL, 0, (struct text){big, SIZE});
    free(big);
    for (uint64_t since = bench_now(); bench_now() - since < 200;)
        bench_turn(&bench, -1, 0);
    /* What had been sent can still be read; the rest never comes. */
    for (size_t total = 0;;) {
        char bytes[65536];
        ssize_t size = recv(fd, bytes, sizeof(bytes), 0);

        assert_true(size >= 0 || errno != EAGAIN);
        total += size > 0 ? (size_t)size : 0;
        assert_true(total < SIZE);
        if (size <= 0)
            break;
    }
    close(fd);
    bench_close(&bench);
}

TEST(connections_over_the_limit_are_refused_until_one_leaves)
{
    struct bench bench;
    struct buffer answer;
    int first, second, third;

    bench_open(&bench, (struct server_settings){.max_connections = 2});
    buffer_init(&answer, 65536);
    first = client_connect(&bench);
    second = client_connect(&bench);
    client_send(&bench, first, TEXT("GET /a HTTP/1.1\r\n" HOST "\r\n"));
    assert_true(client_read(&bench, first, &answer, "/a"));
    client_send(&bench, second, TEXT("GET /b HTTP/1.1\r\n" HOST "\r\n"));
    assert_true(client_read(&bench, second, &answer, "/b"));
    third = client_connect(&bench);
    buffer_reset(&answer);
    client_read(&bench, third, &answer, NULL);
    assert_int_equal(answer.size, 0);
    close(third);

    close(first);
    for (int i = 0; i < 20; i++)
        bench_turn(&bench, -1, 0);
    third = client_connect(&bench);
    client_send(&bench, third, TEXT("GET /c HTTP/1.1\r\n" HOST "\r\n"));
    assert_true(client_read(&bench, third, &answer, "/c"));
    close(second);
    close(third);
    buffer_clear(&answer);
    bench_close(&bench);
}

int main(void)
{
    return RUN(CASE(malformed_and_doubtful_requests_are_refused_and_the_connection_closed),
               CASE(the_same_requests_in_single_bytes_are_refused_too),
               CASE(a_good_request_before_a_bad_one_is_still_answered),
               CASE(nothing_is_taken_after_connection_close),
               CASE(headers_up_to_the_cap_are_taken_and_one_byte_more_is_not),
               CASE(spaces_and_empty_lines_count_as_headers),
               CASE(a_hundred_headers_are_taken_and_one_more_is_not),
               CASE(a_body_of_exactly_the_cap_is_taken),
               CASE(the_refusal_of_a_big_body_reaches_a_client_that_sends_it_anyway),
               CASE(headers_that_drip_in_are_cut_off),
               CASE(later_headers_that_drip_in_are_cut_off_too),
               CASE(a_body_that_drips_in_is_cut_off), CASE(a_silent_connection_is_closed),
               CASE(an_idle_connection_is_closed), CASE(a_client_that_does_not_read_is_dropped),
               CASE(connections_over_the_limit_are_refused_until_one_leaves));
}
