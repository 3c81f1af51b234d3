/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the state file, its schema, and what its failures mean for a person. */
#include "agent/adapters/state_sqlite_file.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 0x6b646674 /* "kdft": nobody else's SQLite file is taken for ours */

static const char *const tables[RECORD_KINDS] = {
    [RECORD_BINDING] = "binding",   [RECORD_INCIDENT] = "incident",
    [RECORD_TIMELINE] = "timeline", [RECORD_PLAN] = "plan",
    [RECORD_APPROVAL] = "approval", [RECORD_USED_TOKEN] = "used_token",
    [RECORD_JOURNAL] = "journal",   [RECORD_OUTBOX] = "outbox",
    [RECORD_AUDIT] = "audit",
};

/* ---- failures -------------------------------------------------------------------------------- */

/* SQLite calls some of these an input/output error. */
static int plain_code(int code, int system_errno)
{
    if (system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG)
        return SQLITE_FULL;
    return system_errno == EROFS ? SQLITE_READONLY : code & 0xff;
}

static bool explain(const struct state_file *file, const char *verb, int code, int system_errno,
                    struct failure *why)
{
    const char *reason, *advice = "";

    switch (plain_code(code, system_errno)) {
    case SQLITE_FULL:
        reason = "disk full — free space there";
        break;
    case SQLITE_READONLY:
        reason = "it or its file system is read-only — make it writable";
        break;
    case SQLITE_CORRUPT:
        reason = "it is damaged — move it away and put back a good copy";
        break;
    case SQLITE_NOTADB:
        reason = "it is not a state file of keydrift — name another one under `state`";
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        reason = "another process keeps it locked — wait for it or stop it";
        break;
    case SQLITE_NOMEM:
        return failure_out_of_memory(why);
    default:
        reason = system_errno ? strerror(system_errno) : sqlite3_errstr(code);
    }
    if (!strcmp(verb, "write"))
        advice = "; nothing is written to Vault until then";
    return failure_set(why, FAILURE_INTERNAL, "cannot %s %s: %s%s", verb, file->path, reason,
                       advice);
}

/* SQLite keeps no reason when it is the commit itself that fails: then it is what the last system
 * call of this thread left (state_file_ready() begins with none). */
static int cause_of(const struct state_file *file, int code, int last_errno)
{
    int kept = sqlite3_system_errno(file->db);

    if ((code & 0xff) == SQLITE_IOERR)
        return last_errno ? last_errno : kept;
    return (code & 0xff) == SQLITE_CANTOPEN ? kept : 0;
}

