/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte says what the rest is: 't' a token nobody signed, 'c' a change to a good one, 'p'
 * a payload and 'h' a header that the approver's own key signs. Nothing but the good token is
 * taken, and what the key signs only when it says all it must. */
#include "agent/adapters/jws.h"
#include "agent/adapters/jws_approval.h"
#include "tests/fuzz/fuzz.h"

enum { LIMIT = 1 << 16 };

#define HEADER "{\"alg\":\"EdDSA\",\"typ\":\"keydrift-approval+jwt\",\"kid\":\"ana\"}"
#define PAYLOAD                                                                                    \
    "{\"plan\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","              \
    "\"sub\":\"ana\",\"jti\":\"AAECAwQFBgcICQoLDA0ODw\",\"iat\":1767225600,\"exp\":1767229200}"

static struct approver ana = {.name = "ana"};
static struct approvals *approvals;
static EVP_PKEY *key;
static struct buffer good = {.limit = LIMIT};

static bool is_taken(struct text token)
{
    struct buffer kept = {.limit = LIMIT};
    struct approval approval;
    struct failure why = {0};
    bool ok = approvals->verify(approvals, token, &ana, 1, &kept, &approval, &why);

    fuzz_check(ok, &why);
    if (ok) {
        assert(text_is(approval.approver, "ana") && approval.plan_id.size == PLAN_ID_SIZE - 1);
        assert(approval.token_id.size == 22 && !approval.is_used);
        assert(approval.issued_at > 0 && approval.issued_at < approval.expires_at);
    } else {
        assert(why.kind == FAILURE_DENIED);
    }
    buffer_clear(&kept);
    return ok;
}

/* A key that is no secret: its seed is 32 times 'k'. */
static void set_up(void)
{
    uint8_t seed[ED25519_KEY_BYTES];
    size_t size = sizeof(ana.public_key);

    memset(seed, 'k', sizeof(seed));
    approvals = approvals_openssl_new();
    key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
    assert(approvals && key && EVP_PKEY_get_raw_public_key(key, ana.public_key, &size) == 1);
    assert(jws_sign(key, TEXT(HEADER), TEXT(PAYLOAD), &good) && is_taken(buffer_text(&good)));
}

/* Two bytes say where, the third what to put there; once more for every three. */
static void try_changed(struct text changes)
{
    struct buffer token = {.limit = LIMIT};

    assert(buffer_append(&token, buffer_text(&good)));
    for (size_t i = 0; i + 2 < changes.size; i += 3) {
        size_t at = (size_t)((uint8_t)changes.start[i] << 8 | (uint8_t)changes.start[i + 1]);

        token.start[at % token.size] = changes.start[i + 2];
    }
    assert(is_taken(buffer_text(&token)) == text_equal(buffer_text(&token), buffer_text(&good)));
    buffer_reset(&token);
    buffer_append(&token, buffer_text(&good));
    buffer_append(&token, text_part(changes, 0, 16));
    assert(is_taken(buffer_text(&token)) == (changes.size == 0));
    buffer_clear(&token);
}

static void try_signed(struct text header, struct text payload, bool may_be_taken)
{
    struct buffer token = {.limit = LIMIT};
    bool taken = jws_sign(key, header, payload, &token) && is_taken(buffer_text(&token));

    assert(!taken || may_be_taken);
    buffer_clear(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text text = {(const char *)data, size}, rest = text_part(text, 1, SIZE_MAX);

    if (!approvals)
        set_up();
    switch (size ? text.start[0] : 't') {
    case 'c':
        try_changed(rest);
        break;
    case 'p':
        try_signed(TEXT(HEADER), rest, true);
        break;
    case 'h':
        try_signed(rest, TEXT(PAYLOAD),
                   text_find(rest, TEXT("EdDSA")) != SIZE_MAX || text_contains_byte(rest, '\\'));
        break;
    default:
        assert(!is_taken(rest) || text_equal(rest, buffer_text(&good)));
    }
    return 0;
}
