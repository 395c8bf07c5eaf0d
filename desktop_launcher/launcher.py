"""Starts programs for the window and tells how they fare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from desktop_launcher.blender_extension import prepare_extension
from desktop_launcher.launch import RunningProgram, Work, plan, scene_to_open, start
from desktop_launcher.session import Session
from desktop_launcher.settings import check_root
from desktop_launcher.software import BLENDER, Installation, has_our_tools
from shared.errors import RacewayError

WATCH_MILLISECONDS = 500


class Launcher(QObject):
    """``started`` carries the program; ``failed`` the error, also of a program that ends badly later on."""

    started = Signal(RunningProgram)
    failed = Signal(RacewayError)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._cache = session.settings.folder / "cache"
        self._running: list[RunningProgram] = []
        self._watch = QTimer(self)
        self._watch.setInterval(WATCH_MILLISECONDS)
        self._watch.timeout.connect(self._look)

    def launch(self, installation: Installation, work: Work) -> None:
        """Start a program on the work; the slow parts (the shared drive, the add-on) run in the background."""
        root = self._session.settings.root

        def started(program: RunningProgram) -> None:
            if work.scene:
                self._session.settings.add_recent_scene(work)
            self._running.append(program)
            self._watch.start()
            self.started.emit(program)

        # Each start is a call of its own: a second program must not make the first one's answer unwanted.
        key = f"launch/{installation.executable}/{work.task_id}/{work.scene}"
        self._session.background.run(key, self._starter(installation, work, root), started, self.failed.emit)

    def _starter(self, installation: Installation, work: Work, root: str) -> Callable[[], RunningProgram]:
        def prepare_and_start() -> RunningProgram:
            folder = check_root(root, self._session.user.tenant_id)
            scene = scene_to_open(folder, work.scene) if work.scene else None
            extensions: Path | None = None
            if installation.software == BLENDER.key and has_our_tools(installation):
                extensions = prepare_extension(self._cache / "blender")
            ready = plan(installation, self._session.context(work, folder), scene, extensions=extensions)
            return start(ready, self._session.settings.folder / "logs")

        return prepare_and_start

    def _look(self) -> None:
        for program in list(self._running):
            try:
                if program.ended():
                    self._running.remove(program)
            except RacewayError as error:
                self._running.remove(program)
                self.failed.emit(error)
        if not self._running:
            self._watch.stop()
