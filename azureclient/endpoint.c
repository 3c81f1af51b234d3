/* SPDX-License-Identifier: Apache-2.0 */
/* Reading an endpoint of Azure ML. */
#include "azureclient/client.h"
#include "azureclient/key_kinds.h"
#include "azureclient/wire.h"
#include "base/memory.h"
#include "net/json.h"

#define DOING "read the properties"

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

/* A serverless endpoint has other names for two of them. */
static struct text property(const json_t *json, const char *path, const char *other)
{
    struct text found = json_text_at(json, path);

    return found.size ? found : json_text_at(json, other);
}

static bool read_endpoint(struct get_endpoint *get, struct text body, struct failure *why)
{
    get->json = json_read_object(body, why);
    if (!get->json ||
        !json_need_text(get->json, "properties.authMode", &get->endpoint.auth_mode, why))
        return false;
    get->endpoint.scoring_uri =
        property(get->json, "properties.scoringUri", "properties.inferenceEndpoint.uri");
    get->endpoint.provisioning_state =
        property(get->json, "properties.provisioningState", "properties.endpointState");
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
        arm_no_answer(failure, DOING, id, &why);
        task_end(task, &why);
    } else if (answer->status != 200) {
        arm_failure(task, answer, DOING, id, get->kind->places[0].read_action, &why);
        task_end(task, &why);
    } else if (!read_endpoint(get, answer->body, &why)) {
        failure_prefix(&why, "%s: cannot " DOING " of %.*s", task->client->arm_origin,
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
        azure_id_failure(resource_id, NULL, &why);
        task_end_later(task, &why);
    } else if (!get->kind->has_auth_mode) {
        failure_set(&why, FAILURE_INVALID, "%.*s is no endpoint of Azure ML: it is of type %s",
                    TEXT_ARG(azure_id_name(resource_id)), azure_key_kind_type(get->kind));
        task_end_later(task, &why);
    } else {
        arm_send_simple(task, "GET", resource_id, "", get->kind->api_version, 0, on_endpoint);
    }
    return &task->operation;
}
