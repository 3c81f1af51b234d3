/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a certificate and its key. Of several certificates in a PEM file the one the key belongs
 * to is ours, the others are its chain. OpenSSL's own error texts are not shown: they name places
 * in its source, and each thing that can be wrong with such a file has a plain sentence here. */
#include "azureclient/certificate.h"
#include "azureclient/credential.h"
#include "base/moment.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <string.h>
#include <time.h>

void certificate_clear(struct certificate *certificate)
{
    EVP_PKEY_free(certificate->key);
    X509_free(certificate->leaf);
    sk_X509_pop_free(certificate->chain, X509_free);
    *certificate = (struct certificate){0};
}

/* ---- PEM ------------------------------------------------------------------------------------- */

/* Without this OpenSSL asks the terminal. */
static int give_password(char *out, int size, int writing, void *context)
{
    const struct secret *secret = context;
    struct text password = secret ? secret_reveal(secret) : (struct text){0};

    (void)writing;
    if (!secret || size < 0 || password.size > (size_t)size)
        return -1;
    memcpy(out, password.start, password.size);
    return (int)password.size;
}

static bool read_pem_certificates(struct text pem, STACK_OF(X509) * found)
{
    BIO *bio = pem.size <= INT_MAX ? BIO_new_mem_buf(pem.start, (int)pem.size) : NULL;
    X509 *one;

    while (bio && (one = PEM_read_bio_X509(bio, NULL, give_password, NULL))) {
        if (!sk_X509_push(found, one)) {
            X509_free(one);
            BIO_free(bio);
            return false;
        }
    }
    BIO_free(bio);
    return bio;
}

static bool read_pem_key(struct text pem, const char *file, const struct secret *password,
                         EVP_PKEY **ret, struct failure *why)
{
    BIO *bio = pem.size <= INT_MAX ? BIO_new_mem_buf(pem.start, (int)pem.size) : NULL;
    bool is_encrypted = text_find(pem, TEXT("ENCRYPTED")) != SIZE_MAX;

    if (!bio)
        return failure_out_of_memory(why);
    if (text_find(pem, TEXT("PRIVATE KEY-----")) == SIZE_MAX) {
        BIO_free(bio);
        return failure_set(why, FAILURE_INVALID, "%s holds no private key", file);
    }
    /* A cast away of const: OpenSSL's callbacks take one kind of pointer. */
    *ret = PEM_read_bio_PrivateKey(bio, NULL, give_password, (void *)(uintptr_t)password);
    BIO_free(bio);
    if (*ret)
        return true;
    if (is_encrypted && !password)
        return failure_set(why, FAILURE_INVALID,
                           "the private key in %s is encrypted and no password is set", file);
    return failure_set(why, FAILURE_INVALID,
                       is_encrypted ? "the password for the private key in %s is wrong"
                                    : "the private key in %s cannot be read",
                       file);
}

/* Takes the certificate the key belongs to out of the others. */
static bool take_leaf(struct certificate *certificate)
{
    for (int i = 0; i < sk_X509_num(certificate->chain); i++) {
        if (X509_check_private_key(sk_X509_value(certificate->chain, i), certificate->key) != 1)
            continue;
        certificate->leaf = sk_X509_delete(certificate->chain, i);
        return true;
    }
    return false;
}

static bool read_key_file(const char *key_file, const struct secret *password, EVP_PKEY **ret,
                          struct failure *why)
{
    cleanup_with(buffer_clear) struct buffer contents = {.limit = CREDENTIAL_FILE_LIMIT};

    return credential_read_file(key_file, "key file of the certificate", &contents, why) &&
           read_pem_key(buffer_text(&contents), key_file, password, ret, why);
}

static bool read_pem(struct text pem, const char *file, const char *key_file,
                     const struct secret *password, struct certificate *ret, struct failure *why)
{
    ret->chain = sk_X509_new_null();
    if (!ret->chain || !read_pem_certificates(pem, ret->chain))
        return failure_out_of_memory(why);
    if (!sk_X509_num(ret->chain))
        return failure_set(why, FAILURE_INVALID, "%s holds no certificate", file);
    if (!key_file && text_find(pem, TEXT("PRIVATE KEY-----")) == SIZE_MAX)
        return failure_set(why, FAILURE_INVALID, "%s holds a certificate but not its private key",
                           file);
    if (!(key_file ? read_key_file(key_file, password, &ret->key, why)
                   : read_pem_key(pem, file, password, &ret->key, why)))
        return false;
    return take_leaf(ret) ||
           failure_set(why, FAILURE_INVALID, "the private key in %s does not belong to %s in %s",
                       key_file ? key_file : file,
                       sk_X509_num(ret->chain) > 1 ? "any certificate" : "the certificate", file);
}

