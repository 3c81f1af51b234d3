/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

static unsigned allocated, resized, released;
static void *answer;

static void *counting_allocate(size_t size)
{
    allocated++;
    return answer ? answer : malloc(size);
}

static void *counting_resize(void *memory, size_t size)
{
    resized++;
    return realloc(memory, size);
}

static void counting_release(void *memory)
{
    released++;
    free(memory);
}

static const struct memory_functions counting = {counting_allocate, counting_resize,
                                                 counting_release};

TEST(every_function_uses_the_programs_own)
{
    char *text, *list;

    allocated = resized = released = 0;
    memory_use(&counting);
    text = memory_string("abc");
    assert_string_equal(text, "abc");
    text = memory_resize(text, 10);
    assert_string_equal(text, "abc");
    memory_free(text);
    text = memory_print("%d-%s", 7, "x");
    assert_string_equal(text, "7-x");
    memory_free(text);
    list = memory_zeroed(3, 2);
    assert_memory_equal(list, "\0\0\0\0\0\0", 6);
    list = memory_resize_array(list, 4, 4);
    memory_free(list);
    memory_use(NULL);
    assert_int_equal(allocated, 3);
    assert_int_equal(resized, 2);
    assert_int_equal(released, 3);
}

TEST(without_any_the_c_library_serves)
{
    char *text;

    memory_use(NULL);
    text = memory_allocate(5);
    assert_non_null(text);
    free(text);
}

TEST(nothing_is_released_for_null)
{
    released = 0;
    memory_use(&counting);
    memory_free(NULL);
    memory_use(NULL);
    assert_int_equal(released, 0);
}

TEST(a_product_that_does_not_fit_is_refused)
{
    assert_null(memory_zeroed(SIZE_MAX / 2, 3));
    assert_null(memory_resize_array(NULL, SIZE_MAX / 2, 3));
}

TEST(what_was_not_zero_is_zeroed)
{
    char dirty[8] = "dirty!!";

    answer = dirty;
    memory_use(&counting);
    assert_ptr_equal(memory_zeroed(2, 4), dirty);
    memory_use(NULL);
    answer = NULL;
    assert_memory_equal(dirty, "\0\0\0\0\0\0\0\0", 8);
}

int main(void)
{
    return RUN(CASE(every_function_uses_the_programs_own), CASE(without_any_the_c_library_serves),
               CASE(nothing_is_released_for_null), CASE(a_product_that_does_not_fit_is_refused),
               CASE(what_was_not_zero_is_zeroed));
}
