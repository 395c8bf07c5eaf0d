"""Materials and invisible things, said in forms that the kernel does not heed, in files as CAD systems write them."""

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
    """A box and a pin in an assembly, as text to which more can be added."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        step = StepWriter()
        root = step.assembly("Root")
        step.place(root, step.part("Box", box(), color="ff0000", layer="Construction"))
        step.place(root, step.part("Pin", cylinder(), color="00ff00"), at(50.0))
        step.place(root, step.part("Pair", compound(box(1, 2, 3), box(4, 5, 6))), at(0.0, 80.0))
        step.write(folder / "model.step")
        self.text = re.sub(r"\n +", "", (folder / "model.step").read_text())

    def number(self, pattern: str) -> str:
        """``#n`` of the one entity that starts like that regular expression."""
        (found,) = re.findall(rf"(#\d+) = {pattern}", self.text)
        return str(found)

    def definition(self, product: str) -> str:
        of = self.number(rf"PRODUCT\('{product}'")
        formation = self.number(rf"PRODUCT_DEFINITION_FORMATION\('','',{of}\)")
        return self.number(rf"PRODUCT_DEFINITION\('design','',{formation},")

    def style(self, number: int) -> tuple[str, str]:
        """The styled item of a solid (0: the box's, 1: the pin's), and the presentation that shows it."""
        solid = re.findall(r"(#\d+) = MANIFOLD_SOLID_BREP", self.text)[number]
        style = self.number(rf"STYLED_ITEM\('color',\(#\d+\),{solid}\)")
        return style, self.number(rf"MECHANICAL_DESIGN_GEOMETRIC_PRESENTATION_REPRESENTATION\('',\({style}\)")

    def converted(self, more: str, settings: Settings = WHOLE) -> Manifest:
        source = self._folder / "more.step"
        source.write_text(self.text.replace("ENDSEC;\nEND-ISO", f"{more}\nENDSEC;\nEND-ISO"))
        manifest = convert(source, self._folder / f"out-{settings.processes}", settings).manifest
        assert not [each.message for each in manifest.warnings]
        return manifest


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model(tmp_path)


def materials(manifest: Manifest) -> dict[str, str | None]:
    return {part.source_name: part.step_material for part in manifest.parts}


def hidden(manifest: Manifest) -> set[str]:
    return {part.source_name for part in manifest.parts if part.occurrences[0].hidden}


@pytest.mark.parametrize("settings", [WHOLE, PIECES], ids=["whole", "pieces"])
def test_materials_of_several_products_by_designation(model: Model, settings: Settings) -> None:
    box_shape = model.number(rf"PRODUCT_DEFINITION_SHAPE\('','',{model.definition('Box')}\)")
    said = (
        f"#9000=MATERIAL_DESIGNATION('1.4301; X5''CrNi',({box_shape},{model.definition('Pin')}));\n"
        f"#9001 = MATERIAL_DESIGNATION ( 'Gu\\X\\DF' , ( {model.definition('Pair')} ) ) ;"
    )
    found = model.converted(said, settings)
    assert materials(found) == {"Box": "1.4301; X5'CrNi", "Pin": "1.4301; X5'CrNi", "Pair": "Guß"}
    assert len(found.parts) == 4, "both bodies of the pair have it"


def test_a_material_by_property_is_that_of_every_body(model: Model) -> None:
    said = f"""#9000=PROPERTY_DEFINITION('material property','material name',{model.definition("Pair")});
#9001=PROPERTY_DEFINITION_REPRESENTATION(#9000,#9002);
#9002=REPRESENTATION('material name',(#9003),#9004);
#9003=DESCRIPTIVE_REPRESENTATION_ITEM('ABS Plastic','ABS Plastic');
#9004=REPRESENTATION_CONTEXT('','');"""
    found = model.converted(said)
    assert [part.step_material for part in found.parts if part.source_name == "Pair"] == ["ABS Plastic"] * 2
    assert found.parts[0].step_material is None


def property_of(definition: str, name: str, kind: str, item: str, number: int) -> str:
    """A property of a product in words, as five entities from ``number``."""
    return f"""#{number}=PROPERTY_DEFINITION('{name}','{kind}',{definition});
#{number + 1}=PROPERTY_DEFINITION_REPRESENTATION(#{number},#{number + 2});
#{number + 2}=REPRESENTATION('{kind}',(#{number + 3}),#{number + 4});
#{number + 3}=DESCRIPTIVE_REPRESENTATION_ITEM({item});
#{number + 4}=REPRESENTATION_CONTEXT('','');
"""


@pytest.mark.parametrize("settings", [WHOLE, PIECES], ids=["whole", "pieces"])
def test_other_properties_are_no_materials(model: Model, settings: Settings) -> None:
    said = property_of(model.definition("Box"), "material property", "material name", "'Brass','Brass'", 9000)
    said += property_of(model.definition("Box"), "metadata", "author", "'author','Ann'", 9010)
    said += property_of(model.definition("Pin"), "metadata", "source", "'source','pin.py'", 9020)
    said += property_of(model.definition("Pair"), "user defined attribute", "Material", "'Material','Bronze'", 9030)
    assert materials(model.converted(said, settings)) == {"Box": "Brass", "Pin": None, "Pair": "Bronze"}


