#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nothing is written without exactly the approvals that were asked for: every way to try otherwise is refused,
said why, kept in the audit trail, and leaves Vault as it was."""
import base64
import json
import os
import pwd
import subprocess
import time

import harness
from harness import FIELD


def encode(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).rstrip(b"=").decode()


class Refusals(harness.Case):
    """A drift, a plan for its repair, and somebody who would like to see it executed."""
    required = 1

    def setUp(self):
        super().setUp()
        self.lab = self.place.lab()
        self.me = pwd.getpwuid(os.geteuid()).pw_name
        self.approvers = [self.place.approver(name) for name in ("ana", "bo", self.me)]
        self.settings = self.place.settings(
            self.lab, approval={"required": self.required, "approvers": self.approvers})
        self.place.configure(self.settings)
        self.lab.regenerate("primary")
        self.plan_id = self.place.plan()["plan_id"]

    def key(self, name):
        return str(self.place.directory / (name + ".key"))

    def file(self, token):
        path = self.place.directory / ("token-%d" % self.place.next_number())
        path.write_text(token + "\n")
        return str(path)

    def sign(self, name, header=None, payload=None):
        """A token made by hand: what the product would sign, with changes."""
        now = int(time.time())
        header = {"alg": "EdDSA", "typ": "keydrift-approval+jwt", "kid": name, **(header or {})}
        payload = {"plan": self.plan_id, "sub": name, "jti": encode(os.urandom(16)), "iat": now, "exp": now + 60,
                   **(payload or {})}
        signed = encode(header) + "." + encode(payload)
        message, signature = (self.place.directory / part for part in ("message", "signature"))
        message.write_text(signed)
        subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.key(name), "-in", str(message),
                        "-out", str(signature)], check=True, stdin=subprocess.DEVNULL)
        return signed + "." + encode(signature.read_bytes())

    def apply(self, *files, code=1):
        arguments = [argument for file in files for argument in ("--approval-file", file)]
        return self.place.keydrift("apply", self.plan_id, *arguments).must(code)

    def assert_nothing_written(self):
        self.assertEqual(1, self.lab.vault.version())
        self.assertEqual([], self.lab.requests("vault", "POST", "/data/"))

    def assert_refused(self, reason, *files):
        result = self.apply(*files)
        self.assertIn(reason, result.err)
        self.assertEqual("", result.out)
        refusals = [event for event in self.place.audit("approval_refused") if self.plan_id in json.dumps(event)]
        self.assertTrue(refusals, "no refusal in the audit trail")
        self.assertIn(reason, json.dumps(refusals[-1]))
        self.assert_nothing_written()


class Refused(Refusals):
    def test_a_token_made_by_hand_is_good(self):
        """what these tests sign by hand is accepted when nothing is changed, so that a refusal means something"""
        self.apply(self.file(self.sign("ana")), code=0)
        self.assertEqual("match", self.place.check(0)["verdict"])
        self.assertEqual(2, self.lab.vault.version())

    def test_another_plan(self):
        """an approval of another plan"""
        other = self.sign("ana", payload={"plan": "0" * 64})
        self.assert_refused("for another plan", self.file(other))

    def test_another_plan_of_ours(self):
        """an approval of another plan of the same binding"""
        before = self.place.token(self.plan_id, "ana")
        self.lab.regenerate("primary")
        self.plan_id = self.place.plan()["plan_id"]
        self.assert_refused("for another plan", before)

    def test_expired(self):
        """an approval that has expired"""
        token = self.place.token(self.plan_id, "ana", "--life", "1s")
        time.sleep(1.1)
        self.assert_refused("expired", token)

    def test_issued_in_the_future(self):
        """an approval from the future, and one that would be good for a year"""
        now = int(time.time())
        self.assert_refused("future", self.file(self.sign("ana", payload={"iat": now + 7200, "exp": now + 7260})))
        self.assert_refused("7 days", self.file(self.sign("ana", payload={"exp": now + 365 * 86400})))

    def test_unknown_approver(self):
        """an approval by somebody the configuration does not know, and by a stranger under a known name"""
        self.place.approver("mallory")
        self.assert_refused("no approver of that name", self.place.token(self.plan_id, "mallory"))
        self.place.approver("ana", self.place.directory / "stranger")
        stranger = str(self.place.directory / "stranger" / "ana.key")
        self.assert_refused("signature does not hold", self.place.token(self.plan_id, "ana", key=stranger))
        self.assert_refused("not whose key", self.file(self.sign("bo", payload={"sub": "ana"})))

    def test_a_changed_byte(self):
        """an approval with one changed byte, in any of its three parts"""
        token = self.sign("ana")
        parts = token.split(".")
        for at in range(3):
            changed = list(parts)
            middle = len(changed[at]) // 2
            letter = "A" if changed[at][middle] != "A" else "B"
            changed[at] = changed[at][:middle] + letter + changed[at][middle + 1:]
            self.assert_refused("refused", self.file(".".join(changed)))
        self.assert_refused("refused", self.file(token[:-1]))
        self.assert_refused("refused", self.file(token + "."))
        self.apply(self.file(token), code=0)

    def test_no_signature(self):
        """alg none, with and without a signature, and alg HS256 keyed with the public key"""
        payload = self.sign("ana").split(".")[1]
        for header in ({"alg": "none"}, {"alg": "None"}, {"alg": "HS256"}, {"alg": None}):
            head = encode({"typ": "keydrift-approval+jwt", "kid": "ana", **header})
            self.assert_refused("refused", self.file(head + "." + payload + "."))
            self.assert_refused("refused", self.file(head + "." + payload + "." + encode(b"\0" * 64)))
            self.assert_refused("refused", self.file(self.sign("ana", header=header)))

    def test_the_requester(self):
        """an approval by whoever asked for the plan"""
        refused = self.place.keydrift("approve", self.plan_id, "--as", self.me, "--key", self.key(self.me), "--print").must(1)
        self.assertIn("somebody else", refused.err)
        self.assertEqual("", refused.out)
        self.assert_refused("may not approve it", self.file(self.sign(self.me)))

    def test_used(self):
        """an approval that was used: the same plan a second time, and its token for the next plan"""
        token = self.place.token(self.plan_id, "ana")
        self.apply(token, code=0)
        again = self.apply(token)
        self.assertIn("done", again.err)
        self.assertIn("nothing is executed twice", again.err)
        self.assertEqual(2, self.lab.vault.version())
        self.lab.regenerate("primary")
        self.plan_id = self.place.plan()["plan_id"]
        self.assertIn("for another plan", self.apply(token).err)
        self.assertEqual(2, self.lab.vault.version())

    def test_no_approvers(self):
        """without approvers in the configuration nothing is written, whatever is brought"""
        token = self.place.token(self.plan_id, "ana")
        del self.settings["approval"]
        self.place.configure(self.settings)
        self.assertIn("no approvers are configured", self.apply(token).err)
        self.assertIn("no approvers are configured", self.apply().err)
        self.assert_nothing_written()

    def test_a_key_others_may_read(self):
        """a private key that others may read is not used, and what to do is said"""
        os.chmod(self.key("ana"), 0o644)
        refused = self.place.keydrift("approve", self.plan_id, "--as", "ana", "--key", self.key("ana"), "--print").must(1)
        self.assertIn("chmod 600", refused.err)
        self.assertEqual("", refused.out)

    def test_refused_by_the_daemon(self):
        """the daemon refuses the same, audits it, and goes on; a good token then works"""
        daemon = harness.Daemon(self.place)
        self.plan_id = self.place.plan()["plan_id"]
        self.assert_refused("for another plan", self.file(self.sign("ana", payload={"plan": "0" * 64})))
        status, answer = daemon.api("POST", "/v1/plans/%s/approvals" % self.plan_id,
                                    {"token": self.sign("ana", header={"alg": "none"})})
        self.assertGreaterEqual(status, 400)
        self.assertIn("EdDSA", answer["error"]["text"])
        self.assert_nothing_written()
        self.apply(self.place.token(self.plan_id, "ana"), code=0)
        self.assertEqual(2, self.lab.vault.version())
        self.assertEqual(0, daemon.stop()[0])

    def test_the_audit_trail_is_a_chain(self):
        """what was refused, approved and done stands in the audit trail, each record with the hash of the one before"""
        import hashlib
        import sqlite3
        self.apply(self.file(self.sign("ana", payload={"plan": "0" * 64})))
        self.apply(self.place.token(self.plan_id, "ana"), code=0)
        database = sqlite3.connect("file:%s?mode=ro" % self.place.state, uri=True)
        bodies = [body for body, in database.execute("SELECT body FROM audit ORDER BY n")]
        database.close()
        previous = "0" * 64
        for number, body in enumerate(bodies, 1):
            record = json.loads(body)
            self.assertEqual((number, previous), (record["n"], record["previous"]))
            previous = hashlib.sha256(body.encode()).hexdigest()
        text = "".join(bodies)
        order = [text.index(word) for word in ("plan_made", "approval_refused", '"approved"', '"step"', '"done"')]
        self.assertEqual(sorted(order), order)


class Two(Refusals):
    required = 2

    def test_the_same_approver_twice(self):
        """with two required, one approver twice is one; two approvers are two"""
        first, second = (self.place.token(self.plan_id, "ana") for _ in range(2))
        result = self.place.keydrift("apply", self.plan_id, "--approval-file", first, "--approval-file", second,
                                     "-o", "json").must(3).json()
        self.assertEqual({"required": 2, "have": 1}, result["approvals"])
        self.assert_nothing_written()
        result = self.apply(first, code=3)
        self.assert_nothing_written()
        self.apply(self.place.token(self.plan_id, "bo"), code=0)
        self.assertEqual(2, self.lab.vault.version())
        used = {row["approver"] for row in self.place.rows("used_token")}
        self.assertEqual({"ana", "bo"}, used)


class Changed(Refusals):

    def test_vault_changed_between_plan_and_apply(self):
        """Vault changed between plan and apply: superseded, nothing written, a new plan offered, the approval void"""
        token = self.place.token(self.plan_id, "ana")
        self.lab.vault.write({FIELD: "written-by-somebody-else", "other": 1})
        result = self.place.keydrift("apply", self.plan_id, "--approval-file", token, "-o", "json").must(1)
        document = result.json()
        self.assertEqual("superseded", document["state"])
        self.assertIn("plan nachet", document["next"])
        self.assertEqual({FIELD: "written-by-somebody-else", "other": 1}, self.lab.vault.read())
        new = self.place.plan()
        self.assertNotEqual(self.plan_id, new["plan_id"])
        self.assertEqual(2, new["old"]["version"])
        self.assertIn("superseded", self.apply(token).err)
        old, self.plan_id = self.plan_id, new["plan_id"]
        self.assertIn("for another plan", self.apply(token).err)
        self.assertEqual(2, self.lab.vault.version())
        self.apply(self.place.token(self.plan_id, "ana"), code=0)
        self.assertEqual(3, self.lab.vault.version())
        self.assertEqual(1, self.lab.vault.read()["other"])
        self.assertTrue([event for event in self.place.audit("superseded") if old in json.dumps(event)])

    def test_the_key_changed_between_plan_and_apply(self):
        """the key was regenerated once more between plan and apply: superseded, nothing written"""
        token = self.place.token(self.plan_id, "ana")
        self.lab.regenerate("primary")
        result = self.place.keydrift("apply", self.plan_id, "--approval-file", token, "-o", "json").must(1)
        self.assertEqual("superseded", result.json()["state"])
        self.assert_nothing_written()

    def test_the_same_value_in_a_new_version(self):
        """the same value written again is another version, so the plan that rests on the old one is superseded"""
        token = self.place.token(self.plan_id, "ana")
        self.lab.vault.write(self.lab.vault.read())
        result = self.place.keydrift("apply", self.plan_id, "--approval-file", token, "-o", "json").must(1)
        self.assertEqual("superseded", result.json()["state"])
        self.assertEqual(2, self.lab.vault.version())

    def test_somebody_repaired_it(self):
        """somebody else repaired it: no incident is made of it, nothing is written"""
        token = self.place.token(self.plan_id, "ana")
        self.lab.vault.write({FIELD: self.lab.keys()["primary"]})
        self.assertIn("superseded", self.place.keydrift(
            "apply", self.plan_id, "--approval-file", token, "-o", "json").must(1).json()["state"])
        self.assertEqual(2, self.lab.vault.version())

    def test_a_rotation_of_a_copy_that_matches_no_slot(self):
        """a rotation while the copy matches no slot: refused, points at the drift, nothing regenerated"""
        refused = self.place.keydrift("rotate", "nachet").must(1)
        self.assertIn("stale", refused.err + refused.out)
        self.assertEqual(0, self.lab.regenerations())


if __name__ == "__main__":
    harness.main(parallel=3)
