"""What was put away: it, and what belongs to it, stays as it is, and nothing is added to it."""

from __future__ import annotations

from typing import Any

from service.models import EditableRow
from shared.errors import ConflictError


def check_live(found: EditableRow) -> None:
    """Raises ConflictError (``conflict.archived``) where the row, or what it belongs to, was put away."""
    each: Any = found
    while each is not None:
        if each.archived_at is not None:
            raise ConflictError(
                f"The {kind_of(each)} {label_of(each)} is archived.",
                hint=f"Restore it first, on its page, or by POST to its address with /restore; its id is {each.id}.",
                code="conflict.archived",
            )
        each = next((getattr(each, name) for name in ("target", "sequence", "project") if hasattr(each, name)), None)


def kind_of(model: Any) -> str:
    """What one row of a table is called: ``publish``, ``media asset``."""
    name = str(model.__tablename__).replace("_", " ")
    if name.endswith("ies"):
        return f"{name.removesuffix('ies')}y"
    return name.removesuffix("es") if name.endswith(("ses", "shes")) else name.removesuffix("s")


def one_of(model: Any) -> str:
    """``a publish``, ``an asset``."""
    kind = kind_of(model)
    return f"{'an' if kind[0] in 'aeio' else 'a'} {kind}"


def label_of(found: Any) -> str:
    """What people call this row."""
    return str(getattr(found, "name", None) or getattr(found, "pattern", None) or found.id)
