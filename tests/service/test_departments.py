"""Departments of a studio's own: their place among the others; what was composed stays as it was, to the byte."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from service.accounts.permissions import Role
from service.database import tenant_session
from service.tasks.publish import task_for
from tests.service.page import Page
from tests.service.studio import Json, Production, Reply, StudioUnderTest, make_studio
from tests.service.test_production_sheet import export, send
from tests.service.test_publishing_entries import composed, folder_of, pinned, publish_as
from tests.service.test_statements import counting
from tests.service.test_task_statuses import SAME_SITE

BUILT_IN = ["lighting", "fx", "animation", "layout", "look", "model"]
GROOMING = {"name": "grooming", "arc": "sublayer", "below": "layout"}
RIGGING = {"name": "rigging", "label": "Rigs", "arc": "payload", "below": "look"}


@pytest.fixture
def production(studio: StudioUnderTest) -> Production:
    return studio.production()


def add(studio: StudioUnderTest, **department: str | None) -> Json:
    answer = studio.api(Role.PROJECT_MANAGER).post("/departments/", department)
    assert answer.status == 201, answer.error
    made: Json = answer.data
    return made


def names(studio: StudioUnderTest, query: str = "") -> list[str]:
    return [each["name"] for each in studio.artist.get(f"/departments/{query}").data["items"]]


def path(studio: StudioUnderTest, name: str) -> str:
    found = studio.artist.get("/departments/?archived=true").data["items"]
    return "/departments/" + next(str(each["id"]) for each in found if each["name"] == name)


def archive(studio: StudioUnderTest, name: str) -> None:
    assert studio.admin.post(f"{path(studio, name)}/archive").status == 200


def new_task(studio: StudioUnderTest, production: Production, department: str) -> Reply:
    on = {"target_type": "asset", "target_id": production.asset["id"]}
    return studio.admin.post("/tasks/", {**on, "name": f"t_{uuid4().hex[:8]}", "department": department})


def entries_of(folder: Path) -> dict[str, str]:
    """The text of an asset's entries by their paths, pinned ones too."""
    return {str(file): file.read_text() for file in folder.rglob("*.usd") if file.parent.name != "data"}


# -- what there is, and who says so


def test_every_studio_has_six_and_adds_its_own_in_their_places(studio: StudioUnderTest) -> None:
    assert names(studio) == BUILT_IN
    made = add(studio, **GROOMING)
    assert (made["label"], made["arc"], made["archived_at"]) == ("Grooming", "sublayer", None)
    add(studio, **RIGGING)
    add(studio, name="finishing", arc="sublayer", below=None)
    add(studio, name="fur", arc="sublayer", below="grooming")
    add(studio, name="concept", arc="payload", below="model")
    expected = ["finishing", "lighting", "fx", "animation", "layout", "grooming", "fur", "look"]
    assert names(studio) == [*expected, "rigging", "model", "concept"]
    assert names(studio, "?arc=payload") == ["rigging", "model", "concept"]
    other = make_studio(studio.app)
    assert names(other) == BUILT_IN


@pytest.mark.parametrize(
    ("department", "code", "told"),
    [
        ({**GROOMING, "name": "look"}, "conflict.exists", "There is already a department look here"),
        ({**GROOMING, "below": "cooking"}, "input.unknown_department", "There is no department cooking"),
        ({**GROOMING, "below": "model"}, "input.department_place", "Layers stand above all geometry"),
        ({**RIGGING, "below": "fx"}, "input.department_place", "Geometry stands below all layers"),
        ({**RIGGING, "below": None}, "input.department_place", "Geometry stands below all layers"),
        ({"name": "grooming", "arc": "sublayer"}, "input", "below"),
        ({**GROOMING, "name": "Grooming"}, "input", "name"),
        ({**GROOMING, "arc": "reference"}, "input", "arc"),
        ({**GROOMING, "label": " "}, "input", "label"),
    ],
)
def test_what_cannot_be_is_refused(studio: StudioUnderTest, department: Json, code: str, told: str) -> None:
    refused = studio.admin.post("/departments/", department)
    assert refused.error["code"].startswith(code) and told in str(refused.error)
    assert names(studio) == BUILT_IN


