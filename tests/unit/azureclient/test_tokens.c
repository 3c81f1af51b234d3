/* SPDX-License-Identifier: Apache-2.0 */
#include "azureclient/client.h"
#include "tests/support/test.h"
#include "tests/unit/azureclient/fake_azure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEYS                                                                                       \
    {                                                                                              \
        "POST /listKeys", 200, "{\"primaryKey\":\"canary-a\",\"secondaryKey\":\"canary-b\"}"       \
    }
#define TOKEN                                                                                      \
    {                                                                                              \
        "POST /token", 200, FAKE_TOKEN                                                             \
    }

static struct fake fake;

static char token_file[64];

static void write_token_file(const char *contents)
{
    FILE *file = fopen(token_file, "w");

    assert_non_null(file);
    fputs(contents, file);
    fclose(file);
}

static void by_workload_identity(struct azure_settings *settings, struct fake *unused)
{
    (void)unused;
    settings->credential.method = AZURE_CREDENTIAL_WORKLOAD_IDENTITY;
    settings->credential.client_secret = NULL;
    settings->credential.federated_token_file = token_file;
}

static void by_secret_file(struct azure_settings *settings, struct fake *unused)
{
    (void)unused;
    settings->credential.client_secret = NULL;
    settings->credential.client_secret_file = token_file;
}

static void by_managed_identity(struct azure_settings *settings, struct fake *unused)
{
    (void)unused;
    settings->credential.method = AZURE_CREDENTIAL_MANAGED_IDENTITY;
    settings->timeout_ms = 9000; /* for the pauses between tries */
}

static void by_default_with_nothing(struct azure_settings *settings, struct fake *unused)
{
    (void)unused;
    settings->credential = (struct azure_credential){.method = AZURE_CREDENTIAL_DEFAULT,
                                                     .imds_url = settings->credential.imds_url};
}

static void by_default_with_all(struct azure_settings *settings, struct fake *unused)
{
    (void)unused;
    settings->credential.method = AZURE_CREDENTIAL_DEFAULT;
    settings->credential.federated_token_file = token_file;
}

static void by_default_with_token_file(struct azure_settings *settings, struct fake *unused)
{
    by_default_with_all(settings, unused);
    settings->credential.client_secret = NULL;
}

static void in_a_hurry(struct azure_settings *settings, struct fake *unused)
{
    (void)unused;
    settings->timeout_ms = 300;
}

static void open_with(struct fake_step *steps, size_t count,
                      void (*change)(struct azure_settings *settings, struct fake *fake))
{
    strcpy(token_file, "/tmp/azureclient-test-XXXXXX");
    close(mkstemp(token_file));
    write_token_file("first\n");
    fake_open(&fake, steps, count, change);
}

static void close_all(void)
{
    fake_close(&fake);
    unlink(token_file);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- methods --------------------------------------------------------------------------------- */

TEST(a_client_secret_goes_encoded_in_the_form_and_nowhere_else)
{
    FAKE_OPEN(&fake, TOKEN, KEYS);
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    assert_string_equal(fake_last(&fake, "POST /contoso.example/oauth2/v2.0/token")->query, "");
    assert_non_null(strstr(fake_last(&fake, "POST /token")->body,
                           "client_id=app-1&grant_type=client_credentials&scope=http%3A%2F%2F127"));
    assert_non_null(strstr(fake_last(&fake, "POST /token")->body,
                           "%2F.default&client_secret=canary-CLIENT-secret%2B%2F%26%3D"));
    assert_string_equal(fake_last(&fake, "POST /listKeys")->authorization, "Bearer canary-TOKEN-1");
    fake_close(&fake);
}

TEST(a_client_secret_file_is_read_for_each_token)
{
    struct fake_step steps[] = {TOKEN, {"POST /listKeys", 401, .times = 1}, KEYS};

    open_with(steps, COUNT(steps), by_secret_file);
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    assert_non_null(strstr(fake_last(&fake, "POST /token")->body, "&client_secret=first"));
    close_all();
}

TEST(a_federated_token_file_is_read_again_and_its_newline_dropped)
{
    struct fake_step steps[] = {TOKEN, KEYS, {"GET /swin", 401, .times = 1}};

    open_with(steps, COUNT(steps), by_workload_identity);
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    assert_non_null(strstr(
        fake_last(&fake, "POST /token")->body,
        "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
        "&client_assertion=first"));
    assert_string_equal(strrchr(fake_last(&fake, "POST /token")->body, '='), "=first");
    write_token_file("second\r\n");
    fake_get(&fake); /* the 401 asks for another token */
    assert_string_equal(strrchr(fake_last(&fake, "POST /token")->body, '='), "=second");
    close_all();
}

TEST(a_missing_or_empty_token_file_is_named)
{
    struct fake_step steps[] = {TOKEN, KEYS};

    open_with(steps, COUNT(steps), by_workload_identity);
    write_token_file(" \n");
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_INVALID, "federated token file", token_file, "empty");
    unlink(token_file);
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_INVALID, token_file, "No such file");
    assert_int_equal(fake.request_count, 0);
    write_token_file("there");
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    close_all();
}

