"""Logging in and out, and one's own account."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints
from sqlalchemy import func, or_, select

from service.accounts import auth, logins, password_links
from service.accounts.permissions import MINIMUM_ROLE, Permission, Role, allows
from service.accounts.settings import tenant_settings
from service.api.fields import Changes, Row
from service.api.listing import ListQuery, Page, missing, page_of, row
from service.api.records import change, row_to_change
from service.api.routing import Reply, Request, Resource
from service.api.users import Email, Password, UserName, UserOut, check_email_is_free
from service.database import session
from service.models import ApiToken, Tenant, User

account = Resource("auth", "/auth")
RESOURCES = (account,)


class TenantName(Reply):
    id: UUID
    name: str


class LoginRequest(Request):
    email: Annotated[str, StringConstraints(max_length=255, strip_whitespace=True)]
    password: str = Field(max_length=200)
    tenant: str = Field("", max_length=100, description="needed where the e-mail address is known in several tenants")
    code: str = Field(
        "", max_length=100, description="of an authenticator app, or a recovery code; needed with two-factor login"
    )


class RefreshRequest(Request):
    refresh_token: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class LoginReply(Reply):
    token: str = Field(description="of the session: it stands for this user, in this tenant, with the role they have")
    expires_at: datetime
    refresh_token: str = Field(description="good for one `POST /auth/refresh`")
    refresh_expires_at: datetime
    user: UserOut
    tenant: TenantName
    role: Role


class TwoFactor(Reply):
    since: datetime | None = Field(description="null while the login asks for no code")
    recovery_codes_left: int
    required: bool = Field(description="whether everybody of the tenant must have it: until then, nothing else opens")


class MeReply(Reply):
    user: UserOut
    tenant: TenantName
    permissions: list[Permission] = Field(description="what this token may do")
    two_factor: TwoFactor


class AccountChanges(Changes):
    name: UserName | None = None
    email: Email | None = None
    current_password: str = Field("", max_length=200, description="needed for another e-mail address")


class SessionOut(Row):
    name: str = Field(description="`browser`, or `login` of a program")
    is_current: bool = Field(description="whether this call is made with it")
    expires_at: datetime = Field(description="of its token, which a program may exchange for another one")
    last_used_at: datetime | None


class ForgottenPassword(Request):
    email: Annotated[str, StringConstraints(min_length=1, max_length=255, strip_whitespace=True)]


class LinkCode(Request):
    code: Annotated[str, StringConstraints(min_length=1, max_length=1000, strip_whitespace=True)] = Field(
        description="what stands in the link behind the `#`"
    )


class LinkOwner(Reply):
    name: str
    email: str
    tenant: str
    is_new: bool = Field(description="whether they have no password yet")
    two_factor: bool = Field(description="whether a code is needed, too")


class ChosenPassword(LinkCode):
    password: Password
    two_factor_code: str = Field(
        "", max_length=100, description="of an authenticator app, or a recovery code; needed with two-factor login"
    )


class PasswordChange(Request):
    current_password: str = Field(max_length=200)
    new_password: Password


@account.declare(
    "POST", "/login", permission=Permission.PUBLIC, body=LoginRequest, answer=LoginReply, errors=(401, 429)
)
def log_in(body: LoginRequest) -> dict[str, Any]:
    """Log in with e-mail and password; answers a session token of 12 hours and a refresh token of 30 days.

    With two-factor login, `code` is needed as well: without it, the right password is answered `auth.code_needed`.
    """
    return _reply(logins.begin(logins.user_of_login(body.email, body.password, body.tenant, body.code)))


@account.declare(
    "POST", "/refresh", permission=Permission.PUBLIC, body=RefreshRequest, answer=LoginReply, errors=(401,)
)
def refresh_login(body: RefreshRequest) -> dict[str, Any]:
    """Stay logged in: new tokens for a refresh token, which is worth nothing from then on.

    Used a second time it ends all sessions of its login, because somebody must have copied it.
    """
    return _reply(logins.refresh(body.refresh_token))


@account.declare("GET", "/me", permission=Permission.ACCOUNT, answer=MeReply, before_two_factor=True)
def who_am_i() -> dict[str, Any]:
    """The user and tenant of the token, and what it may do."""
    who = auth.current()
    user, is_open = row(User, who.user_id), not who.needs_two_factor
    return {
        "user": user,
        "tenant": {"id": who.tenant_id, "name": who.tenant_name},
        "permissions": [each for each in MINIMUM_ROLE if is_open and allows(who.role, each, who.scopes)],
        "two_factor": {
            "since": user.two_factor_at,
            "recovery_codes_left": len(user.recovery_digests),
            "required": tenant_settings(session()).require_two_factor,
        },
    }


@account.declare(
    "PATCH",
    "/me",
    permission=Permission.ACCOUNT_WRITE,
    body=AccountChanges,
    answer=UserOut,
    if_match="optional",
    errors=(409, 429),
)
def change_account(body: AccountChanges) -> User:
    """Change one's own name, or e-mail address, by which one logs in: that needs the password."""
    user, changes = row_to_change(User, auth.current().user_id), body.given()
    password = changes.pop("current_password", "")
    if body.email and body.email.lower() != user.email.lower():
        logins.check_password(user, password, "The e-mail address was not changed")
        check_email_is_free(body.email, user.id)
    return change(user, changes)


