"""Whatever a request holds, the answer is the API's and never an error of our own (500)."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.api import ENDPOINTS
from service.api.routing import Endpoint
from tests.service.filled import Filled, filled_with
from tests.service.recipes import name_of
from tests.service.studio import make_studio

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
def filled(app: Flask) -> Filled:
    studio = make_studio(app)
    production = studio.production()
    studio.publish(production)
    scene = {"task_id": production.task["id"], "name": "shop", "software": "x", "suffix": ".blend"}
    studio.artist.post("/scenes/reserve", scene)
    studio.artist.upload(b"ISO-10303-21;", project=production.project["name"], asset="gear", filename="a.step")
    filled = filled_with(app, studio)
    assert filled.rows["jobs"] and filled.rows["publishes"] and filled.rows["cad_files"]
    return filled


def path_of(endpoint: Endpoint, row_id: str) -> str:
    return re.sub(r"<uuid:[a-z_]+>", row_id, endpoint.path.removeprefix("/api"))


def try_it(filled: Filled, endpoint: Endpoint, row_id: str, body: Any, **options: Any) -> None:
    path = path_of(endpoint, row_id)
    if endpoint.media_type != "application/json":
        file = filled.api.raw(endpoint.method, path, body, **options)
        if file.status_code < 400:
            assert file.mimetype == endpoint.media_type
            return
    answer = filled.api.call(endpoint.method, path, body, **options)
    assert answer.status < 500, answer.body


@pytest.mark.parametrize("endpoint", TAKES_BODY, ids=name_of)
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_body_makes_an_error_of_ours(filled: Filled, endpoint: Endpoint, data: st.DataObject) -> None:
    assert endpoint.body is not None
    values = JSON | st.sampled_from(filled.ids)
    fields = {name: values for name in endpoint.body.model_fields if name not in ("active", "role", "password")}
    body = data.draw(st.fixed_dictionaries({}, optional=fields) | JSON)
    row_id = data.draw(st.sampled_from([*filled.of_its_kind(endpoint), *filled.ids, str(uuid4())]))
    try_it(filled, endpoint, row_id, body)


@pytest.mark.parametrize("endpoint", TAKES_QUERY, ids=name_of)
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_query_makes_an_error_of_ours(filled: Filled, endpoint: Endpoint, data: st.DataObject) -> None:
    assert endpoint.query is not None
    numbers = st.integers(-5, 2**70).map(str)
    # Half a surrogate pair cannot stand in an address.
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    values = texts | st.sampled_from([*WORDS, *filled.ids]) | numbers
    query = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(endpoint.query.model_fields, values)))
    row_id = (filled.of_its_kind(endpoint) or filled.ids)[0]
    if endpoint.upload:
        headers = {"Content-Type": endpoint.upload}
        try_it(filled, endpoint, row_id, None, query_string=query, data=b"ISO-10303-21;", headers=headers)
    else:
        try_it(filled, endpoint, row_id, None, query_string=query)


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
    filled: Filled, endpoint: Endpoint, name: str, form: str
) -> None:
    """A number would be counted from 1970, and a moment without its time zone may be another hour's."""
    path, api = path_of(endpoint, filled.ids[0]), filled.api
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
