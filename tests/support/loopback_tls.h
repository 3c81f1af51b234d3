/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of the loopback server: OpenSSL on memory buffers; and certificates to try it with. */
#ifndef TESTS_SUPPORT_LOOPBACK_TLS_H
#define TESTS_SUPPORT_LOOPBACK_TLS_H

#include "tests/support/loopback.h"

#include <openssl/ssl.h>

/* What the last handshakes told. */
struct loopback_tls_news {
    char server_name[256], alpn[256];
    unsigned resumed;
};

SSL_CTX *loopback_tls_context(const struct loopback_settings *settings,
                              struct loopback_tls_news *news);
SSL *loopback_tls_new(SSL_CTX *context);

/* Writes ca.pem, server.pem/.key (for localhost and 127.0.0.1), other.pem/.key (for other.test),
 * expired.pem/.key, client.pem/.key (signed by the CA) and stranger.pem/.key (by itself) into
 * `folder`. */
void loopback_make_certificates(const char *folder);

#endif
