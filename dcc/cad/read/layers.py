"""Layers that a STEP file assigns to the styles of shapes instead of the shapes, as several CAD systems write them.

The kernel looks for shapes only: such an assignment is led on to the shape that its style is for, before the transfer.
"""

from __future__ import annotations

from OCP.StepData import StepData_StepModel
from OCP.StepVisual import (
    StepVisual_LayeredItem,
    StepVisual_PresentationLayerAssignment,
    StepVisual_StyledItem,
)


def layer_the_shapes(model: StepData_StepModel) -> None:
    """Change ``model`` so that its layers hold shapes."""
    for number in range(1, model.NbEntities() + 1):
        layer = model.Value(number)
        if isinstance(layer, StepVisual_PresentationLayerAssignment):
            items = layer.AssignedItems()
            for index in range(1, layer.NbAssignedItems() + 1):
                style = layer.AssignedItemsValue(index).Value()
                if isinstance(style, StepVisual_StyledItem) and style.Item() is not None:
                    shape = StepVisual_LayeredItem()
                    shape.SetValue(style.Item())
                    items.SetValue(index, shape)
