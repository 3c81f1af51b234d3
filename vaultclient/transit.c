/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures made, checked, and the keys to check them with. The engine answers wrong requests with
 * 500 as well, so none of these is repeated for one. */
#include "vaultclient/internal.h"

/* A signature is asked for over what a person approves, not over files. */
#define INPUT_LIMIT ((size_t)1 << 20)

struct transit_call {
    struct call call; /* `field` is the context of public keys */
    struct buffer body;
    uint32_t key_version, wrap_ttl_s;
    struct buffer text; /* the signature */
    struct vault_signature signature;
    struct wire_wrapping wrapped;
    bool is_valid;
    struct vault_public_keys keys;
    union {
        vault_sign_done *sign;
        vault_verify_done *verify;
        vault_public_keys_done *keys;
    } done;
    void *context;
};

static void clear(struct transit_call *transit)
{
    buffer_clear(&transit->body);
    buffer_clear(&transit->text);
    vault_wire_wrapping_clear(&transit->wrapped);
    vault_wire_public_keys_free(&transit->keys);
}

static struct transit_call *transit_new(struct vault_client *client, struct vault_key key,
                                        struct text context, unsigned lane)
{
    struct transit_call *transit = vault_call_new(client, sizeof *transit, key, context, lane);

    if (!transit)
        return NULL;
    transit->body.limit = 4 * INPUT_LIMIT;
    transit->text.limit = 65536;
    (void)!vault_wire_check_transit(key, &transit->call.failure);
    return transit;
}

/* False with the call's failure when there is nothing to send. */
static void set_body(struct transit_call *transit, const struct vault_signing *signing,
                     struct text signature)
{
    struct failure *why = &transit->call.failure;

    if (why->kind)
        return;
    if (signing->input.size > INPUT_LIMIT || signing->context.size > 1024)
        failure_set(why, FAILURE_INVALID,
                    "what is signed has at most %zu bytes, and its context 1024", INPUT_LIMIT);
    else if (!vault_wire_sign_body(signing, signature, &transit->body))
        failure_out_of_memory(why);
}

/* Whatever the answer was: with `ok` it was understood. */
static void finish(struct transit_call *transit, const struct http_answer *answer, bool ok,
                   struct failure *why)
{
    if (ok)
        vault_call_end(&transit->call, NULL);
    else
        vault_call_refuse(&transit->call, answer, why);
}

/* ---- signing --------------------------------------------------------------------------------- */

static void end_sign(struct call *call, const struct failure *failure)
{
    struct transit_call *transit = (struct transit_call *)call;

    transit->done.sign(failure ? NULL : &transit->signature, failure, transit->context);
    clear(transit);
}

static void on_signed(const struct http_answer *answer, const struct failure *failure,
                      void *context)
{
    struct transit_call *transit = context;
    struct failure why;
    bool ok;

    if (failure) {
        vault_call_end(&transit->call, failure);
        return;
    }
    if (transit->wrap_ttl_s) {
        ok = vault_wire_wrapped(answer->status, answer->body, NULL, &transit->wrapped, &why);
        transit->signature.wrapping = &transit->wrapped.wrapping;
    } else {
        ok = vault_wire_signature(answer->status, answer->body, transit->key_version,
                                  &transit->text, &transit->signature.key_version, &why);
        transit->signature.signature = buffer_text(&transit->text);
    }
    finish(transit, answer, ok, &why);
}

static void ask_sign(struct call *call)
{
    struct transit_call *transit = (struct transit_call *)call;
    struct buffer target = {.limit = 16384};

    vault_wire_transit_target(&target, call->key, "sign", TEXT(""));
    vault_call_send(call,
                    (struct request_plan){.method = "POST",
                                          .retry = HTTP_RETRY_UNSENT,
                                          .wrap_ttl_s = transit->wrap_ttl_s},
                    &target, &transit->body, on_signed);
}

