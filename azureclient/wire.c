/* SPDX-License-Identifier: Apache-2.0 */
/* The answers that are not errors: tokens, keys, the state of an operation, and the addresses Azure
 * asks us to visit. */
#include "azureclient/wire.h"

#include "azureclient/key_kinds.h"
#include "net/json.h"

#include <string.h>

#define TOKEN_LIMIT      ((size_t)64 << 10)
#define KEY_LIMIT        ((size_t)4 << 10)
#define LIFETIME_LIMIT_S (30ull * 24 * 3600)

/* ---- tokens ---------------------------------------------------------------------------------- */

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

static bool lifetime_of(const json_t *json, int64_t now_at, uint64_t *ret_s, struct failure *why)
{
    uint64_t expires_on, now_s = now_at > 0 ? (uint64_t)now_at / 1000 : 0;

    if (!seconds_at(json, "expires_in", ret_s)) {
        if (!seconds_at(json, "expires_on", &expires_on))
            return failure_set(why, FAILURE_PROTOCOL,
                               "the token answer does not say when the token expires");
        *ret_s = expires_on > now_s ? expires_on - now_s : 0;
    }
    if (!*ret_s)
        return failure_set(why, FAILURE_PROTOCOL, "the token it gave has already expired");
    if (*ret_s > LIFETIME_LIMIT_S)
        *ret_s = LIFETIME_LIMIT_S;
    return true;
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

bool wire_token(struct text body, int64_t now_at, struct wire_token *ret, struct failure *why)
{
    cleanup_with(json_clean) json_t *json = json_read_object(body, why);
    struct text value;
    uint64_t lifetime_s;

    if (!json) {
        failure_prefix(why, "the token answer");
        return false;
    }
    value = json_text_at(json, "access_token");
    if (!value.size)
        return failure_set(why, FAILURE_PROTOCOL, "the token answer holds no access_token");
    if (value.size > TOKEN_LIMIT || !text_is_printable(value) || text_contains_byte(value, ' '))
        return failure_set(why, FAILURE_PROTOCOL, "the access_token it gave is not a token");
    if (!lifetime_of(json, now_at, &lifetime_s, why))
        return false;
    ret->value = secret_new(value);
    if (!ret->value)
        return failure_out_of_memory(why);
    ret->lifetime_ms = lifetime_s * 1000;
    ret->refresh_ms = refresh_after(json, lifetime_s);
    return true;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static bool key_at(const json_t *json, const char *member, const char *slot, struct secret **ret,
                   struct failure *why)
{
    const json_t *value = json_object_get(json, member);
    struct text key = json_text_at(json, member);

    if (!value || json_is_null(value))
        return failure_set(why, FAILURE_PROTOCOL,
                           "Azure gave no %s key (does the endpoint use keys, authMode Key?)",
                           slot);
    if (!json_is_string(value))
        return failure_set(why, FAILURE_PROTOCOL, "the %s key Azure gave is not a string", slot);
    if (!key.size)
        return failure_set(why, FAILURE_PROTOCOL, "the %s key Azure gave is empty", slot);
    if (key.size > KEY_LIMIT || !text_is_printable(key))
        return failure_set(why, FAILURE_PROTOCOL,
                           "the %s key Azure gave is longer than %zu bytes or not printable", slot,
                           KEY_LIMIT);
    *ret = secret_new(key);
    return *ret || failure_out_of_memory(why);
}

bool wire_keys(const struct azure_key_kind *kind, struct text body,
               struct secret *keys[AZURE_SLOTS], struct failure *why)
{
    cleanup_with(json_clean) json_t *json = json_read_object(body, why);
    struct secret *found[AZURE_SLOTS] = {0};

    if (!json) {
        failure_prefix(why, "the list of keys");
        return false;
    }
    for (size_t i = 0; i < AZURE_SLOTS; i++) {
        if (key_at(json, kind->slots[i].member, kind->slots[i].name, &found[i], why))
            continue;
        while (i)
            secret_free(found[--i]);
        return false;
    }
    memcpy(keys, found, sizeof(found));
    return true;
}

/* ---- the state of an operation --------------------------------------------------------------- */

bool wire_operation(struct text body, const struct secret *secret, enum wire_state *ret,
                    struct failure *reason)
{
    cleanup_with(json_clean) json_t *json = json_read_object(body, reason);
    struct text status;

    if (!json) {
        failure_prefix(reason, "the state of the operation");
        return false;
    }
    if (!json_need_text(json, "status", &status, reason)) {
        failure_prefix(reason, "the state of the operation");
        return false;
    }
    *ret = WIRE_RUNNING;
    if (text_equal_ignoring_case(status, TEXT("Succeeded"))) {
        *ret = WIRE_SUCCEEDED;
    } else if (text_equal_ignoring_case(status, TEXT("Failed"))) {
        *ret = WIRE_FAILED;
        wire_arm_failure(0, body, secret, reason);
        failure_prefix(reason, "Azure could not do it");
    } else if (text_equal_ignoring_case(status, TEXT("Canceled")) ||
               text_equal_ignoring_case(status, TEXT("Cancelled"))) {
        *ret = WIRE_CANCELED;
        wire_arm_failure(0, body, secret, reason);
        failure_prefix(reason, "the operation was canceled at Azure");
    }
    return true;
}

/* ---- addresses ------------------------------------------------------------------------------- */

bool wire_split_url(struct text url, struct text *origin, struct text *target)
{
    size_t scheme = 0, end;
    struct text authority;

    if (text_starts_with_ignoring_case(url, TEXT("https://")))
        scheme = sizeof("https://") - 1;
    else if (text_starts_with_ignoring_case(url, TEXT("http://")))
        scheme = sizeof("http://") - 1;
    if (!scheme || text_contains_byte(url, '#') || text_contains_byte(url, '\\'))
        return false;
    for (size_t i = 0; i < url.size; i++)
        if ((unsigned char)url.start[i] <= 0x20 || (unsigned char)url.start[i] >= 0x7f)
            return false;
    end = scheme;
    while (end < url.size && url.start[end] != '/' && url.start[end] != '?')
        end++;
    authority = text_part(url, scheme, end - scheme);
    if (!authority.size || authority.start[0] == ':' || text_contains_byte(authority, '@') ||
        text_contains_byte(authority, '%'))
        return false;
    *origin = text_part(url, 0, end);
    *target = text_part(url, end, url.size - end);
    return true;
}

/* Without a port that says what the scheme says anyway. */
static struct text without_default_port(struct text origin)
{
    struct text port =
        text_starts_with_ignoring_case(origin, TEXT("https:")) ? TEXT(":443") : TEXT(":80");

    return text_ends_with(origin, port) ? text_part(origin, 0, origin.size - port.size) : origin;
}

struct text wire_target_on(struct text origin, struct text url)
{
    struct text its_origin, target;

    if (!wire_split_url(url, &its_origin, &target) ||
        !text_equal_ignoring_case(without_default_port(its_origin), without_default_port(origin)) ||
        !target.size || target.start[0] != '/')
        return (struct text){0};
    return target;
}
