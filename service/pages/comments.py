"""Comments on the pages of what they are about: shown, written, corrected, put away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, TypeVar
from uuid import UUID, uuid4

from flask import request, url_for
from pydantic import ValidationError
from sqlalchemy import select
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
from service.api.media import MediaUpload, add_medium
from service.api.records import change
from service.api.routing import Request
from service.database import session
from service.models import Comment, Publish, Task
from service.models.comments import LONGEST
from service.pages.frame import action, may, tell_refusal
from service.pages.paging import page_number, paged
from shared.errors import ConflictError, InputError, RacewayError

_PAGE = 30
_STATUSES = 50

Form = TypeVar("Form", bound=Request)


@dataclass(frozen=True)
class CommentsView:
    """What the page of a task or publish shows of its comments, the newest first."""

    target: Task | Publish
    items: Sequence[dict[str, Any]]
    """As the API answers them, and ``own`` for those that the reader may change."""
    number: int
    more: bool
    statuses: Sequence[str]
    """Those that tasks have: one may be given with a comment, where there are any."""
    longest: int = LONGEST

    @property
    def target_type(self) -> str:
        """What the API calls it."""
        return "task" if isinstance(self.target, Task) else "publish"


def comments_on(target: Task | Publish) -> CommentsView:
    """The page of comments that the request asks for: at most four statements."""
    column = Comment.task_id if isinstance(target, Task) else Comment.publish_id
    number = page_number()
    newest = select(Comment).where(column == target.id, Comment.archived_at.is_(None))
    found, more = paged(newest.order_by(Comment.created_at.desc(), Comment.id), number, _PAGE)
    mine, manages = auth.current().user_id, may_manage()
    items = [{**comment, "own": manages or comment["author_id"] == mine} for comment in describe(found)]
    statuses: Sequence[str] = ()
    if isinstance(target, Task) and may(Permission.TASK_WRITE):
        statuses = session().scalars(select(Task.status).distinct().order_by(Task.status).limit(_STATUSES)).all()
    return CommentsView(target, items, number, more, statuses)


@action("/comments", Permission.COMMENT_WRITE)
def write_comment() -> str:
    """Comment on the task or publish that the form names, with the pictures and films that were chosen."""
    request.max_content_length = auth.config().max_upload_bytes
    given: dict[str, Any] = {name: value for name, value in request.form.items() if value.strip()}
    files = {uuid4(): each for each in request.files.getlist("files") if each.filename}
    body = _read(NewComment, {"text": "", **given, "attachments": list(files)})
    target = _page_of(body.target_type, body.target_id)
    try:
        for media_id, file in files.items():
            _store(media_id, file)
        comment = create_comment(body)
    except RacewayError as error:
        if error.status not in (409, 413, 415, 422):
            raise
        tell_refusal(error)
        return target
    return f"{target}#comment-{comment['id']}"


def _store(media_id: UUID, file: FileStorage) -> None:
    """Store a file that was sent with a comment."""
    auth.require(Permission.MEDIA_WRITE)
    given = {"filename": PurePath(file.filename or "").name, "asset_type": "attachment"}
    add_medium(media_id, file.stream, _read(MediaUpload, given))


@action("/comments/<uuid:comment_id>/change", Permission.COMMENT_WRITE)
def correct_comment(comment_id: UUID) -> str:
    """Give a comment another text; ``version`` is what the reader saw."""
    comment = row(Comment, comment_id, lock=True)
    if request.form.get("version") != str(comment.revision):
        raise ConflictError(
            "The comment was changed meanwhile.",
            hint="Go back, load the page again, and look at what it says now.",
            code="conflict.stale",
            status=412,
        )
    changed = change_comment(comment_id, _read(CommentChanges, {"text": request.form.get("text", "")}))
    return f"{_page_of(changed['target_type'], changed['target_id'])}#comment-{comment_id}"


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
    if target_type == "task":
        return url_for("pages.task", task_id=target_id)
    return url_for("pages.publish", publish_id=target_id)


def _read(form: type[Form], given: dict[str, Any]) -> Form:
    try:
        return form.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        what = ".".join(map(str, problem["loc"])) or "It"
        reason = problem["msg"].removeprefix("Value error, ")
        raise InputError(
            f"The comment cannot be written so. {what}: {reason}.", hint="Go back and correct it."
        ) from None
