"""Comments: what people say to each other about a task, a publish, an order, a picture or a film."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator
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
from service.api.validation import Matches
from service.archiving import check_live
from service.database import session
from service.models import Comment, GuestLink, MediaAsset, Order, Publish, Task, User
from service.models.comments import LONGEST, MOST_POINTS
from service.production.statuses import status_given
from service.review.comments import check_attachments, check_looked_at, mentioned
from service.review.films import frame_at
from shared.errors import ForbiddenError, InputError

comments = Resource("comments", "/comments")
RESOURCES = (comments,)

TargetType = Literal["task", "publish", "order", "medium"]
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
    bool,
    Field(description="clients who see what it is about may read it; what they write always is"),
]
Seconds = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False, description="point in the film", examples=[2.5])]
Part = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""Of a picture's width or height, from its upper left corner."""


class Stroke(Request):
    color: Annotated[str, Matches(r"^#[0-9a-f]{6}$", "must be a colour in six small hexadecimal digits", "#ff5c5c")]
    points: list[tuple[Part, Part]] = Field(min_length=1, max_length=MOST_POINTS)


def _not_too_much(drawing: list[Stroke]) -> list[Stroke]:
    if sum(len(stroke.points) for stroke in drawing) > MOST_POINTS:
        raise ValueError(f"must have {MOST_POINTS:,} points at most")
    return drawing


