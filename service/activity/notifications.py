"""Telling people: each as often as they chose, nobody twice, and nobody when the tenant has switched it off.

Events become notices (:mod:`service.activity.notices`); this module brings a notice to its audience: at once, or
kept back for the digest of the next hour or day. Two processes may do this at the same time: a lock on the tenant's
cursor lets one of them go on, and a unique key of every message would refuse the other's.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service.activity import events
from service.activity.live import settled_events
from service.activity.notices.kinds import ACTIVITY, ALERT, NOTIFICATION, Notice
from service.activity.notices.telling import notices_of
from service.database import current_tenant
from service.models import Event, EventCursor, HeldNotification, Notification, NotificationPreference, Tenant, User
from service.production.visibility import outsiders_of

log = logging.getLogger(__name__)

DAILY_HOUR = 7
"""Hour of the day, in UTC, of the daily digest."""
_READER = "notifications"
_AT_ONCE = 200
"""Events handled in one transaction."""
_SHOWN_TITLES = 3
_LASTING = timedelta(days=365)
"""How long events are kept, and notifications that were read."""


@dataclass(frozen=True)
class Choice:
    """How often somebody hears of something, and whether by e-mail too."""

    frequency: str
    email: bool


DEFAULTS: dict[str, Choice] = {
    ACTIVITY: Choice("never", email=False),
    NOTIFICATION: Choice("immediate", email=False),
    ALERT: Choice("immediate", email=True),
}
"""For who has chosen nothing."""


def tell_of_events(current: Session) -> int:
    """Tell people of the next events of the session's tenant; answers how many events were handled.

    Zero where there are none, or another process is at it.
    """
    cursor = _locked_cursor(current)
    if cursor is None:
        return 0
    found = list(current.scalars(settled_events(current, cursor.transaction, cursor.number, _AT_ONCE)))
    if not found:
        return 0
    if current.scalar(select(Tenant.notifications_enabled)):
        for event in found:
            for notice in _notices(current, event):
                deliver(current, notice, event)
    cursor.transaction, cursor.number = found[-1].transaction, found[-1].number
    return len(found)


def deliver(current: Session, notice: Notice, event: Event | None = None) -> None:
    """Bring a notice to each of its audience as they chose."""
    now = event.created_at if event else datetime.now(UTC)
    choices = _choices(current, notice)
    active = select(User.id).where(User.id.in_(notice.audience), User.archived_at.is_(None)).order_by(User.id)
    for user_id in current.scalars(active).all():
        choice = choices.get(user_id, DEFAULTS[notice.channel])
        if choice.frequency == "immediate":
            _notify(current, user_id, notice, now, email=choice.email)
        elif choice.frequency != "never":
            _hold(current, user_id, notice, choice, now, event.project_id if event else None)


def send_digests(current: Session, now: datetime | None = None) -> int:
    """Make the digests that are due of what was kept back; answers their number.

    What is taken is deleted by the same statement, so that of two processes each gets other rows.
    """
    if not current.scalar(select(Tenant.notifications_enabled)):
        return 0
    due = delete(HeldNotification).where(HeldNotification.due_at <= (now or datetime.now(UTC)))
    taken = current.scalars(due.returning(HeldNotification).execution_options(synchronize_session=False)).all()
    groups: dict[tuple[UUID, str, str], list[HeldNotification]] = defaultdict(list)
    hidden_from = {project_id: outsiders_of(current, project_id) for project_id in {held.project_id for held in taken}}
    told = (held for held in taken if held.user_id not in hidden_from[held.project_id])
    for held in sorted(told, key=lambda row: row.created_at):
        groups[held.user_id, held.channel, held.frequency].append(held)
    for (user_id, channel, frequency), group in groups.items():
        notice = _digest(channel, frequency, group)
        items = [_item(held) for held in group]
        _notify(current, user_id, notice, group[-1].due_at, email=any(held.email for held in group), items=items)
    return len(groups)


def forget_old(current: Session, now: datetime | None = None) -> None:
    """Delete events, and notifications that were read, after a year."""
    oldest = (now or datetime.now(UTC)) - _LASTING
    for statement in (
        delete(Event).where(Event.created_at < oldest),
        delete(Notification).where(Notification.created_at < oldest, Notification.read_at.is_not(None)),
    ):
        current.execute(statement.execution_options(synchronize_session=False))


def next_digest(frequency: str, now: datetime) -> datetime:
    """When the next digest is due: at the full hour, or tomorrow morning."""
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if frequency == "hourly":
        return hour + timedelta(hours=1)
    morning = hour.replace(hour=DAILY_HOUR)
    return morning if morning > now else morning + timedelta(days=1)


def _notices(current: Session, event: Event) -> list[Notice]:
    try:
        return notices_of(current, event)
    except (KeyError, TypeError, ValueError, AttributeError):
        # One event that nobody understands must not keep all later ones from being told.
        log.exception("event %s (%s) cannot be told of", event.id, event.kind)
        return []


def _locked_cursor(current: Session) -> EventCursor | None:
    statement = select(EventCursor).where(EventCursor.reader == _READER).with_for_update(skip_locked=True)
    cursor = current.scalars(statement).one_or_none()
    if cursor is None:
        first = insert(EventCursor).values(id=uuid4(), reader=_READER, transaction=0, number=0)
        current.execute(first.on_conflict_do_nothing())
        cursor = current.scalars(statement).one_or_none()
    return cursor


def _choices(current: Session, notice: Notice) -> dict[UUID, Choice]:
    """What each of the audience chose for this kind, or else for its channel."""
    statement = select(NotificationPreference).where(
        NotificationPreference.user_id.in_(notice.audience),
        NotificationPreference.channel == notice.channel,
        NotificationPreference.kind.in_(["", notice.kind]),
    )
    # The kind's own comes last and wins.
    rows = current.scalars(statement.order_by(NotificationPreference.kind))
    return {row.user_id: Choice(row.frequency, row.email) for row in rows}


def _notify(
    current: Session,
    user_id: UUID,
    notice: Notice,
    at: datetime,
    *,
    email: bool,
    items: Sequence[dict[str, Any]] = (),
) -> None:
    values = {
        **_row(current, user_id, notice, at),
        "items": list(items),
        "email_state": "waiting" if email else "none",
        "email_after": datetime.now(UTC) if email else None,
    }
    new = insert(Notification).values(**values).on_conflict_do_nothing().returning(Notification.id)
    if current.scalar(new) is not None:
        events.changed(current, user_id)


def _hold(
    current: Session, user_id: UUID, notice: Notice, choice: Choice, now: datetime, project_id: UUID | None
) -> None:
    values = {
        **_row(current, user_id, notice, now),
        "frequency": choice.frequency,
        "email": choice.email,
        "due_at": next_digest(choice.frequency, now),
        "project_id": project_id,
    }
    current.execute(insert(HeldNotification).values(**values).on_conflict_do_nothing())


def _row(current: Session, user_id: UUID, notice: Notice, at: datetime) -> dict[str, Any]:
    """The columns that a notice fills alike whether it is told at once or kept back."""
    return {
        "id": uuid4(),
        "tenant_id": current_tenant(current),
        "user_id": user_id,
        "key": notice.key,
        "channel": notice.channel,
        "kind": notice.kind,
        "title": notice.title,
        "body": notice.body,
        "link": notice.link,
        "failed": notice.failed,
        "created_at": at,
    }


def _digest(channel: str, frequency: str, group: list[HeldNotification]) -> Notice:
    """Several messages as one."""
    failed = sum(held.failed for held in group)
    words = {ACTIVITY: "event", NOTIFICATION: "notification", ALERT: "alert"}[channel]
    title = f"{len(group)} {words}{'s' if len(group) > 1 else ''} of the {'hour' if frequency == 'hourly' else 'day'}"
    # What failed is what the reader must see first.
    first = sorted(group, key=lambda held: not held.failed)[:_SHOWN_TITLES]
    more = len(group) - len(first)
    return Notice(
        channel,
        f"digest.{frequency}",
        f"digest:{channel}:{frequency}:{group[0].id}",
        f"{title}, {failed} about failures" if failed else title,
        frozenset({group[0].user_id}),
        body="; ".join([*(held.title for held in first), *([f"and {more} more"] if more else [])]),
        link="/notifications",
        failed=failed > 0,
    )


def _item(held: HeldNotification) -> dict[str, Any]:
    names = ("kind", "title", "body", "link", "failed")
    return {**{name: getattr(held, name) for name in names}, "at": held.created_at.isoformat()}


def by_channel(preferences: Iterable[NotificationPreference]) -> dict[str, Choice]:
    """What somebody chose for whole channels, with the defaults for the rest."""
    chosen = {row.channel: Choice(row.frequency, row.email) for row in preferences if not row.kind}
    return {**DEFAULTS, **chosen}
