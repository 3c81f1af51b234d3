/* SPDX-License-Identifier: Apache-2.0 */
/* Microsoft's OpenAPI files and the examples that they name, one operation with one example at a
 * time. */
#ifndef TESTS_AZURECLIENT_MICROSOFT_EXAMPLES_H
#define TESTS_AZURECLIENT_MICROSOFT_EXAMPLES_H

#include <jansson.h>
#include <stdbool.h>

/* Lives as long as the call it is given to. */
struct example {
    const char *path; /* with names that are none of the example's, often placeholders: "name1" */
    const char *file; /* below the directory */
    const json_t *parameters, *responses;
};

/* False when there are no such files. */
bool examples_open(const char *directory);
void examples_close(void);
/* All examples of operations with that method ("post"); net_global_init() comes before. */
void examples_each(const char *method, void (*run)(const struct example *example));

#endif
