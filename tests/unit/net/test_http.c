/* SPDX-License-Identifier: Apache-2.0 */
/* The promises of net/http.h: answers, cancel and close, the queue. */
#include "http_fixture.h"

#include <stdio.h>
#include <string.h>

/* ---- answers --------------------------------------------------------------------------------- */

TEST(an_answer_arrives_whole)
{
    struct fixture f;
    struct seen seen = {0};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/now", {.bytes = OK_ANSWER});
    fixture_get(&f, "/now?x=1", &seen);
    fixture_wait(&f, &seen);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.status, 200);
    assert_int_equal(seen.tries, 1);
    assert_string_equal(seen.body, "ok");
    assert_non_null(strstr(loopback_request(f.server, 0), "GET /now?x=1 HTTP/1.1\r\n"));
    assert_non_null(strstr(loopback_request(f.server, 0), "User-Agent: keydrift/"));
    fixture_close(&f);
    assert_int_equal(seen.calls, 1);
}

TEST(any_status_is_an_answer)
{
    struct fixture f;
    struct seen seen = {0};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/no",
                    {.bytes = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"});
    fixture_ask(&f, (struct http_request){.target = "/no"}, &seen);
    assert_int_equal(seen.status, 403);
    assert_string_equal(seen.body, "");
    fixture_close(&f);
}

TEST(the_request_goes_out_as_asked)
{
    struct fixture f;
    struct seen a = {0}, b = {0}, c = {0};
    struct secret *token = secret_new(TEXT("t0ken"));
    struct http_header headers[] = {
        {.name = "Content-Type", .value = TEXT("application/json")},
        {.name = "Authorization", .value = TEXT("Bearer "), .secret = token},
        {.name = "X-Empty"}};
    const char *text;

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/a/../b", {.bytes = OK_ANSWER});
    fixture_ask(&f,
                (struct http_request){.method = "PATCH",
                                      .target = "/a/../b",
                                      .headers = headers,
                                      .header_count = 3,
                                      .body = TEXT("{\"a\":1}")},
                &a);
    secret_free(token);
    text = loopback_request(f.server, 0);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(text, "PATCH /a/../b HTTP/1.1\r\n"));
    assert_non_null(strstr(text, "\r\nAuthorization: Bearer t0ken\r\n"));
    assert_non_null(strstr(text, "\r\nX-Empty:\r\n"));
    assert_non_null(strstr(text, "\r\nContent-Length: 7\r\n"));
    assert_non_null(strstr(text, "\r\n\r\n{\"a\":1}"));
    fixture_ask(&f, (struct http_request){.method = "POST", .target = "/a/../b"}, &b);
    assert_non_null(strstr(loopback_request(f.server, 1), "\r\nContent-Length: 0\r\n"));
    assert_null(strstr(loopback_request(f.server, 1), "Content-Type"));
    fixture_ask(&f, (struct http_request){.method = "LIST", .target = "/a/../b"}, &c);
    assert_non_null(strstr(loopback_request(f.server, 2), "LIST /a/../b HTTP/1.1\r\n"));
    assert_null(strstr(loopback_request(f.server, 2), "Content-Length"));
    fixture_close(&f);
}

TEST(a_long_body_is_sent_without_asking_for_permission)
{
    static char body[2 << 20 >> 2];
    struct fixture f;
    struct seen seen = {0};

    memset(body, 'b', sizeof(body));
    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/put", {.bytes = OK_ANSWER});
    fixture_ask(
        &f, (struct http_request){.method = "PUT", .target = "/put", .body = {body, sizeof(body)}},
        &seen);
    assert_int_equal(seen.status, 200);
    assert_null(strstr(loopback_request(f.server, 0), "Expect"));
    assert_int_equal(strlen(strstr(loopback_request(f.server, 0), "\r\n\r\n")), sizeof(body) + 4);
    fixture_close(&f);
}

TEST(a_head_request_waits_for_no_body)
{
    struct fixture f;
    struct seen seen = {0};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/h", {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"});
    fixture_ask(&f, (struct http_request){.method = "HEAD", .target = "/h"}, &seen);
    assert_int_equal(seen.status, 200);
    fixture_close(&f);
}

