/* SPDX-License-Identifier: Apache-2.0 */
/* One operation: its deadline, its pauses, and the one place where its end is told. */
#include "azureclient/client.h"

#include "base/memory.h"

#include <assert.h>

static void on_timer_closed(uv_handle_t *handle)
{
    struct azure_task *task = handle->data;
    struct azure_client *client = task->client;

    memory_free(task);
    client->task_count--;
    client_settle(client);
}

/* The way out of every task: no step is left when this runs. */
static void tell(struct azure_task *task)
{
    TAILQ_REMOVE(&task->client->tasks, task, link);
    uv_timer_stop(&task->timer);
    task->tell(task, task->failure.kind ? &task->failure : NULL);
    task->release(task);
    memory_free(task->arm.target);
    memory_free(task->arm.body);
    uv_close((uv_handle_t *)&task->timer, on_timer_closed);
}

static void on_time_to_tell(struct azure_task *task)
{
    tell(task);
}

static void on_timer(uv_timer_t *timer)
{
    struct azure_task *task = timer->data;

    task->on_time(task);
}

/* The first outcome wins. False when there was one. */
static bool note_end(struct azure_task *task, const struct failure *failure)
{
    if (task->is_over)
        return false;
    task->is_over = true;
    if (failure)
        task->failure = *failure;
    if (task->is_waiting)
        tokens_forget(&task->client->tokens, task);
    return true;
}

/* At least 1: before libuv 1.48 a zero timer set from a timer callback starves the loop. */
static void tell_soon(struct azure_task *task)
{
    task->on_time = on_time_to_tell;
    uv_timer_start(&task->timer, on_timer, 1, 0);
}

static void task_cancel(struct operation *operation)
{
    struct azure_task *task = (struct azure_task *)operation;
    struct failure canceled;

    failure_set(&canceled, FAILURE_CANCELED, "canceled");
    if (!note_end(task, &canceled))
        return;
    if (task->exchange)
        operation_cancel(task->exchange);
    else
        tell_soon(task);
}

struct azure_task *task_new(struct azure_client *client, size_t size, uint32_t timeout_ms)
{
    struct azure_task *task;

    assert(size >= sizeof(*task));
    task = client->is_closing ? NULL : memory_zeroed(1, size);
    if (!task)
        return NULL;
    task->operation.cancel = task_cancel;
    task->client = client;
    task->timer.data = task;
    uv_timer_init(client->loop, &task->timer);
    task->ends_at = uv_now(client->loop) + timeout_ms;
    TAILQ_INSERT_TAIL(&client->tasks, task, link);
    client->task_count++;
    return task;
}

bool task_is_late(const struct azure_task *task)
{
    return uv_now(task->client->loop) >= task->ends_at;
}

uint32_t task_remaining_ms(const struct azure_task *task)
{
    return task_is_late(task) ? 1 : (uint32_t)(task->ends_at - uv_now(task->client->loop));
}

void task_pause(struct azure_task *task, uint64_t pause_ms,
                void (*on_time)(struct azure_task *task))
{
    uint32_t remaining_ms = task_remaining_ms(task);

    if (task->is_over)
        return;
    task->on_time = on_time;
    uv_timer_start(&task->timer, on_timer, pause_ms < remaining_ms ? pause_ms : remaining_ms, 0);
}

static void on_exchange(const struct http_answer *answer, const struct failure *failure,
                        void *context)
{
    struct azure_task *task = context;

    task->exchange = NULL;
    if (task->is_over)
        tell(task);
    else
        task->then(task, answer, failure);
}

void task_send(struct azure_task *task, struct upstream *upstream,
               const struct http_request *request, task_step *then)
{
    struct failure why;

    task->then = then;
    task->exchange = http_send(upstream, request, on_exchange, task);
    if (task->exchange)
        return;
    failure_out_of_memory(&why);
    task_end_later(task, &why);
}

void task_end(struct azure_task *task, const struct failure *failure)
{
    assert(!task->exchange);
    if (note_end(task, failure))
        tell(task);
}

void task_end_later(struct azure_task *task, const struct failure *failure)
{
    assert(!task->exchange);
    if (note_end(task, failure))
        tell_soon(task);
}
