"""One off-screen Qt application for all tests of the launcher, and a launcher's parts in a temporary folder."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from desktop_launcher.background import Background
    from desktop_launcher.browser_page import BrowserPage
    from desktop_launcher.settings import Settings
    from desktop_launcher.window import MainWindow
    from tests.studio import Studio

WAIT_SECONDS = 90.0
BLENDER_SCRIPT = (
    'if [ "$2" = --version ]; then echo Blender 5.0.1; exit; fi',
    'env | grep ^PM_ | sort > "$(dirname "$0")/started.tmp"',
    'echo "$@" >> "$(dirname "$0")/started.tmp"',
    'mv "$(dirname "$0")/started.tmp" "$(dirname "$0")/started"',
)


@pytest.fixture(scope="session")
def application() -> QApplication:
    from PySide6.QtWidgets import QApplication

    from desktop_launcher.style import apply_style

    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication([])
    apply_style(application)
    return application


@pytest.fixture
def wait_until(application: QApplication) -> Callable[[Callable[[], object]], None]:
    """Run Qt's events until a condition holds; fails where it does not within seconds."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come about"
            application.processEvents()
            time.sleep(0.005)

    return wait


@pytest.fixture(scope="package")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A real service on its own PostgreSQL and Redis, with a small production."""
    from service.stack import running
    from tests.studio import make_studio

    with running(tmp_path_factory.mktemp("raceway"), workers=0) as stack:
        yield make_studio(stack.url, stack.api_url, stack.root, stack.admin_token)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    from desktop_launcher.settings import Settings

    return Settings(tmp_path / "config")


@pytest.fixture
def background(application: QApplication) -> Iterator[Background]:
    from desktop_launcher.background import Background

    background = Background()
    yield background
    assert background.shut_down(10_000)


@pytest.fixture
def make_program(tmp_path: Path) -> Callable[..., Path]:
    """Make a shell script that stands in for a program's file."""

    def make(path: str, *lines: str) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
        return file

    return make


@pytest.fixture
def blender(make_program: Callable[..., Path]) -> Path:
    """A stand-in for Blender that notes its environment and arguments in the file ``started`` beside it."""
    return make_program("root/opt/blender-5.0.1/blender", *BLENDER_SCRIPT)


@pytest.fixture
def window(
    application: QApplication, settings: Settings, background: Background, tmp_path: Path, blender: Path
) -> Iterator[MainWindow]:
    from desktop_launcher.programs import Programs
    from desktop_launcher.software import Machine
    from desktop_launcher.window import MainWindow

    machine = Machine("linux", {"PATH": ""}, tmp_path / "home", str(tmp_path / "root"))
    window = MainWindow(settings, Programs(settings, background, machine), background)
    window.show()
    yield window
    window.close()


@pytest.fixture
def token(studio: Studio) -> Iterator[str]:
    with studio.token() as token:
        yield token


@pytest.fixture
def browser(
    window: MainWindow,
    settings: Settings,
    studio: Studio,
    token: str,
    wait_until: Callable[[Callable[[], object]], None],
) -> BrowserPage:
    """The browser of the logged-in artist, everything loaded."""
    from tests.desktop_launcher.windows import settle

    settings.api_url, settings.root = studio.url, str(studio.root)
    settings.keep_token(studio.url, token)
    window.begin()
    wait_until(lambda: window.browser is not None)
    assert window.browser is not None
    settle(window, wait_until)
    return window.browser
