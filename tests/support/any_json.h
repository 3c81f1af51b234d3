/* SPDX-License-Identifier: Apache-2.0 */
/* Random JSON objects, the same for the same seed, written down before and after one field is set:
 * whoever sets it must get exactly what stands here, byte for byte. Made by writing alone, so that
 * nothing here can be wrong in the way a parser is. */
#ifndef TESTS_SUPPORT_ANY_JSON_H
#define TESTS_SUPPORT_ANY_JSON_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

struct any_json {
    uint64_t state;
    unsigned budget, names;
    /* The object in any spelling: blanks, escapes, numbers of any form; every name once. */
    struct buffer before, after;
    /* Of the field that is set, as plain text. `before` holds it with the value `old`, or lacks it
     * and `after` has it at the end. No NUL in any of them. */
    struct buffer name, old_value, new_value;
    bool is_added;
};

void any_json_init(struct any_json *json, uint64_t seed);
/* Another one. Large: some texts have tens of thousands of characters. */
void any_json_next(struct any_json *json, bool is_large);
void any_json_clear(struct any_json *json);

#endif
