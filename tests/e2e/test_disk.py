#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A full or read-only disk is reported and stops writes to Vault, not the watching; all is well again when it is."""
import subprocess

import harness
from harness import wait_for


class Disk(harness.Case):
    """The state stands on a file system of its own; making one needs root."""

    def setUp(self):
        super().setUp()
        if not harness.IS_ROOT:
            self.skipTest("only root can mount a small file system")
        self.disk = self.place.directory / "disk"
        self.disk.mkdir(mode=0o700)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(self.disk)],
                                 stderr=subprocess.PIPE, text=True, check=False)
        if mounted.returncode:
            self.skipTest("a file system cannot be mounted here: " + mounted.stderr.strip())
        self.place.on_close(lambda: subprocess.run(["umount", "-l", str(self.disk)], check=True))
        self.place.state = self.disk / "state.db"
        self.lab = self.place.lab()
        self.receiver = self.place.receiver()
        self.settings = self.place.settings(
            self.lab, approval={"required": 1, "approvers": [self.place.approver("ana")]},
            alerts=[{"kind": "webhook", "url": self.receiver.url + "/hook"}])
        self.place.configure(self.settings)

    def fill(self):
        with open(self.disk / "filler", "wb", buffering=0) as file:
            for size in (65536, 4096, 512, 1):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError:
                    pass

    def drain(self):
        (self.disk / "filler").unlink()

    def remount(self, how):
        subprocess.run(["mount", "-o", "remount," + how, str(self.disk)], check=True)

    def approved(self):
        self.plan_id = self.place.plan()["plan_id"]
        return self.place.token(self.plan_id, "ana")

    def reports(self, daemon):
        return [line for line in daemon.text().splitlines() if "disk full" in line or "read-only" in line]


class Full(Disk):
    def test_the_daemon(self):
        """a disk that fills up under the daemon: said once, the watch and the alerts go on, nothing is written to Vault; then it heals"""
        daemon = harness.Daemon(self.place)
        daemon.wait_verdict("match", "healthy")
        self.assertTrue(daemon.api("GET", "/v1/status")[1]["state_store"]["is_writable"])
        self.lab.regenerate("primary")
        daemon.wait_verdict("stale", "open")
        wait_for(lambda: self.receiver.alerts(event="firing"), "the alert")
        token = self.approved()
        self.fill()

        refused = self.place.keydrift("apply", self.plan_id, "--approval-file", token).must(1)
        self.assertIn("disk full", refused.err)
        self.assertEqual(1, self.lab.vault.version())
        self.assertEqual([], self.lab.requests("vault", "POST", "/data/"))
        store = daemon.api("GET", "/v1/status")[1]["state_store"]
        self.assertFalse(store["is_writable"])
        self.assertIn("disk full", store["why"])
        refused = self.place.keydrift("rotate", "nachet").must(1)
        self.assertEqual(0, self.lab.regenerations())

        # It watches on: what changes is seen.
        before = daemon.binding()["checked_at"]
        wait_for(lambda: daemon.binding()["checked_at"] > before, "another check")
        self.lab.vault.write({harness.FIELD: self.lab.keys()["primary"]})
        daemon.wait_verdict("match")
        self.lab.regenerate("primary")
        daemon.wait_verdict("stale")
        # Once for each time: what is deleted may still fit into the log, and then all is well for a moment.
        self.assertIn(len(self.reports(daemon)) - daemon.text().count("can be written again"), (0, 1), daemon.text())

        self.drain()
        wait_for(lambda: self.place.keydrift("plan", "nachet").code == 0, "a state that can be written again")
        token = self.approved()
        self.place.keydrift("apply", self.plan_id, "--approval-file", token).must(0)
        daemon.wait_verdict("match", "healthy")
        self.assertTrue(daemon.api("GET", "/v1/status")[1]["state_store"]["is_writable"])
        wait_for(lambda: self.receiver.alerts(event="resolved"), "the end of the alert")
        self.assertEqual(3, self.lab.vault.version())
        self.assertEqual(0, daemon.stop()[0])

    def test_a_command(self):
        """a command beside a full disk: check works and says what is wrong, apply refuses; later apply works"""
        self.lab.regenerate("primary")
        token = self.approved()
        self.fill()
        self.assertEqual("stale", self.place.check(1)["verdict"])
        refused = self.place.keydrift("apply", self.plan_id, "--approval-file", token).must(1)
        self.assertIn("disk full", refused.err)
        self.assertEqual(1, self.lab.vault.version())
        self.assertEqual([], self.lab.requests("vault", "POST", "/data/"))
        self.drain()
        self.place.keydrift("apply", self.plan_id, "--approval-file", token).must(0)
        self.assertEqual(2, self.lab.vault.version())
        self.assertEqual("match", self.place.check(0)["verdict"])

    def test_in_the_middle_of_a_rotation(self):
        """a disk that fills up in the middle of a rotation: it stops before the next step, and goes on when there is room"""
        before = self.lab.keys()
        plan_id = self.place.plan("--action", "rotate")["plan_id"]
        token = self.place.token(plan_id, "ana")
        self.lab.fault(target="arm", kind="delay", delay_ms=600, times=1, path="*/regenerateKeys", after=True)
        process, log = self.place.start("rotate", "nachet", "--approval-file", token)
        wait_for(lambda: self.lab.regenerations() == 1, "the regenerate")
        self.fill()
        self.assertEqual(1, process.wait(20), log.read_text())
        self.assertIn("disk full", log.read_text())
        self.assertEqual(1, self.lab.vault.version(), "what cannot be journaled is not done")
        self.drain()
        self.place.keydrift("rotate", "nachet").must(0)
        self.assertEqual((1, 2), (self.lab.regenerations(), self.lab.vault.version()))
        self.assertEqual(before["primary"], self.lab.keys()["primary"])
        self.assertEqual("secondary", self.place.check(0)["matched_slot"])


