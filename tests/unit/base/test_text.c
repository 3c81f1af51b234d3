/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include "tests/unit/base/assert_text.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* TEXT() is no constant, which a static table needs. */
#define CONSTANT(literal)                                                                          \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static const struct text nothing = {NULL, 0};

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

TEST(null_gives_the_empty_text)
{
    assert_int_equal(text_of(NULL).size, 0);
    assert_true(text_equal(text_of(NULL), nothing));
    assert_int_equal(text_of("four").size, 4);
}

TEST(a_part_is_clamped_to_its_text)
{
    struct text text = TEXT("abcdef");

    assert_text_is(text_part(text, 1, 3), "bcd");
    assert_text_is(text_part(text, 0, 6), "abcdef");
    assert_text_is(text_part(text, 4, 10), "ef");
    assert_text_is(text_part(text, 4, SIZE_MAX), "ef");
    assert_text_is(text_part(text, 6, 1), "");
    assert_text_is(text_part(text, SIZE_MAX, SIZE_MAX), "");
    assert_int_equal(text_part(nothing, 3, 3).size, 0);
}

TEST(equality_is_of_all_bytes)
{
    assert_true(text_is(TEXT("a"), "a"));
    assert_false(text_is(TEXT("a"), "A"));
    assert_false(text_is(TEXT("a"), "ab"));
    assert_true(text_is(nothing, ""));
    assert_true(text_is(nothing, NULL));
    assert_true(text_equal(TEXT("a\0b"), TEXT("a\0b")));
    assert_false(text_equal(TEXT("a\0b"), TEXT("a\0c")));
}

TEST(case_is_ignored_for_ascii_letters_only)
{
    assert_true(text_equal_ignoring_case(TEXT("Retry-After"), TEXT("rETRY-aFTER")));
    assert_true(text_equal_ignoring_case(nothing, TEXT("")));
    assert_false(text_equal_ignoring_case(TEXT("abc"), TEXT("abcd")));
    assert_false(text_equal_ignoring_case(TEXT("@["), TEXT("`{")));
    assert_false(text_equal_ignoring_case(TEXT("\xc3\x84"), TEXT("\xc3\xa4")));
}

TEST(texts_compare_by_bytes)
{
    assert_int_equal(text_compare(nothing, TEXT("")), 0);
    assert_int_equal(text_compare(TEXT("b"), TEXT("b")), 0);
    assert_int_equal(sign(text_compare(TEXT("a"), TEXT("b"))), -1);
    assert_int_equal(sign(text_compare(TEXT("b"), TEXT("a"))), 1);
    assert_int_equal(sign(text_compare(TEXT("ab"), TEXT("abc"))), -1);
    assert_int_equal(sign(text_compare(TEXT("b"), TEXT("abc"))), 1);
    assert_int_equal(sign(text_compare(TEXT("a"), nothing)), 1);
    assert_int_equal(sign(text_compare(TEXT("\xff"), TEXT("a"))), 1);
}

TEST(prefixes_and_suffixes_are_found)
{
    assert_true(text_starts_with(TEXT("kv/app"), TEXT("kv/")));
    assert_true(text_starts_with(TEXT("kv"), TEXT("kv")));
    assert_true(text_starts_with(TEXT("kv"), nothing));
    assert_false(text_starts_with(TEXT("kv"), TEXT("kv/")));
    assert_false(text_starts_with(TEXT("KV/app"), TEXT("kv/")));
    assert_true(text_starts_with_ignoring_case(TEXT("BEARER x"), TEXT("bearer ")));
    assert_false(text_starts_with_ignoring_case(TEXT("BEAR"), TEXT("bearer ")));
    assert_true(text_ends_with(TEXT("state.db"), TEXT(".db")));
    assert_true(text_ends_with(TEXT(".db"), TEXT(".db")));
    assert_true(text_ends_with(TEXT("x"), nothing));
    assert_false(text_ends_with(TEXT("db"), TEXT(".db")));
    assert_false(text_ends_with(TEXT("state.dB"), TEXT(".db")));
}

TEST(a_needle_is_found_at_its_first_place)
{
    assert_int_equal(text_find(TEXT("abcabc"), TEXT("bc")), 1);
    assert_int_equal(text_find(TEXT("abc"), TEXT("abc")), 0);
    assert_int_equal(text_find(TEXT("aab"), TEXT("ab")), 1);
    assert_int_equal(text_find(TEXT("a\0b"), TEXT("b")), 2);
    assert_int_equal(text_find(TEXT("abc"), TEXT("")), 0);
    assert_int_equal(text_find(nothing, nothing), 0);
    assert_true(text_find(TEXT("abc"), TEXT("abcd")) == SIZE_MAX);
    assert_true(text_find(TEXT("abc"), TEXT("x")) == SIZE_MAX);
    assert_true(text_find(nothing, TEXT("x")) == SIZE_MAX);
    assert_true(text_contains_byte(TEXT("a\0b"), 'b'));
    assert_false(text_contains_byte(TEXT("a"), '\0'));
    assert_false(text_contains_byte(nothing, 'a'));
}

