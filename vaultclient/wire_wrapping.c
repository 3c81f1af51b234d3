/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities, response wrapping and audit hashes. */
#include "vaultclient/wire.h"

#include "base/memory.h"
#include "base/moment.h"
#include "net/json.h"
#include "vaultclient/splice.h"

#include <string.h>

/* ---- capabilities ---------------------------------------------------------------------------- */

bool vault_wire_paths_body(const struct text *paths, size_t count, struct buffer *out)
{
    buffer_append_string(out, "{\"paths\":[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            buffer_append_byte(out, ',');
        if (!vault_splice_encode(paths[i], out))
            return false;
    }
    return buffer_append_string(out, "]}");
}

static unsigned sum_of(const json_t *words)
{
    static const struct {
        const char *word;
        unsigned bit;
    } table[] = {
        {"create", VAULT_MAY_CREATE}, {"read", VAULT_MAY_READ}, {"update", VAULT_MAY_UPDATE},
        {"delete", VAULT_MAY_DELETE}, {"list", VAULT_MAY_LIST}, {"patch", VAULT_MAY_PATCH},
        {"sudo", VAULT_MAY_SUDO},     {"root", VAULT_MAY_ALL},
    };
    unsigned sum = 0;
    const json_t *word;
    size_t i;

    json_array_foreach (words, i, word)
        for (size_t k = 0; k < sizeof table / sizeof *table; k++)
            if (text_is(text_of(json_string_value(word)), table[k].word))
                sum |= table[k].bit;
    return sum;
}

bool vault_wire_capabilities(struct text body, const struct text *paths, size_t count,
                             unsigned *ret, struct failure *why)
{
    json_t *answer cleanup_with(json_clean) = json_read_object(body, why);
    const json_t *data = answer ? json_at(answer, "data") : NULL;

    if (!answer)
        return false;
    for (size_t i = 0; i < count; i++) {
        char *path = text_copy(paths[i]);
        const json_t *words = path ? json_object_get(data, path) : NULL;

        memory_free(path);
        if (!path)
            return failure_out_of_memory(why);
        if (!json_is_array(words))
            return failure_set(why, FAILURE_PROTOCOL, "the answer does not name the path \"%.*s\"",
                               TEXT_ARG(paths[i]));
        ret[i] = sum_of(words);
    }
    return true;
}

/* ---- response wrapping ----------------------------------------------------------------------- */

void vault_wire_wrapping_clear(struct wire_wrapping *wrapping)
{
    secret_free(wrapping->token);
    memory_free(wrapping->accessor);
    memory_free(wrapping->path);
    *wrapping = (struct wire_wrapping){.token = NULL};
}

/* What a lookup and a fresh wrapping share. */
static bool read_wrapping(const json_t *json, const char *ttl, struct wire_wrapping *ret,
                          struct failure *why)
{
    struct text path, created;
    int64_t ttl_s;

    if (!json_need_text(json, "creation_path", &path, why) ||
        !json_need_text(json, "creation_time", &created, why) ||
        !json_need_integer(json, ttl, &ttl_s, why))
        return false;
    if (!instant_parse(created, &ret->wrapping.created_at) || ttl_s < 0 || ttl_s > UINT32_MAX)
        return failure_set(why, FAILURE_PROTOCOL,
                           "the answer does not say when the wrapping token was made");
    ret->wrapping.ttl_s = (uint32_t)ttl_s;
    ret->path = text_copy(path);
    ret->wrapping.creation_path = text_of(ret->path);
    return ret->path || failure_out_of_memory(why);
}

bool vault_wire_wrapped(int status, struct text body, const struct secret *hidden,
                        struct wire_wrapping *ret, struct failure *why)
{
    json_t *answer cleanup_with(json_clean) = NULL;
    struct wire_wrapping wrapping = {.token = NULL};
    const json_t *info;
    struct text token, accessor;

    if (status != 200) {
        vault_wire_explain(status, body, 0, hidden, why);
        return false;
    }
    answer = json_read_object(body, why);
    if (!answer)
        return false;
    info = json_object_get(answer, "wrap_info");
    if (!json_is_object(info))
        return failure_set(why, FAILURE_PROTOCOL, "the answer was asked to be wrapped, and is not");
    if (!json_need_text(info, "token", &token, why) ||
        !vault_wire_check_token(token, "wrapping token", why))
        return false;
    accessor = json_text_at(info, "accessor");
    wrapping.token = secret_new(token);
    wrapping.accessor = text_copy(accessor);
    if (!wrapping.token || !wrapping.accessor) {
        vault_wire_wrapping_clear(&wrapping);
        return failure_out_of_memory(why);
    }
    if (!read_wrapping(info, "ttl", &wrapping, why)) {
        vault_wire_wrapping_clear(&wrapping);
        return false;
    }
    wrapping.wrapping.token = wrapping.token;
    wrapping.wrapping.accessor = text_of(wrapping.accessor);
    *ret = wrapping;
    return true;
}

