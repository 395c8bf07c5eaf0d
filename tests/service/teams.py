"""People and projects of teams, for their tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.auth import Identity
from service.accounts.permissions import Role
from service.database import tenant_session
from service.models import (
    ApiToken,
)
from tests.service.studio import PASSWORD, Api, Json, StudioUnderTest


def id_of(api: Api) -> UUID:
    return UUID(api.get("/auth/me").data["user"]["id"])


def show(studio: StudioUnderTest, project: Json, visible_to: str) -> None:
    assert studio.admin.patch(f"/projects/{project['id']}", {"visible_to": visible_to}).status == 200


def log_in(studio: StudioUnderTest, email: str) -> Api:
    return Api(studio.app, Api(studio.app).post("/auth/login", {"email": email, "password": PASSWORD}).data["token"])


def add_to_team(studio: StudioUnderTest, project: Json, user_id: UUID | str) -> None:
    assert studio.admin.post(f"/projects/{project['id']}/team", {"user_ids": [str(user_id)]}).status == 200


def remove_from_team(studio: StudioUnderTest, project: Json, user_id: UUID | str) -> None:
    assert studio.admin.delete(f"/projects/{project['id']}/team/{user_id}").status == 200


@contextmanager
def seen_by(studio: StudioUnderTest, role: Role) -> Iterator[Session]:
    """A session to which PostgreSQL shows what it shows the user of that role, if they are an artist."""
    with studio.app.app_context(), tenant_session(studio.tenant_id, artist_id=id_of(studio.api(role))) as current:
        yield current


def identity_of(studio: StudioUnderTest, api: Api) -> Identity:
    user_id, role = id_of(api), Role(api.get("/auth/me").data["user"]["role"])
    with studio.app.app_context(), tenant_session(studio.tenant_id) as current:
        token_id = current.scalars(select(ApiToken.id).where(ApiToken.user_id == user_id)).first()
    assert token_id
    return Identity(studio.tenant_id, studio.name, studio.name, user_id, role.value, role, token_id)
