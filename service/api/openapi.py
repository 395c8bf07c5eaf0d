"""The OpenAPI document and the docs page, made from what the routes declare."""

from __future__ import annotations

import functools
import re
from typing import Any

from markupsafe import Markup, escape
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from service.accounts.permissions import MINIMUM_ROLE, Permission
from service.api.routing import Endpoint
from shared import __version__

_REF = "#/components/schemas/{model}"
_ERROR_REF = {"$ref": "#/components/schemas/Error"}
_EXAMPLE_ID = "6f1d7a52-0c5e-4f3b-9a35-1c8f2f5b7e10"
_ARGUMENT = re.compile(r"<(?:(?P<kind>[a-z]+)(?:\((?P<choices>[^)]*)\))?:)?(?P<name>[a-z_]+)>")
_CODE = re.compile(r"``?([^`]+)``?")
_ERROR = {
    "type": "object",
    "required": ["ok", "error"],
    "properties": {
        "ok": {"const": False},
        "error": {
            "type": "object",
            "required": ["code", "message", "hint", "fields"],
            "properties": {
                "code": {"type": "string", "description": "never changes; programs may rely on it"},
                "message": {"type": "string"},
                "hint": {"type": "string", "description": "what to do"},
                "fields": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
    },
}
_REFUSALS = {
    400: ("the body is not JSON, or did not arrive whole", "input.json"),
    401: ("no token, or one that is wrong, expired or revoked", "auth.invalid_token"),
    403: ("the role, or the token's scopes, do not allow this", "auth.forbidden"),
    404: ("there is no such row in this tenant", "not_found"),
    409: (
        "it contradicts what stands: a taken name, an archived row, a state that does not allow it",
        "conflict.exists",
    ),
    412: (
        "somebody changed the row, or the file, since the state that If-Match names; `fields` tells what, and who",
        "conflict.stale",
    ),
    413: ("the body is too large", "input.too_large"),
    415: ("the body is not of a kind that this call takes", "input.content_type"),
    422: ("a value is missing or wrong; `fields` names each", "input.invalid"),
    416: ("the file has no such range", "http.416"),
    428: ("this call replaces the whole and needs If-Match", "input.if_match"),
    429: ("too many attempts; Retry-After tells the seconds to wait", "auth.rate_limited"),
    503: ("the database or another part of the service is away for the moment", "service.database"),
    507: ("the storage is full, or the file is gone from it", "storage.failed"),
}
"""What each status means, and a code that comes with it."""
_SUCCESSES = {206: "the part of the file that Range asks for", 304: "unchanged since the ETag of If-None-Match"}
_HEADERS = {
    "X-Request-Id": ("names the request in the service's log and audit log", {"type": "string"}),
    "ETag": (
        "of the row as it is answered: its revision, a hyphen, and a digest; or of the file",
        {"type": "string"},
    ),
    "Retry-After": ("seconds to wait", {"type": "integer"}),
}
_IF_MATCH = (
    "the ETag of the row as you read it, or its `revision` in quotes, or `*` for any; refused with 412 where somebody"
    " changed it since"
)
_IF_NONE_MATCH = "an ETag that you have; where it is still the row's, the answer is 304 without a body"
_OF_FILES = {
    "Range": "the part of the file that you want, such as `bytes=1000-`",
    "If-Match": "the ETag of the file of which you have a part; refused with 412 where it is another by now",
    "If-None-Match": "an ETag that you have; where it is still the file's, the answer is 304 without a body",
}
_DESCRIPTION = """From engineering CAD to finished pictures in Blender and Houdini.

Answers are `{"ok": true, "data": ...}`, errors `{"ok": false, "error": {code, message, hint, fields}}`.

Nothing is lost when two people work on one row. A single row is answered with an `ETag`. `PATCH` and the calls that
archive, restore or move on a row change only what they name; with `If-Match` they are refused (412) where somebody
changed the row since, and the error says what and who. A `PUT` replaces the whole: send `If-Match` with it. Those
that cannot do without refuse a request that has none (428).

Rows are put away, not deleted: lists leave out what is archived unless `archived=1`, and it stays to be read by its id.
"""


@functools.cache
def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document of all endpoints."""
    from service.api import ENDPOINTS

    schemas, answers = _schemas(ENDPOINTS)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        path = _ARGUMENT.sub(lambda match: "{" + match["name"] + "}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, schemas, answers)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Raceway",
            "version": __version__,
            "description": _DESCRIPTION,
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Error": _ERROR},
            "responses": _refusals(),
            "headers": {name: {"description": text, "schema": kind} for name, (text, kind) in _HEADERS.items()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def page_values() -> dict[str, Any]:
    """What the docs page shows: the operations by resource, and the schemas they use."""
    described = document()
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append({"path": path, "method": method.upper(), **operation})
    return {
        "groups": groups,
        "schemas": described["components"]["schemas"],
        "refusals": described["components"]["responses"],
        "description": described["info"]["description"],
        "version": __version__,
    }


def marked(text: str) -> Markup:
    """``text`` as HTML, with what stands between two backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))


