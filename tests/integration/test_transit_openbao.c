/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures for approvals, audit hashes and capabilities on a real server. */
#include "openbao_scene.h"

#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct outcome {
    struct vault_outcome base;
    char text[768], second[768];
    unsigned number, more[3];
    size_t count;
    bool is_valid;
};

static void take(struct outcome *outcome, const struct failure *failure)
{
    outcome->base.times++;
    if (!failure)
        return;
    outcome->base.failure = *failure;
    outcome->base.kind = failure->kind;
}

static void on_signed(const struct vault_signature *signature, const struct failure *failure,
                      void *context)
{
    struct outcome *outcome = context;

    take(outcome, failure);
    if (!signature)
        return;
    outcome->number = signature->key_version;
    snprintf(outcome->text, sizeof outcome->text, "%.*s", TEXT_ARG(signature->signature));
}

static void on_verified(bool is_valid, const struct failure *failure, void *context)
{
    struct outcome *outcome = context;

    take(outcome, failure);
    outcome->is_valid = is_valid;
}

static void on_keys(const struct vault_public_keys *keys, const struct failure *failure,
                    void *context)
{
    struct outcome *outcome = context;

    take(outcome, failure);
    if (!keys)
        return;
    outcome->count = keys->count;
    outcome->number = keys->latest_version;
    snprintf(outcome->text, sizeof outcome->text, "%.*s", TEXT_ARG(keys->keys[0].key));
    if (keys->count > 1)
        snprintf(outcome->second, sizeof outcome->second, "%.*s", TEXT_ARG(keys->keys[1].key));
    assert_true(keys->keys[0].created_at > 0);
}

static void on_capabilities(const unsigned *capabilities, size_t count,
                            const struct failure *failure, void *context)
{
    struct outcome *outcome = context;

    take(outcome, failure);
    for (size_t i = 0; i < count && i < 3; i++)
        outcome->more[i] = capabilities[i];
}

static void on_hash(struct text hash, const struct failure *failure, void *context)
{
    struct outcome *outcome = context;

    take(outcome, failure);
    snprintf(outcome->text, sizeof outcome->text, "%.*s", TEXT_ARG(hash));
}

static struct vault_signing signing_of(const char *key, const char *input, uint32_t version)
{
    return (struct vault_signing){
        .key = {TEXT("transit"), text_of(key)}, .input = text_of(input), .key_version = version};
}

static struct outcome sign(struct scene *scene, struct vault_client *client,
                           const struct vault_signing *signing)
{
    struct outcome outcome = {.number = 0};

    assert_non_null(vault_sign(client, signing, 0, on_signed, &outcome));
    vault_wait(&scene->loop, &outcome.base);
    return outcome;
}

static struct outcome verify(struct scene *scene, struct vault_client *client,
                             const struct vault_signing *signing, const char *signature)
{
    struct outcome outcome = {.number = 0};

    assert_non_null(vault_verify(client, signing, text_of(signature), 0, on_verified, &outcome));
    vault_wait(&scene->loop, &outcome.base);
    return outcome;
}

static struct outcome keys_of(struct scene *scene, struct vault_client *client, const char *name,
                              const char *context)
{
    struct outcome outcome = {.number = 0};

    assert_non_null(vault_read_public_keys(client,
                                           (struct vault_key){TEXT("transit"), text_of(name)},
                                           text_of(context), 0, on_keys, &outcome));
    vault_wait(&scene->loop, &outcome.base);
    return outcome;
}

