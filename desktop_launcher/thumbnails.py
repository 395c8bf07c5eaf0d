"""Small pictures of assets and shots, fetched when a row that shows them is painted."""

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

_Key = tuple[str, str]


class Thumbnails(QObject):
    """Answers a picture at once where it is known, else fetches it and tells when it has ``changed``."""

    changed = Signal()

    def __init__(self, catalogue: Catalogue, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._catalogue, self._folder = catalogue, folder
        # Threads of their own: a page full of pictures must not hold up what the artist clicks.
        self._background = Background(threads=2, parent=self)
        self._pictures: dict[_Key, QPixmap | None] = {}

    def picture(self, project: str, entity: Entity) -> QPixmap | None:
        """The picture; None where there is none, or none yet."""
        key = (project, str(entity))
        if key not in self._pictures:
            self._pictures[key] = None
            self._background.run(
                "/".join(key),
                lambda: self._load(project, entity),
                lambda image: self._keep(key, image),
                self._ignore,
            )
        return self._pictures[key]

    def forget(self) -> None:
        """Ask again for every picture at its next painting."""
        self._pictures.clear()

    def shut_down(self, milliseconds: int) -> bool:
        return self._background.shut_down(milliseconds)

    def _load(self, project: str, entity: Entity) -> QImage | None:
        file = self._catalogue.thumbnail(project, entity, self._folder)
        image = QImage(str(file)) if file else QImage()
        if image.isNull():
            return None
        return image.scaled(
            SIZE, Qt.AspectRatioMode.KeepAspectRatioByExpanding, Qt.TransformationMode.SmoothTransformation
        )

    def _keep(self, key: _Key, image: QImage | None) -> None:
        if image is not None:
            self._pictures[key] = QPixmap.fromImage(image)
            self.changed.emit()

    def _ignore(self, error: RacewayError) -> None:
        """A missing picture is no trouble: the row shows its initials, and the lists tell when the service is away."""
