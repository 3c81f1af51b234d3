/* SPDX-License-Identifier: Apache-2.0 */
/* What exists in the lab: online endpoints, one resource of every other row of the table of key
 * sources, and changes under way.
 *
 * A change takes effect by asking: every request first settles what has become due, so there is no
 * timer and nobody can see a state between. */
#include "examples/lab/sources.h"

#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void resource_free(struct resource *resource)
{
    if (!resource)
        return;
    for (size_t i = 0; i < resource->key_count; i++) {
        free(resource->keys[i].name);
        free(resource->keys[i].value);
        free(resource->keys[i].before);
    }
    free(resource->keys);
    free(resource->name);
    free(resource->id);
    free(resource->copy_path);
    free(resource->copy_field);
    json_decref(resource->settings);
    free(resource);
}

int resource_slot(const struct resource *resource, struct text name)
{
    for (size_t i = 0; i < resource->key_count; i++) {
        if (text_equal_ignoring_case(name, text_of(resource->keys[i].name)))
            return (int)i;
    }
    return -1;
}

const char *resource_key(const struct resource *resource, int slot, bool is_stale)
{
    const struct key *key = &resource->keys[slot];

    return is_stale && key->before ? key->before : key->value;
}

static struct key *key_find_or_add(struct resource *resource, struct text name)
{
    int slot = resource_slot(resource, name);
    struct key *grown;

    if (slot >= 0)
        return &resource->keys[slot];
    grown = realloc(resource->keys, (resource->key_count + 1) * sizeof(*grown));
    if (!grown)
        return NULL;
    resource->keys = grown;
    grown += resource->key_count;
    *grown = (struct key){.name = text_copy(name)};
    if (!grown->name)
        return NULL;
    resource->key_count++;
    return grown;
}

bool resource_set_key(struct world *world, struct resource *resource, struct text name,
                      struct text value)
{
    struct key *key = key_find_or_add(resource, name);
    bool is_new = key && !key->value;
    char *made = NULL;

    if (key && value.size)
        made = text_copy(value);
    else if (key)
        made = key_make(&resource->source->form, world->seed, resource->id, key->name,
                        key->generation++);
    if (!made)
        return false;
    free(key->before);
    key->before = key->value;
    key->value = made;
    key->changed_at = is_new ? 0 : now_ms();
    return true;
}

void resource_remove_key(struct resource *resource, int slot)
{
    struct key *key = &resource->keys[slot];

    free(key->name);
    free(key->value);
    free(key->before);
    resource->key_count--;
    memmove(key, key + 1, (resource->key_count - (size_t)slot) * sizeof(*key));
}

void resource_forget_before(struct resource *resource)
{
    for (size_t i = 0; i < resource->key_count; i++) {
        free(resource->keys[i].before);
        resource->keys[i].before = NULL;
    }
}

static struct resource *resource_new(struct world *world, const struct source *source,
                                     const char *name)
{
    struct resource *resource = calloc(1, sizeof(*resource));
    bool is_good;

    if (!resource)
        return NULL;
    resource->source = source;
    resource->id = source_resource_id(source, name);
    resource->name = resource->id ? strdup(strrchr(resource->id, '/') + 1) : NULL;
    is_good = resource->name != NULL;
    for (int i = 0; is_good && i < SLOTS_MAX && source->slots[i].name; i++)
        is_good =
            resource_set_key(world, resource, text_of(source->slots[i].name), (struct text){0});
    if (is_good)
        return resource;
    resource_free(resource);
    return NULL;
}

static bool give_copy(struct resource *resource)
{
    if (strcmp(resource->name, LAB_ENDPOINT) == 0) {
        resource->copy_path = strdup("nachet/backend");
        resource->copy_field = strdup("NACHET_MODEL_ENDPOINT_ACCESS_KEY");
    } else {
        resource->copy_path = format_new("endpoints/%s", resource->name);
        resource->copy_field = strdup("api_key");
    }
    return resource->copy_path && resource->copy_field;
}

static int resource_compare(const void *a, const void *b)
{
    const struct resource *const *left = a, *const *right = b;

    return strcasecmp((*left)->name, (*right)->name);
}

static bool make_room(struct world *world)
{
    size_t capacity = world->capacity ? 2 * world->capacity : 16;
    struct resource **grown;

    if (world->count < world->capacity)
        return true;
    grown = realloc(world->endpoints, capacity * sizeof(struct resource *));
    if (!grown)
        return false;
    world->endpoints = grown;
    world->capacity = capacity;
    return true;
}

