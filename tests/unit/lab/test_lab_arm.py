# SPDX-License-Identifier: Apache-2.0
"""What Microsoft's kits of any language need from ARM, and the life of an online endpoint."""
import time
import urllib.parse

import lab_support

BODY = {"location": "canadacentral", "tags": {"team": "ml"}, "properties": {"authMode": "Key", "description": "made by a test"}}


class ArmCase(lab_support.LabCase):
    options = ("--operation-time", "0s")

    def path(self, url):
        parts = urllib.parse.urlsplit(url)
        return parts.path + "?" + parts.query

    def get(self, url, **more):
        return self.lab.arm("GET", self.path(url), version=None, **more)

    def regenerate(self, **headers):
        return self.lab.endpoint("POST", "/regenerateKeys", {"keyType": "Primary"}, headers=headers)


class Manners(ArmCase):
    def test_operation_urls_are_absolute_and_of_the_host_that_was_asked(self):
        port = urllib.parse.urlsplit(self.lab.facts["arm_url"]).port
        for host in ("localhost:%d" % port, "127.0.0.1:%d" % port):
            answer = self.regenerate(Host=host)
            for name in ("Location", "Azure-AsyncOperation"):
                self.assertTrue(answer.headers[name].startswith("https://" + host + "/subscriptions/"))
            again = self.get(answer.headers["Location"])
            self.assertEqual(again.status, 200)

    def test_operations_are_polled_with_the_token_only(self):
        answer = self.regenerate()
        for name in ("Location", "Azure-AsyncOperation"):
            path = self.path(answer.headers[name])
            self.assertEqual(self.lab.call("arm", "GET", path).status, 401)
            self.assertEqual(self.lab.arm("GET", path, version=None).status, 200)

    def test_a_running_operation_always_says_how_long_to_wait(self):
        lab = lab_support.Lab("--operation-time", "1h")
        try:
            answer = lab.endpoint("POST", "/regenerateKeys", {"keyType": "Primary"})
            polls = [lab.arm("GET", self.path(answer.headers[name]), version=None) for name in ("Location", "Azure-AsyncOperation")]
            for each in [answer] + polls:
                self.assertGreaterEqual(int(each.headers["Retry-After"]), 1)
            self.assertEqual(polls[0].headers["Location"], answer.headers["Location"])
        finally:
            self.assertEqual(lab.stop(), 0)

    def test_an_operation_is_known_long_after_its_end(self):
        first = self.regenerate()
        for _ in range(20):
            self.regenerate()
        self.assertEqual(self.get(first.headers["Azure-AsyncOperation"]).json()["status"], "Succeeded")

    def test_each_post_is_carried_out_once(self):
        since = self.lab.requests()[-1]["number"] if self.lab.requests() else 0
        seen = set()
        for _ in range(3):
            self.regenerate(**{"x-ms-client-request-id": "the same"})
            seen.add(self.lab.keys()["primary"])
        self.assertEqual(len(seen), 3)
        posts = [request for request in self.lab.requests(since) if request["method"] == "POST" and request["target"] == "arm"]
        self.assertEqual(len(posts), 3)

    def test_every_json_body_says_that_it_is_json(self):
        for answer in (self.lab.endpoint("GET"), self.lab.endpoint("POST", "/listKeys"), self.lab.arm("GET", self.lab.endpoints),
                       self.lab.endpoint("GET", name="no-such"), self.lab.endpoint("GET", version=None),
                       self.lab.endpoint("GET", headers={"Authorization": ""}), self.get(self.regenerate().headers["Azure-AsyncOperation"])):
            self.assertTrue(answer.headers["Content-Type"].startswith("application/json"), answer.body)

    def test_an_empty_query_is_a_query_without_api_version(self):
        for tail in ("?", ""):
            answer = self.lab.arm("GET", self.lab.endpoints + tail, version=None)
            self.assertEqual((answer.status, answer.json()["error"]["code"]), (400, "MissingApiVersionParameter"))

    def test_names_of_the_query_are_decoded_and_matched_without_case(self):
        for query in ("api-version=2024-04-01&count=1", "API-VERSION=2024-04-01&%63ount=1", "count=1&api%2Dversion=2024%2D04%2D01",
                      "&&api-version=2024-04-01&count=1&%6Eame=" + self.lab.facts["endpoint"]):
            answer = self.lab.arm("GET", self.lab.endpoints + "?" + query, version=None)
            self.assertEqual((answer.status, len(answer.json()["value"])), (200, 1), query)

    def test_the_client_request_id_comes_back_only_when_asked(self):
        ids = {"x-ms-client-request-id": "mine"}
        self.assertNotIn("x-ms-client-request-id", self.lab.endpoint("GET", headers=ids).headers)
        self.assertNotIn("x-ms-client-request-id", self.lab.endpoint("GET", headers={"x-ms-return-client-request-id": "true"}).headers)
        for word in ("true", "True"):
            headers = self.lab.endpoint("GET", headers=dict(ids, **{"x-ms-return-client-request-id": word})).headers
            self.assertEqual(headers["x-ms-client-request-id"], "mine")

    def test_every_answer_can_be_told_to_support(self):
        ids = set()
        for answer in (self.lab.endpoint("GET"), self.lab.endpoint("GET", name="no-such"), self.lab.endpoint("GET", version=None),
                       self.lab.endpoint("GET", headers={"Authorization": ""}), self.regenerate()):
            headers = answer.headers
            ids.add(headers["x-ms-request-id"])
            self.assertTrue(headers["x-ms-routing-request-id"].endswith(":" + headers["x-ms-correlation-request-id"]))
        self.assertEqual(len(ids), 5)


