/* SPDX-License-Identifier: Apache-2.0 */
/* From bytes to a tree, through libfyaml's events.
 *
 * Events, not its documents: those follow aliases without a bound, compare keys in quadratic time,
 * and take ten times the memory. What libfyaml would end a file at without a word (a NUL, broken
 * UTF-8, a second document) is looked for by ourselves.
 */
#include "agent/adapters/config_tree.h"

#include "base/memory.h"

#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

struct builder {
    struct pool *pool;
    struct report *report;
    struct config_node *top, *open;
    struct text key;
    struct report_place key_place, last_place;
    bool has_key;
    size_t node_count, document_count, depth;
};

/* ---- the bytes ------------------------------------------------------------------------------- */

/* The size of the character at the start, 0 when there is none in UTF-8. */
static size_t character(struct text text, uint32_t *code)
{
    static const unsigned char first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};

    for (size_t size = 1; size <= 4 && size <= text.size; size++) {
        if (!text_is_utf8(text_part(text, 0, size)))
            continue;
        *code = (unsigned char)text.start[0] & first_bits[size];
        for (size_t i = 1; i < size; i++)
            *code = *code << 6 | ((unsigned char)text.start[i] & 0x3f);
        return size;
    }
    return 0;
}

/* YAML 1.2, production 1. */
static bool may_stand_in_yaml(uint32_t code)
{
    return code == '\t' || code == '\n' || code == '\r' || (code >= 0x20 && code <= 0x7e) ||
           code == 0x85 || (code >= 0xa0 && code <= 0xfffd) || code >= 0x10000;
}

static bool bytes_are_fine(struct text yaml, struct report *report)
{
    struct report_place place = {1, 1};
    uint32_t code = 0;

    for (size_t at = 0, size; at < yaml.size; at += size) {
        size = character(text_part(yaml, at, 4), &code);
        if (!size) {
            report_error(report, place, "the byte 0x%02x is not UTF-8 text",
                         (unsigned char)yaml.start[at]);
            return false;
        }
        if (!may_stand_in_yaml(code)) {
            report_error(report, place, "the character U+%04X may not stand in a YAML file", code);
            return false;
        }
        place.column++;
        if (code == '\n')
            place = (struct report_place){place.line + 1, 1};
    }
    return true;
}

/* ---- the events ------------------------------------------------------------------------------ */

/* libfyaml marks what stands behind a quote, or behind the '*' of an alias. */
static bool is_marked_late(const struct fy_event *event)
{
    enum fy_scalar_style style;

    if (event->type != FYET_SCALAR)
        return event->type == FYET_ALIAS;
    style = fy_token_scalar_style(event->scalar.value);
    return style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
}

static struct report_place place_of(struct builder *builder, struct fy_event *event)
{
    const struct fy_mark *mark = fy_event_start_mark(event);
    int column;

    /* A value that is left out has no mark: it is where its key is. */
    if (!mark)
        return builder->has_key ? builder->key_place : builder->last_place;
    column = mark->column + 1 - (mark->column > 0 && is_marked_late(event));
    builder->last_place = (struct report_place){(unsigned)mark->line + 1, (unsigned)column};
    return builder->last_place;
}

static bool scalar_text(struct builder *builder, struct fy_token *token, struct report_place place,
                        struct text *ret)
{
    struct text text = {"", 0};
    char *copy;

    if (token)
        text.start = fy_token_get_text(token, &text.size);
    if (token && !text.start) {
        report_out_of_memory(builder->report);
        return false;
    }
    if (text_contains_byte(text, '\0')) {
        report_error(builder->report, place, "a NUL character may not stand in a text");
        return false;
    }
    copy = pool_string(builder->pool, text);
    if (!copy) {
        report_out_of_memory(builder->report);
        return false;
    }
    *ret = (struct text){copy, text.size};
    return true;
}

static struct config_node *add_node(struct builder *builder, enum node_kind kind,
                                    struct report_place place)
{
    struct config_node *open = builder->open;
    struct config_node *node = NULL;

    if (builder->node_count++ == TREE_NODES)
        report_error(builder->report, place, "more than %zu values in one file", TREE_NODES);
    else if (!(node = pool_take(builder->pool, sizeof(*node))))
        report_out_of_memory(builder->report);
    if (!node)
        return NULL;
    node->kind = kind;
    node->place = place;
    node->up = open;
    if (builder->has_key) {
        node->key = builder->key;
        node->key_place = builder->key_place;
        builder->has_key = false;
    }
    if (!open) {
        builder->top = node;
        return node;
    }
    node->index = open->count++;
    if (open->last)
        open->last->next = node;
    else
        open->first = node;
    open->last = node;
    return node;
}

static void refuse_extras(struct builder *builder, struct fy_event *event,
                          struct report_place place)
{
    if (event->type != FYET_ALIAS && fy_event_get_anchor_token(event))
        report_error(builder->report, place,
                     "an anchor (&name) is not allowed here: write each value out");
    if (event->type != FYET_ALIAS && fy_event_get_tag_token(event))
        report_error(builder->report, place,
                     "a tag (!name) is not allowed here: put quotes around a text");
}

