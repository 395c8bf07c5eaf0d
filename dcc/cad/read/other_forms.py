"""Translate statements of a STEP file that the kernel ignores into equivalent ones that it reads.

- ``MATERIAL_DESIGNATION`` (what a product is made of) becomes a ``PROPERTY_DEFINITION`` 'material property' with a
  'material name', as in the CAx Implementor Forum's recommended practices for material identification.
- ``MAKE_FROM_USAGE_OPTION`` becomes the same, where a product is made from one of the category 'raw material', as
  I-DEAS writes it. A part made from a casting, or from another part, gets no material by that.
- ``CONTEXT_DEPENDENT_INVISIBILITY`` (an item is hidden in one presentation of the model) becomes ``INVISIBILITY``
  where no other presentation shows the item: what is only left out of some view of a drawing is visible.
- Shapes without products get a product (:mod:`dcc.cad.read.bare_shapes`).

Schemas: ISO 10303-44 (make_from_usage_option), ISO 10303-45 (material_designation) and ISO 10303-46
(context_dependent_invisibility).
"""

from __future__ import annotations

import contextlib
import mmap
import re
from collections.abc import Iterator
from pathlib import Path

from dcc.cad.read.bare_shapes import products_of
from dcc.cad.read.external_files import KEYWORDS as EXTERNAL_FILES
from dcc.cad.read.part21.statements import Statements, references, statements
from dcc.cad.read.part21.write import text_file

_PRESENTATIONS = ("DRAUGHTING_MODEL", "MECHANICAL_DESIGN_GEOMETRIC_PRESENTATION_REPRESENTATION")
_DEFINITIONS = ("PRODUCT_DEFINITION", "PRODUCT_DEFINITION_WITH_ASSOCIATED_DOCUMENTS")
_FORMATIONS = ("PRODUCT_DEFINITION_FORMATION", "PRODUCT_DEFINITION_FORMATION_WITH_SPECIFIED_SOURCE")
_STYLES = ("STYLED_ITEM", "OVER_RIDING_STYLED_ITEM")
_CATEGORY = "PRODUCT_RELATED_PRODUCT_CATEGORY"
_KINDS = (
    "MATERIAL_DESIGNATION", "PRODUCT_DEFINITION_SHAPE", *_DEFINITIONS, "CONTEXT_DEPENDENT_INVISIBILITY",
    "MAKE_FROM_USAGE_OPTION", _CATEGORY, "PRODUCT", *_FORMATIONS,
    "PRESENTATION_LAYER_ASSIGNMENT", *_PRESENTATIONS, *_STYLES,
)  # fmt: skip
_STRING = re.compile(r"'(?:[^']|'')*'")
_END = b"ENDSEC"
_FIRST_FREE = 2_000_000_000
"""Added statements are numbered from here: below the kernel's limit of 2^31, above what CAD systems use."""


@contextlib.contextmanager
def readable(path: Path) -> Iterator[Path]:
    """The file at ``path``, or a copy with the translated statements added where there are any.

    A file whose parts are in other files is left as it is: the kernel looks for them beside it.
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as text:
        entities = statements(text, _KINDS)
        said = [*_materials(entities), *_unseen(entities), *products_of(text)]
        end = text.rfind(_END, 0, text.rfind(_END) + len(_END))
        if not said or end < 0 or any(text.find(keyword) >= 0 for keyword in EXTERNAL_FILES):
            yield path
            return
        with memoryview(text) as content, content[:end] as before, content[end:] as behind:
            file = text_file([before, "\n".join([*_numbered(said), ""]).encode("latin-1"), behind])
            with file as again:
                yield again


def _materials(entities: Statements) -> Iterator[list[str]]:
    """Statements for the material of each product; in each list, ``#?n`` stands for its n-th statement."""
    for rest in _of(entities, "MATERIAL_DESIGNATION"):
        name = _STRING.search(rest)
        if name is None:
            continue
        for definition in references(rest):
            kind, parameters = entities.get(definition, ("", ""))
            if kind == "PRODUCT_DEFINITION_SHAPE" and (defined := references(parameters)):
                definition = defined[-1]
            if entities.get(definition, ("", ""))[0] in _DEFINITIONS:
                yield _material(definition, name[0])
    raw = {
        product
        for rest in _of(entities, _CATEGORY)
        if (name := _STRING.search(rest)) and name[0].lower() == "'raw material'"
        for product in references(rest)
    }
    for rest in _of(entities, "MAKE_FROM_USAGE_OPTION"):
        made, source = (*references(rest), 0, 0)[:2]
        product = _product_of(source, entities)
        if product in raw and entities.get(made, ("", ""))[0] in _DEFINITIONS:
            yield _material(made, _name_of(entities[product][1]))


