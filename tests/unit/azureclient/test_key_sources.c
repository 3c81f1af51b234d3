/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of key sources whose list or regeneration is called in another way than that of an Azure ML
 * online endpoint. */
#include "tests/support/test.h"
#include "tests/unit/azureclient/fake_azure.h"

#include <stdio.h>
#include <string.h>

#define TOKEN                                                                                      \
    {                                                                                              \
        "POST /token", 200, FAKE_TOKEN                                                             \
    }
#define IN      "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/rg/providers/"
#define STORE   IN "Microsoft.AppConfiguration/configurationStores/st"
#define SEARCH  IN "Microsoft.Search/searchServices/se"
#define COSMOS  IN "Microsoft.DocumentDB/databaseAccounts/co"
#define QUEUE   IN "Microsoft.ServiceBus/namespaces/ns/queues/q/authorizationRules/r"
#define RUNNING "{\"status\":\"Dequeued\"}"
#define DONE    "{\"status\":\"Succeeded\"}"

static struct fake fake;

/* ---- lists ----------------------------------------------------------------------------------- */

TEST(each_kind_is_listed_at_its_own_place_and_version)
{
    static const struct {
        const char *kind, *id, *end, *version, *body, *first;
    } cases[] = {
        {"storage-account", IN "Microsoft.Storage/storageAccounts/sa", "/sa/listKeys", "2023-05-01",
         "{\"keys\":[{\"keyName\":\"key1\",\"value\":\"a\"},{\"keyName\":\"key2\",\"value\":\"b\"}]"
         "}",
         "key1=a"},
        {"servicebus-namespace-rule", QUEUE, "/r/ListKeys", "2021-11-01",
         "{\"primaryKey\":\"a\",\"secondaryKey\":\"b\"}", "primary=a"},
        {"search-admin", SEARCH, "/se/listAdminKeys", "2023-11-01",
         "{\"primaryKey\":\"a\",\"secondaryKey\":\"b\"}", "primary=a"},
        {"search-query", SEARCH, "/se/listQueryKeys", "2023-11-01",
         "{\"value\":[{\"name\":\"n\",\"key\":\"a\"}]}", "n=a"},
        {"functions-host-keys", IN "Microsoft.Web/sites/si", "/si/host/default/listkeys",
         "2023-12-01", "{\"masterKey\":\"a\"}", "masterKey=a"},
        {"iot-hub-policy", IN "Microsoft.Devices/IotHubs/h/IotHubKeys/owner", "/owner/listkeys",
         "2023-06-30", "{\"primaryKey\":\"a\",\"secondaryKey\":\"b\"}", "primary=a"},
        {"log-analytics-shared-keys", IN "Microsoft.OperationalInsights/workspaces/w",
         "/w/sharedKeys", "2020-08-01", "{\"primarySharedKey\":\"a\",\"secondarySharedKey\":\"b\"}",
         "primary=a"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char where[100], query[40];

        snprintf(where, sizeof(where), "POST %s", cases[i].end);
        snprintf(query, sizeof(query), "api-version=%s", cases[i].version);
        FAKE_OPEN(&fake, TOKEN, {where, 200, cases[i].body});
        fake_list_keys_of(&fake, cases[i].kind, cases[i].id);
        fake_assert_ok(&fake);
        assert_string_equal(fake.keys[0], cases[i].first);
        assert_string_equal(fake_last(&fake, where)->query, query);
        assert_string_equal(fake_last(&fake, where)->length, "0");
        fake_close(&fake);
    }
}

TEST(an_id_in_the_wrong_case_works)
{
    FAKE_OPEN(&fake, TOKEN,
              {"POST /EP/listKeys", 200, "{\"primaryKey\":\"a\",\"secondaryKey\":\"b\"}"});
    fake_list_keys_of(&fake, "azureml-online-endpoint",
                      "/SUBSCRIPTIONS/00000000-1111-2222-3333-444444444444/RESOURCEGROUPS/RG/"
                      "PROVIDERS/MICROSOFT.MACHINELEARNINGSERVICES/WORKSPACES/WS1/ONLINEENDPOINTS/"
                      "EP");
    fake_assert_ok(&fake);
    fake_close(&fake);
}

TEST(an_id_of_another_kind_is_refused_and_nothing_is_sent)
{
    FAKE_OPEN(&fake, TOKEN);
    fake_list_keys_of(&fake, "storage-account", SEARCH);
    FAKE_FAILED(&fake, FAILURE_INVALID, "is no storage-account",
                "it is of type Microsoft.Search/searchServices");
    fake_list_keys_of(&fake, "storage-account", STORE "/");
    FAKE_FAILED(&fake, FAILURE_INVALID, "it ends with a slash");
    assert_int_equal(fake.request_count, 0);
    fake_close(&fake);
}

/* ---- pages ----------------------------------------------------------------------------------- */

#define STORE_PAGE(first, second, next)                                                            \
    "{\"value\":[{\"id\":\"id-" first "\",\"name\":\"" first "\",\"value\":\"canary-" first        \
    "\"},{\"id\":\"id-" second "\",\"name\":\"" second "\",\"value\":\"canary-" second             \
    "\"}],\"nextLink\":" next "}"

TEST(a_list_in_pages_is_read_whole_with_a_get_for_each_further_page)
{
    FAKE_OPEN(&fake, TOKEN,
              {"POST /listKeys", 200,
               STORE_PAGE("Secondary", "Primary", "\"{origin}/next?$skipToken=a%2Fb\"")},
              {"GET /next", 200, STORE_PAGE("Primary Read Only", "Secondary Read Only", "null")});
    fake_list_keys_of(&fake, "app-configuration", STORE);
    fake_assert_ok(&fake);
    assert_int_equal(fake.key_count, 4);
    assert_string_equal(fake.keys[0], "primary=canary-Primary");
    assert_string_equal(fake.keys[3], "secondaryReadonly=canary-Secondary Read Only");
    assert_string_equal(fake_last(&fake, "GET /next")->query, "$skipToken=a%2Fb");
    assert_string_equal(fake_last(&fake, "GET /next")->authorization, "Bearer canary-TOKEN-1");
    fake_close(&fake);
}

TEST(a_page_that_knows_no_get_is_asked_for_as_the_list_began)
{
    FAKE_OPEN(&fake, TOKEN,
              {"POST /listKeys", 200, STORE_PAGE("Secondary", "Primary", "\"{origin}/next?x=1\"")},
              {"GET /next", 405, NULL},
              {"POST /next", 200, STORE_PAGE("Primary Read Only", "Secondary Read Only", "null")});
    fake_list_keys_of(&fake, "app-configuration", STORE);
    fake_assert_ok(&fake);
    assert_int_equal(fake.key_count, 4);
    assert_string_equal(fake_last(&fake, "POST /next")->query, "x=1");
    assert_int_equal(fake_count(&fake, "GET /next"), 1);
    fake_close(&fake);
}

TEST(a_page_elsewhere_is_refused_and_no_token_goes_there)
{
    static const char *const pages[] = {
        STORE_PAGE("Secondary", "Primary", "\"https://evil.example/next\""),
        STORE_PAGE("Secondary", "Primary", "\"/next\""),
        STORE_PAGE("Secondary", "Primary", "\"http://localhost:9/next\""),
    };

    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        FAKE_OPEN(&fake, TOKEN, {"POST /listKeys", 200, pages[i]}, {"GET /next", 200, "{}"});
        fake_list_keys_of(&fake, "app-configuration", STORE);
        FAKE_FAILED(&fake, FAILURE_PROTOCOL, "cannot list the keys of st",
                    "the next page is not at the same place");
        assert_int_equal(fake.request_count, 2);
        fake_close(&fake);
    }
}

