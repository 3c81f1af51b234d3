/* SPDX-License-Identifier: Apache-2.0 */
/* A sorted queue and a loop that takes its first: no threads, no libuv, the same every time. */
#include "tests/support/fake_clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LATENCY_MS 5

static void enqueue(struct fake_clock *clock, struct fake_operation *operation, int64_t due_at)
{
    struct fake_operation *other;

    operation->due_at = due_at;
    TAILQ_FOREACH (other, &clock->waiting, link)
        if (other->due_at > due_at)
            break;
    if (other)
        TAILQ_INSERT_BEFORE(other, operation, link);
    else
        TAILQ_INSERT_TAIL(&clock->waiting, operation, link);
}

static void on_cancel(struct operation *handle)
{
    struct fake_operation *operation = (struct fake_operation *)handle;
    struct fake_clock *clock = operation->clock;

    if (operation->is_canceled)
        return;
    operation->is_canceled = true;
    TAILQ_REMOVE(&clock->waiting, operation, link);
    enqueue(clock, operation, clock->now);
}

static void tell(struct fake_operation *operation)
{
    struct failure canceled = {.kind = FAILURE_CANCELED, .text = "canceled"};
    bool is_canceled = operation->clock->is_dead ||
                       (operation->is_canceled && !(operation->is_kept && operation->is_effective));

    if (operation->is_wait)
        is_canceled = operation->is_canceled;
    operation->answer(operation, is_canceled               ? &canceled
                                 : operation->failure.kind ? &operation->failure
                                                           : NULL);
    if (operation->clear)
        operation->clear(operation);
    free(operation);
}

/* True when the process goes on. */
static bool pass_boundary(struct fake_clock *clock)
{
    if (clock->is_dead)
        return true;
    clock->boundaries++;
    if (clock->boundaries == clock->crash_at)
        clock->is_dead = true;
    if (clock->boundaries == clock->stop_at)
        clock->is_stopped = true;
    return !clock->is_dead && !clock->is_stopped;
}

static void take_effect(struct fake_operation *operation)
{
    bool fails_early = operation->fault.kind && !operation->is_fault_late;

    operation->is_effective = true;
    if (!fails_early && operation->effect)
        operation->effect(operation);
    if (operation->fault.kind && !(operation->is_fault_late && operation->failure.kind))
        operation->failure = operation->fault;
}

static bool run_first(struct fake_clock *clock)
{
    struct fake_operation *operation = TAILQ_FIRST(&clock->waiting);

    TAILQ_REMOVE(&clock->waiting, operation, link);
    if (operation->due_at > clock->now)
        clock->now = operation->due_at;
    if (operation->is_wait || operation->is_canceled || operation->is_effective || clock->is_dead) {
        tell(operation);
        return true;
    }
    if (!pass_boundary(clock)) {
        enqueue(clock, operation, clock->now);
        return false;
    }
    take_effect(operation);
    enqueue(clock, operation, operation->is_hanging ? INT64_MAX : clock->now + LATENCY_MS);
    return pass_boundary(clock);
}

bool fake_clock_step(struct fake_clock *clock)
{
    struct fake_operation *first = TAILQ_FIRST(&clock->waiting);

    if (!first || first->due_at == INT64_MAX)
        return false;
    run_first(clock);
    return true;
}

bool fake_clock_run_until(struct fake_clock *clock, int64_t at)
{
    struct fake_operation *first;

    while ((first = TAILQ_FIRST(&clock->waiting)) && first->due_at <= at)
        if (!run_first(clock))
            return false;
    if (clock->now < at)
        clock->now = at;
    return true;
}

/* ---- faults and the trace -------------------------------------------------------------------- */

void fake_fail(struct fake_clock *clock, struct fake_fault fault)
{
    assert(clock->fault_count < sizeof(clock->faults) / sizeof(clock->faults[0]));
    clock->faults[clock->fault_count++] = fault;
}

