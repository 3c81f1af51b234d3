/* SPDX-License-Identifier: Apache-2.0 */
/* Where an execution goes on: every journaled step against every state of both sides. */
#include "agent/core/execution.h"
#include "tests/support/test.h"
#include "tests/unit/core/facts.h"

/* A decision in one letter and, for "go on", the step. */
#define GO(step)                                                                                   \
    {                                                                                              \
        EXECUTION_GO_ON, STEP_##step                                                               \
    }
#define LOOK                                                                                       \
    {                                                                                              \
        EXECUTION_LOOK_AGAIN, EXECUTION_STEPS                                                      \
    }
#define GONE                                                                                       \
    {                                                                                              \
        EXECUTION_SUPERSEDED, EXECUTION_STEPS                                                      \
    }
#define STOP                                                                                       \
    {                                                                                              \
        EXECUTION_STOP, EXECUTION_STEPS                                                            \
    }

/* The plans: the copy was 3 (write back of 1), or 1 (rotation of the secondary, which was 2). */
static struct plan planned(enum plan_action action)
{
    struct source_fact source = source_of(1, 2);
    struct copy_fact copy = copy_of(action == PLAN_ROTATE ? 1 : 3);
    struct plan plan = {0};

    assert_true(plan_from_facts(&plan, action, &source, &copy, ANY_SLOT, NULL));
    return plan;
}

static struct copy_fact rewritten(int number)
{
    struct copy_fact copy = copy_of(number);

    copy.version = (struct copy_version){8, 900, 0};
    return copy;
}

struct situation {
    const char *what;
    struct source_fact source;
    struct copy_fact copy;
    struct execution_decision expected[EXECUTION_STEPS];
};

static void decides(const struct plan *plan, const struct situation *situation,
                    enum execution_step journaled)
{
    struct execution_decision expected = situation->expected[journaled];
    struct failure why = {0};
    struct execution_decision is =
        execution_resume(plan, journaled, &situation->source, &situation->copy, &why);

    if (expected.verdict != EXECUTION_GO_ON)
        expected.step = journaled;
    if (is.verdict != expected.verdict || is.step != expected.step)
        fail_msg("%s, journaled %s: verdict %d, step %s (%s)", situation->what,
                 execution_step_name(journaled), (int)is.verdict, execution_step_name(is.step),
                 why.text);
    if (is.verdict != EXECUTION_GO_ON)
        assert_true(why.kind != FAILURE_NONE && why.text[0]);
    assert_false(is.verdict == EXECUTION_GO_ON && is.step == STEP_REGENERATING &&
                 journaled != STEP_LOCKED);
}

static void decides_all(enum plan_action action, const struct situation *situations, size_t count)
{
    struct plan plan = planned(action);

    for (size_t i = 0; i < count; i++)
        for (unsigned step = 0; step < EXECUTION_STEPS; step++)
            decides(&plan, &situations[i], (enum execution_step)step);
}
#define DECIDES(action, situations)                                                                \
    decides_all(action, situations, sizeof(situations) / sizeof(*(situations)))

/* What steps outside a write-back's course, and ended ones, always get. */
#define NOT_IN_WRITE_BACK                                                                          \
    [STEP_REGENERATING] = STOP, [STEP_CONFIRMING] = STOP, [STEP_SETTLING] = STOP,                  \
    [STEP_DONE] = GO(DONE), [STEP_NEEDS_HUMAN] = STOP
/* The columns are in the order of the course. */
#define WRITE_BACK(preflight, locked, writing, verifying, probing)                                 \
    {                                                                                              \
        [STEP_PREFLIGHT] = preflight, [STEP_LOCKED] = locked, [STEP_WRITING] = writing,            \
        [STEP_VERIFYING] = verifying, [STEP_PROBING] = probing, NOT_IN_WRITE_BACK                  \
    }
