/* SPDX-License-Identifier: Apache-2.0 */
/* Unwraps once. Before: is the token of our namespace, and was it made where it has to come from?
 * After a lost answer: is it still there? Only lookups may be repeated, since nothing else that is
 * done with a wrapping token leaves it alive.
 *
 * A creation path names no namespace, and whoever has rights in a child namespace can make a mount
 * with the same name there; but the token ends in the namespace's id. Which one is ours is found
 * out by wrapping something ourselves; in the root namespace tokens have none. */
#include "vaultclient/internal.h"

struct unwrap_call {
    struct call call; /* `field` is the creation path */
    struct secret *token;
    int64_t created_after;
    uint32_t max_ttl_s;
    struct buffer body; /* of a lookup */
    struct wire_wrapping before;
    struct secret *data;
    struct failure lost;
    vault_unwrap_done *done;
    void *context;
};

static void end_unwrap(struct call *call, const struct failure *failure)
{
    struct unwrap_call *unwrap = (struct unwrap_call *)call;

    unwrap->done(failure ? NULL : unwrap->data, failure ? NULL : &unwrap->before.wrapping, failure,
                 unwrap->context);
    vault_wire_wrapping_clear(&unwrap->before);
    buffer_clear(&unwrap->body);
    secret_free(unwrap->token);
    secret_free(unwrap->data);
}

static void look_up(struct unwrap_call *unwrap, request_done *done)
{
    struct buffer target = {.limit = 64}, body = {.limit = 8192};

    buffer_append_string(&target, "/v1/sys/wrapping/lookup");
    buffer_append(&body, buffer_text(&unwrap->body));
    vault_call_send(&unwrap->call,
                    (struct request_plan){.method = "POST",
                                          .retry = HTTP_RETRY_SAFE,
                                          .is_anonymous = true,
                                          .hidden = unwrap->token},
                    &target, &body, done);
}

/* ---- after ----------------------------------------------------------------------------------- */

static void on_looked_up_again(const struct http_answer *answer, const struct failure *failure,
                               void *context)
{
    struct unwrap_call *unwrap = context;
    struct wire_wrapping found = {.token = NULL};
    struct failure why;
    bool is_found =
        !failure && vault_wire_wrapping_lookup(answer->status, answer->body, &found, &why);

    if (is_found && vault_wire_wrapping_same(&found, &unwrap->before))
        failure_set(&why, FAILURE_NETWORK,
                    "it was not used, and the wrapping token is still good: %s", unwrap->lost.text);
    else
        failure_set(&why, FAILURE_AMBIGUOUS,
                    "the answer was lost, and with it what was wrapped (%s); looking the token up "
                    "again: %s",
                    unwrap->lost.text,
                    is_found  ? "it is another one now"
                    : failure ? failure->text
                              : why.text);
    vault_wire_wrapping_clear(&found);
    vault_call_refuse(&unwrap->call, NULL, &why);
}

static void look_again(struct unwrap_call *unwrap)
{
    /* The time to unwrap may be over, the question what became of it is not. */
    if (unwrap->call.deadline < vault_now_ms() + 10000)
        unwrap->call.deadline = vault_now_ms() + 10000;
    look_up(unwrap, on_looked_up_again);
}

static void on_unwrapped(const struct http_answer *answer, const struct failure *failure,
                         void *context)
{
    struct unwrap_call *unwrap = context;
    struct failure why;

    if (failure && failure->kind == FAILURE_CANCELED) {
        vault_call_end(&unwrap->call, failure);
    } else if (failure) {
        unwrap->lost = *failure;
        look_again(unwrap);
    } else if (vault_wire_is_used_up(answer->status, answer->body)) {
        failure_set(&why, FAILURE_DENIED,
                    "the wrapping token was good a moment ago and is used up now: somebody else "
                    "has unwrapped it; whatever it held is known to them");
        vault_call_refuse(&unwrap->call, answer, &why);
    } else if (answer->status >= 500 || answer->status == 429) {
        vault_wire_explain(answer->status, answer->body, 0, unwrap->token, &unwrap->lost);
        look_again(unwrap);
    } else if (!vault_wire_unwrapped(answer->status, answer->body, &unwrap->data, &why)) {
        vault_call_refuse(&unwrap->call, answer, &why);
    } else {
        vault_call_end(&unwrap->call, NULL);
    }
}

static void unwrap_it(struct unwrap_call *unwrap)
{
    struct buffer target = {.limit = 64};

    buffer_append_string(&target, "/v1/sys/wrapping/unwrap");
    vault_call_send(&unwrap->call,
                    (struct request_plan){.method = "POST",
                                          .retry = HTTP_RETRY_NEVER,
                                          .token = unwrap->token,
                                          .max_answer = DATA_LIMIT},
                    &target, NULL, on_unwrapped);
}

/* ---- before ---------------------------------------------------------------------------------- */

