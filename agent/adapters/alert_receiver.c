/* SPDX-License-Identifier: Apache-2.0 */
/* Trying again is the outbox's business, so here everything is tried once. Most refusals are
 * somebody's mistake that somebody can repair: they count as temporary. */
#include "agent/adapters/alert_receiver.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "net/server.h"

#include <openssl/evp.h>
#include <string.h>

#define URL_LIMIT    8192
#define DEADLINE_MS  15000
#define MAX_ANSWER   ((size_t)64 << 10)
#define QUOTED_BYTES 160
#define HASH_BYTES   4

/* ---- where ----------------------------------------------------------------------------------- */

struct parts {
    struct text origin; /* "https://host:port" */
    struct text path;   /* without the slashes at its end; may be empty */
    struct text query;  /* with its '?'; may be empty */
};

/* Says what is wrong without showing any of it. */
static bool split(struct text url, struct parts *ret, struct failure *why)
{
    size_t scheme = text_find(url, TEXT("://")), at;
    struct parts parts = {.origin = url};

    if (scheme == SIZE_MAX || url.size > URL_LIMIT)
        return failure_set(why, FAILURE_INVALID, "its URL is none, or too long");
    for (at = 0; at < url.size; at++)
        if ((unsigned char)url.start[at] <= ' ' || (unsigned char)url.start[at] >= 0x7f)
            return failure_set(why, FAILURE_INVALID, "its URL holds a character no URL may have");
    if (text_contains_byte(url, '#'))
        return failure_set(why, FAILURE_INVALID, "its URL has a fragment (#), which is never sent");
    at = text_find(url, TEXT("?"));
    if (at != SIZE_MAX) {
        parts.query = text_part(url, at, url.size);
        parts.origin.size = at;
    }
    at = text_find(text_part(parts.origin, scheme + 3, url.size), TEXT("/"));
    if (at != SIZE_MAX) {
        parts.path = text_part(parts.origin, scheme + 3 + at, parts.origin.size);
        parts.origin.size = scheme + 3 + at;
    }
    while (parts.path.size && parts.path.start[parts.path.size - 1] == '/')
        parts.path.size--;
    if (text_contains_byte(parts.origin, '@'))
        return failure_set(why, FAILURE_INVALID,
                           "its URL has a user name or password, which is not supported");
    *ret = parts;
    return true;
}

static bool add_hash(struct buffer *name, struct text url)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    char hex[2 * HASH_BYTES + 1];

    if (EVP_Digest(url.start, url.size, digest, NULL, EVP_sha256(), NULL) != 1)
        return false;
    hex_encode(digest, HASH_BYTES, hex);
    return buffer_printf(name, " (%s)", hex);
}

static char *make_name(const char *kind, struct text url, const struct parts *parts)
{
    struct buffer name;
    bool ok;

    buffer_init(&name, URL_LIMIT + 64);
    ok = buffer_printf(&name, "%s %.*s", kind, TEXT_ARG(parts->origin));
    if (parts->path.size || parts->query.size)
        ok = ok && add_hash(&name, url);
    if (ok)
        return buffer_take(&name);
    buffer_clear(&name);
    return NULL;
}

/* The path as it was written, but for the one slash a target must have. */
static char *make_target(struct text url, const struct parts *parts, const char *below)
{
    struct text path = parts->path;
    struct buffer target;

    buffer_init(&target, URL_LIMIT + 64);
    if (!*below)
        path =
            text_part(url, parts->origin.size, url.size - parts->origin.size - parts->query.size);
    buffer_append(&target, path);
    buffer_append_string(&target, below);
    if (!target.size)
        buffer_append_byte(&target, '/');
    buffer_append(&target, parts->query);
    return buffer_take(&target);
}

bool alert_receiver_open(struct alert_receiver *receiver, struct http *http, const char *kind,
                         const char *url, const char *below, const char *ca_file,
                         struct failure *why)
{
    struct text whole = text_of(url);
    struct parts parts;
    char *origin;

