"""Mirrored and scaled placements, which the kernel alone reads wrong."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from OCP.StepData import StepData_StepModel
from OCP.StepGeom import StepGeom_CartesianPoint, StepGeom_CartesianTransformationOperator3d
from OCP.TCollection import TCollection_HAsciiString
from pxr import Usd, UsdGeom

from dcc.cad.convert import Conversion, convert
from dcc.cad.read.transform_operators import TransformOperators
from dcc.cad.settings import Settings
from dcc.cad.step_writer import StepWriter
from tests.dcc.cad.glb import Glb
from tests.dcc.cad.shapes import at, box, handed
from tests.dcc.cad.usd import validator_errors

AXES = "#90002 = DIRECTION('',(0.,1.,0.));\n#90003 = DIRECTION('',(0.,0.,1.));\n"


def operator(number: str, *, mirror: bool, scale: float) -> str:
    x = -1 if mirror else 1
    return (
        f"{number} = CARTESIAN_TRANSFORMATION_OPERATOR_3D('','',$,#90001,#90002,#90005,{scale},#90003);\n"
        f"#90001 = DIRECTION('',({x}.,0.,0.));\n{AXES}#90005 = CARTESIAN_POINT('',(0.,50.,0.));"
    )


def converted(text: str, folder: Path) -> Conversion:
    (folder / "model.step").write_text(text)
    return convert(folder / "model.step", folder / "out", Settings())


def in_assembly(folder: Path, definition: str) -> str:
    """An assembly whose first placement (of the part Hook) is the given transformation operator."""
    step = StepWriter()
    root = step.assembly("Root")
    step.place(root, step.part("Hook", handed()), at(0, 50))
    step.place(root, step.part("Box", box()), at(100))
    step.write(folder / "written.step")
    text = (folder / "written.step").read_text()
    found = re.search(r"(#\d+) = ITEM_DEFINED_TRANSFORMATION[^;]*;", text)
    assert found
    return text.replace(found[0], definition.replace("#OPERATOR", found[1]))


def as_mapped_item(folder: Path, definition: str, unit: str) -> str:
    """A product whose shape is another one, mapped by the given transformation operator."""
    step = StepWriter(unit)
    step.part("Hook", handed())
    step.write(folder / "written.step")
    text = (folder / "written.step").read_text()
    found = re.search(r"(#\d+) = ADVANCED_BREP_SHAPE_REPRESENTATION\('',\((#\d+),(#\d+)\),(#\d+)\);", text)
    assert found
    shape, axis, solid, context = found.groups()
    return text.replace(
        found[0],
        f"{shape} = SHAPE_REPRESENTATION('',({axis},#90010),{context});\n"
        f"#90010 = MAPPED_ITEM('',#90011,#90012);\n"
        f"#90011 = REPRESENTATION_MAP({axis},#90013);\n"
        f"#90013 = ADVANCED_BREP_SHAPE_REPRESENTATION('',({axis},{solid}),{context});\n"
        + definition.replace("#OPERATOR", "#90012"),
    )


@pytest.mark.parametrize(("mirror", "scale"), [(True, 1.0), (False, 2.0), (True, 0.5), (False, 1.0)])
def test_placements_in_an_assembly(mirror: bool, scale: float, tmp_path: Path) -> None:
    text = in_assembly(tmp_path, operator("#OPERATOR", mirror=mirror, scale=scale))
    manifest = converted(text, tmp_path).manifest
    x = -scale if mirror else scale
    expected = (x, 0, 0, 0, 0, scale, 0, 0, 0, 0, scale, 0, 0, 50, 0, 1)
    assert manifest.part("Hook").occurrences[0].transform == pytest.approx(expected, abs=1e-6)
    assert manifest.part("Box").occurrences[0].transform[12] == 100


@pytest.mark.parametrize(("unit", "millimetres"), [("MM", 1), ("INCH", 25.4), ("M", 1000)])
def test_mapped_items_in_any_unit(unit: str, millimetres: float, tmp_path: Path) -> None:
    text = as_mapped_item(tmp_path, operator("#OPERATOR", mirror=True, scale=1.0), unit)
    transform = converted(text, tmp_path).manifest.part("Hook").occurrences[0].transform
    expected = (-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 50 * millimetres, 0, 1)
    assert transform == pytest.approx(expected, abs=1e-4)


def test_a_mirrored_placement_looks_right_in_usd_and_glb(tmp_path: Path) -> None:
    conversion = converted(in_assembly(tmp_path, operator("#OPERATOR", mirror=True, scale=1.0)), tmp_path)
    assert validator_errors(conversion.usd_master) == []
    assert conversion.manifest.bounding_box.min == pytest.approx((-18, 0, 0), abs=1e-4)
    stage = Usd.Stage.Open(str(conversion.usd_master))
    box_in_usd = UsdGeom.BBoxCache(0, ["default"]).ComputeWorldBound(stage.GetPrimAtPath("/Root/Hook"))
    assert box_in_usd.ComputeAlignedRange().GetMin()[0] == pytest.approx(-18, abs=1e-4)
    (world,) = [
        world for node, world in Glb.read(conversion.glb).placed() if node.get("extras", {}).get("partKey") == "Hook"
    ]
    assert np.linalg.det(world[:3, :3]) < 0


def test_thousands_of_operators_are_told_apart() -> None:
    model = StepData_StepModel()
    operators = []
    for number in range(5000):
        origin = StepGeom_CartesianPoint()
        origin.Init3D(TCollection_HAsciiString(""), float(number), 0.0, 0.0)
        operator = StepGeom_CartesianTransformationOperator3d()
        operator.SetLocalOrigin(origin)
        operator.SetScale(2.0)
        model.AddEntity(operator)
        operators.append(operator)
    found = TransformOperators(model)
    for number, operator in enumerate(operators):
        marked = np.eye(4)
        marked[3, :3] = [operator.LocalOrigin().CoordinatesValue(axis) for axis in (1, 2, 3)]
        expected = np.diag([2.0, 2.0, 2.0, 1.0])
        expected[3, 0] = number
        assert found.restore(marked) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("scale", ["0.", "1.E308", "1.E-320"])
def test_a_scale_that_is_none_is_left_out_and_told(scale: str, tmp_path: Path) -> None:
    text = in_assembly(tmp_path, operator("#OPERATOR", mirror=True, scale=77).replace("77,", f"{scale},"))
    manifest = converted(text, tmp_path).manifest
    assert manifest.part("Hook").occurrences[0].transform[:3] == pytest.approx((-1, 0, 0), abs=1e-6)
    assert [warning.code for warning in manifest.warnings] == ["cad.damaged_placement"]
