"""Divide a STEP file into products that can be read on their own (*pieces*) and the rest (the *frame*).

A product whose shape is nothing but geometry is a piece. In the frame, each shape of a piece is replaced by a
*stand-in*: a line whose end points encode the piece's number. The kernel reads the frame for all that concerns the
structure (assemblies, placements, names, colours of occurrences), and each piece for what is inside the product.

What is not understood stays in the frame, where the kernel reads it as it always does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dcc.cad.read.declared import FACES, SOLIDS
from dcc.cad.read.part21.crowds import Placed, crowds
from dcc.cad.read.part21.index import Index, Indices, Mask

_DEFINITIONS = ("PRODUCT_DEFINITION", "PRODUCT_DEFINITION_WITH_ASSOCIATED_DOCUMENTS")
_SHAPES = (
    "MANIFOLD_SOLID_BREP", "BREP_WITH_VOIDS", "FACETED_BREP", "SHELL_BASED_SURFACE_MODEL",
    "FACE_BASED_SURFACE_MODEL", "GEOMETRIC_CURVE_SET", "GEOMETRIC_SET",
)  # fmt: skip
_TOPOLOGY = (
    *_SHAPES, "CLOSED_SHELL", "OPEN_SHELL", "ORIENTED_CLOSED_SHELL", "ORIENTED_OPEN_SHELL", "CONNECTED_FACE_SET",
    "ADVANCED_FACE", "FACE_SURFACE", "ORIENTED_FACE", "FACE_BOUND", "FACE_OUTER_BOUND", "EDGE_LOOP", "POLY_LOOP",
    "VERTEX_LOOP", "ORIENTED_EDGE", "EDGE_CURVE", "SUBEDGE", "VERTEX_POINT",
)  # fmt: skip
_RELATIONSHIPS = ("SHAPE_REPRESENTATION_RELATIONSHIP", "REPRESENTATION_RELATIONSHIP")
_STRUCTURE = (
    *_DEFINITIONS, *_RELATIONSHIPS, "PRODUCT_DEFINITION_SHAPE", "SHAPE_DEFINITION_REPRESENTATION",
    "NEXT_ASSEMBLY_USAGE_OCCURRENCE", "CONTEXT_DEPENDENT_SHAPE_REPRESENTATION", "ITEM_DEFINED_TRANSFORMATION",
    "CARTESIAN_TRANSFORMATION_OPERATOR_3D", "SHAPE_REPRESENTATION", "ADVANCED_BREP_SHAPE_REPRESENTATION",
    "PROPERTY_DEFINITION", "PROPERTY_DEFINITION_REPRESENTATION", "REPRESENTATION",
    "MATERIAL_PROPERTY", "MATERIAL_PROPERTY_REPRESENTATION",
)  # fmt: skip
_STYLED = ("STYLED_ITEM", "OVER_RIDING_STYLED_ITEM")
ANNOTATIONS = {
    "STYLED_ITEM": -1,
    "OVER_RIDING_STYLED_ITEM": -2,
    "PROPERTY_DEFINITION": -1,
    "PROPERTY_DEFINITION_REPRESENTATION": 0,
    "MATERIAL_PROPERTY": -1,
    "MATERIAL_PROPERTY_REPRESENTATION": 0,
}
"""Entities that say something about another one, which does not refer to them: which of their references names it."""
LISTS = (
    "MECHANICAL_DESIGN_GEOMETRIC_PRESENTATION_REPRESENTATION",
    "DRAUGHTING_MODEL",
    "PRESENTATION_LAYER_ASSIGNMENT",
    "INVISIBILITY",
    "MATERIAL_DESIGNATION",
)
"""Entities that list items of many products: each piece keeps the items that are its own, the frame the others."""
_OF_THE_WHOLE = ("CONTEXT_DEPENDENT_INVISIBILITY", "MAKE_FROM_USAGE_OPTION")
"""Entities whose meaning for one product depends on the rest of the file: a file that has them is not divided."""


@dataclass(frozen=True)
class Piece:
    """A product that can be read on its own. Numbers are indices of entities."""

    product: int
    roots: tuple[int, ...]
    """Its definition, what gives that a shape, and the representations of the shape."""
    shapes: tuple[int, ...]
    """The geometry in those representations."""


@dataclass(frozen=True)
class Partition:
    """How a file is divided."""

    index: Index
    pieces: list[Piece]
    groups: list[list[int]]
    """Numbers of pieces that share faces or edges, so that they must be read together; the heaviest first."""
    weights: list[int]
    """Bytes of text of each group's geometry."""
    faces: list[int]
    """Faces that the text declares for each piece, and last for the frame."""
    solids: list[int]
    """Solids, in the same way."""
    framed: Mask
    """(E,) entities of the frame."""
    annotations: tuple[Indices, Indices]
    """Entities that say something about another, and that other."""
    lists: Indices
    crowds: list[Placed]
    """Placements in assemblies of very many, which the frame writes in another way."""