class Pages(ArmCase):
    options = ("--endpoints", "5")

    def test_a_link_is_taken_in_another_order_and_spelling(self):
        body = self.lab.arm("GET", self.lab.endpoints + "?count=2").json()
        parts = urllib.parse.urlsplit(body["nextLink"])
        self.assertIn("%24skip=", parts.query)
        pairs = urllib.parse.parse_qsl(parts.query)
        for query in (parts.query, urllib.parse.urlencode(sorted(pairs)), urllib.parse.urlencode(sorted(pairs, reverse=True)),
                      "&".join(name + "=" + urllib.parse.quote(value) for name, value in pairs)):
            page = self.lab.arm("GET", parts.path + "?" + query, version=None).json()
            self.assertEqual([endpoint["name"] for endpoint in page["value"]], ["ep-0003", "ep-0004"], query)

    def test_a_token_of_nowhere_is_refused(self):
        for token in ("3", "tok=", "tok=x", "tok=999999"):
            answer = self.lab.arm("GET", self.lab.endpoints + "?" + urllib.parse.urlencode({"$skip": token}))
            self.assertEqual((answer.status, answer.json()["error"]["code"]), (400, "UserError"), token)

    def test_one_can_be_asked_for_by_name(self):
        for name, found in (("EP-0004", ["ep-0004"]), ("no-such", [])):
            body = self.lab.arm("GET", self.lab.endpoints + "?name=" + name).json()
            self.assertEqual([endpoint["name"] for endpoint in body["value"]], found)


