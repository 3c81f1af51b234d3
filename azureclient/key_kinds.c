/* SPDX-License-Identifier: Apache-2.0 */
/* One row for each kind of resource that issues keys.
 *
 * Paths, spellings, bodies, answer shapes and the manner of asynchronous operations are those of
 * Microsoft's OpenAPI files at the api-version the row names; README.md shows this table. */
#include "azureclient/key_kinds.h"

#include "base/text.h"

#define PLACE(type, list, regenerate)                                                              \
    {                                                                                              \
        type, list, regenerate, type "/" list "/action", type "/" regenerate "/action",            \
            type "/read"                                                                           \
    }
#define LISTED(type, list)                                                                         \
    {                                                                                              \
        type, list, NULL, type "/" list "/action", NULL, type "/read"                              \
    }

/* The two slots of most kinds, in Azure's dialects. */
#define TWO(first, first_member, first_body, second, second_member, second_body)                   \
    {                                                                                              \
        {first, first_member, first_body, NULL},                                                   \
        {                                                                                          \
            second, second_member, second_body, NULL                                               \
        }                                                                                          \
    }
#define PRIMARY_SECONDARY(name, first, second)                                                     \
    TWO("primary", "primaryKey", "{\"" name "\":\"" first "\"}", "secondary", "secondaryKey",      \
        "{\"" name "\":\"" second "\"}")
#define KEY1_KEY2(first, second)                                                                   \
    TWO("key1", "key1", "{\"keyName\":\"" first "\"}", "key2", "key2",                             \
        "{\"keyName\":\"" second "\"}")
#define LISTED_ONLY TWO("primary", "primaryKey", NULL, "secondary", "secondaryKey", NULL)

#define AML "Microsoft.MachineLearningServices/workspaces"
#define BY_PUT                                                                                     \
    "there is no operation for it: the policy is written anew with a key of the caller's choice"
#define FUNCTIONS_BY_PUT                                                                           \
    "there is no operation for it: a key is written anew under its name, with a PUT"

