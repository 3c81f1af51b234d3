/* SPDX-License-Identifier: Apache-2.0 */
/* Plans and the approvals they need: what is refused is refused with the rule, audited, and nothing
 * is written. */
#include "tests/support/test.h"
#include "tests/support/world.h"

#include "net/json.h"

#include <string.h>

static struct world *world_to_repair(bool watches)
{
    struct world *world = world_new();

    world->bindings[0].on_drift = ON_DRIFT_ALERT;
    fake_source_regenerate(&world->sources[0], 0, "mallory@example.org");
    assert_true(world_start(world, watches));
    return world;
}

static int approve(struct world *world, const char *id, const char *token,
                   struct world_answer *answer)
{
    char path[120], body[400];

    snprintf(path, sizeof(path), "/v1/plans/%s/approvals", id);
    snprintf(body, sizeof(body), "{\"token\":\"%s\"}", token);
    return world_call(world, answer, "POST", path, "ana", body);
}

static int apply(struct world *world, const char *id, const char *body, struct world_answer *answer)
{
    char path[120];

    snprintf(path, sizeof(path), "/v1/plans/%s/apply", id);
    return world_call(world, answer, "POST", path, "dev", body);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static const struct refusal {
    const char *plan; /* NULL: the right one */
    const char *approver;
    int64_t issued, expires; /* from now */
    const char *signature, *why;
} refusals[] = {
    {"0000000000000000000000000000000000000000000000000000000000000000", "ana", -1 SECONDS, 1 HOURS,
     "ok", "for another plan"},
    {NULL, "ana", -2 HOURS, -1 SECONDS, "ok", "has expired"},
    {NULL, "ana", 10 MINUTES, 1 HOURS, "ok", "in the future"},
    {NULL, "ana", -1 SECONDS, 200 HOURS, "ok", "more than 7 days"},
    {NULL, "carol", -1 SECONDS, 1 HOURS, "ok", "no approver \"carol\""},
    {NULL, "ana", -1 SECONDS, 1 HOURS, "changed", "the signature"},
    {NULL, "bo", -1 SECONDS, 1 HOURS, "ok", "may not approve it"}, /* bo asked for the plan */
};

TEST(every_approval_that_is_refused_says_why_and_is_audited_and_writes_nothing)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
        const struct refusal *refusal = &refusals[i];
        /* By approving, and by applying with it. */
        for (unsigned applies = 0; applies < 2; applies++) {
            struct world *world = world_to_repair(false);
            struct world_answer answer;
            char id[PLAN_ID_SIZE], token[FAKE_TOKEN_SIZE], body[400];
            int64_t now = world->clock.now;
            int status;

            assert_int_equal(
                world_call(world, &answer, "POST", "/v1/plans", "bo", "{\"binding\":\"nachet\"}"),
                201);
            snprintf(id, sizeof(id), "%s", json_string_in(answer.document, "plan_id"));
            world_answer_clear(&answer);
            fake_token(token, refusal->plan ? refusal->plan : id, refusal->approver, "t",
                       now + refusal->issued, now + refusal->expires, refusal->signature);
            snprintf(body, sizeof(body), "{\"tokens\":[\"%s\"]}", token);
            status = applies ? apply(world, id, body, &answer) : approve(world, id, token, &answer);
            if (status != 403 ||
                !strstr(json_string_in(answer.document, "error.text"), refusal->why))
                fail_msg("line %zu: %d %s", i, status,
                         json_string_in(answer.document, "error.text"));
            assert_int_equal(json_integer_at(answer.document, "exit", -1), 1);
            assert_int_equal(fake_store_audited(&world->store, "approval_refused"), 1);
            assert_int_equal(fake_store_count(&world->store, RECORD_APPROVAL, NULL), 0);
            assert_int_equal(world->copies[0].writes, 0);
            assert_string_equal(world_plan_state(world, id), "open");
            world_answer_clear(&answer);
            world_free(world);
        }
    }
}

TEST(one_refused_token_among_good_ones_refuses_them_all)
{
    struct world *world = world_to_repair(false);
    struct world_answer answer;
    char id[PLAN_ID_SIZE], good[FAKE_TOKEN_SIZE], body[700];

    assert_true(world_plan(world, "write_back", id));
    world_token(world, id, "ana", good);
    snprintf(body, sizeof(body), "{\"tokens\":[\"%s\",\"nonsense\"]}", good);
    assert_int_equal(apply(world, id, body, &answer), 403);
    assert_int_equal(fake_store_count(&world->store, RECORD_APPROVAL, NULL), 0);
    assert_int_equal(world->copies[0].writes, 0);
    world_answer_clear(&answer);
    world_free(world);
}

