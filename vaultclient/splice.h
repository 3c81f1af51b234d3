/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and changes JSON without decoding it: finds where in a text a member's value stands, and
 * puts another in its place. What is not touched keeps every byte, so a neighbour's 1.10 or
 * 9007199254740993 stays what it was, and no secret passes through a JSON library.
 *
 * Pure. First vault_splice_check() the whole document; the others then trust the text they are
 * given.
 */
#ifndef VAULTCLIENT_SPLICE_H
#define VAULTCLIENT_SPLICE_H

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/failure.h"
#include "base/text.h"

#include <stdbool.h>

/* Deeper than the servers accept (999 levels). */
#define SPLICE_DEPTH 1000

/* One JSON value (RFC 8259) and nothing behind it; no member twice in an object, however it is
 * spelt; no broken UTF-8, no lone surrogate. FAILURE_PROTOCOL names the offset and never shows the
 * text. */
must_use bool vault_splice_check(struct text json, struct failure *why);

/* The raw text of the member's value, without white space around it. False when `object` is not an
 * object or has no such member. `name` is plain UTF-8. */
must_use bool vault_splice_member(struct text object, struct text name, struct text *value);

/* Appends the string that the raw text `value` stands for; false when it is not a string (nothing
 * is appended then) or the buffer broke. */
must_use bool vault_splice_decode(struct text value, struct buffer *out);

/* Appends `text` as a JSON string. False when it is not UTF-8 or the buffer broke. */
must_use bool vault_splice_encode(struct text text, struct buffer *out);

/* Appends `object` with the member `name` set to the string `value`: in place when it is there,
 * else at the end. An `object` that is null counts as {}. False when `name` or `value` is not
 * UTF-8, `object` is something else, or the buffer broke. */
must_use bool vault_splice_set(struct text object, struct text name, struct text value,
                               struct buffer *out);

#endif
