"""Producers plan in spreadsheets: a table adds and changes what it speaks of, as a whole or not at all."""

from __future__ import annotations

import csv
import io
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from tests.service.browser import Browser
from tests.service.page import Page
from tests.service.studio import Json, Reply, StudioUnderTest
from tests.service.test_statements import counting

SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
_PLAN = """Asset;Asset type;Sequence;Shot;Title;Frame in;Frame out;Task;Department;Task status;Assignee;Due
gear;product;;;Gear of the front axle;;;model;model;in_progress;{artist};2027-01-31
gear;;;;;;;look;look;;;
lamp;;;;;;;;;;;
;;sq010;;Opening;;;;;;;
;;sq010;sh010;The gear turns;1001;1048.0;lighting;lighting;;{artist};
;;sq020;sh010;;;;;;;;
"""


@pytest.fixture
def project(studio: StudioUnderTest) -> Json:
    made: Json = studio.admin.post("/projects/", {"name": "film"}).data
    return made


@pytest.fixture
def plan(studio: StudioUnderTest) -> str:
    return _PLAN.format(artist=studio.email(Role.ARTIST))


def send(studio: StudioUnderTest, project: Json, table: str, **query: Any) -> Reply:
    options = {"data": table.encode(), "headers": {"Content-Type": "text/csv"}, "query_string": query}
    return studio.admin.call("POST", f"/projects/{project['id']}/sheet", **options)


def export(studio: StudioUnderTest, project: Json) -> bytes:
    client, headers = studio.app.test_client(), {"Authorization": f"Bearer {studio.admin.token}"}
    answer = client.get(f"/api/projects/{project['id']}/sheet", headers=headers)
    assert answer.status_code == 200
    assert "filename=film.csv" in answer.headers["Content-Disposition"]
    return answer.data


def names(studio: StudioUnderTest, kind: str) -> list[str]:
    return [each["name"] for each in studio.admin.get(f"/{kind}/?project=film&sort=created_at,name").data["items"]]


def test_a_production_is_planned_with_one_table(studio: StudioUnderTest, project: Json, plan: str) -> None:
    done = send(studio, project, plan).data
    assert done["rows"] == 6
    assert done["added"] == [
        *("asset gear", "task model of asset gear", "task look of asset gear", "asset lamp", "sequence sq010"),
        *("shot sq010/sh010", "task lighting of shot sq010/sh010", "sequence sq020", "shot sq020/sh010"),
    ]
    shots = studio.admin.get("/shots/?project=film&sort=sequence").data["items"]
    assert [(each["sequence"], each["frame_in"], each["frame_out"]) for each in shots] == [
        ("sq010", 1001, 1048),
        ("sq020", 1001, 1100),
    ]
    task = studio.admin.get("/tasks/?project=film&asset=gear&department=model").data["items"][0]
    assert (task["status"], task["due"], task["assignee"]) == ("in_progress", "2027-01-31", "artist")


def test_what_is_new_without_a_task_begins_with_those_of_its_template(
    studio: StudioUnderTest, project: Json, plan: str
) -> None:
    for target_type, name, more in (
        ("asset", "of_products", {"asset_type": "product"}),
        ("asset", "of_assets", {}),
        ("shot", "of_shots", {}),
    ):
        tasks = [{"name": name, "department": "layout", "status": "on_hold"}]
        body = {"name": name, "target_type": target_type, "tasks": tasks, "is_default": True, **more}
        assert studio.admin.post("/task-templates/", body).status == 201
    send(studio, project, "asset;type\nold;prop")
    checked, done = (send(studio, project, plan, check=check).data["added"] for check in (True, False))
    assert checked == done
    # Others have tasks of their own in the table.
    assert [name for name in done if "task of_" in name] == [
        "task of_assets of asset lamp",
        "task of_shots of shot sq020/sh010",
    ]
    [task] = studio.artist.get("/tasks/?project=film&asset=lamp").data["items"]
    assert (task["department"], task["status"]) == ("layout", "on_hold")
    assert send(studio, project, "asset;type\nrim;\nrim;product\nold;").data["added"] == [
        "asset rim",
        "task of_products of asset rim",
    ]


