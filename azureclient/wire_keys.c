/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of keys: members, arrays, maps.
 *
 * A list is believed whole or not at all. A kind with slots must give exactly those, each once and
 * each another value: what is more, missing, empty or the same twice says that the answer is not
 * what it seems, and nobody should compare a copy with it. */
#include "azureclient/wire_keys.h"

#include "azureclient/key_kinds.h"
#include "azureclient/wire.h"
#include "base/memory.h"
#include "net/json.h"

#include <stdio.h>

#define KEY_LIMIT  ((size_t)4 << 10)
#define NAME_LIMIT ((size_t)256)
#define KEYS_LIMIT 1000

/* ---- the list -------------------------------------------------------------------------------- */

void key_list_clear(struct key_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        memory_free(list->names[i]);
        secret_free(list->values[i]);
    }
    memory_free(list->names);
    memory_free(list->values);
    *list = (struct key_list){0};
}

/* One more place; its value is the caller's to set. */
static bool append_name(struct key_list *list, char *name, struct failure *why)
{
    char **names = memory_resize_array(list->names, list->count + 1, sizeof(*names));
    struct secret **values;

    if (names)
        list->names = names;
    values = memory_resize_array(list->values, list->count + 1, sizeof(*values));
    if (values)
        list->values = values;
    if (!name || !names || !values) {
        memory_free(name);
        return failure_out_of_memory(why);
    }
    list->names[list->count] = name;
    list->values[list->count] = NULL;
    list->count++;
    return true;
}

static bool make_places(const struct azure_key_kind *kind, struct key_list *list,
                        struct failure *why)
{
    while (list->count < azure_key_kind_slots(kind))
        if (!append_name(list, memory_string(kind->slots[list->count].name), why))
            return false;
    return true;
}

/* ---- one key --------------------------------------------------------------------------------- */

/* `name` as in our messages. */
static struct secret *key_of(const struct azure_key_kind *kind, const json_t *value,
                             struct text name, struct failure *why)
{
    const char *hint = kind->has_auth_mode ? " (does the endpoint use keys, authMode Key?)" : "";
    struct secret *secret;
    struct text key;

    name = text_part(name, 0, 80);
    if (!value || json_is_null(value)) {
        failure_set(why, FAILURE_PROTOCOL, "Azure gave no %.*s key%s%s", TEXT_ARG(name),
                    value ? " but null" : "", hint);
        return NULL;
    }
    if (!json_is_string(value)) {
        failure_set(why, FAILURE_PROTOCOL, "the %.*s key Azure gave is not a string",
                    TEXT_ARG(name));
        return NULL;
    }
    key = (struct text){json_string_value(value), json_string_length(value)};
    if (!key.size) {
        failure_set(why, FAILURE_PROTOCOL, "the %.*s key Azure gave is empty", TEXT_ARG(name));
        return NULL;
    }
    if (key.size > KEY_LIMIT || !text_is_printable(key)) {
        failure_set(why, FAILURE_PROTOCOL,
                    "the %.*s key Azure gave is longer than %zu bytes or not printable",
                    TEXT_ARG(name), KEY_LIMIT);
        return NULL;
    }
    secret = secret_new(key);
    if (!secret)
        failure_out_of_memory(why);
    return secret;
}

static bool put_slot(const struct azure_key_kind *kind, struct key_list *list, size_t slot,
                     const json_t *value, struct failure *why)
{
    struct text name = text_of(kind->slots[slot].name);

    if (list->values[slot])
        return failure_set(why, FAILURE_PROTOCOL, "Azure gave the %.*s key twice", TEXT_ARG(name));
    list->values[slot] = key_of(kind, value, name, why);
    return list->values[slot];
}

/* A key with a name of its owner's choice. */
static bool put_named(const struct azure_key_kind *kind, struct key_list *list, const char *map,
                      struct text name, const json_t *value, struct failure *why)
{
    if (list->count >= KEYS_LIMIT)
        return failure_set(why, FAILURE_TOO_LARGE, "Azure gave more than %d keys", KEYS_LIMIT);
    if (name.size > NAME_LIMIT || !text_is_printable(name))
        return failure_set(why, FAILURE_PROTOCOL,
                           "a key's name is longer than %zu bytes or not printable", NAME_LIMIT);
    if (!append_name(list, memory_print("%s%s%.*s", map ? map : "", map ? "." : "", TEXT_ARG(name)),
                     why))
        return false;
    list->values[list->count - 1] = key_of(kind, value, text_of(list->names[list->count - 1]), why);
    return list->values[list->count - 1];
}

