"""Decide about parts of which the converter is not sure: which earlier part each of them is."""

from typing import Any

import bpy
from bpy.props import StringProperty

from dcc.scenes.revision import open_questions
from shared.client import Json

from .. import session
from .base import RacewayOperator
from .materials import require_cad_file


class CheckRevision(RacewayOperator):
    """List the parts of this revision of which it is uncertain which earlier part they are"""

    bl_idname = "raceway.check_revision"
    bl_label = "Uncertain parts"

    def work(self, context: bpy.types.Context) -> str:
        with session.connect() as client:
            cad_file = client.cad_file(require_cad_file())
            report = client.revision_report(cad_file["id"]) if cad_file["previous_id"] else {}
        open_ = show_candidates(report)
        return f"{open_} uncertain parts" if open_ else "Every part of this revision is known"


class ConfirmPart(RacewayOperator):
    """Say which earlier part this part is; its material choices come along"""

    bl_idname = "raceway.confirm_part"
    bl_label = "It is this part"

    new_key: StringProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    old_key: StringProperty(  # type: ignore[valid-type]
        name="Is", description="Key of the earlier part; empty for a new part", options={"SKIP_SAVE"}
    )

    def work(self, context: bpy.types.Context) -> str:
        with session.connect() as client:
            report = client.decide_part(require_cad_file(), self.new_key, self.old_key or None)
        show_candidates(report)
        said = f"{self.new_key} is {self.old_key or 'a new part'}"
        # The scene keeps what it has until the artist brings the new keys in.
        return f"{said}. Import CAD again when it is converted." if report["state"] == "applying" else said


def show_candidates(report: Json) -> int:
    """List what is open in a revision report in the scene, and answer the number of parts."""
    listed: Any = session.scene_state().candidates
    listed.clear()
    questions = open_questions(report)
    for question in questions:
        for candidate in question.candidates:
            row = listed.add()
            row.new_key, row.old_key = question.new_key, candidate.old_key
            row.confidence, row.reason = candidate.confidence, candidate.reason
    return len(questions)


CLASSES = (CheckRevision, ConfirmPart)
