# SPDX-License-Identifier: Apache-2.0
"""The servers of an end-to-end test: the lab, a webhook receiver, and the real OpenBao and Alertmanager where they
are installed."""
import http.client
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "support"))
import with_openbao  # noqa: E402  (how the OpenBao server is found, started and stopped)

def _program(number, variable):
    if len(sys.argv) > number:
        return os.path.abspath(sys.argv[number])
    if variable in os.environ:
        return os.path.abspath(os.environ[variable])
    sys.exit("usage: %s KEYDRIFT KEYDRIFT_LAB" % sys.argv[0])


KEYDRIFT = _program(1, "KEYDRIFT")
LAB = _program(2, "KEYDRIFT_LAB")
IS_ROOT = os.geteuid() == 0
NOBODY = 65534
COPY = "nachet/backend"


def wait_for(condition, what, seconds=15):
    """The first true value of condition(), asked again and again; what it raises counts as false."""
    end = time.monotonic() + seconds
    error = None
    while True:
        try:
            value = condition()
            if value:
                return value
        except (OSError, LookupError, StopIteration, ValueError, AssertionError, sqlite3.Error,
                http.client.HTTPException) as problem:
            error = problem
        if time.monotonic() > end:
            raise AssertionError("waited %d s in vain for: %s%s" %
                                 (seconds, what, " (%r)" % error if error else ""))
        time.sleep(0.01)


# ---- the lab -------------------------------------------------------------------------------------------


