/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures, public keys, capabilities and audit hashes against a scripted server. */
#include "tests/unit/vaultclient/scene.h"

#include <stdio.h>
#include <string.h>

struct outcome {
    struct vault_outcome base;
    char text[256];
    unsigned number, more[4];
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

    assert_true(!signature != !failure);
    take(outcome, failure);
    if (!signature)
        return;
    outcome->number = signature->key_version;
    snprintf(outcome->text, sizeof outcome->text, "%.*s", TEXT_ARG(signature->signature));
    assert_true(!signature->wrapping == (signature->signature.size > 0));
    if (signature->wrapping)
        snprintf(outcome->text, sizeof outcome->text, "%.*s %.*s %.*s %u",
                 TEXT_ARG(secret_reveal(signature->wrapping->token)),
                 TEXT_ARG(signature->wrapping->accessor),
                 TEXT_ARG(signature->wrapping->creation_path), signature->wrapping->ttl_s);
}

static void on_verified(bool is_valid, const struct failure *failure, void *context)
{
    struct outcome *outcome = context;

    assert_false(is_valid && failure);
    take(outcome, failure);
    outcome->is_valid = is_valid;
}

static void on_keys(const struct vault_public_keys *keys, const struct failure *failure,
                    void *context)
{
    struct outcome *outcome = context;
    size_t at = 0;

    assert_true(!keys != !failure);
    take(outcome, failure);
    if (!keys)
        return;
    outcome->number = keys->latest_version;
    at = (size_t)snprintf(outcome->text, sizeof outcome->text, "%.*s", TEXT_ARG(keys->type));
    for (size_t i = 0; i < keys->count; i++)
        at += (size_t)snprintf(outcome->text + at, sizeof outcome->text - at, " %u=%.*s",
                               keys->keys[i].version, TEXT_ARG(keys->keys[i].key));
}

static void on_capabilities(const unsigned *capabilities, size_t count,
                            const struct failure *failure, void *context)
{
    struct outcome *outcome = context;

    assert_true(!capabilities != !failure);
    take(outcome, failure);
    for (size_t i = 0; i < count && i < 4; i++)
        outcome->more[i] = capabilities[i];
    outcome->number = (unsigned)count;
}

static void on_hash(struct text hash, const struct failure *failure, void *context)
{
    struct outcome *outcome = context;

    take(outcome, failure);
    snprintf(outcome->text, sizeof outcome->text, "%.*s", TEXT_ARG(hash));
}

static struct outcome sign(struct scene *scene, const struct vault_signing *signing)
{
    struct outcome outcome = {.number = 0};

    assert_non_null(vault_sign(scene->client, signing, 0, on_signed, &outcome));
    assert_int_equal(outcome.base.times, 0);
    vault_wait(&scene->loop, &outcome.base);
    return outcome;
}

static struct outcome verify(struct scene *scene, const char *signature)
{
    struct vault_signing signing = {.key = {TEXT("transit"), TEXT("ap")}, .input = TEXT("hi")};
    struct outcome outcome = {.number = 0};

    assert_non_null(
        vault_verify(scene->client, &signing, text_of(signature), 0, on_verified, &outcome));
    assert_int_equal(outcome.base.times, 0);
    vault_wait(&scene->loop, &outcome.base);
    return outcome;
}

static struct outcome keys_of(struct scene *scene, const char *name, const char *context)
{
    struct vault_key key = {TEXT("transit"), text_of(name)};
    struct outcome outcome = {.number = 0};

    assert_non_null(
        vault_read_public_keys(scene->client, key, text_of(context), 0, on_keys, &outcome));
    assert_int_equal(outcome.base.times, 0);
    vault_wait(&scene->loop, &outcome.base);
    return outcome;
}

static struct outcome capabilities_of(struct scene *scene, const struct text *paths, size_t count)
{
    struct outcome outcome = {.number = 0};

    assert_non_null(
        vault_read_capabilities(scene->client, paths, count, 0, on_capabilities, &outcome));
    assert_int_equal(outcome.base.times, 0);
    vault_wait(&scene->loop, &outcome.base);
    return outcome;
}

