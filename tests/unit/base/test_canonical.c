/* SPDX-License-Identifier: Apache-2.0 */
/* The vectors without floating-point numbers of RFC 8785 and of its reference implementation. */
#include "base/canonical.h"

#include "tests/unit/base/assert_text.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define STRING(key, value)                                                                         \
    {                                                                                              \
        .name = TEXT(key), .kind = CANONICAL_STRING, .string = TEXT(value)                         \
    }
#define INTEGER(key, value)                                                                        \
    {                                                                                              \
        .name = TEXT(key), .kind = CANONICAL_INTEGER, .integer = value                             \
    }
#define LITERAL(key, value)                                                                        \
    {                                                                                              \
        .name = TEXT(key), .kind = CANONICAL_BOOLEAN, .boolean = value                             \
    }
#define NOTHING(key)                                                                               \
    {                                                                                              \
        .name = TEXT(key), .kind = CANONICAL_NULL                                                  \
    }
#define OBJECT(key, ...)                                                                           \
    {                                                                                              \
        .name = TEXT(key), .kind = CANONICAL_OBJECT,                                               \
        .members = (const struct canonical_value[]){__VA_ARGS__},                                  \
        .count = COUNT(((const struct canonical_value[]){__VA_ARGS__}))                            \
    }
#define ARRAY(key, ...)                                                                            \
    {                                                                                              \
        .name = TEXT(key), .kind = CANONICAL_ARRAY,                                                \
        .members = (const struct canonical_value[]){__VA_ARGS__},                                  \
        .count = COUNT(((const struct canonical_value[]){__VA_ARGS__}))                            \
    }
#define EMPTY(key, what)                                                                           \
    {                                                                                              \
        .name = TEXT(key), .kind = what                                                            \
    }

static void assert_written(const struct canonical_value *value, const char *expected)
{
    struct buffer out;

    buffer_init(&out, 4096);
    assert_true(canonical_write(value, &out));
    assert_text_is(buffer_text(&out), expected);
    buffer_clear(&out);
}

static void assert_refused(const struct canonical_value *value)
{
    struct buffer out;

    buffer_init(&out, 4096);
    buffer_append_string(&out, "before");
    assert_false(canonical_write(value, &out));
    assert_text_is(buffer_text(&out), "before");
    buffer_clear(&out);
}