TEST(a_base_path_stands_before_the_target)
{
    struct fixture f;
    struct seen seen = {0};
    char origin[128];

    fixture_open(&f);
    snprintf(origin, sizeof(origin), "%s/base/path/", loopback_origin(f.server));
    fixture_send(fixture_upstream(&f, (struct upstream_settings){.origin = origin}),
                 (struct http_request){.target = "/x"}, &seen);
    fixture_wait(&f, &seen);
    assert_non_null(strstr(loopback_request(f.server, 0), "GET /base/path/x HTTP/1.1"));
    fixture_close(&f);
}

TEST(an_interim_answer_is_not_the_answer)
{
    struct fixture f;
    struct seen seen = {0};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/i",
                    {.bytes = "HTTP/1.1 103 Early Hints\r\nLocation: /early\r\n\r\n" OK_ANSWER});
    fixture_ask(&f, (struct http_request){.target = "/i"}, &seen);
    assert_int_equal(seen.status, 200);
    assert_string_equal(seen.location, "");
    fixture_close(&f);
}

TEST(a_unix_socket_works)
{
    struct fixture f;
    struct seen seen = {0}, none = {0};
    struct loopback_settings server = {.unix_path = fixture_path("socket")};

    fixture_open_with(&f, &server,
                      (struct upstream_settings){.origin = "http://vault.example",
                                                 .unix_socket = server.unix_path});
    LOOPBACK_SCRIPT(f.server, "/u", {.bytes = OK_ANSWER});
    fixture_ask(&f, (struct http_request){.target = "/u"}, &seen);
    assert_int_equal(seen.status, 200);
    assert_non_null(strstr(loopback_request(f.server, 0), "\r\nHost: vault.example\r\n"));
    upstream_close(f.upstream);
    f.upstream = fixture_upstream(&f, (struct upstream_settings){.origin = "http://localhost",
                                                                 .unix_socket = "/nonexistent/s"});
    fixture_ask(&f, (struct http_request){.target = "/u"}, &none);
    assert_int_equal(none.failure.kind, FAILURE_NETWORK);
    assert_non_null(strstr(none.failure.text, "/nonexistent/s"));
    fixture_close(&f);
    fixture_folder_remove();
}

/* ---- cancel and close ------------------------------------------------------------------------ */

static void cancel_it(void *context)
{
    operation_cancel(context);
}

TEST(cancel_before_anything_happened)
{
    struct fixture f;
    struct seen seen = {0};
    struct operation *operation;

    fixture_open(&f);
    operation = fixture_get(&f, "/hang", &seen);
    operation_cancel(operation);
    operation_cancel(operation);
    assert_int_equal(seen.calls, 0);
    fixture_wait(&f, &seen);
    assert_int_equal(seen.failure.kind, FAILURE_CANCELED);
    assert_int_equal(loopback_accepted(f.server), 0);
    fixture_close(&f);
    assert_int_equal(seen.calls, 1);
}

TEST(cancel_in_flight)
{
    struct fixture f;
    struct seen seen = {0};
    struct operation *operation;
    unsigned in_flight, waiting;

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/hang", {.act = LOOPBACK_HANG});
    operation = fixture_get(&f, "/hang", &seen);
    while (!loopback_count(f.server))
        uv_run(&f.loop, UV_RUN_ONCE);
    upstream_load(f.upstream, &in_flight, &waiting);
    assert_int_equal(in_flight, 1);
    operation_cancel(operation);
    fixture_wait(&f, &seen);
    assert_int_equal(seen.failure.kind, FAILURE_CANCELED);
    upstream_load(f.upstream, &in_flight, &waiting);
    assert_int_equal(in_flight, 0);
    fixture_close(&f);
    assert_int_equal(seen.calls, 1);
}

TEST(cancel_another_from_inside_done)
{
    struct fixture f;
    struct seen first = {0}, second = {0};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/now", {.bytes = OK_ANSWER});
    LOOPBACK_SCRIPT(f.server, "/hang", {.act = LOOPBACK_HANG});
    first.then = cancel_it;
    first.context = fixture_get(&f, "/hang", &second);
    fixture_get(&f, "/now", &first);
    fixture_wait(&f, &second);
    assert_int_equal(first.status, 200);
    assert_int_equal(second.failure.kind, FAILURE_CANCELED);
    fixture_close(&f);
    assert_int_equal(first.calls + second.calls, 2);
}

