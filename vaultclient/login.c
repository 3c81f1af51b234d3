/* SPDX-License-Identifier: Apache-2.0 */
/* One log-in, the same for every method: read what it needs, ask for what must be fetched, show it
 * to the server. A given token is only looked up, for its lease. */
#include "vaultclient/login.h"

#include "base/memory.h"

#define BODY_LIMIT   262144
#define TARGET_LIMIT 16384

/* ---- the end --------------------------------------------------------------------------------- */

static void login_free(struct login *login)
{
    vault_later_clear(&login->client->laters, &login->late);
    for (size_t i = 0; i < CREDENTIALS; i++)
        secret_free(login->values[i]);
    memory_free(login);
}

/* Whoever has mended the role wonders why nothing happens. */
static void say_when_next(const struct login *login, struct failure *why)
{
    unsigned minutes = vault_token_silence_minutes(login->client);
    int status = why->http_status;

    failure_set(why, why->kind, "%s; next log-in in up to %u minute%s%s", why->text, minutes,
                minutes == 1 ? "" : "s",
                login->method->is_lockable ? ", since five failures lock it" : "");
    why->http_status = status;
}

void vault_login_fail(struct login *login, bool is_refusal, struct failure *why)
{
    struct vault_client *client = login->client;

    if (is_refusal && !login->method->is_given)
        say_when_next(login, why);

    for (size_t i = 0; is_refusal && i < CREDENTIALS; i++) {
        struct credential *credential = &client->account.credentials[i];

        secret_free(credential->refused);
        credential->refused = login->values[i];
        login->values[i] = NULL;
    }
    login_free(login);
    vault_token_login_failed(client, is_refusal, why);
}

void vault_login_fail_to_send(struct login *login)
{
    struct failure why = vault_request_missing(login->client);

    vault_login_fail(login, false, &why);
}

/* A secret of this log-in that the server's text quotes, else just any of them. */
static const struct secret *what_to_hide(const struct login *login, struct text body)
{
    const struct login_member *member;
    const struct secret *any = NULL;

    for (size_t i = 0; (member = vault_account_member(&login->client->account, i)); i++) {
        if (member->is_plain || !login->values[i])
            continue;
        any = login->values[i];
        if (vault_wire_says(body, secret_reveal(any).start))
            return any;
    }
    return any;
}

/* A user's name counts, is locked and is logged by the server in lower case. */
static void add_servers_spelling(struct text name, struct buffer *out)
{
    struct buffer lower = {.limit = name.size};

    for (size_t i = 0; i < name.size; i++)
        buffer_append_byte(&lower, name.start[i] >= 'A' && name.start[i] <= 'Z' ? name.start[i] + 32
                                                                                : name.start[i]);
    if (buffer_ok(&lower) && !text_equal(buffer_text(&lower), name))
        buffer_printf(out, " (\"%.*s\" to the server)", TEXT_ARG(buffer_text(&lower)));
    buffer_clear(&lower);
}

void vault_login_name_subject(const struct vault_client *client, struct buffer *out)
{
    const struct account *account = &client->account;
    const struct login_method *method = account->method;
    struct text name = text_of(account->role_name);

    if (method->members[0].is_plain && account->credentials[0].value)
        name = secret_reveal(account->credentials[0].value);
    if (name.size)
        buffer_printf(out, " as %s \"%.*s\"", method->subject, TEXT_ARG(name));
    else if (method->unnamed)
        buffer_append_string(out, method->unnamed);
    if (method->members[0].is_in_path)
        add_servers_spelling(name, out);
}

static void explain_refusal(const struct login *login, const struct http_answer *answer,
                            struct failure *why)
{
    struct buffer subject = {.limit = 256};

    vault_login_name_subject(login->client, &subject);
    failure_set(why, FAILURE_DENIED, "%s%.*s refused: %.180s: %s",
                login->method->is_given ? "token" : "log-in", TEXT_ARG(buffer_text(&subject)),
                why->text, vault_login_hint(login->method, answer->status, answer->body));
    why->http_status = answer->status;
    buffer_clear(&subject);
}

/* Wrong credentials are answered 400, which something in front of the server may have put words of
 * its own in place of; the server counts all the same. */
static bool may_hide_refusal(const struct login *login, int status)
{
    return login->method->is_lockable && status == 400;
}

