"""Personal tokens: what programs prove themselves with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints
from sqlalchemy import select

from service.accounts import auth
from service.accounts.logins import may_manage
from service.accounts.permissions import Permission
from service.api.fields import Moment, OneLine, Row
from service.api.listing import ListQuery, Page, equal, page_of, row
from service.api.records import live_row
from service.api.routing import Reply, Request, Resource
from service.database import session
from service.models import ApiToken, User
from shared.errors import ForbiddenError, InputError, NotFoundError

tokens = Resource("tokens", "/tokens")
RESOURCES = (tokens,)

_LONGEST = timedelta(days=36_500)


class TokenOut(Row):
    name: str
    kind: str
    user_id: UUID
    scopes: list[str] | None = Field(description="the permissions it is limited to; null for all of its user's")
    expires_at: datetime | None
    last_used_at: datetime | None


class NewTokenReply(Reply):
    id: UUID
    name: str
    token: str = Field(description="shown only here; keep it safe")
    scopes: list[str] | None
    expires_at: datetime | None


class NewToken(Request):
    name: Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True), OneLine]
    scopes: list[Permission] | None = Field(
        None, max_length=len(Permission), description="limit it to these permissions; default: all that its user has"
    )
    expires_at: Moment | None = Field(None, description="default: never")
    user_id: UUID | None = Field(None, description="somebody else's, for tenant administrators")


class TokenQuery(ListQuery):
    user_id: UUID | None = Field(None, description="somebody else's, for tenant administrators")


@tokens.declare("GET", "/", permission=Permission.ACCOUNT, query=TokenQuery, answer=Page[TokenOut], errors=(404, 409))
def list_tokens(query: TokenQuery) -> dict[str, Any]:
    """Personal tokens, one's own by default; their text is not kept and cannot be shown again."""
    owner = _owner(query.user_id)
    return page_of(
        select(ApiToken).where(*equal((ApiToken.user_id, owner.id), (ApiToken.kind, "personal"))),
        query,
        key=ApiToken,
        search=(ApiToken.name,),
        sort={
            "name": ApiToken.name,
            "created_at": ApiToken.created_at,
            "expires_at": ApiToken.expires_at,
            "last_used_at": ApiToken.last_used_at,
        },
        default_sort="-created_at",
    )


@tokens.declare("POST", "/", permission=Permission.ACCOUNT_WRITE, body=NewToken, answer=NewTokenReply, status=201)
def create_token(body: NewToken) -> dict[str, Any]:
    """Make a personal token for programs. It does what its user may, or the part of it that ``scopes`` names."""
    user = _owner(body.user_id)
    _check_scopes(body.scopes)
    lifetime = _lifetime(body.expires_at)
    new, token = auth.new_token(user.id, body.name, kind="personal", lifetime=lifetime, scopes=body.scopes)
    session().add(new)
    return {"id": new.id, "name": new.name, "token": token, "scopes": new.scopes, "expires_at": new.expires_at}


@tokens.declare("DELETE", "/<uuid:token_id>", permission=Permission.ACCOUNT_WRITE, answer=None)
def delete_token(token_id: UUID) -> None:
    """Revoke a token; from then on it is refused. One's own, or, for tenant administrators, somebody else's."""
    found = row(ApiToken, token_id)
    if not may_manage(row(User, found.user_id)):
        raise NotFoundError(f"There is no api token {token_id}.", hint="List yours: GET /api/tokens/.")
    session().delete(found)


def _owner(user_id: UUID | None) -> User:
    user = live_row(User, user_id or auth.current().user_id)
    if not may_manage(user):
        raise ForbiddenError(f"Only a tenant administrator may see and make tokens of {user.name}.")
    return user


def _check_scopes(scopes: list[Permission] | None) -> None:
    """A limited token makes no token that may do more than itself."""
    mine = auth.current().scopes
    if mine is not None and (scopes is None or not mine.issuperset(scopes)):
        raise ForbiddenError(
            "A token that is limited makes only tokens that are limited to the same or less.",
            hint=f"Give scopes out of {', '.join(sorted(mine))}.",
            code="auth.scope",
        )


def _lifetime(expires_at: datetime | None) -> timedelta | None:
    if expires_at is None:
        return None
    lifetime = expires_at - datetime.now(UTC)
    if not timedelta() < lifetime < _LONGEST:
        raise InputError(
            f"A token cannot expire at {expires_at.isoformat()}.",
            hint="Give a time to come, or leave it out for a token that does not expire.",
            fields={"expires_at": "must be in the future, and in less than 100 years"},
        )
    return lifetime
