/* SPDX-License-Identifier: Apache-2.0 */
/* The printed schema held against the reader: what the reader takes the schema takes, what one
 * table row forbids both refuse. The validator here knows just the words the schema uses. */
#include "agent/adapters/config.h"
#include "azureclient/azureclient.h"
#include "net/json.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

static json_t *root;

static bool is_valid(const json_t *schema, const json_t *value);

static bool is_of_type(const char *type, const json_t *value)
{
    if (strcmp(type, "object") == 0)
        return json_is_object(value);
    if (strcmp(type, "array") == 0)
        return json_is_array(value);
    if (strcmp(type, "integer") == 0)
        return json_is_integer(value);
    if (strcmp(type, "boolean") == 0)
        return json_is_boolean(value);
    assert_string_equal(type, "string");
    return json_is_string(value);
}

static bool is_valid_object(const json_t *schema, const json_t *value)
{
    const json_t *properties = json_object_get(schema, "properties"), *word, *member;
    const char *name;
    size_t i;

    json_array_foreach (json_object_get(schema, "required"), i, word)
        if (!json_object_get(value, json_string_value(word)))
            return false;
    json_object_foreach ((json_t *)(uintptr_t)value, name, member) {
        const json_t *property = json_object_get(properties, name);

        if (property ? !is_valid(property, member)
                     : json_is_false(json_object_get(schema, "additionalProperties")))
            return false;
    }
    return true;
}

static size_t count_valid(const json_t *schemas, const json_t *value)
{
    const json_t *schema;
    size_t i, count = 0;

    json_array_foreach (schemas, i, schema)
        count += is_valid(schema, value);
    return count;
}

static bool is_valid(const json_t *schema, const json_t *value)
{
    const json_t *part, *item;
    size_t i;

    if (json_is_boolean(schema))
        return json_is_true(schema);
    if ((part = json_object_get(schema, "$ref")))
        return is_valid(json_object_get(json_object_get(root, "$defs"),
                                        json_string_value(part) + strlen("#/$defs/")),
                        value);
    if ((part = json_object_get(schema, "type")) && !is_of_type(json_string_value(part), value))
        return false;
    if ((part = json_object_get(schema, "const")) && !json_equal(part, value))
        return false;
    if ((part = json_object_get(schema, "enum"))) {
        json_array_foreach (part, i, item)
            if (json_equal(item, value))
                return true;
        return false;
    }
    if ((part = json_object_get(schema, "minimum")) &&
        json_integer_value(value) < json_integer_value(part))
        return false;
    if ((part = json_object_get(schema, "maximum")) &&
        json_integer_value(value) > json_integer_value(part))
        return false;
    if ((part = json_object_get(schema, "minItems")) &&
        json_array_size(value) < (size_t)json_integer_value(part))
        return false;
    if ((part = json_object_get(schema, "items")))
        json_array_foreach (value, i, item)
            if (!is_valid(part, item))
                return false;
    if ((part = json_object_get(schema, "oneOf")) && count_valid(part, value) != 1)
        return false;
    if ((part = json_object_get(schema, "allOf")) &&
        count_valid(part, value) != json_array_size(part))
        return false;
    if ((part = json_object_get(schema, "if")) && is_valid(part, value) &&
        !is_valid(json_object_get(schema, "then"), value))
        return false;
    return !json_is_object(value) || is_valid_object(schema, value);
}

static json_t *schema_read(void)
{
    struct buffer text;
    struct failure why;
    json_t *json;

    buffer_init(&text, 1 << 20);
    assert_true(config_schema(&text));
    json = json_read_object(buffer_text(&text), &why);
    assert_non_null(json);
    buffer_clear(&text);
    return json;
}

#define BINDING                                                                                    \
    "'bindings':[{'name':'a','source':{'kind':'azureml-online-endpoint','subscription':'S',"       \
    "'resource_group':'R','workspace':'W','endpoint':'E'},'copy':{'mount':'kv','path':'p',"        \
    "'field':'f'}}]"

/* Both or neither; quotes are single here. */
static void assert_verdict(const char *text, bool expected)
{
    char *json = strdup(text);
    struct config_problems problems;
    struct config *config;
    struct failure why;
    json_t *value;

    assert_non_null(json);
    for (char *at = json; *at; at++)
        if (*at == '\'')
            *at = '"';
    value = json_read(text_of(json), &why);
    assert_non_null(value);
    config = config_read_text("c", text_of(json), &problems);
    if (!config == expected)
        fail_msg("the reader says of %s: %s", json, problems.text.start);
    if (is_valid(root, value) != expected)
        fail_msg("the schema %s %s", expected ? "refuses" : "takes", json);
    config_free(config);
    buffer_clear(&problems.text);
    json_decref(value);
    free(json);
}

