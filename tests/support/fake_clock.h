/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual time, and the one queue through which every fake port answers.
 *
 * An operation has two moments: its effect takes place, then its answer arrives. Before each of the
 * two the process may be killed (`crash_at` counts these boundaries), so a test can loop over all
 * of them. A killed agent is a ghost: it is closed to free its memory, and nothing it still does
 * has an effect.
 */
#ifndef TESTS_SUPPORT_FAKE_CLOCK_H
#define TESTS_SUPPORT_FAKE_CLOCK_H

#include "agent/core/fingerprint.h"
#include "agent/ports/clock.h"
#include "base/buffer.h"

#include <sys/queue.h>

#define FAKE_START 1767225600000 /* 2026-01-01T00:00:00Z */

/* The `nth` call (counted from 1; 0: every one) whose name begins with `call` fails so. */
struct fake_fault {
    const char *call;
    unsigned nth;
    enum failure_kind kind; /* FAILURE_NONE with `hangs`: no answer until canceled */
    bool after_effect;      /* it was carried out, only the answer is lost */
    bool hangs;
    uint32_t retry_after_ms;
    unsigned seen;
};

struct fake_operation {
    struct operation handle; /* first */
    TAILQ_ENTRY(fake_operation) link;
    struct fake_clock *clock;
    int64_t due_at;
    bool is_effective; /* its effect took place, or never will */
    bool is_canceled, is_hanging;
    bool is_kept; /* a cancel comes too late once it took place */
    bool is_wait; /* of the clock itself: no boundary */
    struct failure failure, fault;
    bool is_fault_late;
    void (*effect)(struct fake_operation *operation); /* may set `failure` */
    void (*answer)(struct fake_operation *operation, const struct failure *failure);
    void (*clear)(struct fake_operation *operation);
};
TAILQ_HEAD(fake_operations, fake_operation);

struct fake_clock {
    struct clock clock; /* first */
    int64_t now;
    int64_t wall_shift; /* the wall clock was set back or forth by this much */
    struct fake_operations waiting;
    unsigned boundaries, crash_at, stop_at;
    bool is_dead;    /* what still runs is a ghost */
    bool is_stopped; /* the boundary `stop_at` was reached, nobody was killed */
    struct fake_fault faults[8];
    size_t fault_count;
    struct buffer trace; /* a line for each call that was begun */
};

void fake_clock_init(struct fake_clock *clock);
void fake_clock_clear(struct fake_clock *clock);
/* Runs what is due until then; false when a kill or stop came first. */
bool fake_clock_run_until(struct fake_clock *clock, int64_t at);
/* One event, however far away. False: there was none. */
bool fake_clock_step(struct fake_clock *clock);

void fake_fail(struct fake_clock *clock, struct fake_fault fault);
/* For the fakes: `operation` was callocated and is freed here. `call`: its name in the trace and
 * for faults. */
struct operation *fake_begin(struct fake_clock *clock, struct fake_operation *operation,
                             const char *call, void (*effect)(struct fake_operation *),
                             void (*answer)(struct fake_operation *, const struct failure *));
/* How often a line beginning with `call` is in the trace. */
unsigned fake_count(const struct fake_clock *clock, const char *call);

struct fingerprint fake_fingerprint(struct text value);

#endif
