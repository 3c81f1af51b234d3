/* SPDX-License-Identifier: Apache-2.0 */
/* Small files that hold keys: read only when nobody else could have read them, made whole or not at
 * all. */
#ifndef AGENT_ADAPTERS_PRIVATE_FILE_H
#define AGENT_ADAPTERS_PRIVATE_FILE_H

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/failure.h"

#include <sys/types.h>

#define PRIVATE_FILE_LIMIT ((size_t)16 << 10)

/* Appends the contents to `out`. Refused (DENIED) when group or others have any right to it;
 * NOT_FOUND when there is none. */
must_use bool private_file_read(const char *path, struct buffer *out, struct failure *why);

/* Never overwrites: CONFLICT when `path` exists. Durable, and never visible half-written. */
must_use bool private_file_make(const char *path, struct text content, mode_t mode,
                                struct failure *why);

#endif
