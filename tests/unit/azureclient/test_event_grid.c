/* SPDX-License-Identifier: Apache-2.0 */
#include "azureclient/azureclient.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID                                                                                         \
    "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/rg-a/providers/"           \
    "Microsoft.MachineLearningServices/workspaces/ws-a/onlineEndpoints/swin"
#define ACTION "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/regenerateKeys/action"
#define LISTS  "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/listKeys/action"
#define DATA(action)                                                                               \
    "{\"authorization\":{\"action\":\"" action "\",\"scope\":\"" ID                                \
    "\"},\"claims\":{\"appid\":\"app-9\",\"name\":\"Ana Example\",\"uti\":\"canary\","             \
    "\"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn\":\"ana@example.org\"},"          \
    "\"httpRequest\":{\"clientRequestId\":\"r-1\",\"clientIpAddress\":\"192.0.2.7\"},"             \
    "\"resourceUri\":\"" ID "\",\"operationName\":\"" action "\",\"status\":\"Succeeded\"}"
#define EVENT(type, data)                                                                          \
    "{\"id\":\"e1\",\"subject\":\"" ID "\",\"eventType\":\"" type                                  \
    "\",\"eventTime\":\"2026-01-02T03:04:05.5Z\",\"dataVersion\":\"2\",\"metadataVersion\":\"1\"," \
    "\"topic\":\"/subscriptions/s\",\"data\":" data "}"
#define CLOUD(version, type, data)                                                                 \
    "{\"specversion\":\"" version                                                                  \
    "\",\"id\":\"e1\",\"source\":\"/subscriptions/s\",\"type\":\"" type                            \
    "\",\"time\":\"2026-01-02T03:04:05.5Z\",\"data\":" data "}"
#define SUCCESS "Microsoft.Resources.ResourceActionSuccess"
#define FAILED  "Microsoft.Resources.ResourceActionFailure"
#define VALIDATION                                                                                 \
    EVENT("Microsoft.EventGrid.SubscriptionValidationEvent",                                       \
          "{\"validationCode\":\"512d38b6-c7b8\",\"validationUrl\":\"https://evil.example/\"}")

static struct azure_grid_delivery *read_ok(const char *body)
{
    struct failure why = {0};
    struct azure_grid_delivery *delivery = azure_grid_read(text_of(body), &why);

    if (!delivery)
        fail_msg("%s", why.text);
    return delivery;
}

static void assert_text(struct text text, const char *expected)
{
    if (!text_is(text, expected))
        fail_msg("\"%.*s\" is not \"%s\"", TEXT_ARG(text), expected);
}

static void assert_event(const struct azure_grid_event *one)
{
    assert_string_equal(azure_key_kind_name(one->kind), "azureml-online-endpoint");
    assert_text(one->resource_id, ID);
    assert_text(one->event.caller, "ana@example.org");
    assert_text(one->event.name, "Ana Example");
    assert_text(one->event.application_id, "app-9");
    assert_text(one->event.client_address, "192.0.2.7");
    assert_text(one->event.client_request_id, "r-1");
    assert_text(one->event.slot, "");
    assert_true(one->event.at == INT64_C(1767323045500));
}

TEST(a_regeneration_says_who_did_it_in_either_schema)
{
    static const char *const bodies[] = {
        "[" EVENT(SUCCESS, DATA(ACTION)) "]",
        "[" CLOUD("1.0", SUCCESS, DATA(ACTION)) "]",
        CLOUD("1.0", SUCCESS, DATA(ACTION)),
    };

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct azure_grid_delivery *delivery = read_ok(bodies[i]);

        assert_int_equal(delivery->count, 1);
        assert_int_equal(delivery->skipped, 0);
        assert_int_equal(delivery->validation_code.size, 0);
        assert_false(delivery->events[0].has_failed);
        assert_event(&delivery->events[0]);
        azure_grid_free(delivery);
    }
}

