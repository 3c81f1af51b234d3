/* SPDX-License-Identifier: Apache-2.0 */
/* jansson with our rules. Its own error texts quote the input near the fault, which may be a
 * secret, so we say only where and what kind. */
#include "net/json.h"

#include "net/json_memory.h"

#include <string.h>

#define DEPTH_LIMIT 64

/* jansson's own limit is 2048 levels of recursion; ours is checked before it sees the text. Braces
 * in strings do not count. */
static bool is_too_deep(struct text text)
{
    unsigned depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.size; i++) {
        char byte = text.start[i];

        if (in_string) {
            if (byte == '\\')
                i++;
            else if (byte == '"')
                in_string = false;
        } else if (byte == '"') {
            in_string = true;
        } else if (byte == '{' || byte == '[') {
            if (++depth > DEPTH_LIMIT)
                return true;
        } else if ((byte == '}' || byte == ']') && depth) {
            depth--;
        }
    }
    return false;
}

static const char *reason(const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);

    if (code == json_error_premature_end_of_input)
        return "it ends too early";
    if (code == json_error_end_of_input_expected)
        return "something follows its end";
    if (code == json_error_invalid_utf8)
        return "broken UTF-8";
    if (code == json_error_duplicate_key)
        return "a key occurs twice";
    if (code == json_error_null_character || code == json_error_null_byte_in_key)
        return "a NUL character";
    if (code == json_error_numeric_overflow)
        return "a number out of range";
    if (code == json_error_stack_overflow)
        return "too deeply nested";
    return "a syntax error";
}

json_t *json_read(struct text text, struct failure *why)
{
    json_error_t error;
    bool ran_out;
    json_t *json;

    if (!text.size) {
        failure_set(why, FAILURE_PROTOCOL, "not JSON: empty");
        return NULL;
    }
    if (is_too_deep(text)) {
        failure_set(why, FAILURE_PROTOCOL, "not acceptable JSON: nested deeper than %d levels",
                    DEPTH_LIMIT);
        return NULL;
    }
    /* jansson overlooks one right behind a number. */
    if (text_contains_byte(text, '\0')) {
        failure_set(why, FAILURE_PROTOCOL, "not valid JSON: a NUL character");
        return NULL;
    }
    json = json_memory_load(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error, &ran_out);
    if (json)
        return json;
    if (ran_out)
        failure_out_of_memory(why);
    else
        failure_set(why, FAILURE_PROTOCOL, "not valid JSON: %s at line %d, column %d",
                    reason(&error), error.line, error.column);
    return NULL;
}

static const char *type_name(const json_t *json)
{
    if (!json)
        return "nothing";
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a fraction";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "something unknown";
}

json_t *json_read_object(struct text text, struct failure *why)
{
    json_t *json = json_read(text, why);

    if (!json || json_is_object(json))
        return json;
    failure_set(why, FAILURE_PROTOCOL, "expected a JSON object, found %s", type_name(json));
    json_decref(json);
    return NULL;
}

void json_clean(json_t **json)
{
    json_decref(*json);
    *json = NULL;
}

json_t *json_at(const json_t *json, const char *path)
{
    struct text rest = text_of(path), part;
    json_t *found = NULL;

    while (text_split(&rest, '.', &part)) {
        if (!json_is_object(json))
            return NULL;
        found = json_object_getn(json, part.start, part.size);
        json = found;
    }
    return found;
}

static struct text text_in(const json_t *string)
{
    return (struct text){json_string_value(string), json_string_length(string)};
}

struct text json_text_at(const json_t *json, const char *path)
{
    const json_t *found = json_at(json, path);

    return json_is_string(found) ? text_in(found) : (struct text){NULL, 0};
}

int64_t json_integer_at(const json_t *json, const char *path, int64_t fallback)
{
    const json_t *found = json_at(json, path);

    return json_is_integer(found) ? json_integer_value(found) : fallback;
}

bool json_boolean_at(const json_t *json, const char *path, bool fallback)
{
    const json_t *found = json_at(json, path);

    return json_is_boolean(found) ? json_is_true(found) : fallback;
}

bool json_need_text(const json_t *json, const char *path, struct text *ret, struct failure *why)
{
    const json_t *found = json_at(json, path);

    if (!json_is_string(found))
        return failure_set(why, FAILURE_PROTOCOL, "expected a string at \"%s\", found %s", path,
                           type_name(found));
    *ret = text_in(found);
    return true;
}

bool json_need_integer(const json_t *json, const char *path, int64_t *ret, struct failure *why)
{
    const json_t *found = json_at(json, path);

    if (!json_is_integer(found))
        return failure_set(why, FAILURE_PROTOCOL, "expected an integer at \"%s\", found %s", path,
                           type_name(found));
    *ret = json_integer_value(found);
    return true;
}

bool json_set_text(json_t *object, const char *name, struct text value)
{
    json_t *json = value.start ? json_stringn(value.start, value.size) : json_null();

    return json_object_set_new(object, name, json) == 0;
}

static int on_written(const char *bytes, size_t size, void *context)
{
    return buffer_append(context, (struct text){bytes, size}) ? 0 : -1;
}

bool json_write(const json_t *json, bool indented, struct buffer *out)
{
    size_t flags = JSON_ENCODE_ANY | (indented ? JSON_INDENT(2) : JSON_COMPACT);

    if (json_dump_callback(json, on_written, out, flags) != 0)
        return false;
    return indented ? buffer_append_byte(out, '\n') : buffer_ok(out);
}

char *json_write_string(const json_t *json, bool indented)
{
    struct buffer out;
    char *string = NULL;

    buffer_init(&out, SIZE_MAX / 4);
    if (json_write(json, indented, &out))
        string = buffer_take(&out);
    buffer_clear(&out);
    return string;
}
