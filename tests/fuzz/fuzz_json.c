/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as JSON: what is read is written and read again as the same, our own scanner agrees
 * with the library, and the canonical form, where there is one, is a fixed point. */
#include "base/canonical.h"
#include "net/json.h"
#include "tests/fuzz/fuzz.h"
#include "vaultclient/splice.h"

#include <stdlib.h>

enum { LIMIT = 1 << 24, MEMBERS = 256 };

static bool canonical_of(const json_t *json, struct text name, struct canonical_value *room,
                         size_t *used, struct canonical_value *ret);

static bool add_member(const json_t *json, struct text name, struct canonical_value *members,
                       size_t *count, struct canonical_value *room, size_t *used)
{
    return canonical_of(json, name, room, used, &members[(*count)++]);
}

static bool canonical_members(const json_t *json, struct canonical_value *room, size_t *used,
                              struct canonical_value *ret)
{
    struct canonical_value *members = room + *used;
    size_t wanted = json_is_object(json) ? json_object_size(json) : json_array_size(json), i;
    json_t *value;
    const char *name;

    if (wanted > MEMBERS - *used)
        return false;
    *used += wanted;
    ret->members = members;
    json_object_foreach ((json_t *)(uintptr_t)json, name, value)
        if (!add_member(value, text_of(name), members, &ret->count, room, used))
            return false;
    json_array_foreach (json, i, value)
        if (!add_member(value, TEXT(""), members, &ret->count, room, used))
            return false;
    return true;
}

/* False for what the canonical form does not know: fractions, and more than fits. */
static bool canonical_of(const json_t *json, struct text name, struct canonical_value *room,
                         size_t *used, struct canonical_value *ret)
{
    *ret = (struct canonical_value){.name = name};
    switch (json_typeof(json)) {
    case JSON_NULL:
        ret->kind = CANONICAL_NULL;
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        ret->kind = CANONICAL_BOOLEAN;
        ret->boolean = json_is_true(json);
        return true;
    case JSON_INTEGER:
        ret->kind = CANONICAL_INTEGER;
        ret->integer = json_integer_value(json);
        return true;
    case JSON_STRING:
        ret->kind = CANONICAL_STRING;
        ret->string = (struct text){json_string_value(json), json_string_length(json)};
        return true;
    case JSON_OBJECT:
    case JSON_ARRAY:
        ret->kind = json_is_object(json) ? CANONICAL_OBJECT : CANONICAL_ARRAY;
        return canonical_members(json, room, used, ret);
    case JSON_REAL:
        break;
    }
    return false;
}

static bool write_canonical(const json_t *json, struct buffer *out)
{
    struct canonical_value room[MEMBERS], value;
    size_t used = 0;

    return canonical_of(json, TEXT(""), room, &used, &value) && canonical_write(&value, out);
}

static void check_canonical(const json_t *json)
{
    struct buffer first = {.limit = LIMIT}, second = {.limit = LIMIT};
    json_t *again;

    if (write_canonical(json, &first)) {
        again = json_read(buffer_text(&first), NULL);
        assert(again && json_equal(again, json));
        assert(write_canonical(again, &second));
        assert(text_equal(buffer_text(&first), buffer_text(&second)));
        json_decref(again);
    } else {
        assert(first.size == 0);
    }
    buffer_clear(&first);
    buffer_clear(&second);
}

static void check_written(const json_t *json, bool indented)
{
    char *written = json_write_string(json, indented);
    json_t *again = json_read(text_of(written), NULL);

    assert(written && again && json_equal(again, json));
    json_decref(again);
    free(written);
}

static void check_paths(const json_t *json)
{
    struct failure why = {0};
    struct text text;
    int64_t integer;

    (void)json_boolean_at(json, "data.renewable", false);
    assert(json_text_at(json, "data.metadata.created_time").start ||
           !json_is_string(json_at(json, "data.metadata.created_time")));
    fuzz_check(json_need_text(json, "a", &text, &why), &why);
    why = (struct failure){0};
    fuzz_check(json_need_integer(json, "a.b", &integer, &why), &why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text text = {(const char *)data, size};
    struct failure why = {0}, object_why = {0};
    json_t *json = json_read(text, &why), *object = json_read_object(text, &object_why);

    fuzz_check(json, &why);
    fuzz_check(object, &object_why);
    assert(!object == !(json && json_is_object(json)));
    if (json) {
        assert(vault_splice_check(text, NULL));
        check_written(json, false);
        check_written(json, true);
        check_paths(json);
        check_canonical(json);
    }
    json_decref(json);
    json_decref(object);
    return 0;
}
