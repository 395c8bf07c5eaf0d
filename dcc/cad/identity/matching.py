"""Which part of a new revision is which part of the last one.

:func:`match_revisions` shows the way from two manifests to a report:

1. what a person decided stands (here);
2. what was done to the whole model is set aside (:mod:`~dcc.cad.identity.alignment`);
3. every pair of an old and a new part is weighed: shape, name and place (:mod:`~dcc.cad.identity.evidence`);
4. the best pairing as a whole is one assignment problem (:mod:`~dcc.cad.identity.assignment`);
5. its pairs are certain, or a question for a person (:mod:`~dcc.cad.identity.decision`);
6. products that were, or became, occurrences of one are found (:mod:`~dcc.cad.identity.instancing`);
7. what is left is new, or removed, or asked about: a copy, or a part that has come back.

A match that is made without asking has to single the part out: by its place, by a name that it alone has, or by its
very shape (:mod:`~dcc.cad.identity.lookalikes`). Of shape alone, a copy may have been added under another name, and
the original removed: that counts only where names say nothing, because all of them were given anew. All numbers are in
:mod:`~dcc.cad.identity.thresholds`, all words in :mod:`~dcc.cad.identity.reasons`.

What nothing in the files can tell: whether the only part of a name moved and changed a little, or went and left its
name to a similar one elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from dcc.cad.identity import reasons, thresholds
from dcc.cad.identity.alignment import Alignment, align
from dcc.cad.identity.decision import decide
from dcc.cad.identity.evidence.shape import same_shape
from dcc.cad.identity.evidence.weighing import weigh
from dcc.cad.identity.instancing import divided, instancing_changes, strayed_copies
from dcc.cad.identity.pairs import EVERY_PAIR
from shared.errors import CadError
from shared.manifest import Manifest, Part
from shared.part_keys import key_name, slug
from shared.revision_report import SHOWN_CANDIDATES, Candidate, Match, RevisionReport, Uncertain


def match_revisions(
    old: Manifest,
    new: Manifest,
    confirmed: Mapping[str, str | None] | None = None,
    *,
    every_pair_up_to: int = EVERY_PAIR,
) -> RevisionReport:
    """Match the parts of two revisions of one model.

    ``confirmed`` holds a person's decisions: a new part's key and the old key it is, or None for "it is new". An old
    key may also be a retired one: a part that was gone has come back. ``every_pair_up_to``: see ``evidence.weighing``.

    Raises CadError (``cad.unknown_part``, ``cad.match_conflict``) where a decision names a part that does not exist,
    or gives two parts one identity.
    """
    decided = _decided(old, new, confirmed or {})
    closed = set(confirmed or {})
    alignment = align(old.parts, new.parts)
    old = replace(old, parts=tuple(alignment.carry(old.parts)))
    found, uncertain = _found(old, new, {match.old_key for match in decided}, closed, every_pair_up_to)
    found = [_with_scale(match, alignment) for match in found]
    matches = [*decided, *found]
    # Where a person says that a part is one of another shape, shapes do not tell whose occurrences became whose.
    wholes = [*found, *(match for match in decided if _is_one_shape(match, old, new))]
    matches += instancing_changes(old, new, matches, wholes, closed)
    questions = _questions(old, new, matches, uncertain, closed)

    placed, asked = {match.new_key for match in matches}, {item.new_key for item in questions}
    kept = {match.old_key for match in matches}
    return RevisionReport(
        matches=tuple(sorted(matches, key=lambda match: (match.old_key, match.relation, match.new_key))),
        uncertain=tuple(sorted(questions, key=lambda item: item.new_key)),
        new=tuple(sorted({part.part_key for part in new.parts} - placed - asked)),
        removed=tuple(sorted({part.part_key for part in old.parts} - kept)),
        alignment=() if alignment.is_identity else tuple(alignment.matrix.ravel().tolist()),
    )


def _decided(old: Manifest, new: Manifest, confirmed: Mapping[str, str | None]) -> list[Match]:
    """The matches that a person decided."""
    matches: list[Match] = []
    for new_key, old_key in sorted(confirmed.items()):
        new.part(new_key)
        if old_key is None:
            continue
        retired = old_key in old.retired_keys
        if not retired:
            old.part(old_key)
        if any(match.old_key == old_key for match in matches):
            raise CadError(
                f"Two parts of the new revision are confirmed to be {old_key!r}.",
                hint="Take one of the two confirmations back.",
                code="cad.match_conflict",
            )
        matches.append(Match(old_key, new_key, 1.0, reasons.CONFIRMED_RETIRED if retired else reasons.CONFIRMED))
    return matches


def _found(
    old: Manifest, new: Manifest, taken_old: Collection[str], closed_new: Collection[str], every_pair_up_to: int
) -> tuple[list[Match], list[Uncertain]]:
    """The certain matches and the questions among the parts about which nobody decided."""
    left = [part for part in old.parts if part.part_key not in taken_old]
    right = [part for part in new.parts if part.part_key not in closed_new]
    if not left or not right:
        return [], []
    matches, uncertain = decide(weigh(left, right, every_pair_up_to))
    return matches + divided(left, right, uncertain), uncertain


def _with_scale(match: Match, alignment: Alignment) -> Match:
    if not alignment.is_scaled:
        return match
    return replace(match, reason=reasons.scaled_with_all(match.reason, alignment.scale))


def _is_one_shape(match: Match, old: Manifest, new: Manifest) -> bool:
    """Whether the old part is there (its key may be retired) and has the shape of the new one."""
    before = next((part for part in old.parts if part.part_key == match.old_key), None)
    return before is not None and same_shape(before, new.part(match.new_key))


def _questions(
    old: Manifest, new: Manifest, matches: Sequence[Match], uncertain: Sequence[Uncertain], closed: Collection[str]
) -> list[Uncertain]:
    """What is still uncertain after all matches, and of the other new parts those that may not be new at all."""
    settled = {match.new_key for match in matches}.union(closed)
    questions = [item for item in uncertain if item.new_key not in settled]
    settled |= {item.new_key for item in questions}
    unsettled = [part for part in new.parts if part.part_key not in settled]
    copies = strayed_copies(old, unsettled, matches)
    retired = set(old.retired_keys) - {match.old_key for match in matches}
    candidates = {part.part_key: [*_returned(part, retired), *copies.get(part.part_key, ())] for part in unsettled}
    return questions + [Uncertain(key, tuple(found[:SHOWN_CANDIDATES])) for key, found in candidates.items() if found]


def _returned(part: Part, retired: Collection[str]) -> list[Candidate]:
    """The one of the ``retired`` keys that this part, or one of its name, had.

    A part that was gone (suppressed, perhaps) has come back, or another one of its name: a person knows.
    """
    name = key_name(part.source_name)
    keys = (part.part_key, *([slug(name)] if name else []))
    return [Candidate(key, thresholds.OPEN_QUESTION, reasons.RETURNED) for key in keys if key in retired][:1]
