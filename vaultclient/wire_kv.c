/* SPDX-License-Identifier: Apache-2.0 */
/* What the KV engines answer. The server says "not there" in five ways; they are told apart here.
 */
#include "vaultclient/wire.h"

#include "base/moment.h"
#include "net/json.h"
#include "vaultclient/splice.h"

#include <stdio.h>
#include <string.h>

#define WRONG_ENGINE                                                                               \
    "the mount is not the KV version it was a moment ago, or not KV at all; nothing was believed"

/* ---- versions -------------------------------------------------------------------------------- */

/* Milliseconds, and the nanoseconds below them. */
static bool read_time(struct text text, int64_t *at, int64_t *rest_ns)
{
    size_t point = text_find(text, TEXT("."));
    int64_t ns = 0;

    if (!instant_parse(text, at))
        return false;
    for (size_t i = 1; point != SIZE_MAX && i <= 9; i++) {
        char c = point + i < text.size ? text.start[point + i] : '0';

        if (c < '0' || c > '9') {
            point = text.size;
            c = '0';
        }
        ns = ns * 10 + (c - '0');
    }
    *rest_ns = ns % 1000000;
    return true;
}

/* ---- members of checked text ----------------------------------------------------------------- */

static struct text member(struct text object, const char *name)
{
    struct text value;

    return vault_splice_member(object, text_of(name), &value) ? value : TEXT("null");
}

static bool is_object(struct text raw)
{
    return text_starts_with(raw, TEXT("{"));
}

/* What stands between the quotes of a string; empty for anything else. Times need no escapes. */
static struct text plain_member(struct text object, const char *name)
{
    struct text raw = member(object, name);

    return text_starts_with(raw, TEXT("\"")) ? text_part(raw, 1, raw.size - 2) : TEXT("");
}

static bool need_time(struct text object, const char *name, int64_t *at, int64_t *rest_ns,
                      struct failure *why)
{
    return read_time(plain_member(object, name), at, rest_ns) ||
           failure_set(why, FAILURE_PROTOCOL, "expected a time at \"%s\"", name);
}

static bool need_version(struct text object, const char *name, uint32_t *ret, struct failure *why)
{
    uint64_t version;

    if (!text_parse_u64(member(object, name), UINT32_MAX, &version) || version < 1)
        return failure_set(why, FAILURE_PROTOCOL, "expected a version number at \"%s\"", name);
    *ret = (uint32_t)version;
    return true;
}

/* The object that describes one version, in data answers and in those of writes. */
static bool read_version(struct text object, struct vault_version *ret, struct failure *why)
{
    struct vault_version version = {.kv = 2};

    if (!need_version(object, "version", &version.version, why) ||
        !need_time(object, "created_time", &version.created_at, &version.created_ns, why))
        return false;
    version.is_destroyed = text_is(member(object, "destroyed"), "true");
    version.is_deleted = plain_member(object, "deletion_time").size > 0;
    *ret = version;
    return true;
}

/* ---- mounts ---------------------------------------------------------------------------------- */

bool vault_wire_mount(struct text body, struct text mount, int *version, struct failure *why)
{
    json_t *answer cleanup_with(json_clean) = json_read_object(body, why);
    struct text path, type, option;

    if (!answer || !json_need_text(answer, "data.path", &path, why) ||
        !json_need_text(answer, "data.type", &type, why))
        return false;
    option = json_text_at(answer, "data.options.version");
    if (text_ends_with(path, TEXT("/")))
        path.size--;
    if (!text_equal(path, mount))
        return failure_set(why, FAILURE_INVALID, "the mount there is \"%.*s\", not \"%.*s\"",
                           TEXT_ARG(path), TEXT_ARG(mount));
    if (!text_is(type, "kv") && !text_is(type, "generic"))
        return failure_set(why, FAILURE_INVALID, "the mount \"%.*s\" is a \"%.*s\" engine, not KV",
                           TEXT_ARG(mount), TEXT_ARG(type));
    if (!option.size || text_is(option, "1"))
        *version = 1;
    else if (text_is(option, "2"))
        *version = 2;
    else
        return failure_set(why, FAILURE_PROTOCOL, "the mount \"%.*s\" is KV version \"%.*s\"",
                           TEXT_ARG(mount), TEXT_ARG(option));
    return true;
}

