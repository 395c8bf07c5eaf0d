"""The Raceway tab in the 3D view: context, parts with their materials, buttons, status."""

from typing import Any

import bpy

from dcc.publish.data import InvalidPublishError
from dcc.scenes.revision import Group
from shared.errors import RacewayError
from shared.revision_report import Uncertain

from . import session

_SHOWN_QUESTIONS = 30
"""Blender draws a panel anew at every move of the mouse over it."""
_LAYER_ICONS = {"manual": "USER", "source": "FILE_3D", "auto": "AUTO", "fallback": "ERROR"}


class PartList(bpy.types.UIList):
    """Name and number of a part, its material, and the layer that it came from."""

    bl_idname = "RACEWAY_UL_parts"

    # Blender counts the parameters: it wants these by number.
    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: object,
        item: object,
        icon: int | None,
        active_data: object,
        active_property: str | None,
        index: int | None = 0,
        flt_flag: int | None = 0,
    ) -> None:
        part: Any = item
        row: Any = layout.row(align=True)
        row.label(text=f"{part.name} ({part.count})" if part.count > 1 else part.name)
        row.label(text=part.material or "not resolved", icon=_LAYER_ICONS.get(part.layer, "QUESTION"))


class MainPanel(bpy.types.Panel):
    """The tab."""

    bl_idname = "RACEWAY_PT_main"
    bl_label = "Raceway"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Raceway"

    def draw(self, context: bpy.types.Context) -> None:
        layout, state = self.layout, session.scene_state(context.scene)
        self._draw_context(layout, state)
        row = layout.row(align=True)
        row.operator("raceway.import_cad", icon="IMPORT")
        row.operator("raceway.assign_materials", icon="MATERIAL")
        self._draw_parts(layout, state)
        row = layout.row(align=True)
        row.operator("raceway.save_scene", text="Save iteration", icon="FILE_TICK").bump = "iteration"
        row.operator("raceway.save_scene", text="New version").bump = "version"
        row.operator("raceway.open_scene", text="", icon="FILE_FOLDER")
        row = layout.row(align=True)
        row.operator("raceway.publish", text="Publish model", icon="EXPORT").kind = "model"
        row.operator("raceway.publish", text="Publish look").kind = "look"
        row.operator("raceway.check_outdated", text="", icon="FILE_REFRESH")
        if isinstance(session.last_error, InvalidPublishError) and session.last_error.is_fixable:
            again = layout.operator("raceway.publish", text="Fix and publish", icon="TOOL_SETTINGS")
            again.fix = True
            for name, value in session.last_publish.items():
                setattr(again, name, value)
        if state.status:
            layout.label(text=state.status, icon="INFO")

    def _draw_context(self, layout: bpy.types.UILayout, state: Any) -> None:
        box = layout.box()
        try:
            pipeline = session.current_context()
        except RacewayError as error:
            box.label(text=error.message, icon="ERROR")
            box.label(text=error.hint)
            return
        box.label(text=pipeline.project, icon="OUTLINER_COLLECTION")
        box.label(text=str(pipeline.entity or "no asset or shot"), icon="OBJECT_DATA")
        scene = f"{state.scene_name} v{state.version:03d}_i{state.iteration:03d}" if state.version else "not saved yet"
        box.label(text=scene, icon="FILE_BLEND")

    def _draw_parts(self, layout: bpy.types.UILayout, state: Any) -> None:
        parts = state.parts
        if not parts:
            return
        layout.template_list(PartList.bl_idname, "", state, "parts", state, "active_part", rows=5)
        if 0 <= state.active_part < len(parts):
            layout.label(text=parts[state.active_part].reason)
        layout.operator_menu_enum(
            "raceway.set_material", "material", text="Set material of selected", icon="SHADING_TEXTURE"
        )


class RevisionPanel(bpy.types.Panel):
    """Parts of which it is uncertain which earlier part they are, and the buttons that say so."""

    bl_idname = "RACEWAY_PT_revision"
    bl_label = "Revision"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Raceway"
    bl_parent_id = "RACEWAY_PT_main"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(session.scene_state(context.scene).cad_file_id)

    def draw(self, context: bpy.types.Context) -> None:
        layout: Any = self.layout
        layout.operator("raceway.check_revision", icon="VIEWZOOM")
        review = session.current_review(context.scene)
        if review is None:
            return
        for group in review.groups:
            self._draw_group(layout.box(), group)
        for question in review.questions[:_SHOWN_QUESTIONS]:
            self._draw_question(layout.box(), question)
        if len(review.questions) > _SHOWN_QUESTIONS:
            layout.label(text=f"{len(review.questions) - _SHOWN_QUESTIONS} more follow when these are answered")
        for answered in review.answered:
            row = layout.row()
            row.label(text=answered.line, icon="CHECKMARK")
            row.operator("raceway.take_back", text="Take back").at = answered.at

    @staticmethod
    def _draw_group(box: Any, group: Group) -> None:
        box.label(text=f"{len(group.likeliest)} parts for one reason", icon="QUESTION")
        box.label(text=group.reason)
        row = box.row()
        for text, are_new in (("Each is its likeliest part", False), ("All are new", True)):
            button = row.operator("raceway.confirm_group", text=text)
            button.reason, button.are_new = group.reason, are_new

    @staticmethod
    def _draw_question(box: Any, question: Uncertain) -> None:
        def button(row: Any, text: str, old_key: str) -> None:
            made = row.operator("raceway.confirm_part", text=text)
            made.new_key, made.old_key = question.new_key, old_key

        row = box.row()
        row.label(text=question.new_key, icon="QUESTION")
        button(row, "It is new", "")
        for candidate in question.candidates:
            row = box.row()
            row.label(text=f"{candidate.old_key} ({candidate.confidence:.0%})")
            button(row, "It is this part", candidate.old_key)
            box.label(text=candidate.reason)


_CLASSES = (PartList, MainPanel, RevisionPanel)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
