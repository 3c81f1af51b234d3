/* SPDX-License-Identifier: Apache-2.0 */
/* Several processes on one file, and processes that are killed. The test starts itself again as the
 * writer: `test_state_crash write PATH COUNT NAME` commits and, for each commit that was
 * acknowledged, writes one byte to standard output; then, with COUNT reached, takes the lock and
 * waits to be killed. */
#include "net/json.h"
#include "tests/unit/agent/state_help.h"

#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

/* ---- the writer ------------------------------------------------------------------------------ */

struct writer {
    uv_loop_t loop;
    struct state_store *store;
    const char *name;
    int count, started, done;
};

static void write_next(struct writer *writer);

static void on_written(const struct failure *failure, void *context)
{
    struct writer *writer = context;

    if (failure || write(STDOUT_FILENO, ".", 1) != 1)
        _exit(3);
    writer->done++;
    write_next(writer);
}

static void write_next(struct writer *writer)
{
    char id[32];
    struct change changes[3];

    if (writer->started == writer->count)
        return;
    snprintf(id, sizeof(id), "%s-%d", writer->name, writer->started++);
    changes[0] = INSERT(RECORD_USED_TOKEN, id, writer->name, 1, "{}");
    changes[1] = INSERT(RECORD_AUDIT, "", "", 1767225600000, "{\"what\":\"x\"}");
    changes[2] = INSERT(RECORD_TIMELINE, "", id, 1, "{}");
    if (!writer->store->commit(writer->store, changes, 3, on_written, writer))
        _exit(4);
}

static int be_writer(const char *path, int count, const char *name)
{
    struct writer writer = {.name = name, .count = count};
    struct failure why = {0};

    uv_loop_init(&writer.loop);
    writer.store = state_sqlite_open(&writer.loop, path, &why);
    if (!writer.store) {
        print_error("%s\n", why.text);
        return 5;
    }
    for (int i = 0; i < 4; i++)
        write_next(&writer);
    uv_run(&writer.loop, UV_RUN_DEFAULT);
    if (!writer.store->try_lock_execution(writer.store, &why))
        return 6;
    if (write(STDOUT_FILENO, "L", 1) == 1)
        pause();
    return 7;
}

/* ---- the test -------------------------------------------------------------------------------- */

struct child {
    pid_t pid;
    int output;
    unsigned acknowledged;
};

static struct child child_start(const char *path, const char *count, const char *name)
{
    char program[PATH_MAX] = "", role[] = "write";
    char *arguments[] = {program,
                         role,
                         text_copy(text_of(path)),
                         text_copy(text_of(count)),
                         text_copy(text_of(name)),
                         NULL};
    posix_spawn_file_actions_t actions;
    struct child child = {0};
    int pipe_of[2];

