/* SPDX-License-Identifier: Apache-2.0 */
/* What the store promises while the disk is well. */
#include "tests/unit/agent/state_help.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define MANY 1000

static unsigned syncs;

/* SQLite's calls end here. */
__attribute__((visibility("default"))) int fdatasync(int fd);
__attribute__((visibility("default"))) int fdatasync(int fd)
{
    __atomic_add_fetch(&syncs, 1, __ATOMIC_RELAXED);
    return (int)syscall(SYS_fdatasync, fd);
}

TEST(what_was_put_is_found_with_all_its_parts)
{
    struct place place;

    place_make(&place);
    place_open(&place);
    assert_int_equal(COMMIT(&place, PUT(RECORD_INCIDENT, "i-1", "nachet", 1234, "{\"a\":1}")), 0);
    assert_records(&place, QUERY(.kind = RECORD_INCIDENT), "i-1<nachet@1234:{\"a\":1};");
    place_remove(&place);
}

TEST(kinds_do_not_mix)
{
    struct place place;

    place_make(&place);
    place_open(&place);
    for (int kind = 0; kind < RECORD_AUDIT; kind++) {
        char body[16];

        snprintf(body, sizeof(body), "%d", kind);
        assert_int_equal(COMMIT(&place, INSERT((enum record_kind)kind, "same", "", 1, body)), 0);
    }
    assert_records(&place, QUERY(.kind = RECORD_BINDING), "same<@1:0;");
    assert_records(&place, QUERY(.kind = RECORD_USED_TOKEN), "same<@1:5;");
    assert_records(&place, QUERY(.kind = RECORD_OUTBOX), "same<@1:7;");
    assert_records(&place, QUERY(.kind = RECORD_AUDIT), "");
    place_remove(&place);
}

TEST(a_put_replaces_and_keeps_its_place_among_the_others)
{
    struct place place;

    place_make(&place);
    place_open(&place);
    assert_int_equal(COMMIT(&place, PUT(RECORD_OUTBOX, "b", "p", 9, "1"),
                            PUT(RECORD_OUTBOX, "a", "p", 8, "2"),
                            PUT(RECORD_OUTBOX, "b", "q", 10, "3")),
                     0);
    assert_records(&place, QUERY(.kind = RECORD_OUTBOX), "b<q@10:3;a<p@8:2;");
    place_remove(&place);
}

TEST(a_delete_removes_one_record_and_none_is_fine)
{
    struct place place;

    place_make(&place);
    place_open(&place);
    assert_int_equal(
        COMMIT(&place, PUT(RECORD_OUTBOX, "a", "", 1, "1"), PUT(RECORD_OUTBOX, "b", "", 2, "2")),
        0);
    assert_int_equal(COMMIT(&place, DELETE(RECORD_OUTBOX, "a", "", 0, ""),
                            DELETE(RECORD_OUTBOX, "x", "", 0, "")),
                     0);
    assert_records(&place, QUERY(.kind = RECORD_OUTBOX), "b<@2:2;");
    place_remove(&place);
}

TEST(an_insert_of_a_known_id_fails_the_whole_commit_with_conflict)
{
    struct place place;
    struct failure why;
    const struct change changes[] = {
        PUT(RECORD_PLAN, "p", "", 1, "{}"),
        INSERT(RECORD_USED_TOKEN, "t", "p", 2, "{}"),
        PUT(RECORD_PLAN, "q", "", 1, "{}"),
    };

    place_make(&place);
    place_open(&place);
    assert_int_equal(COMMIT(&place, INSERT(RECORD_USED_TOKEN, "t", "other", 1, "{}")), 0);
    assert_int_equal(commit_all(&place, changes, 3, &why), FAILURE_CONFLICT);
    assert_string_equal(why.text, "there is already a record \"t\"");
    assert_records(&place, QUERY(.kind = RECORD_PLAN), "");
    assert_records(&place, QUERY(.kind = RECORD_USED_TOKEN), "t<other@1:{};");
    place_remove(&place);
}

