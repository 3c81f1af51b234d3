/* SPDX-License-Identifier: Apache-2.0 */
/* Batch tokens, tokens that may be used a few times; and what becomes of a token that is replaced.
 */
#include "tests/unit/vaultclient/scene.h"

#include <string.h>

#define RENEW_PATH            "/v1/auth/token/renew-self"
#define RENEW                 "POST " RENEW_PATH
#define REVOKE                "POST /v1/auth/token/revoke-self"
#define LOGIN_OF(token, rest) SAYS("200", "{\"auth\":{\"client_token\":\"" token "\"," rest "}}")

static void look_well(struct scene *scene)
{
    struct vault_outcome outcome = scene_look(scene);

    expect_kind(&outcome, FAILURE_NONE, "");
}

TEST(a_batch_token_is_replaced_in_time_and_neither_renewed_nor_revoked)
{
    struct scene *scene = scene_with_role();

    LOOPBACK_SCRIPT(
        scene->server, LOGIN_PATH,
        LOGIN_OF("b.one", "\"lease_duration\":2,\"renewable\":true,\"token_type\":\"batch\""),
        LOGIN_OF("b.two", "\"lease_duration\":1200,\"renewable\":false,\"token_type\":\"batch\""));
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    look_well(scene);
    scene_wait_for(scene, "POST " LOGIN_PATH, 2);
    look_well(scene);
    vault_shut(&scene->loop, scene->client, 1000);
    scene->client = NULL;
    assert_int_equal(scene_count(scene, RENEW), 0);
    assert_int_equal(scene_count(scene, REVOKE), 0);
    scene_close(scene);
}

/* Without the default policy: the policy forbids the question, which only a token that lives is
 * told. */
TEST(a_given_token_that_may_not_look_itself_up_is_used_all_the_same)
{
    struct scene *scene = scene_open();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, DENIES);
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK, DENIES);
    scene_open_client(scene, (struct vault_settings){.timeout_ms = 5000});
    look_well(scene);
    for (int i = 0; i < 2; i++) {
        outcome = scene_look(scene);
        expect_kind(&outcome, FAILURE_DENIED,
                    "(its policies do not allow this, or the token is no longer valid: the server "
                    "would not say)");
    }
    assert_int_equal(scene_count(scene, "GET " LOOKUP_PATH), 2);
    scene_close(scene);
}

/* ---- uses ------------------------------------------------------------------------------------ */

/* How many requests the server saw with this token. */
static unsigned uses_of(const struct scene *scene, const char *token)
{
    unsigned count = 0;
    char header[64];

    snprintf(header, sizeof header, "X-Vault-Token: %s\r\n", token);
    for (unsigned i = 0; i < loopback_count(scene->server); i++)
        count += strstr(loopback_request(scene->server, i), header) != NULL;
    return count;
}

/* The last one is never used: the server forgets the token before it answers. */
#define THREE_USES "\"lease_duration\":1200,\"renewable\":true,\"num_uses\":3"

TEST(a_token_is_replaced_before_its_uses_are_spent)
{
    struct scene *scene = scene_with_role();

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN_OF("s.one", THREE_USES),
                    LOGIN_OF("s.two", THREE_USES), LOGIN("s.three", "1200"));
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    for (int i = 0; i < 5; i++)
        look_well(scene);
    assert_int_equal(uses_of(scene, "s.one"), 2);
    assert_int_equal(uses_of(scene, "s.two"), 2);
    assert_int_equal(scene_count(scene, "POST " LOGIN_PATH), 3);
    assert_int_equal(scene_count(scene, "GET " LOOKUP_PATH), 0);
    scene_close(scene);
}

