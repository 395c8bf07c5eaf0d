"""Measures of solids that the kernel integrates wrong: threads, whose edges turn round many times."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from OCP.BRepAlgoAPI import BRepAlgoAPI_Fuse
from OCP.BRepBuilderAPI import BRepBuilderAPI_MakeEdge, BRepBuilderAPI_MakeWire
from OCP.BRepGProp import BRepGProp
from OCP.BRepLib import BRepLib
from OCP.BRepOffsetAPI import BRepOffsetAPI_ThruSections
from OCP.BRepPrimAPI import BRepPrimAPI_MakeCylinder, BRepPrimAPI_MakeSphere, BRepPrimAPI_MakeTorus
from OCP.Geom import Geom_CylindricalSurface
from OCP.Geom2d import Geom2d_Ellipse, Geom2d_Line, Geom2d_TrimmedCurve
from OCP.gp import gp_Ax2, gp_Ax2d, gp_Ax3, gp_Dir, gp_Dir2d, gp_Pnt, gp_Pnt2d, gp_Vec2d
from OCP.GProp import GProp_GProps
from OCP.TopoDS import TopoDS_Shape, TopoDS_Wire

from dcc.cad.convert import convert
from dcc.cad.mesh.meshing import mesh_part
from dcc.cad.mesh.properties import measure, mesh_volume
from dcc.cad.mesh.tessellate import tessellate
from dcc.cad.model import PartDefinition
from dcc.cad.settings import Settings, tessellation
from dcc.cad.step_writer import StepWriter
from tests.dcc.cad.shapes import at, mirrored


def thread(turns: float) -> TopoDS_Shape:
    """A crest between two half ellipses wound round an axis, as on the neck of a bottle."""

    def wound(radius: float, minor: float) -> TopoDS_Wire:
        surface = Geom_CylindricalSurface(gp_Ax3(), radius)
        axis = gp_Ax2d(gp_Pnt2d(math.pi * turns, 5), gp_Dir2d(math.pi * turns, 5))
        ellipse = Geom2d_Ellipse(axis, math.pi * turns, minor)
        arc = Geom2d_TrimmedCurve(ellipse, 0, math.pi)
        start, end = ellipse.Value(0), ellipse.Value(math.pi)
        chord = Geom2d_TrimmedCurve(Geom2d_Line(start, gp_Dir2d(gp_Vec2d(start, end))), 0, start.Distance(end))
        edges = [BRepBuilderAPI_MakeEdge(curve, surface).Edge() for curve in (arc, chord)]
        wire = BRepBuilderAPI_MakeWire(*edges).Wire()
        BRepLib.BuildCurves3d_s(wire)
        return wire

    sections = BRepOffsetAPI_ThruSections(True)
    sections.AddWire(wound(10, 1.0))
    sections.AddWire(wound(11, 0.25))
    sections.CheckCompatibility(False)
    return sections.Shape()


def by_the_kernel(shape: TopoDS_Shape) -> float:
    properties = GProp_GProps()
    BRepGProp.VolumeProperties_s(shape, properties)
    return abs(properties.Mass())


def test_a_thread_has_the_volume_that_its_meshes_converge_to() -> None:
    shape = thread(3)
    fine = tessellate(shape, tessellation(0.01, angular_deflection=0.05))
    volume = abs(mesh_volume(fine.points, fine.welded_triangles()))
    assert by_the_kernel(shape) != pytest.approx(volume, rel=0.05), "the kernel has learnt it"
    geometry = mesh_part(PartDefinition("Thread", shape, "solid"), Settings(processes=1))
    assert geometry.properties.volume == pytest.approx(volume, rel=0.02)
    assert geometry.properties.fingerprint.volume == geometry.properties.volume
    assert not geometry.warnings


def test_what_is_meshed_too_coarsely_keeps_the_kernels_measures() -> None:
    shape = BRepPrimAPI_MakeTorus(20, 3).Shape()
    coarse = Settings(tessellation(20.0, angular_deflection=2.0), processes=1)
    geometry = mesh_part(PartDefinition("Ring", shape, "solid"), coarse)
    assert geometry.properties.volume == pytest.approx(2 * math.pi**2 * 20 * 9, rel=1e-6)
    assert [warning.code for warning in geometry.warnings] == ["cad.volume_mismatch"]


def knob() -> TopoDS_Shape:
    """A ball on three rods, of which a mesh may be taken for left-handed, for right-handed or for neither."""
    shape: TopoDS_Shape = BRepPrimAPI_MakeSphere(10).Shape()
    for along, aside, length in (
        ((1, 0, 0), (0, 2, 0), 18),
        ((0, 1, 0), (0, 0, 0.62), 18.62),
        ((0, 0, 1), (2, 0, 0), 19.302),
    ):
        rod = BRepPrimAPI_MakeCylinder(gp_Ax2(gp_Pnt(*aside), gp_Dir(*along)), 4, length)
        shape = BRepAlgoAPI_Fuse(shape, rod.Shape()).Shape()
    return shape


TESSELLATIONS = (
    tessellation(),
    tessellation(0.1, angular_deflection=0.5),
    tessellation(relative_deflection=0.05, angular_deflection=1.2),
)


def test_another_tessellation_changes_neither_measures_nor_keys(tmp_path: Path) -> None:
    meshes = [tessellate(knob(), settings) for settings in TESSELLATIONS]
    hands = {measure(knob(), "solid", mesh.points, mesh.welded_triangles()).identity()[2] for mesh in meshes}
    assert len(hands) > 1, "its meshes agree about its hand"
    step = StepWriter()
    root = step.assembly("Root")
    # Of one name, so that their keys tell them apart by their measures.
    for number, shape in enumerate((thread(3), knob(), mirrored(knob()))):
        step.place(root, step.part("Part", shape), at(50 * number))
    step.write(tmp_path / "model.step")
    told = []
    for settings in TESSELLATIONS:
        manifest = convert(tmp_path / "model.step", tmp_path / "out", Settings(settings, processes=1)).manifest
        prints = [(part.part_key, part.fingerprint) for part in manifest.parts]
        told.append([(key, p.volume, p.area, p.moments, p.faces, p.edges) for key, p in prints])
    assert told[0] == told[1] == told[2]
    assert len(told[0]) == 3
