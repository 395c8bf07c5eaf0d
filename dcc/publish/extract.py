"""Extract: write what was collected as a USD file under a temporary name, beside where the item will stand."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from dcc.publish.data import CadLook, CadModel, Collected, QueuedLayer
from shared import paths
from shared.files import TEMPORARY_PREFIX, make_folder, storage_error
from shared.versions import Version


@contextlib.contextmanager
def extract(collected: Collected) -> Iterator[Path]:
    """Yield the file to publish; what was written for the occasion is removed again at the end.

    Only the model of a CAD file is not a copy (see :func:`is_copy`).

    Raises UsdError for content that cannot be read, StorageError where nothing can be written.
    """
    source = collected.request.source
    assert collected.content is not None
    if not is_copy(collected):
        yield collected.content
        return
    folder = make_folder(item_folder(collected))
    staged = folder / f"{TEMPORARY_PREFIX}{collected.request.key}-{collected.request.part}.usd"
    try:
        # What a killed publish left may be a link to its item: that is not written to.
        staged.unlink(missing_ok=True)
        if isinstance(source, CadLook):
            _write_look(collected, staged)
        elif isinstance(source, QueuedLayer):
            # Its paths were carried over to this folder when it was queued.
            _copy(collected.content, staged)
        else:
            _copy_relocated(collected.content, staged)
        yield staged
    finally:
        with contextlib.suppress(FileNotFoundError):
            staged.unlink()


def is_copy(collected: Collected) -> bool:
    """Whether the file to publish is written for the occasion, and may be changed."""
    return not isinstance(collected.request.source, CadModel)


def item_folder(collected: Collected) -> Path:
    """Where the items of the part stand."""
    item = paths.part_item(collected.project, collected.entity, collected.request.part, Version(1))
    return paths.absolute(collected.root, item).parent


def _write_look(collected: Collected, target: Path) -> None:
    from dcc.usd.look import write_look

    assert collected.manifest is not None and collected.content is not None
    write_look(
        target, collected.entity.name, collected.manifest, collected.materials, collected.content, overwrite=True
    )


def _copy(source: Path, target: Path) -> None:
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        raise storage_error(error, target) from error


def _copy_relocated(source: Path, target: Path) -> None:
    """Copy a layer so that the relative paths it holds lead to the same files from ``target``."""
    from pxr import Sdf, UsdUtils

    from dcc.usd.asset_paths import is_there
    from dcc.usd.stage import open_layer, write_layer

    layer = open_layer(source)
    copy = Sdf.Layer.CreateAnonymous(".usd")
    copy.TransferContent(layer)

    def relocated(path: str) -> str:
        place = Path(layer.ComputeAbsolutePath(path.replace("\\", "/")))
        # What does not exist is left as it is written: the check names it so.
        if not is_there(place):
            return path
        relative = Path(os.path.relpath(place.resolve(), target.parent.resolve())).as_posix()
        return relative if relative.startswith(".") else f"./{relative}"

    UsdUtils.ModifyAssetPaths(copy, relocated)
    write_layer(copy, target, text=False, overwrite=True)
