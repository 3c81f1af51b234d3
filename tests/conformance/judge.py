# SPDX-License-Identifier: Apache-2.0
"""What each recorded exchange is held to, and whether it keeps it.

Azure Resource Manager and the Activity Log: Microsoft's OpenAPI file that has the operation. A request must be
valid when it was granted, and always when the program under test sent it; a test may ask nonsense on purpose.
What no file describes stands in DOCUMENTED below, with its reason and a schema made from Microsoft's text.
"""
import json
import re

import fastjsonschema

import openapi

# A fault told the lab to answer what no service would: only the request counts.
SPOILT = {"garbage", "redirect"}
# Not a lab but a test's own script answered: its answer counts as none, and its resources have any names.
SCRIPTED = "scripted"

TEXT = {"type": "string", "minLength": 1}
TIME = {"type": "string", "format": "date-time"}
URL = {"type": "string", "pattern": "^https?://"}
DIGITS = {"type": "string", "pattern": "^[0-9]+$"}
TOKEN = {"type": "string", "pattern": r"^[\w-]+\.[\w-]+\.[\w-]+$"}


def record(required, **optional):
    """An object with exactly these members."""
    return {"type": "object", "required": list(required), "properties": {**required, **optional},
            "additionalProperties": False}


ARM_ERROR = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "definitions": {"error": record(
        {"code": TEXT, "message": TEXT}, target={"type": ["string", "null"]},
        details={"type": "array", "items": {"$ref": "#/definitions/error"}}, innererror={"type": "object"},
        additionalInfo={"type": "array", "items": record({"type": TEXT}, info={"type": "object"})})},
    "allOf": [record({"error": {"$ref": "#/definitions/error"}})],
}
STATUS_MONITOR = dict(record(
    {"status": TEXT}, id=TEXT, name=TEXT, startTime=TIME, endTime=TIME, resourceId=TEXT,
    percentComplete={"type": "number", "minimum": 0, "maximum": 100}, properties={"type": ["object", "null"]},
    error=record({"code": TEXT, "message": TEXT}, target=TEXT, details={"type": "array"}, innererror={"type": "object"},
                 additionalInfo={"type": "array"})),
    **{"if": {"properties": {"status": {"pattern": "^[Ff]ailed$"}}}, "then": {"required": ["error"]}})
