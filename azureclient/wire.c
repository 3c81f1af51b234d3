/* SPDX-License-Identifier: Apache-2.0 */
/* The answers that are not errors: keys, the state of an operation, and the addresses Azure
 * asks us to visit. */
#include "azureclient/wire.h"

#include "azureclient/key_kinds.h"
#include "net/json.h"

#include <string.h>

#define KEY_LIMIT ((size_t)4 << 10)

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

/* ---- regions --------------------------------------------------------------------------------- */

/* Only where Microsoft owns the whole domain: elsewhere a name below ours may be anybody's. */
static bool has_regions(struct text origin)
{
    static const char *const clouds[] = {"https://management.azure.com",
                                         "https://management.usgovcloudapi.net",
                                         "https://management.chinacloudapi.cn"};

    for (size_t i = 0; i < sizeof(clouds) / sizeof(clouds[0]); i++)
        if (text_equal_ignoring_case(origin, text_of(clouds[i])))
            return true;
    return false;
}

static bool is_label(struct text text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.start[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '-')
            return false;
    }
    return text.size > 0 && text.size < 64;
}

static bool is_region_of(struct text origin, struct text other)
{
    struct text https = TEXT("https://"), host = text_part(origin, https.size, origin.size);
    struct text label, rest = text_part(other, https.size, other.size);

    return has_regions(origin) && text_starts_with_ignoring_case(other, https) &&
           text_split(&rest, '.', &label) && is_label(label) &&
           text_equal_ignoring_case(rest, host);
}

bool wire_operation_at(struct text origin, struct text url, struct text *region,
                       struct text *target)
{
    struct text its_origin, found = wire_target_on(origin, url);

    *region = (struct text){0};
    *target = found;
    if (found.size)
        return true;
    if (!wire_split_url(url, &its_origin, &found) || !found.size || found.start[0] != '/' ||
        !is_region_of(without_default_port(origin), without_default_port(its_origin)))
        return false;
    *region = its_origin;
    *target = found;
    return true;
}
