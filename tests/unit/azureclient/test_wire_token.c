/* SPDX-License-Identifier: Apache-2.0 */
/* What the issuers' answers mean, without any of them. */
#include "azureclient/wire.h"
#include "base/buffer.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW          INT64_C(1700000000000)

/* ---- answers --------------------------------------------------------------------------------- */

TEST(expires_on_may_be_seconds_or_a_date)
{
    static const char *const bodies[] = {
        "{\"access_token\":\"canary\",\"expires_on\":\"1700003600\"}",
        "{\"access_token\":\"canary\",\"expires_on\":1700003600}",
        "{\"access_token\":\"canary\",\"expires_on\":\"2023-11-14T23:13:20Z\"}",
        "{\"access_token\":\"canary\",\"expires_on\":\"2023-11-15T01:13:20.5+02:00\"}",
        "{\"access_token\":\"canary\",\"expires_on\":\"1\",\"expires_in\":\"3600\"}",
        "{\"access_token\":\"canary\",\"expires_in\":3600.9}",
    };

    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct wire_token token;
        struct failure why = {0};

        if (!wire_token(text_of(bodies[i]), NOW, &token, &why))
            fail_msg("%s: %s", bodies[i], why.text);
        assert_int_equal(token.lifetime_ms, 3600000);
        assert_int_equal(token.refresh_ms, 3300000);
        secret_free(token.value);
    }
}