void vault_login_fail_with_answer(struct login *login, const char *method, const char *target,
                                  const struct http_answer *answer)
{
    bool is_refusal = vault_wire_login_was_refused(answer->status, answer->body);
    bool is_tls_port = vault_wire_is_tls_port(answer->body);
    struct failure why;

    vault_wire_explain(answer->status, answer->body, http_answer_retry_after_ms(answer),
                       what_to_hide(login, answer->body), &why);
    if (is_refusal)
        explain_refusal(login, answer, &why);
    vault_request_prefix(login->client, method, target, &why);
    vault_login_fail(login, is_refusal || (!is_tls_port && may_hide_refusal(login, answer->status)),
                     &why);
}

bool vault_login_send(struct login *login, struct request_plan plan, struct buffer *target,
                      struct buffer *body, request_done *done)
{
    bool ok = buffer_ok(target) && (!body || buffer_ok(body));

    plan.target = buffer_text(target).start;
    plan.deadline = login->deadline;
    if (body)
        plan.body = buffer_text(body);
    ok = ok && vault_request_send(login->client, &plan, done, login);
    buffer_clear(target);
    if (body)
        buffer_clear(body);
    return ok;
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
        vault_login_fail(login, false, &why);
        return;
    }
    if (answer->status != 200 &&
        (answer->status != 403 || vault_wire_says_token_is_dead(answer->body))) {
        vault_login_fail_with_answer(login, "GET", "/v1/auth/token/lookup-self", answer);
        return;
    }
    /* 403 by policy: it may not ask about itself, but it lives. */
    if (answer->status == 200 && !vault_wire_lookup_self(answer->body, &token, &why)) {
        vault_request_prefix(client, "GET", "/v1/auth/token/lookup-self", &why);
        vault_login_fail(login, false, &why);
        return;
    }
    token.value = login->values[0];
    login->values[0] = NULL;
    login_free(login);
    vault_token_logged_in(client, &token);
}

static bool look_up(struct login *login)
{
    struct buffer target = {.limit = 256};

    buffer_append_string(&target, "/v1/auth/token/lookup-self");
    return vault_login_send(
        login,
        (struct request_plan){.method = "GET", .token = login->values[0], .retry = HTTP_RETRY_SAFE},
        &target, NULL, on_looked_up);
}

/* ---- a token that is to be had --------------------------------------------------------------- */

static void login_target(const struct login *login, struct buffer *target)
{
    const struct account *account = &login->client->account;
    const struct login_member *member;

    vault_wire_plain_target(target, "auth/", text_of(account->mount), "/login");
    for (size_t i = 0; (member = vault_account_member(account, i)); i++) {
        if (!member->is_in_path)
            continue;
        buffer_append_byte(target, '/');
        buffer_append_percent_encoded(target, secret_reveal(login->values[i]), false);
    }
}

static void login_body(const struct login *login, struct buffer *body)
{
    struct wire_member members[CREDENTIALS];
    const struct login_member *member;
    size_t count = 0;

    for (size_t i = 0; (member = vault_account_member(&login->client->account, i)); i++)
        if (member->name && login->values[i])
            members[count++] = (struct wire_member){member->name, login->values[i]};
    if (!vault_wire_login_body(members, count, body))
        body->is_broken = true;
}

static void on_logged_in(const struct http_answer *answer, const struct failure *failure,
                         void *context)
{
    struct login *login = context;
    struct vault_client *client = login->client;
    struct buffer target = {.limit = TARGET_LIMIT};
    struct wire_token token;
    struct failure why;

    login_target(login, &target);
    if (failure) {
        why = *failure;
        vault_login_fail(login, may_hide_refusal(login, why.http_status), &why);
    } else if (answer->status != 200) {
        vault_login_fail_with_answer(login, "POST", buffer_text(&target).start, answer);
    } else if (!vault_wire_login(answer->body, &token, &why)) {
        vault_request_prefix(client, "POST", buffer_text(&target).start, &why);
        vault_login_fail(login, why.kind == FAILURE_DENIED, &why);
    } else {
        login_free(login);
        vault_token_logged_in(client, &token);
    }
    buffer_clear(&target);
}

bool vault_login_present(struct login *login)
{
    struct buffer target = {.limit = TARGET_LIMIT}, body = {.limit = BODY_LIMIT};

    login_target(login, &target);
    login_body(login, &body);
    return vault_login_send(
        login,
        (struct request_plan){.method = "POST", .is_anonymous = true, .retry = HTTP_RETRY_UNSENT},
        &target, &body, on_logged_in);
}