@account.declare("GET", "/sessions", permission=Permission.ACCOUNT, query=ListQuery, answer=Page[SessionOut])
def list_sessions(query: ListQuery) -> dict[str, Any]:
    """Where one is logged in: browsers and programs, the last used first. Sessions that have ended are left out."""
    who = auth.current()
    page = page_of(
        logins.sessions_of(who.user_id),
        query,
        key=ApiToken,
        search=(ApiToken.name,),
        sort={"created_at": ApiToken.created_at, "last_used_at": ApiToken.last_used_at},
        default_sort="-last_used_at",
    )
    names = SessionOut.model_fields.keys() - {"is_current"}
    own = func.coalesce(ApiToken.family, ApiToken.id)
    this = session().scalars(select(own).where(ApiToken.id == who.token_id)).one()
    page["items"] = [
        {**{name: getattr(each, name) for name in names}, "is_current": this in (each.id, each.family)}
        for each in page["items"]
    ]
    return page


@account.declare("DELETE", "/sessions/<uuid:session_id>", permission=Permission.ACCOUNT_WRITE, answer=None)
def end_session(session_id: UUID) -> None:
    """End one of one's own sessions, as logging out there would."""
    found = row(ApiToken, session_id)
    if found.user_id != auth.current().user_id or found.kind != "session":
        raise missing(ApiToken, session_id)
    same_login = ApiToken.family == found.family if found.family else ApiToken.id == found.id
    auth.revoke(same_login)


@account.declare("POST", "/sessions/end-others", permission=Permission.ACCOUNT_WRITE, answer=None)
def end_other_sessions() -> None:
    """End all of one's own sessions but this one; personal tokens stay."""
    auth.end_other_sessions()


@account.declare(
    "POST", "/forgotten-password", permission=Permission.PUBLIC, body=ForgottenPassword, answer=None, errors=(429,)
)
def forget_password(body: ForgottenPassword) -> None:
    """Have a link mailed by which one chooses a new password. Nobody learns here whether an address is known."""
    password_links.forgotten(auth.config(), body.email)


@account.declare("POST", "/password-link", permission=Permission.PUBLIC, body=LinkCode, answer=LinkOwner, errors=(401,))
def read_password_link(body: LinkCode) -> dict[str, Any]:
    """Whose password a link is for, while it holds."""
    user = password_links.user_of(auth.config(), body.code)
    tenant = session().get_one(Tenant, user.tenant_id)
    return {
        "name": user.name,
        "email": user.email,
        "tenant": tenant.name,
        "is_new": user.password_hash is None,
        "two_factor": user.two_factor_at is not None,
    }


@account.declare(
    "POST", "/chosen-password", permission=Permission.PUBLIC, body=ChosenPassword, answer=LoginReply, errors=(401, 429)
)
def choose_password(body: ChosenPassword) -> dict[str, Any]:
    """Choose a password by a link, and log in with it. The link is worth nothing from then on; other sessions end.

    With two-factor login, `two_factor_code` is needed as well.
    """
    user = password_links.choose(auth.config(), body.code, body.password, body.two_factor_code)
    return _reply(logins.begin(user))


@account.declare("POST", "/logout", permission=Permission.ACCOUNT, answer=None, before_two_factor=True)
def log_out() -> None:
    """Revoke the token that this call is made with, and the tokens of the same login."""
    mine = session().scalars(select(ApiToken).where(ApiToken.id == auth.current().token_id)).one()
    same_login = ApiToken.family == mine.family if mine.family else ApiToken.id == mine.id
    auth.revoke(or_(ApiToken.id == mine.id, same_login))


@account.declare(
    "POST", "/password", permission=Permission.ACCOUNT_WRITE, body=PasswordChange, answer=None, errors=(409, 429)
)
def change_password(body: PasswordChange) -> None:
    """Change one's own password; all other sessions end, personal tokens stay."""
    logins.change_password(row(User, auth.current().user_id, lock=True), body.current_password, body.new_password)


def _reply(login: logins.Login) -> dict[str, Any]:
    tenant = session().get_one(Tenant, login.user.tenant_id)
    return {
        "token": login.token,
        "expires_at": login.expires_at,
        "refresh_token": login.refresh_token,
        "refresh_expires_at": login.refresh_expires_at,
        "user": login.user,
        "tenant": {"id": tenant.id, "name": tenant.name},
        "role": login.user.role,
    }
