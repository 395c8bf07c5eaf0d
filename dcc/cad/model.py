"""The product structure of a CAD file as it was read: parts, assemblies, and where they are placed.

Parts and assemblies are definitions: each exists once, however often it is placed. Lengths are millimetres. Keys and
identifiers come later (:mod:`dcc.cad.scene`), meshes too (:mod:`dcc.cad.mesh.meshing`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from OCP.TopoDS import TopoDS_Shape

from dcc.cad.kernel import Array
from shared.manifest import Color, ModelWarning, PartKind


@dataclass(eq=False)
class PartDefinition:
    """One product, or one body of a product that holds several.

    ``face_colors`` maps the index of a face (1-based, in the order of ``kernel.sub_shapes``) to a colour that differs
    from ``color``. ``body_name`` is empty where the product is a single body.
    """

    name: str
    shape: TopoDS_Shape
    kind: PartKind
    body_name: str = ""
    color: Color | None = None
    face_colors: dict[int, Color] = field(default_factory=dict)
    step_material: str | None = None
    layers: tuple[str, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        # A shape is memory of the kernel, and cannot be sent to another process.
        return {**self.__dict__, "shape": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, shape=TopoDS_Shape())


@dataclass(eq=False)
class Placement:
    """A definition placed in an assembly; ``matrix`` is 4x4 float64 for row vectors, child to assembly.

    ``color`` wins over the definition's own. ``usage``: which NEXT_ASSEMBLY_USAGE_OCCURRENCE of the file it is (0 for
    the first), where a style refers to it; else None.
    """

    name: str
    definition: PartDefinition | AssemblyDefinition
    matrix: Array
    color: Color | None = None
    hidden: bool = False
    usage: int | None = None


@dataclass(eq=False)
class AssemblyDefinition:
    """An assembly, or a product that holds several bodies."""

    name: str
    children: list[Placement] = field(default_factory=list)
    color: Color | None = None


@dataclass
class CadModel:
    """A CAD file as it was read: the root assembly, the length units that it declares, and warnings about it.

    ``components`` counts the placements in all assemblies, each assembly once.
    """

    root: AssemblyDefinition
    units: tuple[str, ...] = ()
    components: int = 0
    warnings: list[ModelWarning] = field(default_factory=list)

    def assemblies(self) -> list[AssemblyDefinition]:
        """Every assembly once, each before its children; the root is the first."""
        postorder: list[AssemblyDefinition] = []
        done: set[int] = set()
        stack: list[tuple[AssemblyDefinition, Iterator[Placement]]] = [(self.root, iter(self.root.children))]
        done.add(id(self.root))
        while stack:
            assembly, children = stack[-1]
            for child in children:
                if isinstance(child.definition, AssemblyDefinition) and id(child.definition) not in done:
                    done.add(id(child.definition))
                    stack.append((child.definition, iter(child.definition.children)))
                    break
            else:
                postorder.append(assembly)
                stack.pop()
        return postorder[::-1]

    def parts(self) -> list[PartDefinition]:
        """Every part once, in the order of the assemblies."""
        found: dict[int, PartDefinition] = {}
        for assembly in self.assemblies():
            for child in assembly.children:
                if isinstance(child.definition, PartDefinition):
                    found.setdefault(id(child.definition), child.definition)
        return list(found.values())

    def occurrence_counts(self) -> dict[int, int]:
        """How often each definition occurs in the whole model, by ``id(definition)``, without expanding the model."""
        counts: dict[int, int] = {id(self.root): 1}
        for assembly in self.assemblies():
            for child in assembly.children:
                key = id(child.definition)
                counts[key] = counts.get(key, 0) + counts[id(assembly)]
        return counts
