/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks in a list, the newest first; a hash set with open addressing knows the strings in them. */
#include "agent/adapters/config_pool.h"

#include "base/memory.h"

#include <string.h>

#define CHUNK_FIRST   2048
#define CHUNK_LARGEST 65536
#define ALIGNMENT     sizeof(max_align_t)

struct pool_chunk {
    struct pool_chunk *next;
    max_align_t bytes[];
};

struct pool_string {
    size_t size;
    char bytes[];
};

static void *take(struct pool *pool, size_t size, size_t alignment)
{
    size_t from = (pool->used + alignment - 1) / alignment * alignment;

    if (!pool->chunks || from > pool->size || size > pool->size - from) {
        size_t chunk_size = pool->size ? pool->size * 2 : CHUNK_FIRST;
        struct pool_chunk *chunk;

        if (chunk_size > CHUNK_LARGEST)
            chunk_size = CHUNK_LARGEST;
        if (chunk_size < size)
            chunk_size = size;
        chunk = memory_zeroed(1, sizeof(*chunk) + chunk_size);
        if (!chunk)
            return NULL;
        chunk->next = pool->chunks;
        pool->chunks = chunk;
        pool->size = chunk_size;
        from = 0;
    }
    pool->used = from + size;
    return (char *)pool->chunks->bytes + from;
}

void *pool_take(struct pool *pool, size_t size)
{
    return take(pool, size, ALIGNMENT);
}

/* FNV-1a: the strings come from whoever may write the configuration anyway. */
static size_t hash_of(struct text text)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < text.size; i++)
        hash = (hash ^ (unsigned char)text.start[i]) * UINT64_C(1099511628211);
    return (size_t)(hash ^ hash >> 32);
}

static struct pool_string **slot_of(const struct pool *pool, struct text text)
{
    size_t i = hash_of(text) & (pool->slot_count - 1);

    while (pool->slots[i] &&
           !text_equal(text, (struct text){pool->slots[i]->bytes, pool->slots[i]->size}))
        i = (i + 1) & (pool->slot_count - 1);
    return &pool->slots[i];
}

static bool slots_grow(struct pool *pool)
{
    struct pool_string **old = pool->slots;
    size_t old_count = pool->slot_count;
    size_t count = old_count ? old_count * 2 : 64;
    struct pool_string **slots = memory_zeroed(count, sizeof(*slots));

    if (!slots)
        return false;
    pool->slots = slots;
    pool->slot_count = count;
    for (size_t i = 0; i < old_count; i++)
        if (old[i])
            *slot_of(pool, (struct text){old[i]->bytes, old[i]->size}) = old[i];
    memory_free(old);
    return true;
}

char *pool_string(struct pool *pool, struct text text)
{
    struct pool_string **slot;
    struct pool_string *string;

    if (pool->string_count * 2 >= pool->slot_count && !slots_grow(pool))
        return NULL;
    slot = slot_of(pool, text);
    if (*slot)
        return (*slot)->bytes;
    string = take(pool, sizeof(*string) + text.size + 1, _Alignof(struct pool_string));
    if (!string)
        return NULL;
    string->size = text.size;
    if (text.size)
        memcpy(string->bytes, text.start, text.size);
    *slot = string;
    pool->string_count++;
    return string->bytes;
}

void pool_seal(struct pool *pool)
{
    memory_free(pool->slots);
    pool->slots = NULL;
    pool->slot_count = pool->string_count = 0;
}

void pool_clear(struct pool *pool)
{
    while (pool->chunks) {
        struct pool_chunk *chunk = pool->chunks;

        pool->chunks = chunk->next;
        memory_free(chunk);
    }
    memory_free(pool->slots);
    *pool = (struct pool){0};
}
