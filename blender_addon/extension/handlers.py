"""Keep the pipeline's context in the file: written before each save, read after each load."""

import bpy
from bpy.app.handlers import persistent

from . import session


@persistent  # type: ignore[untyped-decorator]
def _before_save(*_: object) -> None:
    for scene in bpy.data.scenes:
        # A scene opened for another task keeps its own until it is saved through Raceway.
        if not session.other_task(scene):
            session.record_context(scene)


@persistent  # type: ignore[untyped-decorator]
def _after_load(*_: object) -> None:
    for scene in bpy.data.scenes:
        if session.other_task(scene):
            state = session.scene_state(scene)
            state.status = f"This file belongs to another task ({state.entity or state.task_id})."


_HANDLERS = ((bpy.app.handlers.save_pre, _before_save), (bpy.app.handlers.load_post, _after_load))


def register() -> None:
    for handlers, function in _HANDLERS:
        handlers.append(function)


def unregister() -> None:
    for handlers, function in _HANDLERS:
        if function in handlers:
            handlers.remove(function)
