"""Links by which people without an account look at one playlist.

The address holds the secret, of which only a digest is stored. Whether a link opens anything is PostgreSQL's answer
(``find_guest_link``), and so is what a guest sees: what clients see of that playlist, and no other row of the project
(migration 0031). A guest has no session and no identity; what they write says so.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service.accounts import auth, throttle
from service.archiving import check_live
from service.database import commit, session, set_tenant
from service.models import Comment, GuestLink, MediaAsset, Playlist
from service.review.comments import check_looked_at
from shared.errors import ConflictError, InputError

PATH = "/guest"
USUAL_DAYS = 14
MOST_DAYS = 180
_MOST_COMMENTS = 30
"""By one link within five minutes."""


@dataclass(frozen=True)
class Guest:
    """Who came by a link that opens something."""

    link_id: UUID
    tenant_id: UUID
    studio: str
    storage: str
    playlist_id: UUID
    may_comment: bool
    may_download: bool
    password_hash: str | None

    def proof(self, secret_key: str) -> str:
        """What shows that whoever holds it knew the password; worth nothing for another link."""
        text = f"guest {self.link_id} {self.password_hash}"
        return hmac.new(secret_key.encode(), text.encode(), hashlib.sha256).hexdigest()


def new_link(
    playlist: Playlist,
    label: str,
    *,
    expires_at: datetime | None,
    may_comment: bool,
    may_download: bool,
    password: str,
    by: UUID,
) -> tuple[GuestLink, str]:
    """A link's row, yet to be added to the session, and its secret, which is known here only.

    Raises ConflictError where clients do not see the playlist, InputError for an end that is past or too far away.
    """
    if not playlist.for_client:
        raise ConflictError(
            f"Clients do not see {playlist.name}, and guests see what clients see.",
            hint="Show it to the clients of the project first.",
            code="conflict.not_shared",
        )
    now = datetime.now(UTC)
    ends = expires_at or now + timedelta(days=USUAL_DAYS)
    if not now < ends <= now + timedelta(days=MOST_DAYS):
        raise InputError(
            f"A link for guests cannot end at {ends.isoformat()}.",
            hint=f"Give a time within {MOST_DAYS} days from now.",
            fields={"expires_at": f"must be in the future, and within {MOST_DAYS} days"},
        )
    secret = secrets.token_urlsafe(32)
    link = GuestLink(
        id=uuid4(),
        playlist_id=playlist.id,
        label=label,
        digest=auth.digest_of(secret),
        password_hash=auth.hash_password(password) if password else None,
        may_comment=may_comment,
        may_download=may_download,
        expires_at=ends,
        created_by_id=by,
    )
    return link, secret


def state_of(link: GuestLink) -> str:
    """``revoked``, ``expired``, or ``open``, as long as clients see its playlist."""
    if link.revoked_at:
        return "revoked"
    return "expired" if link.expires_at <= datetime.now(UTC) else "open"


def enter(secret: str) -> Guest | None:
    """Who comes by the link with that secret; binds the session to what they see. None where it opens nothing."""
    statement = "SELECT * FROM find_guest_link(%(digest)s)"
    found = session().connection().exec_driver_sql(statement, {"digest": auth.digest_of(secret)}).one_or_none()
    if found is None:
        return None
    guest = Guest(**found._mapping)
    set_tenant(guest.tenant_id, guest_link_id=guest.link_id)
    return guest


def note_opened(guest: Guest) -> None:
    """Count that the link was opened; committed at once, because others may open it at the same time."""
    seen = update(GuestLink).where(GuestLink.id == guest.link_id)
    # Not a change that somebody makes.
    values: dict[str, Any] = {"times_opened": GuestLink.times_opened + 1, "updated_at": GuestLink.updated_at}
    session().execute(
        seen.values(**values, last_used_at=datetime.now(UTC)).execution_options(synchronize_session=False)
    )
    commit(session())


def check_password(guest: Guest, password: str) -> bool:
    """Whether it is the link's password. Raises RateLimitError after too many that were wrong."""
    account = f"guest link {guest.link_id}"
    throttle.count_attempt(account)
    if not auth.password_matches(guest.password_hash, password):
        return False
    throttle.forgive(account)
    return True


def write_comment(
    current: Session,
    guest: Guest,
    medium: MediaAsset,
    *,
    name: str,
    text: str,
    seconds: float | None,
    drawing: Sequence[dict[str, Any]],
) -> Comment:
    """Add what a guest says of a picture or film that they see, on its publish where it has one, as a client would.

    Nobody is mentioned by it: a guest must not learn who there is. Raises InputError for a moment of what is no film,
    ConflictError where nothing can be said any more, RateLimitError after too much.
    """
    throttle.count_attempt(f"guest comment {guest.link_id}", most=_MOST_COMMENTS)
    _check_takes_comments(medium)
    check_looked_at(medium, medium.publish or medium, seconds)
    comment = Comment(
        id=uuid4(),
        publish_id=medium.publish_id,
        media_id=medium.id,
        seconds=seconds,
        drawing=list(drawing),
        text=text,
        for_client=True,
        guest_link_id=guest.link_id,
        guest_name=name,
    )
    current.add(comment)
    current.flush()
    return comment


def comments_of(current: Session, medium: MediaAsset, most: int) -> Sequence[Comment]:
    """What guests said of it by the link by which the session is bound, the newest first."""
    said = select(Comment).where(Comment.media_id == medium.id, Comment.archived_at.is_(None))
    return current.scalars(said.order_by(Comment.created_at.desc(), Comment.id).limit(most)).unique().all()


def _check_takes_comments(medium: MediaAsset) -> None:
    publish = medium.publish
    try:
        check_live(publish.part.target if publish else medium)
        gone = medium.publish_id is not None and publish is None
    except ConflictError:
        # Which of what it belongs to was put away is not for guests.
        gone = True
    if gone:
        raise ConflictError(f"Nothing can be said about {medium.name} any more.", code="conflict.archived")
