/* SPDX-License-Identifier: Apache-2.0 */
/* Strict JSON. */
#include "net/json.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

static void expect_refused(struct text text, const char *words)
{
    struct failure why = {0};
    json_t *json = json_read(text, &why);

    assert_null(json);
    assert_int_equal(why.kind, FAILURE_PROTOCOL);
    if (!strstr(why.text, words))
        assert_string_equal(why.text, words);
}

TEST(what_is_not_strict_is_refused)
{
    expect_refused(TEXT(""), "empty");
    expect_refused(TEXT("   "), "ends too early");
    expect_refused(TEXT("{\"a\":1,\"a\":2}"), "a key occurs twice");
    expect_refused(TEXT("{\"o\":{\"a\":1,\"a\":1}}"), "a key occurs twice");
    expect_refused(TEXT("{\"a\":\"\\u0000\"}"), "a NUL character");
    expect_refused(TEXT("{\"\\u0000\":1}"), "a NUL character");
    expect_refused(TEXT("{\"a\":\"x\0y\"}"), "");
    expect_refused(TEXT("{} {}"), "something follows its end");
    expect_refused(TEXT("{}\0"), "");
    expect_refused(TEXT("1\0"), "a NUL character");
    expect_refused(TEXT("{\"a\":1\0}"), "a NUL character");
    expect_refused(TEXT("{\"a\":\"\xff\"}"), "broken UTF-8");
    expect_refused(TEXT("{\"a\":\"\xed\xa0\x80\"}"), "broken UTF-8");
    expect_refused(TEXT("{\"a\":\"\\ud800\"}"), "syntax");
    expect_refused(TEXT("{\"a\":1"), "ends too early");
    expect_refused(TEXT("{'a':1}"), "syntax");
    expect_refused(TEXT("{\"a\":1,}"), "syntax");
    expect_refused(TEXT("{\"a\":99999999999999999999}"), "out of range");
    expect_refused(TEXT("{\"a\":NaN}"), "syntax");
    expect_refused(TEXT("<html>captive</html>"), "line 1");
}

TEST(nesting_is_limited_to_64)
{
    char text[130];

    for (size_t depth = 64; depth <= 65; depth++) {
        json_t *json;

        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        json = json_read((struct text){text, 2 * depth}, NULL);
        assert_int_equal(json != NULL, depth == 64);
        json_decref(json);
    }
}

TEST(brackets_in_strings_do_not_nest)
{
    char text[200] = "[\"\\\"";
    json_t *json;

    memset(text + 4, '[', 150);
    strcpy(text + 154, "\"]");
    json = json_read(text_of(text), NULL);
    assert_non_null(json);
    json_decref(json);
}

TEST(a_failure_never_quotes_the_text)
{
    static const char *const texts[] = {"{\"key\": hunter2}", "{\"hunter2\":1,\"hunter2\":2}",
                                        "{\"key\":\"hunter2\" hunter2}", "\"hunter2\" hunter2",
                                        "{\"key\":\"hunter2\xff\"}"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct failure why = {0};

        assert_null(json_read(text_of(texts[i]), &why));
        assert_null(strstr(why.text, "hunter2"));
    }
}

TEST(an_object_must_be_one)
{
    struct failure why = {0};
    json_t *json = json_read_object(TEXT("{}"), &why);

    assert_non_null(json);
    json_decref(json);
    assert_null(json_read_object(TEXT("[1]"), &why));
    assert_string_equal(why.text, "expected a JSON object, found an array");
    assert_null(json_read_object(TEXT("\"x\""), &why));
    assert_int_equal(why.kind, FAILURE_PROTOCOL);
}

