/* SPDX-License-Identifier: Apache-2.0 */
/* What surrounds a secret on a real server: mounts in the making and in change, namespaces, and
 * policies that grant less than everything. The lab has one of each, so these are not its cases. */
#include "openbao_scene.h"

#include "base/buffer.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

/* A client with a token of that policy only ("" besides "default"). */
static struct vault_client *open_with_policy(struct scene *scene, const char *name,
                                             const char *rules, const struct vault_mount *mount)
{
    struct vault_settings settings = {
        .address = given("OPENBAO_ADDR"), .ca_file = given("OPENBAO_CACERT"), .timeout_ms = 10000};
    struct buffer body = {.limit = 4096};
    struct failure why = {0};
    struct vault_client *client;
    char path[128];
    char *token;

    snprintf(path, sizeof path, "sys/policies/acl/%s", name);
    buffer_printf(&body, "{\"policy\":\"%s\"}", rules);
    administer(scene, "POST", path, buffer_text(&body).start);
    buffer_reset(&body);
    buffer_printf(&body, "{\"policies\":[\"%s\"]}", name);
    token = administer_for(scene, NULL, "POST", "auth/token/create", buffer_text(&body).start,
                           "auth.client_token");
    settings.auth.token.value = secret_new(text_of(token));
    settings.mounts = mount;
    settings.mount_count = mount ? 1 : 0;
    client = vault_client_open(scene->http, &settings, &why);
    assert_string_equal(why.text, "");
    secret_free((struct secret *)(uintptr_t)settings.auth.token.value);
    buffer_clear(&body);
    free(token);
    return client;
}

/* ---- mounts ---------------------------------------------------------------------------------- */

/* Answers 400 until it has been made. */
static void make_v2_mount(struct scene *scene, const char *where, const char *config)
{
    struct admin_answer answer = {0};

    administer(scene, "POST", where, "{\"type\":\"kv\",\"options\":{\"version\":\"2\"}}");
    while (answer.status != 200) {
        vault_idle(&scene->loop, 10);
        answer = administer_as(scene, given("OPENBAO_ROOT_TOKEN"), NULL, "GET", config, NULL);
        free(answer.body);
    }
}

TEST(a_mount_that_changes_its_engine_is_noticed)
{
    struct scene *scene = scene_open();
    struct vault_client *root = open_with_token(scene, given("OPENBAO_ROOT_TOKEN"));
    struct vault_version none = {0};
    struct vault_outcome outcome;

    administer(scene, "POST", "sys/mounts/turn",
               "{\"type\":\"kv\",\"options\":{\"version\":\"1\"}}");
    administer(scene, "POST", "turn/a", "{\"k\":\"v1\"}");
    outcome = vault_field_of(&scene->loop, root, "turn:a", "k", 0);
    assert_string_equal(outcome.value, "v1");
    administer(scene, "DELETE", "sys/mounts/turn", NULL);
    make_v2_mount(scene, "sys/mounts/turn", "turn/config");
    administer(scene, "POST", "turn/data/a", "{\"data\":{\"k\":\"v2\"}}");
    outcome = vault_field_of(&scene->loop, root, "turn:a", "k", 0);
    expect_kind(&outcome, FAILURE_PROTOCOL, "not the KV version");
    outcome = vault_field_of(&scene->loop, root, "turn:a", "k", 0);
    assert_string_equal(outcome.value, "v2");
    /* And back: a write asks first, so the v1 secret is not overwritten. */
    administer(scene, "DELETE", "sys/mounts/turn", NULL);
    administer(scene, "POST", "sys/mounts/turn",
               "{\"type\":\"kv\",\"options\":{\"version\":\"1\"}}");
    outcome = vault_set_field(&scene->loop, root, "turn:a", "k", "x", &none);
    expect_kind(&outcome, FAILURE_INVALID, "KV version 1");
    administer(scene, "DELETE", "sys/mounts/turn", NULL);
    outcome = vault_field_of(&scene->loop, root, "sys:x", "k", 0);
    expect_kind(&outcome, FAILURE_INVALID, "not KV");
    vault_shut(&scene->loop, root, 100);
    scene_close(scene);
}

