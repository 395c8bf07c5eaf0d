"""The table of an assembly's parts: which come first, and what stands for those that are left out."""

from __future__ import annotations

import dataclasses

from service.pages.parts import PLACE_LIMIT, ROW_LIMIT, parts_table
from shared.manifest import EffectiveMaterial
from shared.material_library import LIBRARY
from tests.shared.parts import make_manifest, make_part


def _worn(name: str, layer: str = "auto") -> EffectiveMaterial:
    return EffectiveMaterial(name, layer, "because")  # type: ignore[arg-type]


def test_a_large_assembly_shows_its_unresolved_parts_first_and_counts_all() -> None:
    parts = [
        dataclasses.replace(make_part(f"P{index}", f"Part {index}"), material=_worn("Steel"))
        for index in range(ROW_LIMIT + 50)
    ]
    parts[-1] = dataclasses.replace(parts[-1], material=_worn("FailedMaterial", "fallback"))
    table = parts_table(make_manifest(*parts), LIBRARY)
    assert (table.total, table.matching, len(table.rows)) == (ROW_LIMIT + 50, ROW_LIMIT + 50, ROW_LIMIT)
    assert table.rows[0].failed and table.failed == 1
    assert parts_table(make_manifest(*parts), LIBRARY, f"part {ROW_LIMIT + 10}").matching == 1


def test_occurrences_with_their_own_material_are_never_among_the_unlisted() -> None:
    places = dict.fromkeys(f"row/{index}" for index in range(PLACE_LIMIT + 5))
    part = make_part("Ball", "Ball", occurrences=places)
    last = dataclasses.replace(part.occurrences[-1], material=_worn("Brass", "manual"))
    part = dataclasses.replace(part, material=_worn("Steel"), occurrences=(*part.occurrences[:-1], last))
    (row,) = parts_table(make_manifest(part), LIBRARY).rows
    assert row.places[0].worn is not None and row.places[0].worn.label == "Brass"
    assert (row.own_materials, row.unlisted) == (1, 5)


def test_places_are_listed_as_people_count() -> None:
    part = make_part("Ball", "Ball", occurrences=dict.fromkeys(["row/ball_10", "row/ball_9", "row/ball_1"]))
    (row,) = parts_table(make_manifest(part), LIBRARY).rows
    assert [place.path for place in row.places] == ["row/ball_1", "row/ball_9", "row/ball_10"]


def test_a_material_that_left_the_library_is_shown_by_its_name() -> None:
    part = dataclasses.replace(make_part("Ball", "Ball"), material=_worn("Unobtainium", "manual"))
    (row,) = parts_table(make_manifest(part), LIBRARY).rows
    assert (row.worn.label, row.worn.layer, row.failed) == ("Unobtainium", "manual", False)
