/* SPDX-License-Identifier: Apache-2.0 */
/* The same server behind TLS. The client is OpenSSL on the raw socket. */
#include "tests/unit/net/server_bench.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

struct identity {
    char *cert_pem, *key_pem;
};

static char *take_pem(BIO *bio)
{
    char *bytes;
    long size = BIO_get_mem_data(bio, &bytes);
    char *pem = text_copy((struct text){bytes, (size_t)size});

    BIO_free(bio);
    return pem;
}

static struct identity identity_new(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    BIO *cert_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());
    struct identity identity;

    assert_true(key && cert && cert_bio && key_bio);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(cert_bio, cert), 1);
    assert_int_equal(PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL), 1);
    identity.cert_pem = take_pem(cert_bio);
    identity.key_pem = take_pem(key_bio);
    X509_free(cert);
    EVP_PKEY_free(key);
    return identity;
}

static void identity_free(struct identity *identity)
{
    free(identity->cert_pem);
    free(identity->key_pem);
}

struct tls_client {
    SSL_CTX *tls;
    SSL *ssl;
    int fd;
};

static void tls_connect(struct bench *bench, struct tls_client *client)
{
    client->tls = SSL_CTX_new(TLS_client_method());
    client->ssl = SSL_new(client->tls);
    client->fd = client_connect(bench);
    SSL_set_fd(client->ssl, client->fd);
    SSL_set_connect_state(client->ssl);
}

static void tls_close(struct tls_client *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->tls);
    close(client->fd);
    ERR_clear_error();
}

/* 1 when done; 0 with the SSL_get_error() in `error`. */
static int tls_handshake(struct bench *bench, struct tls_client *client, int *error)
{
    for (uint64_t since = bench_now();; bench_turn(bench, client->fd, POLLIN)) {
        int result;

        ERR_clear_error();
        result = SSL_do_handshake(client->ssl);
        if (result == 1)
            return 1;
        *error = SSL_get_error(client->ssl, result);
        if (*error != SSL_ERROR_WANT_READ && *error != SSL_ERROR_WANT_WRITE)
            return 0;
        assert_true(bench_now() - since < BENCH_PATIENCE_MS);
    }
}