TEST(a_mount_may_have_slashes_in_its_name_and_is_not_one_above_or_below_it)
{
    struct scene *scene = scene_open();
    struct vault_client *root = open_with_token(scene, given("OPENBAO_ROOT_TOKEN"));
    struct vault_version none = {0};
    struct vault_outcome outcome;

    administer(scene, "POST", "sys/mounts/team/x/kv",
               "{\"type\":\"kv\",\"options\":{\"version\":\"2\"}}");
    outcome = vault_set_field(&scene->loop, root, "team/x/kv:a/b", "k", "v", &none);
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = vault_field_of(&scene->loop, root, "team/x/kv:a/b", "k", 0);
    assert_string_equal(outcome.value, "v");
    expect_body(scene, "team/x/kv/data/a/b", "\"k\":\"v\"");
    outcome = vault_field_of(&scene->loop, root, "team/x:kv/a/b", "k", 0);
    expect_kind(&outcome, FAILURE_DENIED, "no mount \"team/x\"");
    outcome = vault_field_of(&scene->loop, root, "team/x/kv/a:b", "k", 0);
    expect_kind(&outcome, FAILURE_INVALID, "the mount there is \"team/x/kv\", not \"team/x/kv/a\"");
    vault_shut(&scene->loop, root, 0);
    administer(scene, "DELETE", "sys/mounts/team/x/kv", NULL);
    scene_close(scene);
}

/* It answers 400 for the first moment. */
TEST(trap_a_mount_that_was_just_made_is_written_to)
{
    struct scene *scene = scene_open();
    struct vault_client *root = open_with_token(scene, given("OPENBAO_ROOT_TOKEN"));
    struct vault_version none = {0};
    struct vault_outcome outcome;

    for (int i = 0; i < 5; i++) {
        char mount[32], path[32];

        snprintf(mount, sizeof mount, "sys/mounts/new%d", i);
        snprintf(path, sizeof path, "new%d:a", i);
        administer(scene, "POST", mount, "{\"type\":\"kv\",\"options\":{\"version\":\"2\"}}");
        outcome = vault_set_field(&scene->loop, root, path, "k", "v", &none);
        expect_kind(&outcome, FAILURE_NONE, "");
        administer(scene, "DELETE", mount, NULL);
    }
    vault_shut(&scene->loop, root, 0);
    scene_close(scene);
}

/* 2.7.2 takes up to three seconds for it, HashiCorp Vault at least one and a half, and answers 400
 * to reads and writes alike until it is done. */
TEST(trap_a_mount_that_is_being_upgraded_is_waited_for)
{
    enum { SECRETS = 300 };
    struct scene *scene = scene_open();
    struct vault_client *root = open_with_token(scene, given("OPENBAO_ROOT_TOKEN"));
    struct secret *value = secret_new(TEXT("new"));
    struct vault_write write = {
        .key = vault_key_of("up:7"), .field = TEXT("k"), .value = value, .expected = 1};
    struct vault_write first = {
        .key = vault_key_of("up:new"), .field = TEXT("k"), .value = value, .expected = 0};
    struct vault_outcome read = {0}, changed = {0}, made = {0};
    char path[32];

    administer(scene, "POST", "sys/mounts/up", "{\"type\":\"kv\",\"options\":{\"version\":\"1\"}}");
    for (int i = 0; i < SECRETS; i++) {
        snprintf(path, sizeof path, "up/%d", i);
        administer(scene, "POST", path, "{\"k\":\"v\"}");
    }
    administer(scene, "POST", "sys/mounts/up/tune", "{\"options\":{\"version\":\"2\"}}");
    assert_non_null(
        vault_read_field(root, vault_key_of("up:150"), TEXT("k"), 0, 0, vault_on_field, &read));
    assert_non_null(vault_write_field(root, &write, 1, vault_on_metadata, &changed));
    assert_non_null(vault_write_field(root, &first, 2, vault_on_metadata, &made));
    secret_free(value);
    vault_wait(&scene->loop, &read);
    expect_kind(&read, FAILURE_NONE, "");
    assert_string_equal(read.value, "v");
    assert_int_equal(read.version.version, 1);
    vault_wait(&scene->loop, &changed);
    expect_kind(&changed, FAILURE_NONE, "");
    assert_int_equal(changed.version.version, 2);
    vault_wait(&scene->loop, &made);
    expect_kind(&made, FAILURE_NONE, "");
    assert_int_equal(made.version.version, 1);
    vault_shut(&scene->loop, root, 0);
    administer(scene, "DELETE", "sys/mounts/up", NULL);
    scene_close(scene);
}

