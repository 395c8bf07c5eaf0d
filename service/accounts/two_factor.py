"""The second factor of a login: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for who lost it.

What the app is given is derived from the service's own key and a salt of the user's row, so that neither the database
nor a backup of it holds a secret. Where ``RACEWAY_SECRET_KEY`` changes, codes of apps are refused, and recovery codes
go on. Each code opens once: of an app's, none is taken that is as old as the one used last, or older.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from base64 import b32encode
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pyotp
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import String, Update, cast, func, update

from service import audit
from service.accounts import auth, throttle
from service.config import Config
from service.database import session, set_tenant
from service.models import Tenant, User
from shared.errors import AuthError, ConflictError

STEP_SECONDS = 30
RECOVERY_CODES = 10
TICKET_SECONDS = 600
_DRIFT = 1
"""Steps that the clock of a phone may be off, either way."""
_SECRET_BYTES = 20
_APP_CODE = re.compile("[0-9]{6}")
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Of recovery codes: none that looks like another. 16 of them are 79 random bits, which need no slow hash."""
_GROUPS, _GROUP = 4, 4
_SALT = "second step"


@dataclass(frozen=True)
class Enrolment:
    """What an authenticator app is told: the secret alone, or in an address that is shown as a QR code."""

    secret: str
    uri: str


def now() -> float:
    """Seconds since 1970, by which codes are made."""
    return time.time()


def begin(config: Config, user: User) -> Enrolment:
    """A new secret, which counts once it is confirmed. Raises ConflictError where the second factor is on."""
    if user.two_factor_at is not None:
        raise ConflictError(
            "Two-factor login is on already.",
            hint="Switch it off first, to set it up with another app.",
            code="conflict.two_factor",
        )
    user.two_factor_salt = uuid4()
    secret = secret_of(config, user)
    tenant = session().get_one(Tenant, user.tenant_id)
    issuer = f"Raceway {tenant.title or tenant.name}".replace(":", " ")
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=issuer))


def confirm(config: Config, user: User, code: str) -> list[str]:
    """Switch the second factor on with a first code of the app, and answer the recovery codes. Other sessions end.

    Raises ConflictError where nothing was begun, AuthError for a wrong code, RateLimitError after too many.
    """
    if not is_begun(user):
        raise ConflictError(
            "There is no second factor to confirm.", hint="Begin to set it up first.", code="conflict.two_factor"
        )
    throttle.count_attempt(_counted(user), seconds=throttle.CODE_WINDOW_SECONDS)
    step = _step_of(secret_of(config, user), _plain(code))
    if step is None:
        raise AuthError(
            "The code is wrong.",
            hint="Type the one that the app shows now. Where it is refused again, check the clock of the phone.",
            code="auth.wrong_code",
            status=403,
        )
    throttle.forgive(_counted(user))
    user.two_factor_step = step
    user.two_factor_at = datetime.now(UTC)
    codes = renew_recovery_codes(user)
    auth.end_other_sessions()
    return codes


def check(config: Config, user: User, code: str, *, status: int = 401) -> None:
    """Use up a code of the app or a recovery code of ``user``; nothing is asked of who has no second factor.

    Raises AuthError (with ``status``) where there is none or it is wrong, RateLimitError after too many wrong ones.
    """
    if user.two_factor_at is None:
        return
    plain = _plain(code)
    if not plain:
        raise AuthError(
            "A code is needed as well.",
            hint="Give the one that your authenticator app shows, or a recovery code, as `code`. Programs use a "
            "personal token instead.",
            code="auth.code_needed",
            status=status,
        )
    throttle.count_attempt(_counted(user), seconds=throttle.CODE_WINDOW_SECONDS)
    is_right = _use_app_code(config, user, plain) if _APP_CODE.fullmatch(plain) else _use_recovery_code(user, plain)
    if not is_right:
        audit.note_refused(user.tenant_id, "failed_code", User.__tablename__, user.id)
        raise AuthError(
            "The code is wrong, or was used before.",
            hint="Give the next one that the app shows, or a recovery code. Without both, ask an administrator.",
            code="auth.wrong_code",
            status=status,
        )
    throttle.forgive(_counted(user))


def switch_off(user: User) -> None:
    """Ask for no code any more, and forget secret and recovery codes. Raises ConflictError where it is off."""
    require_on(user)
    user.two_factor_salt = user.two_factor_at = user.two_factor_step = None
    user.recovery_digests = []


