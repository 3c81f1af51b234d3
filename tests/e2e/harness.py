# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: the real programs, real servers where they are installed, and TAP.

A test program is given the two programs as arguments (or finds them in KEYDRIFT and KEYDRIFT_LAB), defines
unittest cases derived from Case, and ends with harness.main(). Each case has a place of its own: a directory
in which everything it starts keeps its files. When the place is closed, every file in it and everything that
was said, sent or passed along is scanned for the secrets of the case.
"""
import base64
import concurrent.futures
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import unittest

from secrets_scan import Secrets
# Some of these are only passed on to the tests.
from servers import (COPY, IS_ROOT, KEYDRIFT, NOBODY, Alertmanager, Lab, Receiver, Service, Vault, open_bao, wait_for,
                     with_openbao)

FIELD = "NACHET_MODEL_ENDPOINT_ACCESS_KEY"

# Files that are meant to hold a secret; nobody else's are.
KEY_FILES = {"lab.json", "client-secret", "client.pem", "vault-token", "federated-token", "secret-id",
             "fingerprint.key", "webhook-secret", "wrong-token"}


def is_key_file(path):
    return path.name in KEY_FILES or (path.suffix == ".key" and not path.name.startswith("state"))


# ---- one command ---------------------------------------------------------------------------------------


class Result:
    def __init__(self, command, code, out, err, seconds):
        self.command, self.code, self.out, self.err, self.seconds = command, code, out, err, seconds

    def must(self, code):
        if self.code != code:
            raise AssertionError("expected exit %d\n%s" % (code, self))
        return self

    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return "$ %s\nexit %d after %.1f s\n%s%s" % (" ".join(self.command), self.code, self.seconds,
                                                    self.out, self.err)


def note_process(secrets, process, name):
    """argv and environment as the system shows them; root may read them of any process."""
    for what in ("cmdline", "environ"):
        data = b""
        try:
            while not data and process.poll() is None:  # there at once, but not before the program is loaded
                data = pathlib.Path("/proc/%d/%s" % (process.pid, what)).read_bytes()
        except OSError:
            pass  # it has ended, or this user may not see it
        secrets.record("%s of %s" % (what, name), data)


# ---- the place of a case -------------------------------------------------------------------------------


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Daemon:
    """`keydrift run`."""

    def __init__(self, place, *options):
        self.place = place
        self.socket = str(place.directory / "k.sock")
        self.log = place.directory / ("run-%d.log" % place.next_number())
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([KEYDRIFT, "run", "-c", str(place.file), *options],
                                            env=place.environment, cwd=place.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        place.daemons.append(self)
        note_process(place.secrets, self.process, "keydrift run")
        wait_for(self._answers, "the daemon's answer")

    def _answers(self):
        if self.process.poll() is not None:
            raise SystemExit("keydrift run ended with %d:\n%s" % (self.process.returncode, self.text()))
        return self.api("GET", "/v1/status")[0] == 200

    def api(self, method, path, body=None):
        connection = UnixConnection(self.socket, 10)
        try:
            connection.request(method, path, body=json.dumps(body) if body is not None else None,
                               headers={"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            self.place.secrets.record("socket answer to %s %s" % (method, path), text)
            return answer.status, json.loads(text)
        finally:
            connection.close()

    def binding(self, name="nachet"):
        """What the daemon knows of one binding."""
        document = self.api("GET", "/v1/status")[1]
        return next(binding for binding in document["bindings"] if binding["name"] == name)

    def wait_verdict(self, verdict, state=None):
        def has():
            binding = self.binding()
            return binding if binding["verdict"] == verdict and state in (None, binding["state"]) else None
        return wait_for(has, "verdict %s%s" % (verdict, ", state " + state if state else ""))

    def text(self):
        return self.log.read_text(errors="replace")

    def is_running(self):
        return self.process.poll() is None

    def stop(self, number=signal.SIGTERM, seconds=10):
        """(exit code, how long it took)"""
        begin = time.monotonic()
        if self.is_running():
            self.process.send_signal(number)
        code = self.process.wait(seconds)
        return code, time.monotonic() - begin

    def kill(self):
        self.process.kill()
        self.process.wait()


class Place:
    """A directory, the lab in it, a configuration, and everything that is run there."""

    def __init__(self, secrets):
        self.secrets = secrets
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="kd-e2e-"))
        self._directories = [self.directory]
        self.file = self.directory / "keydrift.yaml"
        self.state = self.directory / "state.db"
        self.environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(self.directory),
                            "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}
        # So that a sanitizer's build says what it found.
        self.environment.update({name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")})
        self.daemons, self.labs, self._closers, self._numbers = [], [], [], 0
        self._lock = threading.Lock()

    def next_number(self):
        with self._lock:
            self._numbers += 1
            return self._numbers

    def on_close(self, what):
        self._closers.append(what)

    def another_directory(self):
        """One that another user may enter; scanned and removed like the place itself."""
        self._directories.append(pathlib.Path(tempfile.mkdtemp(prefix="kd-e2e-")))
        return self._directories[-1]

    def lab(self, *options):
        lab = Lab(self.secrets, self.directory / ("lab%d" % len(self.labs)), *options)
        self.labs.append(lab)
        return lab

    def receiver(self):
        receiver = Receiver(self.secrets)
        self.on_close(receiver.stop)
        return receiver

    # -- configuration --

    def settings(self, lab, **more):
        """A whole configuration of one binding, quick enough for tests; `more` replaces its members."""
        facts = lab.facts
        settings = {
            "vault": {"address": facts["vault_url"], "ca_file": facts["ca_file"], "timeout": "5s",
                      "auth": {"method": "token_file", "token_file": str(lab.directory / "vault-token")}},
            "azure": {"cloud": {"resource_manager": facts["arm_url"], "authority": facts["authority_url"],
                                "ca_file": facts["ca_file"]}, "timeout": "5s",
                      "credential": {"method": "client_secret", "tenant_id": facts["tenant"],
                                     "client_id": facts["client_id"],
                                     "client_secret": {"file": str(lab.directory / "client-secret")}}},
            "bindings": [{
                "name": "nachet",
                "source": {"kind": "azureml-online-endpoint", "subscription": facts["subscription"],
                           "resource_group": facts["resource_group"], "workspace": facts["workspace"],
                           "endpoint": facts["endpoint"]},
                "copy": {"mount": "kv", "path": COPY, "field": FIELD},
                "interval": "300ms", "confirm_delay": "100ms", "probe": {"score": True}}],
            "rotation": {"confirm_timeout": "10s", "resend_after": "1s"},
            "state": "sqlite:%s" % self.state,
            "api": {"listen": ["unix:%s" % (self.directory / "k.sock")]},
        }
        settings.update(more)
        return settings

    def configure(self, settings):
        text = settings if isinstance(settings, str) else json.dumps(settings, indent=1)
        draft = self.file.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        draft.rename(self.file)

    def secret_file(self, name, value):
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(value)
        self.secrets.learn(name, value)
        return str(path)

    def approver(self, name, directory=None):
        """Makes a key pair with the product; the entry for the configuration."""
        directory = pathlib.Path(directory or self.directory)
        directory.mkdir(exist_ok=True)
        self.keydrift("keygen", "approver", name, "--out", str(directory), config=False).must(0)
        pem = (directory / (name + ".key")).read_text().split("-----")[2]
        # PKCS#8 of Ed25519 ends with the 32 bytes that are the key.
        self.secrets.learn("the private key of " + name, base64.b64decode(pem)[-32:])
        return {"name": name, "public_key": {"file": str(directory / (name + ".pub"))}}

    # -- running --

    def start(self, *arguments, config=True, environment=None):
        """A command that goes on; (process, its log)."""
        command = [KEYDRIFT, *arguments] + (["-c", str(self.file)] if config else [])
        log = self.directory / ("command-%d.log" % self.next_number())
        with log.open("wb") as file:
            process = subprocess.Popen(command, env={**self.environment, **(environment or {})},
                                       cwd=self.directory, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        note_process(self.secrets, process, arguments[0])
        self.on_close(lambda: process.poll() is None and (process.kill(), process.wait()))
        return process, log

    def keydrift(self, *arguments, config=True, environment=None, seconds=40):
        command = [KEYDRIFT, *arguments] + (["-c", str(self.file)] if config else [])
        begin = time.monotonic()
        with subprocess.Popen(command, env={**self.environment, **(environment or {})}, cwd=self.directory,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            note_process(self.secrets, process, "keydrift " + arguments[0])
            try:
                out, err = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
                raise AssertionError("no end after %d s: %s\n%s%s" % (
                    seconds, " ".join(command), out.decode(errors="replace"), err.decode(errors="replace")))
        self.secrets.record("output of " + arguments[0], out)
        self.secrets.record("errors of " + arguments[0], err)
        return Result(command, process.returncode, out.decode(), err.decode(), time.monotonic() - begin)

    def check(self, code=None):
        """The one binding of `check -o json`; `code` is the exit status it must have."""
        result = self.keydrift("check", "-o", "json")
        if code is not None:
            result.must(code)
        return result.json()["bindings"][0]

    def plan(self, *arguments):
        return self.keydrift("plan", "nachet", "-o", "json", *arguments).must(0).json()

    def token(self, plan_id, name, *arguments, key=None):
        """A file with an approval of the plan."""
        result = self.keydrift("approve", plan_id, "--as", name, "--key",
                               key or str(self.directory / (name + ".key")), "--print", *arguments).must(0)
        path = self.directory / ("token-%d" % self.next_number())
        path.write_text(result.out)
        return str(path)

    # -- looking inside --

    def rows(self, table, parent=None):
        """The bodies in the state, oldest first."""
        database = sqlite3.connect("file:%s?mode=ro" % self.state, uri=True, timeout=2)
        try:
            return [json.loads(body) for body, of in database.execute("SELECT body, parent FROM %s ORDER BY n" % table)
                    if parent in (None, of)]
        finally:
            database.close()

    def audit(self, what=None):
        events = [row["event"] for row in self.rows("audit")]
        return [event for event in events if what is None or what in json.dumps(event)]

    def steps(self, plan_id=None):
        return [row["step"] for row in self.rows("journal", plan_id)]

    # -- the end --

    def leaks(self):
        """Everything that holds a secret and must not."""
        for lab in self.labs:
            try:
                lab.keys()
            except OSError:
                pass  # stopped; what it held was learnt before
        for path in self.directory.glob("**/fingerprint.key"):
            text = path.read_text().strip()
            self.secrets.learn("the fingerprint key", text)
            try:
                self.secrets.learn("the fingerprint key", bytes.fromhex(text))
            except ValueError:
                pass
        found = []
        for path in [path for directory in self._directories for path in directory.rglob("*")]:
            if path.is_file() and not is_key_file(path):
                leaks = self.secrets.leaks_in(path.read_bytes())
                if leaks:
                    found.append((str(path), leaks))
        return found + self.secrets.scan_records()

    def logs(self):
        for path in sorted(self.directory.glob("*.log")):
            lines = path.read_text(errors="replace").splitlines()[-15:]
            if lines:
                yield path.name + ":\n  " + "\n  ".join(lines)

    def close(self):
        """Stops everything, looks for leaks, removes the directory; the leaks."""
        found = []
        try:
            found = self.leaks()  # of what runs, with its write-ahead log
            for daemon in self.daemons:
                if daemon.is_running():
                    daemon.kill()
            found += [leak for leak in self.leaks() if leak not in found]
        finally:
            for daemon in self.daemons:
                if daemon.is_running():
                    daemon.kill()
            for close in reversed(self._closers):
                close()
            for lab in self.labs:
                lab.stop(signal.SIGKILL)
            if "KEYDRIFT_KEEP" not in os.environ:
                for directory in self._directories:
                    shutil.rmtree(directory, ignore_errors=True)
        return found


# ---- cases and TAP -------------------------------------------------------------------------------------


class Case(unittest.TestCase):
    """Has a place, which must hold no secret when it is closed."""
    longMessage = True
    maxDiff = 4000

    def run(self, result=None):
        self.result = result
        return super().run(result)

    def setUp(self):
        self.place = Place(Secrets())
        self.trouble = []

    def tearDown(self):
        if self.result.details:
            self.trouble = list(self.place.logs())
        leaks = self.place.close()
        self.assertEqual([], leaks, "secrets in what the test produced")

    def with_lab(self, *options, **more):
        """A lab and a configuration for it."""
        self.lab = self.place.lab(*options)
        self.place.configure(self.place.settings(self.lab, **more))
        return self.lab


class TapResult(unittest.TestResult):
    """Collects the lines of one case."""

    def __init__(self):
        super().__init__()
        self.line, self.details = None, []

    def addSuccess(self, test):
        super().addSuccess(test)
        self.line = "ok"

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line = "ok"
        self.skipped_why = reason

    def addFailure(self, test, err):
        self.line = "not ok"
        self.details += traceback.format_exception(*err)[-3:]

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err:
            self.line = "not ok"
            self.details += [str(subtest) + "\n"] + traceback.format_exception(*err)[-3:]


def _run(test):
    result = TapResult()
    begin = time.monotonic()
    try:
        test.run(result)
    except BaseException:  # so that one case cannot take the others with it
        result.line = "not ok"
        result.details.append(traceback.format_exc())
    # A subtest that failed is not made good by what followed.
    if result.details:
        result.line = "not ok"
        result.details += getattr(test, "trouble", [])
    name = (test.shortDescription() or test.id()).rstrip(".")
    skipped = getattr(result, "skipped_why", None)
    notes = ["# " + line for detail in result.details for line in detail.rstrip().splitlines()]
    notes.append("# %.1f s" % (time.monotonic() - begin))
    return result.line or "not ok", name + (" # SKIP " + skipped if skipped else ""), notes


def skip_all(why):
    if os.environ.get("KEYDRIFT_REQUIRE_SERVERS") == "1":
        sys.exit("%s: %s" % (sys.argv[0], why))
    print("1..0 # SKIP " + why)
    sys.exit(0)


def main(parallel=1):
    """Runs the cases of the calling program; KEYDRIFT_ONLY=WORD only those with that word in their name."""
    # So that places are closed when the test runner stops us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    only = os.environ.get("KEYDRIFT_ONLY", "")
    tests = [test for group in suite for test in group if only in test.id()]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        for number, (word, name, notes) in enumerate(pool.map(_run, tests), 1):
            print(word, number, "-", name)
            print("\n".join(notes), flush=True)
            failed += word != "ok"
    print("1..%d" % len(tests))
    sys.exit(1 if failed or not tests else 0)
