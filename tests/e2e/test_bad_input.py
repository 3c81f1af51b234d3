#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every row of "what bad input gets": mistakes in files are named with their place, and a side that cannot be read is
unknown, said in one sentence that names it, and never stops the daemon."""
import json
import os
import re

import harness
from bad_server import HTML, BadServer, answer
from harness import COPY, FIELD, wait_for

MISTAKES = """\
vault:
  adress: https://127.0.0.1:1
  auth: { method: approle, role_id: r, secret_id: s.1234567890abcdef }
azure:
  credential: { method: client_secret, tenant_id: t, client_id: c, client_secret: "a literal secret" }
bindings:
  - name: one
    source: { kind: azureml-online-endpoint, subscription: s, resource_group: g, workspace: w, endpoint: e }
    copy: { mount: kv, path: a/b, field: f }
    interval: 60
    interval: 60s
    slot: tertiary
  - name: one
    source: { kind: azureml-online-endpont, subscription: s, resource_group: g, workspace: w, endpoint: e }
    copy: { mount: kv, path: a/b }
approval:
  required: "two"
"""
# line, column, words
FOUND = [(2, 3, 'did you mean "address"'), (3, 51, "literal value"), (5, 83, "literal value"), (10, 15, "duration"),
         (11, 5, "duplicate key"), (12, 11, "any, primary, secondary"), (13, 11, "another binding has the name"),
         (14, 21, 'did you mean "azureml-online-endpoint"'), (15, 5, "field"), (17, 13, "whole number")]


class Configuration(harness.Case):
    def test_every_mistake_at_once(self):
        """every mistake of a configuration at once, each with file, line, column and what is expected: exit 2"""
        self.place.configure(MISTAKES)
        for command in (("check",), ("run",), ("plan", "one"), ("config", "check")):
            result = self.place.keydrift(*command, seconds=10).must(2)
            text = result.err + result.out
            lines = [line for line in text.splitlines() if ": error: " in line]
            for line, column, words in FOUND:
                place = "%s:%d:%d: error: " % (self.place.file, line, column)
                matching = [one for one in lines if one.startswith(place) and words in one]
                self.assertEqual(1, len(matching), "%s...%s\n%s" % (place, words, text))
            self.assertEqual(len(FOUND), len(lines), text)
            self.assertNotIn("s.1234567890abcdef", text)
            self.assertNotIn("a literal secret", text)

    def test_what_is_no_yaml(self):
        """a file that is no YAML, is empty, or is binary: exit 2 and its place"""
        for text in ("vault: [", "", "\0\1\2", "a: &x [*x]\n", "- 1\n", "vault: \t{}\n\tazure: {}\n"):
            with self.subTest(text=text):
                self.place.configure(text)
                result = self.place.keydrift("check").must(2)
                self.assertRegex(result.err, re.escape(str(self.place.file)) + r":\d+:\d+: error: ")
                self.assertEqual("", result.out)

    def test_no_file(self):
        """no configuration file: exit 2, and which one was looked for"""
        result = self.place.keydrift("check").must(2)
        self.assertIn(str(self.place.file), result.err)

    def test_files_that_others_may_read(self):
        """a private key that others may read is refused; a configuration or secret that they may read is warned of"""
        lab = self.with_lab()
        self.assertEqual("", self.place.keydrift("check").must(0).err)
        for path in (self.place.file, lab.directory / "client-secret", lab.directory / "vault-token"):
            os.chmod(path, 0o644)
            result = self.place.keydrift("check").must(0)
            self.assertRegex(result.err, r"keydrift\.yaml:\d+:\d+: warning: ")
            self.assertIn("0644", result.err)
            self.assertIn("chmod 600", result.err)
            os.chmod(path, 0o600)
        os.chmod(self.place.directory / "fingerprint.key", 0o640)
        refused = self.place.keydrift("check").must(2)
        self.assertIn("fingerprint.key", refused.err)
        self.assertIn("chmod 600", refused.err)
        self.assertEqual("", refused.out)

    def test_usage(self):
        """bad usage: exit 2, the nearest word, nothing on standard output"""
        self.with_lab()
        for arguments, words in ((("chek",), '"check"'), (("check", "--outptu", "json"), '"--output"'),
                                 (("check", "-o", "xml"), "json"), (("apply",), "PLAN_ID"), (("plan", "a", "b"), "plan"),
                                 (("apply", "0" * 64, "--wait", "soon"), "--wait")):
            with self.subTest(arguments=arguments):
                result = self.place.keydrift(*arguments).must(2)
                self.assertIn(words, result.err)
                self.assertEqual("", result.out)


class Unknown(harness.Case):
    def assert_unknown(self, side, words, binding=None):
        """`side`: "the source" or "the copy in Vault"; the other one is still shown."""
        if binding is None:
            binding = self.place.check(2)
        self.assertEqual(("unknown", None, None), (binding["verdict"], binding["in_sync"], binding["matched_slot"]))
        why = binding["why"]
        self.assertRegex(why, "^%s could not be read \\(.+\\): what callers get is not known$" % side)
        self.assertRegex(why, words)
        self.assertTrue(why.isprintable(), why)
        self.assertLess(len(why), 900, why)
        self.assertNotIn("<", why)
        other = binding["copy"]["fingerprint"] if side == "the source" else binding["source"]["slots"]["primary"]
        self.assertIsNotNone(other, "the other side was read")
        return why


class Vault(Unknown):
    """The copy's side."""

    def test_no_such_server(self):
        """unknown host, closed port, wrong authority, plain HTTP, no TLS: unknown, and which it was"""
        lab = self.place.lab()
        other = self.place.lab()
        settings = self.place.settings(lab)
        settings["vault"]["timeout"] = "2s"
        good = dict(settings["vault"])
        for changes, words in (({"address": "https://no-such-host.invalid:8200"}, "no-such-host.invalid"),
                               ({"address": "https://127.0.0.1:1"}, "refused"),
                               ({"ca_file": other.facts["ca_file"]}, "certificate"),
                               ({"address": lab.facts["control_url"].replace("http:", "https:")}, "TLS|SSL"),
                               ({"address": lab.facts["vault_url"].replace("https:", "http:")}, "closed before an answer")):
            with self.subTest(changes=changes):
                settings["vault"] = {**good, **changes}
                self.place.configure(settings)
                self.assert_unknown("the copy in Vault", words)

    def test_refused(self):
        """a wrong token, a policy that forbids: 403 on the copy's side, nothing of the token"""
        lab = self.place.lab()
        settings = self.place.settings(lab)
        wrong = self.place.secret_file("wrong-token", "hvs.wrong-and-never-to-be-seen")
        settings["vault"]["auth"]["token_file"] = wrong
        self.place.configure(settings)
        self.assert_unknown("the copy in Vault", "403.*permission denied")
        (self.place.directory / "wrong-token").write_text("")
        self.assert_unknown("the copy in Vault", "wrong-token.*empty")
        (self.place.directory / "wrong-token").unlink()
        self.assert_unknown("the copy in Vault", "wrong-token.*No such file")

    def test_faults(self):
        """sealed, throttled, cut short, reset: unknown, and what Vault answered"""
        lab = self.place.lab()
        settings = self.place.settings(lab)
        settings["vault"]["timeout"] = "2s"
        self.place.configure(settings)
        for fault, words in (({"kind": "status", "status": 503}, "sealed"), ({"kind": "status", "status": 403}, "403"),
                             ({"kind": "status", "status": 429}, "429"), ({"kind": "truncate"}, "cut short"),
                             ({"kind": "reset"}, "reset|closed"), ({"kind": "delay", "delay_ms": 60000}, "2 s|time")):
            with self.subTest(fault=fault):
                lab.fault(target="vault", **fault)
                self.assert_unknown("the copy in Vault", words)
                lab.behave()
        self.assertEqual("match", self.place.check(0)["verdict"])


