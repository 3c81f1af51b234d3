#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks a lab everything that Microsoft's OpenAPI files have for its resources, with the bodies of their examples:
test_walk.py LAB. What it serves must be valid; what it does not serve must be refused in ARM's form.

The other tests ask what keydrift needs; this one asks whatever there is, so that no row of the lab's table is
left without a look. Deleting is left out, so that everything else can be asked.
"""
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import urllib.parse

import contracts

contracts.need()

import exchanges  # noqa: E402
import judge  # noqa: E402
import openapi  # noqa: E402

sys.path.insert(0, str(contracts.TOP / "tests" / "unit" / "lab"))
import lab_support  # noqa: E402

def tail_of(operation, resource):
    """What the operation has behind the id of such a resource, or None when it is of another type."""
    parts, names = operation.template.strip("/").split("/"), resource.strip("/").split("/")
    if len(parts) < len(names) or not all(part.startswith("{") or part.lower() == name.lower()
                                          for part, name in zip(parts, names)):
        return None
    return parts[len(names):]


def given(operation):
    """The parameters of its first example, if it has any."""
    for reference in operation.node.get("x-ms-examples", {}).values():
        path = operation.path.parent / re.sub(r"^\./", "", reference["$ref"])
        if path.exists():
            return json.loads(path.read_text(encoding="utf-8-sig"))["parameters"]
    return {}


class Walk:
    def __init__(self, lab, specification):
        self.lab, self.specification = lab, specification
        self.served, self.refused = set(), set()

    def ask(self, operation, path):
        values = given(operation)
        values.update(self.of_this_lab(operation, path))
        bodies = [parameter.node["name"] for parameter in operation.parameters if parameter.node["in"] == "body"]
        path = re.sub(r"\{(\w+)\}", lambda match: str(values.get(match[1], "none")), path)
        return self.send(operation.method.upper(), path, operation, values.get(bodies[0]) if bodies else None)

    def send(self, method, path, operation, body=None):
        answer = self.lab.arm(method, urllib.parse.quote(path), body, version=operation.version)
        (self.served if answer.status < 300 else self.refused).add(operation.name)
        return answer

    def of_this_lab(self, operation, path):
        """What an example cannot know: ids and names that are not the same everywhere."""
        if operation.template.endswith("/configurationStores/{configStoreName}/regenerateKey"):
            keys = self.lab.arm("POST", path.replace("regenerateKey", "listKeys"), version=operation.version).json()
            return {"regenerateKeyParameters": {"id": keys["value"][0]["id"]}}
        if "/provisioningServices/" in operation.template:
            return {"keyName": "provisioningserviceowner"}
        return {}

    def resource(self, resource):
        for method in ("get", "post", "put"):
            for operation in self.specification.operations:
                tail = tail_of(operation, resource)
                if tail is not None and operation.method == method:
                    self.ask(operation, "/".join([resource, *tail]))

    def posture(self, scope):
        for what in ("permissions", "roleDefinitions", "denyAssignments"):
            path = scope + "/providers/Microsoft.Authorization/" + what
            operation = self.specification.operation("GET", path, "2022-04-01")
            if operation:
                self.send("GET", path, operation)

    def style(self, style, endpoint):
        """A regeneration in one of the styles that ARM's rules allow, followed to its end."""
        self.lab.control("POST", "/modes", {"operation": style})
        path = endpoint + "/regenerateKeys"
        answer = self.ask(self.specification.operation("POST", path, "2024-04-01"), path)
        states = [self.follow(answer.headers[name]) for name in ("Azure-AsyncOperation", "Location") if answer.headers[name]]
        self.lab.control("POST", "/modes", {"operation": "table"})
        return answer.status, states

    def follow(self, url):
        parts, state = urllib.parse.urlsplit(url), "InProgress"
        while state == "InProgress":
            poll = self.lab.arm("GET", parts.path + "?" + parts.query, version=None)
            state = "InProgress" if poll.status == 202 else json.loads(poll.body or b"{}").get("status", "done")
        return state


# The status of the answer, and the ends that its addresses come to.
STYLES = {
    "sync": (200, []),
    "both": (202, ["Succeeded", "done"]),
    "same": (202, ["Succeeded", "Succeeded"]),
    "location": (202, ["done"]),
    "status": (202, ["Succeeded"]),
}


def walk_all(tap, records):
    specification = openapi.Specification(contracts.SPECIFICATION)
    lab = lab_support.Lab("--operation-time", "50ms")
    walk, resources = Walk(lab, specification), lab.facts["resources"]
    endpoint = resources["Microsoft.MachineLearningServices/workspaces/onlineEndpoints"]
    for style, expected in STYLES.items():
        seen = walk.style(style, endpoint)
        tap.tell(seen == expected, "an operation in the style \"%s\"" % style, "%s" % (seen,))
    for resource in resources.values():
        walk.resource(resource)
    for scope in (lab.arm_prefix, endpoint.split("/providers/")[0], endpoint):
        walk.posture(scope)
    lab.stop()
    judged = judge.Judge(specification)
    wrong = []
    for path in records.glob("*.jsonl"):
        for exchange in exchanges.read(path):
            problems = judged.verdict(exchange).problems
            wrong += ["%s: %s" % (exchange, "; ".join(problems))] if problems else []
    tap.tell(not wrong, "all of it is valid", "\n# ".join(wrong))
    tap.tell(len(walk.served) >= 70, "%d operations are served" % len(walk.served))
    print("".join("# refused: %s\n" % name for name in sorted(walk.refused - walk.served)), end="")


def main():
    tap = contracts.Tap()
    with tempfile.TemporaryDirectory(prefix="kdwalk-") as temporary:
        # A folder of its own, which the validation of the whole run sees too.
        records = pathlib.Path(os.environ.get("KEYDRIFT_LAB_RECORD", temporary), "walk")
        shutil.rmtree(records, ignore_errors=True)
        records.parent.mkdir(exist_ok=True)
        os.environ["KEYDRIFT_LAB_RECORD"] = str(records)
        walk_all(tap, records)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
