"""Whether a picture or film is whole, as far as that is told without decoding it, and its size in pixels.

Each reader takes a file from its start, jumps from part to part, and keeps a few kilobytes in memory, however large the
file is and whatever it claims. What it returns is width and height, None where they stand deep inside.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

Size = tuple[int, int] | None

LONGEST_SIDE = 65_535
MOST_PIXELS = 1 << 29
"""More than any camera or panorama has; decoded, 2 GB."""

_MOST_STEPS = 100_000
_TAIL = 1 << 16
_CHUNK = 1 << 20


class BrokenFileError(Exception):
    """What is wrong with a file, as the end of a sentence about it."""


def png(stream: BinaryIO) -> Size:
    """Header with its checksum, image data, and end: PNG specification, 5."""
    header = _read(stream, 33)
    if header[8:16] != b"\0\0\0\rIHDR" or header[29:] != struct.pack(">I", zlib.crc32(header[12:29])):
        raise BrokenFileError("its header is damaged")
    for _ in _steps():
        length, kind = struct.unpack(">I4s", _read(stream, 8))
        if kind == b"IDAT":
            break
        stream.seek(length + 4, 1)
    if b"\0\0\0\0IEND\xaeB`\x82" not in _tail(stream):
        raise BrokenFileError("its end is missing")
    return _size(*struct.unpack(">II", header[16:24]))


def jpeg(stream: BinaryIO) -> Size:
    """Frame header, scan, and end of image: ITU-T T.81, B.2. What follows the end, like a phone's film, may stay."""
    stream.seek(2)
    size: Size = None
    for _ in _steps():
        start, marker = _read(stream, 2)
        if start != 0xFF:
            raise BrokenFileError("its segments are damaged")
        if marker == 0xFF:  # a fill byte
            stream.seek(-1, 1)
            continue
        if marker == 0xD9:
            break
        (length,) = struct.unpack(">H", _read(stream, 2))
        segment = stream.tell() + length - 2
        # Frame headers are SOF0 to SOF15, without the Huffman table, the reserved one and the arithmetic coding.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">xHH", _read(stream, 5))
            size = _size(width, height)
        if length < 2:
            raise BrokenFileError("its segments are damaged")
        stream.seek(segment)
        if marker == 0xDA:
            break
    if size is None:
        raise BrokenFileError("its header is damaged")
    if not _holds(stream, b"\xff\xd9"):
        raise BrokenFileError("its end is missing")
    return size


def gif(stream: BinaryIO) -> Size:
    """Logical screen, a first image, and the trailer: GIF89a, 17 to 27."""
    header, steps = _read(stream, 13), _steps()
    stream.seek(_color_table(header[10]), 1)
    for _ in steps:
        block = _read(stream, 1)
        if block == b"\x2c":
            stream.seek(_color_table(_read(stream, 9)[8]), 1)
            code_size, data_length = _read(stream, 2)
            if not 1 < code_size < 12 or not data_length:
                raise BrokenFileError("its image data is damaged")
            break
        if block != b"\x21":
            raise BrokenFileError("it holds no image")
        stream.seek(1, 1)
        for _ in steps:
            length = _read(stream, 1)[0]
            if not length:
                break
            stream.seek(length, 1)
    if not _tail(stream).rstrip(b"\0").endswith(b"\x3b"):
        raise BrokenFileError("its end is missing")
    return _size(*struct.unpack("<HH", header[6:10]))


def webp(stream: BinaryIO) -> Size:
    """The container's length, and the size of its first chunk: https://developers.google.com/speed/webp/docs"""
    header = _read(stream, 30)
    if struct.unpack("<I", header[4:8])[0] + 8 > _length(stream):
        raise BrokenFileError("its end is missing")
    kind, data = header[12:16], header[20:]
    if kind == b"VP8X":
        return _size(1 + int.from_bytes(data[4:7], "little"), 1 + int.from_bytes(data[7:10], "little"))
    if kind == b"VP8L" and data[0] == 0x2F:
        bits = int.from_bytes(data[1:5], "little")
        return _size(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 " and data[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", data[6:10])
        return _size(width & 0x3FFF, height & 0x3FFF)
    raise BrokenFileError("its header is damaged")


def tiff(stream: BinaryIO) -> Size:
    """The first directory's size: TIFF 6.0, section 2."""
    order = "<" if _read(stream, 2) == b"II" else ">"
    _, offset = struct.unpack(f"{order}HI", _read(stream, 6))
    stream.seek(offset)
    (count,) = struct.unpack(f"{order}H", _read(stream, 2))
    tags = {}
    for entry in struct.iter_unpack("12s", _read(stream, 12 * count)):
        tag, type_ = struct.unpack(f"{order}HH", entry[0][:4])
        form = {3: "H", 4: "I"}.get(type_)
        if form:
            (tags[tag],) = struct.unpack_from(order + form, entry[0], 8)
    if offset < 8 or not {256, 257} <= tags.keys():
        raise BrokenFileError("its header is damaged")
    return _size(tags[256], tags[257])


