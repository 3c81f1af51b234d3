/* SPDX-License-Identifier: Apache-2.0 */
/* malloc() and free() of the program are wrapped by the linker: the one can fail on demand, the
 * other looks for what should have been wiped. */
#include "base/buffer.h"

#include "tests/unit/base/assert_text.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECRET       "hunter2-hunter2"

/* TEXT() is no constant, which a static table needs. */
#define CONSTANT(literal)                                                                          \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static bool no_memory;
static unsigned freed, freed_unwiped;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void __real_free(void *memory);
void __wrap_free(void *memory);

void *__wrap_malloc(size_t size)
{
    return no_memory ? NULL : __real_malloc(size);
}

void __wrap_free(void *memory)
{
    freed += memory != NULL;
    if (memory && memmem(memory, malloc_usable_size(memory), SECRET, strlen(SECRET)))
        freed_unwiped++;
    __real_free(memory);
}

static void assert_contents(const struct buffer *buffer, struct text expected)
{
    struct text text = buffer_text(buffer);

    if (!text_equal(text, expected))
        fail_msg("\"%.*s\" is not \"%.*s\"", TEXT_ARG(text), TEXT_ARG(expected));
    assert_int_equal(text.start[text.size], '\0');
}

TEST(zeroed_memory_with_a_limit_is_an_empty_buffer)
{
    struct buffer buffer = {.limit = 3};

    assert_true(buffer_ok(&buffer));
    assert_contents(&buffer, TEXT(""));
    assert_null(buffer.start);
    assert_true(buffer_append(&buffer, TEXT("abc")));
    assert_contents(&buffer, TEXT("abc"));
    buffer_clear(&buffer);
    assert_null(buffer.start);
    assert_contents(&buffer, TEXT(""));
    assert_true(buffer_append(&buffer, TEXT("xyz")));
    assert_false(buffer_append_byte(&buffer, '!'));
    buffer_clear(&buffer);
}

TEST(appends_follow_each_other)
{
    struct buffer buffer;

    buffer_init(&buffer, 100);
    assert_true(buffer_append(&buffer, TEXT("a\0b")));
    assert_true(buffer_append_string(&buffer, "cd"));
    assert_true(buffer_append_string(&buffer, NULL));
    assert_true(buffer_append_byte(&buffer, '\0'));
    assert_true(buffer_append(&buffer, (struct text){NULL, 0}));
    assert_true(buffer_printf(&buffer, "%d-%s", 42, "x"));
    assert_true(buffer_printf(&buffer, "%s", ""));
    assert_contents(&buffer, TEXT("a\0bcd\0"
                                  "42-x"));
    buffer_clear(&buffer);
}

TEST(growing_keeps_the_contents)
{
    struct buffer buffer;

    buffer_init(&buffer, 100000);
    for (unsigned i = 0; i < 100000; i++) {
        assert_true(buffer_append_byte(&buffer, (char)('a' + i % 26)));
        assert_true(buffer.capacity > buffer.size);
    }
    assert_false(buffer_append_byte(&buffer, 'x'));
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(buffer.start[i], 'a' + i % 26);
    assert_contents(&buffer, (struct text){buffer.start, 100000});
    assert_int_equal(buffer.capacity, 100001);
    buffer_clear(&buffer);
}

TEST(the_first_append_over_the_limit_breaks_the_buffer)
{
    for (size_t limit = 0; limit < 200; limit++) {
        struct buffer buffer;

        buffer_init(&buffer, limit);
        for (size_t i = 0; i < limit; i++)
            assert_true(buffer_append_byte(&buffer, 'x'));
        assert_true(buffer_append(&buffer, TEXT("")));
        assert_false(buffer_append(&buffer, TEXT("yz")));
        assert_false(buffer_ok(&buffer));
        assert_false(buffer_append(&buffer, TEXT("")));
        assert_int_equal(buffer_text(&buffer).size, limit);
        assert_int_equal(strspn(buffer_text(&buffer).start, "x"), limit);
        buffer_clear(&buffer);
        assert_true(buffer_ok(&buffer));
    }
}

TEST(a_broken_buffer_refuses_what_would_fit)
{
    struct buffer buffer;

    buffer_init(&buffer, 4);
    assert_true(buffer_append_string(&buffer, "abc"));
    assert_false(buffer_append_string(&buffer, "de"));
    assert_false(buffer_append_byte(&buffer, 'd'));
    assert_false(buffer_printf(&buffer, "d"));
    assert_false(buffer_append_percent_encoded(&buffer, TEXT("d"), false));
    assert_false(buffer_append_percent_decoded(&buffer, TEXT("d")));
    assert_false(buffer_append_base64(&buffer, TEXT("")));
    assert_false(buffer_append_base64_decoded(&buffer, TEXT("")));
    assert_null(buffer_take(&buffer));
    assert_contents(&buffer, TEXT("abc"));
    buffer_reset(&buffer);
    assert_true(buffer_append_string(&buffer, "defg"));
    assert_contents(&buffer, TEXT("defg"));
    buffer_clear(&buffer);
}

