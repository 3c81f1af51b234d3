/* SPDX-License-Identifier: Apache-2.0 */
/* What exists in the lab: endpoints with two keys each, and regenerations under way.
 *
 * A regeneration takes effect by asking: every request first settles what has become due, so there
 * is no timer and nobody can see a state between. */
#include "examples/lab/lab.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const slot_names[SLOTS] = {"primary", "secondary"};

int slot_of(struct text name)
{
    for (int slot = 0; slot < SLOTS; slot++) {
        if (text_equal_ignoring_case(name, text_of(slot_names[slot])))
            return slot;
    }
    return -1;
}

bool endpoint_name_is_valid(struct text name)
{
    if (name.size < 3 || name.size > 32 || name.start[name.size - 1] == '-')
        return false;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.start[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!is_letter && (i == 0 || (c != '-' && !(c >= '0' && c <= '9'))))
            return false;
    }
    return true;
}

/* With a seed the n-th key is always the same one; without, nobody knows it before. */
static void key_draw(struct world *world, char out[KEY_SIZE])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t at = 0;

    if (!world->is_seeded) {
        random_alphanumeric(out, KEY_SIZE);
        return;
    }
    while (at + 1 < KEY_SIZE) {
        uint8_t digest[SHA256_DIGEST_LENGTH];
        char text[64];
        int size = snprintf(text, sizeof(text), "keydrift-lab %llu %llu",
                            (unsigned long long)world->seed, (unsigned long long)world->drawn++);

        SHA256((const uint8_t *)text, (size_t)size, digest);
        for (size_t i = 0; i < sizeof(digest) && at + 1 < KEY_SIZE; i++) {
            if (digest[i] < 248)
                out[at++] = alphabet[digest[i] % 62];
        }
    }
    out[at] = '\0';
}

static int endpoint_compare(const void *a, const void *b)
{
    const struct endpoint *left = a, *right = b;

    return strcasecmp(left->name, right->name);
}

static bool endpoint_init(struct world *world, struct endpoint *endpoint, const char *name)
{
    endpoint->name = strdup(name);
    endpoint->id =
        format_new("/subscriptions/" LAB_SUBSCRIPTION "/resourceGroups/" LAB_RESOURCE_GROUP
                   "/providers/" LAB_PROVIDER "/workspaces/" LAB_WORKSPACE "/onlineEndpoints/%s",
                   name);
    if (strcmp(name, LAB_ENDPOINT) == 0) {
        endpoint->copy_path = strdup("nachet/backend");
        endpoint->copy_field = strdup("NACHET_MODEL_ENDPOINT_ACCESS_KEY");
    } else {
        endpoint->copy_path = format_new("endpoints/%s", name);
        endpoint->copy_field = strdup("api_key");
    }
    for (int slot = 0; slot < SLOTS; slot++) {
        key_draw(world, endpoint->keys[slot]);
        memcpy(endpoint->before[slot], endpoint->keys[slot], sizeof(endpoint->before[slot]));
    }
    return endpoint->name && endpoint->id && endpoint->copy_path && endpoint->copy_field;
}

bool world_init(struct world *world, char *const *names, size_t count, const uint64_t *seed)
{
    *world = (struct world){.is_seeded = seed != NULL, .seed = seed ? *seed : 0};
    SLIST_INIT(&world->changes);
    world->endpoints = calloc(count, sizeof(*world->endpoints));
    if (!world->endpoints)
        return false;
    for (size_t i = 0; i < count; i++) {
        world->count++;
        if (!endpoint_init(world, &world->endpoints[i], names[i]))
            return false;
    }
    qsort(world->endpoints, count, sizeof(*world->endpoints), endpoint_compare);
    world->first = world_find(world, text_of(names[0]));
    return true;
}

void world_clear(struct world *world)
{
    struct change *change;

    while ((change = SLIST_FIRST(&world->changes))) {
        SLIST_REMOVE_HEAD(&world->changes, link);
        free(change);
    }
    for (size_t i = 0; i < world->count; i++) {
        free(world->endpoints[i].name);
        free(world->endpoints[i].id);
        free(world->endpoints[i].copy_path);
        free(world->endpoints[i].copy_field);
    }
    free(world->endpoints);
    activity_log_free(world->log);
    *world = (struct world){0};
}

struct endpoint *world_find(const struct world *world, struct text name)
{
    size_t low = 0, high = world->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *candidate = world->endpoints[middle].name;
        size_t size = strlen(candidate);
        int order = strncasecmp(name.start, candidate, name.size < size ? name.size : size);

        if (order == 0)
            order = (name.size > size) - (name.size < size);
        if (order == 0)
            return &world->endpoints[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

struct change *world_regenerate(struct world *world, struct endpoint *endpoint, int slot,
                                struct text value, int64_t due_at)
{
    struct change *change = calloc(1, sizeof(*change));

    if (!change)
        return NULL;
    change->endpoint = endpoint;
    change->slot = slot;
    change->started_at = now_ms();
    change->due_at = due_at;
    guid_new(change->id);
    guid_new(change->correlation_id);
    if (value.size > 0)
        snprintf(change->value, sizeof(change->value), "%.*s", TEXT_ARG(value));
    else
        key_draw(world, change->value);
    SLIST_INSERT_HEAD(&world->changes, change, link);
    return change;
}

const struct change *world_change(const struct world *world, struct text id)
{
    const struct change *change;

    SLIST_FOREACH (change, &world->changes, link) {
        if (text_equal_ignoring_case(id, text_of(change->id)))
            return change;
    }
    return NULL;
}

void world_release(struct world *world)
{
    struct change *change;

    SLIST_FOREACH (change, &world->changes, link) {
        if (change->fate == CHANGE_HANGS)
            change->fate = CHANGE_SUCCEEDS;
    }
}

void world_settle(struct world *world, int64_t now)
{
    struct change *change;

    SLIST_FOREACH (change, &world->changes, link) {
        struct endpoint *endpoint = change->endpoint;

        if (change->is_applied || change->has_failed || change->fate == CHANGE_HANGS ||
            change->due_at > now)
            continue;
        if (change->fate == CHANGE_FAILS) {
            change->has_failed = true;
        } else {
            memcpy(endpoint->before, endpoint->keys, sizeof(endpoint->keys));
            memcpy(endpoint->keys[change->slot], change->value, sizeof(change->value));
            change->is_applied = true;
        }
        if (endpoint->pending == change)
            endpoint->pending = NULL;
        activity_log_add(world->log, change, true);
    }
}
