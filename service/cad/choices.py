"""The artist's choices of material: who made them, and how they come along to the next revision of a CAD file.

A choice has a target (see :mod:`shared.material_layers`) and belongs to the revision in which it was made. Those of
earlier revisions are carried over by what became of their parts. What an earlier revision's part wore is kept under
its key also where that part is gone or uncertain: no other part ever gets that key, and if a person later finds out
which part it is, the choice is there again.

Products that became one although different materials were chosen for them are an open question: until a person
answers it the part wears none of them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service.models import CadFile
from shared.manifest import Manifest, Occurrence, Part
from shared.material_layers import occurrence_target, part_of, targets_of

_AT_PLACE = 1e-3
"""Distance within which two occurrences stand at one place, as a share of their part's size."""


@dataclass(frozen=True)
class Choice:
    """``material`` is None where a choice that came along was taken back in ``revision``."""

    material: str | None
    by: str | None
    """Name of the user."""
    at: str | None
    """ISO 8601, UTC."""
    revision: int

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Choice:
        return cls(data["material"], data["by"], data["at"], data["revision"])

    def to_json(self) -> dict[str, Any]:
        return {"material": self.material, "by": self.by, "at": self.at, "revision": self.revision}


Choices = dict[str, Choice]
"""By target."""
Question = dict[str, str | None]
"""Material that was chosen for each of the products that became one, by their old keys."""


def choices_of(cad: CadFile) -> Choices:
    """Every choice that counts for the CAD file, and those that were taken back in it."""
    known = {target: Choice.from_json(data) for target, data in cad.choices.items()}
    for target, material in {**cad.overrides, **cad.occurrence_overrides}.items():
        if target not in known or known[target].material != material:
            known[target] = Choice(material, None, None, 0)
    return known


def store(cad: CadFile, choices: Choices, questions: Mapping[str, Question]) -> None:
    """Write choices and open questions into the row."""
    worn = {target: choice.material for target, choice in choices.items() if choice.material}
    cad.choices = {target: choice.to_json() for target, choice in sorted(choices.items())}
    cad.overrides = {target: name for target, name in worn.items() if ":" not in target}
    cad.occurrence_overrides = {target: name for target, name in worn.items() if ":" in target}
    cad.material_questions = {key: dict(question) for key, question in sorted(questions.items())}
    cad.overrides_revision += 1


def living(choices: Mapping[str, Any], manifest: Manifest) -> set[str]:
    """Those targets of ``choices`` that this revision has; the others wait for their parts to come back."""
    return {target for part in manifest.parts for target in targets_of(part)} & choices.keys()


def replace(cad: CadFile, manifest: Manifest, wanted: Mapping[str, str | None], by: str | None) -> None:
    """Let ``wanted`` be all choices for what ``manifest`` has: material by target, None for one taken back.

    Open questions about the targets that it names are answered by it.
    """
    gone = dict.fromkeys(living(choices_of(cad), manifest))
    add(cad, {**gone, **wanted}, by, answered=wanted)


def add(
    cad: CadFile, wanted: Mapping[str, str | None], by: str | None, *, answered: Collection[str] | None = None
) -> None:
    """Choose materials by target, None to take a choice back; the others stay, and so do choices that were made alike.

    ``answered`` are the targets whose open questions are answered; all of ``wanted`` where it is not given.
    """
    before = choices_of(cad)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    after = dict(before)
    for target, material in wanted.items():
        old = before.get(target)
        if old is None or old.material != material:
            after[target] = Choice(material, by, now, cad.revision)
        if material is None and cad.previous_id is None:
            # Nothing came along that would have to be kept away.
            after.pop(target, None)
    closed = wanted if answered is None else answered
    store(cad, after, {key: question for key, question in cad.material_questions.items() if key not in closed})


def rekeyed(choices: Choices, revision: int, old_keys: Mapping[str, str], new_keys: Mapping[str, str]) -> Choices:
    """The choices made in ``revision`` itself, where its parts have got other keys: they stay with their parts.

    ``old_keys`` and ``new_keys`` are the final keys, before and now, by the keys that the file itself gives.
    """
    moved = {final: new_keys[own] for own, final in old_keys.items() if own in new_keys}
    return {_renamed(target, moved): choice for target, choice in choices.items() if choice.revision == revision}


