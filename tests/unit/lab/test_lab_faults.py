# SPDX-License-Identifier: Apache-2.0
"""Every way the lab can be told to misbehave, at each service that knows it."""
import base64
import contextlib
import email.utils
import http.client
import json
import re
import socket
import time
import urllib.parse

import lab_support
from lab_support import claims_of

TARGETS = ("entra", "imds", "arm", "scoring", "vault", "activity")
EVERYWHERE = ("status", "reset", "delay", "hang", "truncate", "garbage", "redirect", "clock_skew")
KINDS = {target: set(EVERYWHERE) for target in TARGETS}
KINDS["entra"] |= {"token_expired"}
KINDS["imds"] |= {"token_expired"}
KINDS["arm"] |= {"stale", "operation_failed", "operation_hangs", "token_expired", "claims_challenge"}
KINDS["activity"] |= {"token_expired", "claims_challenge"}
KINDS["scoring"] |= {"stale"}
KINDS["vault"] |= {"stale", "sealed", "standby", "token_expired"}


class FaultCase(lab_support.LabCase):
    shares_lab = True

    def ask(self, target, **more):
        """A request that succeeds when nothing is wrong."""
        if target == "entra":
            return self.lab.call("authority", "GET", "/%s/v2.0/.well-known/openid-configuration" % self.lab.facts["tenant"], **more)
        if target == "imds":
            return self.lab.managed_identity(**more)
        if target == "arm":
            return self.lab.endpoint("GET", **more)
        if target == "scoring":
            return self.lab.score(self.key, **more)
        if target == "vault":
            return self.lab.vault("GET", "kv/data/nachet/backend", **more)
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))
        return self.lab.arm("GET", self.lab.arm_prefix + "/providers/Microsoft.Insights/eventtypes/management/values?"
                            + urllib.parse.urlencode({"$filter": "eventTimestamp ge '%s'" % since}), version="2015-04-01", **more)

    def setUp(self):
        super().setUp()
        self.key = self.lab.keys()["primary"]
        self.lab.token = self.lab.token or self.lab.ask_token().json()["access_token"]

    @contextlib.contextmanager
    def hanging(self):
        """Requests in here are given a moment for their answers once the lab has them, not before."""
        def wait_until_it_hangs(connection):
            self.lab.on_sent = None
            while self.last()["fault"] != "hang":
                time.sleep(0.01)
            connection.sock.settimeout(0.2)

        self.lab.on_sent = wait_until_it_hangs
        try:
            yield
        finally:
            self.lab.on_sent = None

    def last(self):
        return self.lab.requests()[-1]

    def poll(self, answer):
        url = urllib.parse.urlsplit(answer.headers["Azure-AsyncOperation"])
        return self.lab.arm("GET", url.path + "?" + url.query, version=None)


