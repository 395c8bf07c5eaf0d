"""What PostgreSQL refuses is told for what it is: locks, time, room and connections are not a database that is away."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from service.app import create_app
from service.config import Config
from service.database import db, tenant_session
from service.embedded.access import APPLICATION_ROLE, HOST, SUPERUSER, Access
from service.models import Task
from shared.errors import RacewayError, ServiceError
from tests.service.farm import until
from tests.service.studio import Api, Reply, StudioUnderTest

_WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


@contextmanager
def beginning_with(statement: str) -> Iterator[None]:
    """Every transaction that begins meanwhile executes a statement first."""

    def execute(session: Session, transaction: Any, connection: Any) -> None:
        connection.execute(text(statement))

    event.listen(Session, "after_begin", execute)
    try:
        yield
    finally:
        event.remove(Session, "after_begin", execute)


@contextmanager
def held(studio: StudioUnderTest, task_id: str) -> Iterator[Session]:
    """A transaction beside the requests that has locked a task."""
    with studio.app.app_context(), tenant_session(studio.tenant_id) as beside:
        _lock(beside, task_id)
        yield beside
        beside.rollback()


def _lock(session: Session, task_id: str) -> None:
    session.scalars(select(Task.id).where(Task.id == UUID(task_id)).with_for_update()).one()


def two_tasks(studio: StudioUnderTest) -> list[str]:
    """Their ids, in the order in which requests lock them."""
    production = studio.production()
    body = {"target_type": "asset", "target_id": production.asset["id"], "name": "lighting", "department": "lighting"}
    return sorted([production.task["id"], studio.admin.post("/tasks/", body).data["id"]])


def move(studio: StudioUnderTest, task_ids: list[str]) -> Reply:
    changes = {"tasks": [{"id": task_id} for task_id in task_ids], "changes": {"status": "review"}}
    return studio.artist.post("/tasks/change", changes)


def told(reply: Reply) -> tuple[int, str]:
    """Status and code; whatever was wrong, there are words and a remedy."""
    assert reply.error["message"] and reply.error["hint"] and "does not answer" not in reply.error["message"]
    return reply.status, reply.error["code"]


def test_of_two_who_wait_for_each_other_one_is_told_to_send_it_again(studio: StudioUnderTest) -> None:
    first, second = two_tasks(studio)

    def meet() -> Reply:
        with ThreadPoolExecutor(1) as pool, held(studio, second) as beside, db.engine.connect() as looking:
            answer = pool.submit(move, studio, [first, second])
            until(lambda: looking.scalar(_WAITING))
            with suppress(OperationalError):  # of whom PostgreSQL gave up, where that was not the request
                _lock(beside, first)
            beside.rollback()
            return answer.result()

    # Who began to wait first is given up, unless this machine was busy for a second just then.
    refused = next(reply for reply in (meet() for _ in range(5)) if reply.status != 200)
    assert told(refused) == (503, "service.deadlock")
    assert "again" in refused.error["hint"]
    assert move(studio, [first, second]).status == 200


@pytest.mark.parametrize(
    ("limit", "code"),
    [("lock_timeout", "service.lock_timeout"), ("statement_timeout", "service.statement_timeout")],
)
def test_who_waits_too_long_is_told_what_for(studio: StudioUnderTest, limit: str, code: str) -> None:
    task_ids = two_tasks(studio)
    with held(studio, task_ids[0]), beginning_with(f"SET LOCAL {limit} = '100ms'"):
        assert told(move(studio, task_ids)) == (503, code)
    assert studio.artist.get(f"/tasks/{task_ids[1]}").data["status"] == "todo"


@pytest.mark.parametrize(("state", "code"), [("40001", "service.serialization"), ("53100", "service.database_full")])
def test_what_is_hard_to_provoke_is_told_as_postgresql_says_it(studio: StudioUnderTest, state: str, code: str) -> None:
    with beginning_with(f"DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{state}'; END $$"):
        assert told(studio.artist.get("/projects/")) == (503, code)


def test_a_service_without_a_free_connection_says_so(config: Config, studio: StudioUnderTest) -> None:
    app = create_app(replace(config, database_pool=1))
    with app.app_context(), ExitStack() as taken:
        db.engine.pool._timeout = 0.2  # type: ignore[attr-defined]
        for _ in range(5):
            taken.enter_context(db.engine.connect())
        assert told(Api(app, studio.artist.token).get("/projects/")) == (503, "service.no_connection")
    assert Api(app, studio.artist.token).get("/projects/").status == 200


def test_a_server_without_a_free_connection_is_not_one_that_is_away(config: Config, studio: StudioUnderTest) -> None:
    with _superuser(config) as administrator:
        administrator.execute(f"ALTER ROLE {APPLICATION_ROLE} CONNECTION LIMIT 0")
        try:
            refused = Api(create_app(config), studio.artist.token).get("/projects/")
        finally:
            administrator.execute(f"ALTER ROLE {APPLICATION_ROLE} CONNECTION LIMIT -1")
    assert told(refused) == (503, "service.no_connection")


@contextmanager
def _superuser(config: Config) -> Iterator[Any]:
    access = Access.load(config.root.parent / "data")
    assert access
    connection = psycopg2.connect(
        host=HOST, port=access.postgres_port, dbname=SUPERUSER, user=SUPERUSER, password=access.superuser_password
    )
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("code", "is_away"),
    [
        ("service.database", True),
        ("service.deadlock", True),
        ("service.no_connection", True),
        ("service.database_full", True),
        ("service.statement_timeout", False),
        ("service.internal", False),
    ],
)
def test_what_may_be_sent_again_as_it_is(code: str, is_away: bool) -> None:
    """A publish waits in its queue for the one, and fails for the other."""
    error = RacewayError.from_json({"code": code, "message": "x"}, status=503)
    assert isinstance(error, ServiceError) and error.is_away is is_away
