#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The validator itself: Microsoft's own examples are valid, and an exchange spoilt in any one way is not."""
import copy
import json
import sys

import contracts

contracts.need()

import exchanges  # noqa: E402
import judge  # noqa: E402
import openapi  # noqa: E402

SPECIFICATION = openapi.Specification(contracts.SPECIFICATION)
JUDGE = judge.Judge(SPECIFICATION)

# Examples that contradict their own file.
KNOWN_WRONG = {
    "SystemTopicEventSubscriptions_CreateOrUpdate.json": "labels are null where an array is declared",
    "SystemTopics_Get.json": "tags are null where an object is declared",
    "SystemTopics_CreateOrUpdate.json": "tags are null where an object is declared",
    "Workspace/listKeys.json": "members are null where strings are declared",
    "Workspace/listStorageAccountKeys.json": "members are null where strings are declared",
    "Notebook/listKeys.json": "members are null where strings are declared",
    # Their path is one parameter alone, which every path would fit.
    "GetDenyAssignmentById.json": "a path of one parameter",
    "GetRoleDefinitionById.json": "a path of one parameter",
}

GROUP = "/subscriptions/9d5c1b7e-8a46-4d0f-b2c3-7e1f5a7d1004/resourceGroups/rg/providers/"
ENDPOINT = GROUP + "Microsoft.MachineLearningServices/workspaces/ws1/onlineEndpoints/swin"
ARM_HEADERS = [["Content-Type", "application/json; charset=utf-8"], ["x-ms-request-id", "1"],
               ["x-ms-correlation-request-id", "2"], ["x-ms-routing-request-id", "3"]]
SHOWN = {
    "id": ENDPOINT, "name": "swin", "type": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
    "location": "canadacentral", "tags": {}, "kind": "Managed",
    "identity": {"type": "SystemAssigned", "principalId": "4e1f6a3c-2a57-4f6e-9d7b-3c8e5a7d1003",
                 "tenantId": "72f9a1d0-0b5e-4c5a-9f43-1f2c5a7d1001"},
    "systemData": {"createdAt": "2024-01-15T14:02:11.1234567Z", "createdBy": "ana@example.org", "createdByType": "User"},
    "properties": {"authMode": "Key", "scoringUri": "https://x/score", "swaggerUri": None, "traffic": {"blue": 100},
                   "provisioningState": "Succeeded", "publicNetworkAccess": "Enabled"}}
KEYS = {"keys": [{"keyName": "key1", "value": "a", "permissions": "Full", "creationTime": "2024-01-15T14:02:11Z"}]}


def arm(method, path, answer, status=200, version="2024-04-01", body=None):
    return {"target": "arm", "fault": "none", "method": method, "path": path, "query": "api-version=" + version,
            "headers": [["Content-Type", "application/json"]] if body else [], "body": json.dumps(body) if body else "",
            "status": status, "answer_headers": copy.deepcopy(ARM_HEADERS),
            "answer": "" if answer is None else json.dumps(answer)}


def accepted():
    record = arm("POST", ENDPOINT + "/regenerateKeys", None, 202, body={"keyType": "Primary"})
    record["answer_headers"] += [["Location", "https://x/1"], ["Retry-After", "1"]]
    return record


def show():
    return arm("GET", ENDPOINT, SHOWN)


def storage(verb="listKeys", body=None, answer=None, status=200):
    return arm("POST", GROUP + "Microsoft.Storage/storageAccounts/kdaccount/" + verb, answer or KEYS, status, "2023-05-01", body)


def monitor(**members):
    path = GROUP.split("/resourceGroups")[0] + "/providers/Microsoft.MachineLearningServices/locations/x/mfeOperationsStatus/1"
    return arm("GET", path, members)


def token(**members):
    record = {"target": "entra", "fault": "none", "method": "POST", "path": "/t/oauth2/v2.0/token", "query": "", "headers": [],
              "body": "", "status": 200, "answer_headers": [["Content-Type", "application/json"]]}
    return dict(record, answer=json.dumps({"token_type": "Bearer", "expires_in": 3599, "access_token": "a.b.c", **members}))


def in_answer(*path, value=None, remove=False):
    """Changes the member of the answer at that path."""
    def change(record):
        whole = json.loads(record["answer"])
        node = whole
        for name in path[:-1]:
            node = node[name]
        if remove:
            del node[path[-1]]
        else:
            node[path[-1]] = value
        record["answer"] = json.dumps(whole)
    return change


def setting(**members):
    return lambda record: record.update(members)


def without_header(name):
    def change(record):
        record["answer_headers"] = [pair for pair in record["answer_headers"] if pair[0] != name]
    return change


def with_header(name, value):
    def change(record):
        without_header(name)(record)
        record["answer_headers"].append([name, value])
    return change


