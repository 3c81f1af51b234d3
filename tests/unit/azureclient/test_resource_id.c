/* SPDX-License-Identifier: Apache-2.0 */
#include "azureclient/key_kinds.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUB "00000000-1111-2222-3333-444444444444"
#define ID                                                                                         \
    "/subscriptions/" SUB "/resourceGroups/rg/providers/Microsoft.MachineLearningServices/"        \
    "workspaces/ws1/onlineEndpoints/ep"

TEST(an_endpoint_id_is_built_from_names_only)
{
    static const struct {
        const char *subscription, *group, *workspace, *endpoint, *word;
    } bad[] = {
        {"", "rg", "ws1", "ep", "subscription"},
        {"sub/../x", "rg", "ws1", "ep", "subscription"},
        {SUB, "", "ws1", "ep", "resource group"},
        {SUB, "rg.", "ws1", "ep", "resource group"},
        {SUB, "rg/x", "ws1", "ep", "resource group"},
        {SUB, "rg?x", "ws1", "ep", "resource group"},
        {SUB, "rg", "w", "ep", "workspace"},
        {SUB, "rg", "-ws", "ep", "workspace"},
        {SUB, "rg", "ws1", "1ep", "endpoint"},
        {SUB, "rg", "ws1", "ep-", "endpoint"},
        {SUB, "rg", "ws1", "e%70", "endpoint"},
        {SUB, "rg", "ws1", "", "endpoint"},
    };
    char *id = azure_endpoint_id(TEXT(SUB), TEXT("rg"), TEXT("ws1"), TEXT("ep"), NULL);

    assert_string_equal(id, ID);
    free(id);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct failure why = {0};

        assert_null(azure_endpoint_id(text_of(bad[i].subscription), text_of(bad[i].group),
                                      text_of(bad[i].workspace), text_of(bad[i].endpoint), &why));
        assert_int_equal(why.kind, FAILURE_INVALID);
        assert_non_null(strstr(why.text, bad[i].word));
    }
}

TEST(a_kind_is_known_by_its_id_in_any_case)
{
    const struct azure_key_kind *kind = azure_key_kind_named(TEXT("azureml-online-endpoint"));

    assert_ptr_equal(azure_key_kind_of(TEXT(ID)), kind);
    assert_ptr_equal(azure_key_kind_of(TEXT("/SUBSCRIPTIONS/" SUB "/resourcegroups/rg/PROVIDERS/"
                                            "microsoft.machinelearningservices/Workspaces/ws1/"
                                            "onlineendpoints/ep")),
                     kind);
    assert_null(azure_key_kind_of(TEXT(ID "/")));
    assert_null(azure_key_kind_of(TEXT(ID "/x")));
    assert_null(azure_key_kind_of(TEXT("/" ID)));
    assert_null(azure_key_kind_of(TEXT(ID "?x")));
    assert_null(azure_key_kind_of(TEXT("/subscriptions/" SUB "/resourceGroups/rg")));
    assert_null(azure_key_kind_of((struct text){0}));
}

/* ---- what is wrong with an id ---------------------------------------------------------------- */

#define GROUP    "/subscriptions/" SUB "/resourceGroups/rg"
#define PROVIDER GROUP "/providers/Microsoft.MachineLearningServices"

