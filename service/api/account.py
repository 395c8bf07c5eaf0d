"""Logging in and out, and one's own account."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints
from sqlalchemy import or_, select

from service.accounts import auth, logins
from service.accounts.permissions import MINIMUM_ROLE, Permission, Role, allows
from service.api.listing import row
from service.api.routing import Reply, Request, Resource
from service.api.users import Password, UserOut
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


class MeReply(Reply):
    user: UserOut
    tenant: TenantName
    permissions: list[Permission] = Field(description="what this token may do")


class PasswordChange(Request):
    current_password: str = Field(max_length=200)
    new_password: Password


@account.declare(
    "POST", "/login", permission=Permission.PUBLIC, body=LoginRequest, answer=LoginReply, errors=(401, 429)
)
def log_in(body: LoginRequest) -> dict[str, Any]:
    """Log in with e-mail and password; answers a session token of 12 hours and a refresh token of 30 days."""
    return _reply(logins.begin(logins.user_of_login(body.email, body.password, body.tenant)))


@account.declare(
    "POST", "/refresh", permission=Permission.PUBLIC, body=RefreshRequest, answer=LoginReply, errors=(401,)
)
def refresh_login(body: RefreshRequest) -> dict[str, Any]:
    """Stay logged in: new tokens for a refresh token, which is worth nothing from then on.

    Used a second time it ends all sessions of its login, because somebody must have copied it.
    """
    return _reply(logins.refresh(body.refresh_token))


@account.declare("GET", "/me", permission=Permission.ACCOUNT, answer=MeReply)
def who_am_i() -> dict[str, Any]:
    """The user and tenant of the token, and what it may do."""
    who = auth.current()
    return {
        "user": row(User, who.user_id),
        "tenant": {"id": who.tenant_id, "name": who.tenant_name},
        "permissions": [each for each in MINIMUM_ROLE if allows(who.role, each, who.scopes)],
    }


@account.declare("POST", "/logout", permission=Permission.ACCOUNT, answer=None)
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
