/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"
#include "tests/unit/azureclient/fake_azure.h"

#include <string.h>

#define TOKEN                                                                                      \
    {                                                                                              \
        "POST /token", 200, FAKE_TOKEN                                                             \
    }
#define POST     "POST /regenerateKeys"
#define STATUS   "Azure-AsyncOperation: {origin}/subscriptions/s/status?api-version=1&t=a%2Fb"
#define LOCATION "Location: {origin}/subscriptions/s/result?api-version=1"
#define SOON     "\nRetry-After: 0"
#define RUNNING  "{\"status\":\"InProgress\"}"
#define DONE     "{\"status\":\"succeeded\"}"

static struct fake fake;

static unsigned posts(void)
{
    return fake_count(&fake, POST);
}

/* ---- well ------------------------------------------------------------------------------------ */

TEST(a_plain_200_or_204_is_the_end)
{
    for (int status = 200; status <= 204; status += 4) {
        FAKE_OPEN(&fake, TOKEN, {POST, status});
        fake_regenerate(&fake, 0);
        fake_assert_ok(&fake);
        assert_string_equal(fake_last(&fake, POST)->body, "{\"keyType\":\"Secondary\"}");
        assert_string_equal(fake_last(&fake, POST)->path, FAKE_ID "/regenerateKeys");
        assert_string_equal(fake_last(&fake, POST)->request_id,
                            "6b1f2a3c-0000-4000-8000-000000000001");
        fake_close(&fake);
    }
}

TEST(the_monitor_is_asked_until_the_end_and_then_location_once)
{
    FAKE_OPEN(&fake, TOKEN, {POST, 202, NULL, STATUS "\n" LOCATION SOON},
              {"GET /status", 200, RUNNING, "Retry-After: 0", .times = 2},
              {"GET /status", 200, DONE}, {"GET /result", 200});
    fake_regenerate(&fake, 0);
    fake_assert_ok(&fake);
    assert_int_equal(posts(), 1);
    assert_int_equal(fake_count(&fake, "GET /status"), 3);
    assert_int_equal(fake_count(&fake, "GET /result"), 1);
    assert_string_equal(fake_last(&fake, "GET /status")->query, "api-version=1&t=a%2Fb");
    assert_string_equal(fake_last(&fake, "GET /status")->authorization, "Bearer canary-TOKEN-1");
    fake_close(&fake);
}

TEST(a_monitor_alone_is_enough)
{
    FAKE_OPEN(&fake, TOKEN, {POST, 202, NULL, STATUS SOON}, {"GET /status", 200, DONE});
    fake_regenerate(&fake, 0);
    fake_assert_ok(&fake);
    assert_int_equal(fake.request_count, 3);
    fake_close(&fake);
}

TEST(location_alone_is_asked_until_it_is_not_202)
{
    FAKE_OPEN(&fake, TOKEN, {POST, 202, NULL, LOCATION SOON},
              {"GET /result", 202, NULL, "Location: {origin}/moved\nRetry-After: 0"},
              {"GET /moved", 202, NULL, "Retry-After: 0", .times = 1}, {"GET /moved", 204});
    fake_regenerate(&fake, 0);
    fake_assert_ok(&fake);
    assert_int_equal(fake_count(&fake, "GET /result"), 1);
    assert_int_equal(fake_count(&fake, "GET /moved"), 2);
    fake_close(&fake);
}

TEST(retry_after_is_obeyed_with_a_floor_and_a_default)
{
    uint64_t began;

    FAKE_OPEN(&fake, TOKEN, {POST, 202, NULL, LOCATION "\nRetry-After: 1"}, {"GET /result", 200});
    began = uv_hrtime();
    fake_regenerate(&fake, 0);
    fake_assert_ok(&fake);
    assert_true(uv_hrtime() - began >= 1000000000);
    fake_close(&fake);

    FAKE_OPEN(&fake, TOKEN, {POST, 202, NULL, LOCATION SOON}, {"GET /result", 200});
    began = uv_hrtime();
    fake_regenerate(&fake, 0);
    assert_true(uv_hrtime() - began >= 95000000);
    fake_close(&fake);

    FAKE_OPEN(&fake, TOKEN, {POST, 202, NULL, LOCATION}, {"GET /result", 200});
    began = uv_hrtime();
    fake_regenerate(&fake, 0);
    assert_true(uv_hrtime() - began >= 1990000000);
    fake_close(&fake);
}

