/* SPDX-License-Identifier: Apache-2.0 */
/* A state file in a folder of its own, and calls that wait for their answer. */
#ifndef TESTS_UNIT_AGENT_STATE_HELP_H
#define TESTS_UNIT_AGENT_STATE_HELP_H

#include "agent/adapters/state_sqlite.h"
#include "base/buffer.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct place {
    uv_loop_t loop;
    char folder[64], path[96];
    struct state_store *store;
    bool is_closed;
};

/* What came of one call. */
struct outcome {
    unsigned count; /* how often `done` ran */
    struct failure failure;
    size_t records;
    struct buffer text; /* "id<parent@at:body;" of each */
};

static inline void on_place_closed(void *context)
{
    ((struct place *)context)->is_closed = true;
}

static inline void place_open(struct place *place)
{
    struct failure why = {0};

    place->is_closed = false;
    place->store = state_sqlite_open(&place->loop, place->path, &why);
    if (!place->store)
        print_error("%s\n", why.text);
    assert_non_null(place->store);
}

static inline void place_close(struct place *place)
{
    place->is_closed = false;
    state_sqlite_close(place->store, on_place_closed, place);
    assert_false(place->is_closed);
    uv_run(&place->loop, UV_RUN_DEFAULT);
    assert_true(place->is_closed);
    place->store = NULL;
}

static inline void place_make(struct place *place)
{
    *place = (struct place){.folder = "/tmp/state-XXXXXX"};
    assert_int_equal(uv_loop_init(&place->loop), 0);
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->path, sizeof(place->path), "%s/state.db", place->folder);
}

static inline void place_remove(struct place *place)
{
    static const char *const endings[] = {"", "-wal", "-shm", ".lock", ".moved"};
    char path[128];

    if (place->store)
        place_close(place);
    assert_int_equal(uv_loop_close(&place->loop), 0);
    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
        snprintf(path, sizeof(path), "%s%s", place->path, endings[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(place->folder), 0);
}

static inline void outcome_clear(struct outcome *outcome)
{
    buffer_clear(&outcome->text);
    *outcome = (struct outcome){0};
}

static inline void on_commit(const struct failure *failure, void *context)
{
    struct outcome *outcome = context;

    outcome->count++;
    if (failure)
        outcome->failure = *failure;
}

static inline void on_records(const struct record *records, size_t count,
                              const struct failure *failure, void *context)
{
    struct outcome *outcome = context;

    outcome->count++;
    outcome->records = count;
    outcome->text.limit = SIZE_MAX / 2;
    if (failure)
        outcome->failure = *failure;
    for (size_t i = 0; i < count; i++)
        buffer_printf(&outcome->text, "%.*s<%.*s@%lld:%.*s;", TEXT_ARG(records[i].id),
                      TEXT_ARG(records[i].parent), (long long)records[i].at,
                      TEXT_ARG(records[i].body));
}

static inline struct change change_of(enum change_verb verb, enum record_kind kind, const char *id,
                                      const char *parent, int64_t at, const char *body)
{
    return (struct change){verb, kind, text_of(id), text_of(parent), at, text_of(body)};
}
#define INSERT(...) change_of(CHANGE_INSERT, __VA_ARGS__)
#define PUT(...)    change_of(CHANGE_PUT, __VA_ARGS__)
#define DELETE(...) change_of(CHANGE_DELETE, __VA_ARGS__)

static inline enum failure_kind commit_all(struct place *place, const struct change *changes,
                                           size_t count, struct failure *why)
{
    struct outcome outcome = {0};

    assert_non_null(place->store->commit(place->store, changes, count, on_commit, &outcome));
    assert_int_equal(outcome.count, 0);
    uv_run(&place->loop, UV_RUN_DEFAULT);
    assert_int_equal(outcome.count, 1);
    if (why)
        *why = outcome.failure;
    return outcome.failure.kind;
}
#define COMMIT(place, ...)                                                                         \
    commit_all(place, ((const struct change[]){__VA_ARGS__}),                                      \
               sizeof((const struct change[]){__VA_ARGS__}) / sizeof(struct change), NULL)

static inline void ask(struct place *place, struct record_query query, struct outcome *outcome)
{
    *outcome = (struct outcome){0};
    assert_non_null(place->store->query(place->store, &query, on_records, outcome));
    assert_int_equal(outcome->count, 0);
    uv_run(&place->loop, UV_RUN_DEFAULT);
    assert_int_equal(outcome->count, 1);
}

static inline void assert_records_at(struct place *place, struct record_query query,
                                     const char *expected, const char *file, int line)
{
    struct outcome outcome;
    const char *found;

    ask(place, query, &outcome);
    found = outcome.text.start ? outcome.text.start : "";
    if (outcome.failure.kind || strcmp(found, expected)) {
        print_error("found %s%s, expected %s\n", found, outcome.failure.text, expected);
        _fail(file, line);
    }
    outcome_clear(&outcome);
}
#define assert_records(place, query, expected)                                                     \
    assert_records_at(place, (struct record_query)query, expected, __FILE__, __LINE__)
#define QUERY(...)                                                                                 \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

#endif
