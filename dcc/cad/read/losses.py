"""What is lost when the kernel builds shapes: faces that it cannot build, solids that do not close.

The kernel reports a loss to its own messenger only, and goes on with the rest. Here the products that lost something
are found, so that a warning can name them.
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
from shared.manifest import ModelWarning

Kind = Literal["faces", "solids", "open"]
"""A face or a solid that was left out, or (``open``) a solid that was read as surfaces because it does not close."""

_MESSAGES: dict[Kind, tuple[str, str, str]] = {
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

REPLACED_BY = {
    "cad.missing_faces": {"cad.missing_faces"},
    "cad.missing_solids": {"cad.missing_solids", "cad.open_solids"},
}
"""By the code of a warning that only counts what is missing in the whole file: those here that name the parts, and
make it redundant."""

_COMPLAINT = "not mapped"
"""Found in the kernel's warning about each face, shell or solid that it leaves out."""
_PLACEMENTS = (
    StepRepr_RepresentationRelationshipWithTransformation,
    StepRepr_ShapeRepresentationRelationshipWithTransformation,
)
"""Relationships that place a component's shape in its assembly's: what belongs to the component does not belong to the
assembly by them."""


@dataclass(frozen=True)
class Loss:
    """How many faces and solids the products called ``product`` have lost."""

    product: str
    counts: Counter[Kind]

    def warnings(self, label: str) -> Iterator[ModelWarning]:
        """One warning for each kind of loss; ``label`` is what the messages call the product."""
        for kind, (code, one, several) in _MESSAGES.items():
            if count := self.counts[kind]:
                yield ModelWarning(code, (one if count == 1 else several).format(count, label))


def is_short(faces: int, solids: int, parts: Sequence[PartDefinition], geometries: Sequence[PartGeometry]) -> bool:
    """Whether ``parts`` with these ``geometries`` have fewer than ``faces`` faces or ``solids`` solids together."""
    return sum(geometry.properties.fingerprint.faces for geometry in geometries) < faces or (
        sum(part.kind == "solid" for part in parts) < solids
    )


def losses_of(session: XSControl_WorkSession, *, short: bool) -> list[Loss]:
    """What each product has lost of the model that ``session`` has transferred, in the order of the file.

    To look takes time. It is done only where ``short`` says that less was read than the file declares, or where the
    kernel has complained.
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


def warn_of(losses: Iterable[Loss], parts: Mapping[PartDefinition, PartGeometry]) -> list[ModelWarning]:
    """Add warnings about losses to the geometry of the part that lost something.

    Returns those warnings for which there is no such part, because none, or several, have the product's name.
    """
    together: dict[str, Counter[Kind]] = {}
    for loss in losses:
        together.setdefault(loss.product, Counter()).update(loss.counts)
    of_no_part: list[ModelWarning] = []
    for name, counts in sorted(together.items()):
        loss = Loss(name, counts)
        named = [part for part in parts if part.name == name]
        if len(named) == 1:
            parts[named[0]].warnings.extend(loss.warnings(label_of(named[0])))
        else:
            of_no_part.extend(loss.warnings(repr(name) if name else "an unnamed product"))
    return of_no_part


def _lost(entity: Standard_Transient, process: Transfer_TransientProcess) -> Kind | None:
    """What was lost when the kernel built the shape of an entity; None where nothing was."""
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
    """Finds the products that a piece of geometry belongs to. Entities are named by their numbers in the model."""

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
        """Names of the products whose shape the entity is part of; none for geometry that is only on a drawing."""
        if number not in self._known:
            # Set first, so that entities that refer to one another in a circle come to an end.
            self._known[number] = ()
            names = (name for user in self._users.Value(number) for name in self._through(user, number))
            self._known[number] = tuple(dict.fromkeys(names))
        return self._known[number]

    def _through(self, user: int, number: int) -> tuple[str, ...]:
        entity = self._model.Value(user)
        if isinstance(entity, StepShape_ShapeDefinitionRepresentation):
            return _product_of(entity)
        if isinstance(entity, StepRepr_RepresentationRelationship) and not isinstance(entity, _PLACEMENTS):
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
