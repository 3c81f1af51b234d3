/* SPDX-License-Identifier: Apache-2.0 */
/* Fetches a secret from its place, each time anew: who rotates a file need not tell us. */
#include "agent/adapters/config.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool read_into(int fd, struct buffer *out, int *error)
{
    char bytes[4096];
    ssize_t size;

    while ((size = read(fd, bytes, sizeof(bytes))) != 0) {
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 || !buffer_append(out, (struct text){bytes, (size_t)size})) {
            *error = size < 0 ? errno : out->size + (size_t)size > out->limit ? EFBIG : ENOMEM;
            break;
        }
    }
    wipe(bytes, sizeof(bytes));
    return size == 0;
}

static struct secret *from_text(struct text text, const char *what, const char *place,
                                const char *name, struct failure *why)
{
    struct secret *secret;

    if (!text.size) {
        failure_set(why, FAILURE_INVALID, "%s: %s %s is empty", what, place, name);
        return NULL;
    }
    secret = secret_new(text);
    if (!secret)
        failure_out_of_memory(why);
    return secret;
}

static struct secret *from_file(const char *path, const char *what, struct failure *why)
{
    struct buffer content;
    struct text text;
    struct secret *secret = NULL;
    int error = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0) {
        failure_set(why, errno == ENOENT ? FAILURE_NOT_FOUND : FAILURE_INVALID,
                    "%s: cannot open %s: %s", what, path, strerror(errno));
        return NULL;
    }
    buffer_init(&content, SECRET_LIMIT);
    if (read_into(fd, &content, &error)) {
        text = buffer_text(&content);
        if (text_ends_with(text, TEXT("\n")))
            text.size--;
        if (text_ends_with(text, TEXT("\r")) && text.size < content.size)
            text.size--;
        secret = from_text(text, what, "file", path, why);
    } else {
        failure_set(why, error == EFBIG ? FAILURE_TOO_LARGE : FAILURE_INVALID,
                    "%s: cannot read %s: %s", what, path, strerror(error));
    }
    buffer_clear(&content);
    close(fd);
    return secret;
}

static struct secret *from_credential(const char *name, const char *what, struct failure *why)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    struct secret *secret;
    char *path;

    if (!folder || *folder != '/') {
        failure_set(why, FAILURE_INVALID,
                    "%s: credential %s: CREDENTIALS_DIRECTORY is not set to a folder", what, name);
        return NULL;
    }
    path = memory_print("%s/%s", folder, name);
    if (!path) {
        failure_out_of_memory(why);
        return NULL;
    }
    secret = from_file(path, what, why);
    memory_free(path);
    return secret;
}

struct secret *config_secret_read(const struct config_secret *secret, const char *what,
                                  struct failure *why)
{
    const char *value;

    switch (secret->place) {
    case CONFIG_FILE:
        return from_file(secret->name, what, why);
    case CONFIG_CREDENTIAL:
        return from_credential(secret->name, what, why);
    case CONFIG_ENV:
        value = getenv(secret->name);
        if (value)
            return from_text(text_of(value), what, "variable", secret->name, why);
        failure_set(why, FAILURE_NOT_FOUND, "%s: the variable %s is not set", what, secret->name);
        return NULL;
    case CONFIG_NOWHERE:
        break;
    }
    failure_set(why, FAILURE_INVALID, "%s: the configuration does not say where it is kept", what);
    return NULL;
}
