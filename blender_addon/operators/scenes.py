"""Save the scene as the next version or iteration, and open saved ones."""

from pathlib import Path
from typing import Any

import bpy

from dcc.scenes.versioned import list_scenes, save_scene
from shared.errors import InputError, StorageError

from ..preferences import connect
from ..properties import scene_state
from .base import RacewayOperator

SOFTWARE = "blender"
SUFFIX = ".blend"

_choices: list[tuple[str, str, str]] = []


def _offered(_: Any, __: Any) -> list[tuple[str, str, str]]:
    return _choices


def _write(file: Path) -> None:
    try:
        # Blender itself writes beside and renames.
        bpy.ops.wm.save_as_mainfile(filepath=str(file), compress=True, relative_remap=True)
    except RuntimeError as error:
        raise StorageError(
            f"Blender could not save {file}: {str(error).strip()}", hint="Check the space and your rights on the storage."
        ) from error


class RACEWAY_OT_save_scene(RacewayOperator):
    """Save this scene for the task: the next iteration, or a new version"""

    bl_idname = "raceway.save_scene"
    bl_label = "Save Scene"

    bump: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Save As",
        items=[
            ("iteration", "Next Iteration", "A save inside the version"),
            ("version", "New Version", "A step worth a name; starts at iteration 1"),
        ],
    )
    scene_name: bpy.props.StringProperty(name="Name", description="Empty: the entity's name")  # type: ignore[valid-type]

    def work(self, scene: bpy.types.Scene) -> str:
        context, client = connect()
        state = scene_state(scene)
        name = self.scene_name or state.scene_name or context.require_entity().name
        state.scene_name = name
        with client:
            saved = save_scene(
                client, context, name, software=SOFTWARE, suffix=SUFFIX, write=_write, bump=self.bump
            )
        state.version, state.iteration = saved.version.version, saved.version.iteration
        return f"Saved {saved.file.name}"


class RACEWAY_OT_open_scene(RacewayOperator):
    """Open a saved scene of this task"""

    bl_idname = "raceway.open_scene"
    bl_label = "Open Scene"
    bl_property = "choice"

    path: bpy.props.StringProperty(name="Path", options={"HIDDEN"})  # type: ignore[valid-type]
    choice: bpy.props.EnumProperty(name="Scene", items=_offered)  # type: ignore[valid-type]

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Any:
        work, client = connect()
        with client:
            scenes = [scene for scene in list_scenes(client, work) if scene.file.suffix == SUFFIX]
        _choices[:] = [(str(scene.file), scene.file.name, scene.created_at) for scene in scenes]
        if not _choices:
            self.report({"WARNING"}, "This task has no saved Blender scene yet.")
            return {"CANCELLED"}
        context.window_manager.invoke_search_popup(self)
        return {"RUNNING_MODAL"}

    def work(self, scene: bpy.types.Scene) -> str:
        file = Path(self.path or self.choice)
        if not file.is_file():
            raise InputError(f"There is no scene {file}.", hint="Is the shared storage mounted?", code="input.scene")
        bpy.ops.wm.open_mainfile(filepath=str(file))
        return f"Opened {file.name}"


CLASSES = (RACEWAY_OT_save_scene, RACEWAY_OT_open_scene)
