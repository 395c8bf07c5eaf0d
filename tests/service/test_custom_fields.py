"""Values of custom fields: filled, found by, seen by whom they are for, and recorded when they change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.accounts.permissions import Role
from shared.custom_fields import as_text
from tests.service.field_rows import EXAMPLES, Film, make_film
from tests.service.studio import Json, StudioUnderTest
from tests.service.test_statements import counting


@pytest.fixture
def film(studio: StudioUnderTest) -> Film:
    return make_film(studio)


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


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
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
