/* SPDX-License-Identifier: Apache-2.0 */
/* One try: a libcurl transfer with everything it needs, made for it and gone with it. A fresh
 * handle costs a few microseconds more than a kept one, and leaves nothing of one request to the
 * next. */
#include "base/secret.h"
#include "net/alloc.h"
#include "net/client.h"

#include <openssl/ssl.h>
#include <string.h>

#define HEADERS_LIMIT      ((size_t)64 << 10) /* bytes, all header blocks together */
#define CONNECT_TIMEOUT_MS 10000
#define IDLE_LIMIT_S       100L
/* A moved DNS name or a failed-over server must be noticed even by a busy connection. */
#define CONNECTION_LIFETIME_S 600L
/* A changed CA file too. */
#define CA_CACHE_S 300L
#define URL_LIMIT  65536
/* Most answers are small, and the buffer is wiped after each. */
#define BUFFER_SIZE 4096L

/* ---- what libcurl calls ---------------------------------------------------------------------- */

/* The connection is there and the request goes out next. Coming here a second time means libcurl
 * lost a kept-alive connection and sends again by itself: not what may be done with a change, which
 * the server may have made already. */
static int on_sending(void *context, char *to, char *from, int to_port, int from_port)
{
    struct exchange *exchange = context;

    (void)to, (void)from, (void)to_port, (void)from_port;
    if (exchange->was_sent && exchange->request.retry != HTTP_RETRY_SAFE &&
        !request_only_reads(&exchange->request)) {
        exchange->resend_refused = true;
        return CURL_PREREQFUNC_ABORT;
    }
    exchange->was_sent = true;
    return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *data, size_t unit, size_t count, void *context)
{
    struct exchange *exchange = context;
    struct http_headers *headers = &exchange->headers;
    struct text line = {data, unit * count};

    if (exchange->state != EXCHANGE_RUNNING)
        return 0;
    headers->total += line.size;
    if (headers->total > HEADERS_LIMIT) {
        exchange_end(exchange, ENDING_HEADERS_TOO_LARGE);
        return 0;
    }
    if (text_starts_with(line, TEXT("HTTP/"))) {
        buffer_reset(&headers->lines); /* what came before was an interim answer */
        headers->is_complete = false;
    } else if (!headers->is_complete) {
        headers->is_complete = !text_trim(line).size;
        if (!buffer_append(&headers->lines, line)) {
            exchange_end(exchange, ENDING_NO_MEMORY);
            return 0;
        }
    }
    return line.size;
}

static size_t on_body(char *data, size_t unit, size_t count, void *context)
{
    struct exchange *exchange = context;
    struct buffer *body = &exchange->body;
    size_t size = unit * count;

    if (exchange->state != EXCHANGE_RUNNING)
        return 0;
    if (size > body->limit - body->size) {
        exchange_end(exchange, ENDING_BODY_TOO_LARGE);
        return 0;
    }
    if (!buffer_append(body, (struct text){data, size})) {
        exchange_end(exchange, ENDING_NO_MEMORY);
        return 0;
    }
    return size;
}

/* ---- making a transfer ----------------------------------------------------------------------- */

/* The first refusal sticks, so that a series needs one check at its end. */
#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (code == CURLE_OK)                                                                      \
            code = curl_easy_setopt(easy, option, value);                                          \
    } while (0)

static CURLcode set_place(struct exchange *exchange, CURL *easy)
{
    const struct upstream *upstream = exchange->upstream;
    const struct origin *place = exchange->elsewhere ? exchange->elsewhere : &upstream->verified;
    cleanup_with(buffer_clear) struct buffer url = {.limit = URL_LIMIT};
    bool is_plain_proxy = *upstream->proxy && !strcmp(place->scheme, "http");
    CURLcode code = CURLE_OK;
    size_t target;

    buffer_printf(&url, "%s://%s:%s", place->scheme, place->host, place->port);
    target = url.size;
    if (!exchange->is_redirected)
        buffer_append_string(&url, place->base_path);
    if (!buffer_append_string(&url, exchange->request.target))
        return CURLE_OUT_OF_MEMORY;
    SET(CURLOPT_URL, url.start);
    /* Said again, because libcurl goes on without the query when it has no memory to copy it. */
    if (!is_plain_proxy)
        SET(CURLOPT_REQUEST_TARGET, url.start + target);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PROXY, upstream->proxy);
    SET(CURLOPT_NOPROXY, ""); /* decided already */
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (upstream->unix_socket)
        SET(CURLOPT_UNIX_SOCKET_PATH, upstream->unix_socket);
    if (upstream->connect_to && !exchange->elsewhere)
        SET(CURLOPT_CONNECT_TO, upstream->connect_to);
    return code;
}

