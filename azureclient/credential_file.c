/* SPDX-License-Identifier: Apache-2.0 */
/* Files with secrets in them. */
#include "azureclient/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool read_all(int fd, struct buffer *out)
{
    char part[4096];
    ssize_t size;

    while ((size = read(fd, part, sizeof(part))) > 0 && buffer_ok(out))
        buffer_append(out, (struct text){part, (size_t)size});
    wipe(part, sizeof(part));
    return size >= 0;
}

static bool cannot_read(const char *path, const char *what, struct failure *why)
{
    return failure_set(why, FAILURE_INVALID, "cannot read the %s %s: %s", what, path,
                       strerror(errno));
}

bool credential_read_open(int fd, const char *path, const char *what, struct buffer *out,
                          struct failure *why)
{
    if (!read_all(fd, out))
        return cannot_read(path, what, why);
    return buffer_ok(out) || failure_set(why, FAILURE_INVALID, "the %s %s is larger than %zu KiB",
                                         what, path, out->limit >> 10);
}

bool credential_read_file(const char *path, const char *what, struct buffer *out,
                          struct failure *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool ok;

    if (fd < 0)
        return cannot_read(path, what, why);
    ok = credential_read_open(fd, path, what, out, why);
    close(fd);
    return ok;
}

struct secret *credential_read_secret(const char *path, const char *what, struct failure *why)
{
    cleanup_with(buffer_clear) struct buffer contents = {.limit = CREDENTIAL_FILE_LIMIT};
    struct secret *secret;
    struct text value;

    if (!credential_read_file(path, what, &contents, why))
        return NULL;
    value = text_trim(buffer_text(&contents));
    if (!value.size) {
        failure_set(why, FAILURE_INVALID, "the %s %s is empty", what, path);
        return NULL;
    }
    secret = secret_new(value);
    if (!secret)
        failure_out_of_memory(why);
    return secret;
}
