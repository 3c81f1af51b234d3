/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/vaultclient/starts.h"

#include "tests/support/test.h"

void outcome_take(struct vault_outcome *outcome, const struct failure *failure)
{
    outcome->times++;
    outcome->kind = failure ? failure->kind : FAILURE_NONE;
}

static void on_unwrapped(const struct secret *data, const struct vault_wrapping *wrapping,
                         const struct failure *failure, void *context)
{
    assert_true(!data == !wrapping && !data != !failure);
    outcome_take(context, failure);
}

static void on_signed(const struct vault_signature *signature, const struct failure *failure,
                      void *context)
{
    assert_true(!signature != !failure);
    outcome_take(context, failure);
}

static void on_capabilities(const unsigned *capabilities, size_t count,
                            const struct failure *failure, void *context)
{
    assert_true(!capabilities != !failure && (count > 0) == !failure);
    outcome_take(context, failure);
}

struct operation *start_list(struct vault_client *client, struct vault_outcome *outcome)
{
    struct vault_listing listing = {.folder = vault_key_of("x"), .limit = 1};

    return vault_list(client, &listing, 0, vault_on_list, outcome);
}

struct operation *start_notes(struct vault_client *client, struct vault_outcome *outcome)
{
    struct vault_note note = {TEXT("who"), TEXT("ana")};

    return vault_write_notes(client, vault_key_of("n"), &note, 1, 0, vault_on_notes, outcome);
}

struct operation *start_sign(struct vault_client *client, struct vault_outcome *outcome)
{
    struct vault_signing signing = {.key = {TEXT("transit"), TEXT("ap")}, .input = TEXT("hi")};

    return vault_sign(client, &signing, 0, on_signed, outcome);
}

struct operation *start_capabilities(struct vault_client *client, struct vault_outcome *outcome)
{
    return vault_read_capabilities(client, &TEXT("kv/data/p"), 1, 0, on_capabilities, outcome);
}

struct operation *start_write_of(struct vault_client *client, const char *path,
                                 enum vault_write_way way, const struct secret *value,
                                 struct vault_outcome *outcome)
{
    struct vault_write write = {
        .key = vault_key_of(path), .field = TEXT("k"), .expected = 1, .value = value, .way = way};

    return vault_write_field(client, &write, 0, vault_on_metadata, outcome);
}

struct operation *start_removal_of(struct vault_client *client, const char *path,
                                   struct vault_outcome *outcome)
{
    struct vault_removal removal = {
        .kind = VAULT_DESTROY_VERSION, .key = vault_key_of(path), .version = 1};

    return vault_remove(client, &removal, 0, vault_on_metadata, outcome);
}

struct operation *start_unwrap_of(struct vault_client *client, const struct secret *token,
                                  struct text creation_path, struct vault_outcome *outcome)
{
    struct vault_unwrapping unwrapping = {.token = token, .creation_path = creation_path};

    return vault_unwrap(client, &unwrapping, 0, on_unwrapped, outcome);
}
