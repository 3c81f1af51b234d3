/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka, with the headers it wants before it, and a shorter way to write a case:
 *
 *     TEST(an_empty_text_has_one_part) { ... }
 *     int main(void) { return RUN(CASE(an_empty_text_has_one_part)); }
 */
#ifndef TESTS_SUPPORT_TEST_H
#define TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TEST(name) static void name(void **unused __attribute__((unused)))
#define CASE(name) cmocka_unit_test(name)
/* As every program that speaks to others must: a peer that goes away is no reason to die. */
#define RUN(...)                                                                                   \
    (signal(SIGPIPE, SIG_IGN),                                                                     \
     cmocka_run_group_tests_name(__FILE__, ((const struct CMUnitTest[]){__VA_ARGS__}), NULL,       \
                                 NULL))
#endif