TEST(schema_and_reader_agree_on_what_is_right)
{
    assert_verdict("{" BINDING "}", true);
    assert_verdict("{" BINDING ",'vault':{'address':'https://v','auth':{'method':'token',"
                   "'token':{'file':'t'}}},'azure':{'cloud':'china','credential':'default'}}",
                   true);
    assert_verdict(
        "{" BINDING ",'azure':{'cloud':{'resource_manager':'https://a','authority':"
        "'https://b'},'credential':{'method':'managed_identity','imds_url':'http://i'}}}",
        true);
    assert_verdict(
        "{" BINDING ",'vault':{'auth':{'method':'approle','role_id':'r'}},'alerts':[{"
        "'kind':'webhook','url':{'env':'U'},'secret':{'credential':'s'}}],'api':{'listen'"
        ":['unix:/x']},'alerting':{'repeat':'1h'},'approval':{'required':1}}",
        true);
    assert_verdict("{" BINDING ",'vault':{'more_addresses':['https://a','https://b'],'auth':{"
                   "'method':'kubernetes','role':'r'}}}",
                   true);
    assert_verdict("{" BINDING ",'vault':{'auth':{'method':'jwt','jwt':{'env':'J'}}}}", true);
    assert_verdict("{" BINDING ",'azure':{'credential':{'method':'azure_cli'}}}", true);
}

TEST(schema_and_reader_agree_on_what_is_wrong)
{
    assert_verdict("{}", false);
    assert_verdict("{'bindings':[]}", false);
    assert_verdict("{" BINDING ",'colour':1}", false);
    assert_verdict("{" BINDING ",'vault':{'auth':{}}}", false);
    assert_verdict("{" BINDING ",'vault':{'auth':{'method':'token','token':'literal'}}}", false);
    assert_verdict("{" BINDING ",'vault':{'auth':{'method':'token'}}}", false);
    assert_verdict("{" BINDING ",'vault':{'auth':{'method':'token_file','token_file':'t','role':"
                   "'x'}}}",
                   false);
    assert_verdict("{" BINDING ",'vault':{'auth':{'method':'kubernetes'}}}", false);
    assert_verdict("{" BINDING ",'vault':{'auth':{'method':'userpass','username':'u'}}}", false);
    assert_verdict("{" BINDING ",'azure':{'credential':{'method':'client_certificate','tenant_id':"
                   "'t','client_id':'c'}}}",
                   false);
    assert_verdict("{" BINDING ",'vault':{'timeout':30}}", false);
    assert_verdict("{" BINDING ",'azure':{'cloud':'mars'}}", false);
    assert_verdict("{" BINDING ",'azure':{'credential':'client_secret'}}", false);
    assert_verdict("{" BINDING ",'approval':{'required':0}}", false);
    assert_verdict("{" BINDING ",'alerts':[{'kind':'alertmanager'}]}", false);
    assert_verdict("{" BINDING ",'telemetry':{}}", false);
    assert_verdict("{" BINDING ",'fingerprint_key':{'file':'a','env':'B'}}", false);
}

TEST(what_is_shown_is_valid)
{
    struct config_problems problems;
    struct config *config = config_read(CONFIG_FILES "/good.yaml", &problems);
    struct failure why;
    struct buffer shown;
    json_t *json;

    assert_non_null(config);
    buffer_clear(&problems.text);
    buffer_init(&shown, 1 << 20);
    assert_true(config_show(config, &shown));
    json = json_read(buffer_text(&shown), &why);
    assert_true(is_valid(root, json));
    json_decref(json);
    buffer_clear(&shown);
    config_free(config);
}

TEST(the_schema_offers_the_key_kinds_whose_slots_have_names)
{
    const json_t *kinds =
        json_at(root, "properties.bindings.items.properties.source.properties.kind.enum");
    const json_t *kind;
    size_t i;

    json_array_foreach (kinds, i, kind) {
        assert_non_null(
            azure_key_kind_slot(azure_key_kind_named(text_of(json_string_value(kind))), 0));
    }
    assert_true(json_array_size(kinds) > 20);
}

int main(void)
{
    int result;

    root = schema_read();
    result = RUN(CASE(schema_and_reader_agree_on_what_is_right),
                 CASE(schema_and_reader_agree_on_what_is_wrong), CASE(what_is_shown_is_valid),
                 CASE(the_schema_offers_the_key_kinds_whose_slots_have_names));
    json_decref(root);
    return result;
}
