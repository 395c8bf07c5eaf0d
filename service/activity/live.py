"""What the event streams say: of one job, and of all that happens in a tenant.

A stream's position says what its client has had: the last event, and how much of each log. It travels as the ids of
the messages and comes back as ``Last-Event-ID``, so that a client that was away misses no event and no line.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import BigInteger, ColumnElement, Select, func, literal_column, select, tuple_
from sqlalchemy.orm import Session

from service.accounts.auth import Identity
from service.accounts.permissions import Permission, allows
from service.activity import streams
from service.database import tenant_session
from service.models import ApiToken, Event, Job, Notification, User
from service.tasks.logs import log_path
from shared.jobs import FINAL_STATES, JobState

SETTLED: ColumnElement[int] = literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint", BigInteger)
"""The oldest transaction under way: what is committed later has this number or a higher one."""
_EVENTS = 200
"""Events read at a time."""
_LOG_BYTES = 1 << 16
_TAIL_LINES = 30
"""Lines of each log that a client gets which has none yet."""
_TAIL_BYTES = 1 << 14
_LOGS = 16
"""Logs whose end a position remembers: those written to last."""
_CHECK_SECONDS = 10.0
_CLOCK_SECONDS = 5.0
"""How far the clocks of this machine and of the storage may differ."""
_LAST = 2**63 - 1


@dataclass
class Position:
    """How far a client is: ``transaction`` and ``number`` of the last event, bytes of each log, and when it was."""

    transaction: int
    number: int
    seconds: float = 0.0
    logs: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        logs = "".join(f";{name}:{size}" for name, size in list(self.logs.items())[-_LOGS:])
        return f"{self.transaction}-{self.number}@{self.seconds:.3f}{logs}"

    @classmethod
    def parse(cls, text: str) -> Position | None:
        """The position that a client sent back; None for a text that is none."""
        head, *logs = text.split(";")
        try:
            event, _, seconds = head.partition("@")
            transaction, number = (min(int(part), _LAST) for part in event.split("-"))
            sizes = {name: int(size) for name, _, size in (log.rpartition(":") for log in logs)}
            return cls(transaction, number, float(seconds or 0), sizes)
        except ValueError:
            return None

    @classmethod
    def now(cls, current: Session) -> Position:
        """After everything that is committed."""
        return cls(_settled(current) - 1, _LAST)


def job_messages(app: Flask, who: Identity, job_id: UUID, position: Position | None) -> Iterator[bytes]:
    """The messages about one job, until it has ended.

    ``progress``: state, percent, stage, frame, remaining seconds, whenever they change. ``event``: what happened to
    it. ``log``: new lines of its tools. ``end``: the last one.
    """
    root = app.extensions["raceway"].tenant_root(who.storage)
    shown: dict[str, Any] = {}
    guest = _Guest(app, who)
    with streams.streams_of(app).watch(who.tenant_id) as watch:
        while guest.may_stay():
            with app.app_context(), tenant_session(who.tenant_id, artist_id=who.user_id) as current:
                position = position or Position.now(current)
                job = current.scalars(select(Job).where(Job.id == job_id)).one_or_none()
                snapshot = snapshot_of(job) if job else {}
                logs = _logs_of(current, root, job_id) if job else {}
                events = _events_after(current, position, Event.subject_id == job_id)
            ended = not snapshot or snapshot["state"] in FINAL_STATES
            for event in events:
                position.transaction, position.number = event.transaction, event.number
                yield streams.message("event", describe(event), str(position))
            yield from _log_messages(logs, position, ended=ended)
            if snapshot != shown:
                shown = snapshot
                yield streams.message("progress", snapshot, str(position))
            if ended and not events:
                yield streams.message("end", snapshot, str(position))
                return
            if not events and str(job_id) not in watch.wait(streams.LOOK_SECONDS):
                yield b""


def tenant_messages(app: Flask, who: Identity, position: Position | None) -> Iterator[bytes]:
    """The messages about all that happens in a tenant, as far as its reader may know.

    ``event``: what happened. ``changed``: ids of rows that moved without an event, such as the progress of a job.
    ``notifications``: the number of the reader's unread ones, whenever it changes.
    """
    shown: int | None = None
    changed: set[str] = set()
    guest = _Guest(app, who)
    with streams.streams_of(app).watch(who.tenant_id) as watch:
        while guest.may_stay():
            with app.app_context(), tenant_session(who.tenant_id, artist_id=who.user_id) as current:
                position = position or Position.now(current)
                events = _events_after(current, position, *visible(who))
                unread = unread_of(current, who.user_id)
                moved = _seen(current, changed - {str(event.subject_id) for event in events} - {str(who.user_id), ""})
            for event in events:
                position.transaction, position.number = event.transaction, event.number
                yield streams.message("event", describe(event), str(position))
            if moved:
                yield streams.message("changed", {"ids": moved})
            if unread != shown:
                shown = unread
                yield streams.message("notifications", {"unread": unread})
            changed = set() if len(events) == _EVENTS else watch.wait(streams.LOOK_SECONDS)
            yield b""


def _seen(current: Session, ids: set[str]) -> list[str]:
    """Those of the ids, sorted, that are not of jobs which are hidden from who watches: other rows move with events."""
    if not ids or current.scalar(select(func.app_outsider())) is None:
        return sorted(ids)
    return sorted(map(str, current.scalars(select(Job.id).where(Job.id.in_(map(UUID, ids))))))


def visible(who: Identity) -> list[Any]:
    """Conditions of the events that somebody may read: alerts are for administrators."""
    return [] if allows(who.role, Permission.ALERT_READ) else [Event.channel != "alert"]


def describe(event: Event) -> dict[str, Any]:
    """An event as the API answers it."""
    names = ("id", "kind", "channel", "subject_type", "subject_id", "actor_id", "payload", "created_at")
    return {name: getattr(event, name) for name in names}


def unread_of(current: Session, user_id: UUID) -> int:
    """Number of a user's unread notifications."""
    statement = select(func.count()).where(Notification.user_id == user_id, Notification.read_at.is_(None))
    return current.scalar(statement.select_from(Notification)) or 0


