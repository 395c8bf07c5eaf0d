"""What people read of requests that are not valid: for every field of every request there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from service.api import ENDPOINTS
from service.api.production_sheet import _Line
from service.api.routing import Request
from service.api.validation import SENTENCES, faults_of
from tests.service.studio import StudioUnderTest

WRONG: list[Any] = [
    None, True, "", "!", "x y\n", "\u202e", "x" * 5000, "1" * 500, "2027-13-45", "01.02.2027", "2027-01-31T12:00",
    -(10**9), 10**9, 10**40, 1.5, float("inf"), "12abc", [], [1], ["!"], ["x" * 5000], ["x"] * 300, [{}],
    [{"x": 1}], {}, {"x": 1}, {1: 2}, {f"n{number}": "x" for number in range(300)}, object(),
]  # fmt: skip
"""Nothing takes all of these."""
PYDANTIC = re.compile(
    r"\b(should|Input|valid string|regex|pattern|UUID|dictionary|parse)\b|[\^\\$]|\[[a-z0-9]|Value error"
)
"""How pydantic speaks, and how patterns are written."""


def requests_of(form: type[Request]) -> Iterator[type[Request]]:
    yield form
    for each in form.__subclasses__():
        yield from requests_of(each)


# Those of the API only: tests declare forms of their own.
REQUESTS = sorted(
    {each for each in requests_of(Request) if each.__module__.startswith("service.")},
    key=lambda form: f"{form.__module__}.{form.__qualname__}",
)


def problems_of(form: type[Request]) -> Iterator[tuple[str, object, ValidationError]]:
    # A row of a spreadsheet has text only.
    values = [each for each in WRONG if isinstance(each, str)] if form is _Line else WRONG
    for name, field in form.model_fields.items():
        for value in values:
            try:
                form.model_validate({field.alias or name: value})
            except ValidationError as error:
                yield name, value, error
    for value in ("x", [], {"no_such_field": 1}):
        try:
            form.model_validate(value)
        except ValidationError as error:
            yield "", value, error


def test_the_forms_of_all_calls_are_tried() -> None:
    assert {form for each in ENDPOINTS for form in (each.query, each.body) if form} <= set(REQUESTS)


@pytest.mark.parametrize("form", REQUESTS, ids=lambda form: f"{form.__module__}.{form.__qualname__}")
def test_every_fault_of_every_field_is_told_in_words(form: type[Request]) -> None:
    for name, value, error in problems_of(form):
        unknown = {problem["type"] for problem in error.errors(include_url=False)} - SENTENCES.keys()
        assert not unknown, (name, value)
        for place, fault in faults_of(error).items():
            # What was sent may stand in a sentence.
            told = fault.replace(repr(value), "").replace(str(value), "")
            assert fault and not fault.endswith(".") and not PYDANTIC.search(told), (name, place, fault)
            assert all(part.isdecimal() or part.isidentifier() for part in place.split(".") if place), place


def test_each_pattern_says_what_it_takes() -> None:
    def patterns(schema: Any) -> Iterator[str]:
        if isinstance(schema, dict):
            if schema.get("type") == "str" and "pattern" in schema:
                yield str(schema["pattern"])
            for each in schema.values():
                yield from patterns(each)
        elif isinstance(schema, list | tuple):
            for each in schema:
                yield from patterns(each)

    for form in REQUESTS:
        assert not [*patterns(form.__pydantic_core_schema__)], f"{form}: declare it with Matches"


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("/projects/", {}, "name: is required"),
        ("/projects/", {"name": "x", "titel": ""}, "titel: is no field here"),
        ("/projects/", {"name": "x", "status": "In Progress"}, "and begin with a letter, such as in_progress"),
        ("/projects/", {"name": "2 x"}, "name: '2 x' cannot name a folder or a prim"),
        ("/shots/", {"sequence_id": "sq010", "name": "sh010"}, "sequence_id: must be an id, such as"),
        ("/shots/", {"sequence_id": "sq010", "name": "x", "frame_in": 1.5}, "frame_in: must be a whole number, such"),
        ("/tasks/", {"target_type": "scene"}, "target_type: must be one of asset or shot"),
        ("/tasks/", {"due": "31 January"}, "due: must be a day, such as 2027-01-31"),
        ("/artists/", {"email": "anna", "name": "Anna"}, "email: must be an e-mail address, such as anna@"),
        ("/artists/", {"name": "", "password": "short"}, "name: must not be empty"),
        ("/custom-fields/", {"choices": ["\u200b"]}, "choices.0: must have a character that can be seen"),
        ("/custom-fields/", {"choices": ["a\u202eb"]}, "choices.0: must not have characters that change the direction"),
        ("/orders/", {"items": []}, "items: must not be empty"),
        ("/orders/", {"items": [{"asset_id": 1}]}, "items.0.asset_id: must be an id"),
    ],
)  # fmt: skip
def test_what_is_told(studio: StudioUnderTest, path: str, body: dict[str, Any], told: str) -> None:
    answer = studio.admin.post(path, body)
    assert answer.status == 422 and told in answer.error["message"]
    assert told.partition(": ")[0].split(":")[0] in answer.error["fields"] or "such as in_progress" in told
