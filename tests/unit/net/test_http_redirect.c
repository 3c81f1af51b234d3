/* SPDX-License-Identifier: Apache-2.0 */
/* Redirects: followed only where that is safe, and never with a credential to another origin. */
#include "http_fixture.h"
#include "tests/support/loopback_tls.h"

#include <stdio.h>
#include <string.h>

#define TO(status, place)                                                                          \
    "HTTP/1.1 " status " Moved\r\nLocation: " place "\r\nContent-Length: 0\r\n\r\n"

/* Two servers: the upstream, and the place a redirect leads to. */
struct scene {
    struct fixture f;
    struct loopback *other;
    char away[256]; /* an answer that redirects to the other server */
};

static void scene_open(struct scene *scene, const char *status)
{
    struct loopback_step step = {.bytes = scene->away};
    static struct loopback_step steps[1];

    fixture_open(&scene->f);
    scene->other = loopback_open(&scene->f.loop, NULL);
    LOOPBACK_SCRIPT(scene->other, "/there", {.bytes = OK_ANSWER});
    snprintf(scene->away, sizeof(scene->away),
             "HTTP/1.1 %s Moved\r\nLocation: %s/there\r\nContent-Length: 0\r\n\r\n", status,
             loopback_origin(scene->other));
    steps[0] = step;
    loopback_script(scene->f.server, "/away", steps, 1);
}

static void scene_close(struct scene *scene)
{
    loopback_close(scene->other);
    fixture_close(&scene->f);
}

static bool allow(struct text origin, void *context)
{
    struct scene *scene = context;

    return text_is(origin, loopback_origin(scene->other));
}

TEST(without_leave_a_redirect_is_an_answer)
{
    struct fixture f;
    struct seen seen = {0};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/a", {.bytes = TO("307", "/b")});
    fixture_ask(&f, (struct http_request){.target = "/a"}, &seen);
    assert_int_equal(seen.status, 307);
    assert_string_equal(seen.location, "/b");
    assert_int_equal(loopback_count(f.server), 1);
    fixture_close(&f);
}

TEST(within_the_origin_it_is_followed)
{
    static const char *const answers[] = {TO("301", "/b?x=1"), TO("302", "/b?x=1"),
                                          TO("303", "/b?x=1"), TO("307", "/b?x=1"),
                                          TO("308", "/b?x=1")};

    for (size_t i = 0; i < 5; i++) {
        struct fixture f;
        struct seen seen = {0};
        struct loopback_step step = {.bytes = answers[i]};

        fixture_open(&f);
        loopback_script(f.server, "/a", &step, 1);
        LOOPBACK_SCRIPT(f.server, "/b", {.bytes = OK_ANSWER});
        fixture_ask(&f, (struct http_request){.target = "/a", .max_redirects = 1}, &seen);
        assert_int_equal(seen.status, 200);
        assert_int_equal(seen.tries, 1); /* a redirect is no second try */
        assert_non_null(strstr(loopback_request(f.server, 1), "GET /b?x=1 HTTP/1.1"));
        fixture_close(&f);
    }
}

TEST(method_and_body_go_along_with_307)
{
    struct fixture f;
    struct seen seen = {0}, other = {0};
    struct http_request request = {
        .method = "PUT", .target = "/a", .body = TEXT("value"), .max_redirects = 1};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/a", {.bytes = TO("307", "b")});
    LOOPBACK_SCRIPT(f.server, "/b", {.bytes = OK_ANSWER});
    LOOPBACK_SCRIPT(f.server, "/c", {.bytes = TO("302", "/b")});
    fixture_ask(&f, request, &seen);
    assert_int_equal(seen.status, 200);
    assert_non_null(strstr(loopback_request(f.server, 1), "PUT /b HTTP/1.1"));
    assert_non_null(strstr(loopback_request(f.server, 1), "\r\n\r\nvalue"));
    request.target = "/c"; /* 302 would make it a GET elsewhere: not for a change */
    fixture_ask(&f, request, &other);
    assert_int_equal(other.status, 302);
    fixture_close(&f);
}

