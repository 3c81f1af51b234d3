#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program beside a real cluster of three nodes, of OpenBao or HashiCorp Vault.

    with_cluster.py [--version VERSION | --binary FILE] dev|raft [--] PROGRAM [ARGUMENT...]

dev   one process, TLS, memory: standbys forward everything, nothing is ever stale.
raft  three processes, plain HTTP: OpenBao's standbys answer reads from their own copy, and a process can be
      stopped or killed. Elections are made as quick as the settings allow.

KV v2 is mounted at kv/. The program finds in its environment OPENBAO_CLUSTER (dev or raft), OPENBAO_ADDRS
(three, with blanks between), OPENBAO_CACERT and OPENBAO_OWN_CA (dev: what to trust, and the cluster's own
file, which OpenSSL takes for nothing), OPENBAO_PIDS (raft, in the order of the addresses),
OPENBAO_ROOT_TOKEN, OPENBAO_VERSION and OPENBAO_PRODUCT; this program ends with its exit status. A missing server is told as
with_openbao.py does.
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
import urllib.request

import with_openbao

START_S = 120  # on a machine that does much else
NODE = """
api_addr     = "http://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:{cluster_port}"
listener "tcp" {{
  address         = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster_port}"
  tls_disable     = true
}}
storage "raft" {{
  path                   = "{folder}"
  node_id                = "n{number}"
  performance_multiplier = 1
  {join}
}}
"""


def free_ports(count):
    """So many in a row, below the ephemeral ones."""
    while True:
        first = random.randrange(20000, 32000 - count)
        sockets = []
        try:
            for port in range(first, first + count):
                sockets.append(socket.socket())
                sockets[-1].bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()


class Cluster:
    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="keydrift-cluster-"))
        for name in ("home", "tmp"):
            (self.dir / name).mkdir()
        self.token = "root"
        self.processes = []
        self.log = open(self.dir / "log", "wb")
        self.end = time.monotonic() + START_S

    def launch(self, command):
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.dir / "home"),
                       "TMPDIR": str(self.dir / "tmp")}
        self.processes.append(subprocess.Popen(command, env=environment, cwd=self.dir, stdin=subprocess.DEVNULL,
                                               stdout=self.log, stderr=self.log))

    def call(self, address, method, path, body=None):
        request = urllib.request.Request(f"{address}/v1/{path}", method=method, headers={"X-Vault-Token": self.token},
                                         data=None if body is None else json.dumps(body).encode())
        # This is about starting; the program under test verifies.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                             urllib.request.HTTPSHandler(context=context))
        with opener.open(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def wait(self, what):
        """Until `what` returns something and raises nothing."""
        while True:
            try:
                if result := what():
                    return result
                error = OSError("the cluster is not ready")
            except (OSError, ssl.SSLError, ValueError) as raised:
                error = raised
            if any(process.poll() is not None for process in self.processes) or time.monotonic() > self.end:
                raise OSError(f"the cluster did not start: {error}")
            time.sleep(0.05)

    def mount(self):
        self.wait(lambda: self.call(self.addresses[0], "GET", "sys/leader")["leader_address"])
        self.wait(lambda: self.call(self.addresses[0], "POST", "sys/mounts/kv",
                                    {"type": "kv", "options": {"version": "2"}}) is None)
        for address in self.addresses:
            self.wait(lambda: self.call(address, "GET", "kv/config"))

    def stop(self):
        for process in self.processes:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Dev(Cluster):
    def start(self, binary):
        port = free_ports(3)
        told = self.dir / "cluster.json"
        self.addresses = [f"https://127.0.0.1:{port + i}" for i in range(3)]
        self.launch([binary, "server", "-dev", "-dev-three-node", "-dev-root-token-id=root",
                     f"-dev-listen-address=127.0.0.1:{port}", f"-dev-cluster-json={told}"])
        cluster = self.wait(lambda: json.loads(told.read_text()))
        # CA and leaves have one and the same name, which OpenSSL takes for self-signed: trust the leaves.
        leaves = pathlib.Path(cluster["ca_cert_path"]).parent.glob("node*_cert.pem")
        trusted = self.dir / "trusted.pem"
        trusted.write_text("".join(leaf.read_text() for leaf in sorted(leaves)))
        return {"OPENBAO_CACERT": str(trusted), "OPENBAO_OWN_CA": cluster["ca_cert_path"]}


class Raft(Cluster):
    def start(self, binary):
        port = free_ports(6)
        self.addresses = [f"http://127.0.0.1:{port + i}" for i in range(3)]
        for i in range(3):
            folder = self.dir / f"node{i + 1}"
            folder.mkdir()
            join = f'retry_join {{ leader_api_addr = "{self.addresses[0]}" }}' if i else ""
            config = self.dir / f"node{i + 1}.hcl"
            config.write_text(NODE.format(port=port + i, cluster_port=port + 3 + i, folder=folder, number=i + 1,
                                          join=join))
            self.launch([binary, "server", f"-config={config}"])
        first = self.addresses[0]
        keys = self.wait(lambda: self.call(first, "PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1}))
        self.token = keys["root_token"]
        for address in self.addresses:
            self.wait(lambda: not self.call(address, "PUT", "sys/unseal", {"key": keys["keys"][0]})["sealed"])
            if address == first:
                self.wait(lambda: self.call(first, "GET", "sys/health"))
                self.call(first, "POST", "sys/storage/raft/autopilot/configuration",
                          {"server_stabilization_time": "1s"})
        self.wait(self.all_vote)
        return {"OPENBAO_PIDS": " ".join(str(process.pid) for process in self.processes)}

    def all_vote(self):
        answer = self.call(self.addresses[0], "GET", "sys/storage/raft/configuration")
        return sum(server["voter"] for server in answer["data"]["config"]["servers"]) == 3


def run(kind, binary, command):
    # One that lost a race for its ports ends at once: try another.
    for last in (False, False, True):
        cluster = Dev() if kind == "dev" else Raft()
        try:
            given = cluster.start(binary)
            cluster.mount()
            server = cluster.call(cluster.addresses[0], "GET", "sys/seal-status")
        except (OSError, ssl.SSLError) as error:
            log = (cluster.dir / "log").read_text(errors="replace")
            cluster.stop()
            if last:
                sys.exit(f"with_cluster.py: {error}\n{log[-2000:]}")
            continue
        break
    try:
        return subprocess.call(command, env={
            **os.environ, **given, "OPENBAO_CLUSTER": kind, "OPENBAO_ADDRS": " ".join(cluster.addresses),
            "OPENBAO_ROOT_TOKEN": cluster.token, "OPENBAO_VERSION": server["version"],
            "OPENBAO_PRODUCT": with_openbao.product_of(server)})
    finally:
        cluster.stop()


def main():
    binary, command = with_openbao.chosen_server(sys.argv[1:])
    kind, command = (command[0], command[1:]) if command[:1] in (["dev"], ["raft"]) else (None, [])
    if command[:1] == ["--"]:
        command = command[1:]
    if not command:
        sys.exit(__doc__)
    # So that `finally` stops the cluster when the test runner stops us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    status = run(kind, binary, command)
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
