/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of misbehaviour: their names, and which services know which. */
#include "examples/lab/lab.h"

#define ONLY(target) (1U << (target))
#define EVERY        ((1U << TARGETS) - 1)
#define ISSUERS      (ONLY(TARGET_ENTRA) | ONLY(TARGET_IMDS))
#define FRONT_DOOR   (ONLY(TARGET_ARM) | ONLY(TARGET_ACTIVITY))

static const struct {
    const char *name;
    unsigned targets;
} kinds[FAULT_KINDS] = {
    [FAULT_NONE] = {"none", 0},
    [FAULT_STATUS] = {"status", EVERY},
    [FAULT_RESET] = {"reset", EVERY},
    [FAULT_DELAY] = {"delay", EVERY},
    [FAULT_HANG] = {"hang", EVERY},
    [FAULT_TRUNCATE] = {"truncate", EVERY},
    [FAULT_GARBAGE] = {"garbage", EVERY},
    [FAULT_STALE] = {"stale", ONLY(TARGET_ARM) | ONLY(TARGET_SCORING) | ONLY(TARGET_VAULT)},
    [FAULT_REDIRECT] = {"redirect", EVERY},
    [FAULT_OPERATION_FAILED] = {"operation_failed", ONLY(TARGET_ARM)},
    [FAULT_OPERATION_HANGS] = {"operation_hangs", ONLY(TARGET_ARM)},
    [FAULT_SEALED] = {"sealed", ONLY(TARGET_VAULT)},
    [FAULT_STANDBY] = {"standby", ONLY(TARGET_VAULT)},
    [FAULT_TOKEN_EXPIRED] = {"token_expired", ISSUERS | FRONT_DOOR | ONLY(TARGET_VAULT)},
    [FAULT_CLAIMS_CHALLENGE] = {"claims_challenge", FRONT_DOOR},
    [FAULT_CLOCK_SKEW] = {"clock_skew", EVERY},
};

const char *fault_kind_name(enum fault_kind kind)
{
    return kinds[kind].name;
}

/* "a, b and c": the names for which `is_wanted`, out of `count`. */
static void names_list(const char *(*name_of)(int), unsigned wanted, int count, struct buffer *out)
{
    for (int i = 0; i < count; i++) {
        unsigned rest = wanted >> i;

        if (!(rest & 1))
            continue;
        buffer_printf(out, "%s%s", out->size ? rest == 1 ? " and " : ", " : "", name_of(i));
    }
}

static const char *target_name(int target)
{
    return target_names[target];
}

static const char *kind_name(int kind)
{
    return kinds[kind].name;
}

bool fault_target_read(struct text name, enum target *ret, struct failure *why)
{
    struct buffer all;

    for (int i = 0; i < TARGETS; i++) {
        if (text_is(name, target_names[i])) {
            *ret = (enum target)i;
            return true;
        }
    }
    buffer_init(&all, 128);
    names_list(target_name, EVERY, TARGETS, &all);
    failure_set(why, FAILURE_INVALID, "there is no target \"%.*s\"; the targets are %.*s",
                TEXT_ARG(text_part(name, 0, 20)), TEXT_ARG(buffer_text(&all)));
    buffer_clear(&all);
    return false;
}

bool fault_kind_read(struct text name, enum target target, enum fault_kind *ret,
                     struct failure *why)
{
    unsigned possible = 0;
    struct buffer all;

    for (int i = FAULT_STATUS; i < FAULT_KINDS; i++) {
        if (!(kinds[i].targets & ONLY(target)))
            continue;
        possible |= 1U << i;
        if (text_is(name, kinds[i].name)) {
            *ret = (enum fault_kind)i;
            return true;
        }
    }
    buffer_init(&all, 256);
    names_list(kind_name, possible, FAULT_KINDS, &all);
    failure_set(why, FAILURE_INVALID, "%s has no kind \"%.*s\"; it has %.*s", target_names[target],
                TEXT_ARG(text_part(name, 0, 20)), TEXT_ARG(buffer_text(&all)));
    buffer_clear(&all);
    return false;
}

static bool can_be_stale(enum target target, struct text method, struct text path)
{
    if (target == TARGET_ARM)
        return text_matches(path, TEXT("*/list*")) || text_matches(path, TEXT("*/sharedKeys"));
    if (target == TARGET_VAULT)
        return text_is(method, "GET") && (text_matches(path, TEXT("/v1/*/data/*")) ||
                                          text_matches(path, TEXT("/v1/*/metadata/*")));
    return true;
}

static bool is_about_a_token(enum target target, struct text path)
{
    static const char *const open[] = {"/v1/sys/health", "/v1/sys/leader", "/v1/sys/seal-status",
                                       "/v1/auth/*/login"};

    if (target == TARGET_ENTRA)
        return text_matches(path, TEXT("*/token"));
    for (size_t i = 0; target == TARGET_VAULT && i < sizeof(open) / sizeof(open[0]); i++) {
        if (text_matches(path, text_of(open[i])))
            return false;
    }
    return true;
}

bool fault_shows(enum fault_kind kind, enum target target, struct text method, struct text path)
{
    if (kind == FAULT_STALE)
        return can_be_stale(target, method, path);
    if (kind == FAULT_TOKEN_EXPIRED)
        return is_about_a_token(target, path);
    return kind != FAULT_OPERATION_FAILED && kind != FAULT_OPERATION_HANGS;
}
