/* SPDX-License-Identifier: Apache-2.0 */
/* What Vault lets the agent do with a copy, and the policy that would grant the rest. */
#include "tests/support/test.h"
#include "tests/unit/agent/copy_scene.h"

#include <stdio.h>
#include <string.h>

static void on_rights(const struct copy_rights *rights, const struct failure *failure,
                      void *context)
{
    struct outcome *outcome = context;

    told(outcome, rights, failure);
    if (!rights)
        return;
    outcome->rights = *rights;
    snprintf(outcome->missing, sizeof(outcome->missing), "%.*s", TEXT_ARG(rights->missing));
    snprintf(outcome->policy, sizeof(outcome->policy), "%.*s", TEXT_ARG(rights->policy));
}

static struct outcome rights_for(bool for_writing, const char *data, const char *metadata)
{
    struct outcome outcome = {0};
    char body[500];

    snprintf(body, sizeof(body),
             "{\"data\":{\"kv/data/team/app\":[%s],\"kv/team/app\":[%s],"
             "\"kv/metadata/team/app\":[%s],\"capabilities\":[%s]}}",
             data, data, metadata, data);
    desk_answer(&desk, "POST /v1/sys/capabilities-self", 200, body, NULL);
    assert_non_null(copy->rights(copy, for_writing, on_rights, &outcome));
    desk_wait(&desk, &outcome.is_done);
    assert_string_equal(outcome.failure.text, "");
    return outcome;
}

static struct outcome rights_are(const char *data, const char *metadata)
{
    return rights_for(true, data, metadata);
}

#define RULE(path, capabilities) "path \"" path "\" {\n  capabilities = [" capabilities "]\n}\n"

TEST(what_is_missing_comes_with_the_policy_that_grants_it)
{
    struct outcome outcome;

    open_scene(2);
    version_is(3, 5, "canary");
    read_it(false);
    assert_string_equal(rights_are("\"read\",\"update\"", "\"read\"").policy, "");
    assert_string_equal(rights_are("\"read\"", "\"read\"").policy,
                        RULE("kv/data/team/app", "\"create\", \"read\", \"update\""));
    outcome = rights_for(false, "\"read\"", "\"read\"");
    assert_string_equal(outcome.missing, "");
    outcome = rights_for(false, "\"deny\"", "\"deny\"");
    assert_string_equal(outcome.missing, "read on kv/data/team/app, read on kv/metadata/team/app");
    assert_string_equal(outcome.policy, RULE("kv/data/team/app", "\"read\"")
                                            RULE("kv/metadata/team/app", "\"read\""));
    close_scene();
}

/* Nor does it tell whether there is one. */
TEST(where_vault_does_not_tell_what_the_mount_is_a_policy_comes_all_the_same)
{
    struct outcome outcome;

    open_scene(2);
    desk_answer(&desk, MOUNTS, 403,
                "{\"errors\":[\"preflight capability check returned 403, please ensure client's "
                "policies grant access to path \\\"kv/\\\"\"]}",
                NULL);
    outcome = rights_for(false, "\"deny\"", "\"deny\"");
    assert_string_equal(outcome.policy, RULE("kv/data/team/app", "\"read\"")
                                            RULE("kv/metadata/team/app", "\"read\""));
    assert_string_equal(outcome.missing,
                        "read on kv/data/team/app, read on kv/metadata/team/app (as KV version 2: "
                        "Vault does not tell whether there is a mount \"kv\")");
    outcome = rights_for(false, "\"read\"", "\"read\"");
    assert_string_equal(outcome.policy, "");
    assert_string_equal(
        outcome.missing,
        "the KV version of the mount \"kv\", which Vault does not tell: set kv_version");
    close_scene();
}

TEST(a_name_with_quotes_is_quoted_in_the_policy)
{
    struct outcome outcome = {0};
    struct secret_copy *odd;

    open_scene(2);
    odd = vault_copy_new(client, fingerprinter, NULL, "kv", "a\"b\\c", "k", 1);
    desk_answer(&desk, "POST /v1/sys/capabilities-self", 200,
                "{\"data\":{\"kv/data/a\\\"b\\\\c\":[\"deny\"],"
                "\"kv/metadata/a\\\"b\\\\c\":[\"read\"]}}",
                NULL);
    assert_non_null(odd->rights(odd, false, on_rights, &outcome));
    desk_wait(&desk, &outcome.is_done);
    assert_string_equal(outcome.policy, RULE("kv/data/a\\\"b\\\\c", "\"read\""));
    close_client();
    vault_copy_free(odd);
    vault_copy_free(copy);
    fingerprinter_free(fingerprinter);
    desk_close(&desk);
}

TEST(missing_rights_are_named_with_their_paths)
{
    struct outcome outcome;

    open_scene(2);
    version_is(3, 5, "canary");
    read_it(false);
    outcome = rights_are("\"read\",\"update\"", "\"read\"");
    assert_true(outcome.rights.may_read && outcome.rights.may_write);
    assert_string_equal(outcome.missing, "");
    assert_true(rights_are("\"read\",\"patch\"", "\"read\"").rights.may_write);
    outcome = rights_are("\"read\",\"create\"", "\"read\"");
    assert_true(outcome.rights.may_read && !outcome.rights.may_write);
    assert_string_equal(outcome.missing, "update on kv/data/team/app");
    outcome = rights_are("\"deny\"", "\"deny\"");
    assert_false(outcome.rights.may_read || outcome.rights.may_write);
    assert_string_equal(outcome.missing, "read on kv/data/team/app, update on kv/data/team/app, "
                                         "read on kv/metadata/team/app");
    desk_answer(&desk, METADATA, 404, "{\"errors\":[]}", NULL);
    read_it(false);
    outcome = rights_are("\"read\",\"update\"", "\"read\"");
    assert_string_equal(outcome.missing, "create on kv/data/team/app");
    close_scene();
}

TEST(kv_1_cannot_be_written_safely)
{
    struct outcome outcome;

    open_scene(1);
    read_it(false);
    outcome = rights_are("\"read\",\"update\",\"create\"", "");
    assert_true(outcome.rights.may_read);
    assert_false(outcome.rights.may_write);
    assert_non_null(strstr(outcome.missing, "check-and-set"));
    close_scene();
}

int main(void)
{
    return RUN(CASE(what_is_missing_comes_with_the_policy_that_grants_it),
               CASE(where_vault_does_not_tell_what_the_mount_is_a_policy_comes_all_the_same),
               CASE(a_name_with_quotes_is_quoted_in_the_policy),
               CASE(missing_rights_are_named_with_their_paths),
               CASE(kv_1_cannot_be_written_safely));
}
