"""Properties of products that say something else than their material.

The kernel takes every descriptive item of every property for the name of a material: a file's author, its source or a
tolerance note, whichever comes last.
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

_MATERIAL = "material"
_SAYS_NOTHING = {"", _MATERIAL, "material name"}


def leave_materials_only(model: StepData_StepModel) -> None:
    """Change ``model`` so that properties in words name materials, or nothing."""
    for number in range(1, model.NbEntities() + 1):
        link = model.Value(number)
        if isinstance(link, StepRepr_PropertyDefinitionRepresentation) and (words := _words(link)):
            definition = link.Definition().Value()
            if not isinstance(definition, StepRepr_PropertyDefinition):
                continue
            if _MATERIAL not in f"{_text(definition.Name())} {_text(definition.Description())}".lower():
                link.SetUsedRepresentation(StepRepr_Representation())
            for item in words:
                if _text(item.Name()).lower() in _SAYS_NOTHING:
                    # What it is stands in its description, as for any other attribute.
                    item.SetName(item.Description())


def _words(link: StepRepr_PropertyDefinitionRepresentation) -> list[StepRepr_DescriptiveRepresentationItem]:
    representation = link.UsedRepresentation()
    if representation is None or representation.Items() is None:
        return []
    items = (representation.ItemsValue(index) for index in range(1, representation.NbItems() + 1))
    return [item for item in items if isinstance(item, StepRepr_DescriptiveRepresentationItem)]


def _text(text: TCollection_HAsciiString | None) -> str:
    return text.ToCString() if text is not None else ""
