/* SPDX-License-Identifier: Apache-2.0 */
/* Listing with many waiters, regenerating, and asking who regenerated.
 *
 * A waiter that is canceled leaves the others alone; only the last one takes the request with it.
 */
#include "agent/adapters/azure_source_internal.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>
#include <sys/queue.h>

static_assert(AZURE_SLOTS <= FACT_SLOTS, "a fact has room for the slots of every kind");

/* ---- list ------------------------------------------------------------------------------------ */

struct waiter {
    struct operation operation; /* first */
    TAILQ_ENTRY(waiter) link;
    struct azure_source *source;
    struct listing *listing; /* whose answer it waits for, or NULL */
    struct operation *pause; /* until it is told what is known already */
    bool is_canceled;
    source_keys_done *done;
    void *context;
};
TAILQ_HEAD(waiters, waiter);

struct listing {
    struct azure_source *source;
    struct operation *under_way;
    struct waiters waiters;
};

static void tell(struct waiter *waiter, const struct source_keys *keys,
                 const struct failure *failure)
{
    waiter->source->in_flight--;
    waiter->done(failure ? NULL : keys, failure, waiter->context);
    memory_free(waiter);
}

static void tell_canceled(struct waiter *waiter)
{
    struct failure canceled;

    failure_set(&canceled, FAILURE_CANCELED, "canceled");
    tell(waiter, NULL, &canceled);
}

static bool make_fact(struct azure_source *source, const struct azure_keys *keys,
                      struct source_fact *ret, struct failure *why)
{
    struct source_fact fact = {
        .is_known = true,
        .at = source->clock->now(source->clock),
        .slot_count = source->port.slot_count,
    };

    memcpy(fact.slot_names, source->port.slot_names, sizeof(fact.slot_names));
    memcpy(fact.slot_groups, source->port.slot_groups, sizeof(fact.slot_groups));
    for (size_t i = 0; i < fact.slot_count; i++)
        if (!fingerprinter_make(source->fingerprinter, secret_reveal(keys->keys[i]),
                                &fact.slots[i]))
            return failure_set(why, FAILURE_INTERNAL, "no fingerprint could be made of a key");
    *ret = fact;
    return true;
}

/* From here on the listing is nobody's but ours: owners may ask anew from inside `done`. */
static void on_keys(const struct azure_keys *keys, const struct failure *failure, void *context)
{
    struct listing *listing = context;
    struct azure_source *source = listing->source;
    bool is_current = source->listing == listing;
    struct source_fact fact = {0};
    struct source_keys told = {.fact = &fact};
    struct waiter *waiter;
    struct failure why;

    if (is_current)
        source->listing = NULL;
    if (!failure && !make_fact(source, keys, &fact, &why))
        failure = &why;
    if (!failure) {
        for (size_t i = 0; i < fact.slot_count; i++)
            told.keys[i] = keys->keys[i];
        if (is_current)
            source->fact = fact;
    }
    TAILQ_FOREACH (waiter, &listing->waiters, link)
        waiter->listing = NULL;
    while ((waiter = TAILQ_FIRST(&listing->waiters))) {
        TAILQ_REMOVE(&listing->waiters, waiter, link);
        if (waiter->is_canceled)
            tell_canceled(waiter);
        else
            tell(waiter, &told, failure);
    }
    memory_free(listing);
}

static struct listing *listing_start(struct azure_source *source)
{
    struct listing *listing = memory_zeroed(1, sizeof(*listing));

    if (!listing)
        return NULL;
    TAILQ_INIT(&listing->waiters);
    listing->source = source;
    listing->under_way = azure_list_keys(source->client, source->kind, text_of(source->id),
                                         source->lane, on_keys, listing);
    if (listing->under_way)
        return listing;
    memory_free(listing);
    return NULL;
}

static void on_told_canceled(const struct failure *unused, void *context)
{
    (void)unused;
    tell_canceled(context);
}

static bool is_wanted(const struct listing *listing)
{
    const struct waiter *waiter;

    TAILQ_FOREACH (waiter, &listing->waiters, link)
        if (!waiter->is_canceled)
            return true;
    return false;
}

