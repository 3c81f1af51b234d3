#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The main job over TLS with a real OpenBao (AppRole), a real Alertmanager and a signed webhook; Azure is the lab."""
import base64
import hashlib
import hmac
import json
import threading
import time

import harness
from harness import COPY, FIELD, wait_for

# Its types and its odd texts must come out of a repair as they went in.
SIBLINGS = {"url": "https://model.example.org/score?a=1&b=%2F", "retries": 3, "ratio": 0.1, "large": 12345678901234567,
            "nested": {"list": [1, "two", None, True], "empty": {}}, "umlaut": "ä\u2028\U0001f511", "quote": "\"\\/"}


class Traffic:
    """An application: takes the key from Vault for each call, and calls the model with it."""

    def __init__(self, vault, lab):
        self.vault, self.lab = vault, lab
        self.statuses, self.keys, self._is_over = [], set(), False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self._is_over:
            try:
                key = self.vault.read()[FIELD]
                self.statuses.append(self.lab.score(key))
                self.keys.add(key)
            except Exception as problem:  # a failed request is what must not happen
                self.statuses.append(repr(problem))

    def stop(self):
        self._is_over = True
        self.thread.join(10)
        return self.statuses


class Story(harness.Case):
    def setUp(self):
        super().setUp()
        self.bao, given = harness.open_bao()
        self.place.on_close(self.bao.stop)
        self.vault = harness.Vault(given["OPENBAO_ADDR"], given["OPENBAO_CACERT"], given["OPENBAO_ROOT_TOKEN"])
        self.receiver = self.place.receiver()
        self.lab = self.place.lab()
        self.webhook_key = b"0123456789abcdef01234567"
        self.approvers = [self.place.approver("ana"), self.place.approver("bo")]
        secret_id = self.place.secret_file("secret-id", given["OPENBAO_SECRET_ID"])
        secret = self.place.secret_file("webhook-secret", "whsec_" + base64.b64encode(self.webhook_key).decode())
        self.settings = self.place.settings(
            self.lab, approval={"required": 1, "approvers": self.approvers},
            vault={"address": given["OPENBAO_ADDR"], "ca_file": given["OPENBAO_CACERT"], "timeout": "5s",
                   "auth": {"method": "approle", "role_id": given["OPENBAO_ROLE_ID"], "secret_id": {"file": secret_id}}},
            alerts=[{"kind": "webhook", "url": self.receiver.url + "/hook", "secret": {"file": secret}}])
        self.settings["bindings"][0]["on_drift"] = "propose"

    def assert_signed(self):
        """Every webhook is signed as Standard Webhooks say."""
        posts = [post for post in self.receiver.posts if post[0] == "/hook"]
        self.assertTrue(posts)
        for _, headers, body in posts:
            headers = {name.lower(): value for name, value in headers.items()}
            signed = ("%s.%s." % (headers["webhook-id"], headers["webhook-timestamp"])).encode() + body
            wanted = base64.b64encode(hmac.new(self.webhook_key, signed, hashlib.sha256).digest()).decode()
            self.assertEqual("v1," + wanted, headers["webhook-signature"])
            self.assertLess(abs(time.time() - int(headers["webhook-timestamp"])), 60)

    def siblings(self):
        """What stands beside the key, byte for byte as the server sends it."""
        text = self.vault.service.call("GET", "/v1/kv/data/" + COPY, None, {"X-Vault-Token": self.vault.token})[1]
        fields = text.split('"data":{"data":', 1)[1].rsplit(',"metadata":', 1)[0]
        return fields.replace(json.dumps(self.vault.read()[FIELD]), "THE KEY")

    def told_of_drift(self, status):
        documents = [json.loads(body) for path, _, body in list(self.receiver.posts) if path == "/am"]
        return [alert for document in documents for alert in document["alerts"] if alert["status"] == status]

    def test_seen_told_approved_repaired_rotated(self):
        """drift, culprit, both alerts, refusal, approval, repair, resolved, rotation under traffic without a failed call"""
        alertmanager = harness.Alertmanager(self.place, self.receiver)
        self.settings["alerts"].append({"kind": "alertmanager", "url": alertmanager.url})
        self.place.configure(self.settings)
        self.vault.write({FIELD: self.lab.keys()["primary"], **SIBLINGS})
        siblings = self.siblings()
        daemon = harness.Daemon(self.place)
        daemon.wait_verdict("match")
        self.assertEqual("match", self.place.check(0)["verdict"])
        self.assertEqual([], alertmanager.alerts())

        self.lab.regenerate("primary", "mallory@example.org")
        firing = wait_for(lambda: self.receiver.alerts(event="firing"), "the webhook")[0]
        self.assertEqual(("nachet", "stale", "mallory@example.org"),
                         (firing["binding"], firing["verdict"], firing["regenerated"]["by"]))
        self.assertEqual(("refused", 401), (firing["callers"]["result"], firing["callers"]["http_status"]))
        self.assertRegex(firing["plan_id"], "^[0-9a-f]{64}$")
        self.assertIn(firing["plan_id"], firing["next"])
        alert = wait_for(alertmanager.alerts, "Alertmanager")[0]
        self.assertEqual(("KeydriftDrift", "nachet"), (alert["labels"]["alertname"], alert["labels"]["binding"]))
        self.assertEqual("mallory@example.org", alert["annotations"]["regenerated_by"])
        self.assertEqual("stale", self.place.check(1)["verdict"])
        wait_for(lambda: self.told_of_drift("firing"), "Alertmanager's own message")

        incident = self.place.keydrift("incidents", "list", "-o", "json").must(0).json()["incidents"]
        self.assertEqual([("nachet", "open")], [(one["binding"], one["state"]) for one in incident])
        shown = self.place.keydrift("show", incident[0]["id"]).must(0).out
        for part in ("mallory@example.org", "401"):
            self.assertIn(part, shown)

        plan = self.place.plan()
        self.assertEqual(("write_back", "primary", 1), (plan["action"], plan["slot"], plan["old"]["version"]))
        waiting = self.place.keydrift("apply", plan["plan_id"], "-o", "json").must(3).json()
        self.assertEqual(("waiting", 0), (waiting["state"], waiting["approvals"]["have"]))
        self.assertEqual(1, self.vault.version(), "nothing is written without approval")

        ana = str(self.place.directory / "ana.key")
        self.place.keydrift("approve", plan["plan_id"], "--as", "ana", "--key", ana).must(0)
        done = self.place.keydrift("apply", plan["plan_id"], "-o", "json").must(0).json()
        self.assertEqual("done", done["state"])
        self.assertEqual("match", self.place.check(0)["verdict"])
        self.assertEqual(2, self.vault.version())
        self.assertEqual(self.lab.keys()["primary"], self.vault.read()[FIELD])
        self.assertEqual(siblings, self.siblings())
        self.assertEqual(200, self.lab.score(self.vault.read()[FIELD]))
        self.assertEqual(["locked", "writing", "verifying", "probing", "done"], self.place.steps(plan["plan_id"]))

        wait_for(lambda: self.receiver.alerts(event="resolved"), "the webhook of the end")
        wait_for(lambda: self.told_of_drift("resolved"), "Alertmanager's end of the alert")
        wait_for(lambda: not alertmanager.alerts(), "no alert in Alertmanager")

        traffic = Traffic(self.vault, self.lab)
        wait_for(lambda: len(traffic.statuses) > 3, "traffic")
        before = self.lab.keys()
        self.place.keydrift("rotate", "nachet").must(3)
        rotation = self.place.keydrift("rotate", "nachet", "-o", "json").must(3).json()
        self.assertEqual(("rotate", "secondary"), (rotation["action"], rotation["slot"]))
        self.assertEqual(0, self.lab.regenerations())
        bo = str(self.place.directory / "bo.key")
        self.place.keydrift("approve", rotation["plan_id"], "--as", "bo", "--key", bo).must(0)
        self.place.keydrift("rotate", "nachet").must(0)
        enough = len(traffic.statuses) + 5
        wait_for(lambda: len(traffic.statuses) > enough, "traffic after the rotation")
        statuses = traffic.stop()
        self.assertEqual({200}, set(statuses), "of %d calls" % len(statuses))
        after = self.lab.keys()
        self.assertEqual(before["primary"], after["primary"], "the slot that Vault held is not touched")
        self.assertNotEqual(before["secondary"], after["secondary"])
        self.assertEqual({before["primary"], after["secondary"]}, traffic.keys)
        self.assertEqual((1, 3), (self.lab.regenerations(), self.vault.version()))
        binding = self.place.check(0)
        self.assertEqual(("match", "secondary"), (binding["verdict"], binding["matched_slot"]))

        daemon.wait_verdict("match", "healthy")
        self.assertEqual((0, True), (daemon.stop()[0], daemon.stop()[1] < 2))
        self.assertEqual(["firing", "resolved"], [alert["event"] for alert in self.receiver.alerts()])
        self.assertEqual(1, len({alert["dedup_key"] for alert in self.receiver.alerts()}))
        self.assertEqual((1, 1), (len(self.told_of_drift("firing")), len(self.told_of_drift("resolved"))))
        self.assertEqual(siblings, self.siblings())
        self.assert_signed()

    def test_kv_version_1_is_watched_and_never_written(self):
        """KV version 1 is compared like any; a repair is refused for want of check-and-set, and nothing is written"""
        self.settings["bindings"][0]["copy"]["mount"] = "kv1"
        self.place.configure(self.settings)
        secret = {FIELD: self.lab.keys()["primary"], **SIBLINGS}
        self.vault.call("POST", "kv1/" + COPY, secret)
        self.assertEqual("match", self.place.check(0)["verdict"])
        self.lab.regenerate("primary")
        self.assertEqual("stale", self.place.check(1)["verdict"])
        plan = self.place.plan()
        self.assertIsNone(plan["old"]["version"])
        token = self.place.token(plan["plan_id"], "ana")
        refused = self.place.keydrift("apply", plan["plan_id"], "--approval-file", token).must(1)
        self.assertIn("check-and-set", refused.err)
        self.assertEqual(secret, self.vault.call("GET", "kv1/" + COPY)["data"])


if __name__ == "__main__":
    if not harness.with_openbao.find_server():
        harness.skip_all("OpenBao is not installed: tests/requirements-openbao.txt into .venv")
    if not harness.Alertmanager.find():
        harness.skip_all("Alertmanager is not installed: prometheus-alertmanager of Debian")
    harness.main(parallel=2)