/* ---- what is not there ----------------------------------------------------------------------- */

/* A 404 with metadata: there was such a version. */
static bool explain_gone(struct text metadata, struct failure *why)
{
    struct text when = plain_member(metadata, "deletion_time");
    struct vault_version version;

    if (!read_version(metadata, &version, why))
        return false;
    if (version.is_destroyed)
        return failure_set(why, FAILURE_DESTROYED, "version %u was destroyed", version.version);
    return failure_set(why, FAILURE_DELETED, "version %u was deleted at %.*s", version.version,
                       TEXT_ARG(when));
}

static bool explain_no_data(int status, struct text body, struct failure *why)
{
    vault_wire_explain_absence(status, body, why);
    return false;
}

void vault_wire_explain_absence(int status, struct text body, struct failure *why)
{
    struct text data;

    if (status == 404 && vault_splice_check(body, NULL)) {
        data = member(body, "data");
        if (is_object(data) && is_object(member(data, "metadata"))) {
            explain_gone(member(data, "metadata"), why);
            why->http_status = status;
            return;
        }
        if (!text_is(member(body, "warnings"), "null")) {
            failure_set(why, FAILURE_PROTOCOL, "404 with warnings: " WRONG_ENGINE);
            return;
        }
        if (text_is(member(body, "errors"), "[]")) {
            failure_set(why, FAILURE_NOT_FOUND, "404 no such secret or version");
            why->http_status = status;
            return;
        }
    }
    vault_wire_explain(status, body, 0, NULL, why);
}

/* ---- metadata -------------------------------------------------------------------------------- */

bool vault_wire_metadata(int status, struct text body, int64_t now, struct vault_version *ret,
                         struct failure *why)
{
    return vault_wire_metadata_of(status, body, 0, now, ret, why);
}

bool vault_wire_metadata_of(int status, struct text body, uint32_t asked, int64_t now,
                            struct vault_version *ret, struct failure *why)
{
    struct vault_version version = {.kv = 2};
    struct text data, current;
    int64_t deleted_at, ignored;
    char number[16];

    if (status != 200)
        return explain_no_data(status, body, why);
    if (!vault_splice_check(body, why))
        return false;
    data = member(body, "data");
    if (text_is(member(data, "current_version"), "0"))
        return failure_set(why, FAILURE_NOT_FOUND, "the secret has no version yet");
    if (!need_version(data, "current_version", &version.version, why) ||
        !need_time(data, "created_time", &version.key_created_at, &version.key_created_ns, why))
        return false;
    version.version = asked ? asked : version.version;
    snprintf(number, sizeof number, "%u", version.version);
    current = member(member(data, "versions"), number);
    if (!is_object(current) && asked)
        return failure_set(why, FAILURE_NOT_FOUND,
                           "the secret has no version %s, or no longer: only the newest are kept",
                           number);
    if (!is_object(current))
        return failure_set(why, FAILURE_PROTOCOL,
                           "the answer does not describe its current version %s", number);
    if (!need_time(current, "created_time", &version.created_at, &version.created_ns, why))
        return false;
    version.is_destroyed = text_is(member(current, "destroyed"), "true");
    if (plain_member(current, "deletion_time").size) {
        if (!need_time(current, "deletion_time", &deleted_at, &ignored, why))
            return false;
        version.is_deleted = deleted_at <= now;
    }
    *ret = version;
    return true;
}

bool vault_wire_key(int status, struct text body, int64_t now, struct vault_version *ret,
                    struct failure *why)
{
    struct vault_version version = {.kv = 2};
    struct failure absence;

    if (vault_wire_metadata(status, body, now, ret, &absence))
        return true;
    /* A 200 that calls it missing is about its versions. */
    if (status != 200 || absence.kind != FAILURE_NOT_FOUND) {
        *why = absence;
        return false;
    }
    if (!need_time(member(body, "data"), "created_time", &version.key_created_at,
                   &version.key_created_ns, why))
        return false;
    *ret = version;
    return true;
}