static const struct azure_key_kind kinds[] = {
    {
        .name = "azureml-online-endpoint",
        .api_version = "2024-04-01",
        .places = {PLACE(AML "/onlineEndpoints", "listKeys", "regenerateKeys")},
        .slots = PRIMARY_SECONDARY("keyType", "Primary", "Secondary"),
        .has_auth_mode = true,
        .final = FINAL_LOCATION,
    },
    {
        .name = "azureml-serverless-endpoint",
        .api_version = "2024-04-01",
        .places = {PLACE(AML "/serverlessEndpoints", "listKeys", "regenerateKeys")},
        .slots = PRIMARY_SECONDARY("keyType", "Primary", "Secondary"),
        .has_auth_mode = true,
        .final = FINAL_LOCATION,
    },
    {
        .name = "azureml-batch-endpoint",
        .api_version = "2024-04-01",
        .places = {LISTED(AML "/batchEndpoints", "listkeys")},
        .slots = LISTED_ONLY,
        .has_auth_mode = true,
        .no_source = "callers of a batch endpoint bring Entra tokens (authMode AADToken), so it "
                     "has no keys to watch",
        .no_regenerate = "Azure has no operation that regenerates keys of a batch endpoint, whose "
                         "callers bring Entra tokens (authMode AADToken)",
    },
    {
        .name = "cognitive-services",
        .api_version = "2023-05-01",
        .places = {PLACE("Microsoft.CognitiveServices/accounts", "listKeys", "regenerateKey")},
        .slots = KEY1_KEY2("Key1", "Key2"),
    },
    {
        .name = "storage-account",
        .api_version = "2023-05-01",
        .places = {PLACE("Microsoft.Storage/storageAccounts", "listKeys", "regenerateKey")},
        .slots = KEY1_KEY2("key1", "key2"),
        .shape = KEYS_ARRAY,
        .array = "keys",
        .name_member = "keyName",
        .value_member = "value",
        .passed_over = {"kerb1", "kerb2"}, /* for Kerberos, not for callers */
        .inside = "AccountKey",
        .separator = ';',
    },
    {
        .name = "storage-localuser",
        .api_version = "2023-05-01",
        .places = {LISTED("Microsoft.Storage/storageAccounts/localUsers", "listKeys")},
        .slots = {{"sharedKey", "sharedKey", NULL, NULL}},
        .no_regenerate = "regeneratePassword makes a new SSH password, which Azure tells once, and "
                         "leaves the shared key as it is",
    },
    {
        .name = "search-admin",
        .api_version = "2023-11-01",
        .places = {PLACE("Microsoft.Search/searchServices", "listAdminKeys", "regenerateAdminKey")},
        .slots = {{"primary", "primaryKey", NULL, "primary"},
                  {"secondary", "secondaryKey", NULL, "secondary"}},
    },
    {
        .name = "search-query",
        .api_version = "2023-11-01",
        .places = {LISTED("Microsoft.Search/searchServices", "listQueryKeys")},
        .shape = KEYS_ARRAY,
        .array = "value",
        .name_member = "name",
        .value_member = "key",
        .is_paged = true,
        .no_regenerate = "a query key keeps its value for life: a new one is created and the old "
                         "one deleted",
    },
    {
        .name = "cosmos-db",
        .api_version = "2024-05-15",
        .places = {PLACE("Microsoft.DocumentDB/databaseAccounts", "listKeys", "regenerateKey")},
        .slots =
            {
                {"primary", "primaryMasterKey", "{\"keyKind\":\"primary\"}", NULL},
                {"secondary", "secondaryMasterKey", "{\"keyKind\":\"secondary\"}", NULL},
                {"primaryReadonly", "primaryReadonlyMasterKey", "{\"keyKind\":\"primaryReadonly\"}",
                 NULL},
                {"secondaryReadonly", "secondaryReadonlyMasterKey",
                 "{\"keyKind\":\"secondaryReadonly\"}", NULL},
            },
        .inside = "AccountKey",
        .separator = ';',
    },
    {
        .name = "eventhub-namespace-rule",
        .api_version = "2024-01-01",
        .places = {PLACE("Microsoft.EventHub/namespaces/authorizationRules", "listKeys",
                         "regenerateKeys"),
                   PLACE("Microsoft.EventHub/namespaces/eventhubs/authorizationRules", "listKeys",
                         "regenerateKeys")},
        .slots = PRIMARY_SECONDARY("keyType", "PrimaryKey", "SecondaryKey"),
        .inside = "SharedAccessKey",
        .separator = ';',
    },
    {
        .name = "servicebus-namespace-rule",
        .api_version = "2021-11-01",
        .places = {PLACE("Microsoft.ServiceBus/namespaces/AuthorizationRules", "listKeys",
                         "regenerateKeys"),
                   PLACE("Microsoft.ServiceBus/namespaces/queues/authorizationRules", "ListKeys",
                         "regenerateKeys"),
                   PLACE("Microsoft.ServiceBus/namespaces/topics/authorizationRules", "ListKeys",
                         "regenerateKeys")},
        .slots = PRIMARY_SECONDARY("keyType", "PrimaryKey", "SecondaryKey"),
        .inside = "SharedAccessKey",
        .separator = ';',
    },
    {
        .name = "relay-namespace-rule",
        .api_version = "2021-11-01",
        .places = {PLACE("Microsoft.Relay/namespaces/authorizationRules", "listKeys",
                         "regenerateKeys"),
                   PLACE("Microsoft.Relay/namespaces/hybridConnections/authorizationRules",
                         "listKeys", "regenerateKeys"),
                   PLACE("Microsoft.Relay/namespaces/wcfRelays/authorizationRules", "listKeys",
                         "regenerateKeys")},
        .slots = PRIMARY_SECONDARY("keyType", "PrimaryKey", "SecondaryKey"),
        .inside = "SharedAccessKey",
        .separator = ';',
    },
    {
        .name = "redis",
        .api_version = "2024-03-01",
        .places = {PLACE("Microsoft.Cache/redis", "listKeys", "regenerateKey")},
        .slots = PRIMARY_SECONDARY("keyType", "Primary", "Secondary"),
        .inside = "password",
        .separator = ',',
    },
    {
        .name = "redis-enterprise",
        .api_version = "2024-02-01",
        .places = {PLACE("Microsoft.Cache/redisEnterprise/databases", "listKeys", "regenerateKey")},
        .slots = PRIMARY_SECONDARY("keyType", "Primary", "Secondary"),
        .inside = "password",
        .separator = ',',
    },
    {
        .name = "signalr",
        .api_version = "2024-03-01",
        .places = {PLACE("Microsoft.SignalRService/signalR", "listKeys", "regenerateKey")},
        .slots = PRIMARY_SECONDARY("keyType", "Primary", "Secondary"),
        .final = FINAL_LOCATION,
        .inside = "AccessKey",
        .separator = ';',
    },
    {
        .name = "webpubsub",
        .api_version = "2024-03-01",
        .places = {PLACE("Microsoft.SignalRService/webPubSub", "listKeys", "regenerateKey")},
        .slots = PRIMARY_SECONDARY("keyType", "Primary", "Secondary"),
        .final = FINAL_LOCATION,
        .inside = "AccessKey",
        .separator = ';',
    },
    {
        .name = "maps",
        .api_version = "2023-06-01",
        .places = {PLACE("Microsoft.Maps/accounts", "listKeys", "regenerateKey")},
        .slots = PRIMARY_SECONDARY("keyType", "primary", "secondary"),
    },
    {
        .name = "container-registry",
        .api_version = "2023-07-01",
        .places = {PLACE("Microsoft.ContainerRegistry/registries", "listCredentials",
                         "regenerateCredential")},
        .slots = TWO("password", "password", "{\"name\":\"password\"}", "password2", "password2",
                     "{\"name\":\"password2\"}"),
        .shape = KEYS_ARRAY,
        .array = "passwords",
        .name_member = "name",
        .value_member = "value",
    },
    {
        .name = "app-configuration",
        .api_version = "2023-03-01",
        .places = {PLACE("Microsoft.AppConfiguration/configurationStores", "listKeys",
                         "regenerateKey")},
        .slots = {{"primary", "Primary", NULL, NULL},
                  {"secondary", "Secondary", NULL, NULL},
                  {"primaryReadonly", "Primary Read Only", NULL, NULL},
                  {"secondaryReadonly", "Secondary Read Only", NULL, NULL}},
        .shape = KEYS_ARRAY,
        .array = "value",
        .name_member = "name",
        .value_member = "value",
        .is_paged = true,
        .regenerates_by_id = true,
        .inside = "Secret",
        .separator = ';',
        .no_replace = "the Id in it belongs to the key and may be another with the next one",
    },
    {
        .name = "iot-hub-policy",
        .api_version = "2023-06-30",
        .places = {LISTED("Microsoft.Devices/IotHubs/IotHubKeys", "listkeys")},
        .slots = LISTED_ONLY,
        .no_regenerate = BY_PUT,
        .inside = "SharedAccessKey",
        .separator = ';',
    },
    {
        .name = "iot-dps-policy",
        .api_version = "2022-12-12",
        .places = {LISTED("Microsoft.Devices/provisioningServices/keys", "listkeys")},
        .slots = LISTED_ONLY,
        .no_regenerate = BY_PUT,
        .inside = "SharedAccessKey",
        .separator = ';',
    },
    {
        .name = "batch-account",
        .api_version = "2024-02-01",
        .places = {PLACE("Microsoft.Batch/batchAccounts", "listKeys", "regenerateKeys")},
        .slots = TWO("primary", "primary", "{\"keyName\":\"Primary\"}", "secondary", "secondary",
                     "{\"keyName\":\"Secondary\"}"),
    },
    {
        .name = "functions-host-keys",
        .api_version = "2023-12-01",
        .places = {{"Microsoft.Web/sites", "host/default/listkeys", NULL,
                    "Microsoft.Web/sites/host/listkeys/action", NULL, "Microsoft.Web/sites/read"}},
        .shape = KEYS_MAPS,
        .maps = {"functionKeys", "systemKeys"},
        .single = "masterKey",
        .no_regenerate = FUNCTIONS_BY_PUT,
    },
    {
        .name = "function-keys",
        .api_version = "2023-12-01",
        .places = {LISTED("Microsoft.Web/sites/functions", "listkeys")},
        .shape = KEYS_MAPS,
        .no_regenerate = FUNCTIONS_BY_PUT,
    },
    {
        .name = "eventgrid-topics",
        .api_version = "2022-06-15",
        .places = {PLACE("Microsoft.EventGrid/topics", "listKeys", "regenerateKey")},
        .slots = KEY1_KEY2("key1", "key2"),
    },
    {
        .name = "eventgrid-domains",
        .api_version = "2022-06-15",
        .places = {PLACE("Microsoft.EventGrid/domains", "listKeys", "regenerateKey")},
        .slots = KEY1_KEY2("key1", "key2"),
    },
    {
        .name = "eventgrid-partnernamespaces",
        .api_version = "2022-06-15",
        .places = {PLACE("Microsoft.EventGrid/partnerNamespaces", "listKeys", "regenerateKey")},
        .slots = KEY1_KEY2("key1", "key2"),
    },
    {
        .name = "notification-hub-rule",
        .api_version = "2023-09-01",
        .places = {PLACE("Microsoft.NotificationHubs/namespaces/authorizationRules", "listKeys",
                         "regenerateKeys"),
                   PLACE("Microsoft.NotificationHubs/namespaces/notificationHubs/"
                         "authorizationRules",
                         "listKeys", "regenerateKeys")},
        .slots = PRIMARY_SECONDARY("policyKey", "PrimaryKey", "SecondaryKey"),
        .inside = "SharedAccessKey",
        .separator = ';',
    },
    {
        .name = "log-analytics-shared-keys",
        .api_version = "2020-08-01",
        .places = {LISTED("Microsoft.OperationalInsights/workspaces", "sharedKeys")},
        .slots = TWO("primary", "primarySharedKey", NULL, "secondary", "secondarySharedKey", NULL),
        .no_regenerate = "regenerateSharedKey replaces both keys at once, so callers could not be "
                         "moved to the other one meanwhile",
    },
    {
        .name = "communication-service",
        .api_version = "2023-04-01",
        .places = {PLACE("Microsoft.Communication/communicationServices", "listKeys",
                         "regenerateKey")},
        .slots = PRIMARY_SECONDARY("keyType", "Primary", "Secondary"),
        .inside = "accesskey",
        .separator = ';',
    },
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

const struct azure_key_kind *azure_key_kind_row(size_t index)
{
    return index < KIND_COUNT ? &kinds[index] : NULL;
}

const struct azure_key_kind *azure_key_kind_named(struct text name)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (text_is(name, kinds[i].name))
            return &kinds[i];
    return NULL;
}

