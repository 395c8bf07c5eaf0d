"""The artist's choices of material: who made them, and how they come along to the next revision of a CAD file.

A choice has a target (see :mod:`shared.material_layers`) and belongs to the revision in which it was made. Those of
earlier revisions are carried over by what became of their parts. What an earlier revision's part wore is kept under
its key also where that part is gone or uncertain: no other part ever gets that key, and if a person later finds out
which part it is, the choice is there again.

Products that became one although different materials were chosen for them are an open question: until a person
answers it the part wears none of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service.cad.occurrences import UNMOVED, Occurrences
from service.models import CadFile
from shared.manifest import Manifest, Vector
from shared.material_layers import part_of, targets_of


@dataclass(frozen=True)
class Choice:
    """``material`` is None where a choice that came along was taken back in ``revision``."""

    material: str | None
    by: str | None
    """Name of the user."""
    at: str | None
    """ISO 8601, UTC."""
    revision: int
    place: Vector | None = None
    """Where an occurrence stood that is gone, mm: by that, and not by its path, it is known if it comes back."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Choice:
        place = data.get("place")
        return cls(data["material"], data["by"], data["at"], data["revision"], tuple(place) if place else None)

    def to_json(self) -> dict[str, Any]:
        made = {"material": self.material, "by": self.by, "at": self.at, "revision": self.revision}
        return made if self.place is None else {**made, "place": list(self.place)}


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


def since(then: Choices, now: Choices, revision: int) -> Choices:
    """What to begin with where an earlier revision is made the newest again, as ``revision``.

    ``then`` are the choices for the earlier one and ``now`` those for the newest. A part has one key in both, so what
    was chosen for parts meanwhile counts, as chosen in ``revision``; for single occurrences, which may stand elsewhere
    now, what was chosen then.
    """
    later = {
        target: dataclasses.replace(choice, revision=revision)
        for target, choice in now.items()
        if ":" not in target and (target not in then or then[target].material != choice.material)
    }
    return {**then, **later}


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
    became = {origin: [heir.key for heir in found] for origin, found in heirs.items()}
    occurrences = Occurrences(old, new, became, report.get("alignment") or UNMOVED)
    of_occurrences = {target: choice for target, choice in choices.items() if ":" in target}
    carried.update(_of_occurrences(of_occurrences, occurrences))
    return carried, {key: question for key, question in asked.items() if key not in carried}


def _of_occurrences(choices: Choices, occurrences: Occurrences) -> Choices:
    """The choices for occurrences as they count now; those for what is gone wait under targets that nothing has."""
    carried: Choices = {}
    waiting: Choices = {}
    for target, choice in choices.items():
        place = occurrences.aligned(choice.place) if choice.place else occurrences.place(target)
        if place is None:
            # A model of very many occurrences does not list them.
            carried[target] = choice
        elif choice.place:
            found = occurrences.standing_at(place, part_of(target))
            waiting[found or target] = dataclasses.replace(choice, place=None if found else place)
        elif found := occurrences.follow(target):
            carried[found] = choice
        else:
            waiting[target] = dataclasses.replace(choice, place=place)
    for target, choice in waiting.items():
        if choice.place:
            carried[_unused(target, carried, occurrences)] = choice
        else:
            carried.setdefault(target, choice)
    return carried


def _unused(target: str, taken: Collection[str], occurrences: Occurrences) -> str:
    found, number = target, 2
    while found in taken or occurrences.names(found):
        found, number = f"{target}_r{number}", number + 1
    return found


def _merged(heirs: Mapping[str, list[_Heir]]) -> dict[str, list[str]]:
    """The old keys of each part that was several before."""
    origins: dict[str, list[str]] = {}
    for old_key, found in heirs.items():
        for heir in found:
            if heir.relation in ("same", "merged"):
                origins.setdefault(heir.key, []).append(old_key)
    return {key: sorted(found) for key, found in origins.items() if len(found) > 1}
