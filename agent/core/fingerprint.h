/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SHA256 of a value under the installation's key: equal values, equal fingerprints; nothing
 * else can be learned from one. The core compares these and never sees a value. */
#ifndef AGENT_CORE_FINGERPRINT_H
#define AGENT_CORE_FINGERPRINT_H

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define FINGERPRINT_BYTES 32
#define FINGERPRINT_SHOWN 13 /* 12 hex digits and NUL: what people see */
#define FINGERPRINT_HEX   65 /* all of it and NUL: what plans are bound to */

struct fingerprint {
    uint8_t bytes[FINGERPRINT_BYTES];
};

bool fingerprint_equal(const struct fingerprint *a, const struct fingerprint *b);
void fingerprint_show(const struct fingerprint *fingerprint, char out[FINGERPRINT_SHOWN]);
void fingerprint_hex(const struct fingerprint *fingerprint, char out[FINGERPRINT_HEX]);
must_use bool fingerprint_parse(struct text hex, struct fingerprint *ret);

#endif
