/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of the loopback server, and certificates to try it with. */
#include "tests/support/loopback_tls.h"

#include <assert.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                   const unsigned char *in, unsigned in_size, void *context)
{
    struct loopback_tls_news *news = context;
    size_t size = 0;

    (void)ssl;
    for (unsigned i = 0; i < in_size; i += 1U + in[i]) {
        size += (size_t)snprintf(news->alpn + size, sizeof(news->alpn) - size, "%s%.*s",
                                 i ? "," : "", in[i], (const char *)in + i + 1);
        if (in[i] == 8 && !memcmp(in + i + 1, "http/1.1", 8)) {
            *out = in + i + 1;
            *out_size = 8;
        }
    }
    return SSL_TLSEXT_ERR_OK;
}

static int on_server_name(SSL *ssl, int *alert, void *context)
{
    struct loopback_tls_news *news = context;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    snprintf(news->server_name, sizeof(news->server_name), "%s", name ? name : "");
    return SSL_TLSEXT_ERR_OK;
}

SSL_CTX *loopback_tls_context(const struct loopback_settings *settings,
                              struct loopback_tls_news *news)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    int ok = SSL_CTX_use_certificate_chain_file(context, settings->cert_file) &&
             SSL_CTX_use_PrivateKey_file(context, settings->key_file, SSL_FILETYPE_PEM);

    assert(ok);
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"loopback", 8);
    SSL_CTX_set_alpn_select_cb(context, on_alpn, news);
    SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
    SSL_CTX_set_tlsext_servername_arg(context, news);
    if (settings->tls_1_1_only) {
        SSL_CTX_set_security_level(context, 0);
        SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
        SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
    }
    if (settings->client_ca_file) {
        ok = SSL_CTX_load_verify_locations(context, settings->client_ca_file, NULL);
        assert(ok);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return context;
}

SSL *loopback_tls_new(SSL_CTX *context)
{
    SSL *ssl = SSL_new(context);

    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(ssl);
    return ssl;
}

/* ---- certificates ---------------------------------------------------------------------------- */

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert(extension);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
}

static X509 *make(EVP_PKEY *key, const char *name, const char *names, long ends_in_s, X509 *issuer,
                  EVP_PKEY *issuer_key)
{
    static long serial = 1;
    X509 *cert = X509_new();
    X509_NAME *subject = X509_get_subject_name(cert);

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(cert), -86400);
    X509_gmtime_adj(X509_getm_notAfter(cert), ends_in_s);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : subject);
    add_extension(cert, NID_basic_constraints, issuer ? "CA:FALSE" : "critical,CA:TRUE");
    if (names)
        add_extension(cert, NID_subject_alt_name, names);
    X509_sign(cert, issuer_key, EVP_sha256());
    return cert;
}

static void save(const char *folder, const char *name, X509 *cert, EVP_PKEY *key)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s.pem", folder, name);
    file = fopen(path, "w");
    assert(file);
    PEM_write_X509(file, cert);
    fclose(file);
    snprintf(path, sizeof(path), "%s/%s.key", folder, name);
    file = fopen(path, "w");
    assert(file);
    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
}

static void make_leaf(const char *folder, const char *name, const char *names, long ends_in_s,
                      X509 *issuer, EVP_PKEY *issuer_key)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = make(key, name, names, ends_in_s, issuer, issuer_key ? issuer_key : key);

    save(folder, name, cert, key);
    X509_free(cert);
    EVP_PKEY_free(key);
}

void loopback_make_certificates(const char *folder)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *ca = make(key, "loopback test CA", NULL, 86400, NULL, key);

    save(folder, "ca", ca, key);
    make_leaf(folder, "server", "DNS:localhost,IP:127.0.0.1", 86400, ca, key);
    make_leaf(folder, "other", "DNS:other.test", 86400, ca, key);
    make_leaf(folder, "expired", "DNS:localhost,IP:127.0.0.1", -3600, ca, key);
    make_leaf(folder, "client", NULL, 86400, ca, key);
    make_leaf(folder, "stranger", "DNS:localhost,IP:127.0.0.1", 86400, NULL, NULL);
    X509_free(ca);
    EVP_PKEY_free(key);
}
