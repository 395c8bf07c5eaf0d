"""Qt models over the catalogue's values."""

# Qt's own names for what we override.
# ruff: noqa: N802

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractListModel, QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop_launcher.catalogue import EntityItem, Page, PublishItem, SceneItem, TaskItem

T = TypeVar("T")
Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole

ItemRole = int(Role.UserRole)
"""The catalogue's value behind a row; None for a row that has none."""

_ROOT = QModelIndex()


class ItemListModel(QAbstractListModel, Generic[T]):
    """A list that grows page by page as the view is scrolled.

    ``fetch(page, done)`` starts loading a page (1, 2, ...) in the background and calls ``done`` with it.
    """

    def __init__(
        self,
        text: Callable[[T], str],
        fetch: Callable[[int, Callable[[Page[T]], None]], None] | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._text, self._fetch = text, fetch
        self._items: list[T] = []
        self._total = 0
        self._pages = 0
        self._fetching = False

    @property
    def items(self) -> list[T]:
        return list(self._items)

    def set_items(self, items: Sequence[T]) -> None:
        """Show these and no more."""
        self.beginResetModel()
        self._items, self._total, self._pages, self._fetching = list(items), len(items), 0, False
        self.endResetModel()

    def reload(self) -> None:
        """Forget everything and load the first page."""
        self._pages, self._fetching = 0, False
        self._load_next()

    def fetch_failed(self) -> None:
        """The page under way will not come; scrolling on asks for it again."""
        self._fetching = False

    def item(self, row: int) -> T:
        return self._items[row]

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._items)

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:
        if not index.isValid():
            return None
        item = self._items[index.row()]
        if role == ItemRole:
            return item
        # The accessible text makes a row readable to a screen reader; the delegate paints more than one line.
        return self._text(item) if role in (Role.DisplayRole, Role.AccessibleTextRole) else None

    def canFetchMore(self, parent: Index) -> bool:
        return self._fetch is not None and 0 < len(self._items) < self._total and not self._fetching

    def fetchMore(self, parent: Index) -> None:
        self._load_next()

    def _load_next(self) -> None:
        if self._fetch is not None and not self._fetching:
            self._fetching = True
            self._fetch(self._pages + 1, self._add_page)

    def _add_page(self, page: Page[T]) -> None:
        self._fetching = False
        self._pages += 1
        self._total = page.total
        if self._pages == 1:
            self.beginResetModel()
            self._items = list(page.items)
            self.endResetModel()
        elif page.items:
            first = len(self._items)
            self.beginInsertRows(_ROOT, first, first + len(page.items) - 1)
            self._items += page.items
            self.endInsertRows()
        else:
            # Rows were deleted while we paged; there is nothing more.
            self._total = len(self._items)


@dataclass(frozen=True)
class Column(Generic[T]):
    """A column of a table: its heading and the text of a cell."""

    heading: str
    text: Callable[[T], str]


class TableModel(QAbstractTableModel, Generic[T]):
    """A read-only table; a row of words of its own, with no item behind it, may stand first."""

    def __init__(self, columns: Sequence[Column[T]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._columns = list(columns)
        self._first_row = ""
        self._items: list[T] = []

    @property
    def items(self) -> list[T]:
        return list(self._items)

    def set_items(self, items: Sequence[T], first_row: str = "") -> None:
        """Show these; with ``first_row``, a row of that text stands before them."""
        self.beginResetModel()
        self._items, self._first_row = list(items), first_row
        self.endResetModel()

    def item(self, row: int) -> T | None:
        """The item of a row; None for a first row that has none."""
        row -= self._offset
        return self._items[row] if 0 <= row < len(self._items) else None

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._items) + self._offset

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:
        if not index.isValid():
            return None
        item = self.item(index.row())
        if role == ItemRole:
            return item
        if role != Role.DisplayRole:
            return None
        if item is None:
            return self._first_row if index.column() == 0 else ""
        return self._columns[index.column()].text(item)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:
        if role == Role.DisplayRole and orientation is Qt.Orientation.Horizontal:
            return self._columns[section].heading
        return None

    @property
    def _offset(self) -> int:
        return 1 if self._first_row else 0


def scene_table() -> TableModel[SceneItem]:
    return TableModel(
        [
            Column("Scene", lambda scene: scene.file_name),
            Column("Program", lambda scene: scene.software.capitalize()),
            Column("Saved", lambda scene: moment_text(scene.created)),
        ]
    )


def publish_table() -> TableModel[PublishItem]:
    return TableModel(
        [
            Column("Part", lambda item: item.part),
            Column("Version", lambda item: f"{item.version}{'  ·  latest' if item.is_latest else ''}"),
            Column("Status", lambda item: status_text(item.status)),
            Column("By", lambda item: item.artist),
            Column("Published", lambda item: moment_text(item.created)),
        ]
    )


def entity_text(item: EntityItem) -> str:
    return f"{item.title}, {item.detail}"


def task_text(item: TaskItem) -> str:
    return f"{item.name}, {item.entity.name}, {item.status.label}"


def status_text(status: str) -> str:
    """A status as people read it: ``in_progress`` becomes ``in progress``."""
    return status.replace("_", " ")


def moment_text(moment: datetime | None) -> str:
    return f"{moment:%d %b %Y, %H:%M}" if moment else ""
