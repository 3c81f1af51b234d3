/* SPDX-License-Identifier: Apache-2.0 */
/* The table as JSON Schema, draft 2020-12, for editors. It says less than the reader where a schema
 * cannot say it (names that are unique, files that exist), never more. */
#include "agent/adapters/config_table.h"

#include "agent/adapters/config.h"
#include "azureclient/azureclient.h"
#include "net/json.h"

static json_t *map_schema(const struct config_table *table);

/* NULL when a part is: jansson's pack functions drop what they were given. */
static json_t *words_schema(const struct config_word *words)
{
    json_t *list = json_array();

    for (; list && words->word; words++)
        if (words->value != WORD_LATER && json_array_append_new(list, json_string(words->word))) {
            json_decref(list);
            return NULL;
        }
    return json_pack("{s:o}", "enum", list);
}

/* Those whose slots have names that a binding can rest on. */
static json_t *kinds_schema(void)
{
    json_t *list = json_array();

    for (size_t i = 0; list && azure_key_kind_at(i); i++) {
        const char *name = azure_key_kind_at(i);

        if (azure_key_kind_slot(azure_key_kind_named(text_of(name)), 0) &&
            json_array_append_new(list, json_string(name))) {
            json_decref(list);
            return NULL;
        }
    }
    return json_pack("{s:o}", "enum", list);
}

static json_t *one_of(json_t *a, json_t *b)
{
    return json_pack("{s:[o,o]}", "oneOf", a, b);
}

static json_t *reference(const char *name)
{
    return json_pack("{s:s+}", "$ref", "#/$defs/", name);
}

static json_t *pattern(const char *regex)
{
    return json_pack("{s:s,s:s}", "type", "string", "pattern", regex);
}

static json_t *some_of(const char *name)
{
    return one_of(reference(name),
                  json_pack("{s:s,s:o}", "type", "array", "items", reference(name)));
}

static json_t *list_schema(const struct config_key *key)
{
    json_t *list = json_pack("{s:s,s:o}", "type", "array", "items", map_schema(key->table));

    if (list && key->min &&
        json_object_set_new(list, "minItems", json_integer((json_int_t)key->min))) {
        json_decref(list);
        return NULL;
    }
    return list;
}

static json_t *value_schema(const struct config_key *key)
{
    switch (key->type) {
    case KEY_TEXT:
    case KEY_VAULT_PATH:
    case KEY_PATH:
        return json_pack("{s:s,s:i}", "type", "string", "minLength", 1);
    case KEY_NAME:
        return reference("name");
    case KEY_URL:
        return key->flags & KEY_UNIX_TOO ? pattern("^([Hh][Tt][Tt][Pp][Ss]?://|unix:///)")
                                         : reference("url");
    case KEY_STATE:
        return pattern("^sqlite:.+");
    case KEY_DURATION:
        return reference("duration");
    case KEY_INTEGER:
        return json_pack("{s:s,s:I,s:I}", "type", "integer", "minimum", (json_int_t)key->min,
                         "maximum", (json_int_t)key->max);
    case KEY_BOOLEAN:
        return json_pack("{s:s}", "type", "boolean");
    case KEY_WORD:
    case KEY_WORD_TEXT:
        return words_schema(key->words);
    case KEY_KIND:
        return kinds_schema();
    case KEY_SECRET:
        return reference("secret");
    case KEY_SECRET_OR_TEXT:
        return one_of(reference("name"), reference("secret"));
    case KEY_SECRET_OR_URL:
        return one_of(reference("url"), reference("secret"));
    case KEY_PUBLIC_KEY:
        return reference("public_key");
    case KEY_SOCKETS:
        return some_of("socket");
    case KEY_URLS:
        return some_of("url");
    case KEY_MAP:
        return map_schema(key->table);
    case KEY_TEXT_OR_MAP:
        return one_of(words_schema(key->words), map_schema(key->table));
    case KEY_WORD_OR_MAP:
        return one_of(json_pack("{s:s}", "const", key->words->word), map_schema(key->table));
    case KEY_LIST:
        return list_schema(key);
    case KEY_LATER:
        break;
    }
    return NULL;
}

static json_t *default_of(const struct config_key *key)
{
    if (key->type == KEY_BOOLEAN)
        return json_boolean(text_is(text_of(key->fallback), "true"));
    if (key->type == KEY_INTEGER) {
        uint64_t number = 0;

        return text_parse_u64(text_of(key->fallback), key->max, &number)
                   ? json_integer((json_int_t)number)
                   : NULL;
    }
    return json_string(key->fallback);
}

