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

/* ---- ARM errors ------------------------------------------------------------------------------ */

static void assert_arm(int status, const char *body, enum failure_kind kind, const char *text)
{
    struct secret *secret = secret_new(TEXT("canary-token"));
    struct failure why = {0};

    wire_arm_failure(status, text_of(body), secret, &why);
    assert_int_equal(why.kind, kind);
    assert_string_equal(why.text, text);
    secret_free(secret);
}

TEST(every_dialect_of_arm_errors_becomes_one_sentence)
{
    assert_arm(404,
               "{\"error\":{\"code\":\"ResourceNotFound\",\"message\":\"The Resource 'x' was not "
               "found.\"}}",
               FAILURE_NOT_FOUND, "HTTP 404 ResourceNotFound: The Resource 'x' was not found");
    assert_arm(403, "{\"code\":\"AuthorizationFailed\",\"message\":\"no\"}", FAILURE_DENIED,
               "HTTP 403 AuthorizationFailed: no");
    assert_arm(400, "{\"Code\":\"BadRequest\",\"Message\":\"No.\"}", FAILURE_INVALID,
               "HTTP 400 BadRequest: No");
    assert_arm(409,
               "{\"error\":{\"code\":\"Conflict\",\"message\":\"busy\",\"details\":[{\"code\":"
               "\"Inner\",\"message\":\"other operation\",\"details\":[]}]}}",
               FAILURE_CONFLICT, "HTTP 409 Conflict: busy (Inner: other operation)");
    assert_arm(500,
               "{\"error\":{\"code\":\"A\",\"message\":\"a\",\"innererror\":{\"code\":\"B\","
               "\"innererror\":{\"code\":\"C\"}}}}",
               FAILURE_REMOTE, "HTTP 500 A: a (C)");
    assert_arm(400,
               "{\"error\":{\"code\":\"UserError\",\"message\":\"m\",\"additionalInfo\":[{\"type\":"
               "\"InnerError\",\"info\":{\"value\":{\"code\":\"NotFoundError\"}}}]}}",
               FAILURE_INVALID, "HTTP 400 UserError: m (NotFoundError)");
    assert_arm(503, "<!DOCTYPE html><p>canary-token", FAILURE_REMOTE,
               "HTTP 503 with a web page instead of JSON (is a proxy in between?)");
    assert_arm(500, "", FAILURE_REMOTE, "HTTP 500 without a reason");
    assert_arm(500, "canary-token", FAILURE_REMOTE, "HTTP 500 without a reason");
    assert_arm(429, "{\"error\":null}", FAILURE_THROTTLED, "HTTP 429 without a reason");
    assert_arm(302, "", FAILURE_PROTOCOL, "HTTP 302 without a reason");
}

TEST(an_arm_error_never_quotes_the_token_or_anything_like_one)
{
    assert_arm(401,
               "{\"error\":{\"code\":\"canary-token\",\"message\":\"got 'canary-token'.\\n\"}}",
               FAILURE_DENIED, "HTTP 401 [secret]: got '[secret]'");
    assert_arm(401,
               "{\"error\":{\"code\":\"X\",\"message\":\"got eyJhbGciOiJSUzI1NiJ9.eyJhdWQi.c2ln, "
               "no\"}}",
               FAILURE_DENIED, "HTTP 401 X: got [token], no");
}

TEST(a_secret_across_the_cut_of_a_long_message_is_hidden_whole)
{
    for (size_t lead = 280; lead <= 310; lead++) {
        struct secret *secret = secret_new(TEXT("canary-token"));
        struct failure why = {0};
        char body[600];

        snprintf(body, sizeof(body),
                 "{\"error\":{\"code\":\"X\",\"message\":\"%0*d canary-token\"}}", (int)lead, 0);
        wire_arm_failure(400, text_of(body), secret, &why);
        assert_null(strstr(why.text, "can"));
        secret_free(secret);
    }
}

/* ---- keys ------------------------------------------------------------------------------------ */

static bool parse_keys(const char *body, char out[2][32], struct failure *why)
{
    struct secret *keys[AZURE_SLOTS] = {0};
    const struct azure_key_kind *kind = azure_key_kind_named(TEXT("azureml-online-endpoint"));

    if (!wire_keys(kind, text_of(body), keys, why)) {
        assert_null(keys[0]);
        return false;
    }
    for (size_t i = 0; i < 2; i++) {
        snprintf(out[i], 32, "%.*s", TEXT_ARG(secret_reveal(keys[i])));
        secret_free(keys[i]);
    }
    return true;
}

TEST(both_keys_are_read_and_further_members_do_not_matter)
{
    char keys[2][32];

    assert_true(parse_keys("{\"secondaryKey\":\"b\",\"x\":[1],\"primaryKey\":\"a\"}", keys, NULL));
    assert_string_equal(keys[0], "a");
    assert_string_equal(keys[1], "b");
}

TEST(equal_keys_are_two_keys)
{
    char keys[2][32];

    assert_true(parse_keys("{\"primaryKey\":\"same\",\"secondaryKey\":\"same\"}", keys, NULL));
    assert_string_equal(keys[0], keys[1]);
}

