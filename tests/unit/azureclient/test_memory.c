/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that runs out at each allocation of a list and of a regeneration in turn: nothing crashes,
 * nothing is kept, `done` runs exactly once, a key is regenerated at most once, and success is only
 * said of what happened. The server runs out of the same memory, so there may also be no answer. */
#include "tests/support/scarce_memory.h"
#include "tests/support/test.h"
#include "tests/unit/azureclient/fake_azure.h"

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

int main(void)
{
    unsetenv("KEYDRIFT_LAB_RECORD"); /* a record of requests needs memory that is not scarce */
    scarce_memory_install();
    return RUN(CASE(a_list_in_pages_survives_every_allocation_that_fails),
               CASE(a_refusal_survives_every_allocation_that_fails),
               CASE(a_regeneration_survives_every_allocation_that_fails));
}
