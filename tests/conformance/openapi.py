# SPDX-License-Identifier: Apache-2.0
"""Microsoft's OpenAPI files (Swagger 2.0, with Azure's extensions) as a judge of HTTP exchanges.

Specification(DIRECTORY).operation(...) finds what a request asks for; Operation.check(...) lists what is wrong
with an exchange. Each schema is translated to JSON Schema, once for requests and once for answers, and the
library fastjsonschema does the rest. The translation is as strict as Azure's own validator: members that the
schema does not know are wrong, null is only right where it says x-nullable, and so on.
"""
import base64
import binascii
import datetime
import json
import pathlib
import re
import urllib.parse

import fastjsonschema

REQUEST, ANSWER = "request", "answer"
METHODS = ("get", "put", "post", "patch", "delete", "head")


# ---- formats -------------------------------------------------------------------------------------------


def is_instant(text):
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", text, re.I)
    try:
        return bool(match and datetime.datetime.fromisoformat(match[1]))
    except ValueError:
        return False


def is_base64(text):
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode() == text
    except (ValueError, binascii.Error):
        return False


FORMATS = {
    "date-time": is_instant,
    "date": lambda text: is_instant(text + "T00:00:00Z"),
    "uuid": r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
    "duration": r"^-?P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?$",
    "byte": is_base64,
    "uri": r"^[a-zA-Z][a-zA-Z0-9+.-]*:\S+$",
    "arm-id": r"^/\S+$",
}
BOUNDS = {"int32": (-2 ** 31, 2 ** 31 - 1), "int64": (-2 ** 63, 2 ** 63 - 1)}


# ---- files and references ------------------------------------------------------------------------------


class Place:
    """A node of one of the files: what relative references in it start from."""

    def __init__(self, specification, path, pointer, node):
        self.specification, self.path, self.pointer, self.node = specification, path, pointer, node

    def at(self, node):
        return Place(self.specification, self.path, self.pointer, node)

    def target(self):
        """Where $ref leads, through any number of them."""
        place = self
        while isinstance(place.node, dict) and "$ref" in place.node:
            file, _, pointer = place.node["$ref"].partition("#")
            path = self.specification.locate(place.path, file) if file else place.path
            place = self.specification.place(path, pointer)
        return place

    @property
    def name(self):
        return "%s#%s" % (self.path.relative_to(self.specification.directory), self.pointer)


class Specification:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.documents, self.validators = {}, {}
        self.operations, self.incomplete = [], 0
        for path in sorted(self.directory.rglob("*.json")):
            if "examples" in path.parts or "common-types" in path.parts:
                continue
            # A subset beside the whole file says the same again.
            if path.name.endswith(".subset.json") and path.with_name(path.name.replace(".subset", "")).exists():
                continue
            self._add(path)

    def document(self, path):
        if path not in self.documents:
            self.documents[path] = json.loads(path.read_text(encoding="utf-8-sig"))
        return self.documents[path]

    def locate(self, base, reference):
        """The original tree was deeper: "../../../common/v1/x.json" is where its last part exists."""
        rest = re.sub(r"^(\.{1,2}/)+", "", reference)
        places = [base.parent / rest, *(parent / rest for parent in base.parents if self.directory in (parent, *parent.parents)),
                  *sorted(base.parent.parent.glob("*/" + rest), reverse=True),  # another version's
                  *sorted(self.directory.rglob(rest))]  # or, last, any of that name
        for path in places:
            for candidate in (path, path.with_name(path.name.replace(".json", ".subset.json"))):
                if candidate.exists():
                    return candidate
        raise LookupError("%s: no file for %s" % (base, reference))

    def place(self, path, pointer):
        node = self.document(path)
        for part in pointer.strip("/").split("/"):
            node = node[part.replace("~1", "/").replace("~0", "~")]
        return Place(self, path, pointer, node)

    def _add(self, path):
        document = self.document(path)
        if "x-note" in document:  # transcribed by hand, and only in part
            return
        for template, item in document.get("paths", {}).items():
            for method in METHODS:
                if method in item:
                    try:
                        self.operations.append(Operation(self, path, template, method, item))
                    except LookupError:  # refers to a file that is not among these
                        self.incomplete += 1

    def operation(self, method, path, version):
        """The operation of that path; of the api-version, or of the nearest one that there is. None for none."""
        fitting = [operation for operation in self.operations if operation.fits(method, path)]
        most = max((operation.literals for operation in fitting), default=0)
        fitting = sorted((operation for operation in fitting if operation.literals == most),
                         key=lambda operation: operation.version)
        exact = [operation for operation in fitting if operation.version == version]
        older = [operation for operation in fitting if operation.version < (version or "")]
        return (exact or older[-1:] or fitting or [None])[0]


