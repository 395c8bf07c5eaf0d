"""Links to playlists for guests: who makes them, what they open, what they do not, and what is said by them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from service.accounts.permissions import Role
from service.database import db, tenant_session
from service.models import (
    Asset,
    Comment,
    GuestLink,
    MediaAsset,
    Part,
    Playlist,
    PlaylistFilm,
    PlaylistItem,
    Project,
    Publish,
    Shot,
    Tenant,
)
from service.queue import queueing
from service.review import guest_links
from tests.service.page import Page
from tests.service.studio import Api, Json, Production, StudioUnderTest
from tests.service.test_comments import on, say, told
from tests.service.test_playlists import made, rendered
from tests.service.world import PNG, World, upload

pytestmark = pytest.mark.usefixtures("few_tenants", "quiet_queue")
CLOSED = "This link does not open anything any more"


@pytest.fixture
def production(studio: StudioUnderTest) -> Production:
    return studio.production()


@pytest.fixture
def publish(studio: StudioUnderTest, production: Production) -> Json:
    return studio.publish(production)


@pytest.fixture
def playlist(studio: StudioUnderTest, production: Production, publish: Json) -> Json:
    """Two renders, for clients."""
    media = (rendered(studio, publish, thumbnail=True) for _ in range(2))
    return made(studio.admin, production, *media, for_client=True)


@pytest.fixture
def manager(studio: StudioUnderTest) -> Api:
    return studio.api(Role.PROJECT_MANAGER)


def link_to(manager: Api, playlist: Json, **more: object) -> Json:
    answer = manager.post(f"/playlists/{playlist['id']}/links", {"label": "Agency", **more})
    assert answer.status == 201, answer.body
    link: Json = answer.data
    return link


def path_of(link: Json) -> str:
    return "/guest/" + str(link["url"]).rpartition("/")[2]


def opened(app: Flask, link: Json, more: str = "") -> TestResponse:
    """What somebody gets who opens a link in a browser of their own."""
    return app.test_client().get(path_of(link) + more)


def is_closed(answer: TestResponse) -> bool:
    return answer.status_code == 404 and CLOSED in answer.text


@contextmanager
def as_guest(studio: StudioUnderTest, link: Json) -> Iterator[Session]:
    """A session to which PostgreSQL shows what it shows a guest."""
    link_id = UUID(link["id"])
    with studio.app.app_context(), Session(db.engine) as current:
        current.info.update(tenant_id=studio.tenant_id, client_id=link_id, guest_link_id=link_id)
        yield current


# -- made and listed


def test_a_manager_makes_a_link_that_is_shown_once(studio: StudioUnderTest, manager: Api, playlist: Json) -> None:
    link = link_to(manager, playlist, label="Agency", may_comment=True, password="open sesame")
    assert (link["state"], link["may_comment"], link["has_password"]) == ("open", True, True)
    assert (link["created_by"], link["times_opened"], link["last_used_at"]) == ("project_manager", 0, None)
    days = datetime.fromisoformat(link["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=13.9) < days < timedelta(days=14)
    [listed] = manager.get(f"/playlists/{playlist['id']}/links").data["items"]
    assert "url" not in listed and listed == {name: value for name, value in link.items() if name != "url"}
    secret = path_of(link).removeprefix("/guest/")
    with studio.app.app_context(), tenant_session(studio.tenant_id) as current:
        row = current.scalars(select(GuestLink)).one()
        assert secret not in str(vars(row)) and "open sesame" not in str(vars(row))
        digest = row.digest
    [record] = studio.admin.get(f"/audit/?row_id={link['id']}").data["items"]
    assert (record["action"], record["after"]["label"], record["after"]["password"]) == ("create", "Agency", "(hidden)")
    assert secret not in str(record) and digest not in str(record)


def test_only_who_shares_playlists_sees_and_makes_links(studio: StudioUnderTest, playlist: Json) -> None:
    path = f"/playlists/{playlist['id']}/links"
    for role in (Role.CLIENT, Role.ARTIST):
        assert studio.api(role).post(path, {"label": "x"}).status == 403
        assert studio.api(role).get(path).status == 403
    assert "Share with guests" not in studio.browser().get(f"/playlists/{playlist['id']}").text
    assert "Share with guests" in studio.browser(Role.PROJECT_MANAGER).get(f"/playlists/{playlist['id']}").text


@pytest.mark.parametrize("days", [-1, 0, 181])
def test_a_link_ends_within_half_a_year(manager: Api, playlist: Json, days: int) -> None:
    ends = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    refused = manager.post(f"/playlists/{playlist['id']}/links", {"label": "x", "expires_at": ends})
    assert (refused.status, list(refused.error["fields"])) == (422, ["expires_at"])


def test_a_link_says_for_whom_it_is(manager: Api, playlist: Json) -> None:
    for label in ("", "  ", "x" * 201):
        refused = manager.post(f"/playlists/{playlist['id']}/links", {"label": label})
        assert (refused.status, list(refused.error["fields"])) == (422, ["label"])


def test_what_clients_do_not_see_cannot_be_shown_to_guests(
    studio: StudioUnderTest, manager: Api, production: Production
) -> None:
    playlist = made(studio.admin, production)
    refused = manager.post(f"/playlists/{playlist['id']}/links", {"label": "x"})
    assert (refused.status, refused.error["code"]) == (409, "conflict.not_shared")


def test_a_link_of_another_playlist_is_not_revoked(manager: Api, studio: StudioUnderTest, playlist: Json) -> None:
    other = World(studio).guest_link()
    assert manager.delete(f"/playlists/{playlist['id']}/links/{other['id']}").status == 404
    assert manager.delete(f"/playlists/{other['playlist_id']}/links/{other['id']}").status == 200
    assert is_closed(opened(studio.app, other))


# -- what a link opens


def test_a_guest_sees_the_items_in_their_order_and_their_files(
    studio: StudioUnderTest, manager: Api, playlist: Json
) -> None:
    link = link_to(manager, playlist)
    answer, media = opened(studio.app, link), [item["media_id"] for item in playlist["items"]]
    page = Page(answer)
    # On to the next one, and then the strip of all.
    steps = [each for each in page.links if "?media=" in each]
    assert steps == [f"{path_of(link)}?media={each}" for each in (media[1], *media)]
    files = [each for each in page.links if "/media/" in each]
    # The picture that is looked at, and the small ones of both.
    assert files[0] == f"{path_of(link)}/media/{media[0]}/file" and len(set(files)) == 3
    for each in files:
        served = studio.app.test_client().get(each)
        assert (served.status_code, served.data) == (200, b"picture"), each
        assert served.headers["Cache-Control"] == "private, no-store"
    # Nothing leads into the studio, and nobody is given a session.
    assert [each for each in page.links if not each.startswith(("/guest/", "/pages/static/", "#"))] == []
    assert "Comment" not in page.text and "raceway_session" not in str(answer.headers)


def test_what_a_link_answers_is_kept_and_found_by_nobody(studio: StudioUnderTest, manager: Api, playlist: Json) -> None:
    link = link_to(manager, playlist)
    media = f"/media/{playlist['items'][0]['media_id']}/file"
    for answer in (opened(studio.app, link), opened(studio.app, link, media), studio.app.test_client().get("/guest/x")):
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert answer.headers["Referrer-Policy"] == "same-origin"


def test_how_often_it_was_opened_is_known(studio: StudioUnderTest, manager: Api, playlist: Json) -> None:
    link, path = link_to(manager, playlist), f"/playlists/{playlist['id']}/links"
    for more in ("", f"?media={playlist['items'][1]['media_id']}", ""):
        assert opened(studio.app, link, more).status_code == 200
    [listed] = manager.get(path).data["items"]
    assert (listed["times_opened"], listed["updated_at"]) == (2, link["updated_at"]) and listed["last_used_at"]
    assert len(studio.admin.get(f"/audit/?row_id={link['id']}").data["items"]) == 1


def test_what_clients_do_not_see_of_the_playlist_guests_do_not_see_either(
    studio: StudioUnderTest, manager: Api, playlist: Json
) -> None:
    link, taken_back = link_to(manager, playlist), playlist["items"][0]["media_id"]
    assert studio.admin.post(f"/media/assets/{taken_back}/archive").status == 200
    assert taken_back not in opened(studio.app, link).text
    assert is_closed(opened(studio.app, link, f"/media/{taken_back}/file"))


def test_nothing_but_its_playlist_is_served(
    studio: StudioUnderTest, manager: Api, production: Production, publish: Json, playlist: Json
) -> None:
    link = link_to(manager, playlist)
    shared = made(studio.admin, production, rendered(studio, publish), for_client=True)
    loose, marked = rendered(studio, publish), studio.publish(production, "marked")
    studio.admin.patch(f"/publishes/{marked['id']}", {"for_client": True})
    for media_id in (shared["items"][0]["media_id"], loose, rendered(studio, marked), str(uuid4())):
        assert is_closed(opened(studio.app, link, f"/media/{media_id}/file")), media_id
    secret = path_of(link).removeprefix("/guest/")
    assert Api(studio.app, secret).get(f"/playlists/{playlist['id']}").status == 401
    guest = studio.app.test_client()
    guest.get(path_of(link))
    assert guest.get(f"/api/playlists/{playlist['id']}").status_code == 401
    assert guest.get(f"/playlists/{playlist['id']}").status_code == 401


def test_postgresql_shows_a_guest_no_row_of_anything_else(
    studio: StudioUnderTest, manager: Api, production: Production, publish: Json, playlist: Json
) -> None:
    """Whatever else clients of the project see: another playlist, a publish that was shared, a comment for them."""
    world, admin = World(studio), studio.admin
    admin.patch(f"/projects/{production.project['id']}", {"clients_see": "all"})
    link = link_to(manager, playlist)
    other = made(admin, production, rendered(studio, publish), world.picture(production.asset)["id"], for_client=True)
    admin.post(f"/playlists/{other['id']}/films")
    admin.post("/assets/", {"project_id": production.project["id"], "name": "unseen"})
    admin.patch(f"/publishes/{studio.publish(production, 'marked')['id']}", {"for_client": True})
    say(admin, "For clients.", on(publish=publish["id"]), for_client=True)
    world.order_with_medium(), world.comment(), world.shot()
    media = {item["media_id"] for item in playlist["items"]}
    with as_guest(studio, link) as current:
        shown = set(map(str, current.scalars(select(MediaAsset.id).where(MediaAsset.asset_type == "still"))))
        small = current.scalars(select(MediaAsset).where(MediaAsset.asset_type != "still")).unique().all()
        assert shown == media and [each.asset_type for each in small] == ["thumbnail"] * 2
        expected = {Playlist: playlist["id"], Publish: publish["id"], Asset: production.asset["id"],
                    Project: production.project["id"], GuestLink: link["id"]}  # fmt: skip
        for model, row_id in expected.items():
            assert [str(each) for each in current.scalars(select(model.id))] == [row_id], model
        assert [str(each) for each in current.scalars(select(PlaylistItem.media_id).order_by("position"))] == [
            item["media_id"] for item in playlist["items"]
        ]
        assert current.scalars(select(Part.name)).all() == ["body"]
        for model in (Comment, Shot, PlaylistFilm):
            assert current.scalars(select(model.id)).all() == [], model
        for table in ("orders", "order_items", "order_media", "project_clients", "webhooks", "time_entries"):
            assert current.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table


def test_a_shots_pictures_are_shown_too(studio: StudioUnderTest, manager: Api) -> None:
    world = World(studio)
    shot = world.shot()
    sequence = studio.admin.get(f"/sequences/{shot['sequence_id']}").data
    where = {"filename": "view.png", "target_type": "shot", "target_id": shot["id"]}
    picture = world.admin.call("POST", "/media/assets", **upload(PNG, **where)).data
    body = {"project_id": sequence["project_id"], "name": "Shots", "media_ids": [picture["id"]], "for_client": True}
    link = link_to(manager, studio.admin.post("/playlists/", body).data)
    assert shot["name"] in opened(studio.app, link).text


# -- what does not open anything any more


def test_every_link_that_opens_nothing_is_answered_alike(
    studio: StudioUnderTest, manager: Api, production: Production, playlist: Json
) -> None:
    app, admin, link = studio.app, studio.admin, link_to(manager, playlist)
    unknown = app.test_client().get(f"/guest/{'x' * 43}")
    media = f"/media/{playlist['items'][0]['media_id']}/file"
    playlist_path, project_path = f"/playlists/{playlist['id']}", f"/projects/{production.project['id']}"

    def expire(model: type[GuestLink | Tenant], **values: object) -> None:
        with app.app_context(), tenant_session(studio.tenant_id) as current:
            current.execute(update(model).values(**values))

    ways = {
        "not for clients": (lambda: admin.patch(playlist_path, {"for_client": False}),
                            lambda: admin.patch(playlist_path, {"for_client": True})),
        "playlist": (lambda: admin.post(f"{playlist_path}/archive"), lambda: admin.post(f"{playlist_path}/restore")),
        "project": (lambda: admin.post(f"{project_path}/archive"), lambda: admin.post(f"{project_path}/restore")),
        "tenant": (lambda: expire(Tenant, archived_at=datetime.now(UTC)), lambda: expire(Tenant, archived_at=None)),
        "expired": (lambda: expire(GuestLink, expires_at=datetime.now(UTC)),
                    lambda: expire(GuestLink, expires_at=datetime.now(UTC) + timedelta(days=1))),
        "revoked": (lambda: manager.delete(f"{playlist_path}/links/{link['id']}"), lambda: None),
    }  # fmt: skip
    for why, (close, open_again) in ways.items():
        assert opened(app, link).status_code == 200, why
        close()
        for answer in (opened(app, link), opened(app, link, media), opened(app, link, f"?media={uuid4()}")):
            assert answer.text == unknown.text and answer.status_code == 404, why
        sent = app.test_client().post(f"{path_of(link)}/comments", data={"name": "Mia", "text": "?"})
        assert sent.text == unknown.text and sent.status_code == 404, why
        open_again()
    assert [each["state"] for each in manager.get(f"{playlist_path}/links").data["items"]] == ["revoked"]


def test_a_link_is_in_no_log(
    studio: StudioUnderTest, manager: Api, playlist: Json, caplog: pytest.LogCaptureFixture
) -> None:
    link = link_to(manager, playlist)
    secret = path_of(link).removeprefix("/guest/")
    with caplog.at_level(logging.INFO):
        for path in ("", "/nothing/here", f"/media/{uuid4()}/file"):
            opened(studio.app, link, path)
        studio.app.test_client().put(path_of(link))
    logged = [f"{record.getMessage()} {vars(record)}" for record in caplog.records if record.name == "raceway.access"]
    assert len(logged) == 4 and "/guest/-/nothing/here" in str(logged)
    assert secret not in caplog.text and not [each for each in logged if secret in each]


# -- the password


def test_a_password_is_asked_for_once(studio: StudioUnderTest, manager: Api, playlist: Json) -> None:
    link = link_to(manager, playlist, password="open sesame", may_comment=True)
    guest, media = studio.app.test_client(), f"/media/{playlist['items'][0]['media_id']}/file"
    asked = guest.get(path_of(link))
    assert asked.status_code == 401 and "This link has a password" in asked.text and playlist["name"] not in asked.text
    assert is_closed(guest.get(path_of(link) + media))
    assert is_closed(guest.post(f"{path_of(link)}/comments", data={"name": "Mia", "text": "?"}))
    wrong = guest.post(f"{path_of(link)}/password", data={"password": "guess"})
    assert wrong.status_code == 401 and "not the password" in wrong.text
    right = guest.post(f"{path_of(link)}/password", data={"password": "open sesame"})
    assert (right.status_code, right.location) == (303, path_of(link))
    assert playlist["name"] in guest.get(path_of(link)).text and guest.get(path_of(link) + media).status_code == 200
    # It opens that link, in that browser.
    other = link_to(manager, playlist, password="open sesame")
    assert guest.get(path_of(other)).status_code == 401 and opened(studio.app, link).status_code == 401
    cookie = guest.get_cookie("raceway_guest", path=path_of(link))
    assert cookie is not None
    thief = studio.app.test_client()
    thief.set_cookie("raceway_guest", cookie.value, path=path_of(other))
    assert thief.get(path_of(other)).status_code == 401


def test_a_password_is_not_guessed(studio: StudioUnderTest, manager: Api, playlist: Json) -> None:
    link = link_to(manager, playlist, password="open sesame")
    guest = studio.app.test_client()
    tries = [guest.post(f"{path_of(link)}/password", data={"password": str(guess)}).status_code for guess in range(11)]
    assert tries == [401] * 10 + [429]
    right = guest.post(f"{path_of(link)}/password", data={"password": "open sesame"})
    assert right.status_code == 429 and "Wait" in right.text and guest.get(path_of(link)).status_code == 401


# -- what guests say


def comment_by(guest: FlaskClient, link: Json, playlist: Json, **more: object) -> TestResponse:
    body = {"media_id": playlist["items"][0]["media_id"], "name": "Mia Lund", "text": "Brighter, please.", **more}
    return guest.post(f"{path_of(link)}/comments", data=body)


def test_what_a_guest_says_reaches_studio_and_clients(
    app: Flask, studio: StudioUnderTest, manager: Api, production: Production, publish: Json, playlist: Json
) -> None:
    client = studio.let_client_in(production.project["id"], clients_see="shared")
    link, guest = link_to(manager, playlist, may_comment=True), app.test_client()
    drawing = '[{"color": "#ff4d4d", "points": [[0.1, 0.2], [0.3, 0.4]]}]'
    sent = comment_by(guest, link, playlist, drawing=drawing)
    media_id = playlist["items"][0]["media_id"]
    assert sent.status_code == 303 and sent.location.startswith(f"{path_of(link)}?media={media_id}#comment-")
    [said] = studio.artist.get("/comments/").data["items"]
    assert (said["author"], said["author_id"], said["by_guest"], said["guest_link"]) == (
        "Mia Lund", None, True, "Agency",
    )  # fmt: skip
    assert (said["target_id"], said["media_id"], said["for_client"]) == (publish["id"], media_id, True)
    assert said["drawing"] and said["mentions"] == []
    [seen] = client.get("/comments/").data["items"]
    assert (seen["text"], seen["by_guest"], seen["guest_link"]) == ("Brighter, please.", True, None)
    review = Page(studio.browser().get(f"/playlists/{playlist['id']}")).text
    assert "Mia Lund guest, Agency" in review and "Brighter, please." in review
    assert told(app, studio.artist)[0] == (
        "comment.created", f"Mia Lund, a guest, commented on body v001_i001 of gear ({production.project['name']})",
    )  # fmt: skip
    # The guest's name is kept, and what they said is shown to who comes by the same link.
    shown = guest.get(path_of(link)).text
    assert 'value="Mia Lund"' in shown and "Brighter, please." in shown
    comment_by(guest, link, playlist, name="Zoë Åberg")
    assert 'value="Zoë Åberg"' in guest.get(path_of(link)).text
    assert "Brighter, please." not in opened(app, link_to(manager, playlist, may_comment=True)).text


def test_guests_read_only_what_came_by_their_link(
    app: Flask, studio: StudioUnderTest, manager: Api, publish: Json, playlist: Json
) -> None:
    link = link_to(manager, playlist, may_comment=True)
    about = {**on(publish=publish["id"]), "media_id": playlist["items"][0]["media_id"]}
    say(studio.admin, "For our client.", about, for_client=True)
    say(studio.admin, "For us.", about)
    comment_by(app.test_client(), link, playlist)
    page = opened(app, link).text
    assert "Brighter, please." in page and "For our client." not in page and "For us." not in page


def test_a_guest_says_something_of_what_has_no_publish(app: Flask, studio: StudioUnderTest, manager: Api) -> None:
    world = World(studio)
    link = world.guest_link()
    playlist = world.admin.get(f"/playlists/{link['playlist_id']}").data
    assert comment_by(app.test_client(), link, playlist).status_code == 303
    [said] = studio.artist.get("/comments/").data["items"]
    assert (said["target_type"], said["target_id"]) == ("medium", playlist["items"][0]["media_id"])


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"name": " "}, "Name"),
        ({"name": "x" * 61}, "Name"),
        ({"text": ""}, "say something"),
        ({"text": "x" * 4001}, "Text"),
        ({"seconds": "1"}, "no film"),
        ({"drawing": "{"}, "Drawing"),
    ],
)
def test_a_comment_that_cannot_be_says_why(
    app: Flask, studio: StudioUnderTest, manager: Api, playlist: Json, given: Json, fault: str
) -> None:
    link, guest = link_to(manager, playlist, may_comment=True), app.test_client()
    refused = comment_by(guest, link, playlist, **given)
    assert refused.status_code == 303 and fault in Page(guest.get(refused.location)).text
    assert studio.artist.get("/comments/").data["items"] == []


def test_nobody_comments_by_a_link_that_is_for_looking_or_on_what_it_does_not_show(
    app: Flask, studio: StudioUnderTest, manager: Api, publish: Json, playlist: Json
) -> None:
    looking, talking = link_to(manager, playlist), link_to(manager, playlist, may_comment=True)
    assert is_closed(comment_by(app.test_client(), looking, playlist))
    assert is_closed(comment_by(app.test_client(), talking, playlist, media_id=rendered(studio, publish)))
    other_site = {"Sec-Fetch-Site": "cross-site"}
    sent = app.test_client().post(f"{path_of(talking)}/comments", data={"name": "x"}, headers=other_site)
    assert sent.status_code == 403
    assert studio.artist.get("/comments/").data["items"] == []


def test_a_guest_mentions_nobody(app: Flask, studio: StudioUnderTest, manager: Api, playlist: Json) -> None:
    link = link_to(manager, playlist, may_comment=True)
    comment_by(app.test_client(), link, playlist, text=f"@{studio.email(Role.TENANT_ADMIN)} see here")
    assert studio.artist.get("/comments/").data["items"][0]["mentions"] == []
    assert [kind for kind, _ in told(app, studio.admin)] == []


def test_too_much_cannot_be_said_at_once(
    app: Flask, manager: Api, playlist: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guest_links, "_MOST_COMMENTS", 2)
    link, guest = link_to(manager, playlist, may_comment=True), app.test_client()
    for _ in range(2):
        assert "#comment-" in comment_by(guest, link, playlist).location
    refused = comment_by(guest, link, playlist)
    assert "#comment-" not in refused.location and "too many" in guest.get(refused.location).text
    queueing.bell(app).redis.flushdb()
    assert "#comment-" in comment_by(guest, link, playlist).location


def test_a_manager_corrects_and_puts_away_what_a_guest_said(
    app: Flask, studio: StudioUnderTest, manager: Api, playlist: Json
) -> None:
    link = link_to(manager, playlist, may_comment=True)
    comment_by(app.test_client(), link, playlist)
    [said] = manager.get("/comments/").data["items"]
    refused = studio.artist.patch(f"/comments/{said['id']}", {"text": "x"})
    assert refused.status == 403 and "Mia Lund" in refused.error["message"]
    assert manager.post(f"/comments/{said['id']}/archive").status == 200
    assert "Brighter, please." not in opened(app, link).text
