#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds everything that was said in a test run to Microsoft's documents: validate.py DIRECTORY.

DIRECTORY is where its labs recorded (KEYDRIFT_LAB_RECORD), and where the scripted servers of azureclient's tests
recorded what they were asked. One TAP line for each operation. Fails when there
is nothing to validate, or when an operation that every run asks for was not asked for.
"""
import collections
import pathlib
import re
import sys

import contracts

specification_directory = contracts.need()

import exchanges  # noqa: E402
import judge  # noqa: E402
import openapi  # noqa: E402

ML = "Microsoft.MachineLearningServices/workspaces/{workspaceName}/onlineEndpoints"
EVENTS = "GET Microsoft.Insights/eventtypes/management/values"
ALWAYS_ASKED = ["GET " + ML]
ALWAYS_ASKED_BY_KEYDRIFT = ["GET " + ML + "/{endpointName}", "POST " + ML + "/{endpointName}/listKeys",
                            "POST " + ML + "/{endpointName}/regenerateKeys", EVENTS]


class Count:
    def __init__(self):
        self.statuses, self.ours, self.wrong = collections.Counter(), 0, []

    def add(self, exchange, problems):
        self.statuses[exchange.status] += 1
        self.ours += exchange.is_ours
        if problems:
            self.wrong.append((exchange, problems))

    def answers(self):
        return sum(count for status, count in self.statuses.items() if status)

    def __str__(self):
        words = ", ".join("%d x %s" % (count, status or "no answer") for status, count in sorted(self.statuses.items()))
        return words + (", %d asked by keydrift" % self.ours if self.ours else "")


def short(name):
    """Without what all of them have: "/subscriptions/.../providers/"."""
    return re.sub(r" /\S*?/providers/", " ", name, count=1)


def gather(directory):
    judged = judge.Judge(openapi.Specification(specification_directory))
    counts = collections.defaultdict(Count)
    for path in sorted(pathlib.Path(directory).rglob("*.jsonl")):
        for exchange in exchanges.read(path):
            verdict = judged.verdict(exchange)
            counts[verdict.sort, short(verdict.name)].add(exchange, verdict.problems)
    return counts


def tell(number, name, count):
    print("%s %d - %s: %s" % ("not ok" if count.wrong else "ok", number, name, count))
    for exchange, problems in count.wrong[:5]:
        print("# %s%s" % (exchange, "".join("\n#   " + problem[:600] for problem in problems)))
    if len(count.wrong) > 5:
        print("# and %d more" % (len(count.wrong) - 5))


def summary(counts):
    operations = [count for (sort, _), count in counts.items() if sort == "operation"]
    others = [count for (sort, _), count in counts.items() if sort == "documented"]
    return ("%d operations of Microsoft's OpenAPI files: %d requests by keydrift, %d answers of a lab; %d things that other "
            "documents describe: %d answers" % (len(operations), sum(count.ours for count in operations),
                                                sum(count.answers() for count in operations), len(others),
                                                sum(count.answers() for count in others)))


def main(directory):
    counts = gather(directory)
    number = 0
    for (_, name), count in sorted(counts.items(), key=lambda item: (item[0][0] != "operation", item[0])):
        number += 1
        tell(number, name, count)
    missing = [name for name in ALWAYS_ASKED if ("operation", name) not in counts]
    missing += ["%s (by keydrift)" % name for name in ALWAYS_ASKED_BY_KEYDRIFT
                if not getattr(counts.get(("operation", name)), "ours", 0)]
    number += 1
    print("%s %d - what every run asks for was recorded" % ("not ok" if missing else "ok", number))
    for name in missing:
        print("# never asked for: " + name)
    print("1..%d" % number)
    print("# counted: " + summary(counts))
    return 1 if missing or any(count.wrong for count in counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
