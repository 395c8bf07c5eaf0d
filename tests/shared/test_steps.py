from __future__ import annotations

import pytest

from shared.errors import InputError
from shared.steps import STEPS, step


def test_every_step_and_parameter_explains_itself() -> None:
    for item in STEPS:
        assert item.help.endswith(".") and item.label
        for parameter in item.parameters:
            assert parameter.help
            if parameter.default is not None:
                parameter.check(parameter.default)


def test_defaults_fill_in_what_was_not_given() -> None:
    values = step("still").check({"width": 640})
    assert values["width"] == 640
    assert values["samples"] == 48
    assert values["device"] == "auto"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"wdith": 640}, "wdith"),
        ({"width": "640"}, "width"),
        ({"width": True}, "width"),
        ({"width": 1}, "width"),
        ({"samples": 10**9}, "samples"),
        ({"engine": "workbench"}, "engine"),
    ],
)
def test_a_bad_parameter_is_named(given: dict[str, object], field: str) -> None:
    with pytest.raises(InputError) as caught:
        step("still").check(given)
    assert field in caught.value.fields
    assert field in caught.value.message


def test_an_unknown_step_names_the_known_ones() -> None:
    with pytest.raises(InputError) as caught:
        step("bake")
    assert "convert" in caught.value.hint


def test_the_schema_carries_what_a_form_shows() -> None:
    schema = step("convert").to_json()["parameters"]
    angle = schema["properties"]["angular_deflection"]
    assert angle["x-unit"] == "radians"
    assert angle["minimum"] == 0.01 and angle["maximum"] == 3.0
    assert schema["additionalProperties"] is False