def partition(index: Index) -> Partition | None:
    """Divide a file; None where nothing would be gained, or where the file is not understood well enough."""
    if len(index.of_type(_OF_THE_WHOLE)):
        return None
    pieces = list(_pieces(index))
    crowded = crowds(index)
    if len(pieces) < (1 if crowded else 2):
        return None
    shapes = np.array([shape for piece in pieces for shape in piece.shapes], np.int32)
    owners = np.array([number for number, piece in enumerate(pieces) for _ in piece.shapes], np.int32)
    if len(np.unique(shapes)) != len(shapes):
        return None
    labels, shared = _label(index, shapes, owners)
    groups = _merged(len(pieces), shared)
    bytes_of = np.bincount(labels + 1, index.ends - index.starts[:-1], len(pieces) + 1)[1:]
    weights = [int(bytes_of[group].sum()) for group in groups]
    in_context, mixed = _in_context(index)
    framed = _frame(index, pieces, labels >= 0, shapes, in_context)
    if framed is None or mixed.any():
        return None
    order = sorted(range(len(groups)), key=lambda number: (-weights[number], groups[number]))
    return Partition(
        index,
        pieces,
        [groups[number] for number in order],
        [weights[number] for number in order],
        _counted(index.of_keyword(FACES), labels, len(pieces)),
        _counted(index.of_keyword(SOLIDS), labels, len(pieces)),
        framed,
        _annotations(index, in_context),
        index.of_type(LISTS),
        crowded,
    )


def _pieces(index: Index) -> Iterator[Piece]:
    """The products that are no assemblies and whose shape is nothing but plain geometry."""
    definitions = index.is_type(_DEFINITIONS)
    shape_of: dict[int, list[tuple[int, int]]] = {}
    definition_of: dict[int, int] = {}
    for entity in index.of_type(("PRODUCT_DEFINITION_SHAPE",)).tolist():
        match index.targets_of(entity):
            case [target] if definitions[target]:
                definition_of[entity] = target
    products_of: dict[int, set[int]] = {}
    for entity in index.of_type(("SHAPE_DEFINITION_REPRESENTATION",)).tolist():
        match index.targets_of(entity):
            case [shape, representation] if shape in definition_of:
                shape_of.setdefault(definition_of[shape], []).append((entity, representation))
                products_of.setdefault(representation, set()).add(definition_of[shape])
    assemblies = set()
    for entity in index.of_type(("NEXT_ASSEMBLY_USAGE_OCCURRENCE",)).tolist():
        assemblies.update(index.targets_of(entity)[:1])
    related: dict[int, list[tuple[int, int]]] = {}
    for entity in index.of_type(_RELATIONSHIPS).tolist():
        match index.targets_of(entity):
            case [one, other]:
                related.setdefault(one, []).append((entity, other))
                related.setdefault(other, []).append((entity, one))
    is_shape, is_place = index.is_type(_SHAPES), index.is_type(("AXIS2_PLACEMENT_3D",))
    is_product, is_structure = index.is_type(("PRODUCT",)), index.is_type(_STRUCTURE)
    for definition, given in shape_of.items():
        if definition in assemblies:
            continue
        representations = {representation for _, representation in given}
        roots = [definition, *(entity for entity, _ in given), *representations]
        waiting = list(representations)
        while waiting:
            for entity, other in related.get(waiting.pop(), ()):
                roots.append(entity)
                if other not in representations:
                    representations.add(other)
                    waiting.append(other)
                    roots.append(other)
        items = [item for one in sorted(representations) for item in index.targets_of(one)[:-1]]
        product = _product_of(index, definition, is_product)
        if (
            product is not None
            and all(products_of.get(one, {definition}) == {definition} for one in representations)
            and not any(index.complex[one] for one in representations)
            and all(is_shape[item] or is_place[item] for item in items)
            and not any(is_structure[item] for item in items)
        ):
            shapes = tuple(dict.fromkeys(item for item in items if is_shape[item]))
            if shapes:
                yield Piece(product, tuple(dict.fromkeys(roots)), shapes)


def _product_of(index: Index, definition: int, is_product: Mask) -> int | None:
    """The PRODUCT behind a definition: the formation's first reference."""
    formation = index.targets_of(definition)[:1]
    product = index.targets_of(formation[0])[:1] if formation else []
    return product[0] if product and is_product[product[0]] else None


def _label(index: Index, shapes: Indices, owners: Indices) -> tuple[Indices, npt.NDArray[np.int32]]:
    """For each entity the piece that reaches it first (-1: none), and pairs (P, 2) of pieces that share topology."""
    labels = np.full(len(index.ids), -1, np.int32)
    labels[shapes] = owners
    topology = index.is_type(_TOPOLOGY)
    shared: list[npt.NDArray[np.int32]] = [np.empty((0, 2), np.int32)]
    frontier = shapes
    while len(frontier):
        referring, reached = index.references(frontier)
        wanted = labels[frontier][referring]
        new = labels[reached] < 0
        labels[reached[new]] = wanted[new]
        met = labels[reached]
        strange = (met != wanted) & topology[reached]
        shared.append(np.unique(np.stack([wanted[strange], met[strange]], axis=1), axis=0))
        frontier = np.unique(reached[new])
    return labels, np.concatenate(shared)


