"""Tasks that several people do: given, found, told of, and changed many at once."""

from __future__ import annotations

from uuid import uuid4

import pytest
from flask import Flask

from service.accounts.permissions import Role
from service.models import AuditRecord
from service.production.sheet_history import changes_of, was
from tests.service.studio import Json, Production, Reply, StudioUnderTest
from tests.service.test_notifications import tell, titles
from tests.service.test_statements import counting


@pytest.fixture
def people(studio: StudioUnderTest) -> list[Json]:
    """Anna and Bert."""
    named = [("Anna Berg", "anna@studio.example"), ("Bert Zorn", "bert@studio.example")]
    return [studio.admin.post("/artists/", {"name": name, "email": email}).data for name, email in named]


@pytest.fixture
def production(studio: StudioUnderTest) -> Production:
    return studio.production()


def assigned(task: Json) -> list[str]:
    return [each["name"] for each in task["assignees"]]


def test_a_task_is_done_by_several_and_found_for_each(
    studio: StudioUnderTest, production: Production, people: list[Json]
) -> None:
    anna, bert = (each["id"] for each in people)
    path = f"/tasks/{production.task['id']}"
    task = studio.admin.patch(path, {"assignee_ids": [bert, anna, bert]}).data
    assert assigned(task) == ["Bert Zorn", "Anna Berg"]
    assert (task["assignee_id"], task["assignee"]) == (bert, "Bert Zorn")
    for query, number in (
        (f"assignee={anna}", 1),
        (f"assignee={bert}", 1),
        ("assignee=me", 0),
        ("assignee=nobody", 0),
        ("q=anna gear", 1),
        ("q=zorn berg", 1),
        ("q=zorn wheel", 0),
        ("sort=-assignee,name", 1),
    ):
        assert studio.artist.get(f"/tasks/?{query}").data["total"] == number, query
    # Short for one, as before there were several.
    assert assigned(studio.admin.patch(path, {"assignee_id": anna}).data) == ["Anna Berg"]
    assert "must be the first" in str(studio.admin.patch(path, {"assignee_id": anna, "assignee_ids": [bert]}).error)
    emptied = studio.admin.patch(path, {"assignee_id": None}).data
    assert (emptied["assignees"], emptied["assignee_id"], emptied["assignee"]) == ([], None, None)
    assert studio.artist.get("/tasks/?assignee=nobody").data["total"] == 1
    refused = studio.admin.patch(path, {"assignee_ids": [anna, production.asset["id"]]})
    assert refused.status == 404 and production.asset["id"] in refused.error["fields"]["assignee_ids"]
    studio.admin.post(f"/artists/{bert}/archive")
    assert studio.admin.patch(path, {"assignee_ids": [bert]}).error["code"] == "conflict.archived"


def test_the_log_and_other_programs_hear_who_came_and_who_went(
    studio: StudioUnderTest, production: Production, people: list[Json]
) -> None:
    anna, bert = (each["id"] for each in people)
    path = f"/tasks/{production.task['id']}"
    studio.admin.patch(path, {"assignee_ids": [anna]})
    studio.admin.patch(path, {"assignee_ids": [anna, bert]})
    logged = studio.admin.get(f"/audit/?row_id={production.task['id']}&action=change").data["items"]
    assert [each["after"]["assignee_ids"] for each in logged] == [[anna, bert], [anna]]
    stale = studio.admin.patch(path, {"due": "2027-01-31"}, headers={"If-Match": "1"})
    assert stale.status == 412 and "assignee_ids" in stale.error["fields"]


def test_each_is_told_of_what_is_new_to_them(app: Flask, studio: StudioUnderTest) -> None:
    first, second = studio.production().task, studio.production().task
    artist, manager = (
        api.get("/auth/me").data["user"]["id"] for api in (studio.artist, studio.api(Role.PROJECT_MANAGER))
    )
    studio.admin.patch(f"/tasks/{first['id']}", {"assignee_ids": [manager]})
    both = [{"id": first["id"]}, {"id": second["id"]}]
    studio.admin.post("/tasks/change", {"tasks": both, "changes": {"add_assignee_ids": [artist, manager]}})
    tell(app)
    assert titles(studio.artist) == ["2 tasks for you"]
    assert sorted(titles(studio.api(Role.PROJECT_MANAGER))) == sorted(
        [f"A task for you: modelling of gear ({each['project']})" for each in (first, second)]
    )


def change(studio: StudioUnderTest, role: Role, tasks: list[Json], **changes: object) -> Reply:
    chosen = [{"id": task["id"], "revision": task["revision"]} for task in tasks]
    return studio.api(role).post("/tasks/change", {"tasks": chosen, "changes": changes})


