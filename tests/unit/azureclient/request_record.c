/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/azureclient/request_record.h"

#include "tests/support/test.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static json_t *string(struct text text)
{
    return json_stringn(text.size ? text.start : "", text.size);
}

static json_t *headers_of(const struct server_request *request)
{
    static const char *const names[] = {"User-Agent", "Content-Type", "Accept"};
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct text value = server_header(request, names[i]);

        if (value.size)
            json_array_append_new(list, json_pack("[s, o]", names[i], string(value)));
    }
    return list;
}

void request_record(const struct server_request *request)
{
    const char *directory = getenv("KEYDRIFT_LAB_RECORD");
    char path[4096];
    json_t *json;
    FILE *file;

    if (!directory || !text_starts_with(request->path, TEXT("/subscriptions/")))
        return;
    snprintf(path, sizeof(path), "%s/requests-%ld.jsonl", directory, (long)getpid());
    assert_true(mkdir(directory, 0700) == 0 || errno == EEXIST);
    file = fopen(path, "ae");
    assert_non_null(file);
    json =
        json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:[], s:s}", "target", "arm", "fault",
                  "scripted", "method", string(request->method), "path", string(request->path),
                  "query", string(request->query), "headers", headers_of(request), "body",
                  string(request->body), "status", 0, "answer_headers", "answer", "");
    assert_non_null(json);
    assert_int_equal(json_dumpf(json, file, JSON_COMPACT), 0);
    fputs("\n", file);
    fclose(file);
    json_decref(json);
}
