"""Time spent: written by day and task, by oneself or a manager; added up; on a page that saves as one types."""

from __future__ import annotations

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.accounts.permissions import Role
from service.pages.time_spent import hours, minutes_of
from shared.errors import InputError
from tests.service.browser import KEYS, Browser
from tests.service.page import Page
from tests.service.studio import Api, Json, Reply, StudioUnderTest

TODAY = datetime.now(UTC).date()
DAY = "2026-03-02"
"""A Monday."""


@pytest.fixture
def task(studio: StudioUnderTest) -> Json:
    return studio.production().task


def id_of(api: Api) -> str:
    return str(api.get("/auth/me").data["user"]["id"])


def write(api: Api, task: Json, minutes: int, day: str = DAY, **more: object) -> Reply:
    return api.put("/time-entries/", {"task_id": task["id"], "day": day, "minutes": minutes, **more})


def minutes(api: Api, **query: str) -> dict[str, int]:
    """What was spent, by day."""
    return {each["day"]: each["minutes"] for each in api.get("/time-entries/", query_string=query).data["items"]}


# -- writing


def test_a_day_of_a_task_is_set_added_to_changed_and_taken_away(studio: StudioUnderTest, task: Json) -> None:
    artist = studio.artist
    first = write(artist, task, 90).data
    assert write(artist, task, 60).data["id"] == first["id"], "one row for a person, task and day"
    more = artist.post("/time-entries/", {"task_id": task["id"], "day": DAY, "minutes": 30})
    assert (more.status, more.data["minutes"]) == (201, 90)
    assert artist.patch(f"/time-entries/{first['id']}", {"minutes": 15}).data["minutes"] == 15
    assert artist.delete(f"/time-entries/{first['id']}").status == 200
    assert minutes(artist) == {}
    write(artist, task, 45)
    assert write(artist, task, 0).data is None and minutes(artist) == {}


@pytest.mark.parametrize("days", [2, 400])
def test_days_to_come_are_refused(studio: StudioUnderTest, task: Json, days: int) -> None:
    refused = write(studio.artist, task, 60, str(TODAY + timedelta(days=days)))
    assert refused.status == 422 and "day" in refused.error["fields"]
    assert write(studio.artist, task, 60, str(TODAY)).status == 200


def test_a_day_has_no_more_than_24_hours_whatever_the_tasks(studio: StudioUnderTest, task: Json) -> None:
    other = studio.production().task
    assert write(studio.artist, task, 20 * 60).status == 200
    refused = write(studio.artist, other, 4 * 60 + 1)
    assert refused.status == 422 and "4 of them are left" in refused.error["hint"]
    assert write(studio.artist, other, 4 * 60).status == 200
    assert write(studio.artist, task, 24 * 60 + 1).status == 422
    assert write(studio.artist, task, 24 * 60, "2026-03-03").status == 200
    assert write(studio.admin, task, 24 * 60).status == 200, "somebody else's day"


def test_of_many_who_write_one_day_at_once_none_gets_past_its_end(studio: StudioUnderTest) -> None:
    tasks = [studio.production().task for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda task: write(studio.artist, task, 10 * 60).status, tasks))
    assert sorted(answers) == [200, 200, 422, 422]


def test_artists_write_their_own_and_managers_everybodys(studio: StudioUnderTest, task: Json) -> None:
    artist, admin = studio.artist, studio.admin
    mine, theirs = id_of(artist), id_of(admin)
    assert write(artist, task, 60, user_id=theirs).status == 403
    made = write(admin, task, 60, user_id=mine).data
    assert (made["user_id"], made["person"]) == (mine, "artist")
    hidden = write(admin, task, 30).data
    for answer in (
        artist.get(f"/time-entries/{hidden['id']}"),
        artist.patch(f"/time-entries/{hidden['id']}", {"minutes": 1}),
        artist.delete(f"/time-entries/{hidden['id']}"),
    ):
        assert answer.status == 404
    assert minutes(artist) == {DAY: 60} and artist.get(f"/time-entries/?user={theirs}").status == 403
    assert admin.get("/time-entries/").data["total"] == 2
    assert admin.get(f"/time-entries/?user={mine}&task_id={task['id']}").data["total"] == 1
    assert studio.api(Role.CLIENT).get("/time-entries/").status == 403


def test_there_is_no_time_of_clients_nor_on_what_is_archived(studio: StudioUnderTest, task: Json) -> None:
    client = id_of(studio.api(Role.CLIENT))
    assert write(studio.admin, task, 60, user_id=client).error["fields"] == {"user_id": "is a client"}
    entry = write(studio.artist, task, 60).data
    studio.admin.post(f"/tasks/{task['id']}/archive")
    assert write(studio.artist, task, 90).error["code"] == "conflict.archived"
    assert studio.artist.patch(f"/time-entries/{entry['id']}", {"minutes": 90}).error["code"] == "conflict.archived"
    assert write(studio.artist, task, 0).status == 200, "what was wrong is taken away all the same"


