/* SPDX-License-Identifier: Apache-2.0 */
/* The file behind state_sqlite.h, synchronous, for one thread at a time.
 *
 * The connection outlives every failure: over a full or read-only disk it can still read, where a
 * new one could not be opened, and it writes again when the disk is well. A file that was moved
 * away is never made anew while we run: the record of used approvals would be lost with it. */
#ifndef AGENT_ADAPTERS_STATE_SQLITE_FILE_H
#define AGENT_ADAPTERS_STATE_SQLITE_FILE_H

#include "agent/ports/state_store.h"
#include "base/buffer.h"

#include <sqlite3.h>

#define STATE_VERSION       1
#define STATE_RECORDS_LIMIT 100000 /* of one query */
#define STATE_BUSY_MS       5000   /* how long another process may keep us waiting */

enum state_statement {
    STATE_INSERT,
    STATE_PUT,
    STATE_DELETE,
    STATE_LAST,
    STATE_READ, /* + 1 with a parent, + 2 with an id, + 4 with a prefix */
    STATE_STATEMENTS = STATE_READ + 4 + 2
};

struct state_file {
    char *path;
    sqlite3 *db;
    sqlite3_stmt *statements[RECORD_KINDS][STATE_STATEMENTS]; /* prepared when first needed */
};

/* What a query found; the records point into `text`. */
struct state_rows {
    struct record *records;
    size_t count, capacity;
    struct buffer text;
};

must_use bool state_file_init(struct state_file *file, const char *path, struct failure *why);
void state_file_clear(struct state_file *file);

/* A group: begin, apply commits, end. */
must_use bool state_file_begin(struct state_file *file, struct failure *why);
/* All of the changes or none. False with CONFLICT or INVALID: the group goes on without them; with
 * anything else: the group is over and nothing of it was written. */
must_use bool state_file_apply(struct state_file *file, const struct change *changes, size_t count,
                               struct failure *why);
/* Success: everything applied is on the disk. */
must_use bool state_file_end(struct state_file *file, struct failure *why);

/* `rows` is empty before and cleared by the caller in any case. */
must_use bool state_file_read(struct state_file *file, const struct record_query *query,
                              struct state_rows *rows, struct failure *why);
void state_rows_clear(struct state_rows *rows);

/* ---- for the parts of this adapter ----------------------------------------------------------- */

/* Before each use: is the file still where it was? */
must_use bool state_file_ready(struct state_file *file, struct failure *why);
/* Says what SQLite said, as a sentence, and ends the transaction. Returns false. */
bool state_file_failed(struct state_file *file, const char *verb, int code, struct failure *why);
/* NULL with the failure set. */
sqlite3_stmt *state_file_statement(struct state_file *file, enum record_kind kind,
                                   unsigned statement, struct failure *why);
must_use bool state_file_run(struct state_file *file, const char *sql, struct failure *why);

/* ---- one process at a time (state_sqlite_lock.c) --------------------------------------------- */

/* Takes the lock file beside `path`; `fd` is -1 when not held. */
must_use bool state_lock_take(const char *path, int *fd, struct failure *why);
void state_lock_release(int *fd);

#endif
