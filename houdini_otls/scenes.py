"""Save the open scene under its next version."""

from __future__ import annotations

from pathlib import Path

import hou

from dcc.scenes.save import SavedScene, save_scene
from shared import paths
from shared.client import Client
from shared.context import Context
from shared.errors import InputError, StorageError
from shared.versions import Version, split_versioned_name

SOFTWARE = "houdini"
_SUFFIXES = {"Commercial": ".hip", "Indie": ".hiplc"}
_LIMITED_SUFFIX = ".hipnc"


def suffix() -> str:
    """Suffix of scenes saved under this licence; Houdini writes no other kind."""
    return _SUFFIXES.get(hou.licenseCategory().name(), _LIMITED_SUFFIX)


def current(context: Context) -> tuple[str, Version | None]:
    """Name and version of the open scene; a scene that was never saved by us takes the asset's or shot's name."""
    try:
        name, version, _ = split_versioned_name(Path(hou.hipFile.path()).name)
        return name, version
    except InputError:
        return context.require_entity().name, None


def save(client: Client, context: Context, *, new_version: bool) -> SavedScene:
    """Save the open scene as its next iteration, or as a new version, and go on working in that file.

    Raises what ``dcc.scenes.save.save_scene`` raises; the open scene then keeps its name.
    """
    before = hou.hipFile.path()
    name, _ = current(context)
    try:
        saved = save_scene(
            client,
            context,
            name,
            _write,
            software=SOFTWARE,
            suffix=suffix(),
            bump="version" if new_version else "iteration",
        )
    except BaseException:
        # Houdini takes the name of the last file it wrote, which was a temporary one.
        hou.hipFile.setName(before)
        raise
    hou.hipFile.setName(str(paths.absolute(context.root, saved.path)))
    return saved


def _write(path: Path) -> None:
    try:
        hou.hipFile.save(str(path), save_to_recent_files=False)
    except hou.OperationFailed as error:
        raise StorageError(
            f"Houdini could not save the scene: {error.instanceMessage()}", hint="Check the disk and the folder."
        ) from error
