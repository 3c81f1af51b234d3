/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of the transit engine. */
#include "vaultclient/wire.h"

#include "base/memory.h"
#include "base/moment.h"
#include "net/json.h"
#include "vaultclient/splice.h"

#include <stdlib.h>
#include <string.h>

bool vault_wire_check_transit(struct vault_key key, struct failure *why)
{
    if (!vault_wire_check_key(key, why))
        return false;
    return !text_contains_byte(key.path, '/') ||
           failure_set(why, FAILURE_INVALID, "the name of a transit key has no slash");
}

void vault_wire_transit_target(struct buffer *out, struct vault_key key, const char *verb,
                               struct text context)
{
    struct buffer encoded = {.limit = 8192};

    vault_wire_target(out, key, verb, 0);
    if (!context.size)
        return;
    if (!buffer_append_base64(&encoded, context))
        out->is_broken = true;
    buffer_append_string(out, "?context=");
    buffer_append_percent_encoded(out, buffer_text(&encoded), false);
    buffer_clear(&encoded);
}

bool vault_wire_sign_body(const struct vault_signing *signing, struct text signature,
                          struct buffer *out)
{
    buffer_append_string(out, "{\"input\":\"");
    buffer_append_base64(out, signing->input);
    buffer_append_byte(out, '"');
    if (signing->context.size) {
        buffer_append_string(out, ",\"context\":\"");
        buffer_append_base64(out, signing->context);
        buffer_append_byte(out, '"');
    }
    if (signature.size) {
        buffer_append_string(out, ",\"signature\":");
        if (!vault_splice_encode(signature, out))
            return false;
    } else if (signing->key_version) {
        buffer_printf(out, ",\"key_version\":%u", signing->key_version);
    }
    return buffer_append_byte(out, '}');
}

/* Some of what is asked wrongly is answered with 500. */
static bool refuse(int status, struct text body, struct failure *why)
{
    vault_wire_explain(status, body, 0, NULL, why);
    if (status == 500 &&
        (vault_wire_says(body, "missing 'context'") || vault_wire_says(body, "requested version") ||
         vault_wire_says(body, "version is too old")))
        why->kind = FAILURE_INVALID;
    if (status == 400 && vault_wire_says(body, "key not found"))
        why->kind = FAILURE_NOT_FOUND;
    return false;
}

static bool need_key_version(const json_t *json, const char *path, uint32_t *ret,
                             struct failure *why)
{
    int64_t version;

    if (!json_need_integer(json, path, &version, why))
        return false;
    if (version < 1 || version > UINT32_MAX)
        return failure_set(why, FAILURE_PROTOCOL, "\"%s\" is no version of a key", path);
    *ret = (uint32_t)version;
    return true;
}

bool vault_wire_signature(int status, struct text body, uint32_t asked, struct buffer *signature,
                          uint32_t *version, struct failure *why)
{
    json_t *answer cleanup_with(json_clean) = NULL;
    char prefix[24];
    struct text text;

    if (status != 200)
        return refuse(status, body, why);
    answer = json_read_object(body, why);
    if (!answer || !json_need_text(answer, "data.signature", &text, why) ||
        !need_key_version(answer, "data.key_version", version, why))
        return false;
    snprintf(prefix, sizeof prefix, "vault:v%u:", *version);
    if (!text_starts_with(text, text_of(prefix)) || (asked && asked != *version))
        return failure_set(why, FAILURE_PROTOCOL,
                           "the signature is not of the version of the key that was asked for");
    return buffer_append(signature, text) || failure_out_of_memory(why);
}

bool vault_wire_verified(int status, struct text body, bool *is_valid, struct failure *why)
{
    json_t *answer cleanup_with(json_clean) = NULL;
    const json_t *valid;

    if (status != 200)
        return refuse(status, body, why);
    answer = json_read_object(body, why);
    if (!answer)
        return false;
    valid = json_at(answer, "data.valid");
    if (!json_is_boolean(valid))
        return failure_set(why, FAILURE_PROTOCOL,
                           "the answer does not say whether the signature is valid");
    *is_valid = json_is_true(valid);
    return true;
}

