"""The OpenAPI document and the docs page, made from what the routes declare."""

from __future__ import annotations

import functools
import re
from typing import Any

from markupsafe import Markup, escape
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from service.api.routing import Endpoint
from service.permissions import MINIMUM_ROLE, Permission
from shared import __version__

_REF = "#/components/schemas/{model}"
_ARGUMENT = re.compile(r"<(?:(?P<kind>[a-z]+)(?:\((?P<choices>[^)]*)\))?:)?(?P<name>[a-z_]+)>")
_CODE = re.compile(r"``([^`]+)``")
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
            "description": "From engineering CAD to finished pictures in Blender and Houdini.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Error": _ERROR},
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
    return {"groups": groups, "schemas": described["components"]["schemas"], "version": __version__}


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
        "parameters": [*_path_parameters(endpoint), *_query_parameters(endpoint)],
        "responses": {
            str(endpoint.status): {"description": "done", "content": _answer_content(endpoint, answers)},
            "default": {
                "description": "refused; the error says why and what to do",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            },
        },
    }
    if endpoint.permission is Permission.PUBLIC:
        operation["security"] = []
    else:
        operation["security"] = [{"token": []}]
        operation["x-minimum-role"] = MINIMUM_ROLE[endpoint.permission].value
    if endpoint.body:
        content = {"application/json": {"schema": {"$ref": _REF.format(model=endpoint.body.__name__)}}}
        operation["requestBody"] = {"required": True, "content": content}
    elif endpoint.upload:
        binary = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": {endpoint.upload: binary}}
    return operation


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
