"""Who may do what: roles, the walls between tenants and around clients, for every route there is."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import create_engine, inspect, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from service.accounts.permissions import MINIMUM_ROLE, Permission, Role
from service.api import ENDPOINTS
from service.api.routing import Endpoint
from service.config import Config, driver_url
from service.database import db, tenant_session
from service.models import Asset, AuditRecord, Base, Project
from tests.service.recipes import RECIPES, call_of, name_of
from tests.service.studio import Api, StudioUnderTest, make_studio
from tests.service.world import World

GUARDED = [endpoint for endpoint in ENDPOINTS if endpoint.permission is not Permission.PUBLIC]
ROLES = list(Role)
# Every role may read and write these of its own only; nobody can be too weak for them.
OF_ONES_OWN = {permission for permission, role in MINIMUM_ROLE.items() if role is ROLES[0]}


@pytest.fixture(scope="module")
def world(app: Flask) -> World:
    return World(make_studio(app))


@pytest.fixture(scope="module")
def stranger(app: Flask) -> StudioUnderTest:
    """Another tenant, whose strongest user tries everything."""
    return make_studio(app)


def path_with(endpoint: Endpoint, row_id: str) -> str:
    path = re.sub(r"<uuid:[a-z_]+>", row_id, endpoint.path.removeprefix("/api"))
    path = re.sub(r"<any\(([a-z_]+)[^>]*>", r"\1", path)
    return re.sub(r"<[a-z_]+>", "x", re.sub(r"<int:[a-z_]+>", "1", path))


def ids_in(text: str) -> set[str]:
    """All ids in an answer."""
    return set(re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", text))


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
    assert {f"{endpoint.method} {endpoint.path.removeprefix('/api')}" for endpoint in ENDPOINTS} == set(RECIPES)


@pytest.mark.parametrize("endpoint", GUARDED, ids=name_of)
def test_no_route_answers_without_a_valid_token(app: Flask, endpoint: Endpoint) -> None:
    for token, code in (("", "auth.missing_token"), ("rw_wrong", "auth.invalid_token")):
        answer = Api(app, token).call(endpoint.method, path_with(endpoint, str(uuid4())), {})
        assert (answer.status, answer.error["code"]) == (401, code)


@pytest.mark.parametrize("endpoint", GUARDED, ids=name_of)
@pytest.mark.usefixtures("quiet_queue")
def test_a_route_opens_for_its_weakest_role_and_for_none_below(world: World, endpoint: Endpoint) -> None:
    weakest = MINIMUM_ROLE[endpoint.permission]
    for role in ROLES[: ROLES.index(weakest)]:
        answer = world.studio.api(role).call(endpoint.method, path_with(endpoint, str(uuid4())), {})
        assert (answer.status, answer.error["code"]) == (403, "auth.forbidden")
    call = call_of(endpoint, world)
    answer = call.send(world.studio.app, endpoint.method, world.studio.tokens[weakest])
    # A client may call it, but sees only what is meant for them.
    expected = (404, 409) if call.refuses else (200, 201, 206)
    assert answer.status_code in (*expected, *((404,) if weakest is Role.CLIENT else ())), answer.text
    answer.close()


@pytest.mark.parametrize("endpoint", GUARDED, ids=name_of)
@pytest.mark.usefixtures("quiet_queue")
def test_no_route_reads_or_changes_another_tenants_rows(
    world: World, stranger: StudioUnderTest, endpoint: Endpoint
) -> None:
    """A call that succeeds in its own tenant, made by the strongest role of another one."""
    call = call_of(endpoint, world)
    before = _audited(world)
    answer = call.send(stranger.app, endpoint.method, stranger.tokens[Role.GLOBAL_ADMIN])
    if call.alone:
        # It names nothing of that tenant: what it answers must not either.
        assert answer.status_code < 300, answer.text
        if not answer.is_streamed:
            assert not ids_in(answer.text) & _ids(world)
    else:
        assert answer.status_code in (404, 422), answer.text
    answer.close()
    if "/tenants" not in call.path and "Authorization" not in call.options.get("headers", {}):
        assert _audited(world) == before
    if not call.alone and not call.refuses:
        own = call.send(world.studio.app, endpoint.method, world.studio.tokens[Role.GLOBAL_ADMIN])
        assert own.status_code < 300, own.text
        own.close()


def _ids(world: World) -> set[str]:
    """Ids of all rows of the tenant."""
    with world.studio.app.app_context(), tenant_session(world.studio.tenant_id) as session:
        tables = [table for table in Base.metadata.sorted_tables if "tenant_id" in table.c]
        return {str(row_id) for table in tables for row_id in session.scalars(select(table.c.id))}


def _audited(world: World) -> int:
    with world.studio.app.app_context(), tenant_session(world.studio.tenant_id) as session:
        return len(session.scalars(select(AuditRecord.id)).all())


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
