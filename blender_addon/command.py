"""``raceway build-addon``: the extension as a zip that Blender installs."""

from __future__ import annotations

import argparse
from pathlib import Path

from shared.cli import Command, add_json_option, print_json


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, default=Path("dist"), help="folder for the zip (default: dist)")
    add_json_option(parser)


def _run(options: argparse.Namespace) -> int:
    from blender_addon.build import build_addon

    extension = build_addon(options.output)
    if options.json:
        print_json({"ok": True, "extension": str(extension)})
    else:
        print(f"{extension}\nIn Blender: Edit > Preferences > Get Extensions > Install from Disk.")
    return 0


COMMAND = Command("build-addon", "build the Blender extension", _configure, _run)
