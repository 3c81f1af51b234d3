/* SPDX-License-Identifier: Apache-2.0 */
/* Approval tokens: each rule has a token that breaks it and nothing else, signed well where the
 * rule is not the signature. */
#include "agent/adapters/approver_keys.h"
#include "agent/adapters/jws.h"
#include "agent/adapters/jws_approval.h"
#include "tests/support/test.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLAN     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEADER   "{\"alg\":\"EdDSA\",\"typ\":\"keydrift-approval+jwt\",\"kid\":\"ana\"}"
#define JTI      "AAECAwQFBgcICQoLDA0ODw"
#define TIMES    "\"iat\":1767225600,\"exp\":1767229200"
#define BODY_END "\"sub\":\"ana\",\"jti\":\"" JTI "\"," TIMES "}"
#define PAYLOAD  "{\"plan\":\"" PLAN "\"," BODY_END
#define NOW      ((int64_t)1767225600000)

static char folder[] = "/tmp/approvers-XXXXXX";
static char ana_file[64];
static EVP_PKEY *ana_key, *bo_key;
static struct approver approvers[2] = {{.name = "ana"}, {.name = "bo"}};
static struct approvals *approvals;

static struct buffer token_of(EVP_PKEY *key, const char *header, const char *payload)
{
    struct buffer token;

    buffer_init(&token, (size_t)1 << 20);
    assert_true(jws_sign(key, text_of(header), text_of(payload), &token));
    return token;
}

static bool verify(struct text token, struct approval *approval, struct buffer *kept,
                   struct failure *why)
{
    buffer_init(kept, APPROVAL_TOKEN_LIMIT);
    return approvals->verify(approvals, token, approvers, 2, kept, approval, why);
}

static void assert_refused_at(struct text token, const char *reason, const char *file, int line)
{
    struct approval approval = {.issued_at = 7};
    struct failure why = {0};
    struct buffer kept;

    if (verify(token, &approval, &kept, &why) || why.kind != FAILURE_DENIED ||
        !strstr(why.text, reason)) {
        print_error("%.*s: %s, expected %s\n", TEXT_ARG(token), why.text, reason);
        _fail(file, line);
    }
    assert_int_equal(approval.issued_at, 7);
    assert_null(approval.token_id.start);
    buffer_clear(&kept);
}
#define assert_refused(token, reason) assert_refused_at(token, reason, __FILE__, __LINE__)

static void assert_refused_signed_at(const char *header, const char *payload, const char *reason,
                                     int line)
{
    struct buffer token = token_of(ana_key, header, payload);

    assert_refused_at(buffer_text(&token), reason, __FILE__, line);
    buffer_clear(&token);
}
#define assert_refused_signed(header, payload, reason)                                             \
    assert_refused_signed_at(header, payload, reason, __LINE__)

static EVP_PKEY *raw_private_key(const char *base64url)
{
    struct buffer bytes;
    EVP_PKEY *key;

    buffer_init(&bytes, 64);
    assert_true(jws_decode(text_of(base64url), &bytes));
    key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, (const uint8_t *)bytes.start,
                                       bytes.size);
    buffer_clear(&bytes);
    assert_non_null(key);
    return key;
}

