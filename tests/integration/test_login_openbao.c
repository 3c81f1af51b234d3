/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in to a real OpenBao: tokens, AppRoles, wrapped secret ids, and a sealed server. */
#include "openbao_scene.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TEST(a_revoked_token_is_replaced_without_anybody_noticing)
{
    struct scene *scene = scene_open();
    struct vault_version none = {0};
    struct vault_outcome outcome;

    outcome = vault_set_field(&scene->loop, scene->client, "revoked/a", "k", "v", &none);
    expect_kind(&outcome, FAILURE_NONE, "");
    vault_idle(&scene->loop, 2100);
    administer(scene, "PUT", "sys/leases/revoke-prefix/auth/approle/login", "{}");
    outcome = vault_field_of(&scene->loop, scene->client, "revoked/a", "k", 0);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_string_equal(outcome.value, "v");
    scene_close(scene);
}

TEST(short_tokens_are_renewed_and_replaced)
{
    struct scene *scene = scene_open();
    char *role_id, *secret_id;
    struct vault_client *client;
    struct vault_outcome outcome;

    administer(scene, "POST", "auth/approle/role/short",
               "{\"token_policies\":\"keydrift\",\"token_ttl\":\"2s\",\"token_max_ttl\":\"4s\"}");
    role_id =
        administer_for(scene, NULL, "GET", "auth/approle/role/short/role-id", NULL, "data.role_id");
    secret_id = administer_for(scene, NULL, "POST", "auth/approle/role/short/secret-id", "{}",
                               "data.secret_id");
    administer(scene, "POST", "kv/data/short/a", "{\"data\":{\"k\":\"v\"}}");
    client = open_with_role(scene, role_id, secret_id, false);
    for (int i = 0; i < 14; i++) {
        outcome = vault_field_of(&scene->loop, client, "short/a", "k", 0);
        expect_kind(&outcome, FAILURE_NONE, "");
        vault_idle(&scene->loop, 500);
    }
    vault_shut(&scene->loop, client, 1000);
    free(role_id);
    free(secret_id);
    scene_close(scene);
}

TEST(trap_3_a_wrong_secret_id_never_locks_the_role)
{
    struct scene *scene = scene_open();
    struct vault_client *wrong = open_with_role(scene, given("OPENBAO_ROLE_ID"), "not-it", false);
    struct vault_outcome outcome;

    for (int i = 0; i < 20; i++) {
        outcome = vault_field_of(&scene->loop, wrong, "x", "k", 0);
        expect_kind(&outcome, FAILURE_DENIED, wrong_secret_id());
        assert_null(strstr(outcome.failure.text, "not-it"));
    }
    vault_shut(&scene->loop, wrong, 100);
    outcome = vault_rights_of(&scene->loop, scene->client, "x");
    expect_kind(&outcome, FAILURE_NONE, "");
    scene_close(scene);
}

TEST(a_wrapped_secret_id_is_used_once_and_only_from_the_right_place)
{
    struct scene *scene = scene_open();
    char *wrapped = administer_for(scene, "60s", "POST", "auth/approle/role/keydrift/secret-id",
                                   "{}", "wrap_info.token");
    char *foreign = administer_for(scene, "60s", "POST", "sys/wrapping/wrap",
                                   "{\"secret_id\":\"evil\"}", "wrap_info.token");
    struct vault_client *client = open_with_role(scene, given("OPENBAO_ROLE_ID"), wrapped, true);
    struct vault_outcome outcome = vault_rights_of(&scene->loop, client, "x");

    expect_kind(&outcome, FAILURE_NONE, "");
    vault_shut(&scene->loop, client, 1000);
    client = open_with_role(scene, given("OPENBAO_ROLE_ID"), wrapped, true);
    outcome = vault_rights_of(&scene->loop, client, "x");
    expect_kind(&outcome, FAILURE_DENIED, "used up or expired");
    outcome = vault_rights_of(&scene->loop, client, "x");
    expect_kind(&outcome, FAILURE_DENIED, "used up or expired");
    vault_shut(&scene->loop, client, 1000);
    client = open_with_role(scene, given("OPENBAO_ROLE_ID"), foreign, true);
    outcome = vault_rights_of(&scene->loop, client, "x");
    expect_kind(&outcome, FAILURE_DENIED, "made by \"sys/wrapping/wrap\"");
    vault_shut(&scene->loop, client, 1000);
    free(wrapped);
    free(foreign);
    scene_close(scene);
}

/* Any request made with a wrapping token destroys it, be it denied. So ours makes none but the
 * unwrapping; and what somebody else's has destroyed is told as what may have been a theft. */
TEST(trap_5_a_wrapping_token_destroyed_by_a_stray_request_is_an_alarm)
{
    struct scene *scene = scene_open();
    char *wrapped = administer_for(scene, "60s", "POST", "auth/approle/role/keydrift/secret-id",
                                   "{}", "wrap_info.token");
    struct admin_answer stray =
        administer_as(scene, wrapped, NULL, "GET", "auth/token/lookup-self", NULL);
    struct vault_client *client = open_with_role(scene, given("OPENBAO_ROLE_ID"), wrapped, true);
    struct vault_outcome outcome = vault_rights_of(&scene->loop, client, "x");

    expect_kind(&outcome, FAILURE_DENIED, "used up or expired");
    expect_kind(&outcome, FAILURE_DENIED, "worth an investigation");
    assert_null(strstr(outcome.failure.text, wrapped));
    vault_shut(&scene->loop, client, 1000);
    free(stray.body);
    free(wrapped);
    scene_close(scene);
}

