"""Runs one of our tools inside a Blender application: ``blender --background --python in_application.py -- MODULE ...``

:func:`dcc.render.blender.application_command` makes that command line.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main() -> None:
    # The application's Python knows nothing of us.
    sys.path.insert(0, str(Path(__file__).parents[2]))
    module, *arguments = sys.argv[sys.argv.index("--") + 1 :]
    from dcc.render.blender import leave

    leave(importlib.import_module(module).main(arguments))


if __name__ == "__main__":
    main()