TEST(signing_and_verifying_agree_with_rfc_8037_appendix_a)
{
    static const char token[] =
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt"
        "9g7sVvpAr_MuM0KAg";
    EVP_PKEY *key = raw_private_key("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
    struct buffer made = token_of(key, "{\"alg\":\"EdDSA\"}", "Example of Ed25519 signing");
    struct buffer public_key;
    struct jws jws;

    assert_string_equal(made.start, token);
    buffer_init(&public_key, 32);
    assert_true(jws_decode(TEXT("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"), &public_key));
    assert_true(jws_split(TEXT(token), &jws));
    assert_true(jws_verify(&jws, (const uint8_t *)public_key.start));
    buffer_clear(&public_key);
    buffer_clear(&made);
    EVP_PKEY_free(key);
}

TEST(a_good_token_is_accepted_and_says_all_it_says)
{
    struct buffer token = token_of(ana_key, HEADER, PAYLOAD), kept;
    struct approval approval = {.is_used = true};
    struct failure why = {0};

    assert_true(verify(buffer_text(&token), &approval, &kept, &why));
    buffer_clear(&token); /* nothing points there */
    assert_true(text_is(approval.approver, "ana"));
    assert_true(text_is(approval.plan_id, PLAN));
    assert_true(text_is(approval.token_id, JTI));
    assert_int_equal(approval.issued_at, NOW);
    assert_int_equal(approval.expires_at, NOW + 3600000);
    assert_false(approval.is_used);
    buffer_clear(&kept);
}

TEST(members_may_come_in_any_order)
{
    struct buffer token =
        token_of(ana_key, "{\"kid\":\"ana\", \"typ\":\"keydrift-approval+jwt\",\"alg\":\"EdDSA\"}",
                 "{" TIMES ",\"jti\":\"" JTI "\",\"sub\":\"ana\",\"plan\":\"" PLAN "\"}");
    struct approval approval;
    struct buffer kept;

    assert_true(verify(buffer_text(&token), &approval, &kept, NULL));
    buffer_clear(&kept);
    buffer_clear(&token);
}

/* Each bit in turn. */
TEST(no_byte_of_a_token_can_be_changed)
{
    struct buffer token = token_of(ana_key, HEADER, PAYLOAD);
    unsigned refused = 0;

    for (size_t i = 0; i < token.size; i++) {
        char was = token.start[i];

        for (int bit = 0; bit < 8; bit++) {
            struct approval approval;
            struct buffer kept;

            token.start[i] = (char)(was ^ (1 << bit));
            refused += !verify(buffer_text(&token), &approval, &kept, NULL);
            buffer_clear(&kept);
        }
        token.start[i] = was;
    }
    assert_int_equal(refused, token.size * 8);
    buffer_clear(&token);
}

TEST(no_byte_can_be_left_out_or_added)
{
    struct buffer token = token_of(ana_key, HEADER, PAYLOAD);
    char changed[APPROVAL_TOKEN_LIMIT];

    for (size_t i = 0; i < token.size; i++) {
        memcpy(changed, token.start, i);
        memcpy(changed + i, token.start + i + 1, token.size - i - 1);
        assert_refused(((struct text){changed, token.size - 1}), "this approval is refused");
        memcpy(changed, token.start, i);
        changed[i] = '=';
        memcpy(changed + i + 1, token.start + i, token.size - i);
        assert_refused(((struct text){changed, token.size + 1}), "not three parts");
        changed[i] = 'A';
        assert_refused(((struct text){changed, token.size + 1}), "this approval is refused");
        assert_refused(text_part(buffer_text(&token), 0, i), "this approval is refused");
    }
    buffer_clear(&token);
}

TEST(what_is_no_token_is_refused)
{
    const struct text tokens[] = {
        TEXT(""),      TEXT("."),           TEXT(".."),       TEXT("a.b"),
        TEXT("a.b.c"), TEXT("a.b.c.d"),     TEXT("e30.e30."), TEXT("e30..e30"),
        TEXT(".e30."), TEXT("e30.e30.e30"), TEXT("\0\0\0"),   TEXT("e30=.e30=.e30="),
        TEXT("{}"),    TEXT("e30.e30.e\0"), TEXT(" e30.e.e"), TEXT("bnVsbA.e30.e30"),
    };

    for (size_t i = 0; i < sizeof(tokens) / sizeof(*tokens); i++)
        assert_refused(tokens[i], "this approval is refused");
    assert_refused(((struct text){NULL, 0}), "not three parts");
}

TEST(a_long_token_is_refused_unread)
{
    char payload[APPROVAL_TOKEN_LIMIT];
    struct buffer token;

    snprintf(payload, sizeof(payload), "%-3500s", PAYLOAD);
    token = token_of(ana_key, HEADER, payload);
    assert_true(token.size > APPROVAL_TOKEN_LIMIT);
    assert_refused(buffer_text(&token), "too long");
    buffer_clear(&token);
}

TEST(algorithm_none_is_refused)
{
    static const char *const names[] = {"none",  "None",  "NONE",    "",
                                        "HS256", "RS256", "Ed25519", "eddsa"};
    struct buffer token;
    char header[128];

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        snprintf(header, sizeof(header),
                 "{\"alg\":\"%s\",\"typ\":\"keydrift-approval+jwt\",\"kid\":\"ana\"}", names[i]);
        assert_refused_signed(header, PAYLOAD, "not signed with EdDSA");
    }
    snprintf(header, sizeof(header),
             "{\"alg\":\"none\",\"typ\":\"keydrift-approval+jwt\",\"kid\":\"ana\"}");
    token = token_of(ana_key, header, PAYLOAD);
    token.size -= 86; /* as `none` wants it: with an empty signature */
    assert_refused(buffer_text(&token), "this approval is refused");
    buffer_clear(&token);
}

