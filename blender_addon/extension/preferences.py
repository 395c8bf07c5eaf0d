"""Where the service is and who is working. The ``PM_*`` environment of the launcher wins over what is set here."""

import os
from collections.abc import Mapping
from typing import Any

import bpy
from bpy.props import StringProperty

PACKAGE = __package__ or "raceway"
OVERRIDES = {"api_url": "PM_API_URL", "token": "PM_API_TOKEN", "storage_root": "PM_ROOT"}
"""Preference by the environment variable that overrides it."""


class RacewayPreferences(bpy.types.AddonPreferences):
    """Settings of an artist who starts Blender without the launcher."""

    bl_idname = PACKAGE

    api_url: StringProperty(  # type: ignore[valid-type]
        name="Service", description="Address of the studio's Raceway service", default="http://127.0.0.1:8480"
    )
    token: StringProperty(  # type: ignore[valid-type]
        name="Token", description="Your personal token (web page of the service, My tokens)", subtype="PASSWORD"
    )
    storage_root: StringProperty(  # type: ignore[valid-type]
        name="Storage", description="The studio's storage as this machine sees it", subtype="DIR_PATH"
    )

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        for name, variable in OVERRIDES.items():
            row = column.row()
            overridden = bool(os.environ.get(variable))
            row.enabled = not overridden
            row.prop(self, name)
            if overridden:
                column.label(text=f"Set by the launcher ({variable})", icon="INFO")


def preference_values() -> Mapping[str, str]:
    """The preferences under the names of the environment variables; empty ones are left out."""
    addon: Any = bpy.context.preferences.addons.get(PACKAGE)
    if addon is None:
        return {}
    values = {variable: getattr(addon.preferences, name) for name, variable in OVERRIDES.items()}
    return {variable: value for variable, value in values.items() if value}


def register() -> None:
    bpy.utils.register_class(RacewayPreferences)


def unregister() -> None:
    bpy.utils.unregister_class(RacewayPreferences)
