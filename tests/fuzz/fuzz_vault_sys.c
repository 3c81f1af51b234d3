/* SPDX-License-Identifier: Apache-2.0 */
/* A status, two texts, and a body, as an answer of everything beside the secrets: capabilities,
 * wrapping, signatures, audit hashes, control groups, and what a server says about itself. What it
 * quotes of a secret is never shown. */
#include "net/json.h"
#include "tests/fuzz/fuzz.h"
#include "vaultclient/splice.h"
#include "vaultclient/wire.h"

enum { LIMIT = 1 << 20 };

static void try_capabilities(struct text path, struct text body)
{
    struct text paths[] = {TEXT("kv/data/app"), path};
    struct buffer asked = {.limit = LIMIT};
    unsigned found[2] = {0};
    struct failure why = {0};
    bool ok = vault_wire_capabilities(body, paths, 2, found, &why);

    fuzz_check(ok, &why);
    assert(!ok || (found[0] <= VAULT_MAY_ALL && found[1] <= VAULT_MAY_ALL));
    if (vault_wire_paths_body(paths, 2, &asked)) {
        json_t *json = json_read_object(buffer_text(&asked), NULL);
        json_t *second = json_array_get(json_object_get(json, "paths"), 1);

        assert(
            text_contains_byte(path, '\0') ||
            text_equal(path, (struct text){json_string_value(second), json_string_length(second)}));
        json_decref(json);
    } else {
        assert(!text_is_utf8(path));
    }
    buffer_clear(&asked);
}

static void try_wrapping(int status, struct text body, const struct secret *sent)
{
    struct wire_wrapping wrapping = {0};
    struct secret *data = NULL;
    struct failure why = {0};
    bool ok = vault_wire_wrapped(status, body, sent, &wrapping, &why);

    fuzz_check(ok, &why);
    assert(status == 200 || !strstr(why.text, FUZZ_SECRET));
    assert(ok == !!wrapping.token && ok == !!wrapping.path);
    if (ok)
        assert(vault_wire_check_token(secret_reveal(wrapping.token), "token", NULL));
    vault_wire_wrapping_clear(&wrapping);
    why = (struct failure){0};
    ok = vault_wire_wrapping_lookup(status, body, &wrapping, &why);
    fuzz_check(ok, &why);
    assert(ok == !!wrapping.path && !wrapping.token);
    assert(vault_wire_wrapping_same(&wrapping, &wrapping));
    vault_wire_wrapping_clear(&wrapping);
    why = (struct failure){0};
    ok = vault_wire_unwrapped(status, body, &data, &why);
    fuzz_check(ok, &why);
    assert(ok == !!data);
    if (ok)
        assert(text_starts_with(secret_reveal(data), TEXT("{")) &&
               vault_splice_check(secret_reveal(data), NULL));
    secret_free(data);
    why = (struct failure){0};
    assert(!vault_wire_is_held_back(body, 60, &why) || vault_wire_is_held_back(body, 0, &why));
    why = (struct failure){0};
    if (vault_wire_is_held_back(body, 0, &why)) {
        fuzz_check_failure(&why);
        assert(why.kind == FAILURE_DENIED && why.http_status == 200);
    } else {
        assert(why.kind == FAILURE_NONE);
    }
}

static void try_audit_hash(int status, struct text body, const struct secret *sent)
{
    struct buffer hash = {.limit = 512};
    struct failure why = {0};
    bool ok = vault_wire_audit_hash(status, body, sent, &hash, &why);

    fuzz_check(ok, &why);
    assert(!strstr(why.text, FUZZ_SECRET));
    if (ok)
        assert(text_starts_with(buffer_text(&hash), TEXT("hmac-")) &&
               text_is_printable(buffer_text(&hash)));
    buffer_clear(&hash);
}

static void try_signatures(int status, struct text body)
{
    struct vault_public_keys keys = {0};
    struct failure why;
    bool ok, is_valid;

    for (uint32_t asked = 0; asked < 3; asked++) {
        struct buffer signature = {.limit = LIMIT};
        uint32_t version = 0;

        why = (struct failure){0};
        ok = vault_wire_signature(status, body, asked, &signature, &version, &why);
        fuzz_check(ok, &why);
        assert(!ok || (version >= 1 && (!asked || version == asked)));
        assert(!ok || (text_starts_with(buffer_text(&signature), TEXT("vault:v")) &&
                       text_is_printable(buffer_text(&signature))));
        buffer_clear(&signature);
    }
    why = (struct failure){0};
    fuzz_check(vault_wire_verified(status, body, &is_valid, &why), &why);
    why = (struct failure){0};
    ok = vault_wire_public_keys(status, body, &keys, &why);
    fuzz_check(ok, &why);
    assert(ok == !!keys.keys && ok == (keys.count > 0));
    assert(!ok || keys.latest_version >= 1);
    for (size_t i = 0; i < keys.count; i++) {
        assert(keys.keys[i].version >= 1 && keys.keys[i].key.size);
        assert(i == 0 || keys.keys[i - 1].version < keys.keys[i].version);
        assert(!text_is(keys.type, "ed25519") || keys.keys[i].key.size <= 44);
    }
    vault_wire_public_keys_free(&keys);
}

