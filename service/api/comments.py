"""Comments: what people say to each other about a task or a publish."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator
from sqlalchemy import select

from service.accounts import auth
from service.accounts.permissions import Permission, Role, allows
from service.activity import events
from service.api import media
from service.api.fields import Changes, EditableOut, Status
from service.api.listing import EditableQuery, Page, equal, missing, page_of, row
from service.api.records import add, change, declare_archive, live_row, row_to_change, written
from service.api.routing import Reply, Request, Resource
from service.api.tasks import user_meant
from service.archiving import check_live
from service.comments import check_attachments, mentioned
from service.database import session
from service.models import Comment, MediaAsset, Publish, Task, User
from service.models.comments import LONGEST
from shared.errors import ForbiddenError, InputError

comments = Resource("comments", "/comments")
RESOURCES = (comments,)

TargetType = Literal["task", "publish"]
Text = Annotated[
    str,
    StringConstraints(max_length=LONGEST, strip_whitespace=True),
    Field(
        examples=["The teeth are too sharp, @anna@studio.example."],
        description="plain text, empty where an attachment or a status says it; `@` before somebody's name or e-mail "
        "address mentions them, and they are told",
    ),
]
Attachments = Annotated[list[UUID], Field(max_length=50, description="ids of media: GET /api/media/assets")]
ForClient = Annotated[
    bool, Field(description="clients who see the publish may read it; what they write themselves always is")
]


class MentionOut(Reply):
    id: UUID
    name: str


class AttachmentOut(Reply):
    id: UUID
    name: str
    mime_type: str
    url: str


class CommentOut(EditableOut):
    target_type: TargetType
    target_id: UUID
    author_id: UUID
    author: str
    text: str
    status: str | None = Field(description="the status that the task was given with it")
    for_client: bool
    mentions: list[MentionOut]
    attachments: list[AttachmentOut]


class NewComment(Request):
    target_type: TargetType
    target_id: UUID
    text: Text
    status: Status | None = Field(None, description="gives the task this status at once; needs task.write")
    for_client: ForClient = False
    attachments: Attachments = Field(default_factory=list)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.status and self.target_type != "task":
            raise ValueError("only a comment on a task can set a status")
        if not (self.text or self.status or self.attachments):
            raise ValueError("say something, attach something, or set a status")
        return self


class CommentChanges(Changes):
    text: Text | None = None
    for_client: ForClient | None = None
    attachments: Attachments | None = None


class CommentQuery(EditableQuery):
    task_id: UUID | None = None
    publish_id: UUID | None = None
    author: str = Field("", description="`me`, or the id of a user")


def describe(found: Sequence[Comment]) -> list[dict[str, Any]]:
    """What the API answers for comments: two statements, whatever their number."""
    current = session()
    people = {user_id for comment in found for user_id in comment.mentions}
    files = {media_id for comment in found for media_id in comment.attachments}
    names: dict[str, str] = {}
    attached: dict[str, dict[str, Any]] = {}
    if people:
        rows = current.execute(select(User.id, User.name).where(User.id.in_(people)))
        names = {str(user_id): name for user_id, name in rows}
    if files:
        seen = current.scalars(select(MediaAsset).where(MediaAsset.id.in_(files))).unique()
        attached = {str(medium.id): media.describe(medium) for medium in seen}
    made = {"target_type", "target_id", "author", "mentions", "attachments"}
    return [
        {
            **{name: getattr(comment, name) for name in CommentOut.model_fields if name not in made},
            "target_type": "task" if comment.task_id else "publish",
            "target_id": comment.task_id or comment.publish_id,
            "author": comment.author.name,
            "mentions": [{"id": user_id, "name": names[user_id]} for user_id in comment.mentions],
            # A client does not see every file that somebody of the studio attached.
            "attachments": [attached[media_id] for media_id in comment.attachments if media_id in attached],
        }
        for comment in found
    ]


def _described(comment: Comment) -> dict[str, Any]:
    return describe([comment])[0]


@comments.declare("GET", "/", permission=Permission.COMMENT_READ, query=CommentQuery, answer=Page[CommentOut])
def list_comments(query: CommentQuery) -> dict[str, Any]:
    """List comments, the newest first."""
    statement = select(Comment).join(Comment.author).outerjoin(Comment.task).outerjoin(Comment.publish)
    statement = statement.where(*equal((Comment.task_id, query.task_id), (Comment.publish_id, query.publish_id)))
    if query.author:
        statement = statement.where(Comment.author_id.is_not_distinct_from(user_meant(query.author, "author")))
    page = page_of(
        statement,
        query,
        key=Comment,
        search=(Comment, User),
        sort={"created_at": Comment.created_at, "updated_at": Comment.updated_at, "author": User.name},
        default_sort="-created_at",
        below=(Task, Publish),
    )
    page["items"] = describe(page["items"])
    return page


@comments.declare("POST", "/", permission=Permission.COMMENT_WRITE, body=NewComment, answer=CommentOut, status=201)
def create_comment(body: NewComment) -> dict[str, Any]:
    """Comment on a task or a publish, and give the task a status with it if wanted.

    Who is mentioned, the task's assignee and the publish's author are told. Clients comment on the publishes that they
    see.
    """
    current, who = session(), auth.current()
    target = _target(body)
    if body.status and isinstance(target, Task):
        auth.require(Permission.TASK_WRITE)
        change(target, {"status": body.status})
    comment = Comment(
        task_id=target.id if isinstance(target, Task) else None,
        publish_id=target.id if isinstance(target, Publish) else None,
        text=body.text,
        status=body.status,
        author_id=who.user_id,
        for_client=body.for_client or who.role is Role.CLIENT,
        mentions=[str(user_id) for user_id in mentioned(current, body.text)],
        attachments=check_attachments(current, body.attachments),
    )
    _check_for_client(comment)
    return _described(add(comment))


@comments.declare("GET", "/<uuid:comment_id>", permission=Permission.COMMENT_READ, answer=CommentOut)
def get_comment(comment_id: UUID) -> dict[str, Any]:
    """A comment."""
    return _described(row(Comment, comment_id))


@comments.declare(
    "PATCH",
    "/<uuid:comment_id>",
    permission=Permission.COMMENT_WRITE,
    body=CommentChanges,
    answer=CommentOut,
    if_match="optional",
)
def change_comment(comment_id: UUID, body: CommentChanges) -> dict[str, Any]:
    """Change a comment of one's own; managers change those of others too. Who is mentioned now and was not is told."""
    current, comment, changes = session(), row_to_change(Comment, comment_id), body.given()
    check_own(comment)
    before, was_for_client = set(comment.mentions), comment.for_client
    if body.text is not None:
        changes["mentions"] = [str(user_id) for user_id in mentioned(current, body.text)]
    if body.attachments is not None:
        changes["attachments"] = check_attachments(current, body.attachments)
    for name, value in changes.items():
        setattr(comment, name, value)
    _check_for_client(comment)
    if not (comment.text or comment.status or comment.attachments):
        raise InputError("Nothing would be left of the comment.", hint="Archive it.", fields={"text": "is empty"})
    written(comment)
    # Clients whom it mentions are told when they may read it; nobody is told of a comment twice.
    opened = comment.for_client and not was_for_client
    if new := [user_id for user_id in comment.mentions if opened or user_id not in before]:
        events.emit(current, "comment.mentioned", "comment", comment.id, {"name": comment.name, "user_ids": new})
    return _described(comment)