class Orders(FaultCase):
    def test_each_target_takes_exactly_the_kinds_that_make_sense_for_it(self):
        every = set().union(*KINDS.values())
        for target in TARGETS:
            taken = {kind for kind in every if self.lab.fault(target=target, kind=kind, path="/never").status == 200}
            self.assertEqual(taken, KINDS[target], target)

    def test_an_unknown_target_or_kind_is_answered_with_the_known_ones(self):
        answer = self.lab.fault(target="moon", kind="status")
        self.assertEqual(answer.status, 400)
        self.assertEqual(answer.json()["error"], 'there is no target "moon"; the targets are entra, imds, arm, scoring, vault '
                         "and activity")
        for target in TARGETS:
            answer = self.lab.fault(target=target, kind="none")
            self.assertEqual(answer.status, 400)
            named = set(re.findall(r"[a-z_]+", answer.json()["error"].partition("; it has ")[2])) - {"and"}
            self.assertEqual(named, KINDS[target])

    def test_members_that_do_not_belong_are_refused(self):
        for wish, word in (({"target": "vault", "kind": "status", "code": "X"}, "code"),
                           ({"target": "entra", "kind": "status", "code": "X"}, "AADSTS"),
                           ({"target": "arm", "kind": "status", "code": 5}, "word"),
                           ({"target": "arm", "kind": "delay", "code": "X"}, "code"),
                           ({"target": "arm", "kind": "delay", "location": "https://x"}, "location"),
                           ({"target": "arm", "kind": "redirect", "location": "a\nb"}, "location"),
                           ({"target": "arm", "kind": "clock_skew", "seconds": 1e300}, "seconds"),
                           ({"kind": "status"}, "target")):
            answer = self.lab.control("POST", "/fault", wish)
            with self.subTest(wish=wish):
                self.assertEqual(answer.status, 400)
                self.assertIn(word, answer.json()["error"])

    def test_a_path_pattern_and_a_number_of_times_choose_the_requests(self):
        self.lab.fault(target="arm", kind="status", times=1, path="*/LISTKEYS", method="p*")
        self.assertEqual(self.lab.endpoint("GET").status, 200)
        self.assertEqual(self.lab.endpoint("POST", "/listKeys").status, 500)
        self.assertEqual(self.last()["fault"], "status")
        self.assertEqual(self.lab.endpoint("POST", "/listKeys").status, 200)


class AtEveryService(FaultCase):
    """The kinds that every service knows."""

    def test_nothing_is_wrong_without_a_fault(self):
        for target in TARGETS:
            self.assertEqual(self.ask(target).status, 200, target)

    def test_status(self):
        for target in TARGETS:
            self.lab.fault(target=target, kind="status", status=503, retry_after=7, times=1)
            answer = self.ask(target)
            self.assertEqual((answer.status, answer.headers["Retry-After"]), (503, "7"), target)

    def test_reset(self):
        for target in TARGETS:
            self.lab.fault(target=target, kind="reset", times=1)
            with self.assertRaises((OSError, http.client.HTTPException), msg=target):
                self.ask(target)

    def test_delay(self):
        for target in TARGETS:
            self.lab.fault(target=target, kind="delay", delay_ms=120, times=1)
            start = time.monotonic()
            self.assertEqual(self.ask(target).status, 200, target)
            self.assertGreaterEqual(time.monotonic() - start, 0.11)

    def test_hang_gives_no_answer_for_as_long_as_anybody_waits(self):
        for target in TARGETS:
            self.lab.fault(target=target, kind="hang", times=1)
            with self.hanging(), self.assertRaises(socket.timeout, msg=target):
                self.ask(target)
            self.assertEqual((self.last()["target"], self.last()["fault"], self.last()["status"]), (target, "hang", None))
            self.assertEqual(self.ask(target).status, 200)

    def test_truncate(self):
        for target in TARGETS:
            self.lab.fault(target=target, kind="truncate", times=1)
            with self.assertRaises(http.client.IncompleteRead, msg=target):
                self.ask(target)

    def test_garbage_is_a_page_in_place_of_an_answer(self):
        for target in TARGETS:
            self.lab.fault(target=target, kind="garbage", times=1)
            answer = self.ask(target)
            self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/html; charset=utf-8"), target)
            self.assertTrue(answer.body.startswith(b"<!DOCTYPE html>"))
        self.lab.fault(target="arm", kind="garbage", status=502, times=1)
        self.assertEqual(self.ask("arm").status, 502)

    def test_redirect_points_to_another_host(self):
        for target in TARGETS:
            self.lab.fault(target=target, kind="redirect", times=1)
            answer = self.ask(target)
            url = urllib.parse.urlsplit(answer.headers["Location"])
            service = "vault" if target == "scoring" else "scoring"
            self.assertEqual((answer.status, url.hostname), (307, "localhost"), target)
            self.assertEqual(url.port, urllib.parse.urlsplit(self.lab.facts[service + "_url"]).port)
        self.lab.fault(target="vault", kind="redirect", status=301, location="https://other.example/x", times=1)
        answer = self.ask("vault")
        self.assertEqual((answer.status, answer.headers["Location"]), (301, "https://other.example/x"))

    def test_clock_skew_moves_the_date_of_every_answer(self):
        for target in TARGETS:
            for seconds in (-7200, 86400):
                self.lab.control("DELETE", "/fault")
                self.lab.fault(target=target, kind="clock_skew", seconds=seconds, times=1)
                headers = self.ask(target).headers
                self.assertEqual(len(headers.get_all("Date")), 1)
                date = email.utils.parsedate_to_datetime(headers["Date"]).timestamp()
                self.assertAlmostEqual(date, time.time() + seconds, delta=30)


