"""Stands in for ``dcc.render.encode``: the film is the content of its frames, a line each."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from shared.events import tool_main
from tests.service.stand_in import behaviour


def encode() -> dict[str, Any]:
    options = behaviour.options()
    places = [Path(options.frames.replace("####", f"{number:04}")) for number in range(options.first, options.last + 1)]
    options.output.write_text("\n".join(place.read_text() for place in places))
    return {"codec": "h264", "fps": 24, "frames": len(places), "duration": len(places) / 24, "width": 64, "height": 36}


if __name__ == "__main__":
    sys.exit(tool_main(encode))
