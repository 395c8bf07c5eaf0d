"""The whole OpenAPI document, tried with what schemathesis thinks of: no answer surprises who reads the document.

A longer run, on demand: ``RACEWAY_SCHEMA_EXAMPLES=100 python -m pytest tests/service/test_api_schema.py``.
"""

from __future__ import annotations

import copy
import os
import re
from typing import Any
from uuid import UUID

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
from sqlalchemy import select

from service.accounts import throttle
from service.accounts.permissions import Role
from service.api import ENDPOINTS, openapi
from service.api.routing import Endpoint
from service.database import tenant_session
from service.models import Base
from tests.service.recipes import name_of
from tests.service.studio import StudioUnderTest, make_studio
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
OF_THE_TESTER = {"user_id", "tenant_id"}
"""Ids that stay invented, so that nothing locks the tester out."""


@pytest.fixture(scope="module")
def filled(app: Flask) -> tuple[StudioUnderTest, list[str]]:
    """A tenant with a row of most kinds, and the ids of all its rows."""
    studio = make_studio(app)
    world = World(studio)
    world.converted(), world.shot(), world.material(), world.alias(), world.scene(), world.workflow()
    world.job(), world.order_with_medium(), world.playlist(), world.delivery()
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        tables = [table for table in Base.metadata.sorted_tables if "tenant_id" in table.c and table.name != "users"]
        ids: set[UUID] = {row_id for table in tables for row_id in session.scalars(select(table.c.id))}
    return studio, sorted(map(str, ids))


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
    filled: tuple[StudioUnderTest, list[str]],
    document: Any,
    endpoint: Endpoint,
    mode: GenerationMode,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(throttle, "ATTEMPTS_PER_ADDRESS", 10**6)
    studio, ids = filled
    path = re.sub(r"<(?:[a-z]+(?:\([^)]*\))?:)?([a-z_]+)>", r"{\1}", endpoint.path)
    operation = document[path][endpoint.method]
    token = studio.tokens[Role.GLOBAL_ADMIN]
    checks = [*CHECKS, *([negative_data_rejection] if mode is GenerationMode.NEGATIVE else [])]

    @settings(
        max_examples=EXAMPLES,
        derandomize="RACEWAY_SCHEMA_EXAMPLES" not in os.environ,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), real=st.sampled_from(ids), is_real=st.booleans())
    def holds(case: Any, real: str, is_real: bool) -> None:
        for name in case.path_parameters or {}:
            if is_real and name.endswith("_id") and name not in OF_THE_TESTER:
                case.path_parameters[name] = real
        headers = {"Authorization": f"Bearer {token}", "If-Match": "*"}
        case.call_and_validate(headers=headers, checks=checks)

    holds()
