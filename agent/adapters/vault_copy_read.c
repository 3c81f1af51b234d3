/* SPDX-License-Identifier: Apache-2.0 */
/* A read is one or two questions: which version is there, and, when that is not the one we know,
 * what does it hold? Both must speak of the same version. What contradicts itself, or is older than
 * what was seen before, is asked once more and then refused: it comes from a replica that lags. */
#include "agent/adapters/vault_copy_internal.h"

#include "base/memory.h"

#include <time.h>

static const char no_string[] = "it is there, but not a string";

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct reading {
    struct vault_errand errand; /* first */
    bool is_decisive;
    bool is_second_go;
    struct vault_version seen; /* by the metadata */
    copy_read_done *done;
};

static bool ask_metadata(struct reading *reading);

static void end(struct reading *reading, const struct copy_fact *fact, const struct secret *value,
                const struct failure *failure)
{
    reading->errand.copy->in_flight--;
    reading->done(failure ? NULL : fact, failure ? NULL : value, failure, reading->errand.context);
    memory_free(reading);
}

static void fail(struct reading *reading, const struct failure *failure)
{
    struct failure canceled;

    if (reading->errand.is_canceled) {
        failure_set(&canceled, FAILURE_CANCELED, "canceled");
        failure = &canceled;
    }
    end(reading, NULL, NULL, failure);
}

static void fail_out_of_memory(struct reading *reading)
{
    struct failure why;

    failure_out_of_memory(&why);
    fail(reading, &why);
}

static void remember(struct vault_copy *copy, const struct copy_fact *fact)
{
    copy->state = fact->state;
    copy->version = fact->version;
    copy->value = fact->value;
    copy->is_no_string = fact->why != NULL;
    copy->is_connection_string = copy->is_connection_string && fact->state == COPY_PRESENT;
    vault_copy_note_newest(copy, &fact->version, fact->state == COPY_DESTROYED);
}

/* A destroyed version stays destroyed, so one that is back is an old picture of it. */
static bool is_stale(const struct vault_copy *copy, const struct copy_version *version,
                     bool is_destroyed)
{
    if (copy_version_is_older(version, &copy->newest))
        return true;
    return copy->newest_is_destroyed && !is_destroyed && copy_version_equal(version, &copy->newest);
}

static void refuse_stale(struct reading *reading, const struct copy_version *version)
{
    const struct vault_copy *copy = reading->errand.copy;
    struct failure why;

    failure_set(&why, FAILURE_REMOTE,
                "vault %s: %s/%s: a stale replica answered: it told version %u after version %u "
                "had been seen",
                copy->port.address, copy->port.mount, copy->port.path, version->number,
                copy->newest.number);
    fail(reading, &why);
}

/* What a replica says again is refused in the end; what merely changed meanwhile is right by then.
 */
static void refuse_contradiction(struct reading *reading, const char *what)
{
    const struct vault_copy *copy = reading->errand.copy;
    struct failure why;

    if (!reading->is_second_go && !reading->errand.is_canceled) {
        reading->is_second_go = true;
        if (!ask_metadata(reading))
            fail_out_of_memory(reading);
        return;
    }
    failure_set(&why, FAILURE_REMOTE,
                "vault %s: %s/%s: its metadata tell version %u, but %s: a stale replica answered, "
                "or the secret changes all the time",
                copy->port.address, copy->port.mount, copy->port.path, reading->seen.version, what);
    fail(reading, &why);
}

/* The one way to success. Another read may have seen something newer while this one was under way.
 */
static void succeed(struct reading *reading, struct copy_fact fact, const struct secret *value)
{
    struct vault_copy *copy = reading->errand.copy;

    if (is_stale(copy, &fact.version, fact.state == COPY_DESTROYED)) {
        refuse_contradiction(reading, "meanwhile a newer one was seen");
        return;
    }
    fact.at = now_ms();
    remember(copy, &fact);
    end(reading, &fact, value, NULL);
}

static void on_no_value(struct reading *reading, const struct failure *failure)
{
    struct copy_fact fact = {.version = vault_copy_version(&reading->seen)};

    if (failure->kind == FAILURE_DELETED || failure->kind == FAILURE_DESTROYED) {
        fact.state = failure->kind == FAILURE_DELETED ? COPY_DELETED : COPY_DESTROYED;
        succeed(reading, fact, NULL);
    } else if (failure->kind == FAILURE_NOT_FOUND && reading->seen.kv == 2) {
        refuse_contradiction(reading, "there is no such version");
    } else if (failure->kind == FAILURE_NOT_FOUND) {
        fact.state = COPY_NO_SECRET;
        succeed(reading, fact, NULL);
    } else {
        fail(reading, failure);
    }
}

