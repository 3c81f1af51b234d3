/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are no configuration, or try to be more than they show. */
#include "agent/adapters/config.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

static void assert_only_problem(struct text yaml, const char *expected)
{
    struct config_problems problems;
    struct config *config = config_read_text("c", yaml, &problems);

    assert_null(config);
    assert_non_null(problems.text.start);
    if (strncmp(problems.text.start, expected, strlen(expected)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", problems.text.start, expected);
    buffer_clear(&problems.text);
}

TEST(an_empty_file_is_refused)
{
    assert_only_problem(TEXT(""), "c:1:1: error: the file is empty");
    assert_only_problem(TEXT("# a comment\n"), "c:1:1: error: the file is empty");
    assert_only_problem(TEXT("---\n...\n"), "c:1:1: error: the file is empty");
}

TEST(bytes_that_would_end_the_file_silently_are_refused)
{
    assert_only_problem(TEXT("state: x\n\0bindings: []\n"), "c:2:1: error: the character U+0000");
    assert_only_problem(TEXT("state: \"\xc3\x28\"\n"), "c:1:9: error: the byte 0xc3 is not UTF-8");
    assert_only_problem(TEXT("state: \xed\xa0\x80\n"), "c:1:8: error: the byte 0xed is not UTF-8");
    assert_only_problem(TEXT("a: \xc3\xbc\x1b[0m\n"), "c:1:5: error: the character U+001B");
    assert_only_problem(TEXT("a: \xef\xbf\xbe\n"), "c:1:4: error: the character U+FFFE");
    assert_only_problem(TEXT("state: \"a\\0b\"\n"), "c:1:8: error: a NUL character");
}

TEST(a_syntax_error_has_its_place)
{
    assert_only_problem(TEXT("vault:\n  address: b: c\n"), "c:2:13: error: ");
    assert_only_problem(TEXT("? [a]\n: 1\n"), "c:1:3: error: a key must be a word");
}

TEST(a_second_document_is_refused)
{
    assert_only_problem(TEXT("state: sqlite:x\n---\nstate: sqlite:y\n"),
                        "c:2:1: error: a second document begins here");
}

TEST(what_is_no_map_is_refused)
{
    assert_only_problem(TEXT("- a\n"), "c:1:1: error: found a list");
    assert_only_problem(TEXT("hvs.secret\n"), "c:1:1: error: found a text, expected a map");
}

TEST(anchors_aliases_tags_and_merges_are_refused_and_never_followed)
{
    assert_only_problem(TEXT("state: &a sqlite:x\nbindings: *a\n"),
                        "c:1:11: error: an anchor (&name) is not allowed here: write each value "
                        "out\nc:2:11: error: an alias (*name) is not allowed");
    assert_only_problem(TEXT("vault: !!map {}\nbindings: []\n"), "c:1:14: error: a tag (!name)");
    assert_only_problem(TEXT("<<: *a\n"), "c:1:1: error: <<: unknown key");
}

TEST(an_alias_bomb_costs_nothing)
{
    struct buffer yaml;

    buffer_init(&yaml, 1 << 16);
    buffer_append_string(&yaml, "a: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 20; i++)
        buffer_printf(&yaml, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i,
                      i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    assert_only_problem(buffer_text(&yaml), "c:1:1: error: a: unknown key");
    buffer_clear(&yaml);
}

TEST(nesting_has_an_end)
{
    struct buffer yaml;

    buffer_init(&yaml, 1 << 20);
    buffer_append_string(&yaml, "a: ");
    for (int i = 0; i < 100000; i++)
        buffer_append_byte(&yaml, '[');
    assert_only_problem(buffer_text(&yaml), "c:1:35: error: nested more than 32 deep");
    buffer_clear(&yaml);
}

TEST(twenty_thousand_duplicate_keys_are_found_quickly_and_counted)
{
    struct buffer yaml;
    struct config_problems problems;

    buffer_init(&yaml, 1 << 20);
    for (int i = 0; i < 20000; i++)
        buffer_printf(&yaml, "key%d: 1\n", i / 2);
    assert_null(config_read_text("c", buffer_text(&yaml), &problems));
    /* 10,000 second ones, 20,000 unknown, no bindings */
    assert_int_equal(problems.errors, 30001);
    assert_non_null(strstr(problems.text.start, "c:1:1: error: and 29001 more\n"));
    buffer_clear(&problems.text);
    buffer_clear(&yaml);
}

TEST(json_is_yaml)
{
    struct config_problems problems;
    struct config *config = config_read_text(
        "c",
        TEXT("{\"bindings\":[{\"name\":\"a\",\"source\":{\"kind\":\"azureml-online-endpoint\","
             "\"subscription\":\"S\",\"resource_group\":\"R\",\"workspace\":\"W\",\"endpoint\":"
             "\"E\"},\n\t\"copy\":{\"mount\":\"kv\",\"path\":\"p\",\"field\":\"\\u00fc\"},"
             "\"confirm\":3,\"probe\":{\"score\":true}}]}"),
        &problems);

    assert_non_null(config);
    assert_int_equal(problems.errors + problems.warnings, 0);
    assert_string_equal(config->bindings[0].field, "\xc3\xbc");
    assert_int_equal(config->bindings[0].confirm, 3);
    assert_true(config->bindings[0].probe_score);
    config_free(config);
    buffer_clear(&problems.text);
}

TEST(numbers_and_booleans_are_no_names)
{
    static const char *const values[] = {"12", "1e3", "true", "0x1f", ".inf", "~", ""};

    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        struct buffer yaml;
        struct config_problems problems;

        buffer_init(&yaml, 1024);
        buffer_printf(&yaml, "bindings:\n- name: %s\n", values[i]);
        assert_null(config_read_text("c", buffer_text(&yaml), &problems));
        assert_non_null(strstr(problems.text.start, "error: bindings[0].name: found "));
        buffer_clear(&problems.text);
        buffer_clear(&yaml);
    }
}

TEST(a_message_cannot_drive_a_terminal)
{
    struct config_problems problems;

    assert_null(config_read_text("c", TEXT("\"\\e[31mred\": 1\n"), &problems));
    assert_null(strchr(problems.text.start, '\x1b'));
    assert_non_null(strstr(problems.text.start, "?[31mred: unknown key"));
    buffer_clear(&problems.text);
}

int main(void)
{
    return RUN(
        CASE(an_empty_file_is_refused), CASE(bytes_that_would_end_the_file_silently_are_refused),
        CASE(a_syntax_error_has_its_place), CASE(a_second_document_is_refused),
        CASE(what_is_no_map_is_refused),
        CASE(anchors_aliases_tags_and_merges_are_refused_and_never_followed),
        CASE(an_alias_bomb_costs_nothing), CASE(nesting_has_an_end),
        CASE(twenty_thousand_duplicate_keys_are_found_quickly_and_counted), CASE(json_is_yaml),
        CASE(numbers_and_booleans_are_no_names), CASE(a_message_cannot_drive_a_terminal));
}
