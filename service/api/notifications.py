"""One's own notifications: read them, mark them read, choose how often they come."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints
from sqlalchemy import delete, func, select, update

from service.accounts import auth
from service.accounts.permissions import Permission
from service.activity import events, live, mail, notifications
from service.activity.notices.kinds import KINDS
from service.api.fields import Row
from service.api.listing import ListQuery, Page, page_of
from service.api.records import check_version, digest_of
from service.api.routing import Answer, Reply, Request, Resource
from service.api.validation import Matches
from service.database import session
from service.models import Notification, NotificationPreference, User
from shared.errors import InputError, NotFoundError

notifications_resource = Resource("notifications", "/notifications")
RESOURCES = (notifications_resource,)

Channel = Literal["activity", "notification", "alert"]
Frequency = Literal["immediate", "hourly", "daily", "never"]
Kind = Annotated[
    str,
    StringConstraints(max_length=60),
    Matches(r"^([a-z_]+\.[a-z_]+)?$", "must be a kind of event, or empty", "task.changed"),
]


class NotificationOut(Row):
    channel: Channel
    kind: str
    title: str
    body: str
    link: str = Field(description="path of the page that shows more")
    failed: bool = Field(description="it tells of something that went wrong")
    items: list[dict[str, Any]] = Field(description="what a digest sums up")
    read_at: datetime | None


class NotificationPage(Page[NotificationOut]):
    unread: int


class UnreadOut(Reply):
    unread: int
    channels: dict[str, int]


class NotificationQuery(ListQuery):
    unread: bool = Field(False, description="only those that were not read")
    channel: Channel | None = None
    kind: Kind = ""


@notifications_resource.declare(
    "GET", "/", permission=Permission.ACCOUNT, query=NotificationQuery, answer=NotificationPage
)
def list_notifications(query: NotificationQuery) -> dict[str, Any]:
    """List one's notifications, the newest first, with the number of unread ones."""
    statement = select(Notification).where(_mine())
    if query.unread:
        statement = statement.where(Notification.read_at.is_(None))
    if query.channel:
        statement = statement.where(Notification.channel == query.channel)
    if query.kind:
        statement = statement.where(Notification.kind == query.kind)
    page = page_of(
        statement,
        query,
        key=Notification,
        search=(Notification.title, Notification.body),
        sort={"created_at": Notification.created_at, "kind": Notification.kind},
        default_sort="-created_at",
    )
    return {**page, "unread": live.unread_of(session(), auth.current().user_id)}


@notifications_resource.declare("GET", "/unread", permission=Permission.ACCOUNT, answer=UnreadOut)
def count_unread() -> dict[str, Any]:
    """How many of one's notifications were not read."""
    counted = select(Notification.channel, func.count()).where(_mine(), Notification.read_at.is_(None))
    rows = session().execute(counted.group_by(Notification.channel)).all()
    channels = {channel: number for channel, number in rows}  # noqa: C416 - rows are no plain pairs to the type checker
    return {"unread": sum(channels.values()), "channels": channels}


class MarkRead(Request):
    ids: list[UUID] | None = Field(None, max_length=1000, description="these; without them all")
    channel: Channel | None = Field(None, description="of this channel only")
    read: bool = Field(True, description="false: as if they had never been read")


class Marked(Reply):
    marked: int
    unread: int


@notifications_resource.declare("POST", "/read", permission=Permission.ACCOUNT_WRITE, body=MarkRead, answer=Marked)
def mark_notifications_read(body: MarkRead) -> dict[str, int]:
    """Mark notifications as read: some, those of a channel, or all."""
    conditions = [_mine(), Notification.read_at.is_(None) if body.read else Notification.read_at.is_not(None)]
    if body.ids is not None:
        conditions.append(Notification.id.in_(body.ids))
    if body.channel:
        conditions.append(Notification.channel == body.channel)
    return _mark(conditions, read=body.read)


@notifications_resource.declare(
    "POST", "/<uuid:notification_id>/read", permission=Permission.ACCOUNT_WRITE, answer=Marked
)
def mark_notification_read(notification_id: UUID) -> dict[str, int]:
    """Mark one notification as read."""
    own = select(Notification.id).where(_mine(), Notification.id == notification_id)
    if session().scalar(own) is None:
        raise NotFoundError(f"There is no notification {notification_id}.", hint="List yours: GET /api/notifications/.")
    return _mark([_mine(), Notification.id == notification_id, Notification.read_at.is_(None)], read=True)


# -- preferences


class ChannelPreference(Reply):
    channel: Channel
    frequency: Frequency
    email: bool


class KindPreference(ChannelPreference):
    kind: str
    help: str


