/* SPDX-License-Identifier: Apache-2.0 */
/* Whom an upstream trusts and how it presents itself: files are looked at when it is opened, so
 * that an empty file, a folder in its place or the wrong kind of file is told then and by its name,
 * and not by a TLS library in the middle of a handshake. */
#include "net/trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LIMIT ((size_t)4 << 20)

static bool read_all(int file, struct buffer *out)
{
    char piece[16384];
    ssize_t size;

    while ((size = read(file, piece, sizeof piece)) > 0)
        buffer_append(out, (struct text){piece, (size_t)size});
    explicit_bzero(piece, sizeof piece);
    return size == 0;
}

static bool read_file(const char *what, const char *path, struct buffer *out, struct failure *why)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    bool ok;

    if (file < 0)
        return failure_set(why, FAILURE_INVALID, "%s %s cannot be read: %s", what, path,
                           strerror(errno));
    if (fstat(file, &status) == 0 && S_ISDIR(status.st_mode)) {
        close(file);
        return failure_set(why, FAILURE_INVALID, "%s %s is a folder", what, path);
    }
    ok = read_all(file, out) ||
         failure_set(why, FAILURE_INVALID, "%s %s cannot be read: %s", what, path, strerror(errno));
    close(file);
    if (ok && !buffer_ok(out))
        return failure_set(why, FAILURE_INVALID, "%s %s is larger than 4 MiB", what, path);
    return ok;
}

static bool holds_certificate(struct text pem)
{
    return text_find(pem, TEXT("-----BEGIN CERTIFICATE-----")) != SIZE_MAX ||
           text_find(pem, TEXT("-----BEGIN TRUSTED CERTIFICATE-----")) != SIZE_MAX ||
           text_find(pem, TEXT("-----BEGIN X509 CERTIFICATE-----")) != SIZE_MAX;
}

static bool holds_key(struct text pem)
{
    return text_find(pem, TEXT("PRIVATE KEY-----")) != SIZE_MAX;
}

static bool check(const char *what, const char *path, bool (*holds)(struct text pem),
                  const char *wanted, struct failure *why)
{
    cleanup_with(buffer_clear) struct buffer pem = {.limit = FILE_LIMIT};

    if (!read_file(what, path, &pem, why))
        return false;
    if (!pem.size)
        return failure_set(why, FAILURE_INVALID, "%s %s is empty", what, path);
    return holds(buffer_text(&pem)) ||
           failure_set(why, FAILURE_INVALID, "%s %s holds no %s (PEM)", what, path, wanted);
}

bool trust_check_certificate_file(const char *what, const char *path, struct failure *why)
{
    return check(what, path, holds_certificate, "certificate", why);
}

/* ---- a client certificate and its key -------------------------------------------------------- */

/* Else OpenSSL asks whoever sits at the terminal, and waits. */
static int no_passphrase(char *out, int size, int writes, void *context)
{
    (void)out;
    (void)size;
    (void)writes;
    (void)context;
    return 0;
}

static BIO *bio_of(struct text pem)
{
    return BIO_new_mem_buf(pem.start, (int)pem.size);
}

static EVP_PKEY *read_key(struct text pem)
{
    BIO *bio = bio_of(pem);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

    BIO_free(bio);
    return key;
}

static X509 *read_certificate(struct text pem)
{
    BIO *bio = bio_of(pem);
    X509 *certificate = bio ? PEM_read_bio_X509_AUX(bio, NULL, no_passphrase, NULL) : NULL;

    BIO_free(bio);
    return certificate;
}

static bool is_in_force(const X509 *certificate, const char *name, struct failure *why)
{
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
        return failure_set(why, FAILURE_INVALID,
                           "the client certificate%s has expired, if this machine's clock is right",
                           name);
    return X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0 ||
           failure_set(
               why, FAILURE_INVALID,
               "the client certificate%s is not valid yet, if this machine's clock is right", name);
}

