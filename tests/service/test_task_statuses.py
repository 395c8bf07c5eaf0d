"""What tasks can be: declared by the studio, given by whom it says, told of, and never taken from a task unasked."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from service.accounts.permissions import Role
from tests.service.page import Page
from tests.service.studio import Api, Json, Production, StudioUnderTest
from tests.service.test_notifications import tell, titles
from tests.service.world import unique

SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
DEFAULTS = ["todo", "in_progress", "review", "retake", "approved", "done", "on_hold"]


@pytest.fixture
def production(studio: StudioUnderTest) -> Production:
    return studio.production()


def names(studio: StudioUnderTest, **query: str) -> list[str]:
    return [each["name"] for each in studio.artist.get("/task-statuses/", query_string=query).data["items"]]


def status(studio: StudioUnderTest, name: str) -> Json:
    found = studio.artist.get("/task-statuses/?archived=true").data["items"]
    return next(each for each in found if each["name"] == name)


def path(studio: StudioUnderTest, name: str) -> str:
    return f"/task-statuses/{status(studio, name)['id']}"


def test_a_new_tenant_has_statuses_and_new_tasks_the_first(studio: StudioUnderTest, production: Production) -> None:
    assert names(studio) == DEFAULTS and names(studio, kind="done") == ["approved", "done"]
    assert production.task["status"] == "todo"
    body = {"name": unique(), "admin_email": "a@b.example"}
    made = studio.api(Role.GLOBAL_ADMIN).post("/tenants/", body).data
    login = {"email": "a@b.example", "password": made["admin_password"], "tenant": made["name"]}
    token = Api(studio.app).post("/auth/login", login).data["token"]
    listed = Api(studio.app, token).get("/task-statuses/").data["items"]
    assert [each["name"] for each in listed] == DEFAULTS


def test_what_is_not_declared_is_refused_with_what_there_is(studio: StudioUnderTest, production: Production) -> None:
    task = production.task["id"]
    on = {"target_type": "asset", "target_id": production.asset["id"], "name": "look", "department": "look"}
    for answer in (
        studio.artist.patch(f"/tasks/{task}", {"status": "dnoe"}),
        studio.admin.post("/tasks/", {**on, "status": "dnoe"}),
        studio.artist.post("/comments/", {"target_type": "task", "target_id": task, "text": "x", "status": "dnoe"}),
        studio.artist.post("/tasks/change", {"tasks": [{"id": task}], "changes": {"status": "dnoe"}}),
    ):
        assert (answer.status, answer.error["code"]) == (422, "input.unknown_status")
        assert "todo, in_progress, review" in answer.error["fields"]["status"]
    sheet = studio.admin.call(
        "POST",
        f"/projects/{production.project['id']}/sheet",
        data=b"asset,task,task status\ngear,modelling,dnoe\n",
        content_type="text/csv",
    )
    assert "no task can be given dnoe; there are todo, in_progress" in sheet.error["fields"]["line 2"]
    assert studio.artist.get(f"/tasks/{task}").data["revision"] == 1
    assert studio.artist.get("/comments/").data["total"] == 0


def test_a_status_is_declared_changed_and_ordered(studio: StudioUnderTest, production: Production) -> None:
    manager = studio.api(Role.PROJECT_MANAGER)
    made = manager.post("/task-statuses/", {"name": "client_review", "kind": "review", "color": "#AABBCC"}).data
    assert (made["label"], made["position"], made["color"]) == ("Client review", 7, "#aabbcc")
    assert manager.post("/task-statuses/", {"name": "client_review", "kind": "todo"}).error["code"] == "conflict.exists"
    assert studio.artist.post("/task-statuses/", {"name": "mine", "kind": "todo"}).status == 403
    where = path(studio, "client_review")
    changed = manager.patch(where, {"title": "At the client's", "position": 0, "for_artists": False}).data
    assert (changed["name"], changed["label"]) == ("client_review", "At the client's")
    assert names(studio)[:2] == ["client_review", "todo"]
    stale = manager.patch(where, {"title": "x"}, headers={"If-Match": "1"})
    assert (stale.status, stale.error["code"]) == (412, "conflict.stale")
    refused = studio.artist.patch(f"/tasks/{production.task['id']}", {"status": "client_review"})
    assert refused.status == 403 and "Only a project manager may give" in refused.error["message"]
    on_task = {"target_type": "task", "target_id": production.task["id"], "text": "Sent."}
    assert studio.artist.post("/comments/", {**on_task, "status": "client_review"}).status == 403
    assert manager.patch(f"/tasks/{production.task['id']}", {"status": "client_review"}).status == 200


def test_one_status_is_the_default_also_when_several_become_it_at_once(
    studio: StudioUnderTest, production: Production
) -> None:
    where = [path(studio, name) for name in DEFAULTS]
    start = threading.Barrier(len(where))

    def make_default(address: str) -> int:
        start.wait()
        return studio.admin.patch(address, {"is_default": True}).status

    with ThreadPoolExecutor(len(where)) as pool:
        assert set(pool.map(make_default, where)) == {200}
    listed = studio.artist.get("/task-statuses/").data["items"]
    [default] = [each for each in listed if each["is_default"]]
    on = {"target_type": "asset", "target_id": production.asset["id"], "department": "look"}
    assert studio.admin.post("/tasks/", {**on, "name": "look"}).data["status"] == default["name"]
    refused = studio.admin.patch(path(studio, default["name"]), {"is_default": False})
    assert "is_default" in refused.error["fields"]
    assert studio.admin.post(f"{path(studio, default['name'])}/archive").error["code"] == "conflict.in_use"


def test_one_in_use_is_put_away_once_its_tasks_have_another(studio: StudioUnderTest, production: Production) -> None:
    task, where = f"/tasks/{production.task['id']}", path(studio, "review")
    studio.artist.patch(task, {"status": "review"})
    refused = studio.admin.post(f"{where}/archive")
    assert refused.error["code"] == "conflict.in_use" and "1 task has the status review" in refused.error["message"]
    assert refused.error["fields"] == {"tasks": "1"}
    assert "by" in studio.admin.post(f"{where}/replace", {"by": "review"}).error["fields"]
    assert studio.admin.post(f"{where}/replace", {"by": "in_progress"}).status == 200
    changed = studio.artist.get(task).data
    assert (changed["status"], changed["revision"]) == ("in_progress", 3)
    assert studio.admin.post(f"{where}/archive").data["archived_at"]
    assert "review" not in names(studio)
    refused = studio.artist.patch(task, {"status": "review"})
    assert refused.error["code"] == "input.unknown_status" and "archived" in refused.error["message"]
    assert studio.admin.post(f"{where}/restore").status == 200
    assert studio.artist.patch(task, {"status": "review"}).status == 200


def test_nobody_gives_a_status_that_is_put_away_meanwhile(studio: StudioUnderTest, production: Production) -> None:
    where, task = path(studio, "review"), production.task["id"]
    start = threading.Barrier(2)

    def give() -> int:
        start.wait()
        return studio.artist.patch(f"/tasks/{task}", {"status": "review"}).status

    def put_away() -> int:
        start.wait()
        return studio.admin.post(f"{where}/archive").status

    for _ in range(5):
        with ThreadPoolExecutor(2) as pool:
            given, away = (pool.submit(work) for work in (give, put_away))
        assert (given.result(), away.result()) in {(200, 409), (422, 200)}
        studio.admin.post(f"{where}/restore")
        studio.artist.patch(f"/tasks/{task}", {"status": "todo"})


def test_answers_of_a_review_go_by_what_statuses_mean(studio: StudioUnderTest, production: Production) -> None:
    manager, browser = studio.api(Role.PROJECT_MANAGER), studio.browser()
    manager.post("/task-statuses/", {"name": "fix", "kind": "retake", "position": 0})
    picture = studio.publish(production)
    page = browser.get(f"/tasks/{production.task['id']}").text
    assert '<option value="fix">Fix</option>' in page and 'fill="#5aa9e6"' not in Page(browser.get("/")).text
    manager.patch(path(studio, "approved"), {"for_artists": False})
    page = browser.get(f"/tasks/{production.task['id']}").text
    assert 'value="approved"' not in page and 'value="done"' in page and picture["id"] in page


def test_managers_look_after_statuses_on_a_page(studio: StudioUnderTest, production: Production) -> None:
    browser = studio.browser(Role.PROJECT_MANAGER)
    assert studio.browser().get("/task-statuses").status_code == 403

    def send(address: str, **form: str) -> str:
        answer = browser.post(address, data=form, headers={**SAME_SITE, "Referer": "http://localhost/task-statuses"})
        assert (answer.status_code, answer.location) == (303, "/task-statuses")
        return Page(browser.get(answer.location)).text

    form = {"title": "At the client's", "kind": "review", "color": "#aabbcc", "for_artists": "on"}
    assert "At the client's" in send("/task-statuses", name="client_review", **form)
    where = path(studio, "client_review")
    assert "nothing was saved" in send(f"{where}/change", version="7", **form)
    send(f"{where}/change", version="1", **{**form, "title": "Client"}, is_default="on")
    assert status(studio, "client_review")["title"] == "Client" and not status(studio, "todo")["is_default"]
    send(f"{where}/up")
    assert names(studio)[-2:] == ["client_review", "on_hold"]
    assert "1 task has the status todo" in send(f"{path(studio, 'todo')}/archive")
    assert "Restore" in send(f"{path(studio, 'todo')}/archive", by="client_review")
    assert studio.artist.get(f"/tasks/{production.task['id']}").data["status"] == "client_review"
    send(f"{path(studio, 'todo')}/restore")
    assert names(studio)[0] == "todo"


def test_those_who_do_a_task_hear_its_status_by_its_title(app: Flask, studio: StudioUnderTest) -> None:
    task = studio.production().task
    me = studio.artist.get("/auth/me").data["user"]["id"]
    manager = studio.api(Role.PROJECT_MANAGER)
    studio.admin.patch(path(studio, "retake"), {"title": "Once more"})
    studio.admin.patch(f"/tasks/{task['id']}", {"assignee_ids": [me, manager.get("/auth/me").data["user"]["id"]]})
    studio.admin.patch(f"/tasks/{task['id']}", {"status": "retake"})
    tell(app)
    for api in (studio.artist, manager):
        assert titles(api)[0] == f"modelling of gear ({task['project']}) is now Once more"
        assert titles(api)[1].startswith("A task for you: modelling")
