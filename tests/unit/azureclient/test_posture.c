/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"
#include "tests/unit/azureclient/fake_azure.h"
#include "tests/unit/azureclient/posture_text.h"

#include <string.h>

/* {"oid":"0a0a0a0a-0000-4000-8000-000000000001"}, unsigned: nobody here verifies it. */
#define OWN "0a0a0a0a-0000-4000-8000-000000000001"
#define TOKEN                                                                                      \
    {                                                                                              \
        "POST /token", 200,                                                                        \
            "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"eyJhIjoxfQ."        \
            "eyJvaWQiOiIwYTBhMGEwYS0wMDAwLTQwMDAtODAwMC0wMDAwMDAwMDAwMDEifQ.canary\"}"             \
    }
#define AUTHORIZATION "GET /swin/providers/Microsoft.Authorization/"
#define PERMISSIONS   AUTHORIZATION "permissions"
#define DENIALS       AUTHORIZATION "denyAssignments"
#define ASSIGNMENTS   AUTHORIZATION "roleAssignments"
#define ROLE(n)       AUTHORIZATION "roleDefinitions/" ROLE_ID(n)
#define ROLE_ID(n)    "0b0b0b0b-0000-4000-8000-00000000000" n
#define SUBSCRIPTION  "/subscriptions/00000000-1111-2222-3333-444444444444"
#define GROUP         SUBSCRIPTION "/resourceGroups/rg-a"

#define ML "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/"
/* Lists of quoted patterns. */
#define GRANTS(actions, not_actions) "{\"actions\":[" actions "],\"notActions\":[" not_actions "]}"
#define LIST(items)                  "{\"value\":[" items "]}"
#define ALL                          LIST(GRANTS("\"*\"", ""))
#define HELD(who, type, role, scope)                                                               \
    "{\"properties\":{\"principalId\":\"" who "\",\"principalType\":\"" type                       \
    "\",\"scope\":\"" scope "\",\"roleDefinitionId\":\"" SUBSCRIPTION                              \
    "/providers/Microsoft.Authorization/roleDefinitions/" role "\"}}"
#define DEFINED(name, permissions)                                                                 \
    "{\"properties\":{\"roleName\":\"" name "\",\"permissions\":[" permissions "]}}"
/* `more` begins with a comma or is empty. */
#define DENIED(name, scope, action, principals, excluded, more)                                    \
    "{\"properties\":{\"denyAssignmentName\":\"" name "\",\"scope\":\"" scope                      \
    "\",\"permissions\":[" GRANTS("\"" action "\"", "") "],\"principals\":[" principals            \
                                                        "],\"excludePrincipals\":[" excluded       \
                                                        "]" more "}}"
#define WHO(id, type) "{\"id\":\"" id "\",\"type\":\"" type "\"}"
#define EVERYONE      WHO("00000000-0000-0000-0000-000000000000", "SystemDefined")

static struct fake fake;
static char told[4000];

static void on_posture(const struct azure_posture *posture, const struct failure *failure,
                       void *context)
{
    assert_true(!posture == !!failure);
    told[0] = '\0';
    if (posture)
        posture_text(posture, told, sizeof(told));
    fake_on_end(failure, context);
}

static void read_posture_of(const char *kind, const char *id)
{
    fake.is_done = false;
    assert_non_null(azure_read_posture(fake.client, azure_key_kind_named(text_of(kind)),
                                       text_of(id), on_posture, &fake));
    assert_false(fake.is_done);
    fake_wait(&fake);
}

/* Reads it, and it is this. */
static void assert_posture(const char *expected)
{
    read_posture_of("azureml-online-endpoint", FAKE_ID);
    fake_assert_ok(&fake);
    assert_string_equal(told, expected);
    assert_null(strstr(told, "canary"));
    fake_close(&fake);
}

