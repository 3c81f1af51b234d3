/* SPDX-License-Identifier: Apache-2.0 */
#include "base/operation.h"

#include "tests/support/test.h"

static struct operation *canceled;

static void remember(struct operation *operation)
{
    canceled = operation;
}

TEST(canceling_nothing_is_fine)
{
    operation_cancel(NULL);
}

TEST(canceling_tells_the_operation_itself)
{
    struct operation operation = {.cancel = remember};

    canceled = NULL;
    operation_cancel(&operation);
    assert_ptr_equal(canceled, &operation);
}

int main(void)
{
    return RUN(CASE(canceling_nothing_is_fine), CASE(canceling_tells_the_operation_itself));
}