/* What is sent to sign and to verify. */
static void try_signing(struct text context, struct text signature)
{
    struct vault_key key = {TEXT("transit"), context};
    struct vault_signing signing = {.input = signature, .context = context, .key_version = 3};
    struct buffer body = {.limit = LIMIT}, target = {.limit = LIMIT};
    struct failure why = {0};
    bool ok = vault_wire_check_transit(key, &why);

    fuzz_check(ok, &why);
    if (ok) {
        vault_wire_transit_target(&target, key, "sign", TEXT(""));
        assert(text_starts_with(buffer_text(&target), TEXT("/v1/transit/sign/")));
        assert(text_find(buffer_text(&target), TEXT("//")) == SIZE_MAX);
        assert(!text_contains_byte(buffer_text(&target), '?'));
    }
    if (vault_wire_sign_body(&signing, signature, &body))
        assert(vault_splice_check(buffer_text(&body), NULL));
    else
        assert(!text_is_utf8(signature));
    buffer_reset(&body);
    if (vault_wire_member_body(context, signature, &body)) {
        struct text value;

        assert(vault_splice_check(buffer_text(&body), NULL));
        assert(vault_splice_member(buffer_text(&body), context, &value));
    } else {
        assert(!text_is_utf8(context) || !text_is_utf8(signature));
    }
    buffer_clear(&target);
    buffer_clear(&body);
}

static void try_paths(struct text path)
{
    struct text suffix = vault_wire_token_suffix(path), rest = path, segment;
    struct failure why = {0};
    bool ok = vault_wire_check_path(path, &why);

    assert(text_ends_with(path, suffix) && suffix.size <= path.size);
    fuzz_check(ok, &why);
    if (!ok)
        return;
    if (text_ends_with(rest, TEXT("/")))
        rest.size--;
    while (text_split(&rest, '/', &segment))
        assert(segment.size && !text_is(segment, ".") && !text_is(segment, ".."));
    assert(text_is_printable(path) && !text_contains_byte(path, '?'));
}

/* The same words never say both that nothing was done and that something may have been. */
static void try_states(int status, struct text body)
{
    struct wire_leader leader;

    assert(!vault_wire_is_ambiguous(status, body) ||
           (!vault_wire_is_sealed(status, body) && !vault_wire_is_locked(status, body) &&
            !vault_wire_has_no_leader(status, body) && !vault_wire_is_behind(status, body) &&
            !vault_wire_is_upgrading(status, body)));
    if (vault_wire_leader(status, body, &leader))
        assert(status == 200 && memchr(leader.address, '\0', sizeof(leader.address)));
    (void)vault_wire_is_health(body);
}

/* Whatever it stands in, a secret is struck out, and nothing else is touched. */
static void try_scrub(struct text needle, struct text body, const struct secret *sent)
{
    struct secret *other = secret_new(needle);
    struct buffer scrubbed = {.limit = 0};

    assert(other);
    if (vault_wire_scrub(body, sent, &scrubbed)) {
        assert(scrubbed.size == body.size);
        assert(text_find(buffer_text(&scrubbed), TEXT(FUZZ_SECRET)) == SIZE_MAX);
        for (size_t i = 0; i < body.size; i++)
            assert(scrubbed.start[i] == body.start[i] || scrubbed.start[i] == '*');
    } else {
        assert(text_find(body, TEXT(FUZZ_SECRET)) == SIZE_MAX && !scrubbed.start);
    }
    buffer_clear(&scrubbed);
    if (vault_wire_scrub(body, other, &scrubbed))
        assert(text_contains_byte(needle, '*') ||
               text_find(buffer_text(&scrubbed), needle) == SIZE_MAX);
    buffer_clear(&scrubbed);
    secret_free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct secret *sent = secret_new(TEXT(FUZZ_SECRET));
    struct text body = {(const char *)data, size};
    struct text line = fuzz_line(&body), first = fuzz_line(&body), second = fuzz_line(&body);
    uint64_t status = 200;

    assert(sent);
    (void)!text_parse_u64(line, 599, &status);
    try_capabilities(first, body);
    try_wrapping((int)status, body, sent);
    try_audit_hash((int)status, body, sent);
    try_signatures((int)status, body);
    try_signing(first, second);
    try_paths(first);
    try_states((int)status, body);
    try_scrub(second, body, sent);
    secret_free(sent);
    return 0;
}
