/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct memory_functions used = {malloc, realloc, free};
static bool is_given;

void memory_use(const struct memory_functions *functions)
{
    is_given = functions != NULL;
    used = functions ? *functions : (struct memory_functions){malloc, realloc, free};
}

bool memory_is_plain(void)
{
    return !is_given;
}

void *memory_allocate(size_t size)
{
    return used.allocate(size);
}

void *memory_zeroed(size_t count, size_t size)
{
    size_t total;
    void *memory;

    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    memory = used.allocate(total);
    return memory ? memset(memory, 0, total) : NULL;
}

void *memory_resize(void *memory, size_t size)
{
    return used.reallocate(memory, size);
}

void *memory_resize_array(void *memory, size_t count, size_t size)
{
    size_t total;

    return __builtin_mul_overflow(count, size, &total) ? NULL : memory_resize(memory, total);
}

char *memory_string(const char *string)
{
    size_t size = strlen(string) + 1;
    char *copy = memory_allocate(size);

    return copy ? memcpy(copy, string, size) : NULL;
}

char *memory_print(const char *format, ...)
{
    va_list arguments;
    char *text;

    va_start(arguments, format);
    text = memory_print_list(format, arguments);
    va_end(arguments);
    return text;
}

char *memory_print_list(const char *format, va_list arguments)
{
    va_list again;
    char *text;
    int size;

    va_copy(again, arguments);
    size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    text = size < 0 ? NULL : memory_allocate((size_t)size + 1);
    if (text)
        vsnprintf(text, (size_t)size + 1, format, arguments);
    return text;
}

void memory_free(void *memory)
{
    if (memory)
        used.release(memory);
}
