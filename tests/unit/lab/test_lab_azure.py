# SPDX-License-Identifier: Apache-2.0
"""Entra, IMDS, ARM, the Activity Log and scoring, as clients see them."""
import time
import urllib.parse

import lab_support


def error_code(answer):
    return answer.json()["error"]["code"]


def an_hour_ago():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))


class Entra(lab_support.LabCase):
    def test_discovery_builds_every_url_from_the_host_it_was_asked_at(self):
        port = urllib.parse.urlsplit(self.lab.facts["authority_url"]).port
        for host in ("127.0.0.1", "localhost"):
            base = "https://%s:%d" % (host, port)
            answer = self.lab.call(base, "GET", "/" + self.lab.facts["tenant"] + "/v2.0/.well-known/openid-configuration")
            self.assertEqual(answer.status, 200)
            for name in ("token_endpoint", "authorization_endpoint", "issuer", "jwks_uri"):
                self.assertTrue(answer.json()[name].startswith(base + "/"), name)

    def test_discovery_of_an_unknown_tenant_is_refused(self):
        answer = self.lab.call("authority", "GET", "/00000000-0000-0000-0000-000000000000/v2.0/.well-known/openid-configuration")
        self.assertEqual(answer.status, 400)
        self.assertEqual(answer.json()["error_codes"], [90002])

    def test_a_secret_gets_a_token_with_the_claims_of_its_client(self):
        answer = self.lab.ask_token()
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json()["token_type"], "Bearer")
        self.assertEqual(answer.json()["expires_in"], 3599)
        claims = lab_support.claims_of(answer.json()["access_token"])
        self.assertEqual(claims["aud"], self.lab.facts["arm_url"])
        self.assertEqual(claims["appid"], self.lab.facts["client_id"])
        self.assertEqual(claims["tid"], self.lab.facts["tenant"])
        self.assertAlmostEqual(claims["exp"], time.time() + 3599, delta=30)

    def test_a_federated_assertion_is_taken_with_its_newline(self):
        with open(self.lab.facts["federated_token_file"], encoding="ascii") as file:
            assertion = file.read()
        form = {"client_secret": None, "client_assertion": assertion + "\n",
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}
        self.assertEqual(self.lab.ask_token(**form).status, 200)
        form["client_assertion"] = assertion[:-1] + "?"
        self.assertEqual(self.lab.ask_token(**form).json()["error_codes"], [50027])

    def test_errors_have_their_numbers(self):
        for changes, status, error, code in (
                ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
                ({"client_secret": None}, 401, "invalid_client", 7000218),
                ({"client_id": "11111111-0000-0000-0000-000000000000"}, 400, "unauthorized_client", 700016),
                ({"client_id": None}, 400, "invalid_request", 900144),
                ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
                ({"scope": self.lab.facts["arm_url"]}, 400, "invalid_scope", 1002012),
                ({"scope": "https://a/.default https://b/.default"}, 400, "invalid_scope", 70011),
                ({"scope": "https://vault.azure.net/.default"}, 400, "invalid_resource", 500011)):
            answer = self.lab.ask_token(**changes)
            body = answer.json()
            with self.subTest(code=code, changes=list(changes)):
                self.assertEqual((answer.status, body["error"], body["error_codes"]), (status, error, [code]))
                self.assertTrue(body["error_description"].startswith("AADSTS%d: " % code))

    def test_the_scopes_that_libraries_add_are_ignored(self):
        scope = "https://management.azure.com/.default openid offline_access profile"
        claims = lab_support.claims_of(self.lab.ask_token(scope=scope).json()["access_token"])
        self.assertEqual(claims["aud"], "https://management.azure.com")


class Imds(lab_support.LabCase):
    def ask(self, path="/metadata/identity/oauth2/token", headers=None, **query):
        asked = {"api-version": "2018-02-01", "resource": "https://management.azure.com/"}
        asked.update(query)
        return self.lab.call("imds", "GET", path + "?" + urllib.parse.urlencode(asked),
                             headers={"Metadata": "true"} if headers is None else headers)

    def test_both_paths_give_a_token_that_arm_takes(self):
        for path in ("/metadata/identity/oauth2/token", "/metadata/identity/oauth2/token/"):
            body = self.ask(path).json()
            self.assertIsInstance(body["expires_on"], str)
            self.assertIsInstance(body["expires_in"], str)
            answer = self.lab.endpoint("GET", headers={"Authorization": "Bearer " + body["access_token"]})
            self.assertEqual(answer.status, 200)

    def test_what_is_not_a_proper_question_is_refused(self):
        self.assertEqual(self.ask(headers={}).status, 400)
        self.assertEqual(self.ask(headers={"Metadata": "true", "X-Forwarded-For": "192.0.2.1"}).status, 400)
        self.assertEqual(self.ask(resource="").status, 400)
        self.assertEqual(self.ask(client_id="11111111-0000-0000-0000-000000000000").json()["error_description"],
                         "Identity not found")
        self.assertEqual(self.ask(client_id=self.lab.facts["client_id"]).status, 200)


