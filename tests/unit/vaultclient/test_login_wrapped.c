/* SPDX-License-Identifier: Apache-2.0 */
/* A wrapped secret id: looked at before it is touched, touched once. */
#include "tests/unit/vaultclient/scene.h"

#include <string.h>
#include <unistd.h>

#define UNWRAP "POST /v1/sys/wrapping/unwrap"

static void run_for(struct scene *scene, uint32_t ms)
{
    struct vault_outcome outcome = scene_look(scene);

    expect_kind(&outcome, FAILURE_NONE, "");
    vault_idle(&scene->loop, ms);
}

static struct scene *scene_with_wrapped(const char *wrapping_token)
{
    struct scene *scene = scene_open();
    struct secret *role = secret_new(TEXT("role-1")), *secret = secret_new(text_of(wrapping_token));
    struct vault_auth auth = {
        .method = VAULT_AUTH_APPROLE,
        .role_id.value = role,
        .secret_id.value = secret,
        .secret_id_is_wrapped = true,
        .role_name = "keydrift",
    };

    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, MOUNT_V2);
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    scene->client = scene_client(scene, &auth, NULL, 5000);
    secret_free(role);
    secret_free(secret);
    return scene;
}

#define WRAPPED_BY(path) SAYS("200", "{\"data\":{\"creation_path\":\"" path "\"}}")

TEST(a_wrapped_secret_id_is_unwrapped_once_and_kept)
{
    struct scene *scene = scene_with_wrapped("s.wrapping");

    LOOPBACK_SCRIPT(scene->server, "/v1/sys/wrapping/lookup",
                    WRAPPED_BY("auth/approle/role/keydrift/secret-id"));
    LOOPBACK_SCRIPT(scene->server, "/v1/sys/wrapping/unwrap",
                    SAYS("200", "{\"data\":{\"secret_id\":\"inner\"}}"));
    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "1"), LOGIN("s.two", "1200"));
    LOOPBACK_SCRIPT(scene->server, "/v1/auth/token/renew-self", SAYS("204", ""));
    run_for(scene, 2500);
    assert_int_equal(scene_count(scene, "POST /v1/sys/wrapping/lookup"), 1);
    assert_int_equal(scene_count(scene, UNWRAP), 1);
    assert_non_null(strstr(scene_request(scene, UNWRAP, 0), "X-Vault-Token: s.wrapping"));
    /* Any other request made with a wrapping token would destroy it. */
    assert_null(strstr(scene_request(scene, "POST /v1/sys/wrapping/lookup", 0), "X-Vault-Token"));
    assert_int_equal(scene_count(scene, "POST " LOGIN_PATH), 2);
    assert_non_null(strstr(scene_request(scene, "POST " LOGIN_PATH, 1), "\"secret_id\":\"inner\""));
    scene_close(scene);
}

TEST(a_wrapping_token_from_elsewhere_is_not_touched)
{
    static const struct loopback_step paths[] = {
        WRAPPED_BY("sys/wrapping/wrap"),
        WRAPPED_BY("auth/approle/role/other/secret-id"),
        WRAPPED_BY("auth/approle2/role/keydrift/secret-id"),
        WRAPPED_BY("auth/approle/role/keydrift/secret-id/lookup"),
        WRAPPED_BY("auth/approle/role/secret-id"),
    };

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct scene *scene = scene_with_wrapped("s.wrapping");
        struct vault_outcome outcome;

        loopback_script(scene->server, "/v1/sys/wrapping/lookup", &paths[i], 1);
        outcome = scene_look(scene);
        expect_kind(&outcome, FAILURE_DENIED, "it was not used");
        assert_int_equal(scene_count(scene, UNWRAP), 0);
        scene_close(scene);
    }
}

TEST(a_spared_secret_id_is_looked_up_and_neither_unwrapped_nor_removed)
{
    struct scene *scene = scene_open();
    struct credential_file file = credential_file_new("s.wrapping\n");
    struct secret *role = secret_new(TEXT("role-1"));
    struct vault_auth auth = {
        .method = VAULT_AUTH_APPROLE,
        .role_id.value = role,
        .role_name = "keydrift",
        .secret_id.file = file.path,
        .secret_id_is_wrapped = true,
        .secret_id_is_removed = true,
        .secret_id_is_spared = true,
    };
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/sys/wrapping/lookup",
                    WRAPPED_BY("auth/approle/role/keydrift/secret-id"));
    scene->client = scene_client(scene, &auth, NULL, 5000);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_INVALID, "it was not unwrapped, which would use it up");
    assert_int_equal(scene_count(scene, "POST /v1/sys/wrapping/lookup"), 1);
    assert_int_equal(scene_count(scene, UNWRAP), 0);
    assert_int_equal(access(file.path, F_OK), 0);
    secret_free(role);
    scene_close(scene);
    credential_file_remove(&file);
}