OAUTH_ERROR = record(
    {"error": TEXT, "error_description": {"type": "string", "pattern": r"^AADSTS\d+: "},
     "error_codes": {"type": "array", "items": {"type": "integer"}, "minItems": 1}},
    timestamp={"type": "string", "pattern": r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$"}, trace_id={"format": "uuid"},
    correlation_id={"format": "uuid"}, error_uri=URL, claims=TEXT, suberror=TEXT)
IDENTITY_TOKEN = record(
    {"access_token": TOKEN, "expires_on": DIGITS, "resource": TEXT, "token_type": {"const": "Bearer"}},
    expires_in=DIGITS, ext_expires_in=DIGITS, not_before=DIGITS, client_id=TEXT, refresh_in=DIGITS, refresh_token={"const": ""})
METADATA_TOKEN = dict(IDENTITY_TOKEN, required=IDENTITY_TOKEN["required"] + ["expires_in"])
FABRIC_TOKEN = record({"access_token": TOKEN, "expires_on": {"type": "integer"}, "resource": TEXT,
                       "token_type": {"const": "Bearer"}})
CLI_TOKEN = record({"accessToken": TOKEN, "expires_on": {"type": "integer"}, "subscription": {"format": "uuid"},
                    "tenant": {"format": "uuid"}, "tokenType": {"const": "Bearer"}},
                   expiresOn={"type": "string", "pattern": r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$"})
RESOURCE = {"type": "object", "required": ["id", "name", "type"], "properties": {
    "id": {"type": "string", "pattern": "^/subscriptions/"}, "name": TEXT, "type": TEXT, "location": TEXT, "kind": TEXT,
    "etag": TEXT, "tags": {"type": "object"}, "sku": {"type": "object"}, "properties": {"type": "object"}},
    "additionalProperties": False}
ROLE_ASSIGNMENTS = record({"value": {"type": "array", "items": record(
    {"id": TEXT, "name": TEXT, "type": TEXT, "properties": record(
        {"roleDefinitionId": TEXT, "principalId": {"format": "uuid"}, "principalType": TEXT, "scope": TEXT},
        condition={"type": ["string", "null"]}, createdOn=TIME, updatedOn=TIME, createdBy=TEXT, updatedBy=TEXT)})}})
# The metadata service's own form, App Service's, Service Fabric's.
IDENTITY_ERROR = {"anyOf": [record({"error": TEXT, "error_description": TEXT}),
                            record({"statusCode": {"type": "integer"}, "message": TEXT}),
                            record({"error": record({"code": TEXT, "message": TEXT})})]}
EMPTY = None
ANY = True

# (target, method, path, what it is and why no OpenAPI file is asked, {status: schema}); other statuses must be errors.
DOCUMENTED = [
    ("arm", "GET", r"/subscriptions/[^/]+/providers/[^/]+/locations/[^/]+/"
     r"(mfeOperationsStatus|operationsStatus|operationStatuses|asyncoperations)/[^/]+",
     "an operation's status monitor: the ARM RPC describes it once for all", {200: STATUS_MONITOR}),
    ("arm", "GET", r"/subscriptions/[^/]+/providers/[^/]+/locations/[^/]+/(mfeOperationResults|operationResults)/[^/]+",
     "an operation's result: the ARM RPC describes it once for all", {200: ANY, 202: EMPTY, 204: EMPTY}),
    ("arm", "GET", r"/subscriptions/.+/providers/Microsoft\.Authorization/roleAssignments",
     "role assignments, whose file is not among these: Microsoft's REST reference", {200: ROLE_ASSIGNMENTS}),
    ("arm", "(GET|PUT)", r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/(?!Microsoft\.Authorization/)[^/]+(/[^/]+/[^/]+)+",
     "a resource of whose file only the key operations are here: what the ARM RPC says of all", {200: RESOURCE}),
    ("arm", "POST", r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Relay/namespaces/[^/]+/([^/]+/[^/]+/)?"
     r"authorizationRules/[^/]+/(listKeys|regenerateKeys)", "Relay, whose file is not among these: as Event Hubs",
     {200: record({"primaryKey": TEXT, "secondaryKey": TEXT}, keyName=TEXT, primaryConnectionString=TEXT,
                  secondaryConnectionString=TEXT)}),
    ("arm", "GET", r"/metadata/endpoints", "the addresses of a cloud: ARM's own page", {200: {
        "type": "array", "minItems": 1, "items": {"type": "object", "required": ["name", "resourceManager", "authentication"],
                                                  "properties": {"resourceManager": URL}}}}),
    ("entra", "POST", r"/[^/]+/oauth2/v2\.0/token", "a token: the OAuth 2.0 pages of Microsoft Entra", {200: record(
        {"token_type": {"const": "Bearer"}, "expires_in": {"type": "integer", "minimum": 0}, "access_token": TOKEN},
        ext_expires_in={"type": "integer"}, refresh_in={"type": "integer"})}),
    ("entra", "GET", r"/[^/]+/v2\.0/\.well-known/openid-configuration", "discovery: OpenID Connect", {200: {
        "type": "object", "required": ["token_endpoint", "authorization_endpoint", "issuer", "jwks_uri"],
        "properties": {name: URL for name in ("token_endpoint", "authorization_endpoint", "issuer", "jwks_uri")}}}),
    ("entra", "GET", r"/federation/\.well-known/openid-configuration", "discovery of the lab's own cluster: OpenID Connect",
     {200: {"type": "object", "required": ["issuer", "jwks_uri"], "properties": {"issuer": URL, "jwks_uri": URL}}}),
    ("entra", "GET", r"/([^/]+/discovery/v2\.0|federation)/keys", "the signing keys: RFC 7517", {200: {
        "type": "object", "required": ["keys"], "properties": {"keys": {"type": "array", "minItems": 1, "items": {
            "type": "object", "required": ["kty", "kid", "n", "e"]}}}}}),
    ("imds", "GET", r"(/arc)?/metadata/identity/oauth2/token/?", "a managed identity's token: the IMDS and Arc pages",
     {200: METADATA_TOKEN}),
    ("imds", "GET", r"/(msi|azureml)/token", "a managed identity's token: the App Service and Azure ML pages",
     {200: IDENTITY_TOKEN}),
    ("imds", "POST", r"/cloudshell/token", "a managed identity's token: Cloud Shell", {200: IDENTITY_TOKEN}),
    ("imds", "GET", r"/fabric/token", "a managed identity's token: the Service Fabric pages", {200: FABRIC_TOKEN}),
    ("imds", "GET", r"/az", "what \"az account get-access-token\" prints: the Azure CLI's pages", {200: CLI_TOKEN, 400: ANY}),
]
# Whose errors have a form of their own.
ERRORS = {"entra": OAUTH_ERROR, "imds": IDENTITY_ERROR}


class Verdict:
    """Under which name the exchange is counted, of what sort that is, and what is wrong with it."""

    def __init__(self, sort, name, problems):
        self.sort, self.name, self.problems = sort, name, problems


class Judge:
    def __init__(self, specification):
        self.specification, self.compiled = specification, {}

    def verdict(self, exchange):
        if exchange.target not in ("arm", "activity"):
            return self._elsewhere(exchange)
        operation = self.specification.operation(exchange.method, exchange.path, exchange.version)
        if operation:
            return Verdict("operation", operation.name, self._operation_problems(operation, exchange))
        # The files do not name what follows a nextLink; Microsoft's libraries GET it, whatever the list began with.
        first = self.specification.operation("POST", exchange.path, exchange.version)
        if exchange.method == "GET" and first and first.is_pageable and exchange.query.get("$skiptoken"):
            return Verdict("operation", first.name, first.answer_problems(exchange))
        return self._elsewhere(exchange)

    # ---- an operation of one of the files

    def _operation_problems(self, operation, exchange):
        problems = []
        if exchange.is_ours and operation.version != exchange.version:
            problems.append("request: no file has the api-version %s" % exchange.version)
        if exchange.is_ours or 200 <= exchange.status < 300:
            problems += ["request: " + problem
                         for problem in operation.request_problems(exchange, exchange.fault != SCRIPTED)]
        if exchange.fault in SPOILT or exchange.status == 0 or (exchange.fault == "status" and exchange.status < 400):
            return problems
        answer = operation.answer_problems(exchange)
        if exchange.status == 202 and operation.is_long_running and not exchange.answer:
            answer = []  # whatever its schema: at this point there is nothing to tell (ARM RPC)
        if answer and exchange.status >= 400 and self._may_be_arms_own(operation, exchange):
            answer = self._fits(ARM_ERROR, exchange)
        answer += self._manners(exchange)
        if exchange.status in (201, 202) and operation.is_long_running:
            answer += self._accepted(exchange)
        return problems + answer

    @staticmethod
    def _may_be_arms_own(operation, exchange):
        """Errors that ARM itself gives before the service is asked, or that the file says nothing of."""
        return (exchange.answer_headers.get("x-ms-failure-cause") == "gateway" or exchange.status in (401, 429)
                or not operation.declared(exchange.status))

    @staticmethod
    def _accepted(exchange):
        """ARM RPC, asynchronous operations: where to look, and when."""
        headers = exchange.answer_headers
        places = [headers[name] for name in ("location", "azure-asyncoperation") if name in headers]
        problems = [] if places else ["%d names no operation to look at" % exchange.status]
        problems += ["not absolute: %s" % place for place in places if not place.startswith("https://")]
        if not re.fullmatch(r"[1-9]\d*", headers.get("retry-after", "1")):
            problems.append("Retry-After: %s" % headers["retry-after"])
        return problems

    @staticmethod
    def _manners(exchange):
        """ARM's resource-provider contract: the ids that every answer carries."""
        if exchange.fault != "none":
            return []
        return ["no %s" % name for name in ("x-ms-request-id", "x-ms-correlation-request-id", "x-ms-routing-request-id")
                if not exchange.answer_headers.get(name)]

    # ---- everything else

    def _elsewhere(self, exchange):
        for target, method, path, what, schemas in DOCUMENTED:
            if (target == exchange.target and re.fullmatch(method, exchange.method)
                    and re.fullmatch(path, exchange.path, re.I)):
                return Verdict("documented", "%s %s (%s)" % (exchange.method, target, what), self._documented(schemas, exchange))
        if exchange.fault == SCRIPTED and exchange.method == "GET":
            return Verdict("refused", "addresses that a test's own script handed out", [])
        if exchange.fault not in ("none", SCRIPTED):
            return Verdict("refused", "faults where there is nothing", [])
        if exchange.is_ours or exchange.status < 400:
            return Verdict("refused", "no document", ["neither an OpenAPI file nor the short list has this"])
        return Verdict("refused", "%s: what is nowhere is refused" % exchange.target,
                       self._error(exchange) if exchange.target in ("arm", "activity") else [])

    def _documented(self, schemas, exchange):
        if exchange.status == 0 or exchange.fault in SPOILT or (exchange.fault == "status" and exchange.status < 400):
            return []
        if exchange.status not in schemas:
            return self._error(exchange)
        schema = schemas[exchange.status]
        problems = self._fits(schema, exchange) if schema not in (EMPTY, ANY) else []
        if schema is EMPTY and exchange.answer:
            problems.append("a body where none belongs")
        if exchange.target == "arm":
            problems += self._manners(exchange)
            if exchange.status == 202:
                problems += self._accepted(exchange)
        return problems

    def _error(self, exchange):
        if exchange.status < 400:
            return ["status %d" % exchange.status]
        return self._fits(ERRORS.get(exchange.target, ARM_ERROR), exchange)

    def _fits(self, schema, exchange):
        key = json.dumps(schema)
        if key not in self.compiled:
            self.compiled[key] = fastjsonschema.compile(schema, formats=openapi.FORMATS)
        try:
            self.compiled[key](json.loads(exchange.answer or ""))
        except fastjsonschema.JsonSchemaException as why:
            return [str(why)]
        except ValueError as why:
            return ["no JSON: %s" % why]
        if not exchange.answer_headers.get("content-type", "").startswith("application/json"):
            return ["the answer's Content-Type is %s" % exchange.answer_headers.get("content-type")]
        return []