TEST(without_approvers_nothing_is_written)
{
    struct world *world = world_to_repair(false);
    struct world_answer answer;
    char id[PLAN_ID_SIZE];

    assert_true(world_plan(world, "write_back", id));
    world_stop(world);
    world->config.approver_count = 0;
    assert_true(world_start(world, false));
    assert_int_equal(world_apply(world, id, &answer), 403);
    world_answer_clear(&answer);
    assert_int_equal(apply(world, id, NULL, &answer), 403);
    world_answer_clear(&answer);
    world->config.approver_count = 2;
    world_stop(world);
    world->config.approvals_required = 0;
    assert_true(world_start(world, false));
    assert_int_equal(apply(world, id, NULL, &answer), 200);
    assert_int_equal(json_integer_at(answer.document, "exit", -1), 3);
    world_answer_clear(&answer);
    assert_int_equal(world->copies[0].writes, 0);
    world_free(world);
}

/* ---- counting -------------------------------------------------------------------------------- */

TEST(one_approver_with_many_tokens_hides_no_other)
{
    struct world *world = world_to_repair(false);
    struct world_answer answer;
    char id[PLAN_ID_SIZE], token[FAKE_TOKEN_SIZE];

    world->config.approvals_required = 2;
    assert_true(world_plan(world, "write_back", id));
    for (unsigned i = 0; i <= APPROVAL_MAX; i++) {
        world_token(world, id, i < APPROVAL_MAX ? "ana" : "bo", token);
        assert_int_equal(approve(world, id, token, &answer), 200);
        assert_int_equal(json_integer_at(answer.document, "approvals.have", -1),
                         i < APPROVAL_MAX ? 1 : 2);
        world_answer_clear(&answer);
    }
    assert_int_equal(apply(world, id, NULL, &answer), 200);
    assert_int_equal(world->copies[0].writes, 1);
    world_answer_clear(&answer);
    world_free(world);
}

TEST(two_required_are_two_people)
{
    struct world *world = world_to_repair(false);
    struct world_answer answer;
    char id[PLAN_ID_SIZE], token[FAKE_TOKEN_SIZE];

    world->config.approvals_required = 2;
    assert_true(world_plan(world, "write_back", id));
    for (unsigned i = 0; i < 2; i++) { /* ana twice, with two tokens */
        world_token(world, id, "ana", token);
        assert_int_equal(approve(world, id, token, &answer), 200);
        assert_int_equal(json_integer_at(answer.document, "approvals.have", -1), 1);
        assert_int_equal(json_integer_at(answer.document, "approvals.required", -1), 2);
        world_answer_clear(&answer);
    }
    assert_int_equal(apply(world, id, NULL, &answer), 200);
    assert_string_equal(json_string_in(answer.document, "state"), "waiting");
    assert_int_equal(json_integer_at(answer.document, "exit", -1), 3);
    assert_int_equal(world->copies[0].writes, 0);
    world_answer_clear(&answer);
    world_token(world, id, "bo", token);
    assert_int_equal(approve(world, id, token, &answer), 200);
    assert_int_equal(json_integer_at(answer.document, "approvals.have", -1), 2);
    world_answer_clear(&answer);
    assert_int_equal(apply(world, id, NULL, &answer), 200);
    assert_int_equal(json_integer_at(answer.document, "exit", -1), 0);
    assert_int_equal(world->copies[0].writes, 1);
    assert_int_equal(fake_store_count(&world->store, RECORD_USED_TOKEN, id), 2);
    world_answer_clear(&answer);
    world_free(world);
}

TEST(approvals_survive_a_restart_and_expire_with_time)
{
    struct world *world = world_to_repair(false);
    struct world_answer answer;
    char id[PLAN_ID_SIZE], token[FAKE_TOKEN_SIZE];

    assert_true(world_plan(world, "write_back", id));
    world_token(world, id, "ana", token);
    assert_int_equal(approve(world, id, token, &answer), 200);
    world_answer_clear(&answer);
    world_stop(world);
    assert_true(world_start(world, false));
    assert_true(world_run(world, 2 HOURS));
    assert_int_equal(apply(world, id, NULL, &answer), 200);
    assert_int_equal(json_integer_at(answer.document, "exit", -1), 3); /* valid for one hour */
    world_answer_clear(&answer);
    world_token(world, id, "ana", token);
    assert_int_equal(approve(world, id, token, &answer), 200);
    world_answer_clear(&answer);
    world_stop(world);
    assert_true(world_start(world, false));
    assert_int_equal(apply(world, id, NULL, &answer), 200);
    assert_int_equal(json_integer_at(answer.document, "exit", -1), 0);
    world_answer_clear(&answer);
    world_free(world);
}

