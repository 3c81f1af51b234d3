/* SPDX-License-Identifier: Apache-2.0 */
/* What the splicer takes, what it refuses, and that it leaves alone what it was not asked to
 * change. */
#include "tests/support/test.h"

#include "vaultclient/splice.h"

#include <stdlib.h>
#include <string.h>

static bool takes(struct text json)
{
    struct failure why;

    return vault_splice_check(json, &why);
}

static void expect_set(const char *object, const char *name, const char *value,
                       const char *expected)
{
    struct buffer out = {.limit = 4096};

    assert_true(takes(text_of(object)));
    assert_true(vault_splice_set(text_of(object), text_of(name), text_of(value), &out));
    assert_string_equal(buffer_text(&out).start, expected);
    assert_true(takes(buffer_text(&out)));
    buffer_clear(&out);
}

/* Letters are looked at several at a time. */
TEST(a_letter_is_judged_the_same_wherever_it_stands_and_beside_whatever)
{
    static const char beside[] = {'a', ' ', '!', '#', '[', ']', '\x7f'};

    for (size_t b = 0; b < sizeof beside; b++) {
        for (size_t at = 0; at < 20; at++) {
            for (int c = 0; c < 256; c++) {
                bool is_plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
                char json[22];

                memset(json, beside[b], sizeof json);
                json[0] = json[21] = '"';
                json[1 + at] = (char)c;
                if (takes((struct text){json, sizeof json}) != is_plain)
                    fail_msg("byte %d at %zu beside %d", c, at, beside[b]);
            }
        }
    }
}

TEST(well_formed_documents_are_taken)
{
    static const char *const good[] = {
        "{}",
        " [ ] ",
        "null",
        "-0.5e+10",
        "\"\\u00e4\\ud83d\\ude00\\\"\"",
        "[1,[2,{\"a\":[]}],true]",
        "{\"a\":{\"a\":1},\"b\":{\"a\":2}}",
        "\"\xc3\xa4\"",
        "{\"\":0}",
        "\t{\r\n\"a\" : false }\n",
    };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(takes(text_of(good[i])));
}

