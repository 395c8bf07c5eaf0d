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


@pytest.mark.parametrize("size", [2, 6])
def test_a_copy_elsewhere_under_another_name_is_asked_about_where_the_original_is_gone(size: int) -> None:
    """It has the very shape; but the same bodies under other names are other parts."""
    parts = numbered(3.0, list(range(size))).parts
    copy = replace(parts[0], identity="copy", name="Holder", places=((-700.0, 90.0, 0.0, 0.0),))
    tally = fate_of(Model(parts), Model((copy, *parts[1:])))
    assert (tally.right, tally.wrong, tally.needless) == (size - 1, [], 1)


def test_where_all_names_are_new_a_part_that_was_moved_too_keeps_its_key() -> None:
    before = numbered(3.0, [1, 2, 3, 4, 5, 6])
    renamed = [replace(part, name=f"{1000 + number}-A") for number, part in enumerate(before.parts)]
    moved = replace(renamed[0], places=((-700.0, 90.0, 0.0, 0.0),))
    assert fate_of(before, Model((moved, *renamed[1:]))).right == 6


def test_names_that_were_dealt_out_anew_tell_nothing_of_a_part_that_was_moved_and_changed() -> None:
    """The only part that is called "Part1" now was "Part6" before."""
    before = numbered(3.0, [1, 2, 3, 4, 5, 6])
    names = [part.name for part in before.parts]
    renamed = [replace(part, name=name) for part, name in zip(before.parts, reversed(names), strict=True)]
    last = renamed[-1]
    changed = replace(last, shape=replace(last.shape, a=last.shape.a * 1.05), places=((-700.0, 90.0, 0.0, 0.0),))
    assert fate_of(before, Model((*renamed[:-1], changed))).wrong == []


def test_an_assembly_of_two_parts_that_was_turned_and_renamed_as_a_whole_is_known() -> None:
    before = numbered(3.0, [1, 4])
    after = replace(before, tilted=90.0, turned=33.0, shift=(400.0, 20.0, 0.0), unit="INCH")
    renamed = replace(after, parts=tuple(replace(part, name=f"x{part.identity}") for part in after.parts))
    assert fate_of(before, renamed).right == 2


@pytest.mark.parametrize("scale", [1.0, 1.08, 25.4])
def test_the_other_hand_in_a_parts_place_is_asked_about_at_any_size(scale: float) -> None:
    others = numbered(3.0, [1, 2, 3]).parts
    left = PartSpec("left", "Bracket", Shape(40, 25, 12), ((0.0, 300.0, 0.0, 0.0),))
    right = replace(left, identity="right", shape=replace(left.shape.scaled(scale), mirrored=True))
    tally = fate_of(Model((left, *others)), Model((right, *others)))
    assert (tally.right, tally.wrong, tally.needless) == (3, [], 1)


def test_another_shape_under_the_same_name_in_the_same_place_is_asked_about() -> None:
    """A redesign, or what another supplier calls so: a plate that became thicker by half is still that plate."""
    others = numbered(3.0, [1, 2, 3]).parts
    plate = PartSpec("plate", "Plate", Shape(60, 40, 5), ((0.0, 300.0, 0.0, 0.0),))
    other = replace(plate, identity="other", shape=Shape(72, 50, 9))
    tally = fate_of(Model((plate, *others)), Model((other, *others)))
    assert (tally.right, tally.wrong, tally.needless) == (3, [], 1)
    thicker = replace(plate, shape=Shape(60, 40, 7.5))
    assert fate_of(Model((plate, *others)), Model((thicker, *others))).right == 4


