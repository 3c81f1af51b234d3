/* SPDX-License-Identifier: Apache-2.0 */
#include "azureclient/key_kinds.h"
#include "base/buffer.h"
#include "tests/support/test.h"
#include "tests/unit/azureclient/fake_azure.h"

#include <stdio.h>
#include <string.h>

#define TOKEN                                                                                      \
    {                                                                                              \
        "POST /token", 200, FAKE_TOKEN                                                             \
    }
#define LOG    "GET /providers/Microsoft.Insights/eventtypes/management/values"
#define ACTION "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/regenerateKeys/action"
/* One record; `more` begins with a comma or is empty. */
#define EVENT(correlation, status, time, more)                                                     \
    "{\"operationName\":{\"value\":\"" ACTION "\"},\"resourceId\":\"" FAKE_ID                      \
    "\",\"correlationId\":\"" correlation "\",\"status\":{\"value\":\"" status                     \
    "\"},\"eventTimestamp\":\"2026-01-02T03:04:" time "Z\"" more "}"
#define PAGE(events)   "{\"value\":[" events "]}"
#define CALLER(caller) ",\"caller\":\"" caller "\""

static struct fake fake;

static void ask(const char *page)
{
    FAKE_OPEN(&fake, TOKEN, {LOG, 200, page});
    fake_who(&fake, NULL);
}

TEST(the_log_is_asked_with_the_only_filter_it_allows)
{
    char filter[1000] = "";
    struct buffer decoded;

    ask(PAGE(""));
    fake_assert_ok(&fake);
    assert_false(fake.has_event);
    assert_string_equal(fake_last(&fake, LOG)->path,
                        "/subscriptions/00000000-1111-2222-3333-444444444444/providers/"
                        "Microsoft.Insights/eventtypes/management/values");
    buffer_init(&decoded, sizeof(filter));
    buffer_append_percent_decoded(&decoded, text_of(fake_last(&fake, LOG)->query));
    assert_true(buffer_ok(&decoded));
    assert_true(text_starts_with(buffer_text(&decoded),
                                 TEXT("api-version=2015-04-01&$filter=eventTimestamp ge '20")));
    assert_true(text_find(buffer_text(&decoded), TEXT("Z' and eventTimestamp le '20")) != SIZE_MAX);
    assert_true(text_ends_with(buffer_text(&decoded), TEXT("Z' and resourceUri eq '" FAKE_ID "'")));
    assert_null(strchr(fake_last(&fake, LOG)->query, ' '));
    buffer_clear(&decoded);
    fake_close(&fake);
}

TEST(the_records_of_one_regeneration_are_one_event)
{
    ask(PAGE(EVENT("c1", "Succeeded", "09.5", CALLER("ana@example.org")) "," EVENT(
        "C1", "Started", "07",
        ",\"httpRequest\":{\"clientRequestId\":\"r1\",\"clientIpAddress\":\"192.0.2.7\"}")));
    fake_assert_ok(&fake);
    assert_true(fake.has_event);
    assert_string_equal(fake.text[0], "ana@example.org");
    assert_string_equal(fake.text[1], "192.0.2.7");
    assert_string_equal(fake.text[2], "r1");
    assert_string_equal(fake.text[3], "");
    assert_true(fake.at == INT64_C(1767323049500));
    fake_close(&fake);
}

TEST(the_newest_of_several_is_told_whatever_their_order)
{
    ask(PAGE(EVENT("c1", "Succeeded", "01", CALLER("old")) "," EVENT(
        "c2", "Accepted", "05", CALLER("new")) "," EVENT("c3", "Succeeded", "03",
                                                         CALLER("middle"))));
    assert_string_equal(fake.text[0], "new");
    fake_close(&fake);
}

TEST(a_regeneration_that_failed_or_only_began_is_none)
{
    ask(PAGE(EVENT("c1", "Accepted", "01", CALLER("a")) "," EVENT(
        "c1", "Failed", "02", CALLER("a")) "," EVENT("c2", "Started", "03", CALLER("b"))));
    fake_assert_ok(&fake);
    assert_false(fake.has_event);
    fake_close(&fake);
}

