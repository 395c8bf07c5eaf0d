"""Assign materials by partKey, and choose others by hand for the selected parts or occurrences."""

from typing import Any

import bpy

from dcc.render.import_usd import OCCURRENCE, PART_KEY
from shared.errors import InputError
from shared.manifest import Manifest
from shared.material_library import LIBRARY

from ..cad_scene import dress
from ..preferences import connect
from ..properties import scene_state, show_parts
from .base import RacewayOperator

_MATERIALS = [(material.name, material.label, material.name) for material in LIBRARY.values()]


def _cad_file_id(scene: bpy.types.Scene) -> str:
    cad_file_id = str(scene_state(scene).cad_file_id)
    if not cad_file_id:
        raise InputError("This scene holds no CAD file yet.", hint="Use Import CAD first.")
    return cad_file_id


def refresh(scene: bpy.types.Scene) -> tuple[int, list[str]]:
    """Dress the model as the service says now; answers how many parts it has and which have no material."""
    _, client = connect()
    with client:
        manifest = Manifest.from_json(client.scene_manifest(_cad_file_id(scene)))
    report = dress(scene, manifest)
    show_parts(scene, manifest)
    return len(report.assigned), report.unresolved


class RACEWAY_OT_assign_materials(RacewayOperator):
    """Give every part the material that the service's layers say: by hand, from the CAD file, by name, or the fallback"""

    bl_idname = "raceway.assign_materials"
    bl_label = "Assign Materials"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, scene: bpy.types.Scene) -> str:
        count, unresolved = refresh(scene)
        missing = f", {len(unresolved)} without one" if unresolved else ""
        return f"Assigned materials to {count} parts{missing}"


class RACEWAY_OT_override_material(RacewayOperator):
    """Choose a material by hand for the selected parts, for everybody and for later revisions"""

    bl_idname = "raceway.override_material"
    bl_label = "Choose Material"
    bl_options = {"REGISTER", "UNDO"}
    bl_property = "material"

    material: bpy.props.EnumProperty(name="Material", items=_MATERIALS)  # type: ignore[valid-type]
    single: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="This Occurrence Only", description="Leave the part's other places as they are", default=False
    )
    clear: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Clear", description="Take the choice back instead", default=False
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Any:
        if self.clear:
            return self.execute(context)
        context.window_manager.invoke_search_popup(self)
        return {"RUNNING_MODAL"}

    def work(self, scene: bpy.types.Scene) -> str:
        key = OCCURRENCE if self.single else PART_KEY
        targets = sorted({str(item[key]) for item in bpy.context.selected_objects if item.get(key)})
        if not targets:
            raise InputError("No part is selected.", hint="Select parts of the imported CAD model first.")
        cad_file_id = _cad_file_id(scene)
        _, client = connect()
        with client:
            current = client.material_overrides(cad_file_id)
            layers = {
                "overrides": dict(current["overrides"]),
                "occurrence_overrides": dict(current["occurrence_overrides"]),
            }
            layer = layers["occurrence_overrides" if self.single else "overrides"]
            for target in targets:
                if self.clear:
                    layer.pop(target, None)
                else:
                    layer[target] = self.material
            # The etag: a colleague's choice made meanwhile is never overwritten unseen.
            client.set_material_overrides(cad_file_id, **layers, etag=current["etag"])
        refresh(scene)
        what = f"{len(targets)} {'occurrence' if self.single else 'part'}{'s' if len(targets) > 1 else ''}"
        return f"Took the choice for {what} back" if self.clear else f"{what}: {LIBRARY[self.material].label}"


class RACEWAY_OT_select_part(RacewayOperator):
    """Select every occurrence of a part"""

    bl_idname = "raceway.select_part"
    bl_label = "Select Part"
    bl_options = {"REGISTER", "UNDO"}

    part_key: bpy.props.StringProperty(name="partKey")  # type: ignore[valid-type]

    def work(self, scene: bpy.types.Scene) -> str:
        from ..cad_scene import part_objects

        count = 0
        for item in part_objects(scene):
            chosen = item.get(PART_KEY) == self.part_key
            item.select_set(chosen)
            count += chosen
        return f"Selected {self.part_key} in {count} places"


CLASSES = (RACEWAY_OT_assign_materials, RACEWAY_OT_override_material, RACEWAY_OT_select_part)
