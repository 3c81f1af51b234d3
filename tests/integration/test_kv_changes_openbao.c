/* SPDX-License-Identifier: Apache-2.0 */
/* What changes secrets other than a plain write, and what a client stumbles over there, on a real
 * server: lists, deletes, notes, merge patches. */
#include "openbao_scene.h"

#include "base/buffer.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct vault_outcome remove_it(struct scene *scene, enum vault_removal_kind kind,
                                      const char *path, uint32_t version)
{
    return vault_remove_of(&scene->loop, scene->client, kind, path, version, NULL);
}

/* ---- lists ----------------------------------------------------------------------------------- */

TEST(folders_and_keys_are_listed_in_pages)
{
    static const char *const names[] = {"z", "a", "a/x", "a/y", "a-b", "b", "\xc3\xa4 b"};
    struct scene *scene = scene_open();
    struct vault_outcome outcome;
    char path[64];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *encoded = names[i][0] == '\xc3' ? "%C3%A4%20b" : names[i];

        snprintf(path, sizeof path, "kv/data/list/%s", encoded);
        administer(scene, "POST", path, "{\"data\":{\"k\":\"v\"}}");
        snprintf(path, sizeof path, "kv1/list/%s", encoded);
        administer(scene, "POST", path, "{\"k\":\"v\"}");
    }
    for (int version = 1; version <= 2; version++) {
        const char *folder = version == 1 ? "kv1:list" : "list";
        const char *below = version == 1 ? "kv1:list/a" : "list/a";

        outcome = vault_list_of(&scene->loop, scene->client, folder, "", 0);
        expect_kind(&outcome, FAILURE_NONE, "");
        assert_string_equal(outcome.names, "a a-b a/ b z \xc3\xa4 b");
        assert_false(outcome.has_more);
        outcome = vault_list_of(&scene->loop, scene->client, folder, "", 2);
        assert_string_equal(outcome.names, "a a-b");
        assert_true(outcome.has_more);
        outcome = vault_list_of(&scene->loop, scene->client, folder, "a-b", 2);
        assert_string_equal(outcome.names, "a/ b");
        assert_true(outcome.has_more);
        outcome = vault_list_of(&scene->loop, scene->client, folder, "b", 2);
        assert_string_equal(outcome.names, "z \xc3\xa4 b");
        assert_false(outcome.has_more);
        outcome = vault_list_of(&scene->loop, scene->client, folder, "\xc3\xa4 b", 2);
        expect_kind(&outcome, FAILURE_NONE, "");
        assert_int_equal(outcome.count, 0);
        outcome = vault_list_of(&scene->loop, scene->client, below, "", 0);
        assert_string_equal(outcome.names, "x y");
        outcome = vault_list_of(&scene->loop, scene->client, version == 1 ? "kv1:" : "kv:", "", 0);
        expect_kind(&outcome, FAILURE_NONE, "");
        assert_non_null(strstr(outcome.names, "list/"));
    }
    outcome = vault_list_of(&scene->loop, scene->client, "nowhere", "", 0);
    expect_kind(&outcome, FAILURE_NOT_FOUND, "nothing lies there");
    outcome = vault_list_of(&scene->loop, scene->client, "forbidden/x", "", 0);
    expect_kind(&outcome, FAILURE_DENIED, "its policies do not allow this");
    outcome = vault_list_of(&scene->loop, scene->client, "nomount:x", "", 0);
    expect_kind(&outcome, FAILURE_DENIED, "no mount");
    scene_close(scene);
}

/* ---- deleting -------------------------------------------------------------------------------- */

