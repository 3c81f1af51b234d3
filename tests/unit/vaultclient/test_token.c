/* SPDX-License-Identifier: Apache-2.0 */
/* The token's life: few log-ins, no hot loops, and no lock-out. */
#include "tests/unit/vaultclient/scene.h"

#include <string.h>

#define REVOKE "POST /v1/auth/token/revoke-self"
#define RENEW  "POST /v1/auth/token/renew-self"

static void run_for(struct scene *scene, uint32_t ms)
{
    struct vault_outcome outcome = scene_look(scene);

    expect_kind(&outcome, FAILURE_NONE, "");
    vault_idle(&scene->loop, ms);
}

TEST(one_login_serves_all_who_wait)
{
    struct scene *scene = scene_with_role();
    struct vault_outcome outcomes[30] = {0};

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "1200"));
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    for (int i = 0; i < 30; i++)
        assert_non_null(vault_read_metadata(scene->client, vault_key_of(i % 2 ? "a" : "kv:a"),
                                            (unsigned)i, vault_on_metadata, &outcomes[i]));
    for (int i = 0; i < 30; i++) {
        vault_wait(&scene->loop, &outcomes[i]);
        expect_kind(&outcomes[i], FAILURE_NONE, "");
    }
    assert_int_equal(scene_count(scene, "POST " LOGIN_PATH), 1);
    assert_non_null(strstr(scene_request(scene, "POST " LOGIN_PATH, 0),
                           "\r\n\r\n{\"role_id\":\"role-1\",\"secret_id\":\"secret-1\"}"));
    assert_null(strstr(scene_request(scene, "POST " LOGIN_PATH, 0), "X-Vault-Token"));
    assert_non_null(
        strstr(scene_request(scene, "GET /v1/kv/metadata/a", 0), "X-Vault-Token: s.one"));
    scene_close(scene);
}

TEST(a_refused_login_is_not_repeated)
{
    static const struct loopback_step refusals[] = {
        SAYS("400", "{\"errors\":[\"invalid role or secret ID\"]}"),
        SAYS("500", "{\"errors\":[\"invalid secret id\"]}"),
        SAYS("403", "{\"errors\":[\"permission denied\"]}"),
    };

    for (size_t i = 0; i < 3; i++) {
        struct scene *scene = scene_with_role();

        loopback_script(scene->server, LOGIN_PATH, &refusals[i], 1);
        for (int j = 0; j < 12; j++) {
            struct vault_outcome outcome = scene_look(scene);

            expect_kind(&outcome, FAILURE_DENIED, "auth/approle/login: log-in refused: ");
            assert_null(strstr(outcome.failure.text, "secret-1"));
            vault_idle(&scene->loop, 20);
        }
        assert_int_equal(scene_count(scene, "POST " LOGIN_PATH), 1);
        scene_close(scene);
    }
}

TEST(a_login_that_failed_otherwise_is_repeated_with_care)
{
    struct scene *scene = scene_with_role();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, CLOSES, LOGIN("s.one", "1200"));
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    outcome = scene_look(scene);
    /* A read cannot be ambiguous, however the log-in ended. */
    expect_kind(&outcome, FAILURE_NETWORK, "");
    vault_idle(&scene->loop, 1010);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(scene_count(scene, "POST " LOGIN_PATH), 2);
    scene_close(scene);
}

/* Nobody's credential was judged: the server did not look at it. */
TEST(a_login_under_a_quota_waits_its_turn_and_is_no_refusal)
{
    struct scene *scene = scene_with_role();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH,
                    SAYS_WITH("429", "Retry-After: 0\r\n",
                              "{\"errors\":[\"request path \\\"auth/approle/login\\\": rate limit "
                              "quota exceeded\"]}"),
                    LOGIN("s.one", "1200"));
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(scene_count(scene, "POST " LOGIN_PATH), 2);
    scene_close(scene);
}

/* A service mesh or a gateway says no in words of its own: it is no reason for minutes of silence.
 */