#define ROTATE(preflight, locked, regenerating, confirming, probing, writing, verifying, settling) \
    {                                                                                              \
        [STEP_PREFLIGHT] = preflight, [STEP_LOCKED] = locked, [STEP_REGENERATING] = regenerating,  \
        [STEP_CONFIRMING] = confirming, [STEP_PROBING] = probing, [STEP_WRITING] = writing,        \
        [STEP_VERIFYING] = verifying, [STEP_SETTLING] = settling, [STEP_DONE] = GO(DONE),          \
        [STEP_NEEDS_HUMAN] = STOP                                                                  \
    }

/* clang-format off */
#define V GO(VERIFYING)
#define W GO(WRITING)
#define P GO(PROBING)

TEST(a_write_back_goes_on_by_what_both_sides_show)
{
    const struct situation situations[] = {
        /*                                                                               preflight  locked writing verifying probing */
        {"nothing changed", source_of(1, 2), copy_of(3),                      WRITE_BACK(GO(LOCKED), W,    W,      W,        W)},
        {"written", source_of(1, 2), rewritten(1),                            WRITE_BACK(GONE,       GONE, V,      V,        P)},
        {"written, then regenerated", source_of(4, 2), rewritten(1),          WRITE_BACK(GONE,       GONE, V,      V,        P)},
        {"written by somebody else", source_of(1, 2), rewritten(9),           WRITE_BACK(GONE,       GONE, STOP,   STOP,     STOP)},
        {"the old value as a new version", source_of(1, 2), rewritten(3),     WRITE_BACK(GONE,       GONE, STOP,   STOP,     STOP)},
        {"regenerated", source_of(4, 2), copy_of(3),                          WRITE_BACK(GONE,       GONE, STOP,   STOP,     STOP)},
        {"deleted", source_of(1, 2), copy_without_value(COPY_DELETED),        WRITE_BACK(GONE,       GONE, STOP,   STOP,     STOP)},
        {"gone", source_of(1, 2), copy_without_value(COPY_NO_SECRET),         WRITE_BACK(GONE,       GONE, STOP,   STOP,     STOP)},
        {"source unknown", source_unknown("429"), copy_of(3),                 WRITE_BACK(LOOK,       LOOK, LOOK,   LOOK,     LOOK)},
        {"source unknown, written", source_unknown("429"), rewritten(1),      WRITE_BACK(LOOK,       LOOK, LOOK,   LOOK,     LOOK)},
        {"copy unknown", source_of(1, 2), copy_without_value(COPY_UNKNOWN),   WRITE_BACK(LOOK,       LOOK, LOOK,   LOOK,     LOOK)},
    };

    DECIDES(PLAN_WRITE_BACK, situations);
}

TEST(a_rotation_goes_on_by_what_both_sides_show)
{
    const struct situation situations[] = {
        /*                                                              preflight   locked            regen. confirm. probing writing verifying settling */
        {"nothing changed", source_of(1, 2), copy_of(1),         ROTATE(GO(LOCKED), GO(REGENERATING), LOOK,  LOOK,    LOOK,   LOOK,   LOOK,     LOOK)},
        {"regenerated", source_of(1, 4), copy_of(1),             ROTATE(GONE,       GONE,             P,     P,       P,      W,      W,        STOP)},
        {"regenerated and written", source_of(1, 4), rewritten(4), ROTATE(GONE,     GONE,             V,     V,       V,      V,      V,        GO(SETTLING))},
        {"both regenerated", source_of(5, 4), copy_of(1),        ROTATE(GONE,       GONE,             P,     P,       P,      W,      W,        STOP)},
        {"the other regenerated", source_of(5, 2), copy_of(1),   ROTATE(GONE,       GONE,             LOOK,  LOOK,    LOOK,   LOOK,   LOOK,     LOOK)},
        {"copy by somebody else", source_of(1, 4), rewritten(9), ROTATE(GONE,       GONE,             STOP,  STOP,    STOP,   STOP,   STOP,     STOP)},
        {"old value, new version", source_of(1, 4), rewritten(1), ROTATE(GONE,      GONE,             STOP,  STOP,    STOP,   STOP,   STOP,     STOP)},
        {"copy deleted", source_of(1, 4), copy_without_value(COPY_DELETED), ROTATE(GONE, GONE,        STOP,  STOP,    STOP,   STOP,   STOP,     STOP)},
        /* Vault was moved to the very slot that a second regenerate would kill. */
        {"copy holds the target", source_of(1, 2), rewritten(2), ROTATE(GONE,       GONE,             STOP,  STOP,    STOP,   STOP,   STOP,     STOP)},
        {"source unknown", source_unknown("429"), copy_of(1),    ROTATE(LOOK,       LOOK,             LOOK,  LOOK,    LOOK,   LOOK,   LOOK,     LOOK)},
        {"copy unknown", source_of(1, 4), copy_without_value(COPY_UNKNOWN), ROTATE(LOOK, LOOK,        LOOK,  LOOK,    LOOK,   LOOK,   LOOK,     LOOK)},
    };

    DECIDES(PLAN_ROTATE, situations);
}
/* clang-format on */