def require_on(user: User) -> None:
    """Raises ConflictError where ``user`` has no second factor."""
    if user.two_factor_at is None:
        raise ConflictError(
            f"Two-factor login is off for {user.name}.", hint="Set it up first.", code="conflict.two_factor"
        )


def renew_recovery_codes(user: User) -> list[str]:
    """New recovery codes, which nobody is told again; those before are worth nothing."""
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    user.recovery_digests = [auth.digest_of(_plain(code)) for code in codes]
    return codes


def secret_of(config: Config, user: User) -> str:
    """What the app of ``user`` is given, in Base32; the salt is another one each time it is begun."""
    meant_for = f"two-factor {user.tenant_id} {user.id} {user.two_factor_salt}"
    key = hmac.new(config.secret_key.encode(), meant_for.encode(), hashlib.sha256).digest()
    return b32encode(key[:_SECRET_BYTES]).decode()


def is_begun(user: User) -> bool:
    """Whether there is a secret that a code would confirm."""
    return user.two_factor_at is None and user.two_factor_salt is not None


# -- a login in two steps, on pages


def ticket_for(config: Config, user: User) -> str:
    """What says for some minutes that ``user`` has proved who they are, and lacks the code only."""
    return _signer(config).dumps([str(user.tenant_id), str(user.id), auth.state_of(config.secret_key, user)])


def user_of_ticket(config: Config, ticket: str) -> User:
    """Whose ticket it is; binds the session to their tenant. Raises AuthError for one that holds no more."""
    try:
        tenant_id, user_id, state = _signer(config).loads(ticket, max_age=TICKET_SECONDS)
    except BadData:
        raise _too_late() from None
    set_tenant(UUID(tenant_id), UUID(user_id))
    user, tenant = session().get(User, (UUID(tenant_id), UUID(user_id))), session().get(Tenant, UUID(tenant_id))
    if user is None or tenant is None or user.archived_at or tenant.archived_at:
        raise _too_late()
    if not hmac.compare_digest(state, auth.state_of(config.secret_key, user)):
        raise _too_late()
    return user


def _signer(config: Config) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(config.secret_key, salt=_SALT)


def _too_late() -> AuthError:
    return AuthError("The login took too long.", hint="Begin again.", code="auth.wrong_login")


# -- codes


def _plain(code: str) -> str:
    """As it counts: people type spaces, hyphens and capitals as they like."""
    return re.sub(r"[\s-]", "", code).lower()


def _counted(user: User) -> str:
    # By its user, not the address: somebody of another tenant may have that, too, and a login of their own.
    return f"code {user.id}"


def _step_of(secret: str, code: str) -> int | None:
    """The step of time whose code it is, of those that count now."""
    app, current = pyotp.TOTP(secret, interval=STEP_SECONDS), int(now()) // STEP_SECONDS
    steps = range(current - _DRIFT, current + _DRIFT + 1)
    found = [step for step in steps if hmac.compare_digest(app.generate_otp(step).encode(), code.encode())]
    return found[-1] if found else None


def _use_app_code(config: Config, user: User, code: str) -> bool:
    step = _step_of(secret_of(config, user), code)
    if step is None:
        return False
    # Of two who come with the same code at once, PostgreSQL lets one through.
    unused = User.id == user.id, func.coalesce(User.two_factor_step, -1) < step
    return _is_changed(update(User).where(*unused).values(two_factor_step=step))


def _use_recovery_code(user: User, code: str) -> bool:
    digest = cast(auth.digest_of(code), String)
    held = update(User).where(User.id == user.id, User.recovery_digests.op("?")(digest))
    if not _is_changed(held.values(recovery_digests=User.recovery_digests.op("-")(digest))):
        return False
    session().refresh(user, ["recovery_digests"])
    audit.note(session(), "recovery_code", User.__tablename__, user.id, after={"left": len(user.recovery_digests)})
    return True


def _is_changed(use: Update) -> bool:
    """Whether the user was changed who still had what is used up. It is no change of theirs: it has no time."""
    used = use.values(updated_at=User.updated_at).returning(User.id)
    return session().scalar(used.execution_options(synchronize_session=False)) is not None


def _recovery_code() -> str:
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