def check_own(comment: Comment) -> None:
    """Raises ForbiddenError for who neither wrote the comment nor manages those of others."""
    if comment.author_id != auth.current().user_id and not may_manage():
        raise ForbiddenError(
            f"The comment is by {comment.author.name}: only they and project managers change it.",
            hint="Answer with a comment of your own.",
        )


def may_manage() -> bool:
    """Whether whoever asks may change the comments of others."""
    who = auth.current()
    return allows(who.role, Permission.COMMENT_MANAGE, who.scopes)


declare_archive(comments, Comment, Permission.COMMENT_WRITE, CommentOut, describe=_described, check=check_own)


def _target(body: NewComment) -> Task | Publish:
    """What the comment is about, locked where it changes; whoever asks must see it, and it must not be put away."""
    if body.target_type == "publish":
        publish = live_row(Publish, body.target_id)
        check_live(publish.part.target)
        return publish
    if not allows(auth.current().role, Permission.TASK_READ):
        raise missing(Task, body.target_id)
    task = row(Task, body.target_id, lock=body.status is not None)
    check_live(task)
    return task


def _check_for_client(comment: Comment) -> None:
    if comment.for_client and not comment.publish_id:
        raise InputError(
            "Clients do not see tasks, so that a comment on one cannot be for them.",
            hint="Comment on the publish.",
            fields={"for_client": "is of comments on publishes"},
        )
    if not comment.for_client and auth.current().role is Role.CLIENT:
        raise InputError(
            "What a client writes is always for clients.",
            hint="Leave for_client out.",
            fields={"for_client": "is always true"},
        )
