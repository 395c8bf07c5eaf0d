"""The words in which a revision report says why: every reason that a person reads is made here."""

from __future__ import annotations

from dcc.cad.identity import thresholds
from dcc.cad.identity.evidence.name import Names
from dcc.cad.identity.evidence.place import Places
from dcc.cad.identity.evidence.shape import ShapeDifferences
from dcc.cad.identity.evidence.weighing import Evidence
from dcc.cad.identity.lookalikes import Lookalikes

CONFIRMED = "confirmed by a person"
CONFIRMED_RETIRED = f"{CONFIRMED}, after its key had been retired"
COPY_ELSEWHERE = "same shape, same name but for a number, other place"
_SAME_SHAPE, _SAME_NAME, _SAME_PLACE = "same shape", "same name", "same place"
_INSTEAD = " instead of "
RETURNED = "same name as a part that is gone since an earlier revision"


def split_from(whole: str) -> str:
    return f"same shape, stands where {whole} had an occurrence"


def merged_into(whole: str) -> str:
    return f"same shape, now an occurrence of {whole}"


def scaled_with_all(reason: str, scale: float) -> str:
    return f"{reason}, {scale:.4g} times as large, as all is"


def of_pair(evidence: Evidence, pair: int) -> str:
    """The evidence for one pair, and how many places the part has now where they are not as many as before."""
    said = _evidence_of(evidence, pair)
    before = evidence.old.parts[evidence.pairs.rows[pair]].occurrence_count
    now = evidence.new.parts[evidence.pairs.columns[pair]].occurrence_count
    if now != before:
        return f"{said}, {now} {'place' if now == 1 else 'places'}{_INSTEAD}{before}"
    return said


def of_doubt(evidence: Evidence, pair: int, lookalikes: Lookalikes) -> str:
    """The evidence for one pair, and what keeps it from singling the part out.

    Without numbers of the part's own: those of which the same is said can be decided together.
    """
    return f"{_evidence_of(evidence, pair)}; {_of_lookalikes(lookalikes)}"


def keeps_shape(reason: str) -> bool:
    """Whether a match's reason says that the part's shape is what it was."""
    return reason.startswith(_SAME_SHAPE)


def keeps_name_and_place(reason: str) -> bool:
    """Whether a match's reason says that the part is called as before and stands where it stood, nowhere else."""
    return f", {_SAME_NAME}, {_SAME_PLACE}" in reason and _INSTEAD not in reason


def _of_shape(shapes: ShapeDifferences, pair: int) -> str:
    difference = float(shapes.largest[pair])
    if shapes.mirrored[pair]:
        return "mirror image"
    if difference <= thresholds.SAME_SHAPE:
        return _SAME_SHAPE
    if shapes.scaled[pair] and difference >= thresholds.NEUTRAL_SHAPE:
        return "scaled"
    if difference < thresholds.REPLACED_SHAPE:
        hand = " and perhaps mirrored" if shapes.perhaps_mirrored[pair] else ""
        return f"shape changed by {difference:.1%}{hand}"
    return "different shape"


def _of_name(names: Names, pair: int) -> str:
    if names.same[pair]:
        return _SAME_NAME
    nats = names.nats[pair]
    return "similar name" if nats > 0 else "other name" if nats < 0 else "name says nothing"


def _of_place(places: Places, pair: int) -> str:
    if places.kept[pair] > thresholds.MOST_PLACES:
        return _SAME_PLACE
    if places.kept[pair] > 0:
        return "partly the same places"
    return "elsewhere in its assembly" if places.nats[pair] > thresholds.OTHER_PLACE_NATS else "other place"


def _evidence_of(evidence: Evidence, pair: int) -> str:
    said = _of_shape(evidence.shapes, pair), _of_name(evidence.names, pair), _of_place(evidence.places, pair)
    return ", ".join(said)


def _of_lookalikes(lookalikes: Lookalikes) -> str:
    expected, others = lookalikes.expected, lookalikes.others
    if lookalikes.namesakes and not others:
        return "nothing but the name speaks for it"
    if lookalikes.namesakes:
        return f"{others} other {'part has' if others == 1 else 'parts have'} that name"
    if lookalikes.shape_alone and expected <= thresholds.LONE_LOOKALIKE:
        return "nothing but its shape speaks for it"
    return f"about {max(1, round(expected))} of {others} other parts would come as near"
