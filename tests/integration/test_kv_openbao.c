/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing KV secrets of a real OpenBao: what the server says is what counts. */
#include "openbao_scene.h"
#include "tests/support/test.h"

#include <stdlib.h>

/* ---- reading --------------------------------------------------------------------------------- */

TEST(a_field_and_its_version_are_read)
{
    struct scene *scene = scene_open();
    struct vault_outcome metadata, field;

    administer(scene, "POST", "kv/data/read/a", "{\"data\":{\"k\":\"one<&>\\u00e4\",\"n\":7}}");
    administer(scene, "POST", "kv/data/read/a", "{\"data\":{\"k\":\"two\",\"n\":7}}");
    metadata = vault_metadata_of(&scene->loop, scene->client, "read/a");
    expect_kind(&metadata, FAILURE_NONE, "");
    assert_int_equal(metadata.version.kv, 2);
    assert_int_equal(metadata.version.version, 2);
    assert_true(metadata.version.created_at * 1000000 + metadata.version.created_ns >
                metadata.version.key_created_at * 1000000 + metadata.version.key_created_ns);
    assert_false(metadata.version.is_deleted || metadata.version.is_destroyed);

    field = vault_field_of(&scene->loop, scene->client, "read/a", "k", 0);
    expect_kind(&field, FAILURE_NONE, "");
    assert_string_equal(field.value, "two");
    assert_true(field.version.created_at == metadata.version.created_at);
    assert_true(field.version.created_ns == metadata.version.created_ns);
    field = vault_field_of(&scene->loop, scene->client, "read/a", "k", 1);
    assert_string_equal(field.value, "one<&>\xc3\xa4");
    assert_int_equal(field.version.version, 1);
    field = vault_field_of(&scene->loop, scene->client, "read/a", "n", 2);
    assert_int_equal(field.state, VAULT_FIELD_NOT_A_STRING);
    field = vault_field_of(&scene->loop, scene->client, "read/a", "other", 2);
    assert_int_equal(field.state, VAULT_FIELD_ABSENT);
    scene_close(scene);
}

TEST(odd_but_legal_paths_work)
{
    static const char *const paths[] = {"odd/with blank", "odd/50%25", "odd/\xc3\xa4/.x",
                                        "odd/end.", "odd/q&x=1#f"};
    struct scene *scene = scene_open();
    struct vault_version none = {0};

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct vault_outcome outcome =
            vault_set_field(&scene->loop, scene->client, paths[i], "k", paths[i], &none);

        expect_kind(&outcome, FAILURE_NONE, "");
        outcome = vault_field_of(&scene->loop, scene->client, paths[i], "k", 0);
        assert_string_equal(outcome.value, paths[i]);
    }
    scene_close(scene);
}

TEST(missing_deleted_destroyed_and_forbidden_are_told_apart)
{
    struct scene *scene = scene_open();
    uv_loop_t *loop = &scene->loop;
    struct vault_outcome outcome;

    outcome = vault_metadata_of(loop, scene->client, "gone/never");
    expect_kind(&outcome, FAILURE_NOT_FOUND, "gone/never");
    outcome = vault_field_of(loop, scene->client, "gone/never", "k", 0);
    expect_kind(&outcome, FAILURE_NOT_FOUND, "gone/never");

    administer(scene, "POST", "kv/metadata/gone/empty", "{}");
    outcome = vault_metadata_of(loop, scene->client, "gone/empty");
    expect_kind(&outcome, FAILURE_NOT_FOUND, "no such secret or version");
    outcome = vault_field_of(loop, scene->client, "gone/empty", "k", 0);
    expect_kind(&outcome, FAILURE_NOT_FOUND, "gone/empty");

    administer(scene, "POST", "kv/data/gone/a", "{\"data\":{\"k\":\"v\"}}");
    administer(scene, "POST", "kv/data/gone/a", "{\"data\":{\"k\":\"w\"}}");
    outcome = vault_field_of(loop, scene->client, "gone/a", "k", 9);
    expect_kind(&outcome, FAILURE_NOT_FOUND, "gone/a");
    administer(scene, "DELETE", "kv/data/gone/a", NULL);
    outcome = vault_metadata_of(loop, scene->client, "gone/a");
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_true(outcome.version.is_deleted && !outcome.version.is_destroyed);
    outcome = vault_field_of(loop, scene->client, "gone/a", "k", 0);
    expect_kind(&outcome, FAILURE_DELETED, "version 2 was deleted at 20");
    outcome = vault_field_of(loop, scene->client, "gone/a", "k", 2);
    expect_kind(&outcome, FAILURE_DELETED, "version 2 was deleted at 20");
    outcome = vault_field_of(loop, scene->client, "gone/a", "k", 1);
    assert_string_equal(outcome.value, "v");

    administer(scene, "PUT", "kv/destroy/gone/a", "{\"versions\":[2]}");
    outcome = vault_metadata_of(loop, scene->client, "gone/a");
    assert_true(outcome.version.is_destroyed);
    outcome = vault_field_of(loop, scene->client, "gone/a", "k", 0);
    expect_kind(&outcome, FAILURE_DESTROYED, "version 2 was destroyed");

    outcome = vault_field_of(loop, scene->client, "forbidden/x", "k", 0);
    expect_kind(&outcome, FAILURE_DENIED, "the token is valid; its policies do not allow this");
    assert_int_equal(outcome.failure.http_status, 403);
    outcome = vault_field_of(loop, scene->client, "nope:x", "k", 0);
    expect_kind(&outcome, FAILURE_DENIED, "no mount \"nope\"");
    scene_close(scene);
}

