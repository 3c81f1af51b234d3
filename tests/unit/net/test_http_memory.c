/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP client when memory runs out, when the kernel refuses, and what it leaves behind in freed
 * memory.
 *
 * Linked with --wrap, which reaches our own code and, through our allocators, everything inside
 * libcurl; the loopback server is a shared library here, so that what it does is not counted.
 */
#include "http_fixture.h"
#include "net/json.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define MARKER "hunter2-marks-the-secret"

static long fail_at = -1, allocations;
/* Volatile: the compiler believes that free() touches neither. */
static volatile bool is_watching;
static volatile unsigned dirty; /* blocks freed with the marker in them */
static int poll_refusals;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void __real_free(void *memory);
int __real_epoll_ctl(int epoll, int action, int fd, struct epoll_event *event);
/* Visible, because the sanitizers' libraries refer to the same names. */
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void __wrap_free(void *memory);
int __wrap_epoll_ctl(int epoll, int action, int fd, struct epoll_event *event);

static bool fails(void)
{
    return fail_at >= 0 && allocations++ == fail_at;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void __wrap_free(void *memory)
{
    if (memory && is_watching && memmem(memory, malloc_usable_size(memory), MARKER, strlen(MARKER)))
        dirty++;
    __real_free(memory);
}

int __wrap_epoll_ctl(int epoll, int action, int fd, struct epoll_event *event)
{
    if (action != EPOLL_CTL_ADD || poll_refusals == 0)
        return __real_epoll_ctl(epoll, action, fd, event);
    poll_refusals--;
    errno = ENOMEM;
    return -1;
}

/* ---- memory runs out ------------------------------------------------------------------------- */

static void count_done(const struct http_answer *answer, const struct failure *failure,
                       void *context)
{
    struct seen *seen = context;

    assert_true(!answer != !failure);
    seen->calls++;
    if (answer)
        seen->status = answer->status;
    else
        seen->failure = *failure;
}

struct bench {
    uv_loop_t loop;
    struct loopback *server;
    unsigned closes;
};

static void bench_wait(struct bench *bench, const struct seen *seen)
{
    for (int i = 0; i < 100000 && !seen->calls; i++)
        uv_run(&bench->loop, UV_RUN_ONCE);
    assert_int_equal(seen->calls, 1);
}

static struct http_request request_with_everything(struct http_header headers[2])
{
    headers[0] = (struct http_header){.name = "X-A", .value = TEXT("a")};
    headers[1] = (struct http_header){.name = "X-B", .value = TEXT("b")};
    return (struct http_request){.method = "POST",
                                 .target = "/a",
                                 .headers = headers,
                                 .header_count = 2,
                                 .body = TEXT("body"),
                                 .deadline_ms = 5000,
                                 .max_redirects = 2,
                                 .retry = HTTP_RETRY_SAFE,
                                 .max_tries = 2};
}

/* The n-th allocation fails. False when there were fewer. */
static bool try_with_failing(struct bench *bench, long n, unsigned *failures)
{
    struct seen seen = {0}, again = {0};
    struct http_header headers[2];
    struct http_request request = request_with_everything(headers);
    struct upstream_settings settings = {.origin = loopback_origin(bench->server)};
    struct upstream *upstream = NULL;
    struct failure why = {0};
    struct http *http;
    bool was_hit;

    bench->closes = 0;
    allocations = 0;
    fail_at = n;
    http = http_open(&bench->loop);
    if (http)
        upstream = upstream_open(http, &settings, &why);
    if (upstream && http_send(upstream, &request, count_done, &seen))
        bench_wait(bench, &seen);
    was_hit = allocations > n;
    fail_at = -1;
    if (http && !upstream)
        assert_int_equal(why.kind, FAILURE_INTERNAL);
    if (upstream) {
        *failures += seen.failure.kind != FAILURE_NONE;
        assert_true(seen.calls <= 1);
        assert_int_not_equal(seen.failure.kind, FAILURE_TOO_LARGE);
        assert_non_null(http_send(upstream, &request, count_done, &again));
        bench_wait(bench, &again);
        assert_int_equal(again.status, 200);
    }
    if (http) {
        http_close(http, fixture_on_closed, &bench->closes);
        while (!bench->closes)
            uv_run(&bench->loop, UV_RUN_ONCE);
    }
    if (!was_hit)
        assert_int_equal(seen.status, 200);
    return was_hit;
}

TEST(every_allocation_may_fail)
{
    struct bench bench = {0};
    unsigned failures = 0;
    long n = 0;

    uv_loop_init(&bench.loop);
    bench.server = loopback_open(&bench.loop, NULL);
    LOOPBACK_SCRIPT(bench.server, "/a",
                    {.bytes = "HTTP/1.1 307 x\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"});
    LOOPBACK_SCRIPT(bench.server, "/b", {.bytes = OK_ANSWER});
    while (try_with_failing(&bench, n, &failures))
        n++;
    assert_true(n > 50);       /* it did reach into libcurl */
    assert_true(failures > 5); /* and some were told through `done` */
    loopback_close(bench.server);
    uv_run(&bench.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bench.loop), 0);
}

/* ---- the kernel refuses ---------------------------------------------------------------------- */

