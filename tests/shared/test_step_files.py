"""STEP files are known by what is in them, also where they come compressed."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from shared.step_files import is_step

STEP = b"/* exported */\nISO-10303-21;\nHEADER;\n" + b" " * 9000


def packed(*names: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in names:
            archive.writestr(name, STEP)
    return target.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(STEP, id="plain"),
        pytest.param(gzip.compress(STEP), id="gzip"),
        pytest.param(packed("readme.txt", "cad/Model.STP"), id="zip"),
    ],
)
def test_step_files_are_known_compressed_or_not(content: bytes) -> None:
    assert is_step(io.BytesIO(content))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"solid cube", id="other text"),
        pytest.param(gzip.compress(b"solid cube"), id="gzip of other text"),
        pytest.param(gzip.compress(STEP)[:8], id="gzip cut off"),
        pytest.param(b"\x1f\x8b" + bytes(40), id="no gzip"),
        pytest.param(packed(), id="empty zip"),
        pytest.param(packed("readme.txt", "__MACOSX/model.step"), id="zip without STEP"),
        pytest.param(packed("model.step")[:200], id="zip cut off"),
    ],
)
def test_everything_else_is_not(content: bytes) -> None:
    assert not is_step(io.BytesIO(content))
