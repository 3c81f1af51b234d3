#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No secret is in any file, log, alert, socket answer, argument list, environment or core dump. Every case of every
end-to-end test is scanned like this when it ends; here it is scanned after everything was done as loudly as can be."""
import json
import os
import pathlib
import re
import subprocess
import time
import unittest

import harness
from bad_server import BadServer, answer
from harness import wait_for
from secrets_scan import Secrets, forms_of


class Scanner(unittest.TestCase):
    """A scan that finds nothing means something only when it would have found it."""
    SECRET = "k3y/with+odd=signs&Ab\"9"

    def test_every_form_is_found(self):
        """the scanner finds a planted secret: as it is, base64 at each alignment, hex, percent-encoded, escaped"""
        import base64
        import urllib.parse
        raw = self.SECRET.encode()
        planted = [raw, raw.hex().encode(), raw.hex().upper().encode(), urllib.parse.quote(self.SECRET, safe="").encode(),
                   json.dumps(self.SECRET).encode(), json.dumps(self.SECRET).replace("/", "\\/").encode()]
        for before in (b"", b"x", b"xy", b"xyz"):
            for behind in (b"", b"z", b"zz"):
                planted += [base64.b64encode(before + raw + behind), base64.urlsafe_b64encode(before + raw + behind)]
        secrets = Secrets()
        secrets.learn("it", self.SECRET)
        for text in planted:
            self.assertEqual(["it"], secrets.leaks_in(b"some text " + text + b" some text"), text)
        self.assertEqual([], secrets.leaks_in(b"some text " + raw[:-1] + b" some text"))
        self.assertGreaterEqual(len(forms_of(raw)), 9)

    def test_every_place_is_scanned(self):
        """a secret planted in a file, a log, the state, an output or an argument is found when a place is closed"""
        for plant in ("state.db-wal", "run-1.log", "deep/er/file", "keydrift.yaml"):
            place = harness.Place(Secrets())
            place.secrets.learn("it", self.SECRET)
            path = place.directory / plant
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x" * 5000 + self.SECRET)
            self.assertEqual([(str(path), ["it"])], place.close())
        place = harness.Place(Secrets())
        place.secrets.learn("it", self.SECRET)
        with subprocess.Popen(["cat", "-", self.SECRET], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            harness.note_process(place.secrets, process, "cat")  # it reads its input until that is closed
        self.assertEqual(["cmdline of cat"], [where for where, _ in place.close()])


class Everything(harness.Case):
    """Logs in with an AppRole and a client secret, signs webhooks, and says all it can."""

    def setUp(self):
        super().setUp()
        self.lab = self.place.lab()
        self.receiver = self.place.receiver()
        facts = self.lab.facts
        secret_id = self.place.secret_file("secret-id", facts["approle_secret_id"])
        webhook = self.place.secret_file("webhook-secret", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
        self.settings = self.place.settings(
            self.lab, approval={"required": 1, "approvers": [self.place.approver("ana"), self.place.approver("bo")]},
            alerting={"blind_after": "200ms", "repeat": "300ms"},
            alerts=[{"kind": "webhook", "url": self.receiver.url + "/hook", "secret": {"file": webhook}}])
        self.settings["vault"]["auth"] = {"method": "approle", "role_id": facts["approle_role_id"],
                                          "secret_id": {"file": secret_id}}
        self.settings["bindings"][0].update(interval="100ms", on_drift="propose")
        self.place.configure(self.settings)

    def say(self, *arguments):
        """In both formats, as loud as it can; what it says is recorded."""
        self.place.keydrift(*arguments, "-v")
        return self.place.keydrift(*arguments, "-v", "-o", "json")

    def read_all(self, daemon, ids):
        for path in ["/v1/status", "/v1/incidents"] + ["/v1/objects/" + one for one in ids]:
            daemon.api("GET", path)
        daemon.api("POST", "/v1/check", {})
        for arguments in [("status",), ("check",), ("incidents", "list"), ("config", "show"), ("config", "check")]:
            self.say(*arguments)
        for one in ids:
            self.say("show", one)

    def test_the_whole_story(self):
        """the whole story, said as loudly as can be: no secret in files, logs, alerts, answers, arguments or environment"""
        daemon = harness.Daemon(self.place, "-v")
        daemon.wait_verdict("match")
        self.lab.regenerate("primary")
        wait_for(lambda: self.receiver.alerts(event="firing"), "the alert")
        wait_for(lambda: self.receiver.alerts(event="repeated"), "the alert again")
        plan_id = self.say("plan", "nachet").json()["plan_id"]
        incident = self.place.rows("incident")[0]["id"]
        self.say("apply", plan_id)
        self.say("approve", plan_id, "--as", "ana", "--key", str(self.place.directory / "ana.key"), "--print")
        self.say("approve", plan_id, "--as", "ana", "--key", str(self.place.directory / "bo.key"))
        self.read_all(daemon, [plan_id, incident])
        self.place.keydrift("approve", plan_id, "--as", "bo", "--key", str(self.place.directory / "bo.key")).must(0)
        self.assertEqual("done", self.place.keydrift("apply", plan_id, "-v", "-o", "json").must(0).json()["state"])
        wait_for(lambda: self.receiver.alerts(event="resolved"), "the end of the alert")
        rotation = self.say("rotate", "nachet").json()["plan_id"]
        self.say("rotate", "nachet", "--dry-run")
        self.place.keydrift("approve", rotation, "--as", "bo", "--key", str(self.place.directory / "bo.key")).must(0)
        self.place.keydrift("rotate", "nachet", "-v").must(0)
        self.read_all(daemon, [plan_id, incident, rotation])
        harness.note_process(self.place.secrets, daemon.process, "the daemon at the end")
        self.assertEqual(0, daemon.stop()[0])
        self.say("check")
        # The scan at the end had something to look at.
        records = self.place.secrets.records()
        for what in ("output of apply", "errors of approve", "cmdline of keydrift run", "environ of keydrift run",
                     "cmdline of the daemon at the end", "socket answer to GET /v1/status", "alert to /hook", "output of show"):
            if harness.IS_ROOT or not what.startswith(("cmdline", "environ")):
                self.assertIn(what, records)

    def test_servers_that_echo(self):
        """servers that repeat in their errors what they were sent or hold: none of it gets any further"""
        server = BadServer(self.place, self.lab.facts["vault_url"], self.lab.facts["ca_file"])
        self.settings["vault"].update(address=server.url, ca_file=server.ca_file, timeout="2s")
        # Half of these are what a server never sends, and none may be repeated.
        for status in (400, 403, 500):
            for part in ("/data/", "/approle/login", "/lookup-self"):
                server.bad = lambda method, path, sent: answer(
                    json.dumps({"errors": [sent]}).encode(), "HTTP/1.1 %d No" % status) if part in path else None
                self.place.configure(self.settings)
                self.say("check")
        # The write itself, refused with the value in the refusal.
        self.lab.regenerate("primary")
        key = self.lab.keys()["primary"]
        plan_id = self.place.plan()["plan_id"]
        token = self.place.token(plan_id, "ana")
        refusal = answer(json.dumps({"errors": ["will not store " + key]}).encode(), "HTTP/1.1 400 Bad Request")
        server.bad = lambda method, path, sent: refusal if method in ("POST", "PUT", "PATCH") and "/data/" in path else None
        daemon = harness.Daemon(self.place, "-v")
        self.assertNotEqual(0, self.place.keydrift("apply", plan_id, "--approval-file", token, "-v").code)
        self.read_all(daemon, [plan_id])
        self.assertEqual(0, daemon.stop()[0])
        self.assertEqual(1, self.lab.vault.version())

    def test_the_source_echoes(self):
        """a Resource Manager whose broken answers hold the keys: none of it gets any further"""
        server = BadServer(self.place, self.lab.facts["arm_url"], self.lab.facts["ca_file"])
        bundle = self.place.directory / "bundle.pem"
        bundle.write_text(pathlib.Path(server.ca_file).read_text() + pathlib.Path(self.lab.facts["ca_file"]).read_text())
        self.settings["azure"]["timeout"] = "2s"
        self.settings["azure"]["cloud"].update(resource_manager=server.url, audience=self.lab.facts["arm_url"], ca_file=str(bundle))
        self.place.configure(self.settings)
        daemon = harness.Daemon(self.place, "-v")
        daemon.wait_verdict("match")
        key = self.lab.keys()["primary"]
        for bad in (answer(('{"primaryKey":"%s","primaryKey":"%s"}' % (key, key)).encode()),
                    answer(('{"primaryKey":"%s",' % key).encode()), answer(('{"primaryKey":"%s"}' % key).encode()),
                    answer(('{"primaryKey":"%s","secondaryKey":7}' % key).encode()),
                    answer(key.encode(), "HTTP/1.1 500 " + key), ("HTTP/1.1 %s\r\n\r\n" % key).encode(), key.encode() + b"\r\n\r\n",
                    answer(b"", "HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:1/?key=" + key)):
            server.bad = lambda method, path, sent: bad if "/listKeys" in path else None
            daemon.wait_verdict("unknown")
            self.say("check")
            server.bad = None
            daemon.wait_verdict("match")
        self.assertEqual(0, daemon.stop()[0])


class Process(Everything):
    """The process itself. Inherits only the preparation."""
    test_the_whole_story = test_servers_that_echo = test_the_source_echoes = None

    def test_not_dumpable(self):
        """the process cannot be looked into by its own user, and dumps no core"""
        as_other = {}
        if harness.IS_ROOT:
            # As root everything belongs to root; as nobody it shows whether the process may be looked into.
            as_other = {"user": harness.NOBODY, "group": harness.NOBODY, "extra_groups": []}
            for path in [self.place.directory, *self.place.directory.rglob("*")]:
                os.chown(path, harness.NOBODY, harness.NOBODY, follow_symlinks=False)
        log = self.place.directory / "run-nobody.log"
        with log.open("wb") as file:
            process = subprocess.Popen([harness.KEYDRIFT, "run", "-c", str(self.place.file)], cwd=self.place.directory,
                                       env=self.place.environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file, **as_other)
        self.place.on_close(lambda: process.poll() is None and (process.kill(), process.wait()))
        wait_for(lambda: "event=watching" in log.read_text(), "the watch")
        proc = pathlib.Path("/proc/%d" % process.pid)
        self.assertRegex((proc / "limits").read_text(), r"Max core file size +0 +0 ")
        self.assertEqual(0, (proc / "mem").stat().st_uid, "a process that may be looked into belongs to its user")
        looked = subprocess.run(["dd", "if=/proc/%d/mem" % process.pid, "count=1"], env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
                                stderr=subprocess.PIPE, text=True, check=False, **as_other)
        self.assertIn("Permission denied", looked.stderr)
        process.terminate()
        self.assertEqual(0, process.wait(5))

    @unittest.skipUnless(harness.IS_ROOT, "only root can read the memory of such a process")
    def test_nothing_stays_in_memory(self):
        """between two checks the daemon's memory holds no key of the source or of Vault"""
        self.settings["bindings"][0]["interval"] = "1h"
        self.place.configure(self.settings)
        daemon = harness.Daemon(self.place)
        daemon.wait_verdict("match")
        for _ in range(3):
            daemon.api("POST", "/v1/check", {})
        time.sleep(0.2)
        keys = [key.encode() for key in self.lab.keys().values()]
        found = []
        with open("/proc/%d/mem" % daemon.process.pid, "rb", buffering=0) as memory:
            for line in pathlib.Path("/proc/%d/maps" % daemon.process.pid).read_text().splitlines():
                span = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
                if not span:
                    continue
                begin, end = (int(part, 16) for part in span.groups())
                try:
                    memory.seek(begin)
                    data = memory.read(end - begin)
                except OSError:
                    continue  # a guard page, or locked away even from this
                found += ["%s at %d" % (line, data.find(key)) for key in keys if key in data]
        self.assertEqual([], found)
        self.assertEqual(0, daemon.stop()[0])


if __name__ == "__main__":
    harness.main(parallel=2)
