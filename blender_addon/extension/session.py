"""The open scene's connection to the pipeline: context, client, and what was last said to the artist."""

import os
from typing import Any

import bpy

from dcc.scenes.revision import Review
from shared.client import Client
from shared.context import Context
from shared.errors import RacewayError

from .preferences import preference_values

last_error: RacewayError | None = None
"""The coded error of the last operator that failed, for those who run operators from Python."""

last_publish: dict[str, str] = {}
"""Properties of the publish that the artist tried last, to try it again with its faults put right."""

review: Review | None = None
"""Open questions about a CAD revision, as the service answered last; in no scene, where undo would turn it back."""

_SCENE_FIELDS = {"project": "PM_PROJECT", "entity": "PM_ENTITY", "task_id": "PM_TASK_ID"}


def scene_state(scene: bpy.types.Scene | None = None) -> Any:
    """The ``RacewayScene`` of a scene, by default the open one."""
    owner: Any = scene or bpy.context.scene
    return owner.raceway


def current_context() -> Context:
    """Who works on what: the launcher's environment, else the scene's own record, else the preferences.

    Raises InputError naming what is set nowhere.
    """
    state = scene_state()
    recorded = {variable: getattr(state, name) for name, variable in _SCENE_FIELDS.items()}
    from_launcher = {name: value for name, value in os.environ.items() if name.startswith("PM_") and value}
    return Context.from_environment({**preference_values(), **recorded, **from_launcher})


def connect() -> Client:
    """A client of the service for the current context."""
    return Client.from_context(current_context())


def record_context(scene: bpy.types.Scene) -> None:
    """Write the launcher's context into the scene, so that the file keeps it."""
    state = scene_state(scene)
    for name, variable in _SCENE_FIELDS.items():
        value = os.environ.get(variable)
        if value and getattr(state, name) != value:
            setattr(state, name, value)


def other_task(scene: bpy.types.Scene) -> bool:
    """Whether the scene was saved for another task than the launcher's."""
    wanted, recorded = os.environ.get("PM_TASK_ID", ""), scene_state(scene).task_id
    return bool(wanted and recorded and wanted != recorded)


def current_review(scene: bpy.types.Scene | None = None) -> Review | None:
    """What was last seen of the open questions about the scene's CAD model."""
    return review if review and review.cad_file_id == scene_state(scene).cad_file_id else None


def say(text: str) -> None:
    """Show ``text`` in the panel's status line."""
    scene_state().status = text


def fail(error: RacewayError) -> str:
    """Remember an error and return it as one line for the artist."""
    global last_error
    last_error = error
    line = f"{error.message} {error.hint}".strip()
    say(line)
    return line
