/* SPDX-License-Identifier: Apache-2.0 */
/* The bearer token at ARM's front door, and the challenges for those that will not do. A token is
 * taken by what it proves: our signature, our audience, our tenant, and the time. */
#include "examples/lab/lab.h"

#include <stdio.h>
#include <time.h>

#define SKEW_S 300

static void challenge(struct exchange *exchange, const char *code, const char *text,
                      const char *parameters)
{
    char value[1024];
    struct server_header header = {TEXT("WWW-Authenticate"), {0}};

    snprintf(value, sizeof(value),
             "Bearer realm=\"\", authorization_uri=\"https://127.0.0.1:%u/" LAB_TENANT "\", %s",
             (unsigned)server_port(exchange->lab->servers[LISTENER_ENTRA]), parameters);
    header.value = text_of(value);
    arm_reply(exchange, 401, &header, 1,
              json_pack("{s:{s:s, s:s}}", "error", "code", code, "message", text));
}

static void refuse(struct exchange *exchange, const char *code, const char *text)
{
    char parameters[512];

    snprintf(parameters, sizeof(parameters), "error=\"invalid_token\", error_description=\"%s\"",
             text);
    challenge(exchange, code, text, parameters);
}

static void time_in_words(int64_t seconds, char *out, size_t size)
{
    time_t at = (time_t)seconds;
    struct tm parts;

    gmtime_r(&at, &parts);
    snprintf(out, size, "%d/%d/%d %d:%02d:%02d %s", parts.tm_mon + 1, parts.tm_mday,
             parts.tm_year + 1900, (parts.tm_hour + 11) % 12 + 1, parts.tm_min, parts.tm_sec,
             parts.tm_hour < 12 ? "AM" : "PM");
}

static void refuse_expired(struct exchange *exchange, int64_t expired_at, int64_t now)
{
    char then_words[40], now_words[40], text[200];

    time_in_words(expired_at, then_words, sizeof(then_words));
    time_in_words(now, now_words, sizeof(now_words));
    snprintf(text, sizeof(text),
             "The access token expiry UTC time '%s' is earlier than current UTC time '%s'.",
             then_words, now_words);
    refuse(exchange, "ExpiredAuthenticationToken", text);
}

/* Continuous access evaluation: something happened, and only a token whose request carried these
 * claims was made in knowledge of it. */
static void challenge_claims(struct exchange *exchange)
{
    struct buffer encoded;
    char json[160], parameters[400];

    snprintf(json, sizeof(json),
             "{\"access_token\":{\"nbf\":{\"essential\":true,\"value\":\"%lld\"}}}",
             (long long)exchange->fault.armed_at);
    buffer_init(&encoded, sizeof(parameters));
    buffer_append_base64(&encoded, text_of(json));
    snprintf(parameters, sizeof(parameters), "error=\"insufficient_claims\", claims=\"%.*s\"",
             TEXT_ARG(buffer_text(&encoded)));
    buffer_clear(&encoded);
    challenge(
        exchange, "InvalidAuthenticationToken",
        "The access token does not satisfy the claims that are required since a recent event.",
        parameters);
}

bool bearer_accept(struct exchange *exchange)
{
    struct text header = server_header(exchange->request, "Authorization");
    const struct text scheme = TEXT("Bearer ");
    struct token_claims *claims = &exchange->claims;
    int64_t now = exchange_now_s(exchange);

    if (!header.size) {
        refuse(exchange, "AuthenticationFailed",
               "Authentication failed. The 'Authorization' header is missing.");
    } else if (!text_starts_with_ignoring_case(header, scheme)) {
        refuse(
            exchange, "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is provided in an invalid format.");
    } else if (!access_token_read(&exchange->lab->pki,
                                  text_trim(text_part(header, scheme.size, header.size)), claims)) {
        refuse(exchange, "InvalidAuthenticationToken",
               "The access token is invalid: its signature was not made by this tenant.");
    } else if (!arm_audience_is_ours(exchange->lab, text_of(claims->audience))) {
        refuse(exchange, "InvalidAuthenticationToken",
               "The access token has been obtained for wrong audience or resource.");
    } else if (!text_is(text_of(claims->tenant), LAB_TENANT)) {
        refuse(exchange, "InvalidAuthenticationTokenTenant",
               "The access token is from the wrong issuer: it must match the tenant of this "
               "subscription.");
    } else if (claims->not_before > now + SKEW_S) {
        refuse(exchange, "InvalidAuthenticationToken",
               "The access token is not valid yet: its 'nbf' lies in the future.");
    } else if (claims->expires_at <= now || exchange->fault.kind == FAULT_TOKEN_EXPIRED) {
        refuse_expired(exchange, claims->expires_at <= now ? claims->expires_at : now - 1, now);
    } else if (exchange->fault.kind == FAULT_CLAIMS_CHALLENGE &&
               claims->answers_challenge < exchange->fault.armed_at) {
        challenge_claims(exchange);
    } else {
        exchange_caller(exchange, text_of(claims->client_id));
        return true;
    }
    return false;
}