def _schemas(endpoints: tuple[Endpoint, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Schemas by model name, and the schema of each endpoint's ``data`` by ``METHOD path``."""
    bodies: list[tuple[Any, JsonSchemaMode]] = [(each.body, "validation") for each in endpoints if each.body]
    _, defined = models_json_schema(bodies, ref_template=_REF)
    inputs = [
        (f"{each.method} {each.path}", "serialization", each.adapter) for each in endpoints if each.answer is not None
    ]
    answers, more = TypeAdapter.json_schemas(
        [(key, mode, adapter) for key, mode, adapter in inputs],  # type: ignore[misc]
        ref_template=_REF,
        schema_generator=GenerateJsonSchema,
    )
    schemas = {**defined.get("$defs", {}), **more.get("$defs", {})}
    return schemas, {key: schema for (key, _), schema in answers.items()}


def _operation(endpoint: Endpoint, schemas: dict[str, Any], answers: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "tags": [endpoint.tag],
        "summary": endpoint.help.split("\n")[0],
        "description": endpoint.help,
        "x-permission": endpoint.permission.value,
        "parameters": [*_path_parameters(endpoint), *_query_parameters(endpoint), *_header_parameters(endpoint)],
        "responses": _responses(endpoint, answers),
    }
    if endpoint.permission is Permission.PUBLIC:
        operation["security"] = []
    else:
        operation["security"] = [{"token": []}]
        operation["x-minimum-role"] = MINIMUM_ROLE[endpoint.permission].value
    if endpoint.body:
        schema = {"$ref": _REF.format(model=endpoint.body.__name__)}
        content = {"application/json": {"schema": schema, "example": example_of(schema, schemas)}}
        operation["requestBody"] = {"required": True, "content": content}
    elif endpoint.upload:
        binary = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": {endpoint.upload: binary}}
    return operation


def statuses_of(endpoint: Endpoint) -> set[int]:
    """Every status that an endpoint may answer with: what it declares, and what follows from that."""
    statuses = {endpoint.status, endpoint.status_again or endpoint.status, 503, *endpoint.errors}
    if endpoint.permission is not Permission.PUBLIC:
        statuses |= {401, 403}
    if "<" in endpoint.path:
        statuses.add(404)
    if endpoint.query:
        statuses.add(422)
    if endpoint.body:
        statuses |= {400, 404, 413, 415, 422}
    if endpoint.upload:
        statuses |= {400, 404, 413, 415, 422, 507}
    if endpoint.method != "GET" and endpoint.permission is not Permission.PUBLIC:
        statuses |= {409}
    if endpoint.answers_row and endpoint.method == "GET":
        statuses.add(304)
    if endpoint.if_match:
        statuses.add(412)
    if endpoint.if_match == "required":
        statuses.add(428)
    if endpoint.serves_file:
        statuses |= {206, 304, 412, 416}
    if endpoint.answer is None and endpoint.media_type != "application/json" and "<" in endpoint.path:
        statuses.add(507)
    return statuses


def _responses(endpoint: Endpoint, answers: dict[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status in sorted(statuses_of(endpoint)):
        if status >= 400:
            responses[str(status)] = {"$ref": f"#/components/responses/{status}"}
            continue
        response: dict[str, Any] = {"description": _SUCCESSES.get(status, "done"), "headers": _headers("X-Request-Id")}
        if status != 304:
            response["content"] = _answer_content(endpoint, answers)
        if endpoint.answers_row or endpoint.serves_file:
            response["headers"] |= _headers("ETag")
        responses[str(status)] = response
    return responses


def _refusals() -> dict[str, Any]:
    """The answers that calls share with which they refuse."""
    responses = {}
    for status, (text, code) in _REFUSALS.items():
        error = {"code": code, "message": f"{text[0].upper()}{text[1:]}.", "hint": "", "fields": {}}
        responses[str(status)] = {
            "description": text,
            "headers": _headers("X-Request-Id", *(["Retry-After"] if status == 429 else [])),
            "content": {"application/json": {"schema": _ERROR_REF, "example": {"ok": False, "error": error}}},
        }
    return responses


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _answer_content(endpoint: Endpoint, answers: dict[str, Any]) -> dict[str, Any]:
    data = answers.get(f"{endpoint.method} {endpoint.path}")
    if data is None and endpoint.media_type != "application/json":
        return {endpoint.media_type: {"schema": {"type": "string", "format": "binary"}}}
    if data is None and endpoint.name == "openapi_document":
        return {"application/json": {"schema": {"type": "object"}}}
    envelope = {
        "type": "object",
        "required": ["ok", "data"],
        "properties": {"ok": {"const": True}, "data": data or {"type": "null"}},
    }
    return {"application/json": {"schema": envelope}}


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    parameters = []
    for match in _ARGUMENT.finditer(endpoint.path):
        schema: dict[str, Any] = {"type": "string"}
        if match["kind"] == "uuid":
            schema["format"] = "uuid"
        elif match["kind"] == "int":
            schema = {"type": "integer", "minimum": 0}
        elif match["choices"]:
            schema["enum"] = match["choices"].split(",")
        parameters.append({"name": match["name"], "in": "path", "required": True, "schema": schema})
    return parameters


def _query_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    if endpoint.query is None:
        return []
    schema = endpoint.query.model_json_schema(ref_template=_REF)
    parameters = []
    for name, described in schema["properties"].items():
        plain = {key: value for key, value in described.items() if key not in ("title", "description")}
        parameter = {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": plain}
        if "description" in described:
            parameter["description"] = described["description"]
        parameters.append(parameter)
    return parameters


def _header_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    headers = []
    if endpoint.if_match:
        headers.append(("If-Match", _IF_MATCH, endpoint.if_match == "required"))
    if endpoint.answers_row and endpoint.method == "GET":
        headers.append(("If-None-Match", _IF_NONE_MATCH, False))
    if endpoint.serves_file:
        headers += [(name, text, False) for name, text in _OF_FILES.items()]
    return [
        {"name": name, "in": "header", "required": required, "description": text, "schema": {"type": "string"}}
        for name, text, required in headers
    ]


def example_of(schema: dict[str, Any], schemas: dict[str, Any], name: str = "") -> Any:
    """A value that meets ``schema``, made of its examples, defaults and choices: what a request may look like."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, name)
    for keyword in ("examples", "enum"):
        if schema.get(keyword):
            return schema[keyword][0]
    for keyword in ("const", "default"):
        if schema.get(keyword) is not None:
            return schema[keyword]
    for keyword in ("anyOf", "oneOf", "allOf"):
        if keyword in schema:
            return example_of(schema[keyword][0], schemas, name)
    if schema.get("type") == "object":
        fields = schema.get("properties", {})
        return {field: example_of(each, schemas, field) for field, each in fields.items() if _is_shown(field, schema)}
    if schema.get("type") == "array":
        items = schema.get("prefixItems") or [schema.get("items", {})] * max(schema.get("minItems", 1), 1)
        return [example_of(each, schemas, name) for each in items]
    return _plain_example(schema, name)


def _is_shown(field: str, schema: dict[str, Any]) -> bool:
    """Examples show what a call needs, and of one that needs nothing, what it takes."""
    required = schema.get("required", [])
    return field in required or not required


def _plain_example(schema: dict[str, Any], name: str) -> Any:
    by_format = {"uuid": _EXAMPLE_ID, "date": "2027-01-31", "date-time": "2027-01-31T12:00:00Z"}
    match schema.get("type"):
        case "string":
            return by_format.get(schema.get("format", ""), (name or "text").ljust(schema.get("minLength", 0), "x"))
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
    return {}