TEST(a_version_goes_comes_back_and_goes_for_good)
{
    struct scene *scene = scene_open();
    struct vault_version none = {0};
    struct vault_outcome outcome;

    vault_set_field(&scene->loop, scene->client, "go/a", "k", "one", &none);
    outcome = remove_it(scene, VAULT_DELETE_VERSION, "go/a", 1);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_true(outcome.version.is_deleted);
    outcome = vault_field_of(&scene->loop, scene->client, "go/a", "k", 0);
    expect_kind(&outcome, FAILURE_DELETED, "version 1");
    outcome = remove_it(scene, VAULT_UNDELETE_VERSION, "go/a", 1);
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = vault_field_of(&scene->loop, scene->client, "go/a", "k", 0);
    assert_string_equal(outcome.value, "one");
    outcome = remove_it(scene, VAULT_DESTROY_VERSION, "go/a", 1);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_true(outcome.version.is_destroyed);
    outcome = remove_it(scene, VAULT_UNDELETE_VERSION, "go/a", 1);
    expect_kind(&outcome, FAILURE_DESTROYED, "nothing brings it back");
    outcome = remove_it(scene, VAULT_REMOVE_SECRET, "go/a", 0);
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = vault_metadata_of(&scene->loop, scene->client, "go/a");
    expect_kind(&outcome, FAILURE_NOT_FOUND, "");
    scene_close(scene);
}

/* All of these are 204 for whoever does not look. */
TEST(trap_deleting_what_is_not_there_is_no_success)
{
    struct scene *scene = scene_open();
    struct vault_version none = {0};
    struct vault_outcome outcome;

    vault_set_field(&scene->loop, scene->client, "gone/a", "k", "one", &none);
    outcome = remove_it(scene, VAULT_DELETE_VERSION, "gone/a", 2);
    expect_kind(&outcome, FAILURE_NOT_FOUND, "no version 2");
    outcome = remove_it(scene, VAULT_DESTROY_VERSION, "gone/never", 1);
    expect_kind(&outcome, FAILURE_NOT_FOUND, "no such secret");
    outcome = remove_it(scene, VAULT_REMOVE_SECRET, "gone/never", 0);
    expect_kind(&outcome, FAILURE_NOT_FOUND, "no such secret");
    outcome = remove_it(scene, VAULT_REMOVE_SECRET, "forbidden/a", 0);
    expect_kind(&outcome, FAILURE_DENIED, "its policies do not allow this");
    outcome = remove_it(scene, VAULT_REMOVE_SECRET, "nomount:a", 0);
    expect_kind(&outcome, FAILURE_DENIED, "no mount");
    outcome = remove_it(scene, VAULT_DELETE_VERSION, "kv1:gone/a", 1);
    expect_kind(&outcome, FAILURE_INVALID, "no versions");
    outcome = remove_it(scene, VAULT_REMOVE_SECRET, "kv1:gone/a", 0);
    expect_kind(&outcome, FAILURE_NOT_FOUND, "no such secret");
    administer(scene, "POST", "kv1/gone/a", "{\"k\":\"v\"}");
    outcome = remove_it(scene, VAULT_REMOVE_SECRET, "kv1:gone/a", 0);
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = vault_field_of(&scene->loop, scene->client, "kv1:gone/a", "k", 0);
    expect_kind(&outcome, FAILURE_NOT_FOUND, "");
    scene_close(scene);
}

TEST(a_secret_made_anew_is_not_the_one_that_was_to_go)
{
    struct scene *scene = scene_open();
    struct vault_version none = {0}, seen;
    struct vault_outcome outcome;

    vault_set_field(&scene->loop, scene->client, "anew/a", "k", "one", &none);
    seen = vault_metadata_of(&scene->loop, scene->client, "anew/a").version;
    administer(scene, "DELETE", "kv/metadata/anew/a", NULL);
    administer(scene, "POST", "kv/data/anew/a", "{\"data\":{\"k\":\"theirs\"}}");
    for (enum vault_removal_kind kind = 0; kind <= VAULT_REMOVE_SECRET; kind++) {
        outcome = vault_remove_of(&scene->loop, scene->client, kind, "anew/a",
                                  kind == VAULT_REMOVE_SECRET ? 0 : 1, &seen);
        expect_kind(&outcome, FAILURE_CONFLICT, "made anew");
    }
    expect_body(scene, "kv/data/anew/a", "\"theirs\"");
    scene_close(scene);
}