TEST(a_signature_outlives_the_rotation_of_its_key)
{
    struct scene *scene = scene_open();
    struct vault_client *root = open_with_token(scene, given("OPENBAO_ROOT_TOKEN"));
    struct vault_signing plan = signing_of("approval", "plan-1", 0);
    struct outcome first, second, outcome;

    administer(scene, "POST", "sys/mounts/transit", "{\"type\":\"transit\"}");
    administer(scene, "POST", "transit/keys/approval", "{\"type\":\"ed25519\"}");
    first = sign(scene, root, &plan);
    expect_kind(&first.base, FAILURE_NONE, "");
    assert_int_equal(first.number, 1);
    assert_int_equal(strncmp(first.text, "vault:v1:", 9), 0);
    /* Deterministic: the signature itself is no nonce. */
    second = sign(scene, root, &plan);
    assert_string_equal(first.text, second.text);
    administer(scene, "POST", "transit/keys/approval/rotate", "{}");
    second = sign(scene, root, &plan);
    assert_int_equal(second.number, 2);
    plan.key_version = 1;
    outcome = sign(scene, root, &plan);
    assert_string_equal(outcome.text, first.text);
    plan.key_version = 3;
    outcome = sign(scene, root, &plan);
    expect_kind(&outcome.base, FAILURE_INVALID, "requested version");
    outcome = verify(scene, root, &plan, first.text);
    expect_kind(&outcome.base, FAILURE_NONE, "");
    assert_true(outcome.is_valid);
    plan.input = TEXT("plan-2");
    outcome = verify(scene, root, &plan, first.text);
    expect_kind(&outcome.base, FAILURE_NONE, "");
    assert_false(outcome.is_valid);
    outcome = verify(scene, root, &plan, "vault:v1:bm9uc2Vuc2U=");
    assert_false(outcome.is_valid);
    outcome = keys_of(scene, root, "approval", "");
    expect_kind(&outcome.base, FAILURE_NONE, "");
    assert_int_equal(outcome.count, 2);
    assert_int_equal(outcome.number, 2);
    assert_int_equal(strlen(outcome.text), 44);
    assert_string_not_equal(outcome.text, outcome.second);
    vault_shut(&scene->loop, root, 0);
    scene_close(scene);
}

/* Whoever keeps old approvals open has to keep their public key too: the server forgets it. */
TEST(below_its_least_version_a_key_neither_signs_nor_verifies_and_is_no_longer_told)
{
    struct scene *scene = scene_open();
    struct vault_client *root = open_with_token(scene, given("OPENBAO_ROOT_TOKEN"));
    struct vault_signing plan = signing_of("least", "plan-1", 0);
    struct outcome old, outcome;

    administer(scene, "POST", "transit/keys/least", "{\"type\":\"ed25519\"}");
    old = sign(scene, root, &plan);
    expect_kind(&old.base, FAILURE_NONE, "");
    administer(scene, "POST", "transit/keys/least/rotate", "{}");
    administer(scene, "POST", "transit/keys/least/config",
               "{\"min_decryption_version\":2,\"min_encryption_version\":2}");
    outcome = verify(scene, root, &plan, old.text);
    expect_kind(&outcome.base, FAILURE_INVALID, "disallowed by policy (too old)");
    assert_false(outcome.is_valid);
    plan.key_version = 1;
    outcome = sign(scene, root, &plan);
    expect_kind(&outcome.base, FAILURE_INVALID, "requested version");
    outcome = keys_of(scene, root, "least", "");
    expect_kind(&outcome.base, FAILURE_NONE, "");
    assert_int_equal(outcome.count, 1);
    assert_int_equal(outcome.number, 2);
    vault_shut(&scene->loop, root, 0);
    scene_close(scene);
}