static bool one_too_many(const struct azure_key_kind *kind, struct text name, struct failure *why)
{
    return failure_set(why, FAILURE_PROTOCOL,
                       "Azure gave more keys than the %zu of kind %s: also \"%.*s\"",
                       azure_key_kind_slots(kind), kind->name, TEXT_ARG(text_part(name, 0, 80)));
}

/* ---- members --------------------------------------------------------------------------------- */

/* What a further key would be called: "tertiaryKey", "key3". */
static bool is_key_name(struct text name)
{
    struct text digits = text_part(name, sizeof("key") - 1, name.size);
    uint64_t number;

    return text_ends_with(name, TEXT("Key")) ||
           (text_starts_with(name, TEXT("key")) && text_parse_u64(digits, 99, &number));
}

static bool is_slot_member(const struct azure_key_kind *kind, struct text name)
{
    for (size_t i = 0; i < azure_key_kind_slots(kind); i++)
        if (text_is(name, kind->slots[i].member))
            return true;
    return false;
}

static bool read_members(const struct azure_key_kind *kind, json_t *json, struct key_list *list,
                         struct failure *why)
{
    const char *name;
    json_t *value;

    for (size_t i = 0; i < list->count; i++)
        if (!put_slot(kind, list, i, json_object_get(json, kind->slots[i].member), why))
            return false;
    json_object_foreach (json, name, value) {
        if (is_key_name(text_of(name)) && !is_slot_member(kind, text_of(name)))
            return one_too_many(kind, text_of(name), why);
    }
    return true;
}

/* ---- arrays ---------------------------------------------------------------------------------- */

static bool is_passed_over(const struct azure_key_kind *kind, struct text name)
{
    for (size_t i = 0; i < KEY_NAMES; i++)
        if (kind->passed_over[i] && text_is(name, kind->passed_over[i]))
            return true;
    return false;
}

/* The slot an element is for, or AZURE_SLOTS. */
static size_t slot_of_element(const struct azure_key_kind *kind, struct text name)
{
    size_t i = 0;

    while (i < azure_key_kind_slots(kind) && !text_is(name, kind->slots[i].member))
        i++;
    return i < azure_key_kind_slots(kind) ? i : AZURE_SLOTS;
}

static bool read_element(const struct azure_key_kind *kind, const json_t *element,
                         struct key_list *list, struct failure *why)
{
    struct text name = json_text_at(element, kind->name_member);
    const json_t *value = json_object_get(element, kind->value_member);
    size_t slot = slot_of_element(kind, name);

    if (!json_is_object(element))
        return failure_set(why, FAILURE_PROTOCOL, "an element of \"%s\" is no object", kind->array);
    if (!azure_key_kind_slots(kind))
        return put_named(kind, list, NULL, name, value, why);
    if (slot < AZURE_SLOTS)
        return put_slot(kind, list, slot, value, why);
    if (!name.size)
        return failure_set(why, FAILURE_PROTOCOL, "an element of \"%s\" has no %s", kind->array,
                           kind->name_member);
    return is_passed_over(kind, name) || one_too_many(kind, name, why);
}

static bool need_array(const struct azure_key_kind *kind, const json_t *json, const json_t **ret,
                       struct failure *why)
{
    *ret = json_object_get(json, kind->array);
    return json_is_array(*ret) ||
           failure_set(why, FAILURE_PROTOCOL, "there is no array \"%s\"", kind->array);
}

static bool read_array(const struct azure_key_kind *kind, const json_t *json, struct key_list *list,
                       struct failure *why)
{
    const json_t *array, *element;
    size_t i;

    if (!need_array(kind, json, &array, why))
        return false;
    json_array_foreach (array, i, element) {
        if (!read_element(kind, element, list, why))
            return false;
    }
    return true;
}

/* ---- maps ------------------------------------------------------------------------------------ */

/* What ARM puts around any resource. */
static bool is_envelope(const char *name)
{
    return text_is(text_of(name), "id") || text_is(text_of(name), "name") ||
           text_is(text_of(name), "type") || text_is(text_of(name), "kind");
}

static bool read_map(const struct azure_key_kind *kind, json_t *map, const char *prefix,
                     bool has_envelope, struct key_list *list, struct failure *why)
{
    const char *name;
    json_t *value;

    json_object_foreach (map, name, value) {
        if (has_envelope && is_envelope(name))
            continue;
        if (!put_named(kind, list, prefix, text_of(name), value, why))
            return false;
    }
    return true;
}

/* The specification puts a function's keys into "properties"; the service is seen to leave that
 * out. */
static bool read_maps(const struct azure_key_kind *kind, json_t *json, struct key_list *list,
                      struct failure *why)
{
    json_t *properties = json_object_get(json, "properties");

