/* SPDX-License-Identifier: Apache-2.0 */
/* Writes: what is sent, what alone counts as written, and how a lost answer is settled. */
#include "tests/unit/vaultclient/scene.h"

#include <string.h>

#define READ  "GET /v1/kv/data/a"
#define WRITE "POST /v1/kv/data/a"

static struct vault_outcome read_a(struct scene *scene)
{
    return vault_field_of(&scene->loop, scene->client, "a", "k", 0);
}

static struct vault_outcome write_a(struct scene *scene, uint32_t after)
{
    return vault_set_field(&scene->loop, scene->client, "a", "k", "new",
                           &(struct vault_version){.version = after});
}

TEST(a_write_sends_the_neighbours_as_they_came)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(
        scene->server, "/v1/kv/data/a",
        DATA("{ \"n\":1.10,\"k\":\"old\",\"big\":9007199254740993,\"h\":\"\\u003c\"}", "4"),
        WRITTEN("5"));
    outcome = write_a(scene, 4);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(outcome.version.version, 5);
    assert_non_null(
        strstr(scene_request(scene, WRITE, 0),
               "\r\n\r\n{\"options\":{\"cas\":4},\"data\":{ "
               "\"n\":1.10,\"k\":\"new\",\"big\":9007199254740993,\"h\":\"\\u003c\"}}"));
    scene_close(scene);
}

static void expect_write(const struct loopback_step *step, enum failure_kind kind, const char *part,
                         unsigned writes, unsigned reads)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    loopback_script(scene->server, "/v1/kv/data/a", step, 1);
    outcome = write_a(scene, 0);
    expect_kind(&outcome, kind, part);
    assert_null(strstr(outcome.failure.text, "new"));
    assert_int_equal(scene_count(scene, WRITE), writes);
    assert_int_equal(scene_count(scene, READ), reads);
    scene_close(scene);
}

#define EXPECT_WRITE(kind, part, ...)                                                              \
    do {                                                                                           \
        static const struct loopback_step step_ = __VA_ARGS__;                                     \
        expect_write(&step_, kind, part, 1, 0);                                                    \
    } while (0)

TEST(trap_7_only_an_answer_with_the_next_version_is_a_write)
{
    EXPECT_WRITE(FAILURE_PROTOCOL, "no KV version 2 mount", SAYS("204", ""));
    EXPECT_WRITE(FAILURE_PROTOCOL, "warning",
                 SAYS("200", "{\"data\":" VERSION("1") ",\"warnings\":[\"ignored: [cas]\"]}"));
    EXPECT_WRITE(FAILURE_PROTOCOL, "got version 2", WRITTEN("2"));
    EXPECT_WRITE(FAILURE_DENIED, "(accessor \"acc-1\", path \"kv/data/a\", for 3600 seconds)",
                 SAYS("200", "{\"data\":null,\"wrap_info\":{\"token\":\"s.new\",\"ttl\":3600,"
                             "\"accessor\":\"acc-1\",\"creation_path\":\"kv/data/a\"}}"));
    EXPECT_WRITE(FAILURE_CONFLICT, "check-and-set",
                 SAYS("400", "{\"errors\":[\"check-and-set parameter did not match the current "
                             "version\"]}"));
    EXPECT_WRITE(FAILURE_DENIED, "its policies do not allow this", DENIES);
    EXPECT_WRITE(FAILURE_REMOTE, "no active node",
                 SAYS_WITH("307", "Location: https://b.example/", ""));
    EXPECT_WRITE(FAILURE_INVALID, "quotes a secret", SAYS("400", "{\"errors\":[\"bad: <new>\"]}"));
}

TEST(a_sealed_server_wrote_nothing)
{
    static const struct loopback_step sealed = SAYS("503", "{\"errors\":[\"Vault is sealed\"]}");

    expect_write(&sealed, FAILURE_REMOTE, "Vault is sealed", 1, 0);
}

TEST(what_no_repetition_can_mend_is_not_called_ambiguous)
{
    EXPECT_WRITE(FAILURE_INVALID, "larger than the server's storage takes",
                 SAYS("500", "{\"errors\":[\"put failed due to value being too large; got 156 "
                             "bytes, max 1048576 bytes\"]}"));
    EXPECT_WRITE(FAILURE_INVALID, "only be changed by a merge patch",
                 SAYS("400", "{\"errors\":[\"refused JSON input due to high complexity: exceeded "
                             "maximum number of strings\"]}"));
    EXPECT_WRITE(FAILURE_INVALID, "demands check-and-set",
                 SAYS("400", "{\"errors\":[\"check-and-set parameter required for this call\"]}"));
    EXPECT_WRITE(FAILURE_INVALID, "too large",
                 SAYS("413", "{\"errors\":[\"http: request body too large\"]}"));
}

#define UPGRADING                                                                                  \
    SAYS("400",                                                                                    \
         "{\"errors\":[\"Upgrading from non-versioned to versioned data. This backend will "       \
         "be unavailable for a brief period and will resume service shortly.\"]}")

