"""Save the scene under its next version, and open earlier ones."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty, StringProperty

from dcc.scenes.save import list_scenes, save_scene
from shared import paths
from shared.client import Client
from shared.versions import Version

from .. import session
from .base import RacewayOperator

SUFFIX = ".blend"
SOFTWARE = "blender"


class SaveScene(RacewayOperator):
    """Save under the next iteration, or start a new version"""

    bl_idname = "raceway.save_scene"
    bl_label = "Save"

    bump: EnumProperty(  # type: ignore[valid-type]
        name="As",
        items=(
            ("iteration", "Iteration", "The usual save"),
            ("version", "Version", "A step worth a name: starts again at iteration 1"),
        ),
    )
    name: StringProperty(  # type: ignore[valid-type]
        name="Name", description="Without a version; empty for the scene's name", options={"SKIP_SAVE"}
    )

    def work(self, context: bpy.types.Context) -> str:
        pipeline = session.current_context()
        session.record_context(context.scene)
        state = session.scene_state()
        name = self.name or state.scene_name or (pipeline.entity.name if pipeline.entity else "scene")

        def save(path: Path) -> None:
            found = Version.parse(path.stem.removeprefix(f"{name}_"))
            state.scene_name, state.version, state.iteration = name, found.version, found.iteration
            bpy.ops.wm.save_as_mainfile(filepath=str(path), check_existing=False, compress=True)

        with Client.from_context(pipeline) as client:
            # Blender writes to a temporary name itself, and remembers the path it saved to.
            saved = save_scene(
                client, pipeline, name, save, software=SOFTWARE, suffix=SUFFIX, bump=self.bump, saves_atomically=True
            )
        state.scene_id = saved.id
        return f"Saved {Path(saved.path).name}"


def _scene_items(_: object, __: object) -> list[tuple[str, str, str]]:
    return _listed


_listed: list[tuple[str, str, str]] = []


class OpenScene(RacewayOperator):
    """Open a saved scene of this task"""

    bl_idname = "raceway.open_scene"
    bl_label = "Open"
    bl_property = "scene"

    path: StringProperty(options={"SKIP_SAVE", "HIDDEN"})  # type: ignore[valid-type]
    scene: EnumProperty(name="Scene", items=_scene_items, options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Any:
        pipeline = session.current_context()
        with Client.from_context(pipeline) as client:
            # Blender needs the strings of a dynamic list to stay alive.
            _listed[:] = [
                (item["path"], Path(item["path"]).stem, f"{item['software']}, {item.get('created_at', '')}")
                for item in list_scenes(client, pipeline)
                if item["path"].endswith(SUFFIX)
            ]
        context.window_manager.invoke_search_popup(self)
        return {"FINISHED"}

    def work(self, context: bpy.types.Context) -> str:
        path = self.path or self.scene
        bpy.ops.wm.open_mainfile(filepath=str(paths.absolute(session.current_context().root, path)))
        return f"Opened {Path(path).name}"


CLASSES = (SaveScene, OpenScene)
