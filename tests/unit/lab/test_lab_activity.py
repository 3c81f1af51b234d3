# SPDX-License-Identifier: Apache-2.0
"""The Activity Log: who did what, in pages, after its delay, and nothing but its small filter language."""
import datetime
import time
import urllib.parse

import lab_support

REGENERATE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/regenerateKeys/action"


def moment(text):
    """In seconds; the log's times have as many digits as they need."""
    whole = datetime.datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return whole.timestamp() + float("0" + text[19:].rstrip("Z"))


def instant(offset=0):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + offset))


class LogCase(lab_support.LabCase):
    options = ("--operation-time", "0s")

    def target(self, filter_text=None, **more):
        more["$filter"] = filter_text or "eventTimestamp ge '%s'" % instant(-3600)
        return self.lab.arm_prefix + "/providers/Microsoft.Insights/eventtypes/management/values?" + urllib.parse.urlencode(more)

    def query(self, filter_text=None, **more):
        return self.lab.arm("GET", self.target(filter_text, **more), version="2015-04-01")

    def events(self, clause="", lab=None):
        """All of them, newest first."""
        target, version, events = self.target("eventTimestamp ge '%s'" % instant(-3600) + clause), "2015-04-01", []
        while target:
            body = (lab or self.lab).arm("GET", target, version=version).json()
            events += body["value"]
            link = urllib.parse.urlsplit(body.get("nextLink", ""))
            target, version = (link.path + "?" + link.query if link.path else None), None
        return events

    def of(self, correlation):
        return self.events(" and correlationId eq '%s'" % correlation)

    def do(self, method, target, body=None, version="2024-04-01", **headers):
        """The answer and the events that it left, oldest first."""
        answer = self.lab.arm(method, target, body, headers, version=version)
        return answer, list(reversed(self.of(answer.headers["x-ms-correlation-request-id"])))

    def endpoint(self):
        return self.lab.endpoints + "/" + self.lab.facts["endpoint"]