TEST(a_record_without_an_id_is_numbered_from_1_per_kind_and_numbers_are_never_reused)
{
    struct place place;

    place_make(&place);
    place_open(&place);
    assert_int_equal(COMMIT(&place, INSERT(RECORD_TIMELINE, "", "i", 1, "1"),
                            INSERT(RECORD_JOURNAL, "", "p", 1, "1"),
                            INSERT(RECORD_TIMELINE, "", "i", 2, "2")),
                     0);
    assert_int_equal(COMMIT(&place, DELETE(RECORD_TIMELINE, "2", "", 0, "")), 0);
    assert_int_equal(COMMIT(&place, INSERT(RECORD_TIMELINE, "", "j", 3, "3")), 0);
    assert_records(&place, QUERY(.kind = RECORD_TIMELINE), "1<i@1:1;3<j@3:3;");
    assert_records(&place, QUERY(.kind = RECORD_JOURNAL), "1<p@1:1;");
    place_remove(&place);
}

TEST(a_put_or_delete_without_an_id_is_refused)
{
    struct place place;

    place_make(&place);
    place_open(&place);
    assert_int_equal(COMMIT(&place, PUT(RECORD_PLAN, "", "", 1, "{}")), FAILURE_INVALID);
    assert_int_equal(COMMIT(&place, DELETE(RECORD_PLAN, "", "", 1, "{}")), FAILURE_INVALID);
    place_remove(&place);
}

static void fill(struct place *place)
{
    assert_int_equal(COMMIT(place, INSERT(RECORD_APPROVAL, "ab", "p1", 5, "1"),
                            INSERT(RECORD_APPROVAL, "abc", "p2", 4, "2"),
                            INSERT(RECORD_APPROVAL, "b", "p1", 3, "3"),
                            INSERT(RECORD_APPROVAL, "a%", "p2", 2, "4"),
                            INSERT(RECORD_APPROVAL, "ab\xff", "p1", 1, "5")),
                     0);
}

TEST(records_come_in_the_order_of_writing_whatever_the_clock_did)
{
    struct place place;

    place_make(&place);
    place_open(&place);
    fill(&place);
    assert_records(&place, QUERY(.kind = RECORD_APPROVAL, .newest = 3),
                   "b<p1@3:3;a%<p2@2:4;ab\xff<p1@1:5;");
    assert_records(&place, QUERY(.kind = RECORD_APPROVAL, .newest = 1, .parent = TEXT("p2")),
                   "a%<p2@2:4;");
    place_remove(&place);
}

TEST(a_query_restricts_by_id_prefix_and_parent)
{
    struct place place;

    place_make(&place);
    place_open(&place);
    fill(&place);
    assert_records(&place, QUERY(.kind = RECORD_APPROVAL, .id = TEXT("ab")), "ab<p1@5:1;");
    assert_records(&place, QUERY(.kind = RECORD_APPROVAL, .id = TEXT("ab"), .parent = TEXT("p2")),
                   "");
    assert_records(&place, QUERY(.kind = RECORD_APPROVAL, .parent = TEXT("p2")),
                   "abc<p2@4:2;a%<p2@2:4;");
    assert_records(&place, QUERY(.kind = RECORD_APPROVAL, .id = TEXT("ab"), .is_prefix = true),
                   "ab<p1@5:1;abc<p2@4:2;ab\xff<p1@1:5;");
    assert_records(&place, QUERY(.kind = RECORD_APPROVAL, .id = TEXT("a%"), .is_prefix = true),
                   "a%<p2@2:4;");
    assert_records(&place, QUERY(.kind = RECORD_APPROVAL, .id = TEXT("ab\xff"), .is_prefix = true),
                   "ab\xff<p1@1:5;");
    assert_records(&place, QUERY(.kind = RECORD_APPROVAL, .id = TEXT("\xff"), .is_prefix = true),
                   "");
    assert_records(
        &place,
        QUERY(.kind = RECORD_APPROVAL, .id = TEXT("ab"), .parent = TEXT("p1"), .is_prefix = true),
        "ab<p1@5:1;ab\xff<p1@1:5;");
    assert_records(&place, QUERY(.kind = RECORD_APPROVAL, .is_prefix = true, .newest = 1),
                   "ab\xff<p1@1:5;");
    place_remove(&place);
}