TEST(a_managed_identity_asks_imds)
{
    struct fake_step steps[] = {
        {"GET /metadata/identity/oauth2/token", 200,
         "{\"access_token\":\"canary-TOKEN-1\",\"expires_in\":\"86400\",\"expires_on\":\"1\"}"},
        KEYS};

    open_with(steps, COUNT(steps), by_managed_identity);
    fake_get(&fake);
    assert_int_equal(fake_count(&fake, "GET /metadata/identity/oauth2/token"), 1);
    assert_string_equal(fake_last(&fake, "GET /token")->metadata, "true");
    assert_non_null(strstr(fake_last(&fake, "GET /token")->query,
                           "api-version=2018-02-01&resource=http%3A%2F%2F127.0.0.1"));
    assert_non_null(strstr(fake_last(&fake, "GET /token")->query, "&client_id=app-1"));
    close_all();
}

/* An address of a documentation network: nobody answers there, but a proxy would. */
static void by_imds_beyond_loopback(struct azure_settings *settings, struct fake *proxy)
{
    settings->credential.method = AZURE_CREDENTIAL_MANAGED_IDENTITY;
    settings->credential.imds_url = "http://192.0.2.1";
    settings->timeout_ms = 200;
    setenv("http_proxy", proxy->origin, 1);
    http_use_environment_proxies(proxy->http);
}

TEST(imds_is_never_asked_through_a_proxy)
{
    struct fake_step steps[] = {{"GET /token", 404}};

    open_with(steps, COUNT(steps), by_imds_beyond_loopback);
    unsetenv("http_proxy");
    fake_list_keys(&fake);
    assert_int_equal(fake.request_count, 0);
    assert_int_equal(fake.failure.http_status, 0);
    assert_true(fake.failure.kind == FAILURE_TIMEOUT || fake.failure.kind == FAILURE_NETWORK);
    close_all();
}

TEST(imds_is_asked_again_while_it_is_being_updated)
{
    struct fake_step steps[] = {
        {"GET /token", 410, .times = 1},
        {"GET /token", 404, .times = 1},
        {"GET /token", 200, "{\"access_token\":\"canary-TOKEN-1\",\"expires_in\":\"86400\"}"},
        KEYS};

    open_with(steps, COUNT(steps), by_managed_identity);
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    assert_int_equal(fake_count(&fake, "GET /token"), 3);
    close_all();
}

TEST(a_machine_without_identity_is_said)
{
    struct fake_step steps[] = {
        {"GET /token", 400,
         "{\"error\":\"invalid_request\",\"error_description\":\"Identity not found\"}"}};

    open_with(steps, COUNT(steps), by_managed_identity);
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "invalid_request: Identity not found", "HTTP 400");
    close_all();
}

