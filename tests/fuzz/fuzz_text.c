/* SPDX-License-Identifier: Apache-2.0 */
/* Two texts, one a line: every function over texts, held against plainer ways to say the same. */
#include "tests/fuzz/fuzz.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void check_parts(struct text text, char separator)
{
    struct buffer joined = {.limit = text.size + 1};
    struct text rest = text, part;
    bool is_first = true;

    while (text_split(&rest, separator, &part)) {
        assert(!text_contains_byte(part, separator));
        if (!is_first)
            buffer_append_byte(&joined, separator);
        buffer_append(&joined, part);
        is_first = false;
    }
    assert(buffer_ok(&joined) && text_equal(buffer_text(&joined), text));
    buffer_clear(&joined);
}

static void check_number(struct text text)
{
    uint64_t number = 7;
    char shown[24];
    struct text digits = text;

    if (!text_parse_u64(text, UINT64_MAX, &number)) {
        assert(number == 7);
        return;
    }
    while (digits.size > 1 && digits.start[0] == '0')
        digits = text_part(digits, 1, SIZE_MAX);
    snprintf(shown, sizeof(shown), "%" PRIu64, number);
    assert(text_is(digits, shown));
    assert(number == 0 || !text_parse_u64(text, number - 1, &number));
}

static void check_hex(struct text text)
{
    size_t size = text.size;
    char *hex = malloc(2 * size + 1);
    uint8_t *bytes = malloc(size + 1);

    assert(hex && bytes);
    hex_encode((const uint8_t *)text.start, size, hex);
    assert(hex_decode(text_of(hex), bytes, size));
    assert(size == 0 || memcmp(bytes, text.start, size) == 0);
    if (hex_decode(text, bytes, size / 2)) {
        assert(size % 2 == 0);
        hex_encode(bytes, size / 2, hex);
        assert(text_equal_ignoring_case(text_of(hex), text));
    }
    free(hex);
    free(bytes);
}

static void check_trimmed(struct text text)
{
    struct text trimmed = text_trim(text);

    assert(trimmed.size <= text.size && text_equal(text_trim(trimmed), trimmed));
    assert(text_find(text, trimmed) != SIZE_MAX);
}

static void check_pair(struct text a, struct text b)
{
    const char *found = memmem(a.start, a.size, b.start, b.size);
    size_t at = text_find(a, b);

    assert(at == (found ? (size_t)(found - a.start) : SIZE_MAX));
    assert(text_starts_with(a, b) == (at == 0));
    assert(!text_ends_with(a, b) || at != SIZE_MAX);
    assert(!text_starts_with(a, b) || text_starts_with_ignoring_case(a, b));
    assert(text_equal(a, b) == (text_compare(a, b) == 0));
    assert((text_compare(a, b) < 0) == (text_compare(b, a) > 0));
    assert(!text_equal(a, b) || text_equal_ignoring_case(a, b));
    assert(text_distance(a, b) == text_distance(b, a));
    assert(a.size > 64 || text_distance(a, a) == 0);
    if (!text_contains_byte(b, '*'))
        assert(text_matches(a, b) == text_equal_ignoring_case(a, b));
    assert(text_matches(a, TEXT("*")) && text_matches(a, TEXT("**")));
    (void)text_matches(a, b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rest = {(const char *)data, size < 2048 ? size : 2048};
    struct text first, whole = rest;
    char *copy;

    check_parts(whole, '\n');
    check_parts(whole, ',');
    first = fuzz_line(&rest);
    check_pair(first, rest);
    check_pair(rest, first);
    check_number(first);
    check_hex(first);
    check_trimmed(whole);
    (void)text_is_utf8(whole);
    assert(text_is_printable(whole) <= !text_contains_byte(whole, '\n'));
    copy = text_copy(first);
    assert(copy && (text_contains_byte(first, '\0') || text_is(first, copy)));
    free(copy);
    return 0;
}
