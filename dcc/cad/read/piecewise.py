"""Read and mesh a large STEP file piece by piece, on all cores.

The kernel reads a file in one thread, and keeps all it has read in memory. So the text is divided first
(:mod:`dcc.cad.read.part21`) into *pieces*, each a product that can be read on its own, and the *frame*, which is the
assembly structure with stand-ins for the pieces. Forked processes read, mesh and measure the pieces, while this process
reads the frame; then each stand-in is replaced by its piece. The result is the same, bit for bit, as when the kernel
reads the whole file. A file that cannot be divided with certainty is read as a whole.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from OCP.BRep import BRep_Tool
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS, TopoDS_Shape

from dcc.cad.forking import Forked, batches, can_fork
from dcc.cad.kernel import IDENTITY_MATRIX, Array, sub_shapes
from dcc.cad.mesh.meshing import PartGeometry, check_triangles, label_of, mesh_part, mesh_parts
from dcc.cad.model import AssemblyDefinition, CadModel, PartDefinition
from dcc.cad.read.features import Features
from dcc.cad.read.losses import Loss, is_short, warn_of
from dcc.cad.read.part21.index import Index
from dcc.cad.read.part21.products import Partition, partition
from dcc.cad.read.part21.write import PIECE_NAME, frame_text, piece_text, text_file
from dcc.cad.read.step_reader import BuiltStep, ParsedStep, parse_step
from dcc.cad.read.structure import Product
from dcc.cad.settings import Settings
from shared.errors import CadError

_CROWDED = 0.4
"""Share of ``Settings.piecewise_bytes`` from which a file with crowded assemblies (``part21.crowds``) is divided."""
_MOST_FRAME = 0.5
"""Share of the text that the frame may have: with more, to divide the file would not pay."""
_SMALLEST_BATCH, _LARGEST_BATCH = 1 << 19, 1 << 21
"""Bytes of text that one process reads, where products are small: fewer are not worth a process of their own."""

Geometries = dict[int, PartGeometry]
"""The geometry of each part, by ``id(part definition)``."""


class _RefusedError(Exception):
    """The pieces do not fit together, so the file must be read as a whole."""


@dataclass
class _Piece:
    """A product as another process read it; its parts have no shape."""

    number: int
    product: Product
    parts: list[PartDefinition]
    geometries: list[PartGeometry]
    losses: list[Loss] = field(default_factory=list)
    identity: Array = field(default_factory=lambda: IDENTITY_MATRIX)
    """The object that was ``IDENTITY_MATRIX`` in the process that read it: pickling made another object of it."""


def is_worthwhile(size: int, settings: Settings) -> bool:
    """Whether a file of so many bytes may be read piece by piece on this machine."""
    return size >= _CROWDED * settings.piecewise_bytes and settings.worker_count() > 1 and can_fork()


def read_pieces(
    index: Index,
    settings: Settings,
    *,
    name: str,
    body_names: bool,
    features: Features,
    on_progress: Callable[[float], None],
) -> tuple[CadModel, Geometries] | None:
    """The model in the file behind ``index`` and its parts' geometry; None where it should be read as a whole.

    ``on_progress`` is told the share that is done, from 0 where the file could be taken apart.

    Raises CadError as the reading and meshing of the whole do.
    """
    size = len(index.text)
    parts = partition(index)
    if parts is None:
        return None
    if not parts.crowds and (
        len(parts.groups) < 2 or size - sum(parts.weights) > _MOST_FRAME * size or size < settings.piecewise_bytes
    ):
        return None
    with contextlib.suppress(_RefusedError):
        return _read(_Task(parts, settings, name, body_names, features), on_progress)
    return None


def _read(task: _Task, on_progress: Callable[[float], None]) -> tuple[CadModel, Geometries]:
    workers = task.settings.worker_count()
    groups, weights = task.parts.groups, task.parts.weights
    total = sum(weights) or 1
    shares = batches(weights, workers, smallest=_SMALLEST_BATCH, largest=_LARGEST_BATCH)
    on_progress(0.0)
    pieces: dict[int, _Piece] = {}
    done = 0
    triangles = 0
    pieces_of = [[piece for group in share for piece in groups[group]] for share in shares]
    source: contextlib.AbstractContextManager[Iterable[tuple[int, list[_Piece]]]]
    if len(task.parts.index.text) < task.settings.piecewise_bytes:
        source = contextlib.nullcontext(enumerate(map(task.read, pieces_of)))
    else:
        source = Forked(task.read, pieces_of, workers, name=task.name)
    with source as results:
        frame = _frame(task)
        for number, found in results:
            for piece in found:
                pieces[piece.number] = piece
                triangles += sum(len(geometry.mesh.triangles) for geometry in piece.geometries if geometry.mesh)
            check_triangles(triangles, task.settings.limits)
            done += sum(weights[group] for group in shares[number])
            on_progress(done / total)
    return _joined(frame, pieces, task)


def _joined(frame: BuiltStep, pieces: dict[int, _Piece], task: _Task) -> tuple[CadModel, Geometries]:
    """The model of the frame, with each piece in the place of its stand-in."""
    geometries: Geometries = {}
    met: list[int] = []
    losses: list[Loss] = []

    def product(shape: TopoDS_Shape, name: str) -> Product | None:
        number = _stand_in_number(shape)
        if number is None:
            return None
        if number not in pieces:
            raise _RefusedError
        met.append(number)
        piece = pieces[number]
        _rename(piece, name)
        geometries.update((id(part), geometry) for part, geometry in zip(piece.parts, piece.geometries, strict=True))
        losses.extend(piece.losses)
        return piece.product

    model = frame.model(product)
    # Each piece must stand in for exactly one product; otherwise the file was not understood.
    if sorted(met) != list(range(len(task.parts.pieces))):
        raise _RefusedError
    model.components += sum(piece.product.components for piece in pieces.values())
    others = [part for part in model.parts() if id(part) not in geometries]
    meshed = mesh_parts(others, task.settings, name=task.name)
    geometries.update(zip(map(id, others), meshed, strict=True))
    losses += frame.losses(short=task.is_short(-1, others, meshed))
    model.warnings += warn_of(losses, {part: geometries[id(part)] for part in model.parts()})
    return model, geometries


@dataclass(frozen=True)
class _Task:
    """What is read, and how."""

    parts: Partition
    settings: Settings
    name: str
    body_names: bool
    features: Features

    def read(self, numbers: list[int]) -> list[_Piece]:
        """Read, mesh and measure some pieces (in a forked process)."""
        with text_file(piece_text(self.parts, numbers)) as path:
            built = _parsed(path, self).build()
            products = built.products()
        # Kept until the process ends: to free what the kernel has read, object by object, takes long.
        _kept.append(built)
        pieces = [_piece(product, self.settings) for product in products]
        if sorted(piece.number for piece in pieces) != sorted(numbers):
            raise _RefusedError
        short = any(self.is_short(piece.number, piece.parts, piece.geometries) for piece in pieces)
        losses = built.losses(short=short)
        for piece in pieces:
            piece.losses = [loss for loss in losses if loss.product == piece.product.name]
        return pieces

    def is_short(self, number: int, parts: Sequence[PartDefinition], geometries: Sequence[PartGeometry]) -> bool:
        """Whether less was read of the piece ``number``, or of the frame (-1), than the text declares for it."""
        return is_short(self.parts.faces[number], self.parts.solids[number], parts, geometries)


_kept: list[BuiltStep] = []


def _piece(product: Product, settings: Settings) -> _Piece:
    number = product.name.removeprefix(PIECE_NAME)
    if product.definition is None or not number.isdecimal():
        raise _RefusedError
    parts = [product.definition] if isinstance(product.definition, PartDefinition) else _model(product).parts()
    return _Piece(int(number), product, parts, [mesh_part(part, settings) for part in parts])


def _frame(task: _Task) -> BuiltStep:
    with text_file(frame_text(task.parts)) as path:
        return _parsed(path, task).build()


def _parsed(path: Path, task: _Task) -> ParsedStep:
    """The text at ``path``. Raises _RefusedError where the kernel finds fault with it."""
    try:
        parsed = parse_step(path, name=task.name, body_names=task.body_names, features=task.features)
    except CadError as error:
        raise _RefusedError from error
    if parsed.warnings:
        raise _RefusedError
    return parsed


def _stand_in_number(shape: TopoDS_Shape) -> int | None:
    """The number of the piece that ``shape`` stands in for (see ``part21.write``); None where it is no stand-in."""
    if shape.ShapeType() != TopAbs_ShapeEnum.TopAbs_COMPOUND:
        return None
    if sub_shapes(shape, TopAbs_ShapeEnum.TopAbs_FACE):
        return None
    places = [BRep_Tool.Pnt_s(TopoDS.Vertex(vertex)) for vertex in sub_shapes(shape, TopAbs_ShapeEnum.TopAbs_VERTEX)]
    ends = sorted({round(place.X(), 6) for place in places})
    if len(ends) != 2 or ends[0] <= 0 or any(place.Y() or place.Z() for place in places):
        return None
    number: int = round(ends[1] / ends[0]) - 2
    return number


def _rename(piece: _Piece, name: str) -> None:
    """Give a product, which was read under its piece's number, its own name.

    Also restore the identity of ``IDENTITY_MATRIX``, which was lost on the way between the processes.
    """
    known_as = piece.product.name
    piece.losses = [replace(loss, product=name) for loss in piece.losses]
    for part, geometry in zip(piece.parts, piece.geometries, strict=True):
        label = label_of(part)
        part.name = name
        geometry.warnings = [
            replace(warning, message=warning.message.replace(label, label_of(part), 1)) for warning in geometry.warnings
        ]
    if isinstance(piece.product.definition, AssemblyDefinition):
        for assembly in _model(piece.product).assemblies():
            assembly.name = name if assembly.name == known_as else assembly.name
            for placement in assembly.children:
                placement.name = name if placement.name == known_as else placement.name
                if placement.matrix is piece.identity:
                    placement.matrix = IDENTITY_MATRIX


def _model(product: Product) -> CadModel:
    assert isinstance(product.definition, AssemblyDefinition)
    return CadModel(product.definition)
