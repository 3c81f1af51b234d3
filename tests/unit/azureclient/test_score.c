/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"
#include "tests/unit/azureclient/fake_azure.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fake fake;

#define OURS "azureml-model-deployment: blue"

TEST(the_answer_decides_what_is_known_of_the_key)
{
    static const struct {
        int status;
        const char *body, *headers;
        enum azure_score_result result;
        const char *words;
    } answers[] = {
        {200, "[1]", NULL, AZURE_SCORE_OK, "HTTP 200: the call was answered"},
        {202, NULL, NULL, AZURE_SCORE_OK, "answered"},
        {200, "<html>", OURS, AZURE_SCORE_OK, "answered"},
        {200, "<!DOCTYPE html><html>Sign in</html>", NULL, AZURE_SCORE_UNDECIDED, "a web page"},
        {302, NULL, NULL, AZURE_SCORE_UNDECIDED, "HTTP 302: says nothing about the key"},
        {400, NULL, OURS, AZURE_SCORE_KEY_ACCEPTED_CALL_FAILED, "refused the input"},
        {401, "key_auth_access_denied", NULL, AZURE_SCORE_KEY_REFUSED, "does not know this key"},
        {401, "nginx", NULL, AZURE_SCORE_UNDECIDED, "not in the endpoint's words"},
        {401, "", OURS, AZURE_SCORE_UNDECIDED, "not in the endpoint's words"},
        {403, "{\"error\":\"key_auth_bad_header_forbidden\"}", NULL, AZURE_SCORE_KEY_REFUSED,
         "no key at all"},
        {403, "public access is disabled", NULL, AZURE_SCORE_UNDECIDED, "network rule"},
        {403, "key_auth_access_denied", NULL, AZURE_SCORE_UNDECIDED, "network rule"},
        {404, NULL, OURS, AZURE_SCORE_KEY_ACCEPTED_CALL_FAILED, "no deployment"},
        {408, NULL, OURS, AZURE_SCORE_KEY_ACCEPTED_CALL_FAILED, "took too long"},
        {409, NULL, OURS, AZURE_SCORE_UNDECIDED, "under way"},
        {413, NULL, OURS, AZURE_SCORE_KEY_ACCEPTED_CALL_FAILED, "too large"},
        {415, NULL, OURS, AZURE_SCORE_KEY_ACCEPTED_CALL_FAILED, "content type"},
        {422, NULL, OURS, AZURE_SCORE_KEY_ACCEPTED_CALL_FAILED, "could not process"},
        {424, NULL, NULL, AZURE_SCORE_KEY_ACCEPTED_CALL_FAILED, "the model failed"},
        {429, NULL, "ms-azureml-model-error-reason: too_many_pending_request",
         AZURE_SCORE_KEY_ACCEPTED_CALL_FAILED,
         "too many requests wait at the endpoint (model: "
         "too_many_pending_request)"},
        {500, "key_auth_access_denied", NULL, AZURE_SCORE_UNDECIDED, "the endpoint failed"},
        {502, NULL, OURS, AZURE_SCORE_UNDECIDED, "behind its gateway"},
        {503, NULL, OURS, AZURE_SCORE_UNDECIDED, "not ready"},
        {504, NULL, OURS, AZURE_SCORE_UNDECIDED, "in time"},
        {599, NULL, OURS, AZURE_SCORE_UNDECIDED, "says nothing about the key"},
    };

    for (size_t i = 0; i < COUNT(answers); i++) {
        FAKE_OPEN(&fake, {"POST /score", answers[i].status, answers[i].body, answers[i].headers});
        fake_score(&fake, "/score", "canary-key", 0);
        fake_assert_ok(&fake);
        if (fake.score.result != answers[i].result || !strstr(fake.text[0], answers[i].words))
            fail_msg("%zu: %d: %s", i, answers[i].status, fake.text[0]);
        assert_int_equal(fake.score.http_status, answers[i].status);
        assert_int_equal(fake.request_count, 1);
        fake_close(&fake);
    }
}

