"""Names, structure, placements, units, colours, layers and shapes that are no solids, from kernel to USD."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from OCP.BRepBuilderAPI import BRepBuilderAPI_MakeEdge
from OCP.gp import gp_Ax2, gp_Circ, gp_Dir, gp_Pnt
from pxr import Usd, UsdGeom

from dcc.cad.convert import Conversion, convert
from dcc.cad.mesh.properties import mesh_volume
from dcc.cad.mesh.tessellate import tessellate
from dcc.cad.settings import Settings
from dcc.cad.step_writer import StepWriter
from shared.errors import CadError
from shared.material_library import color_material_name
from tests.dcc.cad.glb import Glb
from tests.dcc.cad.shapes import at, box, compound, cylinder, faces, handed, turned
from tests.dcc.cad.step_text import StepText
from tests.dcc.cad.usd import validator_errors


def converted(step: StepWriter, folder: Path) -> Conversion:
    step.write(folder / "model.step")
    conversion = convert(folder / "model.step", folder / "out", Settings())
    assert validator_errors(conversion.usd_master) == []
    return conversion


@pytest.mark.parametrize(("unit", "name"), [("MM", "millimetre"), ("INCH", "INCH"), ("M", "metre")])
def test_any_unit_is_read_as_millimetres(unit: str, name: str, tmp_path: Path) -> None:
    step = StepWriter(unit)
    root = step.assembly("Root")
    step.place(root, step.part("Box", box(10, 20, 30)), at(254))
    manifest = converted(step, tmp_path).manifest
    assert manifest.source.units == (name,)
    assert manifest.part("Box").volume == pytest.approx(6000)
    assert manifest.part("Box").occurrences[0].transform[12:15] == pytest.approx((254, 0, 0))


def test_names_in_other_scripts_keep_their_spelling(tmp_path: Path) -> None:
    step = StepWriter()
    root = step.assembly("Монтаж")
    step.place(root, step.part("Größe Ø12", box()))
    step.place(root, step.part("轴承", cylinder()), name="左")
    manifest = converted(step, tmp_path).manifest
    assert {part.part_key: part.source_name for part in manifest.parts} == {
        "Grosse_O12": "Größe Ø12",
        "u8f74u627f": "轴承",
    }
    assert manifest.root_prim == "/Montazh"
    assert manifest.assemblies[0].children[1].source_name == "左"


def test_colours_of_parts_faces_and_occurrences_reach_usd(tmp_path: Path) -> None:
    shape = box()
    step = StepWriter()
    part = step.part(
        "Box", shape, color="ff0000", face_colors=[(faces(shape)[0], "00ff00"), (faces(shape)[3], "00ff00")]
    )
    plain = step.part("Plain", cylinder(), color="808080")
    root = step.assembly("Root")
    step.place(root, part)
    step.place(root, plain)
    step.place(root, plain, at(50), color="0000ff")
    conversion = converted(step, tmp_path)
    box_part = conversion.manifest.part("Box")
    subset_name = color_material_name((0.0, 1.0, 0.0))
    assert [(face.subset, face.color, face.face_count) for face in box_part.face_colors] == [
        (subset_name, (0, 1, 0, 1), 2)
    ]
    stage = Usd.Stage.Open(str(conversion.usd_master))
    subset = UsdGeom.Subset.Get(stage, f"{box_part.prim_path}/geo/Box/{subset_name}")
    assert subset.GetFamilyNameAttr().Get() == "materialBind"
    assert len(subset.GetIndicesAttr().Get()) == 4
    assert [o.color for o in conversion.manifest.part("Plain").occurrences] == [None, (0, 0, 1, 1)]
    colors = [
        UsdGeom.PrimvarsAPI(mesh).FindPrimvarWithInheritance("displayColor").Get()[0]
        for mesh in Usd.PrimRange(stage.GetDefaultPrim(), Usd.TraverseInstanceProxies())
        if mesh.IsA(UsdGeom.Mesh) and mesh.GetName() == "Plain"
    ]
    assert colors[0][0] == pytest.approx(0.2158, abs=1e-3)
    assert tuple(colors[1]) == (0, 0, 1)


def test_layers_hidden_parts_and_transparency(tmp_path: Path) -> None:
    step = StepWriter()
    root = step.assembly("Root")
    step.place(root, step.part("Seen", box(), layer="Frame"))
    step.place(root, step.part("Unseen", cylinder(), hidden=True))
    conversion = converted(step, tmp_path)
    assert conversion.manifest.part("Seen").layers == ("Frame",)
    assert conversion.manifest.part("Unseen").occurrences[0].hidden
    stage = Usd.Stage.Open(str(conversion.usd_master))
    assert UsdGeom.Imageable.Get(stage, "/Root/Unseen").ComputeVisibility() == "invisible"
    assert UsdGeom.Imageable.Get(stage, "/Root/Seen").ComputeVisibility() == "inherited"


def test_transparent_faces_beside_opaque_ones_of_the_same_colour(tmp_path: Path) -> None:
    shape = box()
    step = StepWriter()
    step.part("Lamp", shape, color="808080", face_colors=[(faces(shape)[0], "fe0000"), (faces(shape)[1], "ff0000")])
    step.write(tmp_path / "model.step")
    text = StepText.read(tmp_path / "model.step")
    (color,) = (number for number in text.of_type("COLOUR_RGB") if "0.996" in text.entities[number])
    text.entities[color] = "COLOUR_RGB('',1.,0.,0.)"
    user = color
    while not text.entities[user].startswith("SURFACE_SIDE_STYLE"):
        (user,) = text.users(user)
    alpha = text.add("SURFACE_STYLE_TRANSPARENT(0.6)")
    glass = text.add(f"SURFACE_STYLE_RENDERING_WITH_PROPERTIES(.NORMAL_SHADING.,#{color},(#{alpha}))")
    text.entities[user] = text.entities[user].replace("))", f",#{glass}))")
    conversion = convert(text.write(tmp_path / "model.step"), tmp_path / "out", Settings())
    (part,) = conversion.manifest.parts
    assert [(face.subset, face.color[3], face.face_count) for face in part.face_colors] == [
        ("Color_ff0000", 1.0, 1),
        ("Color_ff000066", pytest.approx(0.4), 1),
    ]
    assert validator_errors(conversion.usd_master) == []
    materials = Glb.read(conversion.glb).document["materials"]
    alphas = sorted(material["pbrMetallicRoughness"]["baseColorFactor"][3] for material in materials)
    assert alphas == pytest.approx([0.4, 1.0, 1.0])


def test_surfaces_and_curves_are_parts_of_their_own(tmp_path: Path) -> None:
    circle = BRepBuilderAPI_MakeEdge(gp_Circ(gp_Ax2(gp_Pnt(0, 0, 0), gp_Dir(0, 0, 1)), 40)).Edge()
    step = StepWriter()
    root = step.assembly("Root")
    step.place(root, step.part("Mixed", compound(box(), turned(faces(box())[4], by=at(50)), circle)))
    conversion = converted(step, tmp_path)
    by_kind = {part.kind: part for part in conversion.manifest.parts}
    assert set(by_kind) == {"solid", "surface", "curve"}
    assert by_kind["surface"].area == pytest.approx(200)
    assert by_kind["surface"].volume == 0
    stage = Usd.Stage.Open(str(conversion.usd_master))
    surface, curve = by_kind["surface"], by_kind["curve"]
    assert UsdGeom.Mesh.Get(stage, f"{surface.prim_path}/geo/{surface.part_key}").GetDoubleSidedAttr().Get()
    assert UsdGeom.BasisCurves.Get(stage, f"{curve.prim_path}/geo/{curve.part_key}").GetPointsAttr().Get()
    for part in by_kind.values():
        assert part.occurrences[0].path.startswith("Mixed/")


def test_nested_placements_multiply(tmp_path: Path) -> None:
    step = StepWriter()
    root, arm = step.assembly("Root"), step.assembly("Arm")
    step.place(arm, step.part("Tip", handed()), at(10, 0, 0, degrees=90))
    step.place(root, arm, at(0, 100, 0, degrees=90))
    transform = converted(step, tmp_path).manifest.part("Tip").occurrences[0].transform
    assert transform == pytest.approx((-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0, 0, 110, 0, 1), abs=1e-12)


def test_empty_products_are_named(tmp_path: Path) -> None:
    step = StepWriter()
    root = step.assembly("Root")
    step.place(root, step.part("Box", box()))
    step.place(root, step.part("Hollow", compound()))
    manifest = converted(step, tmp_path).manifest
    assert [part.part_key for part in manifest.parts] == ["Box"]
    assert any("Hollow" in warning.message or warning.code == "cad.missing_placements" for warning in manifest.warnings)


def test_where_no_face_is_left_the_error_says_what_was_wrong(tmp_path: Path) -> None:
    step = StepWriter()
    step.part("Bolt", cylinder())
    path = tmp_path / "model.step"
    step.write(path)
    path.write_text(path.read_text().replace(".PCURVE_S1.", ".PCURVE_S1.0"))
    with pytest.raises(CadError) as caught:
        convert(path, tmp_path / "out", Settings())
    assert caught.value.code == "cad.empty"
    assert "syntax errors" in caught.value.message and "'Bolt'" in caught.value.message


def test_a_small_screw_in_a_large_machine_is_round(tmp_path: Path) -> None:
    """1 mm in 5 m: what is fine enough for the frame would make the screw a stick."""
    step = StepWriter()
    root = step.assembly("Root")
    step.place(root, step.part("Frame", box(5000, 2000, 100)))
    step.place(root, step.part("Screw", cylinder(0.5, 3)), at(2500, 1000, 100))
    conversion = converted(step, tmp_path)
    stage = Usd.Stage.Open(str(conversion.usd_master))
    screw = conversion.manifest.part("Screw")
    points = UsdGeom.Mesh.Get(stage, f"{screw.prim_path}/geo/Screw").GetPointsAttr().Get()
    on_the_rim = {(round(x, 5), round(y, 5)) for x, y, _ in points}
    assert len(on_the_rim) >= 24
    assert screw.volume == pytest.approx(2.356, rel=1e-3)


@pytest.mark.parametrize("distance", [5e6, 4.5e9])
def test_a_part_drawn_far_from_the_origin_keeps_its_shape(distance: float, tmp_path: Path) -> None:
    """5 km and 4,500 km off, as plants and buildings are in geodetic coordinates: half a millimetre and half a metre
    are what single precision can tell apart there."""
    step = StepWriter()
    root = step.assembly("Root")
    away = at(distance, 1.2 * distance)
    step.place(root, step.part("Handed", turned(handed(), by=away)), at(degrees=30))
    step.place(root, step.part("Cylinder", turned(cylinder(), by=away)))
    conversion = converted(step, tmp_path)
    assert not {warning.code for warning in conversion.manifest.warnings} & {"cad.open_mesh", "cad.volume_mismatch"}
    stage = Usd.Stage.Open(str(conversion.usd_master))
    for key, shape in (("Handed", handed()), ("Cylinder", cylinder())):
        near = tessellate(shape, Settings().tessellation)
        part = conversion.manifest.part(key)
        mesh = UsdGeom.Mesh.Get(stage, f"{part.prim_path}/geo/{key}")
        points = np.array(mesh.GetPointsAttr().Get(), np.float64)
        triangles = np.array(mesh.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3)
        assert mesh_volume(points, triangles) == pytest.approx(mesh_volume(near.points, near.welded_triangles()), 1e-4)
    # Where it stands is told in double precision.
    assert conversion.manifest.bounding_box.max[1] == pytest.approx(
        max(1.2 * distance + 5, (1.2 * math.cos(math.pi / 6) + 0.5) * distance + 20), abs=15
    )
