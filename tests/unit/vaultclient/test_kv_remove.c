/* SPDX-License-Identifier: Apache-2.0 */
/* Deletes, undeletes, destroys and removes against a server that says 204 to everything. */
#include "tests/unit/vaultclient/scene.h"

#include <string.h>

#define METADATA "/v1/kv/metadata/a"

#define KEY_OF(created, versions)                                                                  \
    SAYS("200", "{\"data\":{\"created_time\":\"" created                                           \
                "\",\"current_version\":2,\"versions\":{" versions "}}}")
#define KEY(versions) KEY_OF("2026-01-02T03:04:05Z", versions)
#define LIVING(n)                                                                                  \
    "\"" n "\":{\"created_time\":\"2026-01-02T03:04:06Z\",\"deletion_time\":\"\","                 \
    "\"destroyed\":false}"
#define DELETED(n)                                                                                 \
    "\"" n "\":{\"created_time\":\"2026-01-02T03:04:06Z\",\"deletion_time\":"                      \
    "\"2026-01-02T03:04:07Z\",\"destroyed\":false}"
#define DESTROYED(n)                                                                               \
    "\"" n "\":{\"created_time\":\"2026-01-02T03:04:06Z\",\"deletion_time\":\"\","                 \
    "\"destroyed\":true}"
#define NO_CONTENT SAYS("204", "")

static struct vault_outcome remove_a(struct scene *scene, enum vault_removal_kind kind,
                                     uint32_t version)
{
    return vault_remove_of(&scene->loop, scene->client, kind, "a", version, NULL);
}

TEST(a_version_is_deleted_undeleted_and_destroyed)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, METADATA, KEY(LIVING("2")), KEY(DELETED("2")), /* delete */
                    KEY(DELETED("2")), KEY(LIVING("2")),                          /* undelete */
                    KEY(LIVING("2")), KEY(DESTROYED("2")));                       /* destroy */
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/delete/a", NO_CONTENT);
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/undelete/a", NO_CONTENT);
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/destroy/a", NO_CONTENT);
    outcome = remove_a(scene, VAULT_DELETE_VERSION, 2);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_true(outcome.version.is_deleted);
    assert_int_equal(outcome.version.version, 2);
    assert_non_null(
        strstr(scene_request(scene, "POST /v1/kv/delete/a", 0), "\r\n\r\n{\"versions\":[2]}"));
    outcome = remove_a(scene, VAULT_UNDELETE_VERSION, 2);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_false(outcome.version.is_deleted);
    outcome = remove_a(scene, VAULT_DESTROY_VERSION, 2);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_true(outcome.version.is_destroyed);
    assert_int_equal(scene_count(scene, "POST /v1/kv/"), 3);
    scene_close(scene);
}

TEST(a_secret_is_removed_with_all_it_has)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, METADATA, KEY(LIVING("2")), NO_CONTENT, ABSENT);
    outcome = remove_a(scene, VAULT_REMOVE_SECRET, 0);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(outcome.version.version, 2);
    assert_int_equal(scene_count(scene, "DELETE " METADATA), 1);
    scene_close(scene);

    /* One that has only metadata, and one that somebody makes anew at once. */
    scene = scene_with_token();
    LOOPBACK_SCRIPT(scene->server, METADATA,
                    SAYS("200", "{\"data\":{\"created_time\":\"2026-01-02T03:04:05Z\","
                                "\"current_version\":0,\"versions\":{}}}"),
                    NO_CONTENT, KEY_OF("2026-01-03T00:00:00Z", LIVING("2")));
    outcome = remove_a(scene, VAULT_REMOVE_SECRET, 0);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(outcome.version.version, 0);
    scene_close(scene);
}

TEST(what_is_done_already_is_not_done_again)
{
    static const struct {
        struct loopback_step step;
        enum vault_removal_kind kind;
    } cases[] = {
        {KEY(DELETED("2")), VAULT_DELETE_VERSION},
        {KEY(DESTROYED("2")), VAULT_DELETE_VERSION},
        {KEY(LIVING("2")), VAULT_UNDELETE_VERSION},
        {KEY(DESTROYED("2")), VAULT_DESTROY_VERSION},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *scene = scene_with_token();
        struct vault_outcome outcome;

        loopback_script(scene->server, METADATA, &cases[i].step, 1);
        outcome = remove_a(scene, cases[i].kind, 2);
        expect_kind(&outcome, FAILURE_NONE, "");
        assert_int_equal(scene_count(scene, "POST "), 0);
        scene_close(scene);
    }
}

