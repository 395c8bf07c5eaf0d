"""Blocking work off the user interface's thread, its answer back on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal

from shared.errors import RacewayError

T = TypeVar("T")


class Background(QObject):
    """Runs calls on worker threads; of several calls with one key only the newest answers.

    ``done`` and ``failed`` are called on the thread this object lives on, never after :meth:`shut_down`.
    """

    busy_changed = Signal(bool)
    _answered = Signal(object, object, object)

    def __init__(self, threads: int = 4, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(threads)
        self._newest: dict[str, _Call] = {}
        self._running = 0
        self._closed = False
        self._answered.connect(self._on_answered)

    @property
    def busy(self) -> bool:
        return self._running > 0

    def run(
        self,
        key: str,
        work: Callable[[], T],
        done: Callable[[T], None],
        failed: Callable[[RacewayError], None],
    ) -> None:
        """Call ``work`` on a worker thread, then ``done`` with its result or ``failed`` with its error."""
        call = _Call(key, work, done, failed, self._answered.emit)
        self._newest[key] = call
        self._count(+1)
        self._pool.start(call)

    def forget(self, key: str) -> None:
        """The answer to calls with this key is no longer wanted."""
        self._newest.pop(key, None)

    def shut_down(self, milliseconds: int) -> bool:
        """Drop what has not started and wait that long for the rest; False where something is still running."""
        self._closed = True
        self._pool.clear()
        return self._pool.waitForDone(milliseconds)

    def _on_answered(self, call: _Call, result: Any, error: RacewayError | None) -> None:
        self._count(-1)
        if self._closed or self._newest.get(call.key) is not call:
            return
        del self._newest[call.key]
        if error is None:
            call.done(result)
        else:
            call.failed(error)

    def _count(self, change: int) -> None:
        was_busy, self._running = self.busy, self._running + change
        if self.busy != was_busy:
            self.busy_changed.emit(self.busy)


class _Call(QRunnable):
    def __init__(
        self,
        key: str,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[RacewayError], None],
        answer: Callable[[_Call, Any, RacewayError | None], None],
    ) -> None:
        super().__init__()
        self.key, self.done, self.failed = key, done, failed
        self._work, self._answer = work, answer
        # Python owns it: the receiver still needs it after it ran.
        self.setAutoDelete(False)

    def run(self) -> None:
        try:
            result, error = self._work(), None
        except RacewayError as raised:
            result, error = None, raised
        except Exception as raised:
            # A worker thread has nobody above it: a defect must reach the artist as a message, not end in silence.
            result = None
            error = RacewayError(
                f"Something unexpected happened: {type(raised).__name__}: {raised}.",
                hint="Try again; if it stays, tell your pipeline team.",
                code="launcher.unexpected",
            )
        self._answer(self, result, error)