TEST(what_a_proxy_may_have_said_does_not_count_as_an_accepted_key)
{
    static const int statuses[] = {400, 404, 408, 413, 415, 422, 429};

    for (size_t i = 0; i < COUNT(statuses); i++) {
        FAKE_OPEN(&fake, {"POST /score", statuses[i], "<html>nginx</html>", "x-ms-request-id: r"});
        fake_score(&fake, "/score", "canary-key", 0);
        fake_assert_ok(&fake);
        assert_int_equal(fake.score.result, AZURE_SCORE_UNDECIDED);
        assert_non_null(strstr(fake.text[0], "not a proxy before it"));
        fake_close(&fake);
    }
}

TEST(the_ids_and_the_models_own_status_are_kept)
{
    FAKE_OPEN(&fake, {"POST /score", 424, NULL,
                      "ms-azureml-model-error-statuscode: 500\n"
                      "ms-azureml-model-error-reason: model_error\n"
                      "x-ms-request-id: 0f0f-1"});
    fake_score(&fake, "/score", "canary-key", 0);
    assert_string_equal(fake.text[1], "500");
    assert_string_equal(fake.text[2], "model_error");
    assert_string_equal(fake.text[3], "0f0f-1");
    fake_close(&fake);
}

static void on_any(const struct azure_score *score, const struct failure *failure, void *context)
{
    assert_true(score || failure);
    fake_on_end(failure, context);
}

TEST(a_body_of_any_size_and_type_goes_out_as_it_is)
{
    size_t size = 3 << 20;
    char *body = malloc(size), uri[100];
    struct secret *key = secret_new(TEXT("canary-key"));

    memset(body, 'x', size);
    FAKE_OPEN(&fake, {"POST /score", 200, "[]"});
    snprintf(uri, sizeof(uri), "%s/score", fake.origin);
    fake.is_done = false;
    assert_non_null(azure_score(fake.client, text_of(uri), key, (struct text){body, size},
                                TEXT("image/tiff"), 0, on_any, &fake));
    fake_wait(&fake);
    fake_assert_ok(&fake);
    assert_int_equal(strlen(fake.requests[0].body), size);
    assert_string_equal(fake.requests[0].content_type, "image/tiff");
    fake_close(&fake);
    secret_free(key);
    free(body);
}

/* A port that nobody listens on, for as long as the socket is open. */
static int refusing_socket(char *uri, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    snprintf(uri, size, "http://127.0.0.1:%u/score", ntohs(address.sin_port));
    return fd;
}

TEST(why_there_was_no_answer_is_told_apart)
{
    char uri[100];
    int fd = refusing_socket(uri, sizeof(uri));

    FAKE_OPEN(&fake, {"POST /score", 200});
    fake_score(&fake, uri, "canary-key", 9000);
    FAKE_FAILED(&fake, FAILURE_NETWORK, "refused");
    assert_int_equal(fake.failure.stage, STAGE_CONNECT);
    snprintf(uri, sizeof(uri), "https://%.60s/score", fake.origin + strlen("http://"));
    fake_score(&fake, uri, "canary-key", 9000);
    FAKE_FAILED(&fake, FAILURE_NETWORK, "TLS");
    assert_int_equal(fake.failure.stage, STAGE_TLS);
    fake_score(&fake, "https://nowhere.invalid/score", "canary-key", 9000);
    FAKE_FAILED(&fake, FAILURE_NETWORK, "unknown host nowhere.invalid");
    assert_int_equal(fake.failure.stage, STAGE_NAME);
    fake_close(&fake);
    close(fd);
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
               CASE(what_a_proxy_may_have_said_does_not_count_as_an_accepted_key),
               CASE(the_ids_and_the_models_own_status_are_kept),
               CASE(a_body_of_any_size_and_type_goes_out_as_it_is),
               CASE(why_there_was_no_answer_is_told_apart),
               CASE(one_post_goes_out_with_this_key_and_no_token),
               CASE(the_models_own_words_are_in_the_reason_without_the_key),
               CASE(no_answer_is_a_failure_and_nothing_is_sent_twice),
               CASE(a_uri_that_would_show_the_key_is_refused));
}
