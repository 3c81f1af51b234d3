/* SPDX-License-Identifier: Apache-2.0 */
/* Wrapping tokens: looked at before, used once, and looked at again when the answer is lost. */
#include "tests/unit/vaultclient/scene.h"

#include <stdio.h>
#include <string.h>

#define LOOKUP "/v1/sys/wrapping/lookup"
#define UNWRAP "/v1/sys/wrapping/unwrap"
#define WRAP   "/v1/sys/wrapping/wrap"

#define FOUND_AT(time, path)                                                                       \
    SAYS("200", "{\"data\":{\"creation_path\":\"" path "\",\"creation_time\":\"" time              \
                "\",\"creation_ttl\":600}}")
#define FOUND FOUND_AT("2026-01-02T03:04:05Z", "transit/sign/ap")
#define USED  SAYS("400", "{\"errors\":[\"wrapping token is not valid or does not exist\"]}")
#define HELD  SAYS("200", "{\"data\":{\"key_version\":1,\"n\":1.10},\"wrap_info\":null}")
#define WRAPPED(token, ttl)                                                                        \
    SAYS("200", "{\"data\":null,\"wrap_info\":{\"token\":\"" token "\",\"accessor\":\"acc\","      \
                "\"ttl\":" ttl ",\"creation_time\":\"2026-01-02T03:04:05Z\",\"creation_path\":"    \
                "\"sys/wrapping/wrap\"}}")

struct outcome {
    struct vault_outcome base;
    char data[256], path[64], token[64];
    int64_t created_at;
    uint32_t ttl_s;
};

static void take(struct outcome *outcome, const struct vault_wrapping *wrapping,
                 const struct failure *failure)
{
    outcome->base.times++;
    assert_true(!wrapping != !failure);
    if (failure) {
        outcome->base.failure = *failure;
        outcome->base.kind = failure->kind;
        return;
    }
    outcome->created_at = wrapping->created_at;
    outcome->ttl_s = wrapping->ttl_s;
    snprintf(outcome->path, sizeof outcome->path, "%.*s", TEXT_ARG(wrapping->creation_path));
    if (wrapping->token)
        snprintf(outcome->token, sizeof outcome->token, "%.*s",
                 TEXT_ARG(secret_reveal(wrapping->token)));
}

static void on_wrapping(const struct vault_wrapping *wrapping, const struct failure *failure,
                        void *context)
{
    take(context, wrapping, failure);
}

static void on_unwrapped(const struct secret *data, const struct vault_wrapping *wrapping,
                         const struct failure *failure, void *context)
{
    struct outcome *outcome = context;

    assert_true(!data != !failure);
    take(outcome, wrapping, failure);
    if (data)
        snprintf(outcome->data, sizeof outcome->data, "%.*s", TEXT_ARG(secret_reveal(data)));
}

static struct outcome unwrap(struct scene *scene, const char *token,
                             const struct vault_unwrapping *more)
{
    struct vault_unwrapping unwrapping = more ? *more : (struct vault_unwrapping){.token = NULL};
    struct outcome outcome = {.ttl_s = 0};
    struct secret *secret = secret_new(text_of(token));

    unwrapping.token = secret;
    if (!unwrapping.creation_path.start)
        unwrapping.creation_path = TEXT("transit/sign/ap");
    assert_non_null(vault_unwrap(scene->client, &unwrapping, 0, on_unwrapped, &outcome));
    secret_free(secret);
    assert_int_equal(outcome.base.times, 0);
    vault_wait(&scene->loop, &outcome.base);
    return outcome;
}

TEST(a_wrapping_token_is_compared_and_used_once)
{
    struct scene *scene = scene_with_token();
    struct outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOOKUP, FOUND);
    LOOPBACK_SCRIPT(scene->server, UNWRAP, HELD);
    outcome = unwrap(scene, "s.wrap", NULL);
    expect_kind(&outcome.base, FAILURE_NONE, "");
    assert_string_equal(outcome.data, "{\"key_version\":1,\"n\":1.10}");
    assert_string_equal(outcome.path, "transit/sign/ap");
    assert_int_equal(outcome.created_at, 1767323045000);
    /* The lookup goes without any token, the unwrapping with the wrapping token and no body. */
    assert_non_null(
        strstr(scene_request(scene, "POST " LOOKUP, 0), "\r\n\r\n{\"token\":\"s.wrap\"}"));
    assert_null(strstr(scene_request(scene, "POST " LOOKUP, 0), "X-Vault-Token"));
    assert_non_null(
        strstr(scene_request(scene, "POST " UNWRAP, 0), "\r\nX-Vault-Token: s.wrap\r\n"));
    /* Whatever else is asked, is asked without it. */
    assert_int_equal(scene_count(scene, "POST "), 2);
    for (unsigned i = 0; i < loopback_count(scene->server); i++)
        assert_true(strncmp(loopback_request(scene->server, i), "POST ", 5) == 0 ||
                    !strstr(loopback_request(scene->server, i), "s.wrap"));
    scene_close(scene);
}

