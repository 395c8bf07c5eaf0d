"""What people read has the titles of projects, assets and shots; where there is none, their names."""

from __future__ import annotations

from service.accounts.permissions import Role
from tests.service.page import Page
from tests.service.studio import StudioUnderTest


def test_pages_say_titles_and_fall_back_to_names(studio: StudioUnderTest) -> None:
    production = studio.production()
    project, asset, task = production.project, production.asset, production.task
    studio.admin.patch(f"/projects/{project['id']}", {"title": "The bearing film"})
    sequence = studio.admin.post("/sequences/", {"project_id": project["id"], "name": "sq010"}).data
    shot = studio.admin.post("/shots/", {"sequence_id": sequence["id"], "name": "sh010"}).data
    on_shot = {"target_type": "shot", "target_id": shot["id"], "name": "light", "department": "lighting"}
    me = studio.artist.get("/auth/me").data["user"]["id"]
    given = {"assignee_ids": [me], "start": "2027-01-04", "due": "2027-01-08"}
    studio.admin.post("/tasks/", {**on_shot, **given})
    studio.admin.patch(f"/tasks/{task['id']}", given)
    publish = studio.publish(production)
    studio.artist.post("/jobs/", {"kind": "still", "publish_id": publish["id"]})

    browser, address = studio.browser(Role.PROJECT_MANAGER), f"/projects/{project['id']}"
    shown = {
        f"{address}/board": ("gear", "sq010 / sh010"),
        f"{address}/tasks": ("gear", "sq010 / sh010"),
        f"{address}/schedule?from=2027-01-04": ("gear", "sq010 / sh010"),
        f"{address}/schedule?from=2027-01-04&by=target": ("gear", "sq010 / sh010"),
        f"{address}/progress": ("gear",),
        f"{address}/progress?kind=sequence&of=sq010": ("sh010",),
        "/schedule?from=2027-01-04": ("gear", "sq010 / sh010", "The bearing film"),
        "/jobs": ("gear",),
    }
    own = {
        "/my-tasks": ("gear", "sq010 / sh010", "The bearing film"),
        "/time?week=2027-01-04": (),
    }
    titles = {
        "gear": "Ball bearing 6204",
        "sq010 / sh010": "sq010 / sh010, A ball rolls in",
        "sh010": "sh010, A ball rolls in",
    }

    def text(page: str) -> str:
        return Page((studio.browser() if page in own else browser).get(page)).text.partition("Log out")[2]

    pages = {**shown, **own}
    for page, names in pages.items():
        assert all(name in text(page) for name in names), page
    studio.admin.patch(f"/assets/{asset['id']}", {"title": titles["gear"]})
    studio.admin.patch(f"/shots/{shot['id']}", {"title": "A ball rolls in"})
    for page, names in pages.items():
        found = text(page)
        assert all(titles.get(name, name) in found for name in names), page
        assert " gear " not in found, page
