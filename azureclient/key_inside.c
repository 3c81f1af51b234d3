/* SPDX-License-Identifier: Apache-2.0 */
/* Connection strings: the key inside one, and the same string with another key.
 *
 * A connection string is derived from a key, "Endpoint=sb://...;SharedAccessKeyName=...;
 * SharedAccessKey=KEY". Names count in any case, as for Microsoft's parsers; a value ends only at
 * the separator, since keys end in '='. */
#include "azureclient/key_kinds.h"
#include "base/buffer.h"

/* The part of `string` that is the key: once, or not at all. */
static bool find_key(const struct azure_key_kind *kind, struct text string, struct text *ret,
                     struct failure *why)
{
    struct text rest = string, part, name, found = {0};

    if (!kind->inside)
        return failure_set(why, FAILURE_INVALID, "no connection strings are known of kind %s",
                           kind->name);
    while (text_split(&rest, kind->separator, &part)) {
        if (!text_split(&part, '=', &name) || !part.start ||
            !text_equal_ignoring_case(text_trim(name), text_of(kind->inside)))
            continue;
        if (found.start)
            return failure_set(why, FAILURE_INVALID, "it holds %s= twice", kind->inside);
        found = text_trim(part);
    }
    if (!found.start)
        return failure_set(why, FAILURE_INVALID,
                           "it is no connection string: it holds no %s=", kind->inside);
    if (!found.size)
        return failure_set(why, FAILURE_INVALID, "nothing follows its %s=", kind->inside);
    *ret = found;
    return true;
}

struct secret *azure_key_inside(const struct azure_key_kind *kind, const struct secret *value,
                                struct failure *why)
{
    struct secret *key;
    struct text found;

    if (!find_key(kind, secret_reveal(value), &found, why))
        return NULL;
    key = secret_new(found);
    if (!key)
        failure_out_of_memory(why);
    return key;
}

/* A key that could end the part it stands in would change what the rest means. */
static bool fits(const struct azure_key_kind *kind, struct text key, struct failure *why)
{
    if (key.size && text_is_printable(key) && !text_contains_byte(key, kind->separator) &&
        text_equal(text_trim(key), key))
        return true;
    return failure_set(why, FAILURE_INVALID, "the new key cannot stand in a connection string");
}

struct secret *azure_key_replace_inside(const struct azure_key_kind *kind,
                                        const struct secret *old_value,
                                        const struct secret *new_key, struct failure *why)
{
    struct text whole = secret_reveal(old_value), key = secret_reveal(new_key), old;
    struct buffer made;
    struct secret *ret = NULL;
    size_t before;

    if (kind->no_replace) {
        failure_set(why, FAILURE_INVALID, "the key in a connection string of kind %s stays: %s",
                    kind->name, kind->no_replace);
        return NULL;
    }
    if (!find_key(kind, whole, &old, why) || !fits(kind, key, why))
        return NULL;
    before = (size_t)(old.start - whole.start);
    buffer_init(&made, SECRET_LIMIT);
    buffer_append(&made, text_part(whole, 0, before));
    buffer_append(&made, key);
    buffer_append(&made, text_part(whole, before + old.size, whole.size));
    if (buffer_ok(&made))
        ret = secret_new(buffer_text(&made));
    buffer_clear(&made);
    if (!ret)
        failure_out_of_memory(why);
    return ret;
}
