/* SPDX-License-Identifier: Apache-2.0 */
/* A new file is written under another name beside its own, synced, and linked: linking, unlike
 * renaming, fails when the name is taken. */
#include "agent/adapters/private_file.h"

#include "base/memory.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static void string_free(char **string)
{
    memory_free(*string);
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool check_rights(const char *path, int fd, struct failure *why)
{
    struct stat stat;

    if (fstat(fd, &stat) < 0)
        return failure_set(why, FAILURE_INTERNAL, "cannot read %s: %s", path, strerror(errno));
    if (!S_ISREG(stat.st_mode))
        return failure_set(why, FAILURE_INVALID, "cannot read %s: it is not a file", path);
    if (stat.st_mode & 077)
        return failure_set(why, FAILURE_DENIED,
                           "%s holds a private key and others may open it (mode %04o): run "
                           "`chmod 600 %s`, and make a new key if somebody may have read this one",
                           path, (unsigned)(stat.st_mode & 07777), path);
    return true;
}

static bool read_all(const char *path, int fd, struct buffer *out, struct failure *why)
{
    char part[1024];
    size_t total = 0;
    ssize_t size;

    while ((size = read(fd, part, sizeof(part))) > 0 && total <= PRIVATE_FILE_LIMIT) {
        buffer_append(out, (struct text){part, (size_t)size});
        total += (size_t)size;
    }
    wipe(part, sizeof(part));
    if (size < 0)
        return failure_set(why, FAILURE_INTERNAL, "cannot read %s: %s", path, strerror(errno));
    if (total > PRIVATE_FILE_LIMIT)
        return failure_set(why, FAILURE_INVALID, "%s is too long for a key", path);
    return buffer_ok(out) || failure_out_of_memory(why);
}

bool private_file_read(const char *path, struct buffer *out, struct failure *why)
{
    /* Not blocking: a pipe in place of a file must not hold us up. */
    int fd cleanup_with(fd_close) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return failure_set(why, errno == ENOENT ? FAILURE_NOT_FOUND : FAILURE_INTERNAL,
                           "cannot open %s: %s", path, strerror(errno));
    return check_rights(path, fd, why) && read_all(path, fd, out, why);
}

/* ---- making ---------------------------------------------------------------------------------- */

static bool write_all(int fd, struct text content)
{
    while (content.size) {
        ssize_t size = write(fd, content.start, content.size);

        if (size < 0 && errno != EINTR)
            return false;
        if (size > 0)
            content = text_part(content, (size_t)size, content.size);
    }
    return true;
}

static bool fill(const char *path, int fd, struct text content, mode_t mode, struct failure *why)
{
    if (fchmod(fd, mode) == 0 && write_all(fd, content) && fsync(fd) == 0)
        return true;
    return failure_set(why, FAILURE_INTERNAL, "cannot write %s: %s", path, strerror(errno));
}

static bool give_name(const char *path, const char *draft, struct failure *why)
{
    if (link(draft, path) == 0)
        return true;
    if (errno == EEXIST)
        return failure_set(why, FAILURE_CONFLICT, "%s exists and is not overwritten", path);
    return failure_set(why, FAILURE_INTERNAL, "cannot make %s: %s", path, strerror(errno));
}

/* Best effort: not every file system can. */
static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder cleanup_with(string_free) =
        slash ? text_copy((struct text){path, (size_t)(slash - path) + 1}) : text_copy(TEXT("."));
    int fd cleanup_with(fd_close) = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fd >= 0)
        fsync(fd);
}

static bool explain_missing(const char *path, struct failure *why)
{
    const char *slash = strrchr(path, '/');

    if (errno == ENOENT && slash && slash > path)
        return failure_set(why, FAILURE_INTERNAL,
                           "cannot make %s: there is no directory %.*s — create it first", path,
                           (int)(slash - path), path);
    return failure_set(why, FAILURE_INTERNAL, "cannot make %s: %s", path, strerror(errno));
}

bool private_file_make(const char *path, struct text content, mode_t mode, struct failure *why)
{
    char *draft cleanup_with(string_free) = NULL;
    int fd cleanup_with(fd_close) = -1;
    bool ok;

    draft = memory_print("%s.XXXXXX", path);
    if (!draft)
        return failure_out_of_memory(why);
    fd = mkostemp(draft, O_CLOEXEC);
    if (fd < 0)
        return explain_missing(path, why);
    ok = fill(path, fd, content, mode, why) && give_name(path, draft, why);
    unlink(draft);
    if (ok)
        sync_folder(path);
    return ok;
}
