/* SPDX-License-Identifier: Apache-2.0 */
/* A strict JSON scanner that only ever looks at offsets.
 *
 * Member names of the object being read are kept on one stack shared by all levels; an object sorts
 * its own when it ends, so that even twenty thousand fields are checked for duplicates in n log n.
 */
#include "vaultclient/splice.h"

#include "base/memory.h"
#include "base/secret.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct scanner {
    struct text json;
    size_t at;
    unsigned depth;
    struct text *names; /* raw, with their quotes */
    size_t name_count, name_room;
    bool has_escaped_names; /* one thing can be spelt in two ways */
    struct failure *why;
};

static bool refuse(struct scanner *scanner, const char *what)
{
    return failure_set(scanner->why, FAILURE_PROTOCOL, "broken JSON at byte %zu: %s", scanner->at,
                       what);
}

/* ---- strings --------------------------------------------------------------------------------- */

/* Four hex digits at `at`, or -1. */
static int32_t hex4(struct text text, size_t at)
{
    uint8_t bytes[2];

    if (!hex_decode(text_part(text, at, 4), bytes, 2))
        return -1;
    return bytes[0] << 8 | bytes[1];
}

/* The code point of the escape whose backslash is at `*at`, which moves behind it; -1 when it is
 * none. */
static int32_t read_escape(struct text text, size_t *at)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    char letter = *at + 1 < text.size ? text.start[*at + 1] : '\0';
    const char *known = letter ? strchr(letters, letter) : NULL;
    int32_t high, low;

    *at += 2;
    if (known)
        return meanings[known - letters];
    if (letter != 'u' || (high = hex4(text, *at)) < 0)
        return -1;
    *at += 4;
    if (high < 0xd800 || high > 0xdfff)
        return high;
    if (high > 0xdbff || !text_starts_with(text_part(text, *at, 2), TEXT("\\u")))
        return -1;
    low = hex4(text, *at + 2);
    if (low < 0xdc00 || low > 0xdfff)
        return -1;
    *at += 6;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

static size_t write_utf8(int32_t point, char out[4])
{
    uint32_t c = (uint32_t)point;

    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 63));
        out[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 63));
    out[2] = (char)(0x80 | (c >> 6 & 63));
    out[3] = (char)(0x80 | (c & 63));
    return 4;
}

