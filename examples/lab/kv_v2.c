/* SPDX-License-Identifier: Apache-2.0 */
/* The data of secrets on a mount of KV version 2: reads of one version, check-and-set writes, merge
 * patches, soft deletion and its undoing, destruction. The shapes are those that OpenBao 2.7.2 was
 * seen to answer. */
#include "examples/lab/lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *version_json(const struct kv_secret *secret, unsigned number)
{
    const struct kv_version *version = &secret->versions[number - 1];

    return json_pack("{s:s, s:O?, s:s, s:b, s:i}", "created_time", version->created_time,
                     "custom_metadata", secret->custom_metadata, "deletion_time",
                     version->deletion_time, "destroyed", version->is_destroyed, "version",
                     (int)number);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void read_data(struct vault_call *call, const struct kv_secret *secret)
{
    char *wanted = server_parameter(call->exchange->request->query, "version", false);
    unsigned current = secret ? secret->current : 0, number;
    char *end = NULL;
    long asked = wanted ? strtol(wanted, &end, 10) : 0;
    bool is_number = !wanted || (*wanted && !*end);
    const struct kv_version *version;

    free(wanted);
    if (!is_number) {
        vault_error(
            call, 400,
            "Field validation failed: error converting input for field \"version\": '' cannot "
            "parse value as 'int': strconv.ParseInt: invalid syntax");
        return;
    }
    if (call->exchange->is_stale && current > 1)
        current--;
    number = asked <= 0 ? current : asked > (long)current ? 0 : (unsigned)asked;
    if (!number || secret->versions[number - 1].is_pruned) {
        vault_error(call, 404, NULL);
        return;
    }
    version = &secret->versions[number - 1];
    if (version->is_destroyed || kv_is_deleted(version))
        vault_reply_data(call, 404,
                         json_pack("{s:n, s:o}", "data", "metadata", version_json(secret, number)),
                         NULL);
    else
        vault_reply_data(call, 200,
                         json_pack("{s:O, s:o}", "data", version->data, "metadata",
                                   version_json(secret, number)),
                         NULL);
}

/* ---- writing --------------------------------------------------------------------------------- */

enum cas { CAS_ABSENT, CAS_GIVEN, CAS_BROKEN };

/* Decoded as weakly as the real one does it. */
static enum cas read_cas(const json_t *body, int64_t *ret)
{
    const json_t *cas = json_at(body, "options.cas");

    *ret = 0;
    if (!cas)
        return CAS_ABSENT;
    if (json_is_integer(cas)) {
        *ret = json_integer_value(cas);
    } else if (json_is_string(cas)) {
        const char *text = json_string_value(cas);
        char *end;

        *ret = strtoll(text, &end, 10);
        return *end ? CAS_BROKEN : CAS_GIVEN;
    } else if (json_is_boolean(cas)) {
        *ret = json_is_true(cas);
    } else if (!json_is_null(cas)) {
        return CAS_BROKEN;
    }
    return CAS_GIVEN;
}

/* Answers the call and returns false when the write must not happen. */
static bool cas_allows(struct vault_call *call, const struct kv_secret *secret)
{
    int64_t expected;
    enum cas cas = read_cas(call->body, &expected);

    if (cas == CAS_BROKEN)
        vault_error(call, 400, "error parsing check-and-set parameter");
    else if (cas == CAS_ABSENT && secret && secret->cas_required)
        vault_error(call, 400, "check-and-set parameter required for this call");
    else if (cas == CAS_GIVEN && expected != (secret ? (int64_t)secret->current : 0))
        vault_error(call, 400, "check-and-set parameter did not match the current version");
    else
        return true;
    return false;
}

/* Fills `text` with a warning and returns it, or NULL when every member is known. */
static const char *unknown_members(const json_t *body, char *text, size_t size)
{
    const char **names = json_names(body), *sep = "";
    size_t used = (size_t)snprintf(text, size, "Endpoint ignored these unrecognized parameters: [");

    for (const char **name = names; name && *name; name++) {
        if (!strcmp(*name, "data") || !strcmp(*name, "options") || !strcmp(*name, "version"))
            continue;
        if (used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", sep, *name);
        sep = " ";
    }
    free(names);
    if (!*sep)
        return NULL;
    if (used < size)
        snprintf(text + used, size - used, "]");
    return text;
}

static void store(struct vault_call *call, struct kv_mount *mount, struct text path, json_t *data)
{
    char text[256];
    struct kv_secret *secret = kv_find_or_add(mount, path);

    if (!secret)
        json_decref(data);
    if (secret && kv_write(secret, data))
        vault_reply_data(call, 200, version_json(secret, secret->current),
                         unknown_members(call->body, text, sizeof(text)));
    else
        vault_error(call, 500, "internal error");
}

static void write_data(struct vault_call *call, struct kv_mount *mount, struct text path)
{
    json_t *data = json_object_get(call->body, "data");

    if (!cas_allows(call, kv_find(mount, path)))
        return;
    if (!data)
        vault_error(call, 400, "no data provided");
    else if (!json_is_object(data) && !json_is_null(data))
        vault_error(
            call, 400,
            "error converting input for field \"data\": '' expected a map, got another type");
    else
        store(call, mount, path, kv_as_stored(data, 2));
}

/* RFC 7396. */
static void merge(json_t *into, const json_t *patch)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)patch, name, value) {
        json_t *old = json_object_get(into, name);

        if (json_is_null(value)) {
            json_object_del(into, name);
        } else if (json_is_object(value)) {
            if (!json_is_object(old)) {
                old = json_object();
                json_object_set_new(into, name, old);
            }
            merge(old, value);
        } else {
            json_object_set_new(into, name, kv_as_stored(value, 2));
        }
    }
}

