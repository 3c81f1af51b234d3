/* SPDX-License-Identifier: Apache-2.0 */
/* Keys as the services show them: a few shapes for all rows of the table. */
#include "examples/lab/arm.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char born_at[] = "2024-01-15T14:02:11.1234567Z";

static void changed_at(const struct key *key, char out[TIMESTAMP_SIZE])
{
    if (key->changed_at)
        timestamp_at(key->changed_at, out);
    else
        snprintf(out, TIMESTAMP_SIZE, "%s", born_at);
}

/* Takes nothing; an object that stands in the table as text. */
static json_t *table_json(const char *pattern, const struct resource *resource)
{
    char *text = pattern ? source_expand(pattern, resource, NULL) : NULL;
    json_t *json = text ? json_loads(text, 0, NULL) : json_object();

    free(text);
    return json;
}

static void add_connection(json_t *json, const struct resource *resource, const char *slot,
                           const char *key)
{
    char *text = source_expand(resource->source->connection, resource, key);
    char name[64];

    snprintf(name, sizeof(name), "%sConnectionString", slot);
    if (text)
        json_object_set_new(json, name, json_string(text));
    free(text);
}

static json_t *members_json(const struct resource *resource, bool is_stale)
{
    const struct source *source = resource->source;
    json_t *json = table_json(source->beside, resource);

    for (int i = 0; json && i < SLOTS_MAX && source->slots[i].name; i++) {
        const struct source_slot *slot = &source->slots[i];
        const char *key = resource_key(resource, i, is_stale);

        if (slot->shown)
            json_object_set_new(json, slot->shown, json_string(key));
        if (slot->shown && source->connection)
            add_connection(json, resource, slot->name, key);
    }
    return json;
}

/* Maps alone says when each key was made. */
static void add_times(json_t *json, const struct resource *resource)
{
    for (size_t i = 0; i < resource->key_count; i++) {
        char name[64], at[TIMESTAMP_SIZE];

        snprintf(name, sizeof(name), "%sLastUpdated", resource->source->slots[i].shown);
        changed_at(&resource->keys[i], at);
        json_object_set_new(json, name, json_string(at));
    }
}

static json_t *storage_json(const struct resource *resource, unsigned flags)
{
    json_t *keys = json_array();

    for (size_t i = 0; i < resource->key_count; i++) {
        const struct source_slot *slot = &resource->source->slots[i];
        char at[TIMESTAMP_SIZE];

        changed_at(&resource->keys[i], at);
        if (slot->shown || (flags & KEYS_KERBEROS))
            json_array_append_new(keys,
                                  json_pack("{s:s, s:s, s:s, s:s}", "keyName", slot->name, "value",
                                            resource_key(resource, (int)i, flags & KEYS_STALE),
                                            "permissions", "Full", "creationTime", at));
    }
    return json_pack("{s:o}", "keys", keys);
}

static json_t *passwords_json(const struct resource *resource, bool is_stale)
{
    json_t *passwords = json_array();

    for (size_t i = 0; i < resource->key_count; i++)
        json_array_append_new(passwords,
                              json_pack("{s:s, s:s}", "name", resource->keys[i].name, "value",
                                        resource_key(resource, (int)i, is_stale)));
    return json_pack("{s:s, s:o}", "username", resource->name, "passwords", passwords);
}

void api_key_id(const char *value, char out[17])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];

    SHA256((const uint8_t *)value, strlen(value), digest);
    for (int i = 0; i < 8; i++)
        snprintf(out + 2 * i, 3, "%02X", digest[i]);
}

json_t *api_key_json(const struct resource *resource, int slot, bool is_stale)
{
    const char *value = resource_key(resource, slot, is_stale);
    char id[17], at[TIMESTAMP_SIZE];

    api_key_id(value, id);
    changed_at(&resource->keys[slot], at);
    return json_pack(
        "{s:s, s:s, s:s, s:o, s:s, s:b}", "id", id, "name", resource->keys[slot].name, "value",
        value, "connectionString",
        json_sprintf("Endpoint=https://%s.azconfig.io;Id=%s;Secret=%s", resource->name, id, value),
        "lastModified", at, "readOnly",
        text_ends_with(text_of(resource->keys[slot].name), TEXT("Read Only")));
}

static json_t *query_keys_json(const struct resource *resource, bool is_stale)
{
    json_t *value = json_array();

    for (size_t i = 0; i < resource->key_count; i++)
        /* The key that a service is born with has no name. */
        json_array_append_new(
            value,
            json_pack("{s:s?, s:s}", "name",
                      strcmp(resource->keys[i].name, "default") == 0 ? "" : resource->keys[i].name,
                      "key", resource_key(resource, (int)i, is_stale)));
    return json_pack("{s:o}", "value", value);
}

/* The keys whose names begin with `group`, without it. */
static json_t *group_json(const struct resource *resource, const char *group, bool is_stale)
{
    json_t *json = json_object();

    for (size_t i = 0; i < resource->key_count; i++) {
        const char *name = resource->keys[i].name;

        if (strncmp(name, group, strlen(group)) == 0)
            json_object_set_new(json, name + strlen(group),
                                json_string(resource_key(resource, (int)i, is_stale)));
    }
    return json;
}

static json_t *function_keys_json(const struct resource *resource, bool is_stale)
{
    return json_pack("{s:o, s:s, s:s, s:o}", "id", json_sprintf("%s/keys", resource->id), "name",
                     "keys", "type", "Microsoft.Web/sites/functions/keys", "properties",
                     group_json(resource, "", is_stale));
}

json_t *keys_json(const struct resource *resource, unsigned flags)
{
    bool is_stale = flags & KEYS_STALE;
    json_t *json;

    switch (resource->source->shape) {
    case SHAPE_STORAGE:
        return storage_json(resource, flags);
    case SHAPE_PASSWORDS:
        return passwords_json(resource, is_stale);
    case SHAPE_QUERY_KEYS:
        return query_keys_json(resource, is_stale);
    case SHAPE_HOST_KEYS:
        return json_pack("{s:s, s:o, s:o}", "masterKey", resource_key(resource, 0, is_stale),
                         "functionKeys", group_json(resource, "functionKeys/", is_stale),
                         "systemKeys", group_json(resource, "systemKeys/", is_stale));
    case SHAPE_FUNCTION_KEYS:
        return function_keys_json(resource, is_stale);
    case SHAPE_API_KEYS:
        json = json_array();
        for (size_t i = 0; json && i < resource->key_count; i++)
            json_array_append_new(json, api_key_json(resource, (int)i, is_stale));
        return json_pack("{s:o}", "value", json);
    case SHAPE_MEMBERS:
        break;
    }
    json = members_json(resource, is_stale);
    if (json && strcmp(resource->source->kind, "maps") == 0)
        add_times(json, resource);
    return json;
}

json_t *regenerate_result(const struct change *change)
{
    const struct resource *resource = change->resource;
    int last = 0;

    for (int i = 0; i < SLOTS_MAX; i++) {
        if (change->slots[i])
            last = i;
    }
    switch (resource->source->result) {
    case RESULT_NOTHING:
        return NULL;
    case RESULT_ONE_KEY:
        return api_key_json(resource, last, false);
    case RESULT_PASSWORD:
        return json_pack("{s:s}", "sshPassword", resource_key(resource, last, false));
    case RESULT_KEYS:
        break;
    }
    return keys_json(resource, change->slots[2] || change->slots[3] ? KEYS_KERBEROS : 0);
}