TEST(a_name_too_long_to_be_one_is_not_told_in_part)
{
#define LONG_NAME                                                                                  \
    "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3" \
    "\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
    ask(PAGE(EVENT("c1", "Succeeded", "01",
                   CALLER(LONG_NAME LONG_NAME LONG_NAME LONG_NAME LONG_NAME LONG_NAME LONG_NAME
                              LONG_NAME LONG_NAME) ",\"claims\":{\"appid\":\"short\"}")));
    assert_true(fake.has_event);
    assert_string_equal(fake.text[0], "short");
    fake_close(&fake);
}

TEST(other_operations_resources_and_times_do_not_count)
{
    ask("{\"value\":["
        "{\"operationName\":{\"value\":\"Microsoft.MachineLearningServices/workspaces/"
        "onlineEndpoints/"
        "listKeys/action\"},\"resourceId\":\"" FAKE_ID
        "\",\"correlationId\":\"1\",\"status\":{\"value\":\"Succeeded\"},\"eventTimestamp\":"
        "\"2026-01-02T03:04:05Z\"},"
        "{\"operationName\":{\"value\":\"" ACTION "\"},\"resourceId\":\"" FAKE_ID
        "2\",\"correlationId\":\"2\",\"status\":{\"value\":\"Succeeded\"},\"eventTimestamp\":"
        "\"2026-01-02T03:04:05Z\"},"
        "{\"operationName\":{\"value\":\"" ACTION "\"},\"resourceId\":\"" FAKE_ID
        "\",\"correlationId\":\"3\",\"status\":{\"value\":\"Succeeded\"},\"eventTimestamp\":"
        "\"2020-01-02T03:04:05Z\"},"
        "{\"operationName\":{\"value\":\"" ACTION "\"},\"resourceId\":\"" FAKE_ID
        "\",\"correlationId\":\"4\",\"status\":{\"value\":\"Succeeded\"}},null,7]}");
    fake_assert_ok(&fake);
    assert_false(fake.has_event);
    fake_close(&fake);
}

TEST(names_are_compared_without_case)
{
    ask("{\"value\":[{\"operationName\":{\"value\":\"MICROSOFT.MACHINELEARNINGSERVICES/WORKSPACES/"
        "ONLINEENDPOINTS/REGENERATEKEYS/ACTION\"},\"resourceId\":\"/SUBSCRIPTIONS/"
        "00000000-1111-2222-"
        "3333-444444444444/resourcegroups/RG-A/providers/microsoft.machinelearningservices/"
        "workspaces/"
        "ws-a/onlineendpoints/SWIN\",\"caller\":\"x\",\"status\":{\"value\":\"SUCCEEDED\"},"
        "\"eventTimestamp\":\"2026-01-02T03:04:05Z\"}]}");
    assert_true(fake.has_event);
    fake_close(&fake);
}

TEST(the_slot_is_told_where_the_log_keeps_the_request_and_never_a_key)
{
    ask(PAGE(
        EVENT("c1", "Succeeded", "01",
              CALLER("a") ",\"properties\":{\"requestbody\":\"{\\\"keyType\\\":\\\"Secondary\\\","
                          "\\\"keyValue\\\":\\\"canary\\\"}\"}")));
    assert_string_equal(fake.text[3], "secondary");
    for (int i = 0; i < 4; i++)
        assert_null(strstr(fake.text[i], "canary"));
    fake_close(&fake);
}

TEST(one_request_is_found_among_others_by_its_id)
{
    FAKE_OPEN(
        &fake, TOKEN,
        {LOG, 200,
         PAGE(EVENT(
             "c1", "Succeeded", "01",
             CALLER(
                 "us") ",\"httpRequest\":{\"clientRequestId\":\"AB-1\"}") "," EVENT("c2",
                                                                                    "Succeeded",
                                                                                    "02",
                                                                                    CALLER(
                                                                                        "them")))});
    fake_who(&fake, "ab-1");
    assert_true(fake.has_event);
    assert_string_equal(fake.text[0], "us");
    fake_who(&fake, "ab-2");
    fake_assert_ok(&fake);
    assert_false(fake.has_event);
    fake_close(&fake);
}

