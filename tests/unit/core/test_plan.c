/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan is made of, when there is none, what its id covers, and when it is no longer true. */
#include "agent/core/plan.h"
#include "tests/support/test.h"
#include "tests/unit/core/facts.h"

#define PRIMARY   0
#define SECONDARY 1

#define HEX_01 "0101010101010101010101010101010101010101010101010101010101010101"
#define HEX_02 "0202020202020202020202020202020202020202020202020202020202020202"
#define HEX_03 "0303030303030303030303030303030303030303030303030303030303030303"

static struct plan bound(void)
{
    return (struct plan){
        .binding = TEXT("nachet"),
        .source_id = TEXT("/subscriptions/s/endpoints/e"),
        .address = TEXT("https://vault:8200"),
        .mount = TEXT("kv"),
        .path = TEXT("nachet/backend"),
        .field = TEXT("api_key"),
        .created_at = 1767225600000,
        .expires_at = 1767229200000,
        .requester = TEXT("ana"),
    };
}

static struct plan planned(enum plan_action action, struct source_fact source,
                           struct copy_fact copy)
{
    struct plan plan = bound();
    struct failure why = {0};

    if (!plan_from_facts(&plan, action, &source, &copy, ANY_SLOT, &why))
        fail_msg("%s", why.text);
    return plan;
}

/* ---- canonical form -------------------------------------------------------------------------- */

static void is_written(const struct plan *plan, const char *expected)
{
    struct buffer out;

    buffer_init(&out, 4096);
    assert_true(plan_canonical(plan, &out));
    assert_string_equal(out.start, expected);
    buffer_clear(&out);
}

TEST(the_canonical_form_of_a_write_back_is_these_bytes)
{
    struct plan plan = planned(PLAN_WRITE_BACK, source_of(1, 2), copy_of(3));

    is_written(&plan,
               "{\"action\":\"write_back\",\"binding\":\"nachet\","
               "\"copy\":{\"address\":\"https://vault:8200\",\"field\":\"api_key\","
               "\"mount\":\"kv\",\"path\":\"nachet/backend\"},"
               "\"created_at\":1767225600000,\"expires_at\":1767229200000,"
               "\"new\":{\"fingerprint\":\"" HEX_01 "\"},"
               "\"old\":{\"created_at\":500,\"created_ns\":123,\"fingerprint\":\"" HEX_03 "\","
               "\"state\":\"present\",\"version\":7},"
               "\"requester\":\"ana\",\"slot\":\"primary\",\"slot_before\":\"" HEX_01 "\","
               "\"source\":\"/subscriptions/s/endpoints/e\"}");
}

TEST(the_canonical_form_of_a_rotation_has_no_new_value)
{
    struct plan plan = planned(PLAN_ROTATE, source_of(1, 2), copy_of(1));

    is_written(&plan,
               "{\"action\":\"rotate\",\"binding\":\"nachet\","
               "\"copy\":{\"address\":\"https://vault:8200\",\"field\":\"api_key\","
               "\"mount\":\"kv\",\"path\":\"nachet/backend\"},"
               "\"created_at\":1767225600000,\"expires_at\":1767229200000,"
               "\"new\":{\"fingerprint\":null},"
               "\"old\":{\"created_at\":500,\"created_ns\":123,\"fingerprint\":\"" HEX_01 "\","
               "\"state\":\"present\",\"version\":7},"
               "\"requester\":\"ana\",\"slot\":\"secondary\",\"slot_before\":\"" HEX_02 "\","
               "\"source\":\"/subscriptions/s/endpoints/e\"}");
}

static void differs(const struct plan *plan, const char *from)
{
    struct buffer out;

    buffer_init(&out, 4096);
    assert_true(plan_canonical(plan, &out));
    assert_string_not_equal(out.start, from);
    buffer_clear(&out);
}

/* Changes one member of a plan, and expects other bytes. */
#define DIFFERS_BY(change)                                                                         \
    do {                                                                                           \
        struct plan plan = base;                                                                   \
        change;                                                                                    \
        differs(&plan, out.start);                                                                 \
    } while (0)

