/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/adapters/azure_source.h"
#include "agent/adapters/uv_clock.h"
#include "tests/support/test.h"
#include "tests/unit/azureclient/fake_azure.h"

#include <stdio.h>
#include <string.h>

#define TOKEN                                                                                      \
    {                                                                                              \
        "POST /token", 200, FAKE_TOKEN                                                             \
    }
#define KEYS "{\"primaryKey\":\"canary-a\",\"secondaryKey\":\"canary-b\"}"
#define ENDPOINT(mode)                                                                             \
    "{\"location\":\"x\",\"properties\":{\"authMode\":\"" mode                                     \
    "\",\"provisioningState\":\"Succeeded\",\"scoringUri\":\"{origin}/score\"}}"

/* ---- scene ----------------------------------------------------------------------------------- */

/* The loop's clock, whose hands a test may move. */
struct moved_clock {
    struct clock port; /* first */
    struct clock *real;
    int64_t shift;
};

static struct fake fake;
static struct moved_clock clock_;
static struct fingerprinter *fingerprinter;
static struct key_source *source;
static bool is_clock_closed;

struct outcome {
    bool is_done;
    unsigned times;
    struct failure failure;
    struct source_fact fact;
    char keys[FACT_SLOTS][64];
    struct probe probe;
    char text[3][200];
    bool has_event;
    int64_t at;
    struct operation *to_cancel;
    void (*then)(struct outcome *outcome);
};

static int64_t moved_now(struct clock *self)
{
    struct moved_clock *moved = (struct moved_clock *)self;

    return moved->real->now(moved->real) + moved->shift;
}

static struct operation *moved_after(struct clock *self, uint64_t ms, operation_done *done,
                                     void *context)
{
    struct moved_clock *moved = (struct moved_clock *)self;

    return moved->real->after(moved->real, ms, done, context);
}

static void open_source(void)
{
    struct secret *key = secret_new(TEXT("0123456789abcdef0123456789abcdef"));

    clock_ = (struct moved_clock){.port = {.now = moved_now, .after = moved_after},
                                  .real = uv_clock_open(&fake.loop)};
    fingerprinter = fingerprinter_new(key);
    source = azure_source_new(fake.client, fingerprinter, &clock_.port,
                              azure_key_kind_named(TEXT("azureml-online-endpoint")), FAKE_ID, 7);
    assert_non_null(source);
    secret_free(key);
}

#define OPEN(...)                                                                                  \
    FAKE_OPEN(&fake, TOKEN, __VA_ARGS__);                                                          \
    open_source()

static void on_clock_closed(void *context)
{
    *(bool *)context = true;
}

static void close_source(void)
{
    /* Ends what is in flight first, then nothing may use the source. */
    fake.is_done = false;
    is_clock_closed = false;
    uv_clock_close(clock_.real, on_clock_closed, &is_clock_closed);
    while (!is_clock_closed)
        uv_run(&fake.loop, UV_RUN_ONCE);
    source = azure_source_free(source);
    fingerprinter_free(fingerprinter);
    fake_close(&fake);
}

static void told(struct outcome *outcome, const struct failure *failure)
{
    outcome->is_done = true;
    outcome->times++;
    fake.is_done = true;
    if (failure)
        outcome->failure = *failure;
    if (outcome->to_cancel)
        operation_cancel(outcome->to_cancel);
    if (outcome->then)
        outcome->then(outcome);
}

static void on_keys(const struct source_keys *keys, const struct failure *failure, void *context)
{
    struct outcome *outcome = context;

    assert_true(!keys == !!failure);
    if (keys)
        outcome->fact = *keys->fact;
    for (size_t i = 0; keys && i < keys->fact->slot_count; i++)
        if (keys->keys[i])
            snprintf(outcome->keys[i], sizeof(outcome->keys[i]), "%s",
                     secret_reveal(keys->keys[i]).start);
    told(outcome, failure);
}

static void on_event(const struct source_event *event, const struct failure *failure, void *context)
{
    struct outcome *outcome = context;

    outcome->has_event = event;
    if (event) {
        snprintf(outcome->text[0], sizeof(outcome->text[0]), "%.*s", TEXT_ARG(event->by));
        snprintf(outcome->text[1], sizeof(outcome->text[1]), "%.*s", TEXT_ARG(event->address));
        snprintf(outcome->text[2], sizeof(outcome->text[2]), "%.*s", TEXT_ARG(event->request_id));
        outcome->at = event->at;
    }
    told(outcome, failure);
}

