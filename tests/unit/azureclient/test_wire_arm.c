/* SPDX-License-Identifier: Apache-2.0 */
#include "azureclient/wire.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

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
    assert_arm(403, "{\"code\":\"Forbidden\",\"message\":\"no\"}", FAILURE_DENIED,
               "HTTP 403 Forbidden: no");
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
    /* The reason may stand below a level that says nothing, or behind an empty first detail. */
    assert_arm(500,
               "{\"error\":{\"code\":\"A\",\"message\":\"a\",\"innererror\":{\"trace\":1,"
               "\"innererror\":{\"code\":\"C\",\"message\":\"deep\"}}}}",
               FAILURE_REMOTE, "HTTP 500 A: a (C: deep)");
    assert_arm(
        500,
        "{\"error\":{\"code\":\"A\",\"innererror\":{\"code\":\"B\",\"innererror\":{\"trace\":1}}}"
        "}",
        FAILURE_REMOTE, "HTTP 500 A (B)");
    assert_arm(400,
               "{\"error\":{\"code\":\"A\",\"message\":\"a\",\"details\":[{},null,{\"code\":\"B\","
               "\"message\":\"b\"}]}}",
               FAILURE_INVALID, "HTTP 400 A: a (B: b)");
    assert_arm(400,
               "{\"odata.error\":{\"code\":\"O\",\"message\":{\"lang\":\"en-us\",\"value\":"
               "\"odd.\"}}}",
               FAILURE_INVALID, "HTTP 400 O: odd");
    assert_arm(400,
               "{\"error\":{\"code\":\"A\",\"message\":\"same\",\"details\":[{\"code\":\"A\","
               "\"message\":\"same\"}]}}",
               FAILURE_INVALID, "HTTP 400 A: same");
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

TEST(codes_that_mean_more_than_their_status_say_what_to_do)
{
    assert_arm(403, "{\"error\":{\"code\":\"AuthorizationFailed\",\"message\":\"no.\"}}",
               FAILURE_DENIED,
               "HTTP 403 AuthorizationFailed: no; a new role assignment can take 10 minutes to "
               "work, seldom 30");
    assert_arm(409, "{\"error\":{\"code\":\"MissingSubscriptionRegistration\"}}", FAILURE_INVALID,
               "HTTP 409 MissingSubscriptionRegistration; the subscription has not registered this "
               "resource provider: az provider register");
    assert_arm(409, "{\"error\":{\"code\":\"ScopeLocked\",\"message\":\"m\"}}", FAILURE_DENIED,
               "HTTP 409 ScopeLocked: m; a lock on the resource, its group or its subscription "
               "forbids it");
    assert_arm(404, "{\"error\":{\"code\":\"ParentResourceNotFound\",\"message\":\"m\"}}",
               FAILURE_NOT_FOUND,
               "HTTP 404 ParentResourceNotFound: m; what it belongs to does not exist");
    assert_arm(400, "{\"error\":{\"code\":\"resourceGroupNotFound\",\"message\":\"m\"}}",
               FAILURE_NOT_FOUND, "HTTP 400 resourceGroupNotFound: m");
    assert_arm(401, "{\"error\":{\"code\":\"InvalidAuthenticationTokenTenant\"}}", FAILURE_DENIED,
               "HTTP 401 InvalidAuthenticationTokenTenant; the identity is of another tenant than "
               "the resource");
}

TEST(throttled_busy_and_broken_are_told_apart)
{
    static const struct {
        int status;
        enum failure_kind kind;
    } cases[] = {{429, FAILURE_THROTTLED}, {409, FAILURE_CONFLICT}, {412, FAILURE_CONFLICT},
                 {503, FAILURE_REMOTE},    {408, FAILURE_REMOTE},   {404, FAILURE_NOT_FOUND},
                 {410, FAILURE_NOT_FOUND}, {401, FAILURE_DENIED},   {403, FAILURE_DENIED},
                 {400, FAILURE_INVALID},   {422, FAILURE_INVALID},  {302, FAILURE_PROTOCOL}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(wire_kind_of_status(cases[i].status), cases[i].kind);
}

TEST(the_message_gives_way_to_what_must_be_said)
{
    struct arm_error error = {.status = 403, .support = TEXT("correlation id 0f")};
    struct failure why;
    char body[900];

    snprintf(body, sizeof(body),
             "{\"error\":{\"code\":\"AuthorizationFailed\",\"message\":\"%0*d\",\"innererror\":"
             "{\"code\":\"I\",\"message\":\"%0*d\"}}}",
             300, 0, 300, 1);
    error.body = text_of(body);
    for (size_t room = 0; room < 390; room++) {
        wire_arm_sentence(&error, NULL, room, &why);
        assert_non_null(strstr(why.text, "HTTP 403 AuthorizationFailed"));
        assert_non_null(strstr(why.text, "role assignment can take"));
        assert_non_null(strstr(why.text, "[correlation id 0f]"));
    }
}

int main(void)
{
    return RUN(CASE(every_dialect_of_arm_errors_becomes_one_sentence),
               CASE(an_arm_error_never_quotes_the_token_or_anything_like_one),
               CASE(a_secret_across_the_cut_of_a_long_message_is_hidden_whole),
               CASE(codes_that_mean_more_than_their_status_say_what_to_do),
               CASE(throttled_busy_and_broken_are_told_apart),
               CASE(the_message_gives_way_to_what_must_be_said));
}
