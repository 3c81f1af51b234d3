# SPDX-License-Identifier: Apache-2.0
"""Every row of the table of key sources: what it lists, what it regenerates, and how that ends."""
import base64
import re
import urllib.parse

import lab_support

HEX, ALNUM, URL = r"[0-9a-f]{32}", r"[A-Za-z0-9]{%d}", r"[A-Za-z0-9_-]{43}"


def base64_of(size):
    return lambda key: len(base64.b64decode(key, validate=True)) == size


def pattern(text):
    return lambda key: re.fullmatch(text, key) is not None


def members(**names):
    """Keys that are members of the answer: our name of the slot -> the member."""
    return lambda body: {slot: body[member] for slot, member in names.items()}


def two_members(first="primary", second="secondary"):
    return members(**{first: first + "Key", second: second + "Key"})


def items(array, name, value):
    return lambda body: {item[name]: item[value] for item in body[array]}


def word(member, **words):
    """The body that regenerates each slot."""
    return {slot: {member: text} for slot, text in words.items()}


class Row:
    def __init__(self, kind, of_type, version, listing, read, form, regenerate=None, bodies=None, style="sync", answers="keys"):
        self.kind, self.of_type, self.version, self.listing, self.read, self.form = kind, of_type, version, listing, read, form
        self.regenerate, self.bodies, self.style, self.answers = regenerate, bodies or {}, style, answers


ML = "Microsoft.MachineLearningServices/workspaces/"
PRIMARY = {"primary": "Primary", "secondary": "Secondary"}
PRIMARY_KEY = {"primary": "PrimaryKey", "secondary": "SecondaryKey"}
LOWER = {"primary": "primary", "secondary": "secondary"}
KEYS = {"key1": "key1", "key2": "key2"}


def rule(kind, of_type, version, member="keyType"):
    return Row(kind, of_type, version, "listKeys", two_members(), base64_of(32), "regenerateKeys", word(member, **PRIMARY_KEY))


