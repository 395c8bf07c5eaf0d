"""The Python panel: the published assets of the project, and the parts of new revisions to decide about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import hou
from PySide6 import QtWidgets

from dcc.scenes.revision import Candidate
from houdini_otls import assets, dialogs, revisions, tools
from shared.errors import InputError


def create() -> QtWidgets.QWidget:
    """The panel's widget, as Houdini asks for it."""
    tabs = QtWidgets.QTabWidget()
    tabs.addTab(AssetPanel(), "Assets")
    tabs.addTab(RevisionPanel(), "Revisions")
    return tabs


class _TablePanel(QtWidgets.QWidget):
    """A table with buttons below, filled by ``reload``."""

    HEADINGS: tuple[str, ...] = ()

    def __init__(self, *buttons: tuple[str, Callable[[], None]]) -> None:
        super().__init__()
        self.table = QtWidgets.QTableWidget(0, len(self.HEADINGS))
        self.table.setHorizontalHeaderLabels(list(self.HEADINGS))
        self.table.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setStretchLastSection(True)
        row = QtWidgets.QHBoxLayout()
        for text, action in (("Reload", dialogs.tool(self.reload)), *buttons):
            button = QtWidgets.QPushButton(text)
            # A click also tells whether the button is checked, which no tool wants to know.
            button.clicked.connect(lambda _=False, run=action: run())
            row.addWidget(button)
        layout = QtWidgets.QVBoxLayout(self)
        layout.addWidget(self.table)
        layout.addLayout(row)
        dialogs.tool(self.reload)()

    def reload(self) -> None:
        """Ask the service again."""
        raise NotImplementedError

    def _show(self, rows: Sequence[Sequence[str]]) -> None:
        self.table.setRowCount(len(rows))
        for row, texts in enumerate(rows):
            for column, text in enumerate(texts):
                self.table.setItem(row, column, QtWidgets.QTableWidgetItem(text))
        self.table.resizeColumnsToContents()


class AssetPanel(_TablePanel):
    """A table of assets; a double click loads one."""

    HEADINGS = ("Asset", "Published", "Loaded by")

    def __init__(self) -> None:
        self._assets: list[assets.PublishedAsset] = []
        super().__init__(
            ("Check loaded assets", tools.check_assets),
            ("Publish layer", tools.publish_layer),
            ("Save scene", tools.save_scene),
        )
        self.table.doubleClicked.connect(lambda index: self.load(index.row()))

    def reload(self) -> None:
        """Ask the service again."""
        with tools.session() as (context, client):
            self._assets = assets.published_assets(client, context.project)
        nodes: dict[str, list[str]] = {}
        for loaded in assets.loaded_assets(self._assets):
            note = " (outdated)" if loaded.outdated else ""
            nodes.setdefault(loaded.asset.name, []).append(loaded.node.path() + note)
        self._show(
            [
                (asset.name, asset.provenance()["version"], ", ".join(nodes.get(asset.name, [])))
                for asset in self._assets
            ]
        )

    def load(self, row: int) -> None:
        """Load the asset of a row as a reference after the selected LOP."""

        def act() -> None:
            assets.load(self._assets[row], as_sublayer=False)
            self.reload()

        dialogs.tool(act)()


@dataclass(frozen=True)
class _Choice:
    """A row: an uncertain part, and an earlier part that it may be; None where there is none like it."""

    revision: revisions.Revision
    new_key: str
    candidate: Candidate | None


class RevisionPanel(_TablePanel):
    """Parts of which it is uncertain which earlier part they are, each with the parts that it may be."""

    HEADINGS = ("Asset", "Uncertain part", "May be", "Sure", "Why")

    def __init__(self) -> None:
        self._choices: list[_Choice] = []
        super().__init__(
            ("It is this part", dialogs.tool(lambda: self.decide(self._selected(), is_new=False))),
            ("It is new", dialogs.tool(lambda: self.decide(self._selected(), is_new=True))),
        )

    def reload(self) -> None:
        with tools.session() as (context, client):
            found = revisions.undecided(client, context.project)
        self._choices = [
            _Choice(revision, question.new_key, candidate)
            for revision in found
            for question in revision.questions
            for candidate in question.candidates or (None,)
        ]
        self._show([self._texts(choice) for choice in self._choices])

    def decide(self, row: int, *, is_new: bool) -> None:
        """Decide as the row says, or that its part is new; the material choices come along with the part."""
        choice = self._choices[row]
        old_key = None if is_new or choice.candidate is None else choice.candidate.old_key
        with tools.session() as (_, client):
            said = revisions.decide(client, choice.revision, choice.new_key, old_key)
        hou.ui.setStatusMessage(said)
        self.reload()

    def _selected(self) -> int:
        """The selected row; raises InputError where there is none."""
        row = self.table.currentRow()
        if not 0 <= row < len(self._choices):
            raise InputError(
                "No part is selected.", hint="Select the row of the part that it is.", code="input.selection"
            )
        return row

    @staticmethod
    def _texts(choice: _Choice) -> tuple[str, ...]:
        about = (f"{choice.revision.asset} r{choice.revision.number}", choice.new_key)
        if choice.candidate is None:
            return (*about, "", "", "nothing in the revision before is like it")
        return (*about, choice.candidate.old_key, f"{choice.candidate.confidence:.0%}", choice.candidate.reason)
