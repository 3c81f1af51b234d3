/* SPDX-License-Identifier: Apache-2.0 */
#include "azureclient/azureclient.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

static const char *tenant, *client_id, *secret, *token_file, *authority, *imds;

static char *get(const char *name)
{
    const struct {
        const char *name, *value;
    } all[] = {
        {"AZURE_TENANT_ID", tenant},         {"AZURE_CLIENT_ID", client_id},
        {"AZURE_CLIENT_SECRET", secret},     {"AZURE_FEDERATED_TOKEN_FILE", token_file},
        {"AZURE_AUTHORITY_HOST", authority}, {"AZURE_POD_IDENTITY_AUTHORITY_HOST", imds},
    };
    static char value[200];

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (strcmp(name, all[i].name) == 0 && all[i].value)
            return strcpy(value, all[i].value);
    return NULL;
}

static void set_all(void)
{
    tenant = "t1";
    client_id = "c1";
    secret = "canary-secret";
    token_file = "/token";
    authority = "https://login.example/";
    imds = "http://127.0.0.1:99";
}

TEST(the_environment_fills_what_is_unset)
{
    struct azure_settings settings = {0};
    struct azure_environment *kept;

    set_all();
    assert_true(azure_settings_from_environment(&settings, get, &kept, NULL));
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

    set_all();
    assert_true(azure_settings_from_environment(&settings, get, &kept, NULL));
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

    tenant = client_id = secret = token_file = authority = imds = "";
    assert_true(azure_settings_from_environment(&settings, get, &kept, NULL));
    assert_null(settings.credential.tenant_id);
    assert_null(settings.credential.client_secret);
    assert_null(settings.authority);
    azure_environment_free(kept);
}

TEST(a_bad_address_is_named_by_its_variable)
{
    struct azure_settings settings = {0};
    struct azure_environment *kept;
    struct failure why = {0};

    set_all();
    authority = "login.example";
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
               CASE(a_bad_address_is_named_by_its_variable), CASE(clouds_are_known_by_name));
}
