/* SPDX-License-Identifier: Apache-2.0 */
/* Each rule by itself, then counting. */
#include "agent/core/approval.h"
#include "tests/support/test.h"

#include <string.h>

#define NOW  INT64_C(1767225600000)
#define PLAN TEXT("3fa9")
#define ANA  TEXT("ana")

static struct approval good(const char *approver, const char *token_id)
{
    return (struct approval){
        .approver = text_of(approver),
        .plan_id = PLAN,
        .token_id = text_of(token_id),
        .issued_at = NOW - 1000,
        .expires_at = NOW + 1000,
    };
}

static void refuses(struct approval approval, int64_t now, const char *part)
{
    struct failure why = {0};

    assert_false(approval_check(&approval, PLAN, ANA, now, &why));
    assert_int_equal(why.kind, FAILURE_DENIED);
    if (!strstr(why.text, part))
        fail_msg("\"%s\" lacks \"%s\"", why.text, part);
}

TEST(a_good_approval_is_accepted)
{
    struct approval approval = good("bo", "t1");

    assert_true(approval_check(&approval, PLAN, ANA, NOW, NULL));
}

TEST(an_approval_of_another_plan_is_refused)
{
    struct approval approval = good("bo", "t1");

    approval.plan_id = TEXT("3fa8");
    refuses(approval, NOW, "another plan");
    approval.plan_id = TEXT("3fa");
    refuses(approval, NOW, "another plan");
    approval.plan_id = TEXT("");
    refuses(approval, NOW, "another plan");
    assert_false(approval_check(&approval, TEXT(""), ANA, NOW, NULL));
}

TEST(the_requester_may_not_approve)
{
    refuses(good("ana", "t1"), NOW, "asked for this plan");
    refuses(good("Ana", "t1"), NOW, "asked for this plan");
}

TEST(what_is_not_named_is_refused)
{
    struct approval approval = good("bo", "t1");

    refuses(good("", "t1"), NOW, "no approver");
    refuses(good("bo", ""), NOW, "no id");
    assert_false(approval_check(&approval, PLAN, TEXT(""), NOW, NULL));
}

TEST(an_approval_ends_at_its_expiry)
{
    struct approval approval = good("bo", "t1");

    assert_true(approval_check(&approval, PLAN, ANA, approval.expires_at - 1, NULL));
    refuses(approval, approval.expires_at, "expired");
    refuses(approval, INT64_MAX, "expired");
}

TEST(an_issuing_clock_may_be_a_minute_ahead_and_no_more)
{
    struct approval approval = good("bo", "t1");

    approval.expires_at = NOW + 1000000;
    approval.issued_at = NOW + APPROVAL_SKEW_MS;
    assert_true(approval_check(&approval, PLAN, ANA, NOW, NULL));
    approval.issued_at++;
    refuses(approval, NOW, "in the future");
}

TEST(a_life_of_more_than_seven_days_is_refused)
{
    struct approval approval = good("bo", "t1");

    approval.expires_at = approval.issued_at + APPROVAL_LIFE_MAX_MS;
    assert_true(approval_check(&approval, PLAN, ANA, NOW, NULL));
    approval.expires_at++;
    refuses(approval, NOW, "7 days");
}

TEST(times_that_make_no_sense_are_refused)
{
    struct approval approval = good("bo", "t1");

    approval.expires_at = approval.issued_at;
    refuses(approval, NOW, "from when to when");
    approval.expires_at = INT64_MAX;
    approval.issued_at = 0;
    refuses(approval, NOW, "from when to when");
    approval.issued_at = INT64_MIN;
    refuses(approval, NOW, "from when to when");
    approval.issued_at = 1;
    refuses(approval, NOW, "7 days");
    approval.issued_at = INT64_MAX - 1;
    refuses(approval, 0, "in the future");
}

TEST(an_approval_is_good_for_one_use)
{
    struct approval approval = good("bo", "t1");

    approval.is_used = true;
    refuses(approval, NOW, "used before");
}

/* ---- counting -------------------------------------------------------------------------------- */

static size_t count_of(const struct approval *approvals, size_t count, struct text plan_id,
                       struct text requester)
{
    size_t chosen[APPROVAL_MAX];

    return approvals_choose(approvals, count, plan_id, requester, NOW, chosen);
}

TEST(distinct_approvers_are_counted)
{
    const struct approval three[] = {good("bo", "t1"), good("cy", "t2"), good("di", "t3")};

    assert_int_equal(count_of(three, 3, PLAN, ANA), 3);
    assert_int_equal(count_of(three, 0, PLAN, ANA), 0);
    assert_int_equal(count_of(NULL, 0, PLAN, ANA), 0);
}

TEST(the_same_approver_counts_once)
{
    const struct approval three[] = {good("bo", "t1"), good("bo", "t2"), good("BO", "t3")};

    assert_int_equal(count_of(three, 3, PLAN, ANA), 1);
}

TEST(the_same_token_counts_once)
{
    const struct approval two[] = {good("bo", "t1"), good("cy", "t1")};

    assert_int_equal(count_of(two, 2, PLAN, ANA), 1);
}

TEST(an_invalid_approval_neither_counts_nor_hides_a_valid_one)
{
    struct approval two[] = {good("bo", "t1"), good("bo", "t2")};

    two[0].is_used = true;
    assert_int_equal(count_of(two, 2, PLAN, ANA), 1);
    two[1].expires_at = NOW;
    assert_int_equal(count_of(two, 2, PLAN, ANA), 0);
}

TEST(only_so_many_approvals_are_looked_at)
{
    struct approval many[APPROVAL_MAX + 1];

    for (size_t i = 0; i < APPROVAL_MAX; i++)
        many[i] = good("ana", "t0");
    many[APPROVAL_MAX] = good("bo", "t1");
    assert_int_equal(count_of(many, APPROVAL_MAX + 1, PLAN, ANA), 0);
}

TEST(required_approvals_suffice_and_none_never_do)
{
    struct failure why = {0};

    assert_true(approvals_suffice(2, 2, &why));
    assert_true(approvals_suffice(2, 3, &why));
    assert_false(approvals_suffice(2, 1, &why));
    assert_int_equal(why.kind, FAILURE_DENIED);
    assert_string_equal(why.text, "this plan has 1 of the 2 approvals it needs");
    assert_false(approvals_suffice(0, 5, &why));
    assert_int_equal(why.kind, FAILURE_DENIED);
}

int main(void)
{
    return RUN(CASE(a_good_approval_is_accepted), CASE(an_approval_of_another_plan_is_refused),
               CASE(the_requester_may_not_approve), CASE(what_is_not_named_is_refused),
               CASE(an_approval_ends_at_its_expiry),
               CASE(an_issuing_clock_may_be_a_minute_ahead_and_no_more),
               CASE(a_life_of_more_than_seven_days_is_refused),
               CASE(times_that_make_no_sense_are_refused), CASE(an_approval_is_good_for_one_use),
               CASE(distinct_approvers_are_counted), CASE(the_same_approver_counts_once),
               CASE(the_same_token_counts_once),
               CASE(an_invalid_approval_neither_counts_nor_hides_a_valid_one),
               CASE(only_so_many_approvals_are_looked_at),
               CASE(required_approvals_suffice_and_none_never_do));
}