TEST(never_existed_gone_forbidden_and_made_anew_are_told_apart_and_nothing_is_sent)
{
    static const struct {
        struct loopback_step step;
        enum vault_removal_kind kind;
        uint32_t version;
        enum failure_kind failure;
        const char *part;
    } cases[] = {
        {ABSENT, VAULT_DELETE_VERSION, 2, FAILURE_NOT_FOUND, "no such secret"},
        {ABSENT, VAULT_REMOVE_SECRET, 0, FAILURE_NOT_FOUND, "no such secret"},
        {KEY(LIVING("2")), VAULT_DELETE_VERSION, 1, FAILURE_NOT_FOUND, "no version 1"},
        {KEY(LIVING("2")), VAULT_DESTROY_VERSION, 9, FAILURE_NOT_FOUND, "no version 9"},
        {KEY(DESTROYED("2")), VAULT_UNDELETE_VERSION, 2, FAILURE_DESTROYED, "nothing brings"},
        {DENIES, VAULT_DELETE_VERSION, 2, FAILURE_DENIED, "its policies do not allow this"},
        {SAYS("404", "{\"errors\":[\"no handler for route\"]}"), VAULT_DELETE_VERSION, 2,
         FAILURE_REMOTE, "no handler"},
        {SAYS("404", "nothing"), VAULT_REMOVE_SECRET, 0, FAILURE_PROTOCOL, "Vault's words"},
        {KEY(LIVING("2")), VAULT_DELETE_VERSION, 0, FAILURE_INVALID, "which is meant"},
        {KEY(LIVING("2")), VAULT_REMOVE_SECRET, 2, FAILURE_INVALID, "which is meant"},
    };
    struct vault_version other = {.created_at = 1, .key_created_at = 1};
    struct vault_outcome outcome;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *scene = scene_with_token();

        loopback_script(scene->server, METADATA, &cases[i].step, 1);
        outcome = remove_a(scene, cases[i].kind, cases[i].version);
        expect_kind(&outcome, cases[i].failure, cases[i].part);
        assert_int_equal(scene_count(scene, "POST ") + scene_count(scene, "DELETE "), 0);
        scene_close(scene);
    }
    for (enum vault_removal_kind kind = 0; kind <= VAULT_REMOVE_SECRET; kind++) {
        struct scene *scene = scene_with_token();

        LOOPBACK_SCRIPT(scene->server, METADATA, KEY(LIVING("2")));
        outcome = vault_remove_of(&scene->loop, scene->client, kind, "a",
                                  kind == VAULT_REMOVE_SECRET ? 0 : 2, &other);
        expect_kind(&outcome, FAILURE_CONFLICT, "made anew");
        assert_int_equal(scene_count(scene, "POST ") + scene_count(scene, "DELETE "), 0);
        scene_close(scene);
    }
}

TEST(a_lost_answer_is_settled_by_looking)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, METADATA, KEY(LIVING("2")), KEY(LIVING("2")), KEY(DELETED("2")));
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/delete/a", CLOSES);
    outcome = remove_a(scene, VAULT_DELETE_VERSION, 2);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(scene_count(scene, "POST /v1/kv/delete/a"), 1);
    scene_close(scene);

    scene = scene_with_token();
    LOOPBACK_SCRIPT(scene->server, METADATA, KEY(LIVING("2")));
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/delete/a",
                    SAYS("500", "{\"errors\":[\"leadership lost while committing log\"]}"));
    outcome = remove_a(scene, VAULT_DELETE_VERSION, 2);
    expect_kind(&outcome, FAILURE_AMBIGUOUS, "may or may not be deleted (500 leadership lost");
    assert_int_equal(scene_count(scene, "POST /v1/kv/delete/a"), 1);
    scene_close(scene);

    scene = scene_with_token();
    LOOPBACK_SCRIPT(scene->server, METADATA, KEY(LIVING("2")), DENIES);
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/destroy/a", CLOSES);
    outcome = remove_a(scene, VAULT_DESTROY_VERSION, 2);
    expect_kind(&outcome, FAILURE_AMBIGUOUS, "permission denied");
    scene_close(scene);
}

