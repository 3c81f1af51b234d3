/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/azureclient/fake_azure.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "tests/support/test.h"
#include "tests/support/turn.h"
#include "tests/unit/azureclient/request_record.h"

#include <stdio.h>
#include <string.h>

/* ---- the server ------------------------------------------------------------------------------ */

static char *copy_header(const struct server_request *request, const char *name)
{
    return text_copy(server_header(request, name));
}

static void keep(struct fake *fake, const struct server_request *request)
{
    struct fake_request *kept = &fake->requests[fake->request_count++];

    assert_true(fake->request_count < FAKE_REQUESTS);
    request_record(request);
    kept->method = text_copy(request->method);
    kept->path = text_copy(request->path);
    kept->query = text_copy(request->query);
    kept->body = text_copy(request->body);
    kept->authorization = copy_header(request, "Authorization");
    kept->request_id = copy_header(request, "x-ms-client-request-id");
    kept->length = copy_header(request, "Content-Length");
    kept->content_type = copy_header(request, "Content-Type");
    kept->metadata = copy_header(request, "Metadata");
    kept->secret_header = copy_header(
        request, server_header(request, "secret").start ? "secret" : "X-IDENTITY-HEADER");
}

static bool fits(const char *where, struct text method, struct text path)
{
    struct text rest = text_of(where), its_method;

    return text_split(&rest, ' ', &its_method) && text_equal(its_method, method) &&
           text_ends_with(path, rest);
}

static struct fake_step *step_for(struct fake *fake, const struct server_request *request)
{
    for (size_t i = 0; i < fake->step_count; i++) {
        struct fake_step *step = &fake->steps[i];

        if ((!step->times || step->used < step->times) &&
            fits(step->where, request->method, request->path))
            return step;
    }
    return NULL;
}

static char *filled(const struct fake *fake, const char *from)
{
    struct text rest = text_of(from), mark = TEXT("{origin}");
    struct buffer out;
    char *taken;
    size_t at;

    buffer_init(&out, 1 << 20);
    while ((at = text_find(rest, mark)) != SIZE_MAX) {
        buffer_append(&out, text_part(rest, 0, at));
        buffer_append_string(&out, fake->origin);
        rest = text_part(rest, at + mark.size, rest.size);
    }
    buffer_append(&out, rest);
    taken = buffer_take(&out);
    buffer_clear(&out);
    return taken;
}

static void reply(struct fake *fake, struct server_call *call, const struct fake_step *step)
{
    char *headers = filled(fake, step->headers), *body = filled(fake, step->body);
    struct server_header list[8];
    struct text rest = text_of(headers), line;
    size_t count = 0;

    while (text_split(&rest, '\n', &line)) {
        size_t colon = text_find(line, TEXT(": "));

        if (colon == SIZE_MAX)
            continue;
        list[count++] = (struct server_header){text_part(line, 0, colon),
                                               text_part(line, colon + 2, line.size)};
    }
    server_reply(call, step->status, list, count, text_of(body));
    memory_free(headers);
    memory_free(body);
}

