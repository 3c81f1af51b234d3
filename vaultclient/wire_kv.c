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

static bool need_time(const json_t *json, const char *path, int64_t *at, int64_t *rest_ns,
                      struct failure *why)
{
    struct text text;

    if (!json_need_text(json, path, &text, why))
        return false;
    return read_time(text, at, rest_ns) ||
           failure_set(why, FAILURE_PROTOCOL, "\"%s\" is not a time", path);
}

static bool need_version(const json_t *json, const char *path, uint32_t *ret, struct failure *why)
{
    int64_t version;

    if (!json_need_integer(json, path, &version, why))
        return false;
    if (version < 1 || version > UINT32_MAX)
        return failure_set(why, FAILURE_PROTOCOL, "\"%s\" is not a version number", path);
    *ret = (uint32_t)version;
    return true;
}

/* The object that describes one version, in data answers and in those of writes. */
static bool read_version(const json_t *json, struct vault_version *ret, struct failure *why)
{
    struct vault_version version = {.kv = 2};

    if (!need_version(json, "version", &version.version, why) ||
        !need_time(json, "created_time", &version.created_at, &version.created_ns, why))
        return false;
    version.is_destroyed = json_boolean_at(json, "destroyed", false);
    version.is_deleted = json_text_at(json, "deletion_time").size > 0;
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

static struct text member(struct text object, const char *name)
{
    struct text value;

    return vault_splice_member(object, text_of(name), &value) ? value : TEXT("null");
}

static bool is_object(struct text raw)
{
    return text_starts_with(raw, TEXT("{"));
}

/* A 404 with metadata: there was such a version. */
static bool explain_gone(struct text metadata, struct failure *why)
{
    json_t *json cleanup_with(json_clean) = json_read_object(metadata, why);
    struct vault_version version;
    struct text when;

    if (!json || !read_version(json, &version, why))
        return false;
    if (version.is_destroyed)
        return failure_set(why, FAILURE_DESTROYED, "version %u was destroyed", version.version);
    when = json_text_at(json, "deletion_time");
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
    json_t *answer cleanup_with(json_clean) = NULL;
    struct vault_version version = {.kv = 2};
    const json_t *current;
    int64_t deleted_at, ignored;
    char number[16];

    if (status != 200)
        return explain_no_data(status, body, why);
    answer = json_read_object(body, why);
    if (!answer)
        return false;
    if (json_integer_at(answer, "data.current_version", -1) == 0)
        return failure_set(why, FAILURE_NOT_FOUND, "the secret has no version yet");
    if (!need_version(answer, "data.current_version", &version.version, why) ||
        !need_time(answer, "data.created_time", &version.key_created_at, &version.key_created_ns,
                   why))
        return false;
    version.version = asked ? asked : version.version;
    snprintf(number, sizeof number, "%u", version.version);
    current = json_object_get(json_at(answer, "data.versions"), number);
    if (!current && asked)
        return failure_set(why, FAILURE_NOT_FOUND,
                           "the secret has no version %s, or no longer: only the newest are kept",
                           number);
    if (!current)
        return failure_set(why, FAILURE_PROTOCOL,
                           "the answer does not describe its current version %s", number);
    if (!need_time(current, "created_time", &version.created_at, &version.created_ns, why))
        return false;
    version.is_destroyed = json_boolean_at(current, "destroyed", false);
    if (json_text_at(current, "deletion_time").size) {
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
    json_t *answer cleanup_with(json_clean) = NULL;
    struct failure absence;

    if (vault_wire_metadata(status, body, now, ret, &absence))
        return true;
    /* A 200 that calls it missing is about its versions. */
    if (status != 200 || absence.kind != FAILURE_NOT_FOUND) {
        *why = absence;
        return false;
    }
    answer = json_read_object(body, why);
    if (!answer)
        return false;
    if (!need_time(answer, "data.created_time", &version.key_created_at, &version.key_created_ns,
                   why))
        return false;
    *ret = version;
    return true;
}

/* ---- data ------------------------------------------------------------------------------------ */

bool vault_wire_data(int status, struct text body, uint32_t asked, struct wire_secret *ret,
                     struct failure *why)
{
    json_t *metadata cleanup_with(json_clean) = NULL;
    struct wire_secret secret;
    struct text data;

    if (status != 200)
        return explain_no_data(status, body, why);
    if (!vault_splice_check(body, why))
        return false;
    data = member(body, "data");
    if (!is_object(member(data, "metadata")))
        return failure_set(why, FAILURE_PROTOCOL, "200 without metadata: " WRONG_ENGINE);
    metadata = json_read_object(member(data, "metadata"), why);
    if (!metadata || !read_version(metadata, &secret.version, why))
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
    json_t *answer cleanup_with(json_clean) = NULL;
    struct vault_version version;
    const json_t *data, *warnings;

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
    answer = json_read_object(body, why);
    if (!answer)
        return unclear(why);
    data = json_at(answer, "data");
    warnings = json_at(answer, "warnings");
    if (json_array_size(warnings) > 0)
        return failure_set(why, FAILURE_PROTOCOL,
                           "the write was answered with a warning, so it may not have been "
                           "protected by check-and-set");
    if (!read_version(data, &version, why))
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
