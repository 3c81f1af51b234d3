/* SPDX-License-Identifier: Apache-2.0 */
/* Custom metadata of a secret: read, and set by reading, changing, comparing and setting, and
 * reading once more, since the server's 204 says nothing. */
#include "vaultclient/internal.h"

#include "base/memory.h"

struct notes_call {
    struct call call;
    bool is_writing, was_sent;
    struct wire_notes found;  /* what the server said last */
    struct wire_notes wanted; /* before it is sent: what we make of that */
    struct failure lost;      /* why the outcome is not known */
    unsigned reads_back;
    size_t count;
    struct vault_note *changes; /* their texts lie behind them */
    vault_notes_done *done;
    void *context;
};

static void end_notes(struct call *call, const struct failure *failure)
{
    struct notes_call *notes = (struct notes_call *)call;
    struct vault_notes told = {.metadata_version = notes->found.version};
    struct vault_note *list = failure ? NULL : vault_wire_notes_list(&notes->found, &told.count);
    struct failure why;

    told.notes = list;
    if (!failure && !list) {
        failure_out_of_memory(&why);
        failure = &why;
    }
    notes->done(failure ? NULL : &told, failure, notes->context);
    memory_free(list);
    memory_free(notes->changes);
    vault_wire_notes_clear(&notes->found);
    vault_wire_notes_clear(&notes->wanted);
}

static void ask_notes(struct call *call);

/* ---- writing --------------------------------------------------------------------------------- */

static void on_notes_written(const struct http_answer *answer, const struct failure *failure,
                             void *context)
{
    struct notes_call *notes = context;
    struct failure why;

    if (failure && failure->kind != FAILURE_AMBIGUOUS && failure->kind != FAILURE_PROTOCOL &&
        failure->kind != FAILURE_TOO_LARGE) {
        vault_call_end(&notes->call, failure);
        return;
    }
    if (failure) {
        notes->lost = *failure;
    } else if (vault_wire_is_ambiguous(answer->status, answer->body)) {
        vault_wire_explain(answer->status, answer->body, 0, NULL, &notes->lost);
    } else if (answer->status != 204) {
        vault_wire_explain(answer->status, answer->body, 0, NULL, &why);
        vault_call_refuse(&notes->call, answer, &why);
        return;
    }
    notes->was_sent = true;
    if (notes->call.deadline < vault_now_ms() + 10000)
        notes->call.deadline = vault_now_ms() + 10000;
    ask_notes(&notes->call);
}

static void send_notes(struct notes_call *notes)
{
    struct call *call = &notes->call;
    struct buffer target = {.limit = 16384}, body = {.limit = 1 << 20};

    vault_wire_target(&target, call->key, "metadata", 0);
    if (!vault_wire_notes_body(&notes->wanted, &body))
        body.is_broken = true;
    vault_call_send(call, (struct request_plan){.method = "POST", .retry = HTTP_RETRY_UNSENT},
                    &target, &body, on_notes_written);
}

static void change(struct notes_call *notes)
{
    struct failure why = {0};

    /* What was found becomes what is wanted: the next reading brings the other. */
    notes->wanted = notes->found;
    notes->found = (struct wire_notes){.object = NULL};
    for (size_t i = 0; i < notes->count; i++) {
        if (!vault_wire_notes_set(&notes->wanted, &notes->changes[i], &why)) {
            vault_call_refuse(&notes->call, NULL, &why);
            return;
        }
    }
    if (!vault_wire_notes_fit(&notes->wanted, &why)) {
        vault_call_refuse(&notes->call, NULL, &why);
        return;
    }
    send_notes(notes);
}

/* Others may have added theirs meanwhile. */
static bool shows(const struct notes_call *notes)
{
    for (size_t i = 0; i < notes->count; i++)
        if (!vault_wire_notes_hold(&notes->found, &notes->changes[i]))
            return false;
    return true;
}

