/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap whose entries know their own place, so that moving one costs no search. */
#include "agent/core/schedule.h"

static bool is_in(const struct schedule *schedule, const struct schedule_entry *entry)
{
    return entry->place < schedule->count && schedule->heap[entry->place] == entry;
}

static void put(struct schedule *schedule, size_t place, struct schedule_entry *entry)
{
    schedule->heap[place] = entry;
    entry->place = (uint32_t)place;
}

static void sift_up(struct schedule *schedule, struct schedule_entry *entry)
{
    size_t place = entry->place;

    while (place) {
        size_t parent = (place - 1) / 2;

        if (schedule->heap[parent]->due_at <= entry->due_at)
            break;
        put(schedule, place, schedule->heap[parent]);
        place = parent;
    }
    put(schedule, place, entry);
}

static void sift_down(struct schedule *schedule, struct schedule_entry *entry)
{
    size_t place = entry->place, child;

    while ((child = 2 * place + 1) < schedule->count) {
        if (child + 1 < schedule->count &&
            schedule->heap[child + 1]->due_at < schedule->heap[child]->due_at)
            child++;
        if (entry->due_at <= schedule->heap[child]->due_at)
            break;
        put(schedule, place, schedule->heap[child]);
        place = child;
    }
    put(schedule, place, entry);
}

static void sift(struct schedule *schedule, struct schedule_entry *entry)
{
    sift_up(schedule, entry);
    sift_down(schedule, entry);
}

void schedule_init(struct schedule *schedule, struct schedule_entry **room, size_t capacity)
{
    *schedule = (struct schedule){
        .heap = room,
        .capacity = capacity < SCHEDULE_NOWHERE ? capacity : SCHEDULE_NOWHERE,
    };
}

bool schedule_set(struct schedule *schedule, struct schedule_entry *entry, int64_t due_at)
{
    if (!is_in(schedule, entry)) {
        if (schedule->count == schedule->capacity)
            return false;
        put(schedule, schedule->count++, entry);
    }
    entry->due_at = due_at;
    sift(schedule, entry);
    return true;
}

void schedule_remove(struct schedule *schedule, struct schedule_entry *entry)
{
    size_t place = entry->place;
    struct schedule_entry *last;

    if (!is_in(schedule, entry))
        return;
    last = schedule->heap[--schedule->count];
    if (last != entry) {
        put(schedule, place, last);
        sift(schedule, last);
    }
    entry->place = SCHEDULE_NOWHERE;
}

struct schedule_entry *schedule_first(const struct schedule *schedule)
{
    return schedule->count ? schedule->heap[0] : NULL;
}

static int64_t later(int64_t now, uint64_t by)
{
    if (now > 0 && by > (uint64_t)(INT64_MAX - now))
        return INT64_MAX;
    return (int64_t)((uint64_t)now + by);
}

int64_t schedule_phase(size_t index, size_t count, uint64_t interval_ms, int64_t now)
{
    if (!count)
        return now;
    index %= count;
    /* In two parts, for the product of an interval and an index may not fit. */
    return later(now, interval_ms / count * index + interval_ms % count * index / count);
}

int64_t schedule_next(uint64_t interval_ms, int64_t now, uint32_t random)
{
    uint64_t span = interval_ms / 5;
    uint64_t offset = (span >> 32) * random + ((span & UINT32_MAX) * random >> 32);
    uint64_t wait = interval_ms - interval_ms / 10 + offset;

    return later(now, wait ? wait : 1);
}