TEST(trimming_takes_ascii_white_space_at_both_ends)
{
    assert_text_is(text_trim(TEXT(" \t\n\v\f\r a b \r\n")), "a b");
    assert_text_is(text_trim(TEXT("a")), "a");
    assert_text_is(text_trim(TEXT(" \n ")), "");
    assert_text_is(text_trim(TEXT("")), "");
    assert_text_is(text_trim(TEXT("\xc2\xa0x")), "\xc2\xa0x");
    assert_int_equal(text_trim(nothing).size, 0);
}

TEST(splitting_keeps_empty_parts)
{
    static const struct {
        const char *text, *joined;
    } table[] = {
        {"a,,b", "<a><><b>"}, {"", "<>"},           {",", "<><>"},
        {"abc", "<abc>"},     {"a,b,", "<a><b><>"}, {",a", "<><a>"},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        struct text rest = text_of(table[i].text), part;
        char joined[64] = "";

        while (text_split(&rest, ',', &part)) {
            size_t size = strlen(joined);

            snprintf(joined + size, sizeof(joined) - size, "<%.*s>", TEXT_ARG(part));
        }
        assert_string_equal(joined, table[i].joined);
        assert_null(rest.start);
        assert_false(text_split(&rest, ',', &part));
    }
}

TEST(numbers_are_digits_up_to_a_limit)
{
    static const struct {
        const char *text;
        uint64_t max, expected;
        bool ok;
    } table[] = {
        {"0", 0, 0, true},
        {"1", 0, 0, false},
        {"9", 8, 0, false},
        {"8", 8, 8, true},
        {"007", 7, 7, true},
        {"65535", 65535, 65535, true},
        {"65536", 65535, 0, false},
        {"18446744073709551615", UINT64_MAX, UINT64_MAX, true},
        {"18446744073709551616", UINT64_MAX, 0, false},
        {"184467440737095516150", UINT64_MAX, 0, false},
        {"99999999999999999999", UINT64_MAX, 0, false},
        {"", 9, 0, false},
        {"-1", 9, 0, false},
        {"+1", 9, 0, false},
        {" 1", 9, 0, false},
        {"1 ", 9, 0, false},
        {"0x1", 99, 0, false},
        {"1/", 99, 0, false},
        {"1:", 99, 0, false},
        {"\xd9\xa1", 99, 0, false},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        uint64_t value = 4711;

        assert_int_equal(text_parse_u64(text_of(table[i].text), table[i].max, &value), table[i].ok);
        assert_true(value == (table[i].ok ? table[i].expected : 4711));
    }
}

TEST(malformed_utf8_is_told_from_well_formed)
{
    static const struct {
        struct text text;
        bool ok;
    } table[] = {
        {CONSTANT(""), true},
        {CONSTANT("plain"), true},
        {CONSTANT("a\0b"), true},
        {CONSTANT("\xc3\xb6\xe2\x82\xac\xf0\x9f\x98\x80"), true},
        {CONSTANT("\x80"), false},
        {CONSTANT("\xc3"), false},
        {CONSTANT("x\xe2\x82"), false},
        {CONSTANT("\xf0\x9f\x98"), false},
        {CONSTANT("\xe2\x82x"), false},
        {CONSTANT("\xc0\xaf"), false},
        {CONSTANT("\xe0\x9f\xbf"), false},
        {CONSTANT("\xf0\x8f\xbf\xbf"), false},
        {CONSTANT("\xed\xa0\x80"), false},
        {CONSTANT("\xf4\x90\x80\x80"), false},
        {CONSTANT("\xf8\x88\x80\x80\x80"), false},
        {CONSTANT("\xfe"), false},
        {CONSTANT("\xff"), false},
    };

    assert_true(text_is_utf8(nothing));
    for (size_t i = 0; i < COUNT(table); i++) {
        size_t size = table[i].text.size;
        char *exact = malloc(size ? size : 1); /* so that a sanitizer sees a byte read too many */

        assert_non_null(exact);
        memcpy(exact, table[i].text.start, size);
        assert_int_equal(text_is_utf8((struct text){exact, size}), table[i].ok);
        free(exact);
    }
}

/* Every text of three bytes whose first is not ASCII: those of two bytes and then ASCII, and the
 * letters from U+0800 to U+FFFF without the surrogates. */