def test_many_are_changed_at_once_or_none(studio: StudioUnderTest, people: list[Json]) -> None:
    anna, bert = (each["id"] for each in people)
    tasks = [studio.production().task for _ in range(3)]
    manager = Role.PROJECT_MANAGER
    answer = change(studio, manager, tasks, status="review", assignee_ids=[anna, bert], due="2027-01-31").data
    assert answer["changed"] == 3 and [each["id"] for each in answer["tasks"]] == [each["id"] for each in tasks]
    assert {(each["status"], *assigned(each), each["due"]) for each in answer["tasks"]} == {
        ("review", "Anna Berg", "Bert Zorn", "2027-01-31")
    }
    # One of them was changed since it was read: nothing is done.
    stale = change(studio, manager, [*answer["tasks"][:2], tasks[2]], status="done")
    assert (stale.status, list(stale.error["fields"])) == (412, [tasks[2]["id"]])
    now = answer["tasks"]
    assert change(studio, manager, now, remove_assignee_ids=[anna], status="review").data["changed"] == 3
    refused = change(studio, Role.ARTIST, [{"id": each["id"], "revision": None} for each in now], due="2027-02-01")
    assert refused.status == 403
    statuses = {each["status"] for each in studio.artist.get("/tasks/").data["items"]}
    assert statuses == {"review"}
    assert change(studio, Role.ARTIST, [{"id": now[0]["id"], "revision": None}], status="done").data["changed"] == 1
    studio.admin.post(f"/tasks/{now[1]['id']}/archive")
    assert change(studio, manager, [{"id": now[1]["id"], "revision": None}], status="done").status == 409


def test_a_hundred_cost_as_many_statements_as_one(app: Flask, studio: StudioUnderTest, people: list[Json]) -> None:
    project = studio.production().project
    table = "asset,task,department\n" + "".join(f"gear{number},model,model\n" for number in range(40))
    options = {"data": table.encode(), "content_type": "text/csv"}
    assert studio.admin.call("POST", f"/projects/{project['id']}/sheet", **options).status == 200
    tasks = studio.admin.get("/tasks/?q=model&page_size=100&sort=created_at").data["items"]

    def cost(chosen: list[Json], status: str) -> int:
        body = {"status": status, "add_assignee_ids": [people[0]["id"]]}
        with counting(app) as statements:
            answer = change(studio, Role.TENANT_ADMIN, [{**each, "revision": None} for each in chosen], **body)
        assert answer.data["changed"] == len(chosen)
        return len(statements)

    cost(tasks[:1], "done")
    # Those that somebody does already, and those that nobody does, are a statement each.
    assert cost(tasks[:30], "review") - cost(tasks[:1], "retake") <= 2


def test_days_and_estimates_are_kept_and_checked(studio: StudioUnderTest, production: Production) -> None:
    path = f"/tasks/{production.task['id']}"
    task = studio.admin.patch(path, {"start": "2027-01-11", "due": "2027-01-15", "estimate_days": 2.505}).data
    assert (task["start"], task["due"], task["estimate_days"]) == ("2027-01-11", "2027-01-15", 2.5)
    refused = studio.admin.patch(path, {"due": "2027-01-10"})
    assert refused.status == 422 and set(refused.error["fields"]) == {"start", "due"}
    assert studio.admin.patch(path, {"estimate_days": -1}).status == 422
    assert studio.artist.patch(path, {"estimate_days": 1}).status == 403
    assert studio.artist.get("/tasks/?sort=-estimate_days,start").data["total"] == 1
    emptied = studio.admin.patch(path, {"start": None, "estimate_days": None}).data
    assert (emptied["start"], emptied["estimate_days"]) == (None, None)


def test_the_history_of_one_assignee_counts_as_that_of_several() -> None:
    """What was recorded before tasks had several, so that an old spreadsheet puts nothing back."""
    row, anna = uuid4(), str(uuid4())
    given, taken = ({"assignee_id": None}, {"assignee_id": anna}), ({"assignee_id": anna}, {"assignee_id": None})
    log = {
        row: [
            AuditRecord(revision=n, before=before, after=after) for n, (before, after) in enumerate((given, taken), 2)
        ]
    }
    changes = changes_of(log, row, 1, "assignee_ids")
    assert len(changes) == 2 and changes_of(log, row, 1, "status") == []
    assert was(changes, "assignee_ids", [anna]) and was(changes, "assignee_ids", [])
    assert not was(changes, "assignee_ids", [str(uuid4())])


def test_a_spreadsheet_names_several_by_address_or_name(studio: StudioUnderTest, people: list[Json]) -> None:
    project = studio.production().project

    def send(*cells: str) -> Reply:
        text = "asset,task,assignees,start,due,estimate\n" + ",".join(["gear", "modelling", *cells]) + "\n"
        options = {"data": text.encode(), "content_type": "text/csv"}
        return studio.admin.call("POST", f"/projects/{project['id']}/sheet", **options)

    done = send('"bert zorn, ANNA@studio.example"', "2027-01-11", "15.1.2027", "2.5").data
    assert {each["field"]: each["after"] for each in done["changed"]} == {
        "assignees": "bert@studio.example, anna@studio.example",
        "start": "2027-01-11",
        "due": "2027-01-15",
        "estimate_days": 2.5,
    }
    exported = studio.app.test_client().get(
        f"/api/projects/{project['id']}/sheet",
        headers={"Authorization": f"Bearer {studio.tokens[Role.TENANT_ADMIN]}"},
    )
    assert '"bert@studio.example, anna@studio.example",2027-01-11,2027-01-15,2.5,' in exported.text
    assert send("bert@studio.example;anna berg", "", "", "").data["unchanged"] >= 1
    assert "due: 2027-01-15 is before the task starts" in str(send("", "2027-02-01", "", "").error["fields"])
    assert "nobody here has the name Carl" in str(send("Carl", "", "", "").error["fields"])
    assert "is a client" in str(send(studio.email(Role.CLIENT), "", "", "").error["fields"])
    studio.admin.post("/artists/", {"name": "Anna Berg", "email": "other@studio.example"})
    assert "several people here are called Anna Berg" in str(send("Anna Berg", "", "", "").error["fields"])
