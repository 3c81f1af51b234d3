/* SPDX-License-Identifier: Apache-2.0 */
#include "azureclient/key_kinds.h"
#include "azureclient/wire.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1700000000000)

/* ---- tokens ---------------------------------------------------------------------------------- */

static bool parse_token(const char *body, struct wire_token *ret, struct failure *why)
{
    bool is_fine = wire_token(text_of(body), NOW, ret, why);

    if (is_fine)
        ret->value = secret_free(ret->value);
    return is_fine;
}

TEST(a_lifetime_may_be_a_number_a_numeric_string_or_an_instant)
{
    static const char *const bodies[] = {
        "{\"access_token\":\"t\",\"expires_in\":3600}",
        "{\"access_token\":\"t\",\"expires_in\":\"3600\"}",
        "{\"access_token\":\"t\",\"expires_in\":3600.9}",
        "{\"access_token\":\"t\",\"expires_on\":\"1700003600\"}",
        "{\"access_token\":\"t\",\"expires_in\":\"3600\",\"expires_on\":\"1\"}",
    };

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct wire_token token;
        struct failure why;

        assert_true(parse_token(bodies[i], &token, &why));
        assert_int_equal(token.lifetime_ms, 3600000);
        assert_int_equal(token.refresh_ms, 3300000);
    }
}

TEST(a_short_life_is_refreshed_after_four_fifths_of_it)
{
    struct wire_token token;

    assert_true(parse_token("{\"access_token\":\"t\",\"expires_in\":599}", &token, NULL));
    assert_int_equal(token.refresh_ms, 479000);
    assert_true(parse_token("{\"access_token\":\"t\",\"expires_in\":600}", &token, NULL));
    assert_int_equal(token.refresh_ms, 300000);
}

TEST(refresh_in_counts_when_it_comes_sooner)
{
    struct wire_token token;

    assert_true(parse_token("{\"access_token\":\"t\",\"expires_in\":3600,\"refresh_in\":\"1800\"}",
                            &token, NULL));
    assert_int_equal(token.refresh_ms, 1800000);
    assert_true(parse_token("{\"access_token\":\"t\",\"expires_in\":3600,\"refresh_in\":9000}",
                            &token, NULL));
    assert_int_equal(token.refresh_ms, 3300000);
}

TEST(an_answer_that_is_no_token_is_refused)
{
    static const char *const bodies[] = {
        "",
        "<html>",
        "[]",
        "{}",
        "{\"access_token\":\"t\"}",
        "{\"access_token\":\"\",\"expires_in\":1}",
        "{\"access_token\":1,\"expires_in\":1}",
        "{\"access_token\":\"a\\nb\",\"expires_in\":1}",
        "{\"access_token\":\"a b\",\"expires_in\":1}",
        "{\"access_token\":\"t\",\"expires_in\":0}",
        "{\"access_token\":\"t\",\"expires_in\":-5}",
        "{\"access_token\":\"t\",\"expires_in\":\"soon\"}",
        "{\"access_token\":\"t\",\"expires_on\":\"12\"}",
        "{\"access_token\":\"t\",\"expires_in\":1,\"expires_in\":2}",
        "{\"access_token\":\"t\",\"expires_in\":36",
    };

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct wire_token token;
        struct failure why = {0};

        assert_false(parse_token(bodies[i], &token, &why));
        assert_int_equal(why.kind, FAILURE_PROTOCOL);
    }
}

static void assert_token_failure(int status, const char *body, enum failure_kind kind,
                                 const char *words)
{
    struct secret *secret = secret_new(TEXT("canary+secret"));
    struct failure why = {0};

    wire_token_failure(status, text_of(body), secret, &why);
    if (why.kind != kind || !strstr(why.text, words) || strstr(why.text, "canary"))
        fail_msg("%s: %s", failure_kind_name(why.kind), why.text);
    assert_int_equal(why.http_status, status);
    secret_free(secret);
}