TEST(members_are_found_by_path)
{
    cleanup_with(json_clean) json_t *json = json_read(
        TEXT("{\"a\":{\"b\":{\"s\":\"text\",\"n\":-5,\"t\":true,\"z\":null}},\"l\":[1]}"), NULL);

    assert_true(text_is(json_text_at(json, "a.b.s"), "text"));
    assert_int_equal(json_integer_at(json, "a.b.n", 7), -5);
    assert_true(json_boolean_at(json, "a.b.t", false));
    assert_true(json_is_null(json_at(json, "a.b.z")));
    assert_null(json_at(json, "a.c.s"));
    assert_null(json_at(json, "a.b.s.x"));
    assert_null(json_at(json, "l.0"));
    assert_null(json_at(NULL, "a"));
    assert_null(json_text_at(json, "a.b.n").start);
    assert_int_equal(json_integer_at(json, "a.b.s", 7), 7);
    assert_int_equal(json_integer_at(json, "absent", 7), 7);
    assert_true(json_boolean_at(json, "a.b.n", true));
}

TEST(an_empty_string_is_there)
{
    cleanup_with(json_clean) json_t *json = json_read(TEXT("{\"a\":\"\"}"), NULL);

    assert_non_null(json_text_at(json, "a").start);
    assert_int_equal(json_text_at(json, "a").size, 0);
}

TEST(what_is_needed_and_missing_is_named)
{
    cleanup_with(json_clean) json_t *json = json_read(TEXT("{\"a\":{\"b\":\"hunter2\"}}"), NULL);
    struct text text = TEXT("untouched");
    struct failure why = {0};
    int64_t integer = 9;

    assert_true(json_need_text(json, "a.b", &text, &why));
    assert_true(text_is(text, "hunter2"));
    assert_false(json_need_integer(json, "a.b", &integer, &why));
    assert_string_equal(why.text, "expected an integer at \"a.b\", found a string");
    assert_int_equal(why.kind, FAILURE_PROTOCOL);
    assert_int_equal(integer, 9);
    assert_false(json_need_text(json, "a.c", &text, &why));
    assert_string_equal(why.text, "expected a string at \"a.c\", found nothing");
    assert_true(text_is(text, "hunter2"));
}

TEST(writing_keeps_order_and_types)
{
    static const char same[] = "{\"z\":1,\"a\":[true,null,-2,1.5],\"s\":\"\xc3\xa9\\\"\\n\"}";
    cleanup_with(json_clean) json_t *json = json_read(TEXT(same), NULL);
    struct buffer out;
    char *string;

    buffer_init(&out, 1000);
    assert_true(json_write(json, false, &out));
    assert_string_equal(out.start, same);
    buffer_clear(&out);
    string = json_write_string(json, true);
    assert_memory_equal(string, "{\n  \"z\": 1,\n", 12);
    assert_string_equal(string + strlen(string) - 2, "}\n");
    free(string);
}

TEST(writing_beyond_the_limit_fails)
{
    cleanup_with(json_clean) json_t *json = json_read(TEXT("{\"a\":\"0123456789\"}"), NULL);
    struct buffer out;

    buffer_init(&out, 8);
    assert_false(json_write(json, false, &out));
    buffer_clear(&out);
}

TEST(a_string_member_is_set)
{
    cleanup_with(json_clean) json_t *json = json_object();
    char *string;

    assert_true(json_set_text(json, "a", TEXT("x")));
    assert_true(json_set_text(json, "b", (struct text){NULL, 0}));
    assert_true(json_set_text(json, "a", TEXT("y")));
    assert_false(json_set_text(json, "c", TEXT("\xff")));
    string = json_write_string(json, false);
    assert_string_equal(string, "{\"a\":\"y\",\"b\":null}");
    free(string);
}

int main(void)
{
    return RUN(CASE(what_is_not_strict_is_refused), CASE(nesting_is_limited_to_64),
               CASE(brackets_in_strings_do_not_nest), CASE(a_failure_never_quotes_the_text),
               CASE(an_object_must_be_one), CASE(members_are_found_by_path),
               CASE(an_empty_string_is_there), CASE(what_is_needed_and_missing_is_named),
               CASE(writing_keeps_order_and_types), CASE(writing_beyond_the_limit_fails),
               CASE(a_string_member_is_set));
}