TEST(every_word_of_a_plan_is_in_its_canonical_form)
{
    struct plan base = planned(PLAN_WRITE_BACK, source_of(1, 2), copy_of(3));
    struct buffer out;

    buffer_init(&out, 4096);
    assert_true(plan_canonical(&base, &out));
    DIFFERS_BY(plan.action = PLAN_ROTATE);
    DIFFERS_BY(plan.binding = TEXT("other"));
    DIFFERS_BY(plan.source_id = TEXT("/other"));
    DIFFERS_BY(plan.address = TEXT("https://other"));
    DIFFERS_BY(plan.mount = TEXT("other"));
    DIFFERS_BY(plan.path = TEXT("other"));
    DIFFERS_BY(plan.field = TEXT("other"));
    DIFFERS_BY(plan.slot = TEXT("secondary"));
    DIFFERS_BY(plan.old_state = COPY_NO_FIELD);
    DIFFERS_BY(plan.old.bytes[31] ^= 1);
    DIFFERS_BY(plan.version.number++);
    DIFFERS_BY(plan.version.created_at++);
    DIFFERS_BY(plan.version.created_ns++);
    DIFFERS_BY(plan.has_new = false);
    DIFFERS_BY(plan.new.bytes[31] ^= 1);
    DIFFERS_BY(plan.slot_before.bytes[31] ^= 1);
    DIFFERS_BY(plan.created_at++);
    DIFFERS_BY(plan.expires_at++);
    DIFFERS_BY(plan.requester = TEXT("bo"));
    buffer_clear(&out);
}

TEST(a_plan_that_is_no_text_or_does_not_fit_has_no_canonical_form)
{
    struct plan plan = planned(PLAN_WRITE_BACK, source_of(1, 2), copy_of(3));
    struct buffer small, out;

    buffer_init(&small, 100);
    assert_false(plan_canonical(&plan, &small));
    buffer_clear(&small);
    buffer_init(&out, 4096);
    plan.binding = TEXT("\xff");
    assert_false(plan_canonical(&plan, &out));
    buffer_clear(&out);
}

/* ---- from facts ------------------------------------------------------------------------------ */

TEST(a_stale_copy_gets_the_first_slot_written_back)
{
    struct plan plan = planned(PLAN_WRITE_BACK, source_of(1, 2), copy_of(3));
    struct fingerprint one = key(1), three = key(3);

    assert_int_equal(plan.action, PLAN_WRITE_BACK);
    assert_true(text_is(plan.slot, "primary"));
    assert_int_equal(plan.old_state, COPY_PRESENT);
    assert_true(fingerprint_equal(&plan.old, &three));
    assert_int_equal(plan.version.number, 7);
    assert_int_equal(plan.version.created_at, 500);
    assert_int_equal(plan.version.created_ns, 123);
    assert_true(plan.has_new);
    assert_true(fingerprint_equal(&plan.new, &one));
    assert_true(fingerprint_equal(&plan.slot_before, &one));
}

TEST(a_pinned_slot_is_the_one_written_back)
{
    struct source_fact source = source_of(1, 2);
    const struct copy_fact copies[] = {copy_of(3), copy_of(1)}; /* stale, wrong slot */

    for (size_t i = 0; i < 2; i++) {
        struct plan plan = bound();
        struct fingerprint two = key(2);

        assert_true(plan_from_facts(&plan, PLAN_WRITE_BACK, &source, &copies[i], SECONDARY, NULL));
        assert_true(text_is(plan.slot, "secondary"));
        assert_true(fingerprint_equal(&plan.new, &two));
    }
}

TEST(a_source_with_one_slot_can_be_written_back)
{
    struct source_fact source = source_of(1, 2);
    struct plan plan;

    source.slot_count = 1;
    plan = planned(PLAN_WRITE_BACK, source, copy_of(2));
    assert_true(text_is(plan.slot, "primary"));
}

TEST(a_missing_copy_is_written_with_the_version_it_has)
{
    struct plan plan =
        planned(PLAN_WRITE_BACK, source_of(1, 2), copy_without_value(COPY_NO_SECRET));

    assert_int_equal(plan.old_state, COPY_NO_SECRET);
    assert_int_equal(plan.version.number, 0);
    plan = planned(PLAN_WRITE_BACK, source_of(1, 2), copy_without_value(COPY_NO_FIELD));
    assert_int_equal(plan.old_state, COPY_NO_FIELD);
    assert_int_equal(plan.version.number, 7);
}

TEST(a_rotation_takes_the_slot_the_copy_does_not_hold)
{
    struct plan plan = planned(PLAN_ROTATE, source_of(1, 2), copy_of(1));
    struct fingerprint one = key(1), two = key(2);

    assert_true(text_is(plan.slot, "secondary"));
    assert_true(fingerprint_equal(&plan.slot_before, &two));
    assert_true(fingerprint_equal(&plan.old, &one));
    assert_false(plan.has_new);
    plan = planned(PLAN_ROTATE, source_of(1, 2), copy_of(2));
    assert_true(text_is(plan.slot, "primary"));
    assert_true(fingerprint_equal(&plan.slot_before, &one));
}

