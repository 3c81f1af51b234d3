/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that lead to a change: plans, approvals, executions. */
#include "tests/unit/agent/cli_stage.h"

#include <string.h>

#define PLAN(action, state, requester, more)                                                       \
    "{\"plan_id\":\"" STAGE_PLAN "\",\"action\":\"" action "\",\"binding\":\"nachet\","            \
    "\"slot\":\"primary\",\"old\":{\"fingerprint\":\"aaaaaaaaaaaa\",\"version\":7},"               \
    "\"new\":{\"fingerprint\":\"bbbbbbbbbbbb\"},\"created_at\":\"T1\",\"expires_at\":\"T2\","      \
    "\"requester\":\"" requester "\",\"approvals\":{\"required\":1,\"have\":0},"                   \
    "\"state\":\"" state "\",\"why\":null,\"source\":\"/subscriptions/s\","                        \
    "\"copy\":{\"address\":\"https://v\",\"mount\":\"kv\",\"path\":\"p\",\"field\":\"f\"},"        \
    "\"next\":\"keydrift approve " STAGE_PLAN " --as NAME --key FILE\"" more "}"
/* The copy holds aaaaaaaaaaaa. */
#define FACTS(verdict, slot, primary, secondary)                                                   \
    "{\"bindings\":[{\"name\":\"nachet\",\"verdict\":\"" verdict "\",\"matched_slot\":" slot       \
    ",\"why\":\"one sentence\",\"source\":{\"id\":\"/s\",\"slots\":{\"primary\":\"" primary        \
    "\",\"secondary\":\"" secondary                                                                \
    "\"}},\"copy\":{\"version\":7,\"fingerprint\":\"aaaaaaaaaaaa\"}}],\"exit\":0}"

/* ---- plan ------------------------------------------------------------------------------------ */

TEST(plan_prints_the_change_and_the_next_command)
{
    stage_answer(201, PLAN("write_back", "open", "eve", ""));
    assert_int_equal(stage_call("plan", "nachet", NULL), 0);
    assert_string_equal(stage_asked(), "POST /v1/plans\n");
    assert_string_equal(json_text_at(stage_body(), "binding").start, "nachet");
    assert_string_equal(json_text_at(stage_body(), "action").start, "write_back");
    assert_contains(stage_out(), "plan          " STAGE_PLAN "\n");
    assert_contains(stage_out(), "action        write_back: write the source's primary key to ");
    assert_contains(stage_out(), "old           version 7, aaaaaaaaaaaa\n");
    assert_contains(stage_out(), "approvals     0 of 1\n");
    assert_contains(stage_out(), "next          keydrift approve " STAGE_PLAN " --as NAME");
}

TEST(plan_as_json_is_the_plan)
{
    cleanup_with(json_clean) json_t *document = NULL;

    stage_answer(200, PLAN("rotate", "open", "eve", ""));
    assert_int_equal(stage_call("-o", "json", "plan", "nachet", "--action", "rotate", NULL), 0);
    assert_string_equal(json_text_at(stage_body(), "action").start, "rotate");
    document = json_read_object(text_of(stage_out()), NULL);
    assert_string_equal(json_text_at(document, "plan_id").start, STAGE_PLAN);
    assert_int_equal(json_integer_at(document, "old.version", 0), 7);
}

/* ---- approve --------------------------------------------------------------------------------- */

static void make_key(void)
{
    assert_int_equal(stage_call("keygen", "approver", "ana", "--out", ".", NULL), 0);
}

static int approve(const char *more)
{
    return stage_call("approve", STAGE_PLAN, "--as", "ana", "--key", "ana.key", more, NULL);
}

TEST(without_a_daemon_the_token_alone_goes_to_standard_output)
{
    size_t size, dots = 0;

    make_key();
    stage_answer(200, PLAN("write_back", "open", "eve", ""));
    assert_int_equal(approve(NULL), 0);
    assert_string_equal(stage_asked(), "GET /v1/plans/" STAGE_PLAN "\n");
    size = strcspn(stage_out(), "\n");
    assert_int_equal(strlen(stage_out()), size + 1);
    for (size_t i = 0; i < size; i++)
        dots += stage_out()[i] == '.';
    assert_int_equal(dots, 2);
    assert_contains(stage_err(), "plan          " STAGE_PLAN);
    assert_contains(stage_err(), "no daemon runs, so nothing was recorded");
}

TEST(a_token_is_good_for_the_whole_id_even_where_its_beginning_was_given)
{
    cleanup_with(json_clean) json_t *document = NULL;

    make_key();
    stage_answer(200, PLAN("write_back", "open", "eve", ""));
    assert_int_equal(stage_call("approve", "3617f4", "--as", "ana", "--key", "ana.key", "--print",
                                "-o", "json", NULL),
                     0);
    document = json_read_object(text_of(stage_out()), NULL);
    assert_string_equal(json_text_at(document, "plan_id").start, STAGE_PLAN);
    assert_string_equal(json_text_at(document, "approver").start, "ana");
    assert_true(json_text_at(document, "token").size > 100);
    assert_lacks(stage_err(), "no daemon runs");
}