TEST(trap_a_mount_that_is_being_upgraded_is_waited_for)
{
    static const struct loopback_step writing[] = {UPGRADING, UPGRADING, WRITTEN("1")};
    static const struct loopback_step reading[] = {UPGRADING, DATA("{\"k\":\"v\"}", "3")};
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    loopback_script(scene->server, "/v1/kv/data/a", writing, 3);
    outcome = write_a(scene, 0);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(scene_count(scene, WRITE), 3);
    assert_int_equal(scene_count(scene, READ), 0);
    scene_close(scene);

    scene = scene_with_token();
    loopback_script(scene->server, "/v1/kv/data/a", reading, 2);
    outcome = read_a(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    scene_close(scene);
}

TEST(an_upgrade_that_outlasts_the_deadline_is_a_temporary_failure)
{
    static const struct loopback_step forever[] = {UPGRADING};
    struct scene *scene = scene_open();
    struct secret *token = secret_new(TEXT("s.given"));
    struct vault_auth auth = {.method = VAULT_AUTH_TOKEN, .token.value = token};
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, LOOKUP_OK);
    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, MOUNT_V2);
    loopback_script(scene->server, "/v1/kv/data/a", forever, 1);
    scene->client = scene_client(scene, &auth, NULL, 1000);
    outcome = read_a(scene);
    assert_int_equal(outcome.times, 1);
    /* The last try may have found no time for its answer. */
    assert_true(outcome.kind == FAILURE_REMOTE || outcome.kind == FAILURE_TIMEOUT);
    secret_free(token);
    scene_close(scene);
}

TEST(a_lost_answer_is_settled_by_reading_back)
{
    static const struct loopback_step ours[] = {DATA("{}", "1"), CLOSES,
                                                DATA("{\"k\":\"new\"}", "2")};
    static const struct loopback_step theirs[] = {DATA("{}", "1"), CLOSES,
                                                  DATA("{\"k\":\"x\"}", "2")};
    static const struct loopback_step unclear[] = {
        DATA("{}", "1"), SAYS("200", "{\"data\":{\"vers"), DATA("{\"k\":\"new\"}", "2")};
    static const struct loopback_step unsealed[] = {
        DATA("{}", "1"), CLOSES, SAYS("404", "{\"errors\":[\"no handler for route\"]}"),
        DATA("{\"k\":\"new\"}", "2")};
    static const struct loopback_step later[] = {
        DATA("{}", "1"), SAYS("500", "{\"errors\":[\"leadership lost while committing log\"]}"),
        ABSENT, DATA("{\"k\":\"new\"}", "2")};
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    loopback_script(scene->server, "/v1/kv/data/a", ours, 3);
    outcome = write_a(scene, 1);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(outcome.version.version, 2);
    assert_non_null(strstr(scene_request(scene, READ, 1), "?version=2 "));
    assert_int_equal(scene_count(scene, WRITE), 1);
    scene_close(scene);

    scene = scene_with_token();
    loopback_script(scene->server, "/v1/kv/data/a", theirs, 3);
    outcome = write_a(scene, 1);
    expect_kind(&outcome, FAILURE_CONFLICT, "somebody else");
    assert_int_equal(scene_count(scene, WRITE), 1);
    scene_close(scene);

    scene = scene_with_token();
    loopback_script(scene->server, "/v1/kv/data/a", unclear, 3);
    outcome = write_a(scene, 1);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(scene_count(scene, WRITE), 1);
    scene_close(scene);

    scene = scene_with_token();
    loopback_script(scene->server, "/v1/kv/data/a", unsealed, 4);
    outcome = write_a(scene, 1);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(scene_count(scene, WRITE), 1);
    scene_close(scene);

    scene = scene_with_token();
    loopback_script(scene->server, "/v1/kv/data/a", later, 4);
    outcome = write_a(scene, 1);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(scene_count(scene, WRITE), 1);
    scene_close(scene);
}

TEST(what_cannot_be_settled_is_called_ambiguous_and_never_repeated)
{
    static const struct loopback_step absent[] = {CLOSES, ABSENT};
    static const struct loopback_step denied[] = {CLOSES, DENIES};
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    loopback_script(scene->server, "/v1/kv/data/a", absent, 2);
    outcome = write_a(scene, 0);
    expect_kind(&outcome, FAILURE_AMBIGUOUS, "version 1 may or may not have been written");
    assert_int_equal(scene_count(scene, WRITE), 1);
    scene_close(scene);

    scene = scene_with_token();
    loopback_script(scene->server, "/v1/kv/data/a", denied, 2);
    outcome = write_a(scene, 0);
    expect_kind(&outcome, FAILURE_AMBIGUOUS, "permission denied");
    assert_int_equal(scene_count(scene, WRITE), 1);
    scene_close(scene);
}

TEST(a_value_that_json_cannot_carry_is_refused_at_once)
{
    struct scene *scene = scene_with_token();
    struct vault_version none = {0};
    struct vault_outcome outcome;

    outcome = vault_set_field(&scene->loop, scene->client, "a", "k", "\xff", &none);
    expect_kind(&outcome, FAILURE_INVALID, "UTF-8");
    outcome = vault_set_field(&scene->loop, scene->client, "a", "k", "", &none);
    expect_kind(&outcome, FAILURE_INVALID, "empty");
    outcome = vault_set_field(&scene->loop, scene->client, "a", "", "v", &none);
    expect_kind(&outcome, FAILURE_INVALID, "name of the field");
    assert_int_equal(loopback_count(scene->server), 0);
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(a_write_sends_the_neighbours_as_they_came),
               CASE(trap_7_only_an_answer_with_the_next_version_is_a_write),
               CASE(a_sealed_server_wrote_nothing),
               CASE(what_no_repetition_can_mend_is_not_called_ambiguous),
               CASE(trap_a_mount_that_is_being_upgraded_is_waited_for),
               CASE(an_upgrade_that_outlasts_the_deadline_is_a_temporary_failure),
               CASE(a_lost_answer_is_settled_by_reading_back),
               CASE(what_cannot_be_settled_is_called_ambiguous_and_never_repeated),
               CASE(a_value_that_json_cannot_carry_is_refused_at_once));
}