TEST(an_answer_that_is_no_token_is_refused)
{
    static const struct {
        const char *body, *words;
    } cases[] = {
        {"", "the token answer"},
        {"[]", "the token answer"},
        {"{\"expires_in\":3600}", "no access_token"},
        {"{\"access_token\":\"\",\"expires_in\":3600}", "no access_token"},
        {"{\"access_token\":\"canary\"}", "does not say when"},
        {"{\"access_token\":\"canary\",\"expires_on\":\"soon\"}", "does not say when"},
        {"{\"access_token\":\"canary\",\"expires_in\":-1}", "does not say when"},
        {"{\"access_token\":\"canary\",\"expires_in\":0}", "already expired"},
        {"{\"access_token\":\"canary\",\"expires_on\":\"2000-01-01T00:00:00Z\"}",
         "already expired"},
        {"{\"access_token\":\"canary x\",\"expires_in\":3600}", "is not a token"},
        {"{\"access_token\":\"canary\\u0007\",\"expires_in\":3600}", "is not a token"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct wire_token token;
        struct failure why = {0};

        assert_false(wire_token(text_of(cases[i].body), NOW, &token, &why));
        assert_int_equal(why.kind, FAILURE_PROTOCOL);
        if (!strstr(why.text, cases[i].words) || strstr(why.text, "canary"))
            fail_msg("%zu: %s", i, why.text);
    }
}

TEST(the_cli_s_own_expiry_goes_before_its_date)
{
    struct wire_token token;

    assert_true(wire_cli_token(TEXT("{\"accessToken\":\"canary\",\"expires_on\":1700003600,"
                                    "\"expiresOn\":\"2000-01-01 00:00:00.000000\"}"),
                               NOW, &token, NULL));
    assert_int_equal(token.lifetime_ms, 3600000);
    secret_free(token.value);
    assert_true(wire_cli_token(
        TEXT("{\"accessToken\":\"canary\",\"expiresOn\":\"2023-11-14 23:13:20.000000\"}"), NOW,
        &token, NULL));
    assert_int_equal(token.lifetime_ms, 3600000);
    secret_free(token.value);
    assert_false(
        wire_cli_token(TEXT("{\"accessToken\":\"canary\",\"expiresOn\":\"2023-11-14T23:13:20\"}"),
                       NOW, &token, NULL));
}

/* ---- refusals -------------------------------------------------------------------------------- */

TEST(each_code_of_entra_s_has_a_sentence)
{
    static const struct {
        unsigned code;
        enum failure_kind kind;
        const char *words;
    } cases[] = {
        {7000215, FAILURE_DENIED, "client secret is wrong"},
        {7000222, FAILURE_DENIED, "client secret has expired"},
        {700016, FAILURE_DENIED, "no application with this client id"},
        {700027, FAILURE_DENIED, "certificate is not registered"},
        {700024, FAILURE_DENIED, "not valid now"},
        {70021, FAILURE_DENIED, "issuer, subject and audience"},
        {700211, FAILURE_DENIED, "the token's issuer"},
        {700212, FAILURE_DENIED, "the token's audience"},
        {700213, FAILURE_DENIED, "the token's subject"},
        {50034, FAILURE_DENIED, "does not exist in this tenant"},
        {90002, FAILURE_DENIED, "no such tenant"},
        {500011, FAILURE_DENIED, "does not know the audience"},
        {70011, FAILURE_DENIED, "scope asked for is not valid"},
        {1002012, FAILURE_DENIED, "does not end in /.default"},
        {90006, FAILURE_REMOTE, "for a moment"},
        {90024, FAILURE_REMOTE, "for a moment"},
        {90033, FAILURE_REMOTE, "for a moment"},
        {424242, FAILURE_DENIED, "AADSTS424242: what Entra says"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct failure why = {0};
        char body[300], code[32];

        snprintf(code, sizeof(code), "AADSTS%u: ", cases[i].code);
        for (int has_numbers = 0; has_numbers < 2; has_numbers++) {
            snprintf(
                body, sizeof(body),
                "{\"error\":\"e\",\"%s\":[%u],\"error_description\":\"%swhat Entra says. Trace "
                "ID: tracing\"}",
                has_numbers ? "error_codes" : "other", cases[i].code, code);
            wire_token_failure(400, text_of(body), NULL, &why);
            assert_int_equal(why.kind, cases[i].kind);
            assert_int_equal(why.http_status, 400);
            if (!strstr(why.text, cases[i].words) || !strstr(why.text, code) ||
                strstr(why.text, "tracing"))
                fail_msg("%u: %s", cases[i].code, why.text);
        }
    }
}

TEST(a_machine_being_updated_is_said)
{
    struct failure why = {0};

    wire_token_failure(410, (struct text){0}, NULL, &why);
    assert_int_equal(why.kind, FAILURE_REMOTE);
    assert_non_null(strstr(why.text, "HTTP 410 the identity endpoint is being updated"));
}

/* ---- inside a token -------------------------------------------------------------------------- */

static int64_t expiry_of(const char *claims)
{
    struct buffer token = {.limit = 4096};
    int64_t at;

    buffer_append_string(&token, "eyJhbGciOiJub25lIn0.");
    buffer_append_base64url(&token, text_of(claims));
    buffer_append_string(&token, ".c2ln");
    at = wire_expiry(buffer_text(&token));
    buffer_clear(&token);
    return at;
}

TEST(the_expiry_in_a_token_is_read_where_there_is_one)
{
    assert_int_equal(expiry_of("{\"exp\":1700000000}"), NOW);
    assert_int_equal(expiry_of("{\"exp\":1700000000.75}"), NOW);
    assert_int_equal(expiry_of("{\"iat\":1}"), 0);
    assert_int_equal(expiry_of("{\"exp\":null}"), 0);
    assert_int_equal(expiry_of("{\"exp\":-5}"), 0);
    assert_int_equal(expiry_of("not json"), 0);
    assert_int_equal(wire_expiry(TEXT("opaque")), 0);
    assert_int_equal(wire_expiry(TEXT("a.!!.c")), 0);
    assert_int_equal(wire_expiry((struct text){0}), 0);
}

/* ---- challenges ------------------------------------------------------------------------------ */

static bool claims_of(const char *header, char *out, size_t size)
{
    struct buffer claims = {.limit = 4096};
    bool ok = wire_claims(text_of(header), &claims);

    snprintf(out, size, "%.*s", TEXT_ARG(buffer_text(&claims)));
    buffer_clear(&claims);
    return ok;
}

TEST(a_claims_challenge_becomes_the_claims_of_the_next_request)
{
    static const char *const headers[] = {
        /* {"access_token":{"nbf":{"essential":true, "value":"1604106651"}}} */
        "Bearer realm=\"\", authorization_uri=\"https://login.example/common/oauth2/authorize\", "
        "client_id=\"00000003\", error=\"insufficient_claims\", claims=\""
        "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwgInZhbHVlIjoiMTYwNDEwNjY1MSJ9fX0="
        "\"",
        "bearer claims=\""
        "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwgInZhbHVlIjoiMTYwNDEwNjY1MSJ9fX0"
        "\",error=insufficient_claims",
    };
    char out[400];

    for (size_t i = 0; i < COUNT(headers); i++) {
        assert_true(claims_of(headers[i], out, sizeof(out)));
        assert_string_equal(out, "{\"access_token\":{\"nbf\":{\"essential\":true,\"value\":"
                                 "\"1604106651\"},\"xms_cc\":{\"values\":[\"cp1\"]}}}");
    }
    /* {"x":1} */
    assert_true(
        claims_of("Bearer error=\"insufficient_claims\", claims=\"eyJ4IjoxfQ\"", out, sizeof(out)));
    assert_string_equal(out, "{\"x\":1,\"access_token\":{\"xms_cc\":{\"values\":[\"cp1\"]}}}");
}

TEST(other_headers_are_no_challenge)
{
    static const char *const headers[] = {
        "",
        "Bearer",
        "Bearer realm=\"x\"",
        "Bearer error=\"invalid_token\", claims=\"eyJ4IjoxfQ\"",
        "Bearer error=\"insufficient_claims\"",
        "Bearer error=\"insufficient_claims\", claims=\"\"",
        "Bearer error=\"insufficient_claims\", claims=\"***\"",
        "Bearer error=\"insufficient_claims\", claims=\"bm90IGpzb24\"",
        "Bearer error=\"insufficient_claims\", claims=\"W10\"", /* [] */
        "Bearer error=\"insufficient_claims\", claims=\"eyJ4IjoxfQ",
        "Basic error=\"insufficient_claims\", claims=\"eyJ4IjoxfQ\"",
        "Bearer x=\"claims=eyJ4IjoxfQ, error=insufficient_claims\"",
    };
    char out[400];

    for (size_t i = 0; i < COUNT(headers); i++)
        if (claims_of(headers[i], out, sizeof(out)))
            fail_msg("%s", headers[i]);
}

int main(void)
{
    return RUN(CASE(expires_on_may_be_seconds_or_a_date),
               CASE(an_answer_that_is_no_token_is_refused),
               CASE(the_cli_s_own_expiry_goes_before_its_date),
               CASE(each_code_of_entra_s_has_a_sentence), CASE(a_machine_being_updated_is_said),
               CASE(the_expiry_in_a_token_is_read_where_there_is_one),
               CASE(a_claims_challenge_becomes_the_claims_of_the_next_request),
               CASE(other_headers_are_no_challenge));
}