class Arm(lab_support.LabCase):
    options = ("--operation-time", "100ms")

    def follow(self, answer):
        self.assertEqual((answer.status, answer.body), (202, b""))
        self.assertEqual(answer.headers["Retry-After"], "1")
        status_path = urllib.parse.urlsplit(answer.headers["Azure-AsyncOperation"])
        result_path = urllib.parse.urlsplit(answer.headers["Location"])
        target = status_path.path + "?" + status_path.query
        seen = []
        for _ in range(100):
            poll = self.lab.arm("GET", target, version=None)
            self.assertEqual(poll.status, 200)
            seen.append(poll.json()["status"])
            if seen[-1] == "Succeeded":
                break
            self.assertEqual(poll.headers["Retry-After"], "1")
            time.sleep(0.02)
        self.assertEqual(seen[-1], "Succeeded")
        self.assertEqual(self.lab.arm("GET", result_path.path + "?" + result_path.query, version=None).status, 200)

    def test_an_endpoint_shows_itself_but_no_key(self):
        answer = self.lab.endpoint("GET")
        body = answer.json()
        self.assertEqual(body["properties"]["authMode"], "Key")
        self.assertEqual(body["properties"]["scoringUri"], self.lab.facts["scoring_url"])
        for key in self.lab.keys().values():
            self.assertNotIn(key.encode(), answer.body)

    def test_paths_are_matched_without_case_and_escapes(self):
        target = self.lab.endpoints.upper() + "/" + self.lab.facts["endpoint"].upper() + "/%6CISTKEYS"
        self.assertEqual(self.lab.arm("POST", target).status, 200)

    def test_answers_carry_the_headers_of_the_front_door(self):
        headers = self.lab.endpoint("GET", headers={"x-ms-client-request-id": "abc", "x-ms-return-client-request-id": "true",
                                                    "x-ms-correlation-request-id": "corr"}).headers
        self.assertEqual(headers["x-ms-client-request-id"], "abc")
        self.assertEqual(headers["x-ms-correlation-request-id"], "corr")
        self.assertTrue(headers["x-ms-routing-request-id"].endswith(":corr"))
        self.assertEqual(headers["x-ms-ratelimit-remaining-subscription-reads"], "249")
        self.assertTrue(headers["Content-Type"].startswith("application/json"))

    def test_regenerating_replaces_one_key_at_the_end_of_its_operation(self):
        for slot, other in (("Primary", "secondary"), ("Secondary", "primary")):
            before = self.lab.keys()
            answer = self.lab.endpoint("POST", "/regenerateKeys", {"keyType": slot})
            self.follow(answer)
            after = self.lab.endpoint("POST", "/listKeys").json()
            self.assertEqual(after[other + "Key"], before[other])
            self.assertNotEqual(after[slot.lower() + "Key"], before[slot.lower()])

    def test_a_given_key_value_is_set(self):
        self.follow(self.lab.endpoint("POST", "/regenerateKeys", {"keyType": "Primary", "keyValue": "x" * 32}))
        self.assertEqual(self.lab.keys()["primary"], "x" * 32)

    def test_errors_come_in_envelopes_with_their_codes(self):
        lab = self.lab
        good, other = lab.endpoints, "/subscriptions/00000000-0000-0000-0000-000000000000"
        for answer, status, code in (
                (lab.endpoint("GET", version=None), 400, "MissingApiVersionParameter"),
                (lab.endpoint("GET", version="yesterday"), 400, "InvalidApiVersionParameter"),
                (lab.arm("GET", other), 404, "SubscriptionNotFound"),
                (lab.arm("GET", good.replace(lab.facts["resource_group"], "no-rg")), 404, "ResourceGroupNotFound"),
                (lab.arm("GET", good.replace(lab.facts["workspace"], "no-ws")), 404, "ParentResourceNotFound"),
                (lab.endpoint("GET", name="no-such"), 404, "ResourceNotFound"),
                (lab.arm("DELETE", good), 405, "HttpMethodNotAllowed"),
                (lab.endpoint("POST", "/regenerateKeys", {"keyType": "Third"}), 400, "UserError"),
                (lab.endpoint("POST", "/regenerateKeys", "not json"), 400, "UserError"),
                (lab.endpoint("GET", headers={"Authorization": ""}), 401, "AuthenticationFailed"),
                (lab.endpoint("GET", headers={"Authorization": "Basic eDp5"}), 401, "AuthenticationFailed"),
                (lab.endpoint("GET", headers={"Authorization": "Bearer a.b.c"}), 401, "InvalidAuthenticationToken")):
            with self.subTest(code=code):
                self.assertEqual((answer.status, error_code(answer)), (status, code))

    def test_a_token_with_one_changed_byte_is_refused(self):
        token = self.lab.ask_token().json()["access_token"]
        header, claims, signature = token.split(".")
        forged = header + "." + claims[:-2] + ("AA" if claims[-2:] != "AA" else "BB") + "." + signature
        answer = self.lab.endpoint("GET", headers={"Authorization": "Bearer " + forged})
        self.assertEqual((answer.status, error_code(answer)), (401, "InvalidAuthenticationToken"))
        self.assertIn("Bearer", answer.headers["WWW-Authenticate"])


