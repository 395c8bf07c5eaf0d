"""Keep the scene's record of its context right when files are opened and saved."""

import bpy
from bpy.app.handlers import persistent

from shared.errors import RacewayError
from shared.versions import split_versioned_name

from .preferences import work_context
from .properties import scene_state


@persistent
def remember_version(path: str, *_: object) -> None:
    """After opening: which version this is follows from the file's name, whatever the file itself says."""
    if bpy.context.scene is None or not bpy.data.filepath:
        return
    state = scene_state(bpy.context.scene)
    try:
        name, version, _suffix = split_versioned_name(bpy.path.basename(bpy.data.filepath))
    except RacewayError:
        state.version = state.iteration = 0
        return
    state.scene_name, state.version, state.iteration = name, version.version, version.iteration


@persistent
def remember_context(path: str, *_: object) -> None:
    """Before saving: project, entity and task go into the file."""
    try:
        context = work_context()
    except RacewayError:
        return  # started without the pipeline; the file keeps what it knows
    for scene in bpy.data.scenes:
        state = scene_state(scene)
        state.project = context.project
        state.entity = str(context.entity) if context.entity else ""
        state.task_id = context.task_id


def register() -> None:
    bpy.app.handlers.load_post.append(remember_version)
    bpy.app.handlers.save_pre.append(remember_context)


def unregister() -> None:
    bpy.app.handlers.load_post.remove(remember_version)
    bpy.app.handlers.save_pre.remove(remember_context)
