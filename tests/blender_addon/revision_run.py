"""Runs in ``bpy``: an artist looks at the uncertain parts of a new revision and decides about them."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from blender_addon.headless import ADDON, run_operator, start_blender
from shared.errors import RacewayError
from shared.events import tool_main


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as resources:
        start_blender(Path(resources))
        session = importlib.import_module(f"{ADDON}.session")
        seen: dict[str, Any] = {}

        def listed() -> list[list[Any]]:
            return [[row.new_key, row.old_key, round(row.confidence, 4)] for row in session.scene_state().candidates]

        run_operator("import_cad")
        run_operator("check_revision")
        seen["listed"], seen["said"] = listed(), session.scene_state().status
        try:
            run_operator("confirm_part", new_key="Nobody", old_key="")
        except RacewayError as error:
            seen["refused"] = error.code
        first, second = seen["listed"][0], next(row for row in seen["listed"] if row[0] != seen["listed"][0][0])
        run_operator("confirm_part", new_key=first[0], old_key=first[1])
        seen["confirmed"] = session.scene_state().status
        run_operator("confirm_part", new_key=second[0], old_key="")
        seen["left"] = listed()
        return seen


if __name__ == "__main__":
    status = tool_main(main)
    sys.stderr.flush()
    os._exit(status)
