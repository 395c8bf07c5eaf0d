"""Names that have changed owners and shapes that look alike mislead nobody in silence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.dcc.cad.fates import fate_of
from tests.dcc.cad.revisions import Model, PartSpec, Shape

FIRST = Shape(30, 20, 8)


def numbered(step: float, identities: list[int], places: list[int] | None = None) -> Model:
    """Parts ``step`` mm longer one than the other, named by their rank; they stand where ``places`` say."""
    return Model(
        tuple(
            PartSpec(
                f"id{identity}", f"Part{rank}", replace(FIRST, a=30 + step * identity), ((100.0 * place, 0, 0, 0),)
            )
            for rank, (identity, place) in enumerate(zip(identities, places or identities, strict=True), 1)
        )
    )


@pytest.mark.parametrize("step", [0.03, 0.3, 3.0])
@pytest.mark.parametrize("places", [None, [1, 2, 3, 4, 5]], ids=["in place", "moved up"])
def test_parts_that_were_numbered_anew_after_one_was_removed(step: float, places: list[int] | None) -> None:
    """The names say that all grew or all moved; the exact shapes say that neither did."""
    before, after = numbered(step, [1, 2, 3, 4, 5, 6]), numbered(step, [1, 3, 4, 5, 6], places)
    assert fate_of(before, after).wrong == []
    assert fate_of(after, before).wrong == []


def test_a_whole_that_was_moved_by_the_distance_of_its_parts_is_still_known() -> None:
    before = numbered(3.0, [1, 2, 3, 4, 5, 6])
    tally = fate_of(before, replace(before, shift=(100.0, 0.0, 0.0)))
    assert (tally.right, tally.wrong) == (6, [])


def test_a_newcomer_of_another_name_elsewhere_is_asked_about_however_near_its_shape() -> None:
    before = Model(
        (
            PartSpec("plate", "Plate", Shape(80, 60, 5), ((0, 0, 0, 0),)),
            PartSpec("cover", "Cover", FIRST, ((200, 0, 0, 0),)),
            PartSpec("block", "Block", Shape(40, 40, 40), ((400, 0, 0, 0),)),
        )
    )
    stranger = PartSpec("lid", "Lid", replace(FIRST, a=30.2), ((0, 300, 0, 0),))
    tally = fate_of(before, replace(before, parts=(before.parts[0], stranger, before.parts[2])))
    assert (tally.right, tally.wrong, tally.needless) == (2, [], 1)


SCREW = PartSpec("screw", "Screw M6", Shape(12, 10, 40), ((0, 0, 0, 0), (90, 0, 0, 0), (180, 0, 0, 0)))


@pytest.mark.parametrize(
    "names", [("Screw M6", "Screw M6 copy"), ("Screw M6", "Screw M6 (2)"), ("Screw M6_1", "Screw M6_2"), ("B 1", "B 2")]
)
def test_occurrences_that_became_products_of_one_name_are_known_and_so_is_the_way_back(names: tuple[str, str]) -> None:
    others = numbered(3.0, [5, 6, 7]).parts
    whole = Model((SCREW, *others))
    halves = (
        replace(SCREW, name=names[0], places=SCREW.places[:2]),
        replace(SCREW, name=names[1], places=SCREW.places[2:]),
    )
    divided = Model((*halves, *others))
    for before, after in ((whole, divided), (divided, whole)):
        tally = fate_of(before, after)
        assert (tally.asked, tally.lost, tally.wrong) == (0, 0, [])


def test_products_of_different_names_that_became_one_of_a_third_name_are_asked_about() -> None:
    pins = [PartSpec(f"pin{n}", name, SCREW.shape, (SCREW.places[n],)) for n, name in enumerate(("Pin", "Dowel"))]
    others = numbered(3.0, [5, 6, 7]).parts
    one = replace(SCREW, identity="pin0", name="Bolt", places=SCREW.places[:2])
    assert fate_of(Model((*pins, *others)), Model((one, *others))).asked == 1
