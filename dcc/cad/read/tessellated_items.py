"""Tessellated shapes that an AP242 file holds beside the exact shapes they depict: only the exact ones are read.

Where a product has nothing but a mesh (``TESSELLATED_SOLID``, ``TESSELLATED_SHELL``), the mesh is its shape.
"""

from __future__ import annotations

from OCP.collections import HArray1_StepRepr_RepresentationItem
from OCP.StepData import StepData_StepModel
from OCP.StepGeom import StepGeom_Placement
from OCP.StepRepr import (
    StepRepr_ProductDefinitionShape,
    StepRepr_Representation,
    StepRepr_RepresentationItem,
    StepRepr_RepresentationRelationship,
    StepRepr_RepresentationRelationshipWithTransformation,
)
from OCP.StepShape import (
    StepShape_GeometricSet,
    StepShape_ShapeDefinitionRepresentation,
    StepShape_ShellBasedSurfaceModel,
    StepShape_SolidModel,
)
from OCP.StepVisual import (
    StepVisual_TessellatedShapeRepresentation,
)

_EXACT = (StepShape_SolidModel, StepShape_ShellBasedSurfaceModel, StepShape_GeometricSet)
_PLACEMENT = StepRepr_RepresentationRelationshipWithTransformation


def leave_out_second_shapes(model: StepData_StepModel) -> None:
    """Empty, in ``model``, the tessellated representations of products that have an exact shape, too."""
    products: dict[StepRepr_ProductDefinitionShape, list[StepRepr_Representation]] = {}
    related: dict[StepRepr_Representation, list[StepRepr_Representation]] = {}
    for number in range(1, model.NbEntities() + 1):
        entity = model.Value(number)
        if isinstance(entity, StepShape_ShapeDefinitionRepresentation) and entity.UsedRepresentation() is not None:
            products.setdefault(entity.Definition().Value(), []).append(entity.UsedRepresentation())
        # A relationship with a transformation places a part in an assembly.
        elif isinstance(entity, StepRepr_RepresentationRelationship) and not isinstance(entity, _PLACEMENT):
            one, other = entity.Rep1(), entity.Rep2()
            related.setdefault(one, []).append(other)
            related.setdefault(other, []).append(one)
    for shapes in products.values():
        everything = {*shapes, *(other for shape in shapes for other in related.get(shape, ()))} - {None}
        items = [item for shape in everything for item in _items(shape)]
        origin = next((item for item in items if isinstance(item, StepGeom_Placement)), None)
        if origin is not None and any(isinstance(item, _EXACT) for item in items):
            for shape in everything:
                if isinstance(shape, StepVisual_TessellatedShapeRepresentation):
                    shape.SetItems(_array(origin))


def _items(shape: StepRepr_Representation) -> list[StepRepr_RepresentationItem]:
    return [shape.ItemsValue(index) for index in range(1, shape.NbItems() + 1)] if shape.Items() is not None else []


def _array(item: StepRepr_RepresentationItem) -> HArray1_StepRepr_RepresentationItem:
    array = HArray1_StepRepr_RepresentationItem(1, 1)
    array.SetValue(1, item)
    return array