TEST(in_a_batch_our_own_lists_and_other_events_are_skipped)
{
    static const char *const events[] = {
        EVENT(SUCCESS, DATA(LISTS)),
        EVENT(FAILED, DATA(ACTION)),
        EVENT("Microsoft.Resources.ResourceWriteSuccess", DATA(ACTION)),
        EVENT(SUCCESS, "{}"),
        EVENT(SUCCESS, DATA(ACTION)),
    };
    struct azure_grid_delivery *delivery;
    char body[8000] = "";

    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        snprintf(body + strlen(body), sizeof(body) - strlen(body), "%c%s", i ? ',' : '[',
                 events[i]);
    strcat(body, "]");
    delivery = read_ok(body);
    assert_int_equal(delivery->count, 2);
    assert_int_equal(delivery->skipped, 3);
    assert_true(delivery->events[0].has_failed);
    assert_false(delivery->events[1].has_failed);
    assert_event(&delivery->events[0]);
    azure_grid_free(delivery);
}

TEST(the_handshake_is_answered_with_its_code)
{
    struct azure_grid_delivery *delivery = read_ok("[" VALIDATION "]");
    char *answer = azure_grid_validation_answer(delivery);

    assert_int_equal(delivery->count, 0);
    assert_text(delivery->validation_code, "512d38b6-c7b8");
    assert_string_equal(answer, "{\"validationResponse\":\"512d38b6-c7b8\"}");
    memory_free(answer);
    azure_grid_free(delivery);
}

TEST(who_may_deliver_is_compared_as_a_whole)
{
    const struct text grid = TEXT("eventgrid.azure.net");

    assert_true(azure_grid_is_from(TEXT("eventgrid.azure.net"), grid));
    assert_true(azure_grid_is_from(TEXT(" EventGrid.azure.net"), grid));
    assert_false(azure_grid_is_from(TEXT("eventgrid.azure.net.evil.example"), grid));
    assert_false(azure_grid_is_from(TEXT(""), grid));
    assert_false(azure_grid_is_from(TEXT(""), TEXT("")));
}

TEST(anything_else_is_refused_whole)
{
    static const struct {
        const char *body, *words;
    } cases[] = {
        {"", ""},
        {"[]", "no event"},
        {"{}", "neither a list nor a CloudEvent"},
        {EVENT(SUCCESS, DATA(ACTION)), "neither a list nor a CloudEvent"},
        {"[1]", "no event"},
        {"[[]]", "no event"},
        {"[{}]", "id"},
        {"[" EVENT(SUCCESS, DATA(ACTION)) ",null]", "no event"},
        {"[" EVENT(SUCCESS, "\"text\"") "]", "no data"},
        {"[" CLOUD("0.3", SUCCESS, DATA(ACTION)) "]", "not of CloudEvents 1.0"},
        {"[" VALIDATION "," VALIDATION "]", "handshake"},
        {"[" EVENT("Microsoft.EventGrid.SubscriptionValidationEvent", "{}") "]", "handshake"},
        {"[{\"id\":\"1\",\"eventType\":\"t\",\"eventTime\":\"yesterday\",\"data\":{}}]", "time"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct failure why = {0};

        if (azure_grid_read(text_of(cases[i].body), &why))
            fail_msg("taken: %s", cases[i].body);
        assert_int_equal(why.kind, FAILURE_PROTOCOL);
        if (!strstr(why.text, cases[i].words))
            fail_msg("%s: %s", cases[i].body, why.text);
        assert_null(strstr(why.text, "canary"));
    }
}

TEST(a_delivery_over_event_grids_own_limit_is_not_read)
{
    size_t size = ((size_t)1 << 20) + 1;
    char *body = malloc(size);
    struct failure why = {0};

    memset(body, ' ', size);
    assert_null(azure_grid_read((struct text){body, size}, &why));
    assert_int_equal(why.kind, FAILURE_TOO_LARGE);
    free(body);
}

int main(void)
{
    return RUN(CASE(a_regeneration_says_who_did_it_in_either_schema),
               CASE(in_a_batch_our_own_lists_and_other_events_are_skipped),
               CASE(the_handshake_is_answered_with_its_code),
               CASE(who_may_deliver_is_compared_as_a_whole), CASE(anything_else_is_refused_whole),
               CASE(a_delivery_over_event_grids_own_limit_is_not_read));
}
