"""Import a converted CAD file by partKey, or exchange the one in the scene for a newer revision."""

from typing import Any

import bpy

from dcc.publish.collect import master_file
from shared.client import Client, Json
from shared.context import Context
from shared.errors import InputError
from shared.manifest import Manifest

from ..cad_scene import bring_in, dress
from ..preferences import connect
from ..properties import scene_state, show_parts
from .base import RacewayOperator

# Blender keeps no reference to the texts of a dynamic enum.
_choices: list[tuple[str, str, str]] = []


def cad_files_of(client: Client, context: Context) -> list[Json]:
    """The converted CAD files of the asset worked on, the newest first."""
    entity = context.require_entity()
    files = client.pages("/cad/", project=context.project, asset=entity.name)
    return sorted((file for file in files if file["state"] == "ready"), key=lambda file: -file["revision"])


def _offered(_: Any, __: Any) -> list[tuple[str, str, str]]:
    return _choices


class RACEWAY_OT_import_cad(RacewayOperator):
    """Import a converted CAD file of this asset; a model imported before is exchanged for it"""

    bl_idname = "raceway.import_cad"
    bl_label = "Import CAD"
    bl_options = {"REGISTER", "UNDO"}
    bl_property = "choice"

    cad_file_id: bpy.props.StringProperty(name="CAD file", options={"HIDDEN"})  # type: ignore[valid-type]
    choice: bpy.props.EnumProperty(name="CAD file", items=_offered)  # type: ignore[valid-type]

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Any:
        work, client = connect()
        with client:
            files = cad_files_of(client, work)
        _choices[:] = [(file["id"], f"{file['filename']} (revision {file['revision']})", file["id"]) for file in files]
        if not _choices:
            return self.execute(context)
        self.cad_file_id = ""
        context.window_manager.invoke_search_popup(self)
        return {"RUNNING_MODAL"}

    def work(self, scene: bpy.types.Scene) -> str:
        work, client = connect()
        with client:
            file = client.cad_file(self.cad_file_id or self.choice) if self.cad_file_id or _choices else None
            if file is None:
                file = next(iter(cad_files_of(client, work)), None)
            if file is None:
                raise InputError(
                    f"{work.require_entity()} has no converted CAD file.",
                    hint="Upload a STEP file for it first, on its page or with `raceway demo --step`.",
                )
            manifest = Manifest.from_json(client.scene_manifest(file["id"]))
        model = bring_in(scene, master_file(work, file), file["filename"])
        state = scene_state(scene)
        state.cad_file_id, state.cad_file_name, state.cad_revision = file["id"], file["filename"], file["revision"]
        dress(scene, manifest)
        show_parts(scene, manifest)
        return f"Imported {file['filename']}: {len(manifest.parts)} parts in {len(model.meshes)} places"


CLASSES = (RACEWAY_OT_import_cad,)
