/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that runs out at each allocation of each operation in turn: nothing crashes,
 * nothing is kept, `done` runs exactly once, a key is regenerated at most once, and success is only
 * said of what happened. The server runs out of the same memory, so there may also be no answer. */
#include "tests/support/scarce_memory.h"
#include "tests/support/test.h"
#include "tests/unit/azureclient/fake_azure.h"
#include "tests/unit/azureclient/posture_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORE                                                                                      \
    "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/rg/providers/"             \
    "Microsoft.AppConfiguration/configurationStores/st"
#define PAGE(first, second, next)                                                                  \
    "{\"value\":[{\"id\":\"1\",\"name\":\"" first "\",\"value\":\"canary-" first                   \
    "\"},{\"id\":\"2\",\"name\":\"" second "\",\"value\":\"canary-" second                         \
    "\"}],\"nextLink\":\"" next "\"}"

static struct fake fake;

/* Undisturbed it may take its time; where something fails the server may never answer. */
static uint32_t timeout_ms;

static void in_that_time(struct azure_settings *settings, struct fake *unused)
{
    (void)unused;
    settings->timeout_ms = timeout_ms;
}

struct errand {
    const struct fake_step *steps;
    size_t count;
    bool (*start)(void);    /* false: there was no memory to start it */
    void (*check)(void);    /* after a success */
    enum failure_kind kind; /* how it ends when there is memory */
};

/* How many operations have ended. */
static unsigned run_once(const struct errand *errand, long fail_at)
{
    unsigned started;

    timeout_ms = fail_at < 0 ? 9000 : 20;
    scarce_memory_fail_at(-1);
    fake_open(&fake, errand->steps, errand->count, in_that_time);
    scarce_memory_fail_at(fail_at);
    started = errand->start();
    if (started)
        fake_wait(&fake);
    assert_int_equal(fake.done_count, started);
    assert_true(fake_count(&fake, "POST /regenerateKey") <= 1);
    if (started && !fake.failure.kind)
        errand->check();
    assert_null(strstr(fake.failure.text, "canary"));
    fake_close(&fake);
    return started;
}

static void fail_each_in_turn(const struct errand *errand)
{
    long held, count;

    run_once(errand, -1);
    assert_int_equal(fake.failure.kind, errand->kind);
    held = scarce_memory_held();
    count = scarce_memory_allocations();
    assert_true(count > 50);
    for (long n = 0; n < count; n++) {
        run_once(errand, n);
        if (scarce_memory_held_soon(held) != held)
            fail_msg("allocation %ld failed: %ld blocks are left", n, scarce_memory_held() - held);
    }
}

/* ---- lists ----------------------------------------------------------------------------------- */

static const struct fake_step list_steps[] = {
    {"POST /token", 200, FAKE_TOKEN},
    {"POST /listKeys", 200, PAGE("Secondary", "Primary", "{origin}/next"),
     "x-ms-ratelimit-remaining-subscription-writes: 1"},
    {"GET /next", 200, PAGE("Primary Read Only", "Secondary Read Only", "")},
};

static bool start_list(void)
{
    return azure_list_keys(fake.client, azure_key_kind_named(TEXT("app-configuration")),
                           TEXT(STORE), 0, fake_on_keys, &fake);
}

static void check_list(void)
{
    assert_int_equal(fake.key_count, 4);
    assert_string_equal(fake.keys[0], "primary=canary-Primary");
    assert_string_equal(fake.keys[3], "secondaryReadonly=canary-Secondary Read Only");
}