class Events(LogCase):
    def test_a_regeneration_is_started_accepted_and_succeeds_under_one_correlation_id(self):
        answer, events = self.do("POST", self.endpoint() + "/regenerateKeys", {"keyType": "Primary"})
        self.assertEqual(answer.status, 202)
        # The end is seen by the first request after it, and stands behind the answer in the log.
        events = list(reversed(self.of(answer.headers["x-ms-correlation-request-id"])))
        self.assertEqual([event["status"]["value"] for event in events], ["Started", "Accepted", "Succeeded"])
        self.assertEqual([event["eventName"]["value"] for event in events], ["BeginRequest", "EndRequest", "EndRequest"])
        self.assertEqual({event["operationName"]["value"] for event in events}, {REGENERATE})
        self.assertEqual({event["resourceId"] for event in events}, {self.endpoint()})
        self.assertEqual(len({event["eventDataId"] for event in events}), 3)

    def test_a_failed_operation_is_told_as_failed(self):
        self.lab.fault(target="arm", kind="operation_failed", times=1)
        answer, _ = self.do("POST", self.endpoint() + "/regenerateKeys", {"keyType": "Primary"})
        end = self.of(answer.headers["x-ms-correlation-request-id"])[0]
        self.assertEqual((end["status"]["value"], end["level"]), ("Failed", "Error"))

    def test_a_synchronous_one_is_started_and_succeeds(self):
        storage = self.lab.facts["resources"]["Microsoft.Storage/storageAccounts"]
        answer, events = self.do("POST", storage + "/regenerateKey", {"keyName": "key1"}, "2023-05-01")
        self.assertEqual(answer.status, 200)
        self.assertEqual([event["status"]["value"] for event in events], ["Started", "Succeeded"])
        self.assertEqual(events[0]["operationName"]["value"], "Microsoft.Storage/storageAccounts/regenerateKey/action")
        self.assertEqual(events[0]["resourceProviderName"]["value"], "Microsoft.Storage")
        self.assertEqual(events[0]["resourceType"]["value"], "Microsoft.Storage/storageAccounts")

    def test_listing_keys_is_an_action_and_reading_is_not(self):
        _, events = self.do("POST", self.endpoint() + "/listKeys")
        self.assertEqual([event["status"]["value"] for event in events], ["Started", "Succeeded"])
        self.assertTrue(events[0]["operationName"]["value"].endswith("/listKeys/action"))
        self.assertEqual(self.do("GET", self.endpoint())[1], [])

    def test_writes_and_deletes_are_logged_as_such(self):
        target = self.lab.endpoints + "/logged"
        body = {"location": "canadacentral", "properties": {"authMode": "Key"}}
        for method, action in (("PUT", "write"), ("DELETE", "delete")):
            answer, _ = self.do(method, target, body if method == "PUT" else None)
            event = self.of(answer.headers["x-ms-correlation-request-id"])[0]
            self.assertEqual(event["operationName"]["value"],
                             "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/" + action)
            self.assertEqual((event["httpRequest"]["method"], event["status"]["value"]), (method, "Succeeded"))

    def test_what_was_refused_leaves_no_event(self):
        for target, body in (("/regenerateKeys", {"keyType": "Third"}), ("x/listKeys", None)):
            self.assertEqual(self.do("POST", self.endpoint() + target, body)[1], [])

    def test_a_program_is_told_by_its_ids(self):
        _, events = self.do("POST", self.endpoint() + "/listKeys", **{"x-ms-client-request-id": "mine", "x-ms-correlation-request-id": "c-1"})
        claims = lab_support.claims_of(self.lab.token)
        event = events[0]
        self.assertEqual((event["caller"], event["claims"]["appid"]), (claims["oid"], claims["appid"]))
        self.assertEqual(event["claims"]["http://schemas.microsoft.com/identity/claims/objectidentifier"], claims["oid"])
        self.assertEqual((event["correlationId"], event["operationId"]), ("c-1", "c-1"))
        self.assertEqual(event["httpRequest"], {"clientRequestId": "mine", "clientIpAddress": "127.0.0.1", "method": "POST"})

    def test_a_person_is_told_by_name_and_address(self):
        self.lab.control("POST", "/regenerate", {"endpoint": self.lab.facts["endpoint"], "caller": "eve@example.org",
                                                 "address": "198.51.100.9"})
        event = [event for event in self.events() if event["caller"] == "eve@example.org"][0]
        self.assertNotIn("appid", event["claims"])
        self.assertEqual(event["claims"]["name"], "eve@example.org")
        self.assertEqual((event["httpRequest"]["clientIpAddress"], event["claims"]["ipaddr"]), ("198.51.100.9", "198.51.100.9"))

    def test_a_client_request_id_may_be_absent_or_repeated(self):
        storage = self.lab.facts["resources"]["Microsoft.Storage/storageAccounts"] + "/regenerateKey"
        _, events = self.do("POST", storage, {"keyName": "key1"}, "2023-05-01")
        for event in events:
            self.assertNotIn("clientRequestId", event["httpRequest"])
        correlations = set()
        for _ in range(2):
            answer, events = self.do("POST", storage, {"keyName": "key1"}, "2023-05-01", **{"x-ms-client-request-id": "again"})
            self.assertEqual({event["httpRequest"]["clientRequestId"] for event in events}, {"again"})
            correlations.add(answer.headers["x-ms-correlation-request-id"])
        self.assertEqual(len(correlations), 2)

    def test_a_regeneration_of_a_person_may_have_no_request_id_either(self):
        self.lab.control("POST", "/regenerate", {"endpoint": self.lab.facts["endpoint"], "caller": "go@example.org",
                                                 "client_request_id": None})
        event = [event for event in self.events() if event["caller"] == "go@example.org"][0]
        self.assertNotIn("clientRequestId", event["httpRequest"])