@pytest.mark.parametrize("scale", [0.95, 1.1])
def test_a_half_that_became_its_other_half_is_not_taken_for_that(scale: float) -> None:
    """Both stand at one place; the lower one was altered, and the upper one is now what the lower one was."""
    half = PartSpec("lower", "Lever 1 lower", replace(FIRST, half=True, mirrored=True), ((0.0, 300.0, 0.0, 0.0),))
    upper = replace(half, identity="upper", name="Lever 1 upper", shape=replace(half.shape, mirrored=False))
    others = numbered(3.0, [1, 2, 3]).parts
    altered = replace(half, shape=half.shape.scaled(scale))
    swapped = replace(upper, identity="other hand", shape=half.shape)
    assert fate_of(Model((half, upper, *others)), Model((altered, swapped, *others))).wrong == []


def test_members_of_a_family_that_moved_up_by_one_size_are_asked_about() -> None:
    """Each is now as large as the next one was: changed, by its name and place, or another one, by its shape."""
    before = numbered(3.0, [1, 2, 3, 4, 5, 6])
    shapes = [part.shape for part in before.parts]
    sizes = [*shapes[1:], replace(FIRST, a=51)]
    parts = [replace(part, shape=shape) for part, shape in zip(before.parts, sizes, strict=True)]
    by_shape = [replace(part, identity=f"id{number + 2}") for number, part in enumerate(parts)]
    assert fate_of(before, Model(tuple(parts))).wrong == []
    assert fate_of(before, Model(tuple(by_shape))).wrong == []


def row(first: int, count: int, *, numbers_from: int = 1) -> tuple[PartSpec, ...]:
    """Twins at equal distances: those from ``first`` on, with numbers for names."""
    shape = Shape(12, 10, 40)
    return tuple(
        PartSpec(f"bolt{first + rank}", f"Bolt {numbers_from + rank}", shape, ((25.0 * (first + rank), 400, 0, 0),))
        for rank in range(count)
    )


# Where there are no other parts, a row that was moved, too, looks as if the last one had been removed.
@pytest.mark.parametrize(("others", "shift"), [(0, 0.0), (3, 0.0), (3, 3.0)])
def test_twins_in_a_row_that_were_numbered_anew_after_the_first_was_removed_are_asked_about(
    others: int, shift: float
) -> None:
    """Their names say that the whole model moved by one place, and outnumber the other parts that tell otherwise."""
    rest = numbered(3.0, list(range(5, 5 + others))).parts
    before, after = Model((*rest, *row(0, 8))), Model((*rest, *row(1, 7)), shift=(shift, 0.0, 0.0))
    for one, other in ((before, after), (after, before)):
        tally = fate_of(one, other)
        assert (tally.wrong, tally.lost) == ([], 0)
        assert tally.right >= others


def test_twins_in_a_row_that_was_moved_by_the_distance_between_them_are_asked_about() -> None:
    """Each stands where another one stood that had another name: moved, or numbered anew."""
    rest = numbered(3.0, [5, 6, 7]).parts
    moved = tuple(
        replace(bolt, places=((x + 25.0, y, z, turn),)) for bolt in row(0, 8) for x, y, z, turn in bolt.places
    )
    tally = fate_of(Model((*rest, *row(0, 8))), Model((*rest, *moved)))
    assert (tally.right, tally.asked, tally.lost, tally.wrong) == (3, 8, 0, [])


def test_sheets_of_a_stack_that_were_numbered_anew_are_asked_about() -> None:
    """Each stands within 2 % of its size of where the next one stood, and has its name now."""
    sheets = [PartSpec(f"sheet{n}", f"Sheet {n}", Shape(180, 120, 2), ((0.0, 300.0, 3.0 * n, 0.0),)) for n in range(6)]
    rest = numbered(3.0, list(range(5, 13))).parts
    stack = Model((*rest, *sheets))
    assert fate_of(stack, replace(stack, root="Next revision")).right == 14
    anew = [replace(sheet, name=f"Sheet {number}") for number, sheet in enumerate(sheets[1:])]
    tally = fate_of(stack, Model((*rest, *anew)))
    assert (tally.right, tally.asked, tally.lost, tally.wrong) == (8, 5, 0, [])
