/* SPDX-License-Identifier: Apache-2.0 */
/* A server may quote in its errors what it was sent. What it says is shown to people and logged, so
 * a secret is struck out of the whole answer before anybody reads it. */
#include "vaultclient/wire.h"

#include <string.h>

#define WORD_BYTES 8 /* what is shorter stands in our own words too */

bool vault_wire_scrub(struct text body, const struct secret *secret, struct buffer *out)
{
    struct text needle = secret ? secret_reveal(secret) : (struct text){NULL, 0};
    size_t at;

    if (!needle.size || text_find(body, needle) == SIZE_MAX)
        return false;
    buffer_init(out, body.size);
    while ((at = text_find(body, needle)) != SIZE_MAX) {
        buffer_append(out, text_part(body, 0, at));
        for (size_t i = 0; i < needle.size; i++)
            buffer_append_byte(out, '*');
        body = text_part(body, at + needle.size, SIZE_MAX);
    }
    buffer_append(out, body);
    if (!buffer_ok(out))
        buffer_reset(out);
    return true;
}

void vault_wire_scrub_failure(struct failure *why, const struct secret *secret)
{
    struct text needle = secret ? secret_reveal(secret) : (struct text){NULL, 0};
    size_t at;

    while (needle.size >= WORD_BYTES && (at = text_find(text_of(why->text), needle)) != SIZE_MAX)
        memset(why->text + at, '*', needle.size);
}
