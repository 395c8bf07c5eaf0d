"""STEP files are known by what is in them, also where they come compressed."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from shared.errors import CadError
from shared.step_files import check_step

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
    check_step(io.BytesIO(content), "model.stp")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(b"", "cad.not_step", id="empty"),
        pytest.param(b"solid cube", "cad.not_step", id="other text"),
        pytest.param(gzip.compress(b"solid cube"), "cad.not_step", id="gzip of other text"),
        pytest.param(gzip.compress(STEP)[:8], "cad.not_step", id="gzip cut off"),
        pytest.param(b"\x1f\x8b" + bytes(40), "cad.damaged_archive", id="no gzip"),
        pytest.param(packed("model.step")[:200], "cad.damaged_archive", id="zip cut off"),
        pytest.param(packed(), "cad.no_step_inside", id="empty zip"),
        pytest.param(packed("readme.txt", "__MACOSX/model.step"), "cad.no_step_inside", id="zip without STEP"),
    ],
)
def test_everything_else_is_not(content: bytes, code: str) -> None:
    with pytest.raises(CadError) as caught:
        check_step(io.BytesIO(content), "model.stp")
    assert caught.value.code == code and caught.value.hint


def test_an_archive_without_a_step_file_is_told_by_what_it_holds() -> None:
    with pytest.raises(CadError, match=r"^model\.zip is an empty ZIP archive\.$"):
        check_step(io.BytesIO(packed()), "model.zip")
    with pytest.raises(CadError, match=r"^model\.zip is a ZIP archive without a STEP file; it holds readme\.txt\.$"):
        check_step(io.BytesIO(packed("readme.txt")), "model.zip")
