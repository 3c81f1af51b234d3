/* SPDX-License-Identifier: Apache-2.0 */
/* What the answers to a token request say: a token, and for how long it is good. */
#include "azureclient/wire.h"

#include "base/moment.h"
#include "net/json.h"

#include <string.h>

#define TOKEN_LIMIT      ((size_t)64 << 10)
#define CLAIMS_LIMIT     ((size_t)8 << 10)
#define LIFETIME_LIMIT_S (30ull * 24 * 3600)

/* ---- how long -------------------------------------------------------------------------------- */

/* A count of seconds as a number or a numeric string; a fraction is dropped. False when absent. */
static bool seconds_at(const json_t *json, const char *name, uint64_t *ret)
{
    const json_t *value = json_at(json, name);

    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *ret = (uint64_t)json_integer_value(value);
        return true;
    }
    if (json_is_real(value) && json_real_value(value) >= 0 && json_real_value(value) < 1e12) {
        *ret = (uint64_t)json_real_value(value);
        return true;
    }
    return json_is_string(value) && text_parse_u64(json_text_at(json, name), (uint64_t)1e12, ret);
}

/* Seconds since 1970, or a date: App Service gives either. */
static bool expires_on(const json_t *json, uint64_t *ret_s)
{
    int64_t at;

    if (seconds_at(json, "expires_on", ret_s))
        return true;
    if (!instant_parse(json_text_at(json, "expires_on"), &at))
        return false;
    *ret_s = (uint64_t)at / 1000;
    return true;
}

static bool is_alive(uint64_t *lifetime_s, struct failure *why)
{
    if (!*lifetime_s)
        return failure_set(why, FAILURE_PROTOCOL, "the token it gave has already expired");
    if (*lifetime_s > LIFETIME_LIMIT_S)
        *lifetime_s = LIFETIME_LIMIT_S;
    return true;
}

static uint64_t seconds_until(uint64_t at_s, int64_t now_at)
{
    uint64_t now_s = now_at > 0 ? (uint64_t)now_at / 1000 : 0;

    return at_s > now_s ? at_s - now_s : 0;
}

static bool lifetime_of(const json_t *json, int64_t now_at, uint64_t *ret_s, struct failure *why)
{
    uint64_t at_s;

    if (!seconds_at(json, "expires_in", ret_s)) {
        if (!expires_on(json, &at_s))
            return failure_set(why, FAILURE_PROTOCOL,
                               "the token answer does not say when the token expires");
        *ret_s = seconds_until(at_s, now_at);
    }
    return is_alive(ret_s, why);
}

/* Five minutes before the end as Microsoft's libraries do, or when Entra asks for it; for a short
 * life that would leave little or nothing, so there after 80 % of it. */
static uint64_t refresh_after(const json_t *json, uint64_t lifetime_s)
{
    uint64_t after_s = lifetime_s < 600 ? lifetime_s * 4 / 5 : lifetime_s - 300, asked_s;

    if (seconds_at(json, "refresh_in", &asked_s) && asked_s && asked_s < after_s)
        after_s = asked_s;
    return after_s * 1000;
}

/* ---- the token ------------------------------------------------------------------------------- */

static bool token_at(const json_t *json, const char *name, struct secret **ret, struct failure *why)
{
    struct text value = json_text_at(json, name);

    if (!value.size)
        return failure_set(why, FAILURE_PROTOCOL, "the token answer holds no %s", name);
    if (value.size > TOKEN_LIMIT || !text_is_printable(value) || text_contains_byte(value, ' '))
        return failure_set(why, FAILURE_PROTOCOL, "the %s it gave is not a token", name);
    *ret = secret_new(value);
    return *ret || failure_out_of_memory(why);
}

bool wire_token(struct text body, int64_t now_at, struct wire_token *ret, struct failure *why)
{
    cleanup_with(json_clean) json_t *json = json_read_object(body, why);
    cleanup_with(secret_clean) struct secret *value = NULL;
    uint64_t lifetime_s;

    if (!json) {
        failure_prefix(why, "the token answer");
        return false;
    }
    if (!token_at(json, "access_token", &value, why) ||
        !lifetime_of(json, now_at, &lifetime_s, why))
        return false;
    *ret = (struct wire_token){value, lifetime_s * 1000, refresh_after(json, lifetime_s)};
    value = NULL;
    return true;
}

/* "2026-01-01 00:00:00.000000", as Python prints a time. */
static bool parse_python_time(struct text text, int64_t *ret)
{
    char date[40];

    if (text.size < sizeof("2026-01-01 00:00:00") - 1 || text.size > sizeof(date) - 2 ||
        text.start[10] != ' ')
        return false;
    memcpy(date, text.start, text.size);
    date[10] = 'T';
    date[text.size] = 'Z';
    return instant_parse((struct text){date, text.size + 1}, ret);
}