TEST(the_header_has_exactly_its_members)
{
    static const char *const headers[] = {
        "{}",
        "[]",
        "null",
        "{\"alg\":\"EdDSA\",\"typ\":\"keydrift-approval+jwt\"}",
        "{\"alg\":\"EdDSA\",\"kid\":\"ana\"}",
        "{\"typ\":\"keydrift-approval+jwt\",\"kid\":\"ana\"}",
        "{\"alg\":\"EdDSA\",\"typ\":\"keydrift-approval+jwt\",\"kid\":\"ana\",\"crit\":[\"x\"]}",
        "{\"alg\":\"EdDSA\",\"typ\":\"keydrift-approval+jwt\",\"kid\":\"ana\",\"jwk\":{}}",
        "{\"alg\":\"EdDSA\",\"typ\":\"keydrift-approval+jwt\",\"b64\":false}",
        "{\"alg\":\"EdDSA\",\"alg\":\"EdDSA\",\"typ\":\"keydrift-approval+jwt\",\"kid\":\"ana\"}",
        "{\"alg\":[\"EdDSA\"],\"typ\":\"keydrift-approval+jwt\",\"kid\":\"ana\"}",
        "{\"alg\":\"EdDSA\",\"typ\":null,\"kid\":\"ana\"}",
        "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"ana\"}",
        "{\"alg\":\"EdDSA\",\"typ\":\"keydrift-approval+jwt\",\"kid\":1}",
        "{\"alg\":\"EdDSA\",\"typ\":\"keydrift-approval+jwt\",\"kid\":\"ana\\u0000\"}",
        "{\"alg\":\"EdDSA\",\"typ\":\"keydrift-approval+jwt\",\"kid\":\"ana\"} x",
        "{\"alg\":\"EdDSA\",\"typ\":\"keydrift-approval+jwt\",\"kid\":\"ana\"",
        ("\xef\xbb\xbf" HEADER),
    };

    for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++)
        assert_refused_signed(headers[i], PAYLOAD, "this approval is refused");
}

TEST(an_approver_the_configuration_does_not_know_is_refused)
{
    static const char *const names[] = {"eve", "Ana", "an", "anab", ""};
    char header[128];

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        snprintf(header, sizeof(header),
                 "{\"alg\":\"EdDSA\",\"typ\":\"keydrift-approval+jwt\",\"kid\":\"%s\"}", names[i]);
        assert_refused_signed(header, PAYLOAD, "knows no approver of that name");
    }
}

TEST(a_token_signed_with_another_approvers_key_is_refused)
{
    struct buffer token = token_of(bo_key, HEADER, PAYLOAD);

    assert_refused(buffer_text(&token), "signature does not hold");
    buffer_clear(&token);
    assert_refused_signed("{\"alg\":\"EdDSA\",\"typ\":\"keydrift-approval+jwt\",\"kid\":\"bo\"}",
                          PAYLOAD, "signature does not hold");
}

TEST(an_approver_cannot_approve_in_the_name_of_another)
{
    assert_refused_signed(HEADER,
                          "{\"plan\":\"" PLAN "\",\"sub\":\"bo\",\"jti\":\"" JTI "\"," TIMES "}",
                          "who approves is not whose key it names");
}

TEST(the_signature_of_one_token_does_not_fit_another)
{
    struct buffer one = token_of(ana_key, HEADER, PAYLOAD);
    struct buffer other = token_of(ana_key, HEADER, "{\"plan\":\"x\"," BODY_END);
    struct buffer mixed;
    struct jws a, b;

    assert_true(jws_split(buffer_text(&one), &a));
    assert_true(jws_split(buffer_text(&other), &b));
    buffer_init(&mixed, APPROVAL_TOKEN_LIMIT);
    buffer_printf(&mixed, "%.*s.%.*s", TEXT_ARG(a.signed_bytes), TEXT_ARG(b.signature));
    assert_refused(buffer_text(&mixed), "signature does not hold");
    buffer_clear(&mixed);
    buffer_clear(&one);
    buffer_clear(&other);
}