TEST(of_the_claims_only_who_it_was_is_told)
{
    ask(PAGE(EVENT(
        "c1", "Succeeded", "01",
        ",\"claims\":{\"name\":\"Ana Example\",\"appid\":\"04b07795-8ddb\",\"uti\":\"canary\","
        "\"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn\":\"ana@example.org\","
        "\"ipaddr\":\"192.0.2.9\"}")));
    assert_string_equal(fake.text[0], "ana@example.org");
    assert_string_equal(fake.text[1], "192.0.2.9");
    assert_string_equal(fake.name, "Ana Example");
    assert_string_equal(fake.application_id, "04b07795-8ddb");
    fake_close(&fake);
}

TEST(every_state_of_one_regeneration_in_any_order_is_one_event)
{
    static const char *const states[] = {"Started", "Accepted", "Succeeded"};
    char page[4000], whole[4100];

    for (int first = 0; first < 3; first++) {
        page[0] = '\0';
        for (int i = 0; i < 3; i++)
            snprintf(page + strlen(page), sizeof(page) - strlen(page), "%s%s%s%s%s%s%d%s",
                     i ? "," : "",
                     "{\"operationName\":{\"value\":\"" ACTION "\"},\"resourceId\":\"" FAKE_ID
                     "\",\"caller\":\"ana\",\"correlationId\":\"c1\",\"status\":\"",
                     states[(first + i) % 3], "\",", "\"eventTimestamp\":", "\"2026-01-02T03:04:0",
                     (first + i) % 3, "Z\"}");
        snprintf(whole, sizeof(whole), PAGE("%s"), page);
        ask(whole);
        fake_assert_ok(&fake);
        assert_true(fake.has_event);
        assert_true(fake.at == INT64_C(1767323042000));
        fake_close(&fake);
    }
}

TEST(an_event_without_a_request_id_is_nobodys_own)
{
    FAKE_OPEN(&fake, TOKEN, {LOG, 200, PAGE(EVENT("c1", "Succeeded", "01", CALLER("us")))});
    fake_who(&fake, "");
    FAKE_FAILED(&fake, FAILURE_INVALID, "no request id to look for");
    fake_who(&fake, "our-id");
    fake_assert_ok(&fake);
    assert_false(fake.has_event);
    fake_close(&fake);
}

static void on_any(const struct azure_key_event *event, const struct failure *failure,
                   void *context)
{
    fake.has_event = event;
    fake.text[3][0] = '\0';
    if (event)
        snprintf(fake.text[3], sizeof(fake.text[3]), "%.*s", TEXT_ARG(event->slot));
    fake_on_end(failure, context);
}

/* An id of the first type of a kind: each word of it with a name behind it. */
static void make_id(const struct azure_key_kind *kind, char *id, size_t size)
{
    struct text rest = text_of(kind->places[0].type), word;

    snprintf(id, size,
             "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/g/providers");
    for (int i = 0; text_split(&rest, '/', &word); i++)
        snprintf(id + strlen(id), size - strlen(id), i ? "/%.*s/name" : "/%.*s", TEXT_ARG(word));
}

TEST(every_kind_that_is_regenerated_is_found_by_its_own_action)
{
    const struct azure_key_kind *kind;
    unsigned found = 0;

    for (size_t i = 0; (kind = azure_key_kind_row(i)); i++) {
        const char *action = kind->places[0].regenerate_action;
        const char *body = kind->slots[0].regenerate_body;
        char id[600], page[2000];

        make_id(kind, id, sizeof(id));
        if (azure_key_kind_of(text_of(id)) != kind)
            continue;
        snprintf(page, sizeof(page),
                 "{\"value\":[{\"operationName\":{\"value\":\"%s\"},\"resourceId\":\"%s\","
                 "\"status\":{\"value\":\"Succeeded\"},\"eventTimestamp\":\"2026-01-02T03:04:05Z\","
                 "\"properties\":{\"requestbody\":\"",
                 action ? action : "", id);
        for (const char *c = body ? body : ""; *c; c++)
            snprintf(page + strlen(page), sizeof(page) - strlen(page), *c == '"' ? "\\%c" : "%c",
                     *c);
        snprintf(page + strlen(page), sizeof(page) - strlen(page), "\"}}]}");
        FAKE_OPEN(&fake, TOKEN, {LOG, 200, page});
        fake.is_done = false;
        azure_who_regenerated(fake.client, text_of(id), 0, on_any, &fake);
        fake_wait(&fake);
        if (!action) {
            FAKE_FAILED(&fake, FAILURE_INVALID, "no operation that regenerates keys of");
        } else {
            fake_assert_ok(&fake);
            if (!fake.has_event)
                fail_msg("no event for %s", kind->name);
            assert_string_equal(fake.text[3], body ? kind->slots[0].name : "");
            found++;
        }
        fake_close(&fake);
    }
    assert_true(found > 20);
}

