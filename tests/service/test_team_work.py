"""Projects that only their team sees, where work is under way: jobs that wait for others, uploads, runs, streams."""

from __future__ import annotations

import io
import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError

from service.accounts.permissions import Role
from service.activity import live
from service.database import seeing_all_projects
from tests.service.studio import Json, Production, StudioUnderTest
from tests.service.teams import add_to_team, id_of, identity_of, remove_from_team, seen_by, show
from tests.service.world import COPY, PNG, STEP

WITH_PUBLISH: Json = {
    "inputs": {"pictures": {"type": "pictures"}, "first": {"type": "publish"}, "second": {"type": "publish"}},
    "nodes": [{"name": "picture", "step": "still"}, {"name": "copy", "step": "deliver"}],
    "edges": [
        {"from": "inputs.first", "to": "picture.subject"},
        {"from": "inputs.pictures", "to": "copy.files"},
        {"from": "inputs.second", "to": "copy.publish"},
    ],
}


@pytest.fixture
def production(studio: StudioUnderTest) -> Production:
    """Of a project that only its team sees."""
    found = studio.production()
    show(studio, found.project, "team")
    return found


def published_in(studio: StudioUnderTest, production: Production) -> Json:
    """A publish of a project that is hidden from the artist."""
    add_to_team(studio, production.project, id_of(studio.artist))
    published = studio.publish(production)
    remove_from_team(studio, production.project, id_of(studio.artist))
    return published


def still_of(publish: Json, *depends_on: Json) -> Json:
    return {"kind": "still", "publish_id": publish["id"], "depends_on": [each["id"] for each in depends_on]}


# -- jobs of several projects


@pytest.mark.usefixtures("quiet_queue")
def test_who_skips_a_job_need_not_see_what_goes_on_then(studio: StudioUnderTest, production: Production) -> None:
    open_job = studio.artist.post("/jobs/", still_of(studio.publish(studio.production()))).data
    waiting = studio.admin.post("/jobs/", still_of(published_in(studio, production), open_job)).data
    assert waiting["state"] == "pending"
    assert studio.artist.post(f"/jobs/{open_job['id']}/skip").status == 200
    assert studio.artist.get(f"/jobs/{waiting['id']}").status == 404
    assert studio.admin.get(f"/jobs/{waiting['id']}").data["state"] == "queued"


@pytest.mark.usefixtures("quiet_queue")
def test_a_job_that_is_tried_again_waits_for_what_is_hidden_too(
    studio: StudioUnderTest, production: Production
) -> None:
    hidden_job = studio.admin.post("/jobs/", still_of(published_in(studio, production))).data
    mine = studio.admin.post("/jobs/", still_of(studio.publish(studio.production()), hidden_job)).data
    assert studio.artist.post(f"/jobs/{mine['id']}/cancel").status == 200
    assert studio.artist.post(f"/jobs/{mine['id']}/retry").data["state"] == "pending"


# -- what is named in a body


@pytest.mark.usefixtures("quiet_queue")
@pytest.mark.parametrize("before", ["", "./", ".//", "/", "x/../"])
def test_no_workflow_is_started_with_a_file_of_a_hidden_project(
    studio: StudioUnderTest, production: Production, before: str
) -> None:
    picture = studio.write(f"{production.project['name']}/assets/gear/front.png")
    refused = studio.artist.post("/workflows/runs", {"graph": COPY, "inputs": {"pictures": before + picture}})
    assert refused.status in (404, 422) and refused.error["code"] in ("not_found", "input.path")
    assert studio.artist.get("/workflows/runs").data["items"] == []
    if not before:
        assert studio.admin.post("/workflows/runs", {"graph": COPY, "inputs": {"pictures": picture}}).status == 201


@pytest.mark.usefixtures("quiet_queue")
def test_no_workflow_is_started_with_a_hidden_publish_however_it_is_written(
    studio: StudioUnderTest, production: Production
) -> None:
    seen, hidden = studio.publish(studio.production()), published_in(studio, production)["id"]
    inputs = {"pictures": studio.write("gear.png"), "first": seen["id"]}
    for written in (hidden, hidden.upper(), hidden.replace("-", ""), f"{{{hidden}}}"):
        body = {"graph": WITH_PUBLISH, "inputs": {**inputs, "second": written}}
        assert studio.artist.post("/workflows/runs", body).error["code"] == "not_found"
    run = studio.admin.post("/workflows/runs", {"graph": WITH_PUBLISH, "inputs": {**inputs, "second": hidden.upper()}})
    assert run.data["inputs"]["second"] == hidden
    assert studio.artist.get(f"/workflows/runs/{run.data['id']}").status == 404