TEST(many_who_wait_never_use_a_token_too_often)
{
    struct scene *scene = scene_with_role();
    struct vault_outcome outcomes[8] = {0};

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN_OF("s.one", THREE_USES),
                    LOGIN_OF("s.two", THREE_USES), LOGIN("s.three", "1200"));
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    look_well(scene);
    for (int i = 0; i < 8; i++)
        assert_non_null(vault_read_metadata(scene->client, vault_key_of("a"), 0, vault_on_metadata,
                                            &outcomes[i]));
    for (int i = 0; i < 8; i++) {
        vault_wait(&scene->loop, &outcomes[i]);
        expect_kind(&outcomes[i], FAILURE_NONE, "");
    }
    assert_int_equal(uses_of(scene, "s.one"), 2);
    assert_int_equal(uses_of(scene, "s.two"), 2);
    assert_int_equal(scene_count(scene, "POST " LOGIN_PATH), 3);
    scene_close(scene);
}

TEST(a_repetition_is_a_use_too)
{
    struct scene *scene = scene_with_role();

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN_OF("s.one", THREE_USES),
                    LOGIN("s.two", "1200"));
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, SAYS("502", "{\"errors\":[]}"), LOOK_OK);
    look_well(scene);
    look_well(scene);
    assert_int_equal(uses_of(scene, "s.one"), 2);
    assert_int_equal(scene_count(scene, "POST " LOGIN_PATH), 2);
    scene_close(scene);
}

/* sys/capabilities-self says 400 for a token that is dead, all others 403. */
TEST(a_dead_token_is_noticed_by_the_400_of_capabilities_self_too)
{
    struct scene *scene = scene_with_role();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "1200"), LOGIN("s.two", "1200"));
    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, DEAD_TOKEN);
    LOOPBACK_SCRIPT(scene->server, "/v1/sys/capabilities-self",
                    SAYS("400", "{\"errors\":[\"invalid token\"]}"),
                    SAYS("200", "{\"data\":{\"kv/data/a\":[\"read\"],"
                                "\"kv/metadata/a\":[\"deny\"]}}"));
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    look_well(scene);
    vault_idle(&scene->loop, 2010);
    outcome = vault_rights_of(&scene->loop, scene->client, "a");
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_true(outcome.rights.may_read_data);
    assert_int_equal(scene_count(scene, "POST " LOGIN_PATH), 2);
    scene_close(scene);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Not a renewal, so a log-in follows while the first token still has most of its lease. */
TEST(a_token_of_ours_that_is_replaced_while_it_lives_is_revoked)
{
    struct scene *scene = scene_with_role();

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "2"), LOGIN("s.two", "1200"));
    LOOPBACK_SCRIPT(scene->server, RENEW_PATH, SAYS("204", ""));
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    LOOPBACK_SCRIPT(scene->server, "/v1/auth/token/revoke-self", SAYS("204", ""));
    look_well(scene);
    scene_wait_for(scene, "POST " LOGIN_PATH, 2);
    scene_wait_for(scene, REVOKE, 1);
    assert_non_null(strstr(scene_request(scene, REVOKE, 0), "X-Vault-Token: s.one\r\n"));
    look_well(scene);
    assert_int_equal(uses_of(scene, "s.two"), 1);
    scene_close(scene);
}

TEST(a_given_token_is_never_revoked)
{
    struct scene *scene = scene_with_token();

    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    look_well(scene);
    vault_shut(&scene->loop, scene->client, 1000);
    scene->client = NULL;
    assert_int_equal(scene_count(scene, REVOKE), 0);
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(a_batch_token_is_replaced_in_time_and_neither_renewed_nor_revoked),
               CASE(a_given_token_that_may_not_look_itself_up_is_used_all_the_same),
               CASE(a_token_is_replaced_before_its_uses_are_spent),
               CASE(many_who_wait_never_use_a_token_too_often), CASE(a_repetition_is_a_use_too),
               CASE(a_token_of_ours_that_is_replaced_while_it_lives_is_revoked),
               CASE(a_dead_token_is_noticed_by_the_400_of_capabilities_self_too),
               CASE(a_given_token_is_never_revoked));
}
