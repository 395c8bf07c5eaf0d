"""A spreadsheet that was exported a while ago puts nothing back that was changed since."""

from __future__ import annotations

import csv
import io

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.accounts.permissions import Role
from tests.service.page import Page
from tests.service.studio import Json, StudioUnderTest
from tests.service.test_production_sheet import SAME_SITE, export, send
from tests.service.test_statements import counting
from tests.service.world import unique

_TASK = "task model of asset gear"
_STATES = st.sampled_from(["todo", "in_progress", "done", "review"])


@pytest.fixture
def project(studio: StudioUnderTest) -> Json:
    """With two tasks of an asset, a shot and a custom field."""
    made: Json = studio.admin.post("/projects/", {"name": "film"}).data
    assert studio.admin.post("/custom-fields/", {"target_type": "shot", "name": "lens", "type": "number"}).status == 201
    table = "asset,sequence,shot,title,task,department,due,assignee,shot.lens\n"
    table += f"gear,,,Gear,model,model,2027-01-31,{studio.email(Role.ARTIST)},\ngear,,,,look,look,,,\n"
    assert send(studio, made, f"{table},sq010,sh010,,,,,,35\n").status == 200
    return made


def exported(studio: StudioUnderTest, project: Json) -> list[Json]:
    return list(csv.DictReader(io.StringIO(export(studio, project).decode("utf-8-sig"))))


