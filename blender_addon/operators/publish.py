"""Publish the asset's model and look, and see whether the scene's CAD file is still the newest."""

import json

import bpy

from dcc.publish.cad_asset import LOOK, publish_cad_asset
from dcc.publish.collect import Source
from shared.errors import InputError
from shared.versions import Version

from ..preferences import connect
from ..properties import scene_state
from .base import RacewayOperator
from .import_cad import cad_files_of


class RACEWAY_OT_publish(RacewayOperator):
    """Publish the model, where it is new, and the look: checked, versioned, visible to everybody at once"""

    bl_idname = "raceway.publish"
    bl_label = "Publish"

    part: bpy.props.StringProperty(name="Look", description="Name of the look's part", default=LOOK)  # type: ignore[valid-type]

    def work(self, scene: bpy.types.Scene) -> str:
        state = scene_state(scene)
        if not state.cad_file_id:
            raise InputError("This scene holds no CAD file to publish.", hint="Use Import CAD first.")
        if not state.version:
            raise InputError(
                "This scene has not been saved with Raceway, so a publish could not name its source.",
                hint="Use Save Scene first.",
            )
        source = Source(f"blender {bpy.app.version_string}", Version(state.version, state.iteration))
        context, client = connect()
        with client:
            published = publish_cad_asset(client, context, state.cad_file_id, source, look=self.part)
        # Python callers (the headless session) read the answers back from here.
        scene["raceway_last_publishes"] = json.dumps(published.publishes)
        names = ", ".join(f"{item['part_name']} v{item['version']:03d}" for item in published.publishes)
        missing = f"; {len(published.unresolved)} parts without a material" if published.unresolved else ""
        return f"Published {names}{missing}"


class RACEWAY_OT_check_outdated(RacewayOperator):
    """See whether there is a newer revision of the CAD file than the one in this scene"""

    bl_idname = "raceway.check_outdated"
    bl_label = "Check for Updates"

    def work(self, scene: bpy.types.Scene) -> str:
        state = scene_state(scene)
        if not state.cad_file_id:
            raise InputError("This scene holds no CAD file.", hint="Use Import CAD first.")
        context, client = connect()
        with client:
            mine = client.cad_file(state.cad_file_id)
            newer = [
                file
                for file in cad_files_of(client, context)
                if file["lineage"] == mine["lineage"] and file["revision"] > mine["revision"]
            ]
        if not newer:
            return f"{mine['filename']} revision {mine['revision']} is the newest"
        newest = newer[0]
        return f"Outdated: {newest['filename']} has revision {newest['revision']}; Import CAD exchanges it"


CLASSES = (RACEWAY_OT_publish, RACEWAY_OT_check_outdated)
