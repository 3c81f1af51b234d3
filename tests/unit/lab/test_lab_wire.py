# SPDX-License-Identifier: Apache-2.0
"""What clients of Resource Manager written in other languages send and expect, one case for each of their ways."""
import http.client
import json
import urllib.parse
import uuid

import lab_support


class WireCase(lab_support.LabCase):
    shares_lab = True
    options = ("--endpoints", "4", "--operation-time", "1h")

    def setUp(self):
        super().setUp()
        self.url = urllib.parse.urlsplit(self.lab.facts["arm_url"])
        self.token = self.lab.ask_token().json()["access_token"]

    def raw(self, method, target, headers=(), host="127.0.0.1"):
        """Exactly these headers, and whatever HTTP itself needs."""
        connection = http.client.HTTPSConnection(host, self.url.port, context=self.lab.tls, timeout=10)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in (("Authorization", "Bearer " + self.token), *headers):
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            return lab_support.Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def endpoint(self, rest="", name="ep-0001"):
        return self.lab.endpoints + "/" + name + rest


class Requests(WireCase):
    def test_a_post_without_body_needs_no_content_type(self):
        answer = self.raw("POST", self.endpoint("/listKeys?api-version=2024-04-01"), [("Content-Length", "0")])
        self.assertEqual(answer.status, 200)
        self.assertEqual(set(answer.json()), {"primaryKey", "secondaryKey"})

    def test_paths_and_names_of_the_query_are_taken_without_case_and_decoded(self):
        path = self.endpoint("/listkeys").replace("onlineEndpoints", "ONLINE%45ndpoints").replace("resourceGroups", "resourcegroups")
        for query in ("api-version=2024-04-01", "API-Version=2024-04-01", "%61pi-version=2024-04-01"):
            self.assertEqual(self.raw("POST", path + "?" + query, [("Content-Length", "0")]).status, 200, query)

    def test_an_empty_query_is_a_missing_version(self):
        for target in (self.endpoint(), self.endpoint("?")):
            answer = self.raw("GET", target)
            self.assertEqual((answer.status, answer.json()["error"]["code"]), (400, "MissingApiVersionParameter"))

    def test_each_version_of_the_libraries_is_taken(self):
        for version in ("2022-10-01", "2024-04-01", "2023-04-01", "2022-02-01-preview"):
            answer = self.raw("POST", self.endpoint("/listKeys?api-version=" + version), [("Content-Length", "0")])
            self.assertEqual(answer.status, 200, version)

    def test_a_request_id_may_be_absent_and_may_be_repeated(self):
        repeated = ("x-ms-client-request-id", str(uuid.uuid1()))
        seen = set()
        for headers in ([], [repeated], [repeated], [repeated, ("x-ms-return-client-request-id", "true")]):
            answer = self.raw("GET", self.endpoint("?api-version=2024-04-01"), headers)
            self.assertEqual(answer.status, 200)
            seen.add(answer.headers["x-ms-request-id"])
        self.assertEqual(len(seen), 4)
        self.assertEqual(answer.headers["x-ms-client-request-id"], repeated[1])


class Answers(WireCase):
    def test_every_body_of_json_says_that_it_is_json(self):
        asks = [("GET", self.endpoint("?api-version=2024-04-01")), ("POST", self.endpoint("/listKeys?api-version=2024-04-01")),
                ("GET", self.lab.endpoints + "?api-version=2024-04-01"), ("GET", self.endpoint()), ("GET", "/"),
                ("GET", self.endpoint(name="none") + "?api-version=2024-04-01"), ("GET", "/metadata/endpoints")]
        for method, target in asks:
            answer = self.raw(method, target, [("Content-Length", "0")] if method == "POST" else [])
            json.loads(answer.body)
            self.assertEqual(answer.headers["Content-Type"].partition(";")[0], "application/json", target)

    def test_a_next_page_is_the_same_when_its_query_is_encoded_and_sorted_anew(self):
        first = self.raw("GET", self.lab.endpoints + "?api-version=2024-04-01&count=3").json()
        link = urllib.parse.urlsplit(first["nextLink"])
        self.assertEqual(link.netloc, "127.0.0.1:%d" % self.url.port)
        pairs = sorted(urllib.parse.parse_qsl(link.query, strict_parsing=True))
        anew = "&".join(urllib.parse.quote(name, safe="") + "=" + urllib.parse.quote(value, safe="") for name, value in pairs)
        self.assertIn("%24skip", anew)
        pages = [self.raw("GET", link.path + "?" + query).json() for query in (link.query, anew)]
        self.assertEqual(pages[0], pages[1])
        self.assertEqual([item["name"] for item in pages[0]["value"]], ["ep-0004"])

    def test_the_urls_of_an_operation_are_absolute_and_have_the_host_that_was_asked(self):
        for host, name in (("127.0.0.1", "ep-0002"), ("localhost", "ep-0003")):
            answer = self.lab.call("https://%s:%d" % (host, self.url.port), "POST",
                                   self.endpoint("/regenerateKeys?api-version=2024-04-01", name), {"keyType": "Primary"},
                                   {"Authorization": "Bearer " + self.token})
            self.assertEqual(answer.status, 202)
            self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
            for header in ("Location", "Azure-AsyncOperation"):
                url = urllib.parse.urlsplit(answer.headers[header])
                self.assertEqual((url.scheme, url.netloc), ("https", "%s:%d" % (host, self.url.port)))
            status = url.path + "?" + url.query
            poll = self.raw("GET", status, [("Accept", "*/*")], host)
            self.assertEqual((poll.status, poll.json()["status"]), (200, "InProgress"))
            self.assertGreaterEqual(int(poll.headers["Retry-After"]), 1)
            self.assertEqual(self.lab.call("arm", "GET", status).status, 401)

    def test_the_addresses_of_the_cloud_are_told_without_a_token(self):
        for host in ("127.0.0.1", "localhost"):
            base = "https://%s:%d" % (host, self.url.port)
            answer = self.lab.call(base, "GET", "/metadata/endpoints?api-version=2019-05-01")
            self.assertEqual(answer.status, 200)
            cloud = answer.json()[0]
            self.assertEqual(cloud["resourceManager"], base)
            self.assertEqual(cloud["authentication"]["loginEndpoint"], self.lab.facts["authority_url"])
            self.assertTrue(cloud["name"] and cloud["portal"] and cloud["suffixes"]["storage"])


if __name__ == "__main__":
    lab_support.main()