static void on_waiter_cancel(struct operation *operation)
{
    struct waiter *waiter = (struct waiter *)operation;
    struct listing *listing = waiter->listing;
    struct clock *clock = waiter->source->clock;

    if (waiter->is_canceled)
        return;
    waiter->is_canceled = true;
    if (!listing)
        return; /* to be told on this turn or the next */
    if (!is_wanted(listing)) {
        /* Nobody may join what is about to fail. */
        if (waiter->source->listing == listing)
            waiter->source->listing = NULL;
        operation_cancel(listing->under_way);
        return;
    }
    waiter->pause = clock->after(clock, 0, on_told_canceled, waiter);
    if (!waiter->pause)
        return; /* then it is told with the others */
    TAILQ_REMOVE(&listing->waiters, waiter, link);
    waiter->listing = NULL;
}

static bool is_fresh(struct azure_source *source, uint64_t max_age_ms)
{
    int64_t age_ms = source->clock->now(source->clock) - source->fact.at;

    return max_age_ms && source->fact.is_known && age_ms >= 0 && (uint64_t)age_ms <= max_age_ms;
}

static bool wait_for_listing(struct azure_source *source, struct waiter *waiter)
{
    if (!source->listing)
        source->listing = listing_start(source);
    if (!source->listing)
        return false;
    waiter->listing = source->listing;
    TAILQ_INSERT_TAIL(&source->listing->waiters, waiter, link);
    return true;
}

static void on_remembered(const struct failure *failure, void *context)
{
    struct waiter *waiter = context;
    struct source_fact fact = waiter->source->fact;
    struct source_keys keys = {.fact = &fact};
    struct failure why;

    waiter->pause = NULL;
    if (waiter->is_canceled || failure) {
        tell_canceled(waiter);
    } else if (fact.is_known) {
        tell(waiter, &keys, NULL);
    } else if (!wait_for_listing(waiter->source, waiter)) { /* a regeneration came between */
        failure_out_of_memory(&why);
        tell(waiter, NULL, &why);
    }
}

static struct operation *list_keys(struct key_source *self, uint64_t max_age_ms,
                                   source_keys_done *done, void *context)
{
    struct azure_source *source = (struct azure_source *)self;
    struct waiter *waiter = memory_zeroed(1, sizeof(*waiter));
    bool ok;

    if (!waiter)
        return NULL;
    waiter->operation.cancel = on_waiter_cancel;
    waiter->source = source;
    waiter->done = done;
    waiter->context = context;
    if (is_fresh(source, max_age_ms)) {
        waiter->pause = source->clock->after(source->clock, 0, on_remembered, waiter);
        ok = waiter->pause != NULL;
    } else {
        ok = wait_for_listing(source, waiter);
    }
    if (!ok) {
        memory_free(waiter);
        return NULL;
    }
    source->in_flight++;
    return &waiter->operation;
}

/* ---- regenerate, who, find_request ----------------------------------------------------------- */

struct errand {
    struct operation operation; /* first */
    struct azure_source *source;
    struct operation *under_way;
    operation_done *done;
    source_event_done *event_done;
    void *context;
};

static void on_errand_cancel(struct operation *operation)
{
    operation_cancel(((struct errand *)operation)->under_way);
}

static struct errand *errand_new(struct key_source *self, void *context)
{
    struct errand *errand = memory_zeroed(1, sizeof(*errand));

    if (!errand)
        return NULL;
    errand->operation.cancel = on_errand_cancel;
    errand->source = (struct azure_source *)self;
    errand->context = context;
    return errand;
}

static struct operation *errand_started(struct errand *errand)
{
    if (!errand->under_way) {
        memory_free(errand);
        return NULL;
    }
    errand->source->in_flight++;
    return &errand->operation;
}

/* What was listed, or asked for, before now is not what the keys are. */
static void forget_keys(struct azure_source *source)
{
    source->fact = (struct source_fact){0};
    source->listing = NULL;
}

static void on_regenerated(const struct failure *failure, void *context)
{
    struct errand *errand = context;

    forget_keys(errand->source);
    errand->source->in_flight--;
    errand->done(failure, errand->context);
    memory_free(errand);
}