/* It would answer 204 and store "options" and "data" as fields. */
TEST(trap_7_a_write_in_the_form_of_version_2_never_reaches_version_1)
{
    static const struct vault_mount wrong = {"kv1", 2};
    struct scene *scene = scene_open();
    struct vault_client *client = open_with_policy(
        scene, "wrong", "path \\\"kv1/*\\\" { capabilities = [\\\"create\\\", \\\"update\\\"] }",
        &wrong);
    struct vault_version none = {0};
    struct vault_outcome outcome;

    outcome = vault_set_field(&scene->loop, client, "kv1:wrong/a", "k", "v", &none);
    expect_kind(&outcome, FAILURE_INVALID, "the server says it is version 1");
    outcome = vault_list_of(&scene->loop, scene->client, "kv1:data/wrong", "", 0);
    expect_kind(&outcome, FAILURE_NOT_FOUND, "");
    vault_shut(&scene->loop, client, 0);
    scene_close(scene);
}

/* ---- whose it is, and who may ---------------------------------------------------------------- */

TEST(namespaces_are_kept_apart)
{
    struct scene *scene = scene_open();
    struct secret *root = secret_new(text_of(given("OPENBAO_ROOT_TOKEN")));
    struct vault_auth auth = {.method = VAULT_AUTH_TOKEN, .token.value = root};
    struct vault_client *client;
    struct vault_outcome outcome;

    if (!has_namespaces(scene)) {
        secret_free(root);
        scene_close(scene);
        return;
    }
    administer(scene, "POST", "sys/namespaces/ns1", "{}");
    make_v2_mount(scene, "ns1/sys/mounts/kv", "ns1/kv/config");
    administer(scene, "POST", "ns1/kv/data/a", "{\"data\":{\"k\":\"inner\"}}");
    administer(scene, "POST", "kv/data/a", "{\"data\":{\"k\":\"outer\"}}");
    client = open_client(scene, &auth, "/ns1/");
    outcome = vault_field_of(&scene->loop, client, "a", "k", 0);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_string_equal(outcome.value, "inner");
    vault_shut(&scene->loop, client, 100);
    client = open_client(scene, &auth, "ns2");
    outcome = vault_field_of(&scene->loop, client, "a", "k", 0);
    expect_kind(&outcome, FAILURE_INVALID, "404 namespace not found");
    vault_shut(&scene->loop, client, 100);
    secret_free(root);
    scene_close(scene);
}

/* It may not look itself up, nor ask what it may: only try. */
TEST(a_token_with_one_path_and_no_default_policy_reads_and_writes_it)
{
    struct scene *scene = scene_open();
    struct vault_version none = {0};
    struct vault_outcome outcome;
    struct vault_client *client;
    char *token;

    administer(scene, "POST", "sys/policies/acl/bare",
               "{\"policy\":\"path \\\"kv/data/bare/a\\\" { capabilities = [\\\"create\\\", "
               "\\\"read\\\", \\\"update\\\"] }\"}");
    token =
        administer_for(scene, NULL, "POST", "auth/token/create",
                       "{\"policies\":[\"bare\"],\"no_default_policy\":true}", "auth.client_token");
    client = open_with_token(scene, token);
    outcome =
        vault_set_field_by(&scene->loop, client, VAULT_WRITE_EITHER, "bare/a", "k", "one", &none);
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = vault_set_field_by(&scene->loop, client, VAULT_WRITE_EITHER, "bare/a", "k", "two",
                                 &outcome.version);
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = vault_field_of(&scene->loop, client, "bare/a", "k", 0);
    assert_string_equal(outcome.value, "two");
    outcome = vault_metadata_of(&scene->loop, client, "bare/a");
    expect_kind(&outcome, FAILURE_DENIED, "permission denied");
    outcome = vault_rights_of(&scene->loop, client, "bare/a");
    expect_kind(&outcome, FAILURE_DENIED, "sys/capabilities-self");
    outcome = vault_field_of(&scene->loop, client, "bare/b", "k", 0);
    expect_kind(&outcome, FAILURE_DENIED, "permission denied");
    vault_shut(&scene->loop, client, 0);
    free(token);
    scene_close(scene);
}

