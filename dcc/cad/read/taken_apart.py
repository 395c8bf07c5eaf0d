"""Put products together again that the kernel has taken apart.

Where a product has several shapes (a solid and its construction curves, or bodies beside sub-assemblies), the kernel
makes the product an assembly and each shape a component without a name. Here those components become bodies of their
product again: with its name, and with the names that the file gives to its solids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from OCP.collections import IndexedMap_TopoDS_Shape_TopTools_ShapeMapHasher
from OCP.STEPConstruct import STEPConstruct
from OCP.StepData import StepData_StepModel
from OCP.StepShape import StepShape_SolidModel
from OCP.TDataStd import TDataStd_Name
from OCP.TDF import TDF_Label
from OCP.TopoDS import TopoDS_Shape
from OCP.Transfer import Transfer_TransientProcess

from dcc.cad.kernel import IDENTITY_MATRIX, label_name
from dcc.cad.model import PartDefinition, Placement
from dcc.cad.read.looks import color_of, material_of
from shared.part_keys import key_name


class BodyNames:
    """The names that a STEP file gives to its solids."""

    def __init__(self, model: StepData_StepModel, process: Transfer_TransientProcess) -> None:
        """``process``: what has transferred ``model``."""
        self._solids = IndexedMap_TopoDS_Shape_TopTools_ShapeMapHasher()
        self._names: dict[int, str] = {}
        for number in range(1, model.NbEntities() + 1):
            entity = model.Value(number)
            if isinstance(entity, StepShape_SolidModel) and entity.Name() is not None:
                shape = STEPConstruct.FindShape_s(process, entity)
                if not shape.IsNull():
                    self._names[self._solids.Add(shape)] = entity.Name().ToCString()

    def of(self, solid: TopoDS_Shape) -> str:
        """The name of a solid; empty where it has none, or a meaningless one such as ``NONE``."""
        name = self._names.get(self._solids.FindIndex(solid), "")
        return name if key_name(name) else ""


def has_name(label: TDF_Label) -> bool:
    """Whether what is on ``label`` has a name in the file, even an empty one."""
    return bool(label.IsAttribute(TDataStd_Name.GetID_s()))


def is_piece(component: TDF_Label, referred: TDF_Label) -> bool:
    """Whether the kernel has made up this component of an assembly."""
    return not has_name(component) and not has_name(referred)


def bodies_of_product(
    label: TDF_Label, pieces: Iterable[Placement], body_names: Callable[[], BodyNames | None]
) -> list[Placement]:
    """The bodies of the product on ``label`` from the pieces that the kernel has made of it."""
    bodies = [body for piece in pieces for body in _flat(piece)]
    parts = {id(body.definition): body.definition for body in bodies}
    solids = [part for part in parts.values() if isinstance(part, PartDefinition) and part.kind == "solid"]
    known = body_names() if len(solids) > 1 else None
    for part in parts.values():
        part.name = part.name or label_name(label)
        part.color = part.color or color_of(label)
        if isinstance(part, PartDefinition):
            part.step_material = part.step_material or material_of(label)
            if known and part.kind == "solid" and not part.body_name:
                part.body_name = known.of(part.shape)
    for body in bodies:
        # Where that is empty too, it is called after its part.
        if isinstance(body.definition, PartDefinition):
            body.name = body.name or body.definition.body_name
    return bodies


def _flat(piece: Placement) -> list[Placement]:
    """A piece, or the bodies in it."""
    if isinstance(piece.definition, PartDefinition):
        return [piece]
    return [
        Placement(
            child.name,
            child.definition,
            child.matrix if piece.matrix is IDENTITY_MATRIX else child.matrix @ piece.matrix,
            child.color or piece.color,
            child.hidden or piece.hidden,
        )
        for child in piece.definition.children
    ]
