# SPDX-License-Identifier: Apache-2.0
"""The control listener, the faults, the files, the command line, and the end."""
import http.client
import json
import os
import signal
import stat
import subprocess
import tempfile
import time
import unittest

import lab_support


class Control(lab_support.LabCase):
    def test_a_regeneration_takes_effect_at_once(self):
        before = self.lab.keys()
        answer = self.lab.control("POST", "/regenerate", {"endpoint": self.lab.facts["endpoint"], "slot": "secondary"})
        self.assertEqual(answer.status, 200)
        after = self.lab.keys()
        self.assertEqual(after["primary"], before["primary"])
        self.assertNotEqual(after["secondary"], before["secondary"])
        self.assertEqual(self.lab.score(before["secondary"]).status, 401)
        self.assertEqual(self.lab.score(after["secondary"]).status, 200)

    def test_what_it_cannot_do_it_refuses_with_a_reason(self):
        for method, target, body, status, word in (
                ("POST", "/regenerate", {"endpoint": "none", "slot": "primary"}, 404, "endpoint"),
                ("POST", "/regenerate", {"endpoint": self.lab.facts["endpoint"], "slot": "third"}, 400, "slot"),
                ("POST", "/regenerate", "broken", 400, "JSON"),
                ("POST", "/fault", {"target": "moon", "kind": "status"}, 400, "target"),
                ("POST", "/fault", {"target": "arm", "kind": "sealed"}, 400, "sealed"),
                ("POST", "/fault", {"target": "arm", "kind": "status", "colour": 1}, 400, "colour"),
                ("POST", "/fault", {"target": "arm", "kind": "status", "status": 99}, 400, "status"),
                ("POST", "/fault", {"target": "entra", "kind": "stale"}, 400, "stale"),
                ("GET", "/requests?since=x", None, 400, "since"),
                ("GET", "/nothing", None, 404, "calls")):
            answer = self.lab.control(method, target, body)
            with self.subTest(target=target, body=body):
                self.assertEqual(answer.status, status)
                self.assertIn(word, answer.json()["error"])

    def test_requests_are_numbered_and_hold_no_secret(self):
        self.lab.ask_token()
        self.lab.endpoint("POST", "/listKeys")
        self.lab.vault("GET", "kv/data/nachet/backend")
        self.lab.score(self.lab.keys()["primary"])
        body = self.lab.control("GET", "/requests?since=0").body
        requests = json.loads(body)["requests"]
        self.assertEqual([request["number"] for request in requests], list(range(1, len(requests) + 1)))
        self.assertEqual(self.lab.requests(requests[-1]["number"]), [])
        self.assertEqual(len(self.lab.requests(requests[-2]["number"])), 1)
        for secret in [*self.lab.keys().values(), self.lab.facts["client_secret"], self.lab.facts["vault_token"], self.lab.token]:
            self.assertNotIn(secret.encode(), body)


    def test_alerts_that_were_posted_are_shown_in_order(self):
        for number in (1, 2):
            self.assertLess(self.lab.control("POST", "/alerts", {"number": number}).status, 300)
        self.assertEqual(self.lab.control("GET", "/alerts").json(), {"alerts": [{"number": 1}, {"number": 2}]})
        self.assertEqual(self.lab.control("POST", "/alerts", "not json").status, 400)


