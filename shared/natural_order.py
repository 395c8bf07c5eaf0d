"""Names in the order in which people count and spell: ``bolt2`` before ``Bolt10``, ``Älfrun`` between ``Abel`` and
``Anna``. PostgreSQL's function ``natural_order`` says the same of the lists that it sorts.
"""

from __future__ import annotations

import re
import unicodedata

_ACCENTS = re.compile("[\u0300-\u036f]")
_NUMBERS = re.compile("[0-9]+")
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i"})
_DIGITS = 12


def natural_order(words: str) -> str:
    """What to sort ``words`` by, as it is: small letters without accents, and numbers of 12 digits."""
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", words)).lower().translate(_LETTERS)
    return _NUMBERS.sub(lambda number: number[0].zfill(_DIGITS)[-_DIGITS:], plain)