TEST(a_version_that_will_be_deleted_later_is_not_deleted)
{
    struct scene *scene = scene_open();
    struct vault_outcome outcome;

    administer(scene, "POST", "kv/metadata/later/a", "{\"delete_version_after\":\"1h\"}");
    administer(scene, "POST", "kv/data/later/a", "{\"data\":{\"k\":\"v\"}}");
    outcome = vault_metadata_of(&scene->loop, scene->client, "later/a");
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_false(outcome.version.is_deleted);
    outcome = vault_field_of(&scene->loop, scene->client, "later/a", "k", 0);
    assert_string_equal(outcome.value, "v");
    assert_false(outcome.version.is_deleted);
    scene_close(scene);
}

/* The field is read until it is gone; the metadata is read after that, and must know. */
TEST(a_version_whose_time_has_come_is_deleted_for_metadata_and_field_alike)
{
    struct scene *scene = scene_open();
    struct vault_outcome outcome;

    administer(scene, "POST", "kv/metadata/expires/a", "{\"delete_version_after\":\"1s\"}");
    administer(scene, "POST", "kv/data/expires/a", "{\"data\":{\"k\":\"v\"}}");
    do
        outcome = vault_field_of(&scene->loop, scene->client, "expires/a", "k", 0);
    while (outcome.kind == FAILURE_NONE);
    expect_kind(&outcome, FAILURE_DELETED, "version 1 was deleted at 20");
    outcome = vault_metadata_of(&scene->loop, scene->client, "expires/a");
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_true(outcome.version.is_deleted);
    outcome = vault_set_field(&scene->loop, scene->client, "expires/a", "k", "w",
                              &(struct vault_version){.version = 1});
    expect_kind(&outcome, FAILURE_DELETED, "version 1");
    scene_close(scene);
}

TEST(kv_version_1_is_read_and_never_written)
{
    struct scene *scene = scene_open();
    struct vault_version none = {0};
    struct vault_outcome outcome;

    administer(scene, "POST", "kv1/team/a", "{\"k\":\"v\",\"data\":{\"k\":\"inner\"}}");
    outcome = vault_metadata_of(&scene->loop, scene->client, "kv1:team/a");
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(outcome.version.kv, 1);
    assert_int_equal(outcome.version.version, 0);
    outcome = vault_field_of(&scene->loop, scene->client, "kv1:team/a", "k", 0);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_string_equal(outcome.value, "v");
    outcome = vault_field_of(&scene->loop, scene->client, "kv1:team/b", "k", 0);
    expect_kind(&outcome, FAILURE_NOT_FOUND, "kv1/team/b");
    outcome = vault_set_field(&scene->loop, scene->client, "kv1:team/a", "k", "w", &none);
    expect_kind(&outcome, FAILURE_INVALID, "no check-and-set");
    expect_body(scene, "kv1/team/a", "{\"data\":{\"k\":\"inner\"},\"k\":\"v\"}");
    scene_close(scene);
}

