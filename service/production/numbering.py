"""Names of several shots or sequences, written as people write them: ``sh010-sh100 step 10``."""

from __future__ import annotations

import re

from shared.errors import InputError

MOST = 200
"""Names at once."""
_RANGE = re.compile(
    r"(?P<stem>[A-Za-z_]\w*?)(?P<first>[0-9]{1,9})\s*(?:-|–|\.\.|\bto\b)\s*(?P<other>[A-Za-z_]\w*?)?(?P<last>[0-9]{1,9})"
    r"(?:\s*(?:/|x|\bstep\b|\bby\b)\s*(?P<step>[0-9]{1,9}))?",
    re.ASCII,
)
_HINT = "Write it like sh010-sh100 step 10."


def names_in(text: str) -> list[str]:
    """The names that ``text`` writes: with commas or on lines of their own, each a name or a range with its step.

    Numbers keep the digits that the first has: ``sh008-sh012 step 2`` is sh008, sh010, sh012. Raises InputError for a
    range that has no step, ends before it begins, or is of two kinds of names, for a name that is written twice, and
    for more than ``MOST`` names.
    """
    names: list[str] = []
    for entry in filter(None, (each.strip() for each in re.split(r"[,;\r\n]+", text))):
        found = _RANGE.fullmatch(entry)
        names += _names_of(found, entry) if found else [entry]
        if len(names) > MOST:
            raise InputError(f"{entry} makes more than {MOST} names.", hint="Make them in several goes.")
    if twice := next((name for at, name in enumerate(names) if name.lower() in map(str.lower, names[:at])), None):
        raise InputError(f"{twice} is there twice.", hint="Write each name once.")
    return names


def _names_of(found: re.Match[str], entry: str) -> list[str]:
    stem, first, last = found["stem"], found["first"], found["last"]
    if found["other"] not in (None, stem):
        raise InputError(f"{entry} begins with {stem} and ends with {found['other']}.", hint=_HINT)
    if int(last) < int(first):
        raise InputError(f"{entry} ends before it begins.", hint=_HINT)
    step = int(found["step"] or 0)
    if step == 0:
        raise InputError(f"{entry} does not say in which steps.", hint=f"{_HINT} For each number: step 1.")
    numbers = range(int(first), int(last) + 1, step)
    if len(numbers) > MOST:
        raise InputError(f"{entry} makes {len(numbers):,} names; {MOST} can be made at once.", hint=_HINT)
    return [f"{stem}{number:0{len(first)}}" for number in numbers]
