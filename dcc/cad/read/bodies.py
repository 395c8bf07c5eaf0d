"""The bodies of one product: each of its solids, and the surfaces and curves that belong to no solid."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from OCP.collections import IndexedMap_TopoDS_Shape_TopTools_ShapeMapHasher
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopExp import TopExp_Explorer
from OCP.TopoDS import TopoDS_Builder, TopoDS_Compound, TopoDS_Shape

from dcc.cad.kernel import elements, sub_shapes
from shared.manifest import PartKind

_FACE = TopAbs_ShapeEnum.TopAbs_FACE
_SOLID = TopAbs_ShapeEnum.TopAbs_SOLID
_EDGE = TopAbs_ShapeEnum.TopAbs_EDGE


def bodies_of(shape: TopoDS_Shape) -> list[tuple[TopoDS_Shape, PartKind]]:
    """Each solid of a product, then all faces outside solids as one body and all edges outside faces as another."""
    bodies: list[tuple[TopoDS_Shape, PartKind]] = [(solid, "solid") for solid in sub_shapes(shape, _SOLID)]
    outside: tuple[tuple[TopAbs_ShapeEnum, TopAbs_ShapeEnum, PartKind], ...] = (
        (_FACE, _SOLID, "surface"),
        (_EDGE, _FACE, "curve"),
    )
    for wanted, inside, kind in outside:
        free = _sub_shapes_outside(shape, wanted, inside)
        if free.Extent():
            bodies.append((_compound(elements(free)), kind))
    return bodies


def divided(body: TopoDS_Shape, kind: PartKind, hidden: Collection[TopoDS_Shape]) -> list[tuple[TopoDS_Shape, bool]]:
    """Divide a body of free surfaces or curves: into what is visible and what is ``hidden``, each where there is any.

    Each comes with whether it is hidden. ``hidden`` are faces, or edges, of the body.
    """
    pieces = sub_shapes(body, _FACE if kind == "surface" else _EDGE)
    if not hidden or len(hidden) == len(pieces):
        return [(body, bool(hidden))]
    unseen = IndexedMap_TopoDS_Shape_TopTools_ShapeMapHasher()
    for piece in hidden:
        unseen.Add(piece)
    seen = [piece for piece in pieces if not unseen.Contains(piece)]
    return [(_compound(seen), False), (_compound(elements(unseen)), True)]


def _sub_shapes_outside(
    shape: TopoDS_Shape, wanted: TopAbs_ShapeEnum, inside: TopAbs_ShapeEnum
) -> IndexedMap_TopoDS_Shape_TopTools_ShapeMapHasher:
    found = IndexedMap_TopoDS_Shape_TopTools_ShapeMapHasher()
    explorer = TopExp_Explorer(shape, wanted, inside)
    while explorer.More():
        found.Add(explorer.Current())
        explorer.Next()
    return found


def _compound(shapes: Iterable[TopoDS_Shape]) -> TopoDS_Compound:
    compound = TopoDS_Compound()
    builder = TopoDS_Builder()
    builder.MakeCompound(compound)
    for shape in shapes:
        builder.Add(compound, shape)
    return compound
