# SPDX-License-Identifier: Apache-2.0
"""Recorded exchanges of a lab (see "Recording" in examples/lab/README.md), and Microsoft's own examples as such."""
import json
import re
import urllib.parse


class Exchange:
    """One request and its answer; names of headers in lower case."""

    def __init__(self, record):
        self.target, self.fault, self.method = record["target"], record["fault"], record["method"]
        self.path = urllib.parse.unquote(record["path"])
        self.query = dict(urllib.parse.parse_qsl(record["query"], keep_blank_values=True))
        self.headers = {name.lower(): value for name, value in record["headers"]}
        self.body, self.status, self.answer = record["body"], record["status"], record["answer"]
        self.answer_headers = {name.lower(): value for name, value in record["answer_headers"]}

    @property
    def version(self):
        return next((value for name, value in self.query.items() if name.lower() == "api-version"), None)

    @property
    def is_ours(self):
        """Sent by the program under test, and not by a test that may ask nonsense on purpose."""
        return self.headers.get("user-agent", "").startswith("keydrift/")

    def __str__(self):
        return "%s %s?%s -> %d %s" % (self.method, self.path, urllib.parse.urlencode(self.query, safe="$',/ "),
                                      self.status, (self.answer or "")[:600])


def read(path):
    """Without a last line that a lab was killed over."""
    with open(path, encoding="utf-8") as lines:
        return [Exchange(json.loads(line)) for line in lines if line.endswith("\n")]


def of_example(operation, example):
    """One exchange for each response of one of Microsoft's examples."""
    path, query, headers, body = operation.template.split("?")[0], {}, {}, ""
    given = example["parameters"]
    for parameter in operation.parameters:
        node, name = parameter.node, parameter.node["name"]
        if name not in given:
            continue
        value = given[name]
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if node["in"] == "path":
            path = path.replace("{%s}" % name, text)
        elif node["in"] == "query":
            query[name] = text
        elif node["in"] == "header":
            headers[name] = text
        else:
            body, headers["Content-Type"] = json.dumps(value), "application/json"
    for status, answer in example["responses"].items():
        answer_headers = dict(answer.get("headers") or {})
        answer_headers.setdefault("Content-Type", "application/json")
        answer_body = answer.get("body")
        yield Exchange({
            "target": "arm", "fault": "none", "method": operation.method.upper(), "path": urllib.parse.quote(path),
            "query": urllib.parse.urlencode(query), "headers": list(headers.items()), "body": body,
            "status": int(status), "answer_headers": [[name, str(value)] for name, value in answer_headers.items()],
            "answer": "" if answer_body is None else json.dumps(answer_body)})


def examples(specification):
    """(operation, file, exchange) of every example that one of the operations names."""
    for operation in specification.operations:
        for reference in operation.node.get("x-ms-examples", {}).values():
            path = operation.path.parent / re.sub(r"^\./", "", reference["$ref"])
            if path.exists():
                for exchange in of_example(operation, json.loads(path.read_text(encoding="utf-8-sig"))):
                    yield operation, path, exchange
