/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong is told in plain words that begin with the upstream's name, and nothing that goes
 * wrong is taken for an answer. */
#include "http_fixture.h"

#include <stdio.h>
#include <string.h>

/* ---- failures in plain words ----------------------------------------------------------------- */

static void expect_failure(const char *path, const struct loopback_step *step,
                           enum failure_kind kind, const char *words)
{
    struct fixture f;
    struct seen seen = {0};

    fixture_open(&f);
    loopback_script(f.server, path, step, 1);
    fixture_ask(&f, (struct http_request){.target = path, .deadline_ms = 1000, .max_answer = 1000},
                &seen);
    fixture_close(&f);
    assert_int_equal(seen.calls, 1);
    assert_string_equal(failure_kind_name(seen.failure.kind), failure_kind_name(kind));
    assert_memory_equal(seen.failure.text, "loopback: ", 10);
    if (!strstr(seen.failure.text, words))
        assert_string_equal(seen.failure.text, words);
}

TEST(a_connection_closed_before_the_answer_is_said_so)
{
    struct loopback_step step = {.act = LOOPBACK_CLOSE};

    expect_failure("/close", &step, FAILURE_NETWORK, "closed before an answer");
}

TEST(a_reset_connection_is_said_so)
{
    struct loopback_step step = {.act = LOOPBACK_RESET};

    expect_failure("/reset", &step, FAILURE_NETWORK, "lost before an answer");
}

