"""Publishes that wait on this machine while the service is away: one folder each, in the order they were made.

The queue is the artist's own (below the user's state folder, readable by nobody else): it is there when the shared
storage is full or away too, survives a restart of the machine, and its publishes are sent in the name of the artist
who made them, because no token is kept in it. A layer waits under a name of its own; which version it becomes, the
service says when it is sent.

An entry is a folder that appears whole and disappears at once, so that a crash leaves it as it was before or after.
Sending one is repeatable: its ``key`` makes the service answer the same publish however often it is sent.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from shared.errors import NotFoundError, RacewayError, StorageError
from shared.files import TEMPORARY_PREFIX, atomic_folder, atomic_write, make_folder, storage_error
from shared.locks import file_lock

_RECORD = "publish.json"
_LAYER = "layer.usd"

Kind = Literal["layer", "cad_model", "cad_look"]
State = Literal["waiting", "refused"]


@dataclass(frozen=True)
class Waiting:
    """What is needed to publish later. ``root`` is the storage it belongs to; a publish never goes to another.

    ``scene`` is the version text of the work file. A ``layer`` waits with its file; ``cad_model`` and ``cad_look`` are
    made when they are sent, from what the service has then.
    """

    kind: Kind
    root: str
    project: str
    entity: str
    task_id: str
    part: str
    department: str
    software: str
    scene: str
    comment: str
    key: str
    cad_file_id: str = ""
    fix: bool = False


@dataclass(frozen=True)
class Entry:
    """An entry of the queue. ``error`` is the service's answer to a refused one, or why it waits longer."""

    id: str
    folder: Path
    queued_at: str
    state: State
    publish: Waiting
    error: Mapping[str, Any] | None = None

    @property
    def layer(self) -> Path:
        return self.folder / _LAYER

    def to_json(self) -> dict[str, Any]:
        """The entry as ``raceway publish --queue --json`` tells it."""
        return {
            "id": self.id,
            "state": self.state,
            "queued_at": self.queued_at,
            **asdict(self.publish),
            "error": dict(self.error) if self.error else None,
        }


def state_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where this user's programs keep what must not be lost: ``$RACEWAY_STATE``, else the platform's place."""
    env = os.environ if environ is None else environ
    if chosen := env.get("RACEWAY_STATE"):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32":
        base = Path(env.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(env.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return base / "raceway"


class PublishQueue:
    """The queue in a folder. Any number of processes may use it at once; one at a time sends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of_user(cls) -> PublishQueue:
        return cls(state_folder() / "publish-queue")

    def add(self, publish: Waiting, layer: Path | None = None) -> Entry:
        """Keep a publish, and a copy of its ``layer``; the same key again is the same entry.

        Raises StorageError where this machine's disk refuses; then nothing of it is kept.
        """
        for known in self.entries():
            if known.publish.key == publish.key:
                return known
        make_folder(self.folder)
        with contextlib.suppress(OSError):
            self.folder.chmod(0o700)
        # Names sort by time; two of one nanosecond differ in their ends.
        name = f"{time.time_ns():020d}-{uuid4().hex[:8]}"
        entry = Entry(name, self.folder / name, datetime.now(UTC).isoformat(timespec="seconds"), "waiting", publish)
        with atomic_folder(entry.folder) as temporary:
            if layer is not None:
                shutil.copyfile(layer, temporary / _LAYER)
            (temporary / _RECORD).write_text(_text(entry), encoding="utf-8")
        return entry

    def entries(self, root: Path | None = None) -> list[Entry]:
        """All entries in their order; with ``root`` those of that storage only."""
        try:
            names = sorted(name for name in os.listdir(self.folder) if not name.startswith("."))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise storage_error(error, self.folder, "read") from error
        found = [entry for name in names if (entry := self._read(name))]
        return [entry for entry in found if root is None or entry.publish.root == str(root)]

    def entry(self, entry_id: str) -> Entry:
        """The entry of that id, or of the short one behind its dash; raises NotFoundError unless one entry has it."""
        found = [entry for entry in self.entries() if entry_id and entry_id in (entry.id, entry.id.rpartition("-")[2])]
        if len(found) != 1:
            raise NotFoundError(
                f"There is no publish {entry_id!r} in the queue.", hint="List them: `raceway publish --queue`."
            )
        return found[0]

    def refuse(self, entry: Entry, error: RacewayError) -> None:
        """Keep an entry that the service does not take, until the artist retries or discards it."""
        self._write(Entry(entry.id, entry.folder, entry.queued_at, "refused", entry.publish, error.to_json()))

    def retry(self, entry: Entry) -> None:
        """Let a refused entry be sent again with the next."""
        self._write(Entry(entry.id, entry.folder, entry.queued_at, "waiting", entry.publish))

    def remove(self, entry: Entry) -> None:
        """Forget an entry: it was sent, or the artist discards it."""
        # Out of the list in one step; what remains after a crash has a temporary name.
        gone = self.folder / f"{TEMPORARY_PREFIX}{entry.id}"
        try:
            os.rename(entry.folder, gone)
        except FileNotFoundError:
            return
        except OSError as error:
            raise storage_error(error, entry.folder, "remove") from error
        shutil.rmtree(gone, ignore_errors=True)

    @contextlib.contextmanager
    def sending(self, *, wait_seconds: float = 0.0) -> Iterator[bool]:
        """Be the one process that sends; yields whether we are."""
        with file_lock(self.folder / ".lock", wait_seconds=wait_seconds) as held:
            if held:
                # What a killed sender had taken out of the list already; folders being added have no second dash.
                for gone in self.folder.glob(f"{TEMPORARY_PREFIX}*-*"):
                    shutil.rmtree(gone, ignore_errors=True)
            yield held

    def _write(self, entry: Entry) -> None:
        atomic_write(entry.folder / _RECORD, _text(entry))

    def _read(self, name: str) -> Entry | None:
        folder = self.folder / name
        try:
            kept = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
            publish = Waiting(**kept["publish"])
            return Entry(name, folder, kept["queued_at"], kept["state"], publish, kept.get("error"))
        except FileNotFoundError:
            return None  # sent or discarded meanwhile
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StorageError(
                f"The queued publish {folder} cannot be read: {error}.",
                hint="Move this folder away to go on with the others; its layer.usd is what was to be published.",
                code="storage.damaged",
            ) from error


def _text(entry: Entry) -> str:
    kept = {"queued_at": entry.queued_at, "state": entry.state, "publish": asdict(entry.publish), "error": entry.error}
    return json.dumps(kept, ensure_ascii=False, indent=2)