static bool is_as_expected(const struct unwrap_call *unwrap, struct failure *why)
{
    const struct vault_wrapping *found = &unwrap->before.wrapping;

    if (!text_equal(found->creation_path, unwrap->call.field))
        return failure_set(why, FAILURE_DENIED,
                           "the wrapping token was made by \"%.*s\", not by \"%.*s\": somebody may "
                           "have put it in place of the real one; it was not used",
                           TEXT_ARG(found->creation_path), TEXT_ARG(unwrap->call.field));
    if (unwrap->created_after && found->created_at < unwrap->created_after)
        return failure_set(why, FAILURE_DENIED,
                           "the wrapping token was made earlier than it can have been: it was not "
                           "used");
    if (unwrap->max_ttl_s && found->ttl_s > unwrap->max_ttl_s)
        return failure_set(why, FAILURE_DENIED,
                           "the wrapping token was made to live %u seconds, and at most %u are "
                           "allowed: it was not used",
                           found->ttl_s, unwrap->max_ttl_s);
    return true;
}

static void on_looked_up(const struct http_answer *answer, const struct failure *failure,
                         void *context)
{
    struct unwrap_call *unwrap = context;
    struct failure why;

    if (failure)
        vault_call_end(&unwrap->call, failure);
    else if (!vault_wire_wrapping_lookup(answer->status, answer->body, &unwrap->before, &why) ||
             !is_as_expected(unwrap, &why))
        vault_call_refuse(&unwrap->call, answer, &why);
    else
        unwrap_it(unwrap);
}

/* ---- whose it is ----------------------------------------------------------------------------- */

static struct text suffix_of(const struct secret *token)
{
    return vault_wire_token_suffix(secret_reveal(token));
}

static void on_namespace_shown(const struct http_answer *answer, const struct failure *failure,
                               void *context)
{
    struct unwrap_call *unwrap = context;
    struct wire_wrapping ours = {.token = NULL};
    struct failure why;
    bool is_ours;

    if (failure) {
        vault_call_end(&unwrap->call, failure);
        return;
    }
    if (!vault_wire_wrapped(answer->status, answer->body, NULL, &ours, &why)) {
        failure_prefix(&why, "finding out the id of our namespace by wrapping something");
        vault_call_refuse(&unwrap->call, answer, &why);
        return;
    }
    is_ours = text_equal(suffix_of(ours.token), suffix_of(unwrap->token));
    vault_wire_wrapping_clear(&ours);
    if (is_ours) {
        look_up(unwrap, on_looked_up);
        return;
    }
    failure_set(&why, FAILURE_DENIED,
                "the wrapping token belongs to another namespace than \"%s\": it was not used",
                unwrap->call.client->namespace_path);
    vault_call_refuse(&unwrap->call, NULL, &why);
}

static void begin_unwrap(struct call *call)
{
    struct unwrap_call *unwrap = (struct unwrap_call *)call;
    struct buffer target = {.limit = 64}, body = {.limit = 64};

    if (!call->client->namespace_path) {
        look_up(unwrap, on_looked_up);
        return;
    }
    buffer_append_string(&target, "/v1/sys/wrapping/wrap");
    buffer_append_string(&body, "{\"of\":\"nothing\"}");
    vault_call_send(
        call, (struct request_plan){.method = "POST", .retry = HTTP_RETRY_SAFE, .wrap_ttl_s = 1},
        &target, &body, on_namespace_shown);
}

static void check(struct unwrap_call *unwrap, const struct vault_unwrapping *asked,
                  struct failure *why)
{
    struct text token = asked->token ? secret_reveal(asked->token) : TEXT("");
    bool is_in_namespace = unwrap->call.client->namespace_path != NULL;

    if (!vault_wire_check_token(token, "wrapping token", why))
        return;
    if (!asked->creation_path.size)
        failure_set(why, FAILURE_INVALID,
                    "a wrapping token is not unwrapped without a creation path to compare with");
    else if ((vault_wire_token_suffix(token).size > 0) != is_in_namespace)
        failure_set(why, FAILURE_DENIED,
                    "the wrapping token does not belong to the namespace \"%s\": it was not used",
                    is_in_namespace ? unwrap->call.client->namespace_path : "root");
    else if (!(unwrap->token = secret_copy(asked->token)) ||
             !vault_wire_member_body(TEXT("token"), token, &unwrap->body))
        failure_out_of_memory(why);
}

struct operation *vault_unwrap(struct vault_client *client, const struct vault_unwrapping *asked,
                               unsigned lane, vault_unwrap_done *done, void *context)
{
    struct vault_key key = {TEXT("sys/wrapping"), TEXT("unwrap")};
    struct unwrap_call *unwrap =
        vault_call_new(client, sizeof *unwrap, key, asked->creation_path, lane);

    if (!unwrap)
        return NULL;
    unwrap->call.go = begin_unwrap;
    unwrap->call.end = end_unwrap;
    unwrap->created_after = asked->created_after;
    unwrap->max_ttl_s = asked->max_ttl_s;
    unwrap->body.limit = 8192;
    unwrap->done = done;
    unwrap->context = context;
    check(unwrap, asked, &unwrap->call.failure);
    vault_call_start_bare(&unwrap->call);
    return &unwrap->call.operation;
}