TEST(what_the_server_refuses_is_told)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, METADATA, KEY(LIVING("2")));
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/delete/a", DENIES,
                    SAYS("503", "{\"errors\":[\"Vault is sealed\"]}"),
                    SAYS("200", "{\"data\":null,\"wrap_info\":{\"token\":\"s.x\"}}"),
                    SAYS("400", "{\"errors\":[\"No version number provided\"]}"));
    outcome = remove_a(scene, VAULT_DELETE_VERSION, 2);
    expect_kind(&outcome, FAILURE_DENIED, "its policies do not allow this");
    outcome = remove_a(scene, VAULT_DELETE_VERSION, 2);
    expect_kind(&outcome, FAILURE_REMOTE, "sealed");
    outcome = remove_a(scene, VAULT_DELETE_VERSION, 2);
    expect_kind(&outcome, FAILURE_DENIED, "pending approval");
    outcome = remove_a(scene, VAULT_DELETE_VERSION, 2);
    expect_kind(&outcome, FAILURE_INVALID, "No version number");
    scene_close(scene);
}

/* The server deletes "a" when told to delete "a/". */
TEST(trap_8_a_trailing_slash_is_never_sent)
{
    static const char *const bad[] = {"a/", "/a", "a//b", "..", "a/..", "", "a\x01"};
    struct scene *scene = scene_with_token();

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct vault_outcome outcome =
            vault_remove_of(&scene->loop, scene->client, VAULT_DELETE_VERSION, bad[i], 1, NULL);

        expect_kind(&outcome, FAILURE_INVALID, "the ");
    }
    assert_int_equal(loopback_count(scene->server), 0);
    scene_close(scene);
}

TEST(a_removal_can_be_canceled_at_every_step)
{
    static const char *const silent[] = {MOUNT_PATH, METADATA, "/v1/kv/delete/a"};
    static const struct loopback_step hang = HANGS;

    for (size_t i = 0; i < 3; i++) {
        struct scene *scene = scene_open();
        struct secret *token = secret_new(TEXT("s.given"));
        struct vault_auth auth = {.method = VAULT_AUTH_TOKEN, .token.value = token};
        struct vault_removal removal = {VAULT_DELETE_VERSION, vault_key_of("a"), 2, 0, 0};
        struct vault_outcome outcome = {0};
        struct operation *operation;

        loopback_script(scene->server, silent[i], &hang, 1);
        LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, LOOKUP_OK);
        LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, MOUNT_V2);
        LOOPBACK_SCRIPT(scene->server, METADATA, KEY(LIVING("2")));
        scene->client = scene_client(scene, &auth, NULL, 5000);
        operation = vault_remove(scene->client, &removal, 0, vault_on_metadata, &outcome);
        while (loopback_count(scene->server) < i + 2)
            vault_idle(&scene->loop, 5);
        operation_cancel(operation);
        assert_int_equal(outcome.times, 0);
        vault_wait(&scene->loop, &outcome);
        expect_kind(&outcome, i < 2 ? FAILURE_CANCELED : outcome.kind, "");
        assert_true(outcome.kind == FAILURE_CANCELED || outcome.kind == FAILURE_AMBIGUOUS);
        secret_free(token);
        scene_close(scene);
    }
}

int main(void)
{
    return RUN(
        CASE(a_version_is_deleted_undeleted_and_destroyed),
        CASE(a_secret_is_removed_with_all_it_has), CASE(what_is_done_already_is_not_done_again),
        CASE(never_existed_gone_forbidden_and_made_anew_are_told_apart_and_nothing_is_sent),
        CASE(a_lost_answer_is_settled_by_looking), CASE(what_the_server_refuses_is_told),
        CASE(trap_8_a_trailing_slash_is_never_sent), CASE(a_removal_can_be_canceled_at_every_step));
}
