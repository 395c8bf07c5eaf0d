"""Small widgets used in more than one place."""

# Qt's own names for what we override.
# ruff: noqa: N802

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QStyle,
    QToolButton,
    QWidget,
)

from desktop_launcher import style
from desktop_launcher.delegates import draw_picture
from shared.errors import RacewayError


def label(text: str, role: str = "") -> QLabel:
    """A label in one of the style sheet's roles: title, wordmark, heading, muted, error."""
    widget = QLabel(text)
    if role:
        widget.setProperty("role", role)
    return widget


class Banner(QFrame):
    """A strip across the window that tells what is wrong and offers the remedy."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("banner")
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._action = QPushButton()
        self._close = QToolButton()
        self._close.setIcon(self.style().standardIcon(QStyle.StandardPixmap.SP_TitleBarCloseButton))
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

    def show_error(self, error: RacewayError, action: str = "", run: Callable[[], None] | None = None) -> None:
        """Show an error and its hint; with ``action``, a button of that name that calls ``run``."""
        self._show("warning" if run else "error", " ".join(text for text in (error.message, error.hint) if text))
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


class EmptyText(QObject):
    """Writes a sentence into a list or table that has no rows."""

    def __init__(self, view: QAbstractItemView, text: str) -> None:
        super().__init__(view)
        self._view, self.text = view, text
        view.viewport().installEventFilter(self)

    def set_text(self, text: str) -> None:
        self.text = text
        self._view.viewport().update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        model = self._view.model()
        if event.type() is QEvent.Type.Paint and model is not None and model.rowCount() == 0:
            painter = QPainter(self._view.viewport())
            painter.setPen(QColor(style.MUTED))
            area = self._view.viewport().rect().adjusted(20, 20, -20, -20)
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.text)
            painter.end()
            return True
        return False


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