/* A creation path that is nearly right is another one. */
TEST(trap_5_a_token_from_elsewhere_is_never_used)
{
    static const struct loopback_step found[] = {
        FOUND_AT("2026-01-02T03:04:05Z", "sys/wrapping/wrap"),
        FOUND_AT("2026-01-02T03:04:05Z", "transit/sign/ap/sha2-256"),
        FOUND_AT("2026-01-02T03:04:05Z", "transit/sign/a"),
        FOUND_AT("2026-01-02T03:04:05Z", ""),
    };

    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        struct scene *scene = scene_with_token();
        struct outcome outcome;

        loopback_script(scene->server, LOOKUP, &found[i], 1);
        outcome = unwrap(scene, "s.wrap", NULL);
        expect_kind(&outcome.base, FAILURE_DENIED, "not by \"transit/sign/ap\"");
        assert_int_equal(scene_count(scene, "POST " UNWRAP), 0);
        scene_close(scene);
    }
}

TEST(a_token_that_is_too_old_or_lives_too_long_is_never_used)
{
    struct vault_unwrapping late = {.created_after = 1767323045001};
    struct vault_unwrapping in_time = {.created_after = 1767323045000, .max_ttl_s = 600};
    struct vault_unwrapping long_lived = {.max_ttl_s = 599};
    struct scene *scene = scene_with_token();
    struct outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOOKUP, FOUND);
    LOOPBACK_SCRIPT(scene->server, UNWRAP, HELD);
    outcome = unwrap(scene, "s.wrap", &late);
    expect_kind(&outcome.base, FAILURE_DENIED, "earlier than it can");
    outcome = unwrap(scene, "s.wrap", &long_lived);
    expect_kind(&outcome.base, FAILURE_DENIED, "600 seconds, and at most 599");
    assert_int_equal(scene_count(scene, "POST " UNWRAP), 0);
    outcome = unwrap(scene, "s.wrap", &in_time);
    expect_kind(&outcome.base, FAILURE_NONE, "");
    scene_close(scene);
}

TEST(a_token_that_is_used_up_says_so_and_one_used_in_between_is_an_alarm)
{
    struct scene *scene = scene_with_token();
    struct outcome outcome;

    LOOPBACK_SCRIPT(scene->server, LOOKUP, USED, SAYS("204", ""), FOUND);
    LOOPBACK_SCRIPT(scene->server, UNWRAP, USED, SAYS("204", ""),
                    SAYS("500", "{\"errors\":[\"cannot find token entry\"]}"));
    for (int i = 0; i < 2; i++) {
        outcome = unwrap(scene, "s.wrap", NULL);
        expect_kind(&outcome.base, FAILURE_DENIED, "was used, has expired or never was one");
    }
    assert_int_equal(scene_count(scene, "POST " UNWRAP), 0);
    outcome = unwrap(scene, "s.wrap", NULL);
    expect_kind(&outcome.base, FAILURE_DENIED, "somebody else has unwrapped it");
    assert_int_equal(scene_count(scene, "POST " UNWRAP), 1);
    for (int i = 0; i < 2; i++) {
        outcome = unwrap(scene, "s.wrap", NULL);
        expect_kind(&outcome.base, FAILURE_DENIED, "somebody else has unwrapped it");
    }
    assert_int_equal(scene_count(scene, "POST " UNWRAP), 3);
    scene_close(scene);
}

