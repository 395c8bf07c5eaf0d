"""A lock that the kernel takes back when its last holder dies, however it died."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from shared.process_tree import exists


class ProcessLock:
    """Exclusive ``flock`` on a file that also names the holder's process id.

    The lock belongs to the open file, so a child started with ``pass_fds=(lock.descriptor,)`` holds it as
    well, and it stays taken until the last such process is gone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1

    @property
    def descriptor(self) -> int:
        """The open file, -1 while this process does not hold the lock."""
        return self._descriptor

    def acquire(self) -> bool:
        """Take the lock if it is free; answers whether we hold it now. Raises OSError."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return False
            raise
        self._descriptor = descriptor
        return True

    def name_holder(self, pid: int) -> None:
        """Write down whom others should name when they find the lock taken."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{pid}\n".encode(), 0)

    def holder(self) -> int | None:
        """Process id of the holder; meaningful only while the lock is taken."""
        try:
            return int(self.path.read_text())
        except (OSError, ValueError):
            return None

    def is_holder_alive(self) -> bool:
        """Whether the process that :meth:`holder` names exists."""
        pid = self.holder()
        return pid is not None and exists(pid)

    def release(self) -> None:
        """Let go of the lock in this process; children that share it keep it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
