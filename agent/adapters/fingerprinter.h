/* SPDX-License-Identifier: Apache-2.0 */
/* Makes fingerprints (core/fingerprint.h) and keeps the installation's key they are made with. */
#ifndef AGENT_ADAPTERS_FINGERPRINTER_H
#define AGENT_ADAPTERS_FINGERPRINTER_H

#include "agent/core/fingerprint.h"
#include "base/failure.h"
#include "base/secret.h"

#define FINGERPRINT_KEY_BYTES 32

struct fingerprinter;

/* For one thread. `key` is FINGERPRINT_KEY_BYTES raw bytes, which are copied; NULL when it is not,
 * or out of memory. */
must_use struct fingerprinter *fingerprinter_new(const struct secret *key);
struct fingerprinter *fingerprinter_free(struct fingerprinter *fingerprinter);

/* False, `ret` untouched, only when OpenSSL fails (out of memory). */
must_use bool fingerprinter_make(struct fingerprinter *fingerprinter, struct text value,
                                 struct fingerprint *ret);

/* A key is kept as one line, the base64 of its bytes, wherever it is kept. NULL with INVALID. */
must_use struct secret *fingerprint_key_decode(struct text line, struct failure *why);

/* For a run that keeps nothing. NULL when there are no random numbers, or out of memory. */
must_use struct secret *fingerprint_key_random(void);

/* A new random key in a new file of mode 0600. CONFLICT when `path` exists. */
must_use bool fingerprint_key_make(const char *path, struct failure *why);

/* The key in the file at `path`, which nobody but its owner may be able to open; makes it when
 * there is none and `may_make`. Two processes that make it at once get the same key. NULL with
 * `why`. */
must_use struct secret *fingerprint_key_load_or_make(const char *path, bool may_make,
                                                     struct failure *why);

#endif