class Source(Unknown):
    """The source's side."""

    def test_no_such_server(self):
        """unknown host, closed port, wrong authority at the Resource Manager and at Entra"""
        lab = self.place.lab()
        other = self.place.lab()
        settings = self.place.settings(lab)
        settings["azure"]["timeout"] = "2s"
        good = dict(settings["azure"]["cloud"])
        for changes, words in (({"resource_manager": "https://no-such-host.invalid"}, "no-such-host.invalid"),
                               ({"resource_manager": "https://127.0.0.1:1"}, "refused"),
                               ({"authority": "https://no-such-host.invalid"}, "no-such-host.invalid"),
                               ({"ca_file": other.facts["ca_file"]}, "certificate")):
            with self.subTest(changes=changes):
                settings["azure"]["cloud"] = {**good, **changes}
                if "resource_manager" in changes:
                    settings["azure"]["cloud"]["audience"] = lab.facts["arm_url"]
                self.place.configure(settings)
                self.assert_unknown("the source", words)

    def test_refused(self):
        """a wrong client secret: Entra's own words, nothing of the secret"""
        lab = self.place.lab()
        settings = self.place.settings(lab)
        secret = self.place.secret_file("wrong-token", "wrong-and-never-to-be-seen~1")
        settings["azure"]["credential"]["client_secret"] = {"file": secret}
        self.place.configure(settings)
        self.assert_unknown("the source", "AADSTS7000215")

    def test_faults(self):
        """403, 404, throttled, failing, cut short, reset, hanging: unknown, and what Azure answered"""
        lab = self.place.lab()
        settings = self.place.settings(lab)
        settings["azure"]["timeout"] = "2s"
        self.place.configure(settings)
        for target, fault, words in (
                ("arm", {"kind": "status", "status": 403}, "403.*AuthorizationFailed"),
                ("arm", {"kind": "status", "status": 404}, "404.*ResourceNotFound"),
                ("arm", {"kind": "status", "status": 429, "retry_after": 30}, "429"),
                ("arm", {"kind": "status", "status": 503}, "503"), ("arm", {"kind": "truncate"}, "cut short"),
                ("arm", {"kind": "reset"}, "reset|closed"), ("arm", {"kind": "delay", "delay_ms": 60000}, "2 s|time"),
                ("entra", {"kind": "status", "status": 503}, "503|AADSTS"), ("entra", {"kind": "truncate"}, "cut short")):
            with self.subTest(target=target, fault=fault):
                lab.fault(target=target, **fault)
                self.assert_unknown("the source", words)
                lab.behave()
        self.assertEqual("match", self.place.check(0)["verdict"])