def test_only_managers_add_them_and_only_labels_change(studio: StudioUnderTest) -> None:
    assert studio.artist.post("/departments/", GROOMING).status == 403
    fx = path(studio, "fx")
    assert studio.artist.patch(fx, {"label": "Simulation"}).status == 403
    changed = studio.admin.patch(fx, {"label": "Simulation"}, headers={"If-Match": "1"})
    assert (changed.data["name"], changed.data["label"], changed.data["revision"]) == ("fx", "Simulation", 2)
    stale = studio.admin.patch(fx, {"label": "Effects"}, headers={"If-Match": "1"})
    assert (stale.status, stale.error["code"]) == (412, "conflict.stale")
    for never in ({"arc": "payload"}, {"name": "effects"}, {"rank": 0}, {"below": "look"}):
        assert studio.admin.patch(fx, never).status == 422
    assert names(studio) == BUILT_IN


@pytest.mark.parametrize("change", ["arc = 'payload'", "rank = rank + 10", "name = 'other'"])
def test_postgresql_lets_nobody_change_what_entries_are_composed_by(studio: StudioUnderTest, change: str) -> None:
    with (
        studio.app.app_context(),
        pytest.raises(ProgrammingError, match="permission denied"),
        tenant_session(studio.tenant_id) as current,
    ):
        current.execute(text(f"UPDATE departments SET {change}"))


def test_those_that_are_added_at_once_each_have_a_place(studio: StudioUnderTest) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: add(studio, name=f"d{number}", arc="sublayer", below="fx"), range(8)))
    assert len({each["rank"] for each in made}) == 8
    assert [name for name in names(studio) if name in BUILT_IN] == BUILT_IN


def test_there_is_room_for_as_many_as_there_may_be(studio: StudioUnderTest) -> None:
    """Each directly below the one before halves what is left of one gap."""
    above, added = "layout", []
    for number in range(44):
        add(studio, name=f"d{number}", arc="sublayer", below=above)
        above = f"d{number}"
        added.append(above)
    assert names(studio, "?page_size=100") == [*BUILT_IN[:4], *added, *BUILT_IN[4:]]
    full = studio.admin.post("/departments/", GROOMING)
    assert (full.status, full.error["code"]) == (409, "conflict.too_many")


# -- composing


def test_a_department_composes_in_its_place_and_nothing_else_changes(
    studio: StudioUnderTest, production: Production
) -> None:
    for department in ("model", "look", "animation"):
        last = publish_as(studio, production, f"{department}_a", department)
    folder = folder_of(studio, production)
    asset_entry = str(folder / "gear.usd")
    pin = pinned(studio, last)
    before = entries_of(folder)

    add(studio, **GROOMING)
    assert entries_of(folder) == before and pinned(studio, last) == pin
    assert new_task(studio, production, "grooming").status == 201
    groomed = publish_as(studio, production, "fur", "grooming")

    after = entries_of(folder)
    assert composed(after[asset_entry]) == ["animation_a", "fur", "look_a", "model_a"]
    new = re.compile(r"        @\./fur/fur\.usd@,\n")
    assert new.sub("", after[asset_entry]) == before[asset_entry], "nothing but the new line"
    assert {place: after[place] for place in before if place != asset_entry} == {
        place: content for place, content in before.items() if place != asset_entry
    }
    assert pinned(studio, last) == pin
    items = re.findall(r"@\.\./(\w+)/data", pinned(studio, groomed)["text"])
    assert items == ["animation_a", "fur", "look_a", "model_a"]


def test_a_department_of_geometry_brings_payloads(studio: StudioUnderTest, production: Production) -> None:
    add(studio, **RIGGING)
    publish_as(studio, production, "model_a", "model")
    published = publish_as(studio, production, "rig", "rigging")
    entry = (folder_of(studio, production) / "rig/rig.usd").read_text()
    assert "prepend payload = @./data/rig_v001_i001.usd@" in entry and "subLayers" not in entry
    pin = pinned(studio, published)
    assert re.search(r"prepend payload = \[@\.\./rig/data/\S+, @\.\./model_a/data/", pin["text"])
    assert {part["part_name"]: part["arc"] for part in pin["parts"]} == {"rig": "payload", "model_a": "payload"}