class Filters(LogCase):
    def test_each_subject_finds_its_own(self):
        maps = self.lab.facts["resources"]["Microsoft.Maps/accounts"]
        answer, _ = self.do("POST", maps + "/listKeys", version="2023-06-01")
        self.lab.endpoint("POST", "/listKeys")
        correlation = answer.headers["x-ms-correlation-request-id"]
        for clause, is_all in ((" and resourceUri eq '%s'" % maps.upper(), True),
                               (" and resourceProvider eq 'microsoft.maps'", True),
                               (" and correlationId eq '%s'" % correlation, True),
                               (" and resourceGroupName eq '%s'" % self.lab.facts["resource_group"].upper(), False), ("", False)):
            with self.subTest(clause=clause):
                found = {event["resourceId"] for event in self.events(clause)}
                self.assertEqual(found == {maps}, is_all)
                self.assertIn(maps, found)
        self.assertEqual(self.events(" and resourceGroupName eq 'other'"), [])

    def test_times_bound_it_on_both_sides(self):
        self.lab.endpoint("POST", "/listKeys")
        for first, last, is_found in ((-60, 60, True), (-3600, -1800, False), (1800, 3600, False)):
            body = self.query("eventTimestamp ge '%s' and eventTimestamp le '%s'" % (instant(first), instant(last))).json()
            self.assertEqual(bool(body["value"]), is_found)

    def test_select_leaves_the_rest_out(self):
        self.lab.endpoint("POST", "/listKeys")
        body = self.query(**{"$select": "caller, operationName,nothing"}).json()
        self.assertEqual({tuple(event) for event in body["value"]}, {("caller", "operationName")})

    def test_submission_is_later_than_the_event_by_the_delay(self):
        lab = lab_support.Lab("--activity-delay", "1s", "--operation-time", "0s")
        try:
            lab.endpoint("POST", "/listKeys")
            deadline = time.monotonic() + 60
            events = []
            while not events and time.monotonic() < deadline:
                events = self.events(lab=lab)
            times = [moment(events[0][name]) for name in ("eventTimestamp", "submissionTimestamp")]
            self.assertAlmostEqual(times[1] - times[0], 1, places=4)
        finally:
            self.assertEqual(lab.stop(), 0)


class Pages(LogCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.endpoint("POST", "/regenerateKeys", {"keyType": "Primary"})
        for _ in range(120):
            cls.lab.endpoint("POST", "/listKeys")

    def links(self, rewrite=lambda link: link, **more):
        """The pages, each found by the link of the one before."""
        answer, pages = self.query(**more), []
        while answer:
            self.assertEqual(answer.status, 200, answer.body)
            pages.append(answer.json())
            link = pages[-1].get("nextLink")
            parts = urllib.parse.urlsplit(rewrite(link or ""))
            answer = self.lab.arm("GET", parts.path + "?" + parts.query, version=None) if link else None
        return pages

    def test_a_link_is_absolute_and_keeps_filter_and_selection(self):
        pages = self.links(**{"$select": "eventDataId"})
        self.assertGreater(len(pages), 2)
        for page in pages[:-1]:
            self.assertEqual(len(page["value"]), 100)
            self.assertTrue(page["nextLink"].startswith(self.lab.facts["arm_url"] + "/subscriptions/"))
        ids = [event["eventDataId"] for page in pages for event in page["value"]]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertTrue(all(set(event) == {"eventDataId"} for page in pages for event in page["value"]))

    def test_a_link_may_come_back_in_another_order_and_spelling(self):
        def sort(link):
            parts = urllib.parse.urlsplit(link)
            return parts._replace(query=urllib.parse.urlencode(sorted(urllib.parse.parse_qsl(parts.query)))).geturl()
        self.assertEqual(len(self.links(sort)), len(self.links()))

    def test_what_happens_between_two_pages_moves_nothing(self):
        body = self.query().json()
        self.lab.endpoint("POST", "/listKeys")
        link = urllib.parse.urlsplit(body["nextLink"])
        following = self.lab.arm("GET", link.path + "?" + link.query, version=None).json()
        ids = [event["eventDataId"] for event in body["value"] + following["value"]]
        self.assertEqual(len(ids), len(set(ids)))

    def test_the_newest_comes_first_and_lists_do_not_push_out_changes(self):
        events = self.events()
        times = [moment(event["eventTimestamp"]) for event in events]
        self.assertEqual(times, sorted(times, reverse=True))
        self.assertEqual(len([event for event in events if event["operationName"]["value"] == REGENERATE]), 3)

    def test_a_token_of_nowhere_is_refused(self):
        self.assertEqual(self.query(**{"$skiptoken": "x"}).status, 400)


if __name__ == "__main__":
    lab_support.main()
