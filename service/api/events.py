"""What happens, as it happens: event streams of a job and of the tenant, and the list of all events."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from flask import Flask, Response, current_app, request
from pydantic import Field
from sqlalchemy import select

from service.accounts import auth
from service.accounts.permissions import Permission
from service.activity import live
from service.activity.streams import streams_of
from service.api.fields import Moment, Row
from service.api.listing import ListQuery, Page, page_of, row
from service.api.routing import Request, Resource
from service.database import commit, session
from service.models import Event, Job, User

events = Resource("events", "")
RESOURCES = (events,)


class EventOut(Row):
    kind: str = Field(description="thing.happened, such as job.failed or asset.changed")
    channel: str = Field(description="activity, or alert: a fault of the infrastructure, shown to administrators")
    subject_type: str
    subject_id: UUID | None
    actor_id: UUID | None
    actor: str | None = Field(description="name of the user who did it")
    payload: dict[str, Any]


class ActivityQuery(ListQuery):
    kind: str = Field("", max_length=60, description="one kind, or the start of several up to the dot: `job.`")
    subject_id: UUID | None = None
    actor_id: UUID | None = None
    channel: Literal["", "activity", "alert"] = ""
    since: Moment | None = Field(None, description="events after this moment, with its time zone")


class StreamQuery(Request):
    last_event_id: str = Field("", max_length=4000, description="what the header Last-Event-ID says, for who cannot")


@events.declare(
    "GET",
    "/jobs/<uuid:job_id>/events",
    permission=Permission.JOB_READ,
    query=StreamQuery,
    media_type="text/event-stream",
)
def watch_job(job_id: UUID, query: StreamQuery) -> Response:
    """A job, live: ``progress`` (state, percent, frame, remaining), ``event``, ``log`` (new lines), and ``end``.

    Ends with the job. With ``Last-Event-ID`` it goes on where the client was.
    """
    row(Job, job_id)
    app, who, position = _stream(query)
    return streams_of(app).response(who.tenant_id, live.job_messages(app, who, job_id, position))


@events.declare(
    "GET", "/events", permission=Permission.ACTIVITY_READ, query=StreamQuery, media_type="text/event-stream"
)
def watch_tenant(query: StreamQuery) -> Response:
    """All that happens, live: ``event``, ``changed`` (ids of rows that moved), ``notifications`` (number unread)."""
    app, who, position = _stream(query)
    return streams_of(app).response(who.tenant_id, live.tenant_messages(app, who, position))


@events.declare("GET", "/activity", permission=Permission.ACTIVITY_READ, query=ActivityQuery, answer=Page[EventOut])
def list_activity(query: ActivityQuery) -> dict[str, Any]:
    """Everything that happened, the newest first; alerts for administrators only."""
    statement = select(Event).where(*live.visible(auth.current()))
    if query.kind:
        wanted = Event.kind.startswith(query.kind, autoescape=True) if query.kind.endswith(".") else None
        statement = statement.where(Event.kind == query.kind if wanted is None else wanted)
    for column, value in (
        (Event.subject_id, query.subject_id),
        (Event.actor_id, query.actor_id),
        (Event.channel, query.channel or None),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if query.since:
        statement = statement.where(Event.created_at > query.since)
    page = page_of(
        statement,
        query,
        key=Event,
        search=(Event.kind, Event.payload["name"].astext),
        sort={"created_at": Event.created_at, "kind": Event.kind},
        default_sort="-created_at",
    )
    page["items"] = _with_actors(page["items"])
    return page


def _stream(query: StreamQuery) -> tuple[Flask, auth.Identity, live.Position | None]:
    # The stream outlives this request, which gives its connection back here.
    commit(session())
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    position = live.Position.parse(request.headers.get("Last-Event-ID", "") or query.last_event_id)
    return app, auth.current(), position


def _with_actors(found: list[Event]) -> list[dict[str, Any]]:
    actors = {event.actor_id for event in found if event.actor_id}
    names: dict[UUID, str] = {}
    if actors:
        names = {user.id: user.name for user in session().scalars(select(User).where(User.id.in_(actors)))}
    common = ("updated_at",)
    return [
        {
            **live.describe(event),
            **{name: getattr(event, name) for name in common},
            "actor": names.get(event.actor_id) if event.actor_id else None,
        }
        for event in found
    ]
