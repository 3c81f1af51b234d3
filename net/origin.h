/* SPDX-License-Identifier: Apache-2.0 */
/* Where an upstream is: the parts of "https://host:port/base/path". */
#ifndef NET_ORIGIN_H
#define NET_ORIGIN_H

#include "base/attributes.h"
#include "base/failure.h"
#include "base/text.h"

#include <stdbool.h>

struct origin {
    char *scheme;    /* "http" or "https" */
    char *host;      /* lower case; an IPv6 address keeps its brackets */
    char *port;      /* always there */
    char *base_path; /* "" or "/base/path", no slash at the end */
    char *query;     /* only from origin_resolve(); "" or "a=b" */
};

/* An upstream's origin: no user, no query, no fragment. */
must_use bool origin_parse(const char *url, struct origin *ret, struct failure *why);
/* Where `location`, found in the answer to `base_path` + `target` at `from`, leads: `base_path` and
 * `query` of the result are the new target. */
must_use bool origin_resolve(const struct origin *from, const char *base_path, const char *target,
                             struct text location, struct origin *ret, struct failure *why);
void origin_clear(struct origin *origin);

bool origin_equal(const struct origin *a, const struct origin *b);
bool origin_is_tls(const struct origin *origin);
bool origin_is_loopback(const struct origin *origin);
/* "https://host" or "https://host:8200", to memory_free(); NULL when out of memory. */
must_use char *origin_string(const struct origin *origin);
/* The same without the scheme, as in a Host header. */
must_use char *origin_authority(const struct origin *origin);

#endif
