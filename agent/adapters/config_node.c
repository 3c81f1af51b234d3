/* SPDX-License-Identifier: Apache-2.0 */
/* What a node of the tree is, and how messages name it. */
#include "agent/adapters/config_tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUOTED_SIZE 40 /* bytes of a value that a message repeats */

const struct config_node *node_at(const struct config_node *map, const char *key)
{
    const struct config_node *node = NULL;

    if (map && map->kind == NODE_MAP)
        for (node = map->first; node && !text_is(node->key, key);)
            node = node->next;
    return node;
}

static bool is_one_of(const struct config_node *node, const char *const *words, size_t count)
{
    for (size_t i = 0; node->kind == NODE_SCALAR && node->is_plain && i < count; i++)
        if (text_is(node->text, words[i]))
            return true;
    return false;
}

bool node_is_null(const struct config_node *node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    return is_one_of(node, words, sizeof(words) / sizeof(*words));
}

bool node_is_boolean(const struct config_node *node, bool *ret)
{
    static const char *const yes[] = {"true", "True", "TRUE"};
    static const char *const no[] = {"false", "False", "FALSE"};

    if (is_one_of(node, yes, 3))
        return *ret = true, true;
    if (is_one_of(node, no, 3))
        return *ret = false, true;
    return false;
}

static bool is_decimal(const char *text)
{
    size_t whole, fraction = 0;

    text += *text == '+' || *text == '-';
    whole = strspn(text, "0123456789");
    text += whole;
    if (*text == '.') {
        fraction = strspn(text + 1, "0123456789");
        text += 1 + fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '+' || *text == '-';
        if (!*text)
            return false;
        text += strspn(text, "0123456789");
    }
    return !*text;
}

bool node_is_number(const struct config_node *node)
{
    static const char *const words[] = {".inf",  ".Inf",  ".INF", "+.inf", "-.inf",
                                        "-.Inf", "-.INF", ".nan", ".NaN",  ".NAN"};
    const char *text = node->text.start;

    if (node->kind != NODE_SCALAR || !node->is_plain)
        return false;
    if (strncmp(text, "0x", 2) == 0)
        return text[2] && text[2 + strspn(text + 2, "0123456789abcdefABCDEF")] == '\0';
    if (strncmp(text, "0o", 2) == 0)
        return text[2] && text[2 + strspn(text + 2, "01234567")] == '\0';
    return is_decimal(text) || is_one_of(node, words, sizeof(words) / sizeof(*words));
}

bool node_is_text(const struct config_node *node)
{
    bool unused;

    return node->kind == NODE_SCALAR && !node_is_null(node) && !node_is_boolean(node, &unused) &&
           !node_is_number(node);
}

const char *node_found(const struct config_node *node, bool may_quote, char out[NODE_FOUND_SIZE])
{
    bool boolean;
    struct text shown = text_part(node->text, 0, QUOTED_SIZE);
    const char *more = shown.size < node->text.size ? "..." : "";

    /* Not in the middle of a character. */
    while (shown.size && !text_is_utf8(shown))
        shown.size--;
    if (node->kind == NODE_MAP)
        return "a map";
    if (node->kind == NODE_LIST)
        return "a list";
    if (node_is_null(node))
        return "nothing";
    if (node_is_boolean(node, &boolean))
        return boolean ? "the boolean true" : "the boolean false";
    if (!may_quote)
        return node_is_number(node) ? "a number" : "a text";
    if (node_is_number(node))
        snprintf(out, NODE_FOUND_SIZE, "the number %.*s%s", TEXT_ARG(shown), more);
    else
        snprintf(out, NODE_FOUND_SIZE, "the text \"%.*s%s\"", TEXT_ARG(shown), more);
    return out;
}

/* "bindings[3].source.kind", from the top down. */
static void write_path(const struct config_node *node, struct buffer *out)
{
    if (!node->up)
        return;
    write_path(node->up, out);
    if (node->up->kind == NODE_LIST)
        buffer_printf(out, "[%zu]", node->index);
    else
        buffer_printf(out, "%s%.*s%s", node->up->up ? "." : "",
                      TEXT_ARG(text_part(node->key, 0, 64)), node->key.size > 64 ? "..." : "");
}

enum severity { AT_VALUE, AT_VALUE_WARNING, AT_KEY };

static void printf_like(4, 0) say(struct report *report, const struct config_node *node,
                                  enum severity severity, const char *format, va_list arguments)
{
    bool at_key = severity == AT_KEY && node->key_place.line;
    struct report_place place = at_key ? node->key_place : node->place;
    struct buffer text;

    buffer_init(&text, 8192);
    write_path(node, &text);
    if (text.size)
        buffer_append_string(&text, ": ");
    buffer_vprintf(&text, format, arguments);
    if (!buffer_ok(&text))
        report_out_of_memory(report);
    else if (severity == AT_VALUE_WARNING)
        report_warning(report, place, "%s", text.start);
    else
        report_error(report, place, "%s", text.start);
    buffer_clear(&text);
}

void node_error(struct report *report, const struct config_node *node, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(report, node, AT_VALUE, format, arguments);
    va_end(arguments);
}

void node_warning(struct report *report, const struct config_node *node, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(report, node, AT_VALUE_WARNING, format, arguments);
    va_end(arguments);
}

void node_key_error(struct report *report, const struct config_node *node, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(report, node, AT_KEY, format, arguments);
    va_end(arguments);
}
