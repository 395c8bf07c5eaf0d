"""Files that hold shapes and no product: representations and their geometry, as some programs write them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dcc.cad.convert import convert
from dcc.cad.settings import Settings
from dcc.cad.step_writer import StepWriter
from shared.errors import CadError
from shared.manifest import Manifest
from tests.dcc.cad.shapes import box, cylinder
from tests.dcc.cad.step_text import StepText

WHOLE = Settings(processes=1)
PIECES = Settings(processes=2, piecewise_bytes=0)
_PRODUCTS = re.compile(
    r"APPLICATION_|PRODUCT|SHAPE_DEFINITION_REPRESENTATION|CONTEXT_DEPENDENT|NEXT_ASSEMBLY|MECHANICAL_CONTEXT"
    r"|ITEM_DEFINED|\(\s*REPRESENTATION_RELATIONSHIP"
)


@pytest.fixture
def text(tmp_path: Path) -> str:
    """A red box of 10 x 20 x 30 mm and a cylinder, without the products they were written with."""
    step = StepWriter()
    root = step.assembly("Root")
    step.place(root, step.part("Box", box(10, 20, 30), color="ff0000"))
    step.place(root, step.part("Pin", cylinder(5, 20)))
    step.write(tmp_path / "model.step")
    whole = StepText.read(tmp_path / "model.step")
    whole.entities = {number: body for number, body in whole.entities.items() if not _PRODUCTS.match(body)}
    bare = whole.write(tmp_path / "bare.step").read_text()
    assert "PRODUCT" not in bare
    return bare


def converted(text: str, folder: Path, settings: Settings = WHOLE) -> Manifest:
    source = folder / "bare.step"
    source.write_text(text)
    return convert(source, folder / f"out-{settings.processes}", settings).manifest


@pytest.mark.parametrize("settings", [WHOLE, PIECES], ids=["whole", "pieces"])
def test_shapes_are_read_with_their_measures_and_colours(text: str, tmp_path: Path, settings: Settings) -> None:
    manifest = converted(text, tmp_path, settings)
    assert not manifest.warnings
    by_volume = sorted(manifest.parts, key=lambda part: part.volume)
    assert [part.volume for part in by_volume] == pytest.approx([1570.8, 6000], rel=1e-4)
    color = by_volume[1].color
    assert color is not None and color[:3] == pytest.approx((1, 0, 0), abs=1e-3)


def test_parts_are_called_like_their_representations(text: str, tmp_path: Path) -> None:
    names = iter(["Gehäuse ''A''", "Bolzen"])
    named = re.sub(
        r"(ADVANCED_BREP_SHAPE_REPRESENTATION\()'[^']*'",
        lambda found: f"{found[1]}'{next(names)}'".replace("ä", "\\X\\E4"),
        text,
    )
    assert {part.source_name for part in converted(named, tmp_path).parts} == {"Gehäuse 'A'", "Bolzen"}


def test_a_part_whose_representation_has_no_name_is_called_like_its_solid(text: str, tmp_path: Path) -> None:
    names = iter(["Housing", "Bolt"])
    named = re.sub(r"(MANIFOLD_SOLID_BREP\()'[^']*'", lambda found: f"{found[1]}'{next(names)}'", text)
    named = re.sub(r"(ADVANCED_BREP_SHAPE_REPRESENTATION\()'[^']*'", r"\1''", named)
    assert {part.source_name for part in converted(named, tmp_path).parts} == {"Housing", "Bolt"}


def test_a_representation_that_another_places_is_no_product_of_its_own(text: str, tmp_path: Path) -> None:
    [(pin, axis, context), *_] = re.findall(
        r"(#\d+)=ADVANCED_BREP_SHAPE_REPRESENTATION\('[^']*',\((#\d+),#\d+\),(#\d+)\)", text
    )[1:]
    placed = text.replace(
        "ENDSEC;\nEND-ISO",
        f"#9000=CARTESIAN_POINT('',(0.,0.,100.));\n#9001=AXIS2_PLACEMENT_3D('',#9000,$,$);\n"
        f"#9002=REPRESENTATION_MAP({axis},{pin});\n#9003=MAPPED_ITEM('',#9002,{axis});\n"
        f"#9004=MAPPED_ITEM('',#9002,#9001);\n"
        f"#9005=SHAPE_REPRESENTATION('Two pins',(#9003,#9004),{context});\nENDSEC;\nEND-ISO",
    )
    manifest = converted(placed, tmp_path)
    occurrences = {part.source_name: part.occurrence_count for part in manifest.parts}
    assert sorted(occurrences.values()) == [1, 2]
    assert manifest.bounding_box.max[2] == pytest.approx(120, abs=0.1)


def test_a_file_without_any_shape_is_still_refused(text: str, tmp_path: Path) -> None:
    nothing = re.sub(r"^#\d+=(?:ADVANCED_BREP|MANIFOLD|STYLED_ITEM|MECHANICAL_DESIGN).*;\n", "", text, flags=re.M)
    with pytest.raises(CadError) as raised:
        converted(nothing, tmp_path)
    assert raised.value.code == "cad.empty"
