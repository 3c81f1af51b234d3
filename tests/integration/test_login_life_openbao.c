/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of a real OpenBao through their life: short, used up, periodic, of the batch kind, and
 * renewed in vain. */
#include "openbao_scene.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Side by side, since each takes its time: nobody who reads every half second notices anything. */
TEST(batch_and_periodic_tokens_and_those_with_a_maximum_are_renewed_and_replaced_in_time)
{
    static const struct {
        const char *name, *settings;
    } roles[] = {
        {"batch",
         "{\"token_policies\":\"keydrift\",\"token_type\":\"batch\",\"token_ttl\":\"4s\"}"},
        {"periodic", "{\"token_policies\":\"keydrift\",\"token_period\":\"2s\"}"},
        {"maximum", "{\"token_policies\":\"keydrift\",\"token_ttl\":\"2s\","
                    "\"token_explicit_max_ttl\":\"5s\"}"},
    };
    struct scene *scene = scene_open();
    struct vault_client *clients[3];

    for (size_t i = 0; i < 3; i++) {
        char *role_id = make_role(scene, roles[i].name, roles[i].settings);
        char *secret_id = make_secret_id(scene, roles[i].name);

        clients[i] = open_with_role(scene, role_id, secret_id, false);
        free(role_id);
        free(secret_id);
    }
    for (int i = 0; i < 14; i++) {
        for (size_t j = 0; j < 3; j++) {
            struct vault_outcome outcome = vault_rights_of(&scene->loop, clients[j], "x");

            expect_kind(&outcome, FAILURE_NONE, "");
        }
        vault_idle(&scene->loop, 500);
    }
    for (size_t i = 0; i < 3; i++)
        vault_shut(&scene->loop, clients[i], 2000);
    scene_close(scene);
}

TEST(tokens_of_few_uses_are_replaced_before_they_are_used_up)
{
    struct scene *scene = scene_open();
    char *role_id = make_role(scene, "few",
                              "{\"token_policies\":\"keydrift\",\"token_ttl\":\"10m\","
                              "\"token_num_uses\":3}");
    char *secret_id = make_secret_id(scene, "few");
    struct vault_client *client = open_with_role(scene, role_id, secret_id, false);
    struct vault_outcome outcomes[20] = {0};

    for (int i = 0; i < 10; i++) {
        struct vault_outcome outcome = vault_rights_of(&scene->loop, client, "x");

        expect_kind(&outcome, FAILURE_NONE, "");
    }
    for (int i = 0; i < 20; i++)
        assert_non_null(
            vault_read_rights(client, vault_key_of("x"), vault_on_rights, &outcomes[i]));
    for (int i = 0; i < 20; i++) {
        vault_wait(&scene->loop, &outcomes[i]);
        expect_kind(&outcomes[i], FAILURE_NONE, "");
    }
    vault_shut(&scene->loop, client, 2000);
    free(role_id);
    free(secret_id);
    scene_close(scene);
}

/* The server says 500 to each renewal, yet the token lives on: what ends is not the work, until the
 * lease is over. */
TEST(trap_4_renewals_that_answer_500_lead_to_a_login)
{
    struct scene *scene = scene_open();
    char *role_id =
        make_role(scene, "gone", "{\"token_policies\":\"keydrift\",\"token_ttl\":\"6s\"}");
    char *secret_id = make_secret_id(scene, "gone");
    struct vault_client *client = open_with_role(scene, role_id, secret_id, false);
    struct vault_outcome outcome = vault_rights_of(&scene->loop, client, "x");

    expect_kind(&outcome, FAILURE_NONE, "");
    administer(scene, "DELETE", "auth/approle/role/gone", NULL);
    outcome = vault_rights_of(&scene->loop, client, "x");
    expect_kind(&outcome, FAILURE_NONE, "");
    for (int i = 0; i < 400 && outcome.kind == FAILURE_NONE; i++) {
        vault_idle(&scene->loop, 50);
        outcome = vault_rights_of(&scene->loop, client, "x");
    }
    expect_kind(&outcome, FAILURE_DENIED,
                server_is_vault()
                    ? "POST auth/approle/login: log-in refused: 400 invalid role ID: the mount has "
                      "no role of this id"
                    : "POST auth/approle/login: log-in refused: 400 invalid role or secret ID");
    vault_shut(&scene->loop, client, 2000);
    free(role_id);
    free(secret_id);
    scene_close(scene);
}

