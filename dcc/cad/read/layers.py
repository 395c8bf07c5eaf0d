"""Layers of styles: several CAD systems assign layers to the styles of shapes instead of the shapes themselves.

The kernel only heeds layers of shapes. So, before the transfer, each style in a layer is replaced by its shape.
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