TEST(a_token_another_process_used_is_not_used_again)
{
    struct world *world = world_to_repair(false);
    struct world_answer answer;
    char id[PLAN_ID_SIZE], token[FAKE_TOKEN_SIZE];

    assert_true(world_plan(world, "write_back", id));
    world_token(world, id, "ana", token);
    assert_int_equal(approve(world, id, token, &answer), 200);
    world_answer_clear(&answer);
    fake_store_put(&world->store, RECORD_USED_TOKEN, "token-1", id, "{}");
    assert_int_equal(apply(world, id, NULL, &answer), 409);
    assert_non_null(strstr(json_string_in(answer.document, "why"), "used before"));
    assert_int_equal(world->copies[0].writes, 0);
    world_answer_clear(&answer);
    assert_int_equal(approve(world, id, token, &answer), 403);
    assert_non_null(strstr(json_string_in(answer.document, "error.text"), "used before"));
    assert_int_equal(fake_store_audited(&world->store, "approval_refused"), 1);
    world_answer_clear(&answer);
    world_free(world);
}

TEST(a_plan_is_executed_once)
{
    struct world *world = world_to_repair(false);
    struct world_answer answer;
    char id[PLAN_ID_SIZE];

    assert_true(world_plan(world, "write_back", id));
    assert_int_equal(world_apply(world, id, &answer), 200);
    world_answer_clear(&answer);
    assert_int_equal(world_apply(world, id, &answer), 409);
    assert_non_null(strstr(json_string_in(answer.document, "error.text"), "is done"));
    assert_int_equal(world->copies[0].writes, 1);
    world_answer_clear(&answer);
    world_free(world);
}

TEST(two_who_apply_at_once_share_one_execution)
{
    struct world *world = world_to_repair(false);
    struct world_answer first, second;
    char id[PLAN_ID_SIZE], token[FAKE_TOKEN_SIZE], path[120];

    assert_true(world_plan(world, "write_back", id));
    world_token(world, id, "ana", token);
    assert_int_equal(approve(world, id, token, &first), 200);
    world_answer_clear(&first);
    snprintf(path, sizeof(path), "/v1/plans/%s/apply", id);
    world_ask(world, &first, "POST", path, "dev", NULL);
    world_ask(world, &second, "POST", path, "bo", NULL);
    assert_true(world_wait(world, &first) && world_wait(world, &second));
    assert_int_equal(first.status, 200);
    assert_int_equal(second.status, 200);
    assert_int_equal(world->copies[0].writes, 1);
    world_answer_clear(&first);
    world_answer_clear(&second);
    world_free(world);
}

TEST(apply_waits_for_approvals_as_long_as_it_is_told)
{
    struct world *world = world_to_repair(false);
    struct world_answer answer, approval;
    char id[PLAN_ID_SIZE], token[FAKE_TOKEN_SIZE], path[120];
    int64_t began_at;

    assert_true(world_plan(world, "write_back", id));
    began_at = world->clock.now;
    assert_int_equal(apply(world, id, "{\"wait_ms\":60000}", &answer), 200);
    assert_int_equal(json_integer_at(answer.document, "exit", -1), 3);
    assert_in_range(world->clock.now - began_at, 60000, 61000);
    world_answer_clear(&answer);
    snprintf(path, sizeof(path), "/v1/plans/%s/apply", id);
    world_ask(world, &answer, "POST", path, "dev", "{\"wait_ms\":60000}");
    assert_true(world_run(world, 20 SECONDS));
    world_token(world, id, "ana", token);
    assert_int_equal(approve(world, id, token, &approval), 200);
    world_answer_clear(&approval);
    assert_true(world_run(world, 3 SECONDS));
    assert_true(answer.is_done);
    assert_int_equal(json_integer_at(answer.document, "exit", -1), 0);
    world_answer_clear(&answer);
    world_free(world);
}

