/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in by client certificate: what is sent is verified with the public key, and each way in
 * which such a file can be wrong has a sentence of its own. */
#include "base/buffer.h"
#include "net/json.h"
#include "tests/support/test.h"
#include "tests/unit/azureclient/certificates.h"
#include "tests/unit/azureclient/fake_azure.h"

#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PASSWORD     "canary-p12-password"
#define A_DAY        86400L
#define ASSERTION    "&client_assertion="

static const struct fake_step steps[] = {
    {"POST /token", 200, FAKE_TOKEN},
    {"POST /listKeys", 200, "{\"primaryKey\":\"canary-a\",\"secondaryKey\":\"canary-b\"}"},
    {"GET /swin", 401, .times = 1},
};

static struct fake fake;
static EVP_PKEY *key, *other_key, *ec_key;
static X509 *issuer, *leaf, *other;
static char dir[64], file[128], key_file[128], password_file[128];
static struct secret *password;

/* What the next client is given. */
static struct {
    bool key_file, password, password_file, rs256, chain;
} with;

static void by_certificate(struct azure_settings *settings, struct fake *unused)
{
    struct azure_credential *credential = &settings->credential;

    (void)unused;
    credential->method = AZURE_CREDENTIAL_CLIENT_CERTIFICATE;
    credential->client_secret = NULL;
    credential->certificate_file = file;
    credential->certificate_key_file = with.key_file ? key_file : NULL;
    credential->certificate_password = with.password ? password : NULL;
    credential->certificate_password_file = with.password_file ? password_file : NULL;
    credential->sign_with_rs256 = with.rs256;
    credential->send_certificate_chain = with.chain;
}

static void list_keys(void)
{
    fake_open(&fake, steps, COUNT(steps), by_certificate);
    fake_list_keys(&fake);
}

static void start(void)
{
    memset(&with, 0, sizeof(with));
    certificates_write(file, "");
    certificates_write(key_file, "");
    certificates_write(password_file, PASSWORD "\n");
}

/* ---- reading what was sent ------------------------------------------------------------------- */

static struct assertion {
    json_t *header, *claims;
    char *signed_part;
    struct buffer signature;
} sent;

static json_t *decode(struct text part)
{
    struct buffer out = {.limit = 1 << 20};
    json_t *json;

    assert_true(buffer_append_base64_decoded(&out, part));
    json = json_read_object(buffer_text(&out), NULL);
    assert_non_null(json);
    buffer_clear(&out);
    return json;
}

static void forget(void)
{
    json_decref(sent.header);
    json_decref(sent.claims);
    free(sent.signed_part);
    buffer_clear(&sent.signature);
    memset(&sent, 0, sizeof(sent));
}

static void read_sent(void)
{
    const char *form = fake_last(&fake, "POST /token")->body;
    const char *at = strstr(form, ASSERTION);
    struct text rest, header = {0}, claims = {0};

    forget();
    assert_non_null(at);
    rest = text_of(at + sizeof(ASSERTION) - 1);
    assert_true(text_find(rest, TEXT("&")) == SIZE_MAX && text_find(rest, TEXT("%")) == SIZE_MAX);
    sent.signed_part = text_copy(rest);
    *strrchr(sent.signed_part, '.') = '\0';
    assert_true(text_split(&rest, '.', &header) && text_split(&rest, '.', &claims));
    sent.header = decode(header);
    sent.claims = decode(claims);
    buffer_init(&sent.signature, 4096);
    assert_true(buffer_append_base64_decoded(&sent.signature, rest));
}

static bool verifies_with(EVP_PKEY *public_key, bool is_pss)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    EVP_PKEY_CTX *padding;
    bool ok;

    assert_int_equal(EVP_DigestVerifyInit(digest, &padding, EVP_sha256(), NULL, public_key), 1);
    if (is_pss) {
        EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, 32);
    }
    ok = EVP_DigestVerify(digest, (const unsigned char *)sent.signature.start, sent.signature.size,
                          (const unsigned char *)sent.signed_part, strlen(sent.signed_part)) == 1;
    EVP_MD_CTX_free(digest);
    return ok;
}

