"""Comments on pictures and films: about which, at which moment, and what was drawn over it."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError

from service.database import tenant_session
from service.models import Comment, MediaAsset
from service.tasks import notifier
from tests.service.exhibits import add_rows
from tests.service.studio import Api, Json, Production, StudioUnderTest
from tests.service.test_comments import client, id_of, on, production, say, texts
from tests.service.test_playlists import made, rendered
from tests.service.world import World

__all__ = ["client", "production"]  # fixtures
pytestmark = pytest.mark.usefixtures("few_tenants", "quiet_queue")
STROKE = {"color": "#ff4d4d", "points": [[0.25, 0.5], [0.75, 1.0]]}


def film(studio: StudioUnderTest, publish: Json, frame_rate: str | None = None) -> str:
    medium = MediaAsset(
        id=uuid4(), asset_type="turntable", name="turn.mp4", path="turn.mp4", mime_type="video/mp4", size=1,
        sha256="0" * 64, publish_id=UUID(publish["id"]), frame_rate=frame_rate, film_read_at=datetime.now(UTC),
    )  # fmt: skip
    add_rows(studio, medium)
    return str(medium.id)


def test_a_comment_says_what_was_looked_at_and_what_was_drawn(studio: StudioUnderTest, production: Production) -> None:
    publish = studio.publish(production)
    picture, turning, other = rendered(studio, publish), film(studio, publish, "24"), film(studio, publish)
    drawn = say(studio.artist, "", on(publish=publish["id"]), media_id=picture, drawing=[STROKE])
    assert (drawn["target_type"], drawn["media_id"], drawn["drawing"]) == ("publish", picture, [STROKE])
    assert (drawn["medium"]["url"], drawn["seconds"], drawn["frame"]) == (
        f"/api/media/assets/{picture}/file", None, None,
    )  # fmt: skip
    moment = say(studio.artist, "Here.", on(publish=publish["id"]), media_id=turning, seconds=0.5)
    assert (moment["seconds"], moment["frame"]) == (0.5, 13), "frames count from 1"
    assert say(studio.artist, "Here.", on(publish=publish["id"]), media_id=other, seconds=0.5)["frame"] is None
    on_task = say(studio.artist, "Again.", on(task=production.task["id"]), media_id=picture, status="retake")
    assert (on_task["target_type"], on_task["media_id"]) == ("task", picture)
    assert texts(studio.artist, media_id=picture) == ["Again.", ""]
    refused = studio.artist.patch(f"/comments/{moment['id']}", {"text": ""})
    assert refused.status == 422 and studio.artist.patch(f"/comments/{drawn['id']}", {"text": "x"}).status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"drawing": [STROKE]},
        {"seconds": 1.0},
        {"seconds": -1},
        {"media": True, "drawing": [{**STROKE, "color": "red"}]},
        {"media": True, "drawing": [{**STROKE, "points": []}]},
        {"media": True, "drawing": [{**STROKE, "points": [[0.5, 1.5]]}]},
        {"media": True, "drawing": [{**STROKE, "points": [[0.5]]}]},
        {"media": True, "drawing": [{**STROKE, "points": [[0.5, 0.5]] * 6000}] * 2},
        {"media": True, "drawing": '"><script>'},
    ],
)
def test_what_is_no_drawing_is_refused(studio: StudioUnderTest, production: Production, wrong: Json) -> None:
    publish = studio.publish(production)
    given = dict(wrong)
    if given.pop("media", False):
        given["media_id"] = rendered(studio, publish)
    refused = studio.artist.post("/comments/", {**on(publish=publish["id"]), "text": "x", **given})
    assert refused.status == 422 and texts(studio.artist) == []


def test_what_was_looked_at_is_of_the_same_project_and_seconds_are_of_films(
    studio: StudioUnderTest, production: Production
) -> None:
    elsewhere = studio.production()
    publish, theirs = studio.publish(production), studio.publish(elsewhere)
    about = (on(publish=publish["id"]), on(task=production.task["id"]))
    of_asset = World(studio).picture({**elsewhere.asset, "project": elsewhere.project["name"]})["id"]
    for target in about:
        for picture in (rendered(studio, theirs), film(studio, theirs), of_asset):
            refused = studio.artist.post("/comments/", {**target, "text": "x", "media_id": picture})
            assert refused.status == 422 and elsewhere.project["name"] in refused.error["fields"]["media_id"]
            assert production.project["name"] in refused.error["message"]
        still = {**target, "text": "x", "media_id": rendered(studio, publish), "seconds": 0}
        assert studio.artist.post("/comments/", still).error["fields"] == {"seconds": "is of films only"}
    uploaded = World(studio).medium()["id"]
    own = {**on(medium=uploaded), "text": "x", "seconds": 1.5}
    assert studio.artist.post("/comments/", own).error["fields"] == {"seconds": "is of films only"}
    assert texts(studio.artist) == []
    for target in about:
        say(studio.artist, "Of no project.", target, media_id=uploaded)


def test_what_is_of_no_publish_is_commented_itself(
    app: Flask, studio: StudioUnderTest, other_studio: StudioUnderTest, production: Production
) -> None:
    uploaded, publish = World(studio).medium()["id"], studio.publish(production)
    said = say(studio.artist, "Which one?", on(medium=uploaded), drawing=[STROKE])
    assert (said["target_type"], said["target_id"], said["media_id"]) == ("medium", uploaded, uploaded)
    published = rendered(studio, publish)
    refused = studio.artist.post("/comments/", {**on(medium=published), "text": "x"})
    assert refused.status == 422 and publish["id"] in refused.error["fields"]["target_id"]
    other = {**on(medium=uploaded), "text": "x", "media_id": published}
    assert studio.artist.post("/comments/", other).status == 422
    theirs = World(other_studio).medium()["id"]
    assert studio.artist.post("/comments/", {**on(medium=theirs), "text": "x"}).status == 404
    unseen = {**on(publish=publish["id"]), "text": "x", "media_id": theirs}
    assert studio.artist.post("/comments/", unseen).status == 404
    with app.app_context(), pytest.raises(IntegrityError), tenant_session(studio.tenant_id) as current:
        current.add(Comment(author_id=UUID(id_of(studio.artist)), text="about nothing"))


def test_who_had_a_picture_made_is_told(app: Flask, studio: StudioUnderTest, production: Production) -> None:
    job = studio.artist.post("/jobs/", {"kind": "still", "publish_id": studio.publish(production)["id"]}).data
    picture = MediaAsset(
        id=uuid4(), asset_type="still", name="still.png", path="still.png", mime_type="image/png", size=1,
        sha256="0" * 64, job_id=UUID(job["id"]), asset_id=UUID(production.asset["id"]),
    )  # fmt: skip
    add_rows(studio, picture)
    comment = say(studio.admin, "Lovely.", on(medium=str(picture.id)))
    with app.app_context():
        notifier.tell(app)
    [told] = studio.artist.get("/notifications/", query_string={"channel": "notification"}).data["items"]
    assert told["title"] == f"tenant_admin commented on still.png of gear ({production.project['name']})"
    assert told["link"] == f"/pictures/{picture.id}#comment-{comment['id']}"


def test_clients_draw_on_what_they_see(
    app: Flask, studio: StudioUnderTest, production: Production, client: Api
) -> None:
    publish, uploaded = studio.publish(production), World(studio).medium()["id"]
    picture, hidden = rendered(studio, publish), rendered(studio, publish)
    about = on(publish=publish["id"])
    assert client.post("/comments/", {**about, "text": "x", "media_id": picture, "drawing": [STROKE]}).status == 404
    made(studio.admin, production, picture, uploaded, for_client=True)
    say(studio.admin, "Internal.", on(medium=uploaded))
    say(studio.admin, "Look.", about, media_id=hidden, drawing=[STROKE], for_client=True)
    drawn = say(client, "Rounder.", about, media_id=picture, drawing=[STROKE])
    assert drawn["for_client"] and drawn["medium"]["id"] == picture
    answer = say(client, "This one.", on(medium=uploaded), drawing=[STROKE])
    assert answer["for_client"]
    say(studio.admin, "@client: thanks.", on(medium=uploaded), for_client=True)
    assert texts(client) == ["@client: thanks.", "This one.", "Rounder.", "Look."]
    unseen = client.get("/comments/", query_string={"q": "Look"}).data["items"][0]
    assert unseen["medium"] is None, "a comment does not show a picture that is not for them"
    # With the project, its playlists are put away, and what is said about their pictures.
    studio.admin.post(f"/projects/{production.project['id']}/archive")
    with app.app_context():
        notifier.tell(app)
    assert client.get("/notifications/").data["items"] == []
    studio.admin.post(f"/projects/{production.project['id']}/restore")
    say(studio.admin, "@client: thanks again.", on(medium=uploaded), for_client=True)
    with app.app_context():
        notifier.tell(app)
    kinds = [item["kind"] for item in client.get("/notifications/").data["items"]]
    assert kinds.count("comment.mention") == 1
