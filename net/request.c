/* SPDX-License-Identifier: Apache-2.0 */
/* The owner's request, checked and copied into memory that is wiped when freed. */
#include "base/secret.h"
#include "net/alloc.h"
#include "net/client.h"

#include <string.h>
#include <strings.h>

#define TARGET_LIMIT 16384
#define HEADER_LIMIT 65536

static bool is_token(const char *string)
{
    static const char allowed[] = "!#$%&'*+-.^_`|~0123456789"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    return string && *string && string[strspn(string, allowed)] == '\0';
}

static bool is_target(const char *target)
{
    size_t size = 0;

    if (!target || *target != '/')
        return false;
    for (; target[size]; size++) {
        if (target[size] <= ' ' || target[size] >= 0x7f || target[size] == '#' ||
            size >= TARGET_LIMIT)
            return false;
    }
    return true;
}

/* These belong to the connection, and two opinions about a length are request smuggling. */
static bool is_ours(const char *name)
{
    static const char *const ours[] = {"Host",       "Content-Length", "Transfer-Encoding",
                                       "Connection", "Expect",         "Upgrade",
                                       "TE",         "Trailer",        "Keep-Alive"};

    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
        if (!strcasecmp(name, ours[i]))
            return true;
    }
    return false;
}

static const char *find_fault(const struct http_request *request)
{
    if (request->method && !is_token(request->method))
        return "the method is not a word";
    if (!is_target(request->target))
        return "the target is not an encoded path below the origin";
    for (size_t i = 0; i < request->header_count; i++) {
        const struct http_header *header = &request->headers[i];
        struct text secret = header->secret ? secret_reveal(header->secret) : TEXT("");

        if (!is_token(header->name))
            return "a header name is not a word";
        if (is_ours(header->name))
            return "a header is set that belongs to the connection";
        if (!text_is_printable(header->value) || !text_is_printable(secret))
            return "a header value holds a control character";
        if (header->value.size + secret.size > HEADER_LIMIT)
            return "a header value is too long";
    }
    return NULL;
}

static bool has_header(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (!strcasecmp(request->headers[i].name, name))
            return true;
    }
    return false;
}

static bool add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (!longer)
        return false;
    *list = longer;
    return true;
}

static bool add_header(struct curl_slist **list, const struct http_header *header)
{
    cleanup_with(buffer_clear) struct buffer line = {.limit = 2 * HEADER_LIMIT};
    struct text secret = header->secret ? secret_reveal(header->secret) : TEXT("");
    /* libcurl's way to write a header without a value. */
    bool is_empty = !header->value.size && !secret.size;

    buffer_append_string(&line, header->name);
    buffer_append_string(&line, is_empty ? ";" : ": ");
    buffer_append(&line, header->value);
    return buffer_append(&line, secret) && add_line(list, line.start);
}

/* What another origin must not get even when nobody marked it as secret. */
static bool is_credential(const struct http_header *header)
{
    static const char *const names[] = {"Authorization", "Cookie",  "Proxy-Authorization",
                                        "X-Api-Key",     "Api-Key", "X-Identity-Header"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (!strcasecmp(header->name, names[i]))
            return true;
    }
    return header->secret ||
           text_starts_with_ignoring_case(text_of(header->name), TEXT("X-Vault-"));
}

static bool copy_headers(const struct http_request *from, struct request *ret)
{
    for (size_t i = 0; i < from->header_count; i++) {
        const struct http_header *header = &from->headers[i];

        if (!add_header(&ret->headers, header))
            return false;
        if (ret->max_redirects && !is_credential(header) &&
            !add_header(&ret->public_headers, header))
            return false;
    }
    if (!ret->body)
        return true;
    /* libcurl would call a body a web form, and wait for permission to send a long one. */
    return (has_header(from, "Content-Type") || add_line(&ret->headers, "Content-Type:")) &&
           add_line(&ret->headers, "Expect:");
}

static bool takes_body(const char *method)
{
    return !strcmp(method, "POST") || !strcmp(method, "PUT") || !strcmp(method, "PATCH");
}

static bool copy_body(const struct http_request *from, struct request *ret)
{
    if (!from->body.start && !takes_body(ret->method))
        return true;
    ret->body = wiping_malloc(from->body.size + 1);
    if (!ret->body)
        return false;
    if (from->body.size)
        memcpy(ret->body, from->body.start, from->body.size);
    ret->body[from->body.size] = '\0';
    ret->body_size = from->body.size;
    return true;
}

bool request_copy(const struct http_request *from, const char *host_line, struct request *ret,
                  const char **unusable)
{
    *ret = (struct request){
        .max_answer = from->max_answer ? from->max_answer : (size_t)1 << 20,
        .deadline_ms = from->deadline_ms ? from->deadline_ms : 30000,
        .try_timeout_ms = from->try_timeout_ms,
        .retry = from->retry,
        .max_tries = from->max_tries ? from->max_tries : 4,
        .answers_end_it = from->answers_end_it,
        .lane = from->lane,
        .max_redirects = from->max_redirects,
        .may_redirect = from->may_redirect,
        .redirect_context = from->redirect_context,
    };
    *unusable = find_fault(from);
    if (*unusable)
        return true;
    ret->method = wiping_strdup(from->method ? from->method : "GET");
    ret->target = wiping_strdup(from->target);
    if (ret->method && ret->target && copy_body(from, ret) && copy_headers(from, ret) &&
        (!host_line || add_line(&ret->headers, host_line)))
        return true;
    request_clear(ret);
    return false;
}

void request_clear(struct request *request)
{
    wiping_free(request->method);
    wiping_free(request->target);
    wiping_free(request->body);
    curl_slist_free_all(request->headers);
    curl_slist_free_all(request->public_headers);
    request->method = request->target = request->body = NULL;
    request->headers = request->public_headers = NULL;
}

bool request_only_reads(const struct request *request)
{
    return !strcmp(request->method, "GET") || !strcmp(request->method, "HEAD") ||
           !strcmp(request->method, "LIST");
}
