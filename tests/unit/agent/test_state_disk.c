/* SPDX-License-Identifier: Apache-2.0 */
/* What the store says and does when the file cannot be used, and that it works again afterwards. */
#include "tests/unit/agent/state_help.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void assert_says_at(const struct failure *why, enum failure_kind kind, const char *part,
                           const char *path, int line)
{
    if (why->kind != kind || !strstr(why->text, part) || !strstr(why->text, path)) {
        print_error("%s, expected %s and %s\n", why->text, part, path);
        _fail(__FILE__, line);
    }
}
#define assert_says(why, part, path) assert_says_at(why, FAILURE_INTERNAL, part, path, __LINE__)

static void assert_not_opened_at(struct place *place, const char *part, int line)
{
    struct failure why = {0};

    assert_null(state_sqlite_open(&place->loop, place->path, &why));
    assert_says_at(&why, FAILURE_INTERNAL, part, place->path, line);
}
#define assert_not_opened(place, part) assert_not_opened_at(place, part, __LINE__)

static void write_file(const char *path, const char *content)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ---- opening --------------------------------------------------------------------------------- */

TEST(a_missing_directory_is_named_with_the_command_that_makes_it)
{
    struct place place;

    place_make(&place);
    assert_int_equal(rmdir(place.folder), 0);
    assert_not_opened(&place, place.folder);
    assert_not_opened(&place, "create it, for example with: install -d -m 700 /tmp/state-");
    assert_int_equal(mkdir(place.folder, 0700), 0);
    place_remove(&place);
}

TEST(a_directory_in_place_of_the_file_is_refused)
{
    struct place place;

    place_make(&place);
    assert_int_equal(mkdir(place.path, 0700), 0);
    assert_not_opened(&place, "cannot open");
    assert_int_equal(rmdir(place.path), 0);
    place_remove(&place);
}

TEST(a_file_of_a_newer_keydrift_is_refused_and_left_alone)
{
    struct place place;

    place_make(&place);
    place_open(&place);
    place_close(&place);
    run_sql(place.path, "PRAGMA user_version = 7");
    assert_not_opened(&place,
                      "it was written by a newer keydrift (format 7, this one knows up to 1)");
    run_sql(place.path, "PRAGMA user_version = 1");
    place_open(&place);
    place_remove(&place);
}

TEST(what_is_not_a_state_file_is_refused_and_left_alone)
{
    struct place place;
    struct stat stat_of;

    place_make(&place);
    write_file(place.path,
               "bindings: []\nand more than a hundred bytes of a text that is not the header of "
               "an SQLite file, as it would be if somebody named the wrong file\n");
    assert_not_opened(&place, "it is not a state file of keydrift");
    assert_int_equal(stat(place.path, &stat_of), 0);
    assert_int_equal(stat_of.st_size, 143);
    unlink(place.path);
    run_sql(place.path, "CREATE TABLE contacts(name)");
    assert_not_opened(&place, "it is not a state file of keydrift");
    run_sql(place.path, "SELECT name FROM contacts");
    place_remove(&place);
}

TEST(an_empty_file_is_a_new_one)
{
    struct place place;

    place_make(&place);
    write_file(place.path, "");
    place_open(&place);
    assert_int_equal(COMMIT(&place, PUT(RECORD_PLAN, "1", "", 1, "{}")), 0);
    place_remove(&place);
}

TEST(without_a_place_for_the_reason_opening_still_fails)
{
    struct place place;

    place_make(&place);
    assert_int_equal(mkdir(place.path, 0700), 0);
    assert_null(state_sqlite_open(&place.loop, place.path, NULL));
    assert_int_equal(rmdir(place.path), 0);
    place_remove(&place);
}

