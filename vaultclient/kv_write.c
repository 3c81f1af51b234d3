/* SPDX-License-Identifier: Apache-2.0 */
/* Sets one field by check-and-set: ask what the mount is (anew: a v2 write to a v1 mount would
 * destroy the secret), read the version the decision rests on, put the value into the server's own
 * text, write. Only an answer that names the next version is a success; one that got lost is
 * settled by reading back. */
#include "vaultclient/internal.h"

#define BODY_LIMIT (DATA_LIMIT + 4 * SECRET_LIMIT)

struct write_call {
    struct call call;
    struct secret *value;
    uint32_t expected;
    int64_t expected_created_at, expected_created_ns;
    enum vault_write_way way;
    bool is_patch; /* what was decided */
    unsigned reads_back;
    struct failure lost; /* why the outcome of the write is not known */
    struct vault_version version;
    vault_write_done *done;
    void *context;
};

static void end_write(struct call *call, const struct failure *failure)
{
    struct write_call *write = (struct write_call *)call;

    write->done(failure ? NULL : &write->version, failure, write->context);
    secret_free(write->value);
}

/* ---- reading back ---------------------------------------------------------------------------- */

static void read_back(struct write_call *write);

static void give_up(struct write_call *write, const char *found)
{
    struct failure why;

    failure_set(&why, FAILURE_AMBIGUOUS,
                "version %u may or may not have been written (%s); reading it back: %s",
                write->expected + 1, write->lost.text, found);
    vault_call_refuse(&write->call, NULL, &why);
}

static void settle(struct write_call *write, const struct wire_secret *secret)
{
    enum vault_field_state state;
    struct secret *found = NULL;
    struct failure why;
    bool is_ours;

    if (!vault_wire_field(secret->fields, write->call.field, &state, &found, &why)) {
        give_up(write, why.text);
        return;
    }
    is_ours = secret_equal(found, write->value);
    secret_free(found);
    if (is_ours) {
        write->version = secret->version;
        vault_call_end(&write->call, NULL);
        return;
    }
    failure_set(&why, FAILURE_CONFLICT, "version %u was written by somebody else, not by us",
                write->expected + 1);
    vault_call_refuse(&write->call, NULL, &why);
}

static void on_read_back(const struct http_answer *answer, const struct failure *failure,
                         void *context)
{
    struct write_call *write = context;
    struct wire_secret secret;
    struct failure why;

    if (failure && failure->kind == FAILURE_CANCELED)
        vault_call_end(&write->call, failure);
    else if (failure)
        give_up(write, failure->text);
    else if (vault_wire_data(answer->status, answer->body, write->expected + 1, &secret, &why))
        settle(write, &secret);
    else if ((why.kind == FAILURE_NOT_FOUND || why.kind == FAILURE_REMOTE) &&
             write->reads_back < READ_BACKS)
        read_back(write);
    else
        give_up(write, why.text);
}