def _material(definition: int, name: str) -> list[str]:
    """Statements that make ``name`` (a STEP string, in quotes) the material of a product definition."""
    return [
        f"PROPERTY_DEFINITION('material property','material name',#{definition})",
        f"DESCRIPTIVE_REPRESENTATION_ITEM({name},'')",
        "REPRESENTATION_CONTEXT('','')",
        "REPRESENTATION('material name',(#?1),#?2)",
        "PROPERTY_DEFINITION_REPRESENTATION(#?0,#?3)",
    ]


def _product_of(definition: int, entities: Statements) -> int:
    """The product of a product definition, found through its formation; 0 where there is none."""
    for kinds in (_DEFINITIONS, _FORMATIONS, ("PRODUCT",)):
        kind, rest = entities.get(definition, ("", ""))
        if kind not in kinds:
            return 0
        if kind != "PRODUCT":
            definition = (*references(rest), 0)[0]
    return definition


def _name_of(product: str) -> str:
    """Id and name of a raw material's product, which are its standard and its common name; as a STEP string."""
    said = dict.fromkeys(text[1:-1].strip() for text in _STRING.findall(product)[:2])
    return "'" + "; ".join(filter(None, said)) + "'"


def _unseen(entities: Statements) -> Iterator[list[str]]:
    """A statement that hides the items which are hidden in every presentation that contains them."""
    left_out: dict[int, set[int]] = {}
    for rest in _of(entities, "CONTEXT_DEPENDENT_INVISIBILITY"):
        *items, context = references(rest) or [0]
        for item in items:
            left_out.setdefault(item, set()).add(context)
    if not left_out:
        return
    shown: dict[int, set[int]] = {}
    for number, (kind, rest) in entities.items():
        if kind in _PRESENTATIONS:
            for item in references(rest):
                shown.setdefault(item, set()).add(number)
    for number, (kind, rest) in entities.items():
        # Layers hold shapes as well as styles: a shape is shown where its style is.
        if kind in _STYLES and number in shown and (styled := references(rest)):
            shape = styled[-2 if kind == "OVER_RIDING_STYLED_ITEM" and len(styled) > 1 else -1]
            shown.setdefault(shape, set()).update(shown[number])
    unseen = []
    for item, contexts in left_out.items():
        kind, rest = entities.get(item, ("", ""))
        members = references(rest) if kind == "PRESENTATION_LAYER_ASSIGNMENT" else [item]
        presentations = set().union(*(shown.get(member, set()) for member in members))
        # Where none is known that shows it, it may be one that is written in a way not read here.
        if presentations and presentations <= contexts:
            unseen.append(f"#{item}")
    if unseen:
        yield [f"INVISIBILITY(({','.join(unseen)}))"]


def _of(entities: Statements, wanted: str) -> list[str]:
    return [parameters for kind, parameters in entities.values() if kind == wanted]


def _numbered(groups: list[list[str]]) -> Iterator[str]:
    free = _FIRST_FREE
    for group in groups:
        for number, statement in enumerate(group):
            for place in range(len(group)):
                statement = statement.replace(f"#?{place}", f"#{free + place}")
            yield f"#{free + number}={statement};"
        free += len(group)
