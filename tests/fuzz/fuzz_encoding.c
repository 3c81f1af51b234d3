/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 and percent encoding: whatever is encoded decodes to itself, and base64 that is read has
 * no second spelling but the other alphabet and padding. */
#include "tests/fuzz/fuzz.h"

enum { LIMIT = 1 << 20 };

static void check_base64_back(struct text text, struct text decoded)
{
    struct buffer padded = {.limit = LIMIT}, url = {.limit = LIMIT};
    struct text bare = text;

    while (text_ends_with(bare, TEXT("=")))
        bare.size--;
    assert(buffer_append_base64(&padded, decoded) && buffer_append_base64url(&url, decoded));
    assert(bare.size == url.size);
    for (size_t i = 0; i < bare.size; i++)
        assert(bare.start[i] == url.start[i] || bare.start[i] == padded.start[i]);
    buffer_clear(&padded);
    buffer_clear(&url);
}

static void check_base64(struct text text)
{
    struct buffer encoded = {.limit = LIMIT}, decoded = {.limit = LIMIT};

    assert(buffer_append_base64(&encoded, text));
    assert(buffer_append_base64_decoded(&decoded, buffer_text(&encoded)));
    assert(text_equal(buffer_text(&decoded), text));
    buffer_reset(&encoded);
    buffer_reset(&decoded);
    assert(buffer_append_base64url(&encoded, text));
    assert(buffer_append_base64_decoded(&decoded, buffer_text(&encoded)));
    assert(text_equal(buffer_text(&decoded), text));
    buffer_reset(&decoded);
    if (buffer_append_base64_decoded(&decoded, text))
        check_base64_back(text, buffer_text(&decoded));
    else
        assert(!buffer_ok(&decoded));
    buffer_clear(&encoded);
    buffer_clear(&decoded);
}

static void check_percent(struct text text, bool keep_slash)
{
    struct buffer encoded = {.limit = LIMIT}, decoded = {.limit = LIMIT};

    assert(buffer_append_percent_encoded(&encoded, text, keep_slash));
    for (size_t i = 0; i < encoded.size; i++)
        assert(encoded.start[i] > ' ' && encoded.start[i] < 0x7f && encoded.start[i] != '?' &&
               (keep_slash || encoded.start[i] != '/'));
    assert(buffer_append_percent_decoded(&decoded, buffer_text(&encoded)));
    assert(text_equal(buffer_text(&decoded), text));
    buffer_reset(&decoded);
    if (buffer_append_percent_decoded(&decoded, text))
        assert(decoded.size <= text.size);
    else
        assert(!buffer_ok(&decoded));
    buffer_clear(&encoded);
    buffer_clear(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text text = {(const char *)data, size};

    check_base64(text);
    check_percent(text, false);
    check_percent(text, true);
    return 0;
}