def test_what_is_exported_changes_nothing_when_it_comes_back(studio: StudioUnderTest, project: Json, plan: str) -> None:
    send(studio, project, plan)
    studio.admin.post("/assets/", {"project_id": project["id"], "name": "odd", "title": "=1+1"})
    exported = export(studio, project)
    done = send(studio, project, exported.decode("utf-8-sig")).data
    assert (done["added"], done["changed"], done["unchanged"]) == ([], [], 10)
    rows = list(csv.DictReader(io.StringIO(exported.decode("utf-8-sig"))))
    assert [(row["asset"] or f"{row['sequence']}/{row['shot']}", row["task"]) for row in rows] == [
        *(("gear", "look"), ("gear", "model"), ("lamp", ""), ("odd", "")),
        *(("sq010/", ""), ("sq010/sh010", "lighting"), ("sq020/", ""), ("sq020/sh010", "")),
    ]
    assert rows[3]["title"] == "'=1+1"


def test_only_what_the_table_says_changes_and_the_audit_log_knows(
    studio: StudioUnderTest, project: Json, plan: str
) -> None:
    send(studio, project, plan)
    done = send(studio, project, "asset,title,task,task status\nGEAR,,Model,done\nlamp,Lamp,,\n").data
    assert done["added"] == []
    assert [(each["what"], each["field"], each["before"], each["after"]) for each in done["changed"]] == [
        ("task Model of asset GEAR", "status", "in_progress", "done"),
        ("asset lamp", "title", "", "Lamp"),
    ]
    gear = studio.admin.get("/assets/?q=gear").data["items"][0]
    assert (gear["title"], gear["revision"]) == ("Gear of the front axle", 1)
    logged = studio.admin.get("/audit/?table_name=tasks&action=change").data["items"]
    assert [(each["before"]["status"], each["after"]["status"]) for each in logged] == [("in_progress", "done")]


def test_a_check_tells_what_would_be_done_and_does_nothing(studio: StudioUnderTest, project: Json, plan: str) -> None:
    would = send(studio, project, plan, check="true").data
    assert names(studio, "assets") == []
    assert send(studio, project, plan).data == would


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("lamp,,,,,,,,", None),
        (",,,,,,,,", None),
        ("la mp,,,,,,,,", "asset: "),
        (",,sh010,,,,,,", "name an asset, or a sequence"),
        ("lamp,sq010,sh010,,,,,,", "name an asset, or a sequence"),
        ("lamp,,,1001,,,,,", "frame in needs shot"),
        (",sq010,sh020,1001,1000,,,,", "ends before it begins"),
        (",sq010,sh020,first,,,,,", "frame in: "),
        ("lamp,,,,,,model,,", "department needs task"),
        ("lamp,,,,,modelling,,,", "department: the new task needs one"),
        ("lamp,,,,,model,modelling,,", "department: no task can be given modelling; there are lighting, fx"),
        ("lamp,,,,,model,,nobody@studio.example,", "nobody here has the e-mail address"),
        ("lamp,,,,,model,,{client},", "is a client"),
        ("lamp,,,,,model,,,31.12.2027", None),
        ("lamp,,,,,model,,,2/1/2027", "due: “2/1/2027” may be 2027-01-02 or 2027-02-01; write the day like"),
        ("lamp,,,,,model,,,soon", "due: “soon” is no day; write the day like 2027-01-31 or 31.1.2027"),
        (",sq010,,,,model,,,", "task needs an asset or a shot"),
        ("lamp,,,,,model,,,,In Progress", None),
        ("lamp,,,,,model,,,,Erledigt", "task status: no task can be given Erledigt; there are todo, in_progress"),
        ('lamp,,,,,model,,,,,"2,5"', None),
        ('lamp,,,,,model,,,,,"2,500"', "estimate days: “2,500” may be 2.500 or 2500"),
        ("gear,,,,,model,,,2027-02-01", "another line says “2027-01-31” of the task model of asset gear"),
    ],
)
def test_a_row_that_cannot_be_followed_is_told_and_nothing_is_done(
    studio: StudioUnderTest, project: Json, row: str, told: str | None
) -> None:
    header = "asset,sequence,shot,frame in,frame out,task,department,assignee,due,task status,estimate days"
    table = f"{header}\ngear,,,,,model,,,2027-01-31\n{row.format(client=studio.email(Role.CLIENT))}\n"
    answer = send(studio, project, table, filename="plan.csv")
    if told is None:
        assert answer.status == 200
        return
    assert (answer.status, answer.error["code"]) == (422, "input.production_sheet")
    assert "plan.csv" in answer.error["message"]
    assert told in answer.error["fields"]["line 3"]
    assert names(studio, "assets") == []


