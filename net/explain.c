/* SPDX-License-Identifier: Apache-2.0 */
/* What libcurl's result means, in plain words. Everything said is about the place and what it
 * answered, never about what was sent to it. */
#include "base/moment.h"
#include "net/client.h"

#include <errno.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *explain_duration(uint64_t ms, char out[32])
{
    if (ms < 1000)
        snprintf(out, 32, "%u ms", (unsigned)ms);
    else if (ms % 1000)
        snprintf(out, 32, "%u.%u s", (unsigned)(ms / 1000), (unsigned)(ms % 1000 / 100));
    else
        snprintf(out, 32, "%u s", (unsigned)(ms / 1000));
    return out;
}

static const struct origin *place_of(const struct exchange *exchange)
{
    return exchange->elsewhere ? exchange->elsewhere : &exchange->upstream->origin;
}

static const char *curl_words(const struct exchange *exchange)
{
    return exchange->curl_text[0] ? exchange->curl_text : curl_easy_strerror(exchange->result);
}

static void explain_connecting(const struct exchange *exchange, struct failure *failure)
{
    const struct upstream *upstream = exchange->upstream;
    const struct origin *place = place_of(exchange);
    long number = 0;

    curl_easy_getinfo(exchange->easy, CURLINFO_OS_ERRNO, &number);
    if (number == ECONNREFUSED)
        failure_set(failure, FAILURE_NETWORK, "connection refused");
    else if (number)
        failure_set(failure, FAILURE_NETWORK, "cannot connect: %s", strerror((int)number));
    else
        failure_set(failure, FAILURE_NETWORK, "cannot connect");
    if (upstream->unix_socket)
        failure_prefix(failure, "socket %s", upstream->unix_socket);
    else if (*upstream->proxy)
        failure_prefix(failure, "%s:%s through the proxy", place->host, place->port);
    else
        failure_prefix(failure, "%s:%s", place->host, place->port);
}

static const char *roots_of(const struct upstream *upstream)
{
    return upstream->ca_pem.size ? "one of the given CA certificates" : upstream->ca_file;
}

static const char *clock_now(char out[INSTANT_SIZE])
{
    instant_format((int64_t)time(NULL) * 1000, out);
    return out;
}

static void explain_certificate(const struct exchange *exchange, struct failure *failure)
{
    const struct upstream *upstream = exchange->upstream;
    const struct origin *place = exchange->elsewhere ? exchange->elsewhere : &upstream->verified;
    long verdict = X509_V_OK;
    char now[INSTANT_SIZE];

    curl_easy_getinfo(exchange->easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
    /* libcurl compares names after OpenSSL's verdict, and has none of OpenSSL's words for it. */
    if (upstream->is_pinned)
        failure_set(failure, FAILURE_NETWORK,
                    "its certificate is not the one whose thumbprint was given");
    else if (verdict == X509_V_OK || verdict == X509_V_ERR_UNSPECIFIED)
        failure_set(failure, FAILURE_NETWORK, "its certificate is not for the name %s",
                    place->host);
    else if (verdict == X509_V_ERR_CERT_HAS_EXPIRED || verdict == X509_V_ERR_CERT_NOT_YET_VALID)
        failure_set(failure, FAILURE_NETWORK,
                    "its certificate is not trusted: %s, if this machine's clock is right (%s)",
                    X509_verify_cert_error_string(verdict), clock_now(now));
    else
        failure_set(failure, FAILURE_NETWORK,
                    "its certificate is not trusted: %s (trusted is what %s signed)",
                    X509_verify_cert_error_string(verdict), roots_of(upstream));
}

static bool says(const struct exchange *exchange, const char *words)
{
    return strstr(exchange->curl_text, words) != NULL;
}

static void explain_lost(const struct exchange *exchange, struct failure *failure)
{
    bool has_begun = exchange->headers.total || exchange->body.size;
    const struct upstream *upstream = exchange->upstream;

    if (says(exchange, "alert certificate expired"))
        failure_set(failure, FAILURE_NETWORK, "it says that our client certificate %s has expired",
                    upstream->client_cert_file ? upstream->client_cert_file : "");
    else if (says(exchange, "certificate required") || says(exchange, "handshake failure"))
        failure_set(failure, FAILURE_NETWORK, "it wants another client certificate: %s",
                    curl_words(exchange));
    else
        failure_set(failure, FAILURE_NETWORK, "the connection was lost %s: %s",
                    has_begun ? "in the middle of the answer" : "before an answer",
                    curl_words(exchange));
}

static void explain_timeout(const struct exchange *exchange, uint64_t waited_ms,
                            struct failure *failure)
{
    const struct origin *place = place_of(exchange);
    char duration[32];

    explain_duration(waited_ms, duration);
    if (exchange->was_sent)
        failure_set(failure, FAILURE_TIMEOUT, "timed out after %s waiting for the answer",
                    duration);
    else
        failure_set(failure, FAILURE_TIMEOUT, "timed out after %s connecting to %s:%s", duration,
                    place->host, place->port);
}

static enum failure_stage stage_of(const struct exchange *exchange)
{
    switch ((int)exchange->result) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return STAGE_NAME;
    case CURLE_COULDNT_CONNECT:
        return STAGE_CONNECT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
        return STAGE_TLS;
    case CURLE_OPERATION_TIMEDOUT:
        return exchange->was_sent ? STAGE_ANSWER : STAGE_CONNECT;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_ABORTED_BY_CALLBACK:
        return STAGE_ANSWER;
    default:
        return STAGE_NONE;
    }
}