def _counted(entities: Indices, labels: Indices, pieces: int) -> list[int]:
    """How many of ``entities`` each piece has, and last how many none has."""
    counts: list[int] = np.bincount(labels[entities] % (pieces + 1), minlength=pieces + 1).tolist()
    return counts


def _merged(count: int, pairs: npt.NDArray[np.int32]) -> list[list[int]]:
    """Sets of pieces that ``pairs`` connect, each ascending."""
    parents = list(range(count))

    def root(number: int) -> int:
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    for one, other in pairs.tolist():
        low, high = sorted((root(one), root(other)))
        parents[high] = low
    groups: dict[int, list[int]] = {}
    for number in range(count):
        groups.setdefault(root(number), []).append(number)
    return list(groups.values())


def _frame(index: Index, pieces: Sequence[Piece], reached: Mask, shapes: Indices, in_context: Mask) -> Mask | None:
    """The entities of the frame; None where the structure, or an occurrence's style, needs what goes with a piece."""
    standing = np.zeros(len(index.ids), bool)
    standing[shapes] = True
    structure = index.is_type(_STRUCTURE)
    # Of a complex entity, the first keyword is enough to know a placement's relationship by.
    relationships = np.isin(np.array(index.type_names), _RELATIONSHIPS)
    structure |= relationships[index.types] & index.complex
    structure[[root for piece in pieces for root in piece.roots]] = True
    needed = np.zeros(len(index.ids), bool)
    index.closure(np.flatnonzero(structure).astype(np.int32), needed, cut=standing)
    gone = reached & ~needed
    listing = index.is_type(LISTS)
    while True:
        # What speaks about something that is gone goes too; a list goes when nothing of it is left.
        speaking = np.add.reduceat(gone[index.targets], index.first[:-1]) > 0
        dropped = speaking & ~listing & ~standing & ~gone
        for entity in np.flatnonzero(speaking & listing & ~gone).tolist():
            dropped[entity] = not kept_of(index, entity, ~gone)
        if not dropped.any():
            break
        gone |= dropped
    return None if (gone & (needed | in_context)).any() else ~gone


def _in_context(index: Index) -> tuple[Mask, Mask]:
    """(E,) entities that style single occurrences; (E,) those of them that style the product as well."""
    in_context = index.is_type(("CONTEXT_DEPENDENT_OVER_RIDING_STYLED_ITEM",))
    mixed = np.zeros(len(index.ids), bool)
    styled = index.of_type(_STYLED)
    owners, styles = index.references(styled)
    for name, mask in (("PRESENTATION_STYLE_BY_CONTEXT", in_context), ("PRESENTATION_STYLE_ASSIGNMENT", mixed)):
        mask[styled[np.unique(owners[index.is_type((name,))[styles]])]] = True
    return in_context, in_context & mixed


def kept_of(index: Index, entity: int, within: Mask) -> list[int]:
    """What of a list's members lies ``within``; the context that a representation ends with is no member."""
    members = index.targets_of(entity)
    if index.type_names[index.types[entity]] in LISTS[:2]:
        members = members[:-1]
    return [member for member in members if within[member]]


def _annotations(index: Index, in_context: Mask) -> tuple[Indices, Indices]:
    entities: list[Indices] = []
    targets: list[Indices] = []
    for name, place in ANNOTATIONS.items():
        found = index.of_type((name,))
        found = found[~in_context[found]]
        counts = index.first[found + 1] - index.first[found] - 1
        found = found[counts >= 2 if place == -2 else counts >= 1]
        start = index.first[found] + 1 if place == 0 else index.first[found + 1] + place
        entities.append(found)
        targets.append(index.targets[start])
    return np.concatenate(entities), np.concatenate(targets)


def piece_entities(parts: Partition, numbers: Iterable[int]) -> Mask:
    """(E,) the entities of some pieces: all they refer to, what is said about them, and lists that name any of it."""
    index = parts.index
    roots = np.array([root for number in numbers for root in parts.pieces[number].roots], np.int32)
    within = np.zeros(len(index.ids), bool)
    entities, about = parts.annotations
    while len(roots):
        index.closure(roots, within)
        roots = entities[within[about] & ~within[entities]]
    while True:
        more = [e for e in parts.lists.tolist() if not within[e] and kept_of(index, e, within)]
        if not more:
            return within
        for entity in more:
            within[entity] = True
            if index.type_names[index.types[entity]] in LISTS[:2]:
                index.closure(np.array(index.targets_of(entity)[-1:], np.int32), within)
