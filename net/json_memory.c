/* SPDX-License-Identifier: Apache-2.0 */
#include "net/json_memory.h"

#include "net/alloc.h"

#include <setjmp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* In front of everything jansson has. */
struct block {
    _Alignas(max_align_t) uint64_t reading; /* the number of the one that made it; 0: none */
    struct block *next, **at;               /* good only while that lasts */
};

struct reading {
    uint64_t number;
    struct block *blocks;
    bool ran_out;
    jmp_buf out;
};

static _Thread_local struct reading *current;
static atomic_uint_fast64_t readings;

void *json_memory_allocate(size_t size)
{
    struct block *block;

    block = size < SIZE_MAX - sizeof(*block) ? wiping_malloc(sizeof(*block) + size) : NULL;
    if (!block && current) {
        current->ran_out = true;
        longjmp(current->out, 1);
    }
    if (!block)
        return NULL;
    block->reading = current ? current->number : 0;
    if (current) {
        block->next = current->blocks;
        block->at = &current->blocks;
        if (block->next)
            block->next->at = &block->next;
        current->blocks = block;
    }
    return block + 1;
}

void json_memory_release(void *memory)
{
    struct block *block = memory;

    if (!block)
        return;
    block--;
    if (current && block->reading == current->number) {
        *block->at = block->next;
        if (block->next)
            block->next->at = block->at;
    }
    wiping_free(block);
}

/* Apart, so that what setjmp() may leave undefined is nobody's. */
static json_t *load(struct reading *reading, struct text text, size_t flags, json_error_t *error)
{
    return setjmp(reading->out) ? NULL : json_loadb(text.start, text.size, flags, error);
}

json_t *json_memory_load(struct text text, size_t flags, json_error_t *error, bool *ran_out)
{
    struct reading reading = {.number = atomic_fetch_add(&readings, 1) + 1};
    json_t *json;

    current = &reading;
    json = load(&reading, text, flags, error);
    current = NULL;
    *ran_out = reading.ran_out;
    while (reading.ran_out && reading.blocks) {
        struct block *next = reading.blocks->next;

        wiping_free(reading.blocks);
        reading.blocks = next;
    }
    return json;
}