class ReadOnly(Disk):
    def test_a_command(self):
        """a read-only disk: check works and says what is wrong, apply refuses; later apply works"""
        self.lab.regenerate("primary")
        token = self.approved()
        self.remount("ro")
        result = self.place.keydrift("check", "-o", "json").must(1)
        self.assertEqual("stale", result.json()["bindings"][0]["verdict"])
        self.assertIn("read-only", result.err)
        refused = self.place.keydrift("apply", self.plan_id, "--approval-file", token)
        self.assertIn(refused.code, (1, 2))
        self.assertIn("read-only", refused.err)
        self.assertEqual([], self.lab.requests("vault", "POST", "/data/"))
        self.remount("rw")
        self.place.keydrift("apply", self.plan_id, "--approval-file", token).must(0)
        self.assertEqual(2, self.lab.vault.version())

    def test_the_daemon(self):
        """a disk that is read-only when the daemon starts: it says so, watches and alerts, and changes nothing"""
        self.lab.regenerate("primary")
        token = self.approved()
        self.remount("ro")
        daemon = harness.Daemon(self.place)
        daemon.wait_verdict("stale", "open")
        firing = wait_for(lambda: self.receiver.alerts(event="firing"), "the alert")[0]
        self.assertEqual("stale", firing["verdict"])
        self.assertEqual(1, len(self.reports(daemon)), daemon.text())
        self.assertFalse(daemon.api("GET", "/v1/status")[1]["state_store"]["is_writable"])
        for command in (("plan", "nachet"), ("rotate", "nachet"), ("apply", self.plan_id, "--approval-file", token)):
            self.assertIn("read-only", self.place.keydrift(*command).must(1).err)
        self.assertEqual([], self.lab.requests("vault", "POST", "/data/"))
        self.assertEqual(0, self.lab.regenerations())
        self.assertEqual(0, daemon.stop()[0])
        self.remount("rw")
        daemon = harness.Daemon(self.place)
        self.place.keydrift("apply", self.plan_id, "--approval-file", token).must(0)
        daemon.wait_verdict("match", "healthy")
        self.assertEqual(0, daemon.stop()[0])


if __name__ == "__main__":
    harness.main(parallel=2)