class PreferencesOut(Reply):
    channels: list[ChannelPreference]
    kinds: list[KindPreference] = Field(description="every kind one can choose for, and what one gets of it now")
    email_available: bool = Field(description="whether the service has a mail server")
    etag: str = Field(description="send it back as If-Match")


class NewPreference(Request):
    channel: Channel
    kind: Kind = Field("", description="one kind of the channel; without it all that have no choice of their own")
    frequency: Frequency
    email: bool | None = Field(None, description="by e-mail too; without it as before")


class NewPreferences(Request):
    preferences: list[NewPreference] = Field(max_length=100)


@notifications_resource.declare("GET", "/preferences", permission=Permission.ACCOUNT, answer=PreferencesOut)
def get_preferences() -> Answer:
    """How often one hears of what."""
    return _preferences(auth.current().user_id)


@notifications_resource.declare(
    "PUT",
    "/preferences",
    permission=Permission.ACCOUNT_WRITE,
    body=NewPreferences,
    answer=PreferencesOut,
    if_match="optional",
)
def set_preferences(body: NewPreferences) -> Answer:
    """Choose how often one hears of a channel or of a kind in it: immediate, hourly, daily, never."""
    who = auth.current()
    _check_preferences(who.user_id)
    for wanted in body.preferences:
        choose(who.user_id, wanted.channel, wanted.kind, wanted.frequency, wanted.email)
    session().flush()
    return _preferences(who.user_id)


@notifications_resource.declare(
    "DELETE", "/preferences", permission=Permission.ACCOUNT_WRITE, answer=PreferencesOut, if_match="optional"
)
def reset_preferences() -> Answer:
    """Go back to what one gets who has chosen nothing."""
    who = auth.current()
    _check_preferences(who.user_id)
    session().execute(delete(NotificationPreference).where(NotificationPreference.user_id == who.user_id))
    return _preferences(who.user_id)


def choose(user_id: UUID, channel: str, kind: str, frequency: str, email: bool | None) -> None:
    """Store a choice. Raises InputError for a kind that the channel has not."""
    known = KINDS[channel]
    if kind and known and kind not in known:
        raise InputError(
            f"There are no notifications of the kind {kind!r}.",
            hint=f"Choose one of {', '.join(known)}.",
            fields={"kind": "is unknown"},
        )
    statement = select(NotificationPreference).where(
        NotificationPreference.user_id == user_id,
        NotificationPreference.channel == channel,
        NotificationPreference.kind == kind,
    )
    row = session().scalars(statement.with_for_update()).one_or_none()
    if row is None:
        row = NotificationPreference(user_id=user_id, channel=channel, kind=kind)
        row.email = notifications.DEFAULTS[channel].email
        session().add(row)
    row.frequency = frequency
    if email is not None:
        row.email = email


def preferences_of(user_id: UUID) -> dict[str, Any]:
    """What somebody has chosen, with the defaults for the rest."""
    rows = session().scalars(select(NotificationPreference).where(NotificationPreference.user_id == user_id)).all()
    channels = notifications.by_channel(rows)
    chosen = {(row.channel, row.kind): row for row in rows if row.kind}
    kinds = []
    for channel, known in KINDS.items():
        helps = {**known, **{kind: "" for (name, kind) in chosen if name == channel and kind not in known}}
        for kind, text in helps.items():
            choice = chosen.get((channel, kind)) or channels[channel]
            kinds.append(
                {
                    "channel": channel,
                    "kind": kind,
                    "help": text,
                    "frequency": choice.frequency,
                    "email": choice.email,
                }
            )
    return {
        "channels": [
            {"channel": channel, "frequency": choice.frequency, "email": choice.email}
            for channel, choice in channels.items()
        ],
        "kinds": kinds,
        "email_available": mail.is_configured(),
    }


def _preferences(user_id: UUID) -> Answer:
    data = preferences_of(user_id)
    tag = f'"{digest_of(data)}"'
    return Answer({**data, "etag": tag}, headers={"ETag": tag})


def _check_preferences(user_id: UUID) -> None:
    # Locked, so that of two changes with one tag the second sees the first.
    session().execute(select(User.id).where(User.id == user_id).with_for_update())
    check_version(digest_of(preferences_of(user_id)), "your preferences")


def _mine() -> Any:
    return Notification.user_id == auth.current().user_id


def _mark(conditions: list[Any], *, read: bool) -> dict[str, int]:
    changed = update(Notification).where(*conditions).values(read_at=func.now() if read else None)
    marked = session().execute(changed.returning(Notification.id).execution_options(synchronize_session=False)).all()
    events.changed(session(), auth.current().user_id)
    return {"marked": len(marked), "unread": live.unread_of(session(), auth.current().user_id)}
