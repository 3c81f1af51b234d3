/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"
#include "tests/unit/azureclient/fake_azure.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fake fake;

TEST(the_answer_decides_what_is_known_of_the_key)
{
    static const struct {
        int status;
        const char *body;
        enum azure_score_result result;
    } answers[] = {
        {200, "[1]", AZURE_SCORE_OK},
        {202, NULL, AZURE_SCORE_OK},
        {401, "key_auth_access_denied", AZURE_SCORE_KEY_REFUSED},
        {401, "nginx", AZURE_SCORE_UNDECIDED},
        {403, "{\"error\":\"key_auth_bad_header_forbidden\"}", AZURE_SCORE_KEY_REFUSED},
        {403, "public access is disabled", AZURE_SCORE_UNDECIDED},
        {403, "key_auth_access_denied", AZURE_SCORE_UNDECIDED},
        {400, NULL, AZURE_SCORE_KEY_ACCEPTED_CALL_FAILED},
        {404, NULL, AZURE_SCORE_KEY_ACCEPTED_CALL_FAILED},
        {408, NULL, AZURE_SCORE_KEY_ACCEPTED_CALL_FAILED},
        {413, NULL, AZURE_SCORE_KEY_ACCEPTED_CALL_FAILED},
        {415, NULL, AZURE_SCORE_KEY_ACCEPTED_CALL_FAILED},
        {422, NULL, AZURE_SCORE_KEY_ACCEPTED_CALL_FAILED},
        {424, NULL, AZURE_SCORE_KEY_ACCEPTED_CALL_FAILED},
        {429, NULL, AZURE_SCORE_KEY_ACCEPTED_CALL_FAILED},
        {302, NULL, AZURE_SCORE_UNDECIDED},
        {409, NULL, AZURE_SCORE_UNDECIDED},
        {500, "key_auth_access_denied", AZURE_SCORE_UNDECIDED},
        {503, NULL, AZURE_SCORE_UNDECIDED},
    };

    for (size_t i = 0; i < COUNT(answers); i++) {
        FAKE_OPEN(&fake, {"POST /score", answers[i].status, answers[i].body});
        fake_score(&fake, "/score", "canary-key", 0);
        fake_assert_ok(&fake);
        if (fake.score.result != answers[i].result)
            fail_msg("%d: %s", answers[i].status, fake.text[0]);
        assert_int_equal(fake.score.http_status, answers[i].status);
        assert_int_equal(fake.request_count, 1);
        fake_close(&fake);
    }
}

TEST(one_post_goes_out_with_this_key_and_no_token)
{
    FAKE_OPEN(&fake, {"POST /score", 200});
    fake_score(&fake, "/score?a=b", "canary-key", 0);
    assert_int_equal(fake.request_count, 1);
    assert_string_equal(fake.requests[0].authorization, "Bearer canary-key");
    assert_string_equal(fake.requests[0].body, "{}");
    assert_string_equal(fake.requests[0].query, "a=b");
    fake_score(&fake, "/score", "canary-other", 0);
    assert_string_equal(fake.requests[1].authorization, "Bearer canary-other");
    fake_close(&fake);
}

TEST(the_models_own_words_are_in_the_reason_without_the_key)
{
    FAKE_OPEN(&fake, {"POST /score", 424, NULL,
                      "ms-azureml-model-error-statuscode: 500\n"
                      "ms-azureml-model-error-reason: model_error for canary-key"});
    fake_score(&fake, "/score", "canary-key", 0);
    assert_string_equal(fake.text[0],
                        "HTTP 424: the model failed (model: status 500 model_error for "
                        "[secret])");
    fake_close(&fake);
}

TEST(no_answer_is_a_failure_and_nothing_is_sent_twice)
{
    FAKE_OPEN(&fake, {"POST /reset", 1, .resets = true}, {"POST /hang", 0});
    fake_score(&fake, "/reset", "canary-key", 0);
    FAKE_FAILED(&fake, FAILURE_NETWORK, "127.0.0.1");
    assert_null(strstr(fake.failure.text, "change"));
    fake_score(&fake, "/hang", "canary-key", 100);
    FAKE_FAILED(&fake, FAILURE_TIMEOUT, "127.0.0.1");
    assert_int_equal(fake.request_count, 2);
    fake_close(&fake);
}

TEST(a_uri_that_would_show_the_key_is_refused)
{
    static const char *const uris[] = {
        "http://swin.example/score", "ftp://x/", "", "https://", "https://user@swin.example/score",
        "https://swin.example/a b"};

    FAKE_OPEN(&fake, {"POST /score", 200});
    for (size_t i = 0; i < COUNT(uris); i++) {
        fake_score(&fake, uris[i][0] ? uris[i] : "none", "canary-key", 0);
        assert_int_equal(fake.failure.kind, FAILURE_INVALID);
    }
    assert_int_equal(fake.request_count, 0);
    fake_close(&fake);
}

int main(void)
{
    return RUN(CASE(the_answer_decides_what_is_known_of_the_key),
               CASE(one_post_goes_out_with_this_key_and_no_token),
               CASE(the_models_own_words_are_in_the_reason_without_the_key),
               CASE(no_answer_is_a_failure_and_nothing_is_sent_twice),
               CASE(a_uri_that_would_show_the_key_is_refused));
}