class ArmDuringAnOperation(lab_support.LabCase):
    options = ("--operation-time", "1h")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keys = cls.lab.keys()
        cls.answer = cls.lab.endpoint("POST", "/regenerateKeys", {"keyType": "Primary"})
        cls.status = urllib.parse.urlsplit(cls.answer.headers["Azure-AsyncOperation"])
        cls.result = urllib.parse.urlsplit(cls.answer.headers["Location"])

    def test_the_keys_are_still_the_old_ones(self):
        self.assertEqual(self.lab.keys(), self.keys)
        self.assertEqual(self.lab.endpoint("GET").json()["properties"]["provisioningState"], "Updating")

    def test_a_second_one_is_a_conflict(self):
        answer = self.lab.endpoint("POST", "/regenerateKeys", {"keyType": "Secondary"})
        self.assertEqual((answer.status, error_code(answer)), (409, "Conflict"))

    def test_it_is_in_progress_wherever_one_asks(self):
        poll = self.lab.arm("GET", self.status.path + "?" + self.status.query, version=None)
        self.assertEqual((poll.status, poll.json()["status"], poll.headers["Retry-After"]), (200, "InProgress", "1"))
        poll = self.lab.arm("GET", self.result.path + "?" + self.result.query, version=None)
        self.assertEqual((poll.status, poll.headers["Location"]), (202, self.answer.headers["Location"]))

    def test_asking_needs_the_token_too(self):
        self.assertEqual(self.lab.call("arm", "GET", self.status.path + "?" + self.status.query).status, 401)

    def test_an_unknown_operation_is_not_found(self):
        target = self.status.path.rsplit("/", 1)[0] + "/00000000-0000-0000-0000-000000000000"
        self.assertEqual(error_code(self.lab.arm("GET", target)), "OperationNotFound")


class ArmWithManyEndpoints(lab_support.LabCase):
    options = ("--endpoints", "7")

    def test_the_list_comes_in_pages(self):
        names, target = [], self.lab.endpoints + "?count=3"
        version = "2024-04-01"
        pages = 0
        while target:
            body = self.lab.arm("GET", target, version=version).json()
            names += [endpoint["name"] for endpoint in body["value"]]
            link = urllib.parse.urlsplit(body.get("nextLink", ""))
            target, version = link.path + "?" + link.query if link.path else None, None
            pages += 1
        self.assertEqual((pages, names), (3, ["ep-%04d" % number for number in range(1, 8)]))

    def test_every_endpoint_has_a_scoring_address_and_a_copy(self):
        for name in ("ep-0001", "ep-0007"):
            uri = urllib.parse.urlsplit(self.lab.endpoint("GET", name=name).json()["properties"]["scoringUri"])
            key = self.lab.keys(name)["secondary"]
            self.assertEqual(self.lab.score(key, uri.path).status, 200)
            copy = self.lab.vault("GET", "kv/data/endpoints/" + name).json()["data"]["data"]
            self.assertEqual(copy["api_key"], self.lab.keys(name)["primary"])


