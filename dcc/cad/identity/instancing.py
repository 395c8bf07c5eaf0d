"""Products that were occurrences of one product in the revision before, or have become occurrences of one.

Some exporters write every occurrence as a product of its own, others make one of all that are alike; and engineers
make a copy of a part in order to change it later. Shape and place tell.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from dcc.cad.identity import reasons, thresholds
from dcc.cad.identity.evidence.shape import same_shape
from dcc.cad.identity.part_table import PartTable, name_of, stem_of
from shared.manifest import Manifest, Part
from shared.revision_report import SHOWN_CANDIDATES, Candidate, Match, Uncertain


def instancing_changes(
    old: Manifest, new: Manifest, matches: Sequence[Match], wholes: Sequence[Match], decided: set[str]
) -> list[Match]:
    """Products that were occurrences of one product before, or have become that: same shape, at its places.

    ``wholes`` are those of ``matches`` whose parts others may be occurrences of; ``decided`` the keys of new parts that
    a person has spoken about.
    """
    matched_old, matched_new = {match.old_key for match in matches}, {match.new_key for match in matches}
    whole_old, whole_new = {match.old_key for match in wholes}, {match.new_key for match in wholes}
    found: list[Match] = []
    parts = [part for part in new.parts if part.part_key not in matched_new and part.part_key not in decided]
    for part, whole in _standing_in(parts, [whole for whole in old.parts if whole.part_key in whole_old]):
        reason = reasons.split_from(whole.part_key)
        found.append(Match(whole.part_key, part.part_key, thresholds.SPLIT_OR_MERGED, reason, "split"))
    parts = [part for part in old.parts if part.part_key not in matched_old]
    for part, whole in _standing_in(parts, [whole for whole in new.parts if whole.part_key in whole_new]):
        reason = reasons.merged_into(whole.part_key)
        found.append(Match(part.part_key, whole.part_key, thresholds.SPLIT_OR_MERGED, reason, "merged"))
    return found


def _standing_in(parts: Sequence[Part], wholes: Sequence[Part]) -> Iterator[tuple[Part, Part]]:
    """Each part of which all places are among the places of a repeated part of the same shape; with that part."""
    repeated = [whole for whole in wholes if len(whole.occurrences) > 1]
    if not parts or not repeated:
        return
    some, several = PartTable.of(parts), PartTable.of(repeated)
    near = cKDTree(several.centers).query_ball_point(some.centers, thresholds.AT_PLACE * some.sizes[some.owners])
    for index, part in enumerate(parts):
        places = near[some.starts[index] : some.starts[index + 1]]
        standing = set.intersection(*(set(several.owners[place].tolist()) for place in places)) if len(places) else ()
        whole = next((repeated[owner] for owner in sorted(standing) if same_shape(part, repeated[owner])), None)
        if whole is not None:
            yield part, whole


@dataclass(frozen=True)
class _Claim:
    """An old and a new part of one shape, of which a person would have to be asked whether they are one part."""

    old: Part
    new: Part
    candidate: Candidate


def divided(left: Sequence[Part], right: Sequence[Part], uncertain: Sequence[Uncertain]) -> list[Match]:
    """Of several parts that stand at the places of one, the one that is it: which of them does not matter.

    That is a product whose occurrences became products of one name but for a counter, or the other way round.
    The others are seen to be its occurrences (``instancing_changes``). Where one of them may be yet another part of
    that shape, nothing is decided.
    """
    old, new = ({part.part_key: part for part in parts} for parts in (left, right))
    claims = [
        _Claim(old[candidate.old_key], new[item.new_key], candidate)
        for item in uncertain
        for candidate in item.candidates
        if same_shape(old[candidate.old_key], new[item.new_key])
    ]
    by_old, by_new = _grouped(claims, lambda claim: claim.old), _grouped(claims, lambda claim: claim.new)
    groups = [
        claimed
        for claimed in by_old.values()
        if _are_copies([claim.new for claim in claimed], claimed[0].old)
        and all(len(by_new[claim.new.part_key]) == 1 for claim in claimed)
    ] + [
        claimed
        for claimed in by_new.values()
        if _are_copies([claim.old for claim in claimed], claimed[0].new)
        and all(len(by_old[claim.old.part_key]) == 1 for claim in claimed)
    ]
    return [
        Match(first.old.part_key, first.new.part_key, thresholds.SPLIT_OR_MERGED, first.candidate.reason)
        for first in map(_likeliest, groups)
    ]


def _grouped(claims: Iterable[_Claim], part_of: Callable[[_Claim], Part]) -> dict[str, list[_Claim]]:
    groups: dict[str, list[_Claim]] = {}
    for claim in claims:
        groups.setdefault(part_of(claim).part_key, []).append(claim)
    return groups


def _are_copies(parts: Sequence[Part], whole: Part) -> bool:
    """Whether several ``parts`` have one name but for a counter, and every place of them is one of ``whole``."""
    if len(parts) < 2 or len({_base(part) for part in parts}) > 1:
        return False
    if not whole.occurrences or not all(part.occurrences for part in parts):
        return False
    some = PartTable.of(parts)
    reach = thresholds.AT_PLACE * some.sizes[some.owners]
    return bool((PartTable.of([whole]).distances_to(0, some.centers) < reach).all())


def _likeliest(claims: Iterable[_Claim]) -> _Claim:
    """Of equals the first by name."""
    return min(claims, key=lambda claim: (-claim.candidate.confidence, claim.old.source_name, claim.new.source_name))


def strayed_copies(old: Manifest, parts: Sequence[Part], matches: Sequence[Match]) -> dict[str, list[Candidate]]:
    """New products with the shape and base name of a matched one, but at no place of it: what each may be, by key."""
    taken = {match.old_key for match in matches}
    wholes: dict[str, list[Part]] = {}
    for whole in sorted(old.parts, key=lambda whole: whole.part_key):
        if whole.part_key in taken:
            wholes.setdefault(_base(whole), []).append(whole)
    strayed: dict[str, list[Part]] = {}
    for part in parts:
        if (base := _base(part)) in wholes and base:
            strayed.setdefault(base, []).append(part)
    return {
        part.part_key: [
            Candidate(whole.part_key, thresholds.OPEN_QUESTION, reasons.COPY_ELSEWHERE)
            for whole in itertools.islice(alike, SHOWN_CANDIDATES)
        ]
        for base, copies in strayed.items()
        for part, alike in _of_one_shape(copies, wholes[base])
    }


def _of_one_shape(parts: Sequence[Part], others: Sequence[Part]) -> Iterator[tuple[Part, Iterator[Part]]]:
    """Each of ``parts`` with those of the ``others`` that have its shape."""
    shapes = cKDTree(PartTable.of(others).log_measures)
    logs = PartTable.of(parts).log_measures
    near = shapes.query_ball_point(logs, 2 * thresholds.SAME_SHAPE, p=np.inf, return_sorted=True)
    for part, indices in zip(parts, near, strict=True):
        yield part, (others[index] for index in indices if same_shape(part, others[index]))


def _base(part: Part) -> str:
    """A part's name without the counter at its end."""
    return re.sub(r"[ \d]+$", "", stem_of(name_of(part)))
