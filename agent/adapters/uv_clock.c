/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits stands in a binary heap, the next one at its top; a canceled wait is due at once. Times
 * are of the monotonic clock itself: the loop's own is as old as this turn, so that a wait would
 * end early. */
#include "agent/adapters/uv_clock.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#define NS_PER_MS ((uint64_t)1000000)
#define NOWHERE   SIZE_MAX

struct wait {
    struct operation operation;
    struct uv_clock *home;
    size_t place; /* in the heap, or NOWHERE once it is being told */
    uint64_t due_ns;
    uint64_t number; /* among those due together, first come, first served */
    bool is_canceled;
    operation_done *done;
    void *context;
};

struct uv_clock {
    struct clock clock;
    uv_timer_t timer;
    bool is_closing;
    struct wait **heap;
    size_t count, capacity;
    uint64_t last_number;
    void (*closed)(void *context);
    void *closed_context;
};

/* ---- the heap -------------------------------------------------------------------------------- */

static bool is_before(const struct wait *a, const struct wait *b)
{
    return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->number < b->number);
}

static void put(struct uv_clock *clock, size_t place, struct wait *wait)
{
    clock->heap[place] = wait;
    wait->place = place;
}

static void rise(struct uv_clock *clock, struct wait *wait)
{
    size_t place = wait->place;

    while (place && is_before(wait, clock->heap[(place - 1) / 2])) {
        put(clock, place, clock->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(clock, place, wait);
}

static void sink(struct uv_clock *clock, struct wait *wait)
{
    size_t place = wait->place, child;

    while ((child = 2 * place + 1) < clock->count) {
        if (child + 1 < clock->count && is_before(clock->heap[child + 1], clock->heap[child]))
            child++;
        if (!is_before(clock->heap[child], wait))
            break;
        put(clock, place, clock->heap[child]);
        place = child;
    }
    put(clock, place, wait);
}

static struct wait *take_first(struct uv_clock *clock)
{
    struct wait *first = clock->heap[0];

    clock->count--;
    if (clock->count) {
        put(clock, 0, clock->heap[clock->count]);
        sink(clock, clock->heap[0]);
    }
    first->place = NOWHERE;
    return first;
}

static bool add(struct uv_clock *clock, struct wait *wait)
{
    if (clock->count == clock->capacity) {
        size_t capacity = clock->capacity ? clock->capacity * 2 : 16;
        struct wait **heap = memory_resize(clock->heap, capacity * sizeof(struct wait *));

        if (!heap)
            return false;
        clock->heap = heap;
        clock->capacity = capacity;
    }
    wait->place = clock->count++;
    rise(clock, wait);
    return true;
}

/* ---- the timer ------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);
static void on_closed(uv_handle_t *handle);

/* At least 1: before libuv 1.48 a zero timer set from a timer callback starves the loop. */
static void arm(struct uv_clock *clock)
{
    uint64_t now = uv_hrtime(), left_ns = 0;

    if (uv_is_closing((uv_handle_t *)&clock->timer))
        return;
    if (!clock->count) {
        uv_timer_stop(&clock->timer);
        if (clock->is_closing)
            uv_close((uv_handle_t *)&clock->timer, on_closed);
        return;
    }
    if (clock->heap[0]->due_ns > now)
        left_ns = clock->heap[0]->due_ns - now - 1;
    uv_update_time(clock->timer.loop);
    uv_timer_start(&clock->timer, on_timer, left_ns / NS_PER_MS + 1, 0);
}

static void wait_end(struct wait *wait)
{
    struct failure why = {0};

    if (wait->is_canceled)
        failure_set(&why, FAILURE_CANCELED, "canceled");
    wait->done(wait->is_canceled ? &why : NULL, wait->context);
    memory_free(wait);
}

/* Who begins to wait meanwhile waits for the next turn. */
static void on_timer(uv_timer_t *timer)
{
    struct uv_clock *clock = timer->data;
    uint64_t now = uv_hrtime(), last_number = clock->last_number;

    while (clock->count && clock->heap[0]->due_ns <= now && clock->heap[0]->number <= last_number)
        wait_end(take_first(clock));
    arm(clock);
}

static void on_closed(uv_handle_t *handle)
{
    struct uv_clock *clock = handle->data;
    void (*closed)(void *context) = clock->closed;
    void *context = clock->closed_context;

    memory_free(clock->heap);
    memory_free(clock);
    closed(context);
}

/* ---- the port -------------------------------------------------------------------------------- */

static int64_t now(struct clock *self)
{
    struct timespec time;

    (void)self;
    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / (long)NS_PER_MS;
}

static int64_t steady(struct clock *self)
{
    (void)self;
    return (int64_t)(uv_hrtime() / NS_PER_MS);
}

static void on_cancel(struct operation *operation)
{
    struct wait *wait = (struct wait *)operation;

    if (wait->place == NOWHERE)
        return;
    wait->is_canceled = true;
    wait->due_ns = 0;
    rise(wait->home, wait);
    arm(wait->home);
}

static uint64_t due_after(uint64_t ms)
{
    uint64_t now_ns = uv_hrtime();

    return ms > (UINT64_MAX - now_ns) / NS_PER_MS ? UINT64_MAX : now_ns + ms * NS_PER_MS;
}

static struct operation *after(struct clock *self, uint64_t ms, operation_done *done, void *context)
{
    struct uv_clock *clock = (struct uv_clock *)self;
    struct wait *wait = clock->is_closing ? NULL : memory_zeroed(1, sizeof(*wait));

    if (!wait)
        return NULL;
    *wait = (struct wait){
        .operation.cancel = on_cancel,
        .home = clock,
        .due_ns = due_after(ms),
        .number = ++clock->last_number,
        .done = done,
        .context = context,
    };
    if (!add(clock, wait)) {
        memory_free(wait);
        return NULL;
    }
    if (clock->heap[0] == wait)
        arm(clock);
    return &wait->operation;
}

/* Jitter needs no more when the system gives none. */
static uint32_t random_bits(struct clock *self)
{
    uint32_t bits;

    (void)self;
    if (getrandom(&bits, sizeof(bits), 0) != (ssize_t)sizeof(bits))
        bits = (uint32_t)uv_hrtime();
    return bits;
}

struct clock *uv_clock_open(uv_loop_t *loop)
{
    struct uv_clock *clock = memory_zeroed(1, sizeof(*clock));

    if (!clock)
        return NULL;
    clock->clock = (struct clock){now, steady, after, random_bits};
    uv_timer_init(loop, &clock->timer);
    clock->timer.data = clock;
    return &clock->clock;
}

void uv_clock_close(struct clock *self, void (*closed)(void *context), void *context)
{
    struct uv_clock *clock = (struct uv_clock *)self;

    assert(!clock->is_closing);
    clock->is_closing = true;
    clock->closed = closed;
    clock->closed_context = context;
    for (size_t i = 0; i < clock->count; i++) {
        clock->heap[i]->is_canceled = true;
        clock->heap[i]->due_ns = 0;
    }
    /* All equally due: in the order in which they began to wait. */
    for (size_t i = clock->count / 2; i-- > 0;)
        sink(clock, clock->heap[i]);
    arm(clock);
}
