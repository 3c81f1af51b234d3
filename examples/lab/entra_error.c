/* SPDX-License-Identifier: Apache-2.0 */
/* Entra's refusals: one table of the AADSTS numbers that this lab knows, and one body for all. */
#include "examples/lab/lab.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const struct aadsts {
    int code, status;
    const char *error;
} known[] = {
    {50013, 401, "invalid_client"},
    {50027, 400, "invalid_request"},
    {53003, 400, "invalid_grant"}, /* conditional access says no */
    {70003, 400, "unsupported_grant_type"},
    {70011, 400, "invalid_scope"},
    {70021, 401, "invalid_client"},
    {90002, 400, "invalid_tenant"},
    {90006, 503, "temporarily_unavailable"},
    {90023, 400, "invalid_request"},
    {90024, 503, "temporarily_unavailable"},
    {90033, 503, "temporarily_unavailable"},
    {90055, 429, "temporarily_unavailable"},
    {500011, 400, "invalid_resource"},
    {700016, 400, "unauthorized_client"},
    {700021, 401, "invalid_client"},
    {700023, 401, "invalid_client"},
    {700024, 401, "invalid_client"},
    {700027, 401, "invalid_client"},
    {900023, 400, "invalid_request"},
    {900144, 400, "invalid_request"},
    {900561, 400, "invalid_request"},
    {1002012, 400, "invalid_scope"},
    {7000112, 400, "unauthorized_client"}, /* the application is disabled */
    {7000215, 401, "invalid_client"},
    {7000218, 401, "invalid_client"},
    {7000222, 401, "invalid_client"},
};

static struct aadsts aadsts_of(int code)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].code == code)
            return known[i];
    }
    return (struct aadsts){code, 0, "invalid_request"};
}

int entra_error_status(int code)
{
    return aadsts_of(code).status;
}

static bool is_guid(struct text text)
{
    static const char digits[] = "0123456789abcdefABCDEF";

    for (size_t i = 0; i < text.size; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (is_dash ? text.start[i] != '-'
                    : !text_contains_byte((struct text){digits, sizeof(digits) - 1}, text.start[i]))
            return false;
    }
    return text.size == GUID_SIZE - 1;
}

json_t *entra_error_json(const struct exchange *exchange, int code, const char *sentence)
{
    struct text asked = server_header(exchange->request, "client-request-id");
    char trace[GUID_SIZE], correlation[GUID_SIZE], timestamp[32];
    time_t now = (time_t)exchange_now_s(exchange);
    struct tm parts;

    guid_new(trace);
    guid_new(correlation);
    if (is_guid(asked))
        snprintf(correlation, sizeof(correlation), "%.*s", TEXT_ARG(asked));
    gmtime_r(&now, &parts);
    strftime(timestamp, sizeof(timestamp), "%Y-%m-%d %H:%M:%SZ", &parts);
    return json_pack("{s:s, s:o, s:[i], s:s, s:s, s:s, s:o}", "error", aadsts_of(code).error,
                     "error_description",
                     json_sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s",
                                  code, sentence, trace, correlation, timestamp),
                     "error_codes", code, "timestamp", timestamp, "trace_id", trace,
                     "correlation_id", correlation, "error_uri",
                     json_sprintf("https://login.microsoftonline.com/error?code=%d", code));
}

void entra_error(struct exchange *exchange, int code, const char *format, ...)
{
    va_list arguments;
    char *sentence = NULL;
    int size;

    va_start(arguments, format);
    size = vasprintf(&sentence, format, arguments);
    va_end(arguments);
    if (size < 0) {
        exchange_reply_json(exchange, 500, NULL, 0, NULL);
        return;
    }
    exchange_reply_json(exchange, entra_error_status(code), NULL, 0,
                        entra_error_json(exchange, code,
                                         text_is_utf8(text_of(sentence))
                                             ? sentence
                                             : "The request is not well-formed UTF-8."));
    free(sentence);
}