TEST(nothing_in_a_text_is_taken_for_sql)
{
    struct place place;
    struct change change = {CHANGE_INSERT, RECORD_PLAN, TEXT("x'); DROP TABLE plan; --"),
                            TEXT("a\0b"),  1,           TEXT("")};

    place_make(&place);
    place_open(&place);
    assert_int_equal(commit_all(&place, &change, 1, NULL), 0);
    assert_records(&place, QUERY(.kind = RECORD_PLAN, .id = change.id, .parent = TEXT("a")), "");
    assert_records(&place, QUERY(.kind = RECORD_PLAN, .id = change.id, .parent = change.parent),
                   "x'); DROP TABLE plan; --<a@1:;"); /* shown up to its NUL */
    place_remove(&place);
}

TEST(a_query_sees_the_commits_started_before_it_and_no_later_ones)
{
    struct place place;
    struct outcome first = {0}, second = {0}, found = {0};
    struct change one = PUT(RECORD_PLAN, "1", "", 1, "{}"),
                  two = PUT(RECORD_PLAN, "2", "", 1, "{}");
    struct record_query query = {.kind = RECORD_PLAN};

    place_make(&place);
    place_open(&place);
    assert_non_null(place.store->commit(place.store, &one, 1, on_commit, &first));
    assert_non_null(place.store->query(place.store, &query, on_records, &found));
    assert_non_null(place.store->commit(place.store, &two, 1, on_commit, &second));
    uv_run(&place.loop, UV_RUN_DEFAULT);
    assert_int_equal(first.count + second.count + found.count, 3);
    assert_string_equal(found.text.start, "1<@1:{};");
    outcome_clear(&found);
    place_remove(&place);
}

TEST(commits_of_one_turn_share_a_few_syncs_and_one_that_conflicts_falls_out_alone)
{
    static struct outcome outcomes[MANY];
    struct place place;
    struct outcome found;
    unsigned before;

    place_make(&place);
    place_open(&place);
    assert_int_equal(COMMIT(&place, PUT(RECORD_PLAN, "500", "", 1, "{}")), 0);
    before = syncs;
    for (int i = 0; i < MANY; i++) {
        char id[16];
        struct change change;

        snprintf(id, sizeof(id), "%d", i);
        change = INSERT(RECORD_PLAN, id, "", i, "{}");
        assert_non_null(place.store->commit(place.store, &change, 1, on_commit, &outcomes[i]));
    }
    uv_run(&place.loop, UV_RUN_DEFAULT);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(outcomes[i].count, 1);
        assert_int_equal(outcomes[i].failure.kind, i == 500 ? FAILURE_CONFLICT : 0);
    }
    assert_in_range(syncs - before, 1, 20);
    ask(&place, (struct record_query){.kind = RECORD_PLAN}, &found);
    assert_int_equal(found.records, MANY);
    outcome_clear(&found);
    place_remove(&place);
}

TEST(a_commit_is_synced_before_its_done_runs)
{
    struct place place;
    unsigned before;

    place_make(&place);
    place_open(&place);
    assert_int_equal(COMMIT(&place, PUT(RECORD_PLAN, "1", "", 1, "{}")), 0);
    before = syncs;
    assert_int_equal(COMMIT(&place, PUT(RECORD_PLAN, "2", "", 1, "{}")), 0);
    assert_int_equal(syncs - before, 1);
    place_remove(&place);
}

TEST(an_empty_commit_succeeds)
{
    struct place place;

    place_make(&place);
    place_open(&place);
    assert_int_equal(commit_all(&place, NULL, 0, NULL), 0);
    place_remove(&place);
}

