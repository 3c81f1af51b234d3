/* SPDX-License-Identifier: Apache-2.0 */
/* The variables of the official clients, and which of two wins. */
#include "tests/support/test.h"

#include "vaultclient/vaultclient.h"

#include <string.h>

static const char *const *variables; /* name, value, ..., NULL */

static char *get(const char *name)
{
    for (const char *const *variable = variables; *variable; variable += 2)
        if (strcmp(variable[0], name) == 0)
            return (char *)(uintptr_t)variable[1];
    return NULL;
}

struct filled {
    struct vault_settings settings;
    struct vault_environment *kept;
    struct failure why;
    bool ok;
};

static struct filled fill(const char *const *given, struct vault_settings before)
{
    struct filled filled = {.settings = before};

    variables = given;
    filled.ok = vault_settings_from_environment(&filled.settings, get, &filled.kept, &filled.why);
    return filled;
}

#define FILL(...) fill((const char *const[]){__VA_ARGS__, NULL}, (struct vault_settings){0})

TEST(every_variable_lands_where_it_belongs)
{
    struct filled f =
        FILL("VAULT_ADDR", "https://v:1", "VAULT_TOKEN", "s.t", "VAULT_NAMESPACE", "ns",
             "VAULT_CACERT", "ca", "VAULT_CLIENT_CERT", "crt", "VAULT_CLIENT_KEY", "key",
             "VAULT_TLS_SERVER_NAME", "name", "VAULT_SKIP_VERIFY", "true", "VAULT_CLIENT_TIMEOUT",
             "5", "VAULT_PROXY_ADDR", "http://p:2");

    assert_true(f.ok);
    assert_string_equal(f.settings.address, "https://v:1");
    assert_true(text_is(secret_reveal(f.settings.auth.token.value), "s.t"));
    assert_string_equal(f.settings.namespace_path, "ns");
    assert_string_equal(f.settings.ca_file, "ca");
    assert_string_equal(f.settings.client_cert_file, "crt");
    assert_string_equal(f.settings.client_key_file, "key");
    assert_string_equal(f.settings.server_name, "name");
    assert_string_equal(f.settings.proxy, "http://p:2");
    assert_true(f.settings.accept_any_certificate);
    assert_int_equal(f.settings.timeout_ms, 5000);
    assert_null(vault_environment_free(f.kept));
}

TEST(bao_hides_vault_even_when_empty)
{
    struct filled f = FILL("BAO_ADDR", "https://bao:1", "VAULT_ADDR", "https://v:1", "BAO_TOKEN",
                           "", "VAULT_TOKEN", "s.t", "BAO_NAMESPACE", "", "VAULT_NAMESPACE", "ns");

    assert_true(f.ok);
    assert_string_equal(f.settings.address, "https://bao:1");
    assert_null(f.settings.auth.token.value);
    assert_null(f.settings.namespace_path);
    vault_environment_free(f.kept);
}

TEST(an_agents_address_comes_first)
{
    struct filled f =
        FILL("VAULT_ADDR", "https://v:1", "VAULT_AGENT_ADDR", "http://127.0.0.1:8100");

    assert_string_equal(f.settings.address, "http://127.0.0.1:8100");
    vault_environment_free(f.kept);
}

TEST(what_is_configured_is_left_alone)
{
    struct secret *own = secret_new(TEXT("s.own"));
    struct vault_settings before = {.address = "https://own:1",
                                    .timeout_ms = 7,
                                    .auth = {.method = VAULT_AUTH_TOKEN, .token.value = own}};
    struct filled f = fill((const char *const[]){"VAULT_ADDR", "https://v:1", "VAULT_TOKEN", "s.t",
                                                 "VAULT_CLIENT_TIMEOUT", "5", NULL},
                           before);

    assert_string_equal(f.settings.address, "https://own:1");
    assert_ptr_equal(f.settings.auth.token.value, own);
    assert_int_equal(f.settings.timeout_ms, 7);
    vault_environment_free(f.kept);
    before = (struct vault_settings){.auth.method = VAULT_AUTH_APPROLE};
    f = fill((const char *const[]){"VAULT_TOKEN", "s.t", NULL}, before);
    assert_null(f.settings.auth.token.value);
    vault_environment_free(f.kept);
    secret_free(own);
}

static void expect_bad(const char *name, const char *value)
{
    struct vault_settings untouched = {0};
    struct filled f = FILL(name, value);

    assert_false(f.ok);
    assert_null(f.kept);
    assert_int_equal(f.why.kind, FAILURE_INVALID);
    assert_non_null(strstr(f.why.text, name));
    assert_memory_equal(&f.settings, &untouched, sizeof untouched);
}

TEST(a_bad_value_names_its_variable_and_never_shows_a_token)
{
    struct filled f = FILL("BAO_TOKEN", "s.abcdef\n");

    assert_false(f.ok);
    assert_null(strstr(f.why.text, "abcdef"));
    expect_bad("BAO_TOKEN", "s.x\n");
    expect_bad("VAULT_TOKEN", "s x");
    expect_bad("VAULT_SKIP_VERIFY", "yes");
    expect_bad("BAO_CLIENT_TIMEOUT", "soon");
    expect_bad("VAULT_CLIENT_TIMEOUT", "-1");
    expect_bad("VAULT_CLIENT_TIMEOUT", "0");
}

TEST(timeouts_are_seconds_or_durations)
{
    struct filled f = FILL("VAULT_CLIENT_TIMEOUT", "1m30s");

    assert_int_equal(f.settings.timeout_ms, 90000);
    vault_environment_free(f.kept);
    f = FILL("VAULT_SKIP_VERIFY", "F", "VAULT_CLIENT_TIMEOUT", "60");
    assert_int_equal(f.settings.timeout_ms, 60000);
    assert_false(f.settings.accept_any_certificate);
    vault_environment_free(f.kept);
}

TEST(an_empty_environment_changes_nothing)
{
    struct vault_settings untouched = {0};
    struct filled f = FILL("HOME", "/");

    assert_true(f.ok);
    assert_memory_equal(&f.settings, &untouched, sizeof untouched);
    vault_environment_free(f.kept);
}

int main(void)
{
    return RUN(CASE(every_variable_lands_where_it_belongs), CASE(bao_hides_vault_even_when_empty),
               CASE(an_agents_address_comes_first), CASE(what_is_configured_is_left_alone),
               CASE(a_bad_value_names_its_variable_and_never_shows_a_token),
               CASE(timeouts_are_seconds_or_durations), CASE(an_empty_environment_changes_nothing));
}