static void read_back(struct write_call *write)
{
    struct call *call = &write->call;
    struct buffer target = {.limit = 16384};

    vault_wire_target(&target, call->key, "data", write->expected + 1);
    /* The time for the write may be over, the question what became of it is not. */
    if (write->reads_back == 0 && call->deadline < vault_now_ms() + 10000)
        call->deadline = vault_now_ms() + 10000;
    vault_call_send(
        call,
        (struct request_plan){.method = "GET",
                              .retry = HTTP_RETRY_SAFE,
                              .max_answer = DATA_LIMIT,
                              .pause_ms = vault_read_back_pause_ms(write->reads_back++)},
        &target, NULL, on_read_back);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void on_written(const struct http_answer *answer, const struct failure *failure,
                       void *context)
{
    struct write_call *write = context;
    struct call *call = &write->call;
    struct failure why;

    if (failure && (failure->kind == FAILURE_AMBIGUOUS || failure->kind == FAILURE_PROTOCOL ||
                    failure->kind == FAILURE_TOO_LARGE)) {
        write->lost = *failure;
        read_back(write);
        return;
    }
    if (failure) {
        vault_call_end(call, failure);
        return;
    }
    if (vault_wire_is_ambiguous(answer->status, answer->body)) {
        vault_wire_explain(answer->status, answer->body, 0, write->value, &write->lost);
        read_back(write);
        return;
    }
    if (write->is_patch && answer->status == 404 && !answer->body.size) {
        failure_set(&why, FAILURE_CONFLICT, "the secret was removed after it was read");
        vault_call_refuse(call, NULL, &why);
        return;
    }
    if (!vault_wire_written(answer->status, answer->body, write->expected, write->value,
                            &write->version, &why)) {
        write->lost = why;
        if (why.kind == FAILURE_AMBIGUOUS)
            read_back(write);
        else
            vault_call_refuse(call, answer, &why);
        return;
    }
    vault_call_end(call, NULL);
}

/* A patch carries the one field only. */
static void send_write(struct write_call *write, struct text fields)
{
    struct request_plan plan = {
        .method = write->is_patch ? "PATCH" : "POST",
        .content_type = write->is_patch ? "application/merge-patch+json" : NULL,
        .retry = HTTP_RETRY_UNSENT,
        .hidden = write->value,
    };
    struct call *call = &write->call;
    struct buffer target = {.limit = 16384}, body = {.limit = BODY_LIMIT};
    struct failure why;

    if (write->is_patch)
        fields = TEXT("{}");

    if (!vault_wire_write_body(write->expected, fields, call->field, secret_reveal(write->value),
                               &body)) {
        buffer_clear(&body);
        failure_set(&why, FAILURE_INVALID, "what is to be written is too large or not UTF-8");
        vault_call_refuse(call, NULL, &why);
        return;
    }
    vault_wire_target(&target, call->key, "data", 0);
    vault_call_send(call, plan, &target, &body, on_written);
}

/* ---- the neighbours -------------------------------------------------------------------------- */

static bool is_expected_version(const struct write_call *write, const struct vault_version *version)
{
    return !write->expected_created_at || (version->created_at == write->expected_created_at &&
                                           version->created_ns == write->expected_created_ns);
}

static void on_neighbours(const struct http_answer *answer, const struct failure *failure,
                          void *context)
{
    struct write_call *write = context;
    struct call *call = &write->call;
    struct wire_secret secret;
    struct failure why;

    if (failure) {
        vault_call_end(call, failure);
        return;
    }
    if (!vault_wire_data(answer->status, answer->body, write->expected, &secret, &why)) {
        if (why.kind == FAILURE_NOT_FOUND)
            failure_set(&why, FAILURE_CONFLICT,
                        "version %u, on which the change rests, is no longer there",
                        write->expected);
        vault_call_refuse(call, answer, &why);
        return;
    }
    if (!is_expected_version(write, &secret.version)) {
        failure_set(
            &why, FAILURE_CONFLICT,
            "version %u is not the one the change rests on: the secret was deleted and made "
            "anew",
            write->expected);
        vault_call_refuse(call, answer, &why);
        return;
    }
    if (!vault_wire_field_takes_text(secret.fields, call->field, &why)) {
        vault_call_refuse(call, NULL, &why);
        return;
    }
    if (write->is_patch && text_is(secret.fields, "null")) {
        if (write->way == VAULT_WRITE_PATCH) {
            failure_set(&why, FAILURE_INVALID,
                        "the secret is null, which no merge patch can change: nothing was written");
            vault_call_refuse(call, NULL, &why);
            return;
        }
        write->is_patch = false;
    }
    send_write(write, secret.fields);
}

static void ask_neighbours(struct write_call *write)
{
    struct call *call = &write->call;
    struct buffer target = {.limit = 16384};

    vault_wire_target(&target, call->key, "data", write->expected);
    vault_call_send(
        call,
        (struct request_plan){.method = "GET", .retry = HTTP_RETRY_SAFE, .max_answer = DATA_LIMIT},
        &target, NULL, on_neighbours);
}

/* ---- the way --------------------------------------------------------------------------------- */

static void on_capabilities(const struct http_answer *answer, const struct failure *failure,
                            void *context)
{
    struct write_call *write = context;
    struct vault_rights rights;
    struct failure why;

    /* A token that may not even ask is one that may not patch. */
    if (failure && failure->kind != FAILURE_DENIED) {
        vault_call_end(&write->call, failure);
        return;
    }
    write->is_patch =
        answer && answer->status == 200 &&
        vault_wire_rights(answer->body, write->call.key, write->call.kv, &rights, &why) &&
        rights.may_patch;
    ask_neighbours(write);
}

static void ask_capabilities(struct write_call *write)
{
    struct buffer target = {.limit = 256}, body = {.limit = 32768};

    buffer_append_string(&target, "/v1/sys/capabilities-self");
    vault_wire_rights_body(write->call.key, write->call.kv, &body);
    vault_call_send(&write->call, (struct request_plan){.method = "POST", .retry = HTTP_RETRY_SAFE},
                    &target, &body, on_capabilities);
}

static void begin_write(struct call *call)
{
    struct write_call *write = (struct write_call *)call;
    struct failure why;

    if (call->kv != 2) {
        failure_set(
            &why, FAILURE_INVALID,
            "the mount is KV version 1, which has no check-and-set: a write there could undo "
            "somebody else's");
        vault_call_refuse(call, NULL, &why);
        return;
    }
    if (write->expected == 0) {
        send_write(write, TEXT("{}"));
        return;
    }
    write->is_patch = write->way == VAULT_WRITE_PATCH;
    if (write->way == VAULT_WRITE_EITHER)
        ask_capabilities(write);
    else
        ask_neighbours(write);
}

struct operation *vault_write_field(struct vault_client *client, const struct vault_write *asked,
                                    unsigned lane, vault_write_done *done, void *context)
{
    struct write_call *write =
        vault_call_new(client, sizeof *write, asked->key, asked->field, lane);
    struct text value = asked->value ? secret_reveal(asked->value) : TEXT("");
    struct secret *copy;

    if (!write)
        return NULL;
    write->call.go = begin_write;
    write->call.end = end_write;
    write->value = asked->value ? secret_copy(asked->value) : NULL;
    write->way = asked->way;
    write->expected = asked->expected;
    write->expected_created_at = asked->expected_created_at;
    write->expected_created_ns = asked->expected_created_ns;
    write->done = done;
    write->context = context;
    if (!value.size || text_contains_byte(value, '\0') || !text_is_utf8(value))
        failure_set(&write->call.failure, FAILURE_INVALID,
                    "the value to write is empty, holds a NUL character or is not UTF-8");
    else if (!asked->field.size || !text_is_utf8(asked->field) || !text_is_printable(asked->field))
        failure_set(&write->call.failure, FAILURE_INVALID,
                    "the name of the field is empty, holds a control character or is not UTF-8");
    else if (!write->value)
        failure_out_of_memory(&write->call.failure);
    copy = write->value;
    if (vault_call_start(&write->call, true))
        return &write->call.operation;
    secret_free(copy);
    return NULL;
}
