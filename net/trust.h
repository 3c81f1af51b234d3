/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and keys of an upstream, looked at when it is opened. */
#ifndef NET_TRUST_H
#define NET_TRUST_H

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/failure.h"
#include "base/text.h"

#include <stdbool.h>

/* FAILURE_INVALID names the file: not there, a folder, empty, or without what it is to hold. */
must_use bool trust_check_certificate_file(const char *what, const char *path, struct failure *why);
/* A client certificate and its key: readable, without a passphrase, of each other, and valid now.
 */
must_use bool trust_check_pair_of_files(const char *cert_file, const char *key_file,
                                        struct failure *why);
must_use bool trust_check_pair(struct text cert_pem, struct text key_pem, struct failure *why);
/* All trusted certificates in one text; `file` and `folder` may be NULL, `given` empty. */
must_use bool trust_gather(const char *file, const char *folder, struct text given,
                           struct buffer *pem, struct failure *why);

#endif
