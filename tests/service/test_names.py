"""Names and titles are one line that people can read; a new one cannot be forgotten."""

from __future__ import annotations

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from sqlalchemy import func, select
from sqlalchemy import text as sql

from service.api import ENDPOINTS
from service.database import db
from shared.natural_order import natural_order
from tests.service.studio import PASSWORD, StudioUnderTest
from tests.service.world import World

NAMES = {"name", "title", "label", "filename", "admin_name", "category_key"}
ACCEPTED = (
    "Zoë Müller-Łukasz",
    "陈静",
    "नीना",
    "آریا می\u200cخواهد",
    "شیرین \u200f(2)",
    "Dailies 🎬 👩\u200d🎨",
    "a\u00a0b",
)
REFUSED = {
    "nothing to see": ("\u200b", "\u200b \u2060", "\u00ad", "\u3164", "\u2800"),
    "another direction": ("gear\u202egnp.exe", "\u2066Anna\u2069", "Anna\u202c"),
    "several lines": ("Anna\nBerg", "Anna\u2028Berg", "Anna\u0085Berg", "a\tb", "a\x00b", "a\x1b[31mb"),
}


def _models() -> dict[str, type[BaseModel]]:
    models = {model for each in ENDPOINTS for model in (each.body, each.query if each.method == "POST" else None)}
    return {model.__name__: model for model in models if isinstance(model, type) and issubclass(model, BaseModel)}


MODELS = _models()
NAMED = sorted(
    (model, name)
    for model, found in MODELS.items()
    for name in NAMES & set(found.model_fields)
    if model != "SheetQuery"
)
"""The name of a spreadsheet that is read is not kept."""


def _refused(model: str, name: str, text: str) -> bool:
    try:
        MODELS[model].model_validate({name: text})
    except ValidationError as error:
        return any(each["loc"][:1] == (name,) for each in error.errors())
    return False


@pytest.mark.parametrize(("model", "name"), NAMED, ids=lambda each: str(each))
def test_names_that_people_cannot_read_are_refused(model: str, name: str) -> None:
    assert [text for texts in REFUSED.values() for text in texts if not _refused(model, name, text)] == []


def test_names_of_all_the_world_are_accepted(studio: StudioUnderTest) -> None:
    assert {"NewUser", "NewPlaylist", "NewProject", "NewToken", "NewWebhook"} <= {model for model, _ in NAMED}
    for text in ACCEPTED:
        for model in ("NewUser", "NewPlaylist", "NewOrder", "NewProject"):
            assert not _refused(model, "title" if model in ("NewOrder", "NewProject") else "name", text), (model, text)
    for number, name in enumerate(ACCEPTED):
        body = {"name": name, "email": f"{number}@{studio.name}.example"}
        assert studio.admin.post("/artists/", body).data["name"] == name


def test_the_error_says_which_name_and_why(studio: StudioUnderTest) -> None:
    project = World(studio).project()
    for path, body in (
        ("/artists/", {"email": f"anna@{studio.name}.example"}),
        ("/playlists/", {"project_id": project["id"], "media_ids": []}),
    ):
        for reason, word in (("nothing to see", "seen"), ("another direction", "direction"), ("several lines", "line")):
            for name in REFUSED[reason]:
                if "\x00" in name:
                    continue  # is refused wherever it is
                refused = studio.admin.post(path, {**body, "name": name})
                assert refused.status == 422 and word in refused.error["fields"]["name"], (path, reason, name)


# -- accents written in another way, and the order of names

DECOMPOSED, COMPOSED = "Mo\u0308wenflu\u0308gel", "M\u00f6wenfl\u00fcgel"
"""What macOS sends, and what everybody else does."""


