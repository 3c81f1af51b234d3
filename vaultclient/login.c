/* SPDX-License-Identifier: Apache-2.0 */
/* One log-in. A given token is looked up, for its lease; an AppRole gets a new one.
 *
 * A wrapped secret id is checked (who made it?), unwrapped exactly once, and the secret id kept in
 * locked memory for later log-ins. A wrapping token that did not give up its content, or whose
 * answer was lost, is never touched again: somebody else may have the secret id, and that is for
 * people to look into. */
#include "vaultclient/internal.h"

#include "base/memory.h"

#define BODY_LIMIT 262144

struct login {
    struct vault_client *client;
    struct secret *role_id, *secret_id; /* TOKEN: the token is in `secret_id` */
    uint64_t deadline;
};

/* ---- the end --------------------------------------------------------------------------------- */

static void login_free(struct login *login)
{
    secret_free(login->role_id);
    secret_free(login->secret_id);
    memory_free(login);
}

static void fail(struct login *login, bool is_refusal, struct failure *why)
{
    struct vault_client *client = login->client;
    struct account *account = &client->account;

    if (is_refusal && account->method == VAULT_AUTH_APPROLE) {
        secret_free(account->refused_role_id);
        secret_free(account->refused_secret_id);
        account->refused_role_id = login->role_id;
        account->refused_secret_id = login->secret_id;
        login->role_id = login->secret_id = NULL;
    }
    login_free(login);
    vault_token_login_failed(client, is_refusal, why);
}

/* What the server thought of it, with the address and path before it. */
static void fail_with_answer(struct login *login, const char *method, const char *target,
                             const struct http_answer *answer)
{
    bool is_refusal = vault_wire_login_was_refused(answer->status, answer->body);
    struct failure why;
    const char *hint = "";

    vault_wire_explain(answer->status, answer->body, http_answer_retry_after_ms(answer),
                       login->secret_id, &why);
    if (is_refusal) {
        if (login->client->account.method != VAULT_AUTH_APPROLE)
            hint = ": the token is unknown, expired or revoked";
        else if (answer->status == 403)
            hint = ": no such auth mount, or the role is locked after failed log-ins";
        else
            hint = ": not tried again for a while, since five failures lock the role";
        failure_set(&why, FAILURE_DENIED, "log-in refused: %s%s", why.text, hint);
        why.http_status = answer->status;
    }
    vault_request_prefix(login->client, method, target, &why);
    fail(login, is_refusal, &why);
}

static bool send_step(struct login *login, struct request_plan plan, struct buffer *target,
                      struct buffer *body, request_done *done)
{
    bool ok = buffer_ok(target) && (!body || buffer_ok(body));

    plan.target = buffer_text(target).start;
    plan.deadline = login->deadline;
    plan.hidden = login->secret_id;
    if (body)
        plan.body = buffer_text(body);
    ok = ok && vault_request_send(login->client, &plan, done, login);
    buffer_clear(target);
    if (body)
        buffer_clear(body);
    return ok;
}

static void fail_to_send(struct login *login)
{
    struct failure why = vault_request_missing(login->client);

    fail(login, false, &why);
}

/* ---- a token that was given ------------------------------------------------------------------ */

static void on_looked_up(const struct http_answer *answer, const struct failure *failure,
                         void *context)
{
    struct login *login = context;
    struct vault_client *client = login->client;
    struct wire_token token = {.value = NULL};
    struct failure why;

    if (failure) {
        why = *failure;
        fail(login, false, &why);
        return;
    }
    if (answer->status != 200 &&
        (answer->status != 403 || vault_wire_says_token_is_dead(answer->body))) {
        fail_with_answer(login, "GET", "/v1/auth/token/lookup-self", answer);
        return;
    }
    /* 403 by policy: it may not ask about itself, but it lives. */
    if (answer->status == 200 && !vault_wire_lookup_self(answer->body, &token, &why)) {
        vault_request_prefix(client, "GET", "/v1/auth/token/lookup-self", &why);
        fail(login, false, &why);
        return;
    }
    token.value = login->secret_id;
    login->secret_id = NULL;
    login_free(login);
    vault_token_logged_in(client, &token);
}

static bool look_up(struct login *login)
{
    struct buffer target = {.limit = 256};

    buffer_append_string(&target, "/v1/auth/token/lookup-self");
    return send_step(
        login,
        (struct request_plan){.method = "GET", .token = login->secret_id, .retry = HTTP_RETRY_SAFE},
        &target, NULL, on_looked_up);
}

/* ---- AppRole --------------------------------------------------------------------------------- */

static void on_logged_in(const struct http_answer *answer, const struct failure *failure,
                         void *context)
{
    struct login *login = context;
    struct vault_client *client = login->client;
    struct buffer target = {.limit = 8192};
    struct wire_token token;
    struct failure why;

    vault_wire_plain_target(&target, "auth/", text_of(client->account.mount), "/login");
    if (failure) {
        why = *failure;
        fail(login, false, &why);
    } else if (answer->status != 200) {
        fail_with_answer(login, "POST", buffer_text(&target).start, answer);
    } else if (!vault_wire_login(answer->body, &token, &why)) {
        vault_request_prefix(client, "POST", buffer_text(&target).start, &why);
        fail(login, why.kind == FAILURE_DENIED, &why);
    } else {
        login_free(login);
        vault_token_logged_in(client, &token);
    }
    buffer_clear(&target);
}

