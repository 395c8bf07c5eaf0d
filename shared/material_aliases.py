"""The alias table: which words in a STEP material or part name, and which STEP colours, mean which library material.

The table is data: ``shared.default_aliases`` is what a new installation starts with; the service keeps it in its
database, where a studio adds its own rows, and hands them back to the functions here.

How text matches. A text is cut into words at everything that is not a letter or digit, at ``camelCase`` humps and
between letters and digits; accents and case do not count. A pattern matches a run of whole words that, written
together, equal it: ``o-ring`` matches "O-Ring", "oring", "ORing" and "O RING", but not "boring". ``steel*`` matches
words that begin so, ``*schraube`` words that end so, ``*钢*`` words that contain it (languages without spaces).

How colours match. By CIE 1976 distance (delta E*ab under D65; about 2.3 is just noticeable) up to the ``tolerance``.
"""

from __future__ import annotations

import functools
import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from shared.errors import InputError
from shared.material_library import Color, linear_from_hex

Kind = Literal["material", "name", "word", "color"]
"""What a pattern is compared with: STEP material texts, part names, both, or STEP colours (``#rrggbb``)."""

PART_COLOR = "Color"
"""Instead of a material: plastic or paint in the part's own STEP colour, white where it has none."""


@dataclass(frozen=True)
class Alias:
    """One row of the table. Where several match, the highest ``priority`` wins, then the longest pattern, then the
    word that stands last: in most languages of part names the last noun says what the thing is.

    Raises InputError where the pattern or kind cannot work.
    """

    kind: Kind
    pattern: str
    material: str
    priority: int = 0
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InputError(
                f'"{self.kind}" is not a kind of alias.', hint=f"Choose one of {', '.join(get_args(Kind))}."
            )
        if self.kind == "color":
            linear_from_hex(self.pattern)
        elif not _compile(self.pattern).text:
            raise InputError(
                f'The alias pattern "{self.pattern}" has no letter or digit.', hint="Write a word, e.g. steel*."
            )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Alias:
        """Rebuild a row; raises InputError where one of kind, pattern, material is missing or wrong."""
        try:
            return cls(
                kind=data["kind"],
                pattern=str(data["pattern"]),
                material=str(data["material"]),
                priority=int(data.get("priority", 0)),
                tolerance=float(data.get("tolerance", 0.0)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"This is not an alias: {data!r}.", hint="An alias needs kind, pattern and material."
            ) from error


def table_of(own: Iterable[Alias], defaults: Iterable[Alias]) -> list[Alias]:
    """A studio's alias table: its own rows, and those of the ``defaults`` that they do not replace.

    A row replaces one of the same kind and word that is no more open: ``steel*`` stands for ``steel`` as well.
    """
    rows = list(own)
    known: dict[tuple[Kind, str], list[_Pattern]] = {}
    for alias in rows:
        pattern = _compile(alias.pattern)
        known.setdefault((alias.kind, pattern.text), []).append(pattern)
    return rows + [
        alias
        for alias in defaults
        if not any(
            mine.covers(_compile(alias.pattern)) for mine in known.get((alias.kind, _compile(alias.pattern).text), ())
        )
    ]


def matching_aliases(text: str, kinds: Iterable[Kind], aliases: Iterable[Alias]) -> list[Alias]:
    """The text aliases of those ``kinds`` that match ``text``, best first."""
    words = split_words(text)
    # Almost no alias matches a given name: a plain substring test sorts the others out quickly.
    joined = "".join(words)
    wanted = set(kinds) - {"color"}
    ranked = []
    for alias in aliases:
        pattern = _compile(alias.pattern)
        if alias.kind in wanted and pattern.text in joined:
            position = pattern.find(words)
            if position >= 0:
                ranked.append((-alias.priority, -len(pattern.text), -position, alias.pattern, alias.material, alias))
    return [row[-1] for row in sorted(ranked, key=lambda row: row[:-1])]


def nearest_color_alias(color: Color, aliases: Iterable[Alias]) -> tuple[Alias, float] | None:
    """The colour alias nearest to a linear colour within its tolerance, and the delta E*ab between them."""
    here = _lab(color)
    best: tuple[Alias, float] | None = None
    for alias in aliases:
        if alias.kind != "color":
            continue
        distance = math.dist(here, _lab(linear_from_hex(alias.pattern)))
        if distance <= alias.tolerance and (best is None or distance < best[1]):
            best = (alias, distance)
    return best


def split_words(text: str) -> list[str]:
    """The words of a name or material text: folded, without accents, cut at humps and between letters and digits."""
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(letter for letter in decomposed if unicodedata.category(letter) != "Mn")
    words: list[str] = []
    word = ""
    for at, letter in enumerate(plain):
        if not letter.isalnum():
            words.append(word)
            word = ""
            continue
        following = plain[at + 1 : at + 2]
        last = word[-1:]
        hump = letter.isupper() and (last.islower() or (last.isupper() and following.islower()))
        if word and (hump or letter.isdigit() != last.isdigit()):
            words.append(word)
            word = ""
        word += letter
    words.append(word)
    return [word.casefold() for word in words if word]


@dataclass(frozen=True)
class _Pattern:
    text: str
    open_start: bool
    open_end: bool

    def covers(self, other: _Pattern) -> bool:
        """Whether this matches whatever ``other``, which has the same text, matches."""
        return self.open_start >= other.open_start and self.open_end >= other.open_end

    def find(self, words: list[str]) -> int:
        """Index of the last word at which the pattern matches, or -1."""
        for start in range(len(words) - 1, -1, -1):
            if self._matches(words, start):
                return start
        return -1

    def _matches(self, words: list[str], start: int) -> bool:
        if self.open_start:
            word = words[start]
            return self.text in word if self.open_end else word.endswith(self.text)
        run = ""
        for word in words[start:]:
            run += word
            if len(run) >= len(self.text):
                break
        return run.startswith(self.text) if self.open_end else run == self.text


@functools.lru_cache(maxsize=4096)
def _compile(pattern: str) -> _Pattern:
    return _Pattern("".join(split_words(pattern)), pattern.startswith("*"), pattern.endswith("*"))


@functools.lru_cache(maxsize=4096)
def _lab(color: Color) -> tuple[float, float, float]:
    """CIE 1976 L*a*b* of a linear Rec.709 colour, white point D65."""
    red, green, blue = (min(max(channel, 0.0), 1.0) for channel in color)
    x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883
    fx, fy, fz = (
        value ** (1 / 3) if value > (6 / 29) ** 3 else value / (3 * (6 / 29) ** 2) + 4 / 29 for value in (x, y, z)
    )
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)