TEST(the_payload_has_exactly_its_members)
{
    static const char *const payloads[] = {
        "",
        "{}",
        "[]",
        "\"x\"",
        "{\"plan\":\"" PLAN "\",\"sub\":\"ana\",\"jti\":\"" JTI "\",\"iat\":1767225600}",
        "{\"plan\":\"" PLAN "\",\"sub\":\"ana\",\"jti\":\"" JTI "\",\"exp\":1767225600}",
        "{\"plan\":\"" PLAN "\",\"sub\":\"ana\"," TIMES "}",
        "{\"plan\":\"" PLAN "\",\"jti\":\"" JTI "\"," TIMES "}",
        "{" BODY_END,
        "{\"nbf\":1,\"plan\":\"" PLAN "\"," BODY_END,
        "{\"plan\":\"" PLAN "\",\"plan\":\"" PLAN "\"," BODY_END,
        "{\"plan\":null," BODY_END,
        "{\"plan\":\"0123\"," BODY_END,
        "{\"plan\":\"\"," BODY_END,
        "{\"plan\":\"" PLAN "0\"," BODY_END,
        "{\"plan\":\"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\"," BODY_END,
        "{\"plan\":\"" PLAN "\\u0000\"," BODY_END,
        (PAYLOAD "x"),
        (PAYLOAD "{}"),
    };
    static const char *const ids[] = {"\"\"",
                                      "7",
                                      "\"AAECAwQFBgcICQoLDA0OD\"",
                                      "\"AAECAwQFBgcICQoLDA0ODw=\"",
                                      "\"AAECAwQFBgcICQoLDA0ODx\"",
                                      "\"AAECAwQFBgcICQoLDA0OD+\"",
                                      "\"AAECAwQFBgcICQoLDA0ODwA\""};
    char payload[512];

    for (size_t i = 0; i < sizeof(payloads) / sizeof(*payloads); i++)
        assert_refused_signed(HEADER, payloads[i], "this approval is refused");
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        snprintf(payload, sizeof(payload), "{\"plan\":\"%s\",\"sub\":\"ana\",\"jti\":%s,%s}", PLAN,
                 ids[i], TIMES);
        assert_refused_signed(HEADER, payload, "this approval is refused");
    }
}

TEST(times_are_whole_seconds_in_order)
{
    static const char *const times[] = {
        "\"iat\":1767225600,\"exp\":1767225600",
        "\"iat\":1767225600,\"exp\":1767225599",
        "\"iat\":1767225600.0,\"exp\":1767229200",
        "\"iat\":1767225600,\"exp\":1.8e9",
        "\"iat\":\"1767225600\",\"exp\":1767229200",
        "\"iat\":0,\"exp\":1767229200",
        "\"iat\":-1,\"exp\":1767229200",
        "\"iat\":1767225600,\"exp\":null",
        "\"iat\":1767225600,\"exp\":253402300800",
        "\"iat\":1767225600,\"exp\":9223372036854775807",
        "\"iat\":1767225600,\"exp\":99999999999999999999",
        "\"iat\":true,\"exp\":1767229200",
    };
    char payload[512];

    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
        snprintf(payload, sizeof(payload), "{\"plan\":\"%s\",\"sub\":\"ana\",\"jti\":\"%s\",%s}",
                 PLAN, JTI, times[i]);
        assert_refused_signed(HEADER, payload, "this approval is refused");
    }
}

TEST(without_approvers_every_token_is_refused)
{
    struct buffer token = token_of(ana_key, HEADER, PAYLOAD), kept;
    struct approval approval;
    struct failure why;

    buffer_init(&kept, 100);
    assert_false(
        approvals->verify(approvals, buffer_text(&token), NULL, 0, &kept, &approval, &why));
    assert_int_equal(why.kind, FAILURE_DENIED);
    buffer_clear(&token);
}

/* ---- signing --------------------------------------------------------------------------------- */

static bool sign(const char *file, uint64_t life_ms, struct buffer *token, struct failure *why)
{
    buffer_init(token, APPROVAL_TOKEN_LIMIT);
    return approval_sign(file, TEXT("ana"), TEXT(PLAN), NOW + 999, life_ms, token, why);
}

TEST(what_an_approver_signs_is_accepted_and_each_token_has_an_id_of_its_own)
{
    struct buffer token, kept, first_id;
    struct approval approval;
    struct failure why = {0};

    buffer_init(&first_id, 64);
    for (int i = 0; i < 2; i++) {
        assert_true(sign(ana_file, 900000, &token, &why));
        assert_true(verify(buffer_text(&token), &approval, &kept, &why));
        assert_true(approval_check(&approval, TEXT(PLAN), TEXT("bo"), NOW + 2000, &why));
        assert_int_equal(approval.expires_at - approval.issued_at, 900000);
        assert_false(text_equal(approval.token_id, buffer_text(&first_id)));
        buffer_append(&first_id, approval.token_id);
        buffer_clear(&kept);
        buffer_clear(&token);
    }
    buffer_clear(&first_id);
}

