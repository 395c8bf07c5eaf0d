"""Custom fields: declared, filled, found by, and kept through all that happens to them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.accounts.permissions import Role
from service.api.custom_fields import MOST_FIELDS
from shared.custom_fields import as_text
from tests.service.studio import Json, Reply, StudioUnderTest
from tests.service.test_statements import counting

EXAMPLES: dict[str, Any] = {
    "text": "AX-4711 rev. B",
    "number": 35,
    "checkbox": True,
    "date": "2027-01-31",
    "choice": "high",
    "tags": ["night", "rain"],
}
"""A value of each type."""
CHOICES = {"choice": ["low", "high"]}


@dataclass
class Film:
    """A project with a row of every kind that has fields."""

    studio: StudioUnderTest
    project: Json
    sequence: Json
    shot: Json
    asset: Json
    task: Json

    def declare(self, target_type: str, name: str, type_: str, **more: Any) -> Reply:
        choices = {"choices": CHOICES[type_]} if type_ in CHOICES else {}
        body = {"target_type": target_type, "name": name, "type": type_, **choices, **more}
        return self.studio.api(Role.PROJECT_MANAGER).post("/custom-fields/", body)

    def path(self, target_type: str) -> str:
        return f"/{target_type}s/{getattr(self, target_type)['id']}"

    def set(self, target_type: str, **values: Any) -> Reply:
        return self.studio.admin.patch(self.path(target_type), {"fields": values})

    def fields(self, target_type: str, role: Role = Role.ARTIST) -> Json:
        found: Json = self.studio.api(role).get(self.path(target_type)).data["fields"]
        return found


@pytest.fixture
def film(studio: StudioUnderTest) -> Film:
    made = studio.production()
    sequence = studio.admin.post("/sequences/", {"project_id": made.project["id"], "name": "sq010"}).data
    shot = studio.admin.post("/shots/", {"sequence_id": sequence["id"], "name": "sh010"}).data
    return Film(studio, made.project, sequence, shot, made.asset, made.task)


KINDS = ["project", "sequence", "shot", "asset", "task"]


@pytest.mark.parametrize("target_type", KINDS)
def test_every_kind_of_row_has_fields_of_every_type(film: Film, target_type: str) -> None:
    for name in EXAMPLES:
        assert film.declare(target_type, name, name, title=name.title()).status == 201
    assert film.fields(target_type) == dict.fromkeys(EXAMPLES)
    assert film.set(target_type, **EXAMPLES).data["fields"] == EXAMPLES
    assert film.fields(target_type) == EXAMPLES
    listed = film.studio.artist.get(f"/{target_type}s/").data["items"]
    assert [each["fields"] for each in listed] == [EXAMPLES]
    assert list(listed[0]["fields"]) == list(EXAMPLES), "in the order in which they were declared"
    # What a change does not name stays; null empties.
    changed = film.set(target_type, number=50.5, text=None).data["fields"]
    assert changed == {**EXAMPLES, "number": 50.5, "text": None}


@pytest.mark.parametrize("target_type", KINDS)
def test_a_new_row_is_given_its_fields_at_once(film: Film, target_type: str) -> None:
    film.declare(target_type, "number", "number")
    body = {
        "project": {},
        "sequence": {"project_id": film.project["id"]},
        "shot": {"sequence_id": film.sequence["id"]},
        "asset": {"project_id": film.project["id"]},
        "task": {"target_type": "shot", "target_id": film.shot["id"], "department": "look"},
    }[target_type]
    made = film.studio.admin.post(f"/{target_type}s/", {**body, "name": "other", "fields": {"number": 2}})
    assert (made.status, made.data["fields"]) == (201, {"number": 2})
    refused = film.studio.admin.post(f"/{target_type}s/", {**body, "name": "third", "fields": {"number": "2"}})
    assert (refused.status, list(refused.error["fields"])) == (422, ["fields.number"])
    assert film.studio.admin.get(f"/{target_type}s/?q=third").data["total"] == 0


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        *(("text", each) for each in (5, True, ["a"], {"a": 1}, "x" * 2001)),
        *(("number", each) for each in ("35", True, [35], 1e16, -(10**30))),
        *(("checkbox", each) for each in (1, 0, "true", "yes", [])),
        *(("date", each) for each in ("2027-02-30", "31.1.2027", "20270131", "2027-01-31T00:00:00Z", 5, "0000-01-01")),
        *(("choice", each) for each in ("medium", "High", ["high"], 1)),
        *(("tags", each) for each in ("night", [1], ["a,b"], ["a;b"], ["x" * 101], [f"t{n}" for n in range(51)])),
    ],
)
def test_a_value_that_is_none_of_its_type_is_refused_and_named(film: Film, type_: str, value: Any) -> None:
    film.declare("asset", "first", "text")
    film.declare("asset", "field", type_)
    refused = film.set("asset", first="good", field=value)
    assert (refused.status, list(refused.error["fields"])) == (422, ["fields.field"])
    assert "must be" in refused.error["fields"]["fields.field"] and f"field ({type_})" in refused.error["hint"]
    assert film.fields("asset") == {"first": None, "field": None}, "nothing is changed by half"


@pytest.mark.parametrize(
    ("type_", "given", "kept"),
    [
        ("text", "  two\r\nlines ", "two\nlines"),
        ("text", "   ", None),
        ("number", 35.0, 35),
        ("number", -0.5, -0.5),
        ("number", 10**15, 10**15),
        ("checkbox", False, False),
        ("choice", "", None),
        ("tags", [" night", "rain", "night "], ["night", "rain"]),
        ("tags", [], None),
    ],
)
def test_a_value_is_kept_in_one_form(film: Film, type_: str, given: Any, kept: Any) -> None:
    film.declare("asset", "field", type_)
    assert film.set("asset", field=given).data["fields"] == {"field": kept}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
_LIKELY = st.sampled_from(
    ["low", "LOW", "2027-01-31", "2027-1-1", " a ", "a,b", "35", ["a", "b"], [" a", "a"], 1e15, -0.0]
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(type_=st.sampled_from(list(EXAMPLES)), value=_JSON | _LIKELY)
def test_whatever_is_given_is_refused_or_kept_and_found_again(film: Film, type_: str, value: Any) -> None:
    film.declare("asset", type_, type_)
    before = film.fields("asset")
    answer = film.set("asset", **{type_: value})
    kept = film.fields("asset")[type_]
    if answer.status != 200:
        assert answer.status == 422 and film.fields("asset") == before
        return
    again = film.set("asset", **{type_: kept})
    assert again.data["fields"][type_] == kept
    query = {f"field.{type_}": as_text(kept)}
    assert film.studio.artist.get("/assets/", query_string=query).data["total"] == 1


def test_a_field_that_there_is_not_is_refused_and_those_there_are_told(film: Film) -> None:
    refused = film.set("shot", lens=35)
    assert (refused.status, refused.error["fields"]) == (422, {"fields.lens": "is no field here"})
    assert "POST /api/custom-fields/" in refused.error["hint"]
    film.declare("asset", "lens", "number")
    film.declare("shot", "focus", "number")
    assert film.set("shot", lens=35).error["hint"] == "There are here: focus (number)."


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


def test_lists_are_filtered_and_sorted_by_fields(film: Film) -> None:
    for name in EXAMPLES:
        film.declare("shot", name, name)
    rows: list[Json] = [
        {"text": "AX-4711", "number": 9, "checkbox": True, "date": "2027-01-31", "choice": "high", "tags": ["fog"]},
        {"text": "ax-4711", "number": 35.5, "checkbox": False, "date": "2026-12-01", "choice": "low"},
        {"number": 100, "tags": ["rain", "fog"]},
    ]
    for number, values in enumerate(rows):
        body = {"sequence_id": film.sequence["id"], "name": f"s{number}", "fields": values}
        assert film.studio.admin.post("/shots/", body).status == 201

    def found(query: str) -> list[str]:
        items = film.studio.artist.get(f"/shots/?{query}").data["items"]
        return [each["name"] for each in items]

    for query, names in (
        ("field.text=AX-4711", ["s0"]),
        ("field.number=35.5", ["s1"]),
        ("field.number=9.0", ["s0"]),
        ("field.checkbox=true", ["s0"]),
        ("field.checkbox=no", ["s1", "s2", "sh010"]),
        ("field.checkbox=", ["s2", "sh010"]),
        ("field.date=2026-12-01", ["s1"]),
        ("field.choice=HIGH", ["s0"]),
        ("field.tags=fog", ["s0", "s2"]),
        ("field.tags=fog,rain", ["s2"]),
        ("field.tags=&field.number=35.5", ["s1"]),
        ("field.number=9&field.choice=low", []),
        ("sort=-field.number", ["s2", "s1", "s0", "sh010"]),
        ("sort=field.number", ["s0", "s1", "s2", "sh010"]),
        ("sort=field.date,-name", ["s1", "s0", "sh010", "s2"]),
        ("field.tags=fog&sort=-field.number&page_size=1&page=2", ["s0"]),
    ):
        assert found(query) == names, query
    for query, field in (
        ("field.weight=5", "field.weight"),
        ("field.number=heavy", "field.number"),
        ("field.date=tomorrow", "field.date"),
        ("sort=field.weight", "sort"),
        ("wanted=5", "wanted"),
        ("&".join(f"field.f{number}=1" for number in range(11)), "field.NAME"),
    ):
        refused = film.studio.artist.get(f"/shots/?{query}")
        assert (refused.status, list(refused.error["fields"])) == (422, [field]), query


def test_one_filter_finds_what_projects_call_alike_and_mean_otherwise(film: Film) -> None:
    film.declare("asset", "size", "number", project_id=film.project["id"])
    film.set("asset", size=5)
    other = film.studio.admin.post("/projects/", {"name": "other"}).data["id"]
    film.declare("asset", "size", "text", project_id=other)
    film.studio.admin.post("/assets/", {"project_id": other, "name": "lamp", "fields": {"size": "5"}})
    listed = film.studio.artist.get("/assets/?field.size=5&sort=name").data["items"]
    assert [(each["name"], each["fields"]) for each in listed] == [("gear", {"size": 5}), ("lamp", {"size": "5"})]


def test_rows_are_found_by_the_words_in_their_fields(film: Film) -> None:
    film.declare("asset", "part_number", "text")
    film.declare("asset", "materials", "tags")
    film.set("asset", part_number="AX-4711", materials=["brass", "rubber"])
    for words, number in (("4711", 1), ("ax brass", 1), ("rubb gear", 1), ("brass wood", 0)):
        assert film.studio.artist.get("/assets/", query_string={"q": words}).data["total"] == number, words
    film.set("asset", part_number=None)
    assert film.studio.artist.get("/assets/?q=4711").data["total"] == 0


def test_clients_see_what_is_meant_for_them_and_learn_nothing_of_the_rest(film: Film) -> None:
    client = film.studio.api(Role.CLIENT)
    user_id = client.get("/auth/me").data["user"]["id"]
    film.studio.admin.put(f"/projects/{film.project['id']}/clients", {"user_ids": [user_id]}, headers={"If-Match": "*"})
    elsewhere = film.studio.admin.post("/projects/", {"name": "elsewhere"}).data["id"]
    film.declare("asset", "part_number", "text", for_client=True)
    budget = film.declare("asset", "budget", "text").data
    film.declare("asset", "theirs", "text", for_client=True, project_id=elsewhere)
    film.set("asset", part_number="AX-4711", budget="threadbare")
    assert film.fields("asset", Role.CLIENT) == {"part_number": "AX-4711"}
    assert [each["fields"] for each in client.get("/assets/").data["items"]] == [{"part_number": "AX-4711"}]
    assert [each["name"] for each in client.get("/custom-fields/").data["items"]] == ["part_number"]
    assert client.get(f"/custom-fields/{budget['id']}").status == 404
    assert client.get("/assets/?field.part_number=AX-4711").data["total"] == 1
    assert client.get("/assets/?field.budget=threadbare").status == 422
    assert client.get("/assets/?sort=field.budget").status == 422
    # Nor does a search tell that a word stands there.
    assert film.studio.artist.get("/assets/?q=threadbare").data["total"] == 1
    assert client.get("/assets/?q=threadbare").data["total"] == 0
    assert client.get("/assets/?q=gear").data["total"] == 1
    published = film.studio.publish(film.studio.production())
    film.studio.admin.patch(f"/assets/{published['target_id']}", {"fields": {"budget": "threadbare"}})
    body = {"user_ids": [user_id]}
    project = film.studio.admin.get(f"/assets/{published['target_id']}").data["project_id"]
    film.studio.admin.patch(f"/projects/{project}", {"clients_see": "all"})
    film.studio.admin.put(f"/projects/{project}/clients", body, headers={"If-Match": "*"})
    assert film.studio.artist.get("/publishes/?q=threadbare").data["total"] == 1
    assert (client.get("/publishes/?q=threadbare").data["total"], client.get("/publishes/?q=gear").data["total"]) == (
        0,
        1,
    )
    film.studio.admin.patch(f"/custom-fields/{budget['id']}", {"for_client": True})
    assert film.fields("asset", Role.CLIENT) == {"part_number": "AX-4711", "budget": "threadbare"}


def test_artists_read_fields_and_managers_fill_them(film: Film) -> None:
    film.declare("task", "risk", "choice")
    me = film.studio.artist.get("/auth/me").data["user"]["id"]
    film.studio.admin.patch(film.path("task"), {"assignee_id": me})
    refused = film.studio.artist.patch(film.path("task"), {"fields": {"risk": "low"}})
    assert (refused.status, list(refused.error["fields"])) == (403, ["fields"])
    assert film.studio.artist.patch(film.path("task"), {"status": "done"}).status == 200
    assert (
        film.studio.artist.post("/custom-fields/", {"target_type": "task", "name": "x", "type": "text"}).status == 403
    )


def test_who_changed_which_field_is_in_the_audit_log_and_told_to_watchers(film: Film) -> None:
    field = film.declare("asset", "weight", "number", title="Weight").data
    film.declare("asset", "note", "text")
    film.declare("shot", "tags", "tags")
    film.set("shot", tags=["a", "b"])
    etag = film.set("asset", weight=5, note="x").headers["ETag"]
    film.set("asset", weight=7.5)
    film.set("asset", weight=7.5)
    logged = film.studio.admin.get(f"/audit/?row_id={film.asset['id']}&action=change&sort=created_at").data["items"]
    assert [(each["before"], each["after"]) for each in logged] == [
        ({"fields.note": None, "fields.weight": None}, {"fields.note": "x", "fields.weight": 5}),
        ({"fields.weight": 5}, {"fields.weight": 7.5}),
    ]
    told = film.studio.admin.get("/activity").data["items"]
    assert {"fields.weight": [5, 7.5]} in [each["payload"].get("changes") for each in told]
    assert {"fields.tags": [None, ["a", "b"]]} in [each["payload"].get("changes") for each in told]
    stale = film.studio.admin.patch(film.path("asset"), {"fields": {"weight": 9}}, headers={"If-Match": etag})
    assert stale.status == 412 and stale.error["fields"]["fields.weight"].startswith("is now 7.5, changed by ")
    declared = film.studio.admin.get(f"/audit/?row_id={field['id']}").data["items"]
    assert [(each["action"], each["after"]["title"]) for each in declared] == [("create", "Weight")]
    assert "custom_field.created" in {each["kind"] for each in told}


def test_two_people_fill_two_fields_at_once_and_both_stay(film: Film) -> None:
    names = [f"f{number}" for number in range(8)]
    for name in names:
        film.declare("asset", name, "number")
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda name: film.set("asset", **{name: 1}).status, names)
    assert set(answers) == {200}
    assert film.fields("asset") == dict.fromkeys(names, 1)


def test_another_tenants_fields_are_its_own(film: Film, other_studio: StudioUnderTest) -> None:
    field = film.declare("asset", "weight", "number").data
    theirs = other_studio.production()
    assert other_studio.admin.get("/custom-fields/").data["total"] == 0
    assert theirs.asset["fields"] == {}
    assert other_studio.admin.patch(f"/assets/{theirs.asset['id']}", {"fields": {"weight": 1}}).status == 422
    assert other_studio.admin.patch(f"/custom-fields/{field['id']}", {"title": "x"}).status == 404
    body = {"target_type": "asset", "name": "x", "type": "text", "project_id": film.project["id"]}
    assert other_studio.admin.post("/custom-fields/", body).status == 404


def test_fields_of_many_rows_cost_one_statement(app: Flask, film: Film) -> None:
    def cost(query: str = "") -> int:
        film.studio.admin.get(f"/assets/?{query}")
        with counting(app) as statements:
            film.studio.admin.get(f"/assets/?{query}")
        return len(statements)

    film.declare("asset", "weight", "number")
    few = cost("field.weight=1&sort=field.weight")
    for number in range(20):
        film.declare("asset", f"f{number}", "number", project_id=film.project["id"])
        body = {"project_id": film.project["id"], "name": f"a{number}", "fields": {"weight": 1, f"f{number}": 1}}
        assert film.studio.admin.post("/assets/", body).status == 201
    assert film.studio.admin.get("/assets/?field.weight=1").data["total"] == 20
    assert cost("field.weight=1&sort=field.weight") == few


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
