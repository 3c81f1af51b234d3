/* SPDX-License-Identifier: Apache-2.0 */
/* How far the cluster had come when it last answered us.
 *
 * A standby of OpenBao answers reads from its own copy, which after a write is old more often than
 * not. Since 2.7 each success carries an index; sent back with the wish to be forwarded, it makes
 * the standby either answer from a copy that is at least as new or ask the active node. Sent alone
 * it would be refused (429) while the copy is behind, for writes too, so it never is there.
 *
 * Vault answers 400 to whoever wishes to be forwarded, unless its configuration says
 * allow_forwarding_via_header. So the wish is dropped at the first such answer: the community
 * edition forwards everything, and of the others a copy that is behind the index says 412. */
#include "vaultclient/internal.h"

#include "base/memory.h"
#include "net/json.h"

#include <string.h>

/* What is in base64({"cluster":"...","value":"58"}); NULL for anything else, Vault Enterprise's for
 * example. */
static json_t *index_read(struct text index)
{
    cleanup_with(buffer_clear) struct buffer plain = {.limit = 1024};

    return buffer_append_base64_decoded(&plain, index) ? json_read_object(buffer_text(&plain), NULL)
                                                       : NULL;
}

/* A standby's answer tells its own place, which may be behind what another told before. */
static bool is_older(struct text index, struct text than)
{
    cleanup_with(json_clean) json_t *a = index_read(index), *b = index_read(than);
    uint64_t value, other;

    return json_equal(json_object_get(a, "cluster"), json_object_get(b, "cluster")) &&
           text_parse_u64(json_text_at(a, "value"), UINT64_MAX, &value) &&
           text_parse_u64(json_text_at(b, "value"), UINT64_MAX, &other) && value < other;
}

/* What came in a header may be more than one may send: all decisive requests would fail with it. */
static bool is_sendable(struct text index)
{
    return vault_wire_check_token(index, "index", NULL);
}

void vault_index_take(struct vault_client *client, const struct http_answer *answer)
{
    struct text index = http_answer_header(answer, "X-Vault-Index");
    char *copy;

    if (answer->status / 100 != 2 || index.size > 1024 || !is_sendable(index) ||
        text_is(index, client->index ? client->index : ""))
        return;
    if (client->index && is_older(index, text_of(client->index)))
        return;
    copy = text_copy(index);
    if (!copy)
        return;
    memory_free(client->index);
    client->index = copy;
}

void vault_index_drop(struct vault_client *client)
{
    memory_free(client->index);
    client->index = NULL;
}

size_t vault_index_headers(const struct vault_client *client, bool sends_index,
                           struct http_header *headers)
{
    size_t count = 0;

    if (sends_index)
        headers[count++] =
            (struct http_header){.name = "X-Vault-Index", .value = text_of(client->index)};
    if (client->forwards_nobody)
        return count;
    headers[count++] =
        sends_index ? (struct http_header){.name = "X-Vault-Inconsistent",
                                           .value = TEXT("forward-active-node")}
                    : (struct http_header){.name = "X-Vault-Forward", .value = TEXT("active-node")};
    return count;
}
