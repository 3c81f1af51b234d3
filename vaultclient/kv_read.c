/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: metadata, one field of one version, and the rights on a key. */
#include "vaultclient/internal.h"

/* ---- metadata -------------------------------------------------------------------------------- */

struct metadata_call {
    struct call call;
    struct vault_version version;
    vault_metadata_done *done;
    void *context;
};

static void end_metadata(struct call *call, const struct failure *failure)
{
    struct metadata_call *metadata = (struct metadata_call *)call;

    metadata->done(failure ? NULL : &metadata->version, failure, metadata->context);
}

static void on_metadata(const struct http_answer *answer, const struct failure *failure,
                        void *context)
{
    struct metadata_call *metadata = context;
    struct failure why;

    if (failure) {
        vault_call_end(&metadata->call, failure);
        return;
    }
    if (!vault_wire_metadata(answer->status, answer->body, vault_answer_time(answer),
                             &metadata->version, &why)) {
        vault_call_refuse(&metadata->call, answer, &why);
        return;
    }
    vault_call_end(&metadata->call, NULL);
}

static void ask_metadata(struct call *call)
{
    struct metadata_call *metadata = (struct metadata_call *)call;
    struct buffer target = {.limit = 16384};

    if (call->kv == 1) {
        metadata->version.kv = 1;
        vault_call_end(call, NULL);
        return;
    }
    vault_wire_target(&target, call->key, "metadata", 0);
    vault_call_send(call, (struct request_plan){.method = "GET", .retry = HTTP_RETRY_SAFE}, &target,
                    NULL, on_metadata);
}

struct operation *vault_read_metadata(struct vault_client *client, struct vault_key key,
                                      unsigned lane, vault_metadata_done *done, void *context)
{
    struct metadata_call *metadata = vault_call_new(client, sizeof *metadata, key, TEXT(""), lane);

    if (!metadata)
        return NULL;
    metadata->call.go = ask_metadata;
    metadata->call.end = end_metadata;
    metadata->done = done;
    metadata->context = context;
    return vault_call_start(&metadata->call, false) ? &metadata->call.operation : NULL;
}

/* ---- one field ------------------------------------------------------------------------------- */

struct field_call {
    struct call call;
    uint32_t asked;
    struct vault_field field;
    struct secret *value;
    vault_field_done *done;
    void *context;
};

static void end_field(struct call *call, const struct failure *failure)
{
    struct field_call *field = (struct field_call *)call;

    field->field.value = field->value;
    field->done(failure ? NULL : &field->field, failure, field->context);
    secret_free(field->value);
}

static bool read_field(struct field_call *field, const struct http_answer *answer,
                       struct failure *why)
{
    struct call *call = &field->call;
    struct wire_secret secret;
    bool ok = call->kv == 2
                  ? vault_wire_data(answer->status, answer->body, field->asked, &secret, why)
                  : vault_wire_data_v1(answer->status, answer->body, &secret, why);

    if (!ok)
        return false;
    field->field.version = secret.version;
    return vault_wire_field(secret.fields, call->field, &field->field.state, &field->value, why);
}

static void on_field(const struct http_answer *answer, const struct failure *failure, void *context)
{
    struct field_call *field = context;
    struct failure why;

    if (failure) {
        vault_call_end(&field->call, failure);
        return;
    }
    if (!read_field(field, answer, &why)) {
        vault_call_refuse(&field->call, answer, &why);
        return;
    }
    vault_call_end(&field->call, NULL);
}

static void ask_field(struct call *call)
{
    struct field_call *field = (struct field_call *)call;
    struct buffer target = {.limit = 16384};

    if (call->kv == 1)
        field->asked = 0;
    vault_wire_target(&target, call->key, call->kv == 2 ? "data" : NULL, field->asked);
    vault_call_send(
        call,
        (struct request_plan){.method = "GET", .retry = HTTP_RETRY_SAFE, .max_answer = DATA_LIMIT},
        &target, NULL, on_field);
}

struct operation *vault_read_field(struct vault_client *client, struct vault_key key,
                                   struct text field, uint32_t version, unsigned lane,
                                   vault_field_done *done, void *context)
{
    struct field_call *call = vault_call_new(client, sizeof *call, key, field, lane);

    if (!call)
        return NULL;
    call->call.go = ask_field;
    call->call.end = end_field;
    call->asked = version;
    call->done = done;
    call->context = context;
    return vault_call_start(&call->call, false) ? &call->call.operation : NULL;
}

/* ---- rights ---------------------------------------------------------------------------------- */

struct rights_call {
    struct call call;
    bool is_mount_unknown;
    struct vault_rights rights;
    vault_rights_done *done;
    void *context;
};

static void end_rights(struct call *call, const struct failure *failure)
{
    struct rights_call *rights = (struct rights_call *)call;

    rights->rights.is_mount_unknown = rights->is_mount_unknown;
    rights->done(failure ? NULL : &rights->rights, failure, rights->context);
}

static void on_rights(const struct http_answer *answer, const struct failure *failure,
                      void *context)
{
    struct rights_call *rights = context;
    struct call *call = &rights->call;
    struct failure why;

    if (failure) {
        vault_call_end(call, failure);
        return;
    }
    if (answer->status != 200)
        vault_wire_explain(answer->status, answer->body, 0, NULL, &why);
    else if (vault_wire_rights(answer->body, call->key, call->kv, &rights->rights, &why)) {
        vault_call_end(call, NULL);
        return;
    }
    failure_prefix(&why, "sys/capabilities-self");
    vault_call_refuse(call, answer, &why);
}

static void ask_rights(struct call *call)
{
    struct rights_call *rights = (struct rights_call *)call;
    struct buffer target = {.limit = 256}, body = {.limit = 32768};

    rights->is_mount_unknown = call->kv == 0;
    if (rights->is_mount_unknown)
        call->kv = 2;
    buffer_append_string(&target, "/v1/sys/capabilities-self");
    vault_wire_rights_body(call->key, call->kv, &body);
    vault_call_send(call, (struct request_plan){.method = "POST", .retry = HTTP_RETRY_SAFE},
                    &target, &body, on_rights);
}

struct operation *vault_read_rights(struct vault_client *client, struct vault_key key,
                                    vault_rights_done *done, void *context)
{
    struct rights_call *rights = vault_call_new(client, sizeof *rights, key, TEXT(""), 0);

    if (!rights)
        return NULL;
    rights->call.go = ask_rights;
    rights->call.needs_no_mount = true;
    rights->call.end = end_rights;
    rights->done = done;
    rights->context = context;
    return vault_call_start(&rights->call, false) ? &rights->call.operation : NULL;
}
