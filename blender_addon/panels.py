"""The Raceway tab in the 3D view's sidebar: where one works, the parts and their materials, and the steps."""

import textwrap
from typing import Any

import bpy

from shared.errors import RacewayError

from .preferences import work_context
from .properties import scene_state

_LAYER_ICONS = {"manual": "USER", "source": "FILE_3D", "auto": "AUTO", "fallback": "ERROR"}
_STATUS_WIDTH = 42


class _Panel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Raceway"


class RACEWAY_UL_parts(bpy.types.UIList):
    """Parts with their material; the icon says which layer it comes from."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: Any,
        item: Any,
        icon: int | None,
        active_data: Any,
        active_property: str | None,
        index: int | None = 0,
        flt_flag: int | None = 0,
    ) -> None:
        row = layout.split(factor=0.55)
        name = item.part_key if item.occurrences < 2 else f"{item.part_key} × {item.occurrences}"
        row.label(text=name, icon=_LAYER_ICONS.get(item.layer, "QUESTION"))
        row.label(text=item.material or "no material")


class RACEWAY_PT_context(_Panel, bpy.types.Panel):
    """Where the artist works."""

    bl_idname = "RACEWAY_PT_context"
    bl_label = "Raceway"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        state = scene_state(context.scene)
        try:
            work = work_context()
        except RacewayError as error:
            layout.label(text="Not connected", icon="UNLINKED")
            for line in textwrap.wrap(f"{error.message} {error.hint}", _STATUS_WIDTH):
                layout.label(text=line)
            return
        column = layout.column(align=True)
        column.label(text=work.project, icon="OUTLINER_COLLECTION")
        column.label(text=str(work.entity or "no asset or shot"), icon="OBJECT_DATA")
        if state.version:
            saved = f"{state.scene_name} v{state.version:03d} i{state.iteration:03d}"
            column.label(text=saved, icon="FILE_BLEND")
        row = layout.row(align=True)
        row.operator("raceway.save_scene", text="Save", icon="FILE_TICK").bump = "iteration"
        row.operator("raceway.save_scene", text="New Version").bump = "version"
        row.operator("raceway.open_scene", text="", icon="FILE_FOLDER")
        for line in textwrap.wrap(state.status, _STATUS_WIDTH):
            layout.label(text=line)


class RACEWAY_PT_parts(_Panel, bpy.types.Panel):
    """The CAD file, its parts and their materials."""

    bl_idname = "RACEWAY_PT_parts"
    bl_label = "CAD and Materials"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        state = scene_state(context.scene)
        if not state.cad_file_id:
            layout.operator("raceway.import_cad", icon="IMPORT")
            return
        row = layout.row(align=True)
        row.label(text=f"{state.cad_file_name} (revision {state.cad_revision})", icon="FILE_3D")
        row.operator("raceway.check_outdated", text="", icon="FILE_REFRESH")
        row.operator("raceway.import_cad", text="", icon="IMPORT")
        unresolved = sum(part.layer == "fallback" for part in state.parts)
        if unresolved:
            layout.label(text=f"{unresolved} of {len(state.parts)} parts have no material", icon="ERROR")
        layout.template_list("RACEWAY_UL_parts", "", state, "parts", state, "active_part", rows=6)
        if 0 <= state.active_part < len(state.parts):
            part = state.parts[state.active_part]
            box = layout.box()
            for line in textwrap.wrap(f"{part.layer}: {part.reason}", _STATUS_WIDTH):
                box.label(text=line)
            box.operator("raceway.select_part", icon="RESTRICT_SELECT_OFF").part_key = part.part_key
        column = layout.column(align=True)
        column.operator("raceway.assign_materials", icon="MATERIAL")
        chosen = column.operator("raceway.override_material", text="Choose for Selected Parts", icon="EYEDROPPER")
        chosen.single = chosen.clear = False
        single = column.operator("raceway.override_material", text="Choose for This Occurrence")
        single.single, single.clear = True, False
        back = column.operator("raceway.override_material", text="Take Choice Back", icon="LOOP_BACK")
        back.single, back.clear = False, True


class RACEWAY_PT_publish(_Panel, bpy.types.Panel):
    """Publish."""

    bl_idname = "RACEWAY_PT_publish"
    bl_label = "Publish"

    def draw(self, context: bpy.types.Context) -> None:
        state = scene_state(context.scene)
        column = self.layout.column()
        column.enabled = bool(state.cad_file_id and state.version)
        column.scale_y = 1.4
        column.operator("raceway.publish", icon="EXPORT")
        if not state.version:
            self.layout.label(text="Save the scene first", icon="INFO")


_CLASSES = (RACEWAY_UL_parts, RACEWAY_PT_context, RACEWAY_PT_parts, RACEWAY_PT_publish)


def register() -> None:
    for item in _CLASSES:
        bpy.utils.register_class(item)


def unregister() -> None:
    for item in reversed(_CLASSES):
        bpy.utils.unregister_class(item)
