/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/azureclient/certificates.h"

#include "tests/support/test.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>

EVP_PKEY *certificates_rsa_key(void)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);

    assert_non_null(key);
    return key;
}

EVP_PKEY *certificates_ec_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");

    assert_non_null(key);
    return key;
}

X509 *certificates_make(EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, long from_s, long to_s)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    static long serial;

    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), to_s);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               (const unsigned char *)(issuer ? "app" : "self"), -1, -1, 0);
    X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : name);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, issuer_key ? issuer_key : key, EVP_sha256()) > 0);
    return certificate;
}

static FILE *open_file(const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);

    assert_non_null(file);
    return file;
}

void certificates_write(const char *path, const char *contents)
{
    FILE *file = open_file(path, "w");

    fputs(contents, file);
    fclose(file);
}

void certificates_add_key(const char *path, EVP_PKEY *key, const char *password)
{
    FILE *file = open_file(path, "a");

    assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, password ? EVP_aes_256_cbc() : NULL,
                                               password, password ? (int)strlen(password) : 0, NULL,
                                               NULL),
                     1);
    fclose(file);
}

void certificates_add(const char *path, X509 *certificate)
{
    FILE *file = open_file(path, "a");

    assert_int_equal(PEM_write_X509(file, certificate), 1);
    fclose(file);
}

void certificates_write_archive(const char *path, const char *password, EVP_PKEY *key, X509 *leaf,
                                X509 *issuer)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    FILE *file = open_file(path, "w");
    PKCS12 *archive;

    if (issuer)
        sk_X509_push(chain, issuer);
    archive = PKCS12_create(password, "app", key, leaf, chain, 0, 0, 0, 0, 0);
    assert_non_null(archive);
    assert_int_equal(i2d_PKCS12_fp(file, archive), 1);
    fclose(file);
    PKCS12_free(archive);
    sk_X509_free(chain);
}
