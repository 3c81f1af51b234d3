/* SPDX-License-Identifier: Apache-2.0 */
/* The default credential: what it looks at, in which order, what ends it and what it keeps. */
#include "azureclient/client.h"
#include "tests/support/test.h"
#include "tests/unit/azureclient/certificates.h"
#include "tests/unit/azureclient/fake_azure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KEYS                                                                                       \
    {                                                                                              \
        "POST /listKeys", 200, "{\"primaryKey\":\"canary-a\",\"secondaryKey\":\"canary-b\"}"       \
    }
#define REFUSES                                                                                    \
    {                                                                                              \
        "POST /token", 401,                                                                        \
            "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000222: x\","            \
            "\"error_codes\":[7000222]}"                                                           \
    }
#define IMDS_ANSWERS                                                                               \
    {                                                                                              \
        "GET /token", 200, "{\"access_token\":\"canary-IMDS\",\"expires_in\":\"3600\"}"            \
    }
#define IMDS_HAS_NONE                                                                              \
    {                                                                                              \
        "GET /token", 400,                                                                         \
            "{\"error\":\"invalid_request\",\"error_description\":\"Identity not found\"}"         \
    }

static struct fake fake;
static char dir[64], az[128], path[128], file[128];
static const char *environment[2] = {path, NULL};
static struct azure_credential given;
static bool imds_is_elsewhere;

static void by_default(struct azure_settings *settings, struct fake *unused)
{
    (void)unused;
    given.imds_url = imds_is_elsewhere ? "http://127.0.0.1:1" : settings->authority;
    settings->credential = given;
    settings->credential.method = AZURE_CREDENTIAL_DEFAULT;
    settings->credential.cli_environment = environment;
}

static void open_with(const struct fake_step *steps, size_t count)
{
    fake_open(&fake, steps, count, by_default);
    fake.client->credential.probe_ms = 9000; /* a second may be too short for a busy machine */
}

#define OPEN(...)                                                                                  \
    open_with((const struct fake_step[]){__VA_ARGS__},                                             \
              COUNT(((const struct fake_step[]){__VA_ARGS__})))

static void start(const char *script)
{
    given = (struct azure_credential){0};
    imds_is_elsewhere = false;
    unlink(az);
    if (!script)
        return;
    certificates_write(az, script);
    chmod(az, 0700);
}

static const char cli_works[] = "#!/bin/sh\necho "
                                "'{\"accessToken\":\"canary-CLI\",\"expires_on\":4102444800}'\n";

static void assert_signed_in_with(const char *token)
{
    char expected[64];

    snprintf(expected, sizeof(expected), "Bearer %s", token);
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    assert_string_equal(fake_last(&fake, "POST /listKeys")->authorization, expected);
}

/* ---- order ----------------------------------------------------------------------------------- */