static struct outcome hash_of(struct scene *scene, const char *device, const char *value)
{
    struct secret *secret = secret_new(text_of(value));
    struct outcome outcome = {.number = 0};

    assert_non_null(vault_audit_hash(scene->client, text_of(device), secret, 0, on_hash, &outcome));
    assert_int_equal(outcome.base.times, 0);
    secret_free(secret);
    vault_wait(&scene->loop, &outcome.base);
    return outcome;
}

/* ---- signing --------------------------------------------------------------------------------- */

#define SIGN "/v1/transit/sign/ap"
#define SIGNED(version, text)                                                                      \
    SAYS("200", "{\"data\":{\"key_version\":" version ",\"signature\":\"" text "\"}}")

TEST(a_signature_is_asked_for_over_the_bytes_as_they_are)
{
    struct scene *scene = scene_with_token();
    struct vault_signing signing = {
        .key = {TEXT("transit"), TEXT("ap")}, .input = {"h\0i\xff", 4}, .key_version = 3};
    struct outcome outcome;

    LOOPBACK_SCRIPT(scene->server, SIGN, SIGNED("3", "vault:v3:QUJD"));
    outcome = sign(scene, &signing);
    expect_kind(&outcome.base, FAILURE_NONE, "");
    assert_int_equal(outcome.number, 3);
    assert_string_equal(outcome.text, "vault:v3:QUJD");
    assert_non_null(strstr(scene_request(scene, "POST " SIGN, 0),
                           "\r\n\r\n{\"input\":\"aABp/w==\",\"key_version\":3}"));
    signing.key_version = 0;
    signing.context = TEXT("abc");
    sign(scene, &signing);
    assert_non_null(strstr(scene_request(scene, "POST " SIGN, 1),
                           "\r\n\r\n{\"input\":\"aABp/w==\",\"context\":\"YWJj\"}"));
    scene_close(scene);
}

TEST(a_signature_can_come_wrapped)
{
    struct scene *scene = scene_with_token();
    struct vault_signing signing = {
        .key = {TEXT("transit"), TEXT("ap")}, .input = TEXT("hi"), .wrap_ttl_s = 600};
    struct outcome outcome;

    LOOPBACK_SCRIPT(scene->server, SIGN,
                    SAYS("200", "{\"data\":null,\"wrap_info\":{\"token\":\"s.wrap\",\"accessor\":"
                                "\"acc\",\"ttl\":600,\"creation_time\":\"2026-01-02T03:04:05Z\","
                                "\"creation_path\":\"transit/sign/ap\"}}"),
                    SIGNED("1", "vault:v1:QUJD"));
    outcome = sign(scene, &signing);
    expect_kind(&outcome.base, FAILURE_NONE, "");
    assert_string_equal(outcome.text, "s.wrap acc transit/sign/ap 600");
    assert_non_null(
        strstr(scene_request(scene, "POST " SIGN, 0), "\r\nX-Vault-Wrap-TTL: 600s\r\n"));
    outcome = sign(scene, &signing);
    expect_kind(&outcome.base, FAILURE_PROTOCOL, "asked to be wrapped, and is not");
    scene_close(scene);
}

/* The token of a control group has the same path, and a life of its own. */
TEST(trap_a_wrapped_signature_that_is_held_back_is_none)
{
    struct scene *scene = scene_with_token();
    struct vault_signing signing = {
        .key = {TEXT("transit"), TEXT("ap")}, .input = TEXT("hi"), .wrap_ttl_s = 600};
    struct outcome outcome;

    LOOPBACK_SCRIPT(scene->server, SIGN,
                    SAYS("200", "{\"data\":null,\"wrap_info\":{\"token\":\"s.wrap\",\"accessor\":"
                                "\"acc\",\"ttl\":3600,\"creation_time\":\"2026-01-02T03:04:05Z\","
                                "\"creation_path\":\"transit/sign/ap\"}}"));
    outcome = sign(scene, &signing);
    expect_kind(&outcome.base, FAILURE_DENIED, "pending approval");
    expect_kind(&outcome.base, FAILURE_DENIED, "accessor \"acc\"");
    scene_close(scene);
}

