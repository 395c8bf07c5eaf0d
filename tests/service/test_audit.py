"""The audit log: whoever changes something, there is a record of who, what, before and after; and no secret in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select, text, update
from sqlalchemy.exc import ProgrammingError

from service.accounts import auth
from service.accounts.permissions import Role
from service.api import ENDPOINTS
from service.api.routing import Endpoint
from service.database import tenant_session
from service.models import ApiToken, AuditRecord, Job, User
from tests.service.recipes import call_of, name_of
from tests.service.studio import PASSWORD, Api, Json, StudioUnderTest, make_studio
from tests.service.world import World

CHANGES_NOTHING = {
    "POST /api/publishes/outdated": "it only reads",
    "POST /api/workflows/check": "it only reads",
    "POST /api/auth/password-link": "it only reads",
    "POST /api/auth/forgotten-password": "nobody learns whether an address is known; a mail to it is recorded",
    "POST /api/notifications/read": "what somebody has read is nobody's business",
    "POST /api/notifications/<uuid:notification_id>/read": "the same",
    "PUT /api/notifications/preferences": "how somebody wants to be told is nobody's business",
    "DELETE /api/notifications/preferences": "the same",
}
WRITING = [each for each in ENDPOINTS if each.method != "GET" and name_of(each) not in CHANGES_NOTHING]


@pytest.fixture(scope="module")
def world(app: Flask) -> World:
    return World(make_studio(app))


def records(app: Flask, tenant_id: UUID, **wanted: object) -> list[AuditRecord]:
    with app.app_context(), tenant_session(tenant_id) as session:
        conditions = [getattr(AuditRecord, name) == value for name, value in wanted.items()]
        return list(session.scalars(select(AuditRecord).where(*conditions).order_by(AuditRecord.created_at)))


@pytest.mark.parametrize("endpoint", WRITING, ids=name_of)
@pytest.mark.usefixtures("quiet_queue")
def test_every_call_that_changes_something_is_recorded(app: Flask, world: World, endpoint: Endpoint) -> None:
    call = call_of(endpoint, world)
    answer = call.send(app, endpoint.method, world.studio.tokens[Role.GLOBAL_ADMIN])
    if call.refuses:
        assert answer.status_code in (404, 409)
        return
    assert answer.status_code < 300, answer.text
    tenant_id = world.studio.tenant_id
    if endpoint.path.startswith("/api/tenants/"):
        assert answer.json
        tenant_id = UUID(answer.json["data"]["id"])
    made = records(app, tenant_id, request_id=answer.headers["X-Request-Id"])
    assert made, f"{name_of(endpoint)} leaves no record"
    if endpoint.permission != "public":
        assert all(record.actor_id for record in made)


def test_a_record_tells_what_was_before_and_after(studio: StudioUnderTest) -> None:
    project = studio.admin.post("/projects/", {"name": "film"}).data
    changed = studio.admin.patch(f"/projects/{project['id']}", {"status": "paused", "title": ""})
    studio.admin.post(f"/projects/{project['id']}/archive")
    admin = studio.admin.get("/auth/me").data["user"]
    archived, change, created = studio.admin.get(f"/audit/?row_id={project['id']}").data["items"]
    assert (created["action"], created["before"], created["after"]["name"]) == ("create", None, "film")
    assert (change["action"], change["before"], change["after"]) == (
        "change",
        {"status": "active"},
        {"status": "paused"},
    )
    assert (change["actor_id"], change["actor"]) == (admin["id"], admin["name"])
    assert (change["revision"], change["request_id"]) == (2, changed.headers["X-Request-Id"])
    assert archived["action"] == "archive" and archived["after"]["archived_at"]
    assert studio.api(Role.PROJECT_MANAGER).get("/audit/").status == 200
    assert studio.artist.get("/audit/").status == 403


def test_a_change_that_changes_nothing_counts_and_records_nothing(studio: StudioUnderTest) -> None:
    project = studio.admin.post("/projects/", {"name": "film", "title": "The film"}).data
    same = studio.admin.patch(f"/projects/{project['id']}", {"title": "The film"}).data
    assert same["revision"] == project["revision"]
    assert studio.admin.get(f"/audit/?row_id={project['id']}&action=change").data["total"] == 0


def test_what_is_refused_is_rolled_back_with_its_record(studio: StudioUnderTest) -> None:
    project = studio.admin.post("/projects/", {"name": "film"}).data
    before = studio.admin.get("/audit/").data["total"]
    assert studio.admin.post("/projects/", {"name": "film"}).status == 409
    assert studio.admin.patch(f"/projects/{project['id']}", {"title": None}).status == 422
    assert studio.admin.get("/audit/").data["total"] == before


def test_records_are_found_by_who_what_and_when(studio: StudioUnderTest) -> None:
    start = datetime.now(UTC)
    project = studio.admin.post("/projects/", {"name": "film"}).data
    manager = studio.api(Role.PROJECT_MANAGER)
    manager.patch(f"/projects/{project['id']}", {"title": "x"})
    me = manager.get("/auth/me").data["user"]

    def found(**query: str) -> list[Json]:
        items: list[Json] = studio.admin.get("/audit/", query_string=query).data["items"]
        return items

    assert [each["action"] for each in found(actor_id=me["id"])] == ["change"]
    assert {each["table_name"] for each in found(table_name="users")} == {"users"}
    assert [each["row_id"] for each in found(q="projects change")] == [project["id"]]
    assert len(found(since=start.isoformat(), action="create")) == 1
    assert not found(since=(start + timedelta(hours=1)).isoformat())
    assert not [each for each in found(until=start.isoformat()) if each["table_name"] == "projects"]
    assert studio.admin.get("/audit/?since=yesterday").status == 422


def test_failed_logins_and_expired_tokens_are_recorded(app: Flask, studio: StudioUnderTest) -> None:
    email = studio.email(Role.ARTIST)
    Api(app).post("/auth/login", {"email": email, "password": "wrong"})
    me = UUID(studio.artist.get("/auth/me").data["user"]["id"])
    assert [record.row_id for record in records(app, studio.tenant_id, action="failed_login")] == [me]
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        row, token = auth.new_token(me, "farm", lifetime=timedelta(hours=1))
        session.add(row)
        session.flush()
        session.execute(update(ApiToken).where(ApiToken.id == row.id).values(expires_at=datetime.now(UTC)))
    for _ in range(3):
        assert Api(app, token).get("/auth/me").error["code"] == "auth.expired_token"
    expired = records(app, studio.tenant_id, action="expired_token")
    assert [(record.row_id, record.after) for record in expired] == [(row.id, {"user_id": str(me), "kind": "session"})]


def test_no_secret_is_in_the_log(app: Flask, studio: StudioUnderTest) -> None:
    user = World(studio).user()
    new = studio.admin.post(f"/artists/{user['id']}/reset-password").data["password"]
    login = Api(app).post("/auth/login", {"email": user["email"], "password": new}).data
    Api(app, login["token"]).post("/auth/password", {"current_password": new, "new_password": "another password"})
    token = studio.admin.post("/tokens/", {"name": "farm"}).data["token"]
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        hashes = [*session.scalars(select(User.password_hash)), *session.scalars(select(ApiToken.digest))]
    shown = str(studio.admin.get("/audit/?page_size=500").body)
    for secret in (new, PASSWORD, "another password", login["token"], login["refresh_token"], token, *hashes):
        assert secret and secret not in shown
    changes = studio.admin.get(f"/audit/?row_id={user['id']}&action=change").data["items"]
    assert [change["after"] for change in changes] == [{"password": "(hidden)"}] * 2


def test_the_service_cannot_change_or_remove_records(app: Flask, studio: StudioUnderTest) -> None:
    for statement in ("UPDATE audit_records SET action = 'x'", "DELETE FROM audit_records", "TRUNCATE audit_records"):
        with (
            app.app_context(),
            pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
            tenant_session(studio.tenant_id) as session,
        ):
            session.execute(text(statement))


def test_what_a_job_does_by_itself_is_not_recorded(app: Flask, studio: StudioUnderTest) -> None:
    job = World(studio).job()
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        session.get_one(Job, (studio.tenant_id, UUID(job["id"]))).max_attempts = 5
    with app.app_context(), tenant_session(studio.tenant_id, uuid4()) as session:
        session.get_one(Job, (studio.tenant_id, UUID(job["id"]))).max_attempts = 6
    changes = records(app, studio.tenant_id, row_id=UUID(job["id"]), action="change")
    assert [change.after for change in changes] == [{"max_attempts": 6}]
