#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up what "meson test" left in build directories: totals.py DIRECTORY..., or --self-test.

Counts test cases, not programs: the "ok" and "not ok" lines of those that speak TAP. A program that failed
without such a line (a crash, a leak found at its end, a time-out) counts as one failure, so that nothing
that went wrong can be missing in the last line, which reads "N passed, N failed, N skipped". Before it stands
what programs counted beside cases ("# counted: 61 operations ..."), and how many cases spoke to which Vault, of each
program once.
"""
import collections
import json
import pathlib
import re
import sys

COUNTED = re.compile(r"^# counted: (.*)", re.M)
CASE = re.compile(r"^(not )?ok\b(.*)", re.M)
GOOD = {"OK", "EXPECTEDFAIL"}


# Which Vault the cases of a program speak to; the first that fits.
VAULTS = [(re.compile(pattern), label) for pattern, label in (
    (r"/ cluster raft openbao (.+)$", r"three raft processes of OpenBao \1"),
    (r"/ cluster openbao (.+)$", r"three nodes of OpenBao \1"),
    (r"/ .* openbao (\d.+)$", r"OpenBao \1"),
    (r"/ cluster raft vault (\d.+)$", r"three raft processes of HashiCorp Vault \1"),
    (r"/ cluster vault (\d.+)$", r"three nodes of HashiCorp Vault \1"),
    (r"/ .* vault (\d.+)$", r"HashiCorp Vault \1"),
    (r"/ lab openbao$", "OpenBao in the lab's place"),
    (r"/ lab vault$", "the lab's Vault"),
    (r"/ .* against the lab$", "the lab's Vault"),
    (r"/ vaultclient ", "vaultclient against a scripted server, or none"))]


def vault_of(name):
    for pattern, label in VAULTS:
        match = pattern.search(name)
        if match:
            return match.expand(label)
    return None


def cases_of(program):
    """What one program did, as [passed, failed, skipped]."""
    counts = [0, 0, 0]
    for failed, rest in CASE.findall(program.get("stdout") or ""):
        skipped = re.search(r"#\s*skip", rest, re.I)
        counts[2 if skipped else 1 if failed else 0] += 1
    if program["result"] == "SKIP" and not any(counts):
        counts[2] = 1
    elif program["result"] in GOOD and not any(counts):
        counts[0] = 1
    elif program["result"] not in GOOD | {"SKIP"} and not counts[1]:
        counts[1] = 1
    return counts


def self_test():
    table = [
        ("OK", "ok 1 - a\nok 2 - b\n1..2", [2, 0, 0]),
        ("OK", None, [1, 0, 0]),
        ("OK", "1..2\nok 1 - a # SKIP no server\nok 2 - b", [1, 0, 1]),
        ("SKIP", "1..0 # SKIP no server", [0, 0, 1]),
        ("ERROR", "not ok 1 - a\nok 2 - b\n1..2", [1, 1, 0]),
        ("ERROR", "ok 1 - a\n1..1", [1, 1, 0]),  # a leak, told at the end
        ("FAIL", None, [0, 1, 0]),
        ("TIMEOUT", "1..9\nok 1 - a", [1, 1, 0]),
    ]
    wrong = [row for row in table if cases_of({"result": row[0], "stdout": row[1]}) != row[2]]
    print(wrong or "counted right")
    return 1 if wrong else 0


def main(directories):
    vaults = collections.Counter()
    totals, counted = [0, 0, 0], {}
    for directory in directories:
        log = pathlib.Path(directory, "meson-logs", "testlog.json")
        if not log.exists():  # the build itself failed
            print(f"{directory}: no test ran")
            totals[1] += 1
            continue
        for line in log.read_text().splitlines():
            program = json.loads(line)
            counts = cases_of(program)
            if counts[1]:
                print(f"{directory}: {program['name']}: {program['result'].lower()}")
            if program["name"] not in counted:
                counted[program["name"]] = COUNTED.findall(program.get("stdout") or "")
                vaults[vault_of(program["name"])] += counts[0]
            totals = [total + count for total, count in zip(totals, counts)]
    for lines in counted.values():
        print("\n".join(lines), end="\n" if lines else "")
    for label in sorted(filter(None, vaults)):
        print("cases by server: %s: %d" % (label, vaults[label]))
    print("%d passed, %d failed, %d skipped" % tuple(totals))
    return 1 if totals[1] or not totals[0] else 0


if __name__ == "__main__":
    sys.exit(self_test() if sys.argv[1:] == ["--self-test"] else main(sys.argv[1:]))
