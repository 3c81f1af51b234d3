/* SPDX-License-Identifier: Apache-2.0 */
/* May we do what the bindings ask? Each side is signed in to and asked, one binding after the
 * other; nothing is changed. What Vault's token lacks comes with the policy that would grant it. */
#include "agent/daemon/api_calls.h"

static void next(struct api_call *call);

static struct binding *current(const struct api_call *call)
{
    return &call->job.agent->bindings[call->pending];
}

/* Writing is asked for only where somebody could approve it. */
static bool needs_writing(const struct api_call *call)
{
    return call->job.agent->settings.config->approver_count > 0;
}

/* Takes `side`. 1: not allowed, as opposed to 2: nobody could tell. */
static void note(struct api_call *call, const char *name, json_t *side,
                 const struct failure *failure, bool is_missing)
{
    json_t *bindings = json_object_get(call->document, "bindings");
    json_t *binding = json_array_get(bindings, call->pending);
    json_int_t code = json_integer_value(json_object_get(call->document, "exit"));
    bool is_unclear = failure && failure->kind != FAILURE_DENIED;

    json_object_set_new(side, "why", failure ? json_string(failure->text) : json_null());
    json_object_set_new(binding, name, side);
    if (is_unclear)
        code = 2;
    else if ((failure || is_missing) && code == 0)
        code = 1;
    json_object_set_new(call->document, "exit", json_integer(code));
}

static void on_rights(const struct copy_rights *rights, const struct failure *failure,
                      void *context)
{
    struct api_call *call = context;
    json_t *side;

    call->operation = NULL;
    if (call_interrupted(call))
        return;
    side = json_pack("{s:s,s:o,s:o,s:o,s:o}", "address", current(call)->copy->address, "may_read",
                     rights ? json_boolean(rights->may_read) : json_null(), "may_write",
                     rights ? json_boolean(rights->may_write) : json_null(), "missing",
                     rights && rights->missing.size ? json_of_text(rights->missing) : json_null(),
                     "policy",
                     rights && rights->policy.size ? json_of_text(rights->policy) : json_null());
    note(call, "vault", side, failure, rights && rights->missing.size);
    call->pending++;
    next(call);
}

/* Only to know what is there: the rights asked for depend on it. */
static void on_read(const struct copy_fact *fact, const struct secret *value,
                    const struct failure *failure, void *context)
{
    struct api_call *call = context;
    struct secret_copy *copy = current(call)->copy;

    (void)fact;
    (void)value;
    (void)failure;
    call->operation = NULL;
    if (call_interrupted(call))
        return;
    call->operation = copy->rights(copy, needs_writing(call), on_rights, call);
    if (!call->operation)
        call_refuse(call, 500, FAILURE_INTERNAL, "out of memory");
}

static void on_listed(const struct source_keys *keys, const struct failure *failure, void *context)
{
    struct api_call *call = context;
    struct secret_copy *copy = current(call)->copy;

    (void)keys;
    call->operation = NULL;
    if (call_interrupted(call))
        return;
    note(call, "source",
         json_pack("{s:s,s:b}", "id", current(call)->source->id, "may_list", failure == NULL),
         failure, false);
    call->operation = copy->read(copy, false, on_read, call);
    if (!call->operation)
        call_refuse(call, 500, FAILURE_INTERNAL, "out of memory");
}

static void next(struct api_call *call)
{
    struct agent *agent = call->job.agent;
    json_t *bindings = json_object_get(call->document, "bindings");
    struct key_source *source;

    if (call->pending == agent->binding_count) {
        call_answer(call, 200, json_incref(call->document));
        return;
    }
    source = current(call)->source;
    if (json_array_append_new(bindings, json_pack("{s:s}", "name", current(call)->config->name)) ==
        0)
        call->operation = source->list(source, 0, on_listed, call);
    if (!call->operation)
        call_refuse(call, 500, FAILURE_INTERNAL, "out of memory");
}

void call_access(struct api_call *call)
{
    call->document = json_pack("{s:[],s:i}", "bindings", "exit", 0);
    next(call);
}
