/* SPDX-License-Identifier: Apache-2.0 */
/* A stage for the command line: it runs cli_main() in a folder with a configuration and without a
 * daemon, in front of an agent that answers what the test lays out and remembers what it was asked.
 */
#ifndef TESTS_UNIT_AGENT_CLI_STAGE_H
#define TESTS_UNIT_AGENT_CLI_STAGE_H

#include "net/json.h"
#include "tests/support/test.h"

#define STAGE_PLAN "3617f4864d7243ca4d57de37576b3c6a521112483c295fe7bfbea22f1375302b"

int stage_setup(void **state);
int stage_teardown(void **state);

/* The next request is answered with this; "exit" and all. */
void stage_answer(int status, const char *json);
/* The next world cannot be opened. */
void stage_break(const char *why);
/* Writes a file of the folder, mode 0600. */
void stage_write(const char *name, const char *text);
void stage_configure(const char *more); /* the configuration, with these lines at its end */

/* "keydrift WORDS" -> its exit code. The last word is NULL. */
int stage_call(const char *word, ...) __attribute__((sentinel));

const char *stage_out(void);    /* standard output of the last call */
const char *stage_err(void);    /* and standard error */
const char *stage_asked(void);  /* "POST /v1/check", the requests of the last call, one a line */
const json_t *stage_body(void); /* of its last request, or NULL */

#define STAGE_CASE(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)

#define assert_contains(haystack, needle)                                                          \
    do {                                                                                           \
        if (!strstr((haystack), (needle)))                                                         \
            fail_msg("\"%s\" is not in:\n%s", (needle), (haystack));                               \
    } while (0)
#define assert_lacks(haystack, needle)                                                             \
    do {                                                                                           \
        if (strstr((haystack), (needle)))                                                          \
            fail_msg("\"%s\" is in:\n%s", (needle), (haystack));                                   \
    } while (0)

#endif
