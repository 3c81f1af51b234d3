/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that runs out at each allocation of the longer operations in turn: nothing crashes,
 * nothing is kept, `done` runs exactly once, and success is only said of what happened. The client
 * is logged in before, so that only the operation's own memory fails. */
#include "tests/support/scarce_memory.h"
#include "tests/unit/vaultclient/starts.h"
#include "vaultclient/internal.h"

#include <string.h>

#define METADATA "/v1/kv/metadata/a"

static struct secret *secret_text;

static void on_keys(const struct vault_public_keys *keys, const struct failure *failure,
                    void *context)
{
    assert_true(!keys != !failure);
    outcome_take(context, failure);
}

static void on_hash(struct text hash, const struct failure *failure, void *context)
{
    assert_true((hash.size > 0) == !failure);
    outcome_take(context, failure);
}

static struct operation *start_removal(struct vault_client *client, struct vault_outcome *outcome)
{
    return start_removal_of(client, "a", outcome);
}

static struct operation *start_patch(struct vault_client *client, struct vault_outcome *outcome)
{
    return start_write_of(client, "p", VAULT_WRITE_EITHER, secret_text, outcome);
}

static struct operation *start_unwrap(struct vault_client *client, struct vault_outcome *outcome)
{
    return start_unwrap_of(client, secret_text, TEXT("transit/sign/ap"), outcome);
}

static struct operation *start_keys(struct vault_client *client, struct vault_outcome *outcome)
{
    return vault_read_public_keys(client, (struct vault_key){TEXT("transit"), TEXT("ap")}, TEXT(""),
                                  0, on_keys, outcome);
}

static struct operation *start_hash(struct vault_client *client, struct vault_outcome *outcome)
{
    return vault_audit_hash(client, TEXT("main"), secret_text, 0, on_hash, outcome);
}

static void script(struct scene *scene)
{
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/warm", DATA("{}", "1"));
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/metadata/x/",
                    SAYS("200", "{\"data\":{\"keys\":[\"a\",\"b\"]}}"));
    LOOPBACK_SCRIPT(scene->server, METADATA, KEY_WITH("false", "null"), KEY_WITH("true", "null"));
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/destroy/a", SAYS("204", ""));
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/metadata/n", KEY_WITH("false", "{\"b\":\"2\"}"),
                    SAYS("204", ""), KEY_WITH("false", "{\"b\":\"2\",\"who\":\"ana\"}"));
    LOOPBACK_SCRIPT(scene->server, "/v1/sys/capabilities-self",
                    SAYS("200", "{\"data\":{\"kv/data/p\":[\"patch\"],\"kv/metadata/p\":[]}}"));
    LOOPBACK_SCRIPT(scene->server, "/v1/kv/data/p", DATA("{\"k\":\"old\"}", "1"), WRITTEN("2"),
                    DATA("{\"k\":\"s.3cret\"}", "2"));
    LOOPBACK_SCRIPT(scene->server, "/v1/sys/wrapping/lookup",
                    SAYS("200",
                         "{\"data\":{\"creation_path\":\"transit/sign/ap\",\"creation_time\":"
                         "\"2026-01-02T03:04:05Z\",\"creation_ttl\":60}}"));
    LOOPBACK_SCRIPT(scene->server, "/v1/sys/wrapping/unwrap", SAYS("200", "{\"data\":{\"k\":1}}"));
    LOOPBACK_SCRIPT(scene->server, "/v1/transit/sign/ap",
                    SAYS("200", "{\"data\":{\"key_version\":1,\"signature\":\"vault:v1:QUJD\"}}"));
    LOOPBACK_SCRIPT(scene->server, "/v1/transit/keys/ap",
                    SAYS("200",
                         "{\"data\":{\"type\":\"rsa-2048\",\"latest_version\":1,\"keys\":{\"1\":{"
                         "\"public_key\":\"pem\"}}}}"));
    LOOPBACK_SCRIPT(scene->server, "/v1/sys/audit-hash/main",
                    SAYS("200", "{\"data\":{\"hash\":\"hmac-sha256:00\"}}"));
}

/* True when there was an n-th allocation. */
static bool run_once(start *starts, long fail_at)
{
    struct scene *scene = scene_open();
    struct secret *token = secret_new(TEXT("s.given"));
    struct vault_auth auth = {.method = VAULT_AUTH_TOKEN, .token.value = token};
    struct vault_outcome outcome = {0}, warm;
    struct operation *operation;
    long count;

    script(scene);
    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, LOOKUP_OK);
    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, MOUNT_V2);
    scene->client = scene_client(scene, &auth, NULL, 60000);
    warm = vault_field_of(&scene->loop, scene->client, "warm", "k", 0);
    expect_kind(&warm, FAILURE_NONE, "");
    /* libcurl sometimes just waits when it lacks memory. */
    scene->client->timeout_ms = fail_at < 0 ? 60000 : 100;
    scarce_memory_fail_at(fail_at);
    operation = starts(scene->client, &outcome);
    if (operation)
        vault_wait(&scene->loop, &outcome);
    count = scarce_memory_allocations();
    scarce_memory_fail_at(-1);
    assert_int_equal(outcome.times, operation != NULL);
    if (fail_at < 0)
        assert_int_equal(outcome.kind, FAILURE_NONE);
    secret_free(token);
    scene_close(scene);
    return fail_at < count;
}

static void fail_each_in_turn(start *starts)
{
    long held;

    run_once(starts, -1);
    held = scarce_memory_held();
    for (long n = 0; run_once(starts, n); n++)
        if (scarce_memory_held_soon(held) != held)
            fail_msg("allocation %ld failed: %ld blocks are left", n, scarce_memory_held() - held);
}

#define SURVIVES(name, starts)                                                                     \
    TEST(name)                                                                                     \
    {                                                                                              \
        fail_each_in_turn(starts);                                                                 \
    }

SURVIVES(a_list_survives_every_allocation_that_fails, start_list)
SURVIVES(a_removal_survives_every_allocation_that_fails, start_removal)
SURVIVES(notes_survive_every_allocation_that_fails, start_notes)
SURVIVES(a_patch_survives_every_allocation_that_fails, start_patch)
SURVIVES(an_unwrapping_survives_every_allocation_that_fails, start_unwrap)
SURVIVES(a_signature_survives_every_allocation_that_fails, start_sign)
SURVIVES(public_keys_survive_every_allocation_that_fails, start_keys)
SURVIVES(capabilities_survive_every_allocation_that_fails, start_capabilities)
SURVIVES(an_audit_hash_survives_every_allocation_that_fails, start_hash)

/* One half of them at a time, "kv" or the others: together they take too long. */
int main(int count, char **arguments)
{
    bool is_kv = count > 1 && strcmp(arguments[1], "kv") == 0;
    int failed;

    scarce_memory_install();
    secret_text = secret_new(TEXT("s.3cret"));
    failed = is_kv ? RUN(CASE(a_list_survives_every_allocation_that_fails),
                         CASE(a_removal_survives_every_allocation_that_fails),
                         CASE(notes_survive_every_allocation_that_fails))
                   : RUN(CASE(a_patch_survives_every_allocation_that_fails),
                         CASE(an_unwrapping_survives_every_allocation_that_fails),
                         CASE(a_signature_survives_every_allocation_that_fails),
                         CASE(public_keys_survive_every_allocation_that_fails),
                         CASE(capabilities_survive_every_allocation_that_fails),
                         CASE(an_audit_hash_survives_every_allocation_that_fails));
    secret_free(secret_text);
    return failed;
}
