/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that Azure wants to be other ones: claims challenges (continuous access evaluation),
 * refusals of the moment, and federated tokens whose time is over. */
#include "azureclient/client.h"
#include "base/buffer.h"
#include "tests/support/test.h"
#include "tests/unit/azureclient/certificates.h"
#include "tests/unit/azureclient/fake_azure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TOKEN                                                                                      \
    {                                                                                              \
        "POST /token", 200, FAKE_TOKEN                                                             \
    }
#define KEYS                                                                                       \
    {                                                                                              \
        "POST /listKeys", 200, "{\"primaryKey\":\"canary-a\",\"secondaryKey\":\"canary-b\"}"       \
    }
/* {"access_token":{"nbf":{"essential":true,"value":"17"}}} */
#define CHALLENGE                                                                                  \
    "WWW-Authenticate: Bearer realm=\"\", error=\"insufficient_claims\", claims=\""                \
    "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxNyJ9fX0=\""
#define CLAIMS                                                                                     \
    "&claims=%7B%22access_token%22%3A%7B%22nbf%22%3A%7B%22essential%22%3Atrue%2C%22value%22%3A"    \
    "%2217%22%7D%2C%22xms_cc%22%3A%7B%22values%22%3A%5B%22cp1%22%5D%7D%7D%7D"
#define BODY "{\"error\":{\"code\":\"InvalidAuthenticationToken\",\"message\":\"canary-TOKEN-1\"}}"

static struct fake fake;
static char file[64];

/* ---- claims challenges ----------------------------------------------------------------------- */

TEST(a_claims_challenge_is_answered_with_one_token_that_carries_the_claims)
{
    FAKE_OPEN(&fake, {"POST /token", 200, FAKE_TOKEN, .times = 1},
              {"POST /token", 200, "{\"access_token\":\"canary-2\",\"expires_in\":3600}"},
              {"POST /listKeys", 401, BODY, CHALLENGE, .times = 1}, KEYS);
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    assert_int_equal(fake_count(&fake, "POST /token"), 2);
    assert_null(strstr(fake.requests[0].body, "claims"));
    assert_non_null(strstr(fake_last(&fake, "POST /token")->body, CLAIMS));
    assert_string_equal(fake_last(&fake, "POST /listKeys")->authorization, "Bearer canary-2");
    fake.client->tokens.refresh_at = 0;
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    assert_null(strstr(fake_last(&fake, "POST /token")->body, "claims")); /* answered */
    fake_close(&fake);
}

TEST(a_second_challenge_is_the_end)
{
    FAKE_OPEN(&fake, TOKEN, {"POST /listKeys", 401, BODY, CHALLENGE});
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "cannot list the keys of swin", "HTTP 401",
                "continuous access evaluation asks for other claims again",
                "the identity's access was taken away");
    assert_int_equal(fake.failure.http_status, 401);
    assert_int_equal(fake_count(&fake, "POST /token"), 2);
    assert_int_equal(fake_count(&fake, "POST /listKeys"), 2);
    fake_close(&fake);
}

TEST(a_challenge_after_a_plain_401_is_a_401)
{
    FAKE_OPEN(&fake, TOKEN, {"POST /listKeys", 401, BODY, .times = 1},
              {"POST /listKeys", 401, BODY, CHALLENGE});
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "HTTP 401 InvalidAuthenticationToken");
    assert_int_equal(fake_count(&fake, "POST /listKeys"), 2);
    fake_close(&fake);
}

/* So that who tries again comes after all who try for the first time. */
static void one_by_one(struct azure_settings *settings, struct fake *unused)
{
    (void)unused;
    settings->max_in_flight = 1;
    settings->timeout_ms = 9000;
}

TEST(many_who_are_challenged_cause_one_request)
{
    const struct azure_key_kind *kind = azure_key_kind_named(TEXT("azureml-online-endpoint"));
    struct fake_step steps[] = {TOKEN, {"POST /listKeys", 401, BODY, CHALLENGE, .times = 10}, KEYS};

    fake_open(&fake, steps, COUNT(steps), one_by_one);
    for (int i = 0; i < 10; i++)
        azure_list_keys(fake.client, kind, TEXT(FAKE_ID), 0, fake_on_keys, &fake);
    while (fake.done_count < 10) {
        fake.is_done = false;
        fake_wait(&fake);
    }
    assert_int_equal(fake.kind_count[FAILURE_NONE], 10);
    assert_int_equal(fake_count(&fake, "POST /token"), 2);
    assert_non_null(strstr(fake_last(&fake, "POST /token")->body, CLAIMS));
    fake_close(&fake);
}

TEST(claims_that_entra_refuses_are_not_asked_for_for_ever)
{
    FAKE_OPEN(&fake, {"POST /token", 200, FAKE_TOKEN, .times = 1},
              {"POST /token", 400, "{\"error\":\"x\"}", .times = 1}, TOKEN,
              {"POST /listKeys", 401, BODY, CHALLENGE, .times = 1}, KEYS);
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "cannot list the keys of swin", "HTTP 400");
    assert_non_null(strstr(fake_last(&fake, "POST /token")->body, CLAIMS));
    fake.client->tokens.not_before = 0;
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    assert_null(strstr(fake_last(&fake, "POST /token")->body, "claims"));
    fake_close(&fake);
}

