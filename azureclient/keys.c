/* SPDX-License-Identifier: Apache-2.0 */
/* Listing keys, reading an endpoint, and regenerating one key.
 *
 * Regenerating is the one call here that changes something, and sending it twice would make a key
 * nobody asked for. So it is tried again only where Azure cannot have acted, by us and not by the
 * layers below, and every doubt ends as AMBIGUOUS. */
#include "azureclient/client.h"
#include "azureclient/key_kinds.h"
#include "azureclient/wire.h"
#include "base/memory.h"
#include "net/json.h"

/* ---- list ------------------------------------------------------------------------------------ */

struct list_keys {
    struct azure_task task;
    const struct azure_key_kind *kind;
    char *id;
    struct secret *keys[AZURE_SLOTS];
    azure_keys_done *done;
    void *context;
};

static void list_tell(struct azure_task *task, const struct failure *failure)
{
    struct list_keys *list = (struct list_keys *)task;
    struct azure_keys keys = {.count = AZURE_SLOTS};

    for (size_t i = 0; i < AZURE_SLOTS; i++) {
        keys.slots[i] = list->kind->slots[i].name;
        keys.keys[i] = list->keys[i];
    }
    list->done(failure ? NULL : &keys, failure, list->context);
}

static void list_release(struct azure_task *task)
{
    struct list_keys *list = (struct list_keys *)task;

    for (size_t i = 0; i < AZURE_SLOTS; i++)
        secret_free(list->keys[i]);
    memory_free(list->id);
}

static void on_list(struct azure_task *task, const struct http_answer *answer,
                    const struct failure *failure)
{
    struct list_keys *list = (struct list_keys *)task;
    struct text id = text_of(list->id);
    struct failure why;

    if (failure) {
        arm_no_answer(failure, "list the keys", id, &why);
        task_end(task, &why);
    } else if (answer->status != 200) {
        arm_failure(task, answer, "list the keys", id, list->kind->list_action, &why);
        task_end(task, &why);
    } else if (!wire_keys(list->kind, answer->body, list->keys, &why)) {
        failure_prefix(&why, "%s: cannot list the keys of %.*s", task->client->arm_origin,
                       TEXT_ARG(azure_id_name(id)));
        task_end(task, &why);
    } else {
        task_end(task, NULL);
    }
}

/* Makes a call without a body and sends it. */
static void send_simple(struct azure_task *task, const char *method, struct text id,
                        const char *verb, const char *version, unsigned lane, task_step *then)
{
    struct buffer target;
    struct failure why;

    buffer_init(&target, 4096);
    if (arm_append_target(&target, id, verb, version)) {
        arm_send(task,
                 &(struct arm_request){.method = method,
                                       .target = buffer_text(&target),
                                       .retry = HTTP_RETRY_SAFE,
                                       .lane = lane},
                 then);
    } else {
        failure_out_of_memory(&why);
        task_end_later(task, &why);
    }
    buffer_clear(&target);
}

struct operation *azure_list_keys(struct azure_client *client, const struct azure_key_kind *kind,
                                  struct text resource_id, unsigned lane, azure_keys_done *done,
                                  void *context)
{
    struct azure_task *task = task_new(client, sizeof(struct list_keys), client->timeout_ms);
    struct list_keys *list = (struct list_keys *)task;
    struct failure why;

    if (!task)
        return NULL;
    task->tell = list_tell;
    task->release = list_release;
    list->kind = kind;
    list->done = done;
    list->context = context;
    list->id = text_copy(resource_id);
    if (!list->id) {
        failure_out_of_memory(&why);
        task_end_later(task, &why);
    } else if (azure_key_kind_of(resource_id) != kind) {
        arm_unusable_id(resource_id, kind, &why);
        task_end_later(task, &why);
    } else {
        send_simple(task, "POST", resource_id, kind->list_verb, kind->api_version, lane, on_list);
    }
    return &task->operation;
}

/* ---- get ------------------------------------------------------------------------------------- */

struct get_endpoint {
    struct azure_task task;
    const struct azure_key_kind *kind;
    char *id;
    json_t *json;
    struct azure_endpoint endpoint;
    azure_endpoint_done *done;
    void *context;
};

static void get_tell(struct azure_task *task, const struct failure *failure)
{
    struct get_endpoint *get = (struct get_endpoint *)task;

    get->done(failure ? NULL : &get->endpoint, failure, get->context);
}

static void get_release(struct azure_task *task)
{
    struct get_endpoint *get = (struct get_endpoint *)task;

    json_clean(&get->json);
    memory_free(get->id);
}

static bool read_endpoint(struct get_endpoint *get, struct text body, struct failure *why)
{
    get->json = json_read_object(body, why);
    if (!get->json ||
        !json_need_text(get->json, "properties.authMode", &get->endpoint.auth_mode, why))
        return false;
    get->endpoint.scoring_uri = json_text_at(get->json, "properties.scoringUri");
    get->endpoint.provisioning_state = json_text_at(get->json, "properties.provisioningState");
    get->endpoint.location = json_text_at(get->json, "location");
    return true;
}

static void on_endpoint(struct azure_task *task, const struct http_answer *answer,
                        const struct failure *failure)
{
    struct get_endpoint *get = (struct get_endpoint *)task;
    struct text id = text_of(get->id);
    struct failure why;

    if (failure) {
        arm_no_answer(failure, "read the properties", id, &why);
        task_end(task, &why);
    } else if (answer->status != 200) {
        arm_failure(task, answer, "read the properties", id, get->kind->read_action, &why);
        task_end(task, &why);
    } else if (!read_endpoint(get, answer->body, &why)) {
        failure_prefix(&why, "%s: cannot read the properties of %.*s", task->client->arm_origin,
                       TEXT_ARG(azure_id_name(id)));
        task_end(task, &why);
    } else {
        task_end(task, NULL);
    }
}

struct operation *azure_get_endpoint(struct azure_client *client, struct text resource_id,
                                     azure_endpoint_done *done, void *context)
{
    struct azure_task *task = task_new(client, sizeof(struct get_endpoint), client->timeout_ms);
    struct get_endpoint *get = (struct get_endpoint *)task;
    struct failure why;

    if (!task)
        return NULL;
    task->tell = get_tell;
    task->release = get_release;
    get->kind = azure_key_kind_of(resource_id);
    get->done = done;
    get->context = context;
    get->id = text_copy(resource_id);
    if (!get->id) {
        failure_out_of_memory(&why);
        task_end_later(task, &why);
    } else if (!get->kind) {
        arm_unusable_id(resource_id, NULL, &why);
        task_end_later(task, &why);
    } else {
        send_simple(task, "GET", resource_id, "", get->kind->api_version, 0, on_endpoint);
    }
    return &task->operation;
}
