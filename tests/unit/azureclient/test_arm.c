/* SPDX-License-Identifier: Apache-2.0 */
/* The manners of Azure Resource Manager: what its headers and refusals are made of. */
#include "azureclient/key_kinds.h"
#include "tests/support/test.h"
#include "tests/unit/azureclient/fake_azure.h"

#include <stdio.h>
#include <string.h>

#define TOKEN                                                                                      \
    {                                                                                              \
        "POST /token", 200, FAKE_TOKEN                                                             \
    }
#define LIST       "POST /listKeys"
#define GOOD       "{\"primaryKey\":\"canary-a\",\"secondaryKey\":\"canary-b\"}"
#define NULLS      "{\"primaryKey\":null,\"secondaryKey\":null}"
#define BAD        "{\"error\":{\"code\":\"UserError\",\"message\":\"ListKeys is not supported\"}}"
#define MODE(word) "{\"properties\":{\"authMode\":\"" word "\"}}"

static struct fake fake;

/* ---- endpoints without keys ------------------------------------------------------------------ */

TEST(an_endpoint_whose_callers_bring_tokens_is_refused_with_that_reason)
{
    static const struct fake_step lists[] = {{LIST, 400, BAD}, {LIST, 200, NULLS}};

    for (size_t i = 0; i < 2; i++) {
        FAKE_OPEN(&fake, TOKEN, lists[i], {"GET /swin", 200, MODE("AADToken")});
        fake_list_keys(&fake);
        FAKE_FAILED(&fake, FAILURE_INVALID,
                    "there are no keys to list of swin: its authMode is AADToken, so its callers "
                    "bring tokens");
        assert_int_equal(fake_count(&fake, "GET /swin"), 1);
        fake_close(&fake);
    }
}

TEST(when_the_endpoint_has_keys_or_cannot_be_asked_the_first_reason_stands)
{
    static const struct fake_step endpoints[] = {
        {"GET /swin", 200, MODE("key")},
        {"GET /swin", 200, "<html>"},
        {"GET /swin", 403, NULL},
        {"GET /swin", 1, .resets = true},
    };

    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        FAKE_OPEN(&fake, TOKEN, {LIST, 400, BAD}, endpoints[i]);
        fake_list_keys(&fake);
        FAKE_FAILED(&fake, FAILURE_INVALID, "list the keys of swin: HTTP 400 UserError: ListKeys");
        fake_close(&fake);
    }
}

TEST(another_kind_is_not_asked_for_its_auth_mode)
{
    FAKE_OPEN(&fake, TOKEN, {"POST /listKeys", 400, BAD}, {"GET /m", 200, MODE("AADToken")});
    fake_list_keys_of(&fake, "maps",
                      "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/rg/"
                      "providers/Microsoft.Maps/accounts/m");
    FAKE_FAILED(&fake, FAILURE_INVALID, "HTTP 400 UserError");
    assert_int_equal(fake_count(&fake, "GET /m"), 0);
    fake_close(&fake);
}

/* ---- refusals -------------------------------------------------------------------------------- */

#define NO_RIGHT                                                                                   \
    "{\"error\":{\"code\":\"AuthorizationFailed\",\"message\":\"The client 'app' with object id "  \
    "'0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f' does not have authorization to perform action "        \
    "'Microsoft.MachineLearningServices/workspaces/onlineEndpoints/listKeys/action' over scope "   \
    "'/subscriptions/x' or the scope is invalid. If access was recently granted, please refresh "  \
    "your credentials.\"}}"

TEST(a_403_says_what_is_missing_that_roles_take_minutes_and_the_id_for_support)
{
    FAKE_OPEN(&fake, TOKEN,
              {LIST, 403, NO_RIGHT,
               "x-ms-request-id: 11111111-0000-0000-0000-000000000000\n"
               "x-ms-correlation-request-id: 22222222-0000-0000-0000-000000000000"});
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "the identity needs",
                "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/listKeys/action",
                "HTTP 403 AuthorizationFailed", "a new role assignment can take 10 minutes to work",
                "[correlation id 22222222-0000-0000-0000-000000000000]");
    fake_close(&fake);
}

TEST(without_a_correlation_id_the_request_id_is_told_and_nothing_that_is_none)
{
    FAKE_OPEN(&fake, TOKEN,
              {LIST, 409, BAD, "x-ms-correlation-request-id: <canary>\nx-ms-request-id: req:1"});
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_CONFLICT, "UserError", "[request id req:1]");
    fake_close(&fake);
}

TEST(throttled_busy_and_unavailable_are_three_things)
{
    FAKE_OPEN(&fake, TOKEN, {LIST, 429, BAD, "x-ms-retry-after-ms: 70000"});
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_THROTTLED, "HTTP 429");
    assert_int_equal(fake.failure.retry_after_ms, 70000);
    fake_close(&fake);

    FAKE_OPEN(&fake, TOKEN, {LIST, 409, BAD, "Retry-After: 9"});
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_CONFLICT, "HTTP 409");
    assert_int_equal(fake_count(&fake, LIST), 1);
    fake_close(&fake);

    FAKE_OPEN(&fake, TOKEN, {LIST, 503, BAD, "retry-after-ms: 60000"});
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_REMOTE, "HTTP 503");
    assert_int_equal(fake.failure.retry_after_ms, 60000);
    fake_close(&fake);
}

TEST(a_list_that_was_turned_away_is_asked_again_when_azure_says)
{
    FAKE_OPEN(&fake, TOKEN, {LIST, 429, NULL, "x-ms-retry-after-ms: 1", .times = 1},
              {LIST, 503, NULL, "retry-after-ms: 1", .times = 1}, {LIST, 200, GOOD});
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    assert_int_equal(fake_count(&fake, LIST), 3);
    fake_close(&fake);
}