static void by_managed_identity(struct azure_settings *settings, struct fake *unused)
{
    (void)unused;
    settings->credential.method = AZURE_CREDENTIAL_MANAGED_IDENTITY;
}

TEST(a_managed_identity_cannot_bring_claims)
{
    struct fake_step steps[] = {{"GET /token", 200, FAKE_TOKEN},
                                {"POST /listKeys", 401, BODY, CHALLENGE}};

    fake_open(&fake, steps, COUNT(steps), by_managed_identity);
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "HTTP 401", "this kind of sign-in cannot bring any");
    assert_int_equal(fake_count(&fake, "GET /token"), 2);
    assert_null(strstr(fake_last(&fake, "GET /token")->query, "claims"));
    fake_close(&fake);
}

/* ---- refusals of the moment ------------------------------------------------------------------ */

#define FOR_A_MOMENT                                                                               \
    "{\"error\":\"temporarily_unavailable\",\"error_description\":\"AADSTS90033: x\","             \
    "\"error_codes\":[90033]}"

static void with_time(struct azure_settings *settings, struct fake *unused)
{
    (void)unused;
    settings->timeout_ms = 9000;
}

TEST(a_refusal_of_the_moment_is_tried_again)
{
    struct fake_step steps[] = {{"POST /token", 400, FOR_A_MOMENT, .times = 2}, TOKEN, KEYS};

    fake_open(&fake, steps, COUNT(steps), with_time);
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    assert_int_equal(fake_count(&fake, "POST /token"), 3);
    fake_close(&fake);
}

TEST(a_moment_that_lasts_is_a_failure)
{
    struct fake_step steps[] = {{"POST /token", 400, FOR_A_MOMENT}};

    fake_open(&fake, steps, COUNT(steps), with_time);
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_REMOTE, "AADSTS90033: Entra is unavailable for a moment");
    assert_int_equal(fake_count(&fake, "POST /token"), 3);
    fake_close(&fake);
}

/* ---- federated tokens ------------------------------------------------------------------------ */

static void by_workload_identity(struct azure_settings *settings, struct fake *unused)
{
    (void)unused;
    settings->credential.method = AZURE_CREDENTIAL_WORKLOAD_IDENTITY;
    settings->credential.client_secret = NULL;
    settings->credential.federated_token_file = file;
}

static void write_token(int64_t expires_s)
{
    struct buffer token = {.limit = 4096}, claims = {.limit = 4096};

    buffer_printf(&claims, "{\"sub\":\"canary\",\"exp\":%lld}", (long long)expires_s);
    buffer_append_string(&token, "eyJhbGciOiJub25lIn0.");
    buffer_append_base64url(&token, buffer_text(&claims));
    buffer_append_string(&token, ".canary\n");
    certificates_write(file, token.start);
    buffer_clear(&token);
    buffer_clear(&claims);
}

TEST(a_federated_token_that_has_expired_is_said_before_it_is_sent)
{
    struct fake_step steps[] = {TOKEN, KEYS};

    fake_open(&fake, steps, COUNT(steps), by_workload_identity);
    write_token(1700000000);
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_INVALID, file, "expired on 2023-11-14T22:13:20Z");
    assert_null(strstr(fake.failure.text, "eyJ"));
    assert_int_equal(fake.request_count, 0);
    write_token(time(NULL) + 3600);
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    fake_close(&fake);
}

TEST(a_tenant_with_a_space_is_refused)
{
    struct azure_settings settings = {
        .credential = {.tenant_id = "my tenant", .client_id = "c", .client_secret_file = "/x"}};
    struct failure why = {0};

    FAKE_OPEN(&fake, TOKEN);
    assert_null(azure_client_open(fake.http, &settings, &why));
    assert_int_equal(why.kind, FAILURE_INVALID);
    assert_non_null(strstr(why.text, "\"my tenant\" cannot be a tenant: a GUID or a domain"));
    fake_close(&fake);
}

int main(void)
{
    int failed;

    strcpy(file, "/tmp/azureclient-test-XXXXXX");
    close(mkstemp(file));
    failed =
        RUN(CASE(a_claims_challenge_is_answered_with_one_token_that_carries_the_claims),
            CASE(a_second_challenge_is_the_end), CASE(a_challenge_after_a_plain_401_is_a_401),
            CASE(many_who_are_challenged_cause_one_request),
            CASE(claims_that_entra_refuses_are_not_asked_for_for_ever),
            CASE(a_managed_identity_cannot_bring_claims),
            CASE(a_refusal_of_the_moment_is_tried_again), CASE(a_moment_that_lasts_is_a_failure),
            CASE(a_federated_token_that_has_expired_is_said_before_it_is_sent),
            CASE(a_tenant_with_a_space_is_refused));
    unlink(file);
    return failed;
}
