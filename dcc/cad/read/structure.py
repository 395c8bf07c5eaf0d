"""Turn the kernel's document of a STEP file into our model: its assemblies, parts, placements and looks.

Each definition is walked once; nothing is tessellated.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from OCP.collections import Sequence_TDF_Label
from OCP.TDF import TDF_Label
from OCP.TDocStd import TDocStd_Document
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc, XCAFDoc_ColorTool, XCAFDoc_DocumentTool, XCAFDoc_ShapeTool

from dcc.cad.kernel import IDENTITY_MATRIX, Array, elements, label_entry, label_name, matrix_of
from dcc.cad.model import AssemblyDefinition, PartDefinition, Placement
from dcc.cad.read.bodies import bodies_of, divided
from dcc.cad.read.looks import BodyLooks, color_of, material_of, promote_face_color
from dcc.cad.read.occurrence_styles import OccurrenceStyles
from dcc.cad.read.taken_apart import BodyNames, bodies_of_product, has_name, is_piece
from dcc.cad.read.transform_operators import TransformOperators
from shared.manifest import ModelWarning, PartKind
from shared.part_keys import key_name

_NAMED = 10
"""Most products that a warning names."""
# What the kernel or an exporter puts where a component has no name of its own.
_GENERATED_NAME = re.compile(r"^(=>\[.*\]|[0-9]+|NAUO[0-9]*)$")


@dataclass
class Product:
    """A product that was read on its own: its name, its definition, and whether it is hidden wherever it stands.

    ``definition`` is None where it has no shape. ``components``: placements that the kernel made for its bodies.
    """

    name: str
    definition: AssemblyDefinition | PartDefinition | None
    hidden: bool
    components: int


StandIns = Callable[[TopoDS_Shape, str], Product | None]
"""Given a shape and its product's name: the product that the shape stands in for and that was read elsewhere (see
:mod:`dcc.cad.read.piecewise`), or None where the shape is an ordinary one."""


class Structure:
    """Walks the kernel's document and turns each definition into ours, once.

    ``components`` counts the placements walked so far, ``warnings`` what was odd about their products.
    """

    def __init__(
        self,
        document: TDocStd_Document,
        operators: TransformOperators,
        styles: OccurrenceStyles,
        stand_ins: StandIns | None,
        body_names: Callable[[], BodyNames | None],
    ) -> None:
        self._operators = operators
        self._styles = styles
        self._stand_ins = stand_ins
        self._body_names = functools.cache(body_names)
        self._hidden_products: set[str] = set()
        self._layers = XCAFDoc_DocumentTool.LayerTool_s(document.Main())
        self._definitions: dict[str, AssemblyDefinition | PartDefinition | None] = {}
        self._empty: list[str] = []
        self.components = 0

    @property
    def warnings(self) -> list[ModelWarning]:
        """What was odd about the products."""
        if not self._empty:
            return []
        names = ", ".join(self._empty[:_NAMED]) + (", ..." if len(self._empty) > _NAMED else "")
        count = (
            "1 product has no shape and is"
            if len(self._empty) == 1
            else f"{len(self._empty)} products have no shape and are"
        )
        return [ModelWarning("cad.empty_product", f"{count} left out: {names}.")]

    def root(self, free: Sequence_TDF_Label) -> AssemblyDefinition | None:
        """The one free assembly, or an assembly made around all free shapes; None where there is no geometry."""
        placements = [placement for label in elements(free) if (placement := self._place(label, label)) is not None]
        if not placements:
            return None
        first = placements[0]
        if (
            len(placements) == 1
            and first.matrix is IDENTITY_MATRIX
            and isinstance(first.definition, AssemblyDefinition)
        ):
            return first.definition
        return AssemblyDefinition(first.definition.name if len(placements) == 1 else "", placements)

    def product(self, label: TDF_Label) -> Product:
        """The product on a label."""
        before = self.components
        definition = self._define(label)
        return Product(label_name(label), definition, self._is_hidden(label), self.components - before)

    def _place(self, label: TDF_Label, definition_label: TDF_Label) -> Placement | None:
        definition = self._define(definition_label)
        if definition is None:
            return None
        own_name, usage = OccurrenceStyles.unmark(label_name(label))
        placement = Placement(
            definition.name if _GENERATED_NAME.match(own_name) or not key_name(own_name) else own_name,
            definition,
            self._matrix(XCAFDoc_ShapeTool.GetLocation_s(label)) if label is not definition_label else IDENTITY_MATRIX,
            hidden=self._is_hidden(label) or self._is_hidden(definition_label),
            usage=usage,
        )
        color = color_of(label) if label is not definition_label else None
        if color:
            self._styles.paint(placement, color)
        return placement

    def _define(self, label: TDF_Label) -> AssemblyDefinition | PartDefinition | None:
        entry = label_entry(label)
        if entry not in self._definitions:
            # An assembly that contains itself must not recurse for ever; the file's own loop is cut here.
            self._definitions[entry] = None
            if XCAFDoc_ShapeTool.IsAssembly_s(label):
                self._definitions[entry] = self._assembly(label)
            else:
                self._definitions[entry] = self._product(label)
            # A nameless piece without shape is a construction point.
            if self._definitions[entry] is None and has_name(label):
                self._empty.append(label_name(label) or "an unnamed product")
        return self._definitions[entry]

    def _assembly(self, label: TDF_Label) -> AssemblyDefinition | PartDefinition | None:
        components = Sequence_TDF_Label()
        XCAFDoc_ShapeTool.GetComponents_s(label, components, False)
        pieces: list[tuple[TDF_Label, TDF_Label]] = []
        others: list[tuple[TDF_Label, TDF_Label]] = []
        for component in elements(components):
            referred = TDF_Label()
            if XCAFDoc_ShapeTool.GetReferredShape_s(component, referred):
                (pieces if is_piece(component, referred) else others).append((component, referred))
        if pieces and not others and (read := self._stand_in(label)):
            return read.definition
        self.components += components.Length() - len(pieces)
        bodies = bodies_of_product(label, self._placed(pieces), self._body_names)
        children = bodies + self._placed(others)
        if not children:
            return None
        if len(children) == len(bodies) == 1 and bodies[0].matrix is IDENTITY_MATRIX and not bodies[0].hidden:
            return bodies[0].definition
        return AssemblyDefinition(label_name(label), children, color_of(label))

    def _placed(self, components: list[tuple[TDF_Label, TDF_Label]]) -> list[Placement]:
        return [placement for pair in components if (placement := self._place(*pair)) is not None]

    def _product(self, label: TDF_Label) -> AssemblyDefinition | PartDefinition | None:
        shape = XCAFDoc_ShapeTool.GetShape_s(label)
        if shape.IsNull():
            return None
        if read := self._stand_in(label):
            return read.definition
        bodies = bodies_of(shape)
        if not bodies:
            return None
        name = label_name(label)
        color = color_of(label)
        layers = self._layers_of(label)
        looks = BodyLooks(label, shape, has_surfaces=any(kind == "surface" for _, kind in bodies))
        material = material_of(label) or looks.material()
        placements: list[Placement] = []
        # A body that stands in the product several times is one part placed several times.
        known: list[PartDefinition] = []
        for body, kind, hidden in self._seen_and_hidden(bodies, looks):
            labels = (
                looks.labels(body) if kind == "solid" else [x for _, found in looks.pieces(body, kind) for x in found]
            )
            part = PartDefinition(
                name,
                body.Located(TopLoc_Location()) if kind == "solid" else body,
                kind,
                looks.name(body) if len(bodies) > 1 else "",
                (looks.curve_color(body) if kind == "curve" else looks.color(body)) or color,
                looks.face_colors(body),
                material,
                tuple(sorted({*layers, *(layer for sub in labels for layer in self._layers_of(sub))})),
            )
            promote_face_color(part)
            twin = next((other for other in known if _is_same_part(part, other)), None)
            if twin is None:
                known.append(part)
            matrix = self._matrix(body.Location()) if kind == "solid" else IDENTITY_MATRIX
            placements.append(Placement(part.body_name or name, twin or part, matrix, hidden=hidden))
        if len(placements) == 1 and placements[0].matrix is IDENTITY_MATRIX and not placements[0].hidden:
            return known[0]
        return AssemblyDefinition(name, placements)

    def _seen_and_hidden(
        self, bodies: list[tuple[TopoDS_Shape, PartKind]], looks: BodyLooks
    ) -> Iterator[tuple[TopoDS_Shape, PartKind, bool]]:
        """The bodies of a product, each with whether it is hidden; free surfaces and curves can be so in part."""
        for body, kind in bodies:
            if kind == "solid":
                yield body, kind, any(map(self._is_hidden, looks.labels(body)))
                continue
            unseen = [piece for piece, labels in looks.pieces(body, kind) if any(map(self._is_hidden, labels))]
            for part, hidden in divided(body, kind, unseen):
                yield part, kind, hidden

    def _stand_in(self, label: TDF_Label) -> Product | None:
        read = self._stand_ins(XCAFDoc_ShapeTool.GetShape_s(label), label_name(label)) if self._stand_ins else None
        if read and read.hidden:
            self._hidden_products.add(label_entry(label))
        return read

    def _matrix(self, location: TopLoc_Location) -> Array:
        return self._operators.restore(matrix_of(location))

    def _layers_of(self, label: TDF_Label) -> tuple[str, ...]:
        return tuple(name for layer in self._layer_labels(label) if (name := label_name(layer).strip()))

    def _layer_labels(self, label: TDF_Label) -> list[TDF_Label]:
        # Most labels are on no layer, and the kernel takes long to say so.
        if not label.IsAttribute(XCAFDoc.LayerRefGUID_s()):
            return []
        found = Sequence_TDF_Label()
        self._layers.GetLayers(label, found)
        return elements(found)

    def _is_hidden(self, label: TDF_Label) -> bool:
        """Whether the label is marked invisible, or lies on layers that all are."""
        if not XCAFDoc_ColorTool.IsVisible_s(label) or label_entry(label) in self._hidden_products:
            return True
        layers = self._layer_labels(label)
        return bool(layers) and not any(self._layers.IsVisible(layer) for layer in layers)


def _is_same_part(part: PartDefinition, other: PartDefinition) -> bool:
    return (
        part.shape.IsEqual(other.shape)
        and part.body_name == other.body_name
        and part.color == other.color
        and part.face_colors == other.face_colors
    )