TEST(malformed_documents_are_refused)
{
    static const char *const bad[] = {
        "",          " ",        "{",          "}",     "[1,]",
        "{\"a\"}",   "{\"a\":}", "{\"a\":1,}", "{a:1}", "01",
        "1.",        ".5",       "1e",         "-",     "+1",
        "tru",       "nul",      "\"",         "\"a",   "\"\\x\"",
        "\"\\u12\"", "\"\n\"",   "{} {}",      "[1 2]", "{\"a\":1 \"b\":2}",
        "{'a':1}",   "<html>",   "NaN",        "\"\\",  "[",
        "{\"a\":1]",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(takes(text_of(bad[i])));
}

TEST(a_nul_byte_is_refused)
{
    assert_false(takes((struct text){"{\"a\":1}\0", 8}));
    assert_false(takes((struct text){"\"a\0b\"", 5}));
}

TEST(duplicate_names_are_refused_however_they_are_spelt)
{
    assert_false(takes(TEXT("{\"a\":1,\"a\":2}")));
    assert_false(takes(TEXT("{\"a\":1,\"b\":3,\"\\u0061\":2}")));
    assert_false(takes(TEXT("[{\"x\":{\"<\":1,\"\\u003c\":2}}]")));
    assert_false(takes(TEXT("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}")));
    assert_true(takes(TEXT("{\"a\":1,\"ab\":2,\"A\":3}")));
}

TEST(lone_surrogates_and_broken_utf8_are_refused)
{
    assert_false(takes(TEXT("\"\\ud800\"")));
    assert_false(takes(TEXT("\"\\udc00\"")));
    assert_false(takes(TEXT("\"\\ud800\\u0041\"")));
    assert_false(takes(TEXT("\"\\ud800x\"")));
    assert_false(takes(TEXT("\"\xff\"")));
    assert_false(takes(TEXT("\"\xed\xa0\x80\"")));
    assert_false(takes(TEXT("{\"\xc3\":1}")));
}

TEST(nesting_has_an_end)
{
    char deep[4 * SPLICE_DEPTH];

    memset(deep, '[', SPLICE_DEPTH);
    memset(deep + SPLICE_DEPTH, ']', SPLICE_DEPTH);
    assert_true(takes((struct text){deep, 2 * SPLICE_DEPTH}));
    memset(deep, '[', SPLICE_DEPTH + 1);
    memset(deep + SPLICE_DEPTH + 1, ']', SPLICE_DEPTH + 1);
    assert_false(takes((struct text){deep, 2 * SPLICE_DEPTH + 2}));
}

TEST(many_fields_are_checked_quickly)
{
    struct buffer json = {.limit = 1 << 22};

    buffer_append_byte(&json, '{');
    for (int i = 0; i < 20000; i++)
        buffer_printf(&json, "\"field%d\":%d,", i, i);
    buffer_append_string(&json, "\"field7\":0}");
    assert_false(takes(buffer_text(&json)));
    buffer_clear(&json);
}

TEST(a_member_is_found_at_its_own_level_only)
{
    struct text json = TEXT("{\"x\":{\"data\":\"}{,\\\"\"},\"data\": [ 1 , \"]\" ] ,\"z\":null}"),
                value;

    assert_true(takes(json));
    assert_true(vault_splice_member(json, TEXT("data"), &value));
    assert_true(text_is(value, "[ 1 , \"]\" ]"));
    assert_true(vault_splice_member(json, TEXT("z"), &value));
    assert_true(text_is(value, "null"));
    assert_false(vault_splice_member(json, TEXT("dat"), &value));
    assert_false(vault_splice_member(TEXT("{}"), TEXT("a"), &value));
    assert_false(vault_splice_member(TEXT("[1]"), TEXT("a"), &value));
    assert_false(vault_splice_member(TEXT("\"a\""), TEXT("a"), &value));
}

TEST(a_name_may_be_spelt_with_escapes)
{
    struct text value;

    assert_true(
        vault_splice_member(TEXT("{\"\\u003ck\\u00e4y\\u003e\":7}"), TEXT("<k\xc3\xa4y>"), &value));
    assert_true(text_is(value, "7"));
}

TEST(setting_a_field_leaves_every_other_byte_alone)
{
    expect_set("{\"a\":1.10,\"k\":\"old\",\"n\":9007199254740993,\"o\":{\"k\":\"inner\"}}", "k",
               "new", "{\"a\":1.10,\"k\":\"new\",\"n\":9007199254740993,\"o\":{\"k\":\"inner\"}}");
    expect_set("{ \"k\" : {\"x\":[1]} , \"z\":\"\\u003c\"}", "k", "v",
               "{ \"k\" : \"v\" , \"z\":\"\\u003c\"}");
}

TEST(an_absent_field_is_added_at_the_end)
{
    expect_set("{\"a\":true}", "k", "v", "{\"a\":true,\"k\":\"v\"}");
    expect_set("{}", "k", "v", "{\"k\":\"v\"}");
    expect_set(" { } ", "k", "v", "{ \"k\":\"v\"}");
    expect_set("null", "k", "v", "{\"k\":\"v\"}");
}

TEST(what_is_set_is_escaped_and_reads_back_the_same)
{
    const char *odd = "q\"b\\n\nt\tu\x01 \xc3\xa4 \xf0\x9f\x98\x80 </script>";
    struct buffer json = {.limit = 4096}, back = {.limit = 4096};
    struct text value;

    assert_true(vault_splice_set(TEXT("{}"), TEXT("o\"dd"), text_of(odd), &json));
    assert_true(takes(buffer_text(&json)));
    assert_true(vault_splice_member(buffer_text(&json), TEXT("o\"dd"), &value));
    assert_true(vault_splice_decode(value, &back));
    assert_string_equal(buffer_text(&back).start, odd);
    buffer_clear(&json);
    buffer_clear(&back);
}

TEST(only_strings_are_decoded)
{
    struct buffer out = {.limit = 64};

    assert_false(vault_splice_decode(TEXT("1"), &out));
    assert_false(vault_splice_decode(TEXT("null"), &out));
    assert_false(vault_splice_decode(TEXT("{\"a\":\"b\"}"), &out));
    assert_int_equal(out.size, 0);
    assert_true(vault_splice_decode(TEXT("\"\\u0041\\ud83d\\ude00\\/\""), &out));
    assert_string_equal(buffer_text(&out).start, "A\xf0\x9f\x98\x80/");
    buffer_clear(&out);
}

TEST(broken_utf8_is_never_written)
{
    struct buffer out = {.limit = 64};

    assert_false(vault_splice_encode(TEXT("a\xff"), &out));
    assert_false(vault_splice_set(TEXT("{}"), TEXT("k"), TEXT("\xed\xa0\x80"), &out));
    assert_false(vault_splice_set(TEXT("{}"), TEXT("\xc3"), TEXT("v"), &out));
    assert_false(vault_splice_set(TEXT("[]"), TEXT("k"), TEXT("v"), &out));
    buffer_clear(&out);
}

TEST(a_full_buffer_is_an_error)
{
    struct buffer out = {.limit = 8};

    assert_false(vault_splice_set(TEXT("{\"a\":1}"), TEXT("k"), TEXT("value"), &out));
    buffer_clear(&out);
}

int main(void)
{
    return RUN(
        CASE(a_letter_is_judged_the_same_wherever_it_stands_and_beside_whatever),
        CASE(well_formed_documents_are_taken), CASE(malformed_documents_are_refused),
        CASE(a_nul_byte_is_refused), CASE(duplicate_names_are_refused_however_they_are_spelt),
        CASE(lone_surrogates_and_broken_utf8_are_refused), CASE(nesting_has_an_end),
        CASE(many_fields_are_checked_quickly), CASE(a_member_is_found_at_its_own_level_only),
        CASE(a_name_may_be_spelt_with_escapes), CASE(setting_a_field_leaves_every_other_byte_alone),
        CASE(an_absent_field_is_added_at_the_end),
        CASE(what_is_set_is_escaped_and_reads_back_the_same), CASE(only_strings_are_decoded),
        CASE(broken_utf8_is_never_written), CASE(a_full_buffer_is_an_error));
}