/* ---- data ------------------------------------------------------------------------------------ */

bool vault_wire_data(int status, struct text body, uint32_t asked, struct wire_secret *ret,
                     struct failure *why)
{
    struct wire_secret secret;
    struct text data, metadata;

    if (status != 200)
        return explain_no_data(status, body, why);
    if (!vault_splice_check(body, why))
        return false;
    data = member(body, "data");
    metadata = member(data, "metadata");
    if (!is_object(metadata))
        return failure_set(why, FAILURE_PROTOCOL, "200 without metadata: " WRONG_ENGINE);
    if (!read_version(metadata, &secret.version, why))
        return false;
    /* A deletion announced for later (delete_version_after) is no deletion: this is a 200. */
    secret.version.is_deleted = false;
    if (asked && secret.version.version != asked)
        return failure_set(why, FAILURE_PROTOCOL, "asked for version %u, answered with version %u",
                           asked, secret.version.version);
    secret.fields = member(data, "data");
    if (!is_object(secret.fields) && !text_is(secret.fields, "null"))
        return failure_set(why, FAILURE_PROTOCOL, "the secret is not an object");
    *ret = secret;
    return true;
}

bool vault_wire_data_v1(int status, struct text body, struct wire_secret *ret, struct failure *why)
{
    struct text data;

    if (status != 200)
        return explain_no_data(status, body, why);
    if (!vault_splice_check(body, why))
        return false;
    data = member(body, "data");
    if (!is_object(data))
        return failure_set(why, FAILURE_PROTOCOL, "200 without data: " WRONG_ENGINE);
    *ret = (struct wire_secret){.version.kv = 1, .fields = data};
    return true;
}

bool vault_wire_field(struct text fields, struct text field, enum vault_field_state *state,
                      struct secret **value, struct failure *why)
{
    struct buffer plain = {.limit = SECRET_LIMIT};
    struct text raw;
    bool ok = true;

    *value = NULL;
    if (!vault_splice_member(fields, field, &raw)) {
        *state = VAULT_FIELD_ABSENT;
        return true;
    }
    if (!text_starts_with(raw, TEXT("\""))) {
        *state = VAULT_FIELD_NOT_A_STRING;
        return true;
    }
    *state = VAULT_FIELD_PRESENT;
    if (!vault_splice_decode(raw, &plain) && raw.size > SECRET_LIMIT)
        ok = failure_set(why, FAILURE_TOO_LARGE, "the field is larger than %zu bytes: no key is",
                         SECRET_LIMIT);
    else if (!buffer_ok(&plain))
        ok = failure_out_of_memory(why);
    else if (text_contains_byte(buffer_text(&plain), '\0'))
        ok = failure_set(why, FAILURE_PROTOCOL, "the field holds a NUL character: no key does");
    else if (!(*value = secret_new(buffer_text(&plain))))
        ok = failure_out_of_memory(why);
    buffer_clear(&plain);
    return ok;
}

/* ---- writing --------------------------------------------------------------------------------- */

bool vault_wire_field_takes_text(struct text fields, struct text field, struct failure *why)
{
    static const struct {
        char first;
        const char *name;
    } kinds[] = {{'{', "an object"}, {'[', "a list"}, {'t', "true"}, {'f', "false"}, {'n', "null"}};
    const char *found = "a number";
    struct text raw;

    if (!vault_splice_member(fields, field, &raw) || raw.start[0] == '"')
        return true;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (raw.start[0] == kinds[i].first)
            found = kinds[i].name;
    return failure_set(why, FAILURE_INVALID,
                       "the field \"%.*s\" holds %s, not a string: nothing was written",
                       TEXT_ARG(field), found);
}

bool vault_wire_write_body(uint32_t expected, struct text fields, struct text field,
                           struct text value, struct buffer *out)
{
    buffer_printf(out, "{\"options\":{\"cas\":%u},\"data\":", expected);
    return vault_splice_set(fields, field, value, out) && buffer_append_byte(out, '}');
}

/* A 200 that does not say what was written: it may well have been. */
static bool unclear(struct failure *why)
{
    why->kind = FAILURE_AMBIGUOUS;
    failure_prefix(why, "answered 200");
    return false;
}

