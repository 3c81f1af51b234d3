/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the Activity Log who regenerated a key, page by page. */
#include "azureclient/client.h"
#include "azureclient/key_kinds.h"
#include "azureclient/wire.h"
#include "azureclient/wire_events.h"
#include "base/memory.h"
#include "base/moment.h"

#define PAGE_LIMIT   50
#define ANSWER_LIMIT ((size_t)8 << 20)                /* ARM's own */
#define RETENTION_MS (INT64_C(89) * 24 * 3600 * 1000) /* it keeps 90 days and refuses more */
#define AHEAD_MS     (INT64_C(5) * 60 * 1000)         /* our clock may be behind Azure's */
#define DOING        "read the Activity Log"

struct who {
    struct azure_task task;
    char *id, *request_id;
    struct event_search search;
    unsigned pages;
    azure_who_done *done;
    void *context;
};

static void who_tell(struct azure_task *task, const struct failure *failure)
{
    struct who *who = (struct who *)task;
    struct azure_key_event event;
    bool is_known = !failure && event_search_newest(&who->search, &event);

    who->done(is_known ? &event : NULL, failure, who->context);
}

static void who_release(struct azure_task *task)
{
    struct who *who = (struct who *)task;

    event_search_clear(&who->search);
    memory_free(who->id);
    memory_free(who->request_id);
}

static void on_page(struct azure_task *task, const struct http_answer *answer,
                    const struct failure *failure);

static void send_page(struct azure_task *task, struct text target)
{
    arm_send(task,
             &(struct arm_request){
                 .method = "GET",
                 .target = target,
                 .retry = HTTP_RETRY_SAFE,
                 .max_answer = ANSWER_LIMIT,
             },
             on_page);
}

/* The whole list counts: pages are not promised to be in any order. */
static void go_on(struct azure_task *task, const char *next)
{
    struct who *who = (struct who *)task;
    struct text target = wire_target_on(text_of(task->client->arm_origin), text_of(next));
    struct failure why;

    if (++who->pages >= PAGE_LIMIT) {
        failure_set(&why, FAILURE_TOO_LARGE, "%s: the Activity Log has more than %d pages on this",
                    task->client->arm_origin, PAGE_LIMIT);
        task_end(task, &why);
    } else if (!target.size) {
        failure_set(&why, FAILURE_PROTOCOL,
                    "%s: the Activity Log's next page is elsewhere and was not followed",
                    task->client->arm_origin);
        task_end(task, &why);
    } else {
        send_page(task, target);
    }
}

static void on_page(struct azure_task *task, const struct http_answer *answer,
                    const struct failure *failure)
{
    struct who *who = (struct who *)task;
    struct failure why;
    char *next = NULL;

    if (failure) {
        arm_no_answer(failure, DOING, text_of(who->id), &why);
        task_end(task, &why);
    } else if (answer->status != 200) {
        arm_failure(task, answer, DOING, text_of(who->id),
                    "Microsoft.Insights/eventtypes/values/read", &why);
        task_end(task, &why);
    } else if (!event_search_page(&who->search, answer->body, &next, &why)) {
        failure_prefix(&why, "%s", task->client->arm_origin);
        task_end(task, &why);
    } else if (next) {
        go_on(task, next);
    } else {
        task_end(task, NULL);
    }
    memory_free(next);
}

static void send_first(struct who *who)
{
    char from[INSTANT_SIZE], to[INSTANT_SIZE];
    int64_t now = client_wall_clock();
    struct buffer filter, target;

    instant_format(who->search.since_at > now - RETENTION_MS ? who->search.since_at
                                                             : now - RETENTION_MS,
                   from);
    instant_format((now + AHEAD_MS) / 1000 * 1000, to);
    buffer_init(&filter, 4096);
    buffer_init(&target, 16384);
    buffer_printf(&filter,
                  "eventTimestamp ge '%s' and eventTimestamp le '%s' and resourceUri eq '%s'", from,
                  to, who->id);
    buffer_printf(&target,
                  "/subscriptions/%.*s/providers/Microsoft.Insights/eventtypes/management/values"
                  "?api-version=2015-04-01&$filter=",
                  TEXT_ARG(azure_id_subscription(text_of(who->id))));
    buffer_append_percent_encoded(&target, buffer_text(&filter), false);
    if (buffer_ok(&filter) && buffer_ok(&target)) {
        send_page(&who->task, buffer_text(&target));
    } else {
        struct failure why;

        failure_out_of_memory(&why);
        task_end_later(&who->task, &why);
    }
    buffer_clear(&filter);
    buffer_clear(&target);
}

/* `request_id` empty: any. */
static struct operation *search(struct azure_client *client, struct text resource_id,
                                struct text request_id, int64_t since_at,
                                const struct failure *refused, azure_who_done *done, void *context)
{
    const struct azure_key_kind *kind = azure_key_kind_of(resource_id);
    const struct key_place *place = kind ? azure_key_place_of(kind, resource_id) : NULL;
    struct azure_task *task = task_new(client, sizeof(struct who), client->timeout_ms);
    struct who *who = (struct who *)task;
    struct failure why;

    if (!task)
        return NULL;
    task->tell = who_tell;
    task->release = who_release;
    who->done = done;
    who->context = context;
    who->id = text_copy(resource_id);
    who->request_id = text_copy(request_id);
    if (!who->id || !who->request_id) {
        failure_out_of_memory(&why);
        task_end_later(task, &why);
    } else if (refused) {
        task_end_later(task, refused);
    } else if (!place) {
        azure_id_failure(resource_id, NULL, &why);
        task_end_later(task, &why);
    } else if (!place->regenerate_action) {
        failure_set(&why, FAILURE_INVALID,
                    "the Activity Log cannot say who regenerated a key of %.*s: Azure has no "
                    "operation that regenerates keys of %s",
                    TEXT_ARG(azure_id_name(resource_id)), kind->name);
        task_end_later(task, &why);
    } else {
        who->search = (struct event_search){.kind = kind,
                                            .resource_id = text_of(who->id),
                                            .action = text_of(place->regenerate_action),
                                            .request_id = text_of(who->request_id),
                                            .since_at = since_at};
        send_first(who);
    }
    return &task->operation;
}

struct operation *azure_find_request(struct azure_client *client, struct text resource_id,
                                     struct text request_id, int64_t since_at, azure_who_done *done,
                                     void *context)
{
    struct failure why = {0};

    if (!request_id.size)
        failure_set(&why, FAILURE_INVALID, "there is no request id to look for");
    return search(client, resource_id, request_id, since_at, why.kind ? &why : NULL, done, context);
}

struct operation *azure_who_regenerated(struct azure_client *client, struct text resource_id,
                                        int64_t since_at, azure_who_done *done, void *context)
{
    return search(client, resource_id, (struct text){0}, since_at, NULL, done, context);
}