def exr(stream: BinaryIO) -> Size:
    """The first header's attributes, and that something follows: https://openexr.com/en/latest/OpenEXRFileLayout.html"""
    stream.seek(8)
    found: dict[bytes, bytes] = {}
    for _ in _steps():
        name = _name(stream)
        if not name:
            break
        _name(stream)
        (length,) = struct.unpack("<I", _read(stream, 4))
        after = stream.tell() + length
        if name in (b"channels", b"dataWindow", b"displayWindow"):
            found[name] = _read(stream, min(length, 16))
        stream.seek(after)
    if len(found) < 3:
        raise BrokenFileError("its header is damaged")
    if stream.tell() >= _length(stream):
        raise BrokenFileError("its pixels are missing")
    sizes = []
    for name in (b"dataWindow", b"displayWindow"):
        if len(found[name]) < 16:
            raise BrokenFileError("its header is damaged")
        left, top, right, bottom = struct.unpack("<4i", found[name])
        sizes.append(_size(right - left + 1, bottom - top + 1))
    return sizes[1]


def hdr(stream: BinaryIO) -> Size:
    """The resolution line after the header: Radiance, File Formats, 4."""
    _, _, rest = _read(stream, min(_TAIL, _length(stream))).partition(b"\n\n")
    found = re.match(rb"[-+]([XY]) (\d{1,9}) [-+][XY] (\d{1,9})\n.", rest, re.DOTALL)
    if not found:
        raise BrokenFileError("its header is damaged")
    first, second = int(found[2]), int(found[3])
    return _size(first, second) if found[1] == b"X" else _size(second, first)


def mp4(stream: BinaryIO) -> Size:
    """Boxes that fill the file, the index and the frames among them: ISO/IEC 14496-12, 4.2; QuickTime has the same."""
    place, end, found = 0, _length(stream), set()
    for _ in _steps():
        if end - place < 8:
            break
        stream.seek(place)
        length, kind = struct.unpack(">I4s", _read(stream, 8))
        if length == 1:
            (length,) = struct.unpack(">Q", _read(stream, 8))
        found.add(kind)
        place += length or end - place
        if 0 < length < 8:
            raise BrokenFileError("its boxes are damaged")
    if place > end:
        raise BrokenFileError("its end is missing")
    if b"moov" not in found:
        raise BrokenFileError("its index is missing, as where a recording was not finished")
    if not found & {b"mdat", b"moof"}:
        raise BrokenFileError("its frames are missing")
    return None


def webm(stream: BinaryIO) -> Size:
    """Header, segment, and a cluster of frames: RFC 8794 and RFC 9559."""
    stream.seek(4)
    stream.seek(_ebml_length(stream) or 0, 1)
    if _read(stream, 4) != b"\x18\x53\x80\x67":
        raise BrokenFileError("its header is damaged")
    length = _ebml_length(stream)
    if length is not None and stream.tell() + length > _length(stream):
        raise BrokenFileError("its end is missing")
    if not _holds(stream, b"\x1f\x43\xb6\x75"):
        raise BrokenFileError("its frames are missing")
    return None


def _steps() -> Iterator[int]:
    """As many as a sound file can take; then raises BrokenFileError."""
    yield from range(_MOST_STEPS)
    raise BrokenFileError("it has too many parts")


def _read(stream: BinaryIO, length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise BrokenFileError("its end is missing")
    return data


def _length(stream: BinaryIO) -> int:
    place = stream.tell()
    length = stream.seek(0, 2)
    stream.seek(place)
    return length


def _tail(stream: BinaryIO) -> bytes:
    stream.seek(max(0, _length(stream) - _TAIL))
    return stream.read()


def _holds(stream: BinaryIO, wanted: bytes) -> bool:
    """Whether ``wanted`` comes after this place."""
    before = b""
    while data := stream.read(_CHUNK):
        if wanted in before + data:
            return True
        before = data[1 - len(wanted) :]
    return False


def _size(width: int, height: int) -> Size:
    if not (0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE and width * height <= MOST_PIXELS):
        raise BrokenFileError(f"it claims to be {width} × {height} pixels")
    return width, height


def _color_table(flags: int) -> int:
    """Bytes of a GIF's table of colours."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _name(stream: BinaryIO) -> bytes:
    """Text of an EXR up to its null byte."""
    place = stream.tell()
    name, end, _ = stream.read(256).partition(b"\0")
    if not end:
        raise BrokenFileError("its header is damaged")
    stream.seek(place + len(name) + 1)
    return name


def _ebml_length(stream: BinaryIO) -> int | None:
    """A length of 1 to 8 bytes, whose first tells how many; None where it is unknown."""
    first = _read(stream, 1)[0]
    more = 8 - first.bit_length()
    if more > 7:
        raise BrokenFileError("its header is damaged")
    bits = 7 * (more + 1)
    value = int.from_bytes(bytes([first]) + _read(stream, more), "big") & ((1 << bits) - 1)
    return None if value == (1 << bits) - 1 else value
