"""The Python panel: the published assets of the project, to load and to bring up to date."""

from __future__ import annotations

from PySide6 import QtWidgets

from houdini_otls import assets, dialogs, tools


def create() -> QtWidgets.QWidget:
    """The panel's widget, as Houdini asks for it."""
    return AssetPanel()


class AssetPanel(QtWidgets.QWidget):
    """A table of assets; a double click loads one."""

    HEADINGS = ("Asset", "Published", "Loaded by")

    def __init__(self) -> None:
        super().__init__()
        self._assets: list[assets.PublishedAsset] = []
        self.table = QtWidgets.QTableWidget(0, len(self.HEADINGS))
        self.table.setHorizontalHeaderLabels(list(self.HEADINGS))
        self.table.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.doubleClicked.connect(lambda index: self.load(index.row()))
        buttons = QtWidgets.QHBoxLayout()
        for text, action in (
            ("Reload", dialogs.tool(self.reload)),
            ("Check loaded assets", tools.check_assets),
            ("Publish layer", tools.publish_layer),
            ("Save scene", tools.save_scene),
        ):
            button = QtWidgets.QPushButton(text)
            # A click also tells whether the button is checked, which no tool wants to know.
            button.clicked.connect(lambda _=False, run=action: run())
            buttons.addWidget(button)
        layout = QtWidgets.QVBoxLayout(self)
        layout.addWidget(self.table)
        layout.addLayout(buttons)
        dialogs.tool(self.reload)()

    def reload(self) -> None:
        """Ask the service again."""
        with tools.session() as (context, client):
            self._assets = assets.published_assets(client, context.project)
        nodes: dict[str, list[str]] = {}
        for loaded in assets.loaded_assets(self._assets):
            note = " (outdated)" if loaded.outdated else ""
            nodes.setdefault(loaded.asset.name, []).append(loaded.node.path() + note)
        self.table.setRowCount(len(self._assets))
        for row, asset in enumerate(self._assets):
            texts = (asset.name, asset.provenance()["version"], ", ".join(nodes.get(asset.name, [])))
            for column, text in enumerate(texts):
                self.table.setItem(row, column, QtWidgets.QTableWidgetItem(text))
        self.table.resizeColumnsToContents()

    def load(self, row: int) -> None:
        """Load the asset of a row as a reference after the selected LOP."""

        def act() -> None:
            assets.load(self._assets[row], as_sublayer=False)
            self.reload()

        dialogs.tool(act)()
