"""Guests in a real browser: a link is made and copied, what it opens is looked at, and something is said of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

import numpy as np
import pytest

from service.accounts.permissions import Role
from service.models import MediaAsset
from tests.dcc.render.pictures import write_png
from tests.service.browser import KEYS, Browser, running_browser
from tests.service.exhibits import add_rows
from tests.service.studio import Json, Production, StudioUnderTest
from tests.service.test_forms import KEPT
from tests.service.test_playlists import made, production, shown
from tests.service.test_review_in_browser import film

__all__ = ["film", "production"]  # fixtures
pytestmark = pytest.mark.usefixtures("few_tenants", "quiet_queue")


@dataclass
class Shared:
    """A playlist of two pictures and a film, at which clients may look, and the service's address."""

    studio: StudioUnderTest
    playlist: Json
    address: str

    @property
    def page(self) -> str:
        return f"{self.address}/playlists/{self.playlist['id']}"

    def link(self, **more: object) -> str:
        path = f"/playlists/{self.playlist['id']}/links"
        made: str = self.studio.admin.post(path, {"label": "Agency", **more}).data["url"]
        return made.replace("http://localhost", self.address)


@pytest.fixture
def shared(studio: StudioUnderTest, production: Production, film: bytes, address: str) -> Shared:
    publish = studio.publish(production)
    read = {"frame_rate": "8", "frame_count": 8, "duration": 1.0, "film_read_at": datetime.now(UTC)}
    media = [
        MediaAsset(
            id=uuid4(), asset_type=kind, name=name, path=name, mime_type=mime_type, size=1, sha256="0" * 64,
            publish_id=UUID(publish["id"]), **more,
        )
        for name, kind, mime_type, more in (
            ("front.png", "still", "image/png", {}),
            ("side.png", "still", "image/png", {}),
            ("turn.mp4", "turntable", "video/mp4", read),
        )
    ]  # fmt: skip
    add_rows(studio, *media)
    for number, name in enumerate(("front.png", "side.png")):
        write_png(studio.root / name, np.full((90, 160, 3), 60 + 90 * number, np.uint8))
    (studio.root / "turn.mp4").write_bytes(film)
    playlist = made(studio.admin, production, *(str(each.id) for each in media), for_client=True)
    return Shared(studio, playlist, address)


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser of somebody who has no account."""
    with running_browser(tmp_path_factory.mktemp("outside")) as started:
        yield started


def until_fitted(browser: Browser) -> None:
    # Whatever is shown is loaded, and the drawing fitted to it: from now on keys are heard.
    drawing = "document.querySelector('.screen .drawing')"
    browser.until(lambda: browser.run(f"return ({drawing}?.getAttribute('viewBox') ?? '0 0 1 1') !== '0 0 1 1'"))


def test_a_link_is_made_sent_and_revoked(shared: Shared, window: Browser, outside: Browser) -> None:
    window.open(f"{shared.address}/?token={shared.studio.tokens[Role.PROJECT_MANAGER]}")
    window.open(shared.page)
    window.click("a[href$='/links']")
    form = "form.panel"
    window.until(lambda: window.text(form))
    window.type(f"{form} [name=label]", "Agency, first look")
    window.click(f"{form} [name=may_comment]")
    window.click(f"{form} button")
    window.until(lambda: window.text("[data-copy]"))
    address = str(window.run("return document.querySelector('[data-copy]').dataset.copy"))
    assert address.startswith(f"{shared.address}/guest/")
    row = "tbody tr"
    assert "Agency, first look" in window.text(row) and "never" in window.text(row)
    outside.open(address)
    outside.until(lambda: shared.playlist["name"] in outside.text("h1"))
    window.open(f"{shared.page}/links")
    window.until(lambda: "1 time" in window.text(row))
    assert window.text("[data-copy]") == ""
    window.click("[popovertarget^=revoke]")
    window.click(".confirm .danger")
    window.until(lambda: "revoked" in window.text(row))
    outside.open(address)
    outside.until(lambda: "does not open anything any more" in outside.text("h1"))
    assert shared.playlist["name"] not in outside.text("body")


def test_a_guest_steps_through_plays_and_comments(shared: Shared, outside: Browser) -> None:
    front, _, turn = shown(shared.playlist)
    outside.resize(1360, 900)
    outside.open(shared.link(may_comment=True))
    until_fitted(outside)
    assert "1 of 3" in outside.text(".tools") and outside.run("return document.images.length") > 1
    loaded = "return [...document.images].every((each) => each.complete && each.naturalWidth)"
    outside.until(lambda: outside.run(loaded))
    outside.press(KEYS["left"], KEYS["right"])
    outside.until(lambda: "2 of 3" in outside.text(".tools"))
    until_fitted(outside)
    outside.press(KEYS["right"])
    outside.until(lambda: "3 of 3" in outside.text(".tools"))
    until_fitted(outside)
    outside.until(lambda: outside.run("return document.querySelector('video[data-shown]').readyState") >= 2)
    outside.press(".", ".")
    outside.until(lambda: outside.text("[data-moment-shown]") == "frame 3")
    outside.type("[name=name]", "Mia Lund")
    outside.type("[name=text]", "Stop here.")
    outside.click("[data-moment]")
    outside.click(".comment-form .primary")
    outside.until(lambda: "Stop here." in outside.text(".comments"))
    assert "Mia Lund" in outside.text(".comments") and "frame 3" in outside.text(".comments")
    [said] = shared.studio.artist.get("/comments/").data["items"]
    assert (said["media_id"], said["frame"], said["by_guest"]) == (turn, 3, True)
    # The name is known from now on; what is drawn goes along.
    outside.click(".strip li:first-child a")
    outside.until(lambda: front in str(outside.run("return location.search")))
    until_fitted(outside)
    assert outside.run("return document.querySelector('[name=name]').value") == "Mia Lund"
    outside.click("[data-draw]")
    outside.drag(".screen", (0.3, 0.3), (0.5, 0.5), (0.6, 0.4))
    outside.click(".comment-form .primary")
    outside.until(lambda: outside.run("return document.querySelector('.comments .noted polyline') !== null"))
    assert len(shared.studio.artist.get("/comments/").data["items"][0]["drawing"]) == 1


def test_a_guests_form_keeps_what_was_typed(shared: Shared, outside: Browser) -> None:
    page = shared.link(may_comment=True) + f"?media={shown(shared.playlist)[2]}"
    outside.open(page)
    until_fitted(outside)
    assert outside.run(KEPT)["problems"] == []
    outside.open(page)
    until_fitted(outside)
    outside.type("[name=name]", "Mia Lund")
    outside.run("document.querySelector('.comment-form').requestSubmit()")
    outside.until(lambda: "say something" in outside.text(".note.bad"))
    assert outside.run("return document.querySelector('[name=name]').value") == "Mia Lund"


def test_a_password_is_asked_for(shared: Shared, outside: Browser) -> None:
    address = shared.link(password="open sesame")
    outside.open(address)
    outside.type("[name=password]", "guess")
    outside.click(".login button")
    outside.until(lambda: "not the password" in outside.text(".note.bad"))
    outside.type("[name=password]", "open sesame")
    outside.click(".login button")
    outside.until(lambda: "1 of 3" in outside.text(".tools"))
    assert outside.run("return document.querySelector('.comment-form, [data-draw]')") is None


@pytest.mark.parametrize("width", [500, 1360])
def test_the_page_fits_the_window(shared: Shared, outside: Browser, width: int) -> None:
    outside.resize(width, 900)
    outside.open(shared.link(may_comment=True))
    until_fitted(outside)
    assert outside.run("return document.documentElement.scrollWidth <= innerWidth")
