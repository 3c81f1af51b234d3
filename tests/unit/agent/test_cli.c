/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that read: what they ask, print, and how they end. */
#include "tests/unit/agent/cli_stage.h"

#include <string.h>

#define BINDING(verdict, in_sync, slot, version)                                                   \
    "{\"name\":\"nachet\",\"verdict\":\"" verdict "\",\"in_sync\":" in_sync                        \
    ",\"matched_slot\":" slot ",\"why\":\"one sentence\",\"source\":{\"kind\":\"k\","              \
    "\"id\":\"/subscriptions/s\",\"slots\":{\"primary\":\"aaaaaaaaaaaa\","                         \
    "\"secondary\":\"bbbbbbbbbbbb\"}},\"copy\":{\"address\":\"https://v\",\"mount\":\"kv\","       \
    "\"path\":\"p\",\"field\":\"f\",\"version\":" version ",\"fingerprint\":\"aaaaaaaaaaaa\"}}"
#define CHECK(binding, exit_code)                                                                  \
    "{\"checked_at\":\"2026-01-01T00:00:00Z\",\"in_sync\":1,\"not_in_sync\":0,\"unknown\":0,"      \
    "\"bindings\":[" binding "],\"exit\":" exit_code "}"
#define INCIDENT(id, resolved)                                                                     \
    "{\"id\":\"" id "\",\"binding\":\"nachet\",\"verdict\":\"stale\",\"state\":\"open\","          \
    "\"since\":\"2026-01-01T00:00:00Z\",\"resolved_at\":" resolved                                 \
    ",\"regenerated\":{\"by\":\"mallory@example.org\",\"at\":\"2026-01-01T00:00:00Z\","            \
    "\"address\":null}}"

TEST(check_in_sync_ends_with_0_and_a_table)
{
    stage_answer(200, CHECK(BINDING("match", "true", "\"primary\"", "7"), "0"));
    assert_int_equal(stage_call("check", "nachet", NULL), 0);
    assert_string_equal(stage_asked(), "POST /v1/check\n");
    assert_string_equal(json_string_value(json_array_get(json_at(stage_body(), "bindings"), 0)),
                        "nachet");
    assert_string_equal(stage_out(),
                        "BINDING  VERDICT  SLOT     COPY                     WHY\n"
                        "nachet   match    primary  version 7, aaaaaaaaaaaa  one sentence\n");
    assert_string_equal(stage_err(), "");
}

TEST(check_of_a_drift_ends_with_1_and_names_the_next_command)
{
    stage_answer(200, CHECK(BINDING("stale", "false", "null", "7"), "1"));
    assert_int_equal(stage_call("check", NULL), 1);
    assert_int_equal(json_array_size(json_at(stage_body(), "bindings")), 0);
    assert_contains(stage_out(), "nachet   stale    -     version 7, aaaaaaaaaaaa  one sentence");
    assert_contains(stage_err(), "next: keydrift plan nachet\n");
}

TEST(check_of_what_cannot_be_read_ends_with_2)
{
    stage_answer(200, CHECK(BINDING("unknown", "\"unknown\"", "null", "null"), "2"));
    assert_int_equal(stage_call("check", NULL), 2);
    assert_contains(stage_out(), "unknown");
    assert_string_equal(stage_err(), "");
}

TEST(check_as_json_is_the_document_without_its_exit_code)
{
    cleanup_with(json_clean) json_t *document = NULL;

    stage_answer(200, CHECK(BINDING("stale", "false", "null", "7"), "1"));
    assert_int_equal(stage_call("check", "-o", "json", NULL), 1);
    document = json_read_object(text_of(stage_out()), NULL);
    assert_non_null(document);
    assert_null(json_at(document, "exit"));
    assert_int_equal(json_object_size(document), 5);
    assert_string_equal(
        json_text_at(json_array_get(json_at(document, "bindings"), 0), "verdict").start, "stale");
    assert_string_equal(stage_err(), "");
}

