/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/azureclient/request_record.h"

#include "tests/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* JSON by hand: a test that lets allocations fail must not be told of ours. */
static void put_string(FILE *file, struct text text)
{
    fputc('"', file);
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.start[i];

        if (c < ' ' || c == '"' || c == '\\')
            fprintf(file, "\\u%04x", c);
        else
            fputc(c, file);
    }
    fputc('"', file);
}

static void put_member(FILE *file, const char *name, struct text value)
{
    fprintf(file, ",\"%s\":", name);
    put_string(file, value);
}

static void put_headers(FILE *file, const struct server_request *request)
{
    static const char *const names[] = {"User-Agent", "Content-Type", "Accept"};
    const char *separator = "";

    fputs(",\"headers\":[", file);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct text value = server_header(request, names[i]);

        if (!value.size)
            continue;
        fprintf(file, "%s[\"%s\",", separator, names[i]);
        put_string(file, value);
        fputc(']', file);
        separator = ",";
    }
    fputc(']', file);
}

void request_record(const struct server_request *request)
{
    const char *directory = getenv("KEYDRIFT_LAB_RECORD");
    char path[4096];
    FILE *file;

    if (!directory || !text_starts_with(request->path, TEXT("/subscriptions/")))
        return;
    snprintf(path, sizeof(path), "%s/requests-%ld.jsonl", directory, (long)getpid());
    assert_true(mkdir(directory, 0700) == 0 || errno == EEXIST);
    file = fopen(path, "ae");
    assert_non_null(file);
    fputs("{\"target\":\"arm\",\"fault\":\"scripted\",\"status\":0,\"answer_headers\":[],"
          "\"answer\":\"\"",
          file);
    put_member(file, "method", request->method);
    put_member(file, "path", request->path);
    put_member(file, "query", request->query);
    put_member(file, "body", request->body);
    put_headers(file, request);
    fputs("}\n", file);
    assert_int_equal(fclose(file), 0);
}
