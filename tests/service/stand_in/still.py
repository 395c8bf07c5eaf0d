"""Stands in for ``dcc.render.still``; see :mod:`tests.service.stand_in.behaviour`."""

from __future__ import annotations

import sys
from typing import Any

from shared.events import emit_progress, tool_main
from tests.service.stand_in import behaviour


def render() -> dict[str, Any]:
    options = behaviour.options()
    behaviour.misbehave()
    emit_progress("render", 10)
    behaviour.render_for(1)
    for place in (options.output, options.thumbnail):
        place.write_text("picture")
    return {
        "engine": "cycles",
        "device": behaviour.DEVICE,
        "samples": 1,
        "width": 64,
        "height": 36,
        "render_seconds": behaviour.seconds(),
    }


if __name__ == "__main__":
    sys.exit(tool_main(render))
