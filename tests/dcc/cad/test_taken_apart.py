"""A product with several shapes is one product: the kernel makes an assembly of nameless pieces of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dcc.cad.convert import convert
from dcc.cad.settings import Settings
from dcc.cad.step_writer import StepWriter
from shared.manifest import Manifest
from tests.dcc.cad.shapes import at, box, compound, cylinder

WHOLE = Settings(processes=1)
PIECES = Settings(processes=2, piecewise_bytes=0)


class Model:
    """A plate, a pair of blocks and a pin as text; shapes of the products can be divided among representations."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        step = StepWriter()
        root = step.assembly("Root")
        step.place(root, step.part("Plate", box(), color="ff0000"), at(100))
        step.place(root, step.part("Pair", compound(box(1, 2, 3), box(4, 5, 6))), at(200))
        step.place(root, step.part("Pin", cylinder()))
        step.write(folder / "model.step")
        self._text = re.sub(r"\n +", "", (folder / "model.step").read_text())
        self._free = 9000

    def divide(self, product: str, *, curves: str = "", names: tuple[str, ...] = ()) -> None:
        """Give each solid of a product a representation of its own, and one to ``curves``, an item of STEP."""
        shape, items, context = self._shape_of(product)
        axis, *solids = items
        for solid, name in zip(solids, names, strict=False):
            self._text = self._text.replace(
                f"{solid} = MANIFOLD_SOLID_BREP(''", f"{solid} = MANIFOLD_SOLID_BREP('{name}'"
            )
        whole = self._add(f"SHAPE_REPRESENTATION('',({axis}),{context})")
        for user in ("SHAPE_DEFINITION_REPRESENTATION", "REPRESENTATION_RELATIONSHIP"):
            self._text = re.sub(rf"({user}\([^()]*){shape}\b", rf"\g<1>{whole}", self._text)
        pieces = [self._add(f"ADVANCED_BREP_SHAPE_REPRESENTATION('',({axis},{solid}),{context})") for solid in solids]
        if curves:
            form = "GEOMETRICALLY_BOUNDED_WIREFRAME_SHAPE_REPRESENTATION"
            pieces.append(self._add(f"{form}('',({self._add(curves)}),{context})"))
        for piece in pieces:
            self._add(f"SHAPE_REPRESENTATION_RELATIONSHIP('','',{whole},{piece})")

    def put_into_root(self, product: str) -> None:
        """Let the root assembly have the shape of a product as one of its own, instead of placing the product."""
        shape, _, _ = self._shape_of(product)
        (placed,) = re.findall(rf"(#\d+) = [^;]*REPRESENTATION_RELATIONSHIP\('','',{shape},", self._text)
        ((place, usage),) = re.findall(
            rf"(#\d+) = CONTEXT_DEPENDENT_SHAPE_REPRESENTATION\({placed},(#\d+)\)", self._text
        )
        (occurrence,) = re.findall(rf"{usage} = PRODUCT_DEFINITION_SHAPE\([^#]*(#\d+) *\)", self._text)
        (given,) = re.findall(rf"(#\d+) = SHAPE_DEFINITION_REPRESENTATION\(#\d+,{shape}\)", self._text)
        for entity in (placed, place, usage, occurrence, given):
            self._text = re.sub(rf"{entity} = [^;]*;\n", "", self._text)
        self._add(f"SHAPE_REPRESENTATION_RELATIONSHIP('','',{self._representation_of('Root')},{shape})")

    def line(self, count: int = 1) -> str:
        """Parameters of a set of curves, usually one."""
        polylines = []
        for y in range(count):
            ends = ",".join(self._add(f"CARTESIAN_POINT('',({x}.,{y}.,0.))") for x in (0, 5))
            polylines.append(self._add(f"POLYLINE('',({ends}))"))
        return f"GEOMETRIC_CURVE_SET('',({','.join(polylines)}))"

    def hide(self, line: str) -> None:
        """Hide a painted line."""
        (item,) = re.findall(rf"(#\d+) = STYLED_ITEM\('color',\([^)]*\),{line}\)", self._text)
        self._add(f"INVISIBILITY(({item}))")

    def paint_line(self, red: float, green: float, blue: float) -> str:
        """Give the first line of ``line`` a colour; answers its number."""
        color = self._add(f"COLOUR_RGB('',{red},{green},{blue})")
        font = self._add("DRAUGHTING_PRE_DEFINED_CURVE_FONT('continuous')")
        style = self._add(f"CURVE_STYLE('',{font},POSITIVE_LENGTH_MEASURE(0.1),{color})")
        line = re.findall(r"(#\d+) = POLYLINE", self._text)[0]
        item = self._add(f"STYLED_ITEM('color',({self._add(f'PRESENTATION_STYLE_ASSIGNMENT(({style}))')}),{line})")
        context = self._shape_of("Pair")[2]
        self._add(f"MECHANICAL_DESIGN_GEOMETRIC_PRESENTATION_REPRESENTATION('',({item}),{context})")
        return str(line)

    def point(self) -> str:
        """Parameters of a set with nothing but a point."""
        point = self._add("CARTESIAN_POINT('',(1.,2.,3.))")
        return f"GEOMETRIC_CURVE_SET('',({point}))"

    def converted(self, settings: Settings = WHOLE) -> Manifest:
        source = self._folder / "divided.step"
        source.write_text(self._text)
        return convert(source, self._folder / f"out-{settings.processes}", settings).manifest

    def _representation_of(self, product: str) -> str:
        (number,) = re.findall(rf"(#\d+) = PRODUCT\('{product}'", self._text)
        for user in (
            r"PRODUCT_DEFINITION_FORMATION\('','',",
            r"PRODUCT_DEFINITION\('design','',",
            r"PRODUCT_DEFINITION_SHAPE\('','',",
        ):
            (number,) = re.findall(rf"(#\d+) = {user}{number}\b", self._text)
        (shape,) = re.findall(rf"SHAPE_DEFINITION_REPRESENTATION\({number},(#\d+)\)", self._text)
        return str(shape)

    def _shape_of(self, product: str) -> tuple[str, list[str], str]:
        """The representation of a product, its items and its context."""
        shape = self._representation_of(product)
        ((items, context),) = re.findall(rf"{shape} = \w+\('',\(([^()]*)\),(#\d+)\)", self._text)
        return shape, items.split(","), context

    def _add(self, entity: str) -> str:
        self._free += 1
        self._text = self._text.replace("ENDSEC;\nEND-ISO", f"#{self._free} = {entity};\nENDSEC;\nEND-ISO")
        return f"#{self._free}"


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model(tmp_path)


