/* SPDX-License-Identifier: Apache-2.0 */
#include "base/failure.h"

#include "tests/support/test.h"

#include <string.h>

TEST(setting_fills_everything_and_is_false)
{
    struct failure why = {
        .kind = FAILURE_REMOTE, .http_status = 503, .retry_after_ms = 7, .text = "old"};

    assert_false(failure_set(&why, FAILURE_DENIED, "%s: %d", "kv/app", 403));
    assert_int_equal(why.kind, FAILURE_DENIED);
    assert_int_equal(why.http_status, 0);
    assert_int_equal(why.retry_after_ms, 0);
    assert_string_equal(why.text, "kv/app: 403");
}

TEST(nobody_needs_to_want_to_know_why)
{
    assert_false(failure_set(NULL, FAILURE_DENIED, "x"));
    assert_false(failure_out_of_memory(NULL));
    failure_prefix(NULL, "x");
}

TEST(a_message_may_quote_the_failure_it_replaces)
{
    struct failure why;

    failure_set(&why, FAILURE_NETWORK, "refused");
    failure_set(&why, FAILURE_REMOTE, "all tried: %s", why.text);
    assert_string_equal(why.text, "all tried: refused");
    failure_prefix(&why, "%s", why.text);
    assert_string_equal(why.text, "all tried: refused: all tried: refused");
}

TEST(a_prefix_keeps_the_rest)
{
    struct failure why;

    failure_set(&why, FAILURE_THROTTLED, "slow down");
    why.http_status = 429;
    why.retry_after_ms = 1500;
    failure_prefix(&why, "vault %s", "kv/app");
    assert_string_equal(why.text, "vault kv/app: slow down");
    assert_int_equal(why.kind, FAILURE_THROTTLED);
    assert_int_equal(why.http_status, 429);
    assert_int_equal(why.retry_after_ms, 1500);
}

TEST(control_characters_become_spaces)
{
    struct failure why;

    failure_set(&why, FAILURE_REMOTE,
                "a\nb\tc\x1b[31m\x7f \xc2\x9b"
                "1m \xc2\xa0 \xc3\x9b");
    assert_string_equal(why.text, "a b c [31m    1m \xc2\xa0 \xc3\x9b");
    failure_prefix(&why, "x\r");
    assert_memory_equal(why.text, "x : a b", 7);
}

TEST(what_is_not_utf8_becomes_question_marks)
{
    struct failure why;

    failure_set(&why, FAILURE_INVALID, "%s", "\xff \xc3\xa4 \xe2\x82 \xc3");
    assert_string_equal(why.text, "? \xc3\xa4 ?? ?");
    failure_set(&why, FAILURE_INVALID, "\"%.*s\"", 2, "x\xc3\xa4");
    assert_string_equal(why.text, "\"x?\"");
}

TEST(a_long_text_is_cut_visibly)
{
    struct failure why;
    char text[500], longest[sizeof(why.text)];

    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    failure_set(&why, FAILURE_REMOTE, "%s", longest);
    assert_string_equal(why.text, longest);

    memset(text, 'x', sizeof(text));
    text[sizeof(why.text)] = '\0';
    failure_set(&why, FAILURE_REMOTE, "%s", text);
    assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
    assert_string_equal(why.text + sizeof(why.text) - 5, "x...");

    failure_prefix(&why, "%s", text);
    assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
    assert_string_equal(why.text + sizeof(why.text) - 5, "x...");
}

TEST(a_cut_does_not_split_a_letter)
{
    for (size_t before = 0; before < 4; before++) {
        struct failure why;
        char text[600];
        size_t end;

        memset(text, 'x', before);
        for (end = before; end + 4 < sizeof(text); end += 4)
            memcpy(text + end, "\xf0\x9f\x98\x80", 4);
        text[end] = '\0';
        failure_set(&why, FAILURE_REMOTE, "%s", text);
        end = strlen(why.text) - 3;
        assert_string_equal(why.text + end, "...");
        assert_int_equal(end % 4, before);
        assert_true(end + 7 >= sizeof(why.text) - 1);
        assert_memory_equal(why.text, text, end);
    }
}

TEST(bytes_that_are_no_text_are_cut_near_the_end_too)
{
    struct failure why;
    char text[500];

    memset(text, '\x80', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    failure_set(&why, FAILURE_REMOTE, "%s", text);
    assert_true(strlen(why.text) >= sizeof(why.text) - 5);
    assert_string_equal(why.text + strlen(why.text) - 3, "...");
}

TEST(out_of_memory_is_internal)
{
    struct failure why;

    assert_false(failure_out_of_memory(&why));
    assert_int_equal(why.kind, FAILURE_INTERNAL);
    assert_string_equal(why.text, "out of memory");
}

/* One line for each kind: these words are in logs and JSON for good. */
static const struct {
    enum failure_kind kind;
    const char *name;
    bool is_temporary;
} kinds[] = {
    {FAILURE_NONE, "none", false},           {FAILURE_CANCELED, "canceled", false},
    {FAILURE_TIMEOUT, "timeout", true},      {FAILURE_NETWORK, "network", true},
    {FAILURE_THROTTLED, "throttled", true},  {FAILURE_DENIED, "denied", false},
    {FAILURE_NOT_FOUND, "not_found", false}, {FAILURE_DELETED, "deleted", false},
    {FAILURE_DESTROYED, "destroyed", false}, {FAILURE_CONFLICT, "conflict", false},
    {FAILURE_AMBIGUOUS, "ambiguous", false}, {FAILURE_REMOTE, "remote", true},
    {FAILURE_PROTOCOL, "protocol", false},   {FAILURE_TOO_LARGE, "too_large", false},
    {FAILURE_INVALID, "invalid", false},     {FAILURE_INTERNAL, "internal", false},
};

TEST(every_kind_has_its_word_and_its_hope)
{
    assert_int_equal(sizeof(kinds) / sizeof(kinds[0]), FAILURE_KINDS);
    for (size_t i = 0; i < FAILURE_KINDS; i++) {
        assert_int_equal(kinds[i].kind, i);
        assert_string_equal(failure_kind_name(kinds[i].kind), kinds[i].name);
        assert_int_equal(failure_is_temporary(kinds[i].kind), kinds[i].is_temporary);
    }
    assert_string_equal(failure_kind_name(FAILURE_KINDS), "unknown");
}

int main(void)
{
    return RUN(CASE(setting_fills_everything_and_is_false), CASE(nobody_needs_to_want_to_know_why),
               CASE(a_message_may_quote_the_failure_it_replaces), CASE(a_prefix_keeps_the_rest),
               CASE(control_characters_become_spaces),
               CASE(what_is_not_utf8_becomes_question_marks), CASE(a_long_text_is_cut_visibly),
               CASE(a_cut_does_not_split_a_letter),
               CASE(bytes_that_are_no_text_are_cut_near_the_end_too),
               CASE(out_of_memory_is_internal), CASE(every_kind_has_its_word_and_its_hope));
}
