/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and the AppRole login. Five failed logins lock the role, as they do at the real servers,
 * which is the trap a client has to know. */
#include "examples/lab/lab.h"

#include <stdio.h>
#include <stdlib.h>

#define LOCK_AFTER 5
#define LOCKED_MS  (15 * 60 * 1000)

struct secret_id {
    SLIST_ENTRY(secret_id) link;
    char id[GUID_SIZE];
};

void vault_token_drop(struct vault_token *token)
{
    LIST_REMOVE(token, link);
    free(token->wrapped_body);
    free(token->creation_path);
    free(token);
}

struct vault_token *vault_token_find(struct vault *vault, struct text id)
{
    struct vault_token *token, *next;
    int64_t now = now_ms();

    for (token = LIST_FIRST(&vault->tokens); token; token = next) {
        next = LIST_NEXT(token, link);
        if (token->expires_at && token->expires_at <= now)
            vault_token_drop(token);
        else if (id.size && text_is(id, token->id))
            return token;
    }
    return NULL;
}

struct vault_token *vault_token_new(struct vault *vault, const char *display_name, const char *path,
                                    int64_t ttl_s, int64_t max_ttl_s)
{
    struct vault_token *token = calloc(1, sizeof(*token));
    char letters[25];

    if (!token)
        return NULL;
    random_alphanumeric(letters, sizeof(letters));
    snprintf(token->id, sizeof(token->id), "s.%s", letters);
    random_alphanumeric(token->accessor, 25);
    token->display_name = display_name;
    token->path = path;
    token->created_at = now_ms();
    token->ttl_s = ttl_s;
    token->max_ttl_s = max_ttl_s;
    token->expires_at = ttl_s ? token->created_at + ttl_s * 1000 : 0;
    LIST_INSERT_HEAD(&vault->tokens, token, link);
    return token;
}

void vault_secret_ids_clear(struct vault *vault)
{
    struct secret_id *entry;

    while ((entry = SLIST_FIRST(&vault->secret_ids))) {
        SLIST_REMOVE_HEAD(&vault->secret_ids, link);
        free(entry);
    }
}

bool vault_secret_id_new(struct vault *vault, char out[GUID_SIZE])
{
    struct secret_id *entry = calloc(1, sizeof(*entry));

    if (!entry)
        return false;
    guid_new(entry->id);
    snprintf(out, GUID_SIZE, "%s", entry->id);
    SLIST_INSERT_HEAD(&vault->secret_ids, entry, link);
    return true;
}

static json_t *policies_of(const struct vault_token *token)
{
    return token->is_root ? json_pack("[s]", "root") : json_pack("[s, s]", "default", LAB_ROLE);
}

static int64_t seconds_left(const struct vault_token *token)
{
    return token->expires_at ? (token->expires_at - now_ms() + 999) / 1000 : 0;
}

static bool is_login(const struct vault_token *token)
{
    return text_ends_with(text_of(token->path), TEXT("/login"));
}

static json_t *auth_json(const struct vault_token *token)
{
    json_t *metadata = is_login(token) ? json_pack("{s:s}", "role_name", LAB_ROLE) : json_null();

    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:I, s:b, s:s, s:s, s:b, s:n, s:i}", "client_token",
                     token->id, "accessor", token->accessor, "policies", policies_of(token),
                     "token_policies", policies_of(token), "metadata", metadata, "lease_duration",
                     (json_int_t)seconds_left(token), "renewable", token->is_renewable, "entity_id",
                     "", "token_type", "service", "orphan", is_login(token), "mfa_requirement",
                     "num_uses", 0);
}

/* ---- AppRole --------------------------------------------------------------------------------- */

static bool secret_id_is_known(const struct vault *vault, struct text id)
{
    const struct secret_id *entry;

    SLIST_FOREACH (entry, &vault->secret_ids, link) {
        if (text_is(id, entry->id))
            return true;
    }
    return false;
}