TEST(default_chooses_secret_then_token_file_then_managed_identity)
{
    struct fake_step steps[] = {
        TOKEN, KEYS, {"GET /token", 200, "{\"access_token\":\"canary\",\"expires_in\":\"86400\"}"}};

    open_with(steps, COUNT(steps), by_default_with_all);
    fake_list_keys(&fake);
    assert_non_null(strstr(fake_last(&fake, "POST /token")->body, "client_secret="));
    close_all();
    open_with(steps, COUNT(steps), by_default_with_token_file);
    fake_list_keys(&fake);
    assert_non_null(strstr(fake_last(&fake, "POST /token")->body, "client_assertion=first"));
    close_all();
    open_with(steps, COUNT(steps), by_default_with_nothing);
    fake.client->credential.probe_ms = 10000;
    fake_list_keys(&fake);
    assert_int_equal(fake_count(&fake, "GET /token"), 2); /* is it there? */
    assert_string_equal(fake_last(&fake, "GET /token")->metadata, "true");
    assert_null(strstr(fake_last(&fake, "GET /token")->query, "client_id"));
    close_all();
}

/* ---- cache ----------------------------------------------------------------------------------- */

TEST(fifty_waiters_share_one_token_request)
{
    const struct azure_key_kind *kind = azure_key_kind_named(TEXT("azureml-online-endpoint"));

    FAKE_OPEN(&fake, TOKEN, KEYS);
    for (int i = 0; i < 50; i++)
        assert_non_null(azure_list_keys(fake.client, kind, TEXT(FAKE_ID), 0, fake_on_keys, &fake));
    while (fake.done_count < 50) {
        fake.is_done = false;
        fake_wait(&fake);
        fake_assert_ok(&fake);
    }
    assert_int_equal(fake_count(&fake, "POST /token"), 1);
    assert_int_equal(fake_count(&fake, "POST /listKeys"), 50);
    fake_list_keys(&fake);
    assert_int_equal(fake_count(&fake, "POST /token"), 1);
    fake_close(&fake);
}

TEST(a_waiter_that_is_canceled_does_not_take_the_token_from_the_others)
{
    const struct azure_key_kind *kind = azure_key_kind_named(TEXT("azureml-online-endpoint"));
    struct operation *first;

    FAKE_OPEN(&fake, TOKEN, KEYS);
    first = azure_list_keys(fake.client, kind, TEXT(FAKE_ID), 0, fake_on_keys, &fake);
    azure_list_keys(fake.client, kind, TEXT(FAKE_ID), 0, fake_on_keys, &fake);
    operation_cancel(first);
    operation_cancel(first);
    assert_int_equal(fake.done_count, 0);
    while (fake.done_count < 2) {
        fake.is_done = false;
        fake_wait(&fake);
    }
    assert_int_equal(fake.kind_count[FAILURE_CANCELED], 1);
    assert_int_equal(fake.kind_count[FAILURE_NONE], 1);
    assert_int_equal(fake_count(&fake, "POST /token"), 1);
    fake_close(&fake);
}

TEST(all_waiters_hear_of_a_refused_token_and_the_next_one_asks_again)
{
    const struct azure_key_kind *kind = azure_key_kind_named(TEXT("azureml-online-endpoint"));

    FAKE_OPEN(
        &fake,
        {"POST /token", 401,
         "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: Invalid client "
         "secret canary-CLIENT-secret+/&= provided.\",\"error_codes\":[7000215]}",
         .times = 1},
        {"POST /token", 400,
         "{\"error\":\"x\",\"error_description\":\"AADSTS999: canary-CLIENT-secret+/&= is what "
         "you sent\"}"});
    for (int i = 0; i < 3; i++)
        azure_list_keys(fake.client, kind, TEXT(FAKE_ID), 0, fake_on_keys, &fake);
    for (unsigned i = 1; i <= 3; i++) {
        fake.is_done = false;
        while (fake.done_count < i)
            fake_wait(&fake);
        FAKE_FAILED(&fake, FAILURE_DENIED, "cannot list the keys of swin", "AADSTS7000215",
                    "client secret is wrong");
    }
    assert_int_equal(fake_count(&fake, "POST /token"), 1);
    fake_run(&fake, 1020);
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "AADSTS999", "[secret] is what you sent");
    assert_int_equal(fake_count(&fake, "POST /token"), 2);
    assert_int_equal(fake_count(&fake, "POST /listKeys"), 0);
    fake_close(&fake);
}