class AfterTheDeed(FaultCase):
    options = ("--operation-time", "0s")

    def regenerate(self):
        return self.lab.endpoint("POST", "/regenerateKeys", {"keyType": "Primary"})

    def test_the_key_is_new_although_no_answer_comes(self):
        before = self.lab.keys()["primary"]
        self.lab.fault(target="arm", kind="hang", times=1, after=True, path="*/regenerateKeys")
        with self.hanging(), self.assertRaises(socket.timeout):
            self.regenerate()
        self.assertNotEqual(self.lab.keys()["primary"], before)

    def test_the_key_is_new_although_the_answer_is_spoilt(self):
        for wish in ({"kind": "reset"}, {"kind": "garbage"}, {"kind": "status", "status": 500}):
            before = self.lab.keys()["primary"]
            self.lab.fault(target="arm", times=1, after=True, path="*/regenerateKeys", **wish)
            try:
                self.assertNotEqual(self.regenerate().status, 202)
            except (OSError, http.client.HTTPException):
                pass
            self.assertNotEqual(self.lab.keys()["primary"], before, wish)

    def test_the_urls_of_an_answer_can_point_to_another_host(self):
        self.lab.fault(target="arm", kind="redirect", after=True, times=1)
        answer = self.regenerate()
        self.assertEqual(answer.status, 202)
        for name in ("Location", "Azure-AsyncOperation"):
            self.assertEqual(urllib.parse.urlsplit(answer.headers[name]).hostname, "localhost")
        self.lab.fault(target="arm", kind="redirect", after=True, times=1, location="https://other.example")
        self.assertTrue(self.regenerate().headers["Location"].startswith("https://other.example/subscriptions/"))
        self.lab.fault(target="entra", kind="redirect", after=True, times=1, location="https://other.example")
        self.assertTrue(self.ask("entra").json()["token_endpoint"].startswith("https://other.example/"))


class Operations(FaultCase):
    options = ("--operation-time", "0s")

    def test_a_failed_operation_says_so_and_changes_nothing(self):
        before = self.lab.keys()
        self.lab.fault(target="arm", kind="operation_failed", times=1)
        self.lab.endpoint("GET")
        answer = self.lab.endpoint("POST", "/regenerateKeys", {"keyType": "Primary"})
        self.assertEqual((answer.status, self.last()["fault"]), (202, "operation_failed"))
        body = self.poll(answer).json()
        self.assertEqual((body["status"], body["error"]["code"]), ("Failed", "InternalServerError"))
        self.assertEqual(self.lab.keys(), before)
        url = urllib.parse.urlsplit(answer.headers["Location"])
        self.assertEqual(self.lab.arm("GET", url.path + "?" + url.query, version=None).status, 500)
        statuses = [event["status"]["value"] for event in self.ask("activity").json()["value"]]
        self.assertIn("Failed", statuses)

    def test_a_hanging_operation_goes_on_when_the_faults_are_removed(self):
        before = self.lab.keys()
        self.lab.fault(target="arm", kind="operation_hangs", times=1)
        answer = self.lab.endpoint("POST", "/regenerateKeys", {"keyType": "Secondary"})
        for _ in range(3):
            self.assertEqual(self.poll(answer).json()["status"], "InProgress")
        self.assertEqual(self.lab.keys(), before)
        self.lab.control("DELETE", "/fault")
        self.assertEqual(self.poll(answer).json()["status"], "Succeeded")
        self.assertNotEqual(self.lab.keys()["secondary"], before["secondary"])


