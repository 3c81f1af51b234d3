/* SPDX-License-Identifier: Apache-2.0 */
/* The struct written back as the file that would make it: defaults filled in, paths absolute, of a
 * secret only where it is kept, because no more of it is known here. */
#include "agent/adapters/config_table.h"

#include "agent/adapters/config.h"
#include "base/moment.h"
#include "net/json.h"

static json_t *show_map(const struct config_table *table, const char *base);

static json_t *show_string(const char *prefix, const char *text)
{
    return text ? json_sprintf("%s%s", prefix, text) : NULL;
}

static json_t *show_secret(const struct config_secret *secret)
{
    static const char *const places[] = {NULL, "file", "env", "credential"};

    return secret->place ? json_pack("{s:s}", places[secret->place], secret->name) : NULL;
}

static json_t *show_duration(uint64_t duration_ms)
{
    char text[DURATION_SIZE];

    duration_format(duration_ms, text);
    return json_string(text);
}

static json_t *show_public_key(const char *bytes)
{
    struct buffer text;
    json_t *shown = NULL;

    buffer_init(&text, 64);
    if (buffer_append_base64(&text, (struct text){bytes, 32}))
        shown = json_string(text.start);
    buffer_clear(&text);
    return shown;
}

static json_t *show_list(const struct config_key *key, const char *base)
{
    const char *items = *(const char *const *)(const void *)(base + key->at);
    size_t count = *(const size_t *)(const void *)(base + key->at_count);
    json_t *list = json_array();

    for (size_t i = 0; list && i < count; i++) {
        json_t *item = key->table ? show_map(key->table, items + i * key->table->size)
                                  : json_string(((const char *const *)(const void *)items)[i]);

        if (json_array_append_new(list, item)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* NULL: nothing is said, or out of memory; `is_said` tells which. */
static json_t *show_value(const struct config_key *key, const char *base, bool *is_said)
{
    const void *at = base + key->at;
    const char *text = NULL;
    const struct config_secret *secret = (const void *)(base + key->at_secret);

    *is_said = true;
    switch (key->type) {
    case KEY_TEXT:
    case KEY_NAME:
    case KEY_VAULT_PATH:
    case KEY_PATH:
    case KEY_URL:
    case KEY_STATE:
    case KEY_WORD_TEXT:
    case KEY_KIND:
        text = *(const char *const *)at;
        *is_said = text;
        return show_string(key->type == KEY_STATE ? "sqlite:" : "", text);
    case KEY_SECRET:
        *is_said = secret->place;
        return show_secret(secret);
    case KEY_SECRET_OR_TEXT:
    case KEY_SECRET_OR_URL:
        text = *(const char *const *)at;
        *is_said = text || secret->place;
        return text ? json_string(text) : show_secret(secret);
    case KEY_DURATION:
        return show_duration(*(const uint64_t *)at);
    case KEY_INTEGER:
        *is_said = *(const unsigned *)at >= key->min;
        return *is_said ? json_integer(*(const unsigned *)at) : NULL;
    case KEY_BOOLEAN:
        return json_boolean(*(const bool *)at);
    case KEY_WORD:
        return json_string(word_of(key->words, *(const int *)at));
    case KEY_PUBLIC_KEY:
        return show_public_key(at);
    case KEY_URLS:
        *is_said = *(const size_t *)(const void *)(base + key->at_count);
        return *is_said ? show_list(key, base) : NULL;
    case KEY_LIST:
    case KEY_SOCKETS:
        return show_list(key, base);
    case KEY_MAP:
        *is_said = !key->at_present || *(const bool *)(base + key->at_present);
        return *is_said ? show_map(key->table, at) : NULL;
    case KEY_TEXT_OR_MAP:
        text = *(const char *const *)at;
        return text ? json_string(text) : show_map(key->table, base);
    case KEY_WORD_OR_MAP:
        return show_map(key->table, base);
    case KEY_LATER:
        break;
    }
    *is_said = false;
    return NULL;
}

static json_t *show_map(const struct config_table *table, const char *base)
{
    const struct config_key *selector = table_selector(table);
    unsigned bit = selector ? BIT_OF(*(const int *)(const void *)(base + selector->at)) : 0;
    json_t *map = json_object();

    for (const struct config_key *key = table->keys; map && key->name; key++) {
        bool is_said;
        json_t *value;

        if (key->flags & KEY_SECOND_PLACE || (bit && key->only_for && !(key->only_for & bit)))
            continue;
        value = show_value(key, base, &is_said);
        if (is_said && json_object_set_new(map, key->name, value)) {
            json_decref(map);
            return NULL;
        }
    }
    return map;
}

bool config_show(const struct config *config, struct buffer *out)
{
    json_t *json = show_map(&config_top, (const char *)config);
    bool is_written = json && json_write(json, true, out);

    json_decref(json);
    return is_written;
}