static bool present(struct login *login)
{
    struct buffer target = {.limit = 8192}, body = {.limit = BODY_LIMIT};

    vault_wire_plain_target(&target, "auth/", text_of(login->client->account.mount), "/login");
    if (!vault_wire_approle_body(login->role_id, login->secret_id, &body))
        body.is_broken = true;
    return send_step(
        login,
        (struct request_plan){.method = "POST", .is_anonymous = true, .retry = HTTP_RETRY_UNSENT},
        &target, &body, on_logged_in);
}

/* ---- a wrapped secret id --------------------------------------------------------------------- */

/* The wrapping token is spent, whatever came of it. */
static void condemn(struct login *login, struct failure *why)
{
    struct account *account = &login->client->account;

    account->wrapper_failure = *why;
    fail(login, false, why);
}

static void on_unwrapped(const struct http_answer *answer, const struct failure *failure,
                         void *context)
{
    struct login *login = context;
    struct account *account = &login->client->account;
    struct failure why;

    if (failure && failure->kind != FAILURE_AMBIGUOUS && failure->kind != FAILURE_PROTOCOL &&
        failure->kind != FAILURE_TOO_LARGE) {
        why = *failure;
        fail(login, false, &why);
        return;
    }
    if (failure || vault_wire_is_ambiguous(answer->status, answer->body)) {
        failure_set(&why, FAILURE_DENIED,
                    "vault %s: the answer to unwrapping the secret id was lost, so it counts as "
                    "spent; a new wrapped secret id is needed",
                    login->client->address);
        condemn(login, &why);
        return;
    }
    if (answer->status == 429 || answer->status >= 500) {
        fail_with_answer(login, "POST", "/v1/sys/wrapping/unwrap", answer);
        return;
    }
    if (answer->status != 200) {
        vault_wire_explain(answer->status, answer->body, 0, login->secret_id, &why);
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
    secret_free(login->secret_id);
    login->secret_id = secret_copy(account->unwrapped);
    if (!login->secret_id || !present(login))
        fail_to_send(login);
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
        fail(login, false, &why);
        return;
    }
    if (answer->status >= 500 || answer->status == 429) {
        fail_with_answer(login, "POST", "/v1/sys/wrapping/lookup", answer);
        return;
    }
    if (answer->status != 200) {
        vault_wire_explain(answer->status, answer->body, 0, login->secret_id, &why);
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
    buffer_append_string(&target, "/v1/sys/wrapping/unwrap");
    if (!send_step(login,
                   (struct request_plan){
                       .method = "POST", .token = login->secret_id, .retry = HTTP_RETRY_NEVER},
                   &target, NULL, on_unwrapped))
        fail_to_send(login);
}

/* `login->secret_id` is the wrapping token. */
static bool ask_who_wrapped(struct login *login)
{
    struct buffer target = {.limit = 256}, body = {.limit = BODY_LIMIT};

    buffer_append_string(&target, "/v1/sys/wrapping/lookup");
    if (!vault_wire_token_body(login->secret_id, &body))
        body.is_broken = true;
    return send_step(
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
    secret_free(login->secret_id);
    login->secret_id = secret_copy(account->unwrapped);
    return (login->secret_id && present(login)) || failure_out_of_memory(why);
}

static bool begin_wrapped(struct login *login, struct failure *why)
{
    struct account *account = &login->client->account;
    bool in_namespace = login->client->namespace_path != NULL;

    if (secret_equal(account->wrapper, login->secret_id) &&
        (account->unwrapped || account->wrapper_failure.kind))
        return begin_known_wrapper(login, why);
    if (!vault_wire_wrapping_token_fits(secret_reveal(login->secret_id), in_namespace))
        return failure_set(why, FAILURE_DENIED,
                           "the wrapped secret id was made in another namespace than ours; it was "
                           "not used");
    secret_free(account->wrapper);
    account->unwrapped = secret_free(account->unwrapped);
    account->wrapper_failure.kind = FAILURE_NONE;
    account->wrapper = secret_copy(login->secret_id);
    return (account->wrapper && ask_who_wrapped(login)) || failure_out_of_memory(why);
}

/* ---- the beginning --------------------------------------------------------------------------- */

static bool begin(struct login *login, struct failure *why)
{
    const struct account *account = &login->client->account;

    if (account->method != VAULT_AUTH_APPROLE) {
        login->secret_id = vault_credential_read(&account->token, "token", why);
        return login->secret_id && (look_up(login) || failure_out_of_memory(why));
    }
    login->role_id = vault_credential_read(&account->role_id, "role id", why);
    if (!login->role_id)
        return false;
    if (vault_credential_is_set(&account->secret_id)) {
        login->secret_id = vault_credential_read(&account->secret_id, "secret id", why);
        if (!login->secret_id)
            return false;
    }
    if (account->is_wrapped)
        return begin_wrapped(login, why);
    return present(login) || failure_out_of_memory(why);
}

bool vault_login_start(struct vault_client *client, struct failure *why)
{
    struct login *login = memory_zeroed(1, sizeof *login);

    if (!login)
        return failure_out_of_memory(why);
    login->client = client;
    login->deadline = vault_now_ms() + client->timeout_ms;
    if (!begin(login, why)) {
        login_free(login);
        return false;
    }
    client->token.login = login;
    return true;
}
