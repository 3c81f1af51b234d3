/* SPDX-License-Identifier: Apache-2.0 */
#include "azureclient/key_kinds.h"
#include "azureclient/wire.h"
#include "azureclient/wire_keys.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct azure_key_kind *kind_of(const char *name)
{
    const struct azure_key_kind *kind = azure_key_kind_named(text_of(name));

    assert_non_null(kind);
    return kind;
}

/* "name=value name=value", or the failure. */
static bool read_list(const char *kind, const char *body, char out[400], struct failure *why)
{
    struct key_list list = {0};
    char *next = NULL;
    bool ok = wire_keys_page(kind_of(kind), text_of(body), &list, &next, why) &&
              wire_keys_end(kind_of(kind), &list, why);

    out[0] = 0;
    for (size_t i = 0; ok && i < list.count; i++)
        snprintf(out + strlen(out), 400 - strlen(out), "%s%s=%.*s", i ? " " : "", list.names[i],
                 TEXT_ARG(secret_reveal(list.values[i])));
    free(next);
    key_list_clear(&list);
    return ok;
}

static void assert_read(const char *kind, const char *body, const char *keys)
{
    struct failure why = {0};
    char out[400];

    if (!read_list(kind, body, out, &why))
        fail_msg("%s: %s", kind, why.text);
    assert_string_equal(out, keys);
}

static void assert_refused(const char *kind, const char *body, const char *text)
{
    struct failure why = {0};
    char out[400];

    assert_false(read_list(kind, body, out, &why));
    assert_int_equal(why.kind, FAILURE_PROTOCOL);
    assert_null(strstr(why.text, "canary"));
    assert_string_equal(why.text, text);
}

#define AML "azureml-online-endpoint"

/* ---- shapes ---------------------------------------------------------------------------------- */

TEST(members_are_read_in_any_order_and_others_do_not_matter)
{
    assert_read(AML, "{\"secondaryKey\":\"b\",\"x\":[1],\"primaryKey\":\"a\"}",
                "primary=a secondary=b");
    assert_read("maps",
                "{\"primaryKey\":\"a\",\"primaryKeyLastUpdated\":\"2021\",\"secondaryKey\":\"b\"}",
                "primary=a secondary=b");
    assert_read("eventhub-namespace-rule",
                "{\"primaryConnectionString\":\"x\",\"primaryKey\":\"a\",\"secondaryKey\":\"b\","
                "\"keyName\":\"rule\"}",
                "primary=a secondary=b");
    assert_read("cosmos-db",
                "{\"primaryMasterKey\":\"a\",\"secondaryMasterKey\":\"b\","
                "\"primaryReadonlyMasterKey\":\"c\",\"secondaryReadonlyMasterKey\":\"d\"}",
                "primary=a secondary=b primaryReadonly=c secondaryReadonly=d");
    assert_read("storage-localuser", "{\"sshAuthorizedKeys\":[],\"sharedKey\":\"a\"}",
                "sharedKey=a");
}

TEST(elements_are_found_by_their_name)
{
    assert_read("storage-account",
                "{\"keys\":[{\"keyName\":\"key2\",\"value\":\"b\",\"permissions\":\"FULL\"},"
                "{\"keyName\":\"kerb1\",\"value\":\"k\"},{\"keyName\":\"key1\",\"value\":\"a\"}]}",
                "key1=a key2=b");
    assert_read("container-registry",
                "{\"username\":\"u\",\"passwords\":[{\"name\":\"password2\",\"value\":\"b\"},"
                "{\"name\":\"password\",\"value\":\"a\"}]}",
                "password=a password2=b");
}

TEST(pages_are_put_together)
{
    const struct azure_key_kind *kind = kind_of("app-configuration");
    struct key_list list = {0};
    char *next = NULL;

    assert_true(wire_keys_page(kind,
                               TEXT("{\"value\":[{\"name\":\"Secondary Read Only\",\"value\":\"d\"}"
                                    ",{\"name\":\"Primary\",\"value\":\"a\"}],"
                                    "\"nextLink\":\"https://x/2\"}"),
                               &list, &next, NULL));
    assert_string_equal(next, "https://x/2");
    free(next);
    assert_false(wire_keys_end(kind, &list, NULL));
    assert_true(wire_keys_page(kind,
                               TEXT("{\"value\":[{\"name\":\"Secondary\",\"value\":\"b\"},"
                                    "{\"name\":\"Primary Read Only\",\"value\":\"c\"}],"
                                    "\"nextLink\":\"\"}"),
                               &list, &next, NULL));
    assert_null(next);
    assert_true(wire_keys_end(kind, &list, NULL));
    assert_int_equal(list.count, 4);
    assert_string_equal(list.names[3], "secondaryReadonly");
    assert_true(text_is(secret_reveal(list.values[3]), "d"));
    key_list_clear(&list);
}