TEST(who_asked_for_a_plan_is_told_that_somebody_else_must_approve)
{
    make_key();
    stage_answer(200, PLAN("write_back", "open", "ana", ""));
    assert_int_equal(approve(NULL), 1);
    assert_string_equal(stage_out(), "");
    assert_contains(stage_err(), "somebody else must approve it");
}

TEST(a_plan_that_is_not_open_is_not_signed)
{
    make_key();
    stage_answer(200, PLAN("write_back", "superseded", "eve", ""));
    assert_int_equal(approve("--print"), 1);
    assert_string_equal(stage_out(), "");
    assert_contains(stage_err(), "plan 3617f4864d72 is superseded");
}

TEST(an_incident_is_not_signed)
{
    make_key();
    stage_answer(200, "{\"id\":\"inc-b\",\"type\":\"incident\",\"plan_id\":null}");
    assert_int_equal(stage_call("approve", "inc-b", "--as", "ana", "--key", "ana.key", NULL), 1);
    assert_string_equal(stage_out(), "");
    assert_contains(stage_err(), "inc-b is not a plan");
}

TEST(another_plan_than_the_one_asked_for_is_not_signed)
{
    make_key();
    stage_answer(200, PLAN("write_back", "open", "eve", ""));
    assert_int_equal(stage_call("approve", "3617f5", "--as", "ana", "--key", "ana.key", NULL), 1);
    assert_string_equal(stage_out(), "");
    assert_contains(stage_err(), "another plan than 3617f5 was answered; nothing is signed");
}

TEST(a_key_that_cannot_be_read_signs_nothing)
{
    stage_answer(200, PLAN("write_back", "open", "eve", ""));
    assert_int_not_equal(approve(NULL), 0);
    assert_string_equal(stage_out(), "");
    assert_contains(stage_err(), "ana.key");
}

/* ---- apply ----------------------------------------------------------------------------------- */

TEST(apply_brings_the_tokens_and_its_patience)
{
    json_t *tokens;

    stage_write("a.token", "tok.en.A\n\n tok.en.B \n");
    stage_answer(200, PLAN("write_back", "done", "eve", ",\"exit\":0"));
    assert_int_equal(stage_call("apply", STAGE_PLAN, "--approval", "tok.en.C", "--approval-file",
                                "a.token", "--wait", "10m", NULL),
                     0);
    assert_string_equal(stage_asked(), "POST /v1/plans/" STAGE_PLAN "/apply\n");
    assert_int_equal(json_integer_at(stage_body(), "wait_ms", 0), 600000);
    tokens = json_at(stage_body(), "tokens");
    assert_int_equal(json_array_size(tokens), 3);
    assert_string_equal(json_string_value(json_array_get(tokens, 0)), "tok.en.C");
    assert_string_equal(json_string_value(json_array_get(tokens, 1)), "tok.en.A");
    assert_string_equal(json_string_value(json_array_get(tokens, 2)), "tok.en.B");
    assert_lacks(stage_out(), "tok.en");
    assert_contains(stage_out(), "state         done\n");
}

TEST(a_plan_that_waits_for_approval_ends_with_3_and_the_next_command)
{
    stage_answer(200, PLAN("write_back", "waiting", "eve", ",\"exit\":3"));
    assert_int_equal(stage_call("apply", STAGE_PLAN, NULL), 3);
    assert_contains(stage_out(), "next          keydrift approve ");
    assert_string_equal(stage_err(), "");
}

TEST(an_execution_that_failed_says_why_on_standard_error)
{
    stage_answer(409, "{\"plan_id\":\"" STAGE_PLAN "\",\"state\":\"superseded\",\"step\":"
                      "\"preflight\",\"why\":\"the copy changed\",\"next\":\"keydrift plan "
                      "nachet\",\"exit\":1}");
    assert_int_equal(stage_call("apply", STAGE_PLAN, NULL), 1);
    assert_string_equal(stage_out(), "");
    assert_string_equal(stage_err(),
                        "keydrift: plan 3617f4864d72 is superseded at step preflight: the copy "
                        "changed\nkeydrift: next: keydrift plan nachet\n");
}

TEST(what_little_is_known_of_a_finished_plan_is_printed_and_no_more)
{
    stage_answer(200, "{\"plan_id\":\"" STAGE_PLAN "\",\"state\":\"done\",\"why\":\"repaired\","
                      "\"next\":\"keydrift check nachet\",\"exit\":0}");
    assert_int_equal(stage_call("apply", STAGE_PLAN, NULL), 0);
    assert_string_equal(stage_out(), "plan          " STAGE_PLAN "\n"
                                     "state         done\n"
                                     "why           repaired\n"
                                     "next          keydrift check nachet\n");
}

