"""Watching tasks that others do: who watches hears of them, once, and only while they may see them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from service.accounts.permissions import Role
from tests.service.page import Page
from tests.service.studio import Json, StudioUnderTest
from tests.service.test_notifications import listed, tell, titles, user_id

pytestmark = pytest.mark.usefixtures("few_tenants", "quiet_queue")


def test_who_watches_hears_of_status_comments_and_publishes(app: Flask, studio: StudioUnderTest) -> None:
    production = studio.production()
    path, manager = f"/tasks/{production.task['id']}", studio.api(Role.PROJECT_MANAGER)
    assert [each["name"] for each in manager.post(f"{path}/watch").data] == ["project_manager"]
    studio.artist.patch(path, {"status": "in_progress"})
    studio.artist.post("/comments/", {"target_type": "task", "target_id": production.task["id"], "text": "Too thin."})
    studio.publish(production)
    tell(app)
    place = f"modelling of gear ({production.project['name']})"
    told = titles(manager)
    assert f"{place} is now In progress" in told
    assert f"artist commented on {place}" in told
    assert [title for title in told if title.endswith(" was published")]
    assert titles(studio.artist) == [], "who does all this is not told of it"

    manager.post(f"{path}/unwatch")
    studio.artist.patch(path, {"status": "review"})
    tell(app)
    assert titles(manager) == told


def test_who_watches_and_does_a_task_is_told_once(app: Flask, studio: StudioUnderTest) -> None:
    task = studio.production().task
    studio.admin.patch(f"/tasks/{task['id']}", {"assignee_id": str(user_id(studio.artist))})
    studio.artist.post(f"/tasks/{task['id']}/watch")
    studio.admin.patch(f"/tasks/{task['id']}", {"status": "retake"})
    tell(app)
    assert [each["kind"] for each in listed(studio.artist)] == ["task.status", "task.assigned"]


def test_many_watched_tasks_that_are_moved_together_are_one_message(app: Flask, studio: StudioUnderTest) -> None:
    production = studio.production()
    body = {"target_type": "asset", "target_id": production.asset["id"], "department": "look"}
    tasks: list[Json] = [studio.admin.post("/tasks/", {**body, "name": f"look{number}"}).data for number in range(5)]
    for task in tasks:
        studio.artist.post(f"/tasks/{task['id']}/watch")
    changes = {"tasks": [{"id": task["id"]} for task in tasks], "changes": {"status": "review"}}
    assert studio.admin.post("/tasks/change", changes).data["changed"] == 5
    tell(app)
    assert titles(studio.artist) == ["5 tasks have another status"]


def test_who_became_a_client_hears_no_more(app: Flask, studio: StudioUnderTest) -> None:
    task = studio.production().task
    studio.artist.post(f"/tasks/{task['id']}/watch")
    studio.admin.patch(f"/artists/{user_id(studio.artist)}", {"role": "client"})
    studio.admin.patch(f"/tasks/{task['id']}", {"status": "review"})
    tell(app)
    assert titles(studio.artist) == []


def test_what_one_watches_is_a_list_and_no_change_of_the_task(studio: StudioUnderTest) -> None:
    production = studio.production()
    watched, other = production.task, studio.production("look").task
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: studio.artist.post(f"/tasks/{watched['id']}/watch"), range(4)))
    assert [(answer.status, len(answer.data)) for answer in answers] == [(200, 1)] * 4
    assert [task["id"] for task in studio.artist.get("/tasks/?watched=true").data["items"]] == [watched["id"]]
    assert studio.admin.get("/tasks/?watched=true").data["items"] == []
    assert studio.admin.get(f"/tasks/{watched['id']}").data["revision"] == watched["revision"]
    # Watching none is no error; what is put away takes no watchers, and lets go those it has.
    assert studio.artist.post(f"/tasks/{other['id']}/unwatch").data == []
    for task in (watched, other):
        studio.admin.post(f"/tasks/{task['id']}/archive")
    assert studio.artist.post(f"/tasks/{other['id']}/watch").error["code"] == "conflict.archived"
    assert studio.artist.post(f"/tasks/{watched['id']}/unwatch").data == []


def test_the_page_of_a_task_has_the_button(studio: StudioUnderTest) -> None:
    task = studio.production().task
    browser, path = studio.browser(Role.ARTIST), f"/tasks/{task['id']}"
    assert "Watched by nobody" in Page(browser.get(path)).text
    assert browser.post(f"{path}/watch").status_code == 303
    assert "Watched by artist" in Page(browser.get(path)).text
    assert task["name"] in Page(browser.get("/my-tasks?watched=1")).text
    browser.post(f"{path}/unwatch")
    assert "Nothing is watched" in Page(browser.get("/my-tasks?watched=1")).text