/* ---- writing --------------------------------------------------------------------------------- */

TEST(a_write_keeps_its_neighbours_exactly)
{
    struct scene *scene = scene_open();
    struct vault_outcome outcome;

    administer(
        scene, "POST", "kv/data/write/a",
        "{\"data\":{\"k\":\"old\",\"number\":12345678901234,\"half\":0.5,\"yes\":true,"
        "\"none\":null,\"list\":[1,{\"k\":\"inner\"}],\"html\":\"<a href=\\\"x\\\">&\\u2028\","
        "\"text\":\"\\u0000\\n\\t\\u00e4\"}}");
    outcome = vault_metadata_of(&scene->loop, scene->client, "write/a");
    outcome = vault_set_field(&scene->loop, scene->client, "write/a", "k", "new \"\\ \xc3\xa4",
                              &outcome.version);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(outcome.version.version, 2);
    assert_true(outcome.version.created_at > 0);
    expect_body(scene, "kv/data/write/a",
                "\"data\":{\"data\":{\"half\":0.5,\"html\":\"\\u003ca "
                "href=\\\"x\\\"\\u003e\\u0026\\u2028\",\"k\":\"new \\\"\\\\ "
                "\xc3\xa4\",\"list\":[1,{\"k\":\"inner\"}],\"none\":null,\"number\":12345678901234,"
                "\"text\":\"\\u0000\\n\\t\xc3\xa4\",\"yes\":true}");
    scene_close(scene);
}

TEST(a_write_that_rests_on_an_old_version_changes_nothing)
{
    struct scene *scene = scene_open();
    struct vault_version none = {0}, first;
    struct vault_outcome outcome;

    outcome = vault_set_field(&scene->loop, scene->client, "cas/a", "k", "one", &none);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(outcome.version.version, 1);
    first = outcome.version;
    outcome = vault_set_field(&scene->loop, scene->client, "cas/a", "k", "again", &none);
    expect_kind(&outcome, FAILURE_CONFLICT, "check-and-set");
    outcome = vault_set_field(&scene->loop, scene->client, "cas/a", "k", "two", &first);
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = vault_set_field(&scene->loop, scene->client, "cas/a", "k", "three", &first);
    expect_kind(&outcome, FAILURE_CONFLICT, "check-and-set");
    first.version = 7;
    outcome = vault_set_field(&scene->loop, scene->client, "cas/a", "k", "three", &first);
    expect_kind(&outcome, FAILURE_CONFLICT, "version 7");
    outcome = vault_field_of(&scene->loop, scene->client, "cas/a", "k", 0);
    assert_string_equal(outcome.value, "two");
    scene_close(scene);
}

/* Its version alone says that nothing happened. */
TEST(a_secret_deleted_and_made_anew_is_another_one)
{
    struct scene *scene = scene_open();
    struct vault_version none = {0}, first, key;
    struct vault_outcome outcome;

    outcome = vault_set_field(&scene->loop, scene->client, "aba/a", "k", "one", &none);
    first = outcome.version;
    key = vault_metadata_of(&scene->loop, scene->client, "aba/a").version;
    administer(scene, "DELETE", "kv/metadata/aba/a", NULL);
    administer(scene, "POST", "kv/data/aba/a", "{\"data\":{\"k\":\"theirs\"}}");
    outcome = vault_metadata_of(&scene->loop, scene->client, "aba/a");
    assert_int_equal(outcome.version.version, first.version);
    assert_false(outcome.version.created_at == first.created_at &&
                 outcome.version.created_ns == first.created_ns);
    assert_false(outcome.version.key_created_at == key.key_created_at &&
                 outcome.version.key_created_ns == key.key_created_ns);
    outcome = vault_set_field(&scene->loop, scene->client, "aba/a", "k", "two", &first);
    expect_kind(&outcome, FAILURE_CONFLICT, "deleted and made anew");
    expect_body(scene, "kv/data/aba/a", "\"theirs\"");
    scene_close(scene);
}

