/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate authority that lives as long as the lab, one server certificate for all listeners,
 * and a client certificate for those who log in with one. Strict verifiers (OpenSSL's
 * X509_V_FLAG_X509_STRICT) want the key identifiers and usages that are set here. */
#include "examples/lab/lab.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

static bool add_extension(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    bool is_added;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    is_added = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

static bool name_set(X509 *certificate, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(certificate);

    return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC,
                                      (const unsigned char *)"keydrift-lab", -1, -1, 0) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name,
                                      -1, -1, 0) == 1;
}

/* Issuer NULL: signs itself. The extensions are pairs of kind and value, up to a kind of 0. */
struct extension {
    int kind;
    const char *value;
};
static X509 *certificate_new(const char *common_name, EVP_PKEY *key, X509 *issuer,
                             EVP_PKEY *issuer_key, const struct extension *extensions)
{
    X509 *certificate = X509_new();
    uint8_t serial[8];
    bool is_good;

    if (!certificate || RAND_bytes(serial, sizeof(serial)) != 1)
        goto failed;
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
    is_good = X509_set_version(certificate, 2) == 1 && name_set(certificate, common_name) &&
              X509_set_issuer_name(certificate,
                                   X509_get_subject_name(issuer ? issuer : certificate)) == 1 &&
              X509_set_pubkey(certificate, key) == 1 &&
              /* An hour back, for clocks that are a little slow. */
              X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) &&
              X509_gmtime_adj(X509_getm_notAfter(certificate), 30L * 86400);
    if (is_good) {
        BIGNUM *number = BN_bin2bn(serial, sizeof(serial), NULL);

        is_good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
        BN_free(number);
    }
    for (; is_good && extensions->kind; extensions++)
        is_good = add_extension(certificate, issuer ? issuer : certificate, extensions->kind,
                                extensions->value);
    if (is_good && X509_sign(certificate, issuer_key, EVP_sha256()) > 0)
        return certificate;
failed:
    X509_free(certificate);
    return NULL;
}

/* Either may be NULL. */
static char *pem_of(EVP_PKEY *key, X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct text text = {0};
    char *bytes = NULL, *copy = NULL;
    long size;

    if (bio && (!key || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) &&
        (!certificate || PEM_write_bio_X509(bio, certificate) == 1)) {
        size = BIO_get_mem_data(bio, &bytes);
        text = (struct text){bytes, (size_t)size};
        copy = text_copy(text);
    }
    BIO_free(bio);
    return copy;
}

/* Of three primes: found in a third of the time, and nobody who only verifies can tell. */
static EVP_PKEY *rsa_new_quickly(void)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;

    if (context && EVP_PKEY_keygen_init(context) == 1 &&
        EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) == 1 &&
        EVP_PKEY_CTX_set_rsa_keygen_primes(context, 3) == 1)
        EVP_PKEY_generate(context, &key);
    EVP_PKEY_CTX_free(context);
    return key;
}

/* A key that signs tokens, and the id by which it is published. */
static EVP_PKEY *signer_new(char id[17])
{
    uint8_t digest[SHA256_DIGEST_LENGTH], *der = NULL;
    EVP_PKEY *key = rsa_new_quickly();
    int size = key ? i2d_PUBKEY(key, &der) : -1;

    if (size < 0) {
        EVP_PKEY_free(key);
        return NULL;
    }
    SHA256(der, (size_t)size, digest);
    OPENSSL_free(der);
    hex_encode(digest, 8, id);
    return key;
}

static bool p12_make(struct buffer *out, const char *password, EVP_PKEY *key, X509 *certificate)
{
    PKCS12 *p12 = PKCS12_create(password, "keydrift", key, certificate, NULL, 0, 0, 0, 0, 0);
    uint8_t *der = NULL;
    int size = p12 ? i2d_PKCS12(p12, &der) : -1;

    if (size > 0)
        buffer_append(out, (struct text){(const char *)der, (size_t)size});
    OPENSSL_free(der);
    PKCS12_free(p12);
    return size > 0 && buffer_ok(out);
}

static bool thumbprint_of(const X509 *certificate, char out[41])
{
    uint8_t digest[SHA_DIGEST_LENGTH];
    unsigned size;

    if (X509_digest(certificate, EVP_sha1(), digest, &size) != 1 || size != sizeof(digest))
        return false;
    hex_encode(digest, sizeof(digest), out);
    return true;
}

bool pki_init(struct pki *pki, const char *p12_password, struct failure *why)
{
    static const struct extension ca_extensions[] = {
        {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
        {NID_key_usage, "critical,keyCertSign,cRLSign"},
        {NID_subject_key_identifier, "hash"},
        {0, NULL},
    };
    static const struct extension server_extensions[] = {
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_key_usage, "critical,digitalSignature"},
        {NID_ext_key_usage, "serverAuth"},
        {NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1"},
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid:always"},
        {0, NULL},
    };
    static const struct extension client_extensions[] = {
        {NID_key_usage, "critical,digitalSignature"},
        {NID_ext_key_usage, "clientAuth"},
        {NID_subject_key_identifier, "hash"},
        {0, NULL},
    };
    static const struct extension named_extensions[] = {
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_key_usage, "critical,digitalSignature"},
        {NID_ext_key_usage, "clientAuth"},
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid:always"},
        {0, NULL},
    };
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *server_key = EVP_EC_gen("P-256");
    EVP_PKEY *client_key = EVP_RSA_gen(2048);
    X509 *server = NULL;
    bool is_good = false;

    *pki = (struct pki){0};
    buffer_init(&pki->client_p12, 65536);
    if (ca_key && server_key && client_key) {
        pki->ca = certificate_new("keydrift-lab CA", ca_key, NULL, ca_key, ca_extensions);
        pki->client = certificate_new("keydrift", client_key, NULL, client_key, client_extensions);
    }
    if (pki->ca) {
        server = certificate_new("localhost", server_key, pki->ca, ca_key, server_extensions);
        pki->named_client =
            certificate_new("keydrift.lab.example", client_key, pki->ca, ca_key, named_extensions);
    }
    if (server && pki->client && pki->named_client) {
        pki->ca_pem = pem_of(NULL, pki->ca);
        pki->server_pem = pem_of(NULL, server);
        pki->server_key_pem = pem_of(server_key, NULL);
        pki->client_pem = pem_of(client_key, pki->client);
        pki->named_client_pem = pem_of(client_key, pki->named_client);
        pki->signer = signer_new(pki->signer_id);
        pki->federation = signer_new(pki->federation_id);
        is_good = pki->ca_pem && pki->server_pem && pki->server_key_pem && pki->client_pem &&
                  pki->named_client_pem && pki->signer && pki->federation &&
                  thumbprint_of(server, pki->server_thumbprint) &&
                  p12_make(&pki->client_p12, p12_password, client_key, pki->client);
    }
    X509_free(server);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(server_key);
    EVP_PKEY_free(client_key);
    if (is_good)
        return true;
    pki_clear(pki);
    return failure_set(why, FAILURE_INTERNAL, "the certificates could not be made");
}

void pki_clear(struct pki *pki)
{
    free(pki->ca_pem);
    free(pki->server_pem);
    free(pki->server_key_pem);
    free(pki->client_pem);
    free(pki->named_client_pem);
    buffer_clear(&pki->client_p12);
    X509_free(pki->ca);
    X509_free(pki->client);
    X509_free(pki->named_client);
    EVP_PKEY_free(pki->signer);
    EVP_PKEY_free(pki->federation);
    *pki = (struct pki){0};
}