TEST(a_403_that_is_not_the_servers_own_refuses_no_login)
{
    struct scene *scene = scene_with_role();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, SAYS("403", "RBAC: access denied"),
                    LOGIN("s.one", "1200"));
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_DENIED, "answered 403, but not in Vault's words: a proxy stands");
    assert_null(strstr(outcome.failure.text, "log-in refused"));
    outcome = scene_look_until(scene, "POST " LOGIN_PATH, 2);
    expect_kind(&outcome, FAILURE_NONE, "");
    scene_close(scene);
}

/* Whether the token lives, and what its policies say, has nothing to do with it. */
TEST(a_403_that_is_not_the_servers_own_says_nothing_about_the_token)
{
    struct scene *scene = scene_with_token();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, SAYS("403", "RBAC: access denied"), LOOK_OK);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_DENIED, "answered 403, but not in Vault's words: a proxy stands");
    assert_null(strstr(outcome.failure.text, "polic"));
    assert_int_equal(outcome.failure.http_status, 403);
    assert_int_equal(scene_count(scene, "GET " LOOKUP_PATH), 1); /* at the beginning */
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    scene_close(scene);
}

/* From whatever stands in front of a server that is away: no reason for minutes of silence. */
TEST(a_404_that_is_not_the_servers_own_refuses_no_login)
{
    struct scene *scene = scene_with_role();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, SAYS("404", "default backend - 404"),
                    LOGIN("s.one", "1200"));
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_PROTOCOL, "not in Vault's words");
    assert_null(strstr(outcome.failure.text, "refused"));
    vault_idle(&scene->loop, 1010);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    scene_close(scene);
}

TEST(many_refusals_ask_once_whether_the_token_lives)
{
    struct scene *scene = scene_with_role();
    struct vault_outcome outcomes[10] = {0};

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "1200"));
    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH,
                    {.act = LOOPBACK_LAST,
                     .bytes = "HTTP/1.1 200 x\r\n\r\n{\"data\":{\"ttl\":9}}",
                     .delay_ms = 200});
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/metadata/a", DENIES);
    for (int i = 0; i < 10; i++)
        assert_non_null(vault_read_metadata(scene->client, vault_key_of("a"), 0, vault_on_metadata,
                                            &outcomes[i]));
    for (int i = 0; i < 10; i++) {
        vault_wait(&scene->loop, &outcomes[i]);
        expect_kind(
            &outcomes[i], FAILURE_DENIED,
            "GET kv/metadata/a: 403 permission denied (the token is valid; its policies do not");
        assert_int_equal(outcomes[i].failure.http_status, 403);
    }
    assert_int_equal(scene_count(scene, "GET " LOOKUP_PATH), 1);
    assert_int_equal(scene_count(scene, "POST " LOGIN_PATH), 1);
    scene_close(scene);
}

/* A path without permission that is asked for every few seconds must not double the load. */
TEST(a_refusal_by_policy_asks_once_and_not_each_time)
{
    struct scene *scene = scene_with_role();

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "1200"), LOGIN("s.two", "1200"));
    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, SAYS("200", "{\"data\":{\"ttl\":9}}"), DEAD_TOKEN);
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, DENIES, DENIES, DENIES, DEAD_TOKEN, LOOK_OK);
    for (int i = 0; i < 3; i++) {
        struct vault_outcome outcome = scene_look(scene);

        expect_kind(&outcome, FAILURE_DENIED, "(the token is valid; its policies do not");
    }
    assert_int_equal(scene_count(scene, "GET " LOOKUP_PATH), 1);
    /* The other form may be the first sign of a revocation. */
    vault_idle(&scene->loop, 2010);
    for (int i = 0; i < 2; i++) {
        struct vault_outcome outcome = scene_look(scene);

        expect_kind(&outcome, FAILURE_NONE, "");
    }
    assert_int_equal(scene_count(scene, "GET " LOOKUP_PATH), 2);
    assert_int_equal(scene_count(scene, "POST " LOGIN_PATH), 2);
    scene_close(scene);
}