TEST(a_deleted_or_destroyed_version_is_not_written_over)
{
    struct scene *scene = scene_open();
    struct vault_version none = {0}, first;
    struct vault_outcome outcome;

    first = vault_set_field(&scene->loop, scene->client, "dead/a", "k", "one", &none).version;
    administer(scene, "DELETE", "kv/data/dead/a", NULL);
    outcome = vault_set_field(&scene->loop, scene->client, "dead/a", "k", "two", &first);
    expect_kind(&outcome, FAILURE_DELETED, "version 1");
    administer(scene, "PUT", "kv/destroy/dead/a", "{\"versions\":[1]}");
    outcome = vault_set_field(&scene->loop, scene->client, "dead/a", "k", "two", &first);
    expect_kind(&outcome, FAILURE_DESTROYED, "version 1");
    outcome = vault_metadata_of(&scene->loop, scene->client, "dead/a");
    assert_int_equal(outcome.version.version, 1);
    scene_close(scene);
}

/* Of a version that is there, and of a key that is not. */
TEST(of_many_writers_exactly_one_wins)
{
    enum { WRITERS = 20 };
    struct scene *scene = scene_open();
    struct vault_version none = {0};
    struct secret *value = secret_new(TEXT("same"));
    struct vault_write write = {.field = TEXT("k"), .value = value};

    vault_set_field(&scene->loop, scene->client, "race/a", "k", "start", &none);
    for (write.expected = 0; write.expected < 2; write.expected++) {
        struct vault_outcome outcomes[WRITERS] = {0};
        unsigned won = 0;

        write.key = vault_key_of(write.expected ? "race/a" : "race/new");
        for (int i = 0; i < WRITERS; i++)
            assert_non_null(vault_write_field(scene->client, &write, (unsigned)i, vault_on_metadata,
                                              &outcomes[i]));
        for (int i = 0; i < WRITERS; i++) {
            vault_wait(&scene->loop, &outcomes[i]);
            won += outcomes[i].kind == FAILURE_NONE;
            if (outcomes[i].kind != FAILURE_NONE)
                expect_kind(&outcomes[i], FAILURE_CONFLICT, "check-and-set");
        }
        assert_int_equal(won, 1);
    }
    secret_free(value);
    scene_close(scene);
}

TEST(a_secret_that_demands_check_and_set_is_written_in_every_way)
{
    struct scene *scene = scene_open();
    struct vault_version after = {0};

    administer(scene, "POST", "kv/metadata/demands/a", "{\"cas_required\":true}");
    for (unsigned i = 0; i < 4; i++) {
        enum vault_write_way way = i % 3;
        struct vault_outcome outcome =
            vault_set_field_by(&scene->loop, scene->client, way, "demands/a", "k", "v", &after);

        expect_kind(&outcome, FAILURE_NONE, "");
        assert_int_equal(outcome.version.version, i + 1);
        after = outcome.version;
    }
    scene_close(scene);
}

/* ---- who may --------------------------------------------------------------------------------- */

TEST(rights_are_told_without_trying)
{
    struct scene *scene = scene_open();
    struct vault_outcome outcome = vault_rights_of(&scene->loop, scene->client, "rights.x/a");
    struct vault_rights *rights = &outcome.rights;

    expect_kind(&outcome, FAILURE_NONE, "");
    assert_true(rights->may_read_data && rights->may_read_metadata && rights->may_create &&
                rights->may_update);
    outcome = vault_rights_of(&scene->loop, scene->client, "forbidden/a");
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_false(rights->may_read_data || rights->may_read_metadata || rights->may_create ||
                 rights->may_update);
    outcome = vault_rights_of(&scene->loop, scene->client, "kv1:a");
    assert_true(rights->may_read_data && !rights->may_read_metadata);
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(a_field_and_its_version_are_read), CASE(odd_but_legal_paths_work),
               CASE(missing_deleted_destroyed_and_forbidden_are_told_apart),
               CASE(a_version_that_will_be_deleted_later_is_not_deleted),
               CASE(a_version_whose_time_has_come_is_deleted_for_metadata_and_field_alike),
               CASE(kv_version_1_is_read_and_never_written),
               CASE(a_write_keeps_its_neighbours_exactly),
               CASE(a_write_that_rests_on_an_old_version_changes_nothing),
               CASE(a_secret_deleted_and_made_anew_is_another_one),
               CASE(a_deleted_or_destroyed_version_is_not_written_over),
               CASE(of_many_writers_exactly_one_wins),
               CASE(a_secret_that_demands_check_and_set_is_written_in_every_way),
               CASE(rights_are_told_without_trying));
}
