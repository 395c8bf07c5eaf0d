"""Import ``bpy`` and ``OCP`` on a machine without a desktop.

Both wheels are linked against X11 and OpenGL client libraries, although a headless run never calls them. On a plain
server or container they are missing, and only root could install them. Here each missing one is replaced, for this
process alone, by an empty shared library whose functions answer zero ("there is no display"): the dynamic
linker takes a library that is already loaded under the wanted SONAME.

Where the real libraries exist, nothing of this happens. Format: System V ABI, "Object Files" and "Dynamic Linking".
"""

from __future__ import annotations

import ctypes
import importlib
import platform
import re
import struct
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from shared.errors import RenderError


@dataclass(frozen=True)
class Wheel:
    """What a package is linked against, and where in its folder the libraries are that say so (patterns)."""

    sonames: tuple[str, ...]
    libraries: tuple[str, ...]


WHEELS = {
    "bpy": Wheel(
        (
            "libX11.so.6",
            "libXext.so.6",
            "libXrender.so.1",
            "libXfixes.so.3",
            "libXi.so.6",
            "libXt.so.6",
            "libSM.so.6",
            "libICE.so.6",
            "libGL.so.1",
            "libxkbcommon.so.0",
        ),
        ("*.so", "lib/lib*.so*"),
    ),
    "OCP": Wheel(("libX11.so.6", "libGL.so.1"), ("*.so", "../cadquery_ocp*.libs/*.so*")),
}
# A linker stores a name that ends another one (XQueryExtension, glXQueryExtension) only inside it: overlapping matches
# find both. More names than are needed do no harm.
_DISPLAY_SYMBOL = re.compile(rb"(?=((?:_?X[A-Za-z_]|gl[A-Z]|xkb_|Sm[A-Z]|Ice[A-Z])\w+)\0)")

# Machine number of the ELF header, and "return 0".
_MACHINES = {
    "x86_64": (62, bytes.fromhex("31c0c3")),
    "aarch64": (183, bytes.fromhex("000080d2c0035fd6")),
}
_PAGE = 0x10000
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_DYNAMIC = struct.Struct("<qQ")

_loaded: list[ctypes.CDLL] = []


def import_bpy() -> None:
    """Import ``bpy``, standing in for display libraries that this machine lacks.

    Raises RenderError (``render.no_blender``) where Blender's wheel is not installed or cannot be loaded.
    """
    if "bpy" in sys.modules:
        return
    if find_spec("bpy") is None:
        raise RenderError(
            "Blender's Python module (bpy) is not installed in this environment.",
            hint="Install it with `pip install raceway[blender]` (Python 3.11).",
            code="render.no_blender",
        )
    stand_in_for_missing("bpy")
    try:
        importlib.import_module("bpy")
    except ImportError as error:
        raise RenderError(
            f"Blender's Python module (bpy) cannot be loaded: {error}.",
            hint="Install the named system library, on Debian with `apt-get install libx11-6 libxi6 libxfixes3 "
            "libxrender1 libxkbcommon0 libsm6 libgl1`.",
            code="render.no_blender",
        ) from error


def stand_in_for_missing(package: str) -> None:
    """Make ``package`` (a key of :data:`WHEELS`) importable where display libraries are missing (Linux only)."""
    spec = find_spec(package)
    if not sys.platform.startswith("linux") or platform.machine() not in _MACHINES or spec is None:
        return
    wheel = WHEELS[package]
    missing = [name for name in wheel.sonames if not _loadable(name)]
    if not missing or spec.origin is None:
        return
    symbols = _display_symbols(Path(spec.origin).parent, wheel.libraries)
    with tempfile.TemporaryDirectory(prefix="raceway-") as folder:
        for soname in missing:
            path = Path(folder) / soname
            path.write_bytes(empty_library(soname, symbols))
            _loaded.append(ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL))


def _loadable(soname: str) -> bool:
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def _display_symbols(package: Path, patterns: Iterable[str]) -> list[bytes]:
    """Names of the display functions that the package's libraries refer to."""
    names: set[bytes] = set()
    for pattern in patterns:
        for path in package.glob(pattern):
            names.update(_DISPLAY_SYMBOL.findall(_dynamic_strings(path)))
    return sorted(names)


