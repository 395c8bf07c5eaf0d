"""Runs in ``bpy``: draws the panel in a real layout and reports what is in it."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from blender_addon.headless import ADDON, run_operator, start_blender
from shared.events import emit_result, tool_main


def main() -> dict[str, Any]:
    resources = tempfile.mkdtemp()
    start_blender(Path(resources))
    import bpy

    run_operator("import_cad")
    panel = importlib.import_module(f"{ADDON}.panel").MainPanel

    def draw(menu: Any, context: Any) -> None:
        layout = menu.layout.column()
        shim = SimpleNamespace(layout=layout, _draw_context=None, _draw_parts=None)
        shim._draw_context = panel._draw_context.__get__(shim)
        shim._draw_parts = panel._draw_parts.__get__(shim)
        panel.draw(shim, context)
        emit_result({"layout": repr(layout.introspect())})
        # Returning from here would crash Blender without a window.
        sys.stderr.flush()
        os._exit(0)

    bpy.context.window_manager.popup_menu(draw)
    return {"layout": ""}


if __name__ == "__main__":
    os._exit(tool_main(main))
