"""The buttons that start a program: one for each kind of program, its other installations in a menu."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QToolButton, QWidget

from desktop_launcher.catalogue import SceneItem
from desktop_launcher.programs import Programs
from desktop_launcher.software import BLENDER, SOFTWARE, Installation, name_of


class StartButtons(QWidget):
    """Start the chosen scene, or a new one; ``start`` carries the installation and the scene (or None)."""

    start = Signal(Installation, object)

    def __init__(self, programs: Programs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._programs = programs
        self._scene: SceneItem | None = None
        self._has_task = False
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.buttons: dict[str, QToolButton] = {}
        for key in SOFTWARE:
            button = QToolButton()
            button.setMenu(QMenu(button))
            button.clicked.connect(partial(self._on_clicked, key))
            self.buttons[key] = button
            layout.addWidget(button)
        programs.changed.connect(self.refresh)
        self.refresh()

    def show_choice(self, has_task: bool, scene: SceneItem | None) -> None:
        """What a click is going to start: nothing without a task, a new scene without a scene."""
        self._has_task, self._scene = has_task, scene
        self.refresh()

    def refresh(self) -> None:
        for key, button in self.buttons.items():
            self._refresh(key, button)

    def activate(self, scene: SceneItem) -> None:
        """Open a scene in the program it was saved by."""
        for software in SOFTWARE.values():
            installation = self._programs.preferred(software.key)
            if software.opens(scene.path) and installation is not None:
                self.start.emit(installation, scene)
                return

    def _refresh(self, key: str, button: QToolButton) -> None:
        software = SOFTWARE[key]
        preferred = self._programs.preferred(key)
        opens = self._scene is not None and software.opens(self._scene.path)
        if preferred is None:
            searched = self._programs.searched(key)
            button.setText(f"{software.label} not found" if searched else f"Looking for {software.label}…")
            button.setToolTip(f"Use the arrow to name {software.label}'s program file.")
        else:
            verb = f"Open {self._scene.version}" if opens and self._scene else "New scene"
            button.setText(f"{verb} in {software.label} {preferred.version}".strip())
            button.setToolTip(f"{name_of(preferred)}\n{preferred.executable}")
        # Without an installation the whole button opens the menu, where one can be named.
        mode = QToolButton.ToolButtonPopupMode
        button.setPopupMode(mode.MenuButtonPopup if preferred else mode.InstantPopup)
        button.setEnabled(self._has_task or preferred is None)
        role = "primary" if preferred and (opens or (self._scene is None and key == BLENDER.key)) else ""
        if button.property("role") != role:
            button.setProperty("role", role)
        button.style().unpolish(button)
        button.style().polish(button)
        self._fill_menu(key, button.menu())

    def _fill_menu(self, key: str, menu: QMenu) -> None:
        menu.clear()
        group = QActionGroup(menu)
        for installation in self._programs.installations(key):
            action = menu.addAction(f"{name_of(installation)}    {installation.executable}")
            action.setCheckable(True)
            action.setChecked(installation == self._programs.preferred(key))
            group.addAction(action)
            action.triggered.connect(partial(self._programs.prefer, installation))
        if not menu.isEmpty():
            menu.addSeparator()
        menu.addAction("Add by hand…").triggered.connect(partial(self._add_by_hand, key))
        menu.addAction("Look again").triggered.connect(self._programs.search)

    def _add_by_hand(self, key: str) -> None:
        file, _ = QFileDialog.getOpenFileName(self, f"Program file of {SOFTWARE[key].label}")
        if file:
            self._programs.add_by_hand(key, Path(file))

    def _on_clicked(self, key: str) -> None:
        installation = self._programs.preferred(key)
        if installation is not None:
            scene = self._scene if self._scene is not None and SOFTWARE[key].opens(self._scene.path) else None
            self.start.emit(installation, scene)
