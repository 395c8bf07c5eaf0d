"""Uploads: streamed to disk, no larger than allowed, what they claim to be, and never outside the storage."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.file_types import FILE_TYPES, sniff
from tests.service.studio import Json, Reply, StudioUnderTest
from tests.service.world import PNG, World, upload

JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc0000b08000400080101110000")
SAMPLES = {
    "a.png": (PNG, "image/png", (8, 4)),
    "a.jpg": (JPEG, "image/jpeg", (8, 4)),
    "a.JPEG": (JPEG, "image/jpeg", (8, 4)),
    "a.gif": (b"GIF89a" + struct.pack("<HH", 8, 4), "image/gif", (8, 4)),
    "a.webp": (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp", (None, None)),
    "a.tif": (b"II*\0\x08\0\0\0", "image/tiff", (None, None)),
    "a.exr": (b"\x76\x2f\x31\x01\x02\0\0\0", "image/x-exr", (None, None)),
    "a.hdr": (b"#?RADIANCE\n", "image/vnd.radiance", (None, None)),
    "a.mp4": (b"\0\0\0\x18ftypisom", "video/mp4", (None, None)),
    "a.mov": (b"\0\0\0\x14ftypqt  ", "video/quicktime", (None, None)),
    "a.webm": (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", "video/webm", (None, None)),
}


def send(studio: StudioUnderTest, content: bytes, filename: str, **query: str) -> Reply:
    return studio.artist.call("POST", "/media/assets", **upload(content, filename=filename, **query))


def files(studio: StudioUnderTest) -> set[Path]:
    return {path for path in studio.root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("filename", SAMPLES)
def test_a_medium_is_known_by_its_content_and_served_as_that(studio: StudioUnderTest, filename: str) -> None:
    content, mime_type, size = SAMPLES[filename]
    medium = send(studio, content, filename).data
    assert (medium["mime_type"], (medium["width"], medium["height"])) == (mime_type, size)
    answer = studio.app.test_client().get(medium["url"], headers={"Authorization": f"Bearer {studio.artist.token}"})
    assert (answer.data, answer.mimetype) == (content, mime_type)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == f"inline; filename={filename}"
    assert answer.cache_control.private and not answer.cache_control.public


@pytest.mark.parametrize(
    ("filename", "content", "status"),
    [
        ("a.png", b"<html><script>alert(1)</script>", 415),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415),
        ("a.png", b"", 415),
        ("a.png", JPEG, 422),
        ("a.html", PNG, 422),
        ("a", PNG, 422),
        ("a.exe", b"MZ\x90\0", 415),
        ("a.png", PNG[:3], 415),
    ],
)
def test_what_is_no_picture_or_not_what_its_name_says_is_refused(
    studio: StudioUnderTest, filename: str, content: bytes, status: int
) -> None:
    before = files(studio)
    refused = send(studio, content, filename)
    assert (refused.status, refused.error["code"]) == (status, "input.file_type")
    assert files(studio) == before and studio.artist.get("/media/assets").data["total"] == 0


@given(head=st.binary(max_size=80))
@settings(max_examples=200)
def test_any_bytes_are_of_one_known_type_or_none(head: bytes) -> None:
    assert sniff(head) in (None, *FILE_TYPES)


def test_a_file_in_a_form_is_refused_before_it_becomes_anything(studio: StudioUnderTest) -> None:
    """A form's envelope would be kept as part of the file."""
    studio.production()
    for path, query in (("/media/assets", {"filename": "a.png"}), ("/cad/", {"filename": "a.step", "asset": "gear"})):
        form = {"file": (io.BytesIO(b"ISO-10303-21;"), query["filename"])}
        refused = studio.artist.call("POST", path, query_string=query, data=form)
        assert (refused.status, refused.error["code"]) == (415, "input.content_type")
        assert "--data-binary" in refused.error["hint"]
    assert studio.artist.get("/cad/").data["total"] == 0


def test_a_medium_is_renamed_but_stays_what_it_is(studio: StudioUnderTest) -> None:
    medium = send(studio, PNG, "a.png").data
    path = f"/media/assets/{medium['id']}"
    refused = studio.artist.patch(path, {"name": "a.mp4"})
    assert (refused.status, refused.error["code"]) == (422, "input.file_type")
    assert studio.artist.patch(path, {"name": "Räder.PNG"}).data["name"] == "Räder.PNG"
    headers = {"Authorization": f"Bearer {studio.artist.token}"}
    answer = studio.app.test_client().get(medium["url"], headers=headers)
    assert "filename*=UTF-8''R%C3%A4der.PNG" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize(
    "filename", ["../a.png", "..\\a.png", "/etc/a.png", "a/b.png", "a\0.png", "a\n.png", "..", "", "x" * 201 + ".png"]
)
def test_a_file_name_is_no_path(studio: StudioUnderTest, filename: str) -> None:
    before = files(studio)
    assert send(studio, PNG, filename).status == 422
    assert files(studio) == before


def test_a_file_lies_by_its_content_whatever_it_is_called(studio: StudioUnderTest) -> None:
    first, second = (send(studio, PNG, name).data for name in ("a b.png", "ä..png"))
    assert first["path"] == second["path"] and first["path"].startswith(".store/")
    assert first["id"] != second["id"] and (first["name"], second["name"]) == ("a b.png", "ä..png")
    assert (studio.root / first["path"]).read_bytes() == PNG


def test_too_much_is_refused_while_it_comes_and_leaves_nothing(studio: StudioUnderTest) -> None:
    before = files(studio)
    for send_length in (True, False):
        content = PNG + bytes(5 << 20)
        options = upload(content if send_length else b"", filename="a.png")
        if not send_length:  # a client that does not say how much comes
            options |= {"data": None, "input_stream": io.BytesIO(content)}
            options["environ_overrides"] = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
        refused = studio.artist.call("POST", "/media/assets", **options)
        assert (refused.status, refused.error["code"]) == (413, "input.too_large")
    assert files(studio) == before


def test_an_upload_is_filed_under_its_asset(studio: StudioUnderTest) -> None:
    production = studio.production()
    medium: Json = send(studio, PNG, "gear.png", asset="gear", category_key="press", asset_type="still").data
    assert (medium["asset_id"], medium["asset"], medium["render_status"]) == (production.asset["id"], "gear", None)
    found = studio.artist.get("/media/assets?category_key=press&asset=gear&q=gea").data["items"]
    assert [each["id"] for each in found] == [medium["id"]]
    here, elsewhere = (f"/media/assets?project={name}" for name in (production.project["name"], "elsewhere"))
    assert [studio.artist.get(f"{path}&sort=name").data["total"] for path in (here, elsewhere)] == [1, 0]
    assert send(studio, PNG, "gear.png", asset="nowhere").status == 404
    changed = studio.artist.patch(f"/media/assets/{medium['id']}", {"metadata": {"photographer": "Anna"}}).data
    assert changed["metadata"] == {"photographer": "Anna"} and changed["sha256"] == medium["sha256"]


def test_no_medium_of_another_tenant_is_served(studio: StudioUnderTest, other_studio: StudioUnderTest) -> None:
    medium = World(other_studio).medium()
    headers = {"Authorization": f"Bearer {studio.admin.token}"}
    assert studio.app.test_client().get(medium["url"], headers=headers).status_code == 404