TEST(looking_goes_on_after_429_500_and_a_lost_connection)
{
    FAKE_OPEN(&fake, TOKEN, {POST, 202, NULL, STATUS SOON},
              {"GET /status", 429, NULL, "Retry-After: 0", .times = 1},
              {"GET /status", 500, NULL, NULL, .times = 1},
              {"GET /status", 1, NULL, NULL, .times = 1, .resets = true},
              {"GET /status", 503, NULL, "Retry-After: 0", .times = 4}, {"GET /status", 200, DONE});
    fake_regenerate(&fake, 0);
    fake_assert_ok(&fake);
    assert_int_equal(posts(), 1);
    fake_close(&fake);
}

TEST(a_look_that_meets_401_takes_a_fresh_token)
{
    FAKE_OPEN(&fake, {"POST /token", 200, FAKE_TOKEN, .times = 1},
              {"POST /token", 200, "{\"access_token\":\"canary-2\",\"expires_in\":3600}"},
              {POST, 202, NULL, STATUS SOON}, {"GET /status", 401, .times = 1},
              {"GET /status", 200, DONE});
    fake_regenerate(&fake, 0);
    fake_assert_ok(&fake);
    assert_string_equal(fake_last(&fake, "GET /status")->authorization, "Bearer canary-2");
    fake_close(&fake);
}

/* ---- at most once ---------------------------------------------------------------------------- */

TEST(a_429_is_sent_again_with_the_same_request_id)
{
    FAKE_OPEN(&fake, TOKEN, {POST, 429, NULL, "Retry-After: 0", .times = 1}, {POST, 200});
    fake_regenerate(&fake, 0);
    fake_assert_ok(&fake);
    assert_int_equal(posts(), 2);
    assert_string_equal(fake_last(&fake, POST)->request_id, "6b1f2a3c-0000-4000-8000-000000000001");
    fake_close(&fake);
}

TEST(a_proxys_page_in_place_of_the_answer_is_ambiguous)
{
    FAKE_OPEN(&fake, TOKEN, {POST, 200, "<!DOCTYPE html><html><body>Sign in</body></html>"});
    fake_regenerate(&fake, 0);
    FAKE_FAILED(&fake, FAILURE_AMBIGUOUS, "secondary key of swin", "list the keys");
    assert_int_equal(posts(), 1);
    fake_close(&fake);
}

TEST(a_500_or_503_is_ambiguous_and_sent_once)
{
    static const int statuses[] = {500, 502, 503, 504, 408};

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        FAKE_OPEN(&fake, TOKEN,
                  {POST, statuses[i],
                   "{\"error\":{\"code\":\"ServiceError\",\"message\":\"canary-TOKEN-1 broke\"}}",
                   "Retry-After: 0"});
        fake_regenerate(&fake, 0);
        FAKE_FAILED(&fake, FAILURE_AMBIGUOUS, "secondary key of swin", "list the keys",
                    "ServiceError: [secret] broke");
        assert_int_equal(fake.failure.http_status, statuses[i]);
        fake_run(&fake, 50);
        assert_int_equal(posts(), 1);
        fake_close(&fake);
    }
}

TEST(a_lost_answer_is_ambiguous_and_sent_once)
{
    FAKE_OPEN(&fake, TOKEN, {POST, 1, .resets = true});
    fake_regenerate(&fake, 0);
    FAKE_FAILED(&fake, FAILURE_AMBIGUOUS, "list the keys");
    fake_run(&fake, 50);
    assert_int_equal(posts(), 1);
    fake_close(&fake);
}

TEST(a_lost_answer_on_a_kept_connection_is_ambiguous_and_sent_once)
{
    FAKE_OPEN(&fake, TOKEN,
              {"POST /listKeys", 200, "{\"primaryKey\":\"a\",\"secondaryKey\":\"b\"}"},
              {POST, 1, .resets = true});
    fake_list_keys(&fake);
    fake_regenerate(&fake, 0);
    FAKE_FAILED(&fake, FAILURE_AMBIGUOUS, "list the keys");
    fake_run(&fake, 50);
    assert_int_equal(posts(), 1);
    fake_close(&fake);
}

TEST(no_answer_in_time_is_ambiguous_and_sent_once)
{
    FAKE_OPEN(&fake, TOKEN, {POST, 0});
    fake_regenerate(&fake, 200);
    FAKE_FAILED(&fake, FAILURE_AMBIGUOUS, "list the keys");
    fake_run(&fake, 50);
    assert_int_equal(posts(), 1);
    fake_close(&fake);
}

static void with_nobody_at_arm(struct azure_settings *settings, struct fake *unused)
{
    (void)unused;
    settings->resource_manager = "http://127.0.0.1:1";
}

