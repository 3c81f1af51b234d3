/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"
#include "tests/support/test.h"
#include "tests/unit/azureclient/fake_azure.h"

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
               CASE(one_request_is_found_among_others_by_its_id), CASE(further_pages_are_read),
               CASE(a_page_elsewhere_is_refused), CASE(pages_without_end_end),
               CASE(the_logs_bare_errors_and_missing_rights_are_said));
}