TEST(a_size_that_overflows_is_refused)
{
    struct buffer buffer;

    buffer_init(&buffer, SIZE_MAX);
    assert_true(buffer_append_string(&buffer, "abc"));
    assert_false(buffer_append(&buffer, (struct text){"", SIZE_MAX - 3}));
    buffer_reset(&buffer);
    assert_false(buffer_append(&buffer, (struct text){"", SIZE_MAX}));
    buffer_reset(&buffer);
    assert_false(buffer_append_base64(&buffer, (struct text){"", SIZE_MAX - 1}));
    buffer_clear(&buffer);
}

TEST(out_of_memory_breaks_the_buffer)
{
    struct buffer buffer;

    buffer_init(&buffer, 1000);
    assert_true(buffer_append_string(&buffer, "abc"));
    no_memory = true;
    assert_false(buffer_printf(&buffer, "%200s", "x"));
    no_memory = false;
    assert_false(buffer_ok(&buffer));
    assert_contents(&buffer, TEXT("abc"));
    buffer_clear(&buffer);

    no_memory = true;
    assert_null(buffer_take(&buffer));
    no_memory = false;
    assert_false(buffer_ok(&buffer));
    buffer_clear(&buffer);
}

TEST(no_freed_memory_holds_the_contents)
{
    struct buffer buffer;

    freed = 0;
    freed_unwiped = 0;
    buffer_init(&buffer, 10000);
    for (unsigned i = 0; i < 500; i++)
        assert_true(buffer_append_string(&buffer, SECRET));
    assert_true(freed >= 5);
    buffer_reset(&buffer);
    assert_null(memmem(buffer.start, 500 * strlen(SECRET), SECRET, strlen(SECRET)));
    assert_true(buffer_append_string(&buffer, SECRET));
    assert_false(buffer_printf(&buffer, "%10000s", SECRET));
    buffer_clear(&buffer);
    assert_int_equal(freed_unwiped, 0);
}

TEST(taking_leaves_an_empty_buffer)
{
    struct buffer buffer;
    char *string;

    buffer_init(&buffer, 3);
    assert_true(buffer_append_string(&buffer, "abc"));
    string = buffer_take(&buffer);
    assert_string_equal(string, "abc");
    free(string);
    assert_contents(&buffer, TEXT(""));
    assert_true(buffer_append_string(&buffer, "def"));
    assert_false(buffer_append_string(&buffer, "g"));
    buffer_clear(&buffer);

    string = buffer_take(&buffer);
    assert_non_null(string);
    assert_string_equal(string, "");
    free(string);

    buffer_init(&buffer, 0);
    string = buffer_take(&buffer);
    assert_string_equal(string, "");
    free(string);
}

TEST(percent_encoding_leaves_only_the_unreserved)
{
    char bytes[256], plain[] = "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";
    struct buffer buffer, back;

    buffer_init(&buffer, 1000);
    buffer_init(&back, 1000);
    assert_true(buffer_append_percent_encoded(&buffer, TEXT("kv/a b+%\xc3\xb6"), false));
    assert_contents(&buffer, TEXT("kv%2Fa%20b%2B%25%C3%B6"));
    buffer_reset(&buffer);
    assert_true(buffer_append_percent_encoded(&buffer, TEXT("/kv/a b"), true));
    assert_contents(&buffer, TEXT("/kv/a%20b"));
    buffer_reset(&buffer);
    assert_true(buffer_append_percent_encoded(&buffer, text_of(plain), false));
    assert_contents(&buffer, text_of(plain));
    buffer_reset(&buffer);

    for (size_t i = 0; i < 256; i++)
        bytes[i] = (char)i;
    assert_true(buffer_append_percent_encoded(&buffer, (struct text){bytes, 256}, false));
    assert_int_equal(buffer.size, 66 + 3 * (256 - 66));
    assert_true(buffer_append_percent_decoded(&back, buffer_text(&buffer)));
    assert_contents(&back, (struct text){bytes, 256});
    buffer_clear(&buffer);
    buffer_clear(&back);
}

TEST(malformed_escapes_break_the_buffer)
{
    static const char *const table[] = {"%",    "%4",  "a%4", "%4g", "%g4",
                                        "%%41", "% 4", "%-1", "%41%"};
    struct buffer buffer;

    buffer_init(&buffer, 4);
    for (size_t i = 0; i < COUNT(table); i++) {
        assert_true(buffer_append_string(&buffer, "x"));
        assert_false(buffer_append_percent_decoded(&buffer, text_of(table[i])));
        assert_false(buffer_ok(&buffer));
        assert_contents(&buffer, TEXT("x"));
        buffer_reset(&buffer);
    }
    /* Four bytes in the end, so they fit. */
    assert_true(buffer_append_percent_decoded(&buffer, TEXT("%2f%2F+%00")));
    assert_contents(&buffer, TEXT("//+\0"));
    buffer_clear(&buffer);
}