TEST(what_a_role_takes_out_another_may_give)
{
    FAKE_OPEN(
        &fake, TOKEN,
        {PERMISSIONS, 200, LIST(GRANTS("\"*/read\",\"" ML "*\"", "\"" ML "REGENERATEKEYS/*\""))},
        {DENIALS, 200, LIST("")}, {ASSIGNMENTS, 200, LIST("")});
    assert_posture("own " OWN ": read yes, list yes, regenerate no; others no\n");
    FAKE_OPEN(
        &fake, TOKEN,
        {PERMISSIONS, 200,
         LIST(GRANTS("\"*\"", "\"*/action\"") "," GRANTS("\"" ML "regenerateKeys/action\"", ""))},
        {DENIALS, 200, LIST("")}, {ASSIGNMENTS, 200, LIST("")});
    assert_posture("own " OWN ": read yes, list no, regenerate yes; others no\n");
    FAKE_OPEN(&fake, TOKEN, {PERMISSIONS, 200, LIST("{}")}, {DENIALS, 200, LIST("")},
              {ASSIGNMENTS, 200, LIST("")});
    assert_posture("own " OWN ": read no, list no, regenerate no; others no\n");
}

TEST(others_are_told_with_their_role_and_where_they_have_it)
{
    FAKE_OPEN(&fake, TOKEN, {PERMISSIONS, 200, ALL}, {DENIALS, 200, LIST("")},
              {ASSIGNMENTS, 200,
               LIST(HELD("ana", "User", ROLE_ID("1"), SUBSCRIPTION) "," HELD(
                   "team", "Group", ROLE_ID("2"),
                   GROUP) "," HELD(OWN, "ServicePrincipal", ROLE_ID("1"),
                                   "/providers/Microsoft.Management/managementGroups/mg"))},
              {ROLE("1"), 200, DEFINED("Owner", GRANTS("\"*\"", ""))},
              {ROLE("2"), 200, DEFINED("Reader", GRANTS("\"*/read\"", ""))});
    read_posture_of("azureml-online-endpoint", FAKE_ID);
    fake_assert_ok(&fake);
    assert_string_equal(told,
                        "own " OWN ": read yes, list yes, regenerate yes; others yes\n"
                        "User ana is Owner at " SUBSCRIPTION ": granted yes, barred no\n"
                        "ServicePrincipal " OWN " is Owner at /providers/Microsoft.Management/"
                        "managementGroups/mg: granted yes, barred no\n");
    assert_int_equal(fake_count(&fake, ROLE("1")), 1);
    assert_string_equal(fake_last(&fake, ASSIGNMENTS)->query,
                        "api-version=2022-04-01&$filter=atScope()");
    fake_close(&fake);
}

TEST(what_is_assigned_below_or_beside_the_resource_does_not_count)
{
    FAKE_OPEN(&fake, TOKEN, {PERMISSIONS, 200, ALL},
              {DENIALS, 200,
               LIST(DENIED("below", FAKE_ID "/deployments/blue", "*", EVERYONE, "",
                           "") "," DENIED("beside", FAKE_ID "2", "*", EVERYONE, "", ""))},
              {ASSIGNMENTS, 200,
               LIST(HELD("a", "User", ROLE_ID("1"), FAKE_ID "/deployments/blue") "," HELD(
                   "b", "User", ROLE_ID("1"),
                   SUBSCRIPTION "/resourceGroups/rg") "," HELD("c", "User", ROLE_ID("1"), ""))},
              {ROLE("1"), 200, DEFINED("Owner", GRANTS("\"*\"", ""))});
    assert_posture("own " OWN ": read yes, list yes, regenerate yes; others no\n");
}