def _renamed(target: str, keys: Mapping[str, str]) -> str:
    key = part_of(target)
    return keys.get(key, key) + target[len(key) :]


@dataclass(frozen=True)
class _Heir:
    """A part of the new revision, and how an old part became it."""

    key: str
    relation: str


def carry(
    choices: Choices, questions: Mapping[str, Question], report: Mapping[str, Any], old: Manifest, new: Manifest
) -> tuple[Choices, dict[str, Question]]:
    """The choices for ``old`` as they count for ``new``, and the questions that are open then.

    ``report`` is the converter's, which tells what became of each part of ``old``.
    """
    heirs: dict[str, list[_Heir]] = {}
    for match in report["matches"]:
        heirs.setdefault(match["old_key"], []).append(_Heir(report["keys"][match["new_key"]], match["relation"]))
    carried: Choices = {}
    asked = {heir.key: dict(question) for key, question in questions.items() for heir in heirs.get(key, ())}
    merged = _merged(heirs)
    for key, origins in merged.items():
        question = {origin: choice.material if (choice := choices.get(origin)) else None for origin in origins}
        if len(set(question.values())) > 1:
            asked[key] = question
        elif origins[0] in choices:
            carried[key] = choices[origins[0]]
    for target, choice in choices.items():
        origin = part_of(target)
        if ":" in target:
            continue
        for heir in heirs.get(origin, [_Heir(origin, "gone")]):
            if target != origin or heir.key not in merged:
                carried.setdefault(heir.key + target[len(origin) :], choice)
    places = _Places(old, new)
    for target, choice in choices.items():
        if ":" in target:
            origin = part_of(target)
            carried[places.follow(target, [heir.key for heir in heirs.get(origin, ())])] = choice
    return carried, {key: question for key, question in asked.items() if key not in carried}


def _merged(heirs: Mapping[str, list[_Heir]]) -> dict[str, list[str]]:
    """The old keys of each part that was several before."""
    origins: dict[str, list[str]] = {}
    for old_key, found in heirs.items():
        for heir in found:
            if heir.relation in ("same", "merged"):
                origins.setdefault(heir.key, []).append(old_key)
    return {key: sorted(found) for key, found in origins.items() if len(found) > 1}


class _Places:
    """Finds the occurrences of one revision again in the next: by where they stand, else by their path."""

    def __init__(self, old: Manifest, new: Manifest) -> None:
        self._old = {part.part_key: part for part in old.parts}
        self._new = {part.part_key: part for part in new.parts}

    def follow(self, target: str, keys: list[str]) -> str:
        """The target of the same occurrence among those of the parts ``keys``; ``target`` where there is none."""
        part = self._old.get(part_of(target))
        path = target.partition(":")[2]
        wanted = next((item for item in part.occurrences if item.path == path), None) if part else None
        if part is None or wanted is None:
            return target
        candidates = [self._new[key] for key in keys if key in self._new]
        standing = list(_standing_at(_center(part, wanted), candidates))
        if len(standing) == 1:
            return standing[0]
        for candidate in candidates:
            for item in candidate.occurrences:
                # A path that another occurrence stood at before has come to mean that one.
                if item.path == path and not list(_standing_at(_center(candidate, item), [part])):
                    return occurrence_target(candidate.part_key, path)
        return target


def _standing_at(center: tuple[float, ...], parts: list[Part]) -> Iterator[str]:
    for part in parts:
        near = _AT_PLACE * (math.dist(part.bounding_box.min, part.bounding_box.max) or 1.0)
        for item in part.occurrences:
            if math.dist(_center(part, item), center) <= near:
                yield occurrence_target(part.part_key, item.path)


def _center(part: Part, occurrence: Occurrence) -> tuple[float, ...]:
    """Where the part's centre of mass stands in the model, mm."""
    x, y, z = part.center
    m = occurrence.transform
    return tuple(x * m[column] + y * m[4 + column] + z * m[8 + column] + m[12 + column] for column in range(3))