TEST(cancel_itself_from_inside_done)
{
    struct fixture f;
    struct seen seen = {0};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/now", {.bytes = OK_ANSWER});
    seen.then = cancel_it;
    seen.context = fixture_get(&f, "/now", &seen);
    fixture_wait(&f, &seen);
    fixture_close(&f);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.status, 200);
}

struct sending {
    struct fixture *fixture;
    struct seen *seen;
};

static void send_another(void *context)
{
    struct sending *sending = context;

    fixture_get(sending->fixture, "/now", sending->seen);
}

TEST(send_from_inside_done)
{
    struct fixture f;
    struct seen first = {0}, second = {0};
    struct sending sending = {&f, &second};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/now", {.bytes = OK_ANSWER});
    first.then = send_another;
    first.context = &sending;
    fixture_get(&f, "/now", &first);
    fixture_wait(&f, &second);
    assert_int_equal(second.status, 200);
    assert_int_equal(loopback_accepted(f.server), 1); /* and on the same connection */
    fixture_close(&f);
}

static void close_client(void *context)
{
    struct fixture *f = context;

    http_close(f->http, fixture_on_closed, &f->closes);
    f->http = NULL;
}

TEST(close_from_inside_done_cancels_the_others)
{
    struct fixture f;
    struct seen first = {0}, others[20] = {0};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/now", {.bytes = OK_ANSWER});
    LOOPBACK_SCRIPT(f.server, "/hang", {.act = LOOPBACK_HANG});
    first.then = close_client;
    first.context = &f;
    fixture_get(&f, "/now", &first);
    for (size_t i = 0; i < 20; i++)
        fixture_get(&f, "/hang", &others[i]);
    fixture_wait(&f, &first);
    fixture_close(&f);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(others[i].calls, 1);
        assert_int_equal(others[i].failure.kind, FAILURE_CANCELED);
    }
}

static void close_upstream(void *context)
{
    upstream_close(context);
}

TEST(close_the_upstream_from_inside_done)
{
    struct fixture f;
    struct seen first = {0}, other = {0}, late = {0};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/now", {.bytes = OK_ANSWER});
    LOOPBACK_SCRIPT(f.server, "/hang", {.act = LOOPBACK_HANG});
    first.then = close_upstream;
    first.context = f.upstream;
    fixture_get(&f, "/hang", &other);
    fixture_get(&f, "/now", &first);
    fixture_wait(&f, &other);
    assert_int_equal(other.failure.kind, FAILURE_CANCELED);
    f.upstream = fixture_upstream(&f, (struct upstream_settings){0});
    fixture_get(&f, "/now", &late);
    fixture_wait(&f, &late);
    assert_int_equal(late.status, 200);
    fixture_close(&f);
}

TEST(nothing_starts_after_the_upstream_closed)
{
    struct fixture f;
    struct seen seen = {0}, waiting = {0};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/hang", {.act = LOOPBACK_HANG});
    fixture_get(&f, "/hang", &waiting); /* keeps the upstream alive for the question */
    http_close(f.http, fixture_on_closed, &f.closes);
    assert_null(fixture_send(f.upstream, (struct http_request){.target = "/"}, &seen));
    f.http = NULL;
    fixture_close(&f);
    assert_int_equal(seen.calls, 0);
    assert_int_equal(waiting.calls, 1);
}

TEST(close_without_any_request)
{
    struct fixture f;

    fixture_open(&f);
    fixture_close(&f);
}

/* ---- the queue ------------------------------------------------------------------------------- */

TEST(no_more_in_flight_than_allowed)
{
    struct fixture f;
    struct seen seen[12] = {0};
    unsigned in_flight, waiting;

    fixture_open_with(&f, NULL, (struct upstream_settings){.max_connections = 3});
    LOOPBACK_SCRIPT(f.server, "/slow", {.bytes = OK_ANSWER, .delay_ms = 20});
    for (size_t i = 0; i < 12; i++)
        fixture_get(&f, "/slow", &seen[i]);
    while (loopback_count(f.server) < 3)
        uv_run(&f.loop, UV_RUN_ONCE);
    upstream_load(f.upstream, &in_flight, &waiting);
    assert_int_equal(in_flight, 3);
    assert_int_equal(waiting, 9);
    for (size_t i = 0; i < 12; i++)
        fixture_wait(&f, &seen[i]);
    assert_int_equal(loopback_accepted(f.server), 3);
    for (size_t i = 1; i < 12; i++) /* first come first served within a lane */
        assert_true(seen[i].order > seen[i - 1].order || seen[i - 1].order - seen[i].order < 3);
    fixture_close(&f);
}