/* RFC 8785, 3.2.2, without its numbers. */
TEST(literals_and_strings_are_as_in_the_rfc)
{
    const struct canonical_value value =
        OBJECT("", STRING("string", "\xe2\x82\xac$\x0f\nA'\x42\"\\\\\"/"),
               ARRAY("literals", NOTHING(""), LITERAL("", true), LITERAL("", false)));

    assert_written(&value, "{\"literals\":[null,true,false],"
                           "\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

/* RFC 8785, 3.2.3: U+1F600 sorts before U+FB33. */
TEST(members_are_sorted_as_in_the_rfc)
{
    const struct canonical_value value =
        OBJECT("", STRING("\xe2\x82\xac", "Euro Sign"), STRING("\r", "Carriage Return"),
               STRING("\xef\xac\xb3", "Hebrew Letter Dalet With Dagesh"), STRING("1", "One"),
               STRING("\xf0\x9f\x98\x80", "Emoji: Grinning Face"), STRING("\xc2\x80", "Control"),
               STRING("\xc3\xb6", "Latin Small Letter O With Diaeresis"));

    assert_written(&value, "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\","
                           "\"\xc3\xb6\":\"Latin Small Letter O With Diaeresis\","
                           "\"\xe2\x82\xac\":\"Euro Sign\","
                           "\"\xf0\x9f\x98\x80\":\"Emoji: Grinning Face\","
                           "\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}");
}

TEST(arrays_keep_their_order)
{
    const struct canonical_value value =
        ARRAY("", INTEGER("", 56),
              OBJECT("", LITERAL("d", true), NOTHING("10"), EMPTY("1", CANONICAL_ARRAY)));

    assert_written(&value, "[56,{\"1\":[],\"10\":null,\"d\":true}]");
}

TEST(sorting_knows_no_language)
{
    const struct canonical_value value = OBJECT("", STRING("peach", "1"),
                                                STRING("p\xc3\xa9"
                                                       "ch\xc3\xa9",
                                                       "2"),
                                                STRING("p\xc3\xaa"
                                                       "che",
                                                       "3"),
                                                STRING("sin", "4"));

    assert_written(&value, "{\"peach\":\"1\",\"p\xc3\xa9"
                           "ch\xc3\xa9\":\"2\",\"p\xc3\xaa"
                           "che\":\"3\",\"sin\":\"4\"}");
}

TEST(sorting_reaches_into_nested_objects)
{
    const struct canonical_value value =
        OBJECT("", OBJECT("1", OBJECT("f", STRING("f", "hi"), INTEGER("F", 5)), INTEGER("\n", 56)),
               EMPTY("10", CANONICAL_OBJECT), STRING("", "empty"), EMPTY("a", CANONICAL_OBJECT),
               ARRAY("111", OBJECT("", STRING("e", "yes"), STRING("E", "no"))),
               EMPTY("A", CANONICAL_OBJECT));

    assert_written(&value, "{\"\":\"empty\",\"1\":{\"\\n\":56,\"f\":{\"F\":5,\"f\":\"hi\"}},"
                           "\"10\":{},\"111\":[{\"E\":\"no\",\"e\":\"yes\"}],\"A\":{},\"a\":{}}");
}

/* The places where the order by bytes and the order by UTF-16 part. */
TEST(every_pair_of_border_letters_is_sorted_by_utf16)
{
    static const char *const letters[] = {
        "\x7f",         "\xc2\x80",         "\xdf\xbf",         "\xe0\xa0\x80",
        "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf3\xa0\x80\x80", "\xf4\x8f\xbf\xbf",
        "\xee\x80\x80", "\xef\xac\xb3",     "\xef\xbf\xbf",
    };

    for (size_t i = 0; i < COUNT(letters); i++)
        for (size_t j = i + 1; j < COUNT(letters); j++) {
            char later[16], sooner[16], expected[64];
            struct canonical_value members[] = {NOTHING(""), NOTHING("")};
            const struct canonical_value value = {
                .kind = CANONICAL_OBJECT, .members = members, .count = 2};

            snprintf(later, sizeof(later), "x%s", letters[j]);
            snprintf(sooner, sizeof(sooner), "x%sy", letters[i]);
            members[0].name = text_of(later);
            members[1].name = text_of(sooner);
            snprintf(expected, sizeof(expected), "{\"%s\":null,\"%s\":null}", sooner, later);
            assert_written(&value, expected);
        }
}

TEST(control_characters_have_the_shortest_escape)
{
    static const char *const expected[0x20] = {
        [8] = "\"\\b\"", [9] = "\"\\t\"", [10] = "\"\\n\"", [12] = "\"\\f\"", [13] = "\"\\r\"",
    };

    for (unsigned c = 0; c < 0x20; c++) {
        char byte = (char)c, escape[16];
        const struct canonical_value value = {.kind = CANONICAL_STRING, .string = {&byte, 1}};

        snprintf(escape, sizeof(escape), "\"\\u%04x\"", c);
        assert_written(&value, expected[c] ? expected[c] : escape);
    }
    assert_written(&(const struct canonical_value)STRING("", "\x7f</\xe2\x80\xa8"),
                   "\"\x7f</\xe2\x80\xa8\"");
}

TEST(integers_are_exact_in_a_double)
{
    assert_written(&(const struct canonical_value)INTEGER("", 0), "0");
    assert_written(&(const struct canonical_value)INTEGER("", 9007199254740991),
                   "9007199254740991");
    assert_written(&(const struct canonical_value)INTEGER("", -9007199254740991),
                   "-9007199254740991");
    assert_refused(&(const struct canonical_value)INTEGER("", 9007199254740992));
    assert_refused(&(const struct canonical_value)INTEGER("", -9007199254740992));
    assert_refused(&(const struct canonical_value)INTEGER("", INT64_MIN));
}

TEST(what_is_not_utf8_is_refused)
{
    assert_refused(&(const struct canonical_value)STRING("", "\xff"));
    assert_refused(
        &(const struct canonical_value)OBJECT("", NOTHING("a"), NOTHING("\xed\xa0\x80")));
    assert_refused(&(const struct canonical_value)ARRAY("", NOTHING(""), STRING("", "\xc3")));
    /* A name that is not written does not matter. */
    assert_written(&(const struct canonical_value)ARRAY("\xff", NOTHING("\xff")), "[null]");
}

TEST(names_are_unique)
{
    assert_refused(&(const struct canonical_value)OBJECT("", NOTHING("a"), NOTHING("a")));
    assert_refused(&(const struct canonical_value)OBJECT("", NOTHING("b"), NOTHING("c"),
                                                         NOTHING("a"), NOTHING("b")));
    assert_refused(&(const struct canonical_value)OBJECT("", NOTHING(""), NOTHING("")));
    assert_written(&(const struct canonical_value)ARRAY("", NOTHING("a"), NOTHING("a")),
                   "[null,null]");
}

TEST(an_object_has_at_most_64_members)
{
    struct canonical_value members[65];
    char names[65][4];
    struct canonical_value value = {.kind = CANONICAL_OBJECT, .members = members, .count = 64};
    struct buffer out;

    for (int i = 0; i < 65; i++) {
        snprintf(names[i], sizeof(names[i]), "%02d", 64 - i);
        members[i] = (struct canonical_value){.name = text_of(names[i])};
    }
    buffer_init(&out, 4096);
    assert_true(canonical_write(&value, &out));
    assert_true(text_starts_with(buffer_text(&out), TEXT("{\"01\":null,\"02\":null,")));
    assert_true(text_ends_with(buffer_text(&out), TEXT(",\"64\":null}")));
    buffer_clear(&out);

    value.count = 65;
    assert_refused(&value);
    value.kind = CANONICAL_ARRAY;
    buffer_init(&out, 4096);
    assert_true(canonical_write(&value, &out));
    buffer_clear(&out);
}

TEST(nesting_ends_at_16)
{
    struct canonical_value levels[18] = {0};

    for (size_t i = 0; i < 17; i++)
        levels[i] = (struct canonical_value){.name = TEXT("a"),
                                             .kind = i % 2 ? CANONICAL_OBJECT : CANONICAL_ARRAY,
                                             .members = &levels[i + 1],
                                             .count = 1};
    levels[17].name = TEXT("a");
    assert_refused(&levels[0]);
    assert_written(&levels[1], "{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":["
                               "null]}]}]}]}]}]}]}]}");
}

TEST(a_buffer_that_breaks_keeps_what_it_had)
{
    const struct canonical_value value = OBJECT("", STRING("a", "b"));

    for (size_t limit = 3; limit < 12; limit++) {
        struct buffer out;

        buffer_init(&out, limit);
        buffer_append_string(&out, "[1]");
        assert_int_equal(canonical_write(&value, &out), limit >= 12);
        assert_text_is(buffer_text(&out), "[1]");
        assert_false(buffer_ok(&out));
        assert_false(canonical_write(&value, &out));
        buffer_clear(&out);
    }
}

int main(void)
{
    return RUN(CASE(literals_and_strings_are_as_in_the_rfc), CASE(members_are_sorted_as_in_the_rfc),
               CASE(arrays_keep_their_order), CASE(sorting_knows_no_language),
               CASE(sorting_reaches_into_nested_objects),
               CASE(every_pair_of_border_letters_is_sorted_by_utf16),
               CASE(control_characters_have_the_shortest_escape),
               CASE(integers_are_exact_in_a_double), CASE(what_is_not_utf8_is_refused),
               CASE(names_are_unique), CASE(an_object_has_at_most_64_members),
               CASE(nesting_ends_at_16), CASE(a_buffer_that_breaks_keeps_what_it_had));
}
