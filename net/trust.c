/* SPDX-License-Identifier: Apache-2.0 */
/* Whom an upstream trusts and how it presents itself: files are looked at when it is opened, so
 * that an empty file, a folder in its place or the wrong kind of file is told then and by its name,
 * and not by a TLS library in the middle of a handshake. */
#include "net/trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

bool trust_check_key_file(const char *what, const char *path, struct failure *why)
{
    return check(what, path, holds_key, "private key", why);
}

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