TEST(a_connection_that_was_never_made_leaves_no_doubt)
{
    const struct fake_step steps[] = {TOKEN};

    fake_open(&fake, steps, 1, with_nobody_at_arm);
    fake_regenerate(&fake, 300);
    FAKE_FAILED(&fake, FAILURE_NETWORK, "secondary key of swin", "127.0.0.1:1");
    fake_close(&fake);
}

TEST(a_refusal_is_final_and_said)
{
    static const struct {
        int status;
        enum failure_kind kind;
    } refusals[] = {{400, FAILURE_INVALID},   {401, FAILURE_DENIED},   {403, FAILURE_DENIED},
                    {404, FAILURE_NOT_FOUND}, {409, FAILURE_CONFLICT}, {307, FAILURE_PROTOCOL}};

    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        FAKE_OPEN(&fake, TOKEN,
                  {POST, refusals[i].status, "{\"error\":{\"code\":\"Code1\",\"message\":\"m\"}}",
                   "Location: {origin}/elsewhere"});
        fake_regenerate(&fake, 0);
        FAKE_FAILED(&fake, refusals[i].kind, "secondary key of swin", "Code1: m");
        assert_int_equal(posts(), 1);
        assert_int_equal(fake_count(&fake, "POST /elsewhere"), 0);
        fake_close(&fake);
    }
}

TEST(without_a_token_nothing_is_regenerated)
{
    FAKE_OPEN(&fake, {"POST /token", 400, "{\"error\":\"x\"}"}, {POST, 200});
    fake_regenerate(&fake, 0);
    FAKE_FAILED(&fake, FAILURE_DENIED, "no token");
    assert_int_equal(posts(), 0);
    fake_close(&fake);
}

/* ---- following ------------------------------------------------------------------------------- */

TEST(an_operation_elsewhere_is_refused_and_no_token_goes_there)
{
    static const char *const headers[] = {
        "Azure-AsyncOperation: http://localhost:9/x\nRetry-After: 0",
        "Azure-AsyncOperation: /subscriptions/x\nRetry-After: 0",
        "Azure-AsyncOperation: https://evil.example/x\nRetry-After: 0\nLocation: {origin}/ok",
        "Location: https://127.0.0.1/x\nRetry-After: 0",
        "Location: //127.0.0.1/x\nRetry-After: 0",
        "Location: {origin}@evil.example/x\nRetry-After: 0",
    };

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        FAKE_OPEN(&fake, TOKEN, {POST, 202, NULL, headers[i]}, {"GET ", 200, DONE});
        fake_regenerate(&fake, 2000);
        FAKE_FAILED(&fake, FAILURE_AMBIGUOUS, "not followed", "list the keys");
        assert_int_equal(fake.request_count, 2);
        fake_close(&fake);
    }
}

TEST(an_operation_that_moves_elsewhere_is_refused_too)
{
    FAKE_OPEN(&fake, TOKEN, {POST, 202, NULL, STATUS SOON},
              {"GET /status", 200, RUNNING, "Azure-AsyncOperation: https://evil.example/x"});
    fake_regenerate(&fake, 2000);
    FAKE_FAILED(&fake, FAILURE_AMBIGUOUS, "https://evil.example", "not followed");
    fake_close(&fake);
}

TEST(an_accepted_call_that_names_no_operation_is_ambiguous)
{
    FAKE_OPEN(&fake, TOKEN, {POST, 202});
    fake_regenerate(&fake, 0);
    FAKE_FAILED(&fake, FAILURE_AMBIGUOUS, "names no operation", "list the keys");
    fake_close(&fake);
}

TEST(a_failed_or_canceled_operation_is_a_failure_with_its_reason)
{
    FAKE_OPEN(
        &fake, TOKEN, {POST, 202, NULL, STATUS "\n" LOCATION SOON},
        {"GET /status", 200,
         "{\"status\":\"failed\",\"error\":{\"code\":\"KeyVaultError\",\"message\":\"the vault "
         "refused canary-TOKEN-1\"}}"});
    fake_regenerate(&fake, 0);
    FAKE_FAILED(&fake, FAILURE_REMOTE, "Azure could not do it: KeyVaultError: the vault refused");
    assert_int_equal(fake_count(&fake, "GET /result"), 0);
    fake_close(&fake);

    FAKE_OPEN(&fake, TOKEN, {POST, 202, NULL, STATUS SOON},
              {"GET /status", 200, "{\"status\":\"CANCELED\"}"});
    fake_regenerate(&fake, 0);
    FAKE_FAILED(&fake, FAILURE_REMOTE, "canceled at Azure");
    fake_close(&fake);
}

