/* SPDX-License-Identifier: Apache-2.0 */
/* Views of text. Nothing here knows a locale: letters, digits and white space are those of ASCII,
 * and every search runs in bounded space without recursion, whatever the bytes are. */
#include "base/text.h"

#include "base/memory.h"

#include <limits.h>
#include <string.h>

#define DISTANCE_LIMIT 64

int text_printf_size(struct text text)
{
    return text.size > INT_MAX ? INT_MAX : (int)text.size;
}

struct text text_of(const char *string)
{
    if (!string)
        return TEXT("");
    return (struct text){string, strlen(string)};
}

struct text text_part(struct text text, size_t from, size_t size)
{
    if (!text.start)
        return text;
    if (from > text.size)
        from = text.size;
    if (size > text.size - from)
        size = text.size - from;
    return (struct text){text.start + from, size};
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool text_equal(struct text a, struct text b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.start, b.start, a.size) == 0);
}

bool text_is(struct text text, const char *string)
{
    return text_equal(text, text_of(string));
}

bool text_equal_ignoring_case(struct text a, struct text b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (lower(a.start[i]) != lower(b.start[i]))
            return false;
    return true;
}

int text_compare(struct text a, struct text b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common ? memcmp(a.start, b.start, common) : 0;

    return order ? order : (a.size > b.size) - (a.size < b.size);
}

bool text_starts_with(struct text text, struct text prefix)
{
    return text.size >= prefix.size && text_equal(text_part(text, 0, prefix.size), prefix);
}

bool text_starts_with_ignoring_case(struct text text, struct text prefix)
{
    return text.size >= prefix.size &&
           text_equal_ignoring_case(text_part(text, 0, prefix.size), prefix);
}

bool text_ends_with(struct text text, struct text suffix)
{
    return text.size >= suffix.size &&
           text_equal(text_part(text, text.size - suffix.size, suffix.size), suffix);
}

size_t text_find(struct text text, struct text needle)
{
    const char *found;

    if (needle.size == 0)
        return 0;
    if (needle.size > text.size)
        return SIZE_MAX;
    found = memmem(text.start, text.size, needle.start, needle.size);
    return found ? (size_t)(found - text.start) : SIZE_MAX;
}

bool text_contains_byte(struct text text, char byte)
{
    return text.size && memchr(text.start, byte, text.size);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct text text_trim(struct text text)
{
    while (text.size && is_space(text.start[0])) {
        text.start++;
        text.size--;
    }
    while (text.size && is_space(text.start[text.size - 1]))
        text.size--;
    return text;
}

bool text_split(struct text *rest, char separator, struct text *part)
{
    const char *end;

    if (!rest->start)
        return false;
    end = rest->size ? memchr(rest->start, separator, rest->size) : NULL;
    if (!end) {
        *part = *rest;
        *rest = (struct text){NULL, 0};
        return true;
    }
    *part = (struct text){rest->start, (size_t)(end - rest->start)};
    *rest = (struct text){end + 1, rest->size - part->size - 1};
    return true;
}

bool text_parse_u64(struct text text, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;

    if (text.size == 0)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)((unsigned char)text.start[i] - '0');

        if (digit > 9 || digit > max || value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret = value;
    return true;
}

/* The size of the well-formed sequence at the start of `bytes`, 0 when there is none. Only the
 * second byte has a range that depends on the first: this is where overlong forms, surrogates and
 * values over U+10FFFF are told apart (Unicode, table 3-7). */
static size_t utf8_sequence(const unsigned char *bytes, size_t size)
{
    unsigned char low = 0x80, high = 0xbf;
    size_t length;

    if (bytes[0] < 0x80)
        return 1;
    if (bytes[0] < 0xc2 || bytes[0] > 0xf4)
        return 0;
    length = bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
    if (size < length)
        return 0;
    if (bytes[0] == 0xe0)
        low = 0xa0;
    if (bytes[0] == 0xed)
        high = 0x9f;
    if (bytes[0] == 0xf0)
        low = 0x90;
    if (bytes[0] == 0xf4)
        high = 0x8f;
    if (bytes[1] < low || bytes[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

size_t text_letter_size(struct text text)
{
    if (!text.start || !text.size)
        return 0;
    return utf8_sequence((const unsigned char *)text.start, text.size);
}

bool text_is_utf8(struct text text)
{
    const unsigned char *bytes = (const unsigned char *)text.start;

    for (size_t at = 0, length; at < text.size; at += length)
        if (!(length = utf8_sequence(bytes + at, text.size - at)))
            return false;
    return true;
}

bool text_is_printable(struct text text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.start[i];

        if (byte < 0x20 || byte == 0x7f)
            return false;
    }
    return true;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: three rows of the table are alive, the oldest for the swap. */
size_t text_distance(struct text a, struct text b)
{
    size_t rows[3][DISTANCE_LIMIT + 1];

    if (a.size > DISTANCE_LIMIT || b.size > DISTANCE_LIMIT)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        const size_t *above = rows[(i - 1) % 3], *oldest = rows[(i + 1) % 3];
        size_t *row = rows[i % 3];

        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            bool same = a.start[i - 1] == b.start[j - 1];

            row[j] = smaller(above[j - 1] + !same, smaller(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a.start[i - 1] == b.start[j - 2] &&
                a.start[i - 2] == b.start[j - 1])
                row[j] = smaller(row[j], oldest[j - 2] + 1);
        }
    }
    return rows[a.size % 3][b.size];
}

/* Only the last '*' seen ever needs another try: what came before it has matched as early as it
 * can, and a later match there would leave less for the rest. */
bool text_matches(struct text text, struct text pattern)
{
    size_t at = 0, in_pattern = 0, after_star = SIZE_MAX, retry_at = 0;

    while (at < text.size) {
        if (in_pattern < pattern.size && pattern.start[in_pattern] == '*') {
            after_star = ++in_pattern;
            retry_at = at;
        } else if (in_pattern < pattern.size &&
                   lower(pattern.start[in_pattern]) == lower(text.start[at])) {
            in_pattern++;
            at++;
        } else if (after_star != SIZE_MAX) {
            in_pattern = after_star;
            at = ++retry_at;
        } else {
            return false;
        }
    }
    while (in_pattern < pattern.size && pattern.start[in_pattern] == '*')
        in_pattern++;
    return in_pattern == pattern.size;
}

char *text_copy(struct text text)
{
    char *copy;

    if (text.size == SIZE_MAX || !(copy = memory_allocate(text.size + 1)))
        return NULL;
    if (text.size)
        memcpy(copy, text.start, text.size);
    copy[text.size] = '\0';
    return copy;
}

void hex_encode(const uint8_t *bytes, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(struct text text, uint8_t *bytes, size_t size)
{
    if (text.size % 2 || text.size / 2 != size)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = hex_value(text.start[2 * i]), low = hex_value(text.start[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