/* ---- public keys ----------------------------------------------------------------------------- */

static int compare(const void *left, const void *right)
{
    const struct vault_public_key *a = left, *b = right;

    return (a->version > b->version) - (a->version < b->version);
}

static bool is_ed25519(struct text key)
{
    struct buffer bytes = {.limit = 64};
    bool ok = buffer_append_base64_decoded(&bytes, key) && bytes.size == 32;

    buffer_clear(&bytes);
    return ok;
}

static bool read_public_key(const char *name, const json_t *json, struct text type,
                            struct vault_public_key *ret, struct failure *why)
{
    uint64_t version;

    /* Each version has one name: no zero before it. */
    if (name[0] == '0' || !text_parse_u64(text_of(name), UINT32_MAX, &version))
        return failure_set(why, FAILURE_PROTOCOL, "\"%s\" is no version of a key", name);
    if (!json_is_object(json) || !json_object_get(json, "public_key"))
        return failure_set(why, FAILURE_INVALID,
                           "the key is of the type \"%.*s\", which has no public half",
                           TEXT_ARG(type));
    ret->version = (uint32_t)version;
    ret->key = json_text_at(json, "public_key");
    if (!ret->key.size)
        return failure_set(why, FAILURE_INVALID,
                           "the key is derived: its public half depends on a context, which has to "
                           "be named");
    if (text_is(type, "ed25519") && !is_ed25519(ret->key))
        return failure_set(why, FAILURE_PROTOCOL, "version %u of the key is no ed25519 key",
                           ret->version);
    if (!instant_parse(json_text_at(json, "creation_time"), &ret->created_at))
        ret->created_at = 0;
    return true;
}

/* One block: the array, and behind it the bytes of all texts. */
static bool copy_keys(const json_t *keys, struct text type, struct vault_public_keys *ret,
                      struct failure *why)
{
    size_t count = 0, bytes = type.size;
    struct vault_public_key found, *copy;
    const char *name;
    const json_t *json;
    char *at;

    json_object_foreach ((json_t *)(uintptr_t)keys, name, json) {
        if (!read_public_key(name, json, type, &found, why))
            return false;
        bytes += found.key.size;
        count++;
    }
    if (!count)
        return failure_set(why, FAILURE_PROTOCOL, "the key has no version");
    copy = memory_zeroed(1, count * sizeof *copy + bytes);
    if (!copy)
        return failure_out_of_memory(why);
    at = (char *)(copy + count);
    memcpy(at, type.start, type.size);
    ret->type = (struct text){at, type.size};
    at += type.size;
    count = 0;
    json_object_foreach ((json_t *)(uintptr_t)keys, name, json) {
        (void)!read_public_key(name, json, type, &copy[count], NULL);
        memcpy(at, copy[count].key.start, copy[count].key.size);
        copy[count].key.start = at;
        at += copy[count++].key.size;
    }
    qsort(copy, count, sizeof *copy, compare);
    ret->keys = copy;
    ret->count = count;
    return true;
}

bool vault_wire_public_keys(int status, struct text body, struct vault_public_keys *ret,
                            struct failure *why)
{
    json_t *answer cleanup_with(json_clean) = NULL;
    struct text type;

    if (status == 404 && !vault_wire_is_foreign_404(status, body) && !vault_wire_says(body, "")) {
        failure_set(why, FAILURE_NOT_FOUND, "404 no such transit key");
        why->http_status = status;
        return false;
    }
    if (status != 200)
        return refuse(status, body, why);
    answer = json_read_object(body, why);
    if (!answer || !json_need_text(answer, "data.type", &type, why) ||
        !need_key_version(answer, "data.latest_version", &ret->latest_version, why))
        return false;
    return copy_keys(json_at(answer, "data.keys"), type, ret, why);
}

void vault_wire_public_keys_free(struct vault_public_keys *keys)
{
    memory_free((void *)(uintptr_t)keys->keys);
    *keys = (struct vault_public_keys){.keys = NULL};
}