def test_two_who_write_one_entry_do_not_overwrite_each_other(studio: StudioUnderTest, task: Json) -> None:
    entry = write(studio.artist, task, 60).data
    path, tag = f"/time-entries/{entry['id']}", studio.artist.get(f"/time-entries/{entry['id']}").headers["ETag"]
    assert studio.admin.patch(path, {"minutes": 30}, headers={"If-Match": tag}).status == 200
    stale = studio.artist.patch(path, {"minutes": 90}, headers={"If-Match": tag})
    assert stale.status == 412 and "30" in str(stale.error["fields"])
    body = {"task_id": task["id"], "day": DAY, "minutes": 90}
    assert studio.artist.put("/time-entries/", body, headers={"If-Match": tag}).status == 412
    assert studio.artist.put("/time-entries/", body, headers={"If-Match": '"0"'}).status == 412
    assert studio.artist.put("/time-entries/", {**body, "day": TODAY.isoformat()}, headers={"If-Match": '"0"'}).data


def test_what_was_written_is_recorded_and_told(studio: StudioUnderTest, task: Json) -> None:
    entry = write(studio.artist, task, 60).data
    write(studio.artist, task, 90)
    write(studio.artist, task, 0)
    records = studio.admin.get(f"/audit/?row_id={entry['id']}").data["items"]
    assert [each["action"] for each in reversed(records)] == ["create", "change", "delete"]
    assert (records[1]["before"], records[1]["after"]) == ({"minutes": 60}, {"minutes": 90})
    kinds = [each["kind"] for each in studio.admin.get("/activity?kind=time_entry.").data["items"]]
    assert kinds == ["time_entry.deleted", "time_entry.changed", "time_entry.created"]


# -- totals


def test_a_task_tells_how_long_was_worked_on_it_and_managers_by_whom(studio: StudioUnderTest, task: Json) -> None:
    write(studio.artist, task, 60), write(studio.artist, task, 45, "2026-03-03"), write(studio.admin, task, 30)
    of_both, of_oneself = [("artist", 105), ("tenant_admin", 30)], [("artist", 105)]
    for api, people in ((studio.admin, of_both), (studio.artist, of_oneself)):
        told = api.get(f"/tasks/{task['id']}/time-spent").data
        assert told["minutes"] == 135
        assert [(each["person"], each["minutes"]) for each in told["people"]] == people
    page = f"/tasks/{task['id']}"
    assert "2:15 h artist 1:45 tenant_admin 0:30" in Page(studio.browser(Role.PROJECT_MANAGER).get(page)).text
    assert "2:15 h artist 1:45 Write time" in Page(studio.browser().get(page)).text


def test_managers_read_what_projects_took_by_person_and_month(studio: StudioUnderTest, task: Json) -> None:
    other = studio.production()
    (
        write(studio.artist, task, 60),
        write(studio.artist, task, 30, "2026-03-31"),
        write(studio.artist, task, 15, "2026-04-01"),
    )
    write(studio.admin, task, 10), write(studio.artist, other.task, 5)
    days = {"first_day": "2026-03-01", "last_day": "2026-04-30"}
    found = studio.admin.get("/time-entries/report", query_string=days).data
    told = {(each["project"], each["person"], each["month"]): each["minutes"] for each in found}
    assert told == {
        (task["project"], "artist", "2026-03-01"): 90,
        (task["project"], "artist", "2026-04-01"): 15,
        (task["project"], "tenant_admin", "2026-03-01"): 10,
        (other.project["name"], "artist", "2026-03-01"): 5,
    }
    one = {**days, "project": task["project"], "user_id": id_of(studio.artist), "last_day": "2026-03-30"}
    assert [each["minutes"] for each in studio.admin.get("/time-entries/report", query_string=one).data] == [60]
    assert studio.artist.get("/time-entries/report", query_string=days).status == 403
    wrong = studio.admin.get("/time-entries/report?first_day=2026-03-02&last_day=2026-03-01")
    assert "last_day" in wrong.error["fields"]


def test_the_report_is_a_spreadsheet_and_a_page(studio: StudioUnderTest, task: Json) -> None:
    write(studio.artist, task, 90)
    browser, days = studio.browser(Role.PROJECT_MANAGER), "first_day=2026-03-01&last_day=2026-03-31"
    answer = browser.get(f"/api/time-entries/report.csv?{days}")
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert rows == [["project", "person", "month", "hours"], [task["project"], "artist", "2026-03", "1.50"]]
    page = Page(browser.get(f"/time/report?{days}"))
    assert f"{task['project']} 2026-03 artist 1:30 Total 1:30" in page.text
    assert f"/api/time-entries/report.csv?{days}" in page.links
    assert studio.browser().get("/time/report").status_code == 403
    # The file is called after the project.
    refused = studio.admin.get(f"/time-entries/report.csv?{days}&project=a%0D%0AX-More:%20b")
    assert (refused.status, "X-More" in refused.headers) == (422, False) and "project" in refused.error["fields"]