TEST(a_commit_canceled_while_it_waits_is_not_done)
{
    struct place place;
    struct outcome first = {0}, second = {0}, third = {0};
    struct change one = PUT(RECORD_PLAN, "1", "", 1, "{}"),
                  two = PUT(RECORD_PLAN, "2", "", 1, "{}");
    struct operation *running, *waiting;
    struct record_query query = {.kind = RECORD_PLAN};

    place_make(&place);
    place_open(&place);
    running = place.store->commit(place.store, &one, 1, on_commit, &first);
    waiting = place.store->commit(place.store, &two, 1, on_commit, &second);
    operation_cancel(running);
    operation_cancel(waiting);
    operation_cancel(waiting);
    assert_int_equal(second.count, 0);
    operation_cancel(place.store->query(place.store, &query, on_records, &third));
    uv_run(&place.loop, UV_RUN_DEFAULT);
    assert_int_equal(first.count, 1);
    assert_int_equal(first.failure.kind, 0); /* it was on its way: the truth, not what was wished */
    assert_int_equal(second.count, 1);
    assert_int_equal(second.failure.kind, FAILURE_CANCELED);
    assert_int_equal(third.count, 1);
    assert_int_equal(third.failure.kind, FAILURE_CANCELED);
    assert_records(&place, QUERY(.kind = RECORD_PLAN), "1<@1:{};");
    place_remove(&place);
}

TEST(closing_waits_for_commits_and_cancels_queries)
{
    struct place place;
    struct outcome outcomes[10] = {{0}}, asked = {0};
    struct record_query query = {.kind = RECORD_PLAN};

    place_make(&place);
    place_open(&place);
    for (int i = 0; i < 10; i++) {
        struct change change = INSERT(RECORD_PLAN, (char[]){(char)('a' + i), 0}, "", 1, "{}");

        assert_non_null(place.store->commit(place.store, &change, 1, on_commit, &outcomes[i]));
    }
    assert_non_null(place.store->query(place.store, &query, on_records, &asked));
    state_sqlite_close(place.store, on_place_closed, &place);
    assert_null(place.store->query(place.store, &query, on_records, &asked));
    assert_null(place.store->commit(place.store, NULL, 0, on_commit, &asked));
    uv_run(&place.loop, UV_RUN_DEFAULT);
    assert_true(place.is_closed);
    assert_int_equal(asked.count, 1);
    assert_int_equal(asked.failure.kind, FAILURE_CANCELED);
    place_open(&place);
    ask(&place, query, &asked);
    assert_int_equal(asked.records, 10);
    outcome_clear(&asked);
    place_remove(&place);
}

static void close_in_done(const struct failure *failure, void *context)
{
    struct place *place = context;

    assert_null(failure);
    state_sqlite_close(place->store, on_place_closed, place);
}

TEST(a_store_may_be_closed_from_inside_done)
{
    struct place place;
    struct outcome after = {0};
    struct change change = INSERT(RECORD_PLAN, "1", "", 1, "{}");

    place_make(&place);
    place_open(&place);
    assert_non_null(place.store->commit(place.store, &change, 1, close_in_done, &place));
    assert_non_null(place.store->commit(place.store, NULL, 0, on_commit, &after));
    uv_run(&place.loop, UV_RUN_DEFAULT);
    assert_true(place.is_closed);
    assert_int_equal(after.count, 1);
    assert_int_equal(after.failure.kind, 0);
    place.store = NULL;
    place_remove(&place);
}

static void commit_in_done(const struct failure *failure, void *context)
{
    struct place *place = context;
    struct change change = INSERT(RECORD_PLAN, "", "", 1, "{}");

    assert_null(failure);
    assert_non_null(place->store->commit(place->store, &change, 1, close_in_done, place));
}

TEST(a_commit_may_be_started_from_inside_done)
{
    struct place place;

    place_make(&place);
    place_open(&place);
    assert_non_null(place.store->commit(place.store, NULL, 0, commit_in_done, &place));
    uv_run(&place.loop, UV_RUN_DEFAULT);
    assert_true(place.is_closed);
    place_open(&place);
    assert_records(&place, QUERY(.kind = RECORD_PLAN), "1<@1:{};");
    place_remove(&place);
}

