"""Starts the Qt application, or says in one line what this machine lacks for it."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from shared.errors import RacewayError

DEBIAN_PACKAGES = (
    "libegl1 libgl1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libfontconfig1 libdbus-1-3"
)
FEDORA_PACKAGES = (
    "mesa-libEGL mesa-libGL libxkbcommon-x11 xcb-util-cursor xcb-util-wm xcb-util-keysyms fontconfig dbus-libs"
)


def run(api_url: str = "", root: str = "") -> int:
    """Open the window and return when it is closed, with the exit status.

    Raises RacewayError where Qt, its system libraries or a screen is missing.
    """
    check_display()
    try:
        from PySide6.QtWidgets import QApplication
    except ImportError as error:
        raise qt_error(error) from error
    from desktop_launcher.background import Background
    from desktop_launcher.programs import Programs
    from desktop_launcher.settings import Settings
    from desktop_launcher.style import apply_style
    from desktop_launcher.window import MainWindow

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
    """Raises RacewayError where Qt would abort the process: no screen, or X11 without the library Qt needs for it."""
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM"):
        return
    if os.environ.get("WAYLAND_DISPLAY"):
        return
    if not os.environ.get("DISPLAY"):
        raise RacewayError(
            "There is no screen to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set).",
            hint="Start the launcher in a desktop session, or use the web pages of the service.",
            code="launcher.no_display",
        )
    try:
        ctypes.CDLL("libxcb-cursor.so.0")
    except OSError as error:
        raise qt_error(error) from error


def qt_error(error: Exception) -> RacewayError:
    """What is missing, said by the import or library loader's own message, and how to get it."""
    text = str(error)
    if "PySide6" in text and "No module" in text:
        return RacewayError(
            "PySide6, which draws the launcher's window, is not installed.",
            hint="Install it: pip install 'raceway[desktop]'.",
            code="launcher.qt_missing",
        )
    library = text.partition(":")[0] or text
    return RacewayError(
        f"A system library that Qt needs is missing: {library}.",
        hint=f"Debian and Ubuntu: sudo apt install {DEBIAN_PACKAGES}. Fedora: sudo dnf install {FEDORA_PACKAGES}.",
        code="launcher.qt_libraries",
    )
