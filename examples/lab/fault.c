/* SPDX-License-Identifier: Apache-2.0 */
/* Misbehaviour on order: a list of wishes, each for one service, a path pattern and a number of
 * times. */
#include "examples/lab/lab.h"

#include <stdlib.h>
#include <string.h>

static const char *const kind_names[FAULT_KINDS] = {"none",  "status",   "reset",
                                                    "delay", "truncate", "stale"};

const char *fault_kind_name(enum fault_kind kind)
{
    return kind_names[kind];
}

static bool only_known_members(const json_t *wish, struct failure *why)
{
    static const char known[] = " target kind status retry_after times path method delay_ms after ";
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)wish, name, value) {
        char word[32];
        int size = snprintf(word, sizeof(word), " %s ", name);

        if (size >= (int)sizeof(word) || !strstr(known, word))
            return failure_set(why, FAILURE_INVALID, "a fault has no member \"%s\"; it has:%s",
                               name, known);
    }
    return true;
}

static bool read_target(struct text name, enum target *ret, struct failure *why)
{
    for (int i = 0; i < TARGETS; i++) {
        if (text_is(name, target_names[i])) {
            *ret = (enum target)i;
            return true;
        }
    }
    return failure_set(why, FAILURE_INVALID,
                       "\"target\" is one of entra, imds, arm, scoring, vault, activity");
}

static bool read_kind(struct text name, enum fault_kind *ret, struct failure *why)
{
    for (int i = FAULT_STATUS; i < FAULT_KINDS; i++) {
        if (text_is(name, kind_names[i])) {
            *ret = (enum fault_kind)i;
            return true;
        }
    }
    return failure_set(why, FAILURE_INVALID,
                       "this lab supports the kinds status, reset, delay, truncate and stale");
}

static bool read_number(const json_t *wish, const char *name, int64_t fallback, int64_t low,
                        int64_t high, int64_t *ret, struct failure *why)
{
    const json_t *value = json_object_get(wish, name);

    *ret = value ? json_integer_value(value) : fallback;
    if (value && (!json_is_integer(value) || *ret < low || *ret > high))
        return failure_set(why, FAILURE_INVALID, "\"%s\" is a whole number from %lld to %lld", name,
                           (long long)low, (long long)high);
    return true;
}

static bool read_pattern(const json_t *wish, const char *name, char **ret, struct failure *why)
{
    struct text value = json_text_at(wish, name);

    if (json_object_get(wish, name) && !value.start)
        return failure_set(why, FAILURE_INVALID, "\"%s\" is a text", name);
    *ret = text_copy(value.start ? value : TEXT("*"));
    return *ret || failure_out_of_memory(why);
}

static void fault_free(struct fault *fault)
{
    free(fault->path);
    free(fault->method);
    free(fault);
}

static bool fault_read(struct fault *fault, const json_t *wish, struct failure *why)
{
    int64_t status, times, delay_ms;

    if (!only_known_members(wish, why) ||
        !read_target(json_text_at(wish, "target"), &fault->target, why) ||
        !read_kind(json_text_at(wish, "kind"), &fault->kind, why) ||
        !read_number(wish, "status", 500, 200, 599, &status, why) ||
        !read_number(wish, "retry_after", -1, 0, 86400, &fault->retry_after, why) ||
        !read_number(wish, "times", 0, 0, 1000000, &times, why) ||
        !read_number(wish, "delay_ms", 1000, 1, 3600000, &delay_ms, why) ||
        !read_pattern(wish, "path", &fault->path, why) ||
        !read_pattern(wish, "method", &fault->method, why))
        return false;
    if (fault->kind == FAULT_STALE && fault->target != TARGET_ARM &&
        fault->target != TARGET_VAULT && fault->target != TARGET_SCORING)
        return failure_set(why, FAILURE_INVALID, "only arm, scoring and vault can be stale");
    fault->status = (int)status;
    fault->left = (uint64_t)times;
    fault->delay_ms = (uint64_t)delay_ms;
    fault->is_after = json_boolean_at(wish, "after", false);
    return true;
}

bool fault_arm(struct faults *faults, const json_t *wish, struct failure *why)
{
    struct fault *fault = calloc(1, sizeof(*fault)), *last;

    if (!fault)
        return failure_out_of_memory(why);
    if (!fault_read(fault, wish, why)) {
        fault_free(fault);
        return false;
    }
    last = SLIST_FIRST(faults);
    while (last && SLIST_NEXT(last, link))
        last = SLIST_NEXT(last, link);
    if (last)
        SLIST_INSERT_AFTER(last, fault, link);
    else
        SLIST_INSERT_HEAD(faults, fault, link);
    return true;
}

void faults_clear(struct faults *faults)
{
    struct fault *fault;

    while ((fault = SLIST_FIRST(faults))) {
        SLIST_REMOVE_HEAD(faults, link);
        fault_free(fault);
    }
}

/* Staleness shows only where keys or secrets are read; elsewhere it would use up its times in vain.
 */
static bool can_be_stale(enum target target, struct text method, struct text path)
{
    if (target == TARGET_ARM)
        return text_matches(path, TEXT("*/listKeys"));
    if (target == TARGET_VAULT)
        return text_is(method, "GET") && (text_matches(path, TEXT("/v1/*/data/*")) ||
                                          text_matches(path, TEXT("/v1/*/metadata/*")));
    return true;
}

struct fault fault_take(struct faults *faults, enum target target, struct text method,
                        struct text path)
{
    struct fault *fault, taken;

    SLIST_FOREACH (fault, faults, link) {
        if (fault->target != target || !text_matches(path, text_of(fault->path)) ||
            !text_matches(method, text_of(fault->method)))
            continue;
        if (fault->kind == FAULT_STALE && !can_be_stale(target, method, path))
            continue;
        taken = *fault;
        taken.path = taken.method = NULL;
        if (fault->left == 1) {
            SLIST_REMOVE(faults, fault, fault, link);
            fault_free(fault);
        } else if (fault->left) {
            fault->left--;
        }
        return taken;
    }
    return (struct fault){.kind = FAULT_NONE};
}
