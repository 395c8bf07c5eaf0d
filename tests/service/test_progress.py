"""How far a project is: what is counted, what the page shows, and who sees it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from flask import Flask

from service.accounts.permissions import Role
from tests.service.page import Page
from tests.service.studio import Json, StudioUnderTest
from tests.service.test_statements import counting

TODAY = datetime.now(UTC).date()


class Film:
    """A project with two products, an asset without a type and three shots in two sequences."""

    def __init__(self, studio: StudioUnderTest, name: str = "film") -> None:
        self.studio = studio
        self.project = self.made("projects", name=name)
        named = {"project_id": self.project["id"]}
        self.gear, self.rim = (
            self.made("assets", **named, name=name, asset_type="product") for name in ("gear10", "gear9")
        )
        self.odd = self.made("assets", **named, name="odd")
        sequences = [self.made("sequences", **named, name=name) for name in ("sq010", "sq020")]
        self.shots = [
            self.made("shots", sequence_id=sequences[number]["id"], name=name)
            for number, name in ((0, "sh010"), (0, "sh020"), (1, "sh010"))
        ]

    def made(self, what: str, /, **values: object) -> Json:
        answer = self.studio.admin.post(f"/{what}/", values)
        assert answer.status == 201, answer.body
        made: Json = answer.data
        return made

    def task(self, on: Json, department: str, status: str = "todo", **more: object) -> Json:
        target = {"target_type": "shot" if "sequence_id" in on else "asset", "target_id": on["id"]}
        return self.made("tasks", **{"name": department, **target, "department": department, "status": status, **more})

    @property
    def progress(self) -> Json:
        answer: Json = self.studio.artist.get(f"/projects/{self.project['id']}/progress").data
        return answer

    def page(self, query: str = "") -> Page:
        return Page(self.studio.browser(Role.ARTIST).get(f"/projects/{self.project['id']}/progress{query}"))


@pytest.fixture
def film(studio: StudioUnderTest) -> Film:
    return Film(studio)


def test_tasks_are_counted_by_what_they_are_on_by_department_and_by_status(film: Film) -> None:
    yesterday = str(TODAY - timedelta(days=1))
    film.task(film.gear, "model", "approved", due=yesterday, estimate_days=2)
    film.task(film.rim, "model", "in_progress", due=yesterday, estimate_days=0.5)
    film.task(film.rim, "look", due=str(TODAY))
    film.task(film.shots[0], "lighting", "done")
    gone = film.task(film.shots[2], "lighting")
    film.studio.admin.post(f"/tasks/{gone['id']}/archive")
    film.studio.admin.post(f"/assets/{film.odd['id']}/archive")

    found = film.progress
    assert [(each["kind"], each["name"], each["number"]) for each in found["groups"]] == [
        ("asset_type", "product", 2),
        ("sequence", "sq010", 2),
        ("sequence", "sq020", 1),
    ]
    products, first, second = found["groups"]
    model = {"tasks": 2, "statuses": {"approved": 1, "in_progress": 1}, "done": 1, "late": 1, "estimate_days": 2.5}
    look = {"tasks": 1, "statuses": {"todo": 1}, "done": 0, "late": 0, "estimate_days": 0.0}
    assert products["departments"] == {"model": model, "look": look}
    assert (products["total"]["tasks"], products["total"]["done"], products["total"]["late"]) == (3, 1, 1)
    assert first["total"]["done"] == 1 and second["departments"] == {}
    assert list(found["departments"]) == ["model", "look", "lighting"] and found["departments"]["model"] == model


def test_a_status_of_ones_own_that_means_done_counts_as_done(film: Film) -> None:
    film.made("task-statuses", name="delivered", kind="done", color="#123456")
    film.task(film.gear, "model", "delivered")
    assert film.progress["departments"]["model"]["done"] == 1


def test_the_page_shows_counts_and_each_of_a_group_with_its_tasks(film: Film) -> None:
    film.task(film.gear, "model", "approved")
    sculpted = film.task(film.rim, "model", name="sculpt", due=str(TODAY - timedelta(days=3)))
    film.task(film.shots[1], "lighting")
    text = film.page().text
    assert "1 / 2" in text and "1 late" in text
    # In the order in which people count, and those of the other groups are not there.
    assert text.index("gear9") < text.index("gear10") and "sculpt" in text and "sh020" not in text
    shots = film.page("?kind=sequence&of=sq010").text
    assert "sh020" in shots and "gear9" not in shots
    # Without a choice, one where something is left to do.
    for query in ("", "?kind=sequence&of=made-up"):
        assert "gear9" in film.page(query).text
    film.studio.admin.post(f"/tasks/{sculpted['id']}/archive")
    assert "sh020" in film.page().text


def test_each_count_leads_to_exactly_the_tasks_that_it_counts(film: Film) -> None:
    film.made("task-statuses", name="delivered", kind="done", color="#123456")
    yesterday = str(TODAY - timedelta(days=1))
    for number, (on, department, status, more) in enumerate(
        [
            (film.gear, "model", "delivered", {"due": yesterday}),
            (film.gear, "model", "approved", {}),
            (film.rim, "model", "todo", {"due": yesterday}),
            (film.rim, "look", "todo", {"due": str(TODAY)}),
            (film.odd, "look", "review", {"due": yesterday}),
            (film.shots[0], "lighting", "todo", {}),
            (film.shots[2], "lighting", "todo", {"due": yesterday}),
        ]
    ):
        film.task(on, department, status, name=f"task{number}", **more)
    elsewhere = Film(film.studio, "elsewhere")
    elsewhere.task(elsewhere.gear, "model", due=yesterday)
    film.studio.admin.post(f"/shots/{film.shots[2]['id']}/archive")
    browser = film.studio.browser(Role.ARTIST)
    page = browser.get(f"/projects/{film.project['id']}/progress").text
    links = re.findall(r'<a [^>]*href="(/projects/[^"]*/tasks[^"]*)"[^>]*>(.*?)</a>', page, re.DOTALL)
    counted = {unescape(link): re.findall(r"\d+", re.sub("<[^>]*>", "", text)) for link, text in links}
    counts = {link: int(numbers[0]) for link, numbers in counted.items() if numbers}
    assert sum("late=1" in link for link in counts) > 4 and sum("sequence=sq010" in link for link in counts) > 2
    for link, number in counts.items():
        assert browser.get(link).text.count('name="task"') == number, link
    narrowed = Page(browser.get(next(link for link in counts if "late=1" in link and "asset_type" in link)))
    assert "late ×" in narrowed.text and "product ×" in narrowed.text


def test_an_empty_project_says_what_is_missing(studio: StudioUnderTest) -> None:
    project = studio.admin.post("/projects/", {"name": "empty"}).data
    page = Page(studio.browser(Role.ARTIST).get(f"/projects/{project['id']}/progress"))
    assert "Nothing to do yet" in page.text


def test_a_longer_list_costs_no_more_statements_and_goes_on(
    app: Flask, film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cost() -> int:
        with counting(app) as statements:
            film.page()
        return len(statements)

    film.task(film.gear, "model")
    cost()  # what is asked once
    short = cost()
    for number in range(5):
        film.task(film.made("assets", project_id=film.project["id"], name=f"a{number}", asset_type="product"), "look")
    assert cost() == short
    monkeypatch.setattr("service.pages.progress.ROWS", 3)
    assert "gear9" not in film.page("?kind=asset_type&of=product").text
    assert "gear9" in film.page("?kind=asset_type&of=product&page=2").text


def test_only_who_sees_the_tasks_sees_the_progress(film: Film, other_studio: StudioUnderTest) -> None:
    path = f"/projects/{film.project['id']}/progress"
    for refused in (film.studio.api(Role.CLIENT), other_studio.artist):
        assert refused.get(path).status in (403, 404)
    assert film.studio.browser(Role.CLIENT).get(path).status_code == 403
    assert other_studio.browser(Role.ARTIST).get(path).status_code == 404
