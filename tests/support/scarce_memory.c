/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/scarce_memory.h"

#include "base/memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_long fail_at = -1, made, held;

static bool fails(void)
{
    return atomic_fetch_add(&made, 1) == atomic_load(&fail_at);
}

static void *scarce_allocate(size_t size)
{
    void *memory = fails() ? NULL : malloc(size);

    atomic_fetch_add(&held, memory != NULL);
    return memory;
}

static void *scarce_resize(void *memory, size_t size)
{
    void *moved = fails() ? NULL : realloc(memory, size);

    atomic_fetch_add(&held, !memory && moved);
    return moved;
}

static void scarce_release(void *memory)
{
    atomic_fetch_sub(&held, 1);
    free(memory);
}

void scarce_memory_install(void)
{
    static const struct memory_functions scarce = {scarce_allocate, scarce_resize, scarce_release};

    memory_use(&scarce);
}

void scarce_memory_fail_at(long n)
{
    atomic_store(&fail_at, n);
    atomic_store(&made, 0);
}

long scarce_memory_allocations(void)
{
    return atomic_load(&made);
}

long scarce_memory_held(void)
{
    return atomic_load(&held);
}

long scarce_memory_held_soon(long expected)
{
    for (int i = 0; i < 10000 && scarce_memory_held() != expected; i++)
        usleep(1000);
    return scarce_memory_held();
}