    if (!kind->single)
        return read_map(kind, json_is_object(properties) ? properties : json, NULL,
                        !json_is_object(properties), list, why);
    if (!put_named(kind, list, NULL, text_of(kind->single), json_object_get(json, kind->single),
                   why))
        return false;
    for (size_t i = 0; i < KEY_NAMES && kind->maps[i]; i++) {
        json_t *map = json_object_get(json, kind->maps[i]);

        if (!map || json_is_null(map))
            continue;
        if (!json_is_object(map))
            return failure_set(why, FAILURE_PROTOCOL, "\"%s\" is no object", kind->maps[i]);
        if (!read_map(kind, map, kind->maps[i], false, list, why))
            return false;
    }
    return true;
}

/* ---- pages ----------------------------------------------------------------------------------- */

static bool take_next(const struct azure_key_kind *kind, const json_t *json, char **next,
                      struct failure *why)
{
    struct text link = kind->is_paged ? json_text_at(json, "nextLink") : (struct text){0};

    *next = link.size ? text_copy(link) : NULL;
    return !link.size || *next || failure_out_of_memory(why);
}

bool wire_keys_page(const struct azure_key_kind *kind, struct text body, struct key_list *list,
                    char **next, struct failure *why)
{
    cleanup_with(json_clean) json_t *json = json_read_object(body, why);
    bool ok = false;

    *next = NULL;
    if (!json) {
        failure_prefix(why, "the list of keys");
        return false;
    }
    if (!make_places(kind, list, why))
        return false;
    switch (kind->shape) {
    case KEYS_MEMBERS:
        ok = read_members(kind, json, list, why);
        break;
    case KEYS_ARRAY:
        ok = read_array(kind, json, list, why);
        break;
    case KEYS_MAPS:
        ok = read_maps(kind, json, list, why);
        break;
    }
    return ok && take_next(kind, json, next, why);
}

bool wire_keys_end(const struct azure_key_kind *kind, const struct key_list *list,
                   struct failure *why)
{
    if (!azure_key_kind_slots(kind))
        return true;
    for (size_t i = 0; i < list->count; i++) {
        if (!list->values[i])
            return failure_set(why, FAILURE_PROTOCOL, "Azure gave no %s key", list->names[i]);
        for (size_t j = 0; j < i; j++)
            if (secret_equal(list->values[i], list->values[j]))
                return failure_set(why, FAILURE_PROTOCOL,
                                   "Azure gave the same value as the %s and as the %s key",
                                   list->names[j], list->names[i]);
    }
    return true;
}

/* ---- by id ----------------------------------------------------------------------------------- */

static char *body_of_id(struct text id, struct failure *why)
{
    cleanup_with(json_clean) json_t *json = json_object();
    char *body = NULL;

    if (!id.size || id.size > NAME_LIMIT) {
        failure_set(why, FAILURE_PROTOCOL, "the key to regenerate has no id");
        return NULL;
    }
    if (json && json_set_text(json, "id", id))
        body = json_write_string(json, false);
    if (!body)
        failure_out_of_memory(why);
    return body;
}

char *wire_regenerate_body(const struct azure_key_kind *kind, size_t slot, struct text body,
                           char **next, struct failure *why)
{
    cleanup_with(json_clean) json_t *json = json_read_object(body, why);
    const json_t *array, *element;
    size_t i;

    *next = NULL;
    if (!json || !need_array(kind, json, &array, why)) {
        failure_prefix(why, "the list of keys");
        return NULL;
    }
    json_array_foreach (array, i, element) {
        if (slot_of_element(kind, json_text_at(element, kind->name_member)) == slot)
            return body_of_id(json_text_at(element, "id"), why);
    }
    if (!take_next(kind, json, next, why))
        return NULL;
    if (!*next)
        failure_set(why, FAILURE_NOT_FOUND, "Azure lists no %s key", kind->slots[slot].name);
    else
        *why = (struct failure){0};
    return NULL;
}

/* ---- an endpoint of Azure ML ----------------------------------------------------------------- */

bool wire_takes_tokens(struct text body, char *mode, size_t size)
{
    cleanup_with(json_clean) json_t *json = json_read_object(body, NULL);
    struct text found = json_text_at(json, "properties.authMode");

    /* "Key", "key", and "KeyAndAAD" of serverless endpoints. */
    if (!found.size || found.size >= size || !text_is_printable(found) ||
        text_starts_with_ignoring_case(found, TEXT("Key")))
        return false;
    snprintf(mode, size, "%.*s", TEXT_ARG(found));
    return true;
}