TEST(an_agent_that_cannot_be_opened_means_check_cannot_tell)
{
    stage_break("the CA file cannot be read");
    assert_int_equal(stage_call("check", NULL), 2);
    assert_string_equal(stage_out(), "");
    assert_string_equal(stage_err(), "keydrift: the CA file cannot be read\n");
}

TEST(an_agent_that_cannot_be_opened_fails_other_commands)
{
    stage_break("state.db is locked");
    assert_int_equal(stage_call("plan", "nachet", NULL), 1);
    assert_string_equal(stage_err(), "keydrift: state.db is locked\n");
}

TEST(an_answered_error_goes_to_standard_error_with_its_exit_code)
{
    stage_answer(400, "{\"error\":{\"kind\":\"invalid\",\"text\":\"no binding \\\"x\\\"\"},"
                      "\"exit\":2}");
    assert_int_equal(stage_call("check", "x", "-o", "json", NULL), 2);
    assert_string_equal(stage_out(), "");
    assert_string_equal(stage_err(), "keydrift: no binding \"x\"\n");
}

TEST(status_never_starts_an_agent_of_its_own)
{
    assert_int_equal(stage_call("status", NULL), 2);
    assert_string_equal(stage_asked(), "");
    assert_contains(stage_err(), "no keydrift daemon listens at ");
}

TEST(incidents_are_listed_with_state_and_culprit)
{
    stage_answer(200, "{\"incidents\":[" INCIDENT("inc-b", "null") "," INCIDENT(
                          "inc-a", "\"2026-01-02T00:00:00Z\"") "]}");
    assert_int_equal(stage_call("incidents", "list", NULL), 0);
    assert_string_equal(stage_asked(), "GET /v1/incidents\n");
    assert_contains(stage_out(), "inc-b     nachet   stale    open ");
    assert_contains(stage_out(), "inc-a     nachet   stale    resolved ");
    assert_contains(stage_out(), "mallory@example.org");
}

TEST(only_open_incidents_are_listed_when_asked_for)
{
    stage_answer(200, "{\"incidents\":[" INCIDENT("inc-b", "null") "," INCIDENT(
                          "inc-a", "\"2026-01-02T00:00:00Z\"") "]}");
    assert_int_equal(stage_call("incidents", "list", "--open", "-o", "json", NULL), 0);
    assert_contains(stage_out(), "inc-b");
    assert_lacks(stage_out(), "inc-a");
}

TEST(an_option_of_one_call_is_forgotten_in_the_next)
{
    const char *two = "{\"incidents\":[" INCIDENT("inc-b", "null") "," INCIDENT(
        "inc-a", "\"2026-01-02T00:00:00Z\"") "]}";

    stage_answer(200, two);
    stage_answer(200, two);
    assert_int_equal(stage_call("incidents", "list", "--open", NULL), 0);
    assert_int_equal(stage_call("incidents", "list", NULL), 0);
    assert_contains(stage_out(), "inc-a");
}

TEST(no_incidents_is_no_output)
{
    stage_answer(200, "{\"incidents\":[]}");
    assert_int_equal(stage_call("incidents", "list", NULL), 0);
    assert_string_equal(stage_out(), "");
    assert_string_equal(stage_err(), "keydrift: no incidents\n");
}

TEST(show_prints_an_incident_with_its_timeline)
{
    stage_answer(200, "{\"id\":\"inc-b\",\"type\":\"incident\",\"binding\":\"nachet\","
                      "\"state\":\"open\",\"verdict\":\"stale\",\"resolved_at\":null,"
                      "\"regenerated\":{\"by\":\"mallory@example.org\",\"at\":\"T1\",\"address\":"
                      "\"192.0.2.1\"},\"callers\":{\"result\":\"refused\",\"http_status\":401,"
                      "\"reason\":\"HTTP 401: key unknown\"},\"timeline\":[{\"at\":\"T2\","
                      "\"event\":\"open\",\"text\":\"it drifted\"}]}");
    assert_int_equal(stage_call("show", "inc-b", NULL), 0);
    assert_string_equal(stage_asked(), "GET /v1/objects/inc-b\n");
    assert_contains(stage_out(), "regenerated   by mallory@example.org at T1, from 192.0.2.1\n");
    assert_contains(stage_out(), "callers       refused: HTTP 401: key unknown\n");
    assert_contains(stage_out(), "AT  EVENT  TEXT\nT2  open   it drifted\n");
}

