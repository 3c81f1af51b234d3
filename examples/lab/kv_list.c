/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of both versions. Pages are version 2's: version 1 sends all and warns that it did not
 * understand. "detailed-metadata" is a list with the metadata of each name. */
#include "examples/lab/lab.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct page {
    char *after;
    long limit; /* 0 and less: no limit */
};

static bool read_page(struct vault_call *call, struct page *page)
{
    struct text query = call->exchange->request->query;
    char *limit = server_parameter(query, "limit", false), *end = NULL;

    *page = (struct page){.limit = limit ? strtol(limit, &end, 10) : 0};
    if (limit && (!*limit || *end)) {
        free(limit);
        vault_error(call, 400,
                    "Field validation failed: error converting input for field \"limit\": '' "
                    "cannot parse value as 'int': strconv.ParseInt: invalid syntax");
        return false;
    }
    free(limit);
    page->after = server_parameter(query, "after", false);
    return true;
}

/* What follows `after`, at most `limit` of it. Takes `names`; NULL when nothing is left. */
static json_t *cut(json_t *names, const struct page *page)
{
    json_t *part = json_array(), *name;
    size_t index;

    json_array_foreach (names, index, name) {
        if (page->after && strcmp(json_string_value(name), page->after) <= 0)
            continue;
        if (page->limit > 0 && json_array_size(part) == (size_t)page->limit)
            break;
        json_array_append(part, name);
    }
    json_decref(names);
    if (json_array_size(part))
        return part;
    json_decref(part);
    return NULL;
}

/* Names below a folder, which may be written without its slash. */
static json_t *names_below(const struct kv_mount *mount, struct text path)
{
    char *folder;
    json_t *names;

    if (!path.size || text_ends_with(path, TEXT("/")))
        return kv_list(mount, path);
    folder = malloc(path.size + 2);
    if (!folder)
        return NULL;
    memcpy(folder, path.start, path.size);
    folder[path.size] = '/';
    names = kv_list(mount, (struct text){folder, path.size + 1});
    free(folder);
    return names;
}

static json_t *details(const struct kv_mount *mount, struct text path, const json_t *names)
{
    bool has_slash = !path.size || text_ends_with(path, TEXT("/"));
    json_t *info = json_object(), *name;
    size_t index;

    json_array_foreach ((json_t *)(uintptr_t)names, index, name) {
        char whole[1200];
        const struct kv_secret *secret;

        snprintf(whole, sizeof(whole), "%.*s%s%s", TEXT_ARG(path), has_slash ? "" : "/",
                 json_string_value(name));
        secret = kv_find(mount, text_of(whole));
        json_object_set_new(info, json_string_value(name),
                            secret ? kv_metadata_json(secret, secret->current) : json_object());
    }
    return info;
}

void kv_list_handle(struct vault_call *call, const struct kv_mount *mount, struct text path,
                    bool is_detailed)
{
    struct page page;
    json_t *names;

    if (!vault_may(call, "list")) {
        vault_denied(call);
        return;
    }
    if (!read_page(call, &page))
        return;
    names = names_below(mount, path);
    if (names)
        names = cut(names, &page);
    free(page.after);
    if (names && is_detailed)
        vault_reply_data(
            call, 200,
            json_pack("{s:o, s:o}", "key_info", details(mount, path, names), "keys", names), NULL);
    else if (names)
        vault_reply_data(call, 200, json_pack("{s:o}", "keys", names), NULL);
    else
        vault_error(call, 404, NULL);
}

/* Version 1 knows no pages, and says so. */
void kv_v1_list_handle(struct vault_call *call, const struct kv_mount *mount, struct text path)
{
    static const char *const pages[] = {"after", "limit"};
    char warning[128] = "Endpoint ignored these unrecognized parameters: [";
    size_t start = strlen(warning), used = start;
    json_t *names;

    if (!vault_may(call, "list")) {
        vault_denied(call);
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        char *value = server_parameter(call->exchange->request->query, pages[i], false);

        if (value)
            used += (size_t)snprintf(warning + used, sizeof(warning) - used, "%s%s",
                                     used > start ? " " : "", pages[i]);
        free(value);
    }
    snprintf(warning + used, sizeof(warning) - used, "]");
    names = names_below(mount, path);
    if (names)
        vault_reply_data(call, 200, json_pack("{s:o}", "keys", names),
                         used > start ? warning : NULL);
    else
        vault_error(call, 404, NULL);
}