# ---- schemas -------------------------------------------------------------------------------------------


class Translation:
    """One JSON Schema with all the definitions it needs, for one direction."""

    def __init__(self, direction):
        self.direction, self.definitions = direction, {}

    def whole(self, place):
        schema = self.schema(place)
        return {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": self.definitions,
                "allOf": [schema]}

    def schema(self, place, is_nullable=None):
        node = place.node
        if is_nullable is None:
            is_nullable = self.is_nullable(node, place.target().node)
        if "$ref" in node:
            target = place.target()
            name = target.name + ("?" if is_nullable else "")
            if name not in self.definitions:
                self.definitions[name] = {}  # it may contain itself
                self.definitions[name] = self.schema(target, is_nullable)
            return {"$ref": "#/definitions/" + urllib.parse.quote(
                name.replace("~", "~0").replace("/", "~1"), safe="~")}
        derived = self.derived(place) if "discriminator" in node else {}
        if derived:
            return self.choice(place, derived, is_nullable)
        return self.plain(place, is_nullable)

    @staticmethod
    def is_nullable(*nodes):
        return any(node.get("x-nullable", False) for node in nodes)

    def plain(self, place, is_nullable, is_open=False, is_chosen=False):
        node = place.node
        kind = node.get("type", "object" if {"properties", "allOf", "additionalProperties"} & set(node) else None)
        schema = {name: node[name] for name in
                  ("enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems",
                   "uniqueItems", "multipleOf", "maxProperties") if name in node}
        if kind == "file":
            kind = None
        if kind:
            schema["type"] = [kind, "null"] if is_nullable else kind
        if is_nullable and "enum" in schema:
            schema["enum"] = schema["enum"] + [None]
        if kind == "string" and node.get("format") in FORMATS:
            schema["format"] = node["format"]
        if kind == "integer" and node.get("format") in BOUNDS:
            least, most = BOUNDS[node["format"]]
            schema["minimum"] = max(least, node.get("minimum", least))
            schema["maximum"] = min(most, node.get("maximum", most))
        if kind == "array" and "items" in node:
            schema["items"] = self.schema(place.at(node["items"]))
        if kind == "object":
            # Where a subset left out the types derived from this one, any of them may be meant.
            self.object(place, schema, is_open or "discriminator" in node and not is_chosen)
        return schema

    def object(self, place, schema, is_open):
        members, required, others = self.members(place)
        schema["properties"] = {}
        for name, member in members.items():
            if not self.may_be_there(member):
                required.discard(name)
                schema["properties"][name] = {"type": "null"} if self.direction == ANSWER else False
            else:
                schema["properties"][name] = self.schema(member)
        if required:
            schema["required"] = sorted(required)
        if isinstance(others, Place):
            schema["additionalProperties"] = self.schema(others)
        elif not is_open:
            schema["additionalProperties"] = bool(others) if others is not None else not members

    def members(self, place):
        """What the object and all that it is made of have: members, the required ones, and its word on others."""
        node = place.node
        members, required, others = {}, set(), None
        for part in node.get("allOf", ()):
            more, needed, _ = self.members(place.at(part).target())
            members.update(more)
            required |= needed
        members.update((name, place.at(member)) for name, member in node.get("properties", {}).items())
        required |= set(node.get("required", ()))
        if "additionalProperties" in node:
            others = node["additionalProperties"]
            others = place.at(others) if isinstance(others, dict) and others else bool(others)
        return members, required, others

    def may_be_there(self, member):
        nodes = (member.node, member.target().node)
        abilities = next((node["x-ms-mutability"] for node in nodes if "x-ms-mutability" in node), None)
        if self.direction == REQUEST:
            return not any(node.get("readOnly") for node in nodes) and abilities != ["read"]
        return abilities is None or "read" in abilities

    def derived(self, place):
        """The types that a value of the discriminator stands for."""
        found = {}
        definitions = place.specification.document(place.path).get("definitions", {})
        for name in definitions:
            candidate = place.specification.place(place.path, "/definitions/" + name)
            if candidate.node is not place.node and self.is_made_of(candidate, place.node):
                found[candidate.node.get("x-ms-discriminator-value", name)] = candidate
        return found

    def is_made_of(self, candidate, node):
        parts = [candidate.at(part).target() for part in candidate.node.get("allOf", ())]
        return any(part.node is node or self.is_made_of(part, node) for part in parts)

    def choice(self, place, derived, is_nullable):
        by = place.node["discriminator"]
        base = self.plain(place, is_nullable, is_open=True)
        base["allOf"] = [{"if": {"properties": {by: {"const": value}}, "required": [by]},
                          "then": self.plain(candidate, False, is_chosen=True)} for value, candidate in derived.items()]
        base["required"] = sorted(set(base.get("required", ())) | {by})
        return base


