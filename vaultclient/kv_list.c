/* SPDX-License-Identifier: Apache-2.0 */
/* What lies below a folder. Asked with GET and ?list=true, which every proxy lets through, and not
 * with the method LIST. */
#include "vaultclient/internal.h"

struct list_call {
    struct call call; /* `field` is the name after which the list goes on */
    uint32_t limit;
    struct vault_names names;
    vault_list_done *done;
    void *context;
};

static void end_list(struct call *call, const struct failure *failure)
{
    struct list_call *list = (struct list_call *)call;

    list->done(failure ? NULL : &list->names, failure, list->context);
    vault_wire_names_free(&list->names);
}

static void on_list(const struct http_answer *answer, const struct failure *failure, void *context)
{
    struct list_call *list = context;
    struct failure why;

    if (failure)
        vault_call_end(&list->call, failure);
    else if (vault_wire_list(answer->status, answer->body, list->call.field, list->limit,
                             &list->names, &why))
        vault_call_end(&list->call, NULL);
    else
        vault_call_refuse(&list->call, answer, &why);
}

static void ask_list(struct call *call)
{
    struct list_call *list = (struct list_call *)call;
    struct buffer target = {.limit = 16384};

    vault_wire_list_target(&target, call->key, call->kv, call->field, list->limit);
    vault_call_send(
        call,
        (struct request_plan){.method = "GET", .retry = HTTP_RETRY_SAFE, .max_answer = DATA_LIMIT},
        &target, NULL, on_list);
}

struct operation *vault_list(struct vault_client *client, const struct vault_listing *listing,
                             unsigned lane, vault_list_done *done, void *context)
{
    struct list_call *list =
        vault_call_new(client, sizeof *list, listing->folder, listing->after, lane);

    if (!list)
        return NULL;
    list->call.go = ask_list;
    list->call.end = end_list;
    list->call.is_folder = true;
    list->limit = listing->limit;
    list->done = done;
    list->context = context;
    if (listing->after.size > 1024 || !text_is_utf8(listing->after) ||
        !text_is_printable(listing->after))
        failure_set(&list->call.failure, FAILURE_INVALID,
                    "the name to list from is longer than 1024 bytes, holds a control character or "
                    "is not UTF-8");
    return vault_call_start(&list->call, false) ? &list->call.operation : NULL;
}
