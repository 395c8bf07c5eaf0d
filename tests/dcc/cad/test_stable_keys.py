"""partKeys of converted models: what must not change them, and what must tell parts apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from OCP.TopoDS import TopoDS_Shape

from dcc.cad.convert import convert
from dcc.cad.settings import Settings, tessellation
from dcc.cad.step_writer import StepWriter
from shared.manifest import Manifest
from shared.part_keys import is_key
from tests.dcc.cad.shapes import at, box, compound, cylinder, handed, mirrored, turned

Product = tuple[str, TopoDS_Shape]
Convert = Callable[..., Manifest]


@pytest.fixture
def model(tmp_path: Path) -> Convert:
    """Convert an assembly of products that stand 100 mm apart in the order of their volumes."""
    runs = iter(range(100))

    def run(products: Sequence[Product], settings: Settings | None = None) -> Manifest:
        step = StepWriter()
        root = step.assembly("Root")
        for name, shape in products:
            step.place(root, step.part(name, shape), at(100 * len(name)))
        folder = tmp_path / str(next(runs))
        step.write(folder / "model.step")
        return convert(folder / "model.step", folder / "out", settings or Settings()).manifest

    return run


PRODUCTS = (
    ("Plate", box(50, 50, 3)),
    ("Pin", cylinder(2, 30)),
    ("Pin", cylinder(3, 30)),
    ("Hook", handed()),
    ("", box()),
)


def key_of_volume(manifest: Manifest) -> dict[float, str]:
    return {round(part.volume, 3): part.part_key for part in manifest.parts}


def test_keys_are_unique_identifiers(model: Convert) -> None:
    keys = [part.part_key for part in model(PRODUCTS).parts]
    assert len(set(keys)) == 5
    assert all(is_key(key) for key in keys)
    assert {"Plate", "Hook"} < set(keys)
    assert sum(key.startswith("Pin_") for key in keys) == 2


def test_reordering_the_file_changes_no_key(model: Convert) -> None:
    assert key_of_volume(model(PRODUCTS)) == key_of_volume(model(PRODUCTS[::-1]))


def test_other_tessellation_changes_no_key(model: Convert) -> None:
    coarse = model(PRODUCTS, Settings(tessellation(0.5, None, 0.8)))
    assert key_of_volume(model(PRODUCTS)) == key_of_volume(coarse)


def test_siblings_added_and_removed_change_no_other_key(model: Convert) -> None:
    before = key_of_volume(model(PRODUCTS))
    more = key_of_volume(model((*PRODUCTS, ("Pin", cylinder(4, 30)), ("Extra", box(1, 1, 1)))))
    assert {volume: more[volume] for volume in before} == before
    fewer = key_of_volume(model(PRODUCTS[1:]))
    assert fewer == {volume: before[volume] for volume in fewer}


def test_a_second_export_through_the_kernel_changes_no_key(model: Convert, tmp_path: Path) -> None:
    before = key_of_volume(model(PRODUCTS))
    moved = [(name, turned(shape, by=at(1, 2, 3, degrees=17))) for name, shape in PRODUCTS]
    assert key_of_volume(model(moved)) == before


def test_an_unnamed_part_takes_the_name_of_its_assembly(model: Convert) -> None:
    assert model([("", box())]).parts[0].part_key == "Root"


def test_left_and_right_hand_are_different_parts(model: Convert) -> None:
    shapes = [("Grip", handed()), ("Grip", mirrored(handed()))]
    manifest = model(shapes)
    assert len(manifest.parts) == 2
    left, right = manifest.parts
    assert left.fingerprint.chirality == pytest.approx(-right.fingerprint.chirality, rel=1e-3)
    assert {part.part_key for part in model(shapes[::-1]).parts} == {left.part_key, right.part_key}


def test_equal_shapes_of_different_names_are_different_parts(model: Convert) -> None:
    assert {part.part_key for part in model([("Left", box()), ("Right", box())]).parts} == {"Left", "Right"}


def test_copies_of_a_product_are_one_part_with_occurrences(model: Convert) -> None:
    manifest = model([("Screw", cylinder(2, 9)), ("Screw", cylinder(2, 9)), ("Nut", box())])
    assert {part.part_key: part.occurrence_count for part in manifest.parts} == {"Screw": 2, "Nut": 1}


def test_all_names_equal_is_told_apart_by_shape(model: Convert) -> None:
    shapes = [("Body", cylinder(radius, 10)) for radius in range(1, 9)]
    first, second = model(shapes), model(shapes[::-1])
    assert len(first.parts) == 8
    assert key_of_volume(first) == key_of_volume(second)


def test_each_body_of_a_product_has_its_key(model: Convert) -> None:
    bodies = compound(box(), turned(cylinder(), by=at(50)))
    manifest = model([("Weldment", bodies), ("Other", handed())])
    weldment = [part for part in manifest.parts if part.source_name == "Weldment"]
    assert len(weldment) == 2
    assert all(part.part_key.startswith("Weldment_") for part in weldment)
    assert all(part.occurrences[0].path.startswith("Weldment/") for part in weldment)


def test_named_bodies_lend_their_names_to_the_keys(tmp_path: Path) -> None:
    step = StepWriter()
    step.place(step.assembly("Root"), step.part("Weldment", compound(box(), turned(cylinder(), by=at(50)))))
    step.write(tmp_path / "plain.step")
    text = (tmp_path / "plain.step").read_text()
    for name in ("Web", "Tube"):
        text = text.replace("MANIFOLD_SOLID_BREP('',", f"MANIFOLD_SOLID_BREP('{name}',", 1)
    (tmp_path / "named.step").write_text(text)
    manifest = convert(tmp_path / "named.step", tmp_path / "out", Settings()).manifest
    assert {part.part_key: part.body_name for part in manifest.parts} == {
        "Weldment_Tube": "Tube",
        "Weldment_Web": "Web",
    }
