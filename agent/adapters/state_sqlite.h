/* SPDX-License-Identifier: Apache-2.0 */
/* State in one SQLite file: ports/state_store.h on a libuv loop.
 *
 * The file is touched by one thread of the pool at a time, never by the loop. What was asked for
 * while the disk was busy is written as one transaction (one sync for many commits); a commit that
 * conflicts falls out of it alone. Several processes may share the file.
 */
#ifndef AGENT_ADAPTERS_STATE_SQLITE_H
#define AGENT_ADAPTERS_STATE_SQLITE_H

#include "agent/ports/state_store.h"

#include <uv.h>

/* Opens or makes (mode 0600, in a directory that exists) the file at `path`. NULL with
 * FAILURE_INTERNAL and a sentence that names the file, the reason and what to do. Blocks for the
 * time of a few reads. */
must_use struct state_store *state_sqlite_open(uv_loop_t *loop, const char *path,
                                               struct failure *why);

/* Commits that were started are still written; queries end with FAILURE_CANCELED; nothing new is
 * accepted. `closed` runs after the last `done`, from the loop, and the store is gone. */
void state_sqlite_close(struct state_store *store, void (*closed)(void *context), void *context);

/* The right to watch with the state at `path`: one process at a time has it, until it unlocks or
 * ends. `fd` is -1 when not held. CONFLICT: another process has it; any other failure says that
 * nobody can tell. */
must_use bool state_sqlite_lock_watch(const char *path, int *fd, struct failure *why);
void state_sqlite_unlock_watch(int *fd);

#endif