TEST(a_redirect_replaces_the_base_path_too)
{
    struct fixture f;
    struct seen seen = {0};
    char origin[64];

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/base/a", {.bytes = TO("307", "/elsewhere")});
    LOOPBACK_SCRIPT(f.server, "/elsewhere", {.bytes = OK_ANSWER});
    snprintf(origin, sizeof(origin), "%s/base", loopback_origin(f.server));
    f.upstream = fixture_upstream(&f, (struct upstream_settings){.origin = origin});
    fixture_ask(&f, (struct http_request){.target = "/a", .max_redirects = 1}, &seen);
    assert_int_equal(seen.status, 200);
    fixture_close(&f);
}

TEST(a_circle_ends)
{
    struct fixture f;
    struct seen seen = {0};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/a", {.bytes = TO("307", "/a")});
    fixture_ask(&f, (struct http_request){.target = "/a", .max_redirects = 3}, &seen);
    assert_int_equal(seen.failure.kind, FAILURE_PROTOCOL);
    assert_int_equal(loopback_count(f.server), 4);
    fixture_close(&f);
}

TEST(another_origin_is_refused_and_named)
{
    struct scene scene;
    struct seen seen = {0};

    scene_open(&scene, "307");
    fixture_ask(&scene.f, (struct http_request){.target = "/away", .max_redirects = 5}, &seen);
    assert_int_equal(seen.failure.kind, FAILURE_PROTOCOL);
    assert_non_null(strstr(seen.failure.text, loopback_origin(scene.other)));
    assert_int_equal(loopback_accepted(scene.other), 0);
    scene_close(&scene);
}

TEST(an_allowed_origin_gets_no_credential)
{
    struct scene scene;
    struct seen seen = {0};
    struct secret *secret = secret_new(TEXT("hunter2"));
    struct http_header headers[] = {
        {.name = "X-Vault-Token", .secret = secret},
        {.name = "X-Custom", .value = TEXT("key "), .secret = secret},
        {.name = "Authorization", .value = TEXT("Basic hunter2")},
        {.name = "Cookie", .value = TEXT("hunter2")},
        {.name = "X-Vault-Namespace", .value = TEXT("hunter2")},
        {.name = "X-Plain", .value = TEXT("plain")},
    };
    const char *text;

    scene_open(&scene, "302");
    fixture_ask(&scene.f,
                (struct http_request){.target = "/away",
                                      .headers = headers,
                                      .header_count = 6,
                                      .max_redirects = 1,
                                      .may_redirect = allow,
                                      .redirect_context = &scene},
                &seen);
    secret_free(secret);
    assert_string_equal(seen.failure.text, "");
    assert_int_equal(seen.status, 200);
    assert_non_null(strstr(loopback_request(scene.f.server, 0), "X-Vault-Token: hunter2"));
    text = loopback_request(scene.other, 0);
    assert_null(strstr(text, "hunter2"));
    assert_non_null(strstr(text, "X-Plain: plain"));
    scene_close(&scene);
}

TEST(a_body_does_not_go_to_another_origin)
{
    struct scene scene;
    struct seen seen = {0};

    scene_open(&scene, "307");
    fixture_ask(&scene.f,
                (struct http_request){.method = "POST",
                                      .target = "/away",
                                      .body = TEXT("secret_id=hunter2"),
                                      .max_redirects = 1,
                                      .may_redirect = allow,
                                      .redirect_context = &scene},
                &seen);
    assert_int_equal(seen.failure.kind, FAILURE_PROTOCOL);
    assert_int_equal(loopback_accepted(scene.other), 0);
    scene_close(&scene);
}

static bool allow_all(struct text origin, void *context)
{
    (void)origin, (void)context;
    return true;
}

