/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vault_calls.h"

#include "tests/support/test.h"
#include "tests/support/turn.h"

#include <stdio.h>
#include <string.h>

static void take(struct vault_outcome *outcome, const struct failure *failure)
{
    outcome->times++;
    if (!failure)
        return;
    outcome->failure = *failure;
    outcome->kind = failure->kind;
}

void vault_on_metadata(const struct vault_version *version, const struct failure *failure,
                       void *context)
{
    struct vault_outcome *outcome = context;

    assert_true(!version != !failure);
    take(outcome, failure);
    if (version)
        outcome->version = *version;
}

void vault_on_field(const struct vault_field *field, const struct failure *failure, void *context)
{
    struct vault_outcome *outcome = context;

    assert_true(!field != !failure);
    take(outcome, failure);
    if (!field)
        return;
    outcome->version = field->version;
    outcome->state = field->state;
    assert_true(!field->value == (field->state != VAULT_FIELD_PRESENT));
    if (field->value) {
        assert_true(secret_reveal(field->value).size < sizeof outcome->value);
        memcpy(outcome->value, secret_reveal(field->value).start, secret_reveal(field->value).size);
    }
}

void vault_on_rights(const struct vault_rights *rights, const struct failure *failure,
                     void *context)
{
    struct vault_outcome *outcome = context;

    assert_true(!rights != !failure);
    take(outcome, failure);
    if (rights)
        outcome->rights = *rights;
}

void vault_on_list(const struct vault_names *names, const struct failure *failure, void *context)
{
    struct vault_outcome *outcome = context;
    size_t at = 0;

    assert_true(!names != !failure);
    take(outcome, failure);
    if (!names)
        return;
    outcome->count = names->count;
    outcome->has_more = names->has_more;
    for (size_t i = 0; i < names->count && at < sizeof outcome->names; i++)
        at += (size_t)snprintf(outcome->names + at, sizeof outcome->names - at, "%s%.*s",
                               i ? " " : "", TEXT_ARG(names->names[i]));
}

void vault_on_notes(const struct vault_notes *notes, const struct failure *failure, void *context)
{
    struct vault_outcome *outcome = context;
    size_t at = 0;

    assert_true(!notes != !failure);
    take(outcome, failure);
    if (!notes)
        return;
    outcome->count = notes->count;
    outcome->metadata_version = notes->metadata_version;
    for (size_t i = 0; i < notes->count && at < sizeof outcome->names; i++)
        at += (size_t)snprintf(outcome->names + at, sizeof outcome->names - at, "%s%.*s=%.*s",
                               i ? " " : "", TEXT_ARG(notes->notes[i].name),
                               TEXT_ARG(notes->notes[i].value));
}

struct vault_key vault_key_of(const char *path)
{
    const char *colon = strchr(path, ':');

    if (!colon)
        return (struct vault_key){TEXT("kv"), text_of(path)};
    return (struct vault_key){{path, (size_t)(colon - path)}, text_of(colon + 1)};
}

void vault_wait(uv_loop_t *loop, const struct vault_outcome *outcome)
{
    while (!outcome->times)
        loop_turn(loop);
}

void vault_idle(uv_loop_t *loop, uint32_t ms)
{
    uint64_t end = uv_hrtime() + (uint64_t)ms * 1000000;

    do
        loop_turn(loop);
    while (uv_hrtime() < end);
}

static void on_closed(void *context)
{
    *(bool *)context = true;
}

void vault_shut(uv_loop_t *loop, struct vault_client *client, uint32_t grace_ms)
{
    bool is_closed = false;

    vault_client_close(client, grace_ms, on_closed, &is_closed);
    assert_false(is_closed);
    while (!is_closed)
        loop_turn(loop);
}

struct vault_outcome vault_metadata_of(uv_loop_t *loop, struct vault_client *client,
                                       const char *path)
{
    struct vault_outcome outcome = {0};

    assert_non_null(
        vault_read_metadata(client, vault_key_of(path), 0, vault_on_metadata, &outcome));
    assert_int_equal(outcome.times, 0);
    vault_wait(loop, &outcome);
    return outcome;
}