TEST(aadsts_codes_become_advice)
{
    assert_token_failure(
        401,
        "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: Invalid "
        "client secret provided. Trace ID: x\",\"error_codes\":[7000215]}",
        FAILURE_DENIED, "AADSTS7000215: the client secret is wrong");
    assert_token_failure(
        400,
        "{\"error\":\"invalid_request\",\"error_description\":\"AADSTS90002: Tenant "
        "'x' not found.\"}",
        FAILURE_DENIED, "no such tenant");
    assert_token_failure(503, "{\"error\":\"x\",\"error_codes\":[90033]}", FAILURE_REMOTE,
                         "AADSTS90033");
}

TEST(an_unknown_aadsts_code_keeps_its_sentence_without_the_trace)
{
    assert_token_failure(
        400,
        "{\"error\":\"e\",\"error_description\":\"AADSTS123456: Something new. Trace ID: 9 "
        "Correlation ID: 8\",\"error_codes\":[123456]}",
        FAILURE_DENIED, "no token: HTTP 400 AADSTS123456: Something new");
}

TEST(a_token_error_never_quotes_what_was_sent)
{
    assert_token_failure(400,
                         "{\"error\":\"e\",\"error_description\":\"you sent canary+secret or "
                         "canary%2Bsecret to us\"}",
                         FAILURE_DENIED, "you sent [secret] or [secret] to us");
    assert_token_failure(401, "{\"error\":\"canary+secret\"}", FAILURE_DENIED, "[secret]");
}

TEST(a_token_error_that_is_no_json_is_told_apart)
{
    assert_token_failure(502, " <html>canary", FAILURE_REMOTE, "web page");
    assert_token_failure(500, "canary", FAILURE_REMOTE, "without a reason");
    assert_token_failure(429, "{}", FAILURE_THROTTLED, "no reason given");
    assert_token_failure(302, "", FAILURE_PROTOCOL, "HTTP 302");
}

/* ---- operations ------------------------------------------------------------------------------ */

static enum wire_state state_of(const char *body, struct failure *why)
{
    enum wire_state state = WIRE_RUNNING;

    assert_true(wire_operation(text_of(body), NULL, &state, why));
    return state;
}

TEST(the_end_of_an_operation_is_known_in_any_case_and_anything_else_is_running)
{
    struct failure why;

    assert_int_equal(state_of("{\"status\":\"sUCCEEDED\"}", &why), WIRE_SUCCEEDED);
    assert_int_equal(state_of("{\"status\":\"FAILED\"}", &why), WIRE_FAILED);
    assert_int_equal(state_of("{\"status\":\"canceled\"}", &why), WIRE_CANCELED);
    assert_int_equal(state_of("{\"status\":\"InProgress\"}", &why), WIRE_RUNNING);
    assert_int_equal(state_of("{\"status\":\"Canceling\"}", &why), WIRE_RUNNING);
}

TEST(a_failed_operation_says_why)
{
    struct failure why;

    assert_int_equal(
        state_of("{\"error\":{\"code\":\"ModelRegistryError\",\"message\":\"No model.\"},"
                 "\"status\":\"Failed\"}",
                 &why),
        WIRE_FAILED);
    assert_int_equal(why.kind, FAILURE_REMOTE);
    assert_string_equal(why.text, "Azure could not do it: ModelRegistryError: No model");
}

TEST(an_operation_without_a_status_is_not_believed)
{
    enum wire_state state;

    assert_false(wire_operation(TEXT("{}"), NULL, &state, NULL));
    assert_false(wire_operation(TEXT("{\"status\":1}"), NULL, &state, NULL));
    assert_false(wire_operation(TEXT(""), NULL, &state, NULL));
}

/* ---- addresses ------------------------------------------------------------------------------- */

