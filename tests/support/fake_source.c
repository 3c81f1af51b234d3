/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fake_source.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct call {
    struct fake_operation operation; /* first */
    struct fake_source *source;
    void *context;
    union {
        source_keys_done *keys;
        operation_done *plain;
        source_event_done *event;
        source_probe_done *probe;
    } done;
    bool is_from_memory;
    char seen[FACT_SLOTS][FAKE_KEY_SIZE]; /* at the moment of the effect */
    int64_t at;
    int slot;
    char request_id[40], key[FAKE_KEY_SIZE];
    int64_t since;
    bool has_event;
    enum probe_result result;
};

static struct call *call_new(struct key_source *self, void *context)
{
    struct call *call = calloc(1, sizeof(*call));

    assert(call);
    call->source = (struct fake_source *)self;
    call->context = context;
    return call;
}

/* ---- list ------------------------------------------------------------------------------------ */

static void list_effect(struct fake_operation *operation)
{
    struct call *call = (struct call *)operation;
    struct fake_source *source = call->source;
    bool is_stale = source->stale_lists > 0;

    memcpy(call->seen, is_stale ? source->shown : source->keys, sizeof(call->seen));
    if (is_stale)
        source->stale_lists--;
    call->at = source->clock->now;
}

static void list_answer(struct fake_operation *operation, const struct failure *failure)
{
    struct call *call = (struct call *)operation;
    struct source_fact fact = {
        .is_known = true, .at = call->at, .slot_count = call->source->port.slot_count};
    struct source_keys keys = {.fact = &fact};
    struct secret *secrets[FACT_SLOTS] = {NULL};

    if (failure) {
        call->done.keys(NULL, failure, call->context);
        return;
    }
    for (size_t i = 0; i < fact.slot_count; i++) {
        fact.slot_names[i] = call->source->port.slot_names[i];
        fact.slots[i] = fake_fingerprint(text_of(call->seen[i]));
        if (!call->is_from_memory)
            keys.keys[i] = secrets[i] = secret_new(text_of(call->seen[i]));
    }
    call->done.keys(&keys, NULL, call->context);
    for (size_t i = 0; i < fact.slot_count; i++)
        secret_free(secrets[i]);
}

static struct operation *list(struct key_source *self, uint64_t max_age_ms, source_keys_done *done,
                              void *context)
{
    struct call *call = call_new(self, context);

    call->done.keys = done;
    call->is_from_memory = max_age_ms > 0;
    return fake_begin(call->source->clock, &call->operation,
                      max_age_ms ? "source.list remembered" : "source.list", list_effect,
                      list_answer);
}

/* ---- regenerate ------------------------------------------------------------------------------ */

static void new_key(struct fake_source *source, int slot)
{
    memcpy(source->shown, source->keys, sizeof(source->shown));
    snprintf(source->keys[slot], FAKE_KEY_SIZE, "key-%s-%u", source->port.slot_names[slot],
             ++source->number);
}

static void regenerate_effect(struct fake_operation *operation)
{
    struct call *call = (struct call *)operation;
    struct fake_source *source = call->source;

    new_key(source, call->slot);
    source->regenerated[call->slot]++;
    snprintf(source->log_by, sizeof(source->log_by), "keydrift");
    snprintf(source->log_request, sizeof(source->log_request), "%s", call->request_id);
    source->log_at = source->clock->now;
}

static void plain_answer(struct fake_operation *operation, const struct failure *failure)
{
    struct call *call = (struct call *)operation;

    call->done.plain(failure, call->context);
}

static struct operation *regenerate(struct key_source *self, int slot, struct text request_id,
                                    operation_done *done, void *context)
{
    struct call *call = call_new(self, context);
    char name[64];

    call->done.plain = done;
    call->slot = slot;
    snprintf(call->request_id, sizeof(call->request_id), "%.*s", TEXT_ARG(request_id));
    snprintf(name, sizeof(name), "source.regenerate %s", self->slot_names[slot]);
    return fake_begin(call->source->clock, &call->operation, name, regenerate_effect, plain_answer);
}