static json_t *property(const struct config_key *key)
{
    json_t *schema = value_schema(key);

    if (schema && !json_object_set_new(schema, "description", json_string(key->what)) &&
        (!key->fallback || !json_object_set_new(schema, "default", default_of(key))))
        return schema;
    json_decref(schema);
    return NULL;
}

/* `{ "if": method is W, "then": needs these, has not those }` for one word of the selector. */
static json_t *rule_for(const struct config_table *table, const struct config_key *selector,
                        const struct config_word *word)
{
    json_t *needed = json_array(), *excluded = json_object();
    bool is_whole = needed && excluded;

    for (const struct config_key *key = table->keys; key->name; key++) {
        unsigned bit = BIT_OF(word->value);

        if (key->needed_for & bit)
            is_whole &= !json_array_append_new(needed, json_string(key->name));
        if (key->only_for && !(key->only_for & bit))
            is_whole &= !json_object_set_new(excluded, key->name, json_false());
    }
    if (is_whole)
        return json_pack("{s:{s:{s:{s:s}}},s:{s:o,s:o}}", "if", "properties", selector->name,
                         "const", word->word, "then", "required", needed, "properties", excluded);
    json_decref(needed);
    json_decref(excluded);
    return NULL;
}

static bool add_rules(json_t *schema, const struct config_table *table)
{
    const struct config_key *selector = table_selector(table);
    json_t *rules = json_array();

    if (!selector) {
        json_decref(rules);
        return true;
    }
    for (const struct config_word *word = selector->words; word->word; word++)
        if (word->value != WORD_LATER &&
            json_array_append_new(rules, rule_for(table, selector, word))) {
            json_decref(rules);
            return false;
        }
    return !json_object_set_new(schema, "allOf", rules);
}

static json_t *map_schema(const struct config_table *table)
{
    json_t *properties = json_object(), *required = json_array();
    bool is_whole = properties && required;
    json_t *schema;

    for (const struct config_key *key = table->keys; is_whole && key->name; key++) {
        if (key->type == KEY_LATER)
            continue;
        is_whole = !json_object_set_new(properties, key->name, property(key));
        if (is_whole && key->flags & KEY_REQUIRED)
            is_whole = !json_array_append_new(required, json_string(key->name));
    }
    if (!is_whole) {
        json_decref(properties);
        json_decref(required);
        return NULL;
    }
    schema = json_pack("{s:s,s:b,s:o,s:o}", "type", "object", "additionalProperties", 0,
                       "properties", properties, "required", required);
    if (schema && add_rules(schema, table))
        return schema;
    json_decref(schema);
    return NULL;
}

static json_t *secret_place(const char *name, json_t *value)
{
    return json_pack("{s:s,s:b,s:[s],s:{s:o}}", "type", "object", "additionalProperties", 0,
                     "required", name, "properties", name, value);
}

static json_t *definitions(void)
{
    json_t *secret =
        json_pack("{s:s,s:[o,o,o]}", "description",
                  "Where a secret is kept; the secret itself never stands here.", "oneOf",
                  secret_place("file", json_pack("{s:s,s:i}", "type", "string", "minLength", 1)),
                  secret_place("env", pattern("^[A-Za-z_][A-Za-z0-9_]*$")),
                  secret_place("credential", pattern("^[^./][^/]*$")));

    return json_pack(
        "{s:o,s:o,s:o,s:o,s:o,s:o}", "secret", secret, "name", pattern("^[^-/\\s][^/\\s]*$"), "url",
        pattern("^[Hh][Tt][Tt][Pp][Ss]?://[^\\s#]+$"), "duration",
        pattern("^(?=.)([0-9]+d)?([0-9]+h)?([0-9]+m(?!s))?([0-9]+s)?([0-9]+ms)?$"), "socket",
        pattern("^unix:.+"), "public_key",
        one_of(json_pack("{s:s,s:i}", "type", "string", "minLength", 43),
               secret_place("file", json_pack("{s:s,s:i}", "type", "string", "minLength", 1))));
}

bool config_schema(struct buffer *out)
{
    json_t *schema = map_schema(&config_top);
    json_t *whole =
        json_pack("{s:s,s:s}", "$schema", "https://json-schema.org/draft/2020-12/schema", "title",
                  "keydrift configuration");
    bool is_written = schema && whole && !json_object_update(whole, schema) &&
                      !json_object_set_new(whole, "$defs", definitions()) &&
                      json_write(whole, true, out);

    json_decref(schema);
    json_decref(whole);
    return is_written;
}
