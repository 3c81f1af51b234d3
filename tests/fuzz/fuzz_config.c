/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a configuration: read or refused with a reason, and what is read can be shown. */
#include "agent/adapters/config.h"

#include <assert.h>

/* libfyaml 0.7.12 loses a kilobyte of its own where a token of a file it refuses was long. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_problems problems;
    struct config *config =
        config_read_text("/c.yaml", (struct text){(const char *)data, size}, &problems);
    struct buffer shown;

    assert(!config == (problems.errors > 0));
    buffer_init(&shown, (size_t)1 << 24);
    if (config)
        assert(config_show(config, &shown));
    buffer_clear(&shown);
    buffer_clear(&problems.text);
    config_free(config);
    return 0;
}
