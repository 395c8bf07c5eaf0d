"""From events to deliveries: what each webhook is to be sent of what happened since its cursor.

A cursor goes through settled events only, in the order of their transactions (see :class:`service.models.Event`), and
moves in the transaction that writes the deliveries: no event is passed over and none is written twice, whatever dies
when. Of several processes one does this for a webhook at a time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import String, cast, exists, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service.activity.live import SETTLED, Position, settled_events
from service.activity.notices.words import link_of_event
from service.database import current_tenant
from service.models import Event, EventCursor, User, Webhook, WebhookDelivery
from service.webhooks import kinds
from service.webhooks.projects import projects_of

_AT_ONCE = 200
"""Events looked at in one transaction."""


def start_now(current: Session, webhook: Webhook) -> None:
    """Tell the webhook of what happens from now on."""
    position = Position.now(current)
    values = {"transaction": position.transaction, "number": position.number, "created_at": func.now()}
    first = insert(EventCursor).values(id=uuid4(), reader=_reader(webhook.id), **values)
    current.execute(first.on_conflict_do_update(index_elements=["tenant_id", "reader"], set_=values))


def behind(current: Session) -> Sequence[UUID]:
    """The webhooks for which there are events to look at: one statement, however many webhooks wait."""
    after = tuple_(Event.transaction, Event.number) > tuple_(EventCursor.transaction, EventCursor.number)
    reader = "webhook " + cast(Webhook.id, String)
    waiting = (
        select(Webhook.id)
        .join(EventCursor, (EventCursor.tenant_id == Webhook.tenant_id) & (EventCursor.reader == reader))
        .where(Webhook.active, Webhook.archived_at.is_(None))
        .where(exists().where(Event.tenant_id == Webhook.tenant_id, after, Event.transaction < SETTLED))
    )
    return current.scalars(waiting.order_by(Webhook.id)).all()


def collect(current: Session, webhook_id: UUID, public_url: str) -> int:
    """Write the deliveries of the next events; answers how many events were looked at.

    Zero where there are none, the webhook is off, or another process is at it.
    """
    webhook = current.get(Webhook, (current_tenant(current), webhook_id))
    statement = select(EventCursor).where(EventCursor.reader == _reader(webhook_id)).with_for_update(skip_locked=True)
    cursor = current.scalars(statement).one_or_none()
    if cursor is None or webhook is None or not webhook.active:
        return 0
    found = list(current.scalars(settled_events(current, cursor.transaction, cursor.number, _AT_ONCE)))
    if not found:
        return 0
    # The cursor began before the oldest transaction that was under way then; others had been committed after that.
    new = (event for event in found if event.created_at >= cursor.created_at)
    wanted = [event for event in new if kinds.wants(webhook.kinds, event.kind)]
    bodies = _bodies(current, wanted, webhook.project_id, public_url)
    current.add_all(
        WebhookDelivery(id=uuid4(), webhook_id=webhook_id, event_id=event.id, kind=event.kind, body=json.dumps(body))
        for event, body in bodies
    )
    cursor.transaction, cursor.number = found[-1].transaction, found[-1].number
    return len(found)


def _bodies(
    current: Session, told: Sequence[Event], project_id: UUID | None, public_url: str
) -> list[tuple[Event, dict[str, Any]]]:
    """What is sent of each event, of those of one project only where one is given."""
    projects = projects_of(current, told)
    if project_id is not None:
        told = [event for event in told if event.id in projects and projects[event.id][0] == project_id]
    actors = select(User.id, User.name).where(User.id.in_({event.actor_id for event in told if event.actor_id}))
    names = {user_id: name for user_id, name in current.execute(actors)} if told else {}  # noqa: C416 - rows to mypy
    return [(event, _body(event, projects.get(event.id), names, public_url)) for event in told]


def _body(event: Event, project: tuple[UUID, str] | None, names: dict[UUID, str], public_url: str) -> dict[str, Any]:
    actor_id = event.actor_id
    link = link_of_event(event)
    return {
        "id": str(event.id),
        "kind": event.kind,
        "channel": event.channel,
        "at": event.created_at.isoformat(),
        "project": {"id": str(project[0]), "name": project[1]} if project else None,
        "actor": {"id": str(actor_id), "name": names.get(actor_id, "")} if actor_id else None,
        "object": {
            "type": event.subject_type,
            "id": str(event.subject_id) if event.subject_id else None,
            "name": str(event.payload.get("name") or ""),
            "url": f"{public_url}{link}" if link else "",
        },
        "payload": event.payload,
    }


def _reader(webhook_id: UUID) -> str:
    return f"webhook {webhook_id}"
