/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in the form each service gives them. The bytes are a stream of SHA-256 over the seed, the
 * resource, the key's name and its generation, so that with --seed the n-th value of a key is the
 * same whatever happened to others before. */
#include "examples/lab/sources.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stream {
    const uint8_t *seed;
    const char *id, *name;
    unsigned generation, block, used;
    uint8_t bytes[SHA256_DIGEST_LENGTH];
};

static uint8_t stream_next(struct stream *stream)
{
    if (stream->used == 0) {
        char text[1024];
        size_t size;

        memcpy(text, stream->seed, 32);
        size = 32 + (size_t)snprintf(text + 32, sizeof(text) - 32, "%.700s\n%.200s\n%u\n%u",
                                     stream->id, stream->name, stream->generation, stream->block++);
        SHA256((const uint8_t *)text, size, stream->bytes);
        stream->used = SHA256_DIGEST_LENGTH;
    }
    return stream->bytes[--stream->used];
}

static void append_letters(struct buffer *out, struct stream *stream, const char *alphabet,
                           unsigned size)
{
    unsigned letters = (unsigned)strlen(alphabet);

    while (out->size < size && buffer_ok(out)) {
        uint8_t byte = stream_next(stream);

        if (byte < 256 / letters * letters) /* no letter is likelier than another */
            buffer_append_byte(out, alphabet[byte % letters]);
    }
}

char *key_make(const struct key_form *form, const uint8_t seed[32], const char *id,
               const char *name, unsigned generation)
{
    struct stream stream = {.seed = seed, .id = id, .name = name, .generation = generation};
    char bytes[64];
    struct buffer out;

    buffer_init(&out, 256);
    for (unsigned i = 0; form->alphabet >= ALPHABET_BASE64 && i < form->size; i++)
        bytes[i] = (char)stream_next(&stream);
    switch (form->alphabet) {
    case ALPHABET_ALNUM:
        append_letters(&out, &stream,
                       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                       form->size);
        break;
    case ALPHABET_HEX:
        append_letters(&out, &stream, "0123456789abcdef", form->size);
        break;
    case ALPHABET_BASE64:
        buffer_append_base64(&out, (struct text){bytes, form->size});
        break;
    case ALPHABET_BASE64URL:
        buffer_append_base64url(&out, (struct text){bytes, form->size});
        break;
    }
    return buffer_take(&out);
}
