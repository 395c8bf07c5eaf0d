"""Import a CAD model by partKey; importing a newer revision keeps what the artist made."""

import bpy
from bpy.props import StringProperty

from dcc.render.cad_model import bring_in
from shared import paths
from shared.client import Client, Json
from shared.context import Context
from shared.errors import InputError

from .. import parts, session
from .base import RacewayOperator


class ImportCad(RacewayOperator):
    """Import the CAD model of this asset, or bring the one in the scene up to its newest revision"""

    bl_idname = "raceway.import_cad"
    bl_label = "Import CAD"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    cad_file_id: StringProperty(  # type: ignore[valid-type]
        name="CAD file", description="Id of the CAD file; empty for the newest of this asset", options={"SKIP_SAVE"}
    )

    def work(self, context: bpy.types.Context) -> str:
        pipeline = session.current_context()
        with Client.from_context(pipeline) as client:
            cad_file = client.cad_file(self.cad_file_id) if self.cad_file_id else newest_cad_file(client, pipeline)
            master = (cad_file.get("derivatives") or {}).get("usd_master")
            if not master:
                raise InputError(
                    f"{cad_file['filename']} is not converted yet: it is {cad_file['state']}.",
                    hint="Try again when its conversion is ready.",
                    code="input.not_ready",
                )
            name = pipeline.entity.name if pipeline.entity else cad_file["filename"]
            change = bring_in(paths.absolute(pipeline.root, master), name)
            session.record_context(context.scene)
            state = session.scene_state()
            state.cad_file_id = cad_file["id"]
            state.scene_name = state.scene_name or name
            parts.refresh(client.scene_manifest(cad_file["id"]))
        return f"{cad_file['filename']}: {change}"


def newest_cad_file(client: Client, pipeline: Context) -> Json:
    """The ready CAD file of the asset with the highest revision; raises InputError where there is none."""
    asset = pipeline.require_entity().name
    files = client.pages("/cad/", project=pipeline.project, asset=asset)
    ready = [item for item in files if item["state"] == "ready"]
    if not ready:
        raise InputError(
            f"The asset {asset} has no converted CAD file.", hint="Upload its STEP file first.", code="input.no_cad"
        )
    return max(ready, key=lambda item: int(item.get("revision") or 0))


CLASSES = (ImportCad,)
