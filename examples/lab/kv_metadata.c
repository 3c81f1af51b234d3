/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata of secrets on a mount of KV version 2: everything but the values. */
#include "examples/lab/lab.h"

#include <stdio.h>

/* As Go writes durations: "1h0m5s". */
static void duration_words(int64_t seconds, char *out, size_t size)
{
    long long h = seconds / 3600, m = seconds / 60 % 60, s = seconds % 60;

    if (h)
        snprintf(out, size, "%lldh%lldm%llds", h, m, s);
    else if (m)
        snprintf(out, size, "%lldm%llds", m, s);
    else
        snprintf(out, size, "%llds", s);
}

json_t *kv_metadata_json(const struct kv_secret *secret, unsigned current)
{
    json_t *versions = json_object();
    const char *updated = secret->updated_time;
    unsigned oldest = 0;
    char after[64];

    for (unsigned i = 0; i < current; i++) {
        const struct kv_version *version = &secret->versions[i];
        char number[16];

        if (version->is_pruned)
            continue;
        if (i && secret->versions[i - 1].is_pruned)
            oldest = i + 1;
        snprintf(number, sizeof(number), "%u", i + 1);
        json_object_set_new(versions, number,
                            json_pack("{s:s, s:s, s:b}", "created_time", version->created_time,
                                      "deletion_time", version->deletion_time, "destroyed",
                                      version->is_destroyed));
    }
    if (current && current < secret->current)
        updated = secret->versions[current - 1].created_time;
    duration_words(secret->delete_after_s, after, sizeof(after));
    return json_pack("{s:b, s:s, s:i, s:i, s:O?, s:s, s:i, s:b, s:i, s:s, s:o}", "cas_required",
                     secret->cas_required, "created_time", secret->created_time,
                     "current_metadata_version", (int)secret->metadata_version, "current_version",
                     (int)current, "custom_metadata", secret->custom_metadata,
                     "delete_version_after", after, "max_versions", (int)secret->max_versions,
                     "metadata_cas_required", secret->metadata_cas_required, "oldest_version",
                     (int)oldest, "updated_time", updated, "versions", versions);
}

static void read_metadata(struct vault_call *call, const struct kv_secret *secret)
{
    unsigned current;

    if (!secret) {
        vault_error(call, 404, NULL);
        return;
    }
    current = secret->current;
    if (call->exchange->is_stale && current > 1)
        current--;
    vault_reply_data(call, 200, kv_metadata_json(secret, current), NULL);
}

/* Answers the call and returns false when the write must not happen. */
static bool cas_allows(struct vault_call *call, const struct kv_secret *secret)
{
    const json_t *cas = json_object_get(call->body, "metadata_cas");

    if (cas && !json_is_integer(cas))
        vault_error(call, 400,
                    "error converting input for field \"metadata_cas\": '' cannot parse value as "
                    "'int': strconv.ParseInt: invalid syntax");
    else if (!cas && secret && secret->metadata_cas_required)
        vault_error(call, 400, "metadata check-and-set parameter required for this call");
    else if (cas && !secret && json_integer_value(cas) != 0)
        vault_error(call, 400, "metadata_cas must be 0 when creating new metadata");
    else if (cas && secret && json_integer_value(cas) != (json_int_t)secret->metadata_version)
        vault_error(call, 400,
                    "metadata check-and-set parameter does not match the current version");
    else
        return true;
    return false;
}

static void write_metadata(struct vault_call *call, struct kv_mount *mount, struct text path,
                           bool is_patch)
{
    const json_t *cas_required = json_object_get(call->body, "cas_required");
    const json_t *metadata_cas_required = json_object_get(call->body, "metadata_cas_required");
    const struct kv_secret *old = kv_find(mount, path);
    json_t *custom;
    int64_t max_versions = json_integer_at(call->body, "max_versions", -1);
    struct kv_secret *secret;
    struct text after = json_text_at(call->body, "delete_version_after");
    int64_t after_s = 0;

    if (after.start && !vault_seconds(after, &after_s)) {
        vault_error(call, 400, "error converting input for field \"delete_version_after\"");
        return;
    }
    if (json_object_size(call->body) == 0) { /* nothing said: nothing made */
        vault_no_content(call);
        return;
    }
    if (!cas_allows(call, old) ||
        !kv_custom_change(call, old ? old->custom_metadata : NULL, is_patch, &custom))
        return;
    secret = kv_find_or_add(mount, path);
    if (!secret) {
        json_decref(custom);
        vault_error(call, 500, "internal error");
        return;
    }
    secret->metadata_version++;
    if (after.start)
        secret->delete_after_s = after_s;
    if (max_versions >= 0)
        secret->max_versions = (unsigned)max_versions;
    if (json_is_boolean(cas_required))
        secret->cas_required = json_is_true(cas_required);
    if (json_is_boolean(metadata_cas_required))
        secret->metadata_cas_required = json_is_true(metadata_cas_required);
    json_decref(secret->custom_metadata);
    secret->custom_metadata = custom;
    timestamp_now(secret->updated_time);
    vault_no_content(call);
}

void kv_metadata_handle(struct vault_call *call, struct kv_mount *mount, struct text path)
{
    struct kv_secret *secret = kv_find(mount, path);

    if (vault_method_is(call, "LIST")) {
        kv_list_handle(call, mount, path, false);
    } else if (vault_method_is(call, "GET")) {
        if (vault_may(call, "read"))
            read_metadata(call, secret);
        else
            vault_denied(call);
    } else if (vault_method_is(call, "POST")) {
        if (vault_may(call, secret ? "update" : "create"))
            write_metadata(call, mount, path, false);
        else
            vault_denied(call);
    } else if (vault_method_is(call, "PATCH")) {
        const struct server_header type = {TEXT("Content-Type"), TEXT("application/json")};

        if (!vault_may(call, "patch")) {
            vault_denied(call);
            return;
        }
        if (!kv_takes_patch(call))
            return;
        if (secret)
            write_metadata(call, mount, path, true);
        else
            exchange_reply(call->exchange, 404, &type, 1, TEXT(""));
    } else if (vault_method_is(call, "DELETE")) {
        if (!vault_may(call, "delete")) {
            vault_denied(call);
            return;
        }
        if (secret)
            kv_remove(mount, secret);
        vault_no_content(call);
    } else {
        vault_error(call, 405, NULL);
    }
}
