/* SPDX-License-Identifier: Apache-2.0 */
/* The scoring endpoint: what an application calls with the key. The gateway looks at the key first,
 * and says so in plain text. Every answered call stands in the list of requests, with the slot its
 * key is of. */
#include "examples/lab/lab.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD_MAX 1572864 /* 1.5 MB */

static int slot_with_key(const struct resource *endpoint, bool is_stale, struct text key)
{
    for (int slot = 0; slot < (int)endpoint->key_count; slot++) {
        struct text own = text_of(resource_key(endpoint, slot, is_stale));

        if (own.size == key.size && CRYPTO_memcmp(own.start, key.start, key.size) == 0)
            return slot;
    }
    return -1;
}

/* "/score" is the first endpoint's, "/NAME/score" any one's. */
static const struct resource *endpoint_of(const struct exchange *exchange)
{
    const struct world *world = &exchange->lab->world;
    struct segments segments = segments_of(text_of(exchange->path));

    if (segments.count == 1 && segment_is(&segments, 0, "score"))
        return world->first;
    if (segments.count == 2 && segment_is(&segments, 1, "score"))
        return world_find(world, segments.part[0]);
    return NULL;
}

static void score(struct exchange *exchange, const struct resource *endpoint)
{
    const struct server_header headers[] = {
        {TEXT("Content-Type"), TEXT("application/json")},
        {TEXT("azureml-model-deployment"), TEXT("blue")},
        {TEXT("ms-azureml-model-time"), TEXT("3")},
    };
    json_t *json = json_pack("{s:s, s:[{s:s, s:f}]}", "filename", endpoint->name, "predictions",
                             "label", "Ambrosia artemisiifolia", "score", 0.875);
    char *body = json ? json_dump_short(json) : NULL;

    json_decref(json);
    exchange_reply(exchange, body ? 200 : 500, headers, 3, text_of(body));
    free(body);
}

void scoring_handle(struct exchange *exchange)
{
    struct text header = server_header(exchange->request, "Authorization");
    struct text deployment = server_header(exchange->request, "azureml-model-deployment");
    const struct text scheme = TEXT("Bearer ");
    const struct resource *endpoint = endpoint_of(exchange);
    int slot;

    if (!endpoint) {
        exchange_reply_text(exchange, 404, "");
        return;
    }
    if (header.start && !text_starts_with_ignoring_case(header, scheme)) {
        exchange_reply_text(exchange, 403, "key_auth_bad_header_forbidden");
        return;
    }
    slot = slot_with_key(endpoint, exchange->is_stale,
                         text_trim(text_part(header, scheme.size, header.size)));
    exchange_caller(exchange, text_of(slot < 0 ? "unknown key" : endpoint->keys[slot].name));
    if (slot < 0)
        exchange_reply_text(exchange, 401, "key_auth_access_denied");
    else if (!exchange_method_is(exchange, "POST"))
        exchange_reply_text(exchange, 405, "");
    else if (deployment.size && !text_is(deployment, "blue"))
        exchange_reply_text(exchange, 404, "");
    else if (exchange->request->body.size > PAYLOAD_MAX)
        exchange_reply_text(exchange, 413, "payload too large");
    else
        score(exchange, endpoint);
}
