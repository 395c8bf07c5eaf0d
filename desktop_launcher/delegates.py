"""How the rows of the lists are painted."""

# Qt's own names for what we override.
# ruff: noqa: N802

from __future__ import annotations

from datetime import date

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from desktop_launcher import style
from desktop_launcher.catalogue import EntityItem, TaskItem
from desktop_launcher.models import ItemRole, status_text
from desktop_launcher.thumbnails import Thumbnails
from shared.context import Entity

Index = QModelIndex | QPersistentModelIndex

ROW_HEIGHT = 54
PADDING = 10
PICTURE = QSize(62, 36)
SOON_DAYS = 2


class _RowDelegate(QStyledItemDelegate):
    """Two lines of text beside a picture, something short at the right end."""

    def __init__(self, thumbnails: Thumbnails | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(200, ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        item = index.data(ItemRole)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        _paint_background(painter, option)
        rectangle = QRectF(option.rect).adjusted(PADDING, 0, -PADDING, 0)
        self.paint_item(painter, rectangle, item)
        painter.restore()

    def paint_item(self, painter: QPainter, rectangle: QRectF, item: object) -> None:
        raise NotImplementedError

    def paint_picture(self, painter: QPainter, rectangle: QRectF, target_id: str, entity: Entity) -> QRectF:
        """Paint the picture of an asset or shot at the left; answers what is left of the row."""
        if self._thumbnails is None:
            return rectangle
        tile = QRectF(
            rectangle.left(), rectangle.center().y() - PICTURE.height() / 2, PICTURE.width(), PICTURE.height()
        )
        picture = self._thumbnails.picture(target_id, entity)
        if picture is None:
            style.draw_placeholder(painter, tile, entity.name)
        else:
            draw_picture(painter, tile, picture)
        return rectangle.adjusted(PICTURE.width() + PADDING, 0, 0, 0)


class EntityDelegate(_RowDelegate):
    """An asset or a shot."""

    def paint_item(self, painter: QPainter, rectangle: QRectF, item: object) -> None:
        assert isinstance(item, EntityItem)
        rectangle = self.paint_picture(painter, rectangle, item.id, item.entity)
        # Nearly every asset is active: only what is not is worth a word.
        status = "" if item.status == "active" else item.status
        rectangle = _paint_status(painter, rectangle, status_text(status), style.status_colour(status))
        _paint_lines(painter, rectangle, item.title, item.detail)


class TaskDelegate(_RowDelegate):
    """A task. In the list of an artist's tasks, with ``thumbnails``, it names the asset or shot as well."""

    def paint_item(self, painter: QPainter, rectangle: QRectF, item: object) -> None:
        assert isinstance(item, TaskItem)
        if self._thumbnails is not None:
            rectangle = self.paint_picture(painter, rectangle, item.target_id, item.entity)
            above, below = str(item.entity).partition(":")[2], f"{item.name}  ·  {item.project}"
        else:
            above = item.name
            department = item.department if item.department.casefold() != item.name.casefold() else ""
            below = "  ·  ".join(text for text in (department, item.assignees or "nobody yet") if text)
        status, due = item.status, due_text(item.due, item.status.is_done)
        rectangle = _paint_status(painter, rectangle, status.label, QColor(status.color), *due)
        _paint_lines(painter, rectangle, above, below)


def due_text(due: date | None, is_done: bool, today: date | None = None) -> tuple[str, QColor]:
    """When a task is due, in words, and the colour that says how urgent that is."""
    if due is None:
        return "", QColor(style.MUTED)
    days = (due - (today or date.today())).days
    if is_done:
        return f"{due:%d %b}", QColor(style.MUTED)
    if days < 0:
        return (f"{-days} days late" if days < -1 else "1 day late"), QColor(style.ERROR)
    words = {0: "today", 1: "tomorrow"}.get(days, f"{due:%d %b}")
    return f"due {words}", QColor(style.ACCENT if days <= SOON_DAYS else style.MUTED)


def draw_picture(painter: QPainter, rectangle: QRectF, picture: QPixmap) -> None:
    """Fill a rounded rectangle with the middle of a picture."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    path = QPainterPath()
    path.addRoundedRect(rectangle, 5, 5)
    painter.setClipPath(path)
    scale = min(picture.width() / rectangle.width(), picture.height() / rectangle.height())
    source = QRectF(0, 0, rectangle.width() * scale, rectangle.height() * scale)
    source.moveCenter(QRectF(picture.rect()).center())
    painter.drawPixmap(rectangle, picture, source)
    painter.restore()


def _paint_background(painter: QPainter, option: QStyleOptionViewItem) -> None:
    rectangle = QRectF(option.rect)
    if option.state & QStyle.StateFlag.State_Selected:
        painter.fillRect(rectangle, QColor(style.SELECTED))
        painter.fillRect(QRectF(rectangle.left(), rectangle.top(), 3, rectangle.height()), QColor(style.ACCENT))
    elif option.state & QStyle.StateFlag.State_MouseOver:
        painter.fillRect(rectangle, QColor(style.PANEL))


def _paint_status(
    painter: QPainter, rectangle: QRectF, text: str, colour: QColor, note: str = "", note_colour: QColor | None = None
) -> QRectF:
    """The status with its dot at the right, a short note below it; answers what is left of the row."""
    if not text:
        return rectangle
    font = _font(painter, 12)
    metrics = QFontMetricsF(font)
    width = max(metrics.horizontalAdvance(words) for words in (text, note)) + 16
    area = QRectF(rectangle.right() - width, rectangle.top(), width, rectangle.height())
    upper, lower = _lines(area) if note else (area, area)
    right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    painter.setFont(font)
    painter.setPen(colour)
    painter.drawText(upper, right, text)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    dot = upper.right() - metrics.horizontalAdvance(text) - 11
    painter.drawEllipse(QRectF(dot, upper.center().y() - 2.5, 6, 6))
    if note:
        painter.setPen(note_colour or colour)
        painter.drawText(lower, right, note)
    return rectangle.adjusted(0, 0, -width - PADDING, 0)


def _paint_lines(painter: QPainter, rectangle: QRectF, first: str, second: str) -> None:
    upper, lower = _lines(rectangle)
    for area, text, size, weight, colour in (
        (upper, first, 14, QFont.Weight.Medium, style.TEXT),
        (lower, second, 12, QFont.Weight.Normal, style.MUTED),
    ):
        font = _font(painter, size, weight)
        painter.setFont(font)
        painter.setPen(QColor(colour))
        elided = QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideRight, area.width())
        painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, elided)


def _lines(rectangle: QRectF) -> tuple[QRectF, QRectF]:
    middle = rectangle.center().y()
    upper = QRectF(rectangle.left(), middle - 20, rectangle.width(), 20)
    return upper, upper.translated(0, 20)


def _font(painter: QPainter, size: int, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    font = QFont(painter.font())
    font.setPixelSize(size)
    font.setWeight(weight)
    return font
