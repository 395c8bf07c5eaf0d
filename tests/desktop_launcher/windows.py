"""What tests of the window do with it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QApplication

from desktop_launcher.window import MainWindow

Wait = Callable[[Callable[[], object]], None]


def settle(window: MainWindow, wait_until: Wait) -> None:
    """Wait until nothing is under way; an answer may start the next call, so look again after it."""
    for _ in range(3):
        QApplication.processEvents()
        wait_until(lambda: not window._background.busy)