TEST(a_truncated_answer_is_said_so)
{
    struct loopback_step step = {.act = LOOPBACK_LAST,
                                 .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"};

    expect_failure("/half", &step, FAILURE_NETWORK, "cut short");
}

TEST(what_is_not_http_is_refused)
{
    struct loopback_step step = {.act = LOOPBACK_LAST, .bytes = "SSH-2.0-OpenSSH_9.2\r\n"};

    expect_failure("/ssh", &step, FAILURE_PROTOCOL, "not HTTP");
}

TEST(a_silent_server_times_out)
{
    struct loopback_step step = {.act = LOOPBACK_HANG};

    expect_failure("/hang", &step, FAILURE_TIMEOUT, "timed out after 1 s");
}

TEST(a_dripping_server_times_out)
{
    struct loopback_step step = {.act = LOOPBACK_DRIP, .bytes = OK_ANSWER, .delay_ms = 50};

    expect_failure("/drip", &step, FAILURE_TIMEOUT, "timed out after 1 s");
}

TEST(a_body_over_its_cap_is_refused)
{
    struct loopback_step step = {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
                                 .fill = 1001};

    expect_failure("/big", &step, FAILURE_TOO_LARGE, "larger than 1000 bytes");
}

TEST(an_endless_body_is_refused_at_its_cap)
{
    struct loopback_step step = {.bytes = "HTTP/1.1 200 OK\r\n\r\n", .fill = 5000000};

    expect_failure("/endless", &step, FAILURE_TOO_LARGE, "larger than 1000 bytes");
}

TEST(headers_over_64_kib_are_refused)
{
    static char bytes[80000];
    struct loopback_step step = {.bytes = bytes};
    size_t size = (size_t)sprintf(bytes, "HTTP/1.1 200 OK\r\n");

    while (size < 66000)
        size += (size_t)sprintf(bytes + size, "X-Filler-%zu: 0123456789abcdef0123456789abcdef\r\n",
                                size);
    strcpy(bytes + size, "Content-Length: 0\r\n\r\n");
    expect_failure("/headers", &step, FAILURE_TOO_LARGE, "64 KiB");
}

TEST(one_endless_header_line_is_refused_and_not_called_a_lack_of_memory)
{
    struct loopback_step step = {.bytes = "HTTP/1.1 200 OK\r\nX-Filler: ", .fill = 2000000};

    expect_failure("/line", &step, FAILURE_TOO_LARGE,
                   "loopback: the headers of the answer are larger than 64 KiB");
}

TEST(a_change_answered_with_an_endless_header_may_have_been_made)
{
    struct fixture f;
    struct seen seen = {0};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/", {.bytes = "HTTP/1.1 200 OK\r\nX-Filler: ", .fill = 2000000});
    fixture_ask(&f, (struct http_request){.target = "/", .method = "POST"}, &seen);
    fixture_close(&f);
    assert_int_equal(seen.failure.kind, FAILURE_AMBIGUOUS);
    assert_string_equal(seen.failure.text, "loopback: the change may or may not have been made: "
                                           "the headers of the answer are larger than 64 KiB");
}

TEST(a_body_of_exactly_its_cap_is_fine)
{
    struct fixture f;
    struct seen seen = {0};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/cap",
                    {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", .fill = 1000});
    fixture_ask(&f, (struct http_request){.target = "/cap", .max_answer = 1000}, &seen);
    assert_int_equal(seen.body_size, 1000);
    fixture_close(&f);
}

static void expect_from(struct upstream_settings settings, const char *words)
{
    struct fixture f;
    struct seen seen = {0};

    fixture_open(&f);
    upstream_close(f.upstream);
    f.upstream = fixture_upstream(&f, settings);
    fixture_ask(&f, (struct http_request){.target = "/"}, &seen);
    fixture_close(&f);
    assert_int_equal(seen.failure.kind, FAILURE_NETWORK);
    if (!strstr(seen.failure.text, words))
        assert_string_equal(seen.failure.text, words);
}

TEST(a_closed_port_is_said_so)
{
    expect_from((struct upstream_settings){.origin = "http://127.0.0.1:1"},
                "loopback: 127.0.0.1:1: connection refused");
}

TEST(an_unknown_host_is_said_so)
{
    expect_from((struct upstream_settings){.origin = "http://nowhere.invalid",
                                           .allow_plain = true,
                                           .proxy = ""},
                "loopback: unknown host nowhere.invalid");
}

TEST(an_unusable_request_fails_through_done)
{
    static const struct http_request bad[] = {
        {.target = "relative"},
        {.target = "/with space"},
        {.target = "/with\nnewline"},
        {.target = "/with#fragment"},
        {.target = NULL},
        {.target = "/", .method = "TWO WORDS"},
        {.target = "/", .method = ""},
    };
    static const struct http_header bad_headers[] = {
        {.name = "X-A", .value = {"a\r\nX-B: b", 9}},
        {.name = "X A", .value = {"a", 1}},
        {.name = "", .value = {"a", 1}},
        {.name = "Content-Length", .value = {"5", 1}},
        {.name = "transfer-encoding", .value = {"chunked", 7}},
        {.name = "X-Nul", .value = {"a\0b", 3}},
    };
    struct fixture f;

    fixture_open(&f);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct seen seen = {0};

        fixture_ask(&f, bad[i], &seen);
        assert_int_equal(seen.failure.kind, FAILURE_INVALID);
    }
    for (size_t i = 0; i < sizeof(bad_headers) / sizeof(*bad_headers); i++) {
        struct seen seen = {0};

        fixture_ask(
            &f, (struct http_request){.target = "/", .headers = &bad_headers[i], .header_count = 1},
            &seen);
        assert_int_equal(seen.failure.kind, FAILURE_INVALID);
    }
    assert_int_equal(loopback_count(f.server), 0);
    fixture_close(&f);
}

/* ---- settings -------------------------------------------------------------------------------- */

TEST(bad_settings_are_refused_with_a_reason)
{
    static const struct upstream_settings bad[] = {
        {.origin = NULL},
        {.origin = ""},
        {.origin = "ftp://localhost"},
        {.origin = "http://vault.example:8200"},
        {.origin = "http://127.evil.example"},
        {.origin = "https://user:password@vault.example"},
        {.origin = "https://vault.example/?query"},
        {.origin = "https://vault.example/#fragment"},
        {.origin = "https://vault example"},
        {.origin = "https://vault.example", .ca_file = "/nonexistent/ca.pem"},
        {.origin = "https://vault.example", .client_cert_file = "/dev/null"},
        {.origin = "https://vault.example", .server_name = "two words"},
    };
    struct fixture f;

    fixture_open(&f);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct failure why = {0};

        assert_null(upstream_open(f.http, &bad[i], &why));
        assert_int_equal(why.kind, FAILURE_INVALID);
        assert_null(strstr(why.text, "password@"));
    }
    fixture_close(&f);
}

int main(void)
{
    struct failure why;

    if (!net_global_init(&why))
        return 1;
    return RUN(CASE(a_connection_closed_before_the_answer_is_said_so),
               CASE(a_reset_connection_is_said_so), CASE(a_truncated_answer_is_said_so),
               CASE(what_is_not_http_is_refused), CASE(a_silent_server_times_out),
               CASE(a_dripping_server_times_out), CASE(a_body_over_its_cap_is_refused),
               CASE(an_endless_body_is_refused_at_its_cap), CASE(headers_over_64_kib_are_refused),
               CASE(one_endless_header_line_is_refused_and_not_called_a_lack_of_memory),
               CASE(a_change_answered_with_an_endless_header_may_have_been_made),
               CASE(a_body_of_exactly_its_cap_is_fine), CASE(a_closed_port_is_said_so),
               CASE(an_unknown_host_is_said_so), CASE(an_unusable_request_fails_through_done),
               CASE(bad_settings_are_refused_with_a_reason));
}