# (what is spoilt, a valid exchange, how)
SPOILT = [
    ("a required member is missing", show, in_answer("location", remove=True)),
    ("a required member further in is missing", show, in_answer("properties", "authMode", remove=True)),
    ("a string is a number", show, in_answer("name", value=1)),
    ("a number is a string", show, in_answer("properties", "traffic", "blue", value="100")),
    ("a number has a fraction", show, in_answer("properties", "traffic", "blue", value=0.5)),
    ("a number is too large for its format", show, in_answer("properties", "traffic", "blue", value=2 ** 31)),
    ("an object is a list", show, in_answer("properties", value=[])),
    ("a list is an object", storage, in_answer("keys", value={})),
    ("a member of a list's entry is of the wrong type", storage, in_answer("keys", 0, "value", value=7)),
    ("a word is none of the enumerated", show, in_answer("properties", "authMode", value="Password")),
    ("a word is spelt in another case", show, in_answer("properties", "authMode", value="key")),
    ("an enumerated word in a list's entry is unknown", storage, in_answer("keys", 0, "permissions", value="Some")),
    ("a member is unknown", show, in_answer("primaryKey", value="x")),
    ("a member further in is unknown", show, in_answer("properties", "scoringUrl", value="https://x/")),
    ("null where it may not be", show, in_answer("properties", "provisioningState", value=None)),
    ("a secret that is never shown is shown", show, in_answer("properties", "keys", value={"primaryKey": "a"})),
    ("a time is none", show, in_answer("systemData", "createdAt", value="15.1.2024")),
    ("a time of an impossible day", show, in_answer("systemData", "createdAt", value="2024-02-30T00:00:00Z")),
    ("an id is none", show, in_answer("identity", "tenantId", value="contoso")),
    ("an address is none", show, in_answer("properties", "scoringUri", value="score")),
    ("the answer is no JSON", show, setting(answer='{"id":')),
    ("the answer is empty", show, setting(answer="")),
    ("the answer's type is text", show, with_header("Content-Type", "text/plain")),
    ("a status that is not declared", show, setting(status=201)),
    ("a redirection", show, setting(status=307)),
    ("an error in the form of an answer", show, setting(status=404)),
    ("an error without its envelope", show, setting(status=404, answer='{"code":"NotFound","message":"m"}')),
    ("an error without a code, where the file says nothing", storage, setting(status=403, answer='{"error":{"message":"m"}}')),
    ("an answer without ARM's ids", show, without_header("x-ms-request-id")),
    ("accepted, with a body", accepted, setting(answer="{}")),
    ("accepted, without a place to look", accepted, without_header("Location")),
    ("accepted, with a relative place to look", accepted, with_header("Location", "/subscriptions/x")),
    ("accepted, with a Retry-After that is no number", accepted, with_header("Retry-After", "soon")),
    ("accepted, with a Retry-After of 0", accepted, with_header("Retry-After", "0")),
    ("a request without api-version", show, setting(query="")),
    ("a request with an unknown parameter", show, setting(query="api-version=2024-04-01&x=1")),
    ("a request with a parameter of the wrong type",
     lambda: arm("GET", ENDPOINT.rsplit("/", 1)[0], {"value": [SHOWN]}), setting(query="api-version=2024-04-01&count=many")),
    ("a name that the service does not allow", show, setting(path=ENDPOINT.replace("/ws1/", "/-/"))),
    ("a request without its body", accepted, setting(body="")),
    ("a request with a body that does not belong", show, setting(body="{}")),
    ("a request whose body says nothing of its type", accepted, setting(headers=[])),
    ("a request with an unknown word", accepted, setting(body='{"keyType":"primary"}')),
    ("a request with an unknown member", accepted, setting(body='{"keyType":"Primary","slot":1}')),
    ("a request without a required member", accepted, setting(body="{}")),
    ("an operation that no file has", show, setting(path=ENDPOINT + "/nothing")),
    ("a status monitor without a status", lambda: monitor(status="Succeeded"), in_answer("status", remove=True)),
    ("a failed operation that does not say why", lambda: monitor(status="Succeeded"), in_answer("status", value="Failed")),
    ("a token that lasts a text", token, in_answer("expires_in", value="3599")),
    ("a token error without AADSTS", token, setting(status=401, answer='{"error":"x","error_description":"y","error_codes":[1]}')),
]


def problems_of(record):
    return JUDGE.verdict(exchanges.Exchange(record)).problems


def is_known_wrong(path):
    return any(str(path).endswith(name) for name in KNOWN_WRONG)


def examples_are_valid(tap):
    counted, wrong, surprising = 0, [], set(KNOWN_WRONG)
    for operation, path, exchange in exchanges.examples(SPECIFICATION):
        counted += 1
        if operation.fits(exchange.method, exchange.path):
            problems = operation.request_problems(exchange) + operation.answer_problems(exchange)
        else:
            problems = ["the path does not fit"]
        if problems and is_known_wrong(path):
            surprising -= {name for name in KNOWN_WRONG if str(path).endswith(name)}
        elif problems:
            wrong.append("%s %d: %s" % (path, exchange.status, problems))
    tap.tell(counted > 200 and not wrong, "Microsoft's %d example answers are valid" % counted, "\n# ".join(wrong))
    tap.tell(not surprising, "those known to contradict their file still do", str(surprising))


def every_operation_is_really_checked(tap):
    """In each operation with a JSON answer, an answer that is a bare number is noticed; and so is status 299."""
    checked, missed = 0, []
    for operation, path, exchange in exchanges.examples(SPECIFICATION):
        if exchange.status >= 300 or not operation.fits(exchange.method, exchange.path):
            continue
        declared = operation.declared(exchange.status)
        if "schema" in declared.node:
            exchange.answer = "17"
            checked += 1
            if not operation.answer_problems(exchange):
                missed.append(operation.name)
        exchange.status = 299
        if not operation.answer_problems(exchange):
            missed.append(operation.name)
    tap.tell(checked > 100 and not missed, "a bare number is no answer to any operation, and 299 no status", str(missed))


def main():
    tap = contracts.Tap()
    examples_are_valid(tap)
    every_operation_is_really_checked(tap)
    for name, make, spoil in SPOILT:
        before = problems_of(make())
        record = make()
        spoil(record)
        tap.tell(not before and problems_of(record), name + ": is noticed", "before: %s" % before)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
