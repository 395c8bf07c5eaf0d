"""Projects, sequences, shots, assets and tasks made, changed and put away on the pages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.accounts.permissions import Role
from service.production.numbering import names_in
from shared.errors import InputError
from tests.service.page import Page
from tests.service.studio import Json, StudioUnderTest
from tests.service.world import STEP

HERE = "http://localhost"
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


class Office:
    """A project manager at a browser."""

    def __init__(self, studio: StudioUnderTest, role: Role = Role.PROJECT_MANAGER) -> None:
        self.studio, self.browser = studio, studio.browser(role)

    def send(self, path: str, page: str = "/", **form: Any) -> TestResponse:
        """Send a form that stands on ``page``, and see what comes of it."""
        headers = {**SAME_SITE, "Referer": f"{HERE}{page}"}
        answer = self.browser.post(path, data=form, headers=headers, follow_redirects=True)
        assert answer.status_code == 200, answer.text
        return answer

    def told(self, path: str, page: str = "/", **form: Any) -> str:
        return Page(self.send(path, page, **form)).text

    def see(self, path: str) -> str:
        answer = self.browser.get(path)
        assert answer.status_code == 200, answer.text
        page = Page(answer)
        assert page.inline == []
        return page.text

    def rows(self, path: str) -> list[Json]:
        found: list[Json] = self.studio.admin.get(path).data["items"]
        return found


@pytest.fixture
def office(studio: StudioUnderTest) -> Office:
    return Office(studio)


def address(kind: str, row: Json) -> str:
    return f"/{kind}s/{row['id']}"


def test_a_production_is_made_from_nothing(office: Office) -> None:
    assert "Make a project, then an asset in it" in office.see("/")
    assert "The film" in office.told("/projects", name="film", title=" The film ")
    project = office.rows("/projects/")[0]
    page = address("project", project)
    assert "Make the first one here" in office.see(page)
    office.told(f"{page}/sequences", page, name="sq010", title="Opening")
    sequence = office.rows("/sequences/")[0]
    assert sequence["title"] == "Opening"
    told = office.told(
        f"{address('sequence', sequence)}/shots", names="sh010-sh030 step 10", frame_in="1", frame_out="48"
    )
    assert "Made sh010, sh020 and sh030." in told and "1–48" in told
    assert [(each["name"], each["frame_out"]) for each in office.rows("/shots/")] == [
        ("sh010", 48), ("sh020", 48), ("sh030", 48),
    ]  # fmt: skip
    office.told(f"{page}/assets", page, name="gear", asset_type="Set dressing")
    asset = office.rows("/assets/")[0]
    assert (asset["name"], asset["asset_type"]) == ("gear", "set_dressing")
    assert "set dressing" in office.see(address("asset", asset))
    artist = office.studio.api(Role.ARTIST).get("/auth/me").data["user"]["id"]
    form = {
        "name": "modelling",
        "department": "model",
        "assignee_ids": artist,
        "due": "2027-01-31",
        "estimate_days": "2.5",
    }
    assert "Made the task modelling." in office.told(f"/tasks/on/asset/{asset['id']}", **form)
    shot = office.rows("/shots/")[0]
    assert "light" in office.told(
        f"/tasks/on/shot/{shot['id']}", name="light", department="lighting", due="", estimate_days=""
    )
    light, modelling = sorted(office.rows("/tasks/"), key=lambda each: str(each["name"]))
    assert ([each["id"] for each in modelling["assignees"]], modelling["estimate_days"], modelling["due"]) == (
        [artist],
        2.5,
        "2027-01-31",
    )
    assert light["assignees"] == []
    # A task is put away and taken out on its own page.
    page = address("task", light)
    assert "Archive" in office.see(page) and "Restore" in office.told(f"/archive/task/{light['id']}", page)
    assert "Archive" in office.told(f"/restore/task/{light['id']}", page)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("sh010", ["sh010"]),
        (" sh010,sh020\r\nx;", ["sh010", "sh020", "x"]),
        ("sh010-sh030 step 10", ["sh010", "sh020", "sh030"]),
        ("sh8-sh12 by 2", ["sh8", "sh10", "sh12"]),
        ("SH_008 to 012 step 2, end", ["SH_008", "SH_010", "SH_012", "end"]),
        ("s1e2-s1e4/1", ["s1e2", "s1e3", "s1e4"]),
        ("", []),
    ],
)
def test_names_are_written_as_ranges(text: str, names: list[str]) -> None:
    assert names_in(text) == names


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sh010-sh030", "does not say in which steps"),
        ("sh030-sh010 step 10", "ends before it begins"),
        ("sh010-sx030 step 10", "begins with sh and ends with sx"),
        ("sh0001-sh9999 step 1", "9,999 names"),
        ("sh010, SH010", "is there twice"),
        ("a1-a150 step 1, b1-b150 step 1", "more than 200"),
    ],
)
def test_ranges_that_cannot_be_meant_are_refused(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        names_in(text)


def test_of_several_shots_all_are_made_or_none(office: Office) -> None:
    production = office.studio.production()
    sequence = office.studio.admin.post("/sequences/", {"project_id": production.project["id"], "name": "sq"}).data
    path = f"{address('sequence', sequence)}/shots"
    frames = {"frame_in": "1", "frame_out": "2"}
    office.told(path, names="sh020", **frames)
    assert "No shot was made: sh020 is there already" in office.told(path, names="sh010-sh030 step 10", **frames)
    for form, told in (
        ({**frames, "names": "sh010, 2 b"}, "Name: '2 b' cannot name"),
        ({**frames, "names": " "}, "No shot was named"),
        ({"names": "sh010, sh030", "frame_in": "5", "frame_out": "2"}, "ends before it begins"),
        ({"names": "sh010", "frame_in": "1.5", "frame_out": "2"}, "First frame: must be a whole number, such as 12"),
    ):
        assert told in office.told(path, **form)
    assert [each["name"] for each in office.rows("/shots/")] == ["sh020"]


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("project", {"title": "New", "status": "On hold"}),
        ("sequence", {"title": "New", "status": "on hold"}),
        ("asset", {"title": "New", "status": "on hold", "asset_type": "Set dressing"}),
        ("shot", {"title": "New", "status": "on hold", "frame_in": "-10", "frame_out": "20"}),
    ],
)
def test_rows_are_changed_put_away_and_taken_out(office: Office, kind: str, form: Json) -> None:
    row = made(office.studio, kind)
    page, change = address(kind, row), f"/change/{kind}/{row['id']}"
    assert "Edit" in office.see(page)
    assert "New" in office.told(change, page, version=row["revision"], **form)
    found = office.studio.admin.get(page).data
    expected = {**form, "status": "on_hold"}
    if kind == "asset":
        expected["asset_type"] = "set_dressing"
    assert {name: str(found[name]) for name in form} == expected
    # Who looked at it before is told who changed what, and nothing is lost.
    told = office.told(change, page, version=row["revision"], **{**form, "title": "Other"})
    assert f"Somebody else changed the {kind} meanwhile; nothing was saved. " in told
    assert "Title is now 'New', changed by project_manager." in told
    told = office.told(change, page, version=found["revision"], **{**form, "status": "?"})
    assert f"The {kind} was not changed. Status: must have small letters" in told
    assert office.studio.admin.get(page).data["title"] == "New"
    assert "was put away" in office.told(f"/archive/{kind}/{row['id']}", page)
    seen = office.see(page)
    assert "Restore" in seen and "archived" in seen
    for word in ("Edit", "New sequence", "New shots", "New task"):
        assert word not in seen
    assert "is archived" in office.told(change, page, version=found["revision"] + 1, **form)
    assert "was taken out of the archive" in office.told(f"/restore/{kind}/{row['id']}", page)
    assert office.studio.admin.get(page).data["archived_at"] is None


def made(studio: StudioUnderTest, kind: str) -> Json:
    production = studio.production()
    row: Json
    if kind in ("project", "asset"):
        row = getattr(production, kind)
        return row
    row = studio.admin.post("/sequences/", {"project_id": production.project["id"], "name": "sq010"}).data
    if kind == "shot":
        row = studio.admin.post("/shots/", {"sequence_id": row["id"], "name": "sh010"}).data
    return row


def test_before_something_is_put_away_it_is_told_what_goes_with_it(office: Office) -> None:
    admin, production = office.studio.admin, office.studio.production()
    project = production.project
    sequence = admin.post("/sequences/", {"project_id": project["id"], "name": "sq010"}).data
    for name in ("sh010", "sh020"):
        shot = admin.post("/shots/", {"sequence_id": sequence["id"], "name": name}).data
        admin.post("/tasks/", {"target_type": "shot", "target_id": shot["id"], "name": "fx", "department": "fx"})
    admin.post(f"/shots/{shot['id']}/archive")
    told = office.see(address("project", project))
    assert "1 sequence, 1 shot, 1 asset and 3 tasks leave the lists with it" in told
    assert "Clients see nothing of it meanwhile" in told
    assert "1 shot and 2 tasks leave the lists with it" in office.see(address("sequence", sequence))
    assert "1 task leaves the lists with it" in office.see(address("asset", production.asset))
    # What was put away is found again.
    assert "sh020" not in office.see(address("sequence", sequence))
    assert "sh020 archived" in office.see(f"{address('sequence', sequence)}?archived=1")


def test_a_shot_is_cast_on_its_page(office: Office) -> None:
    production = office.studio.production()
    project = production.project["id"]
    lamp = office.studio.admin.post("/assets/", {"project_id": project, "name": "lamp", "title": "The lamp"}).data
    sequence = office.studio.admin.post("/sequences/", {"project_id": project, "name": "sq010"}).data
    shot = office.studio.admin.post("/shots/", {"sequence_id": sequence["id"], "name": "sh010"}).data
    page, gear = address("shot", shot), production.asset["id"]

    def cast(**form: Any) -> str:
        version = office.studio.admin.get(page).data["revision"]
        return office.told(f"{page}/casting", page, **{"version": version, **form})

    def casting() -> dict[str, int]:
        return {each["asset"]: each["count"] for each in office.studio.admin.get(f"{page}/casting").data}

    assert "Choose assets" in office.see(page)
    cast(asset=[gear, lamp["id"]])
    assert casting() == {"gear": 1, "lamp": 1}
    assert "The lamp × 12" in cast(**{f"count.{gear}": "1", f"count.{lamp['id']}": "12"})
    assert "Number: must be a whole number" in cast(**{f"count.{gear}": "many"})
    assert "Somebody else changed the shot meanwhile" in cast(version="1", asset=gear)
    cast(**{f"count.{gear}": "0", f"count.{lamp['id']}": "12"})
    assert casting() == {"lamp": 12}


def test_only_who_may_sees_the_buttons_and_presses_them(office: Office) -> None:
    rows = {kind: made(office.studio, kind) for kind in ("project", "sequence", "asset", "shot")}
    artist = Office(office.studio, Role.ARTIST)
    for kind, row in rows.items():
        seen = artist.see(address(kind, row))
        assert not re.search(r"Edit|Archive|Make|New (sequence|shots|asset|task)|casting|With archived", seen), seen
        for path in (f"/change/{kind}/{row['id']}", f"/archive/{kind}/{row['id']}"):
            assert artist.browser.post(path, headers=SAME_SITE).status_code == 403
    assert "New project" not in artist.see("/") and "New project" not in artist.see("/projects")
    page = address("project", rows["project"])
    for path in ("/projects", f"{page}/sequences", f"{page}/assets", f"{address('sequence', rows['sequence'])}/shots"):
        assert artist.browser.post(path, data={"name": "x"}, headers=SAME_SITE).status_code == 403
    # An artist brings CAD, and a client does not.
    assert "Drop a STEP file here" in artist.see(address("asset", rows["asset"]))
    clients = {"user_ids": [office.studio.api(Role.CLIENT).get("/auth/me").data["user"]["id"]]}
    project = rows["asset"]["project_id"]
    office.studio.admin.put(f"/projects/{project}/clients", clients, headers={"If-Match": "*"})
    assert "STEP" not in Office(office.studio, Role.CLIENT).see(address("asset", rows["asset"]))


def test_another_tenants_rows_are_not_changed(office: Office, other_studio: StudioUnderTest) -> None:
    rows = {kind: made(office.studio, kind) for kind in ("project", "sequence", "asset", "shot")}
    browser = other_studio.browser(Role.TENANT_ADMIN)
    form = {"name": "x", "names": "x", "version": "1", "department": "fx"}
    for kind, row in rows.items():
        for path in (f"/change/{kind}/{row['id']}", f"/archive/{kind}/{row['id']}", f"/restore/{kind}/{row['id']}"):
            assert browser.post(path, data=form, headers=SAME_SITE).status_code == 404
    for path in (
        f"{address('project', rows['project'])}/sequences", f"{address('project', rows['project'])}/assets",
        f"{address('sequence', rows['sequence'])}/shots", f"{address('shot', rows['shot'])}/casting",
        f"/tasks/on/shot/{rows['shot']['id']}", f"{address('asset', rows['asset'])}/cad?filename=a.step",
    ):  # fmt: skip
        assert browser.post(path, data=form, headers=SAME_SITE).status_code == 404, path


def sent(browser: FlaskClient, asset: Json, content: bytes, name: str, **headers: str) -> TestResponse:
    options = {
        "data": content,
        "content_type": "application/octet-stream",
        "headers": {**SAME_SITE, "Accept": "application/json", **headers},
    }
    return browser.post(f"/assets/{asset['id']}/cad", query_string={"filename": name}, **options)


def test_a_step_file_is_sent_from_the_assets_page(office: Office) -> None:
    asset = office.studio.production().asset
    artist = office.studio.browser(Role.ARTIST)
    answer = sent(artist, asset, STEP, "Gear No. 7.step")
    assert answer.status_code == 200 and answer.json
    page = artist.get(answer.json["data"]["page"])
    assert "Gear No. 7.step is being converted" in Page(page).text and "Drop a new revision here" in Page(page).text
    for content, name, told in (
        (b"not STEP", "a.step", "a.step"),
        (STEP, "", "Filename: must be the bare name of a file"),
        (b"x" * 5 * 2**20, "a.step", "The request is too large"),
    ):
        answer = sent(artist, asset, content, name)
        assert answer.status_code >= 400 and answer.json and told in answer.json["error"]["message"]
    assert sent(artist, asset, STEP, "a.step", **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert len(office.rows("/cad/")) == 1
