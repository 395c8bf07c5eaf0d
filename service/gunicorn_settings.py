"""How gunicorn runs the service: threads, because requests wait for the database and for files."""

from __future__ import annotations

import os
import signal
from typing import Any

from shared.processes import die_with_parent

workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
worker_class = "gthread"
threads = 16
timeout = 120
graceful_timeout = 3
keepalive = 5
errorlog = "-"
loglevel = "warning"
control_socket_disable = True
# The heartbeat's file belongs in memory, where a slow disk cannot stall it; not every container has that place.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None


def post_fork(server: Any, worker: Any) -> None:
    """Die with the parent at once, so that its port is free for the next start."""
    die_with_parent()
    if os.getppid() != server.pid:
        os.kill(os.getpid(), signal.SIGKILL)
