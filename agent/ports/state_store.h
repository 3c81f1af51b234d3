/* SPDX-License-Identifier: Apache-2.0 */
/* What survives a crash. Records of a few kinds, each an id, an optional parent, a time and a JSON
 * body; a commit is all or nothing and durable when its `done` says success. Never a key value in
 * any of them. Asynchronous by the promise of base/operation.h. Commits happen in the order they
 * were started. */
#ifndef AGENT_PORTS_STATE_STORE_H
#define AGENT_PORTS_STATE_STORE_H

#include "base/operation.h"
#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

enum record_kind {
    RECORD_BINDING,    /* id: binding name; fingerprints and watch state last seen */
    RECORD_INCIDENT,   /* id: incident id; parent: binding */
    RECORD_TIMELINE,   /* id: given by the store; parent: incident or plan id */
    RECORD_PLAN,       /* id: plan id; parent: binding */
    RECORD_APPROVAL,   /* id: token id; parent: plan id */
    RECORD_USED_TOKEN, /* id: token id; parent: plan id */
    RECORD_JOURNAL,    /* id: given by the store; parent: plan id */
    RECORD_OUTBOX,     /* id: alert id + sink; parent: sink name; not yet delivered */
    RECORD_AUDIT,      /* id: given by the store; body is chained, see below */
    RECORD_KINDS
};

enum change_verb {
    CHANGE_INSERT, /* the whole commit fails with CONFLICT when the id exists */
    CHANGE_PUT,    /* insert or replace */
    CHANGE_DELETE,
};

/* `id` empty with INSERT: the store gives the next number (as decimal text, counting from 1 per
 * kind). AUDIT bodies are stored as {"n":..,"at":"..","previous":"<sha256 of the previous
 * body>","event":<body>}. */
struct change {
    enum change_verb verb;
    enum record_kind kind;
    struct text id, parent;
    int64_t at;
    struct text body; /* JSON; ignored by DELETE */
};

struct record {
    struct text id, parent;
    int64_t at;
    struct text body;
};
/* Oldest first. Dies with the call. */
typedef void records_done(const struct record *records, size_t count, const struct failure *failure,
                          void *context);

/* Empty text: no restriction. `id` may be a prefix when `is_prefix`. */
struct record_query {
    enum record_kind kind;
    struct text id, parent;
    bool is_prefix;
    size_t newest; /* only the newest so many; 0: all, at most 100,000 */
};

struct state_store {
    /* Copies everything. INTERNAL with a plain sentence when the disk is full, read-only or broken.
     */
    struct operation *(*commit)(struct state_store *self, const struct change *changes,
                                size_t count, operation_done *done, void *context);
    struct operation *(*query)(struct state_store *self, const struct record_query *query,
                               records_done *done, void *context);
    /* Only one process executes plans at a time: true once this process holds that right, until
     * released or it dies. Not blocking. `why` names the other holder's pid. */
    bool (*try_lock_execution)(struct state_store *self, struct failure *why);
    void (*unlock_execution)(struct state_store *self);
};

#endif