static void login(struct vault_call *call)
{
    struct vault *vault = call->vault;
    struct text role_id = json_text_at(call->body, "role_id");
    struct text secret_id = json_text_at(call->body, "secret_id");
    struct vault_token *token;

    exchange_caller(call->exchange, TEXT("approle login"));
    if (!role_id.size) {
        vault_error(call, 500, "missing role_id");
    } else if (!secret_id.size && text_is(role_id, vault->role_id)) {
        vault_error(call, 400, "missing secret_id");
    } else if (vault->locked_until > now_ms()) {
        vault_no_token(call);
    } else if (!text_is(role_id, vault->role_id) || !secret_id_is_known(vault, secret_id)) {
        if (text_is(role_id, vault->role_id) && ++vault->failed_logins == LOCK_AFTER) {
            vault->locked_until = now_ms() + LOCKED_MS;
            vault->failed_logins = 0;
        }
        vault_error(call, 400, "invalid role or secret ID");
    } else if (!(token = vault_token_new(vault, "approle", "auth/approle/login", vault->role_ttl_s,
                                         vault->role_max_ttl_s))) {
        vault_error(call, 500, "internal error");
    } else {
        vault->failed_logins = 0;
        token->is_renewable = true;
        vault_reply_auth(call, auth_json(token), NULL);
    }
}

/* "ttl": 60 or "1m". Absent: `fallback`. */
static bool member_seconds(const json_t *body, const char *name, int64_t fallback, int64_t *ret)
{
    const json_t *value = json_object_get(body, name);

    *ret = fallback;
    if (!value)
        return true;
    if (json_is_integer(value)) {
        *ret = json_integer_value(value);
        return *ret >= 0;
    }
    return vault_seconds(json_text_at(body, name), ret);
}

