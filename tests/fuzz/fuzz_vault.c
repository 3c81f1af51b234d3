/* SPDX-License-Identifier: Apache-2.0 */
/* A status and a body, as an answer to every question we ask a Vault: believed or refused with a
 * reason that shows no secret, and a secret that is believed can be written back. */
#include "tests/fuzz/fuzz.h"
#include "vaultclient/splice.h"
#include "vaultclient/wire.h"

enum { LIMIT = 1 << 20, NOW = 1767225600 };

static const struct vault_key key = {{"kv", 2}, {"team/app", 8}};

static void check_version(const struct vault_version *version)
{
    assert(version->kv == 2 && version->version >= 1);
    assert(version->created_at >= 0 && version->created_ns >= 0 && version->created_ns < 1000000);
    assert(version->key_created_ns >= 0 && version->key_created_ns < 1000000);
}

static void check_write_back(struct text fields, const struct secret *value)
{
    struct buffer body = {.limit = LIMIT};
    struct text data, written;

    assert(vault_wire_write_body(3, fields, TEXT("key"), secret_reveal(value), &body));
    assert(vault_splice_check(buffer_text(&body), NULL));
    assert(vault_splice_member(buffer_text(&body), TEXT("data"), &data));
    assert(vault_splice_member(data, TEXT("key"), &written));
    buffer_clear(&body);
}

static void check_fields(struct text body, const struct wire_secret *found)
{
    struct failure why = {0};
    enum vault_field_state state;
    struct secret *value = NULL;
    bool ok = vault_wire_field(found->fields, TEXT("key"), &state, &value, &why);

    assert(text_is(found->fields, "null") ||
           (found->fields.start >= body.start &&
            found->fields.start + found->fields.size <= body.start + body.size));
    fuzz_check(ok, &why);
    assert(!value == !(ok && state == VAULT_FIELD_PRESENT));
    if (value)
        check_write_back(found->fields, value);
    secret_free(value);
}

static void try_secrets(int status, struct text body, const struct secret *sent)
{
    struct failure why = {0};
    struct vault_version version;
    struct wire_secret found;
    bool ok = vault_wire_metadata(status, body, INT64_C(1000) * NOW, &version, &why);

    fuzz_check(ok, &why);
    if (ok)
        check_version(&version);
    why = (struct failure){0};
    ok = vault_wire_data(status, body, 0, &found, &why);
    fuzz_check(ok, &why);
    if (ok) {
        check_version(&found.version);
        check_fields(body, &found);
        why = (struct failure){0};
        assert(!vault_wire_data(status, body, found.version.version + 1, &found, &why));
        fuzz_check_failure(&why);
    }
    why = (struct failure){0};
    ok = vault_wire_data_v1(status, body, &found, &why);
    fuzz_check(ok, &why);
    if (ok)
        check_fields(body, &found);
    why = (struct failure){0};
    ok = vault_wire_written(status, body, 3, sent, &version, &why);
    fuzz_check(ok, &why);
    assert(!ok || version.version == 4);
    assert(!strstr(why.text, FUZZ_SECRET));
    why = (struct failure){0};
    vault_wire_explain(status, body, 0, sent, &why);
    fuzz_check_hidden(&why);
    (void)vault_wire_is_ambiguous(status, body);
    (void)vault_wire_says_token_is_dead(body);
    (void)vault_wire_login_was_refused(status, body);
}

static void try_login(int status, struct text body)
{
    struct failure why = {0};
    struct wire_token token = {0};
    bool ok = vault_wire_login(body, &token, &why);

    fuzz_check(ok, &why);
    assert(ok == !!token.value);
    assert(!ok || vault_wire_check_token(secret_reveal(token.value), "token", NULL));
    secret_free(token.value);
    why = (struct failure){0};
    ok = vault_wire_lookup_self(body, &token, &why);
    fuzz_check(ok, &why);
    assert(!ok || !token.value);
    assert(status == 200 || vault_wire_renewed_ms(status, body) == 0);
}

static void try_rest(struct text body)
{
    struct failure why = {0};
    struct secret *secret_id = NULL;
    struct vault_rights rights;
    int kv = 0;
    bool ok = vault_wire_mount(body, TEXT("kv"), &kv, &why);

    fuzz_check(ok, &why);
    assert(!ok || kv == 1 || kv == 2);
    for (kv = 1; kv <= 2; kv++) {
        why = (struct failure){0};
        fuzz_check(vault_wire_rights(body, key, kv, &rights, &why), &why);
    }
    why = (struct failure){0};
    ok = vault_wire_creation_path(body, TEXT("approle"), "agent", &why);
    fuzz_check(ok, &why);
    assert(!ok || vault_wire_creation_path(body, TEXT("approle"), NULL, NULL));
    why = (struct failure){0};
    ok = vault_wire_unwrapped_secret_id(body, &secret_id, &why);
    fuzz_check(ok, &why);
    assert(ok == !!secret_id);
    secret_free(secret_id);
}

/* The body as a path: what is taken is one path below its mount, whatever it holds. */
static void try_path(struct text text)
{
    struct vault_key asked = {{"kv", 2}, text};
    struct buffer target = {.limit = LIMIT};
    struct failure why = {0};
    bool ok = vault_wire_check_key(asked, &why);

    fuzz_check(ok, &why);
    if (ok) {
        vault_wire_target(&target, asked, "data", 0);
        assert(text_starts_with(buffer_text(&target), TEXT("/v1/kv/data/")));
        assert(!text_contains_byte(buffer_text(&target), '?'));
        assert(text_find(buffer_text(&target), TEXT("/../")) == SIZE_MAX);
        assert(text_find(buffer_text(&target), TEXT("//")) == SIZE_MAX);
    }
    (void)vault_wire_wrapping_token_fits(text, true);
    buffer_clear(&target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct secret *sent = secret_new(TEXT(FUZZ_SECRET));
    struct text body = {(const char *)data, size};
    struct text line = fuzz_line(&body);
    uint64_t status = 200;

    assert(sent);
    (void)!text_parse_u64(line, 599, &status);
    try_secrets((int)status, body, sent);
    try_login((int)status, body);
    try_rest(body);
    try_path(body);
    secret_free(sent);
    return 0;
}
