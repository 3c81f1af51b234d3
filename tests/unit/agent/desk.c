/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/agent/desk.h"

#include "tests/support/test.h"
#include "tests/support/turn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the server ------------------------------------------------------------------------------ */

static char *header_of(const struct server_request *request, const char *name)
{
    struct text value = server_header(request, name);

    return value.start ? text_copy(value) : NULL;
}

static const struct desk_request *keep(struct desk *desk, const struct server_request *request)
{
    struct desk_request *kept = &desk->requests[desk->request_count++];
    bool asks = request->query.start != NULL;

    assert_true(desk->request_count < DESK_REQUESTS);
    assert_true(asprintf(&kept->line, "%.*s %.*s%s%.*s", TEXT_ARG(request->method),
                         TEXT_ARG(request->path), asks ? "?" : "", TEXT_ARG(request->query)) > 0);
    kept->body = text_copy(request->body);
    kept->webhook_id = header_of(request, "webhook-id");
    kept->webhook_timestamp = header_of(request, "webhook-timestamp");
    kept->webhook_signature = header_of(request, "webhook-signature");
    kept->content_type = header_of(request, "content-type");
    return kept;
}

static struct desk_answer *find(struct desk *desk, struct text where)
{
    for (size_t i = 0; i < desk->answer_count; i++)
        if (text_is(where, desk->answers[i].where))
            return &desk->answers[i];
    return NULL;
}

static const struct desk_answer *answer_for(struct desk *desk, const char *line)
{
    const struct desk_answer *answer = find(desk, text_of(line));

    return answer ? answer : find(desk, text_part(text_of(line), 0, strcspn(line, "?")));
}

static void on_call(struct server_call *call, const struct server_request *request, void *context)
{
    struct desk *desk = context;
    const struct desk_answer *answer = answer_for(desk, keep(desk, request)->line);
    struct server_header header = {0};
    size_t colon;

    if (!answer) {
        server_reply_json(call, 404, TEXT("{\"errors\":[]}"));
        return;
    }
    if (!answer->status) {
        desk->hung[desk->hung_count++] = call;
        return;
    }
    if (answer->header) {
        colon = strcspn(answer->header, ":");
        header.name = text_part(text_of(answer->header), 0, colon);
        header.value = text_trim(text_part(text_of(answer->header), colon + 1, SIZE_MAX));
    }
    server_reply(call, answer->status, &header, answer->header != NULL, text_of(answer->body));
}

void desk_answer(struct desk *desk, const char *where, int status, const char *body,
                 const char *header)
{
    struct desk_answer *answer = find(desk, text_of(where));

    if (!answer) {
        assert_true(desk->answer_count < DESK_ANSWERS);
        answer = &desk->answers[desk->answer_count++];
        answer->where = strdup(where);
    }
    free(answer->body);
    free(answer->header);
    answer->status = status;
    answer->body = body ? strdup(body) : NULL;
    answer->header = header ? strdup(header) : NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void on_guard(uv_timer_t *timer)
{
    ((struct desk *)timer->data)->is_late = true;
}

void desk_open(struct desk *desk)
{
    struct server_settings settings = {
        .listen = "127.0.0.1:0", .on_call = on_call, .context = desk};
    struct failure why;

    memset(desk, 0, sizeof(*desk));
    assert_true(net_global_init(&why));
    uv_loop_init(&desk->loop);
    uv_timer_init(&desk->loop, &desk->guard);
    desk->guard.data = desk;
    desk->server = server_open(&desk->loop, &settings, &why);
    assert_non_null(desk->server);
    snprintf(desk->origin, sizeof(desk->origin), "http://127.0.0.1:%u", server_port(desk->server));
    desk->http = http_open(&desk->loop);
    assert_non_null(desk->http);
}

void desk_on_closed(void *flag)
{
    *(bool *)flag = true;
}

void desk_close(struct desk *desk)
{
    http_close(desk->http, desk_on_closed, &desk->is_closed);
    desk_wait(desk, &desk->is_closed);
    for (size_t i = 0; i < desk->hung_count; i++)
        server_reset(desk->hung[i]);
    server_close(desk->server, NULL, NULL);
    uv_close((uv_handle_t *)&desk->guard, NULL);
    uv_run(&desk->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&desk->loop), 0);
    for (size_t i = 0; i < desk->request_count; i++) {
        struct desk_request *kept = &desk->requests[i];

        free(kept->line);
        free(kept->body);
        free(kept->webhook_id);
        free(kept->webhook_timestamp);
        free(kept->webhook_signature);
        free(kept->content_type);
    }
    for (size_t i = 0; i < desk->answer_count; i++) {
        free(desk->answers[i].where);
        free(desk->answers[i].body);
        free(desk->answers[i].header);
    }
    net_global_cleanup();
}

void desk_wait(struct desk *desk, const bool *flag)
{
    desk->is_late = false;
    uv_timer_start(&desk->guard, on_guard, 10000, 0);
    while (!*flag && !desk->is_late)
        loop_turn(&desk->loop);
    uv_timer_stop(&desk->guard);
    assert_false(desk->is_late);
}

void desk_run(struct desk *desk, uint64_t ms)
{
    desk->is_late = false;
    uv_timer_start(&desk->guard, on_guard, ms, 0);
    while (!desk->is_late)
        loop_turn(&desk->loop);
}

/* ---- what was asked -------------------------------------------------------------------------- */

static bool begins(const struct desk_request *request, const char *line)
{
    return strncmp(request->line, line, strlen(line)) == 0;
}

unsigned desk_count(const struct desk *desk, const char *line)
{
    unsigned count = 0;

    for (size_t i = 0; i < desk->request_count; i++)
        count += begins(&desk->requests[i], line);
    return count;
}

const struct desk_request *desk_last(const struct desk *desk, const char *line)
{
    for (size_t i = desk->request_count; i-- > 0;)
        if (begins(&desk->requests[i], line))
            return &desk->requests[i];
    fail_msg("nobody asked %s", line);
    return NULL;
}
