"""What the launcher remembers between two starts: an INI file, and the token in a file only its owner can read."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QSettings, QStandardPaths

from desktop_launcher.launch import Work
from shared.errors import StorageError
from shared.files import make_folder, storage_error
from shared.storage_mark import tenant_of

RECENT_SCENES = 12
STORAGE_ERRORS = ("storage.missing", "storage.foreign")
"""Codes of what another storage folder, or a connected drive, puts right."""


def default_folder() -> Path:
    """The platform's configuration folder of this program (``~/.config/raceway`` on Linux)."""
    base = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericConfigLocation)
    return Path(base) / "raceway"


class Settings:
    """The remembered choices. Raises StorageError where its folder cannot be used."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = make_folder(folder or default_folder())
        self._values = QSettings(str(self.folder / "launcher.ini"), QSettings.Format.IniFormat)

    def sync(self) -> None:
        """Write everything to disk now."""
        self._values.sync()

    # -- the connection

    @property
    def api_url(self) -> str:
        return self._text("connection/api_url")

    @api_url.setter
    def api_url(self, url: str) -> None:
        self._values.setValue("connection/api_url", url)

    @property
    def email(self) -> str:
        return self._text("connection/email")

    @email.setter
    def email(self, email: str) -> None:
        self._values.setValue("connection/email", email)

    @property
    def root(self) -> str:
        """The shared storage as this machine sees it; empty where it was never chosen."""
        return self._text("storage/root")

    @root.setter
    def root(self, root: str) -> None:
        self._values.setValue("storage/root", root)

    def token(self, api_url: str) -> str:
        """The token kept for this service; empty where there is none. A token is never sent to another service."""
        try:
            kept = json.loads(self._token_file.read_text(encoding="utf-8"))
            return str(kept["token"]) if kept["api_url"] == api_url else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def keep_token(self, api_url: str, token: str) -> None:
        """Keep the token of a login, readable by this user alone."""
        try:
            # mkstemp makes the file private from its first byte on.
            handle, name = tempfile.mkstemp(prefix=".tmp-", dir=self.folder)
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump({"api_url": api_url, "token": token}, stream)
            os.replace(name, self._token_file)
        except OSError as error:
            raise storage_error(error, self._token_file) from error

    def forget_token(self) -> None:
        self._token_file.unlink(missing_ok=True)

    @property
    def _token_file(self) -> Path:
        return self.folder / "token.json"

    # -- the last choice

    def choice(self, name: str) -> str:
        """The last choice of that name (``project``, ``tab``, ``entity``, ``task``, ``blender``, ``houdini``)."""
        return self._text(f"choice/{name}")

    def choose(self, name: str, value: str) -> None:
        self._values.setValue(f"choice/{name}", value)

    @property
    def recent_scenes(self) -> list[Work]:
        """The scenes opened last, the latest first."""
        try:
            return [Work(**entry) for entry in json.loads(self._text("recent/scenes") or "[]")]
        except (ValueError, TypeError):
            return []

    def add_recent_scene(self, work: Work) -> None:
        scenes = [work, *(other for other in self.recent_scenes if other.scene != work.scene)]
        self._values.setValue("recent/scenes", json.dumps([asdict(entry) for entry in scenes[:RECENT_SCENES]]))

    # -- programs

    def programs_by_hand(self, software: str) -> list[Path]:
        """The program files the artist named."""
        return [Path(line) for line in self._text(f"software/{software}").split("\n") if line]

    def set_programs_by_hand(self, software: str, paths: list[Path]) -> None:
        self._values.setValue(f"software/{software}", "\n".join(str(path) for path in dict.fromkeys(paths)))

    # -- the window

    def window_state(self, name: str) -> QByteArray:
        """A geometry or splitter state as Qt saved it; empty at the first start."""
        value = self._values.value(f"window/{name}")
        return value if isinstance(value, QByteArray) else QByteArray()

    def keep_window_state(self, name: str, state: QByteArray) -> None:
        self._values.setValue(f"window/{name}", state)

    def _text(self, key: str) -> str:
        value: Any = self._values.value(key, "")
        return value if isinstance(value, str) else ""


def check_root(root: str, tenant_id: str = "") -> Path:
    """The storage root as a folder; raises StorageError (``STORAGE_ERRORS``) where none is chosen, it is not there, or
    it is not the storage of the tenant with that id."""
    if not root.strip():
        raise StorageError(
            "No storage folder is chosen.",
            hint="Choose the folder where the shared storage is on this machine.",
            code="storage.missing",
        )
    path = Path(root).expanduser()
    if not path.is_dir():
        raise StorageError(
            f"The storage folder {path} is {'a file' if path.exists() else 'not there'}.",
            hint="Connect the shared drive, or choose another folder.",
            code="storage.missing",
        )
    marked = tenant_of(path)
    if tenant_id and marked != tenant_id:
        whose = "another studio's storage" if marked else "not the studio's storage: the service never wrote to it"
        raise StorageError(
            f"The storage folder {path} is {whose}.",
            hint="Connect the shared drive if it belongs there, or choose the storage of the studio you logged in to.",
            code="storage.foreign",
        )
    return path