TEST(a_list_in_pages_survives_every_allocation_that_fails)
{
    const struct errand errand = {list_steps, 3, start_list, check_list, 0};

    fail_each_in_turn(&errand);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static const struct fake_step refused_steps[] = {
    {"POST /token", 200, FAKE_TOKEN},
    {"POST /listKeys", 400,
     "{\"error\":{\"code\":\"UserError\",\"message\":\"no keys\",\"innererror\":{\"code\":\"B\"}}}",
     "x-ms-correlation-request-id: 1"},
    {"GET /swin", 200, "{\"properties\":{\"authMode\":\"AADToken\"}}"},
};

static bool start_refused(void)
{
    return azure_list_keys(fake.client, azure_key_kind_named(TEXT("azureml-online-endpoint")),
                           TEXT(FAKE_ID), 0, fake_on_keys, &fake);
}

static void check_refused(void)
{
    fail_msg("a list that was refused went well");
}

TEST(a_refusal_survives_every_allocation_that_fails)
{
    const struct errand errand = {refused_steps, 3, start_refused, check_refused, FAILURE_INVALID};

    fail_each_in_turn(&errand);
}

/* ---- regenerations --------------------------------------------------------------------------- */

static const struct fake_step regenerate_steps[] = {
    {"POST /token", 200, FAKE_TOKEN},
    {"POST /listKeys", 200, PAGE("Primary", "Secondary", "")},
    {"POST /regenerateKey", 202, NULL,
     "Azure-AsyncOperation: {origin}/status\nLocation: {origin}/result\nretry-after-ms: 1"},
    {"GET /status", 200, "{\"status\":\"Succeeded\"}"},
};

static bool start_regenerate(void)
{
    return azure_regenerate_key(fake.client, azure_key_kind_named(TEXT("app-configuration")),
                                TEXT(STORE), TEXT("secondary"), TEXT("request-1"), timeout_ms,
                                fake_on_end, &fake);
}

static void check_regenerate(void)
{
    assert_true(fake_count(&fake, "GET /status") > 0);
}

TEST(a_regeneration_survives_every_allocation_that_fails)
{
    const struct errand errand = {regenerate_steps, 4, start_regenerate, check_regenerate, 0};

    fail_each_in_turn(&errand);
}

/* ---- who did it ------------------------------------------------------------------------------ */

#define EVENT(more)                                                                                \
    "{\"operationName\":{\"value\":\"Microsoft.MachineLearningServices/workspaces/"                \
    "onlineEndpoints/"                                                                             \
    "regenerateKeys/action\"},\"resourceId\":\"" FAKE_ID                                           \
    "\",\"correlationId\":\"1\",\"status\":{\"value\":\"Succeeded\"},\"eventTimestamp\":"          \
    "\"2026-01-02T03:04:05Z\"" more "}"

static const struct fake_step who_steps[] = {
    {"POST /token", 200, FAKE_TOKEN},
    {"GET /providers/Microsoft.Insights/eventtypes/management/values", 200,
     "{\"value\":[" EVENT("") "],\"nextLink\":\"{origin}/next\"}"},
    {"GET /next", 200,
     "{\"value\":[" EVENT(",\"caller\":\"ana\",\"properties\":{\"requestbody\":\"{\\\"keyType\\\":"
                          "\\\"Primary\\\",\\\"keyValue\\\":\\\"canary\\\"}\"}") "]}"},
};

static char told[2000];

static void on_who(const struct azure_key_event *event, const struct failure *failure,
                   void *context)
{
    told[0] = '\0';
    if (event)
        snprintf(told, sizeof(told), "%.*s", TEXT_ARG(event->caller));
    fake_on_end(failure, context);
}

static bool start_who(void)
{
    return azure_who_regenerated(fake.client, TEXT(FAKE_ID), 0, on_who, &fake);
}

static void check_who(void)
{
    assert_string_equal(told, "ana");
}

TEST(a_search_of_the_log_survives_every_allocation_that_fails)
{
    const struct errand errand = {who_steps, 3, start_who, check_who, 0};

    fail_each_in_turn(&errand);
}

/* ---- who may do it --------------------------------------------------------------------------- */

#define AUTHORIZATION "/providers/Microsoft.Authorization/"
#define ROLE          "0b0b0b0b-0000-4000-8000-000000000001"

static const struct fake_step posture_steps[] = {
    {"POST /token", 200, FAKE_TOKEN},
    {"GET " AUTHORIZATION "permissions", 200,
     "{\"value\":[{\"actions\":[\"*\"],\"notActions\":[]}],\"nextLink\":\"\"}"},
    {"GET " AUTHORIZATION "denyAssignments", 200,
     "{\"value\":[{\"properties\":{\"denyAssignmentName\":\"D\",\"scope\":\"/\",\"permissions\":[{"
     "\"actions\":[\"*\"]}],\"principals\":[{\"id\":\"bo\",\"type\":\"User\"}]}}]}"},
    {"GET " AUTHORIZATION "roleAssignments", 200, "{\"value\":[],\"nextLink\":\"{origin}/next\"}"},
    {"GET /next", 200,
     "{\"value\":[{\"properties\":{\"scope\":\"/"
     "\",\"principalId\":\"ana\",\"principalType\":\"User\","
     "\"roleDefinitionId\":\"/" ROLE "\"}}]}"},
    {"GET " AUTHORIZATION "roleDefinitions/" ROLE, 200,
     "{\"properties\":{\"roleName\":\"Owner\",\"permissions\":[{\"actions\":[\"*\"]}]}}"},
};

static void on_posture(const struct azure_posture *posture, const struct failure *failure,
                       void *context)
{
    told[0] = '\0';
    if (posture)
        posture_text(posture, told, sizeof(told));
    fake_on_end(failure, context);
}

static bool start_posture(void)
{
    return azure_read_posture(fake.client, azure_key_kind_named(TEXT("azureml-online-endpoint")),
                              TEXT(FAKE_ID), on_posture, &fake);
}

/* Where memory fails while the token is looked into, our own id is not known; nothing else may be
 * missing. */
static void check_posture(void)
{
    assert_string_equal(told, "own : read not seen, list not seen, regenerate not seen; others not "
                              "seen\nUser ana is Owner at /: granted yes, barred no\n"
                              "D at / bars 1 but 0\n");
}

TEST(a_posture_survives_every_allocation_that_fails)
{
    const struct errand errand = {posture_steps, 6, start_posture, check_posture, 0};

    fail_each_in_turn(&errand);
}

/* ---- what callers see ------------------------------------------------------------------------ */

static const struct fake_step score_steps[] = {
    {"POST /score", 424, NULL,
     "ms-azureml-model-error-statuscode: 500\nms-azureml-model-error-reason: canary-key failed"},
};

static void on_score(const struct azure_score *score, const struct failure *failure, void *context)
{
    told[0] = '\0';
    if (score)
        snprintf(told, sizeof(told), "%.*s", TEXT_ARG(score->reason));
    fake_on_end(failure, context);
}

static bool start_score(void)
{
    struct secret *key = secret_new(TEXT("canary-key"));
    struct operation *operation = NULL;
    char uri[100];

    snprintf(uri, sizeof(uri), "%.60s/score", fake.origin);
    if (key)
        operation = azure_score(fake.client, text_of(uri), key, TEXT("{}"), (struct text){0},
                                timeout_ms, on_score, &fake);
    secret_free(key);
    return operation;
}

/* The model's words may be missing, never "[secret]" in the key's place. Without memory the server
 * has an error of its own. */
static void check_score(void)
{
    assert_true(text_starts_with(text_of(told), TEXT("HTTP 424: the model failed")) ||
                text_starts_with(text_of(told), TEXT("HTTP 50")));
    assert_null(strstr(told, "canary"));
}

TEST(a_scoring_call_survives_every_allocation_that_fails)
{
    const struct errand errand = {score_steps, 1, start_score, check_score, 0};

    fail_each_in_turn(&errand);
}

/* ---- Event Grid ------------------------------------------------------------------------------ */

#define DELIVERY                                                                                   \
    "[{\"id\":\"1\",\"eventType\":\"Microsoft.EventGrid.SubscriptionValidationEvent\","            \
    "\"eventTime\":"                                                                               \
    "\"2026-01-02T03:04:05Z\",\"data\":{\"validationCode\":\"code\"}}]"

TEST(a_delivery_survives_every_allocation_that_fails)
{
    struct failure why = {0};
    long held, count;

    assert_true(net_global_init(&why));
    scarce_memory_fail_at(-1);
    held = scarce_memory_held();
    for (long n = -1;; n++) {
        struct azure_grid_delivery *delivery;
        char *answer;

        scarce_memory_fail_at(n);
        delivery = azure_grid_read(TEXT(DELIVERY), &why);
        answer = delivery ? azure_grid_validation_answer(delivery) : NULL;
        count = scarce_memory_allocations();
        scarce_memory_fail_at(-1);
        assert_true(n >= 0 || answer);
        assert_true(!answer || strcmp(answer, "{\"validationResponse\":\"code\"}") == 0);
        memory_free(answer);
        azure_grid_free(delivery);
        assert_int_equal(scarce_memory_held(), held);
        if (n >= 0 && n >= count)
            break;
    }
    net_global_cleanup();
}

/* test_memory [log]: those of the Activity Log and of roles, so that they can run beside the
 * others.
 */
int main(int count, char **arguments)
{
    (void)arguments;
    unsetenv("KEYDRIFT_LAB_RECORD"); /* a record of requests needs memory that is not scarce */
    scarce_memory_install();
    if (count > 1)
        return RUN(CASE(a_search_of_the_log_survives_every_allocation_that_fails),
                   CASE(a_posture_survives_every_allocation_that_fails));
    return RUN(CASE(a_list_in_pages_survives_every_allocation_that_fails),
               CASE(a_refusal_survives_every_allocation_that_fails),
               CASE(a_regeneration_survives_every_allocation_that_fails),
               CASE(a_scoring_call_survives_every_allocation_that_fails),
               CASE(a_delivery_survives_every_allocation_that_fails));
}
