"""Projects, sequences, shots, assets, tasks, users: what is made is answered, found, changed and guarded."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from service.accounts.permissions import Role
from tests.service.studio import PASSWORD, Api, Json, Reply, StudioUnderTest


def test_an_asset_is_created_listed_and_changed(studio: StudioUnderTest) -> None:
    project = studio.admin.post("/projects/", {"name": "film", "title": "The film"})
    assert project.status == 201
    asset = studio.admin.post("/assets/", {"project_id": project.data["id"], "name": "gear"}).data
    assert (asset["project"], asset["name"], asset["status"]) == ("film", "gear", "active")
    listed = studio.artist.get("/assets/?project=film&q=GEA").data
    assert listed["total"] == 1 and listed["items"] == [asset]
    changed = studio.admin.patch(f"/assets/{asset['id']}", {"status": "on_hold"}).data
    assert changed["status"] == "on_hold" and changed["revision"] == asset["revision"] + 1
    assert studio.artist.get("/assets/?status=active").data["total"] == 0


def test_both_forms_of_a_collection_address_are_accepted(studio: StudioUnderTest) -> None:
    assert studio.artist.get("/projects").data == studio.artist.get("/projects/").data


def test_a_shot_task_names_its_entity(studio: StudioUnderTest) -> None:
    project = studio.admin.post("/projects/", {"name": "film"}).data
    sequence = studio.admin.post("/sequences/", {"project_id": project["id"], "name": "sq010"}).data
    shot = studio.admin.post("/shots/", {"sequence_id": sequence["id"], "name": "sh020", "frame_out": 1050}).data
    assert (shot["sequence"], shot["project"], shot["frame_in"], shot["frame_out"]) == ("sq010", "film", 1001, 1050)
    me = studio.artist.get("/auth/me").data["user"]
    body = {"target_type": "shot", "target_id": shot["id"], "name": "light", "department": "lighting"}
    task = studio.admin.post("/tasks/", {**body, "assignee_id": me["id"], "due": "2027-01-31"}).data
    assert (task["entity"], task["assignee"], task["due"]) == ("shot:sq010/sh020", me["name"], "2027-01-31")
    for query in ("assignee=me", "project=film", "shot=sh020", "shot=sq010/sh020", f"assignee={me['id']}"):
        assert [found["id"] for found in studio.artist.get(f"/tasks/?{query}").data["items"]] == [task["id"]]
    assert studio.artist.get("/tasks/?shot=sq999/sh020").data["total"] == 0


@pytest.mark.parametrize("name", ["", "1a", "a b", "../x", "a/b", "ä", "x" * 101, "con.", None, 5])
def test_a_name_that_is_no_folder_and_no_prim_is_refused(studio: StudioUnderTest, name: object) -> None:
    answer = studio.admin.post("/projects/", {"name": name})
    assert answer.status == 422 and "name" in answer.error["fields"]


def test_a_taken_name_is_a_conflict(studio: StudioUnderTest) -> None:
    studio.admin.post("/projects/", {"name": "film"})
    answer = studio.admin.post("/projects/", {"name": "film"})
    assert answer.status == 409 and answer.error["code"] == "conflict.exists"


def test_names_that_differ_in_capitals_only_are_one_folder_on_windows(studio: StudioUnderTest) -> None:
    production = studio.production()
    project, asset = production.project["id"], production.asset["id"]
    sequence = studio.admin.post("/sequences/", {"project_id": project, "name": "sq01"}).data["id"]
    studio.admin.post("/shots/", {"sequence_id": sequence, "name": "sh01"})
    task = {"target_type": "asset", "target_id": asset, "name": production.task["name"].upper(), "department": "look"}
    for path, body in (
        ("/projects/", {"name": production.project["name"].upper()}),
        ("/assets/", {"project_id": project, "name": "Gear"}),
        ("/sequences/", {"project_id": project, "name": "SQ01"}),
        ("/shots/", {"sequence_id": sequence, "name": "Sh01"}),
        ("/tasks/", task),
    ):
        refused = studio.admin.post(path, body)
        assert (refused.status, refused.error["code"]) == (409, "conflict.exists"), path
    tenant = {"name": studio.name.upper(), "admin_email": "a@b.example"}
    assert studio.api(Role.GLOBAL_ADMIN).post("/tenants/", tenant).error["code"] == "conflict.exists"
    scene = {"task_id": production.task["id"], "name": "main", "software": "blender", "suffix": ".blend"}
    studio.artist.post("/scenes/reserve", scene)
    second = studio.artist.post("/scenes/reserve", {**scene, "name": "Main"}).data
    assert (second["name"], second["iteration"]) == ("main", 2)


def test_of_names_that_differ_in_capitals_only_one_is_made_also_at_the_same_instant(studio: StudioUnderTest) -> None:
    production = studio.production()
    project, asset = production.project["id"], production.asset["id"]
    sequence = studio.admin.post("/sequences/", {"project_id": project, "name": "sq01"}).data["id"]
    chief = studio.api(Role.GLOBAL_ADMIN)
    names = ["".join(letters) for letters in itertools.product("aA", "bB", "cC")]
    for path, body in (
        ("/projects/", {}),
        ("/assets/", {"project_id": project}),
        ("/sequences/", {"project_id": project}),
        ("/shots/", {"sequence_id": sequence}),
        ("/tasks/", {"target_type": "asset", "target_id": asset, "department": "look"}),
        ("/tenants/", {"admin_email": "a@b.example", "admin_password": PASSWORD}),
    ):
        # Tenants are those of the whole installation: other tests make some, too.
        suffix = uuid4().hex[:8]
        answers = _at_once(chief, path, [{**body, "name": name + suffix} for name in names])
        assert sorted(each.status for each in answers) == [201] + [409] * (len(names) - 1), path
    scene = {"task_id": production.task["id"], "software": "blender", "suffix": ".blend"}
    reserved = [each.data for each in _at_once(studio.artist, "/scenes/reserve", [{**scene, "name": n} for n in names])]
    assert len({each["name"] for each in reserved}) == 1
    assert sorted(each["iteration"] for each in reserved) == list(range(1, len(names) + 1))


def _at_once(api: Api, path: str, bodies: list[Json]) -> list[Reply]:
    start = threading.Barrier(len(bodies))

    def send(body: Json) -> Reply:
        start.wait()
        return api.post(path, body)

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(send, bodies))


def test_a_shot_cannot_end_before_it_begins(studio: StudioUnderTest) -> None:
    project = studio.admin.post("/projects/", {"name": "film"}).data
    sequence = studio.admin.post("/sequences/", {"project_id": project["id"], "name": "sq010"}).data
    body = {"sequence_id": sequence["id"], "name": "sh010", "frame_in": 1010, "frame_out": 1001}
    assert "frame_out" in studio.admin.post("/shots/", body).error["fields"]


def test_unknown_fields_and_sorts_are_named(studio: StudioUnderTest) -> None:
    assert "titel" in studio.admin.post("/projects/", {"name": "film", "titel": "x"}).error["fields"]
    assert "sort" in studio.artist.get("/projects/?sort=weight").error["fields"]
    assert "page" in studio.artist.get("/projects/?page=0").error["fields"]


def test_pages_follow_each_other(studio: StudioUnderTest) -> None:
    for number in range(5):
        studio.admin.post("/projects/", {"name": f"film{number}"})
    pages = [studio.artist.get(f"/projects/?page={page}&page_size=2&sort=-name").data for page in (1, 2, 3)]
    assert [item["name"] for page in pages for item in page["items"]] == [f"film{n}" for n in (4, 3, 2, 1, 0)]
    assert {page["total"] for page in pages} == {5}


def test_tasks_are_found_by_what_they_are_of_and_by_who_does_them(studio: StudioUnderTest) -> None:
    production = studio.production()
    anna = studio.admin.post("/artists/", {"name": "Anna Berg", "email": "anna@studio.example"}).data
    studio.admin.patch(f"/tasks/{production.task['id']}", {"assignee_id": anna["id"]})
    for words, number in (("modell", 1), ("gear", 1), ("berg gear", 1), ("berg wheel", 0)):
        assert studio.artist.get("/tasks/", query_string={"q": words}).data["total"] == number, words


def test_scenes_are_found_by_what_they_are_of_and_by_who_saved_them(studio: StudioUnderTest) -> None:
    production = studio.production()
    project = production.project["name"]
    sequence = studio.admin.post("/sequences/", {"project_id": production.project["id"], "name": "sq010"}).data
    shot = studio.admin.post("/shots/", {"sequence_id": sequence["id"], "name": "sh020"}).data
    body = {"target_type": "shot", "target_id": shot["id"], "name": "light", "department": "lighting"}
    light = studio.admin.post("/tasks/", body).data
    studio.production()  # another project, with an asset of the same name
    saved = {"software": "blender", "suffix": ".blend"}
    model = studio.artist.post("/scenes/reserve", {"task_id": production.task["id"], "name": "model", **saved}).data
    lamps = studio.admin.post("/scenes/reserve", {"task_id": light["id"], "name": "lamps", **saved}).data
    artist = studio.artist.get("/auth/me").data["user"]
    assert model["created_by"] == artist["name"]
    for query, found in (
        (f"project={project}", [lamps, model]),
        (f"project={project}&asset=gear", [model]),
        ("asset=gear", [model]),
        ("shot=sh020", [lamps]),
        ("shot=sq010/sh020", [lamps]),
        ("created_by=me", [model]),
        (f"created_by={artist['id']}&shot=sh020", []),
        ("created_by=nobody", []),
        ("project=other", []),
        ("shot=sq020/sh020", []),
    ):
        assert studio.artist.get(f"/scenes/?state=&{query}").data["items"] == found, query
    assert "created_by" in studio.artist.get("/scenes/?created_by=anna").error["fields"]


def test_what_has_no_value_comes_last_in_either_order(studio: StudioUnderTest) -> None:
    asset = studio.production().asset
    for name, due in (("first", "2026-01-01"), ("second", "2026-01-02")):
        body = {"target_type": "asset", "target_id": asset["id"], "name": name, "department": "look", "due": due}
        studio.admin.post("/tasks/", body)

    def found(sort: str) -> list[str]:
        return [task["due"] for task in studio.artist.get(f"/tasks/?sort={sort}").data["items"]]

    assert found("due") == ["2026-01-01", "2026-01-02", None]
    assert found("-due") == ["2026-01-02", "2026-01-01", None]


def test_search_finds_the_beginnings_of_words(studio: StudioUnderTest) -> None:
    for name, title in (("film_one", "Übermut am Meer"), ("filmTwo", "A day"), ("gearbox01", "Spindle, right")):
        studio.admin.post("/projects/", {"name": name, "title": title})

    def found(query: str) -> list[str]:
        return [project["name"] for project in studio.artist.get("/projects/", query_string={"q": query}).data["items"]]

    assert found("film") == ["film_one", "filmTwo"]
    assert found("FILM one") == found("film_o") == found("on fil") == found("über") == ["film_one"]
    assert found("two") == found("filmtw") == ["filmTwo"]
    assert found("spin gear") == found("Right,") == ["gearbox01"]
    assert found("pindle") == found("film gearbox") == []
    for query in ("%", "_", "' | 'x", ":*", "!film", "&", "\\", "(", "film:*|gear"):
        assert found(query) in ([], ["film_one", "filmTwo"])


def test_what_changed_is_recorded_with_who_did_it(studio: StudioUnderTest) -> None:
    project = studio.admin.post("/projects/", {"name": "film"}).data
    studio.admin.patch(f"/projects/{project['id']}", {"status": "paused"})
    records = studio.admin.get("/audit").data["items"]
    change = next(r for r in records if r["row_id"] == project["id"] and r["action"] == "change")
    assert change["before"] == {"status": "active"} and change["after"] == {"status": "paused"}
    assert change["actor_id"] == studio.admin.get("/auth/me").data["user"]["id"]
    assert "password_hash" not in str(records) and "digest" not in str(records)


def test_an_artist_changes_the_status_and_takes_what_nobody_has(studio: StudioUnderTest) -> None:
    task = studio.production().task
    path, me = f"/tasks/{task['id']}", studio.artist.get("/auth/me").data["user"]["id"]
    manager = studio.api(Role.PROJECT_MANAGER)
    other = manager.get("/auth/me").data["user"]["id"]
    for change in ({"due": "2027-01-31"}, {"department": "look"}, {"assignee_id": other}):
        refused = studio.artist.patch(path, {"status": "in_progress", **change})
        assert (refused.status, refused.error["code"]) == (403, "auth.forbidden")
        assert list(refused.error["fields"]) == [name.replace("assignee_id", "assignee_ids") for name in change]
    assert studio.artist.get(path).data == task
    assert studio.artist.patch(path, {"status": "in_progress", "assignee_id": me}).data["assignee_id"] == me
    # What stays as it is may be sent along.
    assert studio.artist.patch(path, {"status": "done", "assignee_id": me, "due": None}).data["status"] == "done"
    assert studio.artist.patch(path, {"assignee_id": None}).status == 403
    assert manager.patch(path, {"assignee_id": other, "due": "2027-01-31", "department": "look"}).status == 200
    refused = studio.artist.patch(path, {"assignee_id": me})
    assert (refused.status, refused.error["code"]) == (409, "conflict.task_taken")
    assert "taken already, by project_manager" in refused.error["message"]
    assert studio.artist.patch(path, {"due": None}).status == 403


def test_of_artists_who_take_a_task_at_once_one_gets_it(studio: StudioUnderTest) -> None:
    path = f"/tasks/{studio.production().task['id']}"
    artists = []
    for name in ("anna", "ben", "cleo", "dora"):
        email = f"{name}@{studio.name}.example"
        user = studio.admin.post("/artists/", {"name": name, "email": email, "password": PASSWORD}).data
        login = {"email": email, "password": PASSWORD, "tenant": studio.name}
        artists.append((Api(studio.app, Api(studio.app).post("/auth/login", login).data["token"]), user["id"]))
    start = threading.Barrier(len(artists))

    def take(artist: tuple[Api, str]) -> Reply:
        api, user_id = artist
        start.wait()
        return api.patch(path, {"assignee_id": user_id})

    with ThreadPoolExecutor(len(artists)) as pool:
        answers = list(pool.map(take, artists))
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]
    task = studio.admin.get(path).data
    for answer, (_, user_id) in zip(answers, artists, strict=True):
        assert (answer.status == 200) == (task["assignee_id"] == user_id)
        if answer.status == 409:
            assert answer.error["message"].endswith(f"is taken already, by {task['assignee']}.")


def test_an_email_address_that_somebody_has_is_named(studio: StudioUnderTest) -> None:
    email = f"anna@{studio.name}.example"
    anna = studio.admin.post("/artists/", {"name": "Anna Berg", "email": email}).data
    ben = studio.admin.post("/artists/", {"name": "Ben", "email": f"ben@{studio.name}.example"}).data
    assert studio.admin.patch(f"/artists/{ben['id']}", {"email": ben["email"].upper()}).status == 200
    for taken in (
        studio.admin.post("/artists/", {"name": "New Person", "email": email.upper()}),
        studio.admin.patch(f"/artists/{ben['id']}", {"email": email}),
    ):
        assert (taken.status, taken.error["code"]) == (409, "conflict.exists")
        assert email in taken.error["message"].lower() and "Anna Berg" in taken.error["message"]
        assert taken.error["fields"] == {"email": "is taken", "id": anna["id"]} and "address" in taken.error["hint"]
    studio.admin.post(f"/artists/{anna['id']}/archive")
    taken = studio.admin.post("/artists/", {"name": "New Person", "email": email})
    assert "who is archived" in taken.error["message"] and "Restore" in taken.error["hint"]
    twice = [{"name": name, "email": f"cleo@{studio.name}.example"} for name in ("Cleo", "Cleopatra")]
    answers = _at_once(studio.admin, "/artists/", twice)
    assert sorted(each.status for each in answers) == [201, 409]


def test_a_client_gets_no_task(studio: StudioUnderTest) -> None:
    production = studio.production()
    client = studio.api(Role.CLIENT).get("/auth/me").data["user"]["id"]
    body = {"target_type": "asset", "target_id": production.asset["id"], "name": "look", "department": "look"}
    for answer in (
        studio.admin.post("/tasks/", {**body, "assignee_id": client}),
        studio.admin.patch(f"/tasks/{production.task['id']}", {"assignee_id": client}),
    ):
        assert answer.status == 422 and answer.error["fields"] == {"assignee_ids": "client is a client"}


def test_nobody_gives_a_role_above_their_own(studio: StudioUnderTest) -> None:
    body = {"name": "x", "email": "x@example.com", "role": "global_admin"}
    assert studio.admin.post("/artists/", body).status == 403
    assert studio.api(Role.GLOBAL_ADMIN).post("/artists/", body).status == 201


def test_a_change_of_what_somebody_else_changed_is_refused(studio: StudioUnderTest) -> None:
    path = f"/projects/{studio.admin.post('/projects/', {'name': 'film'}).data['id']}"
    etag = studio.admin.get(path).headers["ETag"]
    changed = studio.admin.patch(path, {"title": "The film"}, headers={"If-Match": etag})
    assert changed.status == 200 and changed.headers["ETag"] == studio.admin.get(path).headers["ETag"] != etag
    stale = studio.admin.patch(path, {"title": "Another"}, headers={"If-Match": etag})
    assert (stale.status, stale.error["code"]) == (412, "conflict.stale")
    assert studio.admin.get(path).data["title"] == "The film"