TEST(keys_with_open_names_keep_the_names_the_answer_gives)
{
    assert_read("search-query",
                "{\"value\":[{\"name\":null,\"key\":\"a\"},{\"name\":\"for phones\",\"key\":\"b\"}]"
                "}",
                "=a for phones=b");
    assert_read("functions-host-keys",
                "{\"masterKey\":\"m\",\"functionKeys\":{\"default\":\"a\",\"other\":\"b\"},"
                "\"systemKeys\":{}}",
                "masterKey=m functionKeys.default=a functionKeys.other=b");
    assert_read("functions-host-keys", "{\"masterKey\":\"m\",\"systemKeys\":null}", "masterKey=m");
    assert_read("function-keys", "{\"id\":\"/x\",\"properties\":{\"default\":\"a\"}}", "default=a");
    assert_read("function-keys", "{\"id\":\"/x\",\"default\":\"a\",\"b\":\"c\"}", "default=a b=c");
    assert_read("search-query", "{\"value\":[]}", "");
}

/* ---- what is not believed -------------------------------------------------------------------- */

TEST(every_way_a_key_can_be_wrong_has_its_own_sentence)
{
    assert_refused(AML, "{\"primaryKey\":\"canary\"}",
                   "Azure gave no secondary key (does the endpoint use keys, authMode Key?)");
    assert_refused(AML, "{\"primaryKey\":null,\"secondaryKey\":\"canary\"}",
                   "Azure gave no primary key but null (does the endpoint use keys, authMode "
                   "Key?)");
    assert_refused(AML, "{\"primaryKey\":\"canary\",\"secondaryKey\":\"\"}",
                   "the secondary key Azure gave is empty");
    assert_refused(AML, "{\"primaryKey\":[\"canary\"],\"secondaryKey\":\"canary\"}",
                   "the primary key Azure gave is not a string");
    assert_refused(AML, "{\"primaryKey\":\"can\\nary\",\"secondaryKey\":\"b\"}",
                   "the primary key Azure gave is longer than 4096 bytes or not printable");
    assert_refused(AML, "{\"primaryKey\":\"canary\",\"secondaryKey\":\"canary\"}",
                   "Azure gave the same value as the primary and as the secondary key");
    assert_refused(AML,
                   "{\"primaryKey\":\"canary\",\"secondaryKey\":\"b\",\"tertiaryKey\":\"canary\"}",
                   "Azure gave more keys than the 2 of kind azureml-online-endpoint: also "
                   "\"tertiaryKey\"");
    assert_refused("cognitive-services", "{\"key1\":\"a\",\"key2\":\"b\",\"key3\":\"canary\"}",
                   "Azure gave more keys than the 2 of kind cognitive-services: also \"key3\"");
}

TEST(broken_json_and_a_member_that_comes_twice_are_not_believed)
{
    static const char *const bodies[] = {
        "{\"primaryKey\":\"canary\",\"primaryKey\":\"canary2\",\"secondaryKey\":\"b\"}",
        "{\"primaryKey\":\"canary\",\"secondaryKey\":\"canar",
        "{\"primaryKey\":\"can\\u0000ary\",\"secondaryKey\":\"canary\"}",
        "<html>canary",
        "[\"canary\"]",
        "",
    };

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct failure why = {0};
        char out[400];

        assert_false(read_list(AML, bodies[i], out, &why));
        assert_int_equal(why.kind, FAILURE_PROTOCOL);
        assert_null(strstr(why.text, "canary"));
        assert_true(text_starts_with(text_of(why.text), TEXT("the list of keys: ")));
    }
}