static void on_value(const struct vault_field *field, const struct failure *failure, void *context)
{
    struct reading *reading = context;
    struct copy_version seen = vault_copy_version(&reading->seen);
    struct copy_fact fact = {.version = seen};
    struct vault_copy *copy = reading->errand.copy;
    cleanup_with(secret_clean) struct secret *inside = NULL;
    struct copy_version told;
    struct failure why;

    reading->errand.under_way = NULL;
    if (failure) {
        on_no_value(reading, failure);
        return;
    }
    told = vault_copy_version(&field->version);
    if (!copy_version_equal(&told, &seen)) {
        refuse_contradiction(reading, "the value is of another one");
        return;
    }
    fact.state = field->state == VAULT_FIELD_PRESENT ? COPY_PRESENT : COPY_NO_FIELD;
    if (field->state == VAULT_FIELD_NOT_A_STRING)
        fact.why = no_string;
    if (fact.state != COPY_PRESENT) {
        succeed(reading, fact, NULL);
        return;
    }
    /* Applications may keep the key in a connection string; it is the key that is compared. */
    inside = copy->kind ? azure_key_inside(copy->kind, field->value, NULL) : NULL;
    copy->is_connection_string = inside != NULL;
    if (!fingerprinter_make(copy->fingerprinter, secret_reveal(inside ? inside : field->value),
                            &fact.value)) {
        failure_set(&why, FAILURE_INTERNAL, "no fingerprint could be made of the copy");
        fail(reading, &why);
        return;
    }
    succeed(reading, fact, inside ? inside : field->value);
}

/* What a decision rests on, and what a replica contradicted itself in, no standby may answer from
 * an older picture. */
static unsigned lane_of(const struct reading *reading)
{
    return reading->errand.copy->lane |
           (reading->is_decisive || reading->is_second_go ? VAULT_DECISIVE : 0);
}

static bool ask_value(struct reading *reading)
{
    struct vault_copy *copy = reading->errand.copy;

    reading->errand.under_way =
        vault_read_field(copy->client, vault_copy_key(copy), text_of(copy->port.field),
                         reading->seen.version, lane_of(reading), on_value, reading);
    return reading->errand.under_way != NULL;
}

static bool is_known(const struct vault_copy *copy, const struct copy_version *version)
{
    return (copy->state == COPY_PRESENT || copy->state == COPY_NO_FIELD) &&
           copy_version_equal(version, &copy->version);
}

static void answer_from_memory(struct reading *reading)
{
    const struct vault_copy *copy = reading->errand.copy;

    succeed(reading,
            (struct copy_fact){.state = copy->state,
                               .version = copy->version,
                               .value = copy->value,
                               .why = copy->is_no_string ? no_string : NULL},
            NULL);
}

static void on_metadata(const struct vault_version *version, const struct failure *failure,
                        void *context)
{
    struct reading *reading = context;
    struct vault_copy *copy = reading->errand.copy;
    struct copy_fact fact = {0};

    reading->errand.under_way = NULL;
    if (failure && failure->kind == FAILURE_NOT_FOUND) {
        fact.state = COPY_NO_SECRET;
        succeed(reading, fact, NULL);
        return;
    }
    if (failure) {
        fail(reading, failure);
        return;
    }
    reading->seen = *version;
    copy->is_kv1 = version->kv == 1;
    fact.version = vault_copy_version(version);
    if (is_stale(copy, &fact.version, version->is_destroyed)) {
        refuse_stale(reading, &fact.version);
    } else if (version->is_destroyed || version->is_deleted) {
        fact.state = version->is_destroyed ? COPY_DESTROYED : COPY_DELETED;
        succeed(reading, fact, NULL);
    } else if (!reading->is_decisive && !copy->is_kv1 && is_known(copy, &fact.version)) {
        answer_from_memory(reading);
    } else if (reading->errand.is_canceled || !ask_value(reading)) {
        fail_out_of_memory(reading);
    }
}

static bool ask_metadata(struct reading *reading)
{
    struct vault_copy *copy = reading->errand.copy;

    reading->errand.under_way = vault_read_metadata(copy->client, vault_copy_key(copy),
                                                    lane_of(reading), on_metadata, reading);
    return reading->errand.under_way != NULL;
}

struct operation *vault_copy_read(struct secret_copy *self, bool decisive, copy_read_done *done,
                                  void *context)
{
    struct reading *reading = vault_errand_new(self, sizeof(*reading), context);

    if (!reading)
        return NULL;
    reading->is_decisive = decisive;
    reading->done = done;
    ask_metadata(reading);
    return vault_errand_started(&reading->errand);
}
