/* SPDX-License-Identifier: Apache-2.0 */
/* Follows an accepted operation to its end: Azure-AsyncOperation first, then one GET of Location
 * where the specification wants it ("final-state-via: location"); or Location alone.
 *
 * Each look carries our token, so only the configured Resource Manager is asked, or in the public
 * clouds a region of it. By now Azure has taken the change on: whatever keeps us from seeing its
 * end is AMBIGUOUS. */
#include "azureclient/client.h"
#include "azureclient/wire.h"
#include "base/memory.h"

#define PAUSE_MS       2000 /* as Microsoft's libraries do when Azure names none */
#define PAUSE_FLOOR_MS 100
#define LIST_IT        "list the keys to see whether it changed"

static void look(struct azure_task *task);

static void place_clear(struct poll_place *place)
{
    memory_free(place->origin);
    memory_free(place->target);
    *place = (struct poll_place){0};
}

void operation_poll_clear(struct operation_poll *poll)
{
    place_clear(&poll->status);
    place_clear(&poll->result);
}

static void end(struct azure_task *task, const struct failure *failure)
{
    task->poll->ended(task, failure);
}

static void end_ambiguous(struct azure_task *task, const char *what)
{
    struct failure why;

    failure_set(&why, FAILURE_AMBIGUOUS, "Azure accepted it, but %s; " LIST_IT, what);
    end(task, &why);
}

/* ---- where to look --------------------------------------------------------------------------- */

/* What the header names, or what was known before when it is absent. False after ending the task.
 */
static bool take_place(struct azure_task *task, const struct http_answer *answer,
                       const char *header, struct poll_place *place)
{
    struct text url = http_answer_header(answer, header), origin, rest, region, target;
    struct poll_place found;
    struct failure why;

    if (!url.size)
        return true;
    if (!wire_operation_at(text_of(task->client->arm_origin), url, &region, &target)) {
        if (!wire_split_url(url, &origin, &rest))
            origin = TEXT("a place that is no absolute URL");
        failure_set(&why, FAILURE_AMBIGUOUS,
                    "Azure accepted it, but its %s header leads to %.*s instead of %s and was not "
                    "followed; " LIST_IT,
                    header, TEXT_ARG(text_part(origin, 0, 100)), task->client->arm_origin);
        end(task, &why);
        return false;
    }
    found.origin = region.size ? text_copy(region) : NULL;
    found.target = text_copy(target);
    if (!found.target || (region.size && !found.origin)) {
        place_clear(&found);
        end_ambiguous(task, "we are out of memory");
        return false;
    }
    place_clear(place);
    *place = found;
    return true;
}

static bool names_pause(const struct http_answer *answer)
{
    return http_answer_header(answer, "Retry-After").size ||
           http_answer_header(answer, "retry-after-ms").size ||
           http_answer_header(answer, "x-ms-retry-after-ms").size;
}

static uint64_t pause_after(const struct http_answer *answer)
{
    uint32_t asked_ms = http_answer_retry_after_ms(answer);

    if (!names_pause(answer))
        return PAUSE_MS;
    return asked_ms < PAUSE_FLOOR_MS ? PAUSE_FLOOR_MS : asked_ms;
}

/* ---- what was seen --------------------------------------------------------------------------- */

static void on_time_to_look(struct azure_task *task)
{
    if (task_is_late(task))
        end_ambiguous(task, "it did not end in time");
    else
        look(task);
}

static void look_later(struct azure_task *task, uint64_t pause_ms)
{
    task_pause(task, pause_ms, on_time_to_look);
}

static void on_cannot_see(struct azure_task *task, const struct http_answer *answer)
{
    struct failure why, whole;

    arm_sentence(task, answer, sizeof("Azure accepted it, but how it ended cannot be seen") + 50,
                 &why);
    failure_set(&whole, FAILURE_AMBIGUOUS,
                "Azure accepted it, but how it ended cannot be seen (" LIST_IT "): %s", why.text);
    whole.http_status = answer->status;
    end(task, &whole);
}