/* 204 and 500 are what the loser of two at the same moment may be told. */
bool vault_wire_is_used_up(int status, struct text body)
{
    return status == 204 || (status == 400 && vault_wire_says(body, "wrapping token is not")) ||
           (status == 500 && vault_wire_says(body, "cannot find token entry"));
}

bool vault_wire_wrapping_lookup(int status, struct text body, struct wire_wrapping *ret,
                                struct failure *why)
{
    json_t *answer cleanup_with(json_clean) = NULL;
    struct wire_wrapping wrapping = {.token = NULL};
    const json_t *data;

    /* 204: while somebody else unwraps it. */
    if (status == 204 || (status == 400 && vault_wire_says(body, "wrapping token is not valid"))) {
        failure_set(why, FAILURE_DENIED,
                    "%d the wrapping token was used, has expired or never was one; where nobody "
                    "should have used it, somebody has",
                    status);
        why->http_status = status;
        return false;
    }
    if (status != 200) {
        vault_wire_explain(status, body, 0, NULL, why);
        return false;
    }
    answer = json_read_object(body, why);
    if (!answer)
        return false;
    data = json_object_get(answer, "data");
    if (!read_wrapping(data, "creation_ttl", &wrapping, why)) {
        vault_wire_wrapping_clear(&wrapping);
        return false;
    }
    *ret = wrapping;
    return true;
}

bool vault_wire_wrapping_same(const struct wire_wrapping *a, const struct wire_wrapping *b)
{
    return a->wrapping.created_at == b->wrapping.created_at &&
           a->wrapping.ttl_s == b->wrapping.ttl_s &&
           text_equal(a->wrapping.creation_path, b->wrapping.creation_path);
}

bool vault_wire_unwrapped(int status, struct text body, struct secret **ret, struct failure *why)
{
    struct text data;

    if (status != 200) {
        vault_wire_explain_absence(status, body, why);
        return false;
    }
    if (!vault_splice_check(body, why))
        return false;
    if (!vault_splice_member(body, TEXT("data"), &data) || !text_starts_with(data, TEXT("{")))
        return failure_set(why, FAILURE_PROTOCOL, "what was wrapped holds no data");
    if (data.size > SECRET_LIMIT)
        return failure_set(why, FAILURE_TOO_LARGE, "what was wrapped is larger than %zu bytes",
                           SECRET_LIMIT);
    *ret = secret_new(data);
    return *ret || failure_out_of_memory(why);
}

struct text vault_wire_token_suffix(struct text token)
{
    size_t first = text_find(token, TEXT(".")), second;
    struct text rest;

    if (first == SIZE_MAX)
        return TEXT("");
    rest = text_part(token, first + 1, SIZE_MAX);
    second = text_find(rest, TEXT("."));
    return second == SIZE_MAX ? TEXT("") : text_part(rest, second + 1, SIZE_MAX);
}

bool vault_wire_member_body(struct text name, struct text value, struct buffer *out)
{
    buffer_append_byte(out, '{');
    return vault_splice_encode(name, out) && buffer_append_byte(out, ':') &&
           vault_splice_encode(value, out) && buffer_append_byte(out, '}');
}

/* ---- audit hashes ---------------------------------------------------------------------------- */

bool vault_wire_audit_hash(int status, struct text body, const struct secret *hidden,
                           struct buffer *out, struct failure *why)
{
    json_t *answer cleanup_with(json_clean) = NULL;
    struct text hash;

    if (status != 200) {
        vault_wire_explain(status, body, 0, hidden, why);
        return false;
    }
    answer = json_read_object(body, why);
    if (!answer || !json_need_text(answer, "data.hash", &hash, why))
        return false;
    if (!text_starts_with(hash, TEXT("hmac-")))
        return failure_set(why, FAILURE_PROTOCOL, "the answer is no hash of an audit device");
    return buffer_append(out, hash) || failure_out_of_memory(why);
}
