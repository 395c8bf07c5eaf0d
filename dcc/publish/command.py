"""``raceway publish``: publish a USD file as a part of an asset or shot, and look after what waits for the service."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from shared.cli import EXIT_FAILED, EXIT_USAGE, Command, Progress, add_json_option, print_json, report_error
from shared.context import Context

_STEPS = ("collect", "validate", "extract", "integrate")


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, nargs="?", help="the USD file (.usd, .usda, .usdc)")
    parser.add_argument("--part", help="name of the part, e.g. body or look")
    parser.add_argument("--task", metavar="ID", help="id of the task it is published for (default: PM_TASK_ID)")
    parser.add_argument("--department", default="", help="whose layer it is (default: the task's department)")
    parser.add_argument("--comment", default="", help="a few words for those who use it")
    parser.add_argument("--fix", action="store_true", help="put right what can be, in the copy that is published")
    parser.add_argument("--no-queue", action="store_true", help="fail where the service is away, instead of queueing")
    other = parser.add_argument_group("instead of publishing a file").add_mutually_exclusive_group()
    other.add_argument("--list-checks", action="store_true", help="the checks a publish has to pass")
    other.add_argument("--queue", action="store_true", help="what waits for the service on this machine")
    other.add_argument("--drain", action="store_true", help="send what waits")
    other.add_argument("--retry", metavar="ID", help="send a refused publish of the queue again")
    other.add_argument("--discard", metavar="ID", help="forget a publish of the queue")
    other.add_argument("--pin", metavar="ID", help="a publish again as it was, with all that it refers to")
    other.add_argument("--demo", action="store_true", help="publish a small plate through the API, with no DCC")
    add_json_option(parser)


def _run(options: argparse.Namespace) -> int:
    for name, run in _OTHERS.items():
        if getattr(options, name):
            return run(options)
    if options.file is None or not options.part:
        print("raceway publish: name a FILE and its --part, or see --help for what else it does", file=sys.stderr)
        return EXIT_USAGE
    return _publish(options)


def _publish(options: argparse.Namespace) -> int:
    from dcc.publish.data import Request, UsdFile
    from dcc.publish.pipeline import publish
    from shared.client import Client
    from shared.publish_queue import PublishQueue

    context = Context.from_environment(os.environ, needs_project=False)
    if options.task:
        context = replace(context, task_id=options.task)
    request = Request(options.part, UsdFile(options.file), options.department, comment=options.comment, fix=options.fix)
    queue = None if options.no_queue else PublishQueue.of_user()
    progress = Progress()
    with Client.from_context(context) as client:
        try:
            done = publish(
                client,
                context,
                request,
                lambda step, text: progress.update(step, 25.0 * _STEPS.index(step), text),
                queue=queue,
            )
        finally:
            progress.close()
    if options.json:
        told = {"warnings": [finding.to_json() for finding in done.warnings], "fixed": list(done.fixed)}
        print_json({"ok": True, **done.publish, **told, "queued": done.queued or None})
        return 0
    for name in done.fixed:
        print(f"fixed     {name}")
    for finding in done.warnings:
        print(f"warning [{finding.check}]: {finding.line}")
    if done.queued:
        print(f"queued    {done.queued}: the service is away; it is sent with the next publish, or by --drain")
        return 0
    print(f"published {done.publish['item_usd_path']}")
    print(f"reference {done.publish['asset_usd_path']}")
    return 0


def _list_checks(options: argparse.Namespace) -> int:
    from dcc.publish.validate import all_checks

    checks = all_checks()
    if options.json:
        print_json({"ok": True, "checks": [vars(check) for check in checks]})
        return 0
    width = max(len(check.name) for check in checks)
    for check in checks:
        print(f"{check.name:<{width}}  {check.help}")
        if check.fix:
            print(f"{'':<{width}}  --fix {check.fix}")
    return 0


def _list_queue(options: argparse.Namespace) -> int:
    from shared.publish_queue import PublishQueue

    entries = PublishQueue.of_user().entries()
    if options.json:
        print_json({"ok": True, "queue": [entry.to_json() for entry in entries]})
        return 0
    for entry in entries:
        waiting = entry.publish
        print(f"{entry.id.rpartition('-')[2]}  {entry.state:<8} {entry.queued_at}  {waiting.entity} {waiting.part}")
        if entry.error:
            print(f"          {entry.error.get('message')} {entry.error.get('hint')}")
    if not entries:
        print("nothing waits")
    return 0


def _drain(options: argparse.Namespace) -> int:
    from dcc.publish.pipeline import send
    from dcc.publish.queued import drain
    from shared.client import Client
    from shared.publish_queue import PublishQueue

    context = Context.from_environment(os.environ, needs_project=False)
    queue = PublishQueue.of_user()
    if options.retry:
        queue.retry(queue.entry(options.retry))
    with Client.from_context(context) as client:
        done = drain(client, context, queue, send)
    failed = done.reason is not None or bool(done.refused)
    if options.json:
        error = done.reason.to_json() if done.reason else None
        refused = [entry.to_json() for entry in done.refused]
        print_json({"ok": not failed, "sent": done.sent, "refused": refused, "waiting": done.waiting, "error": error})
        return EXIT_FAILED if failed else 0
    for publish in done.sent:
        print(f"published {publish['item_usd_path']}")
    for entry in done.refused:
        why = entry.error or {}
        print(f"refused   {entry.id.rpartition('-')[2]} {entry.publish.part}: {why.get('message')}", file=sys.stderr)
        print(f"          {why.get('hint')} Then --retry it, or --discard it.", file=sys.stderr)
    if done.reason:
        report_error(done.reason)
    print(f"{len(done.sent)} sent, {len(done.refused)} refused, {done.waiting} waiting")
    return EXIT_FAILED if failed else 0


def _discard(options: argparse.Namespace) -> int:
    from shared.publish_queue import PublishQueue

    queue = PublishQueue.of_user()
    entry = queue.entry(options.discard)
    queue.remove(entry)
    if options.json:
        print_json({"ok": True, "discarded": entry.to_json()})
    else:
        print(f"discarded {entry.publish.part} of {entry.publish.entity}")
    return 0


def _demo(options: argparse.Namespace) -> int:
    from dcc.publish import demo
    from shared.client import Client

    context = demo.context_of(os.environ)

    def announce(line: str) -> None:
        if not options.json:
            print(line)

    with Client.from_context(context) as client:
        done = demo.run(client, context.root, announce)
    if options.json:
        print_json({"ok": True, **done.publish, "entry": str(done.entry), "page": done.page})
        return 0
    print(f"published  {done.publish['item_usd_path']}")
    print(f"reference  {done.entry}")
    print(f"page       {done.page}")
    return 0


def _pin(options: argparse.Namespace) -> int:
    from dcc.usd.pinned import pin_publish
    from shared.client import Client

    context = Context.from_environment(os.environ, needs_project=False)
    with Client.from_context(context) as client:
        place = pin_publish(client, context.root, options.pin)
    if options.json:
        print_json({"ok": True, "usd": str(place)})
    else:
        print(place)
    return 0


_OTHERS: dict[str, Callable[[Any], int]] = {
    "list_checks": _list_checks,
    "queue": _list_queue,
    "drain": _drain,
    "retry": _drain,
    "discard": _discard,
    "pin": _pin,
    "demo": _demo,
}

COMMAND = Command("publish", "publish a USD file as a part of an asset or shot", _configure, _run)
