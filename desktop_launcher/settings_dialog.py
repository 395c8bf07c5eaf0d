"""The storage folder and the programs, changed by hand."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop_launcher.models import ItemRole
from desktop_launcher.programs import Programs
from desktop_launcher.settings import Settings, check_root
from desktop_launcher.software import SOFTWARE, name_of
from desktop_launcher.widgets import FolderField, in_words, label
from shared.errors import RacewayError


class SettingsDialog(QDialog):
    """Changes are kept when the dialog is accepted; programs are added and forgotten at once."""

    def __init__(self, settings: Settings, programs: Programs, tenant_id: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self.setMinimumWidth(620)
        self._settings, self._programs, self._tenant_id = settings, programs, tenant_id
        self.storage = FolderField("Storage folder on this machine")
        self.storage.line.setText(settings.root)
        self.message = label("", "error")
        self.message.setWordWrap(True)
        self.list = QListWidget()
        self.list.setAccessibleName("Programs")
        self._forget = QPushButton("Forget")
        self._forget.setToolTip("Programs found by the search cannot be forgotten.")
        self._forget.clicked.connect(self._on_forget)
        self._kind = QComboBox()
        for software in SOFTWARE.values():
            self._kind.addItem(software.label, software.key)
        add = QPushButton("Add by hand…")
        add.clicked.connect(self._on_add)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)

        row = QHBoxLayout()
        row.addWidget(self._kind)
        row.addWidget(add)
        row.addStretch(1)
        row.addWidget(self._forget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 20, 22, 18)
        layout.setSpacing(8)
        layout.addWidget(label("STORAGE FOLDER ON THIS MACHINE", "heading"))
        layout.addWidget(self.storage)
        layout.addWidget(self.message)
        layout.addWidget(label("PROGRAMS", "heading"))
        layout.addWidget(self.list, 1)
        layout.addLayout(row)
        layout.addSpacing(8)
        layout.addWidget(buttons)
        programs.changed.connect(self._fill)
        self.list.currentItemChanged.connect(self._on_current)
        self._fill()

    def accept(self) -> None:
        try:
            check_root(self.storage.folder, self._tenant_id)
        except RacewayError as error:
            self.message.setText(in_words(error))
            return
        self._settings.root = self.storage.folder
        super().accept()

    def _fill(self) -> None:
        self.list.clear()
        for software in SOFTWARE.values():
            for installation in self._programs.installations(software.key):
                added = "    by hand" if installation.by_hand else ""
                row = QListWidgetItem(f"{name_of(installation)}    {installation.executable}{added}")
                row.setData(ItemRole, installation)
                self.list.addItem(row)
        self._on_current(self.list.currentItem())

    def _on_current(self, row: QListWidgetItem | None) -> None:
        self._forget.setEnabled(row is not None and row.data(ItemRole).by_hand)

    def _on_add(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, f"Program file of {self._kind.currentText()}")
        if file:
            self._programs.add_by_hand(self._kind.currentData(Qt.ItemDataRole.UserRole), Path(file))

    def _on_forget(self) -> None:
        if (row := self.list.currentItem()) is not None:
            self._programs.forget(row.data(ItemRole))