bool vault_wire_written(int status, struct text body, uint32_t expected,
                        const struct secret *hidden, struct vault_version *ret, struct failure *why)
{
    struct vault_version version;
    struct text warnings;

    if (status == 204)
        return failure_set(why, FAILURE_PROTOCOL,
                           "answered 204 to a check-and-set write: this is no KV version 2 mount, "
                           "and what was sent may now stand in the secret unprotected");
    /* A merge patch of a version that was deleted after it was read. */
    if (status == 404 && vault_splice_check(body, NULL) && is_object(member(body, "data"))) {
        explain_gone(member(body, "data"), why);
        return false;
    }
    if (status != 200) {
        vault_wire_explain(status, body, 0, hidden, why);
        return false;
    }
    if (!vault_splice_check(body, why))
        return unclear(why);
    warnings = member(body, "warnings");
    if (text_starts_with(warnings, TEXT("[")) &&
        text_trim(text_part(warnings, 1, warnings.size - 2)).size)
        return failure_set(why, FAILURE_PROTOCOL,
                           "the write was answered with a warning, so it may not have been "
                           "protected by check-and-set");
    if (!read_version(member(body, "data"), &version, why))
        return unclear(why);
    if (version.version != expected + 1)
        return failure_set(why, FAILURE_PROTOCOL, "wrote after version %u and got version %u",
                           expected, version.version);
    *ret = version;
    return true;
}

/* ---- rights ---------------------------------------------------------------------------------- */

static bool append_path(struct vault_key key, const char *part, struct buffer *out)
{
    buffer_append(out, key.mount);
    if (part)
        buffer_printf(out, "/%s", part);
    buffer_append_byte(out, '/');
    return buffer_append(out, key.path);
}

static void append_path_string(struct vault_key key, const char *part, struct buffer *out)
{
    struct buffer path = {.limit = 4096};

    append_path(key, part, &path);
    if (!buffer_ok(&path) || !vault_splice_encode(buffer_text(&path), out))
        out->is_broken = true;
    buffer_clear(&path);
}

void vault_wire_rights_body(struct vault_key key, int kv, struct buffer *out)
{
    buffer_append_string(out, "{\"paths\":[");
    append_path_string(key, kv == 2 ? "data" : NULL, out);
    if (kv == 2) {
        buffer_append_byte(out, ',');
        append_path_string(key, "metadata", out);
    }
    buffer_append_string(out, "]}");
}

static bool grants(const json_t *capabilities, const char *wanted)
{
    const json_t *capability;
    size_t i;

    json_array_foreach (capabilities, i, capability) {
        const char *name = json_string_value(capability);

        if (name && (strcmp(name, wanted) == 0 || strcmp(name, "root") == 0))
            return true;
    }
    return false;
}

static const json_t *capabilities_of(const json_t *answer, struct vault_key key, const char *part)
{
    struct buffer path = {.limit = 4096};
    const json_t *found = NULL;

    append_path(key, part, &path);
    if (buffer_ok(&path))
        found = json_object_get(json_at(answer, "data"), buffer_text(&path).start);
    buffer_clear(&path);
    return json_is_array(found) ? found : NULL;
}

bool vault_wire_rights(struct text body, struct vault_key key, int kv, struct vault_rights *ret,
                       struct failure *why)
{
    json_t *answer cleanup_with(json_clean) = json_read_object(body, why);
    const json_t *data, *metadata;

    if (!answer)
        return false;
    data = capabilities_of(answer, key, kv == 2 ? "data" : NULL);
    metadata = kv == 2 ? capabilities_of(answer, key, "metadata") : NULL;
    if (!data || (kv == 2 && !metadata))
        return failure_set(why, FAILURE_PROTOCOL, "the answer does not name the path asked about");
    *ret = (struct vault_rights){.may_read_data = grants(data, "read"),
                                 .may_read_metadata = grants(metadata, "read"),
                                 .may_create = grants(data, "create"),
                                 .may_update = grants(data, "update"),
                                 .may_patch = grants(data, "patch")};
    return true;
}
