"""What a STEP file declares, counted in its text: compared with what the kernel delivers, it shows what is missing."""

from __future__ import annotations

import mmap
import re
from dataclasses import dataclass

from dcc.cad.read.external_files import KEYWORDS, external_files
from dcc.cad.read.part21.index import Index

FACES = ("ADVANCED_FACE", "FACE_SURFACE")
_MESHED_FACES = ("TRIANGULATED_FACE", "COMPLEX_TRIANGULATED_FACE")
SOLIDS = ("MANIFOLD_SOLID_BREP", "BREP_WITH_VOIDS", "FACETED_BREP")

_PRODUCT = re.compile(rb"=\s*PRODUCT\s*\(")
_STRING = rb"\s*(?:'(?:[^']|'')*'|\$)\s*"
_OCCURRENCE = re.compile(
    rb"=\s*NEXT_ASSEMBLY_USAGE_OCCURRENCE\s*\(" + b",".join([_STRING] * 3) + rb",\s*#(\d+)\s*,\s*#(\d+)"
)


@dataclass(frozen=True)
class Declared:
    """What the text of a file declares.

    ``occurrences`` counts the placements in all assemblies, each assembly once; ``placed`` the parts of the whole model
    when every assembly is expanded; ``assemblies`` the products that others are placed in. ``external`` names the other
    files that hold parts of the model.
    """

    products: int
    occurrences: int
    assemblies: int
    placed: int
    faces: int
    solids: int
    external: tuple[str, ...]

    @property
    def multi_body(self) -> bool:
        """Whether some product must hold several solids: there are more solids than products that are parts."""
        return self.solids > self.products - self.assemblies


def declared_in(text: mmap.mmap) -> Declared:
    """What ``text`` declares, however it is written."""
    placements = [(int(match[1]), int(match[2])) for match in _OCCURRENCE.finditer(text)]
    return Declared(
        products=sum(1 for _ in _PRODUCT.finditer(text)),
        occurrences=len(placements),
        assemblies=len({assembly for assembly, _ in placements}),
        placed=_expanded(placements),
        # Meshes beside exact shapes are not read, so that they only count where there is nothing else.
        faces=_mentions(text, FACES) or _mentions(text, _MESHED_FACES),
        solids=_mentions(text, SOLIDS),
        external=external_files(text),
    )


def declared_by(index: Index) -> Declared:
    """What the text behind ``index`` declares; the same as :func:`declared_in`, without reading it again."""
    used = index.of_type(("NEXT_ASSEMBLY_USAGE_OCCURRENCE",)).tolist()
    placements = [(targets[0], targets[1]) for entity in used if len(targets := index.targets_of(entity)) >= 2]
    documents = index.of_keyword(tuple(keyword.decode() for keyword in KEYWORDS)).tolist()
    return Declared(
        products=len(index.of_type(("PRODUCT",))),
        occurrences=len(placements),
        assemblies=len({assembly for assembly, _ in placements}),
        placed=_expanded(placements),
        faces=len(index.of_keyword(FACES)) or len(index.of_keyword(_MESHED_FACES)),
        solids=len(index.of_keyword(SOLIDS)),
        external=external_files(b"".join(index.statement(entity) for entity in documents)),
    )


def _mentions(text: mmap.mmap, keywords: tuple[str, ...]) -> int:
    """How many entities, or parts of complex entities, have one of these keywords."""
    # Text that begins with fixed letters is found many times faster; what may not stand before is looked at afterwards.
    patterns = (rb"%b(?<!\w%b)\s*\(" % (keyword.encode(), keyword.encode()) for keyword in keywords)
    return sum(1 for pattern in patterns for _ in re.finditer(pattern, text))


def _expanded(placements: list[tuple[int, int]]) -> int:
    """How many parts a model with these (assembly, child) placements has in all, without expanding it.

    Kahn's topological order: a product is counted when all its placements are known. Those in a cycle never are, and
    count for nothing.
    """
    children: dict[int, list[int]] = {}
    waiting: dict[int, int] = {}
    for assembly, child in placements:
        children.setdefault(assembly, []).append(child)
        waiting[child] = waiting.get(child, 0) + 1
    counts = {assembly: 1 for assembly in children if assembly not in waiting}
    ready = list(counts)
    total = 0
    while ready:
        definition = ready.pop()
        if definition not in children:
            total += counts[definition]
        for child in children.get(definition, ()):
            counts[child] = counts.get(child, 0) + counts[definition]
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    return total
