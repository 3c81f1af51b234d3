/* SPDX-License-Identifier: Apache-2.0 */
/* Listing keys, page by page where there are pages.
 *
 * An endpoint of Azure ML may have no keys at all, because its callers bring tokens. Azure's answer
 * to the list does not say so in so many words, so when it makes no sense the endpoint itself is
 * asked once. */
#include "azureclient/client.h"
#include "azureclient/key_kinds.h"
#include "azureclient/wire.h"
#include "azureclient/wire_keys.h"
#include "base/memory.h"

#define DOING "list the keys"

struct list_keys {
    struct azure_task task;
    const struct azure_key_kind *kind;
    const struct key_place *place;
    char *id;
    unsigned pages, lane;
    struct key_list keys;
    struct failure doubt; /* what the list's answer was, while the endpoint is asked */
    azure_keys_done *done;
    void *context;
};

static void list_tell(struct azure_task *task, const struct failure *failure)
{
    struct list_keys *list = (struct list_keys *)task;
    const struct azure_keys keys = {
        .count = list->keys.count,
        .slots = (const char *const *)list->keys.names,
        .keys = (const struct secret *const *)list->keys.values,
    };

    list->done(failure ? NULL : &keys, failure, list->context);
}

static void list_release(struct azure_task *task)
{
    struct list_keys *list = (struct list_keys *)task;

    key_list_clear(&list->keys);
    memory_free(list->id);
}

/* ---- has it keys at all? --------------------------------------------------------------------- */

static void on_auth_mode(struct azure_task *task, const struct http_answer *answer,
                         const struct failure *failure)
{
    struct list_keys *list = (struct list_keys *)task;
    char mode[32];
    struct failure why;

    if (failure || answer->status != 200 || !wire_takes_tokens(answer->body, mode, sizeof(mode))) {
        task_end(task, &list->doubt);
        return;
    }
    failure_set(&why, FAILURE_INVALID,
                "%s: there are no keys to list of %.*s: its authMode is %s, so its callers bring "
                "tokens",
                task->client->arm_origin, TEXT_ARG(azure_id_name(text_of(list->id))), mode);
    task_end(task, &why);
}

/* `doubt` is the failure of the list. */
static void end_in_doubt(struct azure_task *task, const struct failure *doubt)
{
    struct list_keys *list = (struct list_keys *)task;

    list->doubt = *doubt;
    if (list->kind->has_auth_mode)
        arm_send_simple(task, "GET", text_of(list->id), "", list->kind->api_version, list->lane,
                        on_auth_mode);
    else
        task_end(task, doubt);
}

/* ---- pages ----------------------------------------------------------------------------------- */

static void refuse_list(struct azure_task *task, struct failure *why)
{
    struct list_keys *list = (struct list_keys *)task;

    failure_prefix(why, "%s: cannot " DOING " of %.*s", task->client->arm_origin,
                   TEXT_ARG(azure_id_name(text_of(list->id))));
    if (why->kind == FAILURE_PROTOCOL)
        end_in_doubt(task, why);
    else
        task_end(task, why);
}

static void on_page(struct azure_task *task, const struct http_answer *answer,
                    const struct failure *failure)
{
    struct list_keys *list = (struct list_keys *)task;
    struct text id = text_of(list->id);
    struct failure why = {0};
    char *next = NULL;

    if (failure) {
        arm_no_answer(failure, DOING, id, &why);
        task_end(task, &why);
    } else if (answer->status != 200) {
        arm_failure(task, answer, DOING, id, list->place->list_action, &why);
        if (answer->status == 400)
            end_in_doubt(task, &why);
        else
            task_end(task, &why);
    } else if (!wire_keys_page(list->kind, answer->body, &list->keys, &next, &why) ||
               (!next && !wire_keys_end(list->kind, &list->keys, &why))) {
        refuse_list(task, &why);
    } else if (!next) {
        task_end(task, NULL);
    } else if (!arm_send_page(task, text_of(next), ++list->pages, on_page, &why)) {
        refuse_list(task, &why);
    }
    memory_free(next);
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
    list->place = azure_key_place_of(kind, resource_id);
    list->lane = lane;
    list->done = done;
    list->context = context;
    list->id = text_copy(resource_id);
    if (!list->id) {
        failure_out_of_memory(&why);
        task_end_later(task, &why);
    } else if (!list->place) {
        azure_id_failure(resource_id, kind, &why);
        task_end_later(task, &why);
    } else {
        arm_send_simple(task, "POST", resource_id, list->place->list_verb, kind->api_version, lane,
                        on_page);
    }
    return &task->operation;
}
