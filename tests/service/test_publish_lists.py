"""Lists of publishes: what PostgreSQL writes is what the document says, every page and total is right, and the
connections that are kept for it neither mix tenants up nor fail when PostgreSQL was restarted."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from flask import Flask
from pydantic import TypeAdapter
from sqlalchemy import text

from service.accounts.permissions import Role
from service.api.listing import Page
from service.api.publishes import PublishOut
from service.api.references import ReferenceOut
from service.config import Config
from service.database import db, tenant_session
from shared import paths
from shared.context import Entity
from tests.service.studio import Json, Production, StudioUnderTest

NASTY = {"note": 'räder "8" \\ / \u0007 \U0001f600', "weight": 1.5, "list": [1, None, {"deep": True}]}


def published_of_shot(studio: StudioUnderTest, project: Json) -> Json:
    sequence = studio.admin.post("/sequences/", {"project_id": project["id"], "name": "sq010"}).data
    shot = studio.admin.post("/shots/", {"sequence_id": sequence["id"], "name": "sh0010"}).data
    target = {"target_type": "shot", "target_id": shot["id"]}
    task = studio.admin.post("/tasks/", {**target, "name": "light", "department": "lighting"}).data
    body = {**target, "task_id": task["id"], "part_name": "lamps"}
    reserved = studio.artist.post("/publishes/reserve", body).data
    body = {
        **target,
        "task_id": task["id"],
        "software": "test",
        "item_usd_path": studio.write(reserved["item_usd_path"]),
        "reservation_id": reserved["reservation_id"],
        "metadata": {"part_name": "lamps", **NASTY},
    }
    answer: Json = studio.artist.post("/publishes/", body).data
    return answer


def get(studio: StudioUnderTest, query: str = "") -> Json:
    answer: Json = studio.artist.get(f"/publishes/?{query}").data
    return answer


def as_pydantic_writes(answer: Any, data: Any) -> Any:
    adapter: TypeAdapter[Any] = TypeAdapter(answer)
    return json.loads(adapter.dump_json(adapter.validate_python(data)))


def test_postgresql_writes_what_pydantic_would(studio: StudioUnderTest) -> None:
    """Names of the fields and their order, times, nulls, numbers, text in every alphabet."""
    production = studio.production()
    body = [studio.publish(production) for _ in range(2)]
    lamps = published_of_shot(studio, production.project)
    studio.admin.post(f"/publishes/{body[0]['id']}/archive")
    page = get(studio, "archived=1")
    assert json.dumps(page) == json.dumps(as_pydantic_writes(Page[PublishOut], page))
    assert [one["id"] for one in page["items"]] == [lamps["id"], body[1]["id"], body[0]["id"]]
    assert page["items"][0] == lamps == studio.artist.get(f"/publishes/{lamps['id']}").data
    assert page["items"][0]["metadata"] == {"asset_name": "", "part_name": "lamps", **NASTY}
    assert page["items"][2]["archived_at"].endswith("Z")
    used = [{"publish_id": lamps["id"]}, {"part_usd_path": lamps["part_usd_path"]}, {"cad_file_id": str(uuid4())}]
    answers = studio.artist.post("/publishes/outdated", {"references": used, "item_usd_paths": ["a/b.usd"]}).data
    assert json.dumps(answers) == json.dumps(as_pydantic_writes(list[ReferenceOut], answers))


def test_a_publish_stands_where_its_paths_say(studio: StudioUnderTest) -> None:
    production = studio.production()
    gear, lamps = studio.publish(production), published_of_shot(studio, production.project)
    project = production.project["name"]
    for published, entity in ((gear, Entity.asset("gear")), (lamps, Entity.shot("sq010", "sh0010"))):
        part = paths.part_entry(project, entity, published["part_name"])
        found = studio.artist.get(f"/publishes/{published['id']}").data
        assert found["entity"] == str(entity) and found["project"] == project
        assert found["part_usd_path"] == found["asset_usd_path"] == part
        assert found["entity_usd_path"] == paths.entity_entry(project, entity)
        assert (studio.root / part).is_file() and (studio.root / found["entity_usd_path"]).is_file()


def test_versions_of_any_length_are_compared(app: Flask, studio: StudioUnderTest) -> None:
    production = studio.production()
    first = studio.publish(production)
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        session.execute(text("UPDATE parts SET last_version = 12344"))
    studio.publish(production)
    used = {"publish_id": first["id"]}
    (answer,) = studio.artist.post("/publishes/outdated", {"references": [used]}).data
    assert (answer["version"], answer["latest_version"], answer["outdated"]) == ("v001_i001", "v12345_i001", True)


QUERIES = {
    "all": "",
    "archived": "archived=1",
    "asset": "asset=gear",
    "part": "part=lid",
    "search": "q=gear%20lid",
    "status": "status=approved",
    "status of a part": "part=body&status=approved",
    "latest": "latest_per_part=1",
    "nothing": "q=gear%20nowhere",
}


@pytest.fixture
def filled(studio: StudioUnderTest) -> tuple[StudioUnderTest, Production]:
    """Eleven publishes of two parts, of which one is archived and two have a status."""
    production = studio.production()
    body = [
        studio.publish(production, "body", status=status) for status in ("approved", *["published"] * 5, "approved")
    ]
    for _ in range(4):
        studio.publish(production, "lid")
    studio.admin.post(f"/publishes/{body[2]['id']}/archive")
    return studio, production


def test_pages_from_either_end_are_the_list(filled: tuple[StudioUnderTest, Production]) -> None:
    studio, _ = filled
    lengths = {}
    for name, query in QUERIES.items():
        whole = get(studio, f"{query}&page_size=500")
        lengths[name] = whole["total"]
        assert whole["total"] == len(whole["items"]), name
        for sort in ("-created_at", "part_name,-version", "software", "-status,department", "updated_at"):
            ordered = [one["id"] for one in get(studio, f"{query}&page_size=500&sort={sort}")["items"]]
            pages = [get(studio, f"{query}&page_size=3&sort={sort}&page={number}") for number in range(1, 6)]
            assert [one["id"] for page in pages for one in page["items"]] == ordered, (name, sort)
            assert {page["total"] for page in pages} == {len(ordered)}
    assert lengths == {
        "all": 10,
        "archived": 11,
        "asset": 10,
        "part": 4,
        "search": 4,
        "status": 2,
        "status of a part": 2,
        "latest": 2,
        "nothing": 0,
    }


def test_publishes_are_sorted_by_what_their_table_shows(studio: StudioUnderTest) -> None:
    production = studio.production()
    lamps = published_of_shot(studio, production.project)
    body, lid = (studio.publish(production, part, status=part) for part in ("body", "lid"))
    studio.admin.patch(f"/publishes/{lamps['id']}", {"status": "lit"})
    names = {lamps["id"]: "lamps", body["id"]: "body", lid["id"]: "lid"}
    for sort, ordered in (
        ("updated_at", ["body", "lid", "lamps"]),
        ("-updated_at", ["lamps", "lid", "body"]),
        ("status", ["body", "lid", "lamps"]),
        ("-status", ["lamps", "lid", "body"]),
        ("department,-created_at", ["lamps", "lid", "body"]),
        ("-department,status", ["body", "lid", "lamps"]),
    ):
        assert [names[one["id"]] for one in get(studio, f"sort={sort}")["items"]] == ordered, sort


def test_publishes_are_found_by_project_comment_and_author(
    studio: StudioUnderTest, other_studio: StudioUnderTest
) -> None:
    """Each word in one of these, or in the part and what it stands in."""
    production = studio.production()
    anna = studio.admin.post("/artists/", {"name": "Anna Berg", "email": "anna@mountains.example"}).data
    studio.admin.patch(f"/projects/{production.project['id']}", {"title": "Überlandfahrt"})
    plain = studio.publish(production, "body")
    reserved = studio.artist.post("/publishes/reserve", production.reserve_body("lid")).data
    body = production.publish_body(studio.write(reserved["item_usd_path"]), "lid")
    body["metadata"] |= {"comment": "Chamfered the rim", "description": "for the packshot"}
    lid = studio.artist.post("/publishes/", {**body, "reservation_id": reserved["reservation_id"]}).data
    lamps = published_of_shot(studio, production.project)
    with studio.app.app_context(), tenant_session(studio.tenant_id) as session:
        session.execute(
            text("UPDATE publishes SET created_by_id = :anna WHERE id = :id"), {"anna": anna["id"], "id": lamps["id"]}
        )
    stranger = other_studio.publish(other_studio.production())

    def found(query: str) -> list[str]:
        return [one["id"] for one in get(studio, query)["items"]]

    for query, ids in (
        ("q=überland", [lamps, lid, plain]),
        (f"q={production.project['name']}", [lamps, lid, plain]),
        ("q=sq010", [lamps]),
        ("q=chamfer", [lid]),
        ("q=rim packshot gear", [lid]),
        ("q=rim body", []),
        ("q=anna", [lamps]),
        ("q=berg sh0010 überland", [lamps]),
        ("q=anna gear", []),
        ("q=anna chamfer", []),
        ("q=artist chamfer", [lid]),
        ("q=mountains", []),  # of an address: that is no name
        ("q=chamfer&latest_per_part=1", [lid]),
        ("q=chamfer&part=body", []),
        ("q=artist&asset=gear", [lid, plain]),
        ("q=artist&asset=gear&page_size=1&page=2", [plain]),
        ("q=artist&status=approved", []),
        (f"created_by={anna['id']}", [lamps]),
        ("created_by=me", [lid, plain]),
        ("created_by=me&part=lid", [lid]),
    ):
        assert found(query) == [one["id"] for one in ids], query
    assert get(studio, "q=artist&page_size=1")["total"] == 2
    assert "created_by" in studio.artist.get("/publishes/?created_by=nobody").error["fields"]
    assert [one["id"] for one in get(other_studio, "q=artist")["items"]] == [stranger["id"]]
    # An archived one is found where that is asked for.
    newer = studio.publish(production, "lid")
    studio.admin.post(f"/publishes/{lid['id']}/archive")
    assert (found("q=chamfer"), found("q=chamfer&archived=1")) == ([], [lid["id"]])
    assert newer["id"] not in found("q=chamfer&archived=1")


def test_a_comment_may_be_longer_than_what_can_be_searched(studio: StudioUnderTest) -> None:
    production = studio.production()
    reserved = studio.artist.post("/publishes/reserve", production.reserve_body("lid")).data
    body = production.publish_body(studio.write(reserved["item_usd_path"]), "lid")
    body["metadata"]["comment"] = " ".join(f"word{number}" for number in range(200_000))
    lid = studio.artist.post("/publishes/", {**body, "reservation_id": reserved["reservation_id"]})
    assert lid.status == 201 and get(studio, "q=word17")["total"] == 1


def test_publishes_of_a_shot_are_found_by_its_name_and_sequence(studio: StudioUnderTest) -> None:
    production = studio.production()
    gear, lamps = studio.publish(production), published_of_shot(studio, production.project)
    project = f"project={production.project['name']}"
    for query in ("shot=sh0010", "shot=sq010/sh0010", "shot=sq010/", f"{project}&shot=sh0010", "q=sh0010%20lamps"):
        assert [one["id"] for one in get(studio, query)["items"]] == [lamps["id"]], query
    assert [one["id"] for one in get(studio, project)["items"]] == [lamps["id"], gear["id"]]
    for query in ("shot=sq020/sh0010", "asset=gear&shot=sh0010", "project=other", "q=sh0010%20body"):
        assert get(studio, query)["total"] == 0, query


def test_totals_follow_what_is_put_away_and_taken_out(filled: tuple[StudioUnderTest, Production]) -> None:
    studio, production = filled
    archived = next(one for one in get(studio, "archived=1")["items"] if one["archived_at"])
    for verb, live in (("restore", 11), ("restore", 11), ("archive", 10), ("archive", 10)):
        studio.admin.post(f"/publishes/{archived['id']}/{verb}")
        assert (get(studio)["total"], get(studio, "archived=1")["total"]) == (live, 11), verb
    studio.admin.patch(f"/publishes/{archived['id']}", {"status": "approved"})
    studio.publish(production)
    assert get(studio)["total"] == 11


def test_kept_statements_answer_each_tenant_its_own(studio: StudioUnderTest, other_studio: StudioUnderTest) -> None:
    """The same statements on the same connections, more often than it takes to keep them."""
    studios = (studio, other_studio)
    own = [each.publish(each.production())["id"] for each in studios]
    for _ in range(5):
        for each, published, foreign in zip(studios, own, reversed(own), strict=True):
            assert [one["id"] for one in get(each)["items"]] == [published]
            assert [one["id"] for one in get(each, "q=gear")["items"]] == [published]
            assert each.artist.get(f"/publishes/{published}").status == 200
            assert each.artist.get(f"/publishes/{foreign}").status == 404
            # A client sees nothing of what was not delivered or opened to them.
            assert each.api(Role.CLIENT).get(f"/publishes/{published}").status in (403, 404)
            (answer,) = each.artist.post("/publishes/outdated", {"references": [{"publish_id": foreign}]}).data
            assert answer["known"] is False


def test_a_lost_connection_is_not_the_users_concern(app: Flask, config: Config, studio: StudioUnderTest) -> None:
    """PostgreSQL ends every connection, as a restart does; nobody is answered an error."""
    published = studio.publish(studio.production())
    with app.app_context():
        kept = [db.engine.connect() for _ in range(3)]
        own = [each.scalar(text("SELECT pg_backend_pid()")) for each in kept]
        for each in kept:
            each.close()
    for _ in range(4):
        assert studio.artist.get(f"/publishes/{published['id']}").status == 200
    with psycopg2.connect(config.database_url) as outside, outside.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s) pid", (own,))
        deadline = time.monotonic() + 10
        while cursor.rowcount and time.monotonic() < deadline:
            cursor.execute("SELECT FROM pg_stat_activity WHERE pid = ANY(%s)", (own,))
    outside.close()
    for _ in range(4):
        assert studio.artist.get(f"/publishes/{published['id']}").status == 200