TEST(trap_13_a_multi_that_breaks_is_replaced)
{
    struct fixture f;
    struct seen before = {0}, safe = {0}, change = {0}, after = {0};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/slow", {.bytes = OK_ANSWER, .delay_ms = 100});
    LOOPBACK_SCRIPT(f.server, "/", {.bytes = OK_ANSWER});
    fixture_ask(&f, (struct http_request){.target = "/"}, &before);
    fixture_send(f.upstream, (struct http_request){.target = "/slow", .retry = HTTP_RETRY_SAFE},
                 &safe);
    fixture_send(f.upstream, (struct http_request){.target = "/slow", .method = "POST"}, &change);
    while (loopback_count(f.server) < 3)
        uv_run(&f.loop, UV_RUN_ONCE);
    poll_refusals = 1;
    fixture_get(&f, "/", &after);
    fixture_wait(&f, &after);
    assert_int_equal(poll_refusals, 0);
    assert_int_equal(after.failure.kind, FAILURE_INTERNAL);
    fixture_wait(&f, &change);
    assert_string_equal(failure_kind_name(change.failure.kind),
                        failure_kind_name(FAILURE_AMBIGUOUS));
    fixture_wait(&f, &safe); /* on the new one */
    assert_int_equal(safe.status, 200);
    after = (struct seen){0};
    fixture_ask(&f, (struct http_request){.target = "/"}, &after);
    assert_int_equal(after.status, 200);
    fixture_close(&f);
}

/* ---- what is left in freed memory ------------------------------------------------------------ */

TEST(the_detector_detects)
{
    char *volatile block = strdup(MARKER);

    dirty = 0;
    is_watching = true;
    free(block);
    is_watching = false;
    assert_int_equal(dirty, 1);
}

static void expect_wiped(struct http_request request, const struct loopback_step *steps,
                         size_t count)
{
    struct fixture f;
    struct seen seen = {0};
    struct secret *secret = secret_new(TEXT(MARKER));
    struct http_header headers[] = {
        {.name = "X-Vault-Token", .secret = secret},
        {.name = "Authorization", .value = TEXT("Bearer "), .secret = secret},
        {.name = "X-Plain", .value = TEXT(MARKER)},
    };

    dirty = 0;
    is_watching = true;
    fixture_open(&f);
    loopback_script(f.server, "/", steps, count);
    request.target = "/";
    request.headers = headers;
    request.header_count = 3;
    fixture_ask(&f, request, &seen);
    secret_free(secret);
    fixture_close(&f);
    is_watching = false;
    assert_int_equal(dirty, 0);
}

TEST(headers_and_bodies_are_wiped)
{
    static const struct loopback_step answer[] = {
        {.bytes = "HTTP/1.1 200 OK\r\nX-Echo: " MARKER "\r\nContent-Length: 24\r\n\r\n" MARKER}};
    static char long_body[200000];

    expect_wiped((struct http_request){0}, answer, 1);
    expect_wiped((struct http_request){.method = "POST", .body = TEXT("{\"k\":\"" MARKER "\"}")},
                 answer, 1);
    for (size_t i = 0; i + strlen(MARKER) < sizeof(long_body); i += strlen(MARKER))
        strcpy(long_body + i, MARKER);
    expect_wiped(
        (struct http_request){.method = "PUT", .body = {long_body, sizeof(long_body) - 100}},
        answer, 1);
}

TEST(retries_and_failures_wipe_too)
{
    static const struct loopback_step steps[] = {
        {.act = LOOPBACK_CLOSE},
        {.bytes = "HTTP/1.1 503 x\r\nContent-Length: 24\r\n\r\n" MARKER},
        {.act = LOOPBACK_LAST, .bytes = "HTTP/1.1 200 x\r\nContent-Length: 99\r\n\r\n" MARKER},
    };
    static const struct loopback_step hang[] = {{.act = LOOPBACK_HANG}};
    const struct http_request request = {
        .method = "POST", .body = TEXT(MARKER), .retry = HTTP_RETRY_SAFE};

    expect_wiped(request, steps, 3);
    expect_wiped((struct http_request){.body = TEXT(MARKER), .deadline_ms = 50}, hang, 1);
}

TEST(a_long_answer_leaves_nothing_while_it_grows)
{
    static char bytes[100000];
    struct loopback_step step = {.bytes = bytes};

    strcpy(bytes, "HTTP/1.1 200 OK\r\nContent-Length: 72000\r\n\r\n");
    for (size_t i = 0, size = strlen(bytes); i < 3000; i++)
        strcpy(bytes + size + i * strlen(MARKER), MARKER);
    expect_wiped((struct http_request){0}, &step, 1);
}

TEST(json_is_wiped)
{
    json_t *json;

    dirty = 0;
    is_watching = true;
    json = json_read(TEXT("{\"data\":{\"" MARKER "\":\"" MARKER "\"},\"list\":[\"" MARKER "\"]}"),
                     NULL);
    assert_non_null(json);
    assert_true(json_set_text(json, "data", TEXT(MARKER)));
    json_decref(json);
    assert_null(json_read(TEXT("{\"a\":\"" MARKER "\", oops}"), NULL));
    is_watching = false;
    assert_int_equal(dirty, 0);
}

int main(void)
{
    struct failure why;

    if (!net_global_init(&why))
        return 1;
    return RUN(CASE(every_allocation_may_fail), CASE(trap_13_a_multi_that_breaks_is_replaced),
               CASE(the_detector_detects), CASE(headers_and_bodies_are_wiped),
               CASE(retries_and_failures_wipe_too),
               CASE(a_long_answer_leaves_nothing_while_it_grows), CASE(json_is_wiped));
}
