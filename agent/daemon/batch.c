/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers what must be durable together, and notices when the store no longer takes it. */
#include "agent/daemon/internal.h"

#include "agent/daemon/log.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

void batch_init(struct batch *batch)
{
    memset(batch, 0, sizeof(*batch));
}

void batch_clear(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        for (size_t part = 0; part < 3; part++)
            memory_free(batch->owned[i][part]);
    batch_init(batch);
}

static bool keep(struct batch *batch, size_t part, const char *string)
{
    char *copy = text_copy(text_of(string));

    batch->owned[batch->count][part] = copy;
    return copy != NULL;
}

void batch_add(struct batch *batch, enum change_verb verb, enum record_kind kind, const char *id,
               const char *parent, int64_t at, json_t *body)
{
    struct change *change;
    char *text = body ? json_write_string(body, false) : text_copy(TEXT(""));

    json_decref(body);
    if (batch->count == BATCH_MAX || !text || (!body && verb != CHANGE_DELETE)) {
        memory_free(text);
        batch->is_broken = true;
        return;
    }
    batch->owned[batch->count][2] = text;
    if (!keep(batch, 0, id) || !keep(batch, 1, parent))
        batch->is_broken = true;
    change = &batch->changes[batch->count];
    *change = (struct change){.verb = verb, .kind = kind, .at = at};
    change->id = text_of(batch->owned[batch->count][0]);
    change->parent = text_of(batch->owned[batch->count][1]);
    change->body = text_of(text);
    batch->count++;
}

void batch_note(struct batch *batch, const char *parent, int64_t at, const char *event,
                const char *text)
{
    batch_add(batch, CHANGE_INSERT, RECORD_TIMELINE, "", parent, at,
              json_pack("{s:o,s:s,s:o}", "at", json_of_instant(at), "event", event, "text",
                        json_of_string(text)));
}

void batch_audit(struct batch *batch, const struct agent *agent, const char *event,
                 struct text actor, const char *binding, const char *plan_id, json_t *detail)
{
    int64_t now = agent_now(agent);

    batch_add(batch, CHANGE_INSERT, RECORD_AUDIT, "", "", now,
              json_pack("{s:s,s:o,s:o,s:o,s:o}", "what", event, "actor", json_of_text(actor),
                        "binding", json_of_string(binding), "plan", json_of_string(plan_id),
                        "detail", detail ? detail : json_null()));
}

/* ---- committing ------------------------------------------------------------------------------ */

struct commit {
    struct job job;
    struct operation *operation;
    operation_done *done;
    void *context;
    uint64_t alerts;
};

/* A commit is never taken back: closing waits for the disk, which is quick or fails. */
static void commit_cancel(struct job *job)
{
    (void)job;
}

static void remember(struct agent *agent, const struct failure *failure)
{
    if (failure && failure->kind == FAILURE_INTERNAL) {
        if (!agent->store_why)
            log_error("state cannot be written", FIELD("why", failure->text));
        memory_free(agent->store_why);
        agent->store_why = text_copy(text_of(failure->text));
    } else if (agent->store_why) {
        log_info("state can be written again", FIELD("why", "the last commit succeeded"));
        memory_free(agent->store_why);
        agent->store_why = NULL;
    }
}

static void commit_end(struct commit *commit, const struct failure *failure)
{
    outbox_release(commit->job.agent->outbox, commit->alerts);
    if (commit->done)
        commit->done(failure, commit->context);
    job_end(&commit->job);
    memory_free(commit);
}

static void on_committed(const struct failure *failure, void *context)
{
    struct commit *commit = context;
    struct agent *agent = commit->job.agent;

    remember(agent, failure);
    commit_end(commit, failure);
}

static void on_no_store(const struct failure *unused, void *context)
{
    struct commit *commit = context;
    struct agent *agent = commit->job.agent;
    struct failure why = {0};

    (void)unused;
    failure_set(&why, FAILURE_INTERNAL, "%s",
                agent->settings.store_why ? agent->settings.store_why : "there is no state store");
    commit_end(commit, &why);
}

bool batch_commit(struct batch *batch, struct agent *agent, operation_done *done, void *context)
{
    struct state_store *store = agent->settings.store;
    uint64_t alerts = batch->alerts;
    struct commit *commit;

    if (batch->is_broken || !(commit = memory_zeroed(1, sizeof(*commit)))) {
        log_error("state not written", FIELD("why", "out of memory"));
        batch_clear(batch);
        outbox_release(agent->outbox, alerts);
        return false;
    }
    commit->alerts = alerts;
    commit->done = done;
    commit->context = context;
    if (store)
        commit->operation =
            store->commit(store, batch->changes, batch->count, on_committed, commit);
    else
        commit->operation = agent->clock->after(agent->clock, 0, on_no_store, commit);
    batch_clear(batch);
    if (!commit->operation) {
        memory_free(commit);
        outbox_release(agent->outbox, alerts);
        return false;
    }
    job_begin(&commit->job, agent, commit_cancel);
    return true;
}
