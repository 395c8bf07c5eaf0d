"""What a picture or film really is: told by its first bytes, whatever its name says."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from shared.errors import InputError

_HEAD = 4096
_MOST_SEGMENTS = 500


@dataclass(frozen=True)
class FileType:
    """A kind of file that may be uploaded as a medium."""

    mime_type: str
    suffixes: tuple[str, ...]
    """What its name may end in; the first is the usual one."""


PNG = FileType("image/png", (".png",))
JPEG = FileType("image/jpeg", (".jpg", ".jpeg"))
GIF = FileType("image/gif", (".gif",))
WEBP = FileType("image/webp", (".webp",))
TIFF = FileType("image/tiff", (".tif", ".tiff"))
EXR = FileType("image/x-exr", (".exr",))
HDR = FileType("image/vnd.radiance", (".hdr",))
MP4 = FileType("video/mp4", (".mp4", ".m4v"))
MOV = FileType("video/quicktime", (".mov",))
WEBM = FileType("video/webm", (".webm",))
FILE_TYPES = (PNG, JPEG, GIF, WEBP, TIFF, EXR, HDR, MP4, MOV, WEBM)


@dataclass(frozen=True)
class Medium:
    """A checked picture or film; its size in pixels where its first bytes tell it."""

    file_type: FileType
    width: int | None = None
    height: int | None = None


def check_medium(place: Path, filename: str) -> Medium:
    """What the file at ``place`` is.

    Raises InputError (``input.file_type``) for anything but a picture or film, and for a name that says otherwise.
    """
    with place.open("rb") as stream:
        head = stream.read(_HEAD)
    file_type = sniff(head)
    allowed = ", ".join(suffix for each in FILE_TYPES for suffix in each.suffixes)
    if file_type is None:
        raise InputError(
            f"{filename} is no picture or film that Raceway knows.",
            hint=f"Send one of {allowed}.",
            code="input.file_type",
            fields={"filename": "unknown content"},
            status=415,
        )
    if Path(filename).suffix.lower() not in file_type.suffixes:
        raise InputError(
            f"{filename} holds {file_type.mime_type}, which its name does not say.",
            hint=f"Name it {Path(filename).stem}{file_type.suffixes[0]}.",
            code="input.file_type",
            fields={"filename": f"should end in {file_type.suffixes[0]}"},
        )
    width, height = _size_of(file_type, head, place)
    return Medium(file_type, width, height)


def sniff(head: bytes) -> FileType | None:
    """The type that a file's first bytes tell; None for what is none of ours. Magic numbers as in each format's
    specification."""
    starts = {b"\x89PNG\r\n\x1a\n": PNG, b"\xff\xd8\xff": JPEG, b"GIF87a": GIF, b"GIF89a": GIF}
    starts |= {b"II*\0": TIFF, b"MM\0*": TIFF, b"\x76\x2f\x31\x01": EXR, b"#?RADIANCE": HDR, b"#?RGBE": HDR}
    for magic, file_type in starts.items():
        if head.startswith(magic):
            return file_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    if head[4:8] == b"ftyp":
        return MOV if head[8:12] == b"qt  " else MP4
    if head[:4] == b"\x1a\x45\xdf\xa3" and b"webm" in head[:64]:
        return WEBM
    return None


def _size_of(file_type: FileType, head: bytes, place: Path) -> tuple[int | None, int | None]:
    """Width and height in pixels; PNG (IHDR), GIF (logical screen) and JPEG (start of frame) say so near the start."""
    try:
        if file_type is PNG and head[12:16] == b"IHDR":
            width, height = struct.unpack(">II", head[16:24])
        elif file_type is GIF:
            width, height = struct.unpack("<HH", head[6:10])
        elif file_type is JPEG:
            width, height = _size_of_jpeg(place)
        else:
            return None, None
    except struct.error:
        return None, None
    return (width, height) if 0 < width < 2**31 and 0 < height < 2**31 else (None, None)


def _size_of_jpeg(place: Path) -> tuple[int, int]:
    """From the frame header (ITU-T T.81, B.2.2); raises struct.error where there is none."""
    with place.open("rb") as stream:
        stream.seek(2)
        for _ in range(_MOST_SEGMENTS):
            marker, length = struct.unpack(">HH", stream.read(4))
            # Frame headers are SOF0 to SOF15, without the Huffman table, the reserved one and the arithmetic coding.
            if 0xFFC0 <= marker <= 0xFFCF and marker not in (0xFFC4, 0xFFC8, 0xFFCC):
                height, width = struct.unpack(">xHH", stream.read(5))
                return width, height
            stream.seek(max(length - 2, 0), 1)
    raise struct.error("no frame header")
