"""The programs found on this machine, with their versions, kept up to date in the background."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from desktop_launcher.background import Background
from desktop_launcher.probe import with_version
from desktop_launcher.settings import Settings
from desktop_launcher.software import SOFTWARE, Installation, Machine, Software, find_installations, natural_order
from shared.errors import RacewayError


class Programs(QObject):
    """Installations by software, the newest first; ``changed`` when the search of one has ended."""

    changed = Signal()
    failed = Signal(RacewayError)

    def __init__(
        self, settings: Settings, background: Background, machine: Machine | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._settings, self._background, self._machine = settings, background, machine
        self._found: dict[str, list[Installation]] = {}

    def search(self) -> None:
        """Look again; the answer comes with ``changed``."""
        for software in SOFTWARE.values():
            self._search(software)

    def searched(self, software: str) -> bool:
        """Whether the search for this software has ended."""
        return software in self._found

    def installations(self, software: str) -> list[Installation]:
        return list(self._found.get(software, []))

    def preferred(self, software: str) -> Installation | None:
        """The installation used last, else the newest; None where there is none."""
        found = self._found.get(software, [])
        last = self._settings.choice(software)
        return next((one for one in found if str(one.executable) == last), found[0] if found else None)

    def prefer(self, installation: Installation) -> None:
        self._settings.choose(installation.software, str(installation.executable))
        self.changed.emit()

    def add_by_hand(self, software: str, executable: Path) -> None:
        """Remember a program file that the search does not find, and prefer it."""
        self._settings.set_programs_by_hand(software, [*self._settings.programs_by_hand(software), executable])
        self._settings.choose(software, str(executable))
        self._search(SOFTWARE[software])

    def forget(self, installation: Installation) -> None:
        """Forget a program file that was named by hand."""
        paths = self._settings.programs_by_hand(installation.software)
        kept = [path for path in paths if path != installation.executable]
        self._settings.set_programs_by_hand(installation.software, kept)
        self._search(SOFTWARE[installation.software])

    def _search(self, software: Software) -> None:
        by_hand = self._settings.programs_by_hand(software.key)

        def work() -> list[Installation]:
            found = [with_version(one) for one in find_installations(software, self._machine, by_hand)]
            return sorted(found, key=lambda one: natural_order(one.version), reverse=True)

        def done(found: list[Installation]) -> None:
            self._found[software.key] = found
            self.changed.emit()

        self._background.run(f"software/{software.key}", work, done, self.failed.emit)
