"""Templates of tasks: new assets and shots begin with them, and many that are there get what they lack."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, text

from service.accounts.permissions import Role
from service.database import db, hold, tenant_session
from service.models import Task, TaskStatus
from service.production import task_templates
from tests.service.farm import until
from tests.service.page import Page
from tests.service.studio import Json, Production, StudioUnderTest
from tests.service.test_statements import counting

CAD = [{"name": "modelling", "department": "model"}, {"name": "shading", "department": "look", "status": "on_hold"}]


@pytest.fixture
def production(studio: StudioUnderTest) -> Production:
    return studio.production()


def template(studio: StudioUnderTest, name: str, **more: object) -> Json:
    body = {"name": name, "target_type": "asset", "tasks": CAD, **more}
    answer: Json = studio.api(Role.PROJECT_MANAGER).post("/task-templates/", body).data
    return answer


def asset(studio: StudioUnderTest, project: Json, name: str, **more: object) -> Json:
    answer: Json = studio.admin.post("/assets/", {"project_id": project["id"], "name": name, **more}).data
    return answer


def tasks(studio: StudioUnderTest, **where: str) -> list[tuple[str, str, str]]:
    found = studio.artist.get("/tasks/", query_string={**where, "page_size": 500}).data["items"]
    return [(each["name"], each["department"], each["status"]) for each in found]


def test_more_tasks_than_a_request_can_add_are_refused(
    studio: StudioUnderTest, production: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, project = template(studio, "two tasks"), {"project_id": production.project["id"]}
    asset(studio, production.project, "lamp")
    monkeypatch.setattr(task_templates, "MOST_ADDED", 2)
    refused = studio.admin.post(f"/task-templates/{made['id']}/apply", project)
    assert (refused.status, refused.error["code"]) == (422, "input.too_many")
    assert tasks(studio, asset="lamp") == []
    monkeypatch.setattr(task_templates, "MOST_ADDED", 3)
    assert len(studio.admin.post(f"/task-templates/{made['id']}/apply", project).data["added"]) == 3


def test_a_new_asset_begins_with_the_tasks_that_are_meant_for_it(
    studio: StudioUnderTest, production: Production
) -> None:
    project, light = production.project, [{"name": "lighting", "department": "lighting"}]
    template(studio, "all", is_default=True)
    template(studio, "props", asset_type="prop", is_default=True, tasks=CAD[:1])
    template(studio, "here", project_id=project["id"], asset_type="prop", is_default=True, tasks=light)
    asset(studio, project, "lamp")
    assert tasks(studio, asset="lamp") == [("modelling", "model", "todo"), ("shading", "look", "on_hold")]
    asset(studio, project, "chair", asset_type="prop")
    assert tasks(studio, asset="chair") == [("lighting", "lighting", "todo")]
    other = studio.admin.post("/projects/", {"name": "other"}).data
    asset(studio, other, "chair2", asset_type="prop")
    assert tasks(studio, asset="chair2") == [("modelling", "model", "todo")]
    asset(studio, project, "bare", task_template="none")
    assert tasks(studio, asset="bare") == []
    own = template(studio, "own", tasks=light)
    asset(studio, project, "chosen", task_template=own["id"])
    assert tasks(studio, asset="chosen") == [("lighting", "lighting", "todo")]
    sequence = studio.admin.post("/sequences/", {"project_id": project["id"], "name": "sq010"}).data["id"]
    on_shot = {"sequence_id": sequence, "name": "sh010"}
    refused = studio.admin.post("/shots/", {**on_shot, "task_template": own["id"]})
    assert refused.status == 422 and "task_template" in refused.error["fields"]
    assert studio.artist.get("/shots/").data["total"] == 0
    template(studio, "shots", target_type="shot", is_default=True, tasks=light)
    studio.admin.post("/shots/", on_shot)
    assert tasks(studio, shot="sq010/sh010") == [("lighting", "lighting", "todo")]


def test_tasks_stand_in_the_order_of_work_and_of_their_template(
    studio: StudioUnderTest, production: Production
) -> None:
    names = {"model": ["sculpt", "detail"], "look": ["texturing", "lookdev"], "lighting": ["dawn"]}
    wanted = [{"name": name, "department": department} for department in names for name in names[department]]
    for target_type in ("asset", "shot"):
        template(studio, target_type, target_type=target_type, is_default=True, tasks=wanted)
    lamp = asset(studio, production.project, "lamp")
    on_lamp = {"target_type": "asset", "target_id": lamp["id"]}
    studio.admin.post("/tasks/", {**on_lamp, "name": "checking", "department": "model"})
    sequence = studio.admin.post("/sequences/", {"project_id": production.project["id"], "name": "sq010"}).data
    shot = studio.admin.post("/shots/", {"sequence_id": sequence["id"], "name": "sh010"}).data
    address = f"/projects/{production.project['id']}"
    for page, department in (
        (f"/assets/{lamp['id']}", ["sculpt", "detail", "checking"]),
        (f"/shots/{shot['id']}", names["model"]),
        (f"{address}/progress?kind=sequence&of=sq010", names["model"]),
        (f"{address}/tasks?q=lamp", ["sculpt", "detail", "checking"]),
        (f"{address}/board?q=lamp", ["sculpt", "detail", "checking"]),
    ):
        text = Page(studio.browser().get(page)).text.partition("Log out")[2]
        places = [text.index(f" {name} ") for name in [*department, *names["look"], "dawn"]]
        assert places == sorted(places), page


def test_a_template_is_applied_to_many_and_adds_what_is_missing(
    studio: StudioUnderTest, production: Production
) -> None:
    project, made = production.project, template(studio, "CAD")
    lamp = asset(studio, project, "lamp")
    chair = asset(studio, project, "chair", asset_type="prop")
    put_away = studio.admin.post(
        "/tasks/", {"target_type": "asset", "target_id": chair["id"], "name": "Shading", "department": "look"}
    ).data
    studio.admin.post(f"/tasks/{put_away['id']}/archive")
    manager = studio.api(Role.PROJECT_MANAGER)
    done = manager.post(f"/task-templates/{made['id']}/apply", {"project_id": project["id"]}).data
    assert done["targets"] == 3
    assert sorted((each["entity"], each["name"]) for each in done["added"]) == [
        ("asset:chair", "modelling"),
        ("asset:gear", "shading"),
        ("asset:lamp", "modelling"),
        ("asset:lamp", "shading"),
    ]
    again = manager.post(f"/task-templates/{made['id']}/apply", {"project_id": project["id"]}).data
    assert (again["targets"], again["added"]) == (3, [])
    # Tasks that are made so are recorded and told of as others are.
    logged = studio.admin.get(f"/audit/?row_id={done['added'][0]['id']}").data["items"]
    assert [each["action"] for each in logged] == ["create"]
    for body, status in (
        ({"target_ids": [production.task["id"]]}, 404),
        ({}, 422),
    ):
        assert manager.post(f"/task-templates/{made['id']}/apply", body).status == status
    studio.admin.post(f"/assets/{lamp['id']}/archive")
    assert manager.post(f"/task-templates/{made['id']}/apply", {"target_ids": [lamp["id"]]}).status == 409
    assert studio.artist.post(f"/task-templates/{made['id']}/apply", {"target_ids": [chair["id"]]}).status == 403


def test_many_cost_as_many_statements_as_one(app: Flask, studio: StudioUnderTest, production: Production) -> None:
    made, project = template(studio, "CAD"), production.project
    table = "asset\n" + "".join(f"gear{number}\n" for number in range(60))
    options = {"data": table.encode(), "content_type": "text/csv"}
    assert studio.admin.call("POST", f"/projects/{project['id']}/sheet", **options).status == 200
    ids = [each["id"] for each in studio.artist.get("/assets/?page_size=100").data["items"]]

    def cost(chosen: list[str]) -> int:
        with counting(app) as statements:
            answer = studio.admin.post(f"/task-templates/{made['id']}/apply", {"target_ids": chosen})
        assert answer.data["targets"] == len(chosen) and answer.data["added"]
        return len(statements)

    cost(ids[:1])
    assert cost(ids[2:60]) == cost(ids[1:2])


def test_many_statuses_are_looked_up_with_one_statement(app: Flask, studio: StudioUnderTest) -> None:
    def cost(*statuses: str) -> int:
        tasks = [{"name": f"t{each}", "department": "model", "status": each} for each in statuses]
        with counting(app) as statements:
            template(studio, f"{len(statuses)}", tasks=tasks)
        return len(statements)

    cost("todo", "review", "done")
    assert cost("todo") == cost("todo", "review", "retake", "approved", "done", "on_hold")


def test_two_who_apply_a_template_at_once_add_each_task_once(studio: StudioUnderTest, production: Production) -> None:
    made, body = template(studio, "CAD"), {"project_id": production.project["id"]}
    for number in range(5):
        asset(studio, production.project, f"gear{number}")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: studio.admin.post(f"/task-templates/{made['id']}/apply", body), range(4)))
    assert {answer.status for answer in answers} == {200}
    assert sum(len(answer.data["added"]) for answer in answers) == 11


def test_who_applies_a_template_waits_for_a_status_before_holding_the_names(
    studio: StudioUnderTest, production: Production
) -> None:
    """As who adds one task does: in two orders, with a third who changes the status, all would wait in a ring."""
    made, gear = template(studio, "two tasks"), production.asset["id"]
    with (
        ThreadPoolExecutor(1) as pool,
        studio.app.app_context(),
        db.engine.connect() as looking,
        tenant_session(studio.tenant_id) as beside,
    ):
        beside.scalars(select(TaskStatus).where(TaskStatus.is_default).with_for_update(key_share=True)).one()
        answer = pool.submit(studio.admin.post, f"/task-templates/{made['id']}/apply", {"target_ids": [gear]})
        until(lambda: looking.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))
        beside.execute(text("SET LOCAL lock_timeout = '500ms'"))
        hold(beside, studio.tenant_id, Task.__tablename__, UUID(gear), "shading")
        beside.rollback()
        assert [each["name"] for each in answer.result().data["added"]] == ["shading"]


def test_one_template_is_the_default_of_the_same_and_statuses_must_be_declared(studio: StudioUnderTest) -> None:
    manager = studio.api(Role.PROJECT_MANAGER)
    first, second = template(studio, "one", is_default=True), template(studio, "two", is_default=True)

    def defaults() -> list[str]:
        found = manager.get("/task-templates/?archived=true").data["items"]
        return [each["name"] for each in found if each["is_default"] and not each["archived_at"]]

    assert defaults() == ["two"]
    assert manager.patch(f"/task-templates/{first['id']}", {"is_default": True}).status == 200
    assert defaults() == ["one"]
    manager.post(f"/task-templates/{first['id']}/archive")
    manager.patch(f"/task-templates/{second['id']}", {"is_default": True})
    assert manager.post(f"/task-templates/{first['id']}/restore").status == 200
    assert defaults() == ["one"]
    unknown = [{"name": "a", "department": "look", "status": "dnoe"}]
    body = {"name": "three", "target_type": "asset"}
    assert manager.post("/task-templates/", {**body, "tasks": unknown}).error["code"] == "input.unknown_status"
    twice = [CAD[0], {**CAD[0], "name": "Modelling"}]
    assert "two tasks are called alike" in str(manager.post("/task-templates/", {**body, "tasks": twice}).error)
    assert manager.post("/task-templates/", {**body, "name": "one", "tasks": CAD}).error["code"] == "conflict.exists"


def test_managers_make_change_and_apply_templates_on_pages(studio: StudioUnderTest, production: Production) -> None:
    browser = studio.browser(Role.PROJECT_MANAGER)

    def send(address: str, back: str = "/task-templates", **form: str) -> str:
        headers = {"Sec-Fetch-Site": "same-origin", "Referer": f"http://localhost{back}"}
        answer = browser.post(address, data=form, headers=headers)
        assert (answer.status_code, answer.location) == (303, back)
        return Page(browser.get(back)).text

    lines = "model\nshading, look, on_hold\n"
    form = {"name": "CAD", "target_type": "asset", "asset_type": "", "project_id": ""}
    assert "department" in send("/task-templates", **form, tasks="hammering")
    assert "CAD" in send("/task-templates", **form, tasks=lines)
    [made] = studio.artist.get("/task-templates/").data["items"]
    assert made["tasks"] == [{"name": "model", "department": "model", "status": None}, CAD[1]]
    assert "model , shading Look, On hold Apply" in Page(browser.get("/task-templates")).text, "each word once"
    page = f"/assets/{production.asset['id']}"
    told = send("/task-templates/apply", page, template=made["id"], target_id=production.asset["id"])
    assert "Added 2 tasks to 1 asset." in told
    where = f"/task-templates/{made['id']}"
    send(f"{where}/change", version="1", name="CAD", tasks=lines + "light, lighting", is_default="on")
    told = send("/task-templates/apply", template=made["id"], project_id=production.project["id"])
    assert "Added 1 task to 1 asset." in told
    assert "Restore" in send(f"{where}/archive") and "Apply" in send(f"{where}/restore")
    assert studio.browser().get("/task-templates").status_code == 403
