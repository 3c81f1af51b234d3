/* SPDX-License-Identifier: Apache-2.0 */
/* How an audit device writes a value. */
#include "vaultclient/internal.h"

struct hash_call {
    struct call call; /* `field` is the device */
    struct secret *value;
    struct buffer body, hash;
    vault_audit_hash_done *done;
    void *context;
};

static void end_hash(struct call *call, const struct failure *failure)
{
    struct hash_call *hash = (struct hash_call *)call;

    hash->done(failure ? (struct text){NULL, 0} : buffer_text(&hash->hash), failure, hash->context);
    buffer_clear(&hash->body);
    buffer_clear(&hash->hash);
    secret_free(hash->value);
}

static void on_hash(const struct http_answer *answer, const struct failure *failure, void *context)
{
    struct hash_call *hash = context;
    struct failure why;

    if (failure)
        vault_call_end(&hash->call, failure);
    else if (!vault_wire_audit_hash(answer->status, answer->body, hash->value, &hash->hash, &why))
        vault_call_refuse(&hash->call, answer, &why);
    else
        vault_call_end(&hash->call, NULL);
}

static void ask_hash(struct call *call)
{
    struct hash_call *hash = (struct hash_call *)call;
    struct buffer target = {.limit = 8192};

    vault_wire_plain_target(&target, "sys/audit-hash/", call->field, "");
    vault_call_send(
        call,
        (struct request_plan){.method = "POST", .retry = HTTP_RETRY_SAFE, .hidden = hash->value},
        &target, &hash->body, on_hash);
}

struct operation *vault_audit_hash(struct vault_client *client, struct text device,
                                   const struct secret *value, unsigned lane,
                                   vault_audit_hash_done *done, void *context)
{
    struct vault_key key = {TEXT("sys"), TEXT("audit-hash")};
    struct hash_call *hash = vault_call_new(client, sizeof *hash, key, device, lane);
    struct text input = value ? secret_reveal(value) : TEXT("");
    struct failure *why;

    if (!hash)
        return NULL;
    why = &hash->call.failure;
    hash->call.go = ask_hash;
    hash->call.end = end_hash;
    hash->body.limit = DATA_LIMIT;
    hash->hash.limit = 512;
    hash->done = done;
    hash->context = context;
    if (!input.size || text_contains_byte(input, '\0') || !text_is_utf8(input))
        failure_set(why, FAILURE_INVALID,
                    "the value to hash is empty, holds a NUL character or is not UTF-8");
    else if (vault_wire_check_path(device, why) &&
             (!(hash->value = secret_copy(value)) ||
              !vault_wire_member_body(TEXT("input"), input, &hash->body)))
        failure_out_of_memory(why);
    vault_call_start_bare(&hash->call);
    return &hash->call.operation;
}
