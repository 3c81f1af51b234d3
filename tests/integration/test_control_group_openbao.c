/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that a control group holds back: never a success, and harmless when they are executed
 * more than once, since all of ours carry check-and-set. OpenBao has them since 2.7. */
#include "openbao_scene.h"

#include "net/json.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTROL                                                                                    \
    "control_group = { ttl = \\\"1h\\\" factor \\\"f\\\" { controlled_capabilities = "             \
    "[\\\"create\\\", \\\"update\\\", \\\"read\\\", \\\"patch\\\"] identity { group_names = "      \
    "[\\\"managers\\\"] approvals = 1 } } }"
#define RULES                                                                                      \
    "path \\\"kv/data/held/*\\\" { capabilities = [\\\"create\\\", \\\"update\\\", \\\"read\\\", " \
    "\\\"patch\\\"] " CONTROL                                                                      \
    " } path \\\"transit/sign/held\\\" { capabilities = [\\\"create\\\", \\\"update\\\"] " CONTROL \
    " } path \\\"kv/metadata/held/*\\\" { capabilities = [\\\"read\\\", "                          \
    "\\\"update\\\"] }"

static char *token_of(struct scene *scene, const char *path, const char *body, const char *member)
{
    return administer_for(scene, NULL, "POST", path, body, member);
}

/* Whoever may agree: a member of the group, with a token of its entity. */
static char *open_manager(struct scene *scene, const char *name)
{
    char body[512], named[64];
    char *entity;
    struct admin_answer mounts =
        administer_as(scene, given("OPENBAO_ROOT_TOKEN"), NULL, "GET", "sys/auth/token", NULL);
    json_t *json = json_read(text_of(mounts.body), NULL);
    char *accessor = text_copy(json_text_at(json, "data.accessor"));
    char *token;

    json_decref(json);
    free(mounts.body);
    snprintf(named, sizeof named, "{\"name\":\"%s\"}", name);
    entity = token_of(scene, "identity/entity", named, "data.id");
    snprintf(body, sizeof body,
             "{\"name\":\"%s\",\"canonical_id\":\"%s\",\"mount_accessor\":\"%s\"}", name, entity,
             accessor);
    administer(scene, "POST", "identity/entity-alias", body);
    snprintf(body, sizeof body, "{\"name\":\"managers\",\"member_entity_ids\":[\"%s\"]}", entity);
    administer(scene, "POST", "identity/group", body);
    administer(
        scene, "POST", "sys/policies/acl/manage",
        "{\"policy\":\"path \\\"sys/control-group/*\\\" { capabilities = [\\\"update\\\"] }\"}");
    snprintf(body, sizeof body,
             "{\"allowed_entity_aliases\":[\"%s\"],\"allowed_policies\":[\"manage\",\"default\"]}",
             name);
    administer(scene, "POST", "auth/token/roles/managers", body);
    snprintf(body, sizeof body, "{\"entity_alias\":\"%s\",\"policies\":[\"manage\"]}", name);
    token = token_of(scene, "auth/token/create/managers", body, "auth.client_token");
    free(entity);
    free(accessor);
    return token;
}

/* With a policy of that name, and "default". */
static struct vault_client *open_ruled(struct scene *scene, const char *name, const char *rules)
{
    char path[64], body[2048];
    struct vault_client *client;
    char *token;

    snprintf(path, sizeof path, "sys/policies/acl/%s", name);
    snprintf(body, sizeof body, "{\"policy\":\"%s\"}", rules);
    administer(scene, "POST", path, body);
    snprintf(body, sizeof body, "{\"policies\":[\"%s\",\"default\"]}", name);
    token = token_of(scene, "auth/token/create", body, "auth.client_token");
    client = open_with_token(scene, token);
    free(token);
    return client;
}

static struct vault_client *open_held(struct scene *scene)
{
    return open_ruled(scene, "held", RULES);
}

TEST(whatever_is_held_back_is_no_success_and_names_its_accessor_and_path)
{
    struct scene *scene = scene_open();
    struct vault_client *client;
    struct vault_version none = {0}, one = {.version = 1};
    struct vault_outcome outcome;

    free(open_manager(scene, "mia"));
    client = open_held(scene);
    administer(scene, "POST", "kv/data/held/b", "{\"data\":{\"k\":\"v\"}}");
    outcome = vault_set_field(&scene->loop, client, "held/a", "k", "new", &none);
    expect_kind(&outcome, FAILURE_DENIED, "pending approval");
    expect_kind(&outcome, FAILURE_DENIED, "path \"kv/data/held/a\", for 3600 seconds");
    assert_null(strstr(outcome.failure.text, "accessor \"\""));
    outcome = vault_field_of(&scene->loop, client, "held/b", "k", 0);
    expect_kind(&outcome, FAILURE_DENIED, "pending approval");
    for (enum vault_write_way way = 0; way <= VAULT_WRITE_EITHER; way++) {
        outcome = vault_set_field_by(&scene->loop, client, way, "held/b", "k", "new", &one);
        expect_kind(&outcome, FAILURE_DENIED, "pending approval");
    }
    outcome = vault_metadata_of(&scene->loop, scene->client, "held/a");
    expect_kind(&outcome, FAILURE_NOT_FOUND, "");
    outcome = vault_metadata_of(&scene->loop, scene->client, "held/b");
    assert_int_equal(outcome.version.version, 1);
    vault_shut(&scene->loop, client, 0);
    scene_close(scene);
}

