"""Small widgets used in more than one place."""

# Qt's own names for what we override.
# ruff: noqa: N802

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QPushButton,
    QSizePolicy,
    QTableView,
    QToolButton,
    QWidget,
)

from desktop_launcher import style
from desktop_launcher.delegates import draw_picture
from shared.errors import AuthError, RacewayError, ServiceError


def label(text: str, role: str = "") -> QLabel:
    """A label in one of the style sheet's roles: title, wordmark, heading, muted, error."""
    widget = QLabel(text)
    # What people have named so is shown so: Qt would take "<b>" for a tag.
    widget.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        widget.setProperty("role", role)
    return widget


def in_words(error: RacewayError) -> str:
    """An error as an artist is told it: what is wrong, and what she can do about it."""
    if isinstance(error, ServiceError):
        hint = "Check the server's address and your connection, or ask whoever runs the service."
    elif isinstance(error, AuthError):
        hint = ""
    else:
        hint = error.hint
    return f"{error.message} {hint}".strip()


class Banner(QFrame):
    """A strip across the window that tells what is wrong and offers the remedy."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("banner")
        self._text = label("")
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._action = QPushButton()
        self._close = QToolButton()
        self._close.setText("×")
        self._close.setToolTip("Dismiss")
        self._close.setAccessibleName("Dismiss")
        self._close.clicked.connect(self.hide)
        self._run: Callable[[], None] | None = None
        self._action.clicked.connect(self._on_action)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 8, 12, 8)
        layout.addWidget(self._text, 1)
        layout.addWidget(self._action)
        layout.addWidget(self._close)
        self.hide()

    @property
    def text(self) -> str:
        """What is shown now; empty while hidden."""
        return self._text.text() if not self.isHidden() else ""

    @property
    def action(self) -> str:
        """What the button beside it says; empty where there is none."""
        return self._action.text() if not self._action.isHidden() else ""

    def show_error(self, error: RacewayError, action: str = "", run: Callable[[], None] | None = None) -> None:
        """Show an error and its hint; with ``action``, a button of that name that calls ``run``."""
        self._show("warning" if run else "error", in_words(error))
        self._run = run
        self._action.setText(action)
        self._action.setVisible(run is not None)

    def show_message(self, text: str) -> None:
        self._show("info", text)
        self._run = None
        self._action.hide()

    def _show(self, kind: str, text: str) -> None:
        self._text.setText(text)
        self._text.setAccessibleName(text)
        self.setProperty("kind", kind)
        self.style().unpolish(self)
        self.style().polish(self)
        self.show()

    def _on_action(self) -> None:
        self.hide()
        if self._run is not None:
            self._run()


class ListView(QListView):
    """A list that says in words why it has no rows."""

    empty_text = ""

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        _paint_empty(self, self.empty_text)

    def set_empty_text(self, text: str) -> None:
        self.empty_text = text
        self.viewport().update()


class TableView(QTableView):
    """A table that says in words why it has no rows."""

    empty_text = ""

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        _paint_empty(self, self.empty_text)

    def set_empty_text(self, text: str) -> None:
        self.empty_text = text
        self.viewport().update()


def _paint_empty(view: QAbstractItemView, text: str) -> None:
    if view.model() is None or view.model().rowCount():
        return
    painter = QPainter(view.viewport())
    painter.setPen(QColor(style.MUTED))
    area = view.viewport().rect().adjusted(20, 12, -20, -12)
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text)
    painter.end()


class Picture(QWidget):
    """A picture in a rounded frame, or the initials of what it would show."""

    def __init__(self, size: QSize, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedSize(size)
        self._name, self._pixmap = "", QPixmap()

    def show_picture(self, name: str, pixmap: QPixmap | None) -> None:
        self._name, self._pixmap = name, pixmap or QPixmap()
        self.setAccessibleName(f"Picture of {name}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rectangle = QRectF(self.rect())
        if self._pixmap.isNull():
            style.draw_placeholder(painter, rectangle, self._name)
        else:
            draw_picture(painter, rectangle, self._pixmap)
        painter.end()


class FolderField(QWidget):
    """A line for a folder, with a button that browses for it."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = title
        self.line = QLineEdit()
        self.line.setAccessibleName(title)
        browse = QPushButton("Browse…")
        browse.clicked.connect(self._browse)
        self.setFocusProxy(self.line)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line, 1)
        layout.addWidget(browse)

    @property
    def folder(self) -> str:
        return self.line.text().strip()

    def _browse(self) -> None:
        start = self.folder or str(Path.home())
        if chosen := QFileDialog.getExistingDirectory(self, self._title, start):
            self.line.setText(chosen)