TEST(a_signature_that_was_not_asked_for_is_none)
{
    static const struct {
        struct loopback_step step;
        enum failure_kind kind;
        const char *part;
    } cases[] = {
        {SIGNED("2", "vault:v2:QUJD"), FAILURE_PROTOCOL, "version of the key"},
        {SIGNED("1", "vault:v2:QUJD"), FAILURE_PROTOCOL, "version of the key"},
        {SIGNED("1", "QUJD"), FAILURE_PROTOCOL, "version of the key"},
        {SIGNED("0", "vault:v0:QUJD"), FAILURE_PROTOCOL, "no version of a key"},
        {SAYS("200", "{\"data\":{}}"), FAILURE_PROTOCOL, "data.signature"},
        {SAYS("200", "{\"data\":null,\"wrap_info\":{\"token\":\"s.x\"}}"), FAILURE_DENIED,
         "pending approval"},
        {SAYS("400", "{\"errors\":[\"signing key not found\"]}"), FAILURE_NOT_FOUND,
         "transit/ap: 400 signing key not found"},
        {SAYS("400", "{\"errors\":[\"key type aes256-gcm96 does not support signing\"]}"),
         FAILURE_INVALID, "does not support signing"},
        {SAYS("500", "{\"errors\":[\"error deriving key: missing 'context' for key derivation\"]}"),
         FAILURE_INVALID, "missing 'context'"},
        {SAYS("500", "{\"errors\":[\"requested version for signing is higher than the latest key "
                     "version\"]}"),
         FAILURE_INVALID, "requested version"},
        {DENIES, FAILURE_DENIED, "its policies do not allow this"},
    };
    struct vault_signing signing = {
        .key = {TEXT("transit"), TEXT("ap")}, .input = TEXT("hi"), .key_version = 1};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *scene = scene_with_token();
        struct outcome outcome;

        loopback_script(scene->server, SIGN, &cases[i].step, 1);
        outcome = sign(scene, &signing);
        expect_kind(&outcome.base, cases[i].kind, cases[i].part);
        assert_int_equal(scene_count(scene, "POST " SIGN), 1);
        scene_close(scene);
    }
}

TEST(a_signature_is_checked_by_the_server)
{
    struct scene *scene = scene_with_token();
    struct outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/transit/verify/ap",
                    SAYS("200", "{\"data\":{\"valid\":true}}"),
                    SAYS("200", "{\"data\":{\"valid\":false}}"),
                    SAYS("200", "{\"data\":{\"valid\":\"true\"}}"));
    outcome = verify(scene, "vault:v1:QUJD");
    expect_kind(&outcome.base, FAILURE_NONE, "");
    assert_true(outcome.is_valid);
    assert_non_null(strstr(scene_request(scene, "POST /v1/transit/verify/ap", 0),
                           "{\"input\":\"aGk=\",\"signature\":\"vault:v1:QUJD\"}"));
    outcome = verify(scene, "vault:v1:QUJE");
    expect_kind(&outcome.base, FAILURE_NONE, "");
    assert_false(outcome.is_valid);
    outcome = verify(scene, "vault:v1:QUJF");
    expect_kind(&outcome.base, FAILURE_PROTOCOL, "does not say");
    outcome = verify(scene, "QUJD");
    expect_kind(&outcome.base, FAILURE_INVALID, "begins with");
    outcome = verify(scene, "vault:v1:\n");
    expect_kind(&outcome.base, FAILURE_INVALID, "the signature has more than one line");
    assert_int_equal(scene_count(scene, "POST /v1/transit/verify/ap"), 3);
    scene_close(scene);
}

/* ---- public keys ----------------------------------------------------------------------------- */

#define KEYS    "/v1/transit/keys/ap"
#define ED25519 "cLtb24e0YfyNlh8XR1GHF9upckfe39Ct5yESCUFKTTI="
#define KEY_ANSWER(type, keys)                                                                     \
    SAYS("200", "{\"data\":{\"type\":\"" type "\",\"latest_version\":2,\"keys\":" keys "}}")

