"""The text of a piece or of the frame of a STEP file (see :mod:`dcc.cad.read.part21.products`), for the kernel."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from dcc.cad.read.part21.crowds import rewritten
from dcc.cad.read.part21.index import Mask
from dcc.cad.read.part21.products import Partition, kept_of, piece_entities
from shared.files import storage_error

_MEMBERS = re.compile(rb"\(\s*#\d+(?:\s*,\s*#\d+)*\s*\)")
_REFERENCE = re.compile(rb"#\d+")
_END = b"\nENDSEC;\nEND-ISO-10303-21;\n"

PIECE_NAME = "raceway piece "
"""What a product is called in its piece, with the piece's number behind."""

STAND_IN_UNIT = 1000
"""A stand-in is a line along x from here to ``number + 2`` times here, in the file's own unit."""


def piece_text(parts: Partition, numbers: Iterable[int]) -> Iterator[bytes | memoryview]:
    """A STEP file of some pieces; each product is called after its piece's number."""
    index = parts.index
    numbers = list(numbers)
    within = piece_entities(parts, numbers)
    changed: dict[int, bytes] = {}
    for number in numbers:
        product = parts.pieces[number].product
        context = b",".join(b"#%d" % index.ids[target] for target in index.targets_of(product))
        name = f"{PIECE_NAME}{number}".encode()
        changed[product] = b"#%d=PRODUCT('%s','%s','',(%s));" % (index.ids[product], name, name, context)
    yield from _text(parts, within, changed)


def frame_text(parts: Partition) -> Iterator[bytes | memoryview]:
    """The STEP file without its pieces, with stand-ins for their shapes."""
    index = parts.index
    changed: dict[int, bytes] = {}
    free = int(index.ids.max()) + 1
    for number, piece in enumerate(parts.pieces):
        points = []
        for x in (1, number + 2):
            points.append(b"#%d=CARTESIAN_POINT('',(%d.,0.,0.));" % (free, x * STAND_IN_UNIT))
            free += 1
        points.append(b"#%d=POLYLINE('',(#%d,#%d));" % (free, free - 2, free - 1))
        for place, shape in enumerate(piece.shapes):
            curves = b"#%d=GEOMETRIC_CURVE_SET('',(#%d));" % (index.ids[shape], free)
            changed[shape] = b"\n".join([*points, curves]) if place == 0 else curves
        free += 1
    changed.update(rewritten(index, parts.crowds, free))
    yield from _text(parts, parts.framed, changed)


def _text(parts: Partition, within: Mask, changed: dict[int, bytes]) -> Iterator[bytes | memoryview]:
    """Header, the statements of the entities ``within`` in their order, some of them ``changed``, and the end."""
    index = parts.index
    for entity in parts.lists[within[parts.lists]].tolist():
        kept = kept_of(index, entity, within)
        if len(kept) < len(kept_of(index, entity, np.ones(len(within), bool))):
            members = b"(" + b",".join(b"#%d" % index.ids[member] for member in kept) + b")"
            changed[entity] = _MEMBERS.sub(members, index.statement(entity), count=1)
    content = memoryview(index.text)
    yield content[: index.header_end]
    yield b"\n"
    plain = within.copy()
    plain[list(changed)] = False
    edges = np.flatnonzero(np.diff(plain, prepend=False, append=False))
    # Runs of statements that stand together in the file are copied as one.
    runs = dict(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
    for entity in sorted([*runs, *changed]):
        if entity in changed:
            yield changed[entity] + b"\n"
        else:
            yield content[index.starts[entity] : index.starts[runs[entity]]]
    yield _END


@contextlib.contextmanager
def text_file(text: Iterable[bytes | memoryview]) -> Iterator[Path]:
    """A file that the kernel can read by its name; in memory where the platform has such files.

    Raises StorageError where the disk refuses.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("part.step")
        with open(descriptor, "wb") as stream:
            stream.writelines(text)
            stream.flush()
            yield Path(f"/proc/self/fd/{descriptor}")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part.step"
        try:
            with path.open("wb") as stream:
                stream.writelines(text)
        except OSError as error:
            raise storage_error(error, path, "write") from error
        yield path