struct operation *vault_sign(struct vault_client *client, const struct vault_signing *signing,
                             unsigned lane, vault_sign_done *done, void *context)
{
    struct transit_call *transit = transit_new(client, signing->key, TEXT(""), lane);

    if (!transit)
        return NULL;
    transit->call.go = ask_sign;
    transit->call.end = end_sign;
    transit->key_version = signing->key_version;
    transit->wrap_ttl_s = signing->wrap_ttl_s;
    transit->done.sign = done;
    transit->context = context;
    set_body(transit, signing, TEXT(""));
    vault_call_start_bare(&transit->call);
    return &transit->call.operation;
}

/* ---- verifying ------------------------------------------------------------------------------- */

static void end_verify(struct call *call, const struct failure *failure)
{
    struct transit_call *transit = (struct transit_call *)call;

    transit->done.verify(!failure && transit->is_valid, failure, transit->context);
    clear(transit);
}

static void on_verified(const struct http_answer *answer, const struct failure *failure,
                        void *context)
{
    struct transit_call *transit = context;
    struct failure why;

    if (failure)
        vault_call_end(&transit->call, failure);
    else
        finish(transit, answer,
               vault_wire_verified(answer->status, answer->body, &transit->is_valid, &why), &why);
}

static void ask_verify(struct call *call)
{
    struct transit_call *transit = (struct transit_call *)call;
    struct buffer target = {.limit = 16384};

    vault_wire_transit_target(&target, call->key, "verify", TEXT(""));
    vault_call_send(call, (struct request_plan){.method = "POST", .retry = HTTP_RETRY_UNSENT},
                    &target, &transit->body, on_verified);
}

struct operation *vault_verify(struct vault_client *client, const struct vault_signing *signing,
                               struct text signature, unsigned lane, vault_verify_done *done,
                               void *context)
{
    struct transit_call *transit = transit_new(client, signing->key, TEXT(""), lane);

    if (!transit)
        return NULL;
    transit->call.go = ask_verify;
    transit->call.end = end_verify;
    transit->done.verify = done;
    transit->context = context;
    if (!text_starts_with(signature, TEXT("vault:v")))
        failure_set(&transit->call.failure, FAILURE_INVALID,
                    "a signature of the transit engine begins with \"vault:v\"");
    else if (vault_wire_check_token(signature, "signature", &transit->call.failure))
        set_body(transit, signing, signature);
    vault_call_start_bare(&transit->call);
    return &transit->call.operation;
}

/* ---- public keys ----------------------------------------------------------------------------- */

static void end_keys(struct call *call, const struct failure *failure)
{
    struct transit_call *transit = (struct transit_call *)call;

    transit->done.keys(failure ? NULL : &transit->keys, failure, transit->context);
    clear(transit);
}

static void on_keys(const struct http_answer *answer, const struct failure *failure, void *context)
{
    struct transit_call *transit = context;
    struct failure why;

    if (failure)
        vault_call_end(&transit->call, failure);
    else
        finish(transit, answer,
               vault_wire_public_keys(answer->status, answer->body, &transit->keys, &why), &why);
}

static void ask_keys(struct call *call)
{
    struct buffer target = {.limit = 16384};

    vault_wire_transit_target(&target, call->key, "keys", call->field);
    vault_call_send(call, (struct request_plan){.method = "GET", .retry = HTTP_RETRY_SAFE}, &target,
                    NULL, on_keys);
}

struct operation *vault_read_public_keys(struct vault_client *client, struct vault_key key,
                                         struct text context_of_key, unsigned lane,
                                         vault_public_keys_done *done, void *context)
{
    struct transit_call *transit = transit_new(client, key, context_of_key, lane);

    if (!transit)
        return NULL;
    transit->call.go = ask_keys;
    transit->call.end = end_keys;
    transit->done.keys = done;
    transit->context = context;
    if (context_of_key.size > 1024)
        failure_set(&transit->call.failure, FAILURE_INVALID,
                    "the context of a key has at most 1024 bytes");
    vault_call_start_bare(&transit->call);
    return &transit->call.operation;
}
