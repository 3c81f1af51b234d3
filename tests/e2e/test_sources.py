#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every kind of key source that a binding can name, by its resource id, on one lab: in sync, then stale after a
regeneration of every slot; and for one whose copy is a connection string, repaired and rotated under approval."""
import harness

# Where lab.json has one of each; behind "+" what the id of the keys has besides the resource's.
TYPES = {
    "azureml-online-endpoint": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
    "azureml-serverless-endpoint": "Microsoft.MachineLearningServices/workspaces/serverlessEndpoints",
    "cognitive-services": "Microsoft.CognitiveServices/accounts",
    "storage-account": "Microsoft.Storage/storageAccounts",
    "storage-localuser": "Microsoft.Storage/storageAccounts/localUsers",
    "search-admin": "Microsoft.Search/searchServices",
    "cosmos-db": "Microsoft.DocumentDB/databaseAccounts",
    "eventhub-namespace-rule": "Microsoft.EventHub/namespaces/authorizationRules",
    "servicebus-namespace-rule": "Microsoft.ServiceBus/namespaces/authorizationRules",
    "relay-namespace-rule": "Microsoft.Relay/namespaces/authorizationRules",
    "redis": "Microsoft.Cache/redis",
    "redis-enterprise": "Microsoft.Cache/redisEnterprise/databases",
    "signalr": "Microsoft.SignalRService/signalR",
    "webpubsub": "Microsoft.SignalRService/webPubSub",
    "maps": "Microsoft.Maps/accounts",
    "container-registry": "Microsoft.ContainerRegistry/registries",
    "app-configuration": "Microsoft.AppConfiguration/configurationStores",
    "iot-hub-policy": "Microsoft.Devices/IotHubs+/IotHubKeys/iothubowner",
    "iot-dps-policy": "Microsoft.Devices/provisioningServices+/keys/provisioningserviceowner",
    "batch-account": "Microsoft.Batch/batchAccounts",
    "eventgrid-topics": "Microsoft.EventGrid/topics",
    "eventgrid-domains": "Microsoft.EventGrid/domains",
    "eventgrid-partnernamespaces": "Microsoft.EventGrid/partnerNamespaces",
    "notification-hub-rule": "Microsoft.NotificationHubs/namespaces/authorizationRules",
    "log-analytics-shared-keys": "Microsoft.OperationalInsights/workspaces",
    "communication-service": "Microsoft.Communication/communicationServices",
}
NEVER_STALE = {"storage-localuser"}  # Azure makes a new password, but no new shared key
UNWATCHED = {"azureml-batch-endpoint"}  # its callers bring Entra tokens
CONNECTION = "DefaultEndpointsProtocol=https;AccountName=nachetstore;AccountKey=%s;EndpointSuffix=core.windows.net"


class Sources(harness.Case):
    def setUp(self):
        super().setUp()
        self.lab = self.place.lab()
        facts = self.lab.facts
        self.vault = harness.Vault(facts["vault_url"], facts["ca_file"], facts["vault_token"])
        self.resources, self.ids = {}, {}
        for kind, place in TYPES.items():
            type_, _, rest = place.partition("+")
            self.resources[kind] = facts["resources"][type_]
            self.ids[kind] = self.resources[kind] + rest
        self.settings = self.place.settings(self.lab)

    def keys(self):
        """Of every kind its slots in order, as the lab names them; all are secrets from now on."""
        self.lab.keys()
        keys = {resource.lower(): slots for resource, slots in self.lab.control("GET", "/keys").items()}
        return {kind: list(keys[resource.lower()].items()) for kind, resource in self.resources.items()}

    def binding(self, kind, **more):
        return {"name": kind, "source": {"kind": kind, "id": self.ids[kind]},
                "copy": {"mount": "kv", "path": "sources/" + kind, "field": "key"}, "interval": "300ms",
                "confirm_delay": "100ms", **more}

    def verdicts(self):
        document = self.place.keydrift("check", "-o", "json").json()
        return {binding["name"]: binding for binding in document["bindings"]}

    def regenerate(self, kind, slot):
        self.lab.control("POST", "/regenerate", {"resource": self.resources[kind], "slot": slot,
                                                 "caller": "mallory@example.org"})

    def test_every_kind_that_the_schema_offers_is_watched(self):
        """every kind of key source with named slots: match with each slot's key, stale after a regeneration"""
        schema = self.place.keydrift("config", "schema", config=False).must(0).json()
        offered = schema["properties"]["bindings"]["items"]["properties"]["source"]["properties"]["kind"]["enum"]
        self.assertEqual(set(TYPES) | UNWATCHED, set(offered))
        self.settings["bindings"] = [self.binding(kind) for kind in TYPES]
        self.place.configure(self.settings)
        slots = {kind: list(binding["source"]["slots"]) for kind, binding in self.verdicts().items()}
        for number in range(max(map(len, slots.values()))):
            keys = self.keys()
            chosen = {kind: names[number] for kind, names in slots.items() if number < len(names)}
            for kind in chosen:
                self.vault.write({"key": keys[kind][number][1]}, "sources/" + kind)
            seen = self.verdicts()
            for kind, slot in chosen.items():
                self.assertEqual(("match", slot), (seen[kind]["verdict"], seen[kind]["matched_slot"]), seen[kind])
            for kind in set(chosen) - NEVER_STALE:
                self.regenerate(kind, keys[kind][number][0])
            seen = self.verdicts()
            for kind in set(chosen) - NEVER_STALE:
                self.assertEqual("stale", seen[kind]["verdict"], seen[kind])

    def test_a_connection_string_is_repaired_and_rotated(self):
        """a copy that is a connection string: only the key in it is compared, repaired and rotated"""
        self.settings["bindings"] = [self.binding("storage-account")]
        self.settings["approval"] = {"required": 1, "approvers": [self.place.approver("ana")]}
        self.place.configure(self.settings)
        key_of = lambda number: CONNECTION % self.keys()["storage-account"][number][1]
        self.vault.write({"key": key_of(0), "other": 7}, "sources/storage-account")
        self.assertEqual("match", self.verdicts()["storage-account"]["verdict"])
        self.regenerate("storage-account", "key1")
        self.assertEqual("stale", self.verdicts()["storage-account"]["verdict"])
        plan = self.place.keydrift("plan", "storage-account", "-o", "json").must(0).json()["plan_id"]
        self.place.keydrift("apply", plan, "--approval-file", self.place.token(plan, "ana")).must(0)
        self.assertEqual({"key": key_of(0), "other": 7},
                         self.vault.read("sources/storage-account"))
        rotation = self.place.keydrift("rotate", "storage-account", "-o", "json").must(3).json()["plan_id"]
        self.place.keydrift("rotate", "storage-account", "--approval-file", self.place.token(rotation, "ana")).must(0)
        self.assertEqual(key_of(1), self.vault.read("sources/storage-account")["key"])
        self.assertEqual("key2", self.verdicts()["storage-account"]["matched_slot"])


if __name__ == "__main__":
    harness.main()
