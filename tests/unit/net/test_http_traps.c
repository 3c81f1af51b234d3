/* SPDX-License-Identifier: Apache-2.0 */
/* What is documented to go wrong between libuv and libcurl's multi-socket interface, by the numbers
 * of the project's list of traps. Some drive net/multi.h directly, where the client's own timers
 * cannot help. */
#include "http_fixture.h"
#include "net/multi.h"
#include "tests/support/loopback_tls.h"
#include "tests/support/turn.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the bare glue --------------------------------------------------------------------------- */

struct glue {
    uv_loop_t loop;
    struct loopback *server;
    struct multi multi;
    CURL *easy;
    unsigned ended, closed;
    CURLcode result;
};

static void on_ended(void *private, CURLcode result)
{
    struct glue *glue = private;

    glue->ended++;
    glue->result = result;
}

static void on_broken(void *context)
{
    (void)context;
    fail();
}

static void on_driven(void *context)
{
    (void)context;
}

static void on_closed(void *context)
{
    struct glue *glue = context;

    glue->closed++;
}

static size_t ignore(char *data, size_t unit, size_t count, void *context)
{
    (void)data, (void)context;
    return unit * count;
}

static void glue_open(struct glue *glue, const char *path, long timeout_ms)
{
    static const struct multi_events events = {on_ended, on_broken, on_driven, on_closed};
    char url[128];

    *glue = (struct glue){0};
    uv_loop_init(&glue->loop);
    glue->server = loopback_open(&glue->loop, NULL);
    LOOPBACK_SCRIPT(glue->server, "/hang", {.act = LOOPBACK_HANG});
    LOOPBACK_SCRIPT(glue->server, "/drip",
                    {.act = LOOPBACK_DRIP, .bytes = OK_ANSWER, .delay_ms = 20});
    assert_true(multi_open(&glue->multi, &glue->loop, &events, glue));
    snprintf(url, sizeof(url), "%s%s", loopback_origin(glue->server), path);
    glue->easy = curl_easy_init();
    curl_easy_setopt(glue->easy, CURLOPT_URL, url);
    curl_easy_setopt(glue->easy, CURLOPT_PRIVATE, glue);
    curl_easy_setopt(glue->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(glue->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(glue->easy, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(glue->easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    assert_true(multi_add(&glue->multi, glue->easy));
}

/* Milliseconds until the transfer ended. */
static uint64_t glue_run(struct glue *glue)
{
    uint64_t began = uv_hrtime();

    while (!glue->ended)
        uv_run(&glue->loop, UV_RUN_ONCE);
    return (uv_hrtime() - began) / 1000000;
}

static void glue_close(struct glue *glue)
{
    multi_remove(&glue->multi, glue->easy);
    curl_easy_cleanup(glue->easy);
    multi_close(&glue->multi);
    loopback_close(glue->server);
    uv_run(&glue->loop, UV_RUN_DEFAULT);
    assert_int_equal(glue->closed, 1);
    assert_int_equal(uv_loop_close(&glue->loop), 0);
}

TEST(trap_01_activity_on_the_socket_does_not_stop_libcurls_timer)
{
    struct glue glue;

    glue_open(&glue, "/drip", 200);
    uv_timer_stop(&glue.multi.watchdog); /* which would help, a second later */
    assert_true(glue_run(&glue) >= 150);
    assert_int_equal(glue.result, CURLE_OPERATION_TIMEDOUT);
    glue_close(&glue);
}

TEST(trap_07_the_last_transfer_is_reported_though_none_is_running)
{
    struct glue glue;

    glue_open(&glue, "/hang", 100);
    uv_timer_stop(&glue.multi.watchdog);
    assert_true(glue_run(&glue) >= 50);
    assert_int_equal(glue.ended, 1);
    assert_int_equal(glue.result, CURLE_OPERATION_TIMEDOUT);
    glue_close(&glue);
}

TEST(trap_18_a_timer_that_libcurl_forgot_is_made_up_for)
{
    struct glue glue;

    glue_open(&glue, "/hang", 100);
    while (!loopback_count(glue.server))
        uv_run(&glue.loop, UV_RUN_ONCE);
    uv_timer_stop(&glue.multi.timer);
    assert_in_range(glue_run(&glue), 500, 3000);
    assert_int_equal(glue.result, CURLE_OPERATION_TIMEDOUT);
    glue_close(&glue);
}

/* ---- the client ------------------------------------------------------------------------------ */

struct storm {
    struct fixture *fixture;
    struct seen *seen;
    bool is_over;
    unsigned rounds;
};

/* Starts over from inside `done`, with a request that fails without the network. */
static void again(void *context)
{
    struct storm *storm = context;

    storm->rounds++;
    storm->seen->calls = 0;
    if (!storm->is_over)
        fixture_send(storm->fixture->upstream, (struct http_request){.target = "bad"}, storm->seen);
}

static void on_storm_over(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
    uv_close((uv_handle_t *)timer, NULL);
}

TEST(trap_02_starting_over_from_inside_done_does_not_starve_the_loop)
{
    struct fixture f;
    struct seen seen = {0};
    struct storm storm = {&f, &seen, false, 0};
    uv_timer_t timer;

    fixture_open(&f);
    seen.then = again;
    seen.context = &storm;
    uv_timer_init(&f.loop, &timer);
    timer.data = &storm.is_over;
    uv_timer_start(&timer, on_storm_over, 200, 0);
    again(&storm);
    while (!storm.is_over)
        uv_run(&f.loop, UV_RUN_ONCE);
    assert_true(storm.rounds > 2);
    fixture_close(&f);
}

static void do_everything(void *context)
{
    struct storm *storm = context;
    struct failure why;
    struct upstream_settings settings = {.origin = "http://localhost:1"};

    upstream_close(upstream_open(storm->fixture->http, &settings, &why));
    operation_cancel(
        fixture_send(storm->fixture->upstream, (struct http_request){.target = "/"}, storm->seen));
    upstream_close(storm->fixture->upstream);
    http_close(storm->fixture->http, fixture_on_closed, &storm->fixture->closes);
    storm->fixture->http = NULL;
}

TEST(trap_04_done_may_open_send_cancel_and_close)
{
    struct fixture f;
    struct seen first = {0}, running = {0}, second = {0};
    struct storm storm = {&f, &second, false, 0};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/", {.bytes = OK_ANSWER});
    LOOPBACK_SCRIPT(f.server, "/hang", {.act = LOOPBACK_HANG});
    first.then = do_everything;
    first.context = &storm;
    fixture_get(&f, "/hang", &running);
    fixture_get(&f, "/", &first);
    fixture_wait(&f, &first);
    fixture_close(&f);
    assert_int_equal(first.status, 200);
    assert_int_equal(running.calls, 1);
    assert_int_equal(running.failure.kind, FAILURE_CANCELED);
    assert_int_equal(second.calls, 1);
    assert_int_equal(second.failure.kind, FAILURE_CANCELED);
}

TEST(trap_06_many_transfers_that_end_at_once_are_all_reported)
{
    static struct seen seen[64];
    struct fixture f;

    memset(seen, 0, sizeof(seen));
    fixture_open_with(&f, NULL,
                      (struct upstream_settings){.max_in_flight = 64, .max_connections = 64});
    LOOPBACK_SCRIPT(f.server, "/hang", {.act = LOOPBACK_HANG});
    for (size_t i = 0; i < 64; i++)
        fixture_get(&f, "/hang", &seen[i]);
    while (loopback_count(f.server) < 64)
        uv_run(&f.loop, UV_RUN_ONCE);
    loopback_drop(f.server, false);
    for (size_t i = 0; i < 64; i++) {
        fixture_wait(&f, &seen[i]);
        assert_int_equal(seen[i].failure.kind, FAILURE_NETWORK);
    }
    fixture_close(&f);
}

TEST(trap_08_a_socket_number_that_comes_back_is_watched_anew)
{
    struct fixture f;

    fixture_open(&f);
    LOOPBACK_SCRIPT(
        f.server, "/last", {.act = LOOPBACK_LAST, .bytes = "HTTP/1.1 200 OK\r\n\r\nbye"},
        {.act = LOOPBACK_RESET}, {.act = LOOPBACK_LAST, .bytes = "HTTP/1.1 200 OK\r\n\r\nbye"});
    for (size_t i = 0; i < 60; i++) {
        struct seen seen = {0};

        fixture_ask(&f, (struct http_request){.target = "/last"}, &seen);
        assert_int_equal(i == 1 ? seen.failure.kind == FAILURE_NETWORK : seen.status == 200, 1);
    }
    assert_int_equal(loopback_accepted(f.server), 60);
    fixture_close(&f);
}

TEST(trap_09_a_kept_socket_is_watched_once_per_request)
{
    struct fixture f;

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/", {.bytes = OK_ANSWER});
    for (size_t i = 0; i < 60; i++) {
        struct seen seen = {0};

        fixture_ask(&f, (struct http_request){.target = "/"}, &seen);
        assert_int_equal(seen.status, 200);
    }
    assert_int_equal(loopback_accepted(f.server), 1);
    fixture_close(&f);
}

TEST(trap_10_a_reset_while_polling_is_an_ordinary_failure)
{
    struct fixture f;
    struct seen seen = {0};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/hang", {.act = LOOPBACK_HANG});
    fixture_get(&f, "/hang", &seen);
    while (!loopback_count(f.server))
        uv_run(&f.loop, UV_RUN_ONCE);
    loopback_drop(f.server, true);
    fixture_wait(&f, &seen);
    assert_int_equal(seen.failure.kind, FAILURE_NETWORK);
    fixture_close(&f);
}

TEST(trap_11_and_12_close_with_cached_and_busy_connections_leaves_nothing)
{
    struct fixture f;
    struct seen done[4] = {0}, busy[2] = {0};

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/", {.bytes = OK_ANSWER, .delay_ms = 5});
    LOOPBACK_SCRIPT(f.server, "/hang", {.act = LOOPBACK_HANG});
    for (size_t i = 0; i < 4; i++)
        fixture_get(&f, "/", &done[i]);
    for (size_t i = 0; i < 4; i++)
        fixture_wait(&f, &done[i]);
    for (size_t i = 0; i < 2; i++)
        fixture_get(&f, "/hang", &busy[i]);
    while (loopback_count(f.server) < 6)
        uv_run(&f.loop, UV_RUN_ONCE);
    assert_int_equal(loopback_connected(f.server), 4);
    http_close(f.http, fixture_on_closed, &f.closes);
    f.http = NULL;
    while (!f.closes || loopback_connected(f.server))
        loop_turn(&f.loop);
    assert_int_equal(f.closes, 1);
    fixture_close(&f);
}

TEST(trap_15_waiting_for_a_connection_spends_no_try)
{
    struct fixture f;
    struct seen seen[10] = {0};

    fixture_open_with(&f, NULL, (struct upstream_settings){.max_connections = 1});
    LOOPBACK_SCRIPT(f.server, "/slow", {.bytes = OK_ANSWER, .delay_ms = 200});
    for (size_t i = 0; i < 10; i++)
        fixture_send(
            f.upstream,
            (struct http_request){.target = "/slow", .try_timeout_ms = 1900, .deadline_ms = 15000},
            &seen[i]);
    for (size_t i = 0; i < 10; i++) {
        fixture_wait(&f, &seen[i]);
        assert_int_equal(seen[i].status, 200);
    }
    assert_true(seen[9].elapsed_ms >= 1900);
    assert_int_equal(loopback_accepted(f.server), 1);
    fixture_close(&f);
}

TEST(trap_16_bursts_reuse_their_connections)
{
    struct fixture f;

    fixture_open(&f);
    LOOPBACK_SCRIPT(f.server, "/", {.bytes = OK_ANSWER, .delay_ms = 1});
    for (size_t burst = 0; burst < 10; burst++) {
        struct seen seen[8] = {0};

        for (size_t i = 0; i < 8; i++)
            fixture_get(&f, "/", &seen[i]);
        for (size_t i = 0; i < 8; i++)
            fixture_wait(&f, &seen[i]);
    }
    assert_int_equal(loopback_accepted(f.server), 4);
    assert_int_equal(loopback_connected(f.server), 4);
    fixture_close(&f);
}

TEST(trap_20_names_are_resolved_without_blocking)
{
    const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);
    struct failure why;

    assert_int_equal(net_global_init(&why), (version->features & CURL_VERSION_ASYNCHDNS) != 0);
}

TEST(trap_21_a_broken_pipe_kills_nobody)
{
    struct sigaction action;

    sigaction(SIGPIPE, NULL, &action);
    assert_ptr_equal(action.sa_handler, SIG_IGN);
}

TEST(trap_23_close_never_waits_for_the_network)
{
    struct fixture f;
    struct seen seen[6] = {0};
    uint64_t began;
    struct loopback_settings server = {.cert_file = fixture_path("server.pem"),
                                       .key_file = fixture_path("server.key")};

    fixture_open_with(&f, &server, (struct upstream_settings){.ca_file = fixture_path("ca.pem")});
    LOOPBACK_SCRIPT(f.server, "/hang", {.act = LOOPBACK_HANG});
    for (size_t i = 0; i < 6; i++)
        fixture_get(&f, "/hang", &seen[i]);
    while (loopback_count(f.server) < 4)
        uv_run(&f.loop, UV_RUN_ONCE);
    began = uv_hrtime();
    http_close(f.http, fixture_on_closed, &f.closes);
    f.http = NULL;
    while (!f.closes)
        loop_turn(&f.loop);
    /* The requests' own deadline is at 10 s. */
    assert_true((uv_hrtime() - began) / 1000000 < 5000);
    fixture_close(&f);
}

static void send_from_elsewhere(void *context)
{
    struct fixture *fixture = context;
    struct seen seen = {0};

    fixture_send(fixture->upstream, (struct http_request){.target = "/"}, &seen);
}

TEST(trap_24_another_thread_is_stopped_by_an_assertion)
{
    int status = 0;
    pid_t child = fork();

    if (!child) {
        struct fixture f;
        uv_thread_t thread;

        signal(SIGABRT, SIG_DFL);
        fclose(stderr);
        fixture_open(&f);
        uv_thread_create(&thread, send_from_elsewhere, &f);
        uv_thread_join(&thread);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    struct failure why;
    int failed;

    if (!net_global_init(&why))
        return 1;
    loopback_make_certificates(fixture_folder());
    failed = RUN(CASE(trap_01_activity_on_the_socket_does_not_stop_libcurls_timer),
                 CASE(trap_02_starting_over_from_inside_done_does_not_starve_the_loop),
                 CASE(trap_04_done_may_open_send_cancel_and_close),
                 CASE(trap_06_many_transfers_that_end_at_once_are_all_reported),
                 CASE(trap_07_the_last_transfer_is_reported_though_none_is_running),
                 CASE(trap_08_a_socket_number_that_comes_back_is_watched_anew),
                 CASE(trap_09_a_kept_socket_is_watched_once_per_request),
                 CASE(trap_10_a_reset_while_polling_is_an_ordinary_failure),
                 CASE(trap_11_and_12_close_with_cached_and_busy_connections_leaves_nothing),
                 CASE(trap_15_waiting_for_a_connection_spends_no_try),
                 CASE(trap_16_bursts_reuse_their_connections),
                 CASE(trap_18_a_timer_that_libcurl_forgot_is_made_up_for),
                 CASE(trap_20_names_are_resolved_without_blocking),
                 CASE(trap_21_a_broken_pipe_kills_nobody),
                 CASE(trap_23_close_never_waits_for_the_network),
                 CASE(trap_24_another_thread_is_stopped_by_an_assertion));
    fixture_folder_remove();
    return failed;
}
