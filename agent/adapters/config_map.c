/* SPDX-License-Identifier: Apache-2.0 */
/* Walks a map of the file and its table side by side: unknown, missing and misplaced keys, then
 * each value. A map whose method is not there yet is reported once, not key by key. */
#include "agent/adapters/config_reader.h"

static void say_unknown(struct reader *reader, const struct config_table *table,
                        const struct config_node *node)
{
    struct hint hint = {.found = node->key};
    char text[512];

    for (const struct config_key *key = table->keys; key->name; key++)
        if (key->type != KEY_LATER)
            hint_offer(&hint, key->name);
    node_key_error(reader->report, node, "unknown key%s", hint_text(&hint, text));
}

static void read_list(struct reader *reader, const struct config_key *key,
                      const struct config_node *node, char *base)
{
    char *items;
    char found[NODE_FOUND_SIZE];
    const struct config_node *child = node->first;

    if (node->kind != NODE_LIST) {
        node_error(reader->report, node, "found %s, expected a list",
                   node_found(node, false, found));
        return;
    }
    if (node->count < key->min)
        node_error(reader->report, node, "found an empty list, expected at least one entry");
    items = node->count ? pool_take(reader->pool, node->count * key->table->size) : NULL;
    if (node->count && !items)
        report_out_of_memory(reader->report);
    if (!items)
        return;
    for (size_t i = 0; child; child = child->next, i++)
        read_map(reader, key->table, child, items + i * key->table->size);
    *(char **)(void *)(base + key->at) = items;
    *(size_t *)(void *)(base + key->at_count) = node->count;
}

static void read_word_or_map(struct reader *reader, const struct config_key *key,
                             const struct config_node *node, char *base)
{
    struct config_key as_word = *key;

    if (node->kind == NODE_MAP) {
        read_map(reader, key->table, node, base);
        return;
    }
    if (key->type == KEY_TEXT_OR_MAP) {
        as_word.type = KEY_WORD_TEXT;
        read_value(reader, &as_word, node, base);
        return;
    }
    as_word.type = KEY_WORD;
    if (node_is_text(node) && word_named(key->words, node->text) &&
        word_named(key->words, node->text)->value != WORD_LATER &&
        !text_is(node->text, key->words->word))
        node_error(reader->report, node,
                   "found only the word \"%.*s\", expected { method: %.*s, ... }",
                   TEXT_ARG(node->text), TEXT_ARG(node->text));
    else
        read_value(reader, &as_word, node, base);
}

static void read_key(struct reader *reader, const struct config_key *key,
                     const struct config_node *node, char *base)
{
    switch ((int)key->type) {
    case KEY_MAP:
        if (key->at_present)
            *(bool *)(base + key->at_present) = true;
        read_map(reader, key->table, node, base + key->at);
        break;
    case KEY_LIST:
        read_list(reader, key, node, base);
        break;
    case KEY_TEXT_OR_MAP:
    case KEY_WORD_OR_MAP:
        read_word_or_map(reader, key, node, base);
        break;
    case KEY_LATER:
        node_key_error(reader->report, node, "not supported yet by this version: \"%s\"",
                       key->name);
        break;
    default:
        read_value(reader, key, node, base);
    }
}

static void read_default(struct reader *reader, const struct config_key *key, char *base)
{
    struct config_node node = {
        .kind = NODE_SCALAR,
        .is_plain = key->type == KEY_BOOLEAN || key->type == KEY_INTEGER,
        .text = text_of(key->fallback),
    };

    if (key->type == KEY_MAP)
        read_map(reader, key->table, NULL, base + key->at);
    else if (key->fallback)
        read_key(reader, key, &node, base);
}

/* What the selector's word leaves of the table. */
struct selection {
    const struct config_key *key;
    const struct config_word *word; /* NULL: not said, or no known word */
};

static struct selection selection_of(const struct config_table *table,
                                     const struct config_node *node)
{
    struct selection selection = {.key = table_selector(table)};
    const struct config_node *word;

    if (!selection.key || !node)
        return selection;
    word = node_at(node, selection.key->name);
    if (word && node_is_text(word))
        selection.word = word_named(selection.key->words, word->text);
    return selection;
}

static void read_child(struct reader *reader, const struct config_key *key,
                       const struct config_node *node, const struct selection *selection,
                       void *base)
{
    const struct config_node *child = node_at(node, key->name);
    unsigned bit = selection->word ? BIT_OF(selection->word->value) : 0;
    bool is_needed = key->flags & KEY_REQUIRED || key->needed_for & bit;

    if (child && bit && key->only_for && !(key->only_for & bit))
        node_key_error(reader->report, child, "not used with %s %s", selection->key->name,
                       selection->word->word);
    else if (child && child->kind != NODE_REFUSED)
        read_key(reader, key, child, base);
    else if (!child && node && is_needed)
        node_key_error(reader->report, node, "missing key \"%s\": %s", key->name, key->what);
    else if (!child)
        read_default(reader, key, base);
}

void read_map(struct reader *reader, const struct config_table *table,
              const struct config_node *node, void *base)
{
    struct selection selection = selection_of(table, node);
    char found[NODE_FOUND_SIZE];

    if (node && node->kind == NODE_REFUSED)
        return;
    if (node && node->kind != NODE_MAP) {
        node_error(reader->report, node, "found %s, expected a map of keys",
                   node_found(node, false, found));
        return;
    }
    if (selection.word && selection.word->value == WORD_LATER) {
        read_value(reader, selection.key, node_at(node, selection.key->name), base);
        return;
    }
    for (const struct config_node *child = node ? node->first : NULL; child; child = child->next)
        if (!table_key(table, child->key))
            say_unknown(reader, table, child);
    for (const struct config_key *key = table->keys; key->name; key++)
        read_child(reader, key, node, &selection, base);
}
