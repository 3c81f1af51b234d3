/* SPDX-License-Identifier: Apache-2.0 */
/* The secrets of a mount, sorted by path, and the versions of one secret. */
#include "examples/lab/lab.h"

#include "base/moment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VERSIONS_DEFAULT 10 /* kept when max_versions is 0 */
#define EXACT_MAX        ((json_int_t)1 << 53)

struct kv_mount *kv_mount_of(struct vault *vault, struct text path)
{
    struct text rest = path, first = {0};

    if (!text_split(&rest, '/', &first))
        return NULL;
    for (size_t i = 0; i < KV_MOUNTS; i++) {
        if (text_is(first, vault->mounts[i].name))
            return &vault->mounts[i];
    }
    return NULL;
}

/* The index of the first path not below `path`. */
static size_t lower_bound(const struct kv_mount *mount, struct text path)
{
    size_t low = 0, high = mount->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (text_compare(text_of(mount->secrets[middle]->path), path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct kv_secret *kv_find(const struct kv_mount *mount, struct text path)
{
    size_t at = lower_bound(mount, path);

    return at < mount->count && text_is(path, mount->secrets[at]->path) ? mount->secrets[at] : NULL;
}

struct kv_secret *kv_find_or_add(struct kv_mount *mount, struct text path)
{
    size_t at = lower_bound(mount, path);
    struct kv_secret *secret;

    if (at < mount->count && text_is(path, mount->secrets[at]->path))
        return mount->secrets[at];
    if (mount->count == mount->capacity) {
        size_t capacity = mount->capacity ? mount->capacity * 2 : 16;
        struct kv_secret **grown = realloc(mount->secrets, capacity * sizeof(*grown));

        if (!grown)
            return NULL;
        mount->secrets = grown;
        mount->capacity = capacity;
    }
    secret = calloc(1, sizeof(*secret));
    if (!secret || !(secret->path = text_copy(path))) {
        free(secret);
        return NULL;
    }
    timestamp_now(secret->created_time);
    memcpy(secret->updated_time, secret->created_time, sizeof(secret->updated_time));
    memmove(&mount->secrets[at + 1], &mount->secrets[at], (mount->count - at) * sizeof(secret));
    mount->secrets[at] = secret;
    mount->count++;
    return secret;
}

static void secret_drop(struct kv_secret *secret)
{
    for (unsigned i = 0; i < secret->current; i++)
        json_decref(secret->versions[i].data);
    free(secret->versions);
    json_decref(secret->custom_metadata);
    json_decref(secret->plain);
    free(secret->path);
    free(secret);
}

void kv_remove(struct kv_mount *mount, struct kv_secret *secret)
{
    size_t at = lower_bound(mount, text_of(secret->path));

    memmove(&mount->secrets[at], &mount->secrets[at + 1], (mount->count - at - 1) * sizeof(secret));
    mount->count--;
    secret_drop(secret);
}

void kv_clear(struct kv_mount *mount)
{
    for (size_t i = 0; i < mount->count; i++)
        secret_drop(mount->secrets[i]);
    free(mount->secrets);
    mount->secrets = NULL;
    mount->count = mount->capacity = 0;
}

/* Version 1 keeps the text it was given; version 2 goes through doubles. */
static json_t *number_as_stored(json_t *json, int version)
{
    if (version == 2 && json_is_integer(json) &&
        (json_integer_value(json) > EXACT_MAX || json_integer_value(json) < -EXACT_MAX))
        return json_real((double)json_integer_value(json));
    if (version == 2 && json_is_real(json) && fabs(json_real_value(json)) < (double)EXACT_MAX &&
        fabs(json_real_value(json) - trunc(json_real_value(json))) <= 0.0)
        return json_integer((json_int_t)json_real_value(json));
    return json_incref(json);
}

json_t *kv_as_stored(json_t *json, int version)
{
    json_t *member, *copy;
    size_t index;

    if (json_is_object(json)) {
        const char **names = json_names(json);

        copy = json_object();
        for (const char **name = names; name && *name; name++)
            json_object_set_new(copy, *name, kv_as_stored(json_object_get(json, *name), version));
        free(names);
        return copy;
    }
    if (json_is_array(json)) {
        copy = json_array();
        json_array_foreach (json, index, member) {
            json_array_append_new(copy, kv_as_stored(member, version));
        }
        return copy;
    }
    return number_as_stored(json, version);
}

static void prune(struct kv_secret *secret)
{
    unsigned keep = secret->max_versions ? secret->max_versions : VERSIONS_DEFAULT;

    for (unsigned i = 0; i + keep < secret->current; i++) {
        json_decref(secret->versions[i].data);
        secret->versions[i].data = NULL;
        secret->versions[i].is_pruned = true;
    }
}

bool kv_write(struct kv_secret *secret, json_t *data)
{
    struct kv_version *grown =
        realloc(secret->versions, (secret->current + 1) * sizeof(*secret->versions));
    struct kv_version *version;

    if (!grown || !data) {
        secret->versions = grown ? grown : secret->versions;
        json_decref(data);
        return false;
    }
    secret->versions = grown;
    version = &secret->versions[secret->current++];
    *version = (struct kv_version){.data = data};
    timestamp_now(version->created_time);
    if (secret->delete_after_s)
        timestamp_later(version->created_time, secret->delete_after_s, version->deletion_time);
    memcpy(secret->updated_time, version->created_time, sizeof(secret->updated_time));
    prune(secret);
    return true;
}

bool kv_seed(struct vault *vault, const char *path, json_t *data)
{
    struct kv_secret *secret = kv_find_or_add(&vault->mounts[0], text_of(path));

    json_t *stored = data ? kv_as_stored(data, 2) : NULL;

    json_decref(data);
    if (secret)
        return kv_write(secret, stored);
    json_decref(stored);
    return false;
}

json_t *kv_list(const struct kv_mount *mount, struct text prefix)
{
    json_t *names = json_array();
    struct text last = {0};

    for (size_t i = lower_bound(mount, prefix); names && i < mount->count; i++) {
        struct text path = text_of(mount->secrets[i]->path), name;
        size_t slash;

        if (!text_starts_with(path, prefix))
            break;
        name = text_part(path, prefix.size, path.size);
        slash = text_find(name, TEXT("/"));
        if (slash != SIZE_MAX)
            name.size = slash + 1;
        if (!text_equal(name, last))
            json_array_append_new(names, json_stringn(name.start, name.size));
        last = name;
    }
    if (json_array_size(names))
        return names;
    json_decref(names);
    return NULL;
}

bool kv_is_deleted(const struct kv_version *version)
{
    int64_t at;

    return version->deletion_time[0] && instant_parse(text_of(version->deletion_time), &at) &&
           at <= now_ms();
}
