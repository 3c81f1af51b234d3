/* SPDX-License-Identifier: Apache-2.0 */
/* Redirects, followed by ourselves and not by libcurl: what may be followed is a question of trust.
 *
 * Once an exchange has left its origin, even if it is sent back, it carries no credential: no
 * header that was marked secret or is known to hold one, no body, no client certificate.
 */
#include "base/memory.h"
#include "net/alloc.h"
#include "net/client.h"

#include <string.h>

bool redirect_applies(const struct exchange *exchange, const struct http_answer *answer)
{
    bool is_get = !strcmp(exchange->request.method, "GET");
    int status = answer->status;

    if (!http_answer_header(answer, "Location").start)
        return false;
    return status == 307 || status == 308 ||
           (is_get && (status == 301 || status == 302 || status == 303));
}

/* NULL when the exchange may go there. */
static const char *objection(const struct exchange *exchange, const struct origin *from,
                             const struct origin *to, const char *to_string)
{
    const struct request *request = &exchange->request;
    const struct upstream *upstream = exchange->upstream;

    if (exchange->redirects >= request->max_redirects)
        return "redirected once too often";
    if (origin_equal(from, to))
        return NULL;
    if (origin_is_tls(from) && !origin_is_tls(to))
        return "redirected away from TLS";
    if (!origin_is_tls(to) && !origin_is_loopback(to) && !upstream->allow_plain)
        return "redirected to where TLS is missing";
    if (upstream->unix_socket || !request->may_redirect ||
        !request->may_redirect(text_of(to_string), request->redirect_context))
        return "redirected to another server";
    if (request->body_size)
        return "redirected to another server, with a body that is not for it";
    return NULL;
}

static bool go(struct exchange *exchange, const struct origin *from, struct origin *to,
               struct failure *failure)
{
    size_t path_size = strlen(to->base_path), query_size = strlen(to->query);
    char *target = wiping_malloc(path_size + query_size + 2);
    bool leaves = exchange->elsewhere || !origin_equal(from, to);
    struct origin *elsewhere = leaves ? wiping_calloc(1, sizeof(*elsewhere)) : NULL;

    if (!target || (leaves && !elsewhere)) {
        wiping_free(target);
        wiping_free(elsewhere);
        return failure_out_of_memory(failure);
    }
    memcpy(target, to->base_path, path_size);
    if (query_size)
        target[path_size++] = '?';
    memcpy(target + path_size, to->query, query_size + 1);
    wiping_free(exchange->request.target);
    exchange->request.target = target;
    redirect_forget(exchange);
    if (leaves) {
        *elsewhere = *to;
        *to = (struct origin){0};
        exchange->elsewhere = elsewhere;
    }
    exchange->is_redirected = true;
    exchange->redirects++;
    return true;
}

bool redirect_follow(struct exchange *exchange, const struct http_answer *answer,
                     struct failure *failure)
{
    const struct origin *home = &exchange->upstream->origin;
    const struct origin *from = exchange->elsewhere ? exchange->elsewhere : home;
    cleanup_with(origin_clear) struct origin to = {0};
    struct text location = http_answer_header(answer, "Location");
    const char *why;
    char *to_string;
    bool goes;

    if (!origin_resolve(from, exchange->is_redirected ? "" : from->base_path,
                        exchange->request.target, location, &to, failure))
        return false;
    to_string = origin_string(&to);
    if (!to_string)
        return failure_out_of_memory(failure);
    why = objection(exchange, from, &to, to_string);
    goes = why ? failure_set(failure, FAILURE_PROTOCOL, "%s, %s: not followed", why, to_string)
               : go(exchange, from, &to, failure);
    memory_free(to_string);
    return goes;
}

void redirect_forget(struct exchange *exchange)
{
    if (exchange->elsewhere)
        origin_clear(exchange->elsewhere);
    wiping_free(exchange->elsewhere);
    exchange->elsewhere = NULL;
}
