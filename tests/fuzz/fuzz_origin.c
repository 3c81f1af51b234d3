/* SPDX-License-Identifier: Apache-2.0 */
/* Three lines: where we are, where an answer sends us, and a NO_PROXY list. A place that is read
 * can be written, and reads as the same again. */
#include "net/origin.h"
#include "net/proxy.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static void check_again(const struct origin *origin)
{
    char *string = origin_string(origin), *authority = origin_authority(origin);
    struct origin again;

    assert(string && authority && text_ends_with(text_of(string), text_of(authority)));
    assert(origin_parse(string, &again, NULL) && origin_equal(&again, origin));
    assert(origin_is_tls(&again) == origin_is_tls(origin));
    assert(origin_is_loopback(&again) == origin_is_loopback(origin));
    origin_clear(&again);
    free(string);
    free(authority);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rest = {(const char *)data, size};
    struct text url = fuzz_line(&rest), location = fuzz_line(&rest);
    struct failure why = {0};
    struct origin origin, there;
    char *string = text_copy(url);
    bool ok;

    assert(string);
    ok = origin_parse(string, &origin, &why);
    free(string);
    fuzz_check(ok, &why);
    if (!ok)
        return 0;
    check_again(&origin);
    (void)proxy_is_excluded(rest, &origin);
    why = (struct failure){0};
    ok = origin_resolve(&origin, origin.base_path, "/v1/kv/data/app?version=3", location, &there,
                        &why);
    fuzz_check(ok, &why);
    if (ok) {
        assert(there.base_path[0] == '/');
        check_again(&there);
        origin_clear(&there);
    }
    origin_clear(&origin);
    return 0;
}