def test_accents_are_one_name_however_they_are_written(studio: StudioUnderTest) -> None:
    project = studio.production().project
    body = {"project_id": project["id"], "media_ids": []}
    made = studio.admin.post("/playlists/", {**body, "name": DECOMPOSED}).data
    assert made["name"] == COMPOSED
    again = studio.admin.post("/playlists/", {**body, "name": COMPOSED})
    assert (again.status, again.error["code"]) == (409, "conflict.exists")
    asset = studio.admin.post("/assets/", {"project_id": project["id"], "name": "wing", "title": DECOMPOSED}).data
    assert asset["title"] == COMPOSED
    for words in (DECOMPOSED, COMPOSED):
        found = studio.admin.get("/assets/", query_string={"q": words}).data["items"]
        assert [each["id"] for each in found] == [asset["id"]]


def test_custom_fields_and_spreadsheets_are_composed_too(studio: StudioUnderTest) -> None:
    project = studio.production().project
    field = {"target_type": "asset", "name": "look", "title": DECOMPOSED, "type": "text"}
    assert studio.admin.post("/custom-fields/", field).data["title"] == COMPOSED
    body = {"project_id": project["id"], "name": "wing", "fields": {"look": DECOMPOSED}}
    assert studio.admin.post("/assets/", body).data["fields"]["look"] == COMPOSED
    table = f"asset,title,{DECOMPOSED}\nfin,{DECOMPOSED},{DECOMPOSED}\n".encode()
    options = {"data": table, "headers": {"Content-Type": "text/csv"}}
    assert studio.admin.call("POST", f"/projects/{project['id']}/sheet", **options).data["warnings"] == []
    [fin] = studio.admin.get("/assets/", query_string={"q": "fin"}).data["items"]
    assert (fin["title"], fin["fields"]["look"]) == (COMPOSED, COMPOSED)


def test_lists_sort_names_as_people_count_and_spell(studio: StudioUnderTest) -> None:
    project = studio.production().project
    ordered = ["Arm", "bolt", "bolt2", "Bolt10", "bolt10a", "bolt100", "BOLT_2", "Zange"]
    for name in reversed(ordered):
        studio.admin.post("/assets/", {"project_id": project["id"], "name": name, "title": f"{name} x"})
    found = {"project": project["name"], "page_size": 100}
    for sort in ("name", "title"):
        items = studio.admin.get("/assets/", query_string={**found, "sort": sort}).data["items"]
        assert [each["name"] for each in items if each["name"] in ordered] == ordered
        back = studio.admin.get("/assets/", query_string={**found, "sort": f"-{sort}"}).data["items"]
        assert [each["name"] for each in back if each["name"] in ordered] == ordered[::-1]


def test_umlauts_stand_with_their_letters(studio: StudioUnderTest) -> None:
    ordered = ["Abel", "Älfrun", "Anna 2", "anna 10", "Åsa", "Otto", "Øyvind", "Özil", "Straße", "Strasse 2", "Zoë"]
    for number, name in enumerate(reversed(ordered)):
        body = {"name": name, "email": f"{number}@names.example", "role": "artist", "password": PASSWORD}
        assert studio.admin.post("/artists/", body).status == 201
    items = studio.admin.get("/artists/", query_string={"page_size": 100, "q": "names.example"}).data["items"]
    assert [each["name"] for each in items] == ordered


@pytest.mark.parametrize("table", ["assets", "shots", "tasks"])
def test_a_page_of_the_longest_lists_is_read_in_its_order_from_an_index(app: Flask, table: str) -> None:
    query = f"SELECT id FROM {table} WHERE tenant_id = gen_random_uuid() ORDER BY name_order, id LIMIT 50"
    with app.app_context(), db.engine.connect() as connection:
        connection.execute(sql("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off"))
        connection.execute(sql("SET LOCAL enable_bitmapscan = off"))
        plan = "\n".join(connection.scalars(sql(f"EXPLAIN {query.replace('gen_random_uuid()', 'app_tenant()')}")))
    assert f"ix_{table}_name_order" in plan and "Sort" not in plan


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs", "M"], max_codepoint=0x24F), max_size=20))
def test_postgresql_and_python_sort_alike(app: Flask, words: str) -> None:
    with app.app_context(), db.engine.connect() as connection:
        assert connection.scalar(select(func.natural_order(words))) == natural_order(words)
