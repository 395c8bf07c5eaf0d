"""Casting: which assets a shot uses, how often, and in which shots an asset is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from service.accounts.permissions import Role
from tests.service.studio import Json, Reply, StudioUnderTest
from tests.service.test_statements import counting


@dataclass
class Film:
    """A project with a sequence of two shots and three assets."""

    studio: StudioUnderTest
    project: Json
    shots: list[Json]
    gear, wheel, lamp = "", "", ""

    def asset(self, name: str) -> str:
        body = {"project_id": self.project["id"], "name": name}
        asset_id: str = self.studio.admin.post("/assets/", body).data["id"]
        return asset_id

    def cast(self, shot: Json, *assets: Any, if_match: str = "*") -> Reply:
        """Replace the casting of a shot: assets, or pairs of an asset and its count."""
        pairs = [(each, 1) if isinstance(each, str) else each for each in assets]
        body = {"assets": [{"asset_id": asset_id, "count": count} for asset_id, count in pairs]}
        return self.studio.admin.put(f"/shots/{shot['id']}/casting", body, headers={"If-Match": if_match})

    def casting(self, shot: Json) -> dict[str, int]:
        found = self.studio.artist.get(f"/shots/{shot['id']}/casting").data
        return {each["asset"]: each["count"] for each in found}

    def cast_in(self, asset_id: str, query: str = "") -> list[str]:
        found = self.studio.artist.get(f"/assets/{asset_id}/cast-in?{query}").data
        return [f"{each['sequence']}/{each['shot']} {each['count']}" for each in found["items"]]


@pytest.fixture
def film(studio: StudioUnderTest) -> Film:
    project = studio.admin.post("/projects/", {"name": "film"}).data
    sequence = studio.admin.post("/sequences/", {"project_id": project["id"], "name": "sq010"}).data
    body = {"sequence_id": sequence["id"]}
    shots = [studio.admin.post("/shots/", {**body, "name": name}).data for name in ("sh0010", "sh0020")]
    made = Film(studio, project, shots)
    made.gear, made.wheel, made.lamp = (made.asset(name) for name in ("gear", "wheel", "lamp"))
    return made


def test_a_shot_tells_its_assets_and_an_asset_its_shots(film: Film) -> None:
    first, second = film.shots
    answer = film.cast(first, film.wheel, (film.gear, 12)).data
    assert answer == film.studio.artist.get(f"/shots/{first['id']}/casting").data
    assert answer[0] == {
        "asset_id": film.gear,
        "asset": "gear",
        "title": "",
        "asset_type": "product",
        "project": "film",
        "archived_at": None,
        "count": 12,
    }
    film.cast(second, film.gear)
    assert film.casting(first) == {"gear": 12, "wheel": 1}
    assert film.cast_in(film.gear) == ["sq010/sh0010 12", "sq010/sh0020 1"]
    assert film.cast_in(film.gear, "sort=count") == ["sq010/sh0020 1", "sq010/sh0010 12"]
    assert film.cast_in(film.gear, "q=sh0020") == ["sq010/sh0020 1"]
    assert film.cast_in(film.gear, "page_size=1&page=2") == ["sq010/sh0020 1"]
    assert film.cast_in(film.lamp) == []
    film.cast(first, film.lamp, (film.gear, 2))
    assert (film.casting(first), film.cast_in(film.wheel)) == ({"gear": 2, "lamp": 1}, [])
    film.cast(first)
    assert film.casting(first) == {}


def test_the_count_is_one_where_nothing_is_said(film: Film) -> None:
    path = f"/shots/{film.shots[0]['id']}/casting"
    body = {"assets": [{"asset_id": film.gear}]}
    assert film.studio.admin.put(path, body, headers={"If-Match": "*"}).data[0]["count"] == 1


def test_what_cannot_be_cast_is_refused_and_changes_nothing(film: Film, other_studio: StudioUnderTest) -> None:
    shot = film.shots[0]
    film.cast(shot, film.gear)
    theirs = other_studio.production().asset["id"]
    for assets, status in (
        ([film.wheel, str(uuid4())], 404),
        ([film.wheel, theirs], 404),
        ([film.wheel, film.wheel], 422),
        ([(film.wheel, 0)], 422),
        ([(film.wheel, 1.5)], 422),
        ([(film.wheel, "2")], 422),
        (["wheel"], 422),
    ):
        refused = film.cast(shot, *assets)
        assert refused.status == status and not refused.body["ok"], assets
    assert film.casting(shot) == {"gear": 1}
    assert film.studio.artist.put(f"/shots/{shot['id']}/casting", {"assets": []}).status == 403


def test_nobody_overwrites_the_casting_of_somebody_else(film: Film) -> None:
    shot = film.shots[0]
    path = f"/shots/{shot['id']}"
    assert film.studio.admin.put(f"{path}/casting", {"assets": []}).status == 428
    etag = film.studio.admin.get(path).headers["ETag"]
    assert film.cast(shot, film.gear, if_match=etag).status == 200
    stale = film.cast(shot, film.wheel, if_match=etag)
    assert (stale.status, stale.error["code"]) == (412, "conflict.stale")
    assert film.casting(shot) == {"gear": 1}
    # Of many at the same instant that read the same, one is heard.
    etag = film.studio.admin.get(path).headers["ETag"]
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda count: film.cast(shot, (film.gear, count), if_match=etag), range(2, 6))
    assert sorted(each.status for each in answers) == [200, 412, 412, 412]


def test_what_was_put_away_stays_cast_but_is_not_cast_anew(film: Film) -> None:
    first, second = film.shots
    film.cast(first, film.gear)
    film.studio.admin.post(f"/assets/{film.gear}/archive")
    assert film.cast(second, film.gear).error["code"] == "conflict.archived"
    assert film.cast(first, (film.gear, 2), film.wheel).data[0]["archived_at"]
    film.studio.admin.post(f"/shots/{first['id']}/archive")
    assert (film.cast_in(film.wheel), film.cast_in(film.wheel, "archived=1")) == ([], ["sq010/sh0010 1"])
    assert film.cast(first).error["code"] == "conflict.archived"


def test_what_changed_is_in_the_audit_log(film: Film) -> None:
    shot = film.shots[0]
    film.cast(shot, film.gear, film.wheel)
    film.cast(shot, (film.gear, 4))
    records = film.studio.admin.get("/audit/?table_name=castings&sort=created_at").data["items"]
    told = [
        (each["action"], (each["before"] or {}).get("count"), (each["after"] or {}).get("count")) for each in records
    ]
    assert sorted(told, key=str) == sorted(
        [("create", None, 1), ("create", None, 1), ("change", 1, 4), ("delete", 1, None)], key=str
    )
    assert {each["actor_id"] for each in records} == {film.studio.admin.get("/auth/me").data["user"]["id"]}


def test_a_client_sees_the_casting_of_their_projects_only(film: Film) -> None:
    shot = film.shots[0]
    film.cast(shot, film.gear)
    client = film.studio.api(Role.CLIENT)
    for path in (f"/shots/{shot['id']}/casting", f"/assets/{film.gear}/cast-in"):
        assert client.get(path).status == 404
    user = client.get("/auth/me").data["user"]["id"]
    film.studio.admin.put(f"/projects/{film.project['id']}/clients", {"user_ids": [user]}, headers={"If-Match": "*"})
    other = film.studio.production()
    film.cast(shot, film.gear, other.asset["id"])
    # Of another project's asset they are told nothing.
    assert [each["asset_id"] for each in client.get(f"/shots/{shot['id']}/casting").data] == [film.gear]
    assert client.get(f"/assets/{film.gear}/cast-in").data["total"] == 1
    assert client.get(f"/assets/{other.asset['id']}/cast-in").status == 404


def test_a_larger_casting_costs_no_more_statements(app: Flask, film: Film) -> None:
    assets = [film.asset(f"prop{number}") for number in range(8)]

    def costs(*chosen: str) -> int:
        for shot in film.shots[: len(chosen)]:
            assert film.cast(shot, *chosen).status == 200
        film.casting(film.shots[0])
        with counting(app) as statements:
            assert len(film.casting(film.shots[0])) == len(chosen)
            assert len(film.cast_in(assets[0])) == min(2, len(chosen))
        return len(statements)

    assert costs(assets[0]) == costs(*assets)
