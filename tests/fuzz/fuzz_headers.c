/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the header lines of an answer: a value found stands in them in one line, trimmed,
 * and no Retry-After makes us wait longer than an hour. */
#include "net/client.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"Retry-After", "date", "LOCATION", "x-ms-request-id", ""};
    struct http_headers headers = {.lines.limit = size + 1};
    struct http_answer answer = {.status = 429, .headers = &headers};

    assert(buffer_append(&headers.lines, (struct text){(const char *)data, size}));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct text value = http_answer_header(&answer, names[i]);

        assert(text_equal(value, text_trim(value)) && !text_contains_byte(value, '\n'));
        assert(!value.start || (value.start >= headers.lines.start &&
                                value.start + value.size <= headers.lines.start + size));
    }
    assert(http_answer_retry_after_ms(&answer) <= 3600000);
    assert(http_answer_header(&answer, "Retry-After").size ||
           http_answer_retry_after_ms(&answer) == 0);
    buffer_clear(&headers.lines);
    return 0;
}