TEST(a_secret_goes_before_a_certificate_and_that_before_a_federated_token)
{
    EVP_PKEY *key = certificates_rsa_key();
    X509 *certificate = certificates_make(key, NULL, NULL, -9999, 9999);
    struct secret *secret = secret_new(TEXT("canary-secret"));

    start(cli_works);
    certificates_write(file, "");
    certificates_add(file, certificate);
    certificates_add_key(file, key, NULL);
    given.tenant_id = "t";
    given.client_id = "c";
    given.federated_token_file = az;
    given.certificate_file = file;
    given.client_secret = secret;
    OPEN({"POST /token", 200, FAKE_TOKEN}, KEYS, IMDS_ANSWERS);
    assert_signed_in_with("canary-TOKEN-1");
    assert_non_null(strstr(fake_last(&fake, "POST /token")->body, "client_secret="));
    fake_close(&fake);
    given.client_secret = NULL;
    OPEN({"POST /token", 200, FAKE_TOKEN}, KEYS, IMDS_ANSWERS);
    assert_signed_in_with("canary-TOKEN-1");
    assert_non_null(strstr(fake_last(&fake, "POST /token")->body, "client_assertion=eyJ"));
    fake_close(&fake);
    given.certificate_file = NULL;
    OPEN({"POST /token", 200, FAKE_TOKEN}, KEYS, IMDS_ANSWERS);
    assert_signed_in_with("canary-TOKEN-1");
    assert_non_null(strstr(fake_last(&fake, "POST /token")->body, "client_assertion=%23%21"));
    assert_int_equal(fake_count(&fake, "GET /token"), 0);
    fake_close(&fake);
    secret_free(secret);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

TEST(a_managed_identity_goes_before_the_cli_and_is_kept)
{
    start(cli_works);
    OPEN(KEYS, {"GET /token", 400, .times = 1}, IMDS_ANSWERS);
    assert_signed_in_with("canary-IMDS");
    assert_string_equal(fake.requests[0].metadata, ""); /* the question whether it is there */
    assert_string_equal(fake.requests[0].query, "");
    assert_string_equal(fake.requests[1].metadata, "true");
    fake.client->tokens.refresh_at = fake.client->tokens.expires_at = 0;
    assert_signed_in_with("canary-IMDS");
    assert_int_equal(fake_count(&fake, "GET /token"), 3); /* it is not asked for again */
    fake_close(&fake);
}

TEST(the_cli_is_used_where_no_managed_identity_is)
{
    start(cli_works);
    imds_is_elsewhere = true;
    OPEN(KEYS);
    assert_signed_in_with("canary-CLI");
    fake_close(&fake);
    imds_is_elsewhere = false;
    OPEN(KEYS, IMDS_HAS_NONE);
    assert_signed_in_with("canary-CLI");
    fake_close(&fake);
    OPEN(KEYS, {"GET /token", 403, "A socket operation was attempted to an unreachable network"});
    assert_signed_in_with("canary-CLI");
    assert_int_equal(fake_count(&fake, "GET /token"), 1);
    fake_close(&fake);
}

TEST(the_cli_once_it_worked_is_kept)
{
    start(cli_works);
    OPEN(KEYS, {"GET /token", 400, .times = 2}, IMDS_ANSWERS);
    assert_signed_in_with("canary-CLI");
    fake.client->tokens.refresh_at = fake.client->tokens.expires_at = 0;
    assert_signed_in_with("canary-CLI");
    assert_int_equal(fake_count(&fake, "GET /token"), 2);
    fake.client->tokens.refresh_at = fake.client->tokens.expires_at = 0;
    unlink(az);
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_INVALID, "az is not installed");
    assert_int_equal(fake_count(&fake, "GET /token"), 2);
    fake_close(&fake);
}

TEST(a_silent_imds_is_not_waited_for)
{
    start(cli_works);
    OPEN(KEYS, {"GET /token", 0});
    fake.client->credential.probe_ms = 50;
    assert_signed_in_with("canary-CLI");
    fake_close(&fake);
}

TEST(the_chain_can_be_narrowed_down_by_microsoft_s_names)
{
    start(cli_works);
    given.token_credentials = "dev";
    OPEN(KEYS, IMDS_ANSWERS);
    assert_signed_in_with("canary-CLI");
    assert_int_equal(fake_count(&fake, "GET /token"), 0);
    fake_close(&fake);
    given.token_credentials = "azureclicredential";
    OPEN(KEYS, IMDS_ANSWERS);
    assert_signed_in_with("canary-CLI");
    fake_close(&fake);
    given.token_credentials = "prod";
    OPEN(KEYS, IMDS_HAS_NONE);
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "no sign-in works", "managed identity: ");
    assert_null(strstr(fake.failure.text, "Azure CLI"));
    fake_close(&fake);
    given.token_credentials = "ManagedIdentityCredential";
    OPEN(KEYS, IMDS_ANSWERS);
    assert_signed_in_with("canary-IMDS");
    assert_int_equal(fake_count(&fake, "GET /token"), 1); /* not asked whether it is there */
    fake_close(&fake);
}