TEST(an_array_that_is_not_what_it_should_be_is_not_believed)
{
    assert_refused("storage-account", "{}", "there is no array \"keys\"");
    assert_refused("storage-account", "{\"keys\":{}}", "there is no array \"keys\"");
    assert_refused("storage-account", "{\"keys\":[]}", "Azure gave no key1 key");
    assert_refused("storage-account", "{\"keys\":[\"canary\"]}",
                   "an element of \"keys\" is no object");
    assert_refused("storage-account", "{\"keys\":[{\"value\":\"canary\"}]}",
                   "an element of \"keys\" has no keyName");
    assert_refused("storage-account", "{\"keys\":[{\"keyName\":\"key1\"}]}",
                   "Azure gave no key1 key");
    assert_refused("storage-account",
                   "{\"keys\":[{\"keyName\":\"key1\",\"value\":\"canary\"},{\"keyName\":\"key1\","
                   "\"value\":\"b\"}]}",
                   "Azure gave the key1 key twice");
    assert_refused("storage-account", "{\"keys\":[{\"keyName\":\"key3\",\"value\":\"canary\"}]}",
                   "Azure gave more keys than the 2 of kind storage-account: also \"key3\"");
    assert_refused("functions-host-keys", "{\"masterKey\":\"canary\",\"systemKeys\":[]}",
                   "\"systemKeys\" is no object");
    assert_refused("functions-host-keys", "{}", "Azure gave no masterKey key");
    assert_refused("function-keys", "{\"properties\":{\"default\":null}}",
                   "Azure gave no default key but null");
}

/* ---- by id ----------------------------------------------------------------------------------- */

TEST(the_body_that_regenerates_by_id_is_made_of_the_list)
{
    static const char page[] = "{\"value\":[{\"id\":\"A\\\"1\",\"name\":\"Primary\"},"
                               "{\"name\":\"Secondary\"}],\"nextLink\":\"https://x/2\"}";
    const struct azure_key_kind *kind = kind_of("app-configuration");
    struct failure why = {0};
    char *next, *body = wire_regenerate_body(kind, 0, text_of(page), &next, &why);

    assert_string_equal(body, "{\"id\":\"A\\\"1\"}");
    free(body);
    assert_null(wire_regenerate_body(kind, 1, text_of(page), &next, &why));
    assert_string_equal(why.text, "the key to regenerate has no id");
    assert_null(wire_regenerate_body(kind, 2, text_of(page), &next, &why));
    assert_int_equal(why.kind, 0);
    assert_string_equal(next, "https://x/2");
    free(next);
    assert_null(wire_regenerate_body(kind, 3, TEXT("{\"value\":[]}"), &next, &why));
    assert_string_equal(why.text, "Azure lists no secondaryReadonly key");
    assert_null(next);
}

/* ---- endpoints of Azure ML ------------------------------------------------------------------- */

TEST(an_endpoint_says_whether_its_callers_bring_tokens)
{
    char mode[32];

    assert_true(wire_takes_tokens(TEXT("{\"properties\":{\"authMode\":\"AMLToken\"}}"), mode, 32));
    assert_string_equal(mode, "AMLToken");
    assert_true(wire_takes_tokens(TEXT("{\"properties\":{\"authMode\":\"aad\"}}"), mode, 32));
    assert_false(wire_takes_tokens(TEXT("{\"properties\":{\"authMode\":\"key\"}}"), mode, 32));
    assert_false(
        wire_takes_tokens(TEXT("{\"properties\":{\"authMode\":\"KeyAndAAD\"}}"), mode, 32));
    assert_false(wire_takes_tokens(TEXT("{\"properties\":{}}"), mode, 32));
    assert_false(wire_takes_tokens(TEXT("<html>"), mode, 32));
}

int main(void)
{
    return RUN(CASE(members_are_read_in_any_order_and_others_do_not_matter),
               CASE(elements_are_found_by_their_name), CASE(pages_are_put_together),
               CASE(keys_with_open_names_keep_the_names_the_answer_gives),
               CASE(every_way_a_key_can_be_wrong_has_its_own_sentence),
               CASE(broken_json_and_a_member_that_comes_twice_are_not_believed),
               CASE(an_array_that_is_not_what_it_should_be_is_not_believed),
               CASE(the_body_that_regenerates_by_id_is_made_of_the_list),
               CASE(an_endpoint_says_whether_its_callers_bring_tokens));
}
