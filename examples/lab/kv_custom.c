/* SPDX-License-Identifier: Apache-2.0 */
/* Custom metadata: what may stand in it, and how a write or a merge patch changes it. */
#include "examples/lab/lab.h"

#include <stdio.h>
#include <string.h>

#define KEYS_MAX  64
#define KEY_MAX   128
#define VALUE_MAX 512

static bool refuse(struct vault_call *call, const char *what)
{
    char text[1024];

    snprintf(text, sizeof(text), "1 error occurred:\n\t* custom_metadata validation failed: %s\n\n",
             what);
    vault_error(call, 400, text);
    return false;
}

static bool check_pair(struct vault_call *call, const char *key, struct text value)
{
    char what[900];

    if (!*key || strlen(key) > KEY_MAX)
        snprintf(what, sizeof(what), "length of key \"%s\" is %zu but must be 0 < len(key) <= %d",
                 key, strlen(key), KEY_MAX);
    else if (!value.size || value.size > VALUE_MAX)
        snprintf(what, sizeof(what),
                 "length of value for key \"%s\" is %zu but must be 0 < len(value) <= %d", key,
                 value.size, VALUE_MAX);
    else if (!text_is_printable(value))
        snprintf(what, sizeof(what), "value for key \"%s\" contains unprintable characters", key);
    else
        return true;
    return refuse(call, what);
}

/* Numbers and booleans become strings. A new reference, or NULL. */
static json_t *as_string(const json_t *value)
{
    char number[32];

    if (json_is_string(value))
        return json_incref((json_t *)(uintptr_t)value);
    if (json_is_boolean(value))
        return json_string(json_is_true(value) ? "1" : "0");
    if (!json_is_integer(value))
        return NULL;
    snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
    return json_string(number);
}

/* `into` is what there was (an object), or an empty one for a write that replaces it. */
static bool apply(struct vault_call *call, json_t *into, const json_t *given, bool is_patch)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)given, key, value) {
        json_t *text = json_is_null(value) ? NULL : as_string(value);

        if (is_patch && json_is_null(value)) {
            json_object_del(into, key);
            continue;
        }
        if (!text) {
            vault_error(call, 400,
                        "custom_metadata validation failed: '' expected type 'string', got "
                        "unconvertible type 'map[string]interface {}'");
            return false;
        }
        if (!check_pair(call, key,
                        (struct text){json_string_value(text), json_string_length(text)})) {
            json_decref(text);
            return false;
        }
        json_object_set_new(into, key, text);
    }
    return true;
}

bool kv_custom_change(struct vault_call *call, struct json_t *old, bool is_patch, json_t **ret)
{
    const json_t *given = json_object_get(call->body, "custom_metadata");
    json_t *made;
    char what[96];

    *ret = NULL;
    if (!given || json_is_null(given)) {
        *ret = json_incref(old);
        return true;
    }
    if (!json_is_object(given)) {
        vault_error(call, 400,
                    "error converting input for field \"custom_metadata\": '' expected type "
                    "'map[string]interface {}', got unconvertible type 'string'");
        return false;
    }
    if (json_object_size(given) > KEYS_MAX) {
        snprintf(what, sizeof(what), "payload must contain at most %d keys, provided %zu", KEYS_MAX,
                 json_object_size(given));
        return refuse(call, what);
    }
    made = is_patch && old ? json_deep_copy(old) : json_object();
    if (!apply(call, made, given, is_patch)) {
        json_decref(made);
        return false;
    }
    if (json_object_size(made) > 0) {
        *ret = kv_as_stored(made, 1);
        json_decref(made);
        return true;
    }
    json_decref(made);
    return true;
}