static void on_call(struct server_call *call, const struct server_request *request, void *context)
{
    struct fake *fake = context;
    struct fake_step *step = step_for(fake, request);

    keep(fake, request);
    if (!step) {
        server_reply(call, 599, NULL, 0, TEXT("nothing in the test fits this"));
        return;
    }
    step->used++;
    if (step->resets)
        server_reset(call);
    else if (step->status)
        reply(fake, call, step);
    else
        fake->hung[fake->hung_count++] = call;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void on_guard(uv_timer_t *timer)
{
    ((struct fake *)timer->data)->is_late = true;
}

void fake_open(struct fake *fake, const struct fake_step *steps, size_t count,
               void (*change)(struct azure_settings *settings, struct fake *fake))
{
    struct azure_settings settings = {0};
    struct failure why = {0};

    memset(fake, 0, sizeof(*fake));
    assert_true(count <= FAKE_STEPS);
    memcpy(fake->steps, steps, count * sizeof(*steps));
    fake->step_count = count;
    assert_true(net_global_init(&why));
    uv_loop_init(&fake->loop);
    uv_timer_init(&fake->loop, &fake->guard);
    fake->guard.data = fake;
    fake->server = server_open(
        &fake->loop,
        &(struct server_settings){
            .listen = "127.0.0.1:0", .max_body = 4 << 20, .on_call = on_call, .context = fake},
        &why);
    assert_non_null(fake->server);
    snprintf(fake->origin, sizeof(fake->origin), "http://127.0.0.1:%u", server_port(fake->server));
    fake->http = http_open(&fake->loop);
    fake->secret = secret_new(TEXT(FAKE_SECRET));
    settings.resource_manager = settings.authority = fake->origin;
    settings.credential.imds_url = fake->origin;
    settings.timeout_ms = 3000;
    settings.credential.tenant_id = "contoso.example";
    settings.credential.client_id = "app-1";
    settings.credential.client_secret = fake->secret;
    if (change)
        change(&settings, fake);
    fake->client = azure_client_open(fake->http, &settings, &why);
    if (!fake->client)
        print_error("%s\n", why.text);
    assert_non_null(fake->client);
}

static void on_closed(void *context)
{
    struct fake *fake = context;

    fake->is_done = fake->is_closed = true;
}

/* What was in flight may be told before. */
static void wait_closed(struct fake *fake)
{
    while (!fake->is_closed) {
        fake->is_done = false;
        fake_wait(fake);
    }
    fake->is_closed = false;
}

void fake_close(struct fake *fake)
{
    if (fake->client) {
        azure_client_close(fake->client, on_closed, fake);
        wait_closed(fake);
    }
    http_close(fake->http, on_closed, fake);
    wait_closed(fake);
    for (size_t i = 0; i < fake->hung_count; i++)
        server_reset(fake->hung[i]);
    server_close(fake->server, NULL, NULL);
    uv_close((uv_handle_t *)&fake->guard, NULL);
    uv_run(&fake->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fake->loop), 0);
    for (size_t i = 0; i < fake->request_count; i++) {
        struct fake_request *kept = &fake->requests[i];

        memory_free(kept->method);
        memory_free(kept->path);
        memory_free(kept->query);
        memory_free(kept->body);
        memory_free(kept->authorization);
        memory_free(kept->request_id);
        memory_free(kept->length);
        memory_free(kept->content_type);
        memory_free(kept->metadata);
        memory_free(kept->secret_header);
    }
    secret_free(fake->secret);
    net_global_cleanup();
}

void fake_wait(struct fake *fake)
{
    fake->is_late = false;
    uv_timer_start(&fake->guard, on_guard, 10000, 0);
    while (!fake->is_done && !fake->is_late)
        loop_turn(&fake->loop);
    uv_timer_stop(&fake->guard);
    assert_false(fake->is_late);
}

void fake_run(struct fake *fake, uint64_t ms)
{
    fake->is_late = false;
    uv_timer_start(&fake->guard, on_guard, ms, 0);
    while (!fake->is_late)
        loop_turn(&fake->loop);
}

unsigned fake_count(const struct fake *fake, const char *where)
{
    unsigned count = 0;

    for (size_t i = 0; i < fake->request_count; i++)
        count += fits(where, text_of(fake->requests[i].method), text_of(fake->requests[i].path));
    return count;
}

const struct fake_request *fake_last(const struct fake *fake, const char *where)
{
    for (size_t i = fake->request_count; i-- > 0;)
        if (fits(where, text_of(fake->requests[i].method), text_of(fake->requests[i].path)))
            return &fake->requests[i];
    fail_msg("no request came to %s", where);
    return NULL;
}

/* ---- operations ------------------------------------------------------------------------------ */

static void note(struct fake *fake, const struct failure *failure)
{
    fake->is_done = true;
    fake->done_count++;
    fake->kind_count[failure ? failure->kind : FAILURE_NONE]++;
    fake->failure = failure ? *failure : (struct failure){0};
}

static void note_text(struct fake *fake, size_t at, struct text text)
{
    snprintf(fake->text[at], sizeof(fake->text[at]), "%.*s", TEXT_ARG(text));
}

void fake_on_keys(const struct azure_keys *keys, const struct failure *failure, void *context)
{
    struct fake *fake = context;

    assert_true(!keys == !!failure);
    note(fake, failure);
    fake->key_count = keys ? keys->count : 0;
    for (size_t i = 0; keys && i < keys->count && i < 8; i++)
        snprintf(fake->keys[i], sizeof(fake->keys[i]), "%s=%.*s", keys->slots[i],
                 TEXT_ARG(secret_reveal(keys->keys[i])));
}

void fake_on_end(const struct failure *failure, void *context)
{
    note(context, failure);
}

static void on_endpoint(const struct azure_endpoint *endpoint, const struct failure *failure,
                        void *context)
{
    struct fake *fake = context;

    assert_true(!endpoint == !!failure);
    note(fake, failure);
    if (!endpoint)
        return;
    note_text(fake, 0, endpoint->scoring_uri);
    note_text(fake, 1, endpoint->auth_mode);
    note_text(fake, 2, endpoint->provisioning_state);
    note_text(fake, 3, endpoint->location);
}

