/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that a log-in gives and the server refuses at once: bound to other addresses, or killed by
 * somebody. Each log-in leaves another of them behind. */
#include "tests/unit/vaultclient/scene.h"

/* However slow this machine is: each log-in but the first two comes after a second of silence. */
static void expect_few_logins(const struct scene *scene, uint64_t from)
{
    uint64_t passed_s = (uv_hrtime() - from) / 1000000000;

    assert_in_range(scene_count(scene, "POST " LOGIN_PATH), 1, 2 + passed_s);
}

TEST(a_server_that_kills_every_token_at_once_is_not_hammered)
{
    struct scene *scene = scene_with_role();
    uint64_t from = uv_hrtime();

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "1200"));
    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, DEAD_TOKEN);
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, DEAD_TOKEN);
    while (uv_hrtime() - from < 1500000000) {
        struct vault_outcome outcome = scene_look(scene);

        expect_kind(&outcome, FAILURE_DENIED, "");
        vault_idle(&scene->loop, 10);
    }
    expect_few_logins(scene, from);
    scene_close(scene);
}

/* A role's token_bound_cidrs: the log-in succeeds from anywhere, and its token serves nowhere else.
 */
static void scene_begin_barred(struct scene *scene)
{
    struct secret *role = secret_new(TEXT("role-1"));
    struct vault_auth auth = {
        .method = VAULT_AUTH_APPROLE, .role_id.value = role, .role_name = "web"};

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "1200"));
    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, SAYS("403", "{\"errors\":[\"invalid token\"]}"));
    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, DEAD_TOKEN);
    scene->client = scene_client(scene, &auth, NULL, 9000);
    secret_free(role);
}

static void expect_barred(struct scene *scene)
{
    struct vault_outcome outcome = scene_look(scene);

    expect_kind(&outcome, FAILURE_DENIED,
                ": GET auth/token/lookup-self: 403 invalid token: the log-in as role \"web\" at "
                "auth/approle succeeds, but the token it gives is refused at once: this machine's "
                "address is probably not among the token_bound_cidrs");
    assert_int_equal(outcome.failure.http_status, 403);
}

TEST(a_token_barred_by_cidr_says_so_and_makes_no_hot_loop_of_logins)
{
    struct scene *scene = scene_open();
    uint64_t from = uv_hrtime();

    scene_begin_barred(scene);
    /* Where they take two seconds, it takes two to know. */
    for (int i = 0; i < 2; i++)
        (void)scene_look(scene);
    while (uv_hrtime() - from < 1500000000) {
        expect_barred(scene);
        vault_idle(&scene->loop, 10);
    }
    expect_few_logins(scene, from);
    scene_close(scene);
}

#define SLOWLY_DEAD                                                                                \
    {                                                                                              \
        .act = LOOPBACK_LAST, .delay_ms = 2050,                                                    \
        .bytes = "HTTP/1.1 403 x\r\n\r\n{\"errors\":[\"permission denied\"]}"                      \
    }

/* On a slow way to the server it is no longer young when that comes out. */
TEST(a_barred_token_that_is_found_out_late_makes_no_hot_loop_either)
{
    struct scene *scene = scene_open();
    struct vault_outcome outcome;
    uint64_t from;

    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, SLOWLY_DEAD, DEAD_TOKEN, SLOWLY_DEAD, DEAD_TOKEN);
    scene_begin_barred(scene);
    outcome = scene_look(scene); /* the first may have been revoked: one more is tried at once */
    expect_kind(&outcome, FAILURE_DENIED, "permission denied");
    assert_int_equal(scene_count(scene, "POST " LOGIN_PATH), 2);
    from = uv_hrtime();
    for (int i = 0; i < 20; i++)
        expect_barred(scene);
    expect_few_logins(scene, from);
    scene_close(scene);
}

/* On a machine so slow that two seconds go by meanwhile it is no young token. */
TEST(a_token_that_worked_for_a_moment_only_is_told_with_the_answer)
{
    struct vault_outcome outcome;
    uint64_t from;

    do {
        struct scene *scene = scene_with_role();

        from = uv_hrtime();
        LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "1200"));
        LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH,
                        SAYS("403", "{\"errors\":[\"invalid token\"]}"));
        LOOPBACK_SCRIPT(scene->server, LOOK_PATH, DEAD_TOKEN);
        outcome = scene_look(scene);
        scene_close(scene);
    } while (uv_hrtime() - from > 2000000000);
    expect_kind(&outcome, FAILURE_DENIED,
                ": GET auth/token/lookup-self: 403 invalid token: "
                "the token was valid for a moment only");
    assert_int_equal(outcome.failure.http_status, 403);
}

int main(void)
{
    return RUN(CASE(a_server_that_kills_every_token_at_once_is_not_hammered),
               CASE(a_token_barred_by_cidr_says_so_and_makes_no_hot_loop_of_logins),
               CASE(a_barred_token_that_is_found_out_late_makes_no_hot_loop_either),
               CASE(a_token_that_worked_for_a_moment_only_is_told_with_the_answer));
}
