"""Assign the pipeline's materials, and choose others by hand."""

from typing import Any

import bpy
from bpy.props import EnumProperty

from dcc.render.import_usd import OCCURRENCE, PART_KEY
from dcc.render.looks import assign_effective
from dcc.scenes.manual_materials import set_manual_materials
from shared.errors import InputError
from shared.material_library import LIBRARY

from .. import parts, session
from .base import RacewayOperator

AUTOMATIC = "AUTOMATIC"
"""Entry of the material list that takes the choice by hand away again."""
_MATERIALS = [
    *((name, material.label, "") for name, material in LIBRARY.items()),
    (AUTOMATIC, "Automatic", "Take the choice by hand away again"),
]


class AssignMaterials(RacewayOperator):
    """Give every part the material that the pipeline's layers name for it"""

    bl_idname = "raceway.assign_materials"
    bl_label = "Assign materials"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def work(self, context: bpy.types.Context) -> str:
        with session.connect() as client:
            manifest = client.scene_manifest(require_cad_file())
        parts.refresh(manifest)
        return dress(manifest)


class SetMaterial(RacewayOperator):
    """Choose a material for the selected parts by hand; it wins over what the pipeline proposes"""

    bl_idname = "raceway.set_material"
    bl_label = "Set material"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    material: EnumProperty(name="Material", items=_MATERIALS, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    scope: EnumProperty(  # type: ignore[valid-type]
        name="For",
        items=(
            ("PART", "The part", "Everywhere it occurs"),
            ("OCCURRENCE", "This occurrence", "Only the selected objects"),
        ),
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Any:
        return context.window_manager.invoke_props_dialog(self)

    def work(self, context: bpy.types.Context) -> str:
        key = PART_KEY if self.scope == "PART" else OCCURRENCE
        targets = sorted({str(item[key]) for item in context.selected_objects if item.get(key)})
        if not targets:
            raise InputError(
                "No part of a CAD model is selected.", hint="Select some in the viewport first.", code="input.selection"
            )
        chosen = dict.fromkeys(targets, None if self.material == AUTOMATIC else self.material)
        with session.connect() as client:
            set_manual_materials(client, require_cad_file(), chosen)
            manifest = client.scene_manifest(require_cad_file())
        parts.refresh(manifest)
        dress(manifest)
        return f"{', '.join(targets)}: {self.material if self.material != AUTOMATIC else 'automatic again'}"


def dress(manifest: dict[str, object]) -> str:
    """Give the scene's objects their effective materials and say what is unresolved."""
    report = assign_effective(bpy.context.scene.objects, manifest)
    unresolved = f", {len(report.unresolved)} without a material" if report.unresolved else ""
    return f"{len(report.assigned)} parts have their materials{unresolved}"


def require_cad_file() -> str:
    """The CAD file of the scene; raises InputError where none was imported."""
    cad_file_id = str(session.scene_state().cad_file_id)
    if not cad_file_id:
        raise InputError("This scene has no CAD model.", hint="Import one first.", code="input.no_cad")
    return cad_file_id


CLASSES = (AssignMaterials, SetMaterial)