static bool on_value(struct builder *builder, struct fy_event *event)
{
    bool is_key = builder->open && builder->open->kind == NODE_MAP && !builder->has_key;
    struct report_place place = place_of(builder, event);
    struct config_node *node;

    refuse_extras(builder, event, place);
    if (is_key && event->type != FYET_SCALAR) {
        report_error(builder->report, place, "a key must be a word");
        return false;
    }
    if (is_key) {
        builder->key_place = place;
        builder->has_key = true;
        return scalar_text(builder, event->scalar.value, place, &builder->key);
    }
    if (event->type == FYET_ALIAS) {
        report_error(builder->report, place,
                     "an alias (*name) is not allowed here: write the value out");
        return add_node(builder, NODE_REFUSED, place) != NULL;
    }
    node = add_node(builder,
                    event->type == FYET_SCALAR          ? NODE_SCALAR
                    : event->type == FYET_MAPPING_START ? NODE_MAP
                                                        : NODE_LIST,
                    place);
    if (!node)
        return false;
    if (event->type == FYET_SCALAR) {
        node->is_plain = fy_token_scalar_style(event->scalar.value) == FYSS_PLAIN;
        return scalar_text(builder, event->scalar.value, place, &node->text);
    }
    builder->open = node;
    if (++builder->depth > TREE_DEPTH) {
        report_error(builder->report, place, "nested more than %d deep", TREE_DEPTH);
        return false;
    }
    return true;
}

/* False ends the reading. */
static bool on_event(struct builder *builder, struct fy_event *event)
{
    switch (event->type) {
    case FYET_SCALAR:
    case FYET_ALIAS:
    case FYET_MAPPING_START:
    case FYET_SEQUENCE_START:
        return on_value(builder, event);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        builder->open = builder->open->up;
        builder->depth--;
        return true;
    case FYET_DOCUMENT_START:
        if (++builder->document_count == 1)
            return true;
        report_error(builder->report, place_of(builder, event),
                     "a second document begins here: the configuration is one");
        return false;
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_END:
        break;
    }
    return true;
}

static void report_syntax(struct report *report, struct fy_diag *diag)
{
    struct fy_diag_error *error;
    void *at = NULL;
    size_t count = 0;

    while ((error = fy_diag_errors_iterate(diag, &at))) {
        struct report_place place = {(unsigned)error->line, (unsigned)error->column};

        report_error(report, place, "%s", error->msg);
        count++;
    }
    if (!count)
        report_error(report, (struct report_place){1, 1}, "this is not YAML");
}

/* False when the tree is not whole. */
static bool parse(struct builder *builder, struct text yaml, struct fy_diag *diag)
{
    struct fy_parse_cfg cfg = {
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE,
        .diag = diag,
    };
    struct fy_parser *parser = fy_parser_create(&cfg);
    struct fy_event *event;
    bool go_on = true;

    if (!parser || fy_parser_set_string(parser, yaml.start, yaml.size)) {
        report_out_of_memory(builder->report);
        fy_parser_destroy(parser);
        return false;
    }
    while (go_on && (event = fy_parser_parse(parser))) {
        go_on = on_event(builder, event);
        fy_parser_event_free(parser, event);
    }
    if (go_on && fy_parser_get_stream_error(parser)) {
        report_syntax(builder->report, diag);
        go_on = false;
    }
    fy_parser_destroy(parser);
    return go_on;
}

/* ---- duplicate keys -------------------------------------------------------------------------- */

static int compare_keys(const void *a, const void *b)
{
    const struct config_node *left = *(const struct config_node *const *)a;
    const struct config_node *right = *(const struct config_node *const *)b;
    int order = text_compare(left->key, right->key);

    return order ? order : (left->index > right->index) - (left->index < right->index);
}

static void find_duplicates(const struct config_node *node, struct report *report)
{
    const struct config_node **sorted;
    size_t count = 0;
    size_t first = 0;

    for (const struct config_node *child = node->first; child; child = child->next)
        find_duplicates(child, report);
    if (node->kind != NODE_MAP || node->count < 2)
        return;
    sorted = memory_zeroed(node->count, sizeof(const struct config_node *));
    if (!sorted) {
        report_out_of_memory(report);
        return;
    }
    for (const struct config_node *child = node->first; child; child = child->next)
        sorted[count++] = child;
    qsort(sorted, count, sizeof(const struct config_node *), compare_keys);
    for (size_t i = 1; i < count; i++) {
        if (!text_equal(sorted[i]->key, sorted[first]->key))
            first = i;
        else
            node_key_error(report, sorted[i], "duplicate key, first at line %u column %u",
                           sorted[first]->key_place.line, sorted[first]->key_place.column);
    }
    memory_free(sorted);
}

struct config_node *tree_read(struct text yaml, struct pool *pool, struct report *report)
{
    struct builder builder = {.pool = pool, .report = report, .last_place = {1, 1}};
    struct fy_diag_cfg cfg;
    struct fy_diag *diag;
    bool is_whole;
    char found[NODE_FOUND_SIZE];

    if (!bytes_are_fine(yaml, report))
        return NULL;
    fy_diag_cfg_default(&cfg);
    cfg.fp = NULL;
    diag = fy_diag_create(&cfg);
    if (!diag) {
        report_out_of_memory(report);
        return NULL;
    }
    fy_diag_set_collect_errors(diag, true);
    is_whole = parse(&builder, yaml, diag);
    fy_diag_destroy(diag);
    if (!is_whole)
        return NULL;
    if (!builder.top || node_is_null(builder.top)) {
        report_error(report, (struct report_place){1, 1}, "the file is empty");
        return NULL;
    }
    if (builder.top->kind == NODE_REFUSED)
        return NULL;
    if (builder.top->kind != NODE_MAP) {
        node_error(report, builder.top, "found %s, expected a map of keys such as \"bindings\"",
                   node_found(builder.top, false, found));
        return NULL;
    }
    find_duplicates(builder.top, report);
    return builder.top;
}