/* ---- an identity to be fetched --------------------------------------------------------------- */

/* The place of what must be fetched; CREDENTIALS when there is none. */
static size_t find_fetchable(const struct account *account)
{
    const struct login_member *member;

    for (size_t i = 0; account->identity.fetch && (member = vault_account_member(account, i)); i++)
        if (member->is_fetchable && !vault_credential_is_set(&account->credentials[i]))
            return i;
    return CREDENTIALS;
}

static bool take_identity(struct login *login, const struct secret *token, struct failure *why)
{
    size_t place = find_fetchable(&login->client->account);
    const struct login_member *member = &login->method->members[place];

    if (!vault_wire_check_token(secret_reveal(token), member->what, why))
        return false;
    login->values[place] = secret_copy(token);
    return login->values[place] || failure_out_of_memory(why);
}

static void on_fetched(const struct secret *token, const struct failure *failure, void *context)
{
    struct login *login = context;
    struct vault_client *client = login->client;
    struct failure why = failure ? *failure : (struct failure){.kind = FAILURE_NONE};

    login->fetching = NULL;
    vault_later_clear(&client->laters, &login->late);
    if (failure && login->is_late)
        failure_set(&why, FAILURE_TIMEOUT, "it took too long");
    if (failure || !take_identity(login, token, &why)) {
        if (why.kind != FAILURE_CANCELED)
            failure_prefix(&why, "vault %s: getting the token to log in at auth/%s with",
                           client->address, client->account.mount);
        vault_login_fail(login, false, &why);
    } else if (!vault_login_present(login)) {
        vault_login_fail_to_send(login);
    }
    client->calls--;
    vault_client_close_step(client);
}

static void on_late(struct later *later)
{
    struct login *login = (struct login *)((char *)later - offsetof(struct login, late));

    login->is_late = true;
    operation_cancel(login->fetching);
}

static bool fetch(struct login *login, struct failure *why)
{
    struct vault_client *client = login->client;
    const struct vault_identity *identity = &client->account.identity;

    login->fetching = identity->fetch(identity->owner, on_fetched, login);
    if (!login->fetching)
        return failure_set(why, FAILURE_INTERNAL,
                           "vault %s: the token to log in at auth/%s with cannot be asked for",
                           client->address, client->account.mount);
    client->calls++;
    vault_later_set(&client->laters, &login->late, client->timeout_ms, on_late);
    return true;
}

void vault_login_cancel(struct vault_client *client)
{
    if (client->token.login)
        operation_cancel(client->token.login->fetching);
}

/* ---- the beginning --------------------------------------------------------------------------- */

static bool is_in_force(const struct login *login, size_t n, struct failure *why)
{
    const struct login_member *member = &login->method->members[n];
    const struct credential *credential = &login->client->account.credentials[n];

    return !member->is_jwt ||
           vault_clock_allows(login->client, secret_reveal(login->values[n]), member->what,
                              credential->value ? NULL : credential->file, why);
}

static bool read_credentials(struct login *login, struct failure *why)
{
    struct account *account = &login->client->account;

    for (size_t i = 0; vault_account_member(account, i); i++) {
        if (!vault_credential_is_set(&account->credentials[i]))
            continue;
        login->values[i] = vault_credential_read(account, i, why);
        if (!login->values[i] || !is_in_force(login, i, why))
            return false;
    }
    return true;
}

static bool begin(struct login *login, struct failure *why)
{
    const struct account *account = &login->client->account;

    if (!read_credentials(login, why))
        return false;
    if (find_fetchable(account) < CREDENTIALS)
        return fetch(login, why);
    if (account->is_wrapped)
        return vault_login_unwrap(login, why);
    return (login->method->is_given ? look_up(login) : vault_login_present(login)) ||
           failure_out_of_memory(why);
}

bool vault_login_start(struct vault_client *client, struct failure *why)
{
    struct login *login = memory_zeroed(1, sizeof *login);

    if (!login)
        return failure_out_of_memory(why);
    login->client = client;
    login->method = client->account.method;
    login->deadline = vault_now_ms() + client->timeout_ms;
    if (!begin(login, why)) {
        login_free(login);
        return false;
    }
    client->token.login = login;
    return true;
}