TEST(without_the_right_to_patch_the_secret_is_modified)
{
    struct scene *scene = scene_open();
    struct vault_client *client = open_with_policy(
        scene, "nopatch",
        "path \\\"kv/data/nopatch/*\\\" { capabilities = [\\\"create\\\", \\\"read\\\", "
        "\\\"update\\\"] }",
        NULL);
    struct vault_outcome outcome;

    administer(scene, "POST", "kv/data/nopatch/a", "{\"data\":{\"k\":\"old\",\"n\":1}}");
    outcome = vault_set_field_by(&scene->loop, client, VAULT_WRITE_PATCH, "nopatch/a", "k", "new",
                                 &(struct vault_version){.version = 1});
    expect_kind(&outcome, FAILURE_DENIED, "its policies do not allow this");
    outcome = vault_set_field_by(&scene->loop, client, VAULT_WRITE_EITHER, "nopatch/a", "k", "new",
                                 &(struct vault_version){.version = 1});
    expect_kind(&outcome, FAILURE_NONE, "");
    expect_body(scene, "kv/data/nopatch/a", "\"data\":{\"k\":\"new\",\"n\":1}");
    vault_shut(&scene->loop, client, 0);
    scene_close(scene);
}

/* 2.6 has no control groups and refuses the policy. Vault's community edition has none, and takes
 * it for one without. */
TEST(a_control_group_is_not_success)
{
    struct scene *scene = scene_open();
    struct vault_client *client;
    struct vault_version none = {0};
    struct vault_outcome outcome;
    struct admin_answer answer;
    char *token;

    administer(scene, "POST", "identity/group", "{\"name\":\"managers\"}");
    answer = administer_as(
        scene, given("OPENBAO_ROOT_TOKEN"), NULL, "POST", "sys/policies/acl/held",
        "{\"policy\":\"path \\\"kv/data/held/*\\\" { capabilities = [\\\"create\\\", "
        "\\\"update\\\"] control_group = { ttl = \\\"1h\\\" factor \\\"f\\\" { "
        "controlled_capabilities = [\\\"create\\\", \\\"update\\\"] identity { group_names = "
        "[\\\"managers\\\"] approvals = 1 } } } }\"}");
    free(answer.body);
    assert_int_equal(answer.status, server_is("2.6") ? 400 : 204);
    if (server_is("2.6")) {
        scene_close(scene);
        return;
    }
    token = administer_for(scene, NULL, "POST", "auth/token/create",
                           "{\"policies\":[\"held\",\"default\"]}", "auth.client_token");
    client = open_with_token(scene, token);
    outcome = vault_set_field(&scene->loop, client, "held/a", "k", "v", &none);
    expect_kind(&outcome, server_is_vault() ? FAILURE_NONE : FAILURE_DENIED,
                server_is_vault() ? "" : "control group");
    outcome = vault_metadata_of(&scene->loop, scene->client, "held/a");
    expect_kind(&outcome, server_is_vault() ? FAILURE_NONE : FAILURE_NOT_FOUND, "");
    vault_shut(&scene->loop, client, 100);
    free(token);
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(a_mount_that_changes_its_engine_is_noticed),
               CASE(a_mount_may_have_slashes_in_its_name_and_is_not_one_above_or_below_it),
               CASE(trap_a_mount_that_was_just_made_is_written_to),
               CASE(trap_a_mount_that_is_being_upgraded_is_waited_for),
               CASE(trap_7_a_write_in_the_form_of_version_2_never_reaches_version_1),
               CASE(namespaces_are_kept_apart),
               CASE(a_token_with_one_path_and_no_default_policy_reads_and_writes_it),
               CASE(without_the_right_to_patch_the_secret_is_modified),
               CASE(a_control_group_is_not_success));
}
