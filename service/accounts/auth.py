"""Who is asking: passwords, tokens, and the identity of a request."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import current_app, g, request
from sqlalchemy import ColumnElement, select, update

from service import audit
from service.accounts import throttle
from service.accounts.permissions import MINIMUM_ROLE, Permission, Role, allows
from service.config import Config
from service.database import session, set_tenant
from service.models import ApiToken, User
from shared.errors import AuthError, ForbiddenError

COOKIE = "raceway_session"
TWO_FACTOR_REQUIRED = "auth.two_factor_required"
"""Code of the error for who has to set up a second factor before anything else."""
SESSION_LIFETIME = timedelta(hours=12)
"""A working day: programs that were started with the token outlive a shorter one."""
REFRESH_LIFETIME = timedelta(days=30)
STACK_LIFETIME = timedelta(days=30)
_TOKEN_PREFIX = "rw_"
_LAST_USED_STEP = timedelta(minutes=1)
_EXPIRED_USE_STEP = 3600
"""Seconds between two records of the same expired token."""
# OWASP's recommendation for argon2id; the library's default takes eight times as long.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NO_PASSWORD = HASHER.hash(secrets.token_urlsafe())


@dataclass(frozen=True)
class Identity:
    """The user behind a request and the tenant it works in."""

    tenant_id: UUID
    tenant_name: str
    storage: str
    user_id: UUID
    user_name: str
    role: Role
    token_id: UUID
    scopes: frozenset[Permission] | None = None
    """What the token is limited to, if it is."""
    needs_two_factor: bool = False
    """Whether they may only set up a second factor, because their tenant wants everybody to have one."""


def hash_password(password: str) -> str:
    """argon2id hash of a password."""
    return HASHER.hash(password)


def password_matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is right; takes as long for a user who has none."""
    try:
        return HASHER.verify(password_hash or _NO_PASSWORD, password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def digest_of(token: str) -> str:
    """What is stored of a token: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def state_of(secret_key: str, user: User) -> str:
    """What a link or ticket of ``user`` is bound to: it changes with the password and the address, and nobody without
    the key learns anything from it."""
    state = f"{user.id} {user.email.lower()} {user.password_hash or ''}"
    return hmac.new(secret_key.encode(), state.encode(), hashlib.sha256).hexdigest()[:32]


def new_token(
    user_id: UUID,
    name: str,
    *,
    lifetime: timedelta | None = None,
    kind: str = "",
    scopes: Iterable[Permission] | None = None,
    family: UUID | None = None,
) -> tuple[ApiToken, str]:
    """A token's row, yet to be added to the session, and its text, which is known here only.

    ``kind`` is ``session`` for one with a ``lifetime`` and ``personal`` without, unless it is given.
    """
    token = _TOKEN_PREFIX + secrets.token_urlsafe(32)
    row = ApiToken(
        id=uuid4(),
        user_id=user_id,
        name=name,
        kind=kind or ("session" if lifetime else "personal"),
        digest=digest_of(token),
        scopes=sorted(scopes) if scopes is not None else None,
        family=family,
        expires_at=datetime.now(UTC) + lifetime if lifetime else None,
    )
    return row, token


def revoke(*conditions: ColumnElement[bool]) -> None:
    """Delete the tokens that meet all ``conditions``, row by row: the audit log does not see a bulk DELETE."""
    # In one order: of two who revoke some of the same, one waits for the other.
    found = select(ApiToken).where(*conditions).order_by(ApiToken.id).with_for_update()
    for token in session().scalars(found).all():
        session().delete(token)


def end_other_sessions() -> None:
    """End all sessions of whoever asks but the one they ask with; personal tokens stay."""
    who = current()
    this = session().scalars(select(ApiToken).where(ApiToken.id == who.token_id)).one()
    others = (ApiToken.user_id == who.user_id, ApiToken.kind != "personal", ApiToken.id != this.id)
    revoke(*others, *([ApiToken.family.is_distinct_from(this.family)] if this.family else []))


def authorise(permission: Permission, *, before_two_factor: bool = False) -> None:
    """Find out who is asking and whether they may; binds the session to their tenant.

    Raises AuthError without a valid token, ForbiddenError for a role that lacks ``permission``, for a token that is
    limited to others, and, unless it is open ``before_two_factor``, for who has to set up a second factor first.
    """
    if permission is Permission.PUBLIC:
        return
    g.identity = identify(_request_token())
    if g.identity.needs_two_factor and not before_two_factor:
        raise ForbiddenError(
            f"Everybody at {g.identity.tenant_name} logs in with a second factor, and you have none yet: set it up in "
            "the browser, at /account/two-factor.",
            hint="A program of your own does so by POST /api/auth/two-factor; those with personal tokens need none.",
            code=TWO_FACTOR_REQUIRED,
        )
    require(permission)


def require(permission: Permission) -> None:
    """Raises ForbiddenError where whoever asks may not do what needs ``permission``, or their token may not.

    For what a request does beside that which its route declares.
    """
    who = current()
    if not allows(who.role, permission):
        raise ForbiddenError(
            f"{who.user_name} ({who.role}) may not do this.",
            hint=f"Ask somebody with the role {MINIMUM_ROLE[permission]} or above.",
            fields={"permission": f"needs {permission}"},
        )
    if not allows(who.role, permission, who.scopes):
        limits = ", ".join(sorted(who.scopes or ())) or "nothing"
        raise ForbiddenError(
            f"This token may not do this: it needs {permission}, and is limited to {limits}.",
            hint=f"Make a token with the scope {permission}.",
            code="auth.scope",
        )


def identify(token: str) -> Identity:
    """Identity behind a token; binds the session to its tenant. Raises AuthError."""
    if not token:
        raise AuthError(
            "This call needs a token.", hint="Send it as `Authorization: Bearer TOKEN`.", code="auth.missing_token"
        )
    # Finds the token, and binds the transaction where it is good.
    found = _ask("SELECT * FROM enter(%(digest)s)", token)
    if found is None or found.kind == "refresh":
        raise AuthError("The token is wrong or revoked.", code="auth.invalid_token")
    if found.is_expired:
        _refuse_expired(found)
    role = Role(found.role)
    is_client, is_artist = role is Role.CLIENT, role is Role.ARTIST
    set_tenant(found.tenant_id, found.user_id, is_client=is_client, is_artist=is_artist, is_bound=True)
    _note_use(found)
    return Identity(
        tenant_id=found.tenant_id,
        tenant_name=found.tenant_name,
        storage=found.storage,
        user_id=found.user_id,
        user_name=found.user_name,
        role=role,
        token_id=found.token_id,
        # A scope that this version does not know any more opens nothing.
        scopes=None if found.scopes is None else frozenset(Permission) & frozenset(found.scopes),
        needs_two_factor=found.needs_two_factor,
    )


def find_token(token: str) -> Any:
    """What PostgreSQL knows of a token of an active user, expired or not; None for any other text."""
    return _ask("SELECT * FROM find_token(%(digest)s)", token)


def _ask(statement: str, token: str) -> Any:
    # For the driver as it stands: this is part of every request.
    return session().connection().exec_driver_sql(statement, {"digest": digest_of(token)}).one_or_none()


def _refuse_expired(found: Any) -> None:
    # A program that keeps trying must not fill the log.
    if throttle.is_first(f"expired {found.token_id}", seconds=_EXPIRED_USE_STEP):
        audit.note_refused(
            found.tenant_id,
            "expired_token",
            ApiToken.__tablename__,
            found.token_id,
            after={"user_id": str(found.user_id), "kind": found.kind},
        )
    raise AuthError(
        "The token has expired.",
        hint="Log in again, exchange the refresh token, or make a new personal token.",
        code="auth.expired_token",
    )


def _note_use(found: Any) -> None:
    """Committed at once: who went on with these two rows locked could wait for somebody who waits for them."""
    now = datetime.now(UTC)
    if found.last_used_at is None or now - found.last_used_at > _LAST_USED_STEP:
        # Of many requests with one token, the others need not wait for the one that writes.
        unlocked = select(ApiToken.id).where(ApiToken.id == found.token_id).with_for_update(skip_locked=True)
        session().execute(update(ApiToken).where(ApiToken.id.in_(unlocked)).values(last_used_at=now))
        idle = select(User.id).where(User.id == found.user_id).with_for_update(skip_locked=True, key_share=True)
        # Not a change that somebody makes: it has neither a revision nor a time of its own.
        seen = update(User).where(User.id.in_(idle)).values(last_seen_at=now, updated_at=User.updated_at)
        session().execute(seen.execution_options(synchronize_session=False))
        session().commit()


def current() -> Identity:
    """Identity of the request under way."""
    identity: Identity = g.identity
    return identity


def config() -> Config:
    """Configuration of the running service."""
    settings: Config = current_app.extensions["raceway"]
    return settings


def _request_token() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    # A cookie comes along with requests that another site makes, so it may only read, or send a form known to be ours.
    if request.method in ("GET", "HEAD") or g.get("own_form", False):
        return request.cookies.get(COOKIE, "")
    return ""
