"""What a form says, read as what the API takes, and about what the reader saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from flask import request
from pydantic import ValidationError

from service.api.routing import Request
from service.archiving import kind_of
from service.models import EditableRow
from shared.errors import ConflictError, InputError

Form = TypeVar("Form", bound=Request)


def read_form(form: type[Form], given: Mapping[str, Any], refused: str) -> Form:
    """``given`` as the API's ``form``. Raises InputError, which begins with ``refused`` and says what is wrong."""
    try:
        return form.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        what = ".".join(map(str, problem["loc"])) or "It"
        reason = problem["msg"].removeprefix("Value error, ")
        raise InputError(f"{refused} {what}: {reason}.", hint="Correct it, and send it again.") from None


def check_seen(found: EditableRow) -> None:
    """Raises ConflictError where the row is no more the ``version`` that the form says its reader saw."""
    if request.form.get("version") != str(found.revision):
        raise ConflictError(
            f"Somebody else changed the {kind_of(found)} meanwhile; nothing was saved.",
            hint="Look at what it says now before you save again.",
            code="conflict.stale",
            status=412,
        )
