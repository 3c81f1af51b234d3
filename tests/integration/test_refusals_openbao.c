/* SPDX-License-Identifier: Apache-2.0 */
/* What a real server refuses in its own way, and what is made of that for whoever reads it. */
#include "openbao_scene.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct vault_client *open_with_policy(struct scene *scene, const char *name,
                                             const char *rules)
{
    char path[64], body[1024];
    struct vault_client *client;
    char *token;

    snprintf(path, sizeof path, "sys/policies/acl/%s", name);
    snprintf(body, sizeof body, "{\"policy\":\"%s\"}", rules);
    administer(scene, "POST", path, body);
    snprintf(body, sizeof body, "{\"policies\":[\"%s\",\"default\"]}", name);
    token = administer_for(scene, NULL, "POST", "auth/token/create", body, "auth.client_token");
    client = open_with_token(scene, token);
    free(token);
    return client;
}

TEST(to_write_anew_and_to_change_are_two_rights)
{
    struct scene *scene = scene_open();
    struct vault_client *creator = open_with_policy(
        scene, "creator",
        "path \\\"kv/data/two/*\\\" { capabilities = [\\\"create\\\", \\\"read\\\"] }");
    struct vault_client *changer = open_with_policy(
        scene, "changer",
        "path \\\"kv/data/two/*\\\" { capabilities = [\\\"update\\\", \\\"read\\\"] }");
    struct vault_version none = {0}, one = {.version = 1};
    struct vault_outcome outcome;

    outcome = vault_set_field(&scene->loop, changer, "two/a", "k", "1", &none);
    expect_kind(&outcome, FAILURE_DENIED, "its policies do not allow this");
    outcome = vault_set_field(&scene->loop, creator, "two/a", "k", "1", &none);
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = vault_set_field(&scene->loop, creator, "two/a", "k", "2", &one);
    expect_kind(&outcome, FAILURE_DENIED, "its policies do not allow this");
    outcome = vault_set_field(&scene->loop, changer, "two/a", "k", "2", &one);
    expect_kind(&outcome, FAILURE_NONE, "");
    vault_shut(&scene->loop, creator, 0);
    vault_shut(&scene->loop, changer, 0);
    scene_close(scene);
}

TEST(a_version_that_was_pruned_is_one_that_is_not_there)
{
    struct scene *scene = scene_open();
    struct vault_outcome outcome;

    administer(scene, "POST", "kv/metadata/pruned/a", "{\"max_versions\":2}");
    for (int i = 0; i < 4; i++)
        administer(scene, "POST", "kv/data/pruned/a", "{\"data\":{\"k\":\"v\"}}");
    outcome = vault_field_of(&scene->loop, scene->client, "pruned/a", "k", 1);
    expect_kind(&outcome, FAILURE_NOT_FOUND, "no such secret or version");
    outcome =
        vault_remove_of(&scene->loop, scene->client, VAULT_DESTROY_VERSION, "pruned/a", 1, NULL);
    expect_kind(&outcome, FAILURE_NOT_FOUND, "only the newest are kept");
    outcome = vault_field_of(&scene->loop, scene->client, "pruned/a", "k", 3);
    expect_kind(&outcome, FAILURE_NONE, "");
    scene_close(scene);
}

TEST(a_namespace_that_is_locked_says_who_can_unlock_it)
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
    administer(scene, "POST", "sys/namespaces/shut", "{}");
    administer(scene, "POST", "shut/sys/mounts/kv",
               "{\"type\":\"kv\",\"options\":{\"version\":\"2\"}}");
    administer(scene, "POST", "sys/namespaces/api-lock/lock/shut", "{}");
    client = open_client(scene, &auth, "shut");
    outcome = vault_field_of(&scene->loop, client, "a", "k", 0);
    expect_kind(&outcome, FAILURE_REMOTE, "503 API access to this namespace has been locked");
    expect_kind(&outcome, FAILURE_REMOTE, "only an administrator of Vault can unlock it");
    vault_shut(&scene->loop, client, 100);
    secret_free(root);
    scene_close(scene);
}

TEST(plain_http_to_the_tls_port_is_told_so)
{
    struct scene *scene = scene_open();
    struct secret *token = secret_new(TEXT("s.never-shown-to-anybody"));
    struct vault_settings settings = {.proxy = "",
                                      .auth = {.method = VAULT_AUTH_TOKEN, .token.value = token}};
    struct vault_outcome outcome;
    struct vault_client *client;
    struct failure why = {0};
    char address[128];

    assert_int_equal(strncmp(given("OPENBAO_ADDR"), "https://", 8), 0);
    snprintf(address, sizeof address, "http://%s", given("OPENBAO_ADDR") + 8);
    settings.address = address;
    client = vault_client_open(scene->http, &settings, &why);
    assert_string_equal(why.text, "");
    outcome = vault_metadata_of(&scene->loop, client, "a");
    expect_kind(&outcome, FAILURE_PROTOCOL, "the address begins with https://");
    vault_shut(&scene->loop, client, 0);
    secret_free(token);
    scene_close(scene);
}

/* ---- log-ins --------------------------------------------------------------------------------- */

/* Two clients with the same secret id of a role made for this. */
static void open_pair(struct scene *scene, const char *role, const char *settings,
                      struct vault_client *clients[2])
{
    char path[64], more[80];
    char *role_id, *secret_id;

    snprintf(path, sizeof path, "auth/approle/role/%s", role);
    administer(scene, "POST", path, settings);
    snprintf(more, sizeof more, "%s/role-id", path);
    role_id = administer_for(scene, NULL, "GET", more, NULL, "data.role_id");
    snprintf(more, sizeof more, "%s/secret-id", path);
    secret_id = administer_for(scene, NULL, "POST", more, "{}", "data.secret_id");
    for (int i = 0; i < 2; i++)
        clients[i] = open_with_role(scene, role_id, secret_id, false);
    free(role_id);
    free(secret_id);
}

