/* SPDX-License-Identifier: Apache-2.0 */
/* Who is due when: a heap of due times with spread phases and jitter.
 * Virtual time: the caller says what time it is. Owns only what schedule_init() is given. */
#ifndef AGENT_CORE_SCHEDULE_H
#define AGENT_CORE_SCHEDULE_H

#include "base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A binding's place in the heap. Embedded in its owner. */
struct schedule_entry {
    int64_t due_at;
    uint32_t place; /* SCHEDULE_NOWHERE when not in the heap */
};
#define SCHEDULE_NOWHERE UINT32_MAX

struct schedule {
    struct schedule_entry **heap; /* borrowed: room for `capacity` */
    size_t count, capacity;
};

void schedule_init(struct schedule *schedule, struct schedule_entry **room, size_t capacity);
/* Adds or moves. False when full. */
must_use bool schedule_set(struct schedule *schedule, struct schedule_entry *entry, int64_t due_at);
void schedule_remove(struct schedule *schedule, struct schedule_entry *entry);
/* The earliest, or NULL. */
struct schedule_entry *schedule_first(const struct schedule *schedule);

/* The first check of the `index`th of `count`: phases spread evenly over the interval. */
int64_t schedule_phase(size_t index, size_t count, uint64_t interval_ms, int64_t now);
/* The next: interval +- 10 %, `random` any 32 bits. */
int64_t schedule_next(uint64_t interval_ms, int64_t now, uint32_t random);

#endif
