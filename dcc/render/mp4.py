"""The boxes of an MP4 file: its index moved to the front, so that a film plays while it is still being loaded.

Format: ISO/IEC 14496-12, sections 4.2 (boxes), 8.2.1 (moov), 8.7.3 (stsz), 8.7.5 (stco, co64).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from shared.errors import RenderError

_HEADER = struct.Struct(">I4s")
_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Box:
    """A box: its type, where it starts, and its sizes in bytes."""

    kind: bytes
    start: int
    header: int
    size: int


def move_index_to_front(source: Path, target: Path) -> int:
    """Write ``source`` to ``target`` with ``moov`` before the data; returns the number of frames of its one track.

    Raises RenderError (``render.film``) where ``source`` is no whole MP4 file.
    """
    with source.open("rb") as stream:
        length = stream.seek(0, 2)
        boxes = list(_boxes(stream, length))
        by_kind = {box.kind: box for box in boxes}
        if not {b"ftyp", b"moov", b"mdat"} <= by_kind.keys():
            raise _broken(source)
        stream.seek(by_kind[b"moov"].start)
        index = bytearray(stream.read(by_kind[b"moov"].size))
        if by_kind[b"moov"].start > by_kind[b"mdat"].start:
            _shift_chunks(index, len(index))
        others = [box for box in boxes if box.kind not in (b"ftyp", b"moov")]
        with target.open("wb") as written:
            _copy(stream, written, by_kind[b"ftyp"])
            written.write(index)
            for box in others:
                _copy(stream, written, box)
    return _frame_count(index, source)


def _boxes(stream: BinaryIO, end: int) -> Iterator[Box]:
    at = 0
    while at + _HEADER.size <= end:
        stream.seek(at)
        size, kind = _HEADER.unpack(stream.read(_HEADER.size))
        header = _HEADER.size
        if size == 1:
            size, header = struct.unpack(">Q", stream.read(8))[0], 16
        elif size == 0:
            size = end - at
        if size < header or at + size > end:
            return
        yield Box(kind, at, header, size)
        at += size


def _inner(index: bytearray, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Type, start of the content and end of every box in ``index``, those inside containers too."""
    at = start
    while at + _HEADER.size <= end:
        size, kind = _HEADER.unpack_from(index, at)
        if size < _HEADER.size or at + size > end:
            return
        if kind in _CONTAINERS:
            yield from _inner(index, at + _HEADER.size, at + size)
        else:
            yield kind, at + _HEADER.size, at + size
        at += size


def _shift_chunks(index: bytearray, distance: int) -> None:
    """Tell the index that the data it points to lies ``distance`` bytes further on."""
    for kind, start, _ in _inner(index, 0, len(index)):
        if kind in (b"stco", b"co64"):
            count = struct.unpack_from(">I", index, start + 4)[0]
            offsets = struct.Struct(f">{count}{'I' if kind == b'stco' else 'Q'}")
            offsets.pack_into(index, start + 8, *(at + distance for at in offsets.unpack_from(index, start + 8)))


def _frame_count(index: bytearray, source: Path) -> int:
    for kind, start, _ in _inner(index, 0, len(index)):
        if kind == b"stsz":
            return int(struct.unpack_from(">I", index, start + 8)[0])
    raise _broken(source)


def _copy(stream: BinaryIO, written: BinaryIO, box: Box) -> None:
    stream.seek(box.start)
    left = box.size
    while left:
        data = stream.read(min(left, _CHUNK))
        written.write(data)
        left -= len(data)


def _broken(source: Path) -> RenderError:
    return RenderError(
        f"The film {source.name} is not whole.", hint="Look whether the disk is full.", code="render.film"
    )
