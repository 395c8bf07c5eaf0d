"""Publish the model and the look, and see what is newer than this scene."""

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from dcc.publish.data import CadLook, CadModel, Request
from dcc.publish.pipeline import publish
from dcc.scenes.outdated import newer_than
from shared.client import Client
from shared.publish_queue import PublishQueue
from shared.versions import Version

from .. import session
from .base import RacewayOperator
from .materials import require_cad_file
from .scenes import SOFTWARE

answers: list[dict[str, object]] = []
"""The service's answers to the publishes of the last run, for those who run the operator from Python."""


class Publish(RacewayOperator):
    """Publish the CAD model, or the look: the materials of its parts"""

    bl_idname = "raceway.publish"
    bl_label = "Publish"

    kind: EnumProperty(  # type: ignore[valid-type]
        name="What",
        items=(("model", "Model", "The geometry"), ("look", "Look", "The materials")),
        default="look",
    )
    part: StringProperty(  # type: ignore[valid-type]
        name="Part", description="Name of the published part; empty for that of its kind", options={"SKIP_SAVE"}
    )
    comment: StringProperty(name="Comment", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    fix: BoolProperty(  # type: ignore[valid-type]
        name="Fix", description="Put right what can be, in the published copy", options={"SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Any:
        return context.window_manager.invoke_props_dialog(self)

    def work(self, context: bpy.types.Context) -> str:
        state = session.scene_state()
        cad_file_id = require_cad_file()
        request = Request(
            part=self.part or self.kind,
            source=CadModel(cad_file_id) if self.kind == "model" else CadLook(cad_file_id),
            department=self.kind,
            software=SOFTWARE,
            scene=Version(state.version, state.iteration) if state.version else None,
            comment=self.comment,
            fix=self.fix,
        )
        session.last_publish = {"kind": self.kind, "part": self.part, "comment": self.comment}
        pipeline = session.current_context()
        with Client.from_context(pipeline) as client:
            done = publish(
                client,
                pipeline,
                request,
                lambda step, text: session.say(f"{step}: {text}"),
                queue=PublishQueue.of_user(),
            )
        if done.queued:
            return f"The service is away: {request.part} waits, and is sent before your next publish"
        answers[:] = [done.publish]
        version = Version(done.publish["version"], done.publish["iteration"])
        if self.kind == "look":
            state.look_version = str(version)
        if done.unchanged:
            return f"{request.part} {version} has this content already: nothing to publish"
        warnings = f", {len(done.warnings)} warnings" if done.warnings else ""
        return f"Published {request.part} {version}{warnings}"


class CheckOutdated(RacewayOperator):
    """See whether there is a newer model or look than this scene uses"""

    bl_idname = "raceway.check_outdated"
    bl_label = "Check for updates"

    def work(self, context: bpy.types.Context) -> str:
        pipeline = session.current_context()
        with Client.from_context(pipeline) as client:
            newer = newer_than(client, pipeline, require_cad_file(), session.scene_state().look_version)
        return f"Newer: {', '.join(newer)}" if newer else "This scene is up to date"


CLASSES = (Publish, CheckOutdated)
