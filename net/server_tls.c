/* SPDX-License-Identifier: Apache-2.0 */
/* TLS through two memory BIOs: what the socket brought goes into one, OpenSSL is asked for plain
 * bytes, and what it left in the other goes out. OpenSSL never sees the socket. */
#include "net/server_internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

static int on_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_size,
                   const unsigned char *offered, unsigned int offered_size, void *context)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *match;

    (void)ssl;
    (void)context;
    if (SSL_select_next_proto(&match, chosen_size, ours, sizeof(ours) - 1, offered, offered_size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = match;
    return SSL_TLSEXT_ERR_OK;
}

/* Without it OpenSSL would ask at the terminal. */
static int no_passphrase(char *buffer, int size, int is_writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)is_writing;
    (void)context;
    return -1;
}

static bool use_certificates(SSL_CTX *tls, const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
    bool is_good = certificate && SSL_CTX_use_certificate(tls, certificate) == 1;

    X509_free(certificate);
    while (is_good && (certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL))) {
        is_good = SSL_CTX_add0_chain_cert(tls, certificate) == 1;
        if (!is_good)
            X509_free(certificate);
    }
    BIO_free(bio);
    ERR_clear_error(); /* the end of the chain is an error to OpenSSL */
    return is_good;
}

static bool use_key(SSL_CTX *tls, const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    bool is_good = key && SSL_CTX_use_PrivateKey(tls, key) == 1;

    EVP_PKEY_free(key);
    BIO_free(bio);
    return is_good;
}

SSL_CTX *server_tls_new(const char *cert_pem, const char *key_pem, struct failure *why)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    if (!tls) {
        failure_out_of_memory(why);
        return NULL;
    }
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(tls, on_alpn, NULL);
    if (!use_certificates(tls, cert_pem))
        failure_set(why, FAILURE_INVALID, "the TLS certificate is not a usable PEM certificate");
    else if (!use_key(tls, key_pem))
        failure_set(why, FAILURE_INVALID,
                    "the TLS key is not a usable PEM key without a passphrase, or not the key of "
                    "the certificate");
    else if (SSL_CTX_check_private_key(tls) != 1)
        failure_set(why, FAILURE_INVALID, "the TLS key is not the key of the certificate");
    else
        return tls;
    ERR_clear_error();
    SSL_CTX_free(tls);
    return NULL;
}

bool connection_tls_start(struct connection *connection)
{
    connection->ssl = SSL_new(connection->server->tls);
    if (!connection->ssl)
        return false;
    connection->from_peer = BIO_new(BIO_s_mem());
    connection->to_peer = BIO_new(BIO_s_mem());
    if (!connection->from_peer || !connection->to_peer) {
        BIO_free(connection->from_peer);
        BIO_free(connection->to_peer);
        connection->from_peer = connection->to_peer = NULL;
        return false;
    }
    SSL_set_bio(connection->ssl, connection->from_peer, connection->to_peer);
    SSL_set_accept_state(connection->ssl);
    return true;
}

void connection_tls_input(struct connection *connection, struct text raw)
{
    char plain[16 * 1024];
    size_t size;
    int error;

    ERR_clear_error();
    if (BIO_write(connection->from_peer, raw.start, (int)raw.size) != (int)raw.size) {
        connection_drop(connection);
        return;
    }
    while (connection->state < CONNECTION_DRAINING &&
           SSL_read_ex(connection->ssl, plain, sizeof(plain), &size) == 1) {
        connection_input(connection, (struct text){plain, size});
        ERR_clear_error();
    }
    explicit_bzero(plain, sizeof(plain));
    if (connection->state >= CONNECTION_DRAINING)
        return;
    error = SSL_get_error(connection->ssl, 0);
    connection_flush_tls(connection); /* handshake, or the alert that says why not */
    if (error == SSL_ERROR_ZERO_RETURN)
        connection_ended(connection);
    else if (error != SSL_ERROR_WANT_READ)
        connection_drop(connection);
    ERR_clear_error();
}

bool connection_tls_write(struct connection *connection, struct text plain)
{
    size_t written;

    ERR_clear_error();
    return plain.size == 0 ||
           (SSL_write_ex(connection->ssl, plain.start, plain.size, &written) == 1 &&
            written == plain.size);
}

void connection_tls_goodbye(struct connection *connection)
{
    if (!SSL_is_init_finished(connection->ssl))
        return;
    ERR_clear_error();
    SSL_shutdown(connection->ssl);
    ERR_clear_error();
}
