"""Custom fields as people read and write them."""

from __future__ import annotations

from typing import Any


def as_text(value: Any) -> str:
    """A value as it stands in cells, forms and on pages; empty for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)
