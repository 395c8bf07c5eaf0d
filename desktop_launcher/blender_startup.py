"""Run by Blender when it is started from the launcher: switches our add-on on for this session.

The add-on stands in a folder that the launcher names to Blender as its system's extensions, so nothing is installed
or changed in the artist's own preferences. Where she has installed the add-on herself, hers is used.
"""

import addon_utils
import bpy

EXTENSION = "raceway"
MODULE = f"bl_ext.system.{EXTENSION}"


def enable() -> None:
    preferences = bpy.context.preferences
    if preferences is None or any(addon.module.endswith(f".{EXTENSION}") for addon in preferences.addons):
        return
    # The packages that come with the extension have to be importable before it is.
    addon_utils.extensions_refresh(ensure_wheels=True, addon_modules_pending=[MODULE])
    addon_utils.enable(MODULE, default_set=False, persistent=True)
    if not addon_utils.check(MODULE)[1]:
        print(f"Raceway: {MODULE} could not be enabled; its menus are missing in this session.")


enable()
