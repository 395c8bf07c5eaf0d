"""Stands in for ``dcc.render.frames``; see :mod:`tests.service.stand_in.behaviour`."""

from __future__ import annotations

import sys
from typing import Any

from shared.events import emit, log, tool_main
from shared.frame_ranges import parse_frames
from tests.service.stand_in import behaviour


def render() -> dict[str, Any]:
    options = behaviour.options()
    behaviour.misbehave()
    frames = parse_frames(options.frames)
    done: list[dict[str, Any]] = []
    for number, frame in enumerate(frames):
        emit("progress", stage="render", percent=100 * number / len(frames), message=f"frame {frame}", frame=frame)
        place = options.output.with_name(options.output.name.replace("####", f"{frame:04}"))
        # Half of it stands there while it renders, as with a real one.
        half = place.with_name(f"{place.name}.part")
        half.write_text("half")
        behaviour.render_for(frame)
        half.write_text(f"frame {frame}")
        half.replace(place)
        log(f"frame {frame} stands")
        done.append({"frame": frame, "path": str(place), "seconds": behaviour.seconds()})
        emit("frame", **done[-1])
    return {"frames": done, "engine": "cycles", "device": behaviour.DEVICE, "render_seconds": 0.0}


if __name__ == "__main__":
    sys.exit(tool_main(render))
