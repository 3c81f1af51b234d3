/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fake_store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[RECORD_KINDS] = {"binding", "incident", "timeline",
                                                     "plan",    "approval", "used_token",
                                                     "journal", "outbox",   "audit"};

static char *copy_of(struct text text)
{
    char *copy = text_copy(text);

    assert(copy);
    return copy;
}

static void record_clear(struct fake_record *record)
{
    free(record->id);
    free(record->parent);
    free(record->body);
}

static struct fake_record *find(struct fake_store *store, enum record_kind kind, const char *id)
{
    for (size_t i = 0; i < store->count; i++)
        if (store->records[i].kind == kind && strcmp(store->records[i].id, id) == 0)
            return &store->records[i];
    return NULL;
}

/* ---- commits --------------------------------------------------------------------------------- */

struct commit {
    struct fake_operation operation; /* first */
    struct fake_store *store;
    struct fake_record *changes;
    enum change_verb *verbs;
    size_t count;
    operation_done *done;
    void *context;
};

static bool conflicts(struct commit *commit)
{
    for (size_t i = 0; i < commit->count; i++)
        if (commit->verbs[i] == CHANGE_INSERT && commit->changes[i].id[0] &&
            find(commit->store, commit->changes[i].kind, commit->changes[i].id))
            return true;
    return false;
}

static void apply(struct fake_store *store, enum change_verb verb, struct fake_record *change)
{
    struct fake_record *there = find(store, change->kind, change->id);
    char number[24];

    if (verb == CHANGE_DELETE) {
        if (!there)
            return;
        record_clear(there);
        memmove(there, there + 1,
                (size_t)(store->records + store->count - (there + 1)) * sizeof(*there));
        store->count--;
        return;
    }
    if (there && verb == CHANGE_PUT) {
        record_clear(there);
    } else {
        store->records = realloc(store->records, (store->count + 1) * sizeof(*store->records));
        assert(store->records);
        there = &store->records[store->count++];
    }
    snprintf(number, sizeof(number), "%u", store->numbers[change->kind] + 1);
    if (!change->id[0])
        store->numbers[change->kind]++;
    *there = (struct fake_record){.kind = change->kind,
                                  .id = copy_of(text_of(change->id[0] ? change->id : number)),
                                  .parent = copy_of(text_of(change->parent)),
                                  .body = copy_of(text_of(change->body)),
                                  .at = change->at};
}

static void commit_effect(struct fake_operation *operation)
{
    struct commit *commit = (struct commit *)operation;

    if (commit->store->is_full) {
        failure_set(&operation->failure, FAILURE_INTERNAL, "cannot write state.db: disk full");
        return;
    }
    if (conflicts(commit)) {
        failure_set(&operation->failure, FAILURE_CONFLICT, "there is already such a record");
        return;
    }
    for (size_t i = 0; i < commit->count; i++)
        apply(commit->store, commit->verbs[i], &commit->changes[i]);
}

static void commit_answer(struct fake_operation *operation, const struct failure *failure)
{
    struct commit *commit = (struct commit *)operation;

    commit->done(failure, commit->context);
}

static void commit_clear(struct fake_operation *operation)
{
    struct commit *commit = (struct commit *)operation;

    for (size_t i = 0; i < commit->count; i++)
        record_clear(&commit->changes[i]);
    free(commit->changes);
    free(commit->verbs);
}

/* "commit binding incident journal:locked used_token": what is in it, for the trace. */
static void name_commit(const struct commit *commit, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "commit");

    for (size_t i = 0; i < commit->count && used < size - 40; i++) {
        const struct fake_record *change = &commit->changes[i];
        json_t *body = json_loads(change->body, 0, NULL);
        const char *detail = json_string_value(
            json_object_get(body, change->kind == RECORD_JOURNAL ? "step" : "state"));

        used += (size_t)snprintf(out + used, size - used, " %s%s%s",
                                 commit->verbs[i] == CHANGE_DELETE ? "-" : "",
                                 kind_names[change->kind], detail ? ":" : "");
        used += (size_t)snprintf(out + used, size - used, "%s", detail ? detail : "");
        json_decref(body);
    }
}

static struct operation *commit_changes(struct state_store *self, const struct change *changes,
                                        size_t count, operation_done *done, void *context)
{
    struct commit *commit = calloc(1, sizeof(*commit));
    char name[800];

    assert(commit && count > 0);
    commit->store = (struct fake_store *)self;
    commit->changes = calloc(count, sizeof(*commit->changes));
    commit->verbs = calloc(count, sizeof(*commit->verbs));
    assert(commit->changes && commit->verbs);
    commit->count = count;
    for (size_t i = 0; i < count; i++) {
        commit->verbs[i] = changes[i].verb;
        commit->changes[i] = (struct fake_record){.kind = changes[i].kind,
                                                  .id = copy_of(changes[i].id),
                                                  .parent = copy_of(changes[i].parent),
                                                  .body = copy_of(changes[i].body),
                                                  .at = changes[i].at};
    }
    commit->done = done;
    commit->context = context;
    commit->operation.is_kept = true;
    commit->operation.clear = commit_clear;
    name_commit(commit, name, sizeof(name));
    return fake_begin(commit->store->clock, &commit->operation, name, commit_effect, commit_answer);
}

/* ---- queries --------------------------------------------------------------------------------- */

struct query {
    struct fake_operation operation; /* first */
    struct fake_store *store;
    enum record_kind kind;
    char *id, *parent;
    bool is_prefix;
    size_t newest;
    struct fake_record *found;
    size_t count;
    records_done *done;
    void *context;
};

