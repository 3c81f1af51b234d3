/* SPDX-License-Identifier: Apache-2.0 */
/* Renewal: in time, and whatever goes wrong with it leads to a log-in, never to a hot loop. */
#include "tests/unit/vaultclient/scene.h"

#define RENEW "POST /v1/auth/token/renew-self"
#define RENEWED(lease)                                                                             \
    SAYS("200", "{\"auth\":{\"client_token\":\"s.one\",\"lease_duration\":" lease "}}")

/* With a role, and already logged in. */
static struct scene *scene_begin(const struct loopback_step *logins, size_t count,
                                 const struct loopback_step *renewal)
{
    struct scene *scene = scene_with_role();
    struct vault_outcome outcome;

    loopback_script(scene->server, LOGIN_PATH, logins, count);
    loopback_script(scene->server, "/v1/auth/token/renew-self", renewal, 1);
    LOOPBACK_SCRIPT(scene->server, "/v1/auth/token/revoke-self", SAYS("204", ""));
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    return scene;
}

TEST(a_token_is_renewed_at_two_thirds_of_its_life)
{
    static const struct loopback_step login = LOGIN("s.one", "3"), renewal = RENEWED("1200");
    uint64_t from = uv_hrtime();
    struct scene *scene = scene_begin(&login, 1, &renewal);

    scene_wait_for(scene, RENEW, 1);
    assert_true(uv_hrtime() - from >= 1950000000);
    vault_idle(&scene->loop, 1200);
    assert_int_equal(scene_count(scene, RENEW), 1);
    assert_int_equal(scene_count(scene, "POST " LOGIN_PATH), 1);
    scene_close(scene);
}

/* 204: the certificate's role is gone; 500: the maximum is reached, or the AppRole is gone. */
TEST(trap_4_whatever_is_no_renewal_leads_to_a_login)
{
    static const struct loopback_step answers[] = {
        SAYS("204", ""),
        SAYS("500", "{\"errors\":[\"past the max TTL, cannot renew\"]}"),
        SAYS("500", "{\"errors\":[\"failed to renew entry: role \\\"b\\\" does not exist during "
                    "renewal\"]}"),
        SAYS("500", "{\"errors\":[\"failed to renew entry: policies have changed, not "
                    "renewing\"]}"),
        SAYS("400", "{\"errors\":[\"lease is not renewable\"]}"),
        SAYS("400", "{\"errors\":[\"batch tokens cannot be renewed\"]}"),
        SAYS("403", "{\"errors\":[\"permission denied\"]}"),
        DENIES, /* it lacks the default policy */
        /* HashiCorp Vault, when the certificate's role is gone */
        SAYS("400", "{\"errors\":[\"invalid certificate or no client certificate supplied\"]}"),
        SAYS("200", "{\"auth\":{\"client_token\":\"s.one\",\"lease_duration\":0}}"),
        SAYS("200", "{\"auth\":null}"),
        SAYS("200", "OK"),
    };
    static const struct loopback_step logins[] = {LOGIN("s.one", "1"), LOGIN("s.two", "1200")};

    enum { COUNT = sizeof answers / sizeof *answers };
    struct scene *scenes[COUNT];

    for (size_t i = 0; i < COUNT; i++)
        scenes[i] = scene_begin(logins, 2, &answers[i]);
    /* The pauses of all of them go by at once. */
    for (uint64_t end = uv_hrtime() + 2600000000; uv_hrtime() < end;)
        for (size_t i = 0; i < COUNT; i++)
            vault_idle(&scenes[i]->loop, 1);
    for (size_t i = 0; i < COUNT; i++) {
        struct vault_outcome outcome;

        scene_wait_for(scenes[i], "POST " LOGIN_PATH, 2);
        outcome = scene_look(scenes[i]);
        expect_kind(&outcome, FAILURE_NONE, "");
        assert_int_equal(scene_count(scenes[i], RENEW), 1);
        scene_close(scenes[i]);
    }
}

TEST(a_renewal_that_fails_for_now_is_no_hot_loop)
{
    static const struct loopback_step login = LOGIN("s.one", "2"), renewal = CLOSES;
    struct scene *scene = scene_begin(&login, 1, &renewal);

    scene_wait_for(scene, RENEW, 1);
    vault_idle(&scene->loop, 1500);
    assert_in_range(scene_count(scene, RENEW), 1, 3);
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(a_token_is_renewed_at_two_thirds_of_its_life),
               CASE(trap_4_whatever_is_no_renewal_leads_to_a_login),
               CASE(a_renewal_that_fails_for_now_is_no_hot_loop));
}
