/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one divergence, as a table [state][event] -> {state, actions}. `blind` runs beside it
 * for what cannot be read. Pure: the caller brings verdicts and the time, and carries out the
 * actions. */
#ifndef AGENT_CORE_INCIDENT_H
#define AGENT_CORE_INCIDENT_H

#include "agent/core/verdict.h"
#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

enum incident_state {
    INCIDENT_HEALTHY,
    INCIDENT_SUSPECTED,   /* one read says so; being confirmed */
    INCIDENT_OPEN,        /* confirmed; alert is firing */
    INCIDENT_REPAIRING,   /* a plan is being executed */
    INCIDENT_RECOVERING,  /* in sync again; being confirmed before it is resolved */
    INCIDENT_NEEDS_HUMAN, /* a repair failed half-way */
    INCIDENT_STATES
};

enum incident_event {
    EVENT_IN_SYNC,
    EVENT_IN_SYNC_CONFIRMED, /* `confirm` consecutive reads say so */
    EVENT_DRIFT,
    EVENT_DRIFT_CONFIRMED,
    EVENT_UNKNOWN, /* changes nothing here; `blind` handles it */
    EVENT_REPEAT_DUE,
    EVENT_REPAIR_STARTED,
    EVENT_REPAIR_SUCCEEDED,
    EVENT_REPAIR_FAILED,
    EVENT_REPAIR_STUCK, /* begun, not ended, and standing still for too long */
    INCIDENT_EVENTS
};

enum incident_action {
    ACTION_CHECK_SOON = 1 << 0, /* again after `confirm_delay_ms`, not after the interval */
    ACTION_OPEN = 1 << 1,       /* make the incident record */
    ACTION_ALERT_FIRING = 1 << 2,
    ACTION_ALERT_REPEATED = 1 << 3,
    ACTION_ALERT_RESOLVED = 1 << 4, /* and close the incident record */
    ACTION_FIND_CULPRIT = 1 << 5,
    ACTION_PROPOSE = 1 << 6, /* where the policy says so */
    ACTION_NOTE = 1 << 7,    /* a line in the timeline */
};

struct incident_step {
    enum incident_state next;
    unsigned actions;
};

/* Total: every cell is filled; a cell that changes nothing says so with its own state and no
 * actions. */
struct incident_step incident_step(enum incident_state state, enum incident_event event);
const char *incident_state_name(enum incident_state state);
const char *incident_event_name(enum incident_event event);
must_use bool incident_state_parse(struct text name, enum incident_state *ret);
/* The table as a Mermaid stateDiagram, kept in docs/incident.md. */
bool incident_diagram(struct buffer *out);

/* ---- counting reads -------------------------------------------------------------------------- */

struct watch_policy {
    unsigned confirm; /* consecutive equal reads before a change is believed; at least 1 */
    uint64_t confirm_delay_ms;
    uint64_t repeat_ms;      /* an open incident alerts again after this; 0: never */
    uint64_t blind_after_ms; /* unknown for this long is an alert of its own */
};

struct watch {
    enum incident_state state;
    enum verdict verdict;  /* the one the run below is about */
    unsigned run;          /* consecutive reads with this verdict */
    int64_t since;         /* first read of the present divergence; 0: none */
    int64_t alerted_at;    /* last firing or repeat; 0: none */
    int64_t unknown_since; /* 0: we can see */
    bool is_blind;         /* the blind alert is firing */
};

enum blind_change { BLIND_NO_CHANGE, BLIND_BEGINS, BLIND_ENDS };

struct watch_outcome {
    unsigned actions; /* enum incident_action */
    enum incident_state before;
    enum blind_change blind;
};

/* One more read. Unknown never moves the incident and resets no count towards drift, but interrupts
 * a run towards in sync. A change between two kinds of drift keeps the incident and starts no new
 * one. */
struct watch_outcome watch_read(struct watch *watch, enum verdict verdict,
                                const struct watch_policy *policy, int64_t now);
/* Something happened to its repair. */
struct watch_outcome watch_repair(struct watch *watch, enum incident_event event, int64_t now);

#endif