class ActivityLog(lab_support.LabCase):
    def query(self, text, **more):
        target = self.lab.arm_prefix + "/providers/microsoft.insights/eventtypes/management/values?"
        if text is not None:
            more["$filter"] = text
        return self.lab.arm("GET", target + urllib.parse.urlencode(more), version="2015-04-01")

    def test_a_regeneration_shows_who_did_it(self):
        self.lab.control("POST", "/regenerate", {"endpoint": self.lab.facts["endpoint"], "slot": "primary",
                                                 "caller": "ana@example.org"})
        resource = self.lab.endpoints + "/" + self.lab.facts["endpoint"]
        events = self.query("eventTimestamp ge '%s'" % an_hour_ago()
                            + " and resourceUri eq '%s'" % resource.lower()).json()["value"]
        events = [event for event in events if event["caller"] == "ana@example.org"]
        self.assertEqual([event["status"]["value"] for event in events], ["Succeeded", "Started"])
        self.assertEqual(len({event["correlationId"] for event in events}), 1)
        self.assertEqual(events[0]["operationName"]["value"],
                         "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/regenerateKeys/action")

    def test_a_client_request_id_comes_back(self):
        self.lab.endpoint("POST", "/regenerateKeys", {"keyType": "Primary"}, headers={"x-ms-client-request-id": "mine"})
        events = self.query("eventTimestamp ge '%s'" % an_hour_ago(),
                            **{"$select": "httpRequest,caller"}).json()["value"]
        mine = [event for event in events if event["httpRequest"]["clientRequestId"] == "mine"]
        self.assertTrue(mine)
        self.assertEqual(set(mine[0]), {"httpRequest", "caller"})

    def test_the_filter_language_is_as_small_as_documented(self):
        day = an_hour_ago()
        start, end = "eventTimestamp ge '%s'" % day, " and eventTimestamp le '2999-01-01T00:00:00.1234567Z'"
        for text in (start, start + end, start + end + " and resourceGroupName eq 'x'", start + " and correlationId eq 'x'",
                     start + end + " and resourceProvider eq 'Microsoft.MachineLearningServices'"):
            with self.subTest(text=text):
                self.assertEqual(self.query(text).status, 200)
        for text in (None, "", "caller eq 'ana'", start + " or " + start, start + " and operationName eq 'x'",
                     start + end + " and resourceUri eq 'x' and correlationId eq 'y'", start + end + end,
                     "eventTimestamp ge 'yesterday'", "eventTimestamp ge '2001-01-01T00:00:00Z'", start + " and",
                     end[5:]):
            with self.subTest(text=text):
                answer = self.query(text)
                self.assertEqual((answer.status, answer.json()["code"]), (400, "BadRequest"))


class ActivityLogWithDelay(lab_support.LabCase):
    options = ("--activity-delay", "1h")

    def test_an_event_is_not_seen_before_its_delay(self):
        self.lab.control("POST", "/regenerate", {"endpoint": self.lab.facts["endpoint"], "slot": "primary", "caller": "a@b"})
        target = (self.lab.arm_prefix + "/providers/Microsoft.Insights/eventtypes/management/values?"
                  + urllib.parse.urlencode({"$filter": "eventTimestamp ge '%s'" % an_hour_ago()}))
        self.assertEqual(self.lab.arm("GET", target, version="2015-04-01").json(), {"value": []})


class Scoring(lab_support.LabCase):
    def test_either_key_scores_and_any_other_is_denied_in_plain_text(self):
        for key in self.lab.keys().values():
            self.assertEqual(self.lab.score(key).status, 200)
            self.assertTrue(self.lab.score(key, "/" + self.lab.facts["endpoint"] + "/score").json()["predictions"])
        answer = self.lab.score("wrong")
        self.assertEqual((answer.status, answer.body), (401, b"key_auth_access_denied"))
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain"))

    def test_the_other_ways_to_fail(self):
        key = {"Authorization": "Bearer " + self.lab.keys()["primary"]}
        self.assertEqual(self.lab.call("scoring", "POST", "/score", "{}", {"Authorization": "Basic x"}).body,
                         b"key_auth_bad_header_forbidden")
        self.assertEqual(self.lab.call("scoring", "POST", "/score", "{}").status, 401)
        self.assertEqual(self.lab.call("scoring", "POST", "/other", "{}", key).status, 404)
        self.assertEqual(self.lab.call("scoring", "POST", "/score", "x" * 1600000, key).status, 413)
        key["azureml-model-deployment"] = "green"
        self.assertEqual(self.lab.call("scoring", "POST", "/score", "{}", key).status, 404)

    def test_calls_are_counted_with_the_slot_they_used(self):
        since = self.lab.requests()[-1]["number"] if self.lab.requests() else 0
        self.lab.score(self.lab.keys()["secondary"])
        self.lab.score("wrong")
        self.assertEqual([(r["target"], r["status"], r["caller"]) for r in self.lab.requests(since)],
                         [("scoring", 200, "secondary"), ("scoring", 401, "unknown key")])


if __name__ == "__main__":
    lab_support.main()