TEST(sent_back_home_it_stays_without_credentials)
{
    struct scene scene;
    struct seen seen = {0};
    struct secret *secret = secret_new(TEXT("hunter2"));
    struct http_header header = {.name = "X-Vault-Token", .secret = secret};
    static char back[256];
    static struct loopback_step step = {.bytes = back};

    scene_open(&scene, "307");
    snprintf(back, sizeof(back), TO("307", "%s/chosen/by/others"), loopback_origin(scene.f.server));
    snprintf(scene.away, sizeof(scene.away), TO("307", "%s/back"), loopback_origin(scene.other));
    loopback_script(scene.other, "/back", &step, 1);
    LOOPBACK_SCRIPT(scene.f.server, "/chosen/by/others", {.bytes = OK_ANSWER});
    fixture_ask(&scene.f,
                (struct http_request){.target = "/away",
                                      .headers = &header,
                                      .header_count = 1,
                                      .max_redirects = 2,
                                      .may_redirect = allow_all},
                &seen);
    secret_free(secret);
    assert_int_equal(seen.status, 200);
    assert_int_equal(loopback_count(scene.f.server), 2);
    assert_null(strstr(loopback_request(scene.f.server, 1), "hunter2"));
    scene_close(&scene);
}

static void expect_refused_place(const char *location)
{
    struct fixture f;
    struct seen seen = {0};
    char bytes[400];
    struct loopback_step step = {.bytes = bytes};

    snprintf(bytes, sizeof(bytes), "HTTP/1.1 307 x\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
             location);
    fixture_open(&f);
    loopback_script(f.server, "/", &step, 1);
    fixture_ask(&f,
                (struct http_request){.target = "/", .max_redirects = 1, .may_redirect = allow_all},
                &seen);
    assert_string_equal(failure_kind_name(seen.failure.kind), failure_kind_name(FAILURE_PROTOCOL));
    assert_int_equal(loopback_count(f.server), 1);
    fixture_close(&f);
}

TEST(trap_25_only_http_and_https_are_followed)
{
    expect_refused_place("file:///etc/passwd");
    expect_refused_place("ftp://127.0.0.1/");
    expect_refused_place("gopher://127.0.0.1:1/x");
    expect_refused_place("http://user:password@127.0.0.1/");
    expect_refused_place("http://plain.example/");
    expect_refused_place("//plain.example/");
    expect_refused_place("http://");
    expect_refused_place("http://127.0.0.1:99999/");
}

TEST(tls_is_never_left)
{
    struct fixture f;
    struct seen seen = {0};
    struct loopback_settings server;

    loopback_make_certificates(fixture_folder());
    server = (struct loopback_settings){.cert_file = fixture_path("server.pem"),
                                        .key_file = fixture_path("server.key")};
    fixture_open_with(&f, &server, (struct upstream_settings){.ca_file = fixture_path("ca.pem")});
    LOOPBACK_SCRIPT(f.server, "/", {.bytes = TO("307", "http://127.0.0.1:1/")});
    fixture_ask(&f,
                (struct http_request){.target = "/", .max_redirects = 1, .may_redirect = allow_all},
                &seen);
    assert_int_equal(seen.failure.kind, FAILURE_PROTOCOL);
    assert_non_null(strstr(seen.failure.text, "away from TLS"));
    fixture_close(&f);
    fixture_folder_remove();
}

TEST(the_deadline_covers_redirects)
{
    struct fixture f;
    struct seen seen = {0};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/a", {.bytes = TO("307", "/a"), .delay_ms = 250});
    fixture_ask(&f,
                (struct http_request){.target = "/a", .max_redirects = 1000, .deadline_ms = 1500},
                &seen);
    assert_int_equal(seen.failure.kind, FAILURE_TIMEOUT);
    assert_in_range(loopback_count(f.server), 2, 7);
    fixture_close(&f);
}

int main(void)
{
    struct failure why;

    if (!net_global_init(&why))
        return 1;
    return RUN(CASE(without_leave_a_redirect_is_an_answer), CASE(within_the_origin_it_is_followed),
               CASE(method_and_body_go_along_with_307), CASE(a_redirect_replaces_the_base_path_too),
               CASE(a_circle_ends), CASE(another_origin_is_refused_and_named),
               CASE(an_allowed_origin_gets_no_credential),
               CASE(a_body_does_not_go_to_another_origin),
               CASE(sent_back_home_it_stays_without_credentials),
               CASE(trap_25_only_http_and_https_are_followed), CASE(tls_is_never_left),
               CASE(the_deadline_covers_redirects));
}
