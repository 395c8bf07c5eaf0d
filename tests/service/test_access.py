"""Who may do what: tokens, roles, and the walls between tenants, for every route there is."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from service.api import ENDPOINTS
from service.api.routing import Endpoint
from service.config import Config, driver_url
from service.database import db, tenant_session
from service.models import Asset, Base, Project
from service.permissions import MINIMUM_ROLE, Permission, Role, allows
from tests.service.studio import PASSWORD, Api, StudioUnderTest

WITH_ID = [endpoint for endpoint in ENDPOINTS if "<uuid:" in endpoint.path]
GUARDED = [endpoint for endpoint in ENDPOINTS if endpoint.permission is not Permission.PUBLIC]


def name_of(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def path_with(endpoint: Endpoint, row_id: str) -> str:
    path = re.sub(r"<uuid:[a-z_]+>", row_id, endpoint.path.removeprefix("/api"))
    return re.sub(r"<any\(([a-z_]+)[^>]*>", r"\1", path)


def test_every_address_of_the_api_is_declared(app: Flask) -> None:
    declared = {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}
    served = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert served == declared
    assert set(MINIMUM_ROLE) == set(Permission) - {Permission.PUBLIC}


@pytest.mark.parametrize("endpoint", GUARDED, ids=name_of)
def test_no_route_answers_without_a_valid_token(app: Flask, endpoint: Endpoint) -> None:
    for token, code in (("", "auth.missing_token"), ("rw_wrong", "auth.invalid_token")):
        answer = Api(app, token).call(endpoint.method, path_with(endpoint, str(uuid4())), {})
        assert (answer.status, answer.error["code"]) == (401, code)


@pytest.mark.parametrize("endpoint", GUARDED, ids=name_of)
def test_a_role_that_is_too_weak_is_refused_by_name(studio: StudioUnderTest, endpoint: Endpoint) -> None:
    for role in Role:
        if not allows(role, endpoint.permission):
            answer = studio.api(role).call(endpoint.method, path_with(endpoint, str(uuid4())), {})
            assert (answer.status, answer.error["code"]) == (403, "auth.forbidden")


def test_no_route_shows_another_tenants_row(
    studio: StudioUnderTest, other_studio: StudioUnderTest, quiet_queue: None
) -> None:
    """Every id that exists in one tenant, tried on every route by the strongest role of another one."""
    production = studio.production()
    published = studio.publish(production)
    scene = {"task_id": production.task["id"], "name": "shop", "software": "x", "suffix": ".blend"}
    studio.artist.post("/scenes/reserve", scene)
    studio.artist.upload(b"ISO-10303-21;", project=production.project["name"], asset="gear", filename="a.step")
    studio.artist.post("/jobs/", {"kind": "still", "publish_id": published["id"]})
    with studio.app.app_context(), tenant_session(studio.tenant_id) as session:
        tables = [table for table in Base.metadata.sorted_tables if "tenant_id" in table.c]
        ids = {
            str(row_id) for table in tables for row_id in session.scalars(table.select().with_only_columns(table.c.id))
        }
    assert len(ids) > 15
    stranger = other_studio.api(Role.GLOBAL_ADMIN)
    for endpoint in WITH_ID:
        for row_id in ids:
            answer = stranger.call(endpoint.method, path_with(endpoint, row_id), {})
            assert answer.status in (404, 422), f"{name_of(endpoint)} answers {answer.status}"
    for endpoint in ENDPOINTS:
        if endpoint.method == "GET" and endpoint.query and "<" not in endpoint.path:
            text_of_answer = str(stranger.get(endpoint.path.removeprefix("/api")).body)
            assert not ids & set(re.findall(r"[0-9a-f-]{36}", text_of_answer)), name_of(endpoint)


def test_another_tenants_rows_cannot_be_referred_to(studio: StudioUnderTest, other_studio: StudioUnderTest) -> None:
    theirs, ours = other_studio.production(), studio.production()
    theirs_id, ours_id = theirs.asset["id"], ours.task["id"]
    for path, body in (
        ("/assets/", {"project_id": theirs.project["id"], "name": "x"}),
        ("/sequences/", {"project_id": theirs.project["id"], "name": "x"}),
        ("/tasks/", {"target_type": "asset", "target_id": theirs_id, "name": "x", "department": "look"}),
        ("/publishes/reserve", theirs.reserve_body()),
        ("/jobs/", {"kind": "still", "publish_id": str(uuid4())}),
    ):
        assert studio.admin.post(path, body).status == 404, path
    body = {**ours.reserve_body(), "target_id": theirs_id}
    assert (studio.artist.post("/publishes/reserve", body).status, ours_id) == (422, ours.task["id"])


def test_row_level_security_is_forced_on_every_table(config: Config) -> None:
    engine = create_engine(driver_url(config.database_url))
    with engine.connect() as connection:
        query = text("SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class WHERE relkind = 'r'")
        forced = {name: bool(is_forced) for name, is_forced in connection.execute(query)}
        role = connection.execute(
            text("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        ).one()
    tables = inspect(create_engine(driver_url(config.database_owner_url))).get_table_names()
    assert set(tables) == {*Base.metadata.tables, "alembic_version"}
    assert {name for name in tables if not forced[name]} == {"workers", "alembic_version"}
    assert tuple(role) == (False, False)


def test_without_a_tenant_every_query_answers_no_rows(studio: StudioUnderTest, config: Config) -> None:
    studio.publish(studio.production())
    engine = create_engine(driver_url(config.database_url))
    with engine.connect() as connection:
        for name in Base.metadata.tables:
            if name != "workers":
                assert connection.scalar(text(f"SELECT count(*) FROM {name}")) == 0, name
        with pytest.raises((ProgrammingError, IntegrityError)):
            connection.execute(text("INSERT INTO projects (id, name) VALUES (gen_random_uuid(), 'x')"))


def test_the_database_refuses_a_reference_across_tenants(
    app: Flask, studio: StudioUnderTest, other_studio: StudioUnderTest
) -> None:
    project_id = UUID(other_studio.production().project["id"])
    with app.app_context():
        with pytest.raises(IntegrityError), tenant_session(studio.tenant_id) as session:
            session.add(Asset(id=uuid4(), project_id=project_id, name="stolen"))
        with pytest.raises(ProgrammingError, match="row-level security"), tenant_session(studio.tenant_id) as session:
            session.add(Project(id=uuid4(), tenant_id=other_studio.tenant_id, name="planted"))


def test_a_connection_does_not_carry_a_tenant_to_its_next_user(app: Flask, studio: StudioUnderTest) -> None:
    studio.production()
    with app.app_context():
        for _ in range(40):
            with db.engine.connect() as connection:
                assert connection.scalar(text("SELECT count(*) FROM projects")) == 0


def test_login_gives_a_token_and_a_logout_takes_it(studio: StudioUnderTest) -> None:
    body = {"email": studio.email(Role.ARTIST).upper(), "password": PASSWORD}
    answer = Api(studio.app).post("/auth/login", body).data
    mine = Api(studio.app, answer["token"])
    assert mine.get("/auth/me").data["tenant"]["name"] == studio.name
    assert mine.post("/auth/logout").status == 200
    assert mine.get("/auth/me").status == 401


def test_wrong_logins_are_refused_alike_and_slowed_down(studio: StudioUnderTest) -> None:
    email = studio.email(Role.ARTIST)
    codes = {
        Api(studio.app).post("/auth/login", {"email": who, "password": "no"}).error["code"] for who in (email, "a@b")
    }
    assert codes == {"auth.wrong_login"}
    answers = [Api(studio.app).post("/auth/login", {"email": email, "password": "no"}).status for _ in range(12)]
    assert answers[-1] == 429
    assert Api(studio.app).post("/auth/login", {"email": email, "password": PASSWORD}).status == 429


def test_a_personal_token_is_shown_once_and_can_be_revoked(studio: StudioUnderTest) -> None:
    made = studio.artist.post("/tokens/", {"name": "render farm"}).data
    assert Api(studio.app, made["token"]).get("/auth/me").status == 200
    assert made["token"] not in str(studio.artist.get("/tokens/").body)
    assert studio.artist.delete(f"/tokens/{made['id']}").status == 200
    assert Api(studio.app, made["token"]).get("/auth/me").status == 401


def test_only_an_administrator_makes_a_token_for_somebody_else(studio: StudioUnderTest) -> None:
    artist = studio.artist.get("/auth/me").data["user"]["id"]
    admin = studio.admin.get("/auth/me").data["user"]["id"]
    token = studio.admin.post("/tokens/", {"name": "hers", "user_id": artist}).data["token"]
    assert Api(studio.app, token).get("/auth/me").data["user"]["id"] == artist
    assert studio.artist.post("/tokens/", {"name": "his", "user_id": admin}).status == 403
    chief = studio.api(Role.GLOBAL_ADMIN).get("/auth/me").data["user"]["id"]
    assert studio.admin.post("/tokens/", {"name": "chief", "user_id": chief}).status == 403


def test_a_cookie_may_read_but_not_write(studio: StudioUnderTest) -> None:
    client = studio.app.test_client()
    client.set_cookie("raceway_session", studio.tokens[Role.TENANT_ADMIN])
    assert client.get("/api/projects/").status_code == 200
    assert client.post("/api/projects/", json={"name": "film"}).status_code == 401