TEST(a_wrapping_token_of_another_namespace_is_not_touched)
{
    struct scene *scene = scene_with_wrapped("s.wrapping.AbCdE");
    struct vault_outcome outcome = scene_look(scene);

    expect_kind(&outcome, FAILURE_DENIED, "another namespace");
    assert_int_equal(loopback_count(scene->server), 0);
    scene_close(scene);
}

TEST(a_gateway_that_lets_nobody_look_condemns_no_wrapping_token)
{
    static const struct loopback_step answers[] = {SAYS("403", "RBAC: access denied"),
                                                   SAYS("404", "not found"),
                                                   SAYS("503", "no healthy upstream")};

    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct scene *scene = scene_with_wrapped("s.wrapping");
        struct loopback_step steps[] = {answers[i],
                                        WRAPPED_BY("auth/approle/role/keydrift/secret-id")};
        struct vault_outcome outcome;

        loopback_script(scene->server, "/v1/sys/wrapping/lookup", steps, 2);
        LOOPBACK_SCRIPT(scene->server, "/v1/sys/wrapping/unwrap",
                        SAYS("200", "{\"data\":{\"secret_id\":\"inner\"}}"));
        LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "1200"));
        outcome = scene_look_until(scene, "POST " LOGIN_PATH, 1);
        expect_kind(&outcome, FAILURE_NONE, "");
        scene_close(scene);
    }
}

TEST(a_secret_id_that_somebody_else_unwraps_in_the_same_moment_is_an_alarm)
{
    static const struct loopback_step answers[] = {
        SAYS("204", ""), SAYS("500", "{\"errors\":[\"cannot find token entry\"]}"),
        SAYS("400", "{\"errors\":[\"wrapping token is not valid or does not exist\"]}")};

    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct scene *scene = scene_with_wrapped("s.wrapping");
        struct vault_outcome outcome;

        LOOPBACK_SCRIPT(scene->server, "/v1/sys/wrapping/lookup",
                        WRAPPED_BY("auth/approle/role/keydrift/secret-id"));
        loopback_script(scene->server, "/v1/sys/wrapping/unwrap", &answers[i], 1);
        outcome = scene_look(scene);
        expect_kind(&outcome, FAILURE_DENIED, "somebody else may have done so");
        assert_int_equal(scene_count(scene, UNWRAP), 1);
        scene_close(scene);
    }
}

TEST(an_unwrapping_whose_answer_was_lost_is_never_repeated)
{
    static const struct loopback_step answers[] = {
        CLOSES, SAYS("500", "{\"errors\":[\"internal\"]}"), SAYS("200", "{\"data\":{\"secr"),
        SAYS("400", "{\"errors\":[\"wrapping token is not "
                    "valid or does not exist\"]}")};

    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct scene *scene = scene_with_wrapped("s.wrapping");
        struct vault_outcome outcome;

        LOOPBACK_SCRIPT(scene->server, "/v1/sys/wrapping/lookup",
                        WRAPPED_BY("auth/approle/role/keydrift/secret-id"));
        loopback_script(scene->server, "/v1/sys/wrapping/unwrap", &answers[i], 1);
        outcome = scene_look(scene);
        assert_true(outcome.kind == FAILURE_DENIED || outcome.kind == FAILURE_PROTOCOL);
        vault_idle(&scene->loop, i == 0 ? 1100 : 10);
        outcome = scene_look(scene);
        assert_true(outcome.kind == FAILURE_DENIED || outcome.kind == FAILURE_PROTOCOL);
        assert_int_equal(scene_count(scene, UNWRAP), 1);
        scene_close(scene);
    }
}

int main(void)
{
    return RUN(CASE(a_wrapped_secret_id_is_unwrapped_once_and_kept),
               CASE(a_wrapping_token_from_elsewhere_is_not_touched),
               CASE(a_spared_secret_id_is_looked_up_and_neither_unwrapped_nor_removed),
               CASE(a_wrapping_token_of_another_namespace_is_not_touched),
               CASE(a_gateway_that_lets_nobody_look_condemns_no_wrapping_token),
               CASE(a_secret_id_that_somebody_else_unwraps_in_the_same_moment_is_an_alarm),
               CASE(an_unwrapping_whose_answer_was_lost_is_never_repeated));
}
