"""Login, tokens, and the users of the tenant (``artists``)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from pydantic import Field, StringConstraints
from sqlalchemy import func, select, text

from service import auth, throttle
from service.api.fields import Row, Title
from service.api.listing import ListQuery, Page, apply_changes, check_unchanged, page_of, row
from service.api.routing import Reply, Request, Resource
from service.database import session, set_tenant
from service.models import ApiToken, User
from service.permissions import Permission, Role
from shared.errors import AuthError, ConflictError, ForbiddenError, InputError, NotFoundError

login = Resource("auth", "/auth")
tokens = Resource("tokens", "/tokens")
artists = Resource("artists", "/artists")
RESOURCES = (login, tokens, artists)

Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,64}@[^@\s]{1,190}$", strip_whitespace=True)]
Password = Annotated[str, StringConstraints(min_length=10, max_length=200)]


class UserOut(Row):
    name: str
    email: str
    role: Role
    active: bool


class TenantOut(Reply):
    id: UUID
    name: str


class LoginRequest(Request):
    email: str = Field(max_length=255)
    password: str = Field(max_length=200)
    tenant: str = Field("", max_length=100, description="needed where the e-mail address is known in several tenants")


class LoginReply(Reply):
    token: str
    expires_at: datetime
    user: UserOut


class MeReply(Reply):
    user: UserOut
    tenant: TenantOut


@login.declare("POST", "/login", permission=Permission.PUBLIC, body=LoginRequest, answer=LoginReply)
def log_in(body: LoginRequest) -> dict[str, Any]:
    """Log in with e-mail and password; answers a session token of 12 hours."""
    user = user_of_login(body.email, body.password, body.tenant)
    row_, token = auth.new_token(user.id, "login", lifetime=auth.SESSION_LIFETIME)
    session().add(row_)
    return {"token": token, "expires_at": row_.expires_at, "user": user}


def user_of_login(email: str, password: str, tenant: str = "") -> User:
    """The user behind an e-mail address and a password; binds the session to their tenant.

    Raises AuthError where they are wrong, or after too many wrong ones (status 429).
    """
    throttle.check_login(email)
    candidates = (
        session()
        .execute(
            text("SELECT * FROM find_logins(:email) WHERE :tenant IN ('', tenant_name)"),
            {"email": email, "tenant": tenant},
        )
        .all()
    )
    found = [each for each in candidates if auth.password_matches(each.password_hash, password)]
    if not found:
        # An unknown address takes as long as a wrong password, so that addresses cannot be guessed.
        if not candidates:
            auth.password_matches(None, password)
        throttle.count_failed_login(email)
        raise AuthError("The e-mail address or the password is wrong.", hint="Try again.", code="auth.wrong_login")
    if len(found) > 1:
        raise InputError(
            "This login is known in several tenants.",
            hint=f"Name one of them: {', '.join(each.tenant_name for each in found)}.",
            fields={"tenant": "is required here"},
        )
    set_tenant(found[0].tenant_id, found[0].user_id)
    return row(User, found[0].user_id)


@login.declare("GET", "/me", permission=Permission.ACCOUNT, answer=MeReply)
def who_am_i() -> dict[str, Any]:
    """The user and tenant of the token."""
    who = auth.current()
    return {"user": row(User, who.user_id), "tenant": {"id": who.tenant_id, "name": who.tenant_name}}


@login.declare("POST", "/logout", permission=Permission.ACCOUNT, answer=None)
def log_out() -> None:
    """Revoke the token that this call is made with."""
    auth.revoke(ApiToken.id == auth.current().token_id)


# -- tokens


class TokenOut(Row):
    name: str
    kind: str
    user_id: UUID
    expires_at: datetime | None
    last_used_at: datetime | None


class NewTokenReply(Reply):
    id: UUID
    name: str
    token: str = Field(description="shown only here; keep it safe")


class NewToken(Request):
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    user_id: UUID | None = Field(None, description="somebody else's, for tenant administrators")


@tokens.declare("GET", "/", permission=Permission.ACCOUNT, query=ListQuery, answer=Page[TokenOut])
def list_tokens(query: ListQuery) -> dict[str, Any]:
    """One's own personal tokens; their text is not kept and cannot be shown again."""
    statement = select(ApiToken).where(ApiToken.user_id == auth.current().user_id, ApiToken.kind == "personal")
    sort: dict[str, Any] = {
        "name": ApiToken.name,
        "created_at": ApiToken.created_at,
        "last_used_at": ApiToken.last_used_at,
    }
    return page_of(statement, query, key=ApiToken, search=(ApiToken.name,), sort=sort, default_sort="-created_at")


