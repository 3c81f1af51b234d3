/* SPDX-License-Identifier: Apache-2.0 */
/* What the token may do, for a list of paths at once. Asked, never tried out. */
#include "vaultclient/internal.h"

#include "base/memory.h"

#define PATHS_MAX 256

struct capabilities_call {
    struct call call; /* `field` holds the paths, one behind the other */
    struct buffer body;
    struct text *paths;
    unsigned *capabilities;
    size_t count;
    vault_capabilities_done *done;
    void *context;
};

static void end_capabilities(struct call *call, const struct failure *failure)
{
    struct capabilities_call *asking = (struct capabilities_call *)call;

    asking->done(failure ? NULL : asking->capabilities, failure ? 0 : asking->count, failure,
                 asking->context);
    buffer_clear(&asking->body);
    memory_free(asking->paths);
}

static void on_capabilities(const struct http_answer *answer, const struct failure *failure,
                            void *context)
{
    struct capabilities_call *asking = context;
    struct failure why;

    if (failure) {
        vault_call_end(&asking->call, failure);
    } else if (answer->status != 200) {
        vault_wire_explain(answer->status, answer->body, 0, NULL, &why);
        vault_call_refuse(&asking->call, answer, &why);
    } else if (!vault_wire_capabilities(answer->body, asking->paths, asking->count,
                                        asking->capabilities, &why)) {
        vault_call_refuse(&asking->call, answer, &why);
    } else {
        vault_call_end(&asking->call, NULL);
    }
}

static void ask_capabilities(struct call *call)
{
    struct capabilities_call *asking = (struct capabilities_call *)call;
    struct buffer target = {.limit = 64};

    buffer_append_string(&target, "/v1/sys/capabilities-self");
    vault_call_send(call, (struct request_plan){.method = "POST", .retry = HTTP_RETRY_SAFE},
                    &target, &asking->body, on_capabilities);
}

/* One block: paths, capabilities, and the bytes of the paths. */
static bool copy_paths(struct capabilities_call *asking, const struct text *paths, size_t count,
                       struct failure *why)
{
    size_t bytes = 0;
    char *at;

    if (count < 1 || count > PATHS_MAX)
        return failure_set(why, FAILURE_INVALID, "1 to %d paths can be asked about at once",
                           PATHS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!vault_wire_check_path(paths[i], why))
            return false;
        bytes += paths[i].size;
    }
    asking->paths = memory_zeroed(1, count * (sizeof *paths + sizeof(unsigned)) + bytes);
    if (!asking->paths)
        return failure_out_of_memory(why);
    asking->capabilities = (unsigned *)(asking->paths + count);
    at = (char *)(asking->capabilities + count);
    for (size_t i = 0; i < count; i++)
        asking->paths[i] = vault_keep_text(&at, paths[i]);
    asking->count = count;
    return vault_wire_paths_body(asking->paths, count, &asking->body) || failure_out_of_memory(why);
}

struct operation *vault_read_capabilities(struct vault_client *client, const struct text *paths,
                                          size_t count, unsigned lane,
                                          vault_capabilities_done *done, void *context)
{
    struct vault_key key = {TEXT("sys"), TEXT("capabilities-self")};
    struct capabilities_call *asking = vault_call_new(client, sizeof *asking, key, TEXT(""), lane);

    if (!asking)
        return NULL;
    asking->call.go = ask_capabilities;
    asking->call.end = end_capabilities;
    asking->body.limit = 1 << 20;
    asking->done = done;
    asking->context = context;
    (void)!copy_paths(asking, paths, count, &asking->call.failure);
    vault_call_start_bare(&asking->call);
    return &asking->call.operation;
}
