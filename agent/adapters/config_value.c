/* SPDX-License-Identifier: Apache-2.0 */
/* One value by its type: what was found, what is expected. */
#include "agent/adapters/config_reader.h"

#include "base/moment.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

char *keep(struct reader *reader, struct text text)
{
    char *kept = pool_string(reader->pool, text);

    if (!kept)
        report_out_of_memory(reader->report);
    return kept;
}

bool need_text(struct reader *reader, const struct config_node *node, const char *expected,
               struct text *ret)
{
    char found[NODE_FOUND_SIZE];
    bool is_bare = node->kind == NODE_SCALAR && !node_is_text(node) && !node_is_null(node);

    if (!node_is_text(node)) {
        node_error(reader->report, node, "found %s, expected %s%s", node_found(node, false, found),
                   expected, is_bare ? ": put it in quotes if it is meant" : "");
        return false;
    }
    if (node->text.size == 0) {
        node_error(reader->report, node, "found an empty text, expected %s", expected);
        return false;
    }
    *ret = node->text;
    return true;
}

static void read_text(struct reader *reader, const struct config_key *key,
                      const struct config_node *node, char **ret)
{
    struct text text;

    if (!need_text(reader, node, "a text", &text))
        return;
    if (!(key->flags & KEY_MULTILINE) && !text_is_printable(text))
        node_error(reader->report, node, "found a text with control characters");
    else
        *ret = keep(reader, text);
}

static void read_name(struct reader *reader, const struct config_node *node, char **ret)
{
    struct text text;

    if (!need_text(reader, node, "a name", &text))
        return;
    if (!text_is_printable(text) || text_contains_byte(text, ' ') || text_contains_byte(text, '/'))
        node_error(reader->report, node, "a name has no spaces, slashes or control characters");
    else if (*text.start == '-')
        node_error(reader->report, node, "a name does not begin with '-'");
    else if (text.size > 256)
        node_error(reader->report, node, "a name has at most 256 bytes");
    else
        *ret = keep(reader, text);
}

static void read_vault_path(struct reader *reader, const struct config_node *node, char **ret)
{
    struct text text, rest, part;

    if (!need_text(reader, node, "a path in Vault", &text))
        return;
    while (text.size && *text.start == '/')
        text = text_part(text, 1, text.size);
    while (text.size && text.start[text.size - 1] == '/')
        text.size--;
    if (!text_is_printable(text)) {
        node_error(reader->report, node, "a path in Vault has no control characters");
        return;
    }
    rest = text;
    while (text_split(&rest, '/', &part)) {
        if (part.size && !text_is(part, ".") && !text_is(part, ".."))
            continue;
        node_error(reader->report, node,
                   "a path in Vault has no empty part and none that is \".\" or \"..\"");
        return;
    }
    *ret = keep(reader, text);
}

static void read_duration(struct reader *reader, const struct config_key *key,
                          const struct config_node *node, uint64_t *ret)
{
    struct failure why;
    uint64_t duration;
    char found[NODE_FOUND_SIZE], min[DURATION_SIZE], max[DURATION_SIZE];

    duration_format(key->min, min);
    duration_format(key->max, max);
    if (node_is_number(node))
        node_error(reader->report, node,
                   "found %s, expected a duration with its unit, such as 90s or 1h30m",
                   node_found(node, true, found));
    else if (!node_is_text(node))
        node_error(reader->report, node, "found %s, expected a duration such as 90s or 1h30m",
                   node_found(node, true, found));
    else if (!duration_parse(node->text, &duration, &why))
        node_error(reader->report, node,
                   "found %s, expected a duration such as 90s or 1h30m (units d h m s ms)",
                   node_found(node, true, found));
    else if (duration < key->min || duration > key->max)
        node_error(reader->report, node, "found %s, expected a duration from %s to %s",
                   node_found(node, true, found), min, max);
    else
        *ret = duration;
}

static void read_integer(struct reader *reader, const struct config_key *key,
                         const struct config_node *node, unsigned *ret)
{
    uint64_t number;
    char found[NODE_FOUND_SIZE];

    if (!node_is_number(node) || !text_parse_u64(node->text, key->max, &number) ||
        number < key->min)
        node_error(reader->report, node,
                   "found %s, expected a whole number from %" PRIu64 " to %" PRIu64,
                   node_found(node, true, found), key->min, key->max);
    else
        *ret = (unsigned)number;
}