TEST(a_rotation_moves_a_copy_in_the_wrong_slot_to_the_pinned_one)
{
    struct source_fact source = source_of(1, 2);
    struct copy_fact copy = copy_of(1);
    struct plan plan = bound();

    assert_true(plan_from_facts(&plan, PLAN_ROTATE, &source, &copy, SECONDARY, NULL));
    assert_true(text_is(plan.slot, "secondary"));
}

static void refuses_as(enum failure_kind kind, enum plan_action action, struct source_fact source,
                       struct copy_fact copy, int pinned, const char *part)
{
    struct plan plan = bound(), before;
    struct failure why = {0};

    memcpy(&before, &plan, sizeof(plan)); /* with its padding, for it is compared as memory */
    assert_false(plan_from_facts(&plan, action, &source, &copy, pinned, &why));
    assert_int_equal(why.kind, kind);
    if (!strstr(why.text, part))
        fail_msg("\"%s\" lacks \"%s\"", why.text, part);
    assert_memory_equal(&plan, &before, sizeof(plan));
}

/* The facts forbid it. */
static void refuses(enum plan_action action, struct source_fact source, struct copy_fact copy,
                    int pinned, const char *part)
{
    refuses_as(FAILURE_CONFLICT, action, source, copy, pinned, part);
}

/* Nobody can tell, or the configuration forbids it. */
static void cannot_plan(enum plan_action action, struct source_fact source, struct copy_fact copy,
                        int pinned, const char *part)
{
    refuses_as(FAILURE_INVALID, action, source, copy, pinned, part);
}

TEST(there_is_nothing_to_write_back_in_sync)
{
    refuses(PLAN_WRITE_BACK, source_of(1, 2), copy_of(2), ANY_SLOT, "nothing to do");
    refuses(PLAN_WRITE_BACK, source_of(1, 2), copy_of(2), SECONDARY, "nothing to do");
}

TEST(nothing_is_planned_on_what_could_not_be_read)
{
    struct copy_fact sealed = copy_without_value(COPY_UNKNOWN);
    struct source_fact empty = source_of(1, 2);

    sealed.why = "503: sealed";
    empty.slot_count = 0;
    for (unsigned action = 0; action < PLAN_ACTIONS; action++) {
        cannot_plan(action, source_unknown("429"), copy_of(1), ANY_SLOT,
                    "the source could not be read (429)");
        cannot_plan(action, source_of(1, 2), sealed, ANY_SLOT,
                    "the copy in Vault could not be read (503: sealed)");
        cannot_plan(action, (struct source_fact){0}, copy_of(1), ANY_SLOT, "not asked yet");
        cannot_plan(action, empty, copy_of(1), ANY_SLOT, "without any key");
    }
}

TEST(a_deleted_or_destroyed_copy_has_to_come_back_first)
{
    for (unsigned action = 0; action < PLAN_ACTIONS; action++) {
        refuses(action, source_of(1, 2), copy_without_value(COPY_DELETED), ANY_SLOT,
                "vault kv undelete -versions=7");
        refuses(action, source_of(1, 2), copy_without_value(COPY_DESTROYED), ANY_SLOT,
                "put a new version there first");
    }
}

TEST(a_pin_the_source_does_not_have_is_refused)
{
    cannot_plan(PLAN_WRITE_BACK, source_of(1, 2), copy_of(3), 2, "correct `slot`");
    cannot_plan(PLAN_WRITE_BACK, source_of(1, 2), copy_of(3), -2, "correct `slot`");
}

TEST(a_rotation_of_a_copy_that_does_not_work_points_at_the_drift)
{
    refuses(PLAN_ROTATE, source_of(1, 2), copy_of(3), ANY_SLOT, "is stale");
    refuses(PLAN_ROTATE, source_of(1, 2), copy_without_value(COPY_NO_SECRET), ANY_SLOT,
            "is missing");
    refuses(PLAN_ROTATE, source_of(1, 2), copy_without_value(COPY_NO_FIELD), ANY_SLOT,
            "repair the drift first");
}

TEST(a_rotation_never_takes_the_slot_vault_holds)
{
    struct source_fact one = source_of(1, 2);

    one.slot_count = 1;
    refuses(PLAN_ROTATE, one, copy_of(1), ANY_SLOT, "one slot only");
    refuses(PLAN_ROTATE, source_of(1, 1), copy_of(1), ANY_SLOT, "both slots");
    cannot_plan(PLAN_ROTATE, source_of(1, 2), copy_of(1), PRIMARY, "set `slot: any`");
}