TEST(a_subscription_without_the_provider_is_a_mistake_and_no_conflict)
{
    FAKE_OPEN(&fake, TOKEN,
              {LIST, 409,
               "{\"error\":{\"code\":\"MissingSubscriptionRegistration\",\"message\":\"The "
               "subscription is not registered to use namespace 'Microsoft.X'.\"}}"});
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_INVALID, "MissingSubscriptionRegistration: The subscription",
                "az provider register");
    fake_close(&fake);
}

TEST(a_long_sentence_of_a_regeneration_keeps_the_id_for_support)
{
    FAKE_OPEN(&fake, TOKEN,
              {"POST /regenerateKeys", 500, NO_RIGHT,
               "x-ms-correlation-request-id: 22222222-0000-0000-0000-000000000000"});
    fake_regenerate(&fake, 0);
    FAKE_FAILED(&fake, FAILURE_AMBIGUOUS, "Azure may have done it", "list the keys",
                "cannot regenerate the secondary key of swin",
                "[correlation id 22222222-0000-0000-0000-000000000000]");
    fake_close(&fake);
}

/* ---- quota ----------------------------------------------------------------------------------- */

#define SUB "00000000-1111-2222-3333-444444444444"

TEST(the_remaining_requests_are_told_per_subscription)
{
    struct azure_quota quota;

    FAKE_OPEN(
        &fake, TOKEN,
        {LIST, 200, GOOD,
         "x-ms-ratelimit-remaining-subscription-writes: 199\n"
         "x-ms-ratelimit-remaining-subscription-global-writes: 2999\n"
         "x-ms-ratelimit-remaining-tenant-reads: many\n"
         "x-ms-ratelimit-remaining-resource: "
         "Microsoft.X/Get3Min;139,Microsoft.X/Get30Min;97,x;many,y;200",
         .times = 1},
        {LIST, 200, GOOD, NULL, .times = 1},
        {LIST, 429, NULL, "x-ms-ratelimit-remaining-subscription-writes: 0\nRetry-After: 60"});
    azure_client_quota(fake.client, TEXT(SUB), &quota);
    assert_int_equal(quota.at, 0);
    assert_int_equal(quota.writes, -1);

    fake_list_keys(&fake);
    azure_client_quota(fake.client, TEXT(SUB), &quota);
    assert_true(quota.at > 0);
    assert_int_equal(quota.writes, 199);
    assert_int_equal(quota.global_writes, 2999);
    assert_int_equal(quota.reads, -1);
    assert_int_equal(quota.tenant_reads, -1);
    assert_int_equal(quota.resource, 97);
    azure_client_quota(fake.client, TEXT("11111111-1111-2222-3333-444444444444"), &quota);
    assert_int_equal(quota.writes, -1);

    fake_list_keys(&fake); /* says nothing: what was said before stays */
    azure_client_quota(fake.client, TEXT(SUB), &quota);
    assert_int_equal(quota.writes, 199);
    fake_list_keys(&fake);
    azure_client_quota(fake.client, TEXT(SUB), &quota);
    assert_int_equal(quota.writes, 0);
    assert_int_equal(quota.resource, -1);
    fake_close(&fake);
}

/* What is known of the i-th subscription after asking something about it, or without. */
static int64_t writes_of(int i, bool asks)
{
    struct azure_quota quota;
    char id[200], subscription[40];

    snprintf(subscription, sizeof(subscription), "00000000-1111-2222-3333-%012d", i);
    snprintf(id, sizeof(id),
             "/subscriptions/%s/resourceGroups/rg/providers/Microsoft.Maps/accounts/m",
             subscription);
    if (asks) {
        fake_list_keys_of(&fake, "maps", id);
        fake_assert_ok(&fake);
    }
    azure_client_quota(fake.client, text_of(subscription), &quota);
    return quota.writes;
}

TEST(of_too_many_subscriptions_the_one_not_asked_for_longest_is_forgotten)
{
    FAKE_OPEN(&fake, TOKEN, {LIST, 200, GOOD, "x-ms-ratelimit-remaining-subscription-writes: 5"});
    writes_of(0, true);
    writes_of(1, true);
    fake_run(&fake, 5); /* those two are older now */
    for (int i = 2; i < 64; i++)
        writes_of(i, true);
    assert_int_equal(writes_of(0, true), 5);
    assert_int_equal(writes_of(1, false), 5);
    assert_int_equal(writes_of(64, true), 5);
    assert_int_equal(writes_of(1, false), -1);
    for (int i = 2; i < 64; i++)
        assert_int_equal(writes_of(i, false), 5);
    assert_int_equal(writes_of(0, false), 5);
    fake_close(&fake);
}

int main(void)
{
    return RUN(CASE(an_endpoint_whose_callers_bring_tokens_is_refused_with_that_reason),
               CASE(when_the_endpoint_has_keys_or_cannot_be_asked_the_first_reason_stands),
               CASE(another_kind_is_not_asked_for_its_auth_mode),
               CASE(a_403_says_what_is_missing_that_roles_take_minutes_and_the_id_for_support),
               CASE(without_a_correlation_id_the_request_id_is_told_and_nothing_that_is_none),
               CASE(throttled_busy_and_unavailable_are_three_things),
               CASE(a_list_that_was_turned_away_is_asked_again_when_azure_says),
               CASE(a_subscription_without_the_provider_is_a_mistake_and_no_conflict),
               CASE(a_long_sentence_of_a_regeneration_keeps_the_id_for_support),
               CASE(the_remaining_requests_are_told_per_subscription),
               CASE(of_too_many_subscriptions_the_one_not_asked_for_longest_is_forgotten));
}
