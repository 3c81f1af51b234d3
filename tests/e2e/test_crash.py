#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every step of a repair and of a rotation: the same command, or the daemon, goes on, and in the end there
was one write, one regenerate, one resolved alert.

Two ways to kill at a chosen moment. "before STEP": a trigger in the state makes the insertion of that step in the
journal take forever, so the process dies with the step before it done and this one not begun. "during STEP": the lab
delays the request of that step, before or after the deed, so the process dies waiting for an answer."""
import json
import signal
import sqlite3
import time
import uuid

import harness
from harness import FIELD, wait_for

# 10^12 rows to count: nobody waits for it.
FOREVER = "SELECT count(*) FROM hold a, hold b, hold c, hold d, hold e, hold f"


class Crash(harness.Case):
    options = ()

    def setUp(self):
        super().setUp()
        self.lab = self.place.lab(*self.options)
        self.settings = self.place.settings(
            self.lab, approval={"required": 1, "approvers": [self.place.approver("ana")]})
        # Nothing but what is tested may ask the lab meanwhile.
        self.settings["bindings"][0]["interval"] = "1h"
        self.configure()

    def configure(self):
        self.place.configure(self.settings)

    # -- the plan --

    def repair(self):
        """A drift and the approved repair of it; the command."""
        self.lab.regenerate("primary")
        self.plan_id = self.place.plan()["plan_id"]
        self.wanted = {"regenerations": 0, "slot": "primary"}
        self.command = ["apply", self.plan_id, "--approval-file", self.place.token(self.plan_id, "ana")]

    def rotation(self):
        self.before = self.lab.keys()
        self.plan_id = self.place.plan("--action", "rotate")["plan_id"]
        self.wanted = {"regenerations": 1, "slot": "secondary"}
        self.command = ["rotate", "nachet", "--approval-file", self.place.token(self.plan_id, "ana")]

    # -- killing --

    def kill(self, process):
        self.assertIsNone(process.poll(), "it ended before it could be killed")
        process.kill()
        process.wait()

    def wait_step(self, step):
        wait_for(lambda: self.place.steps(self.plan_id)[-1:] == [step], "step " + step)

    def wait_held(self, path):
        """The lab has a request that it delays."""
        wait_for(lambda: [one for one in self.lab.requests(part=path) if one["fault"] == "delay"], "a delayed " + path)

    def run_sql(self, *statements):
        database = sqlite3.connect(self.place.state, timeout=5)
        with database:
            for sql in statements:
                database.execute(sql)
        database.close()

    def is_locked(self):
        database = sqlite3.connect(self.place.state, timeout=0)
        try:
            database.execute("BEGIN IMMEDIATE")
            return False
        except sqlite3.OperationalError:
            return True
        finally:
            database.close()

    def kill_before(self, step):
        """Runs the command and kills it when it is about to journal the step."""
        self.run_sql("CREATE TABLE hold(n)", "INSERT INTO hold VALUES %s" % ",".join(["(1)"] * 100),
                     "CREATE TRIGGER hold BEFORE INSERT ON journal WHEN instr(NEW.body, '\"%s\"') "
                     "BEGIN %s; END" % (step, FOREVER))
        process, _ = self.place.start(*self.command)
        seen = 0
        while seen < 5:  # locked for longer than any commit
            self.assertIsNone(process.poll(), "it ended before it could be killed")
            seen = seen + 1 if self.is_locked() else 0
            time.sleep(0.02)
        self.assertNotIn(step, self.place.steps(self.plan_id))
        self.kill(process)
        self.run_sql("DROP TRIGGER hold", "DROP TABLE hold")

    # -- the end --

    def go_on(self):
        """The same command again (a token that was spent is not brought twice)."""
        command = self.command if not self.place.rows("used_token") else self.command[:2]
        return self.place.keydrift(*command, "-o", "json").must(0).json()

    def assert_well(self):
        self.lab.behave()
        binding = self.place.check(0)
        self.assertEqual(("match", self.wanted["slot"]), (binding["verdict"], binding["matched_slot"]))
        self.assertEqual(2, self.lab.vault.version(), "exactly one write")
        self.assertEqual(self.wanted["regenerations"], self.lab.regenerations(), "of regenerates")
        self.assertEqual(200, self.lab.score(self.lab.vault.read()[FIELD]))
        if self.wanted["slot"] == "secondary":
            after = self.lab.keys()
            self.assertEqual(self.before["primary"], after["primary"])
            self.assertNotEqual(self.before["secondary"], after["secondary"])
        steps = self.place.steps(self.plan_id)
        self.assertEqual(("done", 1), (steps[-1], steps.count("done")))
        self.assertEqual(1, len(self.place.rows("used_token")))
        again = self.place.keydrift("apply", self.plan_id).must(1)
        self.assertIn("nothing is executed twice", again.err)

    def finish(self):
        self.assertEqual("done", self.go_on()["state"])
        self.assert_well()


class Repair(Crash):
    def during(self, is_after):
        self.repair()
        self.lab.fault(target="vault", kind="delay", delay_ms=1500, times=1, method="PATCH", path="/v1/kv/data/*", after=is_after)
        process, _ = self.place.start(*self.command)
        self.wait_held("/kv/data/")
        self.assertEqual("writing", self.place.steps(self.plan_id)[-1])
        self.kill(process)
        self.finish()

    def test_during_writing_before_the_deed(self):
        """a repair killed during writing: the write arrives late, after the second one, and changes nothing"""
        self.during(False)
        wait_for(lambda: len([one for one in self.lab.requests("vault", "PATCH", "/kv/data/") if one["status"]]) == 2,
                 "the late write")
        self.assertEqual(2, self.lab.vault.version())

    def test_during_writing_after_the_deed(self):
        """a repair killed during writing, after the write was done: it is not written again"""
        self.during(True)
        self.assertEqual(1, len(self.lab.requests("vault", "PATCH", "/kv/data/")))

    def test_during_verifying(self):
        """a repair killed during verifying"""
        self.repair()
        self.lab.fault(target="vault", kind="delay", delay_ms=600, times=1, method="PATCH", path="/v1/kv/data/*", after=True)
        process, _ = self.place.start(*self.command)
        self.wait_held("/kv/data/")
        self.lab.fault(target="vault", kind="delay", delay_ms=30000, times=1, method="GET")
        self.wait_step("verifying")
        self.kill(process)
        self.finish()

    def test_during_probing(self):
        """a repair killed during probing"""
        self.repair()
        self.lab.fault(target="scoring", kind="delay", delay_ms=30000, times=1)
        process, _ = self.place.start(*self.command)
        self.wait_held("/score")
        self.assertEqual("probing", self.place.steps(self.plan_id)[-1])
        self.kill(process)
        self.finish()

    def test_again_and_again(self):
        """a repair killed again and again, each time a little later, ends with one write"""
        self.repair()
        for number in range(30):
            process, _ = self.place.start(*(self.command if not self.place.rows("used_token") else self.command[:2]))
            time.sleep(0.02 + 0.005 * number)
            if process.poll() is not None and "done" in self.place.steps(self.plan_id):
                break
            process.kill()
            process.wait()
        if "done" not in self.place.steps(self.plan_id):
            self.go_on()
        self.assert_well()


class Rotation(Crash):
    options = ("--operation-time=1s",)

    def run_until_regenerating(self):
        self.rotation()
        process, _ = self.place.start(*self.command)
        self.wait_step("regenerating")
        return process

    def test_before_the_request_is_sent(self):
        """a rotation killed after regenerating was journaled and before the request was sent: one regenerate in all"""
        self.rotation()
        self.kill_before("regenerating")
        # What the state would hold a moment later.
        self.run_sql("INSERT INTO journal(id, parent, at, body) VALUES('9999', '%s', %d, '{\"step\":\"regenerating\","
                     "\"request_id\":\"%s\",\"resumed\":false}')" % (self.plan_id, time.time() * 1000, uuid.uuid4()))
        self.assertEqual(0, self.lab.regenerations())
        self.finish()

    def test_during_regenerating_before_the_deed(self):
        """a rotation killed during regenerating, the service being slow: it is waited for, not asked again"""
        self.settings["rotation"]["resend_after"] = "9s"
        self.configure()
        self.rotation()
        self.lab.fault(target="arm", kind="delay", delay_ms=2000, times=1, path="*/regenerateKeys")
        process, _ = self.place.start(*self.command)
        self.wait_held("/regenerateKeys")
        self.kill(process)
        self.finish()

    def test_during_regenerating_after_the_deed(self):
        """a rotation killed during regenerating, the answer being lost: it is not asked again"""
        self.rotation()
        self.lab.fault(target="arm", kind="delay", delay_ms=30000, times=1, path="*/regenerateKeys", after=True)
        process, _ = self.place.start(*self.command)
        self.wait_held("/regenerateKeys")
        self.kill(process)
        self.finish()

    def test_a_lost_answer(self):
        """a regenerate whose answer is lost without any crash is not repeated"""
        self.rotation()
        self.lab.fault(target="arm", kind="reset", times=1, path="*/regenerateKeys", after=True)
        self.finish()

    def test_a_lost_request(self):
        """a regenerate that never reached the service is repeated once it is known that it did not"""
        self.rotation()
        self.lab.fault(target="arm", kind="reset", times=1, path="*/regenerateKeys")
        self.wanted["regenerations"] = 2  # the lab notes the one it dropped too
        self.finish()
        self.assertEqual(1, len([one for one in self.lab.requests("arm", "POST", "/regenerateKeys") if one["status"]]))

    def test_during_confirming(self):
        """a rotation killed during confirming"""
        process = self.run_until_regenerating()
        self.lab.fault(target="arm", kind="delay", delay_ms=30000, times=1, path="*/listKeys")
        self.wait_held("/listKeys")
        self.assertEqual("confirming", self.place.steps(self.plan_id)[-1])
        self.kill(process)
        self.finish()

    def test_during_probing(self):
        """a rotation killed during probing"""
        process = self.run_until_regenerating()
        self.lab.fault(target="scoring", kind="delay", delay_ms=30000, times=1)
        self.wait_held("/score")
        self.assertEqual("probing", self.place.steps(self.plan_id)[-1])
        self.kill(process)
        self.finish()

    def during_writing(self, is_after):
        self.rotation()
        self.lab.fault(target="vault", kind="delay", delay_ms=1500, times=1, method="PATCH", path="/v1/kv/data/*", after=is_after)
        process, _ = self.place.start(*self.command)
        self.wait_held("/kv/data/")
        self.kill(process)
        self.finish()

    def test_during_writing_before_the_deed(self):
        """a rotation killed during writing: the write arrives late and changes nothing"""
        self.during_writing(False)
        wait_for(lambda: len([one for one in self.lab.requests("vault", "PATCH", "/kv/data/") if one["status"]]) == 2,
                 "the late write")
        self.assertEqual(2, self.lab.vault.version())

    def test_during_writing_after_the_deed(self):
        """a rotation killed during writing, after the write was done"""
        self.during_writing(True)
        self.assertEqual(1, len(self.lab.requests("vault", "PATCH", "/kv/data/")))

    def test_during_verifying(self):
        """a rotation killed during verifying"""
        self.rotation()
        self.lab.fault(target="vault", kind="delay", delay_ms=600, times=1, method="PATCH", path="/v1/kv/data/*", after=True)
        process, _ = self.place.start(*self.command)
        self.wait_held("/kv/data/")
        self.lab.fault(target="vault", kind="delay", delay_ms=30000, times=1, method="GET")
        self.wait_step("verifying")
        self.kill(process)
        self.finish()

    def test_during_settling(self):
        """a rotation killed during settling"""
        self.settings["rotation"]["settle"] = "1s"
        self.configure()
        self.rotation()
        process, _ = self.place.start(*self.command)
        self.wait_step("settling")
        self.kill(process)
        self.finish()

    def test_again_and_again(self):
        """a rotation killed again and again ends with one regenerate and one write"""
        self.settings["rotation"]["resend_after"] = "9s"
        self.configure()
        self.rotation()
        for number in range(20):
            process, _ = self.place.start(*(self.command if not self.place.rows("used_token") else self.command[:2]))
            time.sleep(0.05 + 0.02 * number)
            if process.poll() is not None and "done" in self.place.steps(self.plan_id):
                break
            process.kill()
            process.wait()
        if "done" not in self.place.steps(self.plan_id):
            self.go_on()
        self.assert_well()


def before(step, begin, what):
    def test(self):
        getattr(self, begin)()
        self.kill_before(step)
        self.finish()
    test.__doc__ = "a %s killed right before %s was journaled" % (what, step)
    return test


for name in ("locked", "writing", "verifying", "probing", "done"):
    setattr(Repair, "test_before_" + name, before(name, "repair", "repair"))
for name in ("locked", "regenerating", "confirming", "probing", "writing", "verifying", "settling", "done"):
    setattr(Rotation, "test_before_" + name, before(name, "rotation", "rotation"))


class DaemonCase(Crash):
    """The same with the daemon, which goes on by itself after a restart, and with who is told."""

    def setUp(self):
        super().setUp()
        self.receiver = self.place.receiver()
        self.settings["alerts"] = [{"kind": "webhook", "url": self.receiver.url + "/hook"}]
        self.settings["bindings"][0]["interval"] = "300ms"
        self.configure()
        self.daemon = harness.Daemon(self.place)
        self.daemon.wait_verdict("match", "healthy")

    def open_incident(self):
        self.lab.regenerate("primary")
        wait_for(lambda: self.receiver.alerts(event="firing"), "the alert")
        self.plan_id = self.place.plan()["plan_id"]
        self.wanted = {"regenerations": 0, "slot": "primary"}
        self.place.keydrift("approve", self.plan_id, "--as", "ana", "--key", str(self.place.directory / "ana.key")).must(0)

    def assert_told_once(self):
        wait_for(lambda: self.receiver.alerts(event="resolved"), "the end of the alert")
        self.daemon.wait_verdict("match", "healthy")
        self.assertEqual(["firing", "resolved"], [alert["event"] for alert in self.receiver.alerts()])
        code, seconds = self.daemon.stop()
        self.assertEqual(0, code)
        self.assertLess(seconds, 2)
        incidents = self.place.rows("incident")
        self.assertEqual(1, len(incidents))
        self.assertIsNotNone(incidents[0]["resolved_at"])

    def crash(self, step):
        """Has the daemon execute the plan, and kills it in that step."""
        process, log = self.place.start("apply", self.plan_id)
        self.wait_step(step)
        self.daemon.kill()
        process.wait(10)
        self.assertNotEqual(0, process.returncode, "the command cannot say that it is done: " + log.read_text())
        self.lab.behave()
        self.daemon = harness.Daemon(self.place)
        wait_for(lambda: "done" in self.place.steps(self.plan_id), "the end of the repair")

    def test_the_daemon_between_write_and_read_back(self):
        """the daemon killed between write and read-back goes on after a restart: one write, one firing, one resolved"""
        self.open_incident()
        self.lab.fault(target="vault", kind="delay", delay_ms=700, times=1, method="PATCH", path="/v1/kv/data/*", after=True)
        process, log = self.place.start("apply", self.plan_id)
        self.wait_held("/kv/data/")
        self.lab.fault(target="vault", kind="delay", delay_ms=30000, method="GET")
        self.wait_step("verifying")
        self.daemon.kill()
        process.wait(10)
        self.assertNotEqual(0, process.returncode, log.read_text())
        self.lab.behave()
        self.daemon = harness.Daemon(self.place)
        wait_for(lambda: "done" in self.place.steps(self.plan_id), "the end of the repair")
        self.assert_told_once()
        self.assert_well()

    def test_the_daemon_during_writing(self):
        """the daemon killed during the write goes on after a restart"""
        self.open_incident()
        self.lab.fault(target="vault", kind="delay", delay_ms=1500, times=1, method="PATCH", path="/v1/kv/data/*")
        self.crash("writing")
        self.assert_told_once()
        self.assert_well()

    def test_the_daemon_during_probing(self):
        """the daemon killed during the probe goes on after a restart"""
        self.open_incident()
        self.lab.fault(target="scoring", kind="delay", delay_ms=30000)
        self.crash("probing")
        self.assert_told_once()
        self.assert_well()

    def test_the_daemon_with_an_alert_on_its_way(self):
        """the daemon killed while nobody took its alert delivers it after a restart, once, under the same id"""
        self.receiver.status = 500
        self.lab.regenerate("primary")
        wait_for(lambda: self.receiver.alerts(event="firing"), "an attempt")
        self.daemon.kill()
        refused = len(self.receiver.posts)
        self.receiver.status = 204
        self.daemon = harness.Daemon(self.place)
        wait_for(lambda: len(self.receiver.posts) > refused, "the alert")
        time.sleep(0.7)  # a second delivery would be here by now
        self.assertEqual(refused + 1, len(self.receiver.posts))
        self.assertEqual(1, len({{name.lower(): value for name, value in headers.items()}["webhook-id"]
                                 for _, headers, _ in self.receiver.posts}))
        self.assertEqual([], self.place.rows("outbox"))

    def test_a_command_killed_beside_a_daemon_that_is_told_later(self):
        """an incident of the daemon, repaired by a command that was killed, is resolved once when the daemon runs again"""
        self.open_incident()
        self.assertEqual(0, self.daemon.stop()[0])
        self.command = ["apply", self.plan_id]
        self.kill_before("verifying")
        self.go_on()
        self.daemon = harness.Daemon(self.place)
        self.assert_told_once()
        self.assert_well()

    def test_terminated_in_the_middle_of_a_rotation(self):
        """SIGTERM in the middle of a rotation ends it within two seconds, and the next daemon goes on with it"""
        self.before = self.lab.keys()
        self.plan_id = self.place.plan("--action", "rotate")["plan_id"]
        self.wanted = {"regenerations": 1, "slot": "secondary"}
        self.place.keydrift("approve", self.plan_id, "--as", "ana", "--key", str(self.place.directory / "ana.key")).must(0)
        self.lab.fault(target="arm", kind="delay", delay_ms=60000, times=1, path="*/regenerateKeys", after=True)
        process, log = self.place.start("rotate", "nachet")
        self.wait_held("/regenerateKeys")
        code, seconds = self.daemon.stop()
        self.assertEqual(0, code)
        self.assertLess(seconds, 2)
        self.assertNotEqual(0, process.wait(10), log.read_text())
        self.daemon = harness.Daemon(self.place)
        wait_for(lambda: "done" in self.place.steps(self.plan_id), "the end of the rotation", 20)
        self.assert_well()
        self.assertEqual([], self.receiver.alerts())


class Stopping(Crash):
    def test_terminated_while_nobody_answers(self):
        """SIGTERM ends the daemon within two seconds with exit 0, whichever service is hanging"""
        self.settings["bindings"][0]["interval"] = "100ms"
        for target in ("vault", "arm", "entra", "scoring"):
            with self.subTest(target=target):
                self.configure()
                daemon = harness.Daemon(self.place)
                if target != "entra":
                    daemon.wait_verdict("match")
                self.lab.fault(target=target, kind="delay", delay_ms=60000)
                if target == "scoring":
                    self.lab.regenerate("primary")
                if target == "entra":
                    daemon.kill()
                    daemon = harness.Daemon(self.place)
                wait_for(lambda: [one for one in self.lab.requests(target) if one["fault"] == "delay"], "a hanging request")
                code, seconds = daemon.stop()
                self.lab.behave()
                self.assertEqual(0, code, daemon.text())
                self.assertLess(seconds, 2)

    def test_interrupted(self):
        """SIGINT is as good, and the socket is gone afterwards"""
        daemon = harness.Daemon(self.place)
        self.assertEqual(0o600, (self.place.directory / "k.sock").stat().st_mode & 0o777)
        self.assertEqual(0, daemon.stop(signal.SIGINT)[0])
        self.assertFalse((self.place.directory / "k.sock").exists())

    def test_a_second_daemon(self):
        """a second daemon beside a running one refuses to start, says why, and does no harm"""
        daemon = harness.Daemon(self.place)
        second = self.place.keydrift("run", seconds=10).must(1)
        self.assertIn("k.sock", second.err)
        self.assertEqual(200, daemon.api("GET", "/v1/status")[0])
        daemon.kill()
        third = harness.Daemon(self.place)  # a socket nobody listens on is no obstacle
        self.assertEqual(0, third.stop()[0])

    def test_a_second_daemon_on_the_same_state(self):
        """a second daemon with another socket but the same state refuses to start too, and names the first"""
        daemon = harness.Daemon(self.place)
        settings = dict(self.settings, api={"listen": ["unix:%s" % (self.place.directory / "other.sock")]})
        other = self.place.directory / "other.yaml"
        other.touch(mode=0o600)
        other.write_text(json.dumps(settings))
        second = self.place.keydrift("run", "-c", str(other), config=False, seconds=10).must(1)
        self.assertIn(str(daemon.process.pid), second.err)
        self.assertIn("state", second.err)
        self.assertEqual(0, daemon.stop()[0])
        self.assertEqual(0, harness.Daemon(self.place).stop()[0])

    def test_reload(self):
        """SIGHUP with a bad file keeps the old configuration, with a good one takes it, without a gap in the watch"""
        self.settings["bindings"][0]["interval"] = "100ms"
        self.configure()
        daemon = harness.Daemon(self.place)
        daemon.wait_verdict("match")
        good = self.place.file.read_text()
        self.place.configure(good.replace('"bindings"', '"bindigns"'))
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "not reloaded" in daemon.text(), "the refusal")
        self.assertIn("bindigns", daemon.text())
        self.assertIn("keydrift.yaml:", daemon.text())
        daemon.wait_verdict("match")
        self.assertEqual(["nachet"], [one["name"] for one in daemon.api("GET", "/v1/status")[1]["bindings"]])
        second = dict(self.settings["bindings"][0], name="second", slot="secondary")
        self.settings["bindings"].append(second)
        self.configure()
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: daemon.binding("second")["verdict"] == "wrong_slot", "the new binding")
        daemon.wait_verdict("match")
        self.assertEqual(0, daemon.stop()[0])

    def test_reload_by_itself(self):
        """a changed file is taken without a signal"""
        daemon = harness.Daemon(self.place)
        self.settings["bindings"][0]["name"] = "renamed"
        self.configure()
        wait_for(lambda: daemon.binding("renamed"), "the new name")
        self.assertEqual(0, daemon.stop()[0])


if __name__ == "__main__":
    harness.main(parallel=4)
