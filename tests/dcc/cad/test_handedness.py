"""Left and right hand of shapes that turn around an axis, which have no third moments to tell them by."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from OCP.BRepAlgoAPI import BRepAlgoAPI_Fuse
from OCP.BRepBuilderAPI import BRepBuilderAPI_MakePolygon
from OCP.BRepOffsetAPI import BRepOffsetAPI_ThruSections
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox
from OCP.gp import gp_Pnt
from OCP.TopoDS import TopoDS_Shape

from dcc.cad.convert import convert
from dcc.cad.identity.matching import match_revisions
from dcc.cad.mesh.handedness import twist
from dcc.cad.mesh.tessellate import tessellate
from dcc.cad.settings import Settings, tessellation
from dcc.cad.step_writer import StepWriter
from shared.manifest import Manifest
from tests.dcc.cad.shapes import at, box, cylinder, mirrored, turned


def helical_gear(solid: bool = True) -> TopoDS_Shape:
    """Ten teeth that lean; its sections turn by 20 degrees from one end to the other."""
    sections = BRepOffsetAPI_ThruSections(solid, False, 1e-4)
    for level in range(4):
        outline = BRepBuilderAPI_MakePolygon()
        for corner in range(20):
            angle = math.radians(18 * corner + 20 / 3 * level)
            radius = 22 if corner % 2 else 18
            outline.Add(gp_Pnt(radius * math.cos(angle), radius * math.sin(angle), 5.0 * level))
        outline.Close()
        sections.AddWire(outline.Wire())
    sections.Build()
    return sections.Shape()


def crossed_tabs() -> TopoDS_Shape:
    """A plate with tabs up at two opposite corners, and down at the two others: three axes of symmetry, no plane."""
    shape = BRepPrimAPI_MakeBox(gp_Pnt(-30, -20, -2), 60, 40, 4).Shape()
    for x, y, z in ((20, 10, 0), (-30, -20, 0), (-30, 10, -12), (20, -20, -12)):
        shape = BRepAlgoAPI_Fuse(shape, BRepPrimAPI_MakeBox(gp_Pnt(x, y, z), 10, 10, 12).Shape()).Shape()
    return shape


def twist_of(shape: TopoDS_Shape, deflection: float = 0.1) -> float:
    mesh = tessellate(shape, tessellation(deflection, None, 0.5))
    return twist(mesh.points, mesh.welded_triangles())


@pytest.mark.parametrize("make", [helical_gear, lambda: helical_gear(solid=False), crossed_tabs])
def test_a_mirror_image_turns_the_other_way(make: Callable[[], TopoDS_Shape]) -> None:
    hand = twist_of(make())
    assert abs(hand) > 0.02
    assert twist_of(mirrored(make())) == pytest.approx(-hand, rel=0.01)
    assert twist_of(turned(make(), by=at(5, 6, 7, degrees=40))) == pytest.approx(hand, rel=0.01)
    assert twist_of(make(), 0.5) == pytest.approx(hand, rel=0.03)


@pytest.mark.parametrize("make", [box, cylinder])
def test_what_has_a_plane_of_symmetry_has_no_hand(make: Callable[[], TopoDS_Shape]) -> None:
    assert twist_of(make()) == pytest.approx(0, abs=1e-9)


def test_a_mesh_of_no_area_has_no_hand() -> None:
    assert twist(np.zeros((3, 3)), np.array([[0, 1, 2]])) == 0.0
    assert twist(np.zeros((0, 3)), np.zeros((0, 3), np.int64)) == 0.0


@pytest.mark.parametrize("solid", [True, False], ids=["solid", "sheet"])
def test_a_left_hand_gear_in_a_right_hand_gears_place_is_asked_about(tmp_path: Path, solid: bool) -> None:
    def machine(gear: TopoDS_Shape, name: str) -> Manifest:
        step = StepWriter()
        root = step.assembly("Machine")
        for number, part in enumerate((("Gear", gear), ("Case", box()))):
            step.place(root, step.part(*part), at(100 * number))
        step.write(tmp_path / name / "model.step")
        return convert(tmp_path / name / "model.step", tmp_path / name / "out", Settings()).manifest

    gear = helical_gear(solid)
    report = match_revisions(machine(gear, "right"), machine(mirrored(gear), "left"))
    assert [match.old_key for match in report.matches] == ["Case"]
    (asked,) = report.uncertain
    assert asked.candidates[0].old_key == "Gear" and "mirror image" in asked.candidates[0].reason


def test_hands_that_were_exchanged_are_asked_about_unless_their_names_went_along(tmp_path: Path) -> None:
    gear = helical_gear()

    def machine(*gears: tuple[str, TopoDS_Shape]) -> Manifest:
        step = StepWriter()
        root = step.assembly("Machine")
        for number, part in enumerate((*gears, ("Case", box()), ("Pin", cylinder()))):
            step.place(root, step.part(*part), at(100 * number))
        folder = tmp_path / uuid4().hex
        step.write(folder / "model.step")
        return convert(folder / "model.step", folder / "out", Settings()).manifest

    before = machine(("Gear left", gear), ("Gear right", mirrored(gear)))
    corrected = match_revisions(before, machine(("Gear left", mirrored(gear)), ("Gear right", helical_gear())))
    assert sorted(match.old_key for match in corrected.matches) == ["Case", "Pin"]
    assert {candidate.old_key for item in corrected.uncertain for candidate in item.candidates} == {
        "Gear_left",
        "Gear_right",
    }
    moved = match_revisions(before, machine(("Gear right", mirrored(gear)), ("Gear left", helical_gear())))
    assert all(match.old_key == match.new_key for match in moved.matches) and not moved.uncertain
