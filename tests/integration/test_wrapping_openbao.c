/* SPDX-License-Identifier: Apache-2.0 */
/* Wrapping tokens of a real server: used once, never by accident, never from another namespace. */
#include "openbao_scene.h"

#include "base/buffer.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct outcome {
    struct vault_outcome base;
    char data[512], path[128], token[512];
    uint32_t ttl_s;
    int64_t created_at;
};

static void take(struct outcome *outcome, const struct vault_wrapping *wrapping,
                 const struct failure *failure)
{
    outcome->base.times++;
    if (failure) {
        outcome->base.failure = *failure;
        outcome->base.kind = failure->kind;
        return;
    }
    outcome->ttl_s = wrapping->ttl_s;
    outcome->created_at = wrapping->created_at;
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

static void on_signed(const struct vault_signature *signature, const struct failure *failure,
                      void *context)
{
    take(context, signature ? signature->wrapping : NULL, failure);
}

static void on_unwrapped(const struct secret *data, const struct vault_wrapping *wrapping,
                         const struct failure *failure, void *context)
{
    struct outcome *outcome = context;

    take(outcome, wrapping, failure);
    if (data)
        snprintf(outcome->data, sizeof outcome->data, "%.*s", TEXT_ARG(secret_reveal(data)));
}

static struct outcome unwrap(struct scene *scene, struct vault_client *client, const char *token,
                             const char *creation_path)
{
    struct secret *secret = secret_new(text_of(token));
    struct vault_unwrapping unwrapping = {.token = secret, .creation_path = text_of(creation_path)};
    struct outcome outcome = {.ttl_s = 0};

    assert_non_null(vault_unwrap(client, &unwrapping, 0, on_unwrapped, &outcome));
    secret_free(secret);
    vault_wait(&scene->loop, &outcome.base);
    return outcome;
}

static struct outcome look_up(struct scene *scene, const char *token)
{
    struct secret *secret = secret_new(text_of(token));
    struct outcome outcome = {.ttl_s = 0};

    assert_non_null(vault_lookup_wrapping(scene->client, secret, 0, on_wrapping, &outcome));
    secret_free(secret);
    vault_wait(&scene->loop, &outcome.base);
    return outcome;
}

static struct outcome wrap(struct scene *scene, struct vault_client *client)
{
    struct secret *secret = secret_new(TEXT("v\xc3\xa4lue"));
    struct outcome outcome = {.ttl_s = 0};

    assert_non_null(vault_wrap(client, TEXT("k"), secret, 60, 0, on_wrapping, &outcome));
    secret_free(secret);
    vault_wait(&scene->loop, &outcome.base);
    expect_kind(&outcome.base, FAILURE_NONE, "");
    return outcome;
}

static struct outcome sign(struct scene *scene, struct vault_client *client)
{
    struct vault_signing signing = {
        .key = {TEXT("transit"), TEXT("ap")}, .input = TEXT("plan"), .wrap_ttl_s = 600};
    struct outcome outcome = {.ttl_s = 0};

    assert_non_null(vault_sign(client, &signing, 0, on_signed, &outcome));
    vault_wait(&scene->loop, &outcome.base);
    expect_kind(&outcome.base, FAILURE_NONE, "");
    return outcome;
}

static struct vault_client *open_in(struct scene *scene, const char *namespace_path)
{
    struct secret *root = secret_new(text_of(given("OPENBAO_ROOT_TOKEN")));
    struct vault_auth auth = {.method = VAULT_AUTH_TOKEN, .token.value = root};
    struct vault_client *client = open_client(scene, &auth, namespace_path);

    secret_free(root);
    return client;
}

TEST(a_wrapped_signature_is_an_approval_for_one_use)
{
    struct scene *scene = scene_open();
    struct vault_client *root = open_in(scene, NULL);
    struct outcome wrapped, outcome;

    administer(scene, "POST", "sys/mounts/transit", "{\"type\":\"transit\"}");
    administer(scene, "POST", "transit/keys/ap", "{\"type\":\"ed25519\"}");
    wrapped = sign(scene, root);
    assert_string_equal(wrapped.path, "transit/sign/ap");
    assert_int_equal(wrapped.ttl_s, 600);
    outcome = look_up(scene, wrapped.token);
    expect_kind(&outcome.base, FAILURE_NONE, "");
    assert_string_equal(outcome.path, "transit/sign/ap");
    outcome = unwrap(scene, scene->client, wrapped.token, "transit/sign/other");
    expect_kind(&outcome.base, FAILURE_DENIED, "not by \"transit/sign/other\"");
    outcome = unwrap(scene, scene->client, wrapped.token, "transit/sign/ap");
    expect_kind(&outcome.base, FAILURE_NONE, "");
    assert_non_null(strstr(outcome.data, "\"signature\":\"vault:v1:"));
    outcome = unwrap(scene, scene->client, wrapped.token, "transit/sign/ap");
    expect_kind(&outcome.base, FAILURE_DENIED, "was used");
    vault_shut(&scene->loop, root, 0);
    scene_close(scene);
}

/* What was made too early or lives too long is left alone: it can be unwrapped all the same. */
TEST(a_token_outside_the_time_it_may_be_of_is_refused_unused)
{
    struct scene *scene = scene_open();
    struct outcome wrapped = wrap(scene, scene->client), found = look_up(scene, wrapped.token);
    struct secret *token = secret_new(text_of(wrapped.token));
    struct vault_unwrapping unwrapping = {
        .token = token, .creation_path = TEXT("sys/wrapping/wrap"), .max_ttl_s = 59};
    struct outcome outcome = {.ttl_s = 0}, late = {.ttl_s = 0}, good = {.ttl_s = 0};

    expect_kind(&found.base, FAILURE_NONE, "");
    assert_int_equal(found.ttl_s, 60);
    assert_non_null(vault_unwrap(scene->client, &unwrapping, 0, on_unwrapped, &outcome));
    vault_wait(&scene->loop, &outcome.base);
    expect_kind(&outcome.base, FAILURE_DENIED, "made to live 60 seconds, and at most 59");
    unwrapping.max_ttl_s = 60;
    unwrapping.created_after = found.created_at + 1;
    assert_non_null(vault_unwrap(scene->client, &unwrapping, 0, on_unwrapped, &late));
    vault_wait(&scene->loop, &late.base);
    expect_kind(&late.base, FAILURE_DENIED, "made earlier than it can have been");
    unwrapping.created_after = found.created_at;
    assert_non_null(vault_unwrap(scene->client, &unwrapping, 0, on_unwrapped, &good));
    vault_wait(&scene->loop, &good.base);
    expect_kind(&good.base, FAILURE_NONE, "");
    assert_string_equal(good.data, "{\"k\":\"v\xc3\xa4lue\"}");
    secret_free(token);
    scene_close(scene);
}

/* To some who come in the same moment Vault says 500, which may be anything. */
TEST(of_many_who_unwrap_one_gets_it)
{
    enum { MANY = 8 };
    struct scene *scene = scene_open();
    struct outcome wrapped = wrap(scene, scene->client), outcomes[MANY] = {0};
    struct secret *token = secret_new(text_of(wrapped.token));
    struct vault_unwrapping unwrapping = {.token = token,
                                          .creation_path = TEXT("sys/wrapping/wrap")};
    unsigned won = 0;

    for (int i = 0; i < MANY; i++)
        assert_non_null(
            vault_unwrap(scene->client, &unwrapping, (unsigned)i, on_unwrapped, &outcomes[i]));
    secret_free(token);
    for (int i = 0; i < MANY; i++) {
        vault_wait(&scene->loop, &outcomes[i].base);
        won += outcomes[i].base.kind == FAILURE_NONE;
        if (outcomes[i].base.kind == FAILURE_NONE)
            assert_string_equal(outcomes[i].data, "{\"k\":\"v\xc3\xa4lue\"}");
        else if (outcomes[i].base.kind != FAILURE_AMBIGUOUS) /* when it is told so by a 500 */
            expect_kind(&outcomes[i].base, FAILURE_DENIED, "");
    }
    assert_int_equal(won, 1);
    scene_close(scene);
}

/* Any other request that is made with the token destroys it, even one that is denied. */
TEST(trap_5_a_stray_request_destroys_a_wrapping_token_and_none_is_made)
{
    struct scene *scene = scene_open();
    struct outcome wrapped = wrap(scene, scene->client), outcome;
    struct admin_answer stray;

    outcome = look_up(scene, wrapped.token);
    expect_kind(&outcome.base, FAILURE_NONE, "");
    outcome = look_up(scene, wrapped.token);
    expect_kind(&outcome.base, FAILURE_NONE, "");
    outcome = unwrap(scene, scene->client, wrapped.token, "sys/wrapping/wrap");
    expect_kind(&outcome.base, FAILURE_NONE, "");

    wrapped = wrap(scene, scene->client);
    stray = administer_as(scene, wrapped.token, NULL, "GET", "kv/data/a", NULL);
    assert_int_equal(stray.status, 403);
    free(stray.body);
    outcome = unwrap(scene, scene->client, wrapped.token, "sys/wrapping/wrap");
    expect_kind(&outcome.base, FAILURE_DENIED, "was used");
    scene_close(scene);
}

/* The path that made it reads the same there. */
TEST(trap_5_a_token_of_another_namespace_is_refused_unused)
{
    static const char *const names[] = {"wrapa", "wrapb"};
    struct scene *scene = scene_open();
    struct vault_client *in_a, *in_b;
    struct outcome wrapped, outcome;

    if (!has_namespaces(scene)) {
        wrapped = wrap(scene, scene->client);
        in_a = open_in(scene, "wrapa");
        outcome = unwrap(scene, in_a, wrapped.token, "sys/wrapping/wrap");
        expect_kind(&outcome.base, FAILURE_DENIED, "it was not used");
        outcome = unwrap(scene, scene->client, wrapped.token, "sys/wrapping/wrap");
        expect_kind(&outcome.base, FAILURE_NONE, "");
        vault_shut(&scene->loop, in_a, 0);
        scene_close(scene);
        return;
    }
    for (int i = 0; i < 2; i++) {
        char path[64];

        snprintf(path, sizeof path, "sys/namespaces/%s", names[i]);
        administer(scene, "POST", path, "{}");
        snprintf(path, sizeof path, "%s/sys/mounts/transit", names[i]);
        administer(scene, "POST", path, "{\"type\":\"transit\"}");
        snprintf(path, sizeof path, "%s/transit/keys/ap", names[i]);
        administer(scene, "POST", path, "{\"type\":\"ed25519\"}");
    }
    in_a = open_in(scene, "wrapa");
    in_b = open_in(scene, "wrapb");
    wrapped = sign(scene, in_a);
    assert_string_equal(wrapped.path, "transit/sign/ap");
    outcome = unwrap(scene, scene->client, wrapped.token, "transit/sign/ap");
    expect_kind(&outcome.base, FAILURE_DENIED, "does not belong to the namespace \"root\"");
    outcome = unwrap(scene, in_b, wrapped.token, "transit/sign/ap");
    expect_kind(&outcome.base, FAILURE_DENIED, "another namespace than \"wrapb\"");
    outcome = unwrap(scene, in_a, wrapped.token, "transit/sign/ap");
    expect_kind(&outcome.base, FAILURE_NONE, "");
    wrapped = wrap(scene, scene->client);
    outcome = unwrap(scene, in_a, wrapped.token, "sys/wrapping/wrap");
    expect_kind(&outcome.base, FAILURE_DENIED, "does not belong to the namespace \"wrapa\"");
    vault_shut(&scene->loop, in_a, 0);
    vault_shut(&scene->loop, in_b, 0);
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(a_wrapped_signature_is_an_approval_for_one_use),
               CASE(a_token_outside_the_time_it_may_be_of_is_refused_unused),
               CASE(of_many_who_unwrap_one_gets_it),
               CASE(trap_5_a_stray_request_destroys_a_wrapping_token_and_none_is_made),
               CASE(trap_5_a_token_of_another_namespace_is_refused_unused));
}
