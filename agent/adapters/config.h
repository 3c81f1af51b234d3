/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the configuration file into a struct config.
 *
 * One table (config_table.c) says which keys there are; the reader, the JSON Schema and the printed
 * configuration all walk it. Everything wrong with a file is reported at once, each with its place.
 * A value of a secret is never read here, and never shown: only where it is kept.
 */
#ifndef AGENT_ADAPTERS_CONFIG_H
#define AGENT_ADAPTERS_CONFIG_H

#include "agent/ports/config.h"
#include "base/buffer.h"
#include "base/secret.h"

#define CONFIG_FILE_LIMIT ((size_t)16 << 20) /* bytes; a larger file is refused */

/* One problem a line, "file:line:column: error: what was found, what is expected", in file order.
 */
struct config_problems {
    struct buffer text;
    size_t errors, warnings;
};

/* NULL when there are errors. `problems` is filled in any case, whatever it held before; the caller
 * clears its text. `path` is what the messages call the file; relative paths in the file start at
 * its folder. */
must_use struct config *config_read(const char *path, struct config_problems *problems);
/* The same of bytes that are at hand; says nothing of the file's permissions. */
must_use struct config *config_read_text(const char *path, struct text yaml,
                                         struct config_problems *problems);
struct config *config_free(struct config *config); /* NULL is fine; returns NULL */

/* The JSON Schema (draft 2020-12) of the file. False when the buffer broke or out of memory. */
bool config_schema(struct buffer *out);
/* The effective configuration, defaults included, as JSON that reads back as the same
 * configuration. */
bool config_show(const struct config *config, struct buffer *out);

/* Fetches the secret from its place. One newline at the end of a file is dropped; an empty secret
 * is a failure. `what` begins the failure text, e.g. "vault.auth.token". NULL with `why`. */
must_use struct secret *config_secret_read(const struct config_secret *secret, const char *what,
                                           struct failure *why);

#endif
