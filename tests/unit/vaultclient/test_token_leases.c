/* SPDX-License-Identifier: Apache-2.0 */
/* Leases that the server changes from one renewal to the next. */
#include "tests/unit/vaultclient/scene.h"

#define RENEW_PATH "/v1/auth/token/renew-self"
#define RENEW      "POST " RENEW_PATH
#define RENEWED(lease)                                                                             \
    SAYS("200", "{\"auth\":{\"client_token\":\"s.one\",\"lease_duration\":" lease "}}")

static void wait_for(struct scene *scene, const char *beginning, unsigned n)
{
    for (int i = 0; i < 2000 && scene_count(scene, beginning) < n; i++)
        vault_idle(&scene->loop, 10);
    assert_int_equal(scene_count(scene, beginning), n);
}

static void look_well(struct scene *scene)
{
    struct vault_outcome outcome = scene_look(scene);

    expect_kind(&outcome, FAILURE_NONE, "");
}

static struct scene *scene_with_given(const struct loopback_step *lookup)
{
    struct scene *scene = scene_open();
    struct secret *token = secret_new(TEXT("s.one"));
    struct vault_auth auth = {.method = VAULT_AUTH_TOKEN, .token.value = token};

    loopback_script(scene->server, LOOKUP_PATH, lookup, 1);
    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, MOUNT_V2);
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    scene->client = scene_client(scene, &auth, NULL, 5000);
    secret_free(token);
    return scene;
}

/* The server shortens the lease at each renewal towards the token's maximum. */
TEST(a_lease_that_shrinks_ends_in_a_login)
{
    struct scene *scene = scene_with_role();

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "3"), LOGIN("s.two", "1200"));
    LOOPBACK_SCRIPT(scene->server, RENEW_PATH, RENEWED("1"));
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    look_well(scene);
    wait_for(scene, "POST " LOGIN_PATH, 2);
    assert_int_equal(scene_count(scene, RENEW), 1);
    scene_close(scene);
}

/* OpenBao issue 3747: 850 renewals a second. A given token cannot be replaced, only used up. */
TEST(a_given_token_whose_lease_shrinks_makes_no_hot_loop)
{
    static const struct loopback_step lookup =
        SAYS("200", "{\"data\":{\"ttl\":3,\"renewable\":true}}");
    struct scene *scene = scene_with_given(&lookup);

    LOOPBACK_SCRIPT(scene->server, RENEW_PATH, RENEWED("1"));
    look_well(scene);
    wait_for(scene, RENEW, 1);
    vault_idle(&scene->loop, 1200);
    assert_int_equal(scene_count(scene, RENEW), 1);
    scene_close(scene);
}

/* A period that has begun long ago leaves less at the first look than each renewal gives. */
TEST(a_periodic_token_is_renewed_for_good)
{
    static const struct loopback_step lookup =
        SAYS("200", "{\"data\":{\"ttl\":1,\"period\":2,\"renewable\":true,\"num_uses\":0}}");
    struct scene *scene = scene_with_given(&lookup);

    LOOPBACK_SCRIPT(scene->server, RENEW_PATH, RENEWED("2"));
    look_well(scene);
    wait_for(scene, RENEW, 2);
    look_well(scene);
    assert_int_equal(scene_count(scene, "GET " LOOKUP_PATH), 1);
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(a_lease_that_shrinks_ends_in_a_login),
               CASE(a_given_token_whose_lease_shrinks_makes_no_hot_loop),
               CASE(a_periodic_token_is_renewed_for_good));
}