/* The server's DELETE of "a/" deletes "a". */
TEST(trap_8_a_trailing_slash_deletes_nothing)
{
    struct scene *scene = scene_open();
    struct vault_version none = {0};
    struct vault_outcome outcome;

    vault_set_field(&scene->loop, scene->client, "slash/a", "k", "one", &none);
    outcome = remove_it(scene, VAULT_DELETE_VERSION, "slash/a/", 1);
    expect_kind(&outcome, FAILURE_INVALID, "the path");
    outcome = vault_field_of(&scene->loop, scene->client, "slash/a", "k", 0);
    assert_string_equal(outcome.value, "one");
    scene_close(scene);
}

/* Metadata's updated_time stands still then. */
TEST(trap_9_a_deletion_shows_although_the_updated_time_does_not_move)
{
    struct scene *scene = scene_open();
    struct vault_version none = {0};
    struct vault_outcome outcome;

    vault_set_field(&scene->loop, scene->client, "still/a", "k", "one", &none);
    outcome = vault_metadata_of(&scene->loop, scene->client, "still/a");
    assert_false(outcome.version.is_deleted);
    administer(scene, "DELETE", "kv/data/still/a", NULL);
    outcome = vault_metadata_of(&scene->loop, scene->client, "still/a");
    assert_true(outcome.version.is_deleted);
    administer(scene, "POST", "kv/undelete/still/a", "{\"versions\":[1]}");
    outcome = vault_metadata_of(&scene->loop, scene->client, "still/a");
    assert_false(outcome.version.is_deleted);
    administer(scene, "POST", "kv/destroy/still/a", "{\"versions\":[1]}");
    outcome = vault_metadata_of(&scene->loop, scene->client, "still/a");
    assert_true(outcome.version.is_destroyed);
    scene_close(scene);
}

/* ---- notes ----------------------------------------------------------------------------------- */

TEST(notes_say_who_wrote_and_keep_everything_else)
{
    struct scene *scene = scene_open();
    struct vault_outcome outcome;

    administer(scene, "POST", "kv/metadata/notes/a",
               "{\"max_versions\":4,\"cas_required\":true,\"custom_metadata\":{\"team\":\"x\"}}");
    outcome = vault_set_note(&scene->loop, scene->client, "notes/a", "who", "keydrift \xc3\xa4");
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_string_equal(outcome.names, "team=x who=keydrift \xc3\xa4");
    assert_int_equal(outcome.metadata_version, server_is_vault() ? 0 : 2);
    outcome = vault_set_note(&scene->loop, scene->client, "notes/a", "team", "");
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_string_equal(outcome.names, "who=keydrift \xc3\xa4");
    outcome = vault_set_note(&scene->loop, scene->client, "notes/a", "who", "");
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = vault_notes_of(&scene->loop, scene->client, "notes/a");
    assert_int_equal(outcome.count, 0);
    expect_body(scene, "kv/metadata/notes/a", "\"max_versions\":4");
    expect_body(scene, "kv/metadata/notes/a", "\"cas_required\":true");
    outcome = vault_set_note(&scene->loop, scene->client, "notes/never", "who", "x");
    expect_kind(&outcome, FAILURE_NOT_FOUND, "no such secret");
    outcome = vault_notes_of(&scene->loop, scene->client, "notes/never");
    expect_kind(&outcome, FAILURE_NOT_FOUND, "no such secret");
    outcome = vault_set_note(&scene->loop, scene->client, "kv1:notes/a", "who", "x");
    expect_kind(&outcome, FAILURE_INVALID, "KV version 1");
    scene_close(scene);
}