TEST(every_way_an_id_can_be_wrong_has_its_own_sentence)
{
    static const struct {
        const char *id, *words;
    } bad[] = {
        {"", "the resource id is empty"},
        {"subscriptions/" SUB "/x", "the slash at its start is missing"},
        {ID "/", "it ends with a slash"},
        {"/subscriptions/" SUB "//resourceGroups/rg", "two slashes in a row"},
        {"https://management.azure.com" ID, "it is an address"},
        {ID "?api-version=1", "it holds a query"},
        {"/resourceGroups/rg", "does not begin with /subscriptions/"},
        {"/subscriptions" SUB "/resourceGroups/rg", "does not begin with /subscriptions/"},
        {"/subscriptions/mine/resourceGroups/rg", "what follows /subscriptions/ is not a GUID"},
        {"/subscriptions/" SUB, "/resourceGroups/ does not follow the subscription"},
        {"/subscriptions/" SUB "/resourceGroupsrg/x", "/resourceGroups/ does not follow"},
        {"/subscriptions/" SUB "/resourceGroups/r?g", "it holds a query"},
        {"/subscriptions/" SUB "/resourceGroups/r%67", "what follows /resourceGroups/ is not"},
        {GROUP, "/providers/ does not follow the resource group"},
        {GROUP "/providers", "it ends after /providers/"},
        {PROVIDER, "it ends after the provider's name"},
        {PROVIDER "/workspaces", "it ends with a type, not with a name"},
        {PROVIDER "/workspaces/ws1/onlineEndpoints", "it ends with a type, not with a name"},
        {PROVIDER "/workspaces/w s/onlineEndpoints/e", "\"w s\" cannot be the name"},
        {PROVIDER "/workspaces/../onlineEndpoints/e", "\"..\" cannot be the name"},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct failure why = {0};

        assert_null(azure_key_kind_of_id(text_of(bad[i].id), &why));
        assert_int_equal(why.kind, FAILURE_INVALID);
        if (!strstr(why.text, bad[i].words))
            fail_msg("%s: %s", bad[i].id, why.text);
        assert_null(azure_key_kind_of(text_of(bad[i].id)));
    }
}

TEST(an_unknown_type_lists_the_known_ones)
{
    struct failure why = {0};

    assert_null(azure_key_kind_of_id(TEXT(GROUP "/providers/Microsoft.Devices/hubs/h"), &why));
    assert_string_equal(why.text, "no keys are known of Microsoft.Devices/hubs; known are "
                                  "Microsoft.Devices/IotHubs/IotHubKeys, "
                                  "Microsoft.Devices/provisioningServices/keys");
    assert_null(azure_key_kind_of_id(TEXT(GROUP "/providers/Microsoft.Fabric/x/y"), &why));
    assert_non_null(strstr(why.text, "known of Microsoft are MachineLearningServices, "
                                     "CognitiveServices, Storage, Search, DocumentDB"));
    assert_non_null(strstr(why.text, "Communication")); /* the last one: nothing is cut off */
    assert_null(azure_key_kind_of_id(TEXT(PROVIDER "/workspaces/ws1"), &why));
    assert_non_null(strstr(why.text, "workspaces/onlineEndpoints"));
}

TEST(a_batch_endpoint_is_recognised_and_refused_with_the_reason)
{
    struct failure why = {0};

    assert_null(azure_key_kind_of_id(TEXT(PROVIDER "/workspaces/ws1/batchendpoints/b"), &why));
    assert_string_equal(why.text, "b cannot be watched: callers of a batch endpoint bring Entra "
                                  "tokens (authMode AADToken), so it has no keys to watch");
}

/* ---- every row ------------------------------------------------------------------------------- */