def test_unknown_departments_are_refused_with_what_there_is(studio: StudioUnderTest, production: Production) -> None:
    add(make_studio(studio.app), **GROOMING)
    reserved = studio.artist.post("/publishes/reserve", production.reserve_body("x")).data
    body = production.publish_body(studio.write(reserved["item_usd_path"]), "y")
    body["metadata"]["department"] = "grooming"
    tasks = [{"name": "fur", "department": "grooming"}]
    task = f"/tasks/{production.task['id']}"
    many = {"tasks": [{"id": production.task["id"]}], "changes": {"department": "grooming"}}
    for answer in (
        studio.artist.post("/publishes/reserve", production.reserve_body("y", department="grooming")),
        studio.artist.post("/publishes/", body),
        new_task(studio, production, "grooming"),
        studio.admin.patch(task, {"department": "grooming"}),
        studio.admin.post("/tasks/change", many),
        studio.admin.post("/task-templates/", {"name": "t", "target_type": "asset", "tasks": tasks}),
    ):
        assert (answer.status, answer.error["code"]) == (422, "input.unknown_department")
        assert answer.error["message"] == "There is no department grooming."
        assert "lighting, fx" in answer.error["hint"] and "/api/departments/" in answer.error["hint"]


def test_publishing_costs_no_more_statements_with_a_department_of_ones_own(
    app: Flask, studio: StudioUnderTest, production: Production
) -> None:
    add(studio, **GROOMING)
    numbers = []
    for part, department in (("body", "model"), ("fur", "grooming")):
        publish_as(studio, production, part, department)
        with counting(app) as statements:
            publish_as(studio, production, part, department)
        numbers.append(len(statements))
        assert not [each for each in statements if "FROM departments" in each]
    assert numbers[0] == numbers[1]


# -- archived ones


def test_what_is_archived_goes_on_and_is_given_to_nothing_new(studio: StudioUnderTest, production: Production) -> None:
    for department in (GROOMING, RIGGING):
        add(studio, **department)
    task = new_task(studio, production, "grooming").data
    publish_as(studio, production, "fur", "grooming")
    for name in ("grooming", "fx", "model"):
        archive(studio, name)
    assert names(studio) == ["lighting", "animation", "layout", "look", "rigging"]
    refused = new_task(studio, production, "fx")
    assert (refused.status, refused.error["code"]) == (422, "input.unknown_department")
    assert refused.error["message"] == "The department fx is archived."
    assert "restores them under Departments" in refused.error["hint"]
    assert studio.admin.patch(f"/tasks/{task['id']}", {"department": "fx"}).status == 422

    # A form says what the task has already.
    kept = studio.admin.patch(f"/tasks/{task['id']}", {"department": "grooming", "estimate_days": 2})
    assert (kept.status, kept.data["department"]) == (200, "grooming")
    publish_as(studio, production, "fur", "grooming")
    own = {**production.reserve_body("braids"), "task_id": task["id"]}
    assert studio.artist.post("/publishes/reserve", own).status == 201
    publish_as(studio, production, "body", "model")
    assert composed((folder_of(studio, production) / "gear.usd").read_text()) == ["fur", "body"]
    # What the service itself makes of a CAD file needs no manager.
    with studio.app.app_context(), tenant_session(studio.tenant_id) as current:
        assert task_for(current, UUID(production.asset["id"]), "model")

    assert studio.admin.post(f"{path(studio, 'fx')}/restore").status == 200
    assert new_task(studio, production, "fx").status == 201


def test_templates_leave_out_what_is_archived(studio: StudioUnderTest, production: Production) -> None:
    add(studio, **GROOMING)
    tasks = [{"name": "fur", "department": "grooming"}, {"name": "shading", "department": "look"}]
    body = {"name": "Creature", "target_type": "asset", "is_default": True, "tasks": tasks}
    template = studio.admin.post("/task-templates/", body).data

    def begun(asset: str) -> list[str]:
        studio.admin.post("/assets/", {"project_id": production.project["id"], "name": asset})
        query = f"?project={production.project['name']}&asset={asset}&sort=department"
        return [task["name"] for task in studio.artist.get(f"/tasks/{query}").data["items"]]

    assert begun("lion") == ["shading", "fur"], "in the order in which they work"
    archive(studio, "grooming")
    assert begun("bear") == ["shading"]
    added = send(studio, production.project, "asset\nwolf\n").data["added"]
    assert added == ["asset wolf", "task shading of asset wolf"]
    place = f"/task-templates/{template['id']}"
    assert studio.admin.patch(place, {"name": "Animal", "tasks": template["tasks"]}).status == 200
    archive(studio, "fx")
    more = [*tasks, {"name": "smoke", "department": "fx"}]
    assert studio.admin.patch(place, {"tasks": more}).error["code"] == "input.unknown_department"


