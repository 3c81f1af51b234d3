/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and notes: pages from servers that know them and from those that do not, and notes that are
 * changed without losing somebody else's. */
#include "tests/unit/vaultclient/scene.h"

#include <string.h>

/* ---- lists ----------------------------------------------------------------------------------- */

#define KEYS(keys) SAYS("200", "{\"data\":{\"keys\":" keys "},\"warnings\":null}")

TEST(names_come_sorted_and_folders_keep_their_slash)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/metadata/team/",
                    KEYS("[\"b\",\"a/\",\"a\",\"a-b\",\"\xc3\xa4\"]"));
    outcome = vault_list_of(&scene->loop, scene->client, "team", "", 0);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_string_equal(outcome.names, "a a-b a/ b \xc3\xa4");
    assert_false(outcome.has_more);
    assert_non_null(strstr(scene_request(scene, "GET /v1/kv/metadata/team/", 0),
                           "GET /v1/kv/metadata/team/?list=true HTTP"));
    scene_close(scene);
}

TEST(a_page_is_asked_for_with_one_name_more)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/metadata/", KEYS("[\"c\",\"d\",\"e/\"]"),
                    KEYS("[\"f\"]"), ABSENT);
    outcome = vault_list_of(&scene->loop, scene->client, "kv:", "b&c", 2);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_string_equal(outcome.names, "c d");
    assert_true(outcome.has_more);
    assert_non_null(strstr(scene_request(scene, "GET /v1/kv/metadata/", 0),
                           "/v1/kv/metadata/?list=true&after=b%26c&limit=3 "));
    outcome = vault_list_of(&scene->loop, scene->client, "kv:", "e/", 2);
    assert_string_equal(outcome.names, "f");
    assert_false(outcome.has_more);
    outcome = vault_list_of(&scene->loop, scene->client, "kv:", "f", 2);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(outcome.count, 0);
    scene_close(scene);
}

/* HashiCorp Vault, and KV version 1 everywhere. */
TEST(a_server_without_pages_is_cut_to_the_page)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/metadata/", KEYS("[\"d\",\"a\",\"c\",\"b\",\"a/\"]"));
    outcome = vault_list_of(&scene->loop, scene->client, "kv:", "a", 2);
    assert_string_equal(outcome.names, "a/ b");
    assert_true(outcome.has_more);
    outcome = vault_list_of(&scene->loop, scene->client, "kv:", "b", 2);
    assert_string_equal(outcome.names, "c d");
    assert_false(outcome.has_more);
    scene_close(scene);
}

TEST(nothing_there_is_not_found_and_other_404s_are_something_else)
{
    static const struct {
        struct loopback_step step;
        enum failure_kind kind;
        const char *part;
    } cases[] = {
        {ABSENT, FAILURE_NOT_FOUND, "nothing lies there"},
        {SAYS("404", "404 page not found\n"), FAILURE_PROTOCOL, "not in Vault's words"},
        {SAYS("404", "{\"errors\":[\"no handler for route\"]}"), FAILURE_REMOTE, "no handler"},
        {SAYS("404", "{\"errors\":[\"1 error occurred:\\n\\t* unsupported path\\n\\n\"]}"),
         FAILURE_PROTOCOL, "404 unsupported path"},
        {SAYS("404", "{\"data\":null,\"warnings\":[\"Invalid path\"]}"), FAILURE_PROTOCOL,
         "not the KV version"},
        {DENIES, FAILURE_DENIED, "its policies do not allow this"},
        {SAYS("200", "{\"data\":{\"k\":\"v\"}}"), FAILURE_PROTOCOL, "no list of names"},
        {KEYS("[\"a\",1]"), FAILURE_PROTOCOL, "no name"},
        {KEYS("[\"\"]"), FAILURE_PROTOCOL, "no name"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *scene = scene_with_token();
        struct vault_outcome outcome;

        loopback_script(scene->server, "/v1/kv/metadata/x/", &cases[i].step, 1);
        outcome = vault_list_of(&scene->loop, scene->client, "x", "", 0);
        expect_kind(&outcome, cases[i].kind, cases[i].part);
        scene_close(scene);
    }
}

TEST(a_bad_folder_never_reaches_the_server)
{
    static const char *const bad[] = {"a/", "a//b", "../x", "a\n", "\xff", ":x"};
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        outcome = vault_list_of(&scene->loop, scene->client, bad[i], "", 0);
        expect_kind(&outcome, FAILURE_INVALID, "the ");
    }
    outcome = vault_list_of(&scene->loop, scene->client, "a", "\n", 0);
    expect_kind(&outcome, FAILURE_INVALID, "the name to list from");
    assert_int_equal(loopback_count(scene->server), 0);
    scene_close(scene);
}

/* ---- notes ----------------------------------------------------------------------------------- */

#define NOTES(version, notes)                                                                      \
    SAYS("200", "{\"data\":{\"created_time\":\"2026-01-02T03:04:05Z\",\"current_version\":0,"      \
                "\"versions\":{}," version "\"custom_metadata\":" notes "}}")
#define NO_CONTENT SAYS("204", "")
#define COUNTED(n) "\"current_metadata_version\":" n ","

TEST(notes_are_read_in_any_number)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/metadata/a", NOTES(COUNTED("3"), "null"),
                    NOTES("", "{\"who\":\"ana\",\"why\":\"\xc3\xa4\"}"), ABSENT,
                    NOTES("", "{\"who\":1}"), SAYS("200", "{\"data\":{}}"));
    outcome = vault_notes_of(&scene->loop, scene->client, "a");
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(outcome.count, 0);
    assert_int_equal(outcome.metadata_version, 3);
    outcome = vault_notes_of(&scene->loop, scene->client, "a");
    assert_string_equal(outcome.names, "who=ana why=\xc3\xa4");
    assert_int_equal(outcome.metadata_version, 0);
    outcome = vault_notes_of(&scene->loop, scene->client, "a");
    expect_kind(&outcome, FAILURE_NOT_FOUND, "no such secret");
    outcome = vault_notes_of(&scene->loop, scene->client, "a");
    expect_kind(&outcome, FAILURE_PROTOCOL, "not a string");
    outcome = vault_notes_of(&scene->loop, scene->client, "a");
    expect_kind(&outcome, FAILURE_PROTOCOL, "no metadata");
    scene_close(scene);
}