ROWS = [
    Row("online", ML + "onlineEndpoints", "2024-04-01", "listKeys", two_members(), pattern(ALNUM % 32), "regenerateKeys",
        word("keyType", **PRIMARY), "both", "nothing"),
    Row("serverless", ML + "serverlessEndpoints", "2024-04-01", "listKeys", two_members(), pattern(ALNUM % 32), "regenerateKeys",
        word("keyType", **PRIMARY), "both"),
    Row("batch", ML + "batchEndpoints", "2024-04-01", "listkeys", two_members(), pattern(ALNUM % 32)),
    Row("cognitive", "Microsoft.CognitiveServices/accounts", "2023-05-01", "listKeys", members(key1="key1", key2="key2"),
        pattern(HEX), "regenerateKey", word("keyName", key1="Key1", key2="Key2")),
    Row("storage", "Microsoft.Storage/storageAccounts", "2023-05-01", "listKeys", items("keys", "keyName", "value"), base64_of(64),
        "regenerateKey", word("keyName", **KEYS)),
    Row("localuser", "Microsoft.Storage/storageAccounts/localUsers", "2023-05-01", "listKeys", members(sharedKey="sharedKey"),
        base64_of(64), "regeneratePassword", {"sshPassword": None}, answers="password"),
    Row("search", "Microsoft.Search/searchServices", "2023-11-01", "listAdminKeys", two_members(), pattern(ALNUM % 52),
        "regenerateAdminKey/{word}", LOWER),
    Row("cosmos", "Microsoft.DocumentDB/databaseAccounts", "2024-05-15", "listKeys",
        members(primary="primaryMasterKey", secondary="secondaryMasterKey", primaryReadonly="primaryReadonlyMasterKey",
                secondaryReadonly="secondaryReadonlyMasterKey"), base64_of(64), "regenerateKey",
        word("keyKind", primary="primary", secondary="secondary", primaryReadonly="primaryReadonly",
             secondaryReadonly="secondaryReadonly"), "same", "nothing"),
    rule("eventhub", "Microsoft.EventHub/namespaces/authorizationRules", "2024-01-01"),
    rule("eventhub child", "Microsoft.EventHub/namespaces/eventhubs/authorizationRules", "2024-01-01"),
    rule("servicebus", "Microsoft.ServiceBus/namespaces/authorizationRules", "2021-11-01"),
    rule("servicebus queue", "Microsoft.ServiceBus/namespaces/queues/authorizationRules", "2021-11-01"),
    rule("servicebus topic", "Microsoft.ServiceBus/namespaces/topics/authorizationRules", "2021-11-01"),
    rule("relay", "Microsoft.Relay/namespaces/authorizationRules", "2021-11-01"),
    Row("redis", "Microsoft.Cache/redis", "2024-03-01", "listKeys", two_members(), base64_of(32), "regenerateKey",
        word("keyType", **PRIMARY)),
    Row("redis enterprise", "Microsoft.Cache/redisEnterprise/databases", "2024-02-01", "listKeys", two_members(), base64_of(32),
        "regenerateKey", word("keyType", **PRIMARY), "both"),
    Row("signalr", "Microsoft.SignalRService/signalR", "2024-03-01", "listKeys", two_members(), base64_of(32), "regenerateKey",
        word("keyType", **PRIMARY), "both"),
    Row("webpubsub", "Microsoft.SignalRService/webPubSub", "2024-03-01", "listKeys", two_members(), base64_of(32), "regenerateKey",
        word("keyType", **PRIMARY), "both"),
    Row("maps", "Microsoft.Maps/accounts", "2023-06-01", "listKeys", two_members(), pattern(URL), "regenerateKey",
        word("keyType", **LOWER)),
    Row("registry", "Microsoft.ContainerRegistry/registries", "2023-07-01", "listCredentials", items("passwords", "name", "value"),
        pattern(ALNUM % 52), "regenerateCredential", word("name", password="password", password2="password2")),
    Row("iot hub", "Microsoft.Devices/IotHubs", "2023-06-30", "IotHubKeys/iothubowner/listkeys", two_members(), base64_of(32)),
    Row("iot dps", "Microsoft.Devices/provisioningServices", "2022-12-12", "keys/provisioningserviceowner/listkeys", two_members(),
        base64_of(32)),
    Row("batch account", "Microsoft.Batch/batchAccounts", "2024-02-01", "listKeys", members(primary="primary", secondary="secondary"),
        base64_of(64), "regenerateKeys", word("keyName", **PRIMARY)),
    Row("topic", "Microsoft.EventGrid/topics", "2022-06-15", "listKeys", members(key1="key1", key2="key2"), base64_of(32),
        "regenerateKey", word("keyName", **KEYS), "location"),
    Row("domain", "Microsoft.EventGrid/domains", "2022-06-15", "listKeys", members(key1="key1", key2="key2"), base64_of(32),
        "regenerateKey", word("keyName", **KEYS)),
    Row("partner", "Microsoft.EventGrid/partnerNamespaces", "2022-06-15", "listKeys", members(key1="key1", key2="key2"),
        base64_of(32), "regenerateKey", word("keyName", **KEYS)),
    rule("push", "Microsoft.NotificationHubs/namespaces/authorizationRules", "2023-09-01", "policyKey"),
    rule("push hub", "Microsoft.NotificationHubs/namespaces/notificationHubs/authorizationRules", "2023-09-01", "policyKey"),
    Row("communication", "Microsoft.Communication/communicationServices", "2023-04-01", "listKeys", two_members(), base64_of(64),
        "regenerateKey", word("keyType", **PRIMARY)),
]
STYLES = {"both": (True, True), "same": (True, True), "location": (True, False), "status": (False, True)}


