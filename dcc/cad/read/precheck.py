"""Look at a file before the kernel does: a clear word for what is no STEP file, and a count of what it declares.

The kernel answers a damaged file with a crash or with silence; most of what people really upload by mistake can be
named without it.
"""

from __future__ import annotations

import mmap
import re
from dataclasses import dataclass
from pathlib import Path

from shared.errors import CadError
from shared.files import storage_error

_HEAD = 4096
_TAIL = 65536
_START = b"ISO-10303-21"
_END = b"END-ISO-10303-21"

_PRODUCT = re.compile(rb"=\s*PRODUCT\s*\(")
_STRING = rb"\s*(?:'(?:[^']|'')*'|\$)\s*"
_OCCURRENCE = re.compile(
    rb"=\s*NEXT_ASSEMBLY_USAGE_OCCURRENCE\s*\(" + b",".join([_STRING] * 3) + rb",\s*#(\d+)\s*,\s*#(\d+)"
)
_FACE = re.compile(rb"(?:ADVANCED_FACE|FACE_SURFACE)\s*\(")
_SOLID = re.compile(rb"(?:MANIFOLD_SOLID_BREP|BREP_WITH_VOIDS|FACETED_BREP)\s*\(")
_MESHED_FACE = re.compile(rb"TRIANGULATED_FACE\s*\(")
_OPERATOR = b"CARTESIAN_TRANSFORMATION_OPERATOR_3D"
_EXTERNAL = re.compile(rb"DOCUMENT_FILE\s*\(\s*'([^']*)'")

_OTHER_FORMATS = (
    (b"PK\x03\x04", "a ZIP archive", "Unpack it and give the .step file inside."),
    (b"\x1f\x8b", "gzip-compressed", "Unpack it and give the .step file inside."),
    (b"%PDF", "a PDF document", "Export the model from the CAD system as STEP."),
    (b"glTF", "a GLB file", "Export the model from the CAD system as STEP."),
    (b"PXR-USDC", "a USD file", "Export the model from the CAD system as STEP."),
    (b"solid ", "an STL file", "Export the model from the CAD system as STEP; STL holds triangles only."),
    (b"HSF V", "an HSF file", "Export the model from the CAD system as STEP."),
)


@dataclass(frozen=True)
class Declared:
    """What the text of the file declares.

    ``occurrences`` counts the placements in all assemblies, ``placed`` the parts in the whole model if every
    assembly is expanded. ``operators``: there are placements that may mirror or scale. ``external`` names other files
    that hold parts of the model.
    """

    products: int
    occurrences: int
    assemblies: int
    placed: int
    faces: int
    solids: int
    operators: bool
    external: tuple[str, ...]

    @property
    def multi_body(self) -> bool:
        """Whether some product must hold several solids."""
        return self.solids > self.products - self.assemblies


def check(path: Path, name: str = "") -> Declared:
    """Refuse what is no complete STEP file; count what it declares. ``name``: what its owner calls the file.

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
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
                if content.rfind(_END, max(0, len(content) - _TAIL)) < 0:
                    raise CadError(
                        f"{name} is cut off: its last line, {_END.decode()}, is missing.",
                        code="cad.truncated",
                        hint="Copy, download or export it again.",
                    )
                return _count(content)
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


def _count(content: mmap.mmap) -> Declared:
    placements = [(match[1], match[2]) for match in _OCCURRENCE.finditer(content)]
    names = {name.decode("utf-8", "replace") for name in _EXTERNAL.findall(content)}
    return Declared(
        products=_matches(_PRODUCT, content),
        occurrences=len(placements),
        assemblies=len({assembly for assembly, _ in placements}),
        placed=_expanded(placements),
        # Meshes beside exact shapes are not read, so that they only count where there is nothing else.
        faces=_matches(_FACE, content) or _matches(_MESHED_FACE, content),
        solids=_matches(_SOLID, content),
        operators=content.find(_OPERATOR) >= 0,
        external=tuple(sorted(name for name in names if name)),
    )


def _matches(pattern: re.Pattern[bytes], content: mmap.mmap) -> int:
    return sum(1 for _ in pattern.finditer(content))


def _expanded(placements: list[tuple[bytes, bytes]]) -> int:
    """How many parts stand in a model with these (assembly, child) pairs; nothing is expanded to count them."""
    children: dict[bytes, list[bytes]] = {}
    waiting: dict[bytes, int] = {}
    for assembly, child in placements:
        children.setdefault(assembly, []).append(child)
        waiting[child] = waiting.get(child, 0) + 1
    counts = {assembly: 1 for assembly in children if assembly not in waiting}
    ready = list(counts)
    # Each definition once all its placements are counted; a cycle is never ready and counts for nothing.
    total = 0
    while ready:
        definition = ready.pop()
        if definition not in children:
            total += counts[definition]
        for child in children.get(definition, ()):
            counts[child] = counts.get(child, 0) + counts[definition]
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    return total
