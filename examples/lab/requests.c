/* SPDX-License-Identifier: Apache-2.0 */
/* What the services were asked, numbered from 1, the newest REQUESTS_KEPT of them. Paths without
 * their queries, callers by name: nothing here is a secret. */
#include "examples/lab/lab.h"

#include <stdlib.h>

bool requests_init(struct requests *requests)
{
    *requests = (struct requests){.records = calloc(REQUESTS_KEPT, sizeof(struct record))};
    return requests->records != NULL;
}

void requests_clear(struct requests *requests)
{
    for (size_t i = 0; requests->records && i < REQUESTS_KEPT; i++) {
        free(requests->records[i].method);
        free(requests->records[i].path);
    }
    free(requests->records);
    *requests = (struct requests){0};
}

struct record *requests_find(struct requests *requests, uint64_t number)
{
    struct record *record = &requests->records[number % REQUESTS_KEPT];

    return number && record->number == number ? record : NULL;
}

/* A query key of Search is deleted by naming it in the path. */
static char *without_secret(struct text path)
{
    size_t size = path.size;

    if (!text_matches(path, TEXT("*/deleteQueryKey/*")))
        return text_copy(path);
    while (path.start[size - 1] != '/')
        size--;
    return format_new("%.*s***", (int)size, path.start);
}

uint64_t requests_add(struct requests *requests, enum target target, struct text method,
                      struct text path)
{
    struct record *record = &requests->records[++requests->last % REQUESTS_KEPT];

    free(record->method);
    free(record->path);
    *record = (struct record){
        .number = requests->last,
        .at = now_ms(),
        .target = target,
        .method = text_copy(method),
        .path = without_secret(path),
    };
    return requests->last;
}

static json_t *record_json(const struct record *record)
{
    char at[TIMESTAMP_SIZE];
    json_t *json;

    timestamp_at(record->at, at);
    json = json_pack("{s:I, s:s, s:s, s:s?, s:s?, s:o, s:s?, s:s?}", "number",
                     (json_int_t)record->number, "at", at, "target", target_names[record->target],
                     "method", record->method, "path", record->path, "status",
                     record->status ? json_integer(record->status) : json_null(), "caller",
                     record->caller[0] ? record->caller : NULL, "fault",
                     record->fault ? fault_kind_name(record->fault) : NULL);
    return json;
}

json_t *requests_since(struct requests *requests, uint64_t since)
{
    uint64_t oldest = requests->last > REQUESTS_KEPT ? requests->last - REQUESTS_KEPT : 0;
    json_t *list = json_array();

    for (uint64_t number = since > oldest ? since + 1 : oldest + 1;
         list && number <= requests->last; number++) {
        const struct record *record = requests_find(requests, number);

        if (record && json_array_append_new(list, record_json(record)) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return json_pack("{s:o, s:I}", "requests", list, "last", (json_int_t)requests->last);
}
