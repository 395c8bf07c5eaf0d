"""Comments: whom a text names, what hangs on it, and who may hear of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import func, literal, or_, select
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.database import seen_by_client
from service.models import Comment, MediaAsset, Order, Publish, Task, User
from service.review import media
from shared.errors import InputError, NotFoundError

_AFTER = r"(?![\w@]|[.\-]\w)"
"""What follows a name is not more of it: ``@anna`` is not named by ``@annabel`` or ``@anna.berg@studio.example``."""


def mentioned(current: Session, text: str) -> list[UUID]:
    """Ids of the users whom ``text`` names, in its order: ``@Anna Berg``, or ``@anna@studio.example``.

    Of several names that fit, the longest is meant; of a name that several people have, each of them. Capitals do not
    matter. Who was put away is not named.
    """
    if "@" not in text:
        return []
    lowered = func.lower(literal(text))
    labels = (User.name, User.email)
    statement = select(User.id, *labels).where(
        User.archived_at.is_(None), or_(*(func.strpos(lowered, func.lower("@" + label)) > 0 for label in labels))
    )
    named: dict[str, list[UUID]] = {}
    for user_id, *of_user in current.execute(statement):
        for label in of_user:
            named.setdefault(label.lower(), []).append(user_id)
    if not named:
        return []
    longest_first = sorted(named, key=len, reverse=True)
    mention = re.compile(rf"(?<!\w)@({'|'.join(map(re.escape, longest_first))}){_AFTER}", re.IGNORECASE)
    found = (user_id for label in mention.findall(text) for user_id in named.get(label.lower(), ()))
    return list(dict.fromkeys(found))


def check_attachments(current: Session, media_ids: Iterable[UUID]) -> list[str]:
    """``media_ids``, each once. Raises NotFoundError for one that whoever asks does not see."""
    wanted = list(dict.fromkeys(media_ids))
    known = set(current.scalars(select(MediaAsset.id).where(MediaAsset.id.in_(wanted)))) if wanted else set()
    if missing := [str(media_id) for media_id in wanted if media_id not in known]:
        raise NotFoundError(
            f"There is no medium {missing[0]} to attach.",
            hint="Upload it first. GET /api/media/assets lists what there is.",
            fields={"attachments": f"unknown {', '.join(missing)}"},
        )
    return [str(media_id) for media_id in wanted]


def check_looked_at(medium: MediaAsset, about: Task | Publish | Order | MediaAsset, seconds: float | None) -> None:
    """Raises InputError where a comment ``about`` something cannot be on ``medium``, or not ``seconds`` into it."""
    if seconds is not None and not medium.mime_type.startswith("video/"):
        raise InputError(
            f"{medium.name} is no film, so that there are no seconds in it.",
            hint="Leave seconds out.",
            fields={"seconds": "is of films only"},
        )
    if isinstance(about, MediaAsset | Order):
        return
    target = about.target if isinstance(about, Task) else about.part.target
    project = media.project_of(medium)
    if project is not None and project.id != target.project.id:
        raise InputError(
            f"{medium.name} is of the project {project.name}, and {target.entity} is of {target.project.name}.",
            hint="Name a picture or film of the same project, or comment on what the picture shows.",
            fields={"media_id": f"is of the project {project.name}"},
        )


def readers(current: Session, comment: Comment, users: Collection[UUID]) -> frozenset[UUID]:
    """Those of ``users`` who may read the comment: of clients, those whom PostgreSQL shows it."""
    clients = frozenset(current.scalars(select(User.id).where(User.id.in_(users), User.role == Role.CLIENT)))
    return frozenset(users) - clients | {client for client in clients if _reads(current, comment, client)}


def _reads(current: Session, comment: Comment, client: UUID) -> bool:
    with seen_by_client(current, client):
        return current.scalar(select(Comment.id).where(Comment.id == comment.id)) is not None