class SourceCase(lab_support.LabCase):
    options = ("--operation-time", "0s", "--seed", "7")

    def resource(self, of_type):
        return self.lab.facts["resources"][of_type]

    def held(self, identity):
        return self.lab.control("GET", "/keys").json()[identity]

    def post(self, row, rest, body=None):
        return self.lab.arm("POST", self.resource(row.of_type) + "/" + rest, body, version=row.version)

    def listed(self, row):
        answer = self.post(row, row.listing)
        self.assertEqual(answer.status, 200, answer.body)
        return row.read(answer.json())

    def get(self, url):
        parts = urllib.parse.urlsplit(url)
        self.assertEqual((parts.scheme, parts.port), ("https", urllib.parse.urlsplit(self.lab.facts["arm_url"]).port))
        return self.lab.arm("GET", parts.path + "?" + parts.query, version=None)


class Table(SourceCase):
    def test_a_list_tells_the_keys_that_are_held_in_the_form_of_the_service(self):
        for row in ROWS:
            with self.subTest(row=row.kind):
                keys = self.listed(row)
                held = self.held(self.resource(row.of_type))
                self.assertEqual(keys, {slot: held[slot] for slot in keys})
                self.assertEqual(len(set(keys.values())), len(keys))
                for key in keys.values():
                    self.assertTrue(row.form(key), key)

    def test_a_resource_shows_itself_but_no_key(self):
        for row in ROWS:
            with self.subTest(row=row.kind):
                identity = self.resource(row.of_type)
                answer = self.lab.arm("GET", identity, version=row.version)
                self.assertEqual((answer.status, answer.json()["id"]), (200, identity))
                self.assertEqual(answer.json()["type"], row.of_type)
                self.assertEqual(answer.json()["name"], identity.rsplit("/", 1)[1])
                for key in self.held(identity).values():
                    self.assertNotIn(key, answer.body.decode())

    def test_each_slot_is_regenerated_alone_and_the_answer_is_that_of_the_row(self):
        for row in ROWS:
            for slot, body in row.bodies.items():
                with self.subTest(row=row.kind, slot=slot):
                    self.regenerate(row, slot, body)

    def regenerate(self, row, slot, body):
        identity = self.resource(row.of_type)
        before = self.held(identity)
        if "{word}" in row.regenerate:
            answer = self.post(row, row.regenerate.format(word=body))
        else:
            answer = self.post(row, row.regenerate, body)
        result = self.follow(row, answer)
        after = self.held(identity)
        self.assertEqual([name for name in before if before[name] != after[name]], [slot])
        self.assertTrue(row.form(after[slot]))
        if row.answers == "nothing":
            self.assertEqual(result.body, b"")
        elif row.answers == "password":
            self.assertEqual(result.json(), {"sshPassword": after["sshPassword"]})
        else:
            self.assertEqual(row.read(result.json())[slot], after[slot])

    def follow(self, row, answer):
        """The answer that has the result."""
        if row.style == "sync":
            self.assertEqual(answer.status, 200, answer.body)
            return answer
        location, status = answer.headers["Location"], answer.headers["Azure-AsyncOperation"]
        self.assertEqual((answer.status, answer.body), (202, b"{}" if row.kind in ("signalr", "webpubsub") else b""))
        self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
        self.assertEqual((location is not None, status is not None), STYLES[row.style])
        if status:
            poll = self.get(status)
            self.assertEqual((poll.status, poll.json()["status"]), (200, "Succeeded"))
        if row.style == "same":
            self.assertEqual(location, status)
            return answer
        result = self.get(location)
        self.assertEqual(result.status, 200)
        return result

    def test_both_keys_of_log_analytics_change_at_once(self):
        identity = self.resource("Microsoft.OperationalInsights/workspaces")
        answer = self.lab.arm("POST", identity + "/sharedKeys", version="2020-08-01")
        before = answer.json()
        after = self.lab.arm("POST", identity + "/regenerateSharedKey", version="2020-08-01").json()
        for name in ("primarySharedKey", "secondarySharedKey"):
            self.assertNotEqual(before[name], after[name])
        self.assertEqual(self.held(identity), {"primary": after["primarySharedKey"], "secondary": after["secondarySharedKey"]})

    def test_what_names_no_key_is_refused_and_changes_nothing(self):
        for row in ROWS:
            if not row.regenerate or row.kind == "localuser":
                continue
            with self.subTest(row=row.kind):
                before = self.held(self.resource(row.of_type))
                for body in ({}, {"keyType": "Third", "keyName": "Third", "keyKind": "x", "name": "x", "policyKey": "x"}):
                    answer = self.post(row, row.regenerate.format(word="third"), body)
                    self.assertEqual(answer.status, 400)
                    self.assertIn(answer.json()["error"]["code"], ("BadRequest", "UserError"))
                self.assertEqual(self.held(self.resource(row.of_type)), before)

    def test_what_has_no_regenerate_operation_says_so(self):
        for row in ROWS:
            if not row.regenerate:
                answer = self.post(row, "regenerateKeys", {"keyType": "Primary"})
                self.assertEqual((answer.status, answer.json()["error"]["code"]), (404, "InvalidResourceType"))

    def test_connection_strings_hold_the_key_beside_them(self):
        for kind in ("eventhub", "servicebus queue", "push", "signalr", "webpubsub", "communication"):
            row = next(row for row in ROWS if row.kind == kind)
            body = self.post(row, row.listing).json()
            for slot in ("primary", "secondary"):
                with self.subTest(row=kind, slot=slot):
                    key = re.search(r"(?i)access_?key=([^;]+)", body[slot + "ConnectionString"]).group(1)
                    self.assertEqual(key, body[slot + "Key"])

    def test_paths_are_matched_without_case(self):
        for row in ROWS:
            # Names keep their case: some services have only names in lower case.
            parts = (self.resource(row.of_type) + "/" + row.listing).split("/")
            path = "/".join(part if number in (8, 10, 12) else part.upper() for number, part in enumerate(parts))
            self.assertEqual(self.lab.arm("POST", path, version=row.version).status, 200, path)

    def test_api_versions(self):
        for row in ROWS:
            with self.subTest(row=row.kind):
                identity = self.resource(row.of_type)
                for version, status, code in ((None, 400, "MissingApiVersionParameter"), ("2024", 400, "InvalidApiVersionParameter"),
                                              ("2001-01-01", 400, "NoRegisteredProviderFound"),
                                              ("2099-01-01", 400, "NoRegisteredProviderFound")):
                    answer = self.lab.arm("GET", identity, version=version)
                    self.assertEqual((answer.status, answer.json()["error"]["code"]), (status, code))
                for version in ("2025-09-01", "2026-01-01-preview"):
                    self.assertEqual(self.lab.arm("GET", identity, version=version).status, 200)

    def test_the_versions_that_the_kits_send_are_taken(self):
        for of_type, version in ((ML + "onlineEndpoints", "2022-02-01-preview"), (ML + "onlineEndpoints", "2022-10-01"),
                                 (ML + "onlineEndpoints", "2023-04-01"), ("Microsoft.Storage/storageAccounts", "2025-08-01"),
                                 ("Microsoft.CognitiveServices/accounts", "2025-09-01")):
            self.assertEqual(self.lab.arm("GET", self.resource(of_type), version=version).status, 200)

    def test_what_does_not_exist_is_not_found_by_name(self):
        for row in ROWS:
            with self.subTest(row=row.kind):
                identity = self.resource(row.of_type)
                answer = self.lab.arm("POST", identity + "x/" + row.listing, version=row.version)
                self.assertEqual((answer.status, answer.json()["error"]["code"]), (404, "ResourceNotFound"))
                self.assertIn(identity.rsplit("/", 1)[1] + "x", answer.json()["error"]["message"])

    def test_a_stale_list_tells_the_keys_of_before_for_every_service(self):
        for row in ROWS:
            identity = self.resource(row.of_type)
            slot = list(self.listed(row))[0]
            with self.subTest(row=row.kind):
                before = self.listed(row)
                self.lab.control("POST", "/regenerate", {"resource": identity, "slot": slot})
                self.lab.fault(target="arm", kind="stale", times=1)
                self.assertEqual(self.listed(row), before)
                self.assertNotEqual(self.listed(row), before)

    def test_the_control_listener_regenerates_by_resource_and_slot(self):
        for row in ROWS:
            identity = self.resource(row.of_type)
            slot = list(self.listed(row))[-1]
            with self.subTest(row=row.kind):
                before = self.held(identity)
                answer = self.lab.control("POST", "/regenerate", {"resource": identity.lower(), "slot": slot})
                self.assertEqual((answer.status, answer.json()["slot"]), (200, slot))
                self.assertNotEqual(self.listed(row)[slot], before[slot])
        answer = self.lab.control("POST", "/regenerate", {"resource": self.resource("Microsoft.Maps/accounts"), "slot": "key3"})
        self.assertEqual(answer.status, 400)