class Faults(lab_support.LabCase):
    def test_status_for_a_number_of_times_with_retry_after(self):
        self.lab.fault(target="arm", kind="status", status=429, retry_after=2, times=2, path="*/listKeys")
        self.assertEqual(self.lab.endpoint("GET").status, 200)
        for _ in range(2):
            answer = self.lab.endpoint("POST", "/listkeys")
            self.assertEqual((answer.status, answer.headers["Retry-After"]), (429, "2"))
            self.assertEqual(answer.json()["error"]["code"], "SubscriptionRequestsThrottled")
        self.assertEqual(self.lab.endpoint("POST", "/listkeys").status, 200)

    def test_a_fault_without_times_stays_until_it_is_removed(self):
        self.lab.fault(target="vault", kind="status", status=503)
        for _ in range(3):
            answer = self.lab.vault("GET", "sys/health")
            self.assertEqual((answer.status, answer.json()), (503, {"errors": ["Vault is sealed"]}))
        self.assertEqual(self.lab.control("DELETE", "/fault").status, 204)
        self.assertEqual(self.lab.vault("GET", "sys/health").status, 200)

    def test_each_service_fails_in_its_own_form(self):
        for target in ("entra", "imds", "arm", "scoring", "activity"):
            self.lab.fault(target=target, kind="status", status=500)
        self.assertIn("error_codes", self.lab.ask_token().json())
        self.assertEqual(self.lab.call("imds", "GET", "/").json()["error"], "server_error")
        self.assertEqual(self.lab.call("arm", "GET", "/").json()["error"]["code"], "InternalServerError")
        self.assertEqual(self.lab.call("arm", "GET", "/subscriptions/x/providers/Microsoft.Insights/y").json()["code"],
                         "InternalServerError")
        self.assertEqual(self.lab.score("x").body, b"")

    def test_reset_ends_the_connection_without_an_answer(self):
        self.lab.fault(target="vault", kind="reset", times=1)
        with self.assertRaises((ConnectionError, OSError, http.client.HTTPException)):
            self.lab.vault("GET", "sys/health")
        self.assertEqual(self.lab.vault("GET", "sys/health").status, 200)
        last = [request for request in self.lab.requests() if request["fault"] == "reset"][-1]
        self.assertIsNone(last["status"])

    def test_a_reset_afterwards_loses_the_answer_of_a_deed_that_was_done(self):
        before = self.lab.vault("GET", "kv/metadata/nachet/backend").json()["data"]["current_version"]
        self.lab.fault(target="vault", kind="reset", times=1, after=True, method="POST")
        with self.assertRaises((ConnectionError, OSError, http.client.HTTPException)):
            self.lab.vault("POST", "kv/data/nachet/backend", {"data": {"a": "b"}})
        after = self.lab.vault("GET", "kv/metadata/nachet/backend").json()["data"]["current_version"]
        self.assertEqual(after, before + 1)

    def test_truncate_sends_half_an_answer(self):
        self.lab.fault(target="arm", kind="truncate", times=1)
        with self.assertRaises(http.client.IncompleteRead) as caught:
            self.lab.endpoint("POST", "/listKeys")
        self.assertTrue(caught.exception.partial)

    def test_delay_before_and_after(self):
        for after in (False, True):
            self.lab.fault(target="scoring", kind="delay", delay_ms=200, times=1, after=after)
            start = time.monotonic()
            self.assertEqual(self.lab.score("x").status, 401)
            self.assertGreaterEqual(time.monotonic() - start, 0.19)

    def test_stale_arm_lists_the_keys_of_before(self):
        old = self.lab.keys()
        self.lab.control("POST", "/regenerate", {"endpoint": self.lab.facts["endpoint"], "slot": "primary"})
        self.lab.fault(target="arm", kind="stale", times=1)
        self.lab.endpoint("GET")
        self.assertEqual(self.lab.endpoint("POST", "/listKeys").json()["primaryKey"], old["primary"])
        self.assertEqual(self.lab.endpoint("POST", "/listKeys").json()["primaryKey"], self.lab.keys()["primary"])

    def test_stale_scoring_takes_the_keys_of_before(self):
        old = self.lab.keys()
        self.lab.control("POST", "/regenerate", {"endpoint": self.lab.facts["endpoint"], "slot": "primary"})
        self.lab.fault(target="scoring", kind="stale", times=2)
        self.assertEqual(self.lab.score(old["primary"]).status, 200)
        self.assertEqual(self.lab.score(self.lab.keys()["primary"]).status, 401)
        self.assertEqual(self.lab.score(self.lab.keys()["primary"]).status, 200)

    def test_stale_vault_reads_one_version_behind(self):
        self.lab.vault("POST", "kv/data/stale", {"data": {"n": 1}})
        self.lab.vault("POST", "kv/data/stale", {"data": {"n": 2}})
        self.lab.fault(target="vault", kind="stale")
        self.assertEqual(self.lab.vault("GET", "kv/data/stale").json()["data"]["data"], {"n": 1})
        self.assertEqual(self.lab.vault("GET", "kv/data/stale?version=2").status, 404)
        metadata = self.lab.vault("GET", "kv/metadata/stale").json()["data"]
        self.assertEqual((metadata["current_version"], list(metadata["versions"])), (1, ["1"]))


