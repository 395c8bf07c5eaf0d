"""Films of playlists, asked for and looked at; for tests."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from werkzeug.test import TestResponse

from tests.dcc.media.films import write_film
from tests.dcc.render.pictures import write_png
from tests.service.studio import Api, Json, Reply, StudioUnderTest
from tests.service.test_uploads import send

SMALL = {"size": "1280x720", "still_seconds": 1}
RED, GREEN = (200, 30, 40), (30, 180, 60)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Two seconds at 24 frames a second, from dark to light."""
    return write_film(
        tmp_path_factory.mktemp("film") / "a.mp4", count=48, size=(160, 120), codec="libx264"
    ).read_bytes()


def picture(tmp_path: Path, width: int, height: int, colour: Sequence[int] = RED) -> bytes:
    place = tmp_path / f"{uuid4()}.png"
    write_png(place, np.full((height, width, 3), colour, np.uint8))
    return place.read_bytes()


def uploaded(studio: StudioUnderTest, content: bytes, name: str) -> str:
    """Of the asset of the studio's one project; its id."""
    return str(send(studio, content, name, asset="gear").data["id"])


def ask(api: Api, playlist: Json, **settings: object) -> Reply:
    return api.post(f"/playlists/{playlist['id']}/films", {**SMALL, **settings})


def film_of(api: Api, film: Json) -> Json:
    found: Json = api.get(f"/playlist-films/{film['id']}").data
    return found


def fetch(api: Api, film: Json) -> TestResponse:
    path = f"/api/playlist-films/{film['id']}/file"
    return api.app.test_client().get(path, headers={"Authorization": f"Bearer {api.token}"})


def frames(content: bytes) -> list[NDArray[np.uint8]]:
    with av.open(io.BytesIO(content)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def is_coloured(pixel: NDArray[np.uint8], colour: Sequence[int]) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() <= 4)


def share(studio: StudioUnderTest, playlist: Json) -> None:
    assert studio.admin.patch(f"/playlists/{playlist['id']}", {"for_client": True}).status == 200