TEST(who_comes_soon_after_a_refused_sign_in_hears_the_same_and_asks_nobody)
{
    FAKE_OPEN(&fake, {"POST /token", 401, "{\"error\":\"invalid_client\"}"}, KEYS);
    for (int i = 0; i < 20; i++) {
        fake_list_keys(&fake);
        FAKE_FAILED(&fake, FAILURE_DENIED, "cannot list the keys of swin", "invalid_client");
    }
    assert_int_equal(fake_count(&fake, "POST /token"), 1);
    fake_close(&fake);
}

TEST(the_pause_after_a_throttled_sign_in_is_the_one_asked_for)
{
    FAKE_OPEN(&fake, {"POST /token", 429, "{\"error\":\"x\"}", "Retry-After: 40", .times = 1},
              TOKEN, KEYS);
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_THROTTLED, "HTTP 429");
    fake_run(&fake, 1020);
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_THROTTLED, "HTTP 429");
    assert_int_equal(fake_count(&fake, "POST /token"), 1);
    fake_close(&fake);
}

TEST(tokens_that_are_refused_one_after_the_other_are_not_asked_for_at_once)
{
    FAKE_OPEN(&fake, TOKEN,
              {"POST /listKeys", 401,
               "{\"error\":{\"code\":\"InvalidAuthenticationTokenTenant\",\"message\":\"x\"}}"});
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "InvalidAuthenticationTokenTenant");
    for (int i = 0; i < 20; i++) {
        fake_list_keys(&fake);
        FAKE_FAILED(&fake, FAILURE_DENIED, "were refused by http://127.0.0.1");
    }
    assert_int_equal(fake_count(&fake, "POST /token"), 2);
    assert_int_equal(fake_count(&fake, "POST /listKeys"), 2);
    fake_run(&fake, 1020);
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "InvalidAuthenticationTokenTenant");
    assert_int_equal(fake_count(&fake, "POST /token"), 3);
    assert_int_equal(fake_count(&fake, "POST /listKeys"), 3);
    fake_close(&fake);
}

TEST(tokens_refused_now_and_then_cause_no_pause)
{
    FAKE_OPEN(&fake, TOKEN, {"POST /listKeys", 401, .times = 1}, KEYS,
              {"GET /swin", 401, .times = 1}, {"GET /swin", 404});
    for (int i = 0; i < 2; i++) {
        fake_list_keys(&fake);
        fake_assert_ok(&fake);
    }
    fake_get(&fake);
    FAKE_FAILED(&fake, FAILURE_NOT_FOUND, "HTTP 404");
    assert_int_equal(fake_count(&fake, "POST /token"), 3);
    fake_close(&fake);
}

TEST(a_token_is_used_for_most_of_its_life_and_then_replaced)
{
    FAKE_OPEN(
        &fake,
        {"POST /token", 200, "{\"access_token\":\"canary-1\",\"expires_in\":\"3\"}", .times = 1},
        {"POST /token", 200, "{\"access_token\":\"canary-2\",\"expires_in\":\"3600\"}"}, KEYS);
    fake_list_keys(&fake);
    fake_list_keys(&fake);
    assert_int_equal(fake_count(&fake, "POST /token"), 1);
    fake_run(&fake, 2450);
    fake_list_keys(&fake);
    assert_string_equal(fake_last(&fake, "POST /listKeys")->authorization, "Bearer canary-2");
    assert_int_equal(fake_count(&fake, "POST /token"), 2);
    fake_close(&fake);
}

TEST(a_failed_refresh_leaves_the_old_token_in_use_while_it_lives)
{
    FAKE_OPEN(&fake,
              {"POST /token", 200,
               "{\"access_token\":\"canary-1\",\"expires_in\":3600,\"refresh_in\":1}", .times = 1},
              {"POST /token", 400, "{\"error\":\"x\"}"}, KEYS);
    fake_list_keys(&fake);
    fake_run(&fake, 1020);
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    assert_int_equal(fake_count(&fake, "POST /token"), 2);
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    assert_int_equal(fake_count(&fake, "POST /token"), 2);
    fake_close(&fake);
}

