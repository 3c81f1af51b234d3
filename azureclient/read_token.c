/* SPDX-License-Identifier: Apache-2.0 */
/* The client's token itself, for a service that wants to see it: Vault's method "azure". */
#include "azureclient/client.h"

struct reading {
    struct azure_task task; /* first */
    azure_token_done *done;
    void *context;
    const struct secret *token; /* belongs to the client */
};

static void tell(struct azure_task *task, const struct failure *failure)
{
    struct reading *reading = (struct reading *)task;

    reading->done(failure ? NULL : reading->token, failure, reading->context);
}

static void release(struct azure_task *task)
{
    (void)task;
}

static void on_token(struct azure_task *task, const struct failure *failure)
{
    struct reading *reading = (struct reading *)task;
    struct tokens *tokens = &task->client->tokens;
    struct failure why;
    unsigned serial;

    reading->token = failure ? NULL : tokens_current(tokens, &serial);
    if (!failure && !reading->token) {
        failure_set(&why, FAILURE_PROTOCOL, "%s gives tokens that have expired already",
                    tokens_issuer(tokens));
        failure = &why;
    }
    task_end(task, failure);
}

/* First thing on the loop: there is a token, or one is waited for until the deadline. */
static void begin(struct azure_task *task)
{
    struct tokens *tokens = &task->client->tokens;
    struct failure why;
    unsigned serial;

    if (task->is_waiting) {
        tokens_forget(tokens, task);
        failure_set(&why, FAILURE_TIMEOUT, "no token from %s in time", tokens_issuer(tokens));
        task_end(task, &why);
    } else if (tokens_current(tokens, &serial)) {
        on_token(task, NULL);
    } else {
        task_pause(task, task_remaining_ms(task), begin);
        tokens_wait(tokens, task, on_token);
    }
}

struct operation *azure_read_token(struct azure_client *client, azure_token_done *done,
                                   void *context)
{
    struct azure_task *task = task_new(client, sizeof(struct reading), client->timeout_ms);
    struct reading *reading = (struct reading *)task;

    if (!task)
        return NULL;
    task->tell = tell;
    task->release = release;
    reading->done = done;
    reading->context = context;
    task_pause(task, 1, begin);
    return &task->operation;
}
