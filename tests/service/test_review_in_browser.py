"""Pictures and films of playlists in a real browser: stepped through, drawn on, wiped, played and arranged."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

import numpy as np
import pytest

from service.models import MediaAsset
from tests.dcc.render.pictures import write_png
from tests.service.browser import KEYS, Browser
from tests.service.exhibits import add_rows
from tests.service.studio import Json, Production, StudioUnderTest
from tests.service.test_playlists import client, made, production, shown

__all__ = ["client", "production"]  # fixtures
pytestmark = pytest.mark.usefixtures("few_tenants", "quiet_queue")


@dataclass
class Review:
    """A playlist of three pictures and a film, and a browser that looks at it."""

    studio: StudioUnderTest
    browser: Browser
    address: str
    playlist: Json

    @property
    def media(self) -> list[str]:
        return shown(self.playlist)

    @property
    def path(self) -> str:
        return f"{self.address}/playlists/{self.playlist['id']}"

    def open(self, number: int) -> None:
        self.browser.open(f"{self.path}?media={self.media[number]}")
        self.until_ready()

    def until_ready(self) -> None:
        # Whatever is shown is loaded, and the drawing fitted to it.
        fitted = "return document.querySelector('.screen .drawing').getAttribute('viewBox') !== '0 0 1 1'"
        self.browser.until(lambda: self.browser.run(fitted))

    def until_at(self, number: int) -> None:
        self.browser.until(lambda: self.media[number] in str(self.browser.run("return location.search")))
        self.until_ready()

    def comments(self) -> list[Json]:
        found: list[Json] = self.studio.artist.get("/comments/").data["items"]
        return found


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """One second of 8 frames that become brighter."""
    folder = tmp_path_factory.mktemp("film")
    for frame in range(8):
        write_png(folder / f"f.{frame + 1:04}.png", np.full((90, 160, 3), 25 * frame, np.uint8))
    place = folder / "film.mp4"
    command = [sys.executable, "-m", "dcc.render.encode", "--frames", str(folder / "f.####.png"), "--first", "1"]
    subprocess.run([*command, "--last", "8", "--fps", "8", "--output", str(place)], check=True, capture_output=True)
    return place.read_bytes()


@pytest.fixture
def review(studio: StudioUnderTest, production: Production, window: Browser, address: str, film: bytes) -> Review:
    publish = studio.publish(production)
    ids = []
    for number in range(3):
        # Twice as wide as the one before.
        ids.append(_medium(studio, publish, f"{number}.png", "image/png", "still"))
        write_png(studio.root / f"{number}.png", np.full((90, 90 * 2**number, 3), 60, np.uint8))
    read = {"frame_rate": "8", "frame_count": 8, "duration": 1.0, "film_read_at": datetime.now(UTC)}
    ids.append(_medium(studio, publish, "film.mp4", "video/mp4", "turntable", **read))
    (studio.root / "film.mp4").write_bytes(film)
    playlist = made(studio.artist, production, *ids)
    window.resize(1360, 900)
    window.open(f"{address}/?token={studio.artist.token}")
    return Review(studio, window, address, playlist)


def _medium(studio: StudioUnderTest, publish: Json, name: str, mime_type: str, asset_type: str, **film: object) -> str:
    medium = MediaAsset(
        id=uuid4(), asset_type=asset_type, name=name, path=name, mime_type=mime_type, size=1, sha256="0" * 64,
        publish_id=UUID(publish["id"]), **film,
    )  # fmt: skip
    add_rows(studio, medium)
    return str(medium.id)


def test_keys_step_through_a_playlist(review: Review) -> None:
    browser = review.browser
    review.open(0)
    assert "1 of 4" in browser.text(".tools")
    browser.press(KEYS["right"])
    review.until_at(1)
    browser.click("[rel=next]")
    review.until_at(2)
    browser.press(KEYS["left"])
    review.until_at(1)
    browser.type("textarea", "left and right")
    browser.press(KEYS["left"], " ", "d")
    assert browser.run("return document.querySelector('textarea').value") == "left and righ dt"
    assert browser.run("return document.querySelector('[data-draw]').getAttribute('aria-pressed')") == "false"
    assert "2 of 4" in browser.text(".tools")
    current = browser.run("return [...document.querySelectorAll('.strip a')].map((a) => a.ariaCurrent)")
    assert current == [None, "true", None, None]


@pytest.mark.parametrize("pointer", ["mouse", "pen"])
def test_what_is_drawn_is_sent_with_a_comment_and_shown_again(review: Review, pointer: str) -> None:
    browser = review.browser
    review.open(2)
    browser.press("d")
    sheet = ".screen img[data-shown]"
    browser.drag(sheet, (0.5, 0.5), (0.5, 0.9), pointer=pointer)
    browser.press("c", KEYS["escape"], "d")
    browser.run("document.querySelector('[name=pen][value=\"#4da3ff\"]').click()")
    browser.drag(sheet, (0.5, 0.5), (0.6, 0.5), (0.75, 0.6), pointer=pointer)
    browser.drag(sheet, (0.1, 0.5), (0.2, 0.5), pointer=pointer)
    drawn = "return document.querySelectorAll('.screen polyline').length"
    assert browser.run(drawn) == 3
    browser.click("[data-undo]")
    assert browser.run(drawn) == 2
    browser.type("textarea", "Rounder here.")
    browser.click(".comment-form button")
    browser.until(review.comments)
    [comment] = review.comments()
    assert (comment["text"], comment["media_id"], comment["seconds"]) == ("Rounder here.", review.media[2], None)
    down, aside = comment["drawing"]
    assert (down["color"], aside["color"]) == ("#ff4d4d", "#4da3ff")
    # The picture is 4 times as wide as high and lies in the middle of its box, whose height it does not fill.
    width, height = browser.run(
        "const b = document.querySelector('.screen').getBoundingClientRect(); return [b.width, b.height]"
    )
    high = height * 4 / width
    assert down["points"][0] == pytest.approx([0.5, 0.5], abs=0.02)
    assert down["points"][-1] == pytest.approx([0.5, min(1, 0.5 + 0.4 * high)], abs=0.02)
    assert aside["points"][-1] == pytest.approx([0.75, 0.5 + 0.1 * high], abs=0.02)
    review.until_ready()
    browser.until(lambda: browser.run(drawn) == 2)
    browser.press(KEYS["escape"])
    assert browser.run(drawn) == 0
    browser.click("a[data-note]")
    assert browser.run(drawn) == 2 and "Rounder here." in browser.text(".comments")


def test_a_film_is_played_by_keys_and_drawn_on_at_a_moment(review: Review) -> None:
    browser = review.browser
    review.open(3)
    time = "return document.querySelector('video[data-shown]').currentTime"
    browser.press(" ")
    browser.until(lambda: browser.run(time) > 0.1)
    browser.press(" ")
    assert browser.run("return document.querySelector('video[data-shown]').paused")
    browser.run("document.querySelector('video[data-shown]').currentTime = 0.25")
    browser.press(".")
    # In the middle of the fourth frame: at its beginning, a browser may show the third.
    middle = pytest.approx(3.5 / 8, abs=0.001)
    browser.until(lambda: browser.run(time) == middle)
    assert browser.run("return document.querySelector('[data-frame]').value") == "4"
    assert "of 8\n00:00:00:03" in browser.text(".frame-steps")
    browser.press("d")
    browser.drag(".screen video", (0.5, 0.5), (0.6, 0.6), pointer="pen")
    assert browser.run("return document.querySelector('[data-moment]').checked")
    away = "return document.querySelector('.screen g.away') !== null"
    assert not browser.run(away)
    browser.press(",")
    browser.until(lambda: browser.run(away))
    browser.click(".comment-form button")
    browser.until(review.comments)
    [comment] = review.comments()
    assert (comment["seconds"], comment["frame"], len(comment["drawing"])) == (middle, 4, 1)
    # The page that follows stands at that moment, with the drawing.
    browser.until(lambda: browser.run(time) == middle)
    assert browser.run("return document.querySelectorAll('.screen polyline').length") == 1
    assert "frame 4" in browser.text(".comments")


def test_a_film_alone_has_a_button_that_plays_and_pauses_it(review: Review) -> None:
    review.open(3)
    browser = review.browser
    paused = "return document.querySelector('video').paused"
    for label, now_paused in (("Pause", False), ("Play", True)):
        browser.click("[data-play]")
        browser.until(lambda label=label: browser.text("[data-play]") == label)  # type: ignore[misc]
        assert browser.run(paused) is now_paused
    browser.press(" ")
    browser.until(lambda: browser.text("[data-play]") == "Pause")
    assert browser.run("return document.querySelector('video').loop"), "it goes round, and not on to the next"
    review.open(0)
    assert not browser.text("[data-play]")


def test_a_film_stands_where_it_was_sought_whatever_is_told_late_of_former_frames(review: Review) -> None:
    browser = review.browser
    review.open(3)
    # The page asks for each frame anew; from here on, the test says when it is told.
    browser.run(
        "const film = document.querySelector('video[data-shown]');"
        "film.requestVideoFrameCallback = (told) => { window.tell = told; };"
    )
    browser.press(" ")
    browser.until(lambda: browser.run("return Boolean(window.tell)"))
    browser.press(" ")
    browser.run("document.querySelector('video[data-shown]').currentTime = 0.25")
    browser.until(lambda: "00:00:00:02" in browser.text(".frame-steps"))
    browser.until(lambda: browser.run("return !document.querySelector('video[data-shown]').seeking"))
    browser.run("window.tell(performance.now(), { mediaTime: 0.125 })")
    assert "00:00:00:02" in browser.text(".frame-steps")
    browser.press(".")
    assert "00:00:00:03" in browser.text(".frame-steps")
    # Once it plays again, what it shows counts.
    shown = browser.run(
        "const film = document.querySelector('video[data-shown]');"
        "return film.play().then(() => {"
        "  window.tell(performance.now(), { mediaTime: 0.625 });"
        "  film.pause();"
        "  return document.querySelector('[data-frame]').value;"
        "});"
    )
    assert shown == "6"


@pytest.mark.parametrize("number", [0, 3], ids=["picture", "film"])
def test_a_refused_comment_keeps_its_text_and_drawing(review: Review, number: int) -> None:
    browser = review.browser
    review.open(number)
    if number == 3:
        browser.press(".", ".")
    browser.press("d")
    browser.drag(".screen [data-shown]", (0.4, 0.5), (0.6, 0.5))
    browser.type("textarea", "Rounder here.")
    drawn = "return document.querySelector('[data-drawn]').value"
    moment = "return document.querySelector('[data-moment]')?.value ?? null"
    before = (browser.run(drawn), browser.run(moment))
    browser.run(
        "const files = new DataTransfer(); files.items.add(new File(['BM'], 'scan.bmp'));"
        "document.querySelector('[name=files]').files = files.files"
    )
    browser.click(".comment-form button.primary")
    browser.until(lambda: "scan.bmp is no picture" in browser.text(".note.bad"))
    review.until_ready()
    assert browser.run("return document.querySelector('textarea').value") == "Rounder here."
    assert (browser.run(drawn), browser.run(moment)) == before and before[0]
    assert browser.run("return document.querySelectorAll('.screen g:not(.away) > polyline').length") == 1
    browser.click(".comment-form button.primary")
    browser.until(review.comments)
    [comment] = review.comments()
    assert (comment["text"], len(comment["drawing"])) == ("Rounder here.", 1)
    assert comment["seconds"] == (None if number == 0 else pytest.approx(float(before[1])))
    review.until_ready()
    assert browser.run("return document.querySelector('textarea').value") == ""


def test_a_playlist_plays_through_to_its_end(review: Review) -> None:
    browser = review.browser
    review.open(2)
    browser.press("p")
    review.until_at(3)
    pressed = "return document.querySelector('[data-through]').ariaPressed"
    browser.until(lambda: browser.run("return document.querySelector('video[data-shown]').currentTime") == 1)
    browser.until(lambda: browser.run(pressed) == "false")
    browser.press("p")
    assert browser.run(pressed) == "true"
    browser.press("d")
    assert browser.run(pressed) == "false", "who draws stays here"


def test_a_picture_is_wiped_to_the_one_before(review: Review) -> None:
    browser = review.browser
    review.open(1)
    former = "return document.querySelector('[data-former]').checkVisibility()"
    assert not browser.run(former)
    browser.press("c")
    assert browser.run(former)
    browser.run(
        "const slider = document.querySelector('[data-wipe] input'); slider.value = 20;"
        "slider.dispatchEvent(new Event('input', { bubbles: true }))"
    )
    clipped = "return getComputedStyle(document.querySelector('[data-former]')).clipPath"
    assert browser.run(clipped) == "inset(0px 80% 0px 0px)"
    browser.press("c")
    assert not browser.run(former)


def test_items_are_dragged_to_another_place(review: Review) -> None:
    browser = review.browser
    browser.open(f"{review.path}/items")
    browser.until(lambda: browser.run("return document.readyState") == "complete")
    browser.run(
        "const [first, , third] = document.querySelectorAll('.arranged li');"
        "const { bottom } = third.getBoundingClientRect();"
        "const fire = (on, kind, clientY) => on.dispatchEvent(new DragEvent(kind,"
        "  { bubbles: true, cancelable: true, clientY, dataTransfer: new DataTransfer() }));"
        "fire(first, 'dragstart'); fire(third, 'dragover', bottom - 2); fire(third, 'drop'); fire(first, 'dragend')"
    )
    first, second, third, last = review.media
    wanted = [second, third, first, last]
    path = f"/playlists/{review.playlist['id']}"
    browser.until(lambda: shown(review.studio.artist.get(path).data) == wanted)


@pytest.mark.parametrize(
    ("about", "frame", "timecode"),
    [
        ({"rate": "24", "timecode": ""}, 1, "00:00:00:00"),
        ({"rate": "24000/1001", "timecode": "01:00:00:00"}, 25, "01:00:01:00"),
        # Of 29.97, numbers 00 and 01 are dropped in every minute but the tenths.
        ({"rate": "30000/1001", "timecode": "00:00:00;00"}, 1800, "00:00:59;29"),
        ({"rate": "30000/1001", "timecode": "00:00:00;00"}, 1801, "00:01:00;02"),
        ({"rate": "30000/1001", "timecode": "00:00:00;00"}, 17983, "00:10:00;00"),
        ({"rate": "30000/1001", "timecode": "00:59:59;29"}, 2, "01:00:00;00"),
        ({"rate": "60000/1001", "timecode": "00:00:00;00"}, 3601, "00:01:00;04"),
    ],
)
def test_frames_have_the_timecode_of_the_trade(
    review: Review, about: dict[str, str], frame: int, timecode: str
) -> None:
    review.open(0)
    script = (
        "return import('/pages/static/frames.js').then(({Frames}) => {"
        "  const frames = new Frames({frames: '', duration: '', ...about});"
        "  return [frames.timecode(frame), frames.at(frames.middleOf(frame))];"
        "})"
    )
    told = review.browser.run(f"const [about, frame] = arguments; {script}", about, frame)
    assert told == [timecode, frame]
