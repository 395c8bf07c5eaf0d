"""The launcher's looks: one dark, neutral palette, the style sheet made from it, and what is drawn by hand."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QDir, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QIcon, QPainter, QPalette, QPen, QPixmap
from PySide6.QtWidgets import QApplication

# Greys without a tint: they stand beside renders and must not change how colours look.
BACKGROUND = "#1d1d1e"
PANEL = "#252526"
RAISED = "#303032"
HOVER = "#3a3a3c"
LINE = "#3d3d40"
TEXT = "#e4e4e6"
MUTED = "#9c9ca1"
ACCENT = "#e8a33d"
ON_ACCENT = "#1d1d1e"
SELECTED = "#3b3b3e"
ERROR = "#e5645c"
ERROR_PANEL = "#47292a"
WARNING_PANEL = "#453a22"

STATUS_COLOURS = {
    "todo": MUTED,
    "ready": "#8fb8de",
    "in_progress": "#5b9bd5",
    "review": ACCENT,
    "approved": "#6fbf73",
    "done": "#6fbf73",
    "blocked": ERROR,
    "rejected": ERROR,
    "on_hold": "#b58fd1",
}

_SHEET = f"""
* {{ font-size: 13px; }}
QWidget {{ background: {BACKGROUND}; color: {TEXT}; }}
QLabel, QCheckBox {{ background: transparent; }}
QLabel[role="title"] {{ font-size: 22px; font-weight: 600; }}
QLabel[role="wordmark"] {{ font-size: 16px; font-weight: 700; letter-spacing: 1px; }}
QLabel[role="heading"] {{ color: {MUTED}; font-size: 11px; font-weight: 600; letter-spacing: 1px; }}
QLabel[role="muted"] {{ color: {MUTED}; }}
QLabel[role="error"] {{ color: {ERROR}; }}
QFrame#header {{ background: {PANEL}; border-bottom: 1px solid {LINE}; }}
QFrame#card {{ background: {PANEL}; border: 1px solid {LINE}; border-radius: 8px; }}
QFrame#actions {{ background: {PANEL}; border-top: 1px solid {LINE}; }}
QFrame#header QWidget, QFrame#card QLabel, QFrame#actions QLabel {{ background: transparent; }}

QFrame#banner {{ background: {WARNING_PANEL}; border-bottom: 1px solid {LINE}; }}
QFrame#banner[kind="error"] {{ background: {ERROR_PANEL}; }}
QFrame#banner QLabel {{ background: transparent; }}
QFrame#banner QToolButton {{ background: transparent; border-color: transparent; font-size: 17px; padding: 2px 9px; }}
QFrame#banner QToolButton:hover, QFrame#banner QToolButton:focus {{ border-color: {MUTED}; }}

QLineEdit, QComboBox {{
    background: {RAISED}; border: 1px solid {LINE}; border-radius: 5px; padding: 5px 9px; min-height: 20px;
    selection-background-color: {ACCENT}; selection-color: {ON_ACCENT};
}}
QFrame#header QComboBox {{ background: {RAISED}; }}
QLineEdit:focus, QComboBox:focus {{ border-color: {ACCENT}; }}
QLineEdit:disabled, QComboBox:disabled {{ color: {MUTED}; }}
QComboBox::drop-down {{ border: none; width: 26px; }}
QComboBox::down-arrow, QToolButton::menu-indicator {{ image: url(icons:chevron.svg); width: 10px; height: 6px; }}
QComboBox QAbstractItemView {{ background: {RAISED}; border: 1px solid {LINE}; selection-background-color: {HOVER};
    selection-color: {TEXT}; outline: none; }}

