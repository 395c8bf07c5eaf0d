"""One's own second factor: set up, confirmed, switched off, with new recovery codes; ``GET /auth/me`` tells of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from service.accounts import auth, logins, two_factor
from service.accounts.permissions import Permission
from service.accounts.two_factor import Enrolment
from service.api.listing import row
from service.api.routing import Reply, Request, Resource
from service.models import User

resource = Resource("two-factor", "/auth/two-factor")
RESOURCES = (resource,)

Code = Annotated[str, StringConstraints(min_length=1, max_length=100), Field(examples=["123456"])]


class CurrentPassword(Request):
    current_password: str = Field(max_length=200)


class EnrolmentOut(Reply):
    secret: str = Field(description="for an authenticator app, in Base32; shown only here")
    uri: str = Field(description="the same as an `otpauth:` address, to be shown as a QR code")


class AppCode(Request):
    code: Code = Field(description="that the app shows")


class PasswordAndCode(CurrentPassword):
    code: Code = Field(description="of the app, or a recovery code")


class RecoveryCodes(Reply):
    recovery_codes: list[str] = Field(description="each logs in once in place of the app; shown only here")


@resource.declare(
    "POST",
    "",
    permission=Permission.ACCOUNT_WRITE,
    body=CurrentPassword,
    answer=EnrolmentOut,
    errors=(409, 429),
    before_two_factor=True,
)
def begin_two_factor(body: CurrentPassword) -> Enrolment:
    """Begin to set up two-factor login: a secret for an authenticator app. It counts once it is confirmed."""
    user = row(User, auth.current().user_id, lock=True)
    logins.check_password(user, body.current_password, "Two-factor login was not begun")
    return two_factor.begin(auth.config(), user)


@resource.declare(
    "POST",
    "/confirm",
    permission=Permission.ACCOUNT_WRITE,
    body=AppCode,
    answer=RecoveryCodes,
    errors=(409, 429),
    before_two_factor=True,
)
def confirm_two_factor(body: AppCode) -> dict[str, list[str]]:
    """Switch two-factor login on with a code that the app shows. All other sessions end, tokens of programs stay."""
    user = row(User, auth.current().user_id, lock=True)
    return {"recovery_codes": two_factor.confirm(auth.config(), user, body.code)}


@resource.declare(
    "POST",
    "/recovery-codes",
    permission=Permission.ACCOUNT_WRITE,
    body=PasswordAndCode,
    answer=RecoveryCodes,
    errors=(409, 429),
)
def renew_recovery_codes(body: PasswordAndCode) -> dict[str, list[str]]:
    """New recovery codes; those before are worth nothing from then on."""
    user = _proved(body, "No new codes were made")
    return {"recovery_codes": two_factor.renew_recovery_codes(user)}


@resource.declare(
    "POST", "/disable", permission=Permission.ACCOUNT_WRITE, body=PasswordAndCode, answer=None, errors=(409, 429)
)
def disable_two_factor(body: PasswordAndCode) -> None:
    """Switch two-factor login off."""
    two_factor.switch_off(_proved(body, "Two-factor login was not switched off"))


def _proved(body: PasswordAndCode, otherwise: str) -> User:
    """Whoever asks, who has given password and code."""
    user = row(User, auth.current().user_id, lock=True)
    two_factor.require_on(user)
    logins.check_password(user, body.current_password, otherwise)
    two_factor.check(auth.config(), user, body.code, status=403)
    return user