TEST(a_letter_has_the_size_of_its_sequence)
{
    assert_int_equal(text_letter_size(TEXT("")), 0);
    assert_int_equal(text_letter_size((struct text){NULL, 0}), 0);
    assert_int_equal(text_letter_size(TEXT("ab")), 1);
    assert_int_equal(text_letter_size(TEXT("\xc3\xa4x")), 2);
    assert_int_equal(text_letter_size(TEXT("\xe2\x82\xac")), 3);
    assert_int_equal(text_letter_size(TEXT("\xf0\x9f\x94\x91")), 4);
    assert_int_equal(text_letter_size(TEXT("\xe2\x82")), 0);
    assert_int_equal(text_letter_size(TEXT("\x80")), 0);
}

TEST(utf8_of_three_bytes_is_exactly_what_it_should_be)
{
    size_t count = 0;

    for (uint32_t i = 0x800000; i <= 0xffffff; i++) {
        char bytes[] = {(char)(i >> 16), (char)(i >> 8 & 255), (char)(i & 255)};

        count += text_is_utf8((struct text){bytes, 3});
    }
    assert_int_equal(count, 1920 * 128 + 0xf800 - 0x800);
}

TEST(utf8_of_four_bytes_ends_at_10ffff)
{
    static const unsigned char edges[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
    size_t count = 0;

    for (unsigned lead = 0xf0; lead <= 0xff; lead++)
        for (unsigned second = 0; second <= 0xff; second++)
            for (size_t i = 0; i < COUNT(edges) * COUNT(edges); i++) {
                char bytes[] = {(char)lead, (char)second, (char)edges[i / COUNT(edges)],
                                (char)edges[i % COUNT(edges)]};

                count += text_is_utf8((struct text){bytes, 4});
            }
    assert_int_equal(count, 0x100000 / 0x1000 * 4);
}

TEST(control_characters_are_not_printable)
{
    assert_true(text_is_printable(TEXT(" ~\xc3\xb6")));
    assert_true(text_is_printable(nothing));
    assert_false(text_is_printable(TEXT("a\n")));
    assert_false(text_is_printable(TEXT("\x7f")));
    assert_false(text_is_printable(TEXT("\x1f")));
    assert_false(text_is_printable(TEXT("\0")));
}

TEST(distance_counts_single_letter_edits)
{
    static const struct {
        const char *a, *b;
        size_t distance;
    } table[] = {
        {"", "", 0},
        {"abc", "abc", 0},
        {"", "abc", 3},
        {"abc", "abd", 1},
        {"abc", "abcd", 1},
        {"abc", "bc", 1},
        {"abc", "acb", 1},
        {"ca", "abc", 3}, /* 2 if a swapped pair could be edited again */
        {"kitten", "sitting", 3},
        {"vualt", "vault", 1},
        {"slcak", "slack", 1},
        {"abcdef", "badcfe", 3},
        {"interval", "intervals", 1},
        {"Vault", "vault", 1},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        assert_int_equal(text_distance(text_of(table[i].a), text_of(table[i].b)),
                         table[i].distance);
        assert_int_equal(text_distance(text_of(table[i].b), text_of(table[i].a)),
                         table[i].distance);
    }
    assert_int_equal(text_distance(nothing, TEXT("ab")), 2);
}

TEST(long_texts_are_infinitely_far_apart)
{
    char long_text[65];

    memset(long_text, 'x', sizeof(long_text));
    assert_int_equal(text_distance((struct text){long_text, 64}, TEXT("")), 64);
    assert_int_equal(text_distance((struct text){long_text, 64}, (struct text){long_text, 64}), 0);
    assert_true(text_distance((struct text){long_text, 65}, TEXT("x")) == SIZE_MAX);
    assert_true(text_distance(TEXT("x"), (struct text){long_text, 65}) == SIZE_MAX);
}

TEST(patterns_match_without_case)
{
    assert_true(text_matches(TEXT("prod-EU-1"), TEXT("PROD-*-1")));
    assert_true(text_matches(nothing, TEXT("*")));
    assert_true(text_matches(nothing, nothing));
    assert_false(text_matches(TEXT("a"), nothing));
    assert_false(text_matches(TEXT("a?"), TEXT("ab")));
    assert_true(text_matches(TEXT("a*b"), TEXT("a*b")));
}

/* The definition, as slow as it is short. */
static bool matches_by_definition(const char *text, const char *pattern)
{
    if (*pattern == '*')
        return matches_by_definition(text, pattern + 1) ||
               (*text && matches_by_definition(text + 1, pattern));
    return *text == *pattern && (!*text || matches_by_definition(text + 1, pattern + 1));
}

/* The `number`th string over the first `letters` of "ab*". */
static void nth_string(unsigned number, unsigned letters, char *out)
{
    for (; number; number = (number - 1) / letters)
        *out++ = "ab*"[(number - 1) % letters];
    *out = '\0';
}

TEST(patterns_match_as_defined_for_all_short_ones)
{
    char text[16], pattern[16];

    for (unsigned p = 0; p < 364; p++)
        for (unsigned t = 0; t < 127; t++) {
            nth_string(p, 3, pattern);
            nth_string(t, 2, text);
            if (text_matches(text_of(text), text_of(pattern)) !=
                matches_by_definition(text, pattern))
                fail_msg("\"%s\" and pattern \"%s\"", text, pattern);
        }
}

TEST(hostile_patterns_cost_no_more_than_the_product_of_sizes)
{
    static char text[20000], pattern[400];

    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = i % 2 ? 'a' : '*';
    pattern[sizeof(pattern) - 1] = 'b';
    assert_false(
        text_matches((struct text){text, sizeof(text)}, (struct text){pattern, sizeof(pattern)}));
    pattern[sizeof(pattern) - 1] = '*';
    assert_true(
        text_matches((struct text){text, sizeof(text)}, (struct text){pattern, sizeof(pattern)}));
}

TEST(a_copy_is_terminated)
{
    char *copy = text_copy(text_part(TEXT("abcdef"), 1, 3));

    assert_non_null(copy);
    assert_string_equal(copy, "bcd");
    free(copy);
    copy = text_copy(nothing);
    assert_non_null(copy);
    assert_string_equal(copy, "");
    free(copy);
    assert_null(text_copy((struct text){"", SIZE_MAX}));
}

TEST(printf_prints_a_text_that_has_no_end)
{
    char out[16];
    struct text huge = {"", (size_t)INT_MAX + 1};

    snprintf(out, sizeof(out), "<%.*s><%.*s>", TEXT_ARG(text_part(TEXT("abc"), 0, 2)),
             TEXT_ARG(nothing));
    assert_string_equal(out, "<ab><>");
    assert_int_equal(text_printf_size(huge), INT_MAX);
}

TEST(hex_survives_a_round_trip)
{
    uint8_t bytes[256], back[256];
    char hex[513];

    for (size_t i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    hex_encode(bytes, 256, hex);
    assert_int_equal(strlen(hex), 512);
    assert_memory_equal(hex, "000102", 6);
    assert_memory_equal(hex + 506, "fdfeff", 6);
    assert_true(hex_decode(text_of(hex), back, 256));
    assert_memory_equal(bytes, back, 256);
    hex_encode(bytes, 0, hex);
    assert_string_equal(hex, "");
}

TEST(hex_of_another_size_or_alphabet_is_refused)
{
    uint8_t bytes[2] = {0, 0};

    assert_true(hex_decode(TEXT("aBCd"), bytes, 2));
    assert_int_equal(bytes[0], 0xab);
    assert_int_equal(bytes[1], 0xcd);
    assert_true(hex_decode(nothing, bytes, 0));
    assert_false(hex_decode(TEXT("abc"), bytes, 1));
    assert_false(hex_decode(TEXT("abcd"), bytes, 1));
    assert_false(hex_decode(TEXT("ab"), bytes, 2));
    assert_false(hex_decode(TEXT("0g"), bytes, 1));
    assert_false(hex_decode(TEXT("@0"), bytes, 1));
    assert_false(hex_decode(TEXT("0x"), bytes, 1));
    assert_false(hex_decode(TEXT("-1"), bytes, 1));
    assert_false(hex_decode(TEXT(" 1"), bytes, 1));
}

int main(void)
{
    return RUN(
        CASE(null_gives_the_empty_text), CASE(a_part_is_clamped_to_its_text),
        CASE(equality_is_of_all_bytes), CASE(case_is_ignored_for_ascii_letters_only),
        CASE(texts_compare_by_bytes), CASE(prefixes_and_suffixes_are_found),
        CASE(a_needle_is_found_at_its_first_place),
        CASE(trimming_takes_ascii_white_space_at_both_ends), CASE(splitting_keeps_empty_parts),
        CASE(numbers_are_digits_up_to_a_limit), CASE(malformed_utf8_is_told_from_well_formed),
        CASE(a_letter_has_the_size_of_its_sequence),
        CASE(utf8_of_three_bytes_is_exactly_what_it_should_be),
        CASE(utf8_of_four_bytes_ends_at_10ffff), CASE(control_characters_are_not_printable),
        CASE(distance_counts_single_letter_edits), CASE(long_texts_are_infinitely_far_apart),
        CASE(patterns_match_without_case), CASE(patterns_match_as_defined_for_all_short_ones),
        CASE(hostile_patterns_cost_no_more_than_the_product_of_sizes), CASE(a_copy_is_terminated),
        CASE(printf_prints_a_text_that_has_no_end), CASE(hex_survives_a_round_trip),
        CASE(hex_of_another_size_or_alphabet_is_refused));
}
