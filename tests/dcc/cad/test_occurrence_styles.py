"""Colours, visibility and layers that a STEP file gives to single occurrences or in roundabout ways."""

from __future__ import annotations

from pathlib import Path

import pytest
from pxr import Usd, UsdGeom

from dcc.cad.convert import Conversion, convert
from dcc.cad.settings import Limits, Settings
from dcc.cad.step_writer import StepWriter
from shared.manifest import Color
from tests.dcc.cad.shapes import at, box, compound, cylinder
from tests.dcc.cad.usd import validator_errors

RED, GREEN, BLUE, GREY = (1.0, 0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0), (0.0, 0.0, 1.0, 1.0), (0.215861,) * 3 + (1.0,)

RED_STYLE = """
#9001 = PRESENTATION_STYLE_ASSIGNMENT((#9002));
#9002 = SURFACE_STYLE_USAGE(.BOTH.,#9003);
#9003 = SURFACE_SIDE_STYLE('',(#9004));
#9004 = SURFACE_STYLE_FILL_AREA(#9005);
#9005 = FILL_AREA_STYLE('',(#9006));
#9006 = FILL_AREA_STYLE_COLOUR('',#9007);
#9007 = COLOUR_RGB('',1.,0.,0.);
"""


class Machine:
    """Wheels A and B are one assembly of two pins, P1 and P2; the car holds both, and the root two cars.

    As text, so that tests can add what no writer at hand writes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        step = StepWriter()
        pin = step.part("Pin", cylinder(), color="808080")
        wheel, car, root = (step.assembly(name) for name in ("Wheel", "Car", "Root"))
        for parent, child, names in ((wheel, pin, ("P1", "P2")), (car, wheel, ("A", "B")), (root, car, ("C1", "C2"))):
            for number, name in enumerate(names):
                step.place(parent, child, at(*(100.0 * number * (axis == len(name)) for axis in range(3))), name=name)
        step.write(folder / "plain.step")
        self.text = (folder / "plain.step").read_text()

    def numbers_of(self, pattern: str) -> list[str]:
        """``#n`` of the entities with ``pattern`` in them."""
        return [text.strip().partition(" ")[0] for text in self.text.split(";") if pattern in text]

    def number_of(self, pattern: str) -> str:
        (number,) = self.numbers_of(pattern)
        return number

    def definition(self, product: str) -> str:
        number = self.number_of(f"= PRODUCT('{product}'")
        formation = self.number_of(f"= PRODUCT_DEFINITION_FORMATION('','',{number})")
        return self.number_of(f"= PRODUCT_DEFINITION('design','',{formation},")

    def placement(self, name: str) -> str:
        """The CONTEXT_DEPENDENT_SHAPE_REPRESENTATION of a placement."""
        shape = self.number_of(f"= PRODUCT_DEFINITION_SHAPE('Placement','Placement of an item',{self.usage(name)}")
        return self.number_of(f",{shape})")

    def usage(self, name: str) -> str:
        return self.number_of(f"'{name}','',")

    def with_style(self, *names: str, hidden: bool = False) -> Machine:
        """A red style for the occurrence below the placements ``names``."""
        contexts = ",".join(self.placement(name) for name in names)
        solid, style = self.number_of("= MANIFOLD_SOLID_BREP"), self.number_of("= STYLED_ITEM")
        override = f"#9000 = CONTEXT_DEPENDENT_OVER_RIDING_STYLED_ITEM('',(#9001),{solid},{style},({contexts}));"
        return self.with_text(override + RED_STYLE + ("#9010 = INVISIBILITY((#9000));\n" if hidden else ""))

    def with_text(self, text: str) -> Machine:
        self.text = self.text.replace("ENDSEC;\nEND-ISO", text + "ENDSEC;\nEND-ISO")
        return self

    def converted(self, settings: Settings | None = None) -> Conversion:
        (self._folder / "model.step").write_text(self.text)
        return convert(self._folder / "model.step", self._folder / "out", settings or Settings())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def colors(conversion: Conversion) -> dict[str, Color | None]:
    (pin,) = conversion.manifest.parts
    assert pin.color == pytest.approx(GREY, abs=1e-4)
    return {occurrence.path: occurrence.color for occurrence in pin.occurrences}


def red(conversion: Conversion) -> set[str]:
    found = colors(conversion)
    assert len(found) == 8
    assert set(found.values()) <= {None, RED}
    return {path for path, color in found.items() if color}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("C2", "B", "P1"), {"C2/B/P1"}),
        (("P1", "C2", "B"), {"C2/B/P1"}),
        (("B", "P1"), {"C1/B/P1", "C2/B/P1"}),
        (("P2",), {"C1/A/P2", "C1/B/P2", "C2/A/P2", "C2/B/P2"}),
        (("C1", "A"), {"C1/A/P1", "C1/A/P2"}),
    ],
)
def test_a_style_for_a_path_of_placements_paints_what_is_there_and_nothing_else(
    path: tuple[str, ...], expected: set[str], machine: Machine
) -> None:
    conversion = machine.with_style(*path).converted()
    assert red(conversion) == expected
    assert validator_errors(conversion.usd_master) == []
    stage = Usd.Stage.Open(str(conversion.usd_master))
    for occurrence in conversion.manifest.parts[0].occurrences:
        mesh = stage.GetPrimAtPath(f"{occurrence.prim_path}/geo/Pin")
        color = UsdGeom.PrimvarsAPI(mesh).FindPrimvarWithInheritance("displayColor").Get()[0]
        assert tuple(color) == pytest.approx((RED if occurrence.path in expected else GREY)[:3], abs=1e-4)


