"""Starts the Qt application, or says in one line what this machine lacks for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from desktop_launcher.qt_libraries import libraries_error, missing_libraries
from shared.errors import RacewayError


def run(api_url: str = "", root: str = "") -> int:
    """Open the window and return when it is closed, with the exit status.

    Raises RacewayError where Qt, its system libraries or a screen is missing, or the folder ``root``.
    """
    check_display()
    try:
        from PySide6.QtWidgets import QApplication
    except ImportError as error:
        raise qt_error(error) from error
    from desktop_launcher.background import Background
    from desktop_launcher.programs import Programs
    from desktop_launcher.settings import Settings, check_root
    from desktop_launcher.style import apply_style
    from desktop_launcher.window import MainWindow

    if root:
        check_root(root)
    application = QApplication([sys.argv[0]])
    application.setApplicationName("Raceway")
    application.setDesktopFileName("raceway")
    apply_style(application)
    settings = Settings()
    if api_url := api_url or os.environ.get("PM_API_URL", ""):
        settings.api_url = api_url.rstrip("/")
    if root := root or (os.environ.get("PM_ROOT", "") if not settings.root else ""):
        settings.root = str(Path(root).expanduser().resolve())
    background = Background()
    window = MainWindow(settings, Programs(settings, background), background)
    window.show()
    window.begin(os.environ.get("PM_API_TOKEN", ""))
    status = application.exec()
    if not window.shut_down():
        # A call to a service that does not answer must not keep a closed window's process alive.
        os._exit(status)
    return status


def check_display() -> None:
    """Raises RacewayError where Qt would abort the process: no screen, or one without the libraries Qt needs for it."""
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM"):
        return
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise RacewayError(
            "There is no screen to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set).",
            hint="Start the launcher in a desktop session, or use the web pages of the service.",
            code="launcher.no_display",
        )
    if missing := missing_libraries():
        raise libraries_error(missing)


def qt_error(error: Exception) -> RacewayError:
    """What is missing, said by the import or library loader's own message, and how to get it."""
    text = str(error)
    if "PySide6" in text and "No module" in text:
        return RacewayError(
            "PySide6, which draws the launcher's window, is not installed.",
            hint="Install it: pip install 'raceway[desktop]'.",
            code="launcher.qt_missing",
        )
    missing = missing_libraries()
    if not missing and "cannot open shared object" not in text:
        return RacewayError(
            f"Qt cannot be loaded: {text}.",
            hint="Install it again: pip install --force-reinstall --constraint constraints.txt 'raceway[desktop]'.",
            code="launcher.qt_broken",
        )
    return libraries_error(missing or [text.partition(":")[0]])
