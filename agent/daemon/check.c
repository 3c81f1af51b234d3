/* SPDX-License-Identifier: Apache-2.0 */
/* Reads both sides of a binding at the same time and judges what they say. */
#include "agent/daemon/internal.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

struct check {
    struct job job; /* first */
    struct binding *binding;
    bool is_decisive;
    unsigned pending;
    struct operation *reading_source, *reading_copy, *giving_up;
    struct source_fact source;
    struct copy_fact copy;
    char source_why[sizeof(((struct failure *)0)->text)];
    char copy_why[sizeof(((struct failure *)0)->text)];
    struct secret *keys[FACT_SLOTS], *value;
    uint32_t retry_after_ms;
    bool is_canceled;
    check_done *done;
    void *context;
};

/* The binding remembers the last facts; their sentences must live as long. */
static void remember(struct binding *binding, const struct check *check,
                     const struct judgement *judgement, int64_t now)
{
    memory_free(binding->source_why);
    memory_free(binding->copy_why);
    binding->source_fact = check->source;
    binding->copy_fact = check->copy;
    binding->source_fact.why = binding->source_why =
        check->source.why ? text_copy(text_of(check->source.why)) : NULL;
    binding->copy_fact.why = binding->copy_why =
        check->copy.why ? text_copy(text_of(check->copy.why)) : NULL;
    binding->judgement = *judgement;
    binding->checked_at = now;
    if (verdict_in_sync(judgement->verdict) == 1)
        binding->known_good_at = now;
}

static void finish(struct check *check)
{
    struct binding *binding = check->binding;
    struct check_result result = {.binding = binding,
                                  .source = check->source,
                                  .copy = check->copy,
                                  .value = check->value,
                                  .retry_after_ms = check->retry_after_ms,
                                  .is_canceled = check->is_canceled};

    result.judgement = judge(&check->source, &check->copy, binding->config->slot);
    memcpy(result.keys, check->keys, sizeof(result.keys));
    if (!check->is_canceled)
        remember(binding, check, &result.judgement, agent_now(check->job.agent));
    check->done(&result, check->context);
    for (size_t i = 0; i < FACT_SLOTS; i++)
        secret_free(check->keys[i]);
    secret_free(check->value);
    job_end(&check->job);
    memory_free(check);
}

static void side_done(struct check *check, const struct failure *failure)
{
    if (failure && failure->kind == FAILURE_CANCELED)
        check->is_canceled = true;
    if (failure && failure->retry_after_ms > check->retry_after_ms)
        check->retry_after_ms = failure->retry_after_ms;
    if (--check->pending == 0)
        finish(check);
}

static void source_failed(struct check *check, const char *why)
{
    struct key_source *source = check->binding->source;

    snprintf(check->source_why, sizeof(check->source_why), "%s", why);
    check->source = (struct source_fact){.at = agent_now(check->job.agent),
                                         .slot_count = source->slot_count,
                                         .why = check->source_why};
    memcpy(check->source.slot_names, source->slot_names, sizeof(source->slot_names));
    memcpy(check->source.slot_groups, source->slot_groups, sizeof(source->slot_groups));
}

static void copy_failed(struct check *check, const char *why)
{
    snprintf(check->copy_why, sizeof(check->copy_why), "%s", why);
    check->copy = (struct copy_fact){
        .state = COPY_UNKNOWN, .at = agent_now(check->job.agent), .why = check->copy_why};
}

static void on_source(const struct source_keys *keys, const struct failure *failure, void *context)
{
    struct check *check = context;

    check->reading_source = NULL;
    if (failure) {
        source_failed(check, failure->text);
        side_done(check, failure);
        return;
    }
    check->source = *keys->fact;
    for (size_t i = 0; check->is_decisive && i < keys->fact->slot_count; i++)
        if (keys->keys[i] && !(check->keys[i] = secret_copy(keys->keys[i])))
            source_failed(check, "out of memory");
    side_done(check, NULL);
}

static void on_copy(const struct copy_fact *fact, const struct secret *value,
                    const struct failure *failure, void *context)
{
    struct check *check = context;

    check->reading_copy = NULL;
    if (failure) {
        copy_failed(check, failure->text);
        side_done(check, failure);
        return;
    }
    check->copy = *fact;
    if (fact->why) {
        snprintf(check->copy_why, sizeof(check->copy_why), "%s", fact->why);
        check->copy.why = check->copy_why;
    }
    if (check->is_decisive && value && !(check->value = secret_copy(value)))
        copy_failed(check, "out of memory");
    side_done(check, NULL);
}

static void on_nothing_started(const struct failure *unused, void *context)
{
    struct check *check = context;

    (void)unused;
    check->giving_up = NULL;
    finish(check);
}

static void check_cancel(struct job *job)
{
    struct check *check = (struct check *)job;

    operation_cancel(check->reading_source);
    operation_cancel(check->reading_copy);
    operation_cancel(check->giving_up);
}

struct job *check_start(struct agent *agent, struct binding *binding, bool is_decisive,
                        check_done *done, void *context)
{
    struct check *check = memory_zeroed(1, sizeof(*check));
    struct key_source *source = binding->source;
    struct secret_copy *copy = binding->copy;
    /* Bindings on one endpoint share what one of them just learned. */
    uint64_t max_age_ms = is_decisive ? 0 : binding->config->interval_ms / 2;

    if (!check)
        return NULL;
    check->job.agent = agent;
    check->binding = binding;
    check->is_decisive = is_decisive;
    check->done = done;
    check->context = context;
    check->reading_source = source->list(source, max_age_ms, on_source, check);
    check->reading_copy = copy->read(copy, is_decisive, on_copy, check);
    if (check->reading_source)
        check->pending++;
    else
        source_failed(check, "out of memory");
    if (check->reading_copy)
        check->pending++;
    else
        copy_failed(check, "out of memory");
    if (check->pending == 0)
        check->giving_up = agent->clock->after(agent->clock, 0, on_nothing_started, check);
    if (check->pending == 0 && !check->giving_up) {
        memory_free(check);
        return NULL;
    }
    job_begin(&check->job, agent, check_cancel);
    return &check->job;
}