TEST(further_pages_are_read)
{
    FAKE_OPEN(
        &fake, TOKEN,
        {LOG, 200,
         "{\"value\":[" EVENT("c1", "Accepted", "01",
                              "") "],\"nextLink\":\"{origin}/page2?$skip=a%2Fb\"}"},
        {"GET /page2", 200,
         "{\"value\":[" EVENT("c1", "Succeeded", "02", CALLER("late")) "],\"nextLink\":\"\"}"});
    fake_who(&fake, NULL);
    assert_true(fake.has_event);
    assert_string_equal(fake.text[0], "late");
    assert_string_equal(fake_last(&fake, "GET /page2")->query, "$skip=a%2Fb");
    fake_close(&fake);
}

TEST(a_page_elsewhere_is_refused)
{
    FAKE_OPEN(&fake, TOKEN,
              {LOG, 200, "{\"value\":[],\"nextLink\":\"https://evil.example/page2\"}"});
    fake_who(&fake, NULL);
    FAKE_FAILED(&fake, FAILURE_PROTOCOL, "elsewhere", "not followed");
    fake_close(&fake);
}

TEST(pages_without_end_end)
{
    FAKE_OPEN(&fake, TOKEN, {LOG, 200, "{\"value\":[],\"nextLink\":\"{origin}/again\"}"},
              {"GET /again", 200, "{\"value\":[],\"nextLink\":\"{origin}/again\"}"});
    fake_who(&fake, NULL);
    FAKE_FAILED(&fake, FAILURE_TOO_LARGE, "pages");
    fake_close(&fake);
}

TEST(the_logs_bare_errors_and_missing_rights_are_said)
{
    FAKE_OPEN(&fake, TOKEN, {LOG, 403, "{\"code\":\"AuthorizationFailed\",\"message\":\"m\"}"});
    fake_who(&fake, NULL);
    FAKE_FAILED(&fake, FAILURE_DENIED, "read the Activity Log of swin",
                "needs Microsoft.Insights/eventtypes/values/read", "AuthorizationFailed: m");
    fake_close(&fake);
    ask("{\"value\":{}}");
    FAKE_FAILED(&fake, FAILURE_PROTOCOL, "no list");
    fake_close(&fake);
}

int main(void)
{
    return RUN(CASE(the_log_is_asked_with_the_only_filter_it_allows),
               CASE(the_records_of_one_regeneration_are_one_event),
               CASE(the_newest_of_several_is_told_whatever_their_order),
               CASE(a_regeneration_that_failed_or_only_began_is_none),
               CASE(a_name_too_long_to_be_one_is_not_told_in_part),
               CASE(other_operations_resources_and_times_do_not_count),
               CASE(names_are_compared_without_case),
               CASE(the_slot_is_told_where_the_log_keeps_the_request_and_never_a_key),
               CASE(of_the_claims_only_who_it_was_is_told),
               CASE(every_state_of_one_regeneration_in_any_order_is_one_event),
               CASE(an_event_without_a_request_id_is_nobodys_own),
               CASE(every_kind_that_is_regenerated_is_found_by_its_own_action),
               CASE(one_request_is_found_among_others_by_its_id), CASE(further_pages_are_read),
               CASE(a_page_elsewhere_is_refused), CASE(pages_without_end_end),
               CASE(the_logs_bare_errors_and_missing_rights_are_said));
}
