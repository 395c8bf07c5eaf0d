"""Files that have brought CAD converters down: each ends in time, with a coded error or with all there is."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dcc.cad.command import run_conversion
from dcc.cad.step_writer import StepWriter
from shared.errors import RacewayError
from shared.manifest import Manifest, read_manifest
from shared.warm_tool import WarmTool
from tests.dcc.cad.shapes import at, box, cylinder

TIMEOUT = 60.0
Outcome = Callable[[str | bytes], Manifest | str]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Root holds two arms; an arm holds a box and two pins."""
    step = StepWriter()
    root, arm = step.assembly("Root"), step.assembly("Arm")
    pin = step.part("Pin", cylinder())
    step.place(arm, step.part("Box", box()))
    step.place(arm, pin, at(30), name="P1")
    step.place(arm, pin, at(60), name="P2")
    step.place(root, arm, name="A1")
    step.place(root, arm, at(0, 200), name="A2")
    path = tmp_path_factory.mktemp("hostile") / "sound.step"
    step.write(path)
    return path.read_text()


@pytest.fixture
def outcome(tmp_path: Path, warm_converter: WarmTool) -> Outcome:
    """The manifest of a conversion, or the code of its error; either way nothing is half written."""

    def convert(content: str | bytes) -> Manifest | str:
        path, out = tmp_path / "model.step", tmp_path / "out"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        try:
            run_conversion(path, out, timeout=TIMEOUT, memory_limit=4 << 30, converter=warm_converter)
        except RacewayError as error:
            assert error.code.startswith("cad.") and error.message and error.hint
            assert not list(out.glob("*"))
            return error.code
        return read_manifest(out / "manifest.json")

    return convert


def check_told(result: Manifest | str) -> None:
    """Refused, or whatever is missing or odd was told."""
    assert isinstance(result, str) or result.warnings


def in_place_of(text: str, pattern: str, replacement: str | Callable[[re.Match[str]], str]) -> str:
    changed, count = re.subn(pattern, replacement, text, count=1)
    assert count == 1
    return changed


def test_an_assembly_that_holds_itself(text: str, outcome: Outcome) -> None:
    looped = in_place_of(
        text,
        r"(NEXT_ASSEMBLY_USAGE_OCCURRENCE\('\d+','A1','',)(#\d+),#\d+",
        lambda found: f"{found[1]}{found[2]},{found[2]}",
    )
    check_told(outcome(looped))


def test_two_assemblies_that_hold_each_other(text: str, outcome: Outcome) -> None:
    root, arm = re.findall(r"NEXT_ASSEMBLY_USAGE_OCCURRENCE\('\d+','A1','',(#\d+),(#\d+)", text)[0]
    looped = in_place_of(
        text, r"(NEXT_ASSEMBLY_USAGE_OCCURRENCE\('\d+','P1','',)#\d+,#\d+", lambda found: f"{found[1]}{arm},{root}"
    )
    check_told(outcome(looped))


@pytest.mark.parametrize("number", ["1.E30", "1E+999999", "-1.E300", "NAN", "1.E-320"])
def test_coordinates_that_no_model_has(number: str, text: str, outcome: Outcome) -> None:
    first = in_place_of(text, r"(VERTEX_POINT\('',#\d+\);\s*#\d+ = CARTESIAN_POINT\('',\()[^,)]*", rf"\g<1>{number}")
    result = outcome(first)
    if number != "1.E-320":
        check_told(result)


@pytest.mark.parametrize("number", ["1.E41", "-1.E70"])
def test_a_part_too_large_for_single_precision(number: str, text: str, outcome: Outcome) -> None:
    """Every face with such points is beyond repair; the rest is kept, and what is missing is told."""
    result = outcome(re.sub(r"(CARTESIAN_POINT\('',\()0\.,", rf"\g<1>{number},", text))
    check_told(result)


@pytest.mark.parametrize("kind", ["VERTEX_POINT", "EDGE_CURVE", "ADVANCED_FACE", "CLOSED_SHELL", "DIRECTION"])
def test_references_to_what_is_not_there(kind: str, text: str, outcome: Outcome) -> None:
    number = re.findall(rf"(#\d+) = {kind}\(", text)[0]
    check_told(outcome(re.sub(rf"{number} = {kind}\([^;]*;", "", text, count=1)))


def test_a_million_brackets(text: str, outcome: Outcome) -> None:
    nested = text.replace(
        "ENDSEC;\nEND-ISO", f"#9000 = PRODUCT_CATEGORY({'(' * 10**6}{')' * 10**6},$);\nENDSEC;\nEND-ISO"
    )
    outcome(nested)


