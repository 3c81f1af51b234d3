/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration means, and what is said of a wrong one. */
#include "agent/adapters/config.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BINDING                                                                                    \
    "bindings:\n"                                                                                  \
    "  - name: a\n"                                                                                \
    "    source: {kind: azureml-online-endpoint, subscription: S, resource_group: R, "             \
    "workspace: W, endpoint: E}\n"                                                                 \
    "    copy: {mount: kv, path: p, field: f}\n"

static char *file_text(const char *name)
{
    char path[4096];
    struct buffer text;
    FILE *file;
    int byte;

    snprintf(path, sizeof(path), CONFIG_FILES "/%s", name);
    file = fopen(path, "re");
    assert_non_null(file);
    buffer_init(&text, 1 << 20);
    while ((byte = fgetc(file)) != EOF)
        assert_true(buffer_append_byte(&text, (char)byte));
    fclose(file);
    return buffer_take(&text);
}

static struct config *read_good(const char *yaml)
{
    struct config_problems problems;
    struct config *config = config_read_text("/etc/keydrift/c.yaml", text_of(yaml), &problems);

    if (!config || problems.errors || problems.warnings)
        fail_msg("%s", problems.text.start);
    buffer_clear(&problems.text);
    return config;
}

/* Some line of the problems begins with "c.yaml:" and `expected`. */
static void assert_problem(const char *yaml, const char *expected)
{
    struct config_problems problems;
    struct config *config = config_read_text("c.yaml", text_of(yaml), &problems);
    char line[1024];

    snprintf(line, sizeof(line), "c.yaml:%s", expected);
    if (config || !problems.text.start || !strstr(problems.text.start, line))
        fail_msg("\"%s\" is not in \"%s\"", line, problems.text.start ? problems.text.start : "");
    config_free(config);
    buffer_clear(&problems.text);
}

static void assert_problem_of_binding(const char *more, const char *expected)
{
    char yaml[2048];

    snprintf(yaml, sizeof(yaml), "%s%s", BINDING, more);
    assert_problem(yaml, expected);
}

TEST(every_mistake_is_reported_at_once_with_its_place)
{
    char *yaml = file_text("mistakes.yaml"), *expected = file_text("mistakes.expected");
    struct config_problems problems;

    assert_null(config_read_text("mistakes.yaml", text_of(yaml), &problems));
    assert_string_equal(problems.text.start, expected);
    assert_int_equal(problems.warnings, 0);
    buffer_clear(&problems.text);
    free(expected);
    free(yaml);
}

TEST(no_message_repeats_a_value_that_may_be_a_secret)
{
    char *expected = file_text("mistakes.expected");

    assert_null(strstr(expected, "literal-secret"));
    assert_null(strstr(expected, "whsec_"));
    assert_null(strstr(expected, "user:pass"));
    free(expected);
}

TEST(a_short_file_gets_every_default)
{
    struct config *config = read_good(BINDING);
    const struct config_binding *binding = config->bindings;

    assert_string_equal(config->path, "/etc/keydrift/c.yaml");
    assert_null(config->vault.address);
    assert_false(config->vault.has_auth);
    assert_int_equal(config->vault.timeout_ms, 30000);
    assert_string_equal(config->azure.cloud, "public");
    assert_int_equal(config->azure.method, CONFIG_AZURE_DEFAULT);
    assert_int_equal(config->azure.timeout_ms, 30000);
    assert_int_equal(config->binding_count, 1);
    assert_int_equal(binding->slot, ANY_SLOT);
    assert_int_equal(binding->interval_ms, 60000);
    assert_int_equal(binding->on_drift, ON_DRIFT_ALERT);
    assert_false(binding->probe_score);
    assert_string_equal(binding->probe_body, "{}");
    assert_string_equal(binding->probe_content_type, "application/json");
    assert_int_equal(binding->confirm, 2);
    assert_int_equal(binding->confirm_delay_ms, 2000);
    assert_int_equal(config->alert_count, 0);
    assert_int_equal(config->alert_repeat_ms, 4 * 3600 * 1000);
    assert_int_equal(config->alert_blind_after_ms, 300 * 1000);
    assert_int_equal(config->approver_count, 0);
    assert_int_equal(config->approvals_required, 1);
    assert_int_equal(config->plan_life_ms, 24 * 3600 * 1000);
    assert_int_equal(config->rotation_confirm_ms, 300 * 1000);
    assert_int_equal(config->rotation_resend_ms, 1800 * 1000);
    assert_int_equal(config->rotation_settle_ms, 0);
    assert_string_equal(config->state_path, "/var/lib/keydrift/state.db");
    assert_int_equal(config->fingerprint_key.place, CONFIG_NOWHERE);
    assert_int_equal(config->listen_count, 1);
    assert_string_equal(config->listen[0], "unix:/run/keydrift/keydrift.sock");
    config_free(config);
}