const char *azure_key_kind_name(const struct azure_key_kind *kind)
{
    return kind->name;
}

const char *azure_key_kind_type(const struct azure_key_kind *kind)
{
    return kind->places[0].type;
}

const char *azure_key_kind_at(size_t index)
{
    return index < KIND_COUNT ? kinds[index].name : NULL;
}

/* ---- slots ----------------------------------------------------------------------------------- */

const char *azure_key_kind_slot(const struct azure_key_kind *kind, size_t index)
{
    return index < AZURE_SLOTS ? kind->slots[index].name : NULL;
}

size_t azure_key_kind_slots(const struct azure_key_kind *kind)
{
    size_t count = 0;

    while (azure_key_kind_slot(kind, count))
        count++;
    return count;
}

size_t azure_key_kind_find_slot(const struct azure_key_kind *kind, struct text slot)
{
    for (size_t i = 0; i < azure_key_kind_slots(kind); i++)
        if (text_equal_ignoring_case(slot, text_of(kind->slots[i].name)))
            return i;
    return AZURE_SLOTS;
}

bool azure_key_kind_can_regenerate(const struct azure_key_kind *kind, struct text slot,
                                   struct failure *why)
{
    if (kind->no_regenerate)
        return failure_set(why, FAILURE_INVALID, "a key of kind %s cannot be regenerated: %s",
                           kind->name, kind->no_regenerate);
    if (azure_key_kind_find_slot(kind, slot) == AZURE_SLOTS)
        return failure_set(why, FAILURE_INVALID, "%s has no key \"%.*s\"", kind->name,
                           TEXT_ARG(text_part(slot, 0, 80)));
    return true;
}

/* Slots stand in pairs: what one of a pair opens, the other does too. */
const char *azure_key_kind_partner(const struct azure_key_kind *kind, struct text slot)
{
    size_t index = azure_key_kind_find_slot(kind, slot);

    return index == AZURE_SLOTS ? NULL : azure_key_kind_slot(kind, index ^ 1);
}
