"""The left side of the browser: the artist's tasks, and the assets and shots of the project."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtWidgets import QLineEdit, QListView, QStackedWidget, QStyledItemDelegate, QTabBar, QVBoxLayout, QWidget

from desktop_launcher.catalogue import EntityItem, Page, TaskItem
from desktop_launcher.delegates import EntityDelegate, TaskDelegate
from desktop_launcher.models import ItemListModel, entity_text, task_text
from desktop_launcher.session import Session
from desktop_launcher.widgets import ListView
from shared.errors import RacewayError

SEARCH_MILLISECONDS = 250
"""How long the typing must pause before a search is sent."""

TABS = {"tasks": "My tasks", "assets": "Assets", "shots": "Shots"}


class ListPane(QWidget):
    """A searched list that grows as it is scrolled; ``chosen`` carries the item under the cursor."""

    chosen = Signal(object)

    def __init__(
        self,
        session: Session,
        name: str,
        load: Callable[[str, int], Page[Any]],
        text: Callable[[Any], str],
        delegate: QStyledItemDelegate,
        empty: str,
    ) -> None:
        super().__init__()
        self._session, self._name, self._load, self._empty = session, name, load, empty
        self._search = ""
        self._wanted = ""
        self.model: ItemListModel[Any] = ItemListModel(text, self._fetch, self)
        self.view = ListView()
        self.view.setAccessibleName(TABS[name])
        self.view.setModel(self.model)
        self.view.setItemDelegate(delegate)
        delegate.setParent(self.view)
        self.view.setMouseTracking(True)
        self.view.setUniformItemSizes(True)
        self.view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.view.set_empty_text("Loading…")
        self.view.selectionModel().currentChanged.connect(self._on_current)
        self.model.modelReset.connect(self._restore)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)

    def reload(self, search: str, wanted: str = "") -> None:
        """Load the list again; the item with the id ``wanted`` is chosen when it is among the first page."""
        self._search, self._wanted = search, wanted
        if not self.model.rowCount():
            self.view.set_empty_text("Loading…")
        self.model.reload()

    def _fetch(self, page: int, done: Callable[[Page[Any]], None]) -> None:
        search = self._search

        def answered(answer: Page[Any]) -> None:
            self.view.set_empty_text(f"Nothing matches “{search}”." if search else self._empty)
            done(answer)

        def failed(error: RacewayError) -> None:
            self.model.fetch_failed()
            self.view.set_empty_text("")
            self._session.report(error)

        self._session.background.run(f"list/{self._name}", lambda: self._load(search, page), answered, failed)

    def _restore(self) -> None:
        ids = [item.id for item in self.model.items]
        row = ids.index(self._wanted) if self._wanted in ids else 0
        # While somebody types a search, nothing but the list changes.
        if ids and (self._wanted in ids or not self._search):
            self.view.setCurrentIndex(self.model.index(row))

    def _on_current(self, current: QModelIndex) -> None:
        if current.isValid():
            item = self.model.item(current.row())
            self._wanted = item.id
            self.chosen.emit(item)


class Navigator(QWidget):
    """Tabs, a search line and the lists; tells which task, asset or shot the artist looks at."""

    task_chosen = Signal(TaskItem)
    entity_chosen = Signal(EntityItem)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._project = ""
        catalogue, thumbnails = session.catalogue, session.thumbnails
        self.tabs = QTabBar()
        self.tabs.setExpanding(False)
        self.tabs.setDrawBase(False)
        self.tabs.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        for title in TABS.values():
            self.tabs.addTab(title)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search  (Ctrl+F)")
        self.search.setAccessibleName("Search")
        self.search.setClearButtonEnabled(True)
        self.panes = {
            "tasks": ListPane(
                session,
                "tasks",
                catalogue.my_tasks,
                task_text,
                TaskDelegate(thumbnails),
                "No task is assigned to you. Find your asset or shot in the next tabs.",
            ),
            "assets": ListPane(
                session,
                "assets",
                lambda search, page: catalogue.assets(self._project, search, page),
                entity_text,
                EntityDelegate(thumbnails),
                "This project has no assets yet.",
            ),
            "shots": ListPane(
                session,
                "shots",
                lambda search, page: catalogue.shots(self._project, search, page),
                entity_text,
                EntityDelegate(thumbnails),
                "This project has no shots yet.",
            ),
        }
        self._stack = QStackedWidget()
        for pane in self.panes.values():
            self._stack.addWidget(pane)
            thumbnails.changed.connect(pane.view.viewport().update)
        self.panes["tasks"].chosen.connect(self.task_chosen)
        self.panes["assets"].chosen.connect(self.entity_chosen)
        self.panes["shots"].chosen.connect(self.entity_chosen)

        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(SEARCH_MILLISECONDS)
        self._typing.timeout.connect(self._search_now)
        self.search.textChanged.connect(lambda: self._typing.start())
        self.search.returnPressed.connect(self._search_now)
        self.tabs.currentChanged.connect(self._on_tab)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.tabs)
        search_row = QVBoxLayout()
        search_row.setContentsMargins(10, 2, 10, 2)
        search_row.addWidget(self.search)
        layout.addLayout(search_row)
        layout.addWidget(self._stack, 1)
        remembered = session.settings.choice("tab")
        self.tabs.setCurrentIndex(list(TABS).index(remembered) if remembered in TABS else 0)

    @property
    def tab(self) -> str:
        """Key of the tab in front: ``tasks``, ``assets`` or ``shots``."""
        return list(TABS)[self.tabs.currentIndex()]

    def set_project(self, project: str) -> None:
        """List this project's assets and shots."""
        self._project = project
        for name in ("assets", "shots"):
            self.panes[name].model.set_items([])
        self.reload()

    def reload(self) -> None:
        """Load the list in front again, on the item that was chosen last."""
        if self._project or self.tab == "tasks":
            wanted = self._session.settings.choice("task" if self.tab == "tasks" else "entity")
            self.panes[self.tab].reload(self.search.text().strip(), wanted)

    def focus_list(self) -> None:
        """Put the keyboard on the list in front."""
        self.panes[self.tab].view.setFocus()

    def _search_now(self) -> None:
        self._typing.stop()
        self.reload()

    def _on_tab(self, index: int) -> None:
        self._stack.setCurrentIndex(index)
        self._session.settings.choose("tab", self.tab)
        self.reload()
