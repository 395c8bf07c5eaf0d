"""``raceway up``: PostgreSQL, Redis, the service and its workers on this machine."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from shared.cli import Command, add_json_option, print_json

_CHECK_SECONDS = 1.0


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="where everything is kept (default: $RACEWAY_DATA or ./raceway-data)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument(
        "--port", type=_port, default=8430, help="port to listen on, 0 for any free one (default: 8430)"
    )
    parser.add_argument("--workers", type=_count, default=1, help="number of workers; 0 for none here (default: 1)")
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    from service.stack import data_folder, running

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())

    def announce(line: str) -> None:
        # With --json, standard output holds the one object.
        print(line, file=sys.stderr if options.json else sys.stdout, flush=True)

    where = {"host": options.host, "port": options.port, "workers": options.workers}
    with running(data_folder(options.data), **where, announce=announce) as stack:
        login = f"{stack.url}/?token={stack.admin_token}"
        announce(f"Storage               {stack.root} (PM_ROOT)")
        announce(f"Login                 {stack.studio.email}, first password in {stack.password_file}")
        announce(f"Open                  {login}")
        announce("Ctrl-C stops everything.")
        if options.json:
            print_json(
                {
                    "ok": True,
                    "url": stack.url,
                    "api_url": stack.api_url,
                    "login": login,
                    "email": stack.studio.email,
                    "password_file": str(stack.password_file),
                    "root": str(stack.root),
                    "data": str(stack.data_dir),
                    "start_seconds": round(stack.start_seconds, 2),
                }
            )
            sys.stdout.flush()
        while not stop.wait(_CHECK_SECONDS):
            stack.check(announce)
        announce("stopping")
    return 0


def _port(text: str) -> int:
    return _within(text, 65535)


def _count(text: str) -> int:
    return _within(text, 256)


def _within(text: str, most: int) -> int:
    if not text.isdecimal() or int(text) > most:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {most}")
    return int(text)


COMMAND = Command("up", "start PostgreSQL, Redis, the service and workers on this machine", configure, run)