class Service:
    """Calls to one server of the test, with its authority and without any proxy."""

    def __init__(self, url, ca_file=None, timeout=10):
        self.url = urllib.parse.urlsplit(url)
        self.tls = ssl.create_default_context(cafile=ca_file) if self.url.scheme == "https" else None
        self.timeout = timeout

    def call(self, method, target, body=None, headers=None):
        """(status, text)"""
        if self.tls:
            connection = http.client.HTTPSConnection(self.url.hostname, self.url.port, context=self.tls,
                                                     timeout=self.timeout)
        else:
            connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=self.timeout)
        try:
            connection.request(method, target, headers=headers or {},
                               body=json.dumps(body) if isinstance(body, (dict, list)) else body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


class Vault:
    """The copy's side, as an application or an administrator sees it: the lab's or OpenBao's."""

    def __init__(self, url, ca_file, token):
        self.url, self.ca_file, self.token = url, ca_file, token
        self.service = Service(url, ca_file)

    def call(self, method, path, body=None, may_fail=False):
        status, text = self.service.call(method, "/v1/" + path, body, {"X-Vault-Token": self.token})
        if status >= 400 and not may_fail:
            raise AssertionError("%s %s: %d %s" % (method, path, status, text))
        return json.loads(text) if text else None

    def read(self, path=COPY, mount="kv"):
        """The fields of the current version."""
        return self.call("GET", "%s/data/%s" % (mount, path))["data"]["data"]

    def version(self, path=COPY, mount="kv"):
        return self.call("GET", "%s/metadata/%s" % (mount, path))["data"]["current_version"]

    def write(self, fields, path=COPY, mount="kv"):
        self.call("POST", "%s/data/%s" % (mount, path), {"data": fields})


class Lab:
    """One running keydrift-lab."""

    def __init__(self, secrets, directory, *options):
        self.secrets, self.directory, self._kept = secrets, pathlib.Path(directory), []
        self.directory.mkdir(exist_ok=True)
        self.process = subprocess.Popen([LAB, "--dir", str(self.directory), *options],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if line != "lab ready\n":
            raise AssertionError("the lab did not start: %r" % line)
        self.facts = json.loads((self.directory / "lab.json").read_text())
        for name in ("client_secret", "vault_token", "approle_secret_id"):
            secrets.learn(name, self.facts[name])
        self._control = Service(self.facts["control_url"])
        self._scoring = Service(self.facts["scoring_url"], self.facts["ca_file"])
        self.vault = Vault(self.facts["vault_url"], self.facts["ca_file"], self.facts["vault_token"])
        self.keys()

    def control(self, method, target, body=None):
        status, text = self._control.call(method, target, body)
        if status >= 400:
            raise AssertionError("%s %s: %d %s" % (method, target, status, text))
        return json.loads(text) if text else None

    def keys(self):
        """{"primary": ..., "secondary": ...} of the one endpoint; all are secrets from now on."""
        chosen = None
        for resource, keys in self.control("GET", "/keys").items():
            for slot, key in keys.items():
                self.secrets.learn("a %s key" % slot, key)
            if resource.endswith("/" + self.facts["endpoint"]):
                chosen = keys
        return chosen

    def regenerate(self, slot="primary", caller="mallory@example.org"):
        self.control("POST", "/regenerate",
                     {"endpoint": self.facts["endpoint"], "slot": slot, "caller": caller})
        return self.keys()

    def fault(self, **wish):
        self.control("POST", "/fault", wish)

    def behave(self):
        self.control("DELETE", "/fault")

    def requests(self, target=None, method=None, part=""):
        return [request for request in self.control("GET", "/requests?since=0")["requests"]
                if target in (None, request["target"]) and method in (None, request["method"])
                and part in request["path"]]

    def regenerations(self):
        """How often the service was asked to regenerate."""
        return len(self.requests("arm", "POST", "/regenerateKeys"))

    def score(self, key):
        return self._scoring.call("POST", self._scoring.url.path, "{}", {"Authorization": "Bearer " + key})[0]

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(10)
        self.process.stdout.close()
        self._keep_ports()
        return self.process.returncode

    def _keep_ports(self):
        """So that nobody answers there, and not the lab of another test that was given the same port."""
        for url in {value for name, value in self.facts.items() if name.endswith("_url")}:
            keeper = socket.socket()
            keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                keeper.bind(("127.0.0.1", urllib.parse.urlsplit(url).port))
            except OSError:
                keeper.close()  # two names of one listener
            else:
                self._kept.append(keeper)


# ---- who is told ---------------------------------------------------------------------------------------


class Receiver:
    """A webhook receiver; what it got stands in `posts` as (path, headers, body)."""

    def __init__(self, secrets):
        self.posts, self.status = [], 204
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                secrets.record("alert to " + self.path, body)
                secrets.record("headers of an alert", str(self.headers))
                receiver.posts.append((self.path, dict(self.headers.items()), body))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def alerts(self, path="/hook", event=None):
        bodies = [json.loads(body) for at, _, body in list(self.posts) if at == path]
        return [body for body in bodies if event in (None, body["event"])]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Alertmanager:
    """A real one, as nobody where this is root; it tells `receiver` at /am."""

    SHARED = "/usr/share/prometheus/alertmanager"  # compiled in: where its templates stand
    TEMPLATE = SHARED + "/default.tmpl"
    UNPACKED = TOP / ".cache" / "alertmanager"

    @classmethod
    def find(cls):
        """Debian's package, installed or only unpacked."""
        if os.path.exists(cls.TEMPLATE) and os.path.exists("/usr/bin/prometheus-alertmanager"):
            return "/usr/bin/prometheus-alertmanager"
        program = cls.UNPACKED / "usr" / "bin" / "prometheus-alertmanager"
        return str(program) if program.exists() else None

    @classmethod
    def movable(cls, directory):
        """A copy of the unpacked program that finds its templates below the directory it is started in."""
        program = directory / "alertmanager"
        program.write_bytes((cls.UNPACKED / "usr" / "bin" / "prometheus-alertmanager").read_bytes().replace(
            cls.SHARED.encode(), cls.SHARED.replace("/usr/", "usr//").encode()))
        program.chmod(0o755)
        (directory / cls.SHARED[1:]).mkdir(parents=True)
        for template in pathlib.Path(str(cls.UNPACKED) + cls.SHARED).glob("*.tmpl"):
            shutil.copy(template, directory / cls.SHARED[1:])
        return str(program)

    def __init__(self, place, receiver):
        self.secrets = place.secrets
        directory = place.another_directory()
        (directory / "data").mkdir()
        configuration = directory / "alertmanager.yml"
        configuration.write_text(json.dumps({
            "route": {"receiver": "test", "group_by": ["..."], "group_wait": "1s", "group_interval": "1s",
                      "repeat_interval": "1h"},
            "receivers": [{"name": "test", "webhook_configs": [
                {"url": receiver.url + "/am", "send_resolved": True}]}]}))
        program, as_nobody = self.find(), {}
        if program.startswith(str(self.UNPACKED)):
            program = self.movable(directory)  # also because nobody may not reach a tree below /root
        if IS_ROOT:
            for path in (directory, *directory.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
            as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        self.log = directory / "alertmanager.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [program, "--config.file=%s" % configuration, "--storage.path=%s" % (directory / "data"),
                 "--web.listen-address=127.0.0.1:0", "--cluster.listen-address="],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory, **as_nobody)
        place.on_close(self.stop)
        self.url = "http://" + wait_for(self._address, "Alertmanager's address")
        self.service = Service(self.url)
        wait_for(lambda: self.service.call("GET", "/-/ready")[0] == 200, "Alertmanager")

    def _address(self):
        for line in self.log.read_text().splitlines():
            if "Listening on" in line and "address=" in line:
                return line.split("address=")[1].split()[0].strip('"')
        return None

    def alerts(self):
        text = self.service.call("GET", "/api/v2/alerts")[1]
        self.secrets.record("alerts of Alertmanager", text)
        return json.loads(text)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def open_bao():
    """A started OpenBao server and what it gave away (see with_openbao.py), or None where not installed."""
    binary = with_openbao.find_server()
    if not binary:
        return None, None
    for last in (False, False, True):  # it may lose a race for its port
        server = with_openbao.Server(binary)
        try:
            return server, server.start()
        except (OSError, ssl.SSLError):
            server.stop()
            if last:
                raise