/* The names begin with a blank, or are empty. */
static bool check_pair(struct text cert_pem, const char *cert_name, struct text key_pem,
                       const char *key_name, struct failure *why)
{
    X509 *certificate = read_certificate(cert_pem);
    EVP_PKEY *key = read_key(key_pem);
    bool ok = false;

    if (!certificate)
        failure_set(why, FAILURE_INVALID, "the client certificate%s cannot be read", cert_name);
    else if (!key && text_find(key_pem, TEXT("ENCRYPTED")) != SIZE_MAX)
        failure_set(why, FAILURE_INVALID,
                    "the client key%s is locked by a passphrase, which a program cannot give",
                    key_name);
    else if (!key)
        failure_set(why, FAILURE_INVALID, "the client key%s cannot be read", key_name);
    else if (X509_check_private_key(certificate, key) != 1)
        failure_set(why, FAILURE_INVALID,
                    "the client key%s is not the key of the client certificate%s", key_name,
                    cert_name);
    else
        ok = is_in_force(certificate, cert_name, why);
    X509_free(certificate);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return ok;
}

bool trust_check_pair(struct text cert_pem, struct text key_pem, struct failure *why)
{
    return check_pair(cert_pem, "", key_pem, "", why);
}

bool trust_check_pair_of_files(const char *cert_file, const char *key_file, struct failure *why)
{
    cleanup_with(buffer_clear) struct buffer cert = {.limit = FILE_LIMIT};
    cleanup_with(buffer_clear) struct buffer key = {.limit = FILE_LIMIT};
    char cert_name[300], key_name[300];

    snprintf(cert_name, sizeof cert_name, " %s", cert_file);
    snprintf(key_name, sizeof key_name, " %s", key_file);
    return check("the client certificate", cert_file, holds_certificate, "certificate", why) &&
           check("the client key", key_file, holds_key, "private key", why) &&
           read_file("the client certificate", cert_file, &cert, why) &&
           read_file("the client key", key_file, &key, why) &&
           check_pair(buffer_text(&cert), cert_name, buffer_text(&key), key_name, why);
}

/* ---- authorities ----------------------------------------------------------------------------- */

static bool gather_file(const char *path, struct buffer *pem, struct failure *why)
{
    return trust_check_certificate_file("the CA file", path, why) &&
           read_file("the CA file", path, pem, why) && buffer_append_byte(pem, '\n');
}

/* Files that hold no certificate are passed over, as OpenSSL does with such folders. */
static bool gather_folder(const char *folder, struct buffer *pem, struct failure *why)
{
    DIR *entries = opendir(folder);
    struct dirent *entry;
    bool found = false;

    if (!entries)
        return failure_set(why, FAILURE_INVALID, "the CA folder %s cannot be read: %s", folder,
                           strerror(errno));
    while ((entry = readdir(entries))) {
        cleanup_with(buffer_clear) struct buffer file = {.limit = FILE_LIMIT};
        char path[4096];

        if (entry->d_name[0] == '.' ||
            (size_t)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= sizeof path)
            continue;
        if (!read_file("", path, &file, NULL) || !holds_certificate(buffer_text(&file)))
            continue;
        found = true;
        buffer_append(pem, buffer_text(&file));
        buffer_append_byte(pem, '\n');
    }
    closedir(entries);
    return found || failure_set(why, FAILURE_INVALID,
                                "the CA folder %s holds no file with a certificate (PEM)", folder);
}

bool trust_gather(const char *file, const char *folder, struct text given, struct buffer *pem,
                  struct failure *why)
{
    pem->limit = FILE_LIMIT;
    if (file && !gather_file(file, pem, why))
        return false;
    if (folder && !gather_folder(folder, pem, why))
        return false;
    if (given.size && !holds_certificate(given))
        return failure_set(why, FAILURE_INVALID,
                           "the CA certificates that were given as text hold none (PEM)");
    buffer_append(pem, given);
    return buffer_ok(pem) ||
           failure_set(why, FAILURE_INVALID, "there are more than 4 MiB of CA certificates");
}