class Vault(FaultCase):
    def test_sealed(self):
        self.lab.fault(target="vault", kind="sealed")
        health = self.lab.vault("GET", "sys/health")
        self.assertEqual((health.status, health.json()["sealed"]), (503, True))
        self.assertNotIn("cluster_id", health.json())
        self.assertEqual(self.lab.vault("GET", "sys/seal-status").json()["sealed"], True)
        for method, path in (("GET", "kv/data/nachet/backend"), ("GET", "sys/leader"), ("GET", "auth/token/lookup-self"),
                             ("POST", "auth/approle/login")):
            answer = self.lab.vault(method, path)
            self.assertEqual((answer.status, answer.json()), (503, {"errors": ["Vault is sealed"]}), path)

    def test_standby(self):
        self.lab.fault(target="vault", kind="standby")
        health = self.lab.vault("GET", "sys/health")
        self.assertEqual((health.status, health.json()["standby"]), (429, True))
        self.assertEqual(self.lab.vault("GET", "sys/health?standbyok=true").status, 200)
        leader = self.lab.vault("GET", "sys/leader").json()
        self.assertEqual((leader["ha_enabled"], leader["is_self"]), (True, False))
        self.assertEqual(self.lab.vault("GET", "kv/data/nachet/backend").status, 200)
        self.assertEqual(self.lab.vault("POST", "kv/data/by-forwarding", {"data": {"a": "b"}}).status, 200)

    def test_a_standby_that_must_not_forward_names_the_active_node(self):
        self.lab.fault(target="vault", kind="standby")
        headers = {"X-Vault-No-Request-Forwarding": "true"}
        answer = self.lab.vault("POST", "kv/data/at-the-active", {"data": {"a": "b"}}, headers=headers)
        self.assertEqual((answer.status, answer.body), (307, b""))
        url = urllib.parse.urlsplit(answer.headers["Location"])
        self.assertEqual((url.path, url.hostname), ("/v1/kv/data/at-the-active", "localhost"))
        active = "https://%s" % url.netloc
        headers["X-Vault-Token"] = self.lab.facts["vault_token"]
        self.assertEqual(self.lab.call(active, "POST", url.path, {"data": {"a": "b"}}, headers).status, 200)
        self.assertEqual(self.lab.call(active, "GET", "/v1/sys/health").status, 200)
        self.assertEqual(self.lab.call(active, "GET", "/v1/sys/leader").json()["is_self"], True)
        self.assertEqual(self.lab.vault("GET", "kv/data/at-the-active", headers=headers).status, 200)

    def test_an_expired_token_is_denied_but_a_login_is_not(self):
        self.lab.fault(target="vault", kind="token_expired", times=1)
        self.assertEqual(self.lab.vault("GET", "sys/health").status, 200)
        login = {"role_id": self.lab.facts["approle_role_id"], "secret_id": self.lab.facts["approle_secret_id"]}
        self.assertEqual(self.lab.vault("POST", "auth/approle/login", login).status, 200)
        answer = self.lab.vault("GET", "kv/data/nachet/backend")
        self.assertEqual((answer.status, answer.json()), (403, {"errors": ["permission denied"]}))
        self.assertEqual(self.lab.vault("GET", "kv/data/nachet/backend").status, 200)