static void on_who(const struct azure_key_event *event, const struct failure *failure,
                   void *context)
{
    struct fake *fake = context;

    note(fake, failure);
    fake->has_event = event;
    if (!event)
        return;
    note_text(fake, 0, event->caller);
    note_text(fake, 1, event->client_address);
    note_text(fake, 2, event->client_request_id);
    note_text(fake, 3, event->slot);
    snprintf(fake->name, sizeof(fake->name), "%.*s", TEXT_ARG(event->name));
    snprintf(fake->application_id, sizeof(fake->application_id), "%.*s",
             TEXT_ARG(event->application_id));
    fake->at = event->at;
}

static void on_score(const struct azure_score *score, const struct failure *failure, void *context)
{
    struct fake *fake = context;

    assert_true(!score == !!failure);
    note(fake, failure);
    if (!score)
        return;
    fake->score = *score;
    note_text(fake, 0, score->reason);
    note_text(fake, 1, score->model_status);
    note_text(fake, 2, score->model_reason);
    note_text(fake, 3, score->request_id);
}

static void wait_for(struct fake *fake, struct operation *operation)
{
    assert_non_null(operation);
    assert_false(fake->is_done); /* never before the starting function has returned */
    fake_wait(fake);
}

void fake_list_keys_of(struct fake *fake, const char *kind, const char *id)
{
    fake->is_done = false;
    wait_for(fake, azure_list_keys(fake->client, azure_key_kind_named(text_of(kind)), text_of(id),
                                   0, fake_on_keys, fake));
}

void fake_list_keys(struct fake *fake)
{
    fake_list_keys_of(fake, "azureml-online-endpoint", FAKE_ID);
}

void fake_get_of(struct fake *fake, const char *id)
{
    fake->is_done = false;
    wait_for(fake, azure_get_endpoint(fake->client, text_of(id), on_endpoint, fake));
}

void fake_get(struct fake *fake)
{
    fake_get_of(fake, FAKE_ID);
}

void fake_regenerate_of(struct fake *fake, const char *kind, const char *id, const char *slot,
                        uint32_t deadline_ms)
{
    fake->is_done = false;
    wait_for(fake,
             azure_regenerate_key(fake->client, azure_key_kind_named(text_of(kind)), text_of(id),
                                  text_of(slot), TEXT("6b1f2a3c-0000-4000-8000-000000000001"),
                                  deadline_ms, fake_on_end, fake));
}

void fake_regenerate(struct fake *fake, uint32_t deadline_ms)
{
    fake_regenerate_of(fake, "azureml-online-endpoint", FAKE_ID, "secondary", deadline_ms);
}

void fake_who(struct fake *fake, const char *request_id)
{
    fake->is_done = false;
    wait_for(fake, request_id ? azure_find_request(fake->client, TEXT(FAKE_ID), text_of(request_id),
                                                   INT64_C(1700000000000), on_who, fake)
                              : azure_who_regenerated(fake->client, TEXT(FAKE_ID),
                                                      INT64_C(1700000000000), on_who, fake));
}

void fake_score(struct fake *fake, const char *path, const char *key, uint32_t deadline_ms)
{
    struct secret *secret = secret_new(text_of(key));
    char uri[200];

    snprintf(uri, sizeof(uri), "%s%s", path[0] == '/' ? fake->origin : "", path);
    fake->is_done = false;
    wait_for(fake, azure_score(fake->client, text_of(uri), secret, (struct text){0},
                               (struct text){0}, deadline_ms, on_score, fake));
    secret_free(secret);
}

/* ---- outcomes -------------------------------------------------------------------------------- */

void fake_assert_failed(const struct fake *fake, enum failure_kind kind, const char *words[])
{
    if (fake->failure.kind != kind)
        fail_msg("expected %s, not %s: %s", failure_kind_name(kind),
                 failure_kind_name(fake->failure.kind), fake->failure.text);
    for (size_t i = 0; words[i]; i++)
        if (!strstr(fake->failure.text, words[i]))
            fail_msg("\"%s\" does not say \"%s\"", fake->failure.text, words[i]);
    if (strcasestr(fake->failure.text, "canary"))
        fail_msg("a secret in \"%s\"", fake->failure.text);
}

void fake_assert_ok(const struct fake *fake)
{
    if (fake->failure.kind)
        fail_msg("%s: %s", failure_kind_name(fake->failure.kind), fake->failure.text);
}
