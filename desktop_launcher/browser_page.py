"""The main page: choose the project at the top, the work at the left, and start on it at the right."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QProgressBar,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop_launcher import style
from desktop_launcher.catalogue import EntityItem, Project, TaskItem
from desktop_launcher.entity_page import EntityPage
from desktop_launcher.launch import Work
from desktop_launcher.launcher import Launcher
from desktop_launcher.navigator import Navigator
from desktop_launcher.programs import Programs
from desktop_launcher.session import Session
from desktop_launcher.settings_dialog import SettingsDialog
from desktop_launcher.software import SOFTWARE
from desktop_launcher.widgets import label
from shared.context import Entity

NAVIGATOR_WIDTH = 420


class BrowserPage(QWidget):
    """The page of a logged-in artist."""

    logged_out = Signal()

    def __init__(self, session: Session, programs: Programs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._programs = session, programs
        self.launcher = Launcher(session, self)
        self.projects = QComboBox()
        self.projects.setAccessibleName("Project")
        self.projects.setMinimumWidth(220)
        self.navigator = Navigator(session)
        self.entity_page = EntityPage(session, programs)
        self.entity_page.hide()
        self._nothing = label("Choose a task, an asset or a shot at the left.", "muted")
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        right = QWidget()
        right_layout = QVBoxLayout(right)
        right_layout.setContentsMargins(0, 0, 0, 0)
        right_layout.addWidget(self._nothing)
        right_layout.addWidget(self.entity_page)
        self.splitter = QSplitter()
        self.splitter.setHandleWidth(1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.navigator)
        self.splitter.addWidget(right)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([NAVIGATOR_WIDTH, 2 * NAVIGATOR_WIDTH])
        self.splitter.restoreState(session.settings.window_state("splitter"))
        self._busy = QProgressBar()
        self._busy.setTextVisible(False)
        self._busy.setRange(0, 1)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._header())
        layout.addWidget(self._busy)
        layout.addWidget(self.splitter, 1)

        self.projects.activated.connect(lambda: self._on_project())
        self.navigator.task_chosen.connect(self._on_task)
        self.navigator.entity_chosen.connect(self._on_entity)
        self.entity_page.start.connect(self.launcher.launch)
        # A range without an end makes Qt's bar run from side to side.
        session.background.busy_changed.connect(lambda busy: self._busy.setRange(0, 0 if busy else 1))
        QShortcut(QKeySequence.StandardKey.Find, self, self._focus_search)
        QShortcut(QKeySequence.StandardKey.Refresh, self, self.reload)

    def reload(self) -> None:
        """Load everything on the page again."""
        self._session.thumbnails.forget()
        self._session.background.run(
            "projects", self._session.catalogue.projects, self._set_projects, self._session.report
        )

    def refresh_entity(self) -> None:
        """Load what the right side shows again: scenes and publishes change while an artist works elsewhere."""
        self.entity_page.reload()

    def save_layout(self) -> None:
        self._session.settings.keep_window_state("splitter", self.splitter.saveState())

    def open_settings(self) -> None:
        SettingsDialog(self._session.settings, self._programs, self._session.user.tenant_id, self).exec()

    def _set_projects(self, projects: list[Project]) -> None:
        chosen = self.projects.currentData() or self._session.settings.choice("project")
        self.projects.clear()
        for project, before in zip(projects, [None, *projects], strict=False):
            if before and before.is_mine and not project.is_mine:
                self.projects.insertSeparator(self.projects.count())
            self.projects.addItem(project.title, project.name)
        self.projects.setCurrentIndex(max(0, self.projects.findData(chosen)) if projects else -1)
        self.projects.setEnabled(bool(projects))
        self.projects.setPlaceholderText("" if projects else "No project yet")
        self._on_project()
        self.entity_page.reload()

    def _on_project(self) -> None:
        name = self.projects.currentData() or ""
        if name:
            self._session.settings.choose("project", name)
        self.navigator.set_project(name)
        self.navigator.focus_list()

    def _on_task(self, task: TaskItem) -> None:
        where = task.entity.sequence or task.entity.kind
        self._show(task.target_id, task.project, task.entity, task.entity.name, where, task.id)

    def _on_entity(self, item: EntityItem) -> None:
        self._session.settings.choose("entity", item.id)
        self._show(item.id, item.project, item.entity, item.title, item.detail)

    def _show(self, target_id: str, project: str, entity: Entity, title: str, detail: str, task_id: str = "") -> None:
        self._nothing.hide()
        self.entity_page.show()
        self.entity_page.show_entity(target_id, project, entity, title, f"{detail}  ·  {project}", task_id)

    def _focus_search(self) -> None:
        self.navigator.search.setFocus()
        self.navigator.search.selectAll()

    def _header(self) -> QFrame:
        mark = QLabel()
        mark.setPixmap(style.logo(24, self.devicePixelRatioF()))
        header = QFrame()
        header.setObjectName("header")
        row = QHBoxLayout(header)
        row.setContentsMargins(16, 9, 16, 9)
        row.setSpacing(10)
        row.addWidget(mark)
        row.addWidget(label("Raceway", "wordmark"))
        row.addSpacing(14)
        row.addWidget(self.projects)
        row.addStretch(1)
        row.addWidget(self._recent_button())
        row.addWidget(self._user_button())
        return header

    def _recent_button(self) -> QToolButton:
        button = _menu_button("Recent scenes")
        menu = button.menu()

        def fill() -> None:
            menu.clear()
            for work in self._session.settings.recent_scenes:
                name = work.scene.rpartition("/")[2]
                menu.addAction(f"{name}    {work.project}  ·  {work.task}").triggered.connect(
                    partial(self._open_recent, work)
                )
            if menu.isEmpty():
                menu.addAction("Scenes you open from here appear in this list.").setEnabled(False)

        menu.aboutToShow.connect(fill)
        return button

    def _user_button(self) -> QToolButton:
        user = self._session.user
        button = _menu_button(user.name)
        menu = button.menu()
        menu.addAction(" · ".join(text for text in (user.email, user.tenant) if text)).setEnabled(False)
        menu.addAction(self._session.catalogue.api_url).setEnabled(False)
        menu.addSeparator()
        menu.addAction("Reload", QKeySequence(QKeySequence.StandardKey.Refresh), self.reload)
        menu.addAction("Settings…", self.open_settings)
        menu.addSeparator()
        menu.addAction("Log out", self.logged_out.emit)
        return button

    def _open_recent(self, work: Work) -> None:
        for software in SOFTWARE.values():
            installation = self._programs.preferred(software.key)
            if software.opens(work.scene) and installation is not None:
                self.launcher.launch(installation, work)


def _menu_button(text: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setMenu(QMenu(button))
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    return button
