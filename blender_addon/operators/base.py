"""What all operators share: errors become a report the artist can act on, and the status line follows."""

from typing import Any

import bpy

from shared.errors import RacewayError

from ..properties import scene_state


class RacewayOperator(bpy.types.Operator):
    """An operator whose work is :meth:`work`; it returns the sentence for the status line."""

    bl_options = {"REGISTER"}

    def work(self, scene: bpy.types.Scene) -> str:
        """Do it. Raises RacewayError, which is shown with its hint."""
        raise RacewayError(f"{self.bl_label} does nothing.")

    def execute(self, context: bpy.types.Context) -> Any:
        try:
            said = self.work(context.scene)
        except RacewayError as error:
            text = f"{error.message} {error.hint}".strip()
            scene_state(context.scene).status = text
            self.report({"ERROR"}, text)
            return {"CANCELLED"}
        # Opening a file exchanges the scene.
        scene_state(bpy.context.scene).status = said
        self.report({"INFO"}, said)
        return {"FINISHED"}