TEST(only_the_very_same_origin_may_be_followed)
{
    struct text arm = TEXT("https://management.azure.com");

    assert_true(text_is(wire_target_on(arm, TEXT("https://management.azure.com/a?b=c")), "/a?b=c"));
    assert_true(text_is(wire_target_on(arm, TEXT("HTTPS://Management.Azure.COM:443/a")), "/a"));
    assert_null(wire_target_on(arm, TEXT("http://management.azure.com/a")).start);
    assert_null(wire_target_on(arm, TEXT("https://management.azure.com:444/a")).start);
    assert_null(wire_target_on(arm, TEXT("https://management.azure.com.evil.example/a")).start);
    assert_null(wire_target_on(arm, TEXT("https://management.azure.com@evil.example/a")).start);
    assert_null(wire_target_on(arm, TEXT("https://evil.example\\@management.azure.com/a")).start);
    assert_null(wire_target_on(arm, TEXT("//management.azure.com/a")).start);
    assert_null(wire_target_on(arm, TEXT("/a")).start);
    assert_null(wire_target_on(arm, TEXT("https://management.azure.com")).start);
    assert_null(wire_target_on(arm, TEXT("https://management.azure.com/a b")).start);
    assert_null(wire_target_on(arm, TEXT("https://management.azure.com/a#b")).start);
}

static void assert_region(const char *arm, const char *url, const char *region)
{
    struct text found, target;

    if (!region) {
        assert_false(wire_operation_at(text_of(arm), text_of(url), &found, &target));
        return;
    }
    assert_true(wire_operation_at(text_of(arm), text_of(url), &found, &target));
    assert_true(text_is(found, region));
    assert_true(text_is(target, "/a?b"));
}

TEST(an_operation_may_be_on_a_region_of_a_public_cloud_and_nowhere_else)
{
    static const char arm[] = "https://management.azure.com";

    assert_region(arm, "https://management.azure.com/a?b", "");
    assert_region(arm, "https://centraluseuap.management.azure.com/a?b",
                  "https://centraluseuap.management.azure.com");
    assert_region("https://Management.Azure.com:443",
                  "https://EastUS2.management.azure.com:443/a?b",
                  "https://EastUS2.management.azure.com:443");
    assert_region("https://management.usgovcloudapi.net",
                  "https://r.management.usgovcloudapi.net/a?b",
                  "https://r.management.usgovcloudapi.net");
    assert_region("https://management.chinacloudapi.cn",
                  "https://r.management.chinacloudapi.cn/a?b",
                  "https://r.management.chinacloudapi.cn");

    assert_region(arm, "http://r.management.azure.com/a?b", NULL);
    assert_region(arm, "https://r.management.azure.com:444/a?b", NULL);
    assert_region(arm, "https://rmanagement.azure.com/a?b", NULL);
    assert_region(arm, "https://.management.azure.com/a?b", NULL);
    assert_region(arm, "https://a.b.management.azure.com/a?b", NULL);
    assert_region(arm, "https://r.management.azure.com.evil.example/a?b", NULL);
    assert_region(arm, "https://evil.example/r.management.azure.com/a?b", NULL);
    assert_region(arm, "https://r.management.azure.com@evil.example/a?b", NULL);
    assert_region(arm, "https://r.management.azure.com", NULL);
    assert_region(arm, "https://r.management.usgovcloudapi.net/a?b", NULL);
    /* Who owns the names below another host nobody knows. */
    assert_region("https://arm.example", "https://r.arm.example/a?b", NULL);
    assert_region("http://127.0.0.1:80", "http://r.127.0.0.1:80/a?b", NULL);
}

int main(void)
{
    return RUN(CASE(a_lifetime_may_be_a_number_a_numeric_string_or_an_instant),
               CASE(a_short_life_is_refreshed_after_four_fifths_of_it),
               CASE(refresh_in_counts_when_it_comes_sooner),
               CASE(an_answer_that_is_no_token_is_refused), CASE(aadsts_codes_become_advice),
               CASE(an_unknown_aadsts_code_keeps_its_sentence_without_the_trace),
               CASE(a_token_error_never_quotes_what_was_sent),
               CASE(a_token_error_that_is_no_json_is_told_apart),
               CASE(the_end_of_an_operation_is_known_in_any_case_and_anything_else_is_running),
               CASE(a_failed_operation_says_why),
               CASE(an_operation_without_a_status_is_not_believed),
               CASE(only_the_very_same_origin_may_be_followed),
               CASE(an_operation_may_be_on_a_region_of_a_public_cloud_and_nowhere_else));
}