/* In a process of its own: root may write everything, so it first becomes somebody else. */
TEST(a_file_that_may_only_be_read_is_refused)
{
    struct place place;
    int status;
    pid_t child;

    place_make(&place);
    place_open(&place);
    place_close(&place);
    assert_int_equal(chmod(place.path, 0444) || chmod(place.folder, 0755), 0);
    child = fork();
    if (!child) {
        struct failure why = {0};
        bool is_somebody = geteuid() != 0 || seteuid(65534) == 0;
        struct state_store *store = state_sqlite_open(&place.loop, place.path, &why);

        _exit(is_somebody && !store &&
                      strstr(why.text, "read-only — make it writable; nothing is "
                                       "written to Vault until then")
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    place_remove(&place);
}

/* ---- while it runs --------------------------------------------------------------------------- */

static void limit_files(rlim_t size)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, SIG_IGN);
    limit.rlim_cur = size < limit.rlim_max ? size : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int write_errno;

/* SQLite's writes end here, whichever of the two it was built with. */
__attribute__((visibility("default"))) ssize_t write_or_fail(int fd, const void *bytes, size_t size,
                                                             off_t at) __asm__("pwrite64");
__attribute__((visibility("default"))) ssize_t short_write_or_fail(int fd, const void *bytes,
                                                                   size_t size,
                                                                   off_t at) __asm__("pwrite");

ssize_t write_or_fail(int fd, const void *bytes, size_t size, off_t at)
{
    errno = __atomic_load_n(&write_errno, __ATOMIC_RELAXED);
    return errno ? -1 : (ssize_t)syscall(SYS_pwrite64, fd, bytes, size, at);
}

ssize_t short_write_or_fail(int fd, const void *bytes, size_t size, off_t at)
{
    return write_or_fail(fd, bytes, size, at);
}

static void fail_writes(int number)
{
    __atomic_store_n(&write_errno, number, __ATOMIC_RELAXED);
}

static void assert_watching_goes_on(struct place *place, size_t records)
{
    struct outcome found;

    ask(place, (struct record_query){.kind = RECORD_PLAN}, &found);
    if (found.failure.kind)
        print_error("%s\n", found.failure.text);
    assert_int_equal(found.failure.kind, 0);
    assert_int_equal(found.records, records);
    outcome_clear(&found);
}

/* Fails for a while, with many commits in one group; then all is well again. */
static void assert_heals(int number, const char *says)
{
    struct place place;
    struct failure why;
    struct outcome outcomes[10] = {{0}};
    struct change change = INSERT(RECORD_PLAN, "x", "", 1, "{}");

    place_make(&place);
    place_open(&place);
    assert_int_equal(COMMIT(&place, INSERT(RECORD_PLAN, "before", "", 1, "{}")), 0);
    fail_writes(number);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(commit_all(&place, &change, 1, &why), FAILURE_INTERNAL);
        assert_says(&why, says, place.path);
        assert_says(&why, "; nothing is written to Vault until then", place.path);
    }
    for (int i = 0; i < 10; i++)
        assert_non_null(place.store->commit(place.store, &change, 1, on_commit, &outcomes[i]));
    uv_run(&place.loop, UV_RUN_DEFAULT);
    for (int i = 0; i < 10; i++)
        assert_says(&outcomes[i].failure, says, place.path);
    assert_watching_goes_on(&place, 1);
    fail_writes(0);
    assert_int_equal(commit_all(&place, &change, 1, &why), 0);
    place_close(&place);
    place_open(&place);
    assert_watching_goes_on(&place, 2);
    place_remove(&place);
}

TEST(a_full_disk_is_said_and_writing_heals_by_itself)
{
    assert_heals(ENOSPC, "disk full — free space there");
    assert_heals(EDQUOT, "disk full — free space there");
    assert_heals(EFBIG, "disk full — free space there");
}

TEST(a_disk_that_became_read_only_is_said_and_writing_heals_by_itself)
{
    assert_heals(EROFS, "it or its file system is read-only — make it writable");
}

TEST(a_disk_that_fails_is_said_and_writing_heals_by_itself)
{
    assert_heals(EIO, "Input/output error");
}