/* The limits of the server are those of the client: what fits is kept, one more changes nothing. */
TEST(the_64_notes_that_fit_are_kept_and_one_more_is_refused_with_nothing_changed)
{
    enum { FIT = 64 };
    struct scene *scene = scene_open();
    char names[FIT + 1][129], value[513] = {0};
    struct vault_note notes[FIT + 1];
    struct vault_outcome outcome = {0}, more = {0}, swap = {0};

    memset(value, 'v', sizeof value - 1);
    for (int i = 0; i <= FIT; i++) {
        snprintf(names[i], sizeof names[i], "%0128d", i);
        notes[i] = (struct vault_note){text_of(names[i]), text_of(value)};
    }
    administer(scene, "POST", "kv/metadata/full/a",
               "{\"metadata_cas_required\":true,\"max_versions\":4}");
    assert_non_null(vault_write_notes(scene->client, vault_key_of("full/a"), notes, FIT, 0,
                                      vault_on_notes, &outcome));
    vault_wait(&scene->loop, &outcome);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(outcome.count, FIT);
    assert_non_null(vault_write_notes(scene->client, vault_key_of("full/a"), &notes[FIT], 1, 0,
                                      vault_on_notes, &more));
    vault_wait(&scene->loop, &more);
    expect_kind(&more, FAILURE_INVALID, "at most 64 notes");
    more = vault_notes_of(&scene->loop, scene->client, "full/a");
    assert_int_equal(more.count, FIT);
    assert_int_equal(more.metadata_version, outcome.metadata_version);
    /* One for another fits, in whatever order they are named. */
    notes[0].value = TEXT("");
    notes[1] = notes[0];
    notes[0] = notes[FIT];
    assert_non_null(vault_write_notes(scene->client, vault_key_of("full/a"), notes, 2, 0,
                                      vault_on_notes, &swap));
    vault_wait(&scene->loop, &swap);
    expect_kind(&swap, FAILURE_NONE, "");
    assert_int_equal(swap.count, FIT);
    scene_close(scene);
}

/* Vault does not compare metadata, so there the last one may win over the others. */
TEST(of_many_who_note_at_once_none_is_lost_in_silence)
{
    enum { WRITERS = 8 };
    struct scene *scene = scene_open();
    struct vault_outcome outcome;
    unsigned noted = 0;
    struct vault_client *clients[WRITERS];
    struct vault_note notes[WRITERS];
    char names[WRITERS][8];
    struct vault_outcome outcomes[WRITERS] = {0};

    administer(scene, "POST", "kv/metadata/crowd/a", "{\"max_versions\":4}");
    for (int i = 0; i < WRITERS; i++) {
        clients[i] = open_with_token(scene, given("OPENBAO_ROOT_TOKEN"));
        snprintf(names[i], sizeof names[i], "n%d", i);
        notes[i] = (struct vault_note){text_of(names[i]), TEXT("x")};
        assert_non_null(vault_write_notes(clients[i], vault_key_of("crowd/a"), &notes[i], 1, 0,
                                          vault_on_notes, &outcomes[i]));
    }
    for (int i = 0; i < WRITERS; i++) {
        vault_wait(&scene->loop, &outcomes[i]);
        if (outcomes[i].kind != FAILURE_NONE)
            expect_kind(&outcomes[i], FAILURE_CONFLICT, "");
        vault_shut(&scene->loop, clients[i], 0);
    }
    outcome = vault_notes_of(&scene->loop, scene->client, "crowd/a");
    for (int i = 0; i < WRITERS; i++) {
        snprintf(names[i], sizeof names[i], "n%d=x", i);
        if (outcomes[i].kind == FAILURE_NONE && !server_is_vault())
            assert_non_null(strstr(outcome.names, names[i]));
        noted += outcomes[i].kind == FAILURE_NONE;
    }
    assert_true(noted >= 1);
    scene_close(scene);
}

/* ---- merge patches --------------------------------------------------------------------------- */