static void assert_thumbprint_of(X509 *certificate)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct buffer expected = {.limit = 100};
    unsigned size;

    X509_digest(certificate, EVP_sha256(), digest, &size);
    buffer_append_base64url(&expected, (struct text){(const char *)digest, size});
    assert_true(text_equal(json_text_at(sent.header, "x5t#S256"), buffer_text(&expected)));
    buffer_clear(&expected);
}

static void assert_in_chain(size_t at, X509 *certificate)
{
    const char *text = json_string_value(json_array_get(json_object_get(sent.header, "x5c"), at));
    struct buffer der = {.limit = 8192};
    unsigned char *expected = NULL;
    int size = i2d_X509(certificate, &expected);

    assert_non_null(text);
    assert_true(buffer_append_base64_decoded(&der, text_of(text)));
    assert_int_equal(der.size, size);
    assert_memory_equal(der.start, expected, der.size);
    OPENSSL_free(expected);
    buffer_clear(&der);
}

static void assert_signed_in(X509 *certificate, EVP_PKEY *with_key)
{
    list_keys();
    fake_assert_ok(&fake);
    read_sent();
    assert_thumbprint_of(certificate);
    assert_true(verifies_with(with_key, !with.rs256));
    fake_close(&fake);
}

/* ---- what is sent ---------------------------------------------------------------------------- */

TEST(the_assertion_is_signed_with_ps256_and_says_who_whom_and_how_long)
{
    char audience[128];
    int64_t now_s;

    start();
    certificates_add_key(file, key, NULL);
    certificates_add(file, leaf);
    list_keys();
    now_s = time(NULL);
    fake_assert_ok(&fake);
    assert_non_null(strstr(
        fake_last(&fake, "POST /contoso.example/oauth2/v2.0/token")->body,
        "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"));
    read_sent();
    assert_string_equal(json_text_at(sent.header, "alg").start, "PS256");
    assert_string_equal(json_text_at(sent.header, "typ").start, "JWT");
    assert_null(json_object_get(sent.header, "x5c"));
    assert_thumbprint_of(leaf);
    assert_true(verifies_with(key, true));
    assert_false(verifies_with(other_key, true));
    snprintf(audience, sizeof(audience), "%s/contoso.example/oauth2/v2.0/token", fake.origin);
    assert_string_equal(json_text_at(sent.claims, "aud").start, audience);
    assert_string_equal(json_text_at(sent.claims, "iss").start, "app-1");
    assert_string_equal(json_text_at(sent.claims, "sub").start, "app-1");
    assert_int_equal(json_text_at(sent.claims, "jti").size, 36);
    assert_true(json_integer_at(sent.claims, "nbf", INT64_MAX) <= now_s);
    assert_int_equal(json_integer_at(sent.claims, "iat", 0),
                     json_integer_at(sent.claims, "nbf", 1));
    assert_int_equal(json_integer_at(sent.claims, "exp", 0),
                     json_integer_at(sent.claims, "nbf", 1) + 600);
    fake_close(&fake);
}

TEST(rs256_is_there_for_who_wants_it)
{
    start();
    certificates_add(file, leaf);
    certificates_add_key(file, key, NULL);
    with.rs256 = true;
    assert_signed_in(leaf, key);
    assert_string_equal(json_text_at(sent.header, "alg").start, "RS256");
}

TEST(the_chain_goes_along_when_asked_for_and_the_leaf_is_the_one_with_the_key)
{
    start();
    certificates_add_key(file, key, NULL);
    certificates_add(file, issuer);
    certificates_add(file, leaf);
    with.chain = true;
    assert_signed_in(leaf, key);
    assert_int_equal(json_array_size(json_object_get(sent.header, "x5c")), 2);
    assert_in_chain(0, leaf);
    assert_in_chain(1, issuer);
}

TEST(the_key_may_have_a_file_of_its_own)
{
    start();
    certificates_add(file, leaf);
    certificates_add_key(key_file, key, NULL);
    with.key_file = true;
    assert_signed_in(leaf, key);
}

TEST(an_encrypted_key_is_opened_with_the_password)
{
    start();
    certificates_add(file, leaf);
    certificates_add_key(file, key, PASSWORD);
    with.password = true;
    assert_signed_in(leaf, key);
}

