/* SPDX-License-Identifier: Apache-2.0 */
#include "azureclient/azureclient.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

/* "NAME=value", NULL at the end. */
static const char *const *variables;

static char *get(const char *name)
{
    static char value[200];
    size_t size = strlen(name);

    for (size_t i = 0; variables[i]; i++)
        if (strncmp(variables[i], name, size) == 0 && variables[i][size] == '=')
            return strcpy(value, variables[i] + size + 1);
    return NULL;
}

#define SET(...) (variables = (const char *const[]){__VA_ARGS__, NULL})
#define SET_ALL                                                                                    \
    SET("AZURE_TENANT_ID=t1", "AZURE_CLIENT_ID=c1", "AZURE_CLIENT_SECRET=canary-secret",           \
        "AZURE_FEDERATED_TOKEN_FILE=/token", "AZURE_AUTHORITY_HOST=https://login.example/",        \
        "AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:99")

static void fill(struct azure_settings *settings, struct azure_environment **kept)
{
    struct failure why = {0};

    if (!azure_settings_from_environment(settings, get, kept, &why))
        fail_msg("%s", why.text);
}

TEST(the_environment_fills_what_is_unset)
{
    struct azure_settings settings = {0};
    struct azure_environment *kept;

    SET_ALL;
    fill(&settings, &kept);
    assert_string_equal(settings.credential.tenant_id, "t1");
    assert_string_equal(settings.credential.client_id, "c1");
    assert_true(text_is(secret_reveal(settings.credential.client_secret), "canary-secret"));
    assert_string_equal(settings.credential.federated_token_file, "/token");
    assert_string_equal(settings.authority, "https://login.example/");
    assert_string_equal(settings.credential.imds_url, "http://127.0.0.1:99");
    assert_null(azure_environment_free(kept));
}

TEST(what_is_set_stays)
{
    struct azure_settings settings = {
        .authority = "https://mine",
        .credential = {.tenant_id = "mine", .client_secret_file = "/mine"},
    };
    struct azure_environment *kept;

    SET_ALL;
    fill(&settings, &kept);
    assert_string_equal(settings.credential.tenant_id, "mine");
    assert_string_equal(settings.authority, "https://mine");
    assert_null(settings.credential.client_secret);
    assert_string_equal(settings.credential.client_id, "c1");
    azure_environment_free(kept);
}

TEST(an_empty_variable_is_an_unset_one)
{
    struct azure_settings settings = {0};
    struct azure_environment *kept;

    SET("AZURE_TENANT_ID=", "AZURE_CLIENT_SECRET=", "AZURE_AUTHORITY_HOST=", "IDENTITY_HEADER=");
    fill(&settings, &kept);
    assert_null(settings.credential.tenant_id);
    assert_null(settings.credential.client_secret);
    assert_null(settings.authority);
    assert_null(settings.credential.identity_header);
    azure_environment_free(kept);
}

TEST(a_certificate_comes_with_its_password_and_its_chain)
{
    struct azure_settings settings = {0};
    struct azure_environment *kept;

    SET("AZURE_CLIENT_CERTIFICATE_PATH=/app.pfx", "AZURE_CLIENT_CERTIFICATE_PASSWORD=canary",
        "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN=True");
    fill(&settings, &kept);
    assert_string_equal(settings.credential.certificate_file, "/app.pfx");
    assert_true(text_is(secret_reveal(settings.credential.certificate_password), "canary"));
    assert_true(settings.credential.send_certificate_chain);
    azure_environment_free(kept);
}

TEST(a_certificate_that_is_set_gets_nothing_of_another_one)
{
    struct azure_settings settings = {.credential = {.certificate_file = "/mine"}};
    struct azure_environment *kept;

    SET("AZURE_CLIENT_CERTIFICATE_PATH=/app.pfx", "AZURE_CLIENT_CERTIFICATE_PASSWORD=canary",
        "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN=1");
    fill(&settings, &kept);
    assert_string_equal(settings.credential.certificate_file, "/mine");
    assert_null(settings.credential.certificate_password);
    assert_false(settings.credential.send_certificate_chain);
    azure_environment_free(kept);
}

