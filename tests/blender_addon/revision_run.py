"""Runs in ``bpy``: an artist looks at the uncertain parts of a new revision and decides about them."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from blender_addon.headless import ADDON, run_operator, start_blender
from shared.errors import RacewayError
from shared.events import emit_result, tool_main


def main() -> dict[str, Any]:
    start_blender(Path(tempfile.mkdtemp()))
    import bpy

    session = importlib.import_module(f"{ADDON}.session")
    panel = importlib.import_module(f"{ADDON}.panel")
    seen: dict[str, Any] = {}

    def listed() -> dict[str, list[str]]:
        asked = session.current_review().questions
        return {question.new_key: [each.old_key for each in question.candidates] for question in asked}

    def said(operator: str, **properties: Any) -> str:
        try:
            run_operator(operator, **properties)
        except RacewayError as error:
            return error.code
        return str(session.scene_state().status)

    run_operator("import_cad")
    seen["check"], seen["listed"] = said("check_revision"), listed()
    (group,) = session.current_review().groups
    seen["group"] = dict(group.likeliest)
    alone = sorted(seen["listed"].keys() - seen["group"].keys())

    seen["unknown part"] = said("confirm_part", new_key="Nobody", old_key="")
    with session.connect() as client:
        client.decide_parts(session.scene_state().cad_file_id, {alone[1]: None})
    seen["too late"] = said("confirm_group", reason=group.reason)
    seen["explained"], seen["left"] = session.scene_state().status, listed()

    seen["together"] = said("confirm_group", reason=group.reason)
    answer = session.current_review().answered[0]
    seen["asked no more"] = said("confirm_group", reason=group.reason)
    seen["one"] = said("confirm_part", new_key=alone[0], old_key=seen["listed"][alone[0]][0])
    seen["taken back"] = said("take_back", at=answer.at)
    seen["gone"] = said("take_back", at=answer.at)
    seen["new"] = said("confirm_group", reason=group.reason, are_new=True)
    seen["open again"] = said("take_back", at=session.current_review().answered[0].at)

    def draw(menu: Any, context: Any) -> None:
        column = menu.layout.column()
        shim = SimpleNamespace(layout=column)
        for name in ("_draw_group", "_draw_question"):
            setattr(shim, name, getattr(panel.RevisionPanel, name))
        panel.RevisionPanel.draw(shim, context)
        emit_result({**seen, "layout": repr(column.introspect())})
        # Returning from here would crash Blender without a window.
        sys.stderr.flush()
        os._exit(0)

    bpy.context.window_manager.popup_menu(draw)
    return seen


if __name__ == "__main__":
    os._exit(tool_main(main))