class Single(SourceCase):
    """What only one service does."""

    def test_storage_adds_its_kerberos_keys_when_asked_in_any_spelling(self):
        identity = self.resource("Microsoft.Storage/storageAccounts")
        for query, count in (("", 2), ("?$expand=kerb", 4), ("?%24expand=kerb", 4), ("?%24EXPAND=kerb", 4)):
            answer = self.lab.arm("POST", identity + "/listKeys" + query, version="2023-05-01")
            self.assertEqual(len(answer.json()["keys"]), count)
        body = self.lab.arm("POST", identity + "/regenerateKey", {"keyName": "kerb1"}, version="2023-05-01").json()
        self.assertEqual([key["keyName"] for key in body["keys"]], ["key1", "key2", "kerb1", "kerb2"])

    def test_storage_and_maps_tell_when_a_key_was_made(self):
        identity = self.resource("Microsoft.Storage/storageAccounts")
        times = []
        for _ in range(2):
            times.append({key["keyName"]: key["creationTime"]
                          for key in self.lab.arm("POST", identity + "/listKeys", version="2023-05-01").json()["keys"]})
            self.lab.control("POST", "/regenerate", {"resource": identity, "slot": "key2"})
        self.assertEqual(times[0]["key1"], times[1]["key1"])
        self.assertLess(times[0]["key2"], times[1]["key2"])
        maps = self.resource("Microsoft.Maps/accounts")
        body = self.lab.arm("POST", maps + "/regenerateKey", {"keyType": "secondary"}, version="2023-06-01").json()
        self.assertLess(body["primaryKeyLastUpdated"], body["secondaryKeyLastUpdated"])

    def pages(self, target, version):
        while target:
            body = self.lab.arm("POST", target, version=version).json()
            yield body
            link = urllib.parse.urlsplit(body.get("nextLink", ""))
            target, version = (link.path + "?" + link.query if link.path else None), None

    def test_app_configuration_lists_in_pages_and_regenerates_by_id(self):
        identity = self.resource("Microsoft.AppConfiguration/configurationStores")
        pages = list(self.pages(identity + "/listKeys", "2023-03-01"))
        keys = {key["name"]: key for page in pages for key in page["value"]}
        self.assertEqual((len(pages), list(keys)), (2, ["Primary", "Secondary", "Primary Read Only", "Secondary Read Only"]))
        for key in keys.values():
            self.assertIn("Id=%s;Secret=%s" % (key["id"], key["value"]), key["connectionString"])
            self.assertEqual(key["readOnly"], key["name"].endswith("Read Only"))
        made = self.lab.arm("POST", identity + "/regenerateKey", {"id": keys["Secondary"]["id"]}, version="2023-03-01").json()
        self.assertEqual(made["name"], "Secondary")
        self.assertNotEqual(made["value"], keys["Secondary"]["value"])
        self.assertNotEqual(made["id"], keys["Secondary"]["id"])
        again = self.lab.arm("POST", identity + "/regenerateKey", {"id": keys["Secondary"]["id"]}, version="2023-03-01")
        self.assertEqual(again.status, 400)

    def test_query_keys_of_search_are_made_listed_and_deleted(self):
        identity = self.resource("Microsoft.Search/searchServices")
        made = self.lab.arm("POST", identity + "/createQueryKey/app", version="2023-11-01").json()

        def listed():
            return {key["name"]: key["key"] for page in self.pages(identity + "/listQueryKeys", "2023-11-01") for key in page["value"]}
        self.assertEqual(listed()["app"], made["key"])
        gone = self.lab.arm("DELETE", identity + "/deleteQueryKey/" + made["key"], version="2023-11-01")
        self.assertEqual(gone.status, 200)
        self.assertNotIn("app", listed())
        self.assertEqual(self.lab.arm("DELETE", identity + "/deleteQueryKey/" + made["key"], version="2023-11-01").status, 404)
        paths = [request["path"] for request in self.lab.requests() if "Search" in request["path"] and request["method"] == "DELETE"]
        self.assertEqual(paths, [identity + "/deleteQueryKey/***"] * 2)

    def test_keys_of_functions_are_put_by_name(self):
        site, function = self.resource("Microsoft.Web/sites"), self.resource("Microsoft.Web/sites/functions")

        def ask(method, target, body=None):
            return self.lab.arm(method, target, body, version="2023-12-01")
        host = site + "/host/default/"
        self.assertEqual(ask("PUT", host + "functionKeys/app", {"name": "app", "value": "v1"}).status, 201)
        answer = ask("PUT", host + "functionKeys/app", {"name": "app"})
        self.assertEqual(answer.status, 200)
        keys = ask("POST", host + "listkeys").json()
        self.assertEqual(keys["functionKeys"]["app"], answer.json()["value"])
        self.assertNotEqual(keys["functionKeys"]["app"], "v1")
        self.assertEqual(set(keys), {"masterKey", "functionKeys", "systemKeys"})
        self.assertEqual([ask("DELETE", host + "functionKeys/app").status for _ in range(2)], [204, 404])
        self.assertEqual(ask("PUT", function + "/keys/app", {"name": "app", "value": "v2"}).status, 201)
        self.assertEqual(ask("POST", function + "/listkeys").json()["properties"]["app"], "v2")

    def test_policies_of_iot_change_by_a_put_of_the_whole_hub(self):
        for of_type, policy, version, listing in (
                ("Microsoft.Devices/IotHubs", "iothubowner", "2023-06-30", "/IotHubKeys/iothubowner/listkeys"),
                ("Microsoft.Devices/provisioningServices", "provisioningserviceowner", "2022-12-12",
                 "/keys/provisioningserviceowner/listkeys")):
            identity = self.resource(of_type)
            hub = self.lab.arm("GET", identity, version=version).json()
            value = base64.b64encode(b"x" * 32).decode()
            hub = {"location": hub["location"], "etag": hub["etag"], "sku": {"name": "S1", "capacity": 1},
                   "properties": {"authorizationPolicies": hub["properties"]["authorizationPolicies"]}}
            hub["properties"]["authorizationPolicies"][0].update(keyName=policy, secondaryKey=value)
            before = self.held(identity)
            answer = self.lab.arm("PUT", identity, hub, {"If-Match": '"other"'}, version=version)
            self.assertEqual(answer.status, 412)
            answer = self.lab.arm("PUT", identity, hub, {"If-Match": hub["etag"]}, version=version)
            self.assertEqual(answer.status, 200)
            keys = self.lab.arm("POST", identity + listing, version=version).json()
            self.assertEqual((keys["primaryKey"], keys["secondaryKey"]), (before["primary"], value))

    def test_a_value_of_the_callers_is_set_where_the_service_takes_one(self):
        value = base64.b64encode(b"y" * 32).decode()
        rule_id = self.resource("Microsoft.EventHub/namespaces/authorizationRules")
        self.lab.arm("POST", rule_id + "/regenerateKeys", {"keyType": "PrimaryKey", "key": value}, version="2024-01-01")
        self.assertEqual(self.held(rule_id)["primary"], value)

    def test_salt_of_signalr_is_taken_and_is_no_key(self):
        identity = self.resource("Microsoft.SignalRService/signalR")
        before = self.held(identity)
        self.assertEqual(self.lab.arm("POST", identity + "/regenerateKey", {"keyType": "Salt"}, version="2024-03-01").status, 202)
        self.assertEqual(self.held(identity), before)

    def test_lists_of_resources(self):
        for of_type, version in ((ML + "serverlessEndpoints", "2024-04-01"), (ML + "batchEndpoints", "2024-04-01"),
                                 ("Microsoft.CognitiveServices/accounts", "2023-05-01")):
            identity = self.resource(of_type)
            body = self.lab.arm("GET", identity.rsplit("/", 1)[0], version=version).json()
            self.assertEqual([item["id"] for item in body["value"]], [identity])