TEST(pkcs12_is_opened_with_a_password_from_memory_or_a_file_or_none)
{
    start();
    with.chain = true;
    certificates_write_archive(file, PASSWORD, key, leaf, issuer);
    with.password = true;
    assert_signed_in(leaf, key);
    assert_in_chain(0, leaf);
    assert_in_chain(1, issuer);
    with.password = false;
    with.password_file = true;
    assert_signed_in(leaf, key);
    with.password_file = false;
    certificates_write_archive(file, NULL, key, leaf, NULL);
    assert_signed_in(leaf, key);
    certificates_write_archive(file, "", key, leaf, NULL);
    assert_signed_in(leaf, key);
}

TEST(the_file_is_read_again_for_each_token_and_no_assertion_is_sent_twice)
{
    char first[37];

    start();
    certificates_add(file, leaf);
    certificates_add_key(file, key, NULL);
    list_keys();
    read_sent();
    snprintf(first, sizeof(first), "%s", json_text_at(sent.claims, "jti").start);
    certificates_write(file, "");
    certificates_add(file, other);
    certificates_add_key(file, other_key, NULL);
    fake_get(&fake); /* the 401 asks for another token */
    assert_int_equal(fake_count(&fake, "POST /token"), 2);
    read_sent();
    assert_thumbprint_of(other);
    assert_true(verifies_with(other_key, true));
    assert_string_not_equal(json_text_at(sent.claims, "jti").start, first);
    fake_close(&fake);
}

/* ---- what is wrong --------------------------------------------------------------------------- */

static void assert_refused(const char *words)
{
    list_keys();
    FAKE_FAILED(&fake, FAILURE_INVALID, "cannot list the keys of swin", file, words);
    if (strstr(fake.failure.text, "KEY-----") || strstr(fake.failure.text, "error:"))
        fail_msg("%s", fake.failure.text);
    assert_int_equal(fake.request_count, 0);
    fake_close(&fake);
}

TEST(a_password_that_is_wrong_or_missing_is_said)
{
    start();
    certificates_write_archive(file, PASSWORD "2", key, leaf, NULL);
    assert_refused("needs a password and none is set");
    with.password = true;
    assert_refused("the password for the PKCS#12 file");
    with.password = false;
    certificates_write(file, "");
    certificates_add(file, leaf);
    certificates_add_key(file, key, PASSWORD "2");
    assert_refused("is encrypted and no password is set");
    with.password = true;
    assert_refused("the password for the private key in");
}

TEST(a_certificate_without_its_key_is_said)
{
    start();
    certificates_add(file, leaf);
    assert_refused("holds a certificate but not its private key");
    with.key_file = true;
    list_keys();
    FAKE_FAILED(&fake, FAILURE_INVALID, key_file, "holds no private key");
    fake_close(&fake);
    with.key_file = false;
    certificates_write_archive(file, NULL, NULL, leaf, NULL);
    assert_refused("holds a certificate but not its private key");
}

TEST(a_key_of_another_certificate_is_said)
{
    start();
    certificates_add(file, leaf);
    certificates_add_key(file, other_key, NULL);
    assert_refused("does not belong to the certificate");
    certificates_add(file, issuer);
    assert_refused("does not belong to any certificate");
}

TEST(a_certificate_out_of_its_time_is_said_with_the_date)
{
    X509 *expired = certificates_make(key, NULL, NULL, -9 * A_DAY, -A_DAY);
    X509 *early = certificates_make(key, NULL, NULL, A_DAY, 9 * A_DAY);

    start();
    certificates_add(file, expired);
    certificates_add_key(file, key, NULL);
    assert_refused("expired on 20");
    certificates_write(file, "");
    certificates_add(file, early);
    certificates_add_key(file, key, NULL);
    assert_refused("is valid only from 20");
    X509_free(expired);
    X509_free(early);
}

TEST(a_key_that_is_not_rsa_is_said)
{
    X509 *certificate = certificates_make(ec_key, NULL, NULL, -A_DAY, A_DAY);

    start();
    certificates_add(file, certificate);
    certificates_add_key(file, ec_key, NULL);
    assert_refused("is not RSA");
    X509_free(certificate);
}