# name, what is sent, words of the sentence
def bad_answers(server, good_text, member):
    twice = good_text.replace('"%s":' % member, '"%s":"another","%s":' % (member, member), 1)
    nul = re.sub(r'("%s": ?)"' % member, r'\1"\\u0000', good_text, count=1)
    raw_nul = re.sub(r'("%s": ?)"' % member, '\\1"\0', good_text, count=1)
    broken = re.sub(r'("%s": ?)"' % member, '\\1"\xff\xfe', good_text, count=1)
    assert good_text not in (twice, nul, raw_nul, broken)
    return [
        ("a captive page", answer(HTML, kind="text/html"), "HTML|JSON|html"),
        ("a captive page that says it is JSON", answer(HTML), "JSON"),
        ("nothing", answer(b""), "empty|JSON"),
        ("not an object", answer(b"[]"), "JSON|object|expected|without"),
        ("half of it", answer(good_text.encode()[:len(good_text) // 2], size=len(good_text)), "cut short"),
        ("duplicate keys", answer(twice.encode()), "same name|twice"),
        ("an escaped NUL", answer(nul.encode()), "NUL|\\\\u0000|JSON|expected a time"),
        ("a NUL", answer(raw_nul.encode()), "NUL|JSON|control"),
        ("no UTF-8", answer(broken.encode("latin-1")), "UTF-8|JSON"),
        ("a depth of 100,000", answer(b"[" * 100000), "JSON|deep"),
        ("no HTTP", b"220 mail.example.org ESMTP\r\n\r\n", "HTTP"),
        ("a head without end", b"HTTP/1.1 200 OK\r\n" + b"X: yyyyyyyyyyyyyyyy\r\n" * 100000, "headers.*larger"),
        ("a redirect elsewhere", b"HTTP/1.1 302 Found\r\nLocation: http://198.51.100.1/login\r\nContent-Length: 0\r\n\r\n",
         "302|redirect"),
        ("100 MiB", server.flood, "large|long|limit|MiB|more than"),
        ("100 MiB in chunks", server.flood_in_chunks, "large|long|limit|MiB|more than"),
    ]


class Answers(Unknown):
    def setUp(self):
        super().setUp()
        self.lab = self.place.lab()
        self.settings = self.place.settings(self.lab)
        self.settings["bindings"][0]["interval"] = "100ms"
        self.receiver = self.place.receiver()
        self.settings["alerts"] = [{"kind": "webhook", "url": self.receiver.url + "/hook"}]

    def try_all(self, server, side, part, member, good_text):
        """Each bad answer: as a command sees it, and as a daemon does that goes on all the time."""
        daemon = harness.Daemon(self.place)
        daemon.wait_verdict("match")
        for name, bad, words in bad_answers(server, good_text, member):
            with self.subTest(answer=name):
                server.sent, server.bad = 0, None
                daemon.wait_verdict("match")
                server.bad = lambda method, path, sent: bad if part in path else None
                seen = wait_for(lambda: daemon.binding() if daemon.binding()["verdict"] == "unknown" else None, "unknown")
                self.assert_unknown(side, words, seen)
                self.assertLess(server.sent, 40 << 20, "it should have stopped reading")
                self.assertEqual("unknown", daemon.api("POST", "/v1/check", {})[1]["bindings"][0]["verdict"])
        server.bad = None
        daemon.wait_verdict("match")
        self.assertEqual(0, daemon.stop()[0])
        self.assertEqual([], self.receiver.alerts(event="firing"), "what cannot be read is no drift")
        # A command by itself, on the worst of them.
        server.bad = lambda method, path, sent: server.flood if part in path else None
        self.assert_unknown(side, "large|long|limit|MiB|more than")

    def test_of_vault(self):
        """Vault answers nonsense (captive page, cut short, 100 MiB, duplicate keys, NUL ...): unknown, and the daemon goes on"""
        server = BadServer(self.place, self.lab.facts["vault_url"], self.lab.facts["ca_file"])
        self.settings["vault"].update(address=server.url, ca_file=server.ca_file, timeout="2s")
        self.place.configure(self.settings)
        good = server.good.call("GET", "/v1/kv/metadata/" + COPY, None, {"X-Vault-Token": self.lab.vault.token})[1]
        self.try_all(server, "the copy in Vault", "/metadata/", "created_time", good)

    def test_of_vaults_data(self):
        """the same where the value itself is read"""
        server = BadServer(self.place, self.lab.facts["vault_url"], self.lab.facts["ca_file"])
        self.settings["vault"].update(address=server.url, ca_file=server.ca_file, timeout="2s")
        self.place.configure(self.settings)
        good = server.good.call("GET", "/v1/kv/data/" + COPY, None, {"X-Vault-Token": self.lab.vault.token})[1]
        for name, bad, words in bad_answers(server, good, FIELD):
            if name == "an escaped NUL":
                continue  # a value may be any text; it equals no key
            with self.subTest(answer=name):
                server.bad = lambda method, path, sent: bad if "/data/" in path else None
                self.assert_unknown("the copy in Vault", words)

    def test_of_the_resource_manager(self):
        """Azure answers nonsense: unknown, and the daemon goes on"""
        server = BadServer(self.place, self.lab.facts["arm_url"], self.lab.facts["ca_file"])
        bundle = self.place.directory / "bundle.pem"
        bundle.write_text(open(server.ca_file).read() + open(self.lab.facts["ca_file"]).read())
        self.settings["azure"].update(timeout="2s")
        self.settings["azure"]["cloud"].update(resource_manager=server.url, audience=self.lab.facts["arm_url"],
                                               ca_file=str(bundle))
        self.place.configure(self.settings)
        keys = json.dumps({"primaryKey": self.lab.keys()["primary"], "secondaryKey": self.lab.keys()["secondary"]})
        self.try_all(server, "the source", "/listKeys", "primaryKey", keys)


class RealVault(Unknown):
    """The same where the server is a real OpenBao."""

    def setUp(self):
        super().setUp()
        self.bao, self.given = harness.open_bao()
        if not self.bao:
            if os.environ.get("KEYDRIFT_REQUIRE_SERVERS") == "1":
                self.fail("OpenBao is not installed")
            self.skipTest("OpenBao is not installed: tests/requirements-openbao.txt into .venv")
        self.place.on_close(self.bao.stop)
        self.vault = harness.Vault(self.given["OPENBAO_ADDR"], self.given["OPENBAO_CACERT"], self.given["OPENBAO_ROOT_TOKEN"])
        self.lab = self.place.lab()
        self.settings = self.place.settings(self.lab)
        secret_id = self.place.secret_file("secret-id", self.given["OPENBAO_SECRET_ID"])
        self.settings["vault"] = {"address": self.given["OPENBAO_ADDR"], "ca_file": self.given["OPENBAO_CACERT"], "timeout": "2s",
                                  "auth": {"method": "approle", "role_id": self.given["OPENBAO_ROLE_ID"],
                                           "secret_id": {"file": secret_id}}}
        self.vault.write({FIELD: self.lab.keys()["primary"]})
        self.settings["bindings"][0]["interval"] = "100ms"
        self.place.configure(self.settings)

    def test_what_a_real_server_refuses(self):
        """a real OpenBao: forbidden path, no such mount, wrong secret id, wrong token, wrong authority, sealed"""
        daemon = harness.Daemon(self.place)
        daemon.wait_verdict("match")
        copy = self.settings["bindings"][0]["copy"]
        for changes, words in (({"path": "forbidden/x"}, "403.*permission denied"), ({"mount": "nowhere"}, "403|404|no mount")):
            self.settings["bindings"][0]["copy"] = {**copy, **changes}
            self.place.configure(self.settings)
            self.place.keydrift("config", "check").must(0)
            wait_for(lambda: daemon.binding()["verdict"] == "unknown", "the new configuration")
            self.assert_unknown("the copy in Vault", words)
        self.settings["bindings"][0]["copy"] = copy
        self.assertEqual(0, daemon.stop()[0])

        good = json.loads(json.dumps(self.settings["vault"]))
        self.settings["vault"]["auth"]["role_id"] = "11111111-2222-3333-4444-555555555555"
        self.place.configure(self.settings)
        self.assert_unknown("the copy in Vault", "approle.*(400|403)|invalid role|log-in refused")
        token = self.place.secret_file("wrong-token", "s.wrong-and-never-to-be-seen")
        self.settings["vault"]["auth"] = {"method": "token", "token": {"file": token}}
        self.place.configure(self.settings)
        self.assert_unknown("the copy in Vault", "403.*permission denied")
        self.settings["vault"] = {**good, "ca_file": self.lab.facts["ca_file"]}
        self.place.configure(self.settings)
        self.assert_unknown("the copy in Vault", "certificate")

        self.settings["vault"] = good
        self.place.configure(self.settings)
        daemon = harness.Daemon(self.place)
        daemon.wait_verdict("match")
        self.vault.call("POST", "sys/seal")
        seen = daemon.wait_verdict("unknown")
        self.assert_unknown("the copy in Vault", "sealed", seen)
        self.assertTrue(daemon.is_running())
        self.assertEqual(0, daemon.stop()[0])
        self.assert_unknown("the copy in Vault", "sealed")


class Blind(Unknown):
    def test_told_apart_from_drift(self):
        """a side that cannot be read is told as blind after its own delay, and as seeing again; never as drift"""
        lab = self.place.lab()
        receiver = self.place.receiver()
        settings = self.place.settings(lab, alerting={"blind_after": "300ms"},
                                       alerts=[{"kind": "webhook", "url": receiver.url + "/hook"}])
        settings["bindings"][0]["interval"] = "100ms"
        self.place.configure(settings)
        daemon = harness.Daemon(self.place)
        daemon.wait_verdict("match")
        lab.fault(target="vault", kind="status", status=503)
        blind = wait_for(lambda: receiver.alerts(event="blind"), "the alert")[0]
        self.assertEqual(("nachet", "unknown"), (blind["binding"], blind["verdict"]))
        self.assertIn("sealed", blind["why"])
        lab.behave()
        wait_for(lambda: receiver.alerts(event="seeing"), "the end of it")
        self.assertEqual(["blind", "seeing"], [alert["event"] for alert in receiver.alerts()])
        self.assertEqual(1, len({alert["dedup_key"] for alert in receiver.alerts()}))
        self.assertEqual([], self.place.rows("incident"))
        self.assertEqual(0, daemon.stop()[0])


if __name__ == "__main__":
    harness.main(parallel=3)