/* A token that was given and has few uses left cannot be replaced: told as what it is. */
TEST(a_given_token_that_is_used_up_is_told_so)
{
    struct scene *scene = scene_open();
    char *token =
        administer_for(scene, NULL, "POST", "auth/token/create",
                       "{\"policies\":[\"keydrift\"],\"num_uses\":3}", "auth.client_token");
    struct vault_client *client = open_with_token(scene, token);
    struct vault_outcome outcome = {0};

    for (int i = 0; i < 10 && outcome.kind == FAILURE_NONE; i++)
        outcome = vault_rights_of(&scene->loop, client, "x");
    expect_kind(&outcome, FAILURE_DENIED, "the token");
    assert_null(strstr(outcome.failure.text, token));
    vault_shut(&scene->loop, client, 2000);
    free(token);
    scene_close(scene);
}

/* Without the default policy it may ask nothing about itself, nor be renewed. */
TEST(a_given_token_without_the_default_policy_serves_and_one_that_has_expired_is_told_so)
{
    struct scene *scene = scene_open();
    char *token =
        administer_for(scene, NULL, "POST", "auth/token/create",
                       "{\"policies\":[\"keydrift\"],\"no_default_policy\":true,\"ttl\":\"10m\"}",
                       "auth.client_token");
    char *brief = administer_for(scene, NULL, "POST", "auth/token/create",
                                 "{\"policies\":[\"keydrift\"],\"explicit_max_ttl\":\"1s\"}",
                                 "auth.client_token");
    struct vault_client *client = open_with_token(scene, token);
    struct vault_outcome outcome;

    administer(scene, "POST", "kv/data/bare/a", "{\"data\":{\"k\":\"v\"}}");
    outcome = vault_field_of(&scene->loop, client, "bare/a", "k", 0);
    expect_kind(&outcome, FAILURE_NONE, "");
    outcome = vault_field_of(&scene->loop, client, "forbidden/a", "k", 0);
    expect_kind(&outcome, FAILURE_DENIED, "the server would not say");
    vault_shut(&scene->loop, client, 100);
    vault_idle(&scene->loop, 2100);
    client = open_with_token(scene, brief);
    outcome = vault_field_of(&scene->loop, client, "bare/a", "k", 0);
    expect_kind(&outcome, FAILURE_DENIED,
                "lookup-self: token refused: 403 permission denied: it is "
                "unknown, expired, revoked or used up");
    vault_shut(&scene->loop, client, 100);
    free(token);
    free(brief);
    scene_close(scene);
}

/* ---- addresses ------------------------------------------------------------------------------- */

static void expect_barred(struct scene *scene, struct vault_client *client)
{
    struct vault_outcome outcome = vault_rights_of(&scene->loop, client, "x");

    expect_kind(&outcome, FAILURE_DENIED, "403 permission denied: the log-in at auth/approle");
    expect_kind(&outcome, FAILURE_DENIED, "probably not among the token_bound_cidrs");
}

static unsigned count_accessors(struct scene *scene)
{
    struct admin_answer answer = administer_as(scene, given("OPENBAO_ROOT_TOKEN"), NULL, "LIST",
                                               "auth/token/accessors", NULL);
    unsigned count = 0;

    for (const char *c = answer.body; *c; c++)
        count += *c == ',';
    free(answer.body);
    return count;
}

/* The server gives the token, and knows it from no address of ours: not even to take it back. */
TEST(a_token_that_its_role_binds_to_other_addresses_is_told_so_without_a_loop_of_logins)
{
    struct scene *scene = scene_open();
    char *role_id = make_role(
        scene, "barred", "{\"token_policies\":\"keydrift\",\"token_bound_cidrs\":\"10.0.0.0/8\"}");
    char *secret_id = make_secret_id(scene, "barred");
    struct vault_client *client = open_with_role(scene, role_id, secret_id, false);
    unsigned before = count_accessors(scene);
    uint64_t from = uv_hrtime();

    /* Where they take two seconds, it takes two to know. */
    for (int i = 0; i < 2; i++)
        (void)vault_rights_of(&scene->loop, client, "x");
    for (int i = 0; i < 30; i++) {
        expect_barred(scene, client);
        vault_idle(&scene->loop, 20);
    }
    assert_in_range(count_accessors(scene) - before, 1, 2 + (uv_hrtime() - from) / 1000000000);
    vault_shut(&scene->loop, client, 2000);
    free(role_id);
    free(secret_id);
    scene_close(scene);
}