@tokens.declare("POST", "/", permission=Permission.ACCOUNT, body=NewToken, answer=NewTokenReply, status=201)
def create_token(body: NewToken) -> dict[str, Any]:
    """Make a personal token for programs. It may do what its user may, until it is deleted."""
    who = auth.current()
    user = row(User, body.user_id or who.user_id)
    if not _may_manage(user):
        raise ForbiddenError(f"Only a tenant administrator may make a token for {user.name}.")
    new, token = auth.new_token(user.id, body.name)
    new.id = uuid4()
    session().add(new)
    return {"id": new.id, "name": new.name, "token": token}


@tokens.declare("DELETE", "/<uuid:token_id>", permission=Permission.ACCOUNT, answer=None)
def delete_token(token_id: UUID) -> None:
    """Revoke a token; from then on it is refused. One's own, or, for tenant administrators, somebody else's."""
    found = row(ApiToken, token_id)
    owner = row(User, found.user_id)
    if not _may_manage(owner):
        raise NotFoundError(f"There is no api token {token_id}.", hint="List yours: GET /api/tokens/.")
    session().delete(found)


# -- artists


class NewUser(Request):
    name: Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
    email: Email
    role: Role = Role.ARTIST
    password: Password | None = None


class UserChanges(Request):
    name: Title | None = None
    role: Role | None = None
    password: Password | None = None
    active: bool | None = None


@artists.declare("GET", "/", permission=Permission.USER_READ, query=ListQuery, answer=Page[UserOut])
def list_artists(query: ListQuery) -> dict[str, Any]:
    """List the people of the tenant."""
    sort: dict[str, Any] = {"name": User.name, "email": User.email, "role": User.role, "created_at": User.created_at}
    return page_of(select(User), query, key=User, search=(User.name, User.email), sort=sort, default_sort="name")


@artists.declare("POST", "/", permission=Permission.USER_WRITE, body=NewUser, answer=UserOut, status=201)
def create_artist(body: NewUser) -> User:
    """Add somebody to the tenant."""
    _check_role(body.role)
    if session().scalar(select(User.id).where(func.lower(User.email) == body.email.lower())):
        raise ConflictError(
            f"There is already somebody with the e-mail address {body.email}.",
            hint="Use that account, or another address.",
            code="conflict.exists",
            fields={"email": "is taken"},
        )
    user = User(
        id=uuid4(),
        name=body.name,
        email=body.email,
        role=body.role.value,
        password_hash=auth.hash_password(body.password) if body.password else None,
    )
    session().add(user)
    session().flush()
    session().refresh(user)
    return user


@artists.declare("GET", "/<uuid:user_id>", permission=Permission.USER_READ, answer=UserOut)
def get_artist(user_id: UUID) -> User:
    """Somebody of the tenant."""
    return row(User, user_id)


@artists.declare("PATCH", "/<uuid:user_id>", permission=Permission.USER_WRITE, body=UserChanges, answer=UserOut)
def change_artist(user_id: UUID, body: UserChanges) -> User:
    """Change a name, role or password, or lock somebody out (``active: false``, which revokes their tokens)."""
    user = row(User, user_id, lock=True)
    check_unchanged(user)
    _check_role(Role(user.role))
    if body.role:
        _check_role(body.role)
    changes: dict[str, Any] = {
        name: value for name, value in body.model_dump(exclude={"password"}).items() if value is not None
    }
    if body.password:
        changes["password_hash"] = auth.hash_password(body.password)
    apply_changes(user, changes)
    if body.active is False or body.password:
        auth.revoke(ApiToken.user_id == user.id)
    session().flush()
    session().refresh(user)
    return user


def _may_manage(user: User) -> bool:
    """Whether the tokens of ``user`` are the reader's to make and revoke."""
    who = auth.current()
    is_admin = who.role.includes(Role.TENANT_ADMIN) and who.role.includes(Role(user.role))
    return user.id == who.user_id or is_admin


def _check_role(role: Role) -> None:
    mine = auth.current().role
    if not mine.includes(role):
        raise ForbiddenError(f"A {mine} may not give or change the role {role}.")
