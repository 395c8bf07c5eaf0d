"""Opening, making and writing USD layers: errors that name the fault, files that are whole or absent."""

from __future__ import annotations

from pathlib import Path

from pxr import Sdf, Tf, Usd, UsdGeom

from shared.entry_layers import METERS_PER_UNIT, UP_AXIS
from shared.errors import UsdError
from shared.files import atomic_path, storage_error

PART_KEY = "raceway:partKey"
"""String attribute on the Xform of each product, and through composition on each of its occurrences."""
OCCURRENCE = "raceway:occurrence"
"""String attribute on each occurrence: ``<partKey>:<path>``."""
MATERIAL = "raceway:material"
"""String attribute on a Material: the library's name for it."""

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def open_layer(path: str | Path) -> Sdf.Layer:
    """Open one layer as it now stands on disk, even where this process has read it before.

    Raises UsdError ``usd.missing``, ``usd.lfs_pointer`` or ``usd.unreadable`` (not USD, truncated, syntax error).
    """
    file = Path(path)
    if not file.is_file():
        raise UsdError(f"There is no USD file {file}.", hint="Check the path.", code="usd.missing", status=404)
    head = _head(file)
    if head.startswith(_LFS_POINTER):
        raise UsdError(
            f"{file} is a Git LFS pointer, not the file itself.",
            hint="Run `git lfs pull` in its repository.",
            code="usd.lfs_pointer",
        )
    reason = "it is not a USD file" if head else "it is empty"
    try:
        layer = Sdf.Layer.FindOrOpen(str(file.resolve()))
        if layer:
            layer.Reload()
            return layer
    except Tf.ErrorException as error:
        reason = _first_line(error) if head else reason
    raise UsdError(
        f"Cannot read {file} as USD: {reason}.",
        hint="Write or publish it again; a file of this kind cannot be repaired.",
        code="usd.unreadable",
    )


def open_stage(path: str | Path, *, load: bool = True) -> Usd.Stage:
    """Open a composed stage; ``load=False`` leaves payloads out.

    Raises what ``open_layer`` raises.
    """
    stage = Usd.Stage.Open(open_layer(path), Usd.Stage.LoadAll if load else Usd.Stage.LoadNone)
    stage.Reload()
    return stage


def new_stage(root_prim: str) -> Usd.Stage:
    """An empty stage in memory with our units and up axis, whose default prim ``/<root_prim>`` is a bare ``over``."""
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageMetersPerUnit(stage, METERS_PER_UNIT)
    UsdGeom.SetStageUpAxis(stage, UP_AXIS)
    stage.SetDefaultPrim(stage.OverridePrim(f"/{root_prim}"))
    return stage


def write_stage(stage: Usd.Stage, path: str | Path, *, text: bool = True, overwrite: bool = False) -> Path:
    """Write a stage's root layer to ``path``, as text or binary (a ``.usd`` file can be either).

    Raises StorageError: ``storage.exists`` where the file is there and may not be overwritten, or what the disk says.
    """
    return write_layer(stage.GetRootLayer(), path, text=text, overwrite=overwrite)


def write_layer(layer: Sdf.Layer, path: str | Path, *, text: bool = True, overwrite: bool = False) -> Path:
    """Write a copy of a layer to ``path``; see ``write_stage``."""
    target = Path(path)
    with atomic_path(target, overwrite=overwrite) as temporary:
        arguments = {"format": "usda" if text else "usdc"} if target.suffix == ".usd" else {}
        try:
            written = layer.Export(str(temporary), args=arguments)
        except Tf.ErrorException as error:
            raise _unwritten(target, f": {_first_line(error)}") from error
        if not written:
            raise _unwritten(target)
    return target


def _unwritten(target: Path, reason: str = "") -> UsdError:
    return UsdError(f"Cannot write {target}{reason}.", hint="Check the disk and the path.", code="usd.write_failed")


def default_prim(stage: Usd.Stage) -> Usd.Prim:
    """The stage's default prim; raises UsdError (``usd.no_default_prim``) where there is none."""
    prim = stage.GetDefaultPrim()
    if not prim:
        raise UsdError(
            f"{stage.GetRootLayer().realPath or 'The stage'} has no default prim, so nothing can reference it.",
            hint="Set defaultPrim to the asset's root prim.",
            code="usd.no_default_prim",
        )
    return prim


def _head(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(64)
    except OSError as error:
        raise storage_error(error, file, "read") from error


def _first_line(error: Tf.ErrorException) -> str:
    """The first thing USD said, without its source file and line."""
    text = str(error)
    quoted = text.partition(" : '")[2].partition("'\n")[0] or text
    return quoted.strip().removesuffix("'").splitlines()[0].strip(" |.")
