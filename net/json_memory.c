/* SPDX-License-Identifier: Apache-2.0 */
/* What jansson allocates is known to nobody but the reading it is made for, which lists it beside:
 * a block is as malloc() or the program's function gave it, with nothing in front. */
#include "net/json_memory.h"

#include "base/memory.h"
#include "base/secret.h"
#include "net/alloc.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdlib.h>

#define FEW 64

struct reading {
    void **blocks; /* that it has now, about as they came */
    size_t count, room;
    void *few[FEW];
    bool ran_out;
    jmp_buf out;
};

static _Thread_local struct reading *current;

static bool grow(struct reading *reading)
{
    void **old = reading->blocks == reading->few ? NULL : reading->blocks;
    void **blocks = memory_resize_array(old, 2 * reading->room, sizeof(*blocks));

    if (!blocks)
        return false;
    for (size_t i = 0; !old && i < reading->count; i++)
        blocks[i] = reading->few[i];
    reading->blocks = blocks;
    reading->room *= 2;
    return true;
}

static void *listed(void *(*allocate)(size_t size), size_t size)
{
    struct reading *reading = current;
    void *memory;

    if (!reading)
        return allocate(size);
    if ((reading->count == reading->room && !grow(reading)) || !(memory = allocate(size))) {
        reading->ran_out = true;
        longjmp(reading->out, 1);
    }
    reading->blocks[reading->count++] = memory;
    return memory;
}

/* What is given back was mostly made a moment ago. */
static void unlist(const void *memory)
{
    struct reading *reading = current;

    for (size_t i = reading ? reading->count : 0; i-- > 0;) {
        if (reading->blocks[i] == memory) {
            reading->blocks[i] = reading->blocks[--reading->count];
            return;
        }
    }
}

/* ---- from malloc(), to free() ---------------------------------------------------------------- */

static void *allocate_plain(size_t size)
{
    return listed(memory_allocate, size);
}

static void give_back_plain(void *memory)
{
    wipe(memory, malloc_usable_size(memory));
    memory_free(memory);
}

static void release_plain(void *memory)
{
    if (!memory)
        return;
    unlist(memory);
    give_back_plain(memory);
}

/* ---- from functions of the program's own, which cannot tell how large a block is ------------- */

static void *allocate_sized(size_t size)
{
    return listed(wiping_malloc, size);
}

static void release_sized(void *memory)
{
    if (!memory)
        return;
    unlist(memory);
    wiping_free(memory);
}

/* ---- both ------------------------------------------------------------------------------------ */

void json_memory_begin(void)
{
    bool is_plain = memory_is_plain();
    json_malloc_t allocate;
    json_free_t release;

    json_get_alloc_funcs(&allocate, &release);
    if (allocate == malloc || allocate == allocate_plain || allocate == allocate_sized)
        json_set_alloc_funcs(is_plain ? allocate_plain : allocate_sized,
                             is_plain ? release_plain : release_sized);
}

/* Apart, so that what setjmp() may leave undefined is nobody's. */
static json_t *load(struct reading *reading, struct text text, size_t flags, json_error_t *error)
{
    return setjmp(reading->out) ? NULL : json_loadb(text.start, text.size, flags, error);
}

json_t *json_memory_load(struct text text, size_t flags, json_error_t *error, bool *ran_out)
{
    struct reading reading;
    json_t *json;

    reading.blocks = reading.few;
    reading.count = 0;
    reading.room = FEW;
    reading.ran_out = false;
    current = &reading;
    json = load(&reading, text, flags, error);
    current = NULL;
    *ran_out = reading.ran_out;
    while (reading.ran_out && reading.count)
        (memory_is_plain() ? give_back_plain : wiping_free)(reading.blocks[--reading.count]);
    if (reading.blocks != reading.few)
        memory_free(reading.blocks);
    return json;
}