Drawing = Annotated[
    list[Stroke],
    AfterValidator(_not_too_much),
    Field(max_length=500, description="drawn over the picture, or over the film at `seconds`"),
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
    author_id: UUID | None = Field(description="null where a guest wrote it")
    author: str = Field(description="name of the user, or the one that a guest gave")
    by_guest: bool = Field(description="whether somebody without an account wrote it, who came by a link to a playlist")
    guest_link: str | None = Field(description="label of that link; clients are not told")
    text: str
    status: str | None = Field(description="the status that the task was given with it")
    delivery: int | None = Field(description="number of the order's delivery to which it requests changes")
    for_client: bool
    mentions: list[MentionOut]
    attachments: list[AttachmentOut]
    media_id: UUID | None = Field(description="the picture or film that was looked at")
    medium: AttachmentOut | None = Field(description="the same, where whoever asks sees it")
    seconds: float | None = Field(description="point in the film")
    frame: int | None = Field(description="number of the film's frame then, from 1, where its frame rate is known")
    drawing: list[Stroke] = Field(description="drawn over the picture, or over the film at that point")


class NewComment(Request):
    target_type: TargetType
    target_id: UUID
    text: Text
    status: Status | None = Field(None, description="gives the task this status at once; needs task.write")
    for_client: ForClient = False
    attachments: Attachments = Field(default_factory=list)
    media_id: UUID | None = Field(None, description="the picture or film that was looked at, of a task or publish")
    seconds: Seconds | None = None
    drawing: Drawing = Field(default_factory=list)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.status and self.target_type != "task":
            raise ValueError("only a comment on a task can set a status")
        if not (self.text or self.status or self.attachments or self.drawing):
            raise ValueError("say something, attach something, draw something, or set a status")
        if self.target_type == "medium":
            if self.media_id not in (None, self.target_id):
                raise ValueError("a comment on a medium is about that one")
            self.media_id = self.target_id
        if self.target_type == "order" and self.media_id:
            raise ValueError("a comment on an order is of no picture: comment on the picture itself")
        if self.media_id is None and (self.drawing or self.seconds is not None):
            raise ValueError("a drawing and seconds need the media_id of the picture or film")
        return self


class CommentChanges(Changes):
    text: Text | None = None
    for_client: ForClient | None = None
    attachments: Attachments | None = None


class CommentQuery(EditableQuery):
    task_id: UUID | None = None
    publish_id: UUID | None = None
    order_id: UUID | None = None
    media_id: UUID | None = Field(None, description="said of this picture or film, whatever else it is about")
    author: str = Field("", description="`me`, or the id of a user")


def describe(found: Sequence[Comment]) -> list[dict[str, Any]]:
    """What the API answers for comments: three statements at most, whatever their number."""
    current = session()
    people = {user_id for comment in found for user_id in comment.mentions}
    files = {media_id for comment in found for media_id in comment.attachments}
    files |= {str(comment.media_id) for comment in found if comment.media_id}
    links = {comment.guest_link_id for comment in found if comment.guest_link_id}
    labels = _labels(links) if links else {}
    names: dict[str, str] = {}
    attached: dict[str, dict[str, Any]] = {}
    if people:
        rows = current.execute(select(User.id, User.name).where(User.id.in_(people)))
        names = {str(user_id): name for user_id, name in rows}
    if files:
        seen = current.scalars(select(MediaAsset).where(MediaAsset.id.in_(files))).unique()
        attached = {str(medium.id): media.describe(medium) for medium in seen}
    made = {"target_type", "target_id", "author", "by_guest", "guest_link"}
    made |= {"mentions", "attachments", "medium", "frame"}
    return [
        {
            **{name: getattr(comment, name) for name in CommentOut.model_fields if name not in made},
            "target_type": _target_type(comment),
            "target_id": comment.task_id or comment.publish_id or comment.order_id or comment.media_id,
            "author": comment.said_by,
            "by_guest": comment.guest_link_id is not None,
            "guest_link": labels.get(comment.guest_link_id),
            "mentions": [{"id": user_id, "name": names[user_id]} for user_id in comment.mentions],
            # A client does not see every file that somebody of the studio attached.
            "attachments": [attached[media_id] for media_id in comment.attachments if media_id in attached],
            "medium": attached.get(str(comment.media_id)),
            "frame": _frame(comment, attached.get(str(comment.media_id))),
        }
        for comment in found
    ]


def _labels(link_ids: Collection[UUID]) -> dict[UUID | None, str]:
    rows = session().execute(select(GuestLink.id, GuestLink.label).where(GuestLink.id.in_(link_ids)))
    return dict(rows.all())


def _target_type(comment: Comment) -> TargetType:
    if comment.order_id:
        return "order"
    return "task" if comment.task_id else "publish" if comment.publish_id else "medium"


def _frame(comment: Comment, medium: dict[str, Any] | None) -> int | None:
    film = medium["film"] if medium else None
    return frame_at(film["exact_frame_rate"], comment.seconds) if film else None


def _described(comment: Comment) -> dict[str, Any]:
    return describe([comment])[0]


@comments.declare("GET", "/", permission=Permission.COMMENT_READ, query=CommentQuery, answer=Page[CommentOut])
def list_comments(query: CommentQuery) -> dict[str, Any]:
    """List comments, the newest first."""
    statement = select(Comment).outerjoin(Comment.author)
    for about in (Comment.task, Comment.publish, Comment.order):
        statement = statement.outerjoin(about)
    wanted = (
        (Comment.task_id, query.task_id),
        (Comment.publish_id, query.publish_id),
        (Comment.order_id, query.order_id),
        (Comment.media_id, query.media_id),
    )
    statement = statement.where(*equal(*wanted))
    if query.author:
        statement = statement.where(Comment.author_id.is_not_distinct_from(user_meant(query.author, "author")))
    page = page_of(
        statement,
        query,
        key=Comment,
        search=(Comment, User),
        sort={"created_at": Comment.created_at, "updated_at": Comment.updated_at, "author": User.name},
        default_sort="-created_at",
        below=(Task, Publish, Order),
    )
    page["items"] = describe(page["items"])
    return page


@comments.declare("POST", "/", permission=Permission.COMMENT_WRITE, body=NewComment, answer=CommentOut, status=201)
def create_comment(body: NewComment) -> dict[str, Any]:
    """Comment on a task or a publish, perhaps on a picture of it; on an order; or on a picture or film that is of no
    publish.

    A comment on a task can give it a status. Who is mentioned, who does the task and who made the publish, or who had
    the picture made, are told; of an order, whose it is, who accepted it, and who wrote before. Clients comment on the
    publishes, orders and media that they see.
    """
    current, who, status = session(), auth.current(), body.status
    if status:
        auth.require(Permission.TASK_WRITE)
        status = status_given(current, status, who.role)
    target = _target(body)
    if status and isinstance(target, Task):
        change(target, {"status": status})
    if body.media_id:
        medium = row(MediaAsset, body.media_id)
        check_live(medium)
        check_looked_at(medium, target, body.seconds)
    comment = Comment(
        task_id=target.id if isinstance(target, Task) else None,
        publish_id=target.id if isinstance(target, Publish) else None,
        order_id=target.id if isinstance(target, Order) else None,
        text=body.text,
        status=status,
        author_id=who.user_id,
        for_client=body.for_client or who.role is Role.CLIENT,
        mentions=[str(user_id) for user_id in mentioned(current, body.text)],
        attachments=check_attachments(current, body.attachments),
        media_id=body.media_id,
        seconds=body.seconds,
        drawing=[stroke.model_dump() for stroke in body.drawing],
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
    if not (comment.text or comment.status or comment.attachments or comment.drawing):
        raise InputError("Nothing would be left of the comment.", hint="Archive it.", fields={"text": "is empty"})
    written(comment)
    # Clients whom it mentions are told when they may read it; nobody is told of a comment twice.
    opened = comment.for_client and not was_for_client
    if new := [user_id for user_id in comment.mentions if opened or user_id not in before]:
        events.emit(current, "comment.mentioned", "comment", comment.id, {**events.told_of(comment), "user_ids": new})
    return _described(comment)


def check_own(comment: Comment) -> None:
    """Raises ForbiddenError for who neither wrote the comment nor manages those of others."""
    if comment.author_id != auth.current().user_id and not may_manage():
        raise ForbiddenError(
            f"The comment is by {comment.said_by}: only they and project managers change it.",
            hint="Answer with a comment of your own.",
        )


def may_manage() -> bool:
    """Whether whoever asks may change the comments of others."""
    who = auth.current()
    return allows(who.role, Permission.COMMENT_MANAGE, who.scopes)


declare_archive(comments, Comment, Permission.COMMENT_WRITE, CommentOut, describe=_described, check=check_own)


def _target(body: NewComment) -> Task | Publish | Order | MediaAsset:
    """What the comment is about, locked where it changes; whoever asks must see it, and it must not be put away."""
    if body.target_type == "publish":
        publish = live_row(Publish, body.target_id)
        check_live(publish.part.target)
        return publish
    if body.target_type == "order":
        return live_row(Order, body.target_id)
    if body.target_type == "medium":
        medium = live_row(MediaAsset, body.target_id)
        if medium.publish_id:
            raise InputError(
                f"{medium.name} is of a publish, and what is said about it belongs there.",
                hint="Comment on the publish, and name the picture in media_id.",
                fields={"target_id": f"is of the publish {medium.publish_id}"},
            )
        return medium
    if not allows(auth.current().role, Permission.TASK_READ):
        raise missing(Task, body.target_id)
    task = row(Task, body.target_id, lock=body.status is not None)
    check_live(task)
    return task


def _check_for_client(comment: Comment) -> None:
    if comment.for_client and comment.task_id:
        raise InputError(
            "Clients do not see tasks, so that a comment on one cannot be for them.",
            hint="Comment on the publish.",
            fields={"for_client": "is not of comments on tasks"},
        )
    # Whoever asks: an order is the conversation of its client and the studio.
    is_of_client = comment.order_id and comment.author and comment.author.role == Role.CLIENT
    if not comment.for_client and (is_of_client or auth.current().role is Role.CLIENT):
        raise InputError(
            "What a client writes is always for clients.",
            hint="Leave for_client out.",
            fields={"for_client": "is always true"},
        )