bool kv_takes_patch(struct vault_call *call)
{
    struct text type = server_header(call->exchange->request, "Content-Type"), rest = type,
                word = {0};
    char text[256];

    if (text_split(&rest, ';', &word))
        word = text_trim(word);
    if (text_equal_ignoring_case(word, TEXT("application/merge-patch+json")))
        return true;
    if (!type.size) {
        vault_error(call, 400, "mime: no media type");
        return false;
    }
    snprintf(text, sizeof(text),
             "PATCH requires Content-Type of application/merge-patch+json, provided %.*s",
             TEXT_ARG(type));
    vault_error(call, 415, text);
    return false;
}

static void patch_data(struct vault_call *call, struct kv_mount *mount, struct text path)
{
    struct kv_secret *secret = kv_find(mount, path);
    const struct server_header json_type = {TEXT("Content-Type"), TEXT("application/json")};
    const json_t *patch = json_object_get(call->body, "data");
    const struct kv_version *version;

    if (!kv_takes_patch(call))
        return;
    if (!patch) {
        vault_error(call, 400, "no data provided");
    } else if (!json_is_object(patch)) {
        vault_error(
            call, 400,
            "error converting input for field \"data\": '' expected a map, got another type");
    } else if (!secret || !secret->current) {
        exchange_reply(call->exchange, 404, &json_type, 1, TEXT(""));
    } else if (cas_allows(call, secret)) {
        version = &secret->versions[secret->current - 1];
        if (version->is_destroyed || kv_is_deleted(version)) {
            vault_reply_data(call, 404, version_json(secret, secret->current), NULL);
        } else if (!json_is_object(version->data)) {
            vault_error(call, 500, "1 error occurred:\n\t* resource does not exist\n\n");
        } else {
            json_t *merged = json_deep_copy(version->data);

            merge(merged, patch);
            store(call, mount, path, kv_as_stored(merged, 2));
            json_decref(merged);
        }
    }
}

/* ---- deleting -------------------------------------------------------------------------------- */

enum removal { REMOVAL_DELETE, REMOVAL_UNDELETE, REMOVAL_DESTROY };

static void remove_version(struct kv_secret *secret, int64_t number, enum removal removal)
{
    struct kv_version *version;

    if (!secret || number < 1 || number > (int64_t)secret->current)
        return;
    version = &secret->versions[number - 1];
    if (version->is_destroyed || version->is_pruned)
        return;
    if (removal == REMOVAL_UNDELETE) {
        version->deletion_time[0] = '\0';
    } else if (removal == REMOVAL_DELETE) {
        if (!version->deletion_time[0])
            timestamp_now(version->deletion_time);
    } else {
        version->is_destroyed = true;
        json_decref(version->data);
        version->data = NULL;
    }
}