def snapshot_of(job: Job) -> dict[str, Any]:
    """A job's state and progress, as its stream tells them."""
    progress = job.document["progress"]
    return {
        "id": job.id,
        "kind": job.kind,
        "state": JobState(job.state).value,
        "attempt": job.attempt,
        "cancel_requested": job.cancel_requested,
        **progress,
        "error": job.document.get("error"),
    }


def settled_events(current: Session, transaction: int, number: int, limit: int) -> Select[Event]:
    """Events after a position, in their order, up to the oldest transaction still under way."""
    return (
        select(Event)
        .where(tuple_(Event.transaction, Event.number) > (transaction, number), Event.transaction < _settled(current))
        .order_by(Event.transaction, Event.number)
        .limit(limit)
    )


def _settled(current: Session) -> int:
    return int(current.scalar(select(SETTLED)) or 0)


def _events_after(current: Session, position: Position, *conditions: Any) -> list[Event]:
    statement = settled_events(current, position.transaction, position.number, _EVENTS)
    return list(current.scalars(statement.where(*conditions)))


def _logs_of(current: Session, root: Path, job_id: UUID) -> dict[str, tuple[str, Path]]:
    """The logs of a job and its tasks that there are: what each is of, and where it is, by id."""
    tasks = current.execute(select(Job.id, Job.name).where(Job.parent_id == job_id)).all()
    places = {str(each): (name, log_path(root, each)) for each, name in [(job_id, ""), *tasks]}
    return {name: found for name, found in places.items() if found[1].is_file()}


def _log_messages(logs: dict[str, tuple[str, Path]], position: Position, *, ended: bool) -> Iterator[bytes]:
    """New whole lines of a job's logs; all that is left where the job has ``ended``."""
    began = time.time()
    _begin_logs({name: place for name, (_, place) in logs.items()}, position)
    for name, (task, place) in logs.items():
        while lines := _new_lines(place, position.logs[name], ended):
            # The log written to last stands last.
            position.logs[name] = position.logs.pop(name) + len(lines)
            text_lines = lines.decode("utf-8", "replace").splitlines()
            yield streams.message("log", {"task": task, "lines": text_lines}, str(position))
    # Not earlier: a log that appears meanwhile must count as unread.
    position.seconds = began


def _begin_logs(logs: dict[str, Path], position: Position) -> None:
    """Where to read logs from that the position does not name.

    A client that has had nothing gets the end of the newest; one that comes back gets those that were written while
    it was away, whole.
    """
    new = {name: place.stat() for name, place in logs.items() if name not in position.logs}
    newest = max(new, key=lambda name: new[name].st_mtime, default="")
    for name, stat in new.items():
        if position.seconds:
            position.logs[name] = 0 if stat.st_mtime > position.seconds - _CLOCK_SECONDS else stat.st_size
        else:
            position.logs[name] = _tail_start(logs[name], stat.st_size) if name == newest else stat.st_size


def _new_lines(place: Path, start: int, ended: bool) -> bytes:
    with place.open("rb") as stream:
        stream.seek(start)
        found = stream.read(_LOG_BYTES)
    whole = found[: found.rfind(b"\n") + 1]
    # A line longer than one reading, or the last one of a log that nobody goes on with, is sent as it is.
    return found if ended or (len(found) == _LOG_BYTES and not whole) else whole


def _tail_start(place: Path, size: int) -> int:
    """Where the last lines of a log begin."""
    start = max(0, size - _TAIL_BYTES)
    with place.open("rb") as stream:
        stream.seek(start)
        tail = stream.read(_TAIL_BYTES)
    kept = b"".join(tail.splitlines(keepends=True)[-_TAIL_LINES:])
    return start + len(tail) - len(kept)


class _Guest:
    """The reader of a stream. A token that is revoked or ends meanwhile ends the stream too, and so does another role:
    they come back with what it shows them."""

    def __init__(self, app: Flask, who: Identity) -> None:
        self._app, self._who = app, who
        self._checked = time.monotonic()

    def may_stay(self) -> bool:
        """Whether to go on."""
        if streams.streams_of(self._app).stopping:
            return False
        if time.monotonic() - self._checked < _CHECK_SECONDS:
            return True
        self._checked = time.monotonic()
        valid = ApiToken.expires_at.is_(None) | (ApiToken.expires_at > func.now())
        known = select(ApiToken.id).where(ApiToken.id == self._who.token_id, valid)
        known = known.join(User, User.id == ApiToken.user_id).where(User.role == self._who.role)
        with self._app.app_context(), tenant_session(self._who.tenant_id) as current:
            return current.scalar(known) is not None
