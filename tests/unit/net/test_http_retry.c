/* SPDX-License-Identifier: Apache-2.0 */
/* When the HTTP client tries again, and when it must not. */
#include "http_fixture.h"
#include "tests/support/turn.h"

#include <stdio.h>
#include <string.h>

#define BUSY "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"

/* One request of that kind to a path with that script; how many requests the server got. */
static unsigned run(struct http_request request, const struct loopback_step *steps, size_t count,
                    struct seen *seen)
{
    struct fixture f;
    unsigned requests;

    *seen = (struct seen){0};
    fixture_open(&f);
    request.target = "/script";
    loopback_script(f.server, request.target, steps, count);
    fixture_ask(&f, request, seen);
    requests = loopback_count(f.server);
    fixture_close(&f);
    assert_int_equal(seen->calls, 1);
    return requests;
}

#define STEPS(...)                                                                                 \
    (const struct loopback_step[]){__VA_ARGS__},                                                   \
        sizeof((const struct loopback_step[]){__VA_ARGS__}) / sizeof(struct loopback_step)

TEST(a_passing_fault_is_tried_again)
{
    static const char *const answers[] = {
        BUSY,
        STATUS("500 Internal Server Error"),
        STATUS("502 Bad Gateway"),
        STATUS("504 Gateway Timeout"),
        STATUS("408 Request Timeout"),
        STATUS("429 Too Many Requests"),
    };
    struct seen seen;

    for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
        unsigned count = run((struct http_request){.retry = HTTP_RETRY_SAFE},
                             STEPS({.bytes = answers[i]}, {.bytes = OK_ANSWER}), &seen);

        assert_int_equal(count, 2);
        assert_int_equal(seen.status, 200);
        assert_int_equal(seen.tries, 2);
    }
}

TEST(a_lasting_answer_is_not_tried_again)
{
    static const char *const answers[] = {
        STATUS("400 Bad Request"), STATUS("401 Unauthorized"),    STATUS("403 Forbidden"),
        STATUS("404 Not Found"),   STATUS("501 Not Implemented"),
    };
    struct seen seen;

    for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
        assert_int_equal(run((struct http_request){.retry = HTTP_RETRY_SAFE},
                             STEPS({.bytes = answers[i]}), &seen),
                         1);
}

