"""The ``raceway`` command: finds its subcommands among the installed entry points and runs one.

Each folder registers what it offers in ``setup.cfg`` under ``raceway.commands``; the value names a
:class:`Command`. Importing a command's module is cheap: what is heavy is imported when the command runs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TextIO

from shared import __version__
from shared.errors import RacewayError

ENTRY_POINT_GROUP = "raceway.commands"
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


@dataclass(frozen=True)
class Command:
    """One subcommand: ``configure`` adds its arguments, ``run`` does its work and returns the exit status."""

    name: str
    help: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``raceway ARGUMENTS`` and return its exit status: 0 done, 1 failed, 2 bad usage, 130 interrupted."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    registered = {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
    # Only the command asked for is imported; the list of all is needed for help alone.
    chosen = arguments[0] if arguments else ""
    names = [chosen] if chosen in registered else sorted(registered)
    parser = _parser([_load(registered[name]) for name in names])
    options = parser.parse_args(arguments)
    if "run" not in options:
        parser.print_help()
        return EXIT_USAGE
    as_json = bool(getattr(options, "json", False))
    try:
        return int(options.run(options))
    except RacewayError as error:
        report_error(error, as_json=as_json)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left (`raceway ... | head`); nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    return EXIT_FAILED


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """``--json``: one JSON object on standard output, for programs."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def print_json(data: Any) -> None:
    """Print ``data`` as the one JSON object of a ``--json`` run."""
    print(json.dumps(data, ensure_ascii=False, indent=2))


def report_error(error: RacewayError, *, as_json: bool = False) -> None:
    """Tell the user what went wrong and what to do: a line each, or the JSON error object with ``--json``."""
    if as_json:
        print_json({"ok": False, "error": error.to_json()})
    print(f"error [{error.code}]: {error.message}", file=sys.stderr)
    for name, message in error.fields.items():
        print(f"  {name}: {message}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)


class Progress:
    """A progress line on standard error, redrawn in place; nothing where that is no terminal."""

    WIDTH = 28

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._shown = False

    def update(self, stage: str, percent: float, message: str = "") -> None:
        """Show that ``percent`` (0 to 100) of the work is done and ``stage`` is under way."""
        if not self._stream.isatty():
            return
        filled = round(self.WIDTH * percent / 100)
        bar = "█" * filled + "·" * (self.WIDTH - filled)
        text = f"  {bar} {percent:3.0f} %  {stage} {message}"
        self._stream.write(f"\r\033[K{text[: shutil.get_terminal_size().columns - 1]}")
        self._stream.flush()
        self._shown = True

    def close(self) -> None:
        """Remove the line."""
        if self._shown:
            self._stream.write("\r\033[K")
            self._stream.flush()
            self._shown = False


def _load(point: EntryPoint) -> Command:
    command = point.load()
    if not isinstance(command, Command):
        raise TypeError(f"entry point {point.name} = {point.value} is no shared.cli.Command")
    return command


def _parser(commands: Sequence[Command]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="raceway", description="From engineering CAD to finished pictures in Blender and Houdini."
    )
    parser.add_argument("--version", action="version", version=f"raceway {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in commands:
        sub = subparsers.add_parser(command.name, help=command.help, description=command.help)
        command.configure(sub)
        sub.set_defaults(run=command.run)
    return parser


if __name__ == "__main__":
    # Commands are instances of this module's class as others import it, not of a second copy named __main__.
    from shared.cli import main as imported_main

    sys.exit(imported_main())