/* Two that open everything, two that only read. */
static struct source_fact four_slots(void)
{
    return (struct source_fact){
        .is_known = true,
        .at = 1000,
        .slot_count = 4,
        .slot_names = {"primary", "secondary", "primaryReadonly", "secondaryReadonly"},
        .slot_groups = {0, 0, 2, 2},
        .slots = {key(1), key(2), key(3), key(4)},
    };
}

TEST(a_rotation_stays_among_the_keys_that_open_the_same)
{
    struct source_fact source = four_slots();
    struct copy_fact copy = copy_of(4);
    struct plan plan = {0};
    struct failure why = {0};

    assert_true(plan_from_facts(&plan, PLAN_ROTATE, &source, &copy, ANY_SLOT, &why));
    assert_true(text_is(plan.slot, "primaryReadonly"));
    source.slot_groups[2] = 9;
    assert_false(plan_from_facts(&plan, PLAN_ROTATE, &source, &copy, ANY_SLOT, &why));
    assert_non_null(strstr(why.text, "no other key of the source opens the same"));
}

TEST(a_write_back_from_keys_that_open_different_things_needs_a_pin)
{
    struct source_fact source = four_slots();
    struct copy_fact copy = copy_of(9);
    struct plan plan = {0};
    struct failure why = {0};

    assert_false(plan_from_facts(&plan, PLAN_WRITE_BACK, &source, &copy, ANY_SLOT, &why));
    assert_non_null(strstr(why.text, "say with `slot`"));
    assert_true(plan_from_facts(&plan, PLAN_WRITE_BACK, &source, &copy, 3, &why));
    assert_true(text_is(plan.slot, "secondaryReadonly"));
}

TEST(a_restore_is_not_planned_yet)
{
    cannot_plan(PLAN_RESTORE, source_of(1, 2), copy_of(3), ANY_SLOT, "cannot plan a restore");
}

/* ---- still true? ----------------------------------------------------------------------------- */

static void is_current(const struct plan *plan, struct source_fact source, struct copy_fact copy)
{
    struct failure why = {0};

    if (!plan_is_current(plan, &source, &copy, &why))
        fail_msg("%s", why.text);
}

static void is_not_current(const struct plan *plan, struct source_fact source,
                           struct copy_fact copy, enum failure_kind kind, const char *part)
{
    struct failure why = {0};

    assert_false(plan_is_current(plan, &source, &copy, &why));
    assert_int_equal(why.kind, kind);
    if (!strstr(why.text, part))
        fail_msg("\"%s\" lacks \"%s\"", why.text, part);
}

TEST(a_plan_is_current_on_the_facts_it_was_made_of)
{
    static const enum copy_state absent[] = {COPY_NO_SECRET, COPY_NO_FIELD};
    struct plan plan = planned(PLAN_WRITE_BACK, source_of(1, 2), copy_of(3));

    is_current(&plan, source_of(1, 2), copy_of(3));
    is_current(&plan, source_of(1, 9), copy_of(3)); /* the other slot is nothing to it */
    for (size_t i = 0; i < 2; i++) {
        plan = planned(PLAN_WRITE_BACK, source_of(1, 2), copy_without_value(absent[i]));
        is_current(&plan, source_of(1, 2), copy_without_value(absent[i]));
    }
    plan = planned(PLAN_ROTATE, source_of(1, 2), copy_of(1));
    is_current(&plan, source_of(1, 2), copy_of(1));
}

TEST(a_plan_is_not_current_when_the_copy_changed)
{
    struct plan plan = planned(PLAN_WRITE_BACK, source_of(1, 2), copy_of(3));
    struct copy_fact copy = copy_of(3);

    is_not_current(&plan, source_of(1, 2), copy_of(4), FAILURE_CONFLICT, "value");
    is_not_current(&plan, source_of(1, 2), copy_without_value(COPY_DELETED), FAILURE_CONFLICT,
                   "\"deleted\"");
    copy.version.number = 8;
    is_not_current(&plan, source_of(1, 2), copy, FAILURE_CONFLICT, "now version 8");
    copy = copy_of(3);
    copy.version.created_at++;
    is_not_current(&plan, source_of(1, 2), copy, FAILURE_CONFLICT, "made anew");
    copy = copy_of(3);
    copy.version.created_ns++;
    is_not_current(&plan, source_of(1, 2), copy, FAILURE_CONFLICT, "made anew");
}

