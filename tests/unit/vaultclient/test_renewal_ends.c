/* SPDX-License-Identifier: Apache-2.0 */
/* The end of renewals: leases that are cut until it comes, and tokens that nobody can replace. */
#include "tests/unit/vaultclient/scene.h"

#define RENEW "POST /v1/auth/token/renew-self"
#define RENEWED(lease)                                                                             \
    SAYS("200", "{\"auth\":{\"client_token\":\"s.one\",\"lease_duration\":" lease "}}")

/* HashiCorp Vault, close to the role's maximum. */
TEST(renewals_that_give_ever_less_and_then_403_end_in_a_login)
{
    struct scene *scene = scene_with_role();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "3"), LOGIN("s.two", "1200"));
    LOOPBACK_SCRIPT(scene->server, "/v1/auth/token/renew-self", RENEWED("2"), DEAD_TOKEN);
    LOOPBACK_SCRIPT(scene->server, "/v1/auth/token/revoke-self", SAYS("204", ""));
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    scene_wait_for(scene, RENEW, 2);
    scene_wait_for(scene, "POST " LOGIN_PATH, 2);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(scene_count(scene, RENEW), 2);
    scene_close(scene);
}

/* OpenBao issue 3747 again: nobody can log in anew with a token that was given, so there is nothing
 * to do but to use it while it lasts. */
TEST(a_given_token_that_cannot_be_renewed_is_used_and_not_renewed_again)
{
    static const struct loopback_step answers[] = {
        SAYS("500", "{\"errors\":[\"past the max TTL, cannot renew\"]}"),
        SAYS("400", "{\"errors\":[\"lease is not renewable\"]}"),
        DENIES,
        SAYS("204", ""),
    };
    enum { COUNT = sizeof answers / sizeof *answers };
    struct secret *token = secret_new(TEXT("s.one"));
    struct vault_auth auth = {.method = VAULT_AUTH_TOKEN, .token.value = token};
    struct scene *scenes[COUNT];
    struct vault_outcome outcome;

    for (size_t i = 0; i < COUNT; i++) {
        scenes[i] = scene_open();
        loopback_script(scenes[i]->server, "/v1/auth/token/renew-self", &answers[i], 1);
        LOOPBACK_SCRIPT(scenes[i]->server, LOOKUP_PATH,
                        SAYS("200", "{\"data\":{\"ttl\":2,\"renewable\":true}}"), LOOKUP_OK);
        LOOPBACK_SCRIPT(scenes[i]->server, MOUNT_PATH, MOUNT_V2);
        LOOPBACK_SCRIPT(scenes[i]->server, LOOK_PATH, LOOK_OK);
        scenes[i]->client = scene_client(scenes[i], &auth, NULL, 5000);
        outcome = scene_look(scenes[i]);
        expect_kind(&outcome, FAILURE_NONE, "");
    }
    for (size_t i = 0; i < COUNT; i++)
        scene_wait_for(scenes[i], RENEW, 1);
    for (uint64_t end = uv_hrtime() + 1200000000; uv_hrtime() < end;)
        for (size_t i = 0; i < COUNT; i++)
            vault_idle(&scenes[i]->loop, 1);
    for (size_t i = 0; i < COUNT; i++) {
        outcome = scene_look(scenes[i]);
        expect_kind(&outcome, FAILURE_NONE, "");
        assert_int_equal(scene_count(scenes[i], RENEW), 1);
        scene_close(scenes[i]);
    }
    secret_free(token);
}

int main(void)
{
    return RUN(CASE(renewals_that_give_ever_less_and_then_403_end_in_a_login),
               CASE(a_given_token_that_cannot_be_renewed_is_used_and_not_renewed_again));
}
