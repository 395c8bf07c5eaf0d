"""Read and write the pixels of PNG files (8 bits a channel, not interlaced; https://www.w3.org/TR/png/), read EXRs."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""Rows from the top, columns, channels (3 or 4)."""


def read_png(path: Path) -> Pixels:
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, depth, color, *_, interlace = struct.unpack(">IIBBBBB", data[16:29])
    assert depth == 8 and interlace == 0
    channels = {2: 3, 6: 4}[color]
    body, at = b"", 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        if data[at + 4 : at + 8] == b"IDAT":
            body += data[at + 8 : at + 8 + length]
        at += 12 + length
    raw = np.frombuffer(zlib.decompress(body), np.uint8).reshape(height, 1 + width * channels)
    rows = np.zeros((height, width * channels), np.uint8)
    above = np.zeros(width * channels, np.uint8)
    for index, line in enumerate(raw):
        above = rows[index] = _unfiltered(int(line[0]), line[1:], above, channels)
    return rows.reshape(height, width, channels)


def _unfiltered(kind: int, line: NDArray[np.uint8], above: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    if kind in (0, 2):
        return line + above if kind == 2 else line
    done = line.astype(int)
    for at in range(len(done)):
        left = int(done[at - step]) if at >= step else 0
        corner = int(above[at - step]) if at >= step else 0
        up = int(above[at])
        if kind == 1:
            guess = left
        elif kind == 3:
            guess = (left + up) // 2
        else:
            distances = (abs(up - corner), abs(left - corner), abs(left + up - 2 * corner))
            guess = (left, up, corner)[distances.index(min(distances))]
        done[at] = (done[at] + guess) % 256
    return done.astype(np.uint8)


def magenta(pixels: Pixels) -> NDArray[np.bool_]:
    """Where a picture is magenta: much red and blue, hardly any green."""
    red, green, blue = (pixels[..., channel].astype(int) for channel in range(3))
    return (np.minimum(red, blue) > 70) & (green < np.minimum(red, blue) // 2)


def write_png(path: Path, pixels: Pixels) -> None:
    """Write 3 or 4 channels of 8 bits."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(pixels))
    header = struct.pack(">IIBBBBB", width, height, 8, {3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )
    )


def read_exrs(paths: Sequence[Path]) -> list[NDArray[np.float32]]:
    """The pixels of EXR files as Blender reads them, without any transform: rows from the bottom, RGBA."""
    command = [sys.executable, "-c", _READ_EXRS, *map(str, paths)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return [np.load(path.with_suffix(".npy")) for path in paths]


_READ_EXRS = """
import sys
from dcc.render.blender import empty_file, leave
empty_file()
import bpy, numpy
for path in sys.argv[1:]:
    image = bpy.data.images.load(path)
    image.colorspace_settings.is_data = True
    pixels = numpy.array(image.pixels[:], dtype=numpy.float32).reshape(image.size[1], image.size[0], 4)
    numpy.save(path.removesuffix(".exr") + ".npy", pixels)
leave(0)
"""
