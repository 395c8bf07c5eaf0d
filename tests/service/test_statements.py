"""Lists cost a fixed number of SQL statements, however long they are; a new list cannot be forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_origin

import pytest
from flask import Flask
from sqlalchemy import event, text

from service.accounts.permissions import Role
from service.api import ENDPOINTS
from service.api.listing import Page
from service.api.routing import Endpoint
from service.database import db
from service.prepared import prepared
from tests.service.recipes import call_of, name_of
from tests.service.studio import StudioUnderTest
from tests.service.world import World, unique

MOST = 8
"""Token, its last use, tenant, rows, their number, and at most three statements for what belongs to them."""
LISTS = [
    each
    for each in ENDPOINTS
    if isinstance(each.answer, type) and issubclass(get_origin(each.answer) or each.answer, Page)
]
NOT_FILLED = {
    "GET /api/workers/": "workers are no tenant's",
    "GET /api/publishes/sweeps": "written by the sweeper",
    "GET /api/notifications/": "written for whom somebody else's work concerns",
    "GET /api/tenants/": "of the whole installation",
    "GET /api/workflows/<uuid:workflow_id>/versions": "of one workflow",
    "GET /api/assets/<uuid:asset_id>/cast-in": "of one asset",
    "GET /api/jobs/<uuid:job_id>/tasks": "of one job",
    "GET /api/webhooks/<uuid:webhook_id>/deliveries": "of one webhook",
    "GET /api/jobs/<uuid:job_id>/frames": "of one job",
    "GET /api/playlists/<uuid:playlist_id>/films": "of one playlist",
    "GET /api/playlists/<uuid:playlist_id>/links": "of one playlist",
}


@contextmanager
def counting(app: Flask) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", note)
        try:
            yield statements
        finally:
            event.remove(db.engine, "before_cursor_execute", note)


def fill(world: World) -> None:
    """One more row of every kind, with all that can belong to it."""
    world.token(), world.scene(), world.material(), world.alias(), world.medium(), world.converted()
    world.job(), world.comment(), world.playlist(), world.delivery()
    world.workflow(), world.run(), world.custom_field(), world.department(), world.task_status(), world.task_template()
    shot = world.shot()
    body = {"target_type": "shot", "target_id": shot["id"], "name": unique(), "department": "lighting"}
    task = world.post("/tasks/", {**body, "assignee_id": world.user()["id"]})
    world.post("/time-entries/", {"task_id": task["id"], "day": "2026-03-02", "minutes": 10})
    world.log_in()
    order = world.order_with_medium()
    world.post(f"/orders/{order['id']}/deliver")
    world.post(f"/orders/{order['id']}/request-changes", {"delivery": 1, "text": "Brighter."})


def costs(app: Flask, world: World, endpoint: Endpoint) -> tuple[int, int]:
    """Rows and statements of a list; the second call, when nothing is done for the first time any more."""
    path = call_of(endpoint, world).path + "?page_size=500&sort="
    options = "&state=" if endpoint.name == "list_scenes" else ""
    world.admin.get(path + options)
    with counting(app) as statements:
        answer = world.admin.get(path + options)
    return answer.data["total"], len(statements)


@pytest.mark.usefixtures("quiet_queue")
def test_a_longer_list_costs_no_more_statements(app: Flask, studio: StudioUnderTest) -> None:
    world = World(studio)
    fill(world)
    few = {name_of(each): costs(app, world, each) for each in LISTS}
    for _ in range(4):
        fill(world)
    many = {name_of(each): costs(app, world, each) for each in LISTS}
    assert {name: statements for name, (_, statements) in few.items()} == {
        name: statements for name, (_, statements) in many.items()
    }
    assert {name: cost for name, (_, cost) in many.items() if cost > MOST} == {}
    unfilled = {name for name in many if many[name][0] <= few[name][0]} - set(NOT_FILLED)
    assert unfilled == set(), "fill() makes no rows for these lists"


@pytest.mark.parametrize("endpoint", LISTS, ids=name_of)
def test_every_list_pages_sorts_and_searches(studio: StudioUnderTest, endpoint: Endpoint) -> None:
    api, path = studio.api(Role.GLOBAL_ADMIN), call_of(endpoint, World(studio)).path
    assert endpoint.query is not None and {"page", "page_size", "q", "sort"} <= set(endpoint.query.model_fields)
    assert api.get(f"{path}?page=2&page_size=1").data["page"] == 2
    refused = api.get(f"{path}?sort=weight")
    assert (refused.status, list(refused.error["fields"])) == (422, ["sort"])
    first = refused.error["hint"].removeprefix("Sort by ").rstrip(".").split(", ")[0]
    assert api.get(f"{path}?sort=-{first},{first}").status == 200
    assert api.get(f"{path}?q={unique()}").data["total"] == 0
    assert api.get(f"{path}?size=1").status == 422


def test_what_is_asked_often_is_prepared_however_much_is_asked_once(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        for number in range(700):
            connection.execute(prepared(f"SELECT CAST(:value AS int) + {number}"), {"value": 1})
        answers = [
            connection.scalar(prepared("SELECT CAST(:value AS int) * 7"), {"value": value}) for value in range(5)
        ]
        known = connection.execute(text("SELECT statement FROM pg_prepared_statements")).scalars().all()
    assert answers == [0, 7, 14, 21, 28]
    own = [statement.partition(" AS ")[2] for statement in known if "AS int) " in statement]
    assert own == ["SELECT CAST($1 AS int) * 7"]
