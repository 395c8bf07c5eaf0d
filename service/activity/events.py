"""Events: what happened, told to whoever watches.

::

    events.emit(current, "job.failed", "job", job.id, {"name": "Render still", "error": {...}})

writes a row in the caller's transaction, so that an event is never told of something that was rolled back and never
lost for something that was committed. After the commit a word on Redis wakes those who wait for it; that word may be
lost, because they also look by themselves now and then.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID, uuid4

from flask import current_app, has_app_context
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import event
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from service.database import after_commit, current_actor, current_tenant
from service.models import AuditRecord, Base, Comment, Event, MediaAsset, Part, Publish
from service.queue import queueing
from shared.versions import Version

log = logging.getLogger(__name__)

TOPIC = "raceway:events:"
"""Start of the Redis channel of a tenant, whose id follows; a message is the id of what changed."""

TOLD_OTHERWISE = frozenset({"api_tokens", "guest_links", "jobs", "task_watchers", "webhooks"})
"""Tables whose changes are no events: secrets, what workers tell of themselves, and what people want to be told."""
HAPPENED = {
    "create": "created",
    "change": "changed",
    "archive": "archived",
    "restore": "restored",
    "delete": "deleted",
}
"""What events call an action of the audit log; others, such as ``failed_login``, are called as they are there."""

NOT_TOLD = frozenset({"frame", "thumbnail", "cad_derivative"})
"""Types of media that workers make and no event tells of: too many, or small copies, or told of by their job."""

_PRIVATE = frozenset({"email", "settings"})
_LONG, _LONG_LIST = 200, 1000
_KIND = re.compile(r"[a-z][a-z_]*\.[a-z][a-z_]*")
_SINGULAR = {
    "publishes": "publish",
    "material_aliases": "material_alias",
    "media_assets": "medium",
    "time_entries": "time_entry",
    "task_statuses": "task_status",
}
_PLACE = {"project": "project_name", "entity": "entity", "part_name": "name", "department": "department"}
"""What is told of a part, and of its publishes: as the API calls it, and as the part does."""
_OF_PUBLISH = ("version", "iteration", "status", "software", "item_usd_path")
_OF_MEDIUM = ("asset_type", "mime_type", "width", "height")
_WAITING = "events.changed"
TELLING = """
    told AS (
        INSERT INTO events (id, channel, kind, subject_type, subject_id, actor_id, payload)
        SELECT gen_random_uuid(), 'activity', * FROM jsonb_to_recordset(CAST(:events AS jsonb)) AS event (
            kind text, subject_type text, subject_id uuid, actor_id uuid, payload jsonb
        )
    )
"""
"""Part of a WITH that records events, whatever their number and in their order; values: :func:`telling`."""

MODELS: dict[str, Any] = {mapper.class_.__tablename__: mapper.class_ for mapper in Base.registry.mappers}


def emit(
    current: Session,
    kind: str,
    subject_type: str,
    subject_id: UUID | None,
    payload: Mapping[str, Any] | None = None,
    *,
    alert: bool = False,
) -> None:
    """Record that ``kind`` (``thing.happened``) happened to a row, and wake its watchers after the commit.

    ``payload`` is what a reader needs to be told without another look: ``name`` of the thing, and what the kind's
    sentence in :mod:`service.activity.notifications` uses; JSON values, no secrets. ``alert`` marks a fault of the
    infrastructure, which only administrators see. Never emit one for every frame: a job's end counts them.
    """
    if not _KIND.fullmatch(kind):
        raise ValueError(f"{kind!r} is no kind of event: it must look like thing.happened")
    current.add(
        Event(
            id=uuid4(),
            channel="alert" if alert else "activity",
            kind=kind,
            subject_type=subject_type,
            subject_id=subject_id,
            actor_id=current_actor(current),
            payload=dict(payload or {}),
        )
    )
    changed(current, subject_id)


def changed(current: Session, subject_id: UUID | None) -> None:
    """Wake who watches this row once the transaction is committed, without an event: a job's progress moved."""
    if not has_app_context():
        return  # nobody can be watching yet: the first start makes its first rows
    waiting: set[str] = current.info.setdefault(_WAITING, set())
    if not waiting:
        redis, topic = queueing.bell(current_app).redis, f"{TOPIC}{current_tenant(current)}"
        after_commit(current, lambda: _wake(redis, topic, current.info.pop(_WAITING, set())))
    waiting.add(str(subject_id or ""))