TEST(a_null_empty_missing_or_strange_key_is_refused_without_showing_one)
{
    static const char *const bodies[] = {
        "{\"primaryKey\":null,\"secondaryKey\":\"canary\"}",
        "{\"primaryKey\":\"canary\",\"secondaryKey\":null}",
        "{\"primaryKey\":\"canary\",\"secondaryKey\":\"\"}",
        "{\"primaryKey\":\"canary\"}",
        "{\"primaryKey\":[\"canary\"],\"secondaryKey\":\"canary\"}",
        "{\"primaryKey\":\"can\\u0000ary\",\"secondaryKey\":\"canary\"}",
        "{\"primaryKey\":\"can\\nary\",\"secondaryKey\":\"canary\"}",
        "{\"primaryKey\":\"canary\",\"primaryKey\":\"canary\",\"secondaryKey\":\"canary\"}",
        "{\"primaryKey\":\"canary\",\"secondaryKey\":\"canar",
        "<html>canary",
        "",
    };

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct failure why = {0};
        char keys[2][32];

        assert_false(parse_keys(bodies[i], keys, &why));
        assert_int_equal(why.kind, FAILURE_PROTOCOL);
        assert_null(strstr(why.text, "can"));
    }
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

/* ---- ids ------------------------------------------------------------------------------------- */

#define SUB "00000000-1111-2222-3333-444444444444"
#define ID                                                                                         \
    "/subscriptions/" SUB "/resourceGroups/rg/providers/Microsoft.MachineLearningServices/"        \
    "workspaces/ws1/onlineEndpoints/ep"

TEST(an_endpoint_id_is_built_from_names_only)
{
    static const struct {
        const char *subscription, *group, *workspace, *endpoint, *word;
    } bad[] = {
        {"", "rg", "ws1", "ep", "subscription"},
        {"sub/../x", "rg", "ws1", "ep", "subscription"},
        {SUB, "", "ws1", "ep", "resource group"},
        {SUB, "rg.", "ws1", "ep", "resource group"},
        {SUB, "rg/x", "ws1", "ep", "resource group"},
        {SUB, "rg?x", "ws1", "ep", "resource group"},
        {SUB, "rg", "w", "ep", "workspace"},
        {SUB, "rg", "-ws", "ep", "workspace"},
        {SUB, "rg", "ws1", "1ep", "endpoint"},
        {SUB, "rg", "ws1", "ep-", "endpoint"},
        {SUB, "rg", "ws1", "e%70", "endpoint"},
        {SUB, "rg", "ws1", "", "endpoint"},
    };
    char *id = azure_endpoint_id(TEXT(SUB), TEXT("rg"), TEXT("ws1"), TEXT("ep"), NULL);

    assert_string_equal(id, ID);
    free(id);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct failure why = {0};

        assert_null(azure_endpoint_id(text_of(bad[i].subscription), text_of(bad[i].group),
                                      text_of(bad[i].workspace), text_of(bad[i].endpoint), &why));
        assert_int_equal(why.kind, FAILURE_INVALID);
        assert_non_null(strstr(why.text, bad[i].word));
    }
}

TEST(a_kind_is_known_by_its_id_in_any_case)
{
    const struct azure_key_kind *kind = azure_key_kind_named(TEXT("azureml-online-endpoint"));

    assert_ptr_equal(azure_key_kind_of(TEXT(ID)), kind);
    assert_ptr_equal(azure_key_kind_of(TEXT("/SUBSCRIPTIONS/" SUB "/resourcegroups/rg/PROVIDERS/"
                                            "microsoft.machinelearningservices/Workspaces/ws1/"
                                            "onlineendpoints/ep")),
                     kind);
    assert_null(azure_key_kind_of(TEXT(ID "/")));
    assert_null(azure_key_kind_of(TEXT(ID "/x")));
    assert_null(azure_key_kind_of(TEXT("/" ID)));
    assert_null(azure_key_kind_of(TEXT(ID "?x")));
    assert_null(azure_key_kind_of(TEXT("/subscriptions/" SUB "/resourceGroups/rg")));
    assert_null(azure_key_kind_of((struct text){0}));
}

TEST(the_table_of_kinds_can_be_walked)
{
    const struct azure_key_kind *kind = azure_key_kind_named(text_of(azure_key_kind_at(0)));

    assert_string_equal(azure_key_kind_name(kind), "azureml-online-endpoint");
    assert_null(azure_key_kind_at(1));
    assert_null(azure_key_kind_named(TEXT("Azureml-Online-Endpoint")));
    assert_string_equal(azure_key_kind_slot(kind, 0), "primary");
    assert_string_equal(azure_key_kind_slot(kind, 1), "secondary");
    assert_null(azure_key_kind_slot(kind, 2));
}

int main(void)
{
    return RUN(
        CASE(a_lifetime_may_be_a_number_a_numeric_string_or_an_instant),
        CASE(a_short_life_is_refreshed_after_four_fifths_of_it),
        CASE(refresh_in_counts_when_it_comes_sooner), CASE(an_answer_that_is_no_token_is_refused),
        CASE(aadsts_codes_become_advice),
        CASE(an_unknown_aadsts_code_keeps_its_sentence_without_the_trace),
        CASE(a_token_error_never_quotes_what_was_sent),
        CASE(a_token_error_that_is_no_json_is_told_apart),
        CASE(every_dialect_of_arm_errors_becomes_one_sentence),
        CASE(an_arm_error_never_quotes_the_token_or_anything_like_one),
        CASE(a_secret_across_the_cut_of_a_long_message_is_hidden_whole),
        CASE(both_keys_are_read_and_further_members_do_not_matter), CASE(equal_keys_are_two_keys),
        CASE(a_null_empty_missing_or_strange_key_is_refused_without_showing_one),
        CASE(the_end_of_an_operation_is_known_in_any_case_and_anything_else_is_running),
        CASE(a_failed_operation_says_why), CASE(an_operation_without_a_status_is_not_believed),
        CASE(only_the_very_same_origin_may_be_followed),
        CASE(an_endpoint_id_is_built_from_names_only), CASE(a_kind_is_known_by_its_id_in_any_case),
        CASE(the_table_of_kinds_can_be_walked));
}
