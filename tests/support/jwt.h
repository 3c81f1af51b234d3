/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Tokens with keys of the tests' own (RS256). */
#ifndef TESTS_SUPPORT_JWT_H
#define TESTS_SUPPORT_JWT_H

#include <openssl/evp.h>

EVP_PKEY *jwt_key_new(void);
/* As PEM with "\n" for its line ends, ready for a JSON string; to free(). */
char *jwt_public_key(EVP_PKEY *key);
/* `claims` is a JSON object; to free(). */
char *jwt_sign(EVP_PKEY *key, const char *claims);

#endif
