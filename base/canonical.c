/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical writer. On false the buffer holds what it held before, so that nobody hashes half a
 * document by mistake. */
#include "base/canonical.h"

#include "base/secret.h"

#include <inttypes.h>

#define MEMBERS_LIMIT 64
#define DEPTH_LIMIT   16
#define INTEGER_LIMIT ((INT64_C(1) << 53) - 1)

static bool write_value(const struct canonical_value *value, unsigned depth, struct buffer *out);

/* In UTF-16 a letter over U+FFFF starts with a surrogate (D800-DBFF), so it sorts before U+E000 to
 * U+FFFF, which start with EE and EF in UTF-8. All else sorts as the bytes do. A byte of EE or more
 * is always the first of its letter. */
static unsigned utf16_rank(char c)
{
    unsigned char byte = (unsigned char)c;

    return byte == 0xee || byte == 0xef ? byte + 0x10u : byte;
}

static int compare_names(struct text a, struct text b)
{
    for (size_t i = 0; i < a.size && i < b.size; i++)
        if (a.start[i] != b.start[i])
            return utf16_rank(a.start[i]) < utf16_rank(b.start[i]) ? -1 : 1;
    return (a.size > b.size) - (a.size < b.size);
}

static bool write_escape(unsigned char byte, struct buffer *out)
{
    switch (byte) {
    case '"':
        return buffer_append_string(out, "\\\"");
    case '\\':
        return buffer_append_string(out, "\\\\");
    case '\b':
        return buffer_append_string(out, "\\b");
    case '\t':
        return buffer_append_string(out, "\\t");
    case '\n':
        return buffer_append_string(out, "\\n");
    case '\f':
        return buffer_append_string(out, "\\f");
    case '\r':
        return buffer_append_string(out, "\\r");
    default:
        return buffer_printf(out, "\\u%04x", byte);
    }
}

static bool write_string(struct text string, struct buffer *out)
{
    size_t plain = 0; /* where the bytes begin that need no escape */

    if (!text_is_utf8(string))
        return false;
    buffer_append_byte(out, '"');
    for (size_t i = 0; i < string.size; i++) {
        unsigned char byte = (unsigned char)string.start[i];

        if (byte >= 0x20 && byte != '"' && byte != '\\')
            continue;
        buffer_append(out, text_part(string, plain, i - plain));
        write_escape(byte, out);
        plain = i + 1;
    }
    buffer_append(out, text_part(string, plain, string.size - plain));
    return buffer_append_byte(out, '"');
}

static bool write_array(const struct canonical_value *array, unsigned depth, struct buffer *out)
{
    buffer_append_byte(out, '[');
    for (size_t i = 0; i < array->count; i++) {
        if (i)
            buffer_append_byte(out, ',');
        if (!write_value(&array->members[i], depth, out))
            return false;
    }
    return buffer_append_byte(out, ']');
}

/* Fills `sorted`; false when two members share a name. */
static bool sort_members(const struct canonical_value *object,
                         const struct canonical_value *sorted[MEMBERS_LIMIT])
{
    for (size_t i = 0; i < object->count; i++) {
        const struct canonical_value *member = &object->members[i];
        size_t at = i;
        int order = 1;

        while (at && (order = compare_names(member->name, sorted[at - 1]->name)) < 0) {
            sorted[at] = sorted[at - 1];
            at--;
        }
        if (order == 0)
            return false;
        sorted[at] = member;
    }
    return true;
}

static bool write_object(const struct canonical_value *object, unsigned depth, struct buffer *out)
{
    const struct canonical_value *sorted[MEMBERS_LIMIT];

    if (object->count > MEMBERS_LIMIT || !sort_members(object, sorted))
        return false;
    buffer_append_byte(out, '{');
    for (size_t i = 0; i < object->count; i++) {
        if (i)
            buffer_append_byte(out, ',');
        if (!write_string(sorted[i]->name, out))
            return false;
        buffer_append_byte(out, ':');
        if (!write_value(sorted[i], depth, out))
            return false;
    }
    return buffer_append_byte(out, '}');
}

/* `depth` is how many objects and arrays are around the value. */
static bool write_value(const struct canonical_value *value, unsigned depth, struct buffer *out)
{
    switch (value->kind) {
    case CANONICAL_NULL:
        return buffer_append_string(out, "null");
    case CANONICAL_BOOLEAN:
        return buffer_append_string(out, value->boolean ? "true" : "false");
    case CANONICAL_INTEGER:
        return value->integer >= -INTEGER_LIMIT && value->integer <= INTEGER_LIMIT &&
               buffer_printf(out, "%" PRId64, value->integer);
    case CANONICAL_STRING:
        return write_string(value->string, out);
    case CANONICAL_OBJECT:
        return depth < DEPTH_LIMIT && write_object(value, depth + 1, out);
    case CANONICAL_ARRAY:
        return depth < DEPTH_LIMIT && write_array(value, depth + 1, out);
    }
    return false;
}

bool canonical_write(const struct canonical_value *value, struct buffer *out)
{
    size_t before = out->size;

    if (buffer_ok(out) && write_value(value, 0, out))
        return true;
    if (out->start) {
        wipe(out->start + before, out->size - before);
        out->size = before;
    }
    return false;
}
