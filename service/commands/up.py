"""``raceway up``: PostgreSQL, Redis, the service and its workers on this machine."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from shared.cli import Command

_CHECK_SECONDS = 1.0


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="where everything is kept (default: $RACEWAY_DATA or ./raceway-data)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=8430, help="port to listen on, 0 for any free one")
    parser.add_argument("--workers", type=int, default=1, help="number of workers; 0 for none here")


def run(options: argparse.Namespace) -> int:
    from service.stack import data_folder, running

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    data = data_folder(options.data)
    with running(
        data,
        host=options.host,
        port=options.port,
        workers=options.workers,
        announce=lambda line: print(line, flush=True),
    ) as stack:
        if stack.studio.password:
            print(f"First login           {stack.studio.email}  password {stack.studio.password}")
        print(f"Open                  {stack.url}/?token={stack.admin_token}", flush=True)
        print("Ctrl-C stops everything.", flush=True)
        while not stop.wait(_CHECK_SECONDS):
            stack.check()
        print("stopping", flush=True)
    return 0


COMMAND = Command("up", "start PostgreSQL, Redis, the service and workers on this machine", configure, run)