#define KEPT                                                                                       \
    "control_group = { ttl = \\\"1h\\\" factor \\\"f\\\" { controlled_capabilities = "             \
    "[\\\"create\\\", \\\"update\\\", \\\"read\\\", \\\"patch\\\", \\\"delete\\\", \\\"list\\\"] " \
    "identity { group_names = [\\\"managers\\\"] approvals = 1 } } }"
#define ALL                                                                                        \
    "capabilities = [\\\"create\\\", \\\"update\\\", \\\"read\\\", \\\"patch\\\", "                \
    "\\\"delete\\\", "                                                                             \
    "\\\"list\\\"] "

/* One policy that holds back whatever is asked, and one that shows the metadata first. */
TEST(every_operation_that_is_held_back_says_so_and_changes_nothing)
{
    static const char *const rules[] = {
        "path \\\"kv/+/kept/*\\\" { " ALL KEPT " }",
        "path \\\"kv/+/kept/*\\\" { " ALL KEPT " } path \\\"kv/metadata/kept/*\\\" { " ALL " }",
    };
    struct scene *scene = scene_open();
    struct vault_version none = {0}, one = {.version = 1};
    struct vault_outcome outcome;

    free(open_manager(scene, "ute"));
    administer(scene, "POST", "kv/data/kept/a", "{\"data\":{\"k\":\"v\"}}");
    for (int shows = 0; shows < 2; shows++) {
        struct vault_client *client = open_ruled(scene, shows ? "shown" : "kept", rules[shows]);

        for (enum vault_write_way way = 0; way <= VAULT_WRITE_EITHER; way++) {
            outcome = vault_set_field_by(&scene->loop, client, way, "kept/a", "k", "new", &one);
            expect_kind(&outcome, FAILURE_DENIED, "pending approval");
        }
        outcome = vault_set_field(&scene->loop, client, "kept/new", "k", "new", &none);
        expect_kind(&outcome, FAILURE_DENIED, "pending approval");
        for (enum vault_removal_kind kind = 0; kind <= VAULT_DESTROY_VERSION; kind++) {
            if (kind == VAULT_UNDELETE_VERSION && shows)
                continue; /* it is not deleted, so nothing is asked */
            outcome = vault_remove_of(&scene->loop, client, kind, "kept/a", 1, NULL);
            expect_kind(&outcome, FAILURE_DENIED, "pending approval");
        }
        if (!shows) {
            outcome = vault_remove_of(&scene->loop, client, VAULT_REMOVE_SECRET, "kept/a", 0, NULL);
            expect_kind(&outcome, FAILURE_DENIED, "pending approval");
            outcome = vault_metadata_of(&scene->loop, client, "kept/a");
            expect_kind(&outcome, FAILURE_DENIED, "pending approval");
            outcome = vault_notes_of(&scene->loop, client, "kept/a");
            expect_kind(&outcome, FAILURE_DENIED, "pending approval");
            outcome = vault_set_note(&scene->loop, client, "kept/a", "who", "me");
            expect_kind(&outcome, FAILURE_DENIED, "pending approval");
            /* What 2.7.2 says of a list that is held back: no success, and no empty folder. */
            outcome = vault_list_of(&scene->loop, client, "kept/below", "", 0);
            expect_kind(&outcome, FAILURE_PROTOCOL, "unsupported path");
        }
        /* The rights do not show it. */
        outcome = vault_rights_of(&scene->loop, client, "kept/a");
        expect_kind(&outcome, FAILURE_NONE, "");
        assert_true(outcome.rights.may_read_data && outcome.rights.may_update);
        vault_shut(&scene->loop, client, 0);
    }
    outcome = vault_metadata_of(&scene->loop, scene->client, "kept/new");
    expect_kind(&outcome, FAILURE_NOT_FOUND, "");
    outcome = vault_notes_of(&scene->loop, scene->client, "kept/a");
    assert_int_equal(outcome.count, 0);
    outcome = vault_field_of(&scene->loop, scene->client, "kept/a", "k", 1);
    assert_string_equal(outcome.value, "v");
    scene_close(scene);
}

static void on_signed(const struct vault_signature *signature, const struct failure *failure,
                      void *context)
{
    assert_true(!signature != !failure);
    vault_on_metadata(signature ? &(struct vault_version){.version = 1} : NULL, failure, context);
}

