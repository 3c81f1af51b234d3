/* SPDX-License-Identifier: Apache-2.0 */
/* Regenerating one key.
 *
 * It is the one call here that changes something, and sending it twice would make a key nobody
 * asked for. So it is tried again only where Azure cannot have acted, by us and not by the layers
 * below, and every doubt ends as AMBIGUOUS. */
#include "azureclient/client.h"
#include "azureclient/key_kinds.h"
#include "azureclient/wire.h"
#include "azureclient/wire_keys.h"
#include "base/memory.h"
#include "net/retry.h"

#include <stdio.h>

#define DEFAULT_DEADLINE_MS (5u * 60 * 1000)
#define TRIES               4
#define LIST_IT             "list the keys to see whether it changed"

struct regenerate {
    struct azure_task task;
    const struct azure_key_kind *kind;
    const struct key_place *place;
    size_t slot;
    char *id, *request_id;
    char *made_body; /* of a kind that regenerates by the key's id, once that is known */
    char doing[64];
    unsigned tries, pages;
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
    memory_free(regenerate->made_body);
}

/* A failure that does not say yet what was tried. */
static void fail_regenerate(struct azure_task *task, const struct failure *failure)
{
    struct regenerate *regenerate = (struct regenerate *)task;
    struct failure why = *failure;

    failure_prefix(&why, "cannot %s of %.*s", regenerate->doing,
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
    /* A proxy's page proves nothing of what Azure did. */
    if ((answer->status == 200 || answer->status == 204) && !wire_looks_like_html(answer->body)) {
        task_end(task, NULL);
        return;
    }
    if (answer->status == 201 || answer->status == 202) {
        regenerate->poll.ended = on_followed;
        regenerate->poll.ends_at_result = regenerate->kind->final == FINAL_LOCATION;
        operation_poll_start(task, &regenerate->poll, answer);
        return;
    }
    if (answer->status == 429 && regenerate_again(task, http_answer_retry_after_ms(answer)))
        return;
    arm_failure(task, answer, regenerate->doing, text_of(regenerate->id),
                regenerate->place->regenerate_action, &why);
    if (answer->status == 408 || answer->status >= 500 || answer->status < 300) {
        why.kind = FAILURE_AMBIGUOUS;
        failure_prefix(&why, "Azure may have done it (" LIST_IT ")");
    }
    task_end(task, &why);
}

static bool append_regenerate_target(struct buffer *out, const struct regenerate *regenerate)
{
    const char *path = regenerate->kind->slots[regenerate->slot].regenerate_path;
    char verb[64];

    snprintf(verb, sizeof(verb), "%s%s%s", regenerate->place->regenerate_verb, path ? "/" : "",
             path ? path : "");
    return arm_append_target(out, text_of(regenerate->id), verb, regenerate->kind->api_version);
}

static void post_regenerate(struct azure_task *task)
{
    struct regenerate *regenerate = (struct regenerate *)task;
    struct buffer target;
    struct failure why;

    regenerate->tries++;
    buffer_init(&target, 4096);
    if (append_regenerate_target(&target, regenerate)) {
        arm_send(task,
                 &(struct arm_request){
                     .method = "POST",
                     .target = buffer_text(&target),
                     .body = regenerate->made_body
                                 ? regenerate->made_body
                                 : regenerate->kind->slots[regenerate->slot].regenerate_body,
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

/* ---- which key: where a key has an id of Azure's making -------------------------------------- */

static void on_ids(struct azure_task *task, const struct http_answer *answer,
                   const struct failure *failure)
{
    struct regenerate *regenerate = (struct regenerate *)task;
    struct text id = text_of(regenerate->id);
    struct failure why = {0};
    char *next = NULL;

    if (failure) {
        arm_no_answer(failure, regenerate->doing, id, &why);
        task_end(task, &why);
        return;
    }
    if (answer->status != 200) {
        arm_failure(task, answer, "list the keys, to regenerate one,", id,
                    regenerate->place->list_action, &why);
        task_end(task, &why);
        return;
    }
    regenerate->made_body =
        wire_regenerate_body(regenerate->kind, regenerate->slot, answer->body, &next, &why);
    if (regenerate->made_body)
        post_regenerate(task);
    else if (why.kind || !arm_send_page(task, text_of(next), ++regenerate->pages, on_ids, &why))
        fail_regenerate(task, &why);
    memory_free(next);
}

static void begin(struct azure_task *task)
{
    struct regenerate *regenerate = (struct regenerate *)task;

    if (regenerate->kind->regenerates_by_id)
        arm_send_simple(task, "POST", text_of(regenerate->id), regenerate->place->list_verb,
                        regenerate->kind->api_version, 0, on_ids);
    else
        post_regenerate(task);
}

/* ---- starting -------------------------------------------------------------------------------- */

static bool check_regenerate(const struct regenerate *regenerate, struct text slot,
                             struct failure *why)
{
    struct text id = text_of(regenerate->id);
    struct text request_id = text_of(regenerate->request_id);

    if (!regenerate->id || !regenerate->request_id)
        return failure_out_of_memory(why);
    if (!regenerate->place) {
        azure_id_failure(id, regenerate->kind, why);
        return false;
    }
    if (!azure_key_kind_can_regenerate(regenerate->kind, slot, why))
        return false;
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
    regenerate->place = azure_key_place_of(kind, resource_id);
    regenerate->slot = azure_key_kind_find_slot(kind, slot);
    snprintf(regenerate->doing, sizeof(regenerate->doing), "regenerate the %.*s key",
             TEXT_ARG(text_part(slot, 0, 32)));
    regenerate->done = done;
    regenerate->context = context;
    regenerate->id = text_copy(resource_id);
    regenerate->request_id = text_copy(request_id);
    if (check_regenerate(regenerate, slot, &why))
        begin(task);
    else
        task_end_later(task, &why);
    return &task->operation;
}