TEST(what_a_managed_identity_needs_is_there)
{
    struct azure_settings settings = {0};
    struct azure_credential *credential = &settings.credential;
    struct azure_environment *kept;

    SET("IDENTITY_ENDPOINT=http://127.0.0.1:1/msi", "IDENTITY_HEADER=canary-h",
        "IDENTITY_SERVER_THUMBPRINT=ab", "IMDS_ENDPOINT=http://127.0.0.1:2",
        "MSI_ENDPOINT=http://127.0.0.1:3", "MSI_SECRET=canary-m", "DEFAULT_IDENTITY_CLIENT_ID=ml");
    fill(&settings, &kept);
    assert_string_equal(credential->identity_endpoint, "http://127.0.0.1:1/msi");
    assert_true(text_is(secret_reveal(credential->identity_header), "canary-h"));
    assert_string_equal(credential->identity_server_thumbprint, "ab");
    assert_string_equal(credential->imds_endpoint, "http://127.0.0.1:2");
    assert_string_equal(credential->msi_endpoint, "http://127.0.0.1:3");
    assert_true(text_is(secret_reveal(credential->msi_secret), "canary-m"));
    assert_string_equal(credential->ml_client_id, "ml");
    azure_environment_free(kept);
}

TEST(who_says_where_the_identity_is_hears_nothing_of_the_machine_s_own)
{
    struct azure_settings settings = {.credential = {.imds_url = "http://127.0.0.1:9"}};
    struct azure_environment *kept;

    SET("IDENTITY_ENDPOINT=http://127.0.0.1:1/msi", "IDENTITY_HEADER=h",
        "MSI_ENDPOINT=http://127.0.0.1:3");
    fill(&settings, &kept);
    assert_string_equal(settings.credential.imds_url, "http://127.0.0.1:9");
    assert_null(settings.credential.identity_endpoint);
    assert_null(settings.credential.identity_header);
    assert_null(settings.credential.msi_endpoint);
    azure_environment_free(kept);
}

TEST(az_gets_what_it_needs_and_no_secret)
{
    struct azure_settings settings = {0};
    struct azure_environment *kept;
    const char *const *given;
    size_t count = 0;

    SET("PATH=/opt/az/bin:/bin", "HOME=/home/me", "AZURE_CONFIG_DIR=/az", "VAULT_TOKEN=canary",
        "AZURE_CLIENT_SECRET=canary", "LD_PRELOAD=/evil.so", "PYTHONPATH=/evil", "no_proxy=x");
    fill(&settings, &kept);
    given = settings.credential.cli_environment;
    for (; given[count]; count++)
        if (strstr(given[count], "canary") || strstr(given[count], "evil"))
            fail_msg("%s", given[count]);
    assert_int_equal(count, 4);
    assert_string_equal(given[0], "PATH=/opt/az/bin:/bin");
    azure_environment_free(kept);
}

TEST(a_bad_address_is_named_by_its_variable)
{
    struct azure_settings settings = {0};
    struct azure_environment *kept;
    struct failure why = {0};

    SET("AZURE_TENANT_ID=t1", "AZURE_AUTHORITY_HOST=login.example");
    assert_false(azure_settings_from_environment(&settings, get, &kept, &why));
    assert_int_equal(why.kind, FAILURE_INVALID);
    assert_non_null(strstr(why.text, "AZURE_AUTHORITY_HOST"));
    assert_null(settings.credential.tenant_id);
}

TEST(clouds_are_known_by_name)
{
    struct azure_settings settings = {0};

    assert_true(azure_cloud_named(TEXT("public"), &settings));
    assert_string_equal(settings.resource_manager, "https://management.azure.com");
    assert_true(azure_cloud_named(TEXT("usgovernment"), &settings));
    assert_string_equal(settings.resource_manager, "https://management.usgovcloudapi.net");
    assert_string_equal(settings.authority, "https://login.microsoftonline.us");
    assert_true(azure_cloud_named(TEXT("china"), &settings));
    assert_string_equal(settings.authority, "https://login.chinacloudapi.cn");
    assert_false(azure_cloud_named(TEXT("german"), &settings));
}

int main(void)
{
    return RUN(CASE(the_environment_fills_what_is_unset), CASE(what_is_set_stays),
               CASE(an_empty_variable_is_an_unset_one),
               CASE(a_certificate_comes_with_its_password_and_its_chain),
               CASE(a_certificate_that_is_set_gets_nothing_of_another_one),
               CASE(what_a_managed_identity_needs_is_there),
               CASE(who_says_where_the_identity_is_hears_nothing_of_the_machine_s_own),
               CASE(az_gets_what_it_needs_and_no_secret),
               CASE(a_bad_address_is_named_by_its_variable), CASE(clouds_are_known_by_name));
}
