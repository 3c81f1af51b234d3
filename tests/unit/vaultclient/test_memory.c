/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that runs out at each allocation of a read and of a write in turn, from opening the client
 * to its end: nothing crashes, nothing is kept, `done` runs exactly once, and success is only said
 * of what happened. */
#include "tests/support/scarce_memory.h"
#include "tests/unit/vaultclient/scene.h"

#include <string.h>

#define DATA_PATH "/v1/kv/data/app"

static struct secret *new_value; /* that is written */

/* What a run ended with; `is_open` false: not even the client could be made. */
struct ended {
    bool is_open, was_started;
    struct vault_outcome outcome;
};

typedef struct operation *start(struct vault_client *client, struct vault_outcome *outcome);

static struct operation *start_read(struct vault_client *client, struct vault_outcome *outcome)
{
    return vault_read_field(client, vault_key_of("app"), TEXT("k"), 0, 0, vault_on_field, outcome);
}

static struct operation *start_write(struct vault_client *client, struct vault_outcome *outcome)
{
    struct vault_write write = {
        .key = vault_key_of("app"), .field = TEXT("k"), .expected = 1, .value = new_value};

    return vault_write_field(client, &write, 0, vault_on_metadata, outcome);
}

static struct ended run_once(start *starts, long fail_at, uint32_t timeout_ms)
{
    struct vault_settings settings = {.proxy = "", .timeout_ms = timeout_ms};
    struct ended ended = {0};
    struct failure why = {0};
    struct secret *role, *secret;
    struct scene *scene = scene_open();

    LOOPBACK_SCRIPT(scene->server, LOGIN_PATH, LOGIN("s.fresh", "3600"));
    LOOPBACK_SCRIPT(scene->server, LOOKUP_PATH, LOOKUP_OK);
    LOOPBACK_SCRIPT(scene->server, MOUNT_PATH, MOUNT_V2);
    LOOPBACK_SCRIPT(scene->server, "/v1/auth/token/revoke-self", SAYS("204", ""));
    LOOPBACK_SCRIPT(scene->server, DATA_PATH, DATA("{\"k\":\"old\",\"n\":1}", "1"), WRITTEN("2"),
                    DATA("{\"k\":\"new\",\"n\":1}", "2"));
    role = secret_new(TEXT("role-1"));
    secret = secret_new(TEXT("secret-1"));
    settings.address = loopback_origin(scene->server);
    settings.auth = (struct vault_auth){
        .method = VAULT_AUTH_APPROLE, .role_id.value = role, .secret_id.value = secret};
    scarce_memory_fail_at(fail_at);
    scene->client = vault_client_open(scene->http, &settings, &why);
    ended.is_open = scene->client != NULL;
    if (ended.is_open)
        ended.was_started = starts(scene->client, &ended.outcome) != NULL;
    if (ended.was_started)
        vault_wait(&scene->loop, &ended.outcome);
    else
        assert_true(ended.is_open || why.kind == FAILURE_INTERNAL);
    scene_close(scene);
    secret_free(role);
    secret_free(secret);
    return ended;
}

/* Runs it undisturbed, then with the first allocation failing, then the second, and so on. */
static void fail_each_in_turn(start *starts, const char *expected)
{
    struct ended ended = run_once(starts, -1, 60000);
    long held = scarce_memory_held(), count = scarce_memory_allocations();

    assert_int_equal(ended.outcome.kind, FAILURE_NONE);
    assert_true(count > 50); /* it is our memory that will fail */
    for (long n = 0; n < count; n++) {
        ended = run_once(starts, n, 150);
        assert_int_equal(ended.outcome.times, ended.was_started);
        if (ended.was_started && ended.outcome.kind == FAILURE_NONE)
            assert_string_equal(ended.outcome.value, expected);
        if (scarce_memory_held_soon(held) != held)
            fail_msg("allocation %ld failed: %ld blocks are left", n, scarce_memory_held() - held);
    }
}

TEST(a_read_survives_every_allocation_that_fails)
{
    fail_each_in_turn(start_read, "old");
}

TEST(a_write_survives_every_allocation_that_fails)
{
    fail_each_in_turn(start_write, "");
}

int main(void)
{
    int failed;

    scarce_memory_install();
    new_value = secret_new(TEXT("new"));
    failed = RUN(CASE(a_read_survives_every_allocation_that_fails),
                 CASE(a_write_survives_every_allocation_that_fails));
    secret_free(new_value);
    return failed;
}
