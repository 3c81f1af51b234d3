/* SPDX-License-Identifier: Apache-2.0 */
/* Who may regenerate a key: four kinds of lists, one after the other.
 *
 * Whoever watches keys need not be allowed to see who else may do what. So a list that is refused
 * (403) ends nothing: its sentence takes the place of its facts. */
#include "azureclient/client.h"
#include "azureclient/key_kinds.h"
#include "azureclient/wire.h"
#include "azureclient/wire_rights.h"
#include "base/memory.h"

#include <stdio.h>

#define AUTHORIZATION "providers/Microsoft.Authorization/"
#define VERSION       "2022-04-01"
#define ANSWER_LIMIT  ((size_t)8 << 20) /* ARM's own */

/* In the order they are read. */
static const struct list {
    const char *verb, *filter, *doing, *action;
    rights_page *take;
} lists[] = {
    {AUTHORIZATION "permissions", "", "read our permissions",
     "Microsoft.Authorization/permissions/read", rights_take_permissions},
    {AUTHORIZATION "denyAssignments", "&$filter=atScope()", "read the deny assignments",
     "Microsoft.Authorization/denyAssignments/read", rights_take_denials},
    {AUTHORIZATION "roleAssignments", "&$filter=atScope()", "read the role assignments",
     "Microsoft.Authorization/roleAssignments/read", rights_take_assignments},
};
#define LISTS (sizeof(lists) / sizeof(lists[0]))

struct posture {
    struct azure_task task;
    char *id;
    struct rights rights;
    struct azure_posture told;
    struct failure not_seen[LISTS]; /* kind 0: seen */
    size_t list;
    unsigned pages;
    char own_id[64], role[RIGHTS_ID_SIZE];
    azure_posture_done *done;
    void *context;
};

static void posture_tell(struct azure_task *task, const struct failure *failure)
{
    struct posture *posture = (struct posture *)task;

    posture->done(failure ? NULL : &posture->told, failure, posture->context);
}

static void posture_release(struct azure_task *task)
{
    struct posture *posture = (struct posture *)task;

    rights_clear(&posture->rights);
    memory_free(posture->id);
}

