"""Raceway in Blender's own File menus."""

from typing import Any

import bpy


def _import_entry(menu: Any, context: bpy.types.Context) -> None:
    menu.layout.operator("raceway.import_cad", text="CAD by partKey (Raceway)")


def _file_entries(menu: Any, context: bpy.types.Context) -> None:
    layout = menu.layout
    layout.separator()
    layout.operator("raceway.open_scene", text="Open Task Scene...", icon="FILE_FOLDER")
    layout.operator("raceway.save_scene", text="Save Next Iteration", icon="FILE_TICK").bump = "iteration"
    layout.operator("raceway.save_scene", text="Save New Version", icon="FILE_TICK").bump = "version"


def register() -> None:
    bpy.types.TOPBAR_MT_file_import.append(_import_entry)
    bpy.types.TOPBAR_MT_file.append(_file_entries)


def unregister() -> None:
    bpy.types.TOPBAR_MT_file.remove(_file_entries)
    bpy.types.TOPBAR_MT_file_import.remove(_import_entry)
