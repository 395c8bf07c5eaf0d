"""What people show and say to one another: comments, playlists and orders."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from service.activity.notices.kinds import NOTIFICATION, Notice
from service.activity.notices.words import link_of, named
from service.models import Comment, Event, MediaAsset, Order, Playlist, PlaylistItem, ProjectClient, Publish, Task
from service.production.watchers import watchers_of_any
from service.review import comments, orders
from service.titles import titled
from shared.orders import OrderState


def mentioned(current: Session, event: Event) -> Notice | None:
    """Those whom a comment names; when it was changed, those whom it did not name before."""
    comment = _comment_of(current, event)
    if comment is None:
        return None
    users = event.payload.get("user_ids", comment.mentions)
    return _comment_notice(
        current, event, comment, "comment.mention", "mentioned you in a comment on", map(UUID, users)
    )


def commented(current: Session, event: Event) -> Notice | None:
    """Those whom a comment concerns: who does the task or watches it, who made the publish, who had the picture made;
    whose order it is, who works on that in the studio, and who wrote before."""
    comment = _comment_of(current, event)
    if comment is None:
        return None
    order = comment.order
    publish, task = comment.publish, comment.task or (comment.publish and comment.publish.task)
    job = comment.medium.job if comment.medium and not task else None
    users = (
        *(map(UUID, {*task.assignee_ids, *watchers_of_any(current, [task.id])}) if task else ()),
        publish and publish.created_by_id,
        job and job.created_by_id,
        *((order.client_id, *orders.handlers(current, order), *orders.writers(current, order)) if order else ()),
    )
    concerned = (user for user in users if user and str(user) not in comment.mentions)
    return _comment_notice(current, event, comment, "comment.created", "commented on", concerned)


def _comment_of(current: Session, event: Event) -> Comment | None:
    return current.scalars(select(Comment).where(Comment.id == event.subject_id)).unique().one_or_none()


def _comment_notice(
    current: Session, event: Event, comment: Comment, kind: str, did: str, users: Iterable[UUID]
) -> Notice | None:
    about = comment.task or comment.publish or comment.order or comment.medium
    if comment.archived_at or about is None:
        return None
    kinds: dict[type, str] = {Task: "task", Publish: "publish", Order: "order", MediaAsset: "medium"}
    link = link_of(kinds[type(about)], about.id)
    audience = comments.readers(current, comment, set(users) - {comment.author_id, event.actor_id})
    title = f"{comment.said_by}{', a guest,' if comment.guest_link_id else ''} {did} {named(about)}"
    link = f"{link}#comment-{comment.id}"
    return Notice(NOTIFICATION, kind, key_of_comment(comment), title, audience, body=comment.text, link=link)


def key_of_comment(comment: Comment) -> str:
    """One for all that is told because of a comment, so that nobody is told of it twice."""
    return f"comment:{comment.id}"


def written_with(current: Session, event: Event, about: ColumnElement[bool]) -> Comment | None:
    """The comment with which something was changed: both were written at one time, in one transaction."""
    found = select(Comment).where(about, Comment.created_at == event.created_at)
    return current.scalars(found).unique().first()


def playlist_shared(current: Session, event: Event) -> Notice | None:
    """A playlist is told to the clients of its project once they may see it and there is something to see."""
    changes: dict[str, Any] = event.payload.get("changes") or {}
    shared = event.kind == "playlist.created" or changes.get("for_client", [None, False])[1]
    filled = "item_count" in changes and not changes["item_count"][0]
    if not (shared or filled):
        return None
    playlist = current.scalars(select(Playlist).where(Playlist.id == event.subject_id)).unique().one_or_none()
    # What was taken back since would be a link to nothing.
    if playlist is None or not playlist.for_client or playlist.archived_at or playlist.project.archived_at:
        return None
    shown = select(PlaylistItem.id).join(PlaylistItem.medium).where(MediaAsset.archived_at.is_(None))
    if current.scalar(shown.where(PlaylistItem.playlist_id == playlist.id).limit(1)) is None:
        return None
    clients = select(ProjectClient.user_id).where(ProjectClient.project_id == playlist.project_id)
    title = f"For you to look at: {playlist.name} ({titled(playlist.project)})"
    # Whatever is shared, taken back and shared again is told of once a day.
    key = f"playlist:{playlist.id}:{event.created_at:%Y%m%d}"
    audience = frozenset(current.scalars(clients)) - {event.actor_id}
    link = link_of("playlist", playlist.id)
    return Notice(NOTIFICATION, "playlist.shared", key, title, audience, link=link)


def order_moved(current: Session, event: Event) -> Notice | None:
    """An order that goes on is told to its client; one that waits, and what its client answers, to the studio."""
    changes: dict[str, Any] = event.payload.get("changes") or {}
    order = current.scalars(select(Order).where(Order.id == event.subject_id)).unique().one_or_none()
    if order is None or (event.kind == "order.changed" and "state" not in changes):
        return None
    # As the event says: it may have gone on since.
    state = str(changes["state"][1]) if "state" in changes else OrderState.SUBMITTED.value
    audience, title = frozenset({order.client_id}), f"Order {order.number} is {state.replace('_', ' ')}"
    key, body, link = f"order:{order.id}:{event.id}", "", link_of("order", order.id)
    failed = state == OrderState.REJECTED
    if failed:
        body = order.reject_reason
    elif state in (OrderState.SUBMITTED, OrderState.RESUBMITTED):
        audience, title = orders.managers(current), f"Order {order.number} waits for you: {order.title}"
    elif state == OrderState.APPROVED:
        audience, title = orders.handlers(current, order), f"Order {order.number} is approved: {order.title}"
    elif state == OrderState.CHANGES_REQUESTED:
        audience = orders.handlers(current, order)
        title = f"Changes are requested for order {order.number}: {order.title}"
        # Told of with the comment that says which.
        if comment := written_with(current, event, Comment.order_id == order.id):
            body, key, link = comment.text, key_of_comment(comment), f"{link}#comment-{comment.id}"
    elif state == OrderState.DELIVERED and changes.get("delivery", [0, 1])[1] > 1:
        title = f"{title} again"
    audience -= {event.actor_id}
    return Notice(NOTIFICATION, "order.state", key, title, audience, body=body, link=link, failed=failed)