static void role(struct vault_call *call, struct text what)
{
    struct vault *vault = call->vault;
    char id[GUID_SIZE], accessor[GUID_SIZE];
    int64_t ttl_s, max_ttl_s;

    if (!call->token) {
        vault_no_token(call);
    } else if (!call->token->is_root) {
        vault_denied(call);
    } else if (text_is(what, "role-id") && vault_method_is(call, "GET")) {
        vault_reply_data(call, 200, json_pack("{s:s}", "role_id", vault->role_id), NULL);
    } else if (text_is(what, "secret-id") && vault_method_is(call, "POST")) {
        guid_new(accessor);
        if (vault_secret_id_new(vault, id))
            vault_reply_data(call, 200,
                             json_pack("{s:s, s:s, s:i, s:i}", "secret_id", id,
                                       "secret_id_accessor", accessor, "secret_id_num_uses", 0,
                                       "secret_id_ttl", 0),
                             NULL);
        else
            vault_error(call, 500, "internal error");
    } else if (!what.size && vault_method_is(call, "POST")) {
        if (!member_seconds(call->body, "token_ttl", vault->role_ttl_s, &ttl_s) ||
            !member_seconds(call->body, "token_max_ttl", vault->role_max_ttl_s, &max_ttl_s)) {
            vault_error(call, 400, "error converting input for field \"token_ttl\"");
            return;
        }
        vault->role_ttl_s = ttl_s;
        vault->role_max_ttl_s = max_ttl_s;
        vault_no_content(call);
    } else {
        vault_error(call, 404, NULL);
    }
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static void lookup_self(struct vault_call *call)
{
    const struct vault_token *token = call->token;
    char created[TIMESTAMP_SIZE], expires[TIMESTAMP_SIZE];

    timestamp_at(token->created_at, created);
    timestamp_at(token->expires_at, expires);
    vault_reply_data(call, 200,
                     json_pack("{s:s, s:s, s:o, s:s, s:n, s:s, s:i, s:b, s:I, s:I, s:s, s:s?, s:I, "
                               "s:i, s:s, s:s, s:b}",
                               "id", token->id, "accessor", token->accessor, "policies",
                               policies_of(token), "path", token->path, "meta", "display_name",
                               token->display_name, "num_uses", 0, "orphan", 1, "creation_time",
                               (json_int_t)(token->created_at / 1000), "creation_ttl",
                               (json_int_t)token->ttl_s, "issue_time", created, "expire_time",
                               token->expires_at ? expires : NULL, "ttl",
                               (json_int_t)seconds_left(token), "explicit_max_ttl", 0, "entity_id",
                               "", "type", "service", "renewable", token->is_renewable),
                     NULL);
}

static void renew_self(struct vault_call *call)
{
    struct vault_token *token = call->token;
    int64_t now = now_ms(), asked, until, limit;
    char warning[160];

    if (!token->is_renewable) {
        vault_error(call, 400, "lease is not renewable");
        return;
    }
    if (!member_seconds(call->body, "increment", 0, &asked)) {
        vault_error(call, 400, "error converting input for field \"increment\"");
        return;
    }
    until = now + (asked ? asked : token->ttl_s) * 1000;
    limit = token->max_ttl_s ? token->created_at + token->max_ttl_s * 1000 : until;
    if (is_login(token) && limit - now < 1000) {
        vault_error(call, 500, "past the max TTL, cannot renew");
        return;
    }
    token->expires_at = until < limit ? until : limit;
    snprintf(warning, sizeof(warning),
             "TTL of \"%llds\" exceeded the effective max_ttl of \"%llds\"; TTL value is capped "
             "accordingly",
             (long long)(until - now) / 1000, (long long)(limit - now) / 1000);
    vault_reply_auth(call, auth_json(token), until > limit ? warning : NULL);
}

static void create(struct vault_call *call)
{
    struct vault_token *token;
    int64_t ttl_s, max_ttl_s;

    if (!call->token->is_root) {
        vault_denied(call);
        return;
    }
    if (!member_seconds(call->body, "ttl", 3600, &ttl_s) ||
        !member_seconds(call->body, "explicit_max_ttl", 0, &max_ttl_s)) {
        vault_error(call, 400, "error converting input for field \"ttl\"");
        return;
    }
    if (max_ttl_s && max_ttl_s < ttl_s)
        ttl_s = max_ttl_s;
    token = vault_token_new(call->vault, "token", "auth/token/create", ttl_s, max_ttl_s);
    if (!token) {
        vault_error(call, 500, "internal error");
        return;
    }
    token->is_renewable = json_boolean_at(call->body, "renewable", true);
    vault_reply_auth(call, auth_json(token), NULL);
}

static void token_handle(struct vault_call *call)
{
    struct text verb = text_part(call->path, sizeof("auth/token/") - 1, call->path.size);
    bool is_post = vault_method_is(call, "POST");

    if (!call->token) {
        vault_no_token(call);
    } else if (text_is(verb, "lookup-self") && (is_post || vault_method_is(call, "GET"))) {
        lookup_self(call);
    } else if (text_is(verb, "renew-self") && is_post) {
        renew_self(call);
    } else if (text_is(verb, "create") && is_post) {
        create(call);
    } else if (text_is(verb, "revoke-self") && is_post) {
        vault_token_drop(call->token);
        call->token = NULL;
        vault_no_content(call);
    } else {
        vault_error(call, 404, "1 error occurred:\n\t* unsupported path\n\n");
    }
}

void vault_auth_handle(struct vault_call *call)
{
    const struct text role_path = TEXT("auth/approle/role/" LAB_ROLE);

    if (text_starts_with(call->path, TEXT("auth/token/"))) {
        token_handle(call);
    } else if (text_is(call->path, "auth/approle/login") && vault_method_is(call, "POST")) {
        login(call);
    } else if (text_is(call->path, role_path.start)) {
        role(call, TEXT(""));
    } else if (text_starts_with(call->path, TEXT("auth/approle/role/" LAB_ROLE "/"))) {
        role(call, text_part(call->path, role_path.size + 1, call->path.size));
    } else {
        vault_no_token(call);
    }
}
