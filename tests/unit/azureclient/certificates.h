/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and certificates made while a test runs, so that none lies around in the source. */
#ifndef TESTS_AZURECLIENT_CERTIFICATES_H
#define TESTS_AZURECLIENT_CERTIFICATES_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

EVP_PKEY *certificates_rsa_key(void);
EVP_PKEY *certificates_ec_key(void);
/* For `key`, signed by `issuer` with `issuer_key`, or by itself when they are NULL. */
X509 *certificates_make(EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, long from_s, long to_s);

/* Everything below replaces or extends a file; NULL arguments are left out. */
void certificates_write(const char *path, const char *contents);
void certificates_add_key(const char *path, EVP_PKEY *key, const char *password);
void certificates_add(const char *path, X509 *certificate);
void certificates_write_archive(const char *path, const char *password, EVP_PKEY *key, X509 *leaf,
                                X509 *issuer);

#endif