TEST(a_401_drops_the_token_and_tries_once_more_with_a_fresh_one)
{
    FAKE_OPEN(&fake, {"POST /token", 200, FAKE_TOKEN, .times = 1},
              {"POST /token", 200, "{\"access_token\":\"canary-2\",\"expires_in\":3600}"},
              {"POST /listKeys", 401, .times = 1}, KEYS);
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    assert_int_equal(fake_count(&fake, "POST /token"), 2);
    assert_string_equal(fake_last(&fake, "POST /listKeys")->authorization, "Bearer canary-2");
    fake_close(&fake);
}

TEST(a_second_401_is_the_answer)
{
    FAKE_OPEN(&fake, TOKEN,
              {"POST /listKeys", 401,
               "{\"error\":{\"code\":\"InvalidAuthenticationToken\",\"message\":\"The token "
               "'canary-TOKEN-1' is bad.\"}}"});
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "HTTP 401 InvalidAuthenticationToken", "'[secret]' is bad");
    assert_int_equal(fake_count(&fake, "POST /listKeys"), 2);
    assert_int_equal(fake_count(&fake, "POST /token"), 2);
    fake_close(&fake);
}

TEST(waiting_for_a_token_ends_with_the_deadline)
{
    struct fake_step steps[] = {{"POST /token", 0}};

    fake_open(&fake, steps, COUNT(steps), in_a_hurry);
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_TIMEOUT, "cannot list the keys of swin");
    fake_close(&fake);
}

/* ---- life ------------------------------------------------------------------------------------ */

TEST(closing_ends_all_with_canceled_before_closed_runs)
{
    const struct azure_key_kind *kind = azure_key_kind_named(TEXT("azureml-online-endpoint"));

    FAKE_OPEN(&fake, {"POST /token", 0});
    for (int i = 0; i < 3; i++)
        azure_list_keys(fake.client, kind, TEXT(FAKE_ID), 0, fake_on_keys, &fake);
    fake_run(&fake, 30);
    azure_client_close(fake.client, NULL, NULL);
    assert_null(azure_list_keys(fake.client, kind, TEXT(FAKE_ID), 0, fake_on_keys, &fake));
    fake.client = NULL;
    assert_int_equal(fake.done_count, 0);
    fake_run(&fake, 30);
    assert_int_equal(fake.done_count, 3);
    FAKE_FAILED(&fake, FAILURE_CANCELED, "cancel");
    fake_close(&fake);
}

static void close_inside_done(const struct azure_keys *keys, const struct failure *failure,
                              void *context)
{
    fake_on_keys(keys, failure, context);
    if (fake.client)
        azure_client_close(fake.client, NULL, NULL);
    fake.client = NULL;
}

TEST(a_done_may_close_the_client_and_the_others_still_hear_of_it)
{
    const struct azure_key_kind *kind = azure_key_kind_named(TEXT("azureml-online-endpoint"));

    FAKE_OPEN(&fake, {"POST /token", 400, "{\"error\":\"x\"}"});
    for (int i = 0; i < 3; i++)
        azure_list_keys(fake.client, kind, TEXT(FAKE_ID), 0, close_inside_done, &fake);
    while (fake.done_count < 3) {
        fake.is_done = false;
        fake_wait(&fake);
    }
    assert_int_equal(fake.kind_count[FAILURE_DENIED], 1);
    assert_int_equal(fake.kind_count[FAILURE_CANCELED], 2);
    fake_run(&fake, 20);
    fake_close(&fake);
}

static void list_again_inside_done(const struct azure_keys *keys, const struct failure *failure,
                                   void *context)
{
    const struct azure_key_kind *kind = azure_key_kind_named(TEXT("azureml-online-endpoint"));

    fake_on_keys(keys, failure, context);
    if (failure)
        azure_list_keys(fake.client, kind, TEXT(FAKE_ID), 0, fake_on_keys, context);
}