QPushButton, QToolButton {{
    background: {RAISED}; border: 1px solid {LINE}; border-radius: 5px; padding: 6px 14px; min-height: 18px;
}}
QPushButton:hover, QToolButton:hover {{ background: {HOVER}; }}
QPushButton:pressed, QToolButton:pressed {{ background: {LINE}; }}
QPushButton:focus, QToolButton:focus {{ border-color: {ACCENT}; }}
QPushButton:disabled, QToolButton:disabled {{ color: #6c6c70; background: {PANEL}; }}
QPushButton[role="primary"], QToolButton[role="primary"] {{
    background: {ACCENT}; color: {ON_ACCENT}; border-color: {ACCENT}; font-weight: 600;
}}
QPushButton[role="primary"]:hover, QToolButton[role="primary"]:hover {{ background: #f3b457; }}
QPushButton[role="primary"]:focus, QToolButton[role="primary"]:focus {{ border: 2px solid {TEXT}; padding: 5px 13px; }}
QPushButton[role="primary"]:disabled, QToolButton[role="primary"]:disabled {{
    background: {RAISED}; color: #6c6c70; border-color: {LINE};
}}
QPushButton[role="link"] {{ background: transparent; border: 1px solid transparent; color: {ACCENT}; padding: 4px; }}
QPushButton[role="link"]:focus {{ border-color: {ACCENT}; }}
QToolButton[popupMode="1"] {{ padding-right: 30px; }}
QToolButton::menu-button {{
    border: none; border-left: 1px solid rgba(0, 0, 0, 60); width: 22px;
    border-top-right-radius: 5px; border-bottom-right-radius: 5px;
}}
QToolButton[popupMode="2"] {{ padding-right: 24px; }}
QToolButton::menu-indicator {{ subcontrol-position: right center; subcontrol-origin: padding; right: 8px; }}
QMenu {{ background: {RAISED}; border: 1px solid {LINE}; padding: 5px; }}
QMenu::item {{ padding: 6px 22px 6px 14px; border-radius: 4px; }}
QMenu::item:selected {{ background: {HOVER}; }}
QMenu::item:disabled {{ color: {MUTED}; }}
QMenu::separator {{ height: 1px; background: {LINE}; margin: 5px 8px; }}

QTabBar {{ background: transparent; qproperty-drawBase: 0; }}
QTabBar::tab {{
    background: transparent; color: {MUTED}; padding: 8px 14px; border: none; border-bottom: 2px solid transparent;
}}
QTabBar::tab:selected {{ color: {TEXT}; border-bottom-color: {ACCENT}; }}
QTabBar::tab:hover {{ color: {TEXT}; }}
QTabBar::tab:focus {{ color: {ACCENT}; }}
QTabWidget::pane {{ border: none; border-top: 1px solid {LINE}; }}

QListView, QTableView {{
    background: {BACKGROUND}; border: 1px solid transparent; outline: none;
    selection-background-color: {SELECTED}; selection-color: {TEXT};
}}
QListView:focus, QTableView:focus {{ border-color: {LINE}; }}
QListWidget {{ background: {PANEL}; border: 1px solid {LINE}; border-radius: 5px; padding: 4px; }}
QListWidget::item {{ padding: 7px 8px; border-radius: 4px; }}
QListWidget::item:selected {{ background: {HOVER}; color: {TEXT}; }}
QTableView::item {{ padding: 5px 10px; border: none; }}
QTableView::item:hover {{ background: {PANEL}; }}
QTableView::item:selected {{ background: {SELECTED}; }}
QHeaderView {{ background: {BACKGROUND}; }}
QHeaderView::section {{
    background: {BACKGROUND}; color: {MUTED}; border: none; border-bottom: 1px solid {LINE}; padding: 6px 13px;
    font-size: 11px; font-weight: 600;
}}
QSplitter::handle {{ background: {LINE}; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 2px; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 2px; }}
QScrollBar::handle {{ background: {LINE}; border-radius: 3px; min-height: 28px; min-width: 28px; }}
QScrollBar::handle:hover {{ background: #56565a; }}
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {{
    background: transparent; width: 0; height: 0;
}}
QProgressBar {{ background: {PANEL}; border: none; max-height: 2px; min-height: 2px; }}
QProgressBar::chunk {{ background: {ACCENT}; }}
QToolTip {{ background: {RAISED}; color: {TEXT}; border: 1px solid {LINE}; padding: 4px; }}
"""


def apply_style(application: QApplication) -> None:
    """Give the whole application our looks, the same on every platform."""
    QDir.addSearchPath("icons", str(Path(__file__).parent / "icons"))
    application.setStyle("Fusion")
    palette = QPalette()
    for role, colour in {
        QPalette.ColorRole.Window: BACKGROUND,
        QPalette.ColorRole.Base: BACKGROUND,
        QPalette.ColorRole.AlternateBase: PANEL,
        QPalette.ColorRole.Button: RAISED,
        QPalette.ColorRole.Text: TEXT,
        QPalette.ColorRole.WindowText: TEXT,
        QPalette.ColorRole.ButtonText: TEXT,
        QPalette.ColorRole.PlaceholderText: "#77777c",
        QPalette.ColorRole.Highlight: SELECTED,
        QPalette.ColorRole.HighlightedText: TEXT,
        QPalette.ColorRole.Link: ACCENT,
    }.items():
        palette.setColor(role, QColor(colour))
    application.setPalette(palette)
    application.setStyleSheet(_SHEET)
    application.setWindowIcon(QIcon(logo(128)))


def status_colour(status: str) -> QColor:
    return QColor(STATUS_COLOURS.get(status, MUTED))


def logo(size: int, ratio: float = 1.0) -> QPixmap:
    """Our mark, a ball race: ``size`` in logical pixels, drawn for a screen of that pixel ratio."""
    pixmap = QPixmap(round(size * ratio), round(size * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    centre = QPointF(size / 2, size / 2)
    painter.setPen(QPen(QColor(TEXT), size * 0.075))
    painter.drawEllipse(centre, size * 0.44, size * 0.44)
    painter.drawEllipse(centre, size * 0.17, size * 0.17)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(ACCENT))
    for step in range(7):
        painter.save()
        painter.translate(centre)
        painter.rotate(step * 360 / 7)
        painter.drawEllipse(QPointF(0, -size * 0.305), size * 0.078, size * 0.078)
        painter.restore()
    painter.end()
    return pixmap


def draw_placeholder(painter: QPainter, rectangle: QRectF, name: str) -> None:
    """The tile of something without a picture: its initials on a grey that is its own."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    shade = 70 + sum(name.encode()) % 24
    painter.setBrush(QColor(shade, shade, shade + 2))
    painter.drawRoundedRect(rectangle, 5, 5)
    font = QFont(painter.font())
    font.setPixelSize(max(9, round(rectangle.height() * 0.34)))
    font.setWeight(QFont.Weight.DemiBold)
    painter.setFont(font)
    painter.setPen(QColor("#b4b4b8"))
    painter.drawText(rectangle, Qt.AlignmentFlag.AlignCenter, initials(name))
    painter.restore()


def initials(name: str) -> str:
    """Up to two letters that stand for a name: ``ball_bearing`` gives ``BB``."""
    words = [word for word in name.replace("_", " ").replace("-", " ").split() if word]
    return "".join(word[0] for word in words[:2]).upper()
