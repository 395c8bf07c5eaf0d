"""Events: what happened, told to whoever watches.

::

    events.emit(current, "job.failed", "job", job.id, {"name": "Render still", "error": {...}})

writes a row in the caller's transaction, so that an event is never told of something that was rolled back and never
lost for something that was committed. After the commit a word on Redis wakes those who wait for it; that word may be
lost, because they also look by themselves now and then.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from flask import current_app
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import event
from sqlalchemy.orm import Session

from service import queueing
from service.database import after_commit, current_actor, current_tenant
from service.models import Event

log = logging.getLogger(__name__)

TOPIC = "raceway:events:"
"""Start of the Redis channel of a tenant, whose id follows; a message is the id of what changed."""

_KIND = re.compile(r"[a-z][a-z_]*\.[a-z][a-z_]*")
_WAITING = "events.changed"


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
    sentence in :mod:`service.notifications` uses; JSON values, no secrets. ``alert`` marks a fault of the
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


@event.listens_for(Session, "after_rollback")
def _forget(current: Session) -> None:
    current.info.pop(_WAITING, None)
