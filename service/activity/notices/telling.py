"""What people are told because of an event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.accounts.permissions import Permission, Role, allows
from service.activity.notices.jobs import job_ended, run_ended
from service.activity.notices.kinds import ACTIVITY, ALERT, NOTIFICATION, Notice
from service.activity.notices.production import published, task_changed
from service.activity.notices.review import commented, mentioned, order_moved, playlist_shared
from service.activity.notices.words import link_of_event, sentence
from service.database import current_tenant
from service.models import Event, User
from service.production.visibility import outsiders_of


def notices_of(current: Session, event: Event) -> list[Notice]:
    """What people are told because of an event; mostly nothing."""
    if event.channel == ALERT:
        return [_alert(current, event)]
    tasks = task_changed(current, event) if event.kind in ("task.created", "task.changed") else []
    found = [*tasks, *(tell(current, event) for tell in (*_HANDLERS.get(event.kind, ()), _activity))]
    notices = [notice for notice in found if notice and notice.audience]
    if notices and (hidden_from := outsiders_of(current, _project_of(current, event))):
        notices = [replace(notice, audience=notice.audience - hidden_from) for notice in notices]
    return [notice for notice in notices if notice.audience]


def _project_of(current: Session, event: Event) -> UUID | None:
    """Of what was uploaded for nothing in particular: that for which it has been used since."""
    if event.project_id is None and event.subject_type == "medium":
        return current.scalar(select(func.project_of(event.subject_type, event.subject_id)))
    return event.project_id


def _alert(current: Session, event: Event) -> Notice:
    # Of a fault that goes on there is one alert an hour.
    key = f"{event.kind}:{event.subject_id}:{event.created_at:%Y%m%d%H}"
    if "needs" in event.payload:  # one fault for each queue and what its jobs need
        key = ":".join([key, event.payload["name"], *event.payload["needs"]])
    title = str(event.payload.get("title") or sentence(event))
    body = " ".join(str(event.payload[name]) for name in ("message", "hint") if event.payload.get(name))
    administrators = select(User.id).where(User.role.in_([Role.TENANT_ADMIN, Role.GLOBAL_ADMIN]))
    return Notice(
        ALERT,
        event.kind,
        key,
        title,
        frozenset(current.scalars(administrators)),
        body=body,
        link=link_of_event(event),
        failed=True,
    )


def _activity(current: Session, event: Event) -> Notice | None:
    """The event itself, for those who asked to hear of everything that others do."""
    if "frame" in event.payload:
        return None
    readers = [role for role in Role if allows(role, Permission.ACTIVITY_READ)]
    audience = frozenset(current.scalars(select(User.id).where(User.role.in_(readers)))) - {event.actor_id}
    link = link_of_event(event)
    return Notice(ACTIVITY, event.kind, f"event:{event.id}", sentence(event), audience, link=link)


def _two_factor_off(current: Session, event: Event) -> Notice | None:
    """To whose login asks for no code any more, where somebody else wanted it so."""
    changes: dict[str, Any] = event.payload.get("changes") or {}
    before, after = changes.get("two_factor_at", (None, None))
    actor = current.get(User, (current_tenant(current), event.actor_id)) if event.actor_id else None
    if not before or after or event.subject_id is None or actor is None or actor.id == event.subject_id:
        return None
    return Notice(
        NOTIFICATION,
        "account.two_factor",
        f"two_factor:{event.id}",
        f"{actor.name} switched off your two-factor login",
        frozenset({event.subject_id}),
        body="You log in with your password alone. If you did not ask for that, tell another administrator.",
        link="/account/two-factor",
    )


_HANDLERS: dict[str, tuple[Callable[[Session, Event], Notice | None], ...]] = {
    "job.completed": (job_ended,),
    "job.failed": (job_ended,),
    "job.cancelled": (job_ended,),
    "workflow_run.completed": (run_ended,),
    "workflow_run.failed": (run_ended,),
    "publish.created": (published,),
    "comment.created": (mentioned, commented),
    "comment.mentioned": (mentioned,),
    "playlist.created": (playlist_shared,),
    "playlist.changed": (playlist_shared,),
    "order.created": (order_moved,),
    "order.changed": (order_moved,),
    "user.changed": (_two_factor_off,),
}