def _dynamic_strings(path: Path) -> bytes:
    """The ``.dynstr`` section of a 64-bit little-endian ELF file, or nothing for any other file."""
    with path.open("rb") as stream:
        header = stream.read(_HEADER.size)
        if header[:6] != b"\x7fELF\x02\x01":
            return b""
        fields = _HEADER.unpack(header)
        sections_at, section_size, section_count = fields[6], fields[11], fields[12]
        stream.seek(sections_at)
        sections = [stream.read(section_size) for _ in range(section_count)]
        for section in sections:
            _, kind, _, _, _, _, link, *_ = struct.unpack_from("<IIQQQQII", section)
            if kind == 11:  # SHT_DYNSYM; its link names the string table
                _, _, _, _, offset, size = struct.unpack_from("<IIQQQQ", sections[link])
                stream.seek(offset)
                return stream.read(size)
    return b""


def empty_library(soname: str, symbols: Iterable[bytes], machine: str = "") -> bytes:
    """An ELF shared library named ``soname`` that defines each symbol as a function returning 0."""
    machine_number, code = _MACHINES[machine or platform.machine()]
    names = list(symbols)
    strings = bytearray(b"\0")
    offsets = []
    for name in names:
        offsets.append(len(strings))
        strings += name + b"\0"
    soname_at = len(strings)
    strings += soname.encode() + b"\0"

    segments = 4
    hash_at = _HEADER.size + segments * _SEGMENT.size
    count = len(names) + 1
    hash_table = _hash_table(names)
    symbols_at = _align(hash_at + len(hash_table), 8)
    strings_at = symbols_at + count * _SYMBOL.size
    code_at = _align(strings_at + len(strings), 16)
    end = code_at + len(code)
    dynamic_at = _align(end, _PAGE)

    symbol_table = _SYMBOL.pack(0, 0, 0, 0, 0, 0) + b"".join(
        _SYMBOL.pack(offset, 0x12, 0, 1, code_at, len(code)) for offset in offsets
    )
    dynamic = b"".join(
        _DYNAMIC.pack(tag, value)
        for tag, value in (
            (14, soname_at),  # DT_SONAME
            (4, hash_at),  # DT_HASH
            (5, strings_at),  # DT_STRTAB
            (6, symbols_at),  # DT_SYMTAB
            (10, len(strings)),  # DT_STRSZ
            (11, _SYMBOL.size),  # DT_SYMENT
            (0, 0),
        )
    )
    image = bytearray(dynamic_at + len(dynamic))
    identification = b"\x7fELF\x02\x01\x01" + bytes(9)
    _HEADER.pack_into(
        image, 0, identification, 3, machine_number, 1, 0, _HEADER.size, 0, 0, 64, _SEGMENT.size, segments, 64, 0, 0
    )
    for index, (kind, flags, start, size, align) in enumerate(
        (
            (1, 5, 0, end, _PAGE),  # PT_LOAD, readable and executable
            (1, 6, dynamic_at, len(dynamic), _PAGE),  # PT_LOAD, writable: the linker relocates it in place
            (2, 6, dynamic_at, len(dynamic), 8),  # PT_DYNAMIC
            (0x6474E551, 6, 0, 0, 16),  # PT_GNU_STACK: no executable stack
        )
    ):
        at = _HEADER.size + index * _SEGMENT.size
        _SEGMENT.pack_into(image, at, kind, flags, start, start, start, size, size, align)
    for position, content in (
        (hash_at, hash_table),
        (symbols_at, symbol_table),
        (strings_at, strings),
        (code_at, code),
        (dynamic_at, dynamic),
    ):
        image[position : position + len(content)] = content
    return bytes(image)


def _hash_table(names: list[bytes]) -> bytes:
    """The DT_HASH table of symbols 1, 2, ...: bucket and chain counts, buckets, chains."""
    buckets, chains = [0] * max(len(names), 1), [0] * (len(names) + 1)
    for index, name in enumerate(names, start=1):
        value = 0
        for byte in name:
            value = (value << 4) + byte
            high = value & 0xF0000000
            value = (value ^ (high >> 24)) & ~high
        bucket = value % len(buckets)
        chains[index], buckets[bucket] = buckets[bucket], index
    return struct.pack(f"<{2 + len(buckets) + len(chains)}I", len(buckets), len(chains), *buckets, *chains)


def _align(value: int, to: int) -> int:
    return -(-value // to) * to