TEST(a_wrapped_secret_id_in_a_file_is_removed_and_serves_every_later_login)
{
    struct scene *scene = scene_open();
    char *wrapped = administer_for(scene, "60s", "POST", "auth/approle/role/keydrift/secret-id",
                                   "{}", "wrap_info.token");
    char path[] = "/tmp/keydrift-wrapped-XXXXXX";
    struct secret *role = secret_new(text_of(given("OPENBAO_ROLE_ID")));
    struct vault_auth auth = {
        .method = VAULT_AUTH_APPROLE,
        .role_id.value = role,
        .role_name = "keydrift",
        .secret_id.file = path,
        .secret_id_is_wrapped = true,
        .secret_id_is_removed = true,
    };
    int file = mkstemp(path);
    struct vault_client *client;
    struct vault_outcome outcome;

    assert_int_equal(write(file, wrapped, strlen(wrapped)), strlen(wrapped));
    close(file);
    client = open_client(scene, &auth, NULL);
    outcome = vault_rights_of(&scene->loop, client, "x");
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_not_equal(access(path, F_OK), 0);
    vault_idle(&scene->loop, 2100);
    administer(scene, "PUT", "sys/leases/revoke-prefix/auth/approle/login", "{}");
    outcome = vault_rights_of(&scene->loop, client, "x");
    expect_kind(&outcome, FAILURE_NONE, "");
    vault_shut(&scene->loop, client, 1000);
    secret_free(role);
    free(wrapped);
    scene_close(scene);
}

TEST(a_wrong_token_is_denied_and_a_token_file_is_read_again_when_replaced)
{
    struct scene *scene = scene_open();
    char path[] = "/tmp/keydrift-token-XXXXXX", next[64];
    struct vault_auth auth = {.method = VAULT_AUTH_TOKEN_FILE, .token.file = path};
    struct vault_client *client;
    struct vault_outcome outcome;
    int file = mkstemp(path);
    FILE *replacement;

    assert_int_equal(write(file, "s.wrong\n", 8), 8);
    close(file);
    client = open_client(scene, &auth, NULL);
    outcome = vault_rights_of(&scene->loop, client, "x");
    expect_kind(&outcome, FAILURE_DENIED, "unknown, expired, revoked or used up");
    snprintf(next, sizeof next, "%s.next", path);
    replacement = fopen(next, "w");
    fprintf(replacement, "%s\n", given("OPENBAO_ROOT_TOKEN"));
    fclose(replacement);
    assert_int_equal(rename(next, path), 0);
    vault_idle(&scene->loop, 1100);
    outcome = vault_rights_of(&scene->loop, client, "x");
    expect_kind(&outcome, FAILURE_NONE, "");
    vault_shut(&scene->loop, client, 1000);
    unlink(path);
    scene_close(scene);
}

TEST(a_token_from_a_login_is_revoked_at_the_end_and_a_given_one_is_not)
{
    struct scene *scene = scene_open();
    struct vault_client *client =
        open_with_role(scene, given("OPENBAO_ROLE_ID"), given("OPENBAO_SECRET_ID"), false);
    char *given_token = administer_for(scene, NULL, "POST", "auth/token/create",
                                       "{\"policies\":[\"keydrift\"]}", "auth.client_token");
    struct vault_outcome outcome = vault_rights_of(&scene->loop, client, "x");
    struct admin_answer before, after;

    expect_kind(&outcome, FAILURE_NONE, "");
    before = administer_as(scene, "root", NULL, "LIST", "auth/token/accessors", NULL);
    vault_shut(&scene->loop, client, 2000);
    after = administer_as(scene, "root", NULL, "LIST", "auth/token/accessors", NULL);
    assert_true(strlen(after.body) < strlen(before.body));
    free(before.body);
    free(after.body);

    client = open_with_token(scene, given_token);
    outcome = vault_rights_of(&scene->loop, client, "x");
    expect_kind(&outcome, FAILURE_NONE, "");
    vault_shut(&scene->loop, client, 2000);
    after = administer_as(scene, given_token, NULL, "GET", "auth/token/lookup-self", NULL);
    assert_int_equal(after.status, 200);
    free(after.body);
    free(given_token);
    scene_close(scene);
}

/* The last one: nothing works after it. */
TEST(a_sealed_server_says_so)
{
    struct scene *scene = scene_open();
    struct vault_outcome outcome = vault_rights_of(&scene->loop, scene->client, "x");

    expect_kind(&outcome, FAILURE_NONE, "");
    administer(scene, "PUT", "sys/seal", NULL);
    outcome = vault_metadata_of(&scene->loop, scene->client, "x");
    expect_kind(&outcome, FAILURE_REMOTE, "503 Vault is sealed");
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(a_revoked_token_is_replaced_without_anybody_noticing),
               CASE(short_tokens_are_renewed_and_replaced),
               CASE(trap_3_a_wrong_secret_id_never_locks_the_role),
               CASE(a_wrapped_secret_id_is_used_once_and_only_from_the_right_place),
               CASE(trap_5_a_wrapping_token_destroyed_by_a_stray_request_is_an_alarm),
               CASE(a_wrapped_secret_id_in_a_file_is_removed_and_serves_every_later_login),
               CASE(a_wrong_token_is_denied_and_a_token_file_is_read_again_when_replaced),
               CASE(a_token_from_a_login_is_revoked_at_the_end_and_a_given_one_is_not),
               CASE(a_sealed_server_says_so));
}