@pytest.mark.parametrize(("transparency", "alpha"), [("0.25", 0.75), ("1.", 0.0), ("60.", 0.0), ("-3.", 1.0)])
def test_the_transparency_of_a_style_is_a_share(transparency: str, alpha: float, machine: Machine) -> None:
    """Some exporters write percent; no opacity is below 0 or above 1."""
    machine.with_style("C2", "B", "P1")
    machine.text = machine.text.replace("SURFACE_SIDE_STYLE('',(#9004))", "SURFACE_SIDE_STYLE('',(#9004,#9008))")
    machine.with_text(
        "#9008 = SURFACE_STYLE_RENDERING_WITH_PROPERTIES(.NORMAL_SHADING.,#9007,(#9009));\n"
        f"#9009 = SURFACE_STYLE_TRANSPARENT({transparency});\n"
    )
    assert colors(machine.converted())["C2/B/P1"] == (1.0, 0.0, 0.0, alpha)


def test_models_too_large_to_write_out_keep_such_a_style_too(machine: Machine) -> None:
    conversion = machine.with_style("C2", "B", "P1").converted(Settings(limits=Limits(expanded_occurrences=2)))
    stage = Usd.Stage.Open(str(conversion.usd_master))
    shown = [
        tuple(UsdGeom.PrimvarsAPI(prim).FindPrimvarWithInheritance("displayColor").Get()[0])
        for prim in Usd.PrimRange(stage.GetDefaultPrim(), Usd.TraverseInstanceProxies())
        if prim.IsA(UsdGeom.Mesh)
    ]
    assert len(shown) == 8
    assert shown.count(RED[:3]) == 1


def test_an_occurrence_can_be_hidden_by_the_same_means(machine: Machine) -> None:
    conversion = machine.with_style("C2", "B", "P1", hidden=True).converted()
    (pin,) = conversion.manifest.parts
    assert [occurrence.path for occurrence in pin.occurrences if occurrence.hidden] == ["C2/B/P1"]


def test_styles_of_specified_higher_usage_occurrences(machine: Machine) -> None:
    """The other way to say so: the path is an entity, here of two placements, and a style is for its shape."""
    car, pin = machine.definition("Car"), machine.definition("Pin")
    solid, style = machine.number_of("= MANIFOLD_SOLID_BREP"), machine.number_of("= STYLED_ITEM")
    axis, context = machine.numbers_of("= AXIS2_PLACEMENT_3D")[0], machine.numbers_of("GLOBAL_UNIT")[0]
    machine.with_text(
        f"""#9020 = SPECIFIED_HIGHER_USAGE_OCCURRENCE('','',$,{car},{pin},$,{machine.usage("B")},{machine.usage("P1")});
#9021 = PRODUCT_DEFINITION_SHAPE('',$,#9020);
#9022 = SHAPE_DEFINITION_REPRESENTATION(#9021,#9023);
#9023 = SHAPE_REPRESENTATION('',({axis}),{context});
#9024 = OVER_RIDING_STYLED_ITEM('',(#9025),{solid},{style});
#9025 = PRESENTATION_STYLE_BY_CONTEXT((#9002),#9023);"""
        + RED_STYLE
    )
    assert red(machine.converted()) == {"C1/B/P1", "C2/B/P1"}


def test_a_layer_of_styled_items_is_a_layer_of_their_shapes(machine: Machine) -> None:
    style = machine.number_of("= STYLED_ITEM")
    machine.with_text(f"#9000 = PRESENTATION_LAYER_ASSIGNMENT('Fasteners','',({style}));\n")
    assert machine.converted().manifest.parts[0].layers == ("Fasteners",)


def test_a_hidden_layer_hides_what_is_on_it(machine: Machine) -> None:
    style = machine.number_of("= STYLED_ITEM")
    machine.with_text(
        f"#9000 = PRESENTATION_LAYER_ASSIGNMENT('Construction','',({style}));\n#9001 = INVISIBILITY((#9000));\n"
    )
    assert all(occurrence.hidden for occurrence in machine.converted().manifest.parts[0].occurrences)


def test_an_occurrence_of_a_sub_assembly_or_of_several_bodies_paints_all_of_it(tmp_path: Path) -> None:
    step = StepWriter()
    root, arm = step.assembly("Root"), step.assembly("Arm")
    weldment = step.part("Weldment", compound(box(), cylinder(2, 90)), color="00ff00")
    step.place(arm, step.part("Box", box(5, 5, 5), color="00ff00"))
    step.place(root, arm, color="0000ff")
    step.place(root, arm, at(200))
    step.place(root, weldment, at(400), color="0000ff")
    step.write(tmp_path / "model.step")
    manifest = convert(tmp_path / "model.step", tmp_path / "out", Settings()).manifest
    assert [part.color for part in manifest.parts] == [GREEN] * 3
    assert [[o.color for o in part.occurrences] for part in manifest.parts] == [[BLUE, None], [BLUE], [BLUE]]