static void on_probe(const struct probe *probe, const struct failure *failure, void *context)
{
    struct outcome *outcome = context;

    assert_true(!probe == !!failure);
    if (probe) {
        outcome->probe = *probe;
        snprintf(outcome->text[0], sizeof(outcome->text[0]), "%.*s", TEXT_ARG(probe->reason));
    }
    told(outcome, failure);
}

static void on_end(const struct failure *failure, void *context)
{
    told(context, failure);
}

static void wait_for(const struct outcome *outcome)
{
    while (!outcome->is_done) {
        fake.is_done = false;
        fake_wait(&fake);
    }
    assert_int_equal(outcome->times, 1);
}

static struct operation *ask(struct outcome *outcome, uint64_t max_age_ms)
{
    struct operation *operation = source->list(source, max_age_ms, on_keys, outcome);

    assert_non_null(operation);
    assert_int_equal(outcome->times, 0);
    return operation;
}

static struct outcome list(uint64_t max_age_ms)
{
    struct outcome outcome = {0};

    ask(&outcome, max_age_ms);
    wait_for(&outcome);
    return outcome;
}

static struct outcome probe(const char *key)
{
    struct secret *secret = secret_new(text_of(key));
    struct outcome outcome = {0};

    assert_non_null(
        source->probe(source, secret, TEXT("{}"), TEXT("application/json"), on_probe, &outcome));
    secret_free(secret);
    wait_for(&outcome);
    return outcome;
}

/* ---- list ------------------------------------------------------------------------------------ */

TEST(a_source_names_its_kind_and_slots)
{
    OPEN({"POST /listKeys", 200, KEYS});
    assert_string_equal(source->kind, "azureml-online-endpoint");
    assert_string_equal(source->id, FAKE_ID);
    assert_int_equal(source->slot_count, 2);
    assert_string_equal(source->slot_names[0], "primary");
    assert_string_equal(source->slot_names[1], "secondary");
    close_source();
}

TEST(keys_come_with_their_fingerprints_and_the_time_of_the_answer)
{
    struct outcome outcome;
    int64_t before;

    OPEN({"POST /listKeys", 200, KEYS});
    before = clock_.port.now(&clock_.port);
    outcome = list(0);
    assert_int_equal(outcome.failure.kind, FAILURE_NONE);
    assert_string_equal(outcome.keys[0], "canary-a");
    assert_string_equal(outcome.keys[1], "canary-b");
    assert_true(outcome.fact.is_known);
    assert_int_equal(outcome.fact.slot_count, 2);
    assert_string_equal(outcome.fact.slot_names[1], "secondary");
    assert_false(fingerprint_equal(&outcome.fact.slots[0], &outcome.fact.slots[1]));
    assert_true(outcome.fact.at >= before && outcome.fact.at <= clock_.port.now(&clock_.port));
    close_source();
}

TEST(an_answer_young_enough_comes_from_memory_and_without_keys)
{
    struct outcome first, second;

    OPEN({"POST /listKeys", 200, KEYS});
    first = list(30000);
    assert_string_equal(first.keys[0], "canary-a");
    clock_.shift += 10000;
    second = list(30000);
    assert_int_equal(fake_count(&fake, "POST /listKeys"), 1);
    assert_true(second.fact.is_known);
    assert_true(second.fact.at == first.fact.at);
    assert_true(fingerprint_equal(&first.fact.slots[1], &second.fact.slots[1]));
    assert_string_equal(second.keys[0], "");
    assert_string_equal(list(0).keys[0], "canary-a");
    clock_.shift += 31000;
    assert_string_equal(list(30000).keys[0], "canary-a");
    assert_int_equal(fake_count(&fake, "POST /listKeys"), 3);
    close_source();
}