static void ask(struct posture *posture, const char *verb, const char *filter, task_step *then)
{
    struct buffer target;
    struct failure why;

    buffer_init(&target, 4096);
    if (arm_append_target(&target, text_of(posture->id), verb, VERSION) &&
        buffer_append_string(&target, filter)) {
        arm_send(&posture->task,
                 &(struct arm_request){.method = "GET",
                                       .target = buffer_text(&target),
                                       .retry = HTTP_RETRY_SAFE,
                                       .max_answer = ANSWER_LIMIT},
                 then);
    } else {
        failure_out_of_memory(&why);
        task_end_later(&posture->task, &why);
    }
    buffer_clear(&target);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void judge(struct posture *posture)
{
    struct azure_posture *told = &posture->told;
    const struct secret *token = arm_token(&posture->task);
    struct failure why;

    if (token && wire_object_id(secret_reveal(token), posture->own_id))
        told->own_id = text_of(posture->own_id);
    told->permissions_not_seen = text_of(posture->not_seen[0].text);
    told->denials_not_seen = text_of(posture->not_seen[1].text);
    told->assignments_not_seen = text_of(posture->not_seen[2].text);
    if (rights_judge(&posture->rights, told)) {
        task_end(&posture->task, NULL);
        return;
    }
    failure_out_of_memory(&why);
    task_end(&posture->task, &why);
}

/* ---- roles ----------------------------------------------------------------------------------- */

static void on_role(struct azure_task *task, const struct http_answer *answer,
                    const struct failure *failure);

static void next_role(struct posture *posture)
{
    char verb[128];

    if (posture->not_seen[2].kind || !rights_next_role(&posture->rights, posture->role)) {
        judge(posture);
        return;
    }
    snprintf(verb, sizeof(verb), AUTHORIZATION "roleDefinitions/%s", posture->role);
    ask(posture, verb, "", on_role);
}

static void on_role(struct azure_task *task, const struct http_answer *answer,
                    const struct failure *failure)
{
    struct posture *posture = (struct posture *)task;
    struct rights *rights = &posture->rights;
    struct failure why;
    bool is_taken;

    if (failure) {
        arm_no_answer(failure, "read a role", text_of(posture->id), &why);
        task_end(task, &why);
        return;
    }
    if (answer->status == 200) {
        is_taken = rights_take_role(rights, posture->role, answer->body, &why);
    } else if (answer->status == 403 || answer->status == 404) {
        is_taken = rights_skip_role(rights, posture->role) || failure_out_of_memory(&why);
    } else {
        arm_failure(task, answer, "read a role", text_of(posture->id), NULL, &why);
        task_end(task, &why);
        return;
    }
    if (is_taken) {
        next_role(posture);
        return;
    }
    failure_prefix(&why, "%s", task->client->arm_origin);
    task_end(task, &why);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static void on_page(struct azure_task *task, const struct http_answer *answer,
                    const struct failure *failure);

/* Who has a role says nothing where no role lets anybody regenerate. */
static void next_list(struct posture *posture)
{
    size_t left = posture->rights.actions[RIGHT_REGENERATE] ? LISTS : LISTS - 1;

    posture->pages = 0;
    if (posture->list < left)
        ask(posture, lists[posture->list].verb, lists[posture->list].filter, on_page);
    else
        next_role(posture);
}

/* What was read of a list counts for nothing when a further page was not. */
static void end_list(struct posture *posture, const struct failure *why)
{
    posture->not_seen[posture->list++] = *why;
    next_list(posture);
}

static void refuse_page(struct posture *posture, struct failure *why)
{
    failure_prefix(why, "%s: cannot %s of %.*s", posture->task.client->arm_origin,
                   lists[posture->list].doing, TEXT_ARG(azure_id_name(text_of(posture->id))));
    if (why->kind == FAILURE_TOO_LARGE)
        end_list(posture, why);
    else
        task_end(&posture->task, why);
}

static void on_page(struct azure_task *task, const struct http_answer *answer,
                    const struct failure *failure)
{
    struct posture *posture = (struct posture *)task;
    const struct list *list = &lists[posture->list];
    struct failure why = {0};
    char *next = NULL;

    if (failure) {
        arm_no_answer(failure, list->doing, text_of(posture->id), &why);
        if (why.kind == FAILURE_TOO_LARGE)
            end_list(posture, &why);
        else
            task_end(task, &why);
    } else if (answer->status != 200) {
        arm_failure(task, answer, list->doing, text_of(posture->id), list->action, &why);
        if (answer->status == 403)
            end_list(posture, &why);
        else
            task_end(task, &why);
    } else if (!list->take(&posture->rights, answer->body, &next, &why)) {
        refuse_page(posture, &why);
    } else if (!next) {
        posture->list++;
        next_list(posture);
    } else if (!arm_send_page(task, text_of(next), ++posture->pages, on_page, &why)) {
        refuse_page(posture, &why);
    }
    memory_free(next);
}

struct operation *azure_read_posture(struct azure_client *client, const struct azure_key_kind *kind,
                                     struct text resource_id, azure_posture_done *done,
                                     void *context)
{
    const struct key_place *place = azure_key_place_of(kind, resource_id);
    struct azure_task *task = task_new(client, sizeof(struct posture), client->timeout_ms);
    struct posture *posture = (struct posture *)task;
    struct failure why;

    if (!task)
        return NULL;
    task->tell = posture_tell;
    task->release = posture_release;
    posture->done = done;
    posture->context = context;
    posture->id = text_copy(resource_id);
    if (!posture->id || !rights_init(&posture->rights)) {
        failure_out_of_memory(&why);
        task_end_later(task, &why);
    } else if (!place) {
        azure_id_failure(resource_id, kind, &why);
        task_end_later(task, &why);
    } else {
        posture->rights.resource_id = text_of(posture->id);
        posture->rights.actions[RIGHT_READ] = place->read_action;
        posture->rights.actions[RIGHT_LIST_KEYS] = place->list_action;
        posture->rights.actions[RIGHT_REGENERATE] = place->regenerate_action;
        next_list(posture);
    }
    return &task->operation;
}