static void compare(struct notes_call *notes)
{
    struct failure why;

    if (shows(notes)) {
        vault_call_end(&notes->call, NULL);
    } else if (notes->reads_back <= READ_BACKS) {
        vault_wire_notes_clear(&notes->found);
        ask_notes(&notes->call);
    } else {
        failure_set(&why, notes->lost.kind ? FAILURE_AMBIGUOUS : FAILURE_CONFLICT,
                    "the notes are not what they were set to%s%s: somebody else may have changed "
                    "them in the same moment",
                    notes->lost.kind ? "; " : "", notes->lost.kind ? notes->lost.text : "");
        vault_call_refuse(&notes->call, NULL, &why);
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

static void on_notes(const struct http_answer *answer, const struct failure *failure, void *context)
{
    struct notes_call *notes = context;
    struct failure why;

    if (failure)
        vault_call_end(&notes->call, failure);
    else if (!vault_wire_notes(answer->status, answer->body, &notes->found, &why))
        vault_call_refuse(&notes->call, answer, &why);
    else if (!notes->is_writing)
        vault_call_end(&notes->call, NULL);
    else if (notes->was_sent)
        compare(notes);
    else
        change(notes);
}

static void ask_notes(struct call *call)
{
    struct notes_call *notes = (struct notes_call *)call;
    struct buffer target = {.limit = 16384};
    struct request_plan plan = {.method = "GET", .retry = HTTP_RETRY_SAFE};
    struct failure why;

    if (call->kv == 1) {
        failure_set(&why, FAILURE_INVALID,
                    "the mount is KV version 1, which keeps nothing beside a secret");
        vault_call_refuse(call, NULL, &why);
        return;
    }
    if (notes->was_sent && notes->reads_back++)
        plan.pause_ms = vault_read_back_pause_ms(notes->reads_back - 2);
    vault_wire_target(&target, call->key, "metadata", 0);
    vault_call_send(call, plan, &target, NULL, on_notes);
}

static struct notes_call *notes_new(struct vault_client *client, struct vault_key key,
                                    unsigned lane, vault_notes_done *done, void *context)
{
    struct notes_call *notes = vault_call_new(client, sizeof *notes, key, TEXT(""), lane);

    if (!notes)
        return NULL;
    notes->call.go = ask_notes;
    notes->call.end = end_notes;
    notes->done = done;
    notes->context = context;
    return notes;
}

struct operation *vault_read_notes(struct vault_client *client, struct vault_key key, unsigned lane,
                                   vault_notes_done *done, void *context)
{
    struct notes_call *notes = notes_new(client, key, lane, done, context);

    return notes && vault_call_start(&notes->call, false) ? &notes->call.operation : NULL;
}

/* One block: the array, and behind it the bytes of all texts. */
static struct vault_note *copy_changes(const struct vault_note *from, size_t count)
{
    size_t bytes = 0;
    struct vault_note *copy;
    char *at;

    for (size_t i = 0; i < count; i++)
        bytes += from[i].name.size + from[i].value.size;
    copy = memory_zeroed(1, count * sizeof *copy + bytes + 1);
    if (!copy)
        return NULL;
    at = (char *)(copy + count);
    for (size_t i = 0; i < count; i++) {
        copy[i].name = vault_keep_text(&at, from[i].name);
        copy[i].value = vault_keep_text(&at, from[i].value);
    }
    return copy;
}

struct operation *vault_write_notes(struct vault_client *client, struct vault_key key,
                                    const struct vault_note *changes, size_t count, unsigned lane,
                                    vault_notes_done *done, void *context)
{
    struct notes_call *notes = notes_new(client, key, lane, done, context);
    struct failure *why;
    struct vault_note *copy;

    if (!notes)
        return NULL;
    why = &notes->call.failure;
    notes->is_writing = true;
    notes->count = count;
    for (size_t i = 0; i < count && !why->kind; i++)
        (void)!vault_wire_check_note(&changes[i], why);
    if (!count)
        failure_set(why, FAILURE_INVALID, "there is no note to write");
    copy = why->kind ? NULL : copy_changes(changes, count);
    notes->changes = copy;
    if (!copy && !why->kind)
        failure_out_of_memory(why);
    if (vault_call_start(&notes->call, true))
        return &notes->call.operation;
    memory_free(copy);
    return NULL;
}
