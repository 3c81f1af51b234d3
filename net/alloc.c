/* SPDX-License-Identifier: Apache-2.0 */
/* An allocator that wipes what it frees. */
#include "net/alloc.h"

#include "base/memory.h"
#include "base/secret.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

/* Aligned as strictly as anything, so that what follows is, too. */
struct header {
    _Alignas(max_align_t) size_t size;
};

/* libcurl's threads allocate too. */
static atomic_size_t refusals;

static void *refuse(void)
{
    atomic_fetch_add(&refusals, 1);
    return NULL;
}

size_t wiping_refusals(void)
{
    return atomic_load(&refusals);
}

static void *behind(struct header *header, size_t size)
{
    if (!header)
        return refuse();
    header->size = size;
    return header + 1;
}

void *wiping_malloc(size_t size)
{
    if (size > SIZE_MAX - sizeof(struct header))
        return refuse();
    return behind(memory_allocate(sizeof(struct header) + size), size);
}

void *wiping_calloc(size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total) || total > SIZE_MAX - sizeof(struct header))
        return refuse();
    return behind(memory_zeroed(1, sizeof(struct header) + total), total);
}

void wiping_free(void *memory)
{
    struct header *header = memory;

    if (!memory)
        return;
    header--;
    wipe(memory, header->size);
    memory_free(header);
}

void *wiping_realloc(void *memory, size_t size)
{
    size_t old = memory ? ((struct header *)memory)[-1].size : 0;
    void *moved = wiping_malloc(size);

    if (!moved || !memory)
        return moved;
    memcpy(moved, memory, old < size ? old : size);
    wiping_free(memory);
    return moved;
}

char *wiping_strdup(const char *string)
{
    size_t size = strlen(string) + 1;
    char *copy = wiping_malloc(size);

    return copy ? memcpy(copy, string, size) : NULL;
}