/* Most letters of an answer stand for themselves. */
static bool is_plain(char letter)
{
    unsigned char c = (unsigned char)letter;

    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

#define EIGHT   sizeof(uint64_t)
#define EACH(c) (UINT64_C(0x0101010101010101) * (c))

/* The top bit of each byte that is zero; what stands above such a byte may be wrong. */
static uint64_t zeros(uint64_t bytes)
{
    return (bytes - EACH(1)) & ~bytes & EACH(0x80);
}

/* is_plain() of eight letters at once. */
static bool are_plain(const char *at)
{
    uint64_t bytes;

    memcpy(&bytes, at, EIGHT);
    return !((bytes & EACH(0x80)) | ((bytes - EACH(0x20)) & ~bytes & EACH(0x80)) |
             zeros(bytes ^ EACH('"')) | zeros(bytes ^ EACH('\\')));
}

/* Moves behind an escape or a letter outside ASCII; refuses what is neither. */
static bool scan_odd_letter(struct scanner *scanner)
{
    unsigned char c = (unsigned char)scanner->json.start[scanner->at];
    size_t size;

    if (c < 0x20)
        return refuse(scanner, "a control character in a string");
    if (c == '\\')
        return read_escape(scanner->json, &scanner->at) >= 0 ||
               refuse(scanner, "an unknown escape or half a surrogate pair");
    size = text_letter_size(text_part(scanner->json, scanner->at, SIZE_MAX));
    scanner->at += size;
    return size || refuse(scanner, "a string that is not UTF-8");
}

static bool scan_string(struct scanner *scanner, struct text *raw)
{
    struct text json = scanner->json;
    size_t from = scanner->at, at = from + 1;

    for (;;) {
        while (json.size - at >= EIGHT && are_plain(json.start + at))
            at += EIGHT;
        while (at < json.size && is_plain(json.start[at]))
            at++;
        scanner->at = at;
        if (at >= json.size)
            return refuse(scanner, "a string without end");
        if (json.start[at] == '"')
            break;
        if (!scan_odd_letter(scanner))
            return false;
        at = scanner->at;
    }
    scanner->at++;
    *raw = text_part(json, from, scanner->at - from);
    return true;
}

/* The bytes of a checked raw string, one after the other. */
struct reader {
    struct text raw;
    size_t at;
    char pending[4];
    size_t pending_size, pending_at;
};

static struct reader reader_of(struct text raw)
{
    return (struct reader){.raw = text_part(raw, 1, raw.size - 2)};
}

/* -1 at the end. */
static int next_byte(struct reader *reader)
{
    if (reader->pending_at < reader->pending_size)
        return (unsigned char)reader->pending[reader->pending_at++];
    if (reader->at >= reader->raw.size)
        return -1;
    if (reader->raw.start[reader->at] != '\\')
        return (unsigned char)reader->raw.start[reader->at++];
    reader->pending_size = write_utf8(read_escape(reader->raw, &reader->at), reader->pending);
    reader->pending_at = 1;
    return (unsigned char)reader->pending[0];
}

/* By the bytes that the names stand for. */
static int compare_names(const void *left, const void *right)
{
    struct reader a = reader_of(*(const struct text *)left);
    struct reader b = reader_of(*(const struct text *)right);

    for (;;) {
        int x = next_byte(&a), y = next_byte(&b);

        if (x != y)
            return x < y ? -1 : 1;
        if (x < 0)
            return 0;
    }
}

/* Any order that puts equal ones side by side will do: most differ in size. */
static int compare_plain_names(const void *left, const void *right)
{
    const struct text *a = left, *b = right;

    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    return memcmp(a->start, b->start, a->size);
}

static bool raw_is(struct text raw, struct text plain)
{
    struct reader reader = reader_of(raw);

    if (!text_contains_byte(raw, '\\'))
        return text_equal(reader.raw, plain);
    for (size_t i = 0; i < plain.size; i++)
        if (next_byte(&reader) != (unsigned char)plain.start[i])
            return false;
    return next_byte(&reader) < 0;
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct scanner *scanner)
{
    while (scanner->at < scanner->json.size && is_blank(scanner->json.start[scanner->at]))
        scanner->at++;
}

/* The next byte, or NUL at the end. */
static char peek(const struct scanner *scanner)
{
    return scanner->at < scanner->json.size ? scanner->json.start[scanner->at] : '\0';
}

static bool take(struct scanner *scanner, char c)
{
    if (peek(scanner) != c || scanner->at >= scanner->json.size)
        return false;
    scanner->at++;
    return true;
}

static bool take_digits(struct scanner *scanner)
{
    size_t from = scanner->at;

    while (peek(scanner) >= '0' && peek(scanner) <= '9')
        scanner->at++;
    return scanner->at > from;
}

static bool scan_number(struct scanner *scanner)
{
    take(scanner, '-');
    if (!take(scanner, '0') && !take_digits(scanner))
        return refuse(scanner, "not a value");
    if (take(scanner, '.') && !take_digits(scanner))
        return refuse(scanner, "a number without digits behind its point");
    if (take(scanner, 'e') || take(scanner, 'E')) {
        if (!take(scanner, '+'))
            take(scanner, '-');
        if (!take_digits(scanner))
            return refuse(scanner, "a number without digits in its exponent");
    }
    return true;
}

static bool scan_word(struct scanner *scanner, struct text word)
{
    if (!text_starts_with(text_part(scanner->json, scanner->at, SIZE_MAX), word))
        return refuse(scanner, "not a value");
    scanner->at += word.size;
    return true;
}

static bool scan_value(struct scanner *scanner);

static bool remember_name(struct scanner *scanner, struct text name)
{
    if (scanner->name_count == scanner->name_room) {
        size_t room = scanner->name_room ? scanner->name_room * 2 : 32;
        struct text *names = memory_resize_array(scanner->names, room, sizeof *names);

        if (!names)
            return failure_out_of_memory(scanner->why);
        scanner->names = names;
        scanner->name_room = room;
    }
    scanner->names[scanner->name_count++] = name;
    scanner->has_escaped_names |= text_contains_byte(name, '\\');
    return true;
}

/* Forgets the names from `first` on: the object they belong to has ended. */
static bool check_names(struct scanner *scanner, size_t first)
{
    int (*compare)(const void *, const void *) =
        scanner->has_escaped_names ? compare_names : compare_plain_names;
    struct text *names = scanner->names + first;
    size_t count = scanner->name_count - first;

    scanner->name_count = first;
    if (count < 2)
        return true;
    qsort(names, count, sizeof *names, compare);
    for (size_t i = 1; i < count; i++)
        if (compare(&names[i - 1], &names[i]) == 0)
            return refuse(scanner, "two members of one object have the same name");
    return true;
}

static bool scan_member(struct scanner *scanner)
{
    struct text name;

    skip_blanks(scanner);
    if (peek(scanner) != '"')
        return refuse(scanner, "a member without a name");
    if (!scan_string(scanner, &name) || !remember_name(scanner, name))
        return false;
    skip_blanks(scanner);
    if (!take(scanner, ':'))
        return refuse(scanner, "a member without a value");
    return scan_value(scanner);
}

static bool scan_object(struct scanner *scanner)
{
    size_t first = scanner->name_count;

    scanner->at++;
    skip_blanks(scanner);
    if (take(scanner, '}'))
        return true;
    do {
        if (!scan_member(scanner))
            return false;
        skip_blanks(scanner);
    } while (take(scanner, ','));
    if (!take(scanner, '}'))
        return refuse(scanner, "an object without end");
    return check_names(scanner, first);
}

static bool scan_array(struct scanner *scanner)
{
    scanner->at++;
    skip_blanks(scanner);
    if (take(scanner, ']'))
        return true;
    do {
        if (!scan_value(scanner))
            return false;
        skip_blanks(scanner);
    } while (take(scanner, ','));
    return take(scanner, ']') || refuse(scanner, "an array without end");
}

static bool scan_bare_value(struct scanner *scanner)
{
    struct text ignored;

    switch (peek(scanner)) {
    case '{':
        return scan_object(scanner);
    case '[':
        return scan_array(scanner);
    case '"':
        return scan_string(scanner, &ignored);
    case 't':
        return scan_word(scanner, TEXT("true"));
    case 'f':
        return scan_word(scanner, TEXT("false"));
    case 'n':
        return scan_word(scanner, TEXT("null"));
    default:
        return scan_number(scanner);
    }
}

static bool scan_value(struct scanner *scanner)
{
    bool ok;

    if (scanner->depth == SPLICE_DEPTH)
        return refuse(scanner, "nested too deeply");
    scanner->depth++;
    skip_blanks(scanner);
    ok = scan_bare_value(scanner);
    scanner->depth--;
    return ok;
}

bool vault_splice_check(struct text json, struct failure *why)
{
    struct scanner scanner = {.json = json, .why = why};
    bool ok = scan_value(&scanner);

    if (ok) {
        skip_blanks(&scanner);
        ok = scanner.at == json.size || refuse(&scanner, "something behind the end");
    }
    memory_free(scanner.names);
    return ok;
}

/* ---- on checked text ------------------------------------------------------------------------- */

static bool is_escaped(const char *from, const char *at)
{
    bool is = false;

    while (at > from && *--at == '\\')
        is = !is;
    return is;
}

/* The offset behind the string at `at`, known to be well-formed. */
static size_t behind_string(struct text json, size_t at)
{
    const char *from = json.start + at + 1, *end = json.start + json.size;

    for (const char *quote = from; (quote = memchr(quote, '"', (size_t)(end - quote))); quote++)
        if (!is_escaped(from, quote))
            return (size_t)(quote + 1 - json.start);
    return json.size;
}

/* Behind a number or a word: they end where punctuation or white space begins. */
static size_t behind_word(struct text json, size_t at)
{
    while (at < json.size && json.start[at] != ',' && json.start[at] != '}' &&
           json.start[at] != ']' && !is_blank(json.start[at]))
        at++;
    return at;
}

/* Behind any value known to be well-formed: no names, no recursion. */
static size_t behind_value(struct text json, size_t at)
{
    size_t open = 0;

    if (at < json.size && json.start[at] != '{' && json.start[at] != '[')
        return json.start[at] == '"' ? behind_string(json, at) : behind_word(json, at);
    while (at < json.size) {
        char c = json.start[at];

        if (c == '"') {
            at = behind_string(json, at);
            continue;
        }
        at++;
        if (c == '{' || c == '[')
            open++;
        else if ((c == '}' || c == ']') && --open == 0)
            break;
    }
    return at;
}

bool vault_splice_member(struct text object, struct text name, struct text *value)
{
    struct scanner scanner = {.json = text_trim(object)};

    if (!take(&scanner, '{'))
        return false;
    do {
        struct text found;
        size_t from;

        skip_blanks(&scanner);
        if (peek(&scanner) != '"')
            return false;
        from = scanner.at;
        scanner.at = behind_string(scanner.json, from);
        found = text_part(scanner.json, from, scanner.at - from);
        skip_blanks(&scanner);
        if (!take(&scanner, ':'))
            return false;
        skip_blanks(&scanner);
        from = scanner.at;
        scanner.at = behind_value(scanner.json, from);
        if (raw_is(found, name)) {
            *value = text_part(scanner.json, from, scanner.at - from);
            return true;
        }
        skip_blanks(&scanner);
    } while (take(&scanner, ','));
    return false;
}

bool vault_splice_decode(struct text value, struct buffer *out)
{
    struct reader reader;
    int byte;

    if (value.size < 2 || value.start[0] != '"')
        return false;
    reader = reader_of(value);
    while ((byte = next_byte(&reader)) >= 0)
        buffer_append_byte(out, (char)byte);
    wipe(&reader, sizeof reader);
    return buffer_ok(out);
}

bool vault_splice_encode(struct text text, struct buffer *out)
{
    if (!text_is_utf8(text))
        return false;
    buffer_append_byte(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.start[i];

        if (c < 0x20)
            buffer_printf(out, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            buffer_append(out, (struct text){(char[2]){'\\', (char)c}, 2});
        else
            buffer_append_byte(out, (char)c);
    }
    return buffer_append_byte(out, '"');
}

bool vault_splice_set(struct text object, struct text name, struct text value, struct buffer *out)
{
    struct text bare = text_trim(object), old;

    if (text_is(bare, "null"))
        bare = TEXT("{}");
    if (!bare.size || bare.start[0] != '{')
        return false;
    if (vault_splice_member(bare, name, &old)) {
        size_t at = (size_t)(old.start - bare.start);

        buffer_append(out, text_part(bare, 0, at));
        if (!vault_splice_encode(value, out))
            return false;
        return buffer_append(out, text_part(bare, at + old.size, SIZE_MAX));
    }
    buffer_append(out, text_part(bare, 0, bare.size - 1));
    if (text_trim(text_part(bare, 1, bare.size - 2)).size)
        buffer_append_byte(out, ',');
    if (!vault_splice_encode(name, out) || !buffer_append_byte(out, ':') ||
        !vault_splice_encode(value, out))
        return false;
    return buffer_append_byte(out, '}');
}
