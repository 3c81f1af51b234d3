/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what, asked of the lab, which judges by the same rules when it is asked to do it. */
#include "tests/support/test.h"
#include "tests/unit/azureclient/lab_bench.h"
#include "tests/unit/azureclient/posture_text.h"

#include <stdio.h>
#include <string.h>

#define WATCHER "{\"grant\":\"Key Watcher\"}"
#define NOTHING "{\"revoke\":\"*\"}"

static struct lab_bench bench;
static char told[4000];

static void on_posture(const struct azure_posture *posture, const struct failure *failure,
                       void *context)
{
    told[0] = '\0';
    if (posture)
        posture_text(posture, told, sizeof(told));
    lab_note(context, failure);
}

/* With a client of its own, and so a token that is as new as the orders. */
static void read_posture(void)
{
    lab_client_open(&bench, 0);
    assert_non_null(azure_read_posture(bench.client,
                                       azure_key_kind_named(TEXT("azureml-online-endpoint")),
                                       text_of(bench.id), on_posture, &bench));
    lab_wait(&bench);
    if (bench.failure.kind)
        fail_msg("%s", bench.failure.text);
    lab_client_close(&bench);
}

static void assert_told(const char *words)
{
    if (!strstr(told, words))
        fail_msg("\"%s\" is not in:\n%s", words, told);
}

static void assert_first(const char *facts)
{
    char expected[300];

    snprintf(expected, sizeof(expected), "own %s: %s\n", lab_about(&bench, "object_id"), facts);
    if (!text_starts_with(text_of(told), text_of(expected)))
        fail_msg("not \"%s\" but:\n%s", expected, told);
}

TEST(at_the_start_a_person_and_a_group_may_regenerate_too)
{
    read_posture();
    assert_first("read yes, list yes, regenerate yes; others yes");
    assert_told("User 6a2e8f10-9b3d-4c57-8e21-5d0c5a7d1005 is Owner at /subscriptions/");
    assert_told("Group b7d1c3e5-2f48-4a69-9c0b-1e3d5a7d1006 is AzureML Data Scientist at ");
    assert_told("ServicePrincipal ");
    assert_null(strstr(told, "not seen: "));
}

TEST(a_watcher_may_list_and_not_regenerate)
{
    lab_order(&bench, "POST", "/roles", NOTHING);
    lab_order(&bench, "POST", "/roles", WATCHER);
    read_posture();
    assert_first("read yes, list yes, regenerate no; others yes");
    lab_order(&bench, "POST", "/roles", "{\"reset\":true}");
}

TEST(whoever_may_see_nothing_is_told_so)
{
    lab_order(&bench, "POST", "/roles", NOTHING);
    read_posture();
    assert_first("read not seen, list not seen, regenerate not seen; others not seen");
    assert_told("needs Microsoft.Authorization/roleAssignments/read");
    lab_order(&bench, "POST", "/roles", "{\"reset\":true}");
}

TEST(a_denial_of_all_but_us_bars_the_others)
{
    char order[300];

    snprintf(order, sizeof(order),
             "{\"deny\":\"*/regenerateKeys/action\",\"except\":\"%s\",\"name\":\"Only us\"}",
             lab_about(&bench, "object_id"));
    lab_order(&bench, "POST", "/roles", order);
    read_posture();
    assert_first("read yes, list yes, regenerate yes; others no");
    assert_told("Only us at /subscriptions/");
    assert_told("bars everyone but 1");
    lab_order(&bench, "POST", "/roles", "{\"reset\":true}");
    lab_order(&bench, "POST", "/roles", "{\"deny\":\"*/regenerateKeys/action\"}");
    read_posture();
    assert_first("read yes, list yes, regenerate no; others no");
    lab_order(&bench, "POST", "/roles", "{\"reset\":true}");
}

static int set_up(void **unused)
{
    (void)unused;
    lab_bench_open(&bench);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    lab_bench_close(&bench);
    return 0;
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(at_the_start_a_person_and_a_group_may_regenerate_too),
        CASE(a_watcher_may_list_and_not_regenerate),
        CASE(whoever_may_see_nothing_is_told_so),
        CASE(a_denial_of_all_but_us_bars_the_others),
    };

    return cmocka_run_group_tests_name(__FILE__, cases, set_up, tear_down);
}
