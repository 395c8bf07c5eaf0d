"""Who sees a project: said by managers, counting at once; who is told of it, and who is given work on it."""

from __future__ import annotations

import hashlib
import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text, update

from service import schema
from service.accounts.permissions import Role
from service.activity import live, streams
from service.config import Config
from service.database import tenant_session
from service.models import (
    HeldNotification,
)
from shared.errors import ConflictError
from tests.service.studio import PASSWORD, Api, Production, StudioUnderTest
from tests.service.teams import add_to_team, id_of, identity_of, log_in, remove_from_team, seen_by, show
from tests.service.test_comments import on, say, told
from tests.service.test_notifications import choose, tell, titles
from tests.service.test_statements import counting
from tests.service.world import STEP, World, unique


@pytest.fixture
def production(studio: StudioUnderTest) -> Production:
    """Of a project that only its team sees."""
    found = studio.production()
    show(studio, found.project, "team")
    return found


def test_a_project_is_seen_by_everybody_or_by_its_team_and_managers(
    studio: StudioUnderTest, production: Production
) -> None:
    path = f"/projects/{production.project['id']}"
    assert production.project["visible_to"] == "everybody"
    for role in (Role.PROJECT_MANAGER, Role.TENANT_ADMIN, Role.GLOBAL_ADMIN):
        assert studio.api(role).get(path).data["visible_to"] == "team"
    assert studio.artist.get(path).error["code"] == "not_found"
    assert studio.artist.get(f"/projects/?q={production.project['name']}").data["total"] == 0
    add_to_team(studio, production.project, id_of(studio.artist))
    assert studio.artist.get(path).data["name"] == production.project["name"]
    assert studio.artist.patch(path, {"visible_to": "everybody"}).status == 403
    assert studio.admin.patch(path, {"visible_to": "nobody"}).error["fields"]["visible_to"]
    changes = studio.admin.get(f"/audit/?row_id={production.project['id']}").data["items"]
    assert {"visible_to": "team"} in [each["after"] for each in changes]


def test_new_projects_are_seen_by_whom_the_tenant_has_set(studio: StudioUnderTest) -> None:
    def made(**more: Any) -> str:
        return str(studio.admin.post("/projects/", {"name": unique(), **more}).data["visible_to"])

    assert (made(), made(visible_to="team")) == ("everybody", "team")
    assert studio.admin.patch("/settings/", {"projects_visible_to": "team"}).status == 200
    assert (made(), made(visible_to="everybody")) == ("team", "everybody")


def test_what_a_team_decides_counts_with_the_next_request(studio: StudioUnderTest, production: Production) -> None:
    """For sessions and personal tokens alike, whatever connection serves them."""
    artist = id_of(studio.artist)
    program = Api(studio.app, studio.artist.post("/tokens/", {"name": "render farm"}).data["token"])
    path = f"/tasks/{production.task['id']}"
    for is_member in (True, False, True, False):
        (add_to_team if is_member else remove_from_team)(studio, production.project, artist)
        for api in (studio.artist, program):
            assert api.get(path).status == (200 if is_member else 404)
            assert api.patch(path, {"status": "in_progress"}).status == (200 if is_member else 404)
        assert studio.admin.get(path).status == 200  # over the same connections
    show(studio, production.project, "everybody")
    assert studio.artist.get(path).status == 200


def test_who_becomes_a_manager_sees_all_and_as_an_artist_again_not(
    studio: StudioUnderTest, production: Production
) -> None:
    path, person = f"/assets/{production.asset['id']}", f"/artists/{id_of(studio.artist)}"
    for role, status in (("project_manager", 200), ("artist", 404)):
        studio.admin.patch(person, {"role": role})
        assert log_in(studio, studio.email(Role.ARTIST)).get(path).status == status


def test_clients_see_what_they_saw(studio: StudioUnderTest, production: Production) -> None:
    client = studio.let_client_in(production.project["id"], clients_see="all")
    add_to_team(studio, production.project, id_of(studio.artist))
    published = studio.publish(production)
    assert [each["id"] for each in client.get("/publishes/").data["items"]] == [published["id"]]
    remove_from_team(studio, production.project, id_of(studio.artist))
    assert [each["id"] for each in client.get("/publishes/").data["items"]] == [published["id"]]
    assert studio.artist.get("/publishes/").data["items"] == []


