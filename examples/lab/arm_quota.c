/* SPDX-License-Identifier: Apache-2.0 */
/* ARM's quota: token buckets for each principal and kind of request, and one fifteen times as large
 * for all principals together. Nothing is refused before an order enforces the quota: the lab
 * serves ten thousand endpoints to one principal, which Azure would not. */
#include "examples/lab/arm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KINDS           3
#define GLOBAL_FACTOR   15
#define PRINCIPALS_KEPT 64

/* Since 2024: bucket size, and refill per second. */
static const struct {
    const char *name;
    double size, refill;
} kinds[KINDS] = {{"reads", 250, 25}, {"writes", 200, 10}, {"deletes", 200, 10}};

struct bucket {
    double tokens;
    int64_t at;
};

struct quota {
    double sizes[KINDS], refills[KINDS];
    bool is_enforced;
    int64_t ahead_ms; /* of the clock: how tests let time pass */
    struct bucket global[KINDS];
    struct principal {
        char id[64];
        struct bucket buckets[KINDS];
    } principals[PRINCIPALS_KEPT];
    size_t principal_count;
};

static void quota_reset(struct quota *quota)
{
    int64_t ahead_ms = quota->ahead_ms;

    *quota = (struct quota){.ahead_ms = ahead_ms};
    for (int kind = 0; kind < KINDS; kind++) {
        quota->sizes[kind] = kinds[kind].size;
        quota->refills[kind] = kinds[kind].refill;
        quota->global[kind].tokens = GLOBAL_FACTOR * kinds[kind].size;
    }
}

struct quota *quota_new(void)
{
    struct quota *quota = calloc(1, sizeof(*quota));

    if (quota)
        quota_reset(quota);
    return quota;
}

void quota_free(struct quota *quota)
{
    free(quota);
}

static struct principal *principal_of(struct quota *quota, const char *id)
{
    struct principal *principal;

    for (size_t i = 0; i < quota->principal_count; i++) {
        if (strcmp(quota->principals[i].id, id) == 0)
            return &quota->principals[i];
    }
    if (quota->principal_count == PRINCIPALS_KEPT)
        quota->principal_count = 0;
    principal = &quota->principals[quota->principal_count++];
    *principal = (struct principal){0};
    strncpy(principal->id, id, sizeof(principal->id) - 1);
    for (int kind = 0; kind < KINDS; kind++)
        principal->buckets[kind].tokens = quota->sizes[kind];
    return principal;
}

static void refill(struct bucket *bucket, double size, double per_second, int64_t now)
{
    if (bucket->at)
        bucket->tokens += (double)(now - bucket->at) / 1000.0 * per_second;
    if (bucket->tokens > size)
        bucket->tokens = size;
    bucket->at = now;
}

/* A POST counts as a write, also one that only reads keys. */
static int kind_of(struct text method)
{
    if (text_is(method, "GET") || text_is(method, "HEAD"))
        return 0;
    return text_is(method, "DELETE") ? 2 : 1;
}

static long wait_for(const struct bucket *bucket, double per_second)
{
    double seconds = per_second > 0 ? (1.0 - bucket->tokens) / per_second : 10;

    return seconds < 1 ? 1 : (long)ceil(seconds);
}

struct quota_reading quota_take(struct quota *quota, const char *principal, struct text method)
{
    int kind = kind_of(method);
    struct bucket *own = &principal_of(quota, principal)->buckets[kind];
    struct bucket *global = &quota->global[kind];
    struct quota_reading reading = {.kind = kinds[kind].name};
    double size = quota->sizes[kind], per_second = quota->refills[kind];
    int64_t now = now_ms() + quota->ahead_ms;

    refill(own, size, per_second, now);
    refill(global, GLOBAL_FACTOR * size, GLOBAL_FACTOR * per_second, now);
    if (!quota->is_enforced) {
        /* What a client sees that has asked nothing for a while. */
        own->tokens = size;
        global->tokens = GLOBAL_FACTOR * size;
    }
    if (own->tokens < 1)
        reading.retry_after = wait_for(own, per_second);
    else if (global->tokens < 1)
        reading.retry_after = wait_for(global, GLOBAL_FACTOR * per_second);
    if (!reading.retry_after) {
        own->tokens -= 1;
        global->tokens -= 1;
    }
    reading.remaining = own->tokens < 0 ? 0 : (long)own->tokens;
    reading.remaining_globally = global->tokens < 0 ? 0 : (long)global->tokens;
    return reading;
}

static bool number_at(const json_t *order, const char *name, double low, double *ret,
                      struct failure *why)
{
    const json_t *value = json_object_get(order, name);

    if (!value)
        return true;
    if (!json_is_number(value) || json_number_value(value) < low)
        return failure_set(why, FAILURE_INVALID, "\"%s\" is a number from %g", name, low);
    *ret = json_number_value(value);
    return true;
}

json_t *arm_quota_order(struct lab *lab, const json_t *order, struct failure *why)
{
    struct quota *quota = lab->quota;
    double ahead = 0, per_second = -1;

    if (json_boolean_at(order, "reset", false))
        quota_reset(quota);
    if (!number_at(order, "advance_ms", 0, &ahead, why) ||
        !number_at(order, "refill", 0, &per_second, why))
        return NULL;
    quota->ahead_ms += (int64_t)ahead;
    for (int kind = 0; kind < KINDS; kind++) {
        double size = -1;

        if (!number_at(order, kinds[kind].name, 1, &size, why))
            return NULL;
        if (per_second >= 0)
            quota->refills[kind] = per_second;
        if (size < 0)
            continue;
        quota->sizes[kind] = size;
        quota->global[kind].tokens = GLOBAL_FACTOR * size;
        for (size_t i = 0; i < quota->principal_count; i++)
            quota->principals[i].buckets[kind].tokens = size;
        quota->is_enforced = true;
    }
    if (json_boolean_at(order, "enforce", false))
        quota->is_enforced = true;
    return json_pack("{s:b, s:f, s:f, s:f}", "enforced", quota->is_enforced, "reads",
                     quota->sizes[0], "writes", quota->sizes[1], "deletes", quota->sizes[2]);
}