TEST(a_monitor_that_cannot_be_read_is_ambiguous)
{
    static const struct fake_step monitors[] = {
        {"GET /status", 404, "{\"error\":{\"code\":\"NotFound\",\"message\":\"gone\"}}"},
        {"GET /status", 403, NULL},
        {"GET /status", 200, "<html>"},
        {"GET /status", 200, "{}"},
        {"GET /status", 302, NULL, "Location: https://evil.example/"},
    };

    for (size_t i = 0; i < sizeof(monitors) / sizeof(monitors[0]); i++) {
        FAKE_OPEN(&fake, TOKEN, {POST, 202, NULL, STATUS SOON}, monitors[i]);
        fake_regenerate(&fake, 3000);
        FAKE_FAILED(&fake, FAILURE_AMBIGUOUS, "Azure accepted it", "list the keys");
        assert_int_equal(posts(), 1);
        fake_close(&fake);
    }
}

TEST(an_operation_that_never_ends_is_ambiguous_at_the_deadline)
{
    FAKE_OPEN(&fake, TOKEN, {POST, 202, NULL, STATUS SOON},
              {"GET /status", 200, RUNNING, "Retry-After: 0"});
    fake_regenerate(&fake, 500);
    FAKE_FAILED(&fake, FAILURE_AMBIGUOUS, "did not end in time", "list the keys");
    fake_close(&fake);
}

TEST(a_wait_between_looks_can_be_canceled)
{
    struct operation *operation;

    FAKE_OPEN(&fake, TOKEN, {POST, 202, NULL, STATUS "\nRetry-After: 600"});
    operation = azure_regenerate_key(
        fake.client, azure_key_kind_named(TEXT("azureml-online-endpoint")), TEXT(FAKE_ID),
        TEXT("primary"), (struct text){0}, 0, fake_on_end, &fake);
    while (!posts())
        uv_run(&fake.loop, UV_RUN_ONCE);
    fake_run(&fake, 50);
    operation_cancel(operation);
    assert_false(fake.is_done);
    fake_wait(&fake);
    FAKE_FAILED(&fake, FAILURE_CANCELED, "cancel");
    assert_string_equal(fake_last(&fake, POST)->body, "{\"keyType\":\"Primary\"}");
    fake_close(&fake);
}

TEST(a_slot_that_is_none_is_refused)
{
    FAKE_OPEN(&fake, TOKEN);
    azure_regenerate_key(fake.client, azure_key_kind_named(TEXT("azureml-online-endpoint")),
                         TEXT(FAKE_ID), TEXT("third"), (struct text){0}, 0, fake_on_end, &fake);
    fake_wait(&fake);
    FAKE_FAILED(&fake, FAILURE_INVALID, "no key \"third\"");
    assert_int_equal(fake.request_count, 0);
    fake_close(&fake);
}

int main(void)
{
    return RUN(CASE(a_plain_200_or_204_is_the_end),
               CASE(the_monitor_is_asked_until_the_end_and_then_location_once),
               CASE(a_monitor_alone_is_enough), CASE(location_alone_is_asked_until_it_is_not_202),
               CASE(retry_after_is_obeyed_with_a_floor_and_a_default),
               CASE(looking_goes_on_after_429_500_and_a_lost_connection),
               CASE(a_look_that_meets_401_takes_a_fresh_token),
               CASE(a_429_is_sent_again_with_the_same_request_id),
               CASE(a_proxys_page_in_place_of_the_answer_is_ambiguous),
               CASE(a_500_or_503_is_ambiguous_and_sent_once),
               CASE(a_lost_answer_is_ambiguous_and_sent_once),
               CASE(a_lost_answer_on_a_kept_connection_is_ambiguous_and_sent_once),
               CASE(no_answer_in_time_is_ambiguous_and_sent_once),
               CASE(a_connection_that_was_never_made_leaves_no_doubt),
               CASE(a_refusal_is_final_and_said), CASE(without_a_token_nothing_is_regenerated),
               CASE(an_operation_elsewhere_is_refused_and_no_token_goes_there),
               CASE(an_operation_that_moves_elsewhere_is_refused_too),
               CASE(an_accepted_call_that_names_no_operation_is_ambiguous),
               CASE(a_failed_or_canceled_operation_is_a_failure_with_its_reason),
               CASE(a_monitor_that_cannot_be_read_is_ambiguous),
               CASE(an_operation_that_never_ends_is_ambiguous_at_the_deadline),
               CASE(a_wait_between_looks_can_be_canceled), CASE(a_slot_that_is_none_is_refused));
}
