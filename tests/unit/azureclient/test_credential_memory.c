/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that runs out at each allocation in turn, from opening a client to its first answer, for
 * each way to sign in: nothing crashes, nothing is kept, `done` runs exactly once, and success is
 * only said of what happened. */
#include "azureclient/client.h"
#include "tests/support/scarce_memory.h"
#include "tests/support/test.h"
#include "tests/unit/azureclient/certificates.h"
#include "tests/unit/azureclient/fake_azure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN "{\"access_token\":\"canary-TOKEN-1\",\"expires_in\":\"86400\",\"client_id\":\"c\"}"
#define KEYS                                                                                       \
    {                                                                                              \
        "POST /listKeys", 200, "{\"primaryKey\":\"canary-a\",\"secondaryKey\":\"canary-b\"}"       \
    }

static struct fake fake;
static char dir[64], az[128], file[128], challenge[128], realm[200], endpoint[128], path[128];
static const char *environment[2] = {path, NULL};
static struct secret *secret;
static bool is_closed;

struct way {
    struct azure_credential credential;
    bool has_endpoint;
    struct fake_step steps[4];
};

static void on_closed(void *context)
{
    (void)context;
    is_closed = true;
}

static void close_client(void)
{
    is_closed = false;
    azure_client_close(fake.client, on_closed, NULL);
    while (!is_closed)
        uv_run(&fake.loop, UV_RUN_ONCE);
    fake.client = NULL;
}

static void use(const struct way *way, uint32_t timeout_ms)
{
    struct azure_settings settings = {.resource_manager = fake.origin,
                                      .authority = fake.origin,
                                      .timeout_ms = timeout_ms,
                                      .credential = way->credential};
    const struct azure_key_kind *kind = azure_key_kind_named(TEXT("azureml-online-endpoint"));
    struct failure why = {0};

    settings.credential.imds_url = fake.origin;
    snprintf(endpoint, sizeof(endpoint), "%s/msi", fake.origin);
    if (way->has_endpoint)
        settings.credential.identity_endpoint = endpoint;
    fake.client = azure_client_open(fake.http, &settings, &why);
    if (!fake.client) {
        assert_int_equal(why.kind, FAILURE_INTERNAL);
        fake.failure = why;
        return;
    }
    fake.client->credential.arc_directory = dir;
    if (!azure_list_keys(fake.client, kind, TEXT(FAKE_ID), 0, fake_on_keys, &fake)) {
        fake.failure.kind = FAILURE_INTERNAL;
        return;
    }
    fake_wait(&fake);
    assert_int_equal(fake.done_count, 1);
    if (!fake.failure.kind)
        assert_string_equal(fake.keys[0], "primary=canary-a");
}

/* The server runs out of the same memory, so where something fails there may be no answer. */
static void run_once(const struct way *way, long fail_at)
{
    size_t count = 0;

    while (count < 4 && way->steps[count].where)
        count++;
    scarce_memory_fail_at(-1);
    fake_open(&fake, way->steps, count, NULL);
    close_client();
    scarce_memory_fail_at(fail_at);
    use(way, fail_at < 0 ? 9000 : 8);
    assert_null(strstr(fake.failure.text, "canary"));
    fake_close(&fake);
}

static void fail_each_in_turn(const struct way *way, long step)
{
    long held, count;

    run_once(way, -1);
    fake_assert_ok(&fake);
    held = scarce_memory_held();
    count = scarce_memory_allocations();
    assert_true(count > 50);
    for (long n = 0; n < count; n += step) {
        run_once(way, n);
        if (scarce_memory_held_soon(held) != held)
            fail_msg("allocation %ld failed: %ld blocks are left", n, scarce_memory_held() - held);
    }
}

/* ---- the ways -------------------------------------------------------------------------------- */

TEST(a_certificate_survives_every_allocation_that_fails)
{
    const struct way way = {{.method = AZURE_CREDENTIAL_CLIENT_CERTIFICATE,
                             .tenant_id = "t",
                             .client_id = "c",
                             .certificate_file = file,
                             .certificate_password = secret,
                             .send_certificate_chain = true},
                            false,
                            {{"POST /token", 200, TOKEN}, KEYS}};
    EVP_PKEY *key = certificates_rsa_key();
    X509 *issuer = certificates_make(key, NULL, NULL, -9999, 9999);
    X509 *leaf = certificates_make(key, issuer, key, -9999, 9999);

    certificates_write(file, "");
    certificates_add_key(file, key, NULL);
    certificates_add(file, leaf);
    certificates_add(file, issuer);
    fail_each_in_turn(&way, 1);
    X509_free(leaf);
    X509_free(issuer);
    EVP_PKEY_free(key);
}

TEST(azure_arc_survives_every_allocation_that_fails)
{
    const struct way way = {
        {.method = AZURE_CREDENTIAL_MANAGED_IDENTITY, .client_id = "c", .imds_endpoint = "x"},
        true,
        {{"GET /msi", 401, NULL, realm, .times = 1}, {"GET /msi", 200, TOKEN}, KEYS}};

    certificates_write(challenge, "canary-challenge");
    fail_each_in_turn(&way, 1);
}

TEST(app_service_survives_every_allocation_that_fails)
{
    const struct way way = {{.method = AZURE_CREDENTIAL_MANAGED_IDENTITY,
                             .identity_resource_id = "/r",
                             .identity_header = secret},
                            true,
                            {{"GET /msi", 200, TOKEN}, KEYS}};

    fail_each_in_turn(&way, 1);
}

TEST(a_claims_challenge_survives_every_allocation_that_fails)
{
    const struct way way = {
        {.tenant_id = "t", .client_id = "c", .client_secret = secret},
        false,
        {{"POST /token", 200, TOKEN},
         {"POST /listKeys", 401, NULL,
          "WWW-Authenticate: Bearer error=\"insufficient_claims\", claims=\"eyJ4IjoxfQ==\"",
          .times = 1},
         KEYS}};

    fail_each_in_turn(&way, 1);
}

TEST(the_chain_down_to_the_cli_survives_every_allocation_that_fails)
{
    const struct way way = {
        {.method = AZURE_CREDENTIAL_DEFAULT, .cli_environment = environment, .tenant_id = "t"},
        false,
        {{"GET /token", 400}, KEYS}};

    fail_each_in_turn(&way, 3); /* each takes a process */
}

int main(void)
{
    int failed;

    scarce_memory_install();
    strcpy(dir, "/tmp/azureclient-test-XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    snprintf(az, sizeof(az), "%s/az", dir);
    snprintf(file, sizeof(file), "%s/app.pem", dir);
    snprintf(challenge, sizeof(challenge), "%s/x.key", dir);
    snprintf(realm, sizeof(realm), "WWW-Authenticate: Basic realm=%s", challenge);
    snprintf(path, sizeof(path), "PATH=%s", dir);
    certificates_write(az, "#!/bin/sh\necho "
                           "'{\"accessToken\":\"canary-CLI\",\"expires_on\":4102444800}'\n");
    chmod(az, 0700);
    secret = secret_new(TEXT("canary"));
    failed = RUN(CASE(a_certificate_survives_every_allocation_that_fails),
                 CASE(azure_arc_survives_every_allocation_that_fails),
                 CASE(app_service_survives_every_allocation_that_fails),
                 CASE(a_claims_challenge_survives_every_allocation_that_fails),
                 CASE(the_chain_down_to_the_cli_survives_every_allocation_that_fails));
    secret_free(secret);
    unlink(az);
    unlink(file);
    unlink(challenge);
    rmdir(dir);
    return failed;
}
