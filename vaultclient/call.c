/* SPDX-License-Identifier: Apache-2.0 */
/* What every public operation on a key does: keep its names, learn what the mount is, send one
 * request at a time, and end once. A cancel is passed to whatever is under way, whose end then ends
 * the call. */
#include "vaultclient/internal.h"

#include "base/memory.h"
#include "base/moment.h"

#include <string.h>
#include <time.h>

static void on_cancel(struct operation *operation)
{
    struct call *call = (struct call *)operation;

    if (call->is_canceled)
        return;
    call->is_canceled = true;
    if (call->request)
        vault_request_cancel(call->request);
    else if (call->wait.mount)
        vault_mount_cancel(&call->wait);
}

uint32_t vault_read_back_pause_ms(unsigned n)
{
    static const uint32_t pauses_ms[READ_BACKS] = {50, 300, 1000};

    return pauses_ms[n < READ_BACKS ? n : READ_BACKS - 1];
}

struct text vault_keep_text(char **memory, struct text text)
{
    struct text kept = {*memory, text.size};

    if (text.size)
        memcpy(*memory, text.start, text.size);
    *memory += text.size;
    return kept;
}

void *vault_call_new(struct vault_client *client, size_t size, struct vault_key key,
                     struct text field, unsigned lane)
{
    struct call *call;
    char *names;

    if (client->is_closing)
        return NULL;
    call = memory_zeroed(1, size + key.mount.size + key.path.size + field.size + 1);
    if (!call)
        return NULL;
    names = (char *)call + size;
    call->operation.cancel = on_cancel;
    call->client = client;
    client->calls++;
    call->lane = lane & ~VAULT_DECISIVE;
    call->is_decisive = (lane & VAULT_DECISIVE) != 0;
    call->deadline = vault_now_ms() + client->timeout_ms;
    call->key.mount = vault_keep_text(&names, key.mount);
    call->key.path = vault_keep_text(&names, key.path);
    call->field = vault_keep_text(&names, field);
    return call;
}

void vault_call_end(struct call *call, const struct failure *failure)
{
    struct vault_client *client = call->client;
    struct failure why;

    if (failure) {
        why = *failure;
        vault_wire_scrub_failure(&why, client->token.value);
        vault_wire_scrub_failure(&why, call->hidden);
        failure = &why;
    }
    call->end(call, failure);
    memory_free(call);
    client->calls--;
    vault_client_close_step(client);
}

static void on_mount(struct mount_wait *wait, int kv, const struct failure *failure)
{
    struct call *call = (struct call *)((char *)wait - offsetof(struct call, wait));
    bool goes_on = call->needs_no_mount && wait->mount->may_not_ask && !wait->is_canceled;

    wait->mount = NULL;
    if (failure && !goes_on) {
        vault_call_end(call, failure);
        return;
    }
    call->kv = kv;
    call->go(call);
}

static void on_unusable(struct later *later)
{
    struct call *call = (struct call *)((char *)later - offsetof(struct call, wait.later));

    if (call->is_canceled)
        failure_set(&call->failure, FAILURE_CANCELED, "canceled");
    vault_call_end(call, &call->failure);
}

static bool is_usable(struct call *call)
{
    struct vault_key key = call->key;

    if (call->is_folder && !key.path.size)
        key.path = TEXT("-");
    return !call->failure.kind && vault_wire_check_key(key, &call->failure);
}

/* A request never ends before this returns. */
static void go_now(struct call *call)
{
    call->is_starting = true;
    call->go(call);
    call->is_starting = false;
}

void vault_call_start_bare(struct call *call)
{
    if (is_usable(call))
        go_now(call);
    else
        vault_later_set(&call->client->laters, &call->wait.later, 0, on_unusable);
}

bool vault_call_start(struct call *call, bool is_fresh)
{
    struct vault_client *client = call->client;

    call->is_decisive = call->is_decisive || is_fresh; /* a change rests on it */
    if (!is_usable(call)) {
        vault_later_set(&client->laters, &call->wait.later, 0, on_unusable);
        return true;
    }
    /* The usual case costs no turn of the loop. */
    if (!is_fresh && vault_mount_version(client, call->key.mount) == 2) {
        call->kv = 2;
        go_now(call);
        return true;
    }
    if (vault_mount_learn(client, call->key.mount, is_fresh, call->lane, &call->wait, on_mount))
        return true;
    client->calls--;
    memory_free(call);
    return false;
}

/* One place for all answers, so that none that a control group holds back passes for another. */
static void on_answer(const struct http_answer *answer, const struct failure *failure,
                      void *context)
{
    struct call *call = context;
    struct failure held;

    call->request = NULL;
    if (failure || answer->status != 200 ||
        !vault_wire_is_held_back(answer->body, call->wrap_ttl_s, &held)) {
        call->answered(answer, failure, call);
        return;
    }
    failure_prefix(&held, "vault %s: %.*s/%.*s", call->client->address, TEXT_ARG(call->key.mount),
                   TEXT_ARG(call->key.path));
    call->answered(NULL, &held, call);
}

void vault_call_send(struct call *call, struct request_plan plan, struct buffer *target,
                     struct buffer *body, request_done *done)
{
    bool ok = buffer_ok(target) && (!body || buffer_ok(body));

    plan.target = buffer_text(target).start;
    plan.deadline = call->deadline;
    plan.lane = call->lane;
    plan.is_decisive = call->is_decisive;
    if (body)
        plan.body = buffer_text(body);
    call->wrap_ttl_s = plan.wrap_ttl_s;
    call->hidden = plan.hidden ? plan.hidden : call->hidden;
    call->answered = done;
    call->request =
        ok && !call->is_canceled ? vault_request_send(call->client, &plan, on_answer, call) : NULL;
    buffer_clear(target);
    if (body)
        buffer_clear(body);
    if (call->request)
        return;
    call->failure = vault_request_missing(call->client);
    if (call->is_canceled)
        failure_set(&call->failure, FAILURE_CANCELED, "canceled");
    if (call->is_starting)
        vault_later_set(&call->client->laters, &call->wait.later, 0, on_unusable);
    else
        vault_call_end(call, &call->failure);
}

int64_t vault_answer_time(const struct http_answer *answer)
{
    int64_t now;
    struct timespec clock;

    if (instant_parse_http(http_answer_header(answer, "Date"), &now))
        return now + 999;
    clock_gettime(CLOCK_REALTIME, &clock);
    return (int64_t)clock.tv_sec * 1000 + clock.tv_nsec / 1000000;
}

void vault_call_refuse(struct call *call, const struct http_answer *answer, struct failure *why)
{
    if (answer && answer->status >= 400) {
        why->http_status = answer->status;
        why->retry_after_ms = http_answer_retry_after_ms(answer);
    }
    failure_prefix(why, "vault %s: %.*s/%.*s", call->client->address, TEXT_ARG(call->key.mount),
                   TEXT_ARG(call->key.path));
    /* The mount may be gone, or replaced by another engine, or by version 1, which says "not
     * found".
     */
    if (why->kind == FAILURE_PROTOCOL || why->kind == FAILURE_NOT_FOUND ||
        (answer && answer->status == 404 && why->kind == FAILURE_REMOTE))
        vault_mount_forget(call->client, call->key.mount);
    vault_call_end(call, why);
}