TEST(a_plan_is_not_current_when_its_slot_changed)
{
    struct plan plan = planned(PLAN_WRITE_BACK, source_of(1, 2), copy_of(3));
    struct source_fact renamed = source_of(1, 2);

    renamed.slot_names[0] = "key1";
    is_not_current(&plan, source_of(4, 2), copy_of(3), FAILURE_CONFLICT, "regenerated");
    is_not_current(&plan, renamed, copy_of(3), FAILURE_CONFLICT, "no longer has a primary key");
    plan = planned(PLAN_ROTATE, source_of(1, 2), copy_of(1));
    is_not_current(&plan, source_of(1, 4), copy_of(1), FAILURE_CONFLICT, "regenerated");
}

TEST(a_rotation_is_not_current_when_the_slot_vault_holds_is_gone)
{
    struct plan plan = planned(PLAN_ROTATE, source_of(1, 2), copy_of(1));

    is_not_current(&plan, source_of(4, 2), copy_of(1), FAILURE_CONFLICT, "repair the drift first");
}

TEST(a_rotation_of_the_slot_vault_holds_is_never_current)
{
    struct plan plan = planned(PLAN_ROTATE, source_of(1, 2), copy_of(1));

    plan.slot = TEXT("primary"); /* no such plan is made, but a store may be tampered with */
    plan.slot_before = key(1);
    is_not_current(&plan, source_of(1, 2), copy_of(1), FAILURE_CONFLICT, "repair the drift first");
}

TEST(a_plan_is_not_called_outdated_by_what_could_not_be_read)
{
    struct plan plan = planned(PLAN_WRITE_BACK, source_of(1, 2), copy_of(3));
    struct copy_fact sealed = copy_without_value(COPY_UNKNOWN);

    sealed.why = "503: sealed";
    is_not_current(&plan, source_unknown("429"), copy_of(3), FAILURE_REMOTE, "429");
    is_not_current(&plan, source_of(1, 2), sealed, FAILURE_REMOTE, "sealed");
    is_not_current(&plan, source_unknown("429"), copy_of(4), FAILURE_REMOTE, "429");
}

TEST(actions_and_states_have_words_that_lead_back)
{
    enum plan_action action = PLAN_RESTORE;
    enum plan_state state = PLAN_OPEN;

    for (unsigned i = 0; i < PLAN_ACTIONS; i++) {
        assert_true(plan_action_parse(text_of(plan_action_name((enum plan_action)i)), &action));
        assert_int_equal(action, i);
    }
    for (unsigned i = 0; i < PLAN_STATES; i++) {
        assert_true(plan_state_parse(text_of(plan_state_name((enum plan_state)i)), &state));
        assert_int_equal(state, i);
    }
    assert_string_equal(plan_action_name(PLAN_WRITE_BACK), "write_back");
    assert_false(plan_action_parse(TEXT("write-back"), &action));
    assert_false(plan_state_parse(TEXT(""), &state));
}

int main(void)
{
    return RUN(CASE(the_canonical_form_of_a_write_back_is_these_bytes),
               CASE(the_canonical_form_of_a_rotation_has_no_new_value),
               CASE(every_word_of_a_plan_is_in_its_canonical_form),
               CASE(a_plan_that_is_no_text_or_does_not_fit_has_no_canonical_form),
               CASE(a_stale_copy_gets_the_first_slot_written_back),
               CASE(a_pinned_slot_is_the_one_written_back),
               CASE(a_source_with_one_slot_can_be_written_back),
               CASE(a_missing_copy_is_written_with_the_version_it_has),
               CASE(a_rotation_takes_the_slot_the_copy_does_not_hold),
               CASE(a_rotation_moves_a_copy_in_the_wrong_slot_to_the_pinned_one),
               CASE(there_is_nothing_to_write_back_in_sync),
               CASE(nothing_is_planned_on_what_could_not_be_read),
               CASE(a_deleted_or_destroyed_copy_has_to_come_back_first),
               CASE(a_pin_the_source_does_not_have_is_refused),
               CASE(a_rotation_of_a_copy_that_does_not_work_points_at_the_drift),
               CASE(a_rotation_never_takes_the_slot_vault_holds),
               CASE(a_rotation_stays_among_the_keys_that_open_the_same),
               CASE(a_write_back_from_keys_that_open_different_things_needs_a_pin),
               CASE(a_restore_is_not_planned_yet),
               CASE(a_plan_is_current_on_the_facts_it_was_made_of),
               CASE(a_plan_is_not_current_when_the_copy_changed),
               CASE(a_plan_is_not_current_when_its_slot_changed),
               CASE(a_rotation_is_not_current_when_the_slot_vault_holds_is_gone),
               CASE(a_rotation_of_the_slot_vault_holds_is_never_current),
               CASE(a_plan_is_not_called_outdated_by_what_could_not_be_read),
               CASE(actions_and_states_have_words_that_lead_back));
}
