/* SPDX-License-Identifier: Apache-2.0 */
/* Renewal: in time, and whatever goes wrong with it leads to a log-in, never to a hot loop. */
#include "tests/unit/vaultclient/scene.h"

#define RENEW "POST /v1/auth/token/renew-self"

static void run_for(struct scene *scene, uint32_t ms)
{
    struct vault_outcome outcome = scene_look(scene);

    expect_kind(&outcome, FAILURE_NONE, "");
    vault_idle(&scene->loop, ms);
}

TEST(a_token_is_renewed_at_two_thirds_of_its_life)
{
    struct scene *scene = scene_with_role();

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "2"));
    LOOPBACK_SCRIPT(scene->server, "/v1/auth/token/renew-self",
                    SAYS("200", "{\"auth\":{\"client_token\":\"s.one\",\"lease_duration\":1200}}"));
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    run_for(scene, 1200);
    assert_int_equal(scene_count(scene, RENEW), 0);
    vault_idle(&scene->loop, 300);
    assert_int_equal(scene_count(scene, RENEW), 1);
    vault_idle(&scene->loop, 1200);
    assert_int_equal(scene_count(scene, RENEW), 1);
    assert_int_equal(scene_count(scene, "POST " LOGIN_PATH), 1);
    scene_close(scene);
}

TEST(whatever_is_no_renewal_leads_to_a_login)
{
    static const struct loopback_step answers[] = {
        SAYS("204", ""),
        SAYS("500", "{\"errors\":[\"past the max TTL, cannot renew\"]}"),
        SAYS("400", "{\"errors\":[\"lease is not renewable\"]}"),
        SAYS("403", "{\"errors\":[\"permission denied\"]}"),
        SAYS("200", "{\"auth\":{\"client_token\":\"s.one\",\"lease_duration\":0}}"),
    };

    enum { COUNT = sizeof answers / sizeof *answers };
    struct scene *scenes[COUNT];

    for (size_t i = 0; i < COUNT; i++) {
        scenes[i] = scene_with_role();
        LOOPBACK_SCRIPT(scenes[i]->server, LOGIN_PATH, LOGIN("s.one", "1"), LOGIN("s.two", "1200"));
        loopback_script(scenes[i]->server, "/v1/auth/token/renew-self", &answers[i], 1);
        LOOPBACK_SCRIPT(scenes[i]->server, LOOK_PATH, LOOK_OK);
        run_for(scenes[i], 0);
    }
    /* The lease is one second, and a log-in comes a second after the renewal at the earliest. */
    for (uint64_t end = uv_hrtime() + 2600000000; uv_hrtime() < end;)
        for (size_t i = 0; i < COUNT; i++)
            vault_idle(&scenes[i]->loop, 1);
    for (size_t i = 0; i < COUNT; i++) {
        run_for(scenes[i], 0);
        assert_int_equal(scene_count(scenes[i], RENEW), 1);
        assert_int_equal(scene_count(scenes[i], "POST " LOGIN_PATH), 2);
        scene_close(scenes[i]);
    }
}

TEST(a_renewal_that_fails_for_now_is_no_hot_loop)
{
    struct scene *scene = scene_with_role();

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "2"));
    LOOPBACK_SCRIPT(scene->server, "/v1/auth/token/renew-self", CLOSES);
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    run_for(scene, 2800);
    assert_in_range(scene_count(scene, RENEW), 1, 4);
    scene_close(scene);
}

TEST(a_lease_that_shrinks_ends_in_a_login)
{
    struct scene *scene = scene_with_role();

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "3"), LOGIN("s.two", "1200"));
    LOOPBACK_SCRIPT(scene->server, "/v1/auth/token/renew-self",
                    SAYS("200", "{\"auth\":{\"client_token\":\"s.one\",\"lease_duration\":1}}"));
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    run_for(scene, 3400);
    assert_int_equal(scene_count(scene, RENEW), 1);
    assert_int_equal(scene_count(scene, "POST " LOGIN_PATH), 2);
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(a_token_is_renewed_at_two_thirds_of_its_life),
               CASE(whatever_is_no_renewal_leads_to_a_login),
               CASE(a_renewal_that_fails_for_now_is_no_hot_loop),
               CASE(a_lease_that_shrinks_ends_in_a_login));
}