    *receiver = (struct alert_receiver){0};
    if (!split(whole, &parts, why)) {
        failure_prefix(why, "%s", kind);
        return false;
    }
    origin = text_copy(parts.origin);
    receiver->name = make_name(kind, whole, &parts);
    receiver->target = make_target(whole, &parts, below);
    if (origin && receiver->name && receiver->target)
        receiver->upstream = upstream_open(http,
                                           &(struct upstream_settings){.origin = origin,
                                                                       .ca_file = ca_file,
                                                                       .name = receiver->name,
                                                                       .max_connections = 1,
                                                                       .allow_plain = true},
                                           why);
    else
        failure_out_of_memory(why);
    memory_free(origin);
    if (receiver->upstream)
        return true;
    alert_receiver_close(receiver);
    return false;
}

void alert_receiver_close(struct alert_receiver *receiver)
{
    upstream_close(receiver->upstream);
    if (receiver->target)
        wipe(receiver->target, strlen(receiver->target));
    memory_free(receiver->target);
    memory_free(receiver->name);
    *receiver = (struct alert_receiver){0};
}

/* ---- one post -------------------------------------------------------------------------------- */

struct post {
    struct operation operation; /* first */
    struct operation *exchange;
    char *name;
    bool (*is_refusal)(int status);
    bool quotes_answers;
    operation_done *done;
    void *context;
};

static void add_quote(struct failure *why, struct text said)
{
    struct failure with = *why;

    said = text_trim(text_part(said, 0, QUOTED_BYTES));
    if (!said.size || !text_is_utf8(said))
        return;
    failure_set(&with, why->kind, "%s: %.*s", why->text, TEXT_ARG(said));
    memcpy(why->text, with.text, sizeof(why->text));
}

static bool understand(const struct post *post, const struct http_answer *answer,
                       struct failure *why)
{
    const char *remark = "";
    enum failure_kind kind = FAILURE_REMOTE;

    if (answer->status >= 200 && answer->status < 300)
        return true;
    if (answer->status >= 300 && answer->status < 400)
        remark = ", and redirects are not followed";
    if (post->is_refusal(answer->status))
        kind = FAILURE_INVALID;
    else if (answer->status == 429)
        kind = FAILURE_THROTTLED;
    failure_set(why, kind, "%s: HTTP %d %s%s", post->name, answer->status,
                http_status_phrase(answer->status), remark);
    if (post->quotes_answers)
        add_quote(why, answer->body);
    why->http_status = answer->status;
    why->retry_after_ms = http_answer_retry_after_ms(answer);
    return false;
}

static void post_free(struct post *post)
{
    memory_free(post->name);
    memory_free(post);
}

static void on_answer(const struct http_answer *answer, const struct failure *failure,
                      void *context)
{
    struct post *post = context;
    struct failure why;
    bool ok = !failure && understand(post, answer, &why);

    if (failure)
        why = *failure;
    /* INVALID would mean that the receiver refused it, and here nobody has. */
    if (failure && failure->kind == FAILURE_INVALID)
        why.kind = FAILURE_INTERNAL;
    post->done(ok ? NULL : &why, post->context);
    post_free(post);
}

static void on_cancel(struct operation *operation)
{
    operation_cancel(((struct post *)operation)->exchange);
}

struct operation *alert_receiver_post(struct alert_receiver *receiver,
                                      const struct http_header *headers, size_t header_count,
                                      struct text body, operation_done *done, void *context)
{
    struct post *post = memory_zeroed(1, sizeof(*post));

    if (!post)
        return NULL;
    post->operation.cancel = on_cancel;
    post->name = memory_string(receiver->name);
    post->is_refusal = receiver->is_refusal;
    post->quotes_answers = receiver->quotes_answers;
    post->done = done;
    post->context = context;
    if (post->name)
        post->exchange = http_send(receiver->upstream,
                                   &(struct http_request){.method = "POST",
                                                          .target = receiver->target,
                                                          .headers = headers,
                                                          .header_count = header_count,
                                                          .body = body,
                                                          .deadline_ms = DEADLINE_MS,
                                                          .max_answer = MAX_ANSWER,
                                                          .retry = HTTP_RETRY_NEVER},
                                   on_answer, post);
    if (post->exchange)
        return &post->operation;
    post_free(post);
    return NULL;
}
