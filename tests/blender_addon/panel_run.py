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


class _Layout:
    """A real layout, but for lists: Blender draws those only inside a window, so their rows are drawn here."""

    def __init__(self, layout: Any, rows: Any) -> None:
        self._layout, self._rows = layout, rows

    def template_list(self, _: str, __: str, data: Any, name: str, *___: Any, **____: Any) -> None:
        for item in getattr(data, name):
            self._rows.draw_item(None, None, self._layout, data, item, 0, data, "", 0, 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layout, name)


def main() -> dict[str, Any]:
    resources = tempfile.mkdtemp()
    start_blender(Path(resources))
    import bpy

    run_operator("import_cad")
    panel = importlib.import_module(f"{ADDON}.panel")

    def draw(menu: Any, context: Any) -> None:
        column = menu.layout.column()
        shim = SimpleNamespace(layout=_Layout(column, panel.PartList))
        shim._draw_context = panel.MainPanel._draw_context.__get__(shim)
        shim._draw_parts = panel.MainPanel._draw_parts.__get__(shim)
        panel.MainPanel.draw(shim, context)
        emit_result({"layout": repr(column.introspect())})
        # Returning from here would crash Blender without a window.
        sys.stderr.flush()
        os._exit(0)

    bpy.context.window_manager.popup_menu(draw)
    return {"layout": ""}


if __name__ == "__main__":
    os._exit(tool_main(main))
