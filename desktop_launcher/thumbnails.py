"""Small pictures of assets, fetched when a row that shows them is painted. Shots have none yet."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPixmap

from desktop_launcher.background import Background
from desktop_launcher.catalogue import Catalogue
from shared.context import Entity
from shared.errors import RacewayError

SIZE = QSize(320, 180)
"""Pixels kept of each picture: enough for the largest place that shows one."""


class Thumbnails(QObject):
    """Answers a picture at once where it is known, else fetches it and tells when it has ``changed``."""

    changed = Signal()

    def __init__(self, catalogue: Catalogue, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._catalogue, self._folder = catalogue, folder
        # Threads of their own: a page full of pictures must not hold up what the artist clicks.
        self._background = Background(threads=2, parent=self)
        self._pictures: dict[str, QPixmap | None] = {}

    def picture(self, target_id: str, entity: Entity) -> QPixmap | None:
        """The picture of the asset with that id; None where there is none, or none yet."""
        if entity.kind == "asset" and target_id not in self._pictures:
            self._pictures[target_id] = None
            self._background.run(
                target_id,
                lambda: self._load(target_id, entity.name),
                lambda image: self._keep(target_id, image),
                self._ignore,
            )
        return self._pictures.get(target_id)

    def forget(self) -> None:
        """Ask again for every picture at its next painting."""
        self._pictures.clear()

    def shut_down(self, milliseconds: int) -> bool:
        return self._background.shut_down(milliseconds)

    def _load(self, asset_id: str, name: str) -> QImage | None:
        file = self._catalogue.thumbnail(asset_id, name, self._folder)
        image = QImage(str(file)) if file else QImage()
        if image.isNull():
            return None
        return image.scaled(
            SIZE, Qt.AspectRatioMode.KeepAspectRatioByExpanding, Qt.TransformationMode.SmoothTransformation
        )

    def _keep(self, asset_id: str, image: QImage | None) -> None:
        if image is not None:
            self._pictures[asset_id] = QPixmap.fromImage(image)
            self.changed.emit()

    def _ignore(self, error: RacewayError) -> None:
        """A missing picture is no trouble: the row shows its initials, and the lists tell when the service is away."""
