/* SPDX-License-Identifier: Apache-2.0 */
/* Wraps a value, and looks a wrapping token up without using it. */
#include "vaultclient/internal.h"

struct wrapping_call {
    struct call call;
    struct secret *value; /* what is wrapped, or the token that is looked up */
    uint32_t ttl_s;       /* 0: a lookup */
    struct buffer body;
    struct wire_wrapping found;
    vault_wrapping_done *done;
    void *context;
};

static void end_wrapping(struct call *call, const struct failure *failure)
{
    struct wrapping_call *wrapping = (struct wrapping_call *)call;

    wrapping->done(failure ? NULL : &wrapping->found.wrapping, failure, wrapping->context);
    vault_wire_wrapping_clear(&wrapping->found);
    buffer_clear(&wrapping->body);
    secret_free(wrapping->value);
}

static bool read_answer(struct wrapping_call *wrapping, const struct http_answer *answer,
                        struct failure *why)
{
    if (wrapping->ttl_s)
        return vault_wire_wrapped(answer->status, answer->body, wrapping->value, &wrapping->found,
                                  why);
    return vault_wire_wrapping_lookup(answer->status, answer->body, &wrapping->found, why);
}

static void on_wrapping(const struct http_answer *answer, const struct failure *failure,
                        void *context)
{
    struct wrapping_call *wrapping = context;
    struct failure why;

    if (failure)
        vault_call_end(&wrapping->call, failure);
    else if (!read_answer(wrapping, answer, &why))
        vault_call_refuse(&wrapping->call, answer, &why);
    else
        vault_call_end(&wrapping->call, NULL);
}

static void ask_wrapping(struct call *call)
{
    struct wrapping_call *wrapping = (struct wrapping_call *)call;
    struct buffer target = {.limit = 64};
    struct request_plan plan = {.method = "POST",
                                .retry = wrapping->ttl_s ? HTTP_RETRY_UNSENT : HTTP_RETRY_SAFE,
                                .wrap_ttl_s = wrapping->ttl_s,
                                .is_anonymous = !wrapping->ttl_s,
                                .hidden = wrapping->value};

    buffer_append_string(&target,
                         wrapping->ttl_s ? "/v1/sys/wrapping/wrap" : "/v1/sys/wrapping/lookup");
    vault_call_send(call, plan, &target, &wrapping->body, on_wrapping);
}

static struct wrapping_call *wrapping_new(struct vault_client *client, const char *verb,
                                          const struct secret *value, unsigned lane,
                                          vault_wrapping_done *done, void *context)
{
    struct vault_key key = {TEXT("sys/wrapping"), text_of(verb)};
    struct wrapping_call *wrapping = vault_call_new(client, sizeof *wrapping, key, TEXT(""), lane);

    if (!wrapping)
        return NULL;
    wrapping->call.go = ask_wrapping;
    wrapping->call.end = end_wrapping;
    wrapping->body.limit = DATA_LIMIT;
    wrapping->value = value ? secret_copy(value) : NULL;
    wrapping->done = done;
    wrapping->context = context;
    if (value && !wrapping->value)
        failure_out_of_memory(&wrapping->call.failure);
    return wrapping;
}

struct operation *vault_wrap(struct vault_client *client, struct text name,
                             const struct secret *value, uint32_t ttl_s, unsigned lane,
                             vault_wrapping_done *done, void *context)
{
    struct wrapping_call *wrapping = wrapping_new(client, "wrap", value, lane, done, context);
    struct text plain = value ? secret_reveal(value) : TEXT("");
    struct failure *why;

    if (!wrapping)
        return NULL;
    why = &wrapping->call.failure;
    wrapping->ttl_s = ttl_s;
    if (why->kind == FAILURE_NONE &&
        (!ttl_s || !name.size || !plain.size || !text_is_utf8(name) || !text_is_utf8(plain)))
        failure_set(
            why, FAILURE_INVALID,
            "what is wrapped needs a name, a value, both of them UTF-8, and a time to live");
    else if (why->kind == FAILURE_NONE && !vault_wire_member_body(name, plain, &wrapping->body))
        failure_out_of_memory(why);
    vault_call_start_bare(&wrapping->call);
    return &wrapping->call.operation;
}

struct operation *vault_lookup_wrapping(struct vault_client *client, const struct secret *token,
                                        unsigned lane, vault_wrapping_done *done, void *context)
{
    struct wrapping_call *wrapping = wrapping_new(client, "lookup", token, lane, done, context);
    struct text plain = token ? secret_reveal(token) : TEXT("");
    struct failure *why;

    if (!wrapping)
        return NULL;
    why = &wrapping->call.failure;
    if (why->kind == FAILURE_NONE && vault_wire_check_token(plain, "wrapping token", why) &&
        !vault_wire_member_body(TEXT("token"), plain, &wrapping->body))
        failure_out_of_memory(why);
    vault_call_start_bare(&wrapping->call);
    return &wrapping->call.operation;
}