TEST(a_slot_that_disappeared_stops_a_rotation_that_began)
{
    struct plan plan = planned(PLAN_ROTATE);
    struct source_fact source = source_of(1, 2);
    struct copy_fact copy = copy_of(1);

    source.slot_count = 1;
    assert_int_equal(execution_resume(&plan, STEP_REGENERATING, &source, &copy, NULL).verdict,
                     EXECUTION_STOP);
    assert_int_equal(execution_resume(&plan, STEP_LOCKED, &source, &copy, NULL).verdict,
                     EXECUTION_SUPERSEDED);
}

TEST(a_missing_copy_that_is_written_meanwhile_supersedes)
{
    struct source_fact source = source_of(1, 2);
    struct copy_fact missing = copy_without_value(COPY_NO_SECRET), other = rewritten(9);
    struct plan plan = {0};

    assert_true(plan_from_facts(&plan, PLAN_WRITE_BACK, &source, &missing, ANY_SLOT, NULL));
    assert_int_equal(execution_resume(&plan, STEP_LOCKED, &source, &missing, NULL).step,
                     STEP_WRITING);
    assert_int_equal(execution_resume(&plan, STEP_WRITING, &source, &missing, NULL).step,
                     STEP_WRITING);
    assert_int_equal(execution_resume(&plan, STEP_LOCKED, &source, &other, NULL).verdict,
                     EXECUTION_SUPERSEDED);
}

TEST(a_repair_that_somebody_else_made_says_so)
{
    struct plan plan = planned(PLAN_WRITE_BACK);
    struct source_fact source = source_of(1, 2);
    struct copy_fact copy = rewritten(1);
    struct failure why = {0};

    assert_int_equal(execution_resume(&plan, STEP_LOCKED, &source, &copy, &why).verdict,
                     EXECUTION_SUPERSEDED);
    assert_non_null(strstr(why.text, "already holds the planned key"));
}

TEST(a_restore_is_given_to_a_person)
{
    struct source_fact source = source_of(1, 2);
    struct copy_fact copy = copy_of(1);
    struct plan plan = planned(PLAN_ROTATE);

    plan.action = PLAN_RESTORE;
    assert_int_equal(execution_resume(&plan, STEP_LOCKED, &source, &copy, NULL).verdict,
                     EXECUTION_STOP);
    assert_int_equal(execution_next(PLAN_RESTORE, STEP_LOCKED), STEP_NEEDS_HUMAN);
}

static void course_is(enum plan_action action, const enum execution_step *steps, size_t count)
{
    for (size_t i = 0; i + 1 < count; i++)
        assert_int_equal(execution_next(action, steps[i]), steps[i + 1]);
    assert_int_equal(execution_next(action, STEP_DONE), STEP_DONE);
    assert_int_equal(execution_next(action, STEP_NEEDS_HUMAN), STEP_NEEDS_HUMAN);
}

