/* SPDX-License-Identifier: Apache-2.0 */
/* Regenerating one key.
 *
 * It is the one call here that changes something, and sending it twice would make a key nobody
 * asked for. So it is tried again only where Azure cannot have acted, by us and not by the layers
 * below, and every doubt ends as AMBIGUOUS. */
#include "azureclient/client.h"
#include "azureclient/key_kinds.h"
#include "azureclient/wire.h"
#include "base/memory.h"
#include "net/retry.h"

#include <string.h>

#define DEFAULT_DEADLINE_MS (5u * 60 * 1000)
#define TRIES               4
#define LIST_IT             "list the keys to see whether it changed"

struct regenerate {
    struct azure_task task;
    const struct azure_key_kind *kind;
    size_t slot;
    char *id, *request_id;
    unsigned tries;
    struct operation_poll poll;
    operation_done *done;
    void *context;
};

static void regenerate_tell(struct azure_task *task, const struct failure *failure)
{
    struct regenerate *regenerate = (struct regenerate *)task;

    regenerate->done(failure, regenerate->context);
}

static void regenerate_release(struct azure_task *task)
{
    struct regenerate *regenerate = (struct regenerate *)task;

    operation_poll_clear(&regenerate->poll);
    memory_free(regenerate->id);
    memory_free(regenerate->request_id);
}

static void fail_regenerate(struct azure_task *task, const struct failure *failure)
{
    struct regenerate *regenerate = (struct regenerate *)task;
    struct failure why = *failure;

    failure_prefix(&why, "regenerating the %s key of %.*s",
                   regenerate->kind->slots[regenerate->slot].name,
                   TEXT_ARG(azure_id_name(text_of(regenerate->id))));
    task_end(task, &why);
}

static void on_followed(struct azure_task *task, const struct failure *failure)
{
    if (failure)
        fail_regenerate(task, failure);
    else
        task_end(task, NULL);
}

static void post_regenerate(struct azure_task *task);

/* True when it was, or will be, sent again: never made it to Azure, or was turned away with 429. */
static bool regenerate_again(struct azure_task *task, uint32_t retry_after_ms)
{
    static const struct backoff backoff = {.base_ms = 500, .cap_ms = 10000};
    struct regenerate *regenerate = (struct regenerate *)task;
    uint32_t pause_ms =
        backoff_pause_ms(&backoff, regenerate->tries, retry_after_ms, 60000, jitter_random());

    if (regenerate->tries >= TRIES || pause_ms >= task_remaining_ms(task))
        return false;
    task_pause(task, pause_ms, post_regenerate);
    return true;
}

static void on_no_post(struct azure_task *task, const struct failure *failure)
{
    struct failure why = *failure;

    if (failure->kind == FAILURE_NETWORK && regenerate_again(task, 0))
        return;
    if (failure->kind == FAILURE_AMBIGUOUS)
        failure_set(&why, FAILURE_AMBIGUOUS,
                    "no answer, so Azure may have done it (" LIST_IT "): %s", failure->text);
    fail_regenerate(task, &why);
}

static void on_post(struct azure_task *task, const struct http_answer *answer,
                    const struct failure *failure)
{
    struct regenerate *regenerate = (struct regenerate *)task;
    struct failure why;

    if (failure) {
        on_no_post(task, failure);
        return;
    }
    if (answer->status == 200 || answer->status == 204) {
        task_end(task, NULL);
        return;
    }
    if (answer->status == 201 || answer->status == 202) {
        regenerate->poll.ended = on_followed;
        operation_poll_start(task, &regenerate->poll, answer);
        return;
    }
    if (answer->status == 429 && regenerate_again(task, http_answer_retry_after_ms(answer)))
        return;
    arm_failure(task, answer, "regenerate a key", text_of(regenerate->id),
                regenerate->kind->regenerate_action, &why);
    if (answer->status == 408 || answer->status >= 500 || answer->status < 300) {
        char text[sizeof(why.text)];

        memcpy(text, why.text, sizeof(text));
        failure_set(&why, FAILURE_AMBIGUOUS, "Azure may have done it (" LIST_IT "): %s", text);
        why.http_status = answer->status;
    }
    fail_regenerate(task, &why);
}

static void post_regenerate(struct azure_task *task)
{
    struct regenerate *regenerate = (struct regenerate *)task;
    struct buffer target;
    struct failure why;

    regenerate->tries++;
    buffer_init(&target, 4096);
    if (arm_append_target(&target, text_of(regenerate->id), regenerate->kind->regenerate_verb,
                          regenerate->kind->api_version)) {
        arm_send(task,
                 &(struct arm_request){
                     .method = "POST",
                     .target = buffer_text(&target),
                     .body = regenerate->kind->slots[regenerate->slot].regenerate_body,
                     .request_id = text_of(regenerate->request_id),
                     .retry = HTTP_RETRY_NEVER,
                     .once = true,
                 },
                 on_post);
    } else {
        failure_out_of_memory(&why);
        task_end_later(task, &why);
    }
    buffer_clear(&target);
}

static bool check_regenerate(const struct regenerate *regenerate, struct text slot,
                             struct failure *why)
{
    struct text id = text_of(regenerate->id);
    struct text request_id = text_of(regenerate->request_id);

    if (!regenerate->id || !regenerate->request_id)
        return failure_out_of_memory(why);
    if (azure_key_kind_of(id) != regenerate->kind) {
        arm_unusable_id(id, regenerate->kind, why);
        return false;
    }
    if (regenerate->slot == AZURE_SLOTS)
        return failure_set(why, FAILURE_INVALID, "%s has no key \"%.*s\"", regenerate->kind->name,
                           TEXT_ARG(slot));
    if (request_id.size >= sizeof(regenerate->task.arm.request_id) ||
        !text_is_printable(request_id))
        return failure_set(why, FAILURE_INVALID, "the request id is not a GUID");
    return true;
}

struct operation *azure_regenerate_key(struct azure_client *client,
                                       const struct azure_key_kind *kind, struct text resource_id,
                                       struct text slot, struct text request_id,
                                       uint32_t deadline_ms, operation_done *done, void *context)
{
    struct azure_task *task = task_new(client, sizeof(struct regenerate),
                                       deadline_ms ? deadline_ms : DEFAULT_DEADLINE_MS);
    struct regenerate *regenerate = (struct regenerate *)task;
    struct failure why;

    if (!task)
        return NULL;
    task->tell = regenerate_tell;
    task->release = regenerate_release;
    regenerate->kind = kind;
    regenerate->slot = azure_key_kind_find_slot(kind, slot);
    regenerate->done = done;
    regenerate->context = context;
    regenerate->id = text_copy(resource_id);
    regenerate->request_id = text_copy(request_id);
    if (check_regenerate(regenerate, slot, &why))
        post_regenerate(task);
    else
        task_end_later(task, &why);
    return &task->operation;
}