TEST(what_makes_no_sense_is_not_signed)
{
    struct failure why = {0};
    struct buffer token;

    assert_false(sign(ana_file, 999, &token, &why));
    assert_false(sign(ana_file, APPROVAL_LIFE_MAX_MS + 1, &token, &why));
    assert_false(approval_sign(ana_file, TEXT("ana"), TEXT("abc"), NOW, 60000, &token, &why));
    assert_false(approval_sign(ana_file, TEXT(""), TEXT(PLAN), NOW, 60000, &token, &why));
    assert_false(approval_sign(ana_file, TEXT("a\nb"), TEXT(PLAN), NOW, 60000, &token, &why));
    assert_int_equal(why.kind, FAILURE_INVALID);
    assert_int_equal(token.size, 0);
}

/* ---- ids ------------------------------------------------------------------------------------- */

TEST(a_digest_is_sha256_in_hex)
{
    char hex[PLAN_ID_SIZE];

    assert_true(approvals->digest(approvals, TEXT("abc"), hex));
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(approvals->digest(approvals, (struct text){NULL, 0}, hex));
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(a_guid_is_random_and_says_that_it_is)
{
    char first[37], second[37];

    assert_true(approvals->guid(approvals, first));
    assert_true(approvals->guid(approvals, second));
    assert_string_not_equal(first, second);
    assert_int_equal(strlen(first), 36);
    for (size_t i = 0; i < 36; i++)
        assert_int_equal(first[i] == '-', i == 8 || i == 13 || i == 18 || i == 23);
    assert_int_equal(first[14], '4');
    assert_non_null(strchr("89ab", first[19]));
}

/* ---- the group ------------------------------------------------------------------------------- */

static EVP_PKEY *make_approver(struct approver *approver, char *path, size_t size)
{
    struct failure why = {0};
    size_t key_size = sizeof(approver->public_key);
    EVP_PKEY *key;

    if (!approver_keys_make(approver->name, folder, &why))
        print_error("%s\n", why.text);
    snprintf(path, size, "%s/%s.key", folder, approver->name);
    key = approver_key_read(path, &why);
    if (key)
        EVP_PKEY_get_raw_public_key(key, approver->public_key, &key_size);
    return key;
}

static int make_approvers(void **state)
{
    char bo_file[64];

    (void)state;
    if (!mkdtemp(folder))
        return -1;
    ana_key = make_approver(&approvers[0], ana_file, sizeof(ana_file));
    bo_key = make_approver(&approvers[1], bo_file, sizeof(bo_file));
    approvals = approvals_openssl_new();
    return ana_key && bo_key && approvals ? 0 : -1;
}

static int forget_approvers(void **state)
{
    static const char *const names[] = {"ana.key", "ana.pub", "bo.key", "bo.pub"};
    char path[64];

    (void)state;
    EVP_PKEY_free(ana_key);
    EVP_PKEY_free(bo_key);
    approvals = approvals_openssl_free(approvals);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(signing_and_verifying_agree_with_rfc_8037_appendix_a),
        CASE(a_good_token_is_accepted_and_says_all_it_says),
        CASE(members_may_come_in_any_order),
        CASE(no_byte_of_a_token_can_be_changed),
        CASE(no_byte_can_be_left_out_or_added),
        CASE(what_is_no_token_is_refused),
        CASE(a_long_token_is_refused_unread),
        CASE(algorithm_none_is_refused),
        CASE(the_header_has_exactly_its_members),
        CASE(an_approver_the_configuration_does_not_know_is_refused),
        CASE(a_token_signed_with_another_approvers_key_is_refused),
        CASE(an_approver_cannot_approve_in_the_name_of_another),
        CASE(the_signature_of_one_token_does_not_fit_another),
        CASE(the_payload_has_exactly_its_members),
        CASE(times_are_whole_seconds_in_order),
        CASE(without_approvers_every_token_is_refused),
        CASE(what_an_approver_signs_is_accepted_and_each_token_has_an_id_of_its_own),
        CASE(what_makes_no_sense_is_not_signed),
        CASE(a_digest_is_sha256_in_hex),
        CASE(a_guid_is_random_and_says_that_it_is),
    };

    return cmocka_run_group_tests_name("jws", tests, make_approvers, forget_approvers);
}
