"""AP242 files that hold triangles instead of exact shapes, or beside them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from OCP.BRep import BRep_Builder, BRep_Tool
from OCP.BRepMesh import BRepMesh_IncrementalMesh
from OCP.Poly import Poly_Triangle, Poly_Triangulation
from OCP.TopAbs import TopAbs_Orientation, TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS, TopoDS_Face, TopoDS_Shape, TopoDS_Shell, TopoDS_Solid

from dcc.cad.convert import convert
from dcc.cad.kernel import sub_shapes
from dcc.cad.settings import Settings
from dcc.cad.step_writer import StepWriter
from shared.manifest import Manifest
from tests.dcc.cad.shapes import at, box, cylinder


def meshed(shape: TopoDS_Shape) -> TopoDS_Shape:
    """A solid of the triangles of ``shape``, without its surfaces."""
    BRepMesh_IncrementalMesh(shape, 0.1, False, 0.3, False)
    builder, shell, solid = BRep_Builder(), TopoDS_Shell(), TopoDS_Solid()
    builder.MakeShell(shell)
    for face in sub_shapes(shape, TopAbs_ShapeEnum.TopAbs_FACE):
        mesh = Poly_Triangulation(BRep_Tool.Triangulation_s(TopoDS.Face(face), TopLoc_Location()))
        if face.Orientation() == TopAbs_Orientation.TopAbs_REVERSED:
            for number in range(1, mesh.NbTriangles() + 1):
                triangle = mesh.Triangle(number)
                mesh.SetTriangle(number, Poly_Triangle(*(triangle.Value(corner) for corner in (1, 3, 2))))
        bare = TopoDS_Face()
        builder.MakeFace(bare, mesh)
        builder.Add(shell, bare)
    shell.Closed(True)
    builder.MakeSolid(solid)
    builder.Add(solid, shell)
    return solid


@pytest.fixture
def text(tmp_path: Path) -> str:
    """A box by its surfaces and a can by its triangles."""
    step = StepWriter()
    root = step.assembly("Root")
    step.place(root, step.part("Can", meshed(cylinder()), color="ff0000"))
    step.place(root, step.part("Box", box()), at(100))
    step.write(tmp_path / "written.step")
    return (tmp_path / "written.step").read_text()


def converted(text: str, folder: Path) -> Manifest:
    (folder / "model.step").write_text(text)
    return convert(folder / "model.step", folder / "out", Settings()).manifest


def test_a_part_of_triangles_is_a_part(text: str, tmp_path: Path) -> None:
    assert "TESSELLATED_SOLID" in text
    manifest = converted(text, tmp_path)
    can = manifest.part("Can")
    assert (can.kind, can.color) == ("solid", (1, 0, 0, 1))
    assert can.volume == pytest.approx(1571, rel=0.01)
    assert can.triangle_count > 100
    assert manifest.warnings == ()


def test_an_open_shell_of_triangles_is_a_surface(text: str, tmp_path: Path) -> None:
    manifest = converted(text.replace("TESSELLATED_SOLID", "TESSELLATED_SHELL"), tmp_path)
    assert manifest.part("Can").kind == "surface"


def test_of_triangles_and_the_exact_shape_of_one_product_the_exact_one_is_read(text: str, tmp_path: Path) -> None:
    """As AP242 says it: two representations of one product definition."""
    box_shape = re.search(
        r"SHAPE_DEFINITION_REPRESENTATION\((#\d+),(#\d+)\);(?=(?:(?!SHAPE_DEFINITION_REP).)*'Box')", text, re.DOTALL
    )
    meshes = re.search(r"(#\d+) = TESSELLATED_SHAPE_REPRESENTATION\('',\((#\d+)\)", text)
    assert box_shape and meshes
    text = re.sub(r",(#\d+),#\d+\),(?=#\d+\);\n#\d+ = TESSELLATED_SOLID)", r",\1),", text)
    text = text.replace(
        "ENDSEC;\nEND-ISO", f"#9000 = SHAPE_DEFINITION_REPRESENTATION({box_shape[1]},{meshes[1]});\nENDSEC;\nEND-ISO"
    )
    manifest = converted(text, tmp_path)
    (part,) = [part for part in manifest.parts if part.source_name == "Box"]
    assert (part.volume, part.triangle_count) == (pytest.approx(6000), 12)
    assert [occurrence.path for occurrence in part.occurrences] == ["Box"]
