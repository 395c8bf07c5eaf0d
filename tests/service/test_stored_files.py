"""Files of the storage over HTTP: whether what one has of them still stands."""

from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.service.conftest import Submit
from tests.service.studio import Json, StudioUnderTest, work

pytestmark = pytest.mark.usefixtures("quiet_queue", "stand_ins")


@pytest.fixture
def frame(app: Flask, studio: StudioUnderTest, submit: Submit) -> Json:
    """A frame that was rendered, and at which ``address`` it is."""
    job = submit(frames="1-2")
    work(app)
    frame: Json = studio.artist.get(f"/jobs/{job['id']}/frames").data["items"][0]
    return {**frame, "address": f"/jobs/{job['id']}/frames/1/file"}


def test_a_frame_that_was_rendered_anew_is_seen_at_once(studio: StudioUnderTest, frame: Json) -> None:
    browser = studio.browser()

    def get(etag: str = "") -> TestResponse:
        answer = browser.get(f"/api{frame['address']}", headers={"If-None-Match": etag} if etag else {})
        assert answer.cache_control.no_cache and answer.cache_control.private
        assert answer.cache_control.max_age is None and not answer.cache_control.public
        return answer

    first = get()
    again = get(first.headers["ETag"])
    assert (first.status_code, again.status_code, again.data) == (200, 304, b"")
    studio.write(frame["path"], "another picture")
    anew = get(first.headers["ETag"])
    assert (anew.status_code, anew.text) == (200, "another picture")


def test_who_has_a_part_of_a_file_gets_the_rest_of_no_other(studio: StudioUnderTest, frame: Json) -> None:
    rest = {"Range": "bytes=7-"}
    had = studio.artist.raw("GET", frame["address"]).headers["ETag"]
    studio.write(frame["path"], "another picture")
    refused = studio.artist.get(frame["address"], headers={**rest, "If-Match": had})
    assert (refused.status, refused.error["code"]) == (412, "conflict.stale")
    has = studio.artist.raw("GET", frame["address"]).headers["ETag"]
    for known in (has, f"{had}, {has}", "*"):
        answer = studio.artist.raw("GET", frame["address"], headers={**rest, "If-Match": known})
        assert (answer.status_code, answer.text) == (206, " picture")
