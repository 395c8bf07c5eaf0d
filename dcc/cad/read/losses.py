"""What the kernel leaves out or takes apart as it builds shapes: faces that it cannot build, solids that do not close.

It says so to its own messenger only, and goes on with the rest. Here the products that lost something are found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from OCP.Interface import Interface_Graph, Interface_InterfaceModel
from OCP.Standard import Standard_Transient
from OCP.StepBasic import StepBasic_ProductDefinition
from OCP.STEPConstruct import STEPConstruct
from OCP.StepRepr import (
    StepRepr_PropertyDefinition,
    StepRepr_Representation,
    StepRepr_RepresentationItem,
    StepRepr_RepresentationMap,
    StepRepr_RepresentationRelationship,
    StepRepr_RepresentationRelationshipWithTransformation,
    StepRepr_ShapeRepresentationRelationshipWithTransformation,
)
from OCP.StepShape import StepShape_FaceSurface, StepShape_ManifoldSolidBrep, StepShape_ShapeDefinitionRepresentation
from OCP.StepVisual import StepVisual_StyledItem
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopExp import TopExp_Explorer
from OCP.Transfer import Transfer_TransientProcess
from OCP.XSControl import XSControl_WorkSession

from dcc.cad.mesh.meshing import PartGeometry, label_of
from dcc.cad.model import PartDefinition
from shared.manifest import Warning

Kind = Literal["faces", "solids", "open"]
"""What a product may lose: a face or a solid that is left out, a solid that is read as surfaces."""

_TOLD: dict[Kind, tuple[str, str, str]] = {
    "faces": (
        "cad.missing_faces",
        "1 face of {1} could not be read and is missing.",
        "{0:,} faces of {1} could not be read and are missing.",
    ),
    "solids": (
        "cad.missing_solids",
        "1 solid of {1} could not be read and is missing.",
        "{0:,} solids of {1} could not be read and are missing.",
    ),
    "open": (
        "cad.open_solids",
        "1 solid of {1} is not closed and was read as surfaces.",
        "{0:,} solids of {1} are not closed and were read as surfaces.",
    ),
}
"""Code and message of the warning about each; {0} is how many, {1} the product."""

TELLING = {"cad.missing_faces": {"cad.missing_faces"}, "cad.missing_solids": {"cad.missing_solids", "cad.open_solids"}}
"""Codes of warnings here that name the parts which a warning about the whole file would only count."""

_COMPLAINT = "not mapped"
"""In what the kernel says of each face, shell or solid that it leaves out."""
_PLACING = (
    StepRepr_RepresentationRelationshipWithTransformation,
    StepRepr_ShapeRepresentationRelationshipWithTransformation,
)
"""Of the shape of a component and that of its assembly, which is not its own."""


@dataclass(frozen=True)
class Loss:
    """How much is missing of the products of a name."""

    product: str
    counts: Counter[Kind]

    def warnings(self, label: str) -> Iterator[Warning]:
        """What to say about it, where the product is called ``label``."""
        for kind, (code, one, several) in _TOLD.items():
            if count := self.counts[kind]:
                yield Warning(code, (one if count == 1 else several).format(count, label))


def is_short(faces: int, solids: int, parts: Sequence[PartDefinition], geometries: Sequence[PartGeometry]) -> bool:
    """Whether ``parts`` have less than so many faces or solids."""
    return sum(geometry.properties.fingerprint.faces for geometry in geometries) < faces or (
        sum(part.kind == "solid" for part in parts) < solids
    )


def losses_of(session: XSControl_WorkSession, *, short: bool) -> list[Loss]:
    """What each product lost of the model that ``session`` has transferred, in the order of the file.

    ``short``: whether less was read than the file declares. Otherwise nothing is looked at unless the kernel complains.
    """
    process = session.TransferReader().TransientProcess()
    if not short and not _complains(process):
        return []
    model = session.Model()
    owners = _Owners(model)
    found: dict[str, Counter[Kind]] = {}
    for number in range(1, model.NbEntities() + 1):
        if kind := _lost(model.Value(number), process):
            for product in owners.of(number):
                found.setdefault(product, Counter())[kind] += 1
    return [Loss(product, counts) for product, counts in found.items()]


def tell(losses: Iterable[Loss], parts: Mapping[PartDefinition, PartGeometry]) -> list[Warning]:
    """Say with the geometry of a part what its product lost; what cannot be said of one part alone is answered."""
    together: dict[str, Counter[Kind]] = {}
    for loss in losses:
        together.setdefault(loss.product, Counter()).update(loss.counts)
    of_many: list[Warning] = []
    for name, counts in sorted(together.items()):
        loss = Loss(name, counts)
        named = [part for part in parts if part.name == name]
        if len(named) == 1:
            parts[named[0]].warnings.extend(loss.warnings(label_of(named[0])))
        else:
            of_many.extend(loss.warnings(repr(name) if name else "an unnamed product"))
    return of_many


def _lost(entity: Standard_Transient, process: Transfer_TransientProcess) -> Kind | None:
    """What is lost with an entity, if anything is."""
    if isinstance(entity, StepShape_FaceSurface):
        return "faces" if STEPConstruct.FindShape_s(process, entity).IsNull() else None
    if not isinstance(entity, StepShape_ManifoldSolidBrep):
        return None
    shape = STEPConstruct.FindShape_s(process, entity)
    if shape.IsNull():
        return "solids"
    return None if TopExp_Explorer(shape, TopAbs_ShapeEnum.TopAbs_SOLID).More() else "open"


def _complains(process: Transfer_TransientProcess) -> bool:
    checks = process.CheckList(False)
    checks.Start()
    while checks.More():
        check = checks.Value()
        if any(_COMPLAINT in check.CWarning(number) for number in range(1, check.NbWarnings() + 1)):
            return True
        checks.Next()
    return False


class _Owners:
    """Which products a piece of geometry belongs to; entities by their numbers in the model."""

    def __init__(self, model: Interface_InterfaceModel) -> None:
        self._model = model
        self._users = Interface_Graph(model).SharingTable()
        self._known: dict[int, tuple[str, ...]] = {}
        self._related: dict[int, list[int]] = {}
        for number in range(1, model.NbEntities() + 1):
            if isinstance(model.Value(number), StepRepr_Representation):
                for user in self._users.Value(number):
                    self._related.setdefault(user, []).append(number)

    def of(self, number: int) -> tuple[str, ...]:
        """Names of the products whose shape the entity is part of: none of what stands on a drawing only."""
        if number not in self._known:
            # What refers to itself in a circle belongs to nobody by that.
            self._known[number] = ()
            names = (name for user in self._users.Value(number) for name in self._through(user, number))
            self._known[number] = tuple(dict.fromkeys(names))
        return self._known[number]

    def _through(self, user: int, number: int) -> tuple[str, ...]:
        entity = self._model.Value(user)
        if isinstance(entity, StepShape_ShapeDefinitionRepresentation):
            return _product_of(entity)
        if isinstance(entity, StepRepr_RepresentationRelationship) and not isinstance(entity, _PLACING):
            return tuple(name for other in self._related.get(user, ()) if other != number for name in self.of(other))
        inside = isinstance(entity, (StepRepr_RepresentationItem, StepRepr_Representation, StepRepr_RepresentationMap))
        return self.of(user) if inside and not isinstance(entity, StepVisual_StyledItem) else ()


def _product_of(link: StepShape_ShapeDefinitionRepresentation) -> tuple[str, ...]:
    shape = link.Definition().Value()
    definition = shape.Definition().Value() if isinstance(shape, StepRepr_PropertyDefinition) else None
    if not isinstance(definition, StepBasic_ProductDefinition):
        return ()
    formation = definition.Formation()
    product = None if formation is None else formation.OfProduct()
    if product is None:  # the file is damaged
        return ("",)
    names = (text.ToCString() for text in (product.Name(), product.Id()) if text is not None)
    return (next(filter(None, names), ""),)