TEST(every_key_lands_in_its_place)
{
    char *yaml = file_text("good.yaml");
    struct config *config = read_good(yaml);

    assert_string_equal(config->vault.address, "https://vault.vault.svc:8200");
    assert_string_equal(config->vault.namespace_path, "team/a");
    assert_string_equal(config->vault.ca_file, "/etc/keydrift/vault-ca.pem");
    assert_true(config->vault.has_auth);
    assert_int_equal(config->vault.method, CONFIG_VAULT_APPROLE);
    assert_string_equal(config->vault.mount, "approle");
    assert_string_equal(config->vault.role, "rotor");
    assert_string_equal(config->vault.role_id_text, "5f1c");
    assert_int_equal(config->vault.role_id.place, CONFIG_NOWHERE);
    assert_int_equal(config->vault.secret_id.place, CONFIG_FILE);
    assert_string_equal(config->vault.secret_id.name, "/etc/keydrift/secret-id");
    assert_true(config->vault.secret_id_is_wrapped);
    assert_null(config->azure.cloud);
    assert_string_equal(config->azure.resource_manager, "https://127.0.0.1:4443");
    assert_string_equal(config->azure.authority, "https://127.0.0.1:4444");
    assert_string_equal(config->azure.ca_file, "/etc/ca.pem");
    assert_int_equal(config->azure.method, CONFIG_AZURE_CLIENT_SECRET);
    assert_int_equal(config->azure.client_secret.place, CONFIG_ENV);
    assert_string_equal(config->azure.client_secret.name, "AZURE_SECRET");
    assert_int_equal(config->bindings[0].slot, 1);
    assert_int_equal(config->bindings[0].interval_ms, 5400 * 1000);
    assert_int_equal(config->bindings[0].on_drift, ON_DRIFT_PROPOSE);
    assert_true(config->bindings[0].probe_score);
    assert_int_equal(config->bindings[0].confirm, 3);
    assert_string_equal(config->bindings[1].endpoint, "other");
    assert_int_equal(config->alerts[0].kind, CONFIG_ALERT_ALERTMANAGER);
    assert_string_equal(config->alerts[0].url, "http://alertmanager:9093");
    assert_null(config->alerts[1].url);
    assert_string_equal(config->alerts[1].url_secret.name, "/run/secrets/url");
    assert_int_equal(config->alerts[1].signing_secret.place, CONFIG_CREDENTIAL);
    assert_int_equal(config->approvals_required, 2);
    assert_string_equal(config->approvers[1].name, "bo");
    assert_int_equal(config->approvers[1].public_key[31], 2);
    assert_string_equal(config->state_path, "/etc/keydrift/state/state.db");
    assert_string_equal(config->listen[0], "unix:/etc/keydrift/run/keydrift.sock");
    config_free(config);
    free(yaml);
}

TEST(what_is_shown_reads_back_as_the_same_configuration)
{
    const char *const names[] = {"good.yaml", NULL};

    for (size_t i = 0; i < 2; i++) {
        char *yaml = names[i] ? file_text(names[i]) : strdup(BINDING);
        struct config *first = read_good(yaml), *second;
        struct buffer shown, again;

        buffer_init(&shown, 1 << 20);
        buffer_init(&again, 1 << 20);
        assert_true(config_show(first, &shown));
        second = read_good(shown.start);
        assert_true(config_show(second, &again));
        assert_string_equal(shown.start, again.start);
        buffer_clear(&shown);
        buffer_clear(&again);
        config_free(first);
        config_free(second);
        free(yaml);
    }
}

TEST(bindings_share_the_strings_they_have_in_common)
{
    char *yaml = file_text("good.yaml");
    struct config *config = read_good(yaml);

    assert_ptr_equal(config->bindings[0].subscription, config->bindings[1].subscription);
    assert_ptr_equal(config->bindings[0].mount, config->bindings[1].mount);
    config_free(config);
    free(yaml);
}

TEST(a_public_key_may_be_bytes_der_or_pem)
{
    static const char *const forms[] = {
        "\"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"",
        "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        "\"-----BEGIN PUBLIC "
        "KEY-----\\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\\n"
        "-----END PUBLIC KEY-----\\n\"",
    };

    for (size_t i = 0; i < 4; i++) {
        char yaml[1024];
        struct config *config;

        snprintf(yaml, sizeof(yaml), "%sapproval: {approvers: [{name: a, public_key: %s}]}\n",
                 BINDING, forms[i]);
        config = read_good(yaml);
        assert_int_equal(config->approvers[0].public_key[0], 0xd7);
        assert_int_equal(config->approvers[0].public_key[31], 0x1a);
        config_free(config);
    }
}

