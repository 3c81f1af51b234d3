/* SPDX-License-Identifier: Apache-2.0 */
/* Compact JWS with Ed25519 (RFC 7515, RFC 8037) and nothing else: three parts of base64url without
 * padding, the signature over the bytes of the first two exactly as they came. What the parts say
 * is not looked at here. */
#ifndef AGENT_ADAPTERS_JWS_H
#define AGENT_ADAPTERS_JWS_H

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/text.h"

#include <openssl/evp.h>

#define ED25519_KEY_BYTES       32
#define ED25519_SIGNATURE_BYTES 64

/* Views into the token. */
struct jws {
    struct text header, payload, signature; /* still encoded */
    struct text signed_bytes;
};

must_use bool jws_split(struct text token, struct jws *ret);
/* The bytes of one part; false, and the buffer broken, for anything but their one base64url form.
 */
must_use bool jws_decode(struct text part, struct buffer *out);
must_use bool jws_verify(const struct jws *jws, const uint8_t public_key[ED25519_KEY_BYTES]);

/* Appends the token. False when `key` cannot sign or the buffer broke. */
must_use bool jws_sign(EVP_PKEY *key, struct text header, struct text payload, struct buffer *out);

#endif
