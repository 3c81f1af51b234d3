/* SPDX-License-Identifier: Apache-2.0 */
/* A wrapped secret id is checked (who made it?), unwrapped exactly once, and the secret id kept in
 * locked memory for later log-ins. A wrapping token that did not give up its content, or whose
 * answer was lost, is never touched again: somebody else may have the secret id, and that is for
 * people to look into. */
#include "vaultclient/login.h"

#define BODY_LIMIT 262144

/* The wrapping token is spent, whatever came of it. */
static void condemn(struct login *login, struct failure *why)
{
    struct account *account = &login->client->account;

    account->wrapper_failure = *why;
    vault_login_fail(login, false, why);
}

static void on_unwrapped(const struct http_answer *answer, const struct failure *failure,
                         void *context)
{
    struct login *login = context;
    struct account *account = &login->client->account;
    struct failure why;
    bool is_used_up;

    if (failure && failure->kind != FAILURE_AMBIGUOUS && failure->kind != FAILURE_PROTOCOL &&
        failure->kind != FAILURE_TOO_LARGE) {
        why = *failure;
        vault_login_fail(login, false, &why);
        return;
    }
    is_used_up = !failure && vault_wire_is_used_up(answer->status, answer->body);
    if (failure || (!is_used_up && vault_wire_is_ambiguous(answer->status, answer->body))) {
        failure_set(&why, FAILURE_DENIED,
                    "vault %s: the answer to unwrapping the secret id was lost, so it counts as "
                    "spent; a new wrapped secret id is needed",
                    login->client->address);
        condemn(login, &why);
        return;
    }
    if (!is_used_up && (answer->status == 429 || answer->status >= 500)) {
        vault_login_fail_with_answer(login, "POST", "/v1/sys/wrapping/unwrap", answer);
        return;
    }
    if (answer->status != 200) {
        vault_wire_explain(answer->status, answer->body, 0, login->values[1], &why);
        failure_set(
            &why, FAILURE_DENIED,
            "vault %s: the wrapped secret id cannot be unwrapped (%s): somebody else may have "
            "done so, which is worth an investigation; a new one is needed",
            login->client->address, why.text);
        condemn(login, &why);
        return;
    }
    if (!vault_wire_unwrapped_secret_id(answer->body, &account->unwrapped, &why)) {
        condemn(login, &why);
        return;
    }
    secret_free(login->values[1]);
    login->values[1] = secret_copy(account->unwrapped);
    if (!login->values[1] || !vault_login_present(login))
        vault_login_fail_to_send(login);
}

/* About the wrapping token: the server is in trouble, or it is something in front that answers. */
static bool says_nothing(const struct http_answer *answer)
{
    int status = answer->status;

    return status >= 500 || status == 429 ||
           (status != 200 && status != 204 && vault_wire_is_foreign(answer->body));
}

static void on_wrapping_known(const struct http_answer *answer, const struct failure *failure,
                              void *context)
{
    struct login *login = context;
    struct vault_client *client = login->client;
    struct account *account = &client->account;
    struct buffer target = {.limit = 256};
    struct failure why;

    if (failure) {
        why = *failure;
        vault_login_fail(login, false, &why);
        return;
    }
    if (says_nothing(answer)) {
        vault_login_fail_with_answer(login, "POST", "/v1/sys/wrapping/lookup", answer);
        return;
    }
    if (answer->status != 200) {
        vault_wire_explain(answer->status, answer->body, 0, login->values[1], &why);
        failure_set(
            &why, FAILURE_DENIED,
            "vault %s: the wrapped secret id is used up or expired (%s): if it was not used "
            "here, that is worth an investigation; a new one is needed",
            client->address, why.text);
        condemn(login, &why);
        return;
    }
    if (!vault_wire_creation_path(answer->body, text_of(account->mount), account->role_name,
                                  &why)) {
        failure_prefix(&why, "vault %s", client->address);
        condemn(login, &why);
        return;
    }
    if (account->is_spared) {
        failure_set(&why, FAILURE_INVALID,
                    "vault %s: the wrapped secret id is there and was made in the right place; it "
                    "was not unwrapped, which would use it up, so what it may do is not known",
                    client->address);
        vault_login_fail(login, false, &why);
        return;
    }
    buffer_append_string(&target, "/v1/sys/wrapping/unwrap");
    if (!vault_login_send(login,
                          (struct request_plan){.method = "POST",
                                                .token = login->values[1],
                                                .retry = HTTP_RETRY_NEVER},
                          &target, NULL, on_unwrapped))
        vault_login_fail_to_send(login);
}

/* `login->values[1]` is the wrapping token. */
static bool ask_who_wrapped(struct login *login)
{
    struct buffer target = {.limit = 256}, body = {.limit = BODY_LIMIT};

    buffer_append_string(&target, "/v1/sys/wrapping/lookup");
    if (!vault_wire_token_body(login->values[1], &body))
        body.is_broken = true;
    return vault_login_send(
        login,
        (struct request_plan){.method = "POST", .is_anonymous = true, .retry = HTTP_RETRY_SAFE},
        &target, &body, on_wrapping_known);
}

/* The wrapping token was met before: use what came out of it, or say again why nothing did. */
static bool begin_known_wrapper(struct login *login, struct failure *why)
{
    struct account *account = &login->client->account;

    if (!account->unwrapped) {
        *why = account->wrapper_failure;
        return false;
    }
    secret_free(login->values[1]);
    login->values[1] = secret_copy(account->unwrapped);
    return (login->values[1] && vault_login_present(login)) || failure_out_of_memory(why);
}

bool vault_login_unwrap(struct login *login, struct failure *why)
{
    struct account *account = &login->client->account;
    bool in_namespace = login->client->namespace_path != NULL;

    if (secret_equal(account->wrapper, login->values[1]) &&
        (account->unwrapped || account->wrapper_failure.kind))
        return begin_known_wrapper(login, why);
    if (!vault_wire_wrapping_token_fits(secret_reveal(login->values[1]), in_namespace))
        return failure_set(why, FAILURE_DENIED,
                           "the wrapped secret id was made in another namespace than ours; it was "
                           "not used");
    secret_free(account->wrapper);
    account->unwrapped = secret_free(account->unwrapped);
    account->wrapper_failure.kind = FAILURE_NONE;
    account->wrapper = secret_copy(login->values[1]);
    return (account->wrapper && ask_who_wrapped(login)) || failure_out_of_memory(why);
}