@pytest.mark.parametrize("levels", [100, 5000])
def test_thousands_of_nested_assemblies(levels: int, text: str, outcome: Outcome) -> None:
    """Each holds the one before, 1 mm further along x."""
    definition, shape = re.findall(r"(#\d+) = PRODUCT_DEFINITION\('design',''", text)[0], "#10"
    assert re.search(rf"{shape} = SHAPE_REPRESENTATION", text)
    axis, context = re.findall(rf"{shape} = SHAPE_REPRESENTATION\('',\((#\d+),.*?(#\d+)\);", text, re.DOTALL)[0]
    product_context, view = re.findall(r"(#\d+) = PRODUCT_(?:DEFINITION_)?CONTEXT\(", text)[:2]
    lines = ["#100000 = CARTESIAN_POINT('',(1.,0.,0.));", "#100001 = AXIS2_PLACEMENT_3D('',#100000,$,$);"]
    for level in range(levels):
        n = 100010 + 20 * level
        lines.append(
            f"#{n}=PRODUCT('L{level}','L{level}','',({product_context}));\n"
            f"#{n + 1}=PRODUCT_DEFINITION_FORMATION('','',#{n});\n"
            f"#{n + 2}=PRODUCT_DEFINITION('design','',#{n + 1},{view});\n"
            f"#{n + 3}=PRODUCT_DEFINITION_SHAPE('','',#{n + 2});\n"
            f"#{n + 4}=SHAPE_REPRESENTATION('',({axis},#100001),{context});\n"
            f"#{n + 5}=SHAPE_DEFINITION_REPRESENTATION(#{n + 3},#{n + 4});\n"
            f"#{n + 6}=NEXT_ASSEMBLY_USAGE_OCCURRENCE('{n}','L{level}','',#{n + 2},{definition},$);\n"
            f"#{n + 7}=PRODUCT_DEFINITION_SHAPE('Placement','',#{n + 6});\n"
            f"#{n + 8}=ITEM_DEFINED_TRANSFORMATION('','',{axis},#100001);\n"
            f"#{n + 9}=(REPRESENTATION_RELATIONSHIP('','',{shape},#{n + 4})"
            f"REPRESENTATION_RELATIONSHIP_WITH_TRANSFORMATION(#{n + 8})SHAPE_REPRESENTATION_RELATIONSHIP());\n"
            f"#{n + 10}=CONTEXT_DEPENDENT_SHAPE_REPRESENTATION(#{n + 9},#{n + 7});"
        )
        definition, shape = f"#{n + 2}", f"#{n + 4}"
    result = outcome(text.replace("ENDSEC;\nEND-ISO", "\n".join(lines) + "\nENDSEC;\nEND-ISO"))
    if levels == 100:
        assert isinstance(result, Manifest)
        assert result.part("Box").occurrences[0].transform[12] == pytest.approx(100)


def test_sixteen_million_placed_parts_are_refused_at_once(text: str, outcome: Outcome) -> None:
    usage = "#{}=NEXT_ASSEMBLY_USAGE_OCCURRENCE('{}','','',#{},#{},$);"
    doubling = "\n".join(
        usage.format(200000 + 2 * level + copy, level, 300001 + level, 300000 + level)
        for level in range(24)
        for copy in (0, 1)
    )
    content = text.replace("ENDSEC;\nEND-ISO", f"{doubling}\nENDSEC;\nEND-ISO")
    assert outcome(content) == "cad.too_many_occurrences"


def test_an_analysis_model_without_shapes(outcome: Outcome) -> None:
    """AP209: nodes and elements, which are no shape that could be shown."""
    nodes = "\n".join(
        f"#{n}=CARTESIAN_POINT('',({n}.,0.,0.));\n#{n + 1}=NODE('n',(#{n}),#2,#3);" for n in range(10, 90, 2)
    )
    content = (
        "ISO-10303-21;\nHEADER;\nFILE_DESCRIPTION((''),'2;1');\nFILE_NAME('','',(''),(''),'','','');\n"
        "FILE_SCHEMA(('STRUCTURAL_ANALYSIS_DESIGN'));\nENDSEC;\nDATA;\n"
        f"#2=APPLICATION_CONTEXT('fea');\n{nodes}\nENDSEC;\nEND-ISO-10303-21;\n"
    )
    assert outcome(content) == "cad.empty"


def test_each_part_in_its_own_unit(text: str, tmp_path: Path, outcome: Outcome) -> None:
    """Inches in one part's shape and millimetres everywhere else, as sub-suppliers' parts come."""
    inches = StepWriter("INCH")
    inches.place(inches.assembly("Root"), inches.part("Box", box(25.4, 25.4, 25.4)))
    inches.write(tmp_path / "inch.step")
    written = (tmp_path / "inch.step").read_text()
    assert "25.4" in written and "CONVERSION_BASED_UNIT('INCH'" in written
    result = outcome(written)
    assert isinstance(result, Manifest)
    assert result.part("Box").volume == pytest.approx(25.4**3)
    # The same numbers, with the unit of one context turned from millimetres to metres.
    contexts = re.findall(r"SI_UNIT\(\.MILLI\.,\.METRE\.\)", text)
    assert len(contexts) >= 3
    at_ = [found.start() for found in re.finditer(r"SI_UNIT\(\.MILLI\.,\.METRE\.\)", text)][-1]
    mixed = text[:at_] + "SI_UNIT($,.METRE.)" + text[at_ + len("SI_UNIT(.MILLI.,.METRE.)") :]
    result = outcome(mixed)
    if isinstance(result, Manifest):
        volumes = sorted(part.volume for part in result.parts)
        assert volumes[-1] == pytest.approx(
            1e9 * (6000 if volumes[0] > 1500 and volumes[0] < 1600 else 1570.8), rel=0.01
        )
