"""Look at a file before the kernel does: a clear word for what is no STEP file.

The kernel answers a damaged file with a crash or with silence; most of what people really upload by mistake can be
named without it.
"""

from __future__ import annotations

import re
from pathlib import Path

from shared.errors import CadError
from shared.files import storage_error

_HEAD = 4096
_TAIL = 65536
_START = b"ISO-10303-21"
_END = b"END-ISO-10303-21"

_OTHER_FORMATS = (
    (b"PK\x03\x04", "a ZIP archive", "Unpack it and give the .step file inside."),
    (b"\x1f\x8b", "compressed twice", "Unpack it and give the .step file inside."),
    (b"7z\xbc\xaf", "a 7z archive", "Unpack it and give the .step file inside, or pack it as ZIP."),
    (b"Rar!", "a RAR archive", "Unpack it and give the .step file inside, or pack it as ZIP."),
    (b"%PDF", "a PDF document", "Export the model from the CAD system as STEP."),
    (b"glTF", "a GLB file", "Export the model from the CAD system as STEP."),
    (b"PXR-USDC", "a USD file", "Export the model from the CAD system as STEP."),
    (b"solid ", "an STL file", "Export the model from the CAD system as STEP; STL holds triangles only."),
    (b"\xff\xfe", "UTF-16 text", "Save it as UTF-8 text, or export it again; STEP files are plain text."),
    (b"\xfe\xff", "UTF-16 text", "Save it as UTF-8 text, or export it again; STEP files are plain text."),
    (b"HSF V", "an HSF file", "Export the model from the CAD system as STEP."),
)


def check(path: Path, name: str = "") -> None:
    """Refuse what is no complete STEP file. ``name``: what its owner calls the file.

    Raises CadError: ``cad.not_found``, ``cad.not_a_file``, ``cad.empty_file``, ``cad.lfs_pointer``, ``cad.html``,
    ``cad.not_step``, ``cad.truncated``; StorageError where the file cannot be read.
    """
    if not path.exists():
        raise CadError(f"There is no file {path}.", code="cad.not_found", status=404, hint="Check the path.")
    if not path.is_file():
        raise CadError(f"{path} is not a file.", code="cad.not_a_file", hint="Give the path of one STEP file.")
    name = name or path.name
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
            if not head:
                raise CadError(f"{name} is empty.", code="cad.empty_file", hint="Copy or export it again.")
            _check_head(name, head)
            stream.seek(max(0, path.stat().st_size - _TAIL))
            if _END not in stream.read():
                raise CadError(
                    f"{name} is cut off: its last line, {_END.decode()}, is missing.",
                    code="cad.truncated",
                    hint="Copy, download or export it again.",
                )
    except OSError as error:
        raise storage_error(error, path, "read") from error


def _check_head(name: str, head: bytes) -> None:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(_START):
        return
    if start.startswith(b"version https://git-lfs"):
        raise CadError(
            f"{name} is a Git LFS pointer, not the model itself.",
            code="cad.lfs_pointer",
            hint="Run `git lfs pull` in its repository, then take the file again.",
        )
    if re.match(rb"<(!doctype\s+html|html|\?xml[^>]*>\s*<(!doctype\s+)?html)", start, re.IGNORECASE):
        raise CadError(
            f"{name} is a web page, not a STEP file.",
            code="cad.html",
            hint="Download the file itself; a login or error page may have been saved in its place.",
        )
    for magic, what, hint in _OTHER_FORMATS:
        if start.startswith(magic):
            raise CadError(f"{name} is {what}, not a STEP file.", code="cad.not_step", hint=hint)
    # Some exporters put comments first.
    if not (start.startswith(b"/*") and _START in head):
        raise CadError(
            f"{name} is not a STEP file: it does not start with {_START.decode()}.",
            code="cad.not_step",
            hint="Export the model from the CAD system as STEP (AP203, AP214 or AP242).",
        )