TEST(each_action_has_its_course)
{
    static const enum execution_step write_back[] = {
        STEP_PREFLIGHT, STEP_LOCKED, STEP_WRITING, STEP_VERIFYING, STEP_PROBING, STEP_DONE,
    };
    static const enum execution_step rotate[] = {
        STEP_PREFLIGHT, STEP_LOCKED,    STEP_REGENERATING, STEP_CONFIRMING, STEP_PROBING,
        STEP_WRITING,   STEP_VERIFYING, STEP_SETTLING,     STEP_DONE,
    };

    course_is(PLAN_WRITE_BACK, write_back, sizeof(write_back) / sizeof(*write_back));
    course_is(PLAN_ROTATE, rotate, sizeof(rotate) / sizeof(*rotate));
    assert_int_equal(execution_next(PLAN_WRITE_BACK, STEP_REGENERATING), STEP_NEEDS_HUMAN);
}

TEST(steps_have_words_that_lead_back)
{
    enum execution_step parsed = STEP_DONE;

    for (unsigned step = 0; step < EXECUTION_STEPS; step++) {
        assert_true(
            execution_step_parse(text_of(execution_step_name((enum execution_step)step)), &parsed));
        assert_int_equal(parsed, step);
    }
    assert_string_equal(execution_step_name(STEP_NEEDS_HUMAN), "needs_human");
    assert_false(execution_step_parse(TEXT("regenerate"), &parsed));
}

/* ---- sending again --------------------------------------------------------------------------- */

#define JOURNALED  INT64_C(5000)
#define AFTER      UINT64_C(1000)
#define LONG_AFTER INT64_C(6000)

static bool may_resend(struct source_fact source, int64_t seen_at, bool was_asked, bool knows_it)
{
    struct plan plan = planned(PLAN_ROTATE);

    source.at = seen_at;
    return execution_may_resend(&plan, &source, JOURNALED, AFTER, was_asked, knows_it, LONG_AFTER);
}

TEST(a_regenerate_is_sent_again_only_when_it_surely_was_not_received)
{
    assert_true(may_resend(source_of(1, 2), LONG_AFTER, true, false));
    assert_true(may_resend(source_of(7, 2), LONG_AFTER, true, false));
    assert_false(may_resend(source_of(1, 2), LONG_AFTER, false, false));
    assert_false(may_resend(source_of(1, 2), LONG_AFTER, true, true));
    assert_false(may_resend(source_of(1, 4), LONG_AFTER, true, false));
    assert_false(may_resend(source_unknown("429"), LONG_AFTER, true, false));
}

TEST(a_regenerate_is_not_sent_again_on_a_look_from_before_the_wait_was_over)
{
    assert_false(may_resend(source_of(1, 2), LONG_AFTER - 1, true, false));
    assert_false(may_resend(source_of(1, 2), JOURNALED - 1, true, false));
    assert_false(may_resend(source_of(1, 2), LONG_AFTER + 1, true, false));
}

TEST(a_write_back_has_no_regenerate_to_send_again)
{
    struct plan plan = planned(PLAN_WRITE_BACK);
    struct source_fact source = source_of(1, 2);

    source.at = LONG_AFTER;
    assert_false(execution_may_resend(&plan, &source, JOURNALED, AFTER, true, false, LONG_AFTER));
}

int main(void)
{
    return RUN(CASE(a_write_back_goes_on_by_what_both_sides_show),
               CASE(a_rotation_goes_on_by_what_both_sides_show),
               CASE(a_slot_that_disappeared_stops_a_rotation_that_began),
               CASE(a_missing_copy_that_is_written_meanwhile_supersedes),
               CASE(a_repair_that_somebody_else_made_says_so), CASE(a_restore_is_given_to_a_person),
               CASE(each_action_has_its_course), CASE(steps_have_words_that_lead_back),
               CASE(a_regenerate_is_sent_again_only_when_it_surely_was_not_received),
               CASE(a_regenerate_is_not_sent_again_on_a_look_from_before_the_wait_was_over),
               CASE(a_write_back_has_no_regenerate_to_send_again));
}
