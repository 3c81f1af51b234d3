/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"
#include "tests/unit/azureclient/fake_azure.h"

#include <string.h>

#define TOKEN                                                                                      \
    {                                                                                              \
        "POST /token", 200, FAKE_TOKEN                                                             \
    }

#define GROUP "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/rg-a"

static struct fake fake;

/* ---- list ------------------------------------------------------------------------------------ */

TEST(keys_are_listed_by_a_post_without_a_body)
{
    FAKE_OPEN(
        &fake, TOKEN,
        {"POST /listKeys", 200, "{\"primaryKey\":\"canary-a\",\"secondaryKey\":\"canary-b\"}"});
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    assert_string_equal(fake.keys[0], "primary=canary-a");
    assert_string_equal(fake.keys[1], "secondary=canary-b");
    assert_string_equal(fake_last(&fake, "POST /listKeys")->path, FAKE_ID "/listKeys");
    assert_string_equal(fake_last(&fake, "POST /listKeys")->query, "api-version=2024-04-01");
    assert_string_equal(fake_last(&fake, "POST /listKeys")->length, "0");
    fake_close(&fake);
}

TEST(listing_is_repeated_after_a_lost_connection_and_a_500)
{
    FAKE_OPEN(&fake, TOKEN, {"POST /listKeys", 500, .times = 1},
              {"POST /listKeys", 1, .times = 1, .resets = true},
              {"POST /listKeys", 200, "{\"primaryKey\":\"a\",\"secondaryKey\":\"b\"}"});
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    assert_int_equal(fake_count(&fake, "POST /listKeys"), 3);
    fake_close(&fake);
}

TEST(a_null_key_is_no_key)
{
    FAKE_OPEN(&fake, TOKEN,
              {"POST /listKeys", 200, "{\"primaryKey\":\"canary-a\",\"secondaryKey\":null}"});
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_PROTOCOL, "127.0.0.1", "keys of swin", "no secondary key",
                "authMode");
    fake_close(&fake);
}

TEST(a_403_names_the_action_that_is_missing)
{
    FAKE_OPEN(&fake, TOKEN,
              {"POST /listKeys", 403,
               "{\"error\":{\"code\":\"AuthorizationFailed\",\"message\":\"The client 'x' does not "
               "have authorization.\"}}"});
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "cannot list the keys of swin", "the identity needs",
                "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/listKeys/action",
                "HTTP 403 AuthorizationFailed");
    assert_int_equal(fake.failure.http_status, 403);
    assert_int_equal(fake_count(&fake, "POST /listKeys"), 1);
    fake_close(&fake);
}

TEST(an_endpoint_that_is_gone_is_not_found)
{
    FAKE_OPEN(
        &fake, TOKEN,
        {"POST /listKeys", 404, "{\"error\":{\"code\":\"ResourceNotFound\",\"message\":\"m\"}}"},
        {"GET /swin", 404, "{\"error\":{\"code\":\"ResourceNotFound\",\"message\":\"m\"}}"});
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_NOT_FOUND, "swin: HTTP 404 ResourceNotFound: m");
    fake_get(&fake);
    FAKE_FAILED(&fake, FAILURE_NOT_FOUND,
                "read the properties of swin: HTTP 404 ResourceNotFound: m");
    fake_close(&fake);
}

TEST(throttling_says_when_to_come_back)
{
    FAKE_OPEN(&fake, TOKEN,
              {"POST /listKeys", 429,
               "{\"error\":{\"code\":\"SubscriptionRequestsThrottled\",\"message\":\"slow\"}}",
               "Retry-After: 7"});
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_THROTTLED, "HTTP 429 SubscriptionRequestsThrottled: slow");
    assert_int_equal(fake.failure.retry_after_ms, 7000);
    assert_int_equal(fake_count(&fake, "POST /listKeys"), 1); /* 7 s are more than there is time */
    fake_close(&fake);
}

TEST(broken_and_foreign_answers_are_refused_without_showing_them)
{
    static const char *const bodies[] = {"<html>canary", "{\"primaryKey\":\"canary", "",
                                         "[\"canary\"]",
                                         "{\"primaryKey\":\"canary\",\"primaryKey\":\"canary\"}"};

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        FAKE_OPEN(&fake, TOKEN, {"POST /listKeys", 200, bodies[i]});
        fake_list_keys(&fake);
        FAKE_FAILED(&fake, FAILURE_PROTOCOL, "cannot list the keys of swin");
        fake_close(&fake);
    }
}

static void on_nothing(const struct azure_endpoint *endpoint, const struct failure *failure,
                       void *context)
{
    (void)endpoint;
    fake_on_end(failure, context);
}

