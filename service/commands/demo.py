"""``raceway demo``: from a STEP file to a rendered picture, with one command."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import threading
from pathlib import Path

from shared.cli import Command, Progress, add_json_option, print_json
from shared.client import Json
from shared.steps import step as process_step


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--step", type=Path, metavar="FILE", help="your own STEP file (default: a ball bearing)")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="where everything is kept (default: $RACEWAY_DATA or ./raceway-data)"
    )
    parser.add_argument("--width", type=int, help="width of the picture in pixels")
    parser.add_argument("--height", type=int, help="height of the picture in pixels")
    parser.add_argument("--samples", type=int, help="light paths for each pixel")
    parser.add_argument("--keep", action="store_true", help="leave the service up until Ctrl-C")
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    from service.demo.session import Demo, check_free_space, check_step_file
    from service.stack import data_folder, running

    if options.step is not None:
        check_step_file(options.step)
    settings = {name: value for name in ("width", "height", "samples") if (value := getattr(options, name)) is not None}
    process_step("still").check(settings)
    data = data_folder(options.data)
    check_free_space(data)

    # A demonstration that is asked to end takes its service along; also one that a script started in the background,
    # where the shell has SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    progress = Progress()
    quiet = options.json

    def announce(text: str, seconds: float) -> None:
        progress.close()
        if not quiet:
            print(f"✓ {seconds:6.1f} s  {text}", flush=True)

    progress.update("starting PostgreSQL, Redis, the service and a worker", 0)
    with running(data, workers=1) as stack:
        announce(f"PostgreSQL, Redis, the service and a worker are up: {stack.url}", stack.start_seconds)
        demo = Demo(stack, options.step, settings, progress.update, announce)
        demo.result.timings["start"] = round(stack.start_seconds, 2)
        try:
            result = demo.run()
            progress.close()
            if options.json:
                print_json(result.to_json())
            else:
                page = demo.page_link() if options.keep else result.values["page"]
                _summary({**result.values, "page": page}, result.timings, data, kept=options.keep)
            sys.stdout.flush()
            if options.keep:
                _wait_for_interrupt(quiet)
        finally:
            demo.close()
    return 0


def _summary(values: Json, timings: dict[str, float], data: Path, *, kept: bool) -> None:
    rows = {
        "picture": values["render"],
        "USD": values["asset_usd_path"],
        "scene": values["scene"],
        "GLB": values["glb"],
        "manifest": values["manifest"],
        "publish": values["publish_id"],
        "job": values["job_id"],
        "page": values["page"],
    }
    print()
    for name, value in rows.items():
        print(f"  {name:<9} {value}")
    steps = "  ".join(f"{name} {seconds:.1f}" for name, seconds in timings.items() if name != "total")
    print(f"  {'seconds':<9} {steps}  total {timings['total']:.1f}")
    if not kept:
        again = f"raceway up --data {shlex.quote(str(data))}"
        print(f"\n  To see the page, keep the service up: raceway demo --keep, or {again}")


def _wait_for_interrupt(quiet: bool) -> None:
    if not quiet:
        print("\n  The service stays up. Ctrl-C stops it.", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print("stopping", file=sys.stderr)


COMMAND = Command(
    "demo",
    "take a STEP file to a rendered picture: start everything, convert, assign materials, publish, render",
    configure,
    run,
)