TEST(a_secret_id_of_one_use_serves_one_login)
{
    struct scene *scene = scene_open();
    struct vault_client *clients[2];
    struct vault_outcome outcome;

    open_pair(scene, "once", "{\"secret_id_num_uses\":1,\"token_policies\":\"keydrift\"}", clients);
    for (int i = 0; i < 3; i++) {
        outcome = vault_rights_of(&scene->loop, clients[0], "x");
        expect_kind(&outcome, FAILURE_NONE, "");
        outcome = vault_rights_of(&scene->loop, clients[1], "x");
        expect_kind(&outcome, FAILURE_DENIED, wrong_secret_id());
        expect_kind(&outcome, FAILURE_DENIED, "wrong, expired or used up");
    }
    for (int i = 0; i < 2; i++)
        vault_shut(&scene->loop, clients[i], 100);
    scene_close(scene);
}

TEST(a_machine_outside_the_bound_addresses_is_told_so)
{
    struct scene *scene = scene_open();
    struct vault_client *clients[2];
    struct vault_outcome outcome;

    open_pair(scene, "bound", "{\"secret_id_bound_cidrs\":\"192.0.2.0/24\"}", clients);
    outcome = vault_rights_of(&scene->loop, clients[0], "x");
    expect_kind(&outcome, FAILURE_DENIED, "unauthorized by CIDR restrictions");
    expect_kind(&outcome, FAILURE_DENIED, "not among the role's secret_id_bound_cidrs");
    for (int i = 0; i < 2; i++)
        vault_shut(&scene->loop, clients[i], 100);
    scene_close(scene);
}

/* ---- transit --------------------------------------------------------------------------------- */

static void on_signed(const struct vault_signature *signature, const struct failure *failure,
                      void *context)
{
    struct vault_version version = {.version = signature ? signature->key_version : 0};

    vault_on_metadata(signature ? &version : NULL, failure, context);
}

static struct vault_outcome sign_for(struct scene *scene, struct vault_client *client,
                                     uint32_t wrap_ttl_s)
{
    struct vault_signing signing = {
        .key = {TEXT("signer"), TEXT("ap")}, .input = TEXT("plan"), .wrap_ttl_s = wrap_ttl_s};
    struct vault_outcome outcome = {0};

    assert_non_null(vault_sign(client, &signing, 0, on_signed, &outcome));
    vault_wait(&scene->loop, &outcome);
    return outcome;
}

TEST(where_wrapping_is_demanded_an_unwrapped_or_too_long_one_is_denied)
{
    struct scene *scene = scene_open();
    struct vault_client *client;
    struct vault_outcome outcome;

    administer(scene, "POST", "sys/mounts/signer", "{\"type\":\"transit\"}");
    administer(scene, "POST", "signer/keys/ap", "{\"type\":\"ed25519\"}");
    client = open_with_policy(scene, "signer",
                              "path \\\"signer/sign/ap\\\" { capabilities = [\\\"update\\\"] "
                              "min_wrapping_ttl = \\\"1s\\\" max_wrapping_ttl = \\\"15m\\\" }");
    outcome = sign_for(scene, client, 0);
    expect_kind(&outcome, FAILURE_DENIED, "its policies do not allow this");
    outcome = sign_for(scene, client, 1000);
    expect_kind(&outcome, FAILURE_DENIED, "its policies do not allow this");
    outcome = sign_for(scene, client, 900);
    expect_kind(&outcome, FAILURE_NONE, "");
    vault_shut(&scene->loop, client, 0);
    scene_close(scene);
}

static void on_verified(bool is_valid, const struct failure *failure, void *context)
{
    struct vault_version version = {.version = is_valid};

    vault_on_metadata(failure ? NULL : &version, failure, context);
}

TEST(garbage_is_no_signature_and_without_a_prefix_it_is_a_mistake)
{
    struct scene *scene = scene_open();
    struct vault_client *root = open_with_token(scene, given("OPENBAO_ROOT_TOKEN"));
    struct vault_signing signing = {.key = {TEXT("verifier"), TEXT("ap")}, .input = TEXT("plan")};
    struct vault_outcome bare = {0}, garbage = {0};

    administer(scene, "POST", "sys/mounts/verifier", "{\"type\":\"transit\"}");
    administer(scene, "POST", "verifier/keys/ap", "{\"type\":\"ed25519\"}");
    assert_non_null(vault_verify(root, &signing, TEXT("QUJD"), 0, on_verified, &bare));
    vault_wait(&scene->loop, &bare);
    expect_kind(&bare, FAILURE_INVALID, "begins with \"vault:v\"");
    assert_non_null(vault_verify(root, &signing, TEXT("vault:v1:QUJD"), 0, on_verified, &garbage));
    vault_wait(&scene->loop, &garbage);
    expect_kind(&garbage, FAILURE_NONE, "");
    assert_int_equal(garbage.version.version, 0);
    vault_shut(&scene->loop, root, 0);
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(to_write_anew_and_to_change_are_two_rights),
               CASE(a_version_that_was_pruned_is_one_that_is_not_there),
               CASE(a_namespace_that_is_locked_says_who_can_unlock_it),
               CASE(plain_http_to_the_tls_port_is_told_so),
               CASE(a_secret_id_of_one_use_serves_one_login),
               CASE(a_machine_outside_the_bound_addresses_is_told_so),
               CASE(where_wrapping_is_demanded_an_unwrapped_or_too_long_one_is_denied),
               CASE(garbage_is_no_signature_and_without_a_prefix_it_is_a_mistake));
}
