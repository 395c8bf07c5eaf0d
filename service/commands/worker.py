"""``raceway worker``: take jobs from the queues, on this or any machine with the two URLs and the storage."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from shared.cli import EXIT_FAILED, Command, report_error
from shared.errors import RacewayError
from shared.jobs import check_capabilities


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--queues", default="cad,render,default", help="queues to serve, the most urgent first (default: %(default)s)"
    )
    parser.add_argument(
        "--capabilities",
        default="",
        metavar="NAME,NAME",
        help="what this machine has and jobs may need: gpu, houdini, blender-5.0, or the name of a pool of workers",
    )
    parser.add_argument("--name", default="", help="name shown in the list of workers (default: host and process id)")
    parser.add_argument("--drain", action="store_true", help="do what waits now, then leave")
    parser.add_argument(
        "--systemd", type=Path, metavar="DIR", help="write units for systemd there, and say how to use them, instead"
    )


def run(options: argparse.Namespace) -> int:
    from service import logs, worker
    from service.config import Config
    from service.deploy import write_units
    from service.queue.queueing import QUEUES
    from shared.errors import InputError

    if options.systemd:
        print(write_units(options.systemd, python=sys.executable))
        return 0
    queues = _names(options.queues)
    if unknown := [name for name in queues if name not in QUEUES] or (not queues and ["none"]):
        raise InputError(f"There is no queue {unknown[0]!r}.", hint=f"Choose from {', '.join(QUEUES)}.")
    capabilities = check_capabilities(_names(options.capabilities))
    logs.configure()
    worker.run(Config.from_environment(), worker.Abilities(queues, capabilities, options.name, options.drain))
    return 0


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


COMMAND = Command("worker", "do the jobs of the queues (conversions, renders)", configure, run)


def main() -> int:
    """Run as ``python -m service.commands.worker``, which works where Raceway is not installed."""
    parser = argparse.ArgumentParser(prog="raceway worker", description=COMMAND.help)
    configure(parser)
    try:
        return run(parser.parse_args())
    except RacewayError as error:
        report_error(error)
        return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
