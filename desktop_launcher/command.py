"""``raceway launcher``."""

from __future__ import annotations

import argparse

from shared.cli import Command


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--api-url", metavar="URL", default="", help="address of the service (default: the last one)")
    parser.add_argument("--root", metavar="DIR", default="", help="shared storage as this machine sees it")


def _run(options: argparse.Namespace) -> int:
    from desktop_launcher.app import run

    return run(api_url=options.api_url, root=options.root)


COMMAND = Command(
    name="launcher",
    help="open the window that lists your work and starts Blender or Houdini on it",
    configure=_configure,
    run=_run,
)