class Validator:
    def __init__(self, place, direction):
        self.check = fastjsonschema.compile(Translation(direction).whole(place), formats=FORMATS)

    def problem(self, value):
        try:
            self.check(value)
        except fastjsonschema.JsonSchemaException as why:
            return str(why)
        return None


# ---- operations ----------------------------------------------------------------------------------------


class Operation:
    def __init__(self, specification, path, template, method, item):
        self.specification, self.path, self.template, self.method = specification, path, template, method
        self.node = item[method]
        self.version = specification.document(path)["info"]["version"]
        self.name = "%s %s" % (method.upper(), template)
        here = Place(specification, path, template, self.node)
        self.parameters = [here.at(parameter).target()
                           for parameter in item.get("parameters", []) + self.node.get("parameters", [])]
        self.place = here
        bare = template.split("?")[0]
        self.literals = sum("{" not in part for part in bare.split("/") if part)
        # "/{roleId}" would take every path there is.
        self.pattern = re.compile(self._expression(bare), re.I) if self.literals else None

    def _expression(self, template):
        many = {parameter.node["name"] for parameter in self.parameters
                if parameter.node.get("x-ms-skip-url-encoding") and parameter.node["in"] == "path"}
        parts = re.split(r"\{([^}]+)\}", template)
        parts[::2] = [re.escape(part) for part in parts[::2]]
        parts[1::2] = ["(?P<%s>%s)" % (re.sub(r"\W", "_", name), ".*" if name in many else "[^/]+")
                       for name in parts[1::2]]
        expression = "".join(parts)
        # "{scope}" comes with or without its first slash.
        return expression.replace("/(?P<scope>.*)", "/*(?P<scope>.*)")

    def fits(self, method, path):
        return method.lower() == self.method and self.pattern and self.pattern.fullmatch(path)

    @property
    def is_pageable(self):
        return "x-ms-pageable" in self.node

    @property
    def is_long_running(self):
        return bool(self.node.get("x-ms-long-running-operation"))

    def _validator(self, place, direction):
        key = (place.path, json.dumps(place.node, sort_keys=True), direction)
        if key not in self.specification.validators:
            self.specification.validators[key] = Validator(place, direction)
        return self.specification.validators[key]

    # ---- the request

    def request_problems(self, exchange, with_names=True):
        """Of one whose path fits. `with_names` False: names of resources may be any."""
        parts = self.pattern.fullmatch(exchange.path).groupdict()
        query = {name.lower(): value for name, value in exchange.query.items()}
        known = {"api-version"}
        if "x-ms-pageable" in self.node:
            known.add("$skiptoken")  # opaque, from a nextLink
        problems = []
        for parameter in self.parameters:
            node, name = parameter.node, parameter.node["name"]
            if node["in"] == "body":
                problems += self._body_problems(parameter, exchange)
                continue
            known.add(name.lower())
            value = {"path": parts.get(re.sub(r"\W", "_", name)), "query": query.get(name.lower()),
                     "header": exchange.headers.get(name.lower())}[node["in"]]
            if name == "api-version" or (value is None and not node.get("required")):
                continue
            if node["in"] == "path" and "enum" not in node and not with_names:
                continue
            if value is None:
                problems.append("%s parameter %s is missing" % (node["in"], name))
            else:
                problems += self._value_problems(parameter, value)
        if not query.get("api-version"):
            problems.append("api-version is missing")
        problems += ["query parameter %s is not known" % name for name in query if name not in known]
        if exchange.body and not any(parameter.node["in"] == "body" for parameter in self.parameters):
            problems.append("a body where none belongs")
        return problems

    def _value_problems(self, parameter, text):
        kind, value = parameter.node.get("type"), text
        try:
            if kind in ("integer", "number"):
                value = int(text) if kind == "integer" else float(text)
            elif kind == "boolean":
                value = {"true": True, "false": False}[text.lower()]
            elif kind == "array":
                value = text.split(",")
        except (ValueError, KeyError):
            return ["%s is no %s" % (parameter.node["name"], kind)]
        problem = self._validator(parameter, REQUEST).problem(value)
        return ["%s: %s" % (parameter.node["name"], problem)] if problem else []

    def _body_problems(self, parameter, exchange):
        if not exchange.body:
            return ["the body is missing"] if parameter.node.get("required") else []
        if not re.match(r"(application|text)/json\b", exchange.headers.get("content-type", "")):
            return ["the body's Content-Type is %s" % exchange.headers.get("content-type")]
        return self._json_problems(parameter.at(parameter.node["schema"]), exchange.body, REQUEST)

    def _json_problems(self, schema, text, direction):
        try:
            value = json.loads(text)
        except ValueError as why:
            return ["no JSON: %s" % why]
        problem = self._validator(schema, direction).problem(value)
        return [problem] if problem else []

    # ---- the answer

    def declared(self, status):
        """What the file says of this status; its "default" speaks of errors."""
        responses = self.node["responses"]
        node = responses.get(str(status)) or (responses.get("default") if status >= 400 else None)
        return self.place.at(node).target() if node else None

    def answer_problems(self, exchange):
        declared = self.declared(exchange.status)
        if not declared:
            return ["status %d is not declared: %s" % (exchange.status, ", ".join(self.node["responses"]))]
        problems = []
        if "schema" not in declared.node:
            if exchange.answer:
                problems.append("a body where the file declares none")
        elif not exchange.answer_headers.get("content-type", "").startswith("application/json"):
            problems.append("the answer's Content-Type is %s" % exchange.answer_headers.get("content-type"))
        else:
            problems += self._json_problems(declared.at(declared.node["schema"]), exchange.answer, ANSWER)
        for name, header in declared.node.get("headers", {}).items():
            value = exchange.answer_headers.get(name.lower())
            if value is not None:
                problems += self._header_problems(declared.at(dict(header, name=name)), value)
        return problems

    def _header_problems(self, header, value):
        # ARM's least Retry-After is 10 s; a lab that is to be waited for in tests says 1.
        node = {name: word for name, word in header.node.items()
                if name != "minimum" or header.node["name"].lower() != "retry-after"}
        return self._value_problems(header.at(node), value)
