/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the HTTP client share. */
#include "http_fixture.h"

#include "tests/support/turn.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned told;
static char folder[64];

static void on_done(const struct http_answer *answer, const struct failure *failure, void *context)
{
    struct seen *seen = context;

    assert_true(!answer != !failure);
    seen->calls++;
    seen->order = ++told;
    if (answer) {
        struct text location = http_answer_header(answer, "location");

        seen->status = answer->status;
        seen->tries = answer->tries;
        seen->elapsed_ms = answer->elapsed_ms;
        seen->body_size = answer->body.size;
        seen->retry_after_ms = http_answer_retry_after_ms(answer);
        assert_int_equal(answer->body.start[answer->body.size], '\0');
        snprintf(seen->body, sizeof(seen->body), "%.*s", TEXT_ARG(answer->body));
        snprintf(seen->location, sizeof(seen->location), "%.*s", TEXT_ARG(location));
    } else {
        seen->failure = *failure;
    }
    if (seen->then)
        seen->then(seen->context);
}

void fixture_open_with(struct fixture *fixture, const struct loopback_settings *server,
                       struct upstream_settings settings)
{
    *fixture = (struct fixture){0};
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    fixture->server = loopback_open(&fixture->loop, server);
    fixture->http = http_open(&fixture->loop);
    assert_non_null(fixture->http);
    fixture->upstream = fixture_upstream(fixture, settings);
}

void fixture_open(struct fixture *fixture)
{
    fixture_open_with(fixture, NULL, (struct upstream_settings){0});
}

struct upstream *fixture_upstream(struct fixture *fixture, struct upstream_settings settings)
{
    struct failure why = {0};
    struct upstream *upstream;

    if (!settings.origin)
        settings.origin = loopback_origin(fixture->server);
    if (!settings.name)
        settings.name = "loopback";
    upstream = upstream_open(fixture->http, &settings, &why);
    assert_string_equal(why.text, "");
    assert_non_null(upstream);
    return upstream;
}

void fixture_on_closed(void *context)
{
    unsigned *closes = context;

    ++*closes;
}

void fixture_close(struct fixture *fixture)
{
    if (fixture->http)
        http_close(fixture->http, fixture_on_closed, &fixture->closes);
    loopback_close(fixture->server);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(fixture->closes, 1);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
}

struct operation *fixture_send(struct upstream *upstream, struct http_request request,
                               struct seen *seen)
{
    struct operation *operation = http_send(upstream, &request, on_done, seen);

    assert_int_equal(seen->calls, 0); /* never from inside http_send() */
    return operation;
}

struct operation *fixture_get(struct fixture *fixture, const char *target, struct seen *seen)
{
    struct operation *operation = fixture_send(
        fixture->upstream, (struct http_request){.target = target, .deadline_ms = 10000}, seen);

    assert_non_null(operation);
    return operation;
}

static void on_alarm(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

void fixture_wait(struct fixture *fixture, const struct seen *seen)
{
    bool is_late = false;
    uv_timer_t alarm;

    uv_timer_init(&fixture->loop, &alarm);
    alarm.data = &is_late;
    uv_timer_start(&alarm, on_alarm, 20000, 0);
    while (!seen->calls && !is_late)
        loop_turn(&fixture->loop);
    uv_close((uv_handle_t *)&alarm, NULL);
    uv_run(&fixture->loop, UV_RUN_NOWAIT);
    assert_false(is_late);
}

void fixture_ask(struct fixture *fixture, struct http_request request, struct seen *seen)
{
    if (!request.deadline_ms)
        request.deadline_ms = 10000;
    assert_non_null(fixture_send(fixture->upstream, request, seen));
    fixture_wait(fixture, seen);
    assert_int_equal(seen->calls, 1);
}

void fixture_idle(struct fixture *fixture, uint64_t ms)
{
    bool is_over = false;
    uv_timer_t alarm;

    uv_timer_init(&fixture->loop, &alarm);
    alarm.data = &is_over;
    uv_timer_start(&alarm, on_alarm, ms, 0);
    while (!is_over)
        loop_turn(&fixture->loop);
    uv_close((uv_handle_t *)&alarm, NULL);
    uv_run(&fixture->loop, UV_RUN_NOWAIT);
}

const char *fixture_folder(void)
{
    if (!*folder) {
        strcpy(folder, "/tmp/keydrift-net-XXXXXX");
        assert_non_null(mkdtemp(folder));
    }
    return folder;
}

const char *fixture_path(const char *name)
{
    static char ring[8][128];
    static unsigned next;
    char *path = ring[next++ % 8];

    snprintf(path, sizeof(ring[0]), "%s/%s", fixture_folder(), name);
    return path;
}

void fixture_folder_remove(void)
{
    DIR *entries = opendir(folder);
    struct dirent *entry;

    while (entries && (entry = readdir(entries))) {
        if (entry->d_name[0] != '.')
            unlink(fixture_path(entry->d_name));
    }
    if (entries)
        closedir(entries);
    rmdir(folder);
    *folder = '\0';
}
