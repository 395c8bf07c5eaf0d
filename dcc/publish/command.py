"""``raceway publish``: publish a USD file as a part of an asset or shot."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

from shared.cli import Command, Progress, add_json_option, print_json
from shared.context import Context

_STEPS = ("collect", "validate", "extract", "integrate")


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the USD file (.usd, .usda, .usdc)")
    parser.add_argument("--part", required=True, help="name of the part, e.g. body or look")
    parser.add_argument("--task", help="id of the task it is published for (default: PM_TASK_ID)")
    parser.add_argument("--department", default="", help="whose layer it is (default: the task's department)")
    parser.add_argument("--comment", default="", help="a few words for those who use it")
    add_json_option(parser)


def _run(options: argparse.Namespace) -> int:
    from dcc.publish.data import Request, UsdFile
    from dcc.publish.pipeline import publish
    from shared.client import Client

    context = Context.from_environment(os.environ)
    if options.task:
        context = replace(context, task_id=options.task)
    request = Request(options.part, UsdFile(options.file), options.department, comment=options.comment)
    progress = Progress()
    with Client.from_context(context) as client:
        try:
            done = publish(
                client, context, request, lambda step, text: progress.update(step, 25.0 * _STEPS.index(step), text)
            )
        finally:
            progress.close()
    if options.json:
        print_json({"ok": True, **done.publish, "warnings": [str(problem) for problem in done.warnings]})
        return 0
    for problem in done.warnings:
        print(f"warning [{problem.check}]: {problem}")
    print(f"published {done.publish['item_usd_path']}")
    print(f"reference {done.publish['asset_usd_path']}")
    return 0


COMMAND = Command("publish", "publish a USD file as a part of an asset or shot", _configure, _run)