TEST(trap_a_wrapped_signature_that_is_held_back_is_none)
{
    struct scene *scene = scene_open();
    struct vault_signing signing = {
        .key = {TEXT("transit"), TEXT("held")}, .input = TEXT("plan"), .wrap_ttl_s = 600};
    struct vault_outcome outcome = {0}, free_outcome = {0};
    struct vault_client *client, *root = open_with_token(scene, given("OPENBAO_ROOT_TOKEN"));

    free(open_manager(scene, "ida"));
    administer(scene, "POST", "sys/mounts/transit", "{\"type\":\"transit\"}");
    administer(scene, "POST", "transit/keys/held", "{\"type\":\"ed25519\"}");
    client = open_held(scene);
    assert_non_null(vault_sign(client, &signing, 0, on_signed, &outcome));
    vault_wait(&scene->loop, &outcome);
    expect_kind(&outcome, FAILURE_DENIED, "pending approval");
    /* Longer than any lease of the server's: still what was asked for. */
    signing.wrap_ttl_s = 40 * 86400;
    assert_non_null(vault_sign(root, &signing, 0, on_signed, &free_outcome));
    vault_wait(&scene->loop, &free_outcome);
    expect_kind(&free_outcome, FAILURE_NONE, "");
    vault_shut(&scene->loop, client, 0);
    vault_shut(&scene->loop, root, 0);
    scene_close(scene);
}

static void on_unwrapped(const struct secret *data, const struct vault_wrapping *wrapping,
                         const struct failure *failure, void *context)
{
    assert_null(data);
    assert_null(wrapping);
    vault_on_metadata(NULL, failure, context);
}

static void expect_not_unwrapped(struct scene *scene, const char *token, const char *path)
{
    struct secret *secret = secret_new(text_of(token));
    struct vault_unwrapping unwrapping = {.token = secret, .creation_path = text_of(path)};
    struct vault_outcome outcome = {0};

    assert_non_null(vault_unwrap(scene->client, &unwrapping, 0, on_unwrapped, &outcome));
    secret_free(secret);
    vault_wait(&scene->loop, &outcome);
    expect_kind(&outcome, FAILURE_DENIED, "was used, has expired or never was");
}

/* What our client sends, executed by somebody who kept the token: the second time it conflicts. */
TEST(trap_6_an_approved_write_cannot_be_repeated)
{
    static const char protected[] = "{\"options\":{\"cas\":0},\"data\":{\"k\":\"new\"}}";
    static const char blind[] = "{\"data\":{\"k\":\"new\"}}";
    struct scene *scene = scene_open();
    char *manager = open_manager(scene, "bo");
    char *requester;
    struct vault_outcome outcome;

    vault_shut(&scene->loop, open_held(scene), 0);
    requester = token_of(scene, "auth/token/create", "{\"policies\":[\"held\",\"default\"]}",
                         "auth.client_token");
    for (int is_blind = 0; is_blind < 2; is_blind++) {
        const char *path = is_blind ? "kv/data/held/blind" : "kv/data/held/cas";
        struct admin_answer answer =
            administer_as(scene, requester, NULL, "POST", path, is_blind ? blind : protected);
        json_t *json = json_read(text_of(answer.body), NULL);
        char *token = text_copy(json_text_at(json, "wrap_info.token"));
        char *accessor = text_copy(json_text_at(json, "wrap_info.accessor"));
        char body[256];

        assert_int_equal(answer.status, 200);
        json_decref(json);
        free(answer.body);
        /* Too early, which uses nothing up. */
        expect_not_unwrapped(scene, token, path);
        snprintf(body, sizeof body, "{\"accessor\":\"%s\"}", accessor);
        answer = administer_as(scene, manager, NULL, "POST", "sys/control-group/authorize", body);
        if (answer.status != 200)
            fail_msg("%d %s", answer.status, answer.body);
        free(answer.body);
        for (int i = 0; i < 2; i++) {
            answer = administer_as(scene, token, NULL, "POST", "sys/wrapping/unwrap", NULL);
            assert_int_equal(answer.status, i == 1 && !is_blind ? 400 : 200);
            free(answer.body);
        }
        free(token);
        free(accessor);
    }
    outcome = vault_metadata_of(&scene->loop, scene->client, "held/cas");
    assert_int_equal(outcome.version.version, 1);
    outcome = vault_metadata_of(&scene->loop, scene->client, "held/blind");
    assert_int_equal(outcome.version.version, 2);
    free(requester);
    free(manager);
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(whatever_is_held_back_is_no_success_and_names_its_accessor_and_path),
               CASE(every_operation_that_is_held_back_says_so_and_changes_nothing),
               CASE(trap_a_wrapped_signature_that_is_held_back_is_none),
               CASE(trap_6_an_approved_write_cannot_be_repeated));
}
