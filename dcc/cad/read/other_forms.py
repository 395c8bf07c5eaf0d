"""What a STEP file says in forms that the kernel leaves unused: it is said again in those that it heeds.

- ``MATERIAL_DESIGNATION``: what products are made of. Said as the CAx Implementor Forum's recommended practices for
  material identification have it: a ``PROPERTY_DEFINITION`` 'material property' with a 'material name'.
- ``CONTEXT_DEPENDENT_INVISIBILITY``: what is not seen in one presentation of the model. Said as ``INVISIBILITY`` where
  no other presentation shows it: what is only left out of some view of a drawing is there.

Schemas: ISO 10303-45 (material_designation) and ISO 10303-46 (context_dependent_invisibility).
"""

from __future__ import annotations

import contextlib
import mmap
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PRESENTATIONS = (b"DRAUGHTING_MODEL", b"MECHANICAL_DESIGN_GEOMETRIC_PRESENTATION_REPRESENTATION")
_DEFINITIONS = (b"PRODUCT_DEFINITION", b"PRODUCT_DEFINITION_WITH_ASSOCIATED_DOCUMENTS")
_STYLES = (b"STYLED_ITEM", b"OVER_RIDING_STYLED_ITEM")
_KINDS = (
    b"MATERIAL_DESIGNATION", b"PRODUCT_DEFINITION_SHAPE", *_DEFINITIONS, b"CONTEXT_DEPENDENT_INVISIBILITY",
    b"PRESENTATION_LAYER_ASSIGNMENT", *_PRESENTATIONS, *_STYLES,
)  # fmt: skip
_ENTITY = re.compile(rb"#(\d+)\s*=\s*(" + b"|".join(_KINDS) + rb")\s*\(((?:'(?:[^']|'')*'|[^';]+)*)\)\s*;")
_STRING = re.compile(rb"'(?:[^']|'')*'")
_REFERENCE = re.compile(rb"#(\d+)")
_END = b"ENDSEC"
_FIRST_FREE = 2_000_000_000
"""Numbers from here are ours; no CAD system counts so far."""

Entities = dict[int, tuple[bytes, bytes]]
"""Keyword and parameters by number."""


@contextlib.contextmanager
def readable(path: Path) -> Iterator[Path]:
    """The file at ``path``, or one that says in other words besides what the kernel would not heed."""
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as text:
        entities: Entities = {int(number): (kind, rest) for number, kind, rest in _ENTITY.findall(text)}
        said = [*_materials(entities), *_unseen(entities)]
        end = text.rfind(_END, 0, text.rfind(_END) + len(_END))
        if not said or end < 0:
            yield path
            return
        with tempfile.NamedTemporaryFile(suffix=path.suffix) as again:
            again.write(memoryview(text)[:end])
            again.write(b"\n".join([*_numbered(said), b""]))
            again.write(memoryview(text)[end:])
            again.flush()
            yield Path(again.name)


def _materials(entities: Entities) -> Iterator[list[bytes]]:
    """Statements for each product that a designation names; ``#?n`` is the n-th of them."""
    for rest in _of(entities, b"MATERIAL_DESIGNATION"):
        name = _STRING.search(rest)
        if name is None:
            continue
        for definition in _references(rest):
            kind, parameters = entities.get(definition, (b"", b""))
            if kind == b"PRODUCT_DEFINITION_SHAPE" and (defined := _references(parameters)):
                definition = defined[-1]
            if entities.get(definition, (b"", b""))[0] not in _DEFINITIONS:
                continue
            yield [
                b"PROPERTY_DEFINITION('material property','material name',#%d)" % definition,
                b"DESCRIPTIVE_REPRESENTATION_ITEM(%s,'')" % name[0],
                b"REPRESENTATION_CONTEXT('','')",
                b"REPRESENTATION('material name',(#?1),#?2)",
                b"PROPERTY_DEFINITION_REPRESENTATION(#?0,#?3)",
            ]


def _unseen(entities: Entities) -> Iterator[list[bytes]]:
    """A statement that hides what every presentation that would show it leaves out."""
    left_out: dict[int, set[int]] = {}
    for rest in _of(entities, b"CONTEXT_DEPENDENT_INVISIBILITY"):
        *items, context = _references(rest) or [0]
        for item in items:
            left_out.setdefault(item, set()).add(context)
    if not left_out:
        return
    shown: dict[int, set[int]] = {}
    for number, (kind, rest) in entities.items():
        if kind in _PRESENTATIONS:
            for item in _references(rest):
                shown.setdefault(item, set()).add(number)
    for number, (kind, rest) in entities.items():
        # Layers hold shapes as well as styles: a shape is shown where its style is.
        if kind in _STYLES and number in shown and (references := _references(rest)):
            shape = references[-2 if kind == b"OVER_RIDING_STYLED_ITEM" and len(references) > 1 else -1]
            shown.setdefault(shape, set()).update(shown[number])
    unseen = []
    for item, contexts in left_out.items():
        kind, rest = entities.get(item, (b"", b""))
        members = _references(rest) if kind == b"PRESENTATION_LAYER_ASSIGNMENT" else [item]
        if set().union(*(shown.get(member, set()) for member in members)) <= contexts:
            unseen.append(b"#%d" % item)
    if unseen:
        yield [b"INVISIBILITY((%s))" % b",".join(unseen)]


def _of(entities: Entities, wanted: bytes) -> list[bytes]:
    return [parameters for kind, parameters in entities.values() if kind == wanted]


def _references(rest: bytes) -> list[int]:
    return [int(number) for number in _REFERENCE.findall(_STRING.sub(b"", rest))]


def _numbered(groups: list[list[bytes]]) -> Iterator[bytes]:
    free = _FIRST_FREE
    for group in groups:
        for number, statement in enumerate(group):
            numbered = re.sub(rb"#\?(\d)", lambda match: b"#%d" % (free + int(match[1])), statement)  # noqa: B023
            yield b"#%d=%s;" % (free + number, numbered)
        free += len(group)
