/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/any_json.h"

#include "tests/support/test.h"

#include <string.h>

#define DEPTH_MAX  5
#define BUDGET     160 /* values in one object: servers count the texts in a request */
#define TEXT_LARGE 40000

/* ---- chance ---------------------------------------------------------------------------------- */

/* Marsaglia's xorshift64: the state is never 0. */
static unsigned random_below(struct any_json *json, unsigned end)
{
    json->state ^= json->state << 13;
    json->state ^= json->state >> 7;
    json->state ^= json->state << 17;
    return (unsigned)(json->state >> 33) % end;
}

static void blanks(struct any_json *json, struct buffer *out)
{
    static const char *const some[] = {"", "", "", " ", "\n", "\t ", "\r\n"};

    buffer_append_string(out, some[random_below(json, sizeof some / sizeof *some)]);
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* From `lowest` on (a blank: nothing that is not printed); many kinds, and those that need an
 * escape. */
static uint32_t random_point(struct any_json *json, uint32_t lowest)
{
    static const uint32_t odd[] = {'"',    '\\',   '/',    '<',     '>',      '&',  '\n',  '\t',
                                   0x7f,   '{',    '}',    ',',     ':',      0xe9, 0x301, 0x2028,
                                   0x2029, 0xfffd, 0xffff, 0x1f600, 0x10ffff, 1,    0x1f,  0};
    uint32_t point;

    switch (random_below(json, 8)) {
    case 0:
    case 1:
        point = odd[random_below(json, sizeof odd / sizeof *odd)];
        break;
    case 2:
        point = 0xa0 + random_below(json, 0xd800 - 0xa0);
        break;
    case 3:
        point = 0xe000 + random_below(json, 0x110000 - 0xe000);
        break;
    default:
        point = ' ' + random_below(json, '~' - ' ' + 1);
        break;
    }
    return point < lowest || (lowest == ' ' && point == 0x7f) ? 'x' : point;
}

static void append_utf8(struct buffer *out, uint32_t c)
{
    if (c < 0x80) {
        buffer_append_byte(out, (char)c);
    } else if (c < 0x800) {
        buffer_append_byte(out, (char)(0xc0 | c >> 6));
        buffer_append_byte(out, (char)(0x80 | (c & 63)));
    } else if (c < 0x10000) {
        buffer_append_byte(out, (char)(0xe0 | c >> 12));
        buffer_append_byte(out, (char)(0x80 | (c >> 6 & 63)));
        buffer_append_byte(out, (char)(0x80 | (c & 63)));
    } else {
        buffer_append_byte(out, (char)(0xf0 | c >> 18));
        buffer_append_byte(out, (char)(0x80 | (c >> 12 & 63)));
        buffer_append_byte(out, (char)(0x80 | (c >> 6 & 63)));
        buffer_append_byte(out, (char)(0x80 | (c & 63)));
    }
}

static void append_unit(struct any_json *json, struct buffer *out, uint32_t unit)
{
    if (random_below(json, 2))
        buffer_printf(out, "\\u%04x", unit);
    else
        buffer_printf(out, "\\u%04X", unit);
}

static void append_escape(struct any_json *json, struct buffer *out, uint32_t c)
{
    if (c < 0x10000) {
        append_unit(json, out, c);
        return;
    }
    append_unit(json, out, 0xd800 + ((c - 0x10000) >> 10));
    append_unit(json, out, 0xdc00 + ((c - 0x10000) & 0x3ff));
}

/* One of the spellings that JSON has for it. */
static void append_spelt(struct any_json *json, struct buffer *out, uint32_t c)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *letter = c && c < 0x80 ? strchr(meanings, (int)c) : NULL;
    bool must = c < 0x20 || c == '"' || c == '\\';

    if (letter && random_below(json, 2))
        buffer_printf(out, "\\%c", letters[letter - meanings]);
    else if (must || random_below(json, 6) == 0)
        append_escape(json, out, c);
    else
        append_utf8(out, c);
}

/* The spelling of whoever sets a field: nothing is escaped that need not be. */
static void append_plainly(struct buffer *out, uint32_t c)
{
    if (c < 0x20)
        buffer_printf(out, "\\u%04x", c);
    else if (c == '"' || c == '\\')
        buffer_printf(out, "\\%c", (int)c);
    else
        append_utf8(out, c);
}

/* `spelt`, `plainly`, `bare` (the text itself): NULL where it is not wanted. */
static void random_text(struct any_json *json, size_t size, uint32_t lowest, struct buffer *spelt,
                        struct buffer *plainly, struct buffer *bare)
{
    for (size_t i = 0; i < size; i++) {
        uint32_t c = random_point(json, lowest);

        if (spelt)
            append_spelt(json, spelt, c);
        if (plainly)
            append_plainly(plainly, c);
        if (bare)
            append_utf8(bare, c);
    }
}

/* ---- values ---------------------------------------------------------------------------------- */

static void random_number(struct any_json *json, struct buffer *out)
{
    static const char *const some[] = {
        "0",
        "-0",
        "0.0",
        "1.10",
        "-1.50",
        "1e3",
        "-2.5E-7",
        "1E+2",
        "1e300",
        "5e-324",
        "0.1",
        "9007199254740993",
        "-9223372036854775808",
        "12345678901234567890123",
        "3.141592653589793238462643",
        "100000000000000000000",
    };

    if (random_below(json, 2))
        buffer_append_string(out, some[random_below(json, sizeof some / sizeof *some)]);
    else
        buffer_printf(out, "%s%u", random_below(json, 2) ? "-" : "", random_below(json, 1000000));
}