static const struct {
    struct text bytes;
    const char *base64, *base64url;
} base64_table[] = {
    {CONSTANT(""), "", ""}, /* RFC 4648, 10 */
    {CONSTANT("f"), "Zg==", "Zg"},
    {CONSTANT("fo"), "Zm8=", "Zm8"},
    {CONSTANT("foo"), "Zm9v", "Zm9v"},
    {CONSTANT("foob"), "Zm9vYg==", "Zm9vYg"},
    {CONSTANT("fooba"), "Zm9vYmE=", "Zm9vYmE"},
    {CONSTANT("foobar"), "Zm9vYmFy", "Zm9vYmFy"},
    {CONSTANT("\xfb\xff\xfe"), "+//+", "-__-"},
    {CONSTANT("\0"), "AA==", "AA"},
    {CONSTANT("\xff\xff"), "//8=", "__8"},
};

TEST(base64_is_written_and_read_in_both_alphabets)
{
    struct buffer buffer;

    buffer_init(&buffer, 8);
    for (size_t i = 0; i < COUNT(base64_table); i++) {
        const char *padded = base64_table[i].base64, *bare = base64_table[i].base64url;

        assert_true(buffer_append_base64(&buffer, base64_table[i].bytes));
        assert_contents(&buffer, text_of(padded));
        buffer_reset(&buffer);
        assert_true(buffer_append_base64url(&buffer, base64_table[i].bytes));
        assert_contents(&buffer, text_of(bare));
        buffer_reset(&buffer);
        assert_true(buffer_append_base64_decoded(&buffer, text_of(padded)));
        assert_contents(&buffer, base64_table[i].bytes);
        buffer_reset(&buffer);
        assert_true(buffer_append_base64_decoded(&buffer, text_of(bare)));
        assert_contents(&buffer, base64_table[i].bytes);
        buffer_reset(&buffer);
    }
    buffer_clear(&buffer);
}

TEST(base64_needs_exactly_the_room_of_its_result)
{
    for (size_t size = 0; size < 50; size++) {
        char bytes[50] = {0};
        struct text text = {bytes, size};
        struct buffer encoded, decoded;

        buffer_init(&encoded, (size + 2) / 3 * 4);
        assert_true(buffer_append_base64(&encoded, text));
        assert_int_equal(encoded.size, encoded.limit);
        buffer_init(&decoded, size);
        assert_true(buffer_append_base64_decoded(&decoded, buffer_text(&encoded)));
        assert_contents(&decoded, text);
        buffer_clear(&encoded);
        buffer_clear(&decoded);

        buffer_init(&encoded, (size * 4 + 2) / 3);
        assert_true(buffer_append_base64url(&encoded, text));
        assert_int_equal(encoded.size, encoded.limit);
        buffer_clear(&encoded);
    }
}

TEST(what_is_no_base64_breaks_the_buffer)
{
    static const char *const table[] = {
        "A",    "AAAAA", "Z",        "Zg=",   "Z===",     "Zg===",      "====",  "=",
        "==",   "Zm9=v", "Zg==Zg==", "Zm9v=", "Zm9v==",   "Zm9v\n",     "Zm 9v", "Zm9v ",
        "Zm9*", "Zh==",  "Zh",       "Zm9=",  "Zm9v====", "Zm\xc3\xb6", "Zg=a",
    };
    struct buffer buffer;

    buffer_init(&buffer, 100);
    for (size_t i = 0; i < COUNT(table); i++) {
        assert_true(buffer_append_string(&buffer, "x"));
        if (buffer_append_base64_decoded(&buffer, text_of(table[i])))
            fail_msg("\"%s\" is accepted", table[i]);
        assert_false(buffer_ok(&buffer));
        assert_contents(&buffer, TEXT("x"));
        buffer_reset(&buffer);
    }
    buffer_clear(&buffer);
}

int main(void)
{
    return RUN(
        CASE(zeroed_memory_with_a_limit_is_an_empty_buffer), CASE(appends_follow_each_other),
        CASE(growing_keeps_the_contents), CASE(the_first_append_over_the_limit_breaks_the_buffer),
        CASE(a_broken_buffer_refuses_what_would_fit), CASE(a_size_that_overflows_is_refused),
        CASE(out_of_memory_breaks_the_buffer), CASE(no_freed_memory_holds_the_contents),
        CASE(taking_leaves_an_empty_buffer), CASE(percent_encoding_leaves_only_the_unreserved),
        CASE(malformed_escapes_break_the_buffer),
        CASE(base64_is_written_and_read_in_both_alphabets),
        CASE(base64_needs_exactly_the_room_of_its_result),
        CASE(what_is_no_base64_breaks_the_buffer));
}