def _wake(redis: Redis, topic: str, subjects: set[str]) -> None:
    try:
        pipeline = redis.pipeline(transaction=False)
        for subject in subjects:
            pipeline.publish(topic, subject)
        pipeline.execute()
    except RedisError as error:
        log.warning("nobody was woken for %s, they look by themselves: %s", topic, error)


def of_record(current: Session, record: AuditRecord, told: Mapping[UUID, Mapping[str, Any]]) -> dict[str, Any] | None:
    """The event that tells of a record of the audit log: ``asset.created``, ``task.changed``, ...; wakes who watches.

    None for what is no event. ``told``: what :func:`told_of` says of rows that the session does not hold. For
    :func:`telling`.
    """
    if record.table_name in TOLD_OTHERWISE:
        return None
    subject = subject_of(record.table_name)
    changed(current, record.row_id)
    actor_id = current_actor(current)
    return {
        "kind": f"{subject}.{HAPPENED.get(record.action, record.action)}",
        "subject_type": subject,
        "subject_id": str(record.row_id),
        "actor_id": str(actor_id) if actor_id else None,
        "payload": _payload_of(current, record, told.get(record.row_id)),
    }


def subject_of(table_name: str) -> str:
    """What events call the rows of a table."""
    return _SINGULAR.get(table_name) or table_name.removesuffix("s")


def telling(events: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Values for a statement with :data:`TELLING`."""
    return {"events": json.dumps(list(events))}


def _payload_of(current: Session, record: AuditRecord, told: Mapping[str, Any] | None) -> dict[str, Any]:
    before, after = record.before or {}, record.after or {}
    payload = dict(told_of(_held(current, record)) if told is None else told)
    payload["name"] = payload["name"] or after.get("name") or before.get("name") or ""
    if not before or not after:
        values = after or before
        payload["refers"] = {
            column: value for column, value in values.items() if column.endswith(("_id", "_ids")) and value
        }
    else:
        payload["changes"] = {
            column: [before.get(column), value]
            for column, value in after.items()
            if column not in _PRIVATE and all(_is_short(text) for text in (before.get(column), value))
        }
    return payload


def _held(current: Session, record: AuditRecord) -> object:
    model = MODELS[record.table_name]
    return current.identity_map.get(identity_key(model, (current_tenant(current), record.row_id)))


def told_of(row: object) -> dict[str, Any]:
    """What every event of a row says of it, without a statement: its ``name``, where a part or publish stands and what
    it is, what a comment is about. Nothing but an empty name where ``row`` is None."""
    known = vars(row) if row is not None else {}
    told: dict[str, Any] = {"name": name_of(row)}
    part = known.get("part") if isinstance(row, Publish) else row
    if isinstance(part, Part):
        told |= {name: vars(part)[column] for name, column in _PLACE.items() if column in vars(part)}
        if isinstance(row, Publish):
            told |= {name: known[name] for name in _OF_PUBLISH}
            told["comment"] = str(row.details.get("comment") or "")[:_LONG]
            place = str(told.get("entity", "")).partition(":")[2]
            told["name"] = f"{place} {part.name} {Version(row.version, row.iteration)}".strip()
    elif isinstance(row, MediaAsset):
        told |= {name: known[name] for name in _OF_MEDIUM if name in known}
    elif isinstance(row, Comment):
        about = ("task", row.task_id), ("publish", row.publish_id), ("order", row.order_id), ("medium", row.media_id)
        told["target_type"], target_id = next((kind, target) for kind, target in about if target)
        told["target_id"] = str(target_id)
    return told


def name_of(row: object) -> str:
    """What events call a row; empty for what has no name."""
    return str(getattr(row, "name", None) or getattr(row, "filename", None) or "")


def _is_short(value: Any) -> bool:
    # Who a task was given to is told of, whoever many they are.
    most = _LONG_LIST if isinstance(value, list) else _LONG
    return value is None or (isinstance(value, str | int | float | bool | list) and len(str(value)) <= most)


@event.listens_for(Session, "after_rollback")
def _forget(current: Session) -> None:
    current.info.pop(_WAITING, None)