TEST(a_denial_beats_every_role_but_of_those_it_leaves_out)
{
    FAKE_OPEN(&fake, TOKEN, {PERMISSIONS, 200, ALL},
              {DENIALS, 200,
               LIST(DENIED("Only keydrift", SUBSCRIPTION, ML "regenerateKeys/action", EVERYONE,
                           WHO(OWN, "ServicePrincipal"), ""))},
              {ASSIGNMENTS, 200,
               LIST(HELD("ana", "User", ROLE_ID("1"),
                         SUBSCRIPTION) "," HELD(OWN, "ServicePrincipal", ROLE_ID("1"), GROUP))},
              {ROLE("1"), 200, DEFINED("Owner", GRANTS("\"*\"", ""))});
    assert_posture("own " OWN ": read yes, list yes, regenerate yes; others no\n"
                   "User ana is Owner at " SUBSCRIPTION ": granted yes, barred yes\n"
                   "ServicePrincipal " OWN " is Owner at " GROUP ": granted yes, barred no\n"
                   "Only keydrift at " SUBSCRIPTION " bars everyone but 1\n");
}

TEST(a_denial_of_ourselves_is_a_no)
{
    FAKE_OPEN(&fake, TOKEN, {PERMISSIONS, 200, ALL},
              {DENIALS, 200,
               LIST(DENIED("Not us", FAKE_ID, "*/listKeys/action", WHO(OWN, "ServicePrincipal"), "",
                           ",\"doNotApplyToChildScopes\":true"))},
              {ASSIGNMENTS, 200, LIST("")});
    assert_posture("own " OWN ": read yes, list no, regenerate yes; others no\n");
}

TEST(a_denial_that_stays_above_or_only_warns_bars_nobody)
{
    FAKE_OPEN(
        &fake, TOKEN, {PERMISSIONS, 200, ALL},
        {DENIALS, 200,
         LIST(DENIED(
             "above", GROUP, "*", EVERYONE, "",
             ",\"doNotApplyToChildScopes\":true") "," DENIED("warns", GROUP, "*", EVERYONE, "",
                                                             ",\"denyAssignmentEffect\":"
                                                             "\"Audit\"") "," DENIED("else", GROUP,
                                                                                     "*/write",
                                                                                     EVERYONE, "",
                                                                                     ""))},
        {ASSIGNMENTS, 200, LIST("")});
    assert_posture("own " OWN ": read yes, list yes, regenerate yes; others no\n");
}

TEST(who_is_in_a_group_is_not_seen)
{
    FAKE_OPEN(&fake, TOKEN, {PERMISSIONS, 200, ALL},
              {DENIALS, 200,
               LIST(DENIED("D", GROUP, "*/regenerateKeys/action", EVERYONE, WHO("friends", "Group"),
                           ""))},
              {ASSIGNMENTS, 200,
               LIST(HELD("ana", "User", ROLE_ID("1"), GROUP) "," HELD("friends", "Group",
                                                                      ROLE_ID("1"), GROUP))},
              {ROLE("1"), 200, DEFINED("Owner", GRANTS("\"*\"", ""))});
    assert_posture("own " OWN ": read yes, list yes, regenerate not seen; others yes\n"
                   "User ana is Owner at " GROUP ": granted yes, barred not seen\n"
                   "Group friends is Owner at " GROUP ": granted yes, barred no\n"
                   "D at " GROUP " bars everyone but 1\n");
    FAKE_OPEN(&fake, TOKEN, {PERMISSIONS, 200, ALL},
              {DENIALS, 200,
               LIST(DENIED("D", GROUP, "*/regenerateKeys/action",
                           WHO("ana", "User") "," WHO("foes", "Group"), "", ""))},
              {ASSIGNMENTS, 200,
               LIST(HELD("ana", "User", ROLE_ID("1"), GROUP) "," HELD("team", "Group", ROLE_ID("1"),
                                                                      GROUP))},
              {ROLE("1"), 200, DEFINED("Owner", GRANTS("\"*\"", ""))});
    assert_posture("own " OWN ": read yes, list yes, regenerate not seen; others not seen\n"
                   "User ana is Owner at " GROUP ": granted yes, barred yes\n"
                   "Group team is Owner at " GROUP ": granted yes, barred not seen\n"
                   "D at " GROUP " bars 2 but 0\n");
}