def test_a_table_of_a_country_with_decimal_commas_says_what_the_pages_call_things(
    studio: StudioUnderTest, project: Json
) -> None:
    lens = {"target_type": "asset", "name": "weight", "type": "number"}
    assert studio.admin.post("/custom-fields/", lens).status == 201
    send(studio, project, "asset;task;task status;estimate days;weight\ngear;model;For review;2,5;0,75\n")
    task = studio.admin.get("/tasks/?project=film").data["items"][0]
    assert (task["status"], task["estimate_days"]) == ("review", 2.5)
    assert studio.admin.get("/assets/?project=film").data["items"][0]["fields"]["weight"] == 0.75


def test_all_that_is_wrong_with_a_table_is_told_together(studio: StudioUnderTest, project: Json) -> None:
    rows = "gear,model,anna,2027-01-31\nlamp,model,,soon\nlamp,look,,2027-02-30\nlid,model,,2027-01-31\n"
    refused = send(studio, project, f"asset,task,assignee,due\n{rows}")
    assert [(line, told.split(":")[0]) for line, told in sorted(refused.error["fields"].items())] == [
        ("line 2", "assignees"),
        ("line 3", "due"),
        ("line 4", "due"),
    ]
    assert names(studio, "assets") == []


def test_a_table_without_its_columns_is_refused(studio: StudioUnderTest, project: Json) -> None:
    for table in ("", "title,status\na,b\n", "PK\x03\x04"):
        assert send(studio, project, table).error["code"] == "input.production_sheet"


def test_a_table_in_which_two_columns_are_one_is_refused(studio: StudioUnderTest, project: Json) -> None:
    refused = send(studio, project, "asset,Title,description\ngear,one,two\n")
    assert refused.error["code"] == "input.production_sheet"
    assert "Title, description" in refused.error["message"]
    assert names(studio, "assets") == []


def test_a_table_may_be_long_and_adds_as_much_as_one_transaction_can(studio: StudioUnderTest, project: Json) -> None:
    done = send(studio, project, "asset\n" + "gear\n" * 12_000)
    assert (done.data["rows"], done.data["added"]) == (12_000, ["asset gear"])
    refused = send(studio, project, "asset\n" + "".join(f"a{number}\n" for number in range(20_001)), check="true")
    assert (refused.status, refused.error["code"]) == (422, "input.too_many")
    assert "adds 20,001 assets" in refused.error["message"] and "several tables" in refused.error["hint"]


def test_columns_that_were_passed_over_are_named(studio: StudioUnderTest, project: Json) -> None:
    for check in ("true", "false"):
        done = send(studio, project, "asset,titel,,supplier\ngear,Gear,x,y\n", check=check).data
        assert done["warnings"] == [
            "The column “titel” was passed over: there is no such column; did you mean “title”?",
            "The column “supplier” was passed over: there is no such column.",
        ]
    assert send(studio, project, export(studio, project).decode("utf-8-sig")).data["warnings"] == []