TEST(a_failure_is_told_to_all_and_nothing_is_remembered_of_it)
{
    struct outcome outcomes[2] = {0};

    OPEN({"POST /listKeys", 403, "{\"error\":{\"code\":\"AuthorizationFailed\",\"message\":\"m\"}}",
          .times = 1},
         {"POST /listKeys", 200, KEYS});
    ask(&outcomes[0], 0);
    ask(&outcomes[1], 0);
    wait_for(&outcomes[0]);
    wait_for(&outcomes[1]);
    assert_int_equal(outcomes[0].failure.kind, FAILURE_DENIED);
    assert_int_equal(outcomes[1].failure.kind, FAILURE_DENIED);
    assert_int_equal(list(60000).failure.kind, FAILURE_NONE);
    assert_int_equal(fake_count(&fake, "POST /listKeys"), 2);
    close_source();
}

TEST(many_waiters_share_one_request)
{
    struct outcome outcomes[10] = {0};

    OPEN({"POST /listKeys", 200, KEYS});
    for (size_t i = 0; i < 10; i++)
        ask(&outcomes[i], i % 2 ? 60000 : 0);
    for (size_t i = 0; i < 10; i++) {
        wait_for(&outcomes[i]);
        assert_string_equal(outcomes[i].keys[0], "canary-a");
    }
    assert_int_equal(fake_count(&fake, "POST /listKeys"), 1);
    close_source();
}

TEST(a_waiter_that_is_canceled_leaves_the_others_alone)
{
    struct outcome canceled = {0}, other = {0};
    struct operation *operation;

    OPEN({"POST /listKeys", 200, KEYS});
    operation = ask(&canceled, 0);
    ask(&other, 0);
    operation_cancel(operation);
    operation_cancel(operation);
    assert_int_equal(canceled.times, 0);
    wait_for(&canceled);
    wait_for(&other);
    assert_int_equal(canceled.failure.kind, FAILURE_CANCELED);
    assert_string_equal(other.keys[0], "canary-a");
    close_source();
}

TEST(a_canceled_waiter_is_told_while_the_request_goes_on)
{
    struct outcome canceled = {0}, other = {0}, last = {0};
    struct operation *operations[2];

    OPEN({"POST /listKeys", 0, .times = 1}, {"POST /listKeys", 200, KEYS});
    operations[0] = ask(&canceled, 0);
    operations[1] = ask(&other, 0);
    fake_run(&fake, 30);
    operation_cancel(operations[0]);
    wait_for(&canceled);
    assert_int_equal(other.times, 0);
    operation_cancel(operations[1]); /* the last one takes the request with it */
    ask(&last, 0);                   /* and nobody joins what is canceled */
    wait_for(&other);
    wait_for(&last);
    assert_int_equal(other.failure.kind, FAILURE_CANCELED);
    assert_string_equal(last.keys[0], "canary-a");
    close_source();
}

static struct outcome again;

static void ask_again(struct outcome *outcome)
{
    (void)outcome;
    ask(&again, 0);
}

TEST(owners_may_ask_and_cancel_from_inside_done)
{
    struct outcome first = {.then = ask_again}, second = {0}, third = {0};

    again = (struct outcome){0};
    OPEN({"POST /listKeys", 200, KEYS});
    ask(&first, 0);
    first.to_cancel = ask(&second, 0);
    ask(&third, 0);
    wait_for(&again);
    assert_int_equal(first.times, 1);
    assert_int_equal(second.times, 1);
    assert_int_equal(third.times, 1);
    assert_int_equal(second.failure.kind, FAILURE_CANCELED);
    assert_string_equal(third.keys[0], "canary-a");
    assert_string_equal(again.keys[0], "canary-a");
    assert_int_equal(fake_count(&fake, "POST /listKeys"), 2);
    close_source();
}

TEST(an_answer_from_memory_can_be_canceled)
{
    struct outcome outcome = {0};

    OPEN({"POST /listKeys", 200, KEYS});
    list(0);
    operation_cancel(ask(&outcome, 60000));
    wait_for(&outcome);
    assert_int_equal(outcome.failure.kind, FAILURE_CANCELED);
    close_source();
}

/* ---- regenerate ------------------------------------------------------------------------------ */

static struct outcome regenerate(void)
{
    struct outcome outcome = {0};

    assert_non_null(source->regenerate(source, 1, TEXT("6b1f2a3c-0000-4000-8000-000000000001"),
                                       on_end, &outcome));
    wait_for(&outcome);
    return outcome;
}

