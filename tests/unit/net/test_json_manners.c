/* SPDX-License-Identifier: Apache-2.0 */
/* jansson belongs to the whole process. A program that uses it too keeps what it has, before and
 * behind us. */
#include "net/json.h"
#include "net/life.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

static json_t *made_before;

TEST(what_a_program_made_before_is_freed_by_whoever_comes)
{
    assert_string_equal(json_string_value(json_object_get(made_before, "k")), "before");
    json_decref(made_before);
}

TEST(a_document_that_was_written_is_freed_with_free)
{
    json_t *json = json_read(TEXT("{\"k\":[1,\"two\"]}"), NULL);
    char *written = json_dumps(json, JSON_COMPACT);

    assert_string_equal(written, "{\"k\":[1,\"two\"]}");
    free(written);
    json_decref(json);
}

static const void *watched;
static char seen[18]; /* what stood in that block when it was freed */

void __real_free(void *memory);
void __wrap_free(void *memory);

void __wrap_free(void *memory)
{
    if (memory && memory == watched)
        memcpy(seen, memory, sizeof seen);
    __real_free(memory);
}

TEST(what_is_freed_is_wiped)
{
    static const char value[sizeof seen] = "canary-0123456789", zeros[sizeof seen];
    json_malloc_t allocate;
    json_free_t release;
    char *memory;

    json_get_alloc_funcs(&allocate, &release);
    memory = allocate(sizeof value);
    watched = memcpy(memory, value, sizeof value);
    memcpy(seen, value, sizeof seen);
    release(memory);
    watched = NULL;
    assert_memory_equal(seen, zeros, sizeof seen);
    release(NULL);
}

static size_t own_calls;

static void *own_allocate(size_t size)
{
    own_calls++;
    return malloc(size);
}

TEST(functions_that_the_program_gave_jansson_stay)
{
    json_malloc_t allocate;
    json_free_t release;
    json_t *json;

    json_get_alloc_funcs(&allocate, &release);
    json_set_alloc_funcs(own_allocate, free);
    assert_true(net_global_init(NULL));
    json = json_read(TEXT("[1]"), NULL);
    assert_non_null(json);
    assert_true(own_calls > 0);
    json_decref(json);
    net_global_cleanup();
    json_set_alloc_funcs(allocate, release);
}

int main(void)
{
    made_before = json_pack("{s:s}", "k", "before");
    if (!net_global_init(NULL))
        return 1;
    return RUN(CASE(what_a_program_made_before_is_freed_by_whoever_comes),
               CASE(a_document_that_was_written_is_freed_with_free), CASE(what_is_freed_is_wiped),
               CASE(functions_that_the_program_gave_jansson_stay));
}