class Seed(SourceCase):
    def test_a_seed_repeats_the_keys_whatever_else_happened(self):
        other = lab_support.Lab("--seed", "7", "--operation-time", "0s")
        try:
            first, second = (lab.facts["resources"]["Microsoft.Maps/accounts"] for lab in (self.lab, other))
            for slot in ("secondary", "secondary"):
                other.control("POST", "/regenerate", {"resource": other.facts["resources"]["Microsoft.Cache/redis"], "slot": slot})
            for lab in (self.lab, other):
                lab.control("POST", "/regenerate", {"resource": first, "slot": "primary"})
            self.assertEqual(self.held(first), other.control("GET", "/keys").json()[second])
        finally:
            self.assertEqual(other.stop(), 0)


class Manners(SourceCase):
    """Choices that ARM's rules leave open."""
    options = ("--operation-time", "1h")

    def tearDown(self):
        self.lab.control("POST", "/modes", {"operation": "table", "key_value": "honour"})

    def test_the_headers_of_an_operation_are_as_ordered(self):
        redis = next(row for row in ROWS if row.kind == "redis")
        rows = [row for row in ROWS if row.kind in ("serverless", "cosmos", "redis enterprise", "topic")]
        for style, row in zip(("both", "same", "location", "status"), rows):
            self.assertEqual(self.lab.control("POST", "/modes", {"operation": style}).json()["operation"], style)
            answer = self.post(row, row.regenerate, next(iter(row.bodies.values())))
            self.assertEqual(answer.status, 202)
            self.assertEqual(("Location" in answer.headers, "Azure-AsyncOperation" in answer.headers), STYLES[style])
        self.lab.control("POST", "/modes", {"operation": "sync"})
        self.assertEqual(self.post(redis, redis.regenerate, redis.bodies["primary"]).status, 200)
        self.assertEqual(self.lab.control("POST", "/modes", {"operation": "maybe"}).status, 400)

    def test_a_key_value_that_is_the_key_already_is_honoured_or_ignored(self):
        self.lab.control("POST", "/modes", {"operation": "sync"})
        for mode, changes in (("honour", False), ("ignore", True)):
            self.lab.control("POST", "/modes", {"key_value": mode})
            key = self.lab.keys()["primary"]
            self.lab.endpoint("POST", "/regenerateKeys", {"keyType": "Primary", "keyValue": key})
            self.assertEqual(self.lab.keys()["primary"] != key, changes)
            self.lab.endpoint("POST", "/regenerateKeys", {"keyType": "Primary", "keyValue": "z" * 32})
            self.assertEqual(self.lab.keys()["primary"], "z" * 32)


if __name__ == "__main__":
    lab_support.main()
