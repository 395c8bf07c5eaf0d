"""What all operators share: errors become one line with a hint, success becomes the status line."""

import traceback
from typing import Any

import bpy

from shared.errors import RacewayError

from .. import session


class RacewayOperator(bpy.types.Operator):
    """Base of the operators: they implement ``work`` and answer with a sentence."""

    def work(self, context: bpy.types.Context) -> str:
        """Do it and say what was done; raises RacewayError."""
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> Any:
        session.last_error = None
        try:
            message = self.work(context)
        except RacewayError as error:
            self.report({"ERROR"}, session.fail(error))
            return {"CANCELLED"}
        except Exception as error:
            traceback.print_exc()
            self.report({"ERROR"}, session.fail(_defect(error)))
            return {"CANCELLED"}
        session.say(message)
        self.report({"INFO"}, message)
        return {"FINISHED"}


def _defect(error: Exception) -> RacewayError:
    return RacewayError(
        f"Raceway met a defect of its own ({type(error).__name__}: {error}).",
        hint="Please report it with what stands in Blender's console.",
    )
