"""How numbers, times and colours are written on the pages: the templates' filters."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Protocol

from markupsafe import Markup, escape

from service.pages.hints import on_page
from service.titles import titled
from shared.custom_fields import as_text
from shared.manifest import BoundingBox
from shared.versions import Version

_SIZES = ("B", "kB", "MB", "GB", "TB")
_AGES = ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h"), (30 * 86400, 86400, "d"))

# What ends a sentence is not the address's.
_WEB_ADDRESS = re.compile(r"""(https?://[^\s<>"]*[^\s<>".,;:!?'()\[\]])""")
_LINK = Markup('<a href="{0}" rel="noopener" target="_blank">{0}</a>')


class Versioned(Protocol):
    """A row with a version and an iteration."""

    version: Any
    iteration: Any


def number(value: float) -> str:
    """``12,345``."""
    return f"{value:,.0f}"


def size(value: float) -> str:
    """``1.2 MB`` of a number of bytes."""
    for unit in _SIZES[:-1]:
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} {_SIZES[-1]}"


def duration(seconds: float | None) -> str:
    """``4.2 s`` or ``3 min 05 s``; empty where there is none."""
    if seconds is None:
        return ""
    if seconds < 59.95:
        return f"{seconds} s" if isinstance(seconds, int) else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def frame_rate(exact: str) -> str:
    """``23.976`` of ``24000/1001``."""
    return f"{float(Fraction(exact)):.3f}".rstrip("0").rstrip(".")


def instant(value: datetime | str) -> datetime:
    """A time stamp of a row or of a job document, in UTC."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(UTC)


def ago(value: datetime | str) -> str:
    """``5 min ago``, and the date for what is older than a month."""
    moment = instant(value)
    elapsed = (datetime.now(UTC) - moment).total_seconds()
    if elapsed < 5:
        return "just now"
    for limit, unit_seconds, unit in _AGES:
        if elapsed < limit:
            return f"{elapsed // unit_seconds:.0f} {unit} ago"
    return f"{moment:%d %b %Y}"


def moment(value: datetime | str) -> str:
    """``2026-03-01 14:05:09 UTC``."""
    return f"{instant(value):%Y-%m-%d %H:%M:%S} UTC"


def version(row: Versioned) -> str:
    """``v001_i001`` of a publish or scene."""
    return str(Version(row.version, row.iteration))


def extents(box: BoundingBox) -> str:
    """``120 × 80 × 25.4``, the side lengths of a box in mm."""
    return " × ".join(f"{high - low:.4g}" for low, high in zip(box.min, box.max, strict=True))


def short(digest: str) -> str:
    """The first digits of a digest: enough for people to compare."""
    return digest[:12]


def words(name: str) -> str:
    """``project manager`` of ``project_manager``."""
    return name.replace("_", " ")


def linked(text: str) -> Markup:
    """Text that people wrote, with its web addresses as links."""
    pieces = _WEB_ADDRESS.split(text)
    # Every second one is an address, by the pattern's group.
    return Markup("").join(_LINK.format(piece) if odd % 2 else escape(piece) for odd, piece in enumerate(pieces))


def pretty(value: object) -> str:
    """JSON, indented."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


FILTERS: dict[str, Callable[..., str]] = {
    function.__name__: function
    for function in (
        number,
        size,
        duration,
        frame_rate,
        ago,
        moment,
        version,
        extents,
        short,
        words,
        titled,
        on_page,
        linked,
        pretty,
        as_text,
    )
}