TEST(a_file_that_is_something_else_is_said)
{
    static char large[70 << 10];

    start();
    assert_refused("is neither PEM nor PKCS#12");
    certificates_write(file, "canary-not-a-certificate");
    assert_refused("is neither PEM nor PKCS#12");
    certificates_write(file, "-----BEGIN CERTIFICATE-----\ncanary\n-----END CERTIFICATE-----\n");
    assert_refused("holds no certificate");
    certificates_write(file, "");
    certificates_add_key(file, key, NULL);
    assert_refused("holds no certificate");
    memset(large, 'x', sizeof(large) - 1);
    certificates_write(file, large);
    assert_refused("is larger than 64 KiB");
    certificates_write_archive(file, NULL, key, leaf, NULL);
    with.key_file = true;
    assert_refused("a key file makes no sense");
}

TEST(a_file_that_cannot_be_read_is_said)
{
    start();
    unlink(file);
    assert_refused("No such file");
    assert_int_equal(mkdir(file, 0700), 0);
    assert_refused("Is a directory");
    rmdir(file);
}

TEST(what_is_mended_works_at_the_next_try)
{
    start();
    list_keys();
    FAKE_FAILED(&fake, FAILURE_INVALID, "neither PEM");
    certificates_add(file, leaf);
    certificates_add_key(file, key, NULL);
    fake_list_keys(&fake);
    fake_assert_ok(&fake);
    fake_close(&fake);
}

TEST(entra_s_refusal_does_not_quote_the_assertion)
{
    static char body[8192];
    struct fake_step refused[] = {{"POST /token", 400, body}};

    start();
    certificates_add(file, leaf);
    certificates_add_key(file, key, NULL);
    list_keys();
    snprintf(body, sizeof(body),
             "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS1: was sent %s\"}",
             strstr(fake_last(&fake, "POST /token")->body, ASSERTION) + sizeof(ASSERTION) - 1);
    fake_close(&fake);
    fake_open(&fake, refused, 1, by_certificate);
    fake_list_keys(&fake);
    FAKE_FAILED(&fake, FAILURE_DENIED, "AADSTS1: was sent [token]");
    assert_null(strstr(fake.failure.text, "eyJ"));
    fake_close(&fake);
}

/* ---- all ------------------------------------------------------------------------------------- */

static void open_all(void)
{
    strcpy(dir, "/tmp/azureclient-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof(file), "%s/app", dir);
    snprintf(key_file, sizeof(key_file), "%s/key", dir);
    snprintf(password_file, sizeof(password_file), "%s/password", dir);
    password = secret_new(TEXT(PASSWORD));
    key = certificates_rsa_key();
    other_key = certificates_rsa_key();
    ec_key = certificates_ec_key();
    issuer = certificates_make(ec_key, NULL, NULL, -A_DAY, A_DAY);
    leaf = certificates_make(key, issuer, ec_key, -A_DAY, A_DAY);
    other = certificates_make(other_key, NULL, NULL, -A_DAY, A_DAY);
}

static void close_all(void)
{
    forget();
    unlink(file);
    unlink(key_file);
    unlink(password_file);
    rmdir(dir);
    secret_free(password);
    X509_free(issuer);
    X509_free(leaf);
    X509_free(other);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other_key);
    EVP_PKEY_free(ec_key);
}

int main(void)
{
    int failed;

    open_all();
    failed =
        RUN(CASE(the_assertion_is_signed_with_ps256_and_says_who_whom_and_how_long),
            CASE(rs256_is_there_for_who_wants_it),
            CASE(the_chain_goes_along_when_asked_for_and_the_leaf_is_the_one_with_the_key),
            CASE(the_key_may_have_a_file_of_its_own),
            CASE(an_encrypted_key_is_opened_with_the_password),
            CASE(pkcs12_is_opened_with_a_password_from_memory_or_a_file_or_none),
            CASE(the_file_is_read_again_for_each_token_and_no_assertion_is_sent_twice),
            CASE(a_password_that_is_wrong_or_missing_is_said),
            CASE(a_certificate_without_its_key_is_said), CASE(a_key_of_another_certificate_is_said),
            CASE(a_certificate_out_of_its_time_is_said_with_the_date),
            CASE(a_key_that_is_not_rsa_is_said), CASE(a_file_that_is_something_else_is_said),
            CASE(a_file_that_cannot_be_read_is_said), CASE(what_is_mended_works_at_the_next_try),
            CASE(entra_s_refusal_does_not_quote_the_assertion));
    close_all();
    return failed;
}
