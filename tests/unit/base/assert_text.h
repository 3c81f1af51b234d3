/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing a struct text with a string, with both shown when they differ. */
#ifndef TESTS_UNIT_BASE_ASSERT_TEXT_H
#define TESTS_UNIT_BASE_ASSERT_TEXT_H

#include "base/text.h"
#include "tests/support/test.h"

#include <stdlib.h>

static inline void assert_text_is_at(struct text actual, const char *expected, const char *file,
                                     int line)
{
    if (!text_is(actual, expected)) {
        print_error("\"%.*s\" is not \"%s\"\n", TEXT_ARG(actual), expected);
        _fail(file, line);
    }
}
#define assert_text_is(actual, expected) assert_text_is_at(actual, expected, __FILE__, __LINE__)

#endif
