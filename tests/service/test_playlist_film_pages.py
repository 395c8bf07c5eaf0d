"""A playlist's film on its page, in a real browser: asked for, watched, taken away, cancelled, tried again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="PyAV is not installed")
pytest.importorskip("bpy", reason="Blender is not installed")

from flask import Flask

from service.accounts.permissions import Role
from tests.dcc.media.films import write_film
from tests.dcc.render.pictures import write_png
from tests.service.browser import Browser
from tests.service.studio import Json, Production, StudioUnderTest, work
from tests.service.test_playlists import made, production
from tests.service.test_uploads import send

__all__ = ["production"]  # fixture
pytestmark = pytest.mark.usefixtures("few_tenants", "quiet_queue")


@pytest.fixture
def playlist(studio: StudioUnderTest, production: Production, tmp_path: Path) -> Json:
    """A still and a film of two seconds."""
    still, film = tmp_path / "a.png", write_film(tmp_path / "a.mp4", count=48, codec="libx264")
    write_png(still, np.full((90, 160, 3), (200, 30, 40), np.uint8))
    ids = [send(studio, each.read_bytes(), each.name, asset="gear").data["id"] for each in (still, film)]
    return made(studio.artist, production, *ids, name="Monday")


def test_a_film_is_asked_for_and_is_there_when_it_is_made(
    app: Flask, studio: StudioUnderTest, playlist: Json, window: Browser, address: str
) -> None:
    window.open(f"{address}/?token={studio.tokens[Role.ARTIST]}")
    window.open(f"{address}/playlists/{playlist['id']}")
    window.click("[popovertarget=make-film]")
    window.until(lambda: window.text("#make-film"))
    assert "2 items, 5.0 s, without sound" in window.text("#make-film")
    window.type("[name=still_seconds]", "10")
    window.until(lambda: "2 items, 12.0 s" in window.text("#make-film"))
    window.type("[name=still_seconds]", "1")
    window.run("document.querySelector('#make-film [name=size]').value = '1280x720'")
    window.click("#make-film button.primary")
    window.until(lambda: "The film waits for a worker" in window.text(".films"))
    work(app)
    # The page hears of it by itself.
    window.until(lambda: "Download the film" in window.text(".films"))
    told = window.text(".films")
    assert all(each in told for each in ("3.0 s", "1280 × 720", "24 fps", "by artist")), told
    window.run(
        "window.film = document.createElement('video'); film.muted = true; document.querySelector('main').append(film);"
        " film.src = document.querySelector('.films a').href; film.play()"
    )
    window.until(lambda: window.run("return window.film.ended || window.film.currentTime > 0.5"))
    assert window.run("return [film.videoWidth, film.videoHeight, Math.round(film.duration)]") == [1280, 720, 3]


def test_a_film_is_cancelled_and_tried_again_by_buttons(
    app: Flask, studio: StudioUnderTest, playlist: Json, window: Browser, address: str
) -> None:
    window.open(f"{address}/?token={studio.tokens[Role.ARTIST]}")
    page = f"{address}/playlists/{playlist['id']}"
    window.open(page)
    window.click("[popovertarget=make-film]")
    window.run("document.querySelector('#make-film [name=size]').value = '1280x720'")
    window.click("#make-film [name=captions]")
    window.click("#make-film button.primary")
    window.until(lambda: "The film waits for a worker" in window.text(".films"))
    window.click(".films button")
    window.until(lambda: "The film was cancelled" in window.text(".films"))
    window.click(".films button")
    window.until(lambda: "The film waits for a worker" in window.text(".films"))
    [lost] = [studio.root / studio.artist.get(f"/media/assets/{each['media_id']}").data["path"]
              for each in playlist["items"] if each["mime_type"] == "image/png"]  # fmt: skip
    content = lost.read_bytes()
    lost.unlink()
    work(app)
    window.until(lambda: "The film could not be made: a.png is not on the storage any more" in window.text(".films"))
    assert "storage.missing" in window.text(".films")
    lost.write_bytes(content)
    window.click(".films button")
    window.until(lambda: "The film waits for a worker" in window.text(".films"))
    work(app)
    window.until(lambda: "Download the film" in window.text(".films"))
    [film] = studio.artist.get(f"/playlists/{playlist['id']}/films").data["items"]
    assert (film["captions"], film["width"], film["still_seconds"]) == (False, 1280, 3)


def test_a_length_that_no_film_has_is_not_sent(
    studio: StudioUnderTest, production: Production, window: Browser, address: str, tmp_path: Path
) -> None:
    still = tmp_path / "a.png"
    write_png(still, np.zeros((4, 4, 3), np.uint8))
    ids = [send(studio, still.read_bytes(), f"{number}.png", asset="gear").data["id"] for number in range(61)]
    playlist = made(studio.artist, production, *ids)
    window.open(f"{address}/?token={studio.tokens[Role.ARTIST]}")
    window.open(f"{address}/playlists/{playlist['id']}")
    window.click("[popovertarget=make-film]")
    window.type("[name=still_seconds]", "60")
    window.until(lambda: "61 items, 1 h 01 min" in window.text("#make-film"))
    field = "document.querySelector('[name=still_seconds]')"
    assert "longer than 1 h 00 min" in window.run(f"return {field}.validationMessage")
    window.type("[name=still_seconds]", "59")
    assert window.run(f"return {field}.validationMessage") == ""
