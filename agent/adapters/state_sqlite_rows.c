/* SPDX-License-Identifier: Apache-2.0 */
/* Writing changes and reading records.
 *
 * Every record has a number that only grows, so "oldest first" is the order of first writing,
 * whatever the clock did; a PUT keeps the place. The audit chain is made inside the transaction
 * that holds the write lock, so two processes cannot fork it. */
#include "agent/adapters/state_sqlite_file.h"

#include "base/memory.h"
#include "base/moment.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define BODY_LIMIT   ((size_t)16 << 20)  /* of one audit record */
#define ANSWER_LIMIT ((size_t)256 << 20) /* of one query */
#define HASH_SIZE    65

/* ---- writing --------------------------------------------------------------------------------- */

static void bind_text(sqlite3_stmt *statement, int at, struct text text)
{
    sqlite3_bind_text64(statement, at, text.start ? text.start : "", text.size, SQLITE_STATIC,
                        SQLITE_UTF8);
}

/* Runs a statement that answers nothing. */
static bool finish(struct state_file *file, sqlite3_stmt *statement, const struct change *change,
                   struct failure *why)
{
    int code = sqlite3_step(statement);

    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    if (code == SQLITE_DONE)
        return true;
    if (code == SQLITE_CONSTRAINT_UNIQUE)
        return failure_set(why, FAILURE_CONFLICT, "there is already a record \"%.*s\"",
                           TEXT_ARG(change->id));
    if ((code & 0xff) == SQLITE_TOOBIG || (code & 0xff) == SQLITE_CONSTRAINT)
        return failure_set(why, FAILURE_INVALID, "the state file does not take this record: %s",
                           sqlite3_errstr(code));
    return state_file_failed(file, "write", code, why);
}

static bool write_row(struct state_file *file, const struct change *change, unsigned verb,
                      struct text id, struct text body, struct failure *why)
{
    sqlite3_stmt *statement = state_file_statement(file, change->kind, verb, why);

    if (!statement)
        return false;
    bind_text(statement, 1, id);
    if (verb != STATE_DELETE) {
        bind_text(statement, 2, change->parent);
        sqlite3_bind_int64(statement, 3, change->at);
        bind_text(statement, 4, body);
    }
    return finish(file, statement, change, why);
}

/* Before the first record the chain has 64 zeros. */
static bool hash_last(sqlite3_stmt *last, char hash[HASH_SIZE])
{
    const void *body = sqlite3_column_text(last, 1);
    size_t size = (size_t)sqlite3_column_bytes(last, 1);
    uint8_t digest[32] = {0};

    if (body && !EVP_Digest(body, size, digest, NULL, EVP_sha256(), NULL))
        return false;
    hex_encode(digest, sizeof(digest), hash);
    return true;
}

/* The number of the next record of a kind and, for the audit trail, the hash of its last. */
static bool find_next(struct state_file *file, enum record_kind kind, int64_t *number,
                      char hash[HASH_SIZE], struct failure *why)
{
    sqlite3_stmt *last = state_file_statement(file, kind, STATE_LAST, why);
    bool is_hashed = true;
    int code;

    if (!last)
        return false;
    code = sqlite3_step(last);
    if (code == SQLITE_ROW) {
        *number = sqlite3_column_int64(last, 0) + 1;
        is_hashed = kind != RECORD_AUDIT || hash_last(last, hash);
    }
    sqlite3_reset(last);
    if (code != SQLITE_ROW)
        return state_file_failed(file, "write", code, why);
    return is_hashed || state_file_failed(file, "write", SQLITE_NOMEM, why);
}

static bool write_chained(struct state_file *file, const struct change *change, struct text id,
                          int64_t number, const char *hash, struct failure *why)
{
    struct buffer body;
    char at[INSTANT_SIZE];
    bool ok;

    buffer_init(&body, BODY_LIMIT);
    instant_format(change->at, at);
    buffer_printf(&body,
                  "{\"n\":%lld,\"at\":\"%s\",\"previous\":\"%s\",\"event\":", (long long)number, at,
                  hash);
    buffer_append(&body, change->body.size ? change->body : TEXT("null"));
    buffer_append(&body, TEXT("}"));
    if (buffer_ok(&body))
        ok = write_row(file, change, STATE_INSERT, id, buffer_text(&body), why);
    else
        ok = failure_set(why, FAILURE_INVALID, "an audit record over %zu bytes", BODY_LIMIT);
    buffer_clear(&body);
    return ok;
}

static bool write_numbered(struct state_file *file, const struct change *change,
                           struct failure *why)
{
    char id[24], hash[HASH_SIZE];
    int64_t number = 0;

    if (!find_next(file, change->kind, &number, hash, why))
        return false;
    snprintf(id, sizeof(id), "%lld", (long long)number);
    if (change->kind == RECORD_AUDIT)
        return write_chained(file, change, text_of(id), number, hash, why);
    return write_row(file, change, STATE_INSERT, text_of(id), change->body, why);
}

static bool write_change(struct state_file *file, const struct change *change, struct failure *why)
{
    if (change->kind == RECORD_AUDIT && (change->verb != CHANGE_INSERT || change->id.size))
        return failure_set(why, FAILURE_INVALID, "the audit trail can only be appended to");
    if (change->verb == CHANGE_INSERT && !change->id.size)
        return write_numbered(file, change, why);
    if (!change->id.size)
        return failure_set(why, FAILURE_INVALID, "a record without an id");
    if (change->verb == CHANGE_DELETE)
        return write_row(file, change, STATE_DELETE, change->id, TEXT(""), why);
    return write_row(file, change, change->verb == CHANGE_PUT ? STATE_PUT : STATE_INSERT,
                     change->id, change->body, why);
}

