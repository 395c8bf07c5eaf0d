"""The pages where custom fields are declared, shown and filled, and those of projects, sequences and shots."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.accounts.permissions import Role
from tests.service.browser import Browser
from tests.service.page import Page
from tests.service.studio import Json, StudioUnderTest

SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


class Film:
    """A project with a shot, an asset and a task, looked at in a browser."""

    def __init__(self, studio: StudioUnderTest) -> None:
        self.studio, admin = studio, studio.admin
        self.project = admin.post("/projects/", {"name": "film", "title": "The film"}).data
        self.asset = admin.post("/assets/", {"project_id": self.project["id"], "name": "gear"}).data
        self.sequence = admin.post("/sequences/", {"project_id": self.project["id"], "name": "sq010"}).data
        self.shot = admin.post("/shots/", {"sequence_id": self.sequence["id"], "name": "sh010"}).data
        body = {"target_type": "shot", "target_id": self.shot["id"], "name": "light", "department": "lighting"}
        self.task = admin.post("/tasks/", body).data
        self.browser = studio.browser(Role.PROJECT_MANAGER)
        self.fields_page = f"/projects/{self.project['id']}/fields"

    def declare(self, target_type: str, name: str, type_: str, **more: Any) -> Json:
        body = {"target_type": target_type, "name": name, "type": type_, **more}
        made: Json = self.studio.admin.post("/custom-fields/", body).data
        return made

    def post(self, path: str, form: Json | None = None) -> str:
        answer = self.browser.post(path, data=form or {}, headers=SAME_SITE, follow_redirects=True)
        assert answer.status_code == 200
        return Page(answer).text

    def see(self, path: str, role: Role = Role.PROJECT_MANAGER) -> Page:
        answer = self.studio.browser(role).get(path)
        assert answer.status_code == 200, answer.text
        page = Page(answer)
        assert page.inline == []
        return page

    def fill(self, target_type: str, **values: Any) -> str:
        found = getattr(self, target_type)
        version = self.studio.admin.get(f"/{target_type}s/{found['id']}").data["revision"]
        form = {"version": version, **{f"field.{name}": value for name, value in values.items()}}
        return self.post(f"/fields/{target_type}/{found['id']}", form)

    def fields(self, target_type: str) -> Json:
        found: Json = self.studio.admin.get(f"/{target_type}s/{getattr(self, target_type)['id']}").data["fields"]
        return found


@pytest.fixture
def film(studio: StudioUnderTest) -> Film:
    return Film(studio)


def test_a_field_is_declared_by_its_title(film: Film) -> None:
    form = {"target_type": "asset", "title": "Customer part number (AX)", "type": "text", "where": "here"}
    assert "customer_part_number_ax" in film.post(film.fields_page, {**form, "for_client": "on"})
    form = {"target_type": "project", "title": "Risk", "type": "choice", "where": "here", "choices": "low\r\n\r\nhigh "}
    assert "low, high" in film.post(film.fields_page, form)
    declared = film.studio.admin.get("/custom-fields/?sort=target_type").data["items"]
    told = [(each["name"], each["project"], each["type"], each["choices"], each["for_client"]) for each in declared]
    assert told == [
        ("customer_part_number_ax", "film", "text", [], True),
        ("risk", None, "choice", ["low", "high"], False),
    ]


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"title": "Lens"}, "There is already a custom field lens here."),
        ({"title": "Lens", "name": "50_mm"}, "begin with a letter, such as lens"),
        ({"title": "Risk", "type": "choice"}, "a choice needs at least one"),
        ({"title": "Risk", "type": "person"}, "Type:"),
        ({"title": "x" * 201}, "Title:"),
    ],
)
def test_a_field_that_cannot_be_declared_is_told_why(film: Film, form: Json, told: str) -> None:
    film.declare("shot", "lens", "number")
    assert told in film.post(film.fields_page, {"target_type": "shot", "type": "number", "where": "all", **form})
    assert film.studio.admin.get("/custom-fields/").data["total"] == 1


def test_a_title_in_any_script_declares_a_field(film: Film) -> None:
    for title in ("עדשה", "透鏡", "2nd unit", "Größe", "Ärger", "!" * 200):
        film.post(film.fields_page, {"target_type": "shot", "type": "text", "where": "all", "title": title})
    declared = film.studio.admin.get("/custom-fields/?sort=position").data["items"]
    assert {each["title"]: each["name"] for each in declared} == {
        "עדשה": "field_1", "透鏡": "field_2", "2nd unit": "field_2nd_unit", "Größe": "groe", "Ärger": "arger",
        "!" * 200: "field_3",
    }  # fmt: skip


def test_the_last_save_does_not_undo_the_one_before(film: Film) -> None:
    field = film.declare("shot", "risk", "choice", choices=["a"])
    change, seen = f"{film.fields_page}/{field['id']}/change", field["revision"]
    film.post(change, {"title": "", "choices": "a\nb", "version": seen})
    told = film.post(change, {"title": "Danger", "choices": "a", "version": seen})
    assert "Somebody else changed the custom field meanwhile; nothing was saved" in told
    found = film.studio.admin.get(f"/custom-fields/{field['id']}").data
    assert (found["title"], found["choices"]) == ("", ["a", "b"])


def test_what_is_not_in_the_list_has_no_place_in_it(film: Film) -> None:
    other = film.studio.admin.post("/projects/", {"name": "other"}).data
    film.declare("shot", "lens", "number")
    archived = film.declare("shot", "risk", "text")
    film.post(f"{film.fields_page}/{archived['id']}/archive")
    foreign = film.declare("shot", "grain", "text", project_id=other["id"])
    for what in ("up", "down"):
        assert "is archived" in film.post(f"{film.fields_page}/{archived['id']}/{what}")
    form = {"title": "x", "version": "1", "choice": "a", "to": "b"}
    for what in ("up", "down", "archive", "restore", "change", "rename-choice"):
        path = f"{film.fields_page}/{foreign['id']}/{what}"
        assert film.browser.post(path, data=form, headers=SAME_SITE).status_code == 404


def test_several_order_and_archive_the_same_fields_at_once(film: Film) -> None:
    fields = [film.declare("shot", f"f{number}", "text")["id"] for number in range(3)]
    browsers = [film.studio.browser(Role.PROJECT_MANAGER) for _ in range(4)]

    def press(number: int) -> list[int]:
        what = (("up", "archive", "restore"), ("down", "up"), ("up", "down"), ("up",))[number]
        paths = [f"{film.fields_page}/{field}/{each}" for _ in range(2) for field in fields for each in what]
        return [browsers[number].post(path, headers=SAME_SITE).status_code for path in paths]

    with ThreadPoolExecutor(len(browsers)) as pool:
        assert {status for statuses in pool.map(press, range(len(browsers))) for status in statuses} == {303}
    kept = film.studio.admin.get("/custom-fields/?target_type=shot").data["items"]
    assert {each["name"] for each in kept} == {"f0", "f1", "f2"}


def test_fields_are_changed_ordered_put_away_and_brought_back(film: Film) -> None:
    lens, risk = film.declare("shot", "lens", "number"), film.declare("shot", "risk", "choice", choices=["a", "b"])
    film.studio.admin.patch(f"/shots/{film.shot['id']}", {"fields": {"lens": 35, "risk": "a"}})
    change = f"{film.fields_page}/{risk['id']}"
    form = {"title": "Danger", "choices": "a\nb\nc", "for_client": "on", "version": risk["revision"]}
    assert "Danger" in film.post(f"{change}/change", form)
    form = {"title": "X", "choices": "a\nA", "version": risk["revision"] + 1}
    assert "alike but for their capitals" in film.post(f"{change}/change", form)
    film.post(f"{change}/rename-choice", {"choice": "a", "to": "severe"})
    assert film.fields("shot") == {"lens": 35, "risk": "severe"}
    found = film.studio.admin.get(f"/custom-fields/{risk['id']}").data
    assert (found["title"], found["choices"], found["for_client"]) == ("Danger", ["severe", "b", "c"], True)
    film.post(f"{change}/up")
    assert list(film.fields("shot")) == ["risk", "lens"]
    film.post(f"{change}/up")
    film.post(f"{change}/down")
    assert list(film.fields("shot")) == ["lens", "risk"]
    assert "Restore" in film.post(f"{film.fields_page}/{lens['id']}/archive")
    assert film.fields("shot") == {"risk": "severe"}
    assert "Restore" not in film.post(f"{film.fields_page}/{lens['id']}/restore")
    assert film.fields("shot") == {"lens": 35, "risk": "severe"}


def test_fields_are_filled_on_the_page_of_what_has_them(film: Film) -> None:
    for type_ in ("text", "number", "date", "checkbox", "tags"):
        film.declare("shot", type_, type_, title=type_.title())
    film.declare("shot", "weather", "tags", choices=["fog", "rain", "sun"])
    film.declare("shot", "time", "choice", choices=["day", "night"])
    form = {"text": "two\r\nlines", "number": "35.5", "date": "2027-01-31", "tags": "a, b", "time": "night"}
    assert "35.5" in film.fill("shot", **form, weather=["fog", "sun"])
    filled = {"text": "two\nlines", "number": 35.5, "date": "2027-01-31", "tags": ["a", "b"], "time": "night"}
    # A box that was never ticked is not unticked by a form in which it stands.
    assert film.fields("shot") == {**filled, "weather": ["fog", "sun"], "checkbox": None}
    film.fill("shot", checkbox="yes")
    assert film.fields("shot") == {**dict.fromkeys(film.fields("shot")), "checkbox": True}
    film.fill("shot", number="5")
    assert (film.fields("shot")["checkbox"], film.fields("shot")["number"]) == (False, 5)
    assert "Nothing was saved: Number must be a number" in film.fill("shot", number="heavy", text="x")
    assert "must be one of fog, rain, sun" in film.fill("shot", weather="hail")
    assert film.fields("shot")["text"] is None


@pytest.mark.parametrize("target_type", ["project", "sequence", "shot", "asset", "task"])
def test_each_page_shows_the_fields_of_its_row(film: Film, target_type: str) -> None:
    film.declare(target_type, "drawing", "text", title="Drawing")
    path = f"/{target_type}s/{getattr(film, target_type)['id']}"
    page = film.fill(target_type, drawing="https://pdm.example/4711")
    assert "Drawing https://pdm.example/4711" in page and "Edit fields" in page
    assert "https://pdm.example/4711" in film.see(path).links
    seen = film.see(path, Role.ARTIST).text
    assert "Drawing https://pdm.example/4711" in seen and "Edit fields" not in seen
    film.studio.admin.patch(path, {"fields": {"drawing": "javascript:alert(1)//"}})
    assert "javascript:alert(1)//" in film.see(path).text
    assert not [link for link in film.see(path).links if link.startswith("javascript")]
    film.studio.admin.post(f"{path}/archive")
    assert "Edit fields" not in film.see(path).text


def test_nobody_saves_over_what_somebody_else_changed_meanwhile(film: Film) -> None:
    film.declare("shot", "lens", "number")
    film.studio.admin.patch(f"/shots/{film.shot['id']}", {"fields": {"lens": 35}})
    form = {"version": film.shot["revision"], "field.lens": "50"}
    assert "Somebody else changed the shot meanwhile" in film.post(f"/fields/shot/{film.shot['id']}", form)
    assert film.fields("shot") == {"lens": 35}


def test_a_project_leads_to_its_shots_and_lists_show_their_fields(film: Film) -> None:
    film.declare("shot", "lens", "number", title="Lens")
    film.declare("sequence", "mood", "text", title="Mood")
    film.studio.admin.patch(f"/sequences/{film.sequence['id']}", {"fields": {"mood": "gloomy"}})
    film.studio.admin.patch(f"/shots/{film.shot['id']}", {"fields": {"lens": 35}, "title": "The gear turns"})
    casting = {"assets": [{"asset_id": film.asset["id"], "count": 12}]}
    film.studio.admin.put(f"/shots/{film.shot['id']}/casting", casting, headers={"If-Match": "*"})
    project = f"/projects/{film.project['id']}"
    assert project in film.see("/?project=film").links
    found = film.see(project)
    assert "gloomy" in found.text and {film.fields_page, f"{project}/production"} <= set(found.links)
    sequence = film.see(f"/sequences/{film.sequence['id']}")
    assert "Lens sh010 The gear turns active 1001–1100 35" in sequence.text
    assert f"/shots/{film.shot['id']}" in sequence.links
    shot = film.see(f"/shots/{film.shot['id']}")
    assert "gear × 12" in shot.text and f"/tasks/{film.task['id']}" in shot.links
    # Who lights a shot sees what is to be known of it.
    assert "Fields of the shot Lens 35" in film.see(f"/tasks/{film.task['id']}", Role.ARTIST).text
    assert "shot.lens" in film.see(f"{project}/production").text


def test_tables_are_sorted_searched_and_narrowed_by_what_stands_in_them(film: Film) -> None:
    film.declare("asset", "weight", "number", title="Weight")
    film.declare("asset", "risk", "choice", title="Risk", choices=["low", "high"])
    film.declare("asset", "finish", "tags", title="Finish")
    for name, values in (
        ("lamp", {"weight": 9, "risk": "low", "finish": ["matte", "red & blue"]}),
        ("wheel", {"weight": 10, "risk": "high", "finish": ["red & blue"]}),
    ):
        body = {"project_id": film.project["id"], "name": name, "fields": values}
        assert film.studio.admin.post("/assets/", body).status == 201
    path = f"/projects/{film.project['id']}/assets"

    def shown(query: str) -> list[str]:
        text = film.see(f"{path}?{query}").text
        return sorted((name for name in ("gear", "lamp", "wheel") if f" {name} " in text), key=text.index)

    assert path in film.see("/?project=film").links
    for query, names in (
        ("", ["gear", "lamp", "wheel"]),
        ("sort=field.weight", ["lamp", "wheel", "gear"]),
        ("sort=-field.weight", ["wheel", "lamp", "gear"]),
        ("field.risk=high", ["wheel"]),
        ("field.finish=matte&sort=-name", ["lamp"]),
        ("field.weight=", ["gear"]),
        ("q=blue&field.risk=low", ["lamp"]),
        ("q=nothing", []),
    ):
        assert shown(query) == names, query
    # What stands in a cell leads to the rows that have it; what narrows the table leads back.
    links = film.see(f"{path}?sort=name&page=1").links
    assert f"{path}?sort=name&field.finish=red+%26+blue" in links
    narrowed = film.see(f"{path}?sort=name&field.risk=high")
    assert "Risk: high ×" in narrowed.text and f"{path}?sort=name" in narrowed.links
    assert film.studio.browser().get(f"{path}?sort=field.nothing").status_code == 422
    assert film.studio.browser().get(f"{path}?" + "&".join(f"field.f{n}=1" for n in range(30))).status_code == 422


def test_assets_are_found_on_the_overview_by_their_fields(film: Film) -> None:
    film.declare("asset", "part_number", "text")
    film.studio.admin.patch(f"/assets/{film.asset['id']}", {"fields": {"part_number": "AX-4711"}})
    assert "film / gear" in film.see("/?q=4711").text
    assert "No asset matches" in film.see("/?q=4712").text


def test_artists_and_clients_see_what_they_may(film: Film) -> None:
    field = film.declare("shot", "lens", "number", title="Lens")
    film.declare("shot", "mood", "text", title="Mood", for_client=True)
    film.studio.admin.patch(f"/shots/{film.shot['id']}", {"fields": {"lens": 35, "mood": "gloomy"}})
    user = film.studio.api(Role.CLIENT).get("/auth/me").data["user"]["id"]
    clients = {"user_ids": [user]}
    shot = f"/shots/{film.shot['id']}"
    assert film.studio.browser(Role.CLIENT).get(shot).status_code == 404
    path = f"/projects/{film.project['id']}/clients"
    film.studio.admin.put(path, clients, headers={"If-Match": "*"})
    seen = film.see(shot, Role.CLIENT)
    assert "gloomy" in seen.text and "Lens" not in seen.text and "Tasks" not in seen.text
    listed = film.see(f"/sequences/{film.sequence['id']}", Role.CLIENT).text
    assert "gloomy" in listed and "Lens" not in listed
    for role in (Role.ARTIST, Role.CLIENT):
        browser = film.studio.browser(role)
        assert browser.get(film.fields_page).status_code == 403
        for action in (f"/fields/shot/{film.shot['id']}", f"{film.fields_page}/{field['id']}/archive"):
            assert browser.post(action, headers=SAME_SITE).status_code == 403


def test_another_tenants_pages_are_not_there(film: Film, other_studio: StudioUnderTest) -> None:
    browser = other_studio.browser(Role.TENANT_ADMIN)
    field = film.declare("shot", "lens", "number")
    for path in (f"/projects/{film.project['id']}", film.fields_page, f"/shots/{film.shot['id']}"):
        assert browser.get(path).status_code == 404
    for path in (f"/fields/shot/{film.shot['id']}", f"{film.fields_page}/{field['id']}/archive"):
        assert browser.post(path, headers=SAME_SITE).status_code == 404


def test_a_manager_declares_a_field_and_fills_it_in_a_browser(browser: Browser, address: str, film: Film) -> None:
    def is_shown(selector: str) -> bool:
        return bool(browser.run("return document.querySelector(arguments[0]).checkVisibility()", selector))

    token = film.studio.tokens[Role.PROJECT_MANAGER]
    browser.open(f"{address}{film.fields_page}?token={token}")
    browser.until(lambda: is_shown("form input[name=title]"))
    # Only what belongs to the chosen type is asked.
    assert not is_shown("form .choices") and is_shown("form .where")
    browser.run("document.querySelector('[name=type]').value = 'choice'")
    assert is_shown("form .choices")
    browser.type("form input[name=title]", "Risk")
    browser.type("form .choices textarea", "low\nhigh")
    browser.click("form button.primary")
    browser.until(lambda: "low, high" in browser.text("table"))
    browser.open(f"{address}/assets/{film.asset['id']}")
    assert "–" in browser.text(".fields .facts")
    browser.click(".fields summary")
    browser.run("document.querySelector('[name=\"field.risk\"]').value = 'high'")
    browser.click(".fields form button")
    browser.until(lambda: browser.text(".fields .facts") and "high" in browser.text(".fields .facts"))
    assert film.fields("asset") == {"risk": "high"}


def test_what_was_typed_stays_when_a_field_is_refused(browser: Browser, address: str, film: Film) -> None:
    def value(selector: str) -> str:
        return str(browser.run("return document.querySelector(arguments[0]).value", selector))

    film.declare("asset", "note", "text")
    film.declare("asset", "weight", "number")
    film.declare("asset", "finish", "tags", choices=["matte", "gloss"])
    browser.open(f"{address}/assets/{film.asset['id']}?token={film.studio.tokens[Role.PROJECT_MANAGER]}")
    browser.until(lambda: "–" in browser.text(".fields .facts"))
    browser.click(".fields summary")
    browser.type("[name='field.note']", "Half a page,\nand more")
    browser.type("[name='field.weight']", "1e17")
    browser.click("[value=gloss]")
    browser.click(".fields form button")
    browser.until(lambda: "Nothing was saved" in browser.text(".note.bad"))
    assert value("[name='field.note']") == "Half a page,\nand more"
    assert browser.run("return [...document.querySelectorAll('.fields :checked')].map((box) => box.value)") == ["gloss"]
    browser.type("[name='field.weight']", "17")
    browser.click(".fields form button")
    browser.until(lambda: "17" in browser.text(".fields .facts"))
    assert film.fields("asset") == {"note": "Half a page,\nand more", "weight": 17, "finish": ["gloss"]}
    # Later refusals bring nothing back of what was saved.
    browser.open(f"{address}{film.fields_page}")
    browser.click("summary.button")
    browser.type("form input[name=title]", "Weight")
    browser.click("form button.primary")
    browser.until(lambda: "There is already" in browser.text(".note.bad"))
    assert value("form input[name=title]") == "Weight"
    browser.open(f"{address}{film.fields_page}")
    assert value("form input[name=title]") == ""


def test_a_stale_change_stands_beside_what_others_saved(browser: Browser, address: str, film: Film) -> None:
    field = film.declare("shot", "risk", "choice", choices=["a"])
    dialog = f"#change-{field['id']}"
    browser.open(f"{address}{film.fields_page}?token={film.studio.tokens[Role.PROJECT_MANAGER]}")
    browser.until(lambda: "risk" in browser.text("table"))
    browser.click("[popovertarget^=change]")
    film.studio.admin.patch(f"/custom-fields/{field['id']}", {"choices": ["a", "b"]})
    browser.type(f"{dialog} [name=title]", "Danger")
    browser.click(f"{dialog} button.primary")
    browser.until(lambda: "Somebody else changed" in browser.text(".note.bad"))
    assert browser.run(f"return document.querySelector('{dialog}').matches(':popover-open')")
    assert browser.run(f"return document.querySelector('{dialog} textarea').value") == "a\nb"
    browser.click(f"{dialog} button.primary")
    browser.until(lambda: "Danger" in browser.text("table"))
    found = film.studio.admin.get(f"/custom-fields/{field['id']}").data
    assert (found["title"], found["choices"]) == ("Danger", ["a", "b"])


def test_long_words_fit_into_a_narrow_window(browser: Browser, address: str, film: Film) -> None:
    film.declare("asset", "finish", "tags")
    film.studio.admin.patch(f"/assets/{film.asset['id']}", {"fields": {"finish": ["x" * 100]}})
    browser.resize(390, 800)
    browser.open(f"{address}/?token={film.studio.tokens[Role.PROJECT_MANAGER]}")
    for path in (f"/assets/{film.asset['id']}", film.fields_page):
        browser.open(f"{address}{path}")
        browser.until(lambda: "inish" in browser.text("main"))
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth"), path
