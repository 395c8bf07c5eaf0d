"""Logging in, staying logged in, and changing a password."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, Select, delete, exists, func, not_, or_, select, text
from sqlalchemy.orm import aliased

from service import audit
from service.accounts import auth, throttle, two_factor
from service.accounts.permissions import Role
from service.database import current_tenant, session, set_tenant, tenant_session
from service.models import ApiToken, User
from shared.errors import AuthError, ConflictError, InputError

_SECOND_USE_GRACE = timedelta(seconds=30)
_EXPIRED_KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Login:
    """The tokens of a login."""

    user: User
    token: str
    expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime


class SeveralTenantsError(InputError):
    """Somebody can log in to several ``tenants``, and has named none."""

    def __init__(self, tenants: Sequence[str]) -> None:
        super().__init__(
            "This login is known in several tenants.",
            hint=f"Name one of them: {', '.join(tenants)}.",
            fields={"tenant": "is required here"},
        )
        self.tenants = tenants


def user_of_login(email: str, password: str, tenant: str = "", code: str = "") -> User:
    """The user behind an e-mail address, a password and, where they have a second factor, a code.

    Raises what :func:`user_of_password` and :func:`service.accounts.two_factor.check` do.
    """
    user = user_of_password(email, password, tenant)
    two_factor.check(auth.config(), user, code)
    return user


def user_of_password(email: str, password: str, tenant: str = "") -> User:
    """The user behind an e-mail address and a password, of whom a code may be asked yet; binds the session to their
    tenant.

    Raises AuthError where they are wrong, RateLimitError after too many wrong ones, SeveralTenantsError.
    """
    throttle.count_attempt(email)
    candidates = _known_by(email, tenant)
    found = [each for each in candidates if auth.password_matches(each.password_hash, password)]
    if not found:
        # An unknown address takes as long as a wrong password, so that addresses cannot be guessed.
        if not candidates:
            auth.password_matches(None, password)
        for each in candidates:
            audit.note_refused(each.tenant_id, "failed_login", User.__tablename__, each.user_id)
        raise AuthError("The e-mail address or the password is wrong.", hint="Try again.", code="auth.wrong_login")
    throttle.forgive(email)
    return _only_one(found)


def user_vouched_for(email: str, tenant: str = "") -> User:
    """The user with an e-mail address that an identity provider vouches for; binds the session to their tenant.

    Raises AuthError where there is none, SeveralTenantsError.
    """
    found = _known_by(email, tenant)
    if not found:
        raise AuthError(
            f"Nobody here has the e-mail address {email}.",
            hint="Ask an administrator for an invitation, or to correct your address.",
            code="auth.unknown_person",
            status=403,
        )
    return _only_one(found)


def _known_by(email: str, tenant: str) -> Sequence[Row[Any]]:
    """Where somebody with that address can log in: ``tenant_id``, ``tenant_name``, ``user_id``, ``password_hash``."""
    known = text("SELECT * FROM find_logins(:email) WHERE :tenant IN ('', tenant_name)")
    return session().execute(known, {"email": email, "tenant": tenant}).all()


def _only_one(found: Sequence[Row[Any]]) -> User:
    if len(found) > 1:
        raise SeveralTenantsError([each.tenant_name for each in found])
    set_tenant(found[0].tenant_id, found[0].user_id)
    return session().get_one(User, (found[0].tenant_id, found[0].user_id))


def begin(user: User, family: UUID | None = None) -> Login:
    """New tokens for ``user``; those of one login belong to one family."""
    family = family or uuid4()
    row, token = auth.new_token(user.id, "login", lifetime=auth.SESSION_LIFETIME, family=family)
    refresh_row, refresh_token = auth.new_token(
        user.id, "login", kind="refresh", lifetime=auth.REFRESH_LIFETIME, family=family
    )
    session().add_all([row, refresh_row])
    long_gone = ApiToken.expires_at < datetime.now(UTC) - _EXPIRED_KEPT
    session().execute(delete(ApiToken).where(ApiToken.user_id == user.id, long_gone))
    assert row.expires_at and refresh_row.expires_at  # they have lifetimes
    return Login(user, token, row.expires_at, refresh_token, refresh_row.expires_at)


def sessions_of(user_id: UUID) -> Select[ApiToken]:
    """Where somebody is logged in, a row each: the newest token of a login that is good, or can still be exchanged."""
    other = aliased(ApiToken)
    same_login = (other.tenant_id == ApiToken.tenant_id, other.family == ApiToken.family)
    newer = exists().where(*same_login, other.kind == "session", other.created_at > ApiToken.created_at)
    is_live = or_(
        ApiToken.expires_at > func.now(),
        exists().where(
            *same_login, other.kind == "refresh", other.replaced_at.is_(None), other.expires_at > func.now()
        ),
    )
    return select(ApiToken).where(ApiToken.user_id == user_id, ApiToken.kind == "session", is_live, not_(newer))


def refresh(token: str) -> Login:
    """New tokens for a refresh token, which is worth nothing from then on.

    Raises AuthError for any other token. Where one is used a second time somebody has stolen it: then all tokens of
    that login end.
    """
    found = auth.find_token(token)
    if found is None or found.kind != "refresh" or found.is_expired:
        raise AuthError("The refresh token is wrong, expired or revoked.", code="auth.invalid_token")
    set_tenant(found.tenant_id, found.user_id)
    row = session().scalars(select(ApiToken).where(ApiToken.id == found.token_id).with_for_update()).one()
    now = datetime.now(UTC)
    if row.replaced_at is None:
        row.replaced_at = now
        return begin(session().get_one(User, (found.tenant_id, found.user_id)), row.family)
    if now - row.replaced_at > _SECOND_USE_GRACE:
        _end_family(row)
    raise AuthError("The refresh token was used before.", hint="Log in again.", code="auth.refresh_used")


def _end_family(row: ApiToken) -> None:
    tenant_id, user_id, family = row.tenant_id, row.user_id, row.family
    session().rollback()
    with tenant_session(tenant_id) as own:
        audit.note(own, "refresh_token_reused", ApiToken.__tablename__, row.id, after={"user_id": str(user_id)})
        for token in own.scalars(select(ApiToken).where(ApiToken.family == family).with_for_update()):
            own.delete(token)


def change_password(user: User, old: str, new: str) -> None:
    """Set one's own password; ends all other sessions. Raises AuthError where the old one is wrong."""
    who = auth.current()
    check_password(user, old)
    if old == new:
        raise ConflictError("This is the password you have.", hint="Choose another one.", code="conflict.same_password")
    user.password_hash = auth.hash_password(new)
    auth.revoke(ApiToken.user_id == user.id, ApiToken.kind != "personal", ApiToken.id != who.token_id)


def check_password(user: User, password: str, otherwise: str = "") -> None:
    """Raises AuthError where this is not the password of whoever asks, saying what was not done ``otherwise``."""
    throttle.count_attempt(str(user.id))
    if not auth.password_matches(user.password_hash, password):
        audit.note_refused(current_tenant(session()), "failed_password_change", User.__tablename__, user.id)
        raise AuthError(
            f"{otherwise}: the current password is wrong." if otherwise else "The current password is wrong.",
            hint="Ask an administrator to reset it.",
            code="auth.wrong_login",
            status=403,
        )
    throttle.forgive(str(user.id))


def may_manage(user: User) -> bool:
    """Whether the asker may change this user and their tokens: oneself, or an administrator of no lesser role."""
    who = auth.current()
    is_admin = who.role.includes(Role.TENANT_ADMIN) and who.role.includes(Role(user.role))
    return user.id == who.user_id or is_admin
