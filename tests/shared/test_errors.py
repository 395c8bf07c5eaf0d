from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.errors import CadError, ConflictError, InputError, RacewayError


def subclasses(root: type[RacewayError]) -> set[type[RacewayError]]:
    return {root}.union(*(subclasses(child) for child in root.__subclasses__()))


@given(st.text(min_size=1), st.text(), st.dictionaries(st.text(), st.text()))
def test_an_error_survives_the_wire(message: str, hint: str, fields: dict[str, str]) -> None:
    error = CadError(message, hint=hint, code="cad.empty", fields=fields)
    again = RacewayError.from_json(error.to_json(), status=error.status)
    assert type(again) is CadError
    assert again.to_json() == error.to_json()
    assert again.status == error.status


def test_every_class_has_a_code_of_its_own_and_an_http_error_status() -> None:
    classes = [item for item in subclasses(RacewayError) if item.__module__ == "shared.errors"]
    assert len({item.code for item in classes}) == len(classes)
    assert all(400 <= item.status < 600 for item in classes)


def test_an_unknown_answer_is_still_an_error() -> None:
    assert type(RacewayError.from_json({})) is RacewayError
    assert type(RacewayError.from_json({"code": "input.name", "fields": None})) is InputError
    assert type(RacewayError.from_json({"code": "conflict.stale"}, status=412)) is ConflictError