TEST(a_query_answers_the_newest_100000_at_most)
{
    static struct change changes[100010];
    struct place place;
    struct outcome found;

    for (size_t i = 0; i < 100010; i++)
        changes[i] = INSERT(RECORD_JOURNAL, "", "p", (int64_t)i, "{}");
    place_make(&place);
    place_open(&place);
    assert_int_equal(commit_all(&place, changes, 100010, NULL), 0);
    ask(&place, (struct record_query){.kind = RECORD_JOURNAL}, &found);
    assert_int_equal(found.records, 100000);
    assert_memory_equal(found.text.start, "11<p@10:{};12<p@11:{};", 22);
    outcome_clear(&found);
    ask(&place, (struct record_query){.kind = RECORD_JOURNAL, .newest = SIZE_MAX}, &found);
    assert_int_equal(found.records, 100000);
    outcome_clear(&found);
    place_remove(&place);
}

TEST(the_file_is_for_its_owner_alone)
{
    static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
    struct place place;
    struct stat stat_of;
    char path[128];
    mode_t before = umask(0);

    place_make(&place);
    place_open(&place);
    assert_int_equal(COMMIT(&place, PUT(RECORD_PLAN, "1", "", 1, "{}")), 0);
    assert_true(place.store->try_lock_execution(place.store, NULL));
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s%s", place.path, endings[i]);
        assert_int_equal(stat(path, &stat_of), 0);
        assert_int_equal(stat_of.st_mode & 07777, 0600);
    }
    umask(before);
    place_remove(&place);
}

TEST(one_store_at_a_time_holds_the_right_to_execute)
{
    struct place place;
    struct state_store *first, *second;
    struct failure why = {0};
    char expected[200];

    place_make(&place);
    place_open(&place);
    first = place.store;
    place_open(&place);
    second = place.store;
    assert_true(first->try_lock_execution(first, &why));
    assert_true(first->try_lock_execution(first, &why));
    assert_false(second->try_lock_execution(second, &why));
    assert_int_equal(why.kind, FAILURE_CONFLICT);
    snprintf(expected, sizeof(expected),
             "another keydrift (pid %d) is executing a plan on %s: wait for it", (int)getpid(),
             place.path);
    assert_string_equal(why.text, expected);
    first->unlock_execution(first);
    first->unlock_execution(first);
    assert_true(second->try_lock_execution(second, &why));
    place_close(&place); /* gives it back */
    place.store = first;
    assert_true(first->try_lock_execution(first, &why));
    place_remove(&place);
}

int main(void)
{
    return RUN(
        CASE(what_was_put_is_found_with_all_its_parts), CASE(kinds_do_not_mix),
        CASE(a_put_replaces_and_keeps_its_place_among_the_others),
        CASE(a_delete_removes_one_record_and_none_is_fine),
        CASE(an_insert_of_a_known_id_fails_the_whole_commit_with_conflict),
        CASE(a_record_without_an_id_is_numbered_from_1_per_kind_and_numbers_are_never_reused),
        CASE(a_put_or_delete_without_an_id_is_refused),
        CASE(records_come_in_the_order_of_writing_whatever_the_clock_did),
        CASE(a_query_restricts_by_id_prefix_and_parent), CASE(nothing_in_a_text_is_taken_for_sql),
        CASE(a_query_sees_the_commits_started_before_it_and_no_later_ones),
        CASE(commits_of_one_turn_share_a_few_syncs_and_one_that_conflicts_falls_out_alone),
        CASE(a_commit_is_synced_before_its_done_runs), CASE(an_empty_commit_succeeds),
        CASE(a_commit_canceled_while_it_waits_is_not_done),
        CASE(closing_waits_for_commits_and_cancels_queries),
        CASE(a_store_may_be_closed_from_inside_done),
        CASE(a_commit_may_be_started_from_inside_done),
        CASE(a_query_answers_the_newest_100000_at_most), CASE(the_file_is_for_its_owner_alone),
        CASE(one_store_at_a_time_holds_the_right_to_execute));
}