/* PEM, not 32 bytes, and a signature that is another each time. */
TEST(keys_of_other_kinds_sign_too_and_are_told_in_pem)
{
    static const char *const kinds[] = {"ecdsa-p256", "rsa-2048"};
    struct scene *scene = scene_open();
    struct vault_client *root = open_with_token(scene, given("OPENBAO_ROOT_TOKEN"));

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct vault_signing plan = signing_of(kinds[i], "plan-1", 0);
        char path[64], body[64];
        struct outcome made, again, outcome;

        snprintf(path, sizeof path, "transit/keys/%s", kinds[i]);
        snprintf(body, sizeof body, "{\"type\":\"%s\"}", kinds[i]);
        administer(scene, "POST", path, body);
        made = sign(scene, root, &plan);
        expect_kind(&made.base, FAILURE_NONE, "");
        again = sign(scene, root, &plan);
        assert_string_not_equal(made.text, again.text);
        outcome = verify(scene, root, &plan, made.text);
        assert_true(outcome.is_valid);
        plan.input = TEXT("plan-2");
        outcome = verify(scene, root, &plan, made.text);
        expect_kind(&outcome.base, FAILURE_NONE, "");
        assert_false(outcome.is_valid);
        outcome = keys_of(scene, root, kinds[i], "");
        expect_kind(&outcome.base, FAILURE_NONE, "");
        assert_int_equal(strncmp(outcome.text, "-----BEGIN PUBLIC KEY-----\n", 27), 0);
    }
    vault_shut(&scene->loop, root, 0);
    scene_close(scene);
}

TEST(a_derived_key_signs_in_its_context_only)
{
    struct scene *scene = scene_open();
    struct vault_client *root = open_with_token(scene, given("OPENBAO_ROOT_TOKEN"));
    struct vault_signing plan = signing_of("derived", "plan-1", 0);
    struct outcome made, outcome;

    administer(scene, "POST", "transit/keys/derived", "{\"type\":\"ed25519\",\"derived\":true}");
    outcome = sign(scene, root, &plan);
    expect_kind(&outcome.base, FAILURE_INVALID, "missing 'context'");
    plan.context = TEXT("ana+\xc3\xa4");
    made = sign(scene, root, &plan);
    expect_kind(&made.base, FAILURE_NONE, "");
    outcome = verify(scene, root, &plan, made.text);
    assert_true(outcome.is_valid);
    plan.context = TEXT("bo");
    outcome = verify(scene, root, &plan, made.text);
    expect_kind(&outcome.base, FAILURE_NONE, "");
    assert_false(outcome.is_valid);
    outcome = keys_of(scene, root, "derived", "");
    expect_kind(&outcome.base, FAILURE_INVALID, "a context");
    made = keys_of(scene, root, "derived", "ana+\xc3\xa4");
    expect_kind(&made.base, FAILURE_NONE, "");
    outcome = keys_of(scene, root, "derived", "bo");
    assert_string_not_equal(made.text, outcome.text);
    vault_shut(&scene->loop, root, 0);
    scene_close(scene);
}

TEST(what_cannot_sign_says_so)
{
    struct scene *scene = scene_open();
    struct vault_client *root = open_with_token(scene, given("OPENBAO_ROOT_TOKEN"));
    struct vault_signing plan = signing_of("cipher", "plan-1", 0);
    struct outcome outcome;

    administer(scene, "POST", "transit/keys/cipher", "{\"type\":\"aes256-gcm96\"}");
    outcome = sign(scene, root, &plan);
    expect_kind(&outcome.base, FAILURE_INVALID, "does not support signing");
    outcome = keys_of(scene, root, "cipher", "");
    expect_kind(&outcome.base, FAILURE_INVALID, "no public half");
    plan = signing_of("never", "plan-1", 0);
    outcome = sign(scene, root, &plan);
    expect_kind(&outcome.base, FAILURE_NOT_FOUND, "signing key not found");
    outcome = keys_of(scene, root, "never", "");
    expect_kind(&outcome.base, FAILURE_NOT_FOUND, "no such transit key");
    plan = signing_of("approval", "plan-1", 0);
    outcome = sign(scene, scene->client, &plan);
    expect_kind(&outcome.base, FAILURE_DENIED, "its policies do not allow this");
    vault_shut(&scene->loop, root, 0);
    scene_close(scene);
}