TEST(a_private_key_or_another_kind_is_refused_as_a_public_key)
{
    static const char before[] = "approval: {approvers: [{name: a, public_key: ";
    static const char *const cases[][2] = {
        {"\"-----BEGIN PRIVATE KEY-----\\nMC4C\"", "found a private key"},
        {"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g", "found a private key"},
        {"MCowBQYDK2VuAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "found a public key of"},
        {"AAAA", "expected an Ed25519 public key"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char more[512], expected[256];

        snprintf(more, sizeof(more), "%s%s}]}\n", before, cases[i][0]);
        snprintf(expected, sizeof(expected), "5:46: error: approval.approvers[0].public_key: %s",
                 cases[i][1]);
        assert_problem_of_binding(more, expected);
    }
}

TEST(more_approvals_than_approvers_are_refused)
{
    assert_problem_of_binding("approval: {required: 2, approvers: [{name: a, public_key: "
                              "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo}]}\n",
                              "5:22: error: approval.required: 2 approvals are required, but "
                              "there is 1 approver");
    assert_problem_of_binding("approval: {required: 0}\n", "5:22: error: approval.required: found");
}

TEST(what_a_later_version_brings_is_not_called_unknown)
{
    static const char *const cases[][2] = {
        {"alerts: [{kind: slack, channel: x}]\n", "5:17: error: alerts[0].kind: "},
        {"approval: {transit: {}}\n", "5:12: error: approval.transit: "},
        {"state: postgresql://h/d\n", "5:8: error: state: "},
        {"telemetry: {}\n", "5:1: error: telemetry: "},
        {"api: {listen: ['127.0.0.1:80']}\n", "5:16: error: api.listen[0]: "},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char expected[256];

        snprintf(expected, sizeof(expected), "%snot supported yet by this version", cases[i][1]);
        assert_problem_of_binding(cases[i][0], expected);
    }
    /* and nothing else is said of them */
    {
        struct config_problems problems;

        assert_null(config_read_text("c", text_of(BINDING "alerts: [{kind: slack, channel: x}]\n"),
                                     &problems));
        assert_int_equal(problems.errors, 1);
        buffer_clear(&problems.text);
    }
}

/* ---- sources --------------------------------------------------------------------------------- */

#define STORAGE_ID                                                                                 \
    "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/rg/providers/"             \
    "Microsoft.Storage/storageAccounts/acct"

/* A whole configuration with this source and whatever stands behind it. */
#define WITH_SOURCE(source, more)                                                                  \
    "bindings:\n  - name: a\n    source: " source                                                  \
    "\n    copy: {mount: kv, path: p, field: f}\n" more

static void expect_problem(const char *text, const char *expected)
{
    struct config_problems problems;
    struct config *config = config_read_text("c", text_of(text), &problems);

    if (config || !problems.text.start || !strstr(problems.text.start, expected))
        fail_msg("\"%s\" is not in \"%s\"", expected,
                 problems.text.start ? problems.text.start : "nothing");
    buffer_clear(&problems.text);
}

TEST(any_kind_of_key_source_is_named_by_its_id_and_its_slots_by_theirs)
{
    struct config_problems problems;
    struct config *config = config_read_text(
        "c", TEXT(WITH_SOURCE("{kind: storage-account, id: " STORAGE_ID "}", "    slot: KEY2\n")),
        &problems);

    if (!config)
        fail_msg("%s", problems.text.start);
    assert_string_equal(config->bindings[0].id, STORAGE_ID);
    assert_int_equal(config->bindings[0].slot, 1);
    config_free(config);
    buffer_clear(&problems.text);
}

TEST(a_source_that_makes_no_sense_is_refused_with_the_reason)
{
    expect_problem(
        WITH_SOURCE("{kind: storage-account, id: " STORAGE_ID "}", "    slot: primary\n"),
        "5:11: error: bindings[0].slot: found the text \"primary\", expected a slot; "
        "known here: any, key1, key2");
    expect_problem(WITH_SOURCE("{kind: storage-account}", ""), "missing key \"id\"");
    expect_problem(WITH_SOURCE("{kind: storage-account, endpoint: e, id: " STORAGE_ID "}", ""),
                   "bindings[0].source.endpoint: not used beside \"id\"");
    expect_problem(WITH_SOURCE("{kind: storage-account, endpoint: e}", ""),
                   "only an azureml-online-endpoint is named so");
    expect_problem(WITH_SOURCE("{kind: redis, id: " STORAGE_ID "}", ""),
                   "this is the id of a storage-account, not of a redis");
    expect_problem(WITH_SOURCE("{kind: storage-account, id: storageAccounts/acct}", ""),
                   "bindings[0].source.id: ");
    expect_problem(WITH_SOURCE("{kind: search-query, id: " STORAGE_ID "}", ""),
                   "have names of their owner's choice");
    expect_problem(WITH_SOURCE("{kind: azureml-online-endpoint, subscription: S}", ""),
                   "missing key \"endpoint\": The online endpoint.");
}

TEST(every_way_to_log_in_is_read)
{
    static const struct {
        const char *auth;
        enum config_vault_method method;
    } cases[] = {
        {"{method: kubernetes, role: r, token_path: /t}", CONFIG_VAULT_KUBERNETES},
        {"{method: jwt, jwt: {file: /t}}", CONFIG_VAULT_JWT},
        {"{method: userpass, username: u, password: {env: P}}", CONFIG_VAULT_USERPASS},
        {"{method: azure, role: r, vm_name: m}", CONFIG_VAULT_AZURE},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct config_problems problems;
        struct config *config;
        char text[1024];

        snprintf(text, sizeof(text), "%svault: {auth: %s}\n", BINDING, cases[i].auth);
        config = config_read_text("c", text_of(text), &problems);
        if (!config)
            fail_msg("%s", problems.text.start);
        assert_int_equal(config->vault.method, cases[i].method);
        config_free(config);
        buffer_clear(&problems.text);
    }
    expect_problem(BINDING "vault: {auth: {method: cert}}\n",
                   "vault.auth.method: cert needs \"client_cert_file\"");
    expect_problem(BINDING "vault: {auth: {method: userpass, username: u}}\n",
                   "missing key \"password\"");
    expect_problem(BINDING "vault: {auth: {method: approle, role_id: r, secret_id: {env: S}, "
                           "remove_secret_id_file_after_reading: true}}\n",
                   "needs \"secret_id\" in a file");
}

TEST(two_bindings_on_one_copy_are_warned_about)
{
    struct config_problems problems;
    struct config *config = config_read_text(
        "c.yaml",
        TEXT(BINDING
             "  - name: b\n"
             "    source: {kind: azureml-online-endpoint, subscription: S, resource_group: R, "
             "workspace: W, endpoint: F}\n"
             "    copy: {mount: kv, path: p, field: f}\n"),
        &problems);

    assert_non_null(config);
    assert_int_equal(problems.warnings, 1);
    assert_string_equal(
        problems.text.start,
        "c.yaml:7:11: warning: bindings[1].copy: the binding at line 2 has the same "
        "copy: a repair of one changes the other\n");
    config_free(config);
    buffer_clear(&problems.text);
}

TEST(a_configuration_without_bindings_is_refused)
{
    assert_problem("state: sqlite:x\n", "1:1: error: missing key \"bindings\"");
    assert_problem("bindings: []\n", "1:11: error: bindings: found an empty list");
}

TEST(the_ca_of_azure_stands_in_one_place)
{
    assert_problem_of_binding("azure: {ca_file: a, cloud: {resource_manager: https://a, authority: "
                              "https://b, ca_file: c}}\n",
                              "5:9: error: azure.ca_file: stands in \"cloud\" too");
}

int main(void)
{
    return RUN(CASE(every_mistake_is_reported_at_once_with_its_place),
               CASE(no_message_repeats_a_value_that_may_be_a_secret),
               CASE(a_short_file_gets_every_default), CASE(every_key_lands_in_its_place),
               CASE(what_is_shown_reads_back_as_the_same_configuration),
               CASE(bindings_share_the_strings_they_have_in_common),
               CASE(a_public_key_may_be_bytes_der_or_pem),
               CASE(a_private_key_or_another_kind_is_refused_as_a_public_key),
               CASE(more_approvals_than_approvers_are_refused),
               CASE(what_a_later_version_brings_is_not_called_unknown),
               CASE(any_kind_of_key_source_is_named_by_its_id_and_its_slots_by_theirs),
               CASE(a_source_that_makes_no_sense_is_refused_with_the_reason),
               CASE(every_way_to_log_in_is_read), CASE(two_bindings_on_one_copy_are_warned_about),
               CASE(a_configuration_without_bindings_is_refused),
               CASE(the_ca_of_azure_stands_in_one_place));
}
