/* SPDX-License-Identifier: Apache-2.0 */
/* Deletes, undeletes, destroys, removes: look, act, look again. The server says 204 to all of it,
 * also for what never existed, so only the looking tells what happened; and because a second look
 * settles it, a lost answer needs no other treatment than a late one. */
#include "vaultclient/internal.h"

struct remove_call {
    struct call call;
    struct vault_removal asked;
    struct vault_version version;
    bool has_acted;
    unsigned looks;      /* after acting */
    struct failure lost; /* why the outcome is not known; kind 0: it was answered */
    vault_metadata_done *done;
    void *context;
};

/* What there is to do, in words and on the wire. */
static const struct removal {
    const char *part, *done; /* "delete" of /v1/kv/delete/a */
} removals[] = {
    [VAULT_DELETE_VERSION] = {"delete", "deleted"},
    [VAULT_UNDELETE_VERSION] = {"undelete", "undeleted"},
    [VAULT_DESTROY_VERSION] = {"destroy", "destroyed"},
    [VAULT_REMOVE_SECRET] = {NULL, "removed"},
};

static void end_remove(struct call *call, const struct failure *failure)
{
    struct remove_call *remove = (struct remove_call *)call;

    remove->done(failure ? NULL : &remove->version, failure, remove->context);
}

static void look(struct remove_call *remove);

static void refuse(struct remove_call *remove, struct failure *why)
{
    vault_call_refuse(&remove->call, NULL, why);
}

/* ---- acting ---------------------------------------------------------------------------------- */

static void on_acted(const struct http_answer *answer, const struct failure *failure, void *context)
{
    struct remove_call *remove = context;
    struct failure why;

    remove->has_acted = true;
    if (failure && failure->kind != FAILURE_AMBIGUOUS && failure->kind != FAILURE_PROTOCOL &&
        failure->kind != FAILURE_TOO_LARGE) {
        vault_call_end(&remove->call, failure);
        return;
    }
    if (failure) {
        remove->lost = *failure;
    } else if (vault_wire_is_ambiguous(answer->status, answer->body)) {
        vault_wire_explain(answer->status, answer->body, 0, NULL, &remove->lost);
    } else if (answer->status != 204) {
        vault_wire_explain(answer->status, answer->body, 0, NULL, &why);
        vault_call_refuse(&remove->call, answer, &why);
        return;
    }
    look(remove);
}

static void act(struct remove_call *remove)
{
    struct call *call = &remove->call;
    const char *part = removals[remove->asked.kind].part;
    struct buffer target = {.limit = 16384}, body = {.limit = 64};

    if (part) {
        vault_wire_target(&target, call->key, part, 0);
        buffer_printf(&body, "{\"versions\":[%u]}", remove->asked.version);
        vault_call_send(call, (struct request_plan){.method = "POST", .retry = HTTP_RETRY_UNSENT},
                        &target, &body, on_acted);
        return;
    }
    vault_wire_target(&target, call->key, call->kv == 2 ? "metadata" : NULL, 0);
    vault_call_send(call, (struct request_plan){.method = "DELETE", .retry = HTTP_RETRY_UNSENT},
                    &target, NULL, on_acted);
}

/* ---- looking --------------------------------------------------------------------------------- */

static bool is_done(const struct remove_call *remove, const struct vault_version *found)
{
    switch (remove->asked.kind) {
    case VAULT_DELETE_VERSION:
        return found->is_deleted || found->is_destroyed;
    case VAULT_UNDELETE_VERSION:
        return !found->is_deleted && !found->is_destroyed;
    case VAULT_DESTROY_VERSION:
        return found->is_destroyed;
    case VAULT_REMOVE_SECRET:
        /* Whatever stands there now was made after it. */
        return remove->has_acted && (found->key_created_at != remove->version.key_created_at ||
                                     found->key_created_ns != remove->version.key_created_ns);
    }
    return false;
}

static bool is_expected(const struct remove_call *remove, const struct vault_version *found)
{
    bool is_key = remove->asked.kind == VAULT_REMOVE_SECRET;
    int64_t at = is_key ? found->key_created_at : found->created_at;
    int64_t ns = is_key ? found->key_created_ns : found->created_ns;

    return !remove->asked.expected_created_at ||
           (remove->asked.expected_created_at == at && remove->asked.expected_created_ns == ns);
}

static void succeed(struct remove_call *remove, const struct vault_version *found)
{
    if (found)
        remove->version = *found;
    vault_call_end(&remove->call, NULL);
}

/* After acting it does not show (yet). */
static void look_again_or_give_up(struct remove_call *remove, const char *found)
{
    struct failure why;

    if (remove->looks <= READ_BACKS) {
        look(remove);
        return;
    }
    failure_set(&why, FAILURE_AMBIGUOUS, "it may or may not be %s (%s); looking again: %s",
                removals[remove->asked.kind].done,
                remove->lost.kind ? remove->lost.text : "the server said so", found);
    refuse(remove, &why);
}

