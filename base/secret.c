/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets live in regions of their own, which are locked and left out of core dumps.
 *
 * What may be locked is counted in pages and is little (8 MiB by default, often less), so small
 * secrets share a region: each region holds cells of one size, a power of two. A large secret gets
 * a region with a single cell. A region goes back to the system with its last secret. What is known
 * about a region is kept outside of it, so nothing but secrets is in locked memory.
 *
 * Under AddressSanitizer or valgrind every secret is an allocation of its own instead: these find
 * an overflow or a leak only in memory they handed out. */
#include "base/secret.h"

#include "base/memory.h"

#include <assert.h>
#include <link.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <unistd.h>

#define REGION_SIZE    ((size_t)16 << 10)
#define SMALLEST_CELL  ((size_t)64)
#define CELL_SIZES     6 /* 64 to 2048: a region holds at least eight */
#define LARGEST_CELL   (SMALLEST_CELL << (CELL_SIZES - 1))
#define CELLS_LIMIT    (REGION_SIZE / SMALLEST_CELL)
#define CELLS_PER_WORD 64

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ADDRESS_SANITIZER 1
#endif
#endif
#ifndef HAS_ADDRESS_SANITIZER
#define HAS_ADDRESS_SANITIZER 0
#endif

struct region {
    TAILQ_ENTRY(region) link;
    struct regions *home; /* NULL for a large secret's */
    char *memory;
    size_t memory_size, cell_size;
    size_t cells, used_cells;
    uint64_t is_used[CELLS_LIMIT / CELLS_PER_WORD];
};

TAILQ_HEAD(regions, region);

struct secret {
    struct region *region; /* NULL when the secret is an allocation of its own */
    size_t size;
    char bytes[];
};

/* Global because what they share out, locked memory, belongs to the process. Regions with a free
 * cell stand before the full ones. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct regions regions_by_size[CELL_SIZES] = {
    TAILQ_HEAD_INITIALIZER(regions_by_size[0]), TAILQ_HEAD_INITIALIZER(regions_by_size[1]),
    TAILQ_HEAD_INITIALIZER(regions_by_size[2]), TAILQ_HEAD_INITIALIZER(regions_by_size[3]),
    TAILQ_HEAD_INITIALIZER(regions_by_size[4]), TAILQ_HEAD_INITIALIZER(regions_by_size[5]),
};
static pthread_once_t watched_once = PTHREAD_ONCE_INIT;
static bool is_watched; /* by a tool that wants to see each allocation */

static int is_valgrind(struct dl_phdr_info *library, size_t size, void *context)
{
    (void)size;
    (void)context;
    return library->dlpi_name && strstr(library->dlpi_name, "/vgpreload_");
}

/* valgrind preloads itself. Whoever could fake this can preload anything anyway. */
static void look_for_watchers(void)
{
    is_watched = HAS_ADDRESS_SANITIZER || dl_iterate_phdr(is_valgrind, NULL);
}

static struct region *region_new(size_t memory_size, size_t cell_size)
{
    struct region *region = memory_zeroed(1, sizeof(*region));
    void *memory;

    if (!region)
        return NULL;
    memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        memory_free(region);
        return NULL;
    }
    (void)mlock(memory, memory_size);
    (void)madvise(memory, memory_size, MADV_DONTDUMP);
    region->memory = memory;
    region->memory_size = memory_size;
    region->cell_size = cell_size;
    region->cells = memory_size / cell_size;
    return region;
}

static void region_free(struct region *region)
{
    munmap(region->memory, region->memory_size);
    memory_free(region);
}

/* The region must have a free cell. */
static struct secret *region_take_cell(struct region *region)
{
    struct secret *secret;
    size_t word = 0, cell;

    while (region->is_used[word] == UINT64_MAX)
        word++;
    cell = word * CELLS_PER_WORD + (size_t)__builtin_ctzll(~region->is_used[word]);
    assert(cell < region->cells);
    region->is_used[word] |= UINT64_C(1) << cell % CELLS_PER_WORD;
    region->used_cells++;
    secret = (struct secret *)(void *)(region->memory + cell * region->cell_size);
    secret->region = region;
    return secret;
}

static size_t region_cell_of(const struct region *region, const struct secret *secret)
{
    return (size_t)((const char *)secret - region->memory) / region->cell_size;
}

/* From a region with a free cell, which is made when there is none. */
static struct secret *take_small(size_t size)
{
    struct regions *home = regions_by_size;
    size_t cell_size = SMALLEST_CELL;
    struct region *region;
    struct secret *secret;

    for (; cell_size < size; cell_size *= 2)
        home++;
    region = TAILQ_FIRST(home);
    if (!region || region->used_cells == region->cells) {
        region = region_new(REGION_SIZE, cell_size);
        if (!region)
            return NULL;
        region->home = home;
        TAILQ_INSERT_HEAD(home, region, link);
    }
    secret = region_take_cell(region);
    if (region->used_cells == region->cells) {
        TAILQ_REMOVE(home, region, link);
        TAILQ_INSERT_TAIL(home, region, link);
    }
    return secret;
}

static struct secret *take_large(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t rounded = (size + page - 1) / page * page;
    struct region *region = region_new(rounded, rounded);

    return region ? region_take_cell(region) : NULL;
}

static struct secret *take(size_t size)
{
    struct secret *secret;

    pthread_once(&watched_once, look_for_watchers);
    if (is_watched)
        return memory_zeroed(1, size);
    if (size > LARGEST_CELL)
        return take_large(size);
    pthread_mutex_lock(&mutex);
    secret = take_small(size);
    pthread_mutex_unlock(&mutex);
    return secret;
}

static void give_back_small(struct region *region, const struct secret *secret)
{
    size_t cell = region_cell_of(region, secret);

    region->is_used[cell / CELLS_PER_WORD] &= ~(UINT64_C(1) << cell % CELLS_PER_WORD);
    region->used_cells--;
    TAILQ_REMOVE(region->home, region, link);
    if (region->used_cells)
        TAILQ_INSERT_HEAD(region->home, region, link);
    else
        region_free(region);
}

struct secret *secret_new(struct text value)
{
    struct secret *secret;

    if (value.size > SECRET_LIMIT || !(secret = take(sizeof(*secret) + value.size + 1)))
        return NULL;
    secret->size = value.size;
    if (value.size)
        memcpy(secret->bytes, value.start, value.size);
    secret->bytes[value.size] = '\0';
    return secret;
}

struct secret *secret_copy(const struct secret *secret)
{
    return secret_new(secret_reveal(secret));
}

struct secret *secret_free(struct secret *secret)
{
    struct region *region;

    if (!secret)
        return NULL;
    region = secret->region;
    wipe(secret, sizeof(*secret) + secret->size + 1);
    if (!region) {
        memory_free(secret);
    } else if (!region->home) {
        region_free(region);
    } else {
        pthread_mutex_lock(&mutex);
        give_back_small(region, secret);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

void secret_clean(struct secret **secret)
{
    *secret = secret_free(*secret);
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
    return a && b && a->size == b->size && CRYPTO_memcmp(a->bytes, b->bytes, a->size) == 0;
}

struct text secret_reveal(const struct secret *secret)
{
    return (struct text){secret->bytes, secret->size};
}

void wipe(void *memory, size_t size)
{
    if (size)
        explicit_bzero(memory, size);
}