static void explain_result(const struct exchange *exchange, uint64_t waited_ms,
                           struct failure *failure)
{
    const struct upstream *upstream = exchange->upstream;

    switch ((int)exchange->result) {
    case CURLE_OPERATION_TIMEDOUT:
        explain_timeout(exchange, waited_ms, failure);
        return;
    case CURLE_COULDNT_RESOLVE_HOST:
        failure_set(failure, FAILURE_NETWORK, "unknown host %s", place_of(exchange)->host);
        return;
    case CURLE_COULDNT_RESOLVE_PROXY:
        failure_set(failure, FAILURE_NETWORK, "the proxy's host is unknown");
        return;
    case CURLE_COULDNT_CONNECT:
        explain_connecting(exchange, failure);
        return;
    case CURLE_PEER_FAILED_VERIFICATION:
        explain_certificate(exchange, failure);
        return;
    case CURLE_SSL_CACERT_BADFILE:
        failure_set(failure, FAILURE_INVALID, "no certificates can be read from %s",
                    roots_of(upstream));
        return;
    case CURLE_SSL_CERTPROBLEM:
        failure_set(failure, FAILURE_INVALID, "the client certificate %s cannot be used: %s",
                    upstream->client_cert_file ? upstream->client_cert_file : "",
                    curl_words(exchange));
        return;
    case CURLE_SSL_CONNECT_ERROR:
        if (says(exchange, "wrong version number"))
            failure_set(failure, FAILURE_NETWORK,
                        "no TLS is spoken there (https:// to an http port?)");
        else
            failure_set(failure, FAILURE_NETWORK, "TLS failed: %s", curl_words(exchange));
        return;
    case CURLE_GOT_NOTHING:
        failure_set(failure, FAILURE_NETWORK, "the connection was closed before an answer");
        return;
    case CURLE_PARTIAL_FILE:
        failure_set(failure, FAILURE_NETWORK, "the answer was cut short");
        return;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        explain_lost(exchange, failure);
        return;
    case CURLE_ABORTED_BY_CALLBACK:
        failure_set(failure, FAILURE_NETWORK, "the kept connection was lost before an answer");
        return;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        failure_set(failure, FAILURE_PROTOCOL, "the answer is not HTTP");
        return;
    case CURLE_OUT_OF_MEMORY:
        failure_out_of_memory(failure);
        return;
    case CURLE_URL_MALFORMAT:
        failure_set(failure, FAILURE_INVALID, "libcurl refuses the address");
        return;
    default:
        failure_set(failure, FAILURE_NETWORK, "%s", curl_words(exchange));
    }
}

void explain(const struct exchange *exchange, uint64_t waited_ms, struct failure *failure)
{
    explain_result(exchange, waited_ms, failure);
    failure->stage = stage_of(exchange);
}