TEST(a_narrowing_that_makes_no_sense_opens_nothing)
{
    static const struct {
        const char *name, *words;
    } cases[] = {
        {"AzurePowerShellCredential", "\"AzurePowerShellCredential\" is not known here: prod, dev"},
        {"WorkloadIdentityCredential", "workload identity needs a tenant id"},
    };

    start(NULL);
    OPEN(KEYS);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct azure_settings settings = {
            .credential = {.method = AZURE_CREDENTIAL_DEFAULT, .token_credentials = cases[i].name}};
        struct failure why = {0};

        assert_null(azure_client_open(fake.http, &settings, &why));
        assert_int_equal(why.kind, FAILURE_INVALID);
        if (!strstr(why.text, cases[i].words))
            fail_msg("%s", why.text);
    }
    fake_close(&fake);
}

/* ---- what ends it ---------------------------------------------------------------------------- */

TEST(who_is_known_and_refused_is_not_tried_as_somebody_else)
{
    struct secret *secret = secret_new(TEXT("canary-secret"));

    start(cli_works);
    given.tenant_id = "t";
    given.client_id = "c";
    given.client_secret = secret;
    OPEN(KEYS, REFUSES, IMDS_ANSWERS);
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "AADSTS7000222", "the client secret has expired");
    assert_int_equal(fake.request_count, 1);
    fake_close(&fake);
    secret_free(secret);
}

TEST(a_managed_identity_that_is_there_and_refuses_is_final)
{
    start(cli_works);
    OPEN(KEYS, {"GET /token", 400, .times = 1},
         {"GET /token", 403, "{\"error\":\"forbidden\",\"error_description\":\"not you\"}"});
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "forbidden: not you");
    fake_close(&fake);
}

TEST(when_none_works_each_has_a_sentence)
{
    start("#!/bin/sh\necho \"Please run 'az login'\" >&2\nexit 1\n");
    imds_is_elsewhere = true;
    OPEN(KEYS);
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "cannot list the keys of swin: no sign-in works: ",
                "client secret: needs a tenant id; ", "client certificate: needs a tenant id; ",
                "workload identity: needs a tenant id; ",
                "managed identity: http://127.0.0.1:1 does not answer; ",
                "Azure CLI: nobody is logged in to az: run \"az login\"");
    fake_close(&fake);
    start(NULL);
    given.tenant_id = "t";
    given.client_id = "c";
    OPEN(KEYS, IMDS_HAS_NONE);
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "client secret: needs a client secret (or its file); ",
                "client certificate: needs a certificate file; ",
                "workload identity: needs a federated token file; ", "Identity not found",
                "Azure CLI: az is not installed");
    fake_close(&fake);
}

TEST(a_chain_that_failed_starts_again_from_its_beginning)
{
    start(NULL);
    OPEN(KEYS, {"GET /token", 400, .times = 2}, IMDS_ANSWERS);
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "no sign-in works");
    fake.client->tokens.not_before += 60000; /* the pause, for a busy machine too */
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "no sign-in works");
    assert_int_equal(fake_count(&fake, "GET /token"), 2);
    fake.client->tokens.not_before = 0;
    assert_signed_in_with("canary-IMDS");
    fake_close(&fake);
}

int main(void)
{
    int failed;

    strcpy(dir, "/tmp/azureclient-test-XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    snprintf(az, sizeof(az), "%s/az", dir);
    snprintf(file, sizeof(file), "%s/app.pem", dir);
    snprintf(path, sizeof(path), "PATH=%s", dir);
    failed = RUN(CASE(a_secret_goes_before_a_certificate_and_that_before_a_federated_token),
                 CASE(a_managed_identity_goes_before_the_cli_and_is_kept),
                 CASE(the_cli_is_used_where_no_managed_identity_is),
                 CASE(the_cli_once_it_worked_is_kept), CASE(a_silent_imds_is_not_waited_for),
                 CASE(the_chain_can_be_narrowed_down_by_microsoft_s_names),
                 CASE(a_narrowing_that_makes_no_sense_opens_nothing),
                 CASE(who_is_known_and_refused_is_not_tried_as_somebody_else),
                 CASE(a_managed_identity_that_is_there_and_refuses_is_final),
                 CASE(when_none_works_each_has_a_sentence),
                 CASE(a_chain_that_failed_starts_again_from_its_beginning));
    unlink(az);
    unlink(file);
    rmdir(dir);
    return failed;
}
