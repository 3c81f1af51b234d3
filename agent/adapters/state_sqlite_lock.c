/* SPDX-License-Identifier: Apache-2.0 */
/* The right to execute plans, and the right to watch: each a lock on a file beside the state, gone
 * with the process that holds it. The lock belongs to the open file, so a second holder in this
 * process is refused as well. */
#include "agent/adapters/state_sqlite.h"
#include "agent/adapters/state_sqlite_file.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct right {
    const char *suffix, *doing, *advice; /* of the sentence when another has it */
};
static const struct right right_to_execute = {"lock", "is executing a plan on", "wait for it"};
static const struct right right_to_watch = {"watch", "watches with the state",
                                            "one daemon for one state"};

/* The holder's pid is for people; the lock alone decides. */
static bool refuse(int fd, const char *path, const struct right *right, struct failure *why)
{
    char pid[16] = "";
    ssize_t size = pread(fd, pid, sizeof(pid) - 1, 0);
    uint64_t number;

    if (size > 0 && text_parse_u64((struct text){pid, (size_t)size}, INT32_MAX, &number))
        return failure_set(why, FAILURE_CONFLICT, "another keydrift (pid %llu) %s %s: %s",
                           (unsigned long long)number, right->doing, path, right->advice);
    return failure_set(why, FAILURE_CONFLICT, "another keydrift %s %s: %s", right->doing, path,
                       right->advice);
}

/* Best effort: a full disk must keep nobody from locking. */
static void write_pid(int fd)
{
    char pid[16];
    int size = snprintf(pid, sizeof(pid), "%d", (int)getpid());

    if (ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)size, 0) != size)
        (void)!ftruncate(fd, 0);
}

static bool lock_file(int fd, const char *path, const struct right *right, struct failure *why)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        write_pid(fd);
        return true;
    }
    if (errno == EWOULDBLOCK)
        return refuse(fd, path, right, why);
    return failure_set(why, FAILURE_INTERNAL, "cannot lock %s.%s: %s", path, right->suffix,
                       strerror(errno));
}

static bool take(const char *path, const struct right *right, int *fd, struct failure *why)
{
    char *lock_path = NULL;
    int opened;

    if (*fd >= 0)
        return true;
    lock_path = memory_print("%s.%s", path, right->suffix);
    if (!lock_path)
        return failure_out_of_memory(why);
    opened = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    memory_free(lock_path);
    if (opened < 0)
        return failure_set(why, FAILURE_INTERNAL, "cannot open %s.%s: %s", path, right->suffix,
                           strerror(errno));
    if (!lock_file(opened, path, right, why)) {
        close(opened);
        return false;
    }
    *fd = opened;
    return true;
}

bool state_lock_take(const char *path, int *fd, struct failure *why)
{
    return take(path, &right_to_execute, fd, why);
}

bool state_sqlite_lock_watch(const char *path, int *fd, struct failure *why)
{
    return take(path, &right_to_watch, fd, why);
}

void state_sqlite_unlock_watch(int *fd)
{
    state_lock_release(fd);
}

void state_lock_release(int *fd)
{
    if (*fd < 0)
        return;
    /* Not our pid any more; the file itself stays, as others may have it open. */
    (void)!ftruncate(*fd, 0);
    close(*fd);
    *fd = -1;
}