def test_what_was_put_away_is_neither_exported_nor_brought_back(
    studio: StudioUnderTest, project: Json, plan: str
) -> None:
    send(studio, project, plan)
    gear = studio.admin.get("/assets/?q=gear").data["items"][0]
    studio.admin.post(f"/assets/{gear['id']}/archive")
    assert b"gear" not in export(studio, project).replace(b"The gear turns", b"")
    refused = send(studio, project, plan)
    assert "archived" in refused.error["fields"]["line 2"]


def test_artists_and_clients_plan_nothing(studio: StudioUnderTest, project: Json) -> None:
    for role in (Role.ARTIST, Role.CLIENT):
        options = {"data": b"asset\ngear\n", "headers": {"Content-Type": "text/csv"}}
        assert studio.api(role).call("POST", f"/projects/{project['id']}/sheet", **options).status in (403, 404)
        assert studio.api(role).get(f"/projects/{project['id']}/sheet").status in (403, 404)


def test_another_tenants_project_is_not_there(
    studio: StudioUnderTest, other_studio: StudioUnderTest, project: Json
) -> None:
    assert send(other_studio, project, "asset\ngear\n").status == 404


def test_the_same_name_added_at_once_is_there_once(studio: StudioUnderTest, project: Json) -> None:
    def by_table(name: str) -> int:
        return send(studio, project, f"asset\n{name}\n").status

    def by_call(name: str) -> int:
        return studio.admin.post("/assets/", {"project_id": project["id"], "name": name}).status

    with ThreadPoolExecutor(8) as pool:
        calls = [(by_table, "gear"), (by_call, "Gear"), (by_table, "GEAR"), (by_call, "gEar")] * 4
        statuses = list(pool.map(lambda each: each[0](each[1]), calls))
    assert set(statuses) <= {200, 201, 409}
    assert [name.lower() for name in names(studio, "assets")] == ["gear"]


def test_a_long_table_and_single_rows_of_the_same_names_come_one_after_the_other(
    studio: StudioUnderTest, project: Json
) -> None:
    """With so many names, the table holds all names of the tenant's assets."""
    table = "\n".join(["asset", *(f"part{number}" for number in range(300))])

    def by_table(_: str) -> int:
        return send(studio, project, table).status

    def by_call(name: str) -> int:
        return studio.admin.post("/assets/", {"project_id": project["id"], "name": name}).status

    with ThreadPoolExecutor(6) as pool:
        calls = [(by_call, "Part7"), (by_table, ""), (by_call, "part299"), (by_table, ""), (by_call, "part0")]
        statuses = list(pool.map(lambda each: each[0](each[1]), calls))
    assert set(statuses) <= {200, 201, 409}
    assert by_table("") == 200
    assert studio.admin.get("/assets/", query_string={"page_size": 1}).data["total"] == 300


def test_a_long_table_is_added_in_few_statements_and_takes_few_locks(
    app: Flask, studio: StudioUnderTest, project: Json
) -> None:
    def table(first: int, last: int) -> str:
        # Cells that are empty in some rows only make other statements of them.
        lines = [f"part{number},{'Part' if number % 2 else ''},,,model,model" for number in range(first, last)]
        lines += [f",,sq{number % 7},sh{number},look,look" for number in range(first, last)]
        return "\n".join(["asset,title,sequence,shot,task,department", *lines])

    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    held: list[int] = []

    def count_locks(current: Session) -> None:
        held.append(current.execute(text(locks)).scalar_one())

    send(studio, project, table(0, 30))
    event.listen(Session, "before_commit", count_locks)
    try:
        with counting(app) as statements:
            assert len(send(studio, project, table(30, 630)).data["added"]) == 4 * 600
    finally:
        event.remove(Session, "before_commit", count_locks)
    assert len(statements) < 50
    assert 1 <= max(held) <= 8
    audited = studio.admin.get("/audit/", query_string={"table_name": "assets", "page_size": 1}).data
    assert audited["total"] >= 630