/* Where an endpoint of that name is, or would be. */
static size_t place_of(const struct world *world, struct text name, bool *is_there)
{
    size_t low = 0, high = world->count;

    *is_there = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct text candidate = text_of(world->endpoints[middle]->name);
        int order = strncasecmp(name.start, candidate.start,
                                name.size < candidate.size ? name.size : candidate.size);

        if (order == 0)
            order = (name.size > candidate.size) - (name.size < candidate.size);
        if (order == 0) {
            *is_there = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct resource *world_find(const struct world *world, struct text name)
{
    bool is_there;
    size_t place = place_of(world, name, &is_there);

    return is_there ? world->endpoints[place] : NULL;
}

struct resource *world_find_key(const struct world *world, struct text id, struct text name,
                                int *slot)
{
    struct resource *found = NULL;
    struct segments segments = segments_of(id);

    *slot = -1;
    if (!text_starts_with(id, TEXT("/")))
        found = world_find(world, id);
    else if (segments.count == 10)
        found = world_find(world, segments.part[9]);
    if (found && text_starts_with(id, TEXT("/")) &&
        !text_equal_ignoring_case(id, text_of(found->id)))
        found = NULL;
    if (found)
        *slot = name.start ? resource_slot(found, name) : 0;
    /* Two rows may be about one resource. */
    for (struct resource **other = world->others; *other && *slot < 0; other++) {
        if (!text_equal_ignoring_case(id, text_of((*other)->id)))
            continue;
        found = *other;
        *slot = name.start ? resource_slot(found, name) : 0;
    }
    return found;
}

struct resource *world_add_endpoint(struct world *world, const char *name)
{
    struct resource *resource =
        make_room(world) ? resource_new(world, SOURCE_ENDPOINT, name) : NULL;
    bool is_there;
    size_t place;

    if (!resource)
        return NULL;
    place = place_of(world, text_of(name), &is_there);
    memmove(&world->endpoints[place + 1], &world->endpoints[place],
            (world->count - place) * sizeof(struct resource *));
    world->endpoints[place] = resource;
    world->count++;
    return resource;
}

void world_remove_endpoint(struct world *world, struct resource *resource)
{
    struct resource **grown =
        realloc(world->gone, (world->gone_count + 1) * sizeof(struct resource *));
    bool is_there;
    size_t place = place_of(world, text_of(resource->name), &is_there);

    if (!grown || !is_there)
        return;
    world->gone = grown;
    world->gone[world->gone_count++] = resource;
    resource->is_gone = true;
    world->count--;
    memmove(&world->endpoints[place], &world->endpoints[place + 1],
            (world->count - place) * sizeof(struct resource *));
}

static bool add_others(struct world *world)
{
    world->others = calloc(source_count, sizeof(struct resource *));
    for (size_t i = 1; world->others && i < source_count; i++) {
        world->others[i - 1] = resource_new(world, &sources[i], NULL);
        if (!world->others[i - 1])
            return false;
    }
    return world->others != NULL;
}

static bool take_seed(struct world *world, const uint64_t *seed)
{
    char text[64];
    int size;

    if (!seed)
        return RAND_bytes(world->seed, sizeof(world->seed)) == 1;
    size = snprintf(text, sizeof(text), "keydrift-lab %llu", (unsigned long long)*seed);
    SHA256((const uint8_t *)text, (size_t)size, world->seed);
    return true;
}

bool world_init(struct world *world, char *const *names, size_t count, const uint64_t *seed)
{
    *world = (struct world){.capacity = count};
    SLIST_INIT(&world->changes);
    TAILQ_INIT(&world->due);
    world->endpoints = calloc(count, sizeof(struct resource *));
    if (!world->endpoints || !take_seed(world, seed))
        return false;
    for (; world->count < count; world->count++) {
        struct resource *endpoint = resource_new(world, SOURCE_ENDPOINT, names[world->count]);

        world->endpoints[world->count] = endpoint;
        if (!endpoint || !give_copy(endpoint))
            return false;
    }
    world->first = world->endpoints[0];
    qsort(world->endpoints, count, sizeof(struct resource *), resource_compare);
    return add_others(world);
}

void world_clear(struct world *world)
{
    struct change *change;

    while ((change = SLIST_FIRST(&world->changes))) {
        SLIST_REMOVE_HEAD(&world->changes, link);
        free(change);
    }
    for (size_t i = 0; i < world->count; i++)
        resource_free(world->endpoints[i]);
    for (size_t i = 0; i < world->gone_count; i++)
        resource_free(world->gone[i]);
    for (struct resource **other = world->others; other && *other; other++)
        resource_free(*other);
    free(world->endpoints);
    free(world->others);
    free(world->gone);
    activity_log_free(world->log);
    *world = (struct world){0};
}

struct change *world_begin(struct world *world, const struct change *plan)
{
    struct change *change = calloc(1, sizeof(*change));

    if (!change)
        return NULL;
    *change = *plan;
    change->started_at = now_ms();
    guid_new(change->id);
    SLIST_INSERT_HEAD(&world->changes, change, link);
    TAILQ_INSERT_TAIL(&world->due, change, due_link);
    if (!change->resource->pending)
        change->resource->pending = change;
    activity_log_add(world->log, &change->deed, EVENT_STARTED, change->started_at);
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

static void set_keys(struct world *world, const struct change *change)
{
    struct resource *resource = change->resource;

    resource_forget_before(resource);
    for (size_t slot = 0; slot < SLOTS_MAX && slot < resource->key_count; slot++) {
        if (change->slots[slot])
            resource_set_key(world, resource, text_of(resource->keys[slot].name),
                             text_of(change->value));
    }
}

static void change_end(struct world *world, struct change *change)
{
    bool is_good = change->fate == CHANGE_SUCCEEDS;

    change->is_over = true;
    if (change->resource->pending == change)
        change->resource->pending = NULL;
    if (is_good && change->kind == CHANGE_KEY)
        set_keys(world, change);
    if (is_good && change->kind == CHANGE_DELETE)
        world_remove_endpoint(world, change->resource);
    activity_log_add(world->log, &change->deed, is_good ? EVENT_SUCCEEDED : EVENT_FAILED,
                     change->due_at);
}

void world_release(struct world *world)
{
    struct change *change;

    TAILQ_FOREACH (change, &world->due, due_link) {
        if (change->fate == CHANGE_HANGS)
            change->fate = CHANGE_SUCCEEDS;
    }
}

void world_settle(struct world *world, int64_t now)
{
    struct change *change = TAILQ_FIRST(&world->due);

    while (change) {
        struct change *next = TAILQ_NEXT(change, due_link);

        if (change->due_at <= now && change->fate != CHANGE_HANGS) {
            TAILQ_REMOVE(&world->due, change, due_link);
            change_end(world, change);
        }
        change = next;
    }
}
