/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a request: headers by name, query and form parameters, and the words of a status. */
#include "base/buffer.h"
#include "base/memory.h"
#include "net/server.h"

#include <string.h>

struct text server_header(const struct server_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (text_equal_ignoring_case(request->headers[i].name, text_of(name)))
            return request->headers[i].value;
    return (struct text){NULL, 0};
}

/* NULL when malformed, when it holds a NUL (a C string could not tell), or out of memory. */
static char *decode(struct text encoded)
{
    struct text part;
    struct buffer decoded;
    bool is_first = true;

    buffer_init(&decoded, encoded.size + 1);
    while (text_split(&encoded, '+', &part)) {
        if (!is_first)
            buffer_append_byte(&decoded, ' ');
        is_first = false;
        buffer_append_percent_decoded(&decoded, part);
    }
    if (!buffer_ok(&decoded) || text_contains_byte(buffer_text(&decoded), '\0')) {
        buffer_clear(&decoded);
        return NULL;
    }
    return buffer_take(&decoded);
}

static bool name_is(struct text encoded, const char *name, bool any_case)
{
    char *decoded = decode(encoded);
    bool is_same = decoded && (any_case ? text_equal_ignoring_case(text_of(decoded), text_of(name))
                                        : strcmp(decoded, name) == 0);

    memory_free(decoded);
    return is_same;
}

char *server_parameter(struct text query_or_form, const char *name, bool any_case)
{
    struct text pair;

    if (!query_or_form.start)
        return NULL;
    while (text_split(&query_or_form, '&', &pair)) {
        size_t equals = text_find(pair, TEXT("="));

        if (!name_is(text_part(pair, 0, equals), name, any_case))
            continue;
        if (equals == SIZE_MAX)
            return decode(TEXT(""));
        return decode(text_part(pair, equals + 1, pair.size));
    }
    return NULL;
}

const char *http_status_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {100, "Continue"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {423, "Locked"},
        {424, "Failed Dependency"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };

    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Unknown";
}