static void remove_versions(struct vault_call *call, struct kv_secret *secret, enum removal removal)
{
    const json_t *versions = json_object_get(call->body, "versions"), *version;
    size_t index;

    if (!vault_method_is(call, "POST")) {
        vault_error(call, 405, "1 error occurred:\n\t* unsupported operation\n\n");
    } else if (!vault_may(call, "update")) {
        vault_denied(call);
    } else if (!json_is_array(versions) || json_array_size(versions) == 0) {
        vault_error(call, 400,
                    removal == REMOVAL_DESTROY ? "no version number provided"
                                               : "No version number provided");
    } else {
        json_array_foreach (versions, index, version) {
            remove_version(secret, json_integer_value(version), removal);
        }
        vault_no_content(call);
    }
}

/* ---- the way there --------------------------------------------------------------------------- */

static void data_handle(struct vault_call *call, struct kv_mount *mount, struct text path)
{
    bool has_slash = text_ends_with(path, TEXT("/"));
    struct text bare = text_part(path, 0, has_slash ? path.size - 1 : path.size);
    struct kv_secret *secret = kv_find(mount, bare);

    if (vault_method_is(call, "GET")) {
        if (!vault_may(call, "read"))
            vault_denied(call);
        else if (has_slash && secret)
            vault_error(call, 500, "1 error occurred:\n\t* could not find version data\n\n");
        else
            read_data(call, secret);
    } else if (vault_method_is(call, "POST")) {
        if (!vault_may(call, secret ? "update" : "create"))
            vault_denied(call);
        else if (has_slash)
            vault_error(call, 400, "cannot write to a path ending in '/'");
        else
            write_data(call, mount, bare);
    } else if (vault_method_is(call, "PATCH")) {
        if (vault_may(call, "patch"))
            patch_data(call, mount, bare);
        else
            vault_denied(call);
    } else if (vault_method_is(call, "DELETE")) {
        if (!vault_may(call, "delete")) {
            vault_denied(call);
            return;
        }
        if (secret)
            remove_version(secret, secret->current, REMOVAL_DELETE);
        vault_no_content(call);
    } else {
        vault_error(call, 405, NULL);
    }
}

/* A path in the form of version 1: the server says how to do it right. */
static void wrong_form(struct vault_call *call)
{
    static const struct {
        const char *method, *verb;
    } verbs[] = {{"POST", "put"}, {"PATCH", "patch"}, {"DELETE", "delete"}, {"LIST", "list"}};
    const char *verb = "get";
    char text[256];

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (vault_method_is(call, verbs[i].method))
            verb = verbs[i].verb;
    }
    snprintf(
        text, sizeof(text),
        "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API "
        "endpoints to use. If using the OpenBao CLI, use 'bao kv %s' for this operation.",
        verb);
    vault_reply_data(call, 404, NULL, text);
}

void kv_v2_handle(struct vault_call *call, struct kv_mount *mount, struct text path)
{
    struct text rest = path, operation = {0};

    text_split(&rest, '/', &operation);
    if (text_is(operation, "metadata") && (rest.size || vault_method_is(call, "LIST")))
        kv_metadata_handle(call, mount, rest);
    else if (text_is(operation, "detailed-metadata") && vault_method_is(call, "LIST"))
        kv_list_handle(call, mount, rest, true);
    else if (text_is(operation, "config") && !rest.size && vault_method_is(call, "GET"))
        vault_reply_data(call, 200,
                         json_pack("{s:b, s:s, s:i}", "cas_required", 0, "delete_version_after",
                                   "0s", "max_versions", 0),
                         NULL);
    else if (text_is(operation, "data") && vault_method_is(call, "LIST"))
        vault_error(call, 405, "1 error occurred:\n\t* unsupported operation\n\n");
    else if (text_is(operation, "data") && rest.size)
        data_handle(call, mount, rest);
    else if (text_is(operation, "delete") && rest.size)
        remove_versions(call, kv_find(mount, rest), REMOVAL_DELETE);
    else if (text_is(operation, "undelete") && rest.size)
        remove_versions(call, kv_find(mount, rest), REMOVAL_UNDELETE);
    else if (text_is(operation, "destroy") && rest.size)
        remove_versions(call, kv_find(mount, rest), REMOVAL_DESTROY);
    else if (!vault_may(call, "read"))
        vault_denied(call);
    else if (text_is(operation, "data"))
        vault_reply_data(call, 404, NULL,
                         "Non-listing operations on the root of a K/V v2 mount are not supported.");
    else
        wrong_form(call);
}
