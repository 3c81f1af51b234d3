/* SPDX-License-Identifier: Apache-2.0 */
/* The answers that are not errors: keys, the state of an operation, and the addresses Azure
 * asks us to visit. */
#include "azureclient/wire.h"

#include "azureclient/key_kinds.h"
#include "net/json.h"

#include <string.h>

#define KEY_LIMIT ((size_t)4 << 10)

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