bool state_file_begin(struct state_file *file, struct failure *why)
{
    return state_file_ready(file, why) && state_file_run(file, "BEGIN IMMEDIATE", why);
}

static bool is_own_fault(enum failure_kind kind)
{
    return kind == FAILURE_CONFLICT || kind == FAILURE_INVALID;
}

bool state_file_apply(struct state_file *file, const struct change *changes, size_t count,
                      struct failure *why)
{
    struct failure fault = {0}, worse = {0};
    bool ok = state_file_run(file, "SAVEPOINT one", &fault);

    for (size_t i = 0; ok && i < count; i++)
        ok = write_change(file, &changes[i], &fault);
    if (ok)
        return state_file_run(file, "RELEASE one", why);
    if (is_own_fault(fault.kind) && !state_file_run(file, "ROLLBACK TO one; RELEASE one", &worse))
        fault = worse;
    *why = fault;
    return false;
}

bool state_file_end(struct state_file *file, struct failure *why)
{
    return state_file_run(file, "COMMIT", why);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The first text behind all that begin with `prefix`; a BLOB, which sorts behind every text, when
 * there is none. */
static int bind_end_of_prefix(sqlite3_stmt *statement, int at, struct text prefix)
{
    char *end = text_copy(prefix);
    size_t size = prefix.size;

    if (!end)
        return SQLITE_NOMEM;
    while (size && (unsigned char)end[size - 1] == 0xff)
        size--;
    if (size) {
        end[size - 1]++;
        return sqlite3_bind_text64(statement, at, end, size, free, SQLITE_UTF8);
    }
    memory_free(end);
    return sqlite3_bind_zeroblob(statement, at, 0);
}

static sqlite3_stmt *prepare_query(struct state_file *file, const struct record_query *query,
                                   struct failure *why)
{
    bool is_limited = query->newest && query->newest < STATE_RECORDS_LIMIT;
    unsigned restriction = (query->parent.size ? 1 : 0) + (!query->id.size    ? 0
                                                           : query->is_prefix ? 4
                                                                              : 2);
    sqlite3_stmt *statement =
        state_file_statement(file, query->kind, STATE_READ + restriction, why);
    int code = SQLITE_OK;

    if (!statement)
        return NULL;
    sqlite3_bind_int64(statement, 1, is_limited ? (int64_t)query->newest : STATE_RECORDS_LIMIT);
    if (query->parent.size)
        bind_text(statement, 2, query->parent);
    if (query->id.size)
        bind_text(statement, 3, query->id);
    if (query->id.size && query->is_prefix)
        code = bind_end_of_prefix(statement, 4, query->id);
    if (code != SQLITE_OK) {
        state_file_failed(file, "read", code, why);
        return NULL;
    }
    return statement;
}

static struct text append_column(struct buffer *text, sqlite3_stmt *statement, int column)
{
    const char *start = (const char *)sqlite3_column_text(statement, column);
    size_t size = (size_t)sqlite3_column_bytes(statement, column);

    buffer_append(text, (struct text){start, size});
    return (struct text){NULL, size};
}

/* Only the sizes of the texts are right for now: the buffer may still move. */
static bool add_row(struct state_rows *rows, sqlite3_stmt *statement)
{
    struct record *record;

    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity ? rows->capacity * 2 : 16;
        struct record *records = memory_resize(rows->records, capacity * sizeof(*records));

        if (!records)
            return false;
        rows->records = records;
        rows->capacity = capacity;
    }
    record = &rows->records[rows->count++];
    record->id = append_column(&rows->text, statement, 0);
    record->parent = append_column(&rows->text, statement, 1);
    record->at = sqlite3_column_int64(statement, 2);
    record->body = append_column(&rows->text, statement, 3);
    return buffer_ok(&rows->text);
}

/* They came newest first. */
static void settle_rows(struct state_rows *rows)
{
    const char *next = rows->text.start;

    for (size_t i = 0; i < rows->count; i++) {
        struct text *parts[] = {&rows->records[i].id, &rows->records[i].parent,
                                &rows->records[i].body};

        for (size_t part = 0; part < 3; part++) {
            parts[part]->start = next;
            next += parts[part]->size;
        }
    }
    for (size_t i = 0; i < rows->count / 2; i++) {
        struct record record = rows->records[i];

        rows->records[i] = rows->records[rows->count - 1 - i];
        rows->records[rows->count - 1 - i] = record;
    }
}

bool state_file_read(struct state_file *file, const struct record_query *query,
                     struct state_rows *rows, struct failure *why)
{
    sqlite3_stmt *statement;
    bool is_kept = true;
    int code;

    buffer_init(&rows->text, ANSWER_LIMIT);
    if (!state_file_ready(file, why) || !(statement = prepare_query(file, query, why)))
        return false;
    while (is_kept && (code = sqlite3_step(statement)) == SQLITE_ROW)
        is_kept = add_row(rows, statement);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    if (!is_kept)
        return failure_set(why, FAILURE_TOO_LARGE,
                           "more was asked of %s than fits in memory: ask for fewer records",
                           file->path);
    if (code != SQLITE_DONE)
        return state_file_failed(file, "read", code, why);
    settle_rows(rows);
    return true;
}

void state_rows_clear(struct state_rows *rows)
{
    memory_free(rows->records);
    buffer_clear(&rows->text);
    *rows = (struct state_rows){0};
}
