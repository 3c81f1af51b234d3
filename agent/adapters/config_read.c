/* SPDX-License-Identifier: Apache-2.0 */
/* From a file to a struct config. Everything the configuration holds lives in one pool behind it;
 * the tree of the file is gone, and its memory given back, before the reader returns. */
#include "agent/adapters/config_reader.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROBLEMS_LIMIT ((size_t)2 << 20)

static const struct report_place start_of_file = {1, 1};

struct owned_config {
    struct config config; /* first: config_free() comes back from it */
    struct pool pool;
};

struct config *config_free(struct config *config)
{
    struct owned_config *owned = (struct owned_config *)(void *)config;

    if (owned)
        pool_clear(&owned->pool);
    memory_free(owned);
    return NULL;
}

/* Not realpath(): a mounted configuration is a symbolic link, and what stands beside the link
 * counts. */
static char *absolute_path(const char *path)
{
    char folder[PATH_MAX];

    if (*path == '/')
        return memory_string(path);
    if (!getcwd(folder, sizeof folder))
        return NULL;
    return memory_print("%s/%s", folder[1] ? folder : "", path);
}

static void fill(struct owned_config *owned, const char *path, const struct config_node *top,
                 struct report *report)
{
    char *absolute = absolute_path(path);
    char *folder = absolute ? memory_string(absolute) : NULL;
    char *slash = folder ? strrchr(folder, '/') : NULL;
    struct reader reader = {.report = report, .pool = &owned->pool, .folder = folder};

    if (slash) {
        slash[slash == folder] = '\0'; /* the root keeps its slash */
        owned->config.path = keep(&reader, text_of(absolute));
        read_map(&reader, &config_top, top, &owned->config);
        check_whole(&reader, top, &owned->config);
    } else {
        report_out_of_memory(report);
    }
    pool_seal(&owned->pool);
    memory_free(folder);
    memory_free(absolute);
}

/* What it returns counts only when nothing was reported: finish() sees to that. */
static struct config *build(const char *path, struct text yaml, struct report *report)
{
    struct pool tree = {0};
    const struct config_node *top = tree_read(yaml, &tree, report);
    struct owned_config *owned = top ? memory_zeroed(1, sizeof(*owned)) : NULL;

    if (owned)
        fill(owned, path, top, report);
    else if (top)
        report_out_of_memory(report);
    pool_clear(&tree);
    return owned ? &owned->config : NULL;
}

/* ---- the file -------------------------------------------------------------------------------- */

static void check_permissions(const struct stat *status, struct report *report)
{
    unsigned mode = status->st_mode & 07777u;

    if (!S_ISREG(status->st_mode))
        return;
    if (mode & S_IWOTH)
        report_error(report, start_of_file,
                     "others may write to this file (mode %04o), and so say what is written where: "
                     "chmod go-w",
                     mode);
    /* No error: where each user has a group of their own, umask 002 is common. */
    else if (mode & S_IWGRP)
        report_warning(report, start_of_file,
                       "its group may write to this file (mode %04o), and so say what is written "
                       "where: chmod 600",
                       mode);
    else if (mode & (S_IRWXG | S_IRWXO))
        report_warning(report, start_of_file, "others may read this file (mode %04o): chmod 600",
                       mode);
}

static bool read_all(int fd, struct buffer *out, struct report *report)
{
    char bytes[16384];
    ssize_t size;

    while ((size = read(fd, bytes, sizeof(bytes))) != 0) {
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0) {
            report_error(report, start_of_file, "cannot be read: %s", strerror(errno));
            return false;
        }
        if (!buffer_append(out, (struct text){bytes, (size_t)size})) {
            if (out->size + (size_t)size > out->limit)
                report_error(report, start_of_file, "the file is larger than %zu MiB",
                             CONFIG_FILE_LIMIT >> 20);
            else
                report_out_of_memory(report);
            return false;
        }
    }
    return true;
}

static bool read_file(const char *path, struct buffer *out, struct report *report)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    bool is_read = false;

    if (fd < 0) {
        report_error(report, start_of_file, "cannot be opened: %s", strerror(errno));
        return false;
    }
    if (fstat(fd, &status) == 0) {
        check_permissions(&status, report);
        is_read = read_all(fd, out, report);
    } else {
        report_error(report, start_of_file, "cannot be read: %s", strerror(errno));
    }
    close(fd);
    return is_read;
}

static struct config *finish(struct config *config, struct report *report,
                             struct config_problems *problems)
{
    *problems = (struct config_problems){0};
    buffer_init(&problems->text, PROBLEMS_LIMIT);
    report_finish(report, problems);
    if (problems->errors)
        config = config_free(config);
#ifdef __GLIBC__
    malloc_trim(0); /* the tree of a large file is many times the configuration */
#endif
    return config;
}

struct config *config_read_text(const char *path, struct text yaml,
                                struct config_problems *problems)
{
    struct report report = {.path = path};
    struct config *config = build(path, yaml, &report);

    return finish(config, &report, problems);
}

struct config *config_read(const char *path, struct config_problems *problems)
{
    struct report report = {.path = path};
    struct config *config = NULL;
    struct buffer yaml;

    buffer_init(&yaml, CONFIG_FILE_LIMIT);
    if (read_file(path, &yaml, &report))
        config = build(path, buffer_text(&yaml), &report);
    buffer_clear(&yaml);
    return finish(config, &report, problems);
}