static struct operation *regenerate(struct key_source *self, int slot, struct text request_id,
                                    operation_done *done, void *context)
{
    struct azure_source *source = (struct azure_source *)self;
    struct errand *errand;

    assert(slot >= 0 && (size_t)slot < self->slot_count);
    errand = errand_new(self, context);
    if (!errand)
        return NULL;
    errand->done = done;
    errand->under_way = azure_regenerate_key(source->client, source->kind, text_of(source->id),
                                             text_of(self->slot_names[slot]), request_id, 0,
                                             on_regenerated, errand);
    if (errand->under_way)
        forget_keys(source);
    return errand_started(errand);
}

static void on_event(const struct azure_key_event *event, const struct failure *failure,
                     void *context)
{
    struct errand *errand = context;
    struct source_event told = {0};

    if (event)
        told = (struct source_event){.by = event->caller,
                                     .address = event->client_address,
                                     .request_id = event->client_request_id,
                                     .at = event->at};
    errand->source->in_flight--;
    errand->event_done(event ? &told : NULL, failure, errand->context);
    memory_free(errand);
}

static struct operation *who(struct key_source *self, int64_t since_at, source_event_done *done,
                             void *context)
{
    struct azure_source *source = (struct azure_source *)self;
    struct errand *errand = errand_new(self, context);

    if (!errand)
        return NULL;
    errand->event_done = done;
    errand->under_way =
        azure_who_regenerated(source->client, text_of(source->id), since_at, on_event, errand);
    return errand_started(errand);
}

static struct operation *find_request(struct key_source *self, struct text request_id,
                                      int64_t since_at, source_event_done *done, void *context)
{
    struct azure_source *source = (struct azure_source *)self;
    struct errand *errand = errand_new(self, context);

    if (!errand)
        return NULL;
    errand->event_done = done;
    errand->under_way = azure_find_request(source->client, text_of(source->id), request_id,
                                           since_at, on_event, errand);
    return errand_started(errand);
}

/* ---- life ------------------------------------------------------------------------------------ */

const char *azure_source_other_slot(const char *kind_name, struct text slot)
{
    const struct azure_key_kind *kind = azure_key_kind_named(text_of(kind_name));

    return kind && azure_key_kind_can_regenerate(kind, slot, NULL)
               ? azure_key_kind_partner(kind, slot)
               : NULL;
}

static void fill_slots(struct key_source *port, const struct azure_key_kind *kind)
{
    const char *name;

    while (port->slot_count < FACT_SLOTS && (name = azure_key_kind_slot(kind, port->slot_count))) {
        const char *other = azure_source_other_slot(port->kind, text_of(name));
        size_t group = port->slot_count;

        for (size_t i = 0; other && i < port->slot_count; i++)
            if (text_is(text_of(port->slot_names[i]), other))
                group = i;
        port->slot_groups[port->slot_count] = (unsigned char)group;
        port->slot_names[port->slot_count++] = name;
    }
}

struct key_source *azure_source_new(struct azure_client *client,
                                    struct fingerprinter *fingerprinter, struct clock *clock,
                                    const struct azure_key_kind *kind, const char *resource_id,
                                    unsigned lane)
{
    struct azure_source *source = memory_zeroed(1, sizeof(*source));
    struct key_source *port = &source->port;

    if (!source || !(source->id = text_copy(text_of(resource_id)))) {
        memory_free(source);
        return NULL;
    }
    source->client = client;
    source->fingerprinter = fingerprinter;
    source->clock = clock;
    source->kind = kind;
    source->lane = lane;
    *port = (struct key_source){
        .kind = azure_key_kind_name(kind),
        .id = source->id,
        .list = list_keys,
        .regenerate = regenerate,
        .who = who,
        .find_request = find_request,
        .probe = azure_source_probe,
    };
    fill_slots(port, kind);
    return port;
}

struct key_source *azure_source_free(struct key_source *port)
{
    struct azure_source *source = (struct azure_source *)port;

    if (!source)
        return NULL;
    assert(!source->in_flight);
    memory_free(source->scoring_uri);
    memory_free(source->id);
    memory_free(source);
    return NULL;
}
