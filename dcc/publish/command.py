"""``raceway publish``: publish a USD file as a part of the asset or shot of a task."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from shared.cli import Command, add_json_option, print_json
from shared.context import Context
from shared.departments import DEPARTMENTS


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE.usd", help="the USD layer to publish")
    parser.add_argument("--part", required=True, help="name of the part, such as body or particles01")
    parser.add_argument(
        "--department",
        required=True,
        choices=[department.name for department in DEPARTMENTS],
        help="decides whose opinions win where layers meet",
    )
    parser.add_argument("--task", metavar="ID", help="the task (default: PM_TASK_ID)")
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    from dcc.publish.collect import Source, collect_target
    from dcc.publish.extract import file_of
    from dcc.publish.integrate import PartPublish, integrate
    from shared.client import Client

    context = Context.from_environment()
    if options.task:
        context = replace(context, task_id=options.task)
    with Client.from_context(context) as client:
        target = collect_target(client, context)
        part = PartPublish(options.part, options.department, file_of(options.file))
        publish = integrate(client, target, part, Source("raceway publish"))
    if options.json:
        print_json(publish)
    else:
        print(f"{publish['part_name']} v{publish['version']:03d} published: {publish['item_usd_path']}")
    return 0


COMMAND = Command("publish", "publish a USD layer as a part of an asset or shot", configure, run)
