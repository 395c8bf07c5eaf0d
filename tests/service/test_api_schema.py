"""The whole OpenAPI document, tried with what schemathesis thinks of: no answer surprises who reads the document.

A longer run, on demand: ``RACEWAY_SCHEMA_EXAMPLES=100 python -m pytest --hypothesis-profile=search`` and this file.
"""

from __future__ import annotations

import copy
import os
import re
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.accounts import throttle
from service.accounts.permissions import Role
from service.api import ENDPOINTS, openapi
from service.api.routing import Endpoint
from tests.service.filled import Filled, filled_with
from tests.service.recipes import name_of
from tests.service.studio import make_studio
from tests.service.world import World

EXAMPLES = int(os.environ.get("RACEWAY_SCHEMA_EXAMPLES", "3"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
NOT_TRIED = {
    "GET /api/events": "never ends",
    "GET /api/jobs/<uuid:job_id>/events": "never ends",
    "POST /api/auth/logout": "would end the test's own session",
}
TRIED = [
    (each, mode)
    for each in ENDPOINTS
    for mode in GenerationMode
    # What takes nothing cannot be given anything wrong.
    if name_of(each) not in NOT_TRIED and (mode is GenerationMode.POSITIVE or each.query or each.body)
]
OF_THE_TESTER = {"user_id", "tenant_id", "token_id"}
"""Ids that stay invented, so that nothing locks the tester out."""


@pytest.fixture(scope="module")
def filled(app: Flask) -> Filled:
    studio = make_studio(app)
    world = World(studio)
    world.converted(), world.shot(), world.material(), world.alias(), world.scene(), world.workflow()
    world.job(), world.order_with_medium(), world.playlist(), world.delivery()
    return filled_with(app, studio)


@pytest.fixture(scope="module")
def document(app: Flask) -> Any:
    described = copy.deepcopy(openapi.document())
    for operation in (each for methods in described["paths"].values() for each in methods.values()):
        # Any text is a valid header; test_concurrent_changes tells what they do.
        operation["security"] = []
        operation["parameters"] = [each for each in operation["parameters"] if each["in"] != "header"]
    config = schemathesis.Config.from_dict({"generation": {"allow-x00": False}})
    document = schemathesis.openapi.from_dict(described, config=config)
    document.app = app
    return document


@pytest.mark.parametrize(("endpoint", "mode"), TRIED, ids=lambda each: getattr(each, "value", None) or name_of(each))
def test_what_the_document_says_is_what_happens(
    app: Flask,
    filled: Filled,
    document: Any,
    endpoint: Endpoint,
    mode: GenerationMode,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(throttle, "ATTEMPTS_PER_ADDRESS", 10**6)
    path = re.sub(r"<(?:[a-z]+(?:\([^)]*\))?:)?([a-z_]+)>", r"{\1}", endpoint.path)
    operation = document[path][endpoint.method]
    token = filled.studio.tokens[Role.GLOBAL_ADMIN]
    checks = [*CHECKS, *([negative_data_rejection] if mode is GenerationMode.NEGATIVE else [])]

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def holds(case: Any, data: st.DataObject) -> None:
        for name in case.path_parameters or {}:
            if name.endswith("_id") and name not in OF_THE_TESTER:
                invented = case.path_parameters[name]
                of_its_kind = filled.ids_of(name) or [invented]
                case.path_parameters[name] = data.draw(
                    st.sampled_from(of_its_kind) | st.sampled_from(filled.ids) | st.just(invented)
                )
        headers = {"Authorization": f"Bearer {token}", "If-Match": "*"}
        case.call_and_validate(headers=headers, checks=checks)

    holds()
    assert filled.api.get("/auth/me").status == 200, "the tester is locked out, and is told so of everything"
