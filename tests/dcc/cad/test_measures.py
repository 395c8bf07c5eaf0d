"""Measures of solids that the kernel integrates wrong: threads, whose edges turn round many times."""

from __future__ import annotations

import math

import pytest
from OCP.BRepBuilderAPI import BRepBuilderAPI_MakeEdge, BRepBuilderAPI_MakeWire
from OCP.BRepGProp import BRepGProp
from OCP.BRepLib import BRepLib
from OCP.BRepOffsetAPI import BRepOffsetAPI_ThruSections
from OCP.BRepPrimAPI import BRepPrimAPI_MakeTorus
from OCP.Geom import Geom_CylindricalSurface
from OCP.Geom2d import Geom2d_Ellipse, Geom2d_Line, Geom2d_TrimmedCurve
from OCP.gp import gp_Ax2d, gp_Ax3, gp_Dir2d, gp_Pnt2d, gp_Vec2d
from OCP.GProp import GProp_GProps
from OCP.TopoDS import TopoDS_Shape, TopoDS_Wire

from dcc.cad.mesh.meshing import mesh_part
from dcc.cad.mesh.properties import mesh_volume
from dcc.cad.mesh.tessellate import tessellate
from dcc.cad.model import PartDefinition
from dcc.cad.settings import Settings, tessellation


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