struct vault_outcome vault_field_of(uv_loop_t *loop, struct vault_client *client, const char *path,
                                    const char *field, uint32_t version)
{
    struct vault_outcome outcome = {0};

    assert_non_null(vault_read_field(client, vault_key_of(path), text_of(field), version, 0,
                                     vault_on_field, &outcome));
    assert_int_equal(outcome.times, 0);
    vault_wait(loop, &outcome);
    return outcome;
}

struct vault_outcome vault_rights_of(uv_loop_t *loop, struct vault_client *client, const char *path)
{
    struct vault_outcome outcome = {0};

    assert_non_null(vault_read_rights(client, vault_key_of(path), vault_on_rights, &outcome));
    assert_int_equal(outcome.times, 0);
    vault_wait(loop, &outcome);
    return outcome;
}

struct vault_outcome vault_set_field(uv_loop_t *loop, struct vault_client *client, const char *path,
                                     const char *field, const char *value,
                                     const struct vault_version *after)
{
    return vault_set_field_by(loop, client, VAULT_WRITE_MODIFY, path, field, value, after);
}

struct vault_outcome vault_list_of(uv_loop_t *loop, struct vault_client *client, const char *path,
                                   const char *after, uint32_t limit)
{
    struct vault_listing listing = {
        .folder = vault_key_of(path), .after = text_of(after), .limit = limit};
    struct vault_outcome outcome = {0};

    assert_non_null(vault_list(client, &listing, 0, vault_on_list, &outcome));
    assert_int_equal(outcome.times, 0);
    vault_wait(loop, &outcome);
    return outcome;
}

struct vault_outcome vault_remove_of(uv_loop_t *loop, struct vault_client *client,
                                     enum vault_removal_kind kind, const char *path,
                                     uint32_t version, const struct vault_version *expected)
{
    struct vault_removal removal = {.kind = kind, .key = vault_key_of(path), .version = version};
    struct vault_outcome outcome = {0};

    if (expected && kind == VAULT_REMOVE_SECRET) {
        removal.expected_created_at = expected->key_created_at;
        removal.expected_created_ns = expected->key_created_ns;
    } else if (expected) {
        removal.expected_created_at = expected->created_at;
        removal.expected_created_ns = expected->created_ns;
    }
    assert_non_null(vault_remove(client, &removal, 0, vault_on_metadata, &outcome));
    assert_int_equal(outcome.times, 0);
    vault_wait(loop, &outcome);
    return outcome;
}

struct vault_outcome vault_notes_of(uv_loop_t *loop, struct vault_client *client, const char *path)
{
    struct vault_outcome outcome = {0};

    assert_non_null(vault_read_notes(client, vault_key_of(path), 0, vault_on_notes, &outcome));
    assert_int_equal(outcome.times, 0);
    vault_wait(loop, &outcome);
    return outcome;
}

struct vault_outcome vault_set_note(uv_loop_t *loop, struct vault_client *client, const char *path,
                                    const char *name, const char *value)
{
    struct vault_note note = {text_of(name), text_of(value)};
    struct vault_outcome outcome = {0};

    assert_non_null(
        vault_write_notes(client, vault_key_of(path), &note, 1, 0, vault_on_notes, &outcome));
    assert_int_equal(outcome.times, 0);
    vault_wait(loop, &outcome);
    return outcome;
}

struct vault_outcome vault_set_field_by(uv_loop_t *loop, struct vault_client *client,
                                        enum vault_write_way way, const char *path,
                                        const char *field, const char *value,
                                        const struct vault_version *after)
{
    struct vault_outcome outcome = {0};
    struct secret *secret = secret_new(text_of(value));
    struct vault_write write = {
        .key = vault_key_of(path),
        .field = text_of(field),
        .value = secret,
        .expected = after->version,
        .expected_created_at = after->created_at,
        .expected_created_ns = after->created_ns,
        .way = way,
    };

    assert_non_null(vault_write_field(client, &write, 0, vault_on_metadata, &outcome));
    assert_int_equal(outcome.times, 0);
    secret_free(secret);
    vault_wait(loop, &outcome);
    return outcome;
}