TEST(lost_connections_are_tried_again)
{
    struct seen seen;
    unsigned count = run(
        (struct http_request){.retry = HTTP_RETRY_SAFE, .method = "POST"},
        STEPS({.act = LOOPBACK_CLOSE}, {.act = LOOPBACK_RESET},
              {.act = LOOPBACK_LAST, .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"},
              {.bytes = OK_ANSWER}),
        &seen);

    assert_int_equal(count, 4);
    assert_int_equal(seen.status, 200);
    assert_string_equal(seen.body, "ok"); /* nothing of the half answer is left */
    assert_int_equal(seen.tries, 4);
}

TEST(a_try_that_times_out_is_tried_again)
{
    struct seen seen;
    unsigned count = run((struct http_request){.retry = HTTP_RETRY_SAFE, .try_timeout_ms = 1000},
                         STEPS({.act = LOOPBACK_HANG}, {.bytes = OK_ANSWER}), &seen);

    assert_int_equal(count, 2);
    assert_int_equal(seen.status, 200);
}

TEST(tries_run_out_on_an_answer_which_is_handed_over)
{
    struct seen seen;
    unsigned count = run((struct http_request){.retry = HTTP_RETRY_SAFE, .max_tries = 3},
                         STEPS({.bytes = BUSY}), &seen);

    assert_int_equal(count, 3);
    assert_int_equal(seen.status, 503);
    assert_int_equal(seen.tries, 3);
}

TEST(tries_run_out_on_a_failure)
{
    struct seen seen;
    unsigned count = run((struct http_request){.retry = HTTP_RETRY_SAFE, .max_tries = 2},
                         STEPS({.act = LOOPBACK_CLOSE}), &seen);

    assert_int_equal(count, 2);
    assert_int_equal(seen.failure.kind, FAILURE_NETWORK);
}

TEST(never_means_one_try)
{
    struct seen seen;

    assert_int_equal(
        run((struct http_request){0}, STEPS({.bytes = BUSY}, {.bytes = OK_ANSWER}), &seen), 1);
    assert_int_equal(seen.status, 503);
    assert_int_equal(
        run((struct http_request){0}, STEPS({.act = LOOPBACK_CLOSE}, {.bytes = OK_ANSWER}), &seen),
        1);
    assert_int_equal(seen.failure.kind, FAILURE_NETWORK);
    assert_int_equal(run((struct http_request){.method = "POST"},
                         STEPS({.bytes = "HTTP/1.1 429 Slow\r\nRetry-After: 0\r\n"
                                         "Content-Length: 0\r\n\r\n"},
                               {.bytes = OK_ANSWER}),
                         &seen),
                     1);
    assert_int_equal(seen.status, 429);
}

TEST(a_change_is_repeated_only_where_it_cannot_have_happened)
{
    static const char later[] = "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
    const struct http_request change = {.method = "POST", .retry = HTTP_RETRY_UNSENT};
    struct seen seen;

    assert_int_equal(run(change, STEPS({.bytes = STATUS("429 Slow")}, {.bytes = OK_ANSWER}), &seen),
                     2);
    assert_int_equal(run(change, STEPS({.bytes = later}, {.bytes = OK_ANSWER}), &seen), 2);
    assert_true(seen.elapsed_ms >= 1000);
    assert_int_equal(run(change, STEPS({.bytes = BUSY}, {.bytes = OK_ANSWER}), &seen), 1);
    assert_int_equal(run(change, STEPS({.bytes = STATUS("502 Bad Gateway")}), &seen), 1);
}

static void expect_ambiguous(struct http_request request, struct loopback_step step)
{
    struct seen seen;

    assert_int_equal(run(request, &step, 1, &seen), 1);
    assert_string_equal(failure_kind_name(seen.failure.kind), failure_kind_name(FAILURE_AMBIGUOUS));
    assert_memory_equal(seen.failure.text, "loopback: the change may or may not have been made",
                        50);
}

TEST(a_change_that_was_sent_and_not_answered_is_ambiguous)
{
    static const enum http_retry policies[] = {HTTP_RETRY_NEVER, HTTP_RETRY_UNSENT};

    for (size_t i = 0; i < 2; i++) {
        struct http_request request = {
            .method = "POST", .retry = policies[i], .deadline_ms = 1000, .max_answer = 5};

        expect_ambiguous(request, (struct loopback_step){.act = LOOPBACK_CLOSE});
        expect_ambiguous(request, (struct loopback_step){.act = LOOPBACK_RESET});
        expect_ambiguous(request, (struct loopback_step){.act = LOOPBACK_HANG});
        expect_ambiguous(request, (struct loopback_step){.act = LOOPBACK_LAST, .bytes = "garbage"});
        expect_ambiguous(request,
                         (struct loopback_step){.bytes = "HTTP/1.1 200 OK\r\n\r\ntoo much"});
        request.method = "DELETE";
        expect_ambiguous(request, (struct loopback_step){.act = LOOPBACK_CLOSE});
    }
}

TEST(a_change_that_found_no_server_is_not_ambiguous)
{
    struct fixture f;
    struct seen seen = {0};
    struct upstream_settings settings = {.origin = "http://127.0.0.1:1"};

    fixture_open(&f);
    f.upstream = fixture_upstream(&f, settings);
    fixture_ask(&f,
                (struct http_request){
                    .method = "POST", .target = "/", .retry = HTTP_RETRY_UNSENT, .max_tries = 2},
                &seen);
    assert_int_equal(seen.failure.kind, FAILURE_NETWORK);
    fixture_close(&f);
}

/* ---- Retry-After ----------------------------------------------------------------------------- */

static uint32_t retry_after(const char *headers)
{
    char bytes[400];
    struct seen seen;
    struct loopback_step step = {.bytes = bytes};

    snprintf(bytes, sizeof(bytes), "HTTP/1.1 429 Slow\r\n%sContent-Length: 0\r\n\r\n", headers);
    run((struct http_request){0}, &step, 1, &seen);
    assert_int_equal(seen.status, 429);
    return seen.retry_after_ms;
}

TEST(retry_after_is_understood)
{
    assert_int_equal(retry_after(""), 0);
    assert_int_equal(retry_after("Retry-After: 7\r\n"), 7000);
    assert_int_equal(retry_after("retry-after:  7  \r\n"), 7000);
    assert_int_equal(retry_after("Retry-After: 0\r\n"), 0);
    assert_int_equal(retry_after("Retry-After: -1\r\n"), 0);
    assert_int_equal(retry_after("Retry-After: soon\r\n"), 0);
    assert_int_equal(retry_after("Retry-After: 3600\r\n"), 3600000);
    assert_int_equal(retry_after("Retry-After: 86400\r\n"), 3600000);
    assert_int_equal(retry_after("Retry-After: 18446744073709551615\r\n"), 3600000);
    assert_int_equal(retry_after("Retry-After: 7\r\nretry-after-ms: 250\r\n"), 250);
    assert_int_equal(retry_after("x-ms-retry-after-ms: 40\r\nRetry-After: 7\r\n"), 40);
    assert_int_equal(retry_after("Retry-After: 7\r\nx-ms-retry-after-ms: soon\r\n"), 7000);
    assert_int_equal(retry_after("retry-after-ms: 86400000\r\n"), 3600000);
    assert_int_equal(retry_after("Retry-After: 99999999999999999999999\r\n"), 0);
}

TEST(retry_after_as_a_date_is_read_against_the_answers_own_date)
{
    assert_int_equal(retry_after("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                 "Retry-After: Sun, 06 Nov 1994 08:49:47 GMT\r\n"),
                     10000);
    assert_int_equal(retry_after("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                 "Retry-After: Sun, 06 Nov 1994 08:49:36 GMT\r\n"),
                     0);
    assert_int_equal(retry_after("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                 "Retry-After: Sun, 06 Nov 2094 08:49:37 GMT\r\n"),
                     3600000);
    /* Without a Date our own clock decides. */
    assert_int_equal(retry_after("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), 0);
    assert_int_equal(retry_after("Retry-After: Sat, 06 Nov 2094 08:49:37 GMT\r\n"), 3600000);
}

TEST(retry_after_is_obeyed)
{
    struct seen seen;
    unsigned count =
        run((struct http_request){.retry = HTTP_RETRY_SAFE},
            STEPS({.bytes = "HTTP/1.1 429 Slow\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"},
                  {.bytes = OK_ANSWER}),
            &seen);

    assert_int_equal(count, 2);
    assert_true(seen.elapsed_ms >= 990);
}

TEST(a_retry_after_beyond_the_deadline_is_not_waited_for)
{
    struct seen seen;
    unsigned count =
        run((struct http_request){.retry = HTTP_RETRY_SAFE, .deadline_ms = 15000},
            STEPS({.bytes = "HTTP/1.1 429 Slow\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n"}),
            &seen);

    assert_int_equal(count, 1);
    assert_int_equal(seen.status, 429);
    assert_true(seen.elapsed_ms < 10000); /* nor is the deadline */
}

/* ---- the deadline ---------------------------------------------------------------------------- */

TEST(one_deadline_covers_all_tries)
{
    struct fixture f;
    struct seen seen = {0};
    uint64_t began;

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/hang", {.act = LOOPBACK_HANG});
    began = uv_hrtime();
    fixture_ask(&f,
                (struct http_request){.target = "/hang",
                                      .retry = HTTP_RETRY_SAFE,
                                      .deadline_ms = 1500,
                                      .try_timeout_ms = 50,
                                      .max_tries = 1000},
                &seen);
    assert_in_range((uv_hrtime() - began) / 1000000, 50, 15000); /* a thousand tries: 50 s */
    assert_int_equal(seen.failure.kind, FAILURE_TIMEOUT);
    assert_true(loopback_count(f.server) >= 2);
    fixture_close(&f);
}

/* The one request was answered and holds no place any more. */
static void until_paused(struct fixture *fixture)
{
    unsigned in_flight, waiting;

    do {
        loop_turn(&fixture->loop);
        upstream_load(fixture->upstream, &in_flight, &waiting);
    } while (in_flight + waiting);
    assert_int_equal(loopback_count(fixture->server), 1);
}

TEST(cancel_during_a_pause)
{
    struct fixture f;
    struct seen seen = {0};
    struct operation *operation;

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/later",
                    {.bytes = "HTTP/1.1 503 x\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n"});
    operation = fixture_send(
        f.upstream, (struct http_request){.target = "/later", .retry = HTTP_RETRY_SAFE}, &seen);
    until_paused(&f);
    assert_int_equal(seen.calls, 0);
    operation_cancel(operation);
    fixture_wait(&f, &seen);
    assert_int_equal(seen.failure.kind, FAILURE_CANCELED);
    fixture_close(&f);
}

TEST(a_pause_holds_no_place_in_flight)
{
    struct fixture f;
    struct seen paused = {0}, other = {0};

    fixture_open_with(&f, NULL, (struct upstream_settings){.max_in_flight = 1});
    LOOPBACK_SCRIPT(f.server, "/later",
                    {.bytes = "HTTP/1.1 503 x\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n"});
    LOOPBACK_SCRIPT(f.server, "/now", {.bytes = OK_ANSWER});
    fixture_send(f.upstream, (struct http_request){.target = "/later", .retry = HTTP_RETRY_SAFE},
                 &paused);
    until_paused(&f);
    fixture_get(&f, "/now", &other);
    fixture_wait(&f, &other);
    assert_int_equal(other.status, 200);
    assert_int_equal(paused.calls, 0);
    fixture_close(&f);
    assert_int_equal(paused.failure.kind, FAILURE_CANCELED);
}

/* ---- kept-alive connections that died -------------------------------------------------------- */

/* A connection that answered once and breaks on its second request. */
static void ask_twice(struct http_request request, enum loopback_act second, struct seen *seen,
                      unsigned *requests)
{
    const struct loopback_step steps[] = {
        {.bytes = OK_ANSWER}, {.act = second}, {.bytes = OK_ANSWER}};
    struct fixture f;
    struct seen first = {0};

    *seen = (struct seen){0};
    fixture_open(&f);
    request.target = "/";
    loopback_script(f.server, "/", steps, 3);
    fixture_ask(&f, request, &first);
    assert_int_equal(first.status, 200);
    fixture_ask(&f, request, seen);
    *requests = loopback_count(f.server);
    assert_int_equal(loopback_connection(f.server, 1), 0);
    fixture_close(&f);
}

TEST(a_dead_kept_connection_costs_no_try)
{
    static const enum loopback_act acts[] = {LOOPBACK_CLOSE, LOOPBACK_RESET};
    struct seen seen;
    unsigned requests;

    for (size_t i = 0; i < 2; i++) {
        ask_twice((struct http_request){.retry = HTTP_RETRY_SAFE, .max_tries = 1}, acts[i], &seen,
                  &requests);
        assert_int_equal(seen.status, 200);
        assert_int_equal(seen.tries, 1);
        assert_int_equal(requests, 3);
        ask_twice((struct http_request){.retry = HTTP_RETRY_NEVER}, acts[i], &seen, &requests);
        assert_int_equal(seen.status, 200);
    }
}

TEST(a_change_lost_on_a_kept_connection_is_not_sent_again)
{
    static const enum loopback_act acts[] = {LOOPBACK_CLOSE, LOOPBACK_RESET};
    static const enum http_retry policies[] = {HTTP_RETRY_NEVER, HTTP_RETRY_UNSENT};
    struct seen seen;
    unsigned requests;

    for (size_t i = 0; i < 4; i++) {
        struct http_request request = {.method = "POST", .retry = policies[i / 2]};

        if (i % 2)
            request.body = TEXT("x=1");
        ask_twice(request, acts[i % 2], &seen, &requests);
        assert_int_equal(requests, 2);
        assert_string_equal(failure_kind_name(seen.failure.kind),
                            failure_kind_name(FAILURE_AMBIGUOUS));
    }
}

TEST(connections_closed_while_idle_disturb_nobody)
{
    struct fixture f;
    struct seen first = {0}, second = {0};
    struct http_request change = {.method = "POST", .target = "/"};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/", {.bytes = OK_ANSWER});
    fixture_ask(&f, change, &first);
    loopback_drop(f.server, false);
    fixture_idle(&f, 20);
    fixture_ask(&f, change, &second);
    assert_int_equal(second.status, 200);
    assert_int_equal(loopback_accepted(f.server), 2);
    fixture_close(&f);
}

int main(void)
{
    struct failure why;

    if (!net_global_init(&why))
        return 1;
    return RUN(
        CASE(a_passing_fault_is_tried_again), CASE(a_lasting_answer_is_not_tried_again),
        CASE(lost_connections_are_tried_again), CASE(a_try_that_times_out_is_tried_again),
        CASE(tries_run_out_on_an_answer_which_is_handed_over), CASE(tries_run_out_on_a_failure),
        CASE(never_means_one_try), CASE(a_change_is_repeated_only_where_it_cannot_have_happened),
        CASE(a_change_that_was_sent_and_not_answered_is_ambiguous),
        CASE(a_change_that_found_no_server_is_not_ambiguous), CASE(retry_after_is_understood),
        CASE(retry_after_as_a_date_is_read_against_the_answers_own_date),
        CASE(retry_after_is_obeyed), CASE(a_retry_after_beyond_the_deadline_is_not_waited_for),
        CASE(one_deadline_covers_all_tries), CASE(cancel_during_a_pause),
        CASE(a_pause_holds_no_place_in_flight), CASE(a_dead_kept_connection_costs_no_try),
        CASE(a_change_lost_on_a_kept_connection_is_not_sent_again),
        CASE(connections_closed_while_idle_disturb_nobody));
}
