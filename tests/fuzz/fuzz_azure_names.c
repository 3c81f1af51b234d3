/* SPDX-License-Identifier: Apache-2.0 */
/* Two lines: where Azure asks us to go, and a resource's id; all of it as a message to be quoted.
 * We go nowhere but where we were told, an id is one path, and a quotation shows nothing secret. */
#include "azureclient/key_kinds.h"
#include "azureclient/wire.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static void check_url(struct text url)
{
    struct text here = TEXT("https://management.azure.com"), origin, target, ours;

    ours = wire_target_on(here, url);
    if (wire_split_url(url, &origin, &target)) {
        assert(origin.size + target.size == url.size && origin.start == url.start);
        assert(!target.size || target.start[0] == '/' || target.start[0] == '?');
        assert(!text_contains_byte(origin, '@'));
    } else {
        assert(!ours.start);
    }
    if (ours.start) {
        assert(ours.start[0] == '/' && text_starts_with_ignoring_case(url, here));
        assert(text_equal(ours, target) && text_is_printable(ours));
    }
}

static void check_id(struct text id)
{
    const struct azure_key_kind *kind = azure_key_kind_of(id);
    struct text rest = id, segment;

    if (!kind)
        return;
    assert(text_starts_with_ignoring_case(id, TEXT("/subscriptions/")));
    rest = text_part(rest, 1, SIZE_MAX);
    while (text_split(&rest, '/', &segment)) {
        assert(segment.size && !text_is(segment, ".") && !text_is(segment, ".."));
        assert(!text_contains_byte(segment, '?') && !text_contains_byte(segment, '%'));
    }
    assert(azure_id_name(id).size && text_ends_with(id, azure_id_name(id)));
    assert(azure_id_subscription(id).size);
    assert(kind == azure_key_kind_named(text_of(azure_key_kind_name(kind))));
}

static void check_made_id(struct text name)
{
    struct failure why = {0};
    char *id = azure_endpoint_id(name, name, TEXT("w"), name, &why);

    fuzz_check(id, &why);
    if (id) {
        assert(azure_key_kind_of(text_of(id)));
        assert(text_equal(azure_id_name(text_of(id)), name));
        assert(text_equal(azure_id_subscription(text_of(id)), name));
    }
    free(id);
}

static void check_quote(struct text message)
{
    struct secret *secret = secret_new(TEXT(FUZZ_SECRET));
    struct buffer quoted = {.limit = (size_t)1 << 20};

    assert(secret);
    wire_quote(&quoted, message, secret);
    assert(buffer_ok(&quoted) && text_is_printable(buffer_text(&quoted)));
    assert(text_find(buffer_text(&quoted), TEXT(FUZZ_SECRET)) == SIZE_MAX);
    assert(text_is_utf8(message) <= text_is_utf8(buffer_text(&quoted)));
    buffer_clear(&quoted);
    secret_free(secret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text whole = {(const char *)data, size}, rest = whole;
    struct text url = fuzz_line(&rest), id = fuzz_line(&rest);

    check_url(url);
    check_id(id);
    check_made_id(id);
    check_quote(whole);
    return 0;
}