TEST(a_condition_makes_a_fact_unseen)
{
    FAKE_OPEN(
        &fake, TOKEN, {PERMISSIONS, 200, ALL},
        {DENIALS, 200,
         LIST(
             DENIED("D", GROUP, "*/regenerateKeys/action", EVERYONE, "", ",\"condition\":\"@x\""))},
        {ASSIGNMENTS, 200,
         LIST("{\"properties\":{\"principalId\":\"ana\",\"principalType\":\"User\",\"scope\":"
              "\"" GROUP "\",\"condition\":\"@x\",\"roleDefinitionId\":\"/" ROLE_ID("1") "\"}}")},
        {ROLE("1"), 200, DEFINED("Owner", GRANTS("\"*\"", ""))});
    assert_posture("own " OWN ": read yes, list yes, regenerate not seen; others not seen\n"
                   "User ana is Owner at " GROUP ": granted not seen, barred not seen\n"
                   "D at " GROUP " perhaps bars everyone but 0\n");
}

#define REFUSED "{\"error\":{\"code\":\"AuthorizationFailed\",\"message\":\"no\"}}"

TEST(what_may_not_be_seen_is_not_seen_and_says_why)
{
    FAKE_OPEN(&fake, TOKEN, {PERMISSIONS, 403, REFUSED}, {DENIALS, 403, REFUSED},
              {ASSIGNMENTS, 403, REFUSED});
    read_posture_of("azureml-online-endpoint", FAKE_ID);
    fake_assert_ok(&fake);
    assert_true(text_starts_with(
        text_of(told), TEXT("own " OWN ": read not seen, list not seen, regenerate not seen; "
                            "others not seen\nnot seen: http://127.0.0.1:")));
    assert_non_null(strstr(told, "cannot read our permissions of swin: the identity needs "
                                 "Microsoft.Authorization/permissions/read: HTTP 403 "
                                 "AuthorizationFailed: no"));
    assert_non_null(strstr(told, "needs Microsoft.Authorization/denyAssignments/read"));
    assert_non_null(strstr(told, "needs Microsoft.Authorization/roleAssignments/read"));
    fake_close(&fake);
}

TEST(unseen_denials_leave_it_open_who_may)
{
    FAKE_OPEN(&fake, TOKEN, {PERMISSIONS, 200, ALL}, {DENIALS, 403, REFUSED},
              {ASSIGNMENTS, 200, LIST(HELD("ana", "User", ROLE_ID("1"), GROUP))},
              {ROLE("1"), 200, DEFINED("Owner", GRANTS("\"*\"", ""))});
    read_posture_of("azureml-online-endpoint", FAKE_ID);
    assert_true(text_starts_with(
        text_of(told), TEXT("own " OWN ": read yes, list yes, regenerate yes; others not seen\n"
                            "User ana is Owner at " GROUP ": granted yes, barred not seen\n"
                            "not seen: ")));
    fake_close(&fake);
}

TEST(a_role_that_may_not_be_read_is_not_seen)
{
    FAKE_OPEN(&fake, TOKEN, {PERMISSIONS, 200, ALL}, {DENIALS, 200, LIST("")},
              {ASSIGNMENTS, 200,
               LIST(HELD("ana", "User", ROLE_ID("1"), GROUP) "," HELD("bo", "User", ROLE_ID("2"),
                                                                      GROUP))},
              {ROLE("1"), 403, REFUSED}, {ROLE("2"), 404, "{}"});
    assert_posture("own " OWN ": read yes, list yes, regenerate yes; others not seen\n"
                   "User ana is  at " GROUP ": granted not seen, barred no\n"
                   "User bo is  at " GROUP ": granted not seen, barred no\n");
}