/* An id of a type, with names in it; in capitals when `is_loud`. */
static void make_id(const char *type, bool is_loud, char out[400])
{
    struct text words = text_of(type), word;
    size_t size;

    size = (size_t)snprintf(out, 400, "/subscriptions/" SUB "/resourceGroups/rg/providers");
    assert_true(text_split(&words, '/', &word));
    size += (size_t)snprintf(out + size, 400 - size, "/%.*s", TEXT_ARG(word));
    while (text_split(&words, '/', &word))
        size += (size_t)snprintf(out + size, 400 - size, "/%.*s/n-1", TEXT_ARG(word));
    for (char *c = out; is_loud && *c; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
}

TEST(every_place_of_every_row_is_recognised_in_any_case)
{
    const struct azure_key_kind *kind;
    char id[400];

    for (size_t i = 0; (kind = azure_key_kind_row(i)); i++) {
        for (size_t place = 0; place < KEY_PLACES && kind->places[place].type; place++) {
            for (int loud = 0; loud < 2; loud++) {
                make_id(kind->places[place].type, loud, id);
                assert_ptr_equal(azure_key_place_of(kind, text_of(id)), &kind->places[place]);
                assert_non_null(azure_key_kind_of(text_of(id)));
                strcat(id, "/more/x");
                assert_null(azure_key_place_of(kind, text_of(id)));
            }
        }
    }
}

TEST(every_row_can_do_something_or_says_why_not)
{
    const struct azure_key_kind *kind;
    size_t i;

    for (i = 0; (kind = azure_key_kind_row(i)); i++) {
        bool is_paired = azure_key_kind_slots(kind) % 2 == 0;

        assert_ptr_equal(azure_key_kind_named(text_of(azure_key_kind_at(i))), kind);
        assert_string_equal(azure_key_kind_type(kind), kind->places[0].type);
        assert_non_null(kind->places[0].list_verb);
        for (size_t slot = 0; azure_key_kind_slot(kind, slot); slot++) {
            struct text name = text_of(azure_key_kind_slot(kind, slot));
            const char *partner = azure_key_kind_partner(kind, name);
            struct failure why = {0};

            assert_int_equal(azure_key_kind_find_slot(kind, name), slot);
            assert_int_equal(!!partner, is_paired);
            if (partner)
                assert_string_equal(azure_key_kind_partner(kind, text_of(partner)), name.start);
            if (!azure_key_kind_can_regenerate(kind, name, &why)) {
                assert_non_null(strstr(why.text, kind->no_regenerate));
                continue;
            }
            assert_non_null(kind->places[0].regenerate_verb);
            assert_true(kind->slots[slot].regenerate_body || kind->slots[slot].regenerate_path ||
                        kind->regenerates_by_id);
        }
    }
    assert_int_equal(i, 30);
    assert_null(azure_key_kind_at(i));
}

TEST(read_only_keys_stand_in_for_read_only_keys)
{
    const struct azure_key_kind *cosmos = azure_key_kind_named(TEXT("cosmos-db"));
    const struct azure_key_kind *user = azure_key_kind_named(TEXT("storage-localuser"));

    assert_string_equal(azure_key_kind_partner(cosmos, TEXT("primary")), "secondary");
    assert_string_equal(azure_key_kind_partner(cosmos, TEXT("SecondaryReadOnly")),
                        "primaryReadonly");
    assert_null(azure_key_kind_partner(cosmos, TEXT("third")));
    assert_null(azure_key_kind_partner(user, TEXT("sharedKey")));
}

TEST(what_cannot_be_regenerated_says_why)
{
    static const struct {
        const char *kind, *words;
    } cases[] = {
        {"log-analytics-shared-keys", "replaces both keys at once"},
        {"azureml-batch-endpoint", "Entra tokens"},
        {"iot-hub-policy", "written anew"},
        {"iot-dps-policy", "written anew"},
        {"functions-host-keys", "PUT"},
        {"function-keys", "PUT"},
        {"search-query", "created and the old one deleted"},
        {"storage-localuser", "SSH password"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct failure why = {0};

        assert_false(azure_key_kind_can_regenerate(azure_key_kind_named(text_of(cases[i].kind)),
                                                   TEXT("primary"), &why));
        assert_int_equal(why.kind, FAILURE_INVALID);
        assert_non_null(strstr(why.text, cases[i].words));
    }
}

TEST(kinds_are_named_exactly)
{
    const struct azure_key_kind *kind = azure_key_kind_named(TEXT("azureml-online-endpoint"));

    assert_string_equal(azure_key_kind_name(kind), "azureml-online-endpoint");
    assert_null(azure_key_kind_named(TEXT("Azureml-Online-Endpoint")));
    assert_string_equal(azure_key_kind_slot(kind, 0), "primary");
    assert_string_equal(azure_key_kind_slot(kind, 1), "secondary");
    assert_null(azure_key_kind_slot(kind, 2));
    assert_null(azure_key_kind_slot(azure_key_kind_named(TEXT("search-query")), 0));
}

int main(void)
{
    return RUN(CASE(an_endpoint_id_is_built_from_names_only),
               CASE(a_kind_is_known_by_its_id_in_any_case),
               CASE(every_way_an_id_can_be_wrong_has_its_own_sentence),
               CASE(an_unknown_type_lists_the_known_ones),
               CASE(a_batch_endpoint_is_recognised_and_refused_with_the_reason),
               CASE(every_place_of_every_row_is_recognised_in_any_case),
               CASE(every_row_can_do_something_or_says_why_not),
               CASE(read_only_keys_stand_in_for_read_only_keys),
               CASE(what_cannot_be_regenerated_says_why), CASE(kinds_are_named_exactly));
}
