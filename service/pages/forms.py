"""What a form says, read as what the API takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from service.api.routing import Request
from shared.errors import InputError

Form = TypeVar("Form", bound=Request)


def read_form(form: type[Form], given: Mapping[str, Any], refused: str) -> Form:
    """``given`` as the API's ``form``. Raises InputError, which begins with ``refused`` and says what is wrong."""
    try:
        return form.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        what = ".".join(map(str, problem["loc"])) or "It"
        reason = problem["msg"].removeprefix("Value error, ")
        raise InputError(f"{refused} {what}: {reason}.", hint="Go back and correct it.") from None
