"""``raceway render``: one picture of a USD asset on this machine, without any service."""

from __future__ import annotations

import argparse
from pathlib import Path

from shared.cli import Command, Progress, add_json_option, print_json
from shared.processes import python_tool, run_tool
from shared.steps import step

_STILL = ("width", "height", "samples", "engine", "device", "background")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("usd", type=Path, metavar="FILE.usd", help="entry of a published asset, or a USD master")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.png", help="the picture to write")
    parser.add_argument("--thumbnail", type=Path, metavar="OUT.png", help="a small copy of the picture")
    parser.add_argument("--manifest", type=Path, metavar="FILE", help="materials for parts that the USD leaves unbound")
    types = {"integer": int, "string": str}
    for parameter in step("still").parameters:
        parser.add_argument(
            f"--{parameter.name}",
            type=types[parameter.type],
            help=f"{parameter.help} {parameter.recommendation}".strip(),
            metavar=parameter.name.upper(),
        )
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    given = {name: value for name in _STILL if (value := getattr(options, name)) is not None}
    step("still").check(given)
    arguments = ["--usd", str(options.usd), "--output", str(options.output)]
    for name in ("thumbnail", "manifest"):
        if getattr(options, name) is not None:
            arguments += [f"--{name}", str(getattr(options, name))]
    for name, value in given.items():
        arguments += [f"--{name}", str(value)]
    progress = Progress()
    try:
        result = run_tool(
            python_tool("dcc.render.still", *arguments),
            on_event=lambda event: progress.update(event["stage"], event["percent"], event.get("message", "")),
        )
    finally:
        progress.close()
    if options.json:
        print_json(result)
    else:
        device = result["device"]
        print(f"{options.output}  {result['render_seconds']:.1f} s on {device['used']} ({device['why']})")
    return 0


COMMAND = Command("render", "render one picture of a USD asset on this machine", configure, run)
