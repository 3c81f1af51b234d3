/* SPDX-License-Identifier: Apache-2.0 */
/* The table of key sources, as sources.h explains it. */
#include "examples/lab/sources.h"

#define ALNUM_32                                                                                   \
    {                                                                                              \
        ALPHABET_ALNUM, 32                                                                         \
    }
#define HEX_32                                                                                     \
    {                                                                                              \
        ALPHABET_HEX, 32                                                                           \
    }
#define BYTES_32                                                                                   \
    {                                                                                              \
        ALPHABET_BASE64, 32                                                                        \
    }
#define BYTES_64                                                                                   \
    {                                                                                              \
        ALPHABET_BASE64, 64                                                                        \
    }
#define SAS_OF(d)                                                                                  \
    "Endpoint=sb://$0.servicebus.windows.net/;SharedAccessKeyName=$" d ";SharedAccessKey=$K"
#define RULE(d) "{\"keyName\":\"$" d "\"}"
#define RIGHTS  "{\"properties\":{\"rights\":[\"Manage\",\"Send\",\"Listen\"]}}"
#define DONE    "{\"properties\":{\"provisioningState\":\"Succeeded\"}}"

/* The ways in which a slot is named. */
#define PRIMARY_SECONDARY                                                                          \
    {                                                                                              \
        {"primary", "Primary", "primaryKey"},                                                      \
        {                                                                                          \
            "secondary", "Secondary", "secondaryKey"                                               \
        }                                                                                          \
    }
#define PRIMARY_SECONDARY_LOWER                                                                    \
    {                                                                                              \
        {"primary", "primary", "primaryKey"},                                                      \
        {                                                                                          \
            "secondary", "secondary", "secondaryKey"                                               \
        }                                                                                          \
    }
#define PRIMARYKEY_SECONDARYKEY                                                                    \
    {                                                                                              \
        {"primary", "PrimaryKey", "primaryKey"},                                                   \
        {                                                                                          \
            "secondary", "SecondaryKey", "secondaryKey"                                            \
        }                                                                                          \
    }
#define KEY1_KEY2                                                                                  \
    {                                                                                              \
        {"key1", "key1", "key1"},                                                                  \
        {                                                                                          \
            "key2", "key2", "key2"                                                                 \
        }                                                                                          \
    }

/* A shared access rule of the messaging services. Values of members, which take no parentheses. */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define RULE_ROW(row_kind, row_type, row_names, row_version, d, word, more)                        \
    .kind = row_kind, .type = row_type, .names = row_names, .version = row_version,                \
    .since = "2014-01-01", .list = "listKeys", .regenerate = "regenerateKeys",                     \
    .choice = CHOICE_MEMBER, .word_member = word, .slots = PRIMARYKEY_SECONDARYKEY,                \
    .form = BYTES_32, .connection = SAS_OF(d) more, .beside = RULE(d), .shown = RIGHTS
/* NOLINTEND(bugprone-macro-parentheses) */