TEST(lanes_are_served_in_turn)
{
    struct fixture f;
    struct seen busy[50] = {0}, quiet = {0};
    struct http_request request = {.target = "/now", .lane = 1};

    fixture_open_with(&f, NULL, (struct upstream_settings){.max_in_flight = 1});
    LOOPBACK_SCRIPT(f.server, "/now", {.bytes = OK_ANSWER});
    for (size_t i = 0; i < 50; i++)
        fixture_send(f.upstream, request, &busy[i]);
    request.lane = 1 + 32; /* shares its bucket with the other */
    fixture_send(f.upstream, request, &quiet);
    for (size_t i = 0; i < 50; i++)
        fixture_wait(&f, &busy[i]);
    assert_int_equal(quiet.calls, 1);
    assert_true(quiet.order - busy[0].order <= 2);
    for (size_t i = 1; i < 50; i++)
        assert_true(busy[i].order > busy[i - 1].order);
    fixture_close(&f);
}

TEST(the_deadline_covers_the_wait_in_the_queue)
{
    struct fixture f;
    struct seen first = {0}, second = {0};

    fixture_open_with(&f, NULL, (struct upstream_settings){.max_in_flight = 1});
    LOOPBACK_SCRIPT(f.server, "/hang", {.act = LOOPBACK_HANG});
    fixture_get(&f, "/hang", &first);
    while (!loopback_count(f.server))
        uv_run(&f.loop, UV_RUN_ONCE);
    fixture_send(f.upstream, (struct http_request){.target = "/hang", .deadline_ms = 50}, &second);
    fixture_wait(&f, &second);
    assert_int_equal(first.calls, 0);
    assert_int_equal(second.failure.kind, FAILURE_TIMEOUT);
    assert_string_equal(second.failure.text,
                        "loopback: timed out after 50 ms waiting for its turn");
    assert_int_equal(loopback_count(f.server), 1);
    fixture_close(&f);
}

TEST(many_exchanges_all_end)
{
    static struct seen seen[500];
    struct fixture f;

    memset(seen, 0, sizeof(seen));
    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/now", {.bytes = OK_ANSWER});
    for (size_t i = 0; i < 500; i++)
        fixture_send(f.upstream, (struct http_request){.target = "/now", .lane = (unsigned)i % 70},
                     &seen[i]);
    for (size_t i = 0; i < 500; i++) {
        fixture_wait(&f, &seen[i]);
        assert_int_equal(seen[i].status, 200);
    }
    assert_in_range(loopback_accepted(f.server), 1, 4);
    fixture_close(&f);
}

int main(void)
{
    struct failure why;

    if (!net_global_init(&why))
        return 1;
    return RUN(CASE(an_answer_arrives_whole), CASE(any_status_is_an_answer),
               CASE(the_request_goes_out_as_asked),
               CASE(a_long_body_is_sent_without_asking_for_permission),
               CASE(a_head_request_waits_for_no_body), CASE(a_base_path_stands_before_the_target),
               CASE(an_interim_answer_is_not_the_answer), CASE(a_unix_socket_works),
               CASE(cancel_before_anything_happened), CASE(cancel_in_flight),
               CASE(cancel_another_from_inside_done), CASE(cancel_itself_from_inside_done),
               CASE(send_from_inside_done), CASE(close_from_inside_done_cancels_the_others),
               CASE(close_the_upstream_from_inside_done),
               CASE(nothing_starts_after_the_upstream_closed), CASE(close_without_any_request),
               CASE(no_more_in_flight_than_allowed), CASE(lanes_are_served_in_turn),
               CASE(the_deadline_covers_the_wait_in_the_queue), CASE(many_exchanges_all_end));
}
