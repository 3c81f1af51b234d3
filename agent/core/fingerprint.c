/* SPDX-License-Identifier: Apache-2.0 */
/* Fingerprints are keyed hashes, not secrets: they are compared and shown plainly. */
#include "agent/core/fingerprint.h"

#include <string.h>

bool fingerprint_equal(const struct fingerprint *a, const struct fingerprint *b)
{
    return memcmp(a->bytes, b->bytes, FINGERPRINT_BYTES) == 0;
}

void fingerprint_show(const struct fingerprint *fingerprint, char out[FINGERPRINT_SHOWN])
{
    hex_encode(fingerprint->bytes, (FINGERPRINT_SHOWN - 1) / 2, out);
}

void fingerprint_hex(const struct fingerprint *fingerprint, char out[FINGERPRINT_HEX])
{
    hex_encode(fingerprint->bytes, FINGERPRINT_BYTES, out);
}

bool fingerprint_parse(struct text hex, struct fingerprint *ret)
{
    struct fingerprint parsed;

    if (!hex_decode(hex, parsed.bytes, sizeof(parsed.bytes)))
        return false;
    *ret = parsed;
    return true;
}
