"""The form of the API: errors, health, and the document that describes it."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.accounts.permissions import Permission
from service.api import ENDPOINTS, openapi
from tests.service.studio import Api, StudioUnderTest


def error_of(client: FlaskClient, method: str, path: str, **options: object) -> tuple[int, str]:
    answer = client.open("/api" + path, method=method, **options)  # type: ignore[arg-type]
    error = json.loads(answer.data)["error"]
    assert error["message"] and "Traceback" not in answer.text
    assert answer.headers["X-Request-Id"]
    return answer.status_code, error["code"]


def test_every_fault_of_a_request_has_the_one_form(studio: StudioUnderTest) -> None:
    client = studio.app.test_client()
    headers = {"Authorization": f"Bearer {studio.admin.token}"}
    assert error_of(client, "GET", "/nowhere") == (404, "not_found")
    assert error_of(client, "GET", "/projects/not-an-id", headers=headers) == (404, "not_found")
    assert error_of(client, "DELETE", "/projects/", headers=headers) == (405, "input.method")
    refused = client.delete("/api/projects/", headers=headers)
    assert refused.json and refused.json["error"]["hint"].startswith("This address takes GET, HEAD, OPTIONS, POST;")
    assert error_of(client, "POST", "/projects/", headers=headers, data="x") == (415, "input.content_type")
    as_json = {**headers, "Content-Type": "application/json"}
    for text in ("{", "[1,", '{"name": NaN}', "[" * 100_000):
        assert error_of(client, "POST", "/projects/", headers=as_json, data=text) == (400, "input.json")
    for text in (
        '{"name": "a\\u0000"}',
        '{"name": "\\ud800"}',
        b'{"name": "\xed\xa0\x80"}',
        '{"\\ud800": 1}'.encode("utf-16"),
    ):
        assert error_of(client, "POST", "/projects/", headers=as_json, data=text) == (422, "input.text")
    assert error_of(client, "POST", "/projects/", headers=as_json, data="[]") == (422, "input.invalid")
    assert error_of(client, "POST", "/projects/", headers=as_json, data=b" " * (9 << 20)) == (413, "input.too_large")
    assert error_of(client, "GET", "/projects/?q=%00", headers=headers) == (422, "input.text")
    assert error_of(client, "GET", f"/projects/?page={10**30}", headers=headers) == (422, "input.invalid")


def test_no_proxy_keeps_what_is_one_users(studio: StudioUnderTest) -> None:
    for path in ("/auth/me", "/projects/", f"/projects/{studio.production().project['id']}"):
        assert studio.artist.get(path).headers["Cache-Control"] == "private, no-cache", path


def test_a_wrong_method_is_told_the_right_ones(studio: StudioUnderTest) -> None:
    refused = studio.admin.call("DELETE", "/projects/")
    assert (refused.status, set(refused.headers["Allow"].split(", "))) == (405, {"GET", "HEAD", "OPTIONS", "POST"})


def test_a_defect_of_ours_is_answered_without_its_traceback(
    studio: StudioUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a secret detail")

    monkeypatch.setattr("service.accounts.auth.identify", broken)
    answer = studio.artist.get("/auth/me")
    assert (answer.status, answer.error["code"]) == (500, "service.internal")
    assert "secret" not in str(answer.body)


def test_health_and_readiness_need_no_token(app: Flask) -> None:
    assert Api(app).get("/health").data["status"] == "ok"
    assert Api(app).get("/ready").data["status"] == "ready"


def test_the_document_describes_every_route(app: Flask) -> None:
    client = app.test_client()
    document = json.loads(client.get("/api/openapi.json").data)
    assert document["openapi"].startswith("3.1")
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    assert len(operations) == len(ENDPOINTS)
    assert len({operation["operationId"] for operation in operations}) == len(ENDPOINTS)
    for operation in operations:
        assert operation["summary"] and operation["x-permission"] in set(Permission)
        assert "default" not in operation["responses"] and "503" in operation["responses"]
    _check_references(document, document)
    page = client.get("/api/docs").text
    shown = unescape(page.replace("<code>", "`").replace("</code>", "`"))
    assert all(operation["summary"].replace("``", "`") in shown for operation in operations)
    assert not re.search(r'(src|href)="(https?:)?//', page), "it loads nothing from elsewhere"


def test_every_request_has_an_example_that_is_accepted() -> None:
    described = openapi.document()["paths"]
    by_name = {each["operationId"]: each for methods in described.values() for each in methods.values()}
    for endpoint in ENDPOINTS:
        if endpoint.body:
            content = by_name[endpoint.name]["requestBody"]["content"]["application/json"]
            endpoint.body.model_validate(content["example"])


def test_what_heeds_if_match_says_so() -> None:
    described = openapi.document()["paths"]
    by_name = {each["operationId"]: each for methods in described.values() for each in methods.values()}
    for endpoint in ENDPOINTS:
        operation = by_name[endpoint.name]
        required = [each["required"] for each in operation["parameters"] if each["name"] == "If-Match"]
        heeds = endpoint.if_match or endpoint.serves_file
        assert required == ([endpoint.if_match == "required"] if heeds else [])
        assert ("412" in operation["responses"]) is bool(heeds or 412 in endpoint.errors)
        has_tag = endpoint.answers_row or endpoint.serves_file
        assert ("ETag" in str(operation["responses"].get(str(endpoint.status)))) is has_tag


def test_the_document_is_valid_openapi(app: Flask) -> None:
    validator = pytest.importorskip("openapi_spec_validator", reason="openapi-spec-validator is not installed")
    validator.validate(json.loads(app.test_client().get("/api/openapi.json").data))


def test_every_process_step_explains_its_parameters(studio: StudioUnderTest) -> None:
    steps = {step["name"]: step for step in studio.artist.get("/workflows/steps").data}
    assert {"convert", "still", "thumbnail"} <= set(steps)
    assert all(p["description"] for step in steps.values() for p in step["parameters"]["properties"].values())


def _check_references(document: dict[str, object], node: object) -> None:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            target: object = document
            for step in node["$ref"].removeprefix("#/").split("/"):
                assert isinstance(target, dict)
                target = target[step]
        for value in node.values():
            _check_references(document, value)
    elif isinstance(node, list):
        for value in node:
            _check_references(document, value)
