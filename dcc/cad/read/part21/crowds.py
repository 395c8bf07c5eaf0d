"""Assemblies of very many placements (*crowds*), rewritten so that the kernel reads them in linear time.

For each placement, the kernel goes through everything that refers to the assembly's representation, and through all
items of that: the time is quadratic in the number of placements. So each placement gets a representation of its own,
which holds nothing but its axes; the transformation stays the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dcc.cad.read.part21.index import Index

_CROWD = 200
"""Placements in one assembly from which it is a crowd: with fewer, the kernel is fast enough."""
_RELATIONSHIP = ("REPRESENTATION_RELATIONSHIP", "SHAPE_REPRESENTATION_RELATIONSHIP")


@dataclass(frozen=True)
class Placed:
    """A placement in a crowded assembly: its relationship, the assembly's representation, its axes in that."""

    relationship: int
    representation: int
    axes: int


def crowds(index: Index) -> list[Placed]:
    """The placements of all crowded assemblies, as far as they are written in the usual way."""
    owner = _owners(index)
    usages: dict[int, list[int]] = {
        entity: index.targets_of(entity)[:2] for entity in index.of_type(("NEXT_ASSEMBLY_USAGE_OCCURRENCE",)).tolist()
    }
    if len(usages) < _CROWD:
        return []
    usage_of = {
        entity: targets[0]
        for entity in index.of_type(("PRODUCT_DEFINITION_SHAPE",)).tolist()
        if len(targets := index.targets_of(entity)) == 1 and targets[0] in usages
    }
    found = list(_placements(index, usages, usage_of, owner))
    counts = Counter(placed.representation for placed in found)
    # Axes that serve two placements would have to stay where they are.
    used = Counter(placed.axes for placed in found)
    return [placed for placed in found if counts[placed.representation] >= _CROWD and used[placed.axes] == 1]


def _placements(
    index: Index, usages: dict[int, list[int]], usage_of: dict[int, int], owner: dict[int, int]
) -> Iterator[Placed]:
    relationships = np.isin(np.array(index.type_names), _RELATIONSHIP)[index.types] & index.complex
    transformations = index.is_type(("ITEM_DEFINED_TRANSFORMATION",))
    plain = index.is_type(("SHAPE_REPRESENTATION",))
    items: dict[int, set[int]] = {}
    for entity in index.of_type(("CONTEXT_DEPENDENT_SHAPE_REPRESENTATION",)).tolist():
        match index.targets_of(entity):
            case [relationship, shape] if relationships[relationship] and shape in usage_of:
                assembly, product = usages[usage_of[shape]]
                match index.targets_of(relationship):
                    case [inner, outer, transformation] if (
                        transformations[transformation]
                        and plain[outer]
                        and owner.get(inner) == product
                        and owner.get(outer) == assembly
                    ):
                        axes = index.targets_of(transformation)[-1]
                        if outer not in items:
                            items[outer] = set(index.targets_of(outer)[:-1])
                        if axes in items[outer]:
                            yield Placed(relationship, outer, axes)


def _owners(index: Index) -> dict[int, int]:
    """The product definition of each representation that is the shape of one."""
    definition_of = {
        entity: targets[0]
        for entity in index.of_type(("PRODUCT_DEFINITION_SHAPE",)).tolist()
        if len(targets := index.targets_of(entity)) == 1
    }
    return {
        targets[1]: definition_of[targets[0]]
        for entity in index.of_type(("SHAPE_DEFINITION_REPRESENTATION",)).tolist()
        if len(targets := index.targets_of(entity)) == 2 and targets[0] in definition_of
    }


def rewritten(index: Index, placements: list[Placed], free: int) -> dict[int, bytes]:
    """New text of the entities that change; entities that are added get the numbers from ``free`` on."""
    changed: dict[int, bytes] = {}
    moved: dict[int, set[int]] = {}
    for number, placed in enumerate(placements, free):
        context = index.targets_of(placed.representation)[-1]
        own = b"#%d=SHAPE_REPRESENTATION('',(#%d),#%d);\n" % (number, index.ids[placed.axes], index.ids[context])
        outer = b"#%d" % index.ids[placed.representation]
        relationship = re.sub(outer + rb"\b", b"#%d" % number, index.statement(placed.relationship), count=1)
        changed[placed.relationship] = own + relationship
        moved.setdefault(placed.representation, set()).add(placed.axes)
    for representation, axes in moved.items():
        *items, context = index.targets_of(representation)
        # It must not be empty.
        left = [item for item in items if item not in axes] or items[:1]
        members = b",".join(b"#%d" % index.ids[item] for item in left)
        changed[representation] = b"#%d=SHAPE_REPRESENTATION('',(%s),#%d);" % (
            index.ids[representation],
            members,
            index.ids[context],
        )
    return changed