# -- the page


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.5", 90), ("1,5", 90), ("1:30", 90), ("90m", 90), ("1h 30m", 90), ("1h30", 90), ("2h", 120), ("8", 480),
     ("24:01", None), ("900h", None),
     (".25", 15), ("0:05", 5), ("", 0), (" ", 0), ("0", 0), ("24", 1440), ("1:60", None), ("-1", None), ("x", None),
     ("1:3", None), ("1h 30min", 90), ("1h 30", 90), ("2h 5", 125), ("1h 60", None), ("99999999999999", None)],
)  # fmt: skip
def test_hours_are_read_as_people_write_them(text: str, expected: int | None) -> None:
    if expected is None:
        with pytest.raises(InputError):
            minutes_of(text)
    else:
        assert minutes_of(text) == expected


@given(st.integers(0, 24 * 60))
def test_what_is_shown_is_read_as_it_was(minutes: int) -> None:
    assert minutes_of(hours(minutes)) == minutes


@given(st.text(max_size=30))
def test_whatever_is_typed_is_a_time_or_refused_in_words(text: str) -> None:
    try:
        assert minutes_of(text) >= 0
    except InputError as error:
        assert error.hint


def test_the_week_shows_ones_tasks_and_what_was_spent(studio: StudioUnderTest, task: Json) -> None:
    browser, other = studio.browser(), studio.production().task
    studio.admin.patch(f"/tasks/{task['id']}", {"assignee_ids": [id_of(studio.artist)]})
    write(studio.artist, other, 90), write(studio.admin, task, 60)
    page = browser.get(f"/time?week={DAY}").text
    for each in (task, other):
        assert f'name="{each["id"]} {DAY}"' in page
    assert f'name="{other["id"]} {DAY}" value="1:30"' in page and f'name="{task["id"]} {DAY}" value=""' in page
    assert f'name="{other["id"]} {DAY}"' not in browser.get("/time?week=2026-03-09").text
    assert f'name="{other["id"]} 2026-03-09"' in browser.get(f"/time?week=2026-03-09&task={other['id']}").text
    assert browser.get("/time?week=nonsense&task=nonsense").status_code == 200


def test_of_very_many_tasks_the_week_says_that_it_shows_some(studio: StudioUnderTest, task: Json) -> None:
    project = studio.admin.get(f"/tasks/{task['id']}").data["project"]
    [found] = [each for each in studio.admin.get("/projects/").data["items"] if each["name"] == project]
    rows = "".join(f"gear{number},model,{studio.email(Role.ARTIST)}\n" for number in range(61))

    def plan(table: str) -> str:
        sent = {"data": table.encode(), "content_type": "text/csv"}
        assert studio.admin.call("POST", f"/projects/{found['id']}/sheet", **sent).status == 200
        return Page(studio.browser().get("/time")).text

    assert "choose Write time on its page" not in plan("asset,task,assignee\n" + rows.rpartition("gear60")[0])
    assert "Your first 60 tasks. For another one, choose Write time on its page" in plan("asset,task,assignee\n" + rows)


def test_without_scripts_the_whole_week_is_saved_at_once(studio: StudioUnderTest, task: Json) -> None:
    write(studio.artist, task, 60)
    form = {f"{task['id']} {DAY}": "0.5", f"was {task['id']} {DAY}": "1:00", f"{task['id']} 2026-03-03": "2:15"}
    assert studio.browser().post("/time", data=form).status_code == 303
    assert minutes(studio.artist) == {DAY: 30, "2026-03-03": 135}
    assert studio.browser().post("/time", data=form).status_code == 303, "sent twice, it is the same"
    stale = studio.browser().post("/time", data={**form, f"{task['id']} {DAY}": "4"})
    assert stale.status_code == 412 and minutes(studio.artist)[DAY] == 30


def test_the_page_saves_as_one_types(studio: StudioUnderTest, task: Json, address: str, browser: Browser) -> None:
    studio.admin.patch(f"/tasks/{task['id']}", {"assignee_ids": [id_of(studio.artist)]})
    monday = date.fromisoformat(DAY)
    cells = [f'[name="{task["id"]} {monday + timedelta(days=number)}"]' for number in range(2)]
    browser.open(f"{address}/?token={studio.tokens[Role.ARTIST]}")
    browser.open(f"{address}/time?week={DAY}")
    browser.type(cells[0], "1.5")
    browser.press(KEYS["right"])
    browser.until(lambda: browser.text("[data-told]") == "All is saved.")
    focused = browser.run("return document.activeElement === document.querySelector(arguments[0])", cells[1])
    assert focused and browser.run("return document.querySelector(arguments[0]).value", cells[0]) == "1:30"
    assert browser.text("[data-week]") == "1:30" and minutes(studio.artist) == {DAY: 90}
    browser.type(cells[1], "25")
    browser.press(*[KEYS["left"]] * 3)
    browser.until(lambda: "25 is more than a day has" in browser.text("[data-told]"))
    assert browser.run("return document.querySelector(arguments[0]).value", cells[1]) == "25", (
        "it stays to be put right"
    )
    for width in (1400, 420):
        browser.resize(width, 900)
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
