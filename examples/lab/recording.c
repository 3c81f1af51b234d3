/* SPDX-License-Identifier: Apache-2.0 */
/* What Azure's services were asked and what they answered, word for word, one JSON object a line,
 * for a test that holds both to Microsoft's documents (tests/conformance).
 *
 * Only where the environment names a directory in KEYDRIFT_LAB_RECORD: so every lab that any test
 * starts, however it starts it, is recorded in a file of its own there. Bearer tokens are left out;
 * keys are not, they are a lab's. An exchange is written before its answer goes out: the request is
 * gone after. */
#include "examples/lab/lab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool recording_open(struct lab *lab, struct failure *why)
{
    const char *directory = getenv("KEYDRIFT_LAB_RECORD");
    char id[GUID_SIZE], *path;

    if (!directory || !*directory)
        return true;
    guid_new(id);
    path = format_new("%s/%s.jsonl", directory, id);
    if (!path)
        return failure_out_of_memory(why);
    if (mkdir(directory, 0700) == 0 || errno == EEXIST)
        lab->recording = fopen(path, "wxe");
    if (!lab->recording)
        failure_set(why, FAILURE_INVALID, "KEYDRIFT_LAB_RECORD: %s cannot be written: %s", path,
                    strerror(errno));
    free(path);
    return lab->recording;
}

void recording_close(struct lab *lab)
{
    if (lab->recording)
        fclose(lab->recording);
    lab->recording = NULL;
}

/* A string, or null for what is no UTF-8. */
static json_t *string_json(struct text text)
{
    json_t *string = json_stringn(text.size ? text.start : "", text.size);

    return string ? string : json_null();
}

static json_t *headers_json(const struct server_header *headers, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < count; i++) {
        if (!text_equal_ignoring_case(headers[i].name, TEXT("Authorization")))
            json_array_append_new(list, json_pack("[o, o]", string_json(headers[i].name),
                                                  string_json(headers[i].value)));
    }
    return list;
}

void recording_add(struct exchange *exchange, int status, const struct server_header *headers,
                   size_t count, struct text body)
{
    const struct server_request *request = exchange->request;
    FILE *file = exchange->lab->recording;
    json_t *json;
    char *line;

    if (!file || exchange->target == TARGET_VAULT || exchange->target == TARGET_SCORING)
        return;
    json = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:o, s:o}", "target",
                     target_names[exchange->target], "fault", fault_kind_name(exchange->fault.kind),
                     "method", string_json(request->method), "path", string_json(request->path),
                     "query", string_json(request->query), "headers",
                     headers_json(request->headers, request->header_count), "body",
                     string_json(request->body), "status", status, "answer_headers",
                     headers_json(headers, count), "answer", string_json(body));
    line = json ? json_dumps(json, JSON_COMPACT) : NULL;
    if (line)
        fprintf(file, "%s\n", line);
    fflush(file); /* a lab may be killed at any time */
    free(line);
    json_decref(json);
}