bool state_file_failed(struct state_file *file, const char *verb, int code, struct failure *why)
{
    explain(file, verb, code, cause_of(file, code, errno), why);
    if (!sqlite3_get_autocommit(file->db))
        sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

/* ---- statements ------------------------------------------------------------------------------ */

bool state_file_run(struct state_file *file, const char *sql, struct failure *why)
{
    int code = sqlite3_exec(file->db, sql, NULL, NULL, NULL);

    return code == SQLITE_OK || state_file_failed(file, "write", code, why);
}

static void write_sql(char *sql, size_t size, const char *table, unsigned statement)
{
    static const char *const restrictions[] = {
        "",
        "WHERE parent = ?2",
        "WHERE id = ?3",
        "WHERE id = ?3 AND parent = ?2",
        "WHERE id >= ?3 AND id < ?4",
        "WHERE id >= ?3 AND id < ?4 AND parent = ?2",
    };

    if (statement == STATE_INSERT)
        snprintf(sql, size, "INSERT INTO %s(id, parent, at, body) VALUES(?1, ?2, ?3, ?4)", table);
    else if (statement == STATE_PUT)
        snprintf(sql, size,
                 "INSERT INTO %s(id, parent, at, body) VALUES(?1, ?2, ?3, ?4) ON CONFLICT(id) "
                 "DO UPDATE SET parent = ?2, at = ?3, body = ?4",
                 table);
    else if (statement == STATE_DELETE)
        snprintf(sql, size, "DELETE FROM %s WHERE id = ?1", table);
    else if (statement == STATE_LAST)
        snprintf(sql, size,
                 "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = '%s'), 0), "
                 "(SELECT body FROM %s ORDER BY n DESC LIMIT 1)",
                 table, table);
    else
        snprintf(sql, size, "SELECT id, parent, at, body FROM %s %s ORDER BY n DESC LIMIT ?1",
                 table, restrictions[statement - STATE_READ]);
}

sqlite3_stmt *state_file_statement(struct state_file *file, enum record_kind kind,
                                   unsigned statement, struct failure *why)
{
    sqlite3_stmt **prepared = &file->statements[kind][statement];
    char sql[256];
    int code;

    if (*prepared)
        return *prepared;
    write_sql(sql, sizeof(sql), tables[kind], statement);
    code = sqlite3_prepare_v3(file->db, sql, -1, SQLITE_PREPARE_PERSISTENT, prepared, NULL);
    if (code != SQLITE_OK) {
        state_file_failed(file, statement < STATE_READ ? "write" : "read", code, why);
        return NULL;
    }
    return *prepared;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int number_of(sqlite3 *db, const char *sql, int64_t *ret)
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    if (code != SQLITE_OK)
        return code;
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *ret = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

static int make_tables(sqlite3 *db)
{
    char sql[512];
    int code = SQLITE_OK;

    for (size_t kind = 0; kind < RECORD_KINDS && code == SQLITE_OK; kind++) {
        snprintf(sql, sizeof(sql),
                 "CREATE TABLE %s(n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
                 "parent TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL) STRICT; "
                 "CREATE INDEX %s_by_parent ON %s(parent)",
                 tables[kind], tables[kind], tables[kind]);
        code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d",
                 APPLICATION_ID, STATE_VERSION);
        code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    }
    return code;
}

/* Within one transaction, so that two processes that start together make one schema. */
static bool settle_schema(struct state_file *file, struct failure *why)
{
    int64_t version = 0, application = 0, objects = 0;
    int code = sqlite3_exec(file->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

    if (code == SQLITE_OK)
        code = number_of(file->db, "PRAGMA user_version", &version);
    if (code == SQLITE_OK)
        code = number_of(file->db, "PRAGMA application_id", &application);
    if (code == SQLITE_OK)
        code = number_of(file->db, "SELECT count(*) FROM sqlite_schema", &objects);
    if (code == SQLITE_OK && !version && !application && !objects)
        code = make_tables(file->db);
    else if (code == SQLITE_OK && application != APPLICATION_ID)
        code = SQLITE_NOTADB;
    else if (code == SQLITE_OK && version > STATE_VERSION) {
        failure_set(why, FAILURE_INTERNAL,
                    "cannot use %s: it was written by a newer keydrift (format %lld, this one "
                    "knows up to %d) — install the newer one, or name another file under `state`",
                    file->path, (long long)version, STATE_VERSION);
        return false;
    }
    if (code == SQLITE_OK)
        code = sqlite3_exec(file->db, "COMMIT", NULL, NULL, NULL);
    return code == SQLITE_OK || state_file_failed(file, "open", code, why);
}

/* Changing to WAL does not wait for others by itself. A small cache: what is read again and again
 * is kept by the daemon, not here. */
static bool configure(struct state_file *file, struct failure *why)
{
    int code = SQLITE_BUSY;

    sqlite3_busy_timeout(file->db, STATE_BUSY_MS);
    for (int waited_ms = 0; (code & 0xff) == SQLITE_BUSY && waited_ms < STATE_BUSY_MS;
         waited_ms += 10) {
        if (waited_ms)
            usleep(10000);
        code = sqlite3_exec(file->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    }
    if (code == SQLITE_OK)
        code = sqlite3_exec(file->db,
                            "PRAGMA synchronous = FULL; PRAGMA cache_size = -256; "
                            "PRAGMA wal_autocheckpoint = 256; PRAGMA journal_size_limit = 1048576; "
                            "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF",
                            NULL, NULL, NULL);
    return code == SQLITE_OK || state_file_failed(file, "open", code, why);
}

static bool connect(struct state_file *file, struct failure *why)
{
    int code =
        sqlite3_open_v2(file->path, &file->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

    if (!file->db)
        return failure_out_of_memory(why);
    if (code != SQLITE_OK)
        return state_file_failed(file, "open", code, why);
    /* SQLite opens what it may not write for reading only, and says nothing. */
    if (sqlite3_db_readonly(file->db, "main") == 1)
        return state_file_failed(file, "write", SQLITE_READONLY, why);
    return configure(file, why) && settle_schema(file, why);
}

bool state_file_ready(struct state_file *file, struct failure *why)
{
    int is_moved = 0;

    errno = 0;
    sqlite3_file_control(file->db, "main", SQLITE_FCNTL_HAS_MOVED, &is_moved);
    if (is_moved)
        return failure_set(why, FAILURE_INTERNAL,
                           "cannot use %s: it was moved or deleted while in use — put it back, or "
                           "restart keydrift to begin with a new one",
                           file->path);
    return true;
}

/* Made here, not by SQLite, so that nobody else can ever read it. Never opened when it exists:
 * closing it again would drop the locks this process may have on it. */
static bool make_file(const char *path, struct failure *why)
{
    const char *slash = strrchr(path, '/');
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0) {
        close(fd);
        return true;
    }
    if (errno == EEXIST)
        return true;
    if (errno == ENOENT && slash && slash > path)
        return failure_set(why, FAILURE_INTERNAL,
                           "cannot open %s: there is no directory %.*s — create it, for example "
                           "with: install -d -m 700 %.*s",
                           path, (int)(slash - path), path, (int)(slash - path), path);
    return failure_set(why, FAILURE_INTERNAL, "cannot open %s: %s", path, strerror(errno));
}

bool state_file_init(struct state_file *file, const char *path, struct failure *why)
{
    *file = (struct state_file){.path = text_copy(text_of(path))};
    if (!file->path)
        return failure_out_of_memory(why);
    if (make_file(path, why) && connect(file, why))
        return true;
    state_file_clear(file);
    return false;
}

void state_file_clear(struct state_file *file)
{
    for (size_t kind = 0; kind < RECORD_KINDS; kind++)
        for (size_t i = 0; i < STATE_STATEMENTS; i++)
            sqlite3_finalize(file->statements[kind][i]);
    sqlite3_close(file->db);
    memory_free(file->path);
    *file = (struct state_file){0};
}