static void tls_send(struct bench *bench, struct tls_client *client, struct text bytes)
{
    size_t written;

    SSL_set_mode(client->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    while (bytes.size) {
        ERR_clear_error();
        if (SSL_write_ex(client->ssl, bytes.start, bytes.size, &written) == 1)
            bytes = text_part(bytes, written, bytes.size);
        else
            bench_turn(bench, client->fd, POLLOUT);
    }
}

/* Reads to the end (or until `end`); gives the SSL_get_error() that ended it, or 0. */
static int tls_read(struct bench *bench, struct tls_client *client, struct buffer *answer,
                    const char *end)
{
    for (uint64_t since = bench_now();;) {
        char bytes[16384];
        size_t size;
        int error;

        if (end && text_find(buffer_text(answer), text_of(end)) != SIZE_MAX)
            return 0;
        ERR_clear_error();
        if (SSL_read_ex(client->ssl, bytes, sizeof(bytes), &size) == 1) {
            buffer_append(answer, (struct text){bytes, size});
            continue;
        }
        error = SSL_get_error(client->ssl, 0);
        if (error != SSL_ERROR_WANT_READ)
            return error;
        bench_turn(bench, client->fd, POLLIN);
        assert_true(bench_now() - since < BENCH_PATIENCE_MS);
    }
}

static struct identity open_tls(struct bench *bench, struct server_settings settings)
{
    struct identity identity = identity_new();

    settings.tls_cert_pem = identity.cert_pem;
    settings.tls_key_pem = identity.key_pem;
    bench_open(bench, settings);
    return identity;
}

static void talks_with(int version)
{
    struct bench bench;
    struct identity identity = open_tls(&bench, (struct server_settings){0});
    struct tls_client client;
    struct buffer answer;
    int error;

    buffer_init(&answer, 65536);
    tls_connect(&bench, &client);
    SSL_set_min_proto_version(client.ssl, version);
    SSL_set_max_proto_version(client.ssl, version);
    assert_true(tls_handshake(&bench, &client, &error));
    tls_send(&bench, &client, TEXT("GET /one HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_int_equal(tls_read(&bench, &client, &answer, "\r\n\r\n/one"), 0);
    tls_send(&bench, &client,
             TEXT("GET /two HTTP/1.1\r\nHost: a\r\n\r\n"
                  "GET /three HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    /* Ends with close_notify, so that the client can tell it from being cut off. */
    assert_int_equal(tls_read(&bench, &client, &answer, NULL), SSL_ERROR_ZERO_RETURN);
    assert_contains(answer.start, "\r\n\r\n/two");
    assert_contains(answer.start, "\r\n\r\n/three");
    assert_int_equal(bench.calls, 3);
    tls_close(&client);
    buffer_clear(&answer);
    bench_close(&bench);
    identity_free(&identity);
}

TEST(talks_tls_1_2)
{
    talks_with(TLS1_2_VERSION);
}

TEST(talks_tls_1_3)
{
    talks_with(TLS1_3_VERSION);
}

TEST(refuses_tls_1_1)
{
    struct bench bench;
    struct identity identity = open_tls(&bench, (struct server_settings){0});
    struct tls_client client;
    int error;

    tls_connect(&bench, &client);
    SSL_set_security_level(client.ssl, 0);
    SSL_set_cipher_list(client.ssl, "ALL:@SECLEVEL=0");
    SSL_set_min_proto_version(client.ssl, TLS1_1_VERSION);
    SSL_set_max_proto_version(client.ssl, TLS1_1_VERSION);
    assert_false(tls_handshake(&bench, &client, &error));
    tls_close(&client);
    bench_close(&bench);
    identity_free(&identity);
}

TEST(alpn_is_http_1_1_or_nothing)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1", only_2[] = "\x02h2";
    struct bench bench;
    struct identity identity = open_tls(&bench, (struct server_settings){0});
    struct tls_client client;
    const unsigned char *chosen;
    unsigned size;
    int error;

    tls_connect(&bench, &client);
    SSL_set_alpn_protos(client.ssl, both, sizeof(both) - 1);
    assert_true(tls_handshake(&bench, &client, &error));
    SSL_get0_alpn_selected(client.ssl, &chosen, &size);
    assert_int_equal(size, 8);
    assert_memory_equal(chosen, "http/1.1", 8);
    tls_close(&client);

    tls_connect(&bench, &client);
    SSL_set_alpn_protos(client.ssl, only_2, sizeof(only_2) - 1);
    assert_false(tls_handshake(&bench, &client, &error));
    assert_int_equal(error, SSL_ERROR_SSL); /* an alert, not just a closed connection */
    tls_close(&client);
    bench_close(&bench);
    identity_free(&identity);
}

TEST(a_big_body_comes_back_whole_through_tls)
{
    enum { SIZE = 2 * 1024 * 1024 };
    struct bench bench;
    struct identity identity = open_tls(&bench, (struct server_settings){.max_body = SIZE});
    struct tls_client client;
    struct buffer answer, request;
    int error;

    buffer_init(&request, SIZE + 200);
    buffer_init(&answer, SIZE + 1000);
    buffer_printf(
        &request,
        "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", SIZE);
    for (int i = 0; i < SIZE; i++)
        buffer_append_byte(&request, (char)('a' + (i * 7 + i / 251) % 26));
    tls_connect(&bench, &client);
    assert_true(tls_handshake(&bench, &client, &error));
    tls_send(&bench, &client, buffer_text(&request));
    assert_int_equal(tls_read(&bench, &client, &answer, NULL), SSL_ERROR_ZERO_RETURN);
    assert_true(answer.size > SIZE);
    assert_memory_equal(answer.start + answer.size - SIZE, request.start + request.size - SIZE,
                        SIZE);
    tls_close(&client);
    buffer_clear(&request);
    buffer_clear(&answer);
    bench_close(&bench);
    identity_free(&identity);
}

TEST(raw_bytes_go_through_tls)
{
    struct bench bench;
    struct identity identity = open_tls(&bench, (struct server_settings){0});
    struct tls_client client;
    struct buffer answer;
    int error;

    buffer_init(&answer, 65536);
    tls_connect(&bench, &client);
    assert_true(tls_handshake(&bench, &client, &error));
    tls_send(&bench, &client, TEXT("GET /raw HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_int_equal(tls_read(&bench, &client, &answer, NULL), SSL_ERROR_ZERO_RETURN);
    assert_string_equal(answer.start, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut");
    tls_close(&client);
    buffer_clear(&answer);
    bench_close(&bench);
    identity_free(&identity);
}

TEST(a_reset_under_tls_is_a_reset)
{
    struct bench bench;
    struct identity identity = open_tls(&bench, (struct server_settings){0});
    struct tls_client client;
    struct buffer answer;
    int error;

    buffer_init(&answer, 65536);
    tls_connect(&bench, &client);
    assert_true(tls_handshake(&bench, &client, &error));
    tls_send(&bench, &client, TEXT("GET /reset HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_int_equal(tls_read(&bench, &client, &answer, NULL), SSL_ERROR_SYSCALL);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(answer.size, 0);
    tls_close(&client);
    buffer_clear(&answer);
    bench_close(&bench);
    identity_free(&identity);
}

TEST(a_tls_client_that_says_goodbye_is_gone)
{
    struct bench bench;
    struct identity identity = open_tls(&bench, (struct server_settings){0});
    struct tls_client client;
    int error;

    tls_connect(&bench, &client);
    assert_true(tls_handshake(&bench, &client, &error));
    tls_send(&bench, &client, TEXT("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
    bench_until(&bench, bench.held_count == 1);
    SSL_shutdown(client.ssl);
    bench_until(&bench, bench.gone == 1);
    server_reply(bench.held[0], 200, NULL, 0, TEXT("nobody hears"));
    tls_close(&client);
    bench_close(&bench);
    identity_free(&identity);
}

TEST(plain_http_to_a_tls_port_gets_no_call)
{
    struct bench bench;
    struct identity identity = open_tls(&bench, (struct server_settings){0});
    char *answer = client_talk(&bench, TEXT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));

    assert_lacks(answer, "HTTP/1.1");
    assert_int_equal(bench.calls, 0);
    free(answer);
    bench_close(&bench);
    identity_free(&identity);
}

TEST(a_handshake_that_never_ends_is_cut_off)
{
    struct bench bench;
    struct identity identity = open_tls(&bench, (struct server_settings){.header_timeout_ms = 60});
    struct buffer answer;
    int fd = client_connect(&bench);

    buffer_init(&answer, 65536);
    client_send(&bench, fd, TEXT("\x16\x03\x01\x02\x00"));
    client_read(&bench, fd, &answer, NULL);
    assert_int_equal(answer.size, 0);
    close(fd);
    buffer_clear(&answer);
    bench_close(&bench);
    identity_free(&identity);
}

static void assert_cannot_open(const char *cert_pem, const char *key_pem, const char *says)
{
    struct failure why = {0};
    uv_loop_t loop;

    uv_loop_init(&loop);
    assert_null(server_open(&loop,
                            &(struct server_settings){.listen = "127.0.0.1:0",
                                                      .tls_cert_pem = cert_pem,
                                                      .tls_key_pem = key_pem,
                                                      .on_call = bench_on_call},
                            &why));
    assert_int_equal(why.kind, FAILURE_INVALID);
    assert_contains(why.text, says);
    assert_lacks(why.text, "BEGIN");
    assert_int_equal(uv_loop_close(&loop), 0);
}

TEST(unusable_certificates_and_keys_are_told)
{
    struct identity one = identity_new(), two = identity_new();

    assert_cannot_open(one.cert_pem, NULL, "both");
    assert_cannot_open("nonsense", one.key_pem, "certificate");
    assert_cannot_open(one.cert_pem, "nonsense", "key");
    assert_cannot_open(one.cert_pem, two.key_pem, "not the key of the certificate");
    identity_free(&one);
    identity_free(&two);
}

int main(void)
{
    return RUN(CASE(talks_tls_1_2), CASE(talks_tls_1_3), CASE(refuses_tls_1_1),
               CASE(alpn_is_http_1_1_or_nothing), CASE(a_big_body_comes_back_whole_through_tls),
               CASE(raw_bytes_go_through_tls), CASE(a_reset_under_tls_is_a_reset),
               CASE(a_tls_client_that_says_goodbye_is_gone),
               CASE(plain_http_to_a_tls_port_gets_no_call),
               CASE(a_handshake_that_never_ends_is_cut_off),
               CASE(unusable_certificates_and_keys_are_told));
}
