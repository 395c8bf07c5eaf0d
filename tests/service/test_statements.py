"""Lists cost a fixed number of SQL statements, however long they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from service.database import db
from tests.service.studio import Production, StudioUnderTest

MOST = 7
"""Token, tenant, rows, their number, and at most two statements for what belongs to them."""
LISTS = ("/projects/", "/assets/", "/shots/", "/tasks/", "/publishes/", "/cad/", "/jobs/", "/media/assets", "/scenes/")


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


def fill(studio: StudioUnderTest, production: Production, number: int) -> None:
    """One more row of every kind."""
    project = production.project["id"]
    me = studio.artist.get("/auth/me").data["user"]["id"]
    asset = studio.admin.post("/assets/", {"project_id": project, "name": f"asset{number}"}).data
    sequence = studio.admin.post("/sequences/", {"project_id": project, "name": f"sq{number}"}).data
    shot = studio.admin.post("/shots/", {"sequence_id": sequence["id"], "name": f"sh{number}"}).data
    body = {"target_type": "shot", "target_id": shot["id"], "name": "light", "department": "lighting"}
    studio.admin.post("/tasks/", {**body, "assignee_id": me})
    published = studio.publish(production, f"part{number}")
    studio.artist.post("/jobs/", {"kind": "still", "publish_id": published["id"]})
    content = f"ISO-10303-21; {number}".encode()
    studio.artist.upload(content, project=production.project["name"], asset=asset["name"], filename="x.step")
    scene = {"task_id": production.task["id"], "name": f"shop{number}", "software": "x", "suffix": ".blend"}
    studio.artist.post("/scenes/reserve", scene)


@pytest.mark.usefixtures("quiet_queue")
def test_a_longer_list_costs_no_more_statements(app: Flask, studio: StudioUnderTest) -> None:
    production = studio.production()
    costs: list[dict[str, int]] = []
    for rows in (range(2), range(2, 9)):
        for number in rows:
            fill(studio, production, number)
        cost = {}
        for path in LISTS:
            with counting(app) as statements:
                assert studio.artist.get(path).status == 200
            cost[path] = len(statements)
        costs.append(cost)
    assert costs[0] == costs[1]
    assert max(costs[1].values()) <= MOST, costs[1]
