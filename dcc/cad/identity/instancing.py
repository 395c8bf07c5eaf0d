"""Products that were occurrences of one product in the revision before, or have become occurrences of one.

Some exporters write every occurrence as a product of its own, others make one of all that are alike; and engineers
make a copy of a part in order to change it later. Shape and place tell.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.spatial import cKDTree

from dcc.cad.identity.evidence import same_shape
from dcc.cad.identity.likeness import AT_PLACE, NOISE, Likeness, name_of, stem_of
from shared.manifest import Manifest, Part
from shared.revision_report import SHOWN_CANDIDATES, Candidate, Match, Uncertain

_SURE = 0.99
"""Confidence that a product of the same shape at an occurrence's place is that occurrence."""


def instancing_changes(
    old: Manifest, new: Manifest, matches: Sequence[Match], plain: Sequence[Match], decided: set[str]
) -> list[Match]:
    """Products that were occurrences of one product before, or have become that: same shape, at its places.

    ``plain`` are those of ``matches`` whose parts others may be occurrences of.
    """
    matched_old, matched_new = {match.old_key for match in matches}, {match.new_key for match in matches}
    whole_old, whole_new = {match.old_key for match in plain}, {match.new_key for match in plain}
    found: list[Match] = []
    parts = [part for part in new.parts if part.part_key not in matched_new and part.part_key not in decided]
    wholes = [whole for whole in old.parts if whole.part_key in whole_old]
    for part, whole in _standing_in(parts, wholes):
        reason = f"same shape, stands where {whole.part_key} had an occurrence"
        found.append(Match(whole.part_key, part.part_key, _SURE, reason, "split"))
    parts = [part for part in old.parts if part.part_key not in matched_old]
    wholes = [whole for whole in new.parts if whole.part_key in whole_new]
    for part, whole in _standing_in(parts, wholes):
        reason = f"same shape, now an occurrence of {whole.part_key}"
        found.append(Match(part.part_key, whole.part_key, _SURE, reason, "merged"))
    return found


def _standing_in(parts: Sequence[Part], wholes: Sequence[Part]) -> Iterator[tuple[Part, Part]]:
    """Each part of which all places are among the places of a repeated part of the same shape; with that part."""
    repeated = [whole for whole in wholes if len(whole.occurrences) > 1]
    if not parts or not repeated:
        return
    some, several = Likeness.of(parts), Likeness.of(repeated)
    near = cKDTree(several.centers).query_ball_point(some.centers, AT_PLACE * some.sizes[some.owners])
    for index, part in enumerate(parts):
        places = near[some.starts[index] : some.starts[index + 1]]
        standing = set.intersection(*(set(several.owners[place].tolist()) for place in places)) if len(places) else ()
        whole = next((repeated[owner] for owner in sorted(standing) if same_shape(part, repeated[owner])), None)
        if whole is not None:
            yield part, whole


def divided(left: Sequence[Part], right: Sequence[Part], uncertain: Sequence[Uncertain]) -> list[Match]:
    """Of several parts that stand at the places of one, the one that is it: which of them does not matter.

    That is a product whose occurrences became products of one name but for a counter, or the other way round.
    The others are seen to be its occurrences (``instancing_changes``). Where one of them may be yet another part of
    that shape, nothing is decided.
    """
    old, new = ({part.part_key: part for part in parts} for parts in (left, right))
    claims = [
        (old[candidate.old_key], new[item.new_key], candidate)
        for item in uncertain
        for candidate in item.candidates
        if same_shape(old[candidate.old_key], new[item.new_key])
    ]
    by_old: dict[str, list[tuple[Part, Part, Candidate]]] = {}
    by_new: dict[str, list[tuple[Part, Part, Candidate]]] = {}
    for claim in claims:
        by_old.setdefault(claim[0].part_key, []).append(claim)
        by_new.setdefault(claim[1].part_key, []).append(claim)
    split = [
        group
        for group in by_old.values()
        if all(len(by_new[part.part_key]) == 1 for _, part, _ in group)
        and len({_base(part) for _, part, _ in group}) == 1
        and _stand_at([part for _, part, _ in group], group[0][0])
    ]
    merged = [
        group
        for group in by_new.values()
        if all(len(by_old[part.part_key]) == 1 for part, _, _ in group)
        and len({_base(part) for part, _, _ in group}) == 1
        and _stand_at([part for part, _, _ in group], group[0][1])
    ]
    return [
        Match(part.part_key, successor.part_key, _SURE, candidate.reason)
        for part, successor, candidate in (
            # The likeliest; of equals the first by name.
            min(group, key=lambda claim: (-claim[2].confidence, claim[0].source_name, claim[1].source_name))
            for group in (*split, *merged)
            if len(group) > 1
        )
    ]


def strayed_copies(old: Manifest, parts: Sequence[Part], matches: Sequence[Match]) -> list[Uncertain]:
    """New products with the shape and base name of a matched one, but at no place of it: a person knows."""
    taken = {match.old_key for match in matches}
    namesakes: dict[str, list[Part]] = {}
    for whole in sorted(old.parts, key=lambda whole: whole.part_key):
        if whole.part_key in taken:
            namesakes.setdefault(_base(whole), []).append(whole)
    strayed: dict[str, list[Part]] = {}
    for part in parts:
        if (base := _base(part)) in namesakes and base:
            strayed.setdefault(base, []).append(part)
    found: list[Uncertain] = []
    for base, copies in strayed.items():
        shapes = cKDTree(Likeness.of(namesakes[base]).log_measures)
        alike = shapes.query_ball_point(Likeness.of(copies).log_measures, 2 * NOISE, p=np.inf, return_sorted=True)
        for part, indices in zip(copies, alike, strict=True):
            wholes = (namesakes[base][index] for index in indices)
            candidates = tuple(
                Candidate(whole.part_key, 0.5, "same shape, same name but for a number, other place")
                for whole in itertools.islice((whole for whole in wholes if same_shape(part, whole)), SHOWN_CANDIDATES)
            )
            if candidates:
                found.append(Uncertain(part.part_key, candidates))
    return found


def _base(part: Part) -> str:
    return re.sub(r"[ \d]+$", "", stem_of(name_of(part)))


def _stand_at(parts: Sequence[Part], whole: Part) -> bool:
    """Whether every place of ``parts`` is one of the places of ``whole``, of whose shape they are."""
    if not all(part.occurrences for part in parts):
        return False
    some = Likeness.of(parts)
    return bool((Likeness.of([whole]).distances_to(0, some.centers) < AT_PLACE * some.sizes[some.owners]).all())
