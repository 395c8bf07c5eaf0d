"""The schedule: which days tasks take and what work they make, and the bars that managers move in a real browser."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as some

from service.accounts.permissions import Role
from service.models import Task
from service.production.schedule import Days, days_of, monday_of, work_in
from tests.service.browser import Browser
from tests.service.page import Page
from tests.service.studio import Json, Production, StudioUnderTest
from tests.service.test_statements import counting

MONDAY = date(2027, 3, 1)
ANY_DAY = some.dates()
ESTIMATES = some.none() | some.floats(0, 10_000, allow_nan=False)


def task_of(start: date | None = None, due: date | None = None, estimate: float | None = None, people: int = 1) -> Task:
    ids = [str(uuid4()) for _ in range(people)]
    return Task(start=start, due=due, estimate_days=estimate, assignee_ids=ids)


# -- days and work


@pytest.mark.parametrize(
    ("start", "due", "estimate", "first", "last", "guessed"),
    [
        (0, 4, None, 0, 4, False),
        (0, 4, 20, 0, 4, False),
        (0, None, None, 0, 0, True),
        (0, None, 2.5, 0, 2, True),
        # Friday, and the Monday and Tuesday behind the weekend.
        (4, None, 3, 4, 8, True),
        (None, 1, 3, -3, 1, True),
        (None, 4, 5, 0, 4, True),
        # Who begins on a Saturday, works from Monday on.
        (5, None, 1, 5, 7, True),
    ],
)
def test_what_is_not_planned_follows_from_the_estimate(
    start: int | None, due: int | None, estimate: float | None, first: int, last: int, guessed: bool
) -> None:
    days = [None if each is None else MONDAY + timedelta(days=each) for each in (start, due)]
    found = days_of(task_of(*days, estimate))
    assert found == Days(MONDAY + timedelta(days=first), MONDAY + timedelta(days=last), guessed)


def test_a_task_without_days_takes_none() -> None:
    assert days_of(task_of(estimate=3)) is None


@given(some.tuples(ANY_DAY, ANY_DAY, some.sampled_from(["both", "start", "due"])), ESTIMATES)
def test_any_days_and_estimate_make_a_stretch_that_holds_what_is_planned(
    planned: tuple[date, date, str], estimate: float | None
) -> None:
    first, last = sorted(planned[:2])
    task = task_of(first if planned[2] != "due" else None, last if planned[2] != "start" else None, estimate)
    days = days_of(task)
    assert days is not None and days.first <= days.last
    assert task.start in (None, days.first) and task.due in (None, days.last)


@given(ANY_DAY, some.integers(0, 600))
def test_working_days_are_those_from_monday_to_friday(first: date, more: int) -> None:
    last = min(first + timedelta(days=min(more, (date.max - first).days)), date.max)
    counted = sum(date.fromordinal(day).weekday() < 5 for day in range(first.toordinal(), last.toordinal() + 1))
    assert Days(first, last).working == counted


@given(some.dates(date(2020, 1, 1), date(2030, 1, 1)), some.integers(0, 90), ESTIMATES, some.integers(0, 3))
def test_the_weeks_of_a_task_add_up_to_its_work(first: date, more: int, estimate: float | None, people: int) -> None:
    task = task_of(first, first + timedelta(days=more), estimate, people)
    days = days_of(task)
    assert days is not None
    mondays = [monday_of(first) + timedelta(days=7 * week) for week in range(16)]
    weeks = [
        work_in(Days(monday, following - timedelta(days=1)), [(task, days)]) for monday, following in pairwise(mondays)
    ]
    whole = days.working if estimate is None else estimate / max(1, people)
    assert sum(weeks) == pytest.approx(whole)


# -- on the pages


@pytest.fixture
def production(studio: StudioUnderTest) -> Production:
    return studio.production()


@dataclass
class Schedule:
    """The schedule of a project of three tasks, over eight weeks from a Monday on."""

    studio: StudioUnderTest
    production: Production

    def __post_init__(self) -> None:
        self.person = self.studio.artist.get("/auth/me").data["user"]["id"]

    @property
    def path(self) -> str:
        return f"/projects/{self.production.project['id']}/schedule?from={MONDAY}"

    def task(self, name: str, **more: object) -> Json:
        on = {"target_type": "asset", "target_id": self.production.asset["id"], "name": name, "department": "look"}
        answer: Json = self.studio.admin.post("/tasks/", {**on, **more}).data
        return answer

    def now(self, task: Json) -> Json:
        answer: Json = self.studio.admin.get(f"/tasks/{task['id']}").data
        return answer

    def page(self, more: str = "", role: Role = Role.ARTIST) -> Page:
        return Page(self.studio.browser(role).get(f"{self.path}{more}"))


@pytest.fixture
def planned(studio: StudioUnderTest, production: Production) -> Schedule:
    return Schedule(studio, production)


def test_bars_stand_at_their_days_and_sums_at_their_weeks(planned: Schedule) -> None:
    planned.task("clay", start="2027-03-01", due="2027-03-07", estimate_days=2.5, assignee_ids=[planned.person])
    planned.task("skin", start="2027-03-08", due="2027-03-12", assignee_ids=[planned.person])
    planned.task("hair", due="2027-03-09", estimate_days=2, assignee_ids=[planned.person])
    planned.task("before", start="2026-01-01", due="2026-12-31")
    planned.task("someday")
    text = planned.page().text
    html = planned.studio.browser(Role.ARTIST).get(planned.path).text
    assert "clay of" in html and "2027-03-08 to 2027-03-09 by its estimate" in html
    # A week is an eighth of the width.
    assert 'x="0.0%" width="12.5%"' in html and 'x="12.5%" width="8.9286%"' in html
    assert "2.5 d" in text and "7 d" in text and "too-much" in html
    assert "before" not in text
    assert "someday" in text.partition("Not planned")[2]
    # What does not wait for anybody is no work any more.
    planned.studio.admin.patch(f"/tasks/{next_id(planned, 'skin')}", {"status": "done"})
    assert "too-much" not in planned.studio.browser(Role.ARTIST).get(planned.path).text


def next_id(planned: Schedule, name: str) -> str:
    found = planned.studio.admin.get(f"/tasks/?project={planned.production.project['name']}&q={name}").data["items"]
    return str(found[0]["id"])


def test_a_schedule_is_narrowed_grouped_and_moved(planned: Schedule) -> None:
    planned.task("clay", start="2027-03-01", due="2027-03-07", assignee_ids=[planned.person])
    planned.task("skin", start="2027-03-02")
    assert "Nobody yet" in planned.page().text
    narrowed = planned.page(f"&assignee={planned.person}").text
    assert "clay" in narrowed and "skin" not in narrowed and "Nobody yet" not in narrowed
    assert planned.production.asset["name"] in planned.page("&by=target&weeks=26").text
    assert "Look" in planned.page("&by=department&weeks=4").text
    later = planned.studio.browser().get(planned.path.replace(str(MONDAY), "2027-03-29")).text
    assert "clay of" not in later
    assert "clay" in planned.studio.browser(Role.ARTIST).get(f"/schedule?from={MONDAY}").text


@pytest.mark.parametrize("query", ["?from=monday", "?from=9999-12-31&weeks=26", "?from=0001-01-01", "?weeks=5000"])
def test_no_period_breaks_the_page(planned: Schedule, query: str) -> None:
    assert planned.studio.browser().get(f"/schedule{query}").status_code in (200, 422)


def test_what_others_may_not_see_is_not_there(planned: Schedule) -> None:
    planned.task("clay", start="2027-03-01", due="2027-03-07")
    project = planned.production.project
    planned.studio.admin.patch(f"/projects/{project['id']}", {"visible_to": "team"})
    artist = planned.studio.browser(Role.ARTIST)
    assert artist.get(planned.path).status_code == 404
    assert project["name"] not in artist.get(f"/schedule?from={MONDAY}").text
    assert planned.studio.browser(Role.CLIENT).get("/schedule").status_code == 403


def test_only_managers_plan(planned: Schedule) -> None:
    task = planned.task("clay", start="2027-03-01")
    form = {"start": "2027-03-02", "version": task["revision"]}
    site = {"Sec-Fetch-Site": "same-origin"}
    address = f"/tasks/{task['id']}/days"
    assert planned.studio.browser(Role.ARTIST).post(address, data=form, headers=site).status_code == 403
    assert "Plan clay" not in planned.studio.browser(Role.ARTIST).get(planned.path).text
    assert planned.now(task)["start"] == "2027-03-01"


def test_a_longer_schedule_costs_no_more_statements_and_says_what_it_leaves_out(
    app: Flask, planned: Schedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cost() -> int:
        with counting(app) as statements:
            planned.page(role=Role.PROJECT_MANAGER)
        return len(statements)

    planned.task("first", start="2027-03-01", due="2027-03-03", assignee_ids=[planned.person])
    cost()  # what is asked once
    short = cost()
    for number in range(5):
        planned.task(f"more{number}", start="2027-03-01", due="2027-03-03", assignee_ids=[planned.person])
    assert cost() == short
    monkeypatch.setattr("service.pages.schedule.MOST_BARS", 3)
    assert "Only the first 3 tasks" in planned.page().text


# -- in a browser


@pytest.fixture
def open_schedule(planned: Schedule, window: Browser, address: str) -> Browser:
    window.resize(1400, 900)
    window.open(f"{address}/?token={planned.studio.tokens[Role.PROJECT_MANAGER]}")
    return window


def bar_of(task: Json) -> str:
    return f'tr:has([data-plan*="{task["id"]}"]) rect.days'


def drag(browser: Browser, task: Json, by_days: int, *, at: float = 0.5) -> None:
    """Drag a bar by its middle, or at a share of its width."""
    box = browser.run("return document.querySelector(arguments[0]).getBoundingClientRect().toJSON()", bar_of(task))
    lane = "return document.querySelector('.schedule td.lane').getBoundingClientRect().width"
    day = browser.run(lane) / 56
    browser.drag(bar_of(task), (at, 0.5), (at + by_days * day / box["width"], 0.5))


def test_bars_are_moved_and_changed_at_their_ends(planned: Schedule, open_schedule: Browser, address: str) -> None:
    task = planned.task("clay", start="2027-03-08", due="2027-03-19", estimate_days=4)
    open_schedule.open(f"{address}{planned.path}")
    drag(open_schedule, task, 7)
    days = lambda: (planned.now(task)["start"], planned.now(task)["due"])  # noqa: E731
    open_schedule.until(lambda: days() == ("2027-03-15", "2027-03-26"))
    first = "return document.querySelector(arguments[0])?.dataset.first"
    open_schedule.until(lambda: open_schedule.run(first, bar_of(task)) == "2027-03-15")
    drag(open_schedule, task, 3, at=0.99)
    open_schedule.until(lambda: days() == ("2027-03-15", "2027-03-29"))
    last = "return document.querySelector(arguments[0])?.dataset.last"
    open_schedule.until(lambda: open_schedule.run(last, bar_of(task)) == "2027-03-29")
    drag(open_schedule, task, 40, at=0.01)
    open_schedule.until(lambda: days() == ("2027-03-29", "2027-03-29"))
    assert planned.now(task)["estimate_days"] == 4


def test_a_bar_that_somebody_else_changed_stays_and_the_page_says_why(
    planned: Schedule, open_schedule: Browser, address: str
) -> None:
    task = planned.task("clay", start="2027-03-08", due="2027-03-19")
    open_schedule.open(f"{address}{planned.path}")
    open_schedule.run("document.querySelector('#schedule').removeAttribute('data-refresh')")
    planned.studio.admin.patch(f"/tasks/{task['id']}", {"due": "2027-03-10"})
    drag(open_schedule, task, 7)
    open_schedule.until(lambda: "Somebody else changed the task" in open_schedule.text("main > .note.bad"))
    assert (planned.now(task)["start"], planned.now(task)["due"]) == ("2027-03-08", "2027-03-10")


def test_a_task_is_planned_by_its_button(planned: Schedule, open_schedule: Browser, address: str) -> None:
    task = planned.task("clay", estimate_days=2.5)
    open_schedule.open(f"{address}{planned.path}")
    assert "clay" in open_schedule.text(".unplanned")
    open_schedule.click(f'[data-plan*="{task["id"]}"]')
    form = "#plan-task"
    assert "clay of" in open_schedule.text(form)
    set_day = "const field = document.querySelector(arguments[0]); field.value = arguments[1];"
    open_schedule.run(set_day, f"{form} [name=start]", "2027-03-10")
    open_schedule.run(set_day, f"{form} [name=due]", "2027-03-09")
    open_schedule.click(f"{form} button")
    open_schedule.until(lambda: open_schedule.text("main > .note.bad"))
    assert planned.now(task)["start"] is None
    open_schedule.click(f'[data-plan*="{task["id"]}"]')
    open_schedule.run(set_day, f"{form} [name=start]", "2027-03-10")
    open_schedule.click(f"{form} button")
    open_schedule.until(lambda: planned.now(task)["start"] == "2027-03-10")
    open_schedule.until(lambda: open_schedule.run("return !!document.querySelector(arguments[0])", bar_of(task)))
    assert planned.now(task)["estimate_days"] == 2.5
