/* SPDX-License-Identifier: Apache-2.0 */
/* The rules that concern more than one key. Values that were refused before are zero here and are
 * passed over. */
#include "agent/adapters/config_reader.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    const void *item;
    const struct config_node *node;
    size_t index;
};

typedef int compare_entries(const void *a, const void *b);
typedef void say_same(struct reader *reader, const struct entry *first, const struct entry *other);

static int by_index(const struct entry *a, const struct entry *b)
{
    return (a->index > b->index) - (a->index < b->index);
}

static int binding_names(const void *a, const void *b)
{
    const struct config_binding *left = ((const struct entry *)a)->item;
    const struct config_binding *right = ((const struct entry *)b)->item;

    return strcmp(left->name ? left->name : "", right->name ? right->name : "");
}

static int compare_strings(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static int binding_copies(const void *a, const void *b)
{
    const struct config_binding *left = ((const struct entry *)a)->item;
    const struct config_binding *right = ((const struct entry *)b)->item;
    int order = compare_strings(left->mount, right->mount);

    order = order ? order : compare_strings(left->path, right->path);
    return order ? order : compare_strings(left->field, right->field);
}

static int approver_names(const void *a, const void *b)
{
    const struct approver *left = ((const struct entry *)a)->item;
    const struct approver *right = ((const struct entry *)b)->item;

    return compare_strings(left->name, right->name);
}

static int approver_keys(const void *a, const void *b)
{
    const struct approver *left = ((const struct entry *)a)->item;
    const struct approver *right = ((const struct entry *)b)->item;

    return memcmp(left->public_key, right->public_key, sizeof(left->public_key));
}

static void say_binding_name(struct reader *reader, const struct entry *first,
                             const struct entry *other)
{
    const struct config_binding *binding = other->item;

    if (binding->name)
        node_error(reader->report, node_at(other->node, "name"),
                   "another binding has the name \"%s\", at line %u", binding->name,
                   first->node->place.line);
}

static void say_binding_copy(struct reader *reader, const struct entry *first,
                             const struct entry *other)
{
    const struct config_binding *binding = other->item;

    if (binding->mount && binding->path && binding->field)
        node_warning(reader->report, node_at(other->node, "copy"),
                     "the binding at line %u has the same copy: a repair of one changes the other",
                     first->node->place.line);
}

static void say_approver_name(struct reader *reader, const struct entry *first,
                              const struct entry *other)
{
    const struct approver *approver = other->item;

    if (approver->name)
        node_error(reader->report, node_at(other->node, "name"),
                   "another approver has the name \"%s\", at line %u", approver->name,
                   first->node->place.line);
}

static void say_approver_key(struct reader *reader, const struct entry *first,
                             const struct entry *other)
{
    static const uint8_t none[32];
    const struct approver *approver = other->item;

    if (memcmp(approver->public_key, none, sizeof(none)) != 0)
        node_error(reader->report, node_at(other->node, "public_key"),
                   "the approver at line %u has the same key: one person would count twice",
                   first->node->place.line);
}

/* Sorts and tells of each that equals the first of its kind. */
static void find_same(struct reader *reader, const struct config_node *list, const void *items,
                      size_t count, size_t size, compare_entries *compare, say_same *say)
{
    struct entry *entries;
    const struct config_node *node = list ? list->first : NULL;
    size_t from = 0;

    if (count < 2)
        return;
    entries = memory_zeroed(count, sizeof(*entries));
    if (!entries) {
        report_out_of_memory(reader->report);
        return;
    }
    for (size_t i = 0; i < count && node; i++, node = node->next)
        entries[i] = (struct entry){(const char *)items + i * size, node, i};
    qsort(entries, count, sizeof(*entries), compare);
    for (size_t to = 1; to <= count; to++) {
        size_t first = from;

        if (to < count && compare(&entries[from], &entries[to]) == 0)
            continue;
        for (size_t i = from; i < to; i++)
            if (by_index(&entries[i], &entries[first]) < 0)
                first = i;
        for (size_t i = from; i < to; i++)
            if (i != first)
                say(reader, &entries[first], &entries[i]);
        from = to;
    }
    memory_free(entries);
}

static void check_approval(struct reader *reader, const struct config_node *approval,
                           const struct config *config)
{
    const struct config_node *required = node_at(approval, "required");

    if (required && config->approvals_required > config->approver_count &&
        (config->approver_count || config->approvals_required > 1))
        node_error(reader->report, required,
                   "%u approvals are required, but there %s %zu approver%s: no plan could ever be "
                   "approved",
                   config->approvals_required, config->approver_count == 1 ? "is" : "are",
                   config->approver_count, config->approver_count == 1 ? "" : "s");
}

static void check_vault(struct reader *reader, const struct config_node *vault,
                        const struct config_vault *config)
{
    const struct config_node *certificate = node_at(vault, "client_cert_file");
    const struct config_node *key = node_at(vault, "client_key_file");
    const struct config_node *auth = node_at(vault, "auth");
    const struct config_node *wrapped = node_at(auth, "wrapped");
    const struct config_node *removed = node_at(auth, "remove_secret_id_file_after_reading");

    if (certificate && !key)
        node_key_error(reader->report, certificate, "needs \"client_key_file\" beside it");
    if (key && !certificate)
        node_key_error(reader->report, key, "needs \"client_cert_file\" beside it");
    if (wrapped && !node_at(auth, "secret_id"))
        node_key_error(reader->report, wrapped, "needs \"secret_id\" beside it");
    if (removed && !node_at(node_at(auth, "secret_id"), "file"))
        node_key_error(reader->report, removed, "needs \"secret_id\" in a file");
    if (config->method == CONFIG_VAULT_CERT && !certificate)
        node_key_error(reader->report, node_at(auth, "method"),
                       "cert needs \"client_cert_file\" and \"client_key_file\" in \"vault\"");
}

void check_whole(struct reader *reader, const struct config_node *top, struct config *config)
{
    const struct config_node *bindings = node_at(top, "bindings");
    const struct config_node *binding = bindings ? bindings->first : NULL;
    const struct config_node *azure = node_at(top, "azure");
    const struct config_node *approval = node_at(top, "approval");
    const struct config_node *approvers = node_at(approval, "approvers");

    for (size_t i = 0; i < config->binding_count && binding; i++, binding = binding->next)
        resolve_source(reader, binding, &config->bindings[i]);
    find_same(reader, bindings, config->bindings, config->binding_count, sizeof(*config->bindings),
              binding_names, say_binding_name);
    find_same(reader, bindings, config->bindings, config->binding_count, sizeof(*config->bindings),
              binding_copies, say_binding_copy);
    find_same(reader, approvers, config->approvers, config->approver_count,
              sizeof(*config->approvers), approver_names, say_approver_name);
    find_same(reader, approvers, config->approvers, config->approver_count,
              sizeof(*config->approvers), approver_keys, say_approver_key);
    check_vault(reader, node_at(top, "vault"), &config->vault);
    check_approval(reader, approval, config);
    if (node_at(azure, "ca_file") && node_at(node_at(azure, "cloud"), "ca_file"))
        node_key_error(reader->report, node_at(azure, "ca_file"),
                       "stands in \"cloud\" too: write it once");
}
