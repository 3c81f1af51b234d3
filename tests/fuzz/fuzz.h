/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzzers share. They assert promises of the headers, so a broken one ends the process
 * just as a bad read does. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include "base/buffer.h"
#include "base/failure.h"
#include "base/secret.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stands where a service would quote what it was sent; no failure may show it. */
#define FUZZ_SECRET "hunter2~Kept.Secret+42/="

/* Takes the first line; what is behind it stays in `rest`. Input files can so be read and written
 * by people. */
static inline struct text fuzz_line(struct text *rest)
{
    struct text line = {"", 0};

    (void)text_split(rest, '\n', &line);
    if (!rest->start)
        *rest = TEXT("");
    return line;
}

/* What a person or a JSON document can be given. */
static inline void fuzz_check_failure(const struct failure *why)
{
    struct text text = text_of(why->text);

    assert(why->kind > FAILURE_NONE && why->kind < FAILURE_KINDS);
    assert(text.size > 0 && text_is_utf8(text) && text_is_printable(text));
}

/* And of something that was told what it must not show. */
static inline void fuzz_check_hidden(const struct failure *why)
{
    fuzz_check_failure(why);
    assert(!strstr(why->text, FUZZ_SECRET));
}

/* Exactly one of the two: it went well, or it says why not. */
static inline void fuzz_check(bool ok, const struct failure *why)
{
    if (ok)
        assert(why->kind == FAILURE_NONE);
    else
        fuzz_check_failure(why);
}

#endif