TEST(further_pages_count_and_what_has_one_unseen_page_is_unseen)
{
    FAKE_OPEN(
        &fake, TOKEN, {PERMISSIONS, 200, "{\"value\":[],\"nextLink\":\"{origin}/more?a\"}"},
        {"GET /more", 200, ALL}, {DENIALS, 200, LIST("")},
        {ASSIGNMENTS, 200,
         "{\"value\":[" HELD("ana", "User", ROLE_ID("1"), GROUP) "],\"nextLink\":\"{origin}/no\"}"},
        {"GET /no", 403, REFUSED});
    read_posture_of("azureml-online-endpoint", FAKE_ID);
    fake_assert_ok(&fake);
    assert_true(text_starts_with(
        text_of(told), TEXT("own " OWN ": read yes, list yes, regenerate yes; others not seen\n"
                            "not seen: ")));
    fake_close(&fake);
    FAKE_OPEN(&fake, TOKEN,
              {PERMISSIONS, 200, "{\"value\":[],\"nextLink\":\"https://evil.example/\"}"});
    read_posture_of("azureml-online-endpoint", FAKE_ID);
    FAKE_FAILED(&fake, FAILURE_PROTOCOL, "read our permissions of swin", "not followed");
    fake_close(&fake);
}

TEST(pages_without_end_are_a_list_that_was_not_seen)
{
    FAKE_OPEN(&fake, TOKEN, {PERMISSIONS, 200, ALL},
              {DENIALS, 200, "{\"value\":[],\"nextLink\":\"{origin}/again\"}"},
              {"GET /again", 200, "{\"value\":[],\"nextLink\":\"{origin}/again\"}"},
              {ASSIGNMENTS, 200, LIST("")});
    read_posture_of("azureml-online-endpoint", FAKE_ID);
    fake_assert_ok(&fake);
    assert_non_null(strstr(told, "not seen: http://127.0.0.1:"));
    assert_non_null(strstr(told, "cannot read the deny assignments of swin: there are more than"));
    fake_close(&fake);
}

TEST(without_our_own_id_one_other_may_be_us_but_not_two)
{
#define UNNAMED {"POST /token", 200, FAKE_TOKEN}
    FAKE_OPEN(&fake, UNNAMED, {PERMISSIONS, 200, ALL}, {DENIALS, 200, LIST("")},
              {ASSIGNMENTS, 200, LIST(HELD("a", "ServicePrincipal", ROLE_ID("1"), GROUP))},
              {ROLE("1"), 200, DEFINED("Owner", GRANTS("\"*\"", ""))});
    assert_posture("own : read yes, list yes, regenerate yes; others not seen\n"
                   "ServicePrincipal a is Owner at " GROUP ": granted yes, barred no\n");
    FAKE_OPEN(&fake, UNNAMED, {PERMISSIONS, 200, ALL},
              {DENIALS, 200, LIST(DENIED("D", GROUP, "*", WHO("b", "User"), "", ""))},
              {ASSIGNMENTS, 200,
               LIST(HELD("a", "ServicePrincipal", ROLE_ID("1"),
                         GROUP) "," HELD("A", "ServicePrincipal", ROLE_ID("1"),
                                         SUBSCRIPTION) "," HELD("c", "User", ROLE_ID("1"), GROUP))},
              {ROLE("1"), 200, DEFINED("Owner", GRANTS("\"*\"", ""))});
    assert_posture("own : read not seen, list not seen, regenerate not seen; others yes\n"
                   "ServicePrincipal a is Owner at " GROUP ": granted yes, barred no\n"
                   "ServicePrincipal A is Owner at " SUBSCRIPTION ": granted yes, barred no\n"
                   "User c is Owner at " GROUP ": granted yes, barred no\n"
                   "D at " GROUP " bars 1 but 0\n");
}

TEST(nobody_regenerates_what_no_operation_regenerates)
{
    FAKE_OPEN(&fake, TOKEN, {"GET /providers/Microsoft.Authorization/permissions", 200, ALL},
              {"GET /providers/Microsoft.Authorization/denyAssignments", 200, LIST("")});
    read_posture_of("search-query",
                    SUBSCRIPTION "/resourceGroups/g/providers/Microsoft.Search/searchServices/s");
    fake_assert_ok(&fake);
    assert_string_equal(told, "own " OWN ": read yes, list yes, regenerate no; others no\n");
    fake_close(&fake);
}

