"""``python -m blender_addon.headless``: an artist's session without a window, through the real add-on.

Builds the extension, installs it into a Blender of its own (the ``bpy`` wheel with temporary settings), and runs its
operators: import the CAD model, assign materials, save, publish model and look. The context comes from the ``PM_*``
environment; standard input is one JSON object with ``cad_file_id``, ``scene_name`` and ``part`` (name of the look).

Prints the events of :mod:`shared.events`; the result has ``scene`` (relative to the storage root), ``scene_id``,
``publishes`` (the service's answers, model and look), ``assigned`` (material by partKey) and ``unresolved``.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from blender_addon.build import build_addon
from dcc.display_libraries import import_bpy
from shared.errors import InputError, RacewayError, RenderError
from shared.events import emit_progress, tool_main
from shared.material_library import FALLBACK_NAME

REPOSITORY = "user_default"
ADDON = f"bl_ext.{REPOSITORY}.raceway"


def main() -> int:
    """Run the tool; returns its exit status."""
    return tool_main(lambda: run_session(_read_input()))


def run_session(wanted: dict[str, str]) -> dict[str, Any]:
    """Do the session and return the data of the result event; raises the coded error of the step that failed."""
    with tempfile.TemporaryDirectory(prefix="raceway-blender-") as resources:
        emit_progress("start", 0, "starting Blender")
        start_blender(Path(resources))
        return _work(wanted)


def start_blender(resources: Path) -> ModuleType:
    """Start Blender with its settings in ``resources`` and the add-on installed and enabled; returns the add-on.

    Raises RenderError where Blender refuses the extension.
    """
    # Read by Blender when it starts, so before the import.
    os.environ["BLENDER_USER_RESOURCES"] = str(resources)
    import_bpy()
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    extension = build_addon(resources)
    try:
        bpy.ops.extensions.package_install_files(filepath=str(extension), repo=REPOSITORY, enable_on_install=True)
        return importlib.import_module(ADDON)
    except (RuntimeError, ImportError) as error:
        raise RenderError(
            f"Blender does not accept the Raceway extension: {str(error).strip()}", code="render.addon"
        ) from error


def run_operator(name: str, /, **options: Any) -> None:
    """Run the operator ``raceway.<name>``; raises the coded error it reported."""
    import bpy

    session = importlib.import_module(f"{ADDON}.session")
    operators: Any = getattr(bpy.ops, "raceway")  # noqa: B009
    try:
        outcome = getattr(operators, name)(**options)
    except RuntimeError as error:
        raise session.last_error or RacewayError(str(error).strip()) from error
    if "FINISHED" not in outcome:
        raise session.last_error or RacewayError(f"{name} was cancelled.")


def _work(wanted: dict[str, str]) -> dict[str, Any]:
    session = importlib.import_module(f"{ADDON}.session")
    publishing = importlib.import_module(f"{ADDON}.operators.publish")

    emit_progress("import", 10, "importing the CAD model")
    run_operator("import_cad", cad_file_id=wanted["cad_file_id"])
    emit_progress("assign", 30, "assigning materials")
    run_operator("assign_materials")
    emit_progress("save", 45, "saving the scene")
    run_operator("save_scene", name=wanted["scene_name"])
    publishes = []
    for percent, kind, part in ((55, "model", "model"), (75, "look", wanted["part"])):
        emit_progress("publish", percent, f"publishing {part}")
        run_operator("publish", kind=kind, part=part)
        publishes.append(dict(publishing.answers[0]))
    state = session.scene_state()
    materials = {item.part_key: item.material for item in state.parts}
    import bpy

    from shared.paths import relative

    return {
        "scene": relative(session.current_context().root, Path(bpy.data.filepath)),
        "scene_id": state.scene_id,
        "publishes": publishes,
        "assigned": materials,
        "unresolved": [key for key, material in materials.items() if material in ("", FALLBACK_NAME)],
    }


def _read_input() -> dict[str, str]:
    try:
        given = json.load(sys.stdin)
        return {name: str(given[name]) for name in ("cad_file_id", "scene_name")} | {"part": given.get("part", "look")}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"The session's input is not right: {error!r}.",
            hint='Send {"cad_file_id": ..., "scene_name": ..., "part": "look"} on standard input.',
        ) from error


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # Blender's own teardown in module mode can crash after the work is done; the result is out.
    os._exit(status)
