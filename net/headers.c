/* SPDX-License-Identifier: Apache-2.0 */
/* What the answer's headers say. */
#include "base/moment.h"
#include "net/client.h"

#include <time.h>

#define RETRY_AFTER_CAP_MS 3600000

struct text http_answer_header(const struct http_answer *answer, const char *name)
{
    struct text rest = buffer_text(&answer->headers->lines), line;

    while (text_split(&rest, '\n', &line)) {
        struct text value = line, found;

        if (text_split(&value, ':', &found) && value.start &&
            text_equal_ignoring_case(found, text_of(name)))
            return text_trim(value);
    }
    return (struct text){NULL, 0};
}

static int64_t clock_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

uint32_t http_answer_retry_after_ms(const struct http_answer *answer)
{
    static const char *const exact[] = {"retry-after-ms", "x-ms-retry-after-ms"};
    struct text value = http_answer_header(answer, "Retry-After");
    uint64_t seconds, ms;
    int64_t until, since;

    for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++)
        if (text_parse_u64(http_answer_header(answer, exact[i]), UINT64_MAX, &ms))
            return ms < RETRY_AFTER_CAP_MS ? (uint32_t)ms : RETRY_AFTER_CAP_MS;
    if (!value.size)
        return 0;
    if (text_parse_u64(value, UINT64_MAX, &seconds))
        return seconds < RETRY_AFTER_CAP_MS / 1000 ? (uint32_t)seconds * 1000 : RETRY_AFTER_CAP_MS;
    if (!instant_parse_http(value, &until))
        return 0;
    /* The answer's own Date first: our clock may disagree with the server's. */
    if (!instant_parse_http(http_answer_header(answer, "Date"), &since))
        since = clock_now();
    if (until <= since)
        return 0;
    return until - since < RETRY_AFTER_CAP_MS ? (uint32_t)(until - since) : RETRY_AFTER_CAP_MS;
}