TEST(a_token_file_that_cannot_be_used_stops_before_anything_is_asked)
{
    assert_int_equal(stage_call("apply", STAGE_PLAN, "--approval-file", "absent", NULL), 2);
    assert_contains(stage_err(), "absent cannot be read: No such file");
    stage_write("a.token", "\n\n");
    assert_int_equal(stage_call("apply", STAGE_PLAN, "--approval-file", "a.token", NULL), 2);
    assert_contains(stage_err(), "a.token holds no approval token");
    stage_write("b.token", "a\x01"
                           "b\n");
    assert_int_equal(stage_call("apply", STAGE_PLAN, "--approval-file", "b.token", NULL), 2);
    assert_contains(stage_err(), "b.token holds something that is no approval token");
    assert_string_equal(stage_asked(), "");
}

/* ---- rotate ---------------------------------------------------------------------------------- */

TEST(rotate_prints_its_plan_and_ends_with_3)
{
    stage_answer(200, PLAN("rotate", "waiting", "eve", ",\"exit\":3"));
    assert_int_equal(stage_call("rotate", "nachet", NULL), 3);
    assert_string_equal(stage_asked(), "POST /v1/rotate\n");
    assert_string_equal(json_text_at(stage_body(), "binding").start, "nachet");
    assert_contains(stage_out(), "rotate: regenerate the primary key, then write it to Vault");
}

TEST(a_dry_run_only_reads_and_names_the_slot_that_vault_does_not_hold)
{
    cleanup_with(json_clean) json_t *document = NULL;

    stage_answer(200, FACTS("match", "\"primary\"", "aaaaaaaaaaaa", "bbbbbbbbbbbb"));
    assert_int_equal(stage_call("rotate", "nachet", "--dry-run", NULL), 0);
    assert_string_equal(stage_asked(), "POST /v1/check\n");
    assert_contains(stage_out(), "regenerate the secondary key, which Vault does not hold");
    assert_contains(stage_out(), "only if version 7 is still the current one");
    assert_contains(stage_err(), "nothing was changed");
    stage_answer(200, FACTS("match", "\"secondary\"", "bbbbbbbbbbbb", "aaaaaaaaaaaa"));
    assert_int_equal(stage_call("rotate", "nachet", "--dry-run", "-o", "json", NULL), 0);
    document = json_read_object(text_of(stage_out()), NULL);
    assert_string_equal(json_text_at(document, "slot").start, "primary");
    assert_int_equal(json_array_size(json_at(document, "steps")), 8);
}

static void assert_refused(const char *why)
{
    assert_int_equal(stage_call("rotate", "nachet", "--dry-run", NULL), 1);
    assert_contains(stage_err(), "a rotation would be refused: ");
    assert_contains(stage_err(), why);
    assert_lacks(stage_out(), "regenerate");
}

TEST(a_dry_run_says_what_a_rotation_would_refuse)
{
    stage_answer(200, FACTS("stale", "null", "cccccccccccc", "bbbbbbbbbbbb"));
    assert_refused("the copy is stale");
    stage_answer(200, FACTS("unknown", "null", "cccccccccccc", "bbbbbbbbbbbb"));
    assert_refused("the copy is unknown");
    stage_answer(200, FACTS("match", "\"primary\"", "aaaaaaaaaaaa", "aaaaaaaaaaaa"));
    assert_refused("no other slot that could be regenerated safely");
    stage_configure("");
    stage_answer(200, FACTS("match", "\"primary\"", "aaaaaaaaaaaa", "bbbbbbbbbbbb"));
    assert_refused("no approvers are configured");
}

int main(void)
{
    return RUN(STAGE_CASE(plan_prints_the_change_and_the_next_command),
               STAGE_CASE(plan_as_json_is_the_plan),
               STAGE_CASE(without_a_daemon_the_token_alone_goes_to_standard_output),
               STAGE_CASE(a_token_is_good_for_the_whole_id_even_where_its_beginning_was_given),
               STAGE_CASE(who_asked_for_a_plan_is_told_that_somebody_else_must_approve),
               STAGE_CASE(a_plan_that_is_not_open_is_not_signed),
               STAGE_CASE(an_incident_is_not_signed),
               STAGE_CASE(another_plan_than_the_one_asked_for_is_not_signed),
               STAGE_CASE(a_key_that_cannot_be_read_signs_nothing),
               STAGE_CASE(apply_brings_the_tokens_and_its_patience),
               STAGE_CASE(a_plan_that_waits_for_approval_ends_with_3_and_the_next_command),
               STAGE_CASE(an_execution_that_failed_says_why_on_standard_error),
               STAGE_CASE(what_little_is_known_of_a_finished_plan_is_printed_and_no_more),
               STAGE_CASE(a_token_file_that_cannot_be_used_stops_before_anything_is_asked),
               STAGE_CASE(rotate_prints_its_plan_and_ends_with_3),
               STAGE_CASE(a_dry_run_only_reads_and_names_the_slot_that_vault_does_not_hold),
               STAGE_CASE(a_dry_run_says_what_a_rotation_would_refuse));
}