TEST(who_waits_for_approvals_hears_that_the_plan_has_ended)
{
    struct world *world = world_to_repair(true);
    struct world_answer answer;
    char id[PLAN_ID_SIZE], path[120];

    assert_true(world_plan(world, "write_back", id));
    snprintf(path, sizeof(path), "/v1/plans/%s/apply", id);
    world_ask(world, &answer, "POST", path, "dev", "{\"wait_ms\":3000000}");
    fake_source_regenerate(&world->sources[0], 0, "mallory@example.org");
    assert_true(world_run(world, 3 MINUTES));
    assert_true(answer.is_done);
    assert_int_equal(answer.status, 409);
    world_answer_clear(&answer);
    world_free(world);
}

/* ---- plans ----------------------------------------------------------------------------------- */

TEST(the_same_plan_is_not_made_twice)
{
    struct world *world = world_to_repair(false);
    struct world_answer answer;
    char first[PLAN_ID_SIZE];

    assert_true(world_plan(world, "write_back", first));
    assert_true(world_run(world, 1 MINUTES));
    assert_int_equal(
        world_call(world, &answer, "POST", "/v1/plans", "bo", "{\"binding\":\"nachet\"}"), 200);
    assert_string_equal(json_string_in(answer.document, "plan_id"), first);
    assert_string_equal(json_string_in(answer.document, "requester"), "dev");
    world_answer_clear(&answer);
    assert_int_equal(fake_store_count(&world->store, RECORD_PLAN, NULL), 1);
    assert_int_equal(fake_store_audited(&world->store, "plan_made"), 1);
    world_free(world);
}

TEST(a_plan_whose_facts_changed_is_superseded_and_its_approvals_are_void)
{
    /* Either side changes, seen by the watcher, by a new plan, or only by apply. */
    for (unsigned seen_by = 0; seen_by < 3; seen_by++) {
        for (unsigned side = 0; side < 2; side++) {
            struct world *world = world_to_repair(seen_by == 0);
            struct world_answer answer;
            char id[PLAN_ID_SIZE], other[PLAN_ID_SIZE], token[FAKE_TOKEN_SIZE];

            assert_true(world_plan(world, "write_back", id));
            world_token(world, id, "ana", token);
            assert_int_equal(approve(world, id, token, &answer), 200);
            world_answer_clear(&answer);
            if (side)
                fake_copy_put(&world->copies[0], "something-else");
            else
                fake_source_regenerate(&world->sources[0], 0, "mallory@example.org");
            if (seen_by == 0)
                assert_true(world_run(world, 2 MINUTES));
            if (seen_by == 1) {
                assert_true(world_plan(world, "write_back", other));
                assert_string_not_equal(id, other);
            }
            assert_int_equal(apply(world, id, NULL, &answer), 409);
            assert_true(world_run(world, 1 SECONDS));
            assert_string_equal(world_plan_state(world, id), "superseded");
            assert_int_equal(world->copies[0].writes, 0);
            assert_int_equal(fake_store_count(&world->store, RECORD_USED_TOKEN, NULL), 0);
            if (seen_by == 2)
                assert_string_equal(json_string_in(answer.document, "next"),
                                    "keydrift -c k.yaml plan nachet");
            world_answer_clear(&answer);
            world_free(world);
        }
    }
}

TEST(a_plan_expires)
{
    /* Noticed by the watcher, and by apply where nobody watches. */
    for (unsigned watches = 0; watches < 2; watches++) {
        struct world *world = world_to_repair(watches == 1);
        struct world_answer answer;
        char id[PLAN_ID_SIZE];

        assert_true(world_plan(world, "write_back", id));
        assert_true(world_run(world, 25 HOURS));
        assert_int_equal(world_apply(world, id, &answer), 409);
        assert_true(world_run(world, 1 SECONDS));
        assert_string_equal(world_plan_state(world, id), "expired");
        assert_int_equal(world->copies[0].writes, 0);
        assert_int_equal(fake_store_count(&world->store, RECORD_USED_TOKEN, NULL), 0);
        world_answer_clear(&answer);
        world_free(world);
    }
}

TEST(an_in_sync_binding_has_nothing_to_plan_and_a_drifted_one_is_not_rotated)
{
    struct world *world = world_new();
    struct world_answer answer;

    assert_true(world_start(world, false));
    assert_int_equal(
        world_call(world, &answer, "POST", "/v1/plans", "dev", "{\"binding\":\"nachet\"}"), 409);
    world_answer_clear(&answer);
    fake_source_regenerate(&world->sources[0], 0, "mallory@example.org");
    assert_int_equal(
        world_call(world, &answer, "POST", "/v1/rotate", "dev", "{\"binding\":\"nachet\"}"), 409);
    assert_int_equal(json_integer_at(answer.document, "exit", -1), 1);
    assert_non_null(strstr(json_string_in(answer.document, "error.text"), "repair the drift"));
    world_answer_clear(&answer);
    assert_int_equal(fake_store_count(&world->store, RECORD_PLAN, NULL), 0);
    world_free(world);
}

