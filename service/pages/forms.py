"""What a form says, read as what the API takes, and about what the reader saw."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from flask import request
from pydantic import ValidationError

from service.api.records import changes_since
from service.api.routing import Request
from service.api.validation import faults_of
from service.archiving import kind_of
from service.models import EditableRow
from shared.errors import ConflictError, InputError

Form = TypeVar("Form", bound=Request)
_WHOLE = re.compile(r"[-+]?[0-9]{1,9}")


def read_form(
    form: type[Form], given: Mapping[str, Any], refused: str, labels: Mapping[str, str] | None = None
) -> Form:
    """``given`` as the API's ``form``. Raises InputError, which begins with ``refused`` and says what is wrong.

    ``labels`` are what the page calls the fields that it calls otherwise than the API.
    """
    try:
        return form.model_validate(given)
    except ValidationError as error:
        faults = faults_of(error)
        told = "; ".join(f"{_label(name, labels or {})}: {fault}" for name, fault in faults.items())
        raise InputError(f"{refused} {told}.", hint="Correct it, and send it again.", fields=faults) from None


def _label(name: str, labels: Mapping[str, str]) -> str:
    """``First frame`` of ``frame_in``; of an entry of a list, what the list is called."""
    field = name.partition(".")[0]
    return labels.get(field) or field.replace("_", " ").capitalize() or "It"


def whole(text: str) -> int | str:
    """A whole number that somebody typed, and anything else as it is, to be refused."""
    return int(text) if _WHOLE.fullmatch(text.strip()) else text


def key_of(text: str) -> str:
    """``in_progress`` of ``In progress``, as :func:`service.pages.formats.words` shows it."""
    return "_".join(text.lower().split())


def check_seen(found: EditableRow) -> None:
    """Raises ConflictError where the row is no more the ``version`` that the form says its reader saw."""
    seen = request.form.get("version", "")
    if seen == str(found.revision):
        return
    changes = changes_since(found, int(seen) if _WHOLE.fullmatch(seen) else 0)
    told = "".join(f" {field.replace('_', ' ').capitalize()} {text}." for field, text in changes.items())
    raise ConflictError(
        f"Somebody else changed the {kind_of(found)} meanwhile; nothing was saved.{told}",
        hint="Look at what it says now before you save again.",
        code="conflict.stale",
        status=412,
    )