TEST(public_keys_come_by_version)
{
    struct scene *scene = scene_with_token();
    struct outcome outcome;

    LOOPBACK_SCRIPT(scene->server, KEYS,
                    KEY_ANSWER("ed25519", "{\"10\":{\"public_key\":\"" ED25519
                                          "\",\"creation_time\":\"2026-01-02T03:04:05Z\"},\"2\":{"
                                          "\"public_key\":\"" ED25519 "\"}}"),
                    KEY_ANSWER("ecdsa-p256", "{\"1\":{\"public_key\":\"-----BEGIN\"}}"));
    outcome = keys_of(scene, "ap", "");
    expect_kind(&outcome.base, FAILURE_NONE, "");
    assert_int_equal(outcome.number, 2);
    assert_string_equal(outcome.text, "ed25519 2=" ED25519 " 10=" ED25519);
    outcome = keys_of(scene, "ap", "a+b");
    assert_string_equal(outcome.text, "ecdsa-p256 1=-----BEGIN");
    assert_non_null(strstr(scene_request(scene, "GET " KEYS, 1), KEYS "?context=YSti HTTP"));
    scene_close(scene);
}

TEST(a_key_without_a_public_half_says_so)
{
    static const struct {
        struct loopback_step step;
        enum failure_kind kind;
        const char *part;
    } cases[] = {
        {KEY_ANSWER("aes256-gcm96", "{\"1\":1795368014}"), FAILURE_INVALID, "no public half"},
        {KEY_ANSWER("ed25519", "{\"1\":{\"public_key\":\"\"}}"), FAILURE_INVALID, "a context"},
        {KEY_ANSWER("ed25519", "{\"1\":{\"public_key\":\"QUJD\"}}"), FAILURE_PROTOCOL,
         "no ed25519 key"},
        {KEY_ANSWER("ed25519", "{\"x\":{\"public_key\":\"" ED25519 "\"}}"), FAILURE_PROTOCOL,
         "no version"},
        {KEY_ANSWER("rsa-2048", "{\"1\":{\"public_key\":\"a\"},\"01\":{\"public_key\":\"b\"}}"),
         FAILURE_PROTOCOL, "\"01\" is no version"},
        {KEY_ANSWER("ed25519", "{}"), FAILURE_PROTOCOL, "no version"},
        {SAYS("200", "{\"data\":{\"type\":\"ed25519\"}}"), FAILURE_PROTOCOL, "latest_version"},
        {ABSENT, FAILURE_NOT_FOUND, "no such transit key"},
        {SAYS("404", "no"), FAILURE_PROTOCOL, "not in Vault's words"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *scene = scene_with_token();
        struct outcome outcome;

        loopback_script(scene->server, KEYS, &cases[i].step, 1);
        outcome = keys_of(scene, "ap", "");
        expect_kind(&outcome.base, cases[i].kind, cases[i].part);
        scene_close(scene);
    }
}

TEST(bad_names_of_keys_never_reach_the_server)
{
    static const char *const bad[] = {"", "a/b", "..", "a/", "a\n", "\xff"};
    struct scene *scene = scene_with_token();

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct outcome outcome = keys_of(scene, bad[i], "");

        expect_kind(&outcome.base, FAILURE_INVALID, "the ");
    }
    assert_int_equal(loopback_count(scene->server), 0);
    scene_close(scene);
}

/* ---- capabilities ---------------------------------------------------------------------------- */