TEST(rotate_makes_a_plan_first_and_goes_on_with_it_once_it_is_approved)
{
    struct world *world = world_new();
    struct world_answer answer;
    char id[PLAN_ID_SIZE], token[FAKE_TOKEN_SIZE], body[400];

    assert_true(world_start(world, false));
    for (unsigned i = 0; i < 2; i++) { /* asked twice, the same plan waits */
        assert_int_equal(
            world_call(world, &answer, "POST", "/v1/rotate", "dev", "{\"binding\":\"nachet\"}"),
            200);
        assert_int_equal(json_integer_at(answer.document, "exit", -1), 3);
        if (i)
            assert_string_equal(json_string_in(answer.document, "plan_id"), id);
        snprintf(id, sizeof(id), "%s", json_string_in(answer.document, "plan_id"));
        world_answer_clear(&answer);
    }
    world_token(world, id, "ana", token);
    snprintf(body, sizeof(body), "{\"binding\":\"nachet\",\"tokens\":[\"%s\"]}", token);
    assert_int_equal(world_call(world, &answer, "POST", "/v1/rotate", "dev", body), 200);
    assert_int_equal(json_integer_at(answer.document, "exit", -1), 0);
    assert_int_equal(world->sources[0].regenerated[1], 1);
    world_answer_clear(&answer);
    world_free(world);
}

TEST(one_execution_at_a_time_and_one_process)
{
    struct world *world = world_to_repair(false);
    struct world_answer answer;
    char id[PLAN_ID_SIZE];

    assert_true(world_plan(world, "write_back", id));
    world->store.is_locked_by_another = true;
    assert_int_equal(world_apply(world, id, &answer), 409);
    assert_non_null(strstr(json_string_in(answer.document, "error.text"), "4711"));
    assert_int_equal(world->copies[0].writes, 0);
    assert_int_equal(fake_store_count(&world->store, RECORD_USED_TOKEN, NULL), 0);
    world_answer_clear(&answer);
    world_free(world);
}

TEST(a_binding_with_a_plan_under_way_begins_no_other)
{
    struct world *world = world_new();
    struct world_answer answer;
    char rotation[PLAN_ID_SIZE], repair[PLAN_ID_SIZE];

    assert_true(world_start(world, false));
    assert_true(world_plan(world, "rotate", rotation));
    fake_fail(&world->clock, (struct fake_fault){"source.regenerate", 1, FAILURE_AMBIGUOUS});
    assert_int_equal(world_apply(world, rotation, &answer), 409);
    world_answer_clear(&answer);
    fake_source_regenerate(&world->sources[0], 0, "mallory@example.org");
    assert_true(world_plan(world, "write_back", repair));
    assert_int_equal(world_apply(world, repair, &answer), 409);
    assert_non_null(strstr(json_string_in(answer.document, "error.text"), "has not ended"));
    assert_int_equal(world->copies[0].writes, 0);
    world_answer_clear(&answer);
    world_free(world);
}

int main(void)
{
    return RUN(CASE(every_approval_that_is_refused_says_why_and_is_audited_and_writes_nothing),
               CASE(one_refused_token_among_good_ones_refuses_them_all),
               CASE(without_approvers_nothing_is_written),
               CASE(one_approver_with_many_tokens_hides_no_other),
               CASE(two_required_are_two_people),
               CASE(approvals_survive_a_restart_and_expire_with_time),
               CASE(a_token_another_process_used_is_not_used_again), CASE(a_plan_is_executed_once),
               CASE(two_who_apply_at_once_share_one_execution),
               CASE(apply_waits_for_approvals_as_long_as_it_is_told),
               CASE(who_waits_for_approvals_hears_that_the_plan_has_ended),
               CASE(the_same_plan_is_not_made_twice),
               CASE(a_plan_whose_facts_changed_is_superseded_and_its_approvals_are_void),
               CASE(a_plan_expires),
               CASE(an_in_sync_binding_has_nothing_to_plan_and_a_drifted_one_is_not_rotated),
               CASE(rotate_makes_a_plan_first_and_goes_on_with_it_once_it_is_approved),
               CASE(one_execution_at_a_time_and_one_process),
               CASE(a_binding_with_a_plan_under_way_begins_no_other));
}