TEST(after_a_regeneration_nothing_older_is_believed)
{
    struct outcome early = {0}, late = {0};
    struct operation *waiting;

    OPEN({"POST /regenerateKeys", 202, NULL, "Location: {origin}/result\nRetry-After: 0"},
         {"GET /result", 200}, {"POST /listKeys", 200, KEYS, .times = 1},
         {"POST /listKeys", 0, .times = 1},
         {"POST /listKeys", 200, "{\"primaryKey\":\"canary-a\",\"secondaryKey\":\"canary-c\"}"});
    list(0);
    waiting = ask(&early, 0);
    fake_run(&fake, 30);
    assert_int_equal(regenerate().failure.kind, FAILURE_NONE);
    assert_string_equal(fake_last(&fake, "POST /regenerateKeys")->request_id,
                        "6b1f2a3c-0000-4000-8000-000000000001");
    assert_non_null(strstr(fake_last(&fake, "POST /regenerateKeys")->body, "Secondary"));
    ask(&late, 60000); /* neither from memory nor from the request of before */
    wait_for(&late);
    assert_string_equal(late.keys[1], "canary-c");
    assert_int_equal(early.times, 0);
    operation_cancel(waiting);
    wait_for(&early);
    assert_string_equal(list(60000).keys[1], ""); /* the later answer is what is remembered */
    close_source();
}

TEST(a_refused_regeneration_says_so)
{
    OPEN({"POST /regenerateKeys", 403,
          "{\"error\":{\"code\":\"AuthorizationFailed\",\"message\":\"m\"}}"});
    assert_int_equal(regenerate().failure.kind, FAILURE_DENIED);
    assert_int_equal(fake_count(&fake, "POST /regenerateKeys"), 1);
    close_source();
}

/* ---- who ------------------------------------------------------------------------------------- */

#define EVENT                                                                                      \
    "{\"value\":[{\"caller\":\"ana@example.org\",\"operationName\":{\"value\":"                    \
    "\"Microsoft.MachineLearningServices/workspaces/onlineEndpoints/regenerateKeys/action\"},"     \
    "\"resourceId\":\"" FAKE_ID "\",\"status\":{\"value\":\"Succeeded\"},"                         \
    "\"eventTimestamp\":\"2026-01-01T00:00:00Z\",\"httpRequest\":{\"clientIpAddress\":"            \
    "\"192.0.2.1\",\"clientRequestId\":\"6b1f2a3c-0000-4000-8000-000000000001\"},"                 \
    "\"correlationId\":\"c\",\"operationId\":\"o\"}]}"

TEST(who_regenerated_comes_with_place_and_time)
{
    struct outcome outcome = {0}, found = {0}, none = {0};

    OPEN({"GET /values", 200, EVENT, .times = 2}, {"GET /values", 200, "{\"value\":[]}"});
    assert_non_null(source->who(source, INT64_C(1767200000000), on_event, &outcome));
    wait_for(&outcome);
    assert_string_equal(outcome.failure.text, "");
    assert_string_equal(outcome.text[0], "ana@example.org");
    assert_string_equal(outcome.text[1], "192.0.2.1");
    assert_string_equal(outcome.text[2], "6b1f2a3c-0000-4000-8000-000000000001");
    assert_true(outcome.at == INT64_C(1767225600000));
    assert_non_null(source->find_request(source, TEXT("6b1f2a3c-0000-4000-8000-000000000001"),
                                         INT64_C(1767200000000), on_event, &found));
    wait_for(&found);
    assert_true(found.has_event);
    assert_non_null(source->who(source, INT64_C(1767200000000), on_event, &none));
    wait_for(&none);
    assert_int_equal(none.failure.kind, FAILURE_NONE);
    assert_false(none.has_event);
    close_source();
}

/* ---- probe ----------------------------------------------------------------------------------- */