/* The certificate itself is what is trusted, so its names, dates and issuer do not matter. */
static int verify_pinned(X509_STORE_CTX *chain, void *context)
{
    const struct upstream *upstream = context;
    X509 *certificate = X509_STORE_CTX_get0_cert(chain);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    if (certificate && X509_digest(certificate, EVP_sha1(), digest, &size) &&
        size == sizeof(upstream->pinned) && !memcmp(digest, upstream->pinned, size))
        return 1;
    X509_STORE_CTX_set_error(chain, X509_V_ERR_CERT_REJECTED);
    return 0;
}

static CURLcode set_up_tls(CURL *easy, void *tls, void *context)
{
    const struct upstream *upstream = context;

    (void)easy;
    /* Otherwise what was received stays in OpenSSL's buffers, and in the heap after them. */
    SSL_CTX_set_options(tls, SSL_OP_CLEANSE_PLAINTEXT);
    /* libcurl would write the keys of the connection to the file that SSLKEYLOGFILE names. */
    SSL_CTX_set_keylog_callback(tls, NULL);
    if (upstream->is_pinned) {
        SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(tls, verify_pinned, context);
    }
    return CURLE_OK;
}

/* Not copied: it lives as long as the upstream. */
static struct curl_blob blob_of(struct text text)
{
    return (struct curl_blob){
        .data = (char *)(uintptr_t)text.start, .len = text.size, .flags = CURL_BLOB_NOCOPY};
}

static CURLcode set_trust(const struct exchange *exchange, CURL *easy)
{
    const struct upstream *upstream = exchange->upstream;
    struct curl_blob roots = blob_of(buffer_text(&upstream->ca_pem));
    CURLcode code = CURLE_OK;

    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_CTX_FUNCTION, set_up_tls);
    SET(CURLOPT_SSL_CTX_DATA, exchange->upstream);
    if (upstream->ca_pem.size)
        SET(CURLOPT_CAINFO_BLOB, &roots);
    else
        SET(CURLOPT_CAINFO, upstream->ca_file);
    /* A CA folder would switch off the cache of parsed roots: 35 times the cost per connection. */
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_CA_CACHE_TIMEOUT, CA_CACHE_S);
    if (upstream->is_pinned)
        SET(CURLOPT_SSL_SESSIONID_CACHE, 0L); /* a resumed session would not be looked at */
    if (upstream->accept_any_certificate || upstream->is_pinned) {
        SET(CURLOPT_SSL_VERIFYPEER, 0L);
        SET(CURLOPT_SSL_VERIFYHOST, 0L);
    }
    /* Or OpenSSL asks at the terminal for that of a key that was replaced by a locked one. */
    SET(CURLOPT_KEYPASSWD, "");
    /* A client certificate is a credential: not for the place a redirect leads to. */
    if (upstream->client_cert_file && !exchange->elsewhere) {
        SET(CURLOPT_SSLCERT, upstream->client_cert_file);
        SET(CURLOPT_SSLKEY, upstream->client_key_file);
    }
    if (upstream->client_cert_pem && !exchange->elsewhere) {
        struct curl_blob cert = blob_of(text_of(upstream->client_cert_pem));
        struct curl_blob key = blob_of(secret_reveal(upstream->client_key_pem));

        SET(CURLOPT_SSLCERT_BLOB, &cert);
        SET(CURLOPT_SSLKEY_BLOB, &key);
    }
    return code;
}

static CURLcode set_request(struct exchange *exchange, CURL *easy)
{
    const struct request *request = &exchange->request;
    CURLcode code = CURLE_OK;

    if (!strcmp(request->method, "HEAD"))
        SET(CURLOPT_NOBODY, 1L);
    if (request->body) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDS, request->body);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
    }
    SET(CURLOPT_CUSTOMREQUEST, request->method);
    SET(CURLOPT_USERAGENT, exchange->upstream->user_agent);
    SET(CURLOPT_HTTPHEADER, exchange->elsewhere ? request->public_headers : request->headers);
    return code;
}