def test_what_is_hidden_is_not_known_to_be_outdated(studio: StudioUnderTest, production: Production) -> None:
    add_to_team(studio, production.project, id_of(studio.artist))
    old, new = studio.publish(production), studio.publish(production)
    asked = {"references": [{"publish_id": old["id"]}, {"part_usd_path": old["part_usd_path"]}],
             "item_usd_paths": [old["item_usd_path"]]}  # fmt: skip
    told_of = studio.artist.post("/publishes/outdated", asked).data
    assert [each["latest_publish_id"] for each in told_of] == [new["id"]] * 3
    remove_from_team(studio, production.project, id_of(studio.artist))
    for each in studio.artist.post("/publishes/outdated", asked).data:
        assert not each["known"] and not each["outdated"] and each["latest_publish_id"] is each["latest_name"] is None


def test_the_team_works_as_ever_and_jobs_run(studio: StudioUnderTest, production: Production) -> None:
    add_to_team(studio, production.project, id_of(studio.artist))
    published = studio.publish(production)
    job = studio.artist.post("/jobs/", {"kind": "still", "publish_id": published["id"]}).data
    work_on = studio.artist.post("/comments/", {**on(publish=published["id"]), "text": "Mine."})
    assert (job["state"], work_on.status) == ("queued", 201)
    studio.admin.post("/artists/", {"name": "Other", "email": "other@x.example", "password": PASSWORD})
    other = log_in(studio, "other@x.example")
    assert other.get("/jobs/").data["items"] == [] and other.get(f"/jobs/{job['id']}").status == 404
    queued = [
        next(each["queued"] for each in api.get("/queues/").data if each["name"] == "render")
        for api in (studio.artist, other)
    ]
    assert queued == [1, 0]


def test_the_same_model_in_a_project_that_one_sees_is_taken(studio: StudioUnderTest, production: Production) -> None:
    """Its conversion is done once, whoever else has the file; nothing is told of them."""
    content, seen = STEP + unique().encode(), studio.production()
    digest = hashlib.sha256(content).hexdigest()
    theirs = studio.admin.upload(content, project=production.project["name"], asset="gear", filename="a.step").data
    known = {"project": seen.project["name"], "asset": "gear", "filename": "a.step", "sha256": digest}
    assert studio.artist.upload(b"", **known).error["code"] == "cad.unknown_content"
    mine = studio.artist.upload(content, project=seen.project["name"], asset="gear", filename="a.step")
    assert mine.status == 201 and theirs["id"] not in str(mine.body)
    assert studio.artist.get(f"/cad/{mine.data['id']}").status == 200


def test_a_picture_of_nothing_in_particular_is_hidden_with_what_uses_it(
    studio: StudioUnderTest, production: Production
) -> None:
    picture = World(studio).medium()["id"]
    paths = [f"/media/assets/{picture}", f"/media/assets/{picture}/file"]
    assert studio.artist.get(paths[0]).status == 200
    said = say(studio.admin, "Like this?", on(task=production.task["id"]), attachments=[picture])
    assert [studio.artist.get(path).status for path in paths] == [404, 404]
    assert picture not in str(studio.artist.get("/activity?page_size=500").body)
    of_gear = World(studio).picture({**production.asset, "project": production.project["name"]})["id"]
    further = World(studio).medium()["id"]
    say(studio.admin, "Or this?", on(medium=of_gear), attachments=[further])
    say(studio.admin, "Not these.", on(medium=further), attachments=[further, picture])
    assert studio.artist.get(f"/media/assets/{further}").status == 404
    assert studio.artist.get("/comments/").data["items"] == []
    add_to_team(studio, production.project, id_of(studio.artist))
    assert studio.artist.get(paths[0]).status == 200 and said["id"] in str(studio.artist.get("/comments/").body)


def test_who_cancels_a_job_need_not_see_what_waits_for_it(studio: StudioUnderTest, production: Production) -> None:
    body = {"kind": "still", "publish_id": studio.publish(studio.production())["id"]}
    open_job = studio.artist.post("/jobs/", body).data
    add_to_team(studio, production.project, id_of(studio.artist))
    body = {"kind": "still", "publish_id": studio.publish(production)["id"], "depends_on": [open_job["id"]]}
    waiting = studio.artist.post("/jobs/", body).data
    remove_from_team(studio, production.project, id_of(studio.artist))
    assert studio.artist.post(f"/jobs/{open_job['id']}/cancel").status == 200
    assert studio.artist.get(f"/jobs/{waiting['id']}").status == 404
    assert studio.admin.get(f"/jobs/{waiting['id']}").data["state"] == "cancelled"


