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
from collections.abc import Iterator
from pathlib import Path

from dcc.cad.read.part21.statements import Statements, statements
from dcc.cad.read.part21.write import text_file

_PRESENTATIONS = ("DRAUGHTING_MODEL", "MECHANICAL_DESIGN_GEOMETRIC_PRESENTATION_REPRESENTATION")
_DEFINITIONS = ("PRODUCT_DEFINITION", "PRODUCT_DEFINITION_WITH_ASSOCIATED_DOCUMENTS")
_STYLES = ("STYLED_ITEM", "OVER_RIDING_STYLED_ITEM")
_KINDS = (
    "MATERIAL_DESIGNATION", "PRODUCT_DEFINITION_SHAPE", *_DEFINITIONS, "CONTEXT_DEPENDENT_INVISIBILITY",
    "PRESENTATION_LAYER_ASSIGNMENT", *_PRESENTATIONS, *_STYLES,
)  # fmt: skip
_STRING = re.compile(r"'(?:[^']|'')*'")
_REFERENCE = re.compile(r"#(\d{1,18})")
_EXTERNAL = b"DOCUMENT_FILE"
_END = b"ENDSEC"
_FIRST_FREE = 2_000_000_000
"""Numbers from here are ours; no CAD system counts so far."""


@contextlib.contextmanager
def readable(path: Path) -> Iterator[Path]:
    """The file at ``path``, or one that says in other words besides what the kernel would not heed.

    A file whose parts are in other files is left as it is: the kernel looks for them beside it.
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as text:
        entities = statements(text, _KINDS)
        said = [*_materials(entities), *_unseen(entities)]
        end = text.rfind(_END, 0, text.rfind(_END) + len(_END))
        if not said or end < 0 or text.find(_EXTERNAL) >= 0:
            yield path
            return
        with memoryview(text) as content, content[:end] as before, content[end:] as behind:
            file = text_file([before, "\n".join([*_numbered(said), ""]).encode("latin-1"), behind])
            with file as again:
                yield again


def _materials(entities: Statements) -> Iterator[list[str]]:
    """Statements for each product that a designation names; ``#?n`` is the n-th of them."""
    for rest in _of(entities, "MATERIAL_DESIGNATION"):
        name = _STRING.search(rest)
        if name is None:
            continue
        for definition in _references(rest):
            kind, parameters = entities.get(definition, ("", ""))
            if kind == "PRODUCT_DEFINITION_SHAPE" and (defined := _references(parameters)):
                definition = defined[-1]
            if entities.get(definition, ("", ""))[0] not in _DEFINITIONS:
                continue
            yield [
                f"PROPERTY_DEFINITION('material property','material name',#{definition})",
                f"DESCRIPTIVE_REPRESENTATION_ITEM({name[0]},'')",
                "REPRESENTATION_CONTEXT('','')",
                "REPRESENTATION('material name',(#?1),#?2)",
                "PROPERTY_DEFINITION_REPRESENTATION(#?0,#?3)",
            ]


def _unseen(entities: Statements) -> Iterator[list[str]]:
    """A statement that hides what every presentation that would show it leaves out."""
    left_out: dict[int, set[int]] = {}
    for rest in _of(entities, "CONTEXT_DEPENDENT_INVISIBILITY"):
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
            shape = references[-2 if kind == "OVER_RIDING_STYLED_ITEM" and len(references) > 1 else -1]
            shown.setdefault(shape, set()).update(shown[number])
    unseen = []
    for item, contexts in left_out.items():
        kind, rest = entities.get(item, ("", ""))
        members = _references(rest) if kind == "PRESENTATION_LAYER_ASSIGNMENT" else [item]
        presentations = set().union(*(shown.get(member, set()) for member in members))
        # Where none is known that shows it, it may be one that is written in a way not read here.
        if presentations and presentations <= contexts:
            unseen.append(f"#{item}")
    if unseen:
        yield [f"INVISIBILITY(({','.join(unseen)}))"]


def _of(entities: Statements, wanted: str) -> list[str]:
    return [parameters for kind, parameters in entities.values() if kind == wanted]


def _references(rest: str) -> list[int]:
    return [int(number) for number in _REFERENCE.findall(_STRING.sub("", rest))]


def _numbered(groups: list[list[str]]) -> Iterator[str]:
    free = _FIRST_FREE
    for group in groups:
        for number, statement in enumerate(group):
            for place in range(len(group)):
                statement = statement.replace(f"#?{place}", f"#{free + place}")
            yield f"#{free + number}={statement};"
        free += len(group)