# -- spreadsheets and pages


def test_spreadsheets_call_departments_by_name_or_label(studio: StudioUnderTest) -> None:
    project = studio.admin.post("/projects/", {"name": "film"}).data
    for department in (GROOMING, RIGGING):
        add(studio, **department)
    columns = "asset,task,department\n"
    planned = send(studio, project, f"{columns}lion,fur,Grooming\nlion,rig,rigs\nlion,grooming,\n")
    assert planned.status == 200
    listed = studio.artist.get("/tasks/?project=film&sort=department,name").data["items"]
    assert [(task["name"], task["department"]) for task in listed] == [
        ("rig", "rigging"),
        ("fur", "grooming"),
        ("grooming", "grooming"),
    ]
    archive(studio, "grooming")
    again = send(studio, project, export(studio, project).decode())
    assert (again.data["added"], again.data["changed"]) == ([], []), "what a task has already is not refused"
    refused = send(studio, project, f"{columns}lion,hair,Grooming\nlion,fur,cooking\nlion,rig,grooming\n")
    there = "there are lighting, fx, animation, layout, look, rigging, model"
    assert (refused.status, refused.error["fields"]) == (
        422,
        {
            f"line {line}": f"department: no task can be given {name}; {there}"
            for line, name in ((2, "grooming"), (3, "cooking"), (4, "grooming"))
        },
    )


def test_managers_look_after_departments_on_a_page(studio: StudioUnderTest, production: Production) -> None:
    browser = studio.browser(Role.PROJECT_MANAGER)
    assert studio.browser().get("/departments").status_code == 403

    def send(address: str, **form: str) -> str:
        answer = browser.post(address, data=form, headers={**SAME_SITE, "Referer": "http://localhost/departments"})
        assert (answer.status_code, answer.location) == (303, "/departments")
        return Page(browser.get(answer.location)).text

    assert "Hair & fur" in send("/departments", name="grooming", label="Hair & fur", place="sublayer:layout")
    send("/departments", name="rigging", label="Rigs", place="payload:look")
    send("/departments", name="finish", label="Finish", place="sublayer:")
    assert names(studio) == ["finish", *BUILT_IN[:4], "grooming", "look", "rigging", "model"]
    assert "There cannot be such a department" in send("/departments", name="x", label="X", place="")
    where = path(studio, "grooming")
    assert "nothing was saved" in send(f"{where}/rename", version="7", label="Groom")
    assert "Groom" in send(f"{where}/rename", version="1", label="Groom")

    new_task(studio, production, "grooming")
    publish_as(studio, production, "fur", "grooming")
    project, asset = production.project["id"], production.asset["id"]
    assert '<option value="grooming">Groom</option>' in browser.get(f"/assets/{asset}").text
    for page in (f"/projects/{project}/{view}" for view in ("board", "tasks", "progress", "schedule?by=department")):
        assert "Groom" in Page(browser.get(page)).text
    order = re.findall(r'scope="col"><a [^>]*>(\w+)</a>', browser.get(f"/projects/{project}/progress").text)
    assert order == ["Model", "Groom"], "as they work"
    counted = re.search(r"Groom grooming layers sublayer \S+ and all below 1 1", Page(browser.get("/departments")).text)
    assert counted, "one task, one part"
    assert "Restore" in send(f"{where}/archive")
    assert '<option value="grooming">' not in browser.get(f"/assets/{asset}").text
    assert "Restore" not in send(f"{where}/restore")


def test_clients_read_what_a_department_is_called(studio: StudioUnderTest, production: Production) -> None:
    studio.let_client_in(production.project["id"], clients_see="all")
    add(studio, **RIGGING)
    published = publish_as(studio, production, "rig", "rigging")
    client = studio.browser(Role.CLIENT)
    assert "Department Rigs" in Page(client.get(f"/publishes/{published['id']}")).text
    assert studio.api(Role.CLIENT).get(f"/publishes/{published['id']}/pinned-entry").status == 200
    assert client.get("/departments").status_code == 403
