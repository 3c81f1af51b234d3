/* SPDX-License-Identifier: Apache-2.0 */
/* Instants and durations. An instant is int64_t milliseconds since 1970-01-01T00:00:00Z (names end
 * in _at or _ms), a duration uint64_t milliseconds (names end in _ms). Pure: nobody here asks a
 * clock. */
#ifndef BASE_MOMENT_H
#define BASE_MOMENT_H

#include "base/attributes.h"
#include "base/failure.h"
#include "base/text.h"

#include <stdint.h>

#define INSTANT_SIZE  25 /* "2026-01-01T00:00:00.000Z" and NUL */
#define DURATION_SIZE 32

/* RFC 3339 with any number of fraction digits and any offset, years 1970 to 9999. */
must_use bool instant_parse(struct text text, int64_t *ret);
/* "2026-01-01T00:00:00Z"; with the milliseconds when they are not zero. */
void instant_format(int64_t instant, char out[INSTANT_SIZE]);
/* The three forms of HTTP dates (RFC 9110, 5.6.7). */
must_use bool instant_parse_http(struct text text, int64_t *ret);

/* "90s", "1h30m", "250ms", "2d": units ms s m h d, each at most once, descending. A bare number is
 * refused: it has no unit. Up to 10 years. */
must_use bool duration_parse(struct text text, uint64_t *ret, struct failure *why);
/* The shortest exact form: "1m30s". */
void duration_format(uint64_t duration_ms, char out[DURATION_SIZE]);

#endif
