"""Preferences of the extension, and the work context that follows from them and the environment."""

import os
from pathlib import Path
from typing import Any

import bpy

from shared.client import Client
from shared.context import Context

_FROM_PREFERENCES = {"PM_API_URL": "api_url", "PM_API_TOKEN": "token", "PM_ROOT": "root", "PM_PROJECT": "project"}


class RacewayPreferences(bpy.types.AddonPreferences):
    """Where the studio's service and storage are, for a Blender that the launcher did not start."""

    bl_idname = __package__ or "blender_addon"

    api_url: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Service", description="Address of the Raceway service", default="http://127.0.0.1:5000"
    )
    token: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Token", description="Your personal token, from your page in Raceway", subtype="PASSWORD"
    )
    root: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Storage", description="The shared storage as this machine sees it", subtype="DIR_PATH"
    )
    project: bpy.props.StringProperty(name="Project", description="The project worked on")  # type: ignore[valid-type]

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.use_property_split = True
        for variable, name in _FROM_PREFERENCES.items():
            row = column.row()
            row.enabled = not os.environ.get(variable)
            row.prop(self, name)
        if any(os.environ.get(variable) for variable in _FROM_PREFERENCES):
            column.label(text="Greyed out: set by the Raceway launcher.", icon="INFO")


def work_context() -> Context:
    """The artist's context: the launcher's environment, and the preferences for what it does not set.

    Raises InputError naming what is set in neither.
    """
    values = dict(os.environ)
    addon = bpy.context.preferences.addons.get(RacewayPreferences.bl_idname)
    preferences: Any = addon.preferences if addon else None
    for variable, name in _FROM_PREFERENCES.items():
        if not values.get(variable) and preferences is not None:
            value = str(getattr(preferences, name))
            values[variable] = bpy.path.abspath(value) if variable == "PM_ROOT" and value else value
    return Context.from_environment(values)


def connect() -> tuple[Context, Client]:
    """The artist's context and a client for it."""
    context = work_context()
    return context, Client.from_context(context)


def storage_root() -> Path:
    """The shared storage as this machine sees it."""
    return work_context().root


def register() -> None:
    bpy.utils.register_class(RacewayPreferences)


def unregister() -> None:
    bpy.utils.unregister_class(RacewayPreferences)