def named(manifest: Manifest) -> dict[str, tuple[str, str, str]]:
    return {part.part_key: (part.source_name, part.body_name, part.kind) for part in manifest.parts}


def test_a_solid_keeps_its_products_name_beside_construction_curves(model: Model) -> None:
    model.divide("Plate", curves=model.line())
    manifest = model.converted()
    parts = named(manifest)
    assert parts["Plate"] == ("Plate", "", "solid")
    assert parts["Plate_curves"] == ("Plate", "", "curve")
    assert [place.path for place in manifest.part("Plate").occurrences] == ["Plate/Plate"]
    assert manifest.part("Plate").color == pytest.approx((1, 0, 0, 1))
    assert manifest.part("Plate_curves").occurrences[0].transform[12:15] == (100, 0, 0)
    assert manifest.counts["placements"].read == manifest.counts["placements"].declared == 3


def test_curves_that_share_a_colour_have_it(model: Model) -> None:
    model.divide("Plate", curves=model.line())
    model.paint_line(0.0, 0.0, 1.0)
    manifest = model.converted()
    assert manifest.part("Plate_curves").color == pytest.approx((0, 0, 1, 1))
    assert manifest.part("Plate").color == pytest.approx((1, 0, 0, 1))


def test_hidden_curves_are_hidden(model: Model) -> None:
    model.divide("Plate", curves=model.line())
    model.hide(model.paint_line(0.0, 0.0, 1.0))
    assert [place.hidden for place in model.converted().part("Plate_curves").occurrences] == [True]


def test_of_curves_only_the_hidden_ones_are_hidden(model: Model) -> None:
    model.divide("Plate", curves=model.line(3))
    model.hide(model.paint_line(0.0, 0.0, 1.0))
    curves = [part for part in model.converted().parts if part.kind == "curve"]
    # One line of three.
    assert sorted((part.bounding_box.max[1], part.occurrences[0].hidden) for part in curves) == [(0, True), (2, False)]


def test_construction_points_leave_a_part_as_it_is(model: Model) -> None:
    model.divide("Plate", curves=model.point())
    manifest = model.converted()
    assert set(named(manifest)) == {"Plate", "Pin", *(key for key in named(manifest) if key.startswith("Pair"))}
    assert [place.path for place in manifest.part("Plate").occurrences] == ["Plate"]
    assert not manifest.warnings


def test_bodies_in_shapes_of_their_own_keep_their_names(model: Model) -> None:
    model.divide("Pair", names=("Left", r"Gr\X\F6\X\DFe"))
    manifest = model.converted()
    assert named(manifest)["Pair_Left"] == ("Pair", "Left", "solid")
    assert named(manifest)["Pair_Grosse"] == ("Pair", "Größe", "solid")
    assert [place.path for place in manifest.part("Pair_Left").occurrences] == ["Pair/Left"]


def test_an_assemblys_own_body_is_called_like_it(model: Model) -> None:
    model.put_into_root("Pin")
    manifest = model.converted()
    assert named(manifest)["Root"] == ("Root", "", "solid")
    assert [place.path for place in manifest.part("Root").occurrences] == ["Root"]


def test_it_is_the_same_where_the_file_is_read_piece_by_piece(model: Model) -> None:
    model.divide("Plate", curves=model.line())
    model.divide("Pair", names=("Left", "Right"))
    assert model.converted(PIECES) == model.converted(WHOLE)