TEST(capabilities_are_told_for_many_paths)
{
    const struct text paths[] = {TEXT("kv/data/a"), TEXT("kv/data/forbidden/a"),
                                 TEXT("sys/mounts")};
    struct scene *scene = scene_open();
    struct vault_client *root = open_with_token(scene, given("OPENBAO_ROOT_TOKEN"));
    struct outcome outcome = {.number = 0};

    assert_non_null(vault_read_capabilities(scene->client, paths, 3, 0, on_capabilities, &outcome));
    vault_wait(&scene->loop, &outcome.base);
    expect_kind(&outcome.base, FAILURE_NONE, "");
    assert_int_equal(outcome.more[0], VAULT_MAY_CREATE | VAULT_MAY_READ | VAULT_MAY_UPDATE |
                                          VAULT_MAY_DELETE | VAULT_MAY_LIST | VAULT_MAY_PATCH);
    assert_int_equal(outcome.more[1], 0);
    assert_int_equal(outcome.more[2], 0);
    outcome = (struct outcome){.number = 0};
    assert_non_null(vault_read_capabilities(root, paths, 3, 0, on_capabilities, &outcome));
    vault_wait(&scene->loop, &outcome.base);
    assert_int_equal(outcome.more[1], VAULT_MAY_ALL);
    vault_shut(&scene->loop, root, 0);
    scene_close(scene);
}

/* The log as it is now, to free(). */
static char *read_log(void)
{
    char path[256];
    size_t room = 1 << 24, size = 0;
    char *text = malloc(room);
    ssize_t got;
    int file;

    assert_non_null(text);
    snprintf(path, sizeof path, "%s/audit.log", given("OPENBAO_DIR"));
    file = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    while ((got = read(file, text + size, room - 1 - size)) > 0)
        size += (size_t)got;
    close(file);
    text[size] = '\0';
    return text;
}

TEST(a_keys_uses_are_found_in_the_audit_log_by_its_hash)
{
    struct scene *scene = scene_open();
    struct vault_client *root = open_with_token(scene, given("OPENBAO_ROOT_TOKEN"));
    struct secret *value = secret_new(TEXT("a-key-that-is-looked-for"));
    struct outcome outcome = {.number = 0};
    char *log;

    administer(scene, "POST", "kv/data/audit/a", "{\"data\":{\"k\":\"a-key-that-is-looked-for\"}}");
    assert_non_null(vault_audit_hash(root, TEXT("main"), value, 0, on_hash, &outcome));
    vault_wait(&scene->loop, &outcome.base);
    expect_kind(&outcome.base, FAILURE_NONE, "");
    log = read_log();
    assert_non_null(strstr(log, outcome.text));
    assert_null(strstr(log, "a-key-that-is-looked-for"));
    free(log);
    outcome = (struct outcome){.number = 0};
    assert_non_null(vault_audit_hash(root, TEXT("other"), value, 0, on_hash, &outcome));
    vault_wait(&scene->loop, &outcome.base);
    expect_kind(&outcome.base, FAILURE_INVALID, "unknown audit backend");
    outcome = (struct outcome){.number = 0};
    assert_non_null(vault_audit_hash(scene->client, TEXT("main"), value, 0, on_hash, &outcome));
    vault_wait(&scene->loop, &outcome.base);
    expect_kind(&outcome.base, FAILURE_DENIED, "its policies do not allow this");
    secret_free(value);
    vault_shut(&scene->loop, root, 0);
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(a_signature_outlives_the_rotation_of_its_key),
               CASE(below_its_least_version_a_key_neither_signs_nor_verifies_and_is_no_longer_told),
               CASE(keys_of_other_kinds_sign_too_and_are_told_in_pem),
               CASE(a_derived_key_signs_in_its_context_only), CASE(what_cannot_sign_says_so),
               CASE(capabilities_are_told_for_many_paths),
               CASE(a_keys_uses_are_found_in_the_audit_log_by_its_hash));
}
