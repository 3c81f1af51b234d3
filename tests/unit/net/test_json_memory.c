/* SPDX-License-Identifier: Apache-2.0 */
/* Reading JSON while memory runs out: a failure, and nothing is kept. jansson alone would abort. */
#include "base/buffer.h"
#include "net/http.h"
#include "net/json.h"
#include "tests/support/scarce_memory.h"
#include "tests/support/test.h"

#define TEXT_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DOCUMENT                                                                                   \
    TEXT("{\"name\":\"" TEXT_64 TEXT_64 "\",\"list\":[1,2.5,true,null,\"\\u00e9\"],"               \
         "\"inner\":{\"a\":\"" TEXT_64 "\"}}")

static void fail_each_in_turn(struct text document, long least)
{
    struct failure why = {0};
    long held, count;
    json_t *json;

    scarce_memory_fail_at(-1);
    json = json_read(document, &why);
    count = scarce_memory_allocations();
    assert_non_null(json);
    json_decref(json);
    held = scarce_memory_held();
    assert_true(count > least);
    for (long n = 0; n < count; n++) {
        scarce_memory_fail_at(n);
        why.kind = FAILURE_NONE;
        assert_null(json_read(document, &why));
        assert_int_equal(why.kind, FAILURE_INTERNAL);
        assert_int_equal(scarce_memory_held(), held);
    }
    scarce_memory_fail_at(-1);
}

TEST(each_allocation_that_fails_is_told_as_out_of_memory)
{
    fail_each_in_turn(DOCUMENT, 20);
}

TEST(so_is_each_of_a_large_document)
{
    cleanup_with(buffer_clear) struct buffer document = {.limit = 65536};

    buffer_append_string(&document, "[0");
    for (int i = 0; i < 150; i++)
        buffer_printf(&document, ",{\"%d\":\"" TEXT_64 "\"}", i);
    assert_true(buffer_append_byte(&document, ']'));
    fail_each_in_turn(buffer_text(&document), 600);
}

TEST(a_reading_that_failed_touches_nothing_of_the_others)
{
    json_t *first = json_read(DOCUMENT, NULL), *second;
    long held = scarce_memory_held();

    scarce_memory_fail_at(5);
    assert_null(json_read(DOCUMENT, NULL));
    scarce_memory_fail_at(-1);
    second = json_read(DOCUMENT, NULL);
    assert_non_null(second);
    json_decref(second);
    assert_int_equal(scarce_memory_held(), held);
    json_decref(first);
    assert_true(scarce_memory_held() < held);
}

int main(void)
{
    scarce_memory_install();
    if (!net_global_init(NULL))
        return 1;
    return RUN(CASE(each_allocation_that_fails_is_told_as_out_of_memory),
               CASE(so_is_each_of_a_large_document),
               CASE(a_reading_that_failed_touches_nothing_of_the_others));
}