TEST(an_id_that_is_none_is_refused_and_nothing_is_sent)
{
    const struct azure_key_kind *kind = azure_key_kind_named(TEXT("azureml-online-endpoint"));

    FAKE_OPEN(&fake, TOKEN);
    azure_list_keys(fake.client, kind, TEXT("/subscriptions/../x"), 0, fake_on_keys, &fake);
    assert_false(fake.is_done);
    fake_wait(&fake);
    FAKE_FAILED(&fake, FAILURE_INVALID, "no resource id", "is not a GUID");
    fake.is_done = false;
    azure_get_endpoint(fake.client, TEXT(FAKE_ID "/listKeys"), on_nothing, &fake);
    fake_wait(&fake);
    FAKE_FAILED(&fake, FAILURE_INVALID, "it ends with a type, not with a name");
    assert_int_equal(fake.request_count, 0);
    fake_close(&fake);
}

/* ---- cancel ---------------------------------------------------------------------------------- */

TEST(a_call_in_flight_can_be_canceled)
{
    const struct azure_key_kind *kind = azure_key_kind_named(TEXT("azureml-online-endpoint"));
    struct operation *operation;

    FAKE_OPEN(&fake, TOKEN, {"POST /listKeys", 0});
    operation = azure_list_keys(fake.client, kind, TEXT(FAKE_ID), 0, fake_on_keys, &fake);
    while (!fake_count(&fake, "POST /listKeys"))
        uv_run(&fake.loop, UV_RUN_ONCE);
    operation_cancel(operation);
    assert_false(fake.is_done);
    fake_wait(&fake);
    FAKE_FAILED(&fake, FAILURE_CANCELED, "cancel");
    assert_int_equal(fake.done_count, 1);
    fake_close(&fake);
}

/* ---- get ------------------------------------------------------------------------------------- */

TEST(an_endpoint_tells_where_and_how_it_is_called)
{
    FAKE_OPEN(&fake, TOKEN,
              {"GET /swin", 200,
               "{\"location\":\"eastus\",\"properties\":{\"authMode\":\"Key\",\"scoringUri\":"
               "\"https://swin.example/score\",\"provisioningState\":\"Succeeded\"}}"});
    fake_get(&fake);
    fake_assert_ok(&fake);
    assert_string_equal(fake.text[0], "https://swin.example/score");
    assert_string_equal(fake.text[1], "Key");
    assert_string_equal(fake.text[2], "Succeeded");
    assert_string_equal(fake.text[3], "eastus");
    assert_string_equal(fake_last(&fake, "GET /swin")->query, "api-version=2024-04-01");
    fake_close(&fake);
}

TEST(a_serverless_endpoint_has_other_names_for_the_same)
{
    FAKE_OPEN(&fake, TOKEN,
              {"GET /less", 200,
               "{\"properties\":{\"authMode\":\"Key\",\"endpointState\":\"Online\","
               "\"inferenceEndpoint\":{\"uri\":\"https://less.example\"}}}"});
    fake_get_of(&fake, GROUP "/providers/Microsoft.MachineLearningServices/workspaces/ws-a/"
                             "serverlessEndpoints/less");
    fake_assert_ok(&fake);
    assert_string_equal(fake.text[0], "https://less.example");
    assert_string_equal(fake.text[1], "Key");
    assert_string_equal(fake.text[2], "Online");
    fake_get_of(&fake, GROUP "/providers/Microsoft.Maps/accounts/m");
    FAKE_FAILED(&fake, FAILURE_INVALID, "m is no endpoint of Azure ML");
    assert_int_equal(fake.request_count, 2);
    fake_close(&fake);
}

TEST(an_endpoint_without_auth_mode_is_not_believed)
{
    FAKE_OPEN(&fake, TOKEN, {"GET /swin", 200, "{\"properties\":{}}"});
    fake_get(&fake);
    FAKE_FAILED(&fake, FAILURE_PROTOCOL, "properties.authMode");
    fake_close(&fake);
}

int main(void)
{
    return RUN(CASE(keys_are_listed_by_a_post_without_a_body),
               CASE(listing_is_repeated_after_a_lost_connection_and_a_500),
               CASE(a_null_key_is_no_key), CASE(a_403_names_the_action_that_is_missing),
               CASE(an_endpoint_that_is_gone_is_not_found), CASE(throttling_says_when_to_come_back),
               CASE(broken_and_foreign_answers_are_refused_without_showing_them),
               CASE(an_id_that_is_none_is_refused_and_nothing_is_sent),
               CASE(a_call_in_flight_can_be_canceled),
               CASE(an_endpoint_tells_where_and_how_it_is_called),
               CASE(a_serverless_endpoint_has_other_names_for_the_same),
               CASE(an_endpoint_without_auth_mode_is_not_believed));
}
