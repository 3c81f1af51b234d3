/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate with its RSA key, and the assertion Entra takes as proof of having it. */
#ifndef AZURECLIENT_CERTIFICATE_H
#define AZURECLIENT_CERTIFICATE_H

#include "base/attributes.h"
#include "base/failure.h"
#include "base/secret.h"

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

struct certificate {
    EVP_PKEY *key;
    X509 *leaf;
    STACK_OF(X509) * chain; /* without the leaf, in the order of the file; may be empty */
};

/* Of a PEM or PKCS#12 file; the key may stand in a PEM file of its own (NULL: it does not).
 * `password` may be NULL. False for whatever Entra could not take: no certificate, no key or
 * another's, not RSA, expired or not yet valid at `now_at`. Never asks a terminal. */
must_use bool certificate_read(const char *file, const char *key_file,
                               const struct secret *password, int64_t now_at,
                               struct certificate *ret, struct failure *why);
void certificate_clear(struct certificate *certificate);

struct assertion {
    const char *audience; /* the URL of the token endpoint */
    const char *client_id;
    int64_t now_at;
    bool use_rs256; /* else PS256 */
    bool send_chain;
};

/* A JSON web token of ten minutes, as
 * https://learn.microsoft.com/entra/identity-platform/certificate-credentials has it. NULL with
 * `why`: no memory, or OpenSSL cannot sign. */
must_use struct secret *assertion_sign(const struct certificate *certificate,
                                       const struct assertion *assertion, struct failure *why);

#endif
