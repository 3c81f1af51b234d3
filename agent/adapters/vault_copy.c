/* SPDX-License-Identifier: Apache-2.0 */
/* A read is one or two questions: which version is there, and, when that is not the one we know,
 * what does it hold? Both must speak of the same version. What contradicts itself, or is older than
 * what was seen before, is asked once more and then refused: it comes from a replica that lags. */
#include "agent/adapters/vault_copy.h"

#include "base/buffer.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

struct vault_copy {
    struct secret_copy port; /* first */
    struct vault_client *client;
    struct fingerprinter *fingerprinter;
    unsigned lane;
    unsigned in_flight;
    /* What the last read found; UNKNOWN: nothing yet. `value` belongs to a PRESENT one. */
    enum copy_state state;
    struct copy_version version;
    struct fingerprint value;
    /* The newest version ever seen here: nothing older is news. */
    struct copy_version newest;
    bool newest_is_destroyed;
    bool is_kv1;
    bool is_no_string; /* of NO_FIELD */
};
/* There is one per binding, and bindings may be many. */
static_assert(sizeof(struct vault_copy) < 200, "a copy must stay small");

static const char no_string[] = "it is there, but not a string";

static struct vault_key key_of(const struct vault_copy *copy)
{
    return (struct vault_key){text_of(copy->port.mount), text_of(copy->port.path)};
}

static struct copy_version version_of(const struct vault_version *version)
{
    return (struct copy_version){version->version, version->created_at, version->created_ns};
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- operations ---- */

/* What the three operations have in common. `under_way` is NULL only inside our own callbacks. */
struct errand {
    struct operation operation; /* first */
    struct vault_copy *copy;
    struct operation *under_way;
    bool is_canceled;
    void *context;
};

static void on_cancel(struct operation *operation)
{
    struct errand *errand = (struct errand *)operation;

    errand->is_canceled = true;
    operation_cancel(errand->under_way);
}

static void *errand_new(struct secret_copy *self, size_t size, void *context)
{
    struct errand *errand = calloc(1, size);

    if (!errand)
        return NULL;
    errand->operation.cancel = on_cancel;
    errand->copy = (struct vault_copy *)self;
    errand->context = context;
    return errand;
}

/* Counts it, or frees it when it could not be started. */
static struct operation *errand_started(struct errand *errand)
{
    if (!errand->under_way) {
        free(errand);
        return NULL;
    }
    errand->copy->in_flight++;
    return &errand->operation;
}

/* ---- read ---- */

struct reading {
    struct errand errand; /* first */
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
    free(reading);
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
    if (!fact->version.number)
        return;
    copy->newest = fact->version;
    copy->newest_is_destroyed = fact->state == COPY_DESTROYED;
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
    struct copy_fact fact = {.version = version_of(&reading->seen)};

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
    struct copy_version seen = version_of(&reading->seen);
    struct copy_fact fact = {.version = seen};
    struct copy_version told;
    struct failure why;

