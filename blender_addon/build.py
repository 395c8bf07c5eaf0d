"""Pack the Blender extension: the folders ``shared`` and ``dcc`` as a wheel inside it. Equal sources, equal bytes.

Modules of an extension can only import their own package relatively; what they share with the rest of Raceway reaches
Blender as a pure-Python wheel, which Blender installs beside the extension.
Format: https://docs.blender.org/manual/en/latest/advanced/extensions/ and PEP 427.
"""

from __future__ import annotations

import base64
import hashlib
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

from shared import __version__
from shared.files import atomic_path

REPOSITORY = Path(__file__).resolve().parents[1]
EXTENSION = Path(__file__).resolve().parent / "extension"
PACKAGES = ("shared", "dcc")
LEFT_OUT = ("dcc/cad/",)
"""The CAD kernel does not run inside Blender."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_WHEEL = "Wheel-Version: 1.0\nGenerator: raceway\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_METADATA = f"Metadata-Version: 2.1\nName: raceway-blender\nVersion: {__version__}\nSummary: Raceway inside Blender\n"


def build_addon(folder: Path) -> Path:
    """Write the extension's zip into ``folder`` and return its path; raises StorageError where that fails."""
    manifest = tomllib.loads((EXTENSION / "blender_manifest.toml").read_text(encoding="utf-8"))
    target = folder / f"{manifest['id']}-{manifest['version']}.zip"
    with atomic_path(target) as temporary:
        write_zip(temporary, extension_files())
    return target


def extension_files() -> dict[str, bytes]:
    """Every file of the extension by its name in the zip, the wheel among them."""
    files = {name: path.read_bytes() for name, path in _sources(EXTENSION, EXTENSION, ("*.py", "*.toml"))}
    return {**files, f"wheels/{wheel_name()}": wheel_bytes()}


def wheel_name() -> str:
    return f"raceway_blender-{__version__}-py3-none-any.whl"


def wheel_bytes() -> bytes:
    """The wheel of ``shared`` and ``dcc``."""
    import io

    files = {
        name: path.read_bytes()
        for package in PACKAGES
        for name, path in _sources(REPOSITORY / package, REPOSITORY, ("*.py",))
        if not name.startswith(LEFT_OUT)
    }
    info = f"raceway_blender-{__version__}.dist-info"
    files |= {f"{info}/WHEEL": _WHEEL.encode(), f"{info}/METADATA": _METADATA.encode()}
    record = "".join(f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in sorted(files.items()))
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    buffer = io.BytesIO()
    write_zip(buffer, files)
    return buffer.getvalue()


def write_zip(target: object, files: dict[str, bytes]) -> None:
    """Write a zip whose bytes depend on the names and contents only."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])


def _sources(folder: Path, base: Path, patterns: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    for pattern in patterns:
        for path in sorted(folder.rglob(pattern)):
            if "__pycache__" not in path.parts:
                yield path.relative_to(base).as_posix(), path


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
