"""``raceway worker``: take jobs from the queues, on this or any machine with the two URLs and the storage."""

from __future__ import annotations

import argparse
import sys

from shared.cli import EXIT_FAILED, Command, report_error
from shared.errors import RacewayError


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--queues", default="cad,render,default", help="queues to serve, the most urgent first (default: %(default)s)"
    )
    parser.add_argument("--name", default="", help="name shown in the list of workers (default: host and process id)")


def run(options: argparse.Namespace) -> int:
    from service import logs, worker
    from service.config import Config
    from service.queueing import QUEUES
    from shared.errors import InputError

    queues = [name.strip() for name in options.queues.split(",") if name.strip()]
    if unknown := [name for name in queues if name not in QUEUES] or (not queues and ["none"]):
        raise InputError(f"There is no queue {unknown[0]!r}.", hint=f"Choose from {', '.join(QUEUES)}.")
    logs.configure()
    worker.run(Config.from_environment(), queues, options.name)
    return 0


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