TEST(a_probe_says_what_a_caller_with_this_key_sees)
{
    struct outcome outcome;

    OPEN({"GET /swin", 200, ENDPOINT("Key")}, {"POST /score", 200, "[1]", .times = 1},
         {"POST /score", 424, "", .times = 1},
         {"POST /score", 401, "key_auth_access_denied", .times = 1},
         {"POST /score", 500, "", .times = 1});
    outcome = probe("canary-a");
    assert_string_equal(outcome.failure.text, "");
    assert_int_equal(outcome.probe.result, PROBE_WORKS);
    assert_int_equal(outcome.probe.http_status, 200);
    assert_string_equal(fake_last(&fake, "POST /score")->authorization, "Bearer canary-a");
    assert_int_equal(probe("k").probe.result, PROBE_ACCEPTED);
    outcome = probe("k");
    assert_int_equal(outcome.probe.result, PROBE_REFUSED);
    assert_non_null(strstr(outcome.text[0], "does not know this key"));
    assert_int_equal(probe("k").probe.result, PROBE_UNDECIDED);
    assert_int_equal(fake_count(&fake, "GET /swin"), 1);
    close_source();
}

TEST(where_to_probe_is_remembered_for_ten_minutes_and_until_it_fails)
{
    OPEN({"GET /swin", 200, ENDPOINT("key")}, {"POST /score", 200, "[1]", .times = 3},
         {"POST /score", 503, .times = 1}, {"POST /score", 200, "[1]"});
    probe("k");
    clock_.shift += 599000;
    probe("k");
    assert_int_equal(fake_count(&fake, "GET /swin"), 1);
    clock_.shift += 2000;
    probe("k");
    assert_int_equal(fake_count(&fake, "GET /swin"), 2);
    assert_int_equal(probe("k").probe.result, PROBE_UNDECIDED);
    assert_int_equal(probe("k").probe.result, PROBE_WORKS);
    assert_int_equal(fake_count(&fake, "GET /swin"), 3);
    close_source();
}

TEST(an_endpoint_without_key_authentication_is_not_called)
{
    struct outcome outcome;

    OPEN({"GET /swin", 200, ENDPOINT("AADToken"), .times = 1},
         {"GET /swin", 200,
          "{\"properties\":{\"authMode\":\"Key\",\"provisioningState\":\"Creating\"}}"},
         {"POST /score", 200, "[1]"});
    outcome = probe("k");
    assert_int_equal(outcome.failure.kind, FAILURE_INVALID);
    assert_non_null(strstr(outcome.failure.text, "AADToken"));
    outcome = probe("k");
    assert_int_equal(outcome.failure.kind, FAILURE_REMOTE);
    assert_non_null(strstr(outcome.failure.text, "Creating"));
    assert_int_equal(fake_count(&fake, "POST /score"), 0);
    close_source();
}

TEST(a_probe_can_be_canceled_at_each_of_its_steps)
{
    static const char *const hanging[] = {"GET /swin", "POST /score"};

    for (size_t i = 0; i < 2; i++) {
        struct secret *key = secret_new(TEXT("canary"));
        struct outcome outcome = {0};
        struct operation *operation;

        OPEN({hanging[i], 0}, {"GET /swin", 200, ENDPOINT("Key")});
        operation = source->probe(source, key, TEXT(""), TEXT(""), on_probe, &outcome);
        secret_free(key);
        while (!fake_count(&fake, hanging[i]))
            fake_run(&fake, 5);
        operation_cancel(operation);
        assert_int_equal(outcome.times, 0);
        wait_for(&outcome);
        assert_int_equal(outcome.failure.kind, FAILURE_CANCELED);
        close_source();
    }
}

int main(void)
{
    return RUN(CASE(a_source_names_its_kind_and_slots),
               CASE(keys_come_with_their_fingerprints_and_the_time_of_the_answer),
               CASE(an_answer_young_enough_comes_from_memory_and_without_keys),
               CASE(a_failure_is_told_to_all_and_nothing_is_remembered_of_it),
               CASE(many_waiters_share_one_request),
               CASE(a_waiter_that_is_canceled_leaves_the_others_alone),
               CASE(a_canceled_waiter_is_told_while_the_request_goes_on),
               CASE(owners_may_ask_and_cancel_from_inside_done),
               CASE(an_answer_from_memory_can_be_canceled),
               CASE(after_a_regeneration_nothing_older_is_believed),
               CASE(a_refused_regeneration_says_so),
               CASE(who_regenerated_comes_with_place_and_time),
               CASE(a_probe_says_what_a_caller_with_this_key_sees),
               CASE(where_to_probe_is_remembered_for_ten_minutes_and_until_it_fails),
               CASE(an_endpoint_without_key_authentication_is_not_called),
               CASE(a_probe_can_be_canceled_at_each_of_its_steps));
}