const struct source sources[] = {
    {
        .kind = "azureml-online-endpoint",
        .type = LAB_PROVIDER "/workspaces/onlineEndpoints",
        .names = LAB_WORKSPACE "/" LAB_ENDPOINT,
        .version = "2024-04-01",
        .since = "2021-03-01",
        .list = "listKeys",
        .regenerate = "regenerateKeys",
        .choice = CHOICE_MEMBER,
        .word_member = "keyType",
        .value_member = "keyValue",
        .slots = PRIMARY_SECONDARY,
        .form = ALNUM_32,
        .style = STYLE_BOTH,
        .result = RESULT_NOTHING,
        .status = "mfeOperationsStatus",
        .results = "mfeOperationResults",
        .is_regional = true,
    },
    {
        .kind = "azureml-serverless-endpoint",
        .type = LAB_PROVIDER "/workspaces/serverlessEndpoints",
        .names = LAB_WORKSPACE "/nachet-llm",
        .version = "2024-04-01",
        .since = "2023-08-01",
        .list = "listKeys",
        .regenerate = "regenerateKeys",
        .choice = CHOICE_MEMBER,
        .word_member = "keyType",
        .value_member = "keyValue",
        .slots = PRIMARY_SECONDARY,
        .form = ALNUM_32,
        .style = STYLE_BOTH,
        .shown = "{\"sku\":{\"name\":\"Consumption\"},\"properties\":{\"authMode\":\"Key\","
                 "\"endpointState\":\"Online\",\"provisioningState\":\"Succeeded\","
                 "\"inferenceEndpoint\":{\"uri\":\"https://$1." LAB_LOCATION
                 ".models.ai.azure.com\",\"headers\":{}},\"modelSettings\":{\"modelId\":"
                 "\"azureml://registries/azureml-meta/models/Meta-Llama-3-8B-Instruct\"},"
                 "\"contentSafety\":{\"contentSafetyStatus\":\"Enabled\"}}}",
        .status = "mfeOperationsStatus",
        .results = "mfeOperationResults",
        .is_regional = true,
    },
    {
        .kind = "azureml-batch-endpoint",
        .type = LAB_PROVIDER "/workspaces/batchEndpoints",
        .names = LAB_WORKSPACE "/nachet-batch",
        .version = "2024-04-01",
        .since = "2021-03-01",
        .list = "listkeys",
        .slots = PRIMARY_SECONDARY,
        .form = ALNUM_32,
        .shown = "{\"properties\":{\"authMode\":\"AADToken\",\"provisioningState\":\"Succeeded\","
                 "\"scoringUri\":\"https://$1." LAB_LOCATION ".inference.ml.azure.com/jobs\","
                 "\"defaults\":{\"deploymentName\":\"blue\"}}}",
        .is_regional = true,
    },
    {
        .kind = "cognitive-services",
        .type = "Microsoft.CognitiveServices/accounts",
        .names = "nachet-vision",
        .version = "2023-05-01",
        .since = "2016-02-01",
        .list = "listKeys",
        .regenerate = "regenerateKey",
        .choice = CHOICE_MEMBER,
        .word_member = "keyName",
        .slots = {{"key1", "Key1", "key1"}, {"key2", "Key2", "key2"}},
        .form = HEX_32,
        .shown = "{\"etag\":\"\\\"0000a1b2-0000-0a00-0000-65a53d130000\\\"\",\"kind\":"
                 "\"ComputerVision\",\"sku\":{\"name\":\"S1\"},\"properties\":{\"endpoint\":"
                 "\"https://$0.cognitiveservices.azure.com/\",\"customSubDomainName\":\"$0\","
                 "\"provisioningState\":\"Succeeded\",\"disableLocalAuth\":false,"
                 "\"publicNetworkAccess\":\"Enabled\"}}",
        .is_regional = true,
    },
    {
        .kind = "storage-account",
        .type = "Microsoft.Storage/storageAccounts",
        .names = "nachetstore",
        .version = "2023-05-01",
        .since = "2015-06-15",
        .list = "listKeys",
        .regenerate = "regenerateKey",
        .choice = CHOICE_MEMBER,
        .word_member = "keyName",
        .slots = {{"key1", "key1", "key1"},
                  {"key2", "key2", "key2"},
                  {"kerb1", "kerb1", NULL},
                  {"kerb2", "kerb2", NULL}},
        .form = BYTES_64,
        .shape = SHAPE_STORAGE,
        .shown = "{\"kind\":\"StorageV2\",\"sku\":{\"name\":\"Standard_LRS\",\"tier\":\"Standard\"}"
                 ",\"properties\":{\"provisioningState\":\"Succeeded\",\"creationTime\":"
                 "\"2024-01-15T14:02:11.1234567Z\",\"primaryEndpoints\":{\"blob\":"
                 "\"https://$0.blob.core.windows.net/\",\"queue\":"
                 "\"https://$0.queue.core.windows.net/\",\"table\":"
                 "\"https://$0.table.core.windows.net/\",\"file\":"
                 "\"https://$0.file.core.windows.net/\"},\"primaryLocation\":\"" LAB_LOCATION
                 "\",\"statusOfPrimary\":\"available\",\"supportsHttpsTrafficOnly\":true,"
                 "\"allowSharedKeyAccess\":true}}",
        .is_regional = true,
    },
    {
        .kind = "storage-localuser",
        .type = "Microsoft.Storage/storageAccounts/localUsers",
        .names = "nachetstore/uploader",
        .version = "2023-05-01",
        .since = "2021-08-01",
        .list = "listKeys",
        .regenerate = "regeneratePassword",
        .choice = CHOICE_LAST,
        .slots = {{"sharedKey", NULL, "sharedKey"}, {"sshPassword", "", NULL}},
        .form = BYTES_64,
        .result = RESULT_PASSWORD,
        .beside = "{\"sshAuthorizedKeys\":[]}",
        .shown = "{\"properties\":{\"homeDirectory\":\"images\",\"hasSharedKey\":true,"
                 "\"hasSshPassword\":true,\"hasSshKey\":false}}",
    },
    {
        .kind = "search-admin",
        .type = "Microsoft.Search/searchServices",
        .names = "nachet-search",
        .version = "2023-11-01",
        .since = "2015-02-28",
        .list = "listAdminKeys",
        .regenerate = "regenerateAdminKey/*",
        .regenerate_action = "regenerateAdminKey",
        .choice = CHOICE_PATH,
        .slots = PRIMARY_SECONDARY_LOWER,
        .form = {ALPHABET_ALNUM, 52},
        .shown = "{\"sku\":{\"name\":\"basic\"},\"properties\":{\"replicaCount\":1,"
                 "\"partitionCount\":1,\"status\":\"running\",\"provisioningState\":\"succeeded\","
                 "\"disableLocalAuth\":false}}",
        .is_regional = true,
    },
    {
        .kind = "search-query",
        .type = "Microsoft.Search/searchServices",
        .names = "nachet-search",
        .version = "2023-11-01",
        .since = "2015-02-28",
        .list = "listQueryKeys",
        .slots = {{"default", NULL, NULL}, {"browser", NULL, NULL}, {"mobile", NULL, NULL}},
        .form = {ALPHABET_ALNUM, 52},
        .shape = SHAPE_QUERY_KEYS,
        .is_regional = true,
    },
    {
        .kind = "cosmos-db",
        .type = "Microsoft.DocumentDB/databaseAccounts",
        .names = "nachet-cosmos",
        .version = "2024-05-15",
        .since = "2015-04-08",
        .list = "listKeys",
        .regenerate = "regenerateKey",
        .choice = CHOICE_MEMBER,
        .word_member = "keyKind",
        .slots = {{"primary", "primary", "primaryMasterKey"},
                  {"secondary", "secondary", "secondaryMasterKey"},
                  {"primaryReadonly", "primaryReadonly", "primaryReadonlyMasterKey"},
                  {"secondaryReadonly", "secondaryReadonly", "secondaryReadonlyMasterKey"}},
        .form = BYTES_64,
        .style = STYLE_SAME,
        .result = RESULT_NOTHING,
        .shown = "{\"kind\":\"GlobalDocumentDB\",\"properties\":{\"provisioningState\":"
                 "\"Succeeded\",\"documentEndpoint\":\"https://$0.documents.azure.com:443/\","
                 "\"databaseAccountOfferType\":\"Standard\",\"disableLocalAuth\":false}}",
        .status = "operationsStatus",
        .results = "operationResults",
        .is_regional = true,
    },
    {RULE_ROW("eventhub-namespace-rule", "Microsoft.EventHub/namespaces/authorizationRules",
              "nachet-events/RootManageSharedAccessKey", "2024-01-01", "1", "keyType", ""),
     .value_member = "key"},
    {RULE_ROW("eventhub-rule", "Microsoft.EventHub/namespaces/eventhubs/authorizationRules",
              "nachet-events/images/sender", "2024-01-01", "2", "keyType", ";EntityPath=$1"),
     .value_member = "key"},
    {RULE_ROW("servicebus-namespace-rule", "Microsoft.ServiceBus/namespaces/authorizationRules",
              "nachet-bus/RootManageSharedAccessKey", "2021-11-01", "1", "keyType", ""),
     .value_member = "key"},
    {RULE_ROW("servicebus-queue-rule", "Microsoft.ServiceBus/namespaces/queues/authorizationRules",
              "nachet-bus/jobs/sender", "2021-11-01", "2", "keyType", ";EntityPath=$1"),
     .value_member = "key"},
    {RULE_ROW("servicebus-topic-rule", "Microsoft.ServiceBus/namespaces/topics/authorizationRules",
              "nachet-bus/results/sender", "2021-11-01", "2", "keyType", ";EntityPath=$1"),
     .value_member = "key"},
    {RULE_ROW("relay-namespace-rule", "Microsoft.Relay/namespaces/authorizationRules",
              "nachet-relay/RootManageSharedAccessKey", "2021-11-01", "1", "keyType", ""),
     .value_member = "key"},
    {
        .kind = "redis",
        .type = "Microsoft.Cache/redis",
        .names = "nachet-redis",
        .version = "2024-03-01",
        .since = "2014-04-01",
        .list = "listKeys",
        .regenerate = "regenerateKey",
        .choice = CHOICE_MEMBER,
        .word_member = "keyType",
        .slots = PRIMARY_SECONDARY,
        .form = BYTES_32,
        .shown = "{\"properties\":{\"provisioningState\":\"Succeeded\",\"redisVersion\":\"6.0\","
                 "\"sku\":{\"name\":\"Basic\",\"family\":\"C\",\"capacity\":0},\"enableNonSslPort\""
                 ":false,\"hostName\":\"$0.redis.cache.windows.net\",\"port\":6379,\"sslPort\":"
                 "6380}}",
        .is_regional = true,
    },
    {
        .kind = "redis-enterprise",
        .type = "Microsoft.Cache/redisEnterprise/databases",
        .names = "nachet-cluster/default",
        .version = "2024-02-01",
        .since = "2020-10-01",
        .list = "listKeys",
        .regenerate = "regenerateKey",
        .choice = CHOICE_MEMBER,
        .word_member = "keyType",
        .slots = PRIMARY_SECONDARY,
        .form = BYTES_32,
        .style = STYLE_BOTH,
        .shown = "{\"properties\":{\"provisioningState\":\"Succeeded\",\"resourceState\":"
                 "\"Running\",\"clientProtocol\":\"Encrypted\",\"port\":10000}}",
        .status = "operationsStatus",
        .results = "operationResults",
    },
    {
        .kind = "signalr",
        .type = "Microsoft.SignalRService/signalR",
        .names = "nachet-signalr",
        .version = "2024-03-01",
        .since = "2018-03-01",
        .list = "listKeys",
        .regenerate = "regenerateKey",
        .choice = CHOICE_MEMBER,
        .word_member = "keyType",
        .slots = PRIMARY_SECONDARY,
        .form = BYTES_32,
        .style = STYLE_BOTH,
        .connection = "Endpoint=https://$0.service.signalr.net;AccessKey=$K;Version=1.0;",
        .shown = "{\"kind\":\"SignalR\",\"sku\":{\"name\":\"Standard_S1\",\"tier\":\"Standard\","
                 "\"capacity\":1},\"properties\":{\"provisioningState\":\"Succeeded\",\"hostName\":"
                 "\"$0.service.signalr.net\",\"disableLocalAuth\":false}}",
        .status = "operationStatuses",
        .results = "operationResults",
        .is_accepted_with_body = true,
        .is_regional = true,
    },
    {
        .kind = "webpubsub",
        .type = "Microsoft.SignalRService/webPubSub",
        .names = "nachet-pubsub",
        .version = "2024-03-01",
        .since = "2021-04-01",
        .list = "listKeys",
        .regenerate = "regenerateKey",
        .choice = CHOICE_MEMBER,
        .word_member = "keyType",
        .slots = PRIMARY_SECONDARY,
        .form = BYTES_32,
        .style = STYLE_BOTH,
        .connection = "Endpoint=https://$0.webpubsub.azure.com;AccessKey=$K;Version=1.0;",
        .shown = "{\"kind\":\"WebPubSub\",\"sku\":{\"name\":\"Standard_S1\",\"tier\":\"Standard\","
                 "\"capacity\":1},\"properties\":{\"provisioningState\":\"Succeeded\",\"hostName\":"
                 "\"$0.webpubsub.azure.com\",\"disableLocalAuth\":false}}",
        .status = "operationStatuses",
        .results = "operationResults",
        .is_accepted_with_body = true,
        .is_regional = true,
    },
    {
        .kind = "maps",
        .type = "Microsoft.Maps/accounts",
        .names = "nachet-maps",
        .version = "2023-06-01",
        .since = "2017-01-01",
        .list = "listKeys",
        .regenerate = "regenerateKey",
        .choice = CHOICE_MEMBER,
        .word_member = "keyType",
        .slots = PRIMARY_SECONDARY_LOWER,
        .form = {ALPHABET_BASE64URL, 32},
        .shown = "{\"kind\":\"Gen2\",\"sku\":{\"name\":\"G2\",\"tier\":\"Standard\"},\"properties\""
                 ":{\"provisioningState\":\"Succeeded\",\"disableLocalAuth\":false}}",
        .is_regional = true,
    },
    {
        .kind = "container-registry",
        .type = "Microsoft.ContainerRegistry/registries",
        .names = "nachetregistry",
        .version = "2023-07-01",
        .since = "2017-03-01",
        .list = "listCredentials",
        .regenerate = "regenerateCredential",
        .choice = CHOICE_MEMBER,
        .word_member = "name",
        .slots = {{"password", "password", "password"}, {"password2", "password2", "password2"}},
        .form = {ALPHABET_ALNUM, 52},
        .shape = SHAPE_PASSWORDS,
        .shown = "{\"sku\":{\"name\":\"Basic\",\"tier\":\"Basic\"},\"properties\":{\"loginServer\":"
                 "\"$0.azurecr.io\",\"provisioningState\":\"Succeeded\",\"adminUserEnabled\":true}"
                 "}",
        .is_regional = true,
    },
    {
        .kind = "app-configuration",
        .type = "Microsoft.AppConfiguration/configurationStores",
        .names = "nachet-config",
        .version = "2023-03-01",
        .since = "2019-02-01",
        .list = "listKeys",
        .regenerate = "regenerateKey",
        .choice = CHOICE_ID,
        .slots = {{"Primary", "", NULL},
                  {"Secondary", "", NULL},
                  {"Primary Read Only", "", NULL},
                  {"Secondary Read Only", "", NULL}},
        .form = BYTES_32,
        .shape = SHAPE_API_KEYS,
        .result = RESULT_ONE_KEY,
        .shown = "{\"sku\":{\"name\":\"standard\"},\"properties\":{\"provisioningState\":"
                 "\"Succeeded\",\"endpoint\":\"https://$0.azconfig.io\",\"disableLocalAuth\":false}"
                 "}",
        .is_regional = true,
    },
    {
        .kind = "iot-hub-policy",
        .type = "Microsoft.Devices/IotHubs",
        .names = "nachet-hub",
        .version = "2023-06-30",
        .since = "2016-02-03",
        .list = "IotHubKeys/iothubowner/listkeys",
        .list_action = "iotHubKeys/listkeys",
        .slots = PRIMARY_SECONDARY,
        .form = BYTES_32,
        .beside = "{\"keyName\":\"iothubowner\",\"rights\":\"RegistryRead, RegistryWrite, "
                  "ServiceConnect, DeviceConnect\"}",
        .shown = "{\"sku\":{\"name\":\"S1\",\"tier\":\"Standard\",\"capacity\":1},\"properties\":{"
                 "\"provisioningState\":\"Succeeded\",\"state\":\"Active\",\"hostName\":"
                 "\"$0.azure-devices.net\",\"authorizationPolicies\":[{\"keyName\":\"iothubowner\","
                 "\"rights\":\"RegistryRead, RegistryWrite, ServiceConnect, DeviceConnect\"}]}}",
        .is_regional = true,
        .has_policies = true,
    },
    {
        .kind = "iot-dps-policy",
        .type = "Microsoft.Devices/provisioningServices",
        .names = "nachet-dps",
        .version = "2022-12-12",
        .since = "2017-11-15",
        .list = "keys/provisioningserviceowner/listkeys",
        .list_action = "keys/listkeys",
        .slots = PRIMARY_SECONDARY,
        .form = BYTES_32,
        .beside = "{\"keyName\":\"provisioningserviceowner\",\"rights\":\"ServiceConfig\"}",
        .shown = "{\"sku\":{\"name\":\"S1\",\"tier\":\"Standard\",\"capacity\":1},\"properties\":{"
                 "\"provisioningState\":\"Succeeded\",\"state\":\"Active\","
                 "\"serviceOperationsHostName\":\"$0.azure-devices-provisioning.net\","
                 "\"authorizationPolicies\":[{\"keyName\":\"provisioningserviceowner\",\"rights\":"
                 "\"ServiceConfig\"}]}}",
        .is_regional = true,
        .has_policies = true,
    },
    {
        .kind = "batch-account",
        .type = "Microsoft.Batch/batchAccounts",
        .names = "nachetbatch",
        .version = "2024-02-01",
        .since = "2015-12-01",
        .list = "listKeys",
        .regenerate = "regenerateKeys",
        .choice = CHOICE_MEMBER,
        .word_member = "keyName",
        .slots = {{"primary", "Primary", "primary"}, {"secondary", "Secondary", "secondary"}},
        .form = BYTES_64,
        .beside = "{\"accountName\":\"$0\"}",
        .shown = "{\"properties\":{\"provisioningState\":\"Succeeded\",\"accountEndpoint\":"
                 "\"$0." LAB_LOCATION ".batch.azure.com\",\"poolAllocationMode\":\"BatchService\"}"
                 "}",
        .is_regional = true,
    },
    {
        .kind = "functions-host-keys",
        .type = "Microsoft.Web/sites",
        .names = "nachet-func",
        .version = "2023-12-01",
        .since = "2018-02-01",
        .list = "host/default/listkeys",
        .list_action = "host/listkeys",
        .slots = {{"masterKey", NULL, NULL},
                  {"functionKeys/default", NULL, NULL},
                  {"systemKeys/eventgrid_extension", NULL, NULL}},
        .form = {ALPHABET_ALNUM, 56},
        .shape = SHAPE_HOST_KEYS,
        .shown = "{\"kind\":\"functionapp,linux\",\"properties\":{\"state\":\"Running\","
                 "\"defaultHostName\":\"$0.azurewebsites.net\",\"enabled\":true}}",
        .is_regional = true,
    },
    {
        .kind = "function-keys",
        .type = "Microsoft.Web/sites/functions",
        .names = "nachet-func/score",
        .version = "2023-12-01",
        .since = "2018-02-01",
        .list = "listkeys",
        .slots = {{"default", NULL, NULL}},
        .form = {ALPHABET_ALNUM, 56},
        .shape = SHAPE_FUNCTION_KEYS,
        .shown = "{\"properties\":{\"name\":\"$1\",\"language\":\"python\",\"isDisabled\":false}}",
    },
    {
        .kind = "eventgrid-topics",
        .type = "Microsoft.EventGrid/topics",
        .names = "nachet-topic",
        .version = "2022-06-15",
        .since = "2018-01-01",
        .list = "listKeys",
        .regenerate = "regenerateKey",
        .choice = CHOICE_MEMBER,
        .word_member = "keyName",
        .slots = KEY1_KEY2,
        .form = BYTES_32,
        .style = STYLE_LOCATION,
        .shown = "{\"properties\":{\"provisioningState\":\"Succeeded\",\"endpoint\":"
                 "\"https://$0." LAB_LOCATION "-1.eventgrid.azure.net/api/events\","
                 "\"disableLocalAuth\":false}}",
        .status = "operationsStatus",
        .results = "operationResults",
        .is_regional = true,
    },
    {
        .kind = "eventgrid-domains",
        .type = "Microsoft.EventGrid/domains",
        .names = "nachet-domain",
        .version = "2022-06-15",
        .since = "2018-09-15",
        .list = "listKeys",
        .regenerate = "regenerateKey",
        .choice = CHOICE_MEMBER,
        .word_member = "keyName",
        .slots = KEY1_KEY2,
        .form = BYTES_32,
        .shown = DONE,
        .is_regional = true,
    },
    {
        .kind = "eventgrid-partnernamespaces",
        .type = "Microsoft.EventGrid/partnerNamespaces",
        .names = "nachet-partner",
        .version = "2022-06-15",
        .since = "2020-04-01",
        .list = "listKeys",
        .regenerate = "regenerateKey",
        .choice = CHOICE_MEMBER,
        .word_member = "keyName",
        .slots = KEY1_KEY2,
        .form = BYTES_32,
        .shown = DONE,
        .is_regional = true,
    },
    {RULE_ROW("notification-hub-namespace-rule",
              "Microsoft.NotificationHubs/namespaces/authorizationRules",
              "nachet-push/RootManageSharedAccessKey", "2023-09-01", "1", "policyKey", "")},
    {RULE_ROW("notification-hub-rule",
              "Microsoft.NotificationHubs/namespaces/notificationHubs/authorizationRules",
              "nachet-push/phones/DefaultListenSharedAccessSignature", "2023-09-01", "2",
              "policyKey", ";EntityPath=$1")},
    {
        .kind = "log-analytics-shared-keys",
        .type = "Microsoft.OperationalInsights/workspaces",
        .names = "nachet-logs",
        .version = "2020-08-01",
        .since = "2015-03-20",
        .list = "sharedKeys",
        .regenerate = "regenerateSharedKey",
        .choice = CHOICE_ALL,
        .slots = {{"primary", "", "primarySharedKey"}, {"secondary", "", "secondarySharedKey"}},
        .form = BYTES_64,
        .shown = "{\"properties\":{\"provisioningState\":\"Succeeded\",\"customerId\":"
                 "\"2f1b7a64-5c0d-4f0e-8a3b-9d2e5a7d1010\",\"retentionInDays\":30}}",
        .is_regional = true,
    },
    {
        .kind = "communication-service",
        .type = "Microsoft.Communication/communicationServices",
        .names = "nachet-comms",
        .version = "2023-04-01",
        .since = "2020-08-20",
        .list = "listKeys",
        .regenerate = "regenerateKey",
        .choice = CHOICE_MEMBER,
        .word_member = "keyType",
        .slots = PRIMARY_SECONDARY,
        .form = BYTES_64,
        .connection = "endpoint=https://$0.canada.communication.azure.com/;accesskey=$K",
        .shown = "{\"properties\":{\"provisioningState\":\"Succeeded\",\"hostName\":"
                 "\"$0.canada.communication.azure.com\",\"dataLocation\":\"Canada\"}}",
        .is_regional = true,
    },
};
const size_t source_count = sizeof(sources) / sizeof(sources[0]);