static void afflict(struct fake_clock *clock, struct fake_operation *operation, const char *call)
{
    for (size_t i = 0; i < clock->fault_count; i++) {
        struct fake_fault *fault = &clock->faults[i];

        if (!text_starts_with(text_of(call), text_of(fault->call)))
            continue;
        fault->seen++;
        if (fault->nth && fault->nth != fault->seen)
            continue;
        operation->is_hanging = fault->hangs;
        operation->is_fault_late = fault->after_effect;
        if (fault->kind)
            failure_set(&operation->fault, fault->kind, "injected %s of %s",
                        failure_kind_name(fault->kind), fault->call);
        operation->fault.retry_after_ms = fault->retry_after_ms;
    }
}

struct operation *fake_begin(struct fake_clock *clock, struct fake_operation *operation,
                             const char *call, void (*effect)(struct fake_operation *),
                             void (*answer)(struct fake_operation *, const struct failure *))
{
    assert(operation);
    operation->handle.cancel = on_cancel;
    operation->clock = clock;
    operation->effect = effect;
    operation->answer = answer;
    if (!clock->is_dead) {
        buffer_printf(&clock->trace, "%s\n", call);
        afflict(clock, operation, call);
    }
    enqueue(clock, operation, clock->now + LATENCY_MS);
    return &operation->handle;
}

unsigned fake_count(const struct fake_clock *clock, const char *call)
{
    struct text rest = buffer_text(&clock->trace), line;
    unsigned count = 0;

    while (text_split(&rest, '\n', &line))
        count += text_starts_with(line, text_of(call));
    return count;
}

/* ---- the clock ------------------------------------------------------------------------------- */

struct wait {
    struct fake_operation operation; /* first */
    operation_done *done;
    void *context;
};

static void on_waited(struct fake_operation *operation, const struct failure *failure)
{
    struct wait *wait = (struct wait *)operation;

    wait->done(failure, wait->context);
}

static int64_t steady(struct clock *self)
{
    return ((struct fake_clock *)self)->now - FAKE_START + 1;
}

static struct operation *after(struct clock *self, uint64_t ms, operation_done *done, void *context)
{
    struct fake_clock *clock = (struct fake_clock *)self;
    struct wait *wait = calloc(1, sizeof(*wait));

    assert(wait);
    wait->operation.handle.cancel = on_cancel;
    wait->operation.clock = clock;
    wait->operation.is_wait = true;
    wait->operation.answer = on_waited;
    wait->done = done;
    wait->context = context;
    enqueue(clock, &wait->operation, clock->now + (int64_t)ms);
    return &wait->operation.handle;
}

static int64_t now(struct clock *self)
{
    return ((struct fake_clock *)self)->now + ((struct fake_clock *)self)->wall_shift;
}

static uint32_t random_bits(struct clock *self)
{
    (void)self;
    return 0x80000000U; /* the middle of every jitter */
}

void fake_clock_init(struct fake_clock *clock)
{
    *clock = (struct fake_clock){.clock = {now, steady, after, random_bits}, .now = FAKE_START};
    TAILQ_INIT(&clock->waiting);
    buffer_init(&clock->trace, (size_t)1 << 22);
}

/* Whoever still waits is a leak of the agent's: an operation it began and did not wait for. */
void fake_clock_clear(struct fake_clock *clock)
{
    assert(TAILQ_EMPTY(&clock->waiting));
    buffer_clear(&clock->trace);
}

/* Equal values, equal fingerprints; good enough for tests (FNV-1a, drawn out). */
struct fingerprint fake_fingerprint(struct text value)
{
    struct fingerprint fingerprint;
    uint64_t hash = 1469598103934665603U;

    for (size_t i = 0; i < value.size; i++)
        hash = (hash ^ (uint8_t)value.start[i]) * 1099511628211U;
    for (size_t i = 0; i < FINGERPRINT_BYTES; i++) {
        hash = (hash ^ i) * 1099511628211U;
        fingerprint.bytes[i] = (uint8_t)(hash >> 32);
    }
    return fingerprint;
}