/* ---- PKCS#12 --------------------------------------------------------------------------------- */

/* Files without a password have it empty or absent, depending on who wrote them. */
static bool has_password(PKCS12 *archive, const char **password, struct text given)
{
    if (given.start) {
        *password = given.start;
        return PKCS12_verify_mac(archive, given.start, (int)given.size);
    }
    *password = "";
    if (!PKCS12_mac_present(archive) || PKCS12_verify_mac(archive, "", 0))
        return true;
    *password = NULL;
    return PKCS12_verify_mac(archive, NULL, 0);
}

static bool open_archive(PKCS12 *archive, const char *file, const struct secret *secret,
                         struct certificate *ret, struct failure *why)
{
    struct text given = secret ? secret_reveal(secret) : (struct text){0};
    const char *password;

    if (!has_password(archive, &password, given))
        return failure_set(why, FAILURE_INVALID,
                           secret ? "the password for the PKCS#12 file %s is wrong"
                                  : "the PKCS#12 file %s needs a password and none is set",
                           file);
    if (!PKCS12_parse(archive, password, &ret->key, &ret->leaf, &ret->chain))
        return failure_set(why, FAILURE_INVALID,
                           "the PKCS#12 file %s cannot be decrypted (is it encrypted with RC2? "
                           "export it again with AES)",
                           file);
    if (!ret->key)
        return failure_set(why, FAILURE_INVALID, "%s holds a certificate but not its private key",
                           file);
    return ret->leaf ||
           failure_set(why, FAILURE_INVALID,
                       "the private key in %s does not belong to a certificate there", file);
}

static bool read_archive(struct text bytes, const char *file, const char *key_file,
                         const struct secret *password, struct certificate *ret,
                         struct failure *why)
{
    const unsigned char *at = (const unsigned char *)bytes.start;
    PKCS12 *archive = d2i_PKCS12(NULL, &at, (long)bytes.size);
    bool ok;

    if (!archive)
        return failure_set(why, FAILURE_INVALID, "%s is neither PEM nor PKCS#12", file);
    ok = key_file ? failure_set(why, FAILURE_INVALID,
                                "%s is PKCS#12, which holds its key itself: a key file makes no "
                                "sense with it",
                                file)
                  : open_archive(archive, file, password, ret, why);
    PKCS12_free(archive);
    return ok;
}

/* ---- what Entra would not take --------------------------------------------------------------- */

static int64_t instant_of(const ASN1_TIME *time)
{
    struct tm calendar = {0};

    return ASN1_TIME_to_tm(time, &calendar) ? (int64_t)timegm(&calendar) * 1000 : 0;
}

static bool is_usable(const struct certificate *certificate, const char *file, int64_t now_at,
                      struct failure *why)
{
    int64_t until = instant_of(X509_get0_notAfter(certificate->leaf));
    int64_t from = instant_of(X509_get0_notBefore(certificate->leaf));
    char date[INSTANT_SIZE];

    instant_format(until <= now_at ? until : from, date);
    if (until <= now_at)
        return failure_set(why, FAILURE_INVALID, "the certificate in %s expired on %s", file, date);
    if (from > now_at)
        return failure_set(why, FAILURE_INVALID,
                           "the certificate in %s is valid only from %s on (is the clock right?)",
                           file, date);
    return EVP_PKEY_is_a(certificate->key, "RSA") ||
           failure_set(why, FAILURE_INVALID,
                       "the key of the certificate in %s is not RSA, which Entra demands", file);
}

bool certificate_read(const char *file, const char *key_file, const struct secret *password,
                      int64_t now_at, struct certificate *ret, struct failure *why)
{
    cleanup_with(buffer_clear) struct buffer contents = {.limit = CREDENTIAL_FILE_LIMIT};
    struct certificate fresh = {0};
    struct text bytes;
    bool ok;

    if (!credential_read_file(file, "certificate file", &contents, why))
        return false;
    bytes = buffer_text(&contents);
    ok = (text_find(bytes, TEXT("-----BEGIN ")) != SIZE_MAX
              ? read_pem(bytes, file, key_file, password, &fresh, why)
              : read_archive(bytes, file, key_file, password, &fresh, why)) &&
         is_usable(&fresh, file, now_at, why);
    ERR_clear_error();
    if (ok)
        *ret = fresh;
    else
        certificate_clear(&fresh);
    return ok;
}