bool wire_cli_token(struct text output, int64_t now_at, struct wire_token *ret, struct failure *why)
{
    cleanup_with(json_clean) json_t *json = json_read_object(output, NULL);
    cleanup_with(secret_clean) struct secret *value = NULL;
    uint64_t lifetime_s, at_s;
    int64_t at;

    if (!json)
        return failure_set(why, FAILURE_PROTOCOL, "az printed something that is no JSON object");
    if (!token_at(json, "accessToken", &value, why))
        return false;
    if (!seconds_at(json, "expires_on", &at_s)) {
        if (!parse_python_time(json_text_at(json, "expiresOn"), &at))
            return failure_set(why, FAILURE_PROTOCOL, "az does not say when its token expires");
        at_s = (uint64_t)at / 1000;
    }
    lifetime_s = seconds_until(at_s, now_at);
    if (!is_alive(&lifetime_s, why))
        return false;
    *ret = (struct wire_token){value, lifetime_s * 1000, refresh_after(json, lifetime_s)};
    value = NULL;
    return true;
}

/* ---- looking into a token -------------------------------------------------------------------- */

/* A new reference, or NULL. */
static json_t *claims_of(struct text token)
{
    cleanup_with(buffer_clear) struct buffer claims = {.limit = TOKEN_LIMIT};
    struct text head, body;

    if (!text_split(&token, '.', &head) || !text_split(&token, '.', &body) ||
        !buffer_append_base64_decoded(&claims, body))
        return NULL;
    return json_read_object(buffer_text(&claims), NULL);
}

int64_t wire_expiry(struct text token)
{
    cleanup_with(json_clean) json_t *claims = claims_of(token);
    uint64_t at_s;

    return claims && seconds_at(claims, "exp", &at_s) ? (int64_t)at_s * 1000 : 0;
}

bool wire_object_id(struct text token, char ret[64])
{
    cleanup_with(json_clean) json_t *claims = claims_of(token);
    struct text id = json_text_at(claims, "oid");

    ret[0] = '\0';
    if (!id.size || id.size > 63)
        return false;
    memcpy(ret, id.start, id.size);
    ret[id.size] = '\0';
    if (strspn(ret, "0123456789abcdefABCDEF-") == id.size)
        return true;
    ret[0] = '\0';
    return false;
}

/* ---- a claims challenge ---------------------------------------------------------------------- */

/* The value of the next parameter (name=value or name="value") in `rest`, which moves behind it. */
static bool next_parameter(struct text *rest, struct text *name, struct text *value)
{
    size_t equals = text_find(*rest, TEXT("=")), end;

    if (equals == SIZE_MAX)
        return false;
    *name = text_trim(text_part(*rest, 0, equals));
    *rest = text_part(*rest, equals + 1, rest->size);
    if (rest->size && rest->start[0] == '"') {
        *rest = text_part(*rest, 1, rest->size);
        end = text_find(*rest, TEXT("\""));
        if (end == SIZE_MAX)
            return false;
        *value = text_part(*rest, 0, end);
        *rest = text_part(*rest, end + 1, rest->size);
        end = text_find(*rest, TEXT(","));
    } else {
        end = text_find(*rest, TEXT(","));
        *value = text_trim(text_part(*rest, 0, end));
    }
    *rest = text_part(*rest, end == SIZE_MAX ? rest->size : end + 1, rest->size);
    return true;
}

/* Says that we can be challenged so; without it Entra would give a token that is refused again. */
static bool add_capability(json_t *claims)
{
    json_t *token = json_object_get(claims, "access_token");

    if (!json_is_object(token)) {
        token = json_object();
        if (json_object_set_new(claims, "access_token", token))
            return false;
    }
    return !json_object_set_new(token, "xms_cc", json_pack("{s:[s]}", "values", "cp1"));
}

bool wire_claims(struct text header, struct buffer *out)
{
    cleanup_with(buffer_clear) struct buffer decoded = {.limit = CLAIMS_LIMIT};
    cleanup_with(json_clean) json_t *json = NULL;
    struct text rest, name, value, claims = {0};
    bool is_challenge = false;

    if (!text_starts_with_ignoring_case(header, TEXT("Bearer ")))
        return false;
    rest = text_part(header, sizeof("Bearer ") - 1, header.size);
    while (next_parameter(&rest, &name, &value)) {
        if (text_equal_ignoring_case(name, TEXT("claims")))
            claims = value;
        if (text_equal_ignoring_case(name, TEXT("error")))
            is_challenge = text_is(value, "insufficient_claims");
    }
    if (!is_challenge || !claims.size || !buffer_append_base64_decoded(&decoded, claims))
        return false;
    json = json_read_object(buffer_text(&decoded), NULL);
    return json && add_capability(json) && json_write(json, false, out);
}
