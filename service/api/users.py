"""The people of the tenant (``artists``): their names, roles and passwords."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from flask import request
from pydantic import Field, StringConstraints
from sqlalchemy import func, select

from service import audit
from service.accounts import auth, password_links, two_factor
from service.accounts.permissions import Permission, Role
from service.api.fields import Changes, EditableOut, OneLine
from service.api.listing import EditableQuery, Page, equal, page_of, row
from service.api.records import add, change, declare_archive, row_to_change, written
from service.api.routing import Reply, Request, Resource
from service.api.validation import Matches
from service.database import current_tenant, hold, session
from service.models import ApiToken, User
from shared.errors import ConflictError, ForbiddenError

users = Resource("artists", "/artists")
RESOURCES = (users,)

Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    Matches(r"^[^@\s]{1,64}@[^@\s]{1,190}$", "must be an e-mail address", "anna@studio.example"),
    OneLine,
]
Password = Annotated[str, StringConstraints(min_length=10, max_length=200), Field(examples=["correct horse battery"])]
UserName = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True), OneLine]


class UserOut(EditableOut):
    name: str
    email: str
    role: Role


class NewUser(Request):
    name: UserName
    email: Email
    role: Role = Role.ARTIST
    password: Password | None = Field(None, description="without one they cannot log in until it is reset")


class UserChanges(Changes):
    name: UserName | None = None
    email: Email | None = None
    role: Role | None = None
    password: Password | None = None


class UserQuery(EditableQuery):
    role: Role | None = None
    two_factor: bool | None = Field(
        None, description="only those who log in with a second factor, or without; for tenant administrators"
    )


class PasswordLink(Reply):
    url: str = Field(description="where they choose a password; for them alone, shown only here")
    expires_at: datetime
    mailed: bool = Field(description="whether they get it by e-mail, too")


class NewPassword(Reply):
    password: str = Field(description="shown only here; its owner should change it")


@users.declare("GET", "/", permission=Permission.USER_READ, query=UserQuery, answer=Page[UserOut])
def list_artists(query: UserQuery) -> dict[str, Any]:
    """List the people of the tenant."""
    found = select(User).where(*equal((User.role, query.role)))
    if query.two_factor is not None:
        auth.require(Permission.USER_WRITE)
        found = found.where(User.two_factor_at.is_not(None) == query.two_factor)
    return page_of(
        found,
        query,
        key=User,
        search=(User,),
        sort={
            "name": User.name,
            "email": User.email,
            "role": User.role,
            "created_at": User.created_at,
            "updated_at": User.updated_at,
        },
        default_sort="name",
    )


@users.declare("POST", "/", permission=Permission.USER_WRITE, body=NewUser, answer=UserOut, status=201)
def create_artist(body: NewUser) -> User:
    """Add somebody to the tenant."""
    check_role(body.role)
    password_hash = auth.hash_password(body.password) if body.password else None
    user = User(name=body.name, email=body.email, role=body.role.value, password_hash=password_hash)
    check_email_is_free(body.email)
    return add(user)


@users.declare("GET", "/<uuid:user_id>", permission=Permission.USER_READ, answer=UserOut)
def get_artist(user_id: UUID) -> User:
    """Somebody of the tenant."""
    return row(User, user_id)


@users.declare(
    "PATCH",
    "/<uuid:user_id>",
    permission=Permission.USER_WRITE,
    body=UserChanges,
    answer=UserOut,
    if_match="optional",
)
def change_artist(user_id: UUID, body: UserChanges) -> User:
    """Change a name, address, role or password. A new role counts at once; a new password ends all sessions."""
    user = row_to_change(User, user_id)
    check_role(Role(user.role))
    changes = body.given()
    if body.role:
        check_role(body.role)
        _check_not_oneself(user)
    if body.email:
        check_email_is_free(body.email, user.id)
    if password := changes.pop("password", None):
        changes["password_hash"] = auth.hash_password(password)
        _end_sessions(user)
    return change(user, changes)


@users.declare("POST", "/<uuid:user_id>/reset-password", permission=Permission.USER_WRITE, answer=NewPassword)
def reset_password(user_id: UUID) -> dict[str, str]:
    """Give somebody a new password that nobody else knows; all their tokens end, the personal ones too."""
    user = row_to_change(User, user_id)
    check_role(Role(user.role))
    password = secrets.token_urlsafe(12)
    user.password_hash = auth.hash_password(password)
    auth.revoke(ApiToken.user_id == user.id)
    written(user)
    return {"password": password}


@users.declare(
    "POST", "/<uuid:user_id>/password-link", permission=Permission.USER_WRITE, answer=PasswordLink, errors=(409,)
)
def make_password_link(user_id: UUID) -> dict[str, Any]:
    """Invite somebody, or let them choose a new password: a link that works once, within seven days.

    It goes to them by e-mail where a mail server and the service's public address are set; otherwise hand it over.
    """
    user = row_to_change(User, user_id)
    check_role(Role(user.role))
    config, who = auth.config(), auth.current()
    mailed = password_links.can_be_mailed(config)
    if mailed and user.password_hash:
        password_links.send(user, "A new password", f"{who.user_name} lets you choose a new password for Raceway.")
    elif mailed:
        password_links.send(user, "You are invited", f"{who.user_name} invites you to Raceway. Choose a password:")
    audit.note(session(), "password_link", User.__tablename__, user.id)
    address = config.public_url or request.host_url.rstrip("/")
    url = password_links.link_for(config.secret_key, address, user)
    return {"url": url, "expires_at": password_links.expires_at(), "mailed": mailed}


@users.declare("DELETE", "/<uuid:user_id>/two-factor", permission=Permission.USER_WRITE, answer=None, errors=(409,))
def switch_off_two_factor(user_id: UUID) -> None:
    """Let somebody log in with their password alone, who lost phone and recovery codes; they are told of it.

    Nobody switches it on for somebody else.
    """
    user = row_to_change(User, user_id)
    check_role(Role(user.role))
    if user.id == auth.current().user_id:
        raise ConflictError(
            "One's own second factor is switched off with the password and a code.",
            hint="Do so under your name, or by POST /api/auth/two-factor/disable.",
            code="conflict.oneself",
        )
    two_factor.switch_off(user)
    written(user)


def lock_out(user: User) -> None:
    """What archiving somebody means: they cannot log in, and their tokens are gone."""
    check_role(Role(user.role))
    _check_not_oneself(user)
    auth.revoke(ApiToken.user_id == user.id)


declare_archive(
    users,
    User,
    Permission.USER_WRITE,
    UserOut,
    before=lock_out,
    before_restore=lambda user: check_role(Role(user.role)),
    what="artist",
)


def _end_sessions(user: User) -> None:
    auth.revoke(ApiToken.user_id == user.id, ApiToken.kind != "personal", ApiToken.id != auth.current().token_id)


def check_role(role: Role) -> None:
    """Raises ForbiddenError where whoever asks has less than ``role``, and so may not give it or change who has it."""
    mine = auth.current().role
    if not mine.includes(role):
        raise ForbiddenError(f"A {mine} may not give or change the role {role}.")


def _check_not_oneself(user: User) -> None:
    if user.id == auth.current().user_id:
        raise ConflictError(
            "Nobody takes their own rights away: there might be no administrator left.",
            hint="Ask another administrator.",
            code="conflict.oneself",
        )


def check_email_is_free(email: str, of: UUID | None = None) -> None:
    """Raises ConflictError where somebody else has the address; of two who are given it at once, one comes later."""
    current = session()
    hold(current, current_tenant(current), "email", email.lower())
    known = current.scalar(select(User).where(func.lower(User.email) == email.lower(), User.id != of))
    if known is not None:
        put_away = ", who is archived" if known.archived_at else ""
        raise ConflictError(
            f"The e-mail address {email} is taken: it is that of {known.name}{put_away}.",
            hint="Restore them, or use another address." if put_away else "Use another address.",
            code="conflict.exists",
            fields={"email": "is taken", "id": str(known.id)},
        )