    assert_int_equal(pipe2(pipe_of, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_of[1], STDOUT_FILENO);
    /* The link itself is valgrind under valgrind, what it says is not. */
    assert_true(readlink("/proc/self/exe", program, sizeof(program) - 1) > 0);
    assert_int_equal(posix_spawn(&child.pid, program, &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_of[1]);
    child.output = pipe_of[0];
    for (int i = 2; i < 5; i++)
        free(arguments[i]);
    return child;
}

/* Until `count` commits were acknowledged, or with 0 until the child holds the lock. */
static void child_follow(struct child *child, unsigned count)
{
    char byte;

    while (!count || child->acknowledged < count) {
        assert_int_equal(read(child->output, &byte, 1), 1);
        if (byte == 'L')
            break;
        child->acknowledged++;
    }
}

static void child_kill(struct child *child)
{
    char byte;
    int status;

    assert_int_equal(kill(child->pid, SIGKILL), 0);
    while (read(child->output, &byte, 1) == 1)
        child->acknowledged += byte == '.';
    close(child->output);
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    assert_true(WIFSIGNALED(status));
}

static size_t count_of(struct place *place, enum record_kind kind, const char *parent)
{
    struct outcome found;
    size_t count;

    ask(place, (struct record_query){.kind = kind, .parent = text_of(parent)}, &found);
    assert_int_equal(found.failure.kind, 0);
    count = found.records;
    outcome_clear(&found);
    return count;
}

struct chain {
    unsigned count, broken;
    char previous[65];
};

static void on_audit(const struct record *records, size_t count, const struct failure *failure,
                     void *context)
{
    struct chain *chain = context;

    assert_null(failure);
    memset(chain->previous, '0', 64);
    for (size_t i = 0; i < count; i++) {
        json_t *body = json_read_object(records[i].body, NULL);
        uint8_t hash[32];
        char number[24];

        snprintf(number, sizeof(number), "%zu", i + 1);
        chain->count++;
        chain->broken +=
            !body || !text_is(json_text_at(body, "previous"), chain->previous) ||
            !text_is(records[i].id, number) || json_integer_at(body, "n", 0) != (int64_t)i + 1 ||
            !text_is(json_text_at(body, "at"), "2026-01-01T00:00:00Z") ||
            !text_is(json_text_at(body, "event.what"), "x") || json_object_size(body) != 4;
        EVP_Digest(records[i].body.start, records[i].body.size, hash, NULL, EVP_sha256(), NULL);
        hex_encode(hash, sizeof(hash), chain->previous);
        json_decref(body);
    }
}

static void assert_chain_holds(struct place *place, size_t count)
{
    struct record_query query = {.kind = RECORD_AUDIT};
    struct chain chain = {0};

    assert_non_null(place->store->query(place->store, &query, on_audit, &chain));
    uv_run(&place->loop, UV_RUN_DEFAULT);
    assert_int_equal(chain.count, count);
    assert_int_equal(chain.broken, 0);
}

TEST(every_acknowledged_commit_survives_kill_9_and_none_is_there_in_part)
{
    struct place place;
    size_t acknowledged = 0, tokens;

    place_make(&place);
    for (int round = 0; round < 5; round++) {
        char name[16];
        struct child child;

        snprintf(name, sizeof(name), "r%d", round);
        child = child_start(place.path, "100000", name);
        child_follow(&child, 30 + 17 * (unsigned)round);
        child_kill(&child);
        place_open(&place);
        tokens = count_of(&place, RECORD_USED_TOKEN, name);
        /* At most those that were on their way when it died come on top. */
        assert_in_range(tokens, child.acknowledged, child.acknowledged + 4);
        acknowledged += tokens;
        assert_int_equal(count_of(&place, RECORD_TIMELINE, ""), acknowledged);
        assert_chain_holds(&place, acknowledged);
        place_close(&place);
    }
    place_remove(&place);
}

TEST(two_processes_share_a_file_and_one_audit_chain)
{
    struct place place;
    struct child one, other;

    place_make(&place);
    one = child_start(place.path, "150", "one");
    other = child_start(place.path, "150", "other");
    child_follow(&one, 150);
    child_follow(&other, 150);
    place_open(&place);
    assert_int_equal(count_of(&place, RECORD_USED_TOKEN, "one"), 150);
    assert_int_equal(count_of(&place, RECORD_USED_TOKEN, "other"), 150);
    assert_chain_holds(&place, 300);
    assert_int_equal(COMMIT(&place, INSERT(RECORD_USED_TOKEN, "one-7", "", 1, "{}")),
                     FAILURE_CONFLICT);
    kill(one.pid, SIGKILL);
    kill(other.pid, SIGKILL);
    waitpid(one.pid, NULL, 0);
    waitpid(other.pid, NULL, 0);
    close(one.output);
    close(other.output);
    place_remove(&place);
}

TEST(the_right_to_execute_is_free_when_its_holder_dies)
{
    struct place place;
    struct child child;
    struct failure why = {0};
    char pid[32];

    place_make(&place);
    child = child_start(place.path, "1", "x");
    child_follow(&child, 0);
    place_open(&place);
    snprintf(pid, sizeof(pid), "(pid %d)", (int)child.pid);
    assert_false(place.store->try_lock_execution(place.store, &why));
    assert_non_null(strstr(why.text, pid));
    child_kill(&child);
    assert_true(place.store->try_lock_execution(place.store, &why));
    place_remove(&place);
}

TEST(the_audit_trail_can_only_be_appended_to)
{
    struct place place;

    place_make(&place);
    place_open(&place);
    assert_int_equal(
        COMMIT(&place, INSERT(RECORD_AUDIT, "", "", 1767225600000, "{\"what\":\"x\"}")), 0);
    assert_int_equal(COMMIT(&place, PUT(RECORD_AUDIT, "1", "", 1, "{}")), FAILURE_INVALID);
    assert_int_equal(COMMIT(&place, DELETE(RECORD_AUDIT, "1", "", 1, "{}")), FAILURE_INVALID);
    assert_int_equal(COMMIT(&place, INSERT(RECORD_AUDIT, "7", "", 1, "{}")), FAILURE_INVALID);
    /* A commit that fails leaves no gap in the chain. */
    assert_int_equal(COMMIT(&place, INSERT(RECORD_AUDIT, "", "", 1767225600000, "{\"what\":\"y\"}"),
                            PUT(RECORD_PLAN, "", "", 1, "")),
                     FAILURE_INVALID);
    assert_int_equal(COMMIT(&place, INSERT(RECORD_AUDIT, "", "", 1767225600000, "{\"what\":\"x\"}"),
                            INSERT(RECORD_AUDIT, "", "", 1767225600000, "{\"what\":\"x\"}")),
                     0);
    assert_chain_holds(&place, 3);
    place_remove(&place);
}

int main(int argc, char **argv)
{
    if (argc == 5 && !strcmp(argv[1], "write"))
        return be_writer(argv[2], atoi(argv[3]), argv[4]);
    return RUN(CASE(every_acknowledged_commit_survives_kill_9_and_none_is_there_in_part),
               CASE(two_processes_share_a_file_and_one_audit_chain),
               CASE(the_right_to_execute_is_free_when_its_holder_dies),
               CASE(the_audit_trail_can_only_be_appended_to));
}
