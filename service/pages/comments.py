"""Comments on the pages of what they are about: shown, written, corrected, put away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any
from uuid import UUID, uuid4

from flask import request, url_for
from sqlalchemy import ColumnElement, func, or_, select
from werkzeug.datastructures import FileStorage

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.comments import (
    CommentChanges,
    NewComment,
    change_comment,
    check_own,
    create_comment,
    describe,
    may_manage,
)
from service.api.listing import row
from service.api.media import MediaUpload, add_medium, stored_medium
from service.api.records import change
from service.database import session
from service.file_types import ACCEPTED
from service.models import Comment, MediaAsset, Order, Playlist, Publish, Task, TaskStatus
from service.models.comments import LONGEST
from service.pages.forms import check_seen, read_form
from service.pages.frame import action, may, tell_refusal
from service.pages.paging import page_number, paged
from service.pages.task_statuses import offered_statuses
from service.production.statuses import first_of
from shared.errors import ConflictError, InputError, RacewayError

_PAGE = 30
_REFUSED = "The comment cannot be written so."


@dataclass(frozen=True)
class Review:
    """What is looked at while comments are read and written: a picture or film, perhaps on a playlist."""

    medium: MediaAsset
    playlist: Playlist | None = None

    @property
    def is_film(self) -> bool:
        return self.medium.mime_type.startswith("video/")

    @property
    def address(self) -> dict[str, UUID]:
        """What goes along in the addresses of forms, to come back to the review."""
        on = {"playlist": self.playlist.id} if self.playlist else {}
        return {"media": self.medium.id, **on}


@dataclass(frozen=True)
class CommentsView:
    """What a page shows of the comments on its task, publish, order or medium, the newest first."""

    target: Task | Publish | Order | MediaAsset
    items: Sequence[dict[str, Any]]
    """As the API answers them, and ``own`` for those that the reader may change."""
    number: int
    more: bool
    statuses: Sequence[TaskStatus]
    """Those that the reader may give to the task with a comment; none where there is no task."""
    task: Task | None
    """Whose status that is."""
    review: Review | None = None
    longest: int = LONGEST
    accepted: str = ACCEPTED

    @property
    def target_type(self) -> str:
        """What the API calls it."""
        kinds: dict[type, str] = {Task: "task", Publish: "publish", Order: "order", MediaAsset: "medium"}
        return kinds[type(self.target)]

    @property
    def answers(self) -> list[tuple[str, TaskStatus]]:
        """The buttons of a review, and the status that each gives to the task."""
        kinds = (("Retake", "retake"), ("Approve", "done"))
        return [(label, status) for label, kind in kinds if (status := first_of(self.statuses, kind))]

    @property
    def back(self) -> dict[str, UUID]:
        """What goes along in the addresses of its forms."""
        return self.review.address if self.review else {}


def comments_on(target: Task | Publish | Order) -> CommentsView:
    """The page of comments on a task, publish or order that the request asks for: at most four statements."""
    if isinstance(target, Task):
        return _view(target, Comment.task_id == target.id, task=target)
    if isinstance(target, Order):
        return _view(target, Comment.order_id == target.id)
    return _view(target, Comment.publish_id == target.id)


def comment_counts(publishes: Sequence[Publish]) -> dict[UUID, int]:
    """How much is said about each publish of which something is; one statement."""
    about = select(Comment.publish_id, func.count()).where(Comment.publish_id.in_([each.id for each in publishes]))
    counts = about.where(Comment.archived_at.is_(None)).group_by(Comment.publish_id)
    return {publish_id: count for publish_id, count in session().execute(counts) if publish_id}


def comments_in(review: Review) -> CommentsView:
    """Those on a picture's or film's publish and, for who reads tasks, on the task that it was made for; on the medium
    itself where it is of no publish: at most five statements.
    """
    publish = review.medium.publish
    if publish is None:
        return _view(review.medium, Comment.media_id == review.medium.id, review=review)
    if not may(Permission.TASK_READ):
        return _view(publish, Comment.publish_id == publish.id, review=review)
    either = or_(Comment.publish_id == publish.id, Comment.task_id == publish.task_id)
    return _view(publish, either, task=publish.task, review=review)


def _view(
    target: Task | Publish | Order | MediaAsset,
    said: ColumnElement[bool],
    *,
    task: Task | None = None,
    review: Review | None = None,
) -> CommentsView:
    number = page_number()
    newest = select(Comment).where(said, Comment.archived_at.is_(None))
    found, more = paged(newest.order_by(Comment.created_at.desc(), Comment.id), number, _PAGE)
    mine, manages = auth.current().user_id, may_manage()
    items = [{**comment, "own": manages or comment["author_id"] == mine} for comment in describe(found)]
    statuses: Sequence[TaskStatus] = ()
    if task is not None and task.archived_at is None and may(Permission.TASK_WRITE):
        statuses = offered_statuses()
    return CommentsView(target, items, number, more, statuses, task, review)


@action("/comments", Permission.COMMENT_WRITE, with_files=True)
def write_comment() -> str:
    """Comment on what the form names, with the pictures and films that were chosen and what was drawn.

    A status that is given while a publish is looked at is its task's, and the comment with it; ``answer`` is the status
    of a review's button.
    """
    about, about_id = request.form.get("target_type", ""), request.form.get("target_id", type=UUID)
    if about_id is None:
        raise InputError("The form does not say what the comment is about.", hint="Open the page again.")
    try:
        comment = _written()
    except RacewayError as error:
        if error.status not in (409, 413, 415, 422):
            raise
        tell_refusal(error)
        return _page_of(about, about_id)
    return f"{_page_of(comment['target_type'], comment['target_id'])}#comment-{comment['id']}"


def _written() -> dict[str, Any]:
    """The comment that the form has, as the API answers it."""
    given: dict[str, Any] = {name: value for name, value in request.form.items() if value.strip()}
    files = {uuid4(): each for each in request.files.getlist("files") if each.filename}
    if "drawing" in given:
        given["drawing"] = drawing_of(given["drawing"])
    if answer := given.pop("answer", ""):
        given["status"] = answer
    if status := given.pop("status", None) if given.get("target_type") == "publish" else None:
        publish_id = read_form(NewComment, {"text": status, **given}, _REFUSED).target_id
        given |= {"target_type": "task", "target_id": row(Publish, publish_id).task_id, "status": status}
    body = read_form(NewComment, {"text": "", **given, "attachments": list(files)}, _REFUSED)
    # All are stored before the first is added: reading a film is slow, and no transaction is open meanwhile.
    for medium, upload in [_stored(media_id, file) for media_id, file in files.items()]:
        add_medium(medium, upload)
    return create_comment(body)


def _stored(media_id: UUID, file: FileStorage) -> tuple[MediaAsset, MediaUpload]:
    """A file that was sent with a comment, put into the store."""
    auth.require(Permission.MEDIA_WRITE)
    given = {"filename": PurePath(file.filename or "").name, "asset_type": "attachment"}
    upload = read_form(MediaUpload, given, _REFUSED)
    return stored_medium(media_id, file.stream, upload), upload


@action("/comments/<uuid:comment_id>/change", Permission.COMMENT_WRITE)
def correct_comment(comment_id: UUID) -> str:
    """Give a comment another text; ``version`` is what the reader saw."""
    comment = row(Comment, comment_id, lock=True)
    [before] = describe([comment])
    try:
        check_seen(comment)
        change_comment(comment_id, read_form(CommentChanges, {"text": request.form.get("text", "")}, _REFUSED))
    except (InputError, ConflictError) as error:
        tell_refusal(error)
    return f"{_page_of(before['target_type'], before['target_id'])}#comment-{comment_id}"


@action("/comments/<uuid:comment_id>/archive", Permission.COMMENT_WRITE)
def put_comment_away(comment_id: UUID) -> str:
    """Put a comment away."""
    comment = row(Comment, comment_id, lock=True)
    check_own(comment)
    if comment.archived_at is None:
        change(comment, {"archived_at": datetime.now(UTC)})
    [put_away] = describe([comment])
    return _page_of(put_away["target_type"], put_away["target_id"])


def _page_of(target_type: str, target_id: UUID) -> str:
    """The review in which the form stood, or the page of what the comment is about."""
    media_id, playlist_id = (request.args.get(name, type=UUID) for name in ("media", "playlist"))
    if media_id and playlist_id:
        return url_for("pages.playlist", playlist_id=playlist_id, media=media_id)
    if media_id or target_type == "medium":
        return url_for("pages.picture", media_id=media_id or target_id)
    if target_type == "task":
        return url_for("pages.task", task_id=target_id)
    if target_type == "order":
        return url_for("pages.order", order_id=target_id)
    return url_for("pages.publish", publish_id=target_id)


def drawing_of(text: str) -> Any:
    """What was drawn, which the page sends as JSON; text that is none is refused with the rest of the form."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
