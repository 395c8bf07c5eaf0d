"""Whatever a request holds, the answer is the API's and never an error of our own (500)."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from service.accounts.permissions import Role
from service.api import ENDPOINTS
from service.api.routing import Endpoint
from service.database import tenant_session
from service.models import Base
from tests.service.studio import Api, StudioUnderTest, make_studio

WORDS = [
    "asset",
    "shot",
    "model",
    "look",
    "film",
    "gear",
    "modelling",
    "convert",
    "still",
    ".blend",
    "name",
    "#ff0000",
    "me",
    "0",
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(WORDS)
    | st.dates().map(str)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
TAKES_BODY = [endpoint for endpoint in ENDPOINTS if endpoint.body and endpoint.name != "log_in"]
# A stream of events has no end to wait for; test_events.py is about them.
TAKES_QUERY = [endpoint for endpoint in ENDPOINTS if endpoint.query and endpoint.media_type != "text/event-stream"]


@pytest.fixture(scope="module")
def filled(app: Flask) -> tuple[StudioUnderTest, list[str]]:
    """A tenant with a row of most kinds, and the ids of all its rows."""
    studio = make_studio(app)
    production = studio.production()
    studio.publish(production)
    scene = {"task_id": production.task["id"], "name": "shop", "software": "x", "suffix": ".blend"}
    studio.artist.post("/scenes/reserve", scene)
    studio.artist.upload(b"ISO-10303-21;", project=production.project["name"], asset="gear", filename="a.step")
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        tables = [table for table in Base.metadata.sorted_tables if "tenant_id" in table.c]
        ids: set[UUID] = {row_id for table in tables for row_id in session.scalars(select(table.c.id))}
    return studio, sorted(map(str, ids))


def name_of(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def try_it(studio: StudioUnderTest, endpoint: Endpoint, row_id: str, body: Any, **options: Any) -> None:
    path = re.sub(r"<uuid:[a-z_]+>", row_id, endpoint.path.removeprefix("/api"))
    api = Api(studio.app, studio.tokens[Role.GLOBAL_ADMIN])
    answer = api.call(endpoint.method, path, body, **options)
    assert answer.status < 500, answer.body


@pytest.mark.parametrize("endpoint", TAKES_BODY, ids=name_of)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_body_makes_an_error_of_ours(
    filled: tuple[StudioUnderTest, list[str]], endpoint: Endpoint, data: st.DataObject
) -> None:
    studio, ids = filled
    assert endpoint.body is not None
    values = JSON | st.sampled_from(ids)
    fields = {name: values for name in endpoint.body.model_fields if name not in ("active", "role", "password")}
    body = data.draw(st.fixed_dictionaries({}, optional=fields) | JSON)
    try_it(studio, endpoint, data.draw(st.sampled_from([*ids, str(uuid4())])), body)


@pytest.mark.parametrize("endpoint", TAKES_QUERY, ids=name_of)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_query_makes_an_error_of_ours(
    filled: tuple[StudioUnderTest, list[str]], endpoint: Endpoint, data: st.DataObject
) -> None:
    studio, ids = filled
    assert endpoint.query is not None
    numbers = st.integers(-5, 2**70).map(str)
    # Half a surrogate pair cannot stand in an address.
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    values = texts | st.sampled_from([*WORDS, *ids]) | numbers
    query = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(endpoint.query.model_fields, values)))
    if endpoint.upload:
        headers = {"Content-Type": endpoint.upload}
        try_it(studio, endpoint, ids[0], None, query_string=query, data=b"ISO-10303-21;", headers=headers)
    else:
        try_it(studio, endpoint, ids[0], None, query_string=query)


TIMES = [
    (endpoint, name, form)
    for endpoint in (*TAKES_BODY, *TAKES_QUERY)
    for model in (endpoint.body, endpoint.query)
    if model
    for name, schema in model.model_json_schema()["properties"].items()
    for form in re.findall(r"'format': '(date|date-time)'", str(schema))
]


@pytest.mark.parametrize(("endpoint", "name", "form"), TIMES, ids=lambda value: getattr(value, "name", value))
def test_days_and_moments_are_no_numbers_and_moments_have_a_time_zone(
    filled: tuple[StudioUnderTest, list[str]], endpoint: Endpoint, name: str, form: str
) -> None:
    """A number would be counted from 1970, and a moment without its time zone may be another hour's."""
    studio, ids = filled
    path = re.sub(r"<uuid:[a-z_]+>", ids[0], endpoint.path.removeprefix("/api"))
    api = Api(studio.app, studio.tokens[Role.GLOBAL_ADMIN])
    values = ["0", "1700000000", *([0, 1.5e9] if endpoint.body else [])]
    if form == "date-time":
        values.append("2026-11-21T14:00:00")
    for value in values:
        sent: Any = {"query_string": {name: value}} if endpoint.query else {"body": {name: value}}
        answer = api.call(endpoint.method, path, **sent)
        assert answer.status == 422 and name in answer.error["fields"], (value, answer.body)
    good = {"date": "2026-11-21", "date-time": "2026-11-21T14:00:00Z"}[form]
    sent = {"query_string": {name: good}} if endpoint.query else {"body": {name: good}}
    answer = api.call(endpoint.method, path, **sent)
    assert answer.status < 300 or name not in answer.error["fields"]