TEST(a_note_is_set_beside_the_others_and_compared_where_the_server_compares)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/metadata/a", NOTES(COUNTED("3"), "{\"b\":\"2\"}"),
                    NO_CONTENT, NOTES(COUNTED("4"), "{\"b\":\"2\",\"who\":\"ana\"}"));
    outcome = vault_set_note(&scene->loop, scene->client, "a", "who", "ana");
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_string_equal(outcome.names, "b=2 who=ana");
    assert_int_equal(outcome.metadata_version, 4);
    assert_non_null(
        strstr(scene_request(scene, "POST /v1/kv/metadata/a", 0),
               "{\"metadata_cas\":3,\"custom_metadata\":{\"b\":\"2\",\"who\":\"ana\"}}"));
    scene_close(scene);

    scene = scene_with_token();
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/metadata/a", NOTES("", "{\"b\":\"2\"}"), NO_CONTENT,
                    NOTES("", "{}"));
    outcome = vault_set_note(&scene->loop, scene->client, "a", "b", "");
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(outcome.count, 0);
    assert_non_null(strstr(scene_request(scene, "POST /v1/kv/metadata/a", 0),
                           "\r\n\r\n{\"custom_metadata\":{}}"));
    scene_close(scene);
}

TEST(notes_of_nothing_are_not_written)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/kv/metadata/a", ABSENT);
    outcome = vault_set_note(&scene->loop, scene->client, "a", "who", "ana");
    expect_kind(&outcome, FAILURE_NOT_FOUND, "no such secret");
    assert_int_equal(scene_count(scene, "POST /v1/kv/metadata/a"), 0);
    scene_close(scene);
}

TEST(a_note_that_is_lost_or_overtaken_is_told)
{
    static const struct loopback_step conflict[] = {
        NOTES(COUNTED("3"), "{}"),
        SAYS("400", "{\"errors\":[\"metadata check-and-set parameter does not match the current "
                    "version\"]}")};
    static const struct loopback_step overtaken[] = {NOTES(COUNTED("3"), "{}"), NO_CONTENT,
                                                     NOTES(COUNTED("5"), "{\"who\":\"bo\"}")};
    static const struct loopback_step settled[] = {NOTES(COUNTED("3"), "{}"), CLOSES,
                                                   NOTES(COUNTED("4"), "{\"who\":\"ana\"}")};
    static const struct loopback_step unsettled[] = {NOTES(COUNTED("3"), "{}"), CLOSES,
                                                     NOTES(COUNTED("3"), "{}")};
    static const struct {
        const struct loopback_step *steps;
        size_t count;
        enum failure_kind kind;
        const char *part;
    } cases[] = {
        {conflict, 2, FAILURE_CONFLICT, "does not match"},
        {overtaken, 3, FAILURE_CONFLICT, "somebody else"},
        {settled, 3, FAILURE_NONE, ""},
        {unsettled, 3, FAILURE_AMBIGUOUS, "not what they were set to"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *scene = scene_with_token();
        struct vault_outcome outcome;

        loopback_script(scene->server, "/v1/kv/metadata/a", cases[i].steps, cases[i].count);
        outcome = vault_set_note(&scene->loop, scene->client, "a", "who", "ana");
        expect_kind(&outcome, cases[i].kind, cases[i].part);
        assert_int_equal(scene_count(scene, "POST /v1/kv/metadata/a"), 1);
        scene_close(scene);
    }
}

TEST(a_note_the_server_would_refuse_is_refused_at_once)
{
    struct scene *scene = scene_with_token();
    char long_text[514] = {0};
    struct vault_outcome outcome;

    memset(long_text, 'x', 513);
    outcome = vault_set_note(&scene->loop, scene->client, "a", "who", long_text);
    expect_kind(&outcome, FAILURE_INVALID, "at most 512");
    outcome = vault_set_note(&scene->loop, scene->client, "a", long_text, "x");
    expect_kind(&outcome, FAILURE_INVALID, "1 to 128");
    outcome = vault_set_note(&scene->loop, scene->client, "a", "", "x");
    expect_kind(&outcome, FAILURE_INVALID, "1 to 128");
    outcome = vault_set_note(&scene->loop, scene->client, "a", "who", "a\nb");
    expect_kind(&outcome, FAILURE_INVALID, "printable");
    outcome = vault_set_note(&scene->loop, scene->client, "a", "\xff", "x");
    expect_kind(&outcome, FAILURE_INVALID, "UTF-8");
    assert_int_equal(loopback_count(scene->server), 0);
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(names_come_sorted_and_folders_keep_their_slash),
               CASE(a_page_is_asked_for_with_one_name_more),
               CASE(a_server_without_pages_is_cut_to_the_page),
               CASE(nothing_there_is_not_found_and_other_404s_are_something_else),
               CASE(a_bad_folder_never_reaches_the_server), CASE(notes_are_read_in_any_number),
               CASE(a_note_is_set_beside_the_others_and_compared_where_the_server_compares),
               CASE(notes_of_nothing_are_not_written),
               CASE(a_note_that_is_lost_or_overtaken_is_told),
               CASE(a_note_the_server_would_refuse_is_refused_at_once));
}