# -- who is told, and who is given work


def test_streams_and_activity_tell_of_nothing_hidden(
    studio: StudioUnderTest, production: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LOOK_SECONDS", 0.01)
    artist, manager = studio.artist, studio.api(Role.PROJECT_MANAGER)
    start = live.Position(0, 0)
    studio.admin.patch(f"/tasks/{production.task['id']}", {"status": "review"})
    for api, is_told in ((artist, False), (manager, True)):
        kinds = {each["kind"] for each in api.get("/activity?page_size=500").data["items"]}
        assert ("task.changed" in kinds) is is_told and "user.created" in kinds
        who = identity_of(studio, api)
        # Until nothing more is told at once.
        messages = b"".join(itertools.takewhile(bool, live.tenant_messages(studio.app, who, start)))
        assert (production.task["id"].encode() in messages) is is_told, messages


def test_who_is_in_no_team_is_told_of_nothing(app: Flask, studio: StudioUnderTest, production: Production) -> None:
    artist, task = id_of(studio.artist), f"/tasks/{production.task['id']}"
    choose(studio.artist, "activity", "immediate")
    add_to_team(studio, production.project, artist)
    studio.admin.patch(task, {"assignee_ids": [str(artist)]})
    before = told(app, studio.artist)
    assert [kind for kind, _ in before] == ["task.assigned"]
    remove_from_team(studio, production.project, artist)
    tell(app)
    activity = studio.artist.get("/notifications/?channel=activity").data["items"]
    studio.admin.patch(task, {"status": "review"})
    published = studio.admin.post("/publishes/", production.publish_body(studio.write(
        f"{production.project['name']}/assets/gear/usd/body/data/{unique()}.usd")))  # fmt: skip
    say(studio.admin, f"@{studio.email(Role.ARTIST)}: look.", on(task=production.task["id"]))
    assert published.status == 201 and told(app, studio.artist) == before
    assert studio.artist.get("/notifications/?channel=activity").data["items"] == activity


def test_of_tasks_that_are_moved_together_each_is_told_of_those_they_see(
    app: Flask, studio: StudioUnderTest, production: Production
) -> None:
    seen, artist = studio.production(), id_of(studio.artist)
    add_to_team(studio, production.project, artist)
    both = [{"id": each.task["id"]} for each in (production, seen)]
    studio.admin.post("/tasks/change", {"tasks": both, "changes": {"assignee_ids": [str(artist)]}})
    tell(app)
    assert titles(studio.artist)[0].startswith("2 tasks for you")
    remove_from_team(studio, production.project, artist)
    studio.admin.post("/tasks/change", {"tasks": both, "changes": {"status": "review"}})
    tell(app)
    assert titles(studio.artist)[0] == f"modelling of gear ({seen.project['name']}) is now For review"


def test_a_digest_leaves_out_what_was_hidden_since(app: Flask, studio: StudioUnderTest, production: Production) -> None:
    artist = id_of(studio.artist)
    choose(studio.artist, "notification", "daily")
    add_to_team(studio, production.project, artist)
    studio.admin.patch(f"/tasks/{production.task['id']}", {"assignee_ids": [str(artist)]})
    tell(app)
    remove_from_team(studio, production.project, artist)
    with app.app_context(), tenant_session(studio.tenant_id) as current:
        current.execute(update(HeldNotification).values(due_at=datetime.now(UTC)))
    tell(app)
    assert titles(studio.artist) == []


def test_work_is_given_to_those_only_who_see_it(studio: StudioUnderTest, production: Production) -> None:
    """One, many at once, new ones, and by a spreadsheet; who has a task keeps it."""
    artist, manager, task = (str(id_of(studio.artist)), str(id_of(studio.admin)), f"/tasks/{production.task['id']}")
    new = {"target_type": "asset", "target_id": production.asset["id"], "name": "look", "department": "look"}
    many = {"tasks": [{"id": production.task["id"]}], "changes": {"add_assignee_ids": [artist]}}
    sheet = f"asset,task,department,assignees\ngear,modelling,model,{studio.email(Role.ARTIST)}\n"
    refusals = [
        studio.admin.patch(task, {"assignee_ids": [artist]}),
        studio.admin.post("/tasks/change", many),
        studio.admin.post("/tasks/", {**new, "assignee_ids": [artist]}),
    ]
    for refused in refusals:
        assert refused.status == 422 and "assignee_ids" in refused.error["fields"]
        assert "artist is not in it" in refused.error["message"] and "People" in refused.error["hint"]
    assert "not in the team" in str(_follow(studio, production, sheet).body)
    assert studio.admin.patch(task, {"assignee_ids": [manager]}).status == 200
    add_to_team(studio, production.project, artist)
    assert studio.admin.patch(task, {"assignee_ids": [artist]}).status == 200
    remove_from_team(studio, production.project, artist)
    assert studio.admin.patch(task, {"assignee_ids": [artist, manager]}).status == 200
    assert _follow(studio, production, sheet).status == 200


def _follow(studio: StudioUnderTest, production: Production, sheet: str) -> Any:
    path = f"/projects/{production.project['id']}/sheet"
    return studio.admin.call("POST", path, data=sheet.encode(), headers={"Content-Type": "text/csv"})


# -- what it costs


def test_who_sees_everything_pays_nothing(studio: StudioUnderTest, production: Production) -> None:
    """No more statements, and of the conditions none is looked at; rows are expected as without them."""
    statement = "SELECT p.id FROM publishes p JOIN parts t ON t.id = p.part_id ORDER BY p.created_at DESC LIMIT 50"
    for role, pays in ((Role.PROJECT_MANAGER, False), (Role.ARTIST, True)):
        with seen_by(studio, role) as current:
            plan = current.scalars(text(f"EXPLAIN (ANALYZE, TIMING OFF) {statement}")).all()
            assert (current.scalar(text("SELECT app_outsider()")) is not None) is pays
        if not pays:
            assert not [line for line in plan if "ProjectSet" in line and "never executed" not in line], plan
    numbers = []
    for visible_to in ("everybody", "team"):
        show(studio, production.project, visible_to)
        studio.artist.get("/publishes/")
        with counting(studio.app) as statements:
            studio.artist.get("/publishes/")
            studio.artist.get("/tasks/")
        numbers.append(len(statements))
    assert numbers[0] == numbers[1]


def test_a_version_that_hides_nothing_is_not_gone_back_to_while_something_is_hidden(
    config: Config, studio: StudioUnderTest, production: Production
) -> None:
    with pytest.raises(ConflictError, match="team only"):
        schema.downgrade(config, "0026")
    assert schema.current_revision(config) == schema.head_revision()
    assert studio.artist.get(f"/projects/{production.project['id']}").status == 404


# -- on the pages


def test_a_manager_says_on_a_page_who_sees_a_project(studio: StudioUnderTest) -> None:
    production = studio.production()
    manager, path = studio.browser(Role.PROJECT_MANAGER), f"/projects/{production.project['id']}"
    revision = studio.admin.get(path).data["revision"]
    sent = {"visible_to": "team", "version": revision}
    assert studio.browser().post(f"{path}/people/visible-to", data=sent).status_code == 403
    assert manager.post(f"{path}/people/visible-to", data=sent).status_code == 303
    assert studio.artist.get(path).status == 404 and studio.browser().get(path).status_code == 404
    assert "team only" in manager.get("/projects").text and "team only" in manager.get(path).text
    assert manager.post(f"{path}/people/visible-to", data=sent).status_code == 412
    offered = manager.get(f"/tasks/{production.task['id']}").text
    assert str(id_of(studio.artist)) not in offered and str(id_of(studio.admin)) in offered
    manager.post(f"{path}/people/team", data={"user_ids": [str(id_of(studio.artist))]})
    assert str(id_of(studio.artist)) in manager.get(f"/tasks/{production.task['id']}").text
    assert studio.browser().get(path).status_code == 200


def test_an_administrator_says_on_a_page_who_sees_new_projects(studio: StudioUnderTest) -> None:
    admin = studio.browser(Role.TENANT_ADMIN)
    assert admin.post("/people/visible-to", data={"projects_visible_to": "team"}).status_code == 303
    assert studio.admin.post("/projects/", {"name": unique()}).data["visible_to"] == "team"
    assert 'value="team" checked' in admin.get("/people").text