def test_a_long_table_is_compared_in_as_many_statements_as_a_short_one(
    app: Flask, studio: StudioUnderTest, project: Json
) -> None:
    def table(count: int) -> str:
        lines = [f"part{number},,,model,model,{studio.email(Role.ARTIST)}" for number in range(count)]
        lines += [f",sq{number % 3},sh{number},look,look," for number in range(count)]
        return "\n".join(["asset,sequence,shot,task,department,assignee", *lines])

    assert len(send(studio, project, table(200)).data["added"]) == 4 * 200 + 3
    with counting(app) as short:
        assert send(studio, project, table(3)).data["added"] == []
    with counting(app) as long:
        assert send(studio, project, table(200)).data["added"] == []
    assert len(long) == len(short)
    with counting(app) as statements:
        export(studio, project)
    assert len(statements) < 15


def test_a_browser_fetches_checks_and_sends_the_spreadsheet(studio: StudioUnderTest, project: Json, plan: str) -> None:
    browser = studio.browser(Role.PROJECT_MANAGER)
    address = f"/projects/{project['id']}/production"
    assert address in Page(browser.get("/?project=film")).links

    def post(table: str, **buttons: str) -> str:
        form = {"sheet": (io.BytesIO(table.encode()), "plan.csv"), **buttons}
        return Page(browser.post(address, data=form, follow_redirects=True, headers=SAME_SITE)).text

    assert "Would add asset gear." in post(plan, check="")
    assert names(studio, "assets") == []
    assert "Added asset gear." in post(plan)
    assert names(studio, "assets") == ["gear", "lamp"]
    assert "Changed title of asset lamp from “” to “Lamp”." in post("asset,title\nlamp,Lamp\n")
    assert "Changed assignees of task look of asset gear" in post(
        f"asset,task,assignee,colour\ngear,look,{studio.email(Role.ARTIST)},red\n"
    )
    assert "The column “colour” was passed over" in post("asset,colour\ngear,red\n")
    assert "line 3: due:" in post("asset,task,due\nlamp,,\nlamp,model,soon\n")
    assert "No file was chosen" in Page(browser.post(address, follow_redirects=True, headers=SAME_SITE)).text
    assert browser.get(f"/api/projects/{project['id']}/sheet").mimetype == "text/csv"
    assert address not in Page(studio.browser(Role.ARTIST).get("/?project=film")).links


def test_a_spreadsheet_that_was_checked_stays_chosen(
    studio: StudioUnderTest, project: Json, address: str, tmp_path: Path, browser: Browser
) -> None:
    sheet = tmp_path / "plan.csv"
    sheet.write_text("asset\ngear\n")
    browser.open(f"{address}/?token={studio.tokens[Role.PROJECT_MANAGER]}")
    browser.open(f"{address}/projects/{project['id']}/production")
    browser.choose("input[name=sheet]", sheet)
    browser.click("button[name=check]")
    browser.until(lambda: "Would add asset gear." in browser.text("main > .note"))
    assert names(studio, "assets") == []
    browser.click(".sheet-form .primary")
    browser.until(lambda: "Added asset gear." in browser.text("main > .note"))
    assert names(studio, "assets") == ["gear"]


def test_what_is_told_of_a_long_spreadsheet_fits_into_the_browsers_cookie(
    studio: StudioUnderTest, project: Json
) -> None:
    browser = studio.browser(Role.PROJECT_MANAGER)
    table = "asset\n" + "".join(f"asset{number}\n" for number in range(300))
    form = {"sheet": (io.BytesIO(table.encode()), "plan.csv")}
    answer = browser.post(f"/projects/{project['id']}/production", data=form, headers=SAME_SITE)
    assert all(len(cookie) < 4000 for cookie in answer.headers.getlist("Set-Cookie"))
    assert re.search(r"\.\.\. and \d+ more\.", Page(browser.get(answer.location)).text)
