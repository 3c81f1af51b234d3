#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up what "meson test" left in build directories: totals.py DIRECTORY..., or --self-test.

Counts test cases, not programs: the "ok" and "not ok" lines of those that speak TAP. A program that failed
without such a line (a crash, a leak found at its end, a time-out) counts as one failure, so that nothing
that went wrong can be missing in the last line, which reads "N passed, N failed, N skipped". Before it stands
what programs counted beside cases, of each program once ("# counted: 61 operations ...").
"""
import json
import pathlib
import re
import sys

COUNTED = re.compile(r"^# counted: (.*)", re.M)
CASE = re.compile(r"^(not )?ok\b(.*)", re.M)
GOOD = {"OK", "EXPECTEDFAIL"}


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
            counted.setdefault(program["name"], COUNTED.findall(program.get("stdout") or ""))
            totals = [total + count for total, count in zip(totals, counts)]
    for lines in counted.values():
        print("\n".join(lines), end="\n" if lines else "")
    print("%d passed, %d failed, %d skipped" % tuple(totals))
    return 1 if totals[1] or not totals[0] else 0


if __name__ == "__main__":
    sys.exit(self_test() if sys.argv[1:] == ["--self-test"] else main(sys.argv[1:]))
