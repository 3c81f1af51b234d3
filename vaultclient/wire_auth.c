/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in, renewing and unwrapping: bodies and answers. */
#include "vaultclient/wire.h"

#include "net/json.h"
#include "vaultclient/splice.h"

bool vault_wire_login_body(const struct wire_member *members, size_t count, struct buffer *out)
{
    buffer_append_byte(out, '{');
    for (size_t i = 0; i < count; i++) {
        buffer_printf(out, "%s\"%s\":", i ? "," : "", members[i].name);
        if (!vault_splice_encode(secret_reveal(members[i].value), out))
            return false;
    }
    return buffer_append_byte(out, '}');
}

bool vault_wire_token_body(const struct secret *token, struct buffer *out)
{
    return vault_wire_login_body(&(struct wire_member){"token", token}, 1, out);
}

static uint64_t lease_of(const json_t *answer, const char *path)
{
    int64_t seconds = json_integer_at(answer, path, 0);

    if (seconds < 0)
        return 0;
    return seconds > INT32_MAX ? (uint64_t)INT32_MAX * 1000 : (uint64_t)seconds * 1000;
}

static uint32_t uses_of(const json_t *answer, const char *path)
{
    int64_t uses = json_integer_at(answer, path, 0);

    return uses > 0 && uses <= UINT32_MAX ? (uint32_t)uses : 0;
}

bool vault_wire_login(struct text body, struct wire_token *ret, struct failure *why)
{
    json_t *answer cleanup_with(json_clean) = json_read_object(body, why);
    struct text token;

    if (!answer)
        return false;
    if (json_is_object(json_at(answer, "auth.mfa_requirement")))
        return failure_set(why, FAILURE_DENIED,
                           "the log-in demands a second factor, which a program cannot give");
    if (!json_need_text(answer, "auth.client_token", &token, why) ||
        !vault_wire_check_token(token, "token", why)) {
        if (why)
            why->kind = FAILURE_PROTOCOL;
        return false;
    }
    *ret =
        (struct wire_token){.value = secret_new(token),
                            .lease_ms = lease_of(answer, "auth.lease_duration"),
                            .is_renewable = json_boolean_at(answer, "auth.renewable", false),
                            .is_batch = text_is(json_text_at(answer, "auth.token_type"), "batch"),
                            .uses = uses_of(answer, "auth.num_uses")};
    return ret->value || failure_out_of_memory(why);
}

bool vault_wire_lookup_self(struct text body, struct wire_token *ret, struct failure *why)
{
    json_t *answer cleanup_with(json_clean) = json_read_object(body, why);

    if (!answer)
        return false;
    if (!json_is_object(json_at(answer, "data")))
        return failure_set(why, FAILURE_PROTOCOL, "the answer says nothing about the token");
    *ret = (struct wire_token){.lease_ms = lease_of(answer, "data.ttl"),
                               .is_renewable = json_boolean_at(answer, "data.renewable", false),
                               .is_batch = text_is(json_text_at(answer, "data.type"), "batch")};
    return true;
}

#define LAST_SECOND INT64_C(253402300799) /* of the year 9999 */

int64_t vault_wire_expiry(struct text jwt)
{
    cleanup_with(buffer_clear) struct buffer claims = {.limit = 65536};
    json_t *object cleanup_with(json_clean) = NULL;
    struct text part;
    int64_t at_s;

    for (int parts = 0; parts < 2; parts++)
        if (!text_split(&jwt, '.', &part))
            return 0;
    if (!buffer_append_base64_decoded(&claims, part))
        return 0;
    object = json_read_object(buffer_text(&claims), NULL);
    at_s = object ? json_integer_at(object, "exp", 0) : 0;
    return at_s > 0 && at_s <= LAST_SECOND ? at_s * 1000 : 0;
}

uint64_t vault_wire_renewed_ms(int status, struct text body)
{
    json_t *answer cleanup_with(json_clean) = status == 200 ? json_read_object(body, NULL) : NULL;

    return answer ? lease_of(answer, "auth.lease_duration") : 0;
}

bool vault_wire_refuses_token(int status, struct text body)
{
    return status == 401 || status == 403 ||
           (status == 400 && vault_wire_says(body, "invalid token"));
}

bool vault_wire_login_was_refused(int status, struct text body)
{
    /* Something else stands in front, the server is only just unsealed, or the namespace does not
     * exist. For a mount that does not, it answers 403. */
    if (status == 429 || status == 412 || vault_wire_is_foreign(body) ||
        vault_wire_says(body, "no handler for route") ||
        vault_wire_says(body, "namespace not found"))
        return false;
    if (status >= 400 && status < 500)
        return true;
    /* HashiCorp Vault answers wrong credentials with a 500, and what can be no user's name or is
     * meant for another method; and both a mount that is not configured. */
    return status == 500 &&
           (vault_wire_says(body, "could not load backend configuration") ||
            vault_wire_says(body, "invalid secret id") || vault_wire_says(body, "invalid role") ||
            vault_wire_says(body, "missing role_id") ||
            vault_wire_says(body, "invalid username or password") ||
            vault_wire_says(body, "failed to determine alias name"));
}

/* ---- wrapping -------------------------------------------------------------------------------- */

bool vault_wire_wrapping_token_fits(struct text token, bool in_namespace)
{
    struct text rest = token, part;
    unsigned parts = 0;

    while (text_split(&rest, '.', &part))
        parts++;
    /* "s.RANDOM" in the root namespace, "s.RANDOM.ID" in any other. */
    return parts == (in_namespace ? 3 : 2);
}

bool vault_wire_creation_path(struct text body, struct text mount, const char *role,
                              struct failure *why)
{
    json_t *answer cleanup_with(json_clean) = json_read_object(body, why);
    struct text path, rest, suffix = TEXT("/secret-id");

    if (!answer || !json_need_text(answer, "data.creation_path", &path, why))
        return false;
    rest = path;
    if (text_starts_with(rest, TEXT("auth/")))
        rest = text_part(rest, 5, SIZE_MAX);
    else
        rest = TEXT("");
    if (text_starts_with(rest, mount))
        rest = text_part(rest, mount.size, SIZE_MAX);
    else
        rest = TEXT("");
    if (text_starts_with(rest, TEXT("/role/")) && text_ends_with(rest, suffix) &&
        rest.size > 6 + suffix.size) {
        struct text name = text_part(rest, 6, rest.size - 6 - suffix.size);

        if (role ? text_is(name, role) : !text_contains_byte(name, '/'))
            return true;
    }
    return failure_set(why, FAILURE_DENIED,
                       "the wrapping token was made by \"%.*s\", not by "
                       "\"auth/%.*s/role/%s/secret-id\": somebody may have put it in place of the "
                       "real one; it was not used",
                       TEXT_ARG(path), TEXT_ARG(mount), role ? role : "<role>");
}

bool vault_wire_unwrapped_secret_id(struct text body, struct secret **ret, struct failure *why)
{
    json_t *answer cleanup_with(json_clean) = json_read_object(body, why);
    struct text secret_id;

    if (!answer || !json_need_text(answer, "data.secret_id", &secret_id, why))
        return false;
    *ret = secret_new(secret_id);
    return *ret || failure_out_of_memory(why);
}