TEST(control_characters_of_a_document_never_reach_the_terminal)
{
    stage_answer(200, "{\"id\":\"inc-b\",\"type\":\"incident\",\"binding\":\"na\\u001b[2Jchet\","
                      "\"why\":\"a\\u009bb\\nkeydrift: all is well\",\"timeline\":[{\"at\":"
                      "\"T\\u001b]0;x\\u0007\",\"event\":\"open\",\"text\":\"a\\rb\"}]}");
    assert_int_equal(stage_call("show", "inc-b", NULL), 0);
    assert_lacks(stage_out(), "\033");
    assert_lacks(stage_out(), "\302\233");
    assert_lacks(stage_out(), "\r");
    assert_lacks(stage_out(), "\007");
    assert_lacks(stage_out(), "\nkeydrift: all is well");
    stage_answer(400, "{\"error\":{\"text\":\"a\\u001b[31mb\\nc\"},\"exit\":1}");
    assert_int_equal(stage_call("show", "inc-b", NULL), 1);
    assert_string_equal(stage_err(), "keydrift: a [31mb c\n");
}

TEST(letters_beyond_ascii_stay_what_they_are)
{
    stage_answer(200, "{\"incidents\":[" INCIDENT("inc-\xc3\xa9", "null") "]}");
    assert_int_equal(stage_call("incidents", "list", NULL), 0);
    assert_contains(stage_out(), "inc-\xc3\xa9");
}

TEST(an_exit_code_that_is_none_is_a_failure)
{
    stage_answer(200, CHECK(BINDING("match", "true", "\"primary\"", "7"), "77"));
    assert_int_equal(stage_call("check", NULL), 1);
}

TEST(quiet_leaves_results_and_errors)
{
    stage_answer(200, CHECK(BINDING("stale", "false", "null", "7"), "1"));
    assert_int_equal(stage_call("check", "-q", NULL), 1);
    assert_contains(stage_out(), "stale");
    assert_string_equal(stage_err(), "");
}

int main(void)
{
    return RUN(STAGE_CASE(check_in_sync_ends_with_0_and_a_table),
               STAGE_CASE(check_of_a_drift_ends_with_1_and_names_the_next_command),
               STAGE_CASE(check_of_what_cannot_be_read_ends_with_2),
               STAGE_CASE(check_as_json_is_the_document_without_its_exit_code),
               STAGE_CASE(an_agent_that_cannot_be_opened_means_check_cannot_tell),
               STAGE_CASE(an_agent_that_cannot_be_opened_fails_other_commands),
               STAGE_CASE(an_answered_error_goes_to_standard_error_with_its_exit_code),
               STAGE_CASE(status_never_starts_an_agent_of_its_own),
               STAGE_CASE(incidents_are_listed_with_state_and_culprit),
               STAGE_CASE(only_open_incidents_are_listed_when_asked_for),
               STAGE_CASE(an_option_of_one_call_is_forgotten_in_the_next),
               STAGE_CASE(no_incidents_is_no_output),
               STAGE_CASE(show_prints_an_incident_with_its_timeline),
               STAGE_CASE(control_characters_of_a_document_never_reach_the_terminal),
               STAGE_CASE(letters_beyond_ascii_stay_what_they_are),
               STAGE_CASE(an_exit_code_that_is_none_is_a_failure),
               STAGE_CASE(quiet_leaves_results_and_errors));
}
