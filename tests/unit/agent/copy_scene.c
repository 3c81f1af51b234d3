/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/agent/copy_scene.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

struct desk desk;
struct vault_client *client;
struct fingerprinter *fingerprinter;
struct secret_copy *copy;
static bool is_closed;

void told(struct outcome *outcome, const void *success, const struct failure *failure)
{
    assert_true(!success == !!failure);
    outcome->is_done = true;
    outcome->times++;
    if (failure)
        outcome->failure = *failure;
}

void on_read(const struct copy_fact *fact, const struct secret *value,
             const struct failure *failure, void *context)
{
    struct outcome *outcome = context;

    told(outcome, fact, failure);
    if (fact)
        outcome->fact = *fact;
    if (fact && fact->why)
        snprintf(outcome->why, sizeof(outcome->why), "%s", fact->why);
    if (value)
        snprintf(outcome->value, sizeof(outcome->value), "%s", secret_reveal(value).start);
}

void mount_is(int kv)
{
    char body[200];

    snprintf(body, sizeof(body),
             "{\"data\":{\"path\":\"kv/\",\"type\":\"kv\",\"options\":{\"version\":\"%d\"}}}", kv);
    desk_answer(&desk, MOUNTS, 200, body, NULL);
}

void open_scene(int kv)
{
    struct secret *token = secret_new(TEXT("canary-token"));
    struct secret *key = secret_new(TEXT("0123456789abcdef0123456789abcdef"));
    struct vault_settings settings = {.timeout_ms = 3000};
    struct failure why = {0};

    desk_open(&desk);
    settings.address = desk.origin;
    settings.auth.token.value = token;
    client = vault_client_open(desk.http, &settings, &why);
    assert_string_equal(why.text, "");
    fingerprinter = fingerprinter_new(key);
    copy = vault_copy_new(client, fingerprinter, azure_key_kind_named(TEXT("storage-account")),
                          "kv", "team/app", "api_key", 1);
    assert_non_null(copy);
    mount_is(kv);
    desk_answer(&desk, "GET /v1/auth/token/lookup-self", 200,
                "{\"data\":{\"ttl\":0,\"renewable\":false}}", NULL);
    secret_free(token);
    secret_free(key);
}

void close_client(void)
{
    is_closed = false;
    vault_client_close(client, 0, desk_on_closed, &is_closed);
    desk_wait(&desk, &is_closed);
}

void close_scene(void)
{
    close_client();
    vault_copy_free(copy);
    fingerprinter_free(fingerprinter);
    desk_close(&desk);
}

#define CREATED "2026-01-01T00:00:%02u.123456789Z"

void metadata_is(unsigned version, unsigned seconds, const char *deletion, bool destroyed)
{
    char body[600];

    snprintf(body, sizeof(body),
             "{\"data\":{\"current_version\":%u,\"created_time\":\"2026-01-01T00:00:00Z\","
             "\"versions\":{\"%u\":{\"created_time\":\"" CREATED "\",\"deletion_time\":\"%s\","
             "\"destroyed\":%s}}}}",
             version, version, seconds, deletion, destroyed ? "true" : "false");
    desk_answer(&desk, METADATA, 200, body, NULL);
}

void data_is(unsigned version, unsigned seconds, const char *fields)
{
    char body[600], where[100];

    snprintf(body, sizeof(body),
             "{\"data\":{\"data\":{%s},\"metadata\":{\"version\":%u,\"created_time\":\"" CREATED
             "\",\"deletion_time\":\"\",\"destroyed\":false}}}",
             fields, version, seconds);
    snprintf(where, sizeof(where), DATA "?version=%u", version);
    desk_answer(&desk, where, 200, body, NULL);
}

void version_is(unsigned version, unsigned seconds, const char *value)
{
    char field[200];

    snprintf(field, sizeof(field), "\"api_key\":\"%s\"", value);
    metadata_is(version, seconds, "", false);
    data_is(version, seconds, field);
}

struct outcome read_it(bool decisive)
{
    struct outcome outcome = {0};

    assert_non_null(copy->read(copy, decisive, on_read, &outcome));
    assert_int_equal(outcome.times, 0);
    desk_wait(&desk, &outcome.is_done);
    desk_run(&desk, 1);
    assert_int_equal(outcome.times, 1);
    assert_null(strstr(outcome.failure.text, "canary"));
    return outcome;
}
