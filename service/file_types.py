"""What a picture or film really is: told by its content, whatever its name says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from service import file_contents
from service.file_contents import BrokenFileError, Size
from shared.errors import InputError

_HEAD = 4096


@dataclass(frozen=True)
class FileType:
    """A kind of file that may be uploaded as a medium."""

    mime_type: str
    suffixes: tuple[str, ...]
    """What its name may end in; the first is the usual one."""
    read: Callable[[BinaryIO], Size] = field(repr=False)
    """Whether it is whole, and its size in pixels."""


PNG = FileType("image/png", (".png",), file_contents.png)
JPEG = FileType("image/jpeg", (".jpg", ".jpeg"), file_contents.jpeg)
GIF = FileType("image/gif", (".gif",), file_contents.gif)
WEBP = FileType("image/webp", (".webp",), file_contents.webp)
TIFF = FileType("image/tiff", (".tif", ".tiff"), file_contents.tiff)
EXR = FileType("image/x-exr", (".exr",), file_contents.exr)
HDR = FileType("image/vnd.radiance", (".hdr",), file_contents.hdr)
MP4 = FileType("video/mp4", (".mp4", ".m4v"), file_contents.mp4)
MOV = FileType("video/quicktime", (".mov",), file_contents.mp4)
WEBM = FileType("video/webm", (".webm",), file_contents.webm)
FILE_TYPES = (PNG, JPEG, GIF, WEBP, TIFF, EXR, HDR, MP4, MOV, WEBM)
ACCEPTED = ",".join(suffix for each in FILE_TYPES for suffix in each.suffixes)
"""As the ``accept`` of a form's field has it."""


@dataclass(frozen=True)
class Medium:
    """A checked picture or film; its size in pixels where it is told near the start."""

    file_type: FileType
    width: int | None = None
    height: int | None = None


def check_medium(place: Path, filename: str) -> Medium:
    """What the file at ``place`` is.

    Raises InputError (``input.file_type``) for anything but a whole picture or film, or one that its name is not for.
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
    try:
        with place.open("rb") as stream:
            width, height = file_type.read(stream) or (None, None)
    except BrokenFileError as error:
        raise InputError(
            f"{filename} is broken: {error}.",
            hint="Open it where it was made, save it again, and send that.",
            code="input.file_type",
            fields={"filename": str(error)},
        ) from None
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
