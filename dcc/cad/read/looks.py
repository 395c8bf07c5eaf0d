"""Names, colours and materials of a product's bodies, read from the kernel's document (XCAF)."""

from __future__ import annotations

from OCP.collections import Sequence_TDF_Label
from OCP.Quantity import Quantity_ColorRGBA
from OCP.TDataStd import TDataStd_TreeNode
from OCP.TDF import TDF_Label
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS_Shape
from OCP.XCAFDoc import XCAFDoc, XCAFDoc_ColorTool, XCAFDoc_ColorType, XCAFDoc_Material, XCAFDoc_ShapeTool

from dcc.cad.kernel import elements, label_name, shape_map, sub_shapes
from dcc.cad.model import PartDefinition
from shared.manifest import Color, PartKind
from shared.part_keys import key_name

_EDGE = TopAbs_ShapeEnum.TopAbs_EDGE
_FACE = TopAbs_ShapeEnum.TopAbs_FACE
_SHELL = TopAbs_ShapeEnum.TopAbs_SHELL
_SOLID = TopAbs_ShapeEnum.TopAbs_SOLID

_FACE_COLORS = (XCAFDoc_ColorType.XCAFDoc_ColorSurf, XCAFDoc_ColorType.XCAFDoc_ColorGen)
_ANY_COLORS = (*_FACE_COLORS, XCAFDoc_ColorType.XCAFDoc_ColorCurv)


class BodyLooks:
    """Names and colours of the sub-shapes of one product.

    The sub-labels of the product's label are enumerated once, because to ask the kernel for each face is slow.
    ``has_surfaces``: whether some body is made of free faces, whose labels are then kept, too.
    """

    def __init__(self, label: TDF_Label, shape: TopoDS_Shape, *, has_surfaces: bool) -> None:
        self._bodies = shape_map(shape, _SOLID)
        self._faces = shape_map(shape, _FACE)
        self._body_labels: dict[int, list[TDF_Label]] = {}
        self._face_colors: dict[int, Color] = {}
        self._piece_labels: list[tuple[TopoDS_Shape, TDF_Label]] = []
        found = Sequence_TDF_Label()
        XCAFDoc_ShapeTool.GetSubShapes_s(label, found)
        for sub_label in elements(found):
            sub_shape = XCAFDoc_ShapeTool.GetShape_s(sub_label)
            if sub_shape.IsNull():
                continue
            kind = sub_shape.ShapeType()
            if kind == _EDGE or (has_surfaces and kind in (_FACE, _SHELL)):
                self._piece_labels.append((sub_shape, sub_label))
            if kind == _FACE:
                if color := color_of(sub_label, _FACE_COLORS):
                    self._face_colors[self._faces.FindIndex(sub_shape)] = color
            elif kind == _SOLID:
                self._body_labels.setdefault(self._bodies.FindIndex(sub_shape), []).append(sub_label)
            elif kind == _SHELL and (color := color_of(sub_label, _FACE_COLORS)):
                for face in sub_shapes(sub_shape, _FACE):
                    self._face_colors.setdefault(self._faces.FindIndex(face), color)

    def labels(self, body: TopoDS_Shape) -> list[TDF_Label]:
        """The labels of a solid."""
        return self._body_labels.get(index, []) if (index := self._bodies.FindIndex(body)) else []

    def pieces(self, body: TopoDS_Shape, kind: PartKind) -> list[tuple[TopoDS_Shape, list[TDF_Label]]]:
        """The free faces or curves of a body that have labels of their own, with these."""
        wanted = _FACE if kind == "surface" else _EDGE
        pieces = shape_map(body, wanted)
        found: dict[int, list[TDF_Label]] = {}
        for shape, label in self._piece_labels:
            if shape.ShapeType() == wanted or kind == "surface":
                for piece in sub_shapes(shape, wanted):
                    if index := pieces.FindIndex(piece):
                        found.setdefault(index, []).append(label)
        return [(pieces.FindKey(index), labels) for index, labels in found.items()]

    def name(self, body: TopoDS_Shape) -> str:
        return next((name for label in self.labels(body) if key_name(name := label_name(label))), "")

    def color(self, body: TopoDS_Shape) -> Color | None:
        return next((color for label in self.labels(body) if (color := color_of(label))), None)

    def curve_color(self, curves: TopoDS_Shape) -> Color | None:
        """The colour of a body of free curves, where all of them have the same one."""
        pieces = self.pieces(curves, "curve")
        colors = {next((color for label in labels if (color := color_of(label))), None) for _, labels in pieces}
        return colors.pop() if len(colors) == 1 and len(pieces) == shape_map(curves, _EDGE).Extent() else None

    def material(self) -> str | None:
        """The material of the product, where the kernel has given it to a body: of several, to the first one only."""
        labels = (label for labels in self._body_labels.values() for label in labels)
        return next((material for label in labels if (material := material_of(label))), None)

    def face_colors(self, body: TopoDS_Shape) -> dict[int, Color]:
        """Colours by the index of the face in ``body`` (1-based), for the faces that have one."""
        if not self._face_colors:
            return {}
        return {
            index: self._face_colors[product_index]
            for index, face in enumerate(sub_shapes(body, _FACE), 1)
            if (product_index := self._faces.FindIndex(face)) in self._face_colors
        }


def promote_face_color(part: PartDefinition) -> None:
    """Make the colour that all faces share the part's, and drop face colours that are the same as the part's."""
    colors = set(part.face_colors.values())
    if len(colors) == 1 and len(part.face_colors) == shape_map(part.shape, _FACE).Extent():
        part.color = colors.pop()
    part.face_colors = {face: color for face, color in part.face_colors.items() if color != part.color}


def color_of(label: TDF_Label, kinds: tuple[XCAFDoc_ColorType, ...] = _ANY_COLORS) -> Color | None:
    """The first colour (linear RGBA) of these kinds that a label has."""
    value = Quantity_ColorRGBA()
    for kind in kinds:
        if XCAFDoc_ColorTool.GetColor_s(label, kind, value):
            rgb = value.GetRGB()
            return (round(rgb.Red(), 6), round(rgb.Green(), 6), round(rgb.Blue(), 6), round(value.Alpha(), 6))
    return None


def material_of(label: TDF_Label) -> str | None:
    """Name of the STEP material of a product."""
    link = XCAFDoc.MaterialRefGUID_s()
    if not label.IsAttribute(link):
        return None
    node = TDataStd_TreeNode()
    label.FindAttribute(link, node)
    if not node.HasFather():
        return None
    material_label = node.Father().Label()
    if not material_label.IsAttribute(XCAFDoc_Material.GetID_s()):
        return None
    material = XCAFDoc_Material()
    material_label.FindAttribute(XCAFDoc_Material.GetID_s(), material)
    # The kernel keeps the name as UTF-8 bytes.
    return material.GetName().ToCString().strip() or None