/* Fifty pages on a slow machine. */
static void with_time(struct azure_settings *settings, struct fake *unused)
{
    (void)unused;
    settings->timeout_ms = 60000;
}

TEST(pages_without_end_are_given_up)
{
    const struct fake_step steps[] = {
        TOKEN,
        {"POST /listQueryKeys", 200, "{\"value\":[],\"nextLink\":\"{origin}/next\"}"},
        {"GET /next", 200, "{\"value\":[],\"nextLink\":\"{origin}/next\"}"},
    };

    fake_open(&fake, steps, 3, with_time);
    fake_list_keys_of(&fake, "search-query", SEARCH);
    FAKE_FAILED(&fake, FAILURE_TOO_LARGE, "more than 50 pages");
    assert_int_equal(fake.request_count, 51);
    fake_close(&fake);
}

/* ---- regenerating ---------------------------------------------------------------------------- */

TEST(each_kind_is_regenerated_with_its_own_words)
{
    static const struct {
        const char *kind, *id, *slot, *end, *body;
    } cases[] = {
        {"cognitive-services", IN "Microsoft.CognitiveServices/accounts/c", "key2",
         "/c/regenerateKey", "{\"keyName\":\"Key2\"}"},
        {"search-admin", SEARCH, "Secondary", "/se/regenerateAdminKey/secondary", ""},
        {"servicebus-namespace-rule", QUEUE, "primary", "/r/regenerateKeys",
         "{\"keyType\":\"PrimaryKey\"}"},
        {"maps", IN "Microsoft.Maps/accounts/m", "primary", "/m/regenerateKey",
         "{\"keyType\":\"primary\"}"},
        {"notification-hub-rule",
         IN "Microsoft.NotificationHubs/namespaces/n/notificationHubs/h/authorizationRules/r",
         "secondary", "/h/authorizationRules/r/regenerateKeys", "{\"policyKey\":\"SecondaryKey\"}"},
        {"container-registry", IN "Microsoft.ContainerRegistry/registries/r", "password2",
         "/r/regenerateCredential", "{\"name\":\"password2\"}"},
        {"cosmos-db", COSMOS, "secondaryReadonly", "/co/regenerateKey",
         "{\"keyKind\":\"secondaryReadonly\"}"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char where[120];

        snprintf(where, sizeof(where), "POST %s", cases[i].end);
        FAKE_OPEN(&fake, TOKEN, {where, 200, "{}"});
        fake_regenerate_of(&fake, cases[i].kind, cases[i].id, cases[i].slot, 0);
        fake_assert_ok(&fake);
        assert_string_equal(fake_last(&fake, where)->body, cases[i].body);
        fake_close(&fake);
    }
}

TEST(a_key_is_regenerated_by_the_id_the_list_gives)
{
    FAKE_OPEN(&fake, TOKEN,
              {"POST /listKeys", 200, STORE_PAGE("Primary", "Secondary", "\"{origin}/next\"")},
              {"GET /next", 200, STORE_PAGE("Primary Read Only", "Secondary Read Only", "\"\"")},
              {"POST /regenerateKey", 429, NULL, "Retry-After: 0", .times = 1},
              {"POST /regenerateKey", 200, "{}"});
    fake_regenerate_of(&fake, "app-configuration", STORE, "primaryReadOnly", 0);
    fake_assert_ok(&fake);
    assert_string_equal(fake_last(&fake, "POST /regenerateKey")->body,
                        "{\"id\":\"id-Primary Read Only\"}");
    assert_int_equal(fake_count(&fake, "POST /listKeys"), 1);
    assert_int_equal(fake_count(&fake, "POST /regenerateKey"), 2);
    fake_close(&fake);
}

TEST(without_the_id_of_its_key_nothing_is_regenerated)
{
    static const struct {
        struct fake_step step;
        enum failure_kind kind;
        const char *words;
    } cases[] = {
        {{"POST /listKeys", 200, "{\"value\":[]}"}, FAILURE_NOT_FOUND, "lists no primary key"},
        {{"POST /listKeys", 200, "<html>"}, FAILURE_PROTOCOL, "the list of keys"},
        {{"POST /listKeys", 403, NULL}, FAILURE_DENIED, "listKeys/action"},
        {{"POST /listKeys", 200, "{\"value\":[],\"nextLink\":\"https://evil.example/\"}"},
         FAILURE_PROTOCOL,
         "not at the same place"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        FAKE_OPEN(&fake, TOKEN, cases[i].step, {"POST /regenerateKey", 200});
        fake_regenerate_of(&fake, "app-configuration", STORE, "primary", 0);
        FAKE_FAILED(&fake, cases[i].kind, "of st", cases[i].words);
        assert_int_equal(fake_count(&fake, "POST /regenerateKey"), 0);
        fake_close(&fake);
    }
}

TEST(what_cannot_be_regenerated_alone_is_refused_and_nothing_is_sent)
{
    FAKE_OPEN(&fake, TOKEN);
    fake_regenerate_of(&fake, "log-analytics-shared-keys",
                       IN "Microsoft.OperationalInsights/workspaces/w", "primary", 0);
    FAKE_FAILED(&fake, FAILURE_INVALID, "cannot be regenerated", "both keys at once");
    fake_regenerate_of(&fake, "search-query", SEARCH, "n", 0);
    FAKE_FAILED(&fake, FAILURE_INVALID, "keeps its value for life");
    assert_int_equal(fake.request_count, 0);
    fake_close(&fake);
}

/* ---- following ------------------------------------------------------------------------------- */

#define STATUS   "Azure-AsyncOperation: {origin}/status"
#define LOCATION "\nLocation: {origin}/result"
#define SOON     "\nretry-after-ms: 1"

TEST(location_is_asked_at_the_end_only_where_the_specification_says_so)
{
    static const struct {
        const char *kind, *id;
        unsigned results;
    } cases[] = {
        {"signalr", IN "Microsoft.SignalRService/signalR/s", 1},
        {"cosmos-db", COSMOS, 0},
        {"redis-enterprise", IN "Microsoft.Cache/redisEnterprise/r/databases/d", 0},
        {"eventgrid-topics", IN "Microsoft.EventGrid/topics/t", 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        FAKE_OPEN(&fake, TOKEN, {"POST /regenerateKey", 202, NULL, STATUS LOCATION SOON},
                  {"GET /status", 200, RUNNING, "x-ms-retry-after-ms: 1", .times = 1},
                  {"GET /status", 200, DONE}, {"GET /result", 204});
        fake_regenerate_of(&fake, cases[i].kind, cases[i].id,
                           strstr(cases[i].kind, "grid") ? "key1" : "primary", 0);
        fake_assert_ok(&fake);
        assert_int_equal(fake_count(&fake, "GET /status"), 2);
        assert_int_equal(fake_count(&fake, "GET /result"), cases[i].results);
        fake_close(&fake);
    }
}

TEST(a_location_that_is_a_monitor_is_asked_until_the_monitor_ends)
{
    FAKE_OPEN(&fake, TOKEN, {"POST /regenerateKey", 202, NULL, "Location: {origin}/status" SOON},
              {"GET /status", 200, RUNNING, "retry-after-ms: 1", .times = 2},
              {"GET /status", 200, DONE});
    fake_regenerate_of(&fake, "cosmos-db", COSMOS, "primary", 0);
    fake_assert_ok(&fake);
    assert_int_equal(fake_count(&fake, "GET /status"), 3);
    fake_close(&fake);
}

TEST(a_final_location_that_cannot_be_read_leaves_doubt)
{
    FAKE_OPEN(&fake, TOKEN, {"POST /regenerateKey", 201, NULL, STATUS LOCATION SOON},
              {"GET /status", 200, DONE},
              {"GET /result", 404, "{\"error\":{\"code\":\"NotFound\",\"message\":\"gone\"}}",
               "x-ms-correlation-request-id: 0f0f-1"});
    fake_regenerate_of(&fake, "signalr", IN "Microsoft.SignalRService/signalR/s", "primary", 0);
    FAKE_FAILED(&fake, FAILURE_AMBIGUOUS, "cannot regenerate the primary key of s",
                "Azure accepted it", "HTTP 404 NotFound: gone [correlation id 0f0f-1]");
    fake_close(&fake);
}

int main(void)
{
    return RUN(
        CASE(each_kind_is_listed_at_its_own_place_and_version), CASE(an_id_in_the_wrong_case_works),
        CASE(an_id_of_another_kind_is_refused_and_nothing_is_sent),
        CASE(a_list_in_pages_is_read_whole_with_a_get_for_each_further_page),
        CASE(a_page_that_knows_no_get_is_asked_for_as_the_list_began),
        CASE(a_page_elsewhere_is_refused_and_no_token_goes_there),
        CASE(pages_without_end_are_given_up), CASE(each_kind_is_regenerated_with_its_own_words),
        CASE(a_key_is_regenerated_by_the_id_the_list_gives),
        CASE(without_the_id_of_its_key_nothing_is_regenerated),
        CASE(what_cannot_be_regenerated_alone_is_refused_and_nothing_is_sent),
        CASE(location_is_asked_at_the_end_only_where_the_specification_says_so),
        CASE(a_location_that_is_a_monitor_is_asked_until_the_monitor_ends),
        CASE(a_final_location_that_cannot_be_read_leaves_doubt));
}