@pytest.mark.parametrize(
    ("name", "kind", "item", "material"),
    [
        ("user defined attribute", "Werkstoff", "'Werkstoff','1.4301'", "1.4301"),
        ("PTC_MATERIAL_NAME", "", "'PTC_MATERIAL_NAME','STEEL'", "STEEL"),
        ("材質", "", "'','SUS304'", "SUS304"),
        ("material property", "", "'AISI 304',''", "AISI 304"),
        ("material property", "density", "'density','7.8 g/cm3'", None),
        ("user defined attribute", "Material thickness", "'Material thickness','2 mm'", None),
        ("user defined attribute", "Material number", "'Material number','4711'", None),
        ("materialised by", "", "'','Ann'", None),
    ],
)
def test_what_a_property_is_called_tells_a_material(
    name: str, kind: str, item: str, material: str | None, model: Model
) -> None:
    said = property_of(model.definition("Pin"), name, kind, item, 9000)
    assert materials(model.converted(said))["Pin"] == material


@pytest.mark.parametrize("settings", [WHOLE, PIECES], ids=["whole", "pieces"])
def test_a_property_may_be_written_as_one_of_materials(model: Model, settings: Settings) -> None:
    said = property_of(model.definition("Pin"), "material property", "material name", "'Copper',''", 9000)
    said = said.replace("=PROPERTY_DEFINITION(", "=MATERIAL_PROPERTY(").replace(
        "=PROPERTY_DEFINITION_REPRESENTATION(#9000,#9002)", "=MATERIAL_PROPERTY_REPRESENTATION(#9000,#9002,#9009)"
    )
    said += "#9009=DATA_ENVIRONMENT('','',());"
    assert materials(model.converted(said, settings)) == {"Box": None, "Pin": "Copper", "Pair": None}


def made_from(definition: str, source: str, category: str) -> str:
    """That a product is made from another, as I-DEAS writes it."""
    return f"""#9000=PRODUCT('{source}','Titanium 6-4','',());
#9001=PRODUCT_RELATED_PRODUCT_CATEGORY('{category}','',(#9000));
#9002=PRODUCT_DEFINITION_FORMATION('1','LAST_VERSION',#9000);
#9003=PRODUCT_DEFINITION_CONTEXT('part definition',#9005,'design');
#9004=PRODUCT_DEFINITION('part definition','',#9002,#9003);
#9005=APPLICATION_CONTEXT('mechanical design');
#9006=MAKE_FROM_USAGE_OPTION('material assignemt','make from','',{definition},
 #9004,1,'',#9007);
#9007=MEASURE_WITH_UNIT(COUNT_MEASURE(1.),#9008);
#9008=(NAMED_UNIT(#9009)CONTEXT_DEPENDENT_UNIT('piece'));
#9009=DIMENSIONAL_EXPONENTS(0.,0.,0.,0.,0.,0.,0.);"""


@pytest.mark.parametrize("settings", [WHOLE, PIECES], ids=["whole", "pieces"])
def test_what_a_part_is_made_from_is_its_material_where_that_is_raw(model: Model, settings: Settings) -> None:
    said = made_from(model.definition("Pin"), "AMS 4928", "raw material")
    found = materials(model.converted(said, settings))
    assert found == {"Box": None, "Pin": "AMS 4928; Titanium 6-4", "Pair": None}


def test_what_a_part_is_cut_from_is_no_material(model: Model) -> None:
    said = made_from(model.definition("Pin"), "Casting", "part")
    assert set(materials(model.converted(said)).values()) == {None}


def test_a_designation_of_something_else_is_no_damage(model: Model) -> None:
    solid = re.findall(r"(#\d+) = MANIFOLD_SOLID_BREP", model.text)[0]
    assert set(materials(model.converted(f"#9000=MATERIAL_DESIGNATION('Steel',({solid}));")).values()) == {None}


@pytest.mark.parametrize("settings", [WHOLE, PIECES], ids=["whole", "pieces"])
def test_what_its_own_presentation_leaves_out_is_hidden(model: Model, settings: Settings) -> None:
    style, shows = model.style(0)
    said = f"#9000=CONTEXT_DEPENDENT_INVISIBILITY(({style}),{shows});"
    assert hidden(model.converted(said, settings)) == {"Box"}


def test_a_layer_that_is_left_out_is_hidden(model: Model) -> None:
    layer = model.number(r"PRESENTATION_LAYER_ASSIGNMENT\('Construction'")
    _, shows = model.style(0)
    assert hidden(model.converted(f"#9000=CONTEXT_DEPENDENT_INVISIBILITY(({layer}),{shows});")) == {"Box"}


def test_what_only_a_view_leaves_out_is_there(model: Model) -> None:
    style, shows = model.style(1)
    said = f"""#9000=DRAUGHTING_MODEL('Front view',({style}),#9001);
#9001=REPRESENTATION_CONTEXT('','');
#9002=CONTEXT_DEPENDENT_INVISIBILITY(({style}),#9000);"""
    assert hidden(model.converted(said)) == set()
    both = f"{said}\n#9003=CONTEXT_DEPENDENT_INVISIBILITY(({style}),{shows});"
    assert hidden(model.converted(both)) == {"Pin"}