static CURLcode set_manners(struct exchange *exchange, CURL *easy, uint64_t timeout_ms)
{
    const struct origin *place =
        exchange->elsewhere ? exchange->elsewhere : &exchange->upstream->origin;
    bool is_tls = origin_is_tls(place);
    CURLcode code = CURLE_OK;

    SET(CURLOPT_PRIVATE, exchange);
    SET(CURLOPT_ERRORBUFFER, exchange->curl_text);
    SET(CURLOPT_NOSIGNAL, 1L);
    /* A transfer that is given up while its name is looked up: libcurl would hold the loop until
     * the name server has answered. So the thread is left alone, and cleans up behind itself. */
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_NOPROGRESS, 1L);
    SET(CURLOPT_BUFFERSIZE, BUFFER_SIZE);
    SET(CURLOPT_SHARE, exchange->upstream->http->share);
    /* Where HTTP/2 may be offered, wait for the first connection to say so instead of opening more.
     * Without TLS libcurl would wait for the first answer, however long that takes. */
    SET(CURLOPT_HTTP_VERSION, (long)(is_tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
    SET(CURLOPT_PIPEWAIT, is_tls ? 1L : 0L);
    SET(CURLOPT_MAXAGE_CONN, IDLE_LIMIT_S);
    SET(CURLOPT_MAXLIFETIME_CONN, CONNECTION_LIFETIME_S);
    SET(CURLOPT_FRESH_CONNECT, exchange->is_second_go ? 1L : 0L);
    /* A second line of defence behind the exchange's own timer. */
    SET(CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS,
        (long)(timeout_ms < CONNECT_TIMEOUT_MS ? timeout_ms : CONNECT_TIMEOUT_MS));
    SET(CURLOPT_PREREQFUNCTION, on_sending);
    SET(CURLOPT_PREREQDATA, exchange);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, exchange);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, exchange);
    return code;
}

bool attempt_start(struct exchange *exchange, uint64_t timeout_ms)
{
    CURL *easy = curl_easy_init();

    if (!easy)
        return false;
    exchange->easy = easy;
    exchange->refusals = wiping_refusals();
    if (set_place(exchange, easy) == CURLE_OK && set_trust(exchange, easy) == CURLE_OK &&
        set_request(exchange, easy) == CURLE_OK &&
        set_manners(exchange, easy, timeout_ms) == CURLE_OK &&
        multi_add(&exchange->upstream->http->multi, easy)) {
        exchange->is_added = true;
        return true;
    }
    attempt_clear(exchange);
    return false;
}

void attempt_stop(struct exchange *exchange)
{
    if (!exchange->is_added)
        return;
    multi_remove(&exchange->upstream->http->multi, exchange->easy);
    exchange->is_added = false;
}

void attempt_clear(struct exchange *exchange)
{
    attempt_stop(exchange);
    curl_easy_cleanup(exchange->easy);
    exchange->easy = NULL;
    exchange->result = CURLE_OK;
    exchange->was_sent = exchange->resend_refused = false;
    buffer_clear(&exchange->headers.lines);
    exchange->headers = (struct http_headers){.lines = {.limit = HEADERS_LIMIT}};
    buffer_clear(&exchange->body);
    buffer_init(&exchange->body, exchange->request.max_answer);
    exchange->curl_text[0] = '\0';
}

int attempt_status(const struct exchange *exchange)
{
    long status = 0;

    curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

bool attempt_reused_connection(const struct exchange *exchange)
{
    long connections = 1;

    curl_easy_getinfo(exchange->easy, CURLINFO_NUM_CONNECTS, &connections);
    return connections == 0;
}

/* libcurl keeps at most 100 KiB of one line, and before 8.6 says "out of memory" of a longer one.
 * Our allocators know better: they refused nothing. */
bool attempt_met_endless_header(const struct exchange *exchange)
{
    switch ((int)exchange->result) {
#if LIBCURL_VERSION_NUM >= 0x080600
    case CURLE_TOO_LARGE:
#endif
    case CURLE_OUT_OF_MEMORY:
        return exchange->was_sent && exchange->refusals == wiping_refusals();
    default:
        return false;
    }
}