static void judge(struct remove_call *remove, const struct vault_version *found)
{
    bool is_secret = remove->asked.kind == VAULT_REMOVE_SECRET;
    struct failure why;

    if (remove->has_acted && is_done(remove, found)) {
        succeed(remove, is_secret ? NULL : found);
    } else if (remove->has_acted) {
        look_again_or_give_up(remove, "it does not show");
    } else if (!is_expected(remove, found)) {
        failure_set(&why, FAILURE_CONFLICT,
                    "the secret was deleted and made anew since: what is there is not what was "
                    "to be %s",
                    removals[remove->asked.kind].done);
        refuse(remove, &why);
    } else if (remove->asked.kind == VAULT_UNDELETE_VERSION && found->is_destroyed) {
        failure_set(&why, FAILURE_DESTROYED, "version %u was destroyed: nothing brings it back",
                    remove->asked.version);
        refuse(remove, &why);
    } else if (is_done(remove, found)) {
        succeed(remove, found);
    } else {
        remove->version = *found;
        act(remove);
    }
}

static bool read_what_is_there(struct remove_call *remove, const struct http_answer *answer,
                               struct vault_version *found, struct failure *why)
{
    struct wire_secret secret;

    if (remove->call.kv == 1) {
        *found = (struct vault_version){.kv = 1};
        return vault_wire_data_v1(answer->status, answer->body, &secret, why);
    }
    if (remove->asked.kind != VAULT_REMOVE_SECRET)
        return vault_wire_metadata_of(answer->status, answer->body, remove->asked.version,
                                      vault_answer_time(answer), found, why);
    return vault_wire_key(answer->status, answer->body, vault_answer_time(answer), found, why);
}

static void on_look(const struct http_answer *answer, const struct failure *failure, void *context)
{
    struct remove_call *remove = context;
    bool is_removal = remove->asked.kind == VAULT_REMOVE_SECRET;
    struct vault_version found;
    struct failure why;

    if (failure && remove->has_acted && failure->kind != FAILURE_CANCELED) {
        remove->looks = READ_BACKS + 1;
        look_again_or_give_up(remove, failure->text);
    } else if (failure) {
        vault_call_end(&remove->call, failure);
    } else if (read_what_is_there(remove, answer, &found, &why)) {
        judge(remove, &found);
    } else if (remove->has_acted && is_removal && why.kind == FAILURE_NOT_FOUND) {
        succeed(remove, NULL);
    } else if (remove->has_acted) {
        look_again_or_give_up(remove, why.text);
    } else {
        vault_call_refuse(&remove->call, answer, &why);
    }
}

static void look(struct remove_call *remove)
{
    struct call *call = &remove->call;
    struct buffer target = {.limit = 16384};
    struct request_plan plan = {
        .method = "GET", .retry = HTTP_RETRY_SAFE, .max_answer = DATA_LIMIT};

    vault_wire_target(&target, call->key, call->kv == 2 ? "metadata" : NULL, 0);
    if (remove->has_acted) {
        /* The time to act may be over, the question what became of it is not. */
        if (remove->looks == 0 && call->deadline < vault_now_ms() + 10000)
            call->deadline = vault_now_ms() + 10000;
        /* The first look comes at once. */
        plan.pause_ms = remove->looks ? vault_read_back_pause_ms(remove->looks - 1) : 0;
        remove->looks++;
    }
    vault_call_send(call, plan, &target, NULL, on_look);
}

static void begin(struct call *call)
{
    struct remove_call *remove = (struct remove_call *)call;
    struct failure why;

    if (call->kv == 2 || remove->asked.kind == VAULT_REMOVE_SECRET) {
        look(remove);
        return;
    }
    failure_set(
        &why, FAILURE_INVALID,
        "the mount is KV version 1, which has no versions: nothing could bring back what is "
        "deleted there");
    refuse(remove, &why);
}

struct operation *vault_remove(struct vault_client *client, const struct vault_removal *removal,
                               unsigned lane, vault_metadata_done *done, void *context)
{
    struct remove_call *remove =
        vault_call_new(client, sizeof *remove, removal->key, TEXT(""), lane);

    if (!remove)
        return NULL;
    remove->call.go = begin;
    remove->call.end = end_remove;
    remove->asked = *removal;
    remove->done = done;
    remove->context = context;
    if ((removal->version == 0) != (removal->kind == VAULT_REMOVE_SECRET))
        failure_set(&remove->call.failure, FAILURE_INVALID,
                    "one version is deleted, undeleted or destroyed, and a secret is removed with "
                    "all of them: which is meant?");
    return vault_call_start(&remove->call, true) ? &remove->call.operation : NULL;
}