TEST(a_dead_token_is_replaced_and_the_request_sent_again)
{
    struct scene *scene = scene_with_role();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "1200"), LOGIN("s.two", "1200"));
    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, DEAD_TOKEN);
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK, DEAD_TOKEN, LOOK_OK);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    vault_idle(&scene->loop, 2010);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_non_null(
        strstr(scene_request(scene, "GET /v1/kv/metadata/a", 2), "X-Vault-Token: s.two"));
    scene_close(scene);
}

TEST(an_answer_that_quotes_the_token_is_not_repeated)
{
    struct scene *scene = scene_with_role();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "1200"));
    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, SAYS("403", "{\"errors\":[\"bad token s.one\"]}"));
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/metadata/a", DEAD_TOKEN);
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_DENIED, "403");
    expect_kind(&outcome, FAILURE_DENIED, ": the token was valid for a moment only");
    assert_null(strstr(outcome.failure.text, "s.one"));
    scene_close(scene);
}

TEST(no_answer_that_quotes_our_token_shows_it)
{
    static const struct loopback_step answers[] = {
        SAYS("403", "{\"errors\":[\"s.one: s.one has no right\"]}"),
        SAYS("400", "{\"errors\":[\"header X-Vault-Token: s.one\"]}"),
        SAYS("405", "{\"errors\":[\"s.one\"]}"),
    };

    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct scene *scene = scene_with_role();
        struct vault_outcome outcome;

        LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "1200"));
        LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, SAYS("200", "{\"data\":{\"ttl\":9}}"));
        loopback_script(scene->server, LOOK_PATH, &answers[i], 1);
        outcome = scene_look(scene);
        assert_int_not_equal(outcome.kind, FAILURE_NONE);
        assert_non_null(strstr(outcome.failure.text, "*****"));
        assert_null(strstr(outcome.failure.text, "s.one"));
        scene_close(scene);
    }
}

TEST(a_quotation_of_our_token_in_another_spelling_is_struck_out_too)
{
    struct scene *scene = scene_with_role();
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one/of/ours", "1200"));
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH,
                    SAYS("400", "{\"errors\":[\"header \\u0073.one\\/of\\/ours\"]}"));
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_INVALID, "400 header *************");
    assert_null(strstr(outcome.failure.text, "of/ours"));
    scene_close(scene);
}

/* ---- the end --------------------------------------------------------------------------------- */

TEST(only_a_token_of_our_own_is_revoked_and_that_takes_no_longer_than_allowed)
{
    struct scene *scene = scene_with_role();
    uint64_t from;

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.one", "1200"));
    LOOPBACK_SCRIPT(scene->server, LOOK_PATH, LOOK_OK);
    LOOPBACK_SCRIPT(scene->server, "/v1/auth/token/revoke-self", HANGS);
    run_for(scene, 0);
    from = uv_hrtime();
    vault_shut(&scene->loop, scene->client, 150);
    assert_true(uv_hrtime() - from < 15000000000); /* a request has 30 s otherwise */
    scene->client = NULL;
    assert_int_equal(scene_count(scene, REVOKE), 1);
    assert_non_null(strstr(scene_request(scene, REVOKE, 0), "X-Vault-Token: s.one"));
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(one_login_serves_all_who_wait), CASE(a_refused_login_is_not_repeated),
               CASE(a_login_that_failed_otherwise_is_repeated_with_care),
               CASE(a_login_under_a_quota_waits_its_turn_and_is_no_refusal),
               CASE(a_403_that_is_not_the_servers_own_refuses_no_login),
               CASE(a_403_that_is_not_the_servers_own_says_nothing_about_the_token),
               CASE(a_404_that_is_not_the_servers_own_refuses_no_login),
               CASE(many_refusals_ask_once_whether_the_token_lives),
               CASE(a_refusal_by_policy_asks_once_and_not_each_time),
               CASE(a_dead_token_is_replaced_and_the_request_sent_again),
               CASE(an_answer_that_quotes_the_token_is_not_repeated),
               CASE(no_answer_that_quotes_our_token_shows_it),
               CASE(a_quotation_of_our_token_in_another_spelling_is_struck_out_too),
               CASE(only_a_token_of_our_own_is_revoked_and_that_takes_no_longer_than_allowed));
}