TEST(a_done_that_starts_again_belongs_to_the_next_round)
{
    const struct azure_key_kind *kind = azure_key_kind_named(TEXT("azureml-online-endpoint"));

    FAKE_OPEN(&fake, {"POST /token", 400, "{\"error\":\"x\"}", .times = 1}, TOKEN, KEYS);
    azure_list_keys(fake.client, kind, TEXT(FAKE_ID), 0, list_again_inside_done, &fake);
    while (fake.done_count < 2) {
        fake.is_done = false;
        fake_wait(&fake);
    }
    assert_int_equal(fake.kind_count[FAILURE_DENIED], 2);
    assert_int_equal(fake_count(&fake, "POST /token"), 1);
    fake_run(&fake, 1020);
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    assert_int_equal(fake_count(&fake, "POST /token"), 2);
    fake_close(&fake);
}

TEST(settings_that_make_no_sense_open_nothing)
{
    static const struct {
        struct azure_settings settings;
        const char *words;
    } bad[] = {
        {{.credential = {.tenant_id = "t"}}, "client secret needs"},
        {{.credential = {.method = AZURE_CREDENTIAL_WORKLOAD_IDENTITY, .tenant_id = "t"}},
         "workload identity needs"},
        {{.credential = {.method = AZURE_CREDENTIAL_MANAGED_IDENTITY, .tenant_id = "a/../b"}},
         "cannot be a tenant"},
        {{.resource_manager = "https://host/path",
          .credential = {.method = AZURE_CREDENTIAL_MANAGED_IDENTITY}},
         "cannot be the Resource Manager"},
        {{.resource_manager = "http://arm.example",
          .credential = {.method = AZURE_CREDENTIAL_MANAGED_IDENTITY}},
         "arm.example"},
        {{.ca_file = "/nonexistent/ca",
          .credential = {.method = AZURE_CREDENTIAL_MANAGED_IDENTITY}},
         "/nonexistent/ca"},
    };

    FAKE_OPEN(&fake, TOKEN);
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct failure why = {0};

        assert_null(azure_client_open(fake.http, &bad[i].settings, &why));
        if (why.kind != FAILURE_INVALID || !strstr(why.text, bad[i].words))
            fail_msg("%zu: %s: %s", i, failure_kind_name(why.kind), why.text);
    }
    fake_close(&fake);
}

int main(void)
{
    return RUN(CASE(a_client_secret_goes_encoded_in_the_form_and_nowhere_else),
               CASE(a_client_secret_file_is_read_for_each_token),
               CASE(a_federated_token_file_is_read_again_and_its_newline_dropped),
               CASE(a_missing_or_empty_token_file_is_named), CASE(a_managed_identity_asks_imds),
               CASE(imds_is_never_asked_through_a_proxy),
               CASE(imds_is_asked_again_while_it_is_being_updated),
               CASE(a_machine_without_identity_is_said),
               CASE(default_chooses_secret_then_token_file_then_managed_identity),
               CASE(fifty_waiters_share_one_token_request),
               CASE(a_waiter_that_is_canceled_does_not_take_the_token_from_the_others),
               CASE(all_waiters_hear_of_a_refused_token_and_the_next_one_asks_again),
               CASE(who_comes_soon_after_a_refused_sign_in_hears_the_same_and_asks_nobody),
               CASE(the_pause_after_a_throttled_sign_in_is_the_one_asked_for),
               CASE(tokens_that_are_refused_one_after_the_other_are_not_asked_for_at_once),
               CASE(tokens_refused_now_and_then_cause_no_pause),
               CASE(a_token_is_used_for_most_of_its_life_and_then_replaced),
               CASE(a_failed_refresh_leaves_the_old_token_in_use_while_it_lives),
               CASE(a_401_drops_the_token_and_tries_once_more_with_a_fresh_one),
               CASE(a_second_401_is_the_answer), CASE(waiting_for_a_token_ends_with_the_deadline),
               CASE(closing_ends_all_with_canceled_before_closed_runs),
               CASE(a_done_may_close_the_client_and_the_others_still_hear_of_it),
               CASE(a_done_that_starts_again_belongs_to_the_next_round),
               CASE(settings_that_make_no_sense_open_nothing));
}
