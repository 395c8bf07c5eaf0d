"""How gunicorn runs the service: threads, because requests wait for the database and for files.

The number of processes is gunicorn's own setting ``WEB_CONCURRENCY``.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1

worker_class = "gthread"
threads = 16
timeout = 120
graceful_timeout = 8
keepalive = 5
errorlog = "-"
loglevel = "warning"
control_socket_disable = True
# Uploads are streamed by our own code and may take long; the heartbeat is the worker's, not the request's.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None


def post_fork(server: Any, worker: Any) -> None:
    """Die with the parent at once, so that its port is free for the next start."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