static void random_value(struct any_json *json, unsigned depth, struct buffer *out);

/* Its own, whatever the others are: no two end in the same number. */
static void random_name(struct any_json *json, struct buffer *out)
{
    buffer_append_byte(out, '"');
    random_text(json, random_below(json, 6), ' ', out, NULL, NULL);
    buffer_printf(out, "-%u\"", json->names++);
    blanks(json, out);
    buffer_append_byte(out, ':');
    blanks(json, out);
}

static void random_members(struct any_json *json, unsigned depth, char open, struct buffer *out)
{
    unsigned count = random_below(json, 7);

    buffer_append_byte(out, open);
    blanks(json, out);
    for (unsigned i = 0; i < count && json->budget; i++) {
        buffer_append_string(out, i ? "," : "");
        blanks(json, out);
        if (open == '{')
            random_name(json, out);
        random_value(json, depth + 1, out);
        blanks(json, out);
    }
    buffer_append_byte(out, open == '{' ? '}' : ']');
}

static void random_value(struct any_json *json, unsigned depth, struct buffer *out)
{
    static const char *const words[] = {"true", "false", "null"};
    unsigned kind = random_below(json, depth < DEPTH_MAX ? 8 : 6);

    json->budget -= json->budget > 0;
    if (kind < 3) {
        buffer_append_byte(out, '"');
        random_text(json, random_below(json, 40), 0, out, NULL, NULL);
        buffer_append_byte(out, '"');
    } else if (kind == 3) {
        buffer_append_string(out, words[random_below(json, 3)]);
    } else if (kind < 6) {
        random_number(json, out);
    } else {
        random_members(json, depth, kind == 6 ? '{' : '[', out);
    }
}

/* ---- objects --------------------------------------------------------------------------------- */

static void append_both(struct any_json *json, const struct buffer *piece)
{
    buffer_append(&json->before, buffer_text(piece));
    buffer_append(&json->after, buffer_text(piece));
}

static void neighbour(struct any_json *json, bool is_large, struct buffer *piece)
{
    random_name(json, piece);
    if (is_large && random_below(json, 4) == 0) {
        buffer_append_byte(piece, '"');
        random_text(json, random_below(json, TEXT_LARGE), 0, piece, NULL, NULL);
        buffer_append_byte(piece, '"');
    } else {
        random_value(json, 1, piece);
    }
}

/* The field that is set: the same name on both sides, in one spelling, and another value. Where it
 * is added, it is spelt plainly and nothing stands around it. */
static void the_field(struct any_json *json, bool is_large)
{
    struct buffer spelt = {.limit = 1 << 20}, plainly = {.limit = 1 << 20};
    struct buffer *name = json->is_added ? &plainly : &spelt;
    unsigned size = 1 + random_below(json, is_large ? 30000 : 60);

    random_text(json, random_below(json, 8), ' ', &spelt, &plainly, &json->name);
    buffer_printf(name, "-%u", json->names);
    buffer_printf(&json->name, "-%u", json->names++);
    buffer_printf(&json->after, "\"%s\":\"", buffer_text(name).start);
    if (!json->is_added) {
        buffer_printf(&json->before, "\"%s\":\"", buffer_text(name).start);
        random_text(json, random_below(json, 60), 1, &json->before, NULL, &json->old_value);
        buffer_append_byte(&json->before, '"');
    }
    random_text(json, size, 1, NULL, &json->after, &json->new_value);
    buffer_append_byte(&json->after, '"');
    buffer_clear(&spelt);
    buffer_clear(&plainly);
}

static void reset(struct any_json *json)
{
    buffer_reset(&json->before);
    buffer_reset(&json->after);
    buffer_reset(&json->name);
    buffer_reset(&json->old_value);
    buffer_reset(&json->new_value);
    json->budget = BUDGET;
}

void any_json_next(struct any_json *json, bool is_large)
{
    unsigned count = random_below(json, 14), chosen = random_below(json, count + 1);
    struct buffer piece = {.limit = 4 << 20};

    reset(json);
    json->is_added = random_below(json, 3) == 0;
    if (json->is_added)
        chosen = count;
    buffer_append_byte(&piece, '{');
    append_both(json, &piece);
    for (unsigned i = 0; i <= count; i++) {
        buffer_reset(&piece);
        if (i == chosen && json->is_added) {
            buffer_append_string(&json->after, i ? "," : "");
            the_field(json, is_large);
            continue;
        }
        buffer_append_string(&piece, i ? "," : "");
        blanks(json, &piece);
        if (i != chosen)
            neighbour(json, is_large, &piece);
        append_both(json, &piece);
        if (i == chosen)
            the_field(json, is_large);
    }
    buffer_append_byte(&json->before, '}');
    buffer_append_byte(&json->after, '}');
    buffer_clear(&piece);
    assert_true(buffer_ok(&json->before) && buffer_ok(&json->after) && buffer_ok(&json->name) &&
                buffer_ok(&json->old_value) && buffer_ok(&json->new_value));
}

void any_json_init(struct any_json *json, uint64_t seed)
{
    *json = (struct any_json){.state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1,
                              .before.limit = 8 << 20,
                              .after.limit = 8 << 20,
                              .name.limit = 4096,
                              .old_value.limit = 1 << 20,
                              .new_value.limit = 1 << 20};
}

void any_json_clear(struct any_json *json)
{
    reset(json);
    buffer_clear(&json->before);
    buffer_clear(&json->after);
    buffer_clear(&json->name);
    buffer_clear(&json->old_value);
    buffer_clear(&json->new_value);
}
