"""The Python panel: the published assets of the project, and the parts of new revisions to decide about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import hou
from PySide6 import QtWidgets

from dcc.scenes import revision
from dcc.scenes.revision import Answered, Decisions, Review
from houdini_otls import assets, dialogs, revisions, tools
from shared.client import Client
from shared.errors import ConflictError, InputError


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
class _Row:
    """A row of the table: what it says, and the answers that it stands for, where it stands for any."""

    revision: revisions.Revision
    texts: tuple[str, str, str, str]
    confirmed: Decisions | None = None
    new: Decisions | None = None
    answered: Answered | None = None


class RevisionPanel(_TablePanel):
    """Parts of which it is uncertain which earlier part they are, each with the parts that it may be.

    Above them, those that can be answered together; below them, what was answered last.
    """

    HEADINGS = ("Asset", "Uncertain part", "May be", "Sure", "Why")

    def __init__(self) -> None:
        self._rows: list[_Row] = []
        self._answered: set[str] = set()
        super().__init__(
            ("It is this part", dialogs.tool(self.confirm)),
            ("It is new", dialogs.tool(self.call_new)),
            ("Take back", dialogs.tool(self.take_back)),
        )

    def reload(self) -> None:
        with tools.session() as (context, client):
            found = revisions.undecided(client, context.project, self._answered)
        self._rows = [row for each in found for row in _rows_of(each)]
        self._show([(f"{row.revision.asset} r{row.revision.number}", *row.texts) for row in self._rows])

    def confirm(self) -> None:
        """Each part of the selected row is the earlier one that it says; the material choices come along."""
        row = self._selected()
        self._decide(row, row.confirmed, "Choose whether it is new, or a row that names an earlier part.")

    def call_new(self) -> None:
        """Each part of the selected row is new."""
        row = self._selected()
        self._decide(row, row.new, "Take the answer back first.")

    def take_back(self) -> None:
        """Ask again about the parts of the selected answer."""
        row = self._selected()
        answered = row.answered
        if answered is None:
            raise _wrong_row("This row is not an answer.", "Select an answer, below the open questions.")
        self._change(row, "taken back", lambda client, seen: revision.take_back(client, seen, answered))

    def _decide(self, row: _Row, decisions: Decisions | None, hint: str) -> None:
        if decisions is None:
            raise _wrong_row("This row does not offer that answer.", hint)
        self._change(row, revision.say(decisions), lambda client, seen: revision.decide(client, seen, decisions))

    def _change(self, row: _Row, said: str, change: Callable[[Client, Review], Review]) -> None:
        seen = row.revision.review
        try:
            with tools.session() as (_, client):
                now = change(client, seen)
        except ConflictError:
            # What others answered meanwhile is shown together with the message.
            self.reload()
            raise
        self._answered.add(seen.cad_file_id)
        after = " The model is converted again; publish it and update the scene when that is done."
        hou.ui.setStatusMessage(f"{row.revision.asset}: {said}.{after if now.converting else ''}")
        self.reload()

    def _selected(self) -> _Row:
        """The selected row; raises InputError where there is none."""
        row = self.table.currentRow()
        if not 0 <= row < len(self._rows):
            raise _wrong_row("No part is selected.", "Select the row of the part that it is.")
        return self._rows[row]


def _rows_of(found: revisions.Revision) -> Iterator[_Row]:
    for group in found.review.groups:
        texts = (f"{len(group.likeliest)} parts for one reason", "each its likeliest", "", group.reason)
        yield _Row(found, texts, confirmed=group.each_is_likeliest, new=group.all_are_new)
    for question in found.review.questions:
        new = {question.new_key: None}
        for each in question.candidates:
            texts = (question.new_key, each.old_key, f"{each.confidence:.0%}", each.reason)
            yield _Row(found, texts, confirmed={question.new_key: each.old_key}, new=new)
        if not question.candidates:
            yield _Row(found, (question.new_key, "", "", "nothing in the revision before is like it"), new=new)
    for answered in found.review.answered:
        yield _Row(found, (answered.line, "", "", "answered"), answered=answered)


def _wrong_row(message: str, hint: str) -> InputError:
    return InputError(message, hint=hint, code="input.selection")
