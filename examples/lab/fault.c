/* SPDX-License-Identifier: Apache-2.0 */
/* Misbehaviour on order: a list of wishes, each for one service, a path pattern and a number of
 * times. */
#include "examples/lab/lab.h"

#include <stdlib.h>
#include <string.h>

static bool only_known_members(const json_t *wish, struct failure *why)
{
    static const char known[] = " target kind status code retry_after times path method delay_ms "
                                "seconds location after ";
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

/* Entra's errors have numbers, ARM's have names; the others' have neither. */
static bool read_code(struct fault *fault, const json_t *wish, struct failure *why)
{
    const json_t *code = json_object_get(wish, "code");
    bool is_number = fault->target == TARGET_ENTRA;

    if (!code)
        return true;
    if (fault->kind != FAULT_STATUS ||
        (!is_number && fault->target != TARGET_ARM && fault->target != TARGET_ACTIVITY &&
         fault->target != TARGET_IMDS))
        return failure_set(why, FAILURE_INVALID,
                           "\"code\" goes with the kind status of entra, imds, arm and activity");
    if (is_number ? !json_is_integer(code) || json_integer_value(code) < 1 ||
                        json_integer_value(code) > 99999999
                  : !json_is_string(code) || json_string_length(code) >= sizeof(fault->code))
        return failure_set(why, FAILURE_INVALID, "\"code\" is %s here",
                           is_number ? "an AADSTS number" : "a word of at most 63 letters");
    if (is_number)
        fault->aadsts = (int)json_integer_value(code);
    else
        snprintf(fault->code, sizeof(fault->code), "%s", json_string_value(code));
    return true;
}

static bool read_location(struct fault *fault, const json_t *wish, struct failure *why)
{
    const json_t *location = json_object_get(wish, "location");

    if (!location)
        return true;
    if (fault->kind != FAULT_REDIRECT || !json_is_string(location) ||
        json_string_length(location) >= sizeof(fault->location) ||
        !text_is_printable(text_of(json_string_value(location))))
        return failure_set(why, FAILURE_INVALID,
                           "\"location\" is a URL, and goes with the kind redirect");
    snprintf(fault->location, sizeof(fault->location), "%s", json_string_value(location));
    return true;
}

static int64_t usual_status(const struct fault *fault)
{
    int of_code = fault->aadsts ? entra_error_status(fault->aadsts) : 0;

    if (fault->kind == FAULT_REDIRECT)
        return 307;
    if (fault->kind == FAULT_GARBAGE)
        return 200;
    return of_code ? of_code : 500;
}

static bool fault_read(struct fault *fault, const json_t *wish, struct failure *why)
{
    int64_t status, times, delay_ms;

    if (!only_known_members(wish, why) ||
        !fault_target_read(json_text_at(wish, "target"), &fault->target, why) ||
        !fault_kind_read(json_text_at(wish, "kind"), fault->target, &fault->kind, why) ||
        !read_code(fault, wish, why) || !read_location(fault, wish, why) ||
        !read_number(wish, "status", usual_status(fault), 200, 599, &status, why) ||
        !read_number(wish, "retry_after", -1, 0, 86400, &fault->retry_after, why) ||
        !read_number(wish, "times", 0, 0, 1000000, &times, why) ||
        !read_number(wish, "delay_ms", 1000, 1, 3600000, &delay_ms, why) ||
        !read_number(wish, "seconds", 3600, -315360000, 315360000, &fault->skew_s, why) ||
        !read_pattern(wish, "path", &fault->path, why) ||
        !read_pattern(wish, "method", &fault->method, why))
        return false;
    fault->status = (int)status;
    fault->left = (uint64_t)times;
    fault->delay_ms = (uint64_t)delay_ms;
    fault->is_after = json_boolean_at(wish, "after", false);
    fault->armed_at = now_ms() / 1000;
    if (fault->kind != FAULT_CLOCK_SKEW)
        fault->skew_s = 0;
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

/* One of its times is used up; the fault may be gone when this returns. */
static struct fault fault_use(struct faults *faults, struct fault *fault)
{
    struct fault taken = *fault;

    taken.path = taken.method = NULL;
    if (fault->left == 1) {
        SLIST_REMOVE(faults, fault, fault, link);
        fault_free(fault);
    } else if (fault->left) {
        fault->left--;
    }
    return taken;
}

static bool fault_fits(const struct fault *fault, enum target target, struct text method,
                       struct text path)
{
    return fault->target == target && text_matches(path, text_of(fault->path)) &&
           text_matches(method, text_of(fault->method));
}

struct fault fault_take(struct faults *faults, enum target target, struct text method,
                        struct text path)
{
    struct fault *fault;

    SLIST_FOREACH (fault, faults, link) {
        if (fault_fits(fault, target, method, path) &&
            fault_shows(fault->kind, target, method, path))
            return fault_use(faults, fault);
    }
    return (struct fault){.kind = FAULT_NONE};
}

enum fault_kind fault_take_operation(struct faults *faults, struct text method, struct text path)
{
    struct fault *fault;

    SLIST_FOREACH (fault, faults, link) {
        if ((fault->kind == FAULT_OPERATION_FAILED || fault->kind == FAULT_OPERATION_HANGS) &&
            fault_fits(fault, TARGET_ARM, method, path))
            return fault_use(faults, fault).kind;
    }
    return FAULT_NONE;
}