void fake_source_regenerate(struct fake_source *source, int slot, const char *by)
{
    new_key(source, slot);
    snprintf(source->log_by, sizeof(source->log_by), "%s", by);
    snprintf(source->log_request, sizeof(source->log_request), "somebody-else");
    source->log_at = source->clock->now;
}

/* ---- the log --------------------------------------------------------------------------------- */

static void log_effect(struct fake_operation *operation)
{
    struct call *call = (struct call *)operation;
    struct fake_source *source = call->source;

    call->has_event = source->log_by[0] && source->clock->now >= source->log_from &&
                      source->log_at >= call->since &&
                      (!call->request_id[0] || strcmp(call->request_id, source->log_request) == 0);
}

static void log_answer(struct fake_operation *operation, const struct failure *failure)
{
    struct call *call = (struct call *)operation;
    struct fake_source *source = call->source;
    struct source_event event = {.by = text_of(source->log_by),
                                 .address = TEXT("192.0.2.7"),
                                 .request_id = text_of(source->log_request),
                                 .at = source->log_at};

    call->done.event(!failure && call->has_event ? &event : NULL, failure, call->context);
}

static struct operation *who(struct key_source *self, int64_t since_at, source_event_done *done,
                             void *context)
{
    struct call *call = call_new(self, context);

    call->done.event = done;
    call->since = since_at;
    return fake_begin(call->source->clock, &call->operation, "source.who", log_effect, log_answer);
}

static struct operation *find_request(struct key_source *self, struct text request_id,
                                      int64_t since_at, source_event_done *done, void *context)
{
    struct call *call = call_new(self, context);

    call->done.event = done;
    call->since = since_at;
    snprintf(call->request_id, sizeof(call->request_id), "%.*s", TEXT_ARG(request_id));
    return fake_begin(call->source->clock, &call->operation, "source.find_request", log_effect,
                      log_answer);
}

/* ---- callers --------------------------------------------------------------------------------- */

static void probe_effect(struct fake_operation *operation)
{
    struct call *call = (struct call *)operation;
    struct fake_source *source = call->source;

    call->result = source->bad;
    for (size_t i = 0; i < source->port.slot_count; i++)
        if (strcmp(call->key, source->keys[i]) == 0)
            call->result = source->good;
    if (source->red_probes) {
        source->red_probes--;
        call->result = PROBE_REFUSED;
    }
}

static void probe_answer(struct fake_operation *operation, const struct failure *failure)
{
    struct call *call = (struct call *)operation;
    struct probe probe = {.result = call->result,
                          .http_status = call->result == PROBE_REFUSED ? 401 : 200,
                          .reason =
                              call->result == PROBE_REFUSED ? TEXT("unauthorized") : TEXT("OK")};

    call->done.probe(failure ? NULL : &probe, failure, call->context);
}

static struct operation *probe(struct key_source *self, const struct secret *key, struct text body,
                               struct text content_type, source_probe_done *done, void *context)
{
    struct call *call = call_new(self, context);
    char name[64];

    (void)body;
    (void)content_type;
    call->done.probe = done;
    snprintf(call->key, sizeof(call->key), "%.*s", TEXT_ARG(secret_reveal(key)));
    snprintf(name, sizeof(name), "source.probe %s", call->key);
    return fake_begin(call->source->clock, &call->operation, name, probe_effect, probe_answer);
}

void fake_source_init(struct fake_source *source, struct fake_clock *clock)
{
    *source = (struct fake_source){.port = {.kind = "azureml-online-endpoint",
                                            .id = "/subscriptions/s/endpoints/nachet",
                                            .slot_count = 2,
                                            .slot_names = {"primary", "secondary"},
                                            .list = list,
                                            .regenerate = regenerate,
                                            .who = who,
                                            .find_request = find_request,
                                            .probe = probe},
                                   .clock = clock,
                                   .number = 2,
                                   .good = PROBE_WORKS,
                                   .bad = PROBE_REFUSED};
    strcpy(source->keys[0], "key-primary-1");
    strcpy(source->keys[1], "key-secondary-2");
}
