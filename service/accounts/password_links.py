"""Links by which people choose a password: an invitation, or a new one for a password that was lost.

A link is signed and not stored. It says whose it is and holds for some days, and only as long as the password and the
e-mail address are what they were when it was made: used once, it is worth nothing, and so is every other link of that
person. (Django's PasswordResetTokenGenerator is built the same way.) What is secret stands behind the ``#``: browsers
send that to no server, so that it stands in no log.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import text

from service import audit
from service.accounts import auth, throttle, two_factor
from service.activity import mail
from service.config import Config
from service.database import session, set_tenant
from service.models import ApiToken, Notification, Tenant, User
from shared.errors import AuthError

LIFETIME = timedelta(days=7)
PATH = "/password"
KIND = "account.password"
"""Of the notifications whose mail has such a link."""
_SALT = "password link"
_FORGOTTEN_STEP = 600
"""Seconds between two mails for a password that somebody forgot."""


def link_for(secret_key: str, public_url: str, user: User) -> str:
    """The address at which ``user`` chooses a password."""
    code = _signer(secret_key).dumps([str(user.tenant_id), str(user.id), auth.state_of(secret_key, user)])
    return f"{public_url}{PATH}#{code}"


def expires_at() -> datetime:
    """When a link ends that is made now."""
    return datetime.now(UTC) + LIFETIME


def user_of(config: Config, code: str) -> User:
    """Whose link it is; binds the session to their tenant. Raises AuthError for one that holds no more."""
    try:
        tenant_id, user_id, state = _signer(config.secret_key).loads(code, max_age=int(LIFETIME.total_seconds()))
    except BadData:
        raise _invalid() from None
    set_tenant(UUID(tenant_id), UUID(user_id))
    user = session().get(User, (UUID(tenant_id), UUID(user_id)), with_for_update={"key_share": True})
    tenant = session().get(Tenant, UUID(tenant_id))
    is_live = user is not None and user.archived_at is None and tenant is not None and tenant.archived_at is None
    if user is None or not is_live or not hmac.compare_digest(state, auth.state_of(config.secret_key, user)):
        raise _invalid()
    return user


def choose(config: Config, code: str, password: str, two_factor_code: str = "") -> User:
    """Set the password of whose link it is; ends their other sessions. The link is not their second factor.

    Raises AuthError as :func:`user_of` does, and as :func:`service.accounts.two_factor.check` does.
    """
    user = user_of(config, code)
    two_factor.check(config, user, two_factor_code)
    user.password_hash = auth.hash_password(password)
    auth.revoke(ApiToken.user_id == user.id, ApiToken.kind != "personal")
    return user


def can_be_mailed(config: Config) -> bool:
    """Whether there is a mail server, and an address to send people to."""
    return mail.is_configured() and bool(config.public_url)


def send(user: User, title: str, body: str) -> None:
    """Let ``user`` have a mail with a link. The link is made when the mail leaves, and kept nowhere."""
    row = Notification(
        id=uuid4(),
        user_id=user.id,
        key=f"password:{uuid4()}",
        channel="notification",
        kind=KIND,
        title=title,
        body=body,
        read_at=datetime.now(UTC),
        email_state="waiting",
        email_after=datetime.now(UTC),
    )
    session().add(row)


def forgotten(config: Config, email: str) -> None:
    """Mail a link to whoever has that address, if anybody has; who asks does not learn whether.

    Raises RateLimitError after too many questions.
    """
    throttle.count_attempt(f"forgotten {email}")
    if not can_be_mailed(config):
        return
    found = session().execute(text("SELECT * FROM find_logins(:email)"), {"email": email}).all()
    for each in found:
        if not throttle.is_first(f"forgotten {each.user_id}", seconds=_FORGOTTEN_STEP):
            continue
        set_tenant(each.tenant_id, each.user_id)
        user = session().get_one(User, (each.tenant_id, each.user_id))
        send(user, "A new password", "Somebody, you we hope, asked for a new password. Ignore this if it was not you.")
        audit.note(session(), "password_link", User.__tablename__, user.id)
        session().flush()


def _signer(secret_key: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret_key, salt=_SALT)


def _invalid() -> AuthError:
    return AuthError(
        "This link holds no more: it was used, is too old, or was not copied whole.",
        hint="Ask an administrator for another one.",
        code="auth.invalid_link",
    )