static void read_boolean(struct reader *reader, const struct config_node *node, bool *ret)
{
    char found[NODE_FOUND_SIZE];

    if (!node_is_boolean(node, ret))
        node_error(reader->report, node, "found %s, expected true or false",
                   node_found(node, true, found));
}

static const struct config_word *read_word(struct reader *reader, const struct config_key *key,
                                           const struct config_node *node)
{
    const struct config_word *word = NULL;
    struct hint hint = {.found = node->text};
    char text[512], found[NODE_FOUND_SIZE];

    if (node_is_text(node))
        word = word_named(key->words, node->text);
    if (word && word->value != WORD_LATER)
        return word;
    for (const struct config_word *known = key->words; known->word; known++)
        if (known->value != WORD_LATER)
            hint_offer(&hint, known->word);
    if (word)
        node_error(reader->report, node,
                   "not supported yet by this version: \"%s\" (there are: %s)", word->word,
                   hint.known);
    else
        node_error(reader->report, node, "found %s, expected a word%s",
                   node_found(node, true, found), hint_text(&hint, text));
    return NULL;
}

/* One value stands for a list of one. */
static void read_several(struct reader *reader, const struct config_key *key,
                         const struct config_node *node, char *base)
{
    bool is_list = node->kind == NODE_LIST;
    size_t count = is_list ? node->count : 1;
    char **names = NULL;
    const struct config_node *child = is_list ? node->first : node;

    if (count && !(names = pool_take(reader->pool, count * sizeof(*names)))) {
        report_out_of_memory(reader->report);
        return;
    }
    for (size_t i = 0; i < count; i++, child = child->next)
        if (child->kind == NODE_REFUSED)
            continue;
        else if (key->type == KEY_SOCKETS)
            read_socket(reader, child, &names[i]);
        else
            read_url(reader, key, child, &names[i]);
    *(char ***)(void *)(base + key->at) = names;
    *(size_t *)(void *)(base + key->at_count) = count;
}

void read_value(struct reader *reader, const struct config_key *key, const struct config_node *node,
                void *base)
{
    void *at = (char *)base + key->at;
    struct config_secret *secret = (void *)((char *)base + key->at_secret);
    const struct config_word *word;

    switch (key->type) {
    case KEY_TEXT:
    case KEY_KIND:
        read_text(reader, key, node, at);
        break;
    case KEY_NAME:
        read_name(reader, node, at);
        break;
    case KEY_VAULT_PATH:
        read_vault_path(reader, node, at);
        break;
    case KEY_PATH:
        read_path(reader, key, node, at);
        break;
    case KEY_URL:
        read_url(reader, key, node, at);
        break;
    case KEY_STATE:
        read_state(reader, node, at);
        break;
    case KEY_WORD_TEXT:
        word = read_word(reader, key, node);
        *(char **)at = word ? keep(reader, text_of(word->word)) : NULL;
        break;
    case KEY_DURATION:
        read_duration(reader, key, node, at);
        break;
    case KEY_INTEGER:
        read_integer(reader, key, node, at);
        break;
    case KEY_BOOLEAN:
        read_boolean(reader, node, at);
        break;
    case KEY_WORD:
        word = read_word(reader, key, node);
        *(int *)at = word ? word->value : 0;
        break;
    case KEY_SECRET:
        read_secret(reader, node, secret);
        break;
    case KEY_SECRET_OR_TEXT:
        if (node->kind == NODE_MAP)
            read_secret(reader, node, secret);
        else
            read_name(reader, node, at);
        break;
    case KEY_SECRET_OR_URL:
        if (node->kind == NODE_MAP)
            read_secret(reader, node, secret);
        else
            read_url(reader, key, node, at);
        break;
    case KEY_PUBLIC_KEY:
        read_public_key(reader, node, at);
        break;
    case KEY_SOCKETS:
    case KEY_URLS:
        read_several(reader, key, node, base);
        break;
    case KEY_MAP:
    case KEY_TEXT_OR_MAP:
    case KEY_WORD_OR_MAP:
    case KEY_LIST:
    case KEY_LATER:
        abort(); /* config_map.c keeps these to itself */
    }
}
