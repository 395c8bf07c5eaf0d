"""What an error advises, as pages say it."""

from __future__ import annotations

import re

_SENTENCE = re.compile(r"(?<=[.?!]) +")
_METHOD = re.compile(r"\b(?:GET|POST|PUT|PATCH|DELETE)\b")
_OR_SO = re.compile(r",? or(?: \w+)? by $|,? or $")


def on_page(hint: str) -> str:
    """A hint without what only programs can do: where a sentence names a call of the API, what it says before that.

    Hints are written so that this stands by itself: ``Restore it on its page, or by POST ...``.
    """
    return " ".join(filter(None, map(_said, _SENTENCE.split(hint))))


def _said(sentence: str) -> str:
    call = _METHOD.search(sentence)
    if call is None:
        return sentence
    before = sentence[: call.start()]
    # Who reads a page is not told to list what no page lists.
    if sentence.startswith("List "):
        return ""
    if otherwise := _OR_SO.search(before):
        kept = before[: otherwise.start()]
    else:
        kept = before.rpartition(";")[0] or before.rpartition(":")[0]
    return f"{kept.rstrip(' ,;:')}." if kept else ""