TEST(trap_5_a_lost_unwrapping_is_never_repeated)
{
    static const struct loopback_step gone[] = {FOUND, USED};
    static const struct loopback_step still_there[] = {FOUND, FOUND};
    static const struct loopback_step another[] = {
        FOUND, FOUND_AT("2026-01-02T03:04:06Z", "transit/sign/ap")};
    static const struct loopback_step silent[] = {FOUND, DENIES};
    static const struct {
        const struct loopback_step *lookups;
        struct loopback_step unwrap;
        enum failure_kind kind;
        const char *part;
    } cases[] = {
        {gone, CLOSES, FAILURE_AMBIGUOUS, "with it what was wrapped"},
        {still_there, CLOSES, FAILURE_NETWORK, "still good"},
        {still_there, SAYS("500", "{\"errors\":[\"internal error\"]}"), FAILURE_NETWORK,
         "still good: 500 internal error"},
        {gone, SAYS("502", "<html>"), FAILURE_AMBIGUOUS, "with it what was wrapped"},
        {another, CLOSES, FAILURE_AMBIGUOUS, "again: it is another one now"},
        {silent, CLOSES, FAILURE_AMBIGUOUS, "permission denied"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *scene = scene_with_token();
        struct outcome outcome;

        loopback_script(scene->server, LOOKUP, cases[i].lookups, 2);
        loopback_script(scene->server, UNWRAP, &cases[i].unwrap, 1);
        outcome = unwrap(scene, "s.wrap", NULL);
        expect_kind(&outcome.base, cases[i].kind, cases[i].part);
        assert_int_equal(scene_count(scene, "POST " UNWRAP), 1);
        scene_close(scene);
    }
}

TEST(what_was_wrapped_may_be_something_else)
{
    static const struct {
        struct loopback_step step;
        enum failure_kind kind;
        const char *part;
    } cases[] = {
        {SAYS("200", "{\"data\":null,\"auth\":{\"client_token\":\"s.login\"}}"), FAILURE_PROTOCOL,
         "holds no data"},
        {SAYS("404", "{\"data\":{\"data\":null,\"metadata\":" VERSION("1") "}}"), FAILURE_PROTOCOL,
         ""},
        {SAYS("200", "{\"data\":{\"k\":1,\"k\":2}}"), FAILURE_PROTOCOL, "same name"},
        {SAYS("200", "{\"data\":null,\"wrap_info\":{\"token\":\"s.x\"}}"), FAILURE_DENIED,
         "pending approval"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *scene = scene_with_token();
        struct outcome outcome;

        LOOPBACK_SCRIPT(scene->server, LOOKUP, FOUND, USED);
        loopback_script(scene->server, UNWRAP, &cases[i].step, 1);
        outcome = unwrap(scene, "s.wrap", NULL);
        assert_true(outcome.base.kind != FAILURE_NONE);
        if (i != 1)
            assert_non_null(strstr(outcome.base.failure.text, cases[i].part));
        assert_null(strstr(outcome.base.failure.text, "s.login"));
        assert_int_equal(scene_count(scene, "POST " UNWRAP), 1);
        scene_close(scene);
    }
}

TEST(bad_tokens_never_reach_the_server)
{
    static const char *const bad[] = {"", "s.a b", "s.a\n", "s.\xc3\xa4"};
    struct scene *scene = scene_with_token();
    struct vault_unwrapping nowhere = {.creation_path = {"", 0}};
    struct outcome outcome;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        outcome = unwrap(scene, bad[i], NULL);
        expect_kind(&outcome.base, FAILURE_INVALID, "the wrapping token");
    }
    outcome = unwrap(scene, "s.wrap", &nowhere);
    expect_kind(&outcome.base, FAILURE_INVALID, "without a creation path");
    assert_int_equal(loopback_count(scene->server), 0);
    scene_close(scene);
}

/* ---- namespaces ------------------------------------------------------------------------------ */

/* Its creation path may be the very same. */
TEST(trap_5_a_token_of_another_namespace_is_refused)
{
    struct scene *scene = scene_with_token();
    struct secret *token = secret_new(TEXT("s.given"));
    struct vault_auth auth = {.method = VAULT_AUTH_TOKEN, .token.value = token};
    struct outcome outcome;
    struct vault_client *root = scene->client;

    outcome = unwrap(scene, "s.wrap.ns0001", NULL);
    expect_kind(&outcome.base, FAILURE_DENIED, "does not belong to the namespace \"root\"");
    assert_int_equal(loopback_count(scene->server), 0);
    scene->client = scene_client(scene, &auth, "team", 5000);
    LOOPBACK_SCRIPT(scene->server, WRAP, WRAPPED("s.probe.ns0001", "1"));
    LOOPBACK_SCRIPT(scene->server, LOOKUP, FOUND);
    LOOPBACK_SCRIPT(scene->server, UNWRAP, HELD);
    outcome = unwrap(scene, "s.wrap", NULL);
    expect_kind(&outcome.base, FAILURE_DENIED, "does not belong to the namespace \"team\"");
    outcome = unwrap(scene, "s.wrap.ns0002", NULL);
    expect_kind(&outcome.base, FAILURE_DENIED, "another namespace than \"team\"");
    assert_int_equal(scene_count(scene, "POST " LOOKUP), 0);
    outcome = unwrap(scene, "s.wrap.ns0001", NULL);
    expect_kind(&outcome.base, FAILURE_NONE, "");
    assert_int_equal(scene_count(scene, "POST " UNWRAP), 1);
    vault_shut(&scene->loop, root, 0);
    secret_free(token);
    scene_close(scene);
}

/* ---- wrapping and looking -------------------------------------------------------------------- */

TEST(a_value_is_wrapped_and_a_token_looked_up)
{
    struct scene *scene = scene_with_token();
    struct secret *value = secret_new(TEXT("s.3cret")), *token = secret_new(TEXT("s.wrap"));
    struct outcome wrapped = {.ttl_s = 0}, found = {.ttl_s = 0}, bad = {.ttl_s = 0};

    LOOPBACK_SCRIPT(scene->server, WRAP, WRAPPED("s.wrap", "60"));
    LOOPBACK_SCRIPT(scene->server, LOOKUP, FOUND);
    assert_non_null(vault_wrap(scene->client, TEXT("key"), value, 60, 0, on_wrapping, &wrapped));
    vault_wait(&scene->loop, &wrapped.base);
    expect_kind(&wrapped.base, FAILURE_NONE, "");
    assert_string_equal(wrapped.token, "s.wrap");
    assert_string_equal(wrapped.path, "sys/wrapping/wrap");
    assert_non_null(strstr(scene_request(scene, "POST " WRAP, 0), "\r\n\r\n{\"key\":\"s.3cret\"}"));
    assert_non_null(vault_lookup_wrapping(scene->client, token, 0, on_wrapping, &found));
    vault_wait(&scene->loop, &found.base);
    expect_kind(&found.base, FAILURE_NONE, "");
    assert_string_equal(found.path, "transit/sign/ap");
    assert_int_equal(found.ttl_s, 600);
    assert_string_equal(found.token, "");
    assert_non_null(vault_wrap(scene->client, TEXT("key"), value, 0, 0, on_wrapping, &bad));
    vault_wait(&scene->loop, &bad.base);
    expect_kind(&bad.base, FAILURE_INVALID, "time to live");
    secret_free(value);
    secret_free(token);
    scene_close(scene);
}

TEST(unwrapping_can_be_canceled_at_every_step)
{
    static const char *const silent[] = {LOOKUP, UNWRAP};
    static const struct loopback_step hang = HANGS;

    for (size_t i = 0; i < 2; i++) {
        struct scene *scene = scene_with_token();
        struct secret *token = secret_new(TEXT("s.wrap"));
        struct vault_unwrapping unwrapping = {.token = token,
                                              .creation_path = TEXT("transit/sign/ap")};
        struct outcome outcome = {.ttl_s = 0};
        struct operation *operation;

        loopback_script(scene->server, silent[i], &hang, 1);
        if (i)
            LOOPBACK_SCRIPT(scene->server, LOOKUP, FOUND);
        operation = vault_unwrap(scene->client, &unwrapping, 0, on_unwrapped, &outcome);
        while (loopback_count(scene->server) < i + 1)
            vault_idle(&scene->loop, 5);
        operation_cancel(operation);
        assert_int_equal(outcome.base.times, 0);
        vault_wait(&scene->loop, &outcome.base);
        expect_kind(&outcome.base, FAILURE_CANCELED, "");
        secret_free(token);
        scene_close(scene);
    }
}

int main(void)
{
    return RUN(CASE(a_wrapping_token_is_compared_and_used_once),
               CASE(trap_5_a_token_from_elsewhere_is_never_used),
               CASE(a_token_that_is_too_old_or_lives_too_long_is_never_used),
               CASE(a_token_that_is_used_up_says_so_and_one_used_in_between_is_an_alarm),
               CASE(trap_5_a_lost_unwrapping_is_never_repeated),
               CASE(what_was_wrapped_may_be_something_else),
               CASE(bad_tokens_never_reach_the_server),
               CASE(trap_5_a_token_of_another_namespace_is_refused),
               CASE(a_value_is_wrapped_and_a_token_looked_up),
               CASE(unwrapping_can_be_canceled_at_every_step));
}
