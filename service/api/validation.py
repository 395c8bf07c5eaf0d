"""What is wrong with what somebody sent, in sentences: the one place that knows pydantic's kinds of errors.

A type with a pattern says itself what it takes (:class:`Matches`); all else is told by the kind of the error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import ErrorDetails, core_schema

_MOST_TOLD = 100
_QUOTED = re.compile(r"'([^']*)'")


@dataclass(frozen=True)
class Matches:
    """Text of a pattern. ``takes`` says in words which: ``must have ...``; ``example`` is one.

    For ``Annotated``, as pydantic's own ``pattern`` tells people the pattern itself. ``takes`` is not said of text that
    is longer than ``pattern`` allows anywhere: give such lengths with ``StringConstraints``, before it.
    """

    pattern: str
    takes: str
    example: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        whole = re.compile(self.pattern)

        def check(text: str) -> str:
            if whole.fullmatch(text) is None:
                raise ValueError(f"{self.takes}, such as {self.example}")
            return text

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "pattern": self.pattern, "examples": [self.example]}


def faults_of(error: ValidationError) -> dict[str, str]:
    """What is wrong with each field: ``{"items.0.asset_id": "must be an id, such as ..."}``.

    What is wrong with the whole has an empty name. Of very many, the first are told.
    """
    faults: dict[str, str] = {}
    for problem in error.errors(include_url=False, include_input=False)[:_MOST_TOLD]:
        # Of a type with several forms, pydantic says which it tried, such as `literal['asset','shot']`.
        place = ".".join(str(part) for part in problem["loc"] if isinstance(part, int) or _FIELD.fullmatch(part))
        faults.setdefault(place, sentence(problem))
    return faults


def sentence(problem: ErrorDetails) -> str:
    """One problem, as what comes after a field's name: ``must be a whole number, such as 12``."""
    told = SENTENCES.get(problem["type"], _UNKNOWN)
    context = problem.get("ctx", {})
    return told(context) if callable(told) else told.format_map(context)


_FIELD = re.compile(r"[A-Za-z_][\w.]*")
_UNKNOWN = "cannot be so; the documentation of this call says what it takes"


def _length(context: Mapping[str, Any]) -> str:
    fewest = context["min_length"]
    return "must not be empty" if fewest == 1 else f"must have at least {fewest} characters"


def _entries(context: Mapping[str, Any]) -> str:
    fewest = context["min_length"]
    return "must not be empty" if fewest == 1 else f"must have at least {fewest} entries"


def _one_of(context: Mapping[str, Any]) -> str:
    """Pydantic writes ``'asset', 'shot' or ''``."""
    choices = [choice or "empty" for choice in _QUOTED.findall(str(context["expected"]))]
    if len(choices) < 2:
        return f"must be {choices[0] if choices else context['expected']}"
    return f"must be one of {', '.join(choices[:-1])} or {choices[-1]}"


def _own(context: Mapping[str, Any]) -> str:
    """What a check of ours says, as part of a sentence."""
    return str(context["error"]).removesuffix(".")


_WHOLE = "must be a whole number, such as 12"
_NUMBER = "must be a number, such as 2.5"
_TRUTH = "must be true or false"
_DAY = "must be a day, such as 2027-01-31"
_MOMENT = "must be a point in time with its time zone, such as 2027-01-31T18:00:00Z"
_ID = "must be an id, such as 4f0c9a52-7d1b-4c3e-9a68-0d5f2f6f1b37"
_LIST = "must be a list"
_OBJECT = 'must be an object with named values, such as {{"name": "value"}}'

SENTENCES: Mapping[str, str | Callable[[Mapping[str, Any]], str]] = {
    "missing": "is required",
    "extra_forbidden": "is no field here; check how it is spelt",
    "string_type": "must be text",
    "string_unicode": "must be Unicode text",
    "string_too_short": _length,
    "string_too_long": "must have at most {max_length} characters",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": "must be a whole number with fewer digits",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "date_type": _DAY,
    "date_parsing": _DAY,
    "date_from_datetime_parsing": _DAY,
    "date_from_datetime_inexact": _DAY,
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "datetime_object_invalid": _MOMENT,
    "timezone_aware": _MOMENT,
    "uuid_type": _ID,
    "uuid_parsing": _ID,
    "uuid_version": _ID,
    "literal_error": _one_of,
    "enum": _one_of,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "too_short": _entries,
    "too_long": "must have at most {max_length} entries",
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "invalid_key": "must have text for names",
    "value_error": _own,
}
"""By pydantic's kinds of errors; those that no request can meet are left out, and a test looks that none can."""