def written(rows: list[Json]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def task(studio: StudioUnderTest, name: str = "model") -> Json:
    found: Json = next(each for each in studio.admin.get("/tasks/?project=film").data["items"] if each["name"] == name)
    return found


def change_task(studio: StudioUnderTest, role: Role = Role.ARTIST, **changes: object) -> None:
    assert studio.api(role).patch(f"/tasks/{task(studio)['id']}", changes).status == 200


def edited(rows: list[Json], **cells: object) -> list[Json]:
    """The rows with other cells in that of the task ``model``."""
    return [{**each, **cells} if each["task"] == "model" else each for each in rows]


def test_a_due_date_in_an_old_file_leaves_what_an_artist_did_since(studio: StudioUnderTest, project: Json) -> None:
    old = exported(studio, project)
    change_task(studio, status="done")
    table = written(edited(old, due="2027-03-01"))
    would = send(studio, project, table, check="true").data
    done = send(studio, project, table).data
    assert done == would
    assert done["changed"] == [{"what": _TASK, "field": "due", "before": "2027-01-31", "after": "2027-03-01"}]
    assert done["kept"] == [{"what": _TASK, "field": "task status", "said": "todo", "now": "done"}]
    assert (task(studio)["status"], task(studio)["due"]) == ("done", "2027-03-01")


def test_what_two_changed_is_told_by_its_line_and_nothing_is_done(studio: StudioUnderTest, project: Json) -> None:
    old = exported(studio, project)
    change_task(studio, status="done")
    table = edited(old, **{"task status": "in_progress", "due": "2027-03-01"})
    refused = send(studio, project, written(table))
    assert (refused.status, refused.error["code"]) == (422, "input.production_sheet")
    (told,) = refused.error["fields"].values()
    assert "line 3" in refused.error["fields"]
    assert told.startswith("task status: artist changed it to “done” on ")
    assert "export it again, or empty the cell “task revision” to have “in_progress” all the same" in told
    assert (task(studio)["status"], task(studio)["due"]) == ("done", "2027-01-31")
    insisted = send(studio, project, written(edited(table, **{"task revision": ""})))
    assert insisted.status == 200
    assert (task(studio)["status"], task(studio)["due"]) == ("in_progress", "2027-03-01")


def test_both_may_have_changed_it_to_the_same(studio: StudioUnderTest, project: Json) -> None:
    old = exported(studio, project)
    change_task(studio, status="done")
    done = send(studio, project, written(edited(old, **{"task status": "done"}))).data
    assert (done["changed"], done["kept"]) == ([], [])


def test_one_file_may_be_sent_again_and_again(studio: StudioUnderTest, project: Json) -> None:
    plan = edited(exported(studio, project), due="2027-03-01")
    assert len(send(studio, project, written(plan)).data["changed"]) == 1
    again = send(studio, project, written(plan)).data
    assert (again["changed"], again["kept"]) == ([], [])
    plan = edited(plan, due="2027-04-01")
    assert len(send(studio, project, written(plan)).data["changed"]) == 1
    change_task(studio, Role.PROJECT_MANAGER, due="2027-05-01")
    kept = send(studio, project, written(plan)).data["kept"]
    assert kept == [{"what": _TASK, "field": "due", "said": "2027-04-01", "now": "2027-05-01"}]
    assert task(studio)["due"] == "2027-05-01"
    refused = send(studio, project, written(edited(plan, due="2027-06-01")))
    assert "project_manager changed it to “2027-05-01”" in refused.error["fields"]["line 3"]


def test_fields_titles_and_frames_are_kept_as_well(studio: StudioUnderTest, project: Json) -> None:
    old = exported(studio, project)
    shot = studio.admin.get("/shots/?project=film").data["items"][0]
    manager = studio.api(Role.PROJECT_MANAGER)
    assert manager.patch(f"/shots/{shot['id']}", {"fields": {"lens": 50}, "frame_out": 1200}).status == 200
    done = send(studio, project, written(old)).data
    assert done["changed"] == []
    assert [(each["field"], each["said"], each["now"]) for each in done["kept"]] == [
        ("frame out", "1100", "1200"),
        ("shot.lens", "35", "50"),
    ]
    shot_row = next(number for number, each in enumerate(old) if each["shot"])
    old[shot_row]["shot.lens"] = "85"
    assert "shot.lens: project_manager changed it to “50”" in " ".join(
        send(studio, project, written(old)).error["fields"].values()
    )
    # A title stands in the rows of all tasks, and may be changed in one of them.
    old[shot_row]["shot.lens"] = "35"
    done = send(
        studio, project, written([{**each, "title": "Wheel"} if each["task"] == "look" else each for each in old])
    )
    assert [(each["what"], each["after"]) for each in done.data["changed"]] == [("asset gear", "Wheel")]


def test_rows_of_another_project_do_not_pass_for_older_ones(studio: StudioUnderTest, project: Json) -> None:
    change_task(studio, status="in_progress")
    change_task(studio, status="done")
    plan = exported(studio, project)
    copy = studio.admin.post("/projects/", {"name": unique()}).data
    assert len(send(studio, copy, written(plan)).data["added"]) == 5
    assert send(studio, copy, written(plan)).data["changed"] == []
    refused = send(studio, copy, written(edited(plan, due="2027-06-01")))
    assert "has no revision 3 yet" in refused.error["fields"]["line 3"]


def test_who_left_stays_where_they_are_and_gets_nothing_new(studio: StudioUnderTest, project: Json) -> None:
    user = studio.artist.get("/auth/me").data["user"]
    assert studio.admin.post(f"/artists/{user['id']}/archive").status == 200
    rows = exported(studio, project)
    assert rows[1]["assignees"] == studio.email(Role.ARTIST)
    for table in (rows, [{**each, "task revision": ""} for each in rows]):
        done = send(studio, project, written(edited(table, due="2027-03-01")))
        assert done.status == 200, done.body
    assert task(studio)["due"] == "2027-03-01"
    rows[0]["assignees"] = studio.email(Role.ARTIST)
    assert "is not here any more" in send(studio, project, written(rows)).error["fields"]["line 2"]


def test_an_assignee_is_told_by_address(studio: StudioUnderTest, project: Json) -> None:
    old = exported(studio, project)
    manager = studio.api(Role.PROJECT_MANAGER).get("/auth/me").data["user"]
    change_task(studio, Role.PROJECT_MANAGER, assignee_id=manager["id"])
    kept = send(studio, project, written(old)).data["kept"]
    addresses = studio.email(Role.ARTIST), studio.email(Role.PROJECT_MANAGER)
    assert [(each["field"], each["said"], each["now"]) for each in kept] == [("assignees", *addresses)]
    rows = exported(studio, project)
    done = send(studio, project, written(edited(rows, assignees=addresses[0]))).data
    assert [(each["field"], each["before"], each["after"]) for each in done["changed"]] == [
        ("assignees", *reversed(addresses))
    ]


def test_a_browser_tells_what_was_kept(studio: StudioUnderTest, project: Json) -> None:
    old = written(exported(studio, project))
    change_task(studio, status="done")
    form = {"sheet": (io.BytesIO(old.encode()), "plan.csv")}
    browser = studio.browser(Role.PROJECT_MANAGER)
    answer = browser.post(f"/projects/{project['id']}/production", data=form, follow_redirects=True, headers=SAME_SITE)
    assert f"The task status of {_TASK} stays “done”, newer than “todo” in the spreadsheet." in Page(answer).text


def test_an_old_file_costs_one_statement_more(app: Flask, studio: StudioUnderTest, project: Json) -> None:
    rows = written(exported(studio, project))
    with counting(app) as before:
        assert send(studio, project, rows).status == 200
    change_task(studio, status="done")
    assert studio.admin.patch(f"/assets/{studio.admin.get('/assets/?q=gear').data['items'][0]['id']}", {"title": "x"})
    with counting(app) as after:
        assert len(send(studio, project, rows).data["kept"]) == 3
    assert len(after) <= len(before) + 2


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(
    theirs=st.lists(st.tuples(st.sampled_from(["status", "due"]), _STATES, st.dates().map(str)), max_size=3),
    ours=st.fixed_dictionaries({}, optional={"task status": _STATES, "due": st.dates().map(str)}),
)
def test_an_import_never_puts_back_what_somebody_else_did(
    studio: StudioUnderTest, project: Json, theirs: list[tuple[str, str, str]], ours: dict[str, str]
) -> None:
    start = exported(studio, project)
    base = {"status": task(studio)["status"], "due": task(studio)["due"]}
    for name, status, due in theirs:
        change_task(studio, Role.PROJECT_MANAGER, **{name: status if name == "status" else due})
    now = {name: task(studio)[name] for name in base}
    answer = send(studio, project, written(edited(start, **ours)))
    after = {name: task(studio)[name] for name in base}
    if answer.status != 200:
        assert answer.error["code"] == "input.production_sheet"
        assert after == now
        return
    wanted = {"status": ours.get("task status", base["status"]), "due": ours.get("due", base["due"])}
    for name, before in base.items():
        touched = any(each[0] == name for each in theirs)
        # Where somebody else changed it, theirs stands; where only we did, ours.
        assert after[name] == now[name] if touched and now[name] != before else after[name] in (now[name], wanted[name])
        assert touched or after[name] == wanted[name]
