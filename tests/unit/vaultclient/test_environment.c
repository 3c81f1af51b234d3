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

TEST(the_rest_of_them_too)
{
    struct filled f =
        FILL("VAULT_CAPATH", "folder", "VAULT_CACERT_BYTES", "pem", "VAULT_CLIENT_CERT_BYTES",
             "cert", "VAULT_CLIENT_KEY_BYTES", "key", "VAULT_MAX_RETRIES", "0", "VAULT_RATE_LIMIT",
             "0.5:3", "VAULT_HTTP_PROXY", "http://p:1", "VAULT_DISABLE_REDIRECTS", "1",
             "VAULT_TOKEN_PATH", "path", "VAULT_MFA", "ignored: the server refuses by itself");

    assert_true(f.ok);
    assert_string_equal(f.settings.ca_folder, "folder");
    assert_true(text_is(f.settings.ca_pem, "pem"));
    assert_true(text_is(f.settings.client_cert_pem, "cert"));
    assert_true(text_is(secret_reveal(f.settings.client_key_pem), "key"));
    assert_int_equal(f.settings.max_tries, 1);
    assert_int_equal(f.settings.requests_per_1000_s, 500);
    assert_int_equal(f.settings.requests_at_once, 3);
    assert_string_equal(f.settings.proxy, "http://p:1");
    assert_true(f.settings.stays_put);
    assert_int_equal(f.settings.auth.method, VAULT_AUTH_TOKEN_FILE);
    assert_string_equal(f.settings.auth.token.file, "path");
    vault_environment_free(f.kept);
    f = FILL("VAULT_TOKEN_PATH", "path", "VAULT_TOKEN", "s.t", "VAULT_PROXY_ADDR", "http://p:2",
             "VAULT_HTTP_PROXY", "http://p:1", "VAULT_RATE_LIMIT", "20");
    assert_int_equal(f.settings.auth.method, VAULT_AUTH_TOKEN);
    assert_null(f.settings.auth.token.file);
    assert_string_equal(f.settings.proxy, "http://p:2");
    assert_int_equal(f.settings.requests_per_1000_s, 20000);
    assert_int_equal(f.settings.requests_at_once, 20);
    vault_environment_free(f.kept);
}

TEST(roots_and_certificates_that_are_configured_are_not_added_to)
{
    struct vault_settings before = {.ca_file = "own", .client_cert_file = "crt"};
    struct filled f = fill((const char *const[]){"VAULT_CACERT", "ca", "VAULT_CAPATH", "folder",
                                                 "VAULT_CACERT_BYTES", "pem", "VAULT_CLIENT_KEY",
                                                 "key", "VAULT_CLIENT_KEY_BYTES", "k", NULL},
                           before);

    assert_true(f.ok);
    assert_string_equal(f.settings.ca_file, "own");
    assert_null(f.settings.ca_folder);
    assert_null(f.settings.ca_pem.start);
    assert_null(f.settings.client_key_file);
    assert_null(f.settings.client_key_pem);
    vault_environment_free(f.kept);
}

TEST(a_port_or_a_socket_needs_no_srv_record)
{
    static const char *const with[] = {"https://v:8200", "https://[::1]:8200/base", "unix:///s"};
    static const char *const without[] = {"https://v", "https://[::1]/base"};

    for (size_t i = 0; i < sizeof with / sizeof *with; i++) {
        struct filled f = FILL("VAULT_SRV_LOOKUP", "true", "VAULT_ADDR", with[i]);

        assert_true(f.ok);
        vault_environment_free(f.kept);
    }
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        struct filled f = FILL("VAULT_SRV_LOOKUP", "true", "VAULT_ADDR", without[i]);

        assert_false(f.ok);
        assert_non_null(
            strstr(f.why.text, "VAULT_SRV_LOOKUP is set and the address names no port"));
    }
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
    expect_bad("VAULT_MAX_RETRIES", "-1");
    expect_bad("BAO_RATE_LIMIT", "fast");
    expect_bad("BAO_RATE_LIMIT", "0");
    expect_bad("BAO_RATE_LIMIT", "5:");
    expect_bad("BAO_RATE_LIMIT", "0.0001");
    expect_bad("VAULT_DISABLE_REDIRECTS", "yes");
    expect_bad("VAULT_SRV_LOOKUP", "yes");
    expect_bad("VAULT_WRAP_TTL", "60");
    expect_bad("BAO_HEADERS", "{}");
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
    return RUN(CASE(every_variable_lands_where_it_belongs), CASE(the_rest_of_them_too),
               CASE(roots_and_certificates_that_are_configured_are_not_added_to),
               CASE(a_port_or_a_socket_needs_no_srv_record), CASE(bao_hides_vault_even_when_empty),
               CASE(an_agents_address_comes_first), CASE(what_is_configured_is_left_alone),
               CASE(a_bad_value_names_its_variable_and_never_shows_a_token),
               CASE(timeouts_are_seconds_or_durations), CASE(an_empty_environment_changes_nothing));
}
