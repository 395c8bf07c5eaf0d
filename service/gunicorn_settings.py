"""How gunicorn runs the service: threads, because requests wait for the database and for files.

Each open event stream has a thread; :mod:`service.activity.streams` keeps some free for requests.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
from types import FrameType
from typing import Any

from service import figures_folder
from shared.processes import die_with_parent

workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
worker_class = "service.gunicorn_worker.Worker"
threads = 64
timeout = 120
# Uploads and downloads under way may end; event streams are told to (below).
graceful_timeout = 20
keepalive = 5
errorlog = "-"
loglevel = "warning"
logconfig_dict = {
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "formatters": {"json": {"()": "service.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "loggers": {"gunicorn.error": {"handlers": ["stderr"], "level": "WARNING", "propagate": False}},
}
control_socket_disable = True
# The heartbeat's file belongs in memory, where a slow disk cannot stall it; not every container has that place.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None

# All processes count together, in files (see service/metrics.py). Set before anything imports prometheus_client.
_figures = figures_folder.make_folder()
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_figures)


def post_worker_init(worker: Any) -> None:
    """Streams last for hours: they are ended first when the worker is asked to stop, which waits for its threads."""
    from service.activity.streams import streams_of

    # What is loaded by now stays: the collector need not look through it again and again, request after request.
    gc.collect()
    gc.freeze()

    streams = streams_of(worker.wsgi)

    def end(number: int, frame: FrameType | None) -> None:
        streams.stop()
        worker.handle_exit(number, frame)

    signal.signal(signal.SIGTERM, end)


def on_exit(server: Any) -> None:
    """Leave no files behind."""
    shutil.rmtree(_figures, ignore_errors=True)


def child_exit(server: Any, worker: Any) -> None:
    """What an ended process counted stays counted; what it alone stood for does not."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def pre_fork(server: Any, worker: Any) -> None:
    """Of what is loaded already, the collector must touch nothing: what a process touches it shares no longer."""
    gc.collect()
    gc.freeze()


def post_fork(server: Any, worker: Any) -> None:
    """Die with the parent at once, so that its port is free for the next start."""
    die_with_parent()
    if os.getppid() != server.pid:
        os.kill(os.getpid(), signal.SIGKILL)