class Program(unittest.TestCase):
    def run_lab(self, *arguments):
        return subprocess.run([lab_support.PROGRAM, *arguments], capture_output=True, text=True, timeout=20)

    def test_help_and_version(self):
        for option in ("--help", "--version"):
            result = self.run_lab(option)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertIn("keydrift-lab", result.stdout)

    def test_bad_usage_ends_with_2_and_a_sentence(self):
        with tempfile.TemporaryDirectory() as directory:
            config = os.path.join(directory, "c.json")
            with open(config, "w", encoding="utf-8") as file:
                file.write('{"endpoints":[{"name":"abc"},{"name":"ABC"}]}')
            for arguments, word in (
                    ((), "--dir"), (("--nonsense",), "--nonsense"), (("--dir", directory, "more"), "more"),
                    (("--dir", directory, "--endpoints", "0"), "--endpoints"),
                    (("--dir", directory, "--seed", "x"), "--seed"),
                    (("--dir", directory, "--activity-delay", "5"), "--activity-delay"),
                    (("--dir", directory, "--config", "/nonexistent"), "/nonexistent"),
                    (("--dir", directory, "--config", config), "twice"),
                    (("--dir", directory, "--config", config, "--endpoints", "3"), "exclude"),
                    (("--dir", config), "not a directory"),
                    (("--dir", os.path.join(directory, "x" * 100)), "Unix socket")):
                result = self.run_lab(*arguments)
                with self.subTest(arguments=arguments):
                    self.assertEqual((result.returncode, result.stdout), (2, ""))
                    self.assertIn(word, result.stderr)

    def test_a_seed_makes_the_keys_repeatable_and_only_the_same_seed(self):
        keys = []
        for seed in ("5", "5", "0"):
            lab = lab_support.Lab("--seed", seed)
            keys.append(lab.keys())
            self.assertEqual(lab.stop(), 0)
        self.assertEqual(keys[0], keys[1])
        self.assertNotEqual(keys[0], keys[2])
        self.assertTrue(all(len(key) == 32 and key.isalnum() for key in keys[0].values()))

    def test_signals_end_it_cleanly_even_in_the_middle_of_a_request(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            lab = lab_support.Lab()
            lab.fault(target="scoring", kind="delay", delay_ms=60000)
            with self.assertRaises(OSError):
                lab.score("x", timeout=0.3)
            self.assertEqual(lab.stop(number), 0)

    def test_files_are_for_their_owner_and_the_configuration_names_them(self):
        lab = lab_support.Lab()
        try:
            self.assertEqual(stat.S_IMODE(os.stat(lab.directory).st_mode), 0o700)
            for directory, folders, files in os.walk(lab.directory):
                for name in folders + files:
                    mode = 0o700 if name in folders or name == "az" else 0o600
                    self.assertEqual(stat.S_IMODE(os.stat(os.path.join(directory, name)).st_mode), mode, name)
            with open(os.path.join(lab.directory, "keydrift.yaml"), encoding="utf-8") as file:
                text = file.read()
            for part in ("  - name: nachet\n", "interval: 2s\n", "probe: { score: true }\n", "state: sqlite:" + lab.directory,
                         'api: { listen: [ "unix:%s/keydrift.sock" ] }' % lab.directory, lab.facts["vault_url"]):
                self.assertIn(part, text)
            for secret in (lab.facts["client_secret"], lab.facts["vault_token"]):
                self.assertNotIn(secret, text)
        finally:
            self.assertEqual(lab.stop(), 0)

    def test_a_configuration_names_its_endpoints(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"endpoints": [{"name": "zeta-1"}, {"name": "alpha"}]}, file)
            file.flush()
            lab = lab_support.Lab("--config", file.name)
        try:
            self.assertEqual(lab.facts["endpoint"], "zeta-1")
            self.assertEqual(lab.endpoint("GET", name="ALPHA").status, 200)
        finally:
            self.assertEqual(lab.stop(), 0)


if __name__ == "__main__":
    lab_support.main()