    reading->errand.under_way = NULL;
    if (failure) {
        on_no_value(reading, failure);
        return;
    }
    told = version_of(&field->version);
    if (!copy_version_equal(&told, &seen)) {
        refuse_contradiction(reading, "the value is of another one");
        return;
    }
    fact.state = field->state == VAULT_FIELD_PRESENT ? COPY_PRESENT : COPY_NO_FIELD;
    if (field->state == VAULT_FIELD_NOT_A_STRING)
        fact.why = no_string;
    if (field->state == VAULT_FIELD_PRESENT &&
        !fingerprinter_make(reading->errand.copy->fingerprinter, secret_reveal(field->value),
                            &fact.value)) {
        failure_set(&why, FAILURE_INTERNAL, "no fingerprint could be made of the copy");
        fail(reading, &why);
        return;
    }
    succeed(reading, fact, field->value);
}

static bool ask_value(struct reading *reading)
{
    struct vault_copy *copy = reading->errand.copy;

    reading->errand.under_way =
        vault_read_field(copy->client, key_of(copy), text_of(copy->port.field),
                         reading->seen.version, copy->lane, on_value, reading);
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
    fact.version = version_of(version);
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

    reading->errand.under_way =
        vault_read_metadata(copy->client, key_of(copy), copy->lane, on_metadata, reading);
    return reading->errand.under_way != NULL;
}

static struct operation *read_copy(struct secret_copy *self, bool decisive, copy_read_done *done,
                                   void *context)
{
    struct reading *reading = errand_new(self, sizeof(*reading), context);

    if (!reading)
        return NULL;
    reading->is_decisive = decisive;
    reading->done = done;
    ask_metadata(reading);
    return errand_started(&reading->errand);
}

/* ---- write ---- */

struct writing {
    struct errand errand; /* first */
    copy_write_done *done;
};

static void on_written(const struct vault_version *version, const struct failure *failure,
                       void *context)
{
    struct writing *writing = context;
    struct vault_copy *copy = writing->errand.copy;
    struct copy_version written = {0};

    writing->errand.under_way = NULL;
    if (version) {
        written = version_of(version);
        copy->newest = written;
        copy->newest_is_destroyed = false;
    }
    copy->in_flight--;
    writing->done(version ? &written : NULL, failure, writing->errand.context);
    free(writing);
}

static struct operation *write_copy(struct secret_copy *self, const struct secret *value,
                                    const struct copy_version *expected, copy_write_done *done,
                                    void *context)
{
    struct writing *writing = errand_new(self, sizeof(*writing), context);
    struct vault_copy *copy = (struct vault_copy *)self;
    struct vault_write write = {
        .key = key_of(copy),
        .field = text_of(self->field),
        .value = value,
        .expected = expected->number,
        .expected_created_at = expected->created_at,
        .expected_created_ns = expected->created_ns,
    };

    if (!writing)
        return NULL;
    writing->done = done;
    writing->errand.under_way =
        vault_write_field(copy->client, &write, copy->lane, on_written, writing);
    return errand_started(&writing->errand);
}

/* ---- rights ---- */

struct asking_rights {
    struct errand errand; /* first */
    copy_rights_done *done;
};

static void add_missing(struct buffer *out, const struct vault_copy *copy, const char *capability,
                        const char *part)
{
    buffer_printf(out, "%s%s on %s/%s%s", out->size ? ", " : "", capability, copy->port.mount, part,
                  copy->port.path);
}

/* A secret that is not there yet is created, any other updated. Reading comes into writing too: the
 * sibling fields are kept. */
static struct copy_rights judge_rights(const struct vault_copy *copy,
                                       const struct vault_rights *rights, struct buffer *missing)
{
    const char *data = copy->is_kv1 ? "" : "data/";
    bool is_new = copy->state == COPY_NO_SECRET;
    struct copy_rights result = {
        .may_read = rights->may_read_data && (copy->is_kv1 || rights->may_read_metadata),
        .may_write = (is_new ? rights->may_create : rights->may_update) && !copy->is_kv1,
    };

    if (!rights->may_read_data)
        add_missing(missing, copy, "read", data);
    if (!copy->is_kv1 && !rights->may_read_metadata)
        add_missing(missing, copy, "read", "metadata/");
    if (copy->is_kv1)
        buffer_printf(missing, "%scheck-and-set, which KV version 1 (%s) does not have",
                      missing->size ? ", " : "", copy->port.mount);
    else if (!result.may_write)
        add_missing(missing, copy, is_new ? "create" : "update", data);
    result.missing = missing->size ? buffer_text(missing) : TEXT("");
    return result;
}

static void on_rights(const struct vault_rights *rights, const struct failure *failure,
                      void *context)
{
    struct asking_rights *asking = context;
    struct vault_copy *copy = asking->errand.copy;
    struct copy_rights result = {0};
    struct buffer missing;

    buffer_init(&missing, 4096);
    if (rights)
        result = judge_rights(copy, rights, &missing);
    copy->in_flight--;
    asking->done(rights ? &result : NULL, failure, asking->errand.context);
    buffer_clear(&missing);
    free(asking);
}

static struct operation *ask_rights(struct secret_copy *self, copy_rights_done *done, void *context)
{
    struct asking_rights *asking = errand_new(self, sizeof(*asking), context);
    struct vault_copy *copy = (struct vault_copy *)self;

    if (!asking)
        return NULL;
    asking->done = done;
    asking->errand.under_way = vault_read_rights(copy->client, key_of(copy), on_rights, asking);
    return errand_started(&asking->errand);
}

/* ---- life ---- */

struct secret_copy *vault_copy_new(struct vault_client *client, struct fingerprinter *fingerprinter,
                                   const char *mount, const char *path, const char *field,
                                   unsigned lane)
{
    struct vault_copy *copy = calloc(1, sizeof(*copy));

    if (!copy)
        return NULL;
    copy->port = (struct secret_copy){
        .address = vault_client_address(client),
        .mount = mount,
        .path = path,
        .field = field,
        .read = read_copy,
        .write = write_copy,
        .rights = ask_rights,
    };
    copy->client = client;
    copy->fingerprinter = fingerprinter;
    copy->lane = lane;
    return &copy->port;
}

struct secret_copy *vault_copy_free(struct secret_copy *port)
{
    struct vault_copy *copy = (struct vault_copy *)port;

    assert(!copy || !copy->in_flight);
    free(copy);
    return NULL;
}
