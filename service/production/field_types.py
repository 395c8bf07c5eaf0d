"""Types of custom fields: what their values are in JSON, and how people write them in cells, forms and addresses."""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Any

from service.models import CustomField

LONGEST_TEXT = 2000
LONGEST_TAG = 100
MOST_TAGS = 50
TYPES = {
    "text": f"text of at most {LONGEST_TEXT} characters",
    "number": "a number, like 35 or 2.5",
    "checkbox": "true or false",
    "date": "a day, like 2027-01-31",
    "choice": "one of its choices",
    "tags": f"a list of at most {MOST_TAGS} words without commas, of at most {LONGEST_TAG} characters each",
}
"""What a field of each type takes."""

_LARGEST = 10**15
"""Numbers up to here are exact in JSON's usual double precision."""
_NUMBER = re.compile(r"[-+]?\d{1,20}(\.\d{1,20})?([eE][-+]?\d{1,3})?")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_BETWEEN_TAGS = re.compile(r"[,;\r\n]+")
_YES, _NO = frozenset({"yes", "true", "1", "x"}), frozenset({"no", "false", "0"})


def from_text(field: CustomField, text: str) -> Any:
    """The value that somebody wrote into a cell or a form, as :func:`shared.custom_fields.as_text` has it.

    None for nothing.

    Raises ValueError where it is not of the field's type. Whether it is offered is not looked at.
    """
    return typed(field, _read(field, text))


def typed(field: CustomField, value: Any) -> Any:
    """``value``, of JSON, in the one form in which it is kept; None where it is empty.

    Raises ValueError where it is not of the field's type.
    """
    match field.type, value:
        case "text", str() if len(value) <= LONGEST_TEXT:
            return value.replace("\r\n", "\n").replace("\r", "\n").strip() or None
        case "number", int() | float() if not isinstance(value, bool) and _is_exact(value):
            return int(value) if value == int(value) else value
        case "checkbox", bool():
            return value
        case "date", str() if _DAY.fullmatch(value) and _is_day(value):
            return value
        case "choice", str():
            return value.strip() or None
        case "tags", list() if all(isinstance(each, str) for each in value):
            tags = list(dict.fromkeys(tag for each in value if (tag := each.strip())))
            if len(tags) <= MOST_TAGS and all(is_tag(each) for each in tags):
                return tags or None
    raise ValueError(f"must be {TYPES[field.type]}, not {_shortened(value)}")


def is_tag(text: str) -> bool:
    """Whether a text can be one of several in a list that people write."""
    return 0 < len(text) <= LONGEST_TAG and text == text.strip() and not _BETWEEN_TAGS.search(text)


def _is_exact(value: int | float) -> bool:
    return math.isfinite(value) and abs(value) <= _LARGEST


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _read(field: CustomField, text: str) -> Any:
    """The JSON that a text means in a field; the text itself where it means nothing."""
    plain = text.strip()
    match field.type:
        case "number" if _NUMBER.fullmatch(plain):
            return float(plain) if set(plain) & set(".eE") else int(plain)
        case "checkbox" if plain.casefold() in _YES | _NO:
            return plain.casefold() in _YES
        case "choice":
            return _offered(field, plain)
        case "tags":
            return [_offered(field, tag) for each in _BETWEEN_TAGS.split(plain) if (tag := each.strip())]
    return plain


def _offered(field: CustomField, text: str) -> str:
    """The choice that is meant, whatever its capitals."""
    alike = (choice for choice in field.choices if choice.casefold() == text.casefold())
    return text if text in field.choices else next(alike, text)


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
