"""Faces that the kernel leaves out while it reads, and solids that it takes apart: told by the name of their part."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dcc.cad.convert import convert
from dcc.cad.settings import Settings
from dcc.cad.step_writer import StepWriter
from shared.manifest import Manifest
from tests.dcc.cad.shapes import at, box, compound, cylinder, handed
from tests.dcc.cad.step_text import StepText, references

SETTINGS = pytest.mark.parametrize(
    "settings", [Settings(processes=1), Settings(processes=2, piecewise_bytes=0)], ids=["whole", "pieces"]
)
Damage = Callable[[StepText, int], None]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> StepText:
    """Products Box, Pin, Twin, Twin and Pair (of two solids), whose faces stand in the file in that order."""
    step = StepWriter()
    root = step.assembly("Root")
    shapes = (box(), cylinder(), handed(), box(3, 4, 5), compound(box(1, 2, 3), box(4, 5, 6)))
    for number, (name, shape) in enumerate(zip(("Box", "Pin", "Twin", "Twin", "Pair"), shapes, strict=True)):
        part = step.part(name, shape)
        step.place(root, part, at(50.0 * number))
        step.place(root, part, at(50.0 * number, 100.0))
    path = tmp_path_factory.mktemp("sound") / "sound.step"
    step.write(path)
    return StepText.read(path)


def faces_of(step: StepText, product: str) -> list[int]:
    """Numbers of the faces of each product of that name, in the order of the file."""
    solids = {"Box": [0], "Pin": [1], "Twin": [2, 3], "Pair": [4, 5]}[product]
    shells = [references(step.entities[step.of_type("MANIFOLD_SOLID_BREP")[number]])[-1] for number in solids]
    return [face for shell in shells for face in references(step.entities[shell])]


def no_surface(step: StepText, face: int) -> None:
    bound, surface = references(step.entities[face])[0], references(step.entities[face])[-1]
    step.entities[face] = step.entities[face].replace(f"#{surface},", f"#{bound},")


def unfinished_surface(step: StepText, face: int) -> None:
    surface = references(step.entities[face])[-1]
    axis = references(step.entities[surface])[0]
    step.entities[surface] = step.entities[surface].replace(f"#{axis}", "$", 1)


def dangling(step: StepText, face: int) -> None:
    step.entities[face] = re.sub(r"#\d+,(\.[TF]\.\))$", r"#9999999,\1", step.entities[face])


def told(step: StepText, folder: Path, settings: Settings) -> Manifest:
    step.write(folder / "damaged.step")
    return convert(folder / "damaged.step", folder / "out", settings).manifest


@SETTINGS
def test_a_sound_file_loses_nothing(sound: StepText, settings: Settings, tmp_path: Path) -> None:
    assert not told(sound, tmp_path, settings).warnings


@SETTINGS
@pytest.mark.parametrize("damage", [no_surface, unfinished_surface, dangling], ids=lambda damage: damage.__name__)
def test_a_face_that_is_left_out_is_told_with_its_part(
    damage: Damage, sound: StepText, settings: Settings, tmp_path: Path
) -> None:
    step = sound.copy()
    damage(step, faces_of(step, "Pin")[0])
    manifest = told(step, tmp_path, settings)
    found = {(each.code, each.part_key): each.message for each in manifest.warnings if each.code != "cad.damaged"}
    assert found == {
        ("cad.missing_faces", "Pin"): "1 face of 'Pin' could not be read and is missing.",
        ("cad.open_solids", "Pin"): "1 solid of 'Pin' is not closed and was read as surfaces.",
    }
    assert len(manifest.parts) == 6, "the rest is kept"


@SETTINGS
def test_each_part_is_told_with_how_much_it_lost(sound: StepText, settings: Settings, tmp_path: Path) -> None:
    step = sound.copy()
    for product, numbers in (("Box", (1, 3)), ("Pair", (0, 7))):
        for number in numbers:
            no_surface(step, faces_of(step, product)[number])
    messages = [each.message for each in told(step, tmp_path, settings).warnings if each.code == "cad.missing_faces"]
    assert sorted(messages) == [
        "2 faces of 'Box' could not be read and are missing.",
        "2 faces of 'Pair' could not be read and are missing.",
    ]


def test_a_name_that_several_parts_have_is_told_without_saying_which(sound: StepText, tmp_path: Path) -> None:
    step = sound.copy()
    no_surface(step, faces_of(step, "Twin")[0])
    (found,) = (
        each for each in told(step, tmp_path, Settings(processes=1)).warnings if each.code == "cad.missing_faces"
    )
    assert (found.message, found.part_key) == ("1 face of 'Twin' could not be read and is missing.", None)


def test_a_loss_is_told_where_the_numbers_of_faces_agree(sound: StepText, tmp_path: Path) -> None:
    """A face that two shells have is read twice, which makes up for one that is left out."""
    step = sound.copy()
    no_surface(step, faces_of(step, "Box")[0])
    pair = [references(step.entities[number])[-1] for number in step.of_type("MANIFOLD_SOLID_BREP")[4:]]
    shared = faces_of(step, "Pair")[0]
    step.entities[pair[1]] = step.entities[pair[1]].replace("(#", f"(#{shared},#", 1)
    manifest = told(step, tmp_path, Settings(processes=1))
    assert manifest.counts["faces"].read >= manifest.counts["faces"].declared
    assert "1 face of 'Box' could not be read and is missing." in [each.message for each in manifest.warnings]


def test_a_face_of_a_drawing_only_is_nobodys(sound: StepText, tmp_path: Path) -> None:
    step = sound.copy()
    face = faces_of(step, "Box")[0]
    step.add(step.entities[face])
    messages = [each.message for each in told(step, tmp_path, Settings(processes=1)).warnings]
    assert messages == ["The file declares 49 faces; 48 were read. Something is missing."]


@pytest.mark.parametrize("broken", ["PRODUCT_DEFINITION_FORMATION", "PRODUCT"])
def test_what_a_damaged_product_loses_is_told_without_its_name(broken: str, sound: StepText, tmp_path: Path) -> None:
    step = sound.copy()
    no_surface(step, faces_of(step, "Box")[0])
    for number in step.of_type(broken):
        step.entities[number] = "CARTESIAN_POINT('',(0.,0.,0.))"
    manifest = told(step, tmp_path, Settings(processes=1))
    assert "1 face of an unnamed product could not be read and is missing." in [w.message for w in manifest.warnings]
