"""Keep the kernel from taking every property of a product for its material.

The kernel takes the text of any property for the name of a material: the author, the source, or a tolerance note,
whichever comes last. A property names a material if it is called so by the CAx Implementor Forum's recommended
practices ('material property', 'material name'), or if it is an attribute that a user or a CAD system has called so:
'Material', 'Werkstoff', 'PTC_MATERIAL_NAME'.
"""

from __future__ import annotations

from OCP.StepData import StepData_StepModel
from OCP.StepRepr import (
    StepRepr_DescriptiveRepresentationItem,
    StepRepr_PropertyDefinition,
    StepRepr_PropertyDefinitionRepresentation,
    StepRepr_Representation,
)
from OCP.TCollection import TCollection_HAsciiString

from shared.material_aliases import split_words

_MATERIAL = frozenset(
    split_words(
        "material werkstoff matériau matière materiale materiaal materiał materiál материал 材料 材质 材質 재질 재료"
    )
)
_BESIDE = frozenset(
    split_words(
        "property properties name names designation identification specification spec grade raw part ptc sw"
        " nom nome nombre bezeichnung"
    )
)
"""What may stand beside that word: a material's number, cost or thickness is no material."""
_PROPERTY = ["material", "property"]


def leave_materials_only(model: StepData_StepModel) -> None:
    """Change ``model`` so that a property with a text names a material, or is empty."""
    for number in range(1, model.NbEntities() + 1):
        link = model.Value(number)
        if isinstance(link, StepRepr_PropertyDefinitionRepresentation) and (words := _words(link)):
            definition = link.Definition().Value()
            if not isinstance(definition, StepRepr_PropertyDefinition):
                continue
            if not _names_material(_text(definition.Name()), _text(definition.Description())):
                link.SetUsedRepresentation(StepRepr_Representation())
            for item in words:
                if not _text(item.Name()).strip() or _is_material(_text(item.Name())):
                    # What it is stands in its description, as for any other attribute.
                    item.SetName(item.Description())


def _names_material(name: str, description: str) -> bool:
    """Whether a property of this name and description says what something is made of."""
    if split_words(name) == _PROPERTY:
        return not description.strip() or _is_material(description)
    return _is_material(name) or _is_material(description)


def _is_material(text: str) -> bool:
    """Whether ``text`` is a word for material, perhaps with words beside it that do not change what it means."""
    words = set(split_words(text))
    return bool(words & _MATERIAL) and words <= _MATERIAL | _BESIDE


def _words(link: StepRepr_PropertyDefinitionRepresentation) -> list[StepRepr_DescriptiveRepresentationItem]:
    representation = link.UsedRepresentation()
    if representation is None or representation.Items() is None:
        return []
    items = (representation.ItemsValue(index) for index in range(1, representation.NbItems() + 1))
    return [item for item in items if isinstance(item, StepRepr_DescriptiveRepresentationItem)]


def _text(text: TCollection_HAsciiString | None) -> str:
    return text.ToCString() if text is not None else ""
