"""What every page of a logged-in launcher shares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from desktop_launcher.background import Background
from desktop_launcher.catalogue import Catalogue, User
from desktop_launcher.launch import Work
from desktop_launcher.settings import Settings
from desktop_launcher.thumbnails import Thumbnails
from shared.context import Context, Entity
from shared.errors import RacewayError


class Troubles(QObject):
    """Where every page reports an error it cannot handle itself."""

    reported = Signal(RacewayError)


@dataclass
class Session:
    """A user at a service."""

    catalogue: Catalogue
    user: User
    settings: Settings
    background: Background
    thumbnails: Thumbnails
    troubles: Troubles

    def report(self, error: RacewayError) -> None:
        self.troubles.reported.emit(error)

    def context(self, work: Work, root: Path) -> Context:
        """The context that a program started on this work gets."""
        return Context(
            api_url=self.catalogue.api_url,
            token=self.catalogue.token,
            project=work.project,
            entity=Entity.parse(work.entity),
            task_id=work.task_id,
            artist=self.user.name,
            root=root,
        )
