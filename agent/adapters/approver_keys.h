/* SPDX-License-Identifier: Apache-2.0 */
/* An approver's key pair, as two files: NAME.key (Ed25519, PKCS#8 in PEM, mode 0600) stays with the
 * approver; NAME.pub (one line, base64 of the 32 bytes) is for the configuration. */
#ifndef AGENT_ADAPTERS_APPROVER_KEYS_H
#define AGENT_ADAPTERS_APPROVER_KEYS_H

#include "base/attributes.h"
#include "base/failure.h"

#include <openssl/evp.h>
#include <stdbool.h>

/* `name`: 1 to 64 of A-Z a-z 0-9 . _ @ -. Never overwrites; makes both files or none. */
must_use bool approver_keys_make(const char *name, const char *directory, struct failure *why);

/* The private key, to be freed with EVP_PKEY_free(). NULL with `why` when others may open the file,
 * it is encrypted, or holds no Ed25519 key. */
must_use EVP_PKEY *approver_key_read(const char *path, struct failure *why);

#endif