TEST(a_secret_id_made_for_other_addresses_is_told_so)
{
    struct scene *scene = scene_open();
    char *role_id = make_role(scene, "elsewhere", "{\"token_policies\":\"keydrift\"}");
    char *secret_id = administer_for(scene, NULL, "POST", "auth/approle/role/elsewhere/secret-id",
                                     "{\"cidr_list\":\"10.0.0.0/8\"}", "data.secret_id");
    struct vault_client *client = open_with_role(scene, role_id, secret_id, false);
    struct vault_outcome outcome = vault_rights_of(&scene->loop, client, "x");

    expect_kind(&outcome, FAILURE_DENIED, "refused: 400 source address \"127.0.0.1\"");
    expect_kind(&outcome, FAILURE_DENIED,
                "this machine's address is not among those that the secret id was made for");
    vault_shut(&scene->loop, client, 100);
    free(role_id);
    free(secret_id);
    scene_close(scene);
}

TEST(a_given_token_bound_to_other_addresses_is_told_that_it_may_be_that)
{
    struct scene *scene = scene_open();
    struct vault_client *client;
    struct vault_outcome outcome;
    char *token;

    administer(scene, "POST", "auth/token/roles/bound",
               "{\"token_bound_cidrs\":\"10.0.0.0/8\",\"allowed_policies\":\"keydrift\"}");
    token = administer_for(scene, NULL, "POST", "auth/token/create/bound",
                           "{\"policies\":[\"keydrift\"]}", "auth.client_token");
    client = open_with_token(scene, token);
    outcome = vault_rights_of(&scene->loop, client, "x");
    expect_kind(&outcome, FAILURE_DENIED, "lookup-self: token refused: 403 permission denied");
    expect_kind(&outcome, FAILURE_DENIED, "or bound to other addresses than this machine's");
    assert_null(strstr(outcome.failure.text, token));
    vault_shut(&scene->loop, client, 100);
    free(token);
    scene_close(scene);
}

/* Vault 1.14 takes it until it tidies up, like OpenBao 2.6. */
TEST(an_expired_secret_id_is_refused_except_by_older_servers_which_take_it)
{
    struct scene *scene = scene_open();
    char *role_id =
        make_role(scene, "expiring", "{\"token_policies\":\"keydrift\",\"secret_id_ttl\":\"1s\"}");
    char *secret_id = make_secret_id(scene, "expiring");
    struct vault_client *client = open_with_role(scene, role_id, secret_id, false);
    struct vault_outcome outcome;

    vault_idle(&scene->loop, 2100);
    outcome = vault_rights_of(&scene->loop, client, "x");
    if (server_is("2.6") || (server_is_vault() && server_is("1.14")))
        expect_kind(&outcome, FAILURE_NONE, "");
    else
        expect_kind(&outcome, FAILURE_DENIED, "wrong, expired or used up");
    vault_shut(&scene->loop, client, 100);
    free(role_id);
    free(secret_id);
    scene_close(scene);
}

int main(void)
{
    return RUN(
        CASE(batch_and_periodic_tokens_and_those_with_a_maximum_are_renewed_and_replaced_in_time),
        CASE(tokens_of_few_uses_are_replaced_before_they_are_used_up),
        CASE(trap_4_renewals_that_answer_500_lead_to_a_login),
        CASE(a_given_token_that_is_used_up_is_told_so),
        CASE(a_given_token_without_the_default_policy_serves_and_one_that_has_expired_is_told_so),
        CASE(a_token_that_its_role_binds_to_other_addresses_is_told_so_without_a_loop_of_logins),
        CASE(a_secret_id_made_for_other_addresses_is_told_so),
        CASE(a_given_token_bound_to_other_addresses_is_told_that_it_may_be_that),
        CASE(an_expired_secret_id_is_refused_except_by_older_servers_which_take_it));
}
