"""Playlists on the pages: made and arranged by forms, looked at and drawn on in a real browser."""

from __future__ import annotations

import json
import re
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.accounts.permissions import Role
from tests.service.exhibits import EVIL
from tests.service.page import Page
from tests.service.studio import Production, StudioUnderTest
from tests.service.test_playlists import client, made, production, rendered, shown
from tests.service.test_statements import counting
from tests.service.world import World

__all__ = ["client", "production"]  # fixtures
pytestmark = pytest.mark.usefixtures("few_tenants", "quiet_queue")
OURS = {"Sec-Fetch-Site": "same-origin"}
STROKE = {"color": "#ff4d4d", "points": [[0.25, 0.5], [0.75, 1.0]]}


def post(browser: FlaskClient, path: str, **form: object) -> TestResponse:
    return browser.post(path, data=form, headers=OURS)


def version_on(browser: FlaskClient, path: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', browser.get(path).text)
    assert found
    return found[1]


# -- forms


def test_a_playlist_is_made_filled_and_put_in_order(studio: StudioUnderTest, production: Production) -> None:
    publish, browser = studio.publish(production), studio.browser()
    first, second, third = (rendered(studio, publish) for _ in range(3))
    assert "New playlist" in Page(browser.get("/playlists")).text
    answer = post(browser, "/playlists", project_id=production.project["id"], name=EVIL)
    path = answer.location.removesuffix("/items")
    items = f"{path}/items"
    empty = browser.get(path)
    assert "Nothing to look at yet" in Page(empty).text and items in Page(empty).links
    assert post(browser, f"{path}/add", media=[first, second, third]).location == items

    def order() -> list[str]:
        return shown(studio.artist.get(path).data)

    assert order() == [first, second, third]
    assert post(browser, items, version=version_on(browser, items), media=order(), move=f"{third} -1").location == items
    assert order() == [first, third, second]
    post(browser, items, version=version_on(browser, items), media=order(), remove=first)
    assert order() == [third, second]
    old = version_on(browser, items)
    post(browser, items, version=old, media=[second, third])
    stale = post(browser, items, version=old, media=[])
    assert order() == [second, third]
    arranged = browser.get(stale.location)
    assert "Somebody else changed the playlist meanwhile" in Page(arranged).text
    assert EVIL in Page(arranged).text and EVIL not in arranged.text and not Page(arranged).inline
    post(browser, path, version=version_on(browser, items), name="Dailies")
    assert studio.artist.get(path).data["name"] == "Dailies"
    found = Page(browser.get(f"/playlists?q=dail&project={production.project['name']}"))
    assert path in found.links and "2 items" in found.text
    refused = post(browser, "/playlists", project_id=production.project["id"], name="Dailies")
    assert "There is already a playlist Dailies" in Page(browser.get(refused.location)).text
    assert browser.post(f"{path}/archive", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    away = post(browser, f"{path}/archive")
    assert "Dailies was put away" in Page(browser.get(away.location)).text
    assert path not in Page(browser.get("/playlists")).links


def test_the_newer_is_taken_by_a_button(studio: StudioUnderTest, production: Production) -> None:
    browser, old = studio.browser(), rendered(studio, studio.publish(production))
    playlist = made(studio.artist, production, old)
    path = f"/playlists/{playlist['id']}"
    assert "A newer one exists" not in Page(browser.get(path)).text
    new = rendered(studio, studio.publish(production))
    page = Page(browser.get(path))
    assert "A newer one exists" in page.text and f"/pictures/{new}" in page.links
    answer = post(browser, f"{path}/take-newer", media=old, review="1")
    assert answer.location == f"{path}?media={new}" and shown(studio.artist.get(path).data) == [new]
    assert "Compare" in Page(browser.get(answer.location)).text, "with the one before"


def test_clients_look_at_theirs_and_artists_leave_it_as_it_is(
    studio: StudioUnderTest, production: Production, client: object
) -> None:
    picture = rendered(studio, studio.publish(production))
    playlist = made(studio.admin, production, picture, for_client=True)
    hidden = made(studio.admin, production, picture)
    path, guest, artist = f"/playlists/{playlist['id']}", studio.browser(Role.CLIENT), studio.browser()
    listed = Page(guest.get("/playlists"))
    assert path in listed.links and f"/playlists/{hidden['id']}" not in listed.links
    assert "New playlist" not in listed.text
    page = Page(guest.get(path))
    assert f"/api/media/assets/{picture}/file" in page.links and f"{path}/items" not in page.links
    assert guest.get(f"/playlists/{hidden['id']}").status_code == 404
    assert guest.get(f"{path}/items").status_code == 403
    assert guest.get(f"/pictures/{rendered(studio, studio.publish(production))}").status_code == 404
    assert "a project manager arranges it" in Page(artist.get(f"{path}/items")).text
    refused = post(artist, f"{path}/add", media=picture)
    assert "a project manager" in Page(artist.get(refused.location)).text
    said = {"target_type": "publish", "target_id": studio.artist.get(path).data["items"][0]["publish_id"]}
    back = guest.post(
        f"/comments?media={picture}&playlist={playlist['id']}",
        data={**said, "media_id": picture, "drawing": json.dumps([STROKE])},
        headers=OURS,
    )
    assert back.location.startswith(f"{path}?media={picture}#comment-")
    [comment] = studio.artist.get("/comments/").data["items"]
    assert (comment["author"], comment["drawing"], comment["for_client"]) == ("client", [STROKE], True)


def test_a_picture_is_put_on_a_playlist_from_its_page(studio: StudioUnderTest, production: Production) -> None:
    browser, picture = studio.browser(), rendered(studio, studio.publish(production))
    model = rendered(studio, None, mime_type="model/gltf-binary")
    path = f"/pictures/{picture}"
    assert browser.get(f"/pictures/{model}").status_code == 404
    assert post(browser, f"{path}/playlist", name="Dailies").location == path
    page = Page(browser.get(path))
    [playlist] = studio.artist.get("/playlists/").data["items"]
    assert "It is on the playlist Dailies" in page.text and f"/playlists/{playlist['id']}?media={picture}" in page.links
    other = rendered(studio, None)
    post(browser, f"/pictures/{other}/playlist", playlist=playlist["id"])
    assert shown(studio.artist.get(f"/playlists/{playlist['id']}").data) == [picture, other]
    for form in ({"playlist": "x"}, {"playlist": str(uuid4())}, {"name": "Of no project"}):
        refused = post(browser, f"/pictures/{other}/playlist", **form)
        assert 'role="alert"' in browser.get(refused.location).text
    for page in (f"/publishes/{studio.artist.get('/publishes/').data['items'][0]['id']}",):
        assert path in Page(browser.get(page)).links


def test_what_is_said_in_a_review_goes_where_it_belongs(studio: StudioUnderTest, production: Production) -> None:
    publish, uploaded, browser = studio.publish(production), World(studio).medium()["id"], studio.browser()
    picture = rendered(studio, publish)
    playlist = made(studio.artist, production, picture, uploaded)
    back = f"/comments?media={picture}&playlist={playlist['id']}"
    form = {"target_type": "publish", "target_id": publish["id"], "media_id": picture}
    assert browser.post(back, data={**form, "text": "Good."}).location.startswith(f"/playlists/{playlist['id']}?media=")
    browser.post(back, data={**form, "text": "Again.", "status": "retake", "drawing": json.dumps([STROKE])})
    browser.post(back, data={**form, "answer": "approved", "status": ""})
    assert studio.artist.get(f"/tasks/{production.task['id']}").data["status"] == "approved"
    both = browser.post(back, data={**form, "text": "x", "status": "done", "for_client": "true"})
    assert "Clients do not see tasks" in Page(browser.get(both.location)).text
    for drawing in ("{", "[" * 100_000, '[{"color": "#ff4d4d"}]'):
        refused = browser.post(back, data={**form, "text": "x", "drawing": drawing})
        assert "the comment cannot be written so. drawing" in Page(browser.get(refused.location)).text.lower()
    approved, again, good = studio.artist.get("/comments/").data["items"]
    assert (approved["target_type"], approved["status"], approved["text"]) == ("task", "approved", "")
    assert (again["target_type"], again["status"], again["drawing"]) == ("task", "retake", [STROKE])
    assert (good["target_type"], good["media_id"]) == ("publish", picture)
    page = browser.get(f"/playlists/{playlist['id']}?media={picture}")
    assert "Good." in page.text and "Again." in page.text
    assert '<polyline stroke="#ff4d4d" points="0.25,0.5 0.75,1.0 "/>' in page.text
    fragment = browser.get(f"/playlists/{playlist['id']}?media={picture}&fragment=comments")
    assert "Again." in fragment.text and "<html" not in fragment.text
    shown_on_task = Page(browser.get(f"/tasks/{production.task['id']}"))
    assert f"/pictures/{picture}#comment-{again['id']}" in shown_on_task.links
    assert "1 comment" in shown_on_task.text and f"/publishes/{publish['id']}#comments" in shown_on_task.links

    own = {"target_type": "medium", "target_id": uploaded, "media_id": uploaded, "text": "Which?"}
    answer = browser.post(f"/comments?media={uploaded}", data=own)
    assert answer.location.startswith(f"/pictures/{uploaded}#comment-")
    assert "Which?" in browser.get(f"/pictures/{uploaded}").text
    comment = studio.artist.get("/comments/", query_string={"media_id": uploaded}).data["items"][0]
    changed = browser.post(f"/comments/{comment['id']}/change", data={"text": "That?", "version": "1"})
    assert changed.location == f"/pictures/{uploaded}#comment-{comment['id']}"


def test_a_longer_playlist_is_shown_with_no_more_statements(
    app: Flask, studio: StudioUnderTest, production: Production
) -> None:
    media = [rendered(studio, studio.publish(production)) for _ in range(6)]
    browser = studio.browser()

    def cost(count: int, page: str) -> int:
        path = f"/playlists/{made(studio.artist, production, *media[:count])['id']}{page}"
        browser.get(path)
        with counting(app) as statements:
            assert browser.get(path).status_code == 200
        return len(statements)

    assert cost(2, "") == cost(6, "") <= 20
    assert cost(2, "/items") == cost(5, "/items") <= 12