TEST(answers_that_make_no_sense_and_failures_end_it)
{
    static const struct {
        const char *permissions, *denials, *assignments, *role;
        const char *words;
    } cases[] = {
        {"[]", NULL, NULL, NULL, "the list of permissions"},
        {"{\"value\":{}}", NULL, NULL, NULL, "the list of permissions is none"},
        {LIST("1"), NULL, NULL, NULL, "holds something else"},
        {ALL, LIST("null"), NULL, NULL, "deny assignments"},
        {ALL, LIST(""), LIST("{\"properties\":{\"scope\":\"/\"}}"), NULL, "names no role"},
        {ALL, LIST(""), LIST(HELD("a", "User", "../../evil/aaaaaaaaaaaaaaaaaaaaaaaaaa", "/")), NULL,
         "names no role"},
        {ALL, LIST(""), LIST(HELD("a", "User", ROLE_ID("1"), "/")), "{}", "has no permissions"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        FAKE_OPEN(&fake, TOKEN, {PERMISSIONS, 200, cases[i].permissions},
                  {DENIALS, 200, cases[i].denials}, {ASSIGNMENTS, 200, cases[i].assignments},
                  {ROLE("1"), 200, cases[i].role});
        read_posture_of("azureml-online-endpoint", FAKE_ID);
        FAKE_FAILED(&fake, FAILURE_PROTOCOL, cases[i].words);
        fake_close(&fake);
    }
    FAKE_OPEN(&fake, TOKEN, {PERMISSIONS, 404, "{}"});
    read_posture_of("azureml-online-endpoint", FAKE_ID);
    FAKE_FAILED(&fake, FAILURE_NOT_FOUND, "read our permissions of swin");
    read_posture_of("storage-account", FAKE_ID);
    FAKE_FAILED(&fake, FAILURE_INVALID, "storageAccounts");
    fake_close(&fake);
}

TEST(names_that_would_break_a_line_are_not_shown)
{
    FAKE_OPEN(&fake, TOKEN, {PERMISSIONS, 200, ALL}, {DENIALS, 200, LIST("")},
              {ASSIGNMENTS, 200, LIST(HELD("a\\nb", "User", ROLE_ID("1"), "/"))},
              {ROLE("1"), 200, DEFINED("R\\u001b[2J", GRANTS("\"*\"", ""))});
    assert_posture("own " OWN ": read yes, list yes, regenerate yes; others yes\n"
                   "User (unreadable) is (unreadable) at /: granted yes, barred no\n");
}

int main(void)
{
    return RUN(CASE(what_a_role_takes_out_another_may_give),
               CASE(others_are_told_with_their_role_and_where_they_have_it),
               CASE(what_is_assigned_below_or_beside_the_resource_does_not_count),
               CASE(a_denial_beats_every_role_but_of_those_it_leaves_out),
               CASE(a_denial_of_ourselves_is_a_no),
               CASE(a_denial_that_stays_above_or_only_warns_bars_nobody),
               CASE(who_is_in_a_group_is_not_seen), CASE(a_condition_makes_a_fact_unseen),
               CASE(what_may_not_be_seen_is_not_seen_and_says_why),
               CASE(unseen_denials_leave_it_open_who_may),
               CASE(a_role_that_may_not_be_read_is_not_seen),
               CASE(further_pages_count_and_what_has_one_unseen_page_is_unseen),
               CASE(pages_without_end_are_a_list_that_was_not_seen),
               CASE(without_our_own_id_one_other_may_be_us_but_not_two),
               CASE(nobody_regenerates_what_no_operation_regenerates),
               CASE(answers_that_make_no_sense_and_failures_end_it),
               CASE(names_that_would_break_a_line_are_not_shown));
}