static bool matches(const struct query *query, const struct fake_record *record)
{
    struct text id = text_of(record->id);

    if (record->kind != query->kind)
        return false;
    if (query->parent[0] && strcmp(record->parent, query->parent) != 0)
        return false;
    if (!query->id[0])
        return true;
    return query->is_prefix ? text_starts_with(id, text_of(query->id)) : text_is(id, query->id);
}

static void query_effect(struct fake_operation *operation)
{
    struct query *query = (struct query *)operation;
    struct fake_store *store = query->store;
    size_t total = 0;

    for (size_t i = 0; i < store->count; i++)
        total += matches(query, &store->records[i]);
    query->found = calloc(total + 1, sizeof(*query->found));
    assert(query->found);
    for (size_t i = 0, skip = query->newest && total > query->newest ? total - query->newest : 0;
         i < store->count; i++) {
        const struct fake_record *record = &store->records[i];

        if (!matches(query, record))
            continue;
        if (skip) {
            skip--;
            continue;
        }
        query->found[query->count++] =
            (struct fake_record){.kind = record->kind,
                                 .id = copy_of(text_of(record->id)),
                                 .parent = copy_of(text_of(record->parent)),
                                 .body = copy_of(text_of(record->body)),
                                 .at = record->at};
    }
}

static void query_answer(struct fake_operation *operation, const struct failure *failure)
{
    struct query *query = (struct query *)operation;
    struct record *records = calloc(query->count + 1, sizeof(*records));

    assert(records);
    for (size_t i = 0; i < query->count; i++)
        records[i] = (struct record){text_of(query->found[i].id), text_of(query->found[i].parent),
                                     query->found[i].at, text_of(query->found[i].body)};
    query->done(failure ? NULL : records, failure ? 0 : query->count, failure, query->context);
    free(records);
}

static void query_clear(struct fake_operation *operation)
{
    struct query *query = (struct query *)operation;

    for (size_t i = 0; i < query->count; i++)
        record_clear(&query->found[i]);
    free(query->found);
    free(query->id);
    free(query->parent);
}

static struct operation *query_records(struct state_store *self, const struct record_query *wanted,
                                       records_done *done, void *context)
{
    struct query *query = calloc(1, sizeof(*query));
    char name[64];

    assert(query);
    query->store = (struct fake_store *)self;
    query->kind = wanted->kind;
    query->id = copy_of(wanted->id);
    query->parent = copy_of(wanted->parent);
    query->is_prefix = wanted->is_prefix;
    query->newest = wanted->newest;
    query->done = done;
    query->context = context;
    query->operation.clear = query_clear;
    snprintf(name, sizeof(name), "query %s", kind_names[wanted->kind]);
    return fake_begin(query->store->clock, &query->operation, name, query_effect, query_answer);
}

/* ---- the lock -------------------------------------------------------------------------------- */

static bool try_lock(struct state_store *self, struct failure *why)
{
    struct fake_store *store = (struct fake_store *)self;

    assert(!store->is_locked || store->clock->is_dead);
    if (store->is_locked_by_another)
        return failure_set(why, FAILURE_CONFLICT, "process 4711 executes a plan now");
    store->is_locked = true;
    return true;
}

static void unlock(struct state_store *self)
{
    struct fake_store *store = (struct fake_store *)self;

    assert(store->is_locked);
    store->is_locked = false;
}

/* ---- for tests ------------------------------------------------------------------------------- */

void fake_store_init(struct fake_store *store, struct fake_clock *clock)
{
    *store = (struct fake_store){.port = {commit_changes, query_records, try_lock, unlock},
                                 .clock = clock};
}

void fake_store_clear(struct fake_store *store)
{
    for (size_t i = 0; i < store->count; i++)
        record_clear(&store->records[i]);
    free(store->records);
}

void fake_store_put(struct fake_store *store, enum record_kind kind, const char *id,
                    const char *parent, const char *body)
{
    struct fake_record record = {.kind = kind,
                                 .id = copy_of(text_of(id)),
                                 .parent = copy_of(text_of(parent)),
                                 .body = copy_of(text_of(body)),
                                 .at = store->clock->now};

    apply(store, CHANGE_PUT, &record);
    record_clear(&record);
}

static bool is_of(const struct fake_record *record, enum record_kind kind, const char *parent)
{
    return record->kind == kind && (!parent || strcmp(record->parent, parent) == 0);
}

size_t fake_store_count(const struct fake_store *store, enum record_kind kind, const char *parent)
{
    size_t count = 0;

    for (size_t i = 0; i < store->count; i++)
        count += is_of(&store->records[i], kind, parent);
    return count;
}

json_t *fake_store_body(const struct fake_store *store, enum record_kind kind, const char *parent,
                        size_t at)
{
    for (size_t i = 0; i < store->count; i++)
        if (is_of(&store->records[i], kind, parent) && at-- == 0)
            return json_loads(store->records[i].body, 0, NULL);
    return NULL;
}

size_t fake_store_audited(const struct fake_store *store, const char *what)
{
    size_t count = 0;

    for (size_t i = 0; i < store->count; i++) {
        json_t *body = store->records[i].kind == RECORD_AUDIT
                           ? json_loads(store->records[i].body, 0, NULL)
                           : NULL;
        const char *event = json_string_value(json_object_get(body, "what"));

        count += event && strcmp(event, what) == 0;
        json_decref(body);
    }
    return count;
}

bool fake_store_contains(const struct fake_store *store, const char *text)
{
    for (size_t i = 0; i < store->count; i++)
        if (strstr(store->records[i].body, text) || strstr(store->records[i].id, text))
            return true;
    return false;
}