TEST(both_ways_keep_the_neighbours_exactly)
{
    static const char fields[] =
        "{\"data\":{\"k\":\"old\",\"number\":12345678901234,\"half\":0.5,\"yes\":true,"
        "\"none\":null,\"list\":[1,{\"k\":\"inner\",\"gone\":null}],\"html\":\"<&>\\u2028\","
        "\"e\xcc\x81\":\"two\",\"\xc3\xa9\":\"one\",\"text\":\"\\u0000\\n\\u00e4\"}}";
    struct scene *scene = scene_open();
    struct vault_outcome outcome;

    for (enum vault_write_way way = 0; way <= VAULT_WRITE_EITHER; way++) {
        char path[32], target[48];

        snprintf(path, sizeof path, "ways/%u", (unsigned)way);
        snprintf(target, sizeof target, "kv/data/%s", path);
        administer(scene, "POST", target, fields);
        outcome = vault_metadata_of(&scene->loop, scene->client, path);
        outcome = vault_set_field_by(&scene->loop, scene->client, way, path, "k", "new \xc3\xa4",
                                     &outcome.version);
        expect_kind(&outcome, FAILURE_NONE, "");
        assert_int_equal(outcome.version.version, 2);
        expect_body(scene, target,
                    "\"data\":{\"data\":{\"e\xcc\x81\":\"two\",\"half\":0.5,\"html\":"
                    "\"\\u003c\\u0026\\u003e\\u2028\",\"k\":\"new \xc3\xa4\",\"list\":[1,{\"gone\":"
                    "null,\"k\":\"inner\"}],\"none\":null,\"number\":12345678901234,\"text\":"
                    "\"\\u0000\\n\xc3\xa4\",\"yes\":true,\"\xc3\xa9\":\"one\"}");
        /* And protected: the same again rests on a version that is no longer current. */
        outcome.version.version = 1;
        outcome = vault_set_field_by(&scene->loop, scene->client, way, path, "k", "x",
                                     &(struct vault_version){.version = 1});
        expect_kind(&outcome, FAILURE_CONFLICT, "check-and-set");
    }
    scene_close(scene);
}

/* OpenBao takes no request with more than 499 texts. */
TEST(trap_a_secret_with_many_fields_is_changed_by_a_patch)
{
    struct scene *scene = scene_open();
    struct buffer body = {.limit = 1 << 16};
    struct vault_outcome outcome;

    for (int part = 0; part < 2; part++) {
        struct vault_version after = {.version = (uint32_t)part};

        buffer_printf(&body, "{\"options\":{\"cas\":%d},\"data\":{", part);
        for (int i = 0; i < 400; i++)
            buffer_printf(&body, "%s\"k%d\":\"value-%d\"", i ? "," : "", part * 400 + i, i);
        buffer_append_string(&body, "}}");
        if (part == 0) {
            administer(scene, "POST", "kv/data/many/a", buffer_text(&body).start);
        } else {
            administer_patch(scene, "kv/data/many/a", buffer_text(&body).start);
            after.version = 2;
            outcome = vault_set_field_by(&scene->loop, scene->client, VAULT_WRITE_MODIFY, "many/a",
                                         "k700", "new", &after);
            if (server_is_vault()) {
                expect_kind(&outcome, FAILURE_NONE, "");
                after = outcome.version;
            } else {
                expect_kind(&outcome, FAILURE_INVALID, "only be changed by a merge patch");
            }
            outcome = vault_set_field_by(&scene->loop, scene->client, VAULT_WRITE_EITHER, "many/a",
                                         "k700", "new", &after);
            expect_kind(&outcome, FAILURE_NONE, "");
        }
        buffer_reset(&body);
    }
    expect_body(scene, "kv/data/many/a", "\"k699\":\"value-299\",\"k7\":\"value-7\"");
    expect_body(scene, "kv/data/many/a", "\"k700\":\"new\",\"k701\":\"value-301\"");
    buffer_clear(&body);
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(folders_and_keys_are_listed_in_pages),
               CASE(a_version_goes_comes_back_and_goes_for_good),
               CASE(trap_deleting_what_is_not_there_is_no_success),
               CASE(a_secret_made_anew_is_not_the_one_that_was_to_go),
               CASE(trap_8_a_trailing_slash_deletes_nothing),
               CASE(trap_9_a_deletion_shows_although_the_updated_time_does_not_move),
               CASE(notes_say_who_wrote_and_keep_everything_else),
               CASE(the_64_notes_that_fit_are_kept_and_one_more_is_refused_with_nothing_changed),
               CASE(of_many_who_note_at_once_none_is_lost_in_silence),
               CASE(both_ways_keep_the_neighbours_exactly),
               CASE(trap_a_secret_with_many_fields_is_changed_by_a_patch));
}
