/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fake_copy.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct call {
    struct fake_operation operation; /* first */
    struct fake_copy *copy;
    void *context;
    union {
        copy_read_done *read;
        copy_write_done *write;
        copy_rights_done *rights;
    } done;
    bool is_decisive;
    struct copy_fact fact;
    char value[FAKE_VALUE_SIZE];
    struct copy_version expected, written;
};

static struct call *call_new(struct secret_copy *self, void *context)
{
    struct call *call = calloc(1, sizeof(*call));

    assert(call);
    call->copy = (struct fake_copy *)self;
    call->context = context;
    return call;
}

static void read_effect(struct fake_operation *operation)
{
    struct call *call = (struct call *)operation;
    struct fake_copy *copy = call->copy;

    call->fact =
        (struct copy_fact){.state = copy->state, .at = copy->clock->now, .version = copy->version};
    if (copy->state == COPY_PRESENT)
        call->fact.value = fake_fingerprint(text_of(copy->value));
    memcpy(call->value, copy->value, sizeof(call->value));
}

static void read_answer(struct fake_operation *operation, const struct failure *failure)
{
    struct call *call = (struct call *)operation;
    struct secret *value = NULL;

    if (!failure && call->is_decisive && call->fact.state == COPY_PRESENT)
        value = secret_new(text_of(call->value));
    call->done.read(failure ? NULL : &call->fact, value, failure, call->context);
    secret_free(value);
}

static struct operation *read_copy(struct secret_copy *self, bool decisive, copy_read_done *done,
                                   void *context)
{
    struct call *call = call_new(self, context);

    call->done.read = done;
    call->is_decisive = decisive;
    return fake_begin(call->copy->clock, &call->operation,
                      decisive ? "copy.read" : "copy.read metadata", read_effect, read_answer);
}

void fake_copy_put(struct fake_copy *copy, const char *value)
{
    copy->state = COPY_PRESENT;
    if (value != copy->value)
        snprintf(copy->value, sizeof(copy->value), "%s", value);
    copy->version.number++;
    copy->version.created_at = copy->clock->now;
}

static void write_effect(struct fake_operation *operation)
{
    struct call *call = (struct call *)operation;
    struct fake_copy *copy = call->copy;

    if (!copy_version_equal(&call->expected, &copy->version)) {
        copy->conflicts++;
        failure_set(&operation->failure, FAILURE_CONFLICT, "check-and-set: version %u is there",
                    copy->version.number);
        return;
    }
    fake_copy_put(copy, call->value);
    copy->writes++;
    call->written = copy->version;
}

static void write_answer(struct fake_operation *operation, const struct failure *failure)
{
    struct call *call = (struct call *)operation;

    call->done.write(failure ? NULL : &call->written, failure, call->context);
}

static struct operation *write_copy(struct secret_copy *self, const struct secret *value,
                                    const struct copy_version *expected, copy_write_done *done,
                                    void *context)
{
    struct call *call = call_new(self, context);
    char name[64];

    call->done.write = done;
    call->expected = *expected;
    snprintf(call->value, sizeof(call->value), "%.*s", TEXT_ARG(secret_reveal(value)));
    snprintf(name, sizeof(name), "copy.write %s", call->value);
    return fake_begin(call->copy->clock, &call->operation, name, write_effect, write_answer);
}

static void rights_answer(struct fake_operation *operation, const struct failure *failure)
{
    struct call *call = (struct call *)operation;
    struct copy_rights rights = {.may_read = true, .may_write = !call->copy->may_not_write};

    if (!rights.may_write && call->is_decisive) {
        rights.missing = TEXT("update on kv/data/nachet");
        rights.policy = TEXT("path \"kv/data/nachet\" {}");
    }
    call->done.rights(failure ? NULL : &rights, failure, call->context);
}

static struct operation *rights(struct secret_copy *self, bool for_writing, copy_rights_done *done,
                                void *context)
{
    struct call *call = call_new(self, context);

    call->is_decisive = for_writing;
    call->done.rights = done;
    return fake_begin(call->copy->clock, &call->operation, "copy.rights", NULL, rights_answer);
}

void fake_copy_init(struct fake_copy *copy, struct fake_clock *clock)
{
    *copy = (struct fake_copy){.port = {.address = "https://vault.example",
                                        .mount = "kv",
                                        .path = "nachet/backend",
                                        .field = "api_key",
                                        .read = read_copy,
                                        .write = write_copy,
                                        .rights = rights},
                               .clock = clock,
                               .state = COPY_PRESENT,
                               .version = {.number = 7, .created_at = FAKE_START - 86400000}};
    strcpy(copy->value, "key-primary-1");
}