TEST(a_disk_that_fills_up_in_the_middle_of_a_large_commit_leaves_nothing_of_it)
{
    static struct change changes[2000];
    struct place place;
    static char body[4096];

    memset(body, 'x', sizeof(body) - 1);
    for (size_t i = 0; i < 2000; i++)
        changes[i] = INSERT(RECORD_PLAN, "", "", 1, body);
    place_make(&place);
    place_open(&place);
    limit_files(3 << 20); /* more than the cache holds, less than the changes */
    assert_int_equal(commit_all(&place, changes, 2000, NULL), FAILURE_INTERNAL);
    limit_files(RLIM_INFINITY);
    assert_watching_goes_on(&place, 0);
    assert_int_equal(commit_all(&place, changes, 2000, NULL), 0);
    assert_watching_goes_on(&place, 2000);
    place_remove(&place);
}

TEST(a_file_that_was_moved_away_is_not_made_anew_and_works_again_when_it_is_back)
{
    struct place place;
    struct failure why;
    struct change change = INSERT(RECORD_USED_TOKEN, "t", "", 1, "{}");
    char moved[128];

    place_make(&place);
    place_open(&place);
    snprintf(moved, sizeof(moved), "%s.moved", place.path);
    assert_int_equal(rename(place.path, moved), 0);
    assert_int_equal(commit_all(&place, &change, 1, &why), FAILURE_INTERNAL);
    assert_says(&why, "it was moved or deleted while in use", place.path);
    assert_int_equal(access(place.path, F_OK), -1);
    assert_int_equal(rename(moved, place.path), 0);
    assert_int_equal(commit_all(&place, &change, 1, &why), 0);
    place_remove(&place);
}

TEST(a_damaged_file_is_said)
{
    struct place place;
    struct outcome found;
    static char junk[64 << 10];
    FILE *file;

    memset(junk, 0x5a, sizeof(junk));
    place_make(&place);
    place_open(&place);
    for (int i = 0; i < 50; i++)
        assert_int_equal(COMMIT(&place, INSERT(RECORD_TIMELINE, "", "p", 1, "{}")), 0);
    place_close(&place);
    file = fopen(place.path, "r+");
    fseek(file, 4096, SEEK_SET);
    fwrite(junk, 1, sizeof(junk), file);
    fclose(file);
    place.store = state_sqlite_open(&place.loop, place.path, &found.failure);
    if (place.store)
        ask(&place, (struct record_query){.kind = RECORD_TIMELINE}, &found);
    assert_says(&found.failure, "it is damaged — move it away and put back a good copy",
                place.path);
    place_remove(&place);
}

TEST(another_process_that_keeps_the_file_locked_is_waited_for)
{
    struct place place;
    sqlite3 *other;
    struct outcome outcome = {0};
    struct change change = PUT(RECORD_PLAN, "1", "", 1, "{}");

    place_make(&place);
    place_open(&place);
    assert_int_equal(sqlite3_open(place.path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_non_null(place.store->commit(place.store, &change, 1, on_commit, &outcome));
    usleep(50000);
    uv_run(&place.loop, UV_RUN_NOWAIT);
    assert_int_equal(outcome.count, 0);
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    uv_run(&place.loop, UV_RUN_DEFAULT);
    assert_int_equal(outcome.count, 1);
    assert_int_equal(outcome.failure.kind, 0);
    place_remove(&place);
}

int main(void)
{
    return RUN(CASE(a_missing_directory_is_named_with_the_command_that_makes_it),
               CASE(a_directory_in_place_of_the_file_is_refused),
               CASE(a_file_of_a_newer_keydrift_is_refused_and_left_alone),
               CASE(what_is_not_a_state_file_is_refused_and_left_alone),
               CASE(an_empty_file_is_a_new_one),
               CASE(without_a_place_for_the_reason_opening_still_fails),
               CASE(a_file_that_may_only_be_read_is_refused),
               CASE(a_full_disk_is_said_and_writing_heals_by_itself),
               CASE(a_disk_that_became_read_only_is_said_and_writing_heals_by_itself),
               CASE(a_disk_that_fails_is_said_and_writing_heals_by_itself),
               CASE(a_disk_that_fills_up_in_the_middle_of_a_large_commit_leaves_nothing_of_it),
               CASE(a_file_that_was_moved_away_is_not_made_anew_and_works_again_when_it_is_back),
               CASE(a_damaged_file_is_said),
               CASE(another_process_that_keeps_the_file_locked_is_waited_for));
}