class Life(ArmCase):
    def put(self, name, body=None):
        return self.lab.endpoint("PUT", "", body or BODY, name=name)

    def test_an_endpoint_is_made_with_its_keys_and_works(self):
        body = dict(BODY, properties={"authMode": "Key", "keys": {"primaryKey": "p" * 32, "secondaryKey": "s" * 32}})
        answer = self.put("made", body)
        self.assertEqual((answer.status, answer.json()["properties"]["provisioningState"]), (201, "Creating"))
        self.assertEqual(self.get(answer.headers["Azure-AsyncOperation"]).json()["status"], "Succeeded")
        shown = self.lab.endpoint("GET", name="MADE").json()
        self.assertEqual((shown["name"], shown["tags"], shown["properties"]["provisioningState"]), ("made", {"team": "ml"}, "Succeeded"))
        self.assertNotIn("keys", shown["properties"])
        self.assertEqual(self.lab.endpoint("POST", "/listKeys", name="made").json(),
                         {"primaryKey": "p" * 32, "secondaryKey": "s" * 32})
        uri = urllib.parse.urlsplit(shown["properties"]["scoringUri"])
        self.assertEqual(self.lab.score("s" * 32, uri.path).status, 200)
        names = [endpoint["name"] for endpoint in self.lab.arm("GET", self.lab.endpoints).json()["value"]]
        self.assertEqual(names, sorted(names))
        self.assertIn("made", names)

    def test_a_put_of_what_is_there_keeps_its_keys(self):
        self.put("kept")
        before = self.lab.keys("kept")
        answer = self.put("kept", dict(BODY, properties={"authMode": "Key", "keys": {"primaryKey": "x" * 32}}))
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.lab.keys("kept"), before)

    def test_a_patch_changes_tags_and_nothing_else(self):
        self.put("patched")
        before = self.lab.endpoint("GET", name="patched").json()
        answer = self.lab.endpoint("PATCH", "", {"tags": {"a": "b"}}, name="patched")
        self.assertEqual((answer.status, answer.body), (202, b""))
        self.assertEqual(self.get(answer.headers["Location"]).json()["tags"], {"a": "b"})
        self.assertEqual(self.lab.endpoint("GET", name="patched").json(), dict(before, tags={"a": "b"}))

    def test_a_deleted_endpoint_is_gone_and_its_operation_is_not(self):
        self.put("doomed")
        answer = self.lab.endpoint("DELETE", name="doomed")
        self.assertEqual(answer.status, 202)
        self.assertEqual(self.get(answer.headers["Location"]).status, 200)
        self.assertEqual(self.lab.endpoint("GET", name="doomed").status, 404)
        self.assertEqual(self.lab.endpoint("DELETE", name="doomed").status, 204)
        self.put("doomed")
        self.assertEqual(self.lab.endpoint("GET", name="doomed").status, 200)

    def test_what_makes_no_sense_is_refused(self):
        for name, body in (("made", {}), ("made", {"location": "x", "properties": {"authMode": "Magic"}}), ("1st", BODY), ("no", BODY)):
            answer = self.put(name, body or {"x": 1})
            self.assertEqual((answer.status, answer.json()["error"]["code"]), (400, "UserError"))
        self.assertEqual(self.lab.endpoint("PATCH", "", "nonsense").status, 400)

    def test_an_endpoint_with_tokens_has_no_keys_and_one_with_keys_no_tokens(self):
        self.put("tokens", {"location": "canadacentral", "properties": {"authMode": "AMLToken"}})
        for action in ("/listKeys", "/regenerateKeys"):
            answer = self.lab.endpoint("POST", action, {"keyType": "Primary"} if "re" in action else None, name="tokens")
            self.assertEqual((answer.status, answer.json()["error"]["code"]), (400, "UserError"))
        token = self.lab.endpoint("POST", "/token", name="tokens").json()
        self.assertEqual(token["tokenType"], "Bearer")
        self.assertGreater(token["expiryTimeUtc"], time.time())
        self.assertEqual(self.lab.endpoint("POST", "/token").status, 400)

    def test_deployments(self):
        listed = self.lab.endpoint("GET", "/deployments").json()["value"]
        self.assertEqual([deployment["name"] for deployment in listed], ["blue"])
        self.assertEqual(self.lab.endpoint("GET", "/deployments/BLUE").json(), listed[0])
        self.assertEqual(self.lab.endpoint("GET", "/deployments/green").status, 404)


class Busy(ArmCase):
    options = ("--operation-time", "1h")

    def test_one_operation_at_a_time(self):
        self.assertEqual(self.lab.endpoint("PATCH", "", {"tags": {}}).status, 202)
        for method, rest, body in (("PATCH", "", {"tags": {}}), ("PUT", "", BODY), ("DELETE", "", None),
                                   ("POST", "/regenerateKeys", {"keyType": "Primary"})):
            answer = self.lab.endpoint(method, rest, body)
            self.assertEqual((answer.status, answer.json()["error"]["code"]), (409, "Conflict"))


if __name__ == "__main__":
    lab_support.main()