/* A failure the operation's own answer tells: the key did not change. */
static bool has_failed(struct azure_task *task, enum wire_state state, const struct failure *reason)
{
    if (state != WIRE_FAILED && state != WIRE_CANCELED)
        return false;
    end(task, reason);
    return true;
}

static void on_status(struct azure_task *task, const struct http_answer *answer)
{
    struct operation_poll *poll = task->poll;
    enum wire_state state = WIRE_RUNNING;
    struct failure reason;

    if (!take_place(task, answer, "Azure-AsyncOperation", &poll->status) ||
        !take_place(task, answer, "Location", &poll->result))
        return;
    if (answer->status == 202 && !answer->body.size) {
        look_later(task, pause_after(answer));
        return;
    }
    if (!wire_operation(answer->body, arm_token(task), &state, &reason)) {
        end_ambiguous(task, reason.text);
        return;
    }
    if (has_failed(task, state, &reason))
        return;
    if (state == WIRE_RUNNING) {
        look_later(task, pause_after(answer));
    } else if (poll->ends_at_result && poll->result.target) {
        poll->is_final = true;
        look(task);
    } else {
        end(task, NULL);
    }
}

static void on_result(struct azure_task *task, const struct http_answer *answer)
{
    struct operation_poll *poll = task->poll;
    enum wire_state state = WIRE_SUCCEEDED;
    struct failure reason;

    if (answer->status == 202 && !poll->is_final) {
        if (take_place(task, answer, "Location", &poll->result))
            look_later(task, pause_after(answer));
        return;
    }
    /* Some services answer 200 with the state in the body; most answer with nothing at all. */
    if (answer->body.size && wire_operation(answer->body, arm_token(task), &state, &reason) &&
        has_failed(task, state, &reason))
        return;
    if (state == WIRE_RUNNING && !poll->is_final)
        look_later(task, pause_after(answer));
    else
        end(task, NULL);
}

static void on_no_answer(struct azure_task *task, const struct failure *failure)
{
    struct failure why;

    if (failure_is_temporary(failure->kind) && !task_is_late(task)) {
        look_later(task, failure->retry_after_ms > PAUSE_MS ? failure->retry_after_ms : PAUSE_MS);
        return;
    }
    failure_set(&why, FAILURE_AMBIGUOUS,
                "Azure accepted it, but how it ended cannot be seen (" LIST_IT "): %s",
                failure->text);
    end(task, &why);
}

static void on_look(struct azure_task *task, const struct http_answer *answer,
                    const struct failure *failure)
{
    if (failure)
        on_no_answer(task, failure);
    else if (answer->status == 408 || answer->status == 429 || answer->status >= 500)
        look_later(task, pause_after(answer));
    else if (answer->status < 200 || answer->status > 204 || answer->status == 203)
        on_cannot_see(task, answer);
    else if (task->poll->is_final || !task->poll->status.target)
        on_result(task, answer);
    else
        on_status(task, answer);
}

static void look(struct azure_task *task)
{
    const struct operation_poll *poll = task->poll;
    bool is_result = poll->is_final || !poll->status.target;
    const struct poll_place *place = is_result ? &poll->result : &poll->status;

    arm_send(task,
             &(struct arm_request){
                 .method = "GET",
                 .origin = place->origin,
                 .target = text_of(place->target),
                 .retry = HTTP_RETRY_SAFE,
             },
             on_look);
}

void operation_poll_start(struct azure_task *task, struct operation_poll *poll,
                          const struct http_answer *accepted)
{
    task->poll = poll;
    if (!take_place(task, accepted, "Azure-AsyncOperation", &poll->status) ||
        !take_place(task, accepted, "Location", &poll->result))
        return;
    if (!poll->status.target && !poll->result.target)
        end_ambiguous(task, "names no operation to follow");
    else
        look_later(task, pause_after(accepted));
}