class Tokens(FaultCase):
    def bearer(self, token):
        return self.lab.endpoint("GET", headers={"Authorization": "Bearer " + token})

    def challenge_of(self, answer):
        self.assertEqual(answer.status, 401)
        text = answer.headers["WWW-Authenticate"]
        self.assertIn('error="insufficient_claims"', text)
        return base64.b64decode(re.search(r'claims="([^"]+)"', text).group(1)).decode()

    def test_an_issuer_can_hand_out_tokens_that_have_expired(self):
        for target, ask in (("entra", self.lab.ask_token), ("imds", self.lab.managed_identity)):
            self.lab.fault(target=target, kind="token_expired", times=1)
            self.ask("entra")
            answer = self.bearer(ask().json()["access_token"])
            self.assertEqual(answer.json()["error"]["code"], "ExpiredAuthenticationToken", target)
            self.assertEqual(self.bearer(ask().json()["access_token"]).status, 200)

    def test_resource_manager_can_take_any_token_for_expired(self):
        for target in ("arm", "activity"):
            self.lab.fault(target=target, kind="token_expired", times=1)
            answer = self.ask(target)
            self.assertEqual((answer.status, answer.json()["error"]["code"]), (401, "ExpiredAuthenticationToken"))
            self.assertIn("Bearer", answer.headers["WWW-Authenticate"])
            self.assertEqual(self.ask(target).status, 200)

    def test_a_clock_that_is_wrong_makes_tokens_that_nobody_takes(self):
        self.lab.fault(target="entra", kind="clock_skew", seconds=-7200, times=1)
        body = self.lab.ask_token().json()
        self.assertEqual(body["expires_in"], 3599)
        self.assertLess(claims_of(body["access_token"])["exp"], time.time())
        self.assertEqual(self.bearer(body["access_token"]).json()["error"]["code"], "ExpiredAuthenticationToken")
        self.lab.fault(target="entra", kind="clock_skew", seconds=7200, times=1)
        early = self.bearer(self.lab.ask_token().json()["access_token"])
        self.assertEqual((early.status, early.json()["error"]["code"]), (401, "InvalidAuthenticationToken"))
        self.lab.fault(target="arm", kind="clock_skew", seconds=7200, times=1)
        self.assertEqual(self.bearer(self.lab.token).json()["error"]["code"], "ExpiredAuthenticationToken")
        self.assertEqual(self.bearer(self.lab.token).status, 200)

    def test_a_claims_challenge_is_met_by_a_token_whose_request_carried_the_claims(self):
        self.lab.fault(target="arm", kind="claims_challenge")
        claims = json.loads(self.challenge_of(self.ask("arm")))
        self.challenge_of(self.bearer(self.lab.ask_token().json()["access_token"]))
        claims["access_token"]["xms_cc"] = {"values": ["cp1"]}
        answer = self.lab.ask_token(claims=json.dumps(claims))
        self.assertEqual(self.bearer(answer.json()["access_token"]).status, 200)

    def test_a_challenge_for_one_request_is_over_after_it(self):
        self.lab.fault(target="arm", kind="claims_challenge", times=1)
        self.challenge_of(self.ask("arm"))
        self.assertEqual(self.ask("arm").status, 200)

    def test_the_status_fault_can_carry_any_code_of_a_service(self):
        for code in (90006, 90024, 90033):
            self.lab.fault(target="entra", kind="status", code=code, times=1)
            answer = self.lab.ask_token()
            self.assertEqual((answer.status, answer.json()["error_codes"]), (503, [code]))
        self.lab.fault(target="entra", kind="status", code=53003, times=1)
        answer = self.lab.ask_token()
        self.assertEqual((answer.status, answer.json()["error_codes"]), (400, [53003]))
        self.lab.fault(target="arm", kind="status", status=409, code="MissingSubscriptionRegistration", times=1)
        answer = self.ask("arm")
        self.assertEqual((answer.status, answer.json()["error"]["code"]), (409, "MissingSubscriptionRegistration"))
        self.lab.fault(target="activity", kind="status", status=403, code="Locked", times=1)
        self.assertEqual(self.ask("activity").json()["code"], "Locked")


if __name__ == "__main__":
    lab_support.main()