def test_nothing_is_lit_with_a_panorama_of_a_hidden_project(studio: StudioUnderTest, production: Production) -> None:
    panorama = studio.write(f"{production.project['name']}/assets/gear/sky.hdr")
    body = {**still_of(studio.publish(studio.production())), "hdri": f"./{panorama}"}
    assert studio.artist.post("/jobs/", body).error["code"] == "not_found"
    assert studio.admin.post("/jobs/", body).data["request"]["hdri"] == panorama


# -- who is taken off the team meanwhile


class Arriving(io.BytesIO):
    """A body; once it begins to arrive, something happens in another request."""

    def __init__(self, content: bytes, happens: Callable[[], None]) -> None:
        super().__init__(content)
        self._happens: Callable[[], None] | None = happens

    def read(self, size: int | None = -1, /) -> bytes:
        if self._happens is not None:
            thread = threading.Thread(target=self._happens)
            self._happens = None
            thread.start()
            thread.join()
        return super().read(size)

    def readinto(self, buffer: Any, /) -> int:
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


@pytest.mark.parametrize(
    ("path", "filename", "content"), [("cad/", "a.step", STEP), ("media/assets", "a.png", PNG)], ids=["cad", "picture"]
)
def test_who_is_removed_while_a_file_comes_is_told_and_nothing_stays(
    studio: StudioUnderTest, production: Production, path: str, filename: str, content: bytes
) -> None:
    artist, project = id_of(studio.artist), production.project
    add_to_team(studio, project, artist)
    answer = studio.app.test_client().post(
        f"/api/{path}",
        query_string={"project": project["name"], "asset": "gear", "filename": filename},
        input_stream=Arriving(content, lambda: remove_from_team(studio, project, artist)),
        content_length=len(content),
        headers={"Authorization": f"Bearer {studio.artist.token}", "Content-Type": "application/octet-stream"},
    )
    assert answer.status_code == 404 and "There is no asset gear" in answer.text
    assert studio.admin.get(f"/{path}?project={project['name']}").data["total"] == 0


def test_a_reservation_of_who_was_removed_is_not_committed_and_waits(
    studio: StudioUnderTest, production: Production
) -> None:
    artist = id_of(studio.artist)
    add_to_team(studio, production.project, artist)
    reserved = studio.artist.post("/publishes/reserve", production.reserve_body()).data
    item = studio.write(reserved["item_usd_path"])
    body = production.publish_body(item, reservation_id=reserved["reservation_id"])
    remove_from_team(studio, production.project, artist)
    assert studio.artist.post("/publishes/", body).error["code"] == "not_found"
    assert not list(studio.root.glob(f"{production.project['name']}/assets/gear/usd/*.usda"))
    add_to_team(studio, production.project, artist)
    assert studio.artist.post("/publishes/", body).status == 201


def test_a_stream_ends_when_its_reader_has_another_role(
    studio: StudioUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a client they would see less than what it goes on to tell."""
    monkeypatch.setattr(live, "_CHECK_SECONDS", 0.0)
    monkeypatch.setattr(live.streams, "LOOK_SECONDS", 0.01)
    artist = id_of(studio.artist)
    messages = live.tenant_messages(studio.app, identity_of(studio, studio.artist), None)
    assert next(messages) is not None
    assert studio.admin.patch(f"/artists/{artist}", {"role": Role.CLIENT.value}).status == 200
    assert len(list(itertools.islice(messages, 20))) < 20  # it would go on for ever


# -- sessions that see more for a while


def test_an_error_of_a_session_that_sees_more_is_the_one_that_is_told(
    studio: StudioUnderTest, production: Production
) -> None:
    with pytest.raises(DataError), seen_by(studio, Role.ARTIST) as current, seeing_all_projects(current):
        current.execute(text("SELECT 1 / 0"))


def test_who_sees_more_for_a_while_does_so_in_transactions_that_begin_meanwhile(
    studio: StudioUnderTest, production: Production
) -> None:
    outsider = text("SELECT app_outsider()")
    with seen_by(studio, Role.ARTIST) as current:
        with seeing_all_projects(current):
            assert current.scalar(outsider) is None
            current.commit()
            assert current.scalar(outsider) is None
            current.commit()
        assert current.scalar(outsider) == id_of(studio.artist)
