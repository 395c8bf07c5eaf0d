"""Uploads: streamed to disk, no larger than allowed, what they claim to be, and never outside the storage."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.database import db
from service.file_contents import LONGEST_SIDE, BrokenFileError
from service.file_types import FILE_TYPES, sniff
from tests.service.studio import Api, Json, Reply, StudioUnderTest
from tests.service.world import PNG, STEP, World, upload

JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc0000b080004000801011100ffda0008010100003f0000ffd9")
GIF = b"GIF89a" + struct.pack("<HH", 8, 4) + bytes.fromhex("000000 2c0000000008000400000202848f00 3b")
TIFF = b"II*\0" + struct.pack("<IHHHIIHHII", 8, 2, 256, 3, 1, 8, 257, 4, 1, 4)
WEBP = b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x07\0\0\x03\0\0"
_WINDOW = struct.pack("<I4i", 16, 0, 0, 7, 3)
EXR = (
    b"\x76\x2f\x31\x01\x02\0\0\0channels\0chlist\0\x01\0\0\0\0"
    b"dataWindow\0box2i\0" + _WINDOW + b"displayWindow\0box2i\0" + _WINDOW + b"\0pixels"
)
HDR = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 4 +X 8\npixels"
_BOXES = b"\0\0\0\x08moov\0\0\0\x08mdat"
MP4 = b"\0\0\0\x18ftypisom" + bytes(12) + _BOXES
WEBM = bytes.fromhex("1a45dfa3 87 4282 84 7765626d 18538067 01ffffffffffffff 1f43b675 80")
SAMPLES = {
    "a.png": (PNG, "image/png", (8, 4)),
    "a.jpg": (JPEG, "image/jpeg", (8, 4)),
    "a.JPEG": (JPEG, "image/jpeg", (8, 4)),
    "a.gif": (GIF, "image/gif", (8, 4)),
    "a.webp": (WEBP, "image/webp", (8, 4)),
    "a.tif": (TIFF, "image/tiff", (8, 4)),
    "a.exr": (EXR, "image/x-exr", (8, 4)),
    "a.hdr": (HDR, "image/vnd.radiance", (8, 4)),
    "a.mp4": (MP4, "video/mp4", (None, None)),
    "a.mov": (MP4.replace(b"isom", b"qt  "), "video/quicktime", (None, None)),
    "a.webm": (WEBM, "video/webm", (None, None)),
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


@pytest.mark.parametrize(
    ("filename", "content", "told"),
    [
        ("a.png", PNG[:8], "its end is missing"),
        ("a.png", PNG[:-1], "its end is missing"),
        ("a.png", PNG.replace(b"\0\0\0\x08\0\0\0\x04", b"\x7f\xff\xff\xff\x7f\xff\xff\xff"), "its header is damaged"),
        ("a.png", PNG[:33] + PNG[-12:], "its end is missing"),
        ("a.jpg", JPEG[:-2], "its end is missing"),
        ("a.jpg", JPEG[:2] + JPEG[-2:], "its header is damaged"),
        ("a.gif", b"GIF89a<script>alert(1)</script>", "it holds no image"),
        ("a.gif", b"GIF89a=0;alert(document.domain);//;", "it holds no image"),
        ("a.gif", GIF[:-1], "its end is missing"),
        ("a.gif", GIF.replace(struct.pack("<HH", 8, 4), bytes(4), 1), "0 × 0 pixels"),
        ("a.webp", WEBP.replace(b"\x16", b"\x17", 1), "its end is missing"),
        ("a.tif", TIFF[:8], "its end is missing"),
        ("a.exr", EXR[:8], "its header is damaged"),
        ("a.exr", EXR.removesuffix(b"pixels"), "its pixels are missing"),
        ("a.exr", EXR.replace(_WINDOW[4:], struct.pack("<4i", 0, 0, 2**31 - 1, 9)), "2147483648 × 10 pixels"),
        ("a.hdr", HDR[:12], "its header is damaged"),
        ("a.mp4", MP4[:24], "its index is missing"),
        ("a.mp4", MP4[:-8], "its frames are missing"),
        ("a.mp4", MP4.replace(b"\x08mdat", b"\x09mdat"), "its end is missing"),
        ("a.webm", WEBM[:-5], "its frames are missing"),
    ],
)
def test_what_is_broken_is_refused_and_stands_for_nothing(
    studio: StudioUnderTest, filename: str, content: bytes, told: str
) -> None:
    studio.production()
    before = files(studio)
    refused = send(studio, content, filename, asset="gear")
    assert (refused.status, refused.error["code"]) == (422, "input.file_type")
    assert told in refused.error["message"]
    assert files(studio) == before and studio.artist.get("/media/assets").data["total"] == 0


def test_a_picture_of_more_pixels_than_there_are_is_refused(studio: StudioUnderTest) -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0)
    content = PNG[:12] + header + struct.pack(">I", zlib.crc32(header)) + PNG[33:]
    assert "2147483647 × 2147483647 pixels" in send(studio, content, "a.png").error["message"]


def test_what_follows_the_end_of_a_picture_may_stay(studio: StudioUnderTest) -> None:
    """Telephones put a film there."""
    assert send(studio, JPEG + MP4, "a.jpg").status == 201
    assert send(studio, PNG + b"\0" * 9, "a.png").status == 201


@given(
    start=st.sampled_from([content for content, *_ in SAMPLES.values()]), rest=st.binary(max_size=300), data=st.data()
)
@settings(max_examples=400)
def test_any_bytes_are_read_or_called_broken(start: bytes, rest: bytes, data: st.DataObject) -> None:
    content = start[: data.draw(st.integers(0, len(start)))] + rest
    file_type = sniff(content)
    if file_type is None:
        return
    try:
        size = file_type.read(io.BytesIO(content))
    except BrokenFileError:
        return
    assert size is None or all(0 < side <= LONGEST_SIDE for side in size)


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
    # A project by itself is not silently forgotten.
    assert send(studio, PNG, "gear.png", project="nowhere").status == 404
    refused = send(studio, PNG, "gear.png", project=production.project["name"])
    assert (refused.status, list(refused.error["fields"])) == (422, ["asset"])
    assert send(studio, PNG, "gear.png", asset="gear", project=production.project["name"]).status == 201
    changed = studio.artist.patch(f"/media/assets/{medium['id']}", {"metadata": {"photographer": "Anna"}}).data
    assert changed["metadata"] == {"photographer": "Anna"} and changed["sha256"] == medium["sha256"]


def test_no_medium_of_another_tenant_is_served(studio: StudioUnderTest, other_studio: StudioUnderTest) -> None:
    medium = World(other_studio).medium()
    headers = {"Authorization": f"Bearer {studio.admin.token}"}
    assert studio.app.test_client().get(medium["url"], headers=headers).status_code == 404


class Body(io.BytesIO):
    """A body that comes piece by piece, with something that happens before each."""

    def __init__(self, content: bytes, before: Callable[[], object]) -> None:
        super().__init__(content)
        self._before = before

    def readinto(self, buffer: Any) -> int:
        self._before()
        return super().readinto(buffer)


def send_slowly(api: Api, method: str, path: str, content: bytes, before: Callable[[], object]) -> Reply:
    headers = {"Content-Length": str(len(content)), "Content-Type": "application/octet-stream"}
    return api.call(method, path, input_stream=Body(content, before), headers=headers)


def test_no_connection_to_the_database_waits_for_a_body_that_comes_slowly(studio: StudioUnderTest) -> None:
    world = World(studio)
    asset, cad = world.asset(), world.converted()
    project = studio.admin.get(f"/projects/{asset['project_id']}").data["name"]
    in_use: list[int] = []
    with studio.app.app_context():
        pool: Any = db.engine.pool
        for method, path, content in (
            ("POST", f"/media/assets?filename=a.png&asset={asset['name']}", PNG),
            ("POST", f"/cad/?filename=a.step&project={project}&asset={asset['name']}", STEP),
            ("POST", f"/projects/{asset['project_id']}/sheet", b"asset\nlamp\n"),
            ("PUT", f"/cad/{cad['id']}/source-materials", b"part key,material\n"),
        ):
            in_use.clear()
            assert send_slowly(studio.admin, method, path, content, lambda: in_use.append(pool.checkedout())).data
            assert set(in_use) == {0}, path


def test_what_is_put_away_while_its_file_comes_gets_none(studio: StudioUnderTest) -> None:
    asset = World(studio).asset()
    project = studio.admin.get(f"/projects/{asset['project_id']}").data["name"]
    with ThreadPoolExecutor(1) as pool:

        def put_away() -> None:
            pool.submit(studio.admin.post, f"/assets/{asset['id']}/archive").result()

        for path, content in (
            (f"/media/assets?filename=a.png&asset={asset['name']}", PNG),
            (f"/cad/?filename=a.step&project={project}&asset={asset['name']}", STEP),
        ):
            studio.admin.post(f"/assets/{asset['id']}/restore")
            refused = send_slowly(studio.admin, "POST", path, content, put_away)
            assert (refused.status, refused.error["code"]) == (409, "conflict.archived"), path
    assert studio.admin.get(f"/cad/?project={project}").data["total"] == 0