TEST(capabilities_come_in_the_order_of_the_paths)
{
    const struct text paths[] = {TEXT("kv/data/a"), TEXT("kv/metadata/"), TEXT("sys/x"),
                                 TEXT("kv/data/a")};
    struct scene *scene = scene_with_token();
    struct outcome outcome;

    LOOPBACK_SCRIPT(
        scene->server, "/v1/sys/capabilities-self",
        SAYS("200", "{\"data\":{\"sys/x\":[\"root\"],\"kv/metadata/\":[\"deny\"],\"kv/data/a\":["
                    "\"create\",\"list\",\"patch\",\"subscribe\"]}}"),
        SAYS("200", "{\"data\":{\"kv/data/a\":[]}}"));
    outcome = capabilities_of(scene, paths, 4);
    expect_kind(&outcome.base, FAILURE_NONE, "");
    assert_int_equal(outcome.number, 4);
    assert_int_equal(outcome.more[0], VAULT_MAY_CREATE | VAULT_MAY_LIST | VAULT_MAY_PATCH);
    assert_int_equal(outcome.more[1], 0);
    assert_int_equal(outcome.more[2], VAULT_MAY_ALL);
    assert_int_equal(outcome.more[3], outcome.more[0]);
    assert_non_null(strstr(scene_request(scene, "POST /v1/sys/capabilities-self", 0),
                           "{\"paths\":[\"kv/data/a\",\"kv/metadata/\",\"sys/x\",\"kv/data/a\"]}"));
    outcome = capabilities_of(scene, paths, 2);
    expect_kind(&outcome.base, FAILURE_PROTOCOL, "kv/metadata/");
    outcome = capabilities_of(scene, paths, 0);
    expect_kind(&outcome.base, FAILURE_INVALID, "1 to 256");
    outcome = capabilities_of(scene, &TEXT("kv//a"), 1);
    expect_kind(&outcome.base, FAILURE_INVALID, "the path");
    scene_close(scene);
}

/* ---- audit hashes ---------------------------------------------------------------------------- */

TEST(a_value_is_hashed_and_never_quoted)
{
    struct scene *scene = scene_with_token();
    struct outcome outcome;

    LOOPBACK_SCRIPT(scene->server, "/v1/sys/audit-hash/main",
                    SAYS("200", "{\"data\":{\"hash\":\"hmac-sha256:00ff\"}}"),
                    SAYS("400", "{\"errors\":[\"cannot hash 'hunter2'\"]}"),
                    SAYS("200", "{\"data\":{\"hash\":\"hunter2\"}}"));
    LOOPBACK_SCRIPT(scene->server, "/v1/sys/audit-hash/no",
                    SAYS("400", "{\"errors\":[\"unknown audit backend \\\"no/\\\"\"]}"));
    outcome = hash_of(scene, "main", "hunter2");
    expect_kind(&outcome.base, FAILURE_NONE, "");
    assert_string_equal(outcome.text, "hmac-sha256:00ff");
    outcome = hash_of(scene, "main", "hunter2");
    expect_kind(&outcome.base, FAILURE_INVALID, "quotes a secret");
    assert_null(strstr(outcome.base.failure.text, "hunter2"));
    outcome = hash_of(scene, "main", "hunter2");
    expect_kind(&outcome.base, FAILURE_PROTOCOL, "no hash");
    assert_null(strstr(outcome.base.failure.text, "hunter2"));
    outcome = hash_of(scene, "no", "hunter2");
    expect_kind(&outcome.base, FAILURE_INVALID, "unknown audit backend");
    outcome = hash_of(scene, "../x", "hunter2");
    expect_kind(&outcome.base, FAILURE_INVALID, "the path");
    outcome = hash_of(scene, "main", "\xff");
    expect_kind(&outcome.base, FAILURE_INVALID, "not UTF-8");
    outcome = hash_of(scene, "main", "");
    expect_kind(&outcome.base, FAILURE_INVALID, "empty");
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(a_signature_is_asked_for_over_the_bytes_as_they_are),
               CASE(a_signature_can_come_wrapped),
               CASE(trap_a_wrapped_signature_that_is_held_back_is_none),
               CASE(a_signature_that_was_not_asked_for_is_none),
               CASE(a_signature_is_checked_by_the_server), CASE(public_keys_come_by_version),
               CASE(a_key_without_a_public_half_says_so),
               CASE(bad_names_of_keys_never_reach_the_server),
               CASE(capabilities_come_in_the_order_of_the_paths),
               CASE(a_value_is_hashed_and_never_quoted));
}
