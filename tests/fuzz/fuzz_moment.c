/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as an instant, an HTTP date and a duration: what is read can be written, and reads as
 * the same again. */
#include "base/moment.h"
#include "tests/fuzz/fuzz.h"

static void check_instant(int64_t instant)
{
    char shown[INSTANT_SIZE];
    int64_t again;

    assert(instant >= 0);
    instant_format(instant, shown);
    assert(instant_parse(text_of(shown), &again) && again == instant);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text text = {(const char *)data, size};
    struct failure why = {0};
    char shown[DURATION_SIZE], shorter[DURATION_SIZE];
    uint64_t duration = 0, again;
    int64_t instant;
    bool ok;

    if (instant_parse(text, &instant))
        check_instant(instant);
    if (instant_parse_http(text, &instant))
        check_instant(instant);
    ok = duration_parse(text, &duration, &why);
    fuzz_check(ok, &why);
    if (ok) {
        duration_format(duration, shown);
        assert(duration_parse(text_of(shown), &again, NULL) && again == duration);
        duration_format(again, shorter);
        assert(strcmp(shown, shorter) == 0);
    }
    return 0;
}
