#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds everything that the labs of a test run said to Microsoft's documents: validate.py DIRECTORY.

DIRECTORY is where those labs recorded (KEYDRIFT_LAB_RECORD). One TAP line for each operation. Fails when there
is nothing to validate, or when an operation that every run asks for was not asked for.
"""
import collections
import pathlib
import sys

import contracts

specification_directory = contracts.need()

import exchanges  # noqa: E402
import judge  # noqa: E402
import openapi  # noqa: E402

ML = "/resourceGroups/{resourceGroupName}/providers/Microsoft.MachineLearningServices/workspaces/{workspaceName}"
ALWAYS_ASKED = [
    "GET /subscriptions/{subscriptionId}" + ML + "/onlineEndpoints",
    "GET /subscriptions/{subscriptionId}" + ML + "/onlineEndpoints/{endpointName}",
    "POST /subscriptions/{subscriptionId}" + ML + "/onlineEndpoints/{endpointName}/listKeys",
    "POST /subscriptions/{subscriptionId}" + ML + "/onlineEndpoints/{endpointName}/regenerateKeys",
    "GET /subscriptions/{subscriptionId}/providers/Microsoft.Insights/eventtypes/management/values",
]


class Count:
    def __init__(self):
        self.statuses, self.ours, self.wrong = collections.Counter(), 0, []

    def add(self, exchange, problems):
        self.statuses[exchange.status] += 1
        self.ours += exchange.is_ours
        if problems:
            self.wrong.append((exchange, problems))

    def __str__(self):
        words = ", ".join("%d x %s" % (count, status or "no answer") for status, count in sorted(self.statuses.items()))
        return words + (", %d asked by keydrift" % self.ours if self.ours else "")


def gather(directory):
    judged = judge.Judge(openapi.Specification(specification_directory))
    counts = collections.defaultdict(Count)
    for path in sorted(pathlib.Path(directory).glob("*.jsonl")):
        for exchange in exchanges.read(path):
            verdict = judged.verdict(exchange)
            counts[verdict.sort, verdict.name].add(exchange, verdict.problems)
    return counts


def tell(number, name, count):
    print("%s %d - %s: %s" % ("not ok" if count.wrong else "ok", number, name, count))
    for exchange, problems in count.wrong[:5]:
        print("# %s%s" % (exchange, "".join("\n#   " + problem[:600] for problem in problems)))
    if len(count.wrong) > 5:
        print("# and %d more" % (len(count.wrong) - 5))


def main(directory):
    counts = gather(directory)
    number = 0
    for (_, name), count in sorted(counts.items(), key=lambda item: (item[0][0] != "operation", item[0])):
        number += 1
        tell(number, name, count)
    missing = [name for name in ALWAYS_ASKED if ("operation", name) not in counts]
    number += 1
    print("%s %d - what every run asks for was recorded" % ("not ok" if missing else "ok", number))
    for name in missing:
        print("# never asked for: " + name)
    print("1..%d" % number)
    by_sort = collections.Counter(sort for sort, _ in counts)
    exchanged = collections.Counter()
    for (sort, _), count in counts.items():
        exchanged[sort] += sum(count.statuses.values())
    print("# %d operations of Microsoft's OpenAPI files in %d exchanges (%d of them keydrift's), %d more things that other "
          "documents describe in %d" % (by_sort["operation"], exchanged["operation"],
                                        sum(count.ours for (sort, _), count in counts.items() if sort == "operation"),
                                        by_sort["documented"], exchanged["documented"]))
    return 1 if missing or any(count.wrong for count in counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
