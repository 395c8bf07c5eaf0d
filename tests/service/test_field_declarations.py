"""Custom fields as studios declare them: of one project or of all, ordered, put away, their choices renamed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from service.api.custom_fields import MOST_FIELDS
from tests.service.field_rows import Film, make_film
from tests.service.studio import Json, StudioUnderTest


@pytest.fixture
def film(studio: StudioUnderTest) -> Film:
    return make_film(studio)


def test_a_field_of_one_project_is_no_field_of_another(film: Film) -> None:
    elsewhere = film.studio.admin.post("/projects/", {"name": "elsewhere"}).data
    film.declare("asset", "lens", "number", project_id=elsewhere["id"])
    film.declare("asset", "weight", "number")
    assert film.fields("asset") == {"weight": None}
    assert film.set("asset", lens=35).status == 422
    body = {"project_id": elsewhere["id"], "name": "lamp", "fields": {"lens": 35}}
    assert film.studio.admin.post("/assets/", body).data["fields"] == {"weight": None, "lens": 35}
    listed = film.studio.artist.get(f"/custom-fields/?project={film.project['name']}").data["items"]
    assert [each["name"] for each in listed] == ["weight"]


def test_a_field_of_all_projects_and_one_of_a_single_project_never_share_a_name(film: Film) -> None:
    other = film.studio.admin.post("/projects/", {"name": "other"}).data["id"]
    here = film.project["id"]
    assert film.declare("shot", "lens", "number", project_id=here).status == 201
    assert film.declare("shot", "lens", "text", project_id=here).error["code"] == "conflict.exists"
    assert film.declare("shot", "lens", "text", project_id=other).status == 201, "each project has its own"
    assert film.declare("shot", "lens", "number").error["code"] == "conflict.exists"
    assert film.declare("asset", "lens", "number").status == 201, "another kind of row"
    assert film.declare("asset", "lens", "number", project_id=here).error["code"] == "conflict.exists"
    with ThreadPoolExecutor(4) as pool:
        wheres: list[Json] = [{}, {"project_id": here}, {"project_id": other}, {}] * 3
        answers = list(pool.map(lambda where: film.declare("task", "risk", "number", **where), wheres))
    made = [each.data["project_id"] for each in answers if each.status == 201]
    assert {each.status for each in answers} == {201, 409}
    assert made == [None] or sorted(made) == sorted([here, other])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "Lens"}, "name"),
        ({"name": "1st"}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "x" * 41}, "name"),
        ({"type": "person"}, "type"),
        ({"target_type": "publish"}, "target_type"),
        ({"type": "choice"}, "choices"),
        ({"choices": ["a"]}, "choices"),
        ({"type": "choice", "choices": ["low", "Low"]}, "choices"),
        ({"type": "choice", "choices": ["low\nhigh"]}, "choices.0"),
        ({"type": "choice", "choices": [" "]}, "choices.0"),
        ({"type": "tags", "choices": ["a,b"]}, "choices"),
        ({"target_type": "project", "project_id": True}, "project_id"),
        ({"position": -1}, "position"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(film: Film, body: Json, field: str) -> None:
    if body.get("project_id"):
        body = {**body, "project_id": film.project["id"]}
    given = {"target_type": "shot", "name": "lens", "type": "number", **body}
    refused = film.studio.admin.post("/custom-fields/", given)
    assert (refused.status, list(refused.error["fields"])) == (422, [field])


def test_what_a_row_has_stays_when_its_field_is_put_away_and_comes_back(film: Film) -> None:
    field = film.declare("task", "risk", "choice").data
    film.declare("task", "note", "text")
    film.set("task", risk="high")
    film.studio.admin.post(f"/custom-fields/{field['id']}/archive")
    assert film.fields("task") == {"note": None}
    assert film.set("task", risk="low").error["fields"] == {"fields.risk": "is no field here"}
    assert film.set("task", note="x").status == 200
    again = film.declare("task", "risk", "number")
    assert (again.status, again.error["code"]) == (409, "conflict.exists") and "archived" in again.error["message"]
    film.studio.admin.post(f"/custom-fields/{field['id']}/restore")
    assert film.fields("task") == {"risk": "high", "note": "x"}


def test_a_choice_that_is_offered_no_more_stays_where_it_is(film: Film) -> None:
    field = film.declare("task", "risk", "choice").data
    film.set("task", risk="high")
    changed = film.studio.admin.patch(f"/custom-fields/{field['id']}", {"choices": ["low", "medium"]})
    assert changed.data["choices"] == ["low", "medium"]
    assert film.fields("task") == {"risk": "high"}
    assert film.set("task", risk="high").status == 200
    assert film.studio.artist.get("/tasks/?field.risk=high").data["total"] == 1
    weather = film.declare("task", "weather", "tags", choices=["fog", "rain"]).data
    film.set("task", weather=["fog", "rain"])
    film.studio.admin.patch(f"/custom-fields/{weather['id']}", {"choices": ["fog", "sun"]})
    assert film.set("task", weather=["rain", "sun"]).data["fields"]["weather"] == ["rain", "sun"]
    film.set("task", weather=["sun"])
    assert film.set("task", weather=["rain", "sun"]).status == 422
    film.set("task", risk="low")
    assert "must be one of low, medium" in film.set("task", risk="high").error["fields"]["fields.risk"]
    assert film.studio.admin.patch(f"/custom-fields/{field['id']}", {"choices": []}).status == 422


def test_a_choice_is_renamed_wherever_it_stands(film: Film) -> None:
    here = {"project_id": film.project["id"]}
    risk = film.declare("asset", "risk", "choice", **here).data
    weather = film.declare("asset", "weather", "tags", choices=["rain", "fog", "sun"]).data
    film.set("asset", risk="high", weather=["fog", "rain"])
    elsewhere = film.studio.admin.post("/projects/", {"name": "elsewhere"}).data["id"]
    film.declare("asset", "risk", "choice", project_id=elsewhere)
    other = {"project_id": elsewhere, "name": "lamp", "fields": {"risk": "high"}}
    lamp = film.studio.admin.post("/assets/", other).data
    film.studio.admin.post(f"{film.path('asset')}/archive")
    path = f"/custom-fields/{risk['id']}/rename-choice"
    assert film.studio.admin.post(path, {"choice": "high", "to": "severe"}).data["choices"] == ["low", "severe"]
    film.studio.admin.post(f"/custom-fields/{weather['id']}/rename-choice", {"choice": "rain", "to": "downpour"})
    assert film.fields("asset") == {"risk": "severe", "weather": ["fog", "downpour"]}
    assert film.studio.artist.get(f"/assets/{lamp['id']}").data["fields"]["risk"] == "high", "another project's field"
    for choice, to, field in (("high", "x", "choice"), ("low", "Severe", "choices"), ("low", "a\nb", "to")):
        refused = film.studio.admin.post(path, {"choice": choice, "to": to})
        assert (refused.status, list(refused.error["fields"])) == (422, [field])
    logged = film.studio.admin.get(f"/audit/?row_id={film.asset['id']}&action=change&sort=created_at").data["items"]
    assert {"fields.risk": "high"} in [each["before"] for each in logged]


def test_a_choice_that_is_written_while_it_is_renamed_has_its_new_name(film: Film) -> None:
    risk = film.declare("asset", "risk", "choice").data
    body = {"project_id": film.project["id"]}
    film.declare("asset", "note", "text")
    had = [{"fields": {"risk": "high"}}, {}]
    rows = [film.studio.admin.post("/assets/", {**body, **had[n % 2], "name": f"a{n}"}).data for n in range(12)]
    assets = [each["id"] for each in rows]

    def write(asset_id: str) -> int:
        return film.studio.admin.patch(f"/assets/{asset_id}", {"fields": {"risk": "high", "note": "x"}}).status

    def rename(_: str) -> int:
        path = f"/custom-fields/{risk['id']}/rename-choice"
        return film.studio.admin.post(path, {"choice": "high", "to": "severe"}).status

    calls = [(write, each) for each in assets[:4]] + [(rename, "")] + [(write, each) for each in assets[4:]]
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda call: call[0](call[1]), calls))
    # Who came before the new name has it, who came after it was told that there is no such choice.
    assert statuses[4] == 200 and set(statuses) <= {200, 422}
    written = {asset_id for (_, asset_id), status in zip(calls, statuses, strict=True) if asset_id and status == 200}
    listed = film.studio.artist.get("/assets/?page_size=100").data["items"]
    assert {each["id"] for each in listed if each["fields"]["risk"] == "severe"} == written | set(assets[::2])
    assert not [each for each in listed if each["fields"]["risk"] == "high"]


def test_fields_are_ordered_and_limited(film: Film) -> None:
    first = film.declare("shot", "a", "text").data
    second = film.declare("shot", "b", "text").data
    assert (first["position"], second["position"]) == (0, 1)
    film.studio.admin.patch(f"/custom-fields/{first['id']}", {"position": 2})
    assert list(film.fields("shot")) == ["b", "a"]
    for number in range(MOST_FIELDS - 2):
        assert film.declare("shot", f"f{number}", "text").status == 201
    assert film.declare("shot", "one_more", "text").error["code"] == "conflict.too_many"
    # Those in use count: one is put away for another, and comes back when there is room.
    film.studio.admin.post(f"/custom-fields/{second['id']}/archive")
    more = film.declare("shot", "one_more", "text")
    assert more.status == 201
    path = f"/custom-fields/{second['id']}/restore"
    assert film.studio.admin.post(path).error["code"] == "conflict.too_many"
    film.studio.admin.post(f"/custom-fields/{more.data['id']}/archive")
    assert film.studio.admin.post(path).status == 200
    assert film.studio.admin.post(path).status == 200, "what is in use already needs no more room"


def test_a_field_declared_by_mistake_does_not_keep_its_name(film: Film) -> None:
    wrong = film.declare("shot", "lens", "text", project_id=film.project["id"]).data
    film.set("shot", lens="35")
    film.set("shot", lens=None)
    film.studio.admin.post(f"/custom-fields/{wrong['id']}/archive")
    # It can come back until its name is wanted.
    assert film.studio.admin.post(f"/custom-fields/{wrong['id']}/restore").status == 200
    assert film.declare("shot", "lens", "number").error["code"] == "conflict.exists"
    film.studio.admin.post(f"/custom-fields/{wrong['id']}/archive")
    assert film.declare("shot", "lens", "number").status == 201
    assert film.studio.admin.post(f"/custom-fields/{wrong['id']}/restore").status == 404
    gone = film.studio.admin.get(f"/audit/?row_id={wrong['id']}").data["items"][0]
    assert (gone["action"], gone["before"]["type"]) == ("delete", "text")


@pytest.mark.parametrize("of_one", [True, False], ids=["of one project", "of all"])
def test_an_archived_field_with_values_keeps_its_name_and_says_why(film: Film, of_one: bool) -> None:
    here = {"project_id": film.project["id"]} if of_one else {}
    field = film.declare("shot", "lens", "text", **here).data
    film.set("shot", lens="35")
    film.studio.admin.post(f"/shots/{film.shot['id']}/archive")
    film.studio.admin.post(f"/custom-fields/{field['id']}/archive")
    refused = film.declare("shot", "lens", "number").error
    assert (refused["code"], refused["fields"]["id"]) == ("conflict.exists", field["id"])
    assert "values in 1 shot." in refused["message"] and "the title may be the same" in refused["hint"]
    assert (f"of the project {film.project['name']}" in refused["message"]) is of_one
